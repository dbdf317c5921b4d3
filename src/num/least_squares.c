#include "num/least_squares.h"

#include <math.h>
#include <string.h>

#include "num/cholesky.h"

#define DAMPING_START 1e-3
#define DAMPING_LESS .2
#define DAMPING_MORE 8
#define DAMPING_MAX 1e10
#define STEP 1e-7 /* of a difference, in sizes: about the root of the unit roundoff */

typedef struct work {
    const alm_least_squares *p;
    double *jacobian; /* parameters x n */
    double *normal;   /* parameters x parameters, lower triangle */
    double *factor;   /* the same, damped and factored */
    double *gradient, *move, *next;
    double *r, *r_next;
} work;

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
    double *column = w->jacobian + k * p->n;
    double kept = x[k];
    double step = STEP * fmax(fabs(kept), p->size[k]);
    bool known = false;
    for (int i = 0; i < 2 && !known; i++) {
        x[k] = kept + (i == 0 ? step : -step);
        double width = x[k] - kept;
        known = p->residuals(p->context, x, column);
        for (size_t t = 0; known && t < p->n; t++) {
            column[t] = (column[t] - w->r[t]) / width;
        }
    }
    x[k] = kept;
    if (!known) {
        memset(column, 0, p->n * sizeof(double));
    }
}

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

static void linearise(const work *w, double *x)
{
    size_t count = w->p->parameters;
    size_t n = w->p->n;
    for (size_t k = 0; k < count; k++) {
        differentiate(w, x, k);
    }
    for (size_t i = 0; i < count; i++) {
        const double *column = w->jacobian + i * n;
        w->gradient[i] = product(column, w->r, n);
        for (size_t k = 0; k <= i; k++) {
            w->normal[i * count + k] = product(column, w->jacobian + k * n, n);
        }
    }
}

/* (J'J + damping diag(J'J)) move = -gradient. A parameter that changes nothing does not move. */
static bool solve(const work *w, double damping)
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

static work make_work(const alm_least_squares *p, alm_arena *scratch)
{
    size_t count = p->parameters;
    return (work){.p = p,
                  .jacobian = ALM_NEW_ARRAY(scratch, double, count * p->n),
                  .normal = ALM_NEW_ARRAY(scratch, double, count * count),
                  .factor = ALM_NEW_ARRAY(scratch, double, count * count),
                  .gradient = ALM_NEW_ARRAY(scratch, double, count),
                  .move = ALM_NEW_ARRAY(scratch, double, count),
                  .next = ALM_NEW_ARRAY(scratch, double, count),
                  .r = ALM_NEW_ARRAY(scratch, double, p->n),
                  .r_next = ALM_NEW_ARRAY(scratch, double, p->n)};
}

bool alm_least_squares_minimise(const alm_least_squares *p, alm_arena *scratch, double *x,
                                double *out)
{
    work w = make_work(p, scratch);
    if (!p->residuals(p->context, x, w.r)) {
        return false;
    }
    double sum = sum_of_squares(w.r, p->n);
    if (!isfinite(sum)) {
        return false;
    }
    double damping = DAMPING_START;
    for (int round = 0; round < p->rounds_max && sum > 0; round++) {
        double next = INFINITY;
        linearise(&w, x);
        while (damping < DAMPING_MAX) {
            next = solve(&w, damping) ? try_move(&w, x) : INFINITY;
            if (next < sum) {
                break;
            }
            damping *= DAMPING_MORE;
        }
        if (!(next < sum)) {
            break;
        }
        double *seen = w.r;
        w.r = w.r_next;
        w.r_next = seen;
        memcpy(x, w.next, p->parameters * sizeof(double));
        bool done = sum - next <= p->tolerance * sum;
        sum = next;
        damping *= DAMPING_LESS;
        if (done) {
            break;
        }
    }
    *out = sum;
    return true;
}
