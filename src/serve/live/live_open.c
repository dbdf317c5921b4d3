/* live_open.c: the opener: from a committed run to a line, with all events of the log. */
#include "serve/live/live_internal.h"

#include <string.h>

#include "base/json.h"
#include "pipeline/encoders.h"

#define BLOCK_SERIES 256 /* as in a run */
#define WAIT_NS 1000000000u
/* Events that are left to the writer: what comes while the opener reads the log. */
#define LEFT_MAX 2000
#define ROUNDS_MAX 8

/* ---- events into a line ---- */

alm_err almi_live_apply(almi_live_line *line, const alm_event *event,
                        const alm_event_record *record, alm_error *error)
{
    alm_online_effect effect = ALM_ONLINE_IN_SNAPSHOT;
    alm_error reason;
    alm_err code = alm_online_state_apply(line->state, event, record->received, &effect, &reason);
    bool counts = code == ALM_OK && effect == ALM_ONLINE_COUNTED;
    if (code == ALM_ERR_NOT_FOUND || code == ALM_ERR_INVALID) {
        /* Of a series or a day that this run knows nothing of. What lies behind its days is for the
         * next run. */
        counts = code == ALM_ERR_INVALID && event->day >= alm_online_state_last_end(line->state);
        code = ALM_OK;
    }
    if (code != ALM_OK) {
        return alm_fail(error, code, "%s", reason.message);
    }
    if (counts && record->sequence < line->first_needed) {
        line->first_needed = record->sequence;
    }
    line->next_sequence = record->sequence + 1;
    line->is_touched = true;
    alm_online_state_mark(line->state, line->next_sequence);
    return ALM_OK;
}

typedef struct replaying {
    almi_live_line *line;
    alm_arena *arena;
} replaying;

static alm_err take_record(void *context, const alm_event_record *record, alm_error *error)
{
    const replaying *r = context;
    alm_event event;
    alm_arena_reset(r->arena);
    ALM_TRY(alm_event_read(record->content, r->arena, &event, error));
    return almi_live_apply(r->line, &event, record, error);
}

alm_err almi_live_replay(alm_live *live, almi_live_line *line, uint64_t before, uint64_t *seen,
                         alm_error *error)
{
    alm_event_range range = {live->options.log_folder, line->next_sequence, before};
    replaying r = {line, alm_arena_create(0)};
    alm_event_sink sink = {take_record, &r};
    alm_err code = alm_event_log_replay(live->fs, &range, &sink, error);
    alm_arena_destroy(r.arena);
    if (seen) {
        *seen = line->next_sequence;
    }
    if (code == ALM_OK && line->next_sequence < before) {
        line->next_sequence = before; /* the log has released what is older */
    }
    return code;
}

/* ---- how many days can close ---- */

static bool is_read(const alm_project *project, const alm_source *source)
{
    const alm_series_spec *series = &project->series;
    bool found = alm_str_equal(series->closed_source, source->name);
    for (size_t i = 0; i < series->column_count; i++) {
        found = found || alm_str_equal(series->columns[i].source, source->name);
    }
    return found;
}

/* A calendar (known in advance, without keys) ends somewhere; a plan with keys ends with its last
 * entry, which says nothing. */
static int64_t days_of(const alm_project *project, const alm_snapshot *snapshot, alm_date end,
                       int32_t horizon)
{
    int64_t days = ALM_LIVE_DAYS_MAX;
    for (size_t i = 0; i < snapshot->source_count; i++) {
        const alm_snapshot_source *taken = &snapshot->sources[i];
        const alm_source *declared = alm_project_source(project, taken->name);
        if (declared && declared->known_in_advance && declared->key_count == 0 &&
            taken->last != ALM_DATE_NONE && is_read(project, declared)) {
            int64_t reach = (int64_t)taken->last + 1 - horizon - end;
            days = reach < days ? reach : days;
        }
    }
    return days;
}

static alm_err check_days(const alm_live *live, const almi_live_want *wanted, int64_t days,
                          alm_error *error)
{
    char end[ALM_DATE_TEXT_BYTES];
    if (days > 0 && almi_live_today(live) <= wanted->prediction_date + days) {
        return ALM_OK;
    }
    alm_date_text(wanted->prediction_date, end);
    return alm_fail(error, ALM_ERR_INCOMPLETE, "the data of run " ALM_STR_FMT " end before %s, and "
                    "%s %d days close: take a snapshot, and run", ALM_STR_ARG(wanted->run_id), end,
                    days == ALM_LIVE_DAYS_MAX ? "at most" : "its calendar lets",
                    (int)(days > 0 ? days : 0));
}

/* ---- the run ---- */

typedef struct opening {
    alm_live *live;
    const almi_live_want *wanted;
    uint64_t memory; /* that is left; 0: no limit */
    almi_live_line *line;
    alm_arena *scratch;
    alm_snapshot snapshot;
    alm_bundle_parts parts; /* in the line's arena */
    alm_digest bundle;
    alm_method method;
    alm_encoders encoders;
    alm_panel_source *source;
    int64_t days;
} opening;

static alm_err read_run(opening *o, alm_error *error)
{
    alm_objects *objects = o->live->options.objects;
    alm_json_document *manifest = NULL;
    ALM_TRY(alm_run_manifest_read(objects, &o->wanted->manifest, &manifest, error));
    alm_str bundle = alm_run_manifest_text(manifest, "bundle", o->scratch);
    alm_str snapshot = alm_run_manifest_text(manifest, "snapshot_manifest_object", o->scratch);
    alm_json_document_destroy(manifest);
    if (!alm_digest_parse(bundle, &o->bundle) || snapshot.size == 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "run " ALM_STR_FMT " names no bundle or no "
                        "snapshot: a new run has both", ALM_STR_ARG(o->wanted->run_id));
    }
    ALM_TRY(alm_snapshot_read(objects, snapshot, o->scratch, &o->snapshot, error));
    ALM_TRY(alm_bundle_read(objects, &o->bundle, o->line->arena, &o->parts, error));
    ALM_TRY(alm_method_read(o->parts.method, "method.json", &o->method, error));
    return alm_encoders_read(o->parts.encoders, "encoders.json", o->scratch, &o->encoders, error);
}

/* The panels of the run, with more days of what is known in advance. */
static alm_err open_panels(opening *o, alm_error *error)
{
    const alm_live *live = o->live;
    alm_date end = o->wanted->prediction_date;
    o->days = days_of(live->options.project, &o->snapshot, end, o->method.horizon);
    ALM_TRY(check_days(live, o->wanted, o->days, error));
    alm_panel_options panel = {.start = ALM_DATE_NONE,
                               .end = end,
                               .future = o->method.horizon + (int32_t)o->days,
                               .membership_date = end,
                               .block_series = BLOCK_SERIES,
                               .categories = o->encoders.categories,
                               .category_count = o->encoders.count};
    return alm_panel_source_open(&live->env, live->options.project, live->options.objects,
                                 &o->snapshot, &panel, &o->source, error);
}

static alm_err make_workspaces(const alm_live *live, almi_live_line *line, alm_error *error)
{
    size_t models = line->bundle->model_count;
    line->workspace = ALM_NEW_ARRAY(line->arena, alm_base_workspace, live->options.workers);
    for (size_t w = 0; w < live->options.workers; w++) {
        line->workspace[w] = live->workspace[w];
        line->workspace[w].forest = ALM_NEW_ARRAY(line->arena, alm_forest_scratch *, models);
        line->workers = w + 1;
        for (size_t m = 0; m < models; m++) {
            ALM_TRY(alm_forest_scratch_create(line->bundle->models[m].explainer,
                                              &line->workspace[w].forest[m], error));
        }
    }
    return ALM_OK;
}

static alm_err open_state(opening *o, alm_error *error)
{
    almi_live_line *line = o->line;
    alm_online_options options = {.project = o->live->options.project,
                                  .plan = line->bundle->plan,
                                  .source = o->source,
                                  .horizon = (size_t)o->method.horizon,
                                  .workers = o->live->options.workers + 1, /* and the writer */
                                  .known_until = ALM_EVENT_NOT_SAID,
                                  .memory_limit_bytes = o->memory};
    ALM_TRY(alm_online_state_open(&options, &line->state, error));
    line->bytes = alm_online_state_bytes(line->state);
    return ALM_OK;
}

/* The long steps are begun only while the service goes on. */
static alm_err go_on(alm_live *live, alm_error *error)
{
    alm_mutex_lock(&live->lock);
    bool is_ending = live->is_ending;
    alm_mutex_unlock(&live->lock);
    return is_ending ? alm_fail(error, ALM_ERR_INTERRUPTED, "the service is stopping") : ALM_OK;
}

static alm_err open_inputs(opening *o, alm_error *error)
{
    ALM_TRY(read_run(o, error));
    ALM_TRY(go_on(o->live, error));
    ALM_TRY(open_panels(o, error));
    ALM_TRY(go_on(o->live, error));
    ALM_TRY(alm_bundle_of_parts(&o->parts, alm_panel_source_schema(o->source), &o->line->bundle,
                                error));
    o->line->bundle->hash = o->bundle;
    ALM_TRY(make_workspaces(o->live, o->line, error));
    return open_state(o, error);
}

void almi_live_line_destroy(almi_live_line *line)
{
    if (!line) {
        return;
    }
    for (size_t w = 0; w < line->workers; w++) {
        for (size_t m = 0; m < line->bundle->model_count; m++) {
            alm_forest_scratch_destroy(line->workspace[w].forest[m]);
        }
    }
    alm_online_state_close(line->state);
    alm_bundle_destroy(line->bundle);
    alm_arena_destroy(line->arena); /* the struct lies in it */
}

/* ---- with all events ---- */

static uint64_t sequence_now(alm_live *live)
{
    alm_mutex_lock(&live->lock);
    uint64_t next = live->log_facts.next_sequence;
    alm_mutex_unlock(&live->lock);
    return next;
}

alm_err almi_live_check_complete(const alm_live *live, const almi_live_want *wanted,
                                 alm_error *error)
{
    char since[ALM_DATE_TEXT_BYTES];
    if (live->complete_since == ALM_DATE_NONE || wanted->prediction_date >= live->complete_since) {
        return ALM_OK;
    }
    alm_date_text(live->complete_since, since);
    return alm_fail(error, ALM_ERR_INCOMPLETE, "events of before %s were released, and the data of "
                    "run " ALM_STR_FMT " end before: a newer run of the release can be followed",
                    since, ALM_STR_ARG(wanted->run_id));
}

/* What is posted meanwhile is read in further rounds, and a last bit left to the writer. */
static alm_err catch_up(alm_live *live, almi_live_line *line, alm_error *error)
{
    uint64_t left = LEFT_MAX + 1;
    for (int round = 0; round < ROUNDS_MAX && left > LEFT_MAX; round++) {
        ALM_TRY(almi_live_replay(live, line, sequence_now(live), NULL, error));
        left = sequence_now(live) - line->next_sequence;
    }
    ALM_TRY(alm_online_state_advance(line->state, almi_live_today(live), error));
    ALM_TRY(alm_online_state_publish(line->state, error));
    line->is_touched = false;
    return ALM_OK;
}

alm_err almi_live_open_line(alm_live *live, const almi_live_want *wanted, uint64_t memory,
                            almi_live_line **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    almi_live_line *line = ALM_NEW(arena, almi_live_line);
    line->arena = arena;
    line->run_id = (alm_str){alm_arena_copy_text(arena, wanted->run_id.data, wanted->run_id.size),
                             wanted->run_id.size};
    line->prediction_date = wanted->prediction_date;
    line->first_needed = UINT64_MAX;
    line->next_sequence = 1;
    opening o = {.live = live, .wanted = wanted, .memory = memory, .line = line,
                 .scratch = alm_arena_create(0)};
    alm_err code = open_inputs(&o, error);
    alm_panel_source_close(o.source);
    alm_arena_destroy(o.scratch);
    if (code != ALM_OK) {
        almi_live_line_destroy(line);
        return code;
    }
    *out = line;
    return ALM_OK;
}

static alm_err open_line(alm_live *live, const almi_live_want *wanted, uint64_t memory,
                         almi_live_line **out, alm_error *error)
{
    almi_live_line *line = NULL;
    ALM_TRY(almi_live_check_complete(live, wanted, error));
    ALM_TRY(almi_live_open_line(live, wanted, memory, &line, error));
    alm_err code = catch_up(live, line, error);
    if (code != ALM_OK) {
        almi_live_line_destroy(line);
        return code;
    }
    *out = line;
    return ALM_OK;
}

/* ---- the thread ---- */

/* The lock is held: a run without a line that may be tried now. */
static const almi_live_want *choose(alm_live *live, const almi_live_wants *wants)
{
    alm_instant now = alm_env_now(&live->env);
    for (size_t i = 0; wants && i < wants->count; i++) {
        const almi_live_want *wanted = &wants->want[i];
        const almi_live_refusal *refusal = almi_live_find_refusal(live, wanted->run_id);
        bool is_due = !refusal || (!refusal->is_final && now >= refusal->retry);
        if (wanted->online && wanted->run_id.size > 0 && is_due && !wanted->is_open) {
            return wanted;
        }
    }
    return NULL;
}

static uint64_t memory_left(const alm_live *live, const almi_live_wants *wants)
{
    uint64_t limit = live->options.memory_limit_bytes;
    uint64_t used = wants->committed_bytes + live->open_bytes;
    return limit == 0 ? 0 : limit > used ? limit - used : 1;
}

/* The lock is held, and given free meanwhile. */
static void open_one(alm_live *live, almi_live_wants *wants, const almi_live_want *wanted)
{
    uint64_t memory = memory_left(live, wants);
    almi_live_line *line = NULL;
    alm_error reason;
    bool is_new = false;
    live->is_opening = true;
    alm_mutex_unlock(&live->lock);
    alm_err code = open_line(live, wanted, memory, &line, &reason);
    alm_mutex_lock(&live->lock);
    if (code == ALM_OK) {
        live->opened = line; /* is_opening until the writer has it */
    } else {
        almi_live_refuse(live, wanted->run_id, &reason, &is_new);
        live->is_opening = false;
        live->wants_changed = true; /* tables say the reason */
    }
    alm_condition_signal(&live->work);
    if (is_new && code != ALM_ERR_INTERRUPTED) {
        alm_mutex_unlock(&live->lock);
        almi_live_note(live, ALM_LOG_WARN, "route " ALM_STR_FMT ": nothing is computed online: %s",
                       ALM_STR_ARG(wanted->route), reason.message);
        alm_mutex_lock(&live->lock);
    }
}

void almi_live_open_lines(void *context)
{
    alm_live *live = context;
    alm_mutex_lock(&live->lock);
    while (!live->is_ending) {
        almi_live_wants *wants = almi_live_take_wants(live);
        bool may = live->log_is_open && !live->is_opening && !live->is_releasing &&
                   !live->wants_changed;
        const almi_live_want *wanted = may ? choose(live, wants) : NULL;
        if (wanted) {
            open_one(live, wants, wanted);
        }
        almi_live_drop_wants(wants);
        if (!wanted && !live->is_ending) {
            (void)alm_condition_wait_ns(&live->wish, &live->lock, WAIT_NS);
        }
    }
    alm_mutex_unlock(&live->lock);
}
