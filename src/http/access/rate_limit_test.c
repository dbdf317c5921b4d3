/* rate_limit_test.c: properties over random arrivals, beside an oracle of exact fractions. */
#include "http/access/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/rng.h"
#include "http/access/secret.h"

#define SECOND UINT64_C(1000000000)

static alm_rate_limit *make(uint32_t requests, uint32_t window_s, uint32_t burst, size_t clients)
{
    alm_rate_limit *limit = NULL;
    alm_error error = {0};
    alm_rate_rule rule = {requests, window_s, burst, clients};
    assert_int_equal(alm_secret_start(&error), ALM_OK);
    if (alm_rate_limit_create(&rule, &limit, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return limit;
}

static void the_default_gives_500_and_then_one_every_120_ms(void **state)
{
    (void)state;
    alm_rate_limit *limit = make(500, 60, 0, 100);
    alm_str anna = ALM_STR("anna");
    alm_rate_figures f = alm_rate_limit_peek(limit, anna, 5);
    assert_true(f.allowed && f.remaining == 500 && f.reset_s == 0 && f.retry_after_s == 0);
    for (uint32_t i = 0; i < 500; i++) {
        f = alm_rate_limit_take(limit, anna, 5);
        assert_true(f.allowed);
        assert_int_equal(f.remaining, 499 - i);
    }
    assert_int_equal(f.reset_s, 60);
    f = alm_rate_limit_take(limit, anna, 5);
    assert_false(f.allowed);
    assert_int_equal(f.retry_after_s, 1);
    assert_false(alm_rate_limit_take(limit, anna, 5 + 119999999).allowed);
    assert_true(alm_rate_limit_take(limit, anna, 5 + 120000000).allowed);
    assert_false(alm_rate_limit_take(limit, anna, 5 + 120000000).allowed);
    assert_true(alm_rate_limit_take(limit, ALM_STR("bert"), 5).allowed);
    char text[ALM_RATE_TEXT_BYTES];
    assert_string_equal(alm_rate_policy_text(&f, text), "\"default\";q=500;w=60");
    assert_string_equal(alm_rate_state_text(&f, text), "\"default\";r=0;t=60");
    alm_rate_limit_destroy(limit);
    alm_rate_limit_destroy(NULL);
}

static void many_are_taken_together_or_not_at_all(void **state)
{
    (void)state;
    alm_rate_limit *limit = make(60, 60, 100, 100);
    alm_str anna = ALM_STR("anna");
    assert_int_equal(alm_rate_limit_burst(limit), 100);
    alm_rate_figures f = alm_rate_limit_take_many(limit, anna, 70, 5);
    assert_true(f.allowed && f.remaining == 30 && f.reset_s == 70);
    f = alm_rate_limit_take_many(limit, anna, 31, 5);
    assert_true(!f.allowed && f.remaining == 30 && f.retry_after_s == 1);
    f = alm_rate_limit_take_many(limit, anna, 100, 5);
    assert_true(!f.allowed && f.remaining == 30 && f.retry_after_s == 70);
    assert_true(alm_rate_limit_take_many(limit, anna, 31, 5 + SECOND).allowed);
    assert_false(alm_rate_limit_take(limit, anna, 5 + SECOND).allowed);
    assert_true(alm_rate_limit_take_many(limit, anna, 100, 5 + 101 * SECOND).allowed);
    alm_rate_limit_destroy(limit);
}

static void rules_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const alm_rate_rule RULES[] = {
        {0, 60, 0, 1},       {1, 0, 0, 1},       {1, 60, 0, 0},
        {1000001, 60, 0, 1}, {1, 3601, 0, 1},    {1, 60, 1000001, 1},
        {1, 60, 0, ((size_t)1 << 24) + 1},
    };
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        alm_rate_limit *limit = NULL;
        assert_int_equal(alm_rate_limit_create(&RULES[i], &limit, NULL), ALM_ERR_INVALID);
        assert_null(limit);
    }
}

/* The same with 128 bits and no clamping tricks. */
__extension__ typedef unsigned __int128 wide;

typedef struct oracle {
    wide level, capacity, cost;
    uint64_t requests, seen;
} oracle;

static bool oracle_take(oracle *o, uint64_t now)
{
    if (now > o->seen) {
        o->level += (wide)(now - o->seen) * o->requests;
        o->level = o->level > o->capacity ? o->capacity : o->level;
        o->seen = now;
    }
    bool allowed = o->level >= o->cost;
    o->level -= allowed ? o->cost : 0;
    return allowed;
}

static void random_arrivals_are_judged_exactly(void **state)
{
    (void)state;
    static const uint32_t RULES[][3] = {{500, 60, 0},  {7, 60, 3},        {1, 3600, 1},
                                        {999983, 3599, 1000000}, {1000000, 1, 0}, {3, 1, 1}};
    alm_rng rng = alm_rng_stream(17, 0);
    for (size_t r = 0; r < sizeof RULES / sizeof *RULES; r++) {
        const uint32_t *rule = RULES[r];
        alm_rate_limit *limit = make(rule[0], rule[1], rule[2], 8);
        uint32_t burst = rule[2] ? rule[2] : rule[0];
        uint64_t now = UINT64_C(1) << 40;
        uint64_t begin = now;
        uint64_t mean = rule[1] * SECOND / rule[0];
        oracle truth = {.cost = rule[1] * SECOND, .requests = rule[0], .seen = now};
        truth.capacity = truth.level = truth.cost * burst;
        uint64_t taken = 0;
        for (int i = 0; i < 20000; i++) {
            /* Bursts, single requests, and from time to time a pause or an old time. */
            uint64_t draw = alm_rng_next_below(&rng, 100);
            now += draw < 60 ? alm_rng_next_below(&rng, mean + 1)
                             : draw < 61 ? alm_rng_next_below(&rng, mean * 50 + 1) : 0;
            uint64_t asked = draw > 95 ? now - alm_rng_next_below(&rng, mean + 1) : now;
            bool expected = oracle_take(&truth, asked);
            alm_rate_figures f = alm_rate_limit_take(limit, ALM_STR("x"), asked);
            assert_int_equal(f.allowed, expected);
            assert_int_equal(f.remaining, (uint64_t)(truth.level / truth.cost));
            taken += f.allowed;
            /* The promise of the header. */
            wide most = (wide)(now - begin) * rule[0];
            assert_true(taken <= burst + (uint64_t)(most / truth.cost));
            if (!f.allowed) { /* what Retry-After says is enough */
                oracle later = truth;
                assert_true(oracle_take(&later, now + f.retry_after_s * SECOND));
            }
        }
        alm_rate_limit_destroy(limit);
    }
}

/* One request every 60/7 s, which is no whole number of nanoseconds, for ten years: the 7 a minute
 * are given to the last one, and one more is not. (A burst of 1 would cut the fractions off,
 * which is its meaning.) */
static void nothing_drifts_in_ten_years(void **state)
{
    (void)state;
    alm_rate_limit *limit = make(7, 60, 2, 8);
    const uint64_t years = UINT64_C(10) * 365 * 24 * 3600;
    uint64_t allowed = 0;
    for (uint64_t i = 0; i < years * 7 / 60; i += 997) { /* every 997th, by its exact time */
        uint64_t at = SECOND + (i * 60 * SECOND + 6) / 7; /* rounded up */
        allowed += alm_rate_limit_take(limit, ALM_STR("x"), at).allowed;
    }
    assert_int_equal(allowed, (years * 7 / 60 + 996) / 997);
    uint64_t start = SECOND + years * SECOND * 2;
    assert_true(alm_rate_limit_take(limit, ALM_STR("x"), start).allowed);
    assert_true(alm_rate_limit_take(limit, ALM_STR("x"), start).allowed);
    for (uint64_t i = 1; i <= 700000; i++) {
        uint64_t due = start + (i * 60 * SECOND + 6) / 7;
        assert_true(alm_rate_limit_take(limit, ALM_STR("x"), due).allowed);
        assert_false(alm_rate_limit_take(limit, ALM_STR("x"), due).allowed);
    }
    alm_rate_limit_destroy(limit);
}

/* Made-up clients cannot push anybody out whose bucket is not full, and limit themselves. */
static void a_flood_of_clients_resets_nobody(void **state)
{
    (void)state;
    alm_rate_limit *limit = make(60, 60, 10, 64);
    uint64_t now = SECOND;
    for (int i = 0; i < 10; i++) {
        assert_true(alm_rate_limit_take(limit, ALM_STR("victim"), now).allowed);
    }
    uint64_t allowed = 0;
    const uint64_t clients = 100000;
    for (uint64_t i = 0; i < clients; i++) {
        char name[32];
        int size = snprintf(name, sizeof name, "made-up-%llu", (unsigned long long)i);
        allowed += alm_rate_limit_take(limit, (alm_str){name, (size_t)size}, now).allowed;
    }
    assert_false(alm_rate_limit_take(limit, ALM_STR("victim"), now).allowed);
    /* 16 sets of 7 places with one request each, and a shared bucket of 10 per set. */
    assert_true(allowed <= 16 * (7 + 10));
    /* When theirs are full again places are free, and newcomers get buckets of their own. */
    now += 11 * SECOND;
    for (int i = 0; i < 10; i++) {
        assert_true(alm_rate_limit_take(limit, ALM_STR("newcomer"), now).allowed);
    }
    assert_false(alm_rate_limit_take(limit, ALM_STR("newcomer"), now).allowed);
    alm_rate_limit_destroy(limit);
}

typedef struct race {
    alm_rate_limit *limit;
    atomic_uint_fast64_t allowed[4];
} race;

static alm_err take_many(void *context, size_t task, int worker, alm_error *error)
{
    (void)task;
    (void)worker;
    (void)error;
    race *r = context;
    static const alm_str NAMES[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    for (int i = 0; i < 20000; i++) {
        size_t k = (size_t)i % 4;
        if (alm_rate_limit_take(r->limit, NAMES[k], SECOND).allowed) {
            atomic_fetch_add(&r->allowed[k], 1);
        }
    }
    return ALM_OK;
}

static void workers_share_one_limit_per_client(void **state)
{
    (void)state;
    race r = {.limit = make(1000, 60, 0, 7)};
    alm_pool *pool = NULL;
    for (size_t i = 0; i < 4; i++) {
        atomic_init(&r.allowed[i], 0);
    }
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, 4, take_many, &r, NULL), ALM_OK);
    alm_pool_destroy(pool);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(atomic_load(&r.allowed[i]), 1000);
    }
    alm_rate_limit_destroy(r.limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_gives_500_and_then_one_every_120_ms),
        cmocka_unit_test(many_are_taken_together_or_not_at_all),
        cmocka_unit_test(rules_out_of_bounds_are_refused),
        cmocka_unit_test(random_arrivals_are_judged_exactly),
        cmocka_unit_test(nothing_drifts_in_ten_years),
        cmocka_unit_test(a_flood_of_clients_resets_nobody),
        cmocka_unit_test(workers_share_one_limit_per_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
