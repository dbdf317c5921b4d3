#include "model/statistical/rare/adida.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "model/statistical/rare/demand_cases.h"

/* An alpha is found to 1e-7 here and to a stop of theirs; forecasts move by less than ten times as
 * much. */
static void forecasts_are_those_of_statsforecast(void **unused)
{
    (void)unused;
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < DEMAND_CASES; i++) {
        const demand_case *c = &DEMAND[i];
        alm_past past = {c->y, c->count, 1};
        assert_true(fabs(demand_first(&alm_adida, &past, arena) - c->adida) < 1e-6 * c->adida);
        assert_true(fabs(demand_first(&alm_imapa, &past, arena) - c->imapa) < 1e-6 * c->imapa);
    }
    alm_arena_destroy(arena);
}

/* By hand: intervals 2 2 2, so sums of two: (0 2) (0 4) (0 3); the level after two of them is
 * 2 + 2 a. The next sum is (5 1). */
static void a_sum_that_is_full_moves_the_level(void **unused)
{
    (void)unused;
    static const double Y[] = {0, 2, 0, 4, 0, 3};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 6, 1};
    void *state = NULL;
    double a = 0, b = 0, c = 0;
    assert_int_equal(alm_adida.fit(&past, arena, &state, NULL), ALM_OK);
    alm_adida.mean(state, 1, &a);
    /* squares (4 - 2)^2 + (3 - 2 - 2 alpha)^2: alpha .3; levels 2, 2.6, 2.72 */
    assert_true(fabs(a - 1.36) < 1e-6);
    alm_adida.update(state, 5);
    alm_adida.mean(state, 1, &b);
    assert_true(b == a);
    void *other = alm_adida.copy(state, arena, NULL);
    alm_adida.update(state, 1);
    alm_adida.mean(state, 1, &c);
    assert_true(fabs(c - (2.72 + .3 * (6 - 2.72)) / 2) < 1e-6);
    alm_adida.mean(other, 1, &b);
    assert_true(b == a); /* the copy has its own sums */
    alm_arena_destroy(arena);
}

/* Of 0 2 0 4 0 3 the second and third sum have a forecast: 1 a period, then 1.3. */
static void the_deviation_is_that_of_errors_one_period_ahead(void **unused)
{
    (void)unused;
    static const double Y[] = {0, 2, 0, 4, 0, 3};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 6, 1};
    void *state = NULL;
    double out[2];
    assert_int_equal(alm_adida.fit(&past, arena, &state, NULL), ALM_OK);
    alm_adida.deviation(state, 2, out);
    /* from period 4 on, where every level of IMAPA would have one: 4, 0, 3 less 1, 1.3, 1.3 */
    assert_true(fabs(out[0] - sqrt((9 + 1.69 + 2.89) / 3)) < 1e-6 && out[1] == out[0]);
    alm_arena_destroy(arena);
}

static void no_demand_is_no_forecast(void **unused)
{
    (void)unused;
    static const double NONE[] = {0, 0, 0, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {NONE, 4, 1};
    assert_true(demand_first(&alm_adida, &past, arena) == 0);
    assert_true(demand_first(&alm_imapa, &past, arena) == 0);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forecasts_are_those_of_statsforecast),
        cmocka_unit_test(a_sum_that_is_full_moves_the_level),
        cmocka_unit_test(the_deviation_is_that_of_errors_one_period_ahead),
        cmocka_unit_test(no_demand_is_no_forecast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
