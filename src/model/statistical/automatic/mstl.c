#include "model/statistical/automatic/mstl.h"

#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"
#include "model/statistical/automatic/choice.h"
#include "num/elementary.h"

#define WINDOW_FIRST 11 /* cycles; 4 more for each season after it */
#define WINDOW_MORE 4
#define RATIO_MAX 1e6   /* of the largest value to the smallest: seasons are ratios below it */

/* ---- decomposition ---- */

alm_mstl_options alm_mstl_usual(const size_t *seasons, size_t season_count)
{
    return (alm_mstl_options){.seasons = seasons, .season_count = season_count, .passes = 2,
                              .inner = 2, .outer = 0, .degree = 0, .is_in_jumps = true};
}

static size_t window_of(size_t rank)
{
    return WINDOW_FIRST + WINDOW_MORE * rank;
}

static size_t jump_of(const alm_loess_shape *shape)
{
    return (shape->window + 9) / 10;
}

static alm_stl_options options_of(const alm_mstl_options *options, size_t period, size_t rank)
{
    alm_stl_options o = alm_stl_usual(period, window_of(rank), false);
    o.inner = options->inner;
    o.outer = options->outer;
    o.cycle.degree = options->degree;
    if (options->is_in_jumps) {
        o.cycle.jump = jump_of(&o.cycle);
        o.trend.jump = jump_of(&o.trend);
        o.low.jump = jump_of(&o.low);
    }
    return o;
}

/* Rising. */
static alm_err sort_seasons(const size_t *seasons, size_t count, size_t *out, alm_error *error)
{
    if (count > ALM_MSTL_SEASONS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu seasons are given, at most %d are possible",
                        count, ALM_MSTL_SEASONS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        size_t k = i;
        for (; k > 0 && out[k - 1] > seasons[i]; k--) {
            out[k] = out[k - 1];
        }
        out[k] = seasons[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (out[i] < 2 || (i > 0 && out[i] == out[i - 1])) {
            return alm_fail(error, ALM_ERR_INVALID, "seasons must be different and have at least 2 "
                            "periods, one has %zu", out[i]);
        }
    }
    return ALM_OK;
}

alm_err alm_mstl_decompose(const double *y, size_t count, const alm_mstl_options *options,
                           alm_arena *arena, alm_mstl_parts *out, alm_error *error)
{
    size_t season_count = options->season_count;
    alm_mstl_parts parts = {.season_count = season_count};
    alm_assert(season_count > 0 && options->passes > 0);
    ALM_TRY(sort_seasons(options->seasons, season_count, parts.period, error));
    double *rest = ALM_NEW_ARRAY(arena, double, count);
    for (size_t t = 0; t < count; t++) {
        rest[t] = y[t];
    }
    for (size_t i = 0; i < season_count; i++) {
        parts.season[i] = ALM_NEW_ARRAY(arena, double, count);
    }
    size_t passes = season_count == 1 ? 1 : options->passes;
    for (size_t k = 0; k < passes * season_count; k++) {
        size_t i = k % season_count;
        alm_stl_options stl = options_of(options, parts.period[i], i);
        alm_stl_parts found;
        for (size_t t = 0; t < count; t++) {
            rest[t] += parts.season[i][t];
        }
        ALM_TRY(alm_stl(rest, count, &stl, arena, &found, error));
        parts.season[i] = found.season;
        parts.trend = found.trend;
        for (size_t t = 0; t < count; t++) {
            rest[t] -= parts.season[i][t];
        }
    }
    *out = parts;
    return ALM_OK;
}

alm_err alm_past_strength(const alm_past *past, alm_arena *arena, alm_strength *out,
                          alm_error *error)
{
    if (past->season < 2 || past->count / 2 < past->season) {
        *out = (alm_strength){0, 0};
        return ALM_OK;
    }
    alm_mstl_options options = alm_mstl_usual(&past->season, 1);
    alm_mstl_parts parts;
    alm_adjusted scaled;
    ALM_TRY(alm_adjust(past, 1, 0, arena, &scaled, error));
    ALM_TRY(alm_mstl_decompose(scaled.y, past->count, &options, arena, &parts, error));
    *out = alm_stl_strength(scaled.y, parts.season[0], parts.trend, past->count);
    return ALM_OK;
}

/* ---- how a season goes on ---- */

typedef struct phase { /* what its cycles say until now */
    double level;
    double known;
} phase;

typedef struct foretold {
    double share;
    double squares; /* of the errors */
} foretold;

/* Each value of z by the earlier ones of its phase: their mean until 1 / gain of them are known,
 * then smoothed by `gain`. The phases are left as they are at the end. */
static foretold foretell(const double *z, size_t count, double gain, phase *phases, size_t period)
{
    double pp = 0, pz = 0, zz = 0;
    memset(phases, 0, period * sizeof *phases);
    for (size_t t = 0; t < count; t++) {
        phase *p = &phases[t % period];
        if (isnan(z[t])) {
            continue;
        }
        if (p->known > 0) {
            pp += p->level * p->level;
            pz += p->level * z[t];
            zz += z[t] * z[t];
        }
        p->known++;
        p->level += (gain * p->known > 1 ? gain : 1 / p->known) * (z[t] - p->level);
    }
    double share = pp > 0 ? pz / pp : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return (foretold){share, zz - 2 * share * pz + share * share * pp};
}

/* index[period] from z, the season with its remainder. */
static void go_on(const double *z, size_t count, alm_mstl_season *season, double *index,
                  alm_arena *arena)
{
    static const double GAINS[] = {0, .05, .1, .2, .3, .5};
    phase *phases = ALM_NEW_ARRAY(arena, phase, season->period);
    double lowest = INFINITY;
    for (size_t i = 0; i < sizeof GAINS / sizeof GAINS[0]; i++) {
        foretold f = foretell(z, count, GAINS[i], phases, season->period);
        if (f.squares < lowest) {
            lowest = f.squares;
            season->gain = GAINS[i];
            season->share = f.share;
        }
    }
    (void)foretell(z, count, season->gain, phases, season->period);
    for (size_t j = 0; j < season->period; j++) {
        index[j] = season->share * phases[j].level; /* 0 of a phase of which nothing is known */
    }
}

/* ---- fitting ---- */

typedef struct mstl {
    double factor; /* of the size of values, a power of two */
    size_t t;      /* periods that are over */
    const double *index[ALM_MSTL_SEASONS_MAX]; /* by phase; phase 0 is that of period 0 */
    const alm_forecaster_kind *kind;
    void *left; /* its state */
    alm_mstl_facts facts;
} mstl;

static double out_of(const mstl *s, double y, double season)
{
    return s->facts.is_ratio ? y / alm_exp(season) : y - season;
}

static double back_into(const mstl *s, double y, double season)
{
    return s->facts.is_ratio ? y * alm_exp(season) : y + season;
}

static bool are_ratios(const alm_adjusted *past)
{
    double low = INFINITY;
    double high = -INFINITY;
    for (size_t t = 0; t < past->count; t++) {
        low = past->y[t] < low ? past->y[t] : low;
        high = past->y[t] > high ? past->y[t] : high;
    }
    return low > 0 && high / low < RATIO_MAX;
}

/* The weight that a value in the middle of a phase has in its own season. */
static double own_weight(size_t cycles, size_t rank, alm_arena *arena)
{
    alm_loess_shape shape = {window_of(rank), 1, 0};
    alm_loess plan = alm_loess_plan(&shape, cycles, false, arena);
    size_t middle = cycles / 2;
    return plan.row[middle][plan.width < shape.window ? middle : shape.window / 2];
}

/* Takes the seasons of values (or logarithms) w out of them, and out of y. */
static alm_err take_seasons(mstl *s, const alm_adjusted *past, const double *w, alm_arena *arena,
                            alm_error *error)
{
    size_t n = past->count;
    size_t period[ALM_MSTL_SEASONS_MAX] = {0};
    size_t count = s->facts.season_count;
    for (size_t i = 0; i < count; i++) {
        period[i] = s->facts.season[i].period;
    }
    alm_mstl_options options = alm_mstl_usual(period, count);
    alm_mstl_parts parts;
    ALM_TRY(alm_mstl_decompose(w, n, &options, arena, &parts, error));
    double *others = ALM_NEW_ARRAY(arena, double, n);
    double *z = ALM_NEW_ARRAY(arena, double, n);
    double *all = ALM_NEW_ARRAY(arena, double, n);
    for (size_t i = 0; i < count; i++) {
        alm_mstl_season *season = &s->facts.season[i];
        double *index = ALM_NEW_ARRAY(arena, double, period[i]);
        for (size_t t = 0; t < n; t++) {
            others[t] = w[t];
            for (size_t k = 0; k < count; k++) {
                others[t] -= k == i ? 0 : parts.season[k][t];
            }
            z[t] = others[t] - parts.trend[t];
        }
        alm_strength strength = alm_stl_strength(others, parts.season[i], parts.trend, n);
        season->strength = strength.season;
        s->facts.trend_strength = strength.trend;
        go_on(z, n, season, index, arena);
        s->index[i] = index;
        s->facts.inflation /= 1 - season->share * own_weight(n / period[i], i, arena);
        for (size_t t = 0; t < n; t++) {
            all[t] += season->share * parts.season[i][t];
        }
    }
    for (size_t t = 0; t < n; t++) {
        past->y[t] = out_of(s, past->y[t], all[t]);
    }
    return ALM_OK;
}

static void choose_seasons(mstl *s, size_t count, const size_t *sorted, size_t season_count)
{
    alm_mstl_facts *f = &s->facts;
    for (size_t i = 0; i < season_count; i++) {
        if (count / 2 >= sorted[i]) {
            f->season[f->season_count++].period = sorted[i];
        } else {
            f->too_long[f->too_long_count++] = sorted[i];
        }
    }
}

alm_err alm_mstl_fit(const alm_past *past, const size_t *seasons, size_t season_count,
                     alm_arena *arena, void **state, alm_error *error)
{
    size_t sorted[ALM_MSTL_SEASONS_MAX];
    alm_adjusted scaled;
    ALM_TRY(sort_seasons(seasons, season_count, sorted, error));
    ALM_TRY(alm_adjust(past, 1, 0, arena, &scaled, error));
    mstl *s = ALM_NEW(arena, mstl);
    *s = (mstl){.factor = scaled.by.factor, .t = past->count,
                .kind = &alm_auto};
    s->facts.inflation = 1;
    s->facts.left_to = s->kind->name;
    choose_seasons(s, past->count, sorted, season_count);
    if (s->facts.season_count > 0) {
        s->facts.is_ratio = are_ratios(&scaled);
        double *w = ALM_NEW_ARRAY(arena, double, past->count);
        for (size_t t = 0; t < past->count; t++) {
            bool is_log = s->facts.is_ratio && !isnan(scaled.y[t]);
            w[t] = is_log ? alm_log(scaled.y[t]) : scaled.y[t];
        }
        ALM_TRY(take_seasons(s, &scaled, w, arena, error));
    }
    alm_past rest = {scaled.y, past->count, 1};
    ALM_TRY(s->kind->fit(&rest, arena, &s->left, error));
    *state = s;
    return ALM_OK;
}

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return alm_mstl_fit(past, &past->season, past->season > 1, arena, state, error);
}

/* ---- the state ---- */

static double season_at(const mstl *s, size_t t)
{
    double sum = 0;
    for (size_t i = 0; i < s->facts.season_count; i++) {
        sum += s->index[i][t % s->facts.season[i].period];
    }
    return sum;
}

static void update(void *state, double y)
{
    mstl *s = state;
    s->kind->update(s->left, out_of(s, y / s->factor, season_at(s, s->t)));
    s->t++;
}

static void mean(const void *state, size_t steps, double *out)
{
    const mstl *s = state;
    s->kind->mean(s->left, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = back_into(s, out[h], season_at(s, s->t + h)) * s->factor;
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const mstl *s = state;
    s->kind->deviation(s->left, steps, out);
    for (size_t h = 0; h < steps; h++) {
        double ratio = s->facts.is_ratio ? alm_exp(season_at(s, s->t + h)) : 1;
        out[h] *= s->facts.inflation * ratio * s->factor;
        out[h] = isfinite(out[h]) ? out[h] : (double)NAN;
    }
}

static double next(const void *state, double u)
{
    const mstl *s = state;
    double middle = 0;
    s->kind->mean(s->left, 1, &middle);
    double far = s->kind->next(s->left, u) - middle;
    return back_into(s, middle + s->facts.inflation * far, season_at(s, s->t)) * s->factor;
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const mstl *from = state;
    mstl *to = into ? into : ALM_NEW(arena, mstl);
    void *left = from->kind->copy(from->left, arena, into ? to->left : NULL);
    *to = *from; /* the seasons never change */
    to->left = left;
    return to;
}

void alm_mstl_describe(const void *state, alm_mstl_facts *out)
{
    *out = ((const mstl *)state)->facts;
}

const alm_forecaster_kind alm_mstl = {"mstl", fit, update, mean, deviation, copy, next,
                                      {.is_surprised = true}}; /* as alm_auto */
