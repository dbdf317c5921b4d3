/* thread.h: threads, locks and conditions of the system, in one place.
 *
 * Data-parallel work belongs to the pool (pool.h). These are for the few parts that have a life of
 * their own: event loops, the writer of a log, whoever waits for a group of appends to be durable.
 * No result may depend on them. A lock is never held over a wait for a disk or another host on a
 * path that answers requests. */
#ifndef ALM_BASE_THREAD_H
#define ALM_BASE_THREAD_H

#include "base/error.h"

/* Caller's memory, opaque; not copied or moved after init. */
typedef struct alm_mutex {
    _Alignas(16) unsigned char state[48];
} alm_mutex;
typedef struct alm_condition {
    _Alignas(16) unsigned char state[48];
} alm_condition;

void alm_mutex_init(alm_mutex *mutex);
void alm_mutex_deinit(alm_mutex *mutex); /* not locked */
void alm_mutex_lock(alm_mutex *mutex);   /* not recursive */
void alm_mutex_unlock(alm_mutex *mutex);

/* Waiting gives `mutex` free and takes it again; it may end without a signal. */
void alm_condition_init(alm_condition *condition);
void alm_condition_deinit(alm_condition *condition);
void alm_condition_wait(alm_condition *condition, alm_mutex *mutex);
/* At most so long; false when the time was over. */
bool alm_condition_wait_ns(alm_condition *condition, alm_mutex *mutex, uint64_t nanoseconds);
void alm_condition_signal(alm_condition *condition);    /* one waiter */
void alm_condition_broadcast(alm_condition *condition); /* all of them */

typedef struct alm_thread alm_thread;

/* `name` (at most 15 bytes are shown) is what tools of the system call it. Signals to the
 * process go to other threads. ALM_ERR_LIMIT when the system has no more threads. */
ALM_NODISCARD alm_err alm_thread_start(const char *name, void (*run)(void *context), void *context,
                                       alm_thread **out, alm_error *error);
/* From now on the calling thread lets others go first where processors are short (nice 10, about a
 * tenth of one): for work that takes long and that no request waits for. */
void alm_thread_step_back(void);
/* `thread` goes before every ordinary thread of its processors, whatever their nice values
 * (SCHED_FIFO, the lowest of the real-time priorities): for a loop that answers and sleeps. What it
 * starts does not. ALM_ERR_IO, and nothing changed: the system does not allow it, or has none. */
ALM_NODISCARD alm_err alm_thread_step_forward(alm_thread *thread, alm_error *error);
void alm_thread_join(alm_thread *thread); /* waits for its end and frees it; takes NULL */

#endif
