/* scratch.h: a folder of its own for the temporary files of one piece of work. */
#ifndef ALM_PROJECT_SCRATCH_H
#define ALM_PROJECT_SCRATCH_H

#include "project/project.h"

/* Makes state/scratch/<random name>; the path lies in `arena`. */
ALM_NODISCARD alm_err alm_scratch_create(const alm_env *env, const alm_project *project,
                                         alm_arena *arena, const char **out, alm_error *error);
/* Takes NULL. A failure is passed over: no result depends on scratch, and what a killed process
 * left there is harmless too. */
void alm_scratch_remove(const alm_env *env, const char *path);
/* Removes what killed processes left: folders of state/scratch in which nothing was modified since
 * `before`. *removed of them. */
ALM_NODISCARD alm_err alm_scratch_clean(const alm_env *env, const alm_project *project,
                                        alm_instant before, size_t *removed, alm_error *error);

/* The same of any folder of folders; a missing one is fine. */
ALM_NODISCARD alm_err alm_scratch_clean_folder(const alm_env *env, const char *folder,
                                               alm_instant before, size_t *removed,
                                               alm_error *error);

#endif
