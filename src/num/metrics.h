/* metrics.h: forecast accuracy, accumulated pair by pair.
 *
 * Definitions as in the M4 and M5 competitions: RMSSE and MASE scale each series by its own
 * in-sample naive error from its first non-zero value; WAPE and bias are pooled (sum over sum);
 * pinball is the mean over pairs, in units. A series without a scale (constant history) is counted
 * and left out of the scaled metrics, never silently dropped. Accumulation is sequential, so bits
 * depend on the order of calls only. */
#ifndef ALM_NUM_METRICS_H
#define ALM_NUM_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define ALM_METRIC_LEVELS_MAX 15

typedef struct alm_scale {
    double squared;  /* mean squared one-step difference from the first non-zero value; 0: none */
    double absolute; /* mean absolute difference at the season lag, the same start; 0: none */
} alm_scale;

/* `y` may hold NaN (missing): pairs with one are skipped. */
alm_scale alm_scale_of(const double *y, size_t n, size_t season);

typedef struct alm_metrics {
    uint64_t pairs;
    double error, absolute, squared, actual; /* sums of f - y, |f - y|, (f - y)^2, |y| */
    double percentage;                       /* sum of |f - y| / y over y > 0 */
    uint64_t percentage_pairs;
    double pinball[ALM_METRIC_LEVELS_MAX]; /* sums */
    uint64_t pinball_pairs;
    uint64_t covered, interval_pairs; /* by the central interval, randomised for counts */
    double rmsse, mase, smape;        /* sums over series-windows */
    uint64_t rmsse_windows, mase_windows, smape_windows, unscaled_windows;
} alm_metrics;

/* One series over one origin's horizon: n pairs; adds the scaled metrics too. */
void alm_metrics_add_window(alm_metrics *metrics, const double *y, const double *forecast,
                            size_t n, alm_scale scale);
void alm_metrics_add_pinball(alm_metrics *metrics, double y, const double *quantiles,
                             const double *levels, size_t count);
void alm_metrics_add_interval(alm_metrics *metrics, double pit, double low, double high);

/* Sum over what it is a share or a mean of; NaN when there is nothing to divide by. */
double alm_metrics_ratio(double sum, double by);

/* NaN when there is nothing to divide by. */
double alm_metrics_wape(const alm_metrics *metrics);
double alm_metrics_bias(const alm_metrics *metrics); /* sum(f - y) / sum y */
double alm_metrics_rmse(const alm_metrics *metrics);
double alm_metrics_mae(const alm_metrics *metrics);
double alm_metrics_mape(const alm_metrics *metrics);
double alm_metrics_rmsse(const alm_metrics *metrics); /* mean over series-windows */
double alm_metrics_mase(const alm_metrics *metrics);
/* Mean over series-windows of the mean of 200 |f - y| / (|f| + |y|) (M3, M4); 0 where both are. */
double alm_metrics_smape(const alm_metrics *metrics);
double alm_metrics_pinball(const alm_metrics *metrics, size_t level);
double alm_metrics_coverage(const alm_metrics *metrics);

#endif
