/* digits.h: up to eight decimal digits at once, for the readers of numbers. */
#ifndef ALM_BASE_DIGITS_H
#define ALM_BASE_DIGITS_H

#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "base/error.h"

/* The digits that eight bytes begin with. */
typedef struct alm_digits {
    uint32_t value;
    unsigned count; /* 0: the first byte is no digit, or bytes lie the other way round here */
} alm_digits;

/* The number of eight digits, given as bytes 0 to 9, the first one lowest. */
static inline uint32_t alm_digits_value(uint64_t eight)
{
    eight = (eight * 10 + (eight >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    eight = (eight * 100 + (eight >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    return (uint32_t)(eight * 10000 + (eight >> 32));
}

/* Eight bytes as digits, and the highest bit of each that is none; behind the first of those, the
 * bits mean nothing. */
static inline uint64_t alm_digits_load(const char *at, uint64_t *others)
{
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    eight ^= UINT64_C(0x3030303030303030);
    *others = ((eight + UINT64_C(0x7676767676767676)) | eight) & UINT64_C(0x8080808080808080);
    return eight;
}

/* Reads eight bytes. Without branches, because lengths of numbers are hard to foresee: pairs of
 * neighbours become numbers below 100, those below 10^4, those below 10^8. */
static inline alm_digits alm_digits_at(const char *at)
{
    uint64_t others, eight = alm_digits_load(at, &others);
    unsigned count = others != 0 ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    count = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? count : 0;
    eight = count < 8 ? eight << (56 - 8 * count) << 8 : eight; /* zeros in front */
    return (alm_digits){alm_digits_value(eight), count};
}

/* Bit i is set where byte i of sixteen is no digit; all are set where bytes lie the other way
 * round. Behind a byte above 127 bits may mean nothing. */
static inline unsigned alm_digits_others(const char *at)
{
#ifdef __SSE2__
    __m128i all = _mm_xor_si128(_mm_loadu_si128((const __m128i *)at), _mm_set1_epi8('0'));
    __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(all, _mm_set1_epi8(9)), all);
    return (unsigned)_mm_movemask_epi8(digits) ^ 0xFFFF;
#else
    const uint64_t gather = UINT64_C(0x0002040810204081); /* the highest bits of eight bytes */
    uint64_t low, high;
    (void)alm_digits_load(at, &low);
    (void)alm_digits_load(at + 8, &high);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
               ? (unsigned)(low * gather >> 56 | (high * gather >> 56) << 8)
               : 0xFFFF;
#endif
}

/* The number of the digits of "123.4567", `whole` (1 to 6) before the point and so many that there
 * are `count` (2 to 7): what is behind the point moves to its place. Reads eight bytes. */
static inline uint32_t alm_digits_around_point(const char *at, unsigned whole, unsigned count)
{
    uint64_t others, eight = alm_digits_load(at, &others);
    uint64_t before = ((uint64_t)1 << 8 * whole) - 1;
    eight = (eight & before) | (eight >> 8 & ~before);
    return alm_digits_value(eight << (64 - 8 * count)); /* zeros in front */
}

/* The number of the first 1 to 8 of eight bytes, which are digits. */
static inline uint32_t alm_digits_first(const char *at, unsigned count)
{
    uint64_t others, eight = alm_digits_load(at, &others);
    return alm_digits_value(eight << (64 - 8 * count)); /* zeros in front */
}

/* A number below 10^8 as eight digits: fours, then pairs, then digits side by side. The factors
 * divide by 100 and by 10, rightly for all numbers of four and of two digits. */
static inline void alm_digits_put(uint32_t value, char *out)
{
    uint64_t eight = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t tens = eight * 10486 >> 20 & UINT64_C(0x0000007F0000007F);
    eight = tens | (eight - 100 * tens) << 16;
    tens = eight * 103 >> 10 & UINT64_C(0x000F000F000F000F);
    eight = tens | (eight - 10 * tens) << 8;
    for (int i = 0; i < 8; i++) {
        out[i] = (char)('0' + (eight >> 8 * i & 0xFF));
    }
}

#endif
