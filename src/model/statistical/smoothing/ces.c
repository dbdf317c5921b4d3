#include "model/statistical/smoothing/ces.h"

#include <math.h>
#include <string.h>

#include "model/statistical/adjusted.h"
#include "model/statistical/combination.h"
#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ces_slopes.h"
#include "num/elementary.h"
#include "num/least_squares.h"

#define NEEDED 7       /* known values */
#define CYCLES 2       /* whole seasons */
#define LOW .01        /* of every parameter */
#define ALPHA_0_MAX 1.8
#define ALPHA_1_MAX 1.9
#define BETA_MAX 1.5
#define BETA_REAL_MAX .5
#define GROWTH_MAX .1    /* of the mean in a whole season */
#define GROWTH_IN_PAST 2 /* in as long as the past is, if it goes on evenly */
#define FIRST_OTHER 1.1 /* a first level is so many times the first c */
#define ROUNDS 40
#define TOLERANCE 1e-7
#define STRENGTH .02

typedef almi_ces_pair pair;

typedef struct ces {
    alm_adjustment by; /* the factor only */
    alm_ces_season form;
    size_t season; /* 1 without one */
    size_t t;
    double growth; /* of the mean in a period, at most */
    double a0, a1; /* of the level */
    double b0, b1; /* of the phases; b1 is 0 where they are real */
    pair level;
    pair *phase; /* season of them; real ones: c stays 0 */
    double squares, aicc, variance;
} ces;

/* ---- one period ---- */

static bool has_level(const ces *p)
{
    return p->form != ALM_CES_SIMPLE;
}

static pair move_phase(const ces *p, pair s, double e)
{
    return p->form == ALM_CES_PARTIAL ? (pair){s.l + p->b0 * e, 0}
                                      : almi_ces_move(s, p->b0, p->b1, e);
}

/* The error of y (0 where it is unknown); level and phase are moved on. */
static double pass_period(const ces *p, pair *level, pair *phase, double y)
{
    double mean = (has_level(p) ? level->l : 0) + (p->form ? phase->l : 0);
    double e = isnan(y) ? 0 : y - mean;
    *level = has_level(p) ? almi_ces_move(*level, p->a0, p->a1, e) : *level;
    *phase = p->form ? move_phase(p, *phase, e) : *phase;
    return e;
}

/* ---- the past ---- */

typedef struct problem {
    almi_ces_walk walk;
    ces *p; /* the form, and room for parameters and states */
    double seen[ALMI_CES_PARAMETERS_MAX]; /* what the walk went with */
} problem;

static size_t parameters_of(alm_ces_season form)
{
    return form == ALM_CES_FULL ? 4 : form == ALM_CES_PARTIAL ? 3 : 2;
}

/* Errors fade: a 2 x 2 matrix has its eigenvalues inside of the unit circle where |determinant| < 1
 * and |trace| < 1 + determinant. And the larger root of F, by which the mean grows in the end, is
 * below `growth`. */
static bool is_inside(double a0, double a1, double growth)
{
    double determinant = (1 - a0 + a1) * (1 - a0) - (a1 - 1) * (1 - a0 - a1);
    double trace = 2 - 2 * a0 + a1;
    double beyond = growth * growth - (2 - a0) * growth + (2 - a0 - a1);
    return fabs(determinant) < 1 && fabs(trace) < 1 + determinant && beyond > 0;
}

static bool take_parameters(ces *p, const double *x)
{
    const double *beta = has_level(p) ? x + 2 : x;
    double a_period = 1 + p->growth;
    double a_season = p->form == ALM_CES_SIMPLE ? 1 + GROWTH_MAX : a_period;
    p->a0 = x[0];
    p->a1 = x[1];
    p->b0 = p->form ? beta[0] : 0;
    p->b1 = p->form == ALM_CES_SIMPLE || p->form == ALM_CES_FULL ? beta[1] : 0;
    if (!(x[0] >= LOW && x[0] <= ALPHA_0_MAX && x[1] >= LOW && x[1] <= ALPHA_1_MAX &&
          is_inside(x[0], x[1], a_season))) {
        return false;
    }
    if (p->form == ALM_CES_PARTIAL) {
        return beta[0] >= LOW && beta[0] <= BETA_REAL_MAX;
    }
    return p->form != ALM_CES_FULL ||
           (beta[0] >= LOW && beta[0] <= BETA_MAX && beta[1] >= LOW && beta[1] <= BETA_MAX &&
            is_inside(beta[0], beta[1], 1 + GROWTH_MAX));
}

static bool residuals(void *context, const double *x, double *r)
{
    problem *q = context;
    ces *p = q->p;
    if (!take_parameters(p, x)) {
        return false;
    }
    memcpy(q->seen, x, parameters_of(p->form) * sizeof *x);
    almi_ces_follow(&q->walk, x, r, &p->level, p->phase);
    return true;
}

/* They came along with the errors. */
static void residual_rows(void *context, const double *x, size_t stride, double *rows)
{
    const problem *q = context;
    alm_assert(memcmp(x, q->seen, parameters_of(q->p->form) * sizeof *x) == 0);
    for (size_t t = 0; t < q->walk.past->count; t++) {
        memcpy(rows + t * stride, q->walk.rows + t * ALMI_CES_PARAMETERS_MAX,
               ALMI_CES_PARAMETERS_MAX * sizeof *rows);
    }
}

/* ---- fitting ---- */

/* Levels from the first values, phases from classical indices. */
static bool first_states(const alm_adjusted *past, size_t span, problem *q, alm_arena *arena)
{
    ces *p = q->p;
    double sum = 0;
    double known = 0;
    for (size_t t = 0; t < past->count && (t < span || known < 1); t++) {
        sum += isnan(past->y[t]) ? 0 : past->y[t];
        known += !isnan(past->y[t]);
    }
    double mean = sum / known;
    q->walk.first = (pair){mean, mean / FIRST_OTHER};
    pair *phase = ALM_NEW_ARRAY(arena, pair, p->season);
    q->walk.phase = phase;
    if (!p->form) {
        return true;
    }
    double *index = ALM_NEW_ARRAY(arena, double, p->season);
    alm_past by_itself = {past->y, past->count, p->season};
    if (!alm_seasonal_indices(&by_itself, false, arena, index)) {
        return false;
    }
    for (size_t k = 0; k < p->season; k++) {
        double l = p->form == ALM_CES_SIMPLE ? mean + index[k] : index[k];
        phase[k] = (pair){l, p->form == ALM_CES_PARTIAL ? 0 : l / FIRST_OTHER};
    }
    return true;
}

static void finish(const alm_adjusted *past, ces *p, double sum)
{
    double n = (double)past->known;
    double k = (double)parameters_of(p->form) + 1;
    p->t = past->count;
    p->squares = sum;
    p->variance = sum / (n - k);
    p->aicc = n * alm_log(sum > 0 ? sum : 1e-300) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

/* From one start, that of the authors' program: the lowest sum of all lies elsewhere for some
 * series, and forecasts less well. */
static bool fit_form(const alm_adjusted *past, ces *p, alm_arena *arena)
{
    static const double STARTS[][ALMI_CES_PARAMETERS_MAX] = {[ALM_CES_NONE] = {1.3, 1},
                                                    [ALM_CES_SIMPLE] = {1.3, 1},
                                                    [ALM_CES_PARTIAL] = {1.3, 1, .1},
                                                    [ALM_CES_FULL] = {1.3, 1, 1.3, 1}};
    static const double SIZE[ALMI_CES_PARAMETERS_MAX] = {1, 1, 1, 1};
    problem q = {.walk = {.past = past, .form = p->form, .season = p->season}, .p = p};
    double x[ALMI_CES_PARAMETERS_MAX];
    double sum = INFINITY;
    if (!first_states(past, p->season > 10 ? p->season : 10, &q, arena)) {
        return false;
    }
    almi_ces_walk_init(&q.walk, arena);
    memcpy(x, STARTS[p->form], sizeof x);
    alm_least_squares ls = {residuals, &q, past->count, parameters_of(p->form), SIZE, ROUNDS,
                            TOLERANCE};
    if (!alm_least_squares_minimise_by_rows(&ls, residual_rows, arena, x, &sum)) {
        return false;
    }
    (void)residuals(&q, x, ALM_NEW_ARRAY(arena, double, past->count));
    finish(past, p, sum);
    return true;
}

static ces *make(const alm_adjusted *past, alm_ces_season form, size_t season, alm_arena *arena)
{
    ces *p = ALM_NEW(arena, ces);
    size_t m = form ? season : 1;
    double in_past = GROWTH_IN_PAST / (double)past->known;
    double in_season = GROWTH_MAX / (double)season;
    *p = (ces){.by = past->by, .form = form, .season = m,
               .growth = in_past < in_season ? in_past : in_season,
               .phase = ALM_NEW_ARRAY(arena, pair, m)};
    return p;
}

alm_err alm_ces_fit(const alm_past *past, alm_ces_season season, alm_arena *arena, void **state,
                    alm_error *error)
{
    alm_adjusted adjusted;
    alm_assert(!season || past->season > 1);
    ALM_TRY(alm_adjust(past, NEEDED, 0, arena, &adjusted, error));
    ces *p = make(&adjusted, season, past->season, arena);
    if ((season && past->count < CYCLES * past->season) || !fit_form(&adjusted, p, arena)) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "the seasons are not whole enough for phases");
    }
    *state = p;
    return ALM_OK;
}

/* All that the past has values for. */
static alm_err fit_all(const alm_past *past, alm_arena *arena, alm_combination *out,
                       double *criterion, alm_error *error)
{
    alm_adjusted adjusted;
    ALM_TRY(alm_adjust(past, NEEDED, 0, arena, &adjusted, error));
    bool seasonal = past->season > 1 && past->count >= CYCLES * past->season;
    out->count = 0;
    for (int form = ALM_CES_NONE; form <= (seasonal ? ALM_CES_FULL : ALM_CES_NONE); form++) {
        ces *p = make(&adjusted, (alm_ces_season)form, past->season, arena);
        if (fit_form(&adjusted, p, arena)) {
            criterion[out->count] = p->aicc;
            out->part[out->count++] = (alm_combination_part){&alm_ces, p, 1};
        }
    }
    return out->count ? ALM_OK
                      : alm_fail(error, ALM_ERR_NUMERIC,
                                 "no form of complex smoothing has finite errors");
}

static alm_err fit_best(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    alm_combination all;
    double criterion[ALM_CES_FULL + 1];
    size_t best = 0;
    ALM_TRY(fit_all(past, arena, &all, criterion, error));
    for (size_t i = 1; i < all.count; i++) {
        best = criterion[i] < criterion[best] ? i : best;
    }
    *state = all.part[best].state;
    return ALM_OK;
}

static alm_err fit_averaged(const alm_past *past, alm_arena *arena, void **state,
                            alm_error *error)
{
    alm_combination *all = ALM_NEW(arena, alm_combination);
    double criterion[ALM_CES_FULL + 1];
    ALM_TRY(fit_all(past, arena, all, criterion, error));
    alm_combination_weigh(all, criterion, STRENGTH);
    *state = all;
    return ALM_OK;
}

void alm_ces_describe(const void *state, alm_ces_facts *out)
{
    const ces *p = state;
    double none = (double)NAN;
    *out = (alm_ces_facts){.season = p->form,
                           .alpha = {p->a0, p->a1},
                           .beta = {p->form > ALM_CES_SIMPLE ? p->b0 : none,
                                    p->form == ALM_CES_FULL ? p->b1 : none},
                           .squares = p->squares * p->by.factor * p->by.factor,
                           .aicc = p->aicc};
}

double alm_ces_pass(const alm_past *past, const alm_ces_facts *by, double level[2], double *phase)
{
    ces p = {.form = by->season, .a0 = by->alpha[0], .a1 = by->alpha[1]};
    p.b0 = by->season == ALM_CES_SIMPLE ? p.a0 : by->beta[0];
    p.b1 = by->season == ALM_CES_SIMPLE ? p.a1 : by->beta[1];
    pair l = {level[0], level[1]};
    double squares = 0;
    for (size_t t = 0; t < past->count; t++) {
        double *at = phase + 2 * (t % past->season);
        pair s = {at[0], at[1]};
        double e = pass_period(&p, &l, &s, past->y[t]);
        squares += e * e;
        at[0] = s.l;
        at[1] = s.c;
    }
    level[0] = l.l;
    level[1] = l.c;
    return squares;
}

/* ---- the state ---- */

static void update(void *state, double y)
{
    ces *p = state;
    (void)pass_period(p, &p->level, &p->phase[p->t % p->season],
                      alm_adjust_value(&p->by, p->t, y));
    p->t++;
}

/* What a state comes to when nothing unexpected happens: the level's part first, then that of one
 * phase after the other. */
static void run_on(const ces *p, pair level, size_t steps, double *out)
{
    for (size_t h = 0; h < steps; h++) {
        out[h] = has_level(p) ? level.l : 0;
        level = almi_ces_move(level, p->a0, p->a1, 0);
    }
}

static void run_phase(const ces *p, pair phase, size_t first, size_t steps, double *out)
{
    for (size_t h = first; p->form && h < steps; h += p->season) {
        out[h] += phase.l;
        phase = move_phase(p, phase, 0);
    }
}

static void mean(const void *state, size_t steps, double *out)
{
    const ces *p = state;
    run_on(p, p->level, steps, out);
    for (size_t k = 0; k < p->season && k < steps; k++) {
        run_phase(p, p->phase[(p->t + k) % p->season], k, steps, out);
    }
    for (size_t h = 0; h < steps; h++) {
        out[h] = alm_readjust_value(&p->by, p->t + h, out[h]);
    }
}

/* Errors are additive and all is linear: the variance adds up the squared effects that an error of
 * 1 has on later periods. */
static void deviation(const void *state, size_t steps, double *out)
{
    const ces *p = state;
    ces none = *p;
    none.level = (pair){0, 0};
    pair phase = {0, 0};
    double squares = 1;
    (void)pass_period(&none, &none.level, &phase, 1);
    run_on(p, none.level, steps, out);
    run_phase(p, phase, p->season - 1, steps, out);
    for (size_t h = 0; h < steps; h++) {
        double effect = out[h];
        out[h] = alm_readjust_deviation(&p->by, p->t + h, p->variance * squares);
        squares += effect * effect;
    }
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    const ces *from = state;
    ces *to = into;
    if (!to) {
        to = ALM_NEW(arena, ces);
        to->phase = ALM_NEW_ARRAY(arena, pair, from->season);
    }
    pair *phase = to->phase;
    *to = *from;
    to->phase = memcpy(phase, from->phase, from->season * sizeof *phase);
    return to;
}

const alm_forecaster_kind alm_ces_averaged = ALM_COMBINATION_KIND("ces_averaged", fit_averaged);
const alm_forecaster_kind alm_ces = {"ces", fit_best, update, mean, deviation, copy, NULL, {0}};
