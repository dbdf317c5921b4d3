/* naive.c: the newest value, and what is hardly more than that.
 *
 * All six are a level that stays (or the newest value of each phase), a slope or none, and the
 * squares of the errors one period ahead, which add up as the formulas say (FPP3, table 5.2). */
#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"

#define NAIVE2_CYCLES 3 /* whole seasons, as the M4 competition asks for */

typedef enum naive_rule { NEWEST, OF_SEASON, WITH_DRIFT, MEAN, WINDOW } naive_rule;

typedef struct naive {
    naive_rule rule;
    alm_adjustment by;
    size_t t;       /* periods that are over */
    size_t season;  /* of OF_SEASON, and the window of WINDOW; else 1 */
    double *newest; /* by phase, of adjusted values; NaN: none was known */
    size_t *since;  /* by phase: the period of the newest */
    double any;     /* the newest of all */
    double first;   /* known value, and its period: of the slope */
    size_t first_t;
    double sum, squares; /* of known values less the first: of the mean */
    size_t known;
    double errors; /* sum of squares of errors one period (season) ahead */
    size_t error_count;
} naive;

static double slope(const naive *s)
{
    size_t last = s->since[0];
    return s->rule == WITH_DRIFT && last > s->first_t
               ? (s->newest[0] - s->first) / (double)(last - s->first_t)
               : 0;
}

/* Of what is known in the newest `season` periods; the newest value where nothing is. */
static double window_mean(const naive *s)
{
    double sum = 0;
    double known = 0;
    for (size_t k = 0; k < s->season; k++) {
        if (!isnan(s->newest[k]) && s->since[k] + s->season >= s->t) {
            sum += s->newest[k];
            known++;
        }
    }
    return known > 0 ? sum / known : s->any;
}

static void take(naive *s, double y)
{
    size_t phase = s->t % s->season;
    bool is_window = s->rule == WINDOW;
    double before = is_window && s->t >= s->season ? window_mean(s) : s->newest[phase];
    size_t t = s->t++;
    if (isnan(y)) {
        return;
    }
    if (!isnan(before) && (is_window ? t >= s->season : s->since[phase] + s->season == t)) {
        s->errors += (y - before) * (y - before);
        s->error_count++;
    }
    if (s->known++ == 0) {
        s->first = y;
        s->first_t = t;
    }
    s->sum += y - s->first;
    s->squares += (y - s->first) * (y - s->first);
    s->newest[phase] = y;
    s->since[phase] = t;
    s->any = y;
}

static alm_err fit(naive_rule rule, size_t cycles, const alm_past *past, alm_arena *arena,
                   void **state, alm_error *error)
{
    alm_adjusted adjusted;
    ALM_TRY(alm_adjust(past, 1, cycles, arena, &adjusted, error));
    naive *s = ALM_NEW(arena, naive);
    size_t window = past->season > 1 ? past->season : ALM_WINDOW_WITHOUT_SEASON;
    size_t season = rule == OF_SEASON ? past->season : rule == WINDOW ? window : 1;
    *s = (naive){.rule = rule, .by = adjusted.by, .season = season,
                 .newest = ALM_NEW_ARRAY(arena, double, season),
                 .since = ALM_NEW_ARRAY(arena, size_t, season)};
    for (size_t k = 0; k < season; k++) {
        s->newest[k] = (double)NAN;
    }
    for (size_t t = 0; t < adjusted.count; t++) {
        take(s, adjusted.y[t]);
    }
    *state = s;
    return ALM_OK;
}

static alm_err fit_newest(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(NEWEST, 0, past, arena, state, error);
}

static alm_err fit_of_season(const alm_past *past, alm_arena *arena, void **state,
                             alm_error *error)
{
    return fit(OF_SEASON, 0, past, arena, state, error);
}

static alm_err fit_drift(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(WITH_DRIFT, 0, past, arena, state, error);
}

static alm_err fit_mean(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(MEAN, 0, past, arena, state, error);
}

static alm_err fit_window(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(WINDOW, 0, past, arena, state, error);
}

static alm_err fit_naive2(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(NEWEST, NAIVE2_CYCLES, past, arena, state, error);
}

static void update(void *state, double y)
{
    naive *s = state;
    take(s, alm_adjust_value(&s->by, s->t, y));
}

static double ahead(const naive *s, size_t h)
{
    if (s->rule == MEAN) {
        return s->first + s->sum / (double)s->known;
    }
    if (s->rule == WINDOW) {
        return window_mean(s);
    }
    double newest = s->newest[(s->t + h - 1) % s->season];
    if (isnan(newest)) {
        return s->any; /* of a phase that was never known: the newest value there is */
    }
    return newest + slope(s) * (double)(s->t - 1 + h - (s->rule == WITH_DRIFT ? s->since[0] : 0));
}

static void mean(const void *state, size_t steps, double *out)
{
    const naive *s = state;
    for (size_t h = 1; h <= steps; h++) {
        out[h - 1] = alm_readjust_value(&s->by, s->t + h - 1, ahead(s, h));
    }
}

static double variance_ahead(const naive *s, size_t h)
{
    if (s->rule == MEAN) {
        double n = (double)s->known;
        double centred = s->squares - s->sum * s->sum / n;
        return s->known < 2 ? (double)NAN : (centred > 0 ? centred : 0) / (n - 1) * (1 + 1 / n);
    }
    if (s->error_count == 0) {
        return (double)NAN;
    }
    double one = s->errors / (double)s->error_count;
    double times = s->rule == WINDOW ? 1 : (double)((h - 1) / s->season + 1);
    if (s->rule == WITH_DRIFT) {
        size_t span = s->since[0] - s->first_t;
        double centred = one - slope(s) * slope(s);
        one = centred > 0 ? centred : 0;
        times += span > 0 ? times * times / (double)span : 0;
    }
    return one * times;
}

static void deviation(const void *state, size_t steps, double *out)
{
    const naive *s = state;
    for (size_t h = 1; h <= steps; h++) {
        out[h - 1] = alm_readjust_deviation(&s->by, s->t + h - 1, variance_ahead(s, h));
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const naive *from = state;
    naive *to = into;
    if (!to) {
        to = ALM_NEW(arena, naive);
        to->newest = ALM_NEW_ARRAY(arena, double, from->season);
        to->since = ALM_NEW_ARRAY(arena, size_t, from->season);
    }
    double *newest = to->newest;
    size_t *since = to->since;
    *to = *from;
    to->newest = memcpy(newest, from->newest, from->season * sizeof *newest);
    to->since = memcpy(since, from->since, from->season * sizeof *since);
    return to;
}

#define KIND(name, fit) {name, fit, update, mean, deviation, copy, NULL, {0}}

const alm_forecaster_kind alm_naive = KIND("naive", fit_newest);
const alm_forecaster_kind alm_seasonal_naive = KIND("seasonal_naive", fit_of_season);
const alm_forecaster_kind alm_drift = KIND("drift", fit_drift);
const alm_forecaster_kind alm_mean_of_all = KIND("mean", fit_mean);
const alm_forecaster_kind alm_naive2 = KIND("naive2", fit_naive2);
const alm_forecaster_kind alm_window_mean = {"window_mean", fit_window, update, mean, deviation,
                                             copy, NULL, {.is_surprised = true}}; /* it forgets */
