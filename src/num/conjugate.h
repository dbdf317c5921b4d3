/* conjugate.h: symmetric positive definite systems of which only the product is known, by
 * preconditioned conjugate gradients, in a fixed order of operations.
 *
 * `width` systems with the same n are solved side by side; each column has scalars of its own and
 * stops by itself, so columns do not influence each other's bits. A column is solved when the norm
 * of its residual is at most `tolerance` times that of its right-hand side.
 * Hestenes and Stiefel (1952), "Methods of Conjugate Gradients for Solving Linear Systems". */
#ifndef ALM_NUM_CONJUGATE_H
#define ALM_NUM_CONJUGATE_H

#include "base/arena.h"

typedef struct alm_conjugate {
    /* out = A x, both n x width, row-major. May differ by column. */
    void (*product)(void *context, const double *x, size_t width, double *out);
    /* OPTIONAL. In place: r becomes M^-1 r, with M positive definite and close to A. */
    void (*precondition)(void *context, double *r, size_t width);
    void *context;
    size_t n;
    double tolerance;
    size_t rounds_max;
} alm_conjugate;

/* x: in the start, out the solution; n x width, as is b. Temporaries in `scratch`, 4 n x width.
 * ALM_ERR_NUMERIC: A is not positive definite, or a column is not solved after `rounds_max`; x is
 * then the best that was reached. */
ALM_NODISCARD alm_err alm_conjugate_solve(const alm_conjugate *problem, const double *b,
                                          size_t width, alm_arena *scratch, double *x,
                                          alm_error *error);

#endif
