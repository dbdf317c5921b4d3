/* verified_cache.h: credentials that were verified not long ago, by the SHA-256 of their text.
 *
 * Only what was accepted gets in. An entry counts as long as it has not expired and the generation
 * of the keys that verified it is still the one in force. It is bounded: a set of four entries per
 * digest, of which the one used longest ago gives way (or one that does not count any more). The
 * credentials themselves are not kept.
 *
 * Thread safety: one cache belongs to one thread (there is one per worker, so no lock). */
#ifndef ALM_HTTP_ACCESS_VERIFIED_CACHE_H
#define ALM_HTTP_ACCESS_VERIFIED_CACHE_H

#include "base/hash.h"
#include "http/access/role.h"

typedef struct alm_verified_cache alm_verified_cache;

/* `entries` is rounded up to a power of two, at least 4. */
alm_verified_cache *alm_verified_cache_create(size_t entries);
void alm_verified_cache_destroy(alm_verified_cache *cache); /* takes NULL */

/* NULL: not known. The identity is borrowed until the next `put`. */
const alm_identity *alm_verified_cache_get(alm_verified_cache *cache, const alm_digest *digest,
                                           uint64_t generation, alm_instant now);
/* Copies the identity. Without memory for it nothing is kept, which costs time only. */
void alm_verified_cache_put(alm_verified_cache *cache, const alm_digest *digest,
                            uint64_t generation, const alm_identity *identity);

#endif
