/* unit_root.h: how often a series must be differenced: the tests of R's `ndiffs` and `nsdiffs`.
 *
 * LEVEL: Kwiatkowski, Phillips, Schmidt and Shin (1992), "Testing the null hypothesis of
 * stationarity against the alternative of a unit root", at 5 percent with 3 sqrt(n) / 13 lags.
 *
 * SEASON: the strength of Wang, Smith and Hyndman (2006), 1 - var(remainder) / var(remainder +
 * season), from STL (stl.h) with a seasonal window of 11, not robust, two rounds; a season is
 * differenced where it is above .64.
 *
 * Values that are not known are left out. Pure. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_UNIT_ROOT_H
#define ALM_MODEL_STATISTICAL_ARIMA_UNIT_ROOT_H

#include "model/statistical/statistical.h"

/* 0 to 2, of the values after `lag` (0: of the values themselves) has been differenced once. */
size_t almi_level_differences(const alm_past *past, size_t lag, alm_arena *scratch);

/* Of values around `mean`, all known: the sum of their squared partial sums, and n times their
 * long-run variance with Bartlett's weights over `lags`. */
typedef struct almi_kpss {
    double sums, variance;
} almi_kpss;
almi_kpss almi_kpss_of(const double *v, size_t n, double mean, size_t lags);

/* In [0, 1]; 0 where the past is not longer than two seasons. */
double almi_season_strength(const alm_past *past, alm_arena *scratch);

#endif
