/* strict_conformance_test.c: strict contributions have the bits of LightGBM's pred_contrib.
 *
 * LightGBM trains models of every objective here and explains hostile rows (values on thresholds
 * and beside them, missing values, odd categories) through its C interface; NaN stands for NaN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/forest/forest.h"
#include "train/learner/lightgbm_cases.h"

typedef struct judged {
    alm_forest *forest;
    alm_forest_strict *strict;
    alm_forest_strict_scratch *scratch;
    alm_lightgbm_booster *booster;
    alm_forest_info info;
} judged;

static judged open_judged(alm_str text, const char *name)
{
    judged j = {0};
    alm_error error = {0};
    if (alm_forest_parse_lightgbm(text, name, &j.forest, &error) != ALM_OK ||
        alm_forest_strict_create(j.forest, &j.strict, &error) != ALM_OK ||
        alm_forest_strict_scratch_create(j.strict, &j.scratch, &error) != ALM_OK ||
        alm_lightgbm_open(text, &j.booster, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    j.info = alm_forest_describe(j.forest);
    return j;
}

static void close_judged(judged *j)
{
    alm_lightgbm_close(j->booster);
    alm_forest_strict_scratch_destroy(j->scratch);
    alm_forest_strict_destroy(j->strict);
    alm_forest_destroy(j->forest);
}

static void assert_same(const double *ours, const double *theirs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        bool both_nan = isnan(ours[i]) && isnan(theirs[i]);
        if (!both_nan && memcmp(&ours[i], &theirs[i], sizeof(double)) != 0) {
            fail_msg("%s: value %zu: %.17g instead of %.17g", name, i, ours[i], theirs[i]);
        }
    }
}

static void compare(alm_arena *arena, alm_str text, size_t n, const char *name)
{
    judged j = open_judged(text, name);
    alm_error error = {0};
    size_t features = j.info.feature_count, width = j.info.output_count * (features + 1);
    double *rows = ALM_NEW_ARRAY(arena, double, n * features);
    double *ours = ALM_NEW_ARRAY(arena, double, n * width);
    double *theirs = ALM_NEW_ARRAY(arena, double, n * width);
    alm_rng rng = alm_rng_stream(13, 1);
    hostile_rows(&rng, text, rows, n * features);
    if (alm_lightgbm_predict(j.booster, ALM_LIGHTGBM_CONTRIBUTION, rows, n, theirs, &error) !=
        ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_contributions_strict(j.strict, j.scratch, rows, n, features, ours);
    assert_same(ours, theirs, n * width, name);
    /* Calls of few rows take another way to the sides of the nodes. */
    for (size_t i = 0, count = 1; i < n && i < 300; i += count, count = count % 13 + 1) {
        count = count < n - i ? count : n - i;
        alm_forest_contributions_strict(j.strict, j.scratch, rows + i * features, count, features,
                                        ours);
        assert_same(ours, theirs + i * width, count * width, name);
    }
    close_judged(&j);
}

static void check_model(alm_lightgbm_params params, size_t trained, size_t n, const char *name)
{
    alm_arena *arena = alm_arena_create(0);
    lightgbm_case made = case_create(arena, trained, 7);
    alm_lightgbm_data data = case_data(&made);
    alm_lightgbm_result result;
    alm_error error;
    if (alm_lightgbm_train(&params, &data, arena, &result, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    compare(arena, result.text, n, name);
    alm_arena_destroy(arena);
}

static void every_objective(void **state)
{
    (void)state;
    for (int objective = ALM_LIGHTGBM_L2; objective <= ALM_LIGHTGBM_QUANTILE; objective++) {
        alm_lightgbm_params params = case_params((alm_lightgbm_objective)objective);
        params.min_data_in_leaf = 5;
        check_model(params, 3000, 2500, "objective");
    }
}

static void large_and_small_trees(void **state)
{
    (void)state;
    alm_lightgbm_params params = case_params(ALM_LIGHTGBM_L2);
    params.leaves = 400;
    params.min_data_in_leaf = 1;
    params.trees = 4;
    check_model(params, 6000, 1500, "400 leaves");
    params.leaves = 2;
    params.trees = 30;
    check_model(params, 500, 3000, "stumps");
    params.leaves = 7;
    params.trees = 60;
    check_model(params, 3000, 3000, "7 leaves");
}

static void fixtures(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lg_rf_iris.model",
        "lg_dart_breast_cancer.model", "lgmulticlass.model", "toy_categorical_model.txt",
        "mixed_categorical.txt", "pure_categorical.txt", "leaf_scan.txt", "single_tree.txt",
        "tiniest_single_tree.txt"};
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        char *path = alm_path_join(arena, "tests/golden/forest", name[i]);
        alm_str text;
        if (alm_fs_read_all(fs, path, 1 << 24, arena, &text, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        compare(arena, text, 300, name[i]);
        alm_arena_destroy(arena);
    }
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_objective),
        cmocka_unit_test(large_and_small_trees),
        cmocka_unit_test(fixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
