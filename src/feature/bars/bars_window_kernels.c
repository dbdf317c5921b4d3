/* Kernels over a window of n cells, or n + 1, computed afresh for every bar: no running total can
 * drift, and where a replay began cannot show. A missing cell makes the result missing.
 *
 * Spreads are of the distances to the window's oldest cell: a window of equal cells has a spread of
 * exactly 0, and what cancels depends on how far the cells lie apart, not on their size. */
#include "feature/bars/bars_graph.h"
#include "num/elementary.h"

#include <math.h>

/* Terms of alm_fixed whose low parts fit one word together. */
#define FIXED_BLOCK 1024

static const double *oldest_of(const almi_bars_run *run)
{
    return run->in[0] - (run->n - 1);
}

/* False if a cell does not fit: it is missing, huge or very fine. */
static bool fixed_total(const double *x, size_t n, double *out)
{
    const int64_t low_mask = (INT64_C(1) << ALM_FIXED_LOW_BITS) - 1;
    alm_fixed total = {0};
    bool fits = true;
    for (size_t from = 0; from < n; from += FIXED_BLOCK) {
        size_t to = from + FIXED_BLOCK < n ? from + FIXED_BLOCK : n;
        int64_t low = 0;
        for (size_t i = from; i < to; i++) {
            alm_fixed term;
            fits &= alm_fixed_of(x[i], &term);
            total.high += term.high;
            low += term.low;
        }
        total.high += low >> ALM_FIXED_LOW_BITS;
        total.low += low & low_mask;
    }
    *out = alm_fixed_value(total);
    return fits;
}

/* The exact sum, rounded once. */
static double exact_total(const double *x, size_t n)
{
    double total;
    if (fixed_total(x, n, &total)) {
        return total;
    }
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    for (size_t i = 0; i < n; i++) {
        if (x[i] != x[i]) {
            return ALMI_NAN;
        }
        alm_exact_sum_add(&sum, x[i]);
    }
    return alm_exact_sum_value(&sum);
}

static double total_step(const almi_bars_run *run)
{
    return exact_total(oldest_of(run), run->n);
}

static double mean_step(const almi_bars_run *run)
{
    return exact_total(oldest_of(run), run->n) / (double)run->n;
}

/* Weights 1 for the oldest to n for the newest. */
static double weighted_mean_step(const almi_bars_run *run)
{
    const double *x = oldest_of(run);
    double sum = 0;
    for (size_t i = 0; i < run->n; i++) {
        sum += (double)(i + 1) * x[i];
    }
    return sum / ((double)run->n * ((double)run->n + 1) / 2);
}

/* Mean distance to the oldest cell. */
static double mean_distance(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 1; i < n; i++) {
        sum += x[i] - x[0];
    }
    return sum / (double)n;
}

/* Sum of squared distances to the mean, in two passes. */
static double squares_about_mean(const double *x, size_t n)
{
    double mean = mean_distance(x, n);
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        double distance = (x[i] - x[0]) - mean;
        squares += distance * distance;
    }
    return squares;
}

static double std_population_step(const almi_bars_run *run)
{
    return sqrt(squares_about_mean(oldest_of(run), run->n) / (double)run->n);
}

static double std_sample_step(const almi_bars_run *run)
{
    return sqrt(squares_about_mean(oldest_of(run), run->n) / (double)(run->n - 1));
}

static double root_squares_step(const almi_bars_run *run)
{
    const double *x = oldest_of(run);
    double squares = 0;
    for (size_t i = 0; i < run->n; i++) {
        squares += x[i] * x[i];
    }
    return sqrt(squares);
}

/* Sample deviations that the newest cell lies above the mean. */
static double zscore_step(const almi_bars_run *run)
{
    const double *x = oldest_of(run);
    double spread = std_sample_step(run);
    double distance = (run->in[0][0] - x[0]) - mean_distance(x, run->n);
    return almi_bars_ratio(distance, spread);
}

/* Mean absolute deviations that the newest cell lies above the mean. */
static double mean_deviations_step(const almi_bars_run *run)
{
    const double *x = oldest_of(run);
    double mean = mean_distance(x, run->n);
    double sum = 0;
    for (size_t i = 0; i < run->n; i++) {
        sum += fabs((x[i] - x[0]) - mean);
    }
    double distance = (run->in[0][0] - x[0]) - mean;
    return almi_bars_ratio(distance, sum / (double)run->n);
}

/* The extreme of n cells that end at `newest`, of x times `sign`; and how many bars ago it was,
 * the newest one where several are equal (as TA-Lib's AROON). */
typedef struct extreme {
    double value;
    size_t age;
} extreme;

static inline extreme extreme_of(const double *newest, size_t n, double sign)
{
    extreme found = {newest[0], 0};
    double missing = newest[0] - newest[0];
    for (size_t age = 1; age < n; age++) {
        double cell = newest[-(ptrdiff_t)age];
        missing += cell - cell;
        found = cell * sign > found.value * sign ? (extreme){cell, age} : found;
    }
    found.value += missing; /* 0, or NaN */
    return found;
}

static double highest_step(const almi_bars_run *run)
{
    return extreme_of(run->in[0], run->n, 1).value;
}

static double lowest_step(const almi_bars_run *run)
{
    return extreme_of(run->in[0], run->n, -1).value;
}

static double since_step(const almi_bars_run *run, double sign)
{
    extreme found = extreme_of(run->in[0], run->n + 1, sign);
    return found.value == found.value ? (double)found.age : ALMI_NAN;
}

static double since_highest_step(const almi_bars_run *run)
{
    return since_step(run, 1);
}

static double since_lowest_step(const almi_bars_run *run)
{
    return since_step(run, -1);
}

static double before_of(const almi_bars_run *run)
{
    return run->in[0][-(ptrdiff_t)run->n];
}

static double change_step(const almi_bars_run *run)
{
    return run->in[0][0] - before_of(run);
}

static double growth_step(const almi_bars_run *run)
{
    return almi_bars_ratio(run->in[0][0], before_of(run)) - 1;
}

static double log_growth_step(const almi_bars_run *run)
{
    double before = before_of(run);
    return run->in[0][0] > 0 && before > 0 ? alm_log(run->in[0][0] / before) : ALMI_NAN;
}

/* clang-format off */
#define WINDOW_KERNEL(name, more)                                                              \
    const almi_bars_kernel almi_bars_##name = {                                                \
        .inputs = 1, .reads = (more), .reads_window = true, .step = name##_step};

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
