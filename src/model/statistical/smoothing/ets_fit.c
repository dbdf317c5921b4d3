#include <string.h>

#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ets_internal.h"
#include "num/elementary.h"
#include "num/least_squares.h"

#define LOW ALMI_ETS_LOW
#define HIGH .9999
#define PHI_LOW .8
#define PHI_HIGH .98
#define ROUNDS_FIRST 12 /* from each start */
#define ROUNDS 60
#define TOLERANCE 1e-8
#define PRIOR_BETA .05        /* as a part of its range */
#define PRIOR_BETA_WEIGHT 2.25 /* mean squares of changes from season to season, for each 1 */
#define PRIOR_STATES_WEIGHT 3  /* periods */
#define MEAN_MAX 1e150
#define PRODUCT_MAX 1e100

typedef struct scale { /* a product beyond what a double holds */
    double mantissa;
    int64_t exponent;
} scale;

/* by: at most MEAN_MAX. */
ALM_INLINE void multiply(scale *s, double by)
{
    s->mantissa *= by;
    if (!(s->mantissa > 1 / PRODUCT_MAX && s->mantissa < PRODUCT_MAX)) {
        int more = 0;
        s->mantissa = frexp(s->mantissa, &more);
        s->exponent += more;
    }
}

static double root_of(const scale *s, size_t n)
{
    double log = alm_log(s->mantissa) + (double)s->exponent * 0.6931471805599453;
    return alm_exp(log / (double)n);
}

/* Errors of the past into r, relative ones times the geometric mean of the means. */
ALM_INLINE bool pass_past(const alm_ets_form *form, const almi_ets_walk *q, double *r)
{
    const alm_adjusted *past = q->past;
    const almi_ets own = *q->p; /* in registers: nothing that is written can be a part of it */
    const almi_ets *p = &own;
    almi_ets_state s = {p->level, p->slope, q->index};
    size_t phase = 0;
    scale of_means = {1, 0};
    for (size_t t = 0; t < past->count; t++) {
        double y = past->y[t];
        double mean = almi_ets_pass(form, p, &s, phase, y);
        double e = isnan(y) ? 0 : y - mean;
        if (form->error == ALM_ETS_MULTIPLICATIVE) {
            if (!(mean > 1e-12 && mean < MEAN_MAX)) {
                return false;
            }
            e /= mean;
            if (!isnan(y)) {
                multiply(&of_means, mean);
            }
        }
        r[t] = e;
        phase = phase + 1 == p->season ? 0 : phase + 1;
    }
    if (form->error == ALM_ETS_MULTIPLICATIVE) {
        double geometric = root_of(&of_means, past->known);
        q->p->geometric = geometric;
        for (size_t t = 0; t < past->count; t++) {
            r[t] *= geometric;
        }
    }
    return true;
}

static bool pass(const almi_ets_walk *q, double *r)
{
    const alm_ets_form *f = &q->p->form;
#define PASS(e, t, s)                                                                            \
    if (f->error == ALM_ETS_##e && f->trend == ALM_ETS_##t && f->season == ALM_ETS_##s) {        \
        static const alm_ets_form FORM = {ALM_ETS_##e, ALM_ETS_##t, ALM_ETS_##s, false};         \
        return pass_past(&FORM, q, r);                                                           \
    }
    ALMI_ETS_FORMS(PASS)
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
static void unpack(const almi_ets_walk *q, const double *x)
{
    almi_ets *p = q->p;
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
    const almi_ets_walk *q = context;
    unpack(q, x);
    for (size_t i = 0; q->p->form.season == ALM_ETS_MULTIPLICATIVE && i < q->p->season; i++) {
        if (!(q->index[i] > 1e-6)) {
            return false;
        }
    }
    for (size_t k = 0; q->pull && k < q->p->parameters; k++) {
        r[q->past->count + k] = q->pull[k] * (x[k] - q->toward[k]);
    }
    return pass(q, r);
}

static double squash_slope(double x)
{
    double q = 1 + x * x;
    return .5 / (q * sqrt(q));
}

/* Derivatives of what unpack gives. */
static void seed_slopes(const almi_ets *p, const double *x, double seed[4][4])
{
    size_t k = 1;
    memset(seed, 0, 16 * sizeof(double));
    seed[0][0] = (HIGH - LOW) * squash_slope(x[0]);
    if (p->form.trend) {
        seed[1][0] = seed[0][0] * squash(x[k]);
        seed[1][k] = (p->alpha - LOW) * squash_slope(x[k]);
        k++;
    }
    if (p->form.season) {
        seed[2][0] = -seed[0][0] * squash(x[k]);
        seed[2][k] = (1 - p->alpha - LOW) * squash_slope(x[k]);
        k++;
    }
    if (p->form.is_damped) {
        seed[3][k] = (PHI_HIGH - PHI_LOW) * squash_slope(x[k]);
    }
}

static void residual_rows(void *context, const double *x, size_t stride, double *rows)
{
    almi_ets_walk *q = context;
    double seed[4][4];
    q->rounds++;
    unpack(q, x);
    seed_slopes(q->p, x, seed);
    almi_ets_slopes(q, (const double(*)[4])seed, q->p->geometric, stride, rows);
    for (size_t k = 0; q->pull && k < q->p->parameters; k++) {
        double *row = rows + (q->past->count + k) * stride;
        memset(row, 0, stride * sizeof *row);
        row[k] = q->pull[k];
    }
}

/* ---- where the search starts ---- */

/* Level and slope before the first period: a line through the first adjusted values. */
static void first_line(const alm_adjusted *past, const almi_ets *p, double *level, double *slope)
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

static bool first_indices(const alm_adjusted *past, almi_ets *p, alm_arena *arena)
{
    alm_past by_itself = {past->y, past->count, p->season};
    return !p->form.season ||
           alm_seasonal_indices(&by_itself, p->form.season == ALM_ETS_MULTIPLICATIVE, arena,
                                p->index);
}

static size_t pack(const alm_adjusted *past, const almi_ets *p, const double *start, double *x,
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

/* ---- the prior ----
 *
 * Chosen on origins inside of the pasts of M1, M3 and M4 weekly: without it, series of three to
 * five years take chance for a slope that changes all the time, and forecasts run away. */

/* Of a change from one season to the next. */
static double mean_square_of_changes(const alm_adjusted *past, size_t season)
{
    double sum = 0;
    double known = 0;
    for (size_t t = season; t < past->count; t++) {
        double change = past->y[t] - past->y[t - season];
        sum += isnan(change) ? 0 : change * change;
        known += !isnan(change);
    }
    return known > 0 ? sum / known : 0;
}

static double sum_of_prior(const almi_ets_walk *q, const double *x)
{
    double sum = 0;
    for (size_t k = 0; q->pull && k < q->p->parameters; k++) {
        double e = q->pull[k] * (x[k] - q->toward[k]);
        sum += e * e;
    }
    return sum;
}

/* x is where the search starts, of sizes `size`. */
static void set_prior(almi_ets_walk *q, const double *x, const double *size, alm_arena *arena)
{
    const almi_ets *p = q->p;
    double *toward = ALM_NEW_ARRAY(arena, double, p->parameters);
    double *pull = ALM_NEW_ARRAY(arena, double, p->parameters);
    memcpy(toward, x, p->parameters * sizeof *x);
    if (p->form.trend) {
        toward[1] = unsquash(PRIOR_BETA);
        pull[1] = sqrt(PRIOR_BETA_WEIGHT * mean_square_of_changes(q->past, p->season));
    }
    double level = size[q->first];
    pull[q->first] = sqrt(PRIOR_STATES_WEIGHT);
    for (size_t k = q->first + (p->form.trend ? 2 : 1); k < p->parameters; k++) {
        double of_value = p->form.season == ALM_ETS_MULTIPLICATIVE ? level : 1;
        pull[k] = of_value * sqrt(PRIOR_STATES_WEIGHT);
    }
    q->toward = toward;
    q->pull = pull;
}

/* ---- fitting ---- */

size_t almi_ets_parameters(const alm_ets_form *form, size_t season)
{
    return 2 + (form->trend ? 2 : 0) + (form->season ? season : 0) + form->is_damped;
}

/* The state behind the past, and what the fit came to. */
static void finish(const almi_ets_walk *q, const double *x, double sum)
{
    almi_ets *p = q->p;
    const alm_adjusted *past = q->past;
    unpack(q, x);
    almi_ets_state s = {p->level, p->slope, q->index};
    double squares = 0;
    for (size_t t = 0; t < past->count; t++) {
        double mean = almi_ets_pass(&p->form, p, &s, t % p->season, past->y[t]);
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
    double log_sum = n * alm_log(sum > 0 ? sum : 1e-300);
    p->criterion = log_sum + 2 * k + 2 * k * (k + 1) / (n - k - 1);
    p->log_likelihood = -.5 * (log_sum + 2 * n * alm_log(factor));
    p->aicc = p->criterion + 2 * n * alm_log(factor);
}

static almi_ets_walk new_walk(const alm_adjusted *past, almi_ets *p, alm_arena *arena)
{
    size_t stride = (p->parameters + 4) / 4 * 4;
    size_t first = 1 + !!p->form.trend + !!p->form.season + p->form.is_damped;
    return (almi_ets_walk){past, p, ALM_NEW_ARRAY(arena, double, p->season),
                           ALM_NEW_ARRAY(arena, double, past->count),
                           ALM_NEW_ARRAY(arena, double, ALMI_ETS_SLOPES(p->season) * stride + 8),
                           first, 0, NULL, NULL};
}

typedef struct search {
    almi_ets_walk walk;
    alm_least_squares of_likelihood, of_prior;
    alm_arena *arena;
    double *x, *best, *size;
    double lowest;
    bool has_ended; /* the best by itself */
} search;

static search new_search(const alm_adjusted *past, almi_ets *p, alm_arena *arena)
{
    search s = {.walk = new_walk(past, p, arena),
                .arena = arena,
                .x = ALM_NEW_ARRAY(arena, double, p->parameters),
                .best = ALM_NEW_ARRAY(arena, double, p->parameters),
                .size = ALM_NEW_ARRAY(arena, double, p->parameters),
                .lowest = INFINITY};
    s.of_likelihood = (alm_least_squares){residuals, NULL, past->count, p->parameters, s.size,
                                          ROUNDS_FIRST, TOLERANCE};
    s.of_prior = s.of_likelihood;
    s.of_prior.n += p->parameters;
    return s;
}

/* Some rounds from x. */
static void try_start(search *s, const alm_least_squares *of)
{
    double sum = INFINITY;
    s->walk.rounds = 0;
    if (alm_least_squares_minimise_by_rows(of, residual_rows, s->arena, s->x, &sum) &&
        sum < s->lowest) {
        s->lowest = sum;
        s->has_ended = s->walk.rounds < ROUNDS_FIRST;
        memcpy(s->best, s->x, s->walk.p->parameters * sizeof(double));
    }
}

/* Parameters at the ends of their ranges hold a search fast. The prior draws them away. */
static void try_start_of_prior(search *s, const double *start)
{
    double sum = INFINITY;
    (void)pack(s->walk.past, s->walk.p, start, s->x, s->size);
    set_prior(&s->walk, s->x, s->size, s->arena);
    s->of_prior.rounds_max = ROUNDS;
    bool done = alm_least_squares_minimise_by_rows(&s->of_prior, residual_rows, s->arena, s->x,
                                                   &sum);
    s->walk.pull = NULL;
    if (done) {
        try_start(s, &s->of_likelihood);
    }
}

/* From some starts for some rounds each, then on from where the lowest came to, where it has not
 * ended by itself. */
bool almi_ets_fit(const alm_adjusted *past, almi_ets *p, alm_arena *arena)
{
    /* As fractions of their ranges: R's, and one that follows the newest values. */
    static const double STARTS[][3] = {{.2, .1, .05}, {.7, .3, .3}};
    if (!first_indices(past, p, arena)) {
        return false;
    }
    search s = new_search(past, p, arena);
    bool is_cautious = p->care == ALMI_ETS_CAUTIOUS;
    alm_least_squares *of = is_cautious ? &s.of_prior : &s.of_likelihood;
    s.of_prior.context = s.of_likelihood.context = &s.walk;
    for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++) {
        (void)pack(past, p, STARTS[i], s.x, s.size);
        if (is_cautious && i == 0) {
            set_prior(&s.walk, s.x, s.size, arena);
        }
        try_start(&s, of);
    }
    for (size_t i = 0; p->care == ALMI_ETS_THOROUGH && i < sizeof STARTS / sizeof STARTS[0]; i++) {
        try_start_of_prior(&s, STARTS[i]);
    }
    of->rounds_max = ROUNDS;
    if (!isfinite(s.lowest) ||
        (!s.has_ended && !alm_least_squares_minimise_by_rows(of, residual_rows, arena, s.best,
                                                             &s.lowest))) {
        return false;
    }
    finish(&s.walk, s.best, s.lowest - sum_of_prior(&s.walk, s.best));
    return true;
}
