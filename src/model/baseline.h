/* baseline.h: the forecasts that everything else must beat.
 *
 * Each takes one series of demand per period (NaN = not known, skipped) from its first demand on,
 * and gives a point forecast per step and, from its own in-sample errors, quantiles: point +
 * quantile of the errors, never negative. With a publication delay the newest value is older than
 * the origin, and the forecast goes so many periods further. Pure functions; thread safe. The
 * points are those of model/statistical/statistical.h where it has the forecaster:
 *   zero            0
 *   seasonal_naive  alm_seasonal_naive
 *   ses             simple exponential smoothing, alpha .1, started at the first value, where that
 *                   of model/statistical/ fits both: a rule to beat has nothing fitted
 *   mean            alm_mean_of_all
 *   weekday_mean    alm_mean_of_all of each phase of the season by itself; 0 of one never known */
#ifndef ALM_MODEL_BASELINE_H
#define ALM_MODEL_BASELINE_H

#include "base/arena.h"

#define ALM_BASELINE_MAP(X) X(zero) X(seasonal_naive) X(ses) X(mean) X(weekday_mean)

typedef enum alm_baseline {
#define ALM_BASELINE_ENUM(name) ALM_BASELINE_##name,
    ALM_BASELINE_MAP(ALM_BASELINE_ENUM)
#undef ALM_BASELINE_ENUM
        ALM_BASELINE_COUNT
} alm_baseline;

const char *alm_baseline_name(alm_baseline baseline);

typedef struct alm_baseline_request {
    const double *y; /* count values, the last is the newest one known */
    size_t count;
    size_t season;
    size_t steps;
    const double *levels; /* of the quantiles */
    size_t level_count;
    size_t delay; /* periods between the last value and step 1 */
} alm_baseline_request;

/* `mean`: steps. `quantiles`: level_count x steps, or NULL. An empty series is forecast as 0. */
void alm_baseline_forecast(alm_baseline baseline, const alm_baseline_request *request,
                           alm_arena *scratch, double *mean, double *quantiles);

#endif
