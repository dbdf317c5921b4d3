/* Rows scored per second and microseconds per explained row, ours beside LightGBM's C library, one
 * thread each: a forest of 500 trees with 31 leaves over 40 features.
 *
 *     forest_bench [repeats]
 *
 * The forest is trained here on generated rows, so that its shape is that of a learned one. Every
 * repeat measures both, one after the other; printed are the medians, and the median of the ratios
 * of the repeats, because the machine may be shared. Scores must be equal bit for bit. */
#include "base/rng.h"
#include "model/forest/forest.h"
#include "train/learner/lightgbm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS 40
#define TRAIN_ROWS 20000
#define SCORE_ROWS 20000
#define EXPLAIN_ROWS 512
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
        fprintf(stderr, "forest_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

/* ---- a learned forest ---- */

static alm_err give_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    (void)error;
    memcpy(out, (const double *)context + first * COLUMNS, count * COLUMNS * sizeof(double));
    return ALM_OK;
}

/* Neighbouring rows are alike, as the steps of one series are: that is what a run scores. */
static double *make_rows(size_t count, alm_rng *rng, alm_arena *arena)
{
    double *rows = ALM_NEW_ARRAY(arena, double, count * COLUMNS);
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0; f < COLUMNS; f++) {
            double fresh = (double)alm_rng_next_below(rng, 100000) / 1000;
            bool again = i % 28 && f < COLUMNS - 4;
            rows[i * COLUMNS + f] = again ? rows[(i - 1) * COLUMNS + f] : fresh;
        }
    }
    return rows;
}

static alm_str train(const double *rows, alm_rng *rng, alm_arena *arena)
{
    double *label = ALM_NEW_ARRAY(arena, double, TRAIN_ROWS);
    for (size_t i = 0; i < TRAIN_ROWS; i++) {
        double y = (double)alm_rng_next_below(rng, 1000) / 20;
        for (size_t f = 0; f < COLUMNS; f++) {
            double v = rows[i * COLUMNS + f];
            y += f % 3 == 0 ? v : v > 50 ? (double)f : v * rows[i * COLUMNS + f / 2] / 100;
        }
        label[i] = y;
    }
    alm_lightgbm_params params = alm_lightgbm_params_default();
    params.trees = 500;
    params.leaves = 31;
    params.learning_rate = 0.05;
    alm_lightgbm_data data = {.row_count = TRAIN_ROWS, .column_count = COLUMNS,
                              .rows = give_rows, .context = (void *)rows, .label = label};
    alm_lightgbm_result result;
    alm_error error = {0};
    check(alm_lightgbm_train(&params, &data, arena, &result, &error), &error);
    return alm_str_of(alm_arena_copy_text(arena, result.text.data, result.text.size));
}

/* ---- measuring ---- */

typedef struct bench {
    const alm_forest *forest;
    const alm_lightgbm_booster *booster;
    alm_forest_explainer *explainer;
    alm_forest_scratch *scratch;
    alm_forest_strict *strict;
    alm_forest_strict_scratch *strict_scratch;
    const double *rows;
    double *ours, *theirs;
    int repeats;
} bench;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void print_result(const char *name, double value, const char *unit)
{
    printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name, value, unit);
}

/* STRICT has the bits of LightGBM's contributions; ALONE is the same with one row a call. */
typedef enum work { SCORE, EXPLAIN, STRICT, ALONE } work;

static void explain_strictly(const bench *b, work what, size_t n)
{
    size_t step = what == ALONE ? 1 : n;
    for (size_t i = 0; i < n; i += step) {
        alm_forest_contributions_strict(b->strict, b->strict_scratch, b->rows + i * COLUMNS, step,
                                        COLUMNS, b->ours + i * (COLUMNS + 1));
    }
}

static double time_ours(const bench *b, work what, size_t n)
{
    double start = seconds_now();
    if (what == SCORE) {
        alm_forest_score(b->forest, b->rows, n, COLUMNS, b->ours);
    } else if (what != EXPLAIN) {
        explain_strictly(b, what, n);
    } else {
        alm_forest_contributions(b->explainer, b->scratch, b->rows, n, COLUMNS, b->ours);
    }
    return seconds_now() - start;
}

static double time_theirs(const bench *b, work what, size_t n)
{
    alm_error error = {0};
    double start = seconds_now();
    check(alm_lightgbm_predict(b->booster, what == SCORE ? ALM_LIGHTGBM_RAW
                                                         : ALM_LIGHTGBM_CONTRIBUTION,
                               b->rows, n, b->theirs, &error), &error);
    return seconds_now() - start;
}

static void check_equal(const bench *b, work what, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(b->ours[i] - b->theirs[i]);
        /* Fast contributions are sums in another order; all else are the same bits. */
        if (what != EXPLAIN ? difference != 0 : difference > 1e-6 * (1 + fabs(b->theirs[i]))) {
            fprintf(stderr, "forest_bench: value %zu differs: %.17g and %.17g\n", i, b->ours[i],
                    b->theirs[i]);
            exit(EXIT_FAILURE);
        }
    }
}

/* Medians of ours, theirs and of their ratio, in seconds. */
static void measure(const bench *b, work what, size_t n, double *out)
{
    double ours[REPEATS_MAX];
    double theirs[REPEATS_MAX];
    double ratio[REPEATS_MAX];
    for (int i = 0; i < b->repeats; i++) {
        ours[i] = time_ours(b, what, n);
        theirs[i] = time_theirs(b, what, n);
        ratio[i] = theirs[i] / ours[i];
    }
    check_equal(b, what, what == SCORE ? n : n * (COLUMNS + 1));
    out[0] = median(ours, b->repeats);
    out[1] = median(theirs, b->repeats);
    out[2] = median(ratio, b->repeats);
}

static void run(const bench *b)
{
    double t[3];
    measure(b, SCORE, SCORE_ROWS, t);
    print_result("score_rows_almanac", SCORE_ROWS / t[0], "rows/s");
    print_result("score_rows_lightgbm", SCORE_ROWS / t[1], "rows/s");
    print_result("score_speedup_vs_lightgbm", t[2], "x");
    measure(b, EXPLAIN, EXPLAIN_ROWS, t);
    print_result("shap_almanac", t[0] * 1e6 / EXPLAIN_ROWS, "us/row");
    print_result("shap_lightgbm", t[1] * 1e6 / EXPLAIN_ROWS, "us/row");
    print_result("shap_speedup_vs_lightgbm", t[2], "x");
    measure(b, STRICT, EXPLAIN_ROWS, t);
    print_result("shap_strict_almanac", t[0] * 1e6 / EXPLAIN_ROWS, "us/row");
    print_result("shap_strict_speedup_vs_lightgbm", t[2], "x");
    measure(b, ALONE, EXPLAIN_ROWS, t);
    print_result("shap_strict_one_row_almanac", t[0] * 1e6 / EXPLAIN_ROWS, "us/row");
    print_result("shap_strict_one_row_speedup_vs_lightgbm", t[2], "x");
}

int main(int argc, char **argv)
{
    int64_t repeats = 3;
    if (argc > 1 && (!alm_str_to_i64(alm_str_of(argv[1]), &repeats) || repeats < 1 ||
                     repeats > REPEATS_MAX)) {
        fprintf(stderr, "usage: forest_bench [repeats, 1 to %d]\n", REPEATS_MAX);
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(1, 1);
    alm_str text = train(make_rows(TRAIN_ROWS, &rng, arena), &rng, arena);
    alm_forest *forest;
    alm_lightgbm_booster *booster;
    bench b = {.rows = make_rows(SCORE_ROWS, &rng, arena), .repeats = (int)repeats};
    check(alm_forest_parse_lightgbm(text, "forest_bench", &forest, &error), &error);
    check(alm_lightgbm_open(text, &booster, &error), &error);
    check(alm_forest_explainer_create(forest, &b.explainer, &error), &error);
    check(alm_forest_scratch_create(b.explainer, &b.scratch, &error), &error);
    check(alm_forest_strict_create(forest, &b.strict, &error), &error);
    check(alm_forest_strict_scratch_create(b.strict, &b.strict_scratch, &error), &error);
    b.forest = forest;
    b.booster = booster;
    b.ours = ALM_NEW_ARRAY(arena, double, (size_t)SCORE_ROWS * (COLUMNS + 1));
    b.theirs = ALM_NEW_ARRAY(arena, double, (size_t)SCORE_ROWS * (COLUMNS + 1));
    run(&b);
    alm_forest_strict_scratch_destroy(b.strict_scratch);
    alm_forest_strict_destroy(b.strict);
    alm_forest_scratch_destroy(b.scratch);
    alm_forest_explainer_destroy(b.explainer);
    alm_lightgbm_close(booster);
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
    return 0;
}
