/* xgboost_import_test.c: models of other projects, refusals with their messages, damaged bytes.
 * Sources and licences of the golden files: tests/golden/forest/README.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"
#include "num/elementary.h"

static alm_forest *parse(alm_str bytes, const char *name)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (alm_forest_parse_xgboost(bytes, name, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

/* ---- models of other projects ---- */

/* "label index:value ..." to dense rows; what is absent is missing. */
static size_t libsvm_rows(alm_str text, size_t width, double *rows)
{
    size_t n = 0;
    while (text.data != NULL) {
        alm_str line = alm_str_trim(alm_str_split(&text, '\n'));
        if (line.size == 0) {
            continue;
        }
        for (size_t i = 0; i < width; i++) {
            rows[n * width + i] = NAN;
        }
        (void)alm_str_split(&line, ' ');
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

typedef struct golden {
    const char *model, *rows, *expected;
    size_t features, trees, count;
    bool probabilities;
    alm_str objective;
} golden;

static void check_golden(golden g)
{
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = parse(case_fixture(arena, g.model), g.model);
    alm_forest_info info = alm_forest_describe(forest);
    double *rows = ALM_NEW_ARRAY(arena, double, g.count * g.features);
    double *expected = ALM_NEW_ARRAY(arena, double, g.count);
    double *score = ALM_NEW_ARRAY(arena, double, g.count);
    assert_int_equal(info.source, ALM_FOREST_XGBOOST);
    assert_int_equal(info.feature_count, g.features);
    assert_int_equal(info.tree_count, g.trees);
    assert_int_equal(info.iteration_count, g.trees);
    assert_true(alm_str_equal(info.objective, g.objective) && info.has_cover);
    assert_int_equal(libsvm_rows(case_fixture(arena, g.rows), g.features, rows), g.count);
    assert_int_equal(case_numbers(case_fixture(arena, g.expected), expected, g.count), g.count);
    alm_forest_score(forest, rows, g.count, g.features, score);
    for (size_t i = 0; i < g.count; i++) {
        if (g.probabilities) {
            /* One float beside: the link is in float with another library's expf. */
            double p = 1 / (1 + alm_exp(-score[i]));
            assert_true(fabs(p - expected[i]) <= 0x1p-23 * p);
        } else if ((float)score[i] != (float)expected[i]) {
            fail_msg("%s: row %zu: %.9g instead of %.9g", g.model, i, score[i], expected[i]);
        }
    }
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void golden_models_of_other_projects(void **state)
{
    (void)state;
    check_golden((golden){"xgb_toy_categorical_model.json", "xgb_toy_categorical.test",
                          "xgb_toy_categorical.test.pred", 2, 5, 20, false,
                          ALM_STR("reg:squarederror")});
    check_golden((golden){"mushroom.model", "agaricus.test", "agaricus.test.margin", 127, 2, 200,
                          false, ALM_STR("binary:logistic")});
    check_golden((golden){"xgagaricus.model", "agaricus_test.libsvm",
                          "xgagaricus_true_predictions.txt", 127, 3, 200, true,
                          ALM_STR("binary:logistic")});
}

/* ---- spellings ---- */

static const char SMALL[] =
    "{\"learner\":{\"feature_names\":[\"price\",\"\\u00e9t\\u00e9\"],"
    "\"learner_model_param\":{\"base_score\":\"[5E-1]\",\"num_class\":\"0\","
    "\"num_feature\":\"2\",\"num_target\":\"1\"},\"objective\":{\"name\":\"reg:squarederror\"},"
    "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"cats\":{\"enc\":[]},"
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\",\"num_trees\":\"1\"},"
    "\"iteration_indptr\":[0,1],\"tree_info\":[0],\"trees\":[{"
    "\"left_children\":[1,3,-1,-1,-1,-1],\"right_children\":[2,4,-1,-1,-1,-1],"
    "\"split_indices\":[0,1,0,0,0,0],\"split_conditions\":[0.5,NaN,4E0,1E0,2E0,9],"
    "\"default_left\":[true,0,0,0,0,0],\"split_type\":[0,1,0,0,0,0],"
    "\"sum_hessian\":[1E1,6E0,4E0,3E0,3E0,1],\"categories\":[7,1,2],"
    "\"categories_nodes\":[1],\"categories_segments\":[1],\"categories_sizes\":[2],"
    "\"tree_param\":{\"num_nodes\":\"6\",\"size_leaf_vector\":\"1\"}}]}}},\"version\":[3,2,0]}";

/* SMALL with the first `from` replaced by `to`. */
static alm_err parse_edited(const char *from, const char *to, alm_forest **forest,
                            alm_error *error)
{
    alm_buffer text = {0};
    const char *at = strstr(SMALL, from);
    assert_non_null(at);
    alm_buffer_append(&text, SMALL, (size_t)(at - SMALL));
    alm_buffer_text(&text, to);
    alm_buffer_text(&text, at + strlen(from));
    *forest = NULL;
    alm_err code = alm_forest_parse_xgboost(alm_buffer_view(&text), "m.json", forest, error);
    assert_true((code == ALM_OK) == (*forest != NULL));
    alm_buffer_deinit(&text);
    return code;
}

static alm_forest *edited(const char *from, const char *to)
{
    alm_forest *forest = NULL;
    alm_error error;
    if (parse_edited(from, to, &forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return forest;
}

static double score_of(alm_forest *forest, double first, double second)
{
    double row[2] = {first, second}, score = 0;
    alm_forest_score(forest, row, 1, 2, &score);
    alm_forest_destroy(forest);
    return score;
}

static void small_model_follows_the_rules(void **state)
{
    (void)state;
    alm_forest *forest = parse((alm_str){SMALL, sizeof SMALL - 1}, "m.json");
    alm_forest_info info = alm_forest_describe(forest);
    static const struct {
        double x, category, score;
        size_t leaf;
    } table[] = {
        {0.5, 0, 4.5, 2},           /* x < 0.5 goes left, so 0.5 itself goes right */
        {0.49999999999, 1, 4.5, 2}, /* is 0.5 as a float */
        {0.4, 1, 2.5, 4},           /* in the set: right */
        {0.4, 7, 1.5, 3},           /* before the segment of the set */
        {0.4, 2.9, 2.5, 4},         /* cut off to 2 */
        {0.4, -0.5, 1.5, 3},        /* impossible: left */
        {0.4, 1e9, 1.5, 3},
        {NAN, NAN, 2.5, 4}, /* the default sides: left, then right */
    };
    assert_int_equal(info.feature_count, 2);
    assert_true(alm_str_is(info.feature_name[0], "price"));
    assert_true(alm_str_is(info.feature_name[1], "\xC3\xA9t\xC3\xA9"));
    assert_int_equal(info.leaf_count_max, 3); /* node 5 was pruned away */
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double row[2] = {table[i].x, table[i].category}, score = 0;
        alm_forest_score(forest, row, 1, 2, &score);
        assert_true(score == table[i].score);
        assert_int_equal(alm_forest_leaf(forest, 0, row), table[i].leaf);
    }
    alm_forest_destroy(forest);
}

static void all_spellings_are_read(void **state)
{
    (void)state;
    assert_true(score_of(edited("[5E-1]", "5E-1"), 9, 9) == 4.5);
    /* DART of up to 3.2, of 3.3 and of 3.4 */
    assert_true(score_of(edited("\"gbtree\",\"model\":{\"cats\"",
                                "\"dart\",\"weight_drop\":[5E-1],\"model\":{\"cats\""),
                         9, 9) == 2.5);
    assert_true(score_of(edited("{\"cats\"", "{\"weight_drop\":[5E-1],\"cats\""), 9, 9) == 2.5);
    assert_true(score_of(edited("\"gbtree\",", "\"gbtree\",\"weight_drop\":[0.5],"), 9, 9) == 2.5);
    assert_true(score_of(edited("\"base_score\"", " \n \"base_score\" "), 9, 9) == 4.5);
    alm_forest *forest = edited("\"enc\":[]", "\"enc\":[{\"offsets\":[0],\"values\":[]}]");
    assert_true(alm_forest_describe(forest).has_category_names);
    alm_forest_destroy(forest);
    forest = edited("\"sum_hessian\":[1E1,6E0", "\"sum_hessian\":[1E1,0E0");
    assert_false(alm_forest_describe(forest).has_cover);
    alm_forest_destroy(forest);
    forest = edited("\"iteration_indptr\":[0,1],", "");
    assert_int_equal(alm_forest_describe(forest).iteration_count, 1);
    alm_forest_destroy(forest);
}

/* Leaves with several values as 3.1 and before wrote them: a row of base_weights for every node. */
static void old_wide_leaves_are_read(void **state)
{
    (void)state;
    alm_str text = ALM_STR(
        "{\"learner\":{\"learner_model_param\":{\"base_score\":\"[1E0,2E0]\",\"num_target\":\"2\","
        "\"num_feature\":\"1\"},\"objective\":{\"name\":\"reg:squarederror\"},"
        "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":"
        "{\"num_trees\":\"1\"},\"tree_info\":[0],\"trees\":[{\"left_children\":[1,-1,-1],"
        "\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],\"split_conditions\":[3,0,0],"
        "\"base_weights\":[0,0,10,20,30,40],\"default_left\":[0,0,0],"
        "\"tree_param\":{\"num_nodes\":\"3\",\"size_leaf_vector\":\"2\"}}]}}}}");
    alm_forest *forest = parse(text, "m.json");
    double rows[70], score[140];
    for (size_t i = 0; i < 70; i++) {
        rows[i] = i % 2 == 0 ? 2 : 3;
    }
    alm_forest_score(forest, rows, 70, 1, score);
    for (size_t i = 0; i < 70; i++) {
        assert_true(score[2 * i] == (i % 2 == 0 ? 11 : 31));
        assert_true(score[2 * i + 1] == (i % 2 == 0 ? 22 : 42));
    }
    assert_int_equal(alm_forest_describe(forest).iteration_count, 1);
    alm_forest_explainer *explainer = NULL;
    alm_error error;
    assert_int_equal(alm_forest_explainer_create(forest, &explainer, &error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "of leaves with several values from 3.2 on"));
    alm_forest_destroy(forest);
}

/* ---- refusals ---- */

static const struct {
    const char *from, *to, *message;
    alm_err code;
} DAMAGE[] = {
    {"\"learner\":", "\"loner\":", "m.json: byte 0: the key 'learner' is missing",
     ALM_ERR_CORRUPT},
    {"\"gbtree\"", "\"gblinear\"", "m.json: gblinear has no weights", ALM_ERR_CORRUPT},
    {"\"gbtree\"", "\"gbcube\"", "booster 'gbcube' is not known; gbtree, dart and gblinear",
     ALM_ERR_UNSUPPORTED},
    {"reg:squarederror", "reg:mine", "the objective 'reg:mine' is not known",
     ALM_ERR_UNSUPPORTED},
    {"[5E-1]", "[5E-1,1E0]", "base_score has 2 values for 1 outputs", ALM_ERR_CORRUPT},
    {"[5E-1]", "five", "base_score is not a number or a list", ALM_ERR_CORRUPT},
    {"[5E-1]", "[NaN]", "is impossible for the objective", ALM_ERR_CORRUPT},
    {"\"num_feature\":\"2\"", "\"num_feature\":\"x\"", "'num_feature' is not a whole number",
     ALM_ERR_CORRUPT},
    {"\"num_feature\":\"2\"", "\"num_feature\":\"99999999\"", "at most 16777216 and 65536",
     ALM_ERR_LIMIT},
    {"\"num_feature\":\"2\"", "\"num_feature\":\"3\"", "feature_names does not name",
     ALM_ERR_CORRUPT},
    {"\"num_trees\":\"1\"", "\"num_trees\":\"2\"", "trees does not hold num_trees trees",
     ALM_ERR_CORRUPT},
    {"\"tree_info\":[0]", "\"tree_info\":[1]", "tree 0: tree_info 1 and 1 values a leaf",
     ALM_ERR_CORRUPT},
    {"\"tree_info\":[0]", "\"tree_info\":[]", "model: tree_info has 0 values, 1 are needed",
     ALM_ERR_CORRUPT},
    {"\"split_indices\":[0,1", "\"split_indices\":[0,2", "node 1: feature 2 of 2",
     ALM_ERR_CORRUPT},
    {"\"split_indices\":[0,1", "\"split_indices\":[0,-1", "tree 0: split_indices[1] is not a",
     ALM_ERR_CORRUPT},
    {"[0.5,NaN", "[NaN,NaN", "tree 0 node 0: the threshold is NaN", ALM_ERR_CORRUPT},
    {"4E0,1E0", "4E0,NaN", "tree 0 node 3: a leaf value is not finite", ALM_ERR_CORRUPT},
    {"[0.5,NaN", "[0.5x,NaN", "tree 0: split_conditions[0] is not a valid", ALM_ERR_CORRUPT},
    {"[1,3,", "[1,0,", "tree 0 node 1: a child is reached twice", ALM_ERR_CORRUPT},
    {"[1,3,", "[1,6,", "tree 0 node 1: a child is outside of the tree", ALM_ERR_CORRUPT},
    {"[1,3,", "[1,-2,", "tree 0 node 1: a child is outside of the tree", ALM_ERR_CORRUPT},
    {"\"num_nodes\":\"6\"", "\"num_nodes\":\"5\"", "left_children has 6 values, 5 are",
     ALM_ERR_CORRUPT},
    {"\"num_nodes\":\"6\"", "\"num_nodes\":\"0\"", "num_nodes or size_leaf_vector is",
     ALM_ERR_CORRUPT},
    {"\"categories_sizes\":[2]", "\"categories_sizes\":[3]", "category set 0 names a node or",
     ALM_ERR_CORRUPT},
    {"\"categories_nodes\":[1]", "\"categories_nodes\":[6]", "category set 0 names a node or",
     ALM_ERR_CORRUPT},
    {"\"categories_nodes\":[1]", "\"categories_nodes\":[2]",
     "tree 0 node 1: a categorical split without categories", ALM_ERR_CORRUPT},
    {"[7,1,2]", "[7,1,16777216]", "tree 0: categories[2] is not a valid value",
     ALM_ERR_CORRUPT},
    {"\"default_left\":[true", "\"default_left\":[2", "default_left[0] is not a valid",
     ALM_ERR_CORRUPT},
    {"\"split_indices\"", "\"left_children\"", "the key 'left_children' is there twice",
     ALM_ERR_CORRUPT},
    {"\"version\"", "\"version", "the file ends inside a text", ALM_ERR_CORRUPT},
    {"[3,2,0]}", "[3,2,0]}}", "something follows the model", ALM_ERR_CORRUPT},
    {"[3,2,0]}", "[3,2,0", "expected ',' or ']'", ALM_ERR_CORRUPT},
    {"\\u00e9", "\\x00e9", "an escape in the text before is not valid", ALM_ERR_CORRUPT},
    {"{\"learner\"", "bs64\t{", "this is an old model in base64", ALM_ERR_UNSUPPORTED},
    {"{\"learner\"", "booster[0]", "this is a dump for people", ALM_ERR_UNSUPPORTED},
    {"{\"learner\"", "tree\nversion=v4\n", "a name is too long", ALM_ERR_CORRUPT},
};

static void damaged_documents_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof DAMAGE / sizeof *DAMAGE; i++) {
        alm_forest *forest = NULL;
        alm_error error;
        alm_err code = parse_edited(DAMAGE[i].from, DAMAGE[i].to, &forest, &error);
        bool named = strstr(error.message, DAMAGE[i].message) != NULL;
        if (code != DAMAGE[i].code || !named) {
            fail_msg("case %zu: %s: %s, expected %s", i, alm_err_name(code), error.message,
                     DAMAGE[i].message);
        }
    }
    alm_forest *forest = NULL;
    alm_error error;
    assert_int_equal(alm_forest_parse_xgboost(ALM_STR(""), "m", &forest, &error), ALM_ERR_CORRUPT);
    assert_string_equal(error.message, "m: byte 0: the file ends in the parameters; this is not a "
                                       "whole XGBoost model");
}

/* A small file must not make a large forest. */
static void small_files_ask_for_little(void **state)
{
    (void)state;
    alm_forest *forest = NULL;
    alm_error error;
    alm_str typed = {"{L\0\0\0\0\0\0\0\1x[$d#L\x40\0\0\0\0\0\0\0", 24};
    assert_int_equal(alm_forest_parse_xgboost(typed, "m", &forest, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "an array is longer than the file"));
    alm_str empty = {"{L\0\0\0\0\0\0\0\1x[$Z#L\x40\0\0\0\0\0\0\0", 24};
    assert_int_equal(alm_forest_parse_xgboost(empty, "m", &forest, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "an array of this type is not known"));
    alm_buffer deep = {0};
    for (int i = 0; i < 100000; i++) {
        alm_buffer_text(&deep, "{\"a\":[");
    }
    assert_int_equal(alm_forest_parse_xgboost(alm_buffer_view(&deep), "m", &forest, &error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "values are nested too deep"));
    alm_buffer_deinit(&deep);
}

/* ---- damaged bytes ---- */

static void thousands_of_damaged_files_do_no_harm(void **state)
{
    static const char *const name[] = {"xgb_toy_categorical_model.json", "xgb_wide_leaves.ubj",
                                       "xgb_category.ubj", "xgagaricus.model"};
    (void)state;
    case_damage_files(alm_forest_parse_xgboost, name, sizeof name / sizeof *name, 2025);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str wide = case_fixture(arena, "xgb_leaf_only.json");
    alm_str binary = case_fixture(arena, "xgagaricus.model");
    case_fail_every_allocation(alm_forest_parse_xgboost, (alm_str){SMALL, sizeof SMALL - 1});
    case_fail_every_allocation(alm_forest_parse_xgboost, wide);
    case_fail_every_allocation(alm_forest_parse_xgboost, binary);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_models_of_other_projects),
        cmocka_unit_test(small_model_follows_the_rules),
        cmocka_unit_test(all_spellings_are_read),
        cmocka_unit_test(old_wide_leaves_are_read),
        cmocka_unit_test(damaged_documents_are_named),
        cmocka_unit_test(small_files_ask_for_little),
        cmocka_unit_test(thousands_of_damaged_files_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
