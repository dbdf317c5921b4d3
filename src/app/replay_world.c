#include "app/replay_world.h"

#include <string.h>

#include "app/serve_live.h"
#include "app/served_models.h"
#include "app/session.h"

#define ENGINE_MEMORY ((uint64_t)512 << 20) /* of the table engine while it reads a run */

/* ---- models ---- */

/* The model of this content, entered by worker 0 when it is found. */
static const alm_served_model *enter_model(const almi_replay_world *w, const alm_digest *hash)
{
    char digest[ALM_DIGEST_TEXT_BYTES];
    const alm_model_snapshot *s = alm_model_set_enter(w->models, 0);
    alm_digest_text(hash, digest);
    for (size_t i = 0; i < s->count; i++) {
        const alm_served_model *model = s->entry[i].model;
        if (model && strcmp(alm_served_model_describe(model)->digest, digest) == 0) {
            return model;
        }
    }
    alm_model_set_leave(w->models, 0);
    return NULL;
}

static const char *remember(almi_replay_world *w, alm_str name, const char *why)
{
    if (w->tries == w->tries_max) {
        size_t room = w->tries_max ? 2 * w->tries_max : 16;
        alm_str *tried = ALM_NEW_ARRAY(w->cli->arena, alm_str, room);
        const char **reasons = ALM_NEW_ARRAY(w->cli->arena, const char *, room);
        for (size_t i = 0; i < w->tries; i++) {
            tried[i] = w->tried[i];
            reasons[i] = w->why[i];
        }
        w->tried = tried;
        w->why = reasons;
        w->tries_max = room;
    }
    w->tried[w->tries] = (alm_str){alm_arena_copy_text(w->cli->arena, name.data, name.size),
                                   name.size};
    w->why[w->tries++] = why;
    return why;
}

/* Loads the release of that name, once; NULL, or why it cannot be had although it is there. */
static const char *try_release(almi_replay_world *w, alm_str name)
{
    alm_error error = {0};
    for (size_t i = 0; i < w->tries; i++) {
        if (alm_str_equal(w->tried[i], name)) {
            return w->why[i];
        }
    }
    alm_err code = almi_served_releases_add(w->cli, w->models, name, &error);
    /* That there is none is said anyway. */
    bool is_there = code != ALM_OK && code != ALM_ERR_NOT_FOUND;
    return remember(w, name, is_there ? alm_arena_printf(w->cli->arena, "%s", error.message)
                                      : NULL);
}

static void replay_model(almi_replay_world *w, const alm_prediction_record *record,
                         alm_arena *arena, alm_replay *out)
{
    const char *why = NULL;
    const alm_served_model *model = enter_model(w, &record->model_hash);
    if (!model) {
        why = try_release(w, record->version);
        model = enter_model(w, &record->model_hash);
    }
    if (model) {
        alm_replay_inference(model, record, arena, out);
        alm_model_set_leave(w->models, 0);
        return;
    }
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&record->model_hash, digest);
    alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "no model here has the hash %.12s%s%s; name its "
                   "file with --model", digest, why ? ": " : "", why ? why : "");
}

/* ---- committed runs ---- */

static alm_err open_runs(almi_replay_world *w, alm_error *error)
{
    almi_cli *cli = w->cli;
    bool changed = false;
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(almi_open_predictions(cli, false, error));
    w->stores = (alm_run_stores){cli->registry, cli->objects, cli->predictions};
    ALM_TRY(alm_run_catalog_read(&w->stores, cli->arena, &w->catalog, error));
    ALM_TRY(alm_epoch_create(1, &w->epoch, error));
    /* Routes and names of releases are all that is needed of what is in force now; a limit of one
     * byte keeps its runs from being loaded. */
    alm_committed_options options = {.project = cli->project, .stores = w->stores,
                                     .epoch = w->epoch, .memory_limit_bytes = 1,
                                     .engine_memory_bytes = ENGINE_MEMORY};
    ALM_TRY(alm_committed_create(&options, &w->committed, error));
    return alm_committed_refresh(w->committed, alm_env_now(&cli->env), &changed, error);
}

static void need_runs(almi_replay_world *w)
{
    alm_error error = {0};
    if (w->has_runs || w->no_runs) {
        return;
    }
    w->has_runs = open_runs(w, &error) == ALM_OK;
    w->no_runs = w->has_runs ? NULL : alm_arena_printf(w->cli->arena, "%s", error.message);
}

static alm_err load_run(almi_replay_world *w, alm_str run_id, alm_committed_run **out,
                        alm_error *error)
{
    for (size_t i = 0; i < ALMI_REPLAY_RUNS_MAX; i++) {
        if (w->run[i] && alm_str_equal(alm_committed_run_facts(w->run[i])->run_id, run_id)) {
            *out = w->run[i];
            return ALM_OK;
        }
    }
    const alm_catalog_run *entry = alm_run_catalog_find(&w->catalog, run_id);
    if (!entry) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "run " ALM_STR_FMT " is not in the prediction "
                        "store of this project", ALM_STR_ARG(run_id));
    }
    alm_committed_load options = {.memory_limit_bytes = w->cli->env.memory_limit_bytes,
                                  .engine_memory_bytes = ENGINE_MEMORY};
    alm_committed_run *made = NULL;
    ALM_TRY(alm_committed_run_load(&w->stores, entry, &options, &made, error));
    alm_committed_run_unref(w->run[w->next]);
    w->run[w->next] = made;
    w->next = (w->next + 1) % ALMI_REPLAY_RUNS_MAX;
    *out = made;
    return ALM_OK;
}

/* False: there is nothing to replay the record from, which is said. */
static bool can_replay(almi_replay_world *w, const alm_prediction_record *record, alm_replay *out)
{
    if (!alm_replay_agrees(record, out)) {
        return false;
    }
    need_runs(w);
    if (!w->has_runs) {
        alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "%s", w->no_runs);
    }
    return w->has_runs;
}

static void replay_run(almi_replay_world *w, const alm_prediction_record *record,
                       alm_arena *arena, alm_replay *out)
{
    alm_committed_run *run = NULL;
    alm_error error = {0};
    if (!can_replay(w, record, out)) {
        return;
    }
    if (load_run(w, record->run, &run, &error) != ALM_OK) {
        alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "%s", error.message);
    } else {
        alm_replay_world world = {w->cli->project, alm_committed_current(w->committed)};
        alm_replay_answer(&world, run, record, arena, out);
    }
}

/* ---- states ---- */

static alm_instant moment_of(void *context)
{
    return ((const almi_replay_world *)context)->moment;
}

static alm_err open_line(almi_replay_world *w, alm_str run_id, size_t place, alm_error *error)
{
    alm_committed_run *run = NULL;
    ALM_TRY(load_run(w, run_id, &run, error));
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    const alm_env env = {.fs = w->cli->env.fs, .now = moment_of, .context = w};
    alm_live_options options = {.env = &env, .project = w->cli->project,
                                .objects = w->cli->objects,
                                .log_folder = almi_state_path(w->cli, ALMI_EVENTS_FOLDER),
                                .memory_limit_bytes = w->cli->env.memory_limit_bytes};
    alm_live_past_run begin = {run_id, facts->manifest, facts->prediction_date};
    ALM_TRY(alm_live_past_open(&options, &begin, &w->line[place], error));
    char *copy = alm_arena_copy_text(w->cli->arena, run_id.data, run_id.size);
    w->line_run[place] = (alm_str){copy, run_id.size};
    return ALM_OK;
}

static void close_line(almi_replay_world *w, size_t place)
{
    alm_live_past_close(w->line[place]);
    w->line[place] = NULL;
}

/* The line in that state; one that is there moves on, since records come in order of time. `other`
 * is not given away. */
static alm_err need_line(almi_replay_world *w, const alm_prediction_state *state,
                         const alm_live_past *other, alm_live_past **out, alm_error *error)
{
    size_t place = ALMI_REPLAY_LINES_MAX;
    for (size_t i = 0; i < ALMI_REPLAY_LINES_MAX; i++) {
        if (w->line[i] && w->line[i] != other && alm_str_equal(w->line_run[i], state->line)) {
            place = i;
        }
    }
    if (place < ALMI_REPLAY_LINES_MAX &&
        !alm_live_past_reaches(w->line[place], state->end, state->events)) {
        close_line(w, place);
    }
    if (place == ALMI_REPLAY_LINES_MAX) {
        w->next_line += w->line[w->next_line] && w->line[w->next_line] == other;
        place = w->next_line % ALMI_REPLAY_LINES_MAX;
        w->next_line = (place + 1) % ALMI_REPLAY_LINES_MAX;
        close_line(w, place);
    }
    if (!w->line[place]) {
        ALM_TRY(open_line(w, state->line, place, error));
    }
    alm_err code = alm_live_past_move(w->line[place], state->end, state->events, error);
    if (code != ALM_OK) {
        close_line(w, place);
        return code;
    }
    *out = w->line[place];
    return ALM_OK;
}

static alm_err gather_states(almi_replay_world *w, const alm_prediction_record *record,
                             alm_replay_states *out, alm_error *error)
{
    w->moment = record->time;
    for (size_t i = 0; i < record->state_count; i++) {
        const alm_prediction_state *state = &record->state[i];
        if (state->line.size > 0) {
            ALM_TRY(need_line(w, state, out->line[0], &out->line[i], error));
        }
    }
    for (size_t i = 0; i < record->state_count; i++) {
        alm_committed_run *run = NULL;
        if (record->state[i].run.size > 0) {
            ALM_TRY(load_run(w, record->state[i].run, &run, error));
            /* The second one may take the place of the first. */
            out->run[i] = alm_committed_run_ref(run);
        }
    }
    return ALM_OK;
}

static void drop_states(alm_replay_states *states)
{
    for (size_t i = 0; i < ALM_PREDICTION_STATES_MAX; i++) {
        alm_committed_run_unref(states->run[i]);
    }
}

static void replay_states(almi_replay_world *w, const alm_prediction_record *record,
                          alm_arena *arena, alm_replay *out)
{
    alm_replay_states states = {.run = {NULL}};
    alm_error error = {0};
    if (!can_replay(w, record, out)) {
        return;
    }
    alm_err code = gather_states(w, record, &states, &error);
    if (code != ALM_OK) {
        /* Events that were changed, objects that are not what their hash says, a state that cannot
         * have been. */
        bool is_different = code == ALM_ERR_CORRUPT || code == ALM_ERR_INVALID;
        alm_replay_say(out, is_different ? ALM_REPLAY_DIFFERENT : ALM_REPLAY_IMPOSSIBLE, "%s",
                       error.message);
    } else {
        alm_replay_world world = {w->cli->project, alm_committed_current(w->committed)};
        alm_replay_computed(&world, &states, record, arena, out);
    }
    drop_states(&states);
}

/* ---- all ---- */

alm_err almi_replay_world_open(almi_cli *cli, almi_replay_world *out, alm_error *error)
{
    *out = (almi_replay_world){.cli = cli};
    const char *text = almi_option_text(cli, "model");
    alm_err code = alm_model_set_create(1, &out->models, error);
    for (alm_str rest = text ? alm_str_of(text) : (alm_str){NULL, 0};
         code == ALM_OK && rest.data;) {
        code = almi_served_models_add_file(cli, out->models, alm_str_split(&rest, ','), error);
    }
    if (code != ALM_OK) {
        almi_replay_world_close(out);
    }
    return code;
}

void almi_replay_world_close(almi_replay_world *world)
{
    for (size_t i = 0; i < ALMI_REPLAY_LINES_MAX; i++) {
        alm_live_past_close(world->line[i]);
    }
    for (size_t i = 0; i < ALMI_REPLAY_RUNS_MAX; i++) {
        alm_committed_run_unref(world->run[i]);
    }
    alm_committed_destroy(world->committed);
    alm_epoch_destroy(world->epoch);
    alm_model_set_destroy(world->models);
    *world = (almi_replay_world){0};
}

void almi_replay_record(almi_replay_world *world, const alm_prediction_record *record,
                        alm_arena *arena, alm_replay *out)
{
    bool is_computed = alm_str_is(record->served_by, "model");
    if (record->row_count > 0) {
        replay_model(world, record, arena, out);
    } else if (record->state_count > 0) {
        replay_states(world, record, arena, out);
    } else if (is_computed || record->run.size == 0) {
        alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "it was computed from the state of that moment, "
                       "which is not on record");
    } else {
        replay_run(world, record, arena, out);
    }
}
