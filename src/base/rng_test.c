#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Random123 1.14, tests/kat_vectors, lines "philox4x32 10": counter, key, expected. */
static void known_answers_of_random123(void **state)
{
    (void)state;
    static const uint32_t VECTORS[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
         0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        alm_rng_block made = alm_rng_philox(VECTORS[i], VECTORS[i] + 4);
        assert_memory_equal(made.word, VECTORS[i] + 6, sizeof made.word);
    }
}

/* Whatever the number, and where the lower half of j overflows. */
static void many_uniforms_are_those_of_one_at_a_time(void **state)
{
    (void)state;
    static const uint64_t FROM[] = {0, 5, UINT64_C(0xfffffff0), UINT64_C(0x3000100000),
                                    UINT64_MAX - 20};
    double many[101];
    for (size_t f = 0; f < sizeof FROM / sizeof *FROM; f++) {
        for (size_t count = 0; count <= 100; count++) {
            memset(many, 0, sizeof many);
            alm_rng_uniforms(77 + f, ALM_RNG_NETWORK_DROPOUT, f << 40, FROM[f], count, many);
            for (size_t k = 0; k < count; k++) {
                double one = alm_rng_uniform(77 + f, ALM_RNG_NETWORK_DROPOUT, f << 40, FROM[f] + k);
                assert_memory_equal(&many[k], &one, sizeof one);
            }
            assert_true(many[count] == 0);
        }
    }
}

/* Stored results depend on these bits: the composition of seed, purpose and counter is fixed. By
 * the known answers above: key = Philox({purpose,0,0,0}, seed), then Philox({i, j}, key). */
static void stream_bits_are_the_stated_composition(void **state)
{
    (void)state;
    const uint64_t seed = UINT64_C(0x299f31d0a4093822);
    const uint64_t i = UINT64_C(0x85a308d3243f6a88);
    const uint64_t j = UINT64_C(0x0370734413198a2e);
    uint32_t first[4] = {ALM_RNG_PIT, 0, 0, 0};
    alm_rng_block key = alm_rng_philox(first, (uint32_t[]){0xa4093822, 0x299f31d0});
    alm_rng_block made = alm_rng_philox(
        (uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, key.word);
    uint64_t expected = (uint64_t)made.word[1] << 32 | made.word[0];
    assert_true(alm_rng_u64(seed, ALM_RNG_PIT, i, j) == expected);
    alm_rng rng = alm_rng_stream(seed, i);
    rng.index = j;
    assert_true(alm_rng_next(&rng) == alm_rng_u64(seed, ALM_RNG_TEST, i, j));
    assert_true(rng.index == j + 1);
}

/* Inverse of an odd number modulo 2^32, by Newton's iteration. */
static uint32_t inverse(uint32_t odd)
{
    uint32_t x = odd;
    for (int i = 0; i < 5; i++) {
        x *= 2 - odd * x;
    }
    return x;
}

/* Philox backwards: for a fixed key it is a permutation, so there is a counter for any output. */
static void philox_back(uint32_t c[4], const uint32_t key[2])
{
    for (uint32_t round = 10; round-- > 0;) {
        uint32_t k0 = key[0] + round * 0x9E3779B9u;
        uint32_t k1 = key[1] + round * 0xBB67AE85u;
        uint32_t c2 = c[1] * inverse(0xCD9E8D57u);
        uint32_t c0 = c[3] * inverse(0xD2511F53u);
        uint32_t c1 = (uint32_t)((uint64_t)0xCD9E8D57u * c2 >> 32) ^ c[0] ^ k0;
        uint32_t c3 = (uint32_t)((uint64_t)0xD2511F53u * c0 >> 32) ^ c[2] ^ k1;
        c[0] = c0;
        c[1] = c1;
        c[2] = c2;
        c[3] = c3;
    }
}

static double uniform_of_bits(uint64_t bits)
{
    const uint64_t seed = 42;
    uint32_t purpose[4] = {ALM_RNG_TEST, 0, 0, 0};
    alm_rng_block key = alm_rng_philox(purpose, (uint32_t[]){42, 0});
    uint32_t c[4] = {(uint32_t)bits, (uint32_t)(bits >> 32), 0, 0};
    philox_back(c, key.word);
    uint64_t i = (uint64_t)c[1] << 32 | c[0];
    uint64_t j = (uint64_t)c[3] << 32 | c[2];
    assert_true(alm_rng_u64(seed, ALM_RNG_TEST, i, j) == bits);
    return alm_rng_uniform(seed, ALM_RNG_TEST, i, j);
}

/* The extreme words do occur: the quantile functions take log(1 - u) and u / level. */
static void uniform_is_open_at_both_ends(void **state)
{
    (void)state;
    static const uint64_t EXTREME[] = {0, 1, 0x7FF, UINT64_MAX, UINT64_MAX - 0x7FF,
                                       UINT64_MAX - 0xFFF, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof EXTREME / sizeof *EXTREME; i++) {
        double u = uniform_of_bits(EXTREME[i]);
        assert_true(u > 0 && u < 1);
    }
    assert_true(uniform_of_bits(0) <= 0x1p-53);
    assert_true(uniform_of_bits(UINT64_MAX) == 1 - 0x1p-53);
    assert_true(uniform_of_bits(0) + uniform_of_bits(UINT64_MAX) == 1);
}

/* Chi-square of 100 bins over 1e6 numbers: 99 degrees of freedom, mean 99, sd sqrt(198) = 14.1;
 * 5 sd is far beyond chance for a fixed seed and far below what a broken generator gives. */
static void uniforms_fill_the_interval(void **state)
{
    (void)state;
    uint64_t seen[100] = {0};
    double sum = 0;
    for (uint64_t i = 0; i < 1000000; i++) {
        double u = alm_rng_uniform(2024, ALM_RNG_PATH_JITTER, i / 1000, i % 1000);
        assert_true(u > 0 && u < 1);
        seen[(int)(u * 100)]++;
        sum += u;
    }
    double chi_square = 0;
    for (int b = 0; b < 100; b++) {
        chi_square += ((double)seen[b] - 1e4) * ((double)seen[b] - 1e4) / 1e4;
    }
    assert_true(chi_square > 99 - 5 * 14.1 && chi_square < 99 + 5 * 14.1);
    assert_true(fabs(sum / 1e6 - 0.5) < 5 * sqrt(1.0 / 12) / 1e3);
}

static void numbers_do_not_depend_on_order(void **state)
{
    (void)state;
    uint64_t forward[1000];
    for (uint64_t k = 0; k < 1000; k++) {
        forward[k] = alm_rng_u64(9, ALM_RNG_TIE, k % 25, k / 25);
    }
    for (uint64_t step = 0, k = 0; step < 1000; step++, k = (k + 617) % 1000) {
        assert_true(alm_rng_u64(9, ALM_RNG_TIE, k % 25, k / 25) == forward[k]);
    }
}

/* Every argument counts in every bit: one flipped bit changes about half of the 64, whichever it
 * is. Over 64 flips x 200 the mean is within 5 sd = 5 * 4 / sqrt(12800) = 0.18 of 32. */
static void one_bit_of_any_argument_changes_half_the_bits(void **state)
{
    (void)state;
    for (int argument = 0; argument < 3; argument++) {
        uint64_t changed = 0;
        for (uint64_t k = 0; k < 200; k++) {
            uint64_t base = alm_rng_u64(k, ALM_RNG_PIT, k * 3, k * 5);
            for (int bit = 0; bit < 64; bit++) {
                uint64_t flip = UINT64_C(1) << bit;
                uint64_t other = alm_rng_u64(k ^ (argument == 0 ? flip : 0), ALM_RNG_PIT,
                                             (k * 3) ^ (argument == 1 ? flip : 0),
                                             (k * 5) ^ (argument == 2 ? flip : 0));
                assert_true(other != base);
                changed += (uint64_t)__builtin_popcountll(base ^ other);
            }
        }
        assert_true(fabs((double)changed / 12800 - 32) < 0.18);
    }
    for (int p = ALM_RNG_TEST; p <= ALM_RNG_BENCH; p++) {
        for (int q = ALM_RNG_TEST; q < p; q++) {
            assert_true(alm_rng_u64(5, (alm_rng_purpose)p, 1, 2) !=
                        alm_rng_u64(5, (alm_rng_purpose)q, 1, 2));
        }
    }
}

static void below_is_even_over_its_range(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(3, 4);
    uint64_t seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = alm_rng_next_below(&rng, 7);
        assert_true(value < 7);
        seen[value]++;
    }
    for (int v = 0; v < 7; v++) {
        /* binomial: sd = sqrt(70000 * 6 / 49) = 93 */
        assert_true(fabs((double)seen[v] - 10000) < 5 * 93);
    }
    /* A plain remainder would give half of the draws to the lowest third. */
    int low = 0;
    for (int i = 0; i < 9000; i++) {
        low += alm_rng_next_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_true(abs(low - 3000) < 5 * 45); /* binomial: sd = sqrt(9000 * 2 / 9) = 45 */
    for (int i = 0; i < 1000; i++) {
        assert_true(alm_rng_next_below(&rng, 1) == 0);
        assert_true(alm_rng_next_below(&rng, UINT64_MAX) < UINT64_MAX);
        assert_true(alm_rng_next_below(&rng, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

static void normals_have_mean_zero_and_variance_one(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(8, 1);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 100000; i++) {
        double z = alm_rng_next_normal(&rng);
        assert_true(fabs(z) < 6);
        sum += z;
        squares += z * z;
    }
    /* 5 sd of the mean, 1 / sqrt(1e5), and of the variance, sqrt((kurtosis - 1) / 1e5) = 0.0044 */
    assert_true(fabs(sum / 1e5) < 5 * 0.00317);
    assert_true(fabs(squares / 1e5 - 1) < 5 * 0.0044);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_random123),
        cmocka_unit_test(many_uniforms_are_those_of_one_at_a_time),
        cmocka_unit_test(stream_bits_are_the_stated_composition),
        cmocka_unit_test(uniform_is_open_at_both_ends),
        cmocka_unit_test(uniforms_fill_the_interval),
        cmocka_unit_test(numbers_do_not_depend_on_order),
        cmocka_unit_test(one_bit_of_any_argument_changes_half_the_bits),
        cmocka_unit_test(below_is_even_over_its_range),
        cmocka_unit_test(normals_have_mean_zero_and_variance_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
