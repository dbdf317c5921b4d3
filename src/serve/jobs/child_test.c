#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "serve/jobs/child.h"
#include "serve/jobs/child_memory.h"

/* Both implementations are asked the same. The real one runs the shell; the twin is told to do what
 * the shell would. */
typedef struct listened {
    alm_buffer out, err;
    alm_child_end end;
} listened;

static char path[] = "PATH=/usr/bin:/bin", a[] = "A=old", b[] = "B=kept";
static char *const environment[] = {path, a, b, NULL};

static alm_child *start(alm_children *children, const char *script)
{
    const char *const arguments[] = {"-c", script};
    static const char *const variables[] = {"A=new"};
    alm_child_order order = {arguments, 2, variables, 1};
    alm_child *child = NULL;
    alm_error error = {0};
    if (children->ops->start(children, &order, &child, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return child;
}

static bool look(alm_child *child, listened *to)
{
    return child->children->ops->look(child, &to->out, &to->err, &to->end);
}

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Until it has ended, for a minute at most. */
static void listen(alm_child *child, listened *to)
{
    for (int i = 0; i < 12000; i++) {
        if (look(child, to)) {
            alm_buffer_text(&to->out, "");
            alm_buffer_text(&to->err, "");
            return;
        }
        pause_ms(5);
    }
    fail_msg("it does not end");
}

/* Until it has said something on standard output. */
static void wait_for_words(alm_child *child, listened *to)
{
    for (int i = 0; i < 12000 && to->out.size == 0; i++) {
        assert_false(look(child, to));
        pause_ms(5);
    }
    assert_true(to->out.size > 0);
}

static void done(alm_child *child, listened *to)
{
    alm_child_close(child);
    alm_buffer_deinit(&to->out);
    alm_buffer_deinit(&to->err);
}

static void check_words(alm_child *child)
{
    listened to = {0};
    listen(child, &to);
    assert_string_equal(to.out.data, "new kept\n");
    assert_string_equal(to.err.data, "oh\n");
    assert_int_equal(to.end.status, 3);
    assert_int_equal(to.end.signal, 0);
    child->children->ops->end(child, false); /* too late for anything */
    assert_true(look(child, &to));           /* still so */
    assert_int_equal(to.end.status, 3);
    done(child, &to);
}

static void check_end(alm_child *child, bool by_force, int status, int number)
{
    listened to = {0};
    wait_for_words(child, &to);
    child->children->ops->end(child, by_force);
    listen(child, &to);
    assert_int_equal(to.end.status, status);
    assert_int_equal(to.end.signal, number);
    done(child, &to);
}

static void both_say_what_a_child_wrote_and_how_it_ended(void **state)
{
    (void)state;
    alm_children *real = alm_children_spawn_create("/bin/sh", environment, 0);
    check_words(start(real, "echo $A $B; echo oh >&2; exit 3"));
    alm_children_destroy(real);
    alm_children *twin = alm_children_memory_create();
    alm_child *child = start(twin, "");
    assert_string_equal(alm_children_memory_variables(twin, 0), "A=new");
    alm_children_memory_say(twin, 0, false, "new kept\n");
    alm_children_memory_say(twin, 0, true, "oh\n");
    alm_children_memory_exit(twin, 0, 3);
    check_words(child);
    alm_children_destroy(twin);
}

static void both_end_when_asked_or_by_force(void **state)
{
    (void)state;
    alm_children *real = alm_children_spawn_create("/bin/sh", environment, 5);
    /* A shell that waits hears a signal at once, and its sleeping child is in its group. */
    check_end(start(real, "trap 'exit 16' TERM; echo up; sleep 600 & wait"), false, 16, 0);
    check_end(start(real, "trap '' TERM; echo up; sleep 600"), true, 0, SIGKILL);
    alm_children_destroy(real);
    alm_children *twin = alm_children_memory_create();
    alm_child *child = start(twin, "");
    alm_children_memory_say(twin, 0, false, "up");
    check_end(child, false, 16, 0);
    child = start(twin, "");
    alm_children_memory_deaf(twin, 1);
    alm_children_memory_say(twin, 1, false, "up");
    check_end(child, true, 0, SIGKILL);
    alm_children_destroy(twin);
}

static void closing_ends_what_runs(void **state)
{
    (void)state;
    listened to = {0};
    alm_children *real = alm_children_spawn_create("/bin/sh", environment, 0);
    alm_child *child = start(real, "trap '' TERM; echo $$; sleep 600");
    wait_for_words(child, &to);
    int64_t pid = 0;
    assert_true(alm_str_to_i64(alm_str_trim(alm_buffer_view(&to.out)), &pid));
    assert_int_equal(kill((pid_t)pid, 0), 0);
    done(child, &to);
    assert_int_equal(kill((pid_t)pid, 0), -1);
    alm_child_close(NULL);
    alm_children_destroy(real);
}

/* More than a pipe holds, so that a child would wait for ever for a reader of one stream only. */
static void long_output_is_read_to_its_end(void **state)
{
    (void)state;
    listened to = {0};
    alm_children *real = alm_children_spawn_create("/bin/sh", environment, 0);
    alm_child *child = start(real, "head -c 300000 /dev/zero | tr '\\0' x; "
                                   "head -c 300000 /dev/zero | tr '\\0' y >&2; echo z");
    listen(child, &to);
    assert_int_equal(to.out.size, 300002);
    assert_int_equal(to.err.size, 300000);
    assert_int_equal(to.out.data[300000], 'z');
    done(child, &to);
    alm_children_destroy(real);
}

/* Threads of this process block every signal; a child must not, and holds no file of it open. */
static void from_a_thread(void *context)
{
    alm_children *real = context;
    int held = open("/dev/null", O_RDONLY); /* would be inherited */
    check_end(start(real, "echo up; exec sleep 600"), false, 0, SIGTERM);
    listened to = {0};
    alm_child *child = start(real, "ls /proc/self/fd | tr '\\n' ' '; cat");
    listen(child, &to);
    assert_string_equal(to.out.data, "0 1 2 3 "); /* 3: the folder that ls reads */
    assert_int_equal(to.end.status, 0);           /* of cat: standard input is empty */
    done(child, &to);
    (void)close(held);
}

static void a_child_of_a_thread_hears_signals(void **state)
{
    (void)state;
    alm_thread *thread = NULL;
    alm_children *real = alm_children_spawn_create("/bin/sh", environment, 0);
    assert_int_equal(alm_thread_start("test", from_a_thread, real, &thread, NULL), ALM_OK);
    alm_thread_join(thread);
    alm_children_destroy(real);
}

static void what_is_not_there_does_not_start(void **state)
{
    (void)state;
    alm_child_order order = {0};
    alm_child *child = NULL;
    alm_error error = {0};
    alm_children *real = alm_children_spawn_create("/nowhere/almanac", environment, 0);
    assert_int_equal(real->ops->start(real, &order, &child, &error), ALM_ERR_EXTERNAL);
    assert_string_equal(error.message, "starting /nowhere/almanac: No such file or directory");
    assert_null(child);
    alm_children_destroy(real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_what_a_child_wrote_and_how_it_ended),
        cmocka_unit_test(both_end_when_asked_or_by_force),
        cmocka_unit_test(closing_ends_what_runs),
        cmocka_unit_test(long_output_is_read_to_its_end),
        cmocka_unit_test(a_child_of_a_thread_hears_signals),
        cmocka_unit_test(what_is_not_there_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
