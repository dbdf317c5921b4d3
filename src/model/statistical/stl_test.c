#include "model/statistical/stl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/statistical_cases.h"
#include "model/statistical/stl_cases.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fortran_program_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
