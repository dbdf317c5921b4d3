#include "app/parse.h"

#include <string.h>

#include "project/yaml_section.h"

#define THREADS_MAX 1024
#define WORDS_MAX (ALMI_ARGUMENTS_MAX + 2)

typedef struct parser {
    almi_cli *cli;
    almi_request request;
    char **argv;
    int argc;
    int at;
    const char *words[WORDS_MAX]; /* everything that is not an option */
    int word_count;
} parser;

const char *almi_suggestion(alm_arena *arena, const char *prefix, const char *word,
                            const char *const *candidates, size_t count)
{
    const char *close = almi_closest(alm_str_of(word), candidates, count);
    return close ? alm_arena_printf(arena, "; did you mean '%s%s'?", prefix, close) : "";
}

static const char *command_name(const almi_cli *cli)
{
    return cli->command ? alm_arena_printf(cli->arena, "almanac %s", cli->command->name)
                        : "almanac";
}

static alm_err fail_option(const almi_cli *cli, const char *name, alm_error *error)
{
    size_t own = cli->command ? cli->command->option_count : 0;
    const char **names = ALM_NEW_ARRAY(cli->arena, const char *, own + almi_global_option_count);
    for (size_t i = 0; i < own; i++) {
        names[i] = cli->command->options[i].name;
    }
    for (size_t i = 0; i < almi_global_option_count; i++) {
        names[own + i] = almi_global_options[i].name;
    }
    return alm_fail(error, ALM_ERR_USAGE, "'%s' has no option '--%s'%s", command_name(cli), name,
                    almi_suggestion(cli->arena, "--", name, names, own + almi_global_option_count));
}

/* Fails for "unknown command", naming the closest one of those that could stand here. */
static alm_err fail_command(const parser *p, alm_error *error)
{
    alm_arena *arena = p->cli->arena;
    const char *group = almi_command_is_group(p->words[0]) ? p->words[0] : NULL;
    const char **names = ALM_NEW_ARRAY(arena, const char *, almi_command_count);
    size_t count = 0;
    for (size_t i = 0; i < almi_command_count; i++) {
        const char *name = almi_commands[i]->name;
        if (!group) {
            size_t size = strcspn(name, " ");
            names[count++] = alm_arena_copy_text(arena, name, size);
        } else if (strncmp(name, group, strlen(group)) == 0 && name[strlen(group)] == ' ') {
            names[count++] = name + strlen(group) + 1;
        }
    }
    if (group && p->word_count < 2) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "'almanac %s' needs a subcommand; 'almanac help %s' "
                        "lists them",
                        group, group);
    }
    const char *word = group ? p->words[1] : p->words[0];
    return alm_fail(error, ALM_ERR_USAGE, "there is no command '%s%s%s'%s", group ? group : "",
                    group ? " " : "", word, almi_suggestion(arena, "", word, names, count));
}

static alm_err take_value(parser *p, const char *name, const char *inline_value, const char **out,
                          alm_error *error)
{
    if (inline_value) {
        *out = inline_value;
        return ALM_OK;
    }
    /* A value may start with "-": options of this program never need to follow at once. */
    if (p->at + 1 >= p->argc || strncmp(p->argv[p->at + 1], "--", 2) == 0) {
        return alm_fail(error, ALM_ERR_USAGE, "option '--%s' needs a value", name);
    }
    *out = p->argv[++p->at];
    return ALM_OK;
}

static alm_err take_global(parser *p, const char *name, const char *inline_value, alm_error *error)
{
    almi_cli *cli = p->cli;
    const char *text = NULL;
    if (strcmp(name, "project") == 0) {
        return take_value(p, name, inline_value, &cli->directory, error);
    }
    if (strcmp(name, "threads") == 0) {
        int64_t threads = 0;
        ALM_TRY(take_value(p, name, inline_value, &text, error));
        if (!alm_str_to_i64(alm_str_of(text), &threads) || threads < 1 || threads > THREADS_MAX) {
            return alm_fail(error, ALM_ERR_USAGE,
                            "--threads takes a whole number from 1 to %d, "
                            "not '%s'",
                            THREADS_MAX, text);
        }
        cli->threads = (int)threads;
        return ALM_OK;
    }
    if (inline_value) {
        return alm_fail(error, ALM_ERR_USAGE, "option '--%s' takes no value", name);
    }
    cli->json = cli->json || strcmp(name, "json") == 0;
    cli->quiet = cli->quiet || strcmp(name, "quiet") == 0;
    p->request.wants_help = p->request.wants_help || strcmp(name, "help") == 0;
    return ALM_OK;
}

static alm_err take_own(parser *p, size_t index, const char *inline_value, alm_error *error)
{
    const almi_option *option = &p->cli->command->options[index];
    const char *value = "";
    if (option->value) {
        ALM_TRY(take_value(p, option->name, inline_value, &value, error));
    } else if (inline_value) {
        return alm_fail(error, ALM_ERR_USAGE, "option '--%s' takes no value", option->name);
    }
    if (p->cli->value[index]) {
        return alm_fail(error, ALM_ERR_USAGE, "option '--%s' is given twice", option->name);
    }
    p->cli->value[index] = value;
    return ALM_OK;
}

static alm_err take_option(parser *p, const char *text, alm_error *error)
{
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    const char *name = alm_arena_copy_text(p->cli->arena, text, size);
    const char *inline_value = equals ? equals + 1 : NULL;
    for (size_t i = 0; i < almi_global_option_count; i++) {
        if (strcmp(name, almi_global_options[i].name) == 0) {
            return take_global(p, name, inline_value, error);
        }
    }
    const almi_command *command = p->cli->command;
    for (size_t i = 0; command && i < command->option_count; i++) {
        if (strcmp(name, command->options[i].name) == 0) {
            return take_own(p, i, inline_value, error);
        }
    }
    if (!command && strcmp(name, "version") == 0) {
        p->request.wants_version = true;
        return ALM_OK;
    }
    return fail_option(p->cli, name, error);
}

static alm_err take_word(parser *p, const char *word, alm_error *error)
{
    if (p->word_count == WORDS_MAX) {
        return alm_fail(error, ALM_ERR_USAGE, "too many arguments at '%s'", word);
    }
    p->words[p->word_count++] = word;
    /* "snapshot" is a command, and so is "snapshot list". */
    bool may_extend = p->word_count == 2 && almi_command_is_group(p->words[0]);
    if (p->cli->command && !may_extend) {
        return ALM_OK;
    }
    /* The first word, or the first two, name the command; from then on its options are known. */
    int used = 0;
    const almi_command *before = p->cli->command;
    p->cli->command = almi_command_find(p->words, p->word_count, &used);
    for (size_t i = 0; before && before != p->cli->command && i < before->option_count; i++) {
        if (p->cli->value[i]) {
            return alm_fail(error, ALM_ERR_USAGE, "put '--%s' behind 'almanac %s'",
                            before->options[i].name, p->cli->command->name);
        }
    }
    if (!p->cli->command && (p->word_count == 2 || !almi_command_is_group(p->words[0]))) {
        return fail_command(p, error);
    }
    return ALM_OK;
}

static alm_err finish_arguments(parser *p, alm_error *error)
{
    almi_cli *cli = p->cli;
    int used = 0;
    (void)almi_command_find(p->words, p->word_count, &used);
    cli->argument_count = p->word_count - used;
    for (int i = 0; i < cli->argument_count && i < ALMI_ARGUMENTS_MAX; i++) {
        cli->argument[i] = p->words[used + i];
    }
    const almi_command *command = cli->command;
    if (cli->argument_count > command->arguments_max) {
        return alm_fail(
            error, ALM_ERR_USAGE, "'%s' takes %s%s; '%s' is too much", command_name(cli),
            command->arguments_max ? command->arguments : "no arguments",
            command->arguments_max ? " only" : "", cli->argument[command->arguments_max]);
    }
    if (cli->argument_count < command->arguments_min) {
        return alm_fail(error, ALM_ERR_USAGE, "'%s' needs %s", command_name(cli),
                        command->arguments);
    }
    return ALM_OK;
}

alm_err almi_parse(almi_cli *cli, int argc, char **argv, almi_request *out, alm_error *error)
{
    parser p = {.cli = cli, .argv = argv, .argc = argc};
    bool options_ended = false;
    /* So that even an error in front of it is printed as JSON. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    }
    for (p.at = 1; p.at < argc; p.at++) {
        const char *text = argv[p.at];
        if (!options_ended && strcmp(text, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && strcmp(text, "-h") == 0) {
            p.request.wants_help = true;
        } else if (!options_ended && strncmp(text, "--", 2) == 0) {
            ALM_TRY(take_option(&p, text + 2, error));
        } else if (!options_ended && text[0] == '-' && text[1]) {
            return alm_fail(error, ALM_ERR_USAGE,
                            "'%s' has no option '%s'; options are words with "
                            "'--' in front",
                            command_name(cli), text);
        } else {
            ALM_TRY(take_word(&p, text, error));
        }
    }
    if (!cli->command && p.word_count && p.request.wants_help) {
        p.request.group = p.words[0];
    }
    if (cli->command && !p.request.wants_help) {
        ALM_TRY(finish_arguments(&p, error));
    } else if (!cli->command && p.word_count && !p.request.wants_help) {
        return fail_command(&p, error);
    }
    *out = p.request;
    return ALM_OK;
}
