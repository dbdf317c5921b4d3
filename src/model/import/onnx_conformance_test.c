/* onnx_conformance_test.c: tree ensembles beside what onnxruntime 1.32 itself said, bit by bit.
 *
 * tests/golden/forest/generate_onnx.py writes the fixtures and their rows, and larger ones into
 * another folder, which goes behind the name of this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/import/import_cases.h"
#include "model/transform.h"

static const char *other_folder; /* instead of tests/golden/forest */

typedef struct fixture {
    alm_arena *arena;
    alm_forest *forest;
    alm_forest_info info;
    uint64_t head[7];
    size_t rows, outputs;
    double *row, *raw, *made;
} fixture;

static alm_str read_file(alm_arena *arena, const char *name)
{
    alm_str bytes;
    alm_error error;
    alm_fs *fs = NULL;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    const char *folder = other_folder ? other_folder : "tests/golden/forest";
    if (alm_fs_read_all(fs, alm_path_join(arena, folder, name), (size_t)1 << 30, arena, &bytes,
                        &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_fs_destroy(fs);
    return bytes;
}

static fixture open_fixture(const char *name)
{
    fixture f = {.arena = alm_arena_create(0)};
    alm_error error;
    char *model = alm_arena_printf(f.arena, "onnx_%s.onnx", name);
    alm_str rest = read_file(f.arena, alm_arena_printf(f.arena, "onnx_%s.rows", name));
    alm_str bytes = read_file(f.arena, model);
    if (alm_forest_parse_onnx(bytes, model, &f.forest, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    f.info = alm_forest_describe(f.forest);
    memcpy(f.head, case_take(f.arena, &rest, 7, 8), sizeof f.head);
    f.rows = f.head[0];
    f.outputs = f.head[2];
    assert_int_equal(f.info.source, ALM_FOREST_ONNX);
    assert_int_equal(f.info.feature_count, f.head[1]);
    assert_int_equal(f.info.output_count, f.outputs);
    assert_int_equal(f.info.tree_count, f.head[3]);
    f.row = case_take(f.arena, &rest, f.rows * f.info.feature_count, sizeof(double));
    f.raw = case_take(f.arena, &rest, f.rows * f.outputs, sizeof(double));
    f.made = case_take(f.arena, &rest, f.rows * f.head[5], sizeof(double));
    assert_int_equal(rest.size, 0);
    return f;
}

static void close_fixture(fixture *f)
{
    alm_forest_destroy(f->forest);
    alm_arena_destroy(f->arena);
}

/* The runtime gives floats for ensembles of doubles, too: precision 1. AVERAGE is in the raw score
 * there and a divisor of ours. */
static double as_the_runtime(const fixture *f, double score)
{
    double whole = f->info.averaged ? score / (double)f->info.iteration_count : score;
    return f->head[4] == 2 ? whole : (double)(float)whole;
}

static void assert_scores(const void *context, const double *score, size_t first,
                          size_t count, const char *what)
{
    const fixture *f = context;
    for (size_t i = 0; i < count * f->outputs; i++) {
        double expected = f->raw[first * f->outputs + i];
        double got = as_the_runtime(f, score[i]);
        if (memcmp(&got, &expected, sizeof expected) != 0) {
            fail_msg("%s: row %zu: %.17g instead of %.17g", what, first + i / f->outputs, got,
                     expected);
        }
        assert_true(f->head[4] > 0 || (double)(float)score[i] == score[i]);
    }
}

static void check_scores(const fixture *f, const char *name)
{
    case_scored scored = {f->arena, f->forest, f->row, f->rows, assert_scores, f};
    case_score_every_way(&scored, name);
}

/* Predictions of the ensemble as transform.h makes them: the runtime's up to an ulp (of float,
 * where the results are floats), which is the C library's exp. */
static void check_predictions(const fixture *f, const char *name)
{
    alm_transform transform;
    alm_error error;
    alm_transform_spec spec = {.library = ALM_TRANSFORM_ONNX,
                               .objective = f->info.objective,
                               .averaged = f->info.averaged,
                               .iteration_count = f->info.iteration_count,
                               .output_count = f->info.output_count};
    size_t count = f->rows * f->outputs, beside = 0;
    double *made = ALM_NEW_ARRAY(f->arena, double, count + 1);
    assert_int_equal(alm_transform_parse(&spec, &transform, &error), ALM_OK);
    assert_true(transform.single == (f->head[4] != 2));
    if (!transform.is_known) { /* SOFTMAX or LOGISTIC: see onnx_ensemble_5.c */
        assert_true(alm_str_starts_with(f->info.objective, "post_transform 2"));
        return;
    }
    assert_int_equal(f->head[5], f->outputs);
    alm_forest_score(f->forest, f->row, f->rows, f->info.feature_count, made);
    alm_transform_apply(&transform, made, f->rows, made);
    for (size_t i = 0; i < count; i++) {
        double ulp = f->head[4] == 2 ? 0x1p-52 : 0x1p-23;
        beside += made[i] != f->made[i];
        if (!(fabs(made[i] - f->made[i]) <= ulp * fabs(f->made[i]))) {
            fail_msg("%s: row %zu: predicts %.17g instead of %.17g", name, i / f->outputs, made[i],
                     f->made[i]);
        }
    }
    if (other_folder && beside > 0) {
        print_message("%s: %zu of %zu predictions are an ulp beside\n", name, beside, count);
    }
}

static const char *const FIXTURES[] = {
    "tree",           "tree_double",          "tree_classes",   "forest",
    "forest_binary",  "forest_classes",       "forest_classes_double",
    "extra_targets",  "extra_targets_double", "boosted",        "boosted_double",
    "boosted_binary", "boosted_classes",      "lgbm",           "lgbm_binary",
    "lgbm_classes",   "lgbm_category",        "xgb",            "xgb_binary",
    "xgb_classes",    "modes",                "modes_double",   "modes_targets",
    "modes_targets_double",                   "average",        "average_double",
    "five",           "five_double",          "five_targets",   "five_targets_double",
    "five_average",   "five_average_double",  "cast_to_float",  "cast_to_double",
    "equal_chain",    "equal_sets",           "deep",
};

static void fixtures_have_the_bits_of_onnxruntime(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FIXTURES / sizeof *FIXTURES; i++) {
        fixture f = open_fixture(FIXTURES[i]);
        check_scores(&f, FIXTURES[i]);
        check_predictions(&f, FIXTURES[i]);
        close_fixture(&f);
    }
}

int main(int count, char **argument)
{
    other_folder = count > 1 ? argument[1] : NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_the_bits_of_onnxruntime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
