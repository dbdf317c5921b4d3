/* reconcile_method.h: every known way to make forecasts of a hierarchy add up, behind one call.
 *
 * One array holds all nodes, the aggregates first and then the leaves, `width` columns each: steps,
 * or steps x sample paths. A column is reconciled by itself and does not influence the bits of any
 * other, so paths stay joint and quantiles read from reconciled paths cohere with their means; and
 * what does not fit in memory is done some paths at a time (trees with a diagonal W also some nodes
 * at a time: num/reconcile_tree.h). Aggregates are always given as sums of the leaves.
 *
 * f are all forecasts, S sums leaves into nodes, C into aggregates, e are errors of the past:
 *
 * bottom_up       the leaves' forecasts
 * top_down_*      the forecasts of one level are split over the leaves below it; from a level that
 *                 is not the first this is middle-out (Gross and Sohl 1990; Athanasopoulos, Ahmed
 *                 and Hyndman 2009). Shares: average_proportions, means over the past of leaf /
 *                 total, periods with a total of 0 left out; proportions_of_averages, mean of the
 *                 leaf / mean of the total; forecast_proportions, level by level the node's
 *                 forecast / the sum of its siblings', by column. Shares of nothing are equal.
 * ols, wls_*, mint_shrink
 *                 y = (S'W^-1 S)^-1 S'W^-1 f (Wickramasuriya, Athanasopoulos and Hyndman 2019) with
 *                 W = I; the numbers of leaves; the mean squares of e; or the covariance of e,
 *                 shrunk as in num/shrinkage.h with errors about their mean. Solved through the
 *                 aggregates: W is a diagonal, and for mint_shrink a factor of rank T, so this is
 *                 O(nodes x T) for a tree, never a matrix of nodes x nodes.
 * erm             y = B F+ f: that combination of past fitted values F (nodes x T) which is closest
 *                 to f, made with the past leaves B in their place (Ben Taieb and Koo 2019)
 *
 * Variances are floored at 1e-9 of the largest. Differences from hierarchicalforecast: it adds 2e-8
 * to variances instead, and for erm it looks at as many periods as there are steps; here at all
 * that are given.
 *
 * Immutable after creation; thread safe. Pure: no clock, no files. */
#ifndef ALM_DECIDE_RECONCILE_METHOD_H
#define ALM_DECIDE_RECONCILE_METHOD_H

#include "num/hierarchy.h"

/* X(name, text) */
#define ALM_RECONCILE_METHOD_MAP(X)                                         \
    X(BOTTOM_UP, "bottom_up")                                               \
    X(TOP_DOWN_AVERAGE_PROPORTIONS, "top_down_average_proportions")         \
    X(TOP_DOWN_PROPORTIONS_OF_AVERAGES, "top_down_proportions_of_averages") \
    X(TOP_DOWN_FORECAST_PROPORTIONS, "top_down_forecast_proportions")       \
    X(OLS, "ols")                                                           \
    X(WLS_STRUCTURAL, "wls_structural")                                     \
    X(WLS_VARIANCE, "wls_variance")                                         \
    X(MINT_SHRINK, "mint_shrink")                                           \
    X(ERM, "erm")

typedef enum alm_reconcile_method {
#define ALM_RECONCILE_ENUM(name, text) ALM_RECONCILE_##name,
    ALM_RECONCILE_METHOD_MAP(ALM_RECONCILE_ENUM)
#undef ALM_RECONCILE_ENUM
        ALM_RECONCILE_METHOD_COUNT
} alm_reconcile_method;

const char *alm_reconcile_method_name(alm_reconcile_method method);
bool alm_reconcile_method_parse(alm_str name, alm_reconcile_method *out);

/* What some methods learn from; borrowed for the call. All finite. A period that one node lacks has
 * to be left out of all. */
typedef struct alm_reconcile_past {
    size_t periods;
    const double *actual; /* leaf_count x periods: top_down by proportions of the past, erm */
    const double *errors; /* (node_count + leaf_count) x periods, actual - fitted, the aggregates
                             first: wls_variance, mint_shrink, erm */
} alm_reconcile_past;

/* W = diag(variance) + factor factor', learned before, in place of the past of wls_variance (rank
 * 0) and mint_shrink. Aggregates first. All finite, variances >= 0. */
typedef struct alm_reconcile_weights {
    const double *variance; /* node_count + leaf_count; NULL: learned from the past */
    const double *factor;   /* (node_count + leaf_count) x rank; must outlive the reconciliation */
    size_t rank;
} alm_reconcile_weights;

typedef struct alm_reconcile_request {
    alm_reconcile_method method;
    uint32_t from_level; /* top_down: the level whose forecasts are split */
    bool non_negative;   /* by an active set for ols, wls and mint; else leaves below 0 become 0 */
    size_t dense_max;    /* crossed: aggregates solved by Cholesky, more by conjugate gradients;
                            0: 512 */
    alm_reconcile_past past;
    alm_reconcile_weights given;
} alm_reconcile_request;

typedef struct alm_reconciliation alm_reconciliation;

/* `hierarchy` is borrowed and must outlive the result. ALM_ERR_INVALID names what a method lacks
 * (a past, a tree for forecast_proportions, a level) and the first number that is not finite;
 * ALM_ERR_NUMERIC, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_reconciliation_create(const alm_hierarchy *hierarchy,
                                                const alm_reconcile_request *request,
                                                alm_reconciliation **out, alm_error *error);
void alm_reconciliation_destroy(alm_reconciliation *reconciliation); /* takes NULL */

/* The share of the diagonal in mint_shrink's W; NaN for the others. */
double alm_reconciliation_intensity(const alm_reconciliation *reconciliation);

typedef struct alm_reconcile_outcome {
    size_t rounds;    /* non_negative by an active set: of exchanges */
    size_t unsettled; /* columns that are feasible but not proven optimal */
} alm_reconcile_outcome;

/* In place: `values` (node_count + leaf_count) x width. `outcome` may be NULL. ALM_ERR_NUMERIC
 * names the node of a value that is not finite, values untouched. Else on failure (a result beyond
 * what doubles hold, conjugate gradients that do not settle; ALM_ERR_MEMORY) nothing is promised of
 * `values`. */
ALM_NODISCARD alm_err alm_reconciliation_apply(const alm_reconciliation *reconciliation,
                                               double *values, size_t width,
                                               alm_reconcile_outcome *outcome, alm_error *error);

/* Of ols, wls_* and mint_shrink: the few numbers that make every leaf's result again from its own
 * forecast, without the other leaves. With `forecasts` as they were given and `values` as they came
 * out (both (node_count + leaf_count) x width), W = D + F F' of rank k, and `out` (node_count + k)
 * x width:
 *     y_leaf = f_leaf + D_leaf * sum of out over its aggregates + F_leaf . out behind the
 * aggregates and where that is below 0 at an optimum under y >= 0, y_leaf = 0. (The stationarity
 * of the problem in reconcile.h, with errors F x of a common cause x ~ N(0, I) beside the own
 * ones.) */
ALM_NODISCARD alm_err alm_reconciliation_multipliers(const alm_reconciliation *reconciliation,
                                                     const double *forecasts,
                                                     const double *values, size_t width,
                                                     double *out, alm_error *error);
/* D of a leaf, as it was floored. */
double alm_reconciliation_variance(const alm_reconciliation *reconciliation, size_t leaf);

#endif
