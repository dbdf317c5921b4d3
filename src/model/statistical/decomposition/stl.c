#include "model/statistical/decomposition/stl.h"

#include <math.h>
#include <string.h>

#include "num/quantile.h"

#define VALUE_MAX 1e290
#define DISTANCES 6    /* medians: weight 0 beyond */
#define ROUNDING 1e-13 /* of the largest value: no distance at all */

typedef struct stl {
    const alm_stl_options *options;
    const double *y;
    size_t count;
    size_t cycles; /* of the first phases; the last ones may have one less */
    size_t long_phases;
    bool all_known;
    bool is_weighted;           /* the plans are */
    alm_loess cycle[2];         /* of phases with `cycles` values, and one less */
    alm_loess trend;
    alm_loess low;
    double *weight, *season_of; /* of the season-wise smooth: count + 2 season */
    double *a, *b;              /* temporaries of that size */
    double *phase, *phase_weight, *smoothed;
} stl;

/* ---- parts of the inner loop ---- */

/* out[n - length + 1]: means of `length` values, by a running sum. */
static void moving_average(const double *x, size_t n, size_t length, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += x[i];
    }
    out[0] = sum / (double)length;
    for (size_t i = length; i < n; i++) {
        sum = sum - x[i - length] + x[i];
        out[i - length + 1] = sum / (double)length;
    }
}

/* Each phase over its cycles, from one cycle before the first to one after the last. */
static void smooth_phases(stl *s, const double *y)
{
    size_t season = s->options->season;
    for (size_t j = 0; j < season; j++) {
        const alm_loess *plan = &s->cycle[j >= s->long_phases];
        size_t n = plan->count;
        bool is_known = false;
        for (size_t i = 0; i < n; i++) {
            s->phase[i] = y[i * season + j];
            s->phase_weight[i] = s->weight[i * season + j];
            is_known = is_known || !isnan(s->phase[i]);
        }
        double *out = s->smoothed;
        const double *weight = s->is_weighted ? s->phase_weight : NULL;
        if (is_known) {
            alm_loess_smooth(plan, s->phase, weight, out + 1);
            alm_loess_outside(plan, s->phase, weight, &out[0], &out[n + 1]);
            out[0] = isnan(out[0]) ? out[1] : out[0];
            out[n + 1] = isnan(out[n + 1]) ? out[n] : out[n + 1];
        } else {
            memset(out, 0, (n + 2) * sizeof *out);
        }
        for (size_t i = 0; i < n + 2; i++) {
            s->season_of[i * season + j] = out[i];
        }
    }
}

static void one_round(stl *s, double *season, double *trend)
{
    size_t n = s->count;
    size_t period = s->options->season;
    for (size_t t = 0; t < n; t++) {
        s->a[t] = s->y[t] - trend[t];
    }
    smooth_phases(s, s->a);
    moving_average(s->season_of, n + 2 * period, period, s->a);
    moving_average(s->a, n + period + 1, period, s->b);
    moving_average(s->b, n + 2, 3, s->a);
    alm_loess_smooth(&s->low, s->a, NULL, s->b);
    for (size_t t = 0; t < n; t++) {
        season[t] = s->season_of[period + t] - s->b[t];
        s->a[t] = s->y[t] - season[t];
    }
    alm_loess_smooth(&s->trend, s->a, s->is_weighted ? s->weight : NULL, trend);
}

/* ---- weights by distance ---- */

static void weigh(stl *s, const double *season, const double *trend)
{
    size_t known = 0;
    double largest = 0;
    for (size_t t = 0; t < s->count; t++) {
        if (!isnan(s->y[t])) {
            largest = fabs(s->y[t]) > largest ? fabs(s->y[t]) : largest;
            s->a[known++] = fabs(s->y[t] - season[t] - trend[t]);
        }
    }
    alm_sort_doubles(s->a, known);
    double median = (s->a[known / 2] + s->a[(known - 1) / 2]) / 2;
    double most = DISTANCES * median;
    for (size_t t = 0; t < s->count; t++) {
        double distance = fabs(s->y[t] - season[t] - trend[t]);
        if (distance <= .001 * most || distance <= ROUNDING * largest) {
            s->weight[t] = 1;
        } else if (distance <= .999 * most) {
            double ratio = distance / most;
            s->weight[t] = (1 - ratio * ratio) * (1 - ratio * ratio);
        } else {
            s->weight[t] = 0; /* of NaN, too */
        }
    }
}

/* ---- the whole ---- */

static void plan_all(stl *s, bool is_weighted, alm_arena *arena)
{
    const alm_stl_options *o = s->options;
    s->is_weighted = is_weighted;
    s->cycle[0] = alm_loess_plan(&o->cycle, s->cycles, is_weighted, arena);
    s->cycle[1] = alm_loess_plan(&o->cycle, s->cycles - 1, is_weighted, arena);
    s->trend = alm_loess_plan(&o->trend, s->count, is_weighted, arena);
}

static stl new_stl(const double *y, size_t count, const alm_stl_options *options,
                   alm_arena *arena)
{
    size_t season = options->season;
    size_t size = count + 2 * season;
    stl s = {.options = options, .y = y, .count = count, .all_known = true,
             .cycles = (count + season - 1) / season,
             .long_phases = count % season ? count % season : season,
             .weight = ALM_NEW_ARRAY(arena, double, count),
             .season_of = ALM_NEW_ARRAY(arena, double, size),
             .a = ALM_NEW_ARRAY(arena, double, size), .b = ALM_NEW_ARRAY(arena, double, size)};
    s.phase = ALM_NEW_ARRAY(arena, double, s.cycles);
    s.phase_weight = ALM_NEW_ARRAY(arena, double, s.cycles);
    s.smoothed = ALM_NEW_ARRAY(arena, double, s.cycles + 2);
    for (size_t t = 0; t < count; t++) {
        s.weight[t] = !isnan(y[t]);
        s.all_known = s.all_known && s.weight[t] > 0;
    }
    s.low = alm_loess_plan(&options->low, count, false, arena);
    plan_all(&s, !s.all_known, arena);
    return s;
}

static bool is_shape(const alm_loess_shape *shape)
{
    return shape->window >= 3 && shape->window % 2 == 1 && shape->jump >= 1 &&
           (shape->degree == 0 || shape->degree == 1);
}

static alm_err check(const double *y, size_t count, const alm_stl_options *o, alm_error *error)
{
    if (o->season < 2 || o->inner < 1) {
        return alm_fail(error, ALM_ERR_INVALID, "a season of at least 2 periods and at least one "
                        "inner round are needed");
    }
    if (!is_shape(&o->cycle) || !is_shape(&o->trend) || !is_shape(&o->low)) {
        return alm_fail(error, ALM_ERR_INVALID, "a window must be odd and at least 3, a jump at "
                        "least 1, a degree 0 or 1");
    }
    if (count / 2 < o->season) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "two seasons of %zu periods are needed, %zu "
                        "periods are there", o->season, count);
    }
    double largest = -1;
    for (size_t t = 0; t < count; t++) {
        double size = fabs(y[t]);
        largest = size > largest ? size : largest;
    }
    if (largest < 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "1 known value is needed, 0 are there");
    }
    if (largest > VALUE_MAX) {
        return alm_fail(error, ALM_ERR_NUMERIC, "values up to %g are too large", largest);
    }
    return ALM_OK;
}

alm_err alm_stl(const double *y, size_t count, const alm_stl_options *options, alm_arena *arena,
                alm_stl_parts *out, alm_error *error)
{
    ALM_TRY(check(y, count, options, error));
    stl s = new_stl(y, count, options, arena);
    alm_stl_parts parts = {ALM_NEW_ARRAY(arena, double, count),
                           ALM_NEW_ARRAY(arena, double, count), s.weight};
    for (size_t k = 0; k <= options->outer; k++) {
        for (size_t i = 0; i < options->inner; i++) {
            one_round(&s, parts.season, parts.trend);
        }
        if (k == options->outer) {
            break;
        }
        weigh(&s, parts.season, parts.trend);
        if (!s.is_weighted) {
            plan_all(&s, true, arena);
        }
    }
    *out = parts;
    return ALM_OK;
}

static size_t next_odd(double least)
{
    size_t whole = (size_t)ceil(least);
    return whole + (whole % 2 == 0);
}

alm_stl_options alm_stl_usual(size_t season, size_t window, bool is_robust)
{
    double cycles = (double)window;
    return (alm_stl_options){
        .season = season,
        .cycle = {window, 1, 1},
        .trend = {next_odd(1.5 * (double)season / (1 - 1.5 / cycles)), 1, 1},
        .low = {next_odd((double)season + 1), 1, 1},
        .inner = is_robust ? 2 : 5,
        .outer = is_robust ? 15 : 0,
    };
}

/* ---- strength ---- */

typedef struct moments { /* of distances from the first value */
    double first, sum, squares;
    size_t count;
} moments;

static void add(moments *m, double value)
{
    m->first = m->count ? m->first : value;
    m->sum += value - m->first;
    m->squares += (value - m->first) * (value - m->first);
    m->count++;
}

static double variance(const moments *m)
{
    double n = (double)m->count;
    double centred = m->squares - m->sum * m->sum / n;
    return centred > 0 ? centred / n : 0;
}

static double beside(double remainder, double both)
{
    double strength = both > 0 ? 1 - remainder / both : 0;
    return strength > 0 ? strength : 0;
}

alm_strength alm_stl_strength(const double *y, const double *season, const double *trend,
                              size_t count)
{
    moments remainder = {0};
    moments with_trend = {0};
    moments with_season = {0};
    for (size_t t = 0; t < count; t++) {
        if (!isnan(y[t])) {
            add(&remainder, y[t] - season[t] - trend[t]);
            add(&with_trend, y[t] - season[t]);
            add(&with_season, y[t] - trend[t]);
        }
    }
    if (remainder.count == 0) {
        return (alm_strength){0, 0};
    }
    double rest = variance(&remainder);
    return (alm_strength){beside(rest, variance(&with_trend)),
                          beside(rest, variance(&with_season))};
}
