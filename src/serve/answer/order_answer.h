/* order_answer.h: when to order a series and how much, from sample paths: those of the committed
 * run, or of a computation.
 *
 * decide/replenish.h says what the numbers mean; on the run's paths they are those of `almanac
 * optimize`, bit for bit. It is advice, never an action. The ladder is batch, previous, refused,
 * and of a computation model, previous, batch, refused: a rule has no paths. Hard limits of the
 * project's policies for orders hold for the quantity.
 *
 * Errors as in demand_answer.h; those of alm_replenish (ALM_ERR_INVALID, ALM_ERR_INCOMPLETE); and
 * ALM_ERR_UNSUPPORTED: the run kept no sample paths. About a millisecond. Pure. */
#ifndef ALM_SERVE_ORDER_ANSWER_H
#define ALM_SERVE_ORDER_ANSWER_H

#include "serve/answer/computation.h"
#include "serve/answer/stock_given.h"

typedef struct alm_order_request {
    alm_online_ask ask;
    alm_replenish_terms terms; /* a `multiple` of 0 is 1 for what is counted */
    alm_stock_given stock;
    alm_computation *computation; /* variant 0; NULL: committed paths */
} alm_order_request;

typedef struct alm_order_answer {
    alm_online_label label;
    alm_str node, level;
    alm_date first; /* day 1: the run's prediction date, or the first day that is computed */
    int32_t steps;  /* days of the paths */
    alm_replenish_advice advice;
    double order;       /* advice.order within the limits of the project */
    alm_str limited_by; /* the policy that changed it; empty: none did */
} alm_order_answer;

ALM_NODISCARD alm_err alm_order(const alm_online *online, const alm_order_request *request,
                                alm_arena *arena, alm_order_answer *out, alm_error *error);

#endif
