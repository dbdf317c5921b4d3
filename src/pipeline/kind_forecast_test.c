#include "pipeline/kind_forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/forecaster_kinds.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/rare/croston.h"
#include "model/statistical/smoothing/ets.h"
#include "model/statistical/smoothing/theta.h"
#include "pipeline/pipeline_cases.h"

enum { STEPS = 14, FIRST = 5, DELAY = 2 };

static const alm_profile PROFILE = {{0.8, 1.0, 1.1, 0.9, 1.2, 1.5, 0}};

typedef struct asked {
    panel_case c;
    alm_history_view view;
    alm_kind_request request;
    alm_arena *arena;
    double flat[STEPS], mean[STEPS];
} asked;

static int setup(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    asked *a = ALM_NEW(arena, asked);
    a->arena = arena;
    make_panel_case(&a->c);
    a->c.state[40] = ALM_PERIOD_STOCKOUT;
    a->c.state[52] = ALM_PERIOD_MISSING;
    a->c.values[52] = (double)NAN;
    a->view = (alm_history_view){&a->c.panel, 0, CASE_PERIODS - 1, DELAY, PROFILE};
    a->request = (alm_kind_request){&a->view, FIRST, 7, STEPS, a->c.closed + CASE_PERIODS};
    *state = a;
    return 0;
}

static int teardown(void **state)
{
    asked *a = *state;
    alm_arena_destroy(a->arena);
    return 0;
}

static alm_fallback ask(asked *a, const alm_forecaster_kind *kind)
{
    memset(a->flat, 0xff, sizeof a->flat);
    memset(a->mean, 0xff, sizeof a->mean);
    return alm_kind_forecast(kind, &a->request, a->arena, a->flat, a->mean);
}

/* The kind by itself, fitted to what the header says that it sees. */
static void expect_as_alone(asked *a, const alm_forecaster_kind *kind, bool divided)
{
    size_t count = CASE_PERIODS - DELAY - FIRST;
    double *y = ALM_NEW_ARRAY(a->arena, double, count);
    for (size_t i = 0; i < count; i++) {
        size_t t = FIRST + i;
        bool known = a->c.state[t] == ALM_PERIOD_OBSERVED;
        y[i] = known ? a->c.values[t] / (divided ? PROFILE.weekday[t % 7] : 1) : (double)NAN;
    }
    alm_past past = {y, count, 7};
    void *state = NULL;
    double ahead[DELAY + STEPS];
    if (kind == &alm_count) { /* takes what was sold out for a bound */
        uint8_t *bound = ALM_NEW_ARRAY(a->arena, uint8_t, count);
        bound[40 - FIRST] = 1;
        y[40 - FIRST] = a->c.values[40];
        alm_count_past counts = {y, count, bound};
        assert_int_equal(alm_count_fit(&counts, NULL, a->arena, &state, NULL), ALM_OK);
    } else {
        assert_int_equal(kind->fit(&past, a->arena, &state, NULL), ALM_OK);
    }
    kind->mean(state, DELAY + STEPS, ahead);
    assert_int_equal(ask(a, kind), ALM_FALLBACK_NONE);
    for (size_t h = 0; h < STEPS; h++) {
        size_t day = CASE_PERIODS + h;
        double flat = ahead[DELAY + h] > 0 ? ahead[DELAY + h] : 0;
        assert_true(a->flat[h] == flat);
        assert_true(a->mean[h] == (day % 7 == 6 ? 0 : flat * PROFILE.weekday[day % 7]));
    }
}

/* What stands in for a sold-out day is a value to most kinds, and a lower bound to counts. */
static void sold_out_is_stood_in_for_or_a_bound(void **state)
{
    asked *a = *state;
    double *imputed = ALM_NEW_ARRAY(a->arena, double, CASE_PERIODS);
    a->c.values[40] = 9;
    imputed[40] = 12.5;
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    double masked = a->flat[0];
    a->c.panel.imputed = imputed;
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    double stood_in = a->flat[0];
    assert_int_equal(ask(a, &alm_count), ALM_FALLBACK_NONE);
    double counted = a->flat[0];
    size_t count = CASE_PERIODS - DELAY - FIRST;
    double *y = ALM_NEW_ARRAY(a->arena, double, count);
    uint8_t *bound = ALM_NEW_ARRAY(a->arena, uint8_t, count);
    for (size_t i = 0; i < count; i++) {
        size_t t = FIRST + i;
        bound[i] = t == 40;
        y[i] = a->c.state[t] == ALM_PERIOD_OBSERVED || bound[i] ? a->c.values[t] : (double)NAN;
    }
    alm_count_past past = {y, count, bound};
    void *fitted = NULL;
    double ahead[DELAY + 1];
    assert_int_equal(alm_count_fit(&past, NULL, a->arena, &fitted, NULL), ALM_OK);
    alm_count.mean(fitted, DELAY + 1, ahead);
    assert_true(counted == ahead[DELAY]);
    a->c.values[40] = 12.5; /* the same as if that had been seen */
    ((uint8_t *)a->c.panel.state)[40] = ALM_PERIOD_OBSERVED;
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    assert_true(a->flat[0] == stood_in && stood_in != masked);
}

static void is_the_kind_on_what_says_what_demand_was(void **state)
{
    asked *a = *state;
    expect_as_alone(a, &alm_theta_dynamic_optimised, true);
    expect_as_alone(a, &alm_ets, true);
    expect_as_alone(a, &alm_sba, true);
    expect_as_alone(a, &alm_mean_of_all, true);
    expect_as_alone(a, &alm_count, false); /* takes counts alone */
}

/* Nothing that was not published at the origin, and nothing that says nothing of demand, moves a
 * bit; what was published does. */
static void looks_at_nothing_else(void **state)
{
    asked *a = *state;
    double before[STEPS];
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    memcpy(before, a->mean, sizeof before);
    a->c.values[CASE_PERIODS - 1] = 1e6; /* not published: a delay of two periods */
    a->c.values[CASE_PERIODS - 2] = 1e6;
    a->c.values[40] = 1e6; /* out of stock */
    a->c.values[41] = 1e6; /* closed: 41 is a Sunday */
    assert_int_equal(41 % 7, 6);
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    assert_memory_equal(before, a->mean, sizeof before);
    assert_int_equal(ask(a, &alm_count), ALM_FALLBACK_NONE); /* what was sold out is a bound */
    memcpy(before, a->mean, sizeof before);
    a->c.values[40] = 1;
    assert_int_equal(ask(a, &alm_count), ALM_FALLBACK_NONE);
    assert_memory_not_equal(before, a->mean, sizeof before);
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    memcpy(before, a->mean, sizeof before);
    a->c.values[CASE_PERIODS - 3] += 1;
    assert_int_equal(ask(a, &alm_ets), ALM_FALLBACK_NONE);
    assert_memory_not_equal(before, a->mean, sizeof before);
}

static alm_err fit_none(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    (void)past;
    (void)error;
    *state = ALM_NEW(arena, int);
    return ALM_OK;
}

static alm_err fit_short(const alm_past *past, alm_arena *arena, void **state, alm_error *error)
{
    (void)arena;
    (void)state;
    return alm_fail(error, ALM_ERR_INCOMPLETE, "%zu values are too few", past->count);
}

static void mean_far(const void *state, size_t steps, double *out)
{
    (void)state;
    for (size_t h = 0; h < steps; h++) {
        out[h] = h + 1 < steps ? 1 : 1e4;
    }
}

static void mean_infinite(const void *state, size_t steps, double *out)
{
    mean_far(state, steps, out);
    out[steps - 1] = (double)INFINITY;
}

static void mean_below(const void *state, size_t steps, double *out)
{
    mean_far(state, steps, out);
    out[steps - 1] = -3;
}

static void expect_untouched(const asked *a)
{
    double untouched[STEPS];
    memset(untouched, 0xff, sizeof untouched);
    assert_memory_equal(a->flat, untouched, sizeof untouched);
    assert_memory_equal(a->mean, untouched, sizeof untouched);
}

static void says_why_it_does_not_answer(void **state)
{
    asked *a = *state;
    alm_forecaster_kind odd = {.name = "odd", .fit = fit_none, .mean = mean_far};
    assert_int_equal(ask(a, &odd), ALM_FALLBACK_EXPLODES);
    expect_untouched(a);
    odd.mean = mean_infinite;
    assert_int_equal(ask(a, &odd), ALM_FALLBACK_NUMERIC);
    expect_untouched(a);
    odd.mean = mean_below; /* demand is never below 0 */
    assert_int_equal(ask(a, &odd), ALM_FALLBACK_NONE);
    assert_true(a->flat[STEPS - 1] == 0 && a->mean[STEPS - 1] == 0 && a->flat[0] == 1);
    a->c.values[22] = 2.5;
    assert_int_equal(ask(a, &alm_count), ALM_FALLBACK_UNSUITED);
    expect_untouched(a);
    odd.fit = fit_short;
    assert_int_equal(ask(a, &odd), ALM_FALLBACK_TOO_SHORT);
    expect_untouched(a);
}

/* Every kind over random histories with holes: finite and never below 0, or a reason, and the same
 * bits again. */
static void any_kind_over_any_history(void **state)
{
    asked *a = *state;
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&count);
    alm_rng rng = alm_rng_stream(61, 2);
    size_t answered = 0;
    for (int round = 0; round < 12; round++) {
        uint32_t share = (uint32_t)alm_rng_next_below(&rng, 4) + 1;
        for (int t = FIRST; t < CASE_PERIODS; t++) {
            bool sold = alm_rng_next_below(&rng, 4) < share;
            a->c.values[t] = sold ? (double)alm_rng_next_below(&rng, 30) : 0;
            a->c.state[t] = a->c.closed[t] ? ALM_PERIOD_CLOSED
                                           : (uint8_t)(1 + alm_rng_next_below(&rng, 5));
        }
        a->c.values[FIRST] = 1;
        a->c.state[FIRST] = ALM_PERIOD_OBSERVED;
        for (size_t k = 0; k < count; k++) {
            double mean[STEPS];
            alm_fallback reason = ask(a, kinds[k]);
            memcpy(mean, a->mean, sizeof mean);
            for (int h = 0; reason == ALM_FALLBACK_NONE && h < STEPS; h++) {
                assert_true(isfinite(a->mean[h]) && a->mean[h] >= 0 && isfinite(a->flat[h]));
            }
            answered += reason == ALM_FALLBACK_NONE;
            assert_int_equal(ask(a, kinds[k]), reason);
            assert_memory_equal(mean, a->mean, sizeof mean);
        }
    }
    assert_true(answered > 9 * count); /* of 12 rounds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sold_out_is_stood_in_for_or_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(is_the_kind_on_what_says_what_demand_was, setup, teardown),
        cmocka_unit_test_setup_teardown(looks_at_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(says_why_it_does_not_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(any_kind_over_any_history, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
