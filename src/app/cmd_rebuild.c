/* cmd_rebuild.c: train a release again from its record; the work is alm_rebuild's. */
#include "app/session.h"
#include "batch/rebuild.h"
#include "project/git.h"

static const almi_option options[] = {
    {"verify", NULL, "fail when the rebuilt bundle is not the recorded one"},
    {"who", "NAME", "who does this (default: git's user, else $USER)"},
};

static const almi_grid_column columns[] = {
    {.key = "release", .title = "release"},
    {.key = "recorded", .title = "recorded bundle"},
    {.key = "rebuilt", .title = "rebuilt bundle"},
    {.key = "identical", .title = "identical"},
};

static alm_err run(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_rebuild_options asked = {.project = cli->project,
                                 .objects = cli->objects,
                                 .registry = cli->registry,
                                 .release = alm_str_of(cli->argument[0])};
    /* A dirty folder is no error here: alm_rebuild says what that means for this release. */
    alm_git_status status;
    ALM_TRY(alm_git_read_status(cli->project->directory, cli->arena, &status, error));
    asked.project_commit = status.clean ? status.commit : alm_str_of("");
    ALM_TRY(almi_who(cli, &asked.who, error));
    alm_rebuild_result result;
    ALM_TRY(alm_rebuild(&cli->env, &asked, cli->arena, &result, error));
    if (!result.identical && almi_option_flag(cli, "verify")) {
        return alm_fail(
            error, ALM_ERR_CORRUPT,
            ALM_STR_FMT ": the rebuilt bundle is " ALM_STR_FMT ", the record says " ALM_STR_FMT,
            ALM_STR_ARG(result.release), ALM_STR_ARG(result.rebuilt), ALM_STR_ARG(result.recorded));
    }
    if (cli->quiet && !cli->json) {
        return ALM_OK;
    }
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    almi_grid_str(grid, result.release);
    almi_grid_str(grid, result.recorded);
    almi_grid_str(grid, result.rebuilt);
    almi_grid_bool(grid, result.identical);
    almi_show_facts(cli, grid);
    return ALM_OK;
}

const almi_command almi_cmd_rebuild = {
    .name = "rebuild",
    .arguments = "RELEASE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "train a release again from its record and compare",
    .text = "Trains RELEASE again from the recorded snapshot, seed and windows, and compares the "
            "hash of the bundle. Refused when the project's commit, the engine or its libraries "
            "are not those of the record, since another result would prove nothing. Registers "
            "nothing.",
    .example = "almanac rebuild demand-1 --verify",
    ALMI_OPTIONS(options),
    .run = run,
};
