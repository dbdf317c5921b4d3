/* forest_test.c: reading LightGBM texts: goldens, refusals with their messages, damaged texts.
 * Sources and licences of the golden files: tests/golden/forest/README.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/forest/forest_cases.h"
#include "num/elementary.h"

typedef struct golden {
    alm_arena *arena;
    alm_forest *forest;
    alm_forest_info info;
    double *rows, *expected, *score;
    size_t row_values, expected_count;
} golden;

static golden open_golden(const char *model, const char *rows, const char *expected)
{
    golden g = {.arena = alm_arena_create(0)};
    alm_error error;
    alm_str text = case_fixture(g.arena, model);
    if (alm_forest_parse_lightgbm(text, model, &g.forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    g.info = alm_forest_describe(g.forest);
    g.rows = ALM_NEW_ARRAY(g.arena, double, 20000);
    g.expected = ALM_NEW_ARRAY(g.arena, double, 20000);
    g.score = ALM_NEW_ARRAY(g.arena, double, 20000);
    g.row_values = case_numbers(case_fixture(g.arena, rows), g.rows, 20000);
    g.expected_count = case_numbers(case_fixture(g.arena, expected), g.expected, 20000);
    return g;
}

static void close_golden(golden *g)
{
    alm_forest_destroy(g->forest);
    alm_arena_destroy(g->arena);
}

/* "label index:value ..." to dense rows, as text for the row before it is parsed. */
static size_t libsvm_rows(alm_str text, size_t width, bool label, double absent, double *rows)
{
    size_t n = 0;
    while (text.data != NULL) {
        alm_str line = alm_str_trim(alm_str_split(&text, '\n'));
        if (line.size == 0) {
            continue;
        }
        for (size_t i = 0; i < width; i++) {
            rows[n * width + i] = absent;
        }
        if (label) {
            (void)alm_str_split(&line, ' ');
        }
        while (line.data != NULL) {
            int64_t index = 0;
            alm_str pair = alm_str_split(&line, ' ');
            alm_str key = alm_str_split(&pair, ':');
            assert_true(alm_str_to_i64(key, &index) && (size_t)index < width);
            assert_true(alm_str_to_double(pair, &rows[n * width + (size_t)index]));
        }
        n++;
    }
    return n;
}

static void golden_leaves(void **state)
{
    (void)state;
    golden g = open_golden("lg_breast_cancer.txt", "lg_breast_cancer_data.txt",
                           "lg_breast_cancer_data_pred_leaves.txt");
    assert_int_equal(g.info.feature_count, 30);
    assert_int_equal(g.info.tree_count, 39);
    assert_int_equal(g.info.output_count, 1);
    assert_true(g.info.has_cover && !g.info.averaged);
    assert_true(alm_str_is(g.info.objective, "binary sigmoid:1"));
    assert_int_equal(g.row_values, 57 * 30);
    assert_int_equal(g.expected_count, 57 * 39);
    for (size_t i = 0; i < 57; i++) {
        for (size_t t = 0; t < 39; t++) {
            size_t leaf = alm_forest_leaf(g.forest, t, g.rows + i * 30);
            assert_int_equal(leaf, (size_t)g.expected[i * 39 + t]);
        }
    }
    close_golden(&g);
}

static void golden_multiclass_raw(void **state)
{
    (void)state;
    golden g = open_golden("lgmulticlass.model", "multiclass_test.tsv",
                           "lgmulticlass_true_raw_predictions.txt");
    assert_int_equal(g.info.output_count, 5);
    assert_int_equal(g.info.iteration_count, 10);
    assert_int_equal(g.row_values, 60 * 29); /* the first column is the label */
    assert_int_equal(g.expected_count, 60 * 5);
    alm_forest_score(g.forest, g.rows + 1, 60, 29, g.score);
    for (size_t i = 0; i < 300; i++) {
        assert_true(g.score[i] == g.expected[i]); /* written with 17 digits: exact */
    }
    close_golden(&g);
}

/* The files hold probabilities and means, so the link is applied here; 1e-15: two roundings. */
static void golden_dart_and_random_forest(void **state)
{
    (void)state;
    golden g = open_golden("lg_dart_breast_cancer.model", "breast_cancer_test.tsv",
                           "lg_dart_breast_cancer_true_predictions.txt");
    assert_int_equal(g.expected_count, 57);
    alm_forest_score(g.forest, g.rows, 57, 30, g.score);
    for (size_t i = 0; i < 57; i++) {
        assert_true(fabs(1 / (1 + alm_exp(-g.score[i])) - g.expected[i]) < 1e-15);
    }
    close_golden(&g);

    g = open_golden("lg_rf_iris.model", "iris_test.libsvm", "lg_rf_iris_true_predictions.txt");
    assert_true(g.info.averaged);
    assert_int_equal(g.expected_count, 30);
    alm_str iris = case_fixture(g.arena, "iris_test.libsvm");
    assert_int_equal(libsvm_rows(iris, 4, true, 0, g.rows), 30);
    alm_forest_score(g.forest, g.rows, 30, 4, g.score);
    for (size_t i = 0; i < 30; i++) {
        double mean = g.score[i] / (double)g.info.iteration_count;
        assert_true(fabs(mean - g.expected[i]) < 1e-15);
    }
    close_golden(&g);
}

static void golden_categories(void **state)
{
    (void)state;
    golden g = open_golden("toy_categorical_model.txt", "toy_categorical.test",
                           "toy_categorical.test.pred");
    alm_str text = case_fixture(g.arena, "toy_categorical.test");
    size_t n = libsvm_rows(text, 2, true, NAN, g.rows);
    assert_int_equal(n, g.expected_count);
    alm_forest_score(g.forest, g.rows, n, 2, g.score);
    for (size_t i = 0; i < n; i++) {
        assert_true(g.score[i] == g.expected[i]);
    }
    close_golden(&g);
}

/* ---- refusals ---- */

static const char SMALL[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
    "objective=regression\nfeature_names=a b\ntree_sizes=9\n\n"
    "Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=0.5 0\ndecision_type=2 1\n"
    "left_child=1 -1\nright_child=-2 -3\nleaf_value=1 2 4\nleaf_count=5 10 5\n"
    "internal_count=20 10\ncat_boundaries=0 1\ncat_threshold=6\nis_linear=0\n\n"
    "end of trees\n";

/* SMALL with `from` replaced by `to`. */
static alm_err parse_edited(const char *from, const char *to, alm_error *error)
{
    alm_buffer text = {0};
    alm_forest *forest = NULL;
    const char *at = strstr(SMALL, from);
    assert_non_null(at);
    alm_buffer_append(&text, SMALL, (size_t)(at - SMALL));
    alm_buffer_text(&text, to);
    alm_buffer_text(&text, at + strlen(from));
    alm_err code = alm_forest_parse_lightgbm(alm_buffer_view(&text), "m.txt", &forest, error);
    assert_true((code == ALM_OK) == (forest != NULL));
    alm_forest_destroy(forest);
    alm_buffer_deinit(&text);
    return code;
}

static void damaged_texts_are_named(void **state)
{
    static const struct {
        const char *from, *to, *message;
        alm_err code;
    } table[] = {
        {"tree\n", "wood\n", "m.txt:1: the first line is not 'tree'", ALM_ERR_CORRUPT},
        {"version=v4", "version=v9", "version 'v9'; v2, v3 and v4 are read", ALM_ERR_UNSUPPORTED},
        {"num_class=1", "num_class=x", "m.txt:3: the header has an invalid", ALM_ERR_CORRUPT},
        {"iteration=1", "iteration=0", "num_tree_per_iteration is missing or", ALM_ERR_CORRUPT},
        {"iteration=1", "iteration=2", "number of trees does not fit the header", ALM_ERR_CORRUPT},
        {"feature_idx=1", "feature_idx=7", "does not fit the number of feature", ALM_ERR_CORRUPT},
        {"tree_sizes=9", "tree_sizes=9 9", "number of trees does not fit", ALM_ERR_CORRUPT},
        {"Tree=0", "Bush=0", "there is no tree", ALM_ERR_CORRUPT},
        {"leaves=3", "leaves=4", "leaf_value of tree 0 has 3 values, 4 are", ALM_ERR_CORRUPT},
        {"leaves=3", "leaves=-3", "tree 0 needs a valid num_leaves", ALM_ERR_CORRUPT},
        {"leaves=3", "leaves=0", "a tree without leaves", ALM_ERR_CORRUPT},
        {"leaves=3", "leaves=2147483647", "3 values, 2147483647 are needed", ALM_ERR_CORRUPT},
        {"feature=0 1", "feature=0 2", "node 1: feature 2 of 2", ALM_ERR_CORRUPT},
        {"feature=0 1", "feature=0 -1", "'-1' is not a valid number", ALM_ERR_CORRUPT},
        {"threshold=0.5 0", "threshold=nan 0", "threshold is nan", ALM_ERR_CORRUPT},
        {"threshold=0.5 0", "threshold=0.5x 0", "m.txt:14: threshold of tree 0: '0.5x' is not",
         ALM_ERR_CORRUPT},
        {"threshold=0.5 0", "threshold=0.5 1", "category set 1 of 1", ALM_ERR_CORRUPT},
        {"threshold=0.5 0\n", "", "tree 0 has no threshold", ALM_ERR_CORRUPT},
        {"type=2 1", "type=2 16", "decision_type 16 is unknown", ALM_ERR_CORRUPT},
        {"type=2 1", "type=12 1", "decision_type 12 is unknown", ALM_ERR_CORRUPT},
        {"left_child=1 -1", "left_child=0 -1", "child 0 is reached twice", ALM_ERR_CORRUPT},
        {"left_child=1 -1", "left_child=2 -1", "child 2 of a tree with 3", ALM_ERR_CORRUPT},
        {"left_child=1 -1", "left_child=1 -4", "child -4 of a tree with 3", ALM_ERR_CORRUPT},
        {"left_child=1 -1", "left_child=-1 1", "1 of 2 inner nodes are reached", ALM_ERR_CORRUPT},
        {"left_child=1 -1", "left_child=1 -2147483648", "child -2147483648 of", ALM_ERR_CORRUPT},
        {"count=20 10", "count=20 0", "a row count is impossible", ALM_ERR_CORRUPT},
        {"leaf_count=5", "leaf_count=-5", "a row count is impossible", ALM_ERR_CORRUPT},
        {"boundaries=0 1", "boundaries=1 1", "do not ascend from 0", ALM_ERR_CORRUPT},
        {"boundaries=0 1", "boundaries=0 9", "cat_threshold of tree 0 has 1 val", ALM_ERR_CORRUPT},
        {"is_linear=0", "is_linear=2", "m.txt:23: is_linear is neither 0 nor", ALM_ERR_CORRUPT},
        {"is_linear=0", "is_linear=1", "tree 0 has no leaf_const", ALM_ERR_CORRUPT},
        {"is_linear=0", "num_leaves=3", "m.txt:23: a key of a tree is there twice",
         ALM_ERR_CORRUPT},
        {"is_linear=0", "is_linear", "a line without '='", ALM_ERR_CORRUPT},
        {"\nend of trees\n", "", "the text ends", ALM_ERR_CORRUPT},
        {"end of trees", "end", "expected the next tree or", ALM_ERR_CORRUPT},
    };
    (void)state;
    alm_error error;
    assert_int_equal(parse_edited("tree\n", "tree\n", &error), ALM_OK);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        alm_err code = parse_edited(table[i].from, table[i].to, &error);
        if (code != table[i].code || strstr(error.message, table[i].message) == NULL) {
            fail_msg("case %zu: %s: %s, expected %s", i, alm_err_name(code), error.message,
                     table[i].message);
        }
    }
    alm_forest *forest = NULL;
    assert_int_equal(alm_forest_parse_lightgbm(ALM_STR(""), "m.txt", &forest, &error),
                     ALM_ERR_CORRUPT);
    assert_int_equal(alm_forest_parse_lightgbm(ALM_STR("tree"), "m.txt", &forest, NULL),
                     ALM_ERR_CORRUPT);
}

/* SMALL's tree with linear leaves; `from` replaced by `to` in what that adds. */
static alm_err parse_linear(const char *from, const char *to, alm_error *error)
{
    static const char linear[] = "is_linear=1\nleaf_const=1 2 3\nnum_features=2 0 1\n"
                                 "leaf_features=0 1   0  \nleaf_coeff=0.5 -1.5   2  \n";
    alm_buffer text = {0};
    const char *at = strstr(linear, from);
    assert_non_null(at);
    alm_buffer_append(&text, linear, (size_t)(at - linear));
    alm_buffer_text(&text, to);
    alm_buffer_text(&text, at + strlen(from));
    alm_buffer_append(&text, "", 1);
    alm_err code = parse_edited("is_linear=0\n", text.data, error);
    alm_buffer_deinit(&text);
    return code;
}

static void damaged_linear_trees_are_named(void **state)
{
    static const struct {
        const char *from, *to, *message;
    } table[] = {
        {"leaf_const=1 2 3\n", "", "tree 0 has no leaf_const"},
        {"leaf_const=1 2 3", "leaf_const=1 2", "m.txt:24: leaf_const of tree 0 has 2 values, 3"},
        {"leaf_const=1 2 3", "leaf_const=1 2 x", "leaf_const of tree 0: 'x' is not a valid"},
        {"num_features=2 0 1\n", "", "tree 0 has no num_features"},
        {"num_features=2 0 1", "num_features=2 0", "m.txt:25: num_features of tree 0 has 2"},
        {"num_features=2 0 1", "num_features=2 0 -1", "'-1' is not a valid number"},
        {"num_features=2 0 1", "num_features=2 0 2", "leaf_features of tree 0 has 3 values, 4"},
        {"num_features=2 0 1", "num_features=2147483647 0 1", "m.txt:25: num_features has an imp"},
        {"num_features=2 0 1", "num_features=2147483646 0 1", "has 3 values, 2147483647 are"},
        {"leaf_features=0 1   0  \n", "", "tree 0 has no leaf_features"},
        {"leaf_features=0 1", "leaf_features=0 2", "leaf_features of tree 0: '2' is not a valid"},
        {"leaf_features=0 1", "leaf_features=0 -1", "leaf_features of tree 0: '-1' is not a"},
        {"leaf_coeff=0.5 -1.5   2  \n", "", "tree 0 has no leaf_coeff"},
        {"leaf_coeff=0.5", "leaf_coeff=0.5 1", "m.txt:27: leaf_coeff of tree 0 has 4 values, 3"},
        {"leaf_coeff=0.5", "leaf_coeff=0.5.5", "leaf_coeff of tree 0: '0.5.5' is not a valid"},
        {"leaf_coeff=0.5", "leaf_coeff=1\nleaf_coeff=1", "a key of a tree is there twice"},
    };
    (void)state;
    alm_error error;
    assert_int_equal(parse_linear("leaf", "leaf", &error), ALM_OK);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        alm_err code = parse_linear(table[i].from, table[i].to, &error);
        if (code != ALM_ERR_CORRUPT || strstr(error.message, table[i].message) == NULL) {
            fail_msg("case %zu: %s: %s, expected %s", i, alm_err_name(code), error.message,
                     table[i].message);
        }
    }
}

/* A leaf by hand: in the order of its terms, zeros below LightGBM's are zero, NaN falls back. */
static void linear_leaves_are_evaluated_as_written(void **state)
{
    (void)state;
    alm_str text = ALM_STR(
        "tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nfeature_names=a b\n\n"
        "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=7\nis_linear=1\nleaf_const=0.1\n"
        "num_features=3\nleaf_features=1 0 1\nleaf_coeff=0.3 1e300 -2\n\nend of trees\n");
    alm_forest *forest = NULL;
    alm_error error;
    const double rows[] = {1, 3, 1e-36, 3, NAN, 3, 0, NAN};
    double out[4];
    if (alm_forest_parse_lightgbm(text, "x", &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_score(forest, rows, 4, 2, out);
    assert_true(out[0] == ((0.1 + 0.3 * 3) + 1e300) + -2.0 * 3);
    assert_true(out[1] == (0.1 + 0.3 * 3) + -2.0 * 3);
    assert_true(out[2] == 7 && out[3] == 7);
    alm_forest_destroy(forest);
}

/* Windows line ends and one-leaf trees are legal. */
static void line_ends_and_constant_trees(void **state)
{
    (void)state;
    alm_str text = ALM_STR(
        "tree\r\nversion=v3\r\nnum_class=1\r\nmax_feature_idx=0\r\nfeature_names=x\r\n\r\n"
        "Tree=0\r\nnum_leaves=1\r\nnum_cat=0\r\nsplit_feature=\r\nthreshold=\r\n"
        "decision_type=\r\nleft_child=\r\nright_child=\r\nleaf_value=0.1\r\n\r\n"
        "Tree=1\r\nnum_leaves=1\r\nnum_cat=0\r\nleaf_value=0.2\r\n\r\nend of trees\r\n");
    alm_forest *forest = NULL;
    alm_error error;
    double rows[70] = {0}, out[70];
    assert_int_equal(alm_forest_parse_lightgbm(text, "x", &forest, &error), ALM_OK);
    alm_forest_score(forest, rows, 70, 1, out);
    for (size_t i = 0; i < 70; i++) {
        assert_true(out[i] == 0.1 + 0.2);
    }
    alm_forest_destroy(forest);
}

/* ---- damaged bytes ---- */

static void thousands_of_damaged_texts_do_no_harm(void **state)
{
    static const char *const name[] = {"model_simple.txt", "mixed_categorical.txt",
                                       "tiniest_single_tree.txt", "lgb_linear_category.txt"};
    static const char bytes[] = "0123456789-=. \n\r\tenaif+Tt\0\xFF";
    const alm_str alphabet = {bytes, sizeof bytes - 1};
    (void)state;
    alm_buffer text = {0};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_rng rng = alm_rng_stream(2024, i);
        alm_str original = case_fixture(arena, name[i]);
        /* What follows the trees is not read; damage there would test nothing. */
        char *end = strstr(original.data, "end of trees");
        original.size = (size_t)(end - original.data) + strlen("end of trees\n");
        size_t accepted = 0;
        for (int round = 0; round < 4000; round++) {
            accepted += case_parse_damaged(alm_forest_parse_lightgbm, &rng, original, alphabet,
                                           &text);
        }
        assert_true(accepted > 100 && accepted < 3900); /* both outcomes are exercised */
        alm_arena_destroy(arena);
    }
    alm_buffer_deinit(&text);
}

/* Each allocation that may fail fails once; nothing leaks and the output stays untouched. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    alm_str text = {SMALL, sizeof SMALL - 1};
    size_t held = alm_heap_held_bytes();
    bool succeeded = false;
    for (uint64_t nth = 1; !succeeded; nth++) {
        alm_forest *forest = NULL;
        alm_model *model = NULL;
        alm_error error;
        alm_heap_fail_at(nth);
        alm_err code = alm_forest_parse_lightgbm(text, "m", &forest, &error);
        if (code == ALM_OK) {
            code = alm_forest_model_create(forest, &model, &error);
        }
        alm_heap_fail_at(0);
        succeeded = code == ALM_OK;
        assert_true(succeeded || code == ALM_ERR_MEMORY);
        if (model == NULL) {
            alm_forest_destroy(forest);
        }
        alm_model_destroy(model);
        assert_int_equal(alm_heap_held_bytes(), held);
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_leaves),
        cmocka_unit_test(golden_multiclass_raw),
        cmocka_unit_test(golden_dart_and_random_forest),
        cmocka_unit_test(golden_categories),
        cmocka_unit_test(damaged_texts_are_named),
        cmocka_unit_test(damaged_linear_trees_are_named),
        cmocka_unit_test(linear_leaves_are_evaluated_as_written),
        cmocka_unit_test(line_ends_and_constant_trees),
        cmocka_unit_test(thousands_of_damaged_texts_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
