/* normal.h: the standard normal distribution, with the same bits on every machine.
 *
 * Pure functions. */
#ifndef ALM_NUM_NORMAL_H
#define ALM_NUM_NORMAL_H

/* P(Z <= z), to 4 ulp also far out on the left, where it is small. */
double alm_normal_cdf(double z);

/* The z that is not exceeded with probability u in (0, 1), within 1e-15 relative: Wichura,
 * "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
 * (1988), PPND16. */
double alm_normal_quantile(double u);

#endif
