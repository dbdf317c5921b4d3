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
