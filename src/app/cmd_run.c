/* cmd_run.c: one batch run; the work is alm_run's. */
#include "app/session.h"
#include "batch/schedule.h"

static const almi_option options[] = {
    {"schedule", "NAME", "the schedule of almanac.yaml (default: the only one)"},
    {"snapshot", "ID", "the snapshot to forecast from; its first digits are enough"},
    {"date", "DATE", "prediction date: the first day forecast (default: the snapshot's end)"},
    {"release", "RELEASE", "model version or alias (default: the schedule's)"},
    {"supersede", "RUN", "the run in force for that date, which this one replaces"},
    {"reason", "TEXT", "why it is superseded"},
    {"who", "NAME", "who does this (default: git's user, else $USER)"},
    {"dry-run", NULL, "compute everything, commit nothing"},
};

static alm_err find_schedule(almi_cli *cli, const alm_schedule_spec **out, alm_error *error)
{
    const alm_project *project = cli->project;
    const char *name = almi_option_text(cli, "schedule");
    if (!name && project->schedule_count == 1) {
        *out = &project->schedules[0];
        return ALM_OK;
    }
    *out = name ? alm_project_schedule(project, alm_str_of(name)) : NULL;
    if (*out) {
        return ALM_OK;
    }
    const char *all = "";
    for (size_t i = 0; i < project->schedule_count; i++) {
        all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT, all, i ? ", " : "",
                               ALM_STR_ARG(project->schedules[i].name));
    }
    return name
               ? alm_fail(error, ALM_ERR_NOT_FOUND, "almanac.yaml has no schedule '%s'; it has: %s",
                          name, all[0] ? all : "none")
               : alm_fail(error, ALM_ERR_USAGE,
                          all[0] ? "name the schedule with --schedule, one of: %s"
                                 : "almanac.yaml has no schedules%s",
                          all);
}

static alm_err read_options(almi_cli *cli, alm_run_options *out, alm_error *error)
{
    out->prediction_date = ALM_DATE_NONE;
    out->release = alm_str_of(almi_option_text(cli, "release"));
    out->supersede = alm_str_of(almi_option_text(cli, "supersede"));
    out->reason = alm_str_of(almi_option_text(cli, "reason"));
    out->dry_run = almi_option_flag(cli, "dry-run");
    if (out->supersede.size && !out->reason.size) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "--supersede needs --reason: why does a new run "
                        "replace " ALM_STR_FMT "?",
                        ALM_STR_ARG(out->supersede));
    }
    if (out->reason.size && !out->supersede.size) {
        return alm_fail(error, ALM_ERR_USAGE, "--reason goes with --supersede RUN");
    }
    return almi_option_date(cli, "date", &out->prediction_date, error);
}

static const almi_grid_column columns[] = {
    {.key = "run_id", .title = "run"},
    {.key = "model_version", .title = "release"},
    {.key = "prediction_date", .title = "prediction date"},
    {.key = "snapshot", .title = "snapshot"},
    {.key = "already_committed", .title = "already committed"},
    {.key = "dry_run", .title = "dry run"},
    {.key = "version", .title = "store version"},
    {.key = "rows", .title = "rows"},
    {.key = "files", .title = "files"},
    {.key = "series", .title = "series"},
    {.key = "aggregates", .title = "aggregates"},
    {.key = "fallbacks", .title = "fell back"},
    {.key = "run_key", .title = NULL},
};

static almi_grid *facts_of(almi_cli *cli, const alm_run_options *asked,
                           const alm_run_result *result)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(asked->prediction_date, date);
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    almi_grid_str(grid, result->run_id);
    almi_grid_str(grid, result->model_version);
    almi_grid_text(grid, date);
    almi_grid_str(grid, asked->snapshot->id);
    almi_grid_bool(grid, result->already_committed);
    almi_grid_bool(grid, asked->dry_run);
    almi_grid_i64(grid, result->version);
    const int64_t counts[] = {result->rows, result->files, result->leaves, result->aggregates,
                              result->fallbacks};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        /* Nothing was computed, so there is nothing to count. */
        if (result->already_committed) {
            almi_grid_none(grid);
        } else {
            almi_grid_i64(grid, counts[i]);
        }
    }
    almi_grid_str(grid, result->run_key);
    return grid;
}

static void note_repeated(almi_cli *cli, const alm_run_result *result)
{
    if (result->already_committed) {
        almi_note(cli, "this run was committed before; nothing was changed");
    }
}

static void show_text(almi_cli *cli, const alm_run_options *asked, const alm_run_result *results,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cli->quiet) {
            alm_buffer_printf(&cli->out, ALM_STR_FMT "\n", ALM_STR_ARG(results[i].run_id));
            continue;
        }
        alm_buffer_text(&cli->out, i ? "\n" : "");
        almi_show_facts(cli, facts_of(cli, asked, &results[i]));
        note_repeated(cli, &results[i]);
    }
}

/* One document: the schedule's run, and in it those of the releases beside. */
static void show_json(almi_cli *cli, const alm_run_options *asked, const alm_run_result *results,
                      size_t count)
{
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    almi_grid_write_facts(facts_of(cli, asked, &results[0]), &json);
    alm_json_key(&json, "beside");
    alm_json_open_array(&json);
    for (size_t i = 1; i < count; i++) {
        alm_json_open_object(&json);
        almi_grid_write_facts(facts_of(cli, asked, &results[i]), &json);
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    for (size_t i = 0; i < count; i++) {
        note_repeated(cli, &results[i]);
    }
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_run_options asked = {0};
    ALM_TRY(read_options(cli, &asked, error));
    ALM_TRY(almi_open_project(cli, error));
    if (cli->project->bars.source.size) {
        return alm_fail(error, ALM_ERR_USAGE, "a project of bars has no batch runs: 'almanac "
                        "predict --release RELEASE bars.csv' scores bars");
    }
    ALM_TRY(find_schedule(cli, &asked.schedule, error));
    alm_snapshot snapshot;
    ALM_TRY(almi_require_snapshot(cli, &snapshot, error));
    if (asked.prediction_date == ALM_DATE_NONE) {
        asked.prediction_date = snapshot.end;
    }
    ALM_TRY(almi_who(cli, &asked.who, error));
    ALM_TRY(almi_open_predictions(cli, true, error));
    asked.project = cli->project;
    asked.snapshot = &snapshot;
    asked.objects = cli->objects;
    asked.registry = cli->registry;
    asked.predictions = cli->predictions;
    alm_run_result *results = NULL;
    size_t count = 0;
    ALM_TRY(alm_schedule_run(&cli->env, &asked, cli->arena, &results, &count, error));
    if (cli->json) {
        show_json(cli, &asked, results, count);
    } else {
        show_text(cli, &asked, results, count);
    }
    return ALM_OK;
}

const almi_command almi_cmd_run = {
    .name = "run",
    .summary = "forecast from a snapshot and commit the predictions",
    .text =
        "Six steps: features, base forecasts, reconciliation, stock-out risk, explanations, and "
        "one commit; everything becomes visible at once or nothing does. A run is identified by "
        "schedule, prediction date, release and snapshot: the same one again changes nothing. "
        "Another snapshot for a date that has a run needs --supersede and --reason. It refuses "
        "when a source that the schedule requires is not complete, and when a column that is known "
        "in advance has no value for a day of the horizon.",
    .example = "almanac run --snapshot 3f9a2c --date 2011-11-26\n"
               "almanac run --snapshot 77b0d1 --supersede RUN --reason 'late sales of Friday'",
    ALMI_OPTIONS(options),
    .run = run,
};
