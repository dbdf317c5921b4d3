#include "model/statistical/automatic/demand_class.h"

#include <math.h>

#include "model/statistical/arima/arima.h"
#include "model/statistical/automatic/apart.h"
#include "model/statistical/automatic/choice.h"
#include "model/statistical/automatic/mstl.h"
#include "model/statistical/rare/adida.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/rare/croston.h"
#include "model/statistical/seasonal.h"
#include "model/statistical/smoothing/ces.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"

#define CYCLES_TESTED 2 /* whole seasons that tell whether there is one */

const char *alm_demand_class_name(alm_demand_class class_of_demand)
{
    static const char *const NAMES[] = {
#define ALM_DEMAND_CLASS_TEXT(name) #name,
        ALM_DEMAND_CLASS_MAP(ALM_DEMAND_CLASS_TEXT)
#undef ALM_DEMAND_CLASS_TEXT
    };
    alm_assert((unsigned)class_of_demand < ALM_DEMAND_CLASS_COUNT);
    return NAMES[class_of_demand];
}

alm_demand_class alm_demand_class_of(double interval, double squared_cv)
{
    bool is_rare = interval >= ALM_DEMAND_INTERVAL_CUT;
    if (squared_cv >= ALM_DEMAND_SQUARED_CV_CUT) {
        return is_rare ? ALM_DEMAND_lumpy : ALM_DEMAND_erratic;
    }
    return is_rare ? ALM_DEMAND_intermittent : ALM_DEMAND_smooth;
}

/* Sizes are brought below 2 first, by a power of two, so that no square overflows. */
static double factor_of(const double *y, size_t count)
{
    double largest = 0;
    for (size_t t = 0; t < count; t++) {
        largest = y[t] > largest ? y[t] : largest;
    }
    int exponent = 0;
    (void)frexp(largest, &exponent);
    return ldexp(1, (exponent < -1000 ? -1000 : exponent) - 1);
}

alm_demand_shape alm_demand_shape_of(const double *y, size_t count)
{
    alm_demand_shape shape = {.interval = (double)NAN, .squared_cv = (double)NAN,
                              .class_of_demand = ALM_DEMAND_none};
    double factor = factor_of(y, count);
    double mean = 0; /* of sizes, and their squares around it (Welford) */
    double squares = 0;
    for (size_t t = 0; t < count; t++) {
        if (y[t] > 0) {
            double size = y[t] / factor;
            double off = size - mean;
            mean += off / (double)++shape.demands;
            squares += off * (size - mean);
        }
        shape.periods += shape.demands > 0 && !isnan(y[t]);
    }
    if (shape.demands > 0) {
        double demands = (double)shape.demands;
        shape.interval = (double)shape.periods / demands;
        shape.squared_cv = squares / demands / (mean * mean);
        shape.mean = mean * factor / shape.interval;
        shape.class_of_demand = alm_demand_class_of(shape.interval, shape.squared_cv);
    }
    return shape;
}

bool alm_demand_is_fast(const alm_demand_shape *shape, double lead_periods)
{
    return shape->mean * lead_periods >= ALM_DEMAND_FAST_UNITS;
}

alm_demand_class alm_demand_class_of_past(const alm_past *past)
{
    alm_demand_shape shape = alm_demand_shape_of(past->y, past->count);
    bool is_regular = shape.demands > 0 && shape.interval >= ALM_DEMAND_INTERVAL_CUT &&
                      alm_is_seasonal(past, CYCLES_TESTED);
    for (size_t t = 0; t < past->count && !is_regular; t++) {
        is_regular = past->y[t] < 0;
    }
    if (!is_regular) {
        return shape.class_of_demand;
    }
    return shape.demands > 0 ? alm_demand_class_of(1, shape.squared_cv) : ALM_DEMAND_smooth;
}

const alm_forecaster_kind *const *alm_demand_candidates(alm_demand_class class_of_demand,
                                                        size_t *count)
{
    static const alm_forecaster_kind *const LIST[ALM_DEMAND_CLASS_COUNT][4] = {
        [ALM_DEMAND_smooth] = {&alm_theta_dynamic_optimised, &alm_ets, &alm_count,
                               &alm_seasonal_naive},
        [ALM_DEMAND_erratic] = {&alm_count, &alm_theta_dynamic_optimised, &alm_sba, &alm_ets},
        [ALM_DEMAND_intermittent] = {&alm_count, &alm_sba, &alm_tsb, &alm_adida},
        [ALM_DEMAND_lumpy] = {&alm_count, &alm_sba, &alm_tsb, &alm_imapa},
        [ALM_DEMAND_none] = {&alm_count, &alm_mean_of_all, NULL, NULL},
    };
    alm_assert((unsigned)class_of_demand < ALM_DEMAND_CLASS_COUNT);
    *count = class_of_demand == ALM_DEMAND_none ? 2 : 4;
    return LIST[class_of_demand];
}

const alm_forecaster_kind *const *alm_demand_members(alm_demand_class class_of_demand,
                                                     size_t season, size_t *count)
{
    static const alm_forecaster_kind *const REGULAR[] = {
        &alm_auto, &alm_mstl, &alm_theta_dynamic_optimised, &alm_ces_averaged, &alm_arima};
    static const alm_forecaster_kind *const LONG_SEASON[] = {
        &alm_auto, &alm_mstl, &alm_theta_dynamic_optimised, &alm_ces_averaged, &alm_arima_apart};
    static const alm_forecaster_kind *const RARE[] = {
        &alm_imapa, &alm_tsb_optimised, &alm_window_mean, &alm_count, &alm_ses};
    static const alm_forecaster_kind *const NONE[] = {&alm_mean_of_all, &alm_count};
    alm_assert((unsigned)class_of_demand < ALM_DEMAND_CLASS_COUNT);
    *count = class_of_demand == ALM_DEMAND_none ? 2 : ALM_DEMAND_MEMBERS_MAX;
    switch (class_of_demand) {
    case ALM_DEMAND_none: return NONE;
    case ALM_DEMAND_intermittent:
    case ALM_DEMAND_lumpy: return RARE;
    default: return season > ALM_ETS_SEASON_MAX ? LONG_SEASON : REGULAR;
    }
}
