/* Explains the rows of a file in one way and says how long it took, on one thread.
 *
 *     contributions_bench MODEL ROWS OUT fast|strict|alone|interactions
 *     contributions_bench MODEL ROWS OUT interventional BACKGROUND
 *
 * Rows are little-endian float64, as wide as the model has columns; so is what OUT gets. Printed
 * are processor seconds, without reading and writing. `alone` is `strict` with one row a call.
 * tests/golden/forest/compare_contributions.py compares with the libraries. */
#include "base/fs.h"
#include "model/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "contributions_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct table {
    const double *rows;
    size_t count;
} table;

static table read_rows(alm_fs *fs, const char *path, size_t features, alm_arena *arena)
{
    alm_str bytes;
    alm_error error = {0};
    check(alm_fs_read_all(fs, path, (size_t)1 << 32, arena, &bytes, &error), &error);
    double *rows = ALM_NEW_ARRAY(arena, double, bytes.size / sizeof(double) + 1);
    memcpy(rows, bytes.data, bytes.size);
    return (table){rows, bytes.size / sizeof(double) / features};
}

static double run_fast(const alm_forest *forest, table rows, size_t features, bool pairs,
                       double *out)
{
    alm_error error = {0};
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_forest_interaction_scratch *interaction = NULL;
    double start = seconds_now();
    check(alm_forest_explainer_create(forest, &explainer, &error), &error);
    if (pairs) {
        check(alm_forest_interaction_scratch_create(explainer, &interaction, &error), &error);
        alm_forest_interactions(explainer, interaction, rows.rows, rows.count, features, out);
    } else {
        check(alm_forest_scratch_create(explainer, &scratch, &error), &error);
        alm_forest_contributions(explainer, scratch, rows.rows, rows.count, features, out);
    }
    double seconds = seconds_now() - start;
    alm_forest_interaction_scratch_destroy(interaction);
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
    return seconds;
}

static double run_strict(const alm_forest *forest, table rows, size_t features, size_t step,
                         size_t width, double *out)
{
    alm_error error = {0};
    alm_forest_strict *strict = NULL;
    alm_forest_strict_scratch *scratch = NULL;
    double start = seconds_now();
    check(alm_forest_strict_create(forest, &strict, &error), &error);
    check(alm_forest_strict_scratch_create(strict, &scratch, &error), &error);
    for (size_t i = 0; i < rows.count; i += step) {
        alm_forest_contributions_strict(strict, scratch, rows.rows + i * features, step, features,
                                        out + i * width);
    }
    double seconds = seconds_now() - start;
    alm_forest_strict_scratch_destroy(scratch);
    alm_forest_strict_destroy(strict);
    return seconds;
}

static double run_interventional(const alm_forest *forest, table rows, table background,
                                 size_t features, double *out)
{
    alm_error error = {0};
    alm_forest_interventional *explainer = NULL;
    alm_forest_interventional_scratch *scratch = NULL;
    double start = seconds_now();
    check(alm_forest_interventional_create(forest, background.rows, background.count, features,
                                           &explainer, &error),
          &error);
    check(alm_forest_interventional_scratch_create(explainer, &scratch, &error), &error);
    alm_forest_interventional_contributions(explainer, scratch, rows.rows, rows.count, features,
                                            out);
    double seconds = seconds_now() - start;
    alm_forest_interventional_scratch_destroy(scratch);
    alm_forest_interventional_destroy(explainer);
    return seconds;
}

static void write_values(const char *path, const double *values, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(values, sizeof *values, count, file) != count || fclose(file) != 0) {
        fprintf(stderr, "contributions_bench: %s cannot be written\n", path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    const char *way = argc > 4 ? argv[4] : "";
    bool interventional = strcmp(way, "interventional") == 0;
    bool pairs = strcmp(way, "interactions") == 0;
    if (argc != (interventional ? 6 : 5)) {
        fprintf(stderr, "usage: contributions_bench MODEL ROWS OUT WAY [BACKGROUND]\n");
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    alm_error error = {0};
    alm_fs *fs = NULL;
    alm_model_file *model = NULL;
    alm_arena *arena = alm_arena_create(0);
    check(alm_fs_real_create(&fs, &error), &error);
    check(alm_model_file_open(&(alm_env){.fs = fs}, argv[1], argv[1], &model, &error), &error);
    const alm_forest *forest = alm_model_file_forest(model);
    size_t features = alm_forest_describe(forest).feature_count;
    size_t width = alm_forest_describe(forest).output_count * (features + 1);
    table rows = read_rows(fs, argv[2], features, arena);
    size_t values = rows.count * width * (pairs ? features + 1 : 1);
    double *out = ALM_NEW_ARRAY(arena, double, values + 1), seconds = 0;
    if (interventional) {
        table background = read_rows(fs, argv[5], features, arena);
        seconds = run_interventional(forest, rows, background, features, out);
    } else if (strcmp(way, "strict") == 0) {
        seconds = run_strict(forest, rows, features, rows.count, width, out);
    } else if (strcmp(way, "alone") == 0) {
        seconds = run_strict(forest, rows, features, 1, width, out);
    } else {
        seconds = run_fast(forest, rows, features, pairs, out);
    }
    write_values(argv[3], out, values);
    printf("%.6f\n", seconds);
    alm_model_file_close(model);
    alm_arena_destroy(arena);
    alm_fs_destroy(fs);
    return 0;
}
