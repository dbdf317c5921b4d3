#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- going first ---- */

typedef struct policies {
    shared s;
    int own, of_started;
} policies;

static void note_started(void *context)
{
    policies *p = context;
    p->of_started = sched_getscheduler(0);
}

static void note_both(void *context)
{
    policies *p = context;
    alm_thread *started = NULL;
    alm_mutex_lock(&p->s.lock);
    while (!p->s.may_go) {
        alm_condition_wait(&p->s.changed, &p->s.lock);
    }
    alm_mutex_unlock(&p->s.lock);
    p->own = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    if (alm_thread_start("started", note_started, p, &started, NULL) == ALM_OK) {
        alm_thread_join(started);
    }
}

/* What the system said to a thread that steps forward, and what then was so. */
static alm_err step_forward(policies *p, alm_error *error)
{
    alm_thread *thread = NULL;
    *p = (policies){.own = -1, .of_started = -1};
    alm_mutex_init(&p->s.lock);
    alm_condition_init(&p->s.changed);
    assert_int_equal(alm_thread_start("first", note_both, p, &thread, NULL), ALM_OK);
    alm_err code = alm_thread_step_forward(thread, error);
    alm_mutex_lock(&p->s.lock);
    p->s.may_go = true;
    alm_condition_signal(&p->s.changed);
    alm_mutex_unlock(&p->s.lock);
    alm_thread_join(thread);
    alm_condition_deinit(&p->s.changed);
    alm_mutex_deinit(&p->s.lock);
    return code;
}

static void who_steps_forward_is_realtime_alone(void **state)
{
    (void)state;
    policies p;
    alm_error error = {0};
    if (step_forward(&p, &error) != ALM_OK) {
        assert_non_null(strstr(error.message, "'first'"));
        skip(); /* not allowed here */
    }
    assert_int_equal(p.own, SCHED_FIFO);
    assert_int_equal(p.of_started, SCHED_OTHER);
}

/* In a process without the right to it. */
static void who_may_not_is_told_how(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        policies p;
        alm_error error = {0};
        bool is_right = setrlimit(RLIMIT_RTPRIO, &none) == 0 &&
                        (getuid() != 0 || setuid(65534) == 0) &&
                        step_forward(&p, &error) == ALM_ERR_IO &&
                        strstr(error.message, "RLIMIT_RTPRIO") && p.own == SCHED_OTHER;
        _exit(is_right ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_count_under_a_lock),
        cmocka_unit_test(a_wait_ends_by_its_time),
        cmocka_unit_test(who_steps_forward_is_realtime_alone),
        cmocka_unit_test(who_may_not_is_told_how),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
