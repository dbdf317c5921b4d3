/* hash.c: SHA-256 and HMAC-SHA-256 by OpenSSL's libcrypto; the only file that includes it.
 *
 * The functions on a state in the caller's memory are those of OpenSSL 1.1, which 3 keeps and calls
 * deprecated: its newer ones take the state from the heap, and a hash must not fail for that. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "base/hash.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((alm_hash *)0)->state),
               "alm_hash must hold the library's SHA-256 state");
_Static_assert(_Alignof(SHA256_CTX) <= 16, "alm_hash is aligned to 16 bytes");
_Static_assert(SHA256_DIGEST_LENGTH == ALM_DIGEST_BYTES, "SHA-256 has 32 bytes");

static SHA256_CTX *state_of(alm_hash *hash) {
    return (SHA256_CTX *)(void *)hash->state;
}

/* They cannot fail: they return 1 always. */
void alm_hash_init(alm_hash *hash) {
    int fine = SHA256_Init(state_of(hash));
    alm_assert(fine == 1);
}

void alm_hash_update(alm_hash *hash, const void *data, size_t size) {
    if (size == 0) {
        return; /* data may be NULL then, which memcpy inside the library must not see */
    }
    alm_assert(data != NULL);
    int fine = SHA256_Update(state_of(hash), data, size);
    alm_assert(fine == 1);
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
    int fine = SHA256_Final(digest.bytes, state_of(hash));
    alm_assert(fine == 1);
    return digest;
}

alm_digest alm_hash_bytes(const void *data, size_t size) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update(&hash, data, size);
    return alm_hash_final(&hash);
}

void alm_hash_go_on(alm_hash_begun *begun, alm_str whole, size_t end)
{
    alm_assert(begun->done <= end && end <= whole.size);
    if (begun->done == 0) {
        alm_hash_init(&begun->hash);
    }
    alm_hash_update(&begun->hash, whole.data + begun->done, end - begun->done);
    begun->done = end;
}

alm_digest alm_hash_finish(alm_hash_begun *begun, alm_str whole)
{
    alm_hash_go_on(begun, whole, whole.size);
    return alm_hash_final(&begun->hash);
}

alm_digest alm_hash_keyed(const void *key, size_t key_size, const void *data, size_t size) {
    alm_assert(key != NULL || key_size == 0);
    alm_assert(data != NULL || size == 0);
    static const uint8_t nothing[1];
    alm_digest digest;
    unsigned int length = 0;
    alm_assert(key_size <= INT_MAX);
    const unsigned char *made = HMAC(EVP_sha256(), key ? key : nothing, (int)key_size,
                                     data ? data : nothing, size, digest.bytes, &length);
    alm_assert(made != NULL && length == ALM_DIGEST_BYTES);
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
    alm_assert(size <= INT_MAX);
    int fine = RAND_bytes(out, (int)size); /* fails only without a random source */
    alm_assert(fine == 1);
}
