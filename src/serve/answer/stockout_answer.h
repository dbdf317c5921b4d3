/* stockout_answer.h: the stock-out risk of one series.
 *
 * As the committed run has it, bit for bit (decide/stockout.h says what the numbers are): the
 * probability by the end of the horizon, the restricted mean of the days, the expected shortfall.
 * Where the request says a stock position, or the demand is computed, the same is counted again on
 * the sample paths, of the run or of the computation. A rule knows no risk, so the ladder is batch,
 * previous, refused, and of a computation model, previous, batch, refused.
 *
 * Drivers are the lines of the explanations, added up by feature over the days of the horizon, the
 * largest first: they say what makes the demand that uses the stock up. Their sum is the demand
 * over the horizon as the run has it, or as it was computed (before limits).
 *
 * Errors as in demand_answer.h; ALM_ERR_NOT_FOUND too when the run has no stock position of the
 * node; ALM_ERR_INVALID when there is none for what is counted again. */
#ifndef ALM_SERVE_STOCKOUT_ANSWER_H
#define ALM_SERVE_STOCKOUT_ANSWER_H

#include "decide/stockout.h"
#include "serve/answer/computation.h"
#include "serve/answer/stock_given.h"

typedef struct alm_stockout_request {
    alm_online_ask ask;
    int32_t horizon; /* days from the first of the run; 0: all */
    alm_stock_given stock;
    alm_computation *computation; /* variant 0, explained; NULL: committed numbers */
} alm_stockout_request;

typedef struct alm_stockout_driver {
    alm_str feature;
    double contribution; /* units over the horizon */
} alm_stockout_driver;

typedef struct alm_stockout_answer {
    alm_online_label label;
    alm_str node, level;
    alm_date first, last; /* days of the horizon */
    int32_t days;
    double probability; /* by the end of `last` */
    double expected_days; /* restricted mean over all steps of the run */
    int32_t steps;        /* of the run: expected_days is at most this */
    double shortfall;     /* expected units by the end of `last` */
    int32_t median_day;   /* the first day by which it is as likely as not, from 1; 0: none */
    alm_severity severity;
    const double *by_day; /* days: probability by the end of each */
    double demand;        /* mean over the horizon */
    const alm_stockout_driver *driver;
    size_t drivers;
} alm_stockout_answer;

ALM_NODISCARD alm_err alm_stockout(const alm_online *online, const alm_stockout_request *request,
                                   alm_arena *arena, alm_stockout_answer *out, alm_error *error);

#endif
