/* forest_interventional_test.c: against all subsets on small forests of every source, and against
 * shap 0.51 on learned ones (tests/golden/forest/generate_explanations.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_explained.h"
#include "model/forest/forest_internal.h"

#define FEATURES_MAX 8
#define BACKGROUND 9
#define ROWS 12

typedef struct explained {
    const alm_forest *forest;
    alm_forest_info info;
    alm_forest_interventional *explainer;
    alm_forest_interventional_scratch *scratch;
    double scale; /* sum over the trees of their largest leaf, base and bias */
} explained;

static double largest_leaves(const alm_forest *forest)
{
    double sum = 1;
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        double largest = 0;
        for (size_t i = 0; i < tree->leaf_count * tree->leaf_width; i++) {
            largest = fmax(largest, fabs(tree->leaf_value[i] * forest->scale));
        }
        sum += largest;
    }
    for (size_t k = 0; k < forest->info.output_count; k++) {
        sum += fabs(almi_forest_base(forest, k)) + (forest->bias ? fabs(forest->bias[k]) : 0);
    }
    return sum;
}

static explained open_explained(const alm_forest *forest, const double *background, size_t n)
{
    explained e = {.forest = forest, .info = alm_forest_describe(forest)};
    alm_error error;
    if (alm_forest_interventional_create(forest, background, n, e.info.feature_count, &e.explainer,
                                         &error) != ALM_OK ||
        alm_forest_interventional_scratch_create(e.explainer, &e.scratch, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    e.scale = largest_leaves(forest);
    return e;
}

static void close_explained(explained *e)
{
    alm_forest_interventional_scratch_destroy(e->scratch);
    alm_forest_interventional_destroy(e->explainer);
}

/* XGBoost's scores are sums of floats, so what is compared with them is only that exact. */
static double tolerance_of(const explained *e)
{
    return (e->info.source == ALM_FOREST_XGBOOST ? 1e-6 : 1e-12) * e->scale;
}

static void check_sums(const explained *e, const double *rows, size_t n, const double *phi)
{
    size_t outputs = e->info.output_count, columns = e->info.feature_count + 1;
    double score[16];
    assert_true(outputs <= 16);
    for (size_t i = 0; i < n; i++) {
        alm_forest_score(e->forest, rows + i * (columns - 1), 1, columns - 1, score);
        for (size_t k = 0; k < outputs; k++) {
            double sum = 0;
            for (size_t f = 0; f < columns; f++) {
                sum += phi[(i * outputs + k) * columns + f];
            }
            if (!(fabs(sum - score[k]) <= tolerance_of(e))) {
                fail_msg("row %zu: the sum is %.17g, the score %.17g", i, sum, score[k]);
            }
        }
    }
}

/* mean[subset][output] of the scores of the background rows with the subset's values of `row`. */
static void subset_means(const explained *e, const double *row, const double *background,
                         double *mean)
{
    size_t features = e->info.feature_count, outputs = e->info.output_count;
    double mixed[FEATURES_MAX], score[16];
    for (size_t subset = 0; subset < (size_t)1 << features; subset++) {
        for (size_t k = 0; k < outputs; k++) {
            mean[subset * outputs + k] = 0;
        }
        for (size_t b = 0; b < BACKGROUND; b++) {
            for (size_t f = 0; f < features; f++) {
                bool own = (subset >> f & 1) != 0;
                mixed[f] = own ? row[f] : background[b * features + f];
            }
            alm_forest_score_reference(e->forest, mixed, 1, features, score);
            for (size_t k = 0; k < outputs; k++) {
                mean[subset * outputs + k] += score[k] / BACKGROUND;
            }
        }
    }
}

static double brute_force(const explained *e, const double *mean, size_t feature, size_t k)
{
    size_t features = e->info.feature_count, outputs = e->info.output_count;
    double phi = 0;
    for (size_t subset = 0; subset < (size_t)1 << features; subset++) {
        if ((subset >> feature & 1) != 0) {
            continue;
        }
        size_t with = subset | (size_t)1 << feature;
        size_t size = (size_t)__builtin_popcountll(subset);
        phi += explained_weight(size, features) *
               (mean[with * outputs + k] - mean[subset * outputs + k]);
    }
    return phi;
}

static void check_subsets(const alm_forest *forest, const double *rows, const double *background)
{
    explained e = open_explained(forest, background, BACKGROUND);
    size_t features = e.info.feature_count, columns = features + 1, outputs = e.info.output_count;
    alm_arena *arena = alm_arena_create(0);
    assert_true(features <= FEATURES_MAX && outputs <= 16);
    double *phi = ALM_NEW_ARRAY(arena, double, ROWS * outputs * columns);
    double *mean = ALM_NEW_ARRAY(arena, double, outputs << features);
    alm_forest_interventional_contributions(e.explainer, e.scratch, rows, ROWS, features, phi);
    check_sums(&e, rows, ROWS, phi);
    for (size_t i = 0; i < ROWS; i++) {
        subset_means(&e, rows + i * features, background, mean);
        for (size_t k = 0; k < outputs; k++) {
            const double *own = phi + (i * outputs + k) * columns;
            assert_true(fabs(own[features] - mean[k]) <= tolerance_of(&e));
            for (size_t f = 0; f < features; f++) {
                double expected = brute_force(&e, mean, f, k);
                if (!(fabs(own[f] - expected) <= tolerance_of(&e))) {
                    fail_msg("row %zu feature %zu: %.17g instead of %.17g", i, f, own[f], expected);
                }
            }
        }
    }
    alm_arena_destroy(arena);
    close_explained(&e);
}

static void check_text(bool xgboost, forest_shape shape)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        alm_str text = xgboost ? case_xgboost_text(arena, &shape, seed)
                               : case_text(arena, &shape, seed);
        if (explained_parse(text, xgboost ? "xgb_" : "text", &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        double *rows = case_float_rows(arena, ROWS + BACKGROUND, shape.features, shape.grid);
        check_subsets(forest, rows, rows + ROWS * shape.features);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void small_forests_agree_with_all_subsets(void **state)
{
    (void)state;
    for (int xgboost = 0; xgboost < 2; xgboost++) {
        check_text(xgboost, (forest_shape){.trees = 4, .outputs = 1, .features = 6, .leaves = 12,
                                           .grid = 1});
        check_text(xgboost, (forest_shape){.trees = 3, .outputs = 3, .features = 5, .leaves = 20,
                                           .grid = 2, .categories = true});
        check_text(xgboost, (forest_shape){.trees = 2, .outputs = 1, .features = 7, .leaves = 30,
                                           .grid = 4, .chain = true});
        check_text(xgboost, (forest_shape){.trees = 2, .outputs = 1, .features = 1, .leaves = 6,
                                           .grid = 4});
    }
    /* No cover is needed. */
    check_text(false, (forest_shape){.trees = 3, .outputs = 1, .features = 5, .leaves = 9,
                                     .grid = 1, .no_counts = true});
}

/* Symmetric trees with scale and bias, several values a leaf. */
static void other_sources_agree_with_all_subsets(void **state)
{
    static const char *const name[] = {"cb_symmetric.cbm", "cb_scaled.cbm", "cb_multiclass.cbm",
                                       "cb_one_hot.cbm", "xgb_wide_leaves.json"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        if (explained_parse(case_fixture(arena, name[i]), name[i], &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        size_t features = alm_forest_describe(forest).feature_count;
        double *rows = case_float_rows(arena, ROWS + BACKGROUND, features, 2);
        check_subsets(forest, rows, rows + ROWS * features);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

/* 1e-6 of the magnitudes: the weights inside shap are floats, so its own sums are that far off. */
static void fixtures_agree_with_shap(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lg_rf_iris.model",
                                       "xgb_squared.json", "xgb_softprob.json",
                                       "xgb_lossguide.ubj"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        explained_case c = {0};
        alm_error error;
        if (explained_open(arena, name[i], &c, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        assert_non_null(c.interventional);
        explained e = open_explained(c.forest, c.background, c.background_rows);
        size_t columns = c.info.feature_count + 1, width = c.outputs * columns;
        double *phi = ALM_NEW_ARRAY(arena, double, c.rows * width);
        alm_forest_interventional_contributions(e.explainer, e.scratch, c.row, c.rows, columns - 1,
                                                phi);
        check_sums(&e, c.row, c.rows, phi);
        for (size_t v = 0; v < c.rows * width; v++) {
            double size = explained_magnitude(c.interventional + v / columns * columns, columns);
            if (!(fabs(phi[v] - c.interventional[v]) <= 1e-6 * size)) {
                fail_msg("%s: value %zu of row %zu: %.17g instead of %.17g", name[i], v % width,
                         v / width, phi[v], c.interventional[v]);
            }
        }
        close_explained(&e);
        alm_forest_destroy(c.forest);
        alm_arena_destroy(arena);
    }
}

/* A row's bits are the same in any call, and with the background in any order. */
static void neighbours_and_order_do_not_matter(void **state)
{
    enum { MANY = 700, BASE = 600 };
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    forest_shape shape = {.trees = 8, .outputs = 2, .features = 20, .leaves = 31, .grid = 4,
                          .categories = true};
    alm_str text = case_text(arena, &shape, 3);
    assert_int_equal(alm_forest_parse_lightgbm(text, "x", &forest, NULL), ALM_OK);
    double *rows = case_rows(arena, MANY + BASE, 20, 4), *background = rows + MANY * 20;
    double *other = ALM_NEW_ARRAY(arena, double, BASE * 20);
    for (size_t i = 0; i < BASE; i++) {
        memcpy(other + i * 20, background + (i * 7 + 3) % BASE * 20, 20 * sizeof(double));
    }
    size_t width = 2 * 21;
    double *phi = ALM_NEW_ARRAY(arena, double, MANY * width);
    double *again = ALM_NEW_ARRAY(arena, double, MANY * width);
    explained e = open_explained(forest, background, BASE);
    explained o = open_explained(forest, other, BASE);
    alm_forest_interventional_contributions(e.explainer, e.scratch, rows, MANY, 20, phi);
    alm_forest_interventional_contributions(o.explainer, o.scratch, rows, MANY, 20, again);
    assert_memory_equal(again, phi, MANY * width * sizeof(double));
    for (size_t i = 0, count = 1; i < MANY; i += count, count = count * 3 % 50 + 1) {
        count = count < MANY - i ? count : MANY - i;
        alm_forest_interventional_contributions(e.explainer, e.scratch, rows + i * 20, count, 20,
                                                again + i * width);
    }
    assert_memory_equal(again, phi, MANY * width * sizeof(double));
    check_sums(&e, rows, MANY, phi);
    close_explained(&o);
    close_explained(&e);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void expect_refusal(const alm_forest *forest, size_t n, alm_err code, const char *words)
{
    alm_forest_interventional *explainer = NULL;
    alm_error error = {0};
    double row[8] = {0};
    assert_int_equal(alm_forest_interventional_create(forest, row, n, 8, &explainer, &error),
                     code);
    assert_non_null(strstr(error.message, words));
    assert_null(explainer);
}

static void what_cannot_be_explained_is_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_error error;
    forest_shape shape = {.trees = 1, .outputs = 1, .features = 4, .leaves = 4, .grid = 4};
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &shape, 1), "x", &forest, &error),
                     ALM_OK);
    expect_refusal(forest, 0, ALM_ERR_INVALID, "no rows");
    expect_refusal(forest, 70000, ALM_ERR_LIMIT, "65536");
    alm_forest_destroy(forest);
    assert_int_equal(alm_forest_parse_catboost(case_fixture(arena, "cb_counts.cbm"), "cb", &forest,
                                               &error), ALM_OK);
    expect_refusal(forest, 1, ALM_ERR_UNSUPPORTED, "ctrs");
    alm_forest_destroy(forest);
    shape = (forest_shape){.trees = 1, .outputs = 1, .features = 3000, .leaves = 300, .grid = 4,
                           .chain = true};
    double *rows = case_rows(arena, 2, 3000, 4);
    alm_forest_interventional *explainer = NULL;
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &shape, 2), "x", &forest, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_interventional_create(forest, rows, 2, 3000, &explainer, &error),
                     ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "more than 128 features"));
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

/* Every allocation fails once, until all succeed; outputs stay untouched meanwhile. */
static void allocations_may_fail(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_forest_interventional *explainer = NULL;
    alm_forest_interventional_scratch *scratch = NULL;
    forest_shape shape = {.trees = 20, .outputs = 1, .features = 12, .leaves = 200, .grid = 4};
    alm_str text = case_text(arena, &shape, 5);
    assert_int_equal(alm_forest_parse_lightgbm(text, "x", &forest, NULL), ALM_OK);
    double *rows = case_rows(arena, 300, 12, 4);
    uint64_t failures = 0;
    for (uint64_t nth = 1; scratch == NULL; nth++) {
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_forest_interventional_create(forest, rows, 300, 12, &explainer, NULL);
        if (code == ALM_OK) {
            code = alm_forest_interventional_scratch_create(explainer, &scratch, NULL);
        }
        (void)alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        assert_true((scratch != NULL) == (code == ALM_OK));
        failures += code != ALM_OK;
        if (explainer != NULL && code != ALM_OK) {
            alm_forest_interventional_destroy(explainer);
            explainer = NULL;
        }
    }
    assert_true(failures > 3);
    alm_forest_interventional_scratch_destroy(scratch);
    alm_forest_interventional_destroy(explainer);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_forests_agree_with_all_subsets),
        cmocka_unit_test(other_sources_agree_with_all_subsets),
        cmocka_unit_test(fixtures_agree_with_shap),
        cmocka_unit_test(neighbours_and_order_do_not_matter),
        cmocka_unit_test(what_cannot_be_explained_is_refused),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
