/* fs_memory.h: a file system in memory that knows what would survive a power cut.
 *
 * It works like the real one, and beside it remembers what was not synced yet:
 *   - of every file: the bytes behind the last `sync`, and a changed modification time;
 *   - of every directory: each change of an entry (create, link, unlink, rename, make, remove)
 *     since the last `sync_directory`; a rename is one change that never splits.
 * At a power cut each of these may be lost or kept, independently of all others and of their
 * order. That is weaker than what any one real file system does, and at least as bad as all of them
 * (ALICE, OSDI'14): a sequence that is safe here does not lean on the habits of ext4.
 *
 * A file's unsynced bytes have four fates: lost (the synced part stays), kept, torn (half of them
 * stay), zeroed (the length stays, the bytes do not).
 *
 * Power cuts do not change the file system asked: they give a new one, as found after the restart,
 * so that one crash state can be tried with many choices.
 *
 * Thread safety: as every alm_fs. Memory: its own arena, all freed by alm_fs_destroy. */
#ifndef ALM_BASE_FS_MEMORY_H
#define ALM_BASE_FS_MEMORY_H

#include "base/fs.h"

/* An empty file system whose root "/" is also the working directory. */
ALM_NODISCARD alm_err alm_fs_memory_create(alm_fs **out, alm_error *error);

/* A deep copy: same content, same unsynced changes, no open files. */
alm_fs *alm_fs_memory_copy(alm_fs *fs);

/* How many things may be lost or kept on their own: changes of entries, then files with unsynced
 * bytes. Choices are arrays of this many values. */
size_t alm_fs_memory_pending(alm_fs *fs);

/* Values of a choice. For a change of an entry everything but LOSE means kept. */
typedef enum alm_fs_fate {
    ALM_FS_LOSE,
    ALM_FS_KEEP,
    ALM_FS_TEAR,
    ALM_FS_ZERO,
    ALM_FS_FATES
} alm_fs_fate;

/* The file system found after a power cut now. `choice` has alm_fs_memory_pending(fs) values. The
 * result has nothing pending. */
alm_fs *alm_fs_memory_power_cut(alm_fs *fs, const alm_fs_fate *choice);

/* Visits outcomes of a power cut: all of them when there are at most `limit`, otherwise everything
 * lost, everything kept, each single thing lost, each single thing kept (every fate), and then
 * `limit` random choices from `seed`. Stops at the first failure of `visit` and returns it; `text`
 * describes the choice for the message. The file system given to `visit` is destroyed after it. */
typedef alm_err (*alm_fs_memory_visit)(void *context, alm_fs *after, const char *text,
                                       alm_error *error);
ALM_NODISCARD alm_err alm_fs_memory_power_cuts(alm_fs *fs, size_t limit, uint64_t seed,
                                               alm_fs_memory_visit visit, void *context,
                                               alm_error *error);

#endif
