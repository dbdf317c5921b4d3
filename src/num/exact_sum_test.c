#include "num/exact_sum.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TERMS_MAX 64

static double exact(const double *x, size_t count)
{
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    for (size_t i = 0; i < count; i++) {
        alm_exact_sum_add(&sum, x[i]);
    }
    return alm_exact_sum_value(&sum);
}

/* False if a term is not representable. */
static bool fixed(const double *x, size_t count, double *out)
{
    alm_i128 sum = 0;
    for (size_t i = 0; i < count; i++) {
        alm_i128 term;
        if (!alm_fixed_of(x[i], &term)) {
            return false;
        }
        sum += term;
    }
    *out = alm_fixed_value(sum);
    return true;
}

static void assert_same_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

/* Python 3.11.7: for c in cases: float.hex(math.fsum(c)); the first one overflows inside fsum and
 * is float(sum(Fraction(x) for x in c)). Random cases: random.seed(7), sign * random() *
 * 10.0 ** randint(-300, 300), and round(uniform(0, 100), 2). */
static const struct {
    size_t count;
    double x[10];
    double sum;
} goldens[] = {
    {3, {0x1.1ccf385ebc8a0p+1023, 0x1.1ccf385ebc8a0p+1023, -0x1.1ccf385ebc8a0p+1023},
     0x1.1ccf385ebc8a0p+1023},
    {3, {1.0, 0x1p-53, 0x1p-106}, 0x1.0000000000001p+0},
    {2, {1.0, 0x1p-53}, 1.0},
    {2, {0x1.0000000000001p+0, 0x1p-53}, 0x1.0000000000002p+0},
    {3, {0x1.1c37937e08000p+53, 1.0, -0x1.1c37937e08000p+53}, 1.0},
    {3, {0x0.0000000000001p-1022, 0x0.0000000000001p-1022, 0x0.0000000000001p-1022},
     0x0.0000000000003p-1022},
    {10, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 1.0},
    {8, {-0.1, -0.1, -0.1, -0.1, -0.1, -0.1, -0.1, 0x1.4484bfeebc2a0p-100},
     -0x1.6666666666667p-1},
    {2, {0x1.0000000000000p-1022, -0x0.0000000000001p-1022}, 0x0.fffffffffffffp-1022},
    {6, {0x1.528fda3b21421p+345, -0x1.09374aee9f5bbp+820, -0x1.f363617c6897fp-803,
         -0x1.899479a64fc08p+473, 0x1.25f58f41a7ac7p-695, 0x1.aad2e5607a7cfp+922},
     0x1.aad2e5607a7cfp+922},
    {6, {-0x1.28b1f2d1d591fp+983, -0x1.4214ac9988089p+351, -0x1.6e766bc178de3p-841,
         -0x1.f106fc55278c9p-511, -0x1.0e2b1419bbe35p+906, -0x1.1bde274019a71p+940},
     -0x1.28b1f2d1d5b57p+983},
    {6, {0x1.f780b6c2d3e36p+553, -0x1.03f51a940696ep-80, 0x1.1baf3a463d9aap-778,
         -0x1.03c28dd98c51dp+56, 0x1.b4987c3fccb5dp+313, 0x1.de494617ee0d7p+565},
     0x1.de68be235a3abp+565},
    {7, {0x1.599999999999ap+6, 0x1.bd70a3d70a3d7p+4, 0x1.4c3d70a3d70a4p+5, 0x1.1f0a3d70a3d71p+5,
         0x1.61ae147ae147bp+6, 0x1.7f147ae147ae1p+6, 0x1.e2e147ae147aep+3},
     0x1.86ee147ae147bp+8},
    {7, {0x1.19eb851eb851fp+4, 0x1.7333333333333p+4, 0x1.7547ae147ae14p+4, 0x1.8400000000000p+5,
         0x1.d747ae147ae14p+5, 0x1.a451eb851eb85p+4, 0x1.a3d70a3d70a3dp-2},
     0x1.8c7ae147ae147p+7},
    {7, {0x1.4f1eb851eb852p+5, 0x1.2770a3d70a3d7p+5, 0x1.c50a3d70a3d71p+5, 0x1.7d3d70a3d70a4p+6,
         0x1.1433333333333p+6, 0x1.9c66666666666p+5, 0x1.ee147ae147ae1p+5},
     0x1.9d1eb851eb852p+8},
};

static void test_goldens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        double value;
        assert_same_bits(exact(goldens[i].x, goldens[i].count), goldens[i].sum);
        if (fixed(goldens[i].x, goldens[i].count, &value)) {
            assert_same_bits(value, goldens[i].sum);
        }
    }
}

/* Terms over a chosen range of magnitudes, some of them whole, so that the fixed point often holds
 * them all, with a good share of cancellation. */
static size_t random_terms(alm_rng *rng, double x[TERMS_MAX])
{
    size_t count = 1 + (size_t)alm_rng_next_below(rng, TERMS_MAX);
    int spread = (int)alm_rng_next_below(rng, 60);
    for (size_t i = 0; i < count; i++) {
        double value = alm_rng_next_uniform(rng) * 2 - 1;
        value = ldexp(value, (int)alm_rng_next_below(rng, (uint64_t)spread + 1) - 12);
        x[i] = alm_rng_next_below(rng, 3) == 0 ? floor(value) : value;
        if (i > 0 && alm_rng_next_below(rng, 4) == 0) {
            x[i] = -x[i - 1];
        }
    }
    return count;
}

static void test_both_ways_give_the_same_bits(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(1, 1);
    size_t compared = 0;
    for (int round = 0; round < 20000; round++) {
        double x[TERMS_MAX], value;
        size_t count = random_terms(&rng, x);
        double sum = exact(x, count);
        if (fixed(x, count, &value)) {
            assert_same_bits(value, sum);
            compared++;
        }
        /* The order of the terms does not matter. */
        for (size_t i = 0; i < count / 2; i++) {
            double swapped = x[i];
            x[i] = x[count - 1 - i];
            x[count - 1 - i] = swapped;
        }
        assert_same_bits(exact(x, count), sum);
    }
    assert_true(compared > 5000);
}

static void test_fixed_refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    const double refused[] = {0x1p-65, 0x1.8p-64, 0x1p48, -0x1p48, 1e-30, NAN, INFINITY};
    const double held[] = {0, -0.0, 0x1p-64, -0x1p-64, 0.1, 1e-3, 281474976710655.0, -3.5};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        alm_i128 value = 1;
        assert_false(alm_fixed_of(refused[i], &value));
        assert_true(value == 0);
    }
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        alm_i128 value;
        assert_true(alm_fixed_of(held[i], &value));
        assert_same_bits(alm_fixed_value(value), held[i] + 0.0);
    }
}

static void test_nothing_and_overflow(void **state)
{
    (void)state;
    const double zeros[] = {-0.0, -0.0};
    const double huge[] = {0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+1023};
    const double cancelled[] = {1e300, 1.0, -1e300, -1.0};
    assert_same_bits(exact(zeros, 0), 0.0);
    assert_same_bits(exact(zeros, 2), 0.0);
    assert_same_bits(exact(cancelled, 4), 0.0);
    assert_true(exact(huge, 2) == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_both_ways_give_the_same_bits),
        cmocka_unit_test(test_fixed_refuses_what_it_cannot_hold),
        cmocka_unit_test(test_nothing_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
