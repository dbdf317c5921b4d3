/* forest_predict_test.c: the block kernel beside the literal oracle, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest_cases.h"

#define ROWS 300

static alm_forest *parse(alm_str text, const char *name)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (alm_forest_parse_lightgbm(text, name, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

static void assert_same_bits(const double *a, const double *b, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof(double)) != 0) {
            fail_msg("%s: score %zu is %.17g, the oracle says %.17g", what, i, a[i], b[i]);
        }
    }
}

static void check_forest(alm_arena *arena, const alm_forest *forest, uint64_t grid,
                         const char *what)
{
    alm_forest_info info = alm_forest_describe(forest);
    size_t stride = info.feature_count + 3;
    double *rows = info.source == ALM_FOREST_XGBOOST ? case_float_rows(arena, ROWS, stride, grid)
                                                     : case_rows(arena, ROWS, stride, grid);
    double *oracle = ALM_NEW_ARRAY(arena, double, ROWS * info.output_count);
    double *ours = ALM_NEW_ARRAY(arena, double, ROWS * info.output_count);
    alm_forest_score_reference(forest, rows, ROWS, stride, oracle);
    /* Every tail length and every position in a block; a row's bits depend on nothing else. */
    for (size_t n = 0; n <= 140; n++) {
        size_t at = (n * 7) % (ROWS - n);
        memset(ours, 0xAB, ROWS * info.output_count * sizeof(double));
        alm_forest_score(forest, rows + at * stride, n, stride, ours);
        assert_same_bits(ours, oracle + at * info.output_count, n * info.output_count, what);
        uint64_t guard = 0;
        memcpy(&guard, &ours[n * info.output_count], sizeof guard);
        assert_true(guard == 0xABABABABABABABABu); /* nothing behind the rows is written */
    }
    alm_forest_score(forest, rows, ROWS, stride, ours);
    assert_same_bits(ours, oracle, ROWS * info.output_count, what);
}

static void check_shape(forest_shape shape, const char *what)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = parse(case_text(arena, &shape, seed), what);
        check_forest(arena, forest, shape.grid, what);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void check_xgboost(forest_shape shape, const char *what)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        shape.dart = seed % 2 == 0;
        alm_str text = case_xgboost_text(arena, &shape, seed);
        if (alm_forest_parse_xgboost(text, what, &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        check_forest(arena, forest, shape.grid, what);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void random_xgboost_forests_score_like_the_oracle(void **state)
{
    (void)state;
    check_xgboost((forest_shape){.trees = 20, .outputs = 1, .features = 5, .leaves = 31, .grid = 4},
                  "small");
    check_xgboost((forest_shape){.trees = 20, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                                 .categories = true},
                  "three outputs with categories");
    check_xgboost((forest_shape){.trees = 20, .outputs = 1, .features = 3, .leaves = 64,
                                 .grid = 10, .categories = true},
                  "one output with categories");
    check_xgboost((forest_shape){.trees = 8, .outputs = 1, .features = 2, .leaves = 256,
                                 .grid = 100, .chain = true},
                  "256 leaves, chains, several lanes a feature");
    check_xgboost((forest_shape){.trees = 4, .outputs = 2, .features = 4, .leaves = 257,
                                 .grid = 100, .categories = true},
                  "257 leaves: too many for bytes");
    check_xgboost((forest_shape){.trees = 10, .outputs = 1, .features = 700, .leaves = 300,
                                 .grid = 1000, .categories = true},
                  "many groups of lanes, walked trees among them");
}

static void random_forests_score_like_the_oracle(void **state)
{
    (void)state;
    check_shape((forest_shape){.trees = 20, .outputs = 1, .features = 5, .leaves = 31, .grid = 4},
                "small");
    check_shape((forest_shape){.trees = 20, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                               .categories = true},
                "three outputs with categories");
    check_shape((forest_shape){.trees = 8, .outputs = 1, .features = 2, .leaves = 256,
                               .grid = 100, .chain = true},
                "256 leaves, chains, several lanes a feature");
    check_shape((forest_shape){.trees = 8, .outputs = 1, .features = 4, .leaves = 257,
                               .grid = 100, .categories = true},
                "257 leaves: too many for bytes");
    check_shape((forest_shape){.trees = 30, .outputs = 1, .features = 700, .leaves = 200,
                               .grid = 1000, .categories = true},
                "many groups of lanes");
    check_shape((forest_shape){.trees = 1, .outputs = 1, .features = 1, .leaves = 2, .grid = 1},
                "one stump");
}

/* Two lanes of a feature: 300 thresholds, rows on each of them and beside it. */
static void each_of_many_thresholds_splits_exactly(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 3, .outputs = 1, .features = 1, .leaves = 600, .grid = 100,
                          .chain = true};
    alm_forest *forest = parse(case_text(arena, &shape, 3), "600 leaves");
    double *rows = ALM_NEW_ARRAY(arena, double, 3 * 800);
    double *ours = ALM_NEW_ARRAY(arena, double, 3 * 800);
    double *oracle = ALM_NEW_ARRAY(arena, double, 3 * 800);
    for (size_t i = 0; i < 800; i++) {
        double t = (double)i / 100 - 4;
        rows[3 * i] = nextafter(t, -INFINITY);
        rows[3 * i + 1] = t;
        rows[3 * i + 2] = nextafter(t, INFINITY);
    }
    alm_forest_score(forest, rows, 2400, 1, ours);
    alm_forest_score_reference(forest, rows, 2400, 1, oracle);
    assert_same_bits(ours, oracle, 2400, "thresholds");
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void model_checks_its_input(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 5, .outputs = 1, .features = 4, .leaves = 7, .grid = 4,
                          .no_counts = true};
    alm_forest *forest = parse(case_text(arena, &shape, 1), "model");
    alm_model *model = NULL;
    alm_error error;
    double rows[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[10], oracle[2];
    alm_forest_score_reference(forest, rows, 2, 4, oracle);
    assert_int_equal(alm_forest_model_create(forest, &model, &error), ALM_OK);
    alm_model_batch batch = {.kind = ALM_MODEL_ROWS, .count = 2, .values = rows, .stride = 4};
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_OK);
    assert_same_bits(out, oracle, 2, "model");
    batch.stride = 3;
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_ERR_INVALID);
    assert_string_equal(error.message, "model forest needs 4 features a row, the input has 3");
    batch = (alm_model_batch){.kind = ALM_MODEL_SERIES, .count = 1};
    assert_int_equal(alm_model_predict(model, &batch, arena, out, &error), ALM_ERR_INVALID);
    batch = (alm_model_batch){.kind = ALM_MODEL_ROWS, .count = 2, .values = rows, .stride = 4};
    assert_int_equal(alm_model_explain(model, &batch, arena, out, &error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "no row counts"));
    alm_model_destroy(model);
    alm_model_destroy(NULL);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_forests_score_like_the_oracle),
        cmocka_unit_test(random_xgboost_forests_score_like_the_oracle),
        cmocka_unit_test(each_of_many_thresholds_splits_exactly),
        cmocka_unit_test(model_checks_its_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
