/* elementary.h: exp, log and friends whose bits do not depend on the CPU.
 *
 * The C library picks variants of these by CPU feature, and their last bits differ; wherever a
 * stored value depends on one, use these. They are SLEEF's "cinz" forms: plain C, no fused
 * multiply-add, within 1.0 ulp, the same bits on every machine. */
#ifndef ALM_NUM_ELEMENTARY_H
#define ALM_NUM_ELEMENTARY_H

double alm_exp(double x);
double alm_log(double x);
double alm_log1p(double x);
double alm_pow(double x, double y);
double alm_tanh(double x);

#endif
