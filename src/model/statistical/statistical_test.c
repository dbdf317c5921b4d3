/* What holds for every forecaster, whatever it does.
 *
 *     statistical_test [PASTS]
 *
 * PASTS: how many odd pasts are made, 512 unless said. 100,000 take five minutes. */
#include "model/statistical/forecaster_kinds.h"
#include "model/statistical/sample_paths.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"
#include "model/statistical/automatic/contest.h"
#include "model/statistical/statistical_cases.h"

#define COUNT_MAX 80
#define STEPS 30

static bool is_finite(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) {
            return false;
        }
    }
    return true;
}

/* A deviation may be unknown, but is never negative or infinite. */
static bool is_deviation(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isnan(v[i]) && !(v[i] >= 0 && isfinite(v[i]))) {
            return false;
        }
    }
    return true;
}

static void check_odd(const alm_forecaster_kind *kind, const alm_past *past, alm_arena *arena)
{
    double out[STEPS];
    void *state = NULL;
    alm_error error = {0};
    alm_err code = kind->fit(past, arena, &state, &error);
    if (code != ALM_OK) {
        bool is_taken = alm_support_of(past) >= kind->traits.support;
        assert_true(code == ALM_ERR_INCOMPLETE || code == ALM_ERR_NUMERIC ||
                    (code == ALM_ERR_INVALID && !is_taken));
        assert_true(strlen(error.message) > 0);
        return;
    }
    static const double NEXT[] = {NAN, 0, 5, NAN};
    for (size_t i = 0; i < 4; i++) {
        kind->mean(state, STEPS, out);
        assert_true(is_finite(out, STEPS));
        kind->deviation(state, STEPS, out);
        assert_true(is_deviation(out, STEPS));
        kind->update(state, NEXT[i]);
    }
    double paths[2 * STEPS];
    alm_path_plan plan = {.steps = STEPS, .count = 2, .support = alm_support_of(past)};
    code = alm_forecaster_paths(kind, state, &plan, arena, paths, &error);
    assert_true(code == ALM_ERR_INCOMPLETE || code == ALM_ERR_NUMERIC ||
                (code == ALM_OK && is_finite(paths, 2 * STEPS)));
}

/* One of many ways in which a past is odd. */
static double odd_value(alm_rng *rng, uint64_t way, size_t t)
{
    static const double SIZES[] = {1, 1e-300, 1e280, 1e6};
    double size = SIZES[way / 16 % 4];
    switch (way % 8) {
    case 0: return size;                              /* constant */
    case 1: return 0;
    case 2: return t == 7 ? size : 0;                 /* one spike */
    case 3: return t % 2 ? size : -size;              /* alternating */
    case 4: return alm_rng_next_below(rng, 4) ? NAN : size * alm_rng_next_uniform(rng);
    case 5: return alm_rng_next_below(rng, 3) ? 0 : (double)alm_rng_next_below(rng, 9); /* rare */
    case 6: return size * (double)t;                  /* a line */
    default: return size * alm_rng_next_normal(rng);
    }
}

static void odd_pasts_have_finite_forecasts_or_are_refused(void **count)
{
    const int64_t *pasts = *count;
    static const size_t SEASONS[] = {1, 4, 7, 12};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(1, 0);
    for (uint64_t way = 0; way < (uint64_t)*pasts; way++) {
        double y[COUNT_MAX];
        alm_past past = {y, alm_rng_next_below(&rng, COUNT_MAX + 1), SEASONS[way / 4 % 4]};
        for (size_t t = 0; t < past.count; t++) {
            y[t] = odd_value(&rng, way, t);
        }
        for (size_t k = 0; k < kinds; k++) {
            alm_arena_reset(arena);
            check_odd(kind[k], &past, arena);
        }
    }
    alm_arena_destroy(arena);
}

static void nothing_known_and_too_large_are_refused_in_words(void **unused)
{
    (void)unused;
    static const double NONE[] = {NAN, NAN};
    static const double LARGE[] = {1, 1e300, 2, 3, 4, 5, 6};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_arena *arena = alm_arena_create(0);
    for (size_t k = 0; k < kinds; k++) {
        void *state = NULL;
        alm_error error;
        alm_past none = {NONE, 2, 1};
        assert_int_equal(kind[k]->fit(&none, arena, &state, &error), ALM_ERR_INCOMPLETE);
        assert_non_null(strstr(error.message, "0 are there"));
        alm_past large = {LARGE, 7, 1};
        assert_int_equal(kind[k]->fit(&large, arena, &state, &error), ALM_ERR_NUMERIC);
        assert_null(state);
    }
    alm_arena_destroy(arena);
}

/* A value that the kind does not take is refused, never bent. */
static void a_value_that_cannot_be_is_refused_in_words(void **unused)
{
    (void)unused;
    static const double BELOW[] = {1, 0, 2, 5, -3, 0, 1, 1};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    alm_arena *arena = alm_arena_create(0);
    for (size_t k = 0; k < kinds; k++) {
        if (kind[k]->traits.support != ALM_SUPPORT_REAL) {
            void *state = NULL;
            alm_error error;
            alm_past past = {BELOW, 8, 1};
            assert_int_equal(kind[k]->fit(&past, arena, &state, &error), ALM_ERR_INVALID);
            assert_non_null(strstr(error.message, "value 5 is -3"));
            assert_null(state);
        }
    }
    alm_arena_destroy(arena);
}

/* What comes as expected changes nothing that is expected later. The tolerance is rounding: the
 * state comes to the same value by another order of operations. */
static void a_value_as_expected_leaves_the_forecast(void **unused)
{
    (void)unused;
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    for (size_t k = 0; k < kinds; k++) {
        if (kind[k]->traits.support == ALM_SUPPORT_COUNT) {
            continue; /* its mean is no value that can come */
        }
        double allowed = kind[k]->traits.is_surprised ? .05 : 1e-9;
        for (size_t season = 1; season <= 12; season += 11) {
            alm_arena *arena = alm_arena_create(0);
            alm_past past = {AIR, sizeof AIR / sizeof AIR[0], season};
            void *state = NULL;
            double before[STEPS], after[STEPS];
            assert_int_equal(kind[k]->fit(&past, arena, &state, NULL), ALM_OK);
            kind[k]->mean(state, STEPS, before);
            kind[k]->update(state, before[0]);
            kind[k]->mean(state, STEPS - 1, after);
            for (size_t h = 0; h + 1 < STEPS; h++) {
                double distance = fabs(after[h] - before[h + 1]);
                assert_true(distance <= allowed * before[h + 1]);
            }
            alm_arena_destroy(arena);
        }
    }
}

/* A factor of two changes no bit on the way, so none of the answer. */
static void units_do_not_matter(void **unused)
{
    (void)unused;
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    double large[sizeof AIR / sizeof AIR[0]];
    for (size_t t = 0; t < sizeof AIR / sizeof AIR[0]; t++) {
        large[t] = 1024 * AIR[t];
    }
    for (size_t k = 0; k < kinds; k++) {
        if (kind[k]->traits.has_units) {
            continue;
        }
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {AIR, sizeof AIR / sizeof AIR[0], 12};
        alm_past same = {large, sizeof AIR / sizeof AIR[0], 12};
        void *state = NULL, *other = NULL;
        double a[STEPS], b[STEPS];
        assert_int_equal(kind[k]->fit(&past, arena, &state, NULL), ALM_OK);
        assert_int_equal(kind[k]->fit(&same, arena, &other, NULL), ALM_OK);
        kind[k]->mean(state, STEPS, a);
        kind[k]->mean(other, STEPS, b);
        for (size_t h = 0; h < STEPS; h++) {
            assert_true(1024 * a[h] == b[h]);
        }
        alm_arena_destroy(arena);
    }
}

/* A gap costs little: the forecast is near that of the whole past (within 3.5 percent here, where a
 * value put in as 0 would move it by 10 and more). But `best` may then be another one. */
static void unknown_values_are_left_out(void **unused)
{
    (void)unused;
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    double gaps[sizeof AIR / sizeof AIR[0]];
    memcpy(gaps, AIR, sizeof AIR);
    gaps[30] = gaps[31] = gaps[77] = gaps[100] = NAN;
    for (size_t k = 0; k < kinds; k++) {
        if (kind[k] == &alm_best) {
            continue;
        }
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {AIR, sizeof AIR / sizeof AIR[0], 12};
        alm_past some = {gaps, sizeof AIR / sizeof AIR[0], 12};
        void *state = NULL, *other = NULL;
        double a[12], b[12];
        assert_int_equal(kind[k]->fit(&past, arena, &state, NULL), ALM_OK);
        assert_int_equal(kind[k]->fit(&some, arena, &other, NULL), ALM_OK);
        kind[k]->mean(state, 12, a);
        kind[k]->mean(other, 12, b);
        for (size_t h = 0; h < 12; h++) {
            assert_true(fabs(a[h] - b[h]) <= .035 * a[h]);
        }
        alm_arena_destroy(arena);
    }
}

/* By hand: 3 1 4 1 5 9, one unknown in between, season 2. */
static void the_simplest_are_what_they_say(void **unused)
{
    (void)unused;
    static const double Y[] = {3, 1, 4, NAN, 5, 9};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 6, 2};
    void *state = NULL;
    double m[3], v[3];
    assert_int_equal(alm_naive.fit(&past, arena, &state, NULL), ALM_OK);
    alm_naive.mean(state, 3, m);
    alm_naive.deviation(state, 3, v);
    assert_true(m[0] == 9 && m[1] == 9 && m[2] == 9);
    assert_true(v[0] == sqrt(29. / 3) && v[2] == sqrt(29)); /* errors -2, 3, 4 */
    assert_int_equal(alm_seasonal_naive.fit(&past, arena, &state, NULL), ALM_OK);
    alm_seasonal_naive.mean(state, 3, m);
    alm_seasonal_naive.deviation(state, 3, v);
    assert_true(m[0] == 5 && m[1] == 9 && m[2] == 5);
    assert_true(v[0] == 1 && v[1] == 1 && v[2] == sqrt(2)); /* errors 1, 1 */
    assert_int_equal(alm_drift.fit(&past, arena, &state, NULL), ALM_OK);
    alm_drift.mean(state, 3, m);
    assert_true(fabs(m[0] - 10.2) < 1e-14 && fabs(m[2] - 12.6) < 1e-14); /* 6 / 5 a period */
    assert_int_equal(alm_mean_of_all.fit(&past, arena, &state, NULL), ALM_OK);
    alm_mean_of_all.mean(state, 3, m);
    alm_mean_of_all.deviation(state, 3, v);
    assert_true(fabs(m[0] - 4.4) < 1e-14 && m[2] == m[0]);
    assert_true(fabs(v[0] * v[0] - 8.8 * 1.2) < 1e-13); /* variance 35.2 / 4 */
    assert_int_equal(alm_window_mean.fit(&past, arena, &state, NULL), ALM_OK);
    alm_window_mean.mean(state, 3, m);
    alm_window_mean.deviation(state, 3, v);
    assert_true(m[0] == 7 && m[2] == 7);
    assert_true(v[0] == v[2] && fabs(v[0] * v[0] - 7) < 1e-13); /* errors 2, 1, 4 */
    alm_window_mean.update(state, (double)NAN);
    alm_window_mean.mean(state, 1, m);
    assert_true(m[0] == 9); /* the 5 is out of the window, and nothing came */
    alm_arena_destroy(arena);
}

int main(int argc, char **argv)
{
    int64_t pasts = 512;
    if (argc > 1 && !alm_str_to_i64(alm_str_of(argv[1]), &pasts)) {
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(odd_pasts_have_finite_forecasts_or_are_refused, &pasts),
        cmocka_unit_test(nothing_known_and_too_large_are_refused_in_words),
        cmocka_unit_test(a_value_that_cannot_be_is_refused_in_words),
        cmocka_unit_test(a_value_as_expected_leaves_the_forecast),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(unknown_values_are_left_out),
        cmocka_unit_test(the_simplest_are_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
