/* event_log.c: the folder of segments, and the group commit.
 *
 * A segment in the making: create, write the header, sync it, sync the folder; only then frames.
 * So a file with a damaged header and nothing behind it is one that never came to anything
 * ("void"), and is passed over; with something behind it, it is damaged. The segments that count
 * are the newest whole one and, from its header on, each one's `previous`, down to `oldest`. */
#include "store/event_log.h"

#include <stdio.h>
#include <string.h>

#include "store/event_index.h"
#include "store/event_segment.h"

#define SEGMENT_BYTES_DEFAULT ((size_t)16 << 20)
#define IDS_MAX_DEFAULT ((size_t)1 << 20)
#define NUMBER_DIGITS 20
#define SEGMENT_SUFFIX ".events"

typedef struct segment {
    uint64_t number;
    uint64_t first_sequence;
} segment;

typedef struct segments { /* in order */
    segment *item;
    size_t count;
    size_t room;
} segments;

struct alm_event_log {
    alm_fs *fs;
    alm_arena *arena;
    const char *folder;
    size_t segment_bytes;
    size_t ids_max;
    _Atomic(alm_event_append *) waiting; /* newest first */
    almi_event_index index;
    segments kept;
    uint64_t number_taken;  /* the largest in the folder, void ones included */
    uint64_t newest_bytes;  /* of the newest segment that counts */
    uint64_t next_sequence;
    uint64_t cut_bytes;
    const char *cut_path;
    alm_file *file;         /* of the newest segment; NULL: the next write begins one */
    almi_segment_header header; /* of `file` */
    alm_buffer buffer;
};

static const char *segment_path(const char *folder, uint64_t number, alm_arena *arena)
{
    return alm_arena_printf(arena, "%s/%0*llu" SEGMENT_SUFFIX, folder, NUMBER_DIGITS,
                            (unsigned long long)number);
}

static bool segment_number(const char *name, uint64_t *out)
{
    int64_t number = 0;
    if (strlen(name) != NUMBER_DIGITS + sizeof SEGMENT_SUFFIX - 1 ||
        strcmp(name + NUMBER_DIGITS, SEGMENT_SUFFIX) != 0 ||
        strspn(name, "0123456789") != NUMBER_DIGITS) {
        return false;
    }
    const char *digits = name;
    while (digits + 1 < name + NUMBER_DIGITS && *digits == '0') {
        digits++;
    }
    alm_str text = {digits, (size_t)(name + NUMBER_DIGITS - digits)};
    if (!alm_str_to_i64(text, &number) || number <= 0) {
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

static alm_err keep_segment(segments *kept, segment item, alm_error *error)
{
    if (kept->count == kept->room) {
        size_t room = kept->room ? 2 * kept->room : 16;
        void *memory = kept->item;
        ALM_TRY(alm_heap_try_resize(kept->item, kept->room * sizeof item, room * sizeof item,
                                    &memory, error));
        kept->item = memory;
        kept->room = room;
    }
    kept->item[kept->count++] = item;
    return ALM_OK;
}

/* ---- opening: which segments count ---- */

typedef struct found_segment {
    uint64_t number;
    const char *path;
    uint64_t size_bytes;
    bool is_whole; /* has a header */
    almi_segment_header header;
    size_t sealed; /* bytes that count; SIZE_MAX: the newest */
} found_segment;

static alm_err read_header(alm_fs *fs, found_segment *found, alm_error *error)
{
    char bytes[ALMI_SEGMENT_HEADER_BYTES];
    size_t size = 0;
    alm_fs_stat stat;
    alm_file *file = NULL;
    ALM_TRY(fs->ops->stat(fs, found->path, &stat, error));
    ALM_TRY(fs->ops->open(fs, found->path, &file, error));
    alm_err code = ALM_OK;
    for (size_t got = 1; code == ALM_OK && got > 0 && size < sizeof bytes; size += got) {
        got = 0;
        code = fs->ops->read(fs, file, bytes + size, sizeof bytes - size, &got, error);
    }
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    ALM_TRY(code != ALM_OK ? code : closed);
    found->size_bytes = stat.size_bytes;
    found->is_whole = almi_segment_read_header((alm_str){bytes, size}, &found->header) &&
                      found->header.number == found->number;
    return ALM_OK;
}

static alm_err list_segments(alm_fs *fs, const char *folder, alm_arena *arena,
                             found_segment **out, size_t *count, alm_error *error)
{
    alm_fs_entry *entry = NULL;
    size_t entries = 0;
    ALM_TRY(fs->ops->list(fs, folder, arena, &entry, &entries, error));
    found_segment *found = ALM_NEW_ARRAY(arena, found_segment, entries + 1);
    size_t used = 0;
    for (size_t i = 0; i < entries; i++) { /* sorted names of equal length are sorted numbers */
        if (segment_number(entry[i].name, &found[used].number)) {
            found[used].path = segment_path(folder, found[used].number, arena);
            used++;
        }
    }
    *out = found;
    *count = used;
    return ALM_OK;
}

/* Nothing is written behind a header before the header is safe. */
static alm_err check_headers(const found_segment *found, size_t count, uint64_t oldest,
                             alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (found[i].number >= oldest && !found[i].is_whole &&
            found[i].size_bytes > ALMI_SEGMENT_HEADER_BYTES) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: the header is damaged: bring the file "
                            "back from a copy; without it nobody can tell which events are lost",
                            found[i].path);
        }
    }
    return ALM_OK;
}

/* Follows `previous` from the newest whole segment down to `oldest`. `chain` gets them newest
 * first. */
static alm_err follow_chain(found_segment *found, size_t count, found_segment **chain,
                            size_t *length, alm_error *error)
{
    size_t at = count;
    while (at > 0 && !found[at - 1].is_whole) {
        at--;
    }
    *length = 0;
    uint64_t oldest = at > 0 ? found[at - 1].header.oldest : 0;
    ALM_TRY(check_headers(found, count, oldest, error));
    if (at == 0) {
        return ALM_OK;
    }
    found_segment *here = &found[at - 1];
    here->sealed = SIZE_MAX;
    for (chain[(*length)++] = here; here->header.previous >= oldest; chain[(*length)++] = here) {
        const almi_segment_header *next = &here->header;
        while (at > 0 && found[at - 1].number > next->previous) {
            at--;
        }
        if (at == 0 || found[at - 1].number != next->previous || !found[at - 1].is_whole) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: segment %llu before it is missing or "
                            "damaged: bring it back from a copy; without it nobody can tell which "
                            "events are lost", here->path, (unsigned long long)next->previous);
        }
        here = &found[at - 1];
        here->sealed = next->previous_bytes > SIZE_MAX - 1 ? 0 : (size_t)next->previous_bytes;
    }
    return ALM_OK;
}

/* ---- opening: reading ---- */

typedef struct replay {
    alm_event_log *log;
    const alm_event_sink *sink;
    const char *path;
} replay;

static alm_err replay_record(void *context, const alm_event_record *record, alm_error *error)
{
    const replay *r = context;
    alm_event_log *log = r->log;
    almi_event_entry entry = almi_event_entry_of(record->id, record->content, record->sequence);
    if (almi_event_index_find(&log->index, &entry) != NULL) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: event %llu has an id that is in the log "
                        "already", r->path, (unsigned long long)record->sequence);
    }
    /* What is there is read, however many there are: the bound is for what comes. */
    ALM_TRY(almi_event_index_add(&log->index, &entry, error));
    return r->sink != NULL ? r->sink->take(r->sink->context, record, error) : ALM_OK;
}

/* What has been read may be in the memory of the system only, left there by a process that was
 * killed before its sync; it is acknowledged as a duplicate from now on. */
static alm_err sync_newest(alm_fs *fs, const char *path, alm_error *error)
{
    alm_file *file = NULL;
    ALM_TRY(fs->ops->open(fs, path, &file, error));
    alm_err code = fs->ops->sync(fs, file, error);
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    return code != ALM_OK ? code : closed;
}

static alm_err read_one(alm_event_log *log, const found_segment *found, const alm_event_sink *sink,
                        alm_arena *arena, alm_error *error)
{
    replay r = {log, sink, found->path};
    alm_event_sink each = {replay_record, &r};
    almi_segment_end end;
    alm_str bytes;
    if (log->kept.count > 0 && found->header.first_sequence != log->next_sequence) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: begins with event %llu, after %llu",
                        found->path, (unsigned long long)found->header.first_sequence,
                        (unsigned long long)log->next_sequence - 1);
    }
    ALM_TRY(alm_fs_read_all(log->fs, found->path, ALMI_SEGMENT_BYTES_MAX, arena, &bytes, error));
    ALM_TRY(almi_segment_read(bytes, found->path, found->sealed, &each, &end, error));
    ALM_TRY(keep_segment(&log->kept, (segment){found->number, found->header.first_sequence},
                         error));
    log->next_sequence = end.next_sequence;
    log->newest_bytes = end.bytes;
    if (found->sealed == SIZE_MAX) {
        log->cut_bytes = bytes.size - end.bytes;
        log->cut_path = log->cut_bytes > 0 ? segment_path(log->folder, found->number, log->arena)
                                           : "";
        ALM_TRY(sync_newest(log->fs, found->path, error));
    }
    return ALM_OK;
}

static alm_err make_folder(alm_fs *fs, const char *folder, alm_error *error)
{
    alm_error reason = {0};
    alm_err code = fs->ops->make_directory(fs, folder, &reason);
    return code == ALM_OK || code == ALM_ERR_EXISTS ? ALM_OK
                                                    : alm_fail(error, code, "%s", reason.message);
}

static alm_err read_folder(alm_event_log *log, const alm_event_sink *sink, alm_arena *scratch,
                           alm_error *error)
{
    found_segment *found = NULL;
    size_t count = 0;
    size_t length = 0;
    ALM_TRY(make_folder(log->fs, log->folder, error));
    ALM_TRY(list_segments(log->fs, log->folder, scratch, &found, &count, error));
    if (count == 0) { /* perhaps made by a process that was killed before it could sync */
        ALM_TRY(log->fs->ops->sync_directory(
            log->fs, alm_path_directory(scratch, log->folder), error));
    }
    log->number_taken = count > 0 ? found[count - 1].number : 0;
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_header(log->fs, &found[i], error));
    }
    found_segment **chain = ALM_NEW_ARRAY(scratch, found_segment *, count + 1);
    ALM_TRY(follow_chain(found, count, chain, &length, error));
    alm_arena *one = alm_arena_create(0);
    alm_err code = ALM_OK;
    while (code == ALM_OK && length-- > 0) {
        alm_arena_reset(one);
        code = read_one(log, chain[length], sink, one, error);
    }
    alm_arena_destroy(one);
    return code;
}

alm_err alm_event_log_open(alm_fs *fs, const alm_event_log_options *options,
                           const alm_event_sink *replay_to, alm_event_log **out,
                           alm_error *error)
{
    alm_arena *arena = alm_arena_create(1024);
    alm_event_log *log = ALM_NEW(arena, alm_event_log);
    *log = (alm_event_log){
        .fs = fs,
        .arena = arena,
        .folder = alm_arena_copy_text(arena, options->folder, strlen(options->folder)),
        .segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_BYTES_DEFAULT,
        .ids_max = options->ids_max ? options->ids_max : IDS_MAX_DEFAULT,
        .next_sequence = 1,
        .cut_path = "",
    };
    alm_assert(log->segment_bytes < ALMI_SEGMENT_BYTES_MAX - 2 * ALMI_FRAME_BYTES_MAX);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = read_folder(log, replay_to, scratch, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_event_log_close(log);
        return code;
    }
    *out = log;
    return ALM_OK;
}

/* ---- reading again ---- */

typedef struct span { /* of what a replay is asked for */
    const alm_event_range *range;
    const alm_event_sink *sink;
} span;

static alm_err pass_on(void *context, const alm_event_record *record, alm_error *error)
{
    const span *s = context;
    bool is_asked = record->sequence >= s->range->from && record->sequence < s->range->before;
    return is_asked ? s->sink->take(s->sink->context, record, error) : ALM_OK;
}

static alm_err replay_segment(alm_fs *fs, const found_segment *found, const span *s,
                              alm_error *error)
{
    alm_event_sink each = {pass_on, (void *)s};
    almi_segment_end end;
    alm_str bytes;
    alm_arena *arena = alm_arena_create(0);
    alm_err code =
        alm_fs_read_all(fs, found->path, ALMI_SEGMENT_BYTES_MAX, arena, &bytes, error);
    if (code == ALM_OK) {
        code = almi_segment_read(bytes, found->path, found->sealed, &each, &end, error);
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err replay_chain(alm_fs *fs, const span *s, alm_arena *scratch, alm_error *error)
{
    found_segment *found = NULL;
    size_t count = 0;
    size_t length = 0;
    ALM_TRY(list_segments(fs, s->range->folder, scratch, &found, &count, error));
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_header(fs, &found[i], error));
    }
    found_segment **chain = ALM_NEW_ARRAY(scratch, found_segment *, count + 1);
    ALM_TRY(follow_chain(found, count, chain, &length, error));
    while (length-- > 0) { /* the newest is chain[0] */
        bool is_behind = length > 0 && chain[length - 1]->header.first_sequence <= s->range->from;
        if (!is_behind && chain[length]->header.first_sequence < s->range->before) {
            ALM_TRY(replay_segment(fs, chain[length], s, error));
        }
    }
    return ALM_OK;
}

alm_err alm_event_log_replay(alm_fs *fs, const alm_event_range *range, const alm_event_sink *sink,
                             alm_error *error)
{
    if (range->from >= range->before) {
        return ALM_OK;
    }
    span s = {range, sink};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = replay_chain(fs, &s, scratch, error);
    alm_arena_destroy(scratch);
    return code;
}

static void close_file(alm_event_log *log)
{
    if (log->file != NULL) {
        (void)log->fs->ops->close(log->fs, log->file, NULL); /* what counts has been synced */
        log->file = NULL;
    }
}

void alm_event_log_close(alm_event_log *log)
{
    if (log == NULL) {
        return;
    }
    alm_assert(!alm_event_log_has_waiting(log));
    close_file(log);
    almi_event_index_deinit(&log->index);
    alm_heap_free(log->kept.item);
    alm_buffer_deinit(&log->buffer);
    alm_arena_destroy(log->arena); /* the struct lies in it */
}

/* ---- writing ---- */

static alm_err write_header(alm_event_log *log, const char *path, alm_error *error)
{
    alm_fs *fs = log->fs;
    almi_segment_write_header(&log->header, &log->buffer);
    ALM_TRY(alm_buffer_status(&log->buffer, error));
    ALM_TRY(fs->ops->create(fs, path, &log->file, error));
    alm_err code = fs->ops->write(fs, log->file, log->buffer.data, log->buffer.size, error);
    if (code == ALM_OK) {
        code = fs->ops->sync(fs, log->file, error);
    }
    if (code == ALM_OK) {
        code = fs->ops->sync_directory(fs, log->folder, error);
    }
    if (code != ALM_OK) {
        close_file(log);
    }
    return code;
}

/* A new segment behind what counts now. `oldest` as in its header; 0: as before. */
static alm_err begin_segment(alm_event_log *log, uint64_t oldest, alm_error *error)
{
    close_file(log);
    const segments *kept = &log->kept;
    uint64_t number = log->number_taken + 1;
    uint64_t previous = kept->count > 0 ? kept->item[kept->count - 1].number : 0;
    uint64_t first = kept->count > 0 ? kept->item[0].number : number;
    log->header = (almi_segment_header){
        .number = number,
        .first_sequence = log->next_sequence,
        .oldest = oldest > 0 ? oldest : first,
        .previous = previous,
        .previous_bytes = previous > 0 ? log->newest_bytes : 0,
    };
    alm_random_bytes(log->header.salt, sizeof log->header.salt);
    ALM_TRY(keep_segment(&log->kept, (segment){number, log->next_sequence}, error));
    alm_arena *scratch = alm_arena_create(1024);
    log->number_taken = number; /* also when it fails: the name may be taken then */
    alm_err code = write_header(log, segment_path(log->folder, number, scratch), error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        log->kept.count--;
        return code;
    }
    log->newest_bytes = ALMI_SEGMENT_HEADER_BYTES;
    return ALM_OK;
}

/* The frame in the buffer, with `records` records from next_sequence on. */
static alm_err write_frame(alm_event_log *log, uint64_t records, alm_error *error)
{
    alm_fs *fs = log->fs;
    almi_frame_finish(&log->header, log->next_sequence, records, &log->buffer);
    ALM_TRY(alm_buffer_status(&log->buffer, error));
    alm_err code = fs->ops->write(fs, log->file, log->buffer.data, log->buffer.size, error);
    if (code == ALM_OK) {
        code = fs->ops->sync(fs, log->file, error);
    }
    if (code != ALM_OK) {
        close_file(log); /* the next segment says that this frame does not count */
        return code;
    }
    log->newest_bytes += log->buffer.size;
    log->next_sequence += records;
    return ALM_OK;
}

/* ---- group commit ---- */

void alm_event_log_submit(alm_event_log *log, alm_event_append *append)
{
    append->outcome = ALM_EVENT_WAITING;
    append->next = atomic_load_explicit(&log->waiting, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&log->waiting, &append->next, append,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

bool alm_event_log_has_waiting(const alm_event_log *log)
{
    return atomic_load_explicit(&log->waiting, memory_order_acquire) != NULL;
}

bool alm_event_log_has(const alm_event_log *log, alm_str id)
{
    almi_event_entry entry = almi_event_entry_of(id, (alm_str){0}, 0);
    return almi_event_index_find(&log->index, &entry) != NULL;
}

/* All that is waiting, in the order of the submissions. */
static alm_event_append *take_waiting(alm_event_log *log)
{
    alm_event_append *newest =
        atomic_exchange_explicit(&log->waiting, NULL, memory_order_acquire);
    alm_event_append *first = NULL;
    while (newest != NULL) {
        alm_event_append *next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    return first;
}

typedef struct group { /* what goes into one frame */
    alm_event_append *first;
    alm_event_append **end;
    uint64_t records;
} group;

static void refuse(alm_event_append *append, const alm_error *error)
{
    append->outcome = ALM_EVENT_REFUSED;
    append->error = *error;
}

/* Checks one event and puts it into the frame unless it is there already. */
static alm_err stage(alm_event_log *log, group *g, alm_event_append *append, alm_error *error)
{
    if (append->id.size == 0 || append->id.size > ALM_EVENT_ID_BYTES_MAX ||
        append->content.size > ALM_EVENT_CONTENT_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "an event has an id of 1 to %d bytes and at most "
                        "%d bytes of content", ALM_EVENT_ID_BYTES_MAX,
                        ALM_EVENT_CONTENT_BYTES_MAX);
    }
    uint64_t sequence = log->next_sequence + g->records;
    almi_event_entry entry = almi_event_entry_of(append->id, append->content, sequence);
    const almi_event_entry *known = almi_event_index_find(&log->index, &entry);
    if (known != NULL) {
        if (memcmp(known->content, entry.content, sizeof entry.content) != 0) {
            return alm_fail(error, ALM_ERR_CONFLICT, "event " ALM_STR_FMT " was received before "
                            "with other content: a correction is an event of its own, with an id "
                            "of its own", ALM_STR_ARG(append->id));
        }
        append->outcome = ALM_EVENT_DUPLICATE;
        append->sequence = known->sequence;
        return ALM_OK;
    }
    if (log->index.count >= log->ids_max) {
        return alm_fail(error, ALM_ERR_LIMIT, "the event log holds its limit of %zu ids: take a "
                        "snapshot that has these events, and release them", log->ids_max);
    }
    ALM_TRY(almi_event_index_add(&log->index, &entry, error));
    almi_frame_add(&log->buffer,
                   &(alm_event_record){sequence, append->received, append->id, append->content});
    append->outcome = ALM_EVENT_STORED;
    append->sequence = sequence;
    g->records++;
    return ALM_OK;
}

/* Nobody of the group has what a failed write should have made safe. */
static void take_back(alm_event_log *log, const group *g, const alm_error *error)
{
    for (alm_event_append *at = g->first; at != NULL; at = at->next) {
        if (at->outcome == ALM_EVENT_REFUSED || at->sequence < log->next_sequence) {
            continue;
        }
        if (at->outcome == ALM_EVENT_STORED) {
            almi_event_entry entry = almi_event_entry_of(at->id, at->content, at->sequence);
            almi_event_index_remove(&log->index, &entry);
        }
        refuse(at, error);
    }
}

static alm_err flush(alm_event_log *log, group *g, size_t *count, alm_error *error)
{
    alm_error reason = {0};
    alm_err code = g->records > 0 ? write_frame(log, g->records, &reason) : ALM_OK;
    if (code != ALM_OK) {
        take_back(log, g, &reason);
        code = alm_fail(error, code, "%s", reason.message);
    }
    for (alm_event_append *at = g->first, *next; at != NULL; at = next) {
        next = at->next; /* `done` may free it */
        at->done(at);
        ++*count;
    }
    return code;
}

/* The log can take nothing: everybody is told. */
static void refuse_all(alm_event_append *first, const alm_error *reason, size_t *count)
{
    for (alm_event_append *at = first, *next; at != NULL; at = next) {
        next = at->next;
        refuse(at, reason);
        at->done(at);
        ++*count;
    }
}

static bool is_full(const alm_event_log *log)
{
    return log->file == NULL || log->newest_bytes >= log->segment_bytes;
}

/* As many as fit a frame; the rest stays in `*rest`. */
static alm_err commit_some(alm_event_log *log, alm_event_append **rest, size_t *count,
                           alm_error *error)
{
    alm_error reason = {0};
    if (is_full(log)) {
        alm_err code = begin_segment(log, 0, &reason);
        if (code != ALM_OK) {
            refuse_all(*rest, &reason, count);
            *rest = NULL;
            return alm_fail(error, code, "%s", reason.message);
        }
    }
    group g = {.records = 0};
    g.end = &g.first;
    almi_frame_begin(&log->buffer);
    while (*rest != NULL && log->buffer.size < ALMI_FRAME_BYTES_MAX) {
        alm_event_append *append = *rest;
        *rest = append->next;
        append->next = NULL;
        *g.end = append;
        g.end = &append->next;
        if (stage(log, &g, append, &reason) != ALM_OK) {
            refuse(append, &reason);
        }
    }
    return flush(log, &g, count, error);
}

alm_err alm_event_log_commit(alm_event_log *log, size_t *count, alm_error *error)
{
    alm_event_append *rest = take_waiting(log);
    alm_err code = ALM_OK;
    *count = 0;
    while (rest != NULL) {
        alm_err failed = commit_some(log, &rest, count, code == ALM_OK ? error : NULL);
        code = code == ALM_OK ? failed : code;
    }
    return code;
}

/* ---- retention ---- */

/* Segments whose last event lies below `before`. */
static size_t count_released(const alm_event_log *log, uint64_t before)
{
    const segments *kept = &log->kept;
    size_t gone = 0;
    while (gone + 1 < kept->count && kept->item[gone + 1].first_sequence <= before) {
        gone++;
    }
    return gone;
}

bool alm_event_log_can_release(const alm_event_log *log, uint64_t before)
{
    return count_released(log, before) > 0;
}

alm_err alm_event_log_release(alm_event_log *log, uint64_t before, alm_error *error)
{
    segments *kept = &log->kept;
    size_t gone = count_released(log, before);
    if (gone == 0) {
        return ALM_OK;
    }
    uint64_t oldest = kept->item[gone].number;
    ALM_TRY(begin_segment(log, oldest, error));
    almi_event_index_forget(&log->index, kept->item[gone].first_sequence);
    alm_arena *scratch = alm_arena_create(1024);
    alm_fs_entry *entry = NULL;
    size_t entries = 0;
    /* The header says it already; a file that cannot be removed now goes the next time. */
    if (log->fs->ops->list(log->fs, log->folder, scratch, &entry, &entries, NULL) != ALM_OK) {
        entries = 0;
    }
    for (size_t i = 0; i < entries; i++) {
        uint64_t number = 0;
        if (segment_number(entry[i].name, &number) && number < oldest) {
            const char *path = segment_path(log->folder, number, scratch);
            (void)log->fs->ops->unlink(log->fs, path, NULL);
        }
    }
    alm_arena_destroy(scratch);
    memmove(kept->item, kept->item + gone, (kept->count - gone) * sizeof *kept->item);
    kept->count -= gone;
    return ALM_OK;
}

void alm_event_log_facts_of(const alm_event_log *log, alm_event_log_facts *out)
{
    *out = (alm_event_log_facts){
        .oldest_sequence = log->kept.count > 0 ? log->kept.item[0].first_sequence
                                               : log->next_sequence,
        .next_sequence = log->next_sequence,
        .ids = log->index.count,
        .segments = log->kept.count,
        .cut_bytes = log->cut_bytes,
        .cut_path = log->cut_path,
    };
}
