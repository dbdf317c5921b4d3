#include "pipeline/series/several_seasons.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"

#define COUNT 192
#define STEPS 6
static const size_t BOTH[] = {4, 24};

/* Years of 24 periods with noise of a tenth of them, or steps that add up, without a season. */
static void put(alm_rng *rng, bool has_year, double *y)
{
    double year[24];
    double at = 0;
    for (size_t j = 0; j < 24; j++) {
        year[j] = 10 * alm_rng_next_uniform(rng);
    }
    for (size_t t = 0; t < COUNT; t++) {
        double u = alm_rng_next_uniform(rng);
        at += 2 * u - 1;
        y[t] = 50 + (has_year ? year[t % 24] + u : at);
    }
}

/* What wanders is taken for a season by chance at times, and less often than not. */
static void seasons_are_used_where_they_are_there(void **state)
{
    (void)state;
    enum { SERIES = 20 };
    size_t years = 0;
    size_t walks = 0;
    double y[COUNT];
    alm_past past = {y, COUNT, 4};
    alm_rng rng = alm_rng_stream(41, 10);
    for (size_t i = 0; i < SERIES; i++) {
        alm_arena *arena = alm_arena_create(0);
        put(&rng, true, y);
        years += alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena);
        put(&rng, false, y);
        walks += alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena);
        alm_arena_destroy(arena);
    }
    assert_int_equal(years, SERIES);
    assert_true(walks < SERIES / 2);
}

/* Two cycles and two horizons are the least that can be tried on; what is unknown is no error. */
static void without_an_origin_nothing_is_better(void **state)
{
    (void)state;
    double y[COUNT];
    alm_rng rng = alm_rng_stream(41, 11);
    alm_arena *arena = alm_arena_create(0);
    put(&rng, true, y);
    alm_past past = {y, 48 + 2 * STEPS - 1, 4};
    assert_false(alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena));
    past.count = COUNT;
    assert_true(alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena));
    for (size_t t = 96; t < past.count; t++) { /* nothing that could be better */
        y[t] = __builtin_nan("");
    }
    assert_false(alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena));
    for (size_t t = 0; t < 96; t++) {
        y[t] = __builtin_nan("");
    }
    assert_false(alm_seasons_are_better((alm_seasons){BOTH, 2}, &past, STEPS, arena));
    alm_arena_destroy(arena);
}

/* A method with one season has that of the past. */
static void one_season_is_that_of_the_past(void **state)
{
    (void)state;
    double y[COUNT];
    double a[STEPS];
    double b[STEPS];
    void *one = NULL;
    void *other = NULL;
    alm_rng rng = alm_rng_stream(41, 12);
    alm_arena *arena = alm_arena_create(0);
    put(&rng, true, y);
    alm_past past = {y, COUNT, 24};
    alm_seasons none = {BOTH, 1};
    assert_int_equal(alm_seasons_fit(&alm_mstl, none, &past, arena, &one), ALM_OK);
    assert_int_equal(alm_mstl_fit(&past, BOTH + 1, 1, arena, &other, NULL), ALM_OK);
    alm_mstl.mean(one, STEPS, a);
    alm_mstl.mean(other, STEPS, b);
    assert_memory_equal(a, b, sizeof a);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seasons_are_used_where_they_are_there),
        cmocka_unit_test(without_an_origin_nothing_is_better),
        cmocka_unit_test(one_season_is_that_of_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
