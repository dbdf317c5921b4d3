#include "app/commands.h"

#include <string.h>

#define COMMAND_POINTER(name) &almi_cmd_##name,
const almi_command *const almi_commands[] = {ALMI_COMMAND_MAP(COMMAND_POINTER)};
const size_t almi_command_count = sizeof almi_commands / sizeof almi_commands[0];

const almi_option almi_global_options[] = {
    {"project", "DIR",
     "the project folder (default: from here upwards, the first with almanac.yaml)"},
    {"threads", "N", "threads to work with (default: all processors); no result depends on it"},
    {"json", NULL, "the result, and an error, as one JSON document on standard output"},
    {"quiet", NULL, "no progress and no notes; of what was made only its name"},
    {"help", NULL, "this text"},
};
const size_t almi_global_option_count = sizeof almi_global_options / sizeof almi_global_options[0];

const almi_command *almi_command_find(const char *const *words, int count, int *used)
{
    char both[128] = "";
    if (count >= 2 && strlen(words[0]) + strlen(words[1]) + 2 <= sizeof both) {
        size_t size = strlen(words[0]);
        memcpy(both, words[0], size);
        both[size] = ' ';
        memcpy(both + size + 1, words[1], strlen(words[1]) + 1);
    }
    const almi_command *one = NULL;
    for (size_t i = 0; i < almi_command_count; i++) {
        if (both[0] && strcmp(almi_commands[i]->name, both) == 0) {
            *used = 2;
            return almi_commands[i];
        }
        if (count >= 1 && strcmp(almi_commands[i]->name, words[0]) == 0) {
            one = almi_commands[i];
        }
    }
    *used = one ? 1 : 0;
    return one;
}

bool almi_command_is_group(const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i < almi_command_count; i++) {
        const char *name = almi_commands[i]->name;
        if (strncmp(name, word, size) == 0 && name[size] == ' ') {
            return true;
        }
    }
    return false;
}
