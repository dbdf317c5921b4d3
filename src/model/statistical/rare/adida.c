#include "model/statistical/rare/adida.h"

#include <math.h>
#include <string.h>

#include "model/statistical/rare/demand_past.h"
#include "model/statistical/rare/demand_smoothing.h"

#define ALPHA_MIN .1
#define ALPHA_MAX .3

typedef struct bucket { /* sums of `periods` periods */
    size_t periods;
    double alpha, level;
    double sum; /* of the one that is being filled */
    size_t filled;
} bucket;

typedef struct adida {
    alm_adjustment by;
    bucket *bucket; /* none: no demand */
    size_t count;
    double errors;
    size_t error_count;
} adida;

static double forecast(const adida *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->bucket[i].level / (double)s->bucket[i].periods;
    }
    return s->count ? sum / (double)s->count : 0;
}

static void take(adida *s, double y)
{
    double e = y - forecast(s);
    s->errors += e * e;
    s->error_count++;
    for (size_t i = 0; i < s->count; i++) {
        bucket *b = &s->bucket[i];
        b->sum += y;
        if (++b->filled == b->periods) {
            b->level += b->alpha * (b->sum - b->level);
            b->sum = 0;
            b->filled = 0;
        }
    }
}

/* ---- fitting ---- */

/* Half to even, as the reference programs round. */
static size_t rounded(double x)
{
    double low = floor(x);
    bool is_up = x - low > .5 || (x - low == .5 && (size_t)low % 2 == 1);
    return (size_t)low + is_up;
}

/* 0: no demand. */
static size_t mean_interval(const alm_demand_past *past)
{
    size_t demands = 0;
    size_t last = 0;
    for (size_t t = 0; t < past->count; t++) {
        if (past->y[t] > 0) {
            demands++;
            last = t + 1;
        }
    }
    if (demands == 0) {
        return 0;
    }
    size_t mean = rounded((double)last / (double)demands);
    return mean < ALM_ADIDA_PERIODS_MAX ? mean : ALM_ADIDA_PERIODS_MAX;
}

/* Squared errors one period ahead, of the level before each sum; `ahead` gets its share of the
 * forecasts, in the periods that have one. */
static void fit_bucket(bucket *b, const alm_demand_past *past, double *sums, double *ahead)
{
    size_t count = past->count / b->periods;
    size_t first = past->count % b->periods;
    for (size_t i = 0; i < count; i++) {
        sums[i] = 0;
        for (size_t k = 0; k < b->periods; k++) {
            sums[i] += past->y[first + i * b->periods + k];
        }
    }
    b->alpha = alm_smoothing_search(sums, count, ALPHA_MIN, ALPHA_MAX);
    b->level = sums[0];
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < b->periods; k++) {
            ahead[first + i * b->periods + k] += b->level / (double)b->periods;
        }
        b->level += b->alpha * (sums[i] - b->level);
    }
}

static alm_err fit(bool is_mean, const alm_past *past, alm_arena *arena, void **state,
                   alm_error *error)
{
    alm_demand_past demand;
    ALM_TRY(alm_demand_past_of(past, arena, &demand, error));
    size_t longest = mean_interval(&demand);
    adida *s = ALM_NEW(arena, adida);
    *s = (adida){.by = demand.by, .count = is_mean ? longest : longest > 0};
    s->bucket = ALM_NEW_ARRAY(arena, bucket, s->count);
    double *sums = ALM_NEW_ARRAY(arena, double, demand.count);
    double *ahead = ALM_NEW_ARRAY(arena, double, demand.count);
    memset(ahead, 0, demand.count * sizeof *ahead);
    for (size_t i = 0; i < s->count; i++) {
        s->bucket[i] = (bucket){.periods = is_mean ? i + 1 : longest};
        fit_bucket(&s->bucket[i], &demand, sums, ahead);
    }
    /* Behind the first whole sums of all, each period has a forecast of each. */
    for (size_t t = s->count ? 2 * longest - 1 : demand.count; t < demand.count; t++) {
        double e = demand.y[t] - ahead[t] / (double)s->count;
        s->errors += e * e;
        s->error_count++;
    }
    *state = s;
    return ALM_OK;
}

static alm_err fit_adida(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(false, past, arena, state, error);
}

static alm_err fit_imapa(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    return fit(true, past, arena, state, error);
}

/* ---- the state ---- */

static void update(void *state, double y)
{
    adida *s = state;
    if (!isnan(y)) {
        take(s, alm_demand_value(&s->by, y));
    }
}

static void mean(const void *state, size_t steps, double *out)
{
    const adida *s = state;
    double one = alm_readjust_value(&s->by, 0, forecast(s));
    for (size_t h = 0; h < steps; h++) {
        out[h] = one;
    }
}

static void deviation(const void *state, size_t steps, double *out)
{
    const adida *s = state;
    double variance = s->error_count ? s->errors / (double)s->error_count : (double)NAN;
    double one = alm_readjust_deviation(&s->by, 0, variance);
    for (size_t h = 0; h < steps; h++) {
        out[h] = one;
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const adida *from = state;
    adida *to = into;
    if (!to) {
        to = ALM_NEW(arena, adida);
        to->bucket = ALM_NEW_ARRAY(arena, bucket, from->count);
    }
    bucket *own = to->bucket;
    *to = *from;
    to->bucket = from->count ? memcpy(own, from->bucket, from->count * sizeof *own) : own;
    return to;
}

#define OF_DEMAND {.support = ALM_SUPPORT_NON_NEGATIVE}
#define KIND(name, fit) {name, fit, update, mean, deviation, copy, NULL, OF_DEMAND}

const alm_forecaster_kind alm_adida = KIND("adida", fit_adida);
const alm_forecaster_kind alm_imapa = KIND("imapa", fit_imapa);
