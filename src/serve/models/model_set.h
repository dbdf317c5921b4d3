/* model_set.h: the models that a server answers with, by name and version.
 *
 * READERS. A snapshot of all models is immutable and hangs on one atomic pointer. A reader
 * announces itself in the slot of its worker (a cache line of its own), reads the pointer, and
 * leaves when its answer is made: no lock, no allocation, no write that another worker reads.
 * Everything that a snapshot names stays valid until alm_model_set_leave.
 *
 * WRITERS. Loading and unloading happen in the caller's thread, which must not be one that readers
 * wait for. A new snapshot is published, then the writer waits until every reader of the old one
 * has left, and destroys what nothing names any more; so a reader never frees anything, and a swap
 * costs it nothing. Writers wait for each other; models are opened and warmed outside of that, so a
 * slow load delays no other. A load that fails leaves what was there before, with the reason.
 *
 * WHICH VERSION. A request names one, or takes the name's default: the version that
 * alm_model_set_choose said last, until then the one that was declared first. An unloaded default
 * is not replaced by another version in silence.
 *
 * A model is a scorer (model/scorer/scorer.h); a file of another library is one of one member. It
 * has an arena, and its memory goes back to the system when it is destroyed.
 *
 * Readers: one thread for each worker number at a time. Writers: any number of threads. */
#ifndef ALM_SERVE_MODEL_SET_H
#define ALM_SERVE_MODEL_SET_H

#include "base/hash.h"
#include "model/scorer/scorer.h"

#define ALM_MODEL_SET_WORKERS_MAX 256
#define ALM_MODEL_SET_MODELS_MAX 4096
#define ALM_MODEL_REASON_BYTES 512

typedef struct alm_model_set alm_model_set;
typedef struct alm_served_model alm_served_model; /* immutable but for its counters */

/* ---- where models come from ---- */

typedef struct alm_opened_model {
    alm_scorer *scorer; /* taken over */
    alm_digest digest;  /* of a model file its bytes, else of the scorer's document */
    alm_str format;     /* "LightGBM", ..., "scorer"; this and the next in the arena */
    alm_str description; /* "model.txt (LightGBM, 100 trees, sha256 ab12cd34ef56)" */
    bool approved;
} alm_opened_model;

/* How one model is opened. */
typedef struct alm_model_source {
    /* In the loading thread, with an arena that becomes the model's. */
    alm_err (*open)(void *context, alm_str name, alm_arena *arena, alm_opened_model *out,
                    alm_error *error);
    void *context; /* borrowed as long as the set lives */
} alm_model_source;

/* ---- a snapshot ---- */

typedef enum alm_model_state {
    ALM_MODEL_UNAVAILABLE, /* the reason says why: not loaded yet, unloaded, failed */
    ALM_MODEL_LOADING,     /* for the first time; one that is loaded again stays READY */
    ALM_MODEL_READY
} alm_model_state;

const char *alm_model_state_text(alm_model_state state); /* "READY", as the OIP says it */

typedef struct alm_model_entry {
    alm_str name, version;
    alm_model_state state;
    alm_str reason; /* empty: none; of one that is READY, why the last load failed */
    bool is_default;
    const alm_served_model *model; /* when READY, else NULL */
} alm_model_entry;

typedef struct alm_model_snapshot {
    const alm_model_entry *entry; /* by name, then by version: numbers as numbers, others after */
    size_t count;
    uint64_t number; /* one more than that of the snapshot before */
} alm_model_snapshot;

/* Everything borrowed from the model. */
typedef struct alm_served_info {
    alm_str name, version, format, description;
    char digest[ALM_DIGEST_TEXT_BYTES];
    bool approved;
    alm_str notice; /* "unapproved: ...", which stands beside every answer; empty when approved */
    const alm_scorer_info *scorer;
} alm_served_info;

const alm_served_info *alm_served_model_describe(const alm_served_model *model);

/* An empty version: the default. ALM_ERR_NOT_FOUND: no such model or version, or a name whose
 * default is not there. NOT_FOUND says which versions there are. The entry may be of any state. */
ALM_NODISCARD alm_err alm_model_snapshot_find(const alm_model_snapshot *snapshot, alm_str name,
                                              alm_str version, const alm_model_entry **out,
                                              alm_error *error);
/* The same, for an answer: ALM_ERR_INCOMPLETE when it is not READY, with its reason. */
ALM_NODISCARD alm_err alm_model_snapshot_ready(const alm_model_snapshot *snapshot, alm_str name,
                                               alm_str version, const alm_served_model **out,
                                               alm_error *error);

/* ---- readers ---- */

/* Calls of one worker pair up and do not nest. */
const alm_model_snapshot *alm_model_set_enter(alm_model_set *set, size_t worker);
void alm_model_set_leave(alm_model_set *set, size_t worker);

/* ---- writers ---- */

/* `workers`: 1 to ALM_MODEL_SET_WORKERS_MAX, numbered from 0. */
ALM_NODISCARD alm_err alm_model_set_create(size_t workers, alm_model_set **out, alm_error *error);
/* Takes NULL; no reader is inside. */
void alm_model_set_destroy(alm_model_set *set);
size_t alm_model_set_workers(const alm_model_set *set);

/* Called in the writer's thread for every model that nobody reads any more, before it is destroyed:
 * unloaded, or followed by another; not while one of the same content is served. Said once, before
 * the server starts. */
typedef void (*alm_model_gone)(void *context, const alm_served_info *info);
void alm_model_set_watch(alm_model_set *set, alm_model_gone gone, void *context);

/* Makes a model known; nothing is opened. Name and version (copied) are safe names (base/str.h),
 * else ALM_ERR_INVALID; ALM_ERR_EXISTS; ALM_ERR_LIMIT above ALM_MODEL_SET_MODELS_MAX. */
ALM_NODISCARD alm_err alm_model_set_declare(alm_model_set *set, alm_str name, alm_str version,
                                            const alm_model_source *source, alm_error *error);
/* Opens a declared model (an empty version: the default), makes every worker's memory, answers one
 * row for each to touch it all, and swaps it in. Errors of `open`: then the entry says so, and what
 * was READY stays. ALM_ERR_NOT_FOUND; ALM_ERR_CONFLICT while it is being loaded elsewhere. */
ALM_NODISCARD alm_err alm_model_set_load(alm_model_set *set, alm_str name, alm_str version,
                                         alm_error *error);
/* Is it there and READY? */
bool alm_model_set_has(alm_model_set *set, alm_str name, alm_str version);
/* The entry stays, UNAVAILABLE. Unloading what is not loaded is no error. ALM_ERR_NOT_FOUND;
 * ALM_ERR_CONFLICT while it is being loaded. */
ALM_NODISCARD alm_err alm_model_set_unload(alm_model_set *set, alm_str name, alm_str version,
                                           alm_error *error);
/* The version that requests without one get. ALM_ERR_NOT_FOUND. */
ALM_NODISCARD alm_err alm_model_set_choose(alm_model_set *set, alm_str name, alm_str version,
                                           alm_error *error);

#endif
