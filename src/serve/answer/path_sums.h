/* path_sums.h: quantiles of sums of days, from joint sample paths.
 *
 * The quantile of a week is not the sum of the quantiles of its days: that would be right only if
 * good and bad days came together always. On a sample path they come as they were drawn, so a week
 * is added up path by path, and the quantiles are those of the sums, by the estimator that a run
 * reads its days with (num/quantile.h). For a single day they are the run's own, bit for bit.
 *
 * Limits hold per day, before days are added up, as for means. */
#ifndef ALM_SERVE_PATH_SUMS_H
#define ALM_SERVE_PATH_SUMS_H

#include "base/arena.h"
#include "serve/answer/policy.h"

typedef struct alm_path_sums {
    const double *values; /* paths x steps, row-major, finite */
    size_t paths, steps;
    const alm_limits *limits; /* of a day */
    const double *reference;  /* steps; NaN where there is none. Read where `limits` has a change */
    const double *level;      /* rising, in (0, 1) */
    size_t levels;
} alm_path_sums;

/* Of steps from..to (from 0, `to` included): `levels` numbers that do not fall, into out.
 * Temporaries in `scratch`. Pure. */
void alm_path_sum_quantiles(const alm_path_sums *sums, size_t from, size_t to, alm_arena *scratch,
                            double *out);

#endif
