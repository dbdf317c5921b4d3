/* What every global kind must do, over a made-up shop whose week all series share. */
#include "train/global/global_kind.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/baseline.h"
#include "train/global/global_beside.h"

enum { SEASON = 7, STEPS = 7, END = 36, OLD = 20, YOUNG = 10, COUNT = OLD + YOUNG, YOUNG_DAYS = 4 };

static const double WEEK[SEASON] = {1.6, 0.4, 0.7, 1, 1.3, 0.2, 1.8};

typedef struct shop {
    double y[COUNT][END];
    uint8_t closed[END + 2 * STEPS];
    alm_beside_history history[COUNT];
    alm_global_past past;
    alm_arena *arena;
} shop;

static double expected_of(size_t series, size_t period)
{
    return (double)(4 + 3 * (series % 9)) * WEEK[period % SEASON];
}

/* Old series were launched on different days; young ones have seen four days of a week. Every value
 * is a whole number times `unit`, up to half above or below what is expected. */
static void open_shop(shop *s, double unit)
{
    alm_rng rng = alm_rng_stream(11, 1);
    memset(s, 0, sizeof *s);
    s->arena = alm_arena_create(0);
    for (size_t i = 0; i < COUNT; i++) {
        size_t count = i < OLD ? END - i % 10 : YOUNG_DAYS;
        for (size_t t = 0; t < count; t++) {
            double noise = 0.5 + alm_rng_next_uniform(&rng);
            s->y[i][t] = unit * floor(0.5 + noise * expected_of(i, END - count + t));
        }
        s->history[i] = (alm_beside_history){.y = s->y[i], .count = count, .series = i};
    }
    s->past = (alm_global_past){.histories = s->history, .count = COUNT, .end = END,
                                .season = SEASON, .steps = STEPS, .seed = 3,
                                .closed = s->closed};
}

static void close_shop(shop *s)
{
    alm_arena_destroy(s->arena);
}

/* ---- all kinds fitted to the shop, once ---- */

enum { KINDS_MAX = 8 };

typedef struct answers {
    double mean[COUNT][STEPS];
    double paths[COUNT][ALM_GLOBAL_PATHS * STEPS];
    bool refused[COUNT];
} answers;

typedef struct fitted {
    shop shop;
    size_t count;
    const alm_global_kind *kind[KINDS_MAX];
    void *state[KINDS_MAX];
    answers said[KINDS_MAX];
} fitted;

static void ask(const alm_global_kind *kind, const void *state, const shop *s, answers *out)
{
    for (size_t i = 0; i < s->past.count; i++) {
        alm_global_forecast f = {out->mean[i], out->paths[i]};
        out->refused[i] = !kind->forecast(state, &s->past, &s->past.histories[i], s->arena, &f);
    }
}

static alm_err fit(const alm_global_kind *kind, const shop *s, int threads, void **state)
{
    alm_env env = {.pool = alm_pool_if_any(threads)};
    alm_error error;
    alm_err code = kind->fit(&env, &s->past, state, &error);
    if (code != ALM_OK) {
        assert_non_null(strstr(error.message, "needed"));
    }
    alm_pool_destroy(env.pool);
    return code;
}

static int fit_all(void **state)
{
    static fitted f;
    const alm_global_kind *const *kinds = alm_global_kinds(&f.count);
    assert_true(f.count <= KINDS_MAX);
    open_shop(&f.shop, 1);
    for (size_t k = 0; k < f.count; k++) {
        f.kind[k] = kinds[k];
        assert_int_equal(fit(kinds[k], &f.shop, 1, &f.state[k]), ALM_OK);
        ask(kinds[k], f.state[k], &f.shop, &f.said[k]);
    }
    *state = &f;
    return 0;
}

static int drop_all(void **state)
{
    fitted *f = *state;
    for (size_t k = 0; k < f->count; k++) {
        f->kind[k]->destroy(f->state[k]);
    }
    close_shop(&f->shop);
    return 0;
}

static double squares_of(const double *mean, size_t series)
{
    double sum = 0;
    for (size_t h = 0; h < STEPS; h++) {
        double gap = mean[h] - expected_of(series, END + h);
        sum += gap * gap;
    }
    return sum;
}

static double squares_of_baseline(const shop *s, alm_baseline baseline)
{
    double sum = 0;
    for (size_t i = OLD; i < COUNT; i++) {
        double mean[STEPS];
        alm_baseline_request request = {s->y[i], YOUNG_DAYS, SEASON, STEPS, NULL, 0, 0};
        alm_baseline_forecast(baseline, &request, s->arena, mean, NULL);
        sum += squares_of(mean, i);
    }
    return sum;
}

/* A series that has seen four days of its first week cannot know the other three; the others do. So
 * every kind is better by a third than what the series knows by itself: the same day of the week
 * before, where there is one, or the mean. */
static void the_week_of_all_serves_the_young(void **state)
{
    const fitted *f = *state;
    double naive = squares_of_baseline(&f->shop, ALM_BASELINE_seasonal_naive);
    double mean = squares_of_baseline(&f->shop, ALM_BASELINE_mean);
    for (size_t k = 0; k < f->count; k++) {
        double global = 0;
        for (size_t i = OLD; i < COUNT; i++) {
            assert_false(f->said[k].refused[i]);
            global += squares_of(f->said[k].mean[i], i);
        }
        print_message("%s: %.3f of seasonal naive, %.3f of the mean\n", f->kind[k]->name,
                      global / naive, global / mean);
        assert_true(3 * global < 2 * naive);
        assert_true(3 * global < 2 * mean);
    }
}

static void threads_change_nothing(void **state)
{
    const fitted *f = *state;
    static answers said;
    for (size_t k = 0; k < f->count; k++) {
        void *again = NULL;
        assert_int_equal(fit(f->kind[k], &f->shop, 3, &again), ALM_OK);
        ask(f->kind[k], again, &f->shop, &said);
        assert_memory_equal(said.mean, f->said[k].mean, sizeof said.mean);
        assert_memory_equal(said.paths, f->said[k].paths, sizeof said.paths);
        f->kind[k]->destroy(again);
    }
}

/* A power of two is exact, and all that is learned from is over the scale. Not so the searches of
 * the statistical forecasters, so gbm_local is left out; and the paths, which tell counts from
 * other values. */
static void the_unit_changes_nothing(void **state)
{
    const fitted *f = *state;
    static answers said;
    static shop large;
    open_shop(&large, 1024);
    for (size_t k = 0; k < f->count; k++) {
        void *again = NULL;
        if (f->kind[k] == &alm_global_gbm_local) {
            continue;
        }
        assert_int_equal(fit(f->kind[k], &large, 1, &again), ALM_OK);
        ask(f->kind[k], again, &large, &said);
        for (size_t i = 0; i < COUNT * STEPS; i++) {
            assert_true(said.mean[i / STEPS][i % STEPS] ==
                        1024 * f->said[k].mean[i / STEPS][i % STEPS]);
        }
        f->kind[k]->destroy(again);
    }
    close_shop(&large);
}

/* Paths are whole numbers where the history is, lie around the mean, and nothing is below 0; what
 * is closed by then is 0, and nothing else changes. */
static void paths_are_of_the_history(void **state)
{
    fitted *f = *state;
    static answers said;
    for (size_t k = 0; k < f->count; k++) {
        double path_sum = 0, mean_sum = 0;
        f->shop.closed[END + 2] = 1;
        ask(f->kind[k], f->state[k], &f->shop, &said);
        f->shop.closed[END + 2] = 0;
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t j = 0; j < ALM_GLOBAL_PATHS * STEPS; j++) {
                double value = said.paths[i][j];
                assert_true(value >= 0 && value == floor(value));
                assert_true(value == (j % STEPS == 2 ? 0 : f->said[k].paths[i][j]));
                path_sum += value / ALM_GLOBAL_PATHS;
            }
            for (size_t h = 0; h < STEPS; h++) {
                assert_true(said.mean[i][h] == (h == 2 ? 0 : f->said[k].mean[i][h]));
                assert_true(f->said[k].mean[i][h] >= 0);
                mean_sum += said.mean[i][h];
            }
        }
        /* errors on what was not learned from have a mean of their own, and below 0 is 0 */
        assert_true(path_sum > 0.75 * mean_sum && path_sum < 1.25 * mean_sum);
    }
}

/* Histories without a value, of zeros alone or too large are refused one by one; odd ones have
 * finite forecasts, from a fit that knew them and from one that did not. */
static void make_odd(shop *s)
{
    open_shop(s, 1);
    s->history[OLD].count = 0;
    memset(s->y[OLD + 1], 0, sizeof s->y[0]);
    s->y[OLD + 2][1] = 1e300;
    for (size_t t = 0; t < YOUNG_DAYS; t++) {
        s->y[OLD + 3][t] = NAN;
        s->y[OLD + 4][t] = t == 0 ? 1e280 : NAN;
        s->y[OLD + 5][t] = t == 0 ? 5 : 0;
        s->y[OLD + 6][t] = 1e-300;
    }
}

static void are_refused_or_finite(const answers *said)
{
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(said->refused[i], i >= OLD && i < OLD + 4);
        for (size_t h = 0; h < STEPS && !said->refused[i]; h++) {
            assert_true(isfinite(said->mean[i][h]) && said->mean[i][h] >= 0);
        }
    }
}

static void odd_pasts_are_refused_or_finite(void **state)
{
    const fitted *f = *state;
    static answers said;
    static shop odd;
    make_odd(&odd);
    for (size_t k = 0; k < f->count; k++) {
        ask(f->kind[k], f->state[k], &odd, &said);
        are_refused_or_finite(&said);
    }
    const alm_global_kind *knowing[] = {&alm_global_gru, &alm_global_gbm_local};
    for (size_t k = 0; k < 2; k++) {
        void *again = NULL;
        assert_int_equal(fit(knowing[k], &odd, 1, &again), ALM_OK);
        ask(knowing[k], again, &odd, &said);
        are_refused_or_finite(&said);
        knowing[k]->destroy(again);
    }
    close_shop(&odd);
}

/* Young series alone, and one series alone. */
static void too_little_is_refused(void **state)
{
    const fitted *f = *state;
    static shop young, one;
    open_shop(&young, 1);
    open_shop(&one, 1);
    for (size_t i = 0; i < COUNT; i++) {
        young.history[i].y = young.y[i] + young.history[i].count - YOUNG_DAYS;
        young.history[i].count = YOUNG_DAYS;
    }
    one.past.count = 1;
    for (size_t k = 0; k < f->count; k++) {
        void *none = NULL;
        assert_int_equal(fit(f->kind[k], &young, 1, &none), ALM_ERR_INCOMPLETE);
        assert_int_equal(fit(f->kind[k], &one, 1, &none), ALM_ERR_INCOMPLETE);
        assert_null(none);
    }
    close_shop(&young);
    close_shop(&one);
}

/* As a row: quantiles rise with their levels, the stock is that of two periods; without a fit the
 * row falls back to the seasonal naive forecast and is counted. */
static void rows_beside_are_of_the_paths(void **state)
{
    static const double LEVELS[] = {.1, .5, .9};
    static const alm_stock_rule STOCK = {.lead = 1, .unit = {1, 9}};
    const fitted *f = *state;
    const shop *s = &f->shop;
    alm_error error;
    alm_beside_global row[] = {{f->kind[0], f->state[0]}, {f->kind[1], NULL}};
    alm_beside beside = {.season = SEASON, .steps = STEPS, .levels = LEVELS, .level_count = 3,
                         .stock = &STOCK, .global = row, .global_count = 2, .past = &s->past};
    alm_beside_forecast out[2];
    assert_int_equal(alm_beside_run(&beside, &s->history[3], 1, s->arena, out, &error), ALM_OK);
    assert_false(out[0].refused);
    assert_true(out[1].refused);
    for (size_t h = 0; h < STEPS; h++) {
        const double *q = out[0].quantiles + h;
        assert_true(q[0] <= q[STEPS] && q[STEPS] <= q[2 * STEPS] && q[2 * STEPS] > 0);
        assert_true(out[0].mean[h] == f->said[0].mean[3][h]);
        assert_true(out[1].mean[h] == s->y[3][s->history[3].count - SEASON + h]);
    }
    for (size_t t = 0; t + 1 < STEPS; t++) { /* above the two medians, below the two upper ones */
        const double *q = out[0].quantiles + t;
        assert_true(out[0].stock[t] >= q[STEPS] + q[STEPS + 1]);
        assert_true(out[0].stock[t] <= q[2 * STEPS] + q[2 * STEPS + 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_week_of_all_serves_the_young),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(the_unit_changes_nothing),
        cmocka_unit_test(paths_are_of_the_history),
        cmocka_unit_test(odd_pasts_are_refused_or_finite),
        cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(rows_beside_are_of_the_paths),
    };
    return cmocka_run_group_tests(tests, fit_all, drop_all);
}
