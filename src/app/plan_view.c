#include "app/plan_view.h"

#include <string.h>

static const char *text_of(almi_cli *cli, alm_str text)
{
    return alm_arena_copy_text(cli->arena, text.data, text.size);
}

/* The schema of the project's panels: target, further columns, group sums; attributes and keys. */
static void declare_schema(almi_cli *cli, alm_feature_schema *out)
{
    const alm_series_spec *series = &cli->project->series;
    size_t count = 1 + series->column_count + series->group_count;
    alm_panel_column *columns = ALM_NEW_ARRAY(cli->arena, alm_panel_column, count);
    const alm_source *source = alm_project_source(cli->project, series->source);
    int32_t *delays = ALM_NEW_ARRAY(cli->arena, int32_t, count);
    columns[0] = (alm_panel_column){.name = text_of(cli, series->target)};
    delays[0] = source ? source->publication_delay : 0;
    for (size_t c = 0; c < series->column_count; c++) {
        columns[1 + c].name = text_of(cli, series->columns[c].name);
        columns[1 + c].role = series->columns[c].known ? ALM_ROLE_KNOWN : ALM_ROLE_OBSERVED;
        delays[1 + c] = series->columns[c].delay;
    }
    for (size_t g = 0; g < series->group_count; g++) {
        columns[1 + series->column_count + g].name =
            alm_arena_printf(cli->arena, ALM_STR_FMT "@" ALM_STR_FMT, ALM_STR_ARG(series->target),
                             ALM_STR_ARG(series->group_columns[g]));
        delays[1 + series->column_count + g] = delays[0];
    }
    size_t static_count = series->attribute_count + series->key_count;
    const char **statics = ALM_NEW_ARRAY(cli->arena, const char *, static_count);
    for (size_t a = 0; a < series->attribute_count; a++) {
        statics[a] = text_of(cli, series->attributes[a].name);
    }
    for (size_t k = 0; k < series->key_count; k++) {
        statics[series->attribute_count + k] = text_of(cli, series->keys[k]);
    }
    *out = (alm_feature_schema){.columns = columns,
                                .column_count = count,
                                .static_names = statics,
                                .static_count = static_count,
                                .delay = delays[0],
                                .column_delays = delays,
                                .sold_out = alm_project_sold_out(cli->project)};
}

alm_err almi_compile_plan(almi_cli *cli, const alm_model_spec *model, alm_feature_plan **out,
                          alm_error *error)
{
    alm_feature_schema schema;
    declare_schema(cli, &schema);
    return alm_project_plan(cli->project, model, &schema, out, error);
}

alm_err almi_find_model(almi_cli *cli, const char *name, const alm_model_spec **out,
                        alm_error *error)
{
    const alm_project *project = cli->project;
    if (!name && project->model_count == 1) {
        *out = &project->models[0];
        return ALM_OK;
    }
    const alm_model_spec *model = name ? alm_project_model(project, alm_str_of(name)) : NULL;
    if (model) {
        *out = model;
        return ALM_OK;
    }
    if (project->bars.source.size) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "a project of bars has no models: it has signals");
    }
    alm_buffer names = {0};
    for (size_t m = 0; m < project->model_count; m++) {
        alm_buffer_text(&names, m ? ", " : "");
        alm_buffer_str(&names, project->models[m].name);
    }
    alm_str all = alm_buffer_view(&names);
    alm_err code = name ? alm_fail(error, ALM_ERR_NOT_FOUND,
                                   "almanac.yaml has no model '%s'; it has: " ALM_STR_FMT, name,
                                   ALM_STR_ARG(all))
                        : alm_fail(error, project->model_count ? ALM_ERR_USAGE : ALM_ERR_NOT_FOUND,
                                   project->model_count ? "name the model, one of: " ALM_STR_FMT
                                                        : "almanac.yaml has no models" ALM_STR_FMT,
                                   ALM_STR_ARG(all));
    alm_buffer_deinit(&names);
    return code;
}
