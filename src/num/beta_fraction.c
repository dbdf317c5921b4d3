#include "num/beta_fraction.h"

#include <math.h>

#define TINY 1e-300
#define SETTLED 1e-15 /* relative change at which it has converged */
#define ROUNDS_MAX 200000

double alm_lentz_divisor(double x)
{
    return fabs(x) < TINY ? TINY : x;
}

double alm_beta_fraction(double x, double a, double b)
{
    double c = 1;
    double d = 1 / alm_lentz_divisor(1 - (a + b) * x / (a + 1));
    double value = d;
    for (int i = 1; i < ROUNDS_MAX; i++) {
        double m = i;
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / alm_lentz_divisor(1 + even * d);
        c = alm_lentz_divisor(1 + even / c);
        value *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / alm_lentz_divisor(1 + odd * d);
        c = alm_lentz_divisor(1 + odd / c);
        value *= d * c;
        if (fabs(d * c - 1) < SETTLED) {
            break;
        }
    }
    return value;
}
