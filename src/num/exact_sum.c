#include "num/exact_sum.h"

#include "base/error.h"

#include <math.h>

#define LIMB_BITS 32
#define LIMB_MASK 0xFFFFFFFFu
#define SMALLEST_EXPONENT (-1074) /* of the unit of limb 0 */
#define MANTISSA_BITS 53

void alm_exact_sum_clear(alm_exact_sum *sum)
{
    memset(sum, 0, sizeof *sum);
}

void alm_exact_sum_add(alm_exact_sum *sum, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t biased = (bits >> 52) & 0x7FF;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    alm_assert(biased != 0x7FF);
    /* A subnormal has the exponent of the smallest normal and no hidden bit. */
    uint64_t shift = biased ? biased - 1 : 0;
    mantissa |= biased ? UINT64_C(1) << 52 : 0;
    alm_u128 wide = (alm_u128)mantissa << (shift % LIMB_BITS);
    int64_t *limb = sum->limb + shift / LIMB_BITS;
    int64_t sign = (bits >> 63) ? -1 : 1;
    limb[0] += sign * (int64_t)((uint64_t)wide & LIMB_MASK);
    limb[1] += sign * (int64_t)((uint64_t)(wide >> LIMB_BITS) & LIMB_MASK);
    limb[2] += sign * (int64_t)((uint64_t)(wide >> (2 * LIMB_BITS)) & LIMB_MASK);
}

/* Leaves every limb but the last in 0..2^32-1; the last carries the sign. */
static void fold(int64_t limb[ALM_EXACT_SUM_LIMBS])
{
    int64_t carry = 0;
    for (size_t i = 0; i + 1 < ALM_EXACT_SUM_LIMBS; i++) {
        int64_t value = limb[i] + carry;
        limb[i] = value & LIMB_MASK;
        carry = (value - limb[i]) / ((int64_t)1 << LIMB_BITS);
    }
    limb[ALM_EXACT_SUM_LIMBS - 1] += carry;
}

/* The 53 bits from bit `top` downwards of a folded, non-negative number, rounded to even. */
static double round_at(const int64_t limb[ALM_EXACT_SUM_LIMBS], int top)
{
    int lowest = top - (MANTISSA_BITS - 1);
    lowest = lowest > 0 ? lowest : 0;
    uint64_t mantissa = 0;
    for (int bit = top; bit >= lowest; bit--) {
        mantissa = mantissa << 1 | ((uint64_t)limb[bit / LIMB_BITS] >> (bit % LIMB_BITS) & 1);
    }
    bool half = lowest > 0 &&
                ((uint64_t)limb[(lowest - 1) / LIMB_BITS] >> ((lowest - 1) % LIMB_BITS) & 1);
    if (half) {
        int below = lowest - 1;
        uint64_t rest = (uint64_t)limb[below / LIMB_BITS] &
                        ((UINT64_C(1) << (below % LIMB_BITS)) - 1);
        for (int i = 0; i < below / LIMB_BITS && rest == 0; i++) {
            rest = (uint64_t)limb[i];
        }
        mantissa += rest != 0 || (mantissa & 1);
    }
    return ldexp((double)mantissa, lowest + SMALLEST_EXPONENT);
}

double alm_exact_sum_value(const alm_exact_sum *sum)
{
    int64_t limb[ALM_EXACT_SUM_LIMBS];
    memcpy(limb, sum->limb, sizeof limb);
    fold(limb);
    bool negative = limb[ALM_EXACT_SUM_LIMBS - 1] < 0;
    if (negative) {
        for (size_t i = 0; i < ALM_EXACT_SUM_LIMBS; i++) {
            limb[i] = -limb[i];
        }
        fold(limb);
    }
    int highest = ALM_EXACT_SUM_LIMBS - 1;
    while (highest >= 0 && limb[highest] == 0) {
        highest--;
    }
    if (highest < 0) {
        return 0;
    }
    int top = highest * LIMB_BITS + 63 - __builtin_clzll((uint64_t)limb[highest]);
    double value = round_at(limb, top);
    return negative ? -value : value;
}
