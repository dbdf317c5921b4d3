#include "decide/replenish.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "decide/order_policy_cases.h"
#include "decide/stock_flow.h"
#include "decide/stockout.h"

enum { PATHS = 60, STEPS = 20 };

typedef struct scene {
    double values[PATHS * STEPS], receipts[STEPS], weight[PATHS];
    alm_lead_time lead[3];
    alm_demand_paths demand;
    alm_stock_position stock;
    alm_replenish_terms terms;
    alm_replenish_advice advice;
    alm_error error;
} scene;

/* Correlated, intermittent demand, whole or not, with weekly closed days. */
static void draw_demand(scene *s, alm_rng *rng, bool whole)
{
    for (size_t i = 0; i < PATHS; i++) {
        double busy = .2 + alm_rng_next_uniform(rng);
        for (size_t h = 0; h < STEPS; h++) {
            double u = alm_rng_next_uniform(rng);
            double y = h % 7 == 6 || u < .3 ? 0 : 9 * busy * u * u;
            s->values[i * STEPS + h] = whole ? floor(y + .5) : y;
        }
        s->weight[i] = 1 + (double)alm_rng_next_below(rng, 4);
    }
    for (size_t h = 0; h < STEPS; h++) {
        s->receipts[h] = alm_rng_next_below(rng, 6) ? 0 : (double)alm_rng_next_below(rng, 15);
    }
}

static void draw_terms(scene *s, alm_rng *rng)
{
    s->terms = (alm_replenish_terms){
        .lead_time = s->lead,
        .lead_time_count = 1 + alm_rng_next_below(rng, 3),
        .review = 1 + (int32_t)alm_rng_next_below(rng, 7),
        .goal = (alm_service_goal)alm_rng_next_below(rng, 3),
        .service = .5 + .5 * alm_rng_next_uniform(rng),
        .holding_cost = .1,
        .shortage_cost = 1 + 3 * alm_rng_next_uniform(rng),
        .order_cost = alm_rng_next_below(rng, 2) ? 0 : 6,
        .lost_sales = alm_rng_next_below(rng, 2)};
    double left = 1;
    for (size_t i = 0; i < s->terms.lead_time_count; i++) {
        bool last = i + 1 == s->terms.lead_time_count;
        double p = last ? left : left / 2;
        left -= p;
        s->lead[i] = (alm_lead_time){(int32_t)alm_rng_next_below(rng, 12), p};
    }
}

static void make_scene(scene *s, uint64_t stream)
{
    alm_rng rng = alm_rng_stream(21, stream);
    *s = (scene){0};
    draw_demand(s, &rng, stream % 2);
    draw_terms(s, &rng);
    s->demand = (alm_demand_paths){s->values, PATHS, STEPS, stream / 2 % 2 ? s->weight : NULL};
    s->stock = (alm_stock_position){(double)alm_rng_next_below(&rng, 60) - 10, s->receipts};
}

static alm_err advise(scene *s)
{
    alm_arena *scratch = alm_arena_create(0);
    s->error = (alm_error){0};
    alm_err code = alm_replenish(&s->demand, &s->stock, &s->terms, scratch, &s->advice, &s->error);
    alm_arena_destroy(scratch);
    return code;
}

static const alm_replenish_advice *must_advise(scene *s)
{
    alm_err code = advise(s);
    assert_string_equal(s->error.message, "");
    assert_int_equal(code, ALM_OK);
    return &s->advice;
}

/* ---- goals ---- */

/* By plain counting: the level reaches the service and nothing smaller does. */
static double service_of(const scene *s, double level)
{
    double reached = 0;
    double total = 0;
    double missing = 0;
    double served = 0;
    for (size_t i = 0; i < PATHS; i++) {
        for (size_t k = 0; k < s->terms.lead_time_count; k++) {
            double w = (s->demand.weight ? s->weight[i] : 1) * s->lead[k].probability;
            double lead = 0;
            double all = 0;
            for (int32_t h = 0; h < s->lead[k].days + s->terms.review; h++) {
                all += s->values[i * STEPS + (size_t)h];
                lead += h < s->lead[k].days ? s->values[i * STEPS + (size_t)h] : 0;
            }
            total += w;
            reached += all <= level ? w : 0;
            missing += w * (fmax(all - level, 0) - fmax(lead - level, 0));
            served += w * (all - lead);
        }
    }
    return s->terms.goal == ALM_SERVICE_FILL ? served > 0 ? 1 - missing / served : 1
                                             : reached / total;
}

static void levels_are_the_smallest_that_reach(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 400; k++) {
        scene s;
        make_scene(&s, k);
        s.terms.order_cost = 0;
        const alm_replenish_advice *a = must_advise(&s);
        double wanted = s.terms.goal == ALM_SERVICE_COST
                            ? s.terms.shortage_cost / (s.terms.shortage_cost + .1)
                            : s.terms.service;
        bool whole = k % 2;
        assert_int_equal(a->policy, ALM_ORDER_BASE_STOCK);
        assert_true(a->order_up_to == a->reorder_point);
        assert_true(service_of(&s, a->reorder_point) >= wanted - 1e-9);
        double less = a->reorder_point - (whole ? 1 : 1e-6);
        assert_true(a->reorder_point == 0 || service_of(&s, less) < wanted);
        assert_true(!whole || a->reorder_point == floor(a->reorder_point));
        assert_true(a->safety_stock == a->reorder_point - a->expected_demand);
    }
}

static void more_service_is_never_less_stock(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 120; k++) {
        scene s;
        make_scene(&s, k);
        double before = 0;
        for (int i = 1; i <= 40; i++) {
            s.terms.service = i / 40.0;
            s.terms.shortage_cost = i / 8.0;
            if (s.terms.goal == ALM_SERVICE_COST) {
                s.terms.order_cost = 0;
            }
            double level = must_advise(&s)->reorder_point;
            assert_true(level >= before);
            before = level;
        }
    }
}

/* For cycle service and least cost, whose levels are quantiles of D(L + R), which grows with L on
 * every path. A fill rate is a ratio, and demand of later days may be easier to serve. */
static void a_longer_lead_time_never_lowers_the_reorder_point(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 120; k++) {
        scene s;
        make_scene(&s, k);
        s.terms.goal = k % 3 ? ALM_SERVICE_CYCLE : ALM_SERVICE_COST;
        s.terms.order_cost = 0;
        s.terms.lead_time_count = 1;
        s.lead[0].probability = 1;
        double before = 0;
        for (int32_t days = 0; days + s.terms.review <= STEPS; days++) {
            s.lead[0].days = days;
            double level = must_advise(&s)->reorder_point;
            assert_true(level >= before);
            before = level;
        }
    }
}

/* ---- the order ---- */

static void an_order_keeps_its_rules(void **state)
{
    (void)state;
    size_t seen[ALM_ORDER_REASONS] = {0};
    for (uint64_t k = 0; k < 3000; k++) {
        alm_rng rng = alm_rng_stream(22, k);
        alm_order_rules rules = {
            .multiple = alm_rng_next_below(&rng, 3) ? (double)alm_rng_next_below(&rng, 9) : .25,
            .minimum = (double)alm_rng_next_below(&rng, 30),
            .maximum = alm_rng_next_below(&rng, 2) ? 30 + (double)alm_rng_next_below(&rng, 30) : 0,
            .capacity = alm_rng_next_below(&rng, 2) ? (double)alm_rng_next_below(&rng, 80) : 0};
        bool whole = k % 2;
        double low = (double)alm_rng_next_below(&rng, 60);
        double up = low + (double)alm_rng_next_below(&rng, 40);
        double position = (double)alm_rng_next_below(&rng, 80) - 20;
        alm_order_reason reason;
        double q = alm_order_quantity(low, up, position, &rules, whole, &reason);
        seen[reason]++;
        if (q == 0) {
            assert_true(reason == ALM_ORDER_NOT_NEEDED || reason == ALM_ORDER_BLOCKED);
            assert_true((reason == ALM_ORDER_NOT_NEEDED) == (position > low || up <= position));
            continue;
        }
        double pack = rules.multiple > 0 ? rules.multiple : whole ? 1 : 0;
        assert_true(pack == 0 || fabs(q / pack - round(q / pack)) < 1e-9);
        assert_true(q >= rules.minimum);
        assert_true(rules.maximum == 0 || q <= rules.maximum);
        assert_true(rules.capacity == 0 || position + q <= rules.capacity);
        bool cut = reason == ALM_ORDER_MAXIMUM || reason == ALM_ORDER_CAPACITY;
        assert_true(cut || position + q >= up);
        assert_true(cut || reason == ALM_ORDER_MINIMUM || position + q < up + pack + 1e-9);
        assert_true(strlen(alm_order_reason_text(reason)) > 5);
    }
    for (int i = 0; i < ALM_ORDER_REASONS; i++) {
        assert_true(seen[i] > 10);
    }
    alm_order_rules tiny = {.multiple = 1e-300}; /* more of them than a double can count */
    alm_order_reason reason;
    assert_true(alm_order_quantity(73, 73, -1e15, &tiny, true, &reason) == 1e15 + 73);
}

static void an_order_never_makes_it_worse(void **state)
{
    (void)state;
    size_t ordered = 0;
    for (uint64_t k = 0; k < 400; k++) {
        scene s;
        make_scene(&s, k);
        const alm_replenish_advice *a = must_advise(&s);
        ordered += a->order > 0;
        assert_true(a->with.stockout_probability <= a->without.stockout_probability);
        assert_true(a->with.shortage <= a->without.shortage);
        assert_true(a->with.fill_rate >= a->without.fill_rate);
        assert_true(a->with.days_of_cover >= a->without.days_of_cover);
        assert_true(a->stockout_before_arrival <= a->with.stockout_probability);
        if (a->order == 0) {
            assert_memory_equal(&a->with, &a->without, sizeof a->with);
        }
        assert_true(k % 2 == 0 || a->order == floor(a->order));
    }
    assert_true(ordered > 100);
}

/* Backorders without an order: what stockout.h says of the same paths. */
static void the_outlook_is_that_of_the_stockout_risk(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 100; k++) {
        scene s;
        make_scene(&s, k);
        s.terms.lead_time_count = 1;
        s.lead[0].probability = 1;
        s.terms.lost_sales = k % 3 == 0; /* when it runs out is the same */
        s.stock.on_hand = fmax(s.stock.on_hand, 0);
        s.demand.weight = NULL;
        double probability[STEPS];
        double shortfall[STEPS];
        alm_stockout_risk risk = {probability, shortfall, 0};
        alm_stockout_of_paths(s.values, PATHS, STEPS, s.stock.on_hand, s.receipts, &risk);
        const alm_replenish_advice *a = must_advise(&s);
        size_t interval = (size_t)(s.lead[0].days + s.terms.review);
        assert_true(a->without.stockout_probability == probability[interval - 1]);
        assert_true(fabs(a->without.days_of_cover - risk.days) < 1e-12);
        double before = s.lead[0].days ? probability[s.lead[0].days - 1] : 0;
        assert_true(a->stockout_before_arrival == before);
    }
}

static void paths_have_no_order(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 100; k++) {
        scene s;
        make_scene(&s, k);
        scene turned = s;
        turned.terms.lead_time = turned.lead;
        turned.stock.receipts = turned.receipts;
        turned.demand.values = turned.values;
        turned.demand.weight = s.demand.weight ? turned.weight : NULL;
        for (size_t i = 0; i < PATHS; i++) {
            size_t from = (i * 7 + 3) % PATHS;
            memcpy(turned.values + i * STEPS, s.values + from * STEPS, STEPS * sizeof(double));
            turned.weight[i] = s.weight[from];
        }
        must_advise(&s);
        must_advise(&turned);
        assert_memory_equal(&s.advice, &turned.advice, sizeof s.advice);
    }
}

/* A path twice is a path of weight 2. */
static void weights_count_paths(void **state)
{
    (void)state;
    scene s;
    make_scene(&s, 8);
    assert_null(s.demand.weight);
    double twice[2 * PATHS * STEPS];
    memcpy(twice, s.values, sizeof s.values);
    memcpy(twice + PATHS * STEPS, s.values, sizeof s.values);
    must_advise(&s);
    scene other = s;
    other.terms.lead_time = other.lead;
    other.demand = (alm_demand_paths){twice, 2 * PATHS, STEPS, NULL};
    must_advise(&other);
    assert_true(other.advice.reorder_point == s.advice.reorder_point);
    assert_true(other.advice.order == s.advice.order);
    assert_true(fabs(other.advice.with.cost - s.advice.with.cost) < 1e-9);
}

/* ---- published answers, by way of paths ---- */

static double poisson_of(double mean, double u)
{
    double p = exp(-mean);
    double sum = p;
    int k = 0;
    while (u > sum && k < 500) {
        k++;
        p *= mean / k;
        sum += p;
    }
    return k;
}

/* Paths drawn from an instance's distribution, `count` of them. Levels are off by the sampling
 * error of a quantile, sqrt(p (1 - p) / count) / density; five of those. */
static void sampled_instances_come_close(void **state)
{
    (void)state;
    enum { COUNT = 40000, DAYS = 5 };
    alm_arena *arena = alm_arena_create(0);
    double *values = ALM_NEW_ARRAY(arena, double, COUNT * DAYS);
    for (size_t i = 0; i < COUNT * DAYS; i++) {
        double u = alm_rng_uniform(5, ALM_RNG_TEST, i, 0);
        double v = alm_rng_uniform(5, ALM_RNG_TEST, i, 1);
        values[i] = 50 + 8 * sqrt(-2 * log(u)) * cos(2 * acos(-1.0) * v);
    }
    alm_lead_time lead = {4, 1};
    alm_replenish_terms terms = {.lead_time = &lead, .lead_time_count = 1, .review = 1,
                                 .goal = ALM_SERVICE_COST, .holding_cost = .18,
                                 .shortage_cost = .7};
    alm_demand_paths demand = {values, COUNT, DAYS, NULL};
    alm_stock_position stock = {0, NULL};
    alm_replenish_advice advice;
    assert_int_equal(alm_replenish(&demand, &stock, &terms, arena, &advice, NULL), ALM_OK);
    double deviation = 8 * sqrt(5.0); /* example 4.4: 264.7668943741548 */
    double p = .7 / .88;
    double z = (264.7668943741548 - 250) / deviation;
    double density = exp(-z * z / 2) / sqrt(2 * acos(-1.0)) / deviation;
    double error = sqrt(p * (1 - p) / COUNT) / density;
    assert_true(error < .2);
    assert_true(fabs(advice.order_up_to - 264.7668943741548) < 5 * error);
    assert_true(fabs(advice.expected_demand - 250) < 5 * deviation / sqrt((double)COUNT));

    for (size_t i = 0; i < COUNT * DAYS; i++) {
        values[i] = poisson_of(6, alm_rng_uniform(6, ALM_RNG_TEST, i, 0));
    }
    terms.holding_cost = 1;
    terms.shortage_cost = 4;
    lead.days = 0; /* example 4.7: 8 has share .847, 7 has .744; the goal .8 is 20 errors away */
    assert_int_equal(alm_replenish(&demand, &stock, &terms, arena, &advice, NULL), ALM_OK);
    assert_true(advice.order_up_to == 8);
    terms.order_cost = 5; /* and with an order cost (4, 10) */
    assert_int_equal(alm_replenish(&demand, &stock, &terms, arena, &advice, NULL), ALM_OK);
    assert_int_equal(advice.policy, ALM_ORDER_S_S);
    assert_true(advice.reorder_point == 4 && advice.order_up_to == 10 && advice.order == 10);
    terms.goal = ALM_SERVICE_CYCLE; /* Phi^-1(.95) of Poisson 6 is 10 */
    terms.service = .95;
    terms.order_cost = 0;
    assert_int_equal(alm_replenish(&demand, &stock, &terms, arena, &advice, NULL), ALM_OK);
    assert_true(advice.reorder_point == 10);
    alm_arena_destroy(arena);
}

/* One day of demand with its exact distribution as weighted paths: the published answers. */
static void exact_instances_come_out(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    policy_case cases[CASES_MAX];
    size_t count = read_policy_cases(arena, cases);
    size_t checked = 0;
    for (size_t i = 0; i < count; i++) {
        const policy_case *c = &cases[i];
        bool ss = alm_str_is(c->model, "s_S_poisson_exact");
        bool rq = alm_str_is(c->model, "r_Q_poisson_exact");
        if (!ss && !rq && !alm_str_is(c->model, "newsvendor_poisson")) {
            continue;
        }
        double mean = case_number(c, "demand_mean") * (rq ? case_number(c, "lead_time") : 1);
        alm_demand d = poisson_demand(mean, arena);
        double *weight = ALM_NEW_ARRAY(arena, double, d.count);
        for (size_t k = 0; k < d.count; k++) {
            weight[k] = d.share[k] - (k ? d.share[k - 1] : 0);
        }
        alm_lead_time lead = {rq ? 1 : 0, 1};
        double order = case_number(c, "fixed_cost");
        /* An order per lead time: the published rate is per unit of time, two to a lead time. */
        alm_replenish_terms terms = {
            .lead_time = &lead, .lead_time_count = 1, .review = !rq, .goal = ALM_SERVICE_COST,
            .holding_cost = case_number(c, "holding_cost"),
            .shortage_cost = case_number(c, "stockout_cost"),
            .order_cost = isnan(order) ? 0 : rq ? order / 2 : order};
        alm_demand_paths demand = {d.value, d.count, 1, weight};
        alm_stock_position stock = {0, NULL};
        alm_replenish_advice a;
        assert_int_equal(alm_replenish(&demand, &stock, &terms, arena, &a, NULL), ALM_OK);
        double up = case_number(c, ss ? "is_S" : "is_base_stock_level");
        up = rq ? case_number(c, "is_r") + case_number(c, "is_Q") : up;
        assert_true(a.order_up_to == up && a.order == up);
        double point = ss ? case_number(c, "is_s") : rq ? case_number(c, "is_r") : up;
        assert_true(a.reorder_point == point);
        assert_string_equal(alm_order_policy_text(a.policy),
                            ss ? "(s, S)" : rq ? "(r, Q)" : "base stock");
        checked++;
    }
    assert_int_equal(checked, 15);
    alm_arena_destroy(arena);
}

/* ---- edges ---- */

static void a_lead_time_may_be_a_distribution(void **state)
{
    (void)state;
    scene s = {0}; /* one unit a day: demand until arrival is the lead time itself */
    for (size_t i = 0; i < PATHS * STEPS; i++) {
        s.values[i] = 1;
    }
    s.demand = (alm_demand_paths){s.values, PATHS, STEPS, NULL};
    s.lead[0] = (alm_lead_time){2, .5};
    s.lead[1] = (alm_lead_time){5, .3};
    s.lead[2] = (alm_lead_time){9, .2};
    s.terms = (alm_replenish_terms){.lead_time = s.lead, .lead_time_count = 3, .review = 1,
                                    .service = .5, .holding_cost = 1, .shortage_cost = 1};
    s.stock.on_hand = 4;
    assert_true(must_advise(&s)->reorder_point == 3);
    s.terms.service = .8;
    assert_true(must_advise(&s)->reorder_point == 6);
    s.terms.service = .81;
    const alm_replenish_advice *a = must_advise(&s);
    assert_true(a->reorder_point == 10 && a->order == 6);
    assert_true(fabs(a->expected_demand - (3 * .5 + 6 * .3 + 10 * .2)) < 1e-12);
    /* Four days of stock: the order comes in time after 2 days, one late after 5, five after 9. */
    assert_true(fabs(a->stockout_before_arrival - .5) < 1e-12);
    assert_true(fabs(a->with.shortage - (.3 + .2 * 5)) < 1e-12);
    assert_true(fabs(a->without.shortage - 6) < 1e-12);
    assert_true(a->without.days_of_cover == 5);
}

static void no_demand_needs_no_stock(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 60; k++) {
        scene s;
        make_scene(&s, k);
        memset(s.values, 0, sizeof s.values);
        s.stock.on_hand = 3;
        const alm_replenish_advice *a = must_advise(&s);
        assert_true(a->reorder_point == 0 && a->order == 0 && a->order_up_to == 0);
        assert_int_equal(a->reason, ALM_ORDER_NOT_NEEDED);
        assert_true(a->with.stockout_probability == 0 && a->with.fill_rate == 1);
        assert_true(a->with.days_of_cover == STEPS);
        s.stock.on_hand = -2; /* owed to customers */
        s.stock.receipts = NULL;
        assert_true(must_advise(&s)->order == 2);
    }
}

static void lead_time_zero_arrives_at_once(void **state)
{
    (void)state;
    scene s;
    make_scene(&s, 1);
    s.terms.lead_time_count = 1;
    s.lead[0] = (alm_lead_time){0, 1};
    s.terms.goal = ALM_SERVICE_CYCLE;
    s.terms.service = 1;
    s.terms.order_cost = 0;
    s.stock = (alm_stock_position){0, NULL};
    const alm_replenish_advice *a = must_advise(&s);
    assert_true(a->order == a->reorder_point && a->order > 0);
    assert_true(a->with.stockout_probability == 0 && a->stockout_before_arrival == 0);
}

static void lots_have_least_cost(void **state)
{
    (void)state;
    scene s;
    make_scene(&s, 4); /* real demand */
    s.terms.goal = ALM_SERVICE_CYCLE;
    s.terms.service = .9;
    s.terms.order_cost = 12;
    s.terms.review = 0;
    s.lead[0].days += 1;
    const alm_replenish_advice *a = must_advise(&s);
    assert_int_equal(a->policy, ALM_ORDER_R_Q);
    assert_true(a->order_up_to > a->reorder_point);
    double lot = a->order_up_to - a->reorder_point;
    s.terms.order_cost = 48;
    a = must_advise(&s);
    double larger = a->order_up_to - a->reorder_point;
    assert_true(larger > 1.5 * lot && larger < 3 * lot); /* about the root of four */
}

/* Holding costs are per day: reviewing every third day instead of every day moves the lot by less
 * than the demand of a review, where costs counted once per review would enlarge it by the root of
 * three. */
static void lots_do_not_grow_with_the_review_period(void **state)
{
    (void)state;
    scene s;
    make_scene(&s, 1);
    for (size_t i = 0; i < PATHS * STEPS; i++) {
        s.values[i] = poisson_of(4, alm_rng_uniform(8, ALM_RNG_TEST, i, 0));
    }
    s.terms = (alm_replenish_terms){.lead_time = s.lead, .lead_time_count = 1, .review = 1,
                                    .goal = ALM_SERVICE_COST, .holding_cost = .02,
                                    .shortage_cost = .4, .order_cost = 50};
    s.lead[0] = (alm_lead_time){2, 1};
    s.stock = (alm_stock_position){0, NULL};
    double lots[2];
    for (int k = 0; k < 2; k++) {
        s.terms.review = 1 + 2 * k;
        const alm_replenish_advice *a = must_advise(&s);
        assert_int_equal(a->policy, ALM_ORDER_S_S);
        lots[k] = a->order_up_to - a->reorder_point;
    }
    assert_true(fabs(lots[0] - sqrt(2 * 50 * 4 / .02)) < 12); /* near the classical lot */
    assert_true(fabs(lots[1] - lots[0]) < 12);
}

typedef void (*spoil)(scene *s);

static void no_paths(scene *s) { s->demand.paths = 0; }
static void negative_demand(scene *s) { s->values[STEPS + 2] = -1; }
static void infinite_demand(scene *s) { s->values[STEPS + 2] = INFINITY; }
static void large_demand(scene *s) { s->values[STEPS + 2] = 1.1e100; }
static void large_weight(scene *s) { s->weight[1] = 1.1e100; s->demand.weight = s->weight; }
static void negative_weight(scene *s) { s->weight[1] = -1; s->demand.weight = s->weight; }
static void no_weight(scene *s) { memset(s->weight, 0, sizeof s->weight);
                                  s->demand.weight = s->weight; }
static void unknown_stock(scene *s) { s->stock.on_hand = NAN; }
static void much_stock(scene *s) { s->stock.on_hand = 1.1e15; }
static void much_owed(scene *s) { s->stock.on_hand = -1.1e15; }
static void much_receipt(scene *s) { s->receipts[4] = 1.1e15; }
static void negative_receipt(scene *s) { s->receipts[4] = -3; }
static void long_lead(scene *s) { s->lead[0].days = STEPS - s->terms.review + 1; }
static void negative_lead(scene *s) { s->lead[0].days = -1; }
static void half_probability(scene *s) { s->lead[0].probability = .5; }
static void no_lead(scene *s) { s->terms.lead_time_count = 0; }
static void negative_review(scene *s) { s->terms.review = -1; }
static void no_interval(scene *s) { s->lead[0].days = 0; s->terms.review = 0; }
static void no_service(scene *s) { s->terms.service = 0; }
static void much_service(scene *s) { s->terms.service = 1.01; }
static void free_shortage(scene *s) { s->terms.goal = ALM_SERVICE_COST;
                                      s->terms.shortage_cost = 0; }
static void free_holding(scene *s) { s->terms.holding_cost = 0; s->terms.order_cost = 2; }
static void negative_cost(scene *s) { s->terms.shortage_cost = -2; }
static void crossed_bounds(scene *s) { s->terms.rules = (alm_order_rules){0, 9, 8, 0}; }
static void large_pack(scene *s) { s->terms.rules = (alm_order_rules){12, 0, 8, 0}; }
static void negative_capacity(scene *s) { s->terms.rules.capacity = -1; }
static void large_capacity(scene *s) { s->terms.rules.capacity = 1.1e15; }
static void large_cost(scene *s) { s->terms.shortage_cost = 1.1e15; }
static void fill_without_lot(scene *s) { s->terms.goal = ALM_SERVICE_FILL; s->terms.review = 0; }

static void what_makes_no_sense_is_named(void **state)
{
    (void)state;
    static const struct {
        spoil spoil;
        alm_err code;
        const char *message;
    } CASES[] = {
        {no_paths, ALM_ERR_INVALID, "0 sample paths of 20 days"},
        {negative_demand, ALM_ERR_INVALID, "demand of path 2 on day 3 is -1"},
        {infinite_demand, ALM_ERR_INVALID, "demand of path 2 on day 3 is inf"},
        {large_demand, ALM_ERR_INVALID, "demand of path 2 on day 3 is 1.1e+100; it is a number"},
        {large_weight, ALM_ERR_INVALID, "the weight of path 2 is 1.1e+100; it is a number from"},
        {negative_weight, ALM_ERR_INVALID, "the weight of path 2 is -1"},
        {no_weight, ALM_ERR_INVALID, "the weights of the sample paths sum to 0"},
        {unknown_stock, ALM_ERR_INVALID, "the stock on hand is nan; it is a number from"},
        {much_stock, ALM_ERR_INVALID, "the stock on hand is 1.1e+15; it is a number from -1e+15 "
                                      "to 1e+15"},
        {much_owed, ALM_ERR_INVALID, "the stock on hand is -1.1e+15; it is a number from"},
        {much_receipt, ALM_ERR_INVALID, "the receipts of day 5 are 1.1e+15; they are a number "
                                        "from 0 to 1e+15"},
        {negative_receipt, ALM_ERR_INVALID, "the receipts of day 5 are -3"},
        {long_lead, ALM_ERR_INCOMPLETE, "need 21 days of sample paths; there are 20"},
        {negative_lead, ALM_ERR_INVALID, "lead time number 1 is -1 days"},
        {half_probability, ALM_ERR_INVALID, "the probabilities of the lead times sum to 0.5"},
        {no_lead, ALM_ERR_INVALID, "0 lead times are given"},
        {negative_review, ALM_ERR_INVALID, "the review period is -1 days"},
        {no_interval, ALM_ERR_INVALID, "there is no interval to protect"},
        {no_service, ALM_ERR_INVALID, "the service level is 0;"},
        {much_service, ALM_ERR_INVALID, "the service level is 1.01;"},
        {free_shortage, ALM_ERR_INVALID, "a level of least cost needs a holding cost and a"},
        {free_holding, ALM_ERR_INVALID, "an order cost needs a holding cost above zero"},
        {negative_cost, ALM_ERR_INVALID, "the shortage cost is -2"},
        {crossed_bounds, ALM_ERR_INVALID, "the maximum order 8 is below the minimum 9"},
        {large_pack, ALM_ERR_INVALID, "the maximum order 8 is below the order multiple 12"},
        {negative_capacity, ALM_ERR_INVALID, "the capacity is -1"},
        {large_capacity, ALM_ERR_INVALID, "the capacity is 1.1e+15; it is a number from 0 to"},
        {large_cost, ALM_ERR_INVALID, "the shortage cost is 1.1e+15; it is a number from 0 to"},
        {fill_without_lot, ALM_ERR_INVALID, "a fill rate under continuous review depends on"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        scene s;
        make_scene(&s, 1);
        s.terms.lead_time_count = 1;
        s.lead[0] = (alm_lead_time){4, 1};
        s.terms.goal = ALM_SERVICE_CYCLE;
        s.advice.order = 77;
        CASES[i].spoil(&s);
        assert_int_equal(advise(&s), CASES[i].code);
        if (!strstr(s.error.message, CASES[i].message)) {
            fail_msg("'%s' does not say '%s'", s.error.message, CASES[i].message);
        }
        assert_true(s.advice.order == 77); /* untouched */
    }
}

/* At the bounds themselves there is an answer, and single units are still told apart. */
static void the_largest_amounts_are_counted_in_ones(void **state)
{
    (void)state;
    scene s = {0};
    for (size_t i = 0; i < PATHS * STEPS; i++) {
        s.values[i] = 1;
    }
    s.demand = (alm_demand_paths){s.values, PATHS, STEPS, NULL};
    s.lead[0] = (alm_lead_time){4, 1};
    s.receipts[1] = 3;
    s.stock = (alm_stock_position){-ALM_ORDER_AMOUNT_MAX, s.receipts};
    s.terms = (alm_replenish_terms){.lead_time = s.lead, .lead_time_count = 1, .review = 1,
                                    .service = .9};
    assert_true(must_advise(&s)->order == ALM_ORDER_AMOUNT_MAX + 5 - 3);
    s.stock.on_hand = ALM_ORDER_AMOUNT_MAX;
    const alm_replenish_advice *a = must_advise(&s);
    assert_true(a->position == ALM_ORDER_AMOUNT_MAX + 3 && a->order == 0);
}

/* Nothing within the bounds overflows: all at their largest, whatever the goal. */
static void the_largest_of_everything_is_summed(void **state)
{
    (void)state;
    for (int goal = ALM_SERVICE_CYCLE; goal <= ALM_SERVICE_COST; goal++) {
        scene s = {0};
        for (size_t i = 0; i < PATHS * STEPS; i++) {
            s.values[i] = i % 3 ? ALM_DEMAND_VALUE_MAX : 0;
        }
        for (size_t i = 0; i < PATHS; i++) {
            s.weight[i] = ALM_DEMAND_VALUE_MAX;
        }
        s.demand = (alm_demand_paths){s.values, PATHS, STEPS, s.weight};
        s.lead[0] = (alm_lead_time){4, 1};
        s.stock.on_hand = -ALM_ORDER_AMOUNT_MAX;
        s.terms = (alm_replenish_terms){.lead_time = s.lead, .lead_time_count = 1, .review = 1,
                                        .goal = (alm_service_goal)goal, .service = .9,
                                        .holding_cost = ALM_ORDER_AMOUNT_MAX,
                                        .shortage_cost = ALM_ORDER_AMOUNT_MAX,
                                        .order_cost = ALM_ORDER_AMOUNT_MAX};
        const alm_replenish_advice *a = must_advise(&s);
        assert_true(isfinite(a->order) && isfinite(a->with.cost) && isfinite(a->order_up_to));
        assert_true(isfinite(a->safety_stock) && isfinite(a->with.shortage));
    }
}

/* A fill rate under continuous review is that of the lot: 1 - E[short] / Q, with what the next lot
 * would not cover either given back. */
static void the_lot_makes_the_fill_rate(void **state)
{
    (void)state;
    scene s = {0};
    for (size_t i = 0; i < PATHS; i++) {
        s.values[i * STEPS] = (double)(i % 10); /* 0 .. 9 on day 1 */
    }
    s.demand = (alm_demand_paths){s.values, PATHS, STEPS, NULL};
    s.lead[0] = (alm_lead_time){1, 1};
    s.terms = (alm_replenish_terms){.lead_time = s.lead, .lead_time_count = 1,
                                    .goal = ALM_SERVICE_FILL, .service = .9,
                                    .rules = {.multiple = 3}};
    /* short(7) = .3, short(10) = 0: 1 - .3 / 3 = .9; short(6) = .6, short(9) = 0: .8 */
    assert_true(must_advise(&s)->reorder_point == 7);
    s.terms.service = .8;
    assert_true(must_advise(&s)->reorder_point == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_the_smallest_that_reach),
        cmocka_unit_test(more_service_is_never_less_stock),
        cmocka_unit_test(a_longer_lead_time_never_lowers_the_reorder_point),
        cmocka_unit_test(an_order_keeps_its_rules),
        cmocka_unit_test(an_order_never_makes_it_worse),
        cmocka_unit_test(the_outlook_is_that_of_the_stockout_risk),
        cmocka_unit_test(paths_have_no_order),
        cmocka_unit_test(weights_count_paths),
        cmocka_unit_test(sampled_instances_come_close),
        cmocka_unit_test(exact_instances_come_out),
        cmocka_unit_test(a_lead_time_may_be_a_distribution),
        cmocka_unit_test(no_demand_needs_no_stock),
        cmocka_unit_test(lead_time_zero_arrives_at_once),
        cmocka_unit_test(lots_have_least_cost),
        cmocka_unit_test(lots_do_not_grow_with_the_review_period),
        cmocka_unit_test(what_makes_no_sense_is_named),
        cmocka_unit_test(the_largest_amounts_are_counted_in_ones),
        cmocka_unit_test(the_largest_of_everything_is_summed),
        cmocka_unit_test(the_lot_makes_the_fill_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
