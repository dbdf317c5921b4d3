/* arena.h: who owns memory.
 *
 * Three lifetimes: process (made in app/), object (an opaque handle with one inner arena) and
 * request or batch block (an arena that is reset at the end). Whoever creates destroys; a function
 * that returns memory names the arena it goes into; everything else is a borrowed view.
 *
 * All memory of almanac comes from alm_heap_try below, which is the single place where the system
 * allocator is called and where tests make the n-th allocation fail. Small allocations inside an
 * arena are infallible: when the system is out of memory the process stops with a message, because
 * no useful work is possible. Data-sized buffers use the `try` forms and return ALM_ERR_MEMORY.
 *
 * In the hostile build every arena allocation is its own heap block, poisoned before use, so that
 * a sanitizer sees inside arenas. Thread safety: one arena belongs to one thread at a time. */
#ifndef ALM_BASE_ARENA_H
#define ALM_BASE_ARENA_H

#include "base/error.h"

typedef struct alm_arena alm_arena;

/* `block_bytes` is the size of the blocks taken from the heap; 0 chooses 64 KiB. */
alm_arena *alm_arena_create(size_t block_bytes);
void alm_arena_destroy(alm_arena *arena); /* takes NULL */
void alm_arena_reset(alm_arena *arena);   /* frees everything but keeps one block for reuse */

/* Zeroed memory aligned to 64 bytes when size >= 64, else to 16. size 0 gives a valid pointer. */
void *alm_arena_alloc(alm_arena *arena, size_t size);
void *alm_arena_alloc_array(alm_arena *arena, size_t count, size_t size);
ALM_NODISCARD alm_err alm_arena_try_alloc(alm_arena *arena, size_t size, void **out,
                                          alm_error *error);
/* The same for count * size bytes, which may be too many to count: ALM_ERR_MEMORY. `out` is the
 * address of a pointer of any type. */
ALM_NODISCARD alm_err alm_arena_try_array(alm_arena *arena, size_t count, size_t size, void *out,
                                          alm_error *error);
char *alm_arena_copy_text(alm_arena *arena, const char *text, size_t size); /* adds a NUL */
char *alm_arena_printf(alm_arena *arena, const char *format, ...) ALM_PRINTF(2, 3);
size_t alm_arena_used_bytes(const alm_arena *arena);

#define ALM_NEW(arena, type) ((type *)alm_arena_alloc((arena), sizeof(type)))
#define ALM_NEW_ARRAY(arena, type, count) \
    ((type *)alm_arena_alloc_array((arena), (count), sizeof(type)))

/* Heap memory for growing buffers. Zeroed, 64-byte aligned. try_resize keeps the old block on
 * failure and zeroes what is new. free takes NULL. */
ALM_NODISCARD alm_err alm_heap_try(size_t size, void **out, alm_error *error);
ALM_NODISCARD alm_err alm_heap_try_resize(void *old, size_t old_size, size_t size, void **out,
                                          alm_error *error);
void alm_heap_free(void *memory);

/* Fault injection for tests: the n-th allocation from now (1 = the next) made by alm_heap_try in
 * this thread fails; 0 switches off. Returns how many allocations were made since the last call.
 * While it is on, infallible allocations do not fail (they do not count either). */
uint64_t alm_heap_fail_at(uint64_t nth);

/* For a process that runs for long and frees large objects (a server its models): from now on every
 * large block comes from the system by itself and goes back to it when it is freed. Without it the
 * C library keeps blocks of up to 32 MiB for the next request. Slower where such blocks come and go
 * all the time. Once, before threads start. */
void alm_heap_return_large(void);

/* Bytes now held from the heap by the whole process (for refusing work, and for the reports). */
size_t alm_heap_held_bytes(void);

#endif
