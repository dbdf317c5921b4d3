/* A restart, readers beside a writer, and what the online state refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "serve/live/online_cases.h"
#include "store/event_log.h"

/* ---- a restart ---- */

static void assert_same_state(run *a, run *b)
{
    const alm_online_now *x = alm_online_state_enter(a->online, 0);
    const alm_online_now *y = alm_online_state_enter(b->online, 1);
    assert_int_equal(x->end, y->end);
    assert_int_equal(x->events, y->events);
    assert_memory_equal(&x->profile, &y->profile, sizeof x->profile);
    size_t cells = a->width * SHOP_HORIZON;
    double *one = ALM_NEW_ARRAY(a->arena, double, cells);
    double *two = ALM_NEW_ARRAY(a->arena, double, cells);
    for (size_t s = 0; s < SHOP_SERIES; s++) {
        alm_online_rows rows = {x, s, 2, SHOP_HORIZON};
        must(a, alm_online_state_features(a->online, &rows, a->arena, one, &a->s.f->error));
        rows.now = y;
        must(b, alm_online_state_features(b->online, &rows, a->arena, two, &a->s.f->error));
        assert_memory_equal(one, two, cells * sizeof *one);
        assert_true(same(x->series[s]->scale, y->series[s]->scale));
        assert_memory_equal(x->series[s]->target, y->series[s]->target,
                            (x->origin + 1) * sizeof(double));
        assert_memory_equal(x->series[s]->states, y->series[s]->states, x->origin + 1);
    }
    alm_online_state_leave(b->online, 1);
    alm_online_state_leave(a->online, 0);
}

static void ignore(alm_event_append *append)
{
    assert_int_equal(append->outcome, ALM_EVENT_STORED);
}

static void log_fact(run *r, alm_event_log *log, const shop_fact *fact, size_t number)
{
    alm_str keys[2];
    alm_event_value value;
    alm_event event = shop_event(&r->s, fact, keys, &value);
    alm_buffer bytes = {0};
    size_t count = 0;
    must(r, alm_event_check(&event, r->s.f->project, fact->known_at, &r->s.f->error));
    alm_event_write(&event, &bytes);
    alm_event_append append = {.id = alm_str_of(alm_arena_printf(r->arena, "fact-%zu", number)),
                               .content = alm_buffer_view(&bytes),
                               .received = fact->known_at,
                               .done = ignore};
    alm_event_log_submit(log, &append);
    must(r, alm_event_log_commit(log, &count, &r->s.f->error));
    alm_buffer_deinit(&bytes);
}

static alm_err replay_fact(void *context, const alm_event_record *record, alm_error *error)
{
    run *r = context;
    alm_event event;
    alm_online_effect effect;
    ALM_TRY(alm_event_read(record->content, r->arena, &event, error));
    return alm_online_state_apply(r->online, &event, record->received, &effect, error);
}

/* Snapshot and log make the state: told and closed day by day, or all at once after a restart. */
static void test_restart(void **state)
{
    run r;
    run again;
    alm_fs *fs = NULL;
    alm_event_log *log = NULL;
    fixture *f = *state;
    shop_options o = {.seed = 21, .delay = 1, .stock_delay = 2, .stockouts = true};
    assert_int_equal(alm_fs_memory_create(&fs, &f->error), ALM_OK);
    start(&r, f, &o);
    again = r;
    again.online = NULL;
    must(&r, open_online(&r, 0));
    alm_event_log_options options = {.folder = "/events", .segment_bytes = 4096};
    must(&r, alm_event_log_open(fs, &options, NULL, &log, &f->error));
    for (int day = SHOP_PERIODS; day < SHOP_DAYS; day++) {
        for (size_t i = 0; i < r.s.facts; i++) {
            if (r.s.fact[i].told_at == day) {
                log_fact(&r, log, &r.s.fact[i], i);
                tell(&r, &r.s.fact[i]);
            }
        }
        must(&r, alm_online_state_advance(r.online, fixture_date(SHOP_START) + day + 1, &f->error));
    }
    alm_event_log_close(log);
    must(&r, open_online(&again, 0));
    must(&r, alm_event_log_open(fs, &options, &(alm_event_sink){replay_fact, &again}, &log,
                                &f->error));
    must(&r,
         alm_online_state_advance(again.online, fixture_date(SHOP_START) + SHOP_DAYS, &f->error));
    assert_same_state(&r, &again);
    alm_event_log_close(log);
    alm_fs_destroy(fs);
    alm_online_state_close(again.online);
    stop(&r);
}

/* ---- readers beside a writer ---- */

typedef struct crowd {
    run *r;
    _Atomic bool is_over;
    _Atomic size_t looks;
} crowd;

static alm_err write_days(crowd *c, alm_error *error)
{
    run *r = c->r;
    for (int day = SHOP_PERIODS; day < SHOP_DAYS; day++) {
        tell_day(r, day);
        ALM_TRY(alm_online_state_advance(r->online, fixture_date(SHOP_START) + day + 1, error));
    }
    return ALM_OK;
}

/* All of it, as of one origin. */
static alm_err look(crowd *c, size_t worker, alm_arena *arena, alm_error *error)
{
    const run *r = c->r;
    const alm_online_now *now = alm_online_state_enter(r->online, worker);
    double *out = ALM_NEW_ARRAY(arena, double, SHOP_HORIZON * r->width);
    alm_err code = now->end == now->start + (alm_date)now->origin + 1 ? ALM_OK : ALM_ERR_INVALID;
    for (size_t s = 0; s < now->series_count && code == ALM_OK; s++) {
        alm_panel panel;
        alm_online_state_panel(r->online, now, s, arena, &panel);
        alm_history_view past = {.panel = &panel, .origin = now->origin, .delay = 0};
        double scale = alm_history_scale(&past, arena);
        alm_online_rows rows = {now, s, scale > 0 ? scale : 1, SHOP_HORIZON};
        code = alm_online_state_features(r->online, &rows, arena, out, error);
        code = code == ALM_OK && !same(scale, now->series[s]->scale) ? ALM_ERR_INVALID : code;
    }
    alm_online_state_leave(r->online, worker);
    return code;
}

static alm_err crowd_task(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    crowd *c = context;
    if (task == 0) {
        alm_err code = write_days(c, error);
        atomic_store(&c->is_over, true);
        return code;
    }
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    do {
        alm_arena_reset(arena);
        code = look(c, task - 1, arena, error);
        atomic_fetch_add(&c->looks, 1);
    } while (code == ALM_OK && !atomic_load(&c->is_over));
    alm_arena_destroy(arena);
    return code;
}

static void test_readers_beside_a_writer(void **state)
{
    run r;
    fixture *f = *state;
    alm_pool *pool = NULL;
    start(&r, f, &(shop_options){.seed = 31});
    must(&r, open_online(&r, 0));
    assert_int_equal(alm_pool_create(3, &pool, &f->error), ALM_OK);
    crowd c = {.r = &r};
    must(&r, alm_pool_run(pool, 3, crowd_task, &c, &f->error));
    assert_true(atomic_load(&c.looks) >= 2);
    compare_with_batch(&r, SHOP_DAYS);
    alm_pool_destroy(pool);
    stop(&r);
}

/* Published corrections and closed days are not seen by who came in before. */
static void test_a_reader_keeps_what_it_saw(void **state)
{
    run r;
    fixture *f = *state;
    start(&r, f, &(shop_options){.seed = 32});
    must(&r, open_online(&r, 0));
    const alm_online_now *before = alm_online_state_enter(r.online, 0);
    double *kept = ALM_NEW_ARRAY(r.arena, double, SHOP_HORIZON * r.width);
    double *again = ALM_NEW_ARRAY(r.arena, double, SHOP_HORIZON * r.width);
    alm_online_rows rows = {before, 0, 1, SHOP_HORIZON};
    must(&r, alm_online_state_features(r.online, &rows, r.arena, kept, &f->error));
    double target = before->series[0]->target[SHOP_PERIODS - 2];
    shop_fact *fact = shop_add(&r.s, 0, SHOP_PERIODS - 2, ALM_EVENT_CORRECTION, target + 50);
    fact->known_at += 5 * SHOP_DAY;
    tell(&r, fact);
    must(&r, alm_online_state_publish(r.online, &f->error));
    for (int day = 1; day <= 3; day++) {
        alm_date end = fixture_date(SHOP_START) + SHOP_PERIODS + day;
        must(&r, alm_online_state_advance(r.online, end, &f->error));
    }
    assert_int_equal(before->origin, SHOP_PERIODS - 1);
    assert_true(same(before->series[0]->target[SHOP_PERIODS - 2], target));
    must(&r, alm_online_state_features(r.online, &rows, r.arena, again, &f->error));
    assert_memory_equal(kept, again, SHOP_HORIZON * r.width * sizeof *kept);
    const alm_online_now *after = alm_online_state_enter(r.online, 1);
    assert_int_equal(after->origin, SHOP_PERIODS + 2);
    assert_true(after->series[0]->target[SHOP_PERIODS - 2] == target + 50);
    alm_online_state_leave(r.online, 1);
    alm_online_state_leave(r.online, 0);
    stop(&r);
}

/* ---- what is refused ---- */

static void expect_failure(run *r, alm_err code, alm_err expected, const char *word)
{
    assert_int_equal(code, expected);
    if (!strstr(r->s.f->error.message, word)) {
        fail_msg("'%s' does not say '%s'", r->s.f->error.message, word);
    }
}

static alm_err check_event(run *r, alm_event *event)
{
    const alm_online_now *now = alm_online_state_enter(r->online, 0);
    alm_err code = alm_online_state_check(r->online, now, event, &r->s.f->error);
    alm_online_state_leave(r->online, 0);
    return code;
}

static void test_events_that_cannot_count(void **state)
{
    run r;
    fixture *f = *state;
    alm_date first = fixture_date(SHOP_START);
    alm_online_effect effect;
    start(&r, f, &(shop_options){.seed = 41, .delay = 1, .stock_delay = 2});
    must(&r, open_online(&r, 0));
    alm_str keys[] = {ALM_STR("b2"), ALM_STR("south")}; /* series 3, from day 50 on */
    alm_event e = {.kind = ALM_EVENT_SALE, .keys = keys, .key_count = 2, .quantity = 1,
                   .known_at = ALM_EVENT_NOT_SAID, .day = first + SHOP_PERIODS};
    must(&r, check_event(&r, &e));
    e.day++;
    must(&r, check_event(&r, &e)); /* tomorrow: a shop in another time zone */
    e.day++;
    expect_failure(&r, check_event(&r, &e), ALM_ERR_INVALID, "future");
    e.day = first + 49;
    expect_failure(&r, check_event(&r, &e), ALM_ERR_INVALID, "2024-02-20");
    e.day = first + 50;
    expect_failure(&r, check_event(&r, &e), ALM_ERR_INVALID, "say `known_at`");
    e.known_at = alm_instant_of_date(first + SHOP_PERIODS) + 1;
    must(&r, check_event(&r, &e));
    keys[1] = ALM_STR("west");
    expect_failure(&r, check_event(&r, &e), ALM_ERR_NOT_FOUND, "b2|west");
    keys[1] = ALM_STR("south");
    e.known_at = ALM_EVENT_NOT_SAID;
    /* Published in the snapshot, and known before its end. */
    alm_instant end = alm_instant_of_date(first + SHOP_PERIODS);
    must(&r, alm_online_state_apply(r.online, &e, end, &effect, &f->error));
    assert_int_equal(effect, ALM_ONLINE_IN_SNAPSHOT);
    must(&r, alm_online_state_apply(r.online, &e, end + 1, &effect, &f->error));
    assert_int_equal(effect, ALM_ONLINE_COUNTED);
    e.day = first + SHOP_PERIODS - 1; /* not published in it */
    must(&r, alm_online_state_apply(r.online, &e, end, &effect, &f->error));
    assert_int_equal(effect, ALM_ONLINE_COUNTED);
    e.kind = ALM_EVENT_STOCK_COUNT;
    must(&r, check_event(&r, &e));
    e.day = first + SHOP_PERIODS - 3;
    expect_failure(&r, check_event(&r, &e), ALM_ERR_INVALID, "stock of that day");
    must(&r, alm_online_state_apply(r.online, &e, end, &effect, &f->error));
    assert_int_equal(effect, ALM_ONLINE_IN_SNAPSHOT);
    e.day = first + SHOP_DAYS;
    assert_int_equal(alm_online_state_apply(r.online, &e, end, &effect, &f->error),
                     ALM_ERR_INVALID);
    alm_err code = alm_online_state_advance(r.online, first + SHOP_DAYS + 1, &f->error);
    expect_failure(&r, code, ALM_ERR_LIMIT, "calendar");
    must(&r, alm_online_state_advance(r.online, first, &f->error)); /* nothing to do */
    must(&r, alm_online_state_advance(r.online, first + SHOP_DAYS, &f->error));
    stop(&r);
}

static void test_projects_that_cannot_be_followed(void **state)
{
    run r;
    fixture *f = *state;
    start(&r, f, &(shop_options){.seed = 51});
    expect_failure(&r, open_online(&r, 1000), ALM_ERR_LIMIT, "bytes each");
    stop(&r);
    start(&r, f, &(shop_options){.seed = 52, .stranger = true});
    expect_failure(&r, open_online(&r, 0), ALM_ERR_UNSUPPORTED, "feature visitors_age reads");
    stop(&r);
    start(&r, f, &(shop_options){.seed = 53, .stockouts = true, .shelf = true});
    expect_failure(&r, open_online(&r, 0), ALM_ERR_UNSUPPORTED, "available");
    stop(&r);
    start(&r, f, &(shop_options){.seed = 54});
    alm_panel_source_close(r.source);
    r.source = shop_panels(&r.s, SHOP_PERIODS, -1);
    expect_failure(&r, open_online(&r, 0), ALM_ERR_INCOMPLETE, "behind its end");
    stop(&r);
}

/* Every allocation of a day fails once: readers keep what they have, and nothing else breaks. */
static void test_no_memory(void **state)
{
    run r;
    fixture *f = *state;
    start(&r, f, &(shop_options){.seed = 61});
    bool failed = true;
    for (uint64_t nth = 1; failed; nth = nth * 2 + 1) {
        must(&r, open_online(&r, 0));
        tell(&r, &r.s.fact[r.s.facts - 1]);
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_online_state_advance(
            r.online, fixture_date(SHOP_START) + SHOP_PERIODS + 2, &f->error);
        (void)alm_heap_fail_at(0);
        failed = code != ALM_OK;
        const alm_online_now *now = alm_online_state_enter(r.online, 0);
        assert_int_equal(now->origin, failed ? SHOP_PERIODS - 1 : SHOP_PERIODS + 1);
        alm_online_state_leave(r.online, 0);
        if (failed) {
            assert_int_equal(code, ALM_ERR_MEMORY);
            expect_failure(&r, alm_online_state_publish(r.online, &f->error), ALM_ERR_INCOMPLETE,
                           "open it again");
        }
        alm_online_state_close(r.online);
        r.online = NULL;
    }
    stop(&r);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_restart),
        ON(test_readers_beside_a_writer),
        ON(test_a_reader_keeps_what_it_saw),
        ON(test_events_that_cannot_count),
        ON(test_projects_that_cannot_be_followed),
        ON(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
