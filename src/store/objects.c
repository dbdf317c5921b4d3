/* objects.c: objects in a folder.
 *
 * Put: stage and hash, sync the file, make ROOT/ab, link, sync ROOT/ab, sync ROOT, acknowledge.
 * ROOT is synced before the link, so that a visible object proves that its folder is safe; who
 * finds the object there has only the name in ROOT/ab to make safe (its writer may have been
 * killed before doing so). */
#include "store/objects.h"

#include "store/staging.h"

#include <string.h>

#define FOLDER_DIGITS 2

typedef struct folder_objects {
    alm_objects base;
    alm_fs *fs;
    alm_arena *arena;
    const char *root;
    const char *staging;
} folder_objects;

static folder_objects *folder_of(alm_objects *objects) {
    return (folder_objects *)objects;
}

typedef struct object_place {
    const char *folder; /* ROOT/ab */
    const char *path;   /* ROOT/ab/cdef... */
    char text[ALM_DIGEST_TEXT_BYTES];
} object_place;

static object_place place_of(const folder_objects *store, const alm_digest *digest,
                             alm_arena *arena) {
    object_place place;
    alm_digest_text(digest, place.text);
    place.folder = alm_arena_printf(arena, "%s/%.*s", store->root, FOLDER_DIGITS, place.text);
    place.path = alm_path_join(arena, place.folder, place.text + FOLDER_DIGITS);
    return place;
}

/* Compares the stored content with its name. */
static alm_err check_content(folder_objects *store, const object_place *place,
                             const alm_digest *digest, alm_error *error) {
    alm_digest found;
    ALM_TRY(almi_file_digest(store->fs, place->path, &found, NULL, error));
    if (!alm_digest_equal(&found, digest)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "%s: the content does not have the hash %s of its name; restore the file "
                        "from a backup",
                        place->path, place->text);
    }
    return ALM_OK;
}

/* The object is there: verify it and make its name safe. */
static alm_err adopt(folder_objects *store, const object_place *place, const alm_digest *digest,
                     alm_error *error) {
    ALM_TRY(check_content(store, place, digest, error));
    return store->fs->ops->sync_directory(store->fs, place->folder, error);
}

static alm_err publish(folder_objects *store, almi_stage *stage, const object_place *place,
                       alm_error *error) {
    alm_fs *fs = store->fs;
    ALM_TRY(almi_stage_finish(stage, ALMI_TIME_UNCHANGED, error));
    alm_err code = fs->ops->make_directory(fs, place->folder, error);
    if (code != ALM_OK && code != ALM_ERR_EXISTS) {
        return code;
    }
    alm_error_clear(error);
    /* Also when the folder was there: who made it may not have come to the sync. */
    ALM_TRY(fs->ops->sync_directory(fs, store->root, error));
    code = almi_stage_link(stage, place->path, error);
    if (code == ALM_ERR_EXISTS) { /* another writer was faster */
        alm_error_clear(error);
        return adopt(store, place, &stage->digest, error);
    }
    if (code != ALM_OK) {
        return code;
    }
    return fs->ops->sync_directory(fs, place->folder, error);
}

static alm_err put_staged(folder_objects *store, const alm_content *content, alm_arena *arena,
                          alm_digest *out, alm_error *error) {
    almi_stage stage;
    ALM_TRY(almi_stage_begin(store->fs, store->staging, content, arena, &stage, error));
    object_place place = place_of(store, &stage.digest, arena);
    alm_err code = alm_fs_exists(store->fs, place.path) ? adopt(store, &place, &stage.digest, error)
                                                        : publish(store, &stage, &place, error);
    alm_digest digest = stage.digest;
    almi_stage_drop(&stage);
    if (code == ALM_OK) {
        *out = digest;
    }
    return code;
}

static alm_err folder_put(alm_objects *objects, const alm_content *content, alm_digest *out,
                          alm_error *error) {
    alm_arena *arena = alm_arena_create(1024);
    alm_err code = put_staged(folder_of(objects), content, arena, out, error);
    alm_arena_destroy(arena);
    return code;
}

static alm_err fail_missing(const folder_objects *store, const object_place *place,
                            alm_error *error) {
    return alm_fail(error, ALM_ERR_NOT_FOUND, "object %s is not in the store %s", place->text,
                    store->root);
}

static alm_err folder_get(alm_objects *objects, const alm_digest *digest, size_t limit_bytes,
                          alm_arena *arena, alm_str *out, alm_error *error) {
    folder_objects *store = folder_of(objects);
    object_place place = place_of(store, digest, arena);
    alm_str content;
    alm_err code = alm_fs_read_all(store->fs, place.path, limit_bytes, arena, &content, error);
    if (code == ALM_ERR_NOT_FOUND) {
        return fail_missing(store, &place, error);
    }
    if (code != ALM_OK) {
        return code;
    }
    alm_digest found = alm_hash_bytes(content.data, content.size);
    if (!alm_digest_equal(&found, digest)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "%s: the content does not have the hash %s of its name; restore the file "
                        "from a backup",
                        place.path, place.text);
    }
    *out = content;
    return ALM_OK;
}

static alm_err folder_locate(alm_objects *objects, const alm_digest *digest, alm_arena *arena,
                             const char **out, alm_error *error) {
    folder_objects *store = folder_of(objects);
    object_place place = place_of(store, digest, arena);
    alm_err code = check_content(store, &place, digest, error);
    if (code == ALM_ERR_NOT_FOUND) {
        return fail_missing(store, &place, error);
    }
    if (code == ALM_OK) {
        *out = place.path;
    }
    return code;
}

static alm_err find_in(folder_objects *store, const alm_digest *digest, uint64_t *size_bytes,
                       alm_arena *arena, alm_error *error) {
    object_place place = place_of(store, digest, arena);
    alm_fs_stat stat;
    alm_err code = store->fs->ops->stat(store->fs, place.path, &stat, error);
    if (code == ALM_ERR_NOT_FOUND) {
        return fail_missing(store, &place, error);
    }
    if (code == ALM_OK && size_bytes != NULL) {
        *size_bytes = stat.size_bytes;
    }
    return code;
}

static alm_err folder_find(alm_objects *objects, const alm_digest *digest, uint64_t *size_bytes,
                           alm_error *error) {
    alm_arena *arena = alm_arena_create(1024);
    alm_err code = find_in(folder_of(objects), digest, size_bytes, arena, error);
    alm_arena_destroy(arena);
    return code;
}

/* "ab" and "cdef..." to a digest; false for names that are not ours. */
static bool parse_names(const char *folder, const char *name, alm_digest *out) {
    char text[ALM_DIGEST_TEXT_BYTES];
    if (strlen(folder) != FOLDER_DIGITS ||
        strlen(name) != ALM_DIGEST_TEXT_BYTES - 1 - FOLDER_DIGITS) {
        return false;
    }
    memcpy(text, folder, FOLDER_DIGITS);
    memcpy(text + FOLDER_DIGITS, name, sizeof text - FOLDER_DIGITS);
    return alm_digest_parse(alm_str_of(text), out);
}

static alm_err list_one(folder_objects *store, const char *folder, alm_arena *arena,
                        alm_buffer *found, alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    ALM_TRY(store->fs->ops->list(store->fs, alm_path_join(arena, store->root, folder), arena,
                                 &entry, &count, error));
    for (size_t i = 0; i < count; i++) {
        alm_digest digest;
        if (parse_names(folder, entry[i].name, &digest)) {
            alm_buffer_append(found, &digest, sizeof digest);
        }
    }
    return ALM_OK;
}

static alm_err list_into(folder_objects *store, alm_arena *arena, alm_buffer *found,
                         alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    ALM_TRY(store->fs->ops->list(store->fs, store->root, arena, &entry, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (entry[i].kind == ALM_FS_DIRECTORY && strlen(entry[i].name) == FOLDER_DIGITS) {
            ALM_TRY(list_one(store, entry[i].name, arena, found, error));
        }
    }
    return alm_buffer_status(found, error);
}

static alm_err folder_list(alm_objects *objects, alm_arena *arena, alm_digest **out, size_t *count,
                           alm_error *error) {
    alm_buffer found = {0};
    alm_arena *scratch = alm_arena_create(0);
    /* Both levels come sorted, and fixed-length names make that the order of the digests. */
    alm_err code = list_into(folder_of(objects), scratch, &found, error);
    void *copy = NULL;
    if (code == ALM_OK) {
        code = alm_arena_try_alloc(arena, found.size, &copy, error);
    }
    if (code == ALM_OK) {
        if (found.size > 0) {
            memcpy(copy, found.data, found.size);
        }
        *out = copy;
        *count = found.size / sizeof(alm_digest);
    }
    alm_arena_destroy(scratch);
    alm_buffer_deinit(&found);
    return code;
}

static alm_err folder_clean(alm_objects *objects, alm_instant before, size_t *removed,
                            alm_error *error) {
    folder_objects *store = folder_of(objects);
    return almi_staging_clean(store->fs, store->staging, before, removed, error);
}

static void folder_close(alm_objects *objects) {
    alm_arena_destroy(folder_of(objects)->arena); /* the struct itself lies in it */
}

static const alm_objects_ops FOLDER_OPS = {
    .name = "folder",
    .put = folder_put,
    .get = folder_get,
    .locate = folder_locate,
    .find = folder_find,
    .list = folder_list,
    .clean = folder_clean,
    .close = folder_close,
};

/* Makes the root, and makes its name safe even if an earlier process made it and was killed. */
static alm_err make_root(alm_fs *fs, const char *root, alm_arena *arena, alm_error *error) {
    const char *parent = alm_path_directory(arena, root);
    ALM_TRY(alm_fs_make_directories(fs, parent, error));
    alm_err code = fs->ops->make_directory(fs, root, error);
    if (code != ALM_OK && code != ALM_ERR_EXISTS) {
        return code;
    }
    alm_error_clear(error);
    return fs->ops->sync_directory(fs, parent, error);
}

alm_err alm_objects_folder_open(alm_fs *fs, const char *root, alm_objects **out, alm_error *error) {
    alm_arena *arena = alm_arena_create(1024);
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    /* Something inside proves that an earlier open came to its end; so a reader of an existing
     * store needs no write permission. */
    alm_err code = fs->ops->list(fs, root, arena, &entry, &count, error);
    if (code == ALM_ERR_NOT_FOUND || (code == ALM_OK && count == 0)) {
        code = make_root(fs, root, arena, error);
    }
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return alm_error_wrap(error, code, "opening the object store");
    }
    folder_objects *store = ALM_NEW(arena, folder_objects);
    store->base.ops = &FOLDER_OPS;
    store->fs = fs;
    store->arena = arena;
    store->root = alm_arena_copy_text(arena, root, strlen(root));
    store->staging = alm_path_join(arena, root, ALMI_STAGING_FOLDER);
    *out = &store->base;
    return ALM_OK;
}

/* ---- the interface ---- */

void alm_objects_close(alm_objects *objects) {
    if (objects != NULL) {
        objects->ops->close(objects);
    }
}

alm_err alm_objects_put(alm_objects *objects, alm_str bytes, alm_digest *out, alm_error *error) {
    return objects->ops->put(objects, &(alm_content){NULL, bytes}, out, error);
}

alm_err alm_objects_put_file(alm_objects *objects, const char *path, alm_digest *out,
                             alm_error *error) {
    alm_assert(path != NULL);
    return objects->ops->put(objects, &(alm_content){path, {NULL, 0}}, out, error);
}

alm_err alm_objects_get(alm_objects *objects, const alm_digest *digest, size_t limit_bytes,
                        alm_arena *arena, alm_str *out, alm_error *error) {
    return objects->ops->get(objects, digest, limit_bytes, arena, out, error);
}

alm_err alm_objects_locate(alm_objects *objects, const alm_digest *digest, alm_arena *arena,
                           const char **out, alm_error *error) {
    return objects->ops->locate(objects, digest, arena, out, error);
}

alm_err alm_objects_find(alm_objects *objects, const alm_digest *digest, uint64_t *size_bytes,
                         alm_error *error) {
    return objects->ops->find(objects, digest, size_bytes, error);
}

alm_err alm_objects_list(alm_objects *objects, alm_arena *arena, alm_digest **out, size_t *count,
                         alm_error *error) {
    return objects->ops->list(objects, arena, out, count, error);
}

alm_err alm_objects_clean(alm_objects *objects, alm_instant before, size_t *removed,
                          alm_error *error) {
    return objects->ops->clean(objects, before, removed, error);
}
