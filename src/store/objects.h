/* objects.h: immutable content under its own SHA-256.
 *
 * An object is put once and never changes; putting it again finds it there. The interface is what
 * an object store offers too: put if absent, get, list. The folder implementation keeps the object
 * with digest abcdef... as ROOT/ab/cdef...; over the file system in memory it is the test twin.
 *
 * A put that returned ALM_OK survives a power cut. Every get recomputes the digest, so a damaged
 * object is ALM_ERR_CORRUPT, never wrong bytes. Thread safety: any number of threads and processes
 * may use one store; of two that put the same content both succeed. */
#ifndef ALM_STORE_OBJECTS_H
#define ALM_STORE_OBJECTS_H

#include "base/fs.h"
#include "base/hash.h"

/* What goes into a store: bytes, or the file at `path` when it is not NULL. */
typedef struct alm_content {
    const char *path;
    alm_str bytes;
} alm_content;

typedef struct alm_objects alm_objects;

typedef struct alm_objects_ops {
    const char *name;
    /* A file is streamed. */
    alm_err (*put)(alm_objects *objects, const alm_content *content, alm_digest *out,
                   alm_error *error);
    alm_err (*get)(alm_objects *objects, const alm_digest *digest, size_t limit_bytes,
                   alm_arena *arena, alm_str *out, alm_error *error);
    /* A path that other libraries can open, after the content was verified. */
    alm_err (*locate)(alm_objects *objects, const alm_digest *digest, alm_arena *arena,
                      const char **out, alm_error *error);
    /* ALM_OK, or ALM_ERR_NOT_FOUND; does not read the content. */
    alm_err (*find)(alm_objects *objects, const alm_digest *digest, uint64_t *size_bytes,
                    alm_error *error);
    /* All digests, ascending. */
    alm_err (*list)(alm_objects *objects, alm_arena *arena, alm_digest **out, size_t *count,
                    alm_error *error);
    /* Removes what interrupted puts left behind before `before`. */
    alm_err (*clean)(alm_objects *objects, alm_instant before, size_t *removed, alm_error *error);
    void (*close)(alm_objects *objects);
} alm_objects_ops;

struct alm_objects {
    const alm_objects_ops *ops;
};

/* Opens the store in folder `root`, making it if it is missing. `fs` is borrowed. */
ALM_NODISCARD alm_err alm_objects_folder_open(alm_fs *fs, const char *root, alm_objects **out,
                                              alm_error *error);
void alm_objects_close(alm_objects *objects); /* takes NULL */

ALM_NODISCARD alm_err alm_objects_put(alm_objects *objects, alm_str bytes, alm_digest *out,
                                      alm_error *error);
/* Copies the file; the caller may remove it afterwards. */
ALM_NODISCARD alm_err alm_objects_put_file(alm_objects *objects, const char *path, alm_digest *out,
                                           alm_error *error);
ALM_NODISCARD alm_err alm_objects_get(alm_objects *objects, const alm_digest *digest,
                                      size_t limit_bytes, alm_arena *arena, alm_str *out,
                                      alm_error *error);
ALM_NODISCARD alm_err alm_objects_locate(alm_objects *objects, const alm_digest *digest,
                                         alm_arena *arena, const char **out, alm_error *error);
ALM_NODISCARD alm_err alm_objects_find(alm_objects *objects, const alm_digest *digest,
                                       uint64_t *size_bytes, alm_error *error);
ALM_NODISCARD alm_err alm_objects_list(alm_objects *objects, alm_arena *arena, alm_digest **out,
                                       size_t *count, alm_error *error);
ALM_NODISCARD alm_err alm_objects_clean(alm_objects *objects, alm_instant before, size_t *removed,
                                        alm_error *error);

#endif
