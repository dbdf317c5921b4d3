/* hash.h: SHA-256 (OpenSSL), the identity of everything in almanac. */
#ifndef ALM_BASE_HASH_H
#define ALM_BASE_HASH_H

#include "base/str.h"

#define ALM_DIGEST_BYTES 32
#define ALM_DIGEST_TEXT_BYTES 65 /* 64 hexadecimal digits and a NUL */

typedef struct alm_digest {
    uint8_t bytes[ALM_DIGEST_BYTES];
} alm_digest;

/* Streaming state; opaque, caller's memory. */
typedef struct alm_hash {
    _Alignas(16) uint8_t state[128];
} alm_hash;

void alm_hash_init(alm_hash *hash);
void alm_hash_update(alm_hash *hash, const void *data, size_t size);
void alm_hash_update_u64(alm_hash *hash, uint64_t value);   /* little endian */
void alm_hash_update_str(alm_hash *hash, alm_str text);     /* length first, so unambiguous */
void alm_hash_update_double(alm_hash *hash, double value);  /* -0 as +0, one NaN */
alm_digest alm_hash_final(alm_hash *hash);

alm_digest alm_hash_bytes(const void *data, size_t size);

/* The hash of something that is hashed in parts, between other work: {0} to begin with. */
typedef struct alm_hash_begun {
    alm_hash hash;
    size_t done; /* bytes of it, from the first on */
} alm_hash_begun;
/* Goes on behind `done` to byte `end` of `whole`. */
void alm_hash_go_on(alm_hash_begun *begun, alm_str whole, size_t end);
/* Goes on to the end, if that is left, and gives the hash. Once. */
alm_digest alm_hash_finish(alm_hash_begun *begun, alm_str whole);
/* Keyed hash (HMAC-SHA-256), for the pseudonyms of customer keys. */
alm_digest alm_hash_keyed(const void *key, size_t key_size, const void *data, size_t size);

void alm_digest_text(const alm_digest *digest, char out[ALM_DIGEST_TEXT_BYTES]);
/* The same text in `arena`. */
alm_str alm_digest_str(const alm_digest *digest, alm_arena *arena);
bool alm_digest_parse(alm_str text, alm_digest *out); /* exactly 64 lower-case digits */
bool alm_digest_equal(const alm_digest *a, const alm_digest *b);

/* Random bytes from the operating system: for keys and unique temporary names only, never for a
 * result. */
void alm_random_bytes(void *out, size_t size);

#endif
