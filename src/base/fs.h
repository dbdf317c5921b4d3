/* fs.h: the file operations that almanac needs, as an interface.
 *
 * Two implementations: alm_fs_real_create (POSIX) here and the memory twin of fs_memory.h; one
 * conformance suite (fs_conformance_test.c) runs over both. Paths use '/', relative ones are
 * relative to the working directory. Every write of a stored result goes through this interface, so
 * that tests can fail its n-th call, kill the process before it, or cut the power after it.
 *
 * Durability: data is safe after `sync` of the file *and* `sync_directory` of every directory whose
 * entry changed. A failed sync is final for that file: abandon it and write under a new name.
 *
 * Errors: ALM_ERR_NOT_FOUND, ALM_ERR_EXISTS, ALM_ERR_IO (message with path and reason; a full disk
 * and a missing permission are named as such). Thread safety: an alm_fs may be used from several
 * threads; an alm_file by one. */
#ifndef ALM_BASE_FS_H
#define ALM_BASE_FS_H

#include "base/env.h"
#include "base/hash.h"

typedef struct alm_file alm_file;

typedef enum alm_fs_kind { ALM_FS_FILE, ALM_FS_DIRECTORY, ALM_FS_OTHER } alm_fs_kind;

typedef struct alm_fs_entry {
    const char *name; /* in the arena given to `list` */
    alm_fs_kind kind;
} alm_fs_entry;

typedef struct alm_fs_stat {
    alm_fs_kind kind;
    uint64_t size_bytes;
    alm_instant modified;
} alm_fs_stat;

typedef struct alm_fs_ops {
    const char *name;
    /* Creates a new file for writing; ALM_ERR_EXISTS if the name is taken. */
    alm_err (*create)(alm_fs *fs, const char *path, alm_file **out, alm_error *error);
    alm_err (*open)(alm_fs *fs, const char *path, alm_file **out, alm_error *error);
    /* Writes all of it or fails. */
    alm_err (*write)(alm_fs *fs, alm_file *file, const void *data, size_t size, alm_error *error);
    /* Reads up to `size` bytes from the current position; *got == 0 at the end. */
    alm_err (*read)(alm_fs *fs, alm_file *file, void *data, size_t size, size_t *got,
                    alm_error *error);
    alm_err (*sync)(alm_fs *fs, alm_file *file, alm_error *error);
    /* Always releases the file; an error means that the data may not be there. */
    alm_err (*close)(alm_fs *fs, alm_file *file, alm_error *error);
    alm_err (*sync_directory)(alm_fs *fs, const char *path, alm_error *error);
    /* put-if-absent: a second name for the file; ALM_ERR_EXISTS if `to` is taken. */
    alm_err (*link)(alm_fs *fs, const char *from, const char *to, alm_error *error);
    /* Replaces `to` if it is there: for replaceable pointers only. */
    alm_err (*rename)(alm_fs *fs, const char *from, const char *to, alm_error *error);
    alm_err (*unlink)(alm_fs *fs, const char *path, alm_error *error);
    /* One level; ALM_ERR_EXISTS if it is there. */
    alm_err (*make_directory)(alm_fs *fs, const char *path, alm_error *error);
    alm_err (*remove_directory)(alm_fs *fs, const char *path, alm_error *error); /* empty only */
    /* Sorted by bytes, without "." and "..". A symbolic link is ALM_FS_OTHER here, so that removing
     * a tree never leaves it; `stat` follows the link. */
    alm_err (*list)(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                    size_t *count, alm_error *error);
    alm_err (*stat)(alm_fs *fs, const char *path, alm_fs_stat *out, alm_error *error);
    alm_err (*set_modified)(alm_fs *fs, const char *path, alm_instant when, alm_error *error);
    void (*destroy)(alm_fs *fs);
} alm_fs_ops;

struct alm_fs {
    const alm_fs_ops *ops;
};

ALM_NODISCARD alm_err alm_fs_real_create(alm_fs **out, alm_error *error);
void alm_fs_destroy(alm_fs *fs); /* takes NULL */

/* ---- built on the operations above, the same for every implementation ---- */

/* Makes `path` and its missing parents, and syncs each parent that gained an entry, also of a
 * folder that is there and empty: whoever made it may not have come so far. What is put into `path`
 * afterwards, and synced, is safe. */
ALM_NODISCARD alm_err alm_fs_make_directories(alm_fs *fs, const char *path, alm_error *error);
bool alm_fs_exists(alm_fs *fs, const char *path);
/* The whole file, NUL terminated behind its end, in `arena`; refuses more than `limit_bytes`. */
ALM_NODISCARD alm_err alm_fs_read_all(alm_fs *fs, const char *path, size_t limit_bytes,
                                      alm_arena *arena, alm_str *out, alm_error *error);

/* A file that several threads work on while it is read: whoever needs bytes that are not there yet
 * reads on, so that the disk is waited for beside other work. {.bytes} alone is a content that is
 * there already. */
typedef struct alm_fs_reading alm_fs_reading;
typedef struct alm_fs_content {
    alm_str bytes; /* until the end of reading: where they come, and how many are expected */
    alm_fs_reading *reading; /* NULL: all are there */
    alm_hash_begun hash;     /* of the bytes; one thread at a time */
    const alm_digest *digest; /* OPTIONAL: the hash, which is known already; borrowed */
} alm_fs_content;
/* Reads nothing yet. Errors of opening, and ALM_ERR_LIMIT; otherwise the end must follow, or
 * alm_fs_read_abandon, before the arena goes. */
ALM_NODISCARD alm_err alm_fs_read_begin(alm_fs *fs, const char *path, size_t limit_bytes,
                                        alm_arena *arena, alm_fs_content *out, alm_error *error);
/* From any thread: returns when the bytes before `end` are there; false when they do not come. */
bool alm_fs_read_on(const alm_fs_content *content, size_t end);
/* Reads on and hashes to the end of what is expected. */
void alm_fs_read_hash(alm_fs_content *content);
/* Reads what is left, NUL terminated as above, and closes. bytes: what the file really has; they
 * lie elsewhere when it grew meanwhile (the first ones are there still). ALM_ERR_IO, ALM_ERR_LIMIT:
 * then bytes is empty. Does nothing the second time. */
ALM_NODISCARD alm_err alm_fs_read_end(alm_fs_content *content, alm_error *error);
void alm_fs_read_abandon(alm_fs_content *content); /* closes; nothing after the end */
/* The end; two threads of the pool (may be NULL) read and hash. */
ALM_NODISCARD alm_err alm_fs_read_hashing(alm_pool *pool, alm_fs_content *content,
                                          alm_error *error);
/* Durable put-if-absent: temporary file beside `path`, write, sync, link, sync directory, unlink
 * the temporary name. ALM_ERR_EXISTS if `path` is taken (nothing changes then). */
ALM_NODISCARD alm_err alm_fs_publish(alm_fs *fs, const char *path, alm_str content,
                                     alm_error *error);
/* Not durable and may replace: for reports and other output that can be made again. */
ALM_NODISCARD alm_err alm_fs_write_all(alm_fs *fs, const char *path, alm_str content,
                                       alm_error *error);
/* Removes a folder and everything in it; a missing one is fine. */
ALM_NODISCARD alm_err alm_fs_remove_tree(alm_fs *fs, const char *path, alm_error *error);
/* "a/b" from "a" and "b"; `b` absolute gives b. In `arena`. */
char *alm_path_join(alm_arena *arena, const char *a, const char *b);
/* Directory part ("." if none), in `arena`. */
char *alm_path_directory(alm_arena *arena, const char *path);

#endif
