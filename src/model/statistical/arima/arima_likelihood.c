#include "model/statistical/arima/arima_likelihood.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_filter.h"
#include "model/statistical/arima/arima_minimise.h"
#include "model/statistical/arima/arima_start.h"
#include "model/statistical/arima/arima_values.h"
#include "model/statistical/arima/arima_whiten.h"
#include "num/cholesky.h"
#include "num/elementary.h"

#define ROUNDS 60
#define FIRST_ROUNDS 4 /* of each start */
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

/* Gram and Schmidt, twice, which is as good as Householder. False: column c follows from others. */
static bool orthogonalise(almi_sample *s, double *x, size_t c)
{
    size_t columns = s->missing_columns + s->regressors;
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
    if (c < s->missing_columns) {
        return alm_fail(error, ALM_ERR_INCOMPLETE,
                        "too few values are known for the differences of this order");
    }
    size_t k = c - s->missing_columns;
    const char *name = k < series->regressors ? series->names[k] : "the constant";
    return alm_fail(error, ALM_ERR_INVALID,
                    "regressor %s: it does not vary, or follows from the others", name);
}

/* Columns before their differences, which are count long each. */
static double *level_columns(const almi_series *series, const almi_terms *d, const almi_sample *s,
                             alm_arena *arena)
{
    size_t n = series->count;
    double *out = ALM_NEW_ARRAY(arena, double, (s->missing_columns + s->regressors) * n);
    double *column = out;
    for (size_t t = 0; s->missing_columns > 0 && t < n; t++) {
        if (isnan(series->y[t])) {
            column[t] = 1;
            column += n;
        }
    }
    for (size_t k = 0; k < series->regressors; k++) {
        memcpy(column, series->x + k * series->stride, n * sizeof(double));
        column += n;
    }
    for (size_t t = 0; s->has_constant && t < n; t++) {
        column[t] = d->degree > 0 ? (double)(t + 1) : 1;
    }
    return out;
}

/* level = level times the inverse of the triangle: its differences are the orthogonal columns. */
static void divide_by_triangle(const almi_sample *s, size_t n, double *level)
{
    size_t columns = s->missing_columns + s->regressors;
    for (size_t c = 0; c < columns; c++) {
        double *column = level + c * n;
        for (size_t k = 0; k < c; k++) {
            for (size_t t = 0; t < n; t++) {
                column[t] -= s->triangle[k * columns + c] * level[k * n + t];
            }
        }
        for (size_t t = 0; t < n; t++) {
            column[t] /= s->triangle[c * (columns + 1)];
        }
    }
}

static alm_err fill_columns(const almi_series *series, const almi_terms *d, alm_arena *arena,
                            almi_sample *s, alm_error *error)
{
    size_t columns = s->missing_columns + s->regressors;
    double *level = level_columns(series, d, s, arena);
    double *x = ALM_NEW_ARRAY(arena, double, columns * s->n);
    s->triangle = ALM_NEW_ARRAY(arena, double, columns * columns);
    for (size_t k = 0; k < columns; k++) {
        take_differences(d, level + k * series->count, series->count, x + k * s->n);
        if (!orthogonalise(s, x, k)) {
            return refuse_column(series, s, k, error);
        }
        s->log_det += k < s->missing_columns ? 2 * alm_log(s->triangle[k * (columns + 1)]) : 0;
    }
    s->x = x;
    if (s->has_filter) {
        divide_by_triangle(s, series->count, level);
        s->y = series->y;
        s->level_x = level;
    }
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
    s.has_filter = s.missing > ALMI_MISSING_MAX;
    s.missing_columns = s.has_filter ? 0 : s.missing;
    size_t needed = d.degree + s.regressors + 1;
    if (series->count - s.missing < needed) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu known values are needed, %zu are there",
                        needed, series->count - s.missing);
    }
    s.n = series->count - d.degree;
    double *whole = ALM_NEW_ARRAY(arena, double, series->count);
    double *w = ALM_NEW_ARRAY(arena, double, s.n);
    double *errors = ALM_NEW_ARRAY(arena, double, s.n);
    almi_bridge(series->y, series->count, whole);
    take_differences(&d, whole, series->count, w);
    s.w = w;
    s.errors = errors;
    almi_long_errors(w, s.n, arena, errors);
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
    almi_filter filter;
    almi_terms difference;
    alm_arena *scratch;
    double evaluations;
    double coefficient[ALMI_ARMA_MAX];
    double *x;      /* whitened, columns x length, behind the whitened values */
    size_t length;  /* n, and without a filter the width */
    double *normal; /* columns x columns */
    double *b;
    double log_det;
} problem;

/* r = the whitened values without what the columns explain; their determinant. */
static bool project(problem *q, double *r)
{
    const almi_sample *s = q->sample;
    size_t length = q->length;
    size_t c = q->columns;
    const double *x = q->x + length;
    for (size_t i = 0; i < c; i++) {
        const double *column = x + i * length;
        for (size_t j = 0; j <= i; j++) {
            q->normal[i * c + j] = almi_product(column, x + j * length, length);
        }
        q->b[i] = almi_product(column, r, length);
    }
    if (alm_cholesky_factor(q->normal, c, NULL) != ALM_OK) {
        return false;
    }
    alm_cholesky_solve(q->normal, c, q->b, 1);
    for (size_t i = 0; i < c; i++) {
        const double *column = x + i * length;
        for (size_t t = 0; t < length; t++) {
            r[t] -= q->b[i] * column[t];
        }
        q->log_det += i < s->missing_columns ? 2 * alm_log(q->normal[i * (c + 1)]) : 0;
    }
    return true;
}

/* The values and the columns, of unit variance, into q->x, and the determinant. */
static bool whiten(problem *q)
{
    const almi_sample *s = q->sample;
    if (s->has_filter) {
        almi_columns all = {s->n + q->difference.degree, q->columns, s->y, s->level_x};
        alm_arena_reset(q->scratch);
        return almi_filter_whiten(&q->filter, &all, q->scratch, q->x, &q->log_det);
    }
    if (!almi_whitener_set(&q->whitener, &q->arma)) {
        return false;
    }
    q->log_det = q->whitener.log_det + s->log_det;
    almi_whiten(&q->whitener, s->w, q->x);
    for (size_t i = 0; i < q->columns; i++) {
        almi_whiten(&q->whitener, s->x + i * s->n, q->x + (i + 1) * q->length);
    }
    return true;
}

/* What the columns do not explain, whitened. */
static bool residuals(void *context, const double *x, double *r, double *log_det)
{
    problem *q = context;
    almi_arma_coefficients(q->order, x, q->coefficient);
    almi_arma_of(q->order, q->sample->season, q->coefficient, &q->arma);
    q->evaluations++;
    if (!whiten(q)) {
        return false;
    }
    memcpy(r, q->x, q->length * sizeof(double));
    if (q->columns > 0 && !project(q, r)) {
        return false;
    }
    *log_det = q->log_det;
    return isfinite(q->log_det);
}

/* Coefficients of the regressors as they were given: triangle b = those of the orthogonal ones. */
static void coefficients_of_given(const problem *q, double *b)
{
    const almi_sample *s = q->sample;
    size_t stride = s->missing_columns + s->regressors;
    for (size_t i = q->columns; i-- > 0;) {
        double sum = q->b[i];
        for (size_t j = i + 1; j < q->columns; j++) {
            sum -= s->triangle[i * stride + j] * q->b[j];
        }
        q->b[i] = sum / s->triangle[i * (stride + 1)];
    }
    memcpy(b, q->b + s->missing_columns, (q->columns - s->missing_columns) * sizeof(double));
}

static void finish(const problem *q, double sum, almi_arima_model *out)
{
    double n = (double)q->known;
    double k = (double)out->parameters + 1;
    double rest = n - k - 1;
    double smallest = n * ERROR_MIN * ERROR_MIN;
    out->squares = sum;
    double squares = out->squares > smallest ? out->squares : smallest;
    out->log_likelihood = -.5 * (n * (LOG_2_PI + 1 + alm_log(squares / n)) + q->log_det);
    out->aicc = rest > 0 ? -2 * out->log_likelihood + 2 * k + 2 * k * (k + 1) / rest
                         : (double)INFINITY;
}

/* Everything lies in `scratch`, and `again`, which is reset all the time. */
static problem *make_problem(const almi_sample *s, const alm_arima_order *order,
                             alm_arena *scratch, alm_arena *again)
{
    static const double NONE[ALMI_ARMA_MAX] = {0};
    problem *q = ALM_NEW(scratch, problem);
    *q = (problem){.sample = s, .order = order, .known = s->n - s->missing, .scratch = again};
    q->columns = s->missing_columns + s->regressors - (s->has_constant && !order->has_constant);
    almi_arma_of(order, s->season, NONE, &q->arma);
    almi_difference_terms(&s->order, s->season, &q->difference);
    q->length = s->n + (s->has_filter ? 0 : q->arma.width);
    if (s->has_filter) {
        almi_filter_init(&q->filter, &q->arma, &q->difference, scratch);
    } else {
        almi_whitener_init(&q->whitener, s->n, q->arma.width, scratch);
    }
    q->x = ALM_NEW_ARRAY(scratch, double, (1 + q->columns) * q->length);
    q->normal = ALM_NEW_ARRAY(scratch, double, q->columns * q->columns);
    q->b = ALM_NEW_ARRAY(scratch, double, q->columns);
    return q;
}

static double work_of(const problem *q)
{
    double size = (double)q->filter.size;
    double width = (double)q->whitener.width;
    double of_model = q->sample->has_filter ? 8 * size * size * (double)q->length
                                            : 2 * width * width * width;
    double terms = 2 + (double)(q->arma.ar.count + q->arma.ma.count);
    double columns = 1 + (double)q->columns;
    return q->evaluations * (of_model + (double)q->length * columns * (2 * terms + columns));
}

/* A few rounds from a start; x becomes what is best so far. */
static void try_start(almi_minimum *m, double *start, alm_arena *scratch, double *x, double *best)
{
    double value = INFINITY;
    m->rounds_max = FIRST_ROUNDS;
    if (almi_minimise(m, scratch, start, &value) && value < *best) {
        *best = value;
        memcpy(x, start, m->parameters * sizeof(double));
    }
}

/* Of mixed orders the likelihood has several maxima. Two starts, errors that undo themselves and a
 * regression; the better one goes on. */
static bool minimise(problem *q, double gain_min, alm_arena *scratch, double *x)
{
    static const double OTHER[] = {.3, .6, -.3, .6}; /* of p, q, P, Q */
    const almi_sample *s = q->sample;
    const alm_arima_order *o = q->order;
    const size_t COUNTS[] = {o->p, o->q, o->seasonal_p, o->seasonal_q};
    double n = (double)q->known;
    double best = INFINITY;
    size_t count = almi_arma_count(o);
    almi_minimum m = {residuals, q, q->length, n, count, ROUNDS, gain_min / n};
    if (count > 1) {
        double start[ALMI_ARMA_MAX];
        for (size_t i = 0, k = 0; i < 4; i++) {
            for (size_t j = 0; j < COUNTS[i]; j++) {
                start[k++] = OTHER[i];
            }
        }
        try_start(&m, start, scratch, x, &best);
        if (almi_arma_start(o, s->season, s->w, s->errors, s->n, start)) {
            try_start(&m, start, scratch, x, &best);
        }
        m.rounds_max = ROUNDS;
    }
    return almi_minimise(&m, scratch, x, &best);
}

bool almi_arima_maximise(const almi_sample *s, const alm_arima_order *order, double gain_min,
                         alm_arena *arena, alm_arena *scratch, almi_arima_model *out)
{
    size_t count = almi_arma_count(order);
    alm_assert(s->has_constant || !order->has_constant);
    double x[ALMI_ARMA_MAX] = {0};
    alm_arena *again = alm_arena_create(0);
    problem *q = make_problem(s, order, scratch, again);
    bool done = count == 0 || minimise(q, gain_min, scratch, x);
    double *r = ALM_NEW_ARRAY(scratch, double, q->length);
    done = done && residuals(q, x, r, &q->log_det);
    alm_arena_destroy(again);
    if (!done) {
        return false;
    }
    *out = (almi_arima_model){.order = *order, .season = s->season, .known = q->known,
                              .regressors = q->columns - s->missing_columns,
                              .work = work_of(q)};
    out->parameters = count + out->regressors;
    out->b = ALM_NEW_ARRAY(arena, double, out->regressors);
    memcpy(out->arma, q->coefficient, sizeof q->coefficient);
    finish(q, almi_product(r, r, q->length), out);
    coefficients_of_given(q, out->b);
    return true;
}
