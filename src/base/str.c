#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"

alm_str alm_str_of(const char *text)
{
    return text ? (alm_str){text, strlen(text)} : (alm_str){"", 0};
}

bool alm_str_equal(alm_str a, alm_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool alm_str_is(alm_str a, const char *text)
{
    return alm_str_equal(a, alm_str_of(text));
}

int alm_str_compare(alm_str a, alm_str b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

bool alm_str_starts_with(alm_str a, const char *prefix)
{
    size_t size = strlen(prefix);
    return a.size >= size && (size == 0 || memcmp(a.data, prefix, size) == 0);
}

/* Length of the well-formed sequence at `p` (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t size = p[0] >= 0xC2 && p[0] <= 0xDF ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : 0;
    if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        size = 4;
    }
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool outside = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return overlong || outside ? 0 : size;
}

bool alm_str_is_utf8(alm_str a, size_t *bad_offset)
{
    size_t i = 0;
    while (i < a.size) {
        size_t size = utf8_sequence((const unsigned char *)a.data + i, a.size - i);
        if (size == 0) {
            if (bad_offset) {
                *bad_offset = i;
            }
            return false;
        }
        i += size;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

alm_str alm_str_trim(alm_str a)
{
    while (a.size && is_blank(a.data[0])) {
        a.data++;
        a.size--;
    }
    while (a.size && is_blank(a.data[a.size - 1])) {
        a.size--;
    }
    return a;
}

alm_str alm_str_split(alm_str *rest, char separator)
{
    alm_assert(rest->data);
    const char *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    alm_str part = *rest;
    if (end) {
        part.size = (size_t)(end - rest->data);
        rest->data = end + 1;
        rest->size -= part.size + 1;
    } else {
        *rest = (alm_str){NULL, 0};
    }
    return part;
}

bool alm_str_is_safe_name(alm_str a)
{
    if (a.size == 0 || a.size > 100 || a.data[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

bool alm_str_to_i64(alm_str a, int64_t *out)
{
    size_t i = a.size && (a.data[0] == '-' || a.data[0] == '+') ? 1 : 0;
    bool negative = i && a.data[0] == '-';
    if (i == a.size) {
        return false;
    }
    /* Counts downwards, because the smallest number has no positive twin. */
    int64_t value = 0;
    for (; i < a.size; i++) {
        int digit = a.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (!negative && value == INT64_MIN) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

__extension__ typedef unsigned __int128 wide;

/* A power of five moved up to the highest bit, by how many bits, and its reciprocal: the lower half
 * of 2^128 / power, rounded down. */
typedef struct divisor {
    uint64_t power, reciprocal;
    int moved;
} divisor;
#define MOVED(five) ((uint64_t)(five) << __builtin_clzll(five))
#define DIVISOR(five) {MOVED(five), (uint64_t)(~(wide)0 / MOVED(five)), __builtin_clzll(five)}
static const divisor DIVISORS[] = {
    DIVISOR(1u), DIVISOR(5u), DIVISOR(25u), DIVISOR(125u), DIVISOR(625u), DIVISOR(3125u),
    DIVISOR(15625u), DIVISOR(78125u), DIVISOR(390625u), DIVISOR(1953125u), DIVISOR(9765625u),
    DIVISOR(48828125u), DIVISOR(244140625u), DIVISOR(1220703125u), DIVISOR(6103515625u),
    DIVISOR(30517578125u), DIVISOR(152587890625u), DIVISOR(762939453125u),
    DIVISOR(3814697265625u), DIVISOR(19073486328125u), DIVISOR(95367431640625u),
    DIVISOR(476837158203125u), DIVISOR(2384185791015625u), DIVISOR(11920928955078125u),
    DIVISOR(59604644775390625u), DIVISOR(298023223876953125u), DIVISOR(1490116119384765625u),
    DIVISOR(7450580596923828125u)};

/* The quotient; bit 0 is set also when it is not whole. high < d->power. Moeller and Granlund,
 * "Improved division by invariant integers" (2011), algorithm 4. */
static inline uint64_t divide(uint64_t high, uint64_t low, const divisor *d)
{
    wide product = (wide)d->reciprocal * high + ((wide)high << 64 | low);
    uint64_t quotient = (uint64_t)(product >> 64) + 1, rest = low - quotient * d->power;
    bool above = rest > (uint64_t)product;
    quotient -= above;
    rest += above ? d->power : 0;
    bool below = rest >= d->power;
    quotient += below;
    rest -= below ? d->power : 0;
    return quotient | (rest != 0);
}

/* digits / 10^places, correctly rounded, for digits > 0 and places up to 27, the last for which
 * 5^places fits 63 bits. One division of whole numbers gives at least 62 bits of the quotient, and
 * whether there is more behind them; a double takes 53. */
static inline double decimal_quotient(uint64_t digits, unsigned places)
{
    const divisor *d = &DIVISORS[places];
    int up = __builtin_clzll(digits);
    uint64_t high = digits << up;
    uint64_t quotient = divide(high >> 1, high << 63, d);
    int64_t half = (int64_t)(quotient >> 1 | (quotient & 1)); /* signed ones convert faster */
    uint64_t scale_bits = (uint64_t)(1023 + d->moved - up - (int)places - 62) << 52;
    double scale;
    memcpy(&scale, &scale_bits, sizeof scale);
    return (double)half * scale; /* a power of two, far from the subnormal numbers */
}

/* Parts of a decimal: digits * 10^exponent. */
typedef struct decimal {
    uint64_t digits;
    int count; /* of the digits behind leading zeros, at most 19, so that they fit */
    int64_t exponent;
} decimal;

/* Appends the digits from `at` on to *digits, which may overflow; the place behind them. */
static const char *take_digits(const char *at, const char *end, uint64_t *digits)
{
    uint64_t value = *digits;
    for (; end - at >= 8; at += 8) {
        alm_digits eight = alm_digits_at(at);
        if (eight.count < 8) {
            break;
        }
        value = value * 100000000 + eight.value;
    }
    for (; at < end && (unsigned)(*at - '0') <= 9; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *digits = value;
    return at;
}

static bool split_decimal(alm_str a, decimal *out)
{
    const char *end = a.data + a.size, *begin = a.data + (a.size > 0 && a.data[0] == '-');
    *out = (decimal){0};
    const char *at = take_digits(begin, end, &out->digits);
    ptrdiff_t written = at - begin, fraction = 0;
    if (at < end && *at == '.') {
        const char *point = at;
        at = take_digits(at + 1, end, &out->digits);
        fraction = at - point - 1;
        written += fraction;
        if (fraction == 0) {
            return false;
        }
    }
    const char *first = begin;
    while (first < at && (*first == '0' || *first == '.')) {
        first++;
    }
    /* Digits behind the leading zeros; the point is counted where it stands among them. */
    ptrdiff_t count = at - first - (fraction > 0 && at - first > fraction);
    if (written == 0 || count > 19) {
        return false;
    }
    out->count = (int)count;
    if (at < end) {
        alm_str exponent = {at + 1, (size_t)(end - at - 1)};
        if ((*at != 'e' && *at != 'E') || !alm_str_to_i64(exponent, &out->exponent) ||
            out->exponent < -999 || out->exponent > 999) {
            return false;
        }
    }
    out->exponent -= fraction;
    return true;
}

/* Powers of ten that are doubles. */
#define EXACT_POWER_MAX 22
static const double EXACT_POWER[EXACT_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A number in the C locale, whatever locale the embedding program has set. newlocale costs a
 * microsecond, so the common forms are read directly and exactly: at most 15 digits and a power of
 * ten up to 22 are exact doubles, so one multiplication or division of them is correctly rounded;
 * up to 19 digits and 27 decimals (what writing 17 digits gives) take a division of integers. */
static bool short_decimal(alm_str a, double *out)
{
    decimal d;
    double value = 0;
    if (!split_decimal(a, &d)) {
        return false;
    }
    if (d.count <= 15 && d.exponent >= -EXACT_POWER_MAX && d.exponent <= EXACT_POWER_MAX) {
        value = d.exponent < 0 ? (double)d.digits / EXACT_POWER[-d.exponent]
                               : (double)d.digits * EXACT_POWER[d.exponent];
    } else if (d.digits > 0 && d.exponent >= -27 && d.exponent < 0) {
        value = decimal_quotient(d.digits, (unsigned)-d.exponent);
    } else {
        return false;
    }
    *out = a.data[0] == '-' ? -value : value;
    return true;
}

#define PLAIN_DIGITS 19 /* are below 2^64 */

bool alm_str_plain_decimal(alm_str a, double *out)
{
    static const uint32_t POWER[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *at = a.data + (a.data[0] == '-');
    alm_digits whole = alm_digits_at(at);
    at += whole.count;
    ptrdiff_t left = a.data + a.size - at - 1, places = left;
    /* Seven digits at most, so that the byte behind them is in the text. */
    bool fits = whole.count > 0 && whole.count < 8 && left > 0 && left <= PLAIN_DIGITS;
    if (!fits || *at != '.' || (whole.value > 0 && whole.count + places > PLAIN_DIGITS)) {
        return false;
    }
    uint64_t digits = whole.value, bad = 0, others;
    for (at++; left >= 8; left -= 8, at += 8) {
        digits = digits * 100000000 + alm_digits_value(alm_digits_load(at, &others));
        bad |= others;
    }
    unsigned shift = 8 * (7 - (unsigned)left); /* zeros in front */
    uint64_t rest = alm_digits_load(at, &others) << shift << 8;
    bad |= others << shift << 8;
    digits = digits * POWER[left] + alm_digits_value(rest);
    if (bad != 0) {
        return false;
    }
    double value = digits < (uint64_t)1 << 53 ? (double)digits / EXACT_POWER[places]
                                              : decimal_quotient(digits, (unsigned)places);
    *out = a.data[0] == '-' ? -value : value;
    return true;
}

static bool is_number_text(alm_str a)
{
    for (size_t i = 0; i < a.size; i++) {
        char c = a.data[i];
        if (!(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E') {
            return false;
        }
    }
    char last = a.data[a.size - 1];
    return last >= '0' && last <= '9';
}

/* strtod or strtof of a whole text in the C locale; the one that is wanted has its place given. */
static bool number_in_c_locale(alm_str a, double *to_double, float *to_float)
{
    char text[400];
    if (a.size == 0 || a.size >= sizeof text || !is_number_text(a)) {
        return false;
    }
    memcpy(text, a.data, a.size);
    text[a.size] = '\0';
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0) {
        return false;
    }
    char *end = NULL;
    double value = 0;
    float single = 0;
    if (to_double != NULL) {
        value = strtod_l(text, &end, c_locale);
    } else {
        single = strtof_l(text, &end, c_locale);
    }
    freelocale(c_locale);
    if (end != text + a.size || !isfinite(value) || !isfinite(single)) {
        return false;
    }
    if (to_double != NULL) {
        *to_double = value;
    } else {
        *to_float = single;
    }
    return true;
}

bool alm_str_to_double(alm_str a, double *out)
{
    return short_decimal(a, out) || number_in_c_locale(a, out, NULL);
}

bool alm_str_to_float(alm_str a, float *out)
{
    double value = 0;
    uint64_t bits = 0;
    if (short_decimal(a, &value)) {
        memcpy(&bits, &value, sizeof bits);
        /* A rounded double decides like the decimal, unless it sits exactly between two floats. */
        bool between = (bits & 0x1FFFFFFFu) == 0x10000000u;
        double size = fabs(value);
        if (!between && (size == 0 || (size >= 0x1p-126 && size < 0x1p127))) {
            *out = (float)value;
            return true;
        }
    }
    return number_in_c_locale(a, NULL, out);
}

/* ---- numbers to text ---- */

/* value > 0 in units of its 17th significant digit: `product` / 2^`shift`, exactly, because a
 * significand has 53 bits and the power of five 63; its first digit is worth 10^`ten`. */
typedef struct scaled {
    wide product;
    unsigned shift;
    uint64_t whole; /* 17 digits */
    uint64_t power; /* what one in the last place of the significand adds to the product */
    uint64_t significand;
    int ten;
} scaled;

#define SIXTEEN_ZEROS UINT64_C(10000000000000000)

/* False outside of about 1e-11 to 1e15: no power of five fits 64 bits, or the text has an exponent
 * or not depending on how many digits there are. */
static bool scale_to_17_digits(double value, scaled *out)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    int binary = (int)(bits >> 52) - 1075;
    uint64_t significand = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    /* 1233 / 4096 is below the logarithm of 2 by so little that this is right or one too small. */
    int ten = (int)floor((binary + 52) * 1233 / 4096.0);
    for (int tries = 0; tries < 2; tries++, ten++) {
        int places = 16 - ten;
        if (places < 2 || places > 27 || binary + places > 0 || binary + places < -127) {
            return false;
        }
        uint64_t power = DIVISORS[places].power >> DIVISORS[places].moved;
        unsigned shift = (unsigned)-(binary + places);
        wide product = (wide)significand * power;
        uint64_t whole = (uint64_t)(product >> shift);
        if (whole < 10 * SIXTEEN_ZEROS) {
            *out = (scaled){product, shift, whole, power, significand, ten};
            return whole >= SIXTEEN_ZEROS;
        }
    }
    return false;
}

/* The value rounded to multiples of `unit` (1, 10, 100) as printf does it: correctly, ties to even.
 * True: the double next to that is the value. A double is the nearest one to what is at most half
 * of its last place away; below a power of two the places are half as large. */
static bool round_to(const scaled *s, unsigned unit, uint64_t *rounded)
{
    uint64_t units = s->whole / unit;
    wide below = s->product - ((wide)(units * unit) << s->shift);
    wide above = ((wide)unit << s->shift) - below;
    bool is_up = above < below || (above == below && (units & 1));
    wide away = is_up ? above : below;
    bool is_power = s->significand == UINT64_C(1) << 52, is_even = !(s->significand & 1);
    wide twice = away << (!is_up && is_power ? 2 : 1);
    *rounded = units + is_up;
    return twice < s->power || (twice == s->power && is_even);
}

/* The same text as %.17g without zeros at the end, of 17 digits and a power of ten, -11 to 14. */
static size_t lay_out(bool negative, uint64_t digits, int ten, char *out)
{
    char digit[17];
    char *at = out;
    int count = 17, whole = ten < -4 ? 1 : ten + 1;
    digit[0] = (char)('0' + digits / SIXTEEN_ZEROS);
    alm_digits_put((uint32_t)(digits / 100000000 % 100000000), digit + 1);
    alm_digits_put((uint32_t)(digits % 100000000), digit + 9);
    while (count > 1 && digit[count - 1] == '0') {
        count--;
    }
    if (negative) {
        *at++ = '-';
    }
    if (whole <= 0) {
        memcpy(at, "0.000", 5);
        at += 2 - whole;
        whole = 0;
    } else {
        memcpy(at, digit, (size_t)whole);
        at += whole;
        *at = '.';
        at += count > whole;
    }
    if (count > whole) {
        memcpy(at, digit + whole, (size_t)(count - whole));
        at += count - whole;
    }
    if (ten < -4) { /* at least 1e-11 */
        memcpy(at, "e-", 2);
        at[2] = (char)('0' + -ten / 10);
        at[3] = (char)('0' + -ten % 10);
        at += 4;
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* %.*g writes the decimal point of the locale of the process; put back the C locale's. */
static size_t print_double(double value, int digits, char out[32])
{
    int size = snprintf(out, 32, "%.*g", digits, value);
    alm_assert(size > 0 && size < 32);
    size_t read = 0;
    size_t write = 0;
    while (out[read]) {
        unsigned char c = (unsigned char)out[read++];
        bool plain = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == 'e';
        if (plain) {
            out[write++] = (char)c;
        } else if (write == 0 || out[write - 1] != '.') {
            out[write++] = '.';
        }
    }
    out[write] = '\0';
    return write;
}

size_t alm_u64_text(uint64_t value, char out[ALM_U64_TEXT_BYTES])
{
    char digits[20];
    int count = 0;
    size_t size = 0;
    do {
        digits[count++] = (char)('0' + value % 10); /* the last one first */
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        out[size++] = digits[--count];
    }
    out[size] = '\0';
    return size;
}

size_t alm_double_text(double value, char out[32])
{
    if (!isfinite(value)) {
        const char *text = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
        memcpy(out, text, strlen(text) + 1);
        return strlen(text);
    }
    if (fabs(value) < 1e15 && value == floor(value) && !(value == 0 && signbit(value))) {
        out[0] = '-';
        return (value < 0) + alm_u64_text((uint64_t)fabs(value), out + (value < 0));
    }
    /* The fewest digits that are read as the same double, of 15 to 17: 15 always survive, except
     * among the subnormal numbers, which have fewer. */
    scaled exact;
    if (scale_to_17_digits(fabs(value), &exact)) {
        static const unsigned UNIT[] = {100, 10, 1};
        uint64_t digits = 0;
        size_t tried = 0;
        while (!round_to(&exact, UNIT[tried], &digits) && tried < 2) {
            tried++;
        }
        digits *= UNIT[tried];
        bool carries = digits == 10 * SIXTEEN_ZEROS; /* 9.99... became 10 */
        return lay_out(value < 0, carries ? SIXTEEN_ZEROS : digits, exact.ten + carries, out);
    }
    size_t size = 0;
    double back = 0;
    for (int count = fabs(value) < 0x1p-1022 ? 1 : 15; count <= 17; count++) {
        size = print_double(value, count, out);
        if (count == 17 || (alm_str_to_double((alm_str){out, size}, &back) && back == value)) {
            break;
        }
    }
    return size;
}

/* ---- growing text ---- */

static bool buffer_reserve(alm_buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 4 - buffer->size) {
        buffer->failed = true;
        return false;
    }
    size_t need = buffer->size + more + 1;
    if (need <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < need) {
        capacity *= 2;
    }
    void *grown = NULL;
    if (alm_heap_try_resize(buffer->data, buffer->size, capacity, &grown, NULL) != ALM_OK) {
        buffer->failed = true;
        return false;
    }
    buffer->data = grown;
    buffer->capacity = capacity;
    return true;
}

char *alm_buffer_extend(alm_buffer *buffer, size_t size)
{
    if (!buffer_reserve(buffer, size)) {
        return NULL;
    }
    char *place = buffer->data + buffer->size;
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return place;
}

void alm_buffer_append(alm_buffer *buffer, const void *data, size_t size)
{
    char *place = alm_buffer_extend(buffer, size);
    if (place && size) {
        memcpy(place, data, size);
    }
}

void alm_buffer_u64(alm_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    alm_buffer_append(buffer, bytes, sizeof bytes);
}

uint64_t alm_u64_at(const char *data)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)(uint8_t)data[i] << (8 * i);
    }
    return value;
}

void alm_buffer_text(alm_buffer *buffer, const char *text)
{
    alm_buffer_append(buffer, text, strlen(text));
}

void alm_buffer_str(alm_buffer *buffer, alm_str text)
{
    alm_buffer_append(buffer, text.data, text.size);
}

void alm_buffer_visible(alm_buffer *buffer, alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        unsigned char next = i + 1 < text.size ? (unsigned char)text.data[i + 1] : 0;
        /* U+0080 to U+009F are control characters too; in UTF-8 they are c2 80 to c2 9f. */
        bool is_wide = c == 0xc2 && next >= 0x80 && next < 0xa0;
        if (c >= 0x20 && c != 0x7f && !is_wide) {
            alm_buffer_append(buffer, &text.data[i], 1);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            alm_buffer_text(buffer, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else {
            alm_buffer_printf(buffer, "\\x%02x", is_wide ? next : c);
            i += is_wide;
        }
    }
}

alm_str alm_str_visible(alm_str text, alm_arena *arena)
{
    bool has_control = false;
    for (size_t i = 0; i < text.size && !has_control; i++) {
        unsigned char c = (unsigned char)text.data[i];
        has_control = c < 0x20 || c == 0x7f || c == 0xc2; /* 0xc2: perhaps */
    }
    if (!has_control) {
        return text;
    }
    alm_buffer out = {0};
    alm_buffer_visible(&out, text);
    alm_str shown = {alm_arena_copy_text(arena, out.data ? out.data : "", out.size), out.size};
    alm_buffer_deinit(&out);
    return shown;
}

void alm_buffer_printf(alm_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    alm_assert(size >= 0);
    if (buffer_reserve(buffer, (size_t)size)) {
        vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

void alm_buffer_double(alm_buffer *buffer, double value)
{
    char text[32];
    alm_buffer_append(buffer, text, alm_double_text(value, text));
}

void alm_buffer_clear(alm_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
    if (buffer->data) {
        buffer->data[0] = '\0';
    }
}

void alm_buffer_deinit(alm_buffer *buffer)
{
    alm_heap_free(buffer->data);
    *buffer = (alm_buffer){0};
}

alm_err alm_buffer_status(const alm_buffer *buffer, alm_error *error)
{
    return buffer->failed ? alm_fail(error, ALM_ERR_MEMORY, "out of memory: a text grew too large")
                          : ALM_OK;
}

alm_str alm_buffer_view(const alm_buffer *buffer)
{
    return buffer->data ? (alm_str){buffer->data, buffer->size} : (alm_str){"", 0};
}
