/* arima.h: seasonal ARIMA(p,d,q)(P,D,Q) with a constant and regressors, by exact maximum
 * likelihood: Box and Jenkins; the conventions are those of R's `arima` and of Hyndman and
 * Khandakar, "Automatic Time Series Forecasting: The forecast Package for R" (2008).
 *
 *   y_t = x_t'b + u_t,   (1 - B)^d (1 - B^m)^D u_t = w_t,
 *   (1 - ar_1 B - ..)(1 - sar_1 B^m - ..) w_t = (1 + ma_1 B + ..)(1 + sma_1 B^m + ..) a_t
 *
 * THE CONSTANT is the mean (d + D = 0) or the drift per period (d + D = 1); with more differences
 * there is none. Its regressor is 1, or the number of the period, from 1.
 *
 * THE FIT. Partial autocorrelations, not coefficients, are searched, so that what comes out is
 * stationary and invertible. The exact likelihood is a sum of squares and a determinant
 * (arima_likelihood.h), so Levenberg and Marquardt's method finds its maximum (arima_minimise.h);
 * constants and coefficients of regressors are solved for at every step. Values that are not known
 * are left to the likelihood: integrated out, never filled in.
 *
 * LONG PASTS AND SEASONS. Of a past only the newest ALM_ARIMA_COUNT_MAX periods are looked at, and
 * where more than 16 of them are not known, the newest ALM_ARIMA_GAPS_COUNT_MAX / season. A season
 * beyond ALM_ARIMA_SEASON_MAX periods is not differenced and has no coefficients: `alm_arima` gives
 * it Fourier terms as regressors, by the rule of arima_fourier.h (the facts say how many pairs),
 * `alm_arima_fit` refuses the order. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_H

#include "model/statistical/statistical.h"

#define ALM_ARIMA_COUNT_MAX 10000
#define ALM_ARIMA_GAPS_COUNT_MAX 12000 /* divided by the season */
#define ALM_ARIMA_SEASON_MAX 24
#define ALM_ARIMA_ORDER_MAX 12         /* of p, q */
#define ALM_ARIMA_SEASONAL_ORDER_MAX 3 /* of P, Q */
#define ALM_ARIMA_REGRESSORS_MAX 64
#define ALM_ARIMA_COEFFICIENTS_MAX                                  \
    (2 * ALM_ARIMA_ORDER_MAX + 2 * ALM_ARIMA_SEASONAL_ORDER_MAX + 1 + \
     ALM_ARIMA_REGRESSORS_MAX)

typedef struct alm_arima_order {
    size_t p, d, q;
    size_t seasonal_p, seasonal_d, seasonal_q;
    bool has_constant;
} alm_arima_order;

/* What is known in advance of every period: of the past, and plans for the periods to come. */
typedef struct alm_regressors {
    size_t count;
    const char *const *names;
    size_t periods;  /* past.count and those to come */
    const double *x; /* count x periods, row-major; a plan that is not made yet: NaN */
} alm_regressors;

typedef struct alm_arima_facts {
    alm_arima_order order;
    size_t season;
    size_t fourier; /* pairs of sine and cosine of a long season; 0: none */
    size_t count;   /* coefficients: ar, ma, seasonal ar, seasonal ma, constant, regressors (or sine
                       and cosine of the whole season, of half of it, ..) */
    double coefficient[ALM_ARIMA_COEFFICIENTS_MAX];
    /* Standard errors of the constant and of regressors, where there are any; else NaN
       (arima_effects.h). */
    double deviation[ALM_ARIMA_COEFFICIENTS_MAX];
    double log_likelihood, aicc;
    double variance; /* of an error: sum of squares / values, as R's `arima` states it */
    size_t known;    /* values in the likelihood: known ones less differences */
} alm_arima_facts;

/* One order, or the order by search where `order` is NULL (a season that is too long is left out
 * then; give it Fourier terms among the regressors), as a state of alm_arima. `regressors` may be
 * NULL; they are copied.
 * ALM_ERR_INVALID: the order is not one that this file fits, or a regressor is not known in a
 * period of the past, or follows from the others; ALM_ERR_INCOMPLETE: fewer known values than
 * coefficients and 2. */
ALM_NODISCARD alm_err alm_arima_fit(const alm_past *past, const alm_arima_order *order,
                                    const alm_regressors *regressors, alm_arena *arena,
                                    void **state, alm_error *error);

/* Are the regressors known for the next `steps` periods? Ask before alm_arima.mean, which says NaN
 * where they are not; alm_arima.update takes a value of such a period as not known.
 * ALM_ERR_INCOMPLETE names the regressor and the period. */
ALM_NODISCARD alm_err alm_arima_check_plan(const void *state, size_t steps, alm_error *error);

void alm_arima_describe(const void *state, alm_arima_facts *out);

/* The order by the method of Hyndman and Khandakar: differences by tests, the rest by AICc in a
 * stepwise search (arima_order.h). Falls back to the mean of what is known where no order has
 * enough values. */
extern const alm_forecaster_kind alm_arima;

#endif
