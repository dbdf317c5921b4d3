/* Kernels of everything since the anchor. Their states are doubles, all zero before the first bar.
 * A cell that is missing, or with which the state would not be finite, is passed over. */
#include "feature/bars/bars_graph.h"

#include <math.h>

/* Both recursive means are seeded with the plain mean of their first n usable cells, which is what
 * Wilder's tables, TA-Lib and most charting programs do; pandas starts with the first cell. */
typedef struct recursion {
    double count; /* usable cells seen, at most n */
    double mean;  /* their sum while there are fewer than n */
} recursion;

static inline double recursion_take(recursion *state, size_t n, double next)
{
    if (next - next != 0) {
        return ALMI_NAN;
    }
    bool seeded = state->count >= (double)n;
    state->count += seeded ? 0 : 1;
    bool completes = !seeded && state->count >= (double)n;
    state->mean = completes ? next / (double)n : next;
    return seeded || completes ? state->mean : ALMI_NAN;
}

/* mean += 2 / (n + 1) * (x - mean); `k` is the factor. */
static inline double ema_step(recursion *state, const almi_bars_run *run)
{
    double x = run->in[0][0];
    bool seeded = state->count >= (double)run->n;
    double next = seeded ? (x - state->mean) * run->k + state->mean : state->mean + x;
    return recursion_take(state, run->n, next);
}

/* Wilder, 1978: (mean * (n - 1) + x) / n. */
static inline double wilder_step(recursion *state, const almi_bars_run *run)
{
    double x = run->in[0][0];
    double n = (double)run->n;
    bool seeded = state->count >= n;
    double next = seeded ? (state->mean * (n - 1) + x) / n : state->mean + x;
    return recursion_take(state, run->n, next);
}

/* A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974. */
typedef struct running_total {
    double sum;
    double lost;
} running_total;

/* False, and nothing changed, if the total would not be finite. */
static inline bool total_add(running_total *total, double x)
{
    double sum = total->sum + x;
    double lost = total->lost + (fabs(total->sum) >= fabs(x) ? (total->sum - sum) + x
                                                             : (x - sum) + total->sum);
    if (sum - sum != 0 || lost - lost != 0) {
        return false;
    }
    *total = (running_total){sum, lost};
    return true;
}

static inline double total_value(const running_total *total)
{
    return total->sum + total->lost;
}

typedef struct balance_state {
    running_total total;
    double close;
    double started;
} balance_state;

/* J. Granville's on-balance volume, from the first bar's volume on (as TA-Lib; others begin with
 * 0). Inputs: close, volume. */
static inline double balance_step(balance_state *state, const almi_bars_run *run)
{
    double close = run->in[0][0];
    double volume = run->in[1][0];
    double sign = state->started == 0 || close > state->close ? 1 : close < state->close ? -1 : 0;
    if (close != close || volume != volume || !total_add(&state->total, sign * volume)) {
        return ALMI_NAN;
    }
    state->close = close;
    state->started = 1;
    return total_value(&state->total);
}

typedef struct session_state {
    running_total total;
    double session;
    double started;
} session_state;

/* A new session forgets the one before. */
static inline void enter_session(session_state *state, double session)
{
    if (state->started == 0 || state->session != session) {
        *state = (session_state){.session = session, .started = 1};
    }
}

/* Inputs: what to sum, session. */
static inline double session_total_step(session_state *state, const almi_bars_run *run)
{
    enter_session(state, run->in[1][0]);
    double x = run->in[0][0];
    return x == x && total_add(&state->total, x) ? total_value(&state->total) : ALMI_NAN;
}

/* Bars of the session before this one. Input: session. */
static inline double session_count_step(session_state *state, const almi_bars_run *run)
{
    enter_session(state, run->in[0][0]);
    state->total.sum += 1;
    return state->total.sum - 1;
}

/* clang-format off */
/* The state lives in registers during the stretch. */
#define ANCHORED_KERNEL(name, input_count, state_type, seeded)                                 \
    static void name##_run(const almi_bars_run *run, double *out, size_t count)                \
    {                                                                                          \
        almi_bars_run bar = *run;                                                              \
        state_type state = *(const state_type *)run->state;                                    \
        for (size_t j = 0; j < count; j++, bar.in[0]++, bar.in[1]++) {                         \
            out[j] = name##_step(&state, &bar);                                                \
        }                                                                                      \
        *(state_type *)run->state = state;                                                     \
    }                                                                                          \
    const almi_bars_kernel almi_bars_##name = {                                                \
        .inputs = (input_count), .reads = 1, .seeds = (seeded),                                \
        .state_words = sizeof(state_type) / sizeof(double), .run = name##_run};

ANCHORED_KERNEL(ema, 1, recursion, true)
ANCHORED_KERNEL(wilder, 1, recursion, true)
ANCHORED_KERNEL(balance, 2, balance_state, false)
ANCHORED_KERNEL(session_total, 2, session_state, false)
ANCHORED_KERNEL(session_count, 1, session_state, false)
/* clang-format on */
