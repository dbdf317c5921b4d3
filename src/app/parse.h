/* parse.h: the command line against the table of commands. */
#ifndef ALM_APP_PARSE_H
#define ALM_APP_PARSE_H

#include "app/commands.h"

typedef struct almi_request {
    bool wants_help;    /* --help: of `cli->command`, or of everything */
    bool wants_version; /* --version */
    const char *group;  /* help of a group such as "models" */
} almi_request;

/* Fills command, arguments, options and the global options of `cli`. Options may stand anywhere;
 * "--" ends them. ALM_ERR_USAGE with a suggestion for a slip. */
ALM_NODISCARD alm_err almi_parse(almi_cli *cli, int argc, char **argv, almi_request *out,
                                 alm_error *error);
/* " ; did you mean 'snapshot'?" or "" when nothing is close; in `arena`. */
const char *almi_suggestion(alm_arena *arena, const char *prefix, const char *word,
                            const char *const *candidates, size_t count);

#endif
