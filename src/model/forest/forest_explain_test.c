/* forest_explain_test.c: every way gives what its own function gives, adds up, and says so when it
 * does not. */
#include "model/forest/forest_explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_explained.h"

static alm_forest_explain *create(const alm_forest *forest, alm_explain_way way,
                                  const explained_case *c)
{
    alm_forest_explain *explain = NULL;
    alm_error error = {0};
    alm_forest_explain_options options = {way, c->background, c->background_rows};
    if (alm_forest_explain_create(forest, &options, &explain, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return explain;
}

/* Numbers of all rows in `arena`; `raw` is what they are told to sum to. */
static alm_err explain_all(alm_arena *arena, const alm_forest_explain *explain,
                           const explained_case *c, const double *raw, double **out,
                           alm_error *error)
{
    alm_forest_explain_scratch *scratch = NULL;
    size_t width = alm_forest_explain_width(explain);
    assert_int_equal(alm_forest_explain_scratch_create(explain, &scratch, error), ALM_OK);
    *out = ALM_NEW_ARRAY(arena, double, c->rows * c->outputs * width);
    alm_explain_rows rows = {c->row, c->rows, c->info.feature_count, raw, 100};
    alm_err code = alm_forest_explain_rows(explain, scratch, &rows, *out, error);
    alm_forest_explain_scratch_destroy(scratch);
    return code;
}

static double *raw_of(alm_arena *arena, const explained_case *c)
{
    double *raw = ALM_NEW_ARRAY(arena, double, c->rows * c->outputs);
    alm_forest_score(c->forest, c->row, c->rows, c->info.feature_count, raw);
    return raw;
}

/* Pairs of a row summed by feature, half of what two share to each: its contribution. */
static void check_pairs(const double *pairs, const double *fast, size_t features)
{
    double own[256] = {0};
    size_t at = 0;
    assert_true(features < sizeof own / sizeof *own);
    for (size_t i = 0; i < features; i++) {
        own[i] += pairs[at++];
        for (size_t j = i + 1; j < features; j++, at++) {
            own[i] += pairs[at] / 2;
            own[j] += pairs[at] / 2;
        }
    }
    double size = explained_magnitude(fast, features + 1) + explained_magnitude(pairs, at);
    for (size_t i = 0; i < features; i++) {
        assert_true(fabs(own[i] - fast[i]) <= 1e-12 * size); /* as forest_interaction_test.c */
    }
    assert_true(fabs(pairs[at] - fast[features]) <= 1e-12 * size);
}

static void check_case(const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    explained_case c;
    alm_error error = {0};
    if (explained_open(arena, name, &c, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    const double *raw = raw_of(arena, &c);
    double *made[4] = {0};
    for (int way = ALM_EXPLAIN_FAST; way <= ALM_EXPLAIN_INTERACTIONS; way++) {
        if (way == ALM_EXPLAIN_STRICT && c.info.source == ALM_FOREST_CATBOOST) {
            continue;
        }
        alm_forest_explain *explain = create(c.forest, (alm_explain_way)way, &c);
        if (explain_all(arena, explain, &c, raw, &made[way], &error) != ALM_OK) {
            fail_msg("%s, way %d: %s", name, way, error.message);
        }
        alm_forest_explain_destroy(explain);
    }
    size_t features = c.info.feature_count;
    size_t width = features * (features + 1) / 2 + 1;
    for (size_t v = 0; v < c.rows * c.outputs; v++) {
        check_pairs(made[3] + v * width, made[0] + v * (features + 1), features);
    }
    assert_memory_not_equal(made[0], made[2], c.rows * c.outputs * (features + 1) * sizeof **made);
    alm_forest_destroy(c.forest);
    alm_arena_destroy(arena);
}

static void all_ways_add_up(void **state)
{
    (void)state;
    check_case("lg_breast_cancer.txt");
    check_case("lg_rf_iris.model");
    check_case("xgb_softprob.json");
    check_case("xgb_category.json");
    check_case("xgb_squared.json");
}

static void what_does_not_add_up_is_named(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    explained_case c;
    alm_error error = {0};
    double *out = NULL;
    assert_int_equal(explained_open(arena, "xgb_softprob.json", &c, &error), ALM_OK);
    double *raw = raw_of(arena, &c);
    size_t at = 2 * c.outputs + 1; /* the third row's second score */
    raw[at] += 0.25;
    for (int way = ALM_EXPLAIN_FAST; way <= ALM_EXPLAIN_INTERACTIONS; way++) {
        alm_forest_explain *explain = create(c.forest, (alm_explain_way)way, &c);
        assert_int_equal(explain_all(arena, explain, &c, raw, &out, &error), ALM_ERR_NUMERIC);
        if (!strstr(error.message, "row 103: the contributions to score 1 sum to")) {
            fail_msg("%s", error.message);
        }
        assert_true((strstr(error.message, "without strict") != NULL) ==
                    (way == ALM_EXPLAIN_STRICT));
        alm_forest_explain_destroy(explain);
    }
    raw[at] = (double)NAN;
    alm_forest_explain *explain = create(c.forest, ALM_EXPLAIN_FAST, &c);
    assert_int_equal(explain_all(arena, explain, &c, raw, &out, &error), ALM_ERR_NUMERIC);
    alm_forest_explain_destroy(explain);
    alm_forest_destroy(c.forest);
    alm_arena_destroy(arena);
}

static void memory_may_fail(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    explained_case c;
    alm_error error = {0};
    assert_int_equal(explained_open(arena, "lg_rf_iris.model", &c, &error), ALM_OK);
    for (int way = ALM_EXPLAIN_FAST; way <= ALM_EXPLAIN_INTERACTIONS; way++) {
        bool done = false;
        for (uint64_t nth = 1; !done; nth++) {
            alm_forest_explain *explain = NULL;
            alm_forest_explain_scratch *scratch = NULL;
            alm_forest_explain_options options = {(alm_explain_way)way, c.background,
                                                  c.background_rows};
            (void)alm_heap_fail_at(nth);
            alm_err code = alm_forest_explain_create(c.forest, &options, &explain, &error);
            code = code == ALM_OK ? alm_forest_explain_scratch_create(explain, &scratch, &error)
                                  : code;
            (void)alm_heap_fail_at(0);
            done = code == ALM_OK;
            assert_true(done || code == ALM_ERR_MEMORY);
            alm_forest_explain_scratch_destroy(scratch);
            alm_forest_explain_destroy(explain);
        }
    }
    alm_forest_destroy(c.forest);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_add_up),
        cmocka_unit_test(what_does_not_add_up_is_named),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
