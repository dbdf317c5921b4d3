/* shrinkage.h: the covariance of many series from few errors each, shrunk towards its diagonal.
 *
 *     W = (1 - l) X X' / divisor + l diag(X X' / divisor)
 *
 * with the intensity l that Schaefer and Strimmer (2005), "A Shrinkage Approach to Large-Scale
 * Covariance Matrix Estimation", give for a diagonal target of unequal variances:
 *     l = sum over i /= j of Var(r_ij) / sum of r_ij^2,  clamped to [0, 1],
 * r the correlations. W is never made: with n series and T errors each it is a diagonal and a
 * factor of rank T, W = diag(d) + F F', and l comes out of the smaller of the two Gram matrices,
 * O(n T min(n, T)). So a million series with a hundred errors each are fine.
 *
 * Two conventions are in use. Centred: X are errors about their mean, divisor T - 1
 * (hierarchicalforecast). Not centred: X are the errors, divisor T (R's hts). */
#ifndef ALM_NUM_SHRINKAGE_H
#define ALM_NUM_SHRINKAGE_H

#include "base/arena.h"

typedef struct alm_shrunk_covariance {
    size_t series, errors;
    double intensity;
    double *variance; /* series: the diagonal of W */
    double *diagonal; /* series: d, l times the variance, at least 1e-9 of the largest variance */
    double *factor;   /* series x errors: F */
} alm_shrunk_covariance;

typedef struct alm_error_sample {
    const double *errors; /* series x count, row-major, finite */
    size_t series, count; /* count >= 2 */
    bool centred;
} alm_error_sample;

/* In `arena`. ALM_ERR_INVALID names the first error that is not a finite number (a period that one
 * series lacks has to be left out of all), and fewer than two errors; ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_shrunk_covariance_of(const alm_error_sample *sample, alm_arena *arena,
                                               alm_shrunk_covariance *out, alm_error *error);

#endif
