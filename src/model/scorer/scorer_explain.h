/* scorer_explain.h: what the columns of every member of a scorer contribute to what its model says.
 *
 * They explain members, each by itself and in its own columns: a forest's raw scores (forest.h; not
 * the transformed ones), a net's outputs as its head gives them (sequence/network_attribution.h),
 * both before calibrators and before the combination. What makes the combined answer out of these
 * is not explained: votes and stackers are no sums of them.
 *
 * A member has `outputs` blocks of steps x columns + 1 numbers (steps is 1 for rows), which sum to
 * that output; the last is what it is expected to be: the forest's mean, or the net's output for
 * its baseline. Every row is checked to add up. */
#ifndef ALM_MODEL_SCORER_SCORER_EXPLAIN_H
#define ALM_MODEL_SCORER_SCORER_EXPLAIN_H

#include "model/forest/forest_explain.h"
#include "model/scorer/scorer.h"

typedef struct alm_scorer_explain_options {
    bool strict;            /* of forests: the library's own bits (ALM_EXPLAIN_STRICT) */
    const double *baseline; /* of nets: a window of the binding's steps and columns. NULL: 0 in
                             * every column, behind the scaler where there is one (its centre) */
    double tolerance;       /* of nets: as of alm_attribution_request */
    size_t evaluations_max;
} alm_scorer_explain_options;

typedef struct alm_scorer_explained { /* of a member, in the order of alm_scorer_info */
    size_t at;      /* in a row's numbers */
    size_t outputs; /* VALUE: 1, the member's; CLASSES: the model's scores or probabilities */
    size_t steps;   /* 0: rows */
    size_t columns;
} alm_scorer_explained;

/* Belongs to one caller at a time; borrows binding and pool (NULL: the caller's thread), which nets
 * are explained with. ALM_ERR_UNSUPPORTED names a member that cannot be explained; ALM_ERR_NUMERIC:
 * the baseline; ALM_ERR_LIMIT: more than 2^26 numbers a row. */
typedef struct alm_scorer_explainer alm_scorer_explainer;
ALM_NODISCARD alm_err alm_scorer_explainer_create(const alm_scorer_binding *binding,
                                                  const alm_scorer_explain_options *options,
                                                  alm_pool *pool, alm_scorer_explainer **out,
                                                  alm_error *error);
void alm_scorer_explainer_destroy(alm_scorer_explainer *explainer); /* takes NULL */
/* Of every member; *width numbers a row. Borrowed. */
const alm_scorer_explained *alm_scorer_explainer_describe(const alm_scorer_explainer *explainer,
                                                          size_t *width);

/* out: count x width. The scratch is one of the same binding: the batch is checked as
 * alm_scorer_predict does. ALM_ERR_NUMERIC names the row and the member that does not add up. `out`
 * is not to be used after an error. */
ALM_NODISCARD alm_err alm_scorer_explain(alm_scorer_explainer *explainer,
                                         alm_scorer_scratch *scratch,
                                         const alm_scorer_batch *batch, double *out,
                                         alm_error *error);

#endif
