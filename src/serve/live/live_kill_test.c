/* A process that tells events is killed at any moment: who opens its log has every event that was
 * acknowledged, and computes what one computes that was told the same events and never killed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/live/live_fixture.h"

enum { ROUNDS = 10, DAY = LIVE_FIRST_DAYS + 2 };

/* Event `number` of all that are ever told: days that are over, and the one that is not. */
static void make_event(live_told *out, int number)
{
    char id[32];
    (void)snprintf(id, sizeof id, "event-%d", number);
    live_sale(out, number * 7 % SYNTHETIC_SERIES, LIVE_FIRST_DAYS + number % 3, 1 + number % 5, id);
}

static uint64_t ids_of(live_fixture *l)
{
    alm_live_facts facts;
    alm_live_facts_of(l->live, &facts);
    return facts.ids;
}

/* ---- the process that is killed ---- */

/* In a process of its own (ROOT, manifest of run 0): tells what comes behind the log's events, and
 * writes the number of each when it is acknowledged. */
static int tell_until_killed(const char *root, const char *manifest)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(fixture), &memory, NULL) == ALM_OK);
    fixture *f = memory;
    (void)snprintf(f->root, sizeof f->root, "%s", root);
    alm_assert(alm_fs_real_create(&f->fs, NULL) == ALM_OK);
    f->env = (alm_env){.fs = f->fs};
    f->arena = alm_arena_create(0);
    alm_assert(alm_project_open(&f->env, f->root, &f->project, &f->error) == ALM_OK);
    const char *objects = alm_path_join(f->arena, f->project->state, "objects");
    alm_assert(alm_objects_folder_open(f->fs, objects, &f->objects, &f->error) == ALM_OK);
    live_fixture *l = live_attach(f);
    l->run[0].facts = (alm_committed_facts){
        .run_id = ALM_STR("run-0"),
        .prediction_date = fixture_date(SYNTHETIC_START) + LIVE_FIRST_DAYS};
    alm_assert(alm_digest_parse(alm_str_of(manifest), &l->run[0].facts.manifest));
    l->options.log_folder = fixture_path(f, "events");
    l->options.log_segment_bytes = 3000; /* many are begun */
    live_set_day(l, DAY);
    live_begin(l);
    live_await(l, 0, DAY);
    for (int number = (int)ids_of(l); ; number++) {
        live_told told;
        make_event(&told, number);
        alm_assert(live_post_one(l, &told) == ALM_EVENT_STORED);
        alm_assert(write(STDOUT_FILENO, &number, sizeof number) == sizeof number);
    }
}

/* ---- the one that kills ---- */

static pid_t begin_child(live_fixture *l, int *out)
{
    char manifest[ALM_DIGEST_TEXT_BYTES];
    int ends[2];
    alm_digest_text(&l->run[0].facts.manifest, manifest);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execl("/proc/self/exe", "live_kill_test", l->f->root, manifest, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    (void)close(ends[1]);
    *out = ends[0];
    return child;
}

/* The number behind the last one that was acknowledged; `before` when none was. */
static int kill_child(live_fixture *l, int before, unsigned micros)
{
    int from;
    int status;
    int number;
    int next = before;
    pid_t child = begin_child(l, &from);
    for (bool is_killed = false; read(from, &number, sizeof number) == sizeof number;) {
        assert_int_equal(number >= before, true);
        next = number + 1;
        if (!is_killed) { /* some time behind its first event */
            (void)usleep(micros);
            assert_int_equal(kill(child, SIGKILL), 0);
            is_killed = true;
        }
    }
    (void)close(from);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return next;
}

static void test_killed(void **state)
{
    live_fixture *reference = live_setup(*state);
    live_fixture *l = live_attach(reference->f);
    alm_rng rng = alm_rng_stream(8, 15);
    int told = 0; /* to the reference */
    l->run[0].facts = reference->run[0].facts;
    l->options.log_folder = fixture_path(l->f, "events");
    live_set_day(l, DAY);
    live_set_day(reference, DAY);
    live_begin(reference);
    live_await(reference, 0, DAY);
    for (int round = 0; round < ROUNDS; round++) {
        int acknowledged = kill_child(l, told, (unsigned)alm_rng_next_below(&rng, 20000));
        live_begin(l);
        live_await(l, 0, DAY);
        int stored = (int)ids_of(l);
        /* One may have been stored without a word. */
        assert_in_range(stored, acknowledged, acknowledged + 1);
        for (; told < stored; told++) {
            live_told event;
            make_event(&event, told);
            assert_int_equal(live_post_one(reference, &event), ALM_EVENT_STORED);
            assert_int_equal(live_post_one(l, &event), ALM_EVENT_DUPLICATE);
            assert_int_equal(event.event.sequence, told + 1);
        }
        alm_digest expected = live_look(reference);
        alm_digest seen = live_look(l);
        assert_memory_equal(seen.bytes, expected.bytes, sizeof seen.bytes);
        live_end(l);
    }
    assert_true(told >= ROUNDS);
    live_teardown(reference);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(int count, char **argument)
{
    if (count == 3) {
        return tell_until_killed(argument[1], argument[2]);
    }
    const struct CMUnitTest tests[] = {ON(test_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
