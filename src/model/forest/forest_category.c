/* forest_category.c: a category's number as CatBoost hashes its text.
 *
 * CatBoost knows categories by the low 32 bits of CityHash64 (version 1.0, Pike and Alakuijala) of
 * their texts. A row holds numbers, so the text is what the library's Python package makes of an
 * integer, "3", or Python's str() of what is none, "2.5" or "nan". */
#include <math.h>
#include <string.h>

#include "model/forest/forest_internal.h"

/* Of the hash: three primes, one more that version 1.0 alone has, and the multiplier of a mix. */
#define K0 0xc3a5c85c97cb3127u
#define K1 0xb492b66fbe98f273u
#define K2 0x9ae16a3b2f90404fu
#define K3 0xc949d7c7509e6557u
#define MIX 0x9ddfea08eb382d69u

#define INTEGER_END 9223372036854775808.0 /* 2^63 */

static uint64_t little_endian(const char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
    }
    return value;
}

/* by 1 .. 63 */
static uint64_t rotate(uint64_t value, size_t by)
{
    return value >> by | value << (64 - by);
}

static uint64_t mix(uint64_t low, uint64_t high)
{
    uint64_t a = (low ^ high) * MIX;
    a ^= a >> 47;
    uint64_t b = (high ^ a) * MIX;
    b ^= b >> 47;
    return b * MIX;
}

/* 1 to 32 bytes */
static uint64_t city_hash(const char *text, size_t size)
{
    if (size > 16) {
        uint64_t a = little_endian(text, 8) * K1;
        uint64_t b = little_endian(text + 8, 8);
        uint64_t c = little_endian(text + size - 8, 8) * K2;
        uint64_t d = little_endian(text + size - 16, 8) * K0;
        return mix(rotate(a - b, 43) + rotate(c, 30) + d, a + rotate(b ^ K3, 20) - c + size);
    }
    if (size > 8) {
        uint64_t first = little_endian(text, 8), last = little_endian(text + size - 8, 8);
        return mix(first, rotate(last + size, size)) ^ last;
    }
    if (size >= 4) {
        return mix(size + (little_endian(text, 4) << 3), little_endian(text + size - 4, 4));
    }
    uint64_t y = (uint64_t)(uint8_t)text[0] + ((uint64_t)(uint8_t)text[size >> 1] << 8);
    uint64_t z = size + ((uint64_t)(uint8_t)text[size - 1] << 2);
    uint64_t value = y * K2 ^ z * K3;
    return (value ^ value >> 47) * K2;
}

/* Decimal digits; printf would do, at ten times the time. */
static size_t integer_text(int64_t value, char text[32])
{
    char digit[24];
    size_t count = 0, size = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digit[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        text[size++] = '-';
    }
    while (count > 0) {
        text[size++] = digit[--count];
    }
    return size;
}

int32_t almi_category_hash(double x)
{
    char text[32];
    bool whole = x >= -INTEGER_END && x < INTEGER_END && x == trunc(x);
    size_t size = whole ? integer_text((int64_t)x, text) : alm_double_text(x, text);
    return (int32_t)(uint32_t)city_hash(text, size);
}
