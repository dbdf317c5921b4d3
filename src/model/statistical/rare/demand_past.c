#include "model/statistical/rare/demand_past.h"

#include <math.h>

alm_err alm_demand_past_of(const alm_past *past, alm_arena *arena, alm_demand_past *out,
                           alm_error *error)
{
    alm_adjusted made;
    ALM_TRY(alm_adjust(past, 1, 0, arena, &made, error));
    size_t count = 0;
    for (size_t t = 0; t < made.count; t++) {
        double y = made.y[t];
        if (y < 0) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "demand cannot be below 0, and value %zu is %g: mark it as not known, "
                            "or use a forecaster that takes any value",
                            t + 1, past->y[t]);
        }
        if (!isnan(y)) {
            made.y[count++] = y;
        }
    }
    *out = (alm_demand_past){made.by, made.y, count};
    return ALM_OK;
}

double alm_demand_value(const alm_adjustment *by, double y)
{
    return y > 0 ? alm_adjust_value(by, 0, y) : 0;
}
