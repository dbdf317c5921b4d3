/* beta_fraction.h: the continued fraction behind the incomplete beta function, which tails of
 * Student's t and of the negative binomial are made of.
 *
 *   I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) times the fraction
 *
 * What stands before it is the caller's, who knows how to come to it without losing digits.
 * Pure. */
#ifndef ALM_NUM_BETA_FRACTION_H
#define ALM_NUM_BETA_FRACTION_H

/* DLMF 8.17.22 by the modified method of Lentz (Press and others, "Numerical Recipes" (2007), 6.4).
 * a, b > 0; for x < (a + 1) / (a + b + 2), where it converges fast: beyond it ask for
 * I_x(a, b) = 1 - I_{1 - x}(b, a). */
double alm_beta_fraction(double x, double a, double b);

/* `x`, or TINY where it is nearer to 0 than that: what Lentz's method may divide by. */
double alm_lentz_divisor(double x);

#endif
