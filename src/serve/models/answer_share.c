#include "serve/models/answer_share.h"

#include <string.h>

#include "base/build_info.h"

#define PREFIX "almanac:answers:"
#define SEAL_BYTES sizeof(alm_digest)

static alm_str key_text(const alm_answer_key *key, alm_arena *arena)
{
    char model[ALM_DIGEST_TEXT_BYTES], question[ALM_DIGEST_TEXT_BYTES];
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR(ALM_ENGINE_SOURCE_DIGEST));
    alm_hash_update_str(&hash, key->question);
    alm_digest digest = alm_hash_final(&hash);
    alm_digest_text(&key->model, model);
    alm_digest_text(&digest, question);
    return alm_str_of(alm_arena_printf(arena, PREFIX "%s:%s", model, question));
}

static alm_digest seal_of(alm_str key, alm_str answer)
{
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, key);
    alm_hash_update_str(&hash, answer);
    return alm_hash_final(&hash);
}

bool alm_answer_share_get(alm_shared_store *store, const alm_answer_key *key, alm_arena *arena,
                          alm_str *out)
{
    alm_digest seal;
    alm_str text = key_text(key, arena), value;
    if (alm_shared_get(store, text, arena, &value) != ALM_SHARED_FOUND ||
        value.size < SEAL_BYTES) {
        return false;
    }
    alm_str answer = {value.data + SEAL_BYTES, value.size - SEAL_BYTES};
    alm_digest right = seal_of(text, answer);
    memcpy(seal.bytes, value.data, SEAL_BYTES);
    if (!alm_digest_equal(&seal, &right)) {
        return false;
    }
    *out = answer;
    return true;
}

bool alm_answer_share_put(alm_shared_store *store, const alm_answer_key *key, alm_str answer,
                          alm_arena *arena)
{
    if (answer.size > ALM_ANSWER_CACHE_ENTRY_BYTES_MAX) {
        return false;
    }
    alm_str text = key_text(key, arena);
    alm_digest seal = seal_of(text, answer);
    char *value = alm_arena_alloc(arena, SEAL_BYTES + answer.size);
    memcpy(value, seal.bytes, SEAL_BYTES);
    memcpy(value + SEAL_BYTES, answer.data, answer.size);
    return alm_shared_put(store, text, (alm_str){value, SEAL_BYTES + answer.size});
}
