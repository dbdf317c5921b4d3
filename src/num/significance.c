#include "num/significance.h"

#include <math.h>

#include "base/error.h"
#include "num/beta_fraction.h"
#include "num/elementary.h"
#include "num/normal.h"

#define TERMS_MAX 100000
#define TINY 1e-300
#define SETTLED 1e-15    /* relative change at which a fraction or series has converged */
#define LOG_SQRT_2PI 0.91893853320467274178
#define RANGE_PIECES 600 /* of Simpson's rule: an even number; error below 1e-12 */
#define RANGE_REACH 9.0  /* the normal density beyond is below 1e-18 */

/* x^a (1 - x)^b / (a B(a, b)) times the fraction; `rest` is 1 - x, given because near x = 1 the
 * difference has no digits. */
static double beta_part(double x, double rest, double a, double b)
{
    double front = a * alm_log(x) + b * alm_log(rest) +
                   (alm_log_gamma(a + b) - alm_log_gamma(a) - alm_log_gamma(b));
    return alm_exp(front) / a * alm_beta_fraction(x, a, b);
}

double alm_student_two_sided(double t, double freedom)
{
    alm_assert(freedom > 0);
    if (t == 0) {
        return 1;
    }
    double x = freedom / (freedom + t * t);
    double rest = t * t / (freedom + t * t);
    if (x == 0) {
        return 0;
    }
    double a = freedom / 2;
    double b = 0.5;
    return x < (a + 1) / (a + b + 2) ? beta_part(x, rest, a, b) : 1 - beta_part(rest, x, b, a);
}

/* P(a, x) by DLMF 8.7.1: for x < a + 1. */
static double gamma_series(double a, double x)
{
    double term = 1 / a;
    double sum = term;
    for (int i = 1; i < TERMS_MAX && term > sum * SETTLED; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum;
}

/* Q(a, x) by DLMF 8.9.2, Lentz: for x >= a + 1. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a;
    double c = 1 / TINY;
    double d = 1 / alm_lentz_divisor(b);
    double value = d;
    for (int i = 1; i < TERMS_MAX; i++) {
        double by = -i * (i - a);
        b += 2;
        d = 1 / alm_lentz_divisor(by * d + b);
        c = alm_lentz_divisor(b + by / c);
        value *= d * c;
        if (fabs(d * c - 1) < SETTLED) {
            break;
        }
    }
    return value;
}

double alm_chi_square_upper(double x, double freedom)
{
    alm_assert(freedom > 0);
    if (x <= 0) {
        return 1;
    }
    double a = freedom / 2;
    double half = x / 2;
    double front = alm_exp(a * alm_log(half) - half - alm_log_gamma(a));
    return half < a + 1 ? 1 - front * gamma_series(a, half) : front * gamma_fraction(a, half);
}

static double density(double z)
{
    return alm_exp(-z * z / 2 - LOG_SQRT_2PI);
}

static double power(double base, int exponent)
{
    double value = 1;
    for (int i = 0; i < exponent; i++) {
        value *= base;
    }
    return value;
}

double alm_range_upper(double q, int groups)
{
    alm_assert(groups >= 2);
    if (q <= 0) {
        return 1;
    }
    double width = 2 * RANGE_REACH / RANGE_PIECES;
    double sum = 0;
    for (int i = 0; i <= RANGE_PIECES; i++) {
        double z = -RANGE_REACH + i * width;
        double share = alm_normal_cdf(z) - alm_normal_cdf(z - q);
        double weight = i == 0 || i == RANGE_PIECES ? 1 : i % 2 ? 4 : 2;
        sum += weight * density(z) * power(share, groups - 1);
    }
    double upper = 1 - groups * sum * width / 3;
    return upper < 0 ? 0 : upper > 1 ? 1 : upper;
}

double alm_range_quantile(double alpha, int groups)
{
    alm_assert(alpha > 0 && alpha < 1);
    double low = 0;
    double high = 4 * RANGE_REACH;
    while (high - low > 1e-10) {
        double middle = (low + high) / 2;
        if (alm_range_upper(middle, groups) > alpha) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}
