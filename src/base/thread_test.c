#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

#define THREADS 4
#define STEPS 10000

typedef struct shared {
    alm_mutex lock;
    alm_condition changed;
    uint64_t count;
    bool may_go;
} shared;

static void count_up(void *context)
{
    shared *s = context;
    alm_mutex_lock(&s->lock);
    while (!s->may_go) {
        alm_condition_wait(&s->changed, &s->lock);
    }
    alm_mutex_unlock(&s->lock);
    for (int i = 0; i < STEPS; i++) {
        alm_mutex_lock(&s->lock);
        s->count++; /* a plain variable: the lock is all that keeps it whole */
        alm_mutex_unlock(&s->lock);
    }
}

static void threads_share_a_count_under_a_lock(void **state)
{
    (void)state;
    shared s = {.count = 0};
    alm_mutex_init(&s.lock);
    alm_condition_init(&s.changed);
    alm_thread *thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(alm_thread_start("count", count_up, &s, &thread[i], NULL), ALM_OK);
    }
    alm_mutex_lock(&s.lock);
    assert_int_equal(s.count, 0); /* they wait */
    s.may_go = true;
    alm_condition_broadcast(&s.changed);
    alm_mutex_unlock(&s.lock);
    for (int i = 0; i < THREADS; i++) {
        alm_thread_join(thread[i]);
    }
    assert_int_equal(s.count, THREADS * STEPS);
    alm_condition_deinit(&s.changed);
    alm_mutex_deinit(&s.lock);
}

static void a_wait_ends_by_its_time(void **state)
{
    (void)state;
    alm_mutex lock;
    alm_condition never;
    alm_mutex_init(&lock);
    alm_condition_init(&never);
    alm_mutex_lock(&lock);
    while (alm_condition_wait_ns(&never, &lock, 1000000)) {
        /* a wait may end early, nobody signals */
    }
    alm_mutex_unlock(&lock);
    alm_condition_deinit(&never);
    alm_mutex_deinit(&lock);
    alm_thread_join(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_count_under_a_lock),
        cmocka_unit_test(a_wait_ends_by_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
