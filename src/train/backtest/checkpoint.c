#include "train/backtest/checkpoint.h"

#include <string.h>

#include "project/scratch.h"

#define MARK "ALMSTEP1"
#define MARK_BYTES (sizeof MARK - 1)
#define HEAD_BYTES (MARK_BYTES + sizeof(alm_digest))
#define LIMIT_BYTES ((size_t)1 << 40) /* of a file: what is made fits into memory */
#define MICROS_PER_DAY INT64_C(86400000000)
#define PUBLISH_ATTEMPTS 100 /* each is in vain only where somebody else removes the folder in it */

static const char *path_of(const alm_checkpoint *c, const char *step, alm_arena *arena)
{
    return alm_path_join(arena, c->folder, step);
}

/* With the key and the name, so that a file is good in its own place only. */
static alm_digest digest_of(const alm_checkpoint *c, const char *step, alm_str content)
{
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update(&hash, c->key.bytes, sizeof c->key.bytes);
    alm_hash_update(&hash, step, strlen(step) + 1);
    alm_hash_update(&hash, content.data, content.size);
    return alm_hash_final(&hash);
}

alm_err alm_checkpoint_open(const alm_env *env, const alm_checkpoint_place *place,
                            const alm_digest *key, alm_arena *arena, alm_checkpoint *out,
                            alm_error *error)
{
    char name[ALM_DIGEST_TEXT_BYTES];
    size_t ignored = 0;
    alm_instant before = alm_env_now(env) - ALM_CHECKPOINT_KEPT_DAYS * MICROS_PER_DAY;
    alm_digest_text(key, name);
    alm_checkpoint made = {.env = env, .key = *key,
                           .folder = alm_path_join(arena, place->root, name)};
    if (alm_scratch_clean_folder(env, place->root, before, &ignored, NULL) != ALM_OK) {
        /* Others may be removing theirs at this moment; the next one that opens tries again. */
    }
    if (place->restart) {
        ALM_TRY(alm_fs_remove_tree(env->fs, made.folder, error));
    }
    ALM_TRY(alm_fs_make_directories(env->fs, made.folder, error));
    *out = made;
    return ALM_OK;
}

void alm_checkpoint_reject(alm_checkpoint *c, const char *step)
{
    alm_arena *arena = alm_arena_create(0);
    c->damaged++;
    /* Should it stay, it is rejected again the next time. */
    (void)c->env->fs->ops->unlink(c->env->fs, path_of(c, step, arena), NULL);
    alm_arena_destroy(arena);
}

static bool is_whole(const alm_checkpoint *c, const char *step, alm_str file, alm_str *content)
{
    if (file.size < HEAD_BYTES || memcmp(file.data, MARK, MARK_BYTES) != 0) {
        return false;
    }
    *content = (alm_str){file.data + HEAD_BYTES, file.size - HEAD_BYTES};
    alm_digest digest = digest_of(c, step, *content);
    return memcmp(file.data + MARK_BYTES, digest.bytes, sizeof digest.bytes) == 0;
}

alm_err alm_checkpoint_get(alm_checkpoint *c, const char *step, alm_arena *arena, alm_str *out,
                           alm_error *error)
{
    alm_str file;
    alm_str content;
    const char *path = c->folder ? path_of(c, step, arena) : NULL;
    if (!path || !alm_fs_exists(c->env->fs, path)) {
        return ALM_ERR_NOT_FOUND;
    }
    alm_err code = alm_fs_read_all(c->env->fs, path, LIMIT_BYTES, arena, &file, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "what was kept of an earlier start ('--restart' "
                              "measures everything anew)");
    }
    if (!is_whole(c, step, file, &content)) {
        alm_checkpoint_reject(c, step);
        return ALM_ERR_NOT_FOUND;
    }
    c->found++;
    *out = content;
    return ALM_OK;
}

/* Another process with this key that is done, or begins anew, removes the folder; at any moment, so
 * that it may be gone again before the file is there. */
static alm_err publish(const alm_checkpoint *c, const char *path, alm_str content,
                       alm_error *error)
{
    alm_err code = ALM_ERR_NOT_FOUND;
    for (int attempt = 0; attempt < PUBLISH_ATTEMPTS && code == ALM_ERR_NOT_FOUND; attempt++) {
        ALM_TRY(alm_fs_make_directories(c->env->fs, c->folder, error));
        code = alm_fs_publish(c->env->fs, path, content, error);
    }
    return code == ALM_ERR_EXISTS ? ALM_OK : code;
}

alm_err alm_checkpoint_put(alm_checkpoint *c, const char *step, alm_str content, alm_error *error)
{
    if (!c->folder) {
        return ALM_OK;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_buffer file = {0};
    alm_digest digest = digest_of(c, step, content);
    alm_buffer_text(&file, MARK);
    alm_buffer_append(&file, digest.bytes, sizeof digest.bytes);
    alm_buffer_str(&file, content);
    alm_err code = alm_buffer_status(&file, error);
    if (code == ALM_OK) {
        code = publish(c, path_of(c, step, arena), alm_buffer_view(&file), error);
    }
    alm_buffer_deinit(&file);
    alm_arena_destroy(arena);
    if (code != ALM_OK && code != ALM_ERR_INTERRUPTED) {
        return alm_error_wrap(error, code, "what was measured cannot be kept (what is kept stays, "
                              "the same command goes on there; '--no-resume' keeps nothing)");
    }
    return code;
}

void alm_checkpoint_remove(const alm_env *env, const char *folder)
{
    if (folder && alm_fs_remove_tree(env->fs, folder, NULL) != ALM_OK) {
        return; /* see the header */
    }
}

bool alm_checkpoint_take(alm_str *rest, void *to, size_t size)
{
    if (rest->size < size) {
        return false;
    }
    if (size > 0) {
        memcpy(to, rest->data, size);
    }
    *rest = (alm_str){rest->data + size, rest->size - size};
    return true;
}

void alm_checkpoint_put_text(alm_buffer *content, alm_str text)
{
    alm_buffer_u64(content, text.size);
    alm_buffer_str(content, text);
}

bool alm_checkpoint_take_text(alm_str *rest, alm_arena *arena, alm_str *out)
{
    char size_text[8];
    if (!alm_checkpoint_take(rest, size_text, sizeof size_text)) {
        return false;
    }
    uint64_t size = alm_u64_at(size_text);
    if (rest->size < size) {
        return false;
    }
    *out = (alm_str){alm_arena_copy_text(arena, rest->data, (size_t)size), (size_t)size};
    *rest = (alm_str){rest->data + size, rest->size - (size_t)size};
    return true;
}
