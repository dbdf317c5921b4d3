/* What is compared is tested over real files in tests/http/performance_test.py; here what there is
 * to compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/committed/realised.h"
#include "served_fixture.h"

static alm_realised_options options_of(served_fixture *o)
{
    static const alm_env env; /* of the snapshot, which none of these reads */
    return (alm_realised_options){.env = &env, .project = &o->project, .stores = o->stores};
}

static bool look(served_fixture *o, alm_realised_state *state)
{
    bool changed = false;
    alm_realised_options options = options_of(o);
    fixture_must(o->f, alm_realised_look(&options, state, &changed, &o->f->error));
    return changed;
}

static void news_are_runs_and_snapshots(void **state)
{
    (void)state;
    served_fixture *o = online_create();
    alm_realised_state seen = {0};
    online_open(o, 0);
    assert_true(look(o, &seen)); /* the snapshot of the fixture */
    assert_false(look(o, &seen));
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    assert_true(look(o, &seen));
    assert_false(look(o, &seen));
    alm_snapshot_record record = given_snapshot("ends later");
    record.window_end = 300;
    fixture_must(o->f, alm_registry_add_snapshot(o->f->stores.registry, &record, &o->f->error));
    assert_true(look(o, &seen));
    record = given_snapshot("ends earlier"); /* which says nothing new */
    record.window_end = 250;
    fixture_must(o->f, alm_registry_add_snapshot(o->f->stores.registry, &record, &o->f->error));
    assert_false(look(o, &seen));
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                                               .reason = "the network is gone"});
    online_run(o, "r2", "demand-1", "2011-12-02", 0);
    bool changed = false;
    alm_realised_options options = options_of(o);
    assert_int_equal(alm_realised_look(&options, &seen, &changed, &o->f->error), ALM_ERR_IO);
    assert_false(changed);
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
    assert_true(look(o, &seen));
    online_destroy(o);
}

/* The manifest of the fixture's snapshot is no object of the store: nothing is given out. */
static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    served_fixture *o = online_create();
    alm_realised realised = {.end = 77};
    online_open(o, 0);
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    alm_realised_options options = options_of(o);
    assert_int_equal(alm_realised_compute(&options, o->f->arena, &realised, &o->f->error),
                     ALM_ERR_NOT_FOUND);
    assert_int_equal(realised.end, 77);
    online_destroy(o);
}

static void releases_without_figures_are_not_found(void **state)
{
    (void)state;
    const alm_realised_level level = {.level = ALM_STR("series"), .pairs = 1};
    const alm_realised_release releases[] = {
        {.release = ALM_STR("demand-1")}, /* none of its runs could be loaded */
        {.release = ALM_STR("demand-2"), .level = &level, .levels = 1}};
    alm_realised realised = {.release = releases, .releases = 2};
    assert_null(alm_realised_find(&realised, ALM_STR("demand-1")));
    assert_ptr_equal(alm_realised_find(&realised, ALM_STR("demand-2")), &releases[1]);
    assert_null(alm_realised_find(&realised, ALM_STR("demand-3")));
    assert_null(alm_realised_find(NULL, ALM_STR("demand-1")));
    alm_realised_report_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_are_runs_and_snapshots),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(releases_without_figures_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
