/* replenish.h: when to order and how much, from joint sample paths of demand.
 *
 * Never from a formula on z, sigma and the root of the lead time: errors of neighbouring days go
 * together and demand is neither normal nor the same every day, and both are in the paths. With
 * D(n) the demand of a path over days 1..n, from now on, L the lead time and R the review period:
 *
 *   days         An order placed now arrives at the start of day L + 1; receipts of a day arrive
 *                before its demand. The next order can be placed in R days and arrives at the start
 *                of day L + R + 1, so days 1 .. L + R are what this order must answer for: the
 *                protection interval. R = 0 is continuous review, L = 0 arrives at once; both
 *                together protect nothing and are refused.
 *   lead time    a number of days, or a distribution; then every path is seen with every lead time,
 *                weighted by its probability.
 *   level        the smallest stock position that reaches the service wanted:
 *                cycle   P(D(L + R) <= level) >= service
 *                fill    1 - E[(D(L+R) - level)+ - (D(L) - level)+] / E[D(L+R) - D(L)] >= service:
 *                        the share of the demand between this order's arrival and the next one's
 *                        that is met from stock. With R = 0 a lot takes the place of the cycle.
 *                cost    P(D(L + R) <= level) >= shortage / (shortage + holding): the newsvendor.
 *                Quantiles are values that some path has, so whole demand gives whole levels; where
 *                paths tie they count together. A level of the fill rate is the next integer for
 *                whole demand, else found to the last bit.
 *   reorder point   order when the position is at or below it: the level. safety stock = reorder
 *                point - E[D(L + R)].
 *   order up to  the reorder point, when an order costs nothing. Otherwise a lot of least cost is
 *                on top (order_policy.h): (s, S) for a cost goal, whole demand and R >= 1, which
 *                moves the reorder point too; else (r, Q).
 *   position     on hand (negative: backorders) + receipts due on days 1 .. L + R.
 *   order        up to the level, then up to a whole number of packs, at least the minimum, and
 *                down to what maximum and capacity leave. Without a pack size whole demand is
 *                ordered in ones.
 *
 * What comes of it is counted on the paths, day by day, with and without the order: over days
 * 1 .. L + R (the longest L), a day's missing units are backordered or lost, cost = order (if
 * placed) + holding for what is left each evening + shortage for each unit once. Levels are those
 * of backorders in either case; where sales are lost they are on the safe side.
 *
 * Sums are exact before they are rounded, so that the order of the paths changes no bit. Pure: no
 * clock, no files; thread safe. */
#ifndef ALM_DECIDE_REPLENISH_H
#define ALM_DECIDE_REPLENISH_H

#include "base/arena.h"

#define ALM_LEAD_TIMES_MAX 64
/* Of stock on hand (or backordered), receipts of a day, order rules and costs: sums of a few of
 * them still tell single units apart. */
#define ALM_ORDER_AMOUNT_MAX 1e15
/* Of a day's demand, and of a weight: their products and sums are finite. */
#define ALM_DEMAND_VALUE_MAX 1e100

typedef struct alm_demand_paths {
    const double *values; /* paths x steps, row-major, 0 to ALM_DEMAND_VALUE_MAX */
    size_t paths, steps;
    const double *weight; /* paths, 0 to ALM_DEMAND_VALUE_MAX; NULL: equal */
} alm_demand_paths;

typedef struct alm_lead_time {
    int32_t days;
    double probability; /* of all of them 1 */
} alm_lead_time;

typedef struct alm_stock_position {
    double on_hand;         /* negative: backorders; -ALM_ORDER_AMOUNT_MAX to it */
    const double *receipts; /* steps: units on order, by day due, 0 to ALM_ORDER_AMOUNT_MAX; NULL:
                             * none */
} alm_stock_position;

typedef enum alm_service_goal {
    ALM_SERVICE_CYCLE,
    ALM_SERVICE_FILL,
    ALM_SERVICE_COST
} alm_service_goal;

typedef struct alm_order_rules { /* 0: no such rule; at most ALM_ORDER_AMOUNT_MAX */
    double multiple; /* pack size */
    double minimum, maximum;
    double capacity; /* the largest position that the store has room for */
} alm_order_rules;

typedef struct alm_replenish_terms {
    const alm_lead_time *lead_time;
    size_t lead_time_count; /* 1: fixed */
    int32_t review;
    alm_service_goal goal;
    double service;       /* in (0, 1]; not used by ALM_SERVICE_COST */
    double holding_cost;  /* per unit and day; costs are at most ALM_ORDER_AMOUNT_MAX */
    double shortage_cost; /* per unit */
    double order_cost;    /* fixed, per order; needs a holding cost */
    alm_order_rules rules;
    bool lost_sales;      /* false: backorders */
} alm_replenish_terms;

/* X(name, text): what made the advised quantity what it is. */
#define ALM_ORDER_REASON_MAP(X)                                                  \
    X(NOT_NEEDED, "the position is above the reorder point")                     \
    X(LEVEL, "up to the level")                                                  \
    X(MULTIPLE, "rounded up to whole packs")                                     \
    X(MINIMUM, "raised to the minimum order")                                    \
    X(MAXIMUM, "cut to the maximum order")                                       \
    X(CAPACITY, "cut to the room that is left")                                  \
    X(BLOCKED, "needed, but no quantity satisfies pack, minimum, maximum and capacity")

typedef enum alm_order_reason {
#define ALM_ORDER_REASON_ENUM(name, text) ALM_ORDER_##name,
    ALM_ORDER_REASON_MAP(ALM_ORDER_REASON_ENUM)
#undef ALM_ORDER_REASON_ENUM
        ALM_ORDER_REASONS
} alm_order_reason;

typedef enum alm_order_policy {
    ALM_ORDER_BASE_STOCK, /* up to the reorder point */
    ALM_ORDER_R_Q,
    ALM_ORDER_S_S
} alm_order_policy;

typedef struct alm_stock_outlook {
    double stockout_probability; /* some demand of the protection interval is not met on its day */
    double shortage;             /* units that are not */
    double fill_rate;            /* 1 - shortage / demand; 1 without demand */
    double cost;
    double days_of_cover; /* mean of min(first day with a shortage, steps), as in stockout.h */
} alm_stock_outlook;

typedef struct alm_replenish_advice {
    alm_order_policy policy;
    double reorder_point, safety_stock, order_up_to;
    double expected_demand; /* over the protection interval */
    double cycle_service;   /* P(D(L + R) <= reorder point) */
    double position;
    double order;           /* advised now; 0: none */
    alm_order_reason reason;
    double stockout_before_arrival; /* probability; no order changes it */
    alm_stock_outlook without, with;
} alm_replenish_advice;

const char *alm_order_reason_text(alm_order_reason reason);
const char *alm_order_policy_text(alm_order_policy policy); /* "base stock", "(r, Q)", "(s, S)" */

/* ALM_ERR_INVALID with the name of the term, or the number of the path and day, that makes no
 * sense or is out of its bounds; ALM_ERR_INCOMPLETE when the paths are shorter than lead time +
 * review. */
ALM_NODISCARD alm_err alm_replenish(const alm_demand_paths *demand,
                                    const alm_stock_position *stock,
                                    const alm_replenish_terms *terms, alm_arena *scratch,
                                    alm_replenish_advice *out, alm_error *error);

/* The quantity alone, for levels that are known; `whole`: ordered in ones without a multiple. */
double alm_order_quantity(double reorder_point, double order_up_to, double position,
                          const alm_order_rules *rules, bool whole, alm_order_reason *reason);

#endif
