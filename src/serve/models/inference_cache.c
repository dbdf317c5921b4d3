#include "serve/models/inference_cache.h"

#include <math.h>
#include <string.h>

enum { NUMBERS = 6, SHAPE = 3 };

/* ---- the question ---- */

static size_t values_of(const alm_inference_input *input)
{
    return input->values ? input->rows * input->column_count : 0;
}

static size_t windows_of(const alm_inference_input *input)
{
    return input->windows ? input->rows * input->steps * input->window_width : 0;
}

/* Sizes that are beyond the bounds of inference.h are for alm_inference_run to refuse. */
static bool is_small(const alm_inference_input *input)
{
    const size_t most = ALM_ANSWER_CACHE_ENTRY_BYTES_MAX / sizeof(double);
    return input->rows <= most && input->column_count <= most && input->steps <= most &&
           input->window_width <= most && input->steps * input->window_width <= most &&
           input->rows * (input->column_count + input->steps * input->window_width) <= most;
}

static char *append(char *at, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

static alm_str question_of(const alm_inference_input *input, alm_arena *arena)
{
    const uint64_t number[NUMBERS] = {
        input->rows,         input->column_count, input->values ? input->column_count : 0,
        input->steps,        input->window_width,
        (uint64_t)input->refuse_extra << 2 | (uint64_t)(input->name != NULL) << 1 |
            (uint64_t)(input->windows != NULL)};
    size_t values = values_of(input) * sizeof(double);
    size_t windows = windows_of(input) * sizeof(double);
    size_t size = sizeof number + values + windows;
    for (size_t i = 0; input->name && i < input->column_count; i++) {
        size += sizeof(uint64_t) + input->name[i].size;
    }
    char *bytes = alm_arena_alloc(arena, size);
    char *at = append(bytes, number, sizeof number);
    at = append(at, input->values, values);
    at = append(at, input->windows, windows);
    for (size_t i = 0; input->name && i < input->column_count; i++) {
        uint64_t length = input->name[i].size;
        at = append(at, &length, sizeof length);
        at = append(at, input->name[i].data, input->name[i].size);
    }
    return (alm_str){bytes, (size_t)(at - bytes)};
}

/* ---- the answer ---- */

static size_t places_of(const alm_inference_answer *answer, size_t count[3])
{
    size_t answers = answer->rows * answer->horizons;
    count[0] = answers;
    count[1] = answers * answer->classes;
    count[2] = answer->classes ? answers : 0;
    return count[0] + count[1] + count[2];
}

static alm_str pack(const alm_inference_answer *answer, alm_arena *arena)
{
    const uint64_t shape[SHAPE] = {answer->rows, answer->horizons, answer->classes};
    size_t count[3];
    size_t size = sizeof shape + places_of(answer, count) * sizeof(double);
    char *bytes = alm_arena_alloc(arena, size);
    char *at = append(bytes, shape, sizeof shape);
    at = append(at, answer->value, count[0] * sizeof(double));
    at = append(at, answer->probability, count[1] * sizeof(double));
    (void)append(at, answer->confidence, count[2] * sizeof(double));
    return (alm_str){bytes, size};
}

/* What came from elsewhere may be anything: it must be an answer to this question. `packed` lies in
 * an arena, aligned for doubles. */
static bool unpack(alm_str packed, const alm_inference_input *input, const alm_scorer_info *scorer,
                   alm_inference_answer *out)
{
    uint64_t shape[SHAPE];
    size_t count[3];
    if (packed.size < sizeof shape) {
        return false;
    }
    memcpy(shape, packed.data, sizeof shape);
    alm_inference_answer answer = {.rows = shape[0], .horizons = shape[1], .classes = shape[2]};
    if (answer.rows != input->rows || answer.horizons != scorer->horizon_count ||
        answer.classes != scorer->class_count ||
        packed.size != sizeof shape + places_of(&answer, count) * sizeof(double)) {
        return false;
    }
    double *value = (double *)(void *)((char *)packed.data + sizeof shape);
    for (size_t i = 0; i < count[0] + count[1] + count[2]; i++) {
        if (!isfinite(value[i])) {
            return false;
        }
    }
    answer.value = value;
    answer.probability = count[1] ? value + count[0] : NULL;
    answer.confidence = count[2] ? value + count[0] + count[1] : NULL;
    *out = answer;
    return true;
}

/* ---- both ---- */

/* Too large to be kept, whatever the question. */
static bool fits(const alm_inference_answer *answer)
{
    size_t count[3];
    return places_of(answer, count) <= ALM_ANSWER_CACHE_ENTRY_BYTES_MAX / sizeof(double);
}

/* The bits of a member that another runtime computes may be those of this machine. */
static bool is_the_same_everywhere(const alm_scorer_info *scorer)
{
    for (size_t i = 0; i < scorer->member_count; i++) {
        if (scorer->member[i].detail.size > 0) {
            return false;
        }
    }
    return true;
}

static bool find(const alm_cached_inference *how, alm_shared_store *share,
                 const alm_answer_key *key, const alm_inference_input *input,
                 alm_inference_answer *out, alm_cache_use *use)
{
    const alm_scorer_info *scorer = alm_served_model_describe(how->model)->scorer;
    alm_str kept;
    if (how->cache && alm_answer_cache_get(how->cache, key, how->arena, &kept)) {
        bool is_right = unpack(kept, input, scorer, out);
        alm_assert(is_right);
        *use = ALM_CACHE_HIT;
        return true;
    }
    if (share && alm_answer_share_get(share, key, how->arena, &kept) &&
        unpack(kept, input, scorer, out)) {
        if (how->cache) {
            (void)alm_answer_cache_put(how->cache, key, kept);
        }
        *use = ALM_CACHE_SHARED;
        return true;
    }
    return false;
}

static bool keep(const alm_cached_inference *how, alm_shared_store *share,
                 const alm_answer_key *key, const alm_inference_answer *answer)
{
    if (!fits(answer)) {
        return false;
    }
    alm_str packed = pack(answer, how->arena);
    bool is_here = how->cache && alm_answer_cache_put(how->cache, key, packed);
    return (share && alm_answer_share_put(share, key, packed, how->arena)) || is_here;
}

alm_err alm_inference_run_cached(const alm_cached_inference *how, const alm_inference_input *input,
                                 alm_inference_answer *out, alm_cache_use *use,
                                 uint64_t *cache_ns, alm_error *error)
{
    const alm_served_info *info = alm_served_model_describe(how->model);
    bool shares = how->share && is_the_same_everywhere(info->scorer);
    alm_shared_store *share = shares ? how->share : NULL;
    alm_answer_key key;
    if ((!how->cache && !share) || info->scorer->remote_count > 0 || !is_small(input)) {
        ALM_TRY(alm_inference_run(how->model, how->worker, input, how->arena, out, error));
        *use = how->cache || how->share ? ALM_CACHE_BYPASS : ALM_CACHE_NONE;
        *cache_ns = 0;
        return ALM_OK;
    }
    uint64_t begun = alm_env_monotonic_ns(how->env);
    bool is_digest = alm_digest_parse(alm_str_of(info->digest), &key.model);
    alm_assert(is_digest);
    key.question = question_of(input, how->arena);
    if (find(how, share, &key, input, out, use)) {
        *cache_ns = alm_env_monotonic_ns(how->env) - begun;
        return ALM_OK;
    }
    uint64_t looked = alm_env_monotonic_ns(how->env);
    ALM_TRY(alm_inference_run(how->model, how->worker, input, how->arena, out, error));
    uint64_t computed = alm_env_monotonic_ns(how->env);
    *use = keep(how, share, &key, out) ? ALM_CACHE_STORED : ALM_CACHE_MISS;
    *cache_ns = looked - begun + alm_env_monotonic_ns(how->env) - computed;
    return ALM_OK;
}
