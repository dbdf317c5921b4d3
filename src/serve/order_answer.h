/* order_answer.h: when to order a series and how much, from the sample paths of the committed run.
 *
 * decide/replenish.h says what the numbers mean; they are those of `almanac optimize`, bit for bit.
 * It is advice, never an action. The ladder is batch, previous, refused: a rule has no paths. Hard
 * limits of the project's policies for orders hold for the quantity.
 *
 * Errors as in demand_answer.h; those of alm_replenish (ALM_ERR_INVALID, ALM_ERR_INCOMPLETE); and
 * ALM_ERR_UNSUPPORTED: the run kept no sample paths. About a millisecond. Pure. */
#ifndef ALM_SERVE_ORDER_ANSWER_H
#define ALM_SERVE_ORDER_ANSWER_H

#include "decide/replenish.h"
#include "serve/online.h"

typedef struct alm_order_receipt {
    int32_t day; /* from 1: the first day of the run */
    double units;
} alm_order_receipt;

typedef struct alm_order_request {
    alm_online_ask ask;
    alm_replenish_terms terms; /* a `multiple` of 0 is 1 for what is counted */
    bool has_on_hand;          /* false: as the run saw it */
    double on_hand;
    bool has_receipts;         /* false: as the run saw them */
    const alm_order_receipt *receipt;
    size_t receipts;
} alm_order_request;

typedef struct alm_order_answer {
    alm_online_label label;
    alm_str node, level;
    alm_date first; /* day 1: the run's prediction date */
    int32_t steps;  /* days of the run */
    alm_replenish_advice advice;
    double order;       /* advice.order within the limits of the project */
    alm_str limited_by; /* the policy that changed it; empty: none did */
} alm_order_answer;

ALM_NODISCARD alm_err alm_order(const alm_online *online, const alm_order_request *request,
                                alm_arena *arena, alm_order_answer *out, alm_error *error);

#endif
