/* series_regressors_test.c: forecasts with regressors, from a series with its plan on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/statistical/arima/arima.h"
#include "model/statistical/forecaster_kinds.h"
#include "pipeline/series/explained_fit.h"
#include "pipeline/series/regressor_words.h"

#define DAYS 140
#define STEPS 28
#define PERIODS (DAYS + STEPS)
#define LEVELS 2

static const char *const NAMES[] = {"promotion", "price"};

typedef struct shop {
    double y[DAYS];
    double x[2 * PERIODS];
    alm_regressors regressors;
    alm_past past;
} shop;

/* Whole numbers: a promotion is worth 30, and 10 of price 40 less. */
static void make_shop(shop *s, uint64_t number)
{
    alm_rng rng = alm_rng_stream(61, number);
    double level = 120;
    for (size_t t = 0; t < PERIODS; t++) {
        double *price = &s->x[PERIODS + t];
        s->x[t] = t < DAYS && alm_rng_next_below(&rng, 7) == 0;
        *price = 10 + (double)alm_rng_next_below(&rng, 3) / 4;
        level += .3 * alm_rng_next_normal(&rng);
        if (t < DAYS) {
            double y = level + 30 * s->x[t] - 4 * (*price - 10) + 2 * (double)(t % 7);
            s->y[t] = floor(y + 3 * alm_rng_next_normal(&rng));
        }
    }
    s->regressors = (alm_regressors){2, NAMES, PERIODS, s->x};
    s->past = (alm_past){s->y, DAYS, 7};
}

static alm_forecast_plan plan_of(const shop *s, const alm_forecaster_kind *kind)
{
    return (alm_forecast_plan){.kind = kind, .season = 7, .steps = STEPS, .paths = 100,
                               .origins = 2, .seed = 1, .level = {.8, .95}, .level_count = LEVELS,
                               .regressors = &s->regressors};
}

static void answer(const shop *s, const alm_forecaster_kind *kind, alm_arena *arena,
                   alm_series_forecast *out)
{
    alm_arena *scratch = alm_arena_create(0);
    alm_forecast_plan plan = plan_of(s, kind);
    alm_series_forecast_one(&plan, &s->past, 5, arena, scratch, out);
    alm_arena_destroy(scratch);
}

/* `arima` is alm_arima_fit with the plan, to the bit. */
static void arima_is_the_one_of_the_library(void **state)
{
    (void)state;
    shop *s = &(shop){0};
    alm_series_forecast made;
    alm_arena *arena = alm_arena_create(0);
    alm_arima_facts facts;
    void *fitted = NULL;
    double mean[STEPS];
    make_shop(s, 0);
    s->x[DAYS + 9] = 1;
    answer(s, &alm_arima, arena, &made);
    assert_int_equal(alm_arima_fit(&s->past, NULL, &s->regressors, arena, &fitted, NULL), ALM_OK);
    assert_int_equal(alm_arima_check_plan(fitted, STEPS, NULL), ALM_OK);
    alm_arima.mean(fitted, STEPS, mean);
    alm_arima_describe(fitted, &facts);
    assert_ptr_equal(made.kind, &alm_arima);
    assert_memory_equal(made.mean, mean, sizeof mean);
    assert_int_equal(made.effects.used, 2);
    for (size_t k = 0; k < 2; k++) {
        assert_true(made.effects.effect[k].coefficient == facts.coefficient[facts.count - 2 + k]);
        assert_true(made.effects.effect[k].deviation == facts.deviation[facts.count - 2 + k]);
    }
    alm_arena_destroy(arena);
}

/* A promotion planned for day 10 moves day 10 by what it is worth, its intervals with it, and no
 * other day by a bit: whichever method forecasts what is left. */
static void a_promotion_on_day_10_moves_day_10(void **state)
{
    (void)state;
    const alm_forecaster_kind *const KINDS[] = {&alm_auto, &alm_arima, &alm_mstl,
                                                &alm_seasonal_naive};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        shop *s = &(shop){0};
        alm_series_forecast without, with;
        alm_arena *arena = alm_arena_create(0);
        make_shop(s, i);
        answer(s, KINDS[i], arena, &without);
        s->x[DAYS + 9] = 1;
        answer(s, KINDS[i], arena, &with);
        assert_ptr_equal(with.kind, KINDS[i]);
        assert_int_equal(with.reason, ALM_FORECAST_FITTED);
        double worth = with.effects.effect[0].coefficient;
        assert_true(fabs(worth - 30) <= 6 * with.effects.effect[0].deviation);
        assert_true(with.effects.effect[0].deviation < 3);
        for (size_t h = 0; h < STEPS; h++) {
            double moved = with.mean[h] - without.mean[h];
            /* Rounding of a sum of some hundred. */
            assert_true(h == 9 ? fabs(moved - worth) <= 1e-11 : moved == 0);
            for (size_t k = 0; k < LEVELS; k++) {
                double low = with.low[h * LEVELS + k] - without.low[h * LEVELS + k];
                double high = with.high[h * LEVELS + k] - without.high[h * LEVELS + k];
                /* Whole numbers. */
                assert_true(h == 9 ? fabs(low - worth) <= 1 && fabs(high - worth) <= 1
                                   : low == 0 && high == 0);
            }
        }
        alm_arena_destroy(arena);
    }
}

/* An origin of the check knows nothing of the values behind it, in its coefficients as little as in
 * anything else: its forecast is that of the past cut there. */
static void the_check_knows_the_plan_and_no_more(void **state)
{
    (void)state;
    shop *s = &(shop){0};
    alm_arena *arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_series_forecast made, cut;
    make_shop(s, 3);
    alm_forecast_plan plan = plan_of(s, &alm_auto);
    plan.origins = 1;
    alm_series_forecast_one(&plan, &s->past, 0, arena, scratch, &made);
    alm_past before = {s->y, DAYS - STEPS, 7};
    plan.origins = 0;
    alm_series_forecast_one(&plan, &before, 0, arena, scratch, &cut);
    double absolute = 0;
    for (size_t h = 0; h < STEPS; h++) {
        absolute += fabs(s->y[DAYS - STEPS + h] - cut.mean[h]);
    }
    assert_true(fabs(made.score.absolute - absolute) <= 1e-9 * absolute);
    assert_true(made.score.absolute < made.naive.absolute);
    /* Regressors are worth it. */
    plan.origins = 1;
    plan.regressors = NULL;
    alm_series_forecast_one(&plan, &s->past, 0, arena, scratch, &cut);
    assert_true(made.score.absolute < .8 * cut.score.absolute);
    assert_int_equal(cut.effects.count, 0);
    alm_arena_destroy(scratch);
    alm_arena_destroy(arena);
}

/* ---- the state ---- */

/* Moved on by what came, it is the state of the longer past but for the fit: with a method whose
 * fit is its state alone, the same. */
static void a_state_moves_on_with_its_plan(void **unused)
{
    (void)unused;
    shop *s = &(shop){0};
    alm_arena *arena = alm_arena_create(0);
    double moved[STEPS], longer[STEPS], again[STEPS];
    make_shop(s, 4);
    alm_explained early, late;
    alm_fitted state, other;
    alm_past before = {s->y, DAYS - 10, 7};
    alm_explain(&before, &s->regressors, false, arena, &early);
    alm_explain(&s->past, &s->regressors, false, arena, &late);
    for (size_t k = 0; k < 2; k++) { /* the same coefficients and middles for both */
        late.effects.effect[k] = early.effects.effect[k];
    }
    late.middle = early.middle;
    double *rest = ALM_NEW_ARRAY(arena, double, DAYS);
    for (size_t t = 0; t < DAYS; t++) {
        rest[t] = s->y[t];
        for (size_t k = 0; k < 2; k++) {
            rest[t] -= early.effects.effect[k].coefficient *
                       (s->x[k * PERIODS + t] - early.middle[k]);
        }
    }
    late.rest.y = rest;
    alm_seasons none = {0};
    assert_int_equal(alm_explained_fit(&alm_naive, none, &early, arena, &state), ALM_OK);
    assert_int_equal(alm_explained_fit(&alm_naive, none, &late, arena, &other), ALM_OK);
    assert_ptr_equal(state.by, &alm_of_rest);
    void *copy = state.by->copy(state.state, arena, NULL);
    for (size_t t = DAYS - 10; t < DAYS; t++) {
        state.by->update(state.state, s->y[t]);
    }
    state.by->mean(state.state, STEPS, moved);
    other.by->mean(other.state, STEPS, longer);
    for (size_t h = 0; h < STEPS; h++) {
        assert_true(fabs(moved[h] - longer[h]) <= 1e-9);
    }
    /* The copy stayed where it was, until it is brought here. */
    state.by->mean(copy, STEPS, again);
    assert_true(again[0] != moved[0]);
    assert_ptr_equal(state.by->copy(state.state, arena, copy), copy);
    state.by->mean(copy, STEPS, again);
    assert_memory_equal(again, moved, sizeof moved);
    /* The value of probability 1/2 is the mean of a Normal. */
    assert_true(fabs(state.by->next(state.state, .5) - moved[0]) <= 1e-9);
    /* Behind the plan nothing is said. */
    double far[STEPS + 1];
    state.by->mean(state.state, STEPS + 1, far);
    assert_true(isnan(far[STEPS]) && !isnan(far[STEPS - 1]));
    assert_int_not_equal(alm_of_rest.fit(&s->past, arena, &state.state, NULL), ALM_OK);
    alm_arena_destroy(arena);
}

/* ---- plans of a file ---- */

typedef struct table {
    alm_regressor_column column[2];
    size_t column_of[2];
    alm_regressor_table table;
    alm_long_one one[2];
    alm_long_series all;
} table;

static void make_table(table *t, shop *shops)
{
    for (size_t i = 0; i < 2; i++) {
        t->column[i] = (alm_regressor_column){.name = alm_str_of(NAMES[i]), .first = i, .count = 1};
        t->column_of[i] = i;
        make_shop(&shops[i], 20 + i);
        t->one[i] = (alm_long_one){.id = alm_str_of(i ? "b" : "a"), .y = shops[i].y,
                                   .count = DAYS, .known = DAYS, .x = shops[i].x, .start = 0};
    }
    t->table = (alm_regressor_table){.column = t->column, .column_count = 2, .names = NAMES,
                                     .column_of = t->column_of, .count = 2, .steps = STEPS};
    t->all = (alm_long_series){.style = {.form = ALM_TIME_DAY},
                               .frequency = {ALM_PERIOD_DAY, 1, 0},
                               .series = t->one, .count = 2, .regressors = &t->table};
}

static void refused(const table *t, const char *const words[4])
{
    alm_error error;
    alm_forecast_plan plan = {.steps = STEPS};
    assert_int_equal(alm_forecast_check_plans(&t->all, "shops.csv", &plan, &error),
                     ALM_ERR_INCOMPLETE);
    for (size_t i = 0; i < 4; i++) {
        if (!strstr(error.message, words[i])) {
            fail_msg("'%s' lacks '%s'", error.message, words[i]);
        }
    }
}

static void a_missing_plan_is_refused_by_name(void **state)
{
    (void)state;
    static shop shops[2];
    table t;
    alm_error error;
    alm_forecast_plan plan = {.steps = STEPS};
    make_table(&t, shops);
    assert_int_equal(alm_forecast_check_plans(&t.all, "shops.csv", &plan, &error), ALM_OK);
    shops[1].x[DAYS + 9] = NAN; /* 1970-01-01 is day 0 */
    refused(&t, (const char *const[]){"shops.csv: series 'b', column promotion", "no plan for "
                                      "1970-05-30, step 10 of 28 ahead", "--future FILE",
                                      "--horizon 9"});
    shops[0].x[DAYS] = NAN;
    refused(&t, (const char *const[]){"series 'a', column promotion", "1970-05-21, step 1 of 28",
                                      "it lacks some of 1 more series", "empty value"});
    t.one[0].known = 0; /* without a value nothing is forecast */
    refused(&t, (const char *const[]){"series 'b'", "promotion", "1970-05-30", "step 10"});
    t.one[0].known = DAYS;
    shops[0].x[DAYS] = shops[1].x[DAYS + 9] = 0;
    /* In the past it is needed where there is a value. */
    shops[0].x[PERIODS + 50] = NAN;
    shops[0].y[50] = NAN;
    assert_int_equal(alm_forecast_check_plans(&t.all, "shops.csv", &plan, &error), ALM_OK);
    shops[0].y[50] = 3;
    refused(&t, (const char *const[]){"series 'a', column price", "no value for 1970-02-20",
                                      "0 for none", "begins later"});
    /* Of an observed column the value is wanted so many steps later, and the first are none. */
    t.column[1].is_observed = true;
    refused(&t, (const char *const[]){"column price", "1970-01-23", "no value", "fill"});
    shops[0].x[PERIODS + 50] = 1;
    for (size_t k = 0; k < STEPS; k++) {
        shops[0].x[PERIODS + k] = NAN;
    }
    assert_int_equal(alm_forecast_check_plans(&t.all, "shops.csv", &plan, &error), ALM_OK);
    shops[0].x[PERIODS + PERIODS - 1] = NAN;
    refused(&t, (const char *const[]){"column price", "no value for 1970-05-20", "", ""});
}

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

static void all_series_have_their_own_plan(void **state)
{
    (void)state;
    static shop shops[2];
    table t;
    alm_error error;
    alm_env env = {.now = no_clock};
    alm_arena *arena = alm_arena_create(0);
    alm_forecast_made made = {.name = "shops.csv"};
    alm_series_forecast alone;
    make_table(&t, shops);
    shops[1].x[DAYS + 9] = 1;
    for (size_t h = 0; h < PERIODS; h++) { /* a price that has never changed, and does */
        shops[0].x[PERIODS + h] = h < DAYS ? 10 : 12;
    }
    made.input = t.all;
    made.plan = plan_of(&shops[0], &alm_auto);
    made.plan.regressors = NULL;
    made.plan.calibrated = true;
    assert_int_equal(alm_series_forecast_all(&env, &made.input, &made.plan, arena, &made.set,
                                             &error), ALM_OK);
    answer(&shops[1], &alm_auto, arena, &alone);
    assert_memory_equal(made.set.series[1].mean, alone.mean, STEPS * sizeof(double));
    assert_memory_equal(made.set.series[1].effects.effect, alone.effects.effect,
                        2 * sizeof(alm_effect));
    assert_null(made.set.series[1].effects.arima);
    assert_int_equal(made.set.series[0].effects.effect[1].reason, ALM_EFFECT_CONSTANT);
    assert_true(alm_effect_is_guess(&made, 0, 1));
    assert_false(alm_effect_is_guess(&made, 1, 1) || alm_effect_is_guess(&made, 0, 0));
    alm_forecast_line lines[ALM_FORECAST_LINES_MAX];
    size_t count = alm_forecast_understood(&made, arena, lines);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += strstr(lines[i].text.data, "known in advance: promotion (a number), price") ||
                 strstr(lines[i].text.data, "in the middle of 2 series") ||
                 (strstr(lines[i].text.data, "of one series; not used of 1: it has one value") &&
                  strstr(lines[i].text.data, "the plan has another value of 1, whose effect is "
                                             "not known and counted as 0"));
    }
    assert_int_equal(found, 3);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arima_is_the_one_of_the_library),
        cmocka_unit_test(a_promotion_on_day_10_moves_day_10),
        cmocka_unit_test(the_check_knows_the_plan_and_no_more),
        cmocka_unit_test(a_state_moves_on_with_its_plan),
        cmocka_unit_test(a_missing_plan_is_refused_by_name),
        cmocka_unit_test(all_series_have_their_own_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
