/* negative_binomial.h: the negative binomial distribution, with the same bits on every machine.
 *
 *   P(X = k) = Gamma(r + k) / (Gamma(r) k!)  (1 - q)^r q^k     q = mean / (r + mean)
 *
 * for k = 0, 1, .., of variance mean + mean^2 / r. Means from 0 to 1e9, r above 0; k is a whole
 * number. Good to 1e-9 of the value, or 1e-7 where mean or r is above 1e6. Pure functions. */
#ifndef ALM_NUM_NEGATIVE_BINOMIAL_H
#define ALM_NUM_NEGATIVE_BINOMIAL_H

typedef struct alm_negative_binomial {
    double mean, size; /* size: r */
} alm_negative_binomial;

double alm_negative_binomial_log_mass(alm_negative_binomial d, double k);

/* P(X >= k), without cancellation where it is small. */
double alm_negative_binomial_tail(alm_negative_binomial d, double k);

/* The smallest k with P(X <= k) >= u, u in [0, 1): never falls in u. At most 2^53. */
double alm_negative_binomial_quantile(alm_negative_binomial d, double u);

/* Mean and variance of X given X >= k; of X itself for k <= 0. */
typedef struct alm_truncated_moments {
    double mean, variance;
} alm_truncated_moments;
alm_truncated_moments alm_negative_binomial_above(alm_negative_binomial d, double k);

#endif
