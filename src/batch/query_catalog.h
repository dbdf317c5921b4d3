/* query_catalog.h: which runs a query reads. Internal to batch/. */
#ifndef ALM_BATCH_QUERY_CATALOG_H
#define ALM_BATCH_QUERY_CATALOG_H

#include "batch/query.h"
#include "store/run_catalog.h"

/* alm_run_catalog_read. */
ALM_NODISCARD alm_err almi_catalog_read(const alm_read_stores *stores, alm_arena *arena,
                                        alm_run_catalog *out, alm_error *error);

/* What a query reads, chosen by the rules of query.h. */
typedef struct almi_choice {
    alm_str model_version; /* "*": every release */
    const alm_catalog_run **run; /* by prediction date, then version */
    size_t runs;
    int64_t version; /* newest considered */
} almi_choice;

ALM_NODISCARD alm_err almi_choose_runs(const alm_read_stores *stores,
                                       const alm_run_catalog *catalog,
                                       const alm_query_options *options, alm_arena *arena,
                                       almi_choice *out, alm_error *error);

#endif
