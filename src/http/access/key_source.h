/* key_source.h: a file or URL whose content becomes an immutable object (a key set, the API keys),
 * read again from time to time and swapped without a lock for readers.
 *
 * The last good object stays when a later content cannot be had or is not accepted, and reading is
 * tried again after `retry_s`. Each accepted
 * new content has a new generation; the same bytes keep it. A generation read before `enter` is
 * never newer than the object entered, so what is derived from the object and kept with that
 * generation is stale as soon as the generation moves.
 *
 * Reading blocks, for as long as the deadline of a URL: it belongs to a thread of housekeeping, and
 * never to a request. A request that misses a key calls alm_key_source_want; the next refresh then
 * reads, though never earlier than `retry_s` after the read before, however often it is wanted.
 *
 * Thread safety: create, refresh and destroy by one thread at a time; want and generation by any;
 * enter and leave by one thread per worker. */
#ifndef ALM_HTTP_ACCESS_KEY_SOURCE_H
#define ALM_HTTP_ACCESS_KEY_SOURCE_H

#include "base/env.h"
#include "base/str.h"

typedef struct alm_key_source alm_key_source;

typedef struct alm_key_source_kind {
    size_t bytes_max;
    alm_err (*parse)(alm_str text, const char *name, void **out, alm_error *error);
    void (*destroy)(void *object);
} alm_key_source_kind;

typedef struct alm_key_source_place {
    alm_str location; /* a path, or a URL: https://, or http:// to this machine */
    bool is_url;
    alm_str ca_file;     /* PEM, of a URL; empty: the system's */
    uint32_t refresh_s;  /* >= 1: read again after this long */
    uint32_t retry_s;    /* >= 1: at least this long between two reads */
    uint32_t deadline_ms; /* of a URL */
} alm_key_source_place;

/* Reads for the first time. `env` and `kind` outlive the source; texts are copied.
 * ALM_ERR_CONFIG for a URL that is not protected; what reading and `parse` give. */
ALM_NODISCARD alm_err alm_key_source_open(const alm_env *env, const alm_key_source_kind *kind,
                                          const alm_key_source_place *place, int workers,
                                          alm_key_source **out, alm_error *error);
void alm_key_source_close(alm_key_source *source); /* takes NULL */

/* Reads when it is due; *changed (may be NULL) tells of a new generation. A failure leaves the last
 * good object. `now_ns` begins anywhere: the first call starts the clocks. */
ALM_NODISCARD alm_err alm_key_source_refresh(alm_key_source *source, uint64_t now_ns,
                                             bool *changed, alm_error *error);
void alm_key_source_want(alm_key_source *source);

uint64_t alm_key_source_generation(alm_key_source *source); /* from 1 */
const void *alm_key_source_enter(alm_key_source *source, int worker);
void alm_key_source_leave(alm_key_source *source, int worker);

#endif
