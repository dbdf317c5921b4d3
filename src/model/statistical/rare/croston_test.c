#include "model/statistical/rare/croston.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/rare/demand_cases.h"
#include "model/statistical/statistical_cases.h"

/* The fixed ones are a few sums; an optimised alpha is found to 1e-7 here and to a stop of theirs,
 * of forecasts that move by less than ten times as much. */
static void forecasts_are_those_of_statsforecast(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < DEMAND_CASES; i++) {
        const demand_case *c = &DEMAND[i];
        alm_past past = {c->y, c->count, 1};
        alm_croston_form tsb = {ALM_CROSTON_TSB, .2, .1};
        void *state = NULL;
        double out = 0;
        assert_true(fabs(demand_first(&alm_croston, &past, arena) - c->croston) <
                    1e-11 * c->croston);
        assert_true(fabs(demand_first(&alm_sba, &past, arena) - c->sba) < 1e-11 * c->sba);
        assert_true(fabs(demand_first(&alm_tsb, &past, arena) - c->tsb) < 1e-11 * c->tsb);
        assert_true(fabs(demand_first(&alm_croston_optimised, &past, arena) - c->optimised) <
                    1e-6 * c->optimised);
        assert_int_equal(alm_croston_fit(&past, &tsb, arena, &state, NULL), ALM_OK);
        alm_tsb.mean(state, 1, &out);
        assert_true(fabs(out - c->tsb_two) < 1e-11 * c->tsb_two);
    }
    alm_arena_destroy(arena);
}

/* A state that was moved on is that of the longer past, as long as the alphas are the same. */
static void moving_on_is_fitting_the_longer_past(void **unused)
{
    (void)unused;
    const alm_forecaster_kind *const KINDS[] = {&alm_croston, &alm_sba, &alm_tsb};
    alm_rng rng = alm_rng_stream(3, 0);
    for (int round = 0; round < 200; round++) {
        alm_arena *arena = alm_arena_create(0);
        double y[60];
        for (size_t t = 0; t < 60; t++) {
            uint64_t x = alm_rng_next_below(&rng, 9);
            y[t] = x > 6 ? (double)x : x == 6 ? (double)NAN : 0;
        }
        for (size_t k = 0; k < 3; k++) {
            alm_past half = {y, 30, 1}, whole = {y, 60, 1};
            void *state = NULL, *other = NULL;
            double a[2], b[2];
            alm_err code = KINDS[k]->fit(&half, arena, &state, NULL);
            assert_int_equal(code, ALM_OK);
            assert_int_equal(KINDS[k]->fit(&whole, arena, &other, NULL), ALM_OK);
            for (size_t t = 30; t < 60; t++) {
                KINDS[k]->update(state, y[t]);
            }
            KINDS[k]->mean(state, 1, &a[0]);
            KINDS[k]->mean(other, 1, &b[0]);
            KINDS[k]->deviation(state, 1, &a[1]);
            KINDS[k]->deviation(other, 1, &b[1]);
            assert_memory_equal(a, b, sizeof a); /* all is scaled by powers of two */
        }
        alm_arena_destroy(arena);
    }
}

/* By hand: 0 2 ? 0 1, the unknown one passed over: sizes 2 1, intervals 2 2; demand or not 0 1 0 1.
 * One period ahead after the first demand: 1, then 1 again: errors -1 and 0. */
static void what_the_parts_are(void **unused)
{
    (void)unused;
    static const double Y[] = {0, 2, NAN, 0, 1};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 5, 1};
    void *state = NULL;
    alm_croston_facts facts;
    double out = 0;
    assert_int_equal(alm_croston.fit(&past, arena, &state, NULL), ALM_OK);
    alm_croston_describe(state, &facts);
    assert_true(fabs(facts.size - 1.9) < 1e-15 && facts.interval == 2 && isnan(facts.probability));
    alm_croston.deviation(state, 1, &out);
    assert_true(fabs(out - sqrt(.5)) < 1e-15);
    assert_int_equal(alm_tsb.fit(&past, arena, &state, NULL), ALM_OK);
    alm_croston_describe(state, &facts);
    assert_true(fabs(facts.size - 1.9) < 1e-15 && isnan(facts.interval));
    assert_true(fabs(facts.probability - .181) < 1e-15); /* 0, .1, .09, .181 */
    alm_arena_destroy(arena);
}

static void no_demand_is_no_forecast_until_there_is_one(void **unused)
{
    (void)unused;
    static const double NONE[] = {0, 0, 0, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {NONE, 4, 1};
    void *state = NULL;
    double out = 1;
    assert_int_equal(alm_croston_optimised.fit(&past, arena, &state, NULL), ALM_OK);
    alm_croston_optimised.mean(state, 1, &out);
    assert_true(out == 0);
    alm_croston_optimised.deviation(state, 1, &out);
    assert_true(isnan(out));
    alm_croston_optimised.update(state, 3);
    alm_croston_optimised.mean(state, 1, &out);
    assert_true(out == 3. / 5);
    alm_arena_destroy(arena);
}

/* No alpha of a fine grid has fewer squares, where the sum has one dip: as of AIR. */
static void optimised_is_optimal(void **unused)
{
    (void)unused;
    static const double Y[] = {5, 6, 4, 8, 7, 9, 6, 5, 4, 3, 7, 8};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 12, 1};
    void *state = NULL;
    alm_croston_facts facts;
    assert_int_equal(alm_croston_optimised.fit(&past, arena, &state, NULL), ALM_OK);
    alm_croston_describe(state, &facts);
    double lowest = INFINITY, best = 0;
    for (int i = 0; i <= 2000; i++) {
        double alpha = .1 + .0001 * i, level = Y[0], sum = 0;
        for (size_t t = 1; t < 12; t++) {
            sum += (Y[t] - level) * (Y[t] - level);
            level += alpha * (Y[t] - level);
        }
        best = sum < lowest ? alpha : best;
        lowest = sum < lowest ? sum : lowest;
    }
    assert_true(fabs(facts.alpha_size - best) <= 1e-4); /* the grid's width */
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forecasts_are_those_of_statsforecast),
        cmocka_unit_test(moving_on_is_fitting_the_longer_past),
        cmocka_unit_test(what_the_parts_are),
        cmocka_unit_test(no_demand_is_no_forecast_until_there_is_one),
        cmocka_unit_test(optimised_is_optimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
