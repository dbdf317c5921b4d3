/* reconcile_tree.h: forecasts of the nodes of a tree made to add up, exactly and in O(nodes).
 *
 * Problem. Node i has a forecast f_i with error variance w_i. Wanted are the leaf values that
 * minimise  sum over all nodes of (t_i - f_i)^2 / w_i,  t_i the sum of the leaves below i: weighted
 * least squares with any diagonal W (Wickramasuriya et al. 2019); optionally under t >= 0.
 *
 * Two passes. Up: what a subtree knows of its own total is a mean m and a variance s,
 *     leaf       m = f, s = w
 *     inner node M = sum of m, V = sum of s over the children; m = M + V/(V+w) (f-M), s = Vw/(V+w)
 * Down: t = m + s p with p the price of the parent, 0 above a root; its own price is (t - M) / V.
 *
 * Non-negative, by an active set: leaves are held at 0 (m = 0, s = 0) or free, and the price of the
 * parent is also the multiplier that judges them: f + w p must be >= 0 where free and <= 0 where
 * held. Those that fail are exchanged, all at once while their number falls, else the last alone
 * (block principal pivoting, Judice and Pires 1994), which ends at the optimum. Every column has a
 * set of its own. When the rounds end before that, free leaves below 0 become 0.
 *
 * Inner nodes are given as the sums of their children, so results are coherent to rounding whatever
 * came before. `width` columns (steps x sample paths) do not influence each other's bits, nor do
 * threads or blocks: a stream gives the bits of the solution in memory.
 *
 * Thread safety: immutable after creation. */
#ifndef ALM_NUM_RECONCILE_TREE_H
#define ALM_NUM_RECONCILE_TREE_H

#include "base/arena.h"
#include "base/pool.h"

#define ALM_TREE_ROOT UINT32_MAX

typedef struct alm_reconcile_tree alm_reconcile_tree;

/* `parent` (node_count): smaller than the node's own number, or ALM_TREE_ROOT; a node without
 * children is a leaf. `variance` (node_count): finite, >= 0, floored at 1e-9 of the largest so that
 * a series that never moved stays solvable. Both are copied. ALM_ERR_INVALID, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_reconcile_tree_create(const uint32_t *parent, const double *variance,
                                                size_t node_count, alm_reconcile_tree **out,
                                                alm_error *error);
void alm_reconcile_tree_destroy(alm_reconcile_tree *tree); /* takes NULL */

typedef struct alm_tree_options {
    bool non_negative;
    size_t rounds_max; /* non_negative: of exchanges; 0: 40 */
    alm_pool *pool;    /* OPTIONAL: works on groups of 64 columns */
} alm_tree_options;

typedef struct alm_tree_outcome {
    size_t rounds;    /* of exchanges, the last of which found nothing unless `unsettled` */
    size_t unsettled; /* columns that are feasible but not proven optimal */
} alm_tree_outcome;

/* In place: `values` is node_count x width, row-major. `outcome` may be NULL. Temporaries: inner
 * nodes x width, twice that for non_negative. ALM_ERR_NUMERIC names the first node with a value
 * that is not finite, values untouched, or a root whose sum is beyond what doubles hold;
 * ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_reconcile_tree_solve(const alm_reconcile_tree *tree,
                                               const alm_tree_options *options, double *values,
                                               size_t width, alm_tree_outcome *outcome,
                                               alm_error *error);

/* ---- more than fits in memory ---- */

/* Nodes come and go by ranges of consecutive numbers, `count` rows of `width`. A range is read
 * twice, and once more per round of exchanges, always with the same values; it is written once, in
 * the last pass. Every pass goes from the last node to the first. */
typedef struct alm_tree_stream {
    alm_err (*read)(void *context, size_t first, size_t count, double *values, alm_error *error);
    alm_err (*write)(void *context, size_t first, size_t count, const double *values,
                     alm_error *error);
    void *context;
    size_t width;
    size_t block_nodes; /* most nodes of a range; 0: as many as take 32 MiB */
} alm_tree_stream;

/* Nodes must be numbered depth first (every subtree is one range), else ALM_ERR_INVALID. In memory
 * are one block, the nodes whose subtrees are larger than a block, and for non_negative one bit per
 * leaf and column. ALM_ERR_NUMERIC as above, possibly after blocks were written; ALM_ERR_MEMORY;
 * errors of `read` and `write`. */
ALM_NODISCARD alm_err alm_reconcile_tree_stream(const alm_reconcile_tree *tree,
                                                const alm_tree_options *options,
                                                const alm_tree_stream *stream,
                                                alm_tree_outcome *outcome, alm_error *error);

#endif
