#include "model/baseline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* Three weeks and a day of a lumpy series. */
static const double LUMPY[] = {3, 0, 0, 5, 2, 0, 1, 4, 0, 0, 6, 1, 0, 2, 3, 0, 1, 5, 2, 0, 0, 4};
enum { COUNT = sizeof LUMPY / sizeof LUMPY[0], STEPS = 10, LEVELS = 5 };
static const double LEVEL[LEVELS] = {.05, .1, .5, .9, .95};

typedef struct forecasts {
    double mean[STEPS];
    double quantiles[LEVELS * STEPS];
} forecasts;

static forecasts forecast(alm_baseline baseline, const double *y, size_t count)
{
    forecasts f;
    alm_arena *scratch = alm_arena_create(0);
    alm_baseline_request request = {y, count, 7, STEPS, LEVEL, LEVELS, 0};
    alm_baseline_forecast(baseline, &request, scratch, f.mean, f.quantiles);
    alm_arena_destroy(scratch);
    return f;
}

/* `shift`: quantiles of the in-sample errors. 1e-12: both sides round a few times. */
static void expect(alm_baseline baseline, const double *mean, const double shift[LEVELS])
{
    forecasts f = forecast(baseline, LUMPY, COUNT);
    for (int h = 0; h < STEPS; h++) {
        assert_true(fabs(f.mean[h] - mean[h]) < 1e-12);
        for (int k = 0; k < LEVELS; k++) {
            double want = mean[h] + shift[k] > 0 ? mean[h] + shift[k] : 0;
            assert_true(fabs(f.quantiles[k * STEPS + h] - want) < 1e-12);
        }
    }
}

/* statsmodels 0.15.0: SimpleExpSmoothing(y, initialization_method="known", initial_level=y[0])
 * .fit(smoothing_level=.1, optimized=False); errors y - fittedvalues from the second value on;
 * quantiles by numpy 2.4.6 quantile (linear). The others by numpy alone. */
static void golden_values(void **state)
{
    (void)state;
    double mean[STEPS];
    for (int h = 0; h < STEPS; h++) {
        mean[h] = 1.9343906451356792;
    }
    expect(ALM_BASELINE_ses, mean, (double[]){-2.7, -2.6183000000000005, -1.3486819703000008, 2.57,
                                              3.2039651050217968});
    for (int h = 0; h < STEPS; h++) {
        mean[h] = 1.7727272727272727;
    }
    expect(ALM_BASELINE_mean, mean, (double[]){-1.7727272727272727, -1.7727272727272727,
                                               -0.7727272727272727, 3.1272727272727296,
                                               3.2272727272727275});
    static const double LAST[7] = {0, 1, 5, 2, 0, 0, 4};
    static const double PHASE[7] = {0, 1. / 3, 16. / 3, 5. / 3, 0, 1, 3.5};
    for (int h = 0; h < STEPS; h++) {
        mean[h] = LAST[h % 7];
    }
    expect(ALM_BASELINE_seasonal_naive, mean, (double[]){-1.3, -1, 0, 1, 1});
    for (int h = 0; h < STEPS; h++) {
        mean[h] = PHASE[h % 7];
    }
    expect(ALM_BASELINE_weekday_mean, mean, (double[]){-0.6583333333333334, -0.5, 0,
                                                       0.6500000000000005, 0.666666666666667});
    memset(mean, 0, sizeof mean);
    expect(ALM_BASELINE_zero, mean, (double[LEVELS]){0});
}

/* SES by hand: 10, then 10 + .1 (20 - 10) = 11, then 11 + .1 (1 - 11) = 10. */
static void hand_values(void **state)
{
    (void)state;
    forecasts f = forecast(ALM_BASELINE_ses, (double[]){10, 20, 1}, 3);
    assert_true(fabs(f.mean[0] - 10) < 1e-12);
    /* errors 10 and -10: the median is 0, the lower quantile never goes below 0 */
    assert_true(fabs(f.quantiles[2 * STEPS] - 10) < 1e-12);
    assert_true(fabs(f.quantiles[0] - 1) < 1e-12); /* 10 + (-10 + .05 * 20) */
    f = forecast(ALM_BASELINE_seasonal_naive, (double[]){1, 2, 3}, 3);
    static const double SHORT[STEPS] = {3, 3, 3, 3, 1, 2, 3, 3, 3, 3}; /* less than a season */
    assert_memory_equal(f.mean, SHORT, sizeof SHORT);
    /* What is not known is not 0: the value of the same day a week before. */
    f = forecast(ALM_BASELINE_seasonal_naive, (double[]){1, 2, 3, 4, 5, 6, 7, 8, (double)NAN}, 9);
    static const double GAP[STEPS] = {3, 4, 5, 6, 7, 8, 2, 3, 4, 5};
    assert_memory_equal(f.mean, GAP, sizeof GAP);
}

static void empty_and_constant_series(void **state)
{
    (void)state;
    static const double UNKNOWN[5] = {NAN, NAN, NAN, NAN, NAN};
    static const double SEVENS[9] = {7, 7, 7, 7, 7, 7, 7, 7, 7};
    for (int b = 0; b < ALM_BASELINE_COUNT; b++) {
        for (int known = 0; known < 2; known++) {
            forecasts f = forecast((alm_baseline)b, UNKNOWN, known ? 5 : 0);
            for (int h = 0; h < STEPS; h++) {
                assert_true(f.mean[h] == 0);
                assert_true(f.quantiles[(LEVELS - 1) * STEPS + h] == 0);
            }
        }
        forecasts f = forecast((alm_baseline)b, SEVENS, 9);
        for (int h = 0; h < STEPS; h++) {
            assert_true(f.mean[h] == (b == ALM_BASELINE_zero ? 0 : 7));
            assert_true(f.quantiles[h] == f.quantiles[(LEVELS - 1) * STEPS + h]);
        }
    }
}

/* What is not known counts nowhere: it is as if it were not there. */
static void unknown_values_are_skipped(void **state)
{
    (void)state;
    double holed[COUNT + 3];
    double dense[COUNT];
    size_t n = 0;
    for (size_t t = 0; t < COUNT; t++) {
        holed[n++] = LUMPY[t];
        if (t == 2 || t == 9 || t == 15) {
            holed[n++] = NAN;
        }
        dense[t] = LUMPY[t];
    }
    static const alm_baseline PLAIN[] = {ALM_BASELINE_ses, ALM_BASELINE_mean};
    for (int k = 0; k < 2; k++) {
        forecasts a = forecast(PLAIN[k], holed, n);
        forecasts b = forecast(PLAIN[k], dense, COUNT);
        for (int i = 0; i < STEPS * LEVELS; i++) {
            assert_true(fabs(a.quantiles[i] - b.quantiles[i]) < 1e-12); /* order of the sum */
        }
        assert_true(fabs(a.mean[0] - b.mean[0]) < 1e-12);
    }
    dense[COUNT - 2] = NAN; /* yesterday's phase: the mean of the two weeks before remains */
    forecasts f = forecast(ALM_BASELINE_weekday_mean, dense, COUNT);
    assert_true(fabs(f.mean[5] - (LUMPY[COUNT - 9] + LUMPY[COUNT - 16]) / 2) < 1e-12);
    f = forecast(ALM_BASELINE_seasonal_naive, dense, COUNT);
    assert_true(f.mean[5] == LUMPY[COUNT - 9] && f.mean[6] == LUMPY[COUNT - 1]);
}

static void quantiles_rise_and_are_never_negative(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(6, 6);
    for (int round = 0; round < 200; round++) {
        double y[60];
        size_t count = (size_t)alm_rng_next_below(&rng, 60);
        for (size_t t = 0; t < count; t++) {
            uint64_t draw = alm_rng_next_below(&rng, 12);
            y[t] = draw == 11 ? NAN : draw > 5 ? 0 : (double)draw;
        }
        for (int b = 0; b < ALM_BASELINE_COUNT; b++) {
            forecasts f = forecast((alm_baseline)b, y, count);
            for (int h = 0; h < STEPS; h++) {
                assert_true(isfinite(f.mean[h]) && f.mean[h] >= 0);
                for (int k = 0; k < LEVELS; k++) {
                    double below = k ? f.quantiles[(k - 1) * STEPS + h] : 0;
                    assert_true(f.quantiles[k * STEPS + h] >= below);
                }
            }
        }
    }
}

/* With a delay step 1 is further from the last value: the season goes on, the rest stays. */
static void a_delay_is_so_many_steps_more(void **state)
{
    (void)state;
    enum { DELAY_MAX = 9 };
    alm_arena *scratch = alm_arena_create(0);
    for (int b = 0; b < ALM_BASELINE_COUNT; b++) {
        double far[STEPS + DELAY_MAX];
        double far_quantiles[LEVELS * (STEPS + DELAY_MAX)];
        alm_baseline_request all = {LUMPY, COUNT, 7, STEPS + DELAY_MAX, LEVEL, LEVELS, 0};
        alm_baseline_forecast((alm_baseline)b, &all, scratch, far, far_quantiles);
        for (size_t delay = 0; delay <= DELAY_MAX; delay++) {
            forecasts f;
            alm_baseline_request late = {LUMPY, COUNT, 7, STEPS, LEVEL, LEVELS, delay};
            alm_baseline_forecast((alm_baseline)b, &late, scratch, f.mean, f.quantiles);
            assert_memory_equal(f.mean, far + delay, sizeof f.mean);
            for (int k = 0; k < LEVELS; k++) {
                assert_memory_equal(f.quantiles + k * STEPS,
                                    far_quantiles + k * (STEPS + DELAY_MAX) + delay,
                                    STEPS * sizeof(double));
            }
        }
    }
    /* The last week is 0 1 5 2 0 0 4; two days later the first step repeats its third. */
    double mean[STEPS];
    static const double LATE[STEPS] = {5, 2, 0, 0, 4, 0, 1, 5, 2, 0};
    alm_baseline_request late = {LUMPY, COUNT, 7, STEPS, NULL, 0, 2};
    alm_baseline_forecast(ALM_BASELINE_seasonal_naive, &late, scratch, mean, NULL);
    assert_memory_equal(mean, LATE, sizeof LATE);
    alm_arena_destroy(scratch);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(alm_baseline_name(ALM_BASELINE_seasonal_naive), "seasonal_naive");
    assert_string_equal(alm_baseline_name(ALM_BASELINE_weekday_mean), "weekday_mean");
    alm_arena *scratch = alm_arena_create(0);
    double mean[STEPS];
    alm_baseline_request request = {LUMPY, COUNT, 7, STEPS, NULL, 0, 0};
    alm_baseline_forecast(ALM_BASELINE_mean, &request, scratch, mean, NULL); /* points only */
    assert_true(mean[STEPS - 1] > 1);
    alm_arena_destroy(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values),
        cmocka_unit_test(hand_values),
        cmocka_unit_test(empty_and_constant_series),
        cmocka_unit_test(unknown_values_are_skipped),
        cmocka_unit_test(quantiles_rise_and_are_never_negative),
        cmocka_unit_test(a_delay_is_so_many_steps_more),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
