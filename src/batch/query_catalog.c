/* query_catalog.c: the choice of runs by date and time. */
#include "batch/query_catalog.h"

#include <stdlib.h>

#define DAY_MICROSECONDS ((alm_instant)86400 * 1000000)
#define DATES_SHOWN 5

alm_err almi_catalog_read(const alm_read_stores *stores, alm_arena *arena, alm_run_catalog *out,
                          alm_error *error)
{
    alm_run_stores own = {stores->registry, stores->objects, stores->predictions};
    return alm_run_catalog_read(&own, arena, out, error);
}

/* ---- the time of the reader ---- */

static alm_err version_as_of(const alm_run_catalog *catalog, alm_str as_of, int64_t *out,
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
    const alm_run_catalog *catalog;
    const alm_query_options *options;
    alm_arena *arena;
    almi_choice choice;
    alm_error *error;
} chooser;

static bool is_of_release(const chooser *c, const alm_catalog_run *run)
{
    return alm_str_is(c->choice.model_version, "*") ||
           alm_str_equal(run->model_version, c->choice.model_version);
}

static bool is_candidate(const chooser *c, const alm_catalog_run *run)
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
            const alm_catalog_run *run = &c->catalog->run[i];
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
    const alm_catalog_run *run = alm_run_catalog_find(c->catalog, id);
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
        const alm_catalog_run *a = c->choice.run[i - 1];
        const alm_catalog_run *b = c->choice.run[i];
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
        const alm_catalog_run *run = &c->catalog->run[i];
        if (is_candidate(c, run) && run->prediction_date > date) {
            date = run->prediction_date;
        }
    }
    for (size_t i = 0; i < c->catalog->runs; i++) {
        const alm_catalog_run *run = &c->catalog->run[i];
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
    const alm_catalog_run *x = *(const alm_catalog_run *const *)a;
    const alm_catalog_run *y = *(const alm_catalog_run *const *)b;
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

alm_err almi_choose_runs(const alm_read_stores *stores, const alm_run_catalog *catalog,
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
    c.choice.run = ALM_NEW_ARRAY(arena, const alm_catalog_run *, catalog->runs);
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
