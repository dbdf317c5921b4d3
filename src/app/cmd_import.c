/* cmd_import.c: a model file of another library becomes a release; the work is batch/imported. */
#include "app/session.h"
#include "batch/imported.h"

static const almi_option options[] = {
    {"name", "MODEL", "what the releases are called: NAME-1, NAME-2 and so on"},
    {"expected", "FILE", "rows with what the model must answer beside them: checked and kept"},
    {"tolerance", "X", "how far an answer may be off, relative above 1 (default: 1e-6)"},
    {"why", "TEXT", "the reason, kept in the ledger for good"},
    {"who", "NAME", "who does this (default: git's user, else $USER)"},
};

static const almi_grid_column columns[] = {
    {.key = "release", .title = "release"},
    {.key = "origin", .title = "origin"},
    {.key = "model", .title = "model", .wrap = true},
    {.key = "bundle", .title = "bundle"},
    {.key = "already_there", .title = "already there"},
    {.key = "expected_values", .title = "expected values"},
    {.key = "equal_values", .title = "equal values"},
    {.key = "largest_error", .title = "largest error", .decimals = 12},
};

static alm_err read_request(almi_cli *cli, alm_import_request *out, alm_error *error)
{
    const char *tolerance = almi_option_text(cli, "tolerance");
    *out = (alm_import_request){.model_path = cli->argument[0],
                                .expected_path = almi_option_text(cli, "expected"),
                                .tolerance = ALM_IMPORT_TOLERANCE_DEFAULT};
    bool valid = !tolerance || (alm_str_to_double(alm_str_of(tolerance), &out->tolerance) &&
                                out->tolerance >= 0 && out->tolerance <= 1);
    if (!valid) {
        return alm_fail(error, ALM_ERR_USAGE, "--tolerance takes a number from 0 to 1, not '%s'",
                        tolerance);
    }
    if (tolerance && !out->expected_path) {
        return alm_fail(error, ALM_ERR_USAGE, "--tolerance goes with --expected FILE");
    }
    return ALM_OK;
}

/* The same bundle under the same name is the release that is there. */
static alm_err register_bundle(almi_cli *cli, const alm_digest *bundle, alm_release *out,
                               bool *is_new, alm_error *error)
{
    alm_str name;
    alm_str why;
    ALM_TRY(almi_option_require(cli, "name", &name, error));
    ALM_TRY(almi_option_require(cli, "why", &why, error));
    alm_release_member member = {.role = ALM_STR("model"), .bundle = *bundle};
    alm_release_request request = {.model = name,
                                   .members = &member,
                                   .member_count = 1,
                                   .origin = ALM_RELEASE_IMPORTED,
                                   .when = alm_env_now(&cli->env),
                                   .why = why};
    alm_ledger_head before;
    alm_ledger_head after;
    ALM_TRY(almi_who(cli, &request.who, error));
    ALM_TRY(alm_ledger_get_head(cli->registry, &before, error));
    ALM_TRY(alm_registry_register_release(cli->registry, &request, cli->arena, out, error));
    ALM_TRY(alm_ledger_get_head(cli->registry, &after, error));
    *is_new = after.seq != before.seq;
    return ALM_OK;
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_import_request request;
    alm_import_result result;
    alm_release release;
    alm_str name;
    alm_str why;
    bool is_new = false;
    ALM_TRY(almi_option_require(cli, "name", &name, error));
    ALM_TRY(almi_option_require(cli, "why", &why, error));
    ALM_TRY(read_request(cli, &request, error));
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(alm_import_model(&cli->env, &request, cli->objects, cli->arena, &result, error));
    ALM_TRY(register_bundle(cli, &result.bundle, &release, &is_new, error));
    if (cli->quiet && !cli->json) {
        alm_buffer_printf(&cli->out, ALM_STR_FMT "\n", ALM_STR_ARG(release.name));
        return ALM_OK;
    }
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    almi_grid_str(grid, release.name);
    almi_grid_text(grid, "imported");
    almi_grid_str(grid, result.description);
    almi_grid_digest(grid, &result.bundle);
    almi_grid_bool(grid, !is_new);
    if (result.has_expected) {
        almi_grid_i64(grid, (int64_t)result.check.values);
        almi_grid_i64(grid, (int64_t)result.check.equal);
        almi_grid_double(grid, result.check.largest);
    } else {
        almi_grid_none(grid);
        almi_grid_none(grid);
        almi_grid_none(grid);
    }
    almi_show_facts(cli, grid);
    return ALM_OK;
}

const almi_command almi_cmd_import = {
    .name = "import",
    .arguments = "FILE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "make a release of a foreign model file or of a scorer",
    .text = "Keeps FILE (what 'almanac predict --model' opens; of a folder with scorer.json all "
            "files that it names) in the project, byte for byte, and registers it as the next "
            "release of MODEL, with the origin 'imported'. --expected names a file of rows that "
            "has the model's columns and beside them what the model must answer, in columns named "
            "as 'almanac predict' names them: 'prediction', or 'p_0', 'p_1', ..., or 'raw', or "
            "those of a scorer. The import is refused when an answer is off; the rows are kept, "
            "and the first comparison is made with them. Then the release is compared, approved "
            "and promoted like any other, and 'almanac predict --release' scores it.",
    .example = "almanac import churn.json --name churn --expected check.csv --why 'model of May'\n"
               "almanac models compare churn-1\n"
               "almanac predict --release churn-1 rows.csv",
    ALMI_OPTIONS(options),
    .run = run,
};
