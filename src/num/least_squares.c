#include "num/least_squares.h"

#include <math.h>
#include <string.h>

#include "base/wide_vectors.h"
#include "num/cholesky.h"

#define DAMPING_START 1e-3
#define DAMPING_LESS (1. / 3) /* at most */
#define DAMPING_MORE 2        /* at first; the next time in a row by its square, and so on */
#define DAMPING_MAX 1e10
#define STEP 1e-7 /* of a difference, in sizes: about the root of the unit roundoff */

typedef struct work {
    const alm_least_squares *p;
    alm_residual_rows by_rows;
    size_t stride;    /* of rows and products: parameters, the residual, nothing */
    double *rows;     /* n x stride */
    double *products; /* stride x stride, lower triangle: of any two columns */
    double *factor;   /* parameters x parameters, damped and factored */
    double *move, *next;
    double *r, *r_next;
} work;

typedef double four __attribute__((vector_size(32)));

static double sum_of_squares(const double *r, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += r[i] * r[i];
    }
    return sum;
}

/* A difference forward, or back where forward leaves the domain; else the column is 0. */
static void differentiate(const work *w, double *x, size_t k)
{
    const alm_least_squares *p = w->p;
    double *r = w->r_next;
    double kept = x[k];
    double width = 0;
    double step = STEP * fmax(fabs(kept), p->size[k]);
    bool known = false;
    for (int i = 0; i < 2 && !known; i++) {
        x[k] = kept + (i == 0 ? step : -step);
        width = x[k] - kept;
        known = p->residuals(p->context, x, r);
    }
    x[k] = kept;
    for (size_t t = 0; t < p->n; t++) {
        w->rows[t * w->stride + k] = known ? (r[t] - w->r[t]) / width : 0;
    }
}

/* Products of the columns i..i+4 and k..k+4 (or +8); every sum runs forward in time by itself. */
ALM_INLINE void multiply_block(const work *w, size_t i, size_t k, bool is_wide)
{
    four sum[8] = {{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
    for (size_t t = 0; t < w->p->n; t++) {
        const double *row = w->rows + t * w->stride;
        four first = *(const four *)(row + k);
        four second = is_wide ? *(const four *)(row + k + 4) : first;
        ALM_UNROLLED
        for (size_t l = 0; l < 4; l++) {
            sum[l] += row[i + l] * first;
            if (is_wide) {
                sum[4 + l] += row[i + l] * second;
            }
        }
    }
    for (size_t l = 0; l < 4; l++) {
        four *out = (four *)(w->products + (i + l) * w->stride + k);
        out[0] = sum[l];
        if (is_wide) {
            out[1] = sum[4 + l];
        }
    }
}

/* The lower triangle, and somewhat more. */
ALM_WIDE_VECTORS
static void multiply(const work *w)
{
    for (size_t i = 0; i < w->stride; i += 4) {
        for (size_t k = 0; k <= i; k += 8) {
            if (k + 4 <= i) {
                multiply_block(w, i, k, true);
            } else {
                multiply_block(w, i, k, false);
            }
        }
    }
}

static void linearise(const work *w, double *x)
{
    size_t count = w->p->parameters;
    if (w->by_rows) {
        w->by_rows(w->p->context, x, w->stride, w->rows);
    }
    for (size_t k = 0; !w->by_rows && k < count; k++) {
        differentiate(w, x, k);
    }
    for (size_t t = 0; t < w->p->n; t++) {
        w->rows[t * w->stride + count] = w->r[t];
    }
    multiply(w);
}

/* (J'J + damping diag(J'J)) move = -gradient. A parameter that changes nothing does not move. */
static bool solve(const work *w, double damping)
{
    size_t count = w->p->parameters;
    for (size_t i = 0; i < count; i++) {
        double *row = w->factor + i * count;
        memcpy(row, w->products + i * w->stride, (i + 1) * sizeof(double));
        row[i] = row[i] > 0 ? row[i] * (1 + damping) : 1;
        w->move[i] = -w->products[count * w->stride + i];
    }
    if (alm_cholesky_factor(w->factor, count, NULL) != ALM_OK) {
        return false;
    }
    alm_cholesky_solve(w->factor, count, w->move, 1);
    return true;
}

/* The sum at x + move, into next and r_next; infinite outside of the domain. */
static double try_move(const work *w, const double *x)
{
    const alm_least_squares *p = w->p;
    for (size_t k = 0; k < p->parameters; k++) {
        w->next[k] = x[k] + w->move[k];
    }
    if (!p->residuals(p->context, w->next, w->r_next)) {
        return INFINITY;
    }
    double sum = sum_of_squares(w->r_next, p->n);
    return isfinite(sum) ? sum : INFINITY;
}

/* By how much a linear function would have made the sum smaller: -move' (g + (g + J'J move)), where
 * J'J move = -g - damping diag(J'J) move. */
static double gain_expected(const work *w, double damping)
{
    size_t count = w->p->parameters;
    double gain = 0;
    for (size_t k = 0; k < count; k++) {
        double diagonal = w->products[k * w->stride + k];
        double gradient = w->products[count * w->stride + k];
        gain += w->move[k] * (damping * diagonal * w->move[k] - gradient);
    }
    return gain;
}

/* Nielsen, "Damping parameter in Marquardt's method" (1999): smooth in how good the last step was,
 * where a fixed factor goes to and fro. */
static double less_damping(double gain)
{
    double q = 2 * gain - 1;
    double factor = 1 - q * q * q;
    return factor > DAMPING_LESS ? factor : DAMPING_LESS; /* that, too, for NaN */
}

static work make_work(const alm_least_squares *p, alm_residual_rows rows, alm_arena *scratch)
{
    size_t count = p->parameters;
    size_t stride = (count + 4) / 4 * 4;
    return (work){.p = p,
                  .by_rows = rows,
                  .stride = stride,
                  .rows = ALM_NEW_ARRAY(scratch, double, p->n * stride + 8),
                  .products = ALM_NEW_ARRAY(scratch, double, stride * stride),
                  .factor = ALM_NEW_ARRAY(scratch, double, count * count),
                  .move = ALM_NEW_ARRAY(scratch, double, count),
                  .next = ALM_NEW_ARRAY(scratch, double, count),
                  .r = ALM_NEW_ARRAY(scratch, double, p->n),
                  .r_next = ALM_NEW_ARRAY(scratch, double, p->n)};
}

bool alm_least_squares_minimise(const alm_least_squares *p, alm_arena *scratch, double *x,
                                double *out)
{
    return alm_least_squares_minimise_by_rows(p, NULL, scratch, x, out);
}

bool alm_least_squares_minimise_by_rows(const alm_least_squares *p, alm_residual_rows rows,
                                        alm_arena *scratch, double *x, double *out)
{
    work w = make_work(p, rows, scratch);
    if (!p->residuals(p->context, x, w.r)) {
        return false;
    }
    double sum = sum_of_squares(w.r, p->n);
    if (!isfinite(sum)) {
        return false;
    }
    double damping = DAMPING_START;
    double more = DAMPING_MORE;
    for (int round = 0; round < p->rounds_max && sum > 0; round++) {
        double next = INFINITY;
        linearise(&w, x);
        while (damping < DAMPING_MAX) {
            next = solve(&w, damping) ? try_move(&w, x) : INFINITY;
            if (next < sum) {
                break;
            }
            damping *= more;
            more *= DAMPING_MORE;
        }
        if (!(next < sum)) {
            break;
        }
        double *seen = w.r;
        w.r = w.r_next;
        w.r_next = seen;
        memcpy(x, w.next, p->parameters * sizeof(double));
        bool done = sum - next <= p->tolerance * sum;
        damping *= less_damping((sum - next) / gain_expected(&w, damping));
        more = DAMPING_MORE;
        sum = next;
        if (done) {
            break;
        }
    }
    *out = sum;
    return true;
}
