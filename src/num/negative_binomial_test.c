#include "num/negative_binomial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* mpmath 1.3 with 40 digits, the last one scipy 1.17. */
static const struct {
    alm_negative_binomial d;
    double k, log_mass, tail;
} CASES[] = {
    {{0.4, 0.2}, 0, -0.219722457733622, 1.0},
    {{0.4, 0.2}, 3, -3.866536246562046, 0.04741334671119293},
    {{3, 2.5}, 2, -1.707508488241729, 0.6707513819676128},
    {{3, 2.5}, 30, -15.27695131370886, 5.403536609262613e-7},
    {{120, 15}, 100, -4.452877097332238, 0.7167869093669297},
    {{120, 15}, 400, -21.12291611657364, 8.288556376651682e-9},
    {{2500, 800}, 2300, -7.502063164708616, 0.977827781163013},
};

/* 1e-11: log-gammas of some hundreds lose three digits, of some thousands four. */
static void masses_and_tails(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        double log_mass = alm_negative_binomial_log_mass(CASES[i].d, CASES[i].k);
        double tail = alm_negative_binomial_tail(CASES[i].d, CASES[i].k);
        assert_true(fabs(log_mass - CASES[i].log_mass) < 1e-11);
        assert_true(fabs(tail / CASES[i].tail - 1) < 1e-11);
    }
}

/* scipy 1.17: nbinom.ppf(u, r, r / (r + mean)) */
static void quantiles(void **unused)
{
    (void)unused;
    static const struct {
        alm_negative_binomial d;
        double u, k;
    } Q[] = {{{0.4, 0.2}, 0.5, 0},   {{0.4, 0.2}, 0.95, 2},     {{3, 2.5}, 0.99, 11},
             {{120, 15}, 0.05, 71},  {{120, 15}, 0.95, 178},    {{2500, 800}, 0.5, 2499},
             {{1e6, 5e5}, 0.9, 1002220}, {{3, 2.5}, 0, 0}, {{0, 1}, .999, 0}};
    for (size_t i = 0; i < sizeof Q / sizeof Q[0]; i++) {
        assert_true(alm_negative_binomial_quantile(Q[i].d, Q[i].u) == Q[i].k);
    }
}

static alm_negative_binomial any(alm_rng *rng)
{
    static const double SIZES[] = {.01, 1, 30, 1000};
    double mean = SIZES[alm_rng_next_below(rng, 4)] * alm_rng_next_uniform(rng);
    return (alm_negative_binomial){mean, SIZES[alm_rng_next_below(rng, 4)] *
                                             alm_rng_next_uniform(rng)};
}

/* P(X >= k) - P(X >= k + 1) is the mass at k. 1e-10: both tails are near 1 for small k. */
static void tails_differ_by_the_mass(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(5, 0);
    for (int i = 0; i < 2000; i++) {
        alm_negative_binomial d = any(&rng);
        double k = (double)alm_rng_next_below(&rng, 60);
        double mass = exp(alm_negative_binomial_log_mass(d, k));
        double by = alm_negative_binomial_tail(d, k) - alm_negative_binomial_tail(d, k + 1);
        assert_true(fabs(mass - by) < 1e-10);
    }
}

/* Where the tail is searched, and where masses are summed, the quantile is what it says, but for
 * the last digits of a tail; and never falls. */
static void a_quantile_is_the_smallest_value_that_reaches_u(void **unused)
{
    (void)unused;
    alm_rng rng = alm_rng_stream(6, 0);
    for (int i = 0; i < 2000; i++) {
        alm_negative_binomial d = any(&rng);
        double u = alm_rng_next_uniform(&rng);
        double k = alm_negative_binomial_quantile(d, u);
        assert_true(1 - alm_negative_binomial_tail(d, k + 1) >= u - 1e-10);
        assert_true(k == 0 || 1 - alm_negative_binomial_tail(d, k) <= u + 1e-10);
        assert_true(alm_negative_binomial_quantile(d, u + .1 * (1 - u)) >= k);
    }
}

/* By direct sums over values up to 20,000, which hold all but nothing of the mass. */
static void moments_above(void **unused)
{
    (void)unused;
    static const alm_negative_binomial D[] = {{3, 2.5}, {.4, .2}, {40, 100}};
    for (size_t i = 0; i < 3; i++) {
        for (double k = 0; k < 70; k += 7) {
            double sum = 0, first = 0, second = 0;
            for (double x = k; x < k + 20000; x++) {
                double mass = exp(alm_negative_binomial_log_mass(D[i], x));
                sum += mass;
                first += mass * x;
                second += mass * x * x;
                if (x > k + 100 && mass == 0) {
                    break;
                }
            }
            alm_truncated_moments m = alm_negative_binomial_above(D[i], k);
            double variance = second / sum - first / sum * (first / sum);
            assert_true(fabs(m.mean - first / sum) < 1e-9 * m.mean);
            assert_true(fabs(m.variance - variance) < 1e-6 * (1 + variance)); /* differences */
        }
    }
    alm_truncated_moments far = alm_negative_binomial_above((alm_negative_binomial){1, 1}, 1e6);
    assert_true(far.mean == 1e6 && far.variance == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masses_and_tails),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(tails_differ_by_the_mass),
        cmocka_unit_test(a_quantile_is_the_smallest_value_that_reaches_u),
        cmocka_unit_test(moments_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
