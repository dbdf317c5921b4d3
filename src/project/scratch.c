#include "project/scratch.h"

alm_err alm_scratch_create(const alm_env *env, const alm_project *project, alm_arena *arena,
                           const char **out, alm_error *error)
{
    uint64_t name;
    alm_random_bytes(&name, sizeof name);
    char *path = alm_arena_printf(arena, "%s/scratch/%016llx", project->state,
                                  (unsigned long long)name);
    ALM_TRY(alm_fs_make_directories(env->fs, path, error));
    *out = path;
    return ALM_OK;
}

void alm_scratch_remove(const alm_env *env, const char *path)
{
    if (path && alm_fs_remove_tree(env->fs, path, NULL) != ALM_OK) {
        return; /* see the header */
    }
}

/* The latest change of a folder and of what lies directly in it: a working process writes there. */
static alm_err newest_change(const alm_env *env, const char *path, alm_arena *arena,
                             alm_instant *out, alm_error *error)
{
    alm_fs *fs = env->fs;
    alm_fs_stat found;
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    ALM_TRY(fs->ops->stat(fs, path, &found, error));
    *out = found.modified;
    ALM_TRY(fs->ops->list(fs, path, arena, &entries, &count, error));
    for (size_t i = 0; i < count; i++) {
        const char *inner = alm_path_join(arena, path, entries[i].name);
        /* What went away meanwhile has an owner, whose folder then changed. */
        if (fs->ops->stat(fs, inner, &found, NULL) == ALM_OK && found.modified > *out) {
            *out = found.modified;
        }
    }
    return ALM_OK;
}

static alm_err clean(const alm_env *env, const char *folder, alm_instant before,
                     alm_arena *arena, size_t *removed, alm_error *error)
{
    alm_fs_entry *entries = NULL;
    size_t count = 0;
    ALM_TRY(env->fs->ops->list(env->fs, folder, arena, &entries, &count, error));
    for (size_t i = 0; i < count; i++) {
        alm_instant newest = 0;
        const char *path = alm_path_join(arena, folder, entries[i].name);
        if (entries[i].kind != ALM_FS_DIRECTORY) {
            continue;
        }
        ALM_TRY(newest_change(env, path, arena, &newest, error));
        if (newest < before) {
            ALM_TRY(alm_fs_remove_tree(env->fs, path, error));
            ++*removed;
        }
    }
    return ALM_OK;
}

alm_err alm_scratch_clean_folder(const alm_env *env, const char *folder, alm_instant before,
                                 size_t *removed, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    size_t gone = 0;
    alm_err code = alm_fs_exists(env->fs, folder)
                       ? clean(env, folder, before, arena, &gone, error) : ALM_OK;
    alm_arena_destroy(arena);
    if (code == ALM_OK) {
        *removed = gone;
    }
    return code;
}

alm_err alm_scratch_clean(const alm_env *env, const alm_project *project, alm_instant before,
                          size_t *removed, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_err code = alm_scratch_clean_folder(env, alm_path_join(arena, project->state, "scratch"),
                                            before, removed, error);
    alm_arena_destroy(arena);
    return code;
}
