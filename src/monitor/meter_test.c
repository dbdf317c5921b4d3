/* Meters: rules of the table, bounded labels, retired meters, and that nothing that any thread
 * counted is lost. */
#include "monitor/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/rng.h"

static const uint64_t BOUNDS[] = {10, 100};

enum { HITS, OPEN, SET, BUILD, TIMES, FAMILIES };

static const alm_meter_family TABLE[FAMILIES] = {
    {.name = "t_hits_total", .help = "Hits.", .labels = "a b", .series_max = 3,
     .kind = ALM_METER_COUNTER},
    {.name = "t_open", .help = "Open.", .labels = "", .kind = ALM_METER_LEVEL},
    {.name = "t_set", .help = "Set.", .labels = "", .kind = ALM_METER_GAUGE},
    {.name = "t_build_info", .help = "Build.", .labels = "v", .series_max = 1,
     .kind = ALM_METER_INFO},
    {.name = "t_times_seconds", .help = "Times.", .labels = "a", .bounds = BOUNDS,
     .bound_count = 2, .series_max = 64, .kind = ALM_METER_HISTOGRAM, .unit = ALM_UNIT_SECONDS},
};

static alm_meters *make(int workers)
{
    alm_meters *meters = NULL;
    alm_error error = {0};
    if (alm_meters_create(TABLE, FAMILIES, workers, &meters, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return meters;
}

static uint64_t total_of(const alm_meter *meter)
{
    alm_meter_reading reading;
    alm_meter_read(meter, &reading);
    return reading.total;
}

static size_t shown(const alm_meters *meters, size_t family, char *text, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    const alm_meter *const *meter = NULL;
    size_t count = 0;
    assert_int_equal(alm_meters_list(meters, family, arena, &meter, &count, NULL), ALM_OK);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t at = strlen(text);
        alm_str label = alm_meter_label(meter[i], 0);
        snprintf(text + at, size - at, ALM_STR_FMT ";", ALM_STR_ARG(label));
    }
    alm_arena_destroy(arena);
    return count;
}

static void test_same_labels_are_one_meter(void **state)
{
    (void)state;
    alm_meters *meters = make(2);
    alm_meter *meter = alm_meters_get(meters, HITS, "x", "y");
    assert_ptr_equal(alm_meters_get(meters, HITS, "x", "y"), meter);
    assert_ptr_not_equal(alm_meters_get(meters, HITS, "y", "x"), meter);
    /* The end of a value counts. */
    assert_ptr_not_equal(alm_meters_get(meters, HITS, "xy", ""), meter);
    alm_meter_add(meter, 0, 2);
    alm_meter_add(meter, 1, 3);
    alm_meter_add(meter, -7, 4); /* any number of a worker is good */
    alm_meter_add(meter, 123456, 5);
    assert_int_equal(total_of(meter), 14);
    alm_meters_destroy(meters);
}

static void test_labels_are_bounded(void **state)
{
    (void)state;
    char text[200], name[16], wide[ALM_LABEL_BYTES_MAX + 2];
    alm_meters *meters = make(1);
    assert_int_equal(shown(meters, HITS, text, sizeof text), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d", i);
        alm_meter_add(alm_meters_get(meters, HITS, name, "b"), 0, 1);
    }
    assert_int_equal(shown(meters, HITS, text, sizeof text), 4);
    assert_string_equal(text, "0;1;2;other;");
    alm_meter *other = alm_meters_get(meters, HITS, "other", "other");
    assert_int_equal(total_of(other), 997);
    assert_int_equal(total_of(alm_meters_get(meters, HITS, "1", "b")), 1);
    assert_ptr_equal(alm_meters_get(meters, HITS, "\xff", "b"), other);

    alm_meters *fresh = make(1);
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    other = alm_meters_get(fresh, TIMES, "other");
    assert_ptr_equal(alm_meters_get(fresh, TIMES, wide), other);
    assert_ptr_not_equal(alm_meters_get(fresh, TIMES, wide + 1), other);
    alm_meters_destroy(fresh);
    alm_meters_destroy(meters);
}

/* A service that lives for years meets more versions than series_max. */
static void test_retired_meters_make_place(void **state)
{
    (void)state;
    char text[200], name[16];
    alm_meters *meters = make(1);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "v%d", i);
        alm_meter *meter = alm_meters_get(meters, BUILD, name);
        assert_int_equal(shown(meters, BUILD, text, sizeof text), 1);
        assert_memory_equal(text, name, strlen(name));
        alm_meters_retire(meters, meter);
        alm_meters_retire(meters, meter); /* twice is once */
        assert_int_equal(shown(meters, BUILD, text, sizeof text), 0);
    }
    alm_meter *old = alm_meters_get(meters, HITS, "a", "b");
    alm_meter_add(old, 0, 5);
    alm_meters_retire(meters, old);
    alm_meter_add(old, 0, 5); /* allowed, unseen */
    size_t held = alm_heap_held_bytes();
    alm_meter *again = alm_meters_get(meters, HITS, "a", "b");
    assert_ptr_equal(again, old); /* what comes and goes takes its memory once */
    assert_int_equal(alm_heap_held_bytes(), held);
    assert_int_equal(total_of(again), 10);
    (void)alm_meters_get(meters, HITS, "a", "c");
    (void)alm_meters_get(meters, HITS, "b", "b");
    alm_meters_retire_all(meters, HITS, &ALM_STR("a"), 1);
    assert_int_equal(shown(meters, HITS, text, sizeof text), 1);
    assert_string_equal(text, "b;");
    (void)alm_meters_get(meters, HITS, "c", "1"); /* there is room for two again */
    (void)alm_meters_get(meters, HITS, "d", "1");
    assert_int_equal(shown(meters, HITS, text, sizeof text), 3);
    alm_meters_retire_all(meters, HITS, NULL, 0);
    assert_int_equal(shown(meters, HITS, text, sizeof text), 0);
    alm_meters_retire(meters, alm_meters_get(meters, BUILD, "other"));
    assert_int_equal(shown(meters, BUILD, text, sizeof text), 1);
    alm_meters_destroy(meters);
}

static void test_kinds(void **state)
{
    (void)state;
    alm_meters *meters = make(4);
    alm_meter_reading reading;
    alm_meter *open = alm_meters_find(meters, OPEN, NULL);
    alm_meter_move(open, 0, 3); /* comes on one loop, goes on another */
    alm_meter_move(open, 1, -5);
    alm_meter_read(open, &reading);
    assert_int_equal(reading.level, -2);
    alm_meter *set = alm_meters_find(meters, SET, NULL);
    alm_meter_set(set, 1.5);
    alm_meter_set(set, -0.25);
    alm_meter_read(set, &reading);
    assert_true(reading.gauge == -0.25);
    alm_meter *counter = alm_meters_get(meters, HITS, "a", "b");
    alm_meter_follow(counter, 100);
    alm_meter_follow(counter, 101);
    assert_int_equal(total_of(counter), 101);
    alm_meter *times = alm_meters_get(meters, TIMES, "a");
    static const uint64_t VALUES[] = {0, 10, 11, 100, 101, UINT64_C(1) << 60};
    for (size_t i = 0; i < sizeof VALUES / sizeof *VALUES; i++) {
        alm_meter_observe(times, (int)i, VALUES[i]);
    }
    alm_meter_read(times, &reading);
    assert_int_equal(reading.bucket[0], 2); /* a bound is included */
    assert_int_equal(reading.bucket[1], 2);
    assert_int_equal(reading.bucket[2], 2);
    assert_int_equal(reading.count, 6);
    assert_int_equal(reading.sum, (UINT64_C(1) << 60) + 222);
    alm_meters_destroy(meters);
}

/* ---- many threads ---- */

enum { TASKS = 64, ROUNDS = 3000, NAMES = 80 };

typedef struct crowd {
    alm_meters *meters;
    uint64_t times[TASKS][NAMES]; /* how often each task observed under each name */
    uint64_t sum[TASKS];
    alm_meter *seen[TASKS][NAMES];
} crowd;

/* Finds, counts, lists: as loops and a scrape do at once. More names than the family may have. */
static alm_err count(void *context, size_t task, int worker, alm_error *error)
{
    crowd *c = context;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t draw = alm_rng_u64(7, ALM_RNG_TEST, task, i);
        size_t pick = (size_t)(draw % NAMES);
        char name[32];
        snprintf(name, sizeof name, "%zu", pick);
        alm_meter *meter = alm_meters_get(c->meters, TIMES, name);
        alm_meter_observe(meter, worker, (draw >> 32) % 200);
        alm_meter_move(alm_meters_find(c->meters, OPEN, NULL), worker, i % 2 ? -1 : 1);
        c->times[task][pick]++;
        c->sum[task] += (draw >> 32) % 200;
        c->seen[task][pick] = meter;
        if (i % 1000 == 0) {
            alm_arena *arena = alm_arena_create(0);
            const alm_meter *const *list = NULL;
            size_t found = 0;
            ALM_TRY(alm_meters_list(c->meters, TIMES, arena, &list, &found, error));
            alm_assert(found <= 65);
            alm_arena_destroy(arena);
        }
    }
    return ALM_OK;
}

static crowd the_crowd;

static void test_many_threads_lose_nothing(void **state)
{
    (void)state;
    crowd *c = &the_crowd;
    c->meters = make(2); /* fewer cells than threads */
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, TASKS, count, c, NULL), ALM_OK);
    alm_pool_destroy(pool);
    uint64_t others = 0, sum = 0, all = 0, expected_sum = 0;
    alm_meter_reading reading;
    alm_meter *other = alm_meters_get(c->meters, TIMES, "other");
    for (size_t pick = 0; pick < NAMES; pick++) {
        uint64_t times = 0;
        alm_meter *meter = NULL;
        for (size_t task = 0; task < TASKS; task++) {
            times += c->times[task][pick];
            if (c->seen[task][pick]) {
                assert_true(!meter || meter == c->seen[task][pick]); /* all met the same one */
                meter = c->seen[task][pick];
            }
        }
        alm_meter_read(meter, &reading);
        if (meter == other) {
            others += times;
        } else {
            assert_int_equal(reading.count, times);
            sum += reading.sum;
            all += times;
        }
    }
    alm_meter_read(other, &reading);
    assert_int_equal(reading.count, others);
    assert_int_equal(all + others, (uint64_t)TASKS * ROUNDS);
    for (size_t task = 0; task < TASKS; task++) {
        expected_sum += c->sum[task];
    }
    assert_int_equal(sum + reading.sum, expected_sum);
    alm_meter_read(alm_meters_find(c->meters, OPEN, NULL), &reading);
    assert_int_equal(reading.level, 0);
    char text[2000];
    assert_int_equal(shown(c->meters, TIMES, text, sizeof text), 65);
    alm_meters_destroy(c->meters);
}

/* ---- the table ---- */

static void refuse(alm_meter_family family, alm_err expected, const char *part)
{
    alm_meters *untouched = (alm_meters *)&family;
    alm_error error = {0};
    assert_int_equal(alm_meters_create(&family, 1, 1, &untouched, &error), expected);
    assert_ptr_equal(untouched, &family);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    }
}

static void test_tables_that_break_a_rule(void **state)
{
    (void)state;
    static const uint64_t FALLING[] = {5, 5}, MANY[ALM_METER_BOUNDS_MAX + 1] = {0};
    alm_meter_family good = TABLE[HITS], bad = good;
    refuse((bad.name = "t_hits", bad), ALM_ERR_USAGE, "t_hits");
    refuse((bad.name = "T_total", bad), ALM_ERR_USAGE, "T_total");
    refuse((bad.name = "_total", bad), ALM_ERR_USAGE, "_total");
    bad = good, bad.unit = ALM_UNIT_SECONDS;
    refuse(bad, ALM_ERR_USAGE, "_seconds");
    bad = good, bad.kind = ALM_METER_GAUGE;
    refuse(bad, ALM_ERR_USAGE, "t_hits_total");
    bad = good, bad.help = "";
    refuse(bad, ALM_ERR_USAGE, "help");
    bad = good, bad.labels = "a b c d e";
    refuse(bad, ALM_ERR_LIMIT, "labels");
    refuse((bad.labels = "le", bad), ALM_ERR_USAGE, "\"le\"");
    refuse((bad.labels = "a  b", bad), ALM_ERR_USAGE, "\"\"");
    bad = good, bad.series_max = 0;
    refuse(bad, ALM_ERR_LIMIT, "series_max");
    refuse((bad.series_max = ALM_METER_SERIES_MAX + 1, bad), ALM_ERR_LIMIT, "series_max");
    bad = good, bad.bounds = BOUNDS, bad.bound_count = 2;
    refuse(bad, ALM_ERR_USAGE, "bounds");
    bad = TABLE[TIMES], bad.bounds = FALLING;
    refuse(bad, ALM_ERR_USAGE, "ascend");
    bad = TABLE[TIMES], bad.bounds = MANY, bad.bound_count = ALM_METER_BOUNDS_MAX + 1;
    refuse(bad, ALM_ERR_LIMIT, "bounds");

    alm_meter_family twice[2] = {good, good};
    alm_meters *meters = NULL;
    alm_error error = {0};
    assert_int_equal(alm_meters_create(twice, 2, 1, &meters, &error), ALM_ERR_USAGE);
    assert_non_null(strstr(error.message, "two families are called t_hits_total"));
    twice[1] = TABLE[OPEN], twice[1].name = "t_hits"; /* as OpenMetrics calls the other */
    assert_int_equal(alm_meters_create(twice, 2, 1, &meters, &error), ALM_ERR_USAGE);
    assert_int_equal(alm_meters_create(&good, 1, 0, &meters, &error), ALM_ERR_LIMIT);
    assert_null(meters);
}

static void test_without_memory(void **state)
{
    (void)state;
    alm_meters *meters = NULL;
    size_t held = alm_heap_held_bytes();
    for (uint64_t nth = 1; !meters; nth++) {
        (void)alm_heap_fail_at(nth);
        alm_err code = alm_meters_create(TABLE, FAMILIES, 2, &meters, NULL);
        (void)alm_heap_fail_at(0);
        assert_int_equal(code, meters ? ALM_OK : ALM_ERR_MEMORY);
        assert_true(nth < 50);
        assert_true(meters || alm_heap_held_bytes() == held);
    }
    (void)alm_heap_fail_at(1); /* then the values are counted under "other" */
    alm_meter *meter = alm_meters_get(meters, HITS, "a", "b");
    (void)alm_heap_fail_at(0);
    assert_ptr_equal(meter, alm_meters_get(meters, HITS, "other", "other"));
    assert_ptr_not_equal(meter, alm_meters_get(meters, HITS, "a", "b"));
    alm_meters_destroy(meters);
    alm_meters_destroy(NULL);
    assert_int_equal(alm_heap_held_bytes(), held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_labels_are_one_meter),
        cmocka_unit_test(test_labels_are_bounded),
        cmocka_unit_test(test_retired_meters_make_place),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_many_threads_lose_nothing),
        cmocka_unit_test(test_tables_that_break_a_rule),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
