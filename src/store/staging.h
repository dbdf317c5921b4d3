/* staging.h: content on its way into a store, hashed while it is copied.
 *
 * Staged content is always a copy written through our own file handle, also when the caller has a
 * file already: a write error is reported to the handle that wrote, so only a handle of ours can
 * vouch for the bytes, and the bytes hashed are the bytes synced. The staging folder lies in the
 * store (same file system, so that a link works), starts with '_' (other engines' cleaning leaves
 * such names alone) and needs no syncs: what is lost there was never promised.
 *
 * States: begin -> (finish -> link) -> drop; drop is right in every state. Internal to store/. */
#ifndef ALM_STORE_STAGING_H
#define ALM_STORE_STAGING_H

#include "store/objects.h" /* alm_content */

#define ALMI_STAGING_FOLDER "_staging"
#define ALMI_TIME_UNCHANGED INT64_MIN

typedef struct almi_stage {
    alm_fs *fs;
    const char *path; /* of the staged file, in the arena given to begin */
    alm_file *file;   /* open until finish or drop */
    alm_digest digest;
    uint64_t size_bytes;
} almi_stage;

/* Makes `folder` if it is missing and copies `content` into a new file there. On failure nothing
 * is left to drop. */
ALM_NODISCARD alm_err almi_stage_begin(alm_fs *fs, const char *folder, const alm_content *content,
                                       alm_arena *arena, almi_stage *out, alm_error *error);
/* Sets the modification time (unless ALMI_TIME_UNCHANGED), syncs and closes. */
ALM_NODISCARD alm_err almi_stage_finish(almi_stage *stage, alm_instant modified, alm_error *error);
/* Gives the finished content its name; ALM_ERR_EXISTS if it is taken. Does not sync the folder. */
ALM_NODISCARD alm_err almi_stage_link(almi_stage *stage, const char *to, alm_error *error);
/* Closes and removes the staged file; failures are harmless and ignored. */
void almi_stage_drop(almi_stage *stage);

/* Hash and size of a file, read in pieces. `size_bytes` may be NULL. */
ALM_NODISCARD alm_err almi_file_digest(alm_fs *fs, const char *path, alm_digest *out,
                                       uint64_t *size_bytes, alm_error *error);
/* Removes staged files not modified since `before`; a missing folder is fine. */
ALM_NODISCARD alm_err almi_staging_clean(alm_fs *fs, const char *folder, alm_instant before,
                                         size_t *removed, alm_error *error);

#endif
