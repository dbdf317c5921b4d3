/* reconcile_rule.h: the part of a bundle that says what makes its forecasts add up, when the
 * project chose it: reconcile.json, and what it comes to for the nodes of one run.
 *
 * The file holds the method and what training measured of its nodes: the variances of their errors
 * (wls_variance), or the covariance of the errors as a diagonal and a factor of few columns
 * (mint_shrink), each by name. A run may have other nodes than the training had. Those that it does
 * not have leave nothing behind; a new one is taken at the variance of its own marginal (which is
 * in the same unit) and for uncorrelated with the others. The other methods measure nothing: shares
 * of the past are those of the run's own history.
 *
 * Canonical JSON: equal rules are equal bytes. Immutable; thread safe. */
#ifndef ALM_PIPELINE_RECONCILE_RULE_H
#define ALM_PIPELINE_RECONCILE_RULE_H

#include "base/json.h"
#include "decide/reconcile_method.h"

#define ALM_RECONCILE_RULE_FORMAT 1
/* Numbers that a rule may hold: nodes x (1 + factors). */
#define ALM_RECONCILE_NUMBERS_MAX ((size_t)4 << 20)
#define ALM_RECONCILE_FACTORS_MAX ((size_t)4096)

typedef struct alm_reconcile_node {
    alm_str level; /* empty for a series */
    alm_str name;  /* of the node, or "22423|United_Kingdom" */
} alm_reconcile_node;

typedef struct alm_reconcile_rule {
    alm_reconcile_method method;
    alm_str from;      /* top-down: the level that is split; empty for the others */
    size_t errors;     /* per node that the weights were learned from; 0: nothing was */
    double intensity;  /* mint_shrink: share of the diagonal; NaN for the others */
    size_t node_count; /* aggregates and series with a weight */
    const alm_reconcile_node *nodes; /* node_count: sorted by level, then by name, no two equal */
    const double *variance;          /* node_count */
    size_t factor_count;
    const double *factor; /* node_count x factor_count */
} alm_reconcile_rule;

void alm_reconcile_rule_write(const alm_reconcile_rule *rule, alm_buffer *out);
/* In `arena`. ALM_ERR_CORRUPT with `name` and the key that is wrong, ALM_ERR_UNSUPPORTED for a
 * newer format or a method that this engine does not have. */
ALM_NODISCARD alm_err alm_reconcile_rule_read(alm_str json, const char *name, alm_arena *arena,
                                              alm_reconcile_rule *out, alm_error *error);

/* By level, then name; bytes. For sorting. */
int alm_reconcile_node_compare(const alm_reconcile_node *a, const alm_reconcile_node *b);
/* Place of a node, or SIZE_MAX. */
size_t alm_reconcile_rule_find(const alm_reconcile_rule *rule, const alm_reconcile_node *node);

/* Does it learn from errors of the past? */
static inline bool alm_reconcile_learns(alm_reconcile_method method)
{
    return method == ALM_RECONCILE_WLS_VARIANCE || method == ALM_RECONCILE_MINT_SHRINK;
}

/* Does it split the forecasts of one level? */
static inline bool alm_reconcile_splits(alm_reconcile_method method)
{
    return method == ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS ||
           method == ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES ||
           method == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS;
}

#endif
