#include "serve/answer/path_sums.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const alm_limits NONE = {.min = -INFINITY, .max = INFINITY, .max_change = INFINITY};
static const double MEDIAN_AND_MORE[] = {.25, .5, .75};

/* Days that move against each other: every sum is 10, whatever the days do. */
static void days_that_make_up_for_each_other_have_a_certain_sum(void **state)
{
    (void)state;
    static const double VALUES[] = {0, 10, 5, 5, 10, 0, 2, 8, 7, 3};
    alm_arena *arena = alm_arena_create(0);
    alm_path_sums sums = {VALUES, 5, 2, &NONE, NULL, MEDIAN_AND_MORE, 3};
    double out[3];
    alm_path_sum_quantiles(&sums, 0, 1, arena, out);
    for (size_t k = 0; k < 3; k++) {
        assert_true(out[k] == 10);
    }
    alm_path_sum_quantiles(&sums, 0, 0, arena, out);
    assert_true(out[0] == 2 && out[1] == 5 && out[2] == 7); /* of 0 2 5 7 10 */
    alm_path_sum_quantiles(&sums, 1, 1, arena, out);
    assert_true(out[0] == 3 && out[1] == 5 && out[2] == 8);
    alm_arena_destroy(arena);
}

/* Type 7 by hand: 1 + 3 = 4, 2 + 4 = 6, 8 + 2 = 10, 0 + 1 = 1; sorted 1 4 6 10. */
static void quantiles_lie_between_the_sums(void **state)
{
    (void)state;
    static const double VALUES[] = {99, 1, 3, 99, 2, 4, 99, 8, 2, 99, 0, 1};
    alm_arena *arena = alm_arena_create(0);
    alm_path_sums sums = {VALUES, 4, 3, &NONE, NULL, MEDIAN_AND_MORE, 3};
    double out[3];
    alm_path_sum_quantiles(&sums, 1, 2, arena, out);
    assert_true(out[0] == 3.25 && out[1] == 5 && out[2] == 7);
    alm_arena_destroy(arena);
}

/* Each day is cut, not the sum: 8 + 2 is 6 + 2. */
static void limits_hold_by_day(void **state)
{
    (void)state;
    static const double VALUES[] = {1, 3, 2, 4, 8, 2, 0, 1};
    static const double REFERENCE[] = {NAN, 2};
    alm_arena *arena = alm_arena_create(0);
    alm_limits limits = {.min = 1, .max = 6, .max_change = .5, .min_by = ALM_STR("floor"),
                         .max_by = ALM_STR("cap"), .change_by = ALM_STR("steady")};
    alm_path_sums sums = {VALUES, 4, 2, &limits, REFERENCE, MEDIAN_AND_MORE, 3};
    double out[3];
    alm_path_sum_quantiles(&sums, 0, 1, arena, out);
    /* 1 + 3, 2 + 3, 6 + 2, 1 + 1 */
    assert_true(out[0] == 3.5 && out[1] == 4.5 && out[2] == 5.75);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_that_make_up_for_each_other_have_a_certain_sum),
        cmocka_unit_test(quantiles_lie_between_the_sums),
        cmocka_unit_test(limits_hold_by_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
