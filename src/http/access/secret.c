/* secret.c: libsodium; the only file that includes it. */
#include "http/access/secret.h"

#include <sodium.h>
#include <string.h>

_Static_assert(ALM_SECRET_HASH_TEXT_BYTES == crypto_pwhash_STRBYTES, "a hash text fits");
_Static_assert(ALM_SHORT_HASH_KEY_BYTES == crypto_shorthash_siphashx24_KEYBYTES, "the key's size");
_Static_assert(sizeof(alm_short_hash) == crypto_shorthash_siphashx24_BYTES, "the hash's size");

alm_err alm_secret_start(alm_error *error)
{
    return sodium_init() >= 0 ? ALM_OK
                              : alm_fail(error, ALM_ERR_EXTERNAL, "libsodium does not start: the "
                                         "system gives no random numbers");
}

void alm_secret_random(void *out, size_t size)
{
    randombytes_buf(out, size);
}

void alm_secret_hex(const void *bytes, size_t size, char *out)
{
    (void)sodium_bin2hex(out, 2 * size + 1, bytes, size);
}

void alm_secret_wipe(void *memory, size_t size)
{
    sodium_memzero(memory, size);
}

alm_err alm_secret_hash(alm_str secret, char out[ALM_SECRET_HASH_TEXT_BYTES], alm_error *error)
{
    char text[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str_alg(text, secret.data, secret.size, ALM_SECRET_HASH_PASSES,
                              (size_t)ALM_SECRET_HASH_KIB * 1024,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return alm_fail(error, ALM_ERR_MEMORY, "no memory to hash a secret: it takes %d KiB",
                        ALM_SECRET_HASH_KIB);
    }
    memcpy(out, text, sizeof text);
    return ALM_OK;
}

/* "name=123" and `end` behind it. */
static bool take_number(alm_str *rest, const char *name, char end, int64_t max)
{
    int64_t value;
    if (!rest->data) {
        return false;
    }
    alm_str part = alm_str_split(rest, end);
    size_t skip = strlen(name);
    return alm_str_starts_with(part, name) &&
           alm_str_to_i64((alm_str){part.data + skip, part.size - skip}, &value) && value >= 1 &&
           value <= max;
}

bool alm_secret_hash_is_valid(alm_str hash)
{
    static const char BEGIN[] = "$argon2id$v=19$";
    if (hash.size >= ALM_SECRET_HASH_TEXT_BYTES || !alm_str_starts_with(hash, BEGIN)) {
        return false;
    }
    alm_str rest = {hash.data + sizeof BEGIN - 1, hash.size - (sizeof BEGIN - 1)};
    if (!take_number(&rest, "m=", ',', ALM_SECRET_HASH_KIB_MAX) ||
        !take_number(&rest, "t=", ',', ALM_SECRET_HASH_PASSES_MAX) ||
        !take_number(&rest, "p=", '$', 1) || !rest.data) {
        return false;
    }
    /* The library parses the rest: salt and hash. The cost asked for here does not matter. */
    char text[ALM_SECRET_HASH_TEXT_BYTES] = {0};
    memcpy(text, hash.data, hash.size);
    return strlen(text) == hash.size &&
           crypto_pwhash_str_needs_rehash(text, ALM_SECRET_HASH_PASSES,
                                          (size_t)ALM_SECRET_HASH_KIB * 1024) >= 0;
}

bool alm_secret_matches(const char *hash, alm_str secret)
{
    return crypto_pwhash_str_verify(hash, secret.data, secret.size) == 0;
}

alm_short_hash alm_secret_short_hash(const uint8_t key[ALM_SHORT_HASH_KEY_BYTES], const void *data,
                                     size_t size)
{
    unsigned char bytes[crypto_shorthash_siphashx24_BYTES];
    alm_short_hash hash;
    (void)crypto_shorthash_siphashx24(bytes, data, size, key);
    memcpy(&hash, bytes, sizeof hash);
    return hash;
}
