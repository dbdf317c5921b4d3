/* forest_strict_test.c: strict contributions beside XGBoost 3.2.0's pred_contribs (the fixtures of
 * tests/golden/forest/generate_xgboost.py), and their own rules. LightGBM, as the judge of far more
 * rows, is in train/learner/strict_conformance_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_cases.h"

typedef struct opened {
    alm_forest *forest;
    alm_forest_strict *strict;
    alm_forest_strict_scratch *scratch;
    alm_forest_info info;
} opened;

static opened open_forest(alm_forest *forest)
{
    opened o = {.forest = forest, .info = alm_forest_describe(forest)};
    alm_error error;
    if (alm_forest_strict_create(o.forest, &o.strict, &error) != ALM_OK ||
        alm_forest_strict_scratch_create(o.strict, &o.scratch, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return o;
}

static void close_opened(opened *o)
{
    alm_forest_strict_scratch_destroy(o->scratch);
    alm_forest_strict_destroy(o->strict);
    alm_forest_destroy(o->forest);
}

static void check_fixture(const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    alm_error error;
    alm_forest *forest = NULL;
    uint64_t head[6];
    const char *file = alm_arena_printf(arena, "xgb_%s", name);
    char *rows_name = alm_arena_printf(arena, "xgb_%.*s.rows", (int)strcspn(name, "."), name);
    alm_str model = case_fixture(arena, file), rest = case_fixture(arena, rows_name);
    if (alm_forest_parse_xgboost(model, name, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    opened o = open_forest(forest);
    memcpy(head, rest.data, sizeof head);
    size_t n = head[4], features = head[1], width = head[2] * (features + 1);
    double *rows = ALM_NEW_ARRAY(arena, double, n * features);
    double *ours = ALM_NEW_ARRAY(arena, double, n * width);
    float *theirs = ALM_NEW_ARRAY(arena, float, n * width);
    const char *at = rest.data + sizeof head;
    memcpy(rows, at, n * features * sizeof(double));
    at += head[0] * (features * sizeof(double) + head[2] * sizeof(float));
    memcpy(theirs, at, n * width * sizeof(float));
    alm_forest_contributions_strict(o.strict, o.scratch, rows, n, features, ours);
    for (size_t i = 0; i < n * width; i++) {
        double expected = (double)theirs[i];
        if (memcmp(&ours[i], &expected, sizeof expected) != 0) {
            fail_msg("%s: row %zu value %zu: %.9g instead of %.9g", name, i / width, i % width,
                     ours[i], expected);
        }
    }
    close_opened(&o);
    alm_arena_destroy(arena);
}

static void fixtures_have_the_bits_of_xgboost(void **state)
{
    static const char *const name[] = {
        "squared.json",    "squared_base.ubj",      "absolute.ubj",         "quantiles.json",
        "logistic.json",   "logistic_half.ubj",     "logitraw.ubj",         "hinge.ubj",
        "softprob.json",   "softmax.ubj",           "poisson.json",         "tweedie.ubj",
        "gamma.ubj",       "aft.ubj",               "category.json",        "category_onehot.ubj",
        "parallel.json",   "parallel_softprob.ubj", "lossguide.ubj",        "pruned.json",
        "targets.ubj",     "stumps.ubj",            "leaf_only.json",       "old_spelling.json",
        "dart.json",       "dart.ubj",              "dart_softprob.ubj",    "category.ubj",
        "binary_logistic.model", "binary_dart_softprob.model", "binary_targets.model"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        check_fixture(name[i]);
    }
}

static alm_forest *parse(bool xgboost, alm_str text)
{
    alm_forest *forest = NULL;
    alm_error error;
    if ((xgboost ? alm_forest_parse_xgboost(text, "case", &forest, &error)
                 : alm_forest_parse_lightgbm(text, "case", &forest, &error)) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

/* Beside the fast contributions: 1e-9 of the magnitudes for float64 recursions on paths of up to 31
 * nodes, 1e-4 for float ones, which lose digits where they divide by small shares. */
static void check_random(bool xgboost, forest_shape shape, double tolerance)
{
    enum { ROWS = 300 };
    alm_arena *arena = alm_arena_create(0);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        alm_str text = xgboost ? case_xgboost_text(arena, &shape, seed)
                               : case_text(arena, &shape, seed);
        opened o = open_forest(parse(xgboost, text));
        alm_forest_explainer *explainer = NULL;
        alm_forest_scratch *scratch = NULL;
        assert_int_equal(alm_forest_explainer_create(o.forest, &explainer, NULL), ALM_OK);
        assert_int_equal(alm_forest_scratch_create(explainer, &scratch, NULL), ALM_OK);
        size_t width = shape.outputs * (shape.features + 1);
        double *rows = case_float_rows(arena, ROWS, shape.features, shape.grid);
        double *strict = ALM_NEW_ARRAY(arena, double, ROWS * width);
        double *fast = ALM_NEW_ARRAY(arena, double, ROWS * width);
        double *alone = ALM_NEW_ARRAY(arena, double, ROWS * width);
        alm_forest_contributions_strict(o.strict, o.scratch, rows, ROWS, shape.features, strict);
        alm_forest_contributions(explainer, scratch, rows, ROWS, shape.features, fast);
        for (size_t i = 0; i < ROWS * width; i++) {
            double size = 0;
            for (size_t j = 0; j < width; j++) {
                size += fabs(fast[i / width * width + j]);
            }
            if (!(fabs(strict[i] - fast[i]) <= tolerance * size)) {
                fail_msg("seed %d value %zu: %.17g beside %.17g", (int)seed, i, strict[i], fast[i]);
            }
        }
        /* A row has the same bits in calls of any size, by the codes and by the literal rule. */
        for (size_t i = 0, count = 1; i < ROWS; i += count, count = (count * 5 + 1) % 61 + 1) {
            count = count < ROWS - i ? count : ROWS - i;
            alm_forest_contributions_strict(o.strict, o.scratch, rows + i * shape.features, count,
                                            shape.features, alone + i * width);
        }
        assert_memory_equal(alone, strict, ROWS * width * sizeof(double));
        for (size_t i = 0; i < ROWS; i++) {
            alm_forest_contributions_strict(o.strict, o.scratch, rows + i * shape.features, 1,
                                            shape.features, alone + i * width);
        }
        assert_memory_equal(alone, strict, ROWS * width * sizeof(double));
        alm_forest_scratch_destroy(scratch);
        alm_forest_explainer_destroy(explainer);
        close_opened(&o);
    }
    alm_arena_destroy(arena);
}

static void random_forests_agree_with_the_fast_way(void **state)
{
    (void)state;
    for (int xgboost = 0; xgboost < 2; xgboost++) {
        double tolerance = xgboost ? 1e-4 : 1e-9;
        check_random(xgboost, (forest_shape){.trees = 8, .outputs = 1, .features = 6, .leaves = 31,
                                             .grid = 4}, tolerance);
        /* Of few levels, where a row alone goes another way; features come again on a path. */
        check_random(xgboost, (forest_shape){.trees = 9, .outputs = 2, .features = 3, .leaves = 9,
                                             .grid = 4, .categories = true}, tolerance);
        check_random(xgboost, (forest_shape){.trees = 9, .outputs = 1, .features = 2, .leaves = 4,
                                             .grid = 4}, tolerance);
        check_random(xgboost, (forest_shape){.trees = 5, .outputs = 3, .features = 12,
                                             .leaves = 40, .grid = 8, .categories = true},
                     tolerance);
        check_random(xgboost, (forest_shape){.trees = 3, .outputs = 1, .features = 1,
                                             .leaves = 20, .grid = 4}, tolerance);
        check_random(xgboost, (forest_shape){.trees = 2, .outputs = 1, .features = 8,
                                             .leaves = 24, .grid = 8, .chain = true}, tolerance);
    }
    check_random(true, (forest_shape){.trees = 4, .outputs = 2, .features = 6, .leaves = 12,
                                      .grid = 4, .dart = true}, 1e-4);
}

static void expect_refusal(alm_forest *forest, const char *words)
{
    alm_forest_strict *strict = NULL;
    alm_error error;
    assert_int_equal(alm_forest_strict_create(forest, &strict, &error), ALM_ERR_UNSUPPORTED);
    if (strstr(error.message, words) == NULL) {
        fail_msg("%s", error.message);
    }
    assert_null(strict);
    alm_forest_destroy(forest);
}

static void what_cannot_be_explained_is_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 2, .outputs = 1, .features = 3, .leaves = 4, .grid = 4,
                          .no_counts = true};
    expect_refusal(parse(false, case_text(arena, &shape, 1)), "leaf_count");
    alm_error error;
    alm_forest *forest = NULL;
    assert_int_equal(alm_forest_parse_catboost(case_fixture(arena, "cb_symmetric.cbm"), "cb",
                                               &forest, &error), ALM_OK);
    expect_refusal(forest, "CatBoost");
    expect_refusal(parse(true, case_fixture(arena, "xgb_wide_leaves.json")),
                   "does not explain leaves with several values");
    alm_arena_destroy(arena);
}

/* A leaf that no training row reached: LightGBM divides 0 by 0. */
static void an_empty_leaf_is_not_a_number(void **state)
{
    (void)state;
    opened o = open_forest(parse(false, ALM_STR(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
        "feature_names=a b\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\n"
        "threshold=0 1\ndecision_type=0 0\nleft_child=1 -1\nright_child=-2 -3\n"
        "leaf_value=1 2 4\nleaf_count=10 10 0\ninternal_count=20 10\n\nend of trees\n")));
    double row[2] = {-1, -5}, phi[3];
    alm_forest_contributions_strict(o.strict, o.scratch, row, 1, 2, phi);
    assert_true(isnan(phi[1]) && phi[2] == 1.5);
    close_opened(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_the_bits_of_xgboost),
        cmocka_unit_test(random_forests_agree_with_the_fast_way),
        cmocka_unit_test(what_cannot_be_explained_is_refused),
        cmocka_unit_test(an_empty_leaf_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
