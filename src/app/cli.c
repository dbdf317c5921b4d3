#include "app/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/help.h"
#include "app/interrupt.h"
#include "app/parse.h"
#include "app/session.h"
#include "base/build_info.h"

/* ---- options ---- */

static size_t option_index(const almi_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->command->option_count; i++) {
        if (strcmp(cli->command->options[i].name, name) == 0) {
            return i;
        }
    }
    alm_assert(!"a command reads an option that it does not declare");
    return 0;
}

const char *almi_option_text(const almi_cli *cli, const char *name)
{
    return cli->value[option_index(cli, name)];
}

bool almi_option_flag(const almi_cli *cli, const char *name)
{
    return cli->value[option_index(cli, name)] != NULL;
}

alm_err almi_option_date(const almi_cli *cli, const char *name, alm_date *out, alm_error *error)
{
    const char *text = almi_option_text(cli, name);
    if (text && !alm_date_parse(alm_str_of(text), out)) {
        return alm_fail(error, ALM_ERR_USAGE, "--%s takes a day as YYYY-MM-DD, not '%s'", name,
                        text);
    }
    return ALM_OK;
}

alm_err almi_option_i64(const almi_cli *cli, const char *name, int64_t *out, alm_error *error)
{
    const char *text = almi_option_text(cli, name);
    if (text && !alm_str_to_i64(alm_str_of(text), out)) {
        return alm_fail(error, ALM_ERR_USAGE, "--%s takes a whole number, not '%s'", name, text);
    }
    return ALM_OK;
}

alm_err almi_option_require(const almi_cli *cli, const char *name, alm_str *out, alm_error *error)
{
    const almi_option *option = &cli->command->options[option_index(cli, name)];
    const char *text = almi_option_text(cli, name);
    if (!text || !text[0]) {
        return alm_fail(error, ALM_ERR_USAGE, "'almanac %s' needs --%s %s: %s", cli->command->name,
                        name, option->value, option->help);
    }
    *out = alm_str_of(text);
    return ALM_OK;
}

/* ---- output ---- */

static alm_err write_out(almi_cli *cli, const char *data, size_t size, alm_error *error)
{
    while (size > 0) {
        ssize_t wrote = write(STDOUT_FILENO, data, size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            cli->reader_gone = errno == EPIPE;
            return alm_fail(error, ALM_ERR_IO, "standard output: %s", strerror(errno));
        }
        data += wrote;
        size -= (size_t)wrote;
    }
    return ALM_OK;
}

alm_err almi_flush(almi_cli *cli, alm_error *error)
{
    ALM_TRY(alm_buffer_status(&cli->out, error));
    alm_str all = alm_buffer_view(&cli->out);
    ALM_TRY(write_out(cli, all.data, all.size, error));
    alm_buffer_clear(&cli->out);
    return ALM_OK;
}

/* Messages quote files, names and reasons, which must not steer the terminal. */
static void print_visible(const char *before, alm_str text, const char *after)
{
    alm_buffer out = {0};
    alm_buffer_visible(&out, text);
    fprintf(stderr, "%s%s%s", before, out.data ? out.data : "", after);
    alm_buffer_deinit(&out);
}

void almi_note(almi_cli *cli, const char *format, ...)
{
    if (cli->quiet) {
        return;
    }
    /* On a terminal both streams mix, so they keep their order; what could not be written now is
     * an error at the end. JSON waits: an error would have to replace it. */
    if (!cli->json && almi_flush(cli, NULL) != ALM_OK) {
        return;
    }
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    print_visible("", alm_str_of(line), "\n");
}

void almi_show_rows(almi_cli *cli, const almi_grid *grid, const char *key, const char *none)
{
    if (cli->json) {
        alm_json_writer json = alm_json_writer_on(&cli->out);
        alm_json_open_object(&json);
        alm_json_key(&json, key);
        almi_grid_write_rows(grid, &json);
        alm_json_close_object(&json);
        alm_buffer_text(&cli->out, "\n");
    } else if (almi_grid_rows(grid) == 0) {
        almi_note(cli, "%s", none);
    } else {
        almi_grid_print(grid, &cli->term, &cli->out);
    }
}

void almi_show_facts(almi_cli *cli, const almi_grid *grid)
{
    if (!cli->json) {
        almi_grid_print_facts(grid, &cli->term, &cli->out);
        return;
    }
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    almi_grid_write_facts(grid, &json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
}

/* ---- the whole command ---- */

static void print_error(almi_cli *cli, const alm_error *error)
{
    bool colour = cli->term.err_colour;
    print_visible(colour ? "\033[31malmanac: " : "almanac: ", alm_str_of(error->message),
                  colour ? "\033[0m\n" : "\n");
    if (!cli->json || cli->says_error) {
        return;
    }
    alm_buffer_clear(&cli->out);
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    alm_json_key(&json, "error");
    alm_json_open_object(&json);
    alm_json_put_text(&json, "code", alm_err_name(error->code));
    alm_json_put_text(&json, "message", error->message);
    alm_json_close_object(&json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
    /* The error was told already; a closed standard output cannot be told about. */
    if (almi_flush(cli, NULL) != ALM_OK) {
        alm_buffer_clear(&cli->out);
    }
}

static alm_err run_command(almi_cli *cli, alm_error *error)
{
    ALM_TRY(almi_session_start(cli, error));
    ALM_TRY(cli->command->run(cli, error));
    /* A signal after the last file operation came too late to stop anything. */
    return almi_flush(cli, error);
}

static alm_err dispatch(almi_cli *cli, int argc, char **argv, alm_error *error)
{
    almi_request request = {0};
    ALM_TRY(almi_parse(cli, argc, argv, &request, error));
    if (request.wants_version) {
        alm_buffer_printf(&cli->out, "almanac %s (%s)\n", ALM_ENGINE_VERSION, ALM_ENGINE_COMMIT);
    } else if (request.wants_help && cli->command) {
        almi_help_command(cli->command, cli->term.width, &cli->out);
    } else if (request.wants_help) {
        almi_help_overview(request.group, cli->term.width, &cli->out);
    } else if (!cli->command) {
        return alm_fail(error, ALM_ERR_USAGE, "no command; 'almanac help' lists them");
    } else {
        return run_command(cli, error);
    }
    return almi_flush(cli, error);
}

int almi_cli_main(int argc, char **argv)
{
    almi_cli cli = {.arena = alm_arena_create(0), .term = almi_term_detect()};
    alm_error error = {.code = ALM_OK};
    almi_interrupt_install();
    alm_err code = dispatch(&cli, argc, argv, &error);
    /* A library that was stopped may report it in its own words; the cause is the signal. */
    if (code != ALM_OK && almi_interrupted()) {
        code = almi_interrupt_check(&error);
    }
    almi_session_end(&cli);
    if (code != ALM_OK && !cli.reader_gone) {
        print_error(&cli, &error);
    }
    alm_buffer_deinit(&cli.out);
    alm_arena_destroy(cli.arena);
    return alm_err_exit_status(code);
}
