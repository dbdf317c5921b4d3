#include "base/shared_store.h"

static void add(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

alm_shared_found alm_shared_get(alm_shared_store *store, alm_str key, alm_arena *arena,
                                alm_str *out)
{
    alm_assert(key.size >= 1 && key.size <= ALM_SHARED_KEY_BYTES_MAX);
    alm_shared_found found = store->ops->get(store, key, arena, out);
    add(found == ALM_SHARED_FOUND    ? &store->found
        : found == ALM_SHARED_ABSENT ? &store->absent
                                     : &store->failed);
    return found;
}

bool alm_shared_put(alm_shared_store *store, alm_str key, alm_str value)
{
    alm_assert(key.size >= 1 && key.size <= ALM_SHARED_KEY_BYTES_MAX);
    alm_assert(value.size > 0);
    if (value.size > ALM_SHARED_VALUE_BYTES_MAX) {
        return false;
    }
    if (!store->ops->put(store, key, value)) {
        add(&store->failed);
        return false;
    }
    return true;
}

alm_err alm_shared_care(alm_shared_store *store, alm_error *error)
{
    return store->ops->care(store, error);
}

alm_shared_counts alm_shared_count(const alm_shared_store *store)
{
    return (alm_shared_counts){atomic_load_explicit(&store->found, memory_order_relaxed),
                               atomic_load_explicit(&store->absent, memory_order_relaxed),
                               atomic_load_explicit(&store->failed, memory_order_relaxed)};
}

void alm_shared_destroy(alm_shared_store *store)
{
    if (store) {
        store->ops->destroy(store);
    }
}
