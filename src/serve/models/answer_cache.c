/* answer_cache.c: the cache in this process's memory.
 *
 * Invariants of a shard, while `busy` is not held:
 * (1) Every entry is in the chain of its hash's bucket and in the list by use, once in each.
 * (2) `bytes` is the sum of the entries' costs, at most the limit.
 * (3) No chain is longer than CHAIN_MAX, so that a look-up is bounded whatever is asked. */
#include "serve/models/answer_cache.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define SHARDS_MAX 64
#define SHARD_BYTES_MIN ((size_t)1 << 20) /* there are as many shards as have this much each */
#define BYTES_PER_BUCKET 512              /* about what a row of 40 features takes */
#define CHAIN_MAX 32
#define GRAIN 64       /* of the allocator: blocks are as long as a multiple of it, ... */
#define OVERHEAD 64    /* ... and have this much of its own */
#define FORGET_STEP 64 /* buckets that are looked through at a time */

typedef struct entry {
    struct entry *next;           /* in the chain */
    struct entry *newer, *older;  /* by use */
    uint64_t hash;
    alm_digest model;
    size_t question_size, answer_size;
    char bytes[]; /* question, answer */
} entry;

typedef struct shard {
    _Alignas(64) atomic_flag busy;
    entry **bucket;
    entry *newest, *oldest;
    size_t bytes, entries;
    _Alignas(64) atomic_uint_fast64_t hits;
    atomic_uint_fast64_t misses, evictions, held_bytes, held_entries; /* the last two for readers */
} shard;

struct alm_answer_cache {
    uint64_t seed;
    size_t shards, buckets; /* powers of two; buckets of each shard */
    size_t shard_bytes;     /* limit of each */
    shard *shard;
};

/* ---- hash ---- */

/* SplitMix64's finalizer (Steele, Lea, Flood, OOPSLA'14) over 8 bytes at a time: spreads well; that
 * whole keys are compared and chains bounded does not rest on it. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    hash = (hash ^ (hash >> 27)) * UINT64_C(0x94D049BB133111EB);
    return hash ^ (hash >> 31);
}

static uint64_t hash_of(const alm_answer_cache *c, const alm_answer_key *key)
{
    uint64_t word = 0, hash = c->seed ^ key->question.size;
    size_t whole = key->question.size / 8 * 8;
    memcpy(&word, key->model.bytes, sizeof word);
    hash = mix(hash ^ word);
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, key->question.data + i, sizeof word);
        hash = mix(hash + UINT64_C(0x9E3779B97F4A7C15) + word);
    }
    word = 0;
    if (whole < key->question.size) {
        memcpy(&word, key->question.data + whole, key->question.size - whole);
    }
    return mix(hash + UINT64_C(0x9E3779B97F4A7C15) + word);
}

static shard *shard_of(const alm_answer_cache *c, uint64_t hash)
{
    return &c->shard[(hash >> 48) & (c->shards - 1)];
}

static entry **bucket_of(const alm_answer_cache *c, const shard *s, uint64_t hash)
{
    return &s->bucket[hash & (c->buckets - 1)];
}

/* ---- a shard, with `busy` held ---- */

static bool enter(shard *s)
{
    return !atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire);
}

static void leave(shard *s)
{
    atomic_store_explicit(&s->held_bytes, s->bytes, memory_order_relaxed);
    atomic_store_explicit(&s->held_entries, s->entries, memory_order_relaxed);
    atomic_flag_clear_explicit(&s->busy, memory_order_release);
}

static size_t cost_of(size_t question, size_t answer)
{
    size_t size = sizeof(entry) + question + answer;
    return (size + GRAIN - 1) / GRAIN * GRAIN + OVERHEAD;
}

static bool is_entry_of(const entry *e, uint64_t hash, const alm_answer_key *key)
{
    return e->hash == hash && e->question_size == key->question.size &&
           alm_digest_equal(&e->model, &key->model) &&
           (key->question.size == 0 ||
            memcmp(e->bytes, key->question.data, key->question.size) == 0);
}

static void put_in_front(shard *s, entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    if (s->newest) {
        s->newest->newer = e;
    } else {
        s->oldest = e;
    }
    s->newest = e;
}

static void take_out_of_list(shard *s, entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void drop(const alm_answer_cache *c, shard *s, entry *e)
{
    entry **at = bucket_of(c, s, e->hash);
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    take_out_of_list(s, e);
    s->bytes -= cost_of(e->question_size, e->answer_size);
    s->entries--;
    alm_heap_free(e);
}

/* *length: of the chain, when it is not there. */
static entry *find(const alm_answer_cache *c, const shard *s, uint64_t hash,
                   const alm_answer_key *key, size_t *length)
{
    *length = 0;
    for (entry *e = *bucket_of(c, s, hash); e; e = e->next) {
        if (is_entry_of(e, hash, key)) {
            return e;
        }
        ++*length;
    }
    return NULL;
}

/* ---- making and ending ---- */

static size_t power_of_two(size_t at_most)
{
    size_t power = 1;
    while (power <= at_most / 2) {
        power *= 2;
    }
    return power;
}

static alm_err make_shards(alm_answer_cache *c, size_t shards, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(shards * sizeof(shard), &memory, error));
    c->shard = memory;
    for (; c->shards < shards; c->shards++) {
        shard *s = &c->shard[c->shards];
        atomic_flag_clear(&s->busy);
        ALM_TRY(alm_heap_try(c->buckets * sizeof(entry *), &memory, error));
        s->bucket = memory;
    }
    return ALM_OK;
}

alm_err alm_answer_cache_create(size_t bytes, uint64_t seed, alm_answer_cache **out,
                                alm_error *error)
{
    void *memory = NULL;
    if (bytes < ALM_ANSWER_CACHE_BYTES_MIN) {
        return alm_fail(error, ALM_ERR_LIMIT, "a cache of answers has %zu bytes at least, not %zu",
                        ALM_ANSWER_CACHE_BYTES_MIN, bytes);
    }
    ALM_TRY(alm_heap_try(sizeof(alm_answer_cache), &memory, error));
    alm_answer_cache *c = memory;
    size_t shards = bytes / SHARD_BYTES_MIN;
    shards = power_of_two(shards < 1 ? 1 : shards > SHARDS_MAX ? SHARDS_MAX : shards);
    c->seed = seed;
    c->buckets = power_of_two(bytes / shards / BYTES_PER_BUCKET);
    c->shard_bytes = bytes / shards - c->buckets * sizeof(entry *);
    alm_err code = make_shards(c, shards, error);
    if (code != ALM_OK) {
        alm_answer_cache_destroy(c);
        return code;
    }
    *out = c;
    return ALM_OK;
}

void alm_answer_cache_destroy(alm_answer_cache *cache)
{
    if (!cache) {
        return;
    }
    for (size_t i = 0; i < cache->shards; i++) {
        shard *s = &cache->shard[i];
        for (entry *e = s->newest, *older; e; e = older) {
            older = e->older;
            alm_heap_free(e);
        }
        alm_heap_free(s->bucket);
    }
    alm_heap_free(cache->shard);
    alm_heap_free(cache);
}

/* ---- look-up ---- */

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

bool alm_answer_cache_get(alm_answer_cache *cache, const alm_answer_key *key, alm_arena *arena,
                          alm_str *out)
{
    size_t length = 0;
    uint64_t hash = hash_of(cache, key);
    shard *s = shard_of(cache, hash);
    entry *e = NULL;
    if (enter(s)) {
        e = find(cache, s, hash, key, &length);
        if (e) {
            take_out_of_list(s, e);
            put_in_front(s, e);
            /* NUL terminated, and as well aligned as any memory of the arena. */
            *out = (alm_str){alm_arena_copy_text(arena, e->bytes + e->question_size,
                                                 e->answer_size), e->answer_size};
        }
        leave(s);
    }
    count(e ? &s->hits : &s->misses);
    return e != NULL;
}

static entry *make_entry(uint64_t hash, const alm_answer_key *key, alm_str answer)
{
    void *memory = NULL;
    size_t question = key->question.size;
    if (alm_heap_try(sizeof(entry) + question + answer.size, &memory, NULL) != ALM_OK) {
        return NULL;
    }
    entry *e = memory;
    e->hash = hash;
    e->model = key->model;
    e->question_size = question;
    e->answer_size = answer.size;
    if (question > 0) {
        memcpy(e->bytes, key->question.data, question);
    }
    if (answer.size > 0) {
        memcpy(e->bytes + question, answer.data, answer.size);
    }
    return e;
}

/* With `busy` held. False: there is no place. */
static bool place(const alm_answer_cache *c, shard *s, entry *e, const alm_answer_key *key)
{
    size_t length = 0;
    size_t cost = cost_of(e->question_size, e->answer_size);
    entry *old = find(c, s, e->hash, key, &length);
    if (old) {
        drop(c, s, old);
    } else if (length >= CHAIN_MAX) {
        return false;
    }
    while (s->oldest && s->bytes + cost > c->shard_bytes) {
        drop(c, s, s->oldest);
        count(&s->evictions);
    }
    entry **bucket = bucket_of(c, s, e->hash);
    e->next = *bucket;
    *bucket = e;
    put_in_front(s, e);
    s->bytes += cost;
    s->entries++;
    return true;
}

bool alm_answer_cache_put(alm_answer_cache *cache, const alm_answer_key *key, alm_str answer)
{
    const size_t most = ALM_ANSWER_CACHE_ENTRY_BYTES_MAX;
    size_t question = key->question.size;
    if (question > most || answer.size > most - question ||
        cost_of(question, answer.size) > cache->shard_bytes / 4) {
        return false; /* it would push out too much */
    }
    uint64_t hash = hash_of(cache, key);
    shard *s = shard_of(cache, hash);
    entry *e = make_entry(hash, key, answer);
    if (!e || !enter(s)) {
        alm_heap_free(e);
        return false;
    }
    bool is_placed = place(cache, s, e, key);
    leave(s);
    if (!is_placed) {
        alm_heap_free(e);
    }
    return is_placed;
}

/* ---- the rest ---- */

static void forget_in(const alm_answer_cache *c, shard *s, size_t from, const alm_digest *model)
{
    while (!enter(s)) {
        (void)sched_yield();
    }
    for (size_t i = from; i < c->buckets && i < from + FORGET_STEP; i++) {
        for (entry *e = s->bucket[i], *next; e; e = next) {
            next = e->next;
            if (alm_digest_equal(&e->model, model)) {
                drop(c, s, e);
            }
        }
    }
    leave(s);
}

void alm_answer_cache_forget(alm_answer_cache *cache, const alm_digest *model)
{
    for (size_t i = 0; i < cache->shards; i++) {
        for (size_t from = 0; from < cache->buckets; from += FORGET_STEP) {
            forget_in(cache, &cache->shard[i], from, model);
        }
    }
}

alm_answer_cache_counts alm_answer_cache_count(const alm_answer_cache *cache)
{
    alm_answer_cache_counts out = {0};
    for (size_t i = 0; i < cache->shards; i++) {
        const shard *s = &cache->shard[i];
        out.hits += atomic_load_explicit(&s->hits, memory_order_relaxed);
        out.misses += atomic_load_explicit(&s->misses, memory_order_relaxed);
        out.evictions += atomic_load_explicit(&s->evictions, memory_order_relaxed);
        out.entries += atomic_load_explicit(&s->held_entries, memory_order_relaxed);
        out.bytes += atomic_load_explicit(&s->held_bytes, memory_order_relaxed);
    }
    return out;
}
