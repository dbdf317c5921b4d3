#include "num/conformal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/quantile.h"

/* Chance of a draw this far from its share, at four standard deviations of the binomial, is below
 * 1e-4; seeds are fixed, so the test passes always or never. */
static void assert_share(double hits, double cases, double share)
{
    double bound = 4 * sqrt(share * (1 - share) / cases);
    if (!(fabs(hits / cases - share) <= bound)) {
        fail_msg("%g of %g is not %g +- %g", hits, cases, share, bound);
    }
}

/* By hand: of 9 scores the largest is exceeded by the tenth with probability 1/10. */
static void ranks_have_the_correction(void **state)
{
    (void)state;
    assert_int_equal(alm_conformal_rank(9, .1), 9);
    assert_int_equal(alm_conformal_rank(8, .1), 0);
    assert_int_equal(alm_conformal_rank(19, .1), 18);
    assert_int_equal(alm_conformal_rank(99, .05), 95);
    assert_int_equal(alm_conformal_rank(100, .05), 96); /* ceil(101 x .95) = ceil(95.95) */
    assert_int_equal(alm_conformal_rank(1, .5), 1);
    assert_int_equal(alm_conformal_rank(0, .3), 0);
    for (size_t n = 1; n < 3000; n++) { /* ceil((n + 1)(1 - a)) of exact fractions a = k / 40 */
        for (size_t k = 1; k < 40; k++) {
            size_t rank = ((n + 1) * (40 - k) + 39) / 40;
            assert_int_equal(alm_conformal_rank(n, (double)k / 40), rank <= n ? rank : 0);
        }
    }
}

static void bounds_need_enough_scores(void **state)
{
    (void)state;
    double sorted[39];
    for (int i = 0; i < 39; i++) {
        sorted[i] = i + 1;
    }
    double low = -7;
    double high = 7;
    assert_false(alm_conformal_bounds(sorted, 18, .1, &low, &high));
    assert_true(low == -7 && high == 7);
    assert_true(alm_conformal_bounds(sorted, 19, .1, &low, &high));
    assert_true(low == 1 && high == 19);
    assert_true(alm_conformal_bounds(sorted, 39, .1, &low, &high));
    assert_true(low == 2 && high == 38);
    assert_false(alm_conformal_bounds(sorted, 0, .1, &low, &high));
}

/* Exactly 2 floor((n + 1) a / 2) / (n + 1) of all exchangeable values are outside, for any
 * distribution: here one with a heavy tail on one side, and few scores, where the correction
 * matters most: without it 30 scores miss 12 % instead of 6.5 %. */
static void coverage_is_exact_on_exchangeable_scores(void **state)
{
    (void)state;
    enum { CASES = 20000 };
    static const size_t COUNTS[] = {19, 30, 60, 199};
    alm_rng rng = alm_rng_stream(5, 1);
    for (size_t c = 0; c < 4; c++) {
        size_t n = COUNTS[c];
        size_t below = 0;
        size_t above = 0;
        for (int i = 0; i < CASES; i++) {
            double score[199];
            for (size_t k = 0; k < n; k++) {
                score[k] = 1 / alm_rng_next_uniform(&rng);
            }
            double next = 1 / alm_rng_next_uniform(&rng);
            double low = 0;
            double high = 0;
            alm_sort_doubles(score, n);
            assert_true(alm_conformal_bounds(score, n, .1, &low, &high));
            below += next < low;
            above += next > high;
        }
        double share = floor((double)(n + 1) * .05 + 1e-9) / (double)(n + 1);
        assert_share((double)below, CASES, share);
        assert_share((double)above, CASES, share);
    }
}

/* Tenths of the PIT of the next value: of continuous scores, of scores that are often equal, and of
 * counts, whose scores are known as a step. */
static void the_transform_is_uniform(void **state)
{
    (void)state;
    enum { CASES = 20000, N = 23 };
    alm_rng rng = alm_rng_stream(6, 1);
    for (int rule = 0; rule < 3; rule++) {
        size_t tenth[10] = {0};
        for (int i = 0; i < CASES; i++) {
            double score[N + 1];
            for (size_t k = 0; k <= N; k++) {
                double x = alm_rng_next_normal(&rng) + 1;
                score[k] = rule == 0 ? x : floor(2 * x);
            }
            double next = score[N];
            alm_sort_doubles(score, N);
            double from = rule == 2 ? next - .5 : next;
            double to = rule == 2 ? next + .5 : next;
            double pit = alm_conformal_pit(score, N, from, to, alm_rng_next_uniform(&rng));
            assert_true(pit > 0 && pit < 1);
            tenth[(size_t)(pit * 10)]++;
        }
        for (int t = 0; t < 10; t++) {
            assert_share((double)tenth[t], CASES, .1);
        }
    }
}

static void quantiles_between_order_statistics(void **state)
{
    (void)state;
    static const double SORTED[] = {1, 2, 4};
    assert_true(alm_conformal_quantile(SORTED, 3, .25) == 1);
    assert_true(alm_conformal_quantile(SORTED, 3, .5) == 2);
    assert_true(alm_conformal_quantile(SORTED, 3, .625) == 3);
    assert_true(alm_conformal_quantile(SORTED, 3, .75) == 4);
    assert_true(alm_conformal_quantile(SORTED, 3, .01) == 1);
    assert_true(alm_conformal_quantile(SORTED, 3, .99) == 4);
    assert_true(alm_conformal_quantile((double[]){7}, 1, .3) == 7);
}

static void pools_keep_keys_apart(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    static const double KEY[] = {5, 1, 1, 3, NAN, 2, 9, 8, 1, 7};
    static const double SCORE[] = {50, 12, 11, 30, 1, 20, 90, NAN, 10, 70};
    alm_conformal_pool pool = alm_conformal_pool_of(KEY, SCORE, 10, 2, 4, arena);
    assert_int_equal(pool.count, 8);
    /* keys 1 1 1 2 3 5 7 9: quarters would begin at 1, 3, 7; equal keys stay together */
    assert_int_equal(pool.bins, 3);
    const double *sorted = NULL;
    assert_int_equal(alm_conformal_pool_find(&pool, 1.5, &sorted), 4);
    assert_true(sorted[0] == 10 && sorted[1] == 11 && sorted[2] == 12 && sorted[3] == 20);
    assert_int_equal(alm_conformal_pool_find(&pool, 3, &sorted), 2);
    assert_true(sorted[0] == 30 && sorted[1] == 50);
    assert_int_equal(alm_conformal_pool_find(&pool, 100, &sorted), 2);
    assert_true(sorted[0] == 70 && sorted[1] == 90);
    assert_int_equal(alm_conformal_pool_find(&pool, -100, &sorted), 4);
    alm_conformal_pool none = alm_conformal_pool_of(KEY, SCORE, 0, 2, 4, arena);
    assert_int_equal(alm_conformal_pool_find(&none, 3, &sorted), 0);
    alm_conformal_pool one = alm_conformal_pool_of(KEY, SCORE, 10, 100, 4, arena);
    assert_int_equal(one.bins, 1);
    assert_int_equal(alm_conformal_pool_find(&one, 3, &sorted), 8);
    alm_arena_destroy(arena);
}

/* Spread grows with the key: one bin covers the wrong ones, bins cover all alike. */
static void bins_cover_where_one_pool_does_not(void **state)
{
    (void)state;
    enum { N = 8000 };
    double *key = malloc(2 * N * sizeof *key);
    double *score = malloc(2 * N * sizeof *score);
    assert_non_null(key);
    assert_non_null(score);
    alm_rng rng = alm_rng_stream(8, 1);
    for (int i = 0; i < 2 * N; i++) {
        key[i] = alm_rng_next_uniform(&rng);
        score[i] = alm_rng_next_normal(&rng) * (.1 + key[i]);
    }
    alm_arena *arena = alm_arena_create(0);
    double off[2];
    for (size_t bins = 1; bins <= 10; bins += 9) {
        alm_conformal_pool pool = alm_conformal_pool_of(key, score, N, 100, bins, arena);
        double inside[2] = {0};
        double cases[2] = {0};
        for (int i = N; i < 2 * N; i++) {
            const double *sorted = NULL;
            double low = 0;
            double high = 0;
            size_t n = alm_conformal_pool_find(&pool, key[i], &sorted);
            assert_true(alm_conformal_bounds(sorted, n, .1, &low, &high));
            inside[key[i] > .5] += score[i] >= low && score[i] <= high;
            cases[key[i] > .5]++;
        }
        off[bins > 1] = fabs(inside[0] / cases[0] - inside[1] / cases[1]);
    }
    assert_true(off[0] > .1); /* 98 % of small keys, 82 % of large ones */
    assert_true(off[1] < .02);
    alm_arena_destroy(arena);
    free(key);
    free(score);
}

/* Values whose spread doubles again and again: fixed bounds fail, the adaptive level keeps its
 * promise for any sequence (proposition 4.1 of the paper). */
static void adaptive_level_holds_under_drift(void **state)
{
    (void)state;
    enum { T = 4000, WINDOW = 200 };
    static const double RATE = .02;
    alm_rng rng = alm_rng_stream(9, 1);
    alm_adaptive_conformal adaptive = alm_adaptive_conformal_of(.1, RATE);
    double score[T];
    size_t missed = 0;
    size_t fixed = 0;
    for (size_t t = 0; t < T; t++) {
        score[t] = fabs(alm_rng_next_normal(&rng)) * pow(2, (double)t / 50);
        if (t < WINDOW) {
            continue;
        }
        double sorted[WINDOW];
        for (size_t k = 0; k < WINDOW; k++) {
            sorted[k] = score[t - WINDOW + k];
        }
        alm_sort_doubles(sorted, WINDOW);
        fixed += score[t] > sorted[alm_conformal_rank(WINDOW, .1) - 1];
        size_t rank = adaptive.now <= 0   ? 0
                      : adaptive.now >= 1 ? 1
                                          : alm_conformal_rank(WINDOW, adaptive.now);
        bool out = adaptive.now >= 1 || (rank > 0 && score[t] > sorted[rank - 1]);
        alm_adaptive_conformal_update(&adaptive, out);
        missed += out;
    }
    double steps = T - WINDOW;
    assert_true((double)fixed / steps > .2);
    assert_true(fabs((double)missed / steps - .1) <= (.9 + RATE) / (RATE * steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_have_the_correction),
        cmocka_unit_test(bounds_need_enough_scores),
        cmocka_unit_test(coverage_is_exact_on_exchangeable_scores),
        cmocka_unit_test(the_transform_is_uniform),
        cmocka_unit_test(quantiles_between_order_statistics),
        cmocka_unit_test(pools_keep_keys_apart),
        cmocka_unit_test(bins_cover_where_one_pool_does_not),
        cmocka_unit_test(adaptive_level_holds_under_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
