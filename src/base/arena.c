#include "base/arena.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- the heap: the one place that calls the system allocator ---- */

#define HEAP_ALIGN 64
/* Blocks from here on are mapped on pages of this size, where the kernel has such: page faults for
 * 4 KiB each were a fifth of the time of whoever filled large blocks once. Not where a sanitizer
 * must see the ends of a block. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define HUGE_BLOCK_BYTES (2 * HUGE_PAGE_BYTES)
#if !defined(MADV_HUGEPAGE) || defined(ALM_HOSTILE) || defined(__SANITIZE_ADDRESS__)
#define MAPS_BLOCKS 0
#elif defined(__has_feature)
#define MAPS_BLOCKS (!__has_feature(address_sanitizer) && !__has_feature(memory_sanitizer))
#else
#define MAPS_BLOCKS 1
#endif

/* Lies right before the caller's part. */
typedef struct heap_head {
    void *start; /* of what the system gave */
    size_t size; /* of the caller's part */
} heap_head;

/* Fault injection is per thread so that tests of different threads do not meet. */
static _Thread_local uint64_t fail_at;
static _Thread_local uint64_t heap_calls;
static atomic_size_t held_bytes;

static bool is_mapped(size_t size)
{
    return MAPS_BLOCKS && size >= HUGE_BLOCK_BYTES;
}

/* What is taken beside the caller's part. */
static size_t extra_of(size_t size)
{
    return sizeof(heap_head) + (is_mapped(size) ? HUGE_PAGE_BYTES : HEAP_ALIGN);
}

static void *take_zeroed(size_t size)
{
#if MAPS_BLOCKS
    if (is_mapped(size)) {
        void *start = mmap(NULL, size + extra_of(size), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return start != MAP_FAILED ? start : NULL;
    }
#endif
    return calloc(1, size + extra_of(size));
}

/* For whole pages only, so that none is larger than what it holds. Where it is refused, nothing is
 * lost but time. */
static void ask_for_huge_pages(char *memory, size_t size)
{
#if MAPS_BLOCKS
    if (is_mapped(size)) {
        (void)madvise(memory, size - size % HUGE_PAGE_BYTES, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)size;
#endif
}

/* Aligned by hand: glibc before 2.38 cannot give a block of aligned_alloc again to an equal request
 * (its bug 14581), so arenas that come and go would make the process grow; a run once took 600 MiB
 * where it held 60. */
static void *heap_take(size_t size)
{
    const size_t align = is_mapped(size) ? HUGE_PAGE_BYTES : HEAP_ALIGN;
    char *start = size <= SIZE_MAX - extra_of(size) ? take_zeroed(size) : NULL;
    if (!start) {
        return NULL;
    }
    uintptr_t first = (uintptr_t)start + sizeof(heap_head);
    char *memory = start + sizeof(heap_head) + (align - first % align) % align;
    ask_for_huge_pages(memory, size);
    heap_head head = {start, size};
    memcpy(memory - sizeof head, &head, sizeof head);
    atomic_fetch_add_explicit(&held_bytes, size, memory_order_relaxed);
    return memory;
}

static heap_head heap_head_of(const void *memory)
{
    heap_head head;
    memcpy(&head, (const char *)memory - sizeof head, sizeof head);
    return head;
}

alm_err alm_heap_try(size_t size, void **out, alm_error *error)
{
    heap_calls++;
    bool fail = fail_at != 0 && --fail_at == 0;
    void *memory = fail ? NULL : heap_take(size);
    if (!memory) {
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory: %zu bytes could not be had", size);
    }
    *out = memory;
    return ALM_OK;
}

alm_err alm_heap_try_resize(void *old, size_t old_size, size_t size, void **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(size, &memory, error));
    if (old) {
        memcpy(memory, old, old_size < size ? old_size : size);
        alm_heap_free(old);
    }
    *out = memory;
    return ALM_OK;
}

static void give_back(heap_head head)
{
#if MAPS_BLOCKS
    if (is_mapped(head.size)) {
        int fine = munmap(head.start, head.size + extra_of(head.size));
        alm_assert(fine == 0);
        return;
    }
#endif
    free(head.start);
}

void alm_heap_free(void *memory)
{
    if (memory) {
        heap_head head = heap_head_of(memory);
        atomic_fetch_sub_explicit(&held_bytes, head.size, memory_order_relaxed);
        give_back(head);
    }
}

uint64_t alm_heap_fail_at(uint64_t nth)
{
    uint64_t calls = heap_calls;
    heap_calls = 0;
    fail_at = nth;
    return calls;
}

#define LARGE_BYTES (256 * 1024)

void alm_heap_return_large(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* and no longer a moving one */
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

size_t alm_heap_held_bytes(void)
{
    return atomic_load_explicit(&held_bytes, memory_order_relaxed);
}

/* ---- arenas ---- */

#define BLOCK_BYTES_DEFAULT ((size_t)64 * 1024)

typedef struct block {
    struct block *next;
    size_t size;
    size_t used;
    _Alignas(64) char data[];
} block;

struct alm_arena {
    block *first; /* newest in front */
    size_t block_bytes;
    size_t used_bytes;
};

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "almanac: out of memory: %zu bytes could not be had\n", size);
    abort();
}

alm_arena *alm_arena_create(size_t block_bytes)
{
    alm_arena *arena = heap_take(sizeof *arena);
    if (!arena) {
        out_of_memory(sizeof *arena);
    }
    arena->block_bytes = block_bytes ? block_bytes : BLOCK_BYTES_DEFAULT;
    return arena;
}

static void free_blocks(block *first)
{
    while (first) {
        block *next = first->next;
        alm_heap_free(first);
        first = next;
    }
}

void alm_arena_destroy(alm_arena *arena)
{
    if (arena) {
        free_blocks(arena->first);
        alm_heap_free(arena);
    }
}

void alm_arena_reset(alm_arena *arena)
{
#ifdef ALM_HOSTILE
    free_blocks(arena->first);
    arena->first = NULL;
#else
    block *keep = arena->first;
    if (keep) {
        free_blocks(keep->next);
        keep->next = NULL;
        memset(keep->data, 0, keep->used);
        keep->used = 0;
    }
#endif
    arena->used_bytes = 0;
}

static size_t block_capacity(const alm_arena *arena, size_t size)
{
#ifdef ALM_HOSTILE
    (void)arena;
    return size; /* one block per allocation: overruns leave it and are seen */
#else
    return size > arena->block_bytes ? size : arena->block_bytes;
#endif
}

/* Returns NULL when there is no room in the newest block. */
static void *take_from(block *b, size_t size)
{
    size_t align = size >= 64 ? 64 : 16;
    if (!b) {
        return NULL;
    }
    size_t start = (b->used + align - 1) / align * align;
    if (start > b->size || size > b->size - start) {
        return NULL;
    }
    b->used = start + size;
    return b->data + start;
}

static void *push_block(alm_arena *arena, void *memory, size_t capacity, size_t size)
{
    block *b = memory;
    b->size = capacity;
    b->next = arena->first;
    arena->first = b;
    arena->used_bytes += size;
    return take_from(b, size);
}

void *alm_arena_alloc(alm_arena *arena, size_t size)
{
    void *memory = take_from(arena->first, size);
    if (memory) {
        arena->used_bytes += size;
        return memory;
    }
    size_t capacity = block_capacity(arena, size);
    void *fresh = capacity < SIZE_MAX / 2 ? heap_take(sizeof(block) + capacity) : NULL;
    if (!fresh) {
        out_of_memory(size);
    }
    return push_block(arena, fresh, capacity, size);
}

void *alm_arena_alloc_array(alm_arena *arena, size_t count, size_t size)
{
    alm_assert(size == 0 || count <= SIZE_MAX / size);
    return alm_arena_alloc(arena, count * size);
}

alm_err alm_arena_try_alloc(alm_arena *arena, size_t size, void **out, alm_error *error)
{
    void *memory = take_from(arena->first, size);
    if (memory) {
        arena->used_bytes += size;
        *out = memory;
        return ALM_OK;
    }
    size_t capacity = block_capacity(arena, size);
    if (capacity >= SIZE_MAX / 2) {
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory: %zu bytes asked for", size);
    }
    void *fresh = NULL;
    ALM_TRY(alm_heap_try(sizeof(block) + capacity, &fresh, error));
    *out = push_block(arena, fresh, capacity, size);
    return ALM_OK;
}

alm_err alm_arena_try_array(alm_arena *arena, size_t count, size_t size, void *out,
                            alm_error *error)
{
    void *memory = NULL;
    if (size != 0 && count > SIZE_MAX / size) {
        return alm_fail(error, ALM_ERR_MEMORY, "out of memory: %zu times %zu bytes asked for",
                        count, size);
    }
    ALM_TRY(alm_arena_try_alloc(arena, count * size, &memory, error));
    memcpy(out, &memory, sizeof memory);
    return ALM_OK;
}

char *alm_arena_copy_text(alm_arena *arena, const char *text, size_t size)
{
    char *copy = alm_arena_alloc(arena, size + 1);
    if (size) {
        memcpy(copy, text, size);
    }
    copy[size] = '\0';
    return copy;
}

char *alm_arena_printf(alm_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    alm_assert(size >= 0);
    char *text = alm_arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

size_t alm_arena_used_bytes(const alm_arena *arena)
{
    return arena->used_bytes;
}
