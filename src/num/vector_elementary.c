#include "num/vector_elementary.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/wide_vectors.h"

#define CHUNK 16  /* elements of a loop of fixed length, which the compiler turns into vectors */
#define BLOCK 512 /* elements of softmax at a time */

#define LOG2_E 0x1.71547652b82fep+0
#define LN2_HIGH 0x1.62e42fefa3800p-1 /* 42 bits, so that n times it is exact */
#define LN2_LOW 0x1.ef35793c76730p-45
#define WHOLE 0x1.8p52  /* adding it rounds to a whole number, which its lowest bits then hold */
#define FARTHEST 800.0 /* beyond it exp is 0 or infinite */
#define UNSEEN (-200.0) /* powers of two that nothing adds to a sum of 1 */

/* A number as a sum of two, the second at most half an ulp of the first. */
typedef struct pair {
    double high, low;
} pair;

/* |a| >= |b|, or a == 0 */
ALM_INLINE pair add_ordered(double a, double b)
{
    double sum = a + b;
    return (pair){sum, b - (sum - a)};
}

ALM_INLINE pair add_exactly(double a, double b)
{
    double sum = a + b;
    double part = sum - a;
    return (pair){sum, (a - (sum - part)) + (b - part)};
}

/* a / b: the first is the rounded quotient, both together are right to 2^-100 of it. */
ALM_INLINE pair divide(pair a, pair b)
{
    double inverse = 1.0 / b.high;
    double quotient = a.high * inverse;
    double rest = fma(-quotient, b.high, a.high) + fma(-quotient, b.low, a.low);
    return add_ordered(quotient, rest * inverse);
}

/* 2^n for a whole n within +-1022. */
ALM_INLINE double power_of_two(double n)
{
    double shifted = n + (WHOLE + 1023.0);
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* x 2^n, rounded once: the first product is exact, for |x| near 1. */
ALM_INLINE double scale(double x, double n)
{
    double half = fma(n, 0.5, WHOLE) - WHOLE;
    return x * power_of_two(half) * power_of_two(n - half);
}

/* exp(x + low) = *n powers of two of the pair, which is within [0.7, 1.5). `low` is tiny. */
ALM_INLINE pair exp_parts(double x, double low, double *n)
{
    x = x < -FARTHEST ? -FARTHEST : x;
    x = x > FARTHEST ? FARTHEST : x;
    double whole = fma(x, LOG2_E, WHOLE) - WHOLE;
    double r = fma(whole, -LN2_HIGH, x); /* exact */
    double part = whole * LN2_LOW;
    pair rest = add_exactly(r, -part);
    rest.low = rest.low - fma(whole, LN2_LOW, -part) + low;
    r = rest.high;
    double p = 1.0 / 6227020800.0;
    p = fma(p, r, 1.0 / 479001600.0);
    p = fma(p, r, 1.0 / 39916800.0);
    p = fma(p, r, 1.0 / 3628800.0);
    p = fma(p, r, 1.0 / 362880.0);
    p = fma(p, r, 1.0 / 40320.0);
    p = fma(p, r, 1.0 / 5040.0);
    p = fma(p, r, 1.0 / 720.0);
    p = fma(p, r, 1.0 / 120.0);
    p = fma(p, r, 1.0 / 24.0);
    p = fma(p, r, 1.0 / 6.0);
    p = fma(p, r, 0.5);
    *n = whole;
    double grown = p * (r * r);
    pair sum = add_ordered(1.0, r);
    sum.low += fma(rest.low, 1.0 + (r + grown), grown); /* exp(r + low) = exp(r) + low exp(r) */
    return add_ordered(sum.high, sum.low);
}

/* One bit pattern for NaN, whatever the order of operands was. */
ALM_INLINE double with_nan(double x, double value)
{
    return x == x ? value : (double)NAN;
}

ALM_INLINE double exp_one(double x)
{
    double n;
    pair e = exp_parts(x, 0.0, &n);
    return with_nan(x, scale(e.high, n));
}

/* e = exp(-|x|); 1 / (1 + e) above zero, else e / (1 + e). */
ALM_INLINE double sigmoid_one(double x)
{
    double n;
    pair e = exp_parts(-fabs(x), 0.0, &n);
    double power = power_of_two(n < UNSEEN ? UNSEEN : n);
    pair sum = add_ordered(1.0, e.high * power);
    sum.low = fma(e.low, power, sum.low);
    bool below = x < 0;
    pair over = {below ? e.high : 1.0, below ? e.low : 0.0};
    return with_nan(x, scale(divide(over, sum).high, below ? n : 0.0));
}

/* 2 artanh(top / bottom) for |top / bottom| < 0.172, plus n log(2). */
ALM_INLINE pair log_ratio(pair top, pair bottom, double n)
{
    pair s = divide(top, bottom);
    double q = s.high * s.high;
    double p = 2.0 / 21.0;
    p = fma(p, q, 2.0 / 19.0);
    p = fma(p, q, 2.0 / 17.0);
    p = fma(p, q, 2.0 / 15.0);
    p = fma(p, q, 2.0 / 13.0);
    p = fma(p, q, 2.0 / 11.0);
    p = fma(p, q, 2.0 / 9.0);
    p = fma(p, q, 2.0 / 7.0);
    p = fma(p, q, 2.0 / 5.0);
    p = fma(p, q, 2.0 / 3.0);
    pair sum = add_exactly(n * LN2_HIGH, 2.0 * s.high);
    sum.low += fma(n, LN2_LOW, fma(p * q, s.high, 2.0 * s.low));
    return add_ordered(sum.high, sum.low);
}

/* max(x, 0) + log(1 + e) with e = exp(-|x|). Where e is below 2^-60 the sum is max(x, 0) or e. */
ALM_INLINE double softplus_one(double x)
{
    double n;
    pair e = exp_parts(-fabs(x), 0.0, &n);
    bool tiny = n < -60.0;
    double power = power_of_two(n < UNSEEN ? UNSEEN : n);
    pair part = {e.high * power, e.low * power};
    bool above = part.high > 0.41421356237309503; /* 1 + e above the root of 2: log(2) apart */
    pair top = add_ordered(above ? -1.0 : part.high, above ? part.high : 0.0);
    pair bottom = add_ordered(above ? 3.0 : 2.0, part.high);
    top.low += part.low;
    bottom.low += part.low;
    pair value = log_ratio(top, bottom, above ? 1.0 : 0.0);
    double scaled = scale(e.high, n);
    double positive = x > 0 ? x : 0.0;
    pair sum = add_exactly(positive, value.high);
    double near = sum.high + (sum.low + value.low), far = positive + scaled;
    return with_nan(x, tiny ? far : near);
}

/* ---- many ---- */

typedef enum formula { EXP, SIGMOID, SOFTPLUS } formula;

ALM_INLINE void chunk(formula f, const double *x, double *out)
{
    for (size_t i = 0; i < CHUNK; i++) {
        out[i] = f == EXP ? exp_one(x[i]) : f == SIGMOID ? sigmoid_one(x[i]) : softplus_one(x[i]);
    }
}

/* What is left of a chunk is filled up, so that its elements go the same way. */
ALM_INLINE void each(formula f, const double *x, size_t n, double *out)
{
    double given[CHUNK], made[CHUNK];
    size_t i = 0;
    for (; i + CHUNK <= n; i += CHUNK) {
        memcpy(given, x + i, sizeof given);
        chunk(f, given, made);
        memcpy(out + i, made, sizeof made);
    }
    if (i < n) {
        memset(given, 0, sizeof given);
        memcpy(given, x + i, (n - i) * sizeof *given);
        chunk(f, given, made);
        memcpy(out + i, made, (n - i) * sizeof *made);
    }
}

ALM_WIDE_VECTORS
void alm_exp_each(const double *x, size_t n, double *out)
{
    each(EXP, x, n, out);
}

ALM_WIDE_VECTORS
void alm_sigmoid_each(const double *x, size_t n, double *out)
{
    each(SIGMOID, x, n, out);
}

ALM_WIDE_VECTORS
void alm_softplus_each(const double *x, size_t n, double *out)
{
    each(SOFTPLUS, x, n, out);
}

/* ---- softmax ---- */

typedef struct parts { /* exp of a block as pairs and powers of two, and multiplied by these */
    double high[BLOCK], low[BLOCK], n[BLOCK];
    double seen_high[BLOCK], seen_low[BLOCK];
    double under_high[BLOCK], under_low[BLOCK]; /* what each is divided by */
} parts;

/* A NaN behind the first is passed over; it makes the sum NaN. */
ALM_INLINE double largest(const double *x, size_t count)
{
    double top = x[0];
    for (size_t i = 1; i < count; i++) {
        top = x[i] > top ? x[i] : top;
    }
    return top;
}

/* exp(x - top) of count <= BLOCK elements; top of each in under_high. */
ALM_INLINE void exp_block(const double *x, size_t count, parts *b)
{
    for (size_t first = 0; first < count; first += CHUNK) {
        double given[CHUNK] = {0};
        memcpy(given, x + first, (count - first < CHUNK ? count - first : CHUNK) * sizeof *given);
        for (size_t i = 0; i < CHUNK; i++) {
            size_t at = first + i;
            pair from = add_exactly(given[i], -b->under_high[at]);
            double low = from.high > -FARTHEST ? from.low : 0.0;
            pair e = exp_parts(from.high, low, &b->n[at]);
            double power = power_of_two(b->n[at] < UNSEEN ? UNSEEN : b->n[at]);
            b->high[at] = with_nan(from.high, e.high);
            b->low[at] = e.low;
            b->seen_high[at] = b->high[at] * power;
            b->seen_low[at] = e.low * power;
        }
    }
}

/* Adds the block's elements, in order. Too small ones count as 2^-200, which nobody sees. */
ALM_INLINE pair add_parts(pair sum, const parts *b, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        pair next = add_exactly(sum.high, b->seen_high[i]);
        sum = (pair){next.high, sum.low + (next.low + b->seen_low[i])};
    }
    return sum;
}

ALM_INLINE void divide_block(const parts *b, size_t count, double *out)
{
    for (size_t first = 0; first < count; first += CHUNK) {
        double made[CHUNK];
        for (size_t i = 0; i < CHUNK; i++) {
            size_t at = first + i;
            pair over = {b->high[at], b->low[at]};
            pair under = {b->under_high[at], b->under_low[at]};
            double value = scale(divide(over, under).high, b->n[at]);
            made[i] = with_nan(value, value);
        }
        memcpy(out + first, made, (count - first < CHUNK ? count - first : CHUNK) * sizeof *made);
    }
}

/* Rows that fit a block together. */
ALM_INLINE void softmax_short(const double *x, size_t rows, size_t count, parts *b, double *out)
{
    for (size_t r = 0; r < rows; r++) {
        double top = largest(x + r * count, count);
        for (size_t i = 0; i < count; i++) {
            b->under_high[r * count + i] = top;
        }
    }
    exp_block(x, rows * count, b);
    for (size_t r = 0; r < rows; r++) {
        pair sum = add_parts((pair){0}, b, r * count, count);
        sum = add_ordered(sum.high, sum.low);
        for (size_t i = r * count; i < (r + 1) * count; i++) {
            b->under_high[i] = sum.high;
            b->under_low[i] = sum.low;
        }
    }
    divide_block(b, rows * count, out);
}

static void fill(double *to, double value)
{
    for (size_t i = 0; i < BLOCK; i++) {
        to[i] = value;
    }
}

/* A row of more than a block: its exponentials are made twice. */
ALM_INLINE void softmax_long(const double *x, size_t count, parts *b, double *out)
{
    double top = largest(x, count);
    pair sum = {0};
    fill(b->under_high, top);
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t size = count - at < BLOCK ? count - at : BLOCK;
        exp_block(x + at, size, b);
        sum = add_parts(sum, b, 0, size);
    }
    sum = add_ordered(sum.high, sum.low);
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t size = count - at < BLOCK ? count - at : BLOCK;
        fill(b->under_high, top);
        exp_block(x + at, size, b);
        fill(b->under_high, sum.high);
        fill(b->under_low, sum.low);
        divide_block(b, size, out + at);
    }
}

ALM_WIDE_VECTORS
void alm_softmax_rows(const double *x, size_t rows, size_t count, double *out)
{
    parts b = {0};
    if (count > BLOCK) {
        for (size_t r = 0; r < rows; r++) {
            softmax_long(x + r * count, count, &b, out + r * count);
        }
        return;
    }
    size_t together = BLOCK / count;
    for (size_t r = 0; r < rows; r += together) {
        size_t some = rows - r < together ? rows - r : together;
        softmax_short(x + r * count, some, count, &b, out + r * count);
    }
}
