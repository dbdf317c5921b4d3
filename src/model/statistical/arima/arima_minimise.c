#include "model/statistical/arima/arima_minimise.h"

#include <math.h>
#include <string.h>

#include "base/wide_vectors.h"
#include "num/cholesky.h"
#include "num/elementary.h"

#define DAMPING_START 1e-3
#define DAMPING_MAX 1e12
#define STEP 1e-7 /* of a difference: about the root of the unit roundoff */
#define SUM_MIN 1e-300

typedef double four __attribute__((vector_size(32)));

/* A point, and with the first parameters moved by a step each: the first group of columns. Column
 * 0 is of residuals, column k + 1 of the residuals after the step of parameter k, and when it has
 * been looked around of their derivatives. */
typedef struct place {
    double *rows; /* length x stride */
    almi_points first;
    double sum, value;
} place;

typedef struct work {
    const almi_minimum *p;
    size_t stride; /* columns: 1 + parameters, rounded up to whole groups */
    place here, other;
    double *products; /* stride x stride */
    double *width;    /* stride: of the steps */
    double *of_det;   /* stride: derivatives of log_det */
    double *points;   /* ALMI_POINTS x parameters */
    double *normal, *factor;
    double *gradient, *move, *next;
} work;

/* Columns from `first` on: x itself is column 0; beyond `last` it comes again. */
static void whiten_group(const work *w, const double *x, size_t first, size_t last, place *at,
                         almi_points *out)
{
    const almi_minimum *p = w->p;
    for (size_t l = 0; l < ALMI_POINTS; l++) {
        double *point = w->points + l * p->parameters;
        size_t column = first + l;
        memcpy(point, x, p->parameters * sizeof *x);
        if (column > 0 && column <= last) {
            double *moved = &point[column - 1];
            double kept = *moved;
            *moved = kept + STEP * fmax(fabs(kept), 1);
            w->width[column] = *moved - kept;
        }
    }
    p->whiten(p->context, w->points, w->stride, at->rows + first, out);
}

static double sum_of_squares(const double *r, size_t n, size_t stride)
{
    double lane[4] = {0};
    size_t t = 0;
    for (; t + 4 <= n; t += 4) {
        for (size_t l = 0; l < 4; l++) {
            double v = r[(t + l) * stride];
            lane[l] += v * v;
        }
    }
    for (; t < n; t++) {
        lane[0] += r[t * stride] * r[t * stride];
    }
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

/* Half of the value, so that its gradient is that of least squares. Infinite outside. */
static void look_at(const work *w, const double *x, place *out)
{
    const almi_minimum *p = w->p;
    out->value = INFINITY;
    whiten_group(w, x, 0, p->is_dear ? 0 : p->parameters, out, &out->first);
    if (out->first.is_known[0]) {
        out->sum = sum_of_squares(out->rows, p->length, w->stride);
        double sum = out->sum > SUM_MIN ? out->sum : SUM_MIN;
        double value = .5 * (alm_log(sum) + out->first.log_det[0] / p->n);
        out->value = isfinite(value) ? value : INFINITY;
    }
}

/* Columns of a group become derivatives. Of a parameter that leaves the domain they are 0. */
ALM_WIDE_VECTORS
static void take_differences(const work *w, size_t first, const almi_points *points)
{
    const almi_minimum *p = w->p;
    four per_width = {0};
    for (size_t l = 0; l < ALMI_POINTS; l++) {
        size_t column = first + l;
        bool is_step = column > 0 && column <= p->parameters && points->is_known[l];
        per_width[l] = is_step ? 1 / w->width[column] : 0;
        w->of_det[column] = is_step ? (points->log_det[l] - w->here.first.log_det[0]) *
                                          per_width[l]
                                    : 0;
    }
    for (size_t t = 0; t < p->length; t++) {
        double *row = w->here.rows + t * w->stride;
        four *column = (four *)(row + first);
        double r = row[0];
        four slope = (*column - r) * per_width;
        for (size_t l = 0; l < ALMI_POINTS; l++) { /* not what is infinite times 0 */
            slope[l] = per_width[l] == 0 ? 0 : slope[l];
        }
        *column = slope;
        row[0] = r;
    }
}

/* Products of the columns i..i+4 and k..k+4. */
ALM_INLINE void multiply_block(const work *w, size_t i, size_t k)
{
    four sum[4] = {{0}, {0}, {0}, {0}};
    for (size_t t = 0; t < w->p->length; t++) {
        const double *row = w->here.rows + t * w->stride;
        four columns = *(const four *)(row + k);
        ALM_UNROLLED
        for (size_t l = 0; l < 4; l++) {
            sum[l] += row[i + l] * columns;
        }
    }
    for (size_t l = 0; l < 4; l++) {
        memcpy(w->products + (i + l) * w->stride + k, &sum[l], sizeof sum[l]);
    }
}

/* The lower triangle, and somewhat more. */
ALM_WIDE_VECTORS
static void multiply_differences(const work *w)
{
    for (size_t i = 0; i < w->stride; i += 4) {
        for (size_t k = 0; k <= i; k += 4) {
            multiply_block(w, i, k);
        }
    }
}

/* Gradient and curvature, the lower triangle. */
static void look_around(work *w, const double *x)
{
    const almi_minimum *p = w->p;
    size_t count = p->parameters;
    double sum = w->here.sum > SUM_MIN ? w->here.sum : SUM_MIN;
    if (p->is_dear) {
        whiten_group(w, x, 0, count, &w->here, &w->here.first);
    }
    take_differences(w, 0, &w->here.first);
    for (size_t first = ALMI_POINTS; first < w->stride; first += ALMI_POINTS) {
        almi_points points;
        whiten_group(w, x, first, count, &w->here, &points);
        take_differences(w, first, &points);
    }
    multiply_differences(w);
    for (size_t k = 0; k < count; k++) {
        const double *row = w->products + (k + 1) * w->stride;
        w->gradient[k] = row[0] / sum + .5 * w->of_det[k + 1] / p->n;
        for (size_t j = 0; j <= k; j++) {
            w->normal[k * count + j] = row[j + 1] / sum;
        }
    }
}

/* (N + damping diag N) move = -gradient; *told: by how much the value should fall. */
static bool solve(const work *w, double damping, double *told)
{
    size_t count = w->p->parameters;
    for (size_t i = 0; i < count; i++) {
        double *row = w->factor + i * count;
        memcpy(row, w->normal + i * count, (i + 1) * sizeof(double));
        row[i] = row[i] > 0 ? row[i] * (1 + damping) : 1;
        w->move[i] = -w->gradient[i];
    }
    if (alm_cholesky_factor(w->factor, count, NULL) != ALM_OK) {
        return false;
    }
    alm_cholesky_solve(w->factor, count, w->move, 1);
    *told = 0;
    for (size_t i = 0; i < count; i++) {
        double size = w->normal[i * (count + 1)] > 0 ? w->normal[i * (count + 1)] : 0;
        *told += .5 * w->move[i] * (damping * size * w->move[i] - w->gradient[i]);
    }
    return isfinite(*told);
}

static work make_work(const almi_minimum *p, alm_arena *scratch)
{
    size_t count = p->parameters;
    size_t stride = (count + ALMI_POINTS) / ALMI_POINTS * ALMI_POINTS;
    return (work){.p = p,
                  .stride = stride,
                  .here.rows = ALM_NEW_ARRAY(scratch, double, p->length * stride + 8),
                  .other.rows = ALM_NEW_ARRAY(scratch, double, p->length * stride + 8),
                  .products = ALM_NEW_ARRAY(scratch, double, stride * stride),
                  .width = ALM_NEW_ARRAY(scratch, double, stride),
                  .of_det = ALM_NEW_ARRAY(scratch, double, stride),
                  .points = ALM_NEW_ARRAY(scratch, double, ALMI_POINTS * count),
                  .normal = ALM_NEW_ARRAY(scratch, double, count * count),
                  .factor = ALM_NEW_ARRAY(scratch, double, count * count),
                  .gradient = ALM_NEW_ARRAY(scratch, double, count),
                  .move = ALM_NEW_ARRAY(scratch, double, count),
                  .next = ALM_NEW_ARRAY(scratch, double, count)};
}

/* The first damped step that improves. False: there is none. */
static bool step_down(work *w, double *x, double *damping, double *gain)
{
    double more = 2;
    for (; *damping < DAMPING_MAX; *damping *= more, more *= 2) {
        double told = 0;
        if (!solve(w, *damping, &told)) {
            continue;
        }
        for (size_t k = 0; k < w->p->parameters; k++) {
            w->next[k] = x[k] + w->move[k];
        }
        look_at(w, w->next, &w->other);
        if (w->other.value < w->here.value) {
            place seen = w->here;
            *gain = w->here.value - w->other.value;
            w->here = w->other;
            w->other = seen;
            double off = 2 * (*gain / told) - 1;
            double less = 1 - off * off * off;
            *damping *= less > 1. / 3 ? (less < 4 ? less : 4) : 1. / 3;
            memcpy(x, w->next, w->p->parameters * sizeof(double));
            return true;
        }
    }
    return false;
}

bool almi_minimise(const almi_minimum *p, alm_arena *scratch, double *x, double *value)
{
    work w = make_work(p, scratch);
    look_at(&w, x, &w.here);
    if (!isfinite(w.here.value)) {
        return false;
    }
    double damping = DAMPING_START;
    double gain = INFINITY;
    for (int round = 0; round < p->rounds_max && w.here.sum > SUM_MIN && gain > p->tolerance;
         round++) {
        look_around(&w, x);
        if (!step_down(&w, x, &damping, &gain)) {
            break;
        }
    }
    *value = 2 * w.here.value;
    return true;
}
