#include "model/statistical/rolling.h"
#include "model/statistical/forecaster_kinds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/statistical_cases.h"

#define AIR_COUNT (sizeof AIR / sizeof AIR[0])

/* By hand: 10 values, horizon 2, gap 1: the newest origin knows 7, then 4; 1 is below the least. */
static void origins_are_where_they_can_be_scored(void **state)
{
    (void)state;
    alm_rolling_plan plan = {.origins = 9, .stride = 3, .horizon = 2, .gap = 1, .refit_every = 1,
                             .history_min = 2};
    assert_int_equal(alm_rolling_count(&plan, 10), 2);
    assert_int_equal(alm_rolling_known(&plan, 10, 0), 4);
    assert_int_equal(alm_rolling_known(&plan, 10, 1), 7);
    plan.origins = 1;
    assert_int_equal(alm_rolling_count(&plan, 10), 1);
    assert_int_equal(alm_rolling_known(&plan, 10, 0), 7);
    assert_int_equal(alm_rolling_count(&plan, 5), 1);
    assert_int_equal(alm_rolling_count(&plan, 4), 0);
    plan.history_min = 0; /* no origin knows nothing */
    assert_int_equal(alm_rolling_count(&plan, 3), 0);
    assert_int_equal(alm_rolling_count(&plan, 0), 0);
}

/* Each origin is what a caller would have got who fitted and moved on by hand. */
static void every_refit_rule_is_fit_and_update(void **state)
{
    (void)state;
    alm_past past = {AIR, AIR_COUNT, 12};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_arena *arena = alm_arena_create(0);
    for (size_t k = 0; k < kinds; k++) {
        for (size_t refit = 0; refit < 3; refit++) {
            alm_rolling_plan plan = {.origins = 4, .stride = 5, .horizon = 6, .gap = 2,
                                     .refit_every = refit, .history_min = 24};
            double out[4 * 6];
            alm_error error;
            assert_int_equal(alm_rolling_means(kind[k], &past, &plan, arena, out, &error), ALM_OK);
            size_t fitted = 0;
            for (size_t i = 0; i < 4; i++) {
                size_t known = AIR_COUNT - 8 - 5 * (3 - i);
                fitted = i == 0 || (refit > 0 && i % refit == 0) ? known : fitted;
                alm_past then = {AIR, fitted, 12};
                void *by_hand = NULL;
                double ahead[8];
                assert_int_equal(kind[k]->fit(&then, arena, &by_hand, &error), ALM_OK);
                for (size_t t = fitted; t < known; t++) {
                    kind[k]->update(by_hand, AIR[t]);
                }
                kind[k]->mean(by_hand, 8, ahead);
                for (size_t h = 0; h < 6; h++) {
                    assert_true(out[i * 6 + h] == ahead[h + 2]);
                }
            }
        }
    }
    alm_arena_destroy(arena);
}

/* Whatever comes after an origin, poison too, changes nothing at or before it. */
static void no_origin_sees_its_future(void **state)
{
    (void)state;
    alm_rolling_plan plan = {.origins = 3, .stride = 4, .horizon = 4, .refit_every = 2,
                             .history_min = 30};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_arena *arena = alm_arena_create(0);
    for (size_t k = 0; k < kinds; k++) {
        double y[60];
        double clean[12];
        double poisoned[12];
        alm_error error;
        alm_rng rng = alm_rng_stream(4, k);
        for (int t = 0; t < 60; t++) {
            y[t] = 1 + floor(20 * alm_rng_next_uniform(&rng)); /* above 0 for all kinds */
        }
        alm_past past = {y, 60, 4};
        assert_int_equal(alm_rolling_means(kind[k], &past, &plan, arena, clean, &error), ALM_OK);
        for (size_t i = 0; i < 3; i++) {
            size_t known = alm_rolling_known(&plan, 60, i);
            double kept[60];
            for (size_t t = 0; t < 60; t++) {
                kept[t] = y[t];
                y[t] = t < known ? y[t] : 1e6 * (double)(1 + t % 3);
            }
            assert_int_equal(alm_rolling_means(kind[k], &past, &plan, arena, poisoned, &error),
                             ALM_OK);
            for (size_t j = 0; j < (i + 1) * 4; j++) {
                assert_true(poisoned[j] == clean[j]);
            }
            for (size_t t = 0; t < 60; t++) {
                y[t] = kept[t];
            }
        }
    }
    alm_arena_destroy(arena);
}

static void a_fit_that_fails_says_where(void **state)
{
    (void)state;
    static const double UNKNOWN[] = {NAN, NAN, NAN, NAN, 1, 2, 3, 4};
    alm_past past = {UNKNOWN, 8, 1};
    alm_rolling_plan plan = {.origins = 2, .stride = 3, .horizon = 1, .refit_every = 1,
                             .history_min = 1};
    alm_arena *arena = alm_arena_create(0);
    double out[2];
    alm_error error;
    assert_int_equal(alm_rolling_means(&alm_naive, &past, &plan, arena, out, &error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "origin after 4 values"));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_where_they_can_be_scored),
        cmocka_unit_test(every_refit_rule_is_fit_and_update),
        cmocka_unit_test(no_origin_sees_its_future),
        cmocka_unit_test(a_fit_that_fails_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
