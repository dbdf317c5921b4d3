/* What it costs to say something: counters, histograms, an exposition, log lines, predictions on
 * record.
 *
 *     metrics_bench                      one JSON object a line
 *     metrics_bench text|openmetrics     prints the exposition that is measured */
#include <string.h>

#include "base/pool.h"
#include "bench_measure.h"
#include "monitor/line_writer.h"
#include "monitor/log_line.h"
#include "monitor/prediction_log.h"
#include "monitor/prometheus.h"
#include "monitor/service_metrics.h"

enum { ROUNDS = 9, MOVES = 2000000, COLUMNS = 40 };

typedef struct work {
    alm_meters *meters;
    alm_meter *counter, *histogram;
    alm_buffer text;
    alm_line_writer *writer;
    alm_prediction_record record;
} work;

static void add(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_meter_add(w->counter, 0, 1);
    }
}

static void observe(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_meter_observe(w->histogram, 0, (uint64_t)i * 7919 % 3000000); /* up to 3 ms */
    }
}

static void find(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_meter_add(alm_meters_get(w->meters, ALM_SERVICE_HTTP_REQUESTS,
                                     "/api/v1/predictions/demand", "POST", "200"), 0, 1);
    }
}

static void show(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_buffer_clear(&w->text);
        bench_check(alm_prometheus_write(w->meters, ALM_PROMETHEUS_TEXT, &w->text, NULL), NULL);
    }
}

static void log_lines(work *w, size_t count)
{
    alm_log_field fields[] = {
        alm_log_text("route", ALM_STR("/api/v1/predictions/demand")),
        alm_log_integer("status", 200),
        alm_log_integer("duration_us", 431),
        alm_log_text("served_by", ALM_STR("model")),
    };
    alm_log_event event = {.time = INT64_C(1767323045678901), .level = ALM_LOG_INFO,
                           .message = ALM_STR("request answered"),
                           .request_id = ALM_STR("3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
                           .trace_id = ALM_STR("0af7651916cd43dd8448eb211c80319c"),
                           .field = fields, .field_count = sizeof fields / sizeof *fields};
    for (size_t i = 0; i < count; i++) {
        alm_buffer_clear(&w->text);
        (void)alm_log_line(&event, ALM_LOG_INFO, &w->text);
    }
}

/* A line of 300 bytes; the ring is large enough for all, so the thread behind is hardly there. */
static void put(work *w, size_t count)
{
    static char line[300];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (size_t i = 0; i < count; i++) {
        (void)alm_line_writer_put(w->writer, 0, (alm_str){line, sizeof line});
    }
}

static void record(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_buffer_clear(&w->text);
        bench_check(alm_prediction_write(&w->record, &w->text, NULL), NULL);
    }
}

static void is_sampled(work *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        w->record.row_count += alm_prediction_is_sampled(w->record.request_id, 0);
    }
}

static void measure(work *w, const char *name, void (*run)(work *, size_t), size_t count)
{
    double seconds[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_seconds();
        run(w, count);
        seconds[round] = bench_seconds() - start;
    }
    bench_print(name, 1e9 * bench_median(seconds, ROUNDS) / (double)count, "ns");
}

/* Two threads at once, both with cell 0 (task 0) or each with its own. */
static alm_err two_threads(void *context, size_t task, int worker, alm_error *error)
{
    work *w = context;
    (void)worker;
    (void)error;
    for (size_t i = 0; i < MOVES; i++) {
        alm_meter_add(w->counter, (int)task, 1);
    }
    return ALM_OK;
}

static alm_err two_threads_on_one_cell(void *context, size_t task, int worker, alm_error *error)
{
    (void)task;
    return two_threads(context, 0, worker, error);
}

static void measure_two(work *w, const char *name, alm_pool_task task)
{
    double seconds[ROUNDS];
    alm_pool *pool = NULL;
    bench_check(alm_pool_create(2, &pool, NULL), NULL);
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_seconds();
        bench_check(alm_pool_run(pool, 2, task, w, NULL), NULL);
        seconds[round] = bench_seconds() - start;
    }
    alm_pool_destroy(pool);
    bench_print(name, 1e9 * bench_median(seconds, ROUNDS) / (2.0 * MOVES), "ns");
}

/* 1,000 series: 800 counters, and 200 histograms with 20 lines each. */
static void fill(work *w)
{
    for (int i = 0; i < 200; i++) {
        char version[24], route[32];
        snprintf(version, sizeof version, "demand-%d", i);
        alm_meter_observe(alm_meters_get(w->meters, ALM_SERVICE_PREDICTION_DURATION, "demand",
                                         version, "model"), 0, 123456u * (unsigned)i);
        alm_meter_add(alm_meters_get(w->meters, ALM_SERVICE_PREDICTIONS, "demand", version,
                                     "model"), 0, 12345);
        snprintf(route, sizeof route, "/api/v1/route/%d", i);
        alm_meter_add(alm_meters_get(w->meters, ALM_SERVICE_HTTP_REQUESTS, route, "POST", "200"),
                      0, 1234567);
        alm_meter_add(alm_meters_get(w->meters, ALM_SERVICE_HTTP_REQUESTS, route, "POST", "503"),
                      0, 12);
        alm_meter_add(alm_meters_get(w->meters, ALM_SERVICE_FALLBACKS, route, "deadline"), 0, 12);
    }
}

int main(int count, char **argument)
{
    static double value[COLUMNS], answer[3] = {12.345678901234567, 8.1, 20.25};
    static alm_str column[COLUMNS];
    work w = {0};
    alm_line_sink *sink = NULL;
    alm_arena *arena = alm_arena_create(0);
    bench_check(alm_service_meters_create(2, &w.meters, NULL), NULL);
    w.counter = alm_meters_get(w.meters, ALM_SERVICE_HTTP_REQUESTS, "/a", "POST", "200");
    w.histogram = alm_meters_get(w.meters, ALM_SERVICE_HTTP_DURATION, "/a");
    for (size_t i = 0; i < COLUMNS; i++) {
        column[i] = alm_str_of(alm_arena_printf(arena, "feature_%zu", i));
        value[i] = i % 2 ? (double)i : (double)i / 7; /* half of them whole numbers */
    }
    w.record = (alm_prediction_record){
        .request_id = ALM_STR("3f2504e0-4f89-11d3-9a0c-0305e82c3301"), .model = ALM_STR("demand"),
        .version = ALM_STR("3"), .served_by = ALM_STR("model"), .column_count = COLUMNS,
        .column = column, .row_count = 1, .value = value, .output_count = 3, .answer = answer};
    fill(&w);
    if (count == 2) {
        bool openmetrics = strcmp(argument[1], "openmetrics") == 0;
        bench_check(alm_prometheus_write(w.meters, openmetrics ? ALM_PROMETHEUS_OPENMETRICS
                                                               : ALM_PROMETHEUS_TEXT, &w.text,
                                         NULL), NULL);
        fwrite(w.text.data, 1, w.text.size, stdout);
        return 0;
    }
    bench_check(alm_line_sink_memory(64 << 20, &sink, NULL), NULL);
    bench_check(alm_line_writer_create(sink, 1, (size_t)64 << 20, &w.writer, NULL), NULL);
    measure(&w, "meter_add_ns", add, MOVES);
    measure(&w, "meter_observe_ns", observe, MOVES);
    measure(&w, "meter_find_and_add_ns", find, MOVES / 10);
    measure_two(&w, "meter_add_two_threads_own_cells_ns", two_threads);
    measure_two(&w, "meter_add_two_threads_one_cell_ns", two_threads_on_one_cell);
    measure(&w, "exposition_1000_series_ns", show, 20);
    bench_print("exposition_1000_series_bytes", (double)w.text.size, "bytes");
    measure(&w, "log_line_ns", log_lines, 100000);
    measure(&w, "line_put_ns", put, 20000);
    measure(&w, "prediction_is_sampled_ns", is_sampled, MOVES);
    measure(&w, "prediction_write_40_columns_ns", record, 2000);
    alm_line_writer_destroy(w.writer);
    bench_check(sink->ops->close(sink, NULL), NULL);
    alm_meters_destroy(w.meters);
    alm_buffer_deinit(&w.text);
    alm_arena_destroy(arena);
    return 0;
}
