/* inference_cache.h: inference.h with answers that are kept: in this process (answer_cache.h), then
 * where services share them (answer_share.h).
 *
 * The question is everything that an answer depends on besides the model's content: the names of
 * the columns, the numbers of rows, columns and steps, whether further columns are an error, and
 * the bits of every value. -0 and 0, and two NaN of different bits, are different questions. Errors
 * are not kept. A model with a member that another runtime computes in this process is not shared:
 * its bits may be those of one machine. */
#ifndef ALM_SERVE_INFERENCE_CACHE_H
#define ALM_SERVE_INFERENCE_CACHE_H

#include "base/env.h"
#include "serve/models/answer_share.h"
#include "serve/models/inference.h"

typedef enum alm_cache_use {
    ALM_CACHE_NONE,   /* there is no cache */
    ALM_CACHE_BYPASS, /* not asked: a model with members of other servers, whose answers may change,
                       * or a question that is too large */
    ALM_CACHE_MISS,   /* computed, and not kept */
    ALM_CACHE_STORED, /* computed, and kept */
    ALM_CACHE_HIT,
    ALM_CACHE_SHARED /* a hit, of an answer that was kept by any of the services */
} alm_cache_use;

typedef struct alm_cached_inference {
    alm_answer_cache *cache; /* NULL: none */
    alm_shared_store *share; /* NULL: none */
    const alm_served_model *model;
    size_t worker;
    alm_arena *arena; /* of the answer */
    const alm_env *env; /* its clock */
} alm_cached_inference;

/* As alm_inference_run, with the same bits. It waits for the shared store as long as that allows,
 * twice at most. *use is set with the answer. *cache_ns: what looking
 * for it and keeping it took, without the model. */
ALM_NODISCARD alm_err alm_inference_run_cached(const alm_cached_inference *how,
                                               const alm_inference_input *input,
                                               alm_inference_answer *out, alm_cache_use *use,
                                               uint64_t *cache_ns, alm_error *error);

#endif
