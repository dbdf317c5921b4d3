/* Forecasts of the statistical forecasters for many series, scored as the M competitions score,
 * beside forecasts that others made; and how long they take, one thread.
 *
 *     competition_bench < INPUT
 *
 * INPUT is lines of words: `series ID SEASON N y.. H t..` (the past, and what came then), then
 * `forecast METHOD ID f..` with H values each. Output is a line of JSON per method, ours with
 * `seconds` of the processor, those of others with `farthest`: the largest distance from ours of
 * the same name. tools/accuracy makes the input and judges the output. */
#include "base/json.h"
#include "model/statistical/statistical.h"
#include "num/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define METHODS_MAX 64
#define LINE_BYTES ((size_t)1 << 20)
#define STEPS_MAX 64

typedef struct series {
    alm_str id;
    alm_past past;
    double *then;
    size_t steps;
    alm_scale scale;
    double *own; /* kinds x steps */
} series;

typedef struct method {
    alm_str name;
    alm_metrics metrics;
    double seconds;  /* ours; else NaN */
    double farthest; /* theirs; NaN: we have none of the name */
} method;

typedef struct bench {
    alm_arena *arena;
    const alm_forecaster_kind *const *kind;
    size_t kinds;
    series *series;
    size_t count, room, next;
    method method[METHODS_MAX];
    size_t methods;
} bench;

static void die(const char *why)
{
    fprintf(stderr, "competition_bench: %s\n", why);
    exit(2);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double number(alm_str *rest)
{
    double value = 0;
    if (!alm_str_to_double(alm_str_split(rest, ' '), &value)) {
        die("a number was expected");
    }
    return value;
}

static double *numbers(bench *b, alm_str *rest, size_t count)
{
    double *out = ALM_NEW_ARRAY(b->arena, double, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = number(rest);
    }
    return out;
}

static alm_str text(bench *b, alm_str word)
{
    return (alm_str){alm_arena_copy_text(b->arena, word.data, word.size), word.size};
}

/* ---- ours ---- */

static void add_series(bench *b, alm_str *rest)
{
    if (b->count == b->room) {
        series *more = ALM_NEW_ARRAY(b->arena, series, 2 * b->room + 64);
        if (b->count) {
            memcpy(more, b->series, b->count * sizeof *more);
        }
        b->series = more;
        b->room = 2 * b->room + 64;
    }
    series *s = &b->series[b->count++];
    s->id = text(b, alm_str_split(rest, ' '));
    s->past.season = (size_t)number(rest);
    s->past.count = (size_t)number(rest);
    s->past.y = numbers(b, rest, s->past.count);
    s->steps = (size_t)number(rest);
    s->then = numbers(b, rest, s->steps);
    s->own = ALM_NEW_ARRAY(b->arena, double, b->kinds * s->steps);
    s->scale = alm_scale_of(s->past.y, s->past.count, s->past.season);
}

static void forecast_all(bench *b)
{
    alm_arena *scratch = alm_arena_create(0);
    for (size_t k = 0; k < b->kinds; k++) {
        method *m = &b->method[b->methods++];
        *m = (method){.name = alm_str_of(b->kind[k]->name), .farthest = (double)NAN};
        if (alm_forecaster_traits_of(b->kind[k]).support == ALM_SUPPORT_COUNT) {
            continue; /* values of competitions are measured, not counted */
        }
        double start = seconds_now();
        for (size_t i = 0; i < b->count; i++) {
            series *s = &b->series[i];
            alm_error error;
            void *state = NULL;
            alm_arena_reset(scratch);
            if (b->kind[k]->fit(&s->past, scratch, &state, &error) != ALM_OK) {
                die(error.message);
            }
            b->kind[k]->mean(state, s->steps, s->own + k * s->steps);
        }
        m->seconds = seconds_now() - start;
        for (size_t i = 0; i < b->count; i++) {
            series *s = &b->series[i];
            alm_metrics_add_window(&m->metrics, s->then, s->own + k * s->steps, s->steps,
                                   s->scale);
        }
    }
    alm_arena_destroy(scratch);
}

/* ---- theirs ---- */

static method *find_method(bench *b, alm_str name)
{
    for (size_t i = b->kinds; i < b->methods; i++) {
        if (alm_str_equal(b->method[i].name, name)) {
            return &b->method[i];
        }
    }
    if (b->methods == METHODS_MAX) {
        die("too many methods");
    }
    method *m = &b->method[b->methods++];
    *m = (method){.name = text(b, name), .seconds = (double)NAN, .farthest = (double)NAN};
    return m;
}

/* Forecasts come in the order of the series, method by method. */
static series *find_series(bench *b, alm_str id)
{
    for (size_t i = 0; i < b->count; i++) {
        series *s = &b->series[b->next];
        b->next = b->next + 1 == b->count ? 0 : b->next + 1;
        if (alm_str_equal(s->id, id)) {
            return s;
        }
    }
    die("a forecast of no series");
    return NULL;
}

static void add_forecast(bench *b, alm_str *rest)
{
    method *m = find_method(b, alm_str_split(rest, ' '));
    series *s = find_series(b, alm_str_split(rest, ' '));
    double forecast[STEPS_MAX];
    for (size_t h = 0; h < s->steps && h < STEPS_MAX; h++) {
        forecast[h] = number(rest);
    }
    alm_metrics_add_window(&m->metrics, s->then, forecast, s->steps, s->scale);
    for (size_t k = 0; k < b->kinds; k++) {
        for (size_t h = 0; alm_str_is(m->name, b->kind[k]->name) && h < s->steps; h++) {
            double distance = fabs(forecast[h] - s->own[k * s->steps + h]);
            m->farthest = distance <= m->farthest ? m->farthest : distance;
        }
    }
}

/* ---- the report ---- */

static void print(const method *m)
{
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "method", m->name);
    alm_json_put_i64(&json, "series", (int64_t)m->metrics.smape_windows);
    alm_json_put_double(&json, "smape", alm_metrics_smape(&m->metrics));
    alm_json_put_double(&json, "mase", alm_metrics_mase(&m->metrics));
    if (!isnan(m->seconds)) {
        alm_json_put_double(&json, "seconds", m->seconds);
    }
    if (!isnan(m->farthest)) {
        alm_json_put_double(&json, "farthest", m->farthest);
    }
    alm_json_close_object(&json);
    printf("%.*s\n", (int)out.size, out.data);
    alm_buffer_deinit(&out);
}

int main(void)
{
    bench b = {.arena = alm_arena_create(0)};
    char *line = malloc(LINE_BYTES);
    b.kind = alm_forecaster_kinds(&b.kinds);
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        alm_str word = alm_str_split(&rest, ' ');
        if (alm_str_is(word, "series")) {
            add_series(&b, &rest);
            continue;
        }
        if (b.methods == 0) {
            forecast_all(&b);
        }
        add_forecast(&b, &rest);
    }
    if (b.methods == 0) {
        forecast_all(&b);
    }
    for (size_t i = 0; i < b.methods; i++) {
        if (b.method[i].metrics.pairs > 0) {
            print(&b.method[i]);
        }
    }
    free(line);
    alm_arena_destroy(b.arena);
    return 0;
}
