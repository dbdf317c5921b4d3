#include "num/exact_sum.h"

#include "base/rng.h"

#include <float.h>
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

static void assert_same_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

/* False if a term is not representable. The sum is a difference of prefixes, the older of which
 * `start` gives; where the fast way holds, it gives the same bits. */
static bool fixed_from(alm_fixed start, const double *x, size_t count, double *out, size_t *near)
{
    alm_fixed prefix = start;
    for (size_t i = 0; i < count; i++) {
        alm_fixed term;
        if (!alm_fixed_of(x[i], &term)) {
            return false;
        }
        prefix = alm_fixed_plus(prefix, term);
        assert_true(prefix.low >= 0 && prefix.low < INT64_C(1) << ALM_FIXED_LOW_BITS);
    }
    alm_fixed sum = {(int64_t)((uint64_t)prefix.high - (uint64_t)start.high),
                     prefix.low - start.low};
    uint64_t beyond = 0;
    double fast = alm_fixed_near(sum.high, (double)sum.low * ALM_FIXED_LOW_UNIT, &beyond);
    *out = alm_fixed_value(sum);
    if (beyond >> 52 == 0) {
        assert_same_bits(fast, *out);
        (*near)++;
    }
    return true;
}

static bool fixed(const double *x, size_t count, double *out)
{
    size_t near = 0;
    return fixed_from((alm_fixed){0, 0}, x, count, out, &near);
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
    const double refused[] = {0x1p-65, 0x1.8p-64, 0x1p38, -0x1p38, 1e-30, 0x1p-1074, 0x1p52,
                              0x1p53, -0x1.8p60, DBL_MAX, NAN, INFINITY};
    const double held[] = {0, -0.0, 0x1p-64, -0x1p-64, 0.1, 1e-3, 274877906943.0, -3.5, 0x1p-12,
                           -0x1p-12, 0x1.8p-11, 0x1.fffffffffffffp-12, 0x1.fffffffffffffp37,
                           -0x1.fffffffffffffp37, -0x1.0000000000001p-12};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        alm_fixed value = {1, 1};
        assert_false(alm_fixed_of(refused[i], &value));
        assert_true(value.high == 0 && value.low == 0);
    }
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        alm_fixed value;
        assert_true(alm_fixed_of(held[i], &value));
        assert_same_bits(alm_fixed_value(value), held[i] + 0.0);
    }
}

/* One 128-bit number in units of 2^-64, as plainly as it can be had: what a term is. */
static alm_i128 plain_term(double x)
{
    int exponent;
    double mantissa = frexp(x, &exponent); /* x = mantissa * 2^exponent */
    alm_i128 digits = (alm_i128)ldexp(mantissa, 53);
    int shift = exponent - 53 + 64;
    return shift >= 0 ? digits * ((alm_i128)1 << shift) : digits / ((alm_i128)1 << -shift);
}

/* Terms of hostile sizes: units, halves of the parts, limits, and what cancels. */
static double hostile_term(alm_rng *rng, bool large)
{
    const double edges[] = {0, 0x1p-64, 0x1p-63, 0x1p-12, 0x1.fffffffffffffp-12, 0x1p-11,
                            0x1.8p-11, 0x1.0000000000001p-12, 1, 0.01, 1e11, 0x1.fffffffffffffp37,
                            0x1.fffffffffffffp-2, 274877906943.0};
    double value = edges[alm_rng_next_below(rng, sizeof edges / sizeof *edges)];
    if (large) {
        return 0x1p36 + alm_rng_next_uniform(rng) * 0x1p37;
    }
    if (alm_rng_next_below(rng, 2)) {
        /* Every exponent, cut to whole units. */
        double any = ldexp(1 + alm_rng_next_uniform(rng), (int)alm_rng_next_below(rng, 102) - 64);
        value = any < 0x1p-12 ? floor(any * 0x1p64) * 0x1p-64 : any;
    }
    return alm_rng_next_below(rng, 2) ? -value : value;
}

/* Terms, prefixes from any start (they wrap around) and both roundings against 128-bit integers and
 * the sum of limbs. */
static void test_two_words_against_one(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(3, 1);
    size_t near = 0, far = 0;
    for (int round = 0; round < 50000; round++) {
        double x[TERMS_MAX], value;
        size_t count = 1 + (size_t)alm_rng_next_below(&rng, TERMS_MAX);
        alm_i128 plain = 0;
        for (size_t i = 0; i < count; i++) {
            x[i] = i > 0 && alm_rng_next_below(&rng, 3) == 0 ? -x[i - 1]
                                                          : hostile_term(&rng, round % 8 == 0);
            alm_fixed term;
            assert_true(alm_fixed_of(x[i], &term));
            alm_i128 both = (alm_i128)term.high * ((alm_i128)1 << ALM_FIXED_LOW_BITS) + term.low;
            assert_true(both == plain_term(x[i]));
            plain += both;
        }
        alm_fixed start = {(int64_t)alm_rng_next(&rng),
                           (int64_t)(alm_rng_next(&rng) >> (64 - ALM_FIXED_LOW_BITS))};
        size_t before = near;
        assert_true(fixed_from(start, x, count, &value, &near));
        assert_same_bits(value, exact(x, count));
        /* Below 2^40 the fast way holds, but for the last high unit, whose low one may be less. */
        alm_i128 size = plain < 0 ? -plain : plain;
        alm_i128 edge = (alm_i128)1 << 104, unit = (alm_i128)1 << ALM_FIXED_LOW_BITS;
        assert_true(near > before ? size <= edge + unit : size >= edge - unit);
        far += near == before;
    }
    assert_true(near > 10000 && far > 1000);
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
        cmocka_unit_test(test_two_words_against_one),
        cmocka_unit_test(test_nothing_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
