/* stock_flow.h: what a day does to a stock: goods arrive, backorders are served, demand is met.
 *
 * The one step behind every simulation of stock, so that advice and its check agree. */
#ifndef ALM_DECIDE_STOCK_FLOW_H
#define ALM_DECIDE_STOCK_FLOW_H

#include <stdbool.h>

typedef struct alm_stock {
    double on_hand; /* >= 0 */
    double backlog; /* demand that waits, >= 0; not both are positive */
} alm_stock;

typedef struct alm_stock_day {
    double shipped; /* to demand of this day and of earlier ones */
    double missing; /* of this day's demand: backordered, or lost */
} alm_stock_day;

/* Reconciled demand is a real number: a day that needs the stock to the last bit but one is met.
 * Relative, so that it holds for any unit; as in stockout.c. */
#define ALM_STOCK_TOLERANCE 1e-9

/* `receipt` arrives before `demand`, both >= 0. */
static inline alm_stock_day alm_stock_step(alm_stock *stock, double receipt, double demand,
                                           bool lost_sales)
{
    double have = stock->on_hand + receipt;
    double old = stock->backlog < have ? stock->backlog : have;
    double left = have - old;
    double waiting = stock->backlog - old;
    double missing = demand - left;
    if (missing <= ALM_STOCK_TOLERANCE * (left + 1)) {
        missing = 0;
    }
    double met = missing > 0 ? left : demand < left ? demand : left;
    *stock = (alm_stock){.on_hand = missing > 0 ? 0 : left - met,
                         .backlog = waiting + (lost_sales ? 0 : missing)};
    return (alm_stock_day){old + met, missing};
}

#endif
