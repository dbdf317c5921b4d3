#include "base/epoch.h"

#include <sched.h>
#include <time.h>

#define LINE_BYTES 64
#define SPINS 64     /* before a publisher who waits sleeps */
#define NAP_NS 50000 /* how long; a reader's answer takes about as long */
#define OUTSIDE 0 /* counts begin at 1 */

typedef struct slot { /* a cache line of its own */
    _Alignas(LINE_BYTES) atomic_uint_fast64_t note;
} slot;

typedef struct retired {
    struct retired *next;
    uint64_t count; /* readers whose note is above it never saw it */
    void *thing;
    void (*destroy)(void *);
} retired;

struct alm_epoch {
    size_t workers;
    slot *slots;
    atomic_uint_fast64_t count;
    atomic_flag busy; /* guards the list, for a few instructions */
    retired *list;
};

static void hold(alm_epoch *epoch)
{
    while (atomic_flag_test_and_set_explicit(&epoch->busy, memory_order_acquire)) {
    }
}

static void release(alm_epoch *epoch)
{
    atomic_flag_clear_explicit(&epoch->busy, memory_order_release);
}

alm_err alm_epoch_create(size_t workers, alm_epoch **out, alm_error *error)
{
    if (workers == 0 || workers > ALM_EPOCH_WORKERS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu workers: 1 to %d", workers,
                        ALM_EPOCH_WORKERS_MAX);
    }
    void *memory = NULL;
    void *slots = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_epoch), &memory, error));
    alm_err code = alm_heap_try(workers * sizeof(slot), &slots, error);
    if (code != ALM_OK) {
        alm_heap_free(memory);
        return code;
    }
    alm_epoch *epoch = memory;
    epoch->workers = workers;
    epoch->slots = slots;
    atomic_init(&epoch->count, 1);
    atomic_flag_clear(&epoch->busy);
    for (size_t i = 0; i < workers; i++) {
        atomic_init(&epoch->slots[i].note, OUTSIDE);
    }
    *out = epoch;
    return ALM_OK;
}

void alm_epoch_destroy(alm_epoch *epoch)
{
    if (epoch) {
        size_t waiting = alm_epoch_reclaim(epoch);
        alm_assert(waiting == 0); /* a worker is still inside */
        alm_heap_free(epoch->slots);
        alm_heap_free(epoch);
    }
}

void alm_epoch_enter(alm_epoch *epoch, size_t worker)
{
    alm_assert(worker < epoch->workers);
    slot *own = &epoch->slots[worker];
    alm_assert(atomic_load_explicit(&own->note, memory_order_relaxed) == OUTSIDE);
    atomic_store(&own->note, atomic_load(&epoch->count));
}

void alm_epoch_leave(alm_epoch *epoch, size_t worker)
{
    alm_assert(worker < epoch->workers);
    slot *own = &epoch->slots[worker];
    alm_assert(atomic_load_explicit(&own->note, memory_order_relaxed) != OUTSIDE);
    atomic_store_explicit(&own->note, OUTSIDE, memory_order_release);
}

void *alm_epoch_read(alm_epoch_cell *cell)
{
    return atomic_load(&cell->current);
}

alm_err alm_epoch_publish(alm_epoch *epoch, alm_epoch_cell *cell, void *next,
                          void (*destroy)(void *), alm_error *error)
{
    void *memory = NULL; /* before the swap, so that there is nothing to undo */
    ALM_TRY(alm_heap_try(sizeof(retired), &memory, error));
    retired *old = memory;
    old->destroy = cell->destroy;
    old->thing = atomic_exchange(&cell->current, next);
    cell->destroy = destroy;
    old->count = atomic_fetch_add(&epoch->count, 1);
    if (old->thing && old->destroy) {
        hold(epoch);
        old->next = epoch->list;
        epoch->list = old;
        release(epoch);
    } else {
        alm_heap_free(old);
    }
    (void)alm_epoch_reclaim(epoch);
    return ALM_OK;
}

void *alm_epoch_exchange(alm_epoch_cell *cell, void *next)
{
    cell->destroy = NULL;
    return atomic_exchange(&cell->current, next);
}

void alm_epoch_wait(alm_epoch *epoch)
{
    const struct timespec nap = {0, NAP_NS};
    uint64_t count = atomic_fetch_add(&epoch->count, 1);
    for (size_t i = 0; i < epoch->workers; i++) {
        uint64_t note = atomic_load(&epoch->slots[i].note);
        for (size_t turns = 0; note != OUTSIDE && note <= count; turns++) {
            (void)(turns < SPINS ? sched_yield() : nanosleep(&nap, NULL));
            note = atomic_load(&epoch->slots[i].note);
        }
    }
}

/* Every reader inside has a note of at least this. */
static uint64_t lowest_note(alm_epoch *epoch)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < epoch->workers; i++) {
        uint64_t note = atomic_load(&epoch->slots[i].note);
        lowest = note != OUTSIDE && note < lowest ? note : lowest;
    }
    return lowest;
}

size_t alm_epoch_reclaim(alm_epoch *epoch)
{
    /* What is taken off the list first can be judged by a scan that comes after it. */
    hold(epoch);
    retired *waiting = epoch->list;
    epoch->list = NULL;
    release(epoch);
    uint64_t lowest = lowest_note(epoch);
    retired *kept = NULL;
    size_t count = 0;
    while (waiting) {
        retired *next = waiting->next;
        if (waiting->count < lowest) {
            waiting->destroy(waiting->thing);
            alm_heap_free(waiting);
        } else {
            waiting->next = kept;
            kept = waiting;
            count++;
        }
        waiting = next;
    }
    while (kept) {
        retired *next = kept->next;
        hold(epoch);
        kept->next = epoch->list;
        epoch->list = kept;
        release(epoch);
        kept = next;
    }
    return count;
}
