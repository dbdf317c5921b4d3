/* shared_memory.c: the twin in memory: a ring of entries, looked through one by one. */
#include <string.h>

#include "base/shared_store.h"
#include "base/thread.h"

typedef struct entry {
    char *bytes; /* key, then value; NULL: none */
    size_t key_size, value_size;
} entry;

typedef struct shared_memory {
    alm_shared_store store;
    alm_mutex lock;
    bool is_broken;
    entry *ring;
    size_t count, next;
} shared_memory;

static entry *find(const shared_memory *self, alm_str key)
{
    for (size_t i = 0; i < self->count; i++) {
        entry *e = &self->ring[i];
        if (e->bytes && e->key_size == key.size && memcmp(e->bytes, key.data, key.size) == 0) {
            return e;
        }
    }
    return NULL;
}

static alm_shared_found get(alm_shared_store *store, alm_str key, alm_arena *arena, alm_str *out)
{
    shared_memory *self = (shared_memory *)store;
    alm_mutex_lock(&self->lock);
    const entry *e = self->is_broken ? NULL : find(self, key);
    alm_shared_found found = self->is_broken ? ALM_SHARED_UNREACHED
                             : e             ? ALM_SHARED_FOUND
                                             : ALM_SHARED_ABSENT;
    if (e) {
        *out = (alm_str){alm_arena_copy_text(arena, e->bytes + e->key_size, e->value_size),
                         e->value_size};
    }
    alm_mutex_unlock(&self->lock);
    return found;
}

static bool put(alm_shared_store *store, alm_str key, alm_str value)
{
    shared_memory *self = (shared_memory *)store;
    void *bytes = NULL;
    if (alm_heap_try(key.size + value.size, &bytes, NULL) != ALM_OK) {
        return false;
    }
    memcpy(bytes, key.data, key.size);
    memcpy((char *)bytes + key.size, value.data, value.size);
    alm_mutex_lock(&self->lock);
    bool is_put = !self->is_broken;
    if (is_put) {
        entry *e = find(self, key);
        if (!e) {
            e = &self->ring[self->next];
            self->next = (self->next + 1) % self->count;
        }
        void *old = e->bytes;
        *e = (entry){bytes, key.size, value.size};
        bytes = old;
    }
    alm_mutex_unlock(&self->lock);
    alm_heap_free(bytes);
    return is_put;
}

static alm_err care(alm_shared_store *store, alm_error *error)
{
    shared_memory *self = (shared_memory *)store;
    alm_mutex_lock(&self->lock);
    bool is_broken = self->is_broken;
    alm_mutex_unlock(&self->lock);
    return is_broken ? alm_fail(error, ALM_ERR_IO, "memory: broken on purpose") : ALM_OK;
}

static void destroy(alm_shared_store *store)
{
    shared_memory *self = (shared_memory *)store;
    for (size_t i = 0; self->ring && i < self->count; i++) {
        alm_heap_free(self->ring[i].bytes);
    }
    alm_mutex_deinit(&self->lock);
    alm_heap_free(self->ring);
    alm_heap_free(self);
}

static const alm_shared_store_ops OPS = {"memory", get, put, care, destroy};

alm_err alm_shared_memory_create(size_t entries, alm_shared_store **out, alm_error *error)
{
    void *memory = NULL, *ring = NULL;
    alm_assert(entries > 0);
    ALM_TRY(alm_heap_try(sizeof(shared_memory), &memory, error));
    shared_memory *self = memory;
    self->store.ops = &OPS;
    self->count = entries;
    alm_mutex_init(&self->lock);
    alm_err code = alm_heap_try(entries * sizeof(entry), &ring, error);
    self->ring = ring;
    if (code != ALM_OK) {
        destroy(&self->store);
        return code;
    }
    *out = &self->store;
    return ALM_OK;
}

void alm_shared_memory_break(alm_shared_store *store, bool is_broken)
{
    shared_memory *self = (shared_memory *)store;
    alm_mutex_lock(&self->lock);
    self->is_broken = is_broken;
    alm_mutex_unlock(&self->lock);
}
