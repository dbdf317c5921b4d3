#include "model/statistical/arima/arima_values.h"

#include <math.h>
#include <stdbool.h>

void almi_bridge(const double *y, size_t n, double *out)
{
    size_t before = n; /* n: there is none */
    size_t behind = 0;
    for (size_t t = 0; t < n; t++) {
        behind = behind < t ? t : behind;
        while (behind < n && isnan(y[behind])) {
            behind++;
        }
        before = behind == t ? t : before;
        bool has_before = before < n;
        double b = behind < n ? y[behind] : has_before ? y[before] : 0;
        double a = has_before ? y[before] : b;
        bool is_inside = has_before && behind < n && behind > before;
        out[t] = is_inside ? a + (b - a) * ((double)(t - before) / (double)(behind - before)) : a;
    }
}
