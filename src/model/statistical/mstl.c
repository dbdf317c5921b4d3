#include "model/statistical/mstl.h"

#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"
#include "model/statistical/theta.h"

#define WINDOW_FIRST 11 /* cycles; 4 more for each season after it */
#define WINDOW_MORE 4

/* ---- decomposition ---- */

alm_mstl_options alm_mstl_usual(void)
{
    return (alm_mstl_options){.passes = 2, .inner = 2, .outer = 0, .degree = 0,
                              .is_in_jumps = true};
}

static size_t jump_of(const alm_loess_shape *shape)
{
    return (shape->window + 9) / 10;
}

static alm_stl_options options_of(const alm_mstl_options *options, size_t period, size_t rank)
{
    alm_stl_options o = alm_stl_usual(period, WINDOW_FIRST + WINDOW_MORE * rank, false);
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

/* Rising, and each season once. */
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
            return alm_fail(error, ALM_ERR_INVALID,
                            "seasons must be different and at least 2 periods, one is %zu", out[i]);
        }
    }
    return ALM_OK;
}

alm_err alm_mstl_decompose(const double *y, size_t count, const size_t *seasons,
                           size_t season_count, const alm_mstl_options *options,
                           alm_arena *arena, alm_mstl_parts *out, alm_error *error)
{
    alm_mstl_parts parts = {.season_count = season_count};
    alm_assert(season_count > 0 && options->passes > 0);
    ALM_TRY(sort_seasons(seasons, season_count, parts.period, error));
    double *rest = ALM_NEW_ARRAY(arena, double, count);
    if (count > 0) {
        memcpy(rest, y, count * sizeof *rest);
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

/* ---- the forecaster ---- */

typedef struct mstl {
    double factor; /* of the size of values, a power of two */
    size_t t;      /* periods that are over */
    const double *index[ALM_MSTL_SEASONS_MAX]; /* by phase; phase 0 is that of period 0 */
    const alm_forecaster_kind *kind;
    void *adjusted; /* its state */
    alm_mstl_facts facts;
} mstl;

static double season_at(const mstl *s, size_t t)
{
    double sum = 0;
    for (size_t i = 0; i < s->facts.season_count; i++) {
        sum += s->index[i][t % s->facts.period[i]];
    }
    return sum;
}

/* The share of a newest value in its season: its own weight among the last cycles. Errors measured
 * without it are that much too small. */
static double inflation_of(const mstl *s, size_t count, alm_arena *arena)
{
    double left = 1;
    for (size_t i = 0; i < s->facts.season_count; i++) {
        size_t cycles = count / s->facts.period[i];
        alm_loess_shape shape = {WINDOW_FIRST + WINDOW_MORE * i, 1, 0};
        alm_loess plan = alm_loess_plan(&shape, cycles, false, arena);
        left *= 1 - plan.row[cycles / 2][cycles < plan.shape.window ? cycles / 2
                                                                     : plan.shape.window / 2];
    }
    return 1 / left;
}

/* The last cycle of each season, and how strong each is beside the remainder. */
static void take_seasons(mstl *s, const alm_adjusted *past, const alm_mstl_parts *parts,
                         alm_arena *arena)
{
    size_t n = past->count;
    double *others = ALM_NEW_ARRAY(arena, double, n);
    for (size_t i = 0; i < parts->season_count; i++) {
        size_t period = parts->period[i];
        double *index = ALM_NEW_ARRAY(arena, double, period);
        for (size_t t = n - period; t < n; t++) {
            index[t % period] = parts->season[i][t];
        }
        s->index[i] = index;
        s->facts.period[i] = period;
        for (size_t t = 0; t < n; t++) {
            others[t] = past->y[t];
            for (size_t k = 0; k < parts->season_count; k++) {
                others[t] -= k == i ? 0 : parts->season[k][t];
            }
        }
        alm_strength strength = alm_stl_strength(others, parts->season[i], parts->trend, n);
        s->facts.strength[i] = strength.season;
        s->facts.trend_strength = strength.trend;
    }
    s->facts.season_count = parts->season_count;
}

alm_err alm_mstl_fit(const alm_past *past, const size_t *seasons, size_t season_count,
                     alm_arena *arena, void **state, alm_error *error)
{
    size_t used[ALM_MSTL_SEASONS_MAX];
    size_t sorted[ALM_MSTL_SEASONS_MAX];
    alm_adjusted scaled;
    ALM_TRY(sort_seasons(seasons, season_count, sorted, error));
    ALM_TRY(alm_adjust(past, 1, 0, arena, &scaled, error));
    mstl *s = ALM_NEW(arena, mstl);
    *s = (mstl){.factor = scaled.by.factor, .t = past->count,
                .kind = &alm_theta_dynamic_optimised};
    size_t count = 0;
    for (size_t i = 0; i < season_count; i++) {
        if (past->count / 2 >= sorted[i]) {
            used[count++] = sorted[i];
        } else {
            s->facts.too_long[s->facts.too_long_count++] = sorted[i];
        }
    }
    if (count > 0) {
        alm_mstl_parts parts;
        alm_mstl_options options = alm_mstl_usual();
        ALM_TRY(alm_mstl_decompose(scaled.y, past->count, used, count, &options, arena, &parts,
                                   error));
        take_seasons(s, &scaled, &parts, arena);
        for (size_t t = 0; t < past->count; t++) {
            for (size_t i = 0; i < count; i++) {
                scaled.y[t] -= parts.season[i][t];
            }
        }
    }
    s->facts.inflation = inflation_of(s, past->count, arena);
    s->facts.adjusted_by = s->kind->name;
    alm_past rest = {scaled.y, past->count, 1};
    ALM_TRY(s->kind->fit(&rest, arena, &s->adjusted, error));
    *state = s;
    return ALM_OK;
}

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return alm_mstl_fit(past, &past->season, past->season > 1, arena, state, error);
}

static void update(void *state, double y)
{
    mstl *s = state;
    s->kind->update(s->adjusted, y / s->factor - season_at(s, s->t));
    s->t++;
}

static void mean(const void *state, size_t steps, double *out)
{
    const mstl *s = state;
    s->kind->mean(s->adjusted, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = (out[h] + season_at(s, s->t + h)) * s->factor;
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const mstl *s = state;
    s->kind->deviation(s->adjusted, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] *= s->facts.inflation * s->factor;
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const mstl *from = state;
    mstl *to = into ? into : ALM_NEW(arena, mstl);
    void *adjusted = from->kind->copy(from->adjusted, arena, into ? to->adjusted : NULL);
    *to = *from; /* the seasons never change */
    to->adjusted = adjusted;
    return to;
}

void alm_mstl_describe(const void *state, alm_mstl_facts *out)
{
    *out = ((const mstl *)state)->facts;
}

const alm_forecaster_kind alm_mstl = {"mstl", fit, update, mean, deviation, copy, NULL, {0}};
