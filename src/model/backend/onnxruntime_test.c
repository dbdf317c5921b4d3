/* ONNX Runtime through the slots that onnxruntime.c declares: a wrong one shows in a real model. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/backend/onnxruntime.h"

#define FOLDER "tests/golden/onnx/"
enum { INPUTS_MAX = 8, VALUES_MAX = 4096 };

static alm_str read_file(alm_arena *arena, const char *path)
{
    alm_fs *fs = NULL;
    alm_str out = {0};
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, path, 1 << 24, arena, &out, NULL), ALM_OK);
    alm_fs_destroy(fs);
    return out;
}

static alm_err open_model(alm_arena *arena, const char *path, almi_ort **out, alm_error *error)
{
    almi_ort_request request = {getenv(ALMI_ORT_VARIABLE), read_file(arena, path), path};
    return almi_ort_open(&request, out, error);
}

static size_t numbers(alm_str *rest, double *out)
{
    alm_str line = alm_str_split(rest, '\n');
    size_t count = 0;
    while (line.size > 0) {
        assert_true(count < VALUES_MAX);
        assert_true(alm_str_to_double(alm_str_split(&line, ' '), &out[count++]));
    }
    return count;
}

/* The next two lines as a tensor of floats. */
static almi_ort_tensor read_tensor(alm_arena *arena, alm_str *rest)
{
    double value[VALUES_MAX];
    almi_ort_tensor t = {.type = ALMI_ORT_FLOAT};
    t.rank = numbers(rest, value);
    for (size_t i = 0; i < t.rank; i++) {
        t.shape[i] = (int64_t)value[i];
    }
    t.count = numbers(rest, value);
    float *data = ALM_NEW_ARRAY(arena, float, t.count);
    for (size_t i = 0; i < t.count; i++) {
        data[i] = (float)value[i];
    }
    t.data = data;
    return t;
}

static void take_type(almi_ort_tensor *t, int type)
{
    t->type = type;
    for (size_t i = 0; type == ALMI_ORT_INT32 && i < t->count; i++) {
        ((int32_t *)t->data)[i] = (int32_t)((float *)t->data)[i];
    }
}

static void one_case(alm_arena *arena, alm_str *rest)
{
    alm_str name = alm_str_split(rest, '\n');
    alm_str line = alm_str_split(rest, '\n');
    int64_t count = 0;
    assert_true(alm_str_to_i64(line, &count));
    almi_ort_tensor input[INPUTS_MAX], result;
    for (int64_t i = 0; i < count; i++) {
        input[i] = read_tensor(arena, rest);
    }
    almi_ort_tensor expected = read_tensor(arena, rest);
    almi_ort *session = NULL;
    alm_error error = {0};
    const char *path =
        alm_arena_printf(arena, FOLDER "nodes/" ALM_STR_FMT ".onnx", ALM_STR_ARG(name));
    if (open_model(arena, path, &session, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    size_t inputs = 0, outputs = 0;
    const almi_ort_port *port = almi_ort_inputs(session, &inputs);
    (void)almi_ort_outputs(session, &outputs);
    assert_int_equal(inputs, count);
    assert_int_equal(port[0].type, ALMI_ORT_FLOAT);
    assert_int_equal(port[0].rank, input[0].rank);
    for (size_t i = 0; i < inputs; i++) {
        take_type(&input[i], port[i].type); /* lengths of sequences are whole numbers */
    }
    size_t wanted = outputs - 1;
    almi_ort_call call = {input, &wanted, 1};
    if (almi_ort_run(session, &call, arena, &result, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(result.count, expected.count);
    assert_int_equal(result.rank, expected.rank);
    for (size_t i = 0; i < expected.count; i++) {
        /* Sums of up to 60 products of floats of about 1, in another order. */
        float got = ((const float *)result.data)[i], right = ((const float *)expected.data)[i];
        if (!(fabsf(got - right) <= 2e-6f)) {
            fail_msg(ALM_STR_FMT ": %g, expected %g", ALM_STR_ARG(name), (double)got,
                     (double)right);
        }
    }
    almi_ort_close(session);
}

static void node_cases(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str rest = read_file(arena, FOLDER "nodes.txt");
    size_t cases = 0;
    (void)state;
    for (; rest.data && rest.size > 0; cases++) {
        one_case(arena, &rest);
    }
    assert_int_equal(cases, 13);
    alm_arena_destroy(arena);
}

static size_t count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

/* No thread computes beside the caller, and none tells anybody about it. */
static void no_thread_is_started(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    almi_ort *session = NULL;
    float values[6] = {1, 2, 3, 4, 5, 6};
    size_t wanted = 0, before = count_threads();
    almi_ort_tensor result, rows = {ALMI_ORT_FLOAT, 2, {2, 3}, values, 6};
    almi_ort_call call = {&rows, &wanted, 1};
    (void)state;
    assert_int_equal(unsetenv("ORT_DISABLE_TELEMETRY"), 0);
    assert_int_equal(open_model(arena, FOLDER "linear.onnx", &session, NULL), ALM_OK);
    assert_int_equal(almi_ort_run(session, &call, arena, &result, NULL), ALM_OK);
    assert_int_equal(count_threads(), before);
    assert_string_equal(getenv("ORT_DISABLE_TELEMETRY"), "1");
    almi_ort_close(session);
    alm_arena_destroy(arena);
}

static void ports_are_described(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    almi_ort *session = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(open_model(arena, FOLDER "columns.onnx", &session, NULL), ALM_OK);
    const almi_ort_port *port = almi_ort_inputs(session, &count);
    assert_int_equal(count, 3);
    assert_string_equal(port[0].name, "age");
    assert_string_equal(port[2].name, "region");
    assert_int_equal(port[2].type, ALMI_ORT_INT64);
    assert_int_equal(port[2].rank, 2);
    assert_int_equal(port[2].shape[0], -1);
    assert_int_equal(port[2].shape[1], 1);
    port = almi_ort_outputs(session, &count);
    assert_int_equal(count, 1);
    assert_int_equal(port[0].shape[1], 2);
    assert_true(alm_str_starts_with(alm_str_of(almi_ort_version(session)), "1."));
    almi_ort_close(session);

    assert_int_equal(open_model(arena, FOLDER "zipmap.onnx", &session, NULL), ALM_OK);
    port = almi_ort_outputs(session, &count);
    assert_int_equal(count, 2);
    assert_int_equal(port[1].type, ALMI_ORT_NONE);
    almi_ort_close(session);
    alm_arena_destroy(arena);
}

static void wrong_calls_are_errors(void **state)
{
    alm_arena *arena = alm_arena_create(0);
    almi_ort *session = NULL;
    alm_error error = {0};
    float values[8] = {0};
    size_t wanted = 0;
    (void)state;
    assert_int_equal(open_model(arena, FOLDER "linear.onnx", &session, NULL), ALM_OK);
    almi_ort_tensor result, wide = {ALMI_ORT_FLOAT, 2, {2, 4}, values, 8};
    almi_ort_call call = {&wide, &wanted, 1};
    assert_int_equal(almi_ort_run(session, &call, arena, &result, &error), ALM_ERR_EXTERNAL);
    assert_non_null(strstr(error.message, "linear.onnx"));
    assert_null(strchr(error.message, '\n'));
    almi_ort_tensor whole = {ALMI_ORT_INT32, 2, {2, 3}, values, 6};
    call.input = &whole;
    assert_int_equal(almi_ort_run(session, &call, arena, &result, &error), ALM_ERR_EXTERNAL);
    almi_ort_close(session);

    assert_int_equal(open_model(arena, FOLDER "mismatch.onnx", &session, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "mismatch.onnx"));
    assert_int_equal(open_model(arena, FOLDER "unknown.onnx", &session, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "Mystery"));
    alm_arena_destroy(arena);
}

static void library_is_named_when_it_is_not_there(void **state)
{
    almi_ort *session = NULL;
    alm_error error = {0};
    almi_ort_request request = {"/nowhere/libonnxruntime.so", {"", 0}, "net.onnx"};
    (void)state;
    assert_int_equal(almi_ort_open(&request, &session, &error), ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "net.onnx needs ONNX Runtime"));
    assert_non_null(strstr(error.message, "/nowhere/libonnxruntime.so"));
    assert_non_null(strstr(error.message, ALMI_ORT_VARIABLE));
    request.library = "libz.so.1"; /* a library, and another one */
    assert_int_equal(almi_ort_open(&request, &session, &error), ALM_ERR_UNSUPPORTED);
    assert_null(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_is_started), /* first: it starts but once */
        cmocka_unit_test(node_cases),
        cmocka_unit_test(ports_are_described),
        cmocka_unit_test(wrong_calls_are_errors),
        cmocka_unit_test(library_is_named_when_it_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
