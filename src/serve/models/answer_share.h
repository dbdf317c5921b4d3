/* answer_share.h: kept answers that several services share through base/shared_store.h.
 *
 * The key names the content of the model, the build of this program and a SHA-256 of the question:
 * "almanac:answers:MODEL:QUESTION". Two questions with one such hash are not known to anybody; two
 * builds never share an answer, since one may have an error that the other has not. Before an
 * answer stands the SHA-256 of its key and itself, so what was cut off or written by mistake is not
 * taken; who can write to the store can still forge one. What is not used ages in the store; no
 * model that is gone has to be told of, because another service may still serve it.
 *
 * Thread safety: any thread. */
#ifndef ALM_SERVE_ANSWER_SHARE_H
#define ALM_SERVE_ANSWER_SHARE_H

#include "base/shared_store.h"
#include "serve/models/answer_cache.h"

/* Of `arena`, aligned for doubles; false: it is not there, or nobody could be asked in time. */
bool alm_answer_share_get(alm_shared_store *store, const alm_answer_key *key, alm_arena *arena,
                          alm_str *out);
/* False: it is not kept; more than ALM_ANSWER_CACHE_ENTRY_BYTES_MAX bytes never are. */
bool alm_answer_share_put(alm_shared_store *store, const alm_answer_key *key, alm_str answer,
                          alm_arena *arena);

#endif
