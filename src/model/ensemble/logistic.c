#include "model/ensemble/logistic.h"

#include <math.h>
#include <string.h>

#include "num/cholesky.h"
#include "num/elementary.h"

#define ITERATIONS_MAX 200
#define HALVINGS_MAX 60
#define TOLERANCE 1e-10 /* of the gradient, per unit of weight */
#define ARMIJO 1e-4

typedef struct problem {
    const alm_logistic_data *data;
    double l2;
    size_t width;     /* features + 1 */
    size_t count;     /* free parameters */
    double *theta;    /* classes x width, the fixed ones 0 */
    double *gradient; /* count */
    double *hessian;  /* count x count, lower triangle */
    double *step;     /* count */
    double *trial;    /* classes x width */
    double *p;        /* classes */
} problem;

void alm_softmax(double *logit, size_t count)
{
    double largest = logit[0];
    double sum = 0;
    for (size_t k = 1; k < count; k++) {
        largest = logit[k] > largest ? logit[k] : largest;
    }
    for (size_t k = 0; k < count; k++) {
        logit[k] = alm_exp(logit[k] - largest);
        sum += logit[k];
    }
    for (size_t k = 0; k < count; k++) {
        logit[k] /= sum;
    }
}

static void logits_of(const double *coefficient, size_t features, size_t classes, const double *x,
                      double *out)
{
    for (size_t k = 0; k < classes; k++) {
        const double *row = coefficient + k * (features + 1);
        double sum = row[features];
        for (size_t j = 0; j < features; j++) {
            sum += row[j] * x[j];
        }
        out[k] = sum;
    }
}

void alm_logistic_predict(const double *coefficient, size_t features, size_t classes,
                          const double *x, double *out)
{
    logits_of(coefficient, features, classes, x, out);
    alm_softmax(out, classes);
}

/* Free parameter number of (class, input), or SIZE_MAX: with a penalty only the last intercept is
 * fixed, without one the first class is. */
static size_t free_index(const problem *q, size_t class, size_t input)
{
    if (q->l2 > 0) {
        bool fixed = class + 1 == q->data->classes && input + 1 == q->width;
        return fixed ? SIZE_MAX : class * q->width + input;
    }
    return class == 0 ? SIZE_MAX : (class - 1) * q->width + input;
}

static double weight_of(const alm_logistic_data *data, size_t i)
{
    return data->weight ? data->weight[i] : 1;
}

static double objective(const problem *q, const double *theta)
{
    const alm_logistic_data *d = q->data;
    double sum = 0;
    for (size_t i = 0; i < d->count; i++) {
        const double *t = d->target + i * d->classes;
        double largest = -INFINITY, total = 0, inner = 0;
        logits_of(theta, d->features, d->classes, d->x + i * d->features, q->p);
        for (size_t k = 0; k < d->classes; k++) {
            largest = q->p[k] > largest ? q->p[k] : largest;
            inner += t[k] * q->p[k];
        }
        for (size_t k = 0; k < d->classes; k++) {
            total += alm_exp(q->p[k] - largest);
        }
        sum += weight_of(d, i) * (largest + alm_log(total) - inner);
    }
    for (size_t k = 0; k < d->classes; k++) {
        for (size_t j = 0; j < d->features; j++) {
            double w = theta[k * q->width + j];
            sum += q->l2 / 2 * w * w;
        }
    }
    return sum;
}

/* Adds one row to the gradient and to the lower triangle of the Hessian. */
static void add_row(problem *q, size_t i)
{
    const alm_logistic_data *d = q->data;
    const double *x = d->x + i * d->features;
    double weight = weight_of(d, i);
    alm_logistic_predict(q->theta, d->features, d->classes, x, q->p);
    for (size_t a = 0; a < d->classes * q->width; a++) {
        size_t k = a / q->width;
        double xa = a % q->width < d->features ? x[a % q->width] : 1;
        size_t row = free_index(q, k, a % q->width);
        if (row == SIZE_MAX) {
            continue;
        }
        q->gradient[row] += weight * (q->p[k] - d->target[i * d->classes + k]) * xa;
        for (size_t b = 0; b <= a; b++) {
            size_t l = b / q->width;
            double xb = b % q->width < d->features ? x[b % q->width] : 1;
            size_t column = free_index(q, l, b % q->width);
            if (column != SIZE_MAX) {
                double curvature = q->p[k] * ((k == l ? 1 : 0) - q->p[l]);
                q->hessian[row * q->count + column] += weight * curvature * xa * xb;
            }
        }
    }
}

/* Gradient and Newton step at theta; *largest of the gradient's magnitudes. */
static alm_err newton_step(problem *q, double *largest, alm_error *error)
{
    const alm_logistic_data *d = q->data;
    memset(q->gradient, 0, q->count * sizeof *q->gradient);
    memset(q->hessian, 0, q->count * q->count * sizeof *q->hessian);
    for (size_t i = 0; i < d->count; i++) {
        add_row(q, i);
    }
    for (size_t k = 0; k < d->classes; k++) {
        for (size_t j = 0; j < d->features; j++) {
            size_t at = free_index(q, k, j);
            if (at != SIZE_MAX) {
                q->gradient[at] += q->l2 * q->theta[k * q->width + j];
                q->hessian[at * q->count + at] += q->l2;
            }
        }
    }
    *largest = 0;
    for (size_t a = 0; a < q->count; a++) {
        double size = fabs(q->gradient[a]);
        *largest = size > *largest || isnan(size) ? size : *largest;
        q->step[a] = -q->gradient[a];
        q->hessian[a * q->count + a] *= 1 + 1e-12; /* a flat direction keeps a pivot */
        q->hessian[a * q->count + a] += 1e-300;
    }
    alm_err code = alm_cholesky_factor(q->hessian, q->count, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "logistic regression without a finite optimum: columns "
                              "may depend on each other, or a class be separable; use l2 > 0");
    }
    alm_cholesky_solve(q->hessian, q->count, q->step, 1);
    return ALM_OK;
}

/* theta + share x step -> trial. */
static void move(const problem *q, double share)
{
    for (size_t k = 0; k < q->data->classes; k++) {
        for (size_t j = 0; j < q->width; j++) {
            size_t at = free_index(q, k, j);
            double change = at == SIZE_MAX ? 0 : share * q->step[at];
            q->trial[k * q->width + j] = q->theta[k * q->width + j] + change;
        }
    }
}

/* False when no share of the step improves: the optimum is reached to within rounding. */
static bool search_line(problem *q, double *value)
{
    double slope = 0;
    for (size_t a = 0; a < q->count; a++) {
        slope += q->gradient[a] * q->step[a];
    }
    double share = 1;
    for (int halving = 0; halving < HALVINGS_MAX; halving++) {
        move(q, share);
        double there = objective(q, q->trial);
        if (there < *value && there <= *value + ARMIJO * share * slope) {
            memcpy(q->theta, q->trial, q->data->classes * q->width * sizeof *q->theta);
            *value = there;
            return true;
        }
        share /= 2;
    }
    return false;
}

static alm_err minimise(problem *q, alm_error *error)
{
    double mass = 1;
    for (size_t i = 0; i < q->data->count; i++) {
        mass += weight_of(q->data, i);
    }
    double value = objective(q, q->theta);
    for (int iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
        double largest = 0;
        ALM_TRY(newton_step(q, &largest, error));
        if (!(largest <= TOLERANCE * mass) && search_line(q, &value)) {
            continue;
        }
        if (!isfinite(largest) || !(largest <= 1e-6 * mass)) {
            break;
        }
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_NUMERIC, "logistic regression does not converge: scale the "
                    "inputs, or use l2 > 0 when a class is separable");
}

/* Intercepts that sum to 0: what a penalised fit leaves open. */
static void centre(problem *q)
{
    size_t classes = q->data->classes;
    double mean = 0;
    for (size_t k = 0; k < classes; k++) {
        mean += q->theta[k * q->width + q->width - 1] / (double)classes;
    }
    for (size_t k = 0; q->l2 > 0 && k < classes; k++) {
        q->theta[k * q->width + q->width - 1] -= mean;
    }
}

alm_err alm_logistic_fit(const alm_logistic_data *data, double l2, alm_arena *arena, double **out,
                         alm_error *error)
{
    alm_assert(data->classes >= 2 && data->count > 0 && l2 >= 0);
    problem q = {.data = data, .l2 = l2, .width = data->features + 1};
    size_t all = data->classes * q.width;
    if (all > ALM_LOGISTIC_PARAMETERS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "logistic regression of %zu classes on %zu inputs: "
                        "at most %d parameters", data->classes, data->features,
                        ALM_LOGISTIC_PARAMETERS_MAX);
    }
    q.count = l2 > 0 ? all - 1 : all - q.width;
    alm_arena *scratch = alm_arena_create(0);
    q.theta = ALM_NEW_ARRAY(scratch, double, all);
    q.trial = ALM_NEW_ARRAY(scratch, double, all);
    q.gradient = ALM_NEW_ARRAY(scratch, double, q.count);
    q.step = ALM_NEW_ARRAY(scratch, double, q.count);
    q.hessian = ALM_NEW_ARRAY(scratch, double, q.count * q.count);
    q.p = ALM_NEW_ARRAY(scratch, double, data->classes);
    alm_err code = minimise(&q, error);
    if (code == ALM_OK) {
        centre(&q);
        *out = ALM_NEW_ARRAY(arena, double, all);
        memcpy(*out, q.theta, all * sizeof **out);
    }
    alm_arena_destroy(scratch);
    return code;
}
