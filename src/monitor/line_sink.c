#include "monitor/line_sink.h"

#include <inttypes.h>
#include <string.h>

/* ---- files ---- */

typedef struct file_sink {
    alm_line_sink sink;
    alm_fs *fs;
    char *folder;
    char *name;
    uint64_t file_bytes;
    uint32_t files_max;
    uint64_t number; /* of the newest file, 0 = none */
    alm_file *file;  /* NULL: the next write makes one */
    uint64_t written_bytes;
    bool entry_unsynced; /* the folder has an entry that is not safe yet */
    alm_arena *arena;    /* folder and name */
} file_sink;

enum { NUMBER_DIGITS = 8 };
static const char SUFFIX[] = ".ndjson";

/* The number in "<name>-00000012.ndjson"; 0 when it is no file of this sink. */
static uint64_t number_of(const file_sink *s, const char *entry)
{
    alm_str text = alm_str_of(entry);
    size_t name = strlen(s->name), suffix = sizeof SUFFIX - 1;
    int64_t number = 0;
    if (text.size != name + 1 + NUMBER_DIGITS + suffix || !alm_str_starts_with(text, s->name) ||
        entry[name] != '-' || strcmp(entry + name + 1 + NUMBER_DIGITS, SUFFIX) != 0) {
        return 0;
    }
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        char c = entry[name + 1 + i];
        if (c < '0' || c > '9') {
            return 0;
        }
        number = number * 10 + (c - '0');
    }
    return (uint64_t)number;
}

static const char *path_of(const file_sink *s, uint64_t number, alm_arena *arena)
{
    return alm_path_join(arena, s->folder,
                         alm_arena_printf(arena, "%s-%0*" PRIu64 "%s", s->name, NUMBER_DIGITS,
                                          number, SUFFIX));
}

/* Finds the newest number; removes the oldest files so that at most `keep` are left. */
static alm_err look_around(file_sink *s, size_t keep, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_fs_entry *entry = NULL;
    size_t count = 0, ours = 0;
    alm_err code = s->fs->ops->list(s->fs, s->folder, arena, &entry, &count, error);
    for (size_t i = 0; code == ALM_OK && i < count; i++) {
        uint64_t number = number_of(s, entry[i].name);
        ours += number > 0;
        s->number = number > s->number ? number : s->number;
    }
    /* The list is sorted and numbers have one width: the oldest stand first. */
    for (size_t i = 0; code == ALM_OK && i < count && ours > keep; i++) {
        uint64_t number = number_of(s, entry[i].name);
        if (number > 0) {
            code = s->fs->ops->unlink(s->fs, path_of(s, number, arena), error);
            s->entry_unsynced = true;
            ours--;
        }
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err leave_file(file_sink *s, alm_error *error)
{
    alm_file *file = s->file;
    s->file = NULL;
    s->written_bytes = 0;
    return file ? s->fs->ops->close(s->fs, file, error) : ALM_OK;
}

static alm_err next_file(file_sink *s, alm_error *error)
{
    uint64_t last = 1;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        last *= 10;
    }
    ALM_TRY(leave_file(s, error));
    ALM_TRY(look_around(s, s->files_max > 0 ? s->files_max - 1 : SIZE_MAX, error));
    if (s->number + 1 >= last) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s/%s-*: the file numbers are used up; move the old "
                        "files away", s->folder, s->name);
    }
    alm_arena *arena = alm_arena_create(0);
    const char *path = path_of(s, s->number + 1, arena);
    alm_err code = s->fs->ops->create(s->fs, path, &s->file, error);
    if (code == ALM_OK) {
        s->number++;
        s->entry_unsynced = true;
    }
    alm_arena_destroy(arena);
    return code;
}

/* How many bytes of whole lines fit into `room`; the first line, if `must`, however long it is. */
static size_t fitting(alm_str lines, uint64_t room, bool must)
{
    if (lines.size <= room) {
        return lines.size;
    }
    const char *end = room > 0 ? memrchr(lines.data, '\n', (size_t)room) : NULL;
    if (!end && must) {
        end = memchr(lines.data, '\n', lines.size);
    }
    return end ? (size_t)(end + 1 - lines.data) : 0;
}

static alm_err file_write(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    file_sink *s = (file_sink *)sink;
    alm_assert(lines.size > 0 && lines.data[lines.size - 1] == '\n');
    while (lines.size > 0) {
        uint64_t room = s->written_bytes < s->file_bytes ? s->file_bytes - s->written_bytes : 0;
        size_t size = s->file ? fitting(lines, room, false) : 0;
        if (size == 0) {
            ALM_TRY(next_file(s, error));
            size = fitting(lines, s->file_bytes, true);
        }
        alm_err code = s->fs->ops->write(s->fs, s->file, lines.data, size, error);
        if (code != ALM_OK) {
            (void)leave_file(s, NULL); /* it may end in half a line */
            return code;
        }
        s->written_bytes += size;
        lines.data += size;
        lines.size -= size;
    }
    return ALM_OK;
}

static alm_err file_sync(alm_line_sink *sink, alm_error *error)
{
    file_sink *s = (file_sink *)sink;
    if (s->file) {
        alm_err code = s->fs->ops->sync(s->fs, s->file, error);
        if (code != ALM_OK) {
            (void)leave_file(s, NULL); /* a failed sync is final */
            return code;
        }
    }
    if (s->entry_unsynced) {
        ALM_TRY(s->fs->ops->sync_directory(s->fs, s->folder, error));
        s->entry_unsynced = false;
    }
    return ALM_OK;
}

static alm_err file_close(alm_line_sink *sink, alm_error *error)
{
    file_sink *s = (file_sink *)sink;
    alm_err synced = file_sync(sink, error);
    alm_err closed = leave_file(s, synced == ALM_OK ? error : NULL);
    alm_arena_destroy(s->arena);
    alm_heap_free(s);
    return synced != ALM_OK ? synced : closed;
}

alm_err alm_line_sink_files(const alm_line_files *files, alm_line_sink **out, alm_error *error)
{
    static const alm_line_sink_ops OPS = {"files", file_write, file_sync, file_close};
    if (!alm_str_is_safe_name(alm_str_of(files->name)) || files->file_bytes == 0 ||
        files->files_max > ALM_LINE_FILES_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "log files \"%s\": the name takes [A-Za-z0-9._-], "
                        "the size is at least 1 byte, and at most %d files are kept", files->name,
                        ALM_LINE_FILES_MAX);
    }
    void *memory = NULL;
    ALM_TRY(alm_fs_make_directories(files->fs, files->folder, error));
    ALM_TRY(alm_heap_try(sizeof(file_sink), &memory, error));
    file_sink *s = memory;
    s->sink.ops = &OPS;
    s->arena = alm_arena_create(1024);
    s->fs = files->fs;
    s->folder = alm_arena_copy_text(s->arena, files->folder, strlen(files->folder));
    s->name = alm_arena_copy_text(s->arena, files->name, strlen(files->name));
    s->file_bytes = files->file_bytes;
    s->files_max = files->files_max;
    alm_err code = look_around(s, s->files_max > 0 ? s->files_max : SIZE_MAX, error);
    if (code != ALM_OK) {
        alm_arena_destroy(s->arena);
        alm_heap_free(s);
        return code;
    }
    *out = &s->sink;
    return ALM_OK;
}

/* ---- memory ---- */

typedef struct memory_sink {
    alm_line_sink sink;
    alm_buffer lines;
    size_t limit_bytes;
} memory_sink;

static alm_err memory_write(alm_line_sink *sink, alm_str lines, alm_error *error)
{
    memory_sink *s = (memory_sink *)sink;
    alm_assert(lines.size > 0 && lines.data[lines.size - 1] == '\n');
    for (alm_str rest = lines; rest.size > 0;) {
        size_t size = fitting(rest, 0, true);
        if (size > s->limit_bytes) {
            return alm_fail(error, ALM_ERR_LIMIT, "a line of %zu bytes does not fit into %zu", size,
                            s->limit_bytes);
        }
        rest.data += size;
        rest.size -= size;
    }
    alm_buffer_str(&s->lines, lines);
    if (s->lines.failed) {
        s->lines.failed = false; /* the next one may fit again */
        return alm_fail(error, ALM_ERR_MEMORY, "no memory for %zu bytes of log lines", lines.size);
    }
    if (s->lines.size > s->limit_bytes) {
        size_t surplus = s->lines.size - s->limit_bytes;
        const char *end = memchr(s->lines.data + surplus - 1, '\n', s->limit_bytes + 1);
        surplus = (size_t)(end + 1 - s->lines.data);
        s->lines.size -= surplus;
        memmove(s->lines.data, s->lines.data + surplus, s->lines.size + 1);
    }
    return ALM_OK;
}

static alm_err memory_sync(alm_line_sink *sink, alm_error *error)
{
    (void)sink;
    (void)error;
    return ALM_OK;
}

static alm_err memory_close(alm_line_sink *sink, alm_error *error)
{
    (void)error;
    memory_sink *s = (memory_sink *)sink;
    alm_buffer_deinit(&s->lines);
    alm_heap_free(s);
    return ALM_OK;
}

static const alm_line_sink_ops MEMORY_OPS = {"memory", memory_write, memory_sync, memory_close};

alm_err alm_line_sink_memory(size_t limit_bytes, alm_line_sink **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(memory_sink), &memory, error));
    memory_sink *s = memory;
    s->sink.ops = &MEMORY_OPS;
    s->limit_bytes = limit_bytes;
    *out = &s->sink;
    return ALM_OK;
}

alm_str alm_line_sink_memory_view(const alm_line_sink *sink)
{
    alm_assert(sink->ops == &MEMORY_OPS);
    return alm_buffer_view(&((const memory_sink *)sink)->lines);
}
