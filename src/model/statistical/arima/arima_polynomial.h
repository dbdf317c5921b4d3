/* arima_polynomial.h: the polynomials of an ARIMA model, as lists of the lags that have a
 * coefficient: a product of a seasonal and a plain one has few. Pure. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_POLYNOMIAL_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_POLYNOMIAL_H

#include "model/statistical/arima/arima.h"

#define ALMI_TERMS_MAX ((ALM_ARIMA_ORDER_MAX + 1) * (ALM_ARIMA_SEASONAL_ORDER_MAX + 1) - 1)
#define ALMI_ARMA_MAX (2 * ALM_ARIMA_ORDER_MAX + 2 * ALM_ARIMA_SEASONAL_ORDER_MAX)

typedef struct almi_terms {
    size_t count, degree;
    size_t lag[ALMI_TERMS_MAX]; /* falling, so that lag 1 is added last; may repeat */
    double c[ALMI_TERMS_MAX];
} almi_terms;

/* w_t = sum ar.c w_{t - ar.lag} + a_t + sum ma.c a_{t - ma.lag} */
typedef struct almi_arma {
    almi_terms ar, ma;
    size_t width; /* the larger degree: length of the state */
} almi_arma;

/* Coefficients of p, q, P, Q in the order of alm_arima_facts. */
size_t almi_arma_count(const alm_arima_order *order);
void almi_arma_of(const alm_arima_order *order, size_t season, const double *coefficient,
                  almi_arma *out);

/* From numbers without bounds, as they are searched, to coefficients that are stationary and
 * invertible: to partial autocorrelations, and by Durbin and Levinson's recursion to coefficients
 * (Monahan 1984, "A note on enforcing stationarity in autoregressive-moving average models"). */
void almi_arma_coefficients(const alm_arima_order *order, const double *x, double *coefficient);

/* u_t = sum c u_{t - lag} + w_t undoes the differences. */
void almi_difference_terms(const alm_arima_order *order, size_t season, almi_terms *out);

/* Are the roots of the polynomials, seasonal ones in B^m, farther than this from 0? */
bool almi_roots_are_beyond(const alm_arima_order *order, const double *coefficient, double of_ar,
                           double of_ma);

/* V: width x width, of the state that holds what is known of the periods to come when the past is:
 * x_i(t) = sum_{k >= i} ar_k w_{t+i-k} + ma_k a_{t+i-k}, i = 1 .. width, errors of variance 1.
 * False: not stationary as far as doubles can tell. `scratch`: almi_covariance_scratch numbers. */
bool almi_arma_covariance(const almi_arma *arma, double *scratch, double *v);
size_t almi_covariance_scratch(const almi_arma *arma);

#endif
