#include "model/statistical/rare/croston.h"

#include <math.h>

#include "model/statistical/rare/demand_past.h"
#include "model/statistical/rare/demand_smoothing.h"

typedef struct croston {
    alm_adjustment by;
    alm_croston_form form; /* with the alphas that were found */
    double size;  /* 0: no demand yet */
    double time;  /* interval, or probability */
    double since; /* known periods since the last demand, the next one included */
    double errors;
    size_t error_count;
} croston;

static double forecast(const croston *s)
{
    if (s->size == 0) {
        return 0;
    }
    switch (s->form.rule) {
    case ALM_CROSTON: return s->size / s->time;
    case ALM_CROSTON_SBA: return s->size / s->time * (1 - s->form.alpha_time / 2);
    default: return s->size * s->time;
    }
}

static void smooth(double *level, double alpha, double x, bool is_first)
{
    *level = is_first ? x : *level + alpha * (x - *level);
}

/* A known value, scaled. */
static void take(croston *s, double y)
{
    bool is_first = s->size == 0;
    if (!is_first) {
        double e = y - forecast(s);
        s->errors += e * e;
        s->error_count++;
    }
    if (s->form.rule == ALM_CROSTON_TSB) {
        smooth(&s->time, s->form.alpha_time, y > 0, isnan(s->time));
    }
    if (!(y > 0)) {
        s->since++;
        return;
    }
    smooth(&s->size, s->form.alpha_size, y, is_first);
    if (s->form.rule != ALM_CROSTON_TSB) {
        smooth(&s->time, s->form.alpha_time, s->since, is_first);
    }
    s->since = 1;
}

/* ---- fitting ---- */

static size_t sizes_of(const alm_demand_past *past, double *out)
{
    size_t count = 0;
    for (size_t t = 0; t < past->count; t++) {
        if (past->y[t] > 0) {
            out[count++] = past->y[t];
        }
    }
    return count;
}

static size_t times_of(const alm_demand_past *past, alm_croston_rule rule, double *out)
{
    size_t count = 0;
    size_t since = 1;
    for (size_t t = 0; t < past->count; t++) {
        bool is_demand = past->y[t] > 0;
        if (rule == ALM_CROSTON_TSB) {
            out[count++] = is_demand;
        } else if (is_demand) {
            out[count++] = (double)since;
        }
        since = is_demand ? 1 : since + 1;
    }
    return count;
}

static double alpha_of(double asked, const double *x, size_t count)
{
    return isnan(asked) ? alm_smoothing_search(x, count, ALM_CROSTON_ALPHA, ALM_CROSTON_ALPHA_MAX)
                        : asked;
}

alm_err alm_croston_fit(const alm_past *past, const alm_croston_form *form, alm_arena *arena,
                        void **state, alm_error *error)
{
    alm_demand_past demand;
    ALM_TRY(alm_demand_past_of(past, arena, &demand, error));
    double *x = ALM_NEW_ARRAY(arena, double, demand.count);
    croston *s = ALM_NEW(arena, croston);
    *s = (croston){.by = demand.by, .form = *form, .time = (double)NAN, .since = 1};
    if (isnan(form->alpha_size)) {
        s->form.alpha_size = alpha_of(form->alpha_size, x, sizes_of(&demand, x));
    }
    if (isnan(form->alpha_time)) {
        s->form.alpha_time = alpha_of(form->alpha_time, x, times_of(&demand, form->rule, x));
    }
    for (size_t t = 0; t < demand.count; t++) {
        take(s, demand.y[t]);
    }
    *state = s;
    return ALM_OK;
}

static alm_err fit(alm_croston_rule rule, double alpha, const alm_past *past, alm_arena *arena,
                   void **state, alm_error *error)
{
    alm_croston_form form = {rule, alpha, alpha};
    return alm_croston_fit(past, &form, arena, state, error);
}

static alm_err fit_fixed(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(ALM_CROSTON, ALM_CROSTON_ALPHA, past, arena, state, error);
}

static alm_err fit_optimised(const alm_past *past, alm_arena *arena, void **state,
                             alm_error *error)
{
    return fit(ALM_CROSTON, (double)NAN, past, arena, state, error);
}

static alm_err fit_sba(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(ALM_CROSTON_SBA, ALM_CROSTON_ALPHA, past, arena, state, error);
}

static alm_err fit_tsb(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(ALM_CROSTON_TSB, ALM_CROSTON_ALPHA, past, arena, state, error);
}

static alm_err fit_tsb_optimised(const alm_past *past, alm_arena *arena, void **state,
                                 alm_error *error)
{
    return fit(ALM_CROSTON_TSB, (double)NAN, past, arena, state, error);
}

/* ---- the state ---- */

static void update(void *state, double y)
{
    croston *s = state;
    if (!isnan(y)) {
        take(s, alm_demand_value(&s->by, y));
    }
}

static void mean(const void *state, size_t steps, double *out)
{
    const croston *s = state;
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_value(&s->by, h, forecast(s));
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const croston *s = state;
    double one = s->error_count ? s->errors / (double)s->error_count : (double)NAN;
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_deviation(&s->by, h, one);
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    croston *to = into ? into : ALM_NEW(arena, croston);
    *to = *(const croston *)state;
    return to;
}

void alm_croston_describe(const void *state, alm_croston_facts *out)
{
    const croston *s = state;
    bool is_tsb = s->form.rule == ALM_CROSTON_TSB;
    *out = (alm_croston_facts){.alpha_size = s->form.alpha_size,
                               .alpha_time = s->form.alpha_time,
                               .size = s->size * s->by.factor,
                               .interval = is_tsb ? (double)NAN : s->time,
                               .probability = is_tsb ? s->time : (double)NAN};
}

#define OF_DEMAND(surprised) {.support = ALM_SUPPORT_NON_NEGATIVE, .is_surprised = (surprised)}
#define KIND(name, fit) {name, fit, update, mean, deviation, copy, NULL, OF_DEMAND(false)}

const alm_forecaster_kind alm_croston = KIND("croston", fit_fixed);
const alm_forecaster_kind alm_croston_optimised = KIND("croston_optimised", fit_optimised);
const alm_forecaster_kind alm_sba = {"sba",     fit_sba, update, mean, deviation,
                                     copy,      NULL,    OF_DEMAND(true)};
const alm_forecaster_kind alm_tsb = KIND("tsb", fit_tsb);
const alm_forecaster_kind alm_tsb_optimised = KIND("tsb_optimised", fit_tsb_optimised);
