#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/jobs/desk_fixture.h"

static const alm_job_asker anna = {"token", "anna", "r-1"};

static alm_err deploy(desk_fixture *f, const char *release, const char *alias, const char *reason,
                      alm_error *error)
{
    alm_job job;
    alm_desk_deployment what = {alm_str_of(release), alm_str_of(alias), alm_str_of(reason)};
    return alm_desk_deploy(f->desk, &what, &anna, &job, error);
}

static alm_job get(desk_fixture *f, const char *id)
{
    alm_job job = {0};
    assert_int_equal(alm_jobs_get(alm_desk_jobs(f->desk), alm_str_of(id), &job, NULL), ALM_OK);
    return job;
}

static void training_is_the_command_as_a_child(void **state)
{
    (void)state;
    desk_fixture f;
    alm_job job;
    alm_error error;
    desk_fixture_open(&f, NULL, NULL);
    assert_int_equal(alm_desk_train(f.desk, ALM_STR("demand"), ALM_STR("ab12cd"), &anna, &job,
                                    &error), ALM_OK);
    assert_string_equal(job.kind, "train");
    assert_string_equal(job.model, "demand");
    desk_fixture_turn(&f);
    const char *wanted = alm_arena_printf(
        f.arena, "train --json --project=%s --snapshot=ab12cd --who=anna --why=training over HTTP, "
        "request r-1 -- demand", f.folder);
    assert_string_equal(alm_children_memory_arguments(f.children, 0), wanted);
    assert_int_equal(alm_desk_train(f.desk, ALM_STR("demnad"), ALM_STR("ab12cd"), &anna, &job,
                                    &error), ALM_ERR_NOT_FOUND);
    assert_string_equal(error.message,
                        "the project has no model 'demnad'; it has demand, stockout");
    static const char *const snapshots[] = {"", "abc", "ABCD", "--who", "abcd ",
        "00000000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        assert_int_equal(alm_desk_train(f.desk, ALM_STR("demand"), alm_str_of(snapshots[i]), &anna,
                                        &job, &error), ALM_ERR_INVALID);
    }
    desk_fixture_close(&f);
}

static void names_of_releases_have_a_model(void **state)
{
    (void)state;
    alm_str model;
    assert_true(alm_release_model(ALM_STR("demand-12"), &model));
    assert_true(alm_str_is(model, "demand"));
    assert_true(alm_release_model(ALM_STR("a-1-2"), &model));
    assert_true(alm_str_is(model, "a-1"));
    static const char *const none[] = {"", "-", "-1", "1", "demand", "demand-", "production",
                                       "a/b-1", "demand-1 "};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(alm_release_model(alm_str_of(none[i]), &model));
    }
}

static void what_is_missing_is_said_at_once(void **state)
{
    (void)state;
    desk_fixture f;
    alm_error error;
    alm_job list[4];
    desk_fixture_open(&f, NULL, NULL);
    assert_int_equal(deploy(&f, "demand-1", "production", "first", &error), ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "has no recorded comparison"));
    desk_fixture_append(&f, ALM_LEDGER_COMPARE);
    assert_int_equal(deploy(&f, "demand-1", "production", "first", &error), ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "has no recorded approval"));
    assert_int_equal(deploy(&f, "demand-7", "production", "first", &error), ALM_ERR_NOT_FOUND);
    assert_int_equal(deploy(&f, "production", "production", "first", &error), ALM_ERR_INVALID);
    assert_int_equal(deploy(&f, "demand-1", "latest", "first", &error), ALM_ERR_INVALID);
    assert_int_equal(deploy(&f, "demand-1", "production", " ", &error), ALM_ERR_INVALID);
    assert_int_equal(alm_jobs_list(alm_desk_jobs(f.desk), list, 4), 0);
    desk_fixture_close(&f);
}

static void deploying_writes_the_ledger_with_who_asked(void **state)
{
    (void)state;
    desk_fixture f;
    alm_error error;
    desk_fixture_open(&f, NULL, NULL);
    desk_fixture_append(&f, ALM_LEDGER_COMPARE);
    desk_fixture_append(&f, ALM_LEDGER_APPROVE);
    assert_int_equal(deploy(&f, "demand-1", "production", "first release", &error), ALM_OK);
    assert_int_equal(desk_fixture_alias(&f, "production").size, 0); /* not on this thread */
    desk_fixture_turn(&f);
    assert_int_equal(get(&f, "job-1").state, ALM_JOB_DONE);
    assert_string_equal(get(&f, "job-1").result, "production");
    assert_true(alm_str_is(desk_fixture_alias(&f, "production"), "demand-1"));
    alm_registry *registry = NULL;
    alm_ledger_entry *entries = NULL;
    size_t count = 0;
    alm_ledger_filter promotions = {.action = ALM_LEDGER_PROMOTE};
    assert_int_equal(alm_registry_open(f.registry, &registry, NULL), ALM_OK);
    assert_int_equal(alm_ledger_list(registry, &promotions, f.arena, &entries, &count, NULL),
                     ALM_OK);
    assert_int_equal(count, 1);
    assert_true(alm_str_is(entries[0].who, "anna"));
    assert_true(alm_str_is(entries[0].why, "first release"));
    assert_true(alm_str_is(entries[0].detail, "{\"identity\":\"token\",\"request_id\":\"r-1\"}"));
    alm_registry_close(registry);
    assert_int_equal(deploy(&f, "demand-1", "production", "again", &error), ALM_ERR_EXISTS);
    desk_fixture_close(&f);
}

/* Two ask for the same before the first was written: the rules hold where it is written. */
static void the_rules_hold_when_it_is_written(void **state)
{
    (void)state;
    desk_fixture f;
    alm_error error;
    desk_fixture_open(&f, NULL, NULL);
    desk_fixture_append(&f, ALM_LEDGER_COMPARE);
    desk_fixture_append(&f, ALM_LEDGER_APPROVE);
    assert_int_equal(deploy(&f, "demand-1", "production", "first", &error), ALM_OK);
    assert_int_equal(deploy(&f, "demand-1", "production", "second", &error), ALM_OK);
    desk_fixture_turn(&f);
    assert_int_equal(get(&f, "job-1").state, ALM_JOB_DONE);
    assert_int_equal(get(&f, "job-2").state, ALM_JOB_FAILED);
    assert_non_null(strstr(get(&f, "job-2").message, "points to demand-1 already"));
    desk_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_the_command_as_a_child),
        cmocka_unit_test(names_of_releases_have_a_model),
        cmocka_unit_test(what_is_missing_is_said_at_once),
        cmocka_unit_test(deploying_writes_the_ledger_with_who_asked),
        cmocka_unit_test(the_rules_hold_when_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
