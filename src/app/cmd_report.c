/* cmd_report.c: one run as one HTML file; the work is report/. */
#include "app/session.h"
#include "report/report.h"
#include "report/signal_page.h"

static const almi_option options[] = {
    {"run", "RUN", "the run by its id"},
    {"model", "RELEASE", "model version or alias; with --date the run in force, of a signal alone"},
    {"date", "DATE", "prediction date"},
    {"output", "FILE", "the file (default: RUN, RELEASE_DATE or RELEASE.html in .almanac/reports)"},
};

static const almi_grid_column columns[] = {
    {.key = "path", .title = "report"},           {.key = "run_id", .title = "run"},
    {.key = "model_version", .title = "release"}, {.key = "bytes", .title = "bytes"},
    {.key = "charts", .title = "charts"},
};

static alm_err read_options(almi_cli *cli, alm_report_options *out, alm_error *error)
{
    out->run_id = alm_str_of(almi_option_text(cli, "run"));
    out->model = alm_str_of(almi_option_text(cli, "model"));
    out->date = ALM_DATE_NONE;
    ALM_TRY(almi_option_date(cli, "date", &out->date, error));
    bool by_run = out->run_id.size && !out->model.size && out->date == ALM_DATE_NONE;
    bool by_date = !out->run_id.size && out->model.size && out->date != ALM_DATE_NONE;
    if (!by_run && !by_date) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "'almanac report' needs either --run RUN, or --model RELEASE with --date "
                        "DATE ('almanac predictions runs' lists the runs), or --model alone for a "
                        "signal");
    }
    return ALM_OK;
}

/* ---- of a signal ---- */

static const almi_grid_column signal_columns[] = {
    {.key = "path", .title = "report"},
    {.key = "model_version", .title = "release"},
    {.key = "bytes", .title = "bytes"},
    {.key = "charts", .title = "charts"},
};

static alm_err run_signal(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_signal_page_options asked = {.project = cli->project->name,
                                     .registry = cli->registry,
                                     .release = alm_str_of(almi_option_text(cli, "model")),
                                     .path = almi_option_text(cli, "output")};
    ALM_TRY(almi_check_output(cli, asked.path, error));
    if (!asked.path) {
        const char *name =
            alm_arena_printf(cli->arena, ALM_STR_FMT ".html", ALM_STR_ARG(asked.release));
        asked.path = alm_path_join(cli->arena, almi_state_path(cli, "reports"), name);
        ALM_TRY(alm_fs_make_directories(cli->env.fs, almi_state_path(cli, "reports"), error));
    }
    alm_signal_page_result result;
    ALM_TRY(alm_signal_page_write(&cli->env, &asked, cli->arena, &result, error));
    if (cli->quiet && !cli->json) {
        alm_buffer_printf(&cli->out, "%s\n", asked.path);
        return ALM_OK;
    }
    almi_grid *grid = almi_grid_create(cli->arena, signal_columns,
                                       sizeof signal_columns / sizeof signal_columns[0]);
    almi_grid_text(grid, asked.path);
    almi_grid_str(grid, result.release);
    almi_grid_i64(grid, (int64_t)result.size_bytes);
    almi_grid_i64(grid, (int64_t)result.charts);
    almi_show_facts(cli, grid);
    return ALM_OK;
}

/* ---- of a run ---- */

static alm_err run(almi_cli *cli, alm_error *error)
{
    if (almi_option_text(cli, "model") && !almi_option_text(cli, "date") &&
        !almi_option_text(cli, "run")) {
        return run_signal(cli, error);
    }
    alm_report_options asked = {.project = NULL};
    ALM_TRY(read_options(cli, &asked, error));
    ALM_TRY(almi_open_predictions(cli, false, error));
    asked.path = almi_option_text(cli, "output");
    ALM_TRY(almi_check_output(cli, asked.path, error));
    if (!asked.path) {
        const char *name =
            asked.run_id.size
                ? alm_arena_printf(cli->arena, ALM_STR_FMT ".html", ALM_STR_ARG(asked.run_id))
                : alm_arena_printf(cli->arena, ALM_STR_FMT "_%s.html", ALM_STR_ARG(asked.model),
                                   almi_option_text(cli, "date"));
        asked.path = alm_path_join(cli->arena, almi_state_path(cli, "reports"), name);
        ALM_TRY(alm_fs_make_directories(cli->env.fs, almi_state_path(cli, "reports"), error));
    }
    asked.project = cli->project;
    asked.registry = cli->registry;
    asked.objects = cli->objects;
    asked.predictions = cli->predictions;
    alm_report_result result;
    ALM_TRY(alm_report_write(&cli->env, &asked, cli->arena, &result, error));
    if (cli->quiet && !cli->json) {
        alm_buffer_printf(&cli->out, "%s\n", asked.path);
        return ALM_OK;
    }
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    almi_grid_text(grid, asked.path);
    almi_grid_str(grid, result.run_id);
    almi_grid_str(grid, result.model_version);
    almi_grid_i64(grid, (int64_t)result.size_bytes);
    almi_grid_i64(grid, (int64_t)result.charts);
    almi_show_facts(cli, grid);
    return ALM_OK;
}

const almi_command almi_cmd_report = {
    .name = "report",
    .summary = "write one run, or a signal, as one HTML file",
    .text = "Writes a self-contained page: fan charts of every level and of notable series, the "
            "backtest beside the baselines, coverage, feature importance, stock-outs ranked by "
            "expected shortfall, and the lineage from the source files to the commit.\n"
            "With --model alone RELEASE is a signal: figures of its test beside prior and "
            "logistic baseline, reliability, classes, confusion, windows, features.",
    .example = "almanac report --model production --date 2011-11-26\n"
               "almanac report --model swing-1",
    ALMI_OPTIONS(options),
    .run = run,
};
