#include "num/quantile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define POINTS 7
static const double LEVELS[POINTS] = {.05, .1, .25, .5, .75, .9, .95};

typedef struct golden {
    double level, value;
} golden;

/* numpy 2.1.3 (Python 3.11.7): numpy.quantile(x, level), its default method "linear" is type 7.
 * numpy interpolates from the nearer end, so the last bits differ. */
static void assert_golden(const double *sorted, size_t n, const golden *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value = alm_quantile_sorted(sorted, n, rows[i].level);
        assert_true(fabs(value - rows[i].value) <= 4e-15 * (1 + fabs(rows[i].value)));
    }
}

static void sample_quantiles_match_numpy(void **state)
{
    (void)state;
    static const double X[] = {-3.5, 0, .1, .2, 2.25, 2.25, 7, 19, 1e3, 1e6};
    static const golden ROWS[] = {{0, -3.5},       {.05, -1.925},
                                  {.1, -0.3499999999999999}, {.25, 0.125},
                                  {.5, 2.25},      {.7, 10.599999999999998},
                                  {.9, 100899.99999999965},  {.95, 550449.999999999},
                                  {.999, 991008.9999999997}, {1, 1e6}};
    assert_golden(X, 10, ROWS, 10);
    double y[37];
    for (int i = 0; i < 37; i++) {
        y[i] = (double)(i * 7919 % 101) / 7.;
    }
    alm_sort_doubles(y, 37);
    static const golden MORE[] = {{.05, 0.7714285714285714}, {.33, 4.805714285714286},
                                  {.5, 7.142857142857143}, {.95, 13.514285714285712}};
    assert_golden(y, 37, MORE, 4);
    assert_true(alm_quantile_sorted((double[]){5}, 1, 0) == 5);
    assert_true(alm_quantile_sorted((double[]){5}, 1, .3) == 5);
    assert_true(alm_quantile_sorted((double[]){5, 9}, 2, 1) == 9);
}

/* Sorted, and the same values as before (as bits, order aside): 64 is where the method changes. */
static void sorting_permutes(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 2, 5, 63, 64, 65, 200, 3000};
    alm_rng rng = alm_rng_stream(4, 4);
    for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
        double values[3000];
        uint64_t before = 0;
        uint64_t after = 0;
        for (size_t i = 0; i < SIZES[s]; i++) {
            values[i] = (double)alm_rng_next_below(&rng, 50) / 3 - 8;
            uint64_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            before += bits * UINT64_C(0x9E3779B97F4A7C15) ^ bits >> 7;
        }
        alm_sort_doubles(values, SIZES[s]);
        for (size_t i = 0; i < SIZES[s]; i++) {
            assert_true(i == 0 || values[i - 1] <= values[i]);
            uint64_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            after += bits * UINT64_C(0x9E3779B97F4A7C15) ^ bits >> 7;
        }
        assert_true(before == after);
    }
}

static void repair_makes_values_rise_from_zero(void **state)
{
    (void)state;
    double values[] = {-2, 1, .5, NAN, 3, 2.9, 3};
    static const double EXPECTED[] = {0, 1, 1, 1, 3, 3, 3};
    alm_marginal_repair(values, 7);
    assert_memory_equal(values, EXPECTED, sizeof values);
    double none[] = {-1, -5};
    alm_marginal_repair(none, 2);
    assert_true(none[0] == 0 && none[1] == 0 && !signbit(none[0]));
}

typedef struct marginal_case {
    double level[POINTS];
    double value[POINTS];
    alm_marginal marginal;
} marginal_case;

/* Random levels and values; about a third of the steps are flat, a third of the cases start with
 * zeros, and the sizes run over eight decades. */
static void random_marginal(alm_rng *rng, marginal_case *c)
{
    size_t count = 2 + (size_t)alm_rng_next_below(rng, POINTS - 1);
    double unit = 1;
    for (uint64_t k = alm_rng_next_below(rng, 8); k > 0; k--) {
        unit *= 10;
    }
    double level = 0;
    double value = 0;
    uint64_t zeros = alm_rng_next_below(rng, 3) == 0 ? alm_rng_next_below(rng, count + 1) : 0;
    for (size_t k = 0; k < count; k++) {
        level += (0.999 - level) * (0.02 + 0.5 * alm_rng_next_uniform(rng));
        if (k >= zeros && alm_rng_next_below(rng, 3) > 0) {
            value += unit * 0.001 * alm_rng_next_uniform(rng);
        }
        c->level[k] = level;
        c->value[k] = value;
    }
    c->marginal = (alm_marginal){c->level, c->value, count};
}

static void assert_inverse(alm_marginal m, double u)
{
    double q = alm_marginal_quantile(m, u);
    double before = 77;
    double after = alm_marginal_cdf(m, q, &before);
    assert_true(0 <= before && before <= after && after <= 1);
    /* u = F(Q(u)) up to the rounding of q, which a flat part magnifies: half an ulp of q is worth
     * ulp / slope in u. Where Q is flat over u, u lies within [before, after]. */
    double step = 1e-6 * (1 - u);
    double slope = (alm_marginal_quantile(m, u + step) - q) / step;
    double rounding = 1e-12 + (slope > 0 ? 8 * 0x1p-53 * q / slope : 0);
    assert_true(u >= before - rounding && u <= after + rounding);
    double again = alm_marginal_quantile(m, before > 0 ? before : u);
    assert_true(fabs(again - q) <= 1e-9 * (1e-3 + q));
}

static void the_marginal_and_its_inverse_agree(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(21, 1);
    for (int i = 0; i < 3000; i++) {
        marginal_case c;
        random_marginal(&rng, &c);
        double below = -1;
        for (int k = 0; k < 60; k++) {
            double u = ((double)k + alm_rng_next_uniform(&rng)) / 60;
            double q = alm_marginal_quantile(c.marginal, u);
            assert_true(q >= 0 && isfinite(q) && q >= below);
            below = q;
            assert_inverse(c.marginal, u);
        }
        for (size_t k = 0; k < c.marginal.count; k++) {
            assert_inverse(c.marginal, c.level[k]);
            assert_true(alm_marginal_quantile(c.marginal, c.level[k]) == c.value[k]);
        }
    }
}

/* At the given levels, where pieces meet, not even the last bit may fall. */
static void the_quantile_never_falls(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(22, 1);
    for (int i = 0; i < 20000; i++) {
        marginal_case c;
        random_marginal(&rng, &c);
        double last = 0;
        for (size_t k = 0; k < c.marginal.count; k++) {
            double u = c.level[k];
            double around[] = {nextafter(nextafter(u, 0), 0), nextafter(u, 0), u,
                               nextafter(u, 1), nextafter(nextafter(u, 1), 1)};
            for (int a = 0; a < 5; a++) {
                double q = alm_marginal_quantile(c.marginal, around[a]);
                assert_true(q >= last);
                last = q;
            }
        }
        double least = alm_marginal_quantile(c.marginal, 0x1p-53);
        double most = alm_marginal_quantile(c.marginal, 1 - 0x1p-53);
        assert_true(least >= 0 && most >= last && isfinite(most));
    }
}

static void the_cdf_rises_from_zero_to_one(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(23, 1);
    for (int i = 0; i < 2000; i++) {
        marginal_case c;
        random_marginal(&rng, &c);
        double top = c.value[c.marginal.count - 1] * 1.5 + 1e-6;
        double last = 0;
        for (int k = -5; k <= 200; k++) {
            double before;
            double after = alm_marginal_cdf(c.marginal, top * k / 200, &before);
            assert_true(before >= last - 1e-15 && after >= before && after <= 1);
            assert_true(k >= 0 || after == 0);
            last = after;
        }
        assert_true(alm_marginal_cdf(c.marginal, 1e300, NULL) == 1);
    }
}

/* By hand: levels .5, .9; values 2, 6. Below 2 linear from 0; between slope 10; the tail gains
 * (6 - 2) / ln(.5 / .1) = 4 / ln 5 per e-fold: at 1 - u = .02 again 4 more. */
static void pieces_by_hand(void **state)
{
    (void)state;
    static const double LEVEL[] = {.5, .9};
    static const double VALUE[] = {2, 6};
    alm_marginal m = {LEVEL, VALUE, 2};
    assert_true(alm_marginal_quantile(m, .25) == 1);
    assert_true(fabs(alm_marginal_quantile(m, .7) - 4) < 1e-15 * 8);
    assert_true(fabs(alm_marginal_quantile(m, .98) - 10) < 1e-13);
    assert_true(fabs(alm_marginal_cdf(m, 10, NULL) - .98) < 1e-15 * 8);
    assert_true(alm_marginal_cdf(m, 1, NULL) == .25);
    double before = 7;
    assert_true(alm_marginal_cdf(m, -.001, &before) == 0 && before == 0);
    assert_true(alm_marginal_cdf(m, 0, &before) == 0 && before == 0);
    assert_true(alm_marginal_count(m, .3) == 1); /* 1.2 */
    assert_true(alm_marginal_count(m, .375) == 2); /* 1.5: half up */
}

/* The same marginal: pieces (0, 2), (2, 6) and the tail, s = 4 / ln 5. Then random ones against
 * the midpoint rule with 20,000 points, which is off by the tail's last 5e-5 of probability: there
 * the square of an exponential variable still holds about 120 * 5e-5 of its 2. */
static void mean_and_variance_are_the_integrals(void **state)
{
    (void)state;
    static const double LEVEL[] = {.5, .9};
    static const double VALUE[] = {2, 6};
    alm_marginal two = {LEVEL, VALUE, 2};
    double s = 4 / log(5);
    double mean = .5 * 1 + .4 * 4 + .1 * (6 + s);
    double squares = .5 * 4 / 3 + .4 * (4 + 12 + 36) / 3 + .1 * (36 + 12 * s + 2 * s * s);
    assert_true(fabs(alm_marginal_mean(two) - mean) < 1e-14);
    assert_true(fabs(alm_marginal_variance(two) - (squares - mean * mean)) < 1e-13);
    alm_rng rng = alm_rng_stream(24, 1);
    for (int i = 0; i < 100; i++) {
        marginal_case c;
        random_marginal(&rng, &c);
        double exact = alm_marginal_mean(c.marginal);
        double sum = 0;
        double around = 0;
        for (int k = 0; k < 20000; k++) {
            double q = alm_marginal_quantile(c.marginal, (k + .5) / 20000);
            sum += q;
            around += (q - exact) * (q - exact);
        }
        double variance = alm_marginal_variance(c.marginal);
        assert_true(fabs(sum / 20000 - exact) <= 1e-3 * exact);
        assert_true(fabs(around / 20000 - variance) <= 1e-2 * variance);
        assert_true(exact > 0 ? variance > 0 : variance == 0);
    }
}

static void all_zero_is_always_zero(void **state)
{
    (void)state;
    static const double ZEROS[POINTS] = {0};
    alm_marginal m = {LEVELS, ZEROS, POINTS};
    for (int k = 1; k < 1000; k++) {
        assert_true(alm_marginal_quantile(m, k / 1000.) == 0);
        assert_true(alm_marginal_count(m, k / 1000.) == 0);
    }
    assert_true(alm_marginal_quantile(m, 1 - 0x1p-53) == 0);
    double before = 7;
    assert_true(alm_marginal_cdf(m, 0, &before) == 1 && before == 0);
    assert_true(alm_marginal_cdf(m, .001, &before) == 1 && before == 1);
    assert_true(alm_marginal_pit(m, true, 0, .25) == .25);
    assert_true(alm_marginal_pit(m, false, 0, .25) == .25);
    assert_true(alm_marginal_pit(m, true, 3, .25) == 1);
}

static void equal_last_values_have_no_tail(void **state)
{
    (void)state;
    static const double VALUES[POINTS] = {0, 0, 1, 2, 4, 9, 9};
    alm_marginal m = {LEVELS, VALUES, POINTS};
    assert_true(alm_marginal_quantile(m, .93) == 9);
    assert_true(alm_marginal_quantile(m, .97) == 9);
    assert_true(alm_marginal_quantile(m, 1 - 0x1p-53) == 9);
    double before = 7;
    assert_true(alm_marginal_cdf(m, 9, &before) == 1);
    assert_true(fabs(before - .9) < 1e-15);
    assert_true(alm_marginal_cdf(m, 9.5, &before) == 1 && before == 1);
    assert_true(alm_marginal_cdf(m, 0, &before) == .1 && before == 0);
}

/* y drawn from the marginal itself: its PIT is uniform. Chi-square of 20 bins: 19 degrees of
 * freedom, sd sqrt(38) = 6.2; the bound 19 + 5 sd = 50 has p = 1e-4 per case, and the seed is
 * fixed. */
static void the_pit_of_draws_is_uniform(void **state)
{
    (void)state;
    static const double CASES[][POINTS] = {
        {0, 0, 0, 0, 1, 3, 5},        {0, 0, 0, 0, 0, 0, 1},
        {0, .2, .4, .6, .8, 1, 1.2},  {3, 4, 6, 9, 14, 20, 25},
        {0, 0, 0, 0, 0, 0, 0},        {100, 120, 180, 250, 250, 250, 700},
        {.1, .2, .3, .4, .45, .47, .49}, {0, .5, .5, .5, 1.5, 1.5, 2}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        alm_marginal m = {LEVELS, CASES[i], POINTS};
        for (int counts = 0; counts < 2; counts++) {
            alm_rng rng = alm_rng_stream(33, i * 2 + (size_t)counts);
            double seen[20] = {0};
            for (int k = 0; k < 20000; k++) {
                double u = alm_rng_next_uniform(&rng);
                double y = counts ? alm_marginal_count(m, u) : alm_marginal_quantile(m, u);
                double pit = alm_marginal_pit(m, counts, y, alm_rng_next_uniform(&rng));
                assert_true(pit >= 0 && pit <= 1);
                seen[pit < 1 ? (int)(pit * 20) : 19]++;
            }
            double chi_square = 0;
            for (int b = 0; b < 20; b++) {
                chi_square += (seen[b] - 1000) * (seen[b] - 1000) / 1000;
            }
            if (!(chi_square < 50)) {
                fail_msg("case %zu, counts %d: chi-square %g", i, counts, chi_square);
            }
        }
    }
}

static void pinball_by_hand_and_its_minimum(void **state)
{
    (void)state;
    assert_true(alm_pinball(10, 8, .9) == 2 * .9);
    assert_true(fabs(alm_pinball(8, 10, .9) - .2) < 1e-15);
    assert_true(alm_pinball(3, 3, .5) == 0);
    /* Over 0..100 each once the .9 quantile, 90, is best. */
    double best = 1e9;
    int at = -1;
    for (int f = 0; f <= 100; f++) {
        double sum = 0;
        for (int y = 0; y <= 100; y++) {
            sum += alm_pinball(y, f, .9);
        }
        at = sum < best ? f : at;
        best = sum < best ? sum : best;
    }
    assert_int_equal(at, 90);
}

/* Rising, and the same values: counts of every value of a small range are unchanged. */
static void sorts_any_length(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(3, 77);
    for (size_t n = 0; n < 3000; n = n * 5 / 4 + 1) {
        static double values[3000];
        int before[17] = {0};
        int after[17] = {0};
        for (size_t i = 0; i < n; i++) {
            values[i] = (double)alm_rng_next_below(&rng, 17) - 8;
            before[(int)values[i] + 8]++;
        }
        alm_sort_doubles(values, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(i == 0 || values[i - 1] <= values[i]);
            after[(int)values[i] + 8]++;
        }
        assert_memory_equal(before, after, sizeof before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_any_length),
        cmocka_unit_test(sample_quantiles_match_numpy),
        cmocka_unit_test(sorting_permutes),
        cmocka_unit_test(repair_makes_values_rise_from_zero),
        cmocka_unit_test(the_marginal_and_its_inverse_agree),
        cmocka_unit_test(the_quantile_never_falls),
        cmocka_unit_test(the_cdf_rises_from_zero_to_one),
        cmocka_unit_test(pieces_by_hand),
        cmocka_unit_test(mean_and_variance_are_the_integrals),
        cmocka_unit_test(all_zero_is_always_zero),
        cmocka_unit_test(equal_last_values_have_no_tail),
        cmocka_unit_test(the_pit_of_draws_is_uniform),
        cmocka_unit_test(pinball_by_hand_and_its_minimum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
