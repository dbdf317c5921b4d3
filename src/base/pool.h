/* pool.h: a fixed set of threads that runs numbered tasks.
 *
 * Work is cut by fixed block sizes, never by the number of threads, and every task writes only to
 * its own place, so that results do not depend on how many threads there are. */
#ifndef ALM_BASE_POOL_H
#define ALM_BASE_POOL_H

#include "base/error.h"

typedef struct alm_pool alm_pool;

/* threads >= 1, the calling thread included: 1 starts no thread. */
ALM_NODISCARD alm_err alm_pool_create(int threads, alm_pool **out, alm_error *error);
/* For work that needs no threads, and is quicker with them: NULL, which is a pool too, for one
 * thread or fewer, or when the system has no more. */
alm_pool *alm_pool_if_any(int threads);
void alm_pool_destroy(alm_pool *pool); /* takes NULL */
int alm_pool_threads(const alm_pool *pool);

/* `worker` is 0..threads-1 and names the scratch memory that the task may use. A failing task
 * sets *error, which is the task's own. */
typedef alm_err (*alm_pool_task)(void *context, size_t task, int worker, alm_error *error);

/* Runs tasks 0..count-1, each once, and waits. Of several failures the one with the smallest task
 * number is returned, so errors do not depend on timing either; once a task has failed, tasks with
 * a larger number that have not started are skipped. `pool` may be NULL: then the caller's thread
 * does everything. Not reentrant: a task must not call alm_pool_run on the same pool. */
ALM_NODISCARD alm_err alm_pool_run(alm_pool *pool, size_t count, alm_pool_task task, void *context,
                                   alm_error *error);

#endif
