#include "model/statistical/arima/arima.h"

#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"
#include "model/statistical/arima/arima_deviation.h"
#include "model/statistical/arima/arima_filter.h"
#include "model/statistical/arima/arima_fourier.h"
#include "model/statistical/arima/arima_likelihood.h"
#include "model/statistical/arima/arima_order.h"
#include "num/elementary.h"

#define SPARE 2 /* values beyond the coefficients */

typedef struct arima {
    almi_arima_model model;
    almi_arma arma;
    almi_terms difference;
    almi_filter filter;
    double factor;   /* of a value as it came */
    double variance; /* of an error, without bias; NaN: not known */
    double log_likelihood;
    size_t t;        /* periods since the first that was looked at */
    alm_regressors regressors; /* from that period on */
    const double *b_deviation; /* of model.b, for errors of variance 1; NULL without regressors */
    size_t pairs;              /* of Fourier terms */
    size_t cycle;              /* their season; 1 without */
    const double *profile;     /* cycle: what they add */
} arima;

/* ---- the past ---- */

typedef struct ready {
    almi_series series;
    double factor;
    size_t first, last; /* of the past: where the series starts, and its newest known value */
} ready;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static alm_err check_past_of_regressors(const alm_past *past, const alm_regressors *x,
                                        alm_error *error)
{
    if (x->count > ALM_ARIMA_REGRESSORS_MAX || x->periods < past->count) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "at most %d regressors with a value for each of the %zu periods of the "
                        "past: here are %zu, with %zu",
                        ALM_ARIMA_REGRESSORS_MAX, past->count, x->count, x->periods);
    }
    for (size_t k = 0; k < x->count; k++) {
        for (size_t t = 0; t < past->count; t++) {
            if (!isfinite(x->x[k * x->periods + t])) {
                return alm_fail(error, ALM_ERR_INVALID,
                                "regressor %s: not known in period %zu of the past", x->names[k],
                                t + 1);
            }
        }
    }
    return ALM_OK;
}

/* How far back a past is looked at: less far where a filter passes by what is not known. */
static size_t periods_looked_at(const double *y, size_t count, size_t season)
{
    size_t most = smaller(count, ALM_ARIMA_COUNT_MAX);
    size_t missing = 0;
    for (size_t t = count - most; t < count; t++) {
        missing += isnan(y[t]);
    }
    bool has_season = season <= ALM_ARIMA_SEASON_MAX;
    size_t with_filter = ALM_ARIMA_GAPS_COUNT_MAX / (has_season ? season : 1);
    return missing > ALMI_MISSING_MAX ? smaller(most, with_filter) : most;
}

/* From the first known value, or of the newest periods, to the newest known one. */
static alm_err make_ready(const alm_past *past, const alm_regressors *x, alm_arena *arena,
                          ready *out, alm_error *error)
{
    alm_adjusted adjusted;
    ALM_TRY(alm_adjust(past, 1, 0, arena, &adjusted, error));
    size_t last = past->count - 1;
    while (isnan(adjusted.y[last])) {
        last--;
    }
    size_t first = last + 1 - periods_looked_at(adjusted.y, last + 1, past->season);
    while (first < last && isnan(adjusted.y[first])) {
        first++;
    }
    *out = (ready){.factor = adjusted.by.factor, .first = first, .last = last};
    out->series = (almi_series){.y = adjusted.y + first, .count = last - first + 1,
                                .season = past->season};
    if (x) {
        out->series.regressors = x->count;
        out->series.x = x->x + first;
        out->series.stride = x->periods;
        out->series.names = x->names;
    }
    return ALM_OK;
}

/* ---- the state ---- */

/* What the constant and the regressors add in a period. */
static double explained(const arima *p, size_t t)
{
    const almi_arima_model *m = &p->model;
    double sum = 0;
    for (size_t k = 0; k < p->regressors.count; k++) {
        bool is_planned = t < p->regressors.periods;
        sum += is_planned ? m->b[k] * p->regressors.x[k * p->regressors.periods + t] : (double)NAN;
    }
    if (m->order.has_constant) {
        sum += m->b[m->regressors - 1] * (p->difference.degree > 0 ? (double)(t + 1) : 1);
    }
    return p->pairs > 0 ? sum + p->profile[t % p->cycle] : sum;
}

static void fill_profile(arima *p, alm_arena *arena)
{
    double *profile = ALM_NEW_ARRAY(arena, double, p->cycle);
    for (size_t t = 0; t < p->cycle; t++) {
        double x[2 * ALMI_FOURIER_PAIRS_MAX];
        almi_fourier(p->cycle, t, p->pairs, x);
        for (size_t k = 0; k < 2 * p->pairs; k++) {
            profile[t] += p->model.b[k] * x[k];
        }
    }
    p->profile = profile;
}

static void pass(arima *p, double y)
{
    almi_filter_move(&p->filter, y - explained(p, p->t));
    p->t++;
}

static void copy_regressors(const alm_regressors *x, size_t first, alm_arena *arena, arima *p)
{
    size_t periods = x->periods - first;
    const char **names = ALM_NEW_ARRAY(arena, const char *, x->count);
    double *values = ALM_NEW_ARRAY(arena, double, x->count * periods);
    for (size_t k = 0; k < x->count; k++) {
        names[k] = alm_arena_copy_text(arena, x->names[k], strlen(x->names[k]));
        memcpy(values + k * periods, x->x + k * x->periods + first, periods * sizeof(double));
    }
    p->regressors = (alm_regressors){x->count, names, periods, values};
}

static arima *make_state(const ready *r, const almi_arima_model *model, alm_arena *arena)
{
    arima *p = ALM_NEW(arena, arima);
    *p = (arima){.model = *model, .factor = r->factor, .cycle = 1};
    almi_arma_of(&model->order, model->season, model->arma, &p->arma);
    almi_difference_terms(&model->order, model->season, &p->difference);
    double rest = (double)model->known - (double)model->parameters;
    p->variance = rest > 0 ? model->squares / rest : (double)NAN;
    p->log_likelihood = model->log_likelihood - (double)model->known * alm_log(r->factor);
    return p;
}

/* Through the past; what is explained is known by now. */
static bool pass_all(arima *p, const ready *r, const alm_past *past, alm_arena *arena)
{
    size_t depth = p->difference.degree;
    double *first = ALM_NEW_ARRAY(arena, double, depth);
    for (; p->t < depth; p->t++) {
        first[p->t] = r->series.y[p->t] - explained(p, p->t);
    }
    almi_filter_init(&p->filter, &p->arma, &p->difference, arena);
    if (!almi_filter_start(&p->filter, first, arena)) {
        return false;
    }
    while (p->t < past->count - r->first) {
        pass(p, r->series.y[p->t]);
    }
    return true;
}

/* ---- fitting ---- */

static alm_err check_order(const alm_arima_order *o, size_t season, alm_error *error)
{
    bool is_seasonal = o->seasonal_p + o->seasonal_d + o->seasonal_q > 0;
    if (o->p > ALM_ARIMA_ORDER_MAX || o->q > ALM_ARIMA_ORDER_MAX || o->d > 2 ||
        o->seasonal_p > ALM_ARIMA_SEASONAL_ORDER_MAX ||
        o->seasonal_q > ALM_ARIMA_SEASONAL_ORDER_MAX || o->seasonal_d > 1) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "an order has at most p, q %d, d 2 and seasonal p, q %d, d 1",
                        ALM_ARIMA_ORDER_MAX, ALM_ARIMA_SEASONAL_ORDER_MAX);
    }
    if (is_seasonal && (season < 2 || season > ALM_ARIMA_SEASON_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a seasonal order needs a season of 2 to %d periods, not of %zu; give a "
                        "longer one Fourier terms as regressors",
                        ALM_ARIMA_SEASON_MAX, season);
    }
    if (o->has_constant && o->d + o->seasonal_d > 1) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a constant with two differences is a trend that grows; leave it out");
    }
    return ALM_OK;
}

/* One order. */
static alm_err fit_named(const ready *r, const alm_arima_order *order, alm_arena *arena,
                         almi_arima_model *out, alm_error *error)
{
    almi_sample sample;
    ALM_TRY(almi_sample_make(&r->series, order, arena, &sample, error));
    size_t known = sample.n - sample.missing;
    size_t needed = almi_arma_count(order) + sample.regressors + SPARE;
    if (known < needed) {
        return alm_fail(error, ALM_ERR_INCOMPLETE,
                        "%zu known values beyond the differences are needed, %zu are there",
                        needed, known);
    }
    if (!almi_arima_maximise(&sample, order, ALMI_GAIN_FINE, arena, arena, out)) {
        return alm_fail(error, ALM_ERR_NUMERIC, "the likelihood of this order has no value here");
    }
    return ALM_OK;
}

/* The order by search, with regressors. What they cannot be is found out without a search. */
static alm_err fit_found(ready *r, alm_arena *arena, almi_arima_model *out, alm_error *error)
{
    static const alm_arima_order LEAST = {.has_constant = true};
    almi_sample sample;
    r->series.season = r->series.season > ALM_ARIMA_SEASON_MAX ? 1 : r->series.season;
    ALM_TRY(almi_sample_make(&r->series, &LEAST, arena, &sample, error));
    if (!almi_arima_search(&r->series, arena, out)) {
        return alm_fail(error, ALM_ERR_INCOMPLETE,
                        "%zu known values are too few for an order with %zu regressors",
                        sample.n - sample.missing, r->series.regressors);
    }
    return ALM_OK;
}

alm_err alm_arima_fit(const alm_past *past, const alm_arima_order *order,
                      const alm_regressors *regressors, alm_arena *arena, void **out,
                      alm_error *error)
{
    ready r;
    almi_arima_model model;
    if (order) {
        ALM_TRY(check_order(order, past->season, error));
    }
    if (regressors) {
        ALM_TRY(check_past_of_regressors(past, regressors, error));
    }
    ALM_TRY(make_ready(past, regressors, arena, &r, error));
    ALM_TRY(order ? fit_named(&r, order, arena, &model, error)
                  : fit_found(&r, arena, &model, error));
    arima *p = make_state(&r, &model, arena);
    if (regressors) {
        double *deviation = ALM_NEW_ARRAY(arena, double, model.regressors);
        copy_regressors(regressors, r.first, arena, p);
        almi_coefficient_deviations(&r.series, &model, arena, deviation);
        p->b_deviation = deviation;
    }
    if (!pass_all(p, &r, past, arena)) {
        return alm_fail(error, ALM_ERR_NUMERIC, "the order is not stationary to rounding");
    }
    *out = p;
    return ALM_OK;
}

/* Too few values for an order: their mean stays. */
static void mean_of_known(const almi_series *s, alm_arena *arena, almi_arima_model *out)
{
    *out = (almi_arima_model){.order.has_constant = true, .season = 1, .regressors = 1,
                              .parameters = 1, .b = ALM_NEW(arena, double),
                              .log_likelihood = (double)NAN, .aicc = (double)NAN};
    double sum = 0;
    for (size_t t = 0; t < s->count; t++) {
        sum += isnan(s->y[t]) ? 0 : s->y[t];
        out->known += !isnan(s->y[t]);
    }
    out->b[0] = sum / (double)out->known;
    for (size_t t = 0; t < s->count; t++) {
        double e = isnan(s->y[t]) ? 0 : s->y[t] - out->b[0];
        out->squares += e * e;
    }
}

static alm_err fit_best(const alm_past *past, alm_arena *arena, void **out, alm_error *error)
{
    ready r;
    almi_arima_model model;
    ALM_TRY(make_ready(past, NULL, arena, &r, error));
    bool is_long = past->season > ALM_ARIMA_SEASON_MAX;
    size_t pairs = 0;
    bool found = is_long ? almi_arima_search_fourier(&r.series, arena, &model, &pairs)
                         : almi_arima_search(&r.series, arena, &model);
    arima *p = found ? make_state(&r, &model, arena) : NULL;
    if (pairs > 0) {
        p->pairs = pairs;
        p->cycle = past->season;
        fill_profile(p, arena);
    }
    if (!p || !pass_all(p, &r, past, arena)) {
        mean_of_known(&r.series, arena, &model);
        p = make_state(&r, &model, arena);
        alm_assert(pass_all(p, &r, past, arena));
    }
    *out = p;
    return ALM_OK;
}

/* ---- what it says ---- */

alm_err alm_arima_check_plan(const void *of, size_t steps, alm_error *error)
{
    const arima *p = of;
    for (size_t k = 0; k < p->regressors.count; k++) {
        for (size_t h = 0; h < steps; h++) {
            size_t t = p->t + h;
            bool is_planned = t < p->regressors.periods &&
                              isfinite(p->regressors.x[k * p->regressors.periods + t]);
            if (!is_planned) {
                return alm_fail(error, ALM_ERR_INCOMPLETE,
                                "regressor %s: there is no plan for period %zu ahead; plan it, or "
                                "forecast fewer periods",
                                p->regressors.names[k], h + 1);
            }
        }
    }
    return ALM_OK;
}

static void describe_column(const arima *p, size_t k, size_t at, alm_arima_facts *out)
{
    double of_error = sqrt(p->variance) * p->factor;
    out->coefficient[at] = p->model.b[k] * p->factor;
    out->deviation[at] = p->b_deviation ? p->b_deviation[k] * of_error : (double)NAN;
}

void alm_arima_describe(const void *of, alm_arima_facts *out)
{
    const arima *p = of;
    const almi_arima_model *m = &p->model;
    size_t count = almi_arma_count(&m->order);
    double n = (double)m->known;
    *out = (alm_arima_facts){.order = m->order,
                             .season = p->pairs > 0 ? p->cycle : m->season,
                             .fourier = p->pairs,
                             .count = count + m->regressors,
                             .log_likelihood = p->log_likelihood,
                             .aicc = m->aicc + 2 * n * alm_log(p->factor),
                             .variance = m->squares / n * p->factor * p->factor,
                             .known = m->known};
    memcpy(out->coefficient, m->arma, count * sizeof(double));
    for (size_t k = 0; k < count; k++) {
        out->deviation[k] = (double)NAN;
    }
    /* The constant is the last of the model's, and the first of the facts'. */
    if (m->order.has_constant) {
        describe_column(p, m->regressors - 1, count++, out);
    }
    for (size_t k = 0; k + m->order.has_constant < m->regressors; k++) {
        describe_column(p, k, count++, out);
    }
}

static void update(void *of, double y)
{
    arima *p = of;
    pass(p, y / p->factor);
}

static void mean(const void *of, size_t steps, double *out)
{
    const arima *p = of;
    almi_filter_mean(&p->filter, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = (out[h] + explained(p, p->t + h)) * p->factor;
    }
}

static void deviation(const void *of, size_t steps, double *out)
{
    const arima *p = of;
    alm_adjustment by = {.factor = p->factor, .season = 1};
    almi_filter_variance(&p->filter, steps, out);
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_deviation(&by, 0, out[h] * p->variance);
    }
}

/* The filter's own numbers are copied; the model and the regressors are borrowed. */
static void *copy(const void *of, alm_arena *arena, void *into)
{
    const arima *from = of;
    arima *to = into;
    if (!to) {
        to = ALM_NEW(arena, arima);
        *to = *from;
        almi_filter_init(&to->filter, &from->arma, &from->difference, arena);
    }
    to->t = from->t;
    almi_filter_copy(&from->filter, &to->filter);
    return to;
}

const alm_forecaster_kind alm_arima = {"arima", fit_best, update, mean, deviation, copy, NULL, {0}};
