/* order_policy.h: reorder points and lots of least cost, from a distribution of demand.
 *
 * With g(y) the newsvendor's cost of demand over the protection interval at inventory position y:
 *   (r, Q)  order Q when the position falls to r (continuous review):
 *           cost per period = (K rate + integral of g over [r, r + Q]) / Q,
 *           for whole demand the sum over r + 1 .. r + Q instead (Zheng 1992; Federgruen, Zheng
 *           1992).
 *   (s, S)  order up to S when the position is <= s at a review, demand per review independent:
 *           cost per review = (K + sum_j m(j) g(S - j)) / sum_j m(j), j = 0 .. S - s - 1, with m
 *           the renewal density of demand per review (Zheng, Federgruen 1991). Whole demand.
 * K: cost of an order. All are exact for the values that were given, nothing is fitted. Of equally
 * good ones the smallest lot. Pure; thread safe. */
#ifndef ALM_DECIDE_ORDER_POLICY_H
#define ALM_DECIDE_ORDER_POLICY_H

#include "decide/demand.h"

/* Largest S - s, and largest demand of a review, that the (s, S) search goes through. */
#define ALM_SS_SPAN_MAX 2048

typedef struct alm_lot_costs {
    double order;         /* K >= 0, per order */
    double rate;          /* mean demand per period, > 0 where an order costs something */
    alm_demand_costs unit; /* holding > 0 */
} alm_lot_costs;

typedef struct alm_order_levels {
    double reorder_point; /* r, s */
    double order_up_to;   /* r + Q, S */
    double cost;
} alm_order_levels;

double alm_rq_cost(const alm_demand *demand, alm_lot_costs costs, double reorder_point,
                   double quantity);
/* The best Q for r; for whole demand at least 1. */
double alm_rq_quantity(const alm_demand *demand, alm_lot_costs costs, double reorder_point);
/* The best r for Q; perhaps negative. shortage > 0. */
double alm_rq_reorder_point(const alm_demand *demand, alm_demand_costs costs, double quantity);
/* Both. shortage > 0. */
alm_order_levels alm_rq_best(const alm_demand *demand, alm_lot_costs costs);

/* `review`: demand between two reviews, whole, not always zero; `demand`: over the protection
 * interval, whole. shortage > 0. ALM_ERR_LIMIT when S - s or a review's demand is beyond
 * ALM_SS_SPAN_MAX; `costs.rate` is not used. */
ALM_NODISCARD alm_err alm_ss_best(const alm_demand *review, const alm_demand *demand,
                                  alm_lot_costs costs, alm_arena *scratch, alm_order_levels *out,
                                  alm_error *error);
/* Cost of given levels, 1 <= S - s <= ALM_SS_SPAN_MAX; out->cost is set. */
ALM_NODISCARD alm_err alm_ss_cost(const alm_demand *review, const alm_demand *demand,
                                  alm_lot_costs costs, alm_arena *scratch, alm_order_levels *levels,
                                  alm_error *error);

#endif
