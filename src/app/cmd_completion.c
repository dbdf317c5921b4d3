#include "app/help.h"

static alm_err run(almi_cli *cli, alm_error *error)
{
    return almi_help_completion(cli->argument[0], &cli->out, error);
}

const almi_command almi_cmd_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "print shell completion for bash, zsh or fish",
    .text = "Prints a script that completes commands and options; made from the same table as "
            "this help.",
    .example = "source <(almanac completion bash)",
    .run = run,
};
