#include "model/statistical/decomposition/stl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/decomposition/stl_cases.h"
#include "model/statistical/statistical_cases.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define AIR_COUNT COUNT_OF(AIR)

/* Of values of 300: the program says 17 digits, and adds up in another order, over 348 values and
 * four rounds. Weights are of distances of .1, so they lose three digits more. */
#define PART_TOLERANCE 1e-10
#define WEIGHT_TOLERANCE 1e-8

static alm_stl_options fortran_options(void)
{
    return (alm_stl_options){.season = 12, .cycle = {35, 4, 1}, .trend = {19, 2, 1},
                             .low = {13, 2, 1}, .inner = 1, .outer = 2};
}

static void check(size_t count, const alm_stl_options *options, const stl_case *expected,
                  size_t expected_count)
{
    alm_arena *arena = alm_arena_create(0);
    alm_stl_parts parts;
    assert_int_equal(alm_stl(CO2, count, options, arena, &parts, NULL), ALM_OK);
    for (size_t i = 0; i < expected_count; i++) {
        const stl_case *e = &expected[i];
        assert_true(fabs(parts.season[e->index] - e->season) <= PART_TOLERANCE);
        assert_true(fabs(parts.trend[e->index] - e->trend) <= PART_TOLERANCE);
        assert_true(fabs(parts.weight[e->index] - e->weight) <= WEIGHT_TOLERANCE);
    }
    alm_arena_destroy(arena);
}

static void the_fortran_program_says_the_same(void **unused)
{
    (void)unused;
    alm_stl_options options = fortran_options();
    check(CO2_COUNT, &options, BASELINE, COUNT_OF(BASELINE));
    check(CO2_COUNT - 1, &options, SHORT, COUNT_OF(SHORT));
    options.low.jump = 1;
    check(CO2_COUNT, &options, LOW_JUMP_1, COUNT_OF(LOW_JUMP_1));
    options.trend.jump = 1;
    check(CO2_COUNT, &options, BOTH_JUMPS_1, COUNT_OF(BOTH_JUMPS_1));
    options.low.jump = 2;
    check(CO2_COUNT, &options, TREND_JUMP_1, COUNT_OF(TREND_JUMP_1));
    alm_stl_options easy = {.season = 12, .cycle = {35, 4, 1}, .trend = {19, 2, 1},
                            .low = {13, 2, 1}, .inner = 2, .outer = 0};
    check(CO2_COUNT, &easy, EASY, COUNT_OF(EASY));
}

/* A line and a season that repeats are found as they are, by lines of any window; and with any
 * values unknown, as long as each window has some. Tolerance: rounding of values up to 100. */
static void a_line_and_a_season_are_found_in_spite_of_gaps(void **unused)
{
    (void)unused;
    static const double SEASON[] = {5, -3, 1, 0, -4, 1};
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(7, 0);
    for (int round = 0; round < 20; round++) {
        double y[96];
        alm_stl_options options = alm_stl_usual(6, 7 + 2 * alm_rng_next_below(&rng, 5), round % 2);
        options.cycle.jump = 1 + alm_rng_next_below(&rng, 3);
        options.trend.jump = 1 + alm_rng_next_below(&rng, 3);
        for (size_t t = 0; t < 96; t++) {
            bool is_known = round < 4 || alm_rng_next_below(&rng, 5) > 0;
            y[t] = is_known ? 40 + .5 * (double)t + SEASON[t % 6] : (double)NAN;
        }
        options.inner = 60; /* with gaps the rounds converge, without them one is enough */
        alm_stl_parts parts;
        alm_arena_reset(arena);
        assert_int_equal(alm_stl(y, 96, &options, arena, &parts, NULL), ALM_OK);
        for (size_t t = 0; t < 96; t++) {
            assert_true(fabs(parts.season[t] - SEASON[t % 6]) <= 1e-9);
            assert_true(fabs(parts.trend[t] - 40 - .5 * (double)t) <= 1e-9);
            assert_true(!isnan(y[t]) || parts.weight[t] == 0);
        }
    }
    alm_arena_destroy(arena);
}

/* Gaps longer than a window, a phase that is never known, one known value. */
static void parts_are_finite_whatever_is_unknown(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    for (int way = 0; way < 6; way++) {
        double y[AIR_COUNT];
        alm_stl_options options = alm_stl_usual(12, 7, way % 2);
        for (size_t t = 0; t < AIR_COUNT; t++) {
            bool is_known = way < 2 ? t < 40 || t > 120 : way < 4 ? t % 12 != 3 : t == 70;
            y[t] = is_known ? AIR[t] : (double)NAN;
        }
        alm_stl_parts parts;
        alm_arena_reset(arena);
        assert_int_equal(alm_stl(y, AIR_COUNT, &options, arena, &parts, NULL), ALM_OK);
        for (size_t t = 0; t < AIR_COUNT; t++) {
            assert_true(isfinite(parts.season[t]) && isfinite(parts.trend[t]));
        }
    }
    alm_arena_destroy(arena);
}

/* An outlier gets the weight 0, and leaves trend and season as they are without it: within 1 of
 * values of 300, where it is 200 away. */
static void outliers_have_no_weight(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    double y[AIR_COUNT];
    memcpy(y, AIR, sizeof y);
    alm_stl_options options = alm_stl_usual(12, 13, true);
    alm_stl_parts clean, dirty;
    assert_int_equal(alm_stl(y, AIR_COUNT, &options, arena, &clean, NULL), ALM_OK);
    y[70] += 200;
    assert_int_equal(alm_stl(y, AIR_COUNT, &options, arena, &dirty, NULL), ALM_OK);
    assert_true(dirty.weight[70] == 0 && dirty.weight[69] > 0);
    assert_true(fabs(dirty.trend[70] - clean.trend[70]) < 1);
    assert_true(fabs(dirty.season[70] - clean.season[70]) < 1);
    alm_arena_destroy(arena);
}

/* Of statsmodels 0.15.0, STL(AIR, period=12, seasonal=13) and with robust=True, and the formulas of
 * Wang, Smith, Hyndman on them; its sums run in another order. */
static void strength_and_robust_parts_as_statsmodels_has_them(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_stl_options options = alm_stl_usual(12, 13, false);
    alm_stl_parts parts;
    assert_int_equal(alm_stl(AIR, AIR_COUNT, &options, arena, &parts, NULL), ALM_OK);
    alm_strength s = alm_stl_strength(AIR, parts.season, parts.trend, AIR_COUNT);
    assert_true(fabs(s.trend - .997157408364578) < 1e-11);
    assert_true(fabs(s.season - .981530421654995) < 1e-11);
    options = alm_stl_usual(12, 13, true);
    assert_int_equal(alm_stl(AIR, AIR_COUNT, &options, arena, &parts, NULL), ALM_OK);
    s = alm_stl_strength(AIR, parts.season, parts.trend, AIR_COUNT);
    assert_true(fabs(s.trend - .995682107621338) < 1e-11);
    assert_true(fabs(s.season - .971993767199263) < 1e-11);
    assert_true(fabs(parts.season[100] + 4.59843833497666) < 1e-9);
    assert_true(fabs(parts.trend[100] - 361.439931431469) < 1e-9);
    assert_true(fabs(parts.weight[100] - .981390332618922) < 1e-9);
    alm_arena_destroy(arena);
}

static void where_nothing_varies_nothing_is_strong(void **unused)
{
    (void)unused;
    static const double Y[] = {3, 3, NAN, 3, 3, 3};
    static const double ZERO[6] = {0};
    alm_strength s = alm_stl_strength(Y, ZERO, ZERO, 6);
    assert_true(s.trend == 0 && s.season == 0);
    s = alm_stl_strength(Y, ZERO, ZERO, 0);
    assert_true(s.trend == 0 && s.season == 0);
}

static void refusals_say_what_is_wrong(void **unused)
{
    (void)unused;
    static const double LARGE[] = {1, 2, 1e300, 4, 5, 6};
    static const double NONE[] = {NAN, NAN, NAN, NAN};
    alm_arena *arena = alm_arena_create(0);
    alm_stl_parts parts = {0};
    alm_error error;
    alm_stl_options options = alm_stl_usual(12, 7, false);
    assert_int_equal(alm_stl(AIR, 23, &options, arena, &parts, &error), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "two seasons of 12 periods"));
    options.trend.window = 8;
    assert_int_equal(alm_stl(AIR, 48, &options, arena, &parts, &error), ALM_ERR_INVALID);
    options = alm_stl_usual(2, 7, false);
    assert_int_equal(alm_stl(NONE, 4, &options, arena, &parts, &error), ALM_ERR_INCOMPLETE);
    assert_int_equal(alm_stl(LARGE, 6, &options, arena, &parts, &error), ALM_ERR_NUMERIC);
    options.inner = 0;
    assert_int_equal(alm_stl(AIR, 6, &options, arena, &parts, &error), ALM_ERR_INVALID);
    assert_null(parts.season);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fortran_program_says_the_same),
        cmocka_unit_test(a_line_and_a_season_are_found_in_spite_of_gaps),
        cmocka_unit_test(parts_are_finite_whatever_is_unknown),
        cmocka_unit_test(outliers_have_no_weight),
        cmocka_unit_test(strength_and_robust_parts_as_statsmodels_has_them),
        cmocka_unit_test(where_nothing_varies_nothing_is_strong),
        cmocka_unit_test(refusals_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
