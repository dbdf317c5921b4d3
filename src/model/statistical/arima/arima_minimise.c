#include "model/statistical/arima/arima_minimise.h"

#include <math.h>
#include <string.h>

#include "model/statistical/arima/arima_values.h"
#include "num/cholesky.h"
#include "num/elementary.h"

#define DAMPING_START 1e-3
#define DAMPING_MAX 1e12
#define STEP 1e-7 /* of a difference: about the root of the unit roundoff */
#define SUM_MIN 1e-300

typedef struct work {
    const almi_minimum *p;
    double *r, *other; /* residuals here, and elsewhere */
    double *jacobian;  /* parameters x length */
    double *normal, *factor;
    double *gradient, *move, *next;
    double sum, log_det, value;
} work;

/* Half of the value, so that its gradient is that of least squares. Infinite outside. */
static double value_at(const work *w, const double *x, double *r, double *sum, double *log_det)
{
    const almi_minimum *p = w->p;
    if (!p->whiten(p->context, x, r, log_det)) {
        return INFINITY;
    }
    *sum = almi_product(r, r, p->length);
    double value = .5 * (alm_log(*sum > SUM_MIN ? *sum : SUM_MIN) + *log_det / p->n);
    return isfinite(value) ? value : INFINITY;
}

/* Gradient and curvature, the lower triangle. A parameter that leaves the domain has none. */
static void look_around(const work *w, double *x)
{
    const almi_minimum *p = w->p;
    size_t count = p->parameters;
    double sum = w->sum > SUM_MIN ? w->sum : SUM_MIN;
    for (size_t k = 0; k < count; k++) {
        double *column = w->jacobian + k * p->length;
        double kept = x[k];
        double step = STEP * fmax(fabs(kept), 1);
        double log_det = w->log_det;
        x[k] = kept + step;
        double width = x[k] - kept;
        bool known = p->whiten(p->context, x, column, &log_det);
        x[k] = kept;
        for (size_t t = 0; t < p->length; t++) {
            column[t] = known ? (column[t] - w->r[t]) / width : 0;
        }
        double of_det = known ? .5 * (log_det - w->log_det) / width / p->n : 0;
        w->gradient[k] = almi_product(column, w->r, p->length) / sum + of_det;
        for (size_t j = 0; j <= k; j++) {
            w->normal[k * count + j] =
                almi_product(column, w->jacobian + j * p->length, p->length) / sum;
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
    return (work){.p = p,
                  .r = ALM_NEW_ARRAY(scratch, double, p->length),
                  .other = ALM_NEW_ARRAY(scratch, double, p->length),
                  .jacobian = ALM_NEW_ARRAY(scratch, double, count * p->length),
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
        double told = 0, sum = 0, log_det = 0;
        if (!solve(w, *damping, &told)) {
            continue;
        }
        for (size_t k = 0; k < w->p->parameters; k++) {
            w->next[k] = x[k] + w->move[k];
        }
        double value = value_at(w, w->next, w->other, &sum, &log_det);
        if (value < w->value) {
            double *seen = w->r;
            w->r = w->other;
            w->other = seen;
            *gain = w->value - value;
            double off = 2 * (*gain / told) - 1;
            double less = 1 - off * off * off;
            *damping *= less > 1. / 3 ? (less < 4 ? less : 4) : 1. / 3;
            w->value = value;
            w->sum = sum;
            w->log_det = log_det;
            memcpy(x, w->next, w->p->parameters * sizeof(double));
            return true;
        }
    }
    return false;
}

bool almi_minimise(const almi_minimum *p, alm_arena *scratch, double *x, double *value)
{
    work w = make_work(p, scratch);
    w.value = value_at(&w, x, w.r, &w.sum, &w.log_det);
    if (!isfinite(w.value)) {
        return false;
    }
    double damping = DAMPING_START;
    double gain = INFINITY;
    for (int round = 0; round < p->rounds_max && w.sum > SUM_MIN && gain > p->tolerance; round++) {
        look_around(&w, x);
        if (!step_down(&w, x, &damping, &gain)) {
            break;
        }
    }
    *value = 2 * w.value;
    return true;
}
