#include "model/statistical/rare/count.h"

#include <math.h>

#include "num/elementary.h"
#include "num/golden_section.h"
#include "num/negative_binomial.h"

#define PROBABILITY_MIN 1e-9
#define SIZE_MIN 1e-9
#define EXCESS_MIN 1e-3
#define EXCESS_MAX 1e3
#define MEMORY_MIN 1.99 /* the search's ends and their rounding */
#define MEMORY_MAX 1025
#define GRID 19 /* memories 2, 2^1.5, .. 1024 */
#define HALF_OCTAVE .34657359027997264
#define LOG_2 .6931471805599453
#define ROUNDS 10 /* over the coordinates of common parameters */
#define OWN_MEMORY 32
#define OWN_STRENGTH .1

typedef enum observed { UNKNOWN, VALUE, BOUND } observed;

/* A past apart: of each period whether there was demand, of each demand how much. */
typedef struct split {
    const int8_t *demand; /* 0, 1; -1: unknown */
    size_t periods;
    const double *size; /* y - 1 */
    const double *gap; /* periods from the demand before to this one; of the first: 0 */
    const uint8_t *bound;
    size_t demands, bounds;
    double rest; /* periods from the last demand to the next period */
    size_t known;
    size_t begun; /* periods up to the first demand; all if there is none */
    double size_sum;
} split;

typedef struct occurrence { /* of demand in the next period */
    double p, weight;
    double start; /* what p goes back to */
} occurrence;

typedef struct size_level { /* mean of y - 1 at the next demand */
    double mean, weight;
    double start; /* what the mean goes back to */
} size_level;

typedef struct rules { /* a model without a past */
    alm_count_parameters q;
    alm_count_start start;
} rules;

typedef struct count {
    rules rules;
    occurrence demand;
    size_level size;
    double log_likelihood;
} count;

/* ---- one period ---- */

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static occurrence first_demand(const alm_count_start *s)
{
    return (occurrence){s->probability, s->probability_weight, s->probability};
}

static size_level first_size(const alm_count_start *s)
{
    return (size_level){s->size, s->size_weight, s->size};
}

/* What is forgotten is replaced by the start. */
static void forget(double *mean, double *weight, double memory, double start, double start_weight)
{
    double kept = (1 - 1 / memory) * *weight;
    double back = start_weight / memory;
    *weight = kept + back;
    *mean = (kept * *mean + back * start) / *weight;
}

/* The period is over; `seen`: of it is known whether there was demand, which is `demand`, or how
 * probable it was. */
static void move_demand(occurrence *d, bool seen, double demand, const rules *r)
{
    if (seen) {
        d->weight++;
        d->p += (demand - d->p) / d->weight;
    }
    forget(&d->p, &d->weight, r->q.memory_demand, d->start, r->start.probability_weight);
    d->p = clamp(d->p * r->q.fade_demand, PROBABILITY_MIN, 1 - PROBABILITY_MIN);
    d->start = clamp(d->start * r->q.fade_demand, PROBABILITY_MIN, 1 - PROBABILITY_MIN);
}

/* Variance over mean: of a size around its mean, and of what is known of that mean. */
static double ratio_of(const size_level *z, const alm_count_parameters *q)
{
    return (1 + q->excess) * (1 + 1 / z->weight);
}

static alm_negative_binomial sizes_of(const size_level *z, const alm_count_parameters *q)
{
    return (alm_negative_binomial){z->mean, z->mean / (ratio_of(z, q) - 1)};
}

static void move_size(size_level *z, double size, bool is_bound, const rules *r)
{
    double information = 1;
    if (is_bound) {
        if (size <= 0) {
            return; /* at least one, as every demand */
        }
        alm_truncated_moments above = alm_negative_binomial_above(sizes_of(z, &r->q), size);
        information = clamp(1 - above.variance / (z->mean * ratio_of(z, &r->q)), 0, 1);
        size = above.mean;
    }
    z->weight += information;
    z->mean += (size - z->mean) / (z->weight > 1 ? z->weight : 1); /* no step beyond what came */
    forget(&z->mean, &z->weight, r->q.memory_size, z->start, r->start.size_weight);
    z->mean = clamp(z->mean, SIZE_MIN, 2 * ALM_COUNT_VALUE_MAX);
}

static void fade_size(size_level *z, double by)
{
    z->mean = clamp(z->mean * by, SIZE_MIN, 2 * ALM_COUNT_VALUE_MAX);
    z->start = clamp(z->start * by, SIZE_MIN, 2 * ALM_COUNT_VALUE_MAX);
}

/* ---- likelihoods ---- */

/* A product of probabilities, with one logarithm for many. */
typedef struct product {
    double logs, rest;
} product;

static void multiply(product *p, double by)
{
    p->rest *= by;
    if (p->rest < 1e-200) {
        p->logs += alm_log(p->rest);
        p->rest = 1;
    }
}

static double walk_demand(const split *s, const rules *r, occurrence *d)
{
    product likelihood = {0, 1};
    *d = first_demand(&r->start);
    for (size_t t = 0; t < s->periods; t++) {
        if (s->demand[t] >= 0) {
            multiply(&likelihood, s->demand[t] ? d->p : 1 - d->p);
        }
        move_demand(d, s->demand[t] >= 0, s->demand[t], r);
    }
    return likelihood.logs + alm_log(likelihood.rest);
}

static double walk_size(const split *s, const rules *r, size_level *z)
{
    double sum = 0;
    double log_fade = alm_log(r->q.fade_size);
    *z = first_size(&r->start);
    for (size_t i = 0; i < s->demands; i++) {
        fade_size(z, log_fade < 0 ? alm_exp(log_fade * s->gap[i]) : 1);
        alm_negative_binomial d = sizes_of(z, &r->q);
        if (s->bound[i]) {
            double tail = alm_negative_binomial_tail(d, s->size[i]);
            sum += alm_log(tail > 1e-300 ? tail : 1e-300);
        } else {
            sum += alm_negative_binomial_log_mass(d, s->size[i]);
        }
        move_size(z, s->size[i], s->bound[i], r);
    }
    fade_size(z, log_fade < 0 ? alm_exp(log_fade * s->rest) : 1);
    return sum;
}

/* ---- one series ---- */

typedef struct own { /* of one series */
    const split *split;
    alm_count_parameters common;
    double strength; /* of the pull to the common ones */
    rules at;
} own;

static double penalty(double strength, double x, double common)
{
    double away = alm_log(x / common);
    return .5 * strength * away * away;
}

static double demand_at(void *problem, double log_memory)
{
    own *o = problem;
    occurrence d;
    o->at.q.memory_demand = alm_exp(log_memory);
    return walk_demand(o->split, &o->at, &d) -
           penalty(o->strength, o->at.q.memory_demand, o->common.memory_demand);
}

static double size_here(own *o)
{
    size_level z;
    return walk_size(o->split, &o->at, &z) -
           penalty(o->strength, o->at.q.memory_size, o->common.memory_size) -
           penalty(o->strength, o->at.q.excess, o->common.excess);
}

static double size_at(void *problem, double log_memory)
{
    own *o = problem;
    o->at.q.memory_size = alm_exp(log_memory);
    return size_here(o);
}

static double minus_excess_at(void *problem, double log_excess)
{
    own *o = problem;
    o->at.q.excess = alm_exp(log_excess);
    return -size_here(o);
}

static double best_memory(double (*f)(void *problem, double x), own *o)
{
    double best = 0;
    double highest = -(double)INFINITY;
    for (int i = 0; i < GRID; i++) {
        double log_memory = LOG_2 + HALF_OCTAVE * i;
        double value = f(o, log_memory);
        if (value > highest) {
            highest = value;
            best = log_memory;
        }
    }
    return alm_exp(best);
}

/* The likelihood is a product of one of demand and one of sizes, which share no parameter. */
static void fit_own(own *o)
{
    if (isinf(o->strength)) {
        return;
    }
    o->at.q.memory_demand = best_memory(demand_at, o);
    for (int round = 0; round < 2 && o->split->demands > 0; round++) {
        o->at.q.excess =
            alm_exp(alm_golden_section(minus_excess_at, o, alm_log(EXCESS_MIN),
                                       alm_log(EXCESS_MAX), round ? .01 : .5));
        if (round == 0) {
            o->at.q.memory_size = best_memory(size_at, o);
        }
    }
}

/* Half a demand of size one and half a demand in one period are added, so that nothing is
 * impossible. A bound counts for its size, but not as a demand: right for sizes without memory. */
static alm_count_start own_start(const split *s)
{
    double whole = (double)(s->demands - s->bounds);
    return (alm_count_start){.probability = ((double)s->demands + .5) / ((double)s->known + 1),
                             .probability_weight = 1,
                             .size = (s->size_sum + .5) / (whole + 1),
                             .size_weight = 1};
}

/* ---- reading a past ---- */

static alm_err check_value(double y, size_t t, alm_error *error)
{
    if (y > ALM_COUNT_VALUE_MAX) {
        return alm_fail(error, ALM_ERR_NUMERIC, "counts up to %g are too large", y);
    }
    if (y < 0 || y != floor(y)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "counts are whole numbers from 0 on, and value %zu is %g: mark it as not "
                        "known, or use a forecaster that takes any value",
                        t + 1, y);
    }
    return ALM_OK;
}

static observed what_is(const alm_count_past *past, size_t t)
{
    if (isnan(past->y[t])) {
        return UNKNOWN;
    }
    bool is_bound = past->bound && past->bound[t];
    return !is_bound ? VALUE : past->y[t] > 0 ? BOUND : UNKNOWN;
}

static alm_err split_past(const alm_count_past *past, alm_arena *arena, split *out,
                          alm_error *error)
{
    alm_assert(past->count <= ALM_PAST_COUNT_MAX);
    int8_t *demand = ALM_NEW_ARRAY(arena, int8_t, past->count);
    double *size = ALM_NEW_ARRAY(arena, double, past->count);
    double *gap = ALM_NEW_ARRAY(arena, double, past->count);
    uint8_t *bound = ALM_NEW_ARRAY(arena, uint8_t, past->count);
    split s = {.demand = demand, .periods = past->count, .size = size, .gap = gap,
               .bound = bound};
    for (size_t t = 0; t < past->count; t++) {
        double y = past->y[t];
        observed what = what_is(past, t);
        if (!isnan(y)) {
            ALM_TRY(check_value(y, t, error));
        }
        demand[t] = what == UNKNOWN ? -1 : y > 0;
        s.known += what != UNKNOWN;
        s.begun += s.demands == 0;
        s.rest += s.demands > 0;
        if (demand[t] == 1) {
            bound[s.demands] = what == BOUND;
            s.bounds += what == BOUND;
            s.size_sum += y - 1;
            gap[s.demands] = s.rest;
            s.rest = 0;
            size[s.demands++] = y - 1;
        }
    }
    if (s.known == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "1 known values are needed, 0 are there");
    }
    s.rest += s.demands > 0; /* to the period behind the past */
    *out = s;
    return ALM_OK;
}

static bool is_within(double x, double low, double high)
{
    return x >= low && x <= high; /* false for NaN */
}

static alm_err check_common(const alm_count_common *c, alm_error *error)
{
    const alm_count_parameters *q = &c->parameters;
    const alm_count_start *s = &c->start;
    bool is_fine = is_within(q->memory_demand, MEMORY_MIN, MEMORY_MAX) &&
                   is_within(q->memory_size, MEMORY_MIN, MEMORY_MAX) &&
                   is_within(q->excess, .9 * EXCESS_MIN, 1.1 * EXCESS_MAX) &&
                   is_within(q->fade_demand, .5, 1) && is_within(q->fade_size, .5, 1) &&
                   is_within(s->probability, PROBABILITY_MIN, 1 - PROBABILITY_MIN) &&
                   is_within(s->size, SIZE_MIN, ALM_COUNT_VALUE_MAX) &&
                   is_within(s->probability_weight, .01, 1e6) &&
                   is_within(s->size_weight, .01, 1e6) && c->strength >= 0;
    return is_fine ? ALM_OK
                   : alm_fail(error, ALM_ERR_INVALID,
                              "common parameters of counts are not within their bounds: take them "
                              "as alm_count_common_fit gives them");
}

/* Behind its first demand, which is given and not a surprise; its size is one. */
static void begin_behind_first(split *s)
{
    s->demand += s->begun;
    s->periods -= s->begun;
}

alm_err alm_count_fit(const alm_count_past *past, const alm_count_common *common,
                      alm_arena *arena, void **state, alm_error *error)
{
    split s;
    if (common) {
        ALM_TRY(check_common(common, error));
    }
    ALM_TRY(split_past(past, arena, &s, error));
    alm_count_common alone = {{OWN_MEMORY, OWN_MEMORY, 1, 1, 1}, own_start(&s), OWN_STRENGTH};
    const alm_count_common *by = common ? common : &alone;
    own o = {&s, by->parameters, by->strength, {by->parameters, by->start}};
    if (common && s.demands > 0) {
        begin_behind_first(&s);
    } else {
        o.at.start.probability = alone.start.probability;
        o.at.start.probability_weight = alone.start.probability_weight;
    }
    fit_own(&o);
    count *c = ALM_NEW(arena, count);
    *c = (count){.rules = o.at};
    c->log_likelihood = walk_demand(&s, &o.at, &c->demand);
    c->log_likelihood += walk_size(&s, &o.at, &c->size);
    *state = c;
    return ALM_OK;
}

/* ---- many series ---- */

typedef struct many {
    const split *split;
    size_t count;
    rules at;
    double *coordinate; /* one of `at`, as a logarithm or a logit */
    bool is_of_size, is_logit;
} many;

static double minus_many_at(void *problem, double x)
{
    many *m = problem;
    *m->coordinate = m->is_logit ? 1 / (1 + alm_exp(-x)) : alm_exp(x);
    double sum = 0;
    for (size_t i = 0; i < m->count; i++) {
        size_level z;
        occurrence d;
        sum += m->is_of_size ? walk_size(&m->split[i], &m->at, &z)
                             : walk_demand(&m->split[i], &m->at, &d);
    }
    return -sum;
}

typedef struct coordinate {
    double *value;
    double low, high; /* logarithms, or logits */
    bool is_of_size, is_logit;
} coordinate;

static double scaled(const coordinate *c)
{
    return c->is_logit ? alm_log(*c->value / (1 - *c->value)) : alm_log(*c->value);
}

/* Along one coordinate, within a share of its range around where it is. An end of the range that is
 * as good is taken exactly: no fade is 1. */
static void climb(many *m, const coordinate *c, double share)
{
    double at = scaled(c);
    double reach = share * (c->high - c->low);
    double low = at - reach < c->low ? c->low : at - reach;
    double high = at + reach > c->high ? c->high : at + reach;
    m->coordinate = c->value;
    m->is_of_size = c->is_of_size;
    m->is_logit = c->is_logit;
    double x = alm_golden_section(minus_many_at, m, low, high, (high - low) / 40);
    double found = minus_many_at(m, x);
    x = high == c->high && minus_many_at(m, high) <= found ? high : x;
    (void)minus_many_at(m, x); /* leaves the coordinate there */
}

static void fit_many(many *m)
{
    const double memory_low = alm_log(2), memory_high = alm_log(1024), fade_low = alm_log(.9);
    alm_count_parameters *q = &m->at.q;
    alm_count_start *s = &m->at.start;
    const coordinate list[] = {
        {&s->probability, -9, 9, false, true},
        {&s->probability_weight, -2, 6, false, false},
        {&q->memory_demand, memory_low, memory_high, false, false},
        {&q->fade_demand, fade_low, 0, false, false},
        {&s->size, alm_log(.01), alm_log(ALM_COUNT_VALUE_MAX), true, false},
        {&q->excess, alm_log(EXCESS_MIN), alm_log(EXCESS_MAX), true, false},
        {&s->size_weight, -2, 6, true, false},
        {&q->memory_size, memory_low, memory_high, true, false},
        {&q->fade_size, fade_low, 0, true, false},
    };
    double share = 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
            climb(m, &list[i], share);
        }
        share *= .6; /* .6^9: a hundredth of the range */
    }
}

alm_err alm_count_common_fit(const alm_count_past *pasts, size_t pasts_count, alm_arena *arena,
                             alm_count_common *out, alm_error *error)
{
    split *splits = ALM_NEW_ARRAY(arena, split, pasts_count);
    size_t used = 0;
    for (size_t i = 0; i < pasts_count; i++) {
        alm_error why = {0};
        alm_err code = split_past(&pasts[i], arena, &splits[used], &why);
        if (code != ALM_OK && code != ALM_ERR_INCOMPLETE) {
            return alm_fail(error, code, "series %zu: %s", i + 1, why.message);
        }
        bool has_demand = code == ALM_OK && splits[used].demands > 0;
        if (has_demand) {
            begin_behind_first(&splits[used]);
        }
        used += has_demand;
    }
    if (used == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "none of %zu series has a demand", pasts_count);
    }
    many m = {.split = splits, .count = used, .at = {{OWN_MEMORY, OWN_MEMORY, 1, 1, 1},
                                                           {.5, 1, 1, 1}}};
    fit_many(&m);
    *out = (alm_count_common){m.at.q, m.at.start, ALM_COUNT_STRENGTH};
    return ALM_OK;
}

/* ---- the state ---- */

static alm_err fit(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    alm_count_past counts = {past->y, past->count, NULL};
    return alm_count_fit(&counts, NULL, arena, state, error);
}

static void pass(count *c, observed what, double y)
{
    move_demand(&c->demand, what != UNKNOWN, y > 0, &c->rules);
    if (what != UNKNOWN && y > 0) {
        move_size(&c->size, y - 1, what == BOUND, &c->rules);
    }
    fade_size(&c->size, c->rules.q.fade_size);
}

static void update(void *state, double y)
{
    pass(state, isnan(y) ? UNKNOWN : VALUE, clamp(floor(y + .5), 0, ALM_COUNT_VALUE_MAX));
}

void alm_count_update_bound(void *state, double bound)
{
    double least = clamp(floor(bound + .5), 0, ALM_COUNT_VALUE_MAX);
    pass(state, least > 0 ? BOUND : UNKNOWN, least);
}

/* The next period, of which nothing but its probability of demand is known: the mean size goes back
 * to the start with each demand. Returns the mean. */
static double pass_unseen(occurrence *d, size_level *z, const rules *r)
{
    double p = d->p;
    double mean = z->mean;
    size_level moved = {z->mean, z->weight + 1, z->start};
    forget(&moved.mean, &moved.weight, r->q.memory_size, z->start, r->start.size_weight);
    z->mean += p * (moved.mean - z->mean);
    z->weight += p * (moved.weight - z->weight);
    move_demand(d, true, p, r);
    fade_size(z, r->q.fade_size);
    return p * (1 + mean);
}

static void mean(const void *state, size_t steps, double *out)
{
    count c = *(const count *)state;
    for (size_t h = 0; h < steps; h++) {
        out[h] = pass_unseen(&c.demand, &c.size, &c.rules);
    }
}

/* The mean size walks: each demand moves it by its error / (weight + 1). */
static void deviation(const void *state, size_t steps, double *out)
{
    count c = *(const count *)state;
    const double kept = 1 - 1 / c.rules.q.memory_size;
    double walked = 0; /* variance of the mean size */
    for (size_t h = 0; h < steps; h++) {
        double p = c.demand.p;
        double mean = 1 + c.size.mean;
        double spread = c.size.mean * ratio_of(&c.size, &c.rules.q);
        double variance = p * (mean * mean + walked + spread) - p * p * mean * mean;
        out[h] = sqrt(variance > 0 ? variance : 0);
        double weight = c.size.weight + 1;
        double stays = kept * weight / (kept * weight + c.rules.start.size_weight *
                                                            (1 - kept));
        double still = stays * (weight - 1) / weight; /* of a mean's distance, behind a demand */
        walked += p * (walked * (still * still - 1) + spread * (stays / weight) * (stays / weight));
        (void)pass_unseen(&c.demand, &c.size, &c.rules);
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    count *to = into ? into : ALM_NEW(arena, count);
    *to = *(const count *)state;
    return to;
}

static double next(const void *state, double u)
{
    const count *c = state;
    double none = 1 - c->demand.p;
    if (u <= none) {
        return 0;
    }
    double within = clamp((u - none) / c->demand.p, 0, 1 - 0x1p-53);
    return 1 + alm_negative_binomial_quantile(sizes_of(&c->size, &c->rules.q), within);
}

double alm_count_cdf(const void *state, double value)
{
    const count *c = state;
    return value < 0 ? 0
                     : 1 - c->demand.p * alm_negative_binomial_tail(
                               sizes_of(&c->size, &c->rules.q), floor(value));
}

void alm_count_describe(const void *state, alm_count_facts *out)
{
    const count *c = state;
    *out = (alm_count_facts){c->rules.q, c->demand.p, 1 + c->size.mean, c->log_likelihood};
}

const alm_forecaster_kind alm_count = {
    "count", fit, update, mean, deviation, copy, next,
    {.support = ALM_SUPPORT_COUNT, .has_units = true},
};
