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

_Static_assert(ALMI_LANES == ALMI_POINTS, "points are lanes");

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

/* At ALMI_LANES points side by side. */
typedef struct problem {
    const almi_sample *sample;
    const alm_arima_order *order;
    size_t columns; /* of the sample that the order has */
    size_t known;
    almi_arma arma[ALMI_LANES];
    almi_whitener whitener;
    almi_filter filter;
    almi_terms difference;
    alm_arena *scratch;
    double evaluations; /* without a filter: of all lanes at once */
    double coefficient[ALMI_LANES][ALMI_ARMA_MAX];
    size_t length;      /* n, and without a filter the width */
    almi_lanes *x;      /* whitened, columns x length */
    almi_lanes *normal; /* columns x columns */
    almi_lanes *b;
    double *one; /* with a filter: of one point, (1 + columns) x length */
    double *factor, *solved; /* of one point */
} problem;

/* Sums of products: columns of `a` are whole, those of `r` have a stride. */
ALM_INLINE void products(const almi_lanes *a, const double *r, size_t stride, size_t n,
                         almi_lanes *out)
{
    almi_lanes sum[4] = {{0}, {0}, {0}, {0}};
    size_t t = 0;
    for (; t + 4 <= n; t += 4) {
        for (size_t l = 0; l < 4; l++) {
            sum[l] += a[t + l] * *(const almi_lanes *)(r + (t + l) * stride);
        }
    }
    for (; t < n; t++) {
        sum[0] += a[t] * *(const almi_lanes *)(r + t * stride);
    }
    *out = (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

ALM_WIDE_VECTORS
static void multiply_columns(const problem *q, size_t stride, const double *r)
{
    size_t c = q->columns;
    for (size_t i = 0; i < c; i++) {
        const almi_lanes *column = q->x + i * q->length;
        for (size_t j = 0; j <= i; j++) {
            products(column, (const double *)(q->x + j * q->length), ALMI_LANES, q->length,
                     &q->normal[i * c + j]);
        }
        products(column, r, stride, q->length, &q->b[i]);
    }
}

ALM_WIDE_VECTORS
static void subtract_columns(const problem *q, size_t stride, double *r)
{
    for (size_t i = 0; i < q->columns; i++) {
        const almi_lanes *column = q->x + i * q->length;
        almi_lanes b = q->b[i];
        for (size_t t = 0; t < q->length; t++) {
            *(almi_lanes *)(r + t * stride) -= b * column[t];
        }
    }
}

/* b of one point. */
static void regress(problem *q, size_t lane, almi_points *out)
{
    size_t c = q->columns;
    for (size_t i = 0; i < c; i++) {
        for (size_t j = 0; j <= i; j++) {
            q->factor[i * c + j] = q->normal[i * c + j][lane];
        }
        q->solved[i] = q->b[i][lane];
    }
    if (alm_cholesky_factor(q->factor, c, NULL) != ALM_OK) {
        out->is_known[lane] = false;
        return;
    }
    alm_cholesky_solve(q->factor, c, q->solved, 1);
    for (size_t i = 0; i < c; i++) {
        q->b[i][lane] = q->solved[i];
        out->log_det[lane] += i < q->sample->missing_columns
                                  ? 2 * alm_log(q->factor[i * (c + 1)])
                                  : 0;
    }
}

/* The first lane with the same model: beyond the parameters a point comes again. */
static size_t first_alike(const problem *q, size_t lane)
{
    size_t first = 0;
    while (memcmp(q->coefficient[first], q->coefficient[lane], sizeof q->coefficient[0]) != 0) {
        first++;
    }
    return first;
}

static void copy_lane(problem *q, size_t from, size_t to, size_t stride, double *r)
{
    for (size_t t = 0; t < q->length; t++) {
        r[t * stride + to] = r[t * stride + from];
    }
    for (size_t t = 0; t < q->columns * q->length; t++) {
        q->x[t][to] = q->x[t][from];
    }
}

/* Past what is not known, one model after the other. */
static void filter(problem *q, size_t stride, double *r, almi_points *out)
{
    const almi_sample *s = q->sample;
    almi_columns all = {s->n + q->difference.degree, q->columns, s->y, s->level_x};
    for (size_t l = 0; l < ALMI_LANES; l++) {
        size_t alike = first_alike(q, l);
        if (alike < l) {
            copy_lane(q, alike, l, stride, r);
            out->log_det[l] = out->log_det[alike];
            out->is_known[l] = out->is_known[alike];
            continue;
        }
        q->filter.arma = &q->arma[l];
        alm_arena_reset(q->scratch);
        q->evaluations++;
        out->log_det[l] = 0;
        out->is_known[l] = almi_filter_whiten(&q->filter, &all, q->scratch, q->one,
                                              &out->log_det[l]);
        for (size_t t = 0; t < q->length; t++) {
            r[t * stride + l] = q->one[t];
        }
        for (size_t t = 0; t < q->columns * q->length; t++) {
            q->x[t][l] = q->one[q->length + t];
        }
    }
}

/* The values and the columns, of unit variance, and the determinants. */
static void whiten(problem *q, size_t stride, double *r, almi_points *out)
{
    const almi_sample *s = q->sample;
    if (s->has_filter) {
        filter(q, stride, r, out);
        return;
    }
    q->evaluations++;
    almi_whitener_set(&q->whitener, q->arma);
    for (size_t l = 0; l < ALMI_LANES; l++) {
        out->is_known[l] = q->whitener.is_known[l];
        out->log_det[l] = q->whitener.log_det[l] + s->log_det;
    }
    almi_whiten(&q->whitener, s->w, stride, r);
    for (size_t i = 0; i < q->columns; i++) {
        almi_whiten(&q->whitener, s->x + i * s->n, ALMI_LANES, (double *)(q->x + i * q->length));
    }
}

/* What the columns do not explain, whitened. */
static void residuals(void *context, const double *x, size_t stride, double *r, almi_points *out)
{
    problem *q = context;
    size_t count = almi_arma_count(q->order);
    for (size_t l = 0; l < ALMI_LANES; l++) {
        almi_arma_coefficients(q->order, x + l * count, q->coefficient[l]);
        almi_arma_of(q->order, q->sample->season, q->coefficient[l], &q->arma[l]);
    }
    whiten(q, stride, r, out);
    if (q->columns > 0) {
        multiply_columns(q, stride, r);
        for (size_t l = 0; l < ALMI_LANES; l++) {
            if (out->is_known[l]) {
                regress(q, l, out);
            }
        }
        subtract_columns(q, stride, r);
    }
    for (size_t l = 0; l < ALMI_LANES; l++) {
        out->is_known[l] = out->is_known[l] && isfinite(out->log_det[l]);
    }
}

/* Coefficients of the regressors as they were given: triangle b = those of the orthogonal ones. */
static void coefficients_of_given(const problem *q, double *b)
{
    const almi_sample *s = q->sample;
    size_t stride = s->missing_columns + s->regressors;
    for (size_t i = q->columns; i-- > 0;) {
        double sum = q->b[i][0];
        for (size_t j = i + 1; j < q->columns; j++) {
            sum -= s->triangle[i * stride + j] * q->solved[j];
        }
        q->solved[i] = sum / s->triangle[i * (stride + 1)];
    }
    memcpy(b, q->solved + s->missing_columns, (q->columns - s->missing_columns) * sizeof(double));
}

static void finish(const problem *q, double sum, double log_det, almi_arima_model *out)
{
    double n = (double)q->known;
    double k = (double)out->parameters + 1;
    double rest = n - k - 1;
    double smallest = n * ERROR_MIN * ERROR_MIN;
    out->squares = sum;
    double squares = out->squares > smallest ? out->squares : smallest;
    out->log_likelihood = -.5 * (n * (LOG_2_PI + 1 + alm_log(squares / n)) + log_det);
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
    almi_arma_of(order, s->season, NONE, &q->arma[0]);
    almi_difference_terms(&s->order, s->season, &q->difference);
    q->length = s->n + (s->has_filter ? 0 : q->arma[0].width);
    if (s->has_filter) {
        almi_filter_init(&q->filter, &q->arma[0], &q->difference, scratch);
        q->one = ALM_NEW_ARRAY(scratch, double, (1 + q->columns) * q->length);
    } else {
        almi_whitener_init(&q->whitener, s->n, q->arma[0].width, scratch);
    }
    /* Lanes lie on multiples of 32 bytes; the arena gives small blocks less. */
    q->x = ALM_NEW_ARRAY(scratch, almi_lanes, q->columns * q->length + 2);
    q->normal = ALM_NEW_ARRAY(scratch, almi_lanes, q->columns * q->columns + 2);
    q->b = ALM_NEW_ARRAY(scratch, almi_lanes, q->columns + 2);
    q->factor = ALM_NEW_ARRAY(scratch, double, q->columns * q->columns);
    q->solved = ALM_NEW_ARRAY(scratch, double, q->columns);
    return q;
}

static double work_of(const problem *q)
{
    double size = (double)q->filter.size;
    double width = (double)q->whitener.width;
    double of_model = q->sample->has_filter ? 8 * size * size * (double)q->length
                                            : 2 * width * width * width;
    double terms = 2 + (double)(q->arma[0].ar.count + q->arma[0].ma.count);
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
    almi_minimum m = {residuals, q, s->has_filter, q->length, n, count, ROUNDS, gain_min / n};
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

/* Everything at x, in lane 0: the sum of squares. */
static double sum_at(problem *q, const double *x, size_t count, alm_arena *scratch,
                     almi_points *out)
{
    double points[ALMI_LANES * ALMI_ARMA_MAX];
    double *r = ALM_NEW_ARRAY(scratch, double, ALMI_LANES * q->length + 8);
    double sum = 0;
    for (size_t l = 0; l < ALMI_LANES; l++) {
        memcpy(points + l * count, x, count * sizeof *x);
    }
    residuals(q, points, ALMI_LANES, r, out);
    for (size_t t = 0; t < q->length; t++) {
        sum += r[t * ALMI_LANES] * r[t * ALMI_LANES];
    }
    return sum;
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
    almi_points at;
    double sum = done ? sum_at(q, x, count, scratch, &at) : 0;
    alm_arena_destroy(again);
    if (!done || !at.is_known[0]) {
        return false;
    }
    *out = (almi_arima_model){.order = *order, .season = s->season, .known = q->known,
                              .regressors = q->columns - s->missing_columns,
                              .work = work_of(q)};
    out->parameters = count + out->regressors;
    out->b = ALM_NEW_ARRAY(arena, double, out->regressors);
    memcpy(out->arma, q->coefficient[0], sizeof q->coefficient[0]);
    finish(q, sum, at.log_det[0], out);
    coefficients_of_given(q, out->b);
    return true;
}
