/* exact_sum.h: sums of doubles without rounding, rounded once at the end.
 *
 * The sum of a window must not depend on where a replay began or on the order of its terms, so it
 * is the correctly rounded (to nearest, ties to even) value of the exact sum: what Python's
 * math.fsum gives. Two representations give the same bits:
 *   - alm_fixed: a 128-bit fixed-point number with quantum 2^-64, a few cycles per term. Prefix
 *     sums may wrap around: a difference of two prefixes is exact as long as it fits itself.
 *   - alm_exact_sum: every finite double, about 100 cycles to round (R. Neal, "Fast exact
 *     summation using small and large superaccumulators", 2015: the small one).
 * A sum of nothing, or of zeros of any sign, is +0. Thread safety: values, no shared state. */
#ifndef ALM_NUM_EXACT_SUM_H
#define ALM_NUM_EXACT_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef __int128 alm_i128;
__extension__ typedef unsigned __int128 alm_u128;

#define ALM_FIXED_FRACTION_BITS 64
/* Terms are below this, so up to 2^15 of them fit. */
#define ALM_FIXED_TERM_LIMIT 0x1p48
#define ALM_FIXED_TERM_COUNT_MAX (1 << 15)

/* False if `x` is not a multiple of 2^-64, too large or not finite; `out` is then 0. */
static inline bool alm_fixed_of(double x, alm_i128 *out)
{
    double magnitude = x < 0 ? -x : x;
    *out = 0;
    if (!(magnitude < ALM_FIXED_TERM_LIMIT)) {
        return false;
    }
    uint64_t whole = (uint64_t)(int64_t)magnitude;
    /* Both steps are exact: x and its whole part share their quantum, and 2^64 is a power of 2. */
    double fraction = (magnitude - (double)(int64_t)whole) * 0x1p64;
    uint64_t low = (uint64_t)fraction;
    if ((double)low != fraction) {
        return false;
    }
    alm_i128 value = (alm_i128)(((alm_u128)whole << ALM_FIXED_FRACTION_BITS) | low);
    *out = x < 0 ? -value : value;
    return true;
}

/* Correctly rounded. The top 63 bits of the magnitude, the last of them standing for all bits
 * below ("sticky"), are converted with one rounding; scaling by a power of two is exact. */
static inline double alm_fixed_value(alm_i128 fixed)
{
    if ((uint64_t)fixed == 0) {
        return (double)(int64_t)(fixed >> ALM_FIXED_FRACTION_BITS);
    }
    alm_u128 magnitude = fixed < 0 ? -(alm_u128)fixed : (alm_u128)fixed;
    uint64_t high = (uint64_t)(magnitude >> 64);
    uint64_t low = (uint64_t)magnitude;
    int zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll(low);
    /* zeros >= 1, because terms are limited; bit 127 of `top` is clear. */
    alm_u128 top = magnitude << (zeros - 1);
    uint64_t kept = (uint64_t)(top >> 64) | ((uint64_t)top != 0);
    uint64_t scale_bits = (uint64_t)(1023 + 1 - zeros) << 52;
    double scale;
    memcpy(&scale, &scale_bits, sizeof scale);
    double value = (double)(int64_t)kept * scale;
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
