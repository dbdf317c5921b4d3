#include "model/statistical/sample_paths.h"
#include "model/statistical/forecaster_kinds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/automatic/choice.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/statistical_cases.h"

#define AIR_COUNT (sizeof AIR / sizeof AIR[0])
#define STEPS 14
#define PATHS 20000

static alm_path_plan plan_of(size_t count)
{
    return (alm_path_plan){.steps = STEPS, .count = count, .seed = 7, .series = 3};
}

/* Where the deviation h periods ahead is exactly that of the model which the paths follow, the
 * paths have it, and their mean. 4.5 standard errors of a mean, and of a deviation of Normal
 * values, are .032 and .0225 of the deviation with 20,000 paths; sums of products are no longer
 * quite Normal, so half as much again. */
static void paths_have_the_mean_and_the_spread(void **unused)
{
    (void)unused;
    const alm_forecaster_kind *const KINDS[] = {&alm_naive, &alm_seasonal_naive, &alm_ets};
    alm_past past = {AIR, AIR_COUNT, 12};
    for (size_t k = 0; k < 3; k++) {
        alm_arena *arena = alm_arena_create(0);
        double *paths = ALM_NEW_ARRAY(arena, double, (size_t)PATHS * STEPS);
        double mean[STEPS], deviation[STEPS];
        void *state = NULL;
        alm_path_plan plan = plan_of(PATHS);
        assert_int_equal(KINDS[k]->fit(&past, arena, &state, NULL), ALM_OK);
        KINDS[k]->mean(state, STEPS, mean);
        KINDS[k]->deviation(state, STEPS, deviation);
        assert_int_equal(alm_forecaster_paths(KINDS[k], state, &plan, arena, paths, NULL), ALM_OK);
        for (size_t h = 0; h < STEPS; h++) {
            double sum = 0, squares = 0;
            for (size_t i = 0; i < PATHS; i++) {
                double e = paths[i * STEPS + h] - mean[h];
                sum += e;
                squares += e * e;
            }
            assert_true(fabs(sum / PATHS) <= .05 * deviation[h]);
            assert_true(fabs(sqrt(squares / PATHS) / deviation[h] - 1) <= .034);
        }
        alm_arena_destroy(arena);
    }
}

/* A path is the same alone and among others, and the state is as it was. */
static void a_path_can_be_made_again(void **unused)
{
    (void)unused;
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_past past = {AIR, AIR_COUNT, 12};
    for (size_t k = 0; k < kinds; k++) {
        alm_arena *arena = alm_arena_create(0);
        double many[9 * STEPS], one[STEPS], before[STEPS], after[STEPS];
        void *state = NULL;
        alm_path_plan plan = plan_of(9), single = plan_of(1);
        single.first = 5;
        assert_int_equal(kind[k]->fit(&past, arena, &state, NULL), ALM_OK);
        kind[k]->mean(state, STEPS, before);
        assert_int_equal(alm_forecaster_paths(kind[k], state, &plan, arena, many, NULL), ALM_OK);
        assert_int_equal(alm_forecaster_paths(kind[k], state, &single, arena, one, NULL), ALM_OK);
        kind[k]->mean(state, STEPS, after);
        assert_memory_equal(one, many + 5 * STEPS, sizeof one);
        assert_memory_equal(before, after, sizeof before);
        assert_true(memcmp(many, many + STEPS, sizeof one) != 0);
        alm_arena_destroy(arena);
    }
}

static void paths_keep_to_what_values_can_be(void **unused)
{
    (void)unused;
    static const double SOLD[] = {0, 2, 1, 0, 0, 3, 1, 0, 2, 0, 0, 1};
    alm_past past = {SOLD, 12, 1};
    alm_arena *arena = alm_arena_create(0);
    double paths[200 * STEPS];
    void *state = NULL;
    alm_path_plan plan = plan_of(200);
    plan.support = alm_support_of(&past);
    assert_int_equal(plan.support, ALM_SUPPORT_COUNT);
    assert_int_equal(alm_naive.fit(&past, arena, &state, NULL), ALM_OK);
    assert_int_equal(alm_forecaster_paths(&alm_naive, state, &plan, arena, paths, NULL), ALM_OK);
    bool is_zero = false;
    for (size_t i = 0; i < 200 * STEPS; i++) {
        assert_true(paths[i] >= 0 && paths[i] == floor(paths[i]));
        is_zero = is_zero || paths[i] == 0;
    }
    assert_true(is_zero);
    alm_arena_destroy(arena);
}

/* Sparse demand: what is kept to the support is what would have been drawn without it, so that the
 * level of no path rises by what was cut off below zero. */
static void the_support_does_not_move_a_model_on(void **unused)
{
    (void)unused;
    static const double SOLD[] = {0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    const alm_forecaster_kind *const KINDS[] = {&alm_naive, &alm_ets, &alm_auto};
    alm_past past = {SOLD, 20, 1};
    for (size_t k = 0; k < 3; k++) {
        alm_arena *arena = alm_arena_create(0);
        double real[50 * STEPS], count[50 * STEPS];
        void *state = NULL;
        size_t below = 0;
        alm_path_plan plan = plan_of(50);
        assert_int_equal(KINDS[k]->fit(&past, arena, &state, NULL), ALM_OK);
        assert_int_equal(alm_forecaster_paths(KINDS[k], state, &plan, arena, real, NULL), ALM_OK);
        plan.support = ALM_SUPPORT_COUNT;
        assert_int_equal(alm_forecaster_paths(KINDS[k], state, &plan, arena, count, NULL), ALM_OK);
        for (size_t i = 0; i < 50 * STEPS; i++) {
            below += real[i] < 0;
            assert_true(count[i] == alm_support_value(ALM_SUPPORT_COUNT, real[i]));
        }
        assert_true(below > 0);
        alm_arena_destroy(arena);
    }
}

static void the_support_of_a_past(void **unused)
{
    (void)unused;
    static const double REAL[] = {1, NAN, -.5, 2}, HALF[] = {1, .5, NAN}, NONE[] = {NAN};
    assert_int_equal(alm_support_of(&(alm_past){REAL, 4, 1}), ALM_SUPPORT_REAL);
    assert_int_equal(alm_support_of(&(alm_past){HALF, 3, 1}), ALM_SUPPORT_NON_NEGATIVE);
    assert_int_equal(alm_support_of(&(alm_past){NONE, 1, 1}), ALM_SUPPORT_COUNT);
    assert_true(alm_support_value(ALM_SUPPORT_COUNT, 2.5) == 3);
    assert_true(alm_support_value(ALM_SUPPORT_NON_NEGATIVE, -2.5) == 0);
    assert_true(alm_support_value(ALM_SUPPORT_REAL, -2.5) == -2.5);
}

/* One value has no errors, so nobody knows how far the next one will be off. */
static void a_spread_that_is_not_known_is_refused(void **unused)
{
    (void)unused;
    static const double Y[] = {4};
    alm_past past = {Y, 1, 1};
    alm_arena *arena = alm_arena_create(0);
    double paths[STEPS];
    void *state = NULL;
    alm_error error = {0};
    alm_path_plan plan = plan_of(1);
    assert_int_equal(alm_naive.fit(&past, arena, &state, NULL), ALM_OK);
    assert_int_equal(alm_forecaster_paths(&alm_naive, state, &plan, arena, paths, &error),
                     ALM_ERR_INCOMPLETE);
    assert_string_equal(error.message, "naive: the past is too short to tell how far values are "
                                       "from their forecasts");
    alm_arena_destroy(arena);
}

static void quantiles_of_paths(void **unused)
{
    (void)unused;
    static const double PATH[] = {4, 0, 1, 0, 3, 0, 2, 8}; /* four paths of two steps */
    static const double LEVELS[] = {.25, .5, .9};
    alm_arena *arena = alm_arena_create(0);
    double out[6];
    alm_path_plan plan = {.steps = 2, .count = 4, .support = ALM_SUPPORT_COUNT};
    alm_path_quantiles(PATH, &plan, LEVELS, 3, arena, out);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 4);
    assert_true(out[3] == 0 && out[4] == 0 && out[5] == 8);
    plan.support = ALM_SUPPORT_REAL;
    alm_path_quantiles(PATH, &plan, LEVELS, 3, arena, out);
    assert_true(out[0] == 1.75 && out[1] == 2.5 && fabs(out[2] - 3.7) < 1e-15);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_have_the_mean_and_the_spread),
        cmocka_unit_test(a_path_can_be_made_again),
        cmocka_unit_test(paths_keep_to_what_values_can_be),
        cmocka_unit_test(the_support_does_not_move_a_model_on),
        cmocka_unit_test(the_support_of_a_past),
        cmocka_unit_test(a_spread_that_is_not_known_is_refused),
        cmocka_unit_test(quantiles_of_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
