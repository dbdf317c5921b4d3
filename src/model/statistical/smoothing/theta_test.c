#include "model/statistical/smoothing/theta.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/statistical_cases.h"

#define N (sizeof AIR / sizeof AIR[0])

static double first_ahead(const alm_forecaster_kind *kind, size_t season)
{
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, N, season};
    void *state = NULL;
    double out;
    assert_int_equal(kind->fit(&past, arena, &state, NULL), ALM_OK);
    kind->mean(state, 1, &out);
    alm_arena_destroy(arena);
    return out;
}

/* Values of statsforecast 2.0 (tests/test_theta.py), 7 digits. Where only `a` and the level are
 * fitted its simplex comes to the optimum; with theta it stops .05 before it. */
static void air_passengers_are_those_of_another_program(void **unused)
{
    (void)unused;
    assert_true(fabs(first_ahead(&alm_theta_standard, 1) - 432.9292) < 5e-5);
    assert_true(fabs(first_ahead(&alm_theta_dynamic, 1) - 432.9292) < 5e-5);
    assert_true(fabs(first_ahead(&alm_theta_optimised, 1) - 433.72) < .06);
    assert_true(fabs(first_ahead(&alm_theta_dynamic_optimised, 1) - 432.51) < .06);
}

typedef struct literal { /* as the paper writes it, without least squares */
    double alpha, theta, level;
    bool is_dynamic;
} literal;

static void line_through(const double *y, size_t n, double *intercept, double *slope)
{
    double st = 0, sy = 0, stt = 0, sty = 0;
    for (size_t t = 1; t <= n; t++) {
        st += (double)t;
        sy += y[t - 1];
        stt += (double)(t * t);
        sty += (double)t * y[t - 1];
    }
    *slope = n > 1 ? ((double)n * sty - st * sy) / ((double)n * stt - st * st) : 0;
    *intercept = (sy - *slope * st) / (double)n;
}

static double squares_of(const literal *p)
{
    double level = p->level, sum = 0;
    for (size_t t = 1; t <= N; t++) {
        double a = 0, b = 0;
        line_through(AIR, p->is_dynamic ? t - 1 : N, &a, &b);
        if (t == 1 && p->is_dynamic) {
            a = b = 0;
        }
        double q = 1 - p->alpha;
        double mean = level + (1 - 1 / p->theta) * (pow(q, (double)t - 1) * a +
                                                    (1 - pow(q, (double)t)) / p->alpha * b);
        sum += t > 3 ? (AIR[t - 1] - mean) * (AIR[t - 1] - mean) : 0;
        level = p->alpha * AIR[t - 1] + q * level;
    }
    return sum;
}

/* The sum of squares is that of the paper's recursion (1e-9: two orders of summation over 144
 * periods), and no other point of the parameters has a lower one. */
static void no_other_parameters_fit_better(void **unused)
{
    (void)unused;
    static const struct {
        const alm_forecaster_kind *kind;
        bool is_dynamic, is_optimised;
    } CASES[] = {{&alm_theta_standard, false, false},
                 {&alm_theta_optimised, false, true},
                 {&alm_theta_dynamic, true, false},
                 {&alm_theta_dynamic_optimised, true, true}};
    alm_rng rng = alm_rng_stream(3, 0);
    for (size_t i = 0; i < 4; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {AIR, N, 1};
        void *state = NULL;
        alm_theta_facts facts;
        assert_int_equal(CASES[i].kind->fit(&past, arena, &state, NULL), ALM_OK);
        alm_theta_describe(state, &facts);
        literal best = {facts.alpha, facts.theta, facts.first_level, CASES[i].is_dynamic};
        assert_true(fabs(squares_of(&best) - facts.squares) <= 1e-9 * facts.squares);
        for (int k = 0; k < 2000; k++) {
            literal other = best;
            double width = k % 2 ? 1 : 1e-3;
            other.alpha += width * (alm_rng_next_uniform(&rng) - .5);
            other.alpha = fmin(fmax(other.alpha, .1), .99);
            other.level += width * 200 * (alm_rng_next_uniform(&rng) - .5);
            if (CASES[i].is_optimised) {
                other.theta = fmax(1, other.theta + width * (alm_rng_next_uniform(&rng) - .5));
            }
            assert_true(squares_of(&other) >= facts.squares * (1 - 1e-9));
        }
        alm_arena_destroy(arena);
    }
}

/* The automatic one is that of the four with the lowest sum of squares. */
static void the_automatic_one_fits_best(void **unused)
{
    (void)unused;
    static const alm_forecaster_kind *const FOUR[] = {&alm_theta_standard, &alm_theta_optimised,
                                                      &alm_theta_dynamic,
                                                      &alm_theta_dynamic_optimised};
    for (size_t season = 1; season <= 12; season += 11) {
        alm_arena *arena = alm_arena_create(0);
        alm_past past = {AIR, N, season};
        void *state = NULL;
        alm_theta_facts facts;
        double lowest = INFINITY;
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(FOUR[i]->fit(&past, arena, &state, NULL), ALM_OK);
            alm_theta_describe(state, &facts);
            lowest = fmin(lowest, facts.squares);
        }
        assert_int_equal(alm_theta_automatic.fit(&past, arena, &state, NULL), ALM_OK);
        alm_theta_describe(state, &facts);
        assert_true(facts.squares == lowest);
        alm_arena_destroy(arena);
    }
}

static void a_season_is_taken_out_and_put_back(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {AIR, N, 12};
    void *state = NULL;
    double out[24];
    alm_theta_facts facts;
    assert_int_equal(alm_theta_dynamic_optimised.fit(&past, arena, &state, NULL), ALM_OK);
    alm_theta_describe(state, &facts);
    assert_true(facts.is_adjusted);
    alm_theta_dynamic_optimised.mean(state, 24, out);
    for (size_t h = 0; h < 12; h++) {
        assert_true(out[h + 12] > out[h]);                     /* it grows */
        assert_true(out[h] > AIR[N - 12 + h] * .9 && out[h] < AIR[N - 12 + h] * 1.2);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_passengers_are_those_of_another_program),
        cmocka_unit_test(no_other_parameters_fit_better),
        cmocka_unit_test(the_automatic_one_fits_best),
        cmocka_unit_test(a_season_is_taken_out_and_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
