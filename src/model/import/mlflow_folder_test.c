/* mlflow_folder_test.c: folders as MLflow writes them (tests/golden/mlflow/generate.py), and those
 * that lead elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "model/import/mlflow_folder.h"
#include "model/model_file.h"

static void parsed(const char *text, const char *flavour, const char *data)
{
    alm_arena *arena = alm_arena_create(0);
    alm_mlflow_folder folder;
    alm_error error;
    if (alm_mlflow_folder_parse(alm_str_of(text), "m", arena, &folder, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(folder.flavour, flavour);
    assert_string_equal(folder.data, data);
    alm_arena_destroy(arena);
}

static void refused(const char *text, alm_err code, const char *words)
{
    alm_arena *arena = alm_arena_create(0);
    alm_mlflow_folder folder;
    alm_error error = {0};
    alm_err got = alm_mlflow_folder_parse(alm_str_of(text), "m", arena, &folder, &error);
    if (got != code || !strstr(error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
    alm_arena_destroy(arena);
}

static void the_flavour_says_the_file(void **state)
{
    (void)state;
    parsed("flavors:\n  python_function: {data: x}\n  lightgbm:\n    data: model.lgb\n", "lightgbm",
           "model.lgb");
    parsed("flavors: {onnx: {code: null, data: \"a/model.onnx\"}}", "onnx", "a/model.onnx");
    parsed("flavors: {onnx: {data: a}, xgboost: {data: ..b}}", "xgboost", "..b");
    const alm_err bad = ALM_ERR_CORRUPT;
    refused("flavors: {onnx: {data: ../model.onnx}}", bad, "m/MLmodel:1:18: `data` of the flavour");
    refused("flavors: {onnx: {data: /etc/passwd}}", bad, "inside the folder");
    refused("flavors: {onnx: {data: a/../../b}}", bad, "inside the folder");
    refused("flavors: {onnx: {data: a//b}}", bad, "inside the folder");
    refused("flavors: {onnx: {data: \"\"}}", bad, "inside the folder");
    refused("flavors: {onnx: {file: a}}", bad, "`data` of the flavour onnx");
    refused("flavors: [onnx]", bad, "m/MLmodel has no map `flavors`");
    refused("flavors: {", bad, "MLflow model: m/MLmodel:2:1");
    refused("a: 1", bad, "no map `flavors`");
    refused("flavors: {sklearn: {data: model.pkl}, python_function: {}}", ALM_ERR_UNSUPPORTED,
            "the flavours are sklearn, python_function; lightgbm");
    refused("flavors: {}", ALM_ERR_UNSUPPORTED, "the flavours are not there");
}

/* Folders of MLflow itself, opened as any model file. */
static void folders_of_mlflow_are_opened(void **state)
{
    (void)state;
    static const char *const FOLDERS[][2] = {
        {"lightgbm", "LightGBM"}, {"xgboost", "XGBoost"}, {"onnx", "ONNX"}};
    alm_fs *fs = NULL;
    alm_error error;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    for (size_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++) {
        char path[80];
        alm_model_file *file = NULL;
        (void)snprintf(path, sizeof path, "tests/golden/mlflow/%s", FOLDERS[i][0]);
        if (alm_model_file_open(&(alm_env){.fs = fs}, path, FOLDERS[i][0], &file, &error) !=
            ALM_OK) {
            fail_msg("%s", error.message);
        }
        const alm_model_file_info *info = alm_model_file_describe(file);
        assert_string_equal(info->format, FOLDERS[i][1]);
        assert_true(alm_str_starts_with(info->name, FOLDERS[i][0]));
        alm_model_file_close(file);
    }
    alm_fs_destroy(fs);
}

static void fails(alm_fs *fs, const char *path, alm_err code, const char *words)
{
    alm_model_file *file = NULL;
    alm_error error = {0};
    alm_err got = alm_model_file_open(&(alm_env){.fs = fs}, path, path, &file, &error);
    if (got != code || !strstr(error.message, words) || file) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), error.message, words);
    }
}

static void write_file(alm_fs *fs, const char *path, const char *text)
{
    alm_error error;
    assert_int_equal(alm_fs_write_all(fs, path, alm_str_of(text), &error), ALM_OK);
}

static void what_the_folder_says_must_be_there(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    assert_int_equal(alm_fs_memory_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_fs_make_directories(fs, "m/sub", &error), ALM_OK);
    fails(fs, "m", ALM_ERR_NOT_FOUND, "m is a folder without the file MLmodel");
    write_file(fs, "m/MLmodel", "flavors: {onnx: {data: model.onnx}}");
    fails(fs, "m", ALM_ERR_NOT_FOUND, "has no 'model.onnx'");
    write_file(fs, "m/model.onnx", "tree\n");
    fails(fs, "m", ALM_ERR_CORRUPT, "m/model.onnx:");
    write_file(fs, "m/model.onnx", "\x80\x04\x95");
    fails(fs, "m", ALM_ERR_UNSUPPORTED, "m/model.onnx is a Python pickle");
    write_file(fs, "m/MLmodel", "flavors: {onnx: {data: sub}}");
    fails(fs, "m", ALM_ERR_CORRUPT, "'sub' is a link, or not a file");
    alm_fs_destroy(fs);
}

static void another_librarys_file_is_refused(void **state)
{
    (void)state;
    alm_fs *real = NULL, *fs = NULL;
    alm_error error;
    alm_arena *arena = alm_arena_create(0);
    alm_str text;
    assert_int_equal(alm_fs_real_create(&real, &error), ALM_OK);
    assert_int_equal(alm_fs_memory_create(&fs, &error), ALM_OK);
    assert_int_equal(alm_fs_read_all(real, "tests/golden/forest/model_simple.txt", 1 << 20, arena,
                                     &text, &error), ALM_OK);
    assert_int_equal(alm_fs_make_directories(fs, "m", &error), ALM_OK);
    assert_int_equal(alm_fs_write_all(fs, "m/model", text, &error), ALM_OK);
    write_file(fs, "m/MLmodel", "flavors: {xgboost: {data: model}}");
    fails(fs, "m", ALM_ERR_CORRUPT, "m/model: MLmodel says xgboost, but this is a model of Light");
    alm_fs_destroy(fs);
    alm_fs_destroy(real);
    alm_arena_destroy(arena);
}

/* A link that leads out of the folder is not followed, whatever is behind it. */
static void links_are_not_followed(void **state)
{
    (void)state;
    alm_fs *fs = NULL;
    alm_error error;
    char folder[] = "/tmp/almanac_mlflow_test_XXXXXX";
    char path[80], target[80];
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/MLmodel", folder);
    write_file(fs, path, "flavors: {lightgbm: {data: out/model_simple.txt}}");
    (void)snprintf(path, sizeof path, "%s/out", folder);
    (void)snprintf(target, sizeof target, "../tests/golden/forest");
    assert_int_equal(symlink(target, path), 0);
    fails(fs, folder, ALM_ERR_CORRUPT, "'out' is a link, or not a folder");
    assert_int_equal(alm_fs_remove_tree(fs, folder, &error), ALM_OK);
    alm_fs_destroy(fs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flavour_says_the_file),
        cmocka_unit_test(folders_of_mlflow_are_opened),
        cmocka_unit_test(what_the_folder_says_must_be_there),
        cmocka_unit_test(another_librarys_file_is_refused),
        cmocka_unit_test(links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
