#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/fs_memory.h"
#include "serve/jobs/child_memory.h"
#include "serve/jobs/jobs.h"

/* Jobs over the twins: files and children in memory, a clock that a test moves, turns by hand. */
typedef struct world {
    alm_env env;
    alm_children *children;
    alm_jobs *jobs;
    alm_instant now;
    uint64_t now_ns;
    char noted[1024];
    bool refuses_notes;
    alm_err works; /* what a piece of work gives */
} world;

static const alm_job_asker anna = {"token", "anna", "r-1"};
static const alm_job_asker ben = {"api_key", "ben", "r-2"};

static alm_instant world_now(void *context)
{
    return ((world *)context)->now;
}

static uint64_t world_now_ns(void *context)
{
    return ((world *)context)->now_ns;
}

static alm_err note(void *context, alm_job_event event, const alm_job *job, alm_error *error)
{
    static const char *const names[] = {"begins", "is cancelled", "ends"};
    world *w = context;
    if (w->refuses_notes) {
        return alm_fail(error, ALM_ERR_IO, "no space left");
    }
    size_t size = strlen(w->noted);
    snprintf(w->noted + size, sizeof w->noted - size, "%s %s %s by %s%s;", job->id, names[event],
             alm_job_state_text(job->state), job->asker.who, job->canceller.who);
    return ALM_OK;
}

static alm_err work(void *context, const alm_job *job, const char *const *argument,
                    char result[ALM_JOB_NAME_BYTES], alm_error *error)
{
    world *w = context;
    assert_int_equal(job->state, ALM_JOB_RUNNING);
    if (w->works != ALM_OK) {
        return alm_fail(error, w->works, "not approved");
    }
    snprintf(result, ALM_JOB_NAME_BYTES, "%s", argument[0]);
    return ALM_OK;
}

static const alm_job_kind kinds[] = {{.name = "train", .result = "release"},
                                     {.name = "deploy", .run = work}};

static void open_jobs(world *w)
{
    alm_jobs_options options = {.folder = "state/jobs",
                                .children = w->children,
                                .kind = kinds,
                                .kind_count = 2,
                                .context = w,
                                .note = note,
                                .queued_max = 3,
                                .kept_max = 6,
                                .grace_ns = 40000000};
    alm_error error = {0};
    if (alm_jobs_create(&w->env, &options, &w->jobs, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static void open_world(world *w)
{
    *w = (world){.now = 1000000};
    w->env = (alm_env){.now = world_now, .monotonic_ns = world_now_ns, .context = w};
    assert_int_equal(alm_fs_memory_create(&w->env.fs, NULL), ALM_OK);
    w->children = alm_children_memory_create();
    open_jobs(w);
}

static void close_world(world *w)
{
    alm_jobs_destroy(w->jobs);
    assert_int_equal(alm_children_memory_open(w->children), 0);
    alm_children_destroy(w->children);
    alm_fs_destroy(w->env.fs);
}

static alm_job add(world *w, const char *kind, const char *model)
{
    static const char *const arguments[] = {"train", "demand", "--json"};
    alm_job job = {0};
    alm_error error = {0};
    alm_job_request request = {.kind = kind,
                               .model = alm_str_of(model),
                               .object = alm_str_of(model),
                               .asker = &anna,
                               .argument = arguments,
                               .argument_count = 3};
    if (alm_jobs_add(w->jobs, &request, &job, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return job;
}

static alm_job get(world *w, const char *id)
{
    alm_job job = {0};
    alm_error error = {0};
    if (alm_jobs_get(w->jobs, alm_str_of(id), &job, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return job;
}

static void expect(world *w, const char *id, alm_job_state state, const char *message)
{
    alm_job job = get(w, id);
    assert_string_equal(alm_job_state_text(job.state), alm_job_state_text(state));
    assert_string_equal(job.message, message);
}

static void a_job_goes_from_the_queue_to_its_result(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    alm_job job = add(&w, "train", "demand");
    assert_string_equal(job.id, "job-1");
    assert_int_equal(job.state, ALM_JOB_QUEUED);
    w.now = 2000000;
    assert_true(alm_jobs_turn(w.jobs) < UINT64_MAX);
    assert_string_equal(alm_children_memory_arguments(w.children, 0), "train demand --json");
    assert_string_equal(alm_children_memory_variables(w.children, 0), "ALMANAC_PROGRESS=json");
    alm_children_memory_say(w.children, 0, true, "almanac: warning: few rows\n{\"stage\":\"fit\",");
    alm_jobs_turn(w.jobs);
    assert_string_equal(get(&w, "job-1").stage, "");
    alm_children_memory_say(w.children, 0, true, "\"done\":3,\"total\":10}\n{\"stage\":7}\n");
    alm_jobs_turn(w.jobs);
    job = get(&w, "job-1");
    assert_string_equal(job.stage, "fit");
    assert_int_equal(job.done, 3);
    assert_int_equal(job.total, 10);
    alm_children_memory_say(w.children, 0, false, "{\"release\":\"demand-4\",\"existed\":false}\n");
    alm_children_memory_exit(w.children, 0, 0);
    w.now = 3000000;
    assert_true(alm_jobs_turn(w.jobs) == UINT64_MAX);
    expect(&w, "job-1", ALM_JOB_DONE, "");
    job = get(&w, "job-1");
    assert_string_equal(job.result, "demand-4");
    assert_int_equal(job.queued, 1000000);
    assert_int_equal(job.started, 2000000);
    assert_int_equal(job.ended, 3000000);
    assert_string_equal(w.noted, "job-1 begins running by anna;job-1 ends done by anna;");
    close_world(&w);
}

static void one_child_runs_at_a_time_and_work_does_not_wait_for_it(void **state)
{
    (void)state;
    world w;
    alm_job list[8];
    open_world(&w);
    add(&w, "train", "a");
    add(&w, "train", "b");
    add(&w, "deploy", "c-1");
    alm_jobs_turn(w.jobs);
    assert_int_equal(alm_children_memory_count(w.children), 1);
    expect(&w, "job-2", ALM_JOB_QUEUED, "");
    expect(&w, "job-3", ALM_JOB_DONE, "");
    assert_string_equal(get(&w, "job-3").result, "train");
    alm_children_memory_exit(w.children, 0, 0);
    alm_jobs_turn(w.jobs);
    expect(&w, "job-1", ALM_JOB_DONE, "it succeeded, but what it says cannot be read");
    assert_int_equal(alm_children_memory_count(w.children), 2); /* in the same turn */
    assert_int_equal(alm_jobs_list(w.jobs, list, 8), 3);
    assert_string_equal(list[0].id, "job-3");
    assert_int_equal(alm_jobs_list(w.jobs, list, 1), 1);
    w.works = ALM_ERR_DENIED;
    add(&w, "deploy", "c-2");
    alm_jobs_turn(w.jobs);
    expect(&w, "job-4", ALM_JOB_FAILED, "not approved");
    close_world(&w);
}

static void how_a_child_ended_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *out, *err;
        int status, signal;
        const char *message;
    } cases[] = {
        {"{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no snapshot 'ab'\"}}", "almanac: no\n",
         4, 0, "no snapshot 'ab'"},
        {"", "almanac: warning: w\nabort\a", 134, 0,
         "ended with status 134; its last words: almanac: warning: w abort\\x07"},
        {"{\"rel", "", 1, 0, "ended with status 1"},
        {"", "killed\n", 0, 9, "ended by signal 9; its last words: killed"},
        {"[]", "", 0, 11, "ended by signal 11"},
    };
    world w;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_world(&w);
        add(&w, "train", "demand");
        alm_jobs_turn(w.jobs);
        alm_children_memory_say(w.children, 0, false, cases[i].out);
        alm_children_memory_say(w.children, 0, true, cases[i].err);
        if (cases[i].signal) {
            alm_children_memory_die(w.children, 0, cases[i].signal);
        } else {
            alm_children_memory_exit(w.children, 0, cases[i].status);
        }
        alm_jobs_turn(w.jobs);
        expect(&w, "job-1", ALM_JOB_FAILED, cases[i].message);
        close_world(&w);
    }
    open_world(&w);
    alm_children_memory_refuse(w.children, true);
    add(&w, "train", "demand");
    assert_true(alm_jobs_turn(w.jobs) == UINT64_MAX);
    expect(&w, "job-1", ALM_JOB_FAILED, "it did not begin: starting a child: told to fail");
    close_world(&w);
}

/* However much a child writes, what is kept of it is bounded and its end is seen. */
static void floods_are_cut(void **state)
{
    (void)state;
    world w;
    static char piece[60001];
    memset(piece, 'x', sizeof piece - 1);
    open_world(&w);
    add(&w, "train", "demand");
    alm_jobs_turn(w.jobs);
    for (int i = 0; i < 300; i++) {
        alm_children_memory_say(w.children, 0, i % 2, piece);
        alm_jobs_turn(w.jobs);
    }
    alm_children_memory_say(w.children, 0, true, "\nthe end");
    alm_children_memory_exit(w.children, 0, 3);
    alm_jobs_turn(w.jobs);
    alm_job job = get(&w, "job-1");
    assert_int_equal(job.state, ALM_JOB_FAILED);
    assert_non_null(strstr(job.message, "the end"));
    close_world(&w);
}

static alm_err cancel(world *w, const char *id, alm_job *out)
{
    return alm_jobs_cancel(w->jobs, alm_str_of(id), &ben, out, NULL);
}

static void cancelling_asks_and_then_forces(void **state)
{
    (void)state;
    world w;
    alm_job job = {0};
    open_world(&w);
    add(&w, "train", "a");
    add(&w, "train", "b");
    add(&w, "train", "c");
    alm_jobs_turn(w.jobs);
    assert_int_equal(cancel(&w, "job-2", &job), ALM_OK); /* has not begun */
    assert_true(job.is_cancelling);
    assert_int_equal(cancel(&w, "job-1", &job), ALM_OK); /* obeys */
    alm_jobs_turn(w.jobs);
    expect(&w, "job-2", ALM_JOB_CANCELLED, "it had not begun");
    alm_jobs_turn(w.jobs);
    expect(&w, "job-1", ALM_JOB_CANCELLED, "");
    assert_string_equal(get(&w, "job-1").canceller.who, "ben");
    assert_int_equal(alm_children_memory_count(w.children), 2);
    alm_children_memory_deaf(w.children, 1);
    assert_int_equal(cancel(&w, "job-3", &job), ALM_OK);
    alm_jobs_turn(w.jobs);
    w.now_ns += 39999999;
    assert_int_equal(cancel(&w, "job-3", &job), ALM_OK); /* again changes nothing */
    alm_jobs_turn(w.jobs);
    alm_jobs_turn(w.jobs);
    expect(&w, "job-3", ALM_JOB_RUNNING, "");
    w.now_ns += 1;
    alm_jobs_turn(w.jobs);
    alm_jobs_turn(w.jobs);
    expect(&w, "job-3", ALM_JOB_CANCELLED, "it did not end when asked, and was ended by force");
    assert_int_equal(cancel(&w, "job-3", &job), ALM_ERR_CONFLICT);
    assert_int_equal(cancel(&w, "job-9", &job), ALM_ERR_NOT_FOUND);
    add(&w, "deploy", "d-1");
    assert_int_equal(cancel(&w, "job-4", &job), ALM_ERR_CONFLICT);
    assert_non_null(strstr(w.noted, "job-3 is cancelled running by annaben;"
                                    "job-3 ends cancelled by annaben;"));
    close_world(&w);
}

static void a_result_that_came_before_the_cancel_counts(void **state)
{
    (void)state;
    world w;
    alm_job job = {0};
    open_world(&w);
    add(&w, "train", "a");
    alm_jobs_turn(w.jobs);
    alm_children_memory_say(w.children, 0, false, "{\"release\":\"a-1\"}");
    alm_children_memory_exit(w.children, 0, 0);
    assert_int_equal(cancel(&w, "job-1", &job), ALM_OK);
    alm_jobs_turn(w.jobs);
    expect(&w, "job-1", ALM_JOB_DONE, "");
    close_world(&w);
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    world w;
    alm_job job, list[8];
    open_world(&w);
    alm_job_request more = {
        .kind = "train", .model = ALM_STR("m"), .object = ALM_STR("m"), .asker = &anna};
    add(&w, "train", "runs");
    alm_jobs_turn(w.jobs);
    for (int i = 0; i < 8; i++) { /* those forget each other, never the one that runs */
        add(&w, "deploy", "d-1");
        alm_jobs_turn(w.jobs);
    }
    assert_int_equal(alm_jobs_list(w.jobs, list, 8), 6);
    expect(&w, "job-1", ALM_JOB_RUNNING, "");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(alm_jobs_add(w.jobs, &more, &job, NULL), ALM_OK);
    }
    assert_int_equal(alm_jobs_add(w.jobs, &more, &job, NULL), ALM_ERR_LIMIT);
    char name[ALM_JOB_NAME_BYTES + 1];
    memset(name, 'm', sizeof name);
    more.model = (alm_str){name, ALM_JOB_NAME_BYTES};
    assert_int_equal(alm_jobs_add(w.jobs, &more, &job, NULL), ALM_ERR_INVALID);
    close_world(&w);
}

/* A crash: the file is what is left. */
static void after_a_crash_jobs_are_interrupted(void **state)
{
    (void)state;
    world w, after;
    open_world(&w);
    add(&w, "deploy", "d-1");
    add(&w, "train", "a");
    add(&w, "train", "b");
    alm_jobs_turn(w.jobs);
    size_t pending = alm_fs_memory_pending(w.env.fs);
    alm_fs_fate fate[64] = {ALM_FS_LOSE};
    assert_true(pending <= 64);
    after = (world){.now = 9000000};
    after.env = (alm_env){.now = world_now, .monotonic_ns = world_now_ns, .context = &after};
    after.env.fs = alm_fs_memory_power_cut(w.env.fs, fate);
    after.children = alm_children_memory_create();
    open_jobs(&after);
    expect(&after, "job-1", ALM_JOB_DONE, "");
    expect(&after, "job-2", ALM_JOB_INTERRUPTED,
           "the service ended while it ran; 'almanac models list' shows whether it still came to a "
           "result");
    expect(&after, "job-3", ALM_JOB_INTERRUPTED, "the service ended before it began");
    assert_int_equal(get(&after, "job-2").ended, 9000000);
    assert_non_null(strstr(after.noted, "job-2 ends interrupted by anna;"));
    assert_string_equal(add(&after, "train", "c").id, "job-4");
    close_world(&after);
    close_world(&w);
}

static void stopping_ends_children_and_says_so(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    add(&w, "train", "a");
    add(&w, "train", "b");
    alm_jobs_turn(w.jobs);
    alm_children_memory_deaf(w.children, 0);
    alm_jobs_destroy(w.jobs);
    assert_int_equal(alm_children_memory_open(w.children), 0);
    open_jobs(&w);
    expect(&w, "job-1", ALM_JOB_INTERRUPTED,
           "the service stopped while it ran; it was ended by force");
    expect(&w, "job-2", ALM_JOB_INTERRUPTED, "the service stopped before it began");
    close_world(&w);
}

static void nothing_is_done_that_is_not_noted(void **state)
{
    (void)state;
    world w;
    alm_job job;
    open_world(&w);
    w.refuses_notes = true;
    add(&w, "train", "a");
    add(&w, "deploy", "b-1");
    alm_jobs_turn(w.jobs);
    assert_int_equal(alm_children_memory_count(w.children), 0);
    expect(&w, "job-1", ALM_JOB_FAILED,
           "it did not begin: no space left; a record of it could not be written: no space left");
    w.refuses_notes = false;
    add(&w, "train", "a");
    alm_jobs_turn(w.jobs);
    w.refuses_notes = true;
    assert_int_equal(cancel(&w, "job-3", &job), ALM_OK); /* is not held up by a full disk */
    alm_jobs_turn(w.jobs);
    alm_jobs_turn(w.jobs);
    job = get(&w, "job-3");
    assert_int_equal(job.state, ALM_JOB_CANCELLED);
    assert_non_null(strstr(job.message, "could not be written"));
    close_world(&w);
}

static void a_file_that_is_not_ours_stops_the_start(void **state)
{
    (void)state;
    static const char *const files[] = {
        "", "{}", "{\"next\":1,\"jobs\":{}}", "{\"next\":0,\"jobs\":[]}",
        "{\"next\":2,\"jobs\":[{\"number\":1}]}", "{\"next\":1,\"jobs\":[],\"more\":1}"};
    world w;
    open_world(&w);
    alm_jobs_destroy(w.jobs);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        alm_error error = {0};
        alm_jobs_options options = {.folder = "state/jobs", .children = w.children};
        assert_int_equal(alm_fs_write_all(w.env.fs, "state/jobs/jobs.json", alm_str_of(files[i]),
                                          NULL), ALM_OK);
        assert_int_equal(alm_jobs_create(&w.env, &options, &w.jobs, &error), ALM_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "move the file away"));
    }
    w.jobs = NULL;
    close_world(&w);
}

/* The thread does what turns do. */
static void the_thread_takes_what_is_added(void **state)
{
    (void)state;
    world w;
    open_world(&w);
    assert_int_equal(alm_jobs_start(w.jobs, NULL), ALM_OK);
    for (int i = 0; i < 20; i++) {
        char id[ALM_JOB_ID_BYTES];
        alm_job job = add(&w, "deploy", "d-1");
        memcpy(id, job.id, sizeof id);
        while (!alm_job_has_ended(job.state)) {
            assert_int_equal(alm_jobs_get(w.jobs, alm_str_of(id), &job, NULL), ALM_OK);
        }
        assert_int_equal(job.state, ALM_JOB_DONE);
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_goes_from_the_queue_to_its_result),
        cmocka_unit_test(one_child_runs_at_a_time_and_work_does_not_wait_for_it),
        cmocka_unit_test(how_a_child_ended_is_said),
        cmocka_unit_test(floods_are_cut),
        cmocka_unit_test(cancelling_asks_and_then_forces),
        cmocka_unit_test(a_result_that_came_before_the_cancel_counts),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(after_a_crash_jobs_are_interrupted),
        cmocka_unit_test(stopping_ends_children_and_says_so),
        cmocka_unit_test(nothing_is_done_that_is_not_noted),
        cmocka_unit_test(a_file_that_is_not_ours_stops_the_start),
        cmocka_unit_test(the_thread_takes_what_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
