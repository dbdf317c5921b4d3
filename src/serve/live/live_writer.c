/* live_writer.c: the writer: the log, what is posted, and the days.
 *
 * One round takes everything that is posted: a check of each event, one commit of the log (one
 * write and one sync for all), then states, one publish of each, then everybody is told. While the
 * disk is waited for, the next round's posts gather. */
#include "serve/live/live_internal.h"

#include <stdio.h>
#include <string.h>

#define TICK_NS 1000000000u
#define MICROSECONDS 1000000
#define SINCE_FILE "complete-since"
#define SINCE_BYTES_MAX 64

/* ---- since when the log is whole ---- */

static const char *since_path(const alm_live *live, const char *suffix)
{
    return alm_arena_printf(live->scratch, "%s/%s%s", live->options.log_folder, SINCE_FILE, suffix);
}

alm_err almi_live_read_since(alm_live *live, alm_date *out, alm_error *error)
{
    alm_str text;
    const char *path = since_path(live, "");
    *out = ALM_DATE_NONE;
    if (!alm_fs_exists(live->fs, path)) {
        return ALM_OK;
    }
    ALM_TRY(alm_fs_read_all(live->fs, path, SINCE_BYTES_MAX, live->scratch, &text, error));
    return alm_date_parse(alm_str_trim(text), out)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CORRUPT, "%s holds no date: it says since which day the "
                          "log has every event that no snapshot has", path);
}

/* Before anything is removed: what is missing must be known as missing after a crash. */
static alm_err write_since(alm_live *live, alm_date since, alm_error *error)
{
    char text[ALM_DATE_TEXT_BYTES + 1];
    alm_fs *fs = live->fs;
    const char *made = since_path(live, ".new");
    alm_file *file = NULL;
    alm_date_text(since, text);
    alm_error ignored;
    alm_err gone = fs->ops->unlink(fs, made, &ignored); /* of a process that was killed */
    if (gone != ALM_OK && gone != ALM_ERR_NOT_FOUND) {
        return alm_fail(error, gone, "%s", ignored.message);
    }
    ALM_TRY(fs->ops->create(fs, made, &file, error));
    alm_err code = fs->ops->write(fs, file, text, strlen(text), error);
    code = code == ALM_OK ? fs->ops->sync(fs, file, error) : code;
    alm_err closed = fs->ops->close(fs, file, code == ALM_OK ? error : NULL);
    ALM_TRY(code != ALM_OK ? code : closed);
    ALM_TRY(fs->ops->rename(fs, made, since_path(live, ""), error));
    return fs->ops->sync_directory(fs, live->options.log_folder, error);
}

/* ---- the log ---- */

static void take_facts(alm_live *live)
{
    alm_mutex_lock(&live->lock);
    alm_event_log_facts_of(live->log, &live->log_facts);
    alm_mutex_unlock(&live->lock);
}

static alm_err try_open_log(alm_live *live, alm_date *since, alm_error *error)
{
    alm_event_log_options options = {.folder = live->options.log_folder,
                                     .segment_bytes = live->options.log_segment_bytes};
    ALM_TRY(almi_live_read_since(live, since, error));
    return alm_event_log_open(live->fs, &options, NULL, &live->log, error);
}

static void open_log(alm_live *live)
{
    alm_error error;
    alm_date since = ALM_DATE_NONE;
    alm_arena_reset(live->scratch);
    alm_err code = try_open_log(live, &since, &error);
    alm_mutex_lock(&live->lock);
    live->log_is_open = code == ALM_OK;
    live->complete_since = since;
    (void)snprintf(live->log_problem, sizeof live->log_problem, "%s",
                   code == ALM_OK ? "" : error.message);
    live->wants_changed = true;
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
    if (code != ALM_OK) {
        live->log_is_damaged = code == ALM_ERR_CORRUPT;
        live->log_retry = alm_env_now(&live->env) +
                          (alm_instant)live->options.retry_s * MICROSECONDS;
        almi_live_note(live, ALM_LOG_ERROR, "events are not taken, and nothing is computed online: "
                       "%s", error.message);
        return;
    }
    take_facts(live);
    if (live->log_facts.cut_bytes > 0) {
        almi_live_note(live, ALM_LOG_WARN, "%s: the last %llu bytes are of a write that was cut "
                       "off; nobody was told that they are stored", live->log_facts.cut_path,
                       (unsigned long long)live->log_facts.cut_bytes);
    }
}

/* ---- lines ---- */

static void fail_line(alm_live *live, almi_live_line *line, const alm_error *reason)
{
    bool is_new = false;
    line->has_failed = true;
    alm_mutex_lock(&live->lock);
    almi_live_refuse(live, line->run_id, reason, &is_new);
    live->wants_changed = true;
    alm_mutex_unlock(&live->lock);
    almi_live_note(live, ALM_LOG_WARN, "run " ALM_STR_FMT ": nothing is computed online: %s",
                   ALM_STR_ARG(line->run_id), reason->message);
}

/* Days that are over; a line whose calendar ends is over, too. */
static void close_days(alm_live *live, almi_live_line *line)
{
    alm_error reason;
    alm_date today = almi_live_today(live);
    if (line->has_failed) {
        return;
    }
    alm_err code = alm_online_state_advance(line->state, today, &reason);
    if (code != ALM_OK) {
        reason.code = code == ALM_ERR_LIMIT ? ALM_ERR_INCOMPLETE : code; /* it stays so */
        fail_line(live, line, &reason);
    }
}

static void adopt(alm_live *live, almi_live_line *line)
{
    alm_error reason;
    alm_err code = almi_live_replay(live, line, live->log_facts.next_sequence, NULL, &reason);
    if (code == ALM_OK && line->is_touched) {
        code = alm_online_state_publish(line->state, &reason);
        line->is_touched = false;
    }
    if (code != ALM_OK) {
        fail_line(live, line, &reason);
    } else {
        close_days(live, line);
    }
    if (line->has_failed) {
        almi_live_line_destroy(line);
        line = NULL;
    } else {
        almi_live_note(live, ALM_LOG_INFO, "run " ALM_STR_FMT " is followed by events: %zu "
                       "series, %llu MB", ALM_STR_ARG(line->run_id),
                       alm_online_state_series_count(line->state),
                       (unsigned long long)(line->bytes >> 20));
    }
    almi_live_publish(live, line);
    alm_mutex_lock(&live->lock);
    live->opened = NULL;
    live->is_opening = false;
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
}

/* ---- what is posted ---- */

static void note_outcome(alm_event_append *append)
{
    alm_live_event *event = append->context;
    event->outcome = append->outcome;
    event->sequence = append->sequence;
    event->error = append->error;
}

/* Every line that knows the series agrees, and one knows it. */
static alm_err check_event(alm_live *live, const alm_live_event *event, alm_error *error)
{
    const almi_live_table *table = almi_live_current(live);
    size_t writer = live->options.workers;
    alm_date today = almi_live_today(live);
    alm_err unknown = ALM_ERR_UNAVAILABLE;
    bool is_known = false;
    for (size_t i = 0; table && i < table->lines; i++) {
        almi_live_line *line = table->line[i];
        /* Of the last day that it knows a line cannot tell. */
        if (line->has_failed || today >= alm_online_state_last_end(line->state)) {
            continue;
        }
        const alm_online_now *now = alm_online_state_enter(line->state, writer);
        alm_err code = alm_online_state_check(line->state, now, &event->event, error);
        alm_online_state_leave(line->state, writer);
        if (code != ALM_OK && code != ALM_ERR_NOT_FOUND) {
            return code;
        }
        unknown = code == ALM_ERR_NOT_FOUND ? code : unknown;
        is_known = is_known || code == ALM_OK;
    }
    if (is_known) {
        return ALM_OK;
    }
    return unknown == ALM_ERR_NOT_FOUND
               ? unknown
               : alm_fail(error, ALM_ERR_UNAVAILABLE, "no route computes online now, so an event "
                          "cannot be checked: %s", table && table->count > 0 &&
                                                           table->entry[0].problem.size > 0
                                                       ? table->entry[0].problem.data
                                                       : "the features are being read");
}

static void submit(alm_live *live, const alm_live_post *post, alm_live_event *event)
{
    event->append = (alm_event_append){.id = event->id,
                                       .content = event->content,
                                       .received = post->received,
                                       .done = note_outcome,
                                       .context = event};
    event->outcome = ALM_EVENT_REFUSED;
    /* What the log has is a duplicate or a conflict, whatever the states say by now. */
    if (alm_event_log_has(live->log, event->id) ||
        check_event(live, event, &event->error) == ALM_OK) {
        alm_event_log_submit(live->log, &event->append);
    }
}

/* As the log has it: what was read back is what every later start will read. */
static void apply(alm_live *live, const alm_live_event *event, alm_instant received)
{
    const almi_live_table *table = almi_live_current(live);
    alm_event_record record = {event->sequence, received, event->id, event->content};
    alm_event read;
    alm_error reason;
    alm_arena_reset(live->scratch);
    alm_err code = alm_event_read(event->content, live->scratch, &read, &reason);
    for (size_t i = 0; table && i < table->lines; i++) {
        almi_live_line *line = table->line[i];
        alm_err applied = code;
        if (!line->has_failed && code == ALM_OK) {
            applied = almi_live_apply(line, &read, &record, &reason);
        }
        if (!line->has_failed && applied != ALM_OK) {
            fail_line(live, line, &reason);
        }
    }
}

static void show(alm_live *live)
{
    const almi_live_table *table = almi_live_current(live);
    alm_error reason;
    for (size_t i = 0; table && i < table->lines; i++) {
        almi_live_line *line = table->line[i];
        if (!line->has_failed && line->is_touched &&
            alm_online_state_publish(line->state, &reason) != ALM_OK) {
            fail_line(live, line, &reason);
        }
        line->is_touched = false;
    }
}

static void commit(alm_live *live)
{
    alm_error error;
    size_t count = 0;
    alm_err code = alm_event_log_commit(live->log, &count, &error);
    if (code != ALM_OK && !live->log_has_failed) {
        almi_live_note(live, ALM_LOG_ERROR, "events cannot be stored: %s", error.message);
    } else if (code == ALM_OK && count > 0 && live->log_has_failed) {
        almi_live_note(live, ALM_LOG_INFO, "events are stored again");
    }
    live->log_has_failed = code != ALM_OK || (live->log_has_failed && count == 0);
    take_facts(live);
}

/* Stored events come in the order of their sequences: submissions are, and duplicates of the same
 * group have the sequence of the first. */
static void take_posts(alm_live *live, alm_live_post *first)
{
    for (alm_live_post *post = first; post; post = post->next) {
        for (size_t i = 0; i < post->count; i++) {
            submit(live, post, &post->event[i]);
        }
    }
    commit(live);
    size_t told = 0;
    for (alm_live_post *post = first; post; post = post->next) {
        for (size_t i = 0; i < post->count; i++) {
            if (post->event[i].outcome == ALM_EVENT_STORED) {
                apply(live, &post->event[i], post->received);
            }
        }
        told += post->count;
    }
    show(live);
    alm_mutex_lock(&live->lock);
    live->waiting -= told;
    alm_mutex_unlock(&live->lock);
    for (alm_live_post *post = first, *next; post; post = next) {
        next = post->next; /* `done` gives it away */
        post->done(post);
    }
}

alm_err alm_live_post_events(alm_live *live, alm_live_post *post, alm_arena *arena,
                             alm_error *error)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < post->count; i++) {
        alm_live_event *event = &post->event[i];
        alm_buffer_clear(&text);
        alm_event_write(&event->event, &text);
        event->content = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    }
    alm_err code = alm_buffer_status(&text, error);
    alm_buffer_deinit(&text);
    ALM_TRY(code);
    post->received = alm_env_now(&live->env);
    post->next = NULL;
    alm_mutex_lock(&live->lock);
    if (!live->log_is_open || live->is_ending) {
        code = alm_fail(error, ALM_ERR_UNAVAILABLE, "events are not taken now: %s",
                        live->is_ending ? "the service is stopping" : live->log_problem);
    } else if (live->waiting + post->count > ALM_LIVE_WAITING_MAX) {
        code = alm_fail(error, ALM_ERR_LIMIT, "%zu events are waiting for the disk", live->waiting);
    } else {
        live->waiting += post->count;
        *live->last = post;
        live->last = &post->next;
        alm_condition_signal(&live->work);
    }
    alm_mutex_unlock(&live->lock);
    return code;
}

/* ---- what the log need not keep ---- */

static void release_events(alm_live *live)
{
    const almi_live_table *table = almi_live_current(live);
    uint64_t before = live->log_facts.next_sequence;
    alm_date since = INT32_MAX;
    for (size_t i = 0; table && i < table->lines; i++) {
        const almi_live_line *line = table->line[i];
        before = line->first_needed < before ? line->first_needed : before;
        since = line->prediction_date < since ? line->prediction_date : since;
    }
    if (!table || table->lines == 0 || !table->is_complete ||
        !alm_event_log_can_release(live->log, before)) {
        return;
    }
    alm_mutex_lock(&live->lock);
    live->is_releasing = !live->is_opening;
    bool may = live->is_releasing;
    alm_mutex_unlock(&live->lock);
    if (!may) {
        return; /* the next day, or with the next line */
    }
    alm_error error;
    alm_arena_reset(live->scratch);
    since = since > live->complete_since ? since : live->complete_since;
    alm_err code = write_since(live, since, &error);
    since = code == ALM_OK ? since : live->complete_since;
    code = code == ALM_OK ? alm_event_log_release(live->log, before, &error) : code;
    if (code != ALM_OK) {
        almi_live_note(live, ALM_LOG_WARN, "events that are not needed any more stay in the log: "
                       "%s", error.message);
    }
    take_facts(live);
    alm_mutex_lock(&live->lock);
    live->complete_since = since;
    live->is_releasing = false;
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
}

/* ---- the thread ---- */

typedef struct round { /* what is to be done */
    alm_live_post *first;
    almi_live_line *opened;
    bool wants_changed;
    bool is_ending;
} round;

static round wait_for_work(alm_live *live)
{
    alm_mutex_lock(&live->lock);
    if (!live->is_ending && !live->first && !live->opened && !live->wants_changed) {
        (void)alm_condition_wait_ns(&live->work, &live->lock, TICK_NS);
    }
    round r = {live->first, live->opened, live->wants_changed, live->is_ending};
    live->first = NULL;
    live->last = &live->first;
    alm_mutex_unlock(&live->lock);
    return r;
}

static void tick(alm_live *live)
{
    const almi_live_table *table = almi_live_current(live);
    for (size_t i = 0; table && i < table->lines; i++) {
        close_days(live, table->line[i]);
    }
    (void)alm_epoch_reclaim(live->epoch);
}

void almi_live_write(void *context)
{
    alm_live *live = context;
    alm_date day = ALM_DATE_NONE;
    open_log(live);
    for (round r = {0}; !r.is_ending || r.first;) {
        r = wait_for_work(live);
        if (!live->log && !live->log_is_damaged && alm_env_now(&live->env) >= live->log_retry) {
            open_log(live);
        }
        if (r.opened) {
            adopt(live, r.opened);
        } else if (r.wants_changed) {
            almi_live_publish(live, NULL);
        }
        if (r.first) {
            take_posts(live, r.first);
        }
        tick(live);
        if (live->log && (r.opened || r.wants_changed || day != almi_live_today(live))) {
            day = almi_live_today(live);
            release_events(live);
        }
    }
}
