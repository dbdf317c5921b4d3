/* What is told survives, counts once, and has the bits of a snapshot that knows it; what is not
 * there says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/thread.h"
#include "serve/live/live_fixture.h"

static void assert_same(alm_digest a, alm_digest b)
{
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static void assert_refused(live_fixture *l, live_told *told, alm_err code, const char *part)
{
    assert_int_equal(live_post_one(l, told), ALM_EVENT_REFUSED);
    assert_int_equal(told->event.error.code, code);
    if (!strstr(told->event.error.message, part)) {
        fail_msg("'%s' is not in: %s", part, told->event.error.message);
    }
}

/* Events up to a day, and a run whose snapshot has them: the same bits. */
static void test_events_are_the_snapshot(void **state)
{
    live_fixture *l = live_setup(*state);
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    alm_digest before = live_look(l);
    live_set_day(l, SYNTHETIC_DAYS - 1);
    size_t stored = live_tell_days(l, LIVE_TOLD_DAYS);
    assert_true(stored > 50);
    live_set_day(l, SYNTHETIC_DAYS); /* midnight: the last day is over */
    live_await(l, 0, SYNTHETIC_DAYS);
    alm_digest told = live_look(l);
    assert_int_not_equal(memcmp(before.bytes, told.bytes, sizeof told.bytes), 0);
    live_follow(l, 1); /* the next run takes its place */
    live_await(l, 1, SYNTHETIC_DAYS);
    assert_same(live_look(l), told);
    alm_live_facts facts;
    alm_live_facts_of(l->live, &facts);
    assert_int_equal(facts.next_sequence, stored + 1);
    assert_int_equal(facts.lines, 1);
    live_teardown(l);
}

static void test_restart(void **state)
{
    live_fixture *l = live_setup(*state);
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    live_set_day(l, LIVE_FIRST_DAYS + 2);
    size_t stored = live_tell_days(l, 3); /* the third day is not over */
    live_await(l, 0, LIVE_FIRST_DAYS + 2);
    alm_digest told = live_look(l);
    live_end(l);
    live_cut_power(l);
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS + 2);
    assert_same(live_look(l), told);
    assert_int_equal(live_tell_days(l, 3), 0); /* duplicates, all of them */
    assert_same(live_look(l), told);
    alm_live_facts facts;
    alm_live_facts_of(l->live, &facts);
    assert_int_equal(facts.ids, stored);
    live_teardown(l);
}

static void test_refusals(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "one");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    assert_int_equal(told.event.sequence, 1);
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_DUPLICATE);
    assert_int_equal(told.event.sequence, 1);
    told.event.event.quantity = 4;
    assert_refused(l, &told, ALM_ERR_CONFLICT, "other content");
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "two");
    told.keys[0] = ALM_STR("s99");
    assert_refused(l, &told, ALM_ERR_NOT_FOUND, "s99");
    live_sale(&told, 1, LIVE_FIRST_DAYS + 5, 3, "three");
    assert_refused(l, &told, ALM_ERR_INVALID, "future");
    live_sale(&told, 1, LIVE_FIRST_DAYS - 1, 3, "four");
    assert_refused(l, &told, ALM_ERR_INVALID, "known_at");
    alm_live_facts facts;
    alm_live_facts_of(l->live, &facts);
    assert_int_equal(facts.ids, 1);
    assert_int_equal(facts.waiting, 0);
    live_teardown(l);
}

/* A day that is over is corrected, and what the log has is a duplicate whatever the day is now. */
static void test_late(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "in time");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    live_set_day(l, LIVE_FIRST_DAYS + 2);
    live_await(l, 0, LIVE_FIRST_DAYS + 2);
    alm_digest before = live_look(l);
    live_sale(&told, 1, LIVE_FIRST_DAYS, 2, "late");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    alm_digest after = live_look(l); /* seen as soon as it is acknowledged */
    assert_int_not_equal(memcmp(before.bytes, after.bytes, sizeof after.bytes), 0);
    live_follow(l, 1);
    live_set_day(l, SYNTHETIC_DAYS);
    live_await(l, 1, SYNTHETIC_DAYS);
    /* Of a day that the snapshot has: refused when it is new, known when it is not. */
    live_sale(&told, 1, LIVE_FIRST_DAYS, 2, "too late");
    assert_refused(l, &told, ALM_ERR_INVALID, "known_at");
    live_sale(&told, 1, LIVE_FIRST_DAYS, 2, "late");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_DUPLICATE);
    live_teardown(l);
}

/* Every call of the file system fails once while two events are told. */
static void test_disk_errors(void **state)
{
    live_fixture *l = live_setup(*state);
    alm_digest expected = {0};
    for (uint64_t nth = 0; ; nth++) {
        live_told told[2];
        live_begin(l);
        live_await(l, 0, LIVE_FIRST_DAYS);
        live_sale(&told[0], 1, LIVE_FIRST_DAYS, 3, "one");
        live_sale(&told[1], 2, LIVE_FIRST_DAYS, 5, "two");
        alm_fs_fault fault = {.mode = nth ? ALM_FS_FAULT_FAIL : ALM_FS_FAULT_NONE, .nth = nth};
        alm_fs_fault_set(l->log_fs, &fault);
        for (int i = 0; i < 2; i++) {
            alm_event_outcome outcome = live_post_one(l, &told[i]);
            if (outcome == ALM_EVENT_REFUSED) {
                assert_int_equal(told[i].event.error.code, ALM_ERR_IO);
                outcome = live_post_one(l, &told[i]); /* sending it again settles it */
            }
            assert_int_equal(outcome, ALM_EVENT_STORED);
        }
        bool happened = alm_fs_fault_happened(l->log_fs);
        live_end(l);
        live_cut_power(l);
        alm_fs_fault_set(l->log_fs, &(alm_fs_fault){0});
        live_begin(l);
        live_set_day(l, LIVE_FIRST_DAYS + 1);
        live_await(l, 0, LIVE_FIRST_DAYS + 1);
        alm_digest seen = live_look(l);
        expected = nth == 0 ? seen : expected;
        assert_same(seen, expected);
        assert_int_equal(live_post_one(l, &told[0]), ALM_EVENT_DUPLICATE);
        assert_int_equal(live_post_one(l, &told[1]), ALM_EVENT_DUPLICATE);
        live_end(l);
        assert_int_equal(alm_fs_remove_tree(l->memory, LIVE_FOLDER, NULL), ALM_OK);
        live_set_day(l, LIVE_FIRST_DAYS);
        if (nth > 0 && !happened) {
            assert_true(nth > 5);
            break;
        }
    }
    live_teardown(l);
}

static void test_log_that_cannot_be_opened(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                          .calls = ALM_FS_CALL_BIT(MAKE_DIRECTORY), .reason = "no such disk"};
    alm_fs_fault_set(l->log_fs, &fault);
    live_begin(l);
    live_await_problem(l, "no such disk");
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "one");
    assert_refused(l, &told, ALM_ERR_UNAVAILABLE, "no such disk");
    alm_fs_fault_set(l->log_fs, &(alm_fs_fault){0});
    atomic_fetch_add(&l->now, 31 * 1000000); /* tried again */
    live_await(l, 0, LIVE_FIRST_DAYS);
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    live_end(l);
    /* A damaged header with events behind it: nothing is served from such a log. */
    alm_str bytes;
    const char *path = LIVE_FOLDER "/00000000000000000001.events";
    assert_int_equal(alm_fs_read_all(l->memory, path, 1 << 20, l->f->arena, &bytes, NULL), ALM_OK);
    ((char *)bytes.data)[9] ^= 1;
    assert_int_equal(alm_fs_write_all(l->memory, path, bytes, NULL), ALM_OK);
    live_begin(l);
    live_await_problem(l, "damaged");
    assert_refused(l, &told, ALM_ERR_UNAVAILABLE, "damaged");
    live_teardown(l);
}

static void test_not_there(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    alm_live_view view;
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "one");
    l->options.memory_limit_bytes = 20000;
    live_begin(l);
    live_await_problem(l, "limit");
    assert_refused(l, &told, ALM_ERR_UNAVAILABLE, "limit");
    live_end(l);
    l->options.memory_limit_bytes = 0;
    live_set_day(l, SYNTHETIC_DAYS + 100); /* behind what the calendar lets close */
    live_begin(l);
    live_await_problem(l, "days close");
    assert_refused(l, &told, ALM_ERR_UNAVAILABLE, "days close");
    live_end(l);
    live_set_day(l, LIVE_FIRST_DAYS);
    l->spec.online = false;
    live_begin(l);
    live_await_problem(l, "online: false");
    assert_int_equal(alm_live_enter(l->live, 0, LIVE_ROUTE, ALM_STR("demand-9"), &view,
                                    &l->f->error), ALM_ERR_UNAVAILABLE);
    assert_int_equal(alm_live_enter(l->live, 0, ALM_STR("x"), LIVE_RELEASE, &view, &l->f->error),
                     ALM_ERR_UNAVAILABLE);
    live_teardown(l);
}

/* The calendar ends while the service runs. */
static void test_days_that_cannot_close(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    int last = SYNTHETIC_DAYS + SYNTHETIC_AHEAD - SYNTHETIC_HORIZON;
    live_set_day(l, last);
    live_await(l, 0, last);
    live_sale(&told, 1, last, 3, "one"); /* of today there is no place left */
    assert_refused(l, &told, ALM_ERR_UNAVAILABLE, "no route computes online now");
    live_set_day(l, last + 1);
    live_follow(l, 0);
    live_await_problem(l, "new snapshot");
    live_follow(l, 1); /* has the same calendar, and is as late */
    live_await_problem(l, "run-1");
    live_teardown(l);
}

/* Small segments: what a newer run has goes, and a run that would miss it is not opened. */
static void test_release(void **state)
{
    live_fixture *l = live_setup(*state);
    alm_live_facts facts;
    l->options.log_segment_bytes = 4096;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    live_set_day(l, SYNTHETIC_DAYS - 1);
    size_t stored = live_tell_days(l, LIVE_TOLD_DAYS);
    live_set_day(l, SYNTHETIC_DAYS);
    live_await(l, 0, SYNTHETIC_DAYS);
    alm_live_facts_of(l->live, &facts);
    assert_int_equal(facts.oldest_sequence, 1); /* run 0 needs them all */
    live_follow(l, 1);
    live_await(l, 1, SYNTHETIC_DAYS);
    alm_digest seen = live_look(l);
    for (int i = 0; i < 60000 && facts.oldest_sequence == 1; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        live_follow(l, 1);
        (void)nanosleep(&pause, NULL);
        alm_live_facts_of(l->live, &facts);
    }
    assert_in_range(facts.oldest_sequence, 2, stored + 1);
    live_follow(l, 0);
    live_await_problem(l, "released");
    live_end(l);
    live_begin(l); /* and so after a restart */
    live_await_problem(l, "released");
    live_follow(l, 1);
    live_await(l, 1, SYNTHETIC_DAYS);
    assert_same(live_look(l), seen);
    live_teardown(l);
}

typedef struct sender {
    live_fixture *l;
    int number;
    alm_thread *thread;
    size_t stored, duplicates;
} sender;

enum { SENDERS = 4, SENT = 60 };

/* All of them tell the same events. Each says since when it is known: run 1, which takes its place
 * somewhere between them, has that day in its snapshot and refuses what does not. */
static void send_all(void *context)
{
    sender *s = context;
    for (int i = 0; i < SENT; i += 3) {
        live_told told[3];
        alm_live_event events[3];
        for (int k = 0; k < 3; k++) {
            char id[32];
            (void)snprintf(id, sizeof id, "event-%d", i + k);
            live_sale(&told[k], 1 + (i + k) % 3, LIVE_FIRST_DAYS, 1, id);
            told[k].event.event.known_at = alm_env_now(&s->l->env);
            events[k] = told[k].event;
        }
        alm_assert(live_post(s->l, events, 3, NULL) == ALM_OK);
        for (int k = 0; k < 3; k++) {
            s->stored += events[k].outcome == ALM_EVENT_STORED;
            s->duplicates += events[k].outcome == ALM_EVENT_DUPLICATE;
        }
    }
}

static atomic_bool reading;

static void read_all(void *context)
{
    live_fixture *l = context;
    while (atomic_load(&reading)) {
        alm_live_view view;
        if (alm_live_enter(l->live, 1, LIVE_ROUTE, LIVE_RELEASE, &view, NULL) == ALM_OK) {
            alm_recomputed made;
            alm_recompute_request request = {.bundle = view.bundle, .online = view.state,
                                             .now = view.now, .series = 1, .explain = true};
            alm_assert(alm_recompute(&request, view.workspace, &made, NULL) == ALM_OK);
            alm_live_leave(l->live, 1, &view);
        }
    }
}

static void test_many_at_once(void **state)
{
    live_fixture *l = live_setup(*state);
    sender senders[SENDERS];
    alm_thread *reader = NULL;
    size_t stored = 0;
    size_t told = 0;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    atomic_store(&reading, true);
    assert_int_equal(alm_thread_start("reader", read_all, l, &reader, NULL), ALM_OK);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){.l = l, .number = i};
        assert_int_equal(alm_thread_start("sender", send_all, &senders[i], &senders[i].thread,
                                          NULL), ALM_OK);
    }
    live_follow(l, 1); /* it takes its place in the middle of it, or after the last */
    for (int i = 0; i < SENDERS; i++) {
        alm_thread_join(senders[i].thread);
        stored += senders[i].stored;
        told += senders[i].stored + senders[i].duplicates;
    }
    live_await(l, 1, SYNTHETIC_DAYS);
    atomic_store(&reading, false);
    alm_thread_join(reader);
    assert_int_equal(stored, SENT);
    assert_int_equal(told, SENT * SENDERS);
    live_teardown(l);
}

static void test_bounds(void **state)
{
    live_fixture *l = live_setup(*state);
    live_told told;
    alm_error error;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    size_t count = ALM_LIVE_WAITING_MAX + 1;
    alm_live_event *events = ALM_NEW_ARRAY(l->f->arena, alm_live_event, count);
    live_sale(&told, 1, LIVE_FIRST_DAYS, 1, "one");
    for (size_t i = 0; i < count; i++) {
        events[i] = told.event;
    }
    assert_int_equal(live_post(l, events, count, &error), ALM_ERR_LIMIT);
    assert_int_equal(live_post(l, events, 3000, &error), ALM_OK); /* one post, one sync */
    assert_int_equal(events[0].outcome, ALM_EVENT_STORED);
    for (size_t i = 1; i < 3000; i++) {
        assert_int_equal(events[i].outcome, ALM_EVENT_DUPLICATE);
        assert_int_equal(events[i].sequence, 1);
    }
    live_teardown(l);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_events_are_the_snapshot),
        ON(test_restart),
        ON(test_refusals),
        ON(test_late),
        ON(test_disk_errors),
        ON(test_log_that_cannot_be_opened),
        ON(test_not_there),
        ON(test_days_that_cannot_close),
        ON(test_release),
        ON(test_many_at_once),
        ON(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
