/* arima_fourier.h: a long season as a sum of sines and cosines.
 *
 * A season of 52 or 168 periods would have a state as long, and differences lose a whole season of
 * values, of which there often are two or three. So such a season is a regression: pairs of sine
 * and cosine of the whole season, half of it, and so on, with errors of a plain ARIMA model, as
 * Hyndman and Athanasopoulos advise ("Forecasting: Principles and Practice", 12.1).
 *
 * THE RULE. The order is searched without the season; with that order, each of 1, 2, 3, 4, 6, 8 and
 * 10 pairs is fitted that the past has ALMI_FOURIER_SHARE values for each coefficient of, and two
 * whole seasons; the number with the lowest AICc is kept (none, if that is lowest), and the order
 * is searched again with it. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_FOURIER_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_FOURIER_H

#include "model/statistical/arima/arima_likelihood.h"

#define ALMI_FOURIER_PAIRS_MAX 10
#define ALMI_FOURIER_SHARE 10

/* out[2k], out[2k + 1]: sine and cosine of 2 pi (k + 1) t / season. Exact operations only. */
void almi_fourier(size_t season, size_t t, size_t pairs, double *out);

/* As almi_arima_search, of a series with a long season and without regressors. The coefficients of
 * out->b are those of the pairs, then the constant. */
bool almi_arima_search_fourier(const almi_series *series, alm_arena *arena, almi_arima_model *out,
                               size_t *pairs);

#endif
