#include "batch/rebuild.h"

#include "base/build_info.h"
#include "base/json.h"
#include "train/train.h"

#include <stdio.h>

static alm_err compare(const char *what, alm_str recorded, alm_str present, alm_error *error)
{
    if (alm_str_equal(recorded, present)) {
        return ALM_OK;
    }
    if (present.size == 0) {
        return alm_fail(error, ALM_ERR_CONFLICT, "the project folder has uncommitted changes; "
                        "%.*s is recorded: check it out clean to rebuild", ALM_STR_ARG(recorded));
    }
    return alm_fail(error, ALM_ERR_CONFLICT, "the %s is not the recorded one: %.*s was used, %.*s "
                    "is here; bring back the recorded one to rebuild", what,
                    ALM_STR_ARG(recorded), ALM_STR_ARG(present));
}

typedef struct past_inputs { /* what the record names and the project must have */
    alm_digest snapshot;
    alm_str name; /* of the model or signal */
    bool is_signal;
    bool experimental;
} past_inputs;

/* The digest of a library that this engine is linked with; empty: of none. */
static alm_str library_here(alm_str name)
{
    return alm_str_is(name, "lightgbm")  ? alm_str_of(ALM_LIGHTGBM_DIGEST)
           : alm_str_is(name, "xgboost") ? alm_str_of(ALM_XGBOOST_DIGEST)
                                         : ALM_STR("");
}

static alm_err compare_libraries(const alm_json *inputs, alm_error *error)
{
    const alm_json *libraries = NULL;
    ALM_TRY(alm_json_get(inputs, "libraries", ALM_JSON_OBJECT, &libraries, error));
    for (size_t i = 0; i < alm_json_count(libraries); i++) {
        alm_str name;
        alm_str digest = {0};
        char what[64];
        const alm_json *value = alm_json_member_at(libraries, i, &name);
        alm_str here = library_here(name);
        (void)alm_json_as_str(value, &digest);
        (void)snprintf(what, sizeof what, "%.20s library",
                       alm_str_is(name, "lightgbm")  ? "LightGBM"
                       : alm_str_is(name, "xgboost") ? "XGBoost"
                                                     : name.data);
        ALM_TRY(compare(what, digest, here.size ? here : ALM_STR("none"), error));
    }
    return ALM_OK;
}

static alm_err read_inputs(const alm_rebuild_options *o, const alm_json *inputs, alm_arena *arena,
                           past_inputs *out, alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_bool(inputs, "experimental", &out->experimental, error));
    ALM_TRY(alm_json_get_str(inputs, "project_commit", &text, error));
    ALM_TRY(compare("project's commit", text, o->project_commit, error));
    ALM_TRY(alm_json_get_str(inputs, "engine_source", &text, error));
    ALM_TRY(compare("engine's source", text, alm_str_of(ALM_ENGINE_SOURCE_DIGEST), error));
    const alm_json *part = NULL;
    ALM_TRY(compare_libraries(inputs, error));
    out->is_signal = alm_json_member(inputs, "signal") != NULL;
    ALM_TRY(alm_json_get(inputs, out->is_signal ? "signal" : "model", ALM_JSON_OBJECT, &part,
                         error));
    ALM_TRY(alm_json_get_str(part, "name", &text, error));
    out->name = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    ALM_TRY(alm_json_get_str(inputs, "snapshot_id", &text, error));
    if (!alm_digest_parse(text, &out->snapshot)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the record's snapshot id is malformed");
    }
    return ALM_OK;
}

static alm_err find_snapshot(const alm_rebuild_options *o, const alm_digest *id, alm_arena *arena,
                             alm_snapshot *out, alm_error *error)
{
    alm_snapshot_record record;
    ALM_TRY(alm_registry_get_snapshot(o->registry, id, arena, &record, error));
    alm_digest manifest = alm_hash_bytes(record.manifest.data, record.manifest.size);
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&manifest, text);
    return alm_snapshot_read(o->objects, alm_str_of(text), arena, out, error);
}

static alm_err train_again(const alm_env *env, const alm_rebuild_options *o,
                           const alm_training_run *run, alm_arena *arena, alm_train_result *out,
                           alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(run->inputs, "training record", &document, error));
    past_inputs record = {0};
    alm_err code = read_inputs(o, alm_json_root(document), arena, &record, error);
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return code;
    }
    const alm_model_spec *model =
        record.is_signal ? NULL : alm_project_model(o->project, record.name);
    const alm_signal_spec *signal =
        record.is_signal ? alm_project_signal(o->project, record.name) : NULL;
    if (!model && !signal) {
        return alm_fail(error, ALM_ERR_CONFLICT, "almanac.yaml has no %s %.*s any more",
                        record.is_signal ? "signal" : "model", ALM_STR_ARG(record.name));
    }
    alm_snapshot snapshot;
    ALM_TRY(find_snapshot(o, &record.snapshot, arena, &snapshot, error));
    alm_train_options options = {.project = o->project,
                                 .model = model,
                                 .signal = signal,
                                 .snapshot = &snapshot,
                                 .objects = o->objects,
                                 .registry = o->registry,
                                 .project_commit = o->project_commit,
                                 .experimental = record.experimental,
                                 .unregistered = true,
                                 .who = o->who};
    return alm_train(env, &options, arena, out, error);
}

alm_err alm_rebuild(const alm_env *env, const alm_rebuild_options *options, alm_arena *arena,
                    alm_rebuild_result *out, alm_error *error)
{
    alm_release release;
    ALM_TRY(alm_registry_resolve(options->registry, options->release, arena, &release, error));
    if (!release.has_training_run) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "release %.*s was imported, not trained: there "
                        "is nothing to rebuild it from", ALM_STR_ARG(release.name));
    }
    alm_training_run run;
    ALM_TRY(alm_registry_training_run_of(options->registry, release.name, arena, &run, error));
    alm_train_result again;
    ALM_TRY(train_again(env, options, &run, arena, &again, error));
    /* Other inputs than those compared before the work: the definition or the features. */
    char id[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&run.id, id);
    ALM_TRY(compare("definition of the model or of its features", alm_str_of(id),
                    again.training_run_id, error));
    char *recorded = alm_arena_alloc(arena, ALM_DIGEST_TEXT_BYTES);
    alm_digest_text(&run.bundle, recorded);
    out->release = release.name;
    out->recorded = alm_str_of(recorded);
    out->rebuilt = again.bundle_hash;
    out->identical = alm_str_equal(out->recorded, out->rebuilt);
    return ALM_OK;
}
