/* cholesky.h: symmetric positive definite systems, in a fixed order of operations.
 *
 * LAPACK picks kernels by CPU, which changes bits; the systems here have one row per aggregate
 * node (tens to a few thousand), so plain loops are fast enough and give the same bits anywhere. */
#ifndef ALM_NUM_CHOLESKY_H
#define ALM_NUM_CHOLESKY_H

#include "base/error.h"

/* In place: the lower triangle of `a` (n x n, row-major) becomes L with A = L L'. ALM_ERR_NUMERIC
 * when A is not positive definite; `a` is then undefined. O(n^3 / 3). */
ALM_NODISCARD alm_err alm_cholesky_factor(double *a, size_t n, alm_error *error);

/* Solves A x = b for `count` right-hand sides at once: `b` is n x count, row-major, and becomes x.
 * Columns do not influence each other's bits. */
void alm_cholesky_solve(const double *factor, size_t n, double *b, size_t count);

#endif
