/* elementary.h: exp, log and friends whose bits do not depend on the CPU.
 *
 * The C library picks variants of these by CPU feature, and their last bits differ; wherever a
 * stored value depends on one, use these. They are SLEEF's "cinz" forms: plain C, no fused
 * multiply-add, within 1.0 ulp (erfc 1.5), the same bits on every machine. */
#ifndef ALM_NUM_ELEMENTARY_H
#define ALM_NUM_ELEMENTARY_H

double alm_exp(double x);
double alm_log(double x);
double alm_log1p(double x);
double alm_pow(double x, double y);
double alm_tanh(double x);
double alm_erfc(double x);
double alm_log_gamma(double x); /* x > 0 */

/* The C library's float logarithm, for margins that another program computed with it and whose bits
 * must be met. It is the one function of its kind whose variants agree: with and without fused
 * multiply-add, all non-negative floats give the same bits (glibc 2.36, checked for every float).
 * It works in double but is not correctly rounded (0.07 % of the floats), so alm_log cannot replace
 * it. */
float alm_logf_c(float x);

#endif
