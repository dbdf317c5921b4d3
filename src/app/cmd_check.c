#include <string.h>

#include "app/plan_view.h"
#include "app/session.h"
#include "train/train.h"

static const almi_grid_column columns[] = {
    {.key = "name", .title = "SOURCE"},
    {.key = "file", .title = "FILE", .shrink = true},
    {.key = "bytes", .title = "BYTES", .right = true},
    {.key = "columns", .title = "COLUMNS", .right = true},
    {.key = "time", .title = "TIME"},
};

/* One row per file; a missing file is the error that a snapshot would stop at. */
static alm_err add_files(almi_cli *cli, const alm_source *source, almi_grid *grid, alm_error *error)
{
    for (size_t f = 0; f < source->file_count; f++) {
        const char *name =
            alm_arena_copy_text(cli->arena, source->files[f].data, source->files[f].size);
        const char *path = alm_path_join(cli->arena, cli->project->directory, name);
        alm_fs_stat stat;
        if (cli->env.fs->ops->stat(cli->env.fs, path, &stat, NULL) != ALM_OK ||
            stat.kind != ALM_FS_FILE) {
            return alm_fail(error, ALM_ERR_NOT_FOUND,
                            "source " ALM_STR_FMT ": there is no file %s; put it there, or correct "
                            "'files' in almanac.yaml",
                            ALM_STR_ARG(source->name), path);
        }
        almi_grid_str(grid, source->name);
        almi_grid_text(grid, name);
        almi_grid_i64(grid, (int64_t)stat.size_bytes);
        almi_grid_i64(grid, (int64_t)source->column_count);
        if (source->time.size) {
            almi_grid_str(grid, source->time);
        } else {
            almi_grid_none(grid);
        }
    }
    return ALM_OK;
}

/* The declarations compiled when the file was opened. */
static void note_bars(almi_cli *cli)
{
    const alm_project *p = cli->project;
    almi_note(cli, "project " ALM_STR_FMT ": %zu source%s, %zu declaration%s over bars, "
              "%zu signal%s: all in order", ALM_STR_ARG(p->name), p->source_count,
              p->source_count == 1 ? "" : "s", p->bars.feature_count,
              p->bars.feature_count == 1 ? "" : "s", p->signal_count,
              p->signal_count == 1 ? "" : "s");
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_project(cli, error));
    const alm_project *project = cli->project;
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    for (size_t s = 0; s < project->source_count; s++) {
        ALM_TRY(add_files(cli, &project->sources[s], grid, error));
    }
    /* Compiling is what finds a feature that would leak. */
    for (size_t m = 0; m < project->model_count; m++) {
        ALM_TRY(alm_train_check_model(&project->models[m], error));
        alm_feature_plan *plan = NULL;
        ALM_TRY(almi_compile_plan(cli, &project->models[m], &plan, error));
        alm_feature_plan_destroy(plan);
    }
    if (!cli->json && cli->quiet) {
        return ALM_OK;
    }
    almi_show_rows(cli, grid, "sources", "no sources");
    if (project->bars.source.size) {
        note_bars(cli);
        return ALM_OK;
    }
    almi_note(cli,
              "project " ALM_STR_FMT ": %zu source%s, %zu feature%s, %zu model%s, "
              "%zu schedule%s: all in order",
              ALM_STR_ARG(project->name), project->source_count,
              project->source_count == 1 ? "" : "s", project->feature_count,
              project->feature_count == 1 ? "" : "s", project->model_count,
              project->model_count == 1 ? "" : "s", project->schedule_count,
              project->schedule_count == 1 ? "" : "s");
    return ALM_OK;
}

const almi_command almi_cmd_check = {
    .name = "check",
    .summary = "validate the project without running anything",
    .text = "Reads almanac.yaml strictly (an unknown key, a wrong type or a name that points "
            "nowhere is an error with line and column), looks for the files of the sources, and "
            "compiles the features for every model, which refuses one that would use a value not "
            "yet known. Rows are checked by 'almanac snapshot --dry-run'.",
    .example = "almanac check --project examples/retail",
    .run = run,
};
