/* Needs git; every test is skipped where it is not installed. */
#include "project/git.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"

typedef struct fixture {
    alm_arena *arena;
    alm_fs *fs;
    char directory[64];
} fixture;

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);
    f->arena = alm_arena_create(0);
    snprintf(f->directory, sizeof f->directory, "/tmp/almanac_git_test_XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_int_equal(alm_fs_real_create(&f->fs, NULL), ALM_OK);
    /* A hook that runs the tests sets GIT_DIR: it must not redirect us. */
    setenv("GIT_DIR", "/nowhere", 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    unsetenv("GIT_DIR");
    assert_int_equal(alm_fs_remove_tree(f->fs, f->directory, NULL), ALM_OK);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    test_free(f);
    return 0;
}

static void need_git(fixture *f)
{
    if (!alm_git_version(f->arena).size) {
        skip();
    }
}

static void shell(fixture *f, const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "unset GIT_DIR; cd '%s' && { %s; } > /dev/null 2>&1", f->directory,
             command);
    assert_int_equal(system(line), 0);
}

#define IDENTITY "-c user.name=t -c user.email=t@example.org"

static void a_folder_without_repository_is_no_error(void **state)
{
    fixture *f = *state;
    need_git(f);
    alm_git_status status;
    alm_error error = {0};
    assert_int_equal(alm_git_read_status(f->directory, f->arena, &status, &error), ALM_OK);
    assert_false(status.is_repository);
    alm_str commit;
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error),
                     ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "is in no git repository"));
}

static void a_commit_is_found_and_changes_are_named(void **state)
{
    fixture *f = *state;
    need_git(f);
    alm_git_status status;
    alm_error error = {0};
    alm_str commit = {0};
    shell(f, "git init -q . && echo a > 'a b.txt'");
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error),
                     ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "has no commit yet"));
    shell(f, "git add . && git " IDENTITY " commit -qm one");
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error), ALM_OK);
    assert_int_equal(commit.size, 40);
    /* The state folder never counts. */
    shell(f, "mkdir .almanac && echo x > .almanac/registry.db");
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error), ALM_OK);
    shell(f, "echo b >> 'a b.txt'; mkdir sub; echo c > sub/new");
    assert_int_equal(alm_git_read_status(f->directory, f->arena, &status, &error), ALM_OK);
    assert_false(status.clean);
    assert_int_equal(status.change_count, 2);
    assert_true(alm_str_is(status.first_change, "a b.txt"));
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error),
                     ALM_ERR_DENIED);
    assert_non_null(strstr(error.message, "2 uncommitted changes"));
}

static void only_the_project_folder_counts(void **state)
{
    fixture *f = *state;
    need_git(f);
    alm_str commit;
    alm_error error = {0};
    shell(f, "git init -q . && mkdir project && echo a > project/a && git add . && "
             "git " IDENTITY " commit -qm one && echo x > beside");
    const char *project = alm_path_join(f->arena, f->directory, "project");
    assert_int_equal(alm_git_require_clean(project, f->arena, &commit, &error), ALM_OK);
    assert_int_equal(alm_git_require_clean(f->directory, f->arena, &commit, &error),
                     ALM_ERR_DENIED);
}

static void more_changes_than_fit_are_still_changes(void **state)
{
    fixture *f = *state;
    need_git(f);
    alm_git_status status;
    alm_error error = {0};
    /* 3,000 names of 40 bytes exceed the bound of 64 KiB. */
    shell(f, "git init -q . && i=0; while [ $i -lt 3000 ]; do "
             ": > file_with_a_name_that_takes_some_room_$i; i=$((i + 1)); done");
    assert_int_equal(alm_git_read_status(f->directory, f->arena, &status, &error), ALM_OK);
    assert_false(status.clean);
    assert_true(status.change_count > 1000 && status.change_count < 3000);
}

static void a_missing_git_is_said(void **state)
{
    fixture *f = *state;
    const char *before = getenv("PATH");
    char path[4096];
    snprintf(path, sizeof path, "%s", before ? before : "");
    setenv("PATH", f->directory, 1);
    alm_git_status status;
    alm_error error = {0};
    alm_err code = alm_git_read_status(f->directory, f->arena, &status, &error);
    alm_str version = alm_git_version(f->arena);
    alm_str person = alm_git_person(f->directory, f->arena);
    setenv("PATH", path, 1);
    assert_int_equal(code, ALM_ERR_EXTERNAL);
    assert_non_null(strstr(error.message, "git is not installed"));
    assert_int_equal(version.size, 0);
    assert_int_equal(person.size, 0);
}

static void the_person_is_that_of_the_configuration(void **state)
{
    fixture *f = *state;
    need_git(f);
    shell(f, "git init -q . && git config user.name 'A Person'");
    assert_true(alm_str_is(alm_git_person(f->directory, f->arena), "A Person"));
    shell(f, "git config user.email a@example.org");
    assert_true(alm_str_is(alm_git_person(f->directory, f->arena), "A Person <a@example.org>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_without_repository_is_no_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_is_found_and_changes_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_project_folder_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_changes_than_fit_are_still_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_git_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_person_is_that_of_the_configuration, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
