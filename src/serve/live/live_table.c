/* live_table.c: life of an alm_live, what it is told to follow, and which line answers for whom. */
#include "serve/live/live_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MICROSECONDS 1000000
#define RETRY_DOUBLINGS_MAX 6

/* ---- small things ---- */

alm_date almi_live_today(const alm_live *live)
{
    alm_instant now = alm_env_now(&live->env);
    return (alm_date)((now >= 0 ? now : now - ALMI_LIVE_DAY + 1) / ALMI_LIVE_DAY);
}

void almi_live_note(const alm_live *live, alm_log_level level, const char *format, ...)
{
    char text[2 * ALM_ERROR_MESSAGE_BYTES];
    if (!live->options.note) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    live->options.note(live->options.context, level, text);
}

static alm_str copy_text(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

/* ---- what is wanted ---- */

almi_live_wants *almi_live_take_wants(alm_live *live)
{
    if (live->wants) {
        live->wants->references++;
    }
    return live->wants;
}

void almi_live_drop_wants(almi_live_wants *wants)
{
    if (wants && --wants->references == 0) {
        alm_arena_destroy(wants->arena);
    }
}

static void want(almi_live_wants *wants, const alm_committed_route *route,
                 const alm_committed_source *source)
{
    alm_arena *arena = wants->arena;
    almi_live_want *out = &wants->want[wants->count];
    if (!source->release) {
        return;
    }
    *out = (almi_live_want){.route = copy_text(arena, route->spec->name),
                            .release = copy_text(arena, source->release->name),
                            .online = route->spec->online,
                            .problem = copy_text(arena, source->problem)};
    if (source->run) {
        const alm_committed_facts *facts = alm_committed_run_facts(source->run);
        out->run_id = copy_text(arena, facts->run_id);
        out->manifest = facts->manifest;
        out->prediction_date = facts->prediction_date;
    }
    wants->count++;
}

static almi_live_wants *wants_of(const alm_committed_set *set)
{
    alm_arena *arena = alm_arena_create(4096);
    almi_live_wants *wants = ALM_NEW(arena, almi_live_wants);
    wants->arena = arena;
    wants->references = 1;
    wants->committed_bytes = set->bytes;
    wants->want = ALM_NEW_ARRAY(arena, almi_live_want, 2 * set->routes);
    for (size_t i = 0; i < set->routes; i++) {
        const alm_committed_route *route = &set->route[i];
        want(wants, route, &route->current);
        if (route->spec->previous && route->previous.release != route->current.release) {
            want(wants, route, &route->previous);
        }
    }
    return wants;
}

void alm_live_follow(alm_live *live, const alm_committed_set *set)
{
    almi_live_wants *wants = wants_of(set);
    alm_mutex_lock(&live->lock);
    almi_live_drop_wants(live->wants);
    live->wants = wants;
    live->wants_changed = true;
    alm_condition_signal(&live->work);
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
}

/* ---- why not ---- */

almi_live_refusal *almi_live_find_refusal(alm_live *live, alm_str run_id)
{
    for (almi_live_refusal *r = live->refusals; r; r = r->next) {
        if (alm_str_equal((alm_str){r->run_id, r->run_id_size}, run_id)) {
            return r;
        }
    }
    return NULL;
}

static almi_live_refusal *make_refusal(alm_live *live, alm_str run_id)
{
    void *memory = NULL;
    if (alm_heap_try(sizeof(almi_live_refusal) + run_id.size, &memory, NULL) != ALM_OK) {
        return NULL; /* then the line is simply tried again */
    }
    almi_live_refusal *made = memory;
    *made = (almi_live_refusal){.next = live->refusals, .run_id_size = run_id.size};
    memcpy(made->run_id, run_id.data, run_id.size);
    live->refusals = made;
    return made;
}

void almi_live_refuse(alm_live *live, alm_str run_id, const alm_error *reason, bool *is_new)
{
    almi_live_refusal *refusal = almi_live_find_refusal(live, run_id);
    refusal = refusal ? refusal : make_refusal(live, run_id);
    *is_new = !refusal || strcmp(refusal->problem, reason->message) != 0;
    if (!refusal) {
        return;
    }
    unsigned doublings = refusal->failures++;
    doublings = doublings < RETRY_DOUBLINGS_MAX ? doublings : RETRY_DOUBLINGS_MAX;
    /* What cannot be followed by events, and days that the calendar does not reach, stay so. */
    refusal->is_final = reason->code == ALM_ERR_UNSUPPORTED || reason->code == ALM_ERR_INCOMPLETE;
    refusal->retry = alm_env_now(&live->env) +
                     ((alm_instant)live->options.retry_s * MICROSECONDS << doublings);
    memcpy(refusal->problem, reason->message, sizeof refusal->problem);
}

void almi_live_forget_refusals(alm_live *live, const almi_live_wants *wants)
{
    for (almi_live_refusal **at = &live->refusals; *at;) {
        almi_live_refusal *refusal = *at;
        bool is_wanted = false;
        for (size_t i = 0; wants && i < wants->count; i++) {
            alm_str id = {refusal->run_id, refusal->run_id_size};
            is_wanted = is_wanted || alm_str_equal(wants->want[i].run_id, id);
        }
        if (is_wanted) {
            at = &refusal->next;
        } else {
            *at = refusal->next;
            alm_heap_free(refusal);
        }
    }
}

/* ---- the table ---- */

almi_live_table *almi_live_current(alm_live *live)
{
    return alm_epoch_read(&live->cell);
}

static void destroy_table(void *memory)
{
    almi_live_table *table = memory;
    for (size_t i = 0; i < table->lines; i++) {
        if (--table->line[i]->uses == 0) {
            almi_live_line_destroy(table->line[i]);
        }
    }
    alm_arena_destroy(table->arena);
}

static almi_live_line *find_line(const almi_live_table *before, almi_live_line *opened,
                                 alm_str run_id)
{
    if (opened && alm_str_equal(opened->run_id, run_id)) {
        return opened;
    }
    for (size_t i = 0; before && i < before->lines; i++) {
        if (!before->line[i]->has_failed && alm_str_equal(before->line[i]->run_id, run_id)) {
            return before->line[i];
        }
    }
    return NULL;
}

/* The line that answered for the route and release so far. */
static almi_live_line *find_older(const almi_live_table *before, const almi_live_want *wanted)
{
    for (size_t i = 0; before && i < before->count; i++) {
        const almi_live_entry *entry = &before->entry[i];
        if (alm_str_equal(entry->route, wanted->route) &&
            alm_str_equal(entry->release, wanted->release)) {
            return entry->line && !entry->line->has_failed ? entry->line : NULL;
        }
    }
    return NULL;
}

static void use_line(almi_live_table *table, almi_live_line *line)
{
    for (size_t i = 0; i < table->lines; i++) {
        if (table->line[i] == line) {
            return;
        }
    }
    table->line[table->lines++] = line;
    line->uses++;
}

static alm_str problem_of(alm_live *live, const almi_live_want *wanted, alm_arena *arena,
                          bool *is_final)
{
    *is_final = true;
    if (!wanted->online) {
        return alm_str_of(alm_arena_printf(arena, "deployments: " ALM_STR_FMT " says online: false",
                                           ALM_STR_ARG(wanted->route)));
    }
    if (wanted->run_id.size == 0) {
        return wanted->problem.size ? copy_text(arena, wanted->problem)
                                    : ALM_STR("there is no committed run");
    }
    const almi_live_refusal *refusal = almi_live_find_refusal(live, wanted->run_id);
    *is_final = refusal && refusal->is_final;
    if (refusal) {
        return copy_text(arena, alm_str_of(refusal->problem));
    }
    return live->log_problem[0] ? copy_text(arena, alm_str_of(live->log_problem))
                                : ALM_STR("the features of the run are being read");
}

/* The lock is held: refusals are read. */
static almi_live_table *make_table(alm_live *live, almi_live_wants *wants,
                                   almi_live_line *opened)
{
    const almi_live_table *before = almi_live_current(live);
    alm_arena *arena = alm_arena_create(4096);
    almi_live_table *table = ALM_NEW(arena, almi_live_table);
    size_t count = wants ? wants->count : 0;
    *table = (almi_live_table){.arena = arena, .is_complete = true,
                               .entry = ALM_NEW_ARRAY(arena, almi_live_entry, count),
                               .line = ALM_NEW_ARRAY(arena, almi_live_line *, count)};
    for (size_t i = 0; i < count; i++) {
        almi_live_want *wanted = &wants->want[i];
        almi_live_entry *entry = &table->entry[table->count++];
        bool is_final = true;
        entry->route = copy_text(arena, wanted->route);
        entry->release = copy_text(arena, wanted->release);
        entry->line = wanted->online ? find_line(before, opened, wanted->run_id) : NULL;
        wanted->is_open = entry->line != NULL;
        if (!entry->line) {
            entry->problem = problem_of(live, wanted, arena, &is_final);
            /* An older run answers until the newer one can. */
            entry->line = is_final ? NULL : find_older(before, wanted);
            table->is_complete = table->is_complete && is_final;
        }
        if (entry->line) {
            use_line(table, entry->line);
        }
        table->missing += wanted->online && !entry->line;
    }
    return table;
}

void almi_live_publish(alm_live *live, almi_live_line *opened)
{
    alm_mutex_lock(&live->lock);
    almi_live_wants *wants = almi_live_take_wants(live);
    live->wants_changed = false;
    almi_live_forget_refusals(live, wants);
    almi_live_table *table = make_table(live, wants, opened);
    almi_live_drop_wants(wants);
    live->open_lines = table->lines;
    live->missing_lines = table->missing;
    live->open_bytes = 0;
    for (size_t i = 0; i < table->lines; i++) {
        live->open_bytes += table->line[i]->bytes;
    }
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
    bool is_wanted = opened && opened->uses > 0;
    if (alm_epoch_publish(live->epoch, &live->cell, table, destroy_table, NULL) != ALM_OK) {
        destroy_table(table); /* the one before goes on; tried again with the next tick */
        alm_mutex_lock(&live->lock);
        live->wants_changed = true;
        alm_mutex_unlock(&live->lock);
    }
    if (!is_wanted) {
        almi_live_line_destroy(opened);
    }
}

/* ---- life ---- */

static alm_base_workspace *make_workspaces(alm_arena *arena, size_t workers)
{
    alm_base_workspace *out = ALM_NEW_ARRAY(arena, alm_base_workspace, workers);
    for (size_t w = 0; w < workers; w++) {
        out[w] = (alm_base_workspace){.results = alm_arena_create(0),
                                      .batch = alm_arena_create(0),
                                      .series = alm_arena_create(0)};
    }
    return out;
}

alm_err alm_live_create(const alm_live_options *options, alm_live **out, alm_error *error)
{
    alm_assert(options->workers > 0 && options->workers <= ALM_LIVE_WORKERS_MAX);
    alm_epoch *epoch = NULL;
    ALM_TRY(alm_epoch_create(options->workers, &epoch, error));
    alm_arena *arena = alm_arena_create(4096);
    alm_live *live = ALM_NEW(arena, alm_live);
    live->options = *options;
    live->env = *options->env;
    live->env.pool = NULL;
    live->fs = options->log_fs ? options->log_fs : options->env->fs;
    live->arena = arena;
    live->scratch = alm_arena_create(0);
    live->epoch = epoch;
    live->workspace = make_workspaces(arena, options->workers);
    live->last = &live->first;
    live->complete_since = ALM_DATE_NONE;
    (void)snprintf(live->log_problem, sizeof live->log_problem, "the log of events is being read");
    alm_mutex_init(&live->lock);
    alm_condition_init(&live->work);
    alm_condition_init(&live->wish);
    *out = live;
    return ALM_OK;
}

alm_err alm_live_start(alm_live *live, alm_error *error)
{
    ALM_TRY(alm_thread_start("events", almi_live_write, live, &live->writer, error));
    return alm_thread_start("lines", almi_live_open_lines, live, &live->opener, error);
}

static void end_threads(alm_live *live)
{
    alm_mutex_lock(&live->lock);
    live->is_ending = true;
    alm_condition_signal(&live->work);
    alm_condition_signal(&live->wish);
    alm_mutex_unlock(&live->lock);
    alm_thread_join(live->opener);
    alm_thread_join(live->writer);
}

void alm_live_destroy(alm_live *live)
{
    if (!live) {
        return;
    }
    end_threads(live);
    alm_assert(!live->first);
    almi_live_line_destroy(live->opened);
    almi_live_table *table = alm_epoch_exchange(&live->cell, NULL);
    alm_epoch_destroy(live->epoch); /* with the tables before */
    if (table) {
        destroy_table(table);
    }
    alm_event_log_close(live->log);
    almi_live_forget_refusals(live, NULL);
    almi_live_drop_wants(live->wants);
    for (size_t w = 0; w < live->options.workers; w++) {
        alm_arena_destroy(live->workspace[w].results);
        alm_arena_destroy(live->workspace[w].batch);
        alm_arena_destroy(live->workspace[w].series);
    }
    alm_condition_deinit(&live->wish);
    alm_condition_deinit(&live->work);
    alm_mutex_deinit(&live->lock);
    alm_arena_destroy(live->scratch);
    alm_arena_destroy(live->arena); /* the struct lies in it */
}

/* ---- readers ---- */

static alm_err find_entry(const almi_live_table *table, alm_str route, alm_str model_version,
                          const almi_live_entry **out, alm_error *error)
{
    for (size_t i = 0; table && i < table->count; i++) {
        const almi_live_entry *entry = &table->entry[i];
        if (!alm_str_equal(entry->route, route) ||
            !alm_str_equal(entry->release, model_version)) {
            continue;
        }
        *out = entry;
        return entry->line ? ALM_OK
                           : alm_fail(error, ALM_ERR_UNAVAILABLE, ALM_STR_FMT,
                                      ALM_STR_ARG(entry->problem));
    }
    return alm_fail(error, ALM_ERR_UNAVAILABLE, table ? "nothing is computed online with this "
                    "release on this route: only with the one in force, and where the route allows "
                    "it the one before" : "the log of events is being read");
}

void almi_live_view_of(almi_live_line *line, size_t worker, alm_live_view *out)
{
    alm_arena_reset(line->workspace[worker].results);
    *out = (alm_live_view){.bundle = line->bundle,
                           .state = line->state,
                           .now = alm_online_state_enter(line->state, worker),
                           .workspace = &line->workspace[worker],
                           .run_id = line->run_id,
                           .prediction_date = line->prediction_date,
                           .line = line};
}

alm_err alm_live_enter(alm_live *live, size_t worker, alm_str route, alm_str model_version,
                       alm_live_view *out, alm_error *error)
{
    const almi_live_entry *entry = NULL;
    alm_epoch_enter(live->epoch, worker);
    alm_err code = find_entry(alm_epoch_read(&live->cell), route, model_version, &entry, error);
    if (code != ALM_OK) {
        alm_epoch_leave(live->epoch, worker);
        return code;
    }
    almi_live_view_of(entry->line, worker, out);
    return ALM_OK;
}

void alm_live_leave(alm_live *live, size_t worker, const alm_live_view *view)
{
    almi_live_line *line = view->line;
    alm_online_state_leave(line->state, worker);
    alm_epoch_leave(live->epoch, worker);
}

void alm_live_facts_of(alm_live *live, alm_live_facts *out)
{
    alm_mutex_lock(&live->lock);
    *out = (alm_live_facts){.next_sequence = live->log_facts.next_sequence,
                            .oldest_sequence = live->log_facts.oldest_sequence,
                            .ids = live->log_facts.ids,
                            .waiting = live->waiting,
                            .lines = live->open_lines,
                            .missing = live->missing_lines};
    alm_mutex_unlock(&live->lock);
}
