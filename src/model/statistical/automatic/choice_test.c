#include "model/statistical/automatic/choice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/automatic/contest.h"
#include "model/statistical/sample_paths.h"
#include "model/statistical/statistical_cases.h"

static void text_of(const double *y, size_t count, size_t season, alm_arena *arena,
                    const char **text)
{
    alm_past past = {y, count, season};
    void *state = NULL;
    alm_choice_facts facts;
    assert_int_equal(alm_auto.fit(&past, arena, &state, NULL), ALM_OK);
    alm_choice_describe(state, &facts);
    *text = alm_choice_text(&facts, arena);
}

/* Every past has a forecast, and a reason where it is not the usual one. */
static void every_past_has_a_forecast_and_a_reason(void **unused)
{
    (void)unused;
    static const double EQUAL[] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
    alm_arena *arena = alm_arena_create(0);
    const char *text = NULL;
    text_of(AIR, sizeof AIR / sizeof AIR[0], 12, arena, &text);
    assert_string_equal(text, "33% ets_averaged, 33% ces_averaged, 33% theta_dynamic_optimised");
    text_of(EQUAL, 10, 4, arena, &text);
    assert_non_null(strstr(text, "100% naive; not ets_averaged: all known values are equal"));
    text_of(AIR, 3, 12, arena, &text);
    assert_non_null(strstr(text, "not theta_dynamic_optimised: too few values are known"));
    alm_arena_destroy(arena);
}

/* Rare demand and long seasons have members of their own; a season makes zeros foreseeable. */
static void other_pasts_have_other_members(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    const char *text = NULL;
    double rare[60], winter[60], weeks[300];
    for (size_t t = 0; t < 60; t++) {
        rare[t] = t * t % 7 == 2 ? (double)(1 + t % 3) : 0;
        winter[t] = t % 12 < 4 ? (double)(20 + t % 5) : 0;
    }
    for (size_t t = 0; t < 300; t++) {
        weeks[t] = 50 + (t % 52 < 10 ? 20 : 0) + (double)(t * t % 11);
    }
    text_of(rare, 60, 12, arena, &text);
    assert_non_null(strstr(text, "100% imapa; not ets_averaged: demand is rare"));
    text_of(winter, 60, 12, arena, &text);
    assert_non_null(strstr(text, "33% ets_averaged"));
    text_of(weeks, 300, 52, arena, &text);
    assert_non_null(strstr(text, "25% ets_averaged, 50% ces_averaged, 25% arima_apart; not "
                                 "theta_dynamic_optimised: others follow a long season better"));
    text_of(weeks, 200, 52, arena, &text);
    assert_non_null(strstr(text, "33% theta_dynamic_optimised"));
    alm_arena_destroy(arena);
}

/* Of a long season only the newest five count: what was before changes nothing. */
static void old_years_of_a_long_season_do_not_count(void **unused)
{
    (void)unused;
    double y[400];
    double a[60], b[60];
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {y, 400, 52};
    void *state = NULL;
    for (size_t t = 0; t < 400; t++) {
        y[t] = 50 + (t % 52 < 10 ? 20 : 0) + (double)(t * t % 11);
    }
    assert_int_equal(alm_auto.fit(&past, arena, &state, NULL), ALM_OK);
    alm_auto.mean(state, 60, a);
    for (size_t t = 0; t < 140; t++) {
        y[t] = 1000;
    }
    assert_int_equal(alm_auto.fit(&past, arena, &state, NULL), ALM_OK);
    alm_auto.mean(state, 60, b);
    assert_memory_equal(a, b, sizeof a);
    alm_arena_destroy(arena);
}

/* Far ahead one member by itself runs away from the paths, in which all follow what they have in
 * common: there the mean is no longer that of the members' own means. Nearer it is, to the bit, and
 * whatever else is asked. */
static void far_ahead_the_mean_stays_among_its_paths(void **unused)
{
    (void)unused;
    enum { STEPS = 900, NEAR = 64, PATHS = 60 };
    alm_past past = {AIR, 60, 12};
    alm_path_plan plan = {.steps = STEPS, .count = PATHS, .seed = 5,
                          .support = ALM_SUPPORT_NON_NEGATIVE};
    double own[STEPS], mean[STEPS], near[NEAR];
    alm_arena *arena = alm_arena_create(0);
    double *paths = ALM_NEW_ARRAY(arena, double, PATHS * STEPS);
    void *state = NULL;
    assert_int_equal(alm_auto.fit(&past, arena, &state, NULL), ALM_OK);
    alm_combination_mean(state, STEPS, own);
    alm_auto.mean(state, STEPS, mean);
    alm_auto.mean(state, NEAR, near);
    assert_memory_equal(own, mean, NEAR * sizeof *own);
    assert_memory_equal(own, near, NEAR * sizeof *own);
    assert_int_equal(alm_forecaster_paths(&alm_auto, state, &plan, arena, paths, NULL), ALM_OK);
    double highest = 0;
    for (size_t h = 0; h < STEPS; h++) {
        double lowest = INFINITY;
        highest = 0;
        for (size_t i = 0; i < PATHS; i++) {
            lowest = fmin(lowest, paths[i * STEPS + h]);
            highest = fmax(highest, paths[i * STEPS + h]);
        }
        assert_true(mean[h] >= lowest && mean[h] <= highest);
    }
    assert_true(own[STEPS - 1] > highest); /* else this past would show nothing */
    alm_arena_destroy(arena);
}

/* A longer past, and four longer seasons, are near for as long as they are. */
static void what_is_near_goes_by_the_past(void **unused)
{
    (void)unused;
    enum { STEPS = 150 };
    static const alm_past PASTS[] = {{AIR, 100, 12}, {AIR, 60, 24}, {AIR, 20, 1}};
    static const size_t NEAR[] = {100, 96, 64};
    static const alm_forecaster_kind *const KINDS[] = {&alm_auto, &alm_weighted};
    double own[STEPS], mean[STEPS];
    alm_arena *arena = alm_arena_create(0);
    for (size_t k = 0; k < 6; k++) {
        const alm_forecaster_kind *kind = KINDS[k / 3];
        void *state = NULL;
        assert_int_equal(kind->fit(&PASTS[k % 3], arena, &state, NULL), ALM_OK);
        void *copied = kind->copy(state, arena, NULL);
        alm_combination_mean(state, STEPS, own);
        kind->mean(copied, STEPS, mean);
        assert_memory_equal(own, mean, NEAR[k % 3] * sizeof *own);
        assert_true(memcmp(own + NEAR[k % 3], mean + NEAR[k % 3], sizeof *own * 8) != 0);
    }
    alm_arena_destroy(arena);
}

/* Weights add up to 1 whatever the past is. */
static void weights_add_up(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    for (size_t count = 1; count < 40; count++) {
        alm_past past = {AIR, count, 12};
        void *state = NULL;
        alm_choice_facts facts;
        double sum = 0;
        assert_int_equal(alm_auto.fit(&past, arena, &state, NULL), ALM_OK);
        alm_choice_describe(state, &facts);
        for (size_t i = 0; i < facts.count; i++) {
            sum += facts.member[i].weight;
            assert_true((facts.member[i].weight > 0) ==
                        (facts.member[i].reason == ALM_CHOICE_USED));
        }
        assert_true(fabs(sum - 1) < 1e-12); /* rounding */
        alm_arena_reset(arena);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_past_has_a_forecast_and_a_reason),
        cmocka_unit_test(other_pasts_have_other_members),
        cmocka_unit_test(old_years_of_a_long_season_do_not_count),
        cmocka_unit_test(far_ahead_the_mean_stays_among_its_paths),
        cmocka_unit_test(what_is_near_goes_by_the_past),
        cmocka_unit_test(weights_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
