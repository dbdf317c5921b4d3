/* model_file_test.c: formats by content, refusals with their remedies, names, damaged files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "model/forest/forest_cases.h"
#include "model/model_file.h"
#include "num/elementary.h"

#define BYTES(literal) ((alm_str){literal, sizeof(literal) - 1})

static void refused(alm_str content, const char *name, alm_err code, const char *words)
{
    alm_model_file *file = NULL;
    alm_error error = {0};
    alm_err got = alm_model_file_parse(content, name, &file, &error);
    if (got != code || !strstr(error.message, words) || file) {
        fail_msg("%s: %s: '%s' lacks '%s'", name, alm_err_name(got), error.message, words);
    }
}

static void what_runs_code_is_refused_with_the_remedy(void **state)
{
    (void)state;
    const alm_err no = ALM_ERR_UNSUPPORTED;
    refused(BYTES("\x80\x04\x95\0\0"), "m.pkl", no, "m.pkl is a Python pickle");
    refused(BYTES("\x80\x04\x95\0\0"), "m.pkl", no, "save_model('model.txt')");
    refused(BYTES("PK\x03\x04..."), "m.pt", no, "zip archive (PyTorch, Keras or NumPy)");
    refused(BYTES("\x89HDF\r\n\x1a\n"), "m.h5", no, "HDF5");
    refused(BYTES("x\x9c\x01\x02"), "m.joblib", no, "compressed file; unpack it");
    refused(BYTES("\x1f\x8b\x08\0"), "m.txt.gz", no, "compressed file; unpack it");
}

static void what_is_not_read_yet_is_named(void **state)
{
    (void)state;
    const alm_err no = ALM_ERR_UNSUPPORTED;
    refused(BYTES("{\"name\": \"tree\", \"tree_info\": []}"), "d.json", no, "dump of LightGBM");
    refused(BYTES("\x02\0\0\0\0\0\0\0{}"), "m.safetensors", no, "is a safetensors file: the w");
    refused(BYTES("PAR1...."), "rows.parquet", no, "rows, not a model");
}

static void what_is_no_model_is_refused(void **state)
{
    (void)state;
    refused(BYTES(""), "m", ALM_ERR_INVALID, "the file is empty");
    refused(BYTES("a,b\n1,2\n"), "rows.csv", ALM_ERR_INVALID, "a text of another kind");
    refused(BYTES("\0\1\2"), "m", ALM_ERR_INVALID, "unknown binary data");
    refused(BYTES("tree"), "m", ALM_ERR_CORRUPT, "m:1:");
    refused(BYTES("\x08\x07\x12\x04onnx"), "m.onnx", ALM_ERR_CORRUPT, "m.onnx: the model has 0 gr");
    refused(BYTES("tree\nnum_class=1\n"), "m", ALM_ERR_CORRUPT, "there is no tree");
}

static alm_model_file *parse(alm_str content, const char *name)
{
    alm_model_file *file = NULL;
    alm_error error;
    if (alm_model_file_parse(content, name, &file, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return file;
}

static void a_text_model_is_described(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str text = case_fixture(arena, "model_simple.txt");
    alm_model_file *file = parse(text, "simple.txt");
    const alm_model_file_info *info = alm_model_file_describe(file);
    alm_digest digest = alm_hash_bytes(text.data, text.size);
    char hex[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&digest, hex);
    char *expected =
        alm_arena_printf(arena, "simple.txt (LightGBM, 2 trees, sha256 %.12s)", hex);
    assert_true(alm_str_is(info->description, expected));
    assert_true(alm_digest_equal(&info->digest, &digest));
    assert_string_equal(info->format, "LightGBM");
    assert_int_equal(info->forest.feature_count, 2);
    assert_true(alm_str_is(info->feature_names[0], "X1"));
    assert_true(alm_str_is(info->feature_names[1], "X2"));
    assert_false(info->is_generic);
    assert_int_equal(info->transform.kind, ALM_TRANSFORM_SIGMOID);
    alm_model_file_close(file);
    alm_arena_destroy(arena);
}

static void made_up_names_are_generic(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str text = case_fixture(arena, "lgmulticlass.model");
    alm_model_file *file = parse(text, "m");
    const alm_model_file_info *info = alm_model_file_describe(file);
    assert_true(info->is_generic);
    assert_true(alm_str_is(info->feature_names[27], "Column_27"));
    assert_int_equal(info->transform.kind, ALM_TRANSFORM_SOFTMAX);
    assert_int_equal(info->transform.output_count, 5);
    alm_model_file_close(file);
    alm_arena_destroy(arena);
}

static void pandas_categories_are_seen(void **state)
{
    (void)state;
    static const char *const tail[] = {"", "\npandas_categorical:null\n",
                                       "\npandas_categorical:[]\n",
                                       "\npandas_categorical:[[\"a\", \"b\"]]\n"};
    alm_arena *arena = alm_arena_create(0);
    alm_str text = case_fixture(arena, "model_simple.txt");
    for (size_t i = 0; i < 4; i++) {
        alm_str with = alm_str_of(alm_arena_printf(arena, "%.*s%s", (int)text.size, text.data,
                                                   tail[i]));
        alm_model_file *file = parse(with, "m");
        assert_int_equal(alm_model_file_describe(file)->has_pandas_categories, i == 3);
        alm_model_file_close(file);
    }
    alm_arena_destroy(arena);
}

/* The three formats of XGBoost, with the transform of their objective. */
static void xgboost_models_are_described(void **state)
{
    (void)state;
    static const char *const FILES[] = {"xgb_logistic.json", "xgb_logistic_half.ubj",
                                        "xgb_binary_logistic.model"};
    alm_fs *fs = NULL;
    alm_error error = {0};
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    for (size_t f = 0; f < sizeof FILES / sizeof *FILES; f++) {
        char path[100];
        alm_model_file *file = NULL;
        (void)snprintf(path, sizeof path, "tests/golden/forest/%s", FILES[f]);
        if (alm_model_file_open(&(alm_env){.fs = fs}, path, FILES[f], &file, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        const alm_model_file_info *info = alm_model_file_describe(file);
        assert_string_equal(info->format, "XGBoost");
        assert_true(info->transform.kind == ALM_TRANSFORM_SIGMOID && info->transform.single);
        assert_int_equal(info->forest.source, ALM_FOREST_XGBOOST);
        double row[64] = {0}, raw = 0, p = 0;
        assert_true(info->forest.feature_count <= 64);
        alm_forest_score(alm_model_file_forest(file), row, 1, 64, &raw);
        alm_transform_apply(&info->transform, &raw, 1, &p);
        assert_true(fabs(p - 1 / (1 + alm_exp(-raw))) < 1e-6); /* the library's is in float */
        alm_model_file_close(file);
    }
    alm_fs_destroy(fs);
}

/* A linear model is opened like any other, and says that it is none of trees. */
static void linear_models_are_described(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_model_file *file = parse(case_fixture(arena, "xgb_v32_linear_softprob.ubj"), "m.ubj");
    const alm_model_file_info *info = alm_model_file_describe(file);
    assert_true(info->forest.is_linear && info->is_generic);
    assert_true(info->transform.kind == ALM_TRANSFORM_SOFTMAX && info->transform.single);
    assert_true(alm_str_starts_with(info->description, "m.ubj (XGBoost, linear, sha256 "));
    alm_model_file_close(file);
    file = parse(case_fixture(arena, "lgb_linear_binary.txt"), "m.txt");
    info = alm_model_file_describe(file);
    assert_true(info->forest.has_linear_leaves && !info->forest.is_linear);
    assert_true(alm_str_starts_with(info->description, "m.txt (LightGBM, 3 trees, sha256 "));
    alm_model_file_close(file);
    alm_arena_destroy(arena);
}

/* Tree ensembles of ONNX: columns by position, post_transform, one score of two classes. */
static void onnx_models_are_described(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_model_file *file = parse(case_fixture(arena, "onnx_lgbm_binary.onnx"), "m.onnx");
    const alm_model_file_info *info = alm_model_file_describe(file);
    assert_string_equal(info->format, "ONNX");
    assert_int_equal(info->forest.source, ALM_FOREST_ONNX);
    assert_true(info->is_generic && !info->has_pandas_categories);
    assert_true(alm_str_is(info->feature_names[4], "f4"));
    assert_true(alm_str_is(info->forest.objective, "LOGISTIC"));
    assert_true(info->transform.kind == ALM_TRANSFORM_LOGISTIC && info->transform.single);
    assert_int_equal(info->transform.output_count, 1);
    alm_model_file_close(file);
    file = parse(case_fixture(arena, "onnx_five_targets_double.onnx"), "m.onnx");
    info = alm_model_file_describe(file);
    assert_false(info->transform.is_known || info->transform.single);
    assert_int_equal(info->transform.output_count, 3);
    alm_model_file_close(file);
    alm_arena_destroy(arena);
}

static void catboost_models_are_described(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_model_file *file = parse(case_fixture(arena, "cb_logloss.cbm"), "m.cbm");
    const alm_model_file_info *info = alm_model_file_describe(file);
    double raw = -1.5, p = 0;
    assert_string_equal(info->format, "CatBoost");
    assert_true(info->transform.kind == ALM_TRANSFORM_SIGMOID && !info->transform.single);
    assert_true(alm_str_is(info->feature_names[1], "b"));
    assert_false(info->is_generic || info->has_pandas_categories);
    alm_transform_apply(&info->transform, &raw, 1, &p);
    assert_true(fabs(p - 1 / (1 + alm_exp(1.5))) < 1e-15);
    alm_model_file_close(file);

    file = parse(case_fixture(arena, "cb_multiclass.json"), "m.json");
    info = alm_model_file_describe(file);
    assert_true(info->transform.kind == ALM_TRANSFORM_SOFTMAX);
    assert_int_equal(info->transform.output_count, 4);
    alm_model_file_close(file);

    /* Names "0", "1", ... are the library's; categories need a word of the user. */
    file = parse(case_fixture(arena, "catboost_regressor.cbm"), "m.cbm");
    info = alm_model_file_describe(file);
    assert_true(info->is_generic && alm_str_is(info->feature_names[3], "3"));
    assert_null(info->category_remedy);
    alm_model_file_close(file);
    file = parse(case_fixture(arena, "cb_one_hot.cbm"), "m.cbm");
    info = alm_model_file_describe(file);
    assert_true(info->has_pandas_categories);
    assert_non_null(strstr(info->category_remedy, "say --category-codes"));
    alm_model_file_close(file);
    refused(case_fixture(arena, "cb_counts.json"), "m.json", ALM_ERR_UNSUPPORTED,
            "save the model as");
    alm_arena_destroy(arena);
}

static void a_file_is_opened_through_the_file_system(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    alm_model_file *file = NULL;
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_fs_memory_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_model_file_open(&(alm_env){.fs = fs}, "no.txt", "no.txt", &file, &error),
                     ALM_ERR_NOT_FOUND);
    alm_str text = case_fixture(arena, "model_simple.txt");
    assert_int_equal(alm_fs_write_all(fs, "m.txt", text, &error), ALM_OK);
    assert_int_equal(alm_model_file_open(&(alm_env){.fs = fs}, "m.txt", "m.txt", &file, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_describe(alm_model_file_forest(file)).tree_count, 2);
    alm_model_file_close(file);
    alm_fs_destroy(fs);
    alm_arena_destroy(arena);
}

/* Cut at every byte and with one byte changed: a model or one message, never a crash. */
static void damaged_files_give_a_message(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str text = case_fixture(arena, "model_simple.txt");
    alm_rng rng = alm_rng_stream(5, 1);
    for (size_t i = 0; i < 2 * text.size; i++) {
        char *copy = alm_arena_copy_text(arena, text.data, text.size);
        alm_str damaged = {copy, i < text.size ? i : text.size};
        if (i >= text.size) {
            copy[i - text.size] = (char)alm_rng_next_below(&rng, 256);
        }
        alm_model_file *file = NULL;
        alm_error error = {0};
        if (alm_model_file_parse(damaged, "m", &file, &error) != ALM_OK) {
            assert_null(file);
            assert_true(error.message[0] != '\0');
        }
        alm_model_file_close(file);
        alm_arena_reset(arena);
        text = case_fixture(arena, "model_simple.txt");
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_code_is_refused_with_the_remedy),
        cmocka_unit_test(what_is_not_read_yet_is_named),
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(a_text_model_is_described),
        cmocka_unit_test(made_up_names_are_generic),
        cmocka_unit_test(pandas_categories_are_seen),
        cmocka_unit_test(xgboost_models_are_described),
        cmocka_unit_test(linear_models_are_described),
        cmocka_unit_test(onnx_models_are_described),
        cmocka_unit_test(catboost_models_are_described),
        cmocka_unit_test(a_file_is_opened_through_the_file_system),
        cmocka_unit_test(damaged_files_give_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
