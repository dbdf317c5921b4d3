/* How long it takes from a file to a model that scores, once in a process, and its peak memory.
 *
 *     load_bench warm|cold PATH [ROW.f64 [THREADS]]
 *
 * PATH is a model file or a scorer's folder; everything that opening does counts: starting THREADS
 * threads (1: only the caller's), reading, SHA-256, parsing, layouts. `cold` first asks the kernel
 * to forget the pages of the file (a scorer: of model.txt in it). Printed are wall and processor
 * time (of all threads) of opening, the wall time of the first row scored after it (a model file,
 * when a file with its values is given), and the most memory that the process has held, the read
 * file included. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench_measure.h"
#include "model/model_file.h"
#include "model/scorer/scorer.h"

#define PATH_BYTES 1024

static double wall_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void forget_pages(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fdatasync(file) != 0 ||
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) {
        fprintf(stderr, "bench: %s: its pages cannot be dropped\n", path);
        exit(EXIT_FAILURE);
    }
    (void)close(file);
}

static void score_first_row(const alm_model_file *model, alm_fs *fs, const char *path)
{
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    const alm_forest_info info = alm_model_file_describe(model)->forest;
    alm_str bytes;
    bench_check(alm_fs_read_all(fs, path, (size_t)1 << 30, arena, &bytes, &error), &error);
    alm_assert(bytes.size >= info.feature_count * sizeof(double));
    double *row = ALM_NEW_ARRAY(arena, double, info.feature_count);
    double *out = ALM_NEW_ARRAY(arena, double, info.output_count);
    memcpy(row, bytes.data, info.feature_count * sizeof(double));
    double start = wall_seconds();
    alm_forest_score(alm_model_file_forest(model), row, 1, info.feature_count, out);
    bench_print("first_row", (wall_seconds() - start) * 1e6, "us");
    alm_assert(isfinite(out[0]));
    alm_arena_destroy(arena);
}

static int threads_of(int argc, char **argv)
{
    int64_t threads = 1;
    if (argc == 5 && !alm_str_to_i64(alm_str_of(argv[4]), &threads)) {
        threads = 0; /* which the pool refuses */
    }
    return (int)threads;
}

int main(int argc, char **argv)
{
    bool cold = argc > 1 && strcmp(argv[1], "cold") == 0;
    if (argc < 3 || argc > 5 || (!cold && strcmp(argv[1], "warm") != 0)) {
        fprintf(stderr, "usage: load_bench warm|cold PATH [ROW.f64 [THREADS]]\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    char inside[PATH_BYTES];
    alm_error error = {0};
    alm_fs *fs = NULL;
    alm_model_file *model = NULL;
    alm_scorer *scorer = NULL;
    bench_check(alm_fs_real_create(&fs, &error), &error);
    alm_env env = {.fs = fs};
    bool is_scorer = alm_scorer_is_folder(fs, argv[2]);
    if (cold) {
        snprintf(inside, sizeof inside, "%s%s", argv[2], is_scorer ? "/model.txt" : "");
        forget_pages(inside);
    }
    double wall = wall_seconds(), cpu = bench_seconds();
    bench_check(alm_pool_create(threads_of(argc, argv), &env.pool, &error), &error);
    if (is_scorer) {
        bench_check(alm_scorer_open(&env, argv[2], argv[2], &scorer, &error), &error);
    } else {
        bench_check(alm_model_file_open(&env, argv[2], argv[2], &model, &error), &error);
    }
    bench_print("wall", (wall_seconds() - wall) * 1e3, "ms");
    bench_print("cpu", (bench_seconds() - cpu) * 1e3, "ms");
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    bench_print("peak", (double)used.ru_maxrss / 1024, "MiB");
    if (model != NULL && argc >= 4) {
        score_first_row(model, fs, argv[3]);
    }
    alm_model_file_close(model);
    alm_scorer_destroy(scorer);
    alm_pool_destroy(env.pool);
    alm_fs_destroy(fs);
    return 0;
}
