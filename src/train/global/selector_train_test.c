/* selector_train_test.c: what is learned, from what, and that nothing else moves it. */
#include "train/global/selector_train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "train/learner/xgboost.h"

#define SERIES 130
#define PERIODS 48
#define STEPS 6
#define FRESH 40 /* series that nothing was learned from */

/* Even numbers: noise around a level; odd ones: a walk. Values below 0 keep them from being taken
 * for rare demand. */
static void make_regular(double *y, uint64_t number)
{
    alm_rng rng = alm_rng_stream(11, number);
    double level = 0;
    for (size_t t = 0; t < PERIODS; t++) {
        double noise = alm_rng_next_normal(&rng);
        level += noise;
        y[t] = number % 2 ? level : -5 + noise;
    }
}

static void make_rare(double *y, uint64_t number)
{
    alm_rng rng = alm_rng_stream(12, number);
    for (size_t t = 0; t < PERIODS; t++) {
        uint64_t size = 1 + alm_rng_next_below(&rng, 3);
        y[t] = alm_rng_next_below(&rng, 3) == 0 ? (double)size : 0;
    }
}

typedef struct file_of_series {
    alm_arena *arena;
    double *y;
    alm_past *past;
} file_of_series;

static file_of_series make_file(size_t count, uint64_t first, void (*make)(double *, uint64_t))
{
    file_of_series f = {.arena = alm_arena_create(0)};
    f.y = ALM_NEW_ARRAY(f.arena, double, count * PERIODS);
    f.past = ALM_NEW_ARRAY(f.arena, alm_past, count);
    for (size_t i = 0; i < count; i++) {
        make(f.y + i * PERIODS, first + i);
        f.past[i] = (alm_past){f.y + i * PERIODS, PERIODS, 1};
    }
    return f;
}

static const alm_env NO_THREADS = {0};

static alm_selector_trained train(const alm_env *env, const file_of_series *f, size_t unknown)
{
    alm_selector_trained out;
    alm_error error;
    alm_selector_plan plan = {.steps = STEPS, .unknown = unknown};
    if (alm_selector_train(env, f->past, SERIES, &plan, &out, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return out;
}

/* Means of a fresh series. */
static void forecast(const alm_selector *selector, const alm_past *past, double *mean,
                     alm_choice_facts *facts)
{
    alm_arena *arena = alm_arena_create(0);
    void *state = NULL;
    assert_int_equal(alm_selector_fit(selector, past, arena, &state, NULL), ALM_OK);
    alm_learned.mean(state, STEPS, mean);
    alm_choice_describe(state, facts);
    alm_arena_destroy(arena);
}

/* Of fresh series the forecast is nearer with what was learned than with even weights. */
static void weights_are_learned(void **unused)
{
    (void)unused;
    file_of_series f = make_file(SERIES, 0, make_regular);
    file_of_series fresh = make_file(FRESH, 1000, make_regular);
    alm_selector_trained trained = train(&NO_THREADS, &f, 0);
    double learned = 0, even = 0, moved = 0;
    assert_true(trained.facts.is_learned[ALM_SELECTOR_REGULAR]);
    assert_false(trained.facts.is_learned[ALM_SELECTOR_RARE]);
    assert_int_equal(trained.facts.series[ALM_SELECTOR_REGULAR], SERIES);
    assert_int_equal(trained.facts.rows[ALM_SELECTOR_REGULAR], SERIES * ALM_SELECTOR_ORIGINS);
    for (size_t i = 0; i < FRESH; i++) {
        double a[STEPS], b[STEPS];
        alm_choice_facts facts;
        alm_past before = {fresh.past[i].y, PERIODS - STEPS, 1};
        forecast(trained.selector, &before, a, &facts);
        double sum = 0;
        for (size_t k = 0; k < facts.count; k++) {
            sum += facts.member[k].weight;
            moved += fabs(facts.member[k].weight - 1.0 / ALM_DEMAND_MEMBERS_MAX);
        }
        assert_true(fabs(sum - 1) < 1e-12); /* rounding */
        forecast(NULL, &before, b, &facts);
        for (size_t h = 0; h < STEPS; h++) {
            learned += fabs(a[h] - fresh.past[i].y[PERIODS - STEPS + h]);
            even += fabs(b[h] - fresh.past[i].y[PERIODS - STEPS + h]);
        }
    }
    assert_true(moved / FRESH > .1);
    assert_true(learned < even);
    alm_selector_destroy(trained.selector);
    alm_arena_destroy(f.arena);
    alm_arena_destroy(fresh.arena);
}

static void threads_change_nothing(void **unused)
{
    (void)unused;
    file_of_series f = make_file(SERIES, 0, make_rare);
    alm_env env = {0};
    alm_error error;
    assert_int_equal(alm_pool_create(3, &env.pool, &error), ALM_OK);
    alm_selector_trained one = train(&NO_THREADS, &f, 0);
    alm_selector_trained three = train(&env, &f, 0);
    assert_true(one.facts.is_learned[ALM_SELECTOR_RARE]);
    for (size_t i = 0; i < 10; i++) {
        double a[STEPS], b[STEPS];
        alm_choice_facts facts;
        forecast(one.selector, &f.past[i], a, &facts);
        assert_string_equal(facts.member[0].name, "imapa");
        forecast(three.selector, &f.past[i], b, &facts);
        assert_memory_equal(a, b, sizeof a);
    }
    alm_selector_destroy(one.selector);
    alm_selector_destroy(three.selector);
    alm_pool_destroy(env.pool);
    alm_arena_destroy(f.arena);
}

/* What is not known yet may be anything; what is known one period before it may not. */
static void the_newest_periods_are_not_looked_at(void **unused)
{
    (void)unused;
    const size_t unknown = 5;
    file_of_series f = make_file(SERIES, 0, make_regular);
    file_of_series other = make_file(SERIES, 0, make_regular);
    file_of_series earlier = make_file(SERIES, 0, make_regular);
    for (size_t i = 0; i < SERIES; i++) {
        for (size_t t = PERIODS - unknown; t < PERIODS; t++) {
            other.y[i * PERIODS + t] = (double)(1000 * i + t);
        }
        earlier.y[i * PERIODS + PERIODS - unknown - 1] = (double)(1000 * i);
    }
    alm_selector_trained a = train(&NO_THREADS, &f, unknown);
    alm_selector_trained b = train(&NO_THREADS, &other, unknown);
    alm_selector_trained c = train(&NO_THREADS, &earlier, unknown);
    bool is_moved = false;
    for (size_t i = 0; i < 10; i++) {
        double of_a[STEPS], of_b[STEPS], of_c[STEPS];
        alm_choice_facts facts;
        forecast(a.selector, &f.past[i], of_a, &facts);
        forecast(b.selector, &f.past[i], of_b, &facts);
        forecast(c.selector, &f.past[i], of_c, &facts);
        assert_memory_equal(of_a, of_b, sizeof of_a);
        is_moved |= memcmp(of_a, of_c, sizeof of_a) != 0;
    }
    assert_true(is_moved);
    alm_selector_destroy(a.selector);
    alm_selector_destroy(b.selector);
    alm_selector_destroy(c.selector);
    alm_arena_destroy(f.arena);
    alm_arena_destroy(other.arena);
    alm_arena_destroy(earlier.arena);
}

/* Too few series, too short ones, constant ones, none: refused with what to do; nothing written. */
static void too_little_is_refused(void **unused)
{
    (void)unused;
    static const double EQUAL[PERIODS] = {0};
    file_of_series f = make_file(SERIES, 0, make_regular);
    alm_selector_trained out = {.selector = NULL};
    alm_selector_plan plan = {.steps = STEPS};
    alm_error error = {0};
    assert_int_equal(alm_selector_train(&NO_THREADS, f.past, ALM_SELECTOR_SERIES_MIN - 1, &plan,
                                        &out, &error), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "need 100 series"));
    assert_non_null(strstr(error.message, "there are 99: take weighted or median"));
    plan.steps = PERIODS;
    assert_int_equal(alm_selector_train(&NO_THREADS, f.past, SERIES, &plan, &out, &error),
                     ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(error.message, "there are 0"));
    plan.steps = STEPS;
    for (size_t i = 0; i < SERIES; i++) {
        f.past[i].y = EQUAL;
    }
    assert_int_equal(alm_selector_train(&NO_THREADS, f.past, SERIES, &plan, &out, &error),
                     ALM_ERR_INCOMPLETE);
    assert_int_equal(alm_selector_train(&NO_THREADS, NULL, 0, &plan, &out, &error),
                     ALM_ERR_INCOMPLETE);
    assert_null(out.selector);
    alm_arena_destroy(f.arena);
}

static alm_err give_zeros(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    (void)context;
    (void)first;
    (void)error;
    memset(out, 0, count * 2 * sizeof *out);
    return ALM_OK;
}

/* A model of something else is no selector; without one the kind refuses. */
static void other_models_are_refused(void **unused)
{
    (void)unused;
    alm_str model[ALM_SELECTOR_GROUP_COUNT] = {ALM_STR("{\"learner\": 1}"), {NULL, 0}};
    alm_selector *selector = NULL;
    alm_error error = {0};
    assert_true(alm_selector_create(model, &selector, &error) != ALM_OK);
    assert_null(selector);
    static const double LABEL[] = {0, 1, 2};
    alm_xgboost_params params = alm_xgboost_params_default();
    alm_xgboost_data data = {.row_count = 3, .column_count = 2, .rows = give_zeros,
                             .label = LABEL};
    alm_xgboost_result other;
    alm_arena *arena = alm_arena_create(0);
    params.classes = 3;
    params.trees = 1;
    assert_int_equal(alm_xgboost_train(&params, &data, arena, &other, &error), ALM_OK);
    model[0] = other.model;
    assert_int_equal(alm_selector_create(model, &selector, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "this forest has 2 and 3"));
    alm_arena_destroy(arena);
    void *state = NULL;
    double y[] = {1, 2, 3};
    assert_int_equal(alm_learned.fit(&(alm_past){y, 3, 1}, NULL, &state, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "take weighted or median"));
    alm_selector_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_learned),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(the_newest_periods_are_not_looked_at),
        cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(other_models_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
