#include "app/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool is_word(const char *text)
{
    return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static void assert_option(const almi_option *option)
{
    assert_true(is_word(option->name));
    assert_true(strlen(option->help) > 3);
    /* A help text is half a sentence: it begins in lower case or with a figure. */
    assert_false(option->help[strlen(option->help) - 1] == '.');
}

static void every_command_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < almi_command_count; i++) {
        const almi_command *command = almi_commands[i];
        assert_non_null(command->run);
        assert_true(strlen(command->summary) > 5 && strlen(command->summary) <= 56);
        assert_true(strlen(command->text) > 20);
        assert_true(command->option_count <= ALMI_OPTIONS_MAX);
        assert_true(command->arguments_max <= ALMI_ARGUMENTS_MAX);
        assert_true(command->arguments_min <= command->arguments_max);
        assert_true((command->arguments != NULL) == (command->arguments_max > 0));
    }
}

static void option_names_are_unique_and_not_global(void **state)
{
    (void)state;
    for (size_t g = 0; g < almi_global_option_count; g++) {
        assert_option(&almi_global_options[g]);
    }
    for (size_t i = 0; i < almi_command_count; i++) {
        const almi_command *command = almi_commands[i];
        for (size_t o = 0; o < command->option_count; o++) {
            assert_option(&command->options[o]);
            for (size_t k = 0; k < o; k++) {
                assert_string_not_equal(command->options[o].name, command->options[k].name);
            }
            for (size_t g = 0; g < almi_global_option_count; g++) {
                assert_string_not_equal(command->options[o].name, almi_global_options[g].name);
            }
        }
    }
}

static void every_name_finds_its_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < almi_command_count; i++) {
        char name[64];
        const char *words[2] = {name, NULL};
        assert_true(strlen(almi_commands[i]->name) < sizeof name);
        memcpy(name, almi_commands[i]->name, strlen(almi_commands[i]->name) + 1);
        int count = 1;
        char *blank = strchr(name, ' ');
        if (blank) {
            *blank = '\0';
            words[1] = blank + 1;
            count = 2;
            assert_true(almi_command_is_group(name));
        }
        int used = 0;
        assert_ptr_equal(almi_command_find(words, count, &used), almi_commands[i]);
        assert_int_equal(used, count);
    }
    int used = 7;
    const char *unknown[] = {"frobnicate", "now"};
    assert_null(almi_command_find(unknown, 2, &used));
    assert_int_equal(used, 0);
    assert_false(almi_command_is_group("model"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_complete),
        cmocka_unit_test(option_names_are_unique_and_not_global),
        cmocka_unit_test(every_name_finds_its_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
