/* The quantile of a window, from its usable cells kept in ascending order. */
#include "feature/window.h"

#include <string.h>

/* The sorted cells follow the state. */
typedef struct quantile_state {
    size_t low; /* positions (low, high] are in the list */
    size_t high;
    size_t count;
    bool started;
} quantile_state;

/* Place of the first cell that is not below `value`. */
static inline size_t place_of(const double *sorted, size_t count, double value)
{
    size_t first = 0;
    while (count > 0) {
        size_t half = count / 2;
        bool below = sorted[first + half] < value;
        first += below ? half + 1 : 0;
        count = below ? count - half - 1 : half;
    }
    return first;
}

static inline void put_cell(double *sorted, size_t *count, double value)
{
    size_t i = place_of(sorted, *count, value);
    memmove(sorted + i + 1, sorted + i, (*count - i) * sizeof *sorted);
    sorted[i] = value;
    (*count)++;
}

static inline void take_cell(double *sorted, size_t *count, double value)
{
    size_t i = place_of(sorted, *count, value);
    (*count)--;
    memmove(sorted + i, sorted + i + 1, (*count - i) * sizeof *sorted);
}

/* R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996: definition 7, in the
 * arithmetic of numpy's default, which is monotone and exact between equal cells. */
static inline double interpolate(const double *sorted, size_t count, double level)
{
    double place = (double)(count - 1) * level;
    size_t below = (size_t)place;
    double share = place - (double)below;
    double low = sorted[below];
    double high = sorted[below + 1 < count ? below + 1 : below];
    return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

static inline double quantile_step(quantile_state *state, const almi_run *run, size_t p)
{
    almi_window window = almi_window_at(run, p);
    double *sorted = (double *)((char *)run->state + sizeof(quantile_state));
    if (!state->started) {
        *state = (quantile_state){window.low, window.low, 0, true};
    }
    /* Leaving cells first: the list has room for one window. */
    for (; state->low != window.low; state->low++) {
        double cell = almi_cell_at(run, state->low + 1);
        if (cell == cell && (ptrdiff_t)state->low < (ptrdiff_t)state->high) {
            take_cell(sorted, &state->count, cell);
        }
    }
    for (; state->high != window.high; state->high++) {
        double cell = almi_cell_at(run, state->high + 1);
        if (cell == cell) {
            put_cell(sorted, &state->count, cell);
        }
    }
    return state->count ? interpolate(sorted, state->count, run->level) : ALMI_NAN;
}

ALMI_DEFINE_RUN(quantile, quantile_state, quantile_step)

const almi_kernel almi_kernel_quantile = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_PERIOD,
    .takes = ALMI_TAKES_WINDOW | ALMI_TAKES_LEVEL | ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE,
    .window_min = 1,
    .state_bytes = sizeof(quantile_state),
    .state_bytes_per_window = sizeof(double),
    .run = run_quantile,
};
