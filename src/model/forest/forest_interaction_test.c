/* forest_interaction_test.c: SHAP interaction values against all subsets on small forests, and
 * against shap 0.51 (LightGBM) and XGBoost 3.2.0's pred_interactions on learned ones
 * (tests/golden/forest/generate_explanations.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_explained.h"
#include "model/forest/forest_internal.h"

#define FEATURES_MAX 8
#define ROWS 12

typedef struct explained {
    const alm_forest *forest;
    alm_forest_info info;
    alm_forest_explainer *explainer;
    alm_forest_scratch *scratch;
    alm_forest_interaction_scratch *interaction;
} explained;

static explained open_explained(const alm_forest *forest)
{
    explained e = {.forest = forest, .info = alm_forest_describe(forest)};
    alm_error error;
    if (alm_forest_explainer_create(forest, &e.explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(e.explainer, &e.scratch, &error) != ALM_OK ||
        alm_forest_interaction_scratch_create(e.explainer, &e.interaction, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return e;
}

static void close_explained(explained *e)
{
    alm_forest_interaction_scratch_destroy(e->interaction);
    alm_forest_scratch_destroy(e->scratch);
    alm_forest_explainer_destroy(e->explainer);
}

/* Symmetric bit by bit; each row sums to the contribution; the frame holds the expected value. */
static void check_matrices(const explained *e, const double *rows, size_t n, const double *matrix)
{
    size_t features = e->info.feature_count, columns = features + 1;
    size_t count = n * e->info.output_count;
    alm_arena *arena = alm_arena_create(0);
    double *phi = ALM_NEW_ARRAY(arena, double, count * columns);
    alm_forest_contributions(e->explainer, e->scratch, rows, n, features, phi);
    for (size_t m = 0; m < count; m++) {
        const double *own = matrix + m * columns * columns;
        double size = explained_magnitude(own, columns * columns);
        for (size_t i = 0; i < columns; i++) {
            double sum = 0;
            for (size_t j = 0; j < columns; j++) {
                sum += own[i * columns + j];
                assert_true(own[i * columns + j] == own[j * columns + i]);
            }
            if (!(fabs(sum - phi[m * columns + i]) <= 1e-12 * size)) {
                fail_msg("matrix %zu row %zu: %.17g instead of %.17g", m, i, sum,
                         phi[m * columns + i]);
            }
            assert_true(i == features || own[i * columns + features] == 0);
        }
    }
    alm_arena_destroy(arena);
}

/* Value of the tree when only the features of `subset` are known: the definition. */
static double known_value(const almi_tree *tree, int32_t node, const double *row, size_t subset)
{
    if (node < 0) {
        return tree->leaf_value[~node];
    }
    int32_t left = tree->left[node], right = tree->right[node];
    size_t feature = (size_t)tree->feature[node];
    if ((subset >> feature & 1) != 0) {
        bool goes_left = almi_tree_goes_left(tree, (size_t)node, row[feature]);
        return known_value(tree, goes_left ? left : right, row, subset);
    }
    double share[2];
    for (int side = 0; side < 2; side++) {
        int32_t child = side == 0 ? left : right;
        share[side] = (child >= 0 ? tree->node_cover[child] : tree->leaf_cover[~child]) /
                      tree->node_cover[node];
    }
    return share[0] * known_value(tree, left, row, subset) +
           share[1] * known_value(tree, right, row, subset);
}

/* Half of the interaction index of i and j, from the values of all subsets. */
static double brute_force(const double *value, size_t features, size_t i, size_t j)
{
    size_t both = (size_t)1 << i | (size_t)1 << j;
    double sum = 0;
    for (size_t subset = 0; subset < (size_t)1 << features; subset++) {
        if ((subset & both) != 0) {
            continue;
        }
        double change = value[subset | both] - value[subset | (size_t)1 << i] -
                        value[subset | (size_t)1 << j] + value[subset];
        size_t size = (size_t)__builtin_popcountll(subset);
        sum += explained_weight(size, features - 1) * change / 2;
    }
    return sum;
}

static void check_row(const explained *e, const double *row, const double *matrix)
{
    size_t features = e->info.feature_count, columns = features + 1;
    double value[1 << FEATURES_MAX];
    for (size_t k = 0; k < e->info.output_count; k++) {
        const double *own = matrix + k * columns * columns;
        memset(value, 0, sizeof value);
        for (size_t t = 0; t < e->info.tree_count; t++) {
            const almi_tree *tree = &e->forest->tree[t];
            for (size_t s = 0; tree->output == k && s < (size_t)1 << features; s++) {
                value[s] += known_value(tree, tree->leaf_count > 1 ? 0 : -1, row, s);
            }
        }
        double size = explained_magnitude(own, columns * columns);
        for (size_t i = 0; i < features; i++) {
            for (size_t j = 0; j < features; j++) {
                double expected = i == j ? 0 : brute_force(value, features, i, j);
                if (i != j && !(fabs(own[i * columns + j] - expected) <= 1e-11 * size)) {
                    fail_msg("pair %zu %zu: %.17g instead of %.17g", i, j, own[i * columns + j],
                             expected);
                }
            }
        }
    }
}

static void check_text(bool xgboost, forest_shape shape)
{
    size_t columns = shape.features + 1, width = shape.outputs * columns * columns;
    assert_true(shape.features <= FEATURES_MAX);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        alm_str text = xgboost ? case_xgboost_text(arena, &shape, seed)
                               : case_text(arena, &shape, seed);
        if (explained_parse(text, xgboost ? "xgb_" : "text", &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        explained e = open_explained(forest);
        double *rows = case_float_rows(arena, ROWS, shape.features, shape.grid);
        double *matrix = ALM_NEW_ARRAY(arena, double, ROWS * width);
        alm_forest_interactions(e.explainer, e.interaction, rows, ROWS, shape.features, matrix);
        check_matrices(&e, rows, ROWS, matrix);
        for (size_t i = 0; i < ROWS; i++) {
            check_row(&e, rows + i * shape.features, matrix + i * width);
        }
        close_explained(&e);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void small_forests_agree_with_all_subsets(void **state)
{
    (void)state;
    for (int xgboost = 0; xgboost < 2; xgboost++) {
        check_text(xgboost, (forest_shape){.trees = 4, .outputs = 1, .features = 6, .leaves = 14,
                                           .grid = 1});
        check_text(xgboost, (forest_shape){.trees = 3, .outputs = 3, .features = 5, .leaves = 20,
                                           .grid = 2, .categories = true});
        check_text(xgboost, (forest_shape){.trees = 2, .outputs = 1, .features = 7, .leaves = 24,
                                           .grid = 4, .chain = true});
        check_text(xgboost, (forest_shape){.trees = 2, .outputs = 1, .features = 2, .leaves = 6,
                                           .grid = 4});
    }
}

/* What shap says of LightGBM to 1e-9 of the magnitudes (its recursion divides and subtracts),
 * XGBoost's float recursion to 3e-6, as of its contributions. */
static void fixtures_agree_with_their_sources(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lg_rf_iris.model",
                                       "xgb_squared.json", "xgb_softprob.json",
                                       "xgb_lossguide.ubj", "xgb_category.json"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        explained_case c = {0};
        alm_error error;
        if (explained_open(arena, name[i], &c, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        assert_non_null(c.interaction);
        explained e = open_explained(c.forest);
        size_t columns = c.info.feature_count + 1, size = columns * columns;
        double *matrix = ALM_NEW_ARRAY(arena, double, c.rows * c.outputs * size);
        alm_forest_interactions(e.explainer, e.interaction, c.row, c.rows, columns - 1, matrix);
        check_matrices(&e, c.row, c.rows, matrix);
        double tolerance = c.info.source == ALM_FOREST_XGBOOST ? 3e-6 : 1e-9;
        for (size_t v = 0; v < c.rows * c.outputs * size; v++) {
            double magnitude = explained_magnitude(c.interaction + v / size * size, size);
            if (!(fabs(matrix[v] - c.interaction[v]) <= tolerance * magnitude)) {
                fail_msg("%s: matrix %zu place %zu: %.17g instead of %.17g", name[i], v / size,
                         v % size, matrix[v], c.interaction[v]);
            }
        }
        close_explained(&e);
        alm_forest_destroy(c.forest);
        alm_arena_destroy(arena);
    }
}

/* Paths of more than 64 features, and any size of call. */
static void large_forests_sum_and_rows_stand_alone(void **state)
{
    enum { MANY = 60, FEATURES = 90 };
    static const forest_shape shape = {.trees = 2, .outputs = 1, .features = FEATURES,
                                       .leaves = 200, .grid = 8, .chain = true};
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    size_t width = (FEATURES + 1) * (FEATURES + 1);
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &shape, 2), "x", &forest, NULL),
                     ALM_OK);
    explained e = open_explained(forest);
    double *rows = case_rows(arena, MANY, FEATURES, 8);
    double *matrix = ALM_NEW_ARRAY(arena, double, MANY * width);
    double *alone = ALM_NEW_ARRAY(arena, double, MANY * width);
    alm_forest_interactions(e.explainer, e.interaction, rows, MANY, FEATURES, matrix);
    check_matrices(&e, rows, MANY, matrix);
    for (size_t i = 0, count = 1; i < MANY; i += count, count = count * 3 % 20 + 1) {
        count = count < MANY - i ? count : MANY - i;
        alm_forest_interactions(e.explainer, e.interaction, rows + i * FEATURES, count, FEATURES,
                                alone + i * width);
    }
    assert_memory_equal(alone, matrix, MANY * width * sizeof(double));
    close_explained(&e);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void catboost_matrices_sum(void **state)
{
    static const char *const name[] = {"cb_symmetric.cbm", "cb_scaled.cbm", "cb_multiclass.cbm",
                                       "cb_one_hot.cbm", "cb_lossguide.cbm"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_forest *forest = NULL;
        alm_error error;
        if (explained_parse(case_fixture(arena, name[i]), name[i], &forest, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        explained e = open_explained(forest);
        size_t features = e.info.feature_count, columns = features + 1;
        double *rows = case_float_rows(arena, ROWS, features, 2);
        double *matrix = ALM_NEW_ARRAY(arena, double,
                                       ROWS * e.info.output_count * columns * columns);
        alm_forest_interactions(e.explainer, e.interaction, rows, ROWS, features, matrix);
        check_matrices(&e, rows, ROWS, matrix);
        close_explained(&e);
        alm_forest_destroy(forest);
        alm_arena_destroy(arena);
    }
}

static void too_many_pairs_are_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_forest_explainer *explainer = NULL;
    alm_forest_interaction_scratch *scratch = NULL;
    alm_error error = {0};
    forest_shape shape = {.trees = 1, .outputs = 1, .features = 9000, .leaves = 4, .grid = 4};
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &shape, 2), "x", &forest, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_explainer_create(forest, &explainer, &error), ALM_OK);
    assert_int_equal(alm_forest_interaction_scratch_create(explainer, &scratch, &error),
                     ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "9000 features"));
    assert_null(scratch);
    alm_forest_explainer_destroy(explainer);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_forests_agree_with_all_subsets),
        cmocka_unit_test(fixtures_agree_with_their_sources),
        cmocka_unit_test(large_forests_sum_and_rows_stand_alone),
        cmocka_unit_test(catboost_matrices_sum),
        cmocka_unit_test(too_many_pairs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
