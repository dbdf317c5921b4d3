/* bundle.h: the one deployable artifact: feature plan, forests, method and their manifest.
 *
 * A bundle is a set of objects named by a canonical manifest.json; its identity is the SHA-256 of
 * the manifest, and the manifest holds the SHA-256 of every file. Only what determines the result
 * is in it: names, people and clocks live in the registry. Data only: nothing in it can execute.
 * Loading verifies hashes before it parses. Files: plan.json, encoders.json, method.json,
 * report.json, and one LightGBM text per horizon block: models/mean.txt, models/mean_02.txt, ...; a
 * model that is statistical alone has none.
 *
 * Format 2 has quantile forests too: one per level of the method's `quantiles` and block,
 * models/quantile_01.txt, models/quantile_01_02.txt (level 1, block 2), models/quantile_02.txt, ...
 * Format 3 has one or both of kinds.json (kind_table.h), the forecasters of the statistical part,
 * and reconcile.json (reconcile_rule.h), how the forecasts are made to add up; without the latter a
 * run does what it always did: bottom-up sums, or a diagonal of marginal variances where
 * method.json gives the aggregates forecasts of their own.
 *
 * An engine that reads a lower format only would score these with other numbers and not know it, so
 * it must refuse: a bundle is written as the lowest format that holds it, all formats are read, and
 * one that says the wrong number is refused.
 *
 * A loaded bundle is immutable and may be used from any thread. */
#ifndef ALM_PIPELINE_BUNDLE_H
#define ALM_PIPELINE_BUNDLE_H

#include "feature/feature.h"
#include "model/forest/forest.h"
#include "pipeline/series/kind_table.h"
#include "pipeline/series/method.h"
#include "pipeline/reconcile_rule.h"
#include "store/objects.h"

#define ALM_BUNDLE_FORMAT 3 /* the newest; lower ones are read, and written where they do */

typedef struct alm_bundle_parts {
    alm_str model;            /* name in the project file */
    alm_str training_run_id;
    alm_str inputs;           /* canonical JSON that the training run id is the hash of */
    alm_str feature_version;  /* digest text */
    alm_str snapshot_id;
    alm_str plan;             /* plan.json */
    alm_str encoders;         /* encoders.json */
    alm_str mean_model[ALM_BLOCKS_MAX]; /* LightGBM text per block; empty: none further */
    /* LightGBM text per level and block; empty: marginals come from the series' own history. */
    alm_str quantile_model[ALM_METHOD_QUANTILES_MAX][ALM_BLOCKS_MAX];
    alm_str kinds;            /* kinds.json; empty: level x profile for every series */
    alm_str method;           /* method.json */
    alm_str reconcile;        /* reconcile.json; empty: none */
    alm_str report;           /* report.json */
} alm_bundle_parts;

/* Puts the files, then the manifest. Putting the same bundle again gives the same hash. */
ALM_NODISCARD alm_err alm_bundle_save(alm_objects *objects, const alm_bundle_parts *parts,
                                      alm_digest *out, alm_error *error);

/* All texts of a bundle, each verified. In `arena`. */
ALM_NODISCARD alm_err alm_bundle_read(alm_objects *objects, const alm_digest *hash,
                                      alm_arena *arena, alm_bundle_parts *out, alm_error *error);

typedef struct alm_mean_model { /* of one horizon block */
    alm_forest *forest;
    alm_forest_explainer *explainer;
} alm_mean_model;

typedef struct alm_bundle {
    alm_digest hash;
    alm_bundle_parts parts;
    alm_method method;
    alm_kind_table kinds;
    alm_reconcile_rule rule; /* with parts.reconcile */
    alm_feature_plan *plan;
    alm_mean_model models[ALM_BLOCKS_MAX];
    size_t model_count; /* the plan's blocks; 0: statistical only */
    alm_forest *quantile[ALM_METHOD_QUANTILES_MAX][ALM_BLOCKS_MAX];
    size_t level_count; /* the method's quantiles; 0: no quantile forests */
    alm_arena *arena;
} alm_bundle;

/* `schema`: of the panels that will be scored. */
ALM_NODISCARD alm_err alm_bundle_load(alm_objects *objects, const alm_digest *hash,
                                      const alm_feature_schema *schema, alm_bundle **out,
                                      alm_error *error);
/* The same from parts in memory that were never stored: what the backtest scores. */
ALM_NODISCARD alm_err alm_bundle_of_parts(const alm_bundle_parts *parts,
                                          const alm_feature_schema *schema, alm_bundle **out,
                                          alm_error *error);
void alm_bundle_destroy(alm_bundle *bundle); /* takes NULL */

#endif
