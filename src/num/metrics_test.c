/* Golden values: Python 3.11.7, numpy 2.1.3:
 *   first = argmax(nan_to_num(y) > 0); z = y[first:]
 *   squared = nanmean(diff(z)**2); absolute = nanmean(abs(z[s:] - z[:-s]))
 *   e = f - a over the pairs without nan; rmsse = mean over windows of sqrt(mean(e**2)/squared)
 *   mase = mean over windows of mean(abs(e))/absolute; wape = sum(abs(e))/sum(a)
 *   pinball = maximum(l*(y - q), (l - 1)*(y - q)).mean() */
#include "num/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The goldens sum a dozen numbers in another order than ours: a few ulp. */
static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-14 * (1 + fabs(expected)))) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

static const double HISTORY[] = {NAN, 0, 0, 3, 0, 5, NAN, 2, 2, 0, 7, 1, 0, 4};

static void scales_begin_at_the_first_sale_and_skip_missing(void **state)
{
    (void)state;
    alm_scale scale = alm_scale_of(HISTORY, 14, 2);
    assert_near(scale.squared, 17.5);
    assert_near(scale.absolute, 3.2857142857142856);
    /* By hand: 0 0 | 2 5 1: differences 3, -4; season 2: |1 - 2|. */
    scale = alm_scale_of((double[]){0, 0, 2, 5, 1}, 5, 2);
    assert_near(scale.squared, 12.5);
    assert_near(scale.absolute, 1);
    scale = alm_scale_of((double[]){2, 5, 1}, 3, 1);
    assert_near(scale.absolute, 3.5);
}

static void series_without_a_scale(void **state)
{
    (void)state;
    static const double CONSTANT[] = {4, 4, 4, 4, 4};
    static const double ZEROS[] = {0, 0, 0, 0, 0};
    static const double MISSING[] = {NAN, NAN, NAN};
    static const double LATE[] = {0, 0, 0, 0, 9};
    static const double ALTERNATE[] = {3, NAN, 3, NAN, 5};
    const double *series[] = {CONSTANT, ZEROS, LATE};
    for (int i = 0; i < 3; i++) {
        alm_scale scale = alm_scale_of(series[i], 5, 1);
        assert_true(scale.squared == 0 && scale.absolute == 0);
    }
    alm_scale scale = alm_scale_of(MISSING, 3, 1);
    assert_true(scale.squared == 0 && scale.absolute == 0);
    scale = alm_scale_of(NULL, 0, 7);
    assert_true(scale.squared == 0 && scale.absolute == 0);
    scale = alm_scale_of(ALTERNATE, 5, 2); /* no neighbours, but a season */
    assert_true(scale.squared == 0 && scale.absolute == 1);
    scale = alm_scale_of(CONSTANT, 5, 50); /* a season longer than the history */
    assert_true(scale.absolute == 0);
}

static void pooled_and_scaled_metrics_match_numpy(void **state)
{
    (void)state;
    alm_metrics m = {0};
    alm_metrics_add_window(&m, (double[]){2, NAN, 0, 5}, (double[]){1.5, 9, .25, 7}, 4,
                           alm_scale_of(HISTORY, 14, 2));
    alm_metrics_add_window(&m, (double[]){1, 4, 2}, (double[]){3, 1, 2.5}, 3,
                           alm_scale_of((double[]){0, 1, 4, 2, 8}, 5, 2));
    assert_int_equal(m.pairs, 6);
    assert_int_equal(m.percentage_pairs, 5);
    assert_near(alm_metrics_wape(&m), 0.5892857142857143);
    assert_near(alm_metrics_bias(&m), 0.08928571428571429);
    assert_near(alm_metrics_rmse(&m), 1.7108720973039842);
    assert_near(alm_metrics_mae(&m), 1.375);
    assert_near(alm_metrics_mape(&m), 0.73);
    assert_near(alm_metrics_rmsse(&m), 0.40330680067243907);
    assert_near(alm_metrics_mase(&m), 0.506159420289855);
    assert_int_equal(m.rmsse_windows, 2);
    assert_int_equal(m.mase_windows, 2);
    assert_int_equal(m.unscaled_windows, 0);
}

/* Known values: the naive forecast of a straight line by one step has RMSSE = MASE = 1, ordering
 * nothing has WAPE 1 and bias -1. */
static void known_values(void **state)
{
    (void)state;
    alm_scale scale = alm_scale_of((double[]){2, 4, 6, 8}, 4, 1);
    alm_metrics m = {0};
    alm_metrics_add_window(&m, (double[]){10, 12}, (double[]){8, 10}, 2, scale);
    assert_true(alm_metrics_rmsse(&m) == 1 && alm_metrics_mase(&m) == 1);
    alm_metrics nothing = {0};
    alm_metrics_add_window(&nothing, (double[]){3, 0, 9}, (double[]){0, 0, 0}, 3, scale);
    assert_true(alm_metrics_wape(&nothing) == 1 && alm_metrics_bias(&nothing) == -1);
}

static void unscaled_windows_are_counted_and_pooled(void **state)
{
    (void)state;
    alm_metrics m = {0};
    alm_scale none = alm_scale_of((double[]){4, 4, 4}, 3, 1);
    alm_metrics_add_window(&m, (double[]){4, 6}, (double[]){5, 5}, 2, none);
    assert_int_equal(m.unscaled_windows, 1);
    assert_int_equal(m.rmsse_windows, 0);
    assert_true(isnan(alm_metrics_rmsse(&m)) && isnan(alm_metrics_mase(&m)));
    assert_true(alm_metrics_mae(&m) == 1); /* still in the pooled ones */
    alm_metrics_add_window(&m, (double[]){1}, (double[]){3}, 1, (alm_scale){4, 0});
    assert_true(alm_metrics_rmsse(&m) == 1); /* not diluted by the other */
    assert_int_equal(m.mase_windows, 0);
    /* A window with nothing observed adds nothing at all. */
    alm_metrics before = m;
    alm_metrics_add_window(&m, (double[]){NAN, NAN}, (double[]){3, 4}, 2, none);
    assert_memory_equal(&m, &before, sizeof m);
}

static void nothing_to_divide_by_is_nan(void **state)
{
    (void)state;
    alm_metrics m = {0};
    double (*const METRICS[])(const alm_metrics *) = {
        alm_metrics_wape, alm_metrics_bias,  alm_metrics_rmse, alm_metrics_mae,
        alm_metrics_mape, alm_metrics_rmsse, alm_metrics_mase, alm_metrics_coverage};
    for (int i = 0; i < 8; i++) {
        assert_true(isnan(METRICS[i](&m)));
    }
    assert_true(isnan(alm_metrics_pinball(&m, 0)));
    alm_metrics_add_window(&m, (double[]){0, 0}, (double[]){1, 1}, 2, (alm_scale){1, 1});
    assert_true(isnan(alm_metrics_wape(&m)) && isnan(alm_metrics_mape(&m)));
    assert_true(alm_metrics_mae(&m) == 1);
}

static void pinball_and_coverage(void **state)
{
    (void)state;
    static const double LEVELS[] = {.05, .5, .95};
    alm_metrics m = {0};
    alm_metrics_add_pinball(&m, 4, (double[]){1, 3.5, 6}, LEVELS, 3);
    alm_metrics_add_pinball(&m, 0, (double[]){0, .5, 2}, LEVELS, 3);
    alm_metrics_add_pinball(&m, 7, (double[]){1, 2, 5.5}, LEVELS, 3);
    assert_near(alm_metrics_pinball(&m, 0), 0.15);
    assert_near(alm_metrics_pinball(&m, 1), 1.0);
    assert_near(alm_metrics_pinball(&m, 2), 0.5416666666666666);
    static const double PIT[] = {.01, .05, .5, .95, .951};
    for (int i = 0; i < 5; i++) {
        alm_metrics_add_interval(&m, PIT[i], .05, .95);
    }
    assert_near(alm_metrics_coverage(&m), .6);
}

/* By hand: 200 x (1/3, 0, 1) of the first window, 200 x 1/7 of the second. */
static void symmetric_percentages_are_means_of_windows(void **state)
{
    (void)state;
    static const double Y[] = {1, 0, 3, NAN};
    static const double F[] = {2, 0, 0, 5};
    static const double Y_OTHER[] = {4};
    static const double F_OTHER[] = {3};
    alm_metrics m = {0};
    assert_true(isnan(alm_metrics_smape(&m)));
    alm_metrics_add_window(&m, Y, F, 4, (alm_scale){0, 0});
    alm_metrics_add_window(&m, Y_OTHER, F_OTHER, 1, (alm_scale){0, 0});
    assert_near(alm_metrics_smape(&m), (200 * (1. / 3 + 1) / 3 + 200. / 7) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symmetric_percentages_are_means_of_windows),
        cmocka_unit_test(scales_begin_at_the_first_sale_and_skip_missing),
        cmocka_unit_test(series_without_a_scale),
        cmocka_unit_test(pooled_and_scaled_metrics_match_numpy),
        cmocka_unit_test(known_values),
        cmocka_unit_test(unscaled_windows_are_counted_and_pooled),
        cmocka_unit_test(nothing_to_divide_by_is_nan),
        cmocka_unit_test(pinball_and_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
