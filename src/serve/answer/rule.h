/* rule.h: what is said when no model and no run can answer, from values by day.
 *
 * Seasonal naive (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 5.2): the
 * newest known value that lies whole seasons before the day, or on it. Where there is none, the
 * mean of all known values. Means only: a rule knows nothing about its own spread. */
#ifndef ALM_SERVE_RULE_H
#define ALM_SERVE_RULE_H

#include "base/date.h"
#include "project/deployment_spec.h"

#define ALM_RULE_DAYS_MAX 4000

/* Values of the days up to `last`, the oldest first; NaN: not known. Recent sales, or the means of
 * a committed run, whose `last` is its last day (a day inside it is then answered by itself). */
typedef struct alm_rule_history {
    const double *value;
    size_t count; /* at most ALM_RULE_DAYS_MAX */
    alm_date last;
} alm_rule_history;

typedef struct alm_rule_request {
    alm_rule_kind kind;
    int32_t season; /* days, at least 1 */
    alm_date first; /* the days first, first + 1, ... */
    int32_t steps;
} alm_rule_request;

/* Into out[steps]. ALM_ERR_UNAVAILABLE: the kind is NONE, or no value is known. ALM_ERR_LIMIT: too
 * many values or steps (ALM_RULE_DAYS_MAX each). */
ALM_NODISCARD alm_err alm_rule_forecast(const alm_rule_request *request,
                                        const alm_rule_history *history, double *out,
                                        alm_error *error);

#endif
