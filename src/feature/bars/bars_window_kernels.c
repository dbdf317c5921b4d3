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

/* One number per bar of a stretch. */
typedef double lanes[ALMI_BARS_STRETCH];

ALM_INLINE void fill(double *lane, double value, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        lane[j] = value;
    }
}

/* Sums with the error of every addition kept (D. Knuth, "The Art of Computer Programming", vol. 2,
 * 4.2.2, theorem B): correct to about one rounding, also where large terms cancel. */
ALM_INLINE void add_windows(const double *newest, size_t n, double *sum, size_t count)
{
    lanes lost;
    fill(sum, 0, count);
    fill(lost, 0, count);
    for (size_t age = n; age-- > 0;) {
        const double *x = newest - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double next = sum[j] + x[j];
            double part = next - sum[j];
            lost[j] += (sum[j] - (next - part)) + (x[j] - part);
            sum[j] = next;
        }
    }
    ALM_EACH_ALONE
    for (size_t j = 0; j < count; j++) {
        sum[j] += lost[j];
    }
}

ALM_WIDE_VECTORS
static void total_run(const almi_bars_run *run, double *out, size_t count)
{
    add_windows(run->in[0], run->n, out, count);
}

ALM_WIDE_VECTORS
static void mean_run(const almi_bars_run *run, double *out, size_t count)
{
    add_windows(run->in[0], run->n, out, count);
    for (size_t j = 0; j < count; j++) {
        out[j] /= (double)run->n;
    }
}

/* Weights 1 for the oldest to n for the newest. */
ALM_WIDE_VECTORS
static void weighted_mean_run(const almi_bars_run *run, double *out, size_t count)
{
    double n = (double)run->n;
    fill(out, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        double weight = n - (double)age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            out[j] += weight * x[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] /= n * (n + 1) / 2;
    }
}

/* Mean distance to the oldest cell. */
ALM_INLINE void mean_distances(const double *newest, size_t n, double *mean, size_t count)
{
    const double *oldest = newest - (n - 1);
    fill(mean, 0, count);
    for (size_t age = n; age-- > 0;) {
        const double *x = newest - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            mean[j] += x[j] - oldest[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        mean[j] /= (double)n;
    }
}

/* Sum of squared distances to the mean, in two passes. */
ALM_INLINE void squares_about_mean(const double *newest, size_t n, const double *mean,
                                   double *squares, size_t count)
{
    const double *oldest = newest - (n - 1);
    fill(squares, 0, count);
    for (size_t age = n; age-- > 0;) {
        const double *x = newest - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double distance = (x[j] - oldest[j]) - mean[j];
            squares[j] += distance * distance;
        }
    }
}

ALM_INLINE void deviations(const almi_bars_run *run, double divisor, double *mean, double *out,
                           size_t count)
{
    mean_distances(run->in[0], run->n, mean, count);
    squares_about_mean(run->in[0], run->n, mean, out, count);
    for (size_t j = 0; j < count; j++) {
        out[j] = sqrt(out[j] / divisor);
    }
}

ALM_WIDE_VECTORS
static void std_population_run(const almi_bars_run *run, double *out, size_t count)
{
    lanes mean;
    deviations(run, (double)run->n, mean, out, count);
}

ALM_WIDE_VECTORS
static void std_sample_run(const almi_bars_run *run, double *out, size_t count)
{
    lanes mean;
    deviations(run, (double)run->n - 1, mean, out, count);
}

/* Sample deviations that the newest cell lies above the mean. */
ALM_WIDE_VECTORS
static void zscore_run(const almi_bars_run *run, double *out, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    lanes mean;
    deviations(run, (double)run->n - 1, mean, out, count);
    for (size_t j = 0; j < count; j++) {
        out[j] = almi_bars_ratio((run->in[0][j] - oldest[j]) - mean[j], out[j]);
    }
}

/* Mean absolute deviations that the newest cell lies above the mean. */
ALM_WIDE_VECTORS
static void mean_deviations_run(const almi_bars_run *run, double *out, size_t count)
{
    const double *oldest = run->in[0] - (run->n - 1);
    lanes mean;
    mean_distances(run->in[0], run->n, mean, count);
    fill(out, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            out[j] += fabs((x[j] - oldest[j]) - mean[j]);
        }
    }
    for (size_t j = 0; j < count; j++) {
        double distance = (run->in[0][j] - oldest[j]) - mean[j];
        out[j] = almi_bars_ratio(distance, out[j] / (double)run->n);
    }
}

ALM_WIDE_VECTORS
static void root_squares_run(const almi_bars_run *run, double *out, size_t count)
{
    fill(out, 0, count);
    for (size_t age = run->n; age-- > 0;) {
        const double *x = run->in[0] - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            out[j] += x[j] * x[j];
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = sqrt(out[j]);
    }
}

/* The extreme of n cells of x times `sign`. A comparison with NaN is false: a missing cell is taken
 * by its own test, and nothing replaces it. */
ALM_INLINE void extremes(const double *newest, size_t n, double sign, double *out, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        out[j] = newest[j];
    }
    for (size_t age = 1; age < n; age++) {
        const double *x = newest - age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            bool taken = (x[j] * sign > out[j] * sign) | (x[j] != x[j]);
            out[j] = taken ? x[j] : out[j];
        }
    }
}

ALM_WIDE_VECTORS
static void highest_run(const almi_bars_run *run, double *out, size_t count)
{
    extremes(run->in[0], run->n, 1, out, count);
}

ALM_WIDE_VECTORS
static void lowest_run(const almi_bars_run *run, double *out, size_t count)
{
    extremes(run->in[0], run->n, -1, out, count);
}

/* How many bars ago the extreme of n + 1 cells was: the newest of equal ones (as in TA-Lib). */
ALM_INLINE void ages(const almi_bars_run *run, double sign, double *out, size_t count)
{
    lanes extreme;
    for (size_t j = 0; j < count; j++) {
        extreme[j] = run->in[0][j];
        out[j] = 0;
    }
    for (size_t age = 1; age <= run->n; age++) {
        const double *x = run->in[0] - age;
        double at = (double)age;
        ALM_EACH_ALONE
        for (size_t j = 0; j < count; j++) {
            double before = extreme[j];
            bool taken = (x[j] * sign > before * sign) | (x[j] != x[j]);
            extreme[j] = taken ? x[j] : before;
            out[j] = extreme[j] == before ? out[j] : at; /* one select a line: no branch */
        }
    }
    for (size_t j = 0; j < count; j++) {
        out[j] = extreme[j] == extreme[j] ? out[j] : ALMI_NAN;
    }
}

ALM_WIDE_VECTORS
static void since_highest_run(const almi_bars_run *run, double *out, size_t count)
{
    ages(run, 1, out, count);
}

ALM_WIDE_VECTORS
static void since_lowest_run(const almi_bars_run *run, double *out, size_t count)
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

ALMI_BARS_DEFINE_RUN(change)
ALMI_BARS_DEFINE_RUN(growth)
ALMI_BARS_DEFINE_RUN(log_growth)

/* clang-format off */
#define WINDOW_KERNEL(name, more)                                                              \
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
WINDOW_KERNEL(change, 1)
WINDOW_KERNEL(growth, 1)
WINDOW_KERNEL(log_growth, 1)
/* clang-format on */
