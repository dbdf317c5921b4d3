#include "model/statistical/smoothing/ces_slopes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/statistical_cases.h"

#define N (sizeof AIR / sizeof AIR[0])
#define SEASON 12
#define LONG (16 * N)

static const double X[4] = {1.2, 1.05, .3, .9};

static const size_t PARAMETERS[] = {2, 2, 3, 4};

static almi_ces_walk walk_of(const alm_adjusted *past, alm_ces_season form, alm_arena *arena)
{
    almi_ces_walk w = {.past = past, .form = form, .season = form ? SEASON : 1,
                       .first = {1, .9}};
    almi_ces_pair *phase = ALM_NEW_ARRAY(arena, almi_ces_pair, w.season);
    for (size_t k = 0; form && k < SEASON; k++) {
        phase[k] = (almi_ces_pair){.1 * (double)(7 * k % 12) - .5,
                                   form == ALM_CES_PARTIAL ? 0 : .3};
    }
    w.phase = phase;
    almi_ces_walk_init(&w, arena);
    return w;
}

/* Central differences of width h are off by h^2 times the third derivative, and rounding over h. */
static void slopes_are_those_of_differences(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    double y[N], r[N], up[N], down[N];
    almi_ces_pair level, phase[SEASON];
    const double h = 1e-5;
    for (size_t t = 0; t < N; t++) {
        y[t] = t % 17 == 5 ? (double)NAN : AIR[t] / 300;
    }
    alm_adjusted past = {.y = y, .count = N, .known = N - 9};
    for (int form = ALM_CES_NONE; form <= ALM_CES_FULL; form++) {
        almi_ces_walk w = walk_of(&past, (alm_ces_season)form, arena);
        almi_ces_walk other = walk_of(&past, (alm_ces_season)form, arena);
        almi_ces_follow(&w, X, r, &level, phase);
        for (size_t k = 0; k < PARAMETERS[form]; k++) {
            double x[4];
            memcpy(x, X, sizeof x);
            x[k] = X[k] + h;
            almi_ces_follow(&other, x, up, &level, phase);
            x[k] = X[k] - h;
            almi_ces_follow(&other, x, down, &level, phase);
            for (size_t t = 0; t < N; t++) {
                double slope = w.rows[t * ALMI_CES_PARAMETERS_MAX + k];
                double expected = (up[t] - down[t]) / (2 * h);
                assert_true(fabs(slope - expected) < 1e-6 * (1 + fabs(slope)));
            }
        }
    }
    alm_arena_destroy(arena);
}

/* The recursion of alm_ces_pass, three ways. */
static double squares_of_three_ways(const double *y, size_t n, const almi_ces_walk *w,
                                    alm_arena *arena)
{
    double *back = ALM_NEW_ARRAY(arena, double, n);
    for (size_t t = 0; t < n; t++) {
        back[t] = y[n - 1 - t];
    }
    alm_ces_facts by = {.season = ALM_CES_NONE, .alpha = {X[0], X[1]}};
    double level[2] = {w->first.l, w->first.c};
    double phase[2] = {0, 0};
    (void)alm_ces_pass(&(alm_past){y, n, 1}, &by, level, phase);
    (void)alm_ces_pass(&(alm_past){back, n, 1}, &by, level, phase);
    return alm_ces_pass(&(alm_past){y, n, 1}, &by, level, phase);
}

/* What is left out is below the last bit: 1e-13 is rounding over so many periods. */
static void a_long_past_is_the_same_without_its_first_way(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    double *y = ALM_NEW_ARRAY(arena, double, LONG);
    double *r = ALM_NEW_ARRAY(arena, double, LONG);
    almi_ces_pair level, phase[1];
    for (size_t t = 0; t < LONG; t++) {
        y[t] = AIR[t % N] / 300;
    }
    static const size_t COUNTS[] = {8, 40, N, LONG};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        alm_adjusted past = {.y = y, .count = COUNTS[i], .known = COUNTS[i]};
        almi_ces_walk w = walk_of(&past, ALM_CES_NONE, arena);
        almi_ces_follow(&w, X, r, &level, phase);
        double squares = 0;
        for (size_t t = 0; t < COUNTS[i]; t++) {
            squares += r[t] * r[t];
        }
        double expected = squares_of_three_ways(y, COUNTS[i], &w, arena);
        assert_true(fabs(squares - expected) < 1e-13 * expected);
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slopes_are_those_of_differences),
        cmocka_unit_test(a_long_past_is_the_same_without_its_first_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
