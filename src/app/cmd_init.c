#include <string.h>

#include "app/session.h"

static const almi_option options[] = {
    {"dry-run", NULL, "say what would be written, write nothing"},
};

/* A project that passes `almanac check` and can be snapshotted, trained and run as it is. */
static const char project_text[] =
    "# An almanac project. 'almanac check' validates this file.\n"
    "almanac: 1\n"
    "name: my_project\n"
    "\n"
    "# The tables that you own.\n"
    "sources:\n"
    "  sales:\n"
    "    files: data/sales.csv          # .csv, .csv.gz or .parquet\n"
    "    time: date\n"
    "    keys: [sku]\n"
    "    columns:\n"
    "      date: date\n"
    "      sku: text\n"
    "      units: {type: i64, min: 0}\n"
    "\n"
    "# What is forecast: one series per key.\n"
    "series:\n"
    "  source: sales\n"
    "  keys: [sku]\n"
    "  frequency: day\n"
    "  target: units\n"
    "  counts: true                     # whole numbers\n"
    "  missing: zero                    # a day without a row: nothing was sold\n"
    "\n"
    "hierarchy:\n"
    "  - {level: total, by: []}\n"
    "\n"
    "# 'age: 0' reads the newest known value, 'lag: 7' that of seven days before the target day.\n"
    "features:\n"
    "  - {name: last, op: lag, column: units, age: 0, scaled: true}\n"
    "  - {name: mean_7, op: mean, column: units, window: 7, scaled: true}\n"
    "  - {name: mean_28, op: mean, column: units, window: 28, scaled: true}\n"
    "  - {name: lag_7, op: lag, column: units, lag: 7, scaled: true}\n"
    "  - {name: weekday, op: weekday}\n"
    "  - {name: step, op: step}\n"
    "\n"
    "models:\n"
    "  demand:                          # its releases are demand-1, demand-2, ...\n"
    "    horizon: 7\n"
    "    quantiles: [0.05, 0.5, 0.95]\n"
    "    candidates: [statistical, gbm, blend]\n"
    "\n"
    "schedules:\n"
    "  daily:\n"
    "    model: demand\n"
    "    alias: production\n"
    "    requires: [sales]\n";

static const char ignore_text[] = "# What almanac makes; everything in it can be made again.\n"
                                  ".almanac/\n";

/* Three SKUs over a year, so that every command can be tried before the own data are there. */
static void write_sales(alm_buffer *out)
{
    static const int weekday_units[7] = {4, 5, 6, 5, 8, 12, 2};
    alm_date day = 0;
    (void)alm_date_parse(ALM_STR("2023-01-01"), &day);
    alm_buffer_text(out, "date,sku,units\n");
    for (int d = 0; d < 400; d++) {
        char text[ALM_DATE_TEXT_BYTES];
        alm_date_text(day + d, text);
        for (int sku = 1; sku <= 3; sku++) {
            /* A fixed pattern, not noise: nobody should take it for data. */
            int units = weekday_units[alm_date_weekday(day + d)] * sku + (d * 7 + sku * 3) % 5;
            alm_buffer_printf(out, "%s,sku_%d,%d\n", text, sku, units);
        }
    }
}

static alm_err write_new(almi_cli *cli, const char *directory, const char *name, alm_str content,
                         alm_error *error)
{
    const char *path = alm_path_join(cli->arena, directory, name);
    if (almi_option_flag(cli, "dry-run")) {
        alm_buffer_printf(&cli->out, "would write %s (%zu bytes)\n", path, content.size);
        return ALM_OK;
    }
    if (alm_fs_exists(cli->env.fs, path)) {
        almi_note(cli, "kept %s", path);
        return ALM_OK;
    }
    ALM_TRY(alm_fs_make_directories(cli->env.fs, alm_path_directory(cli->arena, path), error));
    ALM_TRY(alm_fs_write_all(cli->env.fs, path, content, error));
    almi_note(cli, "wrote %s", path);
    return ALM_OK;
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    const char *directory = cli->argument_count ? cli->argument[0]
                            : cli->directory    ? cli->directory
                                                : ".";
    const char *project = alm_path_join(cli->arena, directory, "almanac.yaml");
    if (alm_fs_exists(cli->env.fs, project)) {
        return alm_fail(error, ALM_ERR_EXISTS, "%s is there already; nothing was changed", project);
    }
    alm_buffer sales = {0};
    write_sales(&sales);
    alm_err code = alm_buffer_status(&sales, error);
    if (code == ALM_OK) {
        code = write_new(cli, directory, "data/sales.csv", alm_buffer_view(&sales), error);
    }
    alm_buffer_deinit(&sales);
    ALM_TRY(code);
    ALM_TRY(write_new(cli, directory, ".gitignore", alm_str_of(ignore_text), error));
    /* Last, so that a folder with almanac.yaml is complete. */
    ALM_TRY(write_new(cli, directory, "almanac.yaml", alm_str_of(project_text), error));
    if (cli->json) {
        alm_buffer_clear(&cli->out);
        alm_json_writer json = alm_json_writer_on(&cli->out);
        alm_json_open_object(&json);
        alm_json_put_text(&json, "project", project);
        alm_json_put_bool(&json, "written", !almi_option_flag(cli, "dry-run"));
        alm_json_close_object(&json);
        alm_buffer_text(&cli->out, "\n");
    }
    return ALM_OK;
}

const almi_command almi_cmd_init = {
    .name = "init",
    .arguments = "[DIR]",
    .arguments_max = 1,
    .summary = "make a small project to start from",
    .text = "Writes almanac.yaml, .gitignore and an invented data/sales.csv into DIR (default: "
            "here), a project that every command works on. Files that are there are kept; a folder "
            "that has an almanac.yaml is refused.",
    .example = "almanac init shop && almanac check --project shop",
    ALMI_OPTIONS(options),
    .run = run,
};
