#include "train/global/local_statistics.h"

#include <math.h>

#include "model/statistical/automatic/demand_class.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/rare/croston.h"
#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"

/* NaN where the kind refuses the past or does not stay finite. */
static void forecast_of(const alm_forecaster_kind *kind, const alm_past *past, size_t ahead,
                        alm_arena *arena, double *out)
{
    void *state = NULL;
    alm_error ignored; /* NaN says it */
    bool fits = past->count > 0 && kind->fit(past, arena, &state, &ignored) == ALM_OK;
    if (fits) {
        kind->mean(state, ahead, out);
    }
    for (size_t h = 0; h < ahead; h++) {
        out[h] = fits && isfinite(out[h]) ? out[h] : (double)NAN;
    }
}

static void season_of(const alm_past *past, size_t ahead, alm_arena *arena, double *out)
{
    double *index = ALM_NEW_ARRAY(arena, double, past->season);
    bool is_known = past->season > 1 && past->count >= 2 * past->season &&
                    alm_seasonal_indices(past, false, arena, index);
    for (size_t h = 0; h < ahead; h++) {
        out[h] = is_known ? index[(past->count + h) % past->season] : (double)NAN;
    }
}

void alm_local_statistics_of(const alm_past *past, size_t ahead, alm_arena *arena,
                             alm_local_statistics *out)
{
    alm_past newest = *past;
    if (newest.count > ALM_LOCAL_PERIODS) {
        newest.y += newest.count - ALM_LOCAL_PERIODS;
        newest.count = ALM_LOCAL_PERIODS;
    }
    alm_demand_shape shape = alm_demand_shape_of(newest.y, newest.count);
    alm_strength strength;
    alm_error ignored; /* NaN says it */
    out->theta = ALM_NEW_ARRAY(arena, double, ahead);
    out->index = ALM_NEW_ARRAY(arena, double, ahead);
    forecast_of(&alm_ses, &newest, 1, arena, &out->ses);
    forecast_of(&alm_tsb, &newest, 1, arena, &out->tsb);
    forecast_of(&alm_theta_standard, &newest, ahead, arena, out->theta);
    season_of(&newest, ahead, arena, out->index);
    bool decomposed = alm_past_strength(&newest, arena, &strength, &ignored) == ALM_OK;
    out->interval = shape.interval;
    out->squared_cv = shape.squared_cv;
    out->trend_strength = decomposed ? strength.trend : (double)NAN;
    out->season_strength = decomposed ? strength.season : (double)NAN;
}
