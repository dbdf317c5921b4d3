/* exact_sum.h: sums of doubles without rounding, rounded once at the end.
 *
 * The sum of a window must not depend on where a replay began or on the order of its terms, so it
 * is the correctly rounded (to nearest, ties to even) value of the exact sum: what Python's
 * math.fsum gives. Two representations give the same bits:
 *   - alm_fixed: a fixed-point number with quantum 2^-64 in two words, high * 2^-11 + low * 2^-64.
 *     Prefix sums of it may wrap around: a difference of two prefixes is exact as long as it fits
 *     itself. Its parts are separate, so that arrays of them are vectors, and where both are exact
 *     as doubles, one addition of the two rounds the exact sum: the right value in five operations.
 *   - alm_exact_sum: every finite double, about 100 cycles to round (R. Neal, "Fast exact
 *     summation using small and large superaccumulators", 2015: the small one).
 * A sum of nothing, or of zeros of any sign, is +0. Thread safety: values, no shared state. */
#ifndef ALM_NUM_EXACT_SUM_H
#define ALM_NUM_EXACT_SUM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef __int128 alm_i128;
__extension__ typedef unsigned __int128 alm_u128;

/* `high` counts units of 2^-11, `low` units of 2^-64. A term has |low| <= 2^52. A prefix sum has 0
 * <= low < 2^53, a difference of two |low| < 2^53: 53 bits, which a double holds. */
#define ALM_FIXED_HIGH_BITS 11
#define ALM_FIXED_HIGH_UNIT 0x1p-11
#define ALM_FIXED_LOW_UNIT 0x1p-64
#define ALM_FIXED_LOW_BITS 53
/* Terms are below this, so up to 2^14 of them fit. */
#define ALM_FIXED_TERM_LIMIT 0x1p38
#define ALM_FIXED_TERM_COUNT_MAX (1 << 14)

typedef struct alm_fixed {
    int64_t high;
    int64_t low;
} alm_fixed;

static inline uint64_t alm_bits_of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double alm_double_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* False if `x` is not a multiple of 2^-64, too large or not finite; `out` is then 0.
 * There is no branch and no conversion in it, so that a loop over it becomes vectors: the sum of an
 * integer n below 2^51 in size and 1.5 * 2^52 has the bits of 1.5 * 2^52, plus n. */
static inline bool alm_fixed_of(double x, alm_fixed *out)
{
    double scaled = x / ALM_FIXED_HIGH_UNIT;
    double biased = scaled + 0x1.8p52;
    double rest = scaled - (biased - 0x1.8p52); /* exact, at most a half */
    double size = fabs(rest);
    double upper = size + 0.5; /* in [1/2, 1], where doubles are multiples of 2^-53 = low / high */
    bool fits = (fabs(x) < ALM_FIXED_TERM_LIMIT) & (upper - 0.5 == size);
    uint64_t kept = fits ? UINT64_MAX : 0;
    uint64_t sign = rest < 0 ? UINT64_MAX : 0;
    uint64_t high = alm_bits_of_double(biased) - alm_bits_of_double(0x1.8p52);
    uint64_t low = alm_bits_of_double(upper) - alm_bits_of_double(0.5);
    out->high = (int64_t)(high & kept);
    out->low = (int64_t)(((low ^ sign) - sign) & kept);
    return fits;
}

/* prefix + term, where a prefix has 0 <= low < 2^53. */
static inline alm_fixed alm_fixed_plus(alm_fixed prefix, alm_fixed term)
{
    int64_t low = prefix.low + term.low;
    uint64_t carry = (uint64_t)(low >> ALM_FIXED_LOW_BITS); /* a negative one rounds down */
    return (alm_fixed){(int64_t)((uint64_t)prefix.high + (uint64_t)term.high + carry),
                       low & ((INT64_C(1) << ALM_FIXED_LOW_BITS) - 1)};
}

/* The difference of two prefixes with less than 2^51 high units in size (a sum below 2^40),
 * correctly rounded: both products are exact. `low` is given as the double low * 2^-64. Elsewhere
 * bits 52 and above of `beyond` are set, and the result is meaningless. */
static inline double alm_fixed_near(int64_t high, double low, uint64_t *beyond)
{
    uint64_t biased = (uint64_t)high + alm_bits_of_double(0x1.8p52 * ALM_FIXED_HIGH_UNIT);
    *beyond |= biased ^ alm_bits_of_double(0x1p52 * ALM_FIXED_HIGH_UNIT);
    return (alm_double_of_bits(biased) - 0x1.8p52 * ALM_FIXED_HIGH_UNIT) + low;
}

/* The same anywhere. The top 63 bits of the magnitude, the last of them standing for all bits below
 * ("sticky"), are converted with one rounding; scaling by a power of two is exact. */
static inline double alm_fixed_value(alm_fixed difference)
{
    alm_i128 fixed = (alm_i128)difference.high * ((alm_i128)1 << ALM_FIXED_LOW_BITS) +
                     difference.low;
    if (fixed == 0) {
        return 0;
    }
    alm_u128 magnitude = fixed < 0 ? -(alm_u128)fixed : (alm_u128)fixed;
    uint64_t high = (uint64_t)(magnitude >> 64);
    uint64_t low = (uint64_t)magnitude;
    int zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll(low);
    /* zeros >= 1, because terms are limited; bit 127 of `top` is clear. */
    alm_u128 top = magnitude << (zeros - 1);
    uint64_t kept = (uint64_t)(top >> 64) | ((uint64_t)top != 0);
    double value = (double)(int64_t)kept * alm_double_of_bits((uint64_t)(1024 - zeros) << 52);
    return fixed < 0 ? -value : value;
}

/* Limb i counts units of 2^(32 i - 1074); limbs carry up to 2^30 terms before they are folded. */
#define ALM_EXACT_SUM_LIMBS 70

typedef struct alm_exact_sum {
    int64_t limb[ALM_EXACT_SUM_LIMBS];
} alm_exact_sum;

void alm_exact_sum_clear(alm_exact_sum *sum);
void alm_exact_sum_add(alm_exact_sum *sum, double x); /* x finite; at most 2^30 calls */
/* +-infinity when the exact sum is beyond the largest double. */
double alm_exact_sum_value(const alm_exact_sum *sum);

#endif
