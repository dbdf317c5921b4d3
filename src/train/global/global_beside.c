#include "train/global/global_beside.h"

#include <math.h>
#include <string.h>

#include "model/statistical/sample_paths.h"
#include "train/global/global_kind.h"

static bool all_fine(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 0 && isfinite(values[i]))) {
            return false;
        }
    }
    return true;
}

/* By level, then by step. */
static void put_quantiles(const alm_beside *b, const double *paths, alm_support support,
                          alm_arena *scratch, double *out)
{
    alm_path_plan plan = {.steps = b->steps, .count = ALM_GLOBAL_PATHS, .support = support};
    double *by_step = ALM_NEW_ARRAY(scratch, double, b->steps * b->level_count);
    alm_path_quantiles(paths, &plan, b->levels, b->level_count, scratch, by_step);
    for (size_t k = 0; k < b->level_count; k++) {
        for (size_t h = 0; h < b->steps; h++) {
            out[k * b->steps + h] = by_step[h * b->level_count + k];
        }
    }
}

bool alm_global_beside(const alm_beside *b, size_t number, const alm_beside_history *history,
                       alm_arena *scratch, alm_beside_forecast *out)
{
    const alm_beside_global *g = &b->global[number];
    alm_past past = {history->y, history->count, b->season};
    alm_error ignored; /* the levels are of finite paths that are not negative */
    size_t cells = ALM_GLOBAL_PATHS * b->steps;
    double *paths = ALM_NEW_ARRAY(scratch, double, cells);
    alm_global_forecast forecast = {out->mean, paths};
    if (!g->state || history->count == 0 ||
        !g->kind->forecast(g->state, b->past, history, scratch, &forecast) ||
        !all_fine(out->mean, b->steps) || !all_fine(paths, cells)) {
        return false;
    }
    put_quantiles(b, paths, alm_support_of(&past), scratch, out->quantiles);
    return !b->stock || alm_stock_levels(b->stock, paths, ALM_GLOBAL_PATHS, b->steps, out->stock,
                                         &ignored) == ALM_OK;
}
