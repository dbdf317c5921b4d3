#include "decide/stock_score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* Sums of a few numbers in another order. */
static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

/* By hand: lead 1, level 5 always, demand 2 4 1 6. Net stock at the end of t is 5 less the demand
 * of t - 1 and t: period 1: -1, period 2: 0, period 3: -2. */
static void backorders_by_hand(void **state)
{
    (void)state;
    alm_stock_rule rule = {.lead = 1, .unit = {1, 9}};
    static const double DEMAND[] = {2, 4, 1, 6};
    static const double LEVEL[] = {5, 5, 5};
    alm_stock_score s = {0};
    alm_stock_score_add(&s, &rule, DEMAND, LEVEL, 4);
    assert_int_equal(s.periods, 3);
    assert_near(s.holding, 0);
    assert_near(s.shortage, 9 * (1 + 2));
    assert_near(s.demand, 11);
    assert_near(s.missing, 1 + 2);
    assert_near(alm_stock_score_cost(&s), 27. / 11);
    assert_near(alm_stock_score_fill_rate(&s), 1 - 3. / 11);
    assert_near(alm_stock_score_ready_rate(&s), 1. / 3);
}

/* By hand: the same with lost sales: on hand 5, 3 | ordered 2, 4 wanted, 1 lost (on hand 0, then 2
 * come) | position 2: 3 ordered, 1 sold, 1 left | 3 come: 6 wanted, 2 lost. */
static void lost_sales_by_hand(void **state)
{
    (void)state;
    alm_stock_rule rule = {.lead = 1, .unit = {1, 9}, .lost_sales = true};
    static const double DEMAND[] = {2, 4, 1, 6};
    static const double LEVEL[] = {5, 5, 5};
    alm_stock_score s = {0};
    alm_stock_score_add(&s, &rule, DEMAND, LEVEL, 4);
    assert_near(s.missing, 1 + 2);
    assert_near(s.shortage, 9 * 3);
    assert_near(s.holding, 1); /* the one that is left of period 2 */
}

/* With rising levels a position can always be raised, so with backorders period t + lead ends with
 * level t less the demand of t .. t + lead: the newsvendor's cost of it, period by period. */
static void each_period_is_a_newsvendor(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(2, 1);
    for (int c = 0; c < 300; c++) {
        enum { STEPS = 12 };
        size_t lead = alm_rng_next_below(&rng, 5);
        alm_stock_rule rule = {.lead = lead, .unit = {1, 4}};
        double demand[STEPS];
        double level[STEPS];
        double start = 10 * alm_rng_next_uniform(&rng);
        double cost = 0;
        for (size_t t = 0; t < STEPS; t++) {
            demand[t] = floor(6 * alm_rng_next_uniform(&rng));
            level[t] = start + .3 * (double)t;
        }
        for (size_t t = 0; t + lead < STEPS; t++) {
            double net = level[t];
            for (size_t h = t; h <= t + lead; h++) {
                net -= demand[h];
            }
            cost += net > 0 ? net : -4 * net;
        }
        alm_stock_score s = {0};
        alm_stock_score_add(&s, &rule, demand, level, STEPS);
        assert_true(fabs(s.holding + s.shortage - cost) < 1e-9); /* as alm_stock_step rounds */
    }
}

/* The level of the true distribution costs least; nothing at all fills nothing. */
static void the_true_forecast_costs_least(void **state)
{
    (void)state;
    enum { STEPS = 8, PATHS = 400, SERIES = 400 };
    alm_rng rng = alm_rng_stream(2, 2);
    alm_stock_rule rule = {.lead = 2, .unit = {1, 9}};
    static double paths[PATHS * STEPS];
    double level[4][STEPS];
    alm_error error;
    for (size_t i = 0; i < PATHS * STEPS; i++) {
        double u = alm_rng_next_uniform(&rng);
        paths[i] = u < .7 ? 0 : floor(20 * (u - .7));
    }
    assert_int_equal(alm_stock_levels(&rule, paths, PATHS, STEPS, level[0], &error), ALM_OK);
    for (size_t t = 0; t < STEPS - 2; t++) {
        level[1][t] = level[0][t] + 3;
        level[2][t] = level[0][t] > 3 ? level[0][t] - 3 : 0;
        level[3][t] = 0;
    }
    alm_stock_score s[4] = {0};
    for (int i = 0; i < SERIES; i++) {
        double demand[STEPS];
        for (size_t t = 0; t < STEPS; t++) {
            double u = alm_rng_next_uniform(&rng);
            demand[t] = u < .7 ? 0 : floor(20 * (u - .7));
        }
        for (int r = 0; r < 4; r++) {
            alm_stock_score_add(&s[r], &rule, demand, level[r], STEPS);
        }
    }
    for (int r = 1; r < 4; r++) {
        assert_true(alm_stock_score_cost(&s[0]) < alm_stock_score_cost(&s[r]));
    }
    assert_true(s[3].holding == 0 && alm_stock_score_fill_rate(&s[3]) == 0);
    /* 9 of 10 protection intervals are covered: the shares of periods that end short differ from
     * that by chance and by whole units. */
    assert_true(alm_stock_score_ready_rate(&s[0]) > .85);
}

static void unknown_demand_and_bad_paths(void **state)
{
    (void)state;
    alm_stock_rule rule = {.lead = 0, .unit = {1, 1}};
    static const double DEMAND[] = {NAN, 2, NAN};
    static const double LEVEL[] = {3, 3, 3};
    alm_stock_score s = {0};
    assert_true(isnan(alm_stock_score_cost(&s)) && isnan(alm_stock_score_ready_rate(&s)));
    alm_stock_score_add(&s, &rule, DEMAND, LEVEL, 3);
    assert_int_equal(s.periods, 1);
    assert_near(s.holding, 1);
    double level[2];
    alm_error error;
    assert_int_equal(alm_stock_levels(&rule, (double[]){1, -1}, 1, 2, level, &error),
                     ALM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backorders_by_hand),
        cmocka_unit_test(lost_sales_by_hand),
        cmocka_unit_test(each_period_is_a_newsvendor),
        cmocka_unit_test(the_true_forecast_costs_least),
        cmocka_unit_test(unknown_demand_and_bad_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
