/* Golden values: Python 3.11.7, numpy 2.4.6, from the definitions:
 *   samples: abs(s - y).mean() - .5 * abs(s[:, None] - s[None]).mean()
 *   quantiles: 2 * (diff(edges) * pinball).sum(), edges half way between the levels, 0 and 1
 *   interval score, pinball, RMSSE and weights written out with arrays */
#include "num/scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/quantile.h"

/* The goldens sum a few numbers in another order than ours: a few ulp. */
static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-14 * (1 + fabs(expected)))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static const double LEVELS[] = {.05, .25, .5, .75, .95};

static void crps_of_samples(void **state)
{
    (void)state;
    static const double SORTED[] = {-1.5, .25, 2, 2, 3.5, 4.75, 9};
    assert_near(alm_score_crps_samples(3.7, SORTED, 7), 0.9428571428571433);
    /* One sample is a point forecast: the absolute error. */
    assert_true(alm_score_crps_samples(3, (double[]){5}, 1) == 2);
    assert_true(alm_score_crps_samples(7, (double[]){7, 7, 7}, 3) == 0);
}

/* Of a uniform distribution on (0, 1), by hand: the integral of (F - 1{y <= x})^2 is
 * (y^3 + (1 - y)^3) / 3. K samples (k - 1/2) / K and the quantiles at the same levels are both
 * within 1/(4 K^2) of it, up to a constant near 1. */
static void both_crps_come_to_the_integral(void **state)
{
    (void)state;
    enum { K = 500 };
    double middle[K];
    for (int k = 0; k < K; k++) {
        middle[k] = (k + .5) / K;
    }
    for (int i = -3; i <= 13; i++) {
        double y = i / 10.;
        double inside = y < 0 ? 0 : y > 1 ? 1 : y;
        double exact = (pow(inside, 3) + pow(1 - inside, 3)) / 3 + fabs(y - inside);
        assert_true(fabs(alm_score_crps_samples(y, middle, K) - exact) < 1. / (K * K));
        assert_true(fabs(alm_score_crps_quantiles(y, middle, middle, K) - exact) < 1. / (K * K));
    }
}

static void crps_of_quantiles(void **state)
{
    (void)state;
    static const double VALUES[] = {1, 2.5, 3, 5, 8};
    assert_near(alm_score_crps_quantiles(3.7, LEVELS, VALUES, 5), 0.5612500000000001);
    assert_true(alm_score_crps_quantiles(3, (double[]){.5}, (double[]){5}, 1) == 2);
}

/* A score is proper when nobody gains by forecasting another distribution than the true one. */
static void the_true_distribution_scores_best(void **state)
{
    (void)state;
    enum { K = 200, N = 2000 };
    double right[K];
    double wide[K];
    double moved[K];
    for (int k = 0; k < K; k++) {
        right[k] = (k + .5) / K;
        wide[k] = 1.6 * right[k] - .3;
        moved[k] = right[k] + .2;
    }
    alm_rng rng = alm_rng_stream(11, 1);
    double sums[3] = {0};
    double intervals[3] = {0};
    for (int i = 0; i < N; i++) {
        double y = alm_rng_next_uniform(&rng);
        sums[0] += alm_score_crps_samples(y, right, K);
        sums[1] += alm_score_crps_samples(y, wide, K);
        sums[2] += alm_score_crps_samples(y, moved, K);
        intervals[0] += alm_score_interval(y, .05, .95, .1);
        intervals[1] += alm_score_interval(y, -.15, 1.15, .1);
        intervals[2] += alm_score_interval(y, .25, 1.15, .1);
    }
    for (int i = 1; i < 3; i++) {
        assert_true(sums[0] < sums[i]);
        assert_true(intervals[0] < intervals[i]);
    }
}

static void windows_of_a_distribution(void **state)
{
    (void)state;
    static const double Y[] = {4, NAN, 9.5};
    static const double Q[] = {1, 2.5, 3, 5, 8, 0, 1, 2, 3, 4, 2, 3, 4, 6, 9};
    alm_distribution_window window = {.y = Y, .quantiles = Q, .steps = 3, .levels = LEVELS,
                                      .level_count = 5, .low = 0, .high = 4, .mase_scale = 2.5,
                                      .step_scale = 1.25, .weight = 2};
    alm_distribution_scores s = {0};
    assert_true(isnan(alm_distribution_msis(&s)) && isnan(alm_distribution_crps(&s)));
    alm_distribution_add_window(&s, &window);
    window.y = (double[]){.5};
    window.steps = 1;
    window.mase_scale = 4;
    window.step_scale = .5;
    window.weight = 3;
    alm_distribution_add_window(&s, &window);
    assert_near(alm_distribution_msis(&s), 4.524999999999999);
    assert_near(alm_distribution_wspl(&s), 1.4324);
    assert_near(alm_distribution_crps(&s), 2.08);
    assert_near(alm_distribution_scaled_crps(&s), 0.44571428571428573);
    assert_near(alm_distribution_coverage(&s), 1. / 3);
    assert_int_equal(s.below, 1);
    /* Without a scale it is counted, and in what needs none. */
    window.mase_scale = 0;
    window.step_scale = 0;
    alm_distribution_add_window(&s, &window);
    assert_int_equal(s.unscaled_windows, 1);
    assert_near(alm_distribution_msis(&s), 4.524999999999999);
    assert_int_equal(s.pairs, 4);
    /* Nothing known: nothing added. */
    alm_distribution_scores before = s;
    window.y = (double[]){NAN};
    alm_distribution_add_window(&s, &window);
    assert_memory_equal(&s, &before, sizeof s);
}

static void samples_take_the_place_of_quantiles(void **state)
{
    (void)state;
    static const double SORTED[] = {1, 2, 6, 0, 0, 3};
    static const double Q[] = {1, 2, 6, 0, 0, 3};
    alm_distribution_window window = {.y = (double[]){2, 5}, .quantiles = Q, .steps = 2,
                                      .levels = (double[]){.1, .5, .9}, .level_count = 3,
                                      .low = 0, .high = 2, .sorted = SORTED, .sorted_count = 3,
                                      .mase_scale = 1, .step_scale = 1, .weight = 1};
    alm_distribution_scores s = {0};
    alm_distribution_add_window(&s, &window);
    assert_near(alm_distribution_crps(&s), (alm_score_crps_samples(2, SORTED, 3) +
                                            alm_score_crps_samples(5, SORTED + 3, 3)) / 2);
}

/* By hand: Pearson's sum of one full bin of 20 is (n - n/20)^2 / (n/20) + 19 n/20 = 19 n. */
static void histograms_of_the_transform(void **state)
{
    (void)state;
    alm_distribution_scores s = {0};
    assert_true(isnan(alm_distribution_pit_chi_square(&s)));
    for (int i = 0; i < 40; i++) {
        alm_distribution_add_pit(&s, (i % 20 + .5) / 20);
    }
    assert_true(alm_distribution_pit_chi_square(&s) == 0);
    alm_distribution_scores edge = {0};
    alm_distribution_add_pit(&edge, 1);
    alm_distribution_add_pit(&edge, .999);
    assert_int_equal(edge.pit[ALM_PIT_BINS - 1], 2);
    assert_near(alm_distribution_pit_chi_square(&edge), 38);
}

static void overall_weighted_average(void **state)
{
    (void)state;
    /* The published figures of method 118 of M4 and of its Naive2. */
    assert_true(fabs(alm_score_owa(11.374, 1.536, 13.564, 1.912) - .821) < .0005);
    assert_true(alm_score_owa(5, 2, 5, 2) == 1);
    assert_true(isnan(alm_score_owa(5, 2, 0, 2)));
}

/* Three leaves, levels total, two groups, leaves; each node has its own start and scale. */
static void weighted_rmsse_of_a_hierarchy(void **state)
{
    (void)state;
    static const double PAST[3][6] = {{0, 2, 4, 1, 5, 3}, {0, 0, 0, 3, 1, 2}, {6, 5, 9, 4, 8, 7}};
    static const double THEN[3][2] = {{4, 2}, {1, 1}, {9, 6}};
    static const double FORECAST[3][2] = {{3, 3}, {1.5, 2}, {7, 7}};
    static const double PRICE[3] = {2, 10, .5};
    static const int NODES[][4] = {{0, 1, 1, 1}, {1, 1, 1, 0}, {1, 0, 0, 1},
                                   {2, 1, 0, 0}, {2, 0, 1, 0}, {2, 0, 0, 1}}; /* level, members */
    alm_weighted_mean levels[4] = {0}; /* the last has no node: not in the mean */
    for (int n = 0; n < 6; n++) {
        double past[6] = {0};
        double then[2] = {0};
        double forecast[2] = {0};
        double weight = 0;
        for (int i = 0; i < 3; i++) {
            double price[6];
            for (int t = 0; t < 6; t++) {
                past[t] += NODES[n][i + 1] * PAST[i][t];
                price[t] = PRICE[i];
            }
            for (int h = 0; h < 2; h++) {
                then[h] += NODES[n][i + 1] * THEN[i][h];
                forecast[h] += NODES[n][i + 1] * FORECAST[i][h];
            }
            weight += NODES[n][i + 1] * alm_score_sales(PAST[i], price, 6, 3);
        }
        alm_metrics one = {0};
        alm_metrics_add_window(&one, then, forecast, 2, alm_scale_of(past, 6, 1));
        alm_weighted_add(&levels[NODES[n][0]], alm_metrics_rmsse(&one), weight);
    }
    assert_near(alm_weighted_value(&levels[0]), 0.6113710083115829);
    assert_near(alm_weighted_value(&levels[1]), 0.9162869036343536);
    assert_near(alm_weighted_value(&levels[2]), 0.464451714850539);
    assert_true(isnan(alm_weighted_value(&levels[3])));
    assert_near(alm_weighted_levels(levels, 4), 0.6640365422654918);
}

static void sales_of_the_last_periods(void **state)
{
    (void)state;
    static const double UNITS[] = {100, 2, NAN, 3};
    static const double PRICE[] = {9, 1.5, 2, NAN};
    assert_true(alm_score_sales(UNITS, PRICE, 4, 3) == 3);
    assert_true(alm_score_sales(UNITS, NULL, 4, 3) == 5);
    assert_true(alm_score_sales(UNITS, PRICE, 2, 28) == 903);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crps_of_samples),
        cmocka_unit_test(both_crps_come_to_the_integral),
        cmocka_unit_test(crps_of_quantiles),
        cmocka_unit_test(the_true_distribution_scores_best),
        cmocka_unit_test(windows_of_a_distribution),
        cmocka_unit_test(samples_take_the_place_of_quantiles),
        cmocka_unit_test(histograms_of_the_transform),
        cmocka_unit_test(overall_weighted_average),
        cmocka_unit_test(weighted_rmsse_of_a_hierarchy),
        cmocka_unit_test(sales_of_the_last_periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
