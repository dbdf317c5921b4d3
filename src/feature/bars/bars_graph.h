/* bars_graph.h: how operators over bars are put together, inside this folder.
 *
 * A plan is a list of nodes; a node computes one cell per bar from the newest cells of earlier
 * nodes, with one kernel. An operator is a small composition of nodes (bars_operators.c), and equal
 * nodes are one node: `macd` and `ema` of the same span share their average. What a node looks back
 * at, its warm-up and its class follow from those it reads, so no operator states them.
 *
 * The cells of a node are kept in a ring that is written twice, `capacity` words apart, so that
 * every window is a plain array. Nodes are run over stretches of bars: one bar online,
 * ALMI_BARS_STRETCH in batch, with the same kernels. A bar of a stretch is computed by itself, with
 * the operations in the same order whatever the stretch, so both give the same bits. Before the
 * first bar all cells are missing. What a state holds are numbers, never places: a damaged
 * checkpoint cannot point anywhere. */
#ifndef ALM_FEATURE_BARS_BARS_GRAPH_H
#define ALM_FEATURE_BARS_BARS_GRAPH_H

#include "feature/bars/bars.h"
#include "feature/operator.h"

#define ALMI_BARS_INPUTS_MAX 4
#define ALMI_BARS_OUTPUTS_MAX 5
#define ALMI_BARS_ARGUMENTS_MAX 4
/* No operator adds more nodes than this, the columns that it reads included. */
#define ALMI_BARS_OPERATOR_NODES_MAX 24

/* Nodes that every plan begins with: what a bar itself says. */
typedef enum almi_bars_source {
    ALMI_BARS_OPEN,
    ALMI_BARS_HIGH,
    ALMI_BARS_LOW,
    ALMI_BARS_CLOSE,
    ALMI_BARS_VOLUME,
    ALMI_BARS_SESSION, /* day number on which the session opened */
    ALMI_BARS_MINUTES, /* whole minutes since it opened */
    ALMI_BARS_SOURCE_COUNT
} almi_bars_source;

/* Bars that are computed together in batch. A power of two. */
#define ALMI_BARS_STRETCH 64

/* One node over a stretch: in[i][j] is the cell of its input i at bar j of the stretch, and
 * in[i][j - 1] the one before. */
typedef struct almi_bars_run {
    const double *in[ALMI_BARS_INPUTS_MAX];
    double *state;
    size_t n;
    double k;
} almi_bars_run;

typedef struct almi_bars_kernel {
    size_t inputs;
    size_t reads;       /* cells that it looks at of every input */
    bool reads_window;  /* `n` more of them */
    size_t state_words; /* > 0: ANCHORED. All zero = no past; always finite */
    bool seeds;         /* the first value needs n usable cells */
    /* out[j] for bars 0..count-1, count <= ALMI_BARS_STRETCH; `out` is none of the inputs. May
     * overflow: the caller makes what is not finite missing. */
    void (*run)(const almi_bars_run *run, double *out, size_t count);
} almi_bars_kernel;

/* The run of a kernel that is one expression of the newest cells: `step` is static inline double
 * (const almi_bars_run *), where in[i][0] is the newest cell. */
#define ALMI_BARS_DEFINE_RUN(name)                                                             \
    static void name##_run(const almi_bars_run *run, double *out, size_t count)                \
    {                                                                                          \
        almi_bars_run bar = *run;                                                              \
        for (size_t j = 0; j < count; j++) {                                                   \
            out[j] = name##_step(&bar);                                                        \
            for (size_t i = 0; i < ALMI_BARS_INPUTS_MAX; i++) {                                \
                bar.in[i]++;                                                                   \
            }                                                                                  \
        }                                                                                      \
    }

typedef struct almi_bars_node {
    const almi_bars_kernel *kernel; /* NULL: a source */
    uint32_t input[ALMI_BARS_INPUTS_MAX];
    size_t n;
    double k;
    size_t span;    /* cells that its readers look at, the newest included */
    size_t reach;   /* bars that a FINITE value looks at */
    size_t warmup;
    bool anchored;
} almi_bars_node;

typedef struct almi_bars_graph {
    almi_bars_node *nodes;
    size_t count;
} almi_bars_graph;

/* A node, or the equal one that is there already. Inputs that the kernel has not are ignored. */
uint32_t almi_bars_node_of(almi_bars_graph *graph, const almi_bars_kernel *kernel,
                           const uint32_t input[ALMI_BARS_INPUTS_MAX], size_t n, double k);

/* ---- operators: bars_operators.c ---- */

typedef struct almi_bars_argument {
    uint32_t node; /* of a column */
    size_t n;      /* a window */
    double k;      /* a factor */
} almi_bars_argument;

typedef struct almi_bars_operator {
    const char *name;
    int32_t revision;    /* raised with every change of what it computes */
    const char *usage;   /* "rsi(column, n)" */
    const char *takes;   /* a letter each: c column, n window >= 1, m window >= 2, k factor */
    const char *outputs[ALMI_BARS_OUTPUTS_MAX + 1]; /* names; none: the one output is nameless */
    /* Adds its nodes and gives one per output. Returns NULL or why the arguments do not go
     * together. */
    const char *(*build)(almi_bars_graph *graph, const almi_bars_argument *arguments,
                         uint32_t out[ALMI_BARS_OUTPUTS_MAX]);
} almi_bars_operator;

const almi_bars_operator *almi_bars_operator_find(alm_str name); /* NULL: none */
const almi_bars_operator *almi_bars_operator_at(size_t index);   /* NULL: behind the last */
/* The column's node, added where it is missing; false if there is no such column. */
bool almi_bars_column(almi_bars_graph *graph, alm_str name, uint32_t *node);

/* ---- declarations: bars_declaration.c ---- */

typedef struct almi_bars_declaration {
    const almi_bars_operator *op;
    alm_str arguments[ALMI_BARS_ARGUMENTS_MAX];
    size_t argument_count;
    size_t output; /* ALMI_BARS_ALL_OUTPUTS: all of them */
    alm_str name;  /* behind `as`; empty: the default */
} almi_bars_declaration;

#define ALMI_BARS_ALL_OUTPUTS SIZE_MAX
#define ALMI_BARS_DECLARATION_BYTES_MAX 300

/* Views into `text`. Arguments are counted but not yet read. */
ALM_NODISCARD alm_err almi_bars_declaration_parse(alm_str text, almi_bars_declaration *out,
                                                  alm_error *error);
/* Reads the arguments and adds the columns that they name. */
ALM_NODISCARD alm_err almi_bars_arguments_read(const almi_bars_declaration *declaration,
                                               almi_bars_graph *graph,
                                               almi_bars_argument out[ALMI_BARS_ARGUMENTS_MAX],
                                               alm_error *error);

/* ---- the plan: bars_plan.c ---- */

typedef struct almi_bars_column_of {
    const char *name;
    uint32_t node;
} almi_bars_column_of;

typedef struct almi_bars_entry {
    const char *text; /* canonical */
    int32_t revision;
} almi_bars_entry;

/* Where the words of a node are in a state. */
typedef struct almi_bars_place {
    size_t cells;    /* the ring, twice */
    size_t capacity; /* of the ring: a power of two, a multiple of the stretch */
    size_t words;    /* what its kernel remembers */
} almi_bars_place;

typedef struct almi_bars_layout {
    size_t stretch;
    size_t words; /* of a state */
    almi_bars_place *places;
} almi_bars_layout;

struct alm_bars_plan {
    alm_arena *arena;
    almi_bars_graph graph;
    size_t entry_count;
    almi_bars_entry *entries;
    size_t width;
    almi_bars_column_of *columns;
    int32_t session_open_minutes;
    almi_bars_layout online;
    almi_bars_layout batch;
    alm_digest version;
};

/* ---- kernels ---- */

/* A ratio over what overflowed would be a quiet 0. One over 0 is not finite, so the caller of the
 * kernel makes it missing. */
static inline double almi_bars_ratio(double part, double whole)
{
    return whole - whole == 0 ? part / whole : ALMI_NAN;
}

#define ALMI_BARS_KERNEL_MAP(X)                                                                \
    /* bars_cell_kernels.c: of one or two bars */                                              \
    X(typical) X(median) X(average) X(true_range) X(gain) X(loss) X(plus_move) X(minus_move)   \
    X(flow_up) X(flow_down) X(product) X(difference) X(quotient) X(share) X(ladder) X(position)\
    X(scaled) X(recency) X(spread_share) X(weekday) X(month) X(known_with)                         \
    /* bars_window_kernels.c: of a window */                                                   \
    X(total) X(mean) X(weighted_mean) X(std_population) X(std_sample) X(root_squares)          \
    X(highest) X(lowest) X(since_highest) X(since_lowest) X(change) X(growth) X(log_growth)    \
    X(zscore) X(mean_deviations)                                                               \
    /* bars_anchored_kernels.c: of everything since the anchor */                              \
    X(ema) X(wilder) X(balance) X(session_total) X(session_count)

#define ALMI_BARS_KERNEL_DECLARE(name) extern const almi_bars_kernel almi_bars_##name;
ALMI_BARS_KERNEL_MAP(ALMI_BARS_KERNEL_DECLARE)
#undef ALMI_BARS_KERNEL_DECLARE

#endif
