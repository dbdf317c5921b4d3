#include "model/statistical/sample_paths.h"

#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "num/normal.h"
#include "num/quantile.h"

alm_support alm_support_of(const alm_past *past)
{
    alm_support support = ALM_SUPPORT_COUNT;
    for (size_t t = 0; t < past->count; t++) {
        double y = past->y[t];
        if (isnan(y)) {
            continue;
        }
        if (y < 0) {
            return ALM_SUPPORT_REAL;
        }
        if (y != floor(y)) {
            support = ALM_SUPPORT_NON_NEGATIVE;
        }
    }
    return support;
}

double alm_support_value(alm_support support, double y)
{
    if (support != ALM_SUPPORT_REAL && y < 0) {
        return 0;
    }
    return support == ALM_SUPPORT_COUNT ? floor(y + .5) : y;
}

double alm_forecaster_next(const alm_forecaster_kind *kind, const void *state, double u)
{
    if (kind->next) {
        return kind->next(state, u);
    }
    double mean = 0;
    double deviation = 0;
    kind->mean(state, 1, &mean);
    kind->deviation(state, 1, &deviation);
    return mean + deviation * alm_normal_quantile(u);
}

static alm_err refuse_spread(const alm_forecaster_kind *kind, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INCOMPLETE,
                    "%s: the past is too short to tell how far values are from their forecasts",
                    kind->name);
}

alm_err alm_forecaster_paths(const alm_forecaster_kind *kind, const void *state,
                             const alm_path_plan *plan, alm_arena *scratch, double *out,
                             alm_error *error)
{
    void *moved = NULL;
    /* A model whose errors go below zero is moved on by what it drew: moved on by the value as it
     * is kept to the support, which is more on average, its level, and with it the quantiles of
     * sparse demand, would rise from step to step. */
    bool real = kind->traits.support == ALM_SUPPORT_REAL;
    for (size_t i = 0; i < plan->count; i++) {
        size_t path = plan->first + i;
        double *path_out = out + i * plan->steps; /* first the draws, each then becomes the value */
        alm_rng_uniforms(plan->seed, ALM_RNG_STATISTICAL_PATH, plan->series, (uint64_t)path << 32,
                         plan->steps, path_out);
        moved = kind->copy(state, scratch, moved);
        for (size_t h = 0; h < plan->steps; h++) {
            double drawn = alm_forecaster_next(kind, moved, path_out[h]);
            double y = alm_support_value(plan->support, drawn);
            if (isnan(y)) {
                return refuse_spread(kind, error);
            }
            if (!isfinite(y)) {
                return alm_fail(error, ALM_ERR_NUMERIC, "%s: path %zu grows beyond all numbers",
                                kind->name, path);
            }
            path_out[h] = y;
            if (h + 1 < plan->steps) {
                kind->update(moved, real ? drawn : y);
            }
        }
    }
    return ALM_OK;
}

static double quantile_of(const double *sorted, size_t count, double level, bool counts)
{
    if (!counts) {
        return alm_quantile_sorted(sorted, count, level);
    }
    double place = ceil(level * (double)count - 1e-9); /* .9 * 10 is 9, not 9.000000000000002 */
    return sorted[place < 1 ? 0 : (size_t)place - 1];
}

void alm_path_quantiles(const double *paths, const alm_path_plan *plan, const double *levels,
                        size_t level_count, alm_arena *scratch, double *out)
{
    double *column = ALM_NEW_ARRAY(scratch, double, plan->count);
    for (size_t h = 0; h < plan->steps; h++) {
        for (size_t i = 0; i < plan->count; i++) {
            column[i] = paths[i * plan->steps + h];
        }
        alm_sort_doubles(column, plan->count);
        for (size_t k = 0; k < level_count; k++) {
            out[h * level_count + k] = quantile_of(column, plan->count, levels[k],
                                                   plan->support == ALM_SUPPORT_COUNT);
        }
    }
}
