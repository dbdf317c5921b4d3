/* fs_fault.h: wraps a file system and makes its n-th call go wrong.
 *
 * For sweeps: run the work once without a fault and take the number of calls, then repeat it with
 * n = 1, 2, 3 ... Modes:
 *   FAIL           the n-th matching call fails and does nothing (a failing write leaves its first
 *                  half behind, as a full disk does); later calls work again
 *   FAIL_ALWAYS    as FAIL, for every matching call from the n-th on
 *   KILL           from the n-th matching call on nothing happens any more and every call gives
 *                  ALM_ERR_INTERRUPTED, as if the process had been killed before it
 *   DIE            before the n-th matching call the process really dies (SIGKILL): for a child
 *   SKIP           the n-th matching call does nothing and claims success (a forgotten call)
 * After a failed sync the file stays failed, as on Linux: a second sync does not heal it.
 *
 * Thread safety: as every alm_fs; the count covers all threads. */
#ifndef ALM_BASE_FS_FAULT_H
#define ALM_BASE_FS_FAULT_H

#include "base/fs.h"

#define ALM_FS_CALL_MAP(X)                  \
    X(CREATE, "create")                     \
    X(OPEN, "open")                         \
    X(WRITE, "write")                       \
    X(READ, "read")                         \
    X(SYNC, "sync")                         \
    X(CLOSE, "close")                       \
    X(SYNC_DIRECTORY, "sync_directory")     \
    X(LINK, "link")                         \
    X(RENAME, "rename")                     \
    X(UNLINK, "unlink")                     \
    X(MAKE_DIRECTORY, "make_directory")     \
    X(REMOVE_DIRECTORY, "remove_directory") \
    X(LIST, "list")                         \
    X(STAT, "stat")                         \
    X(SET_MODIFIED, "set_modified")

typedef enum alm_fs_call {
#define ALM_FS_CALL_ENUM(name, text) ALM_FS_CALL_##name,
    ALM_FS_CALL_MAP(ALM_FS_CALL_ENUM)
#undef ALM_FS_CALL_ENUM
        ALM_FS_CALLS
} alm_fs_call;

const char *alm_fs_call_text(alm_fs_call call);

/* Sets of calls. */
#define ALM_FS_CALL_BIT(name) (1u << ALM_FS_CALL_##name)
#define ALM_FS_CALLS_ALL ((1u << ALM_FS_CALLS) - 1u)
#define ALM_FS_CALLS_SYNC (ALM_FS_CALL_BIT(SYNC) | ALM_FS_CALL_BIT(SYNC_DIRECTORY))

typedef enum alm_fs_fault_mode {
    ALM_FS_FAULT_NONE,
    ALM_FS_FAULT_FAIL,
    ALM_FS_FAULT_FAIL_ALWAYS,
    ALM_FS_FAULT_KILL,
    ALM_FS_FAULT_DIE,
    ALM_FS_FAULT_SKIP
} alm_fs_fault_mode;

typedef struct alm_fs_fault {
    alm_fs_fault_mode mode;
    uint32_t calls;     /* which calls match and count; 0 = all */
    uint64_t nth;       /* 1 = the next matching call; 0 = never */
    const char *reason; /* of FAIL; NULL = "the disk is full" */
} alm_fs_fault;

/* `inner` is borrowed and must outlive the wrapper. Starts without a fault. */
ALM_NODISCARD alm_err alm_fs_fault_create(alm_fs *inner, alm_fs **out, alm_error *error);
/* Sets the fault and starts counting from zero; a killed one lives again. */
void alm_fs_fault_set(alm_fs *fs, const alm_fs_fault *fault);
/* Matching calls since alm_fs_fault_set. */
uint64_t alm_fs_fault_count(alm_fs *fs);
/* Whether the fault has happened since alm_fs_fault_set. */
bool alm_fs_fault_happened(alm_fs *fs);
/* The text of the call that went wrong, for messages: "sync /t/_staging/x"; "" before. */
const char *alm_fs_fault_place(alm_fs *fs);

#endif
