#include "batch/release_model.h"

#include "signal/signal_bundle.h"

typedef struct opening {
    const alm_env *env;
    alm_objects *objects;
    const alm_release *release;
    alm_arena *bytes; /* of files, which the model does not need */
    bool as_scorer; /* also a model file */
} opening;

static alm_err open_signal(const opening *o, const alm_digest *bundle, alm_imported_model *out,
                           alm_error *error)
{
    alm_signal_bundle found;
    ALM_TRY(alm_signal_bundle_read(o->objects, bundle, o->bytes, &found, error));
    alm_scorer_table table = {found.file, found.file_count};
    alm_scorer_source source = alm_scorer_memory(&table);
    source.env = o->env;
    return alm_scorer_read(&source, o->release->name.data, &out->scorer, error);
}

static alm_err open_bundle(const opening *o, alm_release_model *out, alm_error *error)
{
    const alm_digest *bundle = &o->release->members[0].bundle;
    ALM_TRY(alm_signal_bundle_is(o->objects, bundle, &out->is_signal, error));
    if (out->is_signal) {
        return open_signal(o, bundle, &out->model, error);
    }
    if (o->as_scorer) {
        return alm_imported_scorer(o->env, o->objects, bundle, o->bytes, &out->model.scorer,
                                   error);
    }
    alm_imported found;
    ALM_TRY(alm_imported_open(o->env, o->objects, bundle, o->bytes, &found, error));
    out->model = found.model;
    return ALM_OK;
}

static alm_err open_named(opening o, alm_release_model *out, alm_error *error)
{
    alm_release_model found = {0};
    o.bytes = alm_arena_create(0);
    alm_err code = open_bundle(&o, &found, error);
    alm_arena_destroy(o.bytes);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "release " ALM_STR_FMT, ALM_STR_ARG(o.release->name));
    }
    *out = found;
    return ALM_OK;
}

alm_err alm_release_model_open(const alm_env *env, alm_objects *objects,
                               const alm_release *release, alm_release_model *out,
                               alm_error *error)
{
    return open_named((opening){env, objects, release, NULL, false}, out, error);
}

alm_err alm_release_scorer_open(const alm_env *env, alm_objects *objects,
                                const alm_release *release, alm_scorer **out, alm_error *error)
{
    alm_release_model found = {0};
    ALM_TRY(open_named((opening){env, objects, release, NULL, true}, &found, error));
    *out = found.model.scorer;
    return ALM_OK;
}
