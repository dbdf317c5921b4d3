/* No training label meets a test, everything else is used, and a small case by hand. */
#include "feature/bars/label_splits.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES_MAX 120

static void check_numbers(const uint32_t *got, size_t count, const uint32_t *expected,
                          size_t expected_count)
{
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i], expected[i]);
    }
}

/* ---- by hand: a label a day, each known two days later ---- */

static void days(alm_label_span *spans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        spans[i] = (alm_label_span){(int64_t)i, (int64_t)i + 2};
    }
}

static void test_kfold_by_hand(void **state)
{
    alm_label_span spans[10];
    alm_label_split out[3];
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    const alm_purged_kfold_options options = {3, 1};
    (void)state;
    days(spans, 10);
    assert_int_equal(alm_split_purged_kfold(spans, 10, &options, arena, out, &error), ALM_OK);
    /* The first test, 0..3, is known at 5; the embargo takes day 6. */
    check_numbers(out[0].test, out[0].test_count, (const uint32_t[]){0, 1, 2, 3}, 4);
    check_numbers(out[0].train, out[0].train_count, (const uint32_t[]){7, 8, 9}, 3);
    /* The second begins at 4: the label of day 1 is known at 3, that of day 2 at 4. */
    check_numbers(out[1].test, out[1].test_count, (const uint32_t[]){4, 5, 6}, 3);
    check_numbers(out[1].train, out[1].train_count, (const uint32_t[]){0, 1}, 2);
    check_numbers(out[2].test, out[2].test_count, (const uint32_t[]){7, 8, 9}, 3);
    check_numbers(out[2].train, out[2].train_count, (const uint32_t[]){0, 1, 2, 3, 4}, 5);
    alm_arena_destroy(arena);
}

static void test_walk_forward_by_hand(void **state)
{
    alm_label_span spans[10];
    alm_label_split out[2];
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    alm_walk_forward_options options = {.folds = 2, .test_size = 2, .embargo = 1};
    (void)state;
    days(spans, 10);
    assert_int_equal(alm_split_walk_forward(spans, 10, &options, arena, out, &error), ALM_OK);
    /* The test of day 6 and 7: labels known before day 5. */
    check_numbers(out[0].test, out[0].test_count, (const uint32_t[]){6, 7}, 2);
    check_numbers(out[0].train, out[0].train_count, (const uint32_t[]){0, 1, 2}, 3);
    check_numbers(out[1].test, out[1].test_count, (const uint32_t[]){8, 9}, 2);
    check_numbers(out[1].train, out[1].train_count, (const uint32_t[]){0, 1, 2, 3, 4}, 5);
    options.train_max = 2;
    assert_int_equal(alm_split_walk_forward(spans, 10, &options, arena, out, &error), ALM_OK);
    check_numbers(out[0].train, out[0].train_count, (const uint32_t[]){1, 2}, 2);
    check_numbers(out[1].train, out[1].train_count, (const uint32_t[]){3, 4}, 2);
    alm_arena_destroy(arena);
}

/* ---- any spans ---- */

static void random_spans(alm_rng *rng, alm_label_span *spans, size_t count)
{
    int64_t start = (int64_t)alm_rng_next_below(rng, 100) - 50;
    uint64_t longest = 1 + alm_rng_next_below(rng, 12);
    for (size_t i = 0; i < count; i++) {
        spans[i] = (alm_label_span){start, start + (int64_t)alm_rng_next_below(rng, longest)};
        start += (int64_t)alm_rng_next_below(rng, 4);
    }
}

static bool overlaps(alm_label_span a, alm_label_span b)
{
    return a.start <= b.end && b.start <= a.end;
}

/* Training and test are apart in number and in time, and ascending. */
static void check_split(const alm_label_span *spans, size_t count, const alm_label_split *split)
{
    assert_true(split->train_count > 0 && split->test_count > 0);
    for (size_t i = 0; i < split->train_count; i++) {
        assert_true(split->train[i] < count && (i == 0 || split->train[i] > split->train[i - 1]));
        for (size_t k = 0; k < split->test_count; k++) {
            assert_int_not_equal(split->train[i], split->test[k]);
            assert_false(overlaps(spans[split->train[i]], spans[split->test[k]]));
        }
    }
}

/* What the definition says of one sample that is not tested. */
static bool belongs(const alm_label_span *spans, const alm_label_split *split, size_t i,
                    int64_t embargo, bool past_only)
{
    int64_t first = spans[split->test[0]].start;
    int64_t last = INT64_MIN;
    for (size_t k = 0; k < split->test_count; k++) {
        last = spans[split->test[k]].end > last ? spans[split->test[k]].end : last;
    }
    return past_only ? spans[i].end < first - embargo
                     : spans[i].end < first || spans[i].start > last + embargo;
}

static bool is_listed(const uint32_t *numbers, size_t count, size_t i)
{
    bool found = false;
    for (size_t k = 0; k < count; k++) {
        found = found || numbers[k] == i;
    }
    return found;
}

static void check_definition(const alm_label_span *spans, size_t count,
                             const alm_label_split *split, int64_t embargo, bool past_only)
{
    check_split(spans, count, split);
    for (size_t i = 0; i < count; i++) {
        bool tested = is_listed(split->test, split->test_count, i);
        bool trained = is_listed(split->train, split->train_count, i);
        assert_int_equal(trained, !tested && belongs(spans, split, i, embargo, past_only));
    }
}

static void test_no_training_label_meets_a_test(void **state)
{
    alm_rng rng = alm_rng_stream(4, 4);
    alm_label_span spans[SAMPLES_MAX];
    alm_label_split out[SAMPLES_MAX];
    alm_arena *arena = alm_arena_create(0);
    size_t made[2] = {0};
    (void)state;
    for (size_t round = 0; round < 1500; round++) {
        size_t count = 2 + (size_t)alm_rng_next_below(&rng, SAMPLES_MAX - 1);
        size_t folds = 2 + (size_t)alm_rng_next_below(&rng, count < 12 ? count - 1 : 10);
        int64_t embargo = (int64_t)alm_rng_next_below(&rng, 6);
        alm_walk_forward_options walk = {folds, 1 + (size_t)alm_rng_next_below(&rng, 8), 0,
                                         embargo};
        const alm_purged_kfold_options kfold = {folds, embargo};
        random_spans(&rng, spans, count);
        alm_arena_reset(arena);
        size_t tested = 0;
        if (alm_split_purged_kfold(spans, count, &kfold, arena, out, NULL) == ALM_OK) {
            made[0]++;
            for (size_t i = 0; i < folds; i++) {
                check_definition(spans, count, &out[i], embargo, false);
                tested += out[i].test_count;
                assert_true(out[i].test_count - count / folds <= 1);
            }
            assert_int_equal(tested, count); /* contiguous by check_numbers above */
        }
        if (alm_split_walk_forward(spans, count, &walk, arena, out, NULL) == ALM_OK) {
            made[1]++;
            for (size_t i = 0; i < folds; i++) {
                check_definition(spans, count, &out[i], embargo, true);
                assert_int_equal(out[i].test[0], count - (folds - i) * walk.test_size);
            }
        }
    }
    alm_arena_destroy(arena);
    assert_true(made[0] > 300 && made[1] > 100);
}

/* ---- the ends of time, refusals ---- */

static void test_far_instants(void **state)
{
    const alm_label_span spans[] = {{INT64_MIN, INT64_MIN}, {0, 5}, {INT64_MAX, INT64_MAX}};
    const alm_purged_kfold_options kfold = {3, INT64_MAX};
    const alm_walk_forward_options walk = {.folds = 1, .test_size = 1, .embargo = INT64_MAX};
    alm_label_split out[3];
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    (void)state;
    assert_int_equal(alm_split_purged_kfold(spans, 3, &kfold, arena, out, &error), ALM_OK);
    assert_int_equal(out[0].train_count, 2); /* -2^63 + (2^63 - 1) = -1 */
    assert_int_equal(out[1].train_count, 1);
    assert_int_equal(out[2].train_count, 2);
    assert_int_equal(alm_split_walk_forward(spans, 3, &walk, arena, out, &error), ALM_OK);
    check_numbers(out[0].train, out[0].train_count, (const uint32_t[]){0}, 1);
    const alm_label_span early[] = {{INT64_MIN, INT64_MIN}, {-5, -5}}; /* -5 - (2^63 - 1) */
    assert_int_equal(alm_split_walk_forward(early, 2, &walk, arena, out, &error), ALM_ERR_INVALID);
    alm_arena_destroy(arena);
}

static void test_refusals(void **state)
{
    alm_label_span spans[10];
    alm_label_split out[10] = {{.test_count = 77}};
    alm_arena *arena = alm_arena_create(0);
    alm_error error = {0};
    static const struct {
        alm_purged_kfold_options options;
        const char *message;
    } bad[] = {
        {{1, 0}, "10 samples can be split into 2 to 10 folds, not 1"},
        {{11, 0}, "10 samples can be split into 2 to 10 folds, not 11"},
        {{2, -1}, "an embargo of -1 is negative"},
        {{2, 20}, "fold 1 is left without training samples: take fewer folds"},
    };
    static const alm_walk_forward_options walks[] = {
        {0, 1, 0, 0}, {1, 0, 0, 0}, {1, 10, 0, 0}, {SIZE_MAX, 1, 0, 0}, {5, 2, 0, 0},
        {1, SIZE_MAX, 0, 0}, {1, 9, 0, 0}};
    (void)state;
    days(spans, 10);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(alm_split_purged_kfold(spans, 10, &bad[i].options, arena, out, &error),
                         ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, bad[i].message));
    }
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        assert_int_equal(alm_split_walk_forward(spans, 10, &walks[i], arena, out, &error),
                         ALM_ERR_INVALID);
    }
    assert_non_null(strstr(error.message, "fold 1 is left without training samples"));
    const alm_purged_kfold_options good = {2, 0};
    spans[4].end = 3;
    assert_int_equal(alm_split_purged_kfold(spans, 10, &good, arena, out, &error),
                     ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "sample 5 ends at 3, before it starts at 4"));
    spans[4] = (alm_label_span){2, 9};
    assert_int_equal(alm_split_purged_kfold(spans, 10, &good, arena, out, &error),
                     ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "sample 5 starts before sample 4"));
    assert_int_equal(alm_split_walk_forward(spans, 0, &walks[0], arena, out, &error),
                     ALM_ERR_INVALID);
    assert_int_equal(out[0].test_count, 77);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kfold_by_hand),
        cmocka_unit_test(test_walk_forward_by_hand),
        cmocka_unit_test(test_no_training_label_meets_a_test),
        cmocka_unit_test(test_far_instants),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
