#include "model/statistical/arima_likelihood.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima_whiten.h"
#include "num/cholesky.h"
#include "num/elementary.h"
#include "num/least_squares.h"

#define ROUNDS 60
#define TOLERANCE 1e-9
#define LOG_2_PI 1.8378770664093453
/* Errors below this are rounding: values are at most 1. */
#define ERROR_MIN 1e-13
#define DEPENDENT 1e-9 /* what is left of a column when the others have explained it */

/* ---- samples ---- */

static void take_differences(const almi_terms *d, const double *v, size_t count, double *out)
{
    for (size_t t = d->degree; t < count; t++) {
        double sum = v[t];
        for (size_t k = 0; k < d->count; k++) {
            sum -= d->c[k] * v[t - d->lag[k]];
        }
        out[t - d->degree] = sum;
    }
}

/* A value between its known neighbours where it is not known: a start, of no influence. */
static void bridge(const double *y, size_t count, double *out)
{
    size_t before = 0;
    for (size_t t = 0; t < count; t++) {
        out[t] = y[t];
        if (isnan(y[t])) {
            size_t behind = t;
            while (isnan(y[behind])) {
                behind++;
            }
            double part = (double)(t - before) / (double)(behind - before);
            out[t] = y[before] + (y[behind] - y[before]) * part;
        } else {
            before = t;
        }
    }
}

/* Gram and Schmidt, twice, which is as good as Householder. False: column c follows from others. */
static bool orthogonalise(almi_sample *s, double *x, size_t c)
{
    size_t columns = s->missing + s->regressors;
    double *column = x + c * s->n;
    double before = 0;
    for (size_t t = 0; t < s->n; t++) {
        before += column[t] * column[t];
    }
    for (size_t again = 0; again < 2; again++) {
        for (size_t k = 0; k < c; k++) {
            const double *other = x + k * s->n;
            double part = 0;
            for (size_t t = 0; t < s->n; t++) {
                part += other[t] * column[t];
            }
            for (size_t t = 0; t < s->n; t++) {
                column[t] -= part * other[t];
            }
            s->triangle[k * columns + c] += part;
        }
    }
    double rest = 0;
    for (size_t t = 0; t < s->n; t++) {
        rest += column[t] * column[t];
    }
    if (!(rest > DEPENDENT * DEPENDENT * before) || !isfinite(rest)) {
        return false;
    }
    double length = sqrt(rest);
    for (size_t t = 0; t < s->n; t++) {
        column[t] /= length;
    }
    s->triangle[c * columns + c] = length;
    return true;
}

static alm_err refuse_column(const almi_series *series, const almi_sample *s, size_t c,
                             alm_error *error)
{
    if (c < s->missing) {
        return alm_fail(error, ALM_ERR_INCOMPLETE,
                        "too few values are known for the differences of this order");
    }
    size_t k = c - s->missing;
    const char *name = k < series->regressors ? series->names[k] : "the constant";
    return alm_fail(error, ALM_ERR_INVALID,
                    "regressor %s: it does not vary, or follows from the others", name);
}

static alm_err fill_columns(const almi_series *series, const almi_terms *d, alm_arena *arena,
                            almi_sample *s, alm_error *error)
{
    double *x = ALM_NEW_ARRAY(arena, double, (s->missing + s->regressors) * s->n);
    double *one = ALM_NEW_ARRAY(arena, double, series->count);
    size_t c = 0;
    for (size_t t = 0; t < series->count; t++) {
        if (isnan(series->y[t])) {
            memset(one, 0, series->count * sizeof(double));
            one[t] = 1;
            take_differences(d, one, series->count, x + c++ * s->n);
        }
    }
    for (size_t k = 0; k < series->regressors; k++) {
        take_differences(d, series->x + k * series->stride, series->count, x + c++ * s->n);
    }
    for (size_t t = 0; s->has_constant && t < series->count; t++) {
        one[t] = d->degree > 0 ? (double)(t + 1) : 1;
    }
    if (s->has_constant) {
        take_differences(d, one, series->count, x + c++ * s->n);
    }
    for (size_t k = 0; k < c; k++) {
        if (!orthogonalise(s, x, k)) {
            return refuse_column(series, s, k, error);
        }
        s->log_det += k < s->missing ? 2 * alm_log(s->triangle[k * (c + 1)]) : 0;
    }
    s->x = x;
    return ALM_OK;
}

alm_err almi_sample_make(const almi_series *series, const alm_arima_order *order,
                         alm_arena *arena, almi_sample *out, alm_error *error)
{
    almi_terms d;
    almi_difference_terms(order, series->season, &d);
    almi_sample s = {.order = *order, .season = series->season,
                     .has_constant = order->has_constant,
                     .regressors = series->regressors + order->has_constant};
    for (size_t t = 0; t < series->count; t++) {
        s.missing += isnan(series->y[t]);
    }
    size_t needed = d.degree + s.regressors + 1;
    if (series->count - s.missing < needed) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu known values are needed, %zu are there",
                        needed, series->count - s.missing);
    }
    s.n = series->count - d.degree;
    size_t columns = s.missing + s.regressors;
    double *whole = ALM_NEW_ARRAY(arena, double, series->count);
    double *w = ALM_NEW_ARRAY(arena, double, s.n);
    s.triangle = ALM_NEW_ARRAY(arena, double, columns * columns);
    bridge(series->y, series->count, whole);
    take_differences(&d, whole, series->count, w);
    s.w = w;
    ALM_TRY(fill_columns(series, &d, arena, &s, error));
    *out = s;
    return ALM_OK;
}

/* ---- the likelihood ---- */

typedef struct problem {
    const almi_sample *sample;
    const alm_arima_order *order;
    size_t columns; /* of the sample that the order has */
    size_t known;
    almi_arma arma;
    almi_whitener whitener;
    double coefficient[ALMI_ARMA_MAX];
    double *x;      /* whitened, columns x (n + width) */
    double *normal; /* columns x columns */
    double *b;
    double log_det;
} problem;

static double product(const double *a, const double *b, size_t n)
{
    double lane[4] = {0};
    size_t t = 0;
    for (; t + 4 <= n; t += 4) {
        for (size_t l = 0; l < 4; l++) {
            lane[l] += a[t + l] * b[t + l];
        }
    }
    for (; t < n; t++) {
        lane[0] += a[t] * b[t];
    }
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* r = the whitened values without what the columns explain; their determinant. */
static bool project(problem *q, double *r, size_t length)
{
    const almi_sample *s = q->sample;
    size_t c = q->columns;
    for (size_t i = 0; i < c; i++) {
        const double *column = q->x + i * length;
        for (size_t j = 0; j <= i; j++) {
            q->normal[i * c + j] = product(column, q->x + j * length, length);
        }
        q->b[i] = product(column, r, length);
    }
    if (alm_cholesky_factor(q->normal, c, NULL) != ALM_OK) {
        return false;
    }
    alm_cholesky_solve(q->normal, c, q->b, 1);
    for (size_t i = 0; i < c; i++) {
        const double *column = q->x + i * length;
        for (size_t t = 0; t < length; t++) {
            r[t] -= q->b[i] * column[t];
        }
        q->log_det += i < s->missing ? 2 * alm_log(q->normal[i * (c + 1)]) : 0;
    }
    return true;
}

static bool residuals(void *context, const double *x, double *r)
{
    problem *q = context;
    const almi_sample *s = q->sample;
    almi_arma_coefficients(q->order, x, q->coefficient);
    almi_arma_of(q->order, s->season, q->coefficient, &q->arma);
    if (!almi_whitener_set(&q->whitener, &q->arma)) {
        return false;
    }
    size_t length = s->n + q->arma.width;
    q->log_det = q->whitener.log_det + s->log_det;
    almi_whiten(&q->whitener, s->w, r);
    for (size_t i = 0; i < q->columns; i++) {
        almi_whiten(&q->whitener, s->x + i * s->n, q->x + i * length);
    }
    if (q->columns > 0 && !project(q, r, length)) {
        return false;
    }
    double factor = alm_exp(q->log_det / (2 * (double)q->known));
    for (size_t t = 0; t < length; t++) {
        r[t] *= factor;
    }
    return isfinite(factor);
}

/* Coefficients of the regressors as they were given: triangle b = those of the orthogonal ones. */
static void coefficients_of_given(const problem *q, double *b)
{
    const almi_sample *s = q->sample;
    size_t stride = s->missing + s->regressors;
    for (size_t i = q->columns; i-- > 0;) {
        double sum = q->b[i];
        for (size_t j = i + 1; j < q->columns; j++) {
            sum -= s->triangle[i * stride + j] * q->b[j];
        }
        q->b[i] = sum / s->triangle[i * (stride + 1)];
    }
    memcpy(b, q->b + s->missing, (q->columns - s->missing) * sizeof(double));
}

static void finish(const problem *q, double sum, almi_arima_model *out)
{
    double n = (double)q->known;
    double k = (double)out->parameters + 1;
    double rest = n - k - 1;
    double smallest = n * ERROR_MIN * ERROR_MIN;
    out->squares = sum * alm_exp(-q->log_det / n);
    double squares = out->squares > smallest ? out->squares : smallest;
    out->log_likelihood = -.5 * (n * (LOG_2_PI + 1 + alm_log(squares / n)) + q->log_det);
    out->aicc = rest > 0 ? -2 * out->log_likelihood + 2 * k + 2 * k * (k + 1) / rest
                         : (double)INFINITY;
}

bool almi_arima_maximise(const almi_sample *s, const alm_arima_order *order, alm_arena *arena,
                         alm_arena *scratch, almi_arima_model *out)
{
    size_t count = almi_arma_count(order);
    alm_assert(s->has_constant || !order->has_constant);
    double x[ALMI_ARMA_MAX] = {0};
    double size[ALMI_ARMA_MAX];
    problem *q = ALM_NEW(scratch, problem);
    q->sample = s;
    q->order = order;
    q->columns = s->missing + s->regressors - (s->has_constant && !order->has_constant);
    q->known = s->n - s->missing;
    almi_arma_of(order, s->season, x, &q->arma);
    size_t length = s->n + q->arma.width;
    almi_whitener_init(&q->whitener, s->n, q->arma.width, scratch);
    q->x = ALM_NEW_ARRAY(scratch, double, q->columns * length);
    q->normal = ALM_NEW_ARRAY(scratch, double, q->columns * q->columns);
    q->b = ALM_NEW_ARRAY(scratch, double, q->columns);
    for (size_t i = 0; i < count; i++) {
        size[i] = 1;
    }
    double sum = 0;
    alm_least_squares ls = {residuals, q, length, count, size, ROUNDS, TOLERANCE};
    if (count > 0 && !alm_least_squares_minimise(&ls, scratch, x, &sum)) {
        return false;
    }
    double *r = ALM_NEW_ARRAY(scratch, double, length);
    if (!residuals(q, x, r)) {
        return false;
    }
    sum = product(r, r, length);
    out->order = *order;
    out->season = s->season;
    out->regressors = q->columns - s->missing;
    out->parameters = count + out->regressors;
    out->known = q->known;
    out->b = ALM_NEW_ARRAY(arena, double, out->regressors);
    memcpy(out->arma, q->coefficient, sizeof q->coefficient);
    finish(q, sum, out);
    coefficients_of_given(q, out->b);
    return true;
}
