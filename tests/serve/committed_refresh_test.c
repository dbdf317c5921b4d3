/* What a refresh takes in, what it leaves alone, and what answers when something breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "served_fixture.h"

static int setup(void **state)
{
    served_fixture *o = online_create();
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    online_promote(o, "demand-1");
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    online_destroy(*state);
    return 0;
}

static bool refresh(served_fixture *o)
{
    bool changed = false;
    OK(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    return changed;
}

static const alm_committed_route *route(served_fixture *o, const char *name)
{
    const alm_committed_set *set = alm_committed_current(o->committed);
    const alm_committed_route *found = alm_committed_set_route(set, alm_str_of(name));
    assert_non_null(found);
    return found;
}

static void expect_run(const alm_committed_source *source, const char *run_id, const char *problem)
{
    assert_non_null(source->run);
    const alm_committed_facts *facts = alm_committed_run_facts(source->run);
    if (!alm_str_is(facts->run_id, run_id) || !alm_str_is(source->problem, problem)) {
        fail_msg("run %.*s, problem '%.*s'", ALM_STR_ARG(facts->run_id),
                 ALM_STR_ARG(source->problem));
    }
}

static void reads_what_is_in_force(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    const alm_committed_set *set = alm_committed_current(o->committed);
    assert_int_equal(set->routes, 0);
    assert_true(set->problem.size > 0);
    assert_true(refresh(o));
    set = alm_committed_current(o->committed);
    assert_int_equal(set->version, 1);
    assert_int_equal(set->read, o->now);
    assert_int_equal(set->problem.size, 0);
    assert_true(set->bytes > 0);
    expect_run(&route(o, "shop")->current, "r1", "");
    expect_run(&route(o, "pinned")->current, "r1", "");
    assert_ptr_equal(route(o, "shop")->current.run, route(o, "pinned")->current.run);
    assert_null(route(o, "shop")->previous.release);
    assert_int_equal(route(o, "shop")->season, 7);
    const alm_committed_facts *facts = alm_committed_run_facts(route(o, "shop")->current.run);
    assert_int_equal(facts->nodes, FIXTURE_NODES);
    assert_int_equal(facts->steps, FIXTURE_STEPS);
    assert_int_equal(facts->prediction_date, o->f->start);
    assert_int_equal(facts->version, 1);
    assert_int_equal(facts->quantiles, 2);
    assert_true(facts->quantile[0] == 0.05 && facts->quantile[1] == 0.95);
    assert_true(alm_str_is(facts->schedule, "nightly"));
    assert_int_equal(facts->snapshot_id.size, 64);
    assert_int_equal(set->releases, 2);
    const alm_committed_release *release = alm_committed_set_release(set, ALM_STR("production"));
    assert_true(alm_str_is(release->name, "demand-1") && release->alias_count == 1);
    assert_false(release->is_imported);
    assert_int_equal(release->metrics, 0); /* the fixture's report has none */
    assert_null(alm_committed_set_release(set, ALM_STR("staging")));
}

static void does_nothing_when_nothing_is_new(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    const alm_committed_set *set = alm_committed_current(o->committed);
    assert_false(refresh(o));
    assert_ptr_equal(alm_committed_current(o->committed), set);
}

static void takes_a_newer_run_and_a_superseding_one(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    const alm_committed_run *first = route(o, "shop")->current.run;
    /* A reader inside keeps what it sees. */
    alm_epoch_enter(o->epoch, 1);
    const alm_committed_set *seen = alm_committed_current(o->committed);
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r2", "");
    expect_run(&seen->route[0].current, "r1", "");
    assert_ptr_equal(seen->route[0].current.run, first);
    alm_epoch_leave(o->epoch, 1);
    assert_int_equal(alm_epoch_reclaim(o->epoch), 0);
    fixture_run again = {.run_id = "r3", .release = "demand-1", .date = "2011-12-02",
                         .snapshot = "snapshot two", .supersedes = "r2", .has_fan = true};
    (void)fixture_add_run(o->f, &again);
    /* An older date that comes later changes nothing. */
    online_run(o, "r0", "demand-1", "2011-11-30", 0);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r3", "");
}

static void a_run_that_the_registry_does_not_know_yet_counts(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    fixture_run run = {.run_id = "r2", .release = "demand-1", .date = "2011-12-02",
                       .snapshot = "snapshot one", .has_fan = true, .skip_registry = true};
    (void)fixture_add_run(o->f, &run);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r2", "");
}

static void a_promotion_and_a_rollback_move_the_route(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    online_run(o, "r2", "demand-2", "2011-12-01", 1);
    online_promote(o, "demand-2");
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r2", "");
    expect_run(&route(o, "shop")->previous, "r1", "");
    expect_run(&route(o, "pinned")->current, "r1", "");
    const alm_committed_run *r1 = route(o, "shop")->previous.run;
    online_note(o, ALM_LEDGER_ROLLBACK, "", "production");
    /* Nothing is read from a file: the run was kept. */
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                                               .calls = ALM_FS_CALL_BIT(READ)});
    assert_true(refresh(o));
    assert_false(alm_fs_fault_happened(o->fault));
    assert_ptr_equal(route(o, "shop")->current.run, r1);
    assert_null(route(o, "shop")->previous.release);
}

static void a_release_beside_is_served_by_name(void **state)
{
    served_fixture *o = *state;
    const alm_str beside[] = {ALM_STR("previous"), ALM_STR("demand-2"), ALM_STR("demand-9")};
    o->schedule.beside = beside;
    o->schedule.beside_count = 3;
    online_run(o, "r2", "demand-2", "2011-12-01", 1);
    online_open(o, 0);
    assert_true(refresh(o));
    const alm_committed_set *set = alm_committed_current(o->committed);
    const alm_committed_route *shop = route(o, "shop");
    assert_int_equal(shop->beside_count, 2);
    const alm_committed_source *source;
    OK(o->f, alm_committed_route_source(set, shop, ALM_STR("demand-2"), &source, &o->f->error));
    expect_run(source, "r2", "");
    assert_true(alm_str_is(shop->beside[1].problem, "there is no release or alias demand-9"));
    REFUSED(o->f, ALM_ERR_NOT_FOUND,
            "there is no release or alias demand-9; served on route shop: demand-1, demand-2",
            alm_committed_route_source(set, shop, ALM_STR("demand-9"), &source, &o->f->error));
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "release demand-2 is not served on route pinned; served "
            "there: demand-1",
            alm_committed_route_source(set, route(o, "pinned"), ALM_STR("demand-2"), &source,
                                       &o->f->error));
}

static void without_a_run_the_route_says_so(void **state)
{
    served_fixture *o = *state;
    o->deployment[0].release = ALM_STR("staging");
    o->deployment[1].release = ALM_STR("demand-2");
    online_open(o, 0);
    assert_true(refresh(o));
    assert_null(route(o, "shop")->current.release);
    assert_true(alm_str_is(route(o, "shop")->current.problem,
                           "there is no release or alias staging"));
    assert_null(route(o, "pinned")->current.run);
    assert_true(alm_str_is(route(o, "pinned")->current.problem,
                           "no run of demand-2 is in force"));
}

static void a_damaged_run_leaves_the_one_before_it(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    online_damage(o, "r2");
    assert_true(refresh(o));
    const alm_committed_source *source = &route(o, "shop")->current;
    expect_run(source, "r1", "run r2 of 2011-12-02 cannot be loaded");
    alm_arena *arena = o->f->arena;
    const char *detail = alm_arena_copy_text(arena, source->detail.data, source->detail.size);
    assert_non_null(strstr(detail, "fan file of run r2"));
    assert_null(strstr(alm_arena_copy_text(arena, source->problem.data, source->problem.size),
                       o->f->folder)); /* no paths for clients */
    /* It is not hashed again and again, but again after a while. */
    assert_false(refresh(o));
    o->now += 31 * 1000000;
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r1", "run r2 of 2011-12-02 cannot be loaded");
    /* The next good one is taken, and nothing is tried any more. */
    online_run(o, "r3", "demand-1", "2011-12-03", 2);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r3", "");
    o->now += 31 * 1000000;
    assert_false(refresh(o));
}

static void a_repaired_run_is_taken(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    /* The object cannot be read now: the second file, after the log's entry. */
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 2,
                                               .calls = ALM_FS_CALL_BIT(OPEN),
                                               .reason = "the disk is on fire"});
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r1", "run r2 of 2011-12-02 cannot be loaded");
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
    o->now += 31 * 1000000;
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r2", "");
}

static void a_run_without_a_fan_file_is_refused(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    fixture_run bare = {.run_id = "r2", .release = "demand-1", .date = "2011-12-02",
                        .snapshot = "snapshot one"};
    (void)fixture_add_run(o->f, &bare);
    assert_true(refresh(o));
    const alm_committed_source *source = &route(o, "shop")->current;
    assert_null(source->run); /* nothing answered before */
    assert_true(alm_str_is(source->detail,
                           "run r2 of 2011-12-02 cannot be loaded: run r2 names no fan file, which "
                           "online answers come from: a new run has one"));
}

static void unreadable_stores_leave_everything(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    const alm_committed_run *run = route(o, "shop")->current.run;
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                                               .reason = "the network is gone"});
    bool changed = true;
    for (int i = 0; i < 3; i++) {
        REFUSED(o->f, ALM_ERR_IO, "the network is gone",
                alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
        const alm_committed_set *set = alm_committed_current(o->committed);
        assert_true(set->problem.size > 0);
        assert_int_equal(set->version, 1);
        assert_ptr_equal(route(o, "shop")->current.run, run);
    }
    alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
    assert_true(refresh(o));
    assert_int_equal(alm_committed_current(o->committed)->problem.size, 0);
    expect_run(&route(o, "shop")->current, "r2", "");
}

/* Every call of the file system fails once: there is always the old set or the new one, whole. */
static void any_failing_call_leaves_old_or_new(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    bool took = false;
    for (uint64_t nth = 1; nth < 200 && !took; nth++) {
        bool changed = false;
        alm_fs_fault_set(o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL, .nth = nth});
        alm_err code = alm_committed_refresh(o->committed, o->now, &changed, &o->f->error);
        assert_int_equal(changed, code == ALM_OK);
        bool failed = alm_fs_fault_happened(o->fault);
        const alm_committed_source *source = &route(o, "shop")->current;
        const alm_committed_set *set = alm_committed_current(o->committed);
        took = alm_str_is(alm_committed_run_facts(source->run)->run_id, "r2");
        if (!took) {
            assert_true(failed);
            expect_run(source, "r1",
                       source->problem.size ? "run r2 of 2011-12-02 cannot be loaded" : "");
            assert_true(source->problem.size > 0 || set->problem.size > 0);
        }
        o->now += 31 * 1000000;
    }
    assert_true(took);
}

/* The same with the heap's allocations, of which the engine's are none. */
static void any_failing_allocation_leaves_old_or_new(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    bool took = false;
    int failures = 0;
    for (uint64_t nth = 1; nth < 2000 && !took; nth++) {
        bool changed = false;
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_committed_refresh(o->committed, o->now, &changed, &o->f->error);
        (void)alm_heap_fail_at(0);
        assert_int_equal(changed, code == ALM_OK);
        const alm_committed_source *source = &route(o, "shop")->current;
        took = alm_str_is(alm_committed_run_facts(source->run)->run_id, "r2");
        failures += !took;
        assert_true(took || alm_str_is(alm_committed_run_facts(source->run)->run_id, "r1"));
        o->now += 31 * 1000000;
    }
    assert_true(took && failures > 3);
}

static void the_memory_limit_holds_for_old_and_new_together(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    assert_true(refresh(o));
    uint64_t one = alm_committed_current(o->committed)->bytes;
    online_close(o);
    online_open(o, one + one / 2);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r1", "");
    online_run(o, "r2", "demand-1", "2011-12-02", 1);
    assert_true(refresh(o));
    expect_run(&route(o, "shop")->current, "r1", "run r2 of 2011-12-02 cannot be loaded");
    alm_str detail = route(o, "shop")->current.detail;
    assert_non_null(strstr(detail.data, "of memory to be served, the limit is"));
    online_close(o);
    online_open(o, 1);
    assert_true(refresh(o));
    assert_null(route(o, "shop")->current.run);
    assert_int_equal(alm_committed_current(o->committed)->bytes, 0);
}

/* Rows that are not a run: each is refused, and the message says what is wrong. */
static void rows_that_are_no_run_are_refused(void **state)
{
    static const struct {
        const char *change, *message;
    } CASES[] = {
        {"DELETE FROM rows WHERE node = 'a|UK' AND forecast_horizon = 3",
         "its rows are not a number of nodes with the same steps"},
        {"UPDATE rows SET forecast_horizon = 2 WHERE node = 'a|UK' AND forecast_horizon = 3",
         "a step is not of its day"},
        {"UPDATE rows SET forecast_horizon = 2, target_date = target_date - 1 WHERE node = 'a|UK' "
         "AND forecast_horizon = 3", "a node has a step twice"},
        {"UPDATE rows SET node = 'new' WHERE node = 'a|UK' AND forecast_horizon = 3",
         "a node has not every step"},
        {"UPDATE rows SET run_id = 'r7' WHERE node = 'a|UK'", "rows are of another run"},
        {"UPDATE rows SET mean = NULL WHERE node = 'a|UK'", "a mean is missing"},
        {"UPDATE rows SET q95 = 'nan'::DOUBLE WHERE node = 'a|UK'", "a number is not finite"},
        {"UPDATE rows SET base_mean = 'inf'::DOUBLE WHERE node = 'a|UK'", "a number is not finite"},
        {"UPDATE rows SET fallback = 'x' WHERE node = 'a|UK' AND forecast_horizon = 3",
         "a node has steps of several methods or fallbacks"},
        {"ALTER TABLE rows DROP COLUMN mean", "has no column mean of type DOUBLE"},
        {"ALTER TABLE rows ALTER mean TYPE VARCHAR", "has no column mean of type DOUBLE"},
        {"UPDATE rows SET node = repeat('x', 5000) WHERE node = 'a|UK'",
         "the name of a node is too long"},
        {"DELETE FROM rows", "its rows are not a number of nodes with the same steps"},
    };
    served_fixture *o = *state;
    read_fixture *f = o->f;
    online_open(o, 0);
    alm_run_catalog catalog;
    OK(f, alm_run_catalog_read(&o->stores, f->arena, &catalog, &f->error));
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        fixture_run run = {.run_id = "r1", .release = "demand-1", .date = "2011-12-01",
                           .snapshot = "snapshot one"};
        fixture_table(f, &run);
        OK(f, alm_sql_run(f->sql, CASES[i].change, &f->error));
        const char *fan = fixture_copy(f, "SELECT * FROM rows", "odd.parquet");
        alm_digest digest;
        char text[ALM_DIGEST_TEXT_BYTES];
        OK(f, alm_objects_put_file(f->stores.objects, fan, &digest, &f->error));
        alm_digest_text(&digest, text);
        const char *manifest = alm_arena_printf(f->arena, "{\"fan_object\":\"%s\"}", text);
        alm_predictions_commit commit = *catalog.run[0].commit;
        OK(f, alm_objects_put(f->stores.objects, alm_str_of(manifest), &commit.manifest,
                              &f->error));
        alm_catalog_run entry = catalog.run[0];
        entry.commit = &commit;
        alm_committed_run *loaded = NULL;
        alm_committed_load options = {0};
        REFUSED(f, ALM_ERR_CORRUPT, CASES[i].message,
                alm_committed_run_load(&o->stores, &entry, &options, &loaded, &f->error));
        assert_null(loaded);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_what_is_in_force),
        TEST(does_nothing_when_nothing_is_new),
        TEST(takes_a_newer_run_and_a_superseding_one),
        TEST(a_run_that_the_registry_does_not_know_yet_counts),
        TEST(a_promotion_and_a_rollback_move_the_route),
        TEST(a_release_beside_is_served_by_name),
        TEST(without_a_run_the_route_says_so),
        TEST(a_damaged_run_leaves_the_one_before_it),
        TEST(a_repaired_run_is_taken),
        TEST(a_run_without_a_fan_file_is_refused),
        TEST(unreadable_stores_leave_everything),
        TEST(any_failing_call_leaves_old_or_new),
        TEST(any_failing_allocation_leaves_old_or_new),
        TEST(the_memory_limit_holds_for_old_and_new_together),
        TEST(rows_that_are_no_run_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
