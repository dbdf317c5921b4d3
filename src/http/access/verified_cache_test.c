#include "http/access/verified_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static alm_digest digest_of(uint64_t number)
{
    return alm_hash_bytes(&number, sizeof number);
}

static alm_identity identity_of(const char *subject, alm_instant expires)
{
    static const alm_str MODELS[] = {{"demand-*", 8}, {"p", 1}};
    return (alm_identity){.kind = ALM_IDENTITY_TOKEN, .subject = alm_str_of(subject), .roles = 3,
                          .models = MODELS, .model_count = 2, .expires = expires};
}

static void what_was_put_is_found_until_it_expires_or_keys_change(void **state)
{
    (void)state;
    alm_verified_cache *cache = alm_verified_cache_create(16);
    alm_digest digest = digest_of(1);
    char subject[] = "anna";
    alm_identity identity = identity_of(subject, 1000);
    assert_null(alm_verified_cache_get(cache, &digest, 7, 0));
    alm_verified_cache_put(cache, &digest, 7, &identity);
    memset(subject, 'x', 4); /* the cache has its own */
    const alm_identity *found = alm_verified_cache_get(cache, &digest, 7, 999);
    assert_non_null(found);
    assert_true(alm_str_is(found->subject, "anna"));
    assert_int_equal(found->roles, 3);
    assert_true(alm_identity_may_use(found, ALM_STR("demand-1")));
    assert_null(alm_verified_cache_get(cache, &digest, 7, 1000));
    assert_null(alm_verified_cache_get(cache, &digest, 8, 0));
    assert_null(alm_verified_cache_get(cache, &digest, 6, 0));
    alm_digest other = digest_of(2);
    assert_null(alm_verified_cache_get(cache, &other, 7, 0));
    alm_verified_cache_destroy(cache);
    alm_verified_cache_destroy(NULL);
}

/* One that is used stays while ten thousand others pass through; memory is bounded. */
static void a_used_entry_outlives_a_flood(void **state)
{
    (void)state;
    size_t before = alm_heap_held_bytes();
    alm_verified_cache *cache = alm_verified_cache_create(64);
    alm_digest used = digest_of(0);
    alm_identity identity = identity_of("anna", INT64_MAX);
    alm_verified_cache_put(cache, &used, 1, &identity);
    size_t full = 0;
    for (uint64_t i = 1; i <= 10000; i++) {
        alm_digest digest = digest_of(i);
        alm_verified_cache_put(cache, &digest, 1, &identity);
        assert_non_null(alm_verified_cache_get(cache, &digest, 1, 0));
        assert_non_null(alm_verified_cache_get(cache, &used, 1, 0));
        if (i == 5000) {
            full = alm_heap_held_bytes();
        }
    }
    assert_true(alm_heap_held_bytes() <= full);
    alm_verified_cache_destroy(cache);
    assert_int_equal(alm_heap_held_bytes(), before);
}

static void entries_of_old_keys_give_way_first(void **state)
{
    (void)state;
    alm_verified_cache *cache = alm_verified_cache_create(4); /* one set */
    alm_identity identity = identity_of("anna", INT64_MAX);
    alm_digest digests[6];
    for (uint64_t i = 0; i < 6; i++) {
        digests[i] = digest_of(i);
    }
    for (size_t i = 1; i < 4; i++) {
        alm_verified_cache_put(cache, &digests[i], 1, &identity);
        assert_non_null(alm_verified_cache_get(cache, &digests[i], 1, 0));
    }
    alm_verified_cache_put(cache, &digests[0], 2, &identity);
    alm_verified_cache_put(cache, &digests[4], 2, &identity);
    alm_verified_cache_put(cache, &digests[5], 2, &identity);
    assert_non_null(alm_verified_cache_get(cache, &digests[0], 2, 0));
    assert_non_null(alm_verified_cache_get(cache, &digests[4], 2, 0));
    assert_non_null(alm_verified_cache_get(cache, &digests[5], 2, 0));
    alm_verified_cache_destroy(cache);
}

static void without_memory_nothing_is_kept_and_nothing_breaks(void **state)
{
    (void)state;
    alm_verified_cache *cache = alm_verified_cache_create(4);
    alm_identity identity = identity_of("anna", INT64_MAX);
    alm_digest digest = digest_of(1);
    (void)alm_heap_fail_at(1);
    alm_verified_cache_put(cache, &digest, 1, &identity);
    (void)alm_heap_fail_at(0);
    assert_null(alm_verified_cache_get(cache, &digest, 1, 0));
    (void)alm_heap_fail_at(1);
    assert_null(alm_verified_cache_create(4));
    (void)alm_heap_fail_at(0);
    alm_verified_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_it_expires_or_keys_change),
        cmocka_unit_test(a_used_entry_outlives_a_flood),
        cmocka_unit_test(entries_of_old_keys_give_way_first),
        cmocka_unit_test(without_memory_nothing_is_kept_and_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
