#include "http/access/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void starting_again_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(alm_secret_start(NULL), ALM_OK);
    assert_int_equal(alm_secret_start(NULL), ALM_OK);
}

static void a_hash_matches_its_secret_only(void **state)
{
    (void)state;
    char hash[ALM_SECRET_HASH_TEXT_BYTES];
    char again[ALM_SECRET_HASH_TEXT_BYTES];
    assert_int_equal(alm_secret_start(NULL), ALM_OK);
    assert_int_equal(alm_secret_hash(ALM_STR("a secret"), hash, NULL), ALM_OK);
    assert_int_equal(alm_secret_hash(ALM_STR("a secret"), again, NULL), ALM_OK);
    assert_string_not_equal(hash, again); /* a salt each */
    assert_true(alm_secret_hash_is_valid(alm_str_of(hash)));
    assert_true(alm_secret_matches(hash, ALM_STR("a secret")));
    assert_false(alm_secret_matches(hash, ALM_STR("a Secret")));
    assert_false(alm_secret_matches(hash, ALM_STR("")));
}

static void costly_and_foreign_hashes_are_not_valid(void **state)
{
    (void)state;
#define REST "$kzzvzsXVDzxtYmsr3N9mKQ$Qp1k6GgHdqEJ3iNY1o4+cKfPQi4FSXfMmFZOeT3XzDw"
    static const char *const VALID[] = {"$argon2id$v=19$m=65536,t=8,p=1" REST,
                                        "$argon2id$v=19$m=8,t=1,p=1" REST};
    static const char *const NOT[] = {
        "",
        "$argon2id$v=19$",
        "$argon2id$v=19$m=65537,t=2,p=1" REST,
        "$argon2id$v=19$m=19456,t=9,p=1" REST,
        "$argon2id$v=19$m=19456,t=2,p=2" REST,
        "$argon2id$v=19$m=-1,t=2,p=1" REST,
        "$argon2id$v=19$t=2,m=19456,p=1" REST,
        "$argon2id$v=16$m=19456,t=2,p=1" REST,
        "$argon2i$v=19$m=19456,t=2,p=1" REST,
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=19456,t=2,p=1$",
        "$argon2id$v=19$m=19456,t=2,p=1$kzzvzsXVDzxtYmsr3N9mKQ",
        "$argon2id$v=19$m=19456,t=2,p=1$!!!!zsXVDzxtYmsr3N9mKQ$Qp1k6GgHdqEJ3iNY1o4+cKfPQi4FSXfMmF",
        "$2b$12$abcdefghijklmnopqrstuv",
    };
    assert_int_equal(alm_secret_start(NULL), ALM_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_true(alm_secret_hash_is_valid(alm_str_of(VALID[i])));
    }
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++) {
        if (alm_secret_hash_is_valid(alm_str_of(NOT[i]))) {
            fail_msg("%s", NOT[i]);
        }
    }
    char with_nul[] = "$argon2id$v=19$m=19456,t=2,p=1" REST;
    with_nul[sizeof with_nul - 5] = '\0';
    assert_false(alm_secret_hash_is_valid((alm_str){with_nul, sizeof with_nul - 1}));
}

static void random_bytes_differ_and_are_wiped(void **state)
{
    (void)state;
    unsigned char a[16] = {0};
    unsigned char b[16] = {0};
    static const unsigned char ZERO[16];
    char text[33];
    assert_int_equal(alm_secret_start(NULL), ALM_OK);
    alm_secret_random(a, sizeof a);
    alm_secret_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    alm_secret_hex("\x00\xff\x1a", 3, text);
    assert_string_equal(text, "00ff1a");
    alm_secret_wipe(a, sizeof a);
    assert_memory_equal(a, ZERO, sizeof a);
}

/* The 128-bit vectors of the SipHash authors for the messages "" and 00 (vectors_sip128). */
static void the_short_hash_is_siphash_of_128_bits(void **state)
{
    (void)state;
    static const unsigned char FIRST[16] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                            0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    static const unsigned char SECOND[16] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                             0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    uint8_t key[ALM_SHORT_HASH_KEY_BYTES];
    for (uint8_t i = 0; i < sizeof key; i++) {
        key[i] = i;
    }
    alm_short_hash hash = alm_secret_short_hash(key, "", 0);
    assert_memory_equal(&hash, FIRST, sizeof FIRST);
    hash = alm_secret_short_hash(key, "", 1);
    assert_memory_equal(&hash, SECOND, sizeof SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starting_again_does_nothing),
        cmocka_unit_test(a_hash_matches_its_secret_only),
        cmocka_unit_test(costly_and_foreign_hashes_are_not_valid),
        cmocka_unit_test(random_bytes_differ_and_are_wiped),
        cmocka_unit_test(the_short_hash_is_siphash_of_128_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
