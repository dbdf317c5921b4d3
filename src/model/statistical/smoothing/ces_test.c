#include "model/statistical/smoothing/ces.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/statistical_cases.h"

#define N (sizeof AIR / sizeof AIR[0])
#define STEPS 30

/* statsforecast 2.1.1, _lib.ces.cescalc without backfitting and .forecast, from given states: the
 * level 110 and 100; phase k: d = 7 k mod 12 - 5.5 and d / 2, of the simple form on top of the
 * level. 12 digits of the sum, 10 of the forecast. */
static const struct {
    alm_ces_facts by;
    double squares, first;
} GOLDEN[] = {
    {{.season = ALM_CES_NONE, .alpha = {1.3, 1.001}}, 300384.035658, 462.9408953},
    {{.season = ALM_CES_SIMPLE, .alpha = {1.4, 1.05}}, 407745.956483, 388.3113739},
    {{.season = ALM_CES_PARTIAL, .alpha = {1.2, 1.002}, .beta = {.4}}, 54865.9140965, 449.029055},
    {{.season = ALM_CES_FULL, .alpha = {1.25, 1.003}, .beta = {1.1, 1.02}}, 149193.864405,
     466.4204361},
};

static void the_recursion_is_that_of_another_program(void **unused)
{
    (void)unused;
    alm_past past = {AIR, N, 12};
    for (size_t i = 0; i < sizeof GOLDEN / sizeof GOLDEN[0]; i++) {
        bool is_simple = GOLDEN[i].by.season == ALM_CES_SIMPLE;
        double level[2] = {110, 100};
        double phase[24];
        for (size_t k = 0; k < 12; k++) {
            double d = (double)(7 * k % 12) - 5.5;
            phase[2 * k] = d + (is_simple ? 110 : 0);
            phase[2 * k + 1] = d / 2 + (is_simple ? 100 : 0);
        }
        double squares = alm_ces_pass(&past, &GOLDEN[i].by, level, phase);
        double first = (is_simple ? 0 : level[0]) + (GOLDEN[i].by.season ? phase[0] : 0);
        /* Half of the last digit that is printed. */
        assert_true(fabs(squares - GOLDEN[i].squares) < 1e-11 * GOLDEN[i].squares);
        assert_true(fabs(first - GOLDEN[i].first) < 5e-8);
    }
}

/* How far values are from their means h periods ahead follows from what one error does, and that is
 * seen by an update that is off by 1. The tolerance is rounding in the differences of forecasts. */
static void deviations_follow_from_the_effect_of_an_error(void **unused)
{
    (void)unused;
    for (int form = ALM_CES_NONE; form <= ALM_CES_FULL; form++) {
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {AIR, N, 12};
        void *state = NULL;
        double mean[STEPS + 1], deviation[STEPS], moved[STEPS];
        assert_int_equal(alm_ces_fit(&past, (alm_ces_season)form, arena, &state, NULL), ALM_OK);
        alm_ces.mean(state, STEPS + 1, mean);
        alm_ces.deviation(state, STEPS, deviation);
        alm_ces.update(state, mean[0] + 1);
        alm_ces.mean(state, STEPS, moved);
        double squares = 1;
        for (size_t h = 0; h < STEPS; h++) {
            double expected = deviation[0] * sqrt(squares);
            assert_true(fabs(deviation[h] - expected) <= 1e-9 * expected);
            double effect = moved[h] - mean[h + 1];
            squares += effect * effect;
        }
        alm_arena_destroy(arena);
    }
}

/* A season and a trend are found by themselves; seasons that are not whole are refused. */
static void forms_are_chosen_by_what_is_there(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past seasonal = {AIR, N, 12};
    alm_past yearly = {OIL, sizeof OIL / sizeof OIL[0], 1};
    alm_past brief = {AIR, 20, 12};
    void *state = NULL;
    alm_ces_facts facts;
    double out[12];
    assert_int_equal(alm_ces.fit(&seasonal, arena, &state, NULL), ALM_OK);
    alm_ces_describe(state, &facts);
    assert_true(facts.season == ALM_CES_PARTIAL || facts.season == ALM_CES_FULL);
    alm_ces.mean(state, 12, out);
    for (size_t h = 0; h < 12; h++) { /* the year before, and some growth */
        assert_true(out[h] > AIR[N - 12 + h] && out[h] < 1.25 * AIR[N - 12 + h]);
    }
    assert_int_equal(alm_ces.fit(&yearly, arena, &state, NULL), ALM_OK);
    alm_ces_describe(state, &facts);
    assert_int_equal(facts.season, ALM_CES_NONE);
    assert_int_equal(alm_ces_fit(&brief, ALM_CES_PARTIAL, arena, &state, NULL),
                     ALM_ERR_INCOMPLETE);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recursion_is_that_of_another_program),
        cmocka_unit_test(deviations_follow_from_the_effect_of_an_error),
        cmocka_unit_test(forms_are_chosen_by_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
