/* hierarchy.h: which aggregate nodes each leaf series belongs to (the summing matrix, sparse).
 *
 * Levels are grouping keys over the leaves (total; market; range; range x market): a tree when each
 * level refines the one before it, crossed otherwise. Every leaf belongs to exactly one node of
 * every level. Nodes are numbered level by level, within a level by name (bytes). Built once for a
 * date (membership is effective-dated), immutable, borrowed by everyone. */
#ifndef ALM_NUM_HIERARCHY_H
#define ALM_NUM_HIERARCHY_H

#include "base/str.h"

typedef struct alm_hierarchy_level {
    alm_str name;
    uint32_t first_node;
    uint32_t node_count;
} alm_hierarchy_level;

typedef struct alm_hierarchy {
    uint32_t leaf_count;
    uint32_t level_count;
    uint32_t node_count; /* aggregates only, leaves not counted */
    const alm_hierarchy_level *levels;
    const alm_str *node_names;     /* node_count; "total", "EIRE", "22|EIRE" */
    const uint32_t *node_of_leaf;  /* leaf_count x level_count */
    const uint32_t *leaves_of_node; /* node_count: how many leaves */
    bool is_tree;                  /* every level refines the one above it */
} alm_hierarchy;

/* Aggregates and leaves. */
static inline size_t alm_hierarchy_row_count(const alm_hierarchy *hierarchy)
{
    return (size_t)hierarchy->node_count + hierarchy->leaf_count;
}

/* `names`: leaf_count x level_count node names, borrowed for the call. Everything else into
 * `arena`. `level_names`: level_count. Zero levels are legal (nothing to reconcile). */
ALM_NODISCARD alm_err alm_hierarchy_build(const alm_str *level_names, uint32_t level_count,
                                          const alm_str *names, uint32_t leaf_count,
                                          alm_arena *arena, alm_hierarchy *out, alm_error *error);

/* node_sums[node * width + k] += leaf_values[leaf - first_leaf][k] for `count` leaves from
 * `first_leaf`; leaves in order, so the bits do not depend on anything else. */
void alm_hierarchy_add(const alm_hierarchy *hierarchy, uint32_t first_leaf, uint32_t count,
                       const double *leaf_values, size_t width, double *node_sums);

#endif
