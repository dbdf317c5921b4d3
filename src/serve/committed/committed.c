/* committed.c: from what the stores say now to the next set. */
#include "serve/committed/committed.h"

#include <string.h>

#include "serve/committed/committed_set_internal.h"
#include "store/ledger.h"

#define MICROSECONDS 1000000

typedef struct failed_run { /* not tried again before its time */
    struct failed_run *next;
    alm_instant at;
    bool is_wanted; /* by some route, as of the newest refresh */
    char *problem; /* beside run_id in one block */
    size_t run_id_size;
    char run_id[];
} failed_run;

struct alm_committed {
    alm_committed_options options;
    alm_epoch_cell cell;
    failed_run *failed;
    _Atomic(almi_set *) returned; /* kept sets that came back as the last of their references */
};

/* ---- runs that could not be loaded ---- */

static failed_run *find_failed(alm_committed *c, alm_str run_id)
{
    for (failed_run *f = c->failed; f; f = f->next) {
        if (alm_str_equal((alm_str){f->run_id, f->run_id_size}, run_id)) {
            return f;
        }
    }
    return NULL;
}

static bool is_due(const alm_committed *c, const failed_run *f, alm_instant now)
{
    return now < f->at || now - f->at >= (alm_instant)c->options.retry_s * MICROSECONDS;
}

static bool any_due(const alm_committed *c, alm_instant now)
{
    for (const failed_run *f = c->failed; f; f = f->next) {
        if (is_due(c, f, now)) {
            return true;
        }
    }
    return false;
}

static void unwant_failed(alm_committed *c)
{
    for (failed_run *f = c->failed; f; f = f->next) {
        f->is_wanted = false;
    }
}

/* All that is not wanted. */
static void forget_failed(alm_committed *c)
{
    for (failed_run **at = &c->failed; *at;) {
        failed_run *f = *at;
        if (!f->is_wanted) {
            *at = f->next;
            alm_heap_free(f);
        } else {
            at = &f->next;
        }
    }
}

/* Without memory for the note the run is simply tried again by the next refresh. */
static void note_failed(alm_committed *c, alm_str run_id, const char *problem, alm_instant now)
{
    alm_str text = alm_str_of(problem);
    void *memory = NULL;
    failed_run *before = find_failed(c, run_id);
    if (before) {
        before->is_wanted = false; /* the new one is, and comes first */
    }
    if (alm_heap_try(sizeof(failed_run) + run_id.size + text.size + 2, &memory, NULL) != ALM_OK) {
        return;
    }
    failed_run *f = memory;
    f->at = now;
    f->is_wanted = true;
    f->run_id_size = run_id.size;
    memcpy(f->run_id, run_id.data, run_id.size);
    f->problem = f->run_id + run_id.size + 1;
    memcpy(f->problem, text.data, text.size);
    f->next = c->failed;
    c->failed = f;
}

/* ---- one refresh ---- */

typedef struct refresh {
    alm_committed *c;
    const almi_set *before;
    almi_set *set;
    alm_run_catalog catalog;
    alm_arena *scratch;
    alm_instant now;
    alm_error *error;
} refresh;

/* The run in force of a release for its newest prediction date, or NULL. */
static const alm_catalog_run *newest_run(const refresh *r, alm_str release, alm_str schedule)
{
    const alm_catalog_run *best = NULL;
    for (size_t i = 0; i < r->catalog.runs; i++) { /* by version, so the last of a date wins */
        const alm_catalog_run *run = &r->catalog.run[i];
        bool is_of = alm_str_equal(run->model_version, release) &&
                     (schedule.size == 0 || alm_str_equal(run->schedule, schedule));
        if (is_of && run->superseded_at == ALM_RUN_NEVER &&
            (!best || run->prediction_date >= best->prediction_date)) {
            best = run;
        }
    }
    return best;
}

static alm_committed_run *loaded_run(const almi_set *set, alm_str run_id)
{
    for (size_t i = 0; set && i < set->runs; i++) {
        if (alm_str_equal(alm_committed_run_facts(set->run[i])->run_id, run_id)) {
            return set->run[i];
        }
    }
    return NULL;
}

/* What answered for the release on the schedule until now. */
static alm_committed_run *earlier_run(const almi_set *set, alm_str release, alm_str schedule)
{
    alm_committed_run *best = NULL;
    for (size_t i = 0; set && i < set->runs; i++) {
        const alm_committed_facts *facts = alm_committed_run_facts(set->run[i]);
        bool is_of = alm_str_equal(facts->model_version, release) &&
                     (schedule.size == 0 || alm_str_equal(facts->schedule, schedule));
        if (is_of && (!best || facts->prediction_date >=
                                   alm_committed_run_facts(best)->prediction_date)) {
            best = set->run[i];
        }
    }
    return best;
}

/* Of both sets, each run once: what is in memory now. */
static uint64_t bytes_held(const refresh *r)
{
    uint64_t bytes = r->set->set.bytes;
    for (size_t i = 0; r->before && i < r->before->runs; i++) {
        const alm_committed_facts *facts = alm_committed_run_facts(r->before->run[i]);
        bytes += loaded_run(r->set, facts->run_id) ? 0 : facts->bytes;
    }
    return bytes;
}

/* Holds the run in the new set; NULL with *problem when it cannot be loaded. */
static alm_committed_run *obtain(refresh *r, const alm_catalog_run *entry, const char **problem)
{
    const alm_committed_options *o = &r->c->options;
    alm_committed_run *run = loaded_run(r->set, entry->run_id);
    run = run ? run : loaded_run(r->before, entry->run_id);
    if (run) {
        almi_set_hold(r->set, run);
        return run;
    }
    failed_run *failed = find_failed(r->c, entry->run_id);
    if (failed && !is_due(r->c, failed, r->now)) {
        failed->is_wanted = true;
        *problem = failed->problem;
        return NULL;
    }
    uint64_t held = bytes_held(r);
    alm_committed_load load = {.engine_memory_bytes = o->engine_memory_bytes,
                               .scratch_directory = o->scratch_directory,
                               .project = o->project};
    if (o->memory_limit_bytes > 0) {
        load.memory_limit_bytes = o->memory_limit_bytes > held ? o->memory_limit_bytes - held : 1;
    }
    alm_error error;
    if (alm_committed_run_load(&o->stores, entry, &load, &run, &error) != ALM_OK) {
        note_failed(r->c, entry->run_id, error.message, r->now);
        *problem = alm_arena_printf(r->scratch, "%s", error.message);
        return NULL;
    }
    almi_set_hold(r->set, run);
    alm_committed_run_unref(run); /* the set's is enough */
    return run;
}

static alm_str say(refresh *r, const char *text)
{
    return almi_set_text(r->set, alm_str_of(text));
}

static void find_run(refresh *r, alm_str schedule, alm_committed_source *out)
{
    char date[ALM_DATE_TEXT_BYTES];
    const char *problem = "";
    alm_str release = out->release->name;
    const alm_catalog_run *entry = newest_run(r, release, schedule);
    if (!entry) {
        out->problem = say(r, alm_arena_printf(r->scratch,
                                               "no run of " ALM_STR_FMT "%s" ALM_STR_FMT
                                               " is in force", ALM_STR_ARG(release),
                                               schedule.size ? " on schedule " : "",
                                               ALM_STR_ARG(schedule)));
        return;
    }
    alm_committed_run *run = obtain(r, entry, &problem);
    if (run) {
        out->run = run;
        return;
    }
    alm_date_text(entry->prediction_date, date);
    const char *what = alm_arena_printf(r->scratch, "run " ALM_STR_FMT " of %s cannot be loaded",
                                        ALM_STR_ARG(entry->run_id), date);
    out->problem = say(r, what);
    out->detail = say(r, alm_arena_printf(r->scratch, "%s: %s", what, problem));
    run = earlier_run(r->before, release, schedule);
    if (run) {
        almi_set_hold(r->set, run);
        out->run = run;
    }
}

/* ---- routes ---- */

static void find_source(refresh *r, alm_str schedule, alm_str name, alm_committed_source *out)
{
    *out = (alm_committed_source){.release = alm_committed_set_release(&r->set->set, name)};
    if (!out->release) {
        out->problem = say(r, alm_arena_printf(r->scratch,
                                               "there is no release or alias " ALM_STR_FMT,
                                               ALM_STR_ARG(name)));
        return;
    }
    find_run(r, schedule, out);
}

/* Empty: the route names a version, or nothing was promoted before. */
static alm_err previous_of(refresh *r, const alm_committed_route *route, alm_str *out)
{
    alm_str alias = route->spec->release;
    *out = (alm_str){0};
    if (!route->current.release || alm_str_equal(route->current.release->name, alias)) {
        return ALM_OK;
    }
    alm_err code = alm_ledger_previous_release(r->c->options.stores.registry, alias, r->scratch,
                                               out, r->error);
    return code == ALM_ERR_DENIED || code == ALM_ERR_NOT_FOUND ? ALM_OK : code;
}

static void find_beside(refresh *r, alm_committed_route *route)
{
    const alm_schedule_spec *schedule = alm_project_schedule(r->c->options.project,
                                                             route->spec->schedule);
    size_t count = schedule ? schedule->beside_count : 0;
    alm_committed_source *beside = ALM_NEW_ARRAY(r->set->arena, alm_committed_source, count);
    for (size_t i = 0; i < count; i++) {
        if (!alm_str_is(schedule->beside[i], "previous")) {
            find_source(r, route->spec->schedule, schedule->beside[i],
                        &beside[route->beside_count++]);
        }
    }
    route->beside = beside;
}

static alm_err find_route(refresh *r, const alm_deployment_spec *spec, alm_committed_route *out)
{
    const alm_model_spec *model = alm_project_model(r->c->options.project, spec->model);
    alm_str previous;
    out->spec = spec;
    out->season = model ? model->season : 1;
    find_source(r, spec->schedule, spec->release, &out->current);
    ALM_TRY(previous_of(r, out, &previous));
    if (previous.size > 0) {
        find_source(r, spec->schedule, previous, &out->previous);
    }
    find_beside(r, out);
    return ALM_OK;
}

static size_t sources_max(const alm_project *project)
{
    size_t count = 1;
    for (size_t i = 0; i < project->deployment_count; i++) {
        const alm_schedule_spec *schedule =
            alm_project_schedule(project, project->deployments[i].schedule);
        count += 2 + (schedule ? schedule->beside_count : 0);
    }
    return count;
}

static alm_err find_routes(refresh *r)
{
    const alm_project *project = r->c->options.project;
    alm_committed_route *route = ALM_NEW_ARRAY(r->set->arena, alm_committed_route,
                                               project->deployment_count);
    for (size_t i = 0; i < project->deployment_count; i++) {
        ALM_TRY(find_route(r, &project->deployments[i], &route[i]));
    }
    r->set->set.route = route;
    r->set->set.routes = project->deployment_count;
    return ALM_OK;
}

/* ---- publishing ---- */

static almi_set *current_of(alm_committed *c)
{
    return alm_epoch_read(&c->cell); /* nobody else publishes here */
}

static alm_err publish(alm_committed *c, almi_set *set, alm_error *error)
{
    alm_err code = alm_epoch_publish(c->options.epoch, &c->cell, set, almi_set_unref, error);
    if (code != ALM_OK) {
        almi_set_unref(set);
    }
    return code;
}

/* Is there anything to do? */
static alm_err look(refresh *r, int64_t *version, int64_t *seq, bool *grown)
{
    const alm_committed_options *o = &r->c->options;
    const alm_committed_set *set = &current_of(r->c)->set;
    const alm_predictions_commit *commit;
    size_t commits;
    alm_ledger_head head;
    ALM_TRY(alm_predictions_refresh(o->stores.predictions, r->error));
    ALM_TRY(alm_predictions_list(o->stores.predictions, &commit, &commits, r->error));
    ALM_TRY(alm_ledger_get_head(o->stores.registry, &head, r->error));
    *version = commits ? commit[commits - 1].version : -1;
    *seq = head.seq;
    *grown = set->routes == 0 || *version != set->version || *seq != set->ledger_seq ||
             set->problem.size > 0 || any_due(r->c, r->now);
    return ALM_OK;
}

static alm_err make_set(refresh *r, bool *grown)
{
    int64_t version;
    int64_t seq;
    ALM_TRY(look(r, &version, &seq, grown));
    if (!*grown) {
        return ALM_OK;
    }
    ALM_TRY(alm_run_catalog_read(&r->c->options.stores, r->scratch, &r->catalog, r->error));
    ALM_TRY(almi_set_read_releases(r->set, r->c->options.stores.registry, r->error));
    ALM_TRY(almi_set_read_ledger(r->set, r->c->options.stores.registry, seq, r->error));
    unwant_failed(r->c);
    ALM_TRY(find_routes(r));
    forget_failed(r->c);
    r->set->set.version = version;
    r->set->set.ledger_seq = seq;
    r->set->set.read = r->now;
    return ALM_OK;
}

static void destroy_returned(alm_committed *c)
{
    for (almi_set *set = atomic_exchange(&c->returned, NULL); set;) {
        almi_set *after = set->returned;
        almi_set_destroy(set);
        set = after;
    }
}

alm_err alm_committed_refresh(alm_committed *c, alm_instant now, bool *changed, alm_error *error)
{
    alm_error own;
    destroy_returned(c);
    almi_set *before = current_of(c);
    refresh r = {.c = c,
                 .before = before->base ? before->base : before,
                 .set = almi_set_create(sources_max(c->options.project)),
                 .scratch = alm_arena_create(0),
                 .now = now,
                 .error = error ? error : &own};
    bool grown = false;
    alm_err code = make_set(&r, &grown);
    alm_arena_destroy(r.scratch);
    if (code == ALM_OK && grown) {
        code = publish(c, r.set, r.error);
        *changed = code == ALM_OK;
        return code;
    }
    almi_set_unref(r.set);
    if (code == ALM_OK) {
        (void)alm_epoch_reclaim(c->options.epoch);
        *changed = false;
        return ALM_OK;
    }
    if (!alm_str_is(before->set.problem, r.error->message)) {
        /* Without memory for it the old set stays as it is. */
        (void)publish(c, almi_set_with_problem(before, r.error->message), NULL);
    }
    return code;
}

const alm_committed_set *alm_committed_current(alm_committed *c)
{
    return &current_of(c)->set;
}

const alm_committed_set *alm_committed_keep(alm_committed *c)
{
    almi_set *set = current_of(c);
    atomic_fetch_add(&set->references, 1); /* the cell's is there: it cannot be the first */
    return &set->set;
}

void alm_committed_give_back(alm_committed *c, const alm_committed_set *kept)
{
    almi_set *set = (almi_set *)(uintptr_t)kept; /* its first member */
    if (almi_set_drop(set)) {
        set->returned = atomic_load(&c->returned);
        while (!atomic_compare_exchange_weak(&c->returned, &set->returned, set)) {
        }
    }
}

/* ---- life ---- */

alm_err alm_committed_create(const alm_committed_options *options, alm_committed **out,
                             alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_committed), &memory, error));
    alm_committed *c = memory;
    c->options = *options;
    almi_set *set = almi_set_create(1);
    set->set.problem = ALM_STR("the stores have not been read yet");
    alm_err code = publish(c, set, error);
    if (code != ALM_OK) {
        alm_heap_free(c);
        return code;
    }
    *out = c;
    return ALM_OK;
}

void alm_committed_destroy(alm_committed *c)
{
    if (c) {
        unwant_failed(c);
        forget_failed(c);
        destroy_returned(c);
        /* Nobody is inside; emptying the cell through the epoch could fail for want of memory. */
        almi_set_unref(current_of(c));
        atomic_store(&c->cell.current, NULL);
        alm_heap_free(c);
    }
}
