/* ONNX graphs by ONNX Runtime: answers beside those of onnx.reference, and everything refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/pool.h"
#include "model/backend/onnx_backend.h"
#include "model/backend/onnx_gate.h"

#define FOLDER "tests/golden/onnx/"
enum { VALUES_MAX = 4096 };

typedef struct world {
    alm_fs *fs;
    alm_arena *arena, *scratch;
    alm_env env;
    alm_error error;
} world;

static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(alm_fs_real_create(&w->fs, NULL), ALM_OK);
    w->arena = alm_arena_create(0);
    w->scratch = alm_arena_create(0);
    w->env = (alm_env){.fs = w->fs, .variable = variable};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    alm_arena_destroy(w->arena);
    alm_arena_destroy(w->scratch);
    alm_fs_destroy(w->fs);
    free(w);
    return 0;
}

static alm_str read_model(world *w, const char *name)
{
    alm_str bytes = {0};
    const char *path = alm_arena_printf(w->arena, FOLDER "%s.onnx", name);
    assert_int_equal(alm_fs_read_all(w->fs, path, 1 << 24, w->arena, &bytes, NULL), ALM_OK);
    return bytes;
}

static alm_err try_open(world *w, const char *name, alm_str result, size_t steps,
                        alm_backend **out)
{
    alm_onnx_options options = {read_model(w, name), name, result, steps};
    return alm_onnx_backend_open(&w->env, &options, out, &w->error);
}

static alm_backend *must_open(world *w, const char *name, size_t steps)
{
    alm_backend *backend = NULL;
    if (try_open(w, name, (alm_str){"", 0}, steps, &backend) != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
    return backend;
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

static void expect_close(const char *name, const double *got, const double *right, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* Sums of up to 40 products of floats of about 1, in another order. */
        if (!(fabs(got[i] - right[i]) <= 1e-6 * fmax(1, fabs(right[i])))) {
            fail_msg("%s: answer %zu is %.9g, expected %.9g", name, i, got[i], right[i]);
        }
    }
}

static void one_model(world *w, alm_str *rest)
{
    double rows[VALUES_MAX], right[VALUES_MAX], got[VALUES_MAX];
    alm_str named = alm_str_split(rest, '\n');
    int64_t count = 0;
    const char *name = alm_arena_copy_text(w->arena, named.data, named.size);
    assert_true(alm_str_to_i64(alm_str_split(rest, '\n'), &count));
    size_t values = numbers(rest, rows), answers = numbers(rest, right), n = (size_t)count;
    alm_backend *backend = must_open(w, name, 0);
    const alm_backend_info *info = &backend->info;
    assert_int_equal(info->outputs * n, answers);
    size_t steps = info->takes_windows ? values / n / info->columns : 1;
    alm_backend_batch batch = {rows, n, info->columns, info->takes_windows ? steps : 0,
                               0};
    assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, got, &w->error), ALM_OK);
    expect_close(name, got, right, answers);
    for (size_t i = 0; i < n; i++) { /* one row at a time */
        alm_backend_batch one = {rows + i * steps * info->columns, 1, info->columns, batch.steps,
                                 i};
        alm_arena_reset(w->scratch);
        assert_int_equal(alm_backend_predict(backend, &one, w->scratch, got + i * info->outputs,
                                             &w->error), ALM_OK);
    }
    expect_close(name, got, right, answers);
    alm_backend_destroy(backend);
}

static void answers_are_those_of_the_reference(void **state)
{
    world *w = *state;
    alm_str rest = {0};
    size_t models = 0;
    assert_int_equal(alm_fs_read_all(w->fs, FOLDER "answers.txt", 1 << 24, w->arena, &rest, NULL),
                     ALM_OK);
    for (; rest.data && rest.size > 0; models++) {
        one_model(w, &rest);
    }
    assert_int_equal(models, 10);
}

static void inputs_are_described(void **state)
{
    world *w = *state;
    alm_backend *backend = must_open(w, "columns", 0);
    const alm_backend_info *info = &backend->info;
    assert_int_equal(info->columns, 3);
    assert_int_equal(info->outputs, 2);
    assert_false(info->takes_windows || info->is_remote || info->finite_only);
    assert_true(alm_str_is(info->column[0], "age") && alm_str_is(info->column[2], "region"));
    assert_string_equal(info->input[2].type, "int64");
    assert_int_equal(info->input[2].shape[0], -1);
    assert_true(alm_str_is(info->output[0].name, "y"));
    assert_true(alm_str_starts_with(info->detail, "onnxruntime 1."));
    alm_backend_destroy(backend);
    backend = must_open(w, "linear_windows", 9);
    assert_true(backend->info.takes_windows && backend->info.steps == 9);
    assert_null(backend->info.column);
    alm_backend_destroy(backend);
    backend = must_open(w, "linear_windows", 0);
    assert_int_equal(backend->info.steps, 0);
    alm_backend_destroy(backend);
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *model;
        double row[6];
        const char *says[2];
    } CASES[] = {
        {"linear", {1, 2, 3, 4, 1e300, 6}, {"row 2, column 2 is 1e+300", "float"}},
        {"columns", {1, 2, 3, 1, 2, 2.5}, {"row 2, column 3 is 2.5", "whole numbers"}},
        {"columns", {1, 2, NAN, 1, 2, 3}, {"row 1, column 3 is nan", "whole numbers"}},
        {"columns", {1, 2, 1e17, 1, 2, 3}, {"row 1, column 3 is 1e+17", "2^53"}},
        {"logarithm", {1, 2, 3, 1, -1, 3}, {"row 2", "NaN"}},
        {"logarithm", {1, 2, 0, 1, 1, 3}, {"row 1", "infinity"}},
        {"linear", {1, 2, 3, 4, NAN, 6}, {"row 2", "NaN"}},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        double out[6] = {4711};
        alm_backend *backend = must_open(w, CASES[i].model, 0);
        alm_backend_batch batch = {CASES[i].row, 2, 3, 0, 0};
        assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, out, &w->error),
                         ALM_ERR_NUMERIC);
        for (size_t k = 0; k < 2; k++) {
            if (!strstr(w->error.message, CASES[i].says[k])) {
                fail_msg("'%s' lacks '%s'", w->error.message, CASES[i].says[k]);
            }
        }
        assert_true(out[0] == 4711);
        alm_backend_destroy(backend);
    }
    /* A model that knows what to do with missing values gets them. */
    double row[] = {NAN, 2, 4}, out[2];
    alm_backend *backend = must_open(w, "missing", 0);
    alm_backend_batch batch = {row, 1, 3, 0, 0};
    assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, out, &w->error), ALM_OK);
    assert_true(out[0] == 10 - 4 + 2 && out[1] == -4 + 6 - 4);
    alm_backend_destroy(backend);
}

/* The runtime's LSTM and GRU answer NaN with some number, which nobody could tell from another. */
static void recurrent_graphs_take_finite_numbers(void **state)
{
    static const char *const MODELS[] = {"lstm", "gru"};
    world *w = *state;
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        double window[2 * 4 * 3] = {0}, out[2] = {4711, 4711};
        alm_backend *backend = must_open(w, MODELS[i], 4);
        alm_backend_batch batch = {window, 2, 3, 4, 0};
        assert_true(backend->info.finite_only);
        assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, out, &w->error), ALM_OK);
        window[4 * 3 + 1] = NAN;
        out[0] = 4711;
        assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, out, &w->error),
                         ALM_ERR_NUMERIC);
        assert_non_null(strstr(w->error.message, "row 2, column 2 is missing"));
        assert_true(out[0] == 4711);
        alm_backend_destroy(backend);
    }
}

static void models_are_refused_by_name(void **state)
{
    static const struct {
        const char *model;
        alm_err code;
        const char *says[2];
    } CASES[] = {
        {"external", ALM_ERR_DENIED, {"another file", "one file"}},
        {"loop", ALM_ERR_UNSUPPORTED, {"'Loop'", "without end"}},
        {"random", ALM_ERR_UNSUPPORTED, {"'RandomUniformLike'", "inference"}},
        {"custom", ALM_ERR_UNSUPPORTED, {"domain 'example'", "custom operators"}},
        {"function", ALM_ERR_UNSUPPORTED, {"functions", "inliner"}},
        {"unknown", ALM_ERR_CORRUPT, {"Mystery", "ONNX Runtime"}},
        {"mismatch", ALM_ERR_CORRUPT, {"mismatch", "ONNX Runtime"}},
        {"text", ALM_ERR_UNSUPPORTED, {"'x'", "text"}},
        {"zipmap", ALM_ERR_UNSUPPORTED, {"maps (something that is no tensor)", "'zipmap': False"}},
        {"two", ALM_ERR_UNSUPPORTED, {"y (float), z (float)", "`result`"}},
        {"endless", ALM_ERR_LIMIT, {"4611686018427387904 steps of 4 columns", "16777216"}},
        {"fixed_four", ALM_ERR_UNSUPPORTED, {"'x' (float, 4 x 3)", "fixed number of rows"}},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        alm_backend *backend = NULL;
        alm_err code = try_open(w, CASES[i].model, (alm_str){"", 0}, 0, &backend);
        for (size_t k = 0; k < 2; k++) {
            if (code != CASES[i].code || !strstr(w->error.message, CASES[i].says[k])) {
                fail_msg("%s: %s: '%s' lacks '%s'", CASES[i].model, alm_err_name(code),
                         w->error.message, CASES[i].says[k]);
            }
        }
        assert_null(backend);
    }
}

static void options_must_fit(void **state)
{
    world *w = *state;
    alm_backend *backend = NULL;
    assert_int_equal(try_open(w, "two", ALM_STR("z"), 0, &backend), ALM_OK);
    double row[] = {0, 0, 0}, out[3] = {1, 1, 1};
    alm_backend_batch batch = {row, 1, 3, 0, 0};
    assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, out, &w->error), ALM_OK);
    assert_true(out[0] == 0 && out[2] == 0);
    alm_backend_destroy(backend);
    backend = NULL;
    assert_int_equal(try_open(w, "two", ALM_STR("q"), 0, &backend), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(w->error.message, "there is no q among its outputs"));
    assert_int_equal(try_open(w, "linear", (alm_str){"", 0}, 5, &backend), ALM_ERR_INVALID);
    assert_non_null(strstr(w->error.message, "`steps`"));
    assert_null(backend);
}

static void damaged_bytes_are_one_error(void **state)
{
    static const char *const MODELS[] = {"lstm", "loop", "external", "zipmap"};
    world *w = *state;
    for (size_t m = 0; m < sizeof MODELS / sizeof *MODELS; m++) {
        alm_str whole = read_model(w, MODELS[m]);
        for (size_t size = 0; size < whole.size; size++) {
            /* A copy, so that a sanitizer sees a read behind the end. */
            char *cut = malloc(size ? size : 1);
            memcpy(cut, whole.data, size);
            w->error.message[0] = '\0';
            bool hides_missing = false;
            alm_err code =
                almi_onnx_gate((alm_str){cut, size}, "cut", &hides_missing, &w->error);
            assert_true(code == ALM_ERR_CORRUPT || code == ALM_ERR_UNSUPPORTED ||
                        code == ALM_ERR_DENIED || code == ALM_OK);
            assert_true((code == ALM_OK) == (w->error.message[0] == '\0'));
            free(cut);
        }
    }
}

typedef struct sharing {
    const alm_backend *backend;
    const double *rows, *right;
} sharing;

static alm_err score_shared(void *context, size_t task, int worker, alm_error *error)
{
    const sharing *s = context;
    alm_arena *scratch = alm_arena_create(0);
    double out[3 * 4];
    alm_backend_batch batch = {s->rows + task % 4 * 4, 4, 4, 0, 0};
    (void)worker;
    alm_err code = alm_backend_predict(s->backend, &batch, scratch, out, error);
    if (code == ALM_OK && memcmp(out, s->right + task % 4 * 3, sizeof out) != 0) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "task %zu has other bits", task);
    }
    alm_arena_destroy(scratch);
    return code;
}

/* Four threads share a session; on one machine the answers have the same bits. */
static void threads_share_a_session(void **state)
{
    world *w = *state;
    double rows[8 * 4], right[8 * 3];
    alm_pool *pool = NULL;
    alm_backend *backend = must_open(w, "mlp", 0);
    for (size_t i = 0; i < 8 * 4; i++) {
        rows[i] = (double)(i * 37 % 11) / 7 - 1;
    }
    alm_backend_batch batch = {rows, 8, 4, 0, 0};
    assert_int_equal(alm_backend_predict(backend, &batch, w->scratch, right, &w->error), ALM_OK);
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    sharing s = {backend, rows, right};
    if (alm_pool_run(pool, 200, score_shared, &s, &w->error) != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
    alm_pool_destroy(pool);
    alm_backend_destroy(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_those_of_the_reference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inputs_are_described, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_do_not_fit_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(recurrent_graphs_take_finite_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_are_refused_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_must_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_bytes_are_one_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_share_a_session, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
