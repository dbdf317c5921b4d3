/* help.h: help texts, man page and shell completion, all from the table of commands. */
#ifndef ALM_APP_HELP_H
#define ALM_APP_HELP_H

#include "app/commands.h"

/* `group` NULL: every command; "models": those of the group. */
void almi_help_overview(const char *group, int width, alm_buffer *out);
void almi_help_command(const almi_command *command, int width, alm_buffer *out);
/* almanac.1 in roff. */
void almi_help_man(alm_buffer *out);
/* The same for docs/cli.md. */
void almi_help_markdown(alm_buffer *out);
/* ALM_ERR_USAGE for a shell that is not bash, zsh or fish. */
ALM_NODISCARD alm_err almi_help_completion(const char *shell, alm_buffer *out, alm_error *error);

#endif
