#include "model/statistical/automatic/explained.h"

#include <math.h>
#include <string.h>

#include "model/statistical/sample_paths.h"
#include "num/quantile.h"

/* ---- taking out ---- */

static double median_of(const alm_regressors *x, size_t k, size_t count, double *room)
{
    size_t known = 0;
    for (size_t t = 0; t < count; t++) {
        double value = x->x[k * x->periods + t];
        if (isfinite(value)) {
            room[known++] = value;
        }
    }
    alm_sort_doubles(room, known);
    return known > 0 ? room[(known - 1) / 2] : 0; /* a value that was there */
}

/* Of the period; NaN without a plan. */
static double explained_at(const alm_explained *e, size_t t)
{
    double sum = 0;
    for (size_t k = 0; k < e->effects.count; k++) {
        if (e->effects.effect[k].reason == ALM_EFFECT_USED) {
            double x = t < e->x->periods ? e->x->x[k * e->x->periods + t] : (double)NAN;
            sum += e->effects.effect[k].coefficient * (x - e->middle[k]);
        }
    }
    return sum;
}

static bool take_out(alm_explained *e, alm_arena *arena)
{
    size_t count = e->past.count;
    double *rest = ALM_NEW_ARRAY(arena, double, count);
    double *middle = ALM_NEW_ARRAY(arena, double, e->x->count);
    for (size_t k = 0; k < e->x->count; k++) {
        middle[k] = median_of(e->x, k, count, rest);
    }
    e->middle = middle;
    for (size_t t = 0; t < count; t++) {
        rest[t] = e->past.y[t] - explained_at(e, t);
        if (isinf(rest[t])) {
            return false;
        }
    }
    e->rest.y = rest;
    return true;
}

void alm_explain(const alm_past *past, const alm_regressors *x, bool as_arima, alm_arena *arena,
                 alm_explained *out)
{
    *out = (alm_explained){.past = *past, .rest = *past, .x = x};
    if (!x || x->count == 0) {
        return;
    }
    bool by_search = as_arima && past->season <= ALM_ARIMA_SEASON_MAX;
    alm_effects_of(past, x, by_search, arena, &out->effects);
    if (out->effects.used > 0 && !take_out(out, arena)) {
        out->effects.used = 0;
        out->effects.arima = NULL;
        for (size_t k = 0; k < x->count; k++) {
            out->effects.effect[k] = (alm_effect){0, (double)NAN, ALM_EFFECT_NO_FIT};
        }
    }
}

/* ---- putting back ---- */

typedef struct of_rest {
    const alm_explained *explained;
    const alm_forecaster_kind *kind;
    void *state;
    size_t t;
} of_rest;

void *alm_explained_wrap(const alm_explained *explained, const alm_forecaster_kind *kind,
                         void *state, alm_arena *arena)
{
    of_rest *s = ALM_NEW(arena, of_rest);
    *s = (of_rest){explained, kind, state, explained->past.count};
    return s;
}

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    (void)past;
    (void)arena;
    (void)state;
    return alm_fail(error, ALM_ERR_INVALID, "what regressors leave is fitted with regressors");
}

static void update(void *state, double y)
{
    of_rest *s = state;
    s->kind->update(s->state, y - explained_at(s->explained, s->t));
    s->t++;
}

static void mean(const void *state, size_t steps, double *out)
{
    const of_rest *s = state;
    s->kind->mean(s->state, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] += explained_at(s->explained, s->t + h);
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const of_rest *s = state;
    s->kind->deviation(s->state, steps, out);
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const of_rest *from = state;
    of_rest *to = into ? into : ALM_NEW(arena, of_rest);
    void *before = into ? to->state : NULL;
    *to = *from;
    to->state = from->kind->copy(from->state, arena, before);
    return to;
}

static double next(const void *state, double u)
{
    const of_rest *s = state;
    return alm_forecaster_next(s->kind, s->state, u) + explained_at(s->explained, s->t);
}

const alm_forecaster_kind alm_of_rest = {"of_rest", fit, update, mean, deviation, copy, next, {0}};
