#include "batch/schedule.h"

#include "store/ledger.h"

static alm_err resolve_beside(const alm_run_options *o, alm_str name, alm_arena *arena,
                              alm_str *out, alm_error *error)
{
    if (alm_str_is(name, "previous")) {
        alm_error none = {0};
        alm_err code =
            alm_ledger_previous_release(o->registry, o->schedule->alias, arena, out, &none);
        if (code == ALM_ERR_DENIED) {
            *out = ALM_STR("");
            return ALM_OK;
        }
        if (code != ALM_OK && error) {
            *error = none;
        }
        return code;
    }
    alm_release release;
    ALM_TRY(alm_registry_resolve(o->registry, name, arena, &release, error));
    *out = release.name;
    return ALM_OK;
}

static bool is_listed(const alm_str *names, size_t count, alm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

static alm_err list_releases(const alm_run_options *o, alm_arena *arena, alm_str *names,
                             size_t *count, alm_error *error)
{
    alm_release release;
    alm_str first = o->release.size ? o->release : o->schedule->alias;
    ALM_TRY(alm_registry_resolve(o->registry, first, arena, &release, error));
    names[0] = release.name;
    *count = 1;
    for (size_t i = 0; o->release.size == 0 && i < o->schedule->beside_count; i++) {
        alm_str name;
        ALM_TRY(resolve_beside(o, o->schedule->beside[i], arena, &name, error));
        if (name.size && !is_listed(names, *count, name)) {
            names[(*count)++] = name;
        }
    }
    return ALM_OK;
}

/* The run in force for the release beside, if there is one to supersede. */
static alm_err superseded_beside(const alm_run_options *o, alm_str release, alm_arena *arena,
                                 alm_str *out, alm_error *error)
{
    alm_batch_run_filter filter = {.schedule = o->schedule->name,
                                   .release = release,
                                   .prediction_date = &o->prediction_date,
                                   .current_only = true};
    alm_batch_run *runs = NULL;
    size_t count = 0;
    ALM_TRY(alm_registry_list_batch_runs(o->registry, &filter, arena, &runs, &count, error));
    *out = count ? runs[0].run_id : ALM_STR("");
    return ALM_OK;
}

alm_err alm_schedule_run(const alm_env *env, const alm_run_options *options, alm_arena *arena,
                         alm_run_result **out, size_t *count, alm_error *error)
{
    size_t room = options->schedule->beside_count + 1;
    alm_str *names = ALM_NEW_ARRAY(arena, alm_str, room);
    alm_run_result *results = ALM_NEW_ARRAY(arena, alm_run_result, room);
    size_t releases = 0;
    ALM_TRY(list_releases(options, arena, names, &releases, error));
    for (size_t i = 0; i < releases; i++) {
        alm_run_options one = *options;
        one.release = names[i];
        if (i > 0 && options->supersede.size) {
            ALM_TRY(superseded_beside(options, names[i], arena, &one.supersede, error));
            one.reason = one.supersede.size ? options->reason : ALM_STR("");
        }
        ALM_TRY(alm_run(env, &one, arena, &results[i], error));
    }
    *out = results;
    *count = releases;
    return ALM_OK;
}
