/* Forecasts of the statistical forecasters for many series, scored as the M competitions score,
 * beside forecasts that others made; and how long they take, one thread.
 *
 *     competition_bench < INPUT
 *
 * INPUT is `kinds NAME..` (of ours; without this line all), lines of series (series_lines.h), then
 * `forecast METHOD ID f..` with a value per step. Output is a line of JSON per method, ours with
 * `seconds` of the processor and how many series it `refused`, which have the naive forecast then;
 * those of others with `farthest`: the largest distance from ours of the same name, in units of the
 * eighth digit. Then lines with a `verdict` on the losses, the mean absolute scaled error of each
 * series. tools/accuracy and bench/forecast_peers.py make the input and judge the output. */
#include "base/json.h"
#include "model/statistical/forecaster_kinds.h"
#include "num/compare_forecasts.h"
#include "series_lines.h"

#include <math.h>
#include <time.h>

#define METHODS_MAX 128
#define STEPS_MAX 512
#define ALPHA 0.05 /* of the verdicts */

typedef struct method {
    alm_str name;
    alm_metrics metrics;
    double seconds;  /* ours; else NaN */
    double farthest; /* theirs, in eighth digits; NaN: we have none of the name */
    double *losses;  /* by series; NaN: no forecast, or no scale */
    size_t refused;  /* ours: series that have the naive forecast instead */
} method;

typedef struct bench {
    series_list list;
    const alm_forecaster_kind *const *kind;
    size_t kinds;
    size_t next;
    method method[METHODS_MAX];
    size_t methods;
} bench;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- ours ---- */

static void add_window(method *m, series_list *list, size_t index, const double *forecast)
{
    const series *s = &list->series[index];
    alm_metrics_add_window(&m->metrics, s->then, forecast, s->steps, s->scale);
    alm_metrics one = {0};
    alm_metrics_add_window(&one, s->then, forecast, s->steps, s->scale);
    if (!m->losses) {
        m->losses = ALM_NEW_ARRAY(list->arena, double, list->count);
        for (size_t i = 0; i < list->count; i++) {
            m->losses[i] = (double)NAN;
        }
    }
    m->losses[index] = alm_metrics_mase(&one);
}

static void forecast_all(bench *b)
{
    alm_arena *scratch = alm_arena_create(0);
    for (size_t i = 0; i < b->list.count; i++) {
        series *s = &b->list.series[i];
        s->own = ALM_NEW_ARRAY(b->list.arena, double, b->kinds * s->steps);
    }
    for (size_t k = 0; k < b->kinds; k++) {
        method *m = &b->method[b->methods++];
        *m = (method){.name = alm_str_of(b->kind[k]->name), .farthest = (double)NAN};
        double start = seconds_now();
        for (size_t i = 0; i < b->list.count; i++) {
            series *s = &b->list.series[i];
            alm_error error;
            void *state = NULL;
            alm_arena_reset(scratch);
            const alm_forecaster_kind *kind = b->kind[k];
            if (fit_series(kind, s, scratch, &state, &error) != ALM_OK) {
                m->refused++;
                kind = &alm_naive;
                if (kind->fit(&s->past, scratch, &state, &error) != ALM_OK) {
                    die(error.message);
                }
            }
            kind->mean(state, s->steps, s->own + k * s->steps);
        }
        m->seconds = seconds_now() - start;
        for (size_t i = 0; i < b->list.count; i++) {
            add_window(m, &b->list, i, b->list.series[i].own + k * b->list.series[i].steps);
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
    *m = (method){.name = text(b->list.arena, name), .seconds = (double)NAN,
                  .farthest = (double)NAN};
    return m;
}

/* Forecasts come in the order of the series, method by method. */
static series *find_series(bench *b, alm_str id)
{
    for (size_t i = 0; i < b->list.count; i++) {
        series *s = &b->list.series[b->next];
        b->next = b->next + 1 == b->list.count ? 0 : b->next + 1;
        if (alm_str_equal(s->id, id)) {
            return s;
        }
    }
    die("a forecast of no series");
    return NULL;
}

/* Distance in units of the eighth digit of `theirs`: at most half of one when they rounded ours. */
static double digits_off(double theirs, double own)
{
    double unit = 1e-7;
    double lead = fabs(theirs);
    for (; lead >= 10; lead /= 10) {
        unit *= 10;
    }
    for (; lead > 0 && lead < 1; lead *= 10) {
        unit /= 10;
    }
    return fabs(theirs - own) / unit;
}

static void add_forecast(bench *b, alm_str *rest)
{
    method *m = find_method(b, alm_str_split(rest, ' '));
    series *s = find_series(b, alm_str_split(rest, ' '));
    double forecast[STEPS_MAX];
    for (size_t h = 0; h < s->steps && h < STEPS_MAX; h++) {
        forecast[h] = number(rest);
    }
    add_window(m, &b->list, (size_t)(s - b->list.series), forecast);
    for (size_t k = 0; k < b->kinds; k++) {
        for (size_t h = 0; alm_str_is(m->name, b->kind[k]->name) && h < s->steps; h++) {
            double distance = digits_off(forecast[h], s->own[k * s->steps + h]);
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
    put_errors(&m->metrics, &json);
    if (!isnan(m->seconds)) {
        alm_json_put_double(&json, "seconds", m->seconds);
    }
    if (m->refused > 0) {
        alm_json_put_i64(&json, "refused", (int64_t)m->refused);
    }
    if (!isnan(m->farthest)) {
        alm_json_put_double(&json, "farthest", m->farthest);
    }
    alm_json_close_object(&json);
    print_line(&out);
}

/* Of [first, last): the smallest mean loss. */
static const method *best_of(const bench *b, size_t first, size_t last)
{
    const method *best = NULL;
    for (const method *m = b->method + first; m < b->method + last; m++) {
        if (!best || alm_metrics_mase(&m->metrics) < alm_metrics_mase(&best->metrics)) {
            best = m;
        }
    }
    return best;
}

/* Our best against the best of others, and all by their ranks. */
static void print_verdicts(const bench *b)
{
    alm_arena *arena = b->list.arena;
    double *losses = ALM_NEW_ARRAY(arena, double, b->list.count * b->methods);
    const char *names[METHODS_MAX];
    for (size_t m = 0; m < b->methods; m++) {
        alm_str name = b->method[m].name;
        names[m] = m < b->kinds ? name.data
                                : alm_arena_printf(arena, ALM_STR_FMT " (submitted)",
                                                   ALM_STR_ARG(name));
        for (size_t i = 0; i < b->list.count; i++) {
            losses[i * b->methods + m] = b->method[m].losses[i];
        }
    }
    const method *ours = best_of(b, 0, b->kinds);
    for (size_t m = 0; ours && m < b->methods; m++) {
        const method *other = &b->method[m];
        if (other != ours && (m < b->kinds || other == best_of(b, b->kinds, b->methods))) {
            alm_paired_test test = alm_compare_losses(ours->losses, other->losses, b->list.count,
                                                      1, 1);
            print_verdict(alm_compare_verdict(names[ours - b->method], names[m], &test, ALPHA,
                                              arena));
        }
    }
    alm_rank_test ranks = alm_rank_methods(losses, b->list.count, b->methods, ALPHA, arena);
    print_verdict(alm_rank_verdict(names, &ranks, arena));
}

/* All kinds but those of counts: values of competitions are measured. */
static size_t measured_kinds(const alm_forecaster_kind **out)
{
    size_t all = 0;
    size_t count = 0;
    const alm_forecaster_kind *const *kinds = alm_forecaster_kinds(&all);
    for (size_t k = 0; k < all; k++) {
        if (kinds[k]->traits.support != ALM_SUPPORT_COUNT) {
            out[count++] = kinds[k];
        }
    }
    return count;
}

int main(void)
{
    bench b = {.list = {.arena = alm_arena_create(0)}};
    char *line = malloc(LINE_BYTES);
    const alm_forecaster_kind *named[METHODS_MAX];
    b.kinds = measured_kinds(named);
    b.kind = named;
    while (line && fgets(line, (int)LINE_BYTES, stdin)) {
        alm_str rest = alm_str_trim(alm_str_of(line));
        alm_str word = alm_str_split(&rest, ' ');
        if (alm_str_is(word, "kinds")) {
            b.kinds = named_kinds(rest, named, METHODS_MAX);
            b.kind = named;
            continue;
        }
        if (alm_str_is(word, "series")) {
            add_series(&b.list, &rest);
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
        print(&b.method[i]);
    }
    if (b.list.count > 0 && b.methods > 1) {
        print_verdicts(&b);
    }
    free(line);
    alm_arena_destroy(b.list.arena);
    return 0;
}
