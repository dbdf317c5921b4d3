/* Golden values: Python 3.11.7, numpy 2.4.6, as in scores_test.c: sums by hierarchy, then
 * sqrt(mean((f - a)^2) / mean(diff(h)^2)) from each node's first sale on, weighted by the money of
 * the last three periods. */
#include "num/weighted_scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "num/scores.h"

static const double HISTORY[] = {0, 2, 4, 1, 5, 3, 0, 0, 0, 3, 1, 2, 6, 5, 9, 4, 8, 7};
static const double ACTUAL[] = {4, 2, 1, 1, 9, 6};
static const double FORECAST[] = {3, 3, 1.5, 2, 7, 7};

/* A few ulp: sums in another order. */
static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-14 * (1 + fabs(expected)))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static alm_weighted_input input_of(alm_arena *arena, double *weight)
{
    static const double PRICE[] = {2, 10, .5};
    const alm_str levels[] = {ALM_STR("total"), ALM_STR("group")};
    const alm_str names[] = {ALM_STR("all"), ALM_STR("a"), ALM_STR("all"),
                             ALM_STR("a"),   ALM_STR("all"), ALM_STR("b")};
    alm_hierarchy *h = ALM_NEW(arena, alm_hierarchy);
    alm_error error;
    assert_int_equal(alm_hierarchy_build(levels, 2, names, 3, arena, h, &error), ALM_OK);
    for (int i = 0; i < 3; i++) {
        double price[6];
        for (int t = 0; t < 6; t++) {
            price[t] = PRICE[i];
        }
        weight[i] = alm_score_sales(HISTORY + (ptrdiff_t)6 * i, price, 6, 3);
    }
    return (alm_weighted_input){.hierarchy = h, .past = 6, .steps = 2, .history = HISTORY,
                                .actual = ACTUAL, .forecast = FORECAST, .weight = weight};
}

static void levels_match_numpy(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    double weight[3];
    double level[3];
    alm_weighted_input in = input_of(arena, weight);
    assert_near(alm_wrmsse(&in, level), 0.6640365422654918);
    assert_near(level[0], 0.6113710083115829);
    assert_near(level[1], 0.9162869036343536);
    assert_near(level[2], 0.464451714850539);
    alm_arena_destroy(arena);
}

static void forecasts_of_nodes_are_taken(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    double weight[3];
    double bottom_up[3];
    double given[3];
    alm_weighted_input in = input_of(arena, weight);
    (void)alm_wrmsse(&in, bottom_up);
    /* total right, group a as the sum of its leaves, group b right */
    static const double NODES[] = {14, 9, 4.5, 5, 9, 6};
    in.node_forecast = NODES;
    (void)alm_wrmsse(&in, given);
    assert_true(given[0] == 0);
    assert_true(given[1] < bottom_up[1] && given[1] > 0);
    assert_true(given[2] == bottom_up[2]);
    alm_arena_destroy(arena);
}

static void what_has_no_scale_or_weight(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    double weight[3];
    double level[3];
    alm_weighted_input in = input_of(arena, weight);
    static const double CONSTANT[18] = {0};
    in.history = CONSTANT;
    assert_true(isnan(alm_wrmsse(&in, level)) && isnan(level[0]) && isnan(level[2]));
    in.history = HISTORY;
    in.weight = (const double[]){0, 0, 0};
    assert_true(isnan(alm_wrmsse(&in, level)));
    in.weight = (const double[]){0, 1, 0}; /* the second leaf alone, and the nodes it is in */
    (void)alm_wrmsse(&in, level);
    alm_metrics one = {0};
    alm_metrics_add_window(&one, ACTUAL + 2, FORECAST + 2, 2, alm_scale_of(HISTORY + 6, 6, 1));
    assert_true(level[2] == alm_metrics_rmsse(&one));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_match_numpy),
        cmocka_unit_test(forecasts_of_nodes_are_taken),
        cmocka_unit_test(what_has_no_scale_or_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
