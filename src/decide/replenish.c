#include "decide/replenish.h"

#include <math.h>

#include "decide/order_policy.h"
#include "decide/stock_flow.h"
#include "num/exact_sum.h"

#define PATHS_MAX ((size_t)1 << 20)
#define STEPS_MAX 4096
#define CASES_MAX ((size_t)1 << 24) /* paths x lead times, or windows of a review */
#define SERVICE_TOLERANCE 1e-12
#define PROBABILITY_TOLERANCE 1e-9
#define PACK_TOLERANCE 1e-9 /* of a pack: a quantity so near to whole packs is whole packs */

typedef struct planner {
    const alm_demand_paths *demand;
    const alm_stock_position *stock;
    const alm_replenish_terms *terms;
    alm_arena *scratch;
    size_t review;
    size_t interval;    /* days: the longest lead time + review */
    bool whole;
    double weight;      /* of all paths */
    double rate;        /* mean demand per day over all steps */
    alm_demand lead;    /* D(L) */
    alm_demand protect; /* D(L + R) */
} planner;

const char *alm_order_reason_text(alm_order_reason reason)
{
    static const char *const TEXTS[] = {
#define ALM_ORDER_REASON_TEXT(name, text) text,
        ALM_ORDER_REASON_MAP(ALM_ORDER_REASON_TEXT)
#undef ALM_ORDER_REASON_TEXT
    };
    alm_assert(reason < ALM_ORDER_REASONS);
    return TEXTS[reason];
}

const char *alm_order_policy_text(alm_order_policy policy)
{
    return policy == ALM_ORDER_BASE_STOCK ? "base stock"
           : policy == ALM_ORDER_R_Q      ? "(r, Q)"
                                          : "(s, S)";
}

/* ---- what is asked ---- */

static alm_err check_amount(const char *name, double value, alm_error *error)
{
    if (!(value >= 0 && value <= ALM_ORDER_AMOUNT_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "%s is %g; it is a number from 0 to %g", name,
                        value, ALM_ORDER_AMOUNT_MAX);
    }
    return ALM_OK;
}

static alm_err check_rules(const alm_order_rules *rules, alm_error *error)
{
    ALM_TRY(check_amount("the order multiple", rules->multiple, error));
    ALM_TRY(check_amount("the minimum order", rules->minimum, error));
    ALM_TRY(check_amount("the maximum order", rules->maximum, error));
    ALM_TRY(check_amount("the capacity", rules->capacity, error));
    if (rules->maximum > 0 && rules->maximum < rules->minimum) {
        return alm_fail(error, ALM_ERR_INVALID, "the maximum order %g is below the minimum %g",
                        rules->maximum, rules->minimum);
    }
    if (rules->maximum > 0 && rules->maximum < rules->multiple) {
        return alm_fail(error, ALM_ERR_INVALID, "the maximum order %g is below the order multiple "
                        "%g, so nothing could ever be ordered", rules->maximum, rules->multiple);
    }
    return ALM_OK;
}

static alm_err check_goal(const alm_replenish_terms *t, alm_error *error)
{
    ALM_TRY(check_amount("the holding cost", t->holding_cost, error));
    ALM_TRY(check_amount("the shortage cost", t->shortage_cost, error));
    ALM_TRY(check_amount("the order cost", t->order_cost, error));
    if (t->goal == ALM_SERVICE_COST && !(t->holding_cost > 0 && t->shortage_cost > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a level of least cost needs a holding cost and a "
                        "shortage cost above zero; they are %g and %g", t->holding_cost,
                        t->shortage_cost);
    }
    if (t->goal != ALM_SERVICE_COST && !(t->service > 0 && t->service <= 1)) {
        return alm_fail(error, ALM_ERR_INVALID, "the service level is %g; it lies above 0 and is "
                        "at most 1", t->service);
    }
    if (t->order_cost > 0 && !(t->holding_cost > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "an order cost needs a holding cost above zero: "
                        "without it no lot is too large");
    }
    if (t->goal == ALM_SERVICE_FILL && t->review == 0 &&
        !(t->rules.multiple > 0 || t->rules.minimum > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a fill rate under continuous review depends on "
                        "the lot: give an order multiple or a minimum order, or a review period");
    }
    return ALM_OK;
}

static alm_err check_lead_time(planner *p, alm_error *error)
{
    const alm_replenish_terms *t = p->terms;
    double sum = 0;
    int32_t longest = 0;
    if (t->lead_time_count == 0 || t->lead_time_count > ALM_LEAD_TIMES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu lead times are given; 1 to %d are possible",
                        t->lead_time_count, ALM_LEAD_TIMES_MAX);
    }
    for (size_t i = 0; i < t->lead_time_count; i++) {
        const alm_lead_time *one = &t->lead_time[i];
        if (one->days < 0 || !(one->probability > 0 && one->probability <= 1)) {
            return alm_fail(error, ALM_ERR_INVALID, "lead time number %zu is %d days with "
                            "probability %g; days are >= 0, a probability lies above 0 and is at "
                            "most 1", i + 1, (int)one->days, one->probability);
        }
        sum += one->probability;
        longest = one->days > longest ? one->days : longest;
    }
    if (fabs(sum - 1) > PROBABILITY_TOLERANCE) {
        return alm_fail(error, ALM_ERR_INVALID, "the probabilities of the lead times sum to %.9g, "
                        "not to 1", sum);
    }
    if (t->review < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "the review period is %d days; it is >= 0",
                        (int)t->review);
    }
    p->review = (size_t)t->review;
    p->interval = (size_t)longest + p->review;
    if (p->interval == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "with lead time 0 and continuous review (review "
                        "period 0) there is no interval to protect, and no stock is needed");
    }
    if (p->interval > p->demand->steps) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "lead time %d + review period %d need %zu days "
                        "of sample paths; there are %zu: a release with a longer horizon has more",
                        (int)longest, (int)t->review, p->interval, p->demand->steps);
    }
    return ALM_OK;
}

static alm_err check_paths(planner *p, alm_error *error)
{
    const alm_demand_paths *d = p->demand;
    if (d->paths == 0 || d->steps == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu sample paths of %zu days: at least one of "
                        "each is needed", d->paths, d->steps);
    }
    if (d->paths > PATHS_MAX || d->steps > STEPS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu sample paths of %zu days are more than %zu of "
                        "%d", d->paths, d->steps, PATHS_MAX, STEPS_MAX);
    }
    p->whole = true;
    for (size_t i = 0; i < d->paths * d->steps; i++) {
        double value = d->values[i];
        if (!(value >= 0 && value <= ALM_DEMAND_VALUE_MAX)) {
            return alm_fail(error, ALM_ERR_INVALID, "demand of path %zu on day %zu is %g; it is a "
                            "number from 0 to %g", i / d->steps + 1, i % d->steps + 1, value,
                            ALM_DEMAND_VALUE_MAX);
        }
        p->whole = p->whole && value == floor(value);
    }
    for (size_t s = 0; d->weight && s < d->paths; s++) {
        if (!(d->weight[s] >= 0 && d->weight[s] <= ALM_DEMAND_VALUE_MAX)) {
            return alm_fail(error, ALM_ERR_INVALID, "the weight of path %zu is %g; it is a number "
                            "from 0 to %g", s + 1, d->weight[s], ALM_DEMAND_VALUE_MAX);
        }
    }
    return ALM_OK;
}

static alm_err check_stock(const planner *p, alm_error *error)
{
    if (!(fabs(p->stock->on_hand) <= ALM_ORDER_AMOUNT_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "the stock on hand is %g; it is a number from %g "
                        "to %g", p->stock->on_hand, -ALM_ORDER_AMOUNT_MAX, ALM_ORDER_AMOUNT_MAX);
    }
    for (size_t h = 0; p->stock->receipts && h < p->demand->steps; h++) {
        double receipt = p->stock->receipts[h];
        if (!(receipt >= 0 && receipt <= ALM_ORDER_AMOUNT_MAX)) {
            return alm_fail(error, ALM_ERR_INVALID, "the receipts of day %zu are %g; they are a "
                            "number from 0 to %g", h + 1, receipt, ALM_ORDER_AMOUNT_MAX);
        }
    }
    return ALM_OK;
}

static alm_err check(planner *p, alm_error *error)
{
    ALM_TRY(check_paths(p, error));
    ALM_TRY(check_stock(p, error));
    ALM_TRY(check_goal(p->terms, error));
    ALM_TRY(check_rules(&p->terms->rules, error));
    ALM_TRY(check_lead_time(p, error));
    if (p->demand->paths > CASES_MAX / p->terms->lead_time_count) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu sample paths with %zu lead times are too many",
                        p->demand->paths, p->terms->lead_time_count);
    }
    return ALM_OK;
}

/* ---- demand over the days that matter ---- */

static double weight_of(const planner *p, size_t path)
{
    return p->demand->weight ? p->demand->weight[path] : 1;
}

static double demand_of_days(const planner *p, size_t path, size_t first, size_t end)
{
    double sum = 0;
    for (size_t h = first; h < end; h++) {
        sum += p->demand->values[path * p->demand->steps + h];
    }
    return sum;
}

static void sum_weights(planner *p)
{
    alm_exact_sum weight;
    alm_exact_sum demand;
    alm_exact_sum_clear(&weight);
    alm_exact_sum_clear(&demand);
    for (size_t s = 0; s < p->demand->paths; s++) {
        alm_exact_sum_add(&weight, weight_of(p, s));
        alm_exact_sum_add(&demand, weight_of(p, s) * demand_of_days(p, s, 0, p->demand->steps));
    }
    p->weight = alm_exact_sum_value(&weight);
    p->rate = alm_exact_sum_value(&demand) / p->weight / (double)p->demand->steps;
}

/* Demand over the first `lead time + more` days, of every path with every lead time. */
static alm_err demand_until(planner *p, size_t more, alm_demand *out, alm_error *error)
{
    const alm_replenish_terms *t = p->terms;
    size_t count = p->demand->paths * t->lead_time_count;
    bool equal = !p->demand->weight && t->lead_time_count == 1;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(p->scratch, 2 * count * sizeof(double), &memory, error));
    double *value = memory;
    double *weight = value + count;
    for (size_t i = 0; i < count; i++) {
        const alm_lead_time *lead = &t->lead_time[i % t->lead_time_count];
        size_t path = i / t->lead_time_count;
        value[i] = demand_of_days(p, path, 0, (size_t)lead->days + more);
        weight[i] = weight_of(p, path) * lead->probability;
    }
    return alm_demand_of(value, equal ? NULL : weight, count, p->scratch, out, error);
}

/* Demand between two reviews, of all such stretches of all paths. */
static alm_err demand_of_review(planner *p, alm_demand *out, alm_error *error)
{
    size_t stretches = p->demand->steps / p->review;
    size_t count = p->demand->paths * stretches;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(p->scratch, 2 * count * sizeof(double), &memory, error));
    double *value = memory;
    double *weight = value + count;
    for (size_t i = 0; i < count; i++) {
        size_t path = i / stretches;
        size_t first = i % stretches * p->review;
        value[i] = demand_of_days(p, path, first, first + p->review);
        weight[i] = weight_of(p, path);
    }
    return alm_demand_of(value, p->demand->weight ? weight : NULL, count, p->scratch, out, error);
}

/* ---- levels ---- */

static double fill_rate(const planner *p, double level)
{
    double missing = alm_demand_short(&p->lead, level);
    double demand;
    if (p->review) {
        missing = alm_demand_short(&p->protect, level) - missing;
        demand = p->protect.mean - p->lead.mean;
    } else {
        const alm_order_rules *rules = &p->terms->rules;
        demand = rules->multiple > rules->minimum ? rules->multiple : rules->minimum;
        missing -= alm_demand_short(&p->lead, level + demand);
    }
    return demand > 0 ? 1 - missing / demand : 1;
}

/* The fill rate rises with the level: D(L + R) >= D(L) on every path. */
static double fill_level(const planner *p)
{
    double wanted = p->terms->service - SERVICE_TOLERANCE;
    double low = 0;
    double high = p->protect.value[p->protect.count - 1];
    if (fill_rate(p, low) >= wanted) {
        return low;
    }
    for (;;) {
        double middle = low + (high - low) / 2;
        middle = p->whole ? floor(middle) : middle;
        if (middle <= low || middle >= high) {
            return high;
        }
        if (fill_rate(p, middle) >= wanted) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

static double service_level(const planner *p)
{
    const alm_replenish_terms *t = p->terms;
    if (t->goal == ALM_SERVICE_FILL) {
        return fill_level(p);
    }
    double level = t->goal == ALM_SERVICE_CYCLE
                       ? t->service
                       : t->shortage_cost / (t->shortage_cost + t->holding_cost);
    return alm_demand_quantile(&p->protect, level);
}

/* (s, S) where it applies, its unit costs being those of the days between two reviews; *done stays
 * false where it does not, which the advice's policy says. */
static alm_err choose_ss(planner *p, alm_lot_costs costs, alm_replenish_advice *out, bool *done,
                         alm_error *error)
{
    alm_demand review;
    alm_order_levels levels;
    alm_error reason = {0};
    costs.unit.holding *= (double)p->review;
    costs.unit.shortage *= (double)p->review;
    ALM_TRY(demand_of_review(p, &review, error));
    alm_err code = alm_ss_best(&review, &p->protect, costs, p->scratch, &levels, &reason);
    if (code != ALM_OK) {
        return ALM_OK; /* too wide for the search, or no demand until the last whole review */
    }
    out->policy = ALM_ORDER_S_S;
    out->reorder_point = levels.reorder_point;
    out->order_up_to = levels.order_up_to;
    *done = true;
    return ALM_OK;
}

static alm_err choose_levels(planner *p, alm_replenish_advice *out, alm_error *error)
{
    const alm_replenish_terms *t = p->terms;
    alm_lot_costs costs = {t->order_cost, p->rate, {t->holding_cost, t->shortage_cost}};
    out->policy = ALM_ORDER_BASE_STOCK;
    out->reorder_point = service_level(p);
    out->order_up_to = out->reorder_point;
    if (!(t->order_cost > 0) || !(p->rate > 0)) {
        return ALM_OK;
    }
    bool done = false;
    if (t->goal == ALM_SERVICE_COST && p->whole && p->review) {
        ALM_TRY(choose_ss(p, costs, out, &done, error));
    }
    if (!done) {
        out->policy = ALM_ORDER_R_Q;
        if (t->goal == ALM_SERVICE_COST) {
            out->reorder_point = alm_rq_best(&p->protect, costs).reorder_point;
        }
        out->order_up_to =
            out->reorder_point + alm_rq_quantity(&p->protect, costs, out->reorder_point);
    }
    if (t->lost_sales && out->reorder_point < 0) { /* waiting for backorders, which nobody leaves */
        out->order_up_to -= out->reorder_point;
        out->reorder_point = 0;
    }
    return ALM_OK;
}

/* ---- the quantity ---- */

/* Whole packs: up, or down. */
static double packs(double quantity, double pack, bool up)
{
    if (!(pack > 0) || !isfinite(quantity / pack)) { /* none, or nothing beside the quantity */
        return quantity;
    }
    double count = quantity / pack;
    count = up ? ceil(count - PACK_TOLERANCE) : floor(count + PACK_TOLERANCE);
    return count * pack;
}

double alm_order_quantity(double reorder_point, double order_up_to, double position,
                          const alm_order_rules *rules, bool whole, alm_order_reason *reason)
{
    double wanted = position <= reorder_point ? order_up_to - position : 0;
    if (!(wanted > 0)) {
        *reason = ALM_ORDER_NOT_NEEDED;
        return 0;
    }
    double pack = rules->multiple > 0 ? rules->multiple : whole ? 1 : 0;
    double quantity = packs(wanted, pack, true);
    *reason = rules->multiple > 0 && quantity > wanted ? ALM_ORDER_MULTIPLE : ALM_ORDER_LEVEL;
    if (quantity < rules->minimum) {
        quantity = packs(rules->minimum, pack, true);
        *reason = ALM_ORDER_MINIMUM;
    }
    if (rules->maximum > 0 && quantity > rules->maximum) {
        quantity = packs(rules->maximum, pack, false);
        *reason = ALM_ORDER_MAXIMUM;
    }
    double room = rules->capacity - position;
    if (rules->capacity > 0 && quantity > room) {
        quantity = packs(room > 0 ? room : 0, pack, false);
        *reason = ALM_ORDER_CAPACITY;
    }
    if (!(quantity > 0) || quantity < rules->minimum) {
        *reason = ALM_ORDER_BLOCKED;
        return 0;
    }
    return quantity;
}

/* ---- what comes of it ---- */

typedef struct tally { /* weighted sums over paths and lead times */
    alm_exact_sum stockout, before, shortage, holding, days;
} tally;

typedef struct path_outcome {
    size_t first_missing; /* day index; steps: none */
    double shortage;      /* within the interval */
    double holding;
} path_outcome;

static path_outcome follow(const planner *p, size_t path, size_t lead, double order)
{
    const alm_demand_paths *d = p->demand;
    double on_hand = p->stock->on_hand;
    alm_stock stock = {on_hand > 0 ? on_hand : 0, on_hand < 0 ? -on_hand : 0};
    path_outcome out = {.first_missing = d->steps};
    for (size_t h = 0; h < d->steps; h++) {
        double receipt = p->stock->receipts ? p->stock->receipts[h] : 0;
        receipt += h == lead ? order : 0;
        alm_stock_day day = alm_stock_step(&stock, receipt, d->values[path * d->steps + h],
                                           p->terms->lost_sales);
        if (day.missing > 0 && out.first_missing == d->steps) {
            out.first_missing = h;
        }
        if (h < p->interval) {
            out.shortage += day.missing;
            out.holding += stock.on_hand;
        } else if (out.first_missing < d->steps) {
            break;
        }
    }
    return out;
}

static void count_outcome(const planner *p, const path_outcome *outcome, size_t lead, double weight,
                          tally *sums)
{
    size_t steps = p->demand->steps;
    size_t first = outcome->first_missing;
    double days = first == steps ? (double)steps : (double)(first + 1);
    alm_exact_sum_add(&sums->stockout, first < p->interval ? weight : 0);
    alm_exact_sum_add(&sums->before, first < lead ? weight : 0);
    alm_exact_sum_add(&sums->shortage, weight * outcome->shortage);
    alm_exact_sum_add(&sums->holding, weight * outcome->holding);
    alm_exact_sum_add(&sums->days, weight * days);
}

static double mean_of(const planner *p, const alm_exact_sum *sum)
{
    return alm_exact_sum_value(sum) / p->weight;
}

static void look_ahead(const planner *p, double order, alm_stock_outlook *out, double *before)
{
    const alm_replenish_terms *t = p->terms;
    tally sums;
    alm_exact_sum_clear(&sums.stockout);
    alm_exact_sum_clear(&sums.before);
    alm_exact_sum_clear(&sums.shortage);
    alm_exact_sum_clear(&sums.holding);
    alm_exact_sum_clear(&sums.days);
    alm_exact_sum demand;
    alm_exact_sum_clear(&demand);
    for (size_t s = 0; s < p->demand->paths; s++) {
        double weight = weight_of(p, s);
        for (size_t i = 0; i < t->lead_time_count; i++) {
            size_t lead = (size_t)t->lead_time[i].days;
            path_outcome outcome = follow(p, s, lead, order);
            count_outcome(p, &outcome, lead, weight * t->lead_time[i].probability, &sums);
        }
        alm_exact_sum_add(&demand, weight * demand_of_days(p, s, 0, p->interval));
    }
    double wanted = mean_of(p, &demand);
    out->stockout_probability = fmin(mean_of(p, &sums.stockout), 1);
    out->shortage = mean_of(p, &sums.shortage);
    out->fill_rate = wanted > 0 ? fmax(1 - out->shortage / wanted, 0) : 1;
    out->cost = (order > 0 ? t->order_cost : 0) + t->holding_cost * mean_of(p, &sums.holding) +
                t->shortage_cost * out->shortage;
    out->days_of_cover = mean_of(p, &sums.days);
    *before = fmin(mean_of(p, &sums.before), 1);
}

static double position_of(const planner *p)
{
    double position = p->stock->on_hand;
    for (size_t h = 0; p->stock->receipts && h < p->interval; h++) {
        position += p->stock->receipts[h];
    }
    return position;
}

alm_err alm_replenish(const alm_demand_paths *demand, const alm_stock_position *stock,
                      const alm_replenish_terms *terms, alm_arena *scratch,
                      alm_replenish_advice *out, alm_error *error)
{
    planner p = {.demand = demand, .stock = stock, .terms = terms, .scratch = scratch};
    alm_replenish_advice advice = {0};
    ALM_TRY(check(&p, error));
    sum_weights(&p);
    if (!(p.weight > 0) || !isfinite(p.rate)) {
        return alm_fail(error, ALM_ERR_INVALID, "the weights of the sample paths sum to %g",
                        p.weight);
    }
    ALM_TRY(demand_until(&p, 0, &p.lead, error));
    ALM_TRY(demand_until(&p, p.review, &p.protect, error));
    ALM_TRY(choose_levels(&p, &advice, error));
    advice.expected_demand = p.protect.mean;
    advice.safety_stock = advice.reorder_point - p.protect.mean;
    advice.cycle_service = alm_demand_share(&p.protect, advice.reorder_point);
    advice.position = position_of(&p);
    advice.order = alm_order_quantity(advice.reorder_point, advice.order_up_to, advice.position,
                                      &terms->rules, p.whole, &advice.reason);
    look_ahead(&p, 0, &advice.without, &advice.stockout_before_arrival);
    double same = 0;
    look_ahead(&p, advice.order, &advice.with, &same);
    if (!isfinite(advice.order) || !isfinite(advice.with.cost) ||
        !isfinite(advice.without.cost)) {
        return alm_fail(error, ALM_ERR_NUMERIC, "demand, stock or costs are too large to be "
                        "summed");
    }
    *out = advice;
    return ALM_OK;
}
