/* fs_memory.c: inodes, directories as lists of entries, and one list of unsynced entry changes.
 *
 * Two views of every directory are kept: `now`, which the operations see, and `safe`, which is what
 * a power cut leaves for certain. An entry change is applied to `now` at once and stands in the
 * list `change` until every directory that it touches was synced; then it is applied to `safe`.
 * A power cut applies the kept changes, in their order, to `safe`, and drops `now`.
 *
 * Everything lives in one arena and replaced memory is not returned: file systems here are small
 * and short-lived, and indices instead of pointers make a copy simple. */
#include "base/fs_memory.h"

#include "base/rng.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ROOT_INODE 0
#define NO_INODE SIZE_MAX
#define CHOICE_TEXT_BYTES 400

typedef struct memory_entry {
    const char *name;
    size_t inode;
} memory_entry;

typedef struct memory_entries {
    memory_entry *entry; /* sorted by name */
    size_t count, capacity;
} memory_entries;

typedef struct memory_inode {
    alm_fs_kind kind;
    memory_entries now, safe; /* of a directory */
    char *data;               /* of a file */
    size_t size, capacity;
    size_t safe_size; /* files only grow, so the synced content is a prefix */
    alm_instant modified, safe_modified;
} memory_inode;

/* Sets entry `name` of directory `directory` to `inode` (NO_INODE removes it), and, for a rename,
 * the same for a second name. Applied as one. */
typedef struct memory_change {
    size_t directory[2];
    const char *name[2];
    size_t inode[2];
    bool is_open[2]; /* the directory was not synced since */
} memory_change;

typedef struct memory_fs {
    alm_fs base;
    atomic_flag lock;
    alm_arena *arena;
    memory_inode *inode;
    size_t inodes, inode_capacity;
    memory_change *change;
    size_t changes, change_capacity;
    alm_instant clock; /* stands in for the time of writing; one microsecond per change */
} memory_fs;

typedef struct memory_file {
    size_t inode;
    size_t position;
    bool is_writable;
} memory_file;

static memory_fs *memory_of(alm_fs *fs) {
    return (memory_fs *)fs;
}

static void lock(memory_fs *fs) {
    while (atomic_flag_test_and_set_explicit(&fs->lock, memory_order_acquire)) {
        sched_yield();
    }
}

static void unlock(memory_fs *fs) {
    atomic_flag_clear_explicit(&fs->lock, memory_order_release);
}

/* ---- growing arrays in the arena ---- */

static void *grown(alm_arena *arena, void *old, size_t count, size_t *capacity, size_t item) {
    if (count < *capacity) {
        return old;
    }
    size_t larger = *capacity == 0 ? 8 : 2 * *capacity;
    void *memory = alm_arena_alloc_array(arena, larger, item);
    if (count > 0) {
        memcpy(memory, old, count * item);
    }
    *capacity = larger;
    return memory;
}

static size_t new_inode(memory_fs *fs, alm_fs_kind kind) {
    fs->inode = grown(fs->arena, fs->inode, fs->inodes, &fs->inode_capacity, sizeof *fs->inode);
    fs->inode[fs->inodes] = (memory_inode){.kind = kind, .modified = ++fs->clock};
    return fs->inodes++;
}

static size_t entry_place(const memory_entries *entries, const char *name, bool *is_there) {
    size_t low = 0;
    size_t high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(entries->entry[middle].name, name);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there = false;
    return low;
}

static size_t entry_inode(const memory_entries *entries, const char *name) {
    bool is_there;
    size_t at = entry_place(entries, name, &is_there);
    return is_there ? entries->entry[at].inode : NO_INODE;
}

static void entry_set(alm_arena *arena, memory_entries *entries, const char *name, size_t inode) {
    bool is_there;
    size_t at = entry_place(entries, name, &is_there);
    size_t behind = entries->count - at;
    if (inode == NO_INODE) {
        if (is_there) {
            memmove(entries->entry + at, entries->entry + at + 1,
                    (behind - 1) * sizeof *entries->entry);
            entries->count--;
        }
        return;
    }
    if (!is_there) {
        entries->entry = grown(arena, entries->entry, entries->count, &entries->capacity,
                               sizeof *entries->entry);
        memmove(entries->entry + at + 1, entries->entry + at, behind * sizeof *entries->entry);
        entries->count++;
    }
    entries->entry[at] = (memory_entry){name, inode};
}

/* ---- paths ---- */

/* Inode of the path's first `length` bytes; NO_INODE when a part is missing or not a folder. */
static size_t walk(const memory_fs *fs, alm_arena *scratch, const char *path, size_t length) {
    size_t at = ROOT_INODE;
    alm_str rest = {path, length};
    while (rest.data != NULL && at != NO_INODE) {
        alm_str part = alm_str_split(&rest, '/');
        if (part.size == 0 || alm_str_is(part, ".")) {
            continue;
        }
        if (fs->inode[at].kind != ALM_FS_DIRECTORY) {
            return NO_INODE;
        }
        at = entry_inode(&fs->inode[at].now, alm_arena_copy_text(scratch, part.data, part.size));
    }
    return at;
}

typedef struct memory_place {
    size_t directory; /* inode of the folder, NO_INODE if missing */
    const char *name; /* last part, in the file system's arena */
    size_t inode;     /* NO_INODE if there is no such entry */
} memory_place;

static memory_place find(memory_fs *fs, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    memory_place place = {.inode = NO_INODE};
    place.directory = walk(fs, fs->arena, path, start);
    place.name = alm_arena_copy_text(fs->arena, path + start, length - start);
    if (place.name[0] == '\0' || strcmp(place.name, ".") == 0) {
        place.inode = place.directory;
        place.directory = NO_INODE;
    } else if (place.directory != NO_INODE && fs->inode[place.directory].kind == ALM_FS_DIRECTORY) {
        place.inode = entry_inode(&fs->inode[place.directory].now, place.name);
    } else {
        place.directory = NO_INODE;
    }
    return place;
}

static alm_err fail_missing(alm_error *error, const char *action, const char *path) {
    return alm_fail(error, ALM_ERR_NOT_FOUND, "cannot %s %s: no such file or folder", action, path);
}

static alm_err fail_taken(alm_error *error, const char *action, const char *path) {
    return alm_fail(error, ALM_ERR_EXISTS, "cannot %s %s: the name is taken", action, path);
}

static alm_err fail_kind(alm_error *error, const char *action, const char *path, const char *what) {
    return alm_fail(error, ALM_ERR_IO, "cannot %s %s: %s", action, path, what);
}

/* ---- entry changes ---- */

static void apply(memory_inode *inode, alm_arena *arena, const memory_change *change,
                  bool to_safe) {
    for (int i = 0; i < 2; i++) {
        if (change->name[i] != NULL) {
            memory_inode *directory = &inode[change->directory[i]];
            entry_set(arena, to_safe ? &directory->safe : &directory->now, change->name[i],
                      change->inode[i]);
        }
    }
}

static void add_change(memory_fs *fs, const memory_change *change) {
    fs->change =
        grown(fs->arena, fs->change, fs->changes, &fs->change_capacity, sizeof *fs->change);
    memory_change *added = &fs->change[fs->changes++];
    *added = *change;
    added->is_open[0] = true;
    added->is_open[1] = change->name[1] != NULL;
    apply(fs->inode, fs->arena, added, false);
}

static void set_entry(memory_fs *fs, const memory_place *place, size_t inode) {
    memory_change change = {
        .directory = {place->directory}, .name = {place->name}, .inode = {inode}};
    add_change(fs, &change);
}

static void sync_entries(memory_fs *fs, size_t directory) {
    size_t kept = 0;
    for (size_t i = 0; i < fs->changes; i++) {
        memory_change *change = &fs->change[i];
        for (int j = 0; j < 2; j++) {
            if (change->name[j] != NULL && change->directory[j] == directory) {
                change->is_open[j] = false;
            }
        }
        if (change->is_open[0] || change->is_open[1]) {
            fs->change[kept++] = *change;
        } else {
            apply(fs->inode, fs->arena, change, true);
        }
    }
    fs->changes = kept;
}

/* ---- the operations, called with the lock held ---- */

static alm_err file_new(size_t inode, bool is_writable, alm_file **out, alm_error *error) {
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(memory_file), &memory, error));
    memory_file *file = memory;
    file->inode = inode;
    file->is_writable = is_writable;
    *out = (alm_file *)file;
    return ALM_OK;
}

static alm_err create_locked(memory_fs *fs, const char *path, alm_file **out, alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode != NO_INODE) {
        return fail_taken(error, "create", path);
    }
    if (place.directory == NO_INODE) {
        return fail_missing(error, "create", path);
    }
    ALM_TRY(file_new(fs->inodes, true, out, error));
    set_entry(fs, &place, new_inode(fs, ALM_FS_FILE));
    return ALM_OK;
}

static alm_err open_locked(memory_fs *fs, const char *path, alm_file **out, alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode == NO_INODE) {
        return fail_missing(error, "open", path);
    }
    if (fs->inode[place.inode].kind != ALM_FS_FILE) {
        return fail_kind(error, "open", path, "it is a folder");
    }
    return file_new(place.inode, false, out, error);
}

static alm_err write_locked(memory_fs *fs, memory_file *file, const void *data, size_t size,
                            alm_error *error) {
    if (!file->is_writable) {
        return alm_fail(error, ALM_ERR_IO, "cannot write a file that is open for reading");
    }
    memory_inode *inode = &fs->inode[file->inode];
    if (inode->capacity - inode->size < size) {
        size_t larger = 2 * inode->capacity + size;
        char *block = alm_arena_alloc(fs->arena, larger);
        if (inode->size > 0) {
            memcpy(block, inode->data, inode->size);
        }
        inode->data = block;
        inode->capacity = larger;
    }
    if (size > 0) {
        memcpy(inode->data + inode->size, data, size);
    }
    inode->size += size;
    inode->modified = ++fs->clock;
    return ALM_OK;
}

static alm_err link_locked(memory_fs *fs, const char *from, const char *to, alm_error *error) {
    memory_place source = find(fs, from);
    memory_place target = find(fs, to);
    if (source.inode == NO_INODE) {
        return fail_missing(error, "link", from);
    }
    if (fs->inode[source.inode].kind != ALM_FS_FILE) {
        return fail_kind(error, "link", from, "it is a folder");
    }
    if (target.inode != NO_INODE) {
        return fail_taken(error, "link", to);
    }
    if (target.directory == NO_INODE) {
        return fail_missing(error, "link", to);
    }
    set_entry(fs, &target, source.inode);
    return ALM_OK;
}

static alm_err rename_locked(memory_fs *fs, const char *from, const char *to, alm_error *error) {
    memory_place source = find(fs, from);
    memory_place target = find(fs, to);
    if (source.inode == NO_INODE || source.directory == NO_INODE) {
        return fail_missing(error, "rename", from);
    }
    if (target.directory == NO_INODE) {
        return fail_missing(error, "rename", to);
    }
    if (target.inode != NO_INODE && fs->inode[target.inode].kind != ALM_FS_FILE) {
        return fail_kind(error, "rename", to, "it is a folder");
    }
    if (target.inode == source.inode) {
        return ALM_OK; /* POSIX: two names of one file stay as they are */
    }
    memory_change change = {.directory = {source.directory, target.directory},
                            .name = {source.name, target.name},
                            .inode = {NO_INODE, source.inode}};
    add_change(fs, &change);
    return ALM_OK;
}

static alm_err remove_locked(memory_fs *fs, const char *path, alm_fs_kind kind, alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode == NO_INODE || place.directory == NO_INODE) {
        return fail_missing(error, "remove", path);
    }
    const memory_inode *inode = &fs->inode[place.inode];
    if (inode->kind != kind) {
        return fail_kind(error, "remove", path,
                         kind == ALM_FS_FILE ? "it is a folder" : "it is not a folder");
    }
    if (inode->now.count > 0) {
        return fail_kind(error, "remove the folder", path, "the folder is not empty");
    }
    set_entry(fs, &place, NO_INODE);
    return ALM_OK;
}

static alm_err make_directory_locked(memory_fs *fs, const char *path, alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode != NO_INODE) {
        return fail_taken(error, "make the folder", path);
    }
    if (place.directory == NO_INODE) {
        return fail_missing(error, "make the folder", path);
    }
    set_entry(fs, &place, new_inode(fs, ALM_FS_DIRECTORY));
    return ALM_OK;
}

static alm_err find_directory(memory_fs *fs, const char *action, const char *path, size_t *out,
                              alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode == NO_INODE) {
        return fail_missing(error, action, path);
    }
    if (fs->inode[place.inode].kind != ALM_FS_DIRECTORY) {
        return fail_kind(error, action, path, "a part of the path is not a folder");
    }
    *out = place.inode;
    return ALM_OK;
}

static alm_err list_locked(memory_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                           size_t *count, alm_error *error) {
    size_t inode = 0;
    ALM_TRY(find_directory(fs, "list", path, &inode, error));
    const memory_entries *now = &fs->inode[inode].now;
    alm_fs_entry *entry = ALM_NEW_ARRAY(arena, alm_fs_entry, now->count + 1);
    for (size_t i = 0; i < now->count; i++) {
        const char *name = now->entry[i].name;
        entry[i].name = alm_arena_copy_text(arena, name, strlen(name));
        entry[i].kind = fs->inode[now->entry[i].inode].kind;
    }
    *out = entry;
    *count = now->count;
    return ALM_OK;
}

static alm_err stat_locked(memory_fs *fs, const char *path, alm_fs_stat *out, alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode == NO_INODE) {
        return fail_missing(error, "find", path);
    }
    const memory_inode *inode = &fs->inode[place.inode];
    *out = (alm_fs_stat){inode->kind, inode->size, inode->modified};
    return ALM_OK;
}

static alm_err set_modified_locked(memory_fs *fs, const char *path, alm_instant when,
                                   alm_error *error) {
    memory_place place = find(fs, path);
    if (place.inode == NO_INODE) {
        return fail_missing(error, "set the time of", path);
    }
    fs->inode[place.inode].modified = when;
    return ALM_OK;
}

/* ---- the operations, as the interface has them ---- */

#define LOCKED(call)            \
    do {                        \
        lock(memory_of(fs));    \
        alm_err code_ = (call); \
        unlock(memory_of(fs));  \
        return code_;           \
    } while (0)

static alm_err memory_create(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    LOCKED(create_locked(memory_of(fs), path, out, error));
}

static alm_err memory_open(alm_fs *fs, const char *path, alm_file **out, alm_error *error) {
    LOCKED(open_locked(memory_of(fs), path, out, error));
}

static alm_err memory_write(alm_fs *fs, alm_file *file, const void *data, size_t size,
                            alm_error *error) {
    LOCKED(write_locked(memory_of(fs), (memory_file *)file, data, size, error));
}

static alm_err memory_read(alm_fs *fs, alm_file *handle, void *data, size_t size, size_t *got,
                           alm_error *error) {
    (void)error;
    memory_file *file = (memory_file *)handle;
    lock(memory_of(fs));
    const memory_inode *inode = &memory_of(fs)->inode[file->inode];
    size_t left = file->position < inode->size ? inode->size - file->position : 0;
    size_t part = size < left ? size : left;
    if (part > 0) {
        memcpy(data, inode->data + file->position, part);
    }
    file->position += part;
    *got = part;
    unlock(memory_of(fs));
    return ALM_OK;
}

static alm_err memory_sync(alm_fs *fs, alm_file *handle, alm_error *error) {
    (void)error;
    lock(memory_of(fs));
    memory_inode *inode = &memory_of(fs)->inode[((memory_file *)handle)->inode];
    inode->safe_size = inode->size;
    inode->safe_modified = inode->modified;
    unlock(memory_of(fs));
    return ALM_OK;
}

static alm_err memory_close(alm_fs *fs, alm_file *file, alm_error *error) {
    (void)fs;
    (void)error;
    alm_heap_free(file);
    return ALM_OK;
}

static alm_err memory_sync_directory(alm_fs *fs, const char *path, alm_error *error) {
    lock(memory_of(fs));
    size_t inode = 0;
    alm_err code = find_directory(memory_of(fs), "sync the folder", path, &inode, error);
    if (code == ALM_OK) {
        sync_entries(memory_of(fs), inode);
    }
    unlock(memory_of(fs));
    return code;
}

static alm_err memory_link(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    LOCKED(link_locked(memory_of(fs), from, to, error));
}

static alm_err memory_rename(alm_fs *fs, const char *from, const char *to, alm_error *error) {
    LOCKED(rename_locked(memory_of(fs), from, to, error));
}

static alm_err memory_unlink(alm_fs *fs, const char *path, alm_error *error) {
    LOCKED(remove_locked(memory_of(fs), path, ALM_FS_FILE, error));
}

static alm_err memory_make_directory(alm_fs *fs, const char *path, alm_error *error) {
    LOCKED(make_directory_locked(memory_of(fs), path, error));
}

static alm_err memory_remove_directory(alm_fs *fs, const char *path, alm_error *error) {
    LOCKED(remove_locked(memory_of(fs), path, ALM_FS_DIRECTORY, error));
}

static alm_err memory_list(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_entry **out,
                           size_t *count, alm_error *error) {
    LOCKED(list_locked(memory_of(fs), path, arena, out, count, error));
}

static alm_err memory_stat(alm_fs *fs, const char *path, alm_fs_stat *out, alm_error *error) {
    LOCKED(stat_locked(memory_of(fs), path, out, error));
}

static alm_err memory_set_modified(alm_fs *fs, const char *path, alm_instant when,
                                   alm_error *error) {
    LOCKED(set_modified_locked(memory_of(fs), path, when, error));
}

static void memory_destroy(alm_fs *fs) {
    alm_arena_destroy(memory_of(fs)->arena); /* the struct itself lies in it */
}

static const alm_fs_ops MEMORY_OPS = {
    .name = "memory",
    .create = memory_create,
    .open = memory_open,
    .write = memory_write,
    .read = memory_read,
    .sync = memory_sync,
    .close = memory_close,
    .sync_directory = memory_sync_directory,
    .link = memory_link,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .make_directory = memory_make_directory,
    .remove_directory = memory_remove_directory,
    .list = memory_list,
    .stat = memory_stat,
    .set_modified = memory_set_modified,
    .destroy = memory_destroy,
};

/* ---- copies and power cuts ---- */

static memory_fs *new_fs(void) {
    alm_arena *arena = alm_arena_create(0);
    memory_fs *fs = ALM_NEW(arena, memory_fs);
    fs->base.ops = &MEMORY_OPS;
    fs->arena = arena;
    atomic_flag_clear(&fs->lock);
    return fs;
}

alm_err alm_fs_memory_create(alm_fs **out, alm_error *error) {
    (void)error;
    memory_fs *fs = new_fs();
    (void)new_inode(fs, ALM_FS_DIRECTORY);
    *out = &fs->base;
    return ALM_OK;
}

static memory_entries copy_entries(alm_arena *arena, const memory_entries *from) {
    memory_entries to = {.count = from->count, .capacity = from->count};
    to.entry = ALM_NEW_ARRAY(arena, memory_entry, from->count + 1);
    for (size_t i = 0; i < from->count; i++) {
        const char *name = from->entry[i].name;
        to.entry[i].name = alm_arena_copy_text(arena, name, strlen(name));
        to.entry[i].inode = from->entry[i].inode;
    }
    return to;
}

static memory_fs *copy_locked(const memory_fs *from) {
    memory_fs *to = new_fs();
    to->clock = from->clock;
    to->inodes = to->inode_capacity = from->inodes;
    to->inode = ALM_NEW_ARRAY(to->arena, memory_inode, from->inodes);
    for (size_t i = 0; i < from->inodes; i++) {
        memory_inode *inode = &to->inode[i];
        *inode = from->inode[i];
        inode->now = copy_entries(to->arena, &from->inode[i].now);
        inode->safe = copy_entries(to->arena, &from->inode[i].safe);
        inode->data =
            alm_arena_copy_text(to->arena, inode->size > 0 ? inode->data : "", inode->size);
        inode->capacity = inode->size;
    }
    to->changes = to->change_capacity = from->changes;
    to->change = ALM_NEW_ARRAY(to->arena, memory_change, from->changes + 1);
    for (size_t i = 0; i < from->changes; i++) {
        to->change[i] = from->change[i];
        for (int j = 0; j < 2; j++) {
            const char *name = from->change[i].name[j];
            to->change[i].name[j] =
                name == NULL ? NULL : alm_arena_copy_text(to->arena, name, strlen(name));
        }
    }
    return to;
}

alm_fs *alm_fs_memory_copy(alm_fs *fs) {
    alm_assert(fs->ops == &MEMORY_OPS);
    lock(memory_of(fs));
    memory_fs *copy = copy_locked(memory_of(fs));
    unlock(memory_of(fs));
    return &copy->base;
}

static bool is_dirty(const memory_inode *inode) {
    return inode->kind == ALM_FS_FILE &&
           (inode->size != inode->safe_size || inode->modified != inode->safe_modified);
}

size_t alm_fs_memory_pending(alm_fs *fs) {
    alm_assert(fs->ops == &MEMORY_OPS);
    memory_fs *memory = memory_of(fs);
    lock(memory);
    size_t pending = memory->changes;
    for (size_t i = 0; i < memory->inodes; i++) {
        pending += is_dirty(&memory->inode[i]) ? 1 : 0;
    }
    unlock(memory);
    return pending;
}

static void settle_file(memory_inode *inode, alm_fs_fate fate) {
    size_t unsynced = inode->size - inode->safe_size;
    if (fate == ALM_FS_LOSE) {
        inode->size = inode->safe_size;
        inode->modified = inode->safe_modified;
    } else if (fate == ALM_FS_TEAR) {
        inode->size = inode->safe_size + unsynced / 2;
    } else if (fate == ALM_FS_ZERO && unsynced > 0) {
        memset(inode->data + inode->safe_size, 0, unsynced);
    }
    inode->safe_size = inode->size;
    inode->safe_modified = inode->modified;
}

alm_fs *alm_fs_memory_power_cut(alm_fs *fs, const alm_fs_fate *choice) {
    memory_fs *after = memory_of(alm_fs_memory_copy(fs));
    for (size_t i = 0; i < after->changes; i++) {
        if (choice[i] != ALM_FS_LOSE) {
            apply(after->inode, after->arena, &after->change[i], true);
        }
    }
    size_t next = after->changes;
    for (size_t i = 0; i < after->inodes; i++) {
        memory_inode *inode = &after->inode[i];
        if (is_dirty(inode)) {
            settle_file(inode, choice[next++]);
        }
        inode->now = copy_entries(after->arena, &inode->safe);
    }
    after->changes = 0;
    return &after->base;
}

/* ---- visiting outcomes ---- */

typedef struct cut_visit {
    alm_fs *fs;
    size_t pending, changes;
    alm_fs_memory_visit visit;
    void *context;
    alm_error *error;
} cut_visit;

static alm_err visit_choice(const cut_visit *cut, const alm_fs_fate *choice) {
    char text[CHOICE_TEXT_BYTES];
    size_t length = (size_t)snprintf(text, sizeof text, "power cut, fates ");
    for (size_t i = 0; i < cut->pending && length + 2 < sizeof text; i++) {
        text[length++] = "LKTZ"[choice[i]];
    }
    text[length] = '\0';
    alm_fs *after = alm_fs_memory_power_cut(cut->fs, choice);
    alm_err code = cut->visit(cut->context, after, text, cut->error);
    alm_fs_destroy(after);
    return code;
}

static unsigned fates_of(const cut_visit *cut, size_t item) {
    return item < cut->changes ? 2 : ALM_FS_FATES;
}

/* Counts up `choice` as a number of mixed radix; false after the last one. */
static bool next_choice(const cut_visit *cut, alm_fs_fate *choice) {
    for (size_t i = 0; i < cut->pending; i++) {
        if ((unsigned)choice[i] + 1 < fates_of(cut, i)) {
            choice[i]++;
            return true;
        }
        choice[i] = ALM_FS_LOSE;
    }
    return false;
}

static alm_err visit_all(const cut_visit *cut, alm_fs_fate *choice) {
    do {
        ALM_TRY(visit_choice(cut, choice));
    } while (next_choice(cut, choice));
    return ALM_OK;
}

/* Everything has fate `rest` but one thing, which takes each fate in turn. */
static alm_err visit_singles(const cut_visit *cut, alm_fs_fate *choice, alm_fs_fate rest) {
    for (size_t i = 0; i < cut->pending; i++) {
        choice[i] = rest;
    }
    ALM_TRY(visit_choice(cut, choice));
    for (size_t i = 0; i < cut->pending; i++) {
        for (unsigned fate = 0; fate < fates_of(cut, i); fate++) {
            choice[i] = (alm_fs_fate)fate;
            if (choice[i] != rest) {
                ALM_TRY(visit_choice(cut, choice));
            }
        }
        choice[i] = rest;
    }
    return ALM_OK;
}

static alm_err visit_sample(const cut_visit *cut, alm_fs_fate *choice, size_t limit,
                            uint64_t seed) {
    ALM_TRY(visit_singles(cut, choice, ALM_FS_LOSE));
    ALM_TRY(visit_singles(cut, choice, ALM_FS_KEEP));
    alm_rng rng = alm_rng_stream(seed, 0);
    for (size_t draw = 0; draw < limit; draw++) {
        for (size_t i = 0; i < cut->pending; i++) {
            choice[i] = (alm_fs_fate)alm_rng_next_below(&rng, fates_of(cut, i));
        }
        ALM_TRY(visit_choice(cut, choice));
    }
    return ALM_OK;
}

alm_err alm_fs_memory_power_cuts(alm_fs *fs, size_t limit, uint64_t seed, alm_fs_memory_visit visit,
                                 void *context, alm_error *error) {
    cut_visit cut = {.fs = fs,
                     .pending = alm_fs_memory_pending(fs),
                     .changes = memory_of(fs)->changes,
                     .visit = visit,
                     .context = context,
                     .error = error};
    size_t outcomes = 1;
    for (size_t i = 0; i < cut.pending && outcomes <= limit; i++) {
        outcomes *= fates_of(&cut, i);
    }
    alm_arena *arena = alm_arena_create(1024);
    alm_fs_fate *choice = ALM_NEW_ARRAY(arena, alm_fs_fate, cut.pending + 1);
    alm_err code =
        outcomes <= limit ? visit_all(&cut, choice) : visit_sample(&cut, choice, limit, seed);
    alm_arena_destroy(arena);
    return code;
}
