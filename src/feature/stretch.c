#include "feature/stretch.h"

#include "base/wide_vectors.h"
#include "feature/operator.h"

#include <math.h>
#include <string.h>

/* Squares of whole cells up to this are exact, and so are the sums of windows of them. */
#define SMALL_CELL_MAX 0x1p20

const double *almi_ring_stretch(const double *ring, size_t mask, size_t from, size_t count,
                                double *buffer)
{
    size_t first = from & mask;
    size_t straight = mask + 1 - first;
    if (count <= straight) {
        return ring + first;
    }
    memcpy(buffer, ring + first, straight * sizeof *buffer);
    memcpy(buffer + straight, ring, (count - straight) * sizeof *buffer);
    return buffer;
}

/* ---- cells and their terms ---- */

ALM_WIDE_VECTORS
void almi_stretch_cells(const double *values, size_t count, double *cells)
{
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        cells[i] = almi_finite(values[i]) + 0.0;
    }
}

/* Period states describe the target. A stock-out sale is a lower bound of demand: not usable. */
ALM_WIDE_VECTORS
void almi_stretch_target(const double *values, const uint8_t *states, double closed, size_t count,
                         double *cells)
{
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        uint64_t state = states[i];
        double value = almi_finite(values[i]) + 0.0;
        double other = state == ALM_PERIOD_CLOSED ? closed : ALMI_NAN;
        bool seen = (state == ALM_PERIOD_OBSERVED) | (state == ALM_PERIOD_ZERO);
        cells[i] = seen ? value : other;
    }
}

ALM_WIDE_VECTORS
void almi_stretch_terms(const double *cells, size_t count, almi_terms *terms)
{
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        double cell = cells[i];
        alm_fixed term;
        uint64_t fits = alm_fixed_of(cell, &term);
        uint64_t usable = cell == cell;
        double size = fabs(cell);
        /* 2^52 is added to a whole number below it without rounding. */
        uint64_t small = (size <= SMALL_CELL_MAX) & ((size + 0x1p52) - 0x1p52 == size);
        uint64_t square = alm_bits_of_double(cell * cell + 0x1p52) - alm_bits_of_double(0x1p52);
        uint64_t zero = size == 0;
        terms->high[i] = term.high;
        terms->low[i] = term.low;
        terms->count[i] = usable | (usable & ~fits) << 32;
        terms->zero[i] = zero | (usable & ~small) << 32;
        terms->square[i] = square & -small;
    }
}

/* ---- sums ---- */

/* A count below 2^52 as a double. */
ALM_INLINE double count_value(uint64_t count)
{
    return alm_double_of_bits(count | alm_bits_of_double(0x1p52)) - 0x1p52;
}

/* What a loop met that its formula does not cover: high bits that are set in some element. */
typedef struct uncovered {
    uint64_t sum;   /* from bit 52: alm_fixed_near */
    uint64_t count; /* from bit 32: cells that alm_fixed cannot hold */
} uncovered;

ALM_INLINE bool all_covered(uncovered met)
{
    return met.sum >> 52 == 0 && met.count >> 32 == 0;
}

ALM_INLINE double sum_at(const almi_stretch *s, size_t i, uint64_t *beyond)
{
    int64_t high = (int64_t)((uint64_t)s->newest.high[i] - (uint64_t)s->before.high[i]);
    return alm_fixed_near(high, s->newest.low[i] - s->before.low[i], beyond);
}

/* The loops exist twice, for windows of which all cells are usable and for any: `full` is constant
 * in each. */
ALM_INLINE double usable_at(const almi_stretch *s, size_t i, bool full, uint64_t *wild)
{
    if (full) {
        return (double)s->full;
    }
    uint64_t count = s->newest.count[i] - s->before.count[i];
    *wild |= count;
    return count_value(count & UINT32_MAX);
}

typedef struct divisor {
    double value; /* whole, below 2^26 */
    double reciprocal;
} divisor;

ALM_INLINE divisor divisor_of(double value)
{
    return (divisor){value, 1 / value};
}

/* x / value, correctly rounded, in a third of the time of a vector of divisions. The quotient is at
 * most two units in its last place off; with its upper 27 and lower 26 bits apart, the products and
 * the rest are exact. The correction is off by less than 2^-50 units, and a quotient by a whole
 * number below 2^26 is at least 2^-27 units away from where rounding changes. For |x| of 2^-900 to
 * 2^900, or 0. */
ALM_INLINE double divided(double x, divisor by)
{
    double quotient = x * by.reciprocal;
    double upper = alm_double_of_bits(alm_bits_of_double(quotient) & ~UINT64_C(0x3FFFFFF));
    double rest = (x - upper * by.value) - (quotient - upper) * by.value;
    return quotient + rest * by.reciprocal;
}

ALM_INLINE bool sum_loop(const almi_stretch s, bool full, double *out)
{
    uncovered met = {0, 0};
    ALM_EACH_ALONE
    for (size_t i = 0; i < s.count; i++) {
        double sum = sum_at(&s, i, &met.sum);
        out[i] = usable_at(&s, i, full, &met.count) > 0 ? sum : ALMI_NAN;
    }
    return all_covered(met);
}

ALM_WIDE_VECTORS
bool almi_stretch_sum(const almi_stretch *stretch, double *out)
{
    return stretch->full ? sum_loop(*stretch, true, out) : sum_loop(*stretch, false, out);
}

ALM_INLINE bool mean_loop(const almi_stretch s, bool full, double *out)
{
    const divisor cells = divisor_of((double)s.full);
    uncovered met = {0, 0};
    ALM_EACH_ALONE
    for (size_t i = 0; i < s.count; i++) {
        double usable = usable_at(&s, i, full, &met.count);
        double sum = sum_at(&s, i, &met.sum);
        double mean = full ? divided(sum, cells) : sum / usable;
        out[i] = usable > 0 ? mean : ALMI_NAN;
    }
    return all_covered(met);
}

ALM_WIDE_VECTORS
bool almi_stretch_mean(const almi_stretch *stretch, double *out)
{
    return stretch->full ? mean_loop(*stretch, true, out) : mean_loop(*stretch, false, out);
}

ALM_WIDE_VECTORS
void almi_stretch_zero_share(const almi_stretch *stretch, double *out)
{
    const almi_stretch s = *stretch;
    ALM_EACH_ALONE
    for (size_t i = 0; i < s.count; i++) {
        double usable = count_value((s.newest.count[i] - s.before.count[i]) & UINT32_MAX);
        double share = count_value((s.newest.zero[i] - s.before.zero[i]) & UINT32_MAX) / usable;
        out[i] = usable > 0 ? share : ALMI_NAN;
    }
}

/* ---- standard deviation ---- */

ALM_INLINE uint64_t rough_at(const almi_stretch *s, size_t i)
{
    return (s->newest.zero[i] - s->before.zero[i]) >> 32;
}

ALM_WIDE_VECTORS
size_t almi_stretch_rough(const almi_stretch *stretch)
{
    const almi_stretch s = *stretch;
    size_t rough = 0;
    for (size_t i = 0; i < s.count; i++) {
        rough += rough_at(&s, i) != 0;
    }
    return rough;
}

/* sqrt((n sum(x^2) - sum(x)^2) / (n (n - 1))), where both products are whole numbers below 2^53:
 * sum(x)^2 is never the larger one (Cauchy and Schwarz). */
ALM_INLINE bool std_whole_loop(const almi_stretch s, bool full, double *out)
{
    const uint64_t bias = alm_bits_of_double(0x1.8p52);
    const divisor pairs = divisor_of((double)s.full * ((double)s.full - 1));
    uncovered met = {0, 0};
    ALM_EACH_ALONE
    for (size_t i = 0; i < s.count; i++) {
        uint64_t here = 0;
        double usable = usable_at(&s, i, full, &met.count);
        double sum = sum_at(&s, i, &here);
        uint64_t square = s.newest.square[i] - s.before.square[i] + bias;
        here |= square ^ alm_bits_of_double(0x1p52);
        double whole = usable * (alm_double_of_bits(square) - 0x1.8p52);
        uint64_t large = whole < 0x1p53 ? 0 : UINT64_MAX;
        uint64_t covered = rough_at(&s, i) == 0 ? UINT64_MAX : 0;
        met.sum |= (here | large) & covered;
        double numerator = whole - sum * sum;
        double variance = full ? divided(numerator, pairs)
                               : numerator / (usable * (usable - 1));
        double std = sqrt(variance);
        out[i] = usable > 1 ? std : ALMI_NAN;
    }
    return all_covered(met);
}

ALM_WIDE_VECTORS
bool almi_stretch_std_whole(const almi_stretch *stretch, double *out)
{
    return stretch->full ? std_whole_loop(*stretch, true, out)
                         : std_whole_loop(*stretch, false, out);
}

ALM_INLINE double squared(double deviation)
{
    double square = deviation * deviation;
    return deviation == deviation ? square : 0;
}

ALM_WIDE_VECTORS
void almi_stretch_squares(const double *cells, const double *mean, size_t count, size_t lanes,
                          double squares[4][ALMI_STRETCH_MAX])
{
    if (lanes == 1) {
        ALM_EACH_ALONE
        for (size_t i = 0; i < count; i++) {
            squares[0][i] += squared(cells[i] - mean[i]);
        }
        return;
    }
    const double *one = cells - 1, *two = cells - 2, *three = cells - 3;
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        squares[0][i] += squared(cells[i] - mean[i]);
        squares[1][i] += squared(one[i] - mean[i]);
        squares[2][i] += squared(two[i] - mean[i]);
        squares[3][i] += squared(three[i] - mean[i]);
    }
}

ALM_WIDE_VECTORS
void almi_stretch_std_rough(const almi_stretch *stretch, double squares[4][ALMI_STRETCH_MAX],
                            double *out)
{
    const almi_stretch s = *stretch;
    ALM_EACH_ALONE
    for (size_t i = 0; i < s.count; i++) {
        double usable = count_value(s.newest.count[i] - s.before.count[i]);
        double sum = (squares[0][i] + squares[1][i]) + (squares[2][i] + squares[3][i]);
        double std = almi_finite(sqrt(sum / (usable - 1.0)));
        double rough = usable > 1 ? std : ALMI_NAN;
        out[i] = rough_at(&s, i) != 0 ? rough : out[i];
    }
}

/* ---- two columns ---- */

ALM_WIDE_VECTORS
void almi_stretch_difference(const double *a, const double *b, size_t count, double *out)
{
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        out[i] = almi_finite(a[i] - b[i]);
    }
}

ALM_WIDE_VECTORS
void almi_stretch_ratio(const double *a, const double *b, size_t count, double *out)
{
    ALM_EACH_ALONE
    for (size_t i = 0; i < count; i++) {
        out[i] = almi_finite(a[i] / b[i]);
    }
}
