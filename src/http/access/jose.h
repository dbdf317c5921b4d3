/* jose.h: public keys (a JSON Web Key Set, RFC 7517) and the signatures that they verify
 * (librhonabwy).
 *
 * A key is used when it is RSA (2048 to 8192 bits, RS256), EC on P-256 (ES256) or OKP on Ed25519
 * (EdDSA; RFC 8037), and its `use`, `key_ops` and `alg` allow that. Any other key of a set is left
 * out and counted, because a provider publishes keys for other purposes in the same set; a set
 * without a single usable key is refused with the reason of the first. A private key (`d`) in the
 * set is refused with the whole set: it does not belong where anybody may read it.
 *
 * Each key has exactly one algorithm, given by its type. A token is tried with a key of its
 * algorithm only, so a public key can never be taken for the secret of a symmetric algorithm.
 * Selection: with `kid`, the keys that have the same; without, every key that fits the algorithm.
 * Exactly one must remain. Keys inside a token are not looked at (token.h refuses them).
 *
 * Errors: ALM_ERR_INVALID for a bad set; ALM_ERR_NOT_FOUND when no key fits the token (the set may
 * be older than the key: fetch it again); ALM_ERR_DENIED when more than one fits, or the signature
 * is not the key's. Thread safety: a set is immutable; any number of threads verify with it. */
#ifndef ALM_HTTP_ACCESS_JOSE_H
#define ALM_HTTP_ACCESS_JOSE_H

#include "http/access/token.h"

#define ALM_KEY_SET_BYTES_MAX ((size_t)1 << 20)
#define ALM_KEYS_MAX 64 /* of a set */
#define ALM_RSA_BITS_MIN 2048
#define ALM_RSA_BITS_MAX 8192

typedef struct alm_key_set alm_key_set;

/* `name` of the set goes into messages. */
ALM_NODISCARD alm_err alm_key_set_parse(alm_str jwks, const char *name, alm_key_set **out,
                                        alm_error *error);
void alm_key_set_destroy(alm_key_set *set); /* takes NULL */
size_t alm_key_set_count(const alm_key_set *set);     /* of usable keys, >= 1 */
size_t alm_key_set_left_out(const alm_key_set *set);  /* of the others */

ALM_NODISCARD alm_err alm_key_set_verify(const alm_key_set *set, const alm_token *token,
                                         alm_error *error);

#endif
