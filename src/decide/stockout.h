/* stockout.h: when will it run out, with what probability, and how badly.
 *
 * From joint sample paths of demand, never from sums of marginal quantiles: with D_s(h) the demand
 * of path s cumulated over steps 1..h and supply(h) = on hand + receipts up to h,
 *   probability(h)  = share of paths whose first crossing D_s > supply is at a step <= h,
 *   days            = mean over paths of min(first crossing step, steps): the restricted mean,
 *                     so a series that never runs out has `steps`,
 *   shortfall(h)    = mean over paths of max(0, D_s(h) - supply(h)), units.
 * Receipts arrive before the demand of their day. Pure and thread safe.
 *
 * Severity, of the probability p by the end of the horizon:
 *   critical   p >= .8, or p >= .5 within the first 3 days
 *   high       p >= .5
 *   medium     p >= .2
 *   low        p >= .05
 *   none       less */
#ifndef ALM_DECIDE_STOCKOUT_H
#define ALM_DECIDE_STOCKOUT_H

#include "base/str.h"

typedef struct alm_stockout_risk {
    double *probability; /* steps */
    double *shortfall;   /* steps */
    double days;
} alm_stockout_risk;

/* `demand`: paths x steps, row-major, >= 0. `receipts`: steps. `out->probability` and
 * `out->shortfall` are the caller's arrays. paths >= 1, steps >= 1, on_hand >= 0 and finite. */
void alm_stockout_of_paths(const double *demand, size_t paths, size_t steps, double on_hand,
                           const double *receipts, alm_stockout_risk *out);

/* X(name, text) */
#define ALM_SEVERITY_MAP(X) \
    X(NONE, "none")         \
    X(LOW, "low")           \
    X(MEDIUM, "medium")     \
    X(HIGH, "high")         \
    X(CRITICAL, "critical")

typedef enum alm_severity {
#define ALM_SEVERITY_ENUM(name, text) ALM_SEVERITY_##name,
    ALM_SEVERITY_MAP(ALM_SEVERITY_ENUM)
#undef ALM_SEVERITY_ENUM
} alm_severity;

#define ALM_SEVERITY_SOON_DAYS 3

const char *alm_severity_text(alm_severity severity);
bool alm_severity_parse(alm_str text, alm_severity *out);
/* `by_day`: probability by the end of day 1, 2, ... days; never falls. */
alm_severity alm_severity_of(const double *by_day, int32_t days);

#endif
