/* Operators whose values depend on the whole past of the series. Their states are doubles only, so
 * that a checkpoint is a list of numbers; periods are exact in a double. All zero = no past. */
#include "feature/operator.h"

#include <math.h>

static inline double cell_at(const almi_run *run, size_t p)
{
    return run->cells[p & run->cell_mask];
}

/* A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974:
 * an error of about one rounding, whatever the length of the series. */
typedef struct running_mean {
    double sum;
    double lost;
    double count;
} running_mean;

static inline void mean_add(running_mean *mean, double value)
{
    double sum = mean->sum + value;
    mean->lost += fabs(mean->sum) >= fabs(value) ? (mean->sum - sum) + value
                                                 : (value - sum) + mean->sum;
    mean->sum = sum;
    mean->count += 1;
}

static inline double mean_value(const running_mean *mean)
{
    return mean->count > 0 ? (mean->sum + mean->lost) / mean->count : ALMI_NAN;
}

static inline double expanding_mean_step(running_mean *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell == cell) {
        mean_add(state, cell);
    }
    return mean_value(state);
}

/* Sums of the distances to the first cell and of their squares. What cancels when the variance is
 * made of them depends on how unusual the first cell is, not on how far from zero the cells are. */
typedef struct expanding_spread {
    double first;
    running_mean distances;
    running_mean squares;
} expanding_spread;

static inline double expanding_std_step(expanding_spread *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell == cell) {
        state->first = state->distances.count > 0 ? state->first : cell;
        double distance = cell - state->first;
        mean_add(&state->distances, distance);
        mean_add(&state->squares, distance * distance);
    }
    double count = state->distances.count;
    if (count < 2) {
        return ALMI_NAN;
    }
    double sum = state->distances.sum + state->distances.lost;
    double squares = (state->squares.sum + state->squares.lost) - sum * (sum / count);
    return sqrt(squares < 0 ? 0 : squares / (count - 1)); /* roundings may leave it below zero */
}

typedef struct extreme_so_far {
    double value;
    double started;
} extreme_so_far;

static inline double expanding_min_step(extreme_so_far *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell == cell) {
        state->value = state->started > 0 && state->value < cell ? state->value : cell;
        state->started = 1;
    }
    return state->started > 0 ? state->value : ALMI_NAN;
}

static inline double expanding_max_step(extreme_so_far *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell == cell) {
        state->value = state->started > 0 && state->value > cell ? state->value : cell;
        state->started = 1;
    }
    return state->started > 0 ? state->value : ALMI_NAN;
}

typedef struct ewm_state {
    double mean;
    double started;
} ewm_state;

/* pandas' ewm(alpha, adjust=False, ignore_na=True): a missing value changes nothing. */
static inline double ewm_step(ewm_state *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell == cell) {
        double kept = (1 - run->alpha) * state->mean;
        state->mean = state->started > 0 ? kept + run->alpha * cell : cell;
        state->started = 1;
    }
    return state->started > 0 ? state->mean : ALMI_NAN;
}

/* Number of the last event's period plus 1; 0 = none yet. */
typedef struct last_event {
    double period;
} last_event;

static inline double since_nonzero_step(last_event *state, const almi_run *run, size_t p)
{
    state->period = cell_at(run, p) > 0 ? (double)p + 1 : state->period;
    return state->period > 0 ? (double)p + 1 - state->period : ALMI_NAN;
}

typedef struct interval_state {
    double first; /* as last_event */
    double last;
    double count;
} interval_state;

static inline double mean_interval_step(interval_state *state, const almi_run *run, size_t p)
{
    if (cell_at(run, p) > 0) {
        state->last = (double)p + 1;
        state->first = state->count > 0 ? state->first : state->last;
        state->count += 1;
    }
    return state->count > 1 ? (state->last - state->first) / (state->count - 1) : ALMI_NAN;
}

static inline double mean_size_step(running_mean *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    if (cell > 0) {
        mean_add(state, cell);
    }
    return mean_value(state);
}

static inline double series_age_step(last_event *state, const almi_run *run, size_t p)
{
    double cell = cell_at(run, p);
    state->period = state->period > 0 || cell != cell ? state->period : (double)p + 1;
    return state->period > 0 ? (double)p + 1 - state->period : ALMI_NAN;
}

typedef struct encoding_state {
    running_mean own;
    running_mean group;
} encoding_state;

/* The series' own mean so far, pulled towards the mean so far of its group's column as if `alpha`
 * further values of the series had been equal to it. Only periods up to p have been seen. */
static inline double target_encoding_step(encoding_state *state, const almi_run *run, size_t p)
{
    double own = run->second[p & run->second_mask];
    double group = cell_at(run, p);
    if (own == own) {
        mean_add(&state->own, own);
    }
    if (group == group) {
        mean_add(&state->group, group);
    }
    if (state->group.count == 0 || state->own.count == 0) {
        return mean_value(state->group.count == 0 ? &state->own : &state->group);
    }
    double pulled = (state->own.sum + state->own.lost) + run->alpha * mean_value(&state->group);
    return pulled / (state->own.count + run->alpha);
}

ALMI_DEFINE_RUN(expanding_mean, running_mean, expanding_mean_step)
ALMI_DEFINE_RUN(expanding_std, expanding_spread, expanding_std_step)
ALMI_DEFINE_RUN(expanding_min, extreme_so_far, expanding_min_step)
ALMI_DEFINE_RUN(expanding_max, extreme_so_far, expanding_max_step)
ALMI_DEFINE_RUN(ewm, ewm_state, ewm_step)
ALMI_DEFINE_RUN(since_nonzero, last_event, since_nonzero_step)
ALMI_DEFINE_RUN(mean_interval, interval_state, mean_interval_step)
ALMI_DEFINE_RUN(mean_size, running_mean, mean_size_step)
ALMI_DEFINE_RUN(series_age, last_event, series_age_step)
ALMI_DEFINE_RUN(target_encoding, encoding_state, target_encoding_step)

/* clang-format off */
#define ANCHORED_KERNEL(name, more, state_type)                                               \
    const almi_kernel almi_kernel_##name = {                                                  \
        .input = ALMI_INPUT_COLUMN, .read = ALMI_READ_PERIOD, .takes = (more),                \
        .state_bytes = sizeof(state_type), .run = run_##name};

ANCHORED_KERNEL(expanding_mean, ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, running_mean)
ANCHORED_KERNEL(expanding_std, ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, expanding_spread)
ANCHORED_KERNEL(expanding_min, ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, extreme_so_far)
ANCHORED_KERNEL(expanding_max, ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, extreme_so_far)
ANCHORED_KERNEL(ewm, ALMI_TAKES_ALPHA | ALMI_TAKES_CLOSED | ALMI_TAKES_SCALE, ewm_state)
ANCHORED_KERNEL(since_nonzero, 0, last_event)
ANCHORED_KERNEL(mean_interval, 0, interval_state)
ANCHORED_KERNEL(mean_size, ALMI_TAKES_SCALE, running_mean)
ANCHORED_KERNEL(series_age, 0, last_event)
/* clang-format on */

const almi_kernel almi_kernel_target_encoding = {
    .input = ALMI_INPUT_COLUMN,
    .read = ALMI_READ_PERIOD,
    .pairs = ALMI_PAIRS_WITH_TARGET,
    .takes = ALMI_TAKES_ALPHA | ALMI_TAKES_SCALE,
    .state_bytes = sizeof(encoding_state),
    .run = run_target_encoding,
};
