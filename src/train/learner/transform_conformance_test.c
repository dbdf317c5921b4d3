/* transform_conformance_test.c: a model file's predictions beside LightGBM's own, on this machine,
 * bit for bit: the fixtures as they are, and with every objective in their header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "model/model_file.h"
#include "train/learner/lightgbm.h"

#define ROWS 400

static alm_str fixture(alm_arena *arena, const char *name)
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

/* The text with another objective; NULL: as it is. */
static alm_str with_objective(alm_arena *arena, alm_str text, const char *objective)
{
    const char *begin = memmem(text.data, text.size, "\nobjective=", 11);
    assert_non_null(begin);
    const char *end = memchr(begin + 1, '\n', (size_t)(text.data + text.size - begin) - 1);
    if (!objective) {
        return text;
    }
    return alm_str_of(alm_arena_printf(arena, "%.*s\nobjective=%s%.*s", (int)(begin - text.data),
                                       text.data, objective,
                                       (int)(text.data + text.size - end), end));
}

static double random_value(alm_rng *rng)
{
    uint64_t kind = alm_rng_next_below(rng, 12);
    double value = (alm_rng_next_uniform(rng) - 0.3) * (kind < 6 ? 3.0 : 900.0);
    return kind == 0 ? NAN : kind == 1 ? floor(value) : kind == 2 ? 0.0 : value;
}

static void check(const char *name, const char *objective)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str text = with_objective(arena, fixture(arena, name), objective);
    alm_model_file *file = NULL;
    alm_lightgbm_booster *booster = NULL;
    alm_error error = {0};
    if (alm_model_file_parse(text, name, &file, &error) != ALM_OK ||
        alm_lightgbm_open(text, &booster, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    const alm_model_file_info *info = alm_model_file_describe(file);
    size_t width = info->forest.feature_count, outputs = info->forest.output_count;
    double *rows = ALM_NEW_ARRAY(arena, double, ROWS * width);
    double *ours = ALM_NEW_ARRAY(arena, double, ROWS * outputs);
    double *theirs = ALM_NEW_ARRAY(arena, double, ROWS * outputs);
    alm_rng rng = alm_rng_stream(21, 1);
    for (size_t i = 0; i < ROWS * width; i++) {
        rows[i] = random_value(&rng);
    }
    alm_forest_score(alm_model_file_forest(file), rows, ROWS, width, ours);
    alm_transform_apply(&info->transform, ours, ROWS, ours);
    assert_int_equal(alm_lightgbm_predict(booster, ALM_LIGHTGBM_TRANSFORMED, rows, ROWS, theirs,
                                          &error),
                     ALM_OK);
    for (size_t i = 0; i < ROWS * outputs; i++) {
        if (memcmp(&ours[i], &theirs[i], sizeof(double)) != 0) {
            fail_msg("%s as %s: %zu: %.17g instead of %.17g", name, objective ? objective : "is", i,
                     ours[i], theirs[i]);
        }
    }
    alm_lightgbm_close(booster);
    alm_model_file_close(file);
    alm_arena_destroy(arena);
}

static void fixtures_predict_as_the_library(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lg_rf_iris.model",
        "lg_dart_breast_cancer.model", "lgmulticlass.model", "toy_categorical_model.txt",
        "mixed_categorical.txt", "pure_categorical.txt", "leaf_scan.txt", "single_tree.txt",
        "tiniest_single_tree.txt", "model_simple.txt"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        check(name[i], NULL);
    }
}

static void every_objective_predicts_as_the_library(void **state)
{
    static const char *const objective[] = {"regression", "regression sqrt", "regression_l1 sqrt",
        "huber", "huber sqrt", "fair sqrt", "poisson", "quantile alpha:0.3", "mape sqrt", "gamma",
        "tweedie tweedie_variance_power:1.5", "binary sigmoid:1", "binary sigmoid:0.7",
        "binary sigmoid:0.123457", "binary sigmoid:1.00001", "binary sigmoid:2e-05",
        "binary sigmoid:3.40282e+38", "binary sigmoid:.000123457", "cross_entropy", "xentropy",
        "cross_entropy_lambda", "lambdarank", "rank_xendcg", "custom", "l2", "mae"};
    (void)state;
    for (size_t i = 0; i < sizeof objective / sizeof *objective; i++) {
        check("lg_breast_cancer.txt", objective[i]);
        check("lg_rf_iris.model", objective[i]); /* an average */
        check("toy_categorical_model.txt", objective[i]);
    }
}

static void several_classes_predict_as_the_library(void **state)
{
    static const char *const objective[] = {"multiclass num_class:5",
        "multiclassova num_class:5 sigmoid:1", "multiclassova num_class:5 sigmoid:0.35"};
    (void)state;
    for (size_t i = 0; i < sizeof objective / sizeof *objective; i++) {
        check("lgmulticlass.model", objective[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_predict_as_the_library),
        cmocka_unit_test(every_objective_predicts_as_the_library),
        cmocka_unit_test(several_classes_predict_as_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
