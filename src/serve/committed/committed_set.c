/* committed_set.c: what a set holds of the registry, and look-up in it. */
#include "serve/committed/committed_set_internal.h"

#include <math.h>

/* ---- life ---- */

almi_set *almi_set_create(size_t runs_max)
{
    alm_arena *arena = alm_arena_create(4096);
    almi_set *set = ALM_NEW(arena, almi_set);
    set->arena = arena;
    set->run = ALM_NEW_ARRAY(arena, alm_committed_run *, runs_max);
    set->capacity = runs_max;
    set->set.version = -1;
    atomic_init(&set->references, 1);
    return set;
}

almi_set *almi_set_with_problem(almi_set *set, const char *problem)
{
    almi_set *out = almi_set_create(1);
    out->base = set->base ? set->base : set;
    atomic_fetch_add(&out->base->references, 1);
    out->set = set->set;
    out->set.problem = almi_set_text(out, alm_str_of(problem));
    return out;
}

bool almi_set_drop(almi_set *set)
{
    return atomic_fetch_sub(&set->references, 1) == 1;
}

void almi_set_unref(void *memory)
{
    almi_set *set = memory;
    if (set && almi_set_drop(set)) {
        almi_set_destroy(set);
    }
}

void almi_set_destroy(almi_set *set)
{
    for (size_t i = 0; i < set->runs; i++) {
        alm_committed_run_unref(set->run[i]);
    }
    almi_set_unref(set->base);
    alm_arena_destroy(set->arena);
}

void almi_set_hold(almi_set *set, alm_committed_run *run)
{
    for (size_t i = 0; i < set->runs; i++) {
        if (set->run[i] == run) {
            return;
        }
    }
    alm_assert(set->runs < set->capacity);
    set->run[set->runs++] = alm_committed_run_ref(run);
    set->set.bytes += alm_committed_run_facts(run)->bytes;
}

alm_str almi_set_text(almi_set *set, alm_str text)
{
    return (alm_str){alm_arena_copy_text(set->arena, text.data, text.size), text.size};
}

/* ---- releases ---- */

static double figure(const alm_json *method, const char *key)
{
    double value;
    const alm_json *member = alm_json_member(method, key);
    return member && alm_json_as_double(member, &value) ? value : (double)NAN;
}

static const alm_json *final_method(const alm_json *level)
{
    const alm_json *methods = alm_json_member(level, "methods");
    for (size_t i = 0; methods && i < alm_json_count(methods); i++) {
        alm_str name;
        const alm_json *method = alm_json_at(methods, i);
        const alm_json *member = method ? alm_json_member(method, "method") : NULL;
        if (member && alm_json_as_str(member, &name) && alm_str_is(name, "final")) {
            return method;
        }
    }
    return NULL;
}

/* The figures of what a release publishes. A report without them (of another kind of bundle) has
 * none; the registry keeps reports as they came. */
static void take_metrics(almi_set *set, alm_str report, alm_committed_release *out)
{
    alm_json_document *document;
    if (alm_json_parse(report, "report", &document, NULL) != ALM_OK) {
        return;
    }
    const alm_json *levels = alm_json_member(alm_json_root(document), "levels");
    size_t count = levels ? alm_json_count(levels) : 0;
    alm_committed_metric *metric = ALM_NEW_ARRAY(set->arena, alm_committed_metric, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *level = alm_json_at(levels, i);
        const alm_json *name = level ? alm_json_member(level, "level") : NULL;
        const alm_json *method = level ? final_method(level) : NULL;
        alm_str text;
        if (name && method && alm_json_as_str(name, &text)) {
            metric[out->metrics++] = (alm_committed_metric){
                almi_set_text(set, text), figure(method, "mape"), figure(method, "rmse"),
                figure(method, "wape"), figure(method, "bias")};
        }
    }
    out->metric = metric;
    alm_json_document_destroy(document);
}

static void take_aliases(almi_set *set, const alm_alias *alias, size_t aliases,
                         alm_committed_release *out)
{
    alm_str *names = ALM_NEW_ARRAY(set->arena, alm_str, aliases);
    for (size_t i = 0; i < aliases; i++) {
        if (alm_str_equal(alias[i].release, out->name)) {
            names[out->alias_count++] = almi_set_text(set, alias[i].alias);
        }
    }
    out->aliases = names;
}

static alm_str input(almi_set *set, const alm_json *inputs, const char *key)
{
    alm_str text;
    const alm_json *member = alm_json_member(inputs, key);
    return member && alm_json_as_str(member, &text) ? almi_set_text(set, text) : (alm_str){0};
}

/* What it was trained from. */
static void take_lineage(almi_set *set, alm_str inputs, alm_committed_release *out)
{
    alm_json_document *document;
    if (alm_json_parse(inputs, "inputs", &document, NULL) != ALM_OK) {
        return;
    }
    const alm_json *root = alm_json_root(document);
    out->snapshot_id = input(set, root, "snapshot_id");
    out->feature_version = input(set, root, "feature_version");
    out->project_commit = input(set, root, "project_commit");
    out->engine_version = input(set, root, "engine_version");
    alm_json_document_destroy(document);
}

static alm_err take_release(almi_set *set, alm_registry *registry, const alm_release *release,
                            alm_committed_release *out, alm_error *error)
{
    *out = (alm_committed_release){.name = release->name,
                                   .model = release->model,
                                   .hash = alm_digest_str(&release->hash, set->arena),
                                   .who = release->who,
                                   .version = release->version,
                                   .created = release->created,
                                   .is_imported = release->origin == ALM_RELEASE_IMPORTED,
                                   .is_experimental = release->experimental,
                                   .is_retired = release->retired};
    if (!release->has_training_run) {
        return ALM_OK;
    }
    out->training_run = alm_digest_str(&release->training_run, set->arena);
    alm_arena *scratch = alm_arena_create(0);
    alm_training_run run;
    alm_err code = alm_registry_get_training_run(registry, &release->training_run, scratch, &run,
                                                 error);
    if (code == ALM_OK) {
        take_lineage(set, run.inputs, out);
        take_metrics(set, run.report, out);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_set_read_releases(almi_set *set, alm_registry *registry, alm_error *error)
{
    alm_release *release;
    alm_alias *alias;
    size_t releases;
    size_t aliases;
    ALM_TRY(alm_registry_list_releases(registry, (alm_str){0}, set->arena, &release, &releases,
                                       error));
    ALM_TRY(alm_registry_list_aliases(registry, set->arena, &alias, &aliases, error));
    alm_committed_release *out = ALM_NEW_ARRAY(set->arena, alm_committed_release, releases);
    for (size_t i = 0; i < releases; i++) {
        ALM_TRY(take_release(set, registry, &release[i], &out[i], error));
        take_aliases(set, alias, aliases, &out[i]);
    }
    set->set.release = out;
    set->set.releases = releases;
    return ALM_OK;
}

alm_err almi_set_read_ledger(almi_set *set, alm_registry *registry, int64_t seq, alm_error *error)
{
    alm_ledger_entry *entry;
    alm_ledger_filter last = {.after_seq = seq > ALM_COMMITTED_LEDGER_MAX
                                               ? seq - ALM_COMMITTED_LEDGER_MAX : 0,
                              .limit = ALM_COMMITTED_LEDGER_MAX};
    ALM_TRY(alm_ledger_list(registry, &last, set->arena, &entry, &set->set.ledger_entries, error));
    set->set.ledger = entry;
    return ALM_OK;
}

/* ---- look-up ---- */

const alm_committed_route *alm_committed_set_route(const alm_committed_set *set, alm_str name)
{
    for (size_t i = 0; i < set->routes; i++) {
        if (alm_str_equal(set->route[i].spec->name, name)) {
            return &set->route[i];
        }
    }
    return NULL;
}

const alm_committed_release *alm_committed_set_release(const alm_committed_set *set,
                                                       alm_str name_or_alias)
{
    for (size_t i = 0; i < set->releases; i++) {
        const alm_committed_release *release = &set->release[i];
        bool is_it = alm_str_equal(release->name, name_or_alias);
        for (size_t a = 0; !is_it && a < release->alias_count; a++) {
            is_it = alm_str_equal(release->aliases[a], name_or_alias);
        }
        if (is_it) {
            return release;
        }
    }
    return NULL;
}

static void list_source(alm_buffer *out, const alm_committed_source *source)
{
    if (source->release) {
        alm_buffer_printf(out, "%s" ALM_STR_FMT, out->size ? ", " : "",
                          ALM_STR_ARG(source->release->name));
    }
}

static alm_err fail_release(const alm_committed_route *route, alm_str asked, bool registered,
                            alm_error *error)
{
    alm_buffer known = {0};
    alm_arena *scratch = alm_arena_create(1024);
    list_source(&known, &route->current);
    list_source(&known, &route->previous);
    for (size_t i = 0; i < route->beside_count; i++) {
        list_source(&known, &route->beside[i]);
    }
    alm_str shown = {asked.data, asked.size < 100 ? asked.size : 100};
    shown = alm_str_visible(shown, scratch);
    alm_err code = alm_fail(error, ALM_ERR_NOT_FOUND,
                            registered ? "release " ALM_STR_FMT " is not served on route "
                                         ALM_STR_FMT "; served there: %s"
                                       : "there is no release or alias " ALM_STR_FMT "; served on "
                                         "route " ALM_STR_FMT ": %s",
                            ALM_STR_ARG(shown), ALM_STR_ARG(route->spec->name),
                            known.data ? known.data : "none");
    alm_arena_destroy(scratch);
    alm_buffer_deinit(&known);
    return code;
}

alm_err alm_committed_route_source(const alm_committed_set *set, const alm_committed_route *route,
                                   alm_str name_or_alias, const alm_committed_source **out,
                                   alm_error *error)
{
    const alm_committed_release *release =
        name_or_alias.size ? alm_committed_set_release(set, name_or_alias)
                           : route->current.release;
    if (!release && name_or_alias.size == 0) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "route " ALM_STR_FMT " has no release: "
                        ALM_STR_FMT, ALM_STR_ARG(route->spec->name),
                        ALM_STR_ARG(route->current.problem));
    }
    const alm_committed_source *fixed[] = {&route->current, &route->previous};
    for (size_t i = 0; release && i < 2 + route->beside_count; i++) {
        const alm_committed_source *source = i < 2 ? fixed[i] : &route->beside[i - 2];
        if (source->release == release) {
            *out = source;
            return ALM_OK;
        }
    }
    return fail_release(route, name_or_alias, release != NULL, error);
}
