/* hash.c: SHA-256 and HMAC-SHA-256 by libsodium; the only file that includes sodium.h. */
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(((alm_hash *)0)->state),
               "alm_hash must hold libsodium's SHA-256 state");
_Static_assert(_Alignof(crypto_hash_sha256_state) <= 16, "alm_hash is aligned to 16 bytes");
_Static_assert(crypto_hash_sha256_BYTES == ALM_DIGEST_BYTES, "SHA-256 has 32 bytes");

static crypto_hash_sha256_state *sodium_state(alm_hash *hash) {
    return (crypto_hash_sha256_state *)(void *)hash->state;
}

/* The SHA-256 functions of libsodium cannot fail: they return 0 always. */
void alm_hash_init(alm_hash *hash) {
    int failed = crypto_hash_sha256_init(sodium_state(hash));
    alm_assert(failed == 0);
}

void alm_hash_update(alm_hash *hash, const void *data, size_t size) {
    if (size == 0) {
        return; /* data may be NULL then, which memcpy inside the library must not see */
    }
    alm_assert(data != NULL);
    int failed = crypto_hash_sha256_update(sodium_state(hash), data, size);
    alm_assert(failed == 0);
}

void alm_hash_update_u64(alm_hash *hash, uint64_t value) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    alm_hash_update(hash, bytes, sizeof bytes);
}

void alm_hash_update_str(alm_hash *hash, alm_str text) {
    alm_hash_update_u64(hash, text.size);
    alm_hash_update(hash, text.data, text.size);
}

/* Values that compare equal must hash equal (-0 and +0), and the many NaNs mean one thing. */
void alm_hash_update_double(alm_hash *hash, double value) {
    uint64_t bits;
    if (value != value) {
        bits = UINT64_C(0x7ff8000000000000);
    } else if (value == 0) {
        bits = 0;
    } else {
        memcpy(&bits, &value, sizeof bits);
    }
    alm_hash_update_u64(hash, bits);
}

alm_digest alm_hash_final(alm_hash *hash) {
    alm_digest digest;
    int failed = crypto_hash_sha256_final(sodium_state(hash), digest.bytes);
    alm_assert(failed == 0);
    return digest;
}

alm_digest alm_hash_bytes(const void *data, size_t size) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update(&hash, data, size);
    return alm_hash_final(&hash);
}

alm_digest alm_hash_keyed(const void *key, size_t key_size, const void *data, size_t size) {
    alm_assert(key != NULL || key_size == 0);
    alm_assert(data != NULL || size == 0);
    static const uint8_t nothing[1];
    crypto_auth_hmacsha256_state state;
    alm_digest digest;
    int failed = crypto_auth_hmacsha256_init(&state, key ? key : nothing, key_size);
    failed |= crypto_auth_hmacsha256_update(&state, data ? data : nothing, size);
    failed |= crypto_auth_hmacsha256_final(&state, digest.bytes);
    alm_assert(failed == 0);
    sodium_memzero(&state, sizeof state); /* it holds a function of the key */
    return digest;
}

void alm_digest_text(const alm_digest *digest, char out[ALM_DIGEST_TEXT_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < ALM_DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    out[ALM_DIGEST_TEXT_BYTES - 1] = '\0';
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

alm_str alm_digest_str(const alm_digest *digest, alm_arena *arena)
{
    char *text = alm_arena_alloc(arena, ALM_DIGEST_TEXT_BYTES);
    alm_digest_text(digest, text);
    return (alm_str){text, ALM_DIGEST_TEXT_BYTES - 1};
}

bool alm_digest_parse(alm_str text, alm_digest *out) {
    if (text.size != ALM_DIGEST_TEXT_BYTES - 1) {
        return false;
    }
    alm_digest digest;
    for (size_t i = 0; i < ALM_DIGEST_BYTES; i++) {
        int high = digit_value(text.data[2 * i]);
        int low = digit_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = digest;
    return true;
}

bool alm_digest_equal(const alm_digest *a, const alm_digest *b) {
    return memcmp(a->bytes, b->bytes, ALM_DIGEST_BYTES) == 0;
}

void alm_random_bytes(void *out, size_t size) {
    /* Safe to repeat and from several threads; fails only without a random source. */
    int failed = sodium_init();
    alm_assert(failed >= 0);
    randombytes_buf(out, size);
}
