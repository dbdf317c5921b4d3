/* verified_cache.c: four ways per set; an identity lies in one block behind its list of models. */
#include "http/access/verified_cache.h"

#include <string.h>

#define WAYS 4

typedef struct cache_entry {
    alm_digest digest;
    uint64_t generation;
    uint64_t used; /* the cache's count of uses when it was last used; 0: empty */
    alm_identity identity;
    void *block; /* of the texts of `identity` */
} cache_entry;

struct alm_verified_cache {
    cache_entry *entries;
    size_t sets; /* a power of two */
    uint64_t uses;
};

alm_verified_cache *alm_verified_cache_create(size_t entries)
{
    size_t sets = 1;
    while (sets * WAYS < entries && sets < (size_t)1 << 24) {
        sets *= 2;
    }
    void *memory = NULL;
    size_t head = (sizeof(alm_verified_cache) + 63) / 64 * 64;
    if (alm_heap_try(head + sets * WAYS * sizeof(cache_entry), &memory, NULL) != ALM_OK) {
        return NULL;
    }
    alm_verified_cache *cache = memory;
    cache->entries = (cache_entry *)((char *)memory + head);
    cache->sets = sets;
    return cache;
}

void alm_verified_cache_destroy(alm_verified_cache *cache)
{
    if (cache) {
        for (size_t i = 0; i < cache->sets * WAYS; i++) {
            alm_heap_free(cache->entries[i].block);
        }
        alm_heap_free(cache);
    }
}

static cache_entry *set_of(alm_verified_cache *cache, const alm_digest *digest)
{
    uint64_t number;
    memcpy(&number, digest->bytes, sizeof number);
    return &cache->entries[(number & (cache->sets - 1)) * WAYS];
}

/* The digest of a guess tells nothing about that of a credential, so memcmp will do. */
static bool is_of(const cache_entry *entry, const alm_digest *digest)
{
    return entry->used != 0 && memcmp(&entry->digest, digest, sizeof *digest) == 0;
}

const alm_identity *alm_verified_cache_get(alm_verified_cache *cache, const alm_digest *digest,
                                           uint64_t generation, alm_instant now)
{
    cache_entry *set = set_of(cache, digest);
    for (size_t i = 0; i < WAYS; i++) {
        if (is_of(&set[i], digest) && set[i].generation == generation &&
            now < set[i].identity.expires) {
            set[i].used = ++cache->uses;
            return &set[i].identity;
        }
    }
    return NULL;
}

/* The identity with its texts in one block. */
static void *block_of(const alm_identity *identity, alm_identity *copy)
{
    size_t size = identity->model_count * sizeof(alm_str) + identity->subject.size;
    for (size_t i = 0; i < identity->model_count; i++) {
        size += identity->models[i].size;
    }
    void *block = NULL;
    if (alm_heap_try(size ? size : 1, &block, NULL) != ALM_OK) {
        return NULL;
    }
    alm_str *models = block;
    char *text = (char *)(models + identity->model_count);
    *copy = *identity;
    memcpy(text, identity->subject.data, identity->subject.size);
    copy->subject.data = text;
    text += identity->subject.size;
    for (size_t i = 0; i < identity->model_count; i++) {
        models[i] = (alm_str){text, identity->models[i].size};
        memcpy(text, identity->models[i].data, identity->models[i].size);
        text += identity->models[i].size;
    }
    copy->models = identity->model_count ? models : NULL;
    return block;
}

void alm_verified_cache_put(alm_verified_cache *cache, const alm_digest *digest,
                            uint64_t generation, const alm_identity *identity)
{
    cache_entry *set = set_of(cache, digest);
    cache_entry *victim = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (is_of(&set[i], digest)) {
            victim = &set[i];
            break;
        }
        /* Of another generation than the one in force: as if never used. */
        uint64_t used = set[i].generation == generation ? set[i].used : 0;
        uint64_t least = victim->generation == generation ? victim->used : 0;
        victim = used < least ? &set[i] : victim;
    }
    alm_identity copy;
    void *block = block_of(identity, &copy);
    if (!block) {
        return;
    }
    alm_heap_free(victim->block);
    *victim = (cache_entry){*digest, generation, ++cache->uses, copy, block};
}
