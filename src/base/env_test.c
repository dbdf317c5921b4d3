#include "base/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct witness {
    alm_instant clock;
    int logs;
    alm_log_level level;
    char message[2000];
    alm_progress progress;
} witness;

static alm_instant clock_of(void *context)
{
    return ((witness *)context)->clock;
}

static void keep_log(void *context, alm_log_level level, const char *message)
{
    witness *w = context;
    w->logs++;
    w->level = level;
    snprintf(w->message, sizeof w->message, "%s", message);
}

static void keep_progress(void *context, const alm_progress *progress)
{
    ((witness *)context)->progress = *progress;
}

static void everything_goes_to_the_owner(void **state)
{
    (void)state;
    witness w = {.clock = 12345};
    alm_env env = {.now = clock_of, .log = keep_log, .progress = keep_progress, .context = &w};
    assert_true(alm_env_now(&env) == 12345);
    alm_env_log(&env, ALM_LOG_WARN, "%s: %d rows", "sales", 3);
    assert_int_equal(w.logs, 1);
    assert_int_equal(w.level, ALM_LOG_WARN);
    assert_string_equal(w.message, "sales: 3 rows");
    alm_env_progress(&env, "backtest", 2, 9);
    assert_string_equal(w.progress.stage, "backtest");
    assert_true(w.progress.done == 2 && w.progress.total == 9);
}

static void absent_listeners_are_legal(void **state)
{
    (void)state;
    alm_env env = {.now = clock_of};
    alm_env_log(&env, ALM_LOG_ERROR, "nobody %s", "listens");
    alm_env_progress(&env, "run", 1, 2);
}

static void a_long_log_message_is_cut_and_terminated(void **state)
{
    (void)state;
    witness w = {0};
    alm_env env = {.log = keep_log, .context = &w};
    char text[1500];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    alm_env_log(&env, ALM_LOG_INFO, "%s", text);
    assert_in_range(strlen(w.message), 500, sizeof text - 1);
    assert_memory_equal(w.message, text, strlen(w.message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_goes_to_the_owner),
        cmocka_unit_test(absent_listeners_are_legal),
        cmocka_unit_test(a_long_log_message_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
