#include "pipeline/series/counted.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/negative_binomial.h"
#include "pipeline/series/series_forecast.h"

#define SERIES 120
#define PERIODS 90
#define EXCESS .6

typedef struct shop {
    alm_long_one series[SERIES]; /* values, and bounds where all of the stock was sold */
    double y[SERIES][PERIODS], least[SERIES][PERIODS];
    double sales[SERIES][PERIODS]; /* what a file without the mark would say */
    double demand[SERIES];         /* mean of a period, which nobody sees */
    size_t sold_out;
} shop;

/* Negative binomial demand of means from 1 to 4, and a stock that often is less. */
static void open_shop(shop *s)
{
    alm_rng rng = alm_rng_stream(31, 4);
    *s = (shop){0};
    for (size_t i = 0; i < SERIES; i++) {
        s->demand[i] = 1 + 3 * alm_rng_next_uniform(&rng);
        alm_negative_binomial d = {s->demand[i], s->demand[i] / EXCESS};
        for (size_t t = 0; t < PERIODS; t++) {
            double demand = alm_negative_binomial_quantile(d, alm_rng_next_uniform(&rng));
            double stock = floor(s->demand[i] + 1 + 3 * alm_rng_next_uniform(&rng));
            bool out = demand >= stock;
            s->y[i][t] = out ? (double)NAN : demand;
            s->least[i][t] = out ? stock : (double)NAN;
            s->sales[i][t] = out ? stock : demand;
            s->sold_out += out;
        }
        s->series[i] = (alm_long_one){.y = s->y[i], .count = PERIODS, .least = s->least[i]};
    }
}

static alm_forecast_set forecast_all(const shop *s, size_t count, alm_arena *arena)
{
    alm_forecast_plan plan = {.kind = &alm_count, .season = 1, .steps = 4, .origins = 3, .seed = 1,
                              .level = {.8}, .level_count = 1};
    alm_env env = {0};
    alm_error error;
    alm_long_series all = {.series = s->series, .count = count};
    alm_forecast_set set;
    assert_int_equal(alm_series_forecast_all(&env, &all, &plan, arena, &set, &error), ALM_OK);
    return set;
}

/* Sum of forecasts over that of demand, less 1. */
static double bias(const shop *s, const alm_forecast_set *set)
{
    double forecast = 0;
    double demand = 0;
    for (size_t i = 0; i < SERIES; i++) {
        assert_ptr_equal(set->series[i].kind, &alm_count);
        forecast += set->series[i].mean[0];
        demand += s->demand[i];
    }
    return forecast / demand - 1;
}

/* Sales taken as demand are too low, and so is what is left when they are left out. */
static void bounds_are_demand_of_at_least(void **state)
{
    (void)state;
    static shop s;
    alm_arena *arena = alm_arena_create(0);
    open_shop(&s);
    double share = (double)s.sold_out / (SERIES * PERIODS);
    assert_true(share > .15 && share < .35);
    alm_forecast_set set = forecast_all(&s, SERIES, arena);
    double of_bounds = bias(&s, &set);
    size_t judged = 0; /* three origins, of which the newest two share two periods each */
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t k = 0; k < 3; k++) {
            for (size_t h = 0; h < 4; h++) {
                judged += !isnan(s.y[i][PERIODS - 4 - 2 * k + h]);
            }
        }
    }
    assert_int_equal(set.score.pairs, judged);
    for (size_t i = 0; i < SERIES; i++) {
        s.series[i].least = NULL;
    }
    alm_forecast_set unknown = forecast_all(&s, SERIES, arena);
    double of_unknown = bias(&s, &unknown);
    for (size_t i = 0; i < SERIES; i++) {
        s.series[i].y = s.sales[i];
    }
    alm_forecast_set taken = forecast_all(&s, SERIES, arena);
    double of_sales = bias(&s, &taken);
    /* The mean of 120 forecasts is off by chance by some 2 percent: memories of some 30 periods. */
    assert_true(fabs(of_bounds) < .03);
    assert_true(of_sales < -.08);
    assert_true(of_unknown < -.12);
    alm_arena_destroy(arena);
}

/* A state that is moved on over a bound is the one that it would be of alm_count. */
static void a_bound_moves_a_state_on(void **state)
{
    (void)state;
    static const double Y[] = {2, 0, 3, (double)NAN, 1, (double)NAN};
    static const double LEAST[] = {(double)NAN, (double)NAN, (double)NAN, 4, (double)NAN,
                                   (double)NAN};
    static const double ALL[] = {2, 0, 3, 4, 1, (double)NAN};
    static const uint8_t BOUND[] = {0, 0, 0, 1, 0, 0};
    alm_arena *arena = alm_arena_create(0);
    alm_past past = {Y, 6, 1};
    alm_count_past counts = {ALL, 6, BOUND};
    void *one = NULL;
    void *two = NULL;
    double a[3];
    double b[3];
    assert_int_equal(alm_counted_fit(&past, LEAST, NULL, arena, &one), ALM_OK);
    assert_int_equal(alm_count_fit(&counts, NULL, arena, &two, NULL), ALM_OK);
    alm_counted_update(one, (double)NAN, 5);
    alm_count_update_bound(two, 5);
    alm_counted_update(one, 2, (double)NAN);
    alm_count.update(two, 2);
    alm_count.mean(one, 3, a);
    alm_count.mean(two, 3, b);
    assert_memory_equal(a, b, sizeof a);
    alm_arena_destroy(arena);
}

static bool same(const alm_count_common *a, const alm_count_common *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* What the check judges teaches it nothing: the parameters of its origins are those of a file that
 * ends before them. */
static void the_check_learns_nothing_from_what_it_judges(void **state)
{
    (void)state;
    static shop s;
    alm_arena *arena = alm_arena_create(0);
    open_shop(&s);
    alm_long_series all = {.series = s.series, .count = SERIES};
    alm_counted whole = alm_counted_of(&all, 12, arena);
    for (size_t i = 0; i < SERIES; i++) {
        s.series[i].count = PERIODS - 12;
    }
    alm_counted cut = alm_counted_of(&all, 12, arena);
    assert_true(same(whole.before, cut.common));
    assert_false(same(whole.common, cut.common));
    alm_arena_destroy(arena);
}

static void few_series_are_by_themselves(void **state)
{
    (void)state;
    static shop s;
    alm_arena *arena = alm_arena_create(0);
    open_shop(&s);
    alm_forecast_set few = forecast_all(&s, ALM_COUNTED_SERIES_MIN - 1, arena);
    alm_forecast_set enough = forecast_all(&s, ALM_COUNTED_SERIES_MIN, arena);
    assert_null(few.common);
    assert_non_null(enough.common);
    assert_true(few.series[0].mean[0] != enough.series[0].mean[0]);
    s.y[3][7] = .5; /* no count: it takes no part, and is answered by another forecaster */
    few = forecast_all(&s, ALM_COUNTED_SERIES_MIN, arena);
    assert_null(few.common);
    assert_int_equal(few.series[3].reason, ALM_FORECAST_UNSUITED);
    s.y[3][7] = (double)NAN;
    s.least[3][7] = -1; /* nor is this a bound of one */
    few = forecast_all(&s, ALM_COUNTED_SERIES_MIN, arena);
    assert_null(few.common);
    assert_int_equal(few.series[3].reason, ALM_FORECAST_UNSUITED);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_demand_of_at_least),
        cmocka_unit_test(a_bound_moves_a_state_on),
        cmocka_unit_test(the_check_learns_nothing_from_what_it_judges),
        cmocka_unit_test(few_series_are_by_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
