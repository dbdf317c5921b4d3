/* Kills, power cuts and failing calls at every point of the event log's work.
 *
 * Two processes one after the other: the first commits three groups over several segments, the
 * second opens what is there, is sent an event again, commits, releases and commits once more. What
 * must hold after every cut: the log opens; every event that was acknowledged is there, once, as
 * it was sent; none is there twice; sent again, all of them end up there once. The sweep is tested
 * too: with any single sync left out it must find a violation. */
#include "base/fs_fault.h"
#include "base/fs_memory.h"
#include "store/event_log.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define EVENTS 8
#define CUTS_PER_POINT 10
#define SEGMENT_BYTES 230 /* header and about one group */

typedef struct history {
    bool acked[EVENTS];
    bool released; /* events 0 and 1 may be gone */
} history;

static const char *const ID[EVENTS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const char *const CONTENT[EVENTS] = {"first", "second, and longer", "third", "",
                                            "fifth", "sixth", "seventh", "eighth"};

static size_t number_of(alm_str id) {
    for (size_t i = 0; i < EVENTS; i++) {
        if (alm_str_is(id, ID[i])) {
            return i;
        }
    }
    fail_msg("an id that was never sent");
    return 0;
}

/* ---- the work ---- */

static void take_answer(alm_event_append *append) {
    history *told = append->context;
    if (append->outcome == ALM_EVENT_STORED || append->outcome == ALM_EVENT_DUPLICATE) {
        assert_true(append->sequence > 0);
        told->acked[number_of(append->id)] = true;
    } else {
        assert_int_equal(append->outcome, ALM_EVENT_REFUSED);
        assert_true(append->error.code == ALM_ERR_IO || append->error.code == ALM_ERR_INTERRUPTED);
    }
}

/* `group`: letters of ids, all in one commit. */
static alm_err commit(alm_event_log *log, const char *group, history *told, alm_error *error) {
    alm_event_append append[EVENTS];
    size_t count = strlen(group);
    size_t answers = 0;
    for (size_t i = 0; i < count; i++) {
        size_t event = (size_t)(group[i] - 'a');
        append[i] = (alm_event_append){.id = alm_str_of(ID[event]),
                                       .content = alm_str_of(CONTENT[event]),
                                       .received = 7,
                                       .done = take_answer,
                                       .context = told};
        alm_event_log_submit(log, &append[i]);
    }
    alm_err code = alm_event_log_commit(log, &answers, error);
    assert_int_equal(answers, count); /* everybody is told, whatever happens */
    return code;
}

static alm_err open_log(alm_fs *fs, const char *folder, const alm_event_sink *sink,
                        alm_event_log **out, alm_error *error) {
    alm_event_log_options options = {.folder = folder, .segment_bytes = SEGMENT_BYTES};
    return alm_event_log_open(fs, &options, sink, out, error);
}

static alm_err first_process(alm_fs *fs, const char *folder, history *told, alm_error *error) {
    alm_event_log *log = NULL;
    ALM_TRY(open_log(fs, folder, NULL, &log, error));
    alm_err code = commit(log, "ab", told, error);
    code = code == ALM_OK ? commit(log, "aca", told, error) : code;
    code = code == ALM_OK ? commit(log, "de", told, error) : code;
    alm_event_log_close(log);
    return code;
}

static alm_err second_process(alm_fs *fs, const char *folder, history *told, alm_error *error) {
    alm_event_log *log = NULL;
    ALM_TRY(open_log(fs, folder, NULL, &log, error));
    alm_err code = commit(log, "e", told, error); /* perhaps a duplicate of an unsynced one */
    code = code == ALM_OK ? commit(log, "fb", told, error) : code;
    if (code == ALM_OK) {
        told->released = true;
        code = alm_event_log_release(log, 3, error);
    }
    code = code == ALM_OK ? commit(log, "gc", told, error) : code;
    code = code == ALM_OK ? commit(log, "h", told, error) : code;
    alm_event_log_close(log);
    return code;
}

static alm_err work_all(alm_fs *fs, const char *folder, history *told, alm_error *error) {
    ALM_TRY(first_process(fs, folder, told, error));
    return second_process(fs, folder, told, error);
}

/* ---- the checks ---- */

typedef struct seen {
    size_t times[EVENTS];
    uint64_t last;
} seen;

static alm_err see(void *context, const alm_event_record *record, alm_error *error) {
    seen *s = context;
    size_t event = number_of(record->id);
    if (!alm_str_is(record->content, CONTENT[event]) || record->received != 7 ||
        (s->last > 0 && record->sequence != s->last + 1)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "event %s is not as it was sent", ID[event]);
    }
    s->last = record->sequence;
    s->times[event]++;
    return ALM_OK;
}

static alm_err check_seen(const seen *s, const history *told, alm_error *error) {
    for (size_t i = 0; i < EVENTS; i++) {
        bool may_be_gone = told->released && i < 2;
        if (s->times[i] > 1) {
            return alm_fail(error, ALM_ERR_CORRUPT, "event %s is there twice", ID[i]);
        }
        if (told->acked[i] && s->times[i] == 0 && !may_be_gone) {
            return alm_fail(error, ALM_ERR_CORRUPT, "acknowledged event %s is lost", ID[i]);
        }
    }
    return ALM_OK;
}

static alm_err check(alm_fs *fs, const char *folder, const history *told, alm_error *error) {
    alm_event_log *log = NULL;
    seen s = {.last = 0};
    ALM_TRY(open_log(fs, folder, &(alm_event_sink){see, &s}, &log, error));
    alm_err code = check_seen(&s, told, error);
    alm_event_log_close(log);
    return code;
}

/* Sent again, everything is there once, and stays when the power fails then. */
static alm_err check_rerun(alm_fs *fs, const char *folder, history told, alm_error *error) {
    ALM_TRY(work_all(fs, folder, &told, error));
    for (size_t i = 0; i < EVENTS; i++) {
        assert_true(told.acked[i]);
    }
    return check(fs, folder, &told, error);
}

/* ---- the sweep ---- */

typedef alm_err (*work)(alm_fs *fs, const char *folder, history *told, alm_error *error);

typedef struct kill_plan {
    alm_fs *start;
    work work_of;
    uint64_t nth;     /* killed before this call; 0: not at all */
    uint64_t skipped; /* this sync is left out; 0: none */
    char where[400];
} kill_plan;

#define FOLDER "/state/events"

static alm_fs *run_killed(kill_plan *plan, history *told) {
    alm_fs *fs = alm_fs_memory_copy(plan->start);
    alm_fs *skipping = NULL;
    alm_fs *killing = NULL;
    assert_int_equal(alm_fs_fault_create(fs, &skipping, NULL), ALM_OK);
    assert_int_equal(alm_fs_fault_create(skipping, &killing, NULL), ALM_OK);
    alm_fs_fault_set(skipping,
                     &(alm_fs_fault){ALM_FS_FAULT_SKIP, ALM_FS_CALLS_SYNC, plan->skipped, NULL});
    alm_fs_fault_set(killing, &(alm_fs_fault){ALM_FS_FAULT_KILL, 0, plan->nth, NULL});
    alm_error error = {0};
    alm_err code = plan->work_of(killing, FOLDER, told, &error);
    if (code != ALM_OK && code != ALM_ERR_INTERRUPTED) {
        fail_msg("killed at %s: %s", alm_fs_fault_place(killing), error.message);
    }
    snprintf(plan->where, sizeof plan->where, "%s", alm_fs_fault_place(killing));
    alm_fs_destroy(killing);
    alm_fs_destroy(skipping);
    return fs;
}

static uint64_t count_calls(alm_fs *start, work work_of, uint32_t calls) {
    alm_fs *fs = alm_fs_memory_copy(start);
    alm_fs *counter = NULL;
    history told = {.released = false};
    assert_int_equal(alm_fs_fault_create(fs, &counter, NULL), ALM_OK);
    alm_fs_fault_set(counter, &(alm_fs_fault){.calls = calls});
    assert_int_equal(work_of(counter, FOLDER, &told, NULL), ALM_OK);
    uint64_t count = alm_fs_fault_count(counter);
    alm_fs_destroy(counter);
    alm_fs_destroy(fs);
    return count;
}

static alm_fs *empty_start(void) {
    alm_fs *start = NULL;
    assert_int_equal(alm_fs_memory_create(&start, NULL), ALM_OK);
    assert_int_equal(alm_fs_make_directories(start, "/state", NULL), ALM_OK);
    return start;
}

static alm_fs *power_cut_all_lost(alm_fs *fs) {
    alm_arena *arena = alm_arena_create(0);
    alm_fs *after = alm_fs_memory_power_cut(
        fs, ALM_NEW_ARRAY(arena, alm_fs_fate, alm_fs_memory_pending(fs) + 1));
    alm_arena_destroy(arena);
    return after;
}

static void test_kill_then_rerun(void **state) {
    (void)state;
    alm_fs *start = empty_start();
    uint64_t calls = count_calls(start, work_all, 0);
    assert_in_range(calls, 50, 2000);
    for (uint64_t nth = 1; nth <= calls; nth++) {
        history told = {.released = false};
        alm_error error = {0};
        kill_plan plan = {.start = start, .work_of = work_all, .nth = nth};
        alm_fs *fs = run_killed(&plan, &told);
        alm_err code = check_rerun(fs, FOLDER, told, &error);
        if (code == ALM_OK) {
            history all = {.released = true};
            memset(all.acked, true, sizeof all.acked);
            alm_fs *after = power_cut_all_lost(fs);
            code = check(after, FOLDER, &all, &error);
            alm_fs_destroy(after);
        }
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            fail_msg("killed before %s: %s", plan.where, error.message);
        }
    }
    alm_fs_destroy(start);
}

typedef struct cut_check {
    const history *told;
    bool is_rerun;
} cut_check;

static alm_err check_cut(void *context, alm_fs *after, const char *text, alm_error *error) {
    const cut_check *c = context;
    alm_err code = check(after, FOLDER, c->told, error);
    if (code == ALM_OK && c->is_rerun) {
        code = check_rerun(after, FOLDER, *c->told, error);
    }
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", text);
}

static void test_power_cut_everywhere(void **state) {
    (void)state;
    alm_fs *start = empty_start();
    uint64_t calls = count_calls(start, work_all, 0);
    for (uint64_t nth = 1; nth <= calls + 1; nth++) {
        history told = {.released = false};
        alm_error error = {0};
        kill_plan plan = {.start = start, .work_of = work_all, .nth = nth};
        alm_fs *fs = run_killed(&plan, &told);
        cut_check c = {&told, true};
        alm_err code = alm_fs_memory_power_cuts(fs, CUTS_PER_POINT, nth, check_cut, &c, &error);
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            fail_msg("before %s: %s", plan.where, error.message);
        }
    }
    alm_fs_destroy(start);
}

/* ---- every sync is needed ---- */

static bool is_noticed(alm_fs *start, work work_of, const history *before, uint64_t skipped) {
    uint64_t calls = count_calls(start, work_of, 0);
    for (uint64_t left = 0; left <= calls; left++) {
        history told = *before;
        kill_plan plan = {.start = start, .work_of = work_of, .skipped = skipped};
        plan.nth = left == 0 ? 0 : calls + 1 - left;
        alm_fs *fs = run_killed(&plan, &told);
        cut_check c = {&told, false};
        alm_err code = alm_fs_memory_power_cuts(fs, 0, 0, check_cut, &c, NULL);
        alm_fs_destroy(fs);
        if (code != ALM_OK) {
            return true;
        }
    }
    return false;
}

static void assert_every_sync_is_needed(alm_fs *start, work work_of, const history *told) {
    uint64_t syncs = count_calls(start, work_of, ALM_FS_CALLS_SYNC);
    assert_true(syncs > 0);
    assert_false(is_noticed(start, work_of, told, 0));
    for (uint64_t skipped = 1; skipped <= syncs; skipped++) {
        if (!is_noticed(start, work_of, told, skipped)) {
            fail_msg("sync %llu of %llu can be left out unnoticed", (unsigned long long)skipped,
                     (unsigned long long)syncs);
        }
    }
}

static void test_every_sync_is_needed(void **state) {
    (void)state;
    alm_fs *start = empty_start();
    history told = {.released = false};
    assert_every_sync_is_needed(start, first_process, &told);
    alm_fs_destroy(start);
}

/* "Duplicate" is an acknowledgement too: the first process was killed between the write of its last
 * group and the sync. */
static void test_every_sync_is_needed_to_say_duplicate(void **state) {
    (void)state;
    alm_fs *start = empty_start();
    uint64_t calls = count_calls(start, first_process, 0);
    history told = {.released = false};
    /* The last calls are: write, sync, close. */
    kill_plan plan = {.start = start, .work_of = first_process, .nth = calls - 1};
    alm_fs *fs = run_killed(&plan, &told);
    assert_non_null(strstr(plan.where, "sync"));
    assert_false(told.acked[4]);
    assert_every_sync_is_needed(fs, second_process, &told);
    alm_fs_destroy(fs);
    alm_fs_destroy(start);
}

/* ---- failing calls ---- */

static bool try_failure(alm_fs *start, alm_fs_fault fault) {
    alm_fs *fs = alm_fs_memory_copy(start);
    alm_fs *failing = NULL;
    history told = {.released = false};
    alm_error error = {0};
    assert_int_equal(alm_fs_fault_create(fs, &failing, NULL), ALM_OK);
    alm_fs_fault_set(failing, &fault);
    alm_err code = work_all(failing, FOLDER, &told, &error);
    bool happened = alm_fs_fault_happened(failing);
    if (code != ALM_OK) {
        assert_true(happened);
        assert_int_equal(code, ALM_ERR_IO);
        assert_non_null(strstr(error.message, fault.reason));
    }
    alm_fs_fault_set(failing, &(alm_fs_fault){.calls = 0});
    alm_error after = {0};
    alm_fs *cut = power_cut_all_lost(fs);
    alm_err checked = check(cut, FOLDER, &told, &after);
    alm_fs_destroy(cut);
    if (checked == ALM_OK) {
        checked = check_rerun(failing, FOLDER, told, &after);
    }
    if (checked != ALM_OK) {
        fail_msg("mode %d, call %llu gave: %s; then: %s", (int)fault.mode,
                 (unsigned long long)fault.nth, error.message, after.message);
    }
    alm_fs_destroy(failing);
    alm_fs_destroy(fs);
    return happened;
}

static void test_every_call_fails_once_or_for_good(void **state) {
    (void)state;
    alm_fs *start = empty_start();
    const alm_fs_fault_mode modes[] = {ALM_FS_FAULT_FAIL, ALM_FS_FAULT_FAIL_ALWAYS};
    for (unsigned call = 0; call < ALM_FS_CALLS; call++) {
        for (size_t mode = 0; mode < 2; mode++) {
            uint64_t nth = 1;
            while (try_failure(start, (alm_fs_fault){modes[mode], 1u << call, nth, "no room"})) {
                nth++;
            }
        }
    }
    alm_fs_destroy(start);
}

/* The same log goes on after a write or a sync that failed, in a new segment. */
static void test_a_log_goes_on_after_a_failure(void **state) {
    (void)state;
    for (int sync = 0; sync < 2; sync++) {
        alm_fs *fs = empty_start();
        alm_fs *failing = NULL;
        alm_event_log *log = NULL;
        history told = {.released = false};
        alm_error error = {0};
        uint32_t calls = sync ? ALM_FS_CALL_BIT(SYNC) : ALM_FS_CALL_BIT(WRITE);
        assert_int_equal(alm_fs_fault_create(fs, &failing, NULL), ALM_OK);
        assert_int_equal(open_log(failing, FOLDER, NULL, &log, &error), ALM_OK);
        assert_int_equal(commit(log, "a", &told, &error), ALM_OK);
        alm_fs_fault_set(failing, &(alm_fs_fault){ALM_FS_FAULT_FAIL, calls, 1, NULL});
        assert_int_equal(commit(log, "ba", &told, &error), ALM_ERR_IO);
        assert_false(told.acked[1]);
        assert_int_equal(commit(log, "bb", &told, &error), ALM_OK);
        assert_true(told.acked[1]);
        alm_fs *cut = power_cut_all_lost(fs);
        assert_int_equal(check(cut, FOLDER, &told, &error), ALM_OK);
        assert_int_equal(check(fs, FOLDER, &told, &error), ALM_OK);
        alm_fs_destroy(cut);
        alm_event_log_close(log);
        alm_fs_destroy(failing);
        alm_fs_destroy(fs);
    }
}

/* ---- really killed, on the real file system ---- */

static bool work_in_child(alm_fs *real, const char *folder, uint64_t nth, history *shared) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alm_fs *fs = NULL;
        if (alm_fs_fault_create(real, &fs, NULL) != ALM_OK) {
            _exit(2);
        }
        alm_fs_fault_set(fs, &(alm_fs_fault){ALM_FS_FAULT_DIE, 0, nth, NULL});
        _exit(work_all(fs, folder, shared, NULL) == ALM_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void test_killed_process_on_the_real_file_system(void **state) {
    (void)state;
    alm_fs *real = NULL;
    assert_int_equal(alm_fs_real_create(&real, NULL), ALM_OK);
    history *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    const char *base = getenv("TMPDIR");
    bool is_complete = false;
    for (uint64_t nth = 1; !is_complete; nth++) {
        char root[256];
        char folder[300];
        alm_error error = {0};
        snprintf(root, sizeof root, "%s/alm_events_XXXXXX", base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(root));
        snprintf(folder, sizeof folder, "%s/events", root);
        *shared = (history){.released = false};
        is_complete = work_in_child(real, folder, nth, shared);
        alm_err code = check(real, folder, shared, &error);
        if (code == ALM_OK) {
            code = check_rerun(real, folder, *shared, &error);
        }
        assert_int_equal(alm_fs_remove_tree(real, root, NULL), ALM_OK);
        if (code != ALM_OK) {
            fail_msg("killed before call %llu: %s", (unsigned long long)nth, error.message);
        }
    }
    munmap(shared, sizeof *shared);
    alm_fs_destroy(real);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_then_rerun),
        cmocka_unit_test(test_power_cut_everywhere),
        cmocka_unit_test(test_every_sync_is_needed),
        cmocka_unit_test(test_every_sync_is_needed_to_say_duplicate),
        cmocka_unit_test(test_every_call_fails_once_or_for_good),
        cmocka_unit_test(test_a_log_goes_on_after_a_failure),
        cmocka_unit_test(test_killed_process_on_the_real_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
