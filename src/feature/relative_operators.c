/* Operators that set one value against another: the change of a price, stock against demand. */
#include "feature/window.h"

typedef struct no_state {
    char unused;
} no_state;

/* pandas' pct_change. A value before of zero has no relative change: missing. */
static inline double change_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    return almi_cell_at(run, p) / almi_cell_at(run, p - run->window) - 1;
}

/* The newest known cell of the second column among the last `window` periods. */
static inline double newest_beside(const almi_run *run, size_t p)
{
    for (size_t back = 0; back < run->window; back++) {
        double cell = run->second[(p - back) & run->second_mask];
        if (cell == cell) {
            return cell;
        }
    }
    return ALMI_NAN;
}

/* How long the stock lasts at the demand of the window. Nothing in stock lasts no time, whatever
 * the demand; what nobody wants lasts beyond every horizon, which the cap says. */
static inline double days_of_cover_step(no_state *state, const almi_run *run, size_t p)
{
    (void)state;
    double stock = newest_beside(run, p);
    double demand = almi_window_mean(run, p);
    if (stock != stock || demand != demand) {
        return ALMI_NAN;
    }
    if (stock <= 0) {
        return 0;
    }
    double cover = demand > 0 ? stock / demand : ALM_FEATURE_COVER_MAX;
    return cover < ALM_FEATURE_COVER_MAX ? cover : ALM_FEATURE_COVER_MAX;
}

ALMI_DEFINE_RUN(change, no_state, change_step)
ALMI_DEFINE_RUN(days_of_cover, no_state, days_of_cover_step)

const almi_kernel almi_kernel_change = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_PERIOD,
    .takes = ALMI_TAKES_WINDOW,
    .window_min = 1,
    .state_bytes = sizeof(no_state),
    .run = run_change,
};
const almi_kernel almi_kernel_days_of_cover = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_PERIOD,
    .pairs = ALMI_PAIRS_OVER_TARGET,
    .takes = ALMI_TAKES_WINDOW | ALMI_TAKES_CLOSED,
    .window_min = 1,
    .needs = ALMI_NEEDS_SUMS,
    .state_bytes = sizeof(no_state),
    .run = run_days_of_cover,
};
