/* reconcile.h: makes forecasts of leaves and aggregates add up, without ever going negative.
 *
 * Problem. Leaves i have base forecasts b_i with error variance w_i; aggregates a (rows of the
 * summing matrix C) have their own base forecasts f_a with variance v_a. Wanted are leaf values
 * y >= 0 that minimise  sum (y_i - b_i)^2 / w_i + sum ((C y)_a - f_a)^2 / v_a.  Without the bound
 * this is weighted least squares reconciliation with a diagonal W (Wickramasuriya et al. 2019).
 *
 * Dual form. y_i = max(0, b_i + w_i * sum of lambda_a over the aggregates of i), and lambda solves
 * F(lambda) = f - V lambda - C y(lambda) = 0, one unknown per aggregate. So leaves are touched only
 * by streaming passes: (1) sum the leaves into the aggregates, (2) solve for lambda, (3) adjust the
 * leaves. Without a leaf at its bound one round is exact. Otherwise rounds of
 * lambda += (V + C W C')^-1 F(lambda) converge, because V + C W C' bounds the true Hessian from
 * above; after the last round the aggregates are the sums of the adjusted leaves, so the result is
 * coherent and non-negative after any number of rounds, and optimal in the limit.
 *
 * A tree of levels is solved in O(nodes) by two passes, a crossed hierarchy by one Cholesky
 * factorisation of the aggregate system. `width` independent problems (steps x sample paths) share
 * the weights and are solved side by side; they do not influence each other's bits.
 *
 * Immutable after creation; thread safe. Pure: no clock, no files. */
#ifndef ALM_DECIDE_RECONCILE_H
#define ALM_DECIDE_RECONCILE_H

#include "num/hierarchy.h"

typedef struct alm_reconciler alm_reconciler;

/* `leaf_variance` (leaf_count) and `node_variance` (node_count) must be finite and >= 0; they are
 * floored at 1e-9 of the largest, so that a series that never moved stays solvable. `hierarchy` is
 * borrowed and must outlive the reconciler; node_count 0 gives a reconciler that changes nothing.
 * ALM_ERR_LIMIT for a crossed hierarchy with more than 4096 aggregates. */
ALM_NODISCARD alm_err alm_reconciler_create(const alm_hierarchy *hierarchy,
                                            const double *leaf_variance,
                                            const double *node_variance, alm_reconciler **out,
                                            alm_error *error);
void alm_reconciler_destroy(alm_reconciler *reconciler); /* takes NULL */

/* One round. All arrays node_count x width, row-major. `sums`: current sums of the (adjusted)
 * leaves; `targets`: the aggregates' base forecasts; `lambda`: in and out, zero before round one.
 * `scratch`: 2 x node_count x width. */
void alm_reconciler_round(const alm_reconciler *reconciler, const double *targets,
                          const double *sums, size_t width, double *lambda, double *scratch);

/* What makes a leaf's result out of its base forecast b and the rows of lambda named by its nodes;
 * shift is their sum over the levels in order.
 *   SHIFT  b + variance * shift; with factors, + loading . the rows behind the aggregates
 *   SHARE  variance * shift, the leaf's share of a forecast above it (b plays no part)
 *   SCALE  b * shift where shift >= 0, else -shift */
typedef enum alm_leaf_rule { ALM_LEAF_SHIFT, ALM_LEAF_SHARE, ALM_LEAF_SCALE } alm_leaf_rule;
enum { ALM_LEAF_RULE_COUNT = 3 };

/* A leaf's adjustment as a value, so that it can be made again without the hierarchy: it needs the
 * rows of `lambda` named by `nodes`, those of the factors, and nothing else. */
typedef struct alm_leaf_adjustment {
    double variance;       /* as the reconciler floored it */
    uint32_t level_count;
    const uint32_t *nodes; /* level_count: the leaf's aggregates, as rows of lambda */
    alm_leaf_rule rule;
    const double *loading; /* factor_count; SHIFT only */
    size_t factor_count;
    size_t first_factor;   /* row of lambda */
} alm_leaf_adjustment;

alm_leaf_adjustment alm_reconciler_leaf(const alm_reconciler *reconciler, uint32_t leaf);
/* out = max(0, what the rule says). `base` and `out` have `width` values and may be the same. */
void alm_leaf_adjust(alm_leaf_adjustment leaf, const double *base, const double *lambda,
                     size_t width, double *out);

#endif
