/* fs.c: what is built on the file operations, the same for every implementation. */
#include "base/fs.h"

#include <stdatomic.h>
#include <string.h>

#include "base/thread.h"

/* Random part of a temporary name: two processes must never choose the same one. */
#define NONCE_BYTES 8
#define READ_STEP_BYTES 65536
#define TOLD_BYTES ((size_t)256 << 10) /* that are read at once, while others work on more */

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

/* Somebody may have made the folder and been killed before the sync of its parent; then nothing is
 * in it, since everybody who puts something there has been here before. A parent that we may not
 * read is one in which nothing of ours was made: that ends with a sync, which needs as much. */
static alm_err keep_folder(alm_fs *fs, alm_arena *arena, const char *path, alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    const char *parent = alm_path_directory(arena, path);
    if (strcmp(parent, path) == 0 || /* the root, or where we are */
        fs->ops->list(fs, path, arena, &entry, &count, NULL) != ALM_OK || count > 0 ||
        fs->ops->list(fs, parent, arena, &entry, &count, NULL) != ALM_OK) {
        return ALM_OK;
    }
    return fs->ops->sync_directory(fs, parent, error);
}

static bool is_folder(alm_fs *fs, const char *path) {
    alm_fs_stat stat;
    return fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind == ALM_FS_DIRECTORY;
}

static alm_err make_missing(alm_fs *fs, alm_arena *arena, const char *path, alm_error *error) {
    char *part = alm_arena_copy_text(arena, path, strlen(path));
    alm_err code = ALM_OK;
    bool is_first = true;
    for (char *end = part; code == ALM_OK && *end != '\0';) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char kept = *end;
        *end = '\0';
        /* Asking first spares a mkdir in folders that we may only walk through. */
        if (!is_folder(fs, part)) {
            code = is_first ? keep_folder(fs, arena, alm_path_directory(arena, part), error)
                            : ALM_OK;
            code = code == ALM_OK ? make_one(fs, arena, part, error) : code;
            is_first = false;
        }
        *end = kept;
    }
    return code;
}

alm_err alm_fs_make_directories(alm_fs *fs, const char *path, alm_error *error) {
    alm_arena *arena = alm_arena_create(1024);
    /* The usual case, and the only one in which the parents need not be readable. */
    alm_err code = is_folder(fs, path) ? keep_folder(fs, arena, path, error)
                                       : make_missing(fs, arena, path, error);
    alm_arena_destroy(arena);
    return code;
}

/* ---- reading ---- */

struct alm_fs_reading {
    alm_fs *fs;
    alm_file *file;
    const char *path;
    size_t limit_bytes;
    alm_arena *arena;
    char *data;      /* room for `expected` bytes and a NUL */
    size_t expected; /* as the file system said */
    atomic_size_t there; /* of them, from the first on */
    alm_mutex mutex;     /* whoever has it reads on; over what follows, too */
    bool has_ended;      /* before `expected` */
    alm_err code;
    alm_error error;
};

alm_err alm_fs_read_begin(alm_fs *fs, const char *path, size_t limit_bytes, alm_arena *arena,
                          alm_fs_content *out, alm_error *error)
{
    alm_fs_stat stat;
    void *block = NULL;
    ALM_TRY(fs->ops->stat(fs, path, &stat, error));
    if (stat.size_bytes > limit_bytes) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %llu bytes, larger than the limit of %zu bytes",
                        path, (unsigned long long)stat.size_bytes, limit_bytes);
    }
    alm_fs_reading *r = ALM_NEW(arena, alm_fs_reading);
    *r = (alm_fs_reading){.fs = fs, .limit_bytes = limit_bytes, .arena = arena,
                          .expected = (size_t)stat.size_bytes};
    r->path = alm_arena_copy_text(arena, path, strlen(path));
    ALM_TRY(fs->ops->open(fs, path, &r->file, error));
    alm_err code = alm_arena_try_alloc(arena, r->expected + 1, &block, error);
    if (code != ALM_OK) {
        (void)fs->ops->close(fs, r->file, NULL);
        return code;
    }
    r->data = block;
    alm_mutex_init(&r->mutex);
    *out = (alm_fs_content){.bytes = {r->data, r->expected}, .reading = r};
    return ALM_OK;
}

/* Reads `most` further bytes or fewer; false when there are none, or cannot be read. */
static bool read_some(alm_fs_reading *r, size_t most)
{
    size_t there = atomic_load_explicit(&r->there, memory_order_relaxed);
    size_t room = r->expected - there, got = 0;
    if (r->code != ALM_OK || r->has_ended || room == 0) {
        return false;
    }
    r->code = r->fs->ops->read(r->fs, r->file, r->data + there, room < most ? room : most, &got,
                               &r->error);
    r->has_ended = r->code == ALM_OK && got == 0;
    atomic_store_explicit(&r->there, there + got, memory_order_release);
    return got > 0;
}

bool alm_fs_read_on(const alm_fs_content *content, size_t end)
{
    alm_fs_reading *r = content->reading;
    bool more = end <= content->bytes.size;
    if (r == NULL) {
        return more;
    }
    while (more && atomic_load_explicit(&r->there, memory_order_acquire) < end) {
        alm_mutex_lock(&r->mutex);
        more = atomic_load_explicit(&r->there, memory_order_relaxed) >= end ||
               read_some(r, TOLD_BYTES);
        alm_mutex_unlock(&r->mutex);
    }
    return more;
}

/* What lies behind the bytes that were expected, into a block that doubles. */
static alm_err read_behind(alm_fs_reading *r, alm_str *bytes, alm_error *error)
{
    size_t capacity = r->expected + 1, size = r->expected;
    void *block = NULL;
    char *data = r->data;
    for (;;) {
        /* With the block full, one more byte tells the end from a file that grew. */
        char probe;
        bool is_full = size == capacity - 1;
        size_t got = 0;
        ALM_TRY(r->fs->ops->read(r->fs, r->file, is_full ? &probe : data + size,
                                 is_full ? 1 : capacity - 1 - size, &got, error));
        if (got == 0) {
            break;
        }
        if (is_full) {
            capacity = 2 * capacity + READ_STEP_BYTES;
            ALM_TRY(alm_arena_try_alloc(r->arena, capacity, &block, error));
            memcpy(block, data, size);
            data = block;
            data[size] = probe;
        }
        size += got;
        if (size > r->limit_bytes) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s: larger than the limit of %zu bytes",
                            r->path, r->limit_bytes);
        }
    }
    *bytes = (alm_str){data, size};
    return ALM_OK;
}

static alm_err read_rest(alm_fs_reading *r, alm_str *bytes, alm_error *error)
{
    while (read_some(r, SIZE_MAX)) {
    }
    if (r->code != ALM_OK) {
        if (error != NULL) {
            *error = r->error;
        }
        return r->code;
    }
    *bytes = (alm_str){r->data, atomic_load_explicit(&r->there, memory_order_relaxed)};
    if (!r->has_ended) {
        ALM_TRY(read_behind(r, bytes, error));
    }
    ((char *)bytes->data)[bytes->size] = '\0';
    return ALM_OK;
}

/* Closing a file that was only read cannot lose anything. */
static alm_err close_reading(alm_fs_content *content, alm_error *error)
{
    alm_fs_reading *r = content->reading;
    content->reading = NULL;
    alm_mutex_deinit(&r->mutex);
    return r->fs->ops->close(r->fs, r->file, error);
}

alm_err alm_fs_read_end(alm_fs_content *content, alm_error *error)
{
    if (content->reading == NULL) {
        return ALM_OK;
    }
    alm_str bytes = {NULL, 0};
    alm_err code = read_rest(content->reading, &bytes, error);
    alm_err closed = close_reading(content, code == ALM_OK ? error : NULL);
    code = code == ALM_OK ? closed : code;
    content->bytes = code == ALM_OK ? bytes : (alm_str){NULL, 0};
    return code;
}

void alm_fs_read_abandon(alm_fs_content *content)
{
    if (content->reading != NULL) {
        (void)close_reading(content, NULL);
        content->bytes = (alm_str){NULL, 0};
    }
}

alm_err alm_fs_read_all(alm_fs *fs, const char *path, size_t limit_bytes, alm_arena *arena,
                        alm_str *out, alm_error *error)
{
    alm_fs_content content;
    ALM_TRY(alm_fs_read_begin(fs, path, limit_bytes, arena, &content, error));
    ALM_TRY(alm_fs_read_end(&content, error));
    *out = content.bytes;
    return ALM_OK;
}

void alm_fs_read_hash(alm_fs_content *content)
{
    size_t size = content->bytes.size, end = content->hash.done;
    while (end < size) {
        end = size - end > TOLD_BYTES ? end + TOLD_BYTES : size;
        if (!alm_fs_read_on(content, end)) {
            return; /* the rest of what there is comes at the end */
        }
        alm_hash_go_on(&content->hash, content->bytes, end);
    }
}

/* Two tasks: one hashes what is there, the other sees to it that it is. */
static alm_err read_or_hash(void *context, size_t task, int worker, alm_error *error)
{
    alm_fs_content *content = context;
    (void)worker;
    (void)error; /* what cannot be read is said at the end */
    if (task > 0) {
        (void)alm_fs_read_on(content, content->bytes.size);
    } else {
        alm_fs_read_hash(content);
    }
    return ALM_OK;
}

alm_err alm_fs_read_hashing(alm_pool *pool, alm_fs_content *content, alm_error *error)
{
    ALM_TRY(alm_pool_run(pool, 2, read_or_hash, content, error));
    return alm_fs_read_end(content, error);
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
