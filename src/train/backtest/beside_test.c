#include "train/backtest/beside.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/smoothing/theta.h"

static const double LEVELS[] = {.1, .5, .9};
static const alm_stock_rule STOCK = {.lead = 1, .unit = {1, 9}};

static alm_beside beside_of(const alm_forecaster_kind *const *kinds, size_t count)
{
    return (alm_beside){.kind = kinds, .count = count, .season = 3, .steps = 4, .levels = LEVELS,
                        .level_count = 3, .seed = 5, .stock = &STOCK};
}

/* By hand: errors are all 0, so every path repeats the season; the delay passes one period. */
static void forecasts_begin_behind_the_delay(void **state)
{
    (void)state;
    static const double Y[] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
    const alm_forecaster_kind *kinds[] = {&alm_seasonal_naive};
    alm_beside beside = beside_of(kinds, 1);
    alm_beside_history history = {Y, 9, 0, NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_beside_forecast f;
    alm_error error;
    beside.delay = 1;
    assert_int_equal(alm_beside_run(&beside, &history, 1, arena, &f, &error), ALM_OK);
    static const double MEAN[] = {2, 3, 1, 2};
    static const double STOCKED[] = {5, 4, 3};
    assert_memory_equal(f.mean, MEAN, sizeof MEAN);
    assert_memory_equal(f.stock, STOCKED, sizeof STOCKED);
    for (size_t k = 0; k < 3; k++) {
        assert_memory_equal(f.quantiles + 4 * k, MEAN, sizeof MEAN);
    }
    assert_false(f.refused);
    alm_arena_destroy(arena);
}

static void what_is_refused_is_seasonal_naive(void **state)
{
    (void)state;
    static const double SHORT[] = {4};
    const alm_forecaster_kind *kinds[] = {&alm_theta_dynamic_optimised};
    alm_beside beside = beside_of(kinds, 1);
    alm_beside_history history[] = {{SHORT, 1, 0, NULL}, {SHORT, 0, 1, NULL}};
    alm_arena *arena = alm_arena_create(0);
    alm_beside_forecast f[2];
    alm_error error;
    assert_int_equal(alm_beside_run(&beside, history, 2, arena, f, &error), ALM_OK);
    for (int i = 0; i < 2; i++) {
        for (size_t h = 0; h < 4; h++) {
            assert_true(f[i].mean[h] == (i == 0 ? 4 : 0));
        }
    }
    assert_true(f[1].refused && f[1].stock[0] == 0);
    alm_arena_destroy(arena);
}

static void nothing_is_below_zero(void **state)
{
    (void)state;
    static const double FALLING[] = {9, 8, 6, 5, 4, 2, 1, 0, 1, 0};
    const alm_forecaster_kind *kinds[] = {&alm_drift, &alm_naive};
    alm_beside beside = beside_of(kinds, 2);
    alm_beside_history history = {FALLING, 10, 0, NULL};
    alm_arena *arena = alm_arena_create(0);
    alm_beside_forecast f[2];
    alm_error error;
    assert_int_equal(alm_beside_run(&beside, &history, 1, arena, f, &error), ALM_OK);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < 12; i++) {
            assert_true(f[k].quantiles[i] >= 0 && f[k].mean[i % 4] >= 0);
        }
        for (size_t h = 0; h < 4; h++) { /* quantiles rise with their levels */
            assert_true(f[k].quantiles[h] <= f[k].quantiles[4 + h]);
            assert_true(f[k].quantiles[4 + h] <= f[k].quantiles[8 + h]);
        }
    }
    assert_true(f[0].mean[3] == 0); /* falling by one a period from 0 */
    alm_arena_destroy(arena);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    enum { COUNT = 40, LENGTH = 50 };
    static double y[COUNT][LENGTH];
    alm_beside_history history[COUNT];
    alm_rng rng = alm_rng_stream(7, 7);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t t = 0; t < LENGTH; t++) {
            y[i][t] = floor(9 * alm_rng_next_uniform(&rng));
        }
        history[i] = (alm_beside_history){y[i], LENGTH - i, i, NULL};
    }
    const alm_forecaster_kind *kinds[] = {&alm_theta_dynamic_optimised, &alm_drift};
    alm_beside beside = beside_of(kinds, 2);
    alm_arena *arena = alm_arena_create(0);
    static alm_beside_forecast first[2 * COUNT];
    static alm_beside_forecast f[2 * COUNT];
    alm_error error;
    for (int threads = 1; threads <= 3; threads++) {
        beside.pool = alm_pool_if_any(threads);
        assert_int_equal(alm_beside_run(&beside, history, COUNT, arena,
                                        threads == 1 ? first : f, &error), ALM_OK);
        for (size_t i = 0; threads > 1 && i < 2 * COUNT; i++) {
            assert_memory_equal(f[i].mean, first[i].mean, 4 * sizeof(double));
            assert_memory_equal(f[i].quantiles, first[i].quantiles, 12 * sizeof(double));
            assert_memory_equal(f[i].stock, first[i].stock, 3 * sizeof(double));
        }
        alm_pool_destroy(beside.pool);
    }
    alm_arena_destroy(arena);
}

/* What was sold out is a bound to who knows bounds, and not known to the others. */
static void sold_out_is_a_bound_or_unknown(void **state)
{
    (void)state;
    static const double Y[] = {3, 2, 4, 2, 3, 1, 3, 2, 5, 3, 1, 2};
    static const uint8_t OUT[12] = {0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1};
    double known[12];
    for (size_t t = 0; t < 12; t++) {
        known[t] = OUT[t] ? (double)NAN : Y[t];
    }
    const alm_forecaster_kind *kinds[] = {&alm_count, &alm_theta_dynamic_optimised};
    alm_beside beside = beside_of(kinds, 2);
    const alm_beside_history history[] = {{Y, 12, 0, OUT}, {known, 12, 0, NULL}, {Y, 12, 0, NULL}};
    alm_arena *arena = alm_arena_create(0);
    alm_beside_forecast f[6];
    alm_error error;
    assert_int_equal(alm_beside_run(&beside, history, 3, arena, f, &error), ALM_OK);
    alm_count_past counts = {Y, 12, OUT};
    void *fitted = NULL;
    double mean[4];
    assert_int_equal(alm_count_fit(&counts, NULL, arena, &fitted, &error), ALM_OK);
    alm_count.mean(fitted, 4, mean);
    assert_memory_equal(f[0].mean, mean, sizeof mean);
    assert_true(f[0].mean[0] > f[2].mean[0]); /* more than the unknown, or a sale, would say */
    assert_true(f[0].mean[0] > f[4].mean[0]);
    assert_memory_equal(f[1].mean, f[3].mean, sizeof mean);
    assert_memory_equal(f[1].quantiles, f[3].quantiles, 12 * sizeof(double));
    assert_memory_not_equal(f[1].mean, f[5].mean, sizeof mean);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forecasts_begin_behind_the_delay),
        cmocka_unit_test(what_is_refused_is_seasonal_naive),
        cmocka_unit_test(nothing_is_below_zero),
        cmocka_unit_test(sold_out_is_a_bound_or_unknown),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
