/* query_catalog.c: commits and registry rows joined, and the choice of runs by date and time. */
#include "batch/query_catalog.h"

#include <stdlib.h>

#define DAY_MICROSECONDS ((alm_instant)86400 * 1000000)
#define DATES_SHOWN 5

/* ---- manifests ---- */

alm_err almi_run_manifest_read(alm_objects *objects, const alm_digest *digest,
                           alm_json_document **out, alm_error *error)
{
    char name[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(digest, name);
    alm_arena *scratch = alm_arena_create(0);
    alm_str text;
    alm_json_document *document = NULL;
    alm_err code = alm_objects_get(objects, digest, ALMI_MANIFEST_BYTES_MAX, scratch, &text, error);
    if (code == ALM_OK) {
        code = alm_json_parse(text, name, &document, error);
    }
    if (code == ALM_OK && alm_json_kind_of(alm_json_root(document)) != ALM_JSON_OBJECT) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "%s is not an object", name);
    }
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_json_document_destroy(document);
        return alm_error_wrap(error, code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code,
                              "run manifest");
    }
    *out = document;
    return ALM_OK;
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

alm_str almi_manifest_text(const alm_json_document *manifest, const char *key, alm_arena *arena)
{
    alm_str text;
    const alm_json *value = alm_json_member(alm_json_root(manifest), key);
    return value && alm_json_as_str(value, &text) ? copy(arena, text) : (alm_str){0};
}

/* ---- the catalog ---- */

static int by_run_id(const void *a, const void *b)
{
    return alm_str_compare(((const alm_batch_run *)a)->run_id, ((const alm_batch_run *)b)->run_id);
}

static alm_err describe_from_manifest(alm_objects *objects, alm_arena *arena,
                                      almi_catalog_run *run, alm_error *error)
{
    alm_json_document *manifest;
    alm_err code = almi_run_manifest_read(objects, &run->commit->manifest, &manifest, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "version %lld of the prediction store (run " ALM_STR_FMT
                              ", which the registry does not know)",
                              (long long)run->commit->version, ALM_STR_ARG(run->run_id));
    }
    run->schedule = almi_manifest_text(manifest, "schedule", arena);
    run->model_version = almi_manifest_text(manifest, "model_version", arena);
    run->snapshot_id = almi_manifest_text(manifest, "snapshot_id", arena);
    run->supersedes = almi_manifest_text(manifest, "supersedes", arena);
    run->reason = almi_manifest_text(manifest, "reason", arena);
    alm_str date = almi_manifest_text(manifest, "prediction_date", arena);
    alm_json_document_destroy(manifest);
    if (!alm_date_parse(date, &run->prediction_date)) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "the manifest of run " ALM_STR_FMT " has no prediction date",
                        ALM_STR_ARG(run->run_id));
    }
    return ALM_OK;
}

static void describe_from_registry(const alm_batch_run *known, alm_arena *arena,
                                   almi_catalog_run *run)
{
    char snapshot[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&known->snapshot, snapshot);
    run->schedule = known->schedule;
    run->model_version = known->release;
    run->prediction_date = known->prediction_date;
    run->snapshot_id = copy(arena, alm_str_of(snapshot));
    run->supersedes = known->supersedes;
    run->reason = known->reason;
    run->who = known->who;
    run->created = known->created;
}

/* A run replaces only what was there before it, so one pass in the order of versions is enough. */
static void link_superseded(almi_catalog_run *run, size_t runs)
{
    for (size_t i = 0; i < runs; i++) {
        for (size_t j = 0; run[i].supersedes.size > 0 && j < i; j++) {
            if (alm_str_equal(run[j].run_id, run[i].supersedes)) {
                run[j].superseded_at = run[i].commit->version;
                run[j].superseded_by = run[i].run_id;
            }
        }
    }
}

alm_err almi_catalog_read(const alm_read_stores *stores, alm_arena *arena, almi_catalog *out,
                          alm_error *error)
{
    almi_catalog catalog = {0};
    ALM_TRY(alm_predictions_list(stores->predictions, &catalog.commit, &catalog.commits, error));
    alm_batch_run *known;
    size_t known_count;
    ALM_TRY(alm_registry_list_batch_runs(stores->registry, &(alm_batch_run_filter){0}, arena,
                                         &known, &known_count, error));
    if (known_count > 0) {
        qsort(known, known_count, sizeof(*known), by_run_id);
    }
    almi_catalog_run *run = ALM_NEW_ARRAY(arena, almi_catalog_run, catalog.commits);
    for (size_t c = 0; c < catalog.commits; c++) {
        const alm_predictions_commit *commit = &catalog.commit[c];
        if (!commit->is_run) {
            continue;
        }
        almi_catalog_run *entry = &run[catalog.runs++];
        *entry = (almi_catalog_run){.commit = commit, .run_id = commit->run_id,
                                    .run_key = commit->run_key, .superseded_at = ALMI_NEVER};
        alm_batch_run wanted = {.run_id = commit->run_id};
        const alm_batch_run *found =
            known_count ? bsearch(&wanted, known, known_count, sizeof(*known), by_run_id) : NULL;
        if (found) {
            describe_from_registry(found, arena, entry);
        } else {
            ALM_TRY(describe_from_manifest(stores->objects, arena, entry, error));
        }
    }
    link_superseded(run, catalog.runs);
    catalog.run = run;
    *out = catalog;
    return ALM_OK;
}

const almi_catalog_run *almi_catalog_find(const almi_catalog *catalog, alm_str run_id)
{
    for (size_t i = 0; i < catalog->runs; i++) {
        if (alm_str_equal(catalog->run[i].run_id, run_id)) {
            return &catalog->run[i];
        }
    }
    return NULL;
}

/* ---- the time of the reader ---- */

static alm_err version_as_of(const almi_catalog *catalog, alm_str as_of, int64_t *out,
                             alm_error *error)
{
    int64_t newest = catalog->commits ? catalog->commit[catalog->commits - 1].version : -1;
    int64_t version = newest;
    alm_date day;
    alm_instant instant;
    if (as_of.size == 0) {
        *out = newest;
        return ALM_OK;
    }
    if (alm_str_to_i64(as_of, &version)) {
        if (version < 0 || version > newest) {
            return alm_fail(error, ALM_ERR_NOT_FOUND,
                            "the prediction store has no version " ALM_STR_FMT
                            ": its versions are 0 to %lld",
                            ALM_STR_ARG(as_of), (long long)newest);
        }
        *out = version;
        return ALM_OK;
    }
    if (alm_date_parse(as_of, &day)) {
        instant = alm_instant_of_date(day) + DAY_MICROSECONDS - 1;
    } else if (!alm_instant_parse(as_of, &instant)) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "as-of '" ALM_STR_FMT "' is neither a version, nor YYYY-MM-DD, nor "
                        "YYYY-MM-DDTHH:MM:SSZ",
                        ALM_STR_ARG(as_of));
    }
    version = -1;
    for (size_t c = 0; c < catalog->commits && catalog->commit[c].timestamp <= instant; c++) {
        version = catalog->commit[c].version;
    }
    if (version < 0) {
        char first[ALM_INSTANT_TEXT_BYTES] = "(none)";
        if (catalog->commits > 0) {
            alm_instant_text(catalog->commit[0].timestamp, first);
        }
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "the prediction store was not there at " ALM_STR_FMT
                        ": its first commit is of %s",
                        ALM_STR_ARG(as_of), first);
    }
    *out = version;
    return ALM_OK;
}

/* ---- the choice ---- */

typedef struct chooser {
    const almi_catalog *catalog;
    const alm_query_options *options;
    alm_arena *arena;
    almi_choice choice;
    alm_error *error;
} chooser;

static bool is_of_release(const chooser *c, const almi_catalog_run *run)
{
    return alm_str_is(c->choice.model_version, "*") ||
           alm_str_equal(run->model_version, c->choice.model_version);
}

static bool is_candidate(const chooser *c, const almi_catalog_run *run)
{
    const alm_query_options *o = c->options;
    return is_of_release(c, run) && run->commit->version <= c->choice.version &&
           run->superseded_at > c->choice.version &&
           (o->schedule.size == 0 || alm_str_equal(o->schedule, run->schedule));
}

/* "2011-12-10, 2011-12-09 and 4 more": the dates in force, newest first, each once. */
static const char *known_dates(const chooser *c)
{
    alm_buffer text = {0};
    alm_date before = INT32_MAX;
    size_t shown = 0;
    for (;;) {
        alm_date next = ALM_DATE_NONE;
        for (size_t i = 0; i < c->catalog->runs; i++) {
            const almi_catalog_run *run = &c->catalog->run[i];
            if (is_candidate(c, run) && run->prediction_date < before &&
                run->prediction_date > next) {
                next = run->prediction_date;
            }
        }
        if (next == ALM_DATE_NONE || shown == DATES_SHOWN) {
            alm_buffer_text(&text, next == ALM_DATE_NONE ? "" : " and earlier");
            break;
        }
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(next, date);
        alm_buffer_printf(&text, "%s%s", shown++ ? ", " : "", date);
        before = next;
    }
    const char *out = shown && text.data ? alm_arena_copy_text(c->arena, text.data, text.size)
                                         : "none";
    alm_buffer_deinit(&text);
    return out;
}

static alm_err choose_one(chooser *c)
{
    alm_str id = c->options->run;
    const almi_catalog_run *run = almi_catalog_find(c->catalog, id);
    if (!run) {
        return alm_fail(c->error, ALM_ERR_NOT_FOUND,
                        "no run '" ALM_STR_FMT "' in the prediction store; 'almanac predictions "
                        "runs' lists them", ALM_STR_ARG(id));
    }
    if (!is_of_release(c, run)) {
        return alm_fail(c->error, ALM_ERR_USAGE,
                        "run " ALM_STR_FMT " is of " ALM_STR_FMT ", not of " ALM_STR_FMT
                        ": name the release that it is of",
                        ALM_STR_ARG(id), ALM_STR_ARG(run->model_version),
                        ALM_STR_ARG(c->choice.model_version));
    }
    c->choice.run[c->choice.runs++] = run;
    return ALM_OK;
}

/* Two schedules may predict the same date; their rows are not to be mixed by accident. */
static alm_err check_one_schedule(const chooser *c)
{
    for (size_t i = 1; i < c->choice.runs; i++) {
        const almi_catalog_run *a = c->choice.run[i - 1];
        const almi_catalog_run *b = c->choice.run[i];
        if (!alm_str_equal(a->schedule, b->schedule)) {
            return alm_fail(c->error, ALM_ERR_USAGE,
                            "schedules " ALM_STR_FMT " and " ALM_STR_FMT " both have a run of "
                            ALM_STR_FMT " for this date: choose with --schedule",
                            ALM_STR_ARG(a->schedule), ALM_STR_ARG(b->schedule),
                            ALM_STR_ARG(a->model_version));
        }
    }
    return ALM_OK;
}

static alm_err choose_by_date(chooser *c)
{
    const alm_query_options *o = c->options;
    alm_date date = o->date;
    for (size_t i = 0; o->date == ALM_DATE_NONE && i < c->catalog->runs; i++) {
        const almi_catalog_run *run = &c->catalog->run[i];
        if (is_candidate(c, run) && run->prediction_date > date) {
            date = run->prediction_date;
        }
    }
    for (size_t i = 0; i < c->catalog->runs; i++) {
        const almi_catalog_run *run = &c->catalog->run[i];
        if (is_candidate(c, run) && run->prediction_date == date) {
            c->choice.run[c->choice.runs++] = run;
        }
    }
    if (c->choice.runs == 0) {
        char text[ALM_DATE_TEXT_BYTES] = "any date";
        if (date != ALM_DATE_NONE) {
            alm_date_text(date, text);
        }
        return alm_fail(c->error, ALM_ERR_NOT_FOUND,
                        "no run of " ALM_STR_FMT "%s" ALM_STR_FMT " is in force for %s; dates "
                        "in force: %s", ALM_STR_ARG(c->choice.model_version),
                        o->schedule.size ? " on schedule " : "", ALM_STR_ARG(o->schedule), text,
                        known_dates(c));
    }
    return check_one_schedule(c);
}

static int by_date_and_version(const void *a, const void *b)
{
    const almi_catalog_run *x = *(const almi_catalog_run *const *)a;
    const almi_catalog_run *y = *(const almi_catalog_run *const *)b;
    if (x->prediction_date != y->prediction_date) {
        return x->prediction_date < y->prediction_date ? -1 : 1;
    }
    return (x->commit->version > y->commit->version) - (x->commit->version < y->commit->version);
}

static alm_err choose_all(chooser *c)
{
    for (size_t i = 0; i < c->catalog->runs; i++) {
        if (is_candidate(c, &c->catalog->run[i])) {
            c->choice.run[c->choice.runs++] = &c->catalog->run[i];
        }
    }
    if (c->choice.runs == 0) {
        return alm_fail(c->error, ALM_ERR_NOT_FOUND, "the prediction store has no run of "
                        ALM_STR_FMT, ALM_STR_ARG(c->choice.model_version));
    }
    qsort(c->choice.run, c->choice.runs, sizeof(*c->choice.run), by_date_and_version);
    return ALM_OK;
}

static const char *known_releases(alm_registry *registry, alm_arena *arena)
{
    alm_release *release;
    alm_alias *alias;
    size_t releases = 0;
    size_t aliases = 0;
    alm_buffer text = {0};
    if (alm_registry_list_releases(registry, (alm_str){0}, arena, &release, &releases, NULL) ||
        alm_registry_list_aliases(registry, arena, &alias, &aliases, NULL)) {
        return "(the registry cannot be read)";
    }
    for (size_t i = 0; i < aliases; i++) {
        alm_buffer_printf(&text, "%s" ALM_STR_FMT " (alias of " ALM_STR_FMT ")", i ? ", " : "",
                          ALM_STR_ARG(alias[i].alias), ALM_STR_ARG(alias[i].release));
    }
    for (size_t i = 0; i < releases; i++) {
        alm_buffer_printf(&text, "%s" ALM_STR_FMT, i + aliases ? ", " : "",
                          ALM_STR_ARG(release[i].name));
    }
    const char *out = text.data ? alm_arena_copy_text(arena, text.data, text.size) : "none yet";
    alm_buffer_deinit(&text);
    return out;
}

static alm_err resolve(const alm_read_stores *stores, const alm_query_options *options,
                       alm_arena *arena, alm_str *out, alm_error *error)
{
    if (options->model.size == 0) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "name a model version or an alias: predictions have no implicit latest; "
                        "known: %s", known_releases(stores->registry, arena));
    }
    if (alm_str_is(options->model, "*") && options->sql.size > 0) {
        *out = options->model;
        return ALM_OK;
    }
    alm_release release;
    ALM_TRY(alm_registry_resolve(stores->registry, options->model, arena, &release, error));
    *out = release.name;
    return ALM_OK;
}

alm_err almi_choose_runs(const alm_read_stores *stores, const almi_catalog *catalog,
                         const alm_query_options *options, alm_arena *arena, almi_choice *out,
                         alm_error *error)
{
    chooser c = {.catalog = catalog, .options = options, .arena = arena, .error = error};
    ALM_TRY(resolve(stores, options, arena, &c.choice.model_version, error));
    bool has_date = options->date != ALM_DATE_NONE;
    if (options->run.size > 0 && (has_date || options->as_of.size > 0)) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "a run id says everything: leave out the date and as-of");
    }
    ALM_TRY(version_as_of(catalog, options->as_of, &c.choice.version, error));
    c.choice.run = ALM_NEW_ARRAY(arena, const almi_catalog_run *, catalog->runs);
    alm_err code;
    if (options->run.size > 0) {
        code = choose_one(&c);
    } else if (has_date || (options->as_of.size > 0 && options->sql.size == 0)) {
        code = choose_by_date(&c);
    } else if (options->sql.size > 0) {
        code = choose_all(&c);
    } else {
        code = alm_fail(error, ALM_ERR_USAGE,
                        "say which predictions of " ALM_STR_FMT ": --date D, --run RUN or "
                        "--as-of TIME; dates in force: %s",
                        ALM_STR_ARG(c.choice.model_version), known_dates(&c));
    }
    ALM_TRY(code);
    *out = c.choice;
    return ALM_OK;
}
