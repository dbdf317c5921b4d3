/* stretch.h: the arithmetic of a stretch of periods, inside this folder.
 *
 * A stretch is a run of periods that wraps around in none of the rings it touches, so that its
 * cells, prefix sums and values are plain arrays: stretch.c is loops over them which the compiler
 * turns into vectors as wide as the CPU has. Element i belongs to period i of the stretch. The
 * operators (window_operators.c) cut the periods into stretches and decide which loop applies.
 *
 * Element by element the bits are those of the step function for single periods: sums are exact
 * and rounded once, and the other operations are the same IEEE operations in the same order. A loop
 * that returns false met a case that it does not cover, and its output is to be thrown away. */
#ifndef ALM_FEATURE_STRETCH_H
#define ALM_FEATURE_STRETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Periods of a stretch at most: what lies in local arrays stays in the nearest cache. */
#define ALMI_STRETCH_MAX 128
/* Windows of more cells count as not full: divisors are below 2^26. */
#define ALMI_STRETCH_FULL_MAX 8192

/* Prefix sums at the newest cell of each window, and at the cell before its oldest. */
typedef struct almi_stretch_end {
    const int64_t *high;
    const double *low;
    const uint64_t *count;
    const uint64_t *zero;
    const uint64_t *square;
} almi_stretch_end;

typedef struct almi_stretch {
    size_t count; /* 1..ALMI_STRETCH_MAX */
    size_t full;  /* cells of every window, if all of them are usable; else 0 */
    almi_stretch_end newest;
    almi_stretch_end before;
} almi_stretch;

/* The cells of one stretch as terms of the prefix sums. */
typedef struct almi_terms {
    int64_t high[ALMI_STRETCH_MAX];
    int64_t low[ALMI_STRETCH_MAX];
    uint64_t count[ALMI_STRETCH_MAX];
    uint64_t zero[ALMI_STRETCH_MAX];
    uint64_t square[ALMI_STRETCH_MAX];
} almi_terms;

/* `count` consecutive elements from position `from` of a ring: in place, or copied to `buffer`
 * where they wrap around. */
const double *almi_ring_stretch(const double *ring, size_t mask, size_t from, size_t count,
                                double *buffer);

/* Usable values: of a column that says itself what it does not know, and of the target, whose cells
 * are described by their alm_period_state; a CLOSED cell is `closed`. -0 becomes +0. */
void almi_stretch_cells(const double *values, size_t count, double *cells);
void almi_stretch_target(const double *values, const uint8_t *states, double closed, size_t count,
                         double *cells);
void almi_stretch_terms(const double *cells, size_t count, almi_terms *terms);

/* False: a cell that alm_fixed cannot hold, or a sum of 2^40 and more. */
bool almi_stretch_sum(const almi_stretch *stretch, double *out);
bool almi_stretch_mean(const almi_stretch *stretch, double *out);
void almi_stretch_zero_share(const almi_stretch *stretch, double *out);

/* Number of windows with cells other than small whole ones. */
size_t almi_stretch_rough(const almi_stretch *stretch);
/* The standard deviation of windows of small whole cells; the other windows' values are not to be
 * used. False: as above, or n times the sum of squares is 2^53 or more. */
bool almi_stretch_std_whole(const almi_stretch *stretch, double *out);
/* squares[k] += the squared deviations of cells[i - k], k = 0..3; 0 for a cell that is NaN.
 * cells[-3] must exist. With `lanes` 1 only k = 0. */
void almi_stretch_squares(const double *cells, const double *mean, size_t count, size_t lanes,
                          double squares[4][ALMI_STRETCH_MAX]);
/* The standard deviation from four sums of squares, for the windows that are not of small whole
 * cells; the other values stay. */
void almi_stretch_std_rough(const almi_stretch *stretch, double squares[4][ALMI_STRETCH_MAX],
                            double *out);

/* NaN where the result is not finite. `out` may be `a`. */
void almi_stretch_difference(const double *a, const double *b, size_t count, double *out);
void almi_stretch_ratio(const double *a, const double *b, size_t count, double *out);

#endif
