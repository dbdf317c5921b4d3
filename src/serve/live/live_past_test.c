/* A state that is on record comes again with its bits, whatever was told and has closed since; what
 * it needs and is not there is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/live/live_fixture.h"
#include "serve/live/live_past.h"

typedef struct seen { /* of a moment */
    alm_date end;
    uint64_t events;
    alm_digest digest;
} seen;

static seen see(live_fixture *l)
{
    alm_live_view view;
    alm_assert(alm_live_enter(l->live, 0, LIVE_ROUTE, LIVE_RELEASE, &view, NULL) == ALM_OK);
    seen out = {view.now->end, view.now->mark, live_look_at(&view)};
    alm_live_leave(l->live, 0, &view);
    return out;
}

static alm_err open_past(live_fixture *l, size_t run, alm_live_past **out)
{
    const alm_committed_facts *facts = &l->run[run].facts;
    alm_live_past_run begin = {facts->run_id, facts->manifest, facts->prediction_date};
    return alm_live_past_open(&l->options, &begin, out, &l->f->error);
}

static void expect(live_fixture *l, alm_live_past *past, const seen *was)
{
    alm_live_view view;
    assert_true(alm_live_past_reaches(past, was->end, was->events));
    if (alm_live_past_move(past, was->end, was->events, &l->f->error) != ALM_OK) {
        fail_msg("%s", l->f->error.message);
    }
    alm_live_past_enter(past, &view);
    assert_int_equal(view.now->end, was->end);
    alm_digest is = live_look_at(&view);
    alm_live_past_leave(past, &view);
    assert_memory_equal(is.bytes, was->digest.bytes, sizeof is.bytes);
}

/* A service that was told sales of some days, a correction of one that is over, and more: what it
 * was at five moments. */
static void live_through(live_fixture *l, seen was[5])
{
    live_told told;
    live_begin(l);
    live_await(l, 0, LIVE_FIRST_DAYS);
    was[0] = see(l);
    live_set_day(l, LIVE_FIRST_DAYS + 2);
    assert_true(live_tell_days(l, 2) > 20);
    live_await(l, 0, LIVE_FIRST_DAYS + 2);
    was[1] = see(l);
    live_sale(&told, 1, LIVE_FIRST_DAYS, 3, "late");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    was[2] = see(l);
    live_sale(&told, 2, LIVE_FIRST_DAYS + 2, 9, "of a day that is not over");
    assert_int_equal(live_post_one(l, &told), ALM_EVENT_STORED);
    was[3] = see(l);
    live_set_day(l, LIVE_FIRST_DAYS + 3);
    live_await(l, 0, LIVE_FIRST_DAYS + 3);
    was[4] = see(l);
}

static void test_every_moment_comes_again(void **state)
{
    live_fixture *l = live_setup(*state);
    alm_live_past *past = NULL;
    seen was[5];
    live_through(l, was);
    assert_int_equal(was[3].events, was[2].events + 1);
    assert_int_equal(was[4].events, was[3].events);
    for (size_t i = 1; i < 5; i++) { /* moments that cannot be told apart would prove nothing */
        bool same = alm_digest_equal(&was[i].digest, &was[i - 1].digest);
        assert_int_equal(same, i == 3); /* a day that is not over moves no feature */
    }
    assert_int_equal(open_past(l, 0, &past), ALM_OK); /* beside the service */
    for (size_t i = 0; i < 5; i++) {
        expect(l, past, &was[i]);
    }
    assert_false(alm_live_past_reaches(past, was[1].end, was[1].events));
    assert_int_equal(alm_live_past_move(past, was[1].end, was[1].events, &l->f->error),
                     ALM_ERR_INVALID);
    alm_live_past_close(past);
    live_end(l);
    for (size_t i = 5; i-- > 0;) { /* and after it, each on its own */
        assert_int_equal(open_past(l, 0, &past), ALM_OK);
        expect(l, past, &was[i]);
        alm_live_past_close(past);
    }
    live_teardown(l);
}

static void test_what_is_not_there_is_said(void **state)
{
    live_fixture *l = live_setup(*state);
    alm_live_past *past = NULL;
    seen was[5];
    live_through(l, was);
    live_end(l);
    assert_int_equal(open_past(l, 0, &past), ALM_OK);
    assert_int_equal(alm_live_past_move(past, was[4].end, was[4].events + 7, &l->f->error),
                     ALM_ERR_CORRUPT);
    assert_non_null(strstr(l->f->error.message, "were counted then"));
    alm_live_past_close(past);
    assert_int_equal(open_past(l, 0, &past), ALM_OK); /* the calendar does not reach as far */
    assert_int_equal(alm_live_past_move(past, was[4].end + 400, was[4].events, &l->f->error),
                     ALM_ERR_LIMIT);
    alm_live_past_close(past);
    l->run[0].facts.manifest.bytes[0] ^= 1;
    assert_int_not_equal(open_past(l, 0, &past), ALM_OK);
    l->run[0].facts.manifest.bytes[0] ^= 1;
    live_teardown(l);
}

static alm_err put_file(alm_fs *fs, const char *path, alm_str text)
{
    alm_file *file = NULL;
    (void)fs->ops->unlink(fs, path, NULL);
    ALM_TRY(fs->ops->create(fs, path, &file, NULL));
    ALM_TRY(fs->ops->write(fs, file, text.data, text.size, NULL));
    return fs->ops->close(fs, file, NULL);
}

static void test_a_changed_event_and_released_ones(void **state)
{
    live_fixture *l = live_setup(*state);
    alm_live_past *past = NULL;
    const char *segment = LIVE_FOLDER "/00000000000000000001.events";
    alm_str bytes;
    seen was[5];
    live_through(l, was);
    live_end(l);
    alm_fs *fs = l->log_fs;
    alm_arena *arena = l->f->arena;
    assert_int_equal(alm_fs_read_all(fs, segment, 1 << 20, arena, &bytes, NULL), ALM_OK);
    char *changed = alm_arena_copy_text(arena, bytes.data, bytes.size);
    changed[bytes.size / 2] ^= 1;
    assert_int_equal(put_file(fs, segment, (alm_str){changed, bytes.size}), ALM_OK);
    assert_int_equal(open_past(l, 0, &past), ALM_OK);
    assert_int_equal(alm_live_past_move(past, was[4].end, was[4].events, &l->f->error),
                     ALM_ERR_CORRUPT);
    alm_live_past_close(past);
    assert_int_equal(put_file(fs, segment, bytes), ALM_OK);
    assert_int_equal(open_past(l, 0, &past), ALM_OK);
    expect(l, past, &was[4]);
    alm_live_past_close(past);
    /* A later run needs them no more. */
    char since[ALM_DATE_TEXT_BYTES];
    alm_date_text(l->run[0].facts.prediction_date + 1, since);
    assert_int_equal(put_file(fs, LIVE_FOLDER "/complete-since", alm_str_of(since)), ALM_OK);
    assert_int_equal(open_past(l, 0, &past), ALM_ERR_INCOMPLETE);
    assert_non_null(strstr(l->f->error.message, "were released"));
    live_teardown(l);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_every_moment_comes_again),
        ON(test_what_is_not_there_is_said),
        ON(test_a_changed_event_and_released_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
