/* Golden values: Python 3.11.7, numpy 2.4.6, scipy 1.17.1. Diebold-Mariano: the lines of R's
 * forecast::dm.test (8.23) written out with numpy arrays and stats.t.sf; horizon 1 also equals
 * stats.ttest_rel. Ranks: stats.friedmanchisquare, stats.rankdata, stats.studentized_range.ppf. */
#include "num/compare_forecasts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

#define ERRORS 40

static double next(uint32_t *x)
{
    *x = (UINT32_C(1103515245) * *x + 12345) & UINT32_C(0x7fffffff);
    return *x / 2147483648.0;
}

/* The same errors as in the generator of the goldens. */
static void make_errors(double *a, double *b)
{
    uint32_t x = 1;
    uint32_t y = 99;
    for (int i = 0; i < ERRORS; i++) {
        a[i] = next(&x) * 4 - 2;
        b[i] = next(&y) * 5 - 2.5;
    }
    for (int i = 0; i < ERRORS; i++) {
        b[i] += .3 * a[(i + ERRORS - 1) % ERRORS];
    }
}

static void diebold_mariano_as_in_r(void **state)
{
    (void)state;
    static const struct {
        int power;
        size_t horizon;
        double statistic, p;
    } GOLDEN[] = {
        {1, 1, -0.8941770988062174, 0.37671237769590815},
        {1, 2, -0.7758417389279328, 0.44252203898503695},
        {1, 4, -0.7644349882766311, 0.44920881265952584},
        {2, 1, -1.6442742906450791, 0.10815786999358896},
        {2, 2, -1.4106474149109622, 0.16627561429132776},
        {2, 4, -1.334382236465012, 0.18981779359491088},
    };
    double a[ERRORS];
    double b[ERRORS];
    for (size_t g = 0; g < 6; g++) {
        make_errors(a, b);
        for (int i = 0; i < ERRORS; i++) {
            a[i] = GOLDEN[g].power == 1 ? fabs(a[i]) : a[i] * a[i];
            b[i] = GOLDEN[g].power == 1 ? fabs(b[i]) : b[i] * b[i];
        }
        alm_paired_test t = alm_compare_losses(a, b, ERRORS, 1, GOLDEN[g].horizon);
        /* 40 terms summed in another order */
        assert_true(fabs(t.statistic - GOLDEN[g].statistic) < 1e-12);
        assert_true(fabs(t.p - GOLDEN[g].p) < 1e-12);
        assert_int_equal(t.lags, GOLDEN[g].horizon - 1);
        alm_paired_test turned = alm_compare_losses(b, a, ERRORS, 1, GOLDEN[g].horizon);
        assert_true(turned.statistic == -t.statistic && turned.p == t.p);
    }
}

static void unknown_pairs_are_left_out(void **state)
{
    (void)state;
    static const double A[] = {NAN, 1, 4, 2, 7, NAN, 3};
    static const double B[] = {3, 2, 4, NAN, 9, NAN, 1};
    static const double A_KNOWN[] = {1, 4, 7, 3};
    static const double B_KNOWN[] = {2, 4, 9, 1};
    for (size_t horizon = 1; horizon < 4; horizon++) {
        alm_paired_test with = alm_compare_losses(A, B, 7, 1, horizon);
        alm_paired_test without = alm_compare_losses(A_KNOWN, B_KNOWN, 4, 1, horizon);
        assert_memory_equal(&with, &without, sizeof with);
        assert_int_equal(with.count, 4);
    }
}

/* Alternating differences: 1 + 2 x (-0.9) < 0, so the lag is not counted, as in R. */
static void a_variance_that_is_not_positive_counts_no_lags(void **state)
{
    (void)state;
    static const double A[] = {1, 3, 1, 3, 1, 3, 1, 3, 1, 4};
    static const double B[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    alm_paired_test t = alm_compare_losses(A, B, 10, 1, 2);
    alm_paired_test alone = alm_compare_losses(A, B, 10, 1, 1);
    assert_int_equal(t.lags, 0);
    assert_true(t.p == alone.p && t.statistic == alone.statistic && t.p > .5);
}

static void what_cannot_be_told(void **state)
{
    (void)state;
    static const double A[] = {1, 2, 3};
    static const double SAME_STEP[] = {1.5, 2.5, 3.5};
    static const double NONE[] = {NAN, NAN, NAN};
    static const double HUGE_A[] = {1e300, 3e300, 2e300};
    alm_arena *arena = alm_arena_create(0);
    const double *b[] = {A, SAME_STEP, NONE, HUGE_A};
    const char *why[] = {"no difference can be told between x and y: their losses are equal "
                         "(3 pairs)",
                         "no difference can be told between x and y: too few, or all differ by the "
                         "same (3 pairs)",
                         "no difference can be told between x and y: there are no pairs",
                         "no difference can be told between x and y: too few, or all differ by the "
                         "same (3 pairs)"};
    for (int i = 0; i < 4; i++) {
        alm_paired_test t = alm_compare_losses(A, b[i], 3, 1, 1);
        assert_true(isnan(t.p) && isnan(t.statistic));
        assert_string_equal(alm_compare_verdict("x", "y", &t, .05, arena), why[i]);
    }
    assert_true(isnan(alm_compare_losses(A, NONE, 1, 1, 1).p));
    assert_true(isnan(alm_compare_losses(A, (double[]){3, 1, 1}, 3, 1, 3).p)); /* horizon = pairs */
    alm_arena_destroy(arena);
}

static void verdicts_are_plain(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_paired_test t = {.count = 1428, .mean_a = .969, .mean_b = 1, .statistic = -2.9, .p = .0038};
    assert_string_equal(alm_compare_verdict("theta", "ets", &t, .05, arena),
                        "theta is better than ets: mean loss 3.1 % lower, p = .004 "
                        "(Diebold-Mariano, 1428 pairs)");
    assert_string_equal(alm_compare_verdict("ets", "theta", &(alm_paired_test){
                            .count = 9, .mean_a = 2, .mean_b = 1, .p = 1e-9}, .05, arena),
                        "theta is better than ets: mean loss 50.0 % lower, p < .001 "
                        "(Diebold-Mariano, 9 pairs)");
    t.p = .614;
    assert_string_equal(alm_compare_verdict("theta", "ets", &t, .05, arena),
                        "no difference can be told between theta and ets: mean loss of theta "
                        "3.1 % lower, p = .61 (Diebold-Mariano, 1428 pairs)");
    alm_arena_destroy(arena);
}

static void series_by_step_and_pooled(void **state)
{
    (void)state;
    /* 4 series x 2 steps */
    static const double A[] = {1, 2, 2, NAN, 5, 1, 4, 4};
    static const double B[] = {2, 2, 1, 3, 7, 3, 5, 6};
    alm_paired_test pooled;
    alm_paired_test by_step[2];
    alm_compare_series(A, B, 4, 2, &pooled, by_step);
    alm_paired_test first = alm_compare_losses((double[]){1, 2, 5, 4}, (double[]){2, 1, 7, 5}, 4,
                                               1, 1);
    assert_memory_equal(&by_step[0], &first, sizeof first);
    assert_int_equal(by_step[1].count, 3);
    alm_paired_test mean = alm_compare_losses((double[]){1.5, 2, 3, 4}, (double[]){2, 1, 5, 5.5},
                                              4, 1, 1);
    assert_memory_equal(&pooled, &mean, sizeof mean);
}

/* Two methods that are equally good are told apart in 5 % of the cases, and the better of two
 * nearly always. 2000 cases: 5 % +- 4 standard deviations of the binomial, 0.49 % each. The
 * overlapping errors of three steps ahead are moving sums, and their test is known to be a little
 * off at this length: twice the bound above. */
static void the_test_errs_as_often_as_it_says(void **state)
{
    (void)state;
    enum { CASES = 2000, N = 60 };
    alm_rng rng = alm_rng_stream(3, 7);
    for (size_t horizon = 1; horizon <= 3; horizon += 2) {
        int wrong = 0;
        int found = 0;
        for (int c = 0; c < CASES; c++) {
            double a[N];
            double b[N];
            double worse[N];
            double past_a[3] = {0};
            double past_b[3] = {0};
            for (size_t i = 0; i < N + 2; i++) {
                past_a[i % horizon] = alm_rng_next_normal(&rng);
                past_b[i % horizon] = alm_rng_next_normal(&rng);
                if (i >= 2) {
                    a[i - 2] = fabs(past_a[0] + past_a[1] + past_a[2]);
                    b[i - 2] = fabs(past_b[0] + past_b[1] + past_b[2]);
                    worse[i - 2] = b[i - 2] + 1.5;
                }
            }
            wrong += alm_compare_losses(a, b, N, 1, horizon).p < .05;
            found += alm_compare_losses(a, worse, N, 1, horizon).p < .05;
        }
        double share = wrong / (double)CASES;
        double bound = horizon == 1 ? .0195 : .039;
        assert_true(share > .05 - bound && share < .05 + bound);
        assert_true(found > CASES * 9 / 10);
    }
}

static void friedman_and_the_best(void **state)
{
    (void)state;
    static const double LOSSES[] = {3, 1, 2, 4, 2, 2, 1, 5, 1, 1, 1, 1, NAN, 0, 0, 0, 4, 2, 3, 3,
                                    5, 1, 2, 2, 9, 3, 3, 8, 1, 0, 2, 7};
    alm_arena *arena = alm_arena_create(0);
    alm_rank_test t = alm_rank_methods(LOSSES, 8, 4, .05, arena);
    static const double RANKS[] = {22. / 7, 1.5, 15. / 7, 22.5 / 7};
    for (int m = 0; m < 4; m++) {
        assert_true(fabs(t.mean_rank[m] - RANKS[m]) < 1e-14);
    }
    assert_int_equal(t.rows, 7);
    assert_int_equal(t.best, 1);
    assert_true(fabs(t.chi_square - 10.767857142857142) < 1e-12);
    assert_true(fabs(t.p - 0.013049729568736238) < 1e-12);
    assert_true(fabs(t.critical_distance - 1.7728003470905682) < 1e-9); /* of the bisection */
    static const char *const NAMES[] = {"a", "b", "c", "d"};
    assert_true(t.among_best[0] && t.among_best[1] && t.among_best[2] && t.among_best[3]);
    assert_string_equal(alm_rank_verdict(NAMES, &t, arena),
                        "b has the best mean rank (1.50 of 4); not worse: a, c, d (MCB, critical "
                        "distance 1.77, 7 series)");
    alm_arena_destroy(arena);
}

static void ranks_of_nothing_and_of_equals(void **state)
{
    (void)state;
    static const double SAME[] = {2, 2, 2, 2, 2, 2};
    static const double UNKNOWN[] = {2, NAN, NAN, 2};
    alm_arena *arena = alm_arena_create(0);
    alm_rank_test same = alm_rank_methods(SAME, 3, 2, .05, arena);
    assert_true(isnan(same.p) && same.mean_rank[0] == 1.5 && same.among_best[1]);
    alm_rank_test none = alm_rank_methods(UNKNOWN, 2, 2, .05, arena);
    assert_int_equal(none.rows, 0);
    assert_true(isnan(none.p) && isnan(none.critical_distance) && none.among_best[1]);
    static const char *const NAMES[] = {"a", "b"};
    assert_string_equal(alm_rank_verdict(NAMES, &none, arena),
                        "no difference can be told: no series has a loss of every method");
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diebold_mariano_as_in_r),
        cmocka_unit_test(unknown_pairs_are_left_out),
        cmocka_unit_test(a_variance_that_is_not_positive_counts_no_lags),
        cmocka_unit_test(what_cannot_be_told),
        cmocka_unit_test(verdicts_are_plain),
        cmocka_unit_test(series_by_step_and_pooled),
        cmocka_unit_test(the_test_errs_as_often_as_it_says),
        cmocka_unit_test(friedman_and_the_best),
        cmocka_unit_test(ranks_of_nothing_and_of_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
