#include "decide/order_policy.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "decide/order_policy_cases.h"

/* ---- the normal and the lognormal distribution as values ---- */

static double normal_density(double z)
{
    return exp(-z * z / 2) / sqrt(2 * acos(-1.0));
}

static double normal_share(double z)
{
    return erfc(-z / sqrt(2.0)) / 2;
}

/* Edge number i of `cells` of equal probability, by Newton's method from the edge before. */
static double normal_edge(size_t i, size_t cells, double before)
{
    double u = (double)i / (double)cells;
    double z = isfinite(before) ? before + 1 / ((double)cells * normal_density(before)) : -5.5;
    z = fmin(z, 5.5);
    for (int k = 0; k < 100; k++) {
        double step = (normal_share(z) - u) / normal_density(z);
        z -= fmax(-.5, fmin(.5, step));
        if (fabs(step) < 1e-15 * (1 + fabs(z))) {
            break;
        }
    }
    return z;
}

/* A million cells of equal probability, each as its mean: what depends on means of pieces (costs)
 * is off by 1e-12, a quantile by half a cell: 1e-6 / density. */
#define NORMAL_CELLS ((size_t)1000000)

static alm_demand cells_demand(double (*mean_below)(double z, const double *parameters),
                                      const double *parameters, alm_arena *arena)
{
    double *value = ALM_NEW_ARRAY(arena, double, NORMAL_CELLS);
    double edge = -INFINITY;
    double below = 0;
    for (size_t i = 0; i < NORMAL_CELLS; i++) {
        edge = i + 1 < NORMAL_CELLS ? normal_edge(i + 1, NORMAL_CELLS, edge) : INFINITY;
        double next = mean_below(edge, parameters);
        value[i] = (next - below) * (double)NORMAL_CELLS;
        below = next;
    }
    alm_demand demand;
    alm_err code = alm_demand_of(value, NULL, NORMAL_CELLS, arena, &demand, NULL);
    alm_assert(code == ALM_OK);
    return demand;
}

/* E[D; Z <= z] of D = mean + deviation Z. */
static double normal_below(double z, const double *p)
{
    return isfinite(z) ? p[0] * normal_share(z) - p[1] * normal_density(z) : p[0];
}

/* And of D = exp(mu + sigma Z). */
static double lognormal_below(double z, const double *p)
{
    double mean = exp(p[0] + p[1] * p[1] / 2);
    return isfinite(z) ? mean * normal_share(z - p[1]) : mean;
}

static alm_demand normal_demand(double mean, double deviation, alm_arena *arena)
{
    return cells_demand(normal_below, (double[]){mean, deviation}, arena);
}

/* ---- published answers ---- */

static void expect_close(const policy_case *c, const char *what, double got)
{
    double want = case_number(c, what);
    double tolerance = case_number(c, "tolerance");
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) {
        fail_msg("%.*s: %s is %.12g, published %.12g", ALM_STR_ARG(c->id), what, got, want);
    }
}

static alm_lot_costs costs_of(const policy_case *c, double rate)
{
    double order = case_number(c, "fixed_cost");
    return (alm_lot_costs){isnan(order) ? 0 : order, rate,
                           {case_number(c, "holding_cost"), case_number(c, "stockout_cost")}};
}

/* Constant demand is the classical lot. Its interval is the lead time, here a tenth of the rate. */
static void check_eoq(const policy_case *c, alm_arena *arena)
{
    double rate = case_number(c, "demand_rate");
    double value = rate / 10 + .5; /* not whole, so that lots are real numbers */
    alm_demand demand;
    assert_int_equal(alm_demand_of(&value, NULL, 1, arena, &demand, NULL), ALM_OK);
    alm_lot_costs costs = costs_of(c, rate);
    if (alm_str_is(c->model, "eoq_backorders")) {
        alm_order_levels best = alm_rq_best(&demand, costs);
        double lot = best.order_up_to - best.reorder_point;
        expect_close(c, "is_cost", best.cost);
        expect_close(c, "is_order_quantity", lot);
        expect_close(c, "is_stockout_fraction", (value - best.reorder_point) / lot);
        return;
    }
    costs.unit.shortage = 0;
    double lot = case_number(c, "order_quantity");
    if (isnan(lot)) {
        lot = alm_rq_quantity(&demand, costs, value);
        expect_close(c, "is_order_quantity", lot);
    }
    expect_close(c, "is_cost", alm_rq_cost(&demand, costs, value, lot));
}

static alm_demand discrete_demand(const policy_case *c, alm_arena *arena)
{
    double value[16];
    double weight[16];
    size_t count = 0;
    alm_str rest = case_word(c, "demand_pmf");
    while (rest.data) {
        alm_str pair = alm_str_split(&rest, ',');
        assert_true(alm_str_to_double(alm_str_split(&pair, ':'), &value[count]));
        assert_true(alm_str_to_double(pair, &weight[count++]));
    }
    alm_demand demand;
    assert_int_equal(alm_demand_of(value, weight, count, arena, &demand, NULL), ALM_OK);
    return demand;
}

static alm_demand newsvendor_demand(const policy_case *c, alm_arena *arena)
{
    double mean = case_number(c, "demand_mean");
    double deviation = case_number(c, "demand_sd");
    if (alm_str_starts_with(c->model, "newsvendor_poisson")) {
        return poisson_demand(mean, arena);
    }
    if (alm_str_starts_with(c->model, "newsvendor_discrete")) {
        return discrete_demand(c, arena);
    }
    if (alm_str_starts_with(c->model, "newsvendor_lognormal")) {
        double p[2] = {case_number(c, "mu"), case_number(c, "sigma")};
        return cells_demand(lognormal_below, p, arena);
    }
    double lead = case_number(c, "lead_time"); /* base stock covers one period more */
    double periods = isnan(lead) ? 1 : lead + 1;
    return normal_demand(mean * periods, deviation * sqrt(periods), arena);
}

static void check_newsvendor(const policy_case *c, alm_arena *arena)
{
    alm_demand demand = newsvendor_demand(c, arena);
    alm_demand_costs unit = costs_of(c, 0).unit;
    double level = case_number(c, "base_stock_level");
    if (isnan(level)) {
        level = alm_demand_quantile(&demand, unit.shortage / (unit.shortage + unit.holding));
        expect_close(c, "is_base_stock_level", level);
    }
    expect_close(c, "is_cost", alm_demand_cost(&demand, unit, level));
}

static void check_ss(const policy_case *c, alm_arena *arena)
{
    alm_demand demand = poisson_demand(case_number(c, "demand_mean"), arena);
    alm_lot_costs costs = costs_of(c, 0);
    alm_order_levels levels = {case_number(c, "s"), case_number(c, "S"), 0};
    if (isnan(levels.reorder_point)) {
        assert_int_equal(alm_ss_best(&demand, &demand, costs, arena, &levels, NULL), ALM_OK);
        assert_true(levels.reorder_point == case_number(c, "is_s"));
        assert_true(levels.order_up_to == case_number(c, "is_S"));
        expect_close(c, "is_cost", levels.cost);
    }
    double cost = case_number(c, "is_cost");
    assert_int_equal(alm_ss_cost(&demand, &demand, costs, arena, &levels, NULL), ALM_OK);
    assert_true(fabs(levels.cost - cost) <= case_number(c, "tolerance") * cost);
}

/* The published normal lead time demand is negative now and then, which demand never is: everything
 * is moved up, which moves the reorder point and changes no cost. */
#define SHIFT 1000

static void check_rq(const policy_case *c, alm_arena *arena)
{
    double mean = case_number(c, "demand_mean");
    double lead = case_number(c, "lead_time");
    double r = case_number(c, "r");
    double q = case_number(c, "Q");
    bool poisson = alm_str_starts_with(c->model, "r_Q_poisson");
    double shift = poisson ? 0 : SHIFT;
    alm_demand demand = poisson ? poisson_demand(mean * lead, arena)
                                : normal_demand(mean * lead + shift,
                                                case_number(c, "demand_sd") * sqrt(lead), arena);
    alm_lot_costs costs = costs_of(c, mean);
    if (!isnan(r)) {
        expect_close(c, "is_cost", alm_rq_cost(&demand, costs, r + shift, q));
    } else if (!isnan(q)) {
        expect_close(c, "is_r", alm_rq_reorder_point(&demand, costs.unit, q) - shift);
    } else {
        alm_order_levels best = alm_rq_best(&demand, costs);
        expect_close(c, "is_r", best.reorder_point);
        expect_close(c, "is_Q", best.order_up_to - best.reorder_point);
        expect_close(c, "is_cost", best.cost);
    }
}

static void published_policies_come_out(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        void (*check)(const policy_case *c, alm_arena *arena);
    } CHECKS[] = {{"eoq", check_eoq},   {"newsvendor", check_newsvendor},
                  {"base_stock", check_newsvendor}, {"s_S", check_ss}, {"r_Q", check_rq}};
    alm_arena *arena = alm_arena_create(0);
    policy_case cases[CASES_MAX];
    size_t count = read_policy_cases(arena, cases);
    assert_int_equal(count, 30);
    for (size_t i = 0; i < count; i++) {
        alm_arena *scratch = alm_arena_create(0);
        size_t checked = 0;
        for (size_t k = 0; k < sizeof CHECKS / sizeof CHECKS[0]; k++) {
            if (alm_str_starts_with(cases[i].model, CHECKS[k].prefix)) {
                CHECKS[k].check(&cases[i], scratch);
                checked++;
            }
        }
        assert_int_equal(checked, 1);
        alm_arena_destroy(scratch);
    }
    alm_arena_destroy(arena);
}

/* ---- against trying everything ---- */

static alm_demand random_whole(alm_rng *rng, alm_arena *arena)
{
    double value[12];
    double weight[12];
    size_t count = 2 + alm_rng_next_below(rng, 10);
    for (size_t i = 0; i < count; i++) {
        value[i] = (double)alm_rng_next_below(rng, 9);
        weight[i] = 1 + (double)alm_rng_next_below(rng, 4);
    }
    value[0] = 3; /* not always zero */
    alm_demand demand;
    assert_int_equal(alm_demand_of(value, weight, count, arena, &demand, NULL), ALM_OK);
    return demand;
}

static alm_lot_costs random_costs(alm_rng *rng)
{
    return (alm_lot_costs){(double)alm_rng_next_below(rng, 30), 2.5,
                           {.5 + (double)alm_rng_next_below(rng, 3),
                            1 + (double)alm_rng_next_below(rng, 20)}};
}

static void no_other_lot_is_cheaper(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (uint64_t k = 0; k < 300; k++) {
        alm_rng rng = alm_rng_stream(11, k);
        alm_arena_reset(arena);
        alm_demand demand = random_whole(&rng, arena);
        alm_lot_costs costs = random_costs(&rng);
        alm_order_levels best = alm_rq_best(&demand, costs);
        double least = INFINITY;
        for (int q = 1; q <= 60; q++) {
            double least_of_lot = INFINITY;
            for (int r = -60; r <= 12; r++) {
                double cost = alm_rq_cost(&demand, costs, r, q);
                double sum = 0;
                for (int y = r + 1; y <= r + q; y++) {
                    sum += alm_demand_cost(&demand, costs.unit, y);
                }
                double want = (costs.order * costs.rate + sum) / q;
                assert_true(fabs(cost - want) < 1e-11 * (1 + want));
                least_of_lot = fmin(least_of_lot, cost);
            }
            double r = alm_rq_reorder_point(&demand, costs.unit, q);
            assert_true(alm_rq_cost(&demand, costs, r, q) <= least_of_lot * (1 + 1e-12));
            least = fmin(least, least_of_lot);
        }
        assert_true(best.cost <= least * (1 + 1e-12));
        double q = alm_rq_quantity(&demand, costs, 4);
        for (int other = 1; other <= 60; other++) {
            assert_true(alm_rq_cost(&demand, costs, 4, q) <=
                        alm_rq_cost(&demand, costs, 4, other) * (1 + 1e-12));
        }
    }
    alm_arena_destroy(arena);
}

static void no_other_levels_are_cheaper(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (uint64_t k = 0; k < 60; k++) {
        alm_rng rng = alm_rng_stream(12, k);
        alm_arena_reset(arena);
        alm_demand review = random_whole(&rng, arena);
        alm_demand demand = random_whole(&rng, arena);
        alm_lot_costs costs = random_costs(&rng);
        alm_order_levels best;
        assert_int_equal(alm_ss_best(&review, &demand, costs, arena, &best, NULL), ALM_OK);
        for (int s = -20; s <= 12; s++) {
            for (int up = s + 1; up <= 40; up++) {
                alm_order_levels other = {s, up, 0};
                assert_int_equal(alm_ss_cost(&review, &demand, costs, arena, &other, NULL),
                                 ALM_OK);
                assert_true(best.cost <= other.cost * (1 + 1e-12));
            }
        }
    }
    alm_arena_destroy(arena);
}

/* In real numbers: neighbours are not cheaper, and the first order condition holds. */
static void real_lots_are_at_their_best(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    for (uint64_t k = 0; k < 100; k++) {
        alm_rng rng = alm_rng_stream(13, k);
        double value[40];
        for (size_t i = 0; i < 40; i++) {
            value[i] = 100 * alm_rng_next_uniform(&rng);
        }
        alm_demand demand;
        alm_arena_reset(arena);
        assert_int_equal(alm_demand_of(value, NULL, 40, arena, &demand, NULL), ALM_OK);
        alm_lot_costs costs = random_costs(&rng);
        costs.order += 1;
        alm_order_levels best = alm_rq_best(&demand, costs);
        double q = best.order_up_to - best.reorder_point;
        for (int i = -3; i <= 3; i++) {
            for (int j = -3; j <= 3; j++) {
                double cost = alm_rq_cost(&demand, costs, best.reorder_point + .01 * i,
                                          q + .01 * j);
                assert_true(best.cost <= cost * (1 + 1e-10));
            }
        }
        assert_true(fabs(alm_demand_cost(&demand, costs.unit, best.order_up_to) - best.cost) <
                    1e-6 * best.cost);
    }
    alm_arena_destroy(arena);
}

static void too_wide_is_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    alm_order_levels out = {.cost = 77};
    alm_demand demand = poisson_demand(3, arena);
    alm_lot_costs costs = {1e9, 3, {1e-3, 1}};
    assert_int_equal(alm_ss_best(&demand, &demand, costs, arena, &out, &error), ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "count in a larger unit"));
    double large = ALM_SS_SPAN_MAX + 1;
    alm_demand review;
    assert_int_equal(alm_demand_of(&large, NULL, 1, arena, &review, NULL), ALM_OK);
    assert_int_equal(alm_ss_best(&review, &demand, costs, arena, &out, &error), ALM_ERR_LIMIT);
    double zero = 0;
    assert_int_equal(alm_demand_of(&zero, NULL, 1, arena, &review, NULL), ALM_OK);
    assert_int_equal(alm_ss_best(&review, &demand, costs, arena, &out, &error), ALM_ERR_INVALID);
    assert_true(out.cost == 77);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_policies_come_out),
        cmocka_unit_test(no_other_lot_is_cheaper),
        cmocka_unit_test(no_other_levels_are_cheaper),
        cmocka_unit_test(real_lots_are_at_their_best),
        cmocka_unit_test(too_wide_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
