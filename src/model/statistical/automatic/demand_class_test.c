#include "model/statistical/automatic/demand_class.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* At a cut the class is the upper one. */
static void the_four_fields_and_their_edges(void **unused)
{
    (void)unused;
    assert_int_equal(alm_demand_class_of(1, 0), ALM_DEMAND_smooth);
    assert_int_equal(alm_demand_class_of(1.3199999, .4899999), ALM_DEMAND_smooth);
    assert_int_equal(alm_demand_class_of(1.32, .4899999), ALM_DEMAND_intermittent);
    assert_int_equal(alm_demand_class_of(1.3199999, .49), ALM_DEMAND_erratic);
    assert_int_equal(alm_demand_class_of(1.32, .49), ALM_DEMAND_lumpy);
    assert_string_equal(alm_demand_class_name(ALM_DEMAND_lumpy), "lumpy");
}

/* By hand: from the first 2 on, known: 2 0 4 0 -1 6; three demands of mean 4, variance 8 / 3. */
static void the_shape_of_a_past(void **unused)
{
    (void)unused;
    static const double Y[] = {0, NAN, 0, 2, 0, NAN, 4, 0, -1, 6};
    alm_demand_shape s = alm_demand_shape_of(Y, 10);
    assert_int_equal(s.periods, 6);
    assert_int_equal(s.demands, 3);
    assert_true(s.interval == 2);
    assert_true(fabs(s.squared_cv - 8. / 3 / 16) < 1e-15);
    assert_true(fabs(s.mean - 2) < 1e-15);
    assert_int_equal(s.class_of_demand, ALM_DEMAND_intermittent);
    assert_false(alm_demand_is_fast(&s, 4.9));
    assert_true(alm_demand_is_fast(&s, 5));
}

static void one_demand_none_and_huge_ones(void **unused)
{
    (void)unused;
    static const double ONE[] = {0, 0, 3}, NONE[] = {0, NAN, 0};
    static const double HUGE_ONES[] = {1e300, 2e300, 1e305};
    alm_demand_shape s = alm_demand_shape_of(ONE, 3);
    assert_true(s.interval == 1 && s.squared_cv == 0);
    assert_int_equal(s.class_of_demand, ALM_DEMAND_smooth);
    s = alm_demand_shape_of(NONE, 3);
    assert_true(isnan(s.interval) && isnan(s.squared_cv) && s.mean == 0);
    assert_int_equal(s.class_of_demand, ALM_DEMAND_none);
    s = alm_demand_shape_of(NULL, 0);
    assert_int_equal(s.class_of_demand, ALM_DEMAND_none);
    s = alm_demand_shape_of(HUGE_ONES, 3);
    assert_true(isfinite(s.squared_cv) && isfinite(s.mean));
    assert_int_equal(s.class_of_demand, ALM_DEMAND_erratic);
}

static void check_list(const alm_forecaster_kind *const *list, size_t count, const alm_past *past,
                       alm_arena *arena)
{
    assert_true(count >= 2);
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        double mean = (double)NAN;
        assert_int_equal(list[i]->fit(past, arena, &state, NULL), ALM_OK);
        list[i]->mean(state, 1, &mean);
        assert_true(mean >= 0 && isfinite(mean));
    }
}

/* Every candidate and every member of a class can forecast a past of it. */
static void candidates_take_the_pasts_of_their_class(void **unused)
{
    (void)unused;
    static const double PASTS[][12] = {
        [ALM_DEMAND_smooth] = {5, 6, 4, 5, 6, 5, 7, 5, 4, 6, 5, 6},
        [ALM_DEMAND_erratic] = {1, 9, 2, 1, 30, 1, 2, 12, 1, 3, 1, 25},
        [ALM_DEMAND_intermittent] = {1, 0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 1},
        [ALM_DEMAND_lumpy] = {1, 0, 0, 20, 0, 1, 0, 0, 9, 0, 0, 1},
        [ALM_DEMAND_none] = {0},
    };
    alm_arena *arena = alm_arena_create(0);
    for (int c = 0; c < ALM_DEMAND_CLASS_COUNT; c++) {
        alm_past past = {PASTS[c], 12, 1};
        size_t count = 0;
        assert_int_equal(alm_demand_shape_of(PASTS[c], 12).class_of_demand, c);
        const alm_forecaster_kind *const *list =
            alm_demand_candidates((alm_demand_class)c, &count);
        check_list(list, count, &past, arena);
        list = alm_demand_members((alm_demand_class)c, past.season, &count);
        check_list(list, count, &past, arena);
    }
    alm_arena_destroy(arena);
}

/* A season tells when there is demand, and what falls below 0 is none. */
static void a_past_with_a_season_is_not_rare(void **unused)
{
    (void)unused;
    double winter[48], returns[] = {0, 0, -3, 0, 0, 5, 0, 0, -1, 0};
    for (size_t t = 0; t < 48; t++) {
        winter[t] = t % 12 < 4 ? (double)(20 + t % 3) : 0;
    }
    assert_int_equal(alm_demand_shape_of(winter, 48).class_of_demand, ALM_DEMAND_intermittent);
    assert_int_equal(alm_demand_class_of_past(&(alm_past){winter, 48, 12}), ALM_DEMAND_smooth);
    assert_int_equal(alm_demand_class_of_past(&(alm_past){winter, 48, 1}),
                     ALM_DEMAND_intermittent);
    assert_int_equal(alm_demand_class_of_past(&(alm_past){returns, 10, 1}), ALM_DEMAND_smooth);
    assert_int_equal(alm_demand_class_of_past(&(alm_past){returns, 2, 1}), ALM_DEMAND_none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_four_fields_and_their_edges),
        cmocka_unit_test(the_shape_of_a_past),
        cmocka_unit_test(one_demand_none_and_huge_ones),
        cmocka_unit_test(candidates_take_the_pasts_of_their_class),
        cmocka_unit_test(a_past_with_a_season_is_not_rare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
