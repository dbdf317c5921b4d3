/* demand.h: the distribution of demand over some days, as the values that were seen or drawn.
 *
 * Nothing is fitted: value i has weight i, and every question is answered by the values themselves.
 *   share(y)  = P(D <= y)
 *   quantile  = the smallest value whose share reaches the level (within 1e-12, so that 190 of 200
 *               equal values reach .95); ties count together
 *   left(y)   = E[(y - D)+], units left over of a stock y;  short(y) = E[(D - y)+]
 *   cost(y)   = holding * left(y) + shortage * short(y), the newsvendor's; convex
 * Values are sorted once and their moments summed in that order, about the mean, so that answers do
 * not depend on the order in which the values came and large levels lose no digits. A question
 * takes O(log n). Pure; immutable; thread safe. */
#ifndef ALM_DECIDE_DEMAND_H
#define ALM_DECIDE_DEMAND_H

#include <stdbool.h>

#include "base/arena.h"

typedef struct alm_demand {
    const double *value;  /* ascending */
    const double *share;  /* weight of the values up to here; the last is 1 */
    const double *first;  /* weighted sums of value - mean up to here */
    const double *second; /* and of its square */
    size_t count;
    double mean;
    bool whole; /* every value is an integer */
} alm_demand;

typedef struct alm_demand_costs { /* per unit and period */
    double holding;
    double shortage;
} alm_demand_costs;

/* `weight`: NULL for equal ones; else >= 0, not all zero; they need not sum to one. Everything into
 * `arena`. ALM_ERR_INVALID with the number of a value that is negative or not finite. */
ALM_NODISCARD alm_err alm_demand_of(const double *value, const double *weight, size_t count,
                                    alm_arena *arena, alm_demand *out, alm_error *error);

double alm_demand_quantile(const alm_demand *demand, double level); /* level in (0, 1] */
double alm_demand_share(const alm_demand *demand, double y);
double alm_demand_left(const alm_demand *demand, double y);
double alm_demand_short(const alm_demand *demand, double y);
double alm_demand_cost(const alm_demand *demand, alm_demand_costs costs, double y);
/* The integral of the cost over [low, high]. */
double alm_demand_cost_between(const alm_demand *demand, alm_demand_costs costs, double low,
                               double high);

#endif
