/* Forecasts whose weights are learned on earlier origins of the same series, scored as the M
 * competitions score, beside the other choices among candidates; one thread.
 *
 *     selector_bench < INPUT
 *
 * INPUT: lines of series (series_lines.h), all of one horizon. Output: a line of JSON per method,
 * with `seconds` of the processor; learned: with those of training. Then verdicts on the mean
 * absolute scaled error of each series, learned against each other one. */
#include "base/json.h"
#include "model/statistical/automatic/choice.h"
#include "model/statistical/automatic/contest.h"
#include "num/compare_forecasts.h"
#include "series_lines.h"
#include "train/global/selector_train.h"

#include <time.h>

#define ALPHA .05

static const alm_forecaster_kind *const KINDS[] = {&alm_learned, &alm_auto, &alm_weighted,
                                                   &alm_median, &alm_best};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

typedef struct method {
    alm_metrics metrics;
    double seconds;
    double *losses; /* by series */
} method;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static alm_selector *train(const series_list *list)
{
    alm_selector_trained trained;
    alm_error error;
    alm_env env = {0};
    alm_selector_plan plan = {.steps = list->series[0].steps};
    alm_past *pasts = ALM_NEW_ARRAY(list->arena, alm_past, list->count);
    for (size_t i = 0; i < list->count; i++) {
        pasts[i] = list->series[i].past;
    }
    if (alm_selector_train(&env, pasts, list->count, &plan, &trained, &error) != ALM_OK) {
        die(error.message);
    }
    return trained.selector;
}

static void forecast(const series_list *list, const alm_forecaster_kind *kind, method *m)
{
    double start = seconds_now();
    alm_selector *selector = kind == &alm_learned ? train(list) : NULL;
    alm_arena *scratch = alm_arena_create(0);
    m->losses = ALM_NEW_ARRAY(list->arena, double, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const series *s = &list->series[i];
        void *state = NULL;
        alm_error error;
        alm_metrics one = {0};
        alm_arena_reset(scratch);
        double *mean = ALM_NEW_ARRAY(scratch, double, s->steps);
        alm_err code = selector ? alm_selector_fit(selector, &s->past, scratch, &state, &error)
                                : kind->fit(&s->past, scratch, &state, &error);
        if (code != ALM_OK) {
            die(error.message);
        }
        kind->mean(state, s->steps, mean);
        alm_metrics_add_window(&m->metrics, s->then, mean, s->steps, s->scale);
        alm_metrics_add_window(&one, s->then, mean, s->steps, s->scale);
        m->losses[i] = alm_metrics_mase(&one);
    }
    m->seconds = seconds_now() - start;
    alm_arena_destroy(scratch);
    alm_selector_destroy(selector);
}

static void print(const char *name, const method *m)
{
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "method", name);
    put_errors(&m->metrics, &json);
    alm_json_put_double(&json, "seconds", m->seconds);
    alm_json_close_object(&json);
    print_line(&out);
}

int main(void)
{
    series_list list = {.arena = alm_arena_create(0)};
    method methods[KIND_COUNT] = {{.seconds = 0}};
    char *line = malloc(LINE_BYTES);
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        if (alm_str_is(alm_str_split(&rest, ' '), "series")) {
            add_series(&list, &rest);
        }
    }
    if (list.count == 0) {
        die("there is no series");
    }
    for (size_t k = 0; k < KIND_COUNT; k++) {
        forecast(&list, KINDS[k], &methods[k]);
        print(KINDS[k]->name, &methods[k]);
        (void)fflush(stdout);
    }
    for (size_t k = 1; k < KIND_COUNT; k++) {
        alm_paired_test test = alm_compare_losses(methods[0].losses, methods[k].losses, list.count,
                                                  1, 1);
        print_verdict(alm_compare_verdict(KINDS[0]->name, KINDS[k]->name, &test, ALPHA,
                                          list.arena));
    }
    free(line);
    alm_arena_destroy(list.arena);
    return 0;
}
