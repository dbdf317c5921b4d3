/* forest_conformance_test.c: alm_forest beside the real LightGBM library.
 *
 * Models are trained here, then their text is made hostile (every missing type, thresholds at zero,
 * denormals and infinity, more than 254 thresholds a feature); LightGBM reads the same text, so it
 * remains the judge. Scores must have equal bits; contributions agree to 1e-10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/forest/forest.h"
#include "train/learner/lightgbm_cases.h"

#define ROWS 1000

static alm_str train_text(alm_arena *arena, alm_lightgbm_params params, size_t rows)
{
    lightgbm_case made = case_create(arena, rows, 7);
    alm_lightgbm_data data = case_data(&made);
    alm_lightgbm_result result;
    alm_error error;
    if (alm_lightgbm_train(&params, &data, arena, &result, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return result.text;
}

/* Rewrites one list line, item by item. */
typedef void (*rewrite_item)(alm_rng *rng, alm_str item, bool categorical, alm_buffer *out);

static void any_missing_type(alm_rng *rng, alm_str item, bool categorical, alm_buffer *out)
{
    static const int choice[] = {0, 2, 4, 6, 8, 10};
    if (categorical) {
        alm_buffer_str(out, item);
        return;
    }
    alm_buffer_printf(out, "%d", choice[alm_rng_next_below(rng, 6)]);
}

static void near_threshold(alm_rng *rng, alm_str item, bool categorical, alm_buffer *out)
{
    static const double odd[] = {0.0, -0.0, 1.0000000180025095e-35, -1.0000000180025095e-35,
        1e-36, -1e-36, 5e-324, -5e-324, 1e300, -1e300, 1.0000000180025097e-35};
    double t = 0;
    if (categorical || alm_rng_next_below(rng, 3) == 0) {
        alm_buffer_str(out, item);
        return;
    }
    assert_true(alm_str_to_double(item, &t));
    if (alm_rng_next_below(rng, 6) == 0) {
        t = odd[alm_rng_next_below(rng, sizeof odd / sizeof *odd)];
    } else {
        t += (alm_rng_next_uniform(rng) - 0.5) * 0.2;
    }
    alm_buffer_printf(out, "%.17g", t);
}

static void rewrite_list(alm_rng *rng, alm_str line, alm_str decision, rewrite_item rewrite,
                         alm_buffer *out)
{
    alm_buffer_str(out, alm_str_split(&line, '='));
    alm_buffer_text(out, "=");
    for (bool first = true; line.data != NULL; first = false) {
        int64_t kind = 0;
        alm_str item = alm_str_split(&line, ' ');
        alm_buffer_text(out, first ? "" : " ");
        if (item.size == 0) {
            continue;
        }
        assert_true(alm_str_to_i64(alm_str_split(&decision, ' '), &kind));
        rewrite(rng, item, (kind & 1) != 0, out);
    }
    alm_buffer_text(out, "\n");
}

static alm_str value_of_next(alm_str text, const char *key)
{
    while (text.data != NULL) {
        alm_str line = alm_str_split(&text, '\n');
        if (alm_str_starts_with(line, key)) {
            (void)alm_str_split(&line, '=');
            return line;
        }
    }
    return (alm_str){"", 0};
}

/* A copy of the text with other thresholds and missing types, without the sizes of the trees. */
static alm_str make_hostile(alm_arena *arena, alm_str text, uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 2);
    alm_buffer out = {0};
    alm_str decision = {"", 0};
    while (text.data != NULL) {
        alm_str line = alm_str_split(&text, '\n');
        if (alm_str_starts_with(line, "tree_sizes=")) {
            continue;
        }
        if (alm_str_starts_with(line, "num_leaves=")) {
            decision = value_of_next(text, "decision_type=");
        }
        if (alm_str_starts_with(line, "decision_type=")) {
            rewrite_list(&rng, line, decision, any_missing_type, &out);
        } else if (alm_str_starts_with(line, "threshold=")) {
            rewrite_list(&rng, line, decision, near_threshold, &out);
        } else if (text.data != NULL || line.size > 0) {
            alm_buffer_str(&out, line);
            alm_buffer_text(&out, "\n");
        }
    }
    alm_str copy = {alm_arena_copy_text(arena, out.data, out.size), out.size};
    alm_buffer_deinit(&out);
    return copy;
}

static void assert_bits(const double *ours, const double *theirs, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&ours[i], &theirs[i], sizeof(double)) != 0) {
            fail_msg("%s: score %zu: %.17g instead of %.17g", what, i, ours[i], theirs[i]);
        }
    }
}

/* Scores and leaves by three ways on hostile rows. */
static void compare_scores(alm_arena *arena, alm_str text, const char *name)
{
    alm_forest *forest = NULL;
    alm_lightgbm_booster *booster = NULL;
    alm_error error = {0};
    if (alm_forest_parse_lightgbm(text, name, &forest, &error) != ALM_OK ||
        alm_lightgbm_open(text, &booster, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_info info = alm_forest_describe(forest);
    size_t scores = ROWS * info.output_count;
    double *rows = ALM_NEW_ARRAY(arena, double, ROWS * info.feature_count);
    double *ours = ALM_NEW_ARRAY(arena, double, scores);
    double *theirs = ALM_NEW_ARRAY(arena, double, scores);
    alm_rng rng = alm_rng_stream(11, 1);
    hostile_rows(&rng, text, rows, ROWS * info.feature_count);
    assert_int_equal(alm_lightgbm_predict(booster, ALM_LIGHTGBM_RAW, rows, ROWS, theirs, &error),
                     ALM_OK);
    alm_forest_score_reference(forest, rows, ROWS, info.feature_count, ours);
    assert_bits(ours, theirs, scores, name);
    /* Every length of a block's tail. */
    for (size_t n = 0; n <= 130; n++) {
        size_t at = ROWS - n;
        memset(ours, 0xFF, scores * sizeof(double));
        alm_forest_score(forest, rows + at * info.feature_count, n, info.feature_count, ours);
        assert_bits(ours, theirs + at * info.output_count, n * info.output_count, name);
    }
    alm_forest_score(forest, rows, ROWS, info.feature_count, ours);
    assert_bits(ours, theirs, scores, name);
    alm_lightgbm_close(booster);
    alm_forest_destroy(forest);
}

/* 1e-10 of the sum of magnitudes: the same terms in another order, and LightGBM's recursion divides
 * and subtracts. */
static void compare_contributions(alm_arena *arena, alm_str text, const char *name)
{
    enum { EXPLAINED = 40 };
    alm_forest *forest = NULL;
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_lightgbm_booster *booster = NULL;
    alm_error error = {0};
    if (alm_forest_parse_lightgbm(text, name, &forest, &error) != ALM_OK ||
        alm_forest_explainer_create(forest, &explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(explainer, &scratch, &error) != ALM_OK ||
        alm_lightgbm_open(text, &booster, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_info info = alm_forest_describe(forest);
    size_t width = info.output_count * (info.feature_count + 1);
    double *rows = ALM_NEW_ARRAY(arena, double, EXPLAINED * info.feature_count);
    double *ours = ALM_NEW_ARRAY(arena, double, EXPLAINED * width);
    double *theirs = ALM_NEW_ARRAY(arena, double, EXPLAINED * width);
    alm_rng rng = alm_rng_stream(12, 1);
    hostile_rows(&rng, text, rows, EXPLAINED * info.feature_count);
    assert_int_equal(alm_lightgbm_predict(booster, ALM_LIGHTGBM_CONTRIBUTION, rows, EXPLAINED,
                                          theirs, &error),
                     ALM_OK);
    alm_forest_contributions(explainer, scratch, rows, EXPLAINED, info.feature_count, ours);
    for (size_t i = 0; i < EXPLAINED; i++) {
        double scale = 0;
        for (size_t j = i * width; j < (i + 1) * width; j++) {
            scale += fabs(theirs[j]);
        }
        for (size_t j = i * width; j < (i + 1) * width; j++) {
            if (!(fabs(ours[j] - theirs[j]) <= 1e-10 * scale)) {
                fail_msg("%s: row %zu value %zu: %.17g instead of %.17g", name, i, j % width,
                         ours[j], theirs[j]);
            }
        }
    }
    alm_lightgbm_close(booster);
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
    alm_forest_destroy(forest);
}

static void check_model(alm_lightgbm_params params, size_t rows, const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str text = train_text(arena, params, rows);
    compare_scores(arena, text, name);
    compare_contributions(arena, text, name);
    compare_contributions(arena, make_hostile(arena, text, 9), name);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        compare_scores(arena, make_hostile(arena, text, seed), name);
    }
    alm_arena_destroy(arena);
}

static void scores_have_the_bits_of_lightgbm(void **state)
{
    (void)state;
    for (int objective = ALM_LIGHTGBM_L2; objective <= ALM_LIGHTGBM_QUANTILE; objective++) {
        check_model(case_params((alm_lightgbm_objective)objective), 3000, "objective");
    }
}

static void large_trees_and_many_lanes(void **state)
{
    (void)state;
    alm_lightgbm_params params = case_params(ALM_LIGHTGBM_L2);
    params.leaves = 400; /* above the 256 of the byte kernel */
    params.min_data_in_leaf = 1;
    params.trees = 4;
    check_model(params, 6000, "400 leaves");
    params.leaves = 255;
    params.trees = 40; /* far more lanes than one group holds */
    check_model(params, 6000, "255 leaves");
    params.leaves = 2;
    params.trees = 30;
    check_model(params, 500, "stumps");
}

static alm_str read_fixture(alm_arena *arena, const char *name)
{
    alm_fs *fs = NULL;
    alm_error error;
    alm_str text;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    char *path = alm_path_join(arena, "tests/golden/forest", name);
    if (alm_fs_read_all(fs, path, 1 << 24, arena, &text, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_fs_destroy(fs);
    return text;
}

static void fixtures_have_the_bits_of_lightgbm(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lg_rf_iris.model",
        "lg_dart_breast_cancer.model", "lgmulticlass.model", "toy_categorical_model.txt",
        "mixed_categorical.txt", "pure_categorical.txt", "leaf_scan.txt", "single_tree.txt",
        "tiniest_single_tree.txt"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_str text = read_fixture(arena, name[i]);
        compare_scores(arena, text, name[i]);
        compare_contributions(arena, text, name[i]);
        alm_arena_destroy(arena);
    }
}

/* Their own rows, and other thresholds and missing types. */
static void linear_trees_have_the_bits_of_lightgbm(void **state)
{
    static const char *const name[] = {"lgb_linear.txt", "lgb_linear_binary.txt",
        "lgb_linear_multiclass.txt", "lgb_linear_category.txt", "lgb_linear_rf.txt",
        "lgb_linear_dart.txt", "lgb_v33_linear.txt"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        alm_str text = read_fixture(arena, name[i]);
        compare_scores(arena, text, name[i]);
        for (uint64_t seed = 1; seed <= 3; seed++) {
            compare_scores(arena, make_hostile(arena, text, seed), name[i]);
        }
        alm_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_have_the_bits_of_lightgbm),
        cmocka_unit_test(large_trees_and_many_lanes),
        cmocka_unit_test(fixtures_have_the_bits_of_lightgbm),
        cmocka_unit_test(linear_trees_have_the_bits_of_lightgbm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
