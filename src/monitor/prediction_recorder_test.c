/* Predictions on record: sampled ones are there, whole, and can be read; what cannot be is counted,
 * and nobody waits for a sink that stands still, fails or has no room. */
#include "monitor/prediction_recorder.h"

#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "base/pool.h"

enum { RING = 4096 };

static const double ONE[] = {0.1};

static alm_prediction_record record_of(const char *id)
{
    return (alm_prediction_record){.request_id = alm_str_of(id), .route = ALM_STR("/v2"),
                                   .served_by = ALM_STR("model"), .row_count = 1,
                                   .output_count = 1, .answer = ONE};
}

static alm_prediction_recorder *make(alm_line_sink *sink, double rate, int workers)
{
    alm_prediction_recorder *recorder = NULL;
    alm_prediction_recorder_options options = {sink, rate, workers, RING};
    alm_error error = {0};
    if (alm_prediction_recorder_create(&options, &recorder, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return recorder;
}

/* Number of whole records in lines of a log. */
static size_t records_in(alm_str lines)
{
    alm_arena *arena = alm_arena_create(0);
    size_t count = 0;
    while (lines.data && lines.size > 0) {
        alm_prediction_record back;
        assert_int_equal(alm_prediction_read(alm_str_split(&lines, '\n'), arena, &back, NULL),
                         ALM_OK);
        count++;
    }
    alm_arena_destroy(arena);
    return count;
}

static void the_rate_decides(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    assert_int_equal(alm_line_sink_memory(1 << 20, &sink, NULL), ALM_OK);
    alm_prediction_recorder *none = make(sink, 0, 1), *some = make(sink, 0.5, 1),
                            *all = make(sink, 1, 1);
    size_t wanted = 0;
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "r-%d", i);
        assert_false(alm_prediction_recorder_wants(none, alm_str_of(id)));
        assert_true(alm_prediction_recorder_wants(all, alm_str_of(id)));
        wanted += alm_prediction_recorder_wants(some, alm_str_of(id));
    }
    assert_in_range(wanted, 450, 550);
    assert_false(alm_prediction_recorder_wants(NULL, ALM_STR("r-1")));
    alm_prediction_recorder_destroy(none);
    alm_prediction_recorder_destroy(some);
    alm_prediction_recorder_destroy(all);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

static void what_cannot_be_made_is_refused(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    alm_prediction_recorder *recorder = NULL;
    assert_int_equal(alm_line_sink_memory(1 << 20, &sink, NULL), ALM_OK);
    static const double RATE[] = {-0.1, 1.1, (double)NAN};
    for (size_t i = 0; i < 3; i++) {
        alm_prediction_recorder_options bad = {sink, RATE[i], 1, RING};
        assert_int_equal(alm_prediction_recorder_create(&bad, &recorder, NULL), ALM_ERR_USAGE);
    }
    alm_prediction_recorder_options bad = {sink, 1, 0, RING};
    assert_int_equal(alm_prediction_recorder_create(&bad, &recorder, NULL), ALM_ERR_LIMIT);
    bad.workers = 2;
    uint64_t needed = 0;
    for (uint64_t nth = 1; nth < 20 && !needed; nth++) {
        alm_heap_fail_at(nth);
        alm_err code = alm_prediction_recorder_create(&bad, &recorder, NULL);
        alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        needed = code == ALM_OK ? nth : 0;
    }
    assert_true(needed > 4);
    alm_prediction_recorder_destroy(recorder);
    alm_prediction_recorder_destroy(NULL);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

static void everything_lost_is_counted(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    assert_int_equal(alm_line_sink_memory(1 << 20, &sink, NULL), ALM_OK);
    alm_prediction_recorder *recorder = make(sink, 1, 1);
    alm_prediction_record good = record_of("r-1"), bad = record_of(""), large = good;
    alm_prediction_recorder_put(recorder, 0, &good);
    alm_prediction_recorder_put(recorder, 0, &bad); /* no id */
    static double many[1000];
    large.output_count = 1000; /* longer than the ring */
    large.answer = many;
    for (size_t i = 0; i < 1000; i++) {
        many[i] = 1.2345678901234567;
    }
    alm_prediction_recorder_put(recorder, 0, &large);
    alm_heap_fail_at(1);
    alm_prediction_recorder_put(recorder, 0, &large); /* fits into the memory that is there */
    alm_heap_fail_at(0);
    alm_prediction_recorder_put(recorder, 0, &good);
    alm_prediction_recorder_flush(recorder);
    alm_prediction_recorder_counts counts = alm_prediction_recorder_count(recorder);
    assert_int_equal(counts.put, 2);
    assert_int_equal(counts.refused, 1);
    assert_int_equal(counts.dropped, 2);
    assert_int_equal(counts.failed, 0);
    assert_int_equal(records_in(alm_line_sink_memory_view(sink)), 2);
    alm_prediction_recorder_destroy(recorder);

    recorder = make(sink, 1, 1);
    alm_heap_fail_at(1); /* no memory for the first line at all */
    alm_prediction_recorder_put(recorder, 0, &good);
    alm_heap_fail_at(0);
    alm_prediction_recorder_put(recorder, 0, &good);
    counts = alm_prediction_recorder_count(recorder);
    assert_int_equal(counts.dropped, 1);
    assert_int_equal(counts.put, 1);
    alm_prediction_recorder_destroy(recorder);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

/* A disk that stands still: lines are lost, the caller is not held. */
typedef struct gated_sink {
    alm_line_sink sink;
    sem_t gate;
    size_t lines;
} gated_sink;

static alm_err gated_write(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    gated_sink *s = (gated_sink *)sink;
    (void)error;
    sem_wait(&s->gate);
    for (size_t i = 0; i < lines.size; i++) {
        s->lines += lines.data[i] == '\n';
    }
    return ALM_OK;
}

static alm_err gated_sync(alm_line_sink *sink, alm_error *error)
{
    (void)sink;
    (void)error;
    return ALM_OK;
}

static void a_slow_disk_costs_lines_only(void **state)
{
    (void)state;
    static const alm_line_sink_ops OPS = {"gated", gated_write, gated_sync, NULL};
    gated_sink sink = {.sink = {&OPS}};
    sem_init(&sink.gate, 0, 0);
    alm_prediction_recorder *recorder = make(&sink.sink, 1, 1);
    alm_prediction_record record = record_of("r-1");
    for (int i = 0; i < 1000; i++) {
        alm_prediction_recorder_put(recorder, 0, &record);
    }
    alm_prediction_recorder_counts counts = alm_prediction_recorder_count(recorder);
    assert_true(counts.dropped > 0);
    assert_int_equal(counts.put + counts.dropped, 1000);
    for (int i = 0; i < 1000; i++) {
        sem_post(&sink.gate);
    }
    alm_prediction_recorder_flush(recorder);
    assert_int_equal(sink.lines, counts.put);
    alm_prediction_recorder_destroy(recorder);
    sem_destroy(&sink.gate);
}

/* A full disk, then room again: what was lost is counted, what is there can be read. */
static void a_full_disk_costs_lines_only(void **state)
{
    (void)state;
    alm_fs *memory = NULL, *fault = NULL;
    alm_line_sink *sink = NULL;
    alm_error error = {0};
    assert_int_equal(alm_fs_memory_create(&memory, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(memory, &fault, NULL), ALM_OK);
    alm_line_files files = {fault, "/log", "predictions", 1 << 20, 0};
    assert_int_equal(alm_line_sink_files(&files, &sink, NULL), ALM_OK);
    alm_prediction_recorder *recorder = make(sink, 1, 1);
    alm_prediction_record record = record_of("r-1");
    alm_prediction_recorder_put(recorder, 0, &record);
    alm_prediction_recorder_flush(recorder);
    assert_int_equal(alm_prediction_recorder_status(recorder, &error), ALM_OK);
    alm_fs_fault_set(fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                                            .calls = ALM_FS_CALL_BIT(WRITE)});
    alm_prediction_recorder_put(recorder, 0, &record);
    alm_prediction_recorder_flush(recorder);
    assert_int_not_equal(alm_prediction_recorder_status(recorder, &error), ALM_OK);
    assert_int_equal(alm_prediction_recorder_count(recorder).failed, 1);
    alm_fs_fault_set(fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
    alm_prediction_recorder_put(recorder, 0, &record);
    alm_prediction_recorder_destroy(recorder);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
    alm_arena *arena = alm_arena_create(0);
    alm_fs_entry *entry = NULL;
    size_t count = 0, whole = 0;
    assert_int_equal(memory->ops->list(memory, "/log", arena, &entry, &count, NULL), ALM_OK);
    for (size_t i = 0; i < count; i++) {
        alm_str text;
        const char *path = alm_path_join(arena, "/log", entry[i].name);
        assert_int_equal(alm_fs_read_all(memory, path, 1 << 20, arena, &text, NULL), ALM_OK);
        const char *end = text.size ? memrchr(text.data, '\n', text.size) : NULL;
        whole += end ? records_in((alm_str){text.data, (size_t)(end + 1 - text.data)}) : 0;
    }
    assert_int_equal(whole, 2);
    alm_arena_destroy(arena);
    alm_fs_destroy(fault);
    alm_fs_destroy(memory);
}

static alm_err put_some(void *context, size_t task, int worker, alm_error *error)
{
    alm_prediction_recorder *recorder = context;
    (void)error;
    for (int i = 0; i < 200; i++) {
        char id[32];
        snprintf(id, sizeof id, "t%zu-%d", task, i);
        alm_prediction_record record = record_of(id);
        if (alm_prediction_recorder_wants(recorder, record.request_id)) {
            alm_prediction_recorder_put(recorder, worker, &record);
        }
        (void)alm_prediction_recorder_count(recorder);
    }
    return ALM_OK;
}

static void workers_do_not_mix(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    alm_pool *pool = NULL;
    assert_int_equal(alm_line_sink_memory(16 << 20, &sink, NULL), ALM_OK);
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    alm_prediction_recorder *recorder = make(sink, 1, 4);
    assert_int_equal(alm_pool_run(pool, 16, put_some, recorder, NULL), ALM_OK);
    alm_prediction_recorder_flush(recorder);
    alm_prediction_recorder_counts counts = alm_prediction_recorder_count(recorder);
    assert_int_equal(counts.put + counts.dropped, 16 * 200);
    assert_int_equal(records_in(alm_line_sink_memory_view(sink)), counts.put);
    alm_prediction_recorder_destroy(recorder);
    alm_pool_destroy(pool);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_decides),
        cmocka_unit_test(what_cannot_be_made_is_refused),
        cmocka_unit_test(everything_lost_is_counted),
        cmocka_unit_test(a_slow_disk_costs_lines_only),
        cmocka_unit_test(a_full_disk_costs_lines_only),
        cmocka_unit_test(workers_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
