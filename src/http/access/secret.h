/* secret.h: random secrets, password hashes and a keyed short hash (libsodium).
 *
 * A stored hash is the text of libsodium's crypto_pwhash_str: Argon2id with its salt and cost. New
 * ones take ALM_SECRET_HASH_KIB of memory and ALM_SECRET_HASH_PASSES passes (the least that OWASP's
 * password storage page asks for); the secrets of API keys have 256 random bits, so what the hash
 * must withstand is a stolen file, not guessing. A hash that would cost more than 64 MiB or eight
 * passes is refused when it is read: verifying must not be a way to stop the server.
 *
 * alm_secret_start comes first; again it does nothing. Thread safety: all functions, after it. */
#ifndef ALM_HTTP_ACCESS_SECRET_H
#define ALM_HTTP_ACCESS_SECRET_H

#include "base/str.h"

#define ALM_SECRET_HASH_KIB 19456
#define ALM_SECRET_HASH_PASSES 2
#define ALM_SECRET_HASH_TEXT_BYTES 128 /* with its NUL */
#define ALM_SECRET_HASH_KIB_MAX 65536
#define ALM_SECRET_HASH_PASSES_MAX 8
#define ALM_SHORT_HASH_KEY_BYTES 16

ALM_NODISCARD alm_err alm_secret_start(alm_error *error); /* ALM_ERR_EXTERNAL */

void alm_secret_random(void *out, size_t size);
/* 2 * size lower-case digits and a NUL; in time that does not depend on the bytes. */
void alm_secret_hex(const void *bytes, size_t size, char *out);
void alm_secret_wipe(void *memory, size_t size);

/* Slow on purpose: tens of milliseconds. ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_secret_hash(alm_str secret, char out[ALM_SECRET_HASH_TEXT_BYTES],
                                      alm_error *error);
bool alm_secret_hash_is_valid(alm_str hash); /* Argon2id, of a cost within the limits */
/* As slow. `hash` is valid and NUL terminated. Compares in constant time; false also when there is
 * no memory for it. */
bool alm_secret_matches(const char *hash, alm_str secret);

/* SipHash-2-4 of 128 bits: who does not know the key cannot choose where a client lands. */
typedef struct alm_short_hash {
    uint64_t part[2];
} alm_short_hash;
alm_short_hash alm_secret_short_hash(const uint8_t key[ALM_SHORT_HASH_KEY_BYTES], const void *data,
                                     size_t size);

#endif
