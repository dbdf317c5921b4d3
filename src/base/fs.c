/* fs.c: what is built on the file operations, the same for every implementation. */
#include "base/fs.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* Random part of a temporary name: two processes must never choose the same one. */
#define NONCE_BYTES 8
#define READ_STEP_BYTES 65536
#define TOLD_BYTES ((size_t)256 << 10) /* that are read before another thread hashes them */

void alm_fs_destroy(alm_fs *fs) {
    if (fs != NULL) {
        fs->ops->destroy(fs);
    }
}

char *alm_path_join(alm_arena *arena, const char *a, const char *b) {
    size_t length = strlen(a);
    if (b[0] == '/' || length == 0) {
        return alm_arena_copy_text(arena, b, strlen(b));
    }
    return alm_arena_printf(arena, "%s%s%s", a, a[length - 1] == '/' ? "" : "/", b);
}

char *alm_path_directory(alm_arena *arena, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    if (length == 0) {
        return alm_arena_copy_text(arena, ".", 1);
    }
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    return alm_arena_copy_text(arena, path, length);
}

static const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Beside `path` and hidden, so that listings of results and other engines' cleaning skip it. */
static char *temporary_path(alm_arena *arena, const char *path) {
    uint8_t nonce[NONCE_BYTES];
    char text[2 * NONCE_BYTES + 1];
    alm_random_bytes(nonce, sizeof nonce);
    for (size_t i = 0; i < NONCE_BYTES; i++) {
        text[2 * i] = "0123456789abcdef"[nonce[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[nonce[i] & 15];
    }
    text[2 * NONCE_BYTES] = '\0';
    char *name = alm_arena_printf(arena, ".%s.%s.tmp", path_base(path), text);
    return alm_path_join(arena, alm_path_directory(arena, path), name);
}

bool alm_fs_exists(alm_fs *fs, const char *path) {
    alm_fs_stat stat;
    return fs->ops->stat(fs, path, &stat, NULL) == ALM_OK;
}

static alm_err make_one(alm_fs *fs, alm_arena *arena, const char *path, alm_error *error) {
    alm_err code = fs->ops->make_directory(fs, path, error);
    if (code == ALM_OK) {
        return fs->ops->sync_directory(fs, alm_path_directory(arena, path), error);
    }
    if (code != ALM_ERR_EXISTS) {
        return code;
    }
    alm_fs_stat stat;
    ALM_TRY(fs->ops->stat(fs, path, &stat, error));
    if (stat.kind != ALM_FS_DIRECTORY) {
        return alm_fail(error, ALM_ERR_EXISTS,
                        "%s: a file of this name is in the place of a folder", path);
    }
    alm_error_clear(error);
    return ALM_OK;
}

alm_err alm_fs_make_directories(alm_fs *fs, const char *path, alm_error *error) {
    /* The usual case, and the only one in which the parents need not be readable. */
    alm_fs_stat stat;
    if (fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind == ALM_FS_DIRECTORY) {
        return ALM_OK;
    }
    alm_arena *arena = alm_arena_create(1024);
    char *part = alm_arena_copy_text(arena, path, strlen(path));
    alm_err code = ALM_OK;
    for (char *end = part; code == ALM_OK && *end != '\0';) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        alm_fs_stat there;
        /* Asking first spares a mkdir in folders that we may only walk through. */
        bool is_there = fs->ops->stat(fs, part, &there, NULL) == ALM_OK;
        if (!is_there || there.kind != ALM_FS_DIRECTORY) {
            code = make_one(fs, arena, part, error);
        }
        *end = kept;
    }
    alm_arena_destroy(arena);
    return code;
}

/* What a thread that reads tells another one. */
typedef struct reading {
    const char *data; /* set before `size` is, and not changed */
    atomic_size_t size;
    atomic_bool has_ended;
} reading;

typedef struct open_read {
    alm_fs *fs;
    alm_file *file;
    const char *path;
    size_t limit_bytes;
    reading *told; /* NULL: nobody */
} open_read;

static void tell(reading *told, const char *data, size_t size)
{
    if (told != NULL && told->data == NULL) {
        told->data = data;
    }
    if (told != NULL && told->data == data) { /* else it moved: the other one has the rest later */
        atomic_store_explicit(&told->size, size, memory_order_release);
    }
}

/* Reads to the end into an arena block that doubles when the file is longer than expected. */
static alm_err read_to_end(const open_read *from, size_t expected, alm_arena *arena, alm_str *out,
                           alm_error *error) {
    const alm_fs_ops *ops = from->fs->ops;
    size_t capacity = expected + 1;
    size_t size = 0;
    void *block = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, capacity, &block, error));
    char *data = block;
    for (;;) {
        /* With the block full, one more byte tells the end from a file that grew. */
        char probe;
        bool is_full = size == capacity - 1;
        char *into = is_full ? &probe : data + size;
        size_t got = 0;
        size_t room = is_full ? 1 : capacity - 1 - size;
        room = from->told != NULL && room > TOLD_BYTES ? TOLD_BYTES : room;
        ALM_TRY(ops->read(from->fs, from->file, into, room, &got, error));
        if (got == 0) {
            break;
        }
        if (is_full) {
            capacity = 2 * capacity + READ_STEP_BYTES;
            ALM_TRY(alm_arena_try_alloc(arena, capacity, &block, error));
            memcpy(block, data, size);
            data = block;
            data[size] = probe;
        }
        size += got;
        tell(from->told, data, size);
        if (size > from->limit_bytes) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s: larger than the limit of %zu bytes",
                            from->path, from->limit_bytes);
        }
    }
    data[size] = '\0';
    *out = (alm_str){data, size};
    return ALM_OK;
}

static alm_err read_whole(const open_read *whole, alm_arena *arena, alm_str *out,
                          alm_error *error)
{
    alm_fs *fs = whole->fs;
    const char *path = whole->path;
    size_t limit_bytes = whole->limit_bytes;
    alm_fs_stat stat;
    ALM_TRY(fs->ops->stat(fs, path, &stat, error));
    if (stat.size_bytes > limit_bytes) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %llu bytes, larger than the limit of %zu bytes",
                        path, (unsigned long long)stat.size_bytes, limit_bytes);
    }
    alm_file *file = NULL;
    ALM_TRY(fs->ops->open(fs, path, &file, error));
    alm_str text = {NULL, 0};
    open_read from = *whole;
    from.file = file;
    alm_err code = read_to_end(&from, (size_t)stat.size_bytes, arena, &text, error);
    /* Closing a file that was only read cannot lose anything. */
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    code = code == ALM_OK ? closed : code;
    if (code == ALM_OK) {
        *out = text;
    }
    return code;
}

alm_err alm_fs_read_all(alm_fs *fs, const char *path, size_t limit_bytes, alm_arena *arena,
                        alm_str *out, alm_error *error)
{
    open_read whole = {.fs = fs, .path = path, .limit_bytes = limit_bytes};
    return read_whole(&whole, arena, out, error);
}

typedef struct hashing {
    open_read whole;
    reading told;
    alm_arena *arena;
    alm_fs_content content;
} hashing;

static void hash_what_is_there(hashing *h)
{
    const struct timespec moment = {0, 50000};
    while (!atomic_load_explicit(&h->told.has_ended, memory_order_acquire)) {
        size_t size = atomic_load_explicit(&h->told.size, memory_order_acquire);
        size_t done = h->content.hash.done;
        if (size > done) {
            size = size - done > TOLD_BYTES ? done + TOLD_BYTES : size;
            alm_hash_go_on(&h->content.hash, (alm_str){h->told.data, size}, size);
        } else {
            (void)nanosleep(&moment, NULL);
        }
    }
}

/* Task 0 has begun when another thread takes task 1. */
static alm_err read_or_hash(void *context, size_t task, int worker, alm_error *error)
{
    hashing *h = context;
    (void)worker;
    if (task > 0) {
        hash_what_is_there(h);
        return ALM_OK;
    }
    alm_err code = read_whole(&h->whole, h->arena, &h->content.bytes, error);
    atomic_store_explicit(&h->told.has_ended, true, memory_order_release);
    return code;
}

alm_err alm_fs_read_hashing(const alm_env *env, const char *path, size_t limit_bytes,
                            alm_arena *arena, alm_fs_content *out, alm_error *error)
{
    hashing h = {.whole = {.fs = env->fs, .path = path, .limit_bytes = limit_bytes},
                 .arena = arena};
    if (alm_pool_threads(env->pool) > 1) {
        h.whole.told = &h.told;
        ALM_TRY(alm_pool_run(env->pool, 2, read_or_hash, &h, error));
    } else {
        ALM_TRY(read_whole(&h.whole, arena, &h.content.bytes, error));
    }
    *out = h.content;
    return ALM_OK;
}

static alm_err write_new(alm_fs *fs, const char *path, alm_str content, bool durable,
                         alm_error *error) {
    alm_file *file = NULL;
    ALM_TRY(fs->ops->create(fs, path, &file, error));
    alm_err code = ALM_OK;
    if (content.size > 0) {
        code = fs->ops->write(fs, file, content.data, content.size, error);
    }
    if (code == ALM_OK && durable) {
        code = fs->ops->sync(fs, file, error);
    }
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    code = code == ALM_OK ? closed : code;
    if (code != ALM_OK) {
        (void)fs->ops->unlink(fs, path, NULL);
    }
    return code;
}

alm_err alm_fs_publish(alm_fs *fs, const char *path, alm_str content, alm_error *error) {
    alm_arena *arena = alm_arena_create(1024);
    char *temporary = temporary_path(arena, path);
    alm_err code = write_new(fs, temporary, content, true, error);
    if (code == ALM_OK) {
        code = fs->ops->link(fs, temporary, path, error);
        /* Also when the name is taken: who published it may have been killed before this sync,
         * and the caller will rely on the file being there. */
        if (code == ALM_OK || code == ALM_ERR_EXISTS) {
            alm_err synced = fs->ops->sync_directory(fs, alm_path_directory(arena, path), error);
            code = synced != ALM_OK ? synced : code;
        }
        /* A leftover temporary name is harmless, so its removal may fail. */
        (void)fs->ops->unlink(fs, temporary, NULL);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err alm_fs_write_all(alm_fs *fs, const char *path, alm_str content, alm_error *error) {
    alm_fs_stat stat;
    if (fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind != ALM_FS_FILE) {
        return alm_fail(error, ALM_ERR_IO, "cannot write %s: it is not an ordinary file", path);
    }
    alm_arena *arena = alm_arena_create(1024);
    char *temporary = temporary_path(arena, path);
    alm_err code = write_new(fs, temporary, content, false, error);
    if (code == ALM_OK) {
        /* A reader sees the old text or the new, never half of it. */
        code = fs->ops->rename(fs, temporary, path, error);
        if (code != ALM_OK) {
            (void)fs->ops->unlink(fs, temporary, NULL);
        }
    } else {
        code = alm_error_wrap(error, code, "writing %s", path);
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err remove_below(alm_fs *fs, const char *path, alm_arena *arena, alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    ALM_TRY(fs->ops->list(fs, path, arena, &entry, &count, error));
    for (size_t i = 0; i < count; i++) {
        char *child = alm_path_join(arena, path, entry[i].name);
        if (entry[i].kind == ALM_FS_DIRECTORY) {
            ALM_TRY(remove_below(fs, child, arena, error));
        } else {
            ALM_TRY(fs->ops->unlink(fs, child, error));
        }
    }
    return fs->ops->remove_directory(fs, path, error);
}

alm_err alm_fs_remove_tree(alm_fs *fs, const char *path, alm_error *error) {
    alm_fs_stat stat;
    alm_err code = fs->ops->stat(fs, path, &stat, error);
    if (code == ALM_ERR_NOT_FOUND) {
        alm_error_clear(error);
        return ALM_OK;
    }
    if (code != ALM_OK) {
        return code;
    }
    if (stat.kind != ALM_FS_DIRECTORY) {
        return fs->ops->unlink(fs, path, error);
    }
    alm_arena *arena = alm_arena_create(0);
    code = remove_below(fs, path, arena, error);
    alm_arena_destroy(arena);
    return code;
}
