#include "model/statistical/smoothing.h"

#include <stdbool.h>

#define GOLDEN .6180339887498949
#define WIDTH 1e-7

double alm_smoothing_level(const double *x, size_t count, double alpha)
{
    double level = x[0];
    for (size_t t = 1; t < count; t++) {
        level += alpha * (x[t] - level);
    }
    return level;
}

static double squares(const double *x, size_t count, double alpha)
{
    double level = x[0];
    double sum = 0;
    for (size_t t = 1; t < count; t++) {
        double e = x[t] - level;
        sum += e * e;
        level += alpha * e;
    }
    return sum;
}

static bool is_constant(const double *x, size_t count)
{
    for (size_t t = 1; t < count; t++) {
        if (x[t] != x[0]) {
            return false;
        }
    }
    return true;
}

double alm_smoothing_search(const double *x, size_t count, double low, double high)
{
    const double middle = (low + high) / 2;
    if (count < 2 || is_constant(x, count)) {
        return middle;
    }
    double left = high - GOLDEN * (high - low);
    double right = low + GOLDEN * (high - low);
    double at_left = squares(x, count, left);
    double at_right = squares(x, count, right);
    bool is_flat = at_left == at_right;
    while (high - low > WIDTH) {
        if (at_left <= at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - GOLDEN * (high - low);
            at_left = squares(x, count, left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + GOLDEN * (high - low);
            at_right = squares(x, count, right);
        }
        is_flat = is_flat && at_left == at_right;
    }
    return is_flat ? middle : (low + high) / 2;
}
