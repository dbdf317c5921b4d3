#include "base/arena.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static bool all_zero(const void *memory, size_t size)
{
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

static size_t alignment_of(size_t size)
{
    return size >= 64 ? 64 : 16;
}

typedef struct piece {
    unsigned char *data;
    size_t size;
    unsigned char mark;
} piece;

/* Random sizes, each filled with its own mark: an overlap would change an earlier one's bytes. The
 * second round runs in reset memory and must see zeros again. */
static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    static const size_t BLOCKS[] = {0, 1, 100, 4096};
    for (size_t b = 0; b < 4; b++) {
        alm_arena *arena = alm_arena_create(BLOCKS[b]);
        alm_rng rng = alm_rng_stream(11, b);
        for (int round = 0; round < 3; round++) {
            piece pieces[300];
            size_t total = 0;
            for (size_t i = 0; i < 300; i++) {
                size_t size = (size_t)alm_rng_next_below(&rng, i % 40 == 39 ? 200000 : 300);
                pieces[i] = (piece){alm_arena_alloc(arena, size), size, (unsigned char)(i | 1)};
                assert_non_null(pieces[i].data);
                assert_int_equal((uintptr_t)pieces[i].data % alignment_of(size), 0);
                assert_true(all_zero(pieces[i].data, size));
                memset(pieces[i].data, pieces[i].mark, size);
                total += size;
            }
            for (size_t i = 0; i < 300; i++) {
                for (size_t k = 0; k < pieces[i].size; k++) {
                    assert_int_equal(pieces[i].data[k], pieces[i].mark);
                }
            }
            assert_int_equal(alm_arena_used_bytes(arena), total);
            alm_arena_reset(arena);
            assert_int_equal(alm_arena_used_bytes(arena), 0);
        }
        alm_arena_destroy(arena);
    }
}

static void held_bytes_return_to_the_start(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    alm_arena *arena = alm_arena_create(0);
    size_t peak = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 50; i++) {
            alm_arena_alloc(arena, 30000);
        }
        /* A reset keeps one block at most, so a round holds no more than the one before. */
        if (round == 0) {
            peak = alm_heap_held_bytes();
        }
        assert_in_range(alm_heap_held_bytes(), start + 50 * 30000, peak);
        alm_arena_reset(arena);
        assert_true(alm_heap_held_bytes() < start + 200000);
    }
    alm_arena_destroy(arena);
    assert_int_equal(alm_heap_held_bytes(), start);
    alm_arena_destroy(NULL);
}

static void big_allocations_are_whole(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(1000);
    char *small = alm_arena_alloc(arena, 10);
    size_t size = (size_t)9 << 20;
    unsigned char *big = alm_arena_alloc(arena, size);
    assert_int_equal((uintptr_t)big % 64, 0);
    assert_true(all_zero(big, size));
    memset(big, 0xAB, size);
    assert_true(all_zero(small, 10));
    alm_arena_destroy(arena);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    void *out = &arena;
    alm_error error = {0};
    static const size_t SIZES[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 63, SIZE_MAX - 128,
                                   SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        assert_int_equal(alm_arena_try_alloc(arena, SIZES[i], &out, &error), ALM_ERR_MEMORY);
        assert_ptr_equal(out, &arena);
        assert_non_null(strstr(error.message, "out of memory"));
    }
    assert_int_equal(alm_heap_try(SIZE_MAX - 64, &out, &error), ALM_ERR_MEMORY);
    assert_ptr_equal(out, &arena);
    assert_int_equal(alm_arena_used_bytes(arena), 0);
    alm_arena_destroy(arena);
}

/* The n-th fails and no other; infallible allocations in between neither fail nor count. */
static void the_nth_try_fails(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    for (uint64_t nth = 1; nth <= 6; nth++) {
        alm_arena *arena = alm_arena_create(64);
        alm_heap_fail_at(nth);
        for (uint64_t i = 1; i <= 6; i++) {
            assert_non_null(alm_arena_alloc(arena, 500));
            void *out = &arena;
            alm_error error = {0};
            alm_err code = alm_arena_try_alloc(arena, 1000, &out, &error);
            assert_int_equal(code, i == nth ? ALM_ERR_MEMORY : ALM_OK);
            assert_true((out == (void *)&arena) == (i == nth));
            if (i == nth) {
                assert_non_null(strstr(error.message, "bytes could not be had"));
            } else {
                assert_true(all_zero(out, 1000));
            }
        }
        assert_int_equal(alm_heap_fail_at(0), 6);
        assert_int_equal(alm_arena_used_bytes(arena), 6 * 500 + 5 * 1000);
        alm_arena_destroy(arena);
    }
    assert_int_equal(alm_heap_held_bytes(), start);
}

static void resize_keeps_the_old_on_failure_and_zeroes_what_is_new(void **state)
{
    (void)state;
    size_t start = alm_heap_held_bytes();
    void *memory = NULL;
    assert_int_equal(alm_heap_try_resize(NULL, 0, 100, &memory, NULL), ALM_OK);
    assert_true(all_zero(memory, 100));
    memset(memory, 7, 100);
    alm_heap_fail_at(1);
    void *out = NULL;
    assert_int_equal(alm_heap_try_resize(memory, 100, 5000, &out, NULL), ALM_ERR_MEMORY);
    alm_heap_fail_at(0);
    assert_null(out);
    assert_int_equal(((char *)memory)[99], 7);
    assert_int_equal(alm_heap_try_resize(memory, 100, 5000, &memory, NULL), ALM_OK);
    assert_int_equal((uintptr_t)memory % 64, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(((char *)memory)[i], 7);
    }
    assert_true(all_zero((char *)memory + 100, 4900));
    assert_int_equal(alm_heap_held_bytes(), start + 5000);
    assert_int_equal(alm_heap_try_resize(memory, 5000, 50, &memory, NULL), ALM_OK);
    assert_int_equal(((char *)memory)[49], 7);
    alm_heap_free(memory);
    alm_heap_free(NULL);
    assert_int_equal(alm_heap_held_bytes(), start);
}

static void texts_are_terminated_copies(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    char source[] = "quantile";
    char *copy = alm_arena_copy_text(arena, source, 5);
    source[0] = 'X';
    assert_string_equal(copy, "quant");
    assert_string_equal(alm_arena_copy_text(arena, NULL, 0), "");
    assert_string_equal(alm_arena_printf(arena, "%s-%03d", copy, 7), "quant-007");
    char *wide = alm_arena_printf(arena, "%0200000d", 1);
    assert_int_equal(strlen(wide), 200000);
    assert_int_equal(wide[199999], '1');
    uint64_t *numbers = ALM_NEW_ARRAY(arena, uint64_t, 33);
    assert_true(all_zero(numbers, 33 * sizeof *numbers));
    assert_non_null(ALM_NEW_ARRAY(arena, uint64_t, 0));
    alm_arena_destroy(arena);
}

/* Blocks that come and go while others take pieces in between and keep them for a while, as a
 * reader of Parquet does beside an arena for every block of series. */
static void blocks_that_come_and_go_do_not_grow_the_process(void **state)
{
    (void)state;
    enum { ROUNDS = 2000, PIECES = 512, PER_ROUND = 32 };
    void *pieces[PIECES] = {0};
    alm_arena *arena = alm_arena_create(0);
    for (size_t round = 0; round < ROUNDS; round++) {
        alm_arena_reset(arena);
        alm_arena_alloc(arena, 1500000);
        alm_arena_alloc(arena, 190000);
        for (size_t i = 0; i < PER_ROUND; i++) {
            uint64_t draw = alm_rng_u64(5, ALM_RNG_TEST, round, i);
            void **slot = &pieces[draw % PIECES];
            free(*slot);
            *slot = malloc(64 + (draw >> 32) % 4000);
            assert_non_null(*slot);
        }
    }
    struct mallinfo2 system = mallinfo2();
    assert_in_range(system.arena + system.hblkhd, 0, (size_t)8 << 20); /* 3 MB are held */
    alm_arena_destroy(arena);
    for (size_t i = 0; i < PIECES; i++) {
        free(pieces[i]);
    }
}

static void arrays_that_cannot_be_counted_are_refused(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    double *values = NULL;
    assert_int_equal(alm_arena_try_array(arena, SIZE_MAX / 4, sizeof(double), &values, &error),
                     ALM_ERR_MEMORY);
    assert_null(values);
    assert_int_equal(alm_arena_try_array(arena, 3, sizeof(double), &values, &error), ALM_OK);
    assert_true(values[0] == 0 && values[2] == 0);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_that_cannot_be_counted_are_refused),
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(held_bytes_return_to_the_start),
        cmocka_unit_test(big_allocations_are_whole),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(the_nth_try_fails),
        cmocka_unit_test(resize_keeps_the_old_on_failure_and_zeroes_what_is_new),
        cmocka_unit_test(texts_are_terminated_copies),
        cmocka_unit_test(blocks_that_come_and_go_do_not_grow_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
