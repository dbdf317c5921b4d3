#include "pipeline/series/interval_calibration.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STEPS ((size_t)6)
#define LEVELS 2
static const double LEVEL[LEVELS] = {.8, .95};

typedef struct world {
    alm_arena *arena;
    alm_rng rng;
    alm_calibration_cases cases;
} world;

static world begin(uint64_t stream)
{
    return (world){alm_arena_create(0), alm_rng_stream(77, stream),
                   {.steps = STEPS, .level = LEVEL, .level_count = LEVELS}};
}

/* A forecast of 20 with a deviation that is `narrow` of the true one, 2 and more ahead; noise is
 * skewed for half of the values: no Normal interval is right. */
static void fill(world *w, alm_calibration_case *one, double narrow)
{
    double *actual = ALM_NEW_ARRAY(w->arena, double, STEPS);
    one->mean = ALM_NEW_ARRAY(w->arena, double, STEPS);
    one->deviation = ALM_NEW_ARRAY(w->arena, double, STEPS);
    one->held = ALM_NEW_ARRAY(w->arena, uint8_t, STEPS);
    one->spread = true;
    for (size_t h = 0; h < STEPS; h++) {
        double noise = alm_rng_next_normal(&w->rng);
        noise = alm_rng_next_uniform(&w->rng) < .5 ? noise : noise * noise - 1;
        one->mean[h] = 20;
        one->deviation[h] = narrow * (2 + (double)h);
        actual[h] = 20 + noise * (2 + (double)h);
        if (one->support == ALM_SUPPORT_COUNT) {
            actual[h] = actual[h] < 0 ? 0 : floor(actual[h]);
        }
    }
    one->actual = actual;
}

/* Series at `origins` origins whose windows lie side by side; both to calibrate and to judge. */
static alm_calibration_case *simulate(world *w, size_t series, size_t origins,
                                      alm_support support, double narrow)
{
    size_t count = series * origins;
    alm_calibration_case *one = ALM_NEW_ARRAY(w->arena, alm_calibration_case, count);
    for (size_t i = 0; i < count; i++) {
        one[i].behind = STEPS * (1 + i % origins);
        one[i].support = support;
        fill(w, &one[i], narrow);
    }
    w->cases.scored = one;
    w->cases.judged = one;
    w->cases.scored_count = w->cases.judged_count = count;
    return one;
}

static bool bounds(const alm_calibration *c, alm_calibration_point at, double *low, double *high)
{
    return alm_calibration_bounds(c, &at, low, high);
}

/* Exchangeable cases: a level is held within four standard deviations of a binomial count of
 * values that are independent, and calibrating adds the noise of as many scores: a factor of 2. */
static void check_held(const alm_calibration_held *held, size_t k, double most_above)
{
    double n = (double)held->values[k];
    double share = (double)held->held[k] / n;
    double chance = 4 * sqrt(2 * LEVEL[k] * (1 - LEVEL[k]) / n);
    assert_true(share > LEVEL[k] - chance);
    assert_true(share < LEVEL[k] + chance + most_above);
}

static void exchangeable_series_are_held_as_often_as_said(void **state)
{
    (void)state;
    static const double NARROW[] = {.3, 1, 3};
    for (size_t n = 0; n < 3; n++) {
        world w = begin(n);
        (void)simulate(&w, 150, 4, ALM_SUPPORT_REAL, NARROW[n]);
        for (size_t k = 0; k < LEVELS; k++) {
            alm_calibration_held held = alm_calibration_judge(&w.cases, STEPS * 2);
            assert_int_equal(held.values[k], 150 * STEPS);
            check_held(&held, k, 0);
        }
        alm_arena_destroy(w.arena);
    }
}

/* Values that are whole numbers are held at least as often: ties lie within. */
static void counts_are_held_and_bounds_are_counts(void **state)
{
    (void)state;
    world w = begin(9);
    (void)simulate(&w, 150, 4, ALM_SUPPORT_COUNT, .5);
    alm_calibration_held held = alm_calibration_judge(&w.cases, STEPS);
    check_held(&held, 0, .06);
    check_held(&held, 1, .06);
    alm_calibration c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_true(c.enough[0] && c.enough[1]);
    for (size_t h = 0; h < STEPS; h++) {
        double low[LEVELS];
        double high[LEVELS];
        assert_true(bounds(&c, (alm_calibration_point){h, .3, .4, ALM_SUPPORT_COUNT}, low, high));
        for (size_t k = 0; k < LEVELS; k++) {
            assert_true(low[k] == floor(low[k]) && high[k] == floor(high[k]));
            assert_true(0 <= low[k] && low[k] <= high[k]);
        }
        assert_true(low[1] <= low[0] && high[0] <= high[1]);
    }
    alm_arena_destroy(w.arena);
}

/* 10 series at 4 origins: of 40 cases, 30 are left without one: 80% needs 9, 95% needs 39. */
static void too_few_cases_leave_the_bounds_of_the_model(void **state)
{
    (void)state;
    world w = begin(10);
    double low[LEVELS] = {19, 11};
    double high[LEVELS] = {21, 29};
    (void)simulate(&w, 10, 4, ALM_SUPPORT_REAL, .5);
    alm_calibration c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_true(c.enough[0] && !c.enough[1]);
    assert_true(bounds(&c, (alm_calibration_point){0, 20, .001, ALM_SUPPORT_REAL}, low, high));
    assert_true(low[0] > 19 && high[0] < 21);
    assert_true(low[1] == 11 && high[1] == 29);
    /* A level holds what lower ones hold. */
    assert_true(bounds(&c, (alm_calibration_point){0, 20, 1000, ALM_SUPPORT_REAL}, low, high));
    assert_true(low[0] < 11 && low[1] == low[0] && high[1] == high[0]);
    /* No deviation, no change. */
    high[0] = 21;
    assert_false(bounds(&c, (alm_calibration_point){0, 20, 0, ALM_SUPPORT_REAL}, low, high));
    const double none = (double)NAN;
    assert_false(bounds(&c, (alm_calibration_point){0, 20, none, ALM_SUPPORT_REAL}, low, high));
    assert_true(high[0] == 21);
    (void)simulate(&w, 2, 4, ALM_SUPPORT_REAL, .5);
    c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_false(c.enough[0] || c.enough[1]);
    alm_calibration_held held = alm_calibration_judge(&w.cases, STEPS);
    assert_int_equal(held.values[0], 0);
    alm_arena_destroy(w.arena);
}

/* The largest score, and how many there are. */
static double largest_of(const alm_calibration *c, size_t *count)
{
    double largest = -INFINITY;
    *count = 0;
    for (size_t g = 0; g < c->groups; g++) {
        for (size_t i = 0; i < c->pool[g].count; i++) {
            largest = fmax(largest, c->pool[g].score[i]);
        }
        *count += c->pool[g].count;
    }
    return largest;
}

/* What is judged must not have calibrated: of an origin that is off by far from all others nothing
 * is among the scores that it is judged by, nor of one whose window shares one period with it. */
static void a_judged_origin_has_not_calibrated(void **state)
{
    (void)state;
    world w = begin(11);
    size_t count = 0;
    alm_calibration_case *one = simulate(&w, 50, 4, ALM_SUPPORT_REAL, 1);
    for (size_t i = 0; i < w.cases.scored_count; i++) {
        double *shifted = ALM_NEW_ARRAY(w.arena, double, STEPS);
        for (size_t h = 0; h < STEPS; h++) {
            shifted[h] = one[i].actual[h] + (one[i].behind == 2 * STEPS ? 1000 : 0);
        }
        one[i].actual = shifted;
    }
    alm_calibration c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_true(largest_of(&c, &count) > 100);
    assert_int_equal(count, 4 * 50 * STEPS);
    c = alm_calibration_of(&w.cases, 2 * STEPS, w.arena);
    assert_true(largest_of(&c, &count) < 100);
    assert_int_equal(count, 3 * 50 * STEPS);
    c = alm_calibration_of(&w.cases, STEPS + 1, w.arena);
    assert_true(largest_of(&c, &count) < 100);
    assert_int_equal(count, 2 * 50 * STEPS);
    c = alm_calibration_of(&w.cases, STEPS, w.arena);
    assert_true(largest_of(&c, &count) > 100);
    alm_arena_destroy(w.arena);
}

/* 200 series at 13 origins that are off together by twice the spread of one: 2,600 cases are worth
 * 13 to 33 scores, which is enough for 80% (9) and not for 95% (39). */
static void series_that_go_together_are_worth_less(void **state)
{
    (void)state;
    world w = begin(12);
    alm_calibration_case *one = simulate(&w, 200, 13, ALM_SUPPORT_REAL, 1);
    double shock[13];
    for (size_t g = 0; g < 13; g++) {
        shock[g] = 2 * alm_rng_next_normal(&w.rng);
    }
    double low[LEVELS] = {0, 0};
    double high[LEVELS] = {0, 0};
    double apart[LEVELS] = {0, 0};
    alm_calibration c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_true(c.together < .02 && c.enough[1]);
    assert_true(bounds(&c, (alm_calibration_point){0, 20, 2, ALM_SUPPORT_REAL}, low, apart));
    for (size_t i = 0; i < w.cases.scored_count; i++) {
        double *shifted = ALM_NEW_ARRAY(w.arena, double, STEPS);
        for (size_t h = 0; h < STEPS; h++) {
            shifted[h] = one[i].actual[h] + shock[i % 13] * one[i].deviation[h];
        }
        one[i].actual = shifted;
    }
    c = alm_calibration_of(&w.cases, 0, w.arena);
    assert_true(c.together > .4 && c.together < .95);
    assert_true(c.enough[0] && !c.enough[1]);
    assert_true(bounds(&c, (alm_calibration_point){0, 20, 2, ALM_SUPPORT_REAL}, low, high));
    assert_true(high[0] > apart[0]);
    alm_arena_destroy(w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchangeable_series_are_held_as_often_as_said),
        cmocka_unit_test(counts_are_held_and_bounds_are_counts),
        cmocka_unit_test(too_few_cases_leave_the_bounds_of_the_model),
        cmocka_unit_test(a_judged_origin_has_not_calibrated),
        cmocka_unit_test(series_that_go_together_are_worth_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
