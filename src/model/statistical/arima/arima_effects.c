#include "model/statistical/arima/arima_effects.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_fourier.h"

#define DEPENDENT 1e-9 /* what is left of a column when the others have explained it */

const char *alm_effect_reason_text(alm_effect_reason reason)
{
#define TEXT_OF(name, text, sentence) text,
    static const char *const TEXT[] = {ALM_EFFECT_REASON_MAP(TEXT_OF)};
    return TEXT[reason];
}

const char *alm_effect_reason_sentence(alm_effect_reason reason)
{
#define SENTENCE_OF(name, text, sentence) sentence,
    static const char *const SENTENCE[] = {ALM_EFFECT_REASON_MAP(SENTENCE_OF)};
    return SENTENCE[reason];
}

typedef struct regression {
    const alm_regressors *given;
    alm_past past;     /* unknown where a regressor is */
    size_t known;
    double *x;         /* of each regressor: without holes in the past */
    size_t *used;      /* numbers of regressors */
    size_t used_count;
    alm_arima_order order;
    size_t pairs;
    alm_arena *arena;
    alm_effects *out;
} regression;

/* ---- the columns ---- */

static bool is_known(const alm_regressors *x, size_t k, size_t t)
{
    return isfinite(x->x[k * x->periods + t]);
}

/* A regressor that is nowhere known has one value, too. */
static bool has_one_value(const alm_regressors *x, const alm_past *past, size_t k)
{
    double seen = (double)NAN;
    for (size_t t = 0; t < past->count; t++) {
        double value = x->x[k * x->periods + t];
        if (isnan(past->y[t]) || !isfinite(value)) {
            continue;
        }
        if (!isnan(seen) && value != seen) {
            return false;
        }
        seen = value;
    }
    return true;
}

/* What stands where nothing is known counts for nothing: the value before, else the next one. */
static void fill_holes(regression *r, size_t k)
{
    double *x = r->x + k * r->given->periods;
    size_t first = 0;
    while (first < r->past.count && !isfinite(x[first])) {
        first++;
    }
    for (size_t t = 0; t < r->past.count; t++) {
        x[t] = t < first ? x[first] : isfinite(x[t]) ? x[t] : x[t - 1];
    }
}

static void take_columns(regression *r, const alm_past *past)
{
    const alm_regressors *given = r->given;
    double *y = ALM_NEW_ARRAY(r->arena, double, past->count);
    r->x = ALM_NEW_ARRAY(r->arena, double, given->count * given->periods);
    memcpy(r->x, given->x, given->count * given->periods * sizeof(double));
    memcpy(y, past->y, past->count * sizeof(double));
    r->past = (alm_past){y, past->count, past->season};
    for (size_t k = 0; k < given->count; k++) {
        if (has_one_value(given, past, k)) {
            r->out->effect[k].reason = ALM_EFFECT_CONSTANT;
            continue;
        }
        r->used[r->used_count++] = k;
        for (size_t t = 0; t < past->count; t++) {
            y[t] = is_known(given, k, t) ? y[t] : (double)NAN;
        }
        fill_holes(r, k);
    }
    for (size_t t = 0; t < past->count; t++) {
        r->known += !isnan(y[t]);
    }
}

static double product(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t t = 0; t < count; t++) {
        sum += a[t] * b[t];
    }
    return sum;
}

/* Takes the others out of a column, twice, and brings it to length 1. False: nothing is left. */
static bool stands_alone(double *column, const double *others, size_t count, size_t n)
{
    double before = product(column, column, n);
    for (size_t again = 0; again < 2; again++) {
        for (size_t k = 0; k < count; k++) {
            double part = product(others + k * n, column, n);
            for (size_t t = 0; t < n; t++) {
                column[t] -= part * others[k * n + t];
            }
        }
    }
    double rest = product(column, column, n);
    double length = sqrt(rest);
    for (size_t t = 0; t < n; t++) {
        column[t] /= length;
    }
    return rest > DEPENDENT * DEPENDENT * before && isfinite(rest);
}

static size_t size_of(const regression *r, const almi_terms *d)
{
    return r->past.count > d->degree ? r->past.count - d->degree : 0;
}

static void difference(const regression *r, const almi_terms *d, size_t k, double *out)
{
    const double *x = r->x + k * r->given->periods;
    for (size_t t = d->degree; t < r->past.count; t++) {
        double sum = x[t];
        for (size_t i = 0; i < d->count; i++) {
            sum -= d->c[i] * x[t - d->lag[i]];
        }
        out[t - d->degree] = sum;
    }
}

/* Drops those that follow from the ones before them once differences are taken. */
static void drop_dependent(regression *r)
{
    almi_terms d;
    almi_difference_terms(&r->order, r->past.season, &d);
    size_t n = size_of(r, &d);
    size_t count = 0;
    size_t kept = 0;
    alm_arena *scratch = alm_arena_create(0);
    double *column = ALM_NEW_ARRAY(scratch, double, (r->used_count + 1) * n);
    if (r->order.has_constant) {
        for (size_t t = 0; t < n; t++) {
            column[t] = 1;
        }
        count += stands_alone(column, NULL, 0, n);
    }
    for (size_t i = 0; i < r->used_count; i++) {
        size_t k = r->used[i];
        difference(r, &d, k, column + count * n);
        if (stands_alone(column + count * n, column, count, n)) {
            r->used[kept++] = k;
            count++;
        } else {
            r->out->effect[k].reason = ALM_EFFECT_DEPENDENT;
        }
    }
    r->used_count = kept;
    alm_arena_destroy(scratch);
}

/* ---- the fit ---- */

/* Those that are used, then the Fourier terms. */
static alm_regressors columns_of(const regression *r)
{
    static const char *const TERM = "season";
    size_t pairs = r->pairs;
    alm_regressors x = {.count = r->used_count + 2 * pairs, .periods = r->given->periods};
    const char **names = ALM_NEW_ARRAY(r->arena, const char *, x.count);
    double *values = ALM_NEW_ARRAY(r->arena, double, x.count * x.periods);
    for (size_t i = 0; i < r->used_count; i++) {
        names[i] = r->given->names[r->used[i]];
        memcpy(values + i * x.periods, r->x + r->used[i] * x.periods, x.periods * sizeof(double));
    }
    for (size_t i = 0; i < 2 * pairs; i++) {
        names[r->used_count + i] = TERM;
    }
    for (size_t t = 0; pairs > 0 && t < x.periods; t++) {
        double pair[2 * ALMI_FOURIER_PAIRS_MAX];
        almi_fourier(r->past.season, t, pairs, pair);
        for (size_t i = 0; i < 2 * pairs; i++) {
            values[(r->used_count + i) * x.periods + t] = pair[i];
        }
    }
    x.names = names;
    x.x = values;
    return x;
}

/* What the columns of unknown values explain is found out by the fit: the last one goes. */
static alm_err fit(regression *r, bool by_search, void **state)
{
    for (;;) {
        alm_past past = r->past;
        alm_regressors x = columns_of(r);
        past.season = past.season > ALM_ARIMA_SEASON_MAX ? 1 : past.season;
        alm_err code = alm_arima_fit(&past, by_search ? NULL : &r->order, &x, r->arena, state,
                                     NULL);
        if (code != ALM_ERR_INVALID || r->used_count == 0) {
            return code;
        }
        r->used_count--;
        r->out->effect[r->used[r->used_count]].reason = ALM_EFFECT_DEPENDENT;
    }
}

static bool take_effects(regression *r, bool by_search, void *state)
{
    alm_effects *out = r->out;
    alm_arima_facts *facts = ALM_NEW(r->arena, alm_arima_facts);
    alm_arima_describe(state, facts);
    size_t first = facts->count - r->used_count - 2 * r->pairs;
    for (size_t i = 0; i < r->used_count; i++) {
        if (!isfinite(facts->coefficient[first + i])) {
            return false;
        }
    }
    for (size_t i = 0; i < r->used_count; i++) {
        alm_effect *effect = &out->effect[r->used[i]];
        *effect = (alm_effect){facts->coefficient[first + i], facts->deviation[first + i],
                               ALM_EFFECT_USED};
    }
    out->used = r->used_count;
    out->order = facts->order;
    out->season = facts->order.seasonal_p + facts->order.seasonal_d + facts->order.seasonal_q > 0
                      ? facts->season : 1;
    out->fourier = r->pairs;
    out->arima = by_search ? state : NULL;
    return true;
}

static size_t pairs_of(const regression *r)
{
    size_t season = r->past.season;
    size_t most = r->known / (2 * ALMI_FOURIER_SHARE);
    if (season <= ALM_ARIMA_SEASON_MAX || r->past.count < 2 * season) {
        return 0;
    }
    most = most < ALMI_FOURIER_PAIRS_MAX ? most : ALMI_FOURIER_PAIRS_MAX;
    return 2 * most + r->used_count > ALM_ARIMA_REGRESSORS_MAX ? 0 : most;
}

/* The orders in turn until one can be fitted. */
static bool fit_first(regression *r, bool by_search, void **state)
{
    static const alm_arima_order LEVEL = {.has_constant = true};
    static const alm_arima_order PLAIN = {.d = 1, .q = 1};
    static const alm_arima_order SEASONAL = {.d = 1, .q = 1, .seasonal_d = 1, .seasonal_q = 1};
    const size_t *all = r->used;
    size_t count = r->used_count;
    bool has_season = r->past.season > 1 && r->past.season <= ALM_ARIMA_SEASON_MAX &&
                      r->past.count >= 2 * r->past.season;
    const alm_arima_order *const order[] = {by_search ? &LEVEL : &SEASONAL, &PLAIN};
    for (size_t i = by_search || has_season ? 0 : 1; i < 2; i++) {
        size_t *again = ALM_NEW_ARRAY(r->arena, size_t, count);
        memcpy(again, all, count * sizeof *again);
        r->used = again;
        r->used_count = count;
        r->order = *order[i];
        r->pairs = i == 1 ? pairs_of(r) : 0;
        for (size_t k = 0; k < count; k++) {
            r->out->effect[all[k]].reason = ALM_EFFECT_NO_FIT;
        }
        drop_dependent(r);
        if (r->used_count == 0) {
            return false;
        }
        if (fit(r, by_search, state) == ALM_OK) {
            return r->used_count > 0;
        }
        if (by_search) {
            return false;
        }
    }
    return false;
}

void alm_effects_of(const alm_past *past, const alm_regressors *x, bool by_search,
                    alm_arena *arena, alm_effects *out)
{
    void *state = NULL;
    *out = (alm_effects){.count = x->count, .season = 1,
                         .effect = ALM_NEW_ARRAY(arena, alm_effect, x->count)};
    regression r = {.given = x, .arena = arena, .out = out,
                    .used = ALM_NEW_ARRAY(arena, size_t, x->count)};
    alm_assert(x->periods >= past->count);
    for (size_t k = 0; k < x->count; k++) {
        out->effect[k] = (alm_effect){0, (double)NAN, ALM_EFFECT_NO_FIT};
    }
    take_columns(&r, past);
    if (r.used_count > 0 && fit_first(&r, by_search, &state)) {
        (void)take_effects(&r, by_search, state);
    }
}
