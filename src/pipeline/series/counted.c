#include "pipeline/series/counted.h"

#include <math.h>

/* Values and bounds in one, as the model takes them. */
static alm_count_past counts_of(const double *y, const double *least, size_t count,
                                alm_arena *arena)
{
    if (!least) {
        return (alm_count_past){y, count, NULL};
    }
    double *all = ALM_NEW_ARRAY(arena, double, count);
    uint8_t *bound = ALM_NEW_ARRAY(arena, uint8_t, count);
    for (size_t t = 0; t < count; t++) {
        bound[t] = !isnan(least[t]);
        all[t] = bound[t] ? least[t] : y[t];
    }
    return (alm_count_past){all, count, bound};
}

alm_err alm_counted_fit(const alm_past *past, const double *least, const alm_count_common *common,
                        alm_arena *arena, void **state)
{
    alm_count_past counts = counts_of(past->y, least, past->count, arena);
    return alm_count_fit(&counts, common, arena, state, NULL);
}

void alm_counted_update(void *state, double y, double least)
{
    if (isnan(least)) {
        alm_count.update(state, y);
    } else {
        alm_count_update_bound(state, least);
    }
}

/* ---- in common ---- */

static bool is_count(double y)
{
    return isnan(y) || (y >= 0 && y <= ALM_COUNT_VALUE_MAX && y == floor(y));
}

/* Can the model learn from the first `count` periods of a series? */
static bool is_usable(const alm_long_one *one, size_t count)
{
    bool demand = false;
    for (size_t t = 0; t < count; t++) {
        double bound = one->least ? one->least[t] : (double)NAN;
        if (!is_count(one->y[t]) || !is_count(bound)) {
            return false;
        }
        demand = demand || one->y[t] > 0 || bound > 0;
    }
    return demand;
}

static size_t known_of(const alm_long_one *one, size_t behind)
{
    return one->count > behind ? one->count - behind : 0;
}

/* Every n-th usable series, so that they are few enough and have not too many values. */
static size_t select_series(const alm_long_series *all, size_t behind, size_t *usable)
{
    size_t count = 0;
    size_t values = 0;
    for (size_t i = 0; i < all->count; i++) {
        size_t known = known_of(&all->series[i], behind);
        if (is_usable(&all->series[i], known)) {
            usable[count++] = i;
            values += known;
        }
    }
    size_t by_series = (count + ALM_COUNTED_SERIES_MAX - 1) / ALM_COUNTED_SERIES_MAX;
    size_t by_values = (values + ALM_COUNTED_VALUES_MAX - 1) / ALM_COUNTED_VALUES_MAX;
    size_t every = by_series > by_values ? by_series : by_values;
    while (every > 1 && count / every < ALM_COUNTED_SERIES_MIN) {
        every--; /* few and long ones: as many as it needs */
    }
    size_t kept = 0;
    for (size_t k = 0; every > 0 && k < count; k += every) {
        usable[kept++] = usable[k];
    }
    return kept;
}

/* Without the newest `behind` periods of each; NULL: there are too few series. */
static const alm_count_common *common_of(const alm_long_series *all, size_t behind,
                                         alm_arena *arena)
{
    alm_count_common *out = NULL;
    alm_count_common found;
    alm_arena *scratch = alm_arena_create(0);
    size_t *series = ALM_NEW_ARRAY(scratch, size_t, all->count);
    size_t count = select_series(all, behind, series);
    if (count >= ALM_COUNTED_SERIES_MIN) {
        alm_count_past *pasts = ALM_NEW_ARRAY(scratch, alm_count_past, count);
        for (size_t i = 0; i < count; i++) {
            const alm_long_one *one = &all->series[series[i]];
            pasts[i] = counts_of(one->y, one->least, known_of(one, behind), scratch);
        }
        alm_error ignored; /* all of them are usable */
        if (alm_count_common_fit(pasts, count, scratch, &found, &ignored) == ALM_OK) {
            out = ALM_NEW(arena, alm_count_common);
            *out = found;
        }
    }
    alm_arena_destroy(scratch);
    return out;
}

alm_counted alm_counted_of(const alm_long_series *all, size_t judged, alm_arena *arena)
{
    const alm_count_common *common = common_of(all, 0, arena);
    return (alm_counted){common, common ? common_of(all, judged, arena) : NULL};
}
