#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rng.h"

static const int THREADS[] = {1, 2, 3, 8};
#define POOLS 4
#define TASKS 500

typedef struct job {
    uint64_t seed;
    uint64_t result[TASKS];
    atomic_int runs[TASKS];
    /* One number per worker, without atomics: two tasks of one worker at a time would be a race
     * that the thread sanitizer reports. */
    uint64_t scratch[8];
    int threads;
    bool fails[TASKS];
    atomic_bool worker_out_of_range;
} job;

static alm_err work(void *context, size_t task, int worker, alm_error *error)
{
    job *j = context;
    if (worker < 0 || worker >= j->threads) {
        atomic_store(&j->worker_out_of_range, true);
        return ALM_ERR_USAGE;
    }
    atomic_fetch_add(&j->runs[task], 1);
    uint64_t steps = alm_rng_u64(j->seed, ALM_RNG_TEST, task, 0) % 40; /* uneven tasks */
    j->scratch[worker] = task;
    for (uint64_t i = 0; i < steps; i++) {
        j->scratch[worker] = alm_rng_u64(j->scratch[worker], ALM_RNG_TEST, i, task);
    }
    if (j->fails[task]) {
        return alm_fail(error, task % 2 ? ALM_ERR_IO : ALM_ERR_CORRUPT, "task %zu failed", task);
    }
    j->result[task] = j->scratch[worker];
    return ALM_OK;
}

static void reset(job *j, uint64_t seed, int threads)
{
    memset(j, 0, sizeof *j);
    j->seed = seed;
    j->threads = threads;
}

static alm_pool *open_pool(int threads)
{
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(threads, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_threads(pool), threads);
    return pool;
}

/* 200 batches on each pool, of sizes from none to TASKS; every task runs once and the results are
 * those of the caller's thread alone. */
static void results_do_not_depend_on_threads(void **state)
{
    (void)state;
    static job alone;
    static job pooled;
    for (int p = 0; p < POOLS; p++) {
        alm_pool *pool = open_pool(THREADS[p]);
        for (uint64_t round = 0; round < 200; round++) {
            size_t count = round < 5 ? (size_t)round : (size_t)(round * 37 % (TASKS + 1));
            reset(&alone, round, 1);
            reset(&pooled, round, THREADS[p]);
            alm_error error = {0};
            assert_int_equal(alm_pool_run(NULL, count, work, &alone, NULL), ALM_OK);
            assert_int_equal(alm_pool_run(pool, count, work, &pooled, &error), ALM_OK);
            assert_int_equal(error.code, ALM_OK);
            assert_false(atomic_load(&pooled.worker_out_of_range));
            assert_memory_equal(pooled.result, alone.result, sizeof alone.result);
            for (size_t i = 0; i < TASKS; i++) {
                assert_int_equal(atomic_load(&pooled.runs[i]), i < count);
            }
        }
        alm_pool_destroy(pool);
    }
}

static void expect_failure(alm_pool *pool, job *j, size_t smallest)
{
    alm_error error = {0};
    alm_err expected = smallest % 2 ? ALM_ERR_IO : ALM_ERR_CORRUPT;
    assert_int_equal(alm_pool_run(pool, TASKS, work, j, &error), expected);
    char message[64];
    snprintf(message, sizeof message, "task %zu failed", smallest);
    assert_string_equal(error.message, message);
    assert_int_equal(error.code, expected);
    for (size_t i = 0; i < TASKS; i++) {
        int runs = atomic_load(&j->runs[i]);
        assert_true(i <= smallest ? runs == 1 : runs <= 1);
    }
}

/* Of many failing tasks the smallest is reported, whatever the timing; the ones before it ran. */
static void the_smallest_failure_is_reported(void **state)
{
    (void)state;
    static job j;
    for (int p = -1; p < POOLS; p++) {
        alm_pool *pool = p < 0 ? NULL : open_pool(THREADS[p]);
        alm_rng rng = alm_rng_stream(17, 0);
        for (uint64_t round = 0; round < 200; round++) {
            reset(&j, round, p < 0 ? 1 : THREADS[p]);
            size_t smallest = TASKS;
            uint64_t failures = 1 + alm_rng_next_below(&rng, round % 3 ? 5 : 100);
            for (uint64_t f = 0; f < failures; f++) {
                size_t task = (size_t)alm_rng_next_below(&rng, TASKS);
                j.fails[task] = true;
                smallest = task < smallest ? task : smallest;
            }
            expect_failure(pool, &j, smallest);
            /* The failure does not stick to the pool. */
            reset(&j, round, p < 0 ? 1 : THREADS[p]);
            assert_int_equal(alm_pool_run(pool, 20, work, &j, NULL), ALM_OK);
        }
        reset(&j, 1, p < 0 ? 1 : THREADS[p]);
        j.fails[3] = true;
        assert_int_equal(alm_pool_run(pool, TASKS, work, &j, NULL), ALM_ERR_IO);
        alm_pool_destroy(pool);
    }
}

/* Where every task fails, the first one of each thread is its last. */
static void nothing_larger_starts_after_a_failure(void **state)
{
    (void)state;
    static job j;
    for (int p = -1; p < POOLS; p++) {
        int threads = p < 0 ? 1 : THREADS[p];
        alm_pool *pool = p < 0 ? NULL : open_pool(threads);
        for (uint64_t round = 0; round < 200; round++) {
            reset(&j, round, threads);
            memset(j.fails, true, sizeof j.fails);
            expect_failure(pool, &j, 0);
            int runs = 0;
            for (size_t i = 0; i < TASKS; i++) {
                runs += atomic_load(&j.runs[i]);
            }
            assert_in_range(runs, 1, threads);
        }
        alm_pool_destroy(pool);
    }
}

static alm_err recovers(void *context, size_t task, int worker, alm_error *error)
{
    (void)context;
    (void)worker;
    if (!error) { /* it is the task's own, also when the caller wants no message */
        return ALM_ERR_USAGE;
    }
    alm_err tried = alm_fail(error, ALM_ERR_NOT_FOUND, "task %zu looked in vain", task);
    return task == 99 ? tried : ALM_OK;
}

/* A task may try something, fail and go on: that is not the caller's error, with or without
 * threads. */
static void the_error_of_a_task_is_its_own(void **state)
{
    (void)state;
    for (int p = -1; p < POOLS; p++) {
        alm_pool *pool = p < 0 ? NULL : open_pool(THREADS[p]);
        alm_error error = {.code = ALM_ERR_LIMIT, .message = "from before"};
        assert_int_equal(alm_pool_run(pool, 50, recovers, NULL, &error), ALM_OK);
        assert_int_equal(error.code, ALM_ERR_LIMIT);
        assert_string_equal(error.message, "from before");
        assert_int_equal(alm_pool_run(pool, 50, recovers, NULL, NULL), ALM_OK);
        assert_int_equal(alm_pool_run(pool, 120, recovers, NULL, &error), ALM_ERR_NOT_FOUND);
        assert_string_equal(error.message, "task 99 looked in vain");
        alm_pool_destroy(pool);
    }
}

static void creation_and_its_failures(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    alm_error error = {0};
    alm_pool *pool = NULL;
    static const int WRONG[] = {0, -1, 1025};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(alm_pool_create(WRONG[i], &pool, &error), ALM_ERR_USAGE);
        assert_non_null(strstr(error.message, "threads must be 1 to 1024"));
        assert_null(pool);
    }
    for (uint64_t nth = 1; nth <= 2; nth++) {
        alm_heap_fail_at(nth);
        assert_int_equal(alm_pool_create(3, &pool, &error), ALM_ERR_MEMORY);
        assert_null(pool);
    }
    alm_heap_fail_at(0);
    for (int i = 0; i < 50; i++) { /* idle pools end, too */
        alm_pool_destroy(open_pool(1 + i % 8));
    }
    alm_pool_destroy(NULL);
    assert_int_equal(alm_pool_threads(NULL), 1);
    for (int threads = -1; threads <= 1; threads++) {
        assert_null(alm_pool_if_any(threads));
    }
    assert_null(alm_pool_if_any(1025)); /* more than there may be: none */
    pool = alm_pool_if_any(3);
    assert_int_equal(alm_pool_threads(pool), 3);
    alm_pool_destroy(pool);
    assert_int_equal(alm_heap_held_bytes(), start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_do_not_depend_on_threads),
        cmocka_unit_test(the_smallest_failure_is_reported),
        cmocka_unit_test(nothing_larger_starts_after_a_failure),
        cmocka_unit_test(the_error_of_a_task_is_its_own),
        cmocka_unit_test(creation_and_its_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
