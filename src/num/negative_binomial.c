#include "num/negative_binomial.h"

#include <math.h>
#include <stdbool.h>

#include "num/elementary.h"

#define PRODUCT_MAX 24     /* up to here a product is quicker than log-gamma and as good */
#define SUMMED 64          /* masses summed for a quantile before the tail is searched */
#define K_MAX 0x1p53
#define FRACTION_ROUNDS 200000
#define TINY 1e-300

/* log(Gamma(r + k) / Gamma(r)). Beyond 1e5 the two log-gammas lose digits against each other, and
 * two terms of Stirling's series are exact. */
static double log_rising(double r, double k)
{
    if (r < 1e5) {
        return alm_log_gamma(r + k) - alm_log_gamma(r);
    }
    return k * alm_log(r) + (r + k - .5) * alm_log1p(k / r) - k + (1 / (r + k) - 1 / r) / 12;
}

double alm_negative_binomial_log_mass(alm_negative_binomial d, double k)
{
    double r = d.size;
    double none = -r * alm_log1p(d.mean / r);
    if (k <= 0 || d.mean <= 0) {
        return k == 0 ? none : -(double)INFINITY;
    }
    double q = d.mean / (r + d.mean);
    if (k <= PRODUCT_MAX) {
        double product = 1;
        for (double i = 0; i < k; i++) {
            product *= (r + i) / (i + 1) * q;
        }
        return product > TINY ? none + alm_log(product)
                              : none + log_rising(r, k) - alm_log_gamma(k + 1) + k * alm_log(q);
    }
    return none + log_rising(r, k) - alm_log_gamma(k + 1) + k * alm_log(q);
}

/* Not smaller than TINY in size, so that it can be divided by. */
static double divisor(double x)
{
    return fabs(x) < TINY ? TINY : x;
}

/* The continued fraction of the incomplete beta function by Lentz's method: Press and others,
 * "Numerical Recipes" (2007), 6.4. For x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    double c = 1;
    double d = 1 / divisor(1 - (a + b) * x / (a + 1));
    double h = d;
    for (int i = 1; i < FRACTION_ROUNDS; i++) {
        double m = i;
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / divisor(1 + even * d);
        c = divisor(1 + even / c);
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / divisor(1 + odd * d);
        c = divisor(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) {
            break;
        }
    }
    return h;
}

/* I_q(k, r), or 1 - I_(1 - q)(r, k). What stands before the fractions of both, times k or r, is
 * Gamma(k + r) / (Gamma(k) Gamma(r)) q^k (1 - q)^r, which is k times the mass at k. */
double alm_negative_binomial_tail(alm_negative_binomial d, double k)
{
    if (k <= 0) {
        return 1;
    }
    if (d.mean <= 0) {
        return 0;
    }
    double r = d.size;
    double q = d.mean / (r + d.mean);
    double front = alm_exp(alm_negative_binomial_log_mass(d, k)) * k;
    if (q < (k + 1) / (k + r + 2)) {
        double tail = front * beta_fraction(q, k, r) / k;
        return tail < 1 ? tail : 1;
    }
    double tail = 1 - front * beta_fraction(r / (r + d.mean), r, k) / r;
    return tail > 0 ? tail : 0;
}

double alm_negative_binomial_quantile(alm_negative_binomial d, double u)
{
    double r = d.size;
    double q = d.mean / (r + d.mean);
    double mass = alm_exp(-r * alm_log1p(d.mean / r));
    double sum = mass;
    for (double k = 0; k < SUMMED && mass > 0; k++) {
        if (sum >= u) {
            return k;
        }
        mass *= (r + k) / (k + 1) * q;
        sum += mass;
    }
    /* The ends that are tried are the same for every u, so a larger u goes to the right of a
     * smaller one whatever the last bits of the tail are. */
    double low = 0; /* P(X <= low - 1) < u */
    double high = SUMMED;
    while (high < K_MAX && alm_negative_binomial_tail(d, high) > 1 - u) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        double middle = floor((low + high) / 2);
        if (alm_negative_binomial_tail(d, middle) > 1 - u) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* k P(X = k) is the mean times the mass at k - 1 of the distribution with r + 1 and the same q. */
alm_truncated_moments alm_negative_binomial_above(alm_negative_binomial d, double k)
{
    double r = d.size;
    double variance = d.mean + d.mean * d.mean / r;
    double tail = alm_negative_binomial_tail(d, k);
    if (k <= 0) {
        return (alm_truncated_moments){d.mean, variance};
    }
    if (tail < 1e-280) {
        return (alm_truncated_moments){k, 0}; /* beyond what could be told apart */
    }
    alm_negative_binomial one = {d.mean * (r + 1) / r, r + 1};
    alm_negative_binomial two = {d.mean * (r + 2) / r, r + 2};
    double first = d.mean * alm_negative_binomial_tail(one, k - 1) / tail;
    double second = d.mean * one.mean * alm_negative_binomial_tail(two, k - 2) / tail;
    double mean = first > k ? first : k;
    double spread = second + mean - mean * mean;
    return (alm_truncated_moments){mean, spread > 0 ? spread : 0};
}
