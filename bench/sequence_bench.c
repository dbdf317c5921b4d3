/* A step of an LSTM with 128 units over 40 features, beside ONNX Runtime, one thread.
 *
 *     sequence_bench ROUNDS LIBONNXRUNTIME FOLDER
 *
 * FOLDER has what sequence_peers.py makes: weights.f32 (W, U, b as network.h has them, then a head
 * of one output), lstm_1.onnx, lstm_64.onnx (windows of STEPS steps) and step.onnx (one step, state
 * in and out). Measured in processor time: windows of 64 steps alone and 64 at a time, and one step
 * of a stream; a figure is microseconds per step of one window. Ours and theirs alternate; medians
 * over the rounds. Without the library or the folder ours is measured alone. */
#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "bench_measure.h"
#include "model/sequence/network.h"
#include "runtime_peer.h"

#define UNITS 128
#define FEATURES 40
#define STEPS 64
#define WINDOWS 64
#define PATH_BYTES 1024

typedef struct bench {
    alm_network *network;
    alm_network_state *state;
    peer_runtime runtime;
    void *session[3]; /* one window, 64 windows, one step; NULL: not there */
    runtime_call call[3];
    alm_arena *arena, *scratch;
    double *x;      /* WINDOWS x STEPS x FEATURES */
    float *x_float; /* STEPS x WINDOWS x FEATURES, as ONNX has it */
    float *x_one, *x_step;
    float h[UNITS], c[UNITS], h_after[UNITS], c_after[UNITS];
    float out_one[UNITS], out_many[WINDOWS * UNITS];
    double ours[WINDOWS];
    const float *head;
} bench;

typedef enum what { ONE, MANY, STREAM, WHATS } what;
static const char *const WHAT[WHATS] = {"lstm_128x40_batch_1", "lstm_128x40_batch_64",
                                        "lstm_128x40_stream"};

static size_t our_call(bench *b, what w)
{
    alm_error error = {0};
    if (w == STREAM) {
        for (size_t t = 0; t < STEPS; t++) {
            bench_check(alm_network_step(b->state, b->x + t * FEATURES, b->ours, &error), &error);
        }
        return STEPS;
    }
    size_t count = w == ONE ? 1 : WINDOWS;
    alm_network_windows windows = {b->x, count, STEPS};
    bench_check(alm_network_predict(b->network, &windows, b->scratch, b->ours, &error), &error);
    alm_arena_reset(b->scratch);
    return count * STEPS;
}

static size_t their_call(bench *b, what w)
{
    if (w != STREAM) {
        runtime_run(&b->runtime, b->session[w], &b->call[w]);
        return (w == ONE ? 1 : WINDOWS) * STEPS;
    }
    for (size_t t = 0; t < STEPS; t++) {
        memcpy(b->x_step, b->x_one + t * FEATURES, FEATURES * sizeof(float));
        runtime_run(&b->runtime, b->session[w], &b->call[w]);
        memcpy(b->h, b->h_after, sizeof b->h);
        memcpy(b->c, b->c_after, sizeof b->c);
    }
    return STEPS;
}

/* Seconds per step. */
static double time_of(bench *b, size_t (*call)(bench *b, what w), what w)
{
    size_t steps = 0;
    double start = bench_seconds(), used = 0;
    for (; used < 2 * BENCH_SECONDS_MIN; used = bench_seconds() - start) {
        steps += call(b, w);
    }
    return used / (double)steps;
}

/* Theirs has no head: the last hidden state goes through the weights of ours. */
static double largest_error(bench *b, what w)
{
    double largest = 0;
    (void)our_call(b, w);
    (void)their_call(b, w);
    for (size_t i = 0; i < (w == ONE ? 1 : WINDOWS); i++) {
        const float *h = (w == ONE ? b->out_one : b->out_many) + i * UNITS;
        double sum = b->head[UNITS];
        for (size_t n = 0; n < UNITS; n++) {
            sum += (double)h[n] * b->head[n];
        }
        largest = fmax(largest, fabs(sum - b->ours[i]));
    }
    return largest;
}

static void measure(bench *b, what w, int rounds)
{
    double ours[BENCH_ROUNDS_MAX], theirs[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
    char name[120];
    for (int i = 0; i < rounds; i++) {
        ours[i] = time_of(b, our_call, w);
        theirs[i] = b->session[w] != NULL ? time_of(b, their_call, w) : NAN;
        ratio[i] = theirs[i] / ours[i];
    }
    snprintf(name, sizeof name, "%s_almanac", WHAT[w]);
    bench_print(name, bench_median(ours, rounds) * 1e6, "us/step");
    if (b->session[w] == NULL) {
        fprintf(stderr, "bench: %s_onnxruntime is not measured\n", WHAT[w]);
        return;
    }
    snprintf(name, sizeof name, "%s_onnxruntime", WHAT[w]);
    bench_print(name, bench_median(theirs, rounds) * 1e6, "us/step");
    snprintf(name, sizeof name, "%s_onnxruntime_over_almanac", WHAT[w]);
    bench_print(name, bench_median(ratio, rounds), "x");
    if (w != STREAM) {
        snprintf(name, sizeof name, "%s_onnxruntime_largest_difference", WHAT[w]);
        bench_print(name, largest_error(b, w), "");
    }
}

/* ---- preparation ---- */

static const char *join(char *to, const char *folder, const char *file)
{
    snprintf(to, PATH_BYTES, "%s/%s", folder, file);
    return to;
}

static void make_network(bench *b, alm_fs *fs, const char *folder)
{
    alm_network_spec spec = {.feature_count = FEATURES, .layer_count = 1, .output_count = 1};
    char path[PATH_BYTES];
    alm_error error = {0};
    size_t count = 0;
    spec.layer[0] = (alm_layer_spec){.kind = ALM_LAYER_LSTM, .units = UNITS};
    bench_check(alm_network_create(&spec, 1, &b->network, &error), &error);
    float *own = alm_network_parameters(b->network, &count);
    b->head = own + count - UNITS - 1;
    if (alm_fs_exists(fs, join(path, folder, "weights.f32"))) {
        alm_str bytes;
        size_t size = count * sizeof(float);
        bench_check(alm_fs_read_all(fs, path, size, b->arena, &bytes, &error), &error);
        alm_assert(bytes.size == size);
        memcpy(own, bytes.data, size);
    }
    bench_check(alm_network_state_create(b->network, &b->state, &error), &error);
    alm_network_state_reset(b->state);
}

static void make_rows(bench *b)
{
    alm_rng rng = alm_rng_stream(1, 2);
    b->x = ALM_NEW_ARRAY(b->arena, double, WINDOWS * STEPS * FEATURES);
    b->x_float = ALM_NEW_ARRAY(b->arena, float, WINDOWS * STEPS * FEATURES);
    b->x_one = ALM_NEW_ARRAY(b->arena, float, STEPS * FEATURES);
    b->x_step = ALM_NEW_ARRAY(b->arena, float, FEATURES);
    for (size_t i = 0; i < WINDOWS; i++) {
        for (size_t t = 0; t < STEPS; t++) {
            for (size_t f = 0; f < FEATURES; f++) {
                float v = (float)((double)alm_rng_next_below(&rng, 2000) / 1000 - 1);
                b->x[(i * STEPS + t) * FEATURES + f] = (double)v;
                b->x_float[(t * WINDOWS + i) * FEATURES + f] = v;
                if (i == 0) {
                    b->x_one[t * FEATURES + f] = v;
                }
            }
        }
    }
}

static void bind(bench *b)
{
    const peer_runtime *p = &b->runtime;
    const int64_t one[] = {STEPS, 1, FEATURES}, many[] = {STEPS, WINDOWS, FEATURES};
    const int64_t step[] = {1, 1, FEATURES}, hidden[] = {1, 1, UNITS};
    const int64_t hidden_many[] = {1, WINDOWS, UNITS};
    b->call[ONE] = b->call[MANY] = (runtime_call){.input = {"x"}, .output = {"h_after"},
                                                  .inputs = 1, .outputs = 1};
    b->call[ONE].in[0] = runtime_value(p, b->x_one, one, 3);
    b->call[ONE].out[0] = runtime_value(p, b->out_one, hidden, 3);
    b->call[MANY].in[0] = runtime_value(p, b->x_float, many, 3);
    b->call[MANY].out[0] = runtime_value(p, b->out_many, hidden_many, 3);
    b->call[STREAM] = (runtime_call){.input = {"x", "h", "c"}, .output = {"h_after", "c_after"},
                                     .inputs = 3, .outputs = 2};
    b->call[STREAM].in[0] = runtime_value(p, b->x_step, step, 3);
    b->call[STREAM].in[1] = runtime_value(p, b->h, hidden, 3);
    b->call[STREAM].in[2] = runtime_value(p, b->c, hidden, 3);
    b->call[STREAM].out[0] = runtime_value(p, b->h_after, hidden, 3);
    b->call[STREAM].out[1] = runtime_value(p, b->c_after, hidden, 3);
}

static void open_sessions(bench *b, alm_fs *fs, const char *folder)
{
    static const char *const file[WHATS] = {"lstm_1.onnx", "lstm_64.onnx", "step.onnx"};
    char path[PATH_BYTES];
    for (int w = 0; w < WHATS; w++) {
        if (alm_fs_exists(fs, join(path, folder, file[w]))) {
            b->session[w] = runtime_session(&b->runtime, path);
        }
    }
    bind(b);
}

int main(int argc, char **argv)
{
    int64_t rounds = 0;
    if (argc != 4 || !alm_str_to_i64(alm_str_of(argv[1]), &rounds) || rounds < 1 ||
        rounds > BENCH_ROUNDS_MAX) {
        fprintf(stderr, "usage: sequence_bench ROUNDS(1 to %d) LIBONNXRUNTIME FOLDER\n",
                BENCH_ROUNDS_MAX);
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    alm_fs *fs = NULL;
    bench *b = ALM_NEW(arena, bench);
    b->arena = arena;
    b->scratch = alm_arena_create(0);
    bench_check(alm_fs_real_create(&fs, &error), &error);
    make_network(b, fs, argv[3]);
    make_rows(b);
    if (peer_runtime_open(argv[2], &b->runtime)) {
        open_sessions(b, fs, argv[3]);
    }
    for (what w = ONE; w < WHATS; w++) {
        measure(b, w, (int)rounds);
    }
    alm_network_state_destroy(b->state);
    alm_network_destroy(b->network);
    alm_fs_destroy(fs);
    alm_arena_destroy(b->scratch);
    alm_arena_destroy(arena);
    return 0;
}
