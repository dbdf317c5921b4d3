/* What models that are not ours cost: two small nets of tests/golden/onnx by ONNX Runtime, an LSTM
 * of ours of the same size; and what a question and an answer of a server cost without it.
 *
 *     backend_bench [repeats]       (from the root of the source)
 *
 * Printed are medians of processor time over the repeats, one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fs.h"
#include "model/backend/onnx_backend.h"
#include "model/backend/remote_cases.h"
#include "model/sequence/network.h"

#define ROWS 4096
#define STEPS 20
#define REPEATS_MAX 99

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "backend_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double values[ROWS * STEPS * 4], answers[ROWS * 3];

/* us a row of `rows` in calls of `per_call`. */
static double time_backend(const alm_backend *backend, size_t rows, size_t per_call)
{
    alm_error error = {0};
    alm_arena *scratch = alm_arena_create(0);
    const alm_backend_info *info = &backend->info;
    size_t steps = info->takes_windows ? STEPS : 0, width = info->columns * (steps ? steps : 1);
    double start = seconds_now();
    for (size_t i = 0; i < rows; i += per_call) {
        alm_backend_batch batch = {values + i * width, per_call, info->columns, steps, 0};
        alm_arena_reset(scratch);
        check(alm_backend_predict(backend, &batch, scratch, answers + i * info->outputs, &error),
              &error);
    }
    double taken = seconds_now() - start;
    alm_arena_destroy(scratch);
    return 1e6 * taken / (double)rows;
}

static void print_backend(const alm_backend *backend, const char *name, size_t repeats)
{
    static const size_t PER_CALL[] = {1, 16, 256};
    for (size_t c = 0; c < 3; c++) {
        double taken[REPEATS_MAX];
        for (size_t r = 0; r < repeats; r++) {
            taken[r] = time_backend(backend, PER_CALL[c] == 1 ? 256 : ROWS, PER_CALL[c]);
        }
        qsort(taken, repeats, sizeof *taken, compare);
        printf("{\"name\":\"%s, %zu rows a call\",\"value\":%.4g,\"unit\":\"us/row\"}\n", name,
               PER_CALL[c], taken[repeats / 2]);
    }
}

static void time_graph(const alm_env *env, const char *path, size_t repeats)
{
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    alm_backend *backend = NULL;
    alm_onnx_options options = {.name = path};
    check(alm_fs_read_all(env->fs, path, 1 << 20, arena, &options.bytes, &error), &error);
    check(alm_onnx_backend_open(env, &options, &backend, &error), &error);
    print_backend(backend, path, repeats);
    alm_backend_destroy(backend);
    alm_arena_destroy(arena);
}

/* The size of lstm.onnx: 3 columns, 5 units, one value. */
static void time_ours(size_t repeats)
{
    alm_network_spec spec = {.feature_count = 3, .layer_count = 1, .output_count = 1,
                             .layer = {{.kind = ALM_LAYER_LSTM, .units = 5}}};
    alm_error error = {0};
    alm_network *network = NULL;
    alm_arena *scratch = alm_arena_create(0);
    double taken[REPEATS_MAX];
    check(alm_network_create(&spec, 1, &network, &error), &error);
    for (size_t r = 0; r < repeats; r++) {
        alm_network_windows windows = {values, ROWS, STEPS};
        double start = seconds_now();
        alm_arena_reset(scratch);
        check(alm_network_predict(network, &windows, scratch, answers, &error), &error);
        taken[r] = 1e6 * (seconds_now() - start) / ROWS;
    }
    qsort(taken, repeats, sizeof *taken, compare);
    printf("{\"name\":\"our LSTM of 5 units\",\"value\":%.4g,\"unit\":\"us/row\"}\n",
           taken[repeats / 2]);
    alm_network_destroy(network);
    alm_arena_destroy(scratch);
}

static void answer_from_memory(void *context, const alm_http_request *request, alm_arena *arena,
                               alm_http_outcome *out, const char **reason)
{
    static const char HEAD[] = "{\"predictions\":[";
    alm_buffer *body = context;
    size_t rows = 0;
    (void)arena;
    (void)reason;
    for (size_t i = 0; i < request->body.size; i++) {
        rows += request->body.data[i] == ']';
    }
    alm_buffer_clear(body);
    alm_buffer_text(body, HEAD);
    for (size_t i = 0; i + 1 < rows; i++) {
        alm_buffer_text(body, i ? ",[0.25,1.5]" : "[0.25,1.5]");
    }
    alm_buffer_text(body, "]}");
    out->response.body = alm_buffer_view(body);
}

static alm_instant no_clock(void *context)
{
    (void)context;
    return 0;
}

int main(int argc, char **argv)
{
    size_t repeats = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    alm_buffer body = {0};
    alm_error error = {0};
    alm_env env = {.now = no_clock};
    alm_backend *backend = NULL;
    repeats = repeats < 1 ? 1 : repeats > REPEATS_MAX ? REPEATS_MAX : repeats;
    check(alm_fs_real_create(&env.fs, &error), &error);
    env.http = alm_http_memory_create(&(alm_http_memory_world){answer_from_memory, &body});
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        values[i] = (double)(i * 7919 % 1000) / 500 - 1;
    }
    time_graph(&env, "tests/golden/onnx/mlp.onnx", repeats);
    time_graph(&env, "tests/golden/onnx/lstm.onnx", repeats);
    time_ours(repeats);
    check(fake_open(&env, FAKE_DOCUMENTS[2], "http://h", 0, &backend, &error), &error);
    print_backend(backend, "a server's question and answer, 3 columns", repeats);
    alm_backend_destroy(backend);
    alm_http_destroy(env.http);
    alm_fs_destroy(env.fs);
    alm_buffer_deinit(&body);
    return 0;
}
