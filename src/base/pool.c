/* pool.c: threads wait for a batch of numbered tasks, draw task numbers from one counter under the
 * lock, and report the failure with the smallest number. Tasks are large (a block of series), so
 * the lock costs nothing that could be measured. */
#include "base/pool.h"

#include <string.h>

#include "base/arena.h"
#include "base/thread.h"

typedef struct worker {
    alm_pool *pool;
    int index;
    alm_thread *thread;
} worker;

struct alm_pool {
    alm_mutex lock;
    alm_condition work_ready;
    alm_condition work_done;
    int threads; /* the caller's included */
    worker *workers;
    int started;
    bool stopping;
    /* the batch at hand */
    uint64_t batch; /* counts batches, so that a worker joins each once */
    alm_pool_task task;
    void *context;
    size_t next;
    size_t count;
    int busy;
    size_t failed_task;
    alm_err failed_code;
    alm_error failed;
};

static void note_failure(alm_pool *pool, size_t task, alm_err code, const alm_error *error)
{
    if (task < pool->failed_task) {
        pool->failed_task = task;
        pool->failed_code = code;
        pool->failed = *error;
    }
}

/* Called and left with the lock held. */
static void drain(alm_pool *pool, int index)
{
    while (pool->next < pool->count && pool->next < pool->failed_task) {
        size_t task = pool->next++;
        alm_mutex_unlock(&pool->lock);
        alm_error error = {0};
        alm_err code = pool->task(pool->context, task, index, &error);
        alm_mutex_lock(&pool->lock);
        if (code != ALM_OK) {
            note_failure(pool, task, code, &error);
        }
    }
}

static void worker_main(void *argument)
{
    worker *self = argument;
    alm_pool *pool = self->pool;
    uint64_t seen = 0;
    alm_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stopping && pool->batch == seen) {
            alm_condition_wait(&pool->work_ready, &pool->lock);
        }
        if (pool->stopping) {
            break;
        }
        seen = pool->batch;
        pool->busy++;
        drain(pool, self->index);
        if (--pool->busy == 0) {
            alm_condition_signal(&pool->work_done);
        }
    }
    alm_mutex_unlock(&pool->lock);
}

alm_err alm_pool_create(int threads, alm_pool **out, alm_error *error)
{
    if (threads < 1 || threads > 1024) {
        return alm_fail(error, ALM_ERR_USAGE, "threads must be 1 to 1024, not %d", threads);
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_pool), &memory, error));
    alm_pool *pool = memory;
    alm_err code = alm_heap_try((size_t)threads * sizeof(worker), &memory, error);
    if (code != ALM_OK) {
        alm_heap_free(pool);
        return code;
    }
    pool->workers = memory;
    pool->threads = threads;
    alm_mutex_init(&pool->lock);
    alm_condition_init(&pool->work_ready);
    alm_condition_init(&pool->work_done);
    for (int i = 1; i < threads; i++) {
        worker *w = &pool->workers[i];
        *w = (worker){.pool = pool, .index = i};
        if (alm_thread_start("worker", worker_main, w, &w->thread, NULL) != ALM_OK) {
            alm_pool_destroy(pool);
            return alm_fail(error, ALM_ERR_LIMIT, "the system refused to start thread %d of %d; "
                            "use fewer with --threads", i + 1, threads);
        }
        pool->started = i;
    }
    *out = pool;
    return ALM_OK;
}

alm_pool *alm_pool_if_any(int threads)
{
    alm_pool *pool = NULL;
    return threads > 1 && alm_pool_create(threads, &pool, NULL) == ALM_OK ? pool : NULL;
}

void alm_pool_destroy(alm_pool *pool)
{
    if (!pool) {
        return;
    }
    alm_mutex_lock(&pool->lock);
    pool->stopping = true;
    alm_condition_broadcast(&pool->work_ready);
    alm_mutex_unlock(&pool->lock);
    for (int i = 1; i <= pool->started; i++) {
        alm_thread_join(pool->workers[i].thread);
    }
    alm_condition_deinit(&pool->work_done);
    alm_condition_deinit(&pool->work_ready);
    alm_mutex_deinit(&pool->lock);
    alm_heap_free(pool->workers);
    alm_heap_free(pool);
}

int alm_pool_threads(const alm_pool *pool)
{
    return pool ? pool->threads : 1;
}

/* Gives each task an error of its own as the threads do: a task that recovered from a failure
 * leaves no trace in the caller's. */
static alm_err run_alone(size_t count, alm_pool_task task, void *context, alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        alm_error own = {0};
        alm_err code = task(context, i, 0, &own);
        if (code != ALM_OK) {
            if (error) {
                *error = own;
            }
            return code;
        }
    }
    return ALM_OK;
}

alm_err alm_pool_run(alm_pool *pool, size_t count, alm_pool_task task, void *context,
                     alm_error *error)
{
    if (!pool || pool->threads == 1 || count <= 1) {
        return run_alone(count, task, context, error);
    }
    alm_mutex_lock(&pool->lock);
    alm_assert(pool->busy == 0 && pool->next >= pool->count);
    pool->task = task;
    pool->context = context;
    pool->next = 0;
    pool->count = count;
    pool->failed_task = SIZE_MAX;
    pool->failed_code = ALM_OK;
    pool->batch++;
    alm_condition_broadcast(&pool->work_ready);
    drain(pool, 0);
    while (pool->busy > 0) {
        alm_condition_wait(&pool->work_done, &pool->lock);
    }
    pool->next = pool->count; /* a late worker finds nothing to do */
    alm_err code = pool->failed_code;
    if (code != ALM_OK && error) {
        *error = pool->failed;
    }
    alm_mutex_unlock(&pool->lock);
    return code;
}
