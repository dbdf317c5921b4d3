/* logistic.h: multinomial logistic regression, by Newton's method in a fixed order of operations.
 *
 * Minimises sum_i w_i sum_k -t_ik log p_ik + l2 / 2 sum_kj W_kj^2 with p_i = softmax(W x_i + b);
 * targets t may be soft. With l2 > 0 the solution is unique but for a constant added to all b,
 * which is chosen so that they sum to 0 (scikit-learn's LogisticRegression with C = 1 / l2); with
 * l2 = 0 the first class is the reference, W_0 = 0 and b_0 = 0. Same bits for the same input on
 * any CPU. Thread safe. */
#ifndef ALM_MODEL_ENSEMBLE_LOGISTIC_H
#define ALM_MODEL_ENSEMBLE_LOGISTIC_H

#include "base/arena.h"

#define ALM_LOGISTIC_PARAMETERS_MAX 1024 /* classes x (features + 1) */

typedef struct alm_logistic_data {
    size_t count, features, classes; /* classes >= 2 */
    const double *x;      /* count x features, finite */
    const double *target; /* count x classes, each row sums to 1 */
    const double *weight; /* count, >= 0; NULL: all 1 */
} alm_logistic_data;

/* out: classes x (features + 1), the intercept last in each row; in `arena`. ALM_ERR_LIMIT: too
 * many parameters. ALM_ERR_NUMERIC: no finite optimum (a separable class needs l2 > 0). */
ALM_NODISCARD alm_err alm_logistic_fit(const alm_logistic_data *data, double l2, alm_arena *arena,
                                       double **out, alm_error *error);

/* Probabilities of one row; `coefficient` as above. */
void alm_logistic_predict(const double *coefficient, size_t features, size_t classes,
                          const double *x, double *out);

/* In place, largest value taken off first. */
void alm_softmax(double *logit, size_t count);

#endif
