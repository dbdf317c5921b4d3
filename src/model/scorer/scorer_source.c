/* scorer_source.c: files of a scorer in memory and in a folder; writing one elsewhere. */
#include <string.h>

#include "model/scorer/scorer_internal.h"

static alm_err read_memory(void *context, const char *name, size_t limit, alm_arena *arena,
                           alm_str *out, alm_error *error)
{
    const alm_scorer_table *table = context;
    for (size_t i = 0; i < table->count; i++) {
        if (!alm_str_is(table->file[i].name, name)) {
            continue;
        }
        alm_str bytes = table->file[i].bytes;
        if (bytes.size > limit) {
            return alm_fail(error, ALM_ERR_LIMIT, "%s has %zu bytes, at most %zu", name,
                            bytes.size, limit);
        }
        (void)arena; /* the caller's bytes outlive the call */
        *out = bytes;
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_NOT_FOUND, "%s is not among the %zu files", name,
                    table->count);
}

static alm_err read_folder(void *context, const char *name, size_t limit, alm_arena *arena,
                           alm_str *out, alm_error *error)
{
    const alm_scorer_folder *folder = context;
    return alm_fs_read_all(folder->fs, alm_path_join(arena, folder->path, name), limit, arena, out,
                           error);
}

alm_scorer_source alm_scorer_memory(const alm_scorer_table *table)
{
    return (alm_scorer_source){read_memory, (void *)table, NULL};
}

alm_scorer_source alm_scorer_in_folder(const alm_scorer_folder *folder)
{
    return (alm_scorer_source){read_folder, (void *)folder, NULL};
}

bool alm_scorer_is_folder(alm_fs *fs, const char *path)
{
    alm_arena *arena = alm_arena_create(0);
    alm_fs_stat stat;
    bool is = fs->ops->stat(fs, path, &stat, NULL) == ALM_OK && stat.kind == ALM_FS_DIRECTORY &&
              (alm_fs_exists(fs, alm_path_join(arena, path, ALM_SCORER_DOCUMENT)) ||
               !alm_fs_exists(fs, alm_path_join(arena, path, "MLmodel")));
    alm_arena_destroy(arena);
    return is;
}

alm_err alm_scorer_open(const alm_env *env, const char *path, const char *name, alm_scorer **out,
                        alm_error *error)
{
    alm_scorer_folder folder = {env->fs, path};
    alm_scorer_source source = alm_scorer_in_folder(&folder);
    source.env = env;
    return alm_scorer_read(&source, name, out, error);
}

bool alm_scorer_is_onnx(alm_fs *fs, const char *path)
{
    alm_arena *arena = alm_arena_create(0);
    alm_model_bytes bytes;
    bool is = alm_model_file_read(fs, path, arena, &bytes, NULL) == ALM_OK &&
              alm_model_file_is_onnx(bytes.content);
    alm_arena_destroy(arena);
    return is;
}

alm_err alm_scorer_open_onnx(const alm_env *env, const char *path, alm_arena *arena,
                             alm_model_bytes *bytes, alm_scorer **out, alm_error *error)
{
    alm_model_bytes found;
    ALM_TRY(alm_model_file_read(env->fs, path, arena, &found, error));
    ALM_TRY(alm_scorer_of_model_file(env, found.content, path, false, out, error));
    *bytes = found;
    return ALM_OK;
}

static alm_err save_part(const alm_scorer_part *part, const alm_scorer_source *source,
                         alm_scorer_put put, void *context, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_str bytes = {NULL, 0};
    alm_err code = source->read(source->context, part->name.data, ALM_MODEL_FILE_BYTES_MAX, arena,
                                &bytes, error);
    if (code == ALM_OK) {
        alm_digest digest = alm_hash_bytes(bytes.data, bytes.size);
        code = alm_digest_equal(&digest, &part->digest)
                   ? put(context, part->name.data, bytes, error)
                   : alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT " has changed since it was read",
                              ALM_STR_ARG(part->name));
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err alm_scorer_save(const alm_scorer *scorer, const alm_scorer_source *source,
                        alm_scorer_put put, void *context, alm_error *error)
{
    for (size_t i = 0; i < scorer->part_count; i++) {
        ALM_TRY(save_part(&scorer->part[i], source, put, context, error));
    }
    alm_buffer text = {0};
    alm_scorer_write(scorer, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = put(context, ALM_SCORER_DOCUMENT, alm_buffer_view(&text), error);
    }
    alm_buffer_deinit(&text);
    return code;
}
