#include "app/help.h"

static const almi_option options[] = {
    {"man", NULL, "the manual page of everything, for 'man -l -'"},
    {"markdown", NULL, "the same as Markdown, which docs/cli.md contains"},
};

static alm_err run(almi_cli *cli, alm_error *error)
{
    if (almi_option_flag(cli, "man")) {
        almi_help_man(&cli->out);
        return ALM_OK;
    }
    if (almi_option_flag(cli, "markdown")) {
        almi_help_markdown(&cli->out);
        return ALM_OK;
    }
    if (cli->argument_count == 0) {
        almi_help_overview(NULL, cli->term.width, &cli->out);
        return ALM_OK;
    }
    int used = 0;
    const almi_command *command = almi_command_find(cli->argument, cli->argument_count, &used);
    if (command && used == cli->argument_count) {
        almi_help_command(command, cli->term.width, &cli->out);
    } else if (cli->argument_count == 1 && almi_command_is_group(cli->argument[0])) {
        almi_help_overview(cli->argument[0], cli->term.width, &cli->out);
    } else {
        return alm_fail(error, ALM_ERR_USAGE, "no help: there is no command '%s%s%s'",
                        cli->argument[0], cli->argument_count > 1 ? " " : "",
                        cli->argument_count > 1 ? cli->argument[1] : "");
    }
    return ALM_OK;
}

const almi_command almi_cmd_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .arguments_max = 2,
    .summary = "explain a command, or print the manual page",
    .text = "Explains COMMAND, or lists all commands.",
    .example = "almanac help models promote\nalmanac help --man | man -l -",
    ALMI_OPTIONS(options),
    .run = run,
};
