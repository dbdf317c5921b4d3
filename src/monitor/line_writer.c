/* line_writer.c: one ring per worker, one thread behind all of them.
 *
 * Invariants:
 * (1) head and tail of a ring only grow; head - tail bytes are published, at most its size.
 * (2) Between tail and head stand whole lines.
 * (3) Only the holder of `busy` moves head, only the writer's thread moves tail.
 * (4) The thread sleeps only after it has said so (`sleeping`) and has looked once more at the
 *     rings and at what is asked of it; who gives it work looks at `sleeping` afterwards. Both are
 *     sequentially consistent, so one of them sees the other, and nobody is left asleep. */
#include "monitor/line_writer.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"

/* The thread collects this long before it writes, so that a busy service makes few large writes
 * and wakes it seldom. */
#define COLLECT_NS 2000000L

typedef struct ring {
    _Alignas(64) atomic_flag busy;
    atomic_uint_fast64_t head;
    atomic_uint_fast64_t dropped;
    _Alignas(64) atomic_uint_fast64_t tail;
    char *bytes;
} ring;

struct alm_line_writer {
    alm_line_sink *sink;
    ring *rings;
    unsigned ring_count;
    size_t ring_bytes; /* a power of two */
    char *batch;       /* as long as a ring */
    alm_thread *thread;
    sem_t wake; /* a post never blocks, which no lock of ours can say */
    atomic_bool sleeping;
    atomic_bool stopping;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t asked; /* flushes: moved under the mutex, read without it */
    alm_mutex mutex;            /* of what follows */
    alm_condition flushed;
    uint64_t done; /* of those that were asked for */
    alm_error last;
};

/* ---- the thread ---- */

static void note_failure(alm_line_writer *w, alm_str lines, const alm_error *error)
{
    uint64_t count = 0;
    for (size_t i = 0; i < lines.size; i++) {
        count += lines.data[i] == '\n';
    }
    atomic_fetch_add(&w->failed, count);
    alm_mutex_lock(&w->mutex);
    w->last = *error;
    alm_mutex_unlock(&w->mutex);
}

/* Copies what is published, makes its place free, then writes it; false when there was nothing. */
static bool drain_ring(alm_line_writer *w, ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    size_t size = (size_t)(atomic_load(&r->head) - tail);
    size_t from = (size_t)tail & (w->ring_bytes - 1);
    if (size == 0) {
        return false;
    }
    size_t first = size < w->ring_bytes - from ? size : w->ring_bytes - from;
    memcpy(w->batch, r->bytes + from, first);
    memcpy(w->batch + first, r->bytes, size - first);
    atomic_store_explicit(&r->tail, tail + size, memory_order_release);
    alm_str lines = {w->batch, size};
    alm_error error = {0};
    if (w->sink->ops->write(w->sink, lines, &error) != ALM_OK) {
        note_failure(w, lines, &error);
    }
    return true;
}

static bool drain(alm_line_writer *w)
{
    bool any = false;
    for (unsigned i = 0; i < w->ring_count; i++) {
        any |= drain_ring(w, &w->rings[i]);
    }
    return any;
}

/* Everything that was put before the last flush was asked for is in the sink now. */
static void answer_flushes(alm_line_writer *w, uint64_t asked)
{
    alm_error error = {0};
    bool synced = w->sink->ops->sync(w->sink, &error) == ALM_OK;
    alm_mutex_lock(&w->mutex);
    w->done = asked;
    if (!synced) {
        w->last = error;
    }
    alm_condition_broadcast(&w->flushed);
    alm_mutex_unlock(&w->mutex);
}

/* Does somebody wait for the thread? */
static bool is_urgent(alm_line_writer *w, uint64_t done)
{
    return atomic_load(&w->stopping) || atomic_load(&w->asked) != done;
}

static bool has_work(alm_line_writer *w, uint64_t done)
{
    if (is_urgent(w, done)) {
        return true;
    }
    for (unsigned i = 0; i < w->ring_count; i++) {
        if (atomic_load(&w->rings[i].head) !=
            atomic_load_explicit(&w->rings[i].tail, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

static void sleep_until_woken(alm_line_writer *w, uint64_t done)
{
    atomic_store(&w->sleeping, true);
    /* With work at hand it takes its word back, unless somebody has woken it already. */
    if (has_work(w, done) && atomic_exchange(&w->sleeping, false)) {
        return;
    }
    while (sem_wait(&w->wake) != 0) {
        alm_assert(errno == EINTR);
    }
}

static void writer_main(void *context)
{
    alm_line_writer *w = context;
    uint64_t done = 0;
    for (;;) {
        bool stopping = atomic_load(&w->stopping);
        uint64_t asked = atomic_load(&w->asked); /* before the rings are read */
        bool any = drain(w);
        if (asked != done) {
            answer_flushes(w, asked);
            done = asked;
        }
        if (stopping) {
            return;
        }
        if (!any) {
            sleep_until_woken(w, done);
        }
        if (!is_urgent(w, done)) {
            struct timespec pause = {0, COLLECT_NS};
            (void)nanosleep(&pause, NULL);
        }
    }
}

static void wake(alm_line_writer *w)
{
    if (atomic_load(&w->sleeping) && atomic_exchange(&w->sleeping, false)) {
        alm_assert(sem_post(&w->wake) == 0);
    }
}

/* ---- the callers ---- */

static alm_err allocate(alm_line_writer *w, unsigned rings, size_t ring_bytes, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(ring_bytes, &memory, error));
    w->batch = memory;
    w->ring_bytes = ring_bytes;
    ALM_TRY(alm_heap_try(rings * sizeof(ring), &memory, error));
    w->rings = memory;
    for (; w->ring_count < rings; w->ring_count++) {
        ALM_TRY(alm_heap_try(ring_bytes, &memory, error));
        w->rings[w->ring_count].bytes = memory;
        atomic_flag_clear(&w->rings[w->ring_count].busy);
    }
    return ALM_OK;
}

alm_err alm_line_writer_create(alm_line_sink *sink, int workers, size_t ring_bytes,
                               alm_line_writer **out, alm_error *error)
{
    if (workers < 1 || workers > 1024 || ring_bytes < ALM_LINE_RING_BYTES_MIN ||
        ring_bytes > ALM_LINE_RING_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "a log takes 1 to 1024 workers with %d to %zu bytes "
                        "each, not %d with %zu", ALM_LINE_RING_BYTES_MIN, ALM_LINE_RING_BYTES_MAX,
                        workers, ring_bytes);
    }
    size_t rounded = ALM_LINE_RING_BYTES_MIN;
    while (rounded < ring_bytes) {
        rounded *= 2;
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_line_writer), &memory, error));
    alm_line_writer *w = memory;
    w->sink = sink;
    alm_assert(sem_init(&w->wake, 0, 0) == 0);
    alm_mutex_init(&w->mutex);
    alm_condition_init(&w->flushed);
    alm_err code = allocate(w, (unsigned)workers, rounded, error);
    if (code == ALM_OK) {
        code = alm_thread_start("log", writer_main, w, &w->thread, error);
    }
    if (code != ALM_OK) {
        alm_line_writer_destroy(w);
        return code;
    }
    *out = w;
    return ALM_OK;
}

void alm_line_writer_destroy(alm_line_writer *writer)
{
    if (!writer) {
        return;
    }
    if (writer->thread) {
        atomic_store(&writer->stopping, true);
        wake(writer);
        alm_thread_join(writer->thread);
    }
    for (unsigned i = 0; i < writer->ring_count; i++) {
        alm_heap_free(writer->rings[i].bytes);
    }
    alm_condition_deinit(&writer->flushed);
    alm_mutex_deinit(&writer->mutex);
    alm_assert(sem_destroy(&writer->wake) == 0);
    alm_heap_free(writer->rings);
    alm_heap_free(writer->batch);
    alm_heap_free(writer);
}

/* With `busy` held. */
static bool put_into(const alm_line_writer *w, ring *r, alm_str line)
{
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    uint64_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);
    size_t to = (size_t)head & (w->ring_bytes - 1);
    if (line.size > w->ring_bytes - used) {
        return false;
    }
    size_t first = line.size < w->ring_bytes - to ? line.size : w->ring_bytes - to;
    memcpy(r->bytes + to, line.data, first);
    memcpy(r->bytes, line.data + first, line.size - first);
    atomic_store(&r->head, head + line.size);
    return true;
}

bool alm_line_writer_put(alm_line_writer *writer, int worker, alm_str line)
{
    alm_assert(line.size > 0 && line.data[line.size - 1] == '\n');
    unsigned own = (unsigned)worker % writer->ring_count;
    bool is_put = false;
    for (unsigned i = 0; i < writer->ring_count; i++) {
        ring *r = &writer->rings[(own + i) % writer->ring_count];
        if (!atomic_flag_test_and_set_explicit(&r->busy, memory_order_acquire)) {
            is_put = put_into(writer, r, line);
            atomic_flag_clear_explicit(&r->busy, memory_order_release);
            break;
        }
    }
    if (is_put) {
        wake(writer);
    } else {
        atomic_fetch_add_explicit(&writer->rings[own].dropped, 1, memory_order_relaxed);
    }
    return is_put;
}

void alm_line_writer_flush(alm_line_writer *writer)
{
    alm_mutex_lock(&writer->mutex);
    uint64_t ticket = atomic_fetch_add(&writer->asked, 1) + 1;
    wake(writer);
    while (writer->done < ticket) {
        alm_condition_wait(&writer->flushed, &writer->mutex);
    }
    alm_mutex_unlock(&writer->mutex);
}

uint64_t alm_line_writer_dropped(const alm_line_writer *writer)
{
    uint64_t dropped = 0;
    for (unsigned i = 0; i < writer->ring_count; i++) {
        dropped += atomic_load_explicit(&writer->rings[i].dropped, memory_order_relaxed);
    }
    return dropped;
}

uint64_t alm_line_writer_failed(const alm_line_writer *writer)
{
    return atomic_load(&writer->failed);
}

alm_err alm_line_writer_status(alm_line_writer *writer, alm_error *error)
{
    alm_mutex_lock(&writer->mutex);
    alm_err code = writer->last.code;
    if (code != ALM_OK && error) {
        *error = writer->last;
    }
    alm_mutex_unlock(&writer->mutex);
    return code;
}
