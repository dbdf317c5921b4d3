/* node_tree_internal.h: making the tree of a run; committed_load.c, node_tree.c, node_members.c. */
#ifndef ALM_SERVE_NODE_TREE_INTERNAL_H
#define ALM_SERVE_NODE_TREE_INTERNAL_H

#include "project/project.h"
#include "serve/committed/committed_internal.h"
#include "table/sql.h"

typedef struct almi_tree_source {
    const alm_project *project; /* NULL: nothing is known of parts */
    const alm_run_stores *stores;
    alm_sql *sql;
    alm_arena *scratch;
} almi_tree_source;

/* run->tree, in the run's arena; its rows are there. ALM_ERR_MEMORY alone: everything else that
 * goes wrong becomes the tree's problem. */
ALM_NODISCARD alm_err almi_node_tree_build(const almi_tree_source *source, alm_committed_run *run,
                                           alm_error *error);

/* whole[node * levels + l] of all series, for the levels of the project. */
ALM_NODISCARD alm_err almi_node_members(const almi_tree_source *source,
                                        const alm_committed_run *run, uint32_t *whole,
                                        alm_error *error);

#endif
