/* commands.h: the one table of subcommands. Adding a command is a file cmd_<x>.c and a line here;
 * parser, help, man page and completion follow. */
#ifndef ALM_APP_COMMANDS_H
#define ALM_APP_COMMANDS_H

#include "app/cli.h"

/* X(variable): almi_cmd_<variable>, in the order of the help text. */
#define ALMI_COMMAND_MAP(X) \
    X(init)                 \
    X(check)                \
    X(snapshot)             \
    X(snapshot_list)        \
    X(features_list)        \
    X(features_compute)     \
    X(train)                \
    X(backtest)             \
    X(models_list)          \
    X(models_show)          \
    X(models_compare)       \
    X(models_approve)       \
    X(models_promote)       \
    X(models_rollback)      \
    X(models_history)       \
    X(import)               \
    X(predict)              \
    X(forecast)             \
    X(serve)                \
    X(replay)               \
    X(keys_add)             \
    X(keys_list)            \
    X(keys_remove)          \
    X(run)                  \
    X(optimize)             \
    X(predictions_query)    \
    X(predictions_runs)     \
    X(predictions_diff)     \
    X(predictions_verify)   \
    X(report)               \
    X(rebuild)              \
    X(doctor)               \
    X(completion)           \
    X(help)

#define ALMI_COMMAND_EXTERN(name) extern const almi_command almi_cmd_##name;
ALMI_COMMAND_MAP(ALMI_COMMAND_EXTERN)
#undef ALMI_COMMAND_EXTERN

extern const almi_command *const almi_commands[];
extern const size_t almi_command_count;

/* Options that every subcommand has. */
extern const almi_option almi_global_options[];
extern const size_t almi_global_option_count;

/* The command that `words` (at most two) name; *used is how many words its name has. NULL: none. */
const almi_command *almi_command_find(const char *const *words, int count, int *used);
/* Is `word` the first word of a group such as "models"? */
bool almi_command_is_group(const char *word);

#endif
