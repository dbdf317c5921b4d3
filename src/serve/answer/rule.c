#include "serve/answer/rule.h"

#include <math.h>

/* Of the known values, added in the order of days; false: there is none. */
static bool mean_of(const alm_rule_history *history, double *out)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < history->count; i++) {
        if (isfinite(history->value[i])) {
            sum += history->value[i];
            known++;
        }
    }
    *out = known ? sum / (double)known : 0;
    return known > 0 && isfinite(*out);
}

static bool same_day_before(const alm_rule_history *history, int32_t season, int64_t day,
                            double *out)
{
    int64_t first = (int64_t)history->last - (int64_t)history->count + 1;
    int64_t behind = day - history->last;
    if (behind > 0) {
        day -= (behind + season - 1) / season * season;
    }
    for (; day >= first; day -= season) {
        double value = history->value[day - first];
        if (isfinite(value)) {
            *out = value;
            return true;
        }
    }
    return false;
}

alm_err alm_rule_forecast(const alm_rule_request *request, const alm_rule_history *history,
                          double *out, alm_error *error)
{
    double mean = 0;
    alm_assert(request->season >= 1);
    if (history->count > ALM_RULE_DAYS_MAX || request->steps < 1 ||
        request->steps > ALM_RULE_DAYS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a rule takes at most %d values and gives 1 to %d "
                        "days", ALM_RULE_DAYS_MAX, ALM_RULE_DAYS_MAX);
    }
    if (request->kind == ALM_RULE_NONE) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "the route has no rule");
    }
    if (!mean_of(history, &mean)) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "no value is known that a rule could use");
    }
    for (int32_t step = 0; step < request->steps; step++) {
        int64_t day = (int64_t)request->first + step;
        out[step] = mean;
        if (request->kind == ALM_RULE_SEASONAL_NAIVE) {
            (void)same_day_before(history, request->season, day, &out[step]);
        }
    }
    return ALM_OK;
}
