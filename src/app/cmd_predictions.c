/* cmd_predictions.c: reading the prediction store; the work is batch/query, diff and verify. */
#include <string.h>

#include "app/session.h"
#include "batch/diff.h"
#include "batch/verify.h"

#define FLUSH_BYTES 65536

/* The stores of the project, for reading only: a missing table is ALM_ERR_NOT_FOUND. */
static alm_err open_stores(almi_cli *cli, alm_read_stores *out, alm_error *error)
{
    ALM_TRY(almi_open_predictions(cli, false, error));
    const char *scratch = almi_state_path(cli, "scratch");
    ALM_TRY(alm_fs_make_directories(cli->env.fs, scratch, error));
    *out = (alm_read_stores){.registry = cli->registry,
                             .objects = cli->objects,
                             .predictions = cli->predictions,
                             .threads = cli->threads,
                             .scratch_directory = scratch};
    return ALM_OK;
}

/* ---- predictions query ---- */

static const almi_option query_options[] = {
    {"model", "RELEASE", "model version or alias, always needed; with --sql also '*' for all"},
    {"date", "DATE", "the run in force for this prediction date"},
    {"run", "RUN", "one run by its id, superseded or not"},
    {"as-of", "WHEN", "what the store held then: a version, a day or an instant"},
    {"schedule", "NAME", "needed when several schedules have a run for the date"},
    {"level", "NAME", "only this level of the hierarchy; 'series' are the leaves"},
    {"steps", "A-B", "only steps A to B ahead"},
    {"columns", "LIST", "columns in the order wanted, such as node,target_date,mean,q95"},
    {"limit", "N", "at most N rows"},
    {"sql", "SELECT", "one SELECT over the tables predictions, predictions_history and runs"},
    {"format", "NAME", "table, csv, json, jsonl or parquet (default: table; json with --json)"},
    {"output", "FILE", "write there instead of to standard output; parquet needs it"},
};

static alm_str option_str(const almi_cli *cli, const char *name)
{
    return alm_str_of(almi_option_text(cli, name));
}

static alm_err read_steps(const almi_cli *cli, alm_query_options *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "steps");
    if (!text) {
        return ALM_OK;
    }
    alm_str rest = alm_str_of(text);
    alm_str first = alm_str_split(&rest, '-');
    int64_t low = 0;
    int64_t high = 0;
    bool is_range = rest.data != NULL;
    if (!alm_str_to_i64(first, &low) || low < 1 || low > 10000 ||
        (is_range && (!alm_str_to_i64(rest, &high) || high < low || high > 10000))) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "--steps takes a step such as 7 or a range such as 1-7, not '%s'", text);
    }
    out->first_step = (int32_t)low;
    out->last_step = (int32_t)(is_range ? high : low);
    return ALM_OK;
}

static alm_err read_query(almi_cli *cli, alm_query_options *out, alm_error *error)
{
    *out = (alm_query_options){.model = option_str(cli, "model"),
                               .run = option_str(cli, "run"),
                               .date = ALM_DATE_NONE,
                               .as_of = option_str(cli, "as-of"),
                               .schedule = option_str(cli, "schedule"),
                               .level = option_str(cli, "level"),
                               .columns = option_str(cli, "columns"),
                               .sql = option_str(cli, "sql")};
    ALM_TRY(almi_option_date(cli, "date", &out->date, error));
    ALM_TRY(almi_option_i64(cli, "limit", &out->limit, error));
    alm_str *nodes = ALM_NEW_ARRAY(cli->arena, alm_str, (size_t)cli->argument_count);
    for (int i = 0; i < cli->argument_count; i++) {
        nodes[i] = alm_str_of(cli->argument[i]);
    }
    if (almi_option_text(cli, "sql") && alm_str_trim(out->sql).size == 0) {
        return alm_fail(error, ALM_ERR_USAGE, "--sql takes a SELECT, such as 'SELECT node, mean "
                        "FROM predictions WHERE forecast_horizon = 1'");
    }
    out->nodes = nodes;
    out->node_count = (size_t)cli->argument_count;
    return read_steps(cli, out, error);
}

static alm_err read_format(const almi_cli *cli, alm_query_format *out, alm_error *error)
{
    const char *text = almi_option_text(cli, "format");
    *out = cli->json ? ALM_QUERY_JSON : ALM_QUERY_TABLE;
    if (text && !alm_query_format_parse(alm_str_of(text), out)) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "--format may be table, csv, json, jsonl or parquet, not '%s'", text);
    }
    if (*out == ALM_QUERY_PARQUET && !almi_option_text(cli, "output")) {
        return alm_fail(error, ALM_ERR_USAGE, "--format parquet needs --output FILE");
    }
    return ALM_OK;
}

/* Where the pieces of a result go: a file, or standard output through cli->out. */
typedef struct target {
    almi_cli *cli;
    alm_file *file;
} target;

static alm_err write_piece(void *context, alm_str bytes, alm_error *error)
{
    target *to = context;
    if (to->file) {
        return to->cli->env.fs->ops->write(to->cli->env.fs, to->file, bytes.data, bytes.size,
                                           error);
    }
    alm_buffer_str(&to->cli->out, bytes);
    return to->cli->out.size >= FLUSH_BYTES ? almi_flush(to->cli, error) : ALM_OK;
}

static alm_err write_file(almi_cli *cli, alm_query *query, alm_query_format format, int64_t *rows,
                          alm_error *error)
{
    alm_fs *fs = cli->env.fs;
    const char *path = almi_option_text(cli, "output");
    if (format == ALM_QUERY_PARQUET) {
        return alm_query_write_parquet(query, path, rows, error);
    }
    /* Under another name until it is whole: a query that fails leaves the file that was there. */
    const char *staged = alm_arena_printf(cli->arena, "%s.part", path);
    if (alm_fs_exists(fs, staged)) {
        ALM_TRY(fs->ops->unlink(fs, staged, error));
    }
    target to = {.cli = cli};
    ALM_TRY(fs->ops->create(fs, staged, &to.file, error));
    alm_query_sink sink = {write_piece, &to, cli->term.width};
    alm_err code = alm_query_write(query, format, &sink, rows, error);
    alm_err closed = fs->ops->close(fs, to.file, code == ALM_OK ? error : NULL);
    code = code == ALM_OK ? closed : code;
    if (code == ALM_OK) {
        code = fs->ops->rename(fs, staged, path, error);
    }
    if (code != ALM_OK && fs->ops->unlink(fs, staged, NULL) != ALM_OK) {
        return code; /* the first failure is the one to tell */
    }
    return code;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void note_facts(almi_cli *cli, const alm_query *query, int64_t rows)
{
    const alm_query_facts *facts = alm_query_facts_of(query);
    bool is_alias = !alm_str_equal(facts->model_version, facts->asked_model);
    bool is_one = facts->run_count == 1;
    /* What a statement reads of the files that it may read, only the engine knows. */
    const char *how = facts->used_fan_file              ? " read (the run's fan file)"
                      : almi_option_text(cli, "sql") ? " in reach of the statement"
                                                        : " read";
    almi_note(cli,
              ALM_STR_FMT "%s" ALM_STR_FMT "%s: %lld row%s of %zu run%s"
                          "%s" ALM_STR_FMT ", store version %lld, %zu file%s%s",
              ALM_STR_ARG(facts->model_version), is_alias ? " (asked for as " : "",
              ALM_STR_ARG(is_alias ? facts->asked_model : ALM_STR("")), is_alias ? ")" : "",
              (long long)rows, plural(rows), facts->run_count,
              plural((int64_t)facts->run_count), is_one ? " " : "",
              ALM_STR_ARG(is_one ? facts->run_ids[0] : ALM_STR("")), (long long)facts->version,
              facts->file_count, plural((int64_t)facts->file_count), how);
}

static alm_err run_query(almi_cli *cli, alm_error *error)
{
    alm_query_options options;
    alm_query_format format;
    ALM_TRY(read_query(cli, &options, error));
    ALM_TRY(read_format(cli, &format, error));
    if (!options.model.size) {
        return alm_fail(
            error, ALM_ERR_USAGE,
            "'almanac predictions query' needs --model RELEASE: a model version such as "
            "demand-1, or an alias such as production; nothing is taken implicitly");
    }
    alm_read_stores stores;
    ALM_TRY(open_stores(cli, &stores, error));
    ALM_TRY(almi_check_output(cli, almi_option_text(cli, "output"), error));
    alm_query *query = NULL;
    ALM_TRY(alm_query_open(&stores, &options, &query, error));
    int64_t rows = 0;
    target to = {.cli = cli};
    alm_query_sink sink = {write_piece, &to, cli->term.width};
    alm_err code = almi_option_text(cli, "output")
                       ? write_file(cli, query, format, &rows, error)
                       : alm_query_write(query, format, &sink, &rows, error);
    if (code == ALM_OK) {
        note_facts(cli, query, rows);
    }
    alm_query_close(query);
    return code;
}

const almi_command almi_cmd_predictions_query = {
    .name = "predictions query",
    .arguments = "[NODE]...",
    .arguments_max = ALMI_ARGUMENTS_MAX,
    .summary = "read predictions of a named release",
    .text = "Needs --model and one of --date, --run and --as-of. NODE is a series (its keys joined "
            "by '|') or an aggregate; without one every node is read. What was read is echoed on "
            "standard error: the version behind an alias, the run and the files.",
    .example = "almanac predictions query --model production --date 2011-11-26 total\n"
               "almanac predictions query --model demand-1 --as-of 2011-11-30 --level range\n"
               "almanac predictions query --model '*' --sql 'SELECT count(*) FROM predictions'",
    ALMI_OPTIONS(query_options),
    .run = run_query,
};

/* ---- predictions runs ---- */

static const almi_option runs_options[] = {
    {"model", "RELEASE", "only runs of this model version or alias"},
    {"schedule", "NAME", "only runs of this schedule"},
    {"date", "DATE", "only runs for this prediction date"},
    {"current", NULL, "only runs that no other run supersedes"},
};

static const almi_grid_column runs_columns[] = {
    {.key = "run_id", .title = "RUN"},
    {.key = "prediction_date", .title = "DATE"},
    {.key = "release", .title = "RELEASE"},
    {.key = "schedule", .title = "SCHEDULE"},
    {.key = "version", .title = "VERSION", .right = true},
    {.key = "created", .title = "COMMITTED"},
    {.key = "who", .title = "BY", .wrap = true},
    {.key = "supersedes", .title = "SUPERSEDES"},
    {.key = "reason", .title = "REASON", .wrap = true},
    {.key = "snapshot", .title = NULL},
    {.key = "manifest", .title = NULL},
};

static void add_run(const alm_batch_run *run, almi_grid *grid)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(run->prediction_date, date);
    almi_grid_str(grid, run->run_id);
    almi_grid_text(grid, date);
    almi_grid_str(grid, run->release);
    almi_grid_str(grid, run->schedule);
    almi_grid_i64(grid, run->predictions_version);
    almi_grid_instant(grid, run->created);
    almi_grid_str(grid, run->who);
    almi_grid_optional(grid, run->supersedes);
    almi_grid_optional(grid, run->reason);
    almi_grid_digest(grid, &run->snapshot);
    almi_grid_digest(grid, &run->manifest);
}

static alm_err run_runs(almi_cli *cli, alm_error *error)
{
    alm_date date = ALM_DATE_NONE;
    ALM_TRY(almi_option_date(cli, "date", &date, error));
    ALM_TRY(almi_open_state(cli, error));
    alm_batch_run_filter filter = {.schedule = option_str(cli, "schedule"),
                                   .prediction_date = date == ALM_DATE_NONE ? NULL : &date,
                                   .current_only = almi_option_flag(cli, "current")};
    if (almi_option_text(cli, "model")) {
        alm_release release;
        ALM_TRY(alm_registry_resolve(cli->registry, option_str(cli, "model"), cli->arena, &release,
                                     error));
        filter.release = release.name;
    }
    alm_batch_run *runs = NULL;
    size_t count = 0;
    ALM_TRY(alm_registry_list_batch_runs(cli->registry, &filter, cli->arena, &runs, &count, error));
    almi_grid *grid =
        almi_grid_create(cli->arena, runs_columns, sizeof runs_columns / sizeof runs_columns[0]);
    for (size_t i = 0; i < count; i++) {
        add_run(&runs[i], grid);
    }
    almi_show_rows(cli, grid, "runs", "no runs");
    return ALM_OK;
}

const almi_command almi_cmd_predictions_runs = {
    .name = "predictions runs",
    .summary = "list the committed runs",
    .text = "Lists the runs in the order of their commits, superseded ones too.",
    .example = "almanac predictions runs --model production --current",
    ALMI_OPTIONS(runs_options),
    .run = run_runs,
};

/* ---- predictions diff ---- */

static const almi_option diff_options[] = {
    {"level", "NAME", "only this level of the hierarchy"},
    {"between", "RUN", "a third run that tells data from release (default: looked for)"},
    {"top", "N", "nodes to name (default: 10)"},
};

static alm_err run_diff(almi_cli *cli, alm_error *error)
{
    int64_t top = 0;
    ALM_TRY(almi_option_i64(cli, "top", &top, error));
    alm_read_stores stores;
    ALM_TRY(open_stores(cli, &stores, error));
    alm_diff_options options = {.old_run = alm_str_of(cli->argument[0]),
                                .new_run = alm_str_of(cli->argument[1]),
                                .between = option_str(cli, "between"),
                                .level = option_str(cli, "level"),
                                .top = top > 0 ? (size_t)top : 0};
    alm_diff_result result;
    ALM_TRY(alm_diff_runs(&stores, &options, cli->arena, &result, error));
    if (cli->json) {
        alm_diff_print_json(&result, &cli->out);
    } else {
        alm_diff_print(&result, &cli->out);
    }
    return ALM_OK;
}

const almi_command almi_cmd_predictions_diff = {
    .name = "predictions diff",
    .arguments = "OLD_RUN NEW_RUN",
    .arguments_min = 2,
    .arguments_max = 2,
    .summary = "say why numbers changed between two runs",
    .text = "Splits every change of a mean by cause: new data, new release, reconciliation. Prints "
            "sums and churn by level, and the nodes that changed most with the contributions "
            "behind it.",
    ALMI_OPTIONS(diff_options),
    .run = run_diff,
};

/* ---- predictions verify ---- */

static alm_err run_verify(almi_cli *cli, alm_error *error)
{
    alm_read_stores stores;
    ALM_TRY(open_stores(cli, &stores, error));
    alm_verify_report report;
    ALM_TRY(alm_verify_predictions(cli->env.fs, almi_state_path(cli, "predictions"), &stores,
                                   cli->arena, &report, error));
    alm_err status = alm_verify_status(&report, error);
    if (cli->json && status == ALM_OK) {
        alm_verify_print_json(&report, &cli->out);
    } else if (!cli->json && !cli->quiet) {
        alm_verify_print(&report, &cli->out);
        /* The table says which checks were fine; it must be seen when one was not. */
        ALM_TRY(almi_flush(cli, status == ALM_OK ? error : NULL));
    }
    return status;
}

const almi_command almi_cmd_predictions_verify = {
    .name = "predictions verify",
    .summary = "recompute every hash that vouches for the predictions",
    .text = "Follows the chain from the bytes of the data files through run manifests, commits and "
            "the registry to the ledger, and names whatever breaks it. Changes nothing.",
    .run = run_verify,
};
