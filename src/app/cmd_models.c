/* cmd_models.c: the commands of the registry that only read: list, show, history. */
#include <string.h>

#include "app/ledger_view.h"
#include "app/metrics_view.h"
#include "app/session.h"

/* ---- models list ---- */

static const almi_option list_options[] = {
    {"model", "NAME", "only releases of this model"},
};

static const almi_grid_column list_columns[] = {
    {.key = "release", .title = "RELEASE"},
    {.key = "aliases", .title = "ALIASES", .wrap = true},
    {.key = "state", .title = "STATE"},
    {.key = "origin", .title = "ORIGIN"},
    {.key = "created", .title = "REGISTERED"},
    {.key = "who", .title = "BY", .wrap = true},
    {.key = "hash", .title = "HASH", .shrink = true},
};

/* Names of the aliases that point to a release, "a, b". */
static const char *aliases_of(almi_cli *cli, const alm_alias *aliases, size_t count,
                              alm_str release)
{
    const char *all = "";
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(aliases[i].release, release)) {
            all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT, all, all[0] ? ", " : "",
                                   ALM_STR_ARG(aliases[i].alias));
        }
    }
    return all[0] ? all : NULL;
}

/* The furthest step on the way to production that the ledger has for a release. */
static const char *state_of(const alm_release *release, const alm_ledger_entry *entries,
                            size_t count)
{
    if (release->retired) {
        return "retired";
    }
    if (release->experimental) {
        return "experimental";
    }
    const char *state = "registered";
    for (size_t i = 0; i < count; i++) {
        if (!alm_str_equal(entries[i].subject, release->name)) {
            continue;
        }
        if (entries[i].action == ALM_LEDGER_APPROVE) {
            state = "approved";
        } else if (entries[i].action == ALM_LEDGER_COMPARE && strcmp(state, "approved") != 0) {
            state = "compared";
        }
    }
    return state;
}

static const char *hash_text(almi_cli *cli, const alm_digest *hash)
{
    return alm_digest_str(hash, cli->arena).data;
}

static alm_err run_list(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_release *releases = NULL;
    alm_alias *aliases = NULL;
    alm_ledger_entry *entries = NULL;
    size_t count = 0;
    size_t alias_count = 0;
    size_t entry_count = 0;
    alm_str model = alm_str_of(almi_option_text(cli, "model"));
    ALM_TRY(alm_registry_list_releases(cli->registry, model, cli->arena, &releases, &count, error));
    ALM_TRY(alm_registry_list_aliases(cli->registry, cli->arena, &aliases, &alias_count, error));
    ALM_TRY(alm_ledger_list(cli->registry, &(alm_ledger_filter){0}, cli->arena, &entries,
                            &entry_count, error));
    almi_grid *grid =
        almi_grid_create(cli->arena, list_columns, sizeof list_columns / sizeof list_columns[0]);
    for (size_t i = 0; i < count; i++) {
        const alm_release *release = &releases[i];
        almi_grid_str(grid, release->name);
        almi_grid_text(grid, aliases_of(cli, aliases, alias_count, release->name));
        almi_grid_text(grid, state_of(release, entries, entry_count));
        almi_grid_text(grid, release->origin == ALM_RELEASE_TRAINED ? "trained" : "imported");
        almi_grid_instant(grid, release->created);
        almi_grid_str(grid, release->who);
        almi_grid_text(grid, hash_text(cli, &release->hash));
    }
    almi_show_rows(cli, grid, "releases", "no releases yet; 'almanac train' makes one");
    return ALM_OK;
}

const almi_command almi_cmd_models_list = {
    .name = "models list",
    .summary = "list the releases, their aliases and states",
    .text = "Lists the releases in the order of registration. STATE is how far a release came: "
            "registered, compared, approved; experimental ones can never be promoted. ALIASES are "
            "the names that point to it now.",
    ALMI_OPTIONS(list_options),
    .run = run_list,
};

/* ---- models show ---- */

static const almi_grid_column show_columns[] = {
    {.key = "release", .title = "release"},
    {.key = "asked", .title = "asked for"},
    {.key = "model", .title = "model"},
    {.key = "aliases", .title = "aliases"},
    {.key = "state", .title = "state"},
    {.key = "origin", .title = "origin"},
    {.key = "hash", .title = "release hash"},
    {.key = "bundles", .title = "bundles"},
    {.key = "training_run", .title = "training run"},
    {.key = "created", .title = "registered"},
    {.key = "who", .title = "by"},
};

static const char *member_text(almi_cli *cli, const alm_release *release)
{
    const char *all = "";
    for (size_t i = 0; i < release->member_count; i++) {
        all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT " %s", all, all[0] ? ", " : "",
                               ALM_STR_ARG(release->members[i].role),
                               hash_text(cli, &release->members[i].bundle));
    }
    return all;
}

static alm_err show_grid(almi_cli *cli, const alm_release *release, almi_grid **out,
                         alm_error *error)
{
    alm_alias *aliases = NULL;
    size_t alias_count = 0;
    alm_ledger_entry *entries = NULL;
    size_t entry_count = 0;
    ALM_TRY(alm_registry_list_aliases(cli->registry, cli->arena, &aliases, &alias_count, error));
    alm_ledger_filter filter = {.subject = release->name};
    ALM_TRY(alm_ledger_list(cli->registry, &filter, cli->arena, &entries, &entry_count, error));
    almi_grid *grid =
        almi_grid_create(cli->arena, show_columns, sizeof show_columns / sizeof show_columns[0]);
    almi_grid_str(grid, release->name);
    bool is_alias = !alm_str_is(release->name, cli->argument[0]);
    almi_grid_text(grid, is_alias ? cli->argument[0] : NULL);
    almi_grid_str(grid, release->model);
    almi_grid_text(grid, aliases_of(cli, aliases, alias_count, release->name));
    almi_grid_text(grid, state_of(release, entries, entry_count));
    almi_grid_text(grid, release->origin == ALM_RELEASE_TRAINED ? "trained" : "imported");
    almi_grid_text(grid, hash_text(cli, &release->hash));
    almi_grid_text(grid, member_text(cli, release));
    almi_grid_text(grid, release->has_training_run ? hash_text(cli, &release->training_run) : NULL);
    almi_grid_instant(grid, release->created);
    almi_grid_str(grid, release->who);
    *out = grid;
    return ALM_OK;
}

static alm_err run_show(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    alm_release release;
    ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(cli->argument[0]), cli->arena, &release,
                                 error));
    almi_grid *grid = NULL;
    ALM_TRY(show_grid(cli, &release, &grid, error));
    alm_training_run training = {0};
    if (release.has_training_run) {
        ALM_TRY(alm_registry_training_run_of(cli->registry, release.name, cli->arena, &training,
                                             error));
    }
    if (cli->json) {
        alm_json_writer json = alm_json_writer_on(&cli->out);
        alm_json_open_object(&json);
        almi_grid_write_facts(grid, &json);
        almi_put_raw_json(&json, "inputs", training.inputs);
        almi_put_raw_json(&json, "report", training.report);
        alm_json_close_object(&json);
        alm_buffer_text(&cli->out, "\n");
        return ALM_OK;
    }
    almi_grid_print_facts(grid, &cli->term, &cli->out);
    return training.report.size ? almi_print_report(cli, training.report, error) : ALM_OK;
}

const almi_command almi_cmd_models_show = {
    .name = "models show",
    .arguments = "RELEASE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "show a release: hashes, training run, backtest",
    .text = "RELEASE is a model version such as demand-1, or an alias; the version behind an alias "
            "is echoed. With --json also the recorded inputs and the whole report.",
    .example = "almanac models show production",
    .run = run_show,
};

/* ---- models history ---- */

static const almi_option history_options[] = {
    {"alias", "NAME", "only promotions and rollbacks of this alias"},
    {"limit", "N", "only the newest N entries"},
    {"verify", NULL, "recompute the hash chain first"},
};

static alm_err run_history(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_open_state(cli, error));
    int64_t limit = 0;
    ALM_TRY(almi_option_i64(cli, "limit", &limit, error));
    if (limit < 0) {
        return alm_fail(error, ALM_ERR_USAGE, "--limit takes a number of entries, not %lld",
                        (long long)limit);
    }
    if (almi_option_flag(cli, "verify")) {
        ALM_TRY(alm_ledger_verify(cli->registry, NULL, NULL, NULL, error));
    }
    alm_ledger_filter filter = {.alias = alm_str_of(almi_option_text(cli, "alias"))};
    alm_release release;
    if (cli->argument_count) {
        ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(cli->argument[0]), cli->arena,
                                     &release, error));
        filter.subject = release.name;
    }
    alm_ledger_entry *entries = NULL;
    size_t count = 0;
    ALM_TRY(alm_ledger_list(cli->registry, &filter, cli->arena, &entries, &count, error));
    size_t first = limit > 0 && (size_t)limit < count ? count - (size_t)limit : 0;
    almi_grid *grid = almi_ledger_grid(cli->arena, true);
    for (size_t i = first; i < count; i++) {
        almi_ledger_add(grid, &entries[i]);
    }
    almi_show_rows(cli, grid, "ledger", "no entries");
    if (almi_option_flag(cli, "verify")) {
        almi_note(cli, "the hash chain is intact");
    }
    return ALM_OK;
}

const almi_command almi_cmd_models_history = {
    .name = "models history",
    .arguments = "[RELEASE]",
    .arguments_max = 1,
    .summary = "show the ledger: who did what, when and why",
    .text = "Lists the entries of the append-only ledger, oldest first: registrations, "
            "comparisons, approvals, promotions, rollbacks and runs.",
    .example = "almanac models history --alias production\nalmanac models history --verify",
    ALMI_OPTIONS(history_options),
    .run = run_history,
};
