#include "pipeline/series/series_forecast.h"

#include "base/rng.h"
#include "model/statistical/forecaster_kinds.h"
#include "model/statistical/smoothing/theta.h"
#include "model/statistical/statistical_cases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STEPS 12
#define LEVELS 2

static alm_forecast_plan plan_of(const alm_forecaster_kind *kind, size_t paths)
{
    return (alm_forecast_plan){.kind = kind, .season = 12, .steps = STEPS, .paths = paths,
                               .origins = 3, .seed = 1, .level = {.8, .95},
                               .level_count = LEVELS};
}

static void the_forecaster_that_is_asked_for_answers(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_past air = {AIR, 144, 12};
    alm_forecast_plan plan = plan_of(&alm_theta_dynamic_optimised, 200);
    alm_series_forecast made;
    alm_series_forecast_one(&plan, &air, 0, arena, scratch, &made);
    assert_ptr_equal(made.kind, &alm_theta_dynamic_optimised);
    assert_int_equal(made.reason, ALM_FORECAST_FITTED);
    assert_int_equal(made.spread, ALM_SPREAD_PATHS);
    assert_int_equal(made.support, ALM_SUPPORT_COUNT);
    void *fitted = NULL;
    double mean[STEPS];
    alm_error error;
    assert_int_equal(made.kind->fit(&air, arena, &fitted, &error), ALM_OK);
    made.kind->mean(fitted, STEPS, mean);
    assert_memory_equal(made.mean, mean, sizeof mean);
    /* Three origins, each 12 steps, of which none is missing. */
    assert_int_equal(made.score.windows, 3);
    assert_int_equal(made.score.pairs, 36);
    assert_int_equal(made.score.interval_pairs[0], 36);
    assert_true(alm_forecast_mase(&made.score) < alm_forecast_mase(&made.naive));
    assert_true(made.score.covered[0] <= made.score.covered[1]);
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* By hand: 1 2 3 4 | 5 6, and naive from the 4: errors 1 and 2, of a scale of 1. */
static void the_check_knows_only_what_came_before(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    const double y[] = {1, 2, 3, 4, 5, 6};
    alm_past past = {y, 6, 1};
    alm_forecast_plan plan = plan_of(&alm_naive, 0);
    plan.season = 1;
    plan.steps = 2;
    plan.origins = 9; /* there is room for one */
    alm_series_forecast made;
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_int_equal(made.score.windows, 1);
    assert_true(made.score.absolute == 3 && made.score.actual == 11);
    assert_true(alm_forecast_mase(&made.score) == 1.5);
    assert_true(alm_forecast_wape(&made.score) == 3. / 11);
    assert_true(made.mean[0] == 6 && made.mean[1] == 6);
    past.count = 5;
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_int_equal(made.score.windows, 0);
    assert_true(isnan(alm_forecast_mase(&made.score)));
    assert_true(isnan(alm_forecast_coverage(&made.score, 0)));
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

static void a_refused_series_is_answered_by_a_simpler_forecaster(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    const double none = (double)NAN;
    const double one[] = {none, 3, none};
    const double nothing[] = {none, none};
    const double huge[] = {1e300, 1e300};
    alm_forecast_plan plan = plan_of(&alm_theta_dynamic_optimised, 50);
    alm_series_forecast made;
    alm_past past = {one, 3, 12};
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_ptr_equal(made.kind, &alm_naive);
    assert_int_equal(made.reason, ALM_FORECAST_SHORT);
    assert_int_equal(made.spread, ALM_SPREAD_NONE);
    assert_true(made.mean[STEPS - 1] == 3 && isnan(made.low[0]) && isnan(made.high[0]));
    past = (alm_past){nothing, 2, 12};
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_null(made.kind);
    assert_int_equal(made.reason, ALM_FORECAST_NO_VALUES);
    assert_true(isnan(made.mean[0]));
    past = (alm_past){huge, 2, 12};
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_null(made.kind);
    assert_int_equal(made.reason, ALM_FORECAST_NUMERIC);
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* ---- odd series ---- */

static double odd_value(alm_rng *rng, size_t shape, size_t t, double size)
{
    switch (shape) {
    case 0: return size;                                          /* constant */
    case 1: return 0;                                             /* nothing ever */
    case 2: return t == 3 ? size : 0;                             /* one spike */
    case 3: return t % 2 ? size : -size;                          /* alternating */
    case 4: return (double)NAN;                                   /* nothing known */
    case 5: return t < 2 || t % 7 == 0 ? size : (double)NAN;      /* mostly missing */
    case 6: return size * alm_rng_next_normal(rng);               /* noise */
    case 7: return floor(4 * alm_rng_next_uniform(rng));          /* counts */
    case 8: return t == 0 ? size : 0;                             /* it ends at once */
    default: return size * (double)t * (double)t;                 /* it explodes */
    }
}

static void check_odd(const alm_forecast_plan *plan, const alm_past *past,
                      const alm_series_forecast *made)
{
    bool known = false;
    for (size_t t = 0; t < past->count; t++) {
        known = known || !isnan(past->y[t]);
    }
    assert_true(known || made->reason == ALM_FORECAST_NO_VALUES);
    assert_true(made->kind || made->reason == ALM_FORECAST_NO_VALUES ||
                made->reason == ALM_FORECAST_NUMERIC);
    for (size_t h = 0; h < plan->steps; h++) {
        assert_true(made->kind ? isfinite(made->mean[h]) : isnan(made->mean[h]));
        const double *low = made->low + h * LEVELS;
        const double *high = made->high + h * LEVELS;
        for (size_t k = 0; k < LEVELS; k++) {
            if (made->spread == ALM_SPREAD_NONE) {
                assert_true(isnan(low[k]) && isnan(high[k]));
                continue;
            }
            assert_true(isfinite(low[k]) && isfinite(high[k]) && low[k] <= high[k]);
            assert_true(made->support == ALM_SUPPORT_REAL || low[k] >= 0);
            assert_true(made->support != ALM_SUPPORT_COUNT ||
                        (low[k] == floor(low[k]) && high[k] == floor(high[k])));
        }
        assert_true(made->spread == ALM_SPREAD_NONE || (low[1] <= low[0] && high[0] <= high[1]));
    }
    double mase = alm_forecast_mase(&made->score);
    assert_true(isfinite(mase) || isnan(mase));
}

static void odd_series_have_an_answer_or_a_reason(void **state)
{
    (void)state;
    size_t kind_count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&kind_count);
    static const double SIZES[] = {1, 7.5, 1e-300, 1e12, 1e280, 1e300, -3};
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(41, 1);
    double y[60];
    for (size_t n = 0; n < 1500; n++) {
        size_t shape = n % 10;
        double size = SIZES[alm_rng_next_below(&rng, sizeof SIZES / sizeof SIZES[0])];
        alm_past past = {y, 1 + alm_rng_next_below(&rng, 60), 0};
        alm_forecast_plan plan = plan_of(kinds[alm_rng_next_below(&rng, kind_count)],
                                         n % 3 ? 20 : 0);
        plan.season = 1 + alm_rng_next_below(&rng, 12);
        plan.steps = 1 + alm_rng_next_below(&rng, 6);
        past.season = plan.season;
        for (size_t t = 0; t < past.count; t++) {
            y[t] = odd_value(&rng, shape, t, size);
        }
        alm_series_forecast made;
        alm_series_forecast_one(&plan, &past, n, arena, scratch, &made);
        check_odd(&plan, &past, &made);
        alm_arena_reset(arena);
    }
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* ---- many series ---- */

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

static void no_result_depends_on_threads(void **state)
{
    (void)state;
    enum { SERIES = 100, COUNT = 40 };
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    alm_rng rng = alm_rng_stream(41, 2);
    alm_long_one series[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        double *y = ALM_NEW_ARRAY(arena, double, COUNT);
        for (size_t t = 0; t < COUNT; t++) {
            y[t] = i % 9 == 0 ? (double)NAN : floor(20 * alm_rng_next_uniform(&rng));
        }
        series[i] = (alm_long_one){.id = ALM_STR("s"), .y = y, .count = COUNT, .known = COUNT};
    }
    alm_long_series all = {.series = series, .count = SERIES};
    alm_forecast_plan plan = plan_of(&alm_theta_standard, 30);
    plan.season = 4;
    alm_forecast_set set[3];
    for (int n = 0; n < 3; n++) {
        alm_env env = {.now = no_clock};
        assert_int_equal(alm_pool_create(1 + n, &env.pool, &error), ALM_OK);
        assert_int_equal(alm_series_forecast_all(&env, &all, &plan, arena, &set[n], &error),
                         ALM_OK);
        alm_pool_destroy(env.pool);
        assert_memory_equal(&set[n].score, &set[0].score, sizeof set[0].score);
        for (size_t i = 0; i < SERIES; i++) {
            const alm_series_forecast *a = &set[n].series[i];
            const alm_series_forecast *b = &set[0].series[i];
            assert_memory_equal(a->mean, b->mean, STEPS * sizeof(double));
            assert_memory_equal(a->low, b->low, STEPS * LEVELS * sizeof(double));
            assert_memory_equal(a->high, b->high, STEPS * LEVELS * sizeof(double));
        }
    }
    assert_int_equal(set[0].reasons[ALM_FORECAST_NO_VALUES], 12);
    assert_int_equal(set[0].reasons[ALM_FORECAST_FITTED], 88);
    assert_int_equal(set[0].checked, 88);
    /* Paths of one series are not those of another with the same past. */
    alm_series_forecast one;
    alm_series_forecast two;
    alm_past past = {series[1].y, COUNT, 4};
    alm_arena *scratch = alm_arena_create(0);
    alm_series_forecast_one(&plan, &past, 1, arena, scratch, &one);
    alm_series_forecast_one(&plan, &past, 2, arena, scratch, &two);
    assert_memory_equal(one.low, set[0].series[1].low, STEPS * LEVELS * sizeof(double));
    assert_memory_not_equal(one.high, two.high, STEPS * LEVELS * sizeof(double));
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* Noise without memory, which naive forecasts see as a random walk: their intervals widen with the
 * step, and should not. Calibrated ones hold what they say, within four standard deviations of a
 * binomial count of the independent values (an eighth of them: a naive forecast shares its last
 * value over a window); and .03 more, as two origins are worth few scores and ranks go up then. */
static void calibrated_intervals_hold_what_they_say(void **state)
{
    (void)state;
    enum { SERIES = 120, COUNT = 90 };
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    alm_rng rng = alm_rng_stream(41, 3);
    alm_long_one series[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        double *y = ALM_NEW_ARRAY(arena, double, COUNT);
        for (size_t t = 0; t < COUNT; t++) {
            y[t] = floor(fmax(0, 50 + 10 * alm_rng_next_normal(&rng)));
        }
        series[i] = (alm_long_one){.id = ALM_STR("s"), .y = y, .count = COUNT, .known = COUNT};
    }
    alm_long_series all = {.series = series, .count = SERIES};
    alm_forecast_plan plan = plan_of(&alm_naive, 50);
    plan.season = 1;
    plan.origins = 4;
    alm_forecast_set set[3]; /* the model's; calibrated by one thread and by three */
    for (int n = 0; n < 3; n++) {
        alm_env env = {.now = no_clock};
        plan.calibrated = n > 0;
        assert_int_equal(alm_pool_create(n < 2 ? 1 : 3, &env.pool, &error), ALM_OK);
        assert_int_equal(alm_series_forecast_all(&env, &all, &plan, arena, &set[n], &error),
                         ALM_OK);
        alm_pool_destroy(env.pool);
    }
    assert_memory_equal(&set[1].score, &set[2].score, sizeof set[1].score);
    assert_memory_equal(&set[1].model, &set[0].score, sizeof set[1].model);
    assert_int_equal(set[1].calibrated, SERIES);
    assert_int_equal(set[0].calibrated, 0);
    for (size_t k = 0; k < LEVELS; k++) {
        assert_true(set[1].level_calibrated[k] && !set[0].level_calibrated[k]);
        double n = (double)set[1].score.interval_pairs[k];
        double chance = 4 * sqrt(plan.level[k] * (1 - plan.level[k]) / (n / 8));
        assert_true(n >= SERIES * STEPS);
        double held = alm_forecast_coverage(&set[1].score, k);
        assert_true(held > plan.level[k] - chance && held < plan.level[k] + chance + .03);
    }
    assert_true(alm_forecast_coverage(&set[0].score, 0) > .9);
    for (size_t i = 0; i < SERIES; i++) {
        const alm_series_forecast *a = &set[1].series[i];
        assert_memory_equal(a->mean, set[0].series[i].mean, STEPS * sizeof(double));
        assert_memory_equal(a->low, set[2].series[i].low, STEPS * LEVELS * sizeof(double));
        assert_memory_equal(a->high, set[2].series[i].high, STEPS * LEVELS * sizeof(double));
        assert_true(a->high[11 * LEVELS] < set[0].series[i].high[11 * LEVELS]);
        check_odd(&plan, &(alm_past){series[i].y, COUNT, 1}, a);
    }
    alm_arena_destroy(arena);
}

/* Whatever is in a file: finite, in order and of the support, and of all series at once. */
static void odd_series_are_calibrated_together(void **state)
{
    (void)state;
    enum { SERIES = 300 };
    static const double SIZES[] = {1, 7.5, 1e-300, 1e12, 1e280, 1e300, -3};
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    alm_env env = {.now = no_clock};
    alm_rng rng = alm_rng_stream(41, 4);
    alm_long_one series[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        size_t count = 1 + alm_rng_next_below(&rng, 90);
        double size = SIZES[alm_rng_next_below(&rng, sizeof SIZES / sizeof SIZES[0])];
        double *y = ALM_NEW_ARRAY(arena, double, count);
        for (size_t t = 0; t < count; t++) {
            y[t] = odd_value(&rng, i % 10, t, size);
        }
        series[i] = (alm_long_one){.id = ALM_STR("s"), .y = y, .count = count, .known = count};
    }
    alm_long_series all = {.series = series, .count = SERIES};
    assert_int_equal(alm_pool_create(2, &env.pool, &error), ALM_OK);
    for (size_t steps = 1; steps <= STEPS; steps += 3) {
        alm_forecast_plan plan = plan_of(&alm_theta_standard, steps % 2 ? 20 : 0);
        alm_forecast_set set;
        plan.calibrated = true;
        plan.season = 4;
        plan.steps = steps;
        assert_int_equal(alm_series_forecast_all(&env, &all, &plan, arena, &set, &error), ALM_OK);
        for (size_t i = 0; i < SERIES; i++) {
            check_odd(&plan, &(alm_past){series[i].y, series[i].count, 4}, &set.series[i]);
        }
        assert_true(set.level_calibrated[0] && set.calibrated > 0);
    }
    alm_pool_destroy(env.pool);
    alm_arena_destroy(arena);
}

/* One series of few origins keeps the intervals of the model, and no origin at all is no error. */
static void too_few_origins_leave_the_intervals_of_the_model(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    alm_env env = {.now = no_clock};
    alm_long_one air = {.id = ALM_STR("air"), .y = AIR, .count = 144, .known = 144};
    alm_long_series all = {.series = &air, .count = 1};
    alm_forecast_set set[3];
    assert_int_equal(alm_pool_create(1, &env.pool, &error), ALM_OK);
    for (size_t n = 0; n < 3; n++) {
        alm_forecast_plan plan = plan_of(&alm_theta_standard, 50);
        plan.calibrated = n > 0;
        plan.origins = n == 2 ? 0 : 4;
        assert_int_equal(alm_series_forecast_all(&env, &all, &plan, arena, &set[n], &error),
                         ALM_OK);
        assert_false(set[n].level_calibrated[0] || set[n].series[0].calibrated);
        assert_memory_equal(set[n].series[0].low, set[0].series[0].low,
                            STEPS * LEVELS * sizeof(double));
    }
    assert_memory_equal(&set[1].score, &set[0].score, sizeof set[0].score);
    assert_int_equal(set[2].score.interval_pairs[0], 0);
    alm_pool_destroy(env.pool);
    alm_arena_destroy(arena);
}

/* Weeks of 4 periods, years of 24 and some noise: with both seasons errors are less than half of
 * those with one. The figures are those of alm_mstl_fit itself. */
static void several_seasons_are_all_used(void **state)
{
    (void)state;
    enum { COUNT = 24 * 8 };
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(41, 9);
    double week[4];
    double year[24];
    double y[COUNT];
    double mean[STEPS];
    for (size_t j = 0; j < 24; j++) {
        week[j % 4] = 3 * alm_rng_next_uniform(&rng);
        year[j] = 9 * alm_rng_next_uniform(&rng);
    }
    for (size_t t = 0; t < COUNT; t++) {
        y[t] = 50 + week[t % 4] + year[t % 24] + alm_rng_next_uniform(&rng);
    }
    alm_past past = {y, COUNT, 4};
    alm_forecast_plan plan = plan_of(alm_forecast_automatic(), 0);
    plan.season = 4;
    alm_series_forecast one;
    alm_series_forecast both;
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &one);
    memcpy(plan.seasons, (size_t[]){4, 24}, 2 * sizeof(size_t));
    plan.season_count = 2;
    plan.cycles = 2;
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &both);
    assert_ptr_equal(one.kind, &alm_auto);
    assert_ptr_equal(both.kind, &alm_mstl);
    assert_int_equal(both.reason, ALM_FORECAST_FITTED);
    void *fitted = NULL;
    assert_int_equal(alm_mstl_fit(&past, plan.seasons, 2, arena, &fitted, NULL), ALM_OK);
    alm_mstl.mean(fitted, STEPS, mean);
    assert_memory_equal(both.mean, mean, sizeof mean);
    assert_int_equal(both.score.windows, 3);
    assert_true(both.score.absolute < one.score.absolute / 2);
    assert_true(both.naive.absolute == one.naive.absolute); /* of the shortest season */
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* The check and calibration have no origin at which a season would be left out. */
static void origins_have_the_seasons_of_the_forecast(void **state)
{
    (void)state;
    alm_forecast_plan plan = plan_of(alm_forecast_automatic(), 0);
    plan.season = 4;
    memcpy(plan.seasons, (size_t[]){4, 24}, 2 * sizeof(size_t));
    plan.season_count = 2;
    plan.cycles = 2;
    assert_int_equal(alm_forecast_plan_of(&plan, 48).season_count, 2);
    assert_ptr_equal(alm_forecast_plan_of(&plan, 48).kind, &alm_mstl);
    assert_int_equal(alm_forecast_plan_of(&plan, 47).season_count, 1);
    assert_ptr_equal(alm_forecast_plan_of(&plan, 47).kind, &alm_auto);
    assert_int_equal(alm_forecast_plan_of(&plan, 7).season_count, 0);
    plan.cycles = 3;
    assert_int_equal(alm_forecast_plan_of(&plan, 71).season_count, 1);
    plan.cycles = 2;
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    double y[72];
    for (size_t t = 0; t < 72; t++) {
        y[t] = 100 + (double)(t % 4) + 3 * (double)(t % 24);
    }
    /* Steps 12, origins 6 apart: 59 leaves 47 values, 60 leaves 48, 66 leaves 54 and 48. */
    for (size_t count = 59; count <= 66; count++) {
        alm_series_forecast made;
        alm_past past = {y, count, 4};
        alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
        assert_ptr_equal(made.kind, &alm_mstl);
        assert_int_equal(made.score.windows, count < 60 ? 0 : count < 66 ? 1 : 2);
    }
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* What is learned for the check must end before its oldest origin, the windows included. */
static void what_the_check_judges(void **state)
{
    (void)state;
    alm_forecast_plan plan = {.kind = &alm_naive, .season = 1, .steps = 6, .origins = 4};
    assert_int_equal(alm_forecast_judged(&plan), 6 + 3 * 3);
    plan.origins = 0;
    assert_int_equal(alm_forecast_judged(&plan), 6);
    plan.steps = 1;
    plan.origins = 3;
    assert_int_equal(alm_forecast_judged(&plan), 1 + 2);
}

/* Learned weights: even ones without a selector, said in the reasons of the series. */
static void learned_weights_without_a_selector_are_even(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    double y[40];
    for (size_t t = 0; t < 40; t++) {
        y[t] = 20 + (double)(t * t % 7);
    }
    alm_forecast_plan plan = {.kind = &alm_learned, .season = 1, .steps = 3};
    alm_past past = {y, 40, 1};
    alm_series_forecast made;
    alm_series_forecast_one(&plan, &past, 0, arena, scratch, &made);
    assert_int_equal(made.reason, ALM_FORECAST_FITTED);
    assert_ptr_equal(made.kind, &alm_learned);
    assert_true(made.choice.count >= 2);
    assert_true(fabs(made.choice.member[0].weight - made.choice.member[1].weight) < 1e-15);
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

static void names(void **state)
{
    (void)state;
    assert_ptr_equal(alm_forecast_kind(ALM_STR("naive")), &alm_naive);
    assert_null(alm_forecast_kind(ALM_STR("naiv")));
    assert_non_null(alm_forecast_automatic());
    assert_string_equal(alm_forecast_reason_text(ALM_FORECAST_SHORT), "too_short");
    assert_string_equal(alm_forecast_spread_text(ALM_SPREAD_NORMAL), "normal");
    assert_string_equal(alm_support_text(ALM_SUPPORT_COUNT), "count");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forecaster_that_is_asked_for_answers),
        cmocka_unit_test(the_check_knows_only_what_came_before),
        cmocka_unit_test(a_refused_series_is_answered_by_a_simpler_forecaster),
        cmocka_unit_test(odd_series_have_an_answer_or_a_reason),
        cmocka_unit_test(no_result_depends_on_threads),
        cmocka_unit_test(calibrated_intervals_hold_what_they_say),
        cmocka_unit_test(odd_series_are_calibrated_together),
        cmocka_unit_test(too_few_origins_leave_the_intervals_of_the_model),
        cmocka_unit_test(several_seasons_are_all_used),
        cmocka_unit_test(origins_have_the_seasons_of_the_forecast),
        cmocka_unit_test(names),
        cmocka_unit_test(what_the_check_judges),
        cmocka_unit_test(learned_weights_without_a_selector_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
