#include "model/statistical/automatic/choice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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
        cmocka_unit_test(weights_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
