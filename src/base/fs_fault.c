#include "base/fs_fault.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define PLACE_BYTES 320

typedef struct fault_fs {
    alm_fs base;
    alm_fs *inner;
    atomic_flag lock; /* guards everything below; held for a few instructions only */
    alm_fs_fault fault;
    uint64_t count;
    bool happened;
    alm_file *failed_sync; /* the file whose sync failed last: later syncs of it fail too */
    char place[PLACE_BYTES];
} fault_fs;

typedef enum verdict { GO_ON, BREAK, KILLED, SKIP } verdict;

const char *alm_fs_call_text(alm_fs_call call) {
    static const char *const TEXT[ALM_FS_CALLS] = {
#define CALL_TEXT(name, text) text,
        ALM_FS_CALL_MAP(CALL_TEXT)
#undef CALL_TEXT
    };
    alm_assert(call >= 0 && call < ALM_FS_CALLS);
    return TEXT[call];
}

static fault_fs *fault_of(alm_fs *fs) {
    return (fault_fs *)fs;
}

static void lock(fault_fs *fs) {
    while (atomic_flag_test_and_set_explicit(&fs->lock, memory_order_acquire)) {
        sched_yield();
    }
}

static void unlock(fault_fs *fs) {
    atomic_flag_clear_explicit(&fs->lock, memory_order_release);
}

static verdict judge_locked(fault_fs *fs, alm_fs_call call, const char *path) {
    const alm_fs_fault *fault = &fs->fault;
    if (fs->happened && fault->mode == ALM_FS_FAULT_KILL) {
        return KILLED;
    }
    uint32_t calls = fault->calls == 0 ? ALM_FS_CALLS_ALL : fault->calls;
    if ((calls & (1u << call)) == 0) {
        return GO_ON;
    }
    fs->count++;
    bool is_now =
        fault->nth != 0 && (fs->count == fault->nth ||
                            (fault->mode == ALM_FS_FAULT_FAIL_ALWAYS && fs->count > fault->nth));
    if (!is_now || fault->mode == ALM_FS_FAULT_NONE) {
        return GO_ON;
    }
    if (!fs->happened) {
        snprintf(fs->place, sizeof fs->place, "%s %s", alm_fs_call_text(call), path);
    }
    fs->happened = true;
    if (fault->mode == ALM_FS_FAULT_DIE) {
        raise(SIGKILL);
    }
    return fault->mode == ALM_FS_FAULT_KILL   ? KILLED
           : fault->mode == ALM_FS_FAULT_SKIP ? SKIP
                                              : BREAK;
}

static verdict judge(fault_fs *fs, alm_fs_call call, const char *path) {
    lock(fs);
    verdict result = judge_locked(fs, call, path);
    unlock(fs);
    return result;
}

static alm_err fail_as(fault_fs *fs, verdict what, alm_fs_call call, const char *path,
                       alm_error *error) {
    if (what == KILLED) {
        return alm_fail(error, ALM_ERR_INTERRUPTED, "killed before %s %s", alm_fs_call_text(call),
                        path);
    }
    const char *reason = fs->fault.reason != NULL ? fs->fault.reason : "the disk is full";
    return alm_fail(error, ALM_ERR_IO, "cannot %s %s: %s", alm_fs_call_text(call), path, reason);
}

/* The common shape: judge, then fail, pretend, or pass on. */
#define FAULT_GATE(call, path)                                                      \
    do {                                                                            \
        verdict what_ = judge(fault_of(fs), ALM_FS_CALL_##call, (path));            \
        if (what_ == SKIP) {                                                        \
            return ALM_OK;                                                          \
        }                                                                           \
        if (what_ != GO_ON) {                                                       \
            return fail_as(fault_of(fs), what_, ALM_FS_CALL_##call, (path), error); \
        }                                                                           \
    } while (0)

/* For calls with a result, which cannot be pretended: SKIP passes on. */
#define FAULT_GATE_RESULT(call, path)                                               \
    do {                                                                            \
        verdict what_ = judge(fault_of(fs), ALM_FS_CALL_##call, (path));            \
        if (what_ == BREAK || what_ == KILLED) {                                    \
            return fail_as(fault_of(fs), what_, ALM_FS_CALL_##call, (path), error); \
        }                                                                           \
    } while (0)

static alm_fs *inner_of(alm_fs *fs) {
    return fault_of(fs)->inner;
}

static alm_err fault_create(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    FAULT_GATE_RESULT(CREATE, path);
    return inner_of(fs)->ops->create(inner_of(fs), path, out, error);
}

static alm_err fault_open(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    FAULT_GATE_RESULT(OPEN, path);
    return inner_of(fs)->ops->open(inner_of(fs), path, out, error);
}

static alm_err fault_write(alm_fs *fs, alm_file *file, const void *data, size_t size,
                           alm_error *error) {
    alm_fs *inner = inner_of(fs);
    verdict what = judge(fault_of(fs), ALM_FS_CALL_WRITE, "(file)");
    if (what == BREAK) {
        (void)inner->ops->write(inner, file, data, size / 2, NULL);
    }
    if (what == SKIP) {
        return ALM_OK;
    }
    if (what != GO_ON) {
        return fail_as(fault_of(fs), what, ALM_FS_CALL_WRITE, "(file)", error);
    }
    return inner->ops->write(inner, file, data, size, error);
}

static alm_err fault_read(alm_fs *fs, alm_file *file, void *data, size_t size, size_t *got,
                          alm_error *error) {
    FAULT_GATE_RESULT(READ, "(file)");
    return inner_of(fs)->ops->read(inner_of(fs), file, data, size, got, error);
}

static alm_err fault_sync(alm_fs *fs, alm_file *file, alm_error *error) {
    fault_fs *self = fault_of(fs);
    lock(self);
    verdict what = judge_locked(self, ALM_FS_CALL_SYNC, "(file)");
    if (what == GO_ON && self->failed_sync == file) {
        what = BREAK;
    }
    if (what == BREAK) {
        self->failed_sync = file;
    }
    unlock(self);
    if (what == SKIP) {
        return ALM_OK;
    }
    if (what != GO_ON) {
        return fail_as(self, what, ALM_FS_CALL_SYNC, "(file)", error);
    }
    return self->inner->ops->sync(self->inner, file, error);
}

/* Always releases the inner file: a killed process holds no files either. */
static alm_err fault_close(alm_fs *fs, alm_file *file, alm_error *error) {
    fault_fs *self = fault_of(fs);
    lock(self);
    verdict what = judge_locked(self, ALM_FS_CALL_CLOSE, "(file)");
    if (self->failed_sync == file) {
        self->failed_sync = NULL; /* the address may be used again by the next file */
    }
    unlock(self);
    bool is_passed_on = what == GO_ON || what == SKIP;
    alm_err code = self->inner->ops->close(self->inner, file, is_passed_on ? error : NULL);
    return is_passed_on ? code : fail_as(self, what, ALM_FS_CALL_CLOSE, "(file)", error);
}

static alm_err fault_sync_directory(alm_fs *fs, const char *path, alm_error *error) {
    FAULT_GATE(SYNC_DIRECTORY, path);
    return inner_of(fs)->ops->sync_directory(inner_of(fs), path, error);
}

static alm_err fault_link(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    FAULT_GATE(LINK, to);
    return inner_of(fs)->ops->link(inner_of(fs), from, to, error);
}

static alm_err fault_rename(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    FAULT_GATE(RENAME, to);
    return inner_of(fs)->ops->rename(inner_of(fs), from, to, error);
}

static alm_err fault_unlink(alm_fs *fs, const char *path, alm_error *error) {
    FAULT_GATE(UNLINK, path);
    return inner_of(fs)->ops->unlink(inner_of(fs), path, error);
}

static alm_err fault_make_directory(alm_fs *fs, const char *path, alm_error *error) {
    FAULT_GATE(MAKE_DIRECTORY, path);
    return inner_of(fs)->ops->make_directory(inner_of(fs), path, error);
}

static alm_err fault_remove_directory(alm_fs *fs, const char *path, alm_error *error) {
    FAULT_GATE(REMOVE_DIRECTORY, path);
    return inner_of(fs)->ops->remove_directory(inner_of(fs), path, error);
}

static alm_err fault_list(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                          size_t *count, alm_error *error) {
    FAULT_GATE_RESULT(LIST, path);
    return inner_of(fs)->ops->list(inner_of(fs), path, arena, out, count, error);
}

static alm_err fault_stat(alm_fs *fs, const char *path, alm_fs_stat *out, alm_error *error) {
    FAULT_GATE_RESULT(STAT, path);
    return inner_of(fs)->ops->stat(inner_of(fs), path, out, error);
}

static alm_err fault_set_modified(alm_fs *fs, const char *path, alm_instant when,
                                  alm_error *error) {
    FAULT_GATE(SET_MODIFIED, path);
    return inner_of(fs)->ops->set_modified(inner_of(fs), path, when, error);
}

static void fault_destroy(alm_fs *fs) {
    alm_heap_free(fs);
}

static const alm_fs_ops FAULT_OPS = {
    .name = "fault",
    .create = fault_create,
    .open = fault_open,
    .write = fault_write,
    .read = fault_read,
    .sync = fault_sync,
    .close = fault_close,
    .sync_directory = fault_sync_directory,
    .link = fault_link,
    .rename = fault_rename,
    .unlink = fault_unlink,
    .make_directory = fault_make_directory,
    .remove_directory = fault_remove_directory,
    .list = fault_list,
    .stat = fault_stat,
    .set_modified = fault_set_modified,
    .destroy = fault_destroy,
};

alm_err alm_fs_fault_create(alm_fs *inner, alm_fs **out, alm_error *error) {
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(fault_fs), &memory, error));
    fault_fs *fs = memory;
    fs->base.ops = &FAULT_OPS;
    fs->inner = inner;
    atomic_flag_clear(&fs->lock);
    *out = &fs->base;
    return ALM_OK;
}

void alm_fs_fault_set(alm_fs *fs, const alm_fs_fault *fault) {
    fault_fs *self = fault_of(fs);
    alm_assert(fs->ops == &FAULT_OPS);
    lock(self);
    self->fault = *fault;
    self->count = 0;
    self->happened = false;
    self->failed_sync = NULL;
    self->place[0] = '\0';
    unlock(self);
}

uint64_t alm_fs_fault_count(alm_fs *fs) {
    fault_fs *self = fault_of(fs);
    lock(self);
    uint64_t count = self->count;
    unlock(self);
    return count;
}

bool alm_fs_fault_happened(alm_fs *fs) {
    fault_fs *self = fault_of(fs);
    lock(self);
    bool happened = self->happened;
    unlock(self);
    return happened;
}

const char *alm_fs_fault_place(alm_fs *fs) {
    return fault_of(fs)->place;
}
