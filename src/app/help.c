#include "app/help.h"

#include <stdio.h>
#include <string.h>

#include "base/build_info.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MAX 100 /* longer lines are hard to read, however wide the terminal */
#define LABEL_COLUMN 24

static size_t text_width(int width)
{
    return width <= 0 ? WIDTH_DEFAULT : width > WIDTH_MAX ? WIDTH_MAX : (size_t)width;
}

static void blanks(alm_buffer *out, size_t count)
{
    while (count-- > 0) {
        alm_buffer_text(out, " ");
    }
}

/* Words of `text` in lines that start at `indent`; the first line is at column `at` already. A
 * newline in `text` starts a new paragraph line. */
static void wrap(alm_buffer *out, const char *text, size_t indent, size_t at, size_t width)
{
    size_t column = at;
    bool line_has_word = false;
    while (*text) {
        if (*text == '\n') {
            alm_buffer_text(out, "\n");
            line_has_word = false;
            column = 0;
            text++;
            continue;
        }
        size_t size = strcspn(text, " \n");
        if (line_has_word && column + 1 + size > width) {
            alm_buffer_text(out, "\n");
            line_has_word = false;
            column = 0;
        }
        if (line_has_word) {
            alm_buffer_text(out, " ");
            column++;
        } else if (column < indent) {
            blanks(out, indent - column);
            column = indent;
        }
        alm_buffer_append(out, text, size);
        column += size;
        line_has_word = true;
        text += size;
        text += strspn(text, " ");
    }
    alm_buffer_text(out, "\n");
}

static void put_labelled(alm_buffer *out, const char *label, const char *text, size_t width)
{
    size_t size = strlen(label);
    alm_buffer_text(out, "  ");
    alm_buffer_text(out, label);
    if (size + 4 > LABEL_COLUMN) {
        alm_buffer_text(out, "\n");
        size = 0;
        wrap(out, text, LABEL_COLUMN, 0, width);
        return;
    }
    blanks(out, LABEL_COLUMN - size - 2);
    wrap(out, text, LABEL_COLUMN, LABEL_COLUMN, width);
}

static void put_options(alm_buffer *out, const almi_option *options, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        char label[80];
        snprintf(label, sizeof label, "--%s%s%s", options[i].name, options[i].value ? " " : "",
                 options[i].value ? options[i].value : "");
        put_labelled(out, label, options[i].help, width);
    }
}

static bool in_group(const almi_command *command, const char *group)
{
    return !group || (strncmp(command->name, group, strlen(group)) == 0 &&
                      (command->name[strlen(group)] == ' ' || !command->name[strlen(group)]));
}

void almi_help_overview(const char *group, int width, alm_buffer *out)
{
    size_t columns = text_width(width);
    alm_buffer_printf(out, "Usage: almanac %s [OPTION]...\n\n", group ? group : "COMMAND");
    if (!group) {
        wrap(out,
             "almanac turns sales, stock and market history into versioned, explained, "
             "auditable predictions.",
             0, 0, columns);
        alm_buffer_text(out, "\n");
    }
    alm_buffer_text(out, "Commands:\n");
    for (size_t i = 0; i < almi_command_count; i++) {
        if (in_group(almi_commands[i], group)) {
            put_labelled(out, almi_commands[i]->name, almi_commands[i]->summary, columns);
        }
    }
    alm_buffer_text(out, "\nOptions of every command:\n");
    put_options(out, almi_global_options, almi_global_option_count, columns);
    alm_buffer_text(out, "\n'almanac help COMMAND' explains one command.\n");
}

void almi_help_command(const almi_command *command, int width, alm_buffer *out)
{
    size_t columns = text_width(width);
    alm_buffer_printf(out, "Usage: almanac %s%s%s [OPTION]...\n\n", command->name,
                      command->arguments ? " " : "", command->arguments ? command->arguments : "");
    wrap(out, command->text, 0, 0, columns);
    if (command->option_count) {
        alm_buffer_text(out, "\nOptions:\n");
        put_options(out, command->options, command->option_count, columns);
    }
    alm_buffer_text(out, "\nOptions of every command:\n");
    put_options(out, almi_global_options, almi_global_option_count, columns);
    if (command->example) {
        alm_buffer_text(out, "\nExample:\n");
        for (alm_str rest = alm_str_of(command->example); rest.data;) {
            alm_buffer_text(out, "  ");
            alm_buffer_str(out, alm_str_split(&rest, '\n'));
            alm_buffer_text(out, "\n");
        }
    }
}

/* ---- man page ---- */

/* Text for roff: backslashes and leading dots would be commands, '-' would be a hyphen. */
static void put_roff(alm_buffer *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            alm_buffer_text(out, "\\&");
        }
        if (*text == '\\') {
            alm_buffer_text(out, "\\e");
        } else if (*text == '-') {
            alm_buffer_text(out, "\\-");
        } else {
            alm_buffer_append(out, text, 1);
        }
        line_start = *text == '\n';
    }
}

static void put_roff_options(alm_buffer *out, const almi_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_buffer_text(out, ".TP\n\\fB");
        put_roff(out, "--");
        put_roff(out, options[i].name);
        alm_buffer_text(out, "\\fR");
        if (options[i].value) {
            alm_buffer_printf(out, " \\fI%s\\fR", options[i].value);
        }
        alm_buffer_text(out, "\n");
        put_roff(out, options[i].help);
        alm_buffer_text(out, "\n");
    }
}

static void put_roff_command(alm_buffer *out, const almi_command *command)
{
    alm_buffer_printf(out, ".SS almanac %s%s", command->name, command->arguments ? " " : "");
    put_roff(out, command->arguments ? command->arguments : "");
    alm_buffer_text(out, "\n");
    put_roff(out, command->text);
    alm_buffer_text(out, "\n");
    put_roff_options(out, command->options, command->option_count);
    if (command->example) {
        alm_buffer_text(out, ".PP\n.nf\n");
        put_roff(out, command->example);
        alm_buffer_text(out, "\n.fi\n");
    }
}

void almi_help_man(alm_buffer *out)
{
    alm_buffer_printf(out, ".TH ALMANAC 1 \"\" \"almanac %s\" \"User Commands\"\n",
                      ALM_ENGINE_VERSION);
    alm_buffer_text(out, ".SH NAME\nalmanac \\- versioned, explained, auditable predictions from "
                         "sales, stock and market history\n"
                         ".SH SYNOPSIS\n\\fBalmanac\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
                         ".SH OPTIONS OF EVERY COMMAND\n");
    put_roff_options(out, almi_global_options, almi_global_option_count);
    alm_buffer_text(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < almi_command_count; i++) {
        put_roff_command(out, almi_commands[i]);
    }
    alm_buffer_text(out, ".SH EXIT STATUS\n.TP\n0\nsuccess\n");
    for (int code = 1; code < ALM_ERR_COUNT; code++) {
        alm_buffer_printf(out, ".TP\n%d\n%s (%s)\n", alm_err_exit_status((alm_err)code),
                          alm_err_text((alm_err)code), alm_err_name((alm_err)code));
    }
    alm_buffer_text(out,
                    ".SH ENVIRONMENT\n.TP\n\\fBLOG_LEVEL\\fR\nerror, warn, info or debug: what is "
                    "written to standard error (default: warn)\n.TP\n\\fBNO_COLOR\\fR\nnot empty: "
                    "no colour\n.TP\n\\fBCOLUMNS\\fR\nwidth that tables are fitted to\n");
}

/* ---- Markdown ---- */

static void put_markdown_options(alm_buffer *out, const almi_option *options, size_t count)
{
    alm_buffer_text(out, count ? "| option | |\n| --- | --- |\n" : "");
    for (size_t i = 0; i < count; i++) {
        alm_buffer_printf(out, "| `--%s%s%s` | %s |\n", options[i].name,
                          options[i].value ? " " : "", options[i].value ? options[i].value : "",
                          options[i].help);
    }
    alm_buffer_text(out, count ? "\n" : "");
}

void almi_help_markdown(alm_buffer *out)
{
    alm_buffer_text(out, "## Options of every command\n\n");
    put_markdown_options(out, almi_global_options, almi_global_option_count);
    for (size_t i = 0; i < almi_command_count; i++) {
        const almi_command *command = almi_commands[i];
        alm_buffer_printf(out, "## almanac %s%s%s\n\n", command->name,
                          command->arguments ? " " : "",
                          command->arguments ? command->arguments : "");
        wrap(out, command->text, 0, 0, WIDTH_MAX);
        alm_buffer_text(out, "\n");
        put_markdown_options(out, command->options, command->option_count);
        if (command->example) {
            alm_buffer_printf(out, "```sh\n%s\n```\n\n", command->example);
        }
    }
    alm_buffer_text(out, "## Exit status\n\n| status | error | meaning |\n| --- | --- | --- |\n"
                         "| 0 | | success |\n");
    for (int code = 1; code < ALM_ERR_COUNT; code++) {
        alm_buffer_printf(out, "| %d | `%s` | %s |\n", alm_err_exit_status((alm_err)code),
                          alm_err_name((alm_err)code), alm_err_text((alm_err)code));
    }
}

/* ---- completion ---- */

static void put_words(alm_buffer *out, const almi_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_buffer_printf(out, " --%s", options[i].name);
    }
}

static void complete_bash(alm_buffer *out)
{
    alm_buffer_text(out, "# bash completion for almanac: source <(almanac completion bash)\n"
                         "_almanac() {\n"
                         "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
                         "    local key=\"${COMP_WORDS[1]-} ${COMP_WORDS[2]-}\"\n"
                         "    ((COMP_CWORD == 1)) && key=\n"
                         "    ((COMP_CWORD == 2)) && key=\"${COMP_WORDS[1]} \"\n"
                         "    case $key in\n");
    /* Two words first: "snapshot list" must win over "snapshot". */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < almi_command_count; i++) {
            const almi_command *command = almi_commands[i];
            if ((strchr(command->name, ' ') != NULL) == (pass == 0)) {
                alm_buffer_printf(out, "    '%s'*) words='", command->name);
                put_words(out, command->options, command->option_count);
                put_words(out, almi_global_options, almi_global_option_count);
                alm_buffer_text(out, "' ;;\n");
            }
        }
    }
    alm_buffer_text(out, "    esac\n    ((COMP_CWORD == 1)) && words='");
    for (size_t i = 0; i < almi_command_count; i++) {
        size_t size = strcspn(almi_commands[i]->name, " ");
        alm_buffer_printf(out, " %.*s", (int)size, almi_commands[i]->name);
    }
    alm_buffer_text(out, "'\n    if ((COMP_CWORD == 2)); then\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < almi_command_count; i++) {
        const char *blank = strchr(almi_commands[i]->name, ' ');
        if (blank) {
            alm_buffer_printf(out, "        %.*s) words+=' %s' ;;&\n",
                              (int)(blank - almi_commands[i]->name), almi_commands[i]->name,
                              blank + 1);
        }
    }
    alm_buffer_text(out, "        esac\n    fi\n"
                         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                         "}\ncomplete -o default -F _almanac almanac\n");
}

/* Text inside single quotes of a fish command. */
static void put_fish(alm_buffer *out, const char *text)
{
    for (; *text; text++) {
        alm_buffer_text(out, *text == '\'' || *text == '\\' ? "\\" : "");
        alm_buffer_append(out, text, 1);
    }
}

static void complete_fish_option(alm_buffer *out, const char *condition, const almi_option *option)
{
    alm_buffer_printf(out, "complete -c almanac%s -l %s %s-d '", condition, option->name,
                      option->value ? "-r " : "");
    put_fish(out, option->help);
    alm_buffer_text(out, "'\n");
}

static void complete_fish(alm_buffer *out)
{
    alm_buffer_text(out, "# fish completion for almanac: almanac completion fish | source\n");
    for (size_t i = 0; i < almi_global_option_count; i++) {
        complete_fish_option(out, "", &almi_global_options[i]);
    }
    for (size_t i = 0; i < almi_command_count; i++) {
        const almi_command *command = almi_commands[i];
        const char *blank = strchr(command->name, ' ');
        int first = (int)strcspn(command->name, " ");
        if (blank) {
            alm_buffer_printf(out,
                              "complete -c almanac -f -n '__fish_seen_subcommand_from %.*s' "
                              "-a %s -d '",
                              first, command->name, blank + 1);
        } else {
            alm_buffer_printf(out, "complete -c almanac -f -n __fish_use_subcommand -a %s -d '",
                              command->name);
        }
        put_fish(out, command->summary);
        alm_buffer_text(out, "'\n");
        char condition[160];
        snprintf(condition, sizeof condition, " -n '__fish_seen_subcommand_from %s'",
                 blank ? blank + 1 : command->name);
        for (size_t o = 0; o < command->option_count; o++) {
            complete_fish_option(out, condition, &command->options[o]);
        }
    }
}

alm_err almi_help_completion(const char *shell, alm_buffer *out, alm_error *error)
{
    if (strcmp(shell, "bash") == 0) {
        complete_bash(out);
    } else if (strcmp(shell, "zsh") == 0) {
        alm_buffer_text(out, "# zsh completion for almanac: source <(almanac completion zsh)\n"
                             "autoload -U +X bashcompinit && bashcompinit\n");
        complete_bash(out);
    } else if (strcmp(shell, "fish") == 0) {
        complete_fish(out);
    } else {
        return alm_fail(error, ALM_ERR_USAGE,
                        "no completion for '%s'; there are bash, zsh and fish", shell);
    }
    return ALM_OK;
}
