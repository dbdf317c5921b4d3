/* What every backend must do, whoever computes.
 *
 * A backend under test answers CONFORMANCE_COLUMNS columns with CONFORMANCE_OUTPUTS numbers: the
 * function of tests/golden/onnx/linear.onnx, whose weights have few bits, so that a right answer is
 * right to the last bit in float and double alike. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/http_loopback.h"
#include "base/rng.h"
#include "model/backend/memory_backend.h"
#include "model/backend/onnx_backend.h"
#include "model/backend/remote_cases.h"

enum { CONFORMANCE_COLUMNS = 3, CONFORMANCE_OUTPUTS = 2, CONFORMANCE_ROWS_MAX = 700 };
static const double CONFORMANCE_WEIGHT[] = {1, -2, 0.5, 0.25, 3, -1};
static const double CONFORMANCE_BIAS[] = {10, -4};

/* Quarters between -32 and 32. */
static double conformance_value(uint64_t at)
{
    return (double)(int)(alm_rng_u64(7, ALM_RNG_TEST, at, 0) % 256) / 4 - 32;
}

static double conformance_answer(const double *row, size_t output)
{
    double sum = CONFORMANCE_BIAS[output];
    for (size_t k = 0; k < CONFORMANCE_COLUMNS; k++) {
        sum += CONFORMANCE_WEIGHT[output * CONFORMANCE_COLUMNS + k] * row[k];
    }
    return sum;
}

typedef struct conformance {
    const alm_backend *backend;
    alm_arena *scratch;
    alm_error error;
    double *values, *out;
    size_t steps, stride; /* of this run */
} conformance;

static alm_err conformance_ask(conformance *c, size_t count)
{
    alm_backend_batch batch = {c->values, count, c->stride, c->steps, 0};
    alm_arena_reset(c->scratch);
    return alm_backend_predict(c->backend, &batch, c->scratch, c->out, &c->error);
}

/* `count` rows at a time give what the function says; nothing is written behind them. */
static void conformance_right(conformance *c, size_t count)
{
    bool windows = c->backend->info.takes_windows;
    size_t width = windows ? c->steps * CONFORMANCE_COLUMNS : c->stride;
    size_t last = windows ? (c->steps - 1) * CONFORMANCE_COLUMNS : 0;
    for (size_t i = 0; i < count * width; i++) {
        c->values[i] = conformance_value(i + 1000 * count);
    }
    c->out[count * CONFORMANCE_OUTPUTS] = 4711;
    if (conformance_ask(c, count) != ALM_OK) {
        fail_msg("%s: %s", c->backend->ops->name, c->error.message);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < CONFORMANCE_OUTPUTS; j++) {
            double right = conformance_answer(c->values + i * width + last, j);
            if (!(c->out[i * CONFORMANCE_OUTPUTS + j] == right)) {
                fail_msg("%s: row %zu of %zu, output %zu: %.17g instead of %.17g",
                         c->backend->ops->name, i, count, j, c->out[i * CONFORMANCE_OUTPUTS + j],
                         right);
            }
        }
    }
    assert_true(c->out[count * CONFORMANCE_OUTPUTS] == 4711);
}

/* A failure has its code and a message of one line that names the model, and writes nothing. */
static void conformance_refused(conformance *c, size_t count, alm_err code)
{
    c->out[0] = 4711;
    c->error.message[0] = '\0';
    alm_err got = conformance_ask(c, count);
    if (got != code) {
        fail_msg("%s: %s instead of %s (%s)", c->backend->ops->name, alm_err_name(got),
                 alm_err_name(code), c->error.message);
    }
    assert_true(c->error.message[0] != '\0' && !strchr(c->error.message, '\n'));
    assert_true(c->out[0] == 4711);
}

static void conformance_shapes(conformance *c)
{
    const alm_backend_info *info = &c->backend->info;
    if (info->takes_windows) {
        c->steps = info->steps ? info->steps + 1 : 0;
        conformance_refused(c, 1, ALM_ERR_INVALID);
        c->steps = info->steps ? info->steps : 4;
    } else {
        c->stride = CONFORMANCE_COLUMNS - 1;
        conformance_refused(c, 1, ALM_ERR_INVALID);
        c->stride = CONFORMANCE_COLUMNS + 2; /* of a wider table */
        conformance_right(c, 5);
        c->stride = CONFORMANCE_COLUMNS;
    }
    assert_int_equal(conformance_ask(c, 0), ALM_OK);
}

/* A missing value is refused by its row, or else cannot become a number that looks right. */
static void conformance_missing(conformance *c)
{
    size_t steps = c->backend->info.takes_windows ? c->steps : 1;
    for (size_t i = 0; i < 3 * steps * CONFORMANCE_COLUMNS; i++) {
        c->values[i] = 1;
    }
    c->values[(2 * steps - 1) * CONFORMANCE_COLUMNS + 1] = NAN; /* row 2, its last step */
    conformance_refused(c, 3, ALM_ERR_NUMERIC);
    assert_non_null(strstr(c->error.message, "row 2"));
}

/* Each allocation that may fail does so once: an error of its own, and nothing is written. Not for
 * a server in this thread, whose allocations would fail, too. */
static void conformance_memory(conformance *c)
{
    alm_arena *kept = c->scratch;
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t nth = 1; code != ALM_OK; nth++) {
        assert_true(nth < 1000);
        c->scratch = alm_arena_create(64);
        c->out[0] = 4711;
        (void)alm_heap_fail_at(nth);
        alm_backend_batch batch = {c->values, 17, c->stride, c->steps, 0};
        code = alm_backend_predict(c->backend, &batch, c->scratch, c->out, &c->error);
        (void)alm_heap_fail_at(0);
        if (code != ALM_OK && (code != ALM_ERR_MEMORY || c->out[0] != 4711)) {
            fail_msg("%s: allocation %llu: %s: %s", c->backend->ops->name, (unsigned long long)nth,
                     alm_err_name(code), c->error.message);
        }
        alm_arena_destroy(c->scratch);
    }
    c->scratch = kept;
}

static void run_conformance(const alm_backend *backend, bool memory_fails)
{
    const alm_backend_info *info = &backend->info;
    conformance c = {.backend = backend, .scratch = alm_arena_create(0),
                     .steps = info->takes_windows ? (info->steps ? info->steps : 4) : 0,
                     .stride = CONFORMANCE_COLUMNS};
    alm_arena *memory = alm_arena_create(0);
    c.values = ALM_NEW_ARRAY(memory, double, CONFORMANCE_ROWS_MAX * 32);
    c.out = ALM_NEW_ARRAY(memory, double, CONFORMANCE_ROWS_MAX * CONFORMANCE_OUTPUTS + 1);
    assert_int_equal(info->columns, CONFORMANCE_COLUMNS);
    assert_int_equal(info->outputs, CONFORMANCE_OUTPUTS);
    assert_true(info->name.size > 0 && info->format && info->detail.size > 0);
    static const size_t COUNTS[] = {1, 2, 3, 17, 256, CONFORMANCE_ROWS_MAX};
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        conformance_right(&c, COUNTS[i]);
    }
    conformance_shapes(&c);
    conformance_missing(&c);
    for (size_t i = 0; i < CONFORMANCE_ROWS_MAX * 32; i++) {
        c.values[i] = conformance_value(i);
    }
    if (memory_fails) {
        conformance_memory(&c);
    }
    conformance_right(&c, 4); /* as good as new after failures */
    alm_arena_destroy(memory);
    alm_arena_destroy(c.scratch);
}

/* ---- the implementations ---- */

static void memory_twin(void **state)
{
    alm_memory_backend_spec spec = {.columns = CONFORMANCE_COLUMNS,
                                    .outputs = CONFORMANCE_OUTPUTS,
                                    .weight = CONFORMANCE_WEIGHT,
                                    .bias = CONFORMANCE_BIAS};
    (void)state;
    for (int i = 0; i < 4; i++) {
        spec.takes_windows = i % 2;
        spec.steps = i == 3 ? 6 : 0;
        spec.finite_only = i >= 2;
        alm_backend *backend = alm_memory_backend_create(&spec);
        run_conformance(backend, true);
        alm_backend_destroy(backend);
    }
}

static const char *variable(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

static void onnx_runtime(void **state)
{
    static const struct {
        const char *path;
        size_t steps;
    } MODELS[] = {{"linear", 0}, {"one", 0}, {"open", 0}, {"linear_windows", 0},
                  {"linear_windows", 5}};
    alm_fs *fs = NULL;
    (void)state;
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    alm_env env = {.fs = fs, .variable = variable};
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        alm_arena *arena = alm_arena_create(0);
        const char *path = alm_arena_printf(arena, "tests/golden/onnx/%s.onnx", MODELS[i].path);
        alm_onnx_options options = {.name = path, .steps = MODELS[i].steps};
        alm_backend *backend = NULL;
        alm_error error = {0};
        assert_int_equal(alm_fs_read_all(fs, path, 1 << 20, arena, &options.bytes, &error), ALM_OK);
        if (alm_onnx_backend_open(&env, &options, &backend, &error) != ALM_OK) {
            fail_msg("%s", error.message);
        }
        run_conformance(backend, true);
        alm_backend_destroy(backend);
        alm_arena_destroy(arena);
    }
    alm_fs_destroy(fs);
}

/* ---- servers: without a socket, and over libcurl ---- */

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

static void answer_memory(void *context, const alm_http_request *request, alm_arena *arena,
                          alm_http_outcome *out, const char **reason)
{
    alm_buffer body = {0};
    alm_str path = alm_str_of(strchr(request->url + strlen("http://"), '/'));
    (void)context;
    (void)reason;
    out->response.status = fake_answer(path, request->body, &body);
    out->response.body = (alm_str){alm_arena_copy_text(arena, body.data, body.size), body.size};
    alm_buffer_deinit(&body);
}

static void answer_socket(const loopback_request *request, alm_buffer *out)
{
    alm_buffer body = {0};
    int status = fake_answer(request->path, request->body, &body);
    loopback_reply(out, status, "", alm_buffer_view(&body));
    alm_buffer_deinit(&body);
}

/* Every protocol, of rows and of windows. */
static void run_protocols(alm_http *http, const char *url, bool memory_fails)
{
    alm_env env = {.http = http, .now = no_clock};
    for (size_t i = 0; i < FAKE_DOCUMENT_COUNT; i++) {
        for (size_t steps = 0; steps <= 5; steps += 5) {
            alm_backend *backend = NULL;
            alm_error error = {0};
            if (fake_open(&env, FAKE_DOCUMENTS[i], url, steps, &backend, &error) != ALM_OK) {
                fail_msg("%s", error.message);
            }
            assert_true(backend->info.is_remote && backend->info.finite_only);
            run_conformance(backend, memory_fails);
            alm_backend_destroy(backend);
        }
    }
}

static void remote_protocols(void **state)
{
    alm_http *http = alm_http_memory_create(&(alm_http_memory_world){answer_memory, NULL});
    (void)state;
    run_protocols(http, "http://memory:8000", false);
    alm_http_destroy(http);
}

static void remote_protocols_over_curl(void **state)
{
    loopback server = {0};
    alm_http *http = NULL;
    alm_error error = {0};
    char url[64];
    (void)state;
    assert_true(loopback_start(&server, answer_socket));
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    if (alm_http_curl_create(&http, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    run_protocols(http, url, true);
    alm_http_destroy(http);
    loopback_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_twin),
        cmocka_unit_test(onnx_runtime),
        cmocka_unit_test(remote_protocols),
        cmocka_unit_test(remote_protocols_over_curl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
