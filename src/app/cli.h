/* cli.h: what a subcommand gets and how it is described.
 *
 * One table (commands.c) describes every subcommand; --help, man pages, shell completion and the
 * parser are all made from it. A subcommand is one function in its own file: it reads its options,
 * calls the library, and writes its result with the functions below. It neither parses, nor prints
 * errors, nor ends the process.
 *
 * Output goes into `out` and from there to standard output; notes, progress and errors go to
 * standard error, so that a pipe gets results only. */
#ifndef ALM_APP_CLI_H
#define ALM_APP_CLI_H

#include "app/grid.h"
#include "base/fs.h"
#include "project/snapshot.h"
#include "store/ledger.h"
#include "store/predictions.h"

#define ALMI_ARGUMENTS_MAX 64 /* nodes of a query */
#define ALMI_OPTIONS_MAX 24

typedef struct almi_cli almi_cli;

typedef struct almi_option {
    const char *name;  /* without "--" */
    const char *value; /* "DATE"; NULL: a flag */
    const char *help;
} almi_option;

typedef struct almi_command {
    const char *name;      /* "check"; "models approve" for a command of a group */
    const char *arguments; /* "RELEASE [RELEASE]" */
    int arguments_min;
    int arguments_max;
    const char *summary;        /* half a sentence */
    const char *text;           /* paragraphs of help, wrapped at 80 */
    const char *example;        /* command lines, one a line */
    const almi_option *options; /* besides the global ones */
    size_t option_count;
    bool tells_progress; /* in lines, where standard error is no terminal: it takes long */
    alm_err (*run)(almi_cli *cli, alm_error *error);
} almi_command;

#define ALMI_OPTIONS(array) .options = (array), .option_count = sizeof(array) / sizeof((array)[0])

struct almi_cli {
    alm_env env;
    alm_arena *arena; /* lives as long as the command */
    almi_term term;
    alm_buffer out;
    bool json;
    bool says_error; /* the result says what went wrong: with --json no other document of it */
    bool reader_gone; /* of standard output, a closed pipe: nobody wants to hear of it */
    bool quiet;
    int threads;
    const char *directory; /* --project, or NULL */
    const almi_command *command;
    const char *argument[ALMI_ARGUMENTS_MAX];
    int argument_count;
    const char *value[ALMI_OPTIONS_MAX]; /* of command->options; "" for a flag that is set */
    /* Opened by session.h, closed at the end. */
    alm_project *project;
    alm_objects *objects;
    alm_registry *registry;
    alm_predictions *predictions;
};

/* The whole command: returns the exit status. */
int almi_cli_main(int argc, char **argv);

/* Value of an option of this command, NULL when it was not given. Asserts that it is declared. */
const char *almi_option_text(const almi_cli *cli, const char *name);
bool almi_option_flag(const almi_cli *cli, const char *name);
/* Untouched when it was not given. */
ALM_NODISCARD alm_err almi_option_date(const almi_cli *cli, const char *name, alm_date *out,
                                       alm_error *error);
ALM_NODISCARD alm_err almi_option_i64(const almi_cli *cli, const char *name, int64_t *out,
                                      alm_error *error);
/* ALM_ERR_USAGE "almanac run needs --date DATE" when it was not given. */
ALM_NODISCARD alm_err almi_option_require(const almi_cli *cli, const char *name, alm_str *out,
                                          alm_error *error);

/* Writes what is in `out` to standard output, for results too large to keep. */
ALM_NODISCARD alm_err almi_flush(almi_cli *cli, alm_error *error);
/* A line for a person on standard error, behind what was written so far; nothing with --quiet. */
void almi_note(almi_cli *cli, const char *format, ...) ALM_PRINTF(2, 3);
/* {"KEY":[...]} with --json, else a table, or `none` as a note when it has no rows. */
void almi_show_rows(almi_cli *cli, const almi_grid *grid, const char *key, const char *none);
/* {...} with --json, else "title  value" lines. */
void almi_show_facts(almi_cli *cli, const almi_grid *grid);

#endif
