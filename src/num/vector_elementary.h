/* vector_elementary.h: exp, sigmoid, log(1 + exp) and softmax of many numbers at once.
 *
 * Each is within 1 ulp of the correctly rounded value of the formula, for every double: denormal
 * results too, NaN gives NaN, infinities their limits, and nothing overflows on the way (the
 * sigmoid of -745 is its denormal, log(1 + exp(800)) is 800). They are written as +, -, *, / and
 * fma on every element by itself, and compiled for several vector widths (base/wide_vectors.h), so
 * bits depend neither on the CPU nor on the elements beside. For one number at a time there is
 * elementary.h, whose bits are others (within 1 ulp too). No allocation, no state; any thread.
 *
 * exp(x) = 2^n exp(r) with |r| <= log(2) / 2, where exp(r) is its Taylor polynomial of degree 13
 * (the rest is below 2^-57 of it) kept as a sum of two doubles, as is what is made of it (Dekker
 * 1971); log(1 + e) = 2 artanh(e / (2 + e)), or log(2) + 2 artanh((e - 1) / (e + 3)), by a series
 * likewise. */
#ifndef ALM_NUM_VECTOR_ELEMENTARY_H
#define ALM_NUM_VECTOR_ELEMENTARY_H

#include <stddef.h>

/* x and out: n values; they may be the same memory, and may not overlap otherwise. */
void alm_exp_each(const double *x, size_t n, double *out);
void alm_sigmoid_each(const double *x, size_t n, double *out);  /* 1 / (1 + exp(-x)) */
void alm_softplus_each(const double *x, size_t n, double *out); /* log(1 + exp(x)) */

/* x and out: rows x count, count >= 1: exp(x_k) over the sum of all in the row. A row with a NaN,
 * or with +inf, is all NaN; -inf gives 0, but a row of nothing else NaN. */
void alm_softmax_rows(const double *x, size_t rows, size_t count, double *out);

#endif
