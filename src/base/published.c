/* published.c: readers announce what they read (hazard pointers: Michael, "Hazard Pointers: Safe
 * Memory Reclamation for Lock-Free Objects", 2004, with one pointer per reader).
 *
 * enter announces the pointer that it loaded and loads once more. If it is the same, then in the
 * one order of sequentially consistent operations the announcement precedes any later swap, so that
 * a collect after that swap sees it. */
#include "base/published.h"

#include "base/arena.h"

#include <stdatomic.h>

#define CACHE_LINE 64

typedef struct reader_slot {
    _Alignas(CACHE_LINE) _Atomic(void *) reads;
} reader_slot;

typedef struct retired_cell {
    struct retired_cell *next;
    void *object;
} retired_cell;

struct alm_published {
    _Alignas(CACHE_LINE) _Atomic(void *) object;
    void (*destroy)(void *object);
    retired_cell *old;   /* of the swapping thread */
    retired_cell *spare; /* cells to use again: at most one more than readers are ever needed */
    alm_arena *arena;
    int readers;
    reader_slot *slots;
};

alm_published *alm_published_create(int readers, void *object, void (*destroy)(void *object))
{
    alm_assert(readers >= 1 && destroy);
    alm_arena *arena = alm_arena_create(0);
    alm_published *published = ALM_NEW(arena, alm_published);
    published->destroy = destroy;
    published->arena = arena;
    published->readers = readers;
    published->slots = ALM_NEW_ARRAY(arena, reader_slot, (size_t)readers);
    for (int i = 0; i < readers; i++) {
        atomic_init(&published->slots[i].reads, NULL);
    }
    atomic_init(&published->object, object);
    return published;
}

void alm_published_destroy(alm_published *published)
{
    if (!published) {
        return;
    }
    alm_published_swap(published, NULL);
    size_t left = alm_published_collect(published);
    alm_assert(left == 0);
    alm_arena_destroy(published->arena);
}

const void *alm_published_enter(alm_published *published, int reader)
{
    alm_assert(reader >= 0 && reader < published->readers);
    reader_slot *slot = &published->slots[reader];
    alm_assert(!atomic_load_explicit(&slot->reads, memory_order_relaxed));
    void *object = atomic_load(&published->object);
    for (;;) {
        atomic_store(&slot->reads, object);
        void *again = atomic_load(&published->object);
        if (again == object) {
            return object;
        }
        object = again;
    }
}

void alm_published_leave(alm_published *published, int reader)
{
    alm_assert(reader >= 0 && reader < published->readers);
    atomic_store_explicit(&published->slots[reader].reads, NULL, memory_order_release);
}

void alm_published_swap(alm_published *published, void *object)
{
    void *old = atomic_exchange(&published->object, object);
    if (old) {
        retired_cell *cell = published->spare;
        if (cell) {
            published->spare = cell->next;
        } else {
            cell = ALM_NEW(published->arena, retired_cell);
        }
        *cell = (retired_cell){published->old, old};
        published->old = cell;
    }
    (void)alm_published_collect(published);
}

static bool is_read(alm_published *published, const void *object)
{
    bool found = false;
    for (int i = 0; i < published->readers && !found; i++) {
        found = atomic_load(&published->slots[i].reads) == object;
    }
    return found;
}

size_t alm_published_collect(alm_published *published)
{
    size_t left = 0;
    retired_cell **link = &published->old;
    while (*link) {
        retired_cell *cell = *link;
        if (is_read(published, cell->object)) {
            link = &cell->next;
            left++;
        } else {
            *link = cell->next;
            published->destroy(cell->object);
            *cell = (retired_cell){published->spare, NULL};
            published->spare = cell;
        }
    }
    return left;
}
