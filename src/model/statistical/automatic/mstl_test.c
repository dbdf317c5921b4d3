#include "model/statistical/automatic/mstl.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/statistical_cases.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- decomposition ---- */

static double made(size_t t)
{
    double x = (double)t;
    return 100 + .3 * x + 5 * (t % 4 == 1) - 3 * (t % 4 == 2) +
           ((double)(t % 12) - 5.5) * ((double)(t * 7 % 5) - 1) * .4 + 8 * (t % 12 == 11) +
           ((double)(t * 37 % 11) - 5) * .5;
}

/* Of statsforecast 2.1.1, mstl(y, [4, 12]), which calls STL of statsmodels 0.15.0: five inner
 * rounds, no jumps. 17 digits of values of 130; sums run in another order. */
static void two_seasons_as_statsforecast_has_them(void **unused)
{
    (void)unused;
    static const struct {
        size_t t;
        double four, twelve, trend;
    } EXPECTED[] = {
        {0, -2.0893693543699561, -1.8611769986105515, 101.40258656092558},
        {1, 4.5035437992198659, -1.2982987110232334, 101.62842167234265},
        {17, 4.4081388904316618, 0.1674122970849668, 106.03238143191938},
        {59, 2.6823931286251477, 6.9592562604773391, 119.26881831213515},
        {60, -1.2770619159323795, -1.734228310221305, 119.57364128780101},
        {61, 4.0861750102234886, -1.2733488952927223, 119.88013947572956},
        {100, -0.67338874017538453, -0.061758058481010306, 130.86850459646161},
        {118, -3.7533380773961191, 1.6214342431856519, 137.17853697027707},
        {119, 1.9353578571872756, 7.6881899692211455, 137.5147072332357},
    };
    static const size_t SEASONS[] = {12, 4};
    double y[120];
    for (size_t t = 0; t < 120; t++) {
        y[t] = made(t);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_mstl_options options = {.seasons = SEASONS, .season_count = 2, .passes = 2, .inner = 5};
    alm_mstl_parts parts;
    assert_int_equal(alm_mstl_decompose(y, 120, &options, arena, &parts, NULL), ALM_OK);
    assert_true(parts.season_count == 2 && parts.period[0] == 4 && parts.period[1] == 12);
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++) {
        size_t t = EXPECTED[i].t;
        assert_true(fabs(parts.season[0][t] - EXPECTED[i].four) < 1e-9);
        assert_true(fabs(parts.season[1][t] - EXPECTED[i].twelve) < 1e-9);
        assert_true(fabs(parts.trend[t] - EXPECTED[i].trend) < 1e-9);
    }
    alm_arena_destroy(arena);
}

static void seasons_that_cannot_be_are_refused(void **unused)
{
    (void)unused;
    static const size_t TWICE[] = {7, 12, 7};
    static const size_t ONE[] = {1};
    static const size_t MANY[] = {2, 3, 4, 5, 6, 7, 8};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, COUNT_OF(AIR), 1};
    alm_error error;
    void *state = NULL;
    assert_int_equal(alm_mstl_fit(&past, TWICE, 3, arena, &state, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "one has 7"));
    assert_int_equal(alm_mstl_fit(&past, ONE, 1, arena, &state, &error), ALM_ERR_INVALID);
    assert_int_equal(alm_mstl_fit(&past, MANY, 7, arena, &state, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "at most 6"));
    assert_null(state);
    alm_arena_destroy(arena);
}

/* ---- the forecaster ---- */

/* Two exact seasons on a level, added (values below 0) and as ratios. With every value known the
 * decomposition is exact to what rounds leave; what it leaves is a constant. */
static void seasons_that_repeat_are_forecast(void **unused)
{
    (void)unused;
    static const size_t SEASONS[] = {35, 5};
    static const double FIVE[] = {1, -2, 0, 3, -2};
    for (int is_ratio = 0; is_ratio < 2; is_ratio++) {
        double y[420], out[70];
        for (size_t t = 0; t < 420; t++) {
            double season = FIVE[t % 5] + (t % 35 < 5 ? 6. : -1.);
            y[t] = is_ratio ? 50 * (1 + season / 20) : season;
        }
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {y, 350, 1};
        void *state = NULL;
        alm_mstl_facts facts;
        assert_int_equal(alm_mstl_fit(&past, SEASONS, 2, arena, &state, NULL), ALM_OK);
        alm_mstl_describe(state, &facts);
        assert_int_equal(facts.is_ratio, is_ratio);
        assert_true(facts.season_count == 2 && facts.season[0].period == 5);
        assert_true(facts.season[1].strength > .99 && facts.season[1].share > .99);
        alm_mstl.mean(state, 70, out);
        for (size_t h = 0; h < 70; h++) {
            /* the two seasons share a constant and, as ratios, are not quite independent */
            assert_true(fabs(out[h] - y[350 + h]) <= (is_ratio ? .02 * y[350 + h] : .02));
        }
        alm_arena_destroy(arena);
    }
}

static void seasons_too_long_for_the_past_are_named(void **unused)
{
    (void)unused;
    static const size_t SEASONS[] = {73, 12, 72};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, COUNT_OF(AIR), 1}; /* 144: two times 72 */
    void *state = NULL;
    alm_mstl_facts facts;
    assert_int_equal(alm_mstl_fit(&past, SEASONS, 3, arena, &state, NULL), ALM_OK);
    alm_mstl_describe(state, &facts);
    assert_true(facts.season_count == 2 && facts.season[1].period == 72);
    assert_true(facts.too_long_count == 1 && facts.too_long[0] == 73);
    assert_string_equal(facts.left_to, "auto");
    assert_int_equal(alm_mstl_fit(&past, SEASONS, 1, arena, &state, NULL), ALM_OK);
    alm_mstl_describe(state, &facts);
    assert_true(facts.season_count == 0 && facts.too_long_count == 1 && facts.inflation == 1);
    alm_arena_destroy(arena);
}

/* Noise alone has no season to repeat: over 200 series the mean share is small, though STL finds
 * "seasons" in it whose strength is not. One with a season of the size of the noise keeps most. */
static void a_season_of_chance_has_little_share(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(11, 0);
    double share[2] = {0, 0};
    double strength = 0;
    for (int i = 0; i < 400; i++) {
        double y[96];
        for (size_t t = 0; t < 96; t++) {
            double wave = t % 12 < 6 ? 1.5 : -1.5;
            y[t] = alm_rng_next_normal(&rng) + (i % 2 ? wave : 0);
        }
        alm_past past = {y, 96, 12};
        void *state = NULL;
        alm_mstl_facts facts;
        alm_arena_reset(arena);
        assert_int_equal(alm_mstl.fit(&past, arena, &state, NULL), ALM_OK);
        alm_mstl_describe(state, &facts);
        share[i % 2] += facts.season[0].share / 200;
        strength += i % 2 ? 0 : facts.season[0].strength / 200;
    }
    assert_true(share[0] < .15 && strength > .2);
    assert_true(share[1] > .8);
    alm_arena_destroy(arena);
}

/* Of 400 series of a constant, a season and noise, the next value lies within 1.645 deviations as
 * often as of a normal distribution with the true parameters, within 5 points: 2 of them are what
 * chance does to 400 series, the rest is that the deviation is estimated. */
static void the_deviation_covers(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(12, 0);
    size_t inside = 0;
    for (int i = 0; i < 400; i++) {
        double y[121];
        for (size_t t = 0; t < 121; t++) {
            y[t] = alm_rng_next_normal(&rng) + (t % 12 < 3 ? 4. : -2.);
        }
        alm_past past = {y, 120, 12};
        void *state = NULL;
        double mean = 0, deviation = 0;
        alm_arena_reset(arena);
        assert_int_equal(alm_mstl.fit(&past, arena, &state, NULL), ALM_OK);
        alm_mstl.mean(state, 1, &mean);
        alm_mstl.deviation(state, 1, &deviation);
        inside += fabs(y[120] - mean) <= 1.645 * deviation;
    }
    assert_true(inside >= 340 && inside <= 380);
    alm_arena_destroy(arena);
}

static void copies_move_by_themselves(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, COUNT_OF(AIR), 12};
    void *state = NULL;
    double before[5], after[5], moved[5];
    assert_int_equal(alm_mstl.fit(&past, arena, &state, NULL), ALM_OK);
    alm_mstl.mean(state, 5, before);
    void *other = alm_mstl.copy(state, arena, NULL);
    alm_mstl.update(other, 900);
    alm_mstl.mean(other, 5, moved);
    alm_mstl.mean(state, 5, after);
    assert_memory_equal(before, after, sizeof before);
    assert_true(moved[0] > before[1] + 10);
    assert_ptr_equal(alm_mstl.copy(state, arena, other), other);
    alm_mstl.mean(other, 5, moved);
    assert_memory_equal(before, moved, sizeof before);
    alm_arena_destroy(arena);
}

/* ---- strength of a past ---- */

static void strength_of_a_past(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, COUNT_OF(AIR), 12};
    alm_strength s;
    assert_int_equal(alm_past_strength(&past, arena, &s, NULL), ALM_OK);
    assert_true(s.season > .9 && s.season < 1 && s.trend > .9 && s.trend < 1);
    past.count = 23; /* not two years */
    assert_int_equal(alm_past_strength(&past, arena, &s, NULL), ALM_OK);
    assert_true(s.season == 0 && s.trend == 0);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_seasons_as_statsforecast_has_them),
        cmocka_unit_test(seasons_that_cannot_be_are_refused),
        cmocka_unit_test(seasons_that_repeat_are_forecast),
        cmocka_unit_test(seasons_too_long_for_the_past_are_named),
        cmocka_unit_test(a_season_of_chance_has_little_share),
        cmocka_unit_test(the_deviation_covers),
        cmocka_unit_test(copies_move_by_themselves),
        cmocka_unit_test(strength_of_a_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
