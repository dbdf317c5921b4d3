#include "batch/whole_file.h"

#include <string.h>

#include "base/hash.h"

#define NONCE_BYTES 8

/* Hidden and beside `path`, so that a rename is enough. */
static char *temporary_path(alm_arena *arena, const char *path)
{
    uint64_t nonce = 0;
    const char *slash = strrchr(path, '/');
    alm_random_bytes(&nonce, NONCE_BYTES);
    char *name = alm_arena_printf(arena, ".%s.%016llx.tmp", slash ? slash + 1 : path,
                                  (unsigned long long)nonce);
    return alm_path_join(arena, alm_path_directory(arena, path), name);
}

alm_err alm_whole_file_write(alm_fs *fs, const char *path, alm_whole_file_fill fill, void *context,
                             alm_error *error)
{
    alm_fs_stat stat;
    if (fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind != ALM_FS_FILE) {
        return alm_fail(error, ALM_ERR_IO, "cannot write %s: it is not an ordinary file", path);
    }
    alm_arena *arena = alm_arena_create(4096);
    char *temporary = temporary_path(arena, path);
    alm_err code = fill(context, temporary, error);
    if (code == ALM_OK) {
        code = fs->ops->rename(fs, temporary, path, error);
    }
    if (code != ALM_OK) {
        (void)fs->ops->unlink(fs, temporary, NULL);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err alm_whole_file_try(alm_fs *fs, const char *path, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    char *temporary = temporary_path(arena, path);
    alm_file *file = NULL;
    alm_error reason = {0};
    alm_err code = fs->ops->create(fs, temporary, &file, &reason);
    if (code == ALM_OK) {
        code = fs->ops->close(fs, file, error);
        (void)fs->ops->unlink(fs, temporary, NULL);
    } else if (!alm_fs_exists(fs, alm_path_directory(arena, path))) {
        code = alm_fail(error, ALM_ERR_NOT_FOUND, "cannot write %s: there is no folder %s; make it "
                        "first", path, alm_path_directory(arena, path));
    } else {
        code = alm_fail(error, code, "cannot write %s: %s", path, reason.message);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err alm_text_file_create(alm_fs *fs, const char *path, alm_text_file *out, alm_error *error)
{
    *out = (alm_text_file){.fs = fs};
    return fs->ops->create(fs, path, &out->file, error);
}

alm_err alm_text_file_write(void *context, alm_str bytes, alm_error *error)
{
    alm_text_file *to = context;
    return to->fs->ops->write(to->fs, to->file, bytes.data, bytes.size, error);
}

alm_err alm_text_file_close(alm_text_file *file, alm_err code, alm_error *error)
{
    alm_err closed = file->fs->ops->close(file->fs, file->file, code == ALM_OK ? error : NULL);
    return code == ALM_OK ? closed : code;
}
