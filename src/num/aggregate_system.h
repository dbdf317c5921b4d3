/* aggregate_system.h: (V + C W C') x = g, the system every reconciliation by weights comes down to.
 *
 * C is the summing matrix of a hierarchy (aggregates x leaves), W and V are diagonal: the error
 * variances of the leaves and of the aggregates. One unknown per aggregate; leaves are not touched.
 * A tree of levels is solved in O(aggregates) by two passes; a crossed hierarchy by one Cholesky
 * factorisation of up to `dense_max` aggregates, else by conjugate gradients: with L levels the
 * matrix, scaled by its diagonal, has no eigenvalue above L and none below the smallest
 * v / (v + sum of w), so a few dozen rounds do for any number of aggregates.
 *
 * Columns do not influence each other's bits. Immutable after creation; thread safe. */
#ifndef ALM_NUM_AGGREGATE_SYSTEM_H
#define ALM_NUM_AGGREGATE_SYSTEM_H

#include "num/hierarchy.h"

typedef struct alm_aggregate_system alm_aggregate_system;

typedef struct alm_aggregate_weights {
    const alm_hierarchy *hierarchy;
    const double *leaf_variance; /* leaf_count, >= 0, finite */
    const double *node_variance; /* node_count, > 0, finite */
    size_t dense_max;            /* crossed: aggregates solved by Cholesky */
} alm_aggregate_weights;

/* In `arena`; what `weights` names is borrowed. ALM_ERR_NUMERIC, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_aggregate_system_create(const alm_aggregate_weights *weights,
                                                  alm_arena *arena, alm_aggregate_system **out,
                                                  alm_error *error);

/* `g` (node_count x width, row-major) becomes x. Temporaries in `scratch`: up to 5 x node_count x
 * width. Fails only for want of memory, and where conjugate gradients do not settle. */
ALM_NODISCARD alm_err alm_aggregate_system_solve(const alm_aggregate_system *system, double *g,
                                                 size_t width, alm_arena *scratch,
                                                 alm_error *error);

/* Is it solved without conjugate gradients? Then also here: it cannot fail. `scratch`: node_count x
 * width. */
bool alm_aggregate_system_is_direct(const alm_aggregate_system *system);
void alm_aggregate_system_solve_directly(const alm_aggregate_system *system, double *g,
                                         size_t width, double *scratch);

/* out = (V + C W C') x; both node_count x width. `pinned`: leaf_count x width, or NULL: where it is
 * set, the leaf's variance counts as 0 in that column. */
void alm_aggregate_system_product(const alm_aggregate_system *system, const double *x, size_t width,
                                  const bool *pinned, double *out);

#endif
