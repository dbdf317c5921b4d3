#include "base/breaker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/pool.h"

static bool may(alm_breaker *b, alm_instant now)
{
    uint64_t wait = 0;
    return alm_breaker_enter(b, now, &wait);
}

static uint64_t wait_of(alm_breaker *b, alm_instant now)
{
    uint64_t wait = 0;
    assert_false(alm_breaker_enter(b, now, &wait));
    return wait;
}

static void call(alm_breaker *b, alm_instant now, alm_call_outcome outcome)
{
    assert_true(may(b, now));
    alm_breaker_leave(b, now, outcome);
}

static void failures_in_a_row_open_it_and_one_call_tries(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &(alm_breaker_rule){.in_a_row = 2, .open_ms = 100});
    call(&b, 0, ALM_CALL_FAILED);
    call(&b, 0, ALM_CALL_GOOD); /* breaks the row */
    assert_true(may(&b, 0) && may(&b, 0));
    alm_breaker_leave(&b, 0, ALM_CALL_FAILED);
    alm_breaker_leave(&b, 1000, ALM_CALL_FAILED);
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_OPEN);
    assert_int_equal(wait_of(&b, 1000), 100);
    assert_int_equal(wait_of(&b, 100999), 1);
    assert_true(may(&b, 101000));
    assert_string_equal(alm_breaker_state_text(alm_breaker_state_of(&b)), "half_open");
    assert_false(may(&b, 101000)); /* one tries already */
    alm_breaker_leave(&b, 101000, ALM_CALL_FAILED);
    assert_false(may(&b, 101001));
    assert_true(may(&b, 5)); /* a clock that was set back */
    alm_breaker_leave(&b, 5, ALM_CALL_GOOD);
    assert_true(may(&b, 5) && may(&b, 5));
}

static void without_a_rule_it_never_opens(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &(alm_breaker_rule){.open_ms = 1000});
    for (int i = 0; i < 1000; i++) {
        call(&b, i, ALM_CALL_FAILED);
    }
}

static const alm_breaker_rule SHARES = {.open_ms = 2000, .window_ms = 5000, .calls_min = 10,
                                        .failed_share = 0.5, .slow_share = 0.8};

static void a_share_needs_enough_calls(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &SHARES);
    for (int i = 0; i < 9; i++) {
        call(&b, i, ALM_CALL_FAILED);
    }
    call(&b, 9, ALM_CALL_FAILED); /* the tenth */
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_OPEN);
    assert_int_equal(wait_of(&b, 9), 2000);
    assert_true(may(&b, 2000009));
    alm_breaker_leave(&b, 2000009, ALM_CALL_GOOD);
    /* The window begins afresh. */
    for (int i = 0; i < 9; i++) {
        call(&b, 2000010 + i, ALM_CALL_FAILED);
    }
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_CLOSED);
}

static void half_of_the_calls_below_and_at_the_share(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &SHARES);
    for (int i = 0; i < 200; i++) { /* 2 of 5 fail */
        call(&b, i * 1000, i % 5 > 2 ? ALM_CALL_FAILED : ALM_CALL_GOOD);
    }
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_CLOSED);
    int more = 0;
    while (alm_breaker_state_of(&b) == ALM_BREAKER_CLOSED) {
        call(&b, 200000, ALM_CALL_FAILED);
        more++;
    }
    assert_int_equal(more, 40); /* (80 + 40) of 240 */
}

static void calls_leave_the_window(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &SHARES);
    for (int i = 0; i < 9; i++) {
        call(&b, 0, ALM_CALL_FAILED);
    }
    /* 4.4 s later they count still, 5 s later not. */
    alm_breaker other = b;
    call(&other, 4400000, ALM_CALL_FAILED);
    assert_int_equal(alm_breaker_state_of(&other), ALM_BREAKER_OPEN);
    call(&b, 5000000, ALM_CALL_FAILED);
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_CLOSED);
    /* A clock that is set back finds nothing of the time behind it. */
    for (int i = 0; i < 9; i++) {
        call(&b, -7000000, ALM_CALL_FAILED);
    }
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_CLOSED);
    call(&b, -7000000, ALM_CALL_FAILED);
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_OPEN);
}

static void slow_calls_open_it_only_where_they_count(void **state)
{
    (void)state;
    alm_breaker b;
    alm_breaker_init(&b, &SHARES);
    for (int i = 0; i < 10; i++) {
        call(&b, i, ALM_CALL_SLOW);
    }
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_OPEN);
    assert_true(may(&b, 2000010));
    alm_breaker_leave(&b, 2000010, ALM_CALL_SLOW); /* a slow try opens it again */
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_OPEN);
    alm_breaker_rule rule = SHARES;
    rule.slow_share = 0;
    alm_breaker_init(&b, &rule);
    for (int i = 0; i < 100; i++) {
        call(&b, i, ALM_CALL_SLOW);
    }
    assert_int_equal(alm_breaker_state_of(&b), ALM_BREAKER_CLOSED);
}

/* ---- threads: half open lets exactly one try ---- */

typedef struct race {
    alm_breaker b;
    atomic_uint entered;
} race;

static alm_err try_it(void *context, size_t task, int worker, alm_error *error)
{
    (void)task;
    (void)worker;
    (void)error;
    race *r = context;
    for (int i = 0; i < 1000; i++) {
        atomic_fetch_add(&r->entered, may(&r->b, 100000 + i));
    }
    return ALM_OK;
}

static void of_many_threads_one_tries(void **state)
{
    (void)state;
    race r = {.entered = 0};
    alm_breaker_init(&r.b, &(alm_breaker_rule){.in_a_row = 1, .open_ms = 100});
    call(&r.b, 0, ALM_CALL_FAILED);
    alm_pool *pool = NULL;
    alm_error error;
    assert_int_equal(alm_pool_create(4, &pool, &error), ALM_OK);
    assert_int_equal(alm_pool_run(pool, 4, try_it, &r, &error), ALM_OK);
    alm_pool_destroy(pool);
    assert_int_equal(r.entered, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it_and_one_call_tries),
        cmocka_unit_test(without_a_rule_it_never_opens),
        cmocka_unit_test(a_share_needs_enough_calls),
        cmocka_unit_test(half_of_the_calls_below_and_at_the_share),
        cmocka_unit_test(calls_leave_the_window),
        cmocka_unit_test(slow_calls_open_it_only_where_they_count),
        cmocka_unit_test(of_many_threads_one_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
