#include "model/statistical/ets.h"

#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"
#include "model/statistical/seasonal.h"
#include "num/elementary.h"
#include "num/least_squares.h"
#include "num/normal.h"

#define LOW 1e-4
#define HIGH .9999
#define PHI_LOW .8
#define PHI_HIGH .98
#define SPARE 5 /* values beyond the parameters */
#define ROUNDS 60
#define TOLERANCE 1e-9
#define RAW_MAX 4 /* alpha, beta, gamma, phi before the initial states */

typedef struct ets {
    alm_ets_form form;
    alm_adjustment by; /* the factor only */
    size_t season;     /* 1 without one */
    size_t t;
    double alpha, beta, gamma, phi;
    double level, slope;
    double *index; /* by phase */
    double variance, log_likelihood, aicc;
    size_t parameters;
} ets;

/* ---- one period ---- */

typedef struct state {
    double level, slope;
    double *index;
} state;

/* The mean of the next period; moves the state on with y, or with the mean where y is NaN. Written
 * for one form at a time: the compiler drops what the form has not. */
static inline __attribute__((always_inline)) double pass_period(const alm_ets_form *form,
                                                                const ets *p, state *s,
                                                                size_t phase, double y)
{
    double slope = form->trend ? p->phi * s->slope : 0;
    double whole = s->level + slope;
    double index = form->season ? s->index[phase] : 0;
    double mean = form->season == ALM_ETS_ADDITIVE         ? whole + index
                  : form->season == ALM_ETS_MULTIPLICATIVE ? whole * index
                                                           : whole;
    double seen = isnan(y) ? mean : y;
    double deseasoned = form->season == ALM_ETS_ADDITIVE         ? seen - index
                        : form->season == ALM_ETS_MULTIPLICATIVE ? seen / index
                                                                 : seen;
    double before = s->level;
    s->level = whole + p->alpha * (deseasoned - whole);
    if (form->trend) {
        s->slope = slope + p->beta / p->alpha * (s->level - before - slope);
    }
    if (form->season) {
        double own = form->season == ALM_ETS_ADDITIVE ? seen - whole : seen / whole;
        s->index[phase] = index + p->gamma * (own - index);
    }
    return mean;
}

typedef struct problem {
    const alm_adjusted *past;
    ets *p;        /* the form, and room for parameters */
    double *index; /* room for the walk */
} problem;

/* Errors of the past into r, relative ones times the geometric mean of the means. */
static inline __attribute__((always_inline)) bool pass_past(const alm_ets_form *form,
                                                            const problem *q, double *r)
{
    const alm_adjusted *past = q->past;
    const ets *p = q->p;
    state s = {p->level, p->slope, q->index};
    size_t phase = 0;
    double mantissa = 1;
    int64_t exponent = 0;
    for (size_t t = 0; t < past->count; t++) {
        double y = past->y[t];
        double mean = pass_period(form, p, &s, phase, y);
        double e = isnan(y) ? 0 : y - mean;
        if (form->error == ALM_ETS_MULTIPLICATIVE) {
            if (!(mean > 1e-12) || !isfinite(mean)) {
                return false;
            }
            e /= mean;
            if (!isnan(y)) {
                int more = 0;
                mantissa = frexp(mantissa * mean, &more);
                exponent += more;
            }
        }
        r[t] = e;
        phase = phase + 1 == p->season ? 0 : phase + 1;
    }
    if (form->error == ALM_ETS_MULTIPLICATIVE) {
        double log_mean = (alm_log(mantissa) + (double)exponent * 0.6931471805599453) /
                          (double)past->known;
        double geometric = alm_exp(log_mean);
        for (size_t t = 0; t < past->count; t++) {
            r[t] *= geometric;
        }
    }
    return true;
}

/* X(error, trend, season, damped does not matter here) */
#define FORMS(X)                                                                         \
    X(ADDITIVE, NONE, NONE) X(ADDITIVE, ADDITIVE, NONE) X(MULTIPLICATIVE, NONE, NONE)    \
    X(MULTIPLICATIVE, ADDITIVE, NONE) X(ADDITIVE, NONE, ADDITIVE)                        \
    X(ADDITIVE, ADDITIVE, ADDITIVE) X(MULTIPLICATIVE, NONE, ADDITIVE)                    \
    X(MULTIPLICATIVE, ADDITIVE, ADDITIVE) X(ADDITIVE, NONE, MULTIPLICATIVE)              \
    X(ADDITIVE, ADDITIVE, MULTIPLICATIVE) X(MULTIPLICATIVE, NONE, MULTIPLICATIVE)        \
    X(MULTIPLICATIVE, ADDITIVE, MULTIPLICATIVE)

static bool pass(const problem *q, double *r)
{
    const alm_ets_form *f = &q->p->form;
#define PASS(e, t, s)                                                                            \
    if (f->error == ALM_ETS_##e && f->trend == ALM_ETS_##t && f->season == ALM_ETS_##s) {        \
        static const alm_ets_form FORM = {ALM_ETS_##e, ALM_ETS_##t, ALM_ETS_##s, false};         \
        return pass_past(&FORM, q, r);                                                           \
    }
    FORMS(PASS)
#undef PASS
    alm_assert(false);
    return false;
}

/* ---- parameters ---- */

/* A number without bounds to (0, 1) and back; only square roots, so the same bits anywhere. */
static double squash(double x)
{
    return .5 + .5 * (x / sqrt(1 + x * x));
}

static double unsquash(double u)
{
    double v = 2 * u - 1;
    return v / sqrt(1 - v * v);
}

/* From the list that is searched to p and the room for the walk; the last index follows. */
static void unpack(const problem *q, const double *x)
{
    ets *p = q->p;
    size_t k = 0;
    p->alpha = LOW + (HIGH - LOW) * squash(x[k++]);
    p->beta = p->form.trend ? LOW + (p->alpha - LOW) * squash(x[k++]) : 0;
    p->gamma = p->form.season ? LOW + (1 - p->alpha - LOW) * squash(x[k++]) : 0;
    p->phi = p->form.is_damped ? PHI_LOW + (PHI_HIGH - PHI_LOW) * squash(x[k++]) : 1;
    p->level = x[k++];
    p->slope = p->form.trend ? x[k++] : 0;
    double last = p->form.season == ALM_ETS_MULTIPLICATIVE ? (double)p->season : 0;
    for (size_t i = 0; p->form.season && i < p->season; i++) {
        q->index[i] = i + 1 < p->season ? x[k++] : last;
        last -= q->index[i];
    }
}

static bool residuals(void *context, const double *x, double *r)
{
    const problem *q = context;
    unpack(q, x);
    for (size_t i = 0; q->p->form.season == ALM_ETS_MULTIPLICATIVE && i < q->p->season; i++) {
        if (!(q->index[i] > 1e-6)) {
            return false;
        }
    }
    return pass(q, r);
}

/* ---- where the search starts ---- */

/* Level and slope before the first period: a line through the first adjusted values. */
static void first_line(const alm_adjusted *past, const ets *p, double *level, double *slope)
{
    size_t limit = 2 * p->season > 10 ? 2 * p->season : 10;
    double n = 0, st = 0, sy = 0, stt = 0, sty = 0;
    for (size_t t = 0; t < past->count && n < (double)limit; t++) {
        double index = p->form.season ? p->index[t % p->season] : 0;
        double y = p->form.season == ALM_ETS_MULTIPLICATIVE ? past->y[t] / index
                                                            : past->y[t] - index;
        if (!isnan(y)) {
            double at = (double)(t + 1);
            n++;
            st += at;
            sy += y;
            stt += at * at;
            sty += at * y;
        }
    }
    double spread = n * stt - st * st;
    *slope = p->form.trend && spread > 0 ? (n * sty - st * sy) / spread : 0;
    *level = (sy - *slope * st) / n;
}

static bool first_indices(const alm_adjusted *past, ets *p, alm_arena *arena)
{
    alm_past by_itself = {past->y, past->count, p->season};
    return !p->form.season ||
           alm_seasonal_indices(&by_itself, p->form.season == ALM_ETS_MULTIPLICATIVE, arena,
                                p->index);
}

static size_t pack(const alm_adjusted *past, const ets *p, const double *start, double *x,
                   double *size)
{
    size_t k = 0;
    x[k++] = unsquash(start[0]);
    if (p->form.trend) {
        x[k++] = unsquash(start[1]);
    }
    if (p->form.season) {
        x[k++] = unsquash(start[2]);
    }
    if (p->form.is_damped) {
        x[k++] = unsquash(.9);
    }
    for (size_t i = 0; i < k; i++) {
        size[i] = 1;
    }
    double level = 0, slope = 0;
    first_line(past, p, &level, &slope);
    double unit = fabs(level) > .01 ? fabs(level) : .01;
    if (p->form.error == ALM_ETS_MULTIPLICATIVE && !(level > 0)) {
        level = past->newest;
        slope = 0;
    }
    size[k] = unit;
    x[k++] = level;
    if (p->form.trend) {
        size[k] = unit * .1;
        x[k++] = slope;
    }
    for (size_t i = 0; p->form.season && i + 1 < p->season; i++) {
        size[k] = p->form.season == ALM_ETS_MULTIPLICATIVE ? 1 : unit;
        x[k++] = p->index[i];
    }
    return k;
}

/* ---- fitting ---- */

static size_t parameters_of(const alm_ets_form *form, size_t season)
{
    return 2 + (form->trend ? 2 : 0) + (form->season ? season : 0) + form->is_damped;
}

/* The state behind the past, and what the fit came to. */
static void finish(const problem *q, const double *x, double sum)
{
    ets *p = q->p;
    const alm_adjusted *past = q->past;
    unpack(q, x);
    state s = {p->level, p->slope, q->index};
    double squares = 0;
    for (size_t t = 0; t < past->count; t++) {
        double mean = pass_period(&p->form, p, &s, t % p->season, past->y[t]);
        double e = isnan(past->y[t]) ? 0 : past->y[t] - mean;
        e = p->form.error == ALM_ETS_MULTIPLICATIVE ? e / mean : e;
        squares += e * e;
    }
    double n = (double)past->known;
    double k = (double)p->parameters + 1;
    p->level = s.level;
    p->slope = s.slope;
    memcpy(p->index, q->index, p->season * sizeof(double));
    p->t = past->count;
    p->variance = squares / (n - (double)p->parameters);
    double factor = p->by.factor;
    p->log_likelihood = -.5 * n * (alm_log(sum > 0 ? sum : 1e-300) + 2 * alm_log(factor));
    p->aicc = -2 * p->log_likelihood + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

static bool fit_form(const alm_adjusted *past, ets *p, alm_arena *arena)
{
    /* As fractions of their ranges: R's, and one that follows the newest values. */
    static const double STARTS[][3] = {{.2, .1, .05}, {.7, .3, .3}};
    problem q = {past, p, ALM_NEW_ARRAY(arena, double, p->season)};
    double *x = ALM_NEW_ARRAY(arena, double, RAW_MAX + 2 + p->season);
    double *best = ALM_NEW_ARRAY(arena, double, RAW_MAX + 2 + p->season);
    double *size = ALM_NEW_ARRAY(arena, double, RAW_MAX + 2 + p->season);
    double lowest = INFINITY;
    if (!first_indices(past, p, arena)) {
        return false;
    }
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        double sum = INFINITY;
        alm_least_squares ls = {residuals, &q, past->count, pack(past, p, STARTS[i], x, size),
                                size, ROUNDS, TOLERANCE};
        if (alm_least_squares_minimise(&ls, arena, x, &sum) && sum < lowest) {
            lowest = sum;
            memcpy(best, x, ls.parameters * sizeof(double));
        }
    }
    if (!isfinite(lowest)) {
        return false;
    }
    finish(&q, best, lowest);
    return true;
}

static bool is_positive(const alm_adjusted *past)
{
    for (size_t t = 0; t < past->count; t++) {
        if (past->y[t] <= 0) {
            return false;
        }
    }
    return true;
}

static ets *make(const alm_adjusted *past, const alm_ets_form *form, size_t season,
                 alm_arena *arena)
{
    ets *p = ALM_NEW(arena, ets);
    size_t m = form->season ? season : 1;
    *p = (ets){.form = *form, .by = past->by, .season = m,
               .index = ALM_NEW_ARRAY(arena, double, m),
               .parameters = parameters_of(form, season)};
    return p;
}

alm_err alm_ets_fit(const alm_past *past, const alm_ets_form *form, alm_arena *arena, void **out,
                    alm_error *error)
{
    alm_adjusted adjusted;
    bool is_multiplicative = form->error == ALM_ETS_MULTIPLICATIVE ||
                             form->season == ALM_ETS_MULTIPLICATIVE;
    alm_assert(form->trend != ALM_ETS_MULTIPLICATIVE && (!form->season || past->season > 1));
    size_t needed = parameters_of(form, past->season) + SPARE;
    ALM_TRY(alm_adjust(past, needed, 0, arena, &adjusted, error));
    if (is_multiplicative && !is_positive(&adjusted)) {
        return alm_fail(error, ALM_ERR_INVALID, "a multiplicative form needs values above 0");
    }
    ets *p = make(&adjusted, form, past->season, arena);
    if (!fit_form(&adjusted, p, arena)) {
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
           past->known >= parameters_of(form, season) + SPARE;
}

static ets *best_form(const alm_adjusted *past, size_t season, alm_arena *arena)
{
    ets *best = NULL;
    bool positive = is_positive(past);
    for (int code = 0; code < 24; code++) {
        alm_ets_form form = {code & 1 ? ALM_ETS_MULTIPLICATIVE : ALM_ETS_ADDITIVE,
                             code & 2 ? ALM_ETS_ADDITIVE : ALM_ETS_NONE,
                             (alm_ets_part)(code >> 3), (code & 4) != 0};
        if (is_candidate(&form, past, season, positive)) {
            ets *p = make(past, &form, season, arena);
            if (fit_form(past, p, arena) && (!best || p->aicc < best->aicc)) {
                best = p;
            }
        }
    }
    return best;
}

/* Too few values for a form: their mean stays. */
static ets *mean_of_known(const alm_adjusted *past, alm_arena *arena)
{
    static const alm_ets_form LEVEL = {ALM_ETS_ADDITIVE, ALM_ETS_NONE, ALM_ETS_NONE, false};
    ets *p = make(past, &LEVEL, 1, arena);
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
    ALM_TRY(alm_adjust(past, 1, 0, arena, &adjusted, error));
    ets *best = best_form(&adjusted, past->season, arena);
    *out = best ? best : mean_of_known(&adjusted, arena);
    return ALM_OK;
}

/* ---- the state ---- */

void alm_ets_describe(const void *of, alm_ets_facts *out)
{
    const ets *p = of;
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

static void update(void *of, double y)
{
    ets *p = of;
    state s = {p->level, p->slope, p->index};
    (void)pass_period(&p->form, p, &s, p->t % p->season, alm_adjust_value(&p->by, p->t, y));
    p->level = s.level;
    p->slope = s.slope;
    p->t++;
}

typedef struct trend { /* ahead of the past, without the season */
    double whole, slope;
} trend;

static double next_of_trend(const ets *p, trend *t)
{
    t->slope *= p->form.trend ? p->phi : 0;
    t->whole += t->slope;
    return t->whole;
}

static void mean(const void *of, size_t steps, double *out)
{
    const ets *p = of;
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

static double next_effect(const ets *p, effect *e)
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
static void deviation_of_additive(const ets *p, size_t steps, double *out)
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
static void deviation_of_relative(const ets *p, size_t steps, double *out)
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
    const ets *p = of;
    if (p->form.error == ALM_ETS_ADDITIVE) {
        deviation_of_additive(p, steps, out);
    } else {
        deviation_of_relative(p, steps, out);
    }
}

static void *copy(const void *of, alm_arena *arena, void *into)
{
    const ets *from = of;
    ets *to = into;
    if (!to) {
        to = ALM_NEW(arena, ets);
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
    const ets *p = of;
    double middle = 0;
    double spread = 0;
    mean(p, 1, &middle);
    deviation(p, 1, &spread);
    double y = middle + spread * alm_normal_quantile(u);
    return p->form.error == ALM_ETS_MULTIPLICATIVE && y < 0 ? 0 : y;
}

const alm_forecaster_kind alm_ets = {"ets", fit_best, update, mean, deviation, copy, next, {0}};
