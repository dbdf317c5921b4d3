#include "serve/answer/path_sums.h"

#include "num/quantile.h"

void alm_path_sum_quantiles(const alm_path_sums *sums, size_t from, size_t to, alm_arena *scratch,
                            double *out)
{
    double *sum = ALM_NEW_ARRAY(scratch, double, sums->paths);
    bool limited = alm_limits_any(sums->limits);
    for (size_t s = 0; s < sums->paths; s++) {
        const double *path = sums->values + s * sums->steps;
        sum[s] = 0;
        for (size_t h = from; h <= to; h++) {
            sum[s] += limited ? alm_limits_clamp(sums->limits, sums->reference[h], path[h], NULL)
                              : path[h];
        }
    }
    alm_sort_doubles(sum, sums->paths);
    for (size_t k = 0; k < sums->levels; k++) {
        out[k] = alm_quantile_sorted(sum, sums->paths, sums->level[k]);
    }
}
