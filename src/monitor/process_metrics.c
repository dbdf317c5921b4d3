#include "monitor/process_metrics.h"

#include <string.h>
#include <unistd.h>

enum {
    /* /proc/stat has a number per interrupt and ten per processor; btime stands behind them. */
    PROC_BYTES_MAX = 1 << 20,
    READ_BYTES = 16384
};

alm_process_source alm_process_source_here(alm_fs *fs)
{
    return (alm_process_source){.fs = fs, .root = "/proc",
                                .ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK),
                                .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
}

/* Files of /proc say that they are empty, so they are read until they end. */
static alm_err read_until_end(alm_fs *fs, const char *path, alm_buffer *out, alm_error *error)
{
    alm_file *file = NULL;
    char piece[READ_BYTES];
    size_t got = 1;
    ALM_TRY(fs->ops->open(fs, path, &file, error));
    alm_err code = ALM_OK;
    while (code == ALM_OK && got > 0) {
        code = fs->ops->read(fs, file, piece, sizeof piece, &got, error);
        if (code == ALM_OK) {
            alm_buffer_append(out, piece, got);
            code = out->size <= PROC_BYTES_MAX
                       ? alm_buffer_status(out, error)
                       : alm_fail(error, ALM_ERR_CORRUPT, "%s is longer than proc(5) says", path);
        }
    }
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    return code != ALM_OK ? code : closed;
}

static alm_err unlike(const char *path, const char *what, alm_error *error)
{
    return alm_fail(error, ALM_ERR_CORRUPT, "%s has no %s where proc(5) says", path, what);
}

/* The next word of a line; empty at the end. */
static alm_str next_word(alm_str *rest)
{
    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        rest->data++;
        rest->size--;
    }
    alm_str word = {rest->data, 0};
    while (rest->size > 0 && rest->data[0] != ' ' && rest->data[0] != '\t' &&
           rest->data[0] != '\n') {
        rest->data++;
        rest->size--;
        word.size++;
    }
    return word;
}

static bool next_number(alm_str *rest, uint64_t *out)
{
    int64_t value = 0;
    alm_str word = next_word(rest);
    if (!alm_str_to_i64(word, &value) || value < 0) {
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

/* Behind the first line that starts so; data NULL when there is none. */
static alm_str line_after(alm_str text, const char *start)
{
    for (alm_str rest = text; rest.data;) {
        alm_str line = alm_str_split(&rest, '\n');
        if (alm_str_starts_with(line, start)) {
            size_t size = strlen(start);
            return (alm_str){line.data + size, line.size - size};
        }
    }
    return (alm_str){NULL, 0};
}

typedef struct accounts {
    uint64_t user_ticks;
    uint64_t system_ticks;
    uint64_t start_ticks; /* since the machine started */
    uint64_t virtual_bytes;
    uint64_t resident_pages;
} accounts;

/* The name of the program, field 2, may hold anything; the last parenthesis ends it. */
static alm_err parse_stat(alm_str text, const char *path, accounts *out, alm_error *error)
{
    const char *end = text.size > 0 ? memrchr(text.data, ')', text.size) : NULL;
    if (!end) {
        return unlike(path, "name", error);
    }
    alm_str rest = {end + 1, text.size - (size_t)(end + 1 - text.data)};
    for (int field = 3; field <= 24; field++) {
        uint64_t *place = field == 14   ? &out->user_ticks
                          : field == 15 ? &out->system_ticks
                          : field == 22 ? &out->start_ticks
                          : field == 23 ? &out->virtual_bytes
                          : field == 24 ? &out->resident_pages
                                        : NULL;
        if (!place) {
            (void)next_word(&rest);
        } else if (!next_number(&rest, place)) {
            return unlike(path, "whole numbers", error);
        }
    }
    return ALM_OK;
}

static alm_err parse_limits(alm_str text, const char *path, uint64_t *out, alm_error *error)
{
    alm_str rest = line_after(text, "Max open files"), again = rest;
    if (!rest.data) {
        return unlike(path, "line \"Max open files\"", error);
    }
    if (alm_str_is(next_word(&again), "unlimited")) {
        *out = UINT64_MAX;
        return ALM_OK;
    }
    return next_number(&rest, out) ? ALM_OK : unlike(path, "number of open files", error);
}

typedef struct reading {
    const alm_process_source *source;
    alm_arena *arena;
    alm_buffer text;
} reading;

static alm_err load(reading *r, const char *name, const char **path, alm_error *error)
{
    *path = alm_path_join(r->arena, r->source->root, name);
    alm_buffer_clear(&r->text);
    return read_until_end(r->source->fs, *path, &r->text, error);
}

static alm_err read_all(reading *r, alm_process_usage *out, alm_error *error)
{
    const char *path = NULL;
    accounts found = {0};
    ALM_TRY(load(r, "self/stat", &path, error));
    ALM_TRY(parse_stat(alm_buffer_view(&r->text), path, &found, error));
    ALM_TRY(load(r, "self/limits", &path, error));
    ALM_TRY(parse_limits(alm_buffer_view(&r->text), path, &out->open_files_max, error));
    ALM_TRY(load(r, "stat", &path, error));
    alm_str rest = line_after(alm_buffer_view(&r->text), "btime");
    uint64_t machine_start_seconds = 0;
    if (!rest.data || !next_number(&rest, &machine_start_seconds)) {
        return unlike(path, "line \"btime\"", error);
    }
    alm_fs *fs = r->source->fs;
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    path = alm_path_join(r->arena, r->source->root, "self/fd");
    ALM_TRY(fs->ops->list(fs, path, r->arena, &entry, &count, error));
    uint64_t tick_ns = UINT64_C(1000000000) / r->source->ticks_per_second;
    out->open_files = count;
    out->cpu_ns = (found.user_ticks + found.system_ticks) * tick_ns;
    out->virtual_bytes = found.virtual_bytes;
    out->resident_bytes = found.resident_pages * r->source->page_bytes;
    out->start_seconds = (double)machine_start_seconds +
                         (double)found.start_ticks / (double)r->source->ticks_per_second;
    return ALM_OK;
}

alm_err alm_process_read(const alm_process_source *source, alm_process_usage *out,
                         alm_error *error)
{
    alm_assert(source->ticks_per_second > 0);
    reading r = {.source = source, .arena = alm_arena_create(0)};
    alm_process_usage usage = {0};
    alm_err code = read_all(&r, &usage, error);
    if (code == ALM_OK) {
        *out = usage;
    }
    alm_buffer_deinit(&r.text);
    alm_arena_destroy(r.arena);
    return code;
}
