/* The cache of answers: what it gives is what was put, for the very same key; it holds its bytes;
 * threads that meet in it wait for nobody and never see half an entry. */
#include "serve/models/answer_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/rng.h"

enum { SMALL = 64 << 10 };

static alm_answer_cache *make(size_t bytes)
{
    alm_answer_cache *cache = NULL;
    alm_error error = {0};
    if (alm_answer_cache_create(bytes, 42, &cache, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return cache;
}

static alm_answer_key key_of(uint8_t model, const char *question)
{
    alm_answer_key key = {.question = alm_str_of(question)};
    memset(key.model.bytes, model, sizeof key.model.bytes);
    return key;
}

static bool has(alm_answer_cache *cache, const alm_answer_key *key, const char *answer)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str out = {0};
    bool found = alm_answer_cache_get(cache, key, arena, &out);
    bool same = found && alm_str_is(out, answer);
    if (found && !same) {
        fail_msg("'" ALM_STR_FMT "' instead of '%s'", ALM_STR_ARG(out), answer);
    }
    alm_arena_destroy(arena);
    return same;
}

static void what_was_put_is_given(void **state)
{
    (void)state;
    alm_answer_cache *cache = make(SMALL);
    alm_answer_key a = key_of(1, "a"), other_model = key_of(2, "a"), longer = key_of(1, "aa"),
                   empty = key_of(1, "");
    assert_false(has(cache, &a, "x"));
    assert_true(alm_answer_cache_put(cache, &a, ALM_STR("x")));
    assert_true(has(cache, &a, "x"));
    assert_false(has(cache, &other_model, "x"));
    assert_false(has(cache, &longer, "x"));
    assert_false(has(cache, &empty, "x"));
    assert_true(alm_answer_cache_put(cache, &a, ALM_STR("another")));
    assert_true(has(cache, &a, "another"));
    assert_true(alm_answer_cache_put(cache, &empty, ALM_STR("")));
    assert_true(has(cache, &empty, ""));
    alm_answer_cache_counts counts = alm_answer_cache_count(cache);
    assert_int_equal(counts.hits, 3);
    assert_int_equal(counts.misses, 4);
    assert_int_equal(counts.evictions, 0);
    assert_int_equal(counts.entries, 2);
    alm_answer_cache_destroy(cache);
    alm_answer_cache_destroy(NULL);
}

/* A single bit anywhere in the key is another question. */
static void every_bit_of_the_key_counts(void **state)
{
    (void)state;
    alm_answer_cache *cache = make(1 << 20);
    char question[] = "0123456789abcdef0123456";
    alm_answer_key key = key_of(7, question);
    assert_true(alm_answer_cache_put(cache, &key, ALM_STR("right")));
    for (size_t bit = 0; bit < 8 * (sizeof question - 1); bit++) {
        question[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(has(cache, &key, "right"));
        question[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * ALM_DIGEST_BYTES; bit++) {
        key.model.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(has(cache, &key, "right"));
        key.model.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(has(cache, &key, "right"));
    alm_answer_cache_destroy(cache);
}

/* The least recently used one makes room; the bytes are never more than was said. */
static void the_bytes_hold(void **state)
{
    (void)state;
    alm_answer_cache *cache = make(SMALL);
    alm_answer_key keeper = key_of(1, "keeper");
    assert_true(alm_answer_cache_put(cache, &keeper, ALM_STR("kept")));
    for (int i = 0; i < 5000; i++) {
        char question[32];
        snprintf(question, sizeof question, "question %d", i);
        alm_answer_key key = key_of(1, question);
        (void)alm_answer_cache_put(cache, &key, ALM_STR("0123456789"));
        assert_true(has(cache, &keeper, "kept"));
        alm_answer_cache_counts counts = alm_answer_cache_count(cache);
        assert_true(counts.bytes <= SMALL);
    }
    alm_answer_cache_counts counts = alm_answer_cache_count(cache);
    assert_true(counts.evictions > 4000);
    assert_true(counts.entries > 100);
    alm_answer_key oldest = key_of(1, "question 0"), newest = key_of(1, "question 4999");
    assert_false(has(cache, &oldest, "0123456789"));
    assert_true(has(cache, &newest, "0123456789"));
    alm_answer_cache_destroy(cache);
}

static void what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    static char large[ALM_ANSWER_CACHE_ENTRY_BYTES_MAX + 1];
    memset(large, 'x', sizeof large - 1);
    alm_answer_cache *small = make(SMALL), *wide = make(4 << 20);
    alm_answer_key key = key_of(1, "q"), long_one = key_of(1, large);
    assert_false(alm_answer_cache_put(small, &key, (alm_str){large, SMALL / 4}));
    assert_true(alm_answer_cache_put(small, &key, (alm_str){large, SMALL / 8}));
    assert_true(alm_answer_cache_put(wide, &key, (alm_str){large, sizeof large - 2}));
    assert_false(alm_answer_cache_put(wide, &key, (alm_str){large, sizeof large - 1}));
    assert_false(alm_answer_cache_put(wide, &long_one, ALM_STR("a")));
    alm_answer_cache_destroy(small);
    alm_answer_cache_destroy(wide);
    assert_int_equal(alm_answer_cache_create(ALM_ANSWER_CACHE_BYTES_MIN - 1, 0, &small, NULL),
                     ALM_ERR_LIMIT);
}

static void memory_that_is_not_there(void **state)
{
    (void)state;
    alm_answer_cache *cache = NULL;
    uint64_t needed = 0;
    for (uint64_t nth = 1; nth < 20 && !needed; nth++) {
        alm_heap_fail_at(nth);
        alm_err code = alm_answer_cache_create(4 << 20, 1, &cache, NULL);
        alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        needed = code == ALM_OK ? nth : 0;
    }
    assert_int_equal(needed, 1 + 1 + 4 + 1); /* itself, the shards, the buckets of four */
    alm_answer_key key = key_of(1, "q");
    assert_true(alm_answer_cache_put(cache, &key, ALM_STR("before")));
    alm_heap_fail_at(1);
    assert_false(alm_answer_cache_put(cache, &key, ALM_STR("after")));
    alm_heap_fail_at(0);
    assert_true(has(cache, &key, "before"));
    alm_answer_cache_destroy(cache);
}

static void a_model_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    alm_answer_cache *cache = make(4 << 20);
    for (int i = 0; i < 2000; i++) {
        char question[32];
        snprintf(question, sizeof question, "%d", i);
        alm_answer_key key = key_of((uint8_t)(i % 2), question);
        assert_true(alm_answer_cache_put(cache, &key, alm_str_of(question)));
    }
    alm_answer_cache_counts before = alm_answer_cache_count(cache);
    alm_answer_key gone = key_of(1, "1"), there = key_of(0, "0");
    alm_answer_cache_forget(cache, &gone.model);
    alm_answer_cache_counts after = alm_answer_cache_count(cache);
    assert_int_equal(before.entries, 2000);
    assert_int_equal(after.entries, 1000);
    assert_int_equal(after.bytes, before.bytes / 2);
    assert_int_equal(after.evictions, 0);
    assert_false(has(cache, &gone, "1"));
    assert_true(has(cache, &there, "0"));
    alm_answer_cache_destroy(cache);
}

/* Many questions with many places, against what was put last: a hit is always that. */
static void random_work_agrees_with_a_list(void **state)
{
    (void)state;
    enum { KEYS = 700, STEPS = 40000 };
    static uint32_t last[KEYS]; /* 0: never put */
    alm_answer_cache *cache = make(SMALL);
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(5, 1);
    size_t hits = 0;
    for (uint32_t i = 1; i <= STEPS; i++) {
        uint64_t draw = alm_rng_next(&rng);
        size_t which = (size_t)(draw >> 32) % KEYS;
        char question[32], answer[64];
        snprintf(question, sizeof question, "%0*zu", (int)(which % 20) + 3, which);
        alm_answer_key key = key_of((uint8_t)(which % 3), question);
        alm_str out;
        if (draw % 3 == 0) {
            snprintf(answer, sizeof answer, "%u %.*s", i, (int)(i % 40),
                     "----------------------------------------");
            last[which] = alm_answer_cache_put(cache, &key, alm_str_of(answer)) ? i : last[which];
        } else if (draw % 997 == 1) {
            alm_answer_cache_forget(cache, &key.model);
        } else if (alm_answer_cache_get(cache, &key, arena, &out)) {
            snprintf(answer, sizeof answer, "%u %.*s", last[which], (int)(last[which] % 40),
                     "----------------------------------------");
            assert_true(alm_str_is(out, answer));
            hits++;
        }
        alm_arena_reset(arena);
    }
    assert_true(hits > STEPS / 20);
    assert_true(alm_answer_cache_count(cache).evictions > 0);
    alm_arena_destroy(arena);
    alm_answer_cache_destroy(cache);
}

/* Threads with common questions: an answer is that of its question, whoever put it. */
static alm_err ask_and_put(void *context, size_t task, int worker, alm_error *error)
{
    alm_answer_cache *cache = context;
    alm_arena *arena = alm_arena_create(0);
    (void)worker;
    (void)error;
    for (size_t i = 0; i < 3000; i++) {
        char question[32];
        alm_str out;
        snprintf(question, sizeof question, "%zu", (i * 7 + task * 13) % 400);
        alm_answer_key key = key_of((uint8_t)(i % 2), question);
        if (alm_answer_cache_get(cache, &key, arena, &out)) {
            alm_assert(alm_str_equal(out, key.question));
        } else {
            (void)alm_answer_cache_put(cache, &key, key.question);
        }
        if (i % 500 == 499) {
            alm_answer_cache_forget(cache, &key.model);
        }
        (void)alm_answer_cache_count(cache);
        alm_arena_reset(arena);
    }
    alm_arena_destroy(arena);
    return ALM_OK;
}

static void threads_never_see_half_an_entry(void **state)
{
    (void)state;
    alm_pool *pool = NULL;
    alm_answer_cache *cache = make(SMALL);
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, 12, ask_and_put, cache, NULL), ALM_OK);
    alm_answer_cache_counts counts = alm_answer_cache_count(cache);
    assert_int_equal(counts.hits + counts.misses, 12 * 3000);
    assert_true(counts.hits > 0);
    alm_pool_destroy(pool);
    alm_answer_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_given),
        cmocka_unit_test(every_bit_of_the_key_counts),
        cmocka_unit_test(the_bytes_hold),
        cmocka_unit_test(what_is_too_large_is_not_kept),
        cmocka_unit_test(memory_that_is_not_there),
        cmocka_unit_test(a_model_that_is_gone_is_forgotten),
        cmocka_unit_test(random_work_agrees_with_a_list),
        cmocka_unit_test(threads_never_see_half_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
