/* arima_likelihood.h: one order fitted by exact maximum likelihood.
 *
 * A SAMPLE is the past with its differences taken, which all orders with the same differences
 * share: values w, and columns x of regressors, differenced too. A value that is not known is a
 * column as well: whatever it was, it would have moved w by it. Integrating over such values
 * multiplies the likelihood by the determinant of their columns, which is the likelihood of the
 * known values alone. Where more than ALMI_MISSING_MAX are not known, a Kalman filter passes them
 * by instead (arima_filter.h), which is the same number and takes longer.
 *
 * The variance of the errors has its best value in closed form, so what is minimised is
 *
 *     log((w - x b)' R^-1 (w - x b)) + log |R| / n
 *
 * with a sum of squares of whitened values (arima_whiten.h), by arima_minimise.h; b solves its
 * normal equations at every step. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_LIKELIHOOD_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_LIKELIHOOD_H

#include "model/statistical/arima/arima_polynomial.h"

#define ALMI_MISSING_MAX 16

typedef struct almi_series {
    const double *y; /* count; the first is known, and the last */
    size_t count, season;
    size_t regressors;   /* without the constant */
    const double *x;     /* regressors x stride, row-major */
    size_t stride;
    const char *const *names;
} almi_series;

typedef struct almi_sample {
    alm_arima_order order; /* of which only the differences matter */
    size_t season;
    size_t n;
    size_t missing; /* values that are not known, and columns of these (0 with a filter) */
    size_t missing_columns;
    size_t regressors; /* columns behind them; the constant is the last */
    bool has_constant;
    const double *w;
    const double *errors; /* of a long autoregression: for a start (arima_start.h) */
    const double *x;  /* columns x n: orthogonal, of length 1 */
    double *triangle; /* columns x columns, upper: x as it was is x times this */
    double log_det;   /* of the missing columns: 2 log of its diagonal */
    /* With a filter: y, and what has x for its differences, columns x (n + degree). */
    bool has_filter;
    const double *y, *level_x;
} almi_sample;

typedef struct almi_arima_model {
    alm_arima_order order;
    size_t season;
    double arma[ALMI_ARMA_MAX];
    double *b; /* regressors, the constant last */
    size_t regressors, known, parameters; /* parameters without the variance */
    double squares, log_likelihood, aicc;
    double work; /* about so many operations did the fit take: for bounds on a search */
} almi_arima_model;

/* With a constant where the order has one. Errors: as alm_arima_fit. */
ALM_NODISCARD alm_err almi_sample_make(const almi_series *series, const alm_arima_order *order,
                                       alm_arena *arena, almi_sample *out, alm_error *error);

#define ALMI_GAIN_ROUGH 1e-4 /* of a log-likelihood: enough to compare orders */
#define ALMI_GAIN_FINE 1e-8

/* The order has the differences of the sample, and a constant only where the sample has. Ends when
 * a step gains less than `gain_min`. `out->b` lies in `arena`, temporaries in `scratch`. False: the
 * likelihood has no value at the start. */
bool almi_arima_maximise(const almi_sample *sample, const alm_arima_order *order, double gain_min,
                         alm_arena *arena, alm_arena *scratch, almi_arima_model *out);

#endif
