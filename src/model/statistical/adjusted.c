#include "model/statistical/adjusted.h"

#include <math.h>

#include "model/statistical/seasonal.h"

static alm_err scale(const alm_past *past, size_t needed, alm_arena *arena, alm_adjusted *out,
                     alm_error *error)
{
    alm_assert(needed >= 1 && past->count <= ALM_PAST_COUNT_MAX &&
               past->season >= 1 && past->season <= ALM_PAST_SEASON_MAX);
    double largest = 0;
    size_t known = 0;
    for (size_t t = 0; t < past->count; t++) {
        double size = fabs(past->y[t]);
        known += !isnan(size);
        largest = size > largest ? size : largest;
    }
    if (known < needed) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu known values are needed, %zu are there",
                        needed, known);
    }
    if (largest > ALM_PAST_VALUE_MAX) {
        return alm_fail(error, ALM_ERR_NUMERIC, "values up to %g are too large", largest);
    }
    int exponent = 0;
    (void)frexp(largest, &exponent);
    *out = (alm_adjusted){.by = {.factor = largest > 0 ? ldexp(1, exponent) : 1, .season = 1},
                          .y = ALM_NEW_ARRAY(arena, double, past->count),
                          .count = past->count, .known = known};
    for (size_t t = 0; t < past->count; t++) {
        out->y[t] = past->y[t] / out->by.factor;
    }
    return ALM_OK;
}

alm_err alm_adjust(const alm_past *past, size_t needed, size_t cycles, alm_arena *arena,
                   alm_adjusted *out, alm_error *error)
{
    alm_adjusted made;
    ALM_TRY(scale(past, needed, arena, &made, error));
    alm_past scaled = {made.y, past->count, past->season};
    if (cycles > 0 && alm_is_seasonal(&scaled, cycles)) {
        double *index = ALM_NEW_ARRAY(arena, double, past->season);
        made.by.is_ratio = alm_seasonal_indices(&scaled, true, arena, index);
        if (made.by.is_ratio || alm_seasonal_indices(&scaled, false, arena, index)) {
            made.by.season = past->season;
            made.by.index = index;
        }
    }
    for (size_t t = 0; t < past->count; t++) {
        double y = made.y[t] * made.by.factor;
        made.y[t] = alm_adjust_value(&made.by, t, y);
        made.newest = isnan(made.y[t]) ? made.newest : made.y[t];
    }
    *out = made;
    return ALM_OK;
}

double alm_adjust_value(const alm_adjustment *by, size_t t, double y)
{
    double scaled = y / by->factor;
    if (by->season == 1) {
        return scaled;
    }
    double index = by->index[t % by->season];
    return by->is_ratio ? scaled / index : scaled - index;
}

double alm_readjust_value(const alm_adjustment *by, size_t t, double y)
{
    if (by->season == 1) {
        return y * by->factor;
    }
    double index = by->index[t % by->season];
    return (by->is_ratio ? y * index : y + index) * by->factor;
}

double alm_readjust_deviation(const alm_adjustment *by, size_t t, double variance)
{
    double size = by->season > 1 && by->is_ratio ? by->index[t % by->season] : 1;
    size *= by->factor;
    double deviation = sqrt(variance) * size;
    return isfinite(deviation) ? deviation : (double)NAN;
}
