/* How long it takes to make predictions of raw scores: the library's formulas one by one
 * (alm_transform_apply) beside the fast ones, on one thread. 100,000 rows, processor time, the
 * median of 15 rounds; both run in every round.
 *
 *     transform_bench */
#include "base/arena.h"
#include "base/rng.h"
#include "model/transform.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROWS ((size_t)100000)
#define ROUNDS 15

typedef struct objective {
    const char *name;
    alm_transform_library library;
    size_t outputs;
} objective;

static const objective OBJECTIVE[] = {
    {"binary sigmoid:1", ALM_TRANSFORM_LIGHTGBM, 1},
    {"binary:logistic", ALM_TRANSFORM_XGBOOST, 1},
    {"poisson", ALM_TRANSFORM_LIGHTGBM, 1},
    {"cross_entropy_lambda", ALM_TRANSFORM_LIGHTGBM, 1},
    {"multiclass num_class:5", ALM_TRANSFORM_LIGHTGBM, 5},
    {"multi:softprob", ALM_TRANSFORM_XGBOOST, 5},
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_size);
    return values[ROUNDS / 2];
}

static void measure(const objective *o, const double *raw, double *out)
{
    alm_transform t;
    alm_error error = {0};
    alm_transform_spec spec = {o->library, alm_str_of(o->name), false, 1, o->outputs};
    if (alm_transform_parse(&spec, &t, &error) != ALM_OK || !t.is_known) {
        fprintf(stderr, "transform_bench: %s: %s\n", o->name, error.message);
        exit(EXIT_FAILURE);
    }
    double strict[ROUNDS], fast[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = seconds_now();
        alm_transform_apply(&t, raw, ROWS, out);
        double middle = seconds_now();
        alm_transform_apply_fast(&t, raw, ROWS, out);
        strict[i] = middle - start;
        fast[i] = seconds_now() - middle;
    }
    double a = median(strict) * 1e9 / (double)ROWS, b = median(fast) * 1e9 / (double)ROWS;
    printf("%-24s %8.1f %8.1f %8.1f\n", o->name, a, b, a / b);
}

int main(void)
{
    alm_arena *arena = alm_arena_create(0);
    double *raw = ALM_NEW_ARRAY(arena, double, ROWS * 5);
    double *out = ALM_NEW_ARRAY(arena, double, ROWS * 5);
    alm_rng rng = alm_rng_stream(1, ALM_RNG_BENCH);
    for (size_t i = 0; i < ROWS * 5; i++) {
        raw[i] = (alm_rng_next_uniform(&rng) - 0.5) * 12;
    }
    printf("%-24s %8s %8s %8s\n", "ns per row", "strict", "fast", "ratio");
    for (size_t i = 0; i < sizeof OBJECTIVE / sizeof *OBJECTIVE; i++) {
        measure(&OBJECTIVE[i], raw, out);
    }
    alm_arena_destroy(arena);
    return 0;
}
