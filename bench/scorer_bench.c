/* What a scorer costs beside its models: two forests of 500 trees with 31 leaves over 40 features
 * that vote, each with a calibrator, beside the same forests scored alone; one thread.
 *
 *     scorer_bench [repeats]
 *
 * Printed are medians of processor time over the repeats, ours and alone one after the other: rows
 * of a table, and one row a call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/scorer/scorer_cases.h"

#define COLUMNS 40
#define ROWS 20000
#define SINGLE 2000
#define REPEATS_MAX 99

static const char PLATT[] = "{\"class_count\":2,\"classes\":[{\"a\":-4.5,\"b\":2.25}],"
                            "\"kind\":\"platt\"}";

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "scorer_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_median(const char *name, double *values, size_t count, const char *unit)
{
    qsort(values, count, sizeof *values, compare);
    printf("{\"name\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, values[count / 2], unit);
}

typedef struct bench {
    scorer_case files;
    alm_model_file *model[2];
    alm_scorer *scorer;
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    const double *rows;
    double *value, *alone;
} bench;

static void prepare(bench *b)
{
    scorer_case *w = &b->files;
    forest_shape shape = {.trees = 500, .outputs = 1, .features = COLUMNS, .leaves = 31,
                          .grid = 64};
    scorer_case_init(w);
    scorer_case_put_text(w, "c.json", PLATT);
    for (size_t i = 0; i < 2; i++) {
        alm_str text = scorer_case_lightgbm(w->arena, &shape, 1 + i, "binary sigmoid:1");
        scorer_case_put(w, i ? "b.txt" : "a.txt", text);
        check(alm_model_file_parse(text, "model", &b->model[i], &w->error), &w->error);
    }
    const char *list = scorer_case_list(w->arena, "c", 0, COLUMNS);
    check(scorer_case_read(w, alm_arena_printf(w->arena,
        "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1],\"horizons\":[{\"name\":\"h\","
        "\"members\":[{\"name\":\"a\",\"model\":\"a.txt\",\"columns\":%s,\"calibrator\":"
        "\"c.json\"},{\"name\":\"b\",\"model\":\"b.txt\",\"columns\":%s,\"calibrator\":"
        "\"c.json\"}],\"combination\":{\"kind\":\"soft_vote\"}}]}", list, list), &b->scorer),
          &w->error);
    const alm_scorer_info *info = alm_scorer_describe(b->scorer);
    alm_scorer_columns columns = {.row = info->row_column, .row_count = COLUMNS};
    check(alm_scorer_bind(b->scorer, &columns, &b->binding, &w->error), &w->error);
    check(alm_scorer_scratch_create(b->binding, NULL, &b->scratch, &w->error), &w->error);
    b->rows = case_rows(w->arena, ROWS, COLUMNS, 64);
    b->value = ALM_NEW_ARRAY(w->arena, double, ROWS);
    b->alone = ALM_NEW_ARRAY(w->arena, double, ROWS);
}

static double time_scorer(bench *b, size_t rows, size_t per_call)
{
    double start = seconds_now();
    for (size_t i = 0; i < rows; i += per_call) {
        alm_scorer_batch batch = {.count = per_call, .rows = b->rows + i * COLUMNS,
                                  .stride = COLUMNS};
        alm_scorer_output out = {.value = b->value + i};
        check(alm_scorer_predict(b->scratch, &batch, &out, &b->files.error), &b->files.error);
    }
    return (seconds_now() - start) / (double)rows;
}

static double time_alone(bench *b, size_t rows, size_t per_call)
{
    double start = seconds_now();
    for (size_t i = 0; i < rows; i += per_call) {
        for (size_t m = 0; m < 2; m++) {
            alm_forest_score(alm_model_file_forest(b->model[m]), b->rows + i * COLUMNS, per_call,
                             COLUMNS, b->alone + i);
        }
    }
    return (seconds_now() - start) / (double)rows;
}

int main(int argc, char **argv)
{
    size_t repeats = argc > 1 ? strtoul(argv[1], NULL, 10) : 9;
    static double table[REPEATS_MAX], table_alone[REPEATS_MAX], one[REPEATS_MAX],
        one_alone[REPEATS_MAX];
    bench b = {0};
    repeats = repeats < 1 ? 1 : repeats > REPEATS_MAX ? REPEATS_MAX : repeats;
    prepare(&b);
    for (size_t r = 0; r < repeats; r++) {
        table[r] = 1e9 * time_scorer(&b, ROWS, ROWS);
        table_alone[r] = 1e9 * time_alone(&b, ROWS, ROWS);
        one[r] = 1e6 * time_scorer(&b, SINGLE, 1);
        one_alone[r] = 1e6 * time_alone(&b, SINGLE, 1);
    }
    print_median("scorer of two forests, table", table, repeats, "ns/row");
    print_median("the two forests alone, table", table_alone, repeats, "ns/row");
    print_median("scorer of two forests, one row a call", one, repeats, "us/row");
    print_median("the two forests alone, one row a call", one_alone, repeats, "us/row");
    alm_scorer_scratch_destroy(b.scratch);
    alm_scorer_binding_destroy(b.binding);
    alm_scorer_destroy(b.scorer);
    alm_model_file_close(b.model[0]);
    alm_model_file_close(b.model[1]);
    alm_arena_destroy(b.files.arena);
    return 0;
}
