/* operator.h: what one feature operator is, inside this folder.
 *
 * An operator is a small state and a step function: `step` takes the cells up to period p and
 * gives the value that ends at p. Values go to the operator's track, a ring indexed by period; a
 * row reads a track at its end period. The run function of an operator is the loop over periods
 * with the step inlined, so a replay makes one indirect call per operator and chunk of periods,
 * and an online update is the same call with a chunk of one. Operators over sums also have loops
 * over stretches of periods (stretch.h), which give the same bits sooner. */
#ifndef ALM_FEATURE_OPERATOR_H
#define ALM_FEATURE_OPERATOR_H

#include "feature/feature.h"
#include "num/exact_sum.h"

/* How a row finds its value. */
typedef enum almi_read {
    ALMI_READ_PERIOD, /* the track at the end period */
    ALMI_READ_SEASON, /* the track at the newest period <= end that has the target's phase */
    ALMI_READ_SINCE,  /* as PERIOD, plus the distance from the end to the target, capped */
    ALMI_READ_STEP,
    ALMI_READ_STATIC
} almi_read;

typedef enum almi_input {
    ALMI_INPUT_NONE,   /* the calendar or the step alone */
    ALMI_INPUT_COLUMN,
    ALMI_INPUT_STATIC
} almi_input;

/* Operators over two columns. Both are observed, and both are read at the same periods. */
typedef enum almi_pairs {
    ALMI_PAIRS_NONE,
    ALMI_PAIRS_WITH_TARGET, /* runs over the declared column, the target beside it */
    ALMI_PAIRS_OVER_TARGET  /* runs over the target, the declared column beside it */
} almi_pairs;

/* Parameters that an operator takes; the others must be 0. */
enum {
    ALMI_TAKES_WINDOW = 1,
    ALMI_TAKES_SEASON = 2,
    ALMI_TAKES_ALPHA = 4,
    ALMI_TAKES_CLOSED = 8,  /* skip_closed */
    ALMI_TAKES_SCALE = 16,
    ALMI_TAKES_LEVEL = 32
};

/* Prefix sums that an operator's window needs. */
enum { ALMI_NEEDS_SUMS = 1, ALMI_NEEDS_ZEROS = 2, ALMI_NEEDS_SQUARES = 4 };

/* Counters of the cells up to a position, two in one word: differences never borrow because a
 * counter only grows. */
#define ALMI_COUNT_LOW(word) ((uint32_t)(word))
#define ALMI_COUNT_HIGH(word) ((uint32_t)((word) >> 32))
#define ALMI_COUNT(low, high) ((uint64_t)(low) | (uint64_t)(high) << 32)

/* Prefix sums over one column at one stride; arrays are rings of mask + 1 positions. */
typedef struct almi_ledger_view {
    const int64_t *high;     /* of alm_fixed cells, modulo 2^64 */
    const double *low;       /* in 0 .. 2^-11 */
    const uint64_t *count;   /* low: usable cells; high: cells that alm_fixed cannot hold */
    const uint64_t *zero;    /* low: zeros; high: cells whose square is not small and whole */
    const uint64_t *square;  /* of small whole cells */
    size_t mask;
} almi_ledger_view;

/* One operator over one series during one call: parameters and rings. */
typedef struct almi_run {
    void *state;
    double *track; /* the value that ends at period p is track[p & track_mask] */
    size_t track_mask;
    const double *cells; /* by position; NaN = not usable */
    size_t cell_mask;
    const double *second; /* by period: the other column of an operator over two */
    size_t second_mask;
    const uint32_t *open; /* skip_closed: open periods up to p; NULL: position = period */
    size_t open_mask;
    almi_ledger_view ledger;
    size_t window;
    size_t season;
    size_t reach; /* periods that a value may look at, its own included */
    double alpha;
    double level;
    alm_date first_day; /* of period 0 */
} almi_run;

typedef struct almi_kernel {
    almi_input input;
    almi_read read;
    almi_pairs pairs;
    uint32_t takes;
    int32_t window_min;
    uint32_t needs;
    bool known_only;
    bool lookahead;      /* reads cells up to `window` periods after the period */
    bool calendar;       /* a track that depends on the date alone */
    size_t state_bytes;  /* zeroed = before the first period; ANCHORED: doubles only */
    size_t state_bytes_per_window;
    /* Fills the track for periods [from, to). NULL: the cells themselves are the values. */
    void (*run)(const almi_run *run, size_t from, size_t to);
} almi_kernel;

typedef struct almi_operator {
    const char *name;
    int32_t revision;
    bool anchored;
    const almi_kernel *kernel;
} almi_operator;

const almi_operator *almi_operator_of(alm_feature_op op);
/* ALM_FEATURE_OP_COUNT if there is none. */
alm_feature_op almi_operator_find(alm_str name);
/* Periods back from a value's own period, that one included, which the value can depend on. */
size_t almi_operator_reach(const alm_feature_spec *spec);

#define ALMI_KERNEL_DECLARE(name, revision, class) extern const almi_kernel almi_kernel_##name;
ALM_FEATURE_OP_MAP(ALMI_KERNEL_DECLARE)
#undef ALMI_KERNEL_DECLARE

#define ALMI_NAN ((double)__builtin_nanf(""))

/* A value that overflowed is missing, never infinite. */
static inline double almi_finite(double value)
{
    return value - value == 0 ? value : ALMI_NAN;
}

/* The replay loop of an operator: `step` is static inline double (state *, run *, period). The
 * state lives in registers during the loop. */
#define ALMI_DEFINE_RUN(name, state_type, step)                                  \
    static void run_##name(const almi_run *run, size_t from, size_t to)          \
    {                                                                            \
        const almi_run r = *run;                                                 \
        state_type state = *(state_type *)r.state;                               \
        for (size_t p = from; p < to; p++) {                                     \
            r.track[p & r.track_mask] = almi_finite(step(&state, &r, p));        \
        }                                                                        \
        *(state_type *)r.state = state;                                          \
    }

#endif
