#include "train/global/global_place.h"

#include <math.h>

#include "base/rng.h"

#define ALL_WEIGHT 14.0
#define SPREAD_WEIGHT 4.0
#define VALUE_MAX 1e290 /* sums of squares of what is divided by the scale stay finite below it */

alm_err alm_global_split_of(const alm_global_past *past, alm_global_split *out, alm_error *error)
{
    size_t longest = 0;
    for (size_t i = 0; i < past->count; i++) {
        longest = past->histories[i].count > longest ? past->histories[i].count : longest;
    }
    size_t reach = past->delay + past->steps;
    if (longest < 3 * reach) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the longest history has %zu periods, a global "
                        "forecaster learns from three horizons, %zu: a longer snapshot or a "
                        "shorter horizon is needed", longest, 3 * reach);
    }
    size_t spare = longest - 3 * reach + 1;
    size_t ends = spare < ALM_GLOBAL_HELD_ENDS ? spare : ALM_GLOBAL_HELD_ENDS;
    size_t last = past->end - reach;
    *out = (alm_global_split){.held = last - (ends - 1) + past->delay,
                              .held_first = last - (ends - 1),
                              .held_last = last};
    return ALM_OK;
}

/* Places of a history that end in [first, last]: their number, and the first one's values. */
static size_t places_of(const alm_global_past *past, size_t history, size_t first, size_t last,
                        size_t *seen)
{
    size_t begin = alm_global_begin(past, past->histories[history].count);
    size_t from = first > begin ? first : begin + 1;
    *seen = from - begin;
    return past->histories[history].count > 0 && last >= from ? last - from + 1 : 0;
}

alm_global_place *alm_global_places(const alm_global_past *past, size_t first, size_t last,
                                    size_t most, alm_arena *arena, size_t *count)
{
    size_t all = 0;
    size_t seen = 0;
    for (size_t i = 0; i < past->count; i++) {
        all += places_of(past, i, first, last, &seen);
    }
    size_t taken = all < most ? all : most;
    alm_global_place *out = ALM_NEW_ARRAY(arena, alm_global_place, taken);
    size_t history = 0;
    size_t before = 0; /* places of earlier histories */
    size_t own = past->count ? places_of(past, 0, first, last, &seen) : 0;
    for (size_t k = 0; k < taken; k++) {
        size_t part = all * k / taken;
        size_t wide = all * (k + 1) / taken - part;
        size_t at = part + alm_rng_u64(past->seed, ALM_RNG_GLOBAL_PLACE, last, k) % wide;
        while (at >= before + own) {
            before += own;
            own = places_of(past, ++history, first, last, &seen);
        }
        out[k] = (alm_global_place){(uint32_t)history, (uint32_t)(seen + (at - before))};
    }
    *count = taken;
    return out;
}

double *alm_global_values(const alm_global_past *past, const alm_beside_history *history,
                          alm_arena *arena)
{
    double *y = ALM_NEW_ARRAY(arena, double, history->count);
    size_t begin = alm_global_begin(past, history->count);
    for (size_t t = 0; t < history->count; t++) {
        bool is_bound = history->bound && history->bound[t];
        y[t] = past->closed[begin + t] || is_bound ? (double)NAN : history->y[t];
    }
    return y;
}

bool alm_global_size_of(const double *y, size_t seen, alm_global_size *out)
{
    double recent = 0, all = 0, squares = 0;
    size_t recent_count = 0, count = 0;
    for (size_t t = seen; t-- > 0;) {
        if (isnan(y[t])) {
            continue;
        }
        if (!(fabs(y[t]) < VALUE_MAX)) {
            return false;
        }
        count++;
        all += fabs(y[t]);
        if (count <= ALM_GLOBAL_RECENT) {
            recent_count = count;
            recent = all;
        }
    }
    if (!(all > 0)) {
        return false;
    }
    double mean = all / (double)count;
    double scale = (recent + ALL_WEIGHT * mean) / ((double)recent_count + ALL_WEIGHT);
    double sum = 0;
    size_t used = 0;
    for (size_t t = seen; t-- > 0 && used < recent_count;) {
        double gap = y[t] / scale - 1;
        sum += isnan(gap) ? 0 : gap;
        squares += isnan(gap) ? 0 : gap * gap;
        used += !isnan(gap);
    }
    *out = (alm_global_size){.scale = scale,
                             .all = mean / scale,
                             .level = 1 + sum / (double)used,
                             .spread = sqrt((squares + SPREAD_WEIGHT) /
                                            ((double)used + SPREAD_WEIGHT))};
    return scale > 0 && isfinite(scale) && isfinite(out->spread);
}

static void put_phase_means(const alm_global_seen *s, double *out)
{
    size_t season = s->past->season;
    for (size_t h = 0; h < s->past->steps; h++) {
        double sum = 0;
        size_t known = 0;
        size_t back = season - (s->past->delay + h) % season; /* to its phase; 1: the newest */
        for (size_t cycle = 0; cycle < ALM_GLOBAL_CYCLES && back <= s->seen;
             cycle++, back += season) {
            double value = s->y[s->seen - back];
            sum += isnan(value) ? 0 : value / s->size.scale;
            known += !isnan(value);
        }
        out[h] = known > 0 ? sum / (double)known : s->size.level;
    }
}

bool alm_global_see(const alm_global_past *past, const alm_beside_history *history,
                    const double *y, size_t seen, alm_arena *arena, alm_global_seen *out)
{
    alm_global_seen s = {.past = past, .y = y, .count = history->count,
                         .begin = alm_global_begin(past, history->count), .seen = seen};
    if (!alm_global_size_of(y, seen, &s.size)) {
        return false;
    }
    double *mean = ALM_NEW_ARRAY(arena, double, past->steps);
    put_phase_means(&s, mean);
    s.phase_mean = mean;
    *out = s;
    return true;
}

void alm_global_each(const alm_global_past *past, const alm_global_place *places, size_t count,
                     alm_global_taker take, void *context)
{
    alm_arena *values = alm_arena_create(0);
    alm_arena *one = alm_arena_create(0);
    const double *y = NULL;
    for (size_t i = 0; i < count; i++) {
        const alm_beside_history *history = &past->histories[places[i].history];
        alm_global_seen seen;
        if (i == 0 || places[i].history != places[i - 1].history) {
            alm_arena_reset(values);
            y = alm_global_values(past, history, values);
        }
        alm_arena_reset(one);
        if (alm_global_see(past, history, y, places[i].seen, one, &seen)) {
            take(context, &seen, &places[i]);
        }
    }
    alm_arena_destroy(one);
    alm_arena_destroy(values);
}

double alm_global_actual(const alm_global_seen *s, const alm_global_place *place, size_t h,
                         size_t before)
{
    size_t at = place->seen + s->past->delay + h;
    return at < s->count && s->begin + at < before ? s->y[at] / s->size.scale : (double)NAN;
}

double alm_global_target(const alm_global_seen *s, const alm_global_place *place, size_t h,
                         size_t before)
{
    double y = alm_global_actual(s, place, h, before);
    return y > ALM_GLOBAL_TARGET_MAX ? ALM_GLOBAL_TARGET_MAX : y;
}
