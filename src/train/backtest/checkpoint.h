/* checkpoint.h: steps of a long computation, kept so that it goes on where it was cut off.
 *
 * A folder per computation, named by its key: the hash of everything that determines what is
 * computed. Whatever changes, engine included, is another key and another folder, so nothing old is
 * ever taken for new. A step is one file: a mark, SHA-256 over key, name and content, the content.
 * It is published whole or not at all, and synced (alm_fs_publish), so a kill or a power cut leaves
 * whole steps behind. One that is damaged all the same is removed, counted, and made anew.
 *
 * Two processes with one key may work at a time: they make the same bytes, and whose file is there
 * first does not matter. Thread safety: one thread. */
#ifndef ALM_TRAIN_CHECKPOINT_H
#define ALM_TRAIN_CHECKPOINT_H

#include "base/fs.h"

typedef struct alm_checkpoint {
    const alm_env *env;
    const char *folder; /* NULL: nothing is kept, nothing is found */
    alm_digest key;
    size_t found, damaged; /* steps taken over; steps that were there and no good */
} alm_checkpoint;

typedef struct alm_checkpoint_place {
    const char *root; /* folder of all computations, made when it is missing */
    bool restart;     /* what is there of this key is removed first */
} alm_checkpoint_place;

/* Folders of `root` in which nothing was written for so long are removed by the next that opens:
 * their input has changed, or nobody waits for them any more. */
#define ALM_CHECKPOINT_KEPT_DAYS 7

ALM_NODISCARD alm_err alm_checkpoint_open(const alm_env *env, const alm_checkpoint_place *place,
                                          const alm_digest *key, alm_arena *arena,
                                          alm_checkpoint *out, alm_error *error);

/* Content of a step, in `arena`. ALM_ERR_NOT_FOUND (no message): not kept, or damaged. */
ALM_NODISCARD alm_err alm_checkpoint_get(alm_checkpoint *checkpoint, const char *step,
                                         alm_arena *arena, alm_str *out, alm_error *error);
/* What was found has another shape than it should: as if it were damaged. */
void alm_checkpoint_reject(alm_checkpoint *checkpoint, const char *step);

/* Returns when it is safe. Fine when the step is there already. */
ALM_NODISCARD alm_err alm_checkpoint_put(alm_checkpoint *checkpoint, const char *step,
                                         alm_str content, alm_error *error);

/* Once the result is out of hand; takes NULL. A failure is passed over: the next that opens `root`
 * tries again. */
void alm_checkpoint_remove(const alm_env *env, const char *folder);

/* ---- contents, piece by piece ---- */

/* The next `size` bytes of `rest`; false, nothing done: there are not so many. */
ALM_NODISCARD bool alm_checkpoint_take(alm_str *rest, void *to, size_t size);
void alm_checkpoint_put_text(alm_buffer *content, alm_str text);
/* The next such text, in `arena`, NUL terminated. */
ALM_NODISCARD bool alm_checkpoint_take_text(alm_str *rest, alm_arena *arena, alm_str *out);

#endif
