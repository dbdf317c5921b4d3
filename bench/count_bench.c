/* Forecasts of demand for many series: points, and what is said of their distribution.
 *
 *     count_bench < INPUT
 *
 * INPUT is series (series_lines.h) of whole numbers, - where not known. Output is a line of JSON
 * per method: RMSSE and MASE (num/metrics.h), bias in units a period, pinball losses, and the
 * coverage of the 90 % interval by the randomised PIT; `seconds` of the processor for the fits, and
 * of `paths`.
 *
 * Quantiles h periods ahead are those of PATHS joint paths. `zero` is the forecast that nothing is
 * sold; `ses` smooths with .1; `count_common` is `count` with parameters in common, fitted to these
 * series. tools/accuracy makes the input and judges the output. */
#include "base/json.h"
#include "base/rng.h"
#include "model/statistical/rare/adida.h"
#include "model/statistical/rare/count.h"
#include "model/statistical/rare/croston.h"
#include "model/statistical/rare/demand_smoothing.h"
#include "model/statistical/sample_paths.h"
#include "num/metrics.h"
#include "series_lines.h"

#include <math.h>
#include <time.h>

#define STEPS_MAX 64
#define PATHS 500
#define LEVELS 3

static const double LEVEL[LEVELS] = {.9, .95, .99};

typedef struct bench {
    series_list list;
    alm_arena *scratch;
    alm_count_common common;
    double paths[PATHS * STEPS_MAX];
} bench;

typedef struct method {
    const char *name;
    const alm_forecaster_kind *kind; /* NULL: zero or ses */
    bool is_common;
    alm_metrics metrics;
    double seconds, path_seconds;
    uint64_t pairs;
} method;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- one method ---- */

static double ses_of(const alm_past *past, alm_arena *arena)
{
    double *known = ALM_NEW_ARRAY(arena, double, past->count);
    size_t count = 0;
    for (size_t t = 0; t < past->count; t++) {
        if (!isnan(past->y[t])) {
            known[count++] = past->y[t];
        }
    }
    return count ? alm_smoothing_level(known, count, .1) : 0;
}

/* Shares of the paths below y and up to y, and a uniform number between. */
static void judge_pit(bench *b, method *m, const series *s, size_t which)
{
    for (size_t h = 0; h < s->steps; h++) {
        double below = 0;
        double equal = 0;
        for (size_t i = 0; i < PATHS; i++) {
            double y = b->paths[i * s->steps + h];
            below += y < s->then[h];
            equal += y == s->then[h];
        }
        if (!isnan(s->then[h])) {
            double v = alm_rng_uniform(1, ALM_RNG_BENCH, which, h);
            alm_metrics_add_interval(&m->metrics, (below + v * equal) / PATHS, .05, .95);
        }
    }
}

static void judge_paths(bench *b, method *m, const void *state, const series *s, size_t which)
{
    double quantile[STEPS_MAX * LEVELS];
    alm_path_plan plan = {.steps = s->steps, .count = PATHS, .seed = 1, .series = which,
                          .support = ALM_SUPPORT_COUNT};
    alm_error error;
    double start = seconds_now();
    alm_err code = alm_forecaster_paths(m->kind, state, &plan, b->scratch, b->paths, &error);
    m->path_seconds += seconds_now() - start;
    if (code == ALM_ERR_INCOMPLETE) { /* no error was seen: nothing but the mean is said */
        m->kind->mean(state, s->steps, b->paths);
        for (size_t i = 0; i < PATHS * s->steps; i++) {
            b->paths[i] = floor(b->paths[i % s->steps] + .5);
        }
    } else if (code != ALM_OK) {
        die(error.message);
    }
    alm_path_quantiles(b->paths, &plan, LEVEL, LEVELS, b->scratch, quantile);
    for (size_t h = 0; h < s->steps; h++) {
        if (!isnan(s->then[h])) {
            alm_metrics_add_pinball(&m->metrics, s->then[h], quantile + h * LEVELS, LEVEL, LEVELS);
        }
    }
    judge_pit(b, m, s, which);
}

static void judge_point(method *m, const series *s, double point)
{
    double all[LEVELS] = {point, point, point};
    for (size_t h = 0; h < s->steps; h++) {
        if (!isnan(s->then[h])) {
            alm_metrics_add_pinball(&m->metrics, s->then[h], all, LEVEL, LEVELS);
        }
    }
}

static void run_series(bench *b, method *m, size_t i)
{
    const series *s = &b->list.series[i];
    alm_count_past counts = {s->past.y, s->past.count, NULL};
    double mean[STEPS_MAX] = {0};
    void *state = NULL;
    alm_error error;
    alm_arena_reset(b->scratch);
    double start = seconds_now();
    if (m->is_common || m->kind) {
        alm_err code = m->is_common ? alm_count_fit(&counts, &b->common, b->scratch, &state, &error)
                                    : m->kind->fit(&s->past, b->scratch, &state, &error);
        if (code != ALM_OK) {
            die(error.message);
        }
        m->kind->mean(state, s->steps, mean);
    } else if (strcmp(m->name, "ses") == 0) {
        double level = ses_of(&s->past, b->scratch);
        for (size_t h = 0; h < s->steps; h++) {
            mean[h] = level;
        }
    }
    m->seconds += seconds_now() - start;
    alm_metrics_add_window(&m->metrics, s->then, mean, s->steps, s->scale);
    for (size_t h = 0; h < s->steps; h++) {
        m->pairs += !isnan(s->then[h]);
    }
    if (m->kind) {
        judge_paths(b, m, state, s, i);
    } else {
        judge_point(m, s, mean[0]);
    }
}

static void print(const method *m, size_t series_count)
{
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "method", alm_str_of(m->name));
    alm_json_put_i64(&json, "series", (int64_t)series_count);
    alm_json_put_double(&json, "rmsse", alm_metrics_rmsse(&m->metrics));
    alm_json_put_double(&json, "mase", alm_metrics_mase(&m->metrics));
    alm_json_put_double(&json, "bias", m->metrics.error / (double)m->pairs);
    alm_json_put_double(&json, "pinball_90", alm_metrics_pinball(&m->metrics, 0));
    alm_json_put_double(&json, "pinball_95", alm_metrics_pinball(&m->metrics, 1));
    alm_json_put_double(&json, "pinball_99", alm_metrics_pinball(&m->metrics, 2));
    if (m->kind) {
        alm_json_put_double(&json, "coverage_90", alm_metrics_coverage(&m->metrics));
        alm_json_put_double(&json, "paths", m->path_seconds);
    }
    alm_json_put_double(&json, "seconds", m->seconds);
    alm_json_close_object(&json);
    printf("%.*s\n", (int)out.size, out.data);
    alm_buffer_deinit(&out);
}

static double fit_common(bench *b)
{
    alm_count_past *pasts = ALM_NEW_ARRAY(b->list.arena, alm_count_past, b->list.count);
    alm_error error;
    for (size_t i = 0; i < b->list.count; i++) {
        pasts[i] = (alm_count_past){b->list.series[i].past.y, b->list.series[i].past.count, NULL};
    }
    double start = seconds_now();
    if (alm_count_common_fit(pasts, b->list.count, b->scratch, &b->common, &error) != ALM_OK) {
        die(error.message);
    }
    const alm_count_parameters *p = &b->common.parameters;
    const alm_count_start *s = &b->common.start;
    fprintf(stderr,
            "count_bench: in common: memory %.4g and %.4g, excess %.4g, fade %.4g and %.4g, "
            "start %.4g (%.3g) and %.4g (%.3g)\n",
            p->memory_demand, p->memory_size, p->excess, p->fade_demand, p->fade_size,
            s->probability, s->probability_weight, s->size, s->size_weight);
    return seconds_now() - start;
}

int main(void)
{
    static bench b;
    method methods[] = {
        {.name = "zero"},
        {.name = "naive", .kind = &alm_naive},
        {.name = "mean", .kind = &alm_mean_of_all},
        {.name = "ses"},
        {.name = "croston", .kind = &alm_croston},
        {.name = "croston_optimised", .kind = &alm_croston_optimised},
        {.name = "sba", .kind = &alm_sba},
        {.name = "tsb", .kind = &alm_tsb},
        {.name = "tsb_optimised", .kind = &alm_tsb_optimised},
        {.name = "adida", .kind = &alm_adida},
        {.name = "imapa", .kind = &alm_imapa},
        {.name = "count", .kind = &alm_count},
        {.name = "count_common", .kind = &alm_count, .is_common = true},
    };
    const size_t method_count = sizeof methods / sizeof methods[0];
    char *line = malloc(LINE_BYTES);
    b.list.arena = alm_arena_create(0);
    b.scratch = alm_arena_create(0);
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        if (!alm_str_is(alm_str_split(&rest, ' '), "series")) {
            die("a line `series` was expected");
        }
        if (add_series(&b.list, &rest)->steps > STEPS_MAX) {
            die("too many periods ahead");
        }
    }
    methods[method_count - 1].seconds = fit_common(&b);
    for (size_t i = 0; i < method_count; i++) {
        for (size_t k = 0; k < b.list.count; k++) {
            run_series(&b, &methods[i], k);
        }
        print(&methods[i], b.list.count);
    }
    free(line);
    alm_arena_destroy(b.scratch);
    alm_arena_destroy(b.list.arena);
    return 0;
}
