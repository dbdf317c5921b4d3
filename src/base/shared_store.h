/* shared_store.h: a store of keys and values that several processes share, as an interface: what is
 * put there may be gone at any time, and is gone after its time to live.
 *
 * Two implementations: Redis (shared_redis.h), and the twin here, in memory, for tests; one
 * conformance suite (shared_store_test.c) runs over both.
 *
 * A call takes a connection that is open and ends within the store's time limit, whatever the other
 * side does. Without one it ends at once: only `care` connects, and looks up names. So a thread
 * that must not wait loses one time limit for each connection when the other side stops answering,
 * and then nothing until `care` has reached it again.
 *
 * What comes back is what somebody wrote there: whoever can write to the store is trusted as far as
 * the caller does not check.
 *
 * Thread safety: get, put and count from any thread; care from one at a time; destroy when nobody
 * is inside. */
#ifndef ALM_BASE_SHARED_STORE_H
#define ALM_BASE_SHARED_STORE_H

#include <stdatomic.h>

#include "base/env.h"

#define ALM_SHARED_KEY_BYTES_MAX 256
#define ALM_SHARED_VALUE_BYTES_MAX ((size_t)1 << 20)

typedef struct alm_shared_store alm_shared_store;

typedef enum alm_shared_found {
    ALM_SHARED_FOUND,
    ALM_SHARED_ABSENT,
    ALM_SHARED_UNREACHED /* nobody could be asked, or what came was no answer */
} alm_shared_found;

typedef struct alm_shared_store_ops {
    const char *name;
    alm_shared_found (*get)(alm_shared_store *store, alm_str key, alm_arena *arena, alm_str *out);
    bool (*put)(alm_shared_store *store, alm_str key, alm_str value);
    alm_err (*care)(alm_shared_store *store, alm_error *error);
    void (*destroy)(alm_shared_store *store);
} alm_shared_store_ops;

typedef struct alm_shared_counts {
    uint64_t found, absent, failed; /* failed: of gets and puts */
} alm_shared_counts;

struct alm_shared_store {
    const alm_shared_store_ops *ops;
    _Atomic uint64_t found, absent, failed;
};

/* The value lies in `arena`, NUL terminated behind its end. A value above
 * ALM_SHARED_VALUE_BYTES_MAX counts as not there. A key has 1 to ALM_SHARED_KEY_BYTES_MAX bytes. */
alm_shared_found alm_shared_get(alm_shared_store *store, alm_str key, alm_arena *arena,
                                alm_str *out);
/* In place of what is there. A value has at least one byte. False: it is not there now, or nobody
 * knows; or it is too large. */
bool alm_shared_put(alm_shared_store *store, alm_str key, alm_str value);
/* Connects what is not connected. An error says that the store cannot be reached and why; calls
 * are still allowed. To be called once at the start and every second or so. */
ALM_NODISCARD alm_err alm_shared_care(alm_shared_store *store, alm_error *error);
alm_shared_counts alm_shared_count(const alm_shared_store *store);
void alm_shared_destroy(alm_shared_store *store); /* takes NULL */

/* The twin, of at most `entries` values, after which the oldest goes; nothing grows old. While
 * `alm_shared_memory_break` is true nobody is reached. */
ALM_NODISCARD alm_err alm_shared_memory_create(size_t entries, alm_shared_store **out,
                                               alm_error *error);
void alm_shared_memory_break(alm_shared_store *store, bool is_broken);

#endif
