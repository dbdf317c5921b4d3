/* Spread and extremes of `window` cells that lie one season apart. A track has the value that ends
 * at every period; a row reads it at the newest period with the phase of its target. Windows are a
 * few cells long, so each value is made from its cells alone, the newest first: the same order for
 * the same window, wherever a replay began. (The mean lies with the other means.) */
#include "feature/window.h"

#include <math.h>

typedef struct no_state {
    char unused;
} no_state;

static inline double seasonal_cell(const almi_run *run, size_t p, size_t occurrence)
{
    return almi_cell_at(run, p - occurrence * run->season);
}

/* Two passes over the distances to one of the cells, so that equal cells give exactly zero. */
static double seasonal_std_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    double origin = 0, sum = 0, squares = 0;
    size_t usable = 0;
    for (size_t k = 0; k < run->window; k++) {
        double cell = seasonal_cell(run, p, k);
        if (cell == cell) {
            origin = usable ? origin : cell;
            sum += cell - origin;
            usable++;
        }
    }
    if (usable < 2) {
        return ALMI_NAN;
    }
    double mean = sum / (double)usable;
    for (size_t k = 0; k < run->window; k++) {
        double deviation = (seasonal_cell(run, p, k) - origin) - mean;
        squares += deviation == deviation ? deviation * deviation : 0;
    }
    return sqrt(squares / ((double)usable - 1));
}

/* Without a usable cell the extreme stays infinite, which is missing. */
static double seasonal_min_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    double least = INFINITY;
    for (size_t k = 0; k < run->window; k++) {
        double cell = seasonal_cell(run, p, k);
        least = cell < least ? cell : least;
    }
    return least;
}

static double seasonal_max_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    double most = -INFINITY;
    for (size_t k = 0; k < run->window; k++) {
        double cell = seasonal_cell(run, p, k);
        most = cell > most ? cell : most;
    }
    return most;
}

ALMI_DEFINE_RUN(seasonal_std, no_state, seasonal_std_step)
ALMI_DEFINE_RUN(seasonal_min, no_state, seasonal_min_step)
ALMI_DEFINE_RUN(seasonal_max, no_state, seasonal_max_step)

/* clang-format off */
#define SEASONAL_KERNEL(name, least)                                                          \
    const almi_kernel almi_kernel_##name = {                                                  \
        .input = ALMI_INPUT_COLUMN, .read = ALMI_READ_SEASON,                                 \
        .takes = ALMI_TAKES_WINDOW | ALMI_TAKES_SEASON | ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, \
        .window_min = (least), .state_bytes = sizeof(no_state), .run = run_##name};

SEASONAL_KERNEL(seasonal_std, 2)
SEASONAL_KERNEL(seasonal_min, 1)
SEASONAL_KERNEL(seasonal_max, 1)
/* clang-format on */
