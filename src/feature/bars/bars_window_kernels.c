/* Kernels over a window of n cells, or n + 1, computed afresh for every bar: no running total can
 * drift, and where a replay began cannot show. A missing cell makes the result missing.
 *
 * The windows of a stretch of bars are computed side by side: the outer loop goes through the
 * window from its oldest cell, the inner one through the bars, so that a vector holds neighbouring
 * bars and every bar has its own operations in its own order.
 *
 * Spreads are of the distances to the window's oldest cell: a window of equal cells has a spread of
 * exactly 0, and what cancels depends on how far the cells lie apart, not on their size. */
#include "base/wide_vectors.h"
#include "feature/bars/bars_graph.h"
#include "num/elementary.h"

#include <math.h>

/* One number per bar of a stretch. Local ones alias nothing: of a stretch of one bar they are
 * registers. */
typedef double lanes[ALMI_BARS_STRETCH];

ALM_INLINE void fill(double *lane, double value, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        lane[j] = value;
    }
}

/* Sums with the error of every addition kept (D. Knuth, "The Art of Computer Programming", vol. 2,
 * 4.2.2, theorem B): correct to about one rounding, also where large terms cancel. */
ALM_INLINE void add_windows(const almi_bars_run *run, double divisor, double *out, size_t count)
{
    lanes sum;
    lanes lost;
    fill(sum, 0, count);
    fill(lost, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double next = sum[j] + x[j];
            double part = next - sum[j];
            lost[j] += (sum[j] - (next - part)) + (x[j] - part);
            sum[j] = next;
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = (sum[j] + lost[j]) / divisor;
    }
}

ALM_INLINE void total(const almi_bars_run *run, double *out, size_t count)
{
    add_windows(run, 1, out, count);
}

ALM_INLINE void mean(const almi_bars_run *run, double *out, size_t count)
{
    add_windows(run, (double)run->n, out, count);
}

/* Weights 1 for the oldest to n for the newest. */
ALM_INLINE void weighted_mean(const almi_bars_run *run, double *out, size_t count)
{
    double n = (double)run->n;
    lanes sum;
    fill(sum, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        double weight = n - (double)age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            sum[j] += weight * x[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = sum[j] / (n * (n + 1) / 2);
    }
}

/* Mean distance to the oldest cell. */
ALM_INLINE void mean_distances(const almi_bars_run *run, double *middle, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    fill(middle, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            middle[j] += x[j] - oldest[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        middle[j] /= (double)run->n;
    }
}

/* In two passes: `spread` is the root of the squared distances to the mean over `divisor`. */
ALM_INLINE void deviations(const almi_bars_run *run, double divisor, double *middle,
                           double *spread, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    mean_distances(run, middle, count);
    fill(spread, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double distance = (x[j] - oldest[j]) - middle[j];
            spread[j] += distance * distance;
        }
    }
    for (size_t j = 0; j < count; j++) {
        spread[j] = sqrt(spread[j] / divisor);
    }
}

ALM_INLINE void write_deviations(const almi_bars_run *run, double divisor, double *out,
                                 size_t count)
{
    lanes middle;
    lanes spread;
    deviations(run, divisor, middle, spread, count);
    for (size_t j = 0; j < count; j++) {
        out[j] = spread[j];
    }
}

ALM_INLINE void std_population(const almi_bars_run *run, double *out, size_t count)
{
    write_deviations(run, (double)run->n, out, count);
}

ALM_INLINE void std_sample(const almi_bars_run *run, double *out, size_t count)
{
    write_deviations(run, (double)run->n - 1, out, count);
}

/* Sample deviations that the newest cell lies above the mean. */
ALM_INLINE void zscore(const almi_bars_run *run, double *out, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    lanes middle;
    lanes spread;
    deviations(run, (double)run->n - 1, middle, spread, count);
    for (size_t j = 0; j < count; j++) {
        out[j] = almi_bars_ratio((run->in[0][j] - oldest[j]) - middle[j], spread[j]);
    }
}

/* Mean absolute deviations that the newest cell lies above the mean. */
ALM_INLINE void mean_deviations(const almi_bars_run *run, double *out, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    lanes middle;
    lanes sum;
    mean_distances(run, middle, count);
    fill(sum, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            sum[j] += fabs((x[j] - oldest[j]) - middle[j]);
        }
    }
    for (size_t j = 0; j < count; j++) {
        double distance = (run->in[0][j] - oldest[j]) - middle[j];
        out[j] = almi_bars_ratio(distance, sum[j] / (double)run->n);
    }
}

ALM_INLINE void root_squares(const almi_bars_run *run, double *out, size_t count)
{
    lanes sum;
    fill(sum, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            sum[j] += x[j] * x[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = sqrt(sum[j]);
    }
}

/* The extreme of n cells of x times `sign`. A comparison with NaN is false: a missing cell is taken
 * by its own test, and nothing replaces it. */
ALM_INLINE void extremes(const almi_bars_run *run, double sign, double *out, size_t count)
{
    lanes extreme;
    for (size_t j = 0; j < count; j++) {
        extreme[j] = run->in[0][j];
    }
    for (size_t age = 1; age < run->n; age++) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            bool taken = (x[j] * sign > extreme[j] * sign) | (x[j] != x[j]);
            extreme[j] = taken ? x[j] : extreme[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = extreme[j];
    }
}

ALM_INLINE void highest(const almi_bars_run *run, double *out, size_t count)
{
    extremes(run, 1, out, count);
}

ALM_INLINE void lowest(const almi_bars_run *run, double *out, size_t count)
{
    extremes(run, -1, out, count);
}

/* How many bars ago the extreme of n + 1 cells was: the newest of equal ones (as in TA-Lib). */
ALM_INLINE void ages(const almi_bars_run *run, double sign, double *out, size_t count)
{
    lanes extreme;
    lanes found;
    fill(found, 0, count);
    for (size_t j = 0; j < count; j++) {
        extreme[j] = run->in[0][j];
    }
    for (size_t age = 1; age <= run->n; age++) {
        const double *x = run->in[0] - age;
        double at = (double)age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double before = extreme[j];
            bool taken = (x[j] * sign > before * sign) | (x[j] != x[j]);
            extreme[j] = taken ? x[j] : before;
            found[j] = extreme[j] == before ? found[j] : at; /* one select a line: no branch */
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = extreme[j] == extreme[j] ? found[j] : ALMI_NAN;
    }
}

ALM_INLINE void since_highest(const almi_bars_run *run, double *out, size_t count)
{
    ages(run, 1, out, count);
}

ALM_INLINE void since_lowest(const almi_bars_run *run, double *out, size_t count)
{
    ages(run, -1, out, count);
}

/* ---- the window's ends alone ---- */

static inline double before_of(const almi_bars_run *run)
{
    return run->in[0][-(ptrdiff_t)run->n];
}

static inline double change_step(const almi_bars_run *run)
{
    return run->in[0][0] - before_of(run);
}

static inline double growth_step(const almi_bars_run *run)
{
    return almi_bars_ratio(run->in[0][0], before_of(run)) - 1;
}

static inline double log_growth_step(const almi_bars_run *run)
{
    double before = before_of(run);
    return run->in[0][0] > 0 && before > 0 ? alm_log(run->in[0][0] / before) : ALMI_NAN;
}

/* clang-format off */
#define END_KERNEL(name)                                                                       \
    ALMI_BARS_DEFINE_RUN(name)                                                                 \
    const almi_bars_kernel almi_bars_##name = {                                                \
        .inputs = 1, .reads = 1, .reads_window = true, .run = name##_run};

END_KERNEL(change)
END_KERNEL(growth)
END_KERNEL(log_growth)

/* Online has a copy of its own, in which the loops over the bars are gone. */
#define WINDOW_KERNEL(name, more)                                                              \
    ALM_WIDE_VECTORS                                                                           \
    static void name##_run(const almi_bars_run *run, double *out, size_t count)                \
    {                                                                                          \
        if (count == 1) {                                                                      \
            name(run, out, 1);                                                                 \
        } else {                                                                               \
            name(run, out, count);                                                             \
        }                                                                                      \
    }                                                                                          \
    const almi_bars_kernel almi_bars_##name = {                                                \
        .inputs = 1, .reads = (more), .reads_window = true, .run = name##_run};

WINDOW_KERNEL(total, 0)
WINDOW_KERNEL(mean, 0)
WINDOW_KERNEL(weighted_mean, 0)
WINDOW_KERNEL(std_population, 0)
WINDOW_KERNEL(std_sample, 0)
WINDOW_KERNEL(root_squares, 0)
WINDOW_KERNEL(zscore, 0)
WINDOW_KERNEL(mean_deviations, 0)
WINDOW_KERNEL(highest, 0)
WINDOW_KERNEL(lowest, 0)
WINDOW_KERNEL(since_highest, 1)
WINDOW_KERNEL(since_lowest, 1)
/* clang-format on */
