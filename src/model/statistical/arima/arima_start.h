/* arima_start.h: where a search for the maximum of a likelihood may start: Hannan and Rissanen
 * (1982), "Recursive estimation of mixed autoregressive-moving average order".
 *
 * A long autoregression gives errors; a regression on past values and past errors gives
 * coefficients, here without the products of seasonal and plain ones. Pure. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_START_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_START_H

#include "model/statistical/arima/arima_polynomial.h"

/* Errors of a long autoregression of w less its mean: out is n; the first few are 0. */
void almi_long_errors(const double *w, size_t n, alm_arena *scratch, double *out);

/* x as almi_arma_coefficients takes it. False: too few values. */
bool almi_arma_start(const alm_arima_order *order, size_t season, const double *w,
                     const double *errors, size_t n, double *x);

#endif
