#include "decide/order_policy.h"

#include <math.h>

/* Bisection of [low, high], in integers where demand is whole; false: nothing lies between. */
static bool halve(const alm_demand *d, double low, double high, double *out)
{
    double middle = low + (high - low) / 2;
    *out = d->whole ? floor(middle) : middle;
    return *out > low && *out < high;
}

/* ---- (r, Q) ---- */

/* Sum of g over r + 1 .. r + Q for whole demand: g is linear between integers, so the integral is
 * the sum with half of the first and of the last value. */
static double lot_cost(const alm_demand *d, alm_demand_costs unit, double r, double q)
{
    double sum = alm_demand_cost_between(d, unit, r, r + q);
    if (d->whole) {
        sum += (alm_demand_cost(d, unit, r + q) - alm_demand_cost(d, unit, r)) / 2;
    }
    return sum;
}

double alm_rq_cost(const alm_demand *d, alm_lot_costs costs, double r, double q)
{
    return (costs.order * costs.rate + lot_cost(d, costs.unit, r, q)) / q;
}

/* Is a lot of q at least as large as the best one? q g(next) - sum - K rate rises through zero
 * once, behind the minimum of g. */
static bool reaches_best(const alm_demand *d, alm_lot_costs costs, double r, double q)
{
    double next = alm_demand_cost(d, costs.unit, r + q + (d->whole ? 1 : 0));
    return q * next - lot_cost(d, costs.unit, r, q) - costs.order * costs.rate >= 0;
}

double alm_rq_quantity(const alm_demand *d, alm_lot_costs costs, double r)
{
    double low = 0;
    double high = 1;
    while (!reaches_best(d, costs, r, high) && high < 0x1p52) {
        low = high;
        high *= 2;
    }
    for (double middle; halve(d, low, high, &middle);) {
        if (reaches_best(d, costs, r, middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

double alm_rq_reorder_point(const alm_demand *d, alm_demand_costs unit, double q)
{
    /* g(r + Q) - g(r) rises with r; at `low` it is not positive, at `high` not negative. */
    double shift = d->whole ? 1 : 0;
    double low = floor(d->value[0] - q) - 1;
    double high = ceil(d->value[d->count - 1]);
    for (double middle; halve(d, low, high, &middle);) {
        double rise = alm_demand_cost(d, unit, middle + q + shift) -
                      alm_demand_cost(d, unit, middle + shift);
        if (rise >= 0) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return high;
}

static double cost_of_lot(const alm_demand *d, alm_lot_costs costs, double q)
{
    return alm_rq_cost(d, costs, alm_rq_reorder_point(d, costs.unit, q), q);
}

/* Is q at least the best lot, when every lot has its best reorder point? */
static bool lot_reaches_best(const alm_demand *d, alm_lot_costs costs, double q)
{
    if (d->whole) {
        return cost_of_lot(d, costs, q + 1) >= cost_of_lot(d, costs, q);
    }
    double r = alm_rq_reorder_point(d, costs.unit, q);
    return reaches_best(d, costs, r, q);
}

alm_order_levels alm_rq_best(const alm_demand *d, alm_lot_costs costs)
{
    double low = 0;
    double high = 1;
    while (!lot_reaches_best(d, costs, high) && high < 0x1p52) {
        low = high;
        high *= 2;
    }
    for (double middle; halve(d, low, high, &middle);) {
        if (lot_reaches_best(d, costs, middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    double r = alm_rq_reorder_point(d, costs.unit, high);
    return (alm_order_levels){r, r + high, alm_rq_cost(d, costs, r, high)};
}

/* ---- (s, S) ---- */

typedef struct renewal {
    const alm_demand *demand;
    alm_lot_costs costs;
    double *probability; /* of 0 .. support in a review */
    size_t support;
    double *density;     /* m(j), known up to `known` */
    size_t known;
} renewal;

static alm_err too_wide(alm_error *error)
{
    return alm_fail(error, ALM_ERR_LIMIT, "the best (s, S) lies more than %d units apart, or a "
                    "review's demand is larger: count in a larger unit", ALM_SS_SPAN_MAX);
}

static alm_err open_renewal(const alm_demand *review, const alm_demand *demand,
                            alm_lot_costs costs, alm_arena *scratch, renewal *out,
                            alm_error *error)
{
    double largest = review->value[review->count - 1];
    alm_assert(review->whole && demand->whole && costs.unit.shortage > 0);
    if (largest > ALM_SS_SPAN_MAX) {
        return too_wide(error);
    }
    *out = (renewal){.demand = demand, .costs = costs, .support = (size_t)largest};
    out->probability = ALM_NEW_ARRAY(scratch, double, out->support + 1);
    out->density = ALM_NEW_ARRAY(scratch, double, ALM_SS_SPAN_MAX + 1);
    double before = 0;
    for (size_t i = 0; i < review->count; i++) {
        out->probability[(size_t)review->value[i]] += review->share[i] - before;
        before = review->share[i];
    }
    if (!(out->probability[0] < 1)) {
        return alm_fail(error, ALM_ERR_INVALID, "demand of a review is always zero");
    }
    out->density[0] = 1 / (1 - out->probability[0]);
    out->known = 1;
    return ALM_OK;
}

static double density_at(renewal *r, size_t j)
{
    for (; r->known <= j; r->known++) {
        double sum = 0;
        size_t last = r->known < r->support ? r->known : r->support;
        for (size_t l = 1; l <= last; l++) {
            sum += r->probability[l] * r->density[r->known - l];
        }
        r->density[r->known] = sum / (1 - r->probability[0]);
    }
    return r->density[j];
}

static double cost_at(const renewal *r, double y)
{
    return alm_demand_cost(r->demand, r->costs.unit, y);
}

static alm_err ss_cost(renewal *r, double s, double S, double *out, alm_error *error)
{
    double reviews = 0;
    double cost = r->costs.order;
    if (S - s > ALM_SS_SPAN_MAX) {
        return too_wide(error);
    }
    for (size_t j = 0; j < (size_t)(S - s); j++) {
        double m = density_at(r, j);
        reviews += m;
        cost += m * cost_at(r, S - (double)j);
    }
    *out = cost / reviews;
    return ALM_OK;
}

/* Zheng and Federgruen (1991), section 3; their s is the largest position at which one orders. */
static alm_err search(renewal *r, double least, alm_order_levels *out, alm_error *error)
{
    double s = least - 1;
    double c = 0;
    ALM_TRY(ss_cost(r, s, least, &c, error));
    while (c > cost_at(r, s)) {
        s--;
        ALM_TRY(ss_cost(r, s, least, &c, error));
    }
    alm_order_levels best = {s, least, c};
    for (double S = least + 1; cost_at(r, S) <= best.cost; S++) {
        ALM_TRY(ss_cost(r, s, S, &c, error));
        if (c >= best.cost) {
            continue;
        }
        best = (alm_order_levels){s, S, c};
        while (s + 1 < S && best.cost <= cost_at(r, s + 1)) {
            s++;
            ALM_TRY(ss_cost(r, s, S, &best.cost, error));
            best.reorder_point = s;
        }
    }
    *out = best;
    return ALM_OK;
}

alm_err alm_ss_best(const alm_demand *review, const alm_demand *demand, alm_lot_costs costs,
                    alm_arena *scratch, alm_order_levels *out, alm_error *error)
{
    renewal r;
    ALM_TRY(open_renewal(review, demand, costs, scratch, &r, error));
    alm_demand_costs unit = costs.unit;
    double least = alm_demand_quantile(demand, unit.shortage / (unit.shortage + unit.holding));
    return search(&r, least, out, error);
}

alm_err alm_ss_cost(const alm_demand *review, const alm_demand *demand, alm_lot_costs costs,
                    alm_arena *scratch, alm_order_levels *levels, alm_error *error)
{
    renewal r;
    ALM_TRY(open_renewal(review, demand, costs, scratch, &r, error));
    alm_assert(levels->order_up_to - levels->reorder_point >= 1);
    return ss_cost(&r, levels->reorder_point, levels->order_up_to, &levels->cost, error);
}
