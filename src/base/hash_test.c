/* Golden values: FIPS 180-4 examples and RFC 4231 (cases 1-4, 6, 7), checked again with Python
 * 3.11 hashlib and hmac. */
#include "base/hash.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_digest(alm_digest digest, const char *expected) {
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&digest, text);
    assert_string_equal(text, expected);
}

static void sha256_matches_fips_180_4(void **state) {
    (void)state;
    assert_digest(alm_hash_bytes(NULL, 0),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(alm_hash_bytes("abc", 3),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_digest(alm_hash_bytes(two_blocks, 56),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sha256_of_a_million_bytes_in_uneven_pieces(void **state) {
    (void)state;
    char piece[997];
    memset(piece, 'a', sizeof piece);
    alm_hash hash;
    alm_hash_init(&hash);
    for (size_t left = 1000000; left > 0;) {
        size_t size = left < sizeof piece ? left : sizeof piece;
        alm_hash_update(&hash, piece, size);
        left -= size;
    }
    assert_digest(alm_hash_final(&hash),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void hmac_matches_rfc_4231(void **state) {
    (void)state;
    uint8_t key[131];
    uint8_t data[50];
    memset(key, 0x0b, 20);
    assert_digest(alm_hash_keyed(key, 20, "Hi There", 8),
                  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_digest(alm_hash_keyed("Jefe", 4, "what do ya want for nothing?", 28),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    assert_digest(alm_hash_keyed(key, 20, data, 50),
                  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    assert_digest(alm_hash_keyed(key, 131, text, 54),
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    text = "This is a test using a larger than block-size key and a larger than block-size data. "
           "The key needs to be hashed before being used by the HMAC algorithm.";
    assert_digest(alm_hash_keyed(key, 131, text, strlen(text)),
                  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    for (uint8_t i = 0; i < 25; i++) {
        key[i] = (uint8_t)(i + 1);
    }
    memset(data, 0xcd, sizeof data);
    assert_digest(alm_hash_keyed(key, 25, data, 50),
                  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

/* Generator: hashlib.sha256 over struct.pack("<Q",3)+b"abc"+struct.pack("<Qd",
 * 0x0102030405060708, 0.0)+struct.pack("<Qd", 0x7ff8000000000000, -1.5), Python 3.11. */
static void typed_updates_have_one_byte_order(void **state) {
    (void)state;
    const double zeros[] = {0.0, -0.0};
    const double nans[] = {(double)NAN, -(double)NAN};
    for (size_t i = 0; i < 2; i++) {
        alm_hash hash;
        alm_hash_init(&hash);
        alm_hash_update_str(&hash, ALM_STR("abc"));
        alm_hash_update_u64(&hash, UINT64_C(0x0102030405060708));
        alm_hash_update_double(&hash, zeros[i]);
        alm_hash_update_double(&hash, nans[i]);
        alm_hash_update_double(&hash, -1.5);
        assert_digest(alm_hash_final(&hash),
                      "35744eb2704cfc355c559632b32cca23fb9f781350ecd08b522f155decd193c4");
    }
}

static void text_updates_keep_their_borders(void **state) {
    (void)state;
    alm_hash a;
    alm_hash b;
    alm_hash_init(&a);
    alm_hash_init(&b);
    alm_hash_update_str(&a, ALM_STR("ab"));
    alm_hash_update_str(&a, ALM_STR("c"));
    alm_hash_update_str(&b, ALM_STR("a"));
    alm_hash_update_str(&b, ALM_STR("bc"));
    alm_digest first = alm_hash_final(&a);
    alm_digest second = alm_hash_final(&b);
    assert_false(alm_digest_equal(&first, &second));
}

static void digest_text_round_trips_and_is_strict(void **state) {
    (void)state;
    alm_digest digest = alm_hash_bytes("x", 1);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&digest, text);
    alm_digest back = {{0}};
    assert_true(alm_digest_parse(alm_str_of(text), &back));
    assert_true(alm_digest_equal(&digest, &back));
    const alm_digest zero = {{0}};
    back = zero;
    assert_false(alm_digest_parse((alm_str){text, 63}, &back));
    assert_false(alm_digest_parse((alm_str){text, 65}, &back));
    for (size_t i = 0; i < 64; i += 63) {
        for (const char *bad = "Ag :\xff/`@"; *bad; bad++) {
            char changed[ALM_DIGEST_TEXT_BYTES];
            memcpy(changed, text, sizeof changed);
            changed[i] = *bad;
            assert_false(alm_digest_parse(alm_str_of(changed), &back));
        }
    }
    assert_true(alm_digest_equal(&back, &zero)); /* untouched by the failures */
}

static void random_bytes_differ(void **state) {
    (void)state;
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    alm_random_bytes(a, sizeof a);
    alm_random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a); /* equal by chance once in 2^256 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_fips_180_4),
        cmocka_unit_test(sha256_of_a_million_bytes_in_uneven_pieces),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(typed_updates_have_one_byte_order),
        cmocka_unit_test(text_updates_keep_their_borders),
        cmocka_unit_test(digest_text_round_trips_and_is_strict),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
