#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"

#define NS_PER_S 1000000000u
#define STEP_BACK_NICE 10

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(alm_mutex), "room for the system's lock");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(alm_condition), "room for its condition");

static pthread_mutex_t *lock_of(alm_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->state;
}

static pthread_cond_t *condition_of(alm_condition *condition)
{
    return (pthread_cond_t *)(void *)condition->state;
}

/* These fail for programmer errors only. */
static void must(int status)
{
    alm_assert(status == 0);
}

void alm_mutex_init(alm_mutex *mutex)
{
    must(pthread_mutex_init(lock_of(mutex), NULL));
}

void alm_mutex_deinit(alm_mutex *mutex)
{
    must(pthread_mutex_destroy(lock_of(mutex)));
}

void alm_mutex_lock(alm_mutex *mutex)
{
    must(pthread_mutex_lock(lock_of(mutex)));
}

void alm_mutex_unlock(alm_mutex *mutex)
{
    must(pthread_mutex_unlock(lock_of(mutex)));
}

void alm_condition_init(alm_condition *condition)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(condition_of(condition), &attributes));
    must(pthread_condattr_destroy(&attributes));
}

void alm_condition_deinit(alm_condition *condition)
{
    must(pthread_cond_destroy(condition_of(condition)));
}

void alm_condition_wait(alm_condition *condition, alm_mutex *mutex)
{
    must(pthread_cond_wait(condition_of(condition), lock_of(mutex)));
}

bool alm_condition_wait_ns(alm_condition *condition, alm_mutex *mutex, uint64_t nanoseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t fraction = (uint64_t)until.tv_nsec + nanoseconds % NS_PER_S;
    until.tv_sec += (time_t)(nanoseconds / NS_PER_S + fraction / NS_PER_S);
    until.tv_nsec = (long)(fraction % NS_PER_S);
    int status = pthread_cond_timedwait(condition_of(condition), lock_of(mutex), &until);
    alm_assert(status == 0 || status == ETIMEDOUT);
    return status == 0;
}

void alm_condition_signal(alm_condition *condition)
{
    must(pthread_cond_signal(condition_of(condition)));
}

void alm_condition_broadcast(alm_condition *condition)
{
    must(pthread_cond_broadcast(condition_of(condition)));
}

struct alm_thread {
    pthread_t thread;
    void (*run)(void *context);
    void *context;
    char name[16];
};

static void *thread_main(void *argument)
{
    alm_thread *self = argument;
    (void)pthread_setname_np(pthread_self(), self->name);
    self->run(self->context);
    return NULL;
}

alm_err alm_thread_start(const char *name, void (*run)(void *context), void *context,
                         alm_thread **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_thread), &memory, error));
    alm_thread *made = memory;
    made->run = run;
    made->context = context;
    snprintf(made->name, sizeof made->name, "%s", name);
    /* A thread inherits the mask: signals stay with whoever started the process. */
    sigset_t all, before;
    sigfillset(&all);
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        sigdelset(&all, own[i]); /* what a thread does to itself */
    }
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int status = pthread_create(&made->thread, NULL, thread_main, made);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (status != 0) {
        alm_heap_free(made);
        return alm_fail(error, ALM_ERR_LIMIT, "the system refused to start the thread '%s'", name);
    }
    *out = made;
    return ALM_OK;
}

void alm_thread_step_back(void)
{
    /* Of Linux this is the thread alone. Refused: then it stays as it is. */
    (void)setpriority(PRIO_PROCESS, 0, STEP_BACK_NICE);
}

alm_err alm_thread_step_forward(alm_thread *thread, alm_error *error)
{
#ifdef SCHED_RESET_ON_FORK
    const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    int status =
        pthread_setschedparam(thread->thread, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);
    if (status == 0) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_IO, "real-time priority of the thread '%s': %s; it takes "
                    "CAP_SYS_NICE or a limit RLIMIT_RTPRIO (ulimit -r) of 1 or more", thread->name,
                    strerror(status));
#else
    return alm_fail(error, ALM_ERR_IO, "real-time priority of the thread '%s': this system has no "
                    "SCHED_RESET_ON_FORK", thread->name);
#endif
}

void alm_thread_join(alm_thread *thread)
{
    if (thread) {
        must(pthread_join(thread->thread, NULL));
        alm_heap_free(thread);
    }
}
