/* answer_cache.h: answers that were given, to be given again to the very same question.
 *
 * An entry is found by the hash of the model's content and by everything else that the answer
 * depends on, byte for byte: keys are compared whole, so two questions with one hash never share an
 * answer. What another model answered cannot be found, since its hash is another; so nothing has to
 * be invalidated when models are swapped, and `forget` is there for the memory alone.
 *
 * The memory is divided into shards by the hash of the key. A shard keeps its most recently used
 * entries within its share of the bytes; an entry counts with its key and what the allocator needs
 * for it. Of a shard that another thread is in at this moment nothing is taken and nothing is put
 * there: that is a miss, and nobody waits. The work in a shard is bounded.
 *
 * Thread safety: everything but create and destroy, from any thread. */
#ifndef ALM_SERVE_ANSWER_CACHE_H
#define ALM_SERVE_ANSWER_CACHE_H

#include "base/hash.h"

#define ALM_ANSWER_CACHE_BYTES_MIN ((size_t)64 << 10)
#define ALM_ANSWER_CACHE_ENTRY_BYTES_MAX ((size_t)128 << 10) /* key and answer */

typedef struct alm_answer_cache alm_answer_cache;

typedef struct alm_answer_key {
    alm_digest model; /* of its content */
    alm_str question; /* all the rest: what is asked for, the values that are given, all bits */
} alm_answer_key;

/* `seed`: random, so that nobody who chooses questions chooses their places. ALM_ERR_LIMIT: less
 * than the minimum; ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_answer_cache_create(size_t bytes, uint64_t seed, alm_answer_cache **out,
                                              alm_error *error);
void alm_answer_cache_destroy(alm_answer_cache *cache); /* takes NULL */

/* Copied into `arena`; false: it is not there. */
bool alm_answer_cache_get(alm_answer_cache *cache, const alm_answer_key *key, alm_arena *arena,
                          alm_str *out);
/* Keeps a copy, in place of one that is there. False: it is too large, there is no memory, or
 * somebody else is in the shard; then nothing has changed. */
bool alm_answer_cache_put(alm_answer_cache *cache, const alm_answer_key *key, alm_str answer);
/* Frees all entries of a model that is gone, in small steps. Not on an event loop: it waits until
 * nobody is in a shard. */
void alm_answer_cache_forget(alm_answer_cache *cache, const alm_digest *model);

typedef struct alm_answer_cache_counts {
    uint64_t hits, misses;
    uint64_t evictions; /* entries that made room for others */
    uint64_t entries, bytes; /* now */
} alm_answer_cache_counts;
alm_answer_cache_counts alm_answer_cache_count(const alm_answer_cache *cache);

#endif
