#include "store/staging.h"

#define PIECE_BYTES ((size_t)256 * 1024)
#define NONCE_WORDS 2

static char *unique_path(alm_arena *arena, const char *folder) {
    uint64_t nonce[NONCE_WORDS];
    alm_random_bytes(nonce, sizeof nonce);
    return alm_arena_printf(arena, "%s/%016llx%016llx.tmp", folder, (unsigned long long)nonce[0],
                            (unsigned long long)nonce[1]);
}

/* Reads `path` piece by piece into the hash and, if `stage` is given, into the staged file. */
static alm_err pump(alm_fs *fs, const char *path, alm_hash *hash, uint64_t *size_bytes,
                    almi_stage *stage, alm_error *error) {
    alm_file *from = NULL;
    void *piece = NULL;
    ALM_TRY(alm_heap_try(PIECE_BYTES, &piece, error));
    alm_err code = fs->ops->open(fs, path, &from, error);
    if (code != ALM_OK) {
        alm_heap_free(piece);
        return code;
    }
    uint64_t total = 0;
    for (;;) {
        size_t got = 0;
        code = fs->ops->read(fs, from, piece, PIECE_BYTES, &got, error);
        if (code != ALM_OK || got == 0) {
            break;
        }
        alm_hash_update(hash, piece, got);
        total += got;
        if (stage != NULL) {
            code = fs->ops->write(fs, stage->file, piece, got, error);
            if (code != ALM_OK) {
                break;
            }
        }
    }
    alm_err closed = fs->ops->close(fs, from, code == ALM_OK ? error : NULL);
    alm_heap_free(piece);
    code = code == ALM_OK ? closed : code;
    if (code == ALM_OK) {
        *size_bytes = total;
    }
    return code;
}

static alm_err copy_in(almi_stage *stage, const alm_content *content, alm_error *error) {
    alm_fs *fs = stage->fs;
    alm_hash hash;
    alm_hash_init(&hash);
    if (content->path != NULL) {
        ALM_TRY(pump(fs, content->path, &hash, &stage->size_bytes, stage, error));
    } else {
        alm_hash_update(&hash, content->bytes.data, content->bytes.size);
        stage->size_bytes = content->bytes.size;
        if (content->bytes.size > 0) {
            ALM_TRY(
                fs->ops->write(fs, stage->file, content->bytes.data, content->bytes.size, error));
        }
    }
    stage->digest = alm_hash_final(&hash);
    return ALM_OK;
}

alm_err almi_stage_begin(alm_fs *fs, const char *folder, const alm_content *content,
                         alm_arena *arena, almi_stage *out, alm_error *error) {
    almi_stage stage = {.fs = fs, .path = unique_path(arena, folder)};
    alm_err code = fs->ops->create(fs, stage.path, &stage.file, error);
    if (code == ALM_ERR_NOT_FOUND) { /* the first use, or somebody tidied the folder away */
        code = fs->ops->make_directory(fs, folder, error);
        if (code != ALM_OK && code != ALM_ERR_EXISTS) {
            return code;
        }
        alm_error_clear(error);
        code = fs->ops->create(fs, stage.path, &stage.file, error);
    }
    if (code != ALM_OK) {
        return code;
    }
    code = copy_in(&stage, content, error);
    if (code != ALM_OK) {
        almi_stage_drop(&stage);
        return code;
    }
    *out = stage;
    return ALM_OK;
}

alm_err almi_stage_finish(almi_stage *stage, alm_instant modified, alm_error *error) {
    alm_fs *fs = stage->fs;
    alm_assert(stage->file != NULL);
    /* Before the sync, so that the time is as safe as the bytes. */
    if (modified != ALMI_TIME_UNCHANGED) {
        ALM_TRY(fs->ops->set_modified(fs, stage->path, modified, error));
    }
    ALM_TRY(fs->ops->sync(fs, stage->file, error));
    alm_file *file = stage->file;
    stage->file = NULL; /* close releases it, whatever it says */
    return fs->ops->close(fs, file, error);
}

alm_err almi_stage_link(almi_stage *stage, const char *to, alm_error *error) {
    alm_assert(stage->file == NULL && stage->path != NULL);
    return stage->fs->ops->link(stage->fs, stage->path, to, error);
}

void almi_stage_drop(almi_stage *stage) {
    if (stage->file != NULL) {
        (void)stage->fs->ops->close(stage->fs, stage->file, NULL);
        stage->file = NULL;
    }
    if (stage->path != NULL) {
        (void)stage->fs->ops->unlink(stage->fs, stage->path, NULL);
        stage->path = NULL;
    }
}

alm_err almi_file_digest(alm_fs *fs, const char *path, alm_digest *out, uint64_t *size_bytes,
                         alm_error *error) {
    alm_hash hash;
    uint64_t total = 0;
    alm_hash_init(&hash);
    ALM_TRY(pump(fs, path, &hash, &total, NULL, error));
    *out = alm_hash_final(&hash);
    if (size_bytes != NULL) {
        *size_bytes = total;
    }
    return ALM_OK;
}

static alm_err clean_entries(alm_fs *fs, const char *folder, alm_instant before, alm_arena *arena,
                             size_t *removed, alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    alm_err code = fs->ops->list(fs, folder, arena, &entry, &count, error);
    if (code != ALM_OK && code != ALM_ERR_NOT_FOUND) {
        return code;
    }
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        const char *path = alm_path_join(arena, folder, entry[i].name);
        alm_fs_stat stat;
        code = fs->ops->stat(fs, path, &stat, error);
        if (code == ALM_OK && stat.kind == ALM_FS_FILE && stat.modified < before) {
            code = fs->ops->unlink(fs, path, error);
            done += code == ALM_OK ? 1 : 0;
        }
        /* Its writer may have finished in the meantime. */
        if (code != ALM_OK && code != ALM_ERR_NOT_FOUND) {
            return code;
        }
    }
    alm_error_clear(error);
    *removed = done;
    return ALM_OK;
}

alm_err almi_staging_clean(alm_fs *fs, const char *folder, alm_instant before, size_t *removed,
                           alm_error *error) {
    alm_arena *arena = alm_arena_create(0);
    alm_err code = clean_entries(fs, folder, before, arena, removed, error);
    alm_arena_destroy(arena);
    return code;
}
