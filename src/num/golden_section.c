#include "num/golden_section.h"

#define GOLDEN .6180339887498949

double alm_golden_section(double (*f)(void *context, double x), void *context, double low,
                          double high, double width)
{
    double left = high - GOLDEN * (high - low);
    double right = low + GOLDEN * (high - low);
    double at_left = f(context, left);
    double at_right = f(context, right);
    while (high - low > width) {
        if (at_left <= at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - GOLDEN * (high - low);
            at_left = f(context, left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + GOLDEN * (high - low);
            at_right = f(context, right);
        }
    }
    return (low + high) / 2;
}
