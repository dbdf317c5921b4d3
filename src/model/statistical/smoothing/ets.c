#include <string.h>

#include "model/statistical/combination.h"
#include "model/statistical/smoothing/ets_internal.h"
#include "num/elementary.h"
#include "num/normal.h"

#define LOW ALMI_ETS_LOW
#define SPARE 5     /* values beyond the parameters */
#define SPARE_NAMED 2 /* where no other form competes */
#define NEEDED 7    /* known values, for the form with the fewest parameters */
#define CYCLES 2    /* whole seasons that a long season takes */
#define STATE_MAX 1e150
#define CODES 24    /* of forms, some of which are none */
#define STRENGTH .1 /* .2 to .05 are as good on the past parts of the M3 competition's series */

static bool is_positive(const alm_adjusted *past)
{
    for (size_t t = 0; t < past->count; t++) {
        if (past->y[t] <= 0) {
            return false;
        }
    }
    return true;
}

static almi_ets *make(const alm_adjusted *past, const alm_ets_form *form, size_t season,
                 alm_arena *arena)
{
    almi_ets *p = ALM_NEW(arena, almi_ets);
    size_t m = form->season ? season : 1;
    *p = (almi_ets){.form = *form, .by = past->by, .season = m,
               .index = ALM_NEW_ARRAY(arena, double, m),
               .parameters = almi_ets_parameters(form, season)};
    return p;
}

alm_err alm_ets_fit(const alm_past *past, const alm_ets_form *form, alm_arena *arena, void **out,
                    alm_error *error)
{
    alm_adjusted adjusted;
    bool is_multiplicative = form->error == ALM_ETS_MULTIPLICATIVE ||
                             form->season == ALM_ETS_MULTIPLICATIVE;
    alm_assert(form->trend != ALM_ETS_MULTIPLICATIVE && (!form->season || past->season > 1));
    size_t needed = almi_ets_parameters(form, past->season) + SPARE;
    ALM_TRY(alm_adjust(past, needed, 0, arena, &adjusted, error));
    if (is_multiplicative && !is_positive(&adjusted)) {
        return alm_fail(error, ALM_ERR_INVALID, "a multiplicative form needs values above 0");
    }
    almi_ets *p = make(&adjusted, form, past->season, arena);
    p->care = ALMI_ETS_THOROUGH;
    if (!almi_ets_fit(&adjusted, p, arena)) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the seasons are not whole enough for indices");
    }
    *out = p;
    return ALM_OK;
}

/* ---- the choice ---- */

static bool is_candidate(const alm_ets_form *form, const alm_adjusted *past, size_t season,
                         bool positive)
{
    bool needs_positive = form->error == ALM_ETS_MULTIPLICATIVE ||
                          form->season == ALM_ETS_MULTIPLICATIVE;
    bool unstable = form->error == ALM_ETS_ADDITIVE && form->season == ALM_ETS_MULTIPLICATIVE;
    return (!form->season || season > 1) && (form->trend || !form->is_damped) && !unstable &&
           (!needs_positive || positive) &&
           past->known >= almi_ets_parameters(form, season) + SPARE;
}

static alm_ets_form form_of(int code)
{
    return (alm_ets_form){code & 1 ? ALM_ETS_MULTIPLICATIVE : ALM_ETS_ADDITIVE,
                          code & 2 ? ALM_ETS_ADDITIVE : ALM_ETS_NONE, (alm_ets_part)(code >> 3),
                          (code & 4) != 0};
}

static almi_ets *best_form(const alm_adjusted *past, size_t season, alm_arena *arena)
{
    almi_ets *best = NULL;
    bool positive = is_positive(past);
    for (int code = 0; code < CODES; code++) {
        alm_ets_form form = form_of(code);
        bool goes_on_for_ever = form.trend && !form.is_damped;
        if (is_candidate(&form, past, season, positive) && !(season > 1 && goes_on_for_ever)) {
            almi_ets *p = make(past, &form, season, arena);
            p->care = ALMI_ETS_CAUTIOUS;
            if (almi_ets_fit(past, p, arena) && (!best || p->aicc < best->aicc)) {
                best = p;
            }
        }
    }
    return best;
}

/* A long season is taken out before, where it is significant: as a part of the model it would have
 * more initial states than most pasts tell. */
static alm_err prepare(const alm_past *past, size_t needed, alm_arena *arena, alm_adjusted *out,
                       size_t *season, alm_error *error)
{
    bool is_long = past->season > ALM_ETS_SEASON_MAX;
    ALM_TRY(alm_adjust(past, needed, is_long ? CYCLES : 0, arena, out, error));
    *season = is_long ? 1 : past->season;
    return ALM_OK;
}

static alm_err fit_averaged(const alm_past *past, alm_arena *arena, void **out, alm_error *error)
{
    alm_adjusted adjusted;
    alm_combination *c = ALM_NEW(arena, alm_combination);
    double criterion[ALM_COMBINATION_PARTS_MAX];
    size_t season = 1;
    ALM_TRY(prepare(past, NEEDED, arena, &adjusted, &season, error));
    bool positive = is_positive(&adjusted);
    for (int code = 0; code < CODES; code++) {
        alm_ets_form form = form_of(code);
        if (form.is_damped == (form.trend != ALM_ETS_NONE) &&
            is_candidate(&form, &adjusted, season, positive)) {
            almi_ets *p = make(&adjusted, &form, season, arena);
            if (almi_ets_fit(&adjusted, p, arena)) {
                criterion[c->count] = p->criterion;
                c->part[c->count++] = (alm_combination_part){&alm_ets, p, 1};
            }
        }
    }
    if (c->count == 0) {
        return alm_fail(error, ALM_ERR_NUMERIC, "no form of smoothing has finite errors");
    }
    alm_combination_weigh(c, criterion, STRENGTH);
    *out = c;
    return ALM_OK;
}

/* Too few values for a form: their mean stays. */
static almi_ets *mean_of_known(const alm_adjusted *past, alm_arena *arena)
{
    static const alm_ets_form LEVEL = {ALM_ETS_ADDITIVE, ALM_ETS_NONE, ALM_ETS_NONE, false};
    almi_ets *p = make(past, &LEVEL, 1, arena);
    double sum = 0;
    double squares = 0;
    for (size_t t = 0; t < past->count; t++) {
        sum += isnan(past->y[t]) ? 0 : past->y[t];
    }
    p->level = sum / (double)past->known;
    for (size_t t = 0; t < past->count; t++) {
        double e = isnan(past->y[t]) ? 0 : past->y[t] - p->level;
        squares += e * e;
    }
    p->alpha = LOW;
    p->phi = 1;
    p->t = past->count;
    p->variance = past->known > 1 ? squares / (double)(past->known - 1) : (double)NAN;
    p->log_likelihood = p->aicc = (double)NAN;
    return p;
}

static alm_err fit_best(const alm_past *past, alm_arena *arena, void **out, alm_error *error)
{
    alm_adjusted adjusted;
    size_t season = 1;
    ALM_TRY(prepare(past, 1, arena, &adjusted, &season, error));
    almi_ets *best = best_form(&adjusted, season, arena);
    *out = best ? best : mean_of_known(&adjusted, arena);
    return ALM_OK;
}

/* ---- forms with a name ---- */

static alm_err fit_named(alm_ets_form form, const alm_past *past, alm_arena *arena, void **out,
                         alm_error *error)
{
    alm_adjusted adjusted;
    size_t season = 1;
    ALM_TRY(prepare(past, 1, arena, &adjusted, &season, error));
    if (form.season == ALM_ETS_MULTIPLICATIVE && !is_positive(&adjusted)) {
        form.error = form.season = ALM_ETS_ADDITIVE;
    }
    if (season == 1 && form.season) {
        form = (alm_ets_form){ALM_ETS_ADDITIVE, form.trend, ALM_ETS_NONE, form.is_damped};
    }
    size_t needed = almi_ets_parameters(&form, season) + SPARE_NAMED;
    if (adjusted.known < needed) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu known values are needed, %zu are there",
                        needed, adjusted.known);
    }
    almi_ets *p = make(&adjusted, &form, season, arena);
    p->care = ALMI_ETS_THOROUGH;
    if (!almi_ets_fit(&adjusted, p, arena)) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the seasons are not whole enough for indices");
    }
    *out = p;
    return ALM_OK;
}

#define NAMED(name, error, trend, season, damped)                                              \
    static alm_err fit_##name(const alm_past *past, alm_arena *arena, void **out,              \
                              alm_error *why)                                                  \
    {                                                                                          \
        return fit_named((alm_ets_form){ALM_ETS_##error, ALM_ETS_##trend, ALM_ETS_##season,    \
                                        damped},                                               \
                         past, arena, out, why);                                               \
    }
NAMED(ses, ADDITIVE, NONE, NONE, false)
NAMED(holt, ADDITIVE, ADDITIVE, NONE, false)
NAMED(holt_damped, ADDITIVE, ADDITIVE, NONE, true)
NAMED(holt_winters, ADDITIVE, ADDITIVE, ADDITIVE, false)
NAMED(holt_winters_multiplicative, MULTIPLICATIVE, ADDITIVE, MULTIPLICATIVE, false)
#undef NAMED

/* ---- the state ---- */

void alm_ets_describe(const void *of, alm_ets_facts *out)
{
    const almi_ets *p = of;
    double none = (double)NAN;
    double factor = p->form.error == ALM_ETS_MULTIPLICATIVE ? 1 : p->by.factor;
    *out = (alm_ets_facts){.form = p->form,
                           .alpha = p->alpha,
                           .beta = p->form.trend ? p->beta : none,
                           .gamma = p->form.season ? p->gamma : none,
                           .phi = p->form.is_damped ? p->phi : none,
                           .log_likelihood = p->log_likelihood,
                           .aicc = p->aicc,
                           .variance = p->variance * factor * factor,
                           .parameters = p->parameters};
}

void alm_ets_form_text(const alm_ets_form *form, char out[5])
{
    static const char LETTER[] = "NAM";
    size_t k = 0;
    out[k++] = LETTER[form->error];
    out[k++] = LETTER[form->trend];
    if (form->is_damped) {
        out[k++] = 'd';
    }
    out[k++] = LETTER[form->season];
    out[k] = '\0';
}

/* What a state may come to, in sizes of the past; beyond, products leave what doubles hold. */
static bool is_bounded(const almi_ets_state *s, size_t phase)
{
    return fabs(s->level) < STATE_MAX && fabs(s->slope) < STATE_MAX &&
           fabs(s->index[phase]) < STATE_MAX;
}

/* A value that no state can follow passes as an unknown one. */
static void update(void *of, double y)
{
    almi_ets *p = of;
    almi_ets_state s = {p->level, p->slope, p->index};
    size_t phase = p->t % p->season;
    double index = p->index[phase];
    (void)almi_ets_pass(&p->form, p, &s, phase, alm_adjust_value(&p->by, p->t, y));
    if (!is_bounded(&s, phase)) {
        s = (almi_ets_state){p->level, p->slope, p->index};
        p->index[phase] = index;
        (void)almi_ets_pass(&p->form, p, &s, phase, (double)NAN);
    }
    p->level = s.level;
    p->slope = s.slope;
    p->t++;
}

typedef struct trend { /* ahead of the past, without the season */
    double whole, slope;
} trend;

static double next_of_trend(const almi_ets *p, trend *t)
{
    t->slope *= p->form.trend ? p->phi : 0;
    t->whole += t->slope;
    return t->whole;
}

static void mean(const void *of, size_t steps, double *out)
{
    const almi_ets *p = of;
    trend t = {p->level, p->slope};
    for (size_t h = 0; h < steps; h++) {
        double whole = next_of_trend(p, &t);
        double index = p->form.season ? p->index[(p->t + h) % p->season] : 0;
        double value = p->form.season == ALM_ETS_MULTIPLICATIVE ? whole * index : whole + index;
        out[h] = alm_readjust_value(&p->by, p->t + h, value);
    }
}

typedef struct effect { /* of an error of one period, on the periods behind it */
    double damping, damped_sum;
    size_t periods;
} effect;

static double next_effect(const almi_ets *p, effect *e)
{
    e->periods++;
    e->damping *= p->phi;
    e->damped_sum += e->damping;
    bool is_relative = p->form.error == ALM_ETS_MULTIPLICATIVE &&
                       p->form.season == ALM_ETS_MULTIPLICATIVE; /* has a factor of its own */
    bool is_season = p->form.season && !is_relative && e->periods % p->season == 0;
    return p->alpha + (p->form.trend ? p->beta * e->damped_sum : 0) +
           (is_season ? p->gamma : 0);
}

/* Additive errors: class 1 of Hyndman et al. (2008), table 6.1. */
static void deviation_of_additive(const almi_ets *p, size_t steps, double *out)
{
    effect e = {1, 0, 0};
    double sum = 0;
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_deviation(&p->by, p->t + h, p->variance * (1 + sum));
        double c = next_effect(p, &e);
        sum += c * c;
    }
}

/* Multiplicative errors: classes 2 and 3. theta_h = mu_h^2 + variance sum_j c_j^2 theta_{h-j}, a
 * convolution, whose sums are collected in `out` before it gets the deviations. */
static void deviation_of_relative(const almi_ets *p, size_t steps, double *out)
{
    bool is_ratio = p->form.season == ALM_ETS_MULTIPLICATIVE;
    trend t = {p->level, p->slope};
    memset(out, 0, steps * sizeof *out);
    for (size_t h = 0; h < steps; h++) {
        double index = p->form.season ? p->index[(p->t + h) % p->season] : 0;
        double mu = next_of_trend(p, &t) + (is_ratio ? 0 : index);
        double theta = mu * mu + out[h];
        double again = is_ratio ? alm_pow(1 + p->gamma * p->gamma * p->variance,
                                          (double)(h / p->season))
                                : 1;
        double v = theta * (1 + p->variance) * again - mu * mu;
        effect e = {1, 0, 0};
        for (size_t k = h + 1; k < steps; k++) {
            double c = next_effect(p, &e);
            out[k] += p->variance * c * c * theta;
        }
        out[h] = alm_readjust_deviation(&p->by, p->t + h, v * (is_ratio ? index * index : 1));
    }
}

static void deviation(const void *of, size_t steps, double *out)
{
    const almi_ets *p = of;
    if (p->form.error == ALM_ETS_ADDITIVE) {
        deviation_of_additive(p, steps, out);
    } else {
        deviation_of_relative(p, steps, out);
    }
}

static void *copy(const void *of, alm_arena *arena, void *into)
{
    const almi_ets *from = of;
    almi_ets *to = into;
    if (!to) {
        to = ALM_NEW(arena, almi_ets);
        to->index = ALM_NEW_ARRAY(arena, double, from->season);
    }
    double *index = to->index;
    *to = *from;
    to->index = from->index ? memcpy(index, from->index, from->season * sizeof *index) : NULL;
    return to;
}

/* A relative error is never below -1: what is multiplied stays above 0. */
static double next(const void *of, double u)
{
    const almi_ets *p = of;
    double middle = 0;
    double spread = 0;
    mean(p, 1, &middle);
    deviation(p, 1, &spread);
    double y = middle + spread * alm_normal_quantile(u);
    return p->form.error == ALM_ETS_MULTIPLICATIVE && y < 0 ? 0 : y;
}

#define KIND(name)                                                                           \
    const alm_forecaster_kind alm_##name = {#name, fit_##name, update, mean, deviation, copy, \
                                            next,  {0}}
KIND(ses);
KIND(holt);
KIND(holt_damped);
KIND(holt_winters);
KIND(holt_winters_multiplicative);
const alm_forecaster_kind alm_ets_averaged = ALM_COMBINATION_KIND("ets_averaged", fit_averaged);
const alm_forecaster_kind alm_ets = {"ets", fit_best, update, mean, deviation, copy, next, {0}};
