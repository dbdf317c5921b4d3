/* imported_test.c: bundles of model files: what goes in comes out, what is damaged is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "batch/imported.h"
#include "model/forest/forest_cases.h"

#define MODEL "model_simple.txt"
#define HEADER "X2,note,X1,prediction\n"
#define ROWS "1,a,100,0.5731282609335557\n3,b,700,0.5976432392485469\n"

typedef struct world {
    alm_fs *fs;
    alm_env env;
    alm_objects *objects;
    alm_arena *arena;
    alm_import_request request;
    alm_error error;
} world;

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(world), &memory, NULL) == ALM_OK);
    world *w = memory;
    alm_assert(alm_fs_memory_create(&w->fs, &w->error) == ALM_OK);
    alm_assert(alm_objects_folder_open(w->fs, "objects", &w->objects, &w->error) == ALM_OK);
    w->env.fs = w->fs;
    w->arena = alm_arena_create(0);
    w->request = (alm_import_request){"model.txt", "expected.csv", ALM_IMPORT_TOLERANCE_DEFAULT};
    alm_str text = case_fixture(w->arena, MODEL);
    alm_assert(alm_fs_write_all(w->fs, "model.txt", text, &w->error) == ALM_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_objects_close(w->objects);
    alm_arena_destroy(w->arena);
    alm_fs_destroy(w->fs);
    alm_heap_free(w);
    return 0;
}

static alm_err import(world *w, const char *expected, alm_import_result *out)
{
    w->error = (alm_error){0};
    alm_str text = alm_str_of(expected);
    alm_assert(alm_fs_write_all(w->fs, "expected.csv", text, &w->error) == ALM_OK);
    return alm_import_model(&w->env, &w->request, w->objects, w->arena, out, &w->error);
}

static alm_import_result must_import(world *w, const char *expected)
{
    alm_import_result result = {0};
    if (import(w, expected, &result) != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
    return result;
}

static void expect_refused(world *w, const char *expected, alm_err code, const char *message)
{
    alm_import_result result = {0};
    alm_digest *all = NULL;
    size_t before = 0;
    size_t after = 0;
    alm_assert(alm_objects_list(w->objects, w->arena, &all, &before, NULL) == ALM_OK);
    assert_int_equal(import(w, expected, &result), code);
    if (!strstr(w->error.message, message)) {
        fail_msg("'%s' is not in: %s", message, w->error.message);
    }
    alm_assert(alm_objects_list(w->objects, w->arena, &all, &after, NULL) == ALM_OK);
    assert_in_range(after - before, 0, 1); /* the expected rows at most: no manifest */
}

static void what_goes_in_comes_out(void **state)
{
    world *w = *state;
    alm_import_result first = must_import(w, HEADER ROWS);
    assert_true(first.has_expected);
    assert_int_equal(first.check.values, 2);
    assert_int_equal(first.check.equal, 2);
    assert_int_equal(first.check.close, 2);
    assert_true(first.check.largest == 0 && first.check.mean_error == 0);
    assert_int_equal(first.check.worst_row, 0);
    alm_import_result again = must_import(w, HEADER ROWS);
    assert_memory_equal(&first.bundle, &again.bundle, sizeof first.bundle);
    alm_import_result other = must_import(w, HEADER "1,a,100,0.57312826\n");
    assert_memory_not_equal(&first.bundle, &other.bundle, sizeof first.bundle);
    assert_int_equal(other.check.equal, 0);
    assert_int_equal(other.check.close, 1);
    assert_true(other.check.largest > 0 && other.check.largest < 1e-8);
    assert_true(other.check.mean_error == other.check.largest);
    assert_int_equal(other.check.worst_row, 1);
    assert_string_equal(other.check.worst_column, "prediction");

    alm_imported opened = {0};
    assert_int_equal(alm_imported_open(&w->env, w->objects,
                                       &first.bundle, w->arena, &opened, &w->error),
                     ALM_OK);
    const alm_model_file_info *info = alm_model_file_describe(opened.model.file);
    assert_true(alm_str_is(info->name, "model.txt"));
    assert_true(alm_str_equal(info->description, first.description));
    assert_true(opened.has_expected);
    alm_expected_check check;
    alm_expected_request request = {&opened.model, opened.expected_path, "kept", 0};
    assert_int_equal(alm_expected_compare(&w->env, &request, w->arena, &check, &w->error), ALM_OK);
    assert_int_equal(check.equal, 2);
    alm_imported_model_close(&opened.model);
}

static void without_expected_outputs(void **state)
{
    world *w = *state;
    w->request.expected_path = NULL;
    alm_import_result result = must_import(w, "");
    assert_false(result.has_expected);
    alm_imported opened = {0};
    assert_int_equal(alm_imported_open(&w->env, w->objects,
                                       &result.bundle, w->arena, &opened, &w->error),
                     ALM_OK);
    assert_false(opened.has_expected);
    assert_null(opened.expected_path);
    alm_imported_model_close(&opened.model);
}

/* Raw scores, where these are what the file holds; a missing answer is close to a missing one. */
static void raw_scores_and_missing_values(void **state)
{
    world *w = *state;
    alm_import_result raw = must_import(w, "X1,X2,raw\n100,1,0.29462594152396643\n");
    assert_int_equal(raw.check.values, 1);
    w->request.tolerance = 1;
    expect_refused(w, HEADER "1,a,100,\n", ALM_ERR_CONFLICT,
                   "row 1, prediction is 0.5731282609335557, expected nan");
}

/* Of a model without names the columns go by position, and the answers are none of them. */
static void answers_are_no_columns_of_the_model(void **state)
{
    world *w = *state;
    alm_str text = case_fixture(w->arena, "tiniest_single_tree.txt");
    assert_int_equal(alm_fs_write_all(w->fs, "model.txt", text, &w->error), ALM_OK);
    alm_import_result first = must_import(w, "a,b,c,prediction\n4,5,6,0.49040602357823876\n");
    assert_int_equal(first.check.equal, 1);
    alm_import_result between = must_import(w, "a,prediction,b,c\n4,0.49040602357823876,5,6\n");
    assert_int_equal(between.check.equal, 1);
    expect_refused(w, "a,b,note,c,prediction\n4,5,6,7,0.4\n", ALM_ERR_INVALID,
                   "has 4 columns, the model takes 3");
}

static void what_is_wrong_is_named(void **state)
{
    world *w = *state;
    expect_refused(w, HEADER ROWS "1,c,100,0.6\n", ALM_ERR_CONFLICT,
                   "model.txt answers otherwise than expected.csv expects, in 1 of 3 values: row "
                   "3, prediction is 0.5731282609335557, expected 0.6 (tolerance 1e-06)");
    expect_refused(w, HEADER "1,c,100,inf\n1,a,100,0.6\n", ALM_ERR_CONFLICT, "row 1");
    expect_refused(w, "X1,X2\n1,2\n", ALM_ERR_INVALID, "has no column 'prediction'");
    expect_refused(w, "X1,prediction\n1,2\n", ALM_ERR_INVALID,
                   "expected.csv lacks 1 of the model's 2 columns: X2");
    expect_refused(w, HEADER, ALM_ERR_INVALID, "a header and no rows");
    expect_refused(w, HEADER "1,a,100,much\n", ALM_ERR_INVALID, "much");
    expect_refused(w, "", ALM_ERR_INVALID, "expected.csv");
    assert_int_equal(alm_fs_write_all(w->fs, "model.txt", ALM_STR("no model"), &w->error), ALM_OK);
    expect_refused(w, HEADER ROWS, ALM_ERR_INVALID, "model.txt");
}

static void put_manifest(world *w, const char *text, alm_err code, const char *message)
{
    alm_digest digest;
    alm_imported opened = {0};
    w->error = (alm_error){0};
    assert_int_equal(alm_objects_put(w->objects, alm_str_of(text), &digest, &w->error), ALM_OK);
    assert_int_equal(alm_imported_open(&w->env, w->objects,
                                       &digest, w->arena, &opened, &w->error), code);
    assert_null(opened.model.file);
    if (!strstr(w->error.message, message)) {
        fail_msg("'%s' is not in: %s", message, w->error.message);
    }
}

#define NO_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"

static void other_manifests_are_refused(void **state)
{
    world *w = *state;
    put_manifest(w, "{\"format\":1,\"files\":{}}", ALM_ERR_UNSUPPORTED, "it was trained here");
    put_manifest(w, "[1]", ALM_ERR_UNSUPPORTED, "it was trained here");
    put_manifest(w, "{\"kind\":\"model file\",\"format\":2}", ALM_ERR_UNSUPPORTED, "format 2");
    put_manifest(w, "{\"kind\":\"model file\"}", ALM_ERR_CORRUPT, "format");
    put_manifest(w, "{\"kind\":\"model file\",\"format\":1,\"expected\":null,\"file\":\"m\","
                 "\"model\":\"12\"}", ALM_ERR_CORRUPT, "malformed");
    put_manifest(w, "{\"kind\":\"model file\",\"format\":1,\"expected\":null,\"file\":\"m\","
                 "\"model\":\"" NO_DIGEST "\"}", ALM_ERR_NOT_FOUND, "bundle ");
    put_manifest(w, "{\"kind\":\"model file\",\"format\":1,\"expected\":\"" NO_DIGEST "\","
                 "\"file\":\"m\",\"model\":\"" NO_DIGEST "\"}", ALM_ERR_NOT_FOUND, "bundle ");
    put_manifest(w, "no JSON", ALM_ERR_CORRUPT, "manifest.json");
}

/* Each call of the file system fails once: an error, or the result. */
static void faults_leave_nothing(void **state)
{
    world *w = *state;
    alm_fs *faulty = NULL;
    alm_import_result result = {0};
    must_import(w, HEADER ROWS);
    assert_int_equal(alm_fs_fault_create(w->fs, &faulty, &w->error), ALM_OK);
    alm_objects *objects = w->objects;
    w->env.fs = faulty;
    assert_int_equal(alm_objects_folder_open(faulty, "other", &w->objects, &w->error), ALM_OK);
    size_t failures = 0;
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        alm_arena *arena = alm_arena_create(0);
        w->error = (alm_error){0};
        alm_fs_fault_set(faulty, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = nth});
        alm_err code = alm_import_model(&w->env, &w->request, w->objects, arena, &result,
                                        &w->error);
        done = !alm_fs_fault_happened(faulty);
        failures += code != ALM_OK;
        alm_arena_destroy(arena);
        assert_int_equal(code == ALM_OK, w->error.message[0] == '\0');
        assert_false(done && code != ALM_OK);
    }
    assert_in_range(failures, 5, 999);
    alm_objects_close(w->objects);
    w->objects = objects;
    w->env.fs = w->fs;
    alm_fs_destroy(faulty);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_goes_in_comes_out),
        CASE(without_expected_outputs),
        CASE(raw_scores_and_missing_values),
        CASE(answers_are_no_columns_of_the_model), CASE(what_is_wrong_is_named),
        CASE(other_manifests_are_refused),
        CASE(faults_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
