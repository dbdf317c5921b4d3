/* least_squares.h: nonlinear least squares by Levenberg and Marquardt, in a fixed order of
 * operations.
 *
 * Minimises r_1(x)^2 + .. + r_n(x)^2. Derivatives are differences (forward; one call each), or
 * the caller's. Damping
 * is Marquardt's: it is scaled by the diagonal of J'J, so parameters of different size need no
 * scaling. Marquardt (1963), "An Algorithm for Least-Squares Estimation of Nonlinear Parameters".
 *
 * Where the residuals cannot be computed (the callback says so, or a sum is not finite) a step is
 * refused like one that does not improve. So the callback states its domain by itself, and the
 * result is never worse than the start. */
#ifndef ALM_NUM_LEAST_SQUARES_H
#define ALM_NUM_LEAST_SQUARES_H

#include "base/arena.h"

/* Fills r[n]; false: x is outside of the domain. */
typedef bool (*alm_residuals)(void *context, const double *x, double *r);

typedef struct alm_least_squares {
    alm_residuals residuals;
    void *context;
    size_t n;          /* residuals */
    size_t parameters; /* >= 1 */
    const double *size; /* by parameter, > 0: the order of a change that matters; of differences */
    int rounds_max;    /* accepted steps */
    double tolerance;  /* ends when a step improves the sum by less than this part of it */
} alm_least_squares;

/* In: the start; out: the best point. *sum: its sum of squares. False: the start is outside of the
 * domain, nothing is changed. Temporaries in `scratch`. Pure. */
bool alm_least_squares_minimise(const alm_least_squares *problem, alm_arena *scratch, double *x,
                                double *sum);

/* Derivatives at x, the point that `residuals` was asked for last, and had:
 * rows[t * stride + k] = d r_t / d x_k, for each parameter k; what lies between the rows may be
 * written, too. Rows are zero or from the last call. */
typedef void (*alm_residual_rows)(void *context, const double *x, size_t stride, double *rows);

/* The same, with derivatives as `rows` says; NULL: by differences. `stride` is the number of
 * parameters and 1, rounded up to a multiple of 4, and rows lie on multiples of 32 bytes. */
bool alm_least_squares_minimise_by_rows(const alm_least_squares *problem, alm_residual_rows rows,
                                        alm_arena *scratch, double *x, double *sum);

#endif
