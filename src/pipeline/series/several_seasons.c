#include "pipeline/series/several_seasons.h"

#include <math.h>

#include "model/statistical/automatic/choice.h"
#include "model/statistical/rolling.h"

alm_err alm_seasons_fit(const alm_forecaster_kind *kind, alm_seasons seasons,
                        const alm_past *past, alm_arena *arena, void **state)
{
    return kind == &alm_mstl && seasons.count > 1
               ? alm_mstl_fit(past, seasons.steps, seasons.count, arena, state, NULL)
               : kind->fit(past, arena, state, NULL);
}

/* The sum of absolute errors at each origin. False: none can be told. */
static bool errors_of(const alm_forecaster_kind *kind, alm_seasons seasons, const alm_past *past,
                      const alm_rolling_plan *rolling, alm_arena *arena,
                      double error[ALM_SEASONS_ORIGINS])
{
    size_t origins = alm_rolling_count(rolling, past->count);
    size_t moved = origins > 0 ? alm_rolling_known(rolling, past->count, 0) : 0;
    alm_past oldest = {past->y, moved, past->season};
    double *mean = ALM_NEW_ARRAY(arena, double, rolling->horizon);
    void *state = NULL;
    if (origins == 0 || alm_seasons_fit(kind, seasons, &oldest, arena, &state) != ALM_OK) {
        return false;
    }
    for (size_t i = 0; i < origins; i++) {
        size_t known = alm_rolling_known(rolling, past->count, i);
        for (; moved < known; moved++) {
            kind->update(state, past->y[moved]);
        }
        kind->mean(state, rolling->horizon, mean);
        error[i] = 0;
        for (size_t h = 0; h < rolling->horizon; h++) {
            error[i] += isnan(past->y[known + h]) ? 0 : fabs(past->y[known + h] - mean[h]);
        }
    }
    return true;
}

bool alm_seasons_are_better(alm_seasons seasons, const alm_past *past, size_t steps,
                            alm_arena *arena)
{
    size_t least = 2 * seasons.steps[seasons.count - 1];
    alm_rolling_plan rolling = {.origins = ALM_SEASONS_ORIGINS, .stride = steps, .horizon = steps,
                                .history_min = past->count / 2 > least ? past->count / 2 : least};
    double several[ALM_SEASONS_ORIGINS];
    double one[ALM_SEASONS_ORIGINS];
    if (!errors_of(&alm_mstl, seasons, past, &rolling, arena, several) ||
        !errors_of(&alm_auto, seasons, past, &rolling, arena, one)) {
        return false;
    }
    size_t origins = alm_rolling_count(&rolling, past->count);
    double n = (double)origins;
    double gain = 0;
    double squares = 0;
    for (size_t i = 0; i < origins; i++) {
        gain += (one[i] - several[i]) / n;
    }
    for (size_t i = 0; i < origins; i++) {
        double far = one[i] - several[i] - gain;
        squares += far * far;
    }
    return origins > 1 && gain > sqrt(squares / (n * (n - 1))); /* false of NaN */
}
