/* fs_real.c: the file operations on POSIX. Every errno becomes one line: what was tried, the path,
 * the reason. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One system call moves at most this much: Linux cuts at 2^31 - 4096. */
#define TRANSFER_BYTES_MAX ((size_t)1 << 30)

typedef struct real_file {
    int fd;
    bool failed; /* a write or sync failed: the kernel may have dropped the pages for good */
    char *path;  /* behind the struct, for messages */
} real_file;

static alm_err fail_errno(alm_error *error, int number, const char *action, const char *path) {
    switch (number) {
    case ENOENT:
        return alm_fail(error, ALM_ERR_NOT_FOUND, "cannot %s %s: no such file or folder", action,
                        path);
    case EEXIST:
        return alm_fail(error, ALM_ERR_EXISTS, "cannot %s %s: the name is taken", action, path);
    case ENOSPC:
    case EDQUOT:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: the disk is full; free space and repeat",
                        action, path);
    case EACCES:
    case EPERM:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: no permission", action, path);
    case EROFS:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: the file system is read-only", action,
                        path);
    case EIO:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: the device reports an error (EIO)",
                        action, path);
    case EMFILE:
    case ENFILE:
        return alm_fail(error, ALM_ERR_IO,
                        "cannot %s %s: too many open files; raise the limit (ulimit -n)", action,
                        path);
    case ENOTEMPTY:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: the folder is not empty", action, path);
    case EISDIR:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: it is a folder", action, path);
    case ENOTDIR:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: a part of the path is not a folder",
                        action, path);
    case EXDEV:
        return alm_fail(error, ALM_ERR_IO,
                        "cannot %s %s: source and target lie on different file systems", action,
                        path);
    case EFBIG:
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: the file is too large", action, path);
    default: {
        const char *reason = strerrordesc_np(number); /* not translated: messages are stable */
        return alm_fail(error, ALM_ERR_IO, "cannot %s %s: %s (errno %d)", action, path,
                        reason != NULL ? reason : "unknown reason", number);
    }
    }
}

static int open_retrying(const char *path, int flags) {
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static alm_err file_new(const char *path, int flags, const char *action, alm_file **out,
                        alm_error *error) {
    size_t length = strlen(path);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(real_file) + length + 1, &memory, error));
    real_file *file = memory;
    file->path = (char *)(file + 1);
    memcpy(file->path, path, length + 1);
    file->fd = open_retrying(path, flags);
    if (file->fd < 0) {
        int number = errno;
        alm_heap_free(file);
        return fail_errno(error, number, action, path);
    }
    *out = (alm_file *)file;
    return ALM_OK;
}

static alm_err real_create(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    (void)fs;
    return file_new(path, O_WRONLY | O_CREAT | O_EXCL, "create", out, error);
}

static alm_err real_open(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    (void)fs;
    alm_file *opened = NULL;
    ALM_TRY(file_new(path, O_RDONLY, "open", &opened, error));
    real_file *file = (real_file *)opened;
    struct stat status;
    if (fstat(file->fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(file->fd);
        alm_heap_free(file);
        return fail_errno(error, EISDIR, "open", path);
    }
    *out = opened;
    return ALM_OK;
}

static alm_err refuse_failed(const real_file *file, alm_error *error) {
    return alm_fail(error, ALM_ERR_IO,
                    "%s: an earlier write of this file failed; write it again under a new name",
                    file->path);
}

static alm_err real_write(alm_fs *fs, alm_file *handle, const void *data, size_t size,
                          alm_error *error) {
    (void)fs;
    real_file *file = (real_file *)handle;
    const char *rest = data;
    if (file->failed) {
        return refuse_failed(file, error);
    }
    while (size > 0) {
        size_t part = size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX;
        ssize_t done = write(file->fd, rest, part);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            /* A write of nothing is how some file systems say that there is no room. */
            int number = done < 0 ? errno : ENOSPC;
            file->failed = true;
            return fail_errno(error, number, "write", file->path);
        }
        rest += done;
        size -= (size_t)done;
    }
    return ALM_OK;
}

static alm_err real_read(alm_fs *fs, alm_file *handle, void *data, size_t size, size_t *got,
                         alm_error *error) {
    (void)fs;
    real_file *file = (real_file *)handle;
    size_t part = size < TRANSFER_BYTES_MAX ? size : TRANSFER_BYTES_MAX;
    ssize_t done;
    do {
        done = read(file->fd, data, part);
    } while (done < 0 && errno == EINTR);
    if (done < 0) {
        return fail_errno(error, errno, "read", file->path);
    }
    *got = (size_t)done;
    return ALM_OK;
}

static int sync_retrying(int fd) {
    int result;
    do {
        result = fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result;
}

static alm_err real_sync(alm_fs *fs, alm_file *handle, alm_error *error) {
    (void)fs;
    real_file *file = (real_file *)handle;
    if (file->failed) {
        return refuse_failed(file, error);
    }
    /* fsync, not fdatasync: the modification time is part of a commit. After a failure Linux marks
     * the pages clean, so a second fsync would claim success over lost data: hence `failed`. */
    if (sync_retrying(file->fd) != 0) {
        file->failed = true;
        return fail_errno(error, errno, "sync", file->path);
    }
    return ALM_OK;
}

static alm_err real_close(alm_fs *fs, alm_file *handle, alm_error *error) {
    (void)fs;
    real_file *file = (real_file *)handle;
    alm_err code = ALM_OK;
    /* Linux releases the descriptor even when close reports EINTR: never close twice. */
    if (close(file->fd) != 0 && errno != EINTR) {
        code = fail_errno(error, errno, "close", file->path);
    }
    alm_heap_free(file);
    return code;
}

static alm_err real_sync_directory(alm_fs *fs, const char *path, alm_error *error) {
    (void)fs;
    int fd = open_retrying(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return fail_errno(error, errno, "open the folder", path);
    }
    alm_err code = ALM_OK;
    if (sync_retrying(fd) != 0) {
        code = fail_errno(error, errno, "sync the folder", path);
    }
    close(fd);
    return code;
}

static alm_err real_link(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    (void)fs;
    if (linkat(AT_FDCWD, from, AT_FDCWD, to, 0) == 0) {
        return ALM_OK;
    }
    if (errno == EPERM || errno == EOPNOTSUPP) {
        return alm_fail(error, ALM_ERR_IO,
                        "cannot link %s: no permission, or the file system has no hard links", to);
    }
    return fail_errno(error, errno, "link", errno == ENOENT ? from : to);
}

static alm_err real_rename(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    (void)fs;
    if (rename(from, to) == 0) {
        return ALM_OK;
    }
    return fail_errno(error, errno, "rename", errno == ENOENT ? from : to);
}

static alm_err real_unlink(alm_fs *fs, const char *path, alm_error *error) {
    (void)fs;
    return unlink(path) == 0 ? ALM_OK : fail_errno(error, errno, "remove", path);
}

static alm_err real_make_directory(alm_fs *fs, const char *path, alm_error *error) {
    (void)fs;
    return mkdir(path, 0777) == 0 ? ALM_OK : fail_errno(error, errno, "make the folder", path);
}

static alm_err real_remove_directory(alm_fs *fs, const char *path, alm_error *error) {
    (void)fs;
    if (rmdir(path) == 0) {
        return ALM_OK;
    }
    int number = errno == EEXIST ? ENOTEMPTY : errno; /* POSIX allows either for a full folder */
    return fail_errno(error, number, "remove the folder", path);
}

static alm_fs_kind kind_of_mode(mode_t mode) {
    return S_ISREG(mode) ? ALM_FS_FILE : S_ISDIR(mode) ? ALM_FS_DIRECTORY : ALM_FS_OTHER;
}

/* A symbolic link is OTHER here, so that removing a tree never walks out of it. */
static alm_fs_kind kind_of_entry(DIR *directory, const struct dirent *entry) {
    if (entry->d_type == DT_REG) {
        return ALM_FS_FILE;
    }
    if (entry->d_type == DT_DIR) {
        return ALM_FS_DIRECTORY;
    }
    struct stat status;
    if (entry->d_type == DT_UNKNOWN &&
        fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return kind_of_mode(status.st_mode);
    }
    return ALM_FS_OTHER;
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const alm_fs_entry *)a)->name, ((const alm_fs_entry *)b)->name);
}

static alm_err real_list(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                         size_t *count, alm_error *error) {
    (void)fs;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return fail_errno(error, errno, "list", path);
    }
    size_t capacity = 16;
    size_t used = 0;
    alm_fs_entry *entry = ALM_NEW_ARRAY(arena, alm_fs_entry, capacity);
    for (;;) {
        errno = 0;
        const struct dirent *next = readdir(directory);
        if (next == NULL) {
            break;
        }
        if (strcmp(next->d_name, ".") == 0 || strcmp(next->d_name, "..") == 0) {
            continue;
        }
        if (used == capacity) {
            alm_fs_entry *larger = ALM_NEW_ARRAY(arena, alm_fs_entry, 2 * capacity);
            memcpy(larger, entry, used * sizeof *entry);
            entry = larger;
            capacity *= 2;
        }
        entry[used].name = alm_arena_copy_text(arena, next->d_name, strlen(next->d_name));
        entry[used++].kind = kind_of_entry(directory, next);
    }
    int number = errno;
    closedir(directory);
    if (number != 0) {
        return fail_errno(error, number, "list", path);
    }
    qsort(entry, used, sizeof *entry, compare_entries);
    *out = entry;
    *count = used;
    return ALM_OK;
}

static alm_err real_stat(alm_fs *fs, const char *path, alm_fs_stat *out, alm_error *error) {
    (void)fs;
    struct stat status;
    if (stat(path, &status) != 0) {
        return fail_errno(error, errno, "find", path);
    }
    out->kind = kind_of_mode(status.st_mode);
    out->size_bytes = (uint64_t)status.st_size;
    out->modified =
        (alm_instant)status.st_mtim.tv_sec * 1000000 + (alm_instant)(status.st_mtim.tv_nsec / 1000);
    return ALM_OK;
}

static alm_err real_set_modified(alm_fs *fs, const char *path, alm_instant when, alm_error *error) {
    (void)fs;
    int64_t seconds = when / 1000000;
    int64_t rest = when % 1000000;
    if (rest < 0) { /* before 1970 */
        rest += 1000000;
        seconds -= 1;
    }
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = (time_t)seconds, .tv_nsec = (long)rest * 1000}};
    if (utimensat(AT_FDCWD, path, times, 0) != 0) {
        return fail_errno(error, errno, "set the time of", path);
    }
    return ALM_OK;
}

static void real_destroy(alm_fs *fs) {
    alm_heap_free(fs);
}

static const alm_fs_ops REAL_OPS = {
    .name = "real",
    .create = real_create,
    .open = real_open,
    .write = real_write,
    .read = real_read,
    .sync = real_sync,
    .close = real_close,
    .sync_directory = real_sync_directory,
    .link = real_link,
    .rename = real_rename,
    .unlink = real_unlink,
    .make_directory = real_make_directory,
    .remove_directory = real_remove_directory,
    .list = real_list,
    .stat = real_stat,
    .set_modified = real_set_modified,
    .destroy = real_destroy,
};

alm_err alm_fs_real_create(alm_fs **out, alm_error *error) {
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_fs), &memory, error));
    alm_fs *fs = memory;
    fs->ops = &REAL_OPS;
    *out = fs;
    return ALM_OK;
}
