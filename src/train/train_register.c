#include "train/train_internal.h"

alm_err almi_training_register(const alm_env *env, const alm_train_options *o,
                               const almi_training_record *record, alm_arena *arena,
                               alm_train_result *out, alm_error *error)
{
    alm_instant now = alm_env_now(env);
    alm_feature_version_record feature = {record->feature_version, record->plan, now};
    ALM_TRY(alm_registry_add_feature_version(o->registry, &feature, error));
    alm_training_run run = {.id = record->run_id,
                            .inputs = record->inputs,
                            .bundle = record->bundle,
                            .report = record->report,
                            .experimental = o->experimental,
                            .who = o->who,
                            .created = now};
    ALM_TRY(alm_registry_add_training_run(o->registry, &run, error));
    alm_release_member member = {record->name, record->bundle};
    alm_str why = o->why;
    if (o->engine_path) {
        /* The engine that trained it is kept, so that a rebuild after years is possible. */
        alm_digest engine;
        char text[ALM_DIGEST_TEXT_BYTES];
        ALM_TRY(alm_objects_put_file(o->objects, o->engine_path, &engine, error));
        alm_digest_text(&engine, text);
        why = alm_str_of(alm_arena_printf(arena, ALM_STR_FMT " (engine object %s)",
                                          ALM_STR_ARG(o->why), text));
    }
    alm_release_request request = {.model = record->name,
                                   .members = &member,
                                   .member_count = 1,
                                   .training_run = &record->run_id,
                                   .origin = ALM_RELEASE_TRAINED,
                                   .experimental = o->experimental,
                                   .who = o->who,
                                   .when = now,
                                   .why = why};
    alm_release release;
    ALM_TRY(alm_registry_register_release(o->registry, &request, arena, &release, error));
    out->release = release.name;
    out->existed = release.created != now;
    return ALM_OK;
}
