/* cmd_models_promote.c: the commands that write the ledger: approve, promote, rollback, retire. The
 * rules (comparison and approval before promotion, nothing experimental) are the ledger's. */
#include "app/ledger_view.h"
#include "app/session.h"

#define WHO {"who", "NAME", "who does this (default: git's user, else $USER)"}
#define WHY {"why", "TEXT", "the reason, kept in the ledger for good"}

static const almi_option approve_options[] = {WHY, WHO};
static const almi_option promote_options[] = {
    {"alias", "NAME", "the name that will point to the release, such as production"}, WHY, WHO};
static const almi_option rollback_options[] = {
    {"alias", "NAME", "the name that goes back to the release before"}, WHY, WHO};

static alm_err append(almi_cli *cli, alm_ledger_note *note, alm_error *error)
{
    ALM_TRY(almi_option_require(cli, "why", &note->why, error));
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(almi_who(cli, &note->who, error));
    note->when = alm_env_now(&cli->env);
    if (cli->argument_count) {
        alm_release release;
        ALM_TRY(alm_registry_resolve(cli->registry, alm_str_of(cli->argument[0]), cli->arena,
                                     &release, error));
        note->subject = release.name;
    }
    alm_ledger_entry entry;
    ALM_TRY(alm_ledger_append(cli->registry, note, cli->arena, &entry, error));
    if (cli->json || !cli->quiet) {
        almi_grid *grid = almi_ledger_grid(cli->arena, false);
        almi_ledger_add(grid, &entry);
        almi_show_facts(cli, grid);
    }
    return ALM_OK;
}

static alm_err run_approve(almi_cli *cli, alm_error *error)
{
    alm_ledger_note note = {.action = ALM_LEDGER_APPROVE};
    return append(cli, &note, error);
}

static alm_err run_promote(almi_cli *cli, alm_error *error)
{
    alm_ledger_note note = {.action = ALM_LEDGER_PROMOTE};
    ALM_TRY(almi_option_require(cli, "alias", &note.alias, error));
    return append(cli, &note, error);
}

static alm_err run_rollback(almi_cli *cli, alm_error *error)
{
    alm_ledger_note note = {.action = ALM_LEDGER_ROLLBACK};
    ALM_TRY(almi_option_require(cli, "alias", &note.alias, error));
    return append(cli, &note, error);
}

const almi_command almi_cmd_models_approve = {
    .name = "models approve",
    .arguments = "RELEASE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "record that a person accepts a release",
    .text = "Writes an approval into the ledger. An experimental release cannot be approved. "
            "Nothing is promoted without an approval.",
    .example = "almanac models approve demand-1 --why 'beats seasonal naive at every level'",
    ALMI_OPTIONS(approve_options),
    .run = run_approve,
};

const almi_command almi_cmd_models_promote = {
    .name = "models promote",
    .arguments = "RELEASE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "let an alias point to a release",
    .text = "From now on the alias means this release. Needs a recorded comparison and a recorded "
            "approval of it. The release before stays, and 'almanac models rollback' goes back to "
            "it.",
    .example = "almanac models promote demand-1 --alias production --why 'first release'",
    ALMI_OPTIONS(promote_options),
    .run = run_promote,
};

const almi_command almi_cmd_models_rollback = {
    .name = "models rollback",
    .arguments = "[RELEASE]",
    .arguments_max = 1,
    .summary = "let an alias point to the release before",
    .text = "A new entry of the ledger; nothing is removed. RELEASE may name the release that the "
            "rollback is expected to lead to; it is refused when it would lead to another one.",
    .example = "almanac models rollback --alias production --why 'bias in range 22'",
    ALMI_OPTIONS(rollback_options),
    .run = run_rollback,
};
