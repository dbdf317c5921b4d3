/* significance.h: how likely a statistic as large as this is by chance alone.
 *
 * Upper tails, exact to about 1e-12 absolute (1e-10 of the studentised range), with the same bits
 * on every machine. Pure functions. Arguments are finite. */
#ifndef ALM_NUM_SIGNIFICANCE_H
#define ALM_NUM_SIGNIFICANCE_H

/* P(|T| >= |t|) of Student's t with `freedom` > 0 degrees: the incomplete beta function
 * I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t t) (Abramowitz and Stegun 26.7.1, 26.5.27),
 * by its continued fraction (DLMF 8.17.22). */
double alm_student_two_sided(double t, double freedom);

/* P(X >= x) of chi-square with `freedom` > 0 degrees: the incomplete gamma function
 * Q(freedom / 2, x / 2) (A&S 26.4.19), by its series (DLMF 8.7.1) or its continued fraction
 * (DLMF 8.9.2). */
double alm_chi_square_upper(double x, double freedom);

/* P(R >= q), R the range of `groups` >= 2 independent standard normal numbers: the studentised
 * range with infinite degrees of freedom. 1 less groups times the integral of
 * phi(z) (Phi(z) - Phi(z - q))^(groups - 1) (Hartley 1942; R's ptukey), by Simpson's rule. */
double alm_range_upper(double q, int groups);

/* The q that is exceeded with probability alpha in (0, 1), by bisection to 1e-10. */
double alm_range_quantile(double alpha, int groups);

#endif
