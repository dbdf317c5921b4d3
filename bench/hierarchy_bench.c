/* What reconciliation does to the errors of real forecasts, method by method and level by level.
 *
 *     hierarchy_bench KIND ORIGINS < INPUT
 *
 * INPUT has a line `leaf GROUP GROUP y..` per leaf series of a hierarchy with two crossed groupings
 * (small numbers), all of one length, monthly. Levels: total, first grouping, second, leaves. At
 * ORIGINS origins, 12 months apart, the last 12 months before the end, every node is forecast for
 * 12 months by the forecaster KIND from its past alone. What methods learn from comes before the
 * origin too: a forecaster fitted to all but the newest 60 months says each of these one month
 * ahead. Output is a line of JSON per method (base: the forecasts as they are) and level: pooled
 * root mean squared error, mean MASE, and the largest distance of a node from the sum of its leaves
 * in parts of it. bench/accuracy/hierarchy.py makes the input and judges the output. */
#include "base/json.h"
#include "decide/reconcile_method.h"
#include "model/statistical/forecaster_kinds.h"
#include "model/statistical/statistical.h"
#include "num/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEASON 12
#define STEPS 12
#define PAST 60
#define LEVELS 4
#define LINE_BYTES ((size_t)1 << 16)
#define METHODS (ALM_RECONCILE_METHOD_COUNT + 2)
#define MIDDLE_OUT ALM_RECONCILE_METHOD_COUNT /* by shares of averages, from the first grouping */
#define BASE (METHODS - 1)

typedef struct bench {
    alm_arena *arena;
    const alm_forecaster_kind *kind;
    alm_hierarchy hierarchy;
    size_t leaves, all, months;
    double *series; /* all x months */
    double *errors; /* all x PAST */
    double *actual; /* leaves x PAST */
    double *base;   /* all x STEPS */
    alm_metrics metrics[METHODS][LEVELS];
    double incoherence[METHODS];
} bench;

static void die(const char *why)
{
    fprintf(stderr, "hierarchy_bench: %s\n", why);
    exit(2);
}

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        die(error->message);
    }
}

/* ---- input ---- */

static double number(alm_str *rest)
{
    double value = 0;
    if (!alm_str_to_double(alm_str_split(rest, ' '), &value)) {
        die("a number was expected");
    }
    return value;
}

static void read_leaf(bench *b, alm_str rest, alm_str *names, double *months)
{
    static const char *const PREFIX[] = {"first ", "second "};
    names[0] = alm_str_of("total");
    for (int g = 0; g < 2; g++) {
        names[1 + g] = alm_str_of(
            alm_arena_printf(b->arena, "%s%03d", PREFIX[g], (int)number(&rest)));
    }
    size_t count = 0;
    while (rest.size > 0) {
        if (count == LINE_BYTES / 2) {
            die("a line is too long");
        }
        months[count++] = number(&rest);
    }
    if (b->months && count != b->months) {
        die("series have different lengths");
    }
    b->months = count;
}

static void read_leaves(bench *b)
{
    enum { LEAVES_MAX = 4096 };
    char *line = malloc(LINE_BYTES);
    double *months = malloc(LINE_BYTES / 2 * sizeof(double));
    double **rows = calloc(LEAVES_MAX, sizeof *rows);
    alm_str *names = calloc((size_t)LEAVES_MAX * 3, sizeof *names);
    if (!line || !months || !rows || !names) {
        die("out of memory");
    }
    while (fgets(line, (int)LINE_BYTES, stdin) && b->leaves < LEAVES_MAX) {
        alm_str rest = alm_str_of(line);
        rest.size -= rest.size > 0 && line[rest.size - 1] == '\n';
        if (!alm_str_is(alm_str_split(&rest, ' '), "leaf")) {
            die("a line does not begin with 'leaf'");
        }
        read_leaf(b, rest, names + b->leaves * 3, months);
        rows[b->leaves] = ALM_NEW_ARRAY(b->arena, double, b->months);
        memcpy(rows[b->leaves++], months, b->months * sizeof(double));
    }
    alm_error error;
    alm_str levels[] = {alm_str_of("total"), alm_str_of("first"), alm_str_of("second")};
    check(alm_hierarchy_build(levels, 3, names, (uint32_t)b->leaves, b->arena, &b->hierarchy,
                              &error), &error);
    size_t nodes = b->hierarchy.node_count;
    b->all = nodes + b->leaves;
    b->series = ALM_NEW_ARRAY(b->arena, double, b->all * b->months);
    for (size_t i = 0; i < b->leaves; i++) {
        memcpy(b->series + (nodes + i) * b->months, rows[i], b->months * sizeof(double));
    }
    alm_hierarchy_add(&b->hierarchy, 0, (uint32_t)b->leaves, b->series + nodes * b->months,
                      b->months, b->series);
    free(names);
    free(rows);
    free(months);
    free(line);
}

/* ---- forecasts ---- */

static void forecast_node(bench *b, size_t node, size_t origin, alm_arena *scratch)
{
    const double *y = b->series + node * b->months;
    alm_error error;
    void *state = NULL;
    alm_past past = {y, origin - PAST, SEASON};
    alm_arena_reset(scratch);
    check(b->kind->fit(&past, scratch, &state, &error), &error);
    for (size_t t = 0; t < PAST; t++) {
        double mean = 0;
        b->kind->mean(state, 1, &mean);
        b->errors[node * PAST + t] = y[origin - PAST + t] - mean;
        b->kind->update(state, y[origin - PAST + t]);
    }
    past.count = origin;
    alm_arena_reset(scratch);
    check(b->kind->fit(&past, scratch, &state, &error), &error);
    b->kind->mean(state, STEPS, b->base + node * STEPS);
    if (node >= b->hierarchy.node_count) {
        memcpy(b->actual + (node - b->hierarchy.node_count) * PAST, y + origin - PAST,
               PAST * sizeof(double));
    }
}

static size_t level_of(const bench *b, size_t node)
{
    size_t level = 0;
    while (level < 3 && node >= b->hierarchy.levels[level].first_node +
                                    b->hierarchy.levels[level].node_count) {
        level++;
    }
    return level;
}

static void score(bench *b, size_t method, size_t origin, const double *values)
{
    size_t nodes = b->hierarchy.node_count;
    double *sums = ALM_NEW_ARRAY(b->arena, double, nodes * STEPS);
    for (size_t node = 0; node < b->all; node++) {
        const double *y = b->series + node * b->months;
        alm_metrics_add_window(&b->metrics[method][level_of(b, node)], y + origin,
                               values + node * STEPS, STEPS, alm_scale_of(y, origin, SEASON));
    }
    alm_hierarchy_add(&b->hierarchy, 0, (uint32_t)b->leaves, values + nodes * STEPS, STEPS, sums);
    for (size_t k = 0; k < nodes * STEPS; k++) {
        double gap = fabs(values[k] - sums[k]) / fabs(sums[k]);
        b->incoherence[method] = gap > b->incoherence[method] ? gap : b->incoherence[method];
    }
}

static void reconcile(bench *b, size_t method, size_t origin, double *values)
{
    alm_error error;
    alm_reconciliation *r = NULL;
    alm_reconcile_request request = {.method = (alm_reconcile_method)method,
                                     .past = {PAST, b->actual, b->errors}};
    if (method == MIDDLE_OUT) {
        request.method = ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES;
        request.from_level = 1;
    }
    check(alm_reconciliation_create(&b->hierarchy, &request, &r, &error), &error);
    memcpy(values, b->base, b->all * STEPS * sizeof(double));
    check(alm_reconciliation_apply(r, values, STEPS, NULL, &error), &error);
    alm_reconciliation_destroy(r);
    score(b, method, origin, values);
}

static void run(bench *b, size_t origins)
{
    if (b->months < PAST + 3 * SEASON + origins * STEPS) {
        die("the series are too short for so many origins");
    }
    double *values = ALM_NEW_ARRAY(b->arena, double, b->all * STEPS);
    alm_arena *scratch = alm_arena_create(0);
    b->errors = ALM_NEW_ARRAY(b->arena, double, b->all * PAST);
    b->actual = ALM_NEW_ARRAY(b->arena, double, b->leaves * PAST);
    b->base = ALM_NEW_ARRAY(b->arena, double, b->all * STEPS);
    for (size_t k = 0; k < origins; k++) {
        size_t origin = b->months - STEPS * (origins - k);
        for (size_t node = 0; node < b->all; node++) {
            forecast_node(b, node, origin, scratch);
        }
        score(b, BASE, origin, b->base);
        for (size_t method = 0; method < BASE; method++) {
            /* Groupings cross, so forecasts give no shares going down. */
            if (method != ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS) {
                reconcile(b, method, origin, values);
            }
        }
    }
    alm_arena_destroy(scratch);
}

/* ---- the report ---- */

static void print(const bench *b)
{
    static const char *const LEVEL_NAMES[] = {"total", "first", "second", "leaves"};
    for (size_t method = 0; method < METHODS; method++) {
        for (size_t level = 0; level < LEVELS; level++) {
            if (method == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS) {
                continue;
            }
            const char *name = method == BASE         ? "base"
                               : method == MIDDLE_OUT ? "middle_out_proportions_of_averages"
                                                      : alm_reconcile_method_name(method);
            alm_buffer out = {0};
            alm_json_writer json = alm_json_writer_on(&out);
            alm_json_open_object(&json);
            alm_json_put_str(&json, "method", alm_str_of(name));
            alm_json_put_str(&json, "level", alm_str_of(LEVEL_NAMES[level]));
            alm_json_put_double(&json, "rmse", alm_metrics_rmse(&b->metrics[method][level]));
            alm_json_put_double(&json, "mase", alm_metrics_mase(&b->metrics[method][level]));
            alm_json_put_double(&json, "incoherence", b->incoherence[method]);
            alm_json_close_object(&json);
            printf("%.*s\n", (int)out.size, out.data);
            alm_buffer_deinit(&out);
        }
    }
}

int main(int argc, char **argv)
{
    bench b = {.arena = alm_arena_create(0)};
    size_t kinds = 0;
    const alm_forecaster_kind *const *kind = alm_forecaster_kinds(&kinds);
    int64_t origins = 0;
    for (size_t k = 0; k < kinds && argc == 3; k++) {
        b.kind = strcmp(kind[k]->name, argv[1]) == 0 ? kind[k] : b.kind;
    }
    if (argc != 3 || !alm_str_to_i64(alm_str_of(argv[2]), &origins) || origins < 1 || !b.kind) {
        die("usage: hierarchy_bench KIND ORIGINS < INPUT, KIND a statistical forecaster");
    }
    read_leaves(&b);
    run(&b, (size_t)origins);
    print(&b);
    alm_arena_destroy(b.arena);
    return 0;
}
