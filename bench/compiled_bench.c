/* Forests beside what compiles them: LightGBM's own library, lleaves, tl2cgen and ONNX Runtime, in
 * one process and one thread, the same rows, buffers made before.
 *
 *     compiled_bench ROUNDS LIBONNXRUNTIME FOLDER...
 *
 * FOLDERs are what compiled_peers.py makes; a peer whose file is missing is not measured, and said
 * so. All are called through C: lleaves by its function over rows, tl2cgen by its function for one
 * row, ONNX Runtime by its session with values made before, each row its own for single rows. A
 * round measures ours (AVX-512, AVX2) and each peer one after the other in processor time; printed
 * are medians over the rounds, and of the rounds' ratios of the best compiled peer to ours.
 * Rows come in series order and in random order: code with branches likes the former. */
#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "bench_measure.h"
#include "inference_peers.h"
#include "model/forest/forest.h"
#include "runtime_peer.h"

#define COLUMNS 40
#define ROWS 4096
#define ROWS_PER_LOOK 128
#define PATH_MAX_BYTES 1024

typedef enum engine { OURS, OURS_AVX2, LIGHTGBM, LLEAVES, TL2CGEN, RUNTIME, ENGINES } engine;
static const char *const ENGINE[ENGINES] = {"almanac", "almanac_avx2", "lightgbm", "lleaves",
                                            "tl2cgen", "onnxruntime"};

typedef struct rows {
    double *value;
    float *single;
    void *row_in[ROWS], *row_out[ROWS]; /* values of ONNX Runtime, a row each */
    void *all_in, *all_out;
} rows;

typedef struct subject {
    const char *name;
    size_t trees;
    bool small;     /* up to 64 leaves */
    alm_forest *forest, *forest_avx2;
    peer_lightgbm lightgbm;
    void *booster, *fast;
    void (*lleaves)(const double *rows, double *out, int32_t begin, int32_t end);
    void (*tl2cgen)(const void *row, int margin, double *result);
    const peer_runtime *runtime;
    void *session;
    rows order[2]; /* series, random */
    double out[ROWS];
    float single_out[ROWS];
} subject;

/* The least ratios over forests of up to 64 leaves [0] and of more [1]; 0: none. */
typedef struct least {
    double batch[2], single[2], batch_avx2[2], single_avx2[2];
} least;

/* ---- calls ---- */

static void lightgbm_call(subject *s, const double *row, size_t n, bool single)
{
    int64_t length = 0;
    if (!single) {
        peer_check(s->lightgbm.batch(s->booster, row, PEER_FLOAT64, (int32_t)n, COLUMNS,
                                     PEER_ROW_MAJOR, PEER_RAW, 0, -1, PEER_LIGHTGBM_PARAMETERS,
                                     &length, s->out), "LightGBM");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        peer_check(s->lightgbm.fast(s->fast, row + i * COLUMNS, &length, s->out + i), "fast");
    }
}

/* All rows at once, or n rows from `at` one by one. */
static void runtime_forest(subject *s, rows *r, size_t at, size_t n, bool single)
{
    runtime_call call = {.input = {"x"}, .output = {"variable"}, .inputs = 1, .outputs = 1};
    call.in[0] = r->all_in;
    call.out[0] = r->all_out;
    if (!single) {
        runtime_run(s->runtime, s->session, &call);
        return;
    }
    for (size_t i = at; i < at + n; i++) {
        call.in[0] = r->row_in[i];
        call.out[0] = r->row_out[i];
        runtime_run(s->runtime, s->session, &call);
    }
}

static void tl2cgen_call(subject *s, const double *row, size_t n)
{
    /* Its entries are doubles where nothing is missing, and here nothing is. */
    for (size_t i = 0; i < n; i++) {
        s->out[i] = 0;
        s->tl2cgen(row + i * COLUMNS, 1, s->out + i);
    }
}

/* Scores of rows at .. at + n; single: in calls of one. */
static void call(subject *s, engine who, rows *r, size_t at, size_t n, bool single)
{
    const double *row = r->value + at * COLUMNS;
    const alm_forest *forest = who == OURS ? s->forest : s->forest_avx2;
    size_t step = single ? 1 : n;
    switch (who) {
    case OURS:
    case OURS_AVX2:
        for (size_t i = 0; i < n; i += step) {
            alm_forest_score(forest, row + i * COLUMNS, step, COLUMNS, s->out + i);
        }
        break;
    case LIGHTGBM:
        lightgbm_call(s, row, n, single);
        break;
    case LLEAVES:
        for (size_t i = 0; i < n; i += step) {
            s->lleaves(row + i * COLUMNS, s->out + i, 0, (int32_t)step);
        }
        break;
    case TL2CGEN:
        tl2cgen_call(s, row, n);
        break;
    case RUNTIME:
        runtime_forest(s, r, at, n, single);
        break;
    case ENGINES:
        break;
    }
}

static bool is_there(const subject *s, engine who)
{
    return who == LLEAVES   ? s->lleaves != NULL
           : who == TL2CGEN ? s->tl2cgen != NULL
           : who == RUNTIME ? s->session != NULL
           : who == OURS    ? s->forest != NULL
                            : true;
}

/* Seconds per row. */
static double time_of(subject *s, engine who, rows *r, bool single)
{
    size_t n = single ? ROWS_PER_LOOK : ROWS, at = 0, done = 0;
    double start = bench_seconds(), used = 0;
    for (; used < BENCH_SECONDS_MIN; used = bench_seconds() - start) {
        call(s, who, r, at, n, single);
        done += n;
        at = at + 2 * n <= ROWS ? at + n : 0;
    }
    return used / (double)done;
}

/* ---- results ---- */

static void take_least(double *to, double value)
{
    *to = *to == 0 || value < *to ? value : *to;
}

typedef struct rounds {
    double time[ENGINES][BENCH_ROUNDS_MAX];
    double ratio[2][BENCH_ROUNDS_MAX]; /* best compiled peer / ours, with AVX-512 and AVX2 */
    int count;
} rounds;

static void run_round(subject *s, rows *r, bool single, rounds *to, int i)
{
    double best = INFINITY;
    for (engine who = OURS; who < ENGINES; who++) {
        to->time[who][i] = is_there(s, who) ? time_of(s, who, r, single) : NAN;
        if (who >= LLEAVES && to->time[who][i] < best) {
            best = to->time[who][i];
        }
    }
    to->ratio[0][i] = best / to->time[OURS][i];
    to->ratio[1][i] = best / to->time[OURS_AVX2][i];
}

static void measure(subject *s, int order, bool single, rounds *to, least *to_least)
{
    static const char *const orders[] = {"series", "random"};
    char name[160], head[120];
    snprintf(head, sizeof head, "compiled_%s_%s_%s", s->name, single ? "single" : "batch",
             orders[order]);
    for (int i = 0; i < to->count; i++) {
        run_round(s, &s->order[order], single, to, i);
    }
    for (engine who = OURS; who < ENGINES; who++) {
        if (is_there(s, who)) {
            snprintf(name, sizeof name, "%s_%s", head, ENGINE[who]);
            bench_print(name, bench_median(to->time[who], to->count) * 1e9 / (double)s->trees,
                        "ns/row/tree");
        }
    }
    if (!is_there(s, LLEAVES) || !is_there(s, TL2CGEN)) {
        return; /* the best compiled peer is not known */
    }
    for (int level = s->forest != NULL ? 0 : 1; level < 2; level++) {
        double ratio = bench_median(to->ratio[level], to->count);
        snprintf(name, sizeof name, "%s_best_compiled_over_almanac%s", head,
                 level ? "_avx2" : "");
        bench_print(name, ratio, "x");
        double *kind = level ? single ? to_least->single_avx2 : to_least->batch_avx2
                       : single ? to_least->single : to_least->batch;
        take_least(&kind[s->small ? 0 : 1], ratio);
    }
}

/* Rows whose bits differ from LightGBM's, and the largest difference, of all rows. */
static size_t verify(subject *s, engine who, rows *r, bool single, double *largest)
{
    static double expected[ROWS]; /* one subject at a time */
    size_t different = 0;
    call(s, LIGHTGBM, r, 0, ROWS, false);
    memcpy(expected, s->out, sizeof expected);
    call(s, who, r, 0, ROWS, single);
    for (size_t i = 0; i < ROWS; i++) {
        double found = who == RUNTIME ? (double)s->single_out[i] : s->out[i];
        different += memcmp(&found, &expected[i], sizeof found) != 0;
        *largest = fmax(*largest, fabs(found - expected[i]));
    }
    return different;
}

/* Ours must be equal: the sum over orders and ways is returned. */
static size_t verify_all(subject *s)
{
    char name[160];
    size_t ours = 0;
    for (engine who = OURS; who < ENGINES; who++) {
        size_t different = 0;
        double largest = 0;
        if (!is_there(s, who)) {
            fprintf(stderr, "bench: %s: %s is not measured\n", s->name, ENGINE[who]);
            continue;
        }
        for (int i = 0; i < 4; i++) {
            different += verify(s, who, &s->order[i / 2], i % 2, &largest);
        }
        ours += who <= OURS_AVX2 ? different : 0;
        snprintf(name, sizeof name, "compiled_%s_%s_different", s->name, ENGINE[who]);
        bench_print(name, (double)different / (4 * ROWS), "of rows");
        snprintf(name, sizeof name, "compiled_%s_%s_largest_error", s->name, ENGINE[who]);
        bench_print(name, largest, "");
    }
    return ours;
}

/* ---- one folder ---- */

static const char *join(char *to, const char *folder, const char *file)
{
    snprintf(to, PATH_MAX_BYTES, "%s/%s", folder, file);
    return to;
}

static void *function_of(const char *folder, const char *file, const char *symbol)
{
    char path[PATH_MAX_BYTES];
    void *library = dlopen(join(path, folder, file), RTLD_NOW | RTLD_LOCAL), *found = NULL;
    if (library != NULL) {
        peer_symbol(library, symbol, &found);
    }
    return found;
}

static void read_rows(subject *s, alm_fs *fs, const char *path, alm_arena *arena, rows *r)
{
    static const int64_t one[] = {1, COLUMNS}, all[] = {ROWS, COLUMNS};
    alm_error error = {0};
    alm_str bytes;
    bench_check(alm_fs_read_all(fs, path, ROWS * COLUMNS * sizeof(double), arena, &bytes, &error),
                &error);
    alm_assert(bytes.size == ROWS * COLUMNS * sizeof(double));
    r->value = ALM_NEW_ARRAY(arena, double, ROWS * COLUMNS);
    r->single = ALM_NEW_ARRAY(arena, float, ROWS * COLUMNS);
    memcpy(r->value, bytes.data, bytes.size);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        r->single[i] = (float)r->value[i];
    }
    if (s->session == NULL) {
        return;
    }
    r->all_in = runtime_value(s->runtime, r->single, all, 2);
    r->all_out = runtime_value(s->runtime, s->single_out, (const int64_t[]){ROWS, 1}, 2);
    for (size_t i = 0; i < ROWS; i++) {
        r->row_in[i] = runtime_value(s->runtime, r->single + i * COLUMNS, one, 2);
        r->row_out[i] = runtime_value(s->runtime, s->single_out + i, (const int64_t[]){1, 1}, 2);
    }
}

static void open_forests(subject *s, alm_str text)
{
    alm_error error = {0};
    bench_check(alm_forest_parse_lightgbm(text, s->name, &s->forest, &error), &error);
    bench_check(alm_forest_parse_lightgbm(text, s->name, &s->forest_avx2, &error), &error);
    if (!alm_forest_use_vectors(s->forest, ALM_VECTORS_V4)) {
        alm_forest_destroy(s->forest);
        s->forest = NULL;
    }
    (void)alm_forest_use_vectors(s->forest_avx2, ALM_VECTORS_V3);
    alm_forest_info info = alm_forest_describe(s->forest_avx2);
    s->trees = info.tree_count;
    s->small = info.leaf_count_max <= 64;
}

static void open_subject(subject *s, const char *folder, const peer_runtime *runtime,
                         alm_arena *arena)
{
    char path[PATH_MAX_BYTES];
    alm_error error = {0};
    alm_fs *fs = NULL;
    alm_str text;
    int iterations = 0;
    const char *slash = strrchr(folder, '/');
    s->name = slash != NULL ? slash + 1 : folder;
    bench_check(alm_fs_real_create(&fs, &error), &error);
    bench_check(alm_fs_read_all(fs, join(path, folder, "model.txt"), (size_t)1 << 30, arena,
                                &text, &error), &error);
    open_forests(s, text);
    s->lightgbm = peer_lightgbm_open();
    peer_check(s->lightgbm.load(alm_arena_copy_text(arena, text.data, text.size), &iterations,
                                &s->booster), "load");
    peer_check(s->lightgbm.fast_init(s->booster, PEER_RAW, 0, -1, PEER_FLOAT64, COLUMNS,
                                     PEER_LIGHTGBM_PARAMETERS, &s->fast), "fast_init");
    *(void **)&s->lleaves = function_of(folder, "lleaves.so", "forest_root");
    *(void **)&s->tl2cgen = function_of(folder, "tl2cgen.so", "predict");
    s->runtime = runtime;
    if (runtime->table != NULL && alm_fs_exists(fs, join(path, folder, "model.onnx"))) {
        s->session = runtime_session(runtime, path);
    }
    read_rows(s, fs, join(path, folder, "rows.f64"), arena, &s->order[0]);
    read_rows(s, fs, join(path, folder, "shuffled.f64"), arena, &s->order[1]);
    alm_fs_destroy(fs);
}

static size_t run_folder(const char *folder, const peer_runtime *runtime, int count,
                         least *to_least)
{
    alm_arena *arena = alm_arena_create(0);
    subject *s = ALM_NEW(arena, subject);
    rounds *to = ALM_NEW(arena, rounds);
    to->count = count;
    open_subject(s, folder, runtime, arena);
    size_t mismatches = verify_all(s);
    for (int i = 0; i < 4; i++) {
        measure(s, i / 2, i % 2, to, to_least);
    }
    peer_check(s->lightgbm.fast_free(s->fast), "free");
    peer_check(s->lightgbm.free_booster(s->booster), "free");
    alm_forest_destroy(s->forest);
    alm_forest_destroy(s->forest_avx2);
    alm_arena_destroy(arena);
    return mismatches;
}

static void print_least(const char *name, const double *value)
{
    char text[120];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%s%s", name, i ? "_255" : "");
        if (value[i] > 0) {
            bench_print(text, value[i], "x");
        } else {
            fprintf(stderr, "bench: %s is not measured\n", text);
        }
    }
}

int main(int argc, char **argv)
{
    int64_t count = 0;
    if (argc < 4 || !alm_str_to_i64(alm_str_of(argv[1]), &count) || count < 1 ||
        count > BENCH_ROUNDS_MAX) {
        fprintf(stderr, "usage: compiled_bench ROUNDS(1 to %d) LIBONNXRUNTIME FOLDER...\n",
                BENCH_ROUNDS_MAX);
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    least found = {0};
    peer_runtime runtime;
    size_t mismatches = 0;
    (void)peer_runtime_open(argv[2], &runtime);
    for (int i = 3; i < argc; i++) {
        mismatches += run_folder(argv[i], &runtime, (int)count, &found);
    }
    print_least("forest_batch_vs_best_compiled_min", found.batch);
    print_least("forest_single_vs_best_compiled_min", found.single);
    print_least("forest_batch_vs_best_compiled_min_avx2", found.batch_avx2);
    print_least("forest_single_vs_best_compiled_min_avx2", found.single_avx2);
    bench_print("compiled_raw_score_mismatches", (double)mismatches, "");
    return 0;
}
