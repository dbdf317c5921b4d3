#include "model/statistical/smoothing/theta.h"

#include <math.h>

#include "model/statistical/adjusted.h"
#include "num/golden_section.h"

#define SKIPPED 3     /* errors at the start */
#define NEEDED 5      /* known values */
#define CYCLES 2      /* whole seasons for an adjustment */
#define ALPHA_MIN .1
#define ALPHA_MAX .99
#define GRID 24       /* first look along `a` */
#define REFINED 1.8e-6 /* of what the golden section after it begins with: below 1e-7 */
#define W_STANDARD .5 /* theta = 2 */
#define W_MAX (1 - 1e-10)

typedef struct line { /* through y_1..y_t */
    double mean, slope, intercept;
    size_t t;
} line;

typedef struct theta {
    alm_adjustment by;
    bool is_dynamic;
    double alpha, w;
    double level;
    line line;
    double power; /* (1 - alpha)^t */
    double first_level; /* l_0 */
    double squares;
    size_t errors;
} theta;

/* ---- the line ---- */

/* An unknown value lies on the line, which leaves the line as it is. */
static double on_line(const line *l, double y)
{
    return isnan(y) ? l->t ? l->intercept + l->slope * (double)(l->t + 1) : 0 : y;
}

static void extend(line *l, double y)
{
    double t = (double)++l->t;
    double before = l->mean;
    if (l->t == 1) {
        *l = (line){.mean = y, .intercept = y, .t = 1};
        return;
    }
    l->mean = ((t - 1) * before + y) / t;
    l->slope = ((t - 2) * l->slope + 6 * (y - before) / t) / (t + 1);
    l->intercept = l->mean - l->slope * (t + 1) / 2;
}

/* ---- one `a` ---- */

typedef struct problem {
    const alm_adjusted *past;
    const line *lines; /* at t = 0..count: what D_{t+1} goes by */
    double fixed_w;    /* NaN: free */
} problem;

typedef struct solution {
    double level, w; /* l_0 */
    double squares;
    size_t errors;
} solution;

typedef struct walk { /* along the past */
    double base, weight; /* l_t = base + weight l_0 */
    double power;
} walk;

static double drift_of(const line *l, double alpha, double power)
{
    return power * l->intercept + (1 - power * (1 - alpha)) / alpha * l->slope;
}

static void step(walk *k, double alpha, double y)
{
    if (!isnan(y)) {
        k->base = alpha * y + (1 - alpha) * k->base;
        k->weight *= 1 - alpha;
    }
    k->power *= 1 - alpha;
}

/* Least squares of r = l_0 c + w D over the known values behind the first three. */
static void solve(const problem *p, double alpha, solution *out)
{
    double cc = 0, cd = 0, dd = 0, cr = 0, dr = 0;
    walk k = {0, 1, 1};
    for (size_t t = 0; t < p->past->count; t++) {
        double y = p->past->y[t];
        if (t >= SKIPPED && !isnan(y)) {
            double d = drift_of(&p->lines[t], alpha, k.power);
            double r = y - k.base;
            cc += k.weight * k.weight;
            cd += k.weight * d;
            dd += d * d;
            cr += k.weight * r;
            dr += d * r;
        }
        step(&k, alpha, y);
    }
    double w = p->fixed_w;
    if (isnan(w)) {
        double determinant = cc * dd - cd * cd;
        w = determinant > 1e-12 * cc * dd ? (cc * dr - cd * cr) / determinant : W_STANDARD;
        w = w < 0 ? 0 : w > W_MAX ? W_MAX : w;
    }
    out->w = w;
    out->level = cc > 0 ? (cr - w * cd) / cc : 0;
}

static void measure(const problem *p, double alpha, solution *out)
{
    walk k = {0, 1, 1};
    solve(p, alpha, out);
    out->squares = 0;
    out->errors = 0;
    for (size_t t = 0; t < p->past->count; t++) {
        double y = p->past->y[t];
        if (t >= SKIPPED && !isnan(y)) {
            double e = y - k.base - k.weight * out->level -
                       out->w * drift_of(&p->lines[t], alpha, k.power);
            out->squares += e * e;
            out->errors++;
        }
        step(&k, alpha, y);
    }
}

/* ---- along `a` ---- */

static double squares_at(void *of, double alpha)
{
    const problem *p = of;
    solution s;
    measure(p, alpha, &s);
    return s.squares;
}

/* The lowest point of a grid, then the section around it. */
static double best_alpha(problem *p)
{
    const double width = (ALPHA_MAX - ALPHA_MIN) / (GRID - 1);
    double best = ALPHA_MIN;
    double lowest = INFINITY;
    for (int i = 0; i < GRID; i++) {
        double alpha = ALPHA_MIN + width * i;
        double squares = squares_at(p, alpha);
        if (squares < lowest) {
            lowest = squares;
            best = alpha;
        }
    }
    double low = best - width < ALPHA_MIN ? ALPHA_MIN : best - width;
    double high = best + width > ALPHA_MAX ? ALPHA_MAX : best + width;
    double refined = alm_golden_section(squares_at, p, low, high, REFINED * (high - low));
    return squares_at(p, refined) < lowest ? refined : best;
}

/* ---- fitting ---- */

static const line *lines_of(const alm_adjusted *past, bool is_dynamic, alm_arena *arena)
{
    line *lines = ALM_NEW_ARRAY(arena, line, past->count + 1);
    lines[0] = (line){0};
    for (size_t t = 0; t < past->count; t++) {
        lines[t + 1] = lines[t];
        extend(&lines[t + 1], on_line(&lines[t], past->y[t]));
    }
    for (size_t t = 0; !is_dynamic && t < past->count; t++) {
        lines[t] = lines[past->count];
    }
    return lines;
}

static void set_state(theta *s, const problem *p, const solution *best)
{
    const alm_adjusted *past = p->past;
    walk k = {0, 1, 1};
    for (size_t t = 0; t < past->count; t++) {
        step(&k, s->alpha, past->y[t]);
    }
    s->w = best->w;
    s->level = k.base + k.weight * best->level;
    s->power = k.power;
    s->line = p->lines[past->count];
    s->first_level = best->level;
    s->squares = best->squares;
    s->errors = best->errors;
}

static alm_err fit(bool is_dynamic, bool is_optimised, const alm_past *past, alm_arena *arena,
                   void **state, alm_error *error)
{
    alm_adjusted adjusted;
    ALM_TRY(alm_adjust(past, NEEDED, CYCLES, arena, &adjusted, error));
    problem p = {&adjusted, lines_of(&adjusted, is_dynamic, arena),
                 is_optimised ? (double)NAN : W_STANDARD};
    theta *s = ALM_NEW(arena, theta);
    *s = (theta){.by = adjusted.by, .is_dynamic = is_dynamic, .alpha = best_alpha(&p)};
    solution best;
    measure(&p, s->alpha, &best);
    set_state(s, &p, &best);
    *state = s;
    return ALM_OK;
}

static alm_err fit_standard(const alm_past *past, alm_arena *arena, void **state,
                            alm_error *error)
{
    return fit(false, false, past, arena, state, error);
}

static alm_err fit_optimised(const alm_past *past, alm_arena *arena, void **state,
                             alm_error *error)
{
    return fit(false, true, past, arena, state, error);
}

static alm_err fit_dynamic(const alm_past *past, alm_arena *arena, void **state,
                           alm_error *error)
{
    return fit(true, false, past, arena, state, error);
}

static alm_err fit_dynamic_optimised(const alm_past *past, alm_arena *arena, void **state,
                                     alm_error *error)
{
    return fit(true, true, past, arena, state, error);
}

/* The first of those with the lowest sum of squares. */
static alm_err fit_automatic(const alm_past *past, alm_arena *arena, void **state,
                             alm_error *error)
{
    theta *best = NULL;
    for (int i = 0; i < 4; i++) {
        void *one = NULL;
        ALM_TRY(fit((i & 2) != 0, (i & 1) != 0, past, arena, &one, error));
        best = !best || ((theta *)one)->squares < best->squares ? one : best;
    }
    *state = best;
    return ALM_OK;
}

/* ---- the state ---- */

static double next_of(const theta *s)
{
    return s->level + s->w * drift_of(&s->line, s->alpha, s->power);
}

static void move_on(theta *s, double y)
{
    if (!isnan(y)) {
        s->level = s->alpha * y + (1 - s->alpha) * s->level;
    }
    s->power *= 1 - s->alpha;
    if (s->is_dynamic) {
        extend(&s->line, on_line(&s->line, y));
    } else {
        s->line.t++;
    }
}

static void update(void *state, double y)
{
    theta *s = state;
    move_on(s, alm_adjust_value(&s->by, s->line.t, y));
}

static void mean(const void *state, size_t steps, double *out)
{
    theta s = *(const theta *)state;
    for (size_t h = 0; h < steps; h++) {
        double next = next_of(&s);
        out[h] = alm_readjust_value(&s.by, s.line.t, next);
        move_on(&s, next);
    }
}

/* Of simple exponential smoothing with drift, which the standard method is: Hyndman and Billah,
 * "Unmasking the Theta method" (2003). */
static void deviation(const void *state, size_t steps, double *out)
{
    const theta *s = state;
    double one = s->errors > 0 ? s->squares / (double)s->errors : (double)NAN;
    for (size_t h = 0; h < steps; h++) {
        double times = 1 + (double)h * s->alpha * s->alpha;
        out[h] = alm_readjust_deviation(&s->by, s->line.t + h, one * times);
    }
}

void alm_theta_describe(const void *state, alm_theta_facts *out)
{
    const theta *s = state;
    *out = (alm_theta_facts){.alpha = s->alpha,
                             .theta = 1 / (1 - s->w),
                             .first_level = s->first_level * s->by.factor,
                             .squares = s->squares * s->by.factor * s->by.factor,
                             .is_adjusted = s->by.season > 1,
                             .is_dynamic = s->is_dynamic};
}

static void *copy(const void *state, alm_arena *arena, void *into)
{
    theta *to = into ? into : ALM_NEW(arena, theta);
    *to = *(const theta *)state; /* the indices never change */
    return to;
}

#define KIND(name, fit) {name, fit, update, mean, deviation, copy, NULL, {0}}

const alm_forecaster_kind alm_theta_standard = KIND("theta", fit_standard);
const alm_forecaster_kind alm_theta_optimised = KIND("theta_optimised", fit_optimised);
const alm_forecaster_kind alm_theta_dynamic = KIND("theta_dynamic", fit_dynamic);
const alm_forecaster_kind alm_theta_dynamic_optimised =
    KIND("theta_dynamic_optimised", fit_dynamic_optimised);
const alm_forecaster_kind alm_theta_automatic = KIND("theta_automatic", fit_automatic);
