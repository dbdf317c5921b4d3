/* run_catalog.h: the runs of the prediction store as readers see them.
 *
 * The commits of the table's log are the truth about what is there; the registry adds who, why and
 * what superseded what. A run that was committed but not recorded yet (the process died between the
 * two) is described by its manifest, so that readers never depend on that gap.
 *
 * A run is in force at a version of the table from its own commit on until the commit that
 * supersedes it. Errors: those of the stores; ALM_ERR_CORRUPT for a manifest that is none. */
#ifndef ALM_STORE_RUN_CATALOG_H
#define ALM_STORE_RUN_CATALOG_H

#include "base/json.h"
#include "store/objects.h"
#include "store/predictions.h"
#include "store/registry.h"

#define ALM_RUN_MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define ALM_RUN_NEVER INT64_MAX

typedef struct alm_run_stores { /* borrowed; of the caller's thread */
    alm_registry *registry;
    alm_objects *objects;
    alm_predictions *predictions;
} alm_run_stores;

typedef struct alm_catalog_run {
    const alm_predictions_commit *commit;
    alm_str run_id, run_key, schedule, model_version;
    alm_date prediction_date;
    alm_str snapshot_id; /* digest text */
    alm_str supersedes, reason, who;
    alm_instant created;   /* 0: not recorded */
    int64_t superseded_at; /* version of the commit that replaced it, or ALM_RUN_NEVER */
    alm_str superseded_by;
} alm_catalog_run;

typedef struct alm_run_catalog {
    const alm_catalog_run *run; /* by version */
    size_t runs;
    const alm_predictions_commit *commit;
    size_t commits;
} alm_run_catalog;

/* All runs, in `arena` (which must live as long as the table stays open and unrefreshed). */
ALM_NODISCARD alm_err alm_run_catalog_read(const alm_run_stores *stores, alm_arena *arena,
                                           alm_run_catalog *out, alm_error *error);
/* NULL if there is none. */
const alm_catalog_run *alm_run_catalog_find(const alm_run_catalog *catalog, alm_str run_id);

/* A run manifest, its digest checked. To be destroyed by the caller. */
ALM_NODISCARD alm_err alm_run_manifest_read(alm_objects *objects, const alm_digest *digest,
                                            alm_json_document **out, alm_error *error);
/* A member that is text; empty when it is absent or null. Copied into `arena`. */
alm_str alm_run_manifest_text(const alm_json_document *manifest, const char *key,
                              alm_arena *arena);

#endif
