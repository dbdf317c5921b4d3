#include "num/cholesky.h"

#include <math.h>

alm_err alm_cholesky_factor(double *a, size_t n, alm_error *error)
{
    for (size_t j = 0; j < n; j++) {
        double *row_j = a + j * n;
        for (size_t k = 0; k < j; k++) {
            double sum = row_j[k];
            const double *row_k = a + k * n;
            for (size_t p = 0; p < k; p++) {
                sum -= row_j[p] * row_k[p];
            }
            row_j[k] = sum / row_k[k];
        }
        double diagonal = row_j[j];
        for (size_t p = 0; p < j; p++) {
            diagonal -= row_j[p] * row_j[p];
        }
        if (!(diagonal > 0) || !isfinite(diagonal)) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "matrix is not positive definite at row %zu of %zu", j + 1, n);
        }
        row_j[j] = sqrt(diagonal);
    }
    return ALM_OK;
}

/* target -= factor * source, over the right-hand sides. */
static void subtract(double *restrict target, const double *restrict source, double factor,
                     size_t count)
{
    for (size_t c = 0; c < count; c++) {
        target[c] -= factor * source[c];
    }
}

static void divide(double *row, double by, size_t count)
{
    for (size_t c = 0; c < count; c++) {
        row[c] /= by;
    }
}

/* The same operations in the same order as for several. */
static void solve_one(const double *factor, size_t n, double *b)
{
    for (size_t i = 0; i < n; i++) {
        double x = b[i];
        for (size_t k = 0; k < i; k++) {
            x -= factor[i * n + k] * b[k];
        }
        b[i] = x / factor[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        double x = b[i];
        for (size_t k = i + 1; k < n; k++) {
            x -= factor[k * n + i] * b[k];
        }
        b[i] = x / factor[i * n + i];
    }
}

void alm_cholesky_solve(const double *factor, size_t n, double *b, size_t count)
{
    if (count == 1) {
        solve_one(factor, n, b);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            subtract(b + i * count, b + k * count, factor[i * n + k], count);
        }
        divide(b + i * count, factor[i * n + i], count);
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) {
            subtract(b + i * count, b + k * count, factor[k * n + i], count);
        }
        divide(b + i * count, factor[i * n + i], count);
    }
}
