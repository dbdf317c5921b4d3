#include "num/conjugate.h"

#include <math.h>
#include <string.h>

typedef struct solver {
    const alm_conjugate *problem;
    size_t width, cells;
    double *x;
    double *residual, *step, *product, *near; /* n x width; `near` is M^-1 residual */
    /* by column */
    double *gain;  /* residual' near; 0 once the column is solved */
    double *limit; /* of the residual's squared norm */
    double *sum;
    bool *solved;
} solver;

static alm_err prepare(solver *s, alm_arena *scratch, alm_error *error)
{
    double **arrays[] = {&s->residual, &s->step, &s->product, &s->near};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        void *memory = NULL;
        ALM_TRY(alm_arena_try_alloc(scratch, s->cells * sizeof(double), &memory, error));
        *arrays[i] = memory;
    }
    s->gain = ALM_NEW_ARRAY(scratch, double, s->width);
    s->limit = ALM_NEW_ARRAY(scratch, double, s->width);
    s->sum = ALM_NEW_ARRAY(scratch, double, s->width);
    s->solved = ALM_NEW_ARRAY(scratch, bool, s->width);
    return ALM_OK;
}

/* sum[c] = sum over rows of a b, row by row. */
static void inner(const solver *s, const double *a, const double *b, double *sum)
{
    memset(sum, 0, s->width * sizeof *sum);
    for (size_t i = 0; i < s->cells; i += s->width) {
        for (size_t c = 0; c < s->width; c++) {
            sum[c] += a[i + c] * b[i + c];
        }
    }
}

/* True when every column is solved. */
static bool judge(solver *s)
{
    inner(s, s->residual, s->residual, s->sum);
    bool all = true;
    for (size_t c = 0; c < s->width; c++) {
        s->solved[c] = s->solved[c] || s->sum[c] <= s->limit[c];
        all = all && s->solved[c];
    }
    return all;
}

static void approach(solver *s)
{
    memcpy(s->near, s->residual, s->cells * sizeof(double));
    if (s->problem->precondition) {
        s->problem->precondition(s->problem->context, s->near, s->width);
    }
}

/* One step along `step`; false when a direction without curvature shows that A is no such matrix.
 * A solved column stands still. */
static bool advance(solver *s)
{
    s->problem->product(s->problem->context, s->step, s->width, s->product);
    inner(s, s->step, s->product, s->sum);
    for (size_t c = 0; c < s->width; c++) {
        if (!s->solved[c] && !(s->sum[c] > 0 && isfinite(s->sum[c]))) {
            return false;
        }
        s->sum[c] = s->solved[c] ? 0 : s->gain[c] / s->sum[c];
    }
    for (size_t i = 0; i < s->cells; i += s->width) {
        for (size_t c = 0; c < s->width; c++) {
            s->x[i + c] += s->sum[c] * s->step[i + c];
            s->residual[i + c] -= s->sum[c] * s->product[i + c];
        }
    }
    return true;
}

static void turn(solver *s)
{
    approach(s);
    inner(s, s->residual, s->near, s->sum);
    for (size_t c = 0; c < s->width; c++) {
        double gain = s->sum[c];
        s->sum[c] = s->solved[c] ? 0 : gain / s->gain[c];
        s->gain[c] = gain;
    }
    for (size_t i = 0; i < s->cells; i += s->width) {
        for (size_t c = 0; c < s->width; c++) {
            s->step[i + c] = s->near[i + c] + s->sum[c] * s->step[i + c];
        }
    }
}

static bool start(solver *s, const double *b)
{
    s->problem->product(s->problem->context, s->x, s->width, s->residual);
    for (size_t i = 0; i < s->cells; i++) {
        s->residual[i] = b[i] - s->residual[i];
    }
    inner(s, b, b, s->limit);
    for (size_t c = 0; c < s->width; c++) {
        s->limit[c] *= s->problem->tolerance * s->problem->tolerance;
    }
    if (judge(s)) {
        return true;
    }
    approach(s);
    memcpy(s->step, s->near, s->cells * sizeof(double));
    inner(s, s->residual, s->near, s->gain);
    return false;
}

alm_err alm_conjugate_solve(const alm_conjugate *problem, const double *b, size_t width,
                            alm_arena *scratch, double *x, alm_error *error)
{
    solver s = {.problem = problem, .width = width, .cells = problem->n * width, .x = x};
    if (s.cells == 0) {
        return ALM_OK;
    }
    ALM_TRY(prepare(&s, scratch, error));
    bool done = start(&s, b);
    for (size_t round = 0; !done && round < problem->rounds_max; round++) {
        if (!advance(&s)) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "the matrix of %zu rows is not positive definite, or holds numbers "
                            "that are too large", problem->n);
        }
        done = judge(&s);
        if (!done) {
            turn(&s);
        }
    }
    return done ? ALM_OK
                : alm_fail(error, ALM_ERR_NUMERIC,
                           "a system of %zu rows is not solved to %g after %zu rounds of conjugate "
                           "gradients; its variances differ too much in size", problem->n,
                           problem->tolerance, problem->rounds_max);
}
