/* Operators over the last `window` cells. Their values depend on the window's contents only: sums
 * and counts are differences of exact prefix sums, extremes and the median are order-free. */
#include "feature/stretch.h"
#include "feature/window.h"

#include <math.h>
#include <string.h>

/* Positions (low, high] of a ring, low possibly before the first. */
typedef struct bounds {
    size_t low;
    size_t high;
} bounds;

/* The window of `length` cells that ends at period p. With skip_closed positions count open
 * periods; no position older than the reach is used. Unsigned wrap-around is meant: -1 is the
 * position before the first, and rings are zero (cells: NaN) there. */
static inline bounds window_bounds(const almi_run *run, size_t p, size_t length)
{
    if (!run->open) {
        return (bounds){p - length, p};
    }
    size_t high = (size_t)run->open[p & run->open_mask] - 1;
    size_t oldest = (size_t)run->open[(p - run->reach) & run->open_mask] - 1;
    size_t low = high - length;
    return (bounds){(ptrdiff_t)low < (ptrdiff_t)oldest ? oldest : low, high};
}

static inline double cell_at(const almi_run *run, size_t position)
{
    return run->cells[position & run->cell_mask];
}

static inline uint64_t counted(const almi_run *run, const uint64_t *prefix, bounds window)
{
    return prefix[window.high & run->ledger.mask] - prefix[window.low & run->ledger.mask];
}

/* The exact sum of cells that the fixed-point prefix cannot hold. */
static double wild_sum(const almi_run *run, bounds window, size_t stride)
{
    alm_exact_sum sum;
    alm_exact_sum_clear(&sum);
    for (size_t i = window.high; i != window.low; i -= stride) {
        double cell = cell_at(run, i);
        if (cell == cell) {
            alm_exact_sum_add(&sum, cell);
        }
    }
    return alm_exact_sum_value(&sum);
}

static inline int64_t high_sum(const almi_ledger_view *ledger, bounds window)
{
    return (int64_t)((uint64_t)ledger->high[window.high & ledger->mask] -
                     (uint64_t)ledger->high[window.low & ledger->mask]);
}

static inline double low_sum(const almi_ledger_view *ledger, bounds window)
{
    return ledger->low[window.high & ledger->mask] - ledger->low[window.low & ledger->mask];
}

/* Correctly rounded sum of the usable cells; their number goes to `usable`. */
static inline double window_sum(const almi_run *run, bounds window, size_t stride,
                                uint32_t *usable)
{
    const almi_ledger_view *ledger = &run->ledger;
    uint64_t count = counted(run, ledger->count, window);
    *usable = ALMI_COUNT_LOW(count);
    if (__builtin_expect(ALMI_COUNT_HIGH(count) != 0, 0)) {
        return wild_sum(run, window, stride);
    }
    uint64_t beyond = 0;
    int64_t high = high_sum(ledger, window);
    double low = low_sum(ledger, window);
    double sum = alm_fixed_near(high, low, &beyond);
    bool near = beyond >> 52 == 0;
    return near ? sum : alm_fixed_value((alm_fixed){high, (int64_t)(low / ALM_FIXED_LOW_UNIT)});
}

static inline double window_mean(const almi_run *run, bounds window, size_t stride)
{
    uint32_t usable;
    double sum = window_sum(run, window, stride, &usable);
    return usable ? sum / usable : ALMI_NAN;
}

/* ---- sum, mean, ratio, seasonal mean, zero share ---- */

typedef struct no_state {
    char unused;
} no_state;

static inline double sum_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    uint32_t usable;
    double sum = window_sum(run, window_bounds(run, p, run->window), 1, &usable);
    return usable ? sum : ALMI_NAN;
}

static inline double mean_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return window_mean(run, window_bounds(run, p, run->window), 1);
}

/* The prefix of a seasonal ledger runs over cells one season apart. */
static inline double seasonal_mean_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return window_mean(run, (bounds){p - run->window * run->season, p}, run->season);
}

static inline double ratio_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    bounds window = window_bounds(run, p, run->window + 1);
    double value = cell_at(run, window.high);
    if (window.high == window.low) {
        return ALMI_NAN; /* no open period within the reach */
    }
    window.high--;
    return value / window_mean(run, window, 1);
}

static inline double zero_share_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    bounds window = window_bounds(run, p, run->window);
    uint32_t usable = ALMI_COUNT_LOW(counted(run, run->ledger.count, window));
    uint32_t zeros = ALMI_COUNT_LOW(counted(run, run->ledger.zero, window));
    return usable ? (double)zeros / usable : ALMI_NAN;
}

/* ---- standard deviation ---- */

static inline double squared(double deviation)
{
    return deviation == deviation ? deviation * deviation : 0;
}

/* Two passes, the second in four sums by the distance to the newest cell: the same order for the
 * same window, and additions that need not wait for each other. */
static double rough_std(const almi_run *run, bounds window)
{
    uint32_t usable;
    double mean = window_sum(run, window, 1, &usable);
    mean /= usable;
    double squares[4] = {0};
    size_t i = window.high;
    for (; window.high - i + 4 <= window.high - window.low; i -= 4) {
        squares[0] += squared(cell_at(run, i) - mean);
        squares[1] += squared(cell_at(run, i - 1) - mean);
        squares[2] += squared(cell_at(run, i - 2) - mean);
        squares[3] += squared(cell_at(run, i - 3) - mean);
    }
    for (; i != window.low; i--) {
        squares[0] += squared(cell_at(run, i) - mean);
    }
    return sqrt(((squares[0] + squares[1]) + (squares[2] + squares[3])) / (usable - 1.0));
}

/* Small whole cells: sqrt((n sum(x^2) - sum(x)^2) / (n (n - 1))) with an exact numerator, which
 * is never negative (Cauchy and Schwarz). Anything else in the window: two passes. Which of the
 * two applies is a property of the window's contents, so the value is, too. */
static inline double std_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    bounds window = window_bounds(run, p, run->window);
    const almi_ledger_view *ledger = &run->ledger;
    uint64_t usable = ALMI_COUNT_LOW(counted(run, ledger->count, window));
    if (usable < 2) {
        return ALMI_NAN;
    }
    if (ALMI_COUNT_HIGH(counted(run, ledger->zero, window)) != 0) {
        return rough_std(run, window);
    }
    uint64_t squares = counted(run, ledger->square, window);
    int64_t sum = high_sum(ledger, window) >> ALM_FIXED_HIGH_BITS;
    alm_u128 numerator = (alm_u128)usable * squares - (alm_u128)((alm_i128)sum * sum);
    /* The conversion of one word is cheaper and rounds the same. */
    double exact = numerator >> 63 ? (double)numerator : (double)(int64_t)numerator;
    return sqrt(exact / ((double)usable * (double)(usable - 1)));
}

/* ---- minimum and maximum ---- */

/* Two stacks: suffix[i] is the extreme of cells i..boundary, back that of boundary+1..high. When
 * the window has left the suffix it is built again, so a step costs O(1) amortised and makes no
 * comparison that the data decides. Maximum is the minimum of the negated cells. */
typedef struct extreme_state {
    size_t boundary;
    size_t high;
    double back;
    bool started;
} extreme_state;

static inline double lower(double a, double b)
{
    return a < b ? a : b; /* a NaN: b */
}

static inline double extreme_step(extreme_state *state, const almi_run *run, size_t p, double sign)
{
    bounds window = window_bounds(run, p, run->window);
    double *suffix = (double *)((char *)run->state + sizeof(extreme_state));
    if (window.high == window.low) {
        return ALMI_NAN;
    }
    if (!state->started || (ptrdiff_t)window.low >= (ptrdiff_t)state->boundary) {
        double least = INFINITY;
        size_t slot = run->window;
        for (size_t i = window.high; i != window.low; i--) {
            least = lower(sign * cell_at(run, i), least);
            suffix[--slot] = least;
        }
        *state = (extreme_state){window.high, window.high, INFINITY, true};
    }
    while (state->high != window.high) {
        state->high++;
        state->back = lower(sign * cell_at(run, state->high), state->back);
    }
    /* The suffix of the boundary itself lies in the last slot. */
    size_t slot = run->window - 1 - (state->boundary - (window.low + 1));
    double least = lower(suffix[slot], state->back);
    return sign * least + 0.0; /* no negative zero; an empty window is infinite: missing */
}

static inline double min_step(extreme_state *state, const almi_run *run, size_t p)
{
    return extreme_step(state, run, p, 1);
}

static inline double max_step(extreme_state *state, const almi_run *run, size_t p)
{
    return extreme_step(state, run, p, -1);
}

/* ---- median ---- */

/* The usable cells of the window in ascending order follow the state. */
typedef struct median_state {
    size_t low;
    size_t high;
    size_t count;
    bool started;
} median_state;

static inline void sorted_insert(double *sorted, size_t *count, double value)
{
    size_t i = (*count)++;
    for (; i > 0 && sorted[i - 1] > value; i--) {
        sorted[i] = sorted[i - 1];
    }
    sorted[i] = value;
}

static inline void sorted_remove(double *sorted, size_t *count, double value)
{
    size_t i = 0;
    while (sorted[i] != value) {
        i++;
    }
    (*count)--;
    memmove(sorted + i, sorted + i + 1, (*count - i) * sizeof *sorted);
}

static inline double median_step(median_state *state, const almi_run *run, size_t p)
{
    bounds window = window_bounds(run, p, run->window);
    double *sorted = (double *)((char *)run->state + sizeof(median_state));
    if (!state->started) {
        *state = (median_state){window.low, window.low, 0, true};
    }
    /* Leaving cells first: the array has room for one window. */
    for (; state->low != window.low; state->low++) {
        double cell = cell_at(run, state->low + 1);
        if (cell == cell && (ptrdiff_t)state->low < (ptrdiff_t)state->high) {
            sorted_remove(sorted, &state->count, cell);
        }
    }
    for (; state->high != window.high; state->high++) {
        double cell = cell_at(run, state->high + 1);
        if (cell == cell) {
            sorted_insert(sorted, &state->count, cell);
        }
    }
    size_t half = state->count / 2;
    if (state->count == 0) {
        return ALMI_NAN;
    }
    /* Halves are added, because the sum of two large cells may overflow. */
    return state->count % 2 ? sorted[half] : 0.5 * sorted[half - 1] + 0.5 * sorted[half];
}

/* ---- stretches ---- */

/* The windows of positions p, p + 1, ... as a stretch. */
typedef struct windows {
    const almi_run *run;
    size_t p;
    size_t length;
    almi_stretch stretch;
    double *out;
} windows;

/* How an operator computes its windows: that of position p ends at p - `back`, and the cell before
 * its oldest lies `length` further back. */
typedef struct method {
    size_t back;
    size_t length;
    bool (*loop)(const windows *w); /* false: not covered, the steps are to be taken */
    void (*steps)(const almi_run *run, size_t from, size_t to);
} method;

static size_t shorter(size_t count, size_t position, size_t mask)
{
    size_t straight = mask + 1 - (position & mask);
    return count < straight ? count : straight;
}

static almi_stretch_end stretch_end(const almi_ledger_view *ledger, size_t position)
{
    size_t i = position & ledger->mask;
    return (almi_stretch_end){ledger->high + i, ledger->low + i, ledger->count + i,
                              ledger->zero ? ledger->zero + i : NULL,
                              ledger->square ? ledger->square + i : NULL};
}

/* From position p on, at most `count` of them: as far as no prefix sum wraps around. */
static windows windows_from(const almi_run *run, size_t p, size_t count, const method *way,
                            double *out)
{
    const almi_ledger_view *ledger = &run->ledger;
    size_t newest = p - way->back;
    size_t length = way->length;
    count = shorter(count, newest, ledger->mask);
    count = shorter(count, newest - length, ledger->mask);
    windows w = {run, p, length,
                 {count, 0, stretch_end(ledger, newest), stretch_end(ledger, newest - length)},
                 out};
    /* Equal words also mean that no cell is one that the prefix sums cannot hold. */
    uint64_t usable = w.stretch.newest.count[count - 1] - w.stretch.before.count[0];
    bool full = usable == length + count - 1 && length <= ALMI_STRETCH_FULL_MAX;
    w.stretch.full = full && length == run->window ? length : 0;
    return w;
}

static bool sum_stretch(const windows *w)
{
    return almi_stretch_sum(&w->stretch, w->out);
}

static bool mean_stretch(const windows *w)
{
    return almi_stretch_mean(&w->stretch, w->out);
}

static bool zero_share_stretch(const windows *w)
{
    almi_stretch_zero_share(&w->stretch, w->out);
    return true;
}

static bool ratio_stretch(const windows *w)
{
    double mean[ALMI_STRETCH_MAX], buffer[ALMI_STRETCH_MAX];
    size_t count = w->stretch.count;
    if (!almi_stretch_mean(&w->stretch, mean)) {
        return false;
    }
    almi_stretch_ratio(almi_ring_stretch(w->run->cells, w->run->cell_mask, w->p, count, buffer),
                       mean, count, w->out);
    return true;
}

/* rough_std for each period, cell by cell from the newest backwards. */
static bool rough_stretch(const windows *w)
{
    double mean[ALMI_STRETCH_MAX], squares[4][ALMI_STRETCH_MAX], buffer[ALMI_STRETCH_MAX + 3];
    size_t count = w->stretch.count;
    if (!almi_stretch_mean(&w->stretch, mean)) {
        return false;
    }
    for (size_t k = 0; k < 4; k++) {
        memset(squares[k], 0, count * sizeof(double));
    }
    for (size_t j = 0; j < w->length;) {
        size_t lanes = w->length - j >= 4 ? 4 : 1;
        const double *cells = almi_ring_stretch(w->run->cells, w->run->cell_mask,
                                                w->p - j - (lanes - 1), count + lanes - 1, buffer);
        almi_stretch_squares(cells + lanes - 1, mean, count, lanes, squares);
        j += lanes;
    }
    almi_stretch_std_rough(&w->stretch, squares, w->out);
    return true;
}

static bool std_stretch(const windows *w)
{
    size_t rough = almi_stretch_rough(&w->stretch);
    if (rough < w->stretch.count && !almi_stretch_std_whole(&w->stretch, w->out)) {
        return false;
    }
    return rough == 0 || rough_stretch(w);
}

/* Positions are periods. */
static void run_periods(const almi_run *run, size_t from, size_t count, const method *way)
{
    while (count > 0) {
        windows w = windows_from(run, from, count, way, run->track + (from & run->track_mask));
        if (!way->loop(&w)) {
            way->steps(run, from, from + w.stretch.count);
        }
        from += w.stretch.count;
        count -= w.stretch.count;
    }
}

/* Whether every window has its number of open periods within the reach. */
static bool open_windows_are_whole(const almi_run *run, size_t from, size_t count, size_t cells)
{
    bool whole = true;
    for (size_t p = from; p < from + count; p++) {
        uint32_t reached = run->open[p & run->open_mask] -
                           run->open[(p - run->reach) & run->open_mask];
        whole = whole & (reached >= cells);
    }
    return whole;
}

/* Positions are open periods: the values of those that end in the stretch, and then for each period
 * that of the last open one. */
static bool run_open(const almi_run *run, size_t from, size_t count, const method *way)
{
    double values[ALMI_STRETCH_MAX];
    size_t first = (size_t)run->open[from & run->open_mask] - 1;
    size_t end = run->open[(from + count - 1) & run->open_mask];
    if (!open_windows_are_whole(run, from, count, way->length + way->back)) {
        return false;
    }
    for (size_t p = first; p < end;) {
        windows w = windows_from(run, p, end - p, way, values + (p - first));
        if (!way->loop(&w)) {
            return false;
        }
        p += w.stretch.count;
    }
    for (size_t p = from; p < from + count; p++) {
        size_t last = (size_t)run->open[p & run->open_mask] - 1;
        run->track[p & run->track_mask] = values[last - first];
    }
    return true;
}

/* Fewer periods (one, online) are done sooner by the step function. */
#define STRETCH_MIN 4

/* Stretches where they apply, else the step function. */
static void run_stretches(const almi_run *run, size_t from, size_t to, const method *way)
{
    if (to - from < STRETCH_MIN) {
        way->steps(run, from, to);
        return;
    }
    while (from < to) {
        size_t count = to - from < ALMI_STRETCH_MAX ? to - from : ALMI_STRETCH_MAX;
        count = shorter(count, from, run->track_mask);
        if (!run->open) {
            run_periods(run, from, count, way);
        } else if (!run_open(run, from, count, way)) {
            way->steps(run, from, from + count);
        }
        from += count;
    }
}

#define DEFINE_STRETCHES(name, back, length_of, loop)                                              \
    ALMI_DEFINE_RUN(name##_steps, no_state, name##_step)                                           \
    static void run_##name(const almi_run *run, size_t from, size_t to)                            \
    {                                                                                              \
        const method way = {back, length_of, loop, run_##name##_steps};                            \
        run_stretches(run, from, to, &way);                                                        \
    }

DEFINE_STRETCHES(sum, 0, run->window, sum_stretch)
DEFINE_STRETCHES(mean, 0, run->window, mean_stretch)
DEFINE_STRETCHES(std, 0, run->window, std_stretch)
DEFINE_STRETCHES(zero_share, 0, run->window, zero_share_stretch)
DEFINE_STRETCHES(seasonal_mean, 0, run->window * run->season, mean_stretch)
DEFINE_STRETCHES(ratio, 1, run->window, ratio_stretch)

static void run_difference(const almi_run *run, size_t from, size_t to)
{
    double newer[ALMI_STRETCH_MAX], older[ALMI_STRETCH_MAX];
    while (from < to) {
        size_t count = to - from < ALMI_STRETCH_MAX ? to - from : ALMI_STRETCH_MAX;
        count = shorter(count, from, run->track_mask);
        almi_stretch_difference(
            almi_ring_stretch(run->cells, run->cell_mask, from, count, newer),
            almi_ring_stretch(run->cells, run->cell_mask, from - run->window, count, older), count,
            run->track + (from & run->track_mask));
        from += count;
    }
}

ALMI_DEFINE_RUN(min, extreme_state, min_step)
ALMI_DEFINE_RUN(max, extreme_state, max_step)
ALMI_DEFINE_RUN(median, median_state, median_step)

/* clang-format off */
#define WINDOW_KERNEL(name, more, least, sums, bytes, per_window)                             \
    const almi_kernel almi_kernel_##name = {                                                  \
        .input = ALMI_INPUT_COLUMN, .read = ALMI_READ_PERIOD,                                 \
        .takes = ALMI_TAKES_WINDOW | (more), .window_min = (least), .needs = (sums),          \
        .state_bytes = (bytes), .state_bytes_per_window = (per_window), .run = run_##name};

enum { CLOSED = ALMI_TAKES_CLOSED, SCALE = ALMI_TAKES_SCALE };

WINDOW_KERNEL(sum, CLOSED | SCALE, 1, ALMI_NEEDS_SUMS, sizeof(no_state), 0)
WINDOW_KERNEL(mean, CLOSED | SCALE, 1, ALMI_NEEDS_SUMS, sizeof(no_state), 0)
WINDOW_KERNEL(std, CLOSED | SCALE, 2, ALMI_NEEDS_SUMS | ALMI_NEEDS_ZEROS | ALMI_NEEDS_SQUARES,
              sizeof(no_state), 0)
WINDOW_KERNEL(zero_share, CLOSED, 1, ALMI_NEEDS_SUMS | ALMI_NEEDS_ZEROS, sizeof(no_state), 0)
WINDOW_KERNEL(ratio, CLOSED, 1, ALMI_NEEDS_SUMS, sizeof(no_state), 0)
WINDOW_KERNEL(difference, SCALE, 1, 0, sizeof(no_state), 0)
WINDOW_KERNEL(min, CLOSED | SCALE, 1, 0, sizeof(extreme_state), sizeof(double))
WINDOW_KERNEL(max, CLOSED | SCALE, 1, 0, sizeof(extreme_state), sizeof(double))
WINDOW_KERNEL(median, CLOSED | SCALE, 1, 0, sizeof(median_state), sizeof(double))
/* clang-format on */

const almi_kernel almi_kernel_seasonal_mean = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_SEASON,
    .takes = ALMI_TAKES_WINDOW | ALMI_TAKES_SEASON | ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE,
    .window_min = 1,
    .needs = ALMI_NEEDS_SUMS,
    .state_bytes = sizeof(no_state),
    .run = run_seasonal_mean,
};

/* `value` and `lag` read the cells; they differ in where the offset counts from. */
const almi_kernel almi_kernel_value = {
    .input = ALMI_INPUT_COLUMN, .read = ALMI_READ_PERIOD, .takes = ALMI_TAKES_SCALE};
const almi_kernel almi_kernel_lag = {
    .input = ALMI_INPUT_COLUMN, .read = ALMI_READ_PERIOD, .takes = ALMI_TAKES_SCALE};

/* ---- for the kernels of other files ---- */

almi_window almi_window_at(const almi_run *run, size_t p)
{
    bounds window = window_bounds(run, p, run->window);
    return (almi_window){window.low, window.high};
}

double almi_window_mean(const almi_run *run, size_t p)
{
    return window_mean(run, window_bounds(run, p, run->window), 1);
}
