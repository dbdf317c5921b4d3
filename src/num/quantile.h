/* quantile.h: quantiles of samples, and marginal distributions given by a few quantiles.
 *
 * A marginal is a rising list of levels p[0..k) in (0, 1) with values q[0..k) that do not fall. Its
 * quantile function is linear between them, linear from the lower bound at level 0 to q[0], and has
 * an exponential upper tail through the last two points, so that rare large demand stays possible.
 * Demand is never negative, so the lower bound is 0. All functions are pure. */
#ifndef ALM_NUM_QUANTILE_H
#define ALM_NUM_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct alm_marginal {
    const double *level;
    const double *value;
    size_t count; /* >= 2 */
} alm_marginal;

/* Quantile of `n` >= 1 sorted values, linear between order statistics (Hyndman and Fan, type 7). */
double alm_quantile_sorted(const double *sorted, size_t n, double level);

/* Sorts doubles without NaN; in place, by value, so ties have no order to get wrong. */
void alm_sort_doubles(double *values, size_t n);

/* Makes values non-negative and rising (running maximum), in place. */
void alm_marginal_repair(double *value, size_t n);

/* Quantile function at u in (0, 1). */
double alm_marginal_quantile(alm_marginal marginal, double u);

/* Mean of the marginal: the integral of its quantile function. */
double alm_marginal_mean(alm_marginal marginal);

/* Variance of the marginal: the integral of its squared distance from the mean. */
double alm_marginal_variance(alm_marginal marginal);

/* Distribution function at y: the inverse of the above; 0 below the bound. At a jump (several
 * levels with one value) the level after the jump; `before` the level before it. */
double alm_marginal_cdf(alm_marginal marginal, double y, double *before);

/* Count at u: the quantile function of the marginal, rounded to the next integer (half up). */
double alm_marginal_count(alm_marginal marginal, double u);

/* Probability integral transform of y, spread over the jump by v in (0, 1). For counts the jump is
 * that of the rounded variable. Czado, Gneiting, Held (2009), "Predictive model assessment for
 * count data". */
double alm_marginal_pit(alm_marginal marginal, bool counts, double y, double v);

double alm_pinball(double y, double forecast, double level);

#endif
