/* query_catalog.h: the runs of the prediction store as readers see them. Internal to batch/.
 *
 * The commits of the table's log are the truth about what is there; the registry adds who, why and
 * what superseded what. A run that was committed but not recorded yet (the process died between the
 * two) is described by its manifest, so that readers never depend on that gap. */
#ifndef ALM_BATCH_QUERY_CATALOG_H
#define ALM_BATCH_QUERY_CATALOG_H

#include "base/json.h"
#include "batch/query.h"

#define ALMI_MANIFEST_BYTES_MAX ((size_t)256 << 20)
#define ALMI_NEVER INT64_MAX

typedef struct almi_catalog_run {
    const alm_predictions_commit *commit;
    alm_str run_id, run_key, schedule, model_version;
    alm_date prediction_date;
    alm_str snapshot_id; /* digest text */
    alm_str supersedes, reason, who;
    alm_instant created;   /* 0: not recorded */
    int64_t superseded_at; /* version of the commit that replaced it, or ALMI_NEVER */
    alm_str superseded_by;
} almi_catalog_run;

typedef struct almi_catalog {
    const almi_catalog_run *run; /* by version */
    size_t runs;
    const alm_predictions_commit *commit;
    size_t commits;
} almi_catalog;

/* All runs, in `arena` (which must live as long as the table stays open and unrefreshed). */
ALM_NODISCARD alm_err almi_catalog_read(const alm_read_stores *stores, alm_arena *arena,
                                        almi_catalog *out, alm_error *error);
/* NULL if there is none. */
const almi_catalog_run *almi_catalog_find(const almi_catalog *catalog, alm_str run_id);

/* A run manifest, its digest checked. To be destroyed by the caller. */
ALM_NODISCARD alm_err almi_run_manifest_read(alm_objects *objects, const alm_digest *digest,
                                         alm_json_document **out, alm_error *error);
/* A member that is text; empty when it is absent or null. Copied into `arena`. */
alm_str almi_manifest_text(const alm_json_document *manifest, const char *key, alm_arena *arena);

/* What a query reads, chosen by the rules of query.h. */
typedef struct almi_choice {
    alm_str model_version; /* "*": every release */
    const almi_catalog_run **run; /* by prediction date, then version */
    size_t runs;
    int64_t version; /* newest considered */
} almi_choice;

ALM_NODISCARD alm_err almi_choose_runs(const alm_read_stores *stores, const almi_catalog *catalog,
                                       const alm_query_options *options, alm_arena *arena,
                                       almi_choice *out, alm_error *error);

#endif
