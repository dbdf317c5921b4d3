/* run_paths.h: the sample paths that a committed run kept, found as a query finds its rows. */
#ifndef ALM_BATCH_RUN_PATHS_H
#define ALM_BATCH_RUN_PATHS_H

#include "batch/query.h"
#include "pipeline/paths/path_file.h"

typedef struct alm_run_paths_facts { /* to be echoed; texts in the arena */
    alm_str run_id;
    alm_str model_version; /* never an alias */
    alm_date prediction_date;
} alm_run_paths_facts;

/* The one run that `options` name by the rules of query.h: model, and run, date or as_of; schedule.
 * The other members are not used. The file is read into memory (at most 4 GiB) and verified.
 * ALM_ERR_UNSUPPORTED: the run is of an engine that kept no sample paths. */
ALM_NODISCARD alm_err alm_run_paths_open(const alm_read_stores *stores,
                                         const alm_query_options *options, alm_arena *arena,
                                         alm_path_file **out, alm_run_paths_facts *facts,
                                         alm_error *error);

/* The level of the node whose paths alm_paths_of_node gives: "series", or that of an aggregate;
 * empty where the run has no such node. Names of aggregates are values of attributes, and two
 * levels may have the same: ALM_ERR_CONFLICT, which names them. */
ALM_NODISCARD alm_err alm_run_paths_level(const alm_read_stores *stores,
                                          const alm_run_paths_facts *facts, alm_str node,
                                          alm_arena *arena, alm_str *level, alm_error *error);

#endif
