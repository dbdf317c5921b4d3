/* Lines of many threads through one writer: all there, in order, once; a sink that stands still or
 * fails costs lines, which are counted, and nobody waits for it. */
#include "monitor/line_writer.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"

enum { TASKS = 40, LINES = 500 };

/* A sink of the test: counts, may stand still, may fail. */
typedef struct odd_sink {
    alm_line_sink sink;
    sem_t *gate; /* each write takes one; NULL: none */
    bool fails;
    size_t writes, syncs, bytes;
} odd_sink;

static alm_err odd_write(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    odd_sink *s = (odd_sink *)sink;
    if (s->gate) {
        sem_wait(s->gate);
    }
    s->writes++;
    s->bytes += lines.size;
    return s->fails ? alm_fail(error, ALM_ERR_IO, "the sink fails") : ALM_OK;
}

static alm_err odd_sync(alm_line_sink *sink, alm_error *error)
{
    (void)error;
    ((odd_sink *)sink)->syncs++;
    return ALM_OK;
}

static const alm_line_sink_ops ODD = {"odd", odd_write, odd_sync, NULL};

static alm_line_writer *make(alm_line_sink *sink, int workers, size_t ring_bytes)
{
    alm_line_writer *writer = NULL;
    alm_error error = {0};
    if (alm_line_writer_create(sink, workers, ring_bytes, &writer, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return writer;
}

/* Lines "task number" with a tail of varying length, so that rings wrap at any place. */
static alm_err put_lines(void *context, size_t task, int worker, alm_error *error)
{
    (void)error;
    alm_line_writer *writer = context;
    for (int i = 0; i < LINES; i++) {
        char line[96];
        int size = snprintf(line, sizeof line, "%zu %d %.*s\n", task, i, (int)((task + i) % 60),
                            "------------------------------------------------------------");
        while (!alm_line_writer_put(writer, worker, (alm_str){line, (size_t)size})) {
            alm_line_writer_flush(writer);
        }
    }
    return ALM_OK;
}

static void test_all_lines_once_in_order(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    assert_int_equal(alm_line_sink_memory(10 << 20, &sink, NULL), ALM_OK);
    alm_line_writer *writer = make(sink, 4, 3000); /* small: it wraps often and is full often */
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, TASKS, put_lines, writer, NULL), ALM_OK);
    alm_pool_destroy(pool);
    alm_line_writer_destroy(writer); /* writes what is left */
    static int next[TASKS];
    size_t count = 0;
    for (alm_str rest = alm_line_sink_memory_view(sink); rest.data && rest.size > 0; count++) {
        alm_str line = alm_str_split(&rest, '\n');
        char text[128];
        size_t task = TASKS;
        int number = -1;
        assert_true(line.size < sizeof text);
        memcpy(text, line.data, line.size);
        text[line.size] = '\0';
        assert_int_equal(sscanf(text, "%zu %d ", &task, &number), 2);
        assert_true(task < TASKS);
        assert_int_equal(number, next[task]);
        next[task]++;
        assert_int_equal(strspn(strrchr(text, ' ') + 1, "-"), (task + (size_t)number) % 60);
    }
    assert_int_equal(count, TASKS * LINES);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

/* All threads come with the same number of a worker: no line is torn or lost uncounted. */
static alm_err put_as_zero(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    alm_line_writer *writer = context;
    char line[32];
    for (int i = 0; i < LINES; i++) {
        int size = snprintf(line, sizeof line, "%04zu-%04d\n", task, i);
        (void)alm_line_writer_put(writer, 0, (alm_str){line, (size_t)size});
    }
    return ALM_OK;
}

static void test_one_number_for_all(void **state)
{
    (void)state;
    alm_line_sink *sink = NULL;
    assert_int_equal(alm_line_sink_memory(10 << 20, &sink, NULL), ALM_OK);
    alm_line_writer *writer = make(sink, 2, 4096);
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, TASKS, put_as_zero, writer, NULL), ALM_OK);
    alm_pool_destroy(pool);
    alm_line_writer_flush(writer);
    alm_str lines = alm_line_sink_memory_view(sink); /* flushed: the thread is not in the sink */
    assert_int_equal(lines.size % 10, 0);
    assert_int_equal(lines.size / 10 + alm_line_writer_dropped(writer), TASKS * LINES);
    for (size_t i = 0; i < lines.size; i += 10) {
        assert_true(lines.data[i + 4] == '-' && lines.data[i + 9] == '\n');
    }
    alm_line_writer_destroy(writer);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
}

static void test_a_slow_sink_costs_lines_not_time(void **state)
{
    (void)state;
    sem_t gate;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    odd_sink sink = {.sink = {&ODD}, .gate = &gate};
    alm_line_writer *writer = make(&sink.sink, 1, 1024);
    size_t kept = 0;
    for (int i = 0; i < 1000; i++) {
        kept += alm_line_writer_put(writer, 0, ALM_STR("sixteen bytes..\n"));
    }
    /* The sink stands still: what is kept is in the ring and in one batch. */
    assert_true(kept >= 64 && kept <= 128);
    assert_int_equal(alm_line_writer_dropped(writer), 1000 - kept);
    for (int i = 0; i < 8; i++) {
        sem_post(&gate);
    }
    alm_line_writer_flush(writer);
    assert_int_equal(sink.bytes, kept * 16);
    assert_true(alm_line_writer_put(writer, 0, ALM_STR("it goes on\n")));
    static char wide[1026];
    memset(wide, 'w', 1025);
    wide[1024] = '\n';
    assert_false(alm_line_writer_put(writer, 0, (alm_str){wide, 1025})); /* longer than a ring */
    alm_line_writer_destroy(writer);
    assert_int_equal(sink.bytes, kept * 16 + 11);
    sem_destroy(&gate);
}

static void test_a_failing_sink(void **state)
{
    (void)state;
    odd_sink sink = {.sink = {&ODD}, .fails = true};
    alm_line_writer *writer = make(&sink.sink, 2, 1024);
    alm_error error = {0};
    assert_int_equal(alm_line_writer_status(writer, &error), ALM_OK);
    assert_true(alm_line_writer_put(writer, 0, ALM_STR("a\nb\n")));
    assert_true(alm_line_writer_put(writer, 1, ALM_STR("c\n")));
    alm_line_writer_flush(writer);
    assert_int_equal(alm_line_writer_failed(writer), 3);
    assert_int_equal(alm_line_writer_status(writer, &error), ALM_ERR_IO);
    assert_string_equal(error.message, "the sink fails");
    assert_int_equal(alm_line_writer_dropped(writer), 0);
    assert_int_equal(sink.syncs, 1);
    alm_line_writer_destroy(writer);
}

/* Wakes and sleeps many times: a thread left asleep would hang here. */
static void test_wakes_every_time(void **state)
{
    (void)state;
    odd_sink sink = {.sink = {&ODD}};
    alm_line_writer *writer = make(&sink.sink, 3, 1024);
    for (int i = 0; i < 300; i++) {
        assert_true(alm_line_writer_put(writer, i, ALM_STR("x\n")));
        if (i % 3 == 0) {
            alm_line_writer_flush(writer);
            assert_int_equal(sink.bytes, 2 * (size_t)(i + 1));
        }
    }
    alm_line_writer_flush(writer);
    alm_line_writer_flush(writer); /* with nothing to do */
    assert_int_equal(sink.bytes, 600);
    alm_line_writer_destroy(writer);
}

static void test_limits_and_memory(void **state)
{
    (void)state;
    odd_sink sink = {.sink = {&ODD}};
    alm_line_writer *writer = NULL;
    size_t held = alm_heap_held_bytes();
    assert_int_equal(alm_line_writer_create(&sink.sink, 0, 1024, &writer, NULL), ALM_ERR_LIMIT);
    assert_int_equal(alm_line_writer_create(&sink.sink, 1, 1023, &writer, NULL), ALM_ERR_LIMIT);
    for (uint64_t nth = 1; !writer; nth++) {
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_line_writer_create(&sink.sink, 2, 1024, &writer, NULL);
        (void)alm_heap_fail_at(0);
        assert_int_equal(code, writer ? ALM_OK : ALM_ERR_MEMORY);
        assert_true(nth < 20 && (writer || alm_heap_held_bytes() == held));
    }
    alm_line_writer_destroy(writer);
    alm_line_writer_destroy(NULL);
    assert_int_equal(alm_heap_held_bytes(), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_lines_once_in_order),
        cmocka_unit_test(test_one_number_for_all),
        cmocka_unit_test(test_a_slow_sink_costs_lines_not_time),
        cmocka_unit_test(test_a_failing_sink),
        cmocka_unit_test(test_wakes_every_time),
        cmocka_unit_test(test_limits_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
