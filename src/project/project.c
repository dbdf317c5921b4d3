/* project.c: opening a project folder. */
#include "project/project.h"

#include "project/project_schema.h"

#include <string.h>

#define FILE_NAME "almanac.yaml"
#define FILE_BYTES_MAX ((size_t)4 << 20)

static alm_err read_project(const alm_env *env, alm_project *project, alm_error *error)
{
    const char *path = alm_path_join(project->arena, project->directory, FILE_NAME);
    if (!alm_fs_exists(env->fs, path)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "no " FILE_NAME " in %s: name the project's folder with --project, or run "
                        "`almanac init` there", project->directory);
    }
    alm_str text;
    ALM_TRY(alm_fs_read_all(env->fs, path, FILE_BYTES_MAX, project->arena, &text, error));
    project->file_digest = alm_hash_bytes(text.data, text.size);
    alm_yaml *root = NULL;
    ALM_TRY(alm_yaml_parse(text, FILE_NAME, project->arena, &root, error));
    ALM_TRY(almi_project_parse(root, project, error));
    return almi_project_check(root, project, error);
}

alm_err alm_project_open(const alm_env *env, const char *directory, alm_project **out,
                         alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_project *project = ALM_NEW(arena, alm_project);
    project->arena = arena;
    project->directory = alm_arena_copy_text(arena, directory, strlen(directory));
    project->state = alm_path_join(arena, project->directory, ".almanac");
    alm_err code = read_project(env, project, error);
    if (code != ALM_OK) {
        alm_project_close(project);
        return code;
    }
    *out = project;
    return ALM_OK;
}

void alm_project_close(alm_project *project)
{
    if (project) {
        alm_arena_destroy(project->arena); /* the struct lies in its own arena */
    }
}

const alm_source *alm_project_source(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->source_count; i++) {
        if (alm_str_equal(project->sources[i].name, name)) {
            return &project->sources[i];
        }
    }
    return NULL;
}

alm_sold_out_rule alm_project_sold_out(const alm_project *project)
{
    const alm_series_spec *s = &project->series;
    return s->available_source.size == 0 || s->censored == ALM_CENSORED_MASK
               ? ALM_SOLD_OUT_MASKED
               : ALM_SOLD_OUT_IMPUTED;
}

const alm_model_spec *alm_project_model(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->model_count; i++) {
        if (alm_str_equal(project->models[i].name, name)) {
            return &project->models[i];
        }
    }
    return NULL;
}

const alm_schedule_spec *alm_project_schedule(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->schedule_count; i++) {
        if (alm_str_equal(project->schedules[i].name, name)) {
            return &project->schedules[i];
        }
    }
    return NULL;
}

const alm_deployment_spec *alm_project_deployment(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->deployment_count; i++) {
        if (alm_str_equal(project->deployments[i].name, name)) {
            return &project->deployments[i];
        }
    }
    return NULL;
}

const alm_signal_spec *alm_project_signal(const alm_project *project, alm_str name)
{
    for (size_t i = 0; i < project->signal_count; i++) {
        if (alm_str_equal(project->signals[i].name, name)) {
            return &project->signals[i];
        }
    }
    return NULL;
}

alm_err alm_project_bars_plan(const alm_project *project, alm_bars_plan **out, alm_error *error)
{
    const alm_bars_spec *bars = &project->bars;
    alm_bars_options options = {.session_open_minutes = bars->session_open_minutes};
    return alm_bars_plan_compile(bars->features, bars->feature_count, &options, out, error);
}

const alm_source_column *alm_source_find_column(const alm_source *source, alm_str name)
{
    for (size_t i = 0; i < source->column_count; i++) {
        if (alm_str_equal(source->columns[i].name, name)) {
            return &source->columns[i];
        }
    }
    return NULL;
}

void alm_project_write_reference(alm_buffer *out)
{
    for (size_t i = 0; i < almi_section_count; i++) {
        almi_section_document(almi_sections[i], out);
    }
}

const alm_feature_spec *alm_project_feature(const alm_project *project, alm_str name)
{
    for (size_t f = 0; f < project->feature_count; f++) {
        if (alm_str_is(name, project->features[f].name)) {
            return &project->features[f];
        }
    }
    return NULL;
}

/* In the order of the project's features, whatever the model's list says. A statistical model reads
 * none; a plan has one, so its is the step. */
static size_t features_of(const alm_project *project, const alm_model_spec *model,
                          alm_feature_spec *out)
{
    size_t count = 0;
    if (model->method == ALM_MODEL_STATISTICAL) {
        out[0] = (alm_feature_spec){.name = "step", .op = ALM_FEATURE_step};
        return 1;
    }
    for (size_t f = 0; f < project->feature_count; f++) {
        bool used = model->features_count == 0;
        for (size_t k = 0; k < model->features_count; k++) {
            used = used || alm_str_is(model->features[k], project->features[f].name);
        }
        if (used) {
            out[count++] = project->features[f];
        }
    }
    return count;
}

alm_err alm_project_plan(const alm_project *project, const alm_model_spec *model,
                         const alm_feature_schema *schema, alm_feature_plan **out,
                         alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_feature_spec *specs = ALM_NEW_ARRAY(arena, alm_feature_spec, project->feature_count + 1);
    size_t count = features_of(project, model, specs);
    alm_err code =
        model->recursive
            ? alm_feature_plan_compile_recursive(specs, count, model->horizon, schema, out, error)
            : alm_feature_plan_compile(specs, count, model->blocks, model->block_count, schema,
                                       out, error);
    alm_arena_destroy(arena);
    return code;
}
