/* feature_plan.h: the compiled plan, inside this folder.
 *
 * Features that differ only in offset, anchor and scaling share a track; tracks over the same
 * column share its stream of cells; windows over the same cells share their prefix sums. */
#ifndef ALM_FEATURE_FEATURE_PLAN_H
#define ALM_FEATURE_FEATURE_PLAN_H

#include "feature/operator.h"

#define ALMI_INDEX_NONE UINT32_MAX

/* Memory of a state has two parts, so that an online emit can carry the known columns on past the
 * origin on a copy of their part alone. */
typedef enum almi_part { ALMI_PART_OBSERVED, ALMI_PART_KNOWN, ALMI_PART_COUNT } almi_part;

typedef enum almi_cells {
    ALMI_CELLS_ALL,  /* CLOSED counts as zero */
    ALMI_CELLS_OPEN, /* CLOSED cells are left out: positions count open periods */
    ALMI_CELLS_HOLED /* CLOSED cells are missing */
} almi_cells;

typedef struct almi_stream {
    uint32_t column;
    almi_cells cells;
    almi_part part;
    size_t span;       /* positions behind the newest that may be read */
    bool checkpointed; /* an ANCHORED operator reads it */
} almi_stream;

typedef struct almi_ledger {
    uint32_t stream;
    size_t stride;
    size_t span;
    uint32_t needs;
} almi_ledger;

typedef struct almi_track {
    const almi_operator *op;
    uint32_t stream; /* ALMI_INDEX_NONE: calendar */
    uint32_t ledger; /* ALMI_INDEX_NONE: no prefix sums */
    uint32_t second; /* stream beside it, for operators over two columns; else ALMI_INDEX_NONE */
    size_t window;
    size_t season;
    size_t reach;
    double alpha;
    double level;
    almi_part part;
    size_t span; /* periods behind the newest that a row may read */
} almi_track;

/* Where a row finds the feature: track (or stream) at period origin - shift or target - shift. */
typedef struct almi_source {
    almi_read read;
    uint32_t track;
    uint32_t stream; /* used when `track` is ALMI_INDEX_NONE: the cells are the values */
    bool from_target;
    int64_t shift;
    size_t season;
    double cap;
    uint32_t input; /* index of the declared column or static attribute */
    uint32_t steps_max; /* 0: all steps */
    bool scaled;
} almi_source;

/* Sizes and places of one state's memory for chunks of a given length. */
typedef struct almi_layout {
    size_t part_bytes[ALMI_PART_COUNT];
    size_t zero_bytes[ALMI_PART_COUNT]; /* what is zero before the first period lies first */
    struct almi_stream_place {
        size_t cells, open, slots;
    } *streams;
    struct almi_ledger_place {
        size_t high, low, count, zero, square, slots;
    } *ledgers;
    struct almi_track_place {
        size_t values, state, slots;
    } *tracks;
    struct almi_source_place {
        almi_part part;
        size_t values, slots; /* the ring that a row reads; slots 0: none */
    } *sources;
    size_t chunk; /* periods advanced at once at most */
} almi_layout;

struct alm_feature_plan {
    alm_arena *arena;
    size_t count;
    alm_feature_spec *specs;
    almi_source *sources;
    size_t block_count;
    alm_horizon_block *blocks;
    int32_t step_max;
    int32_t delay;     /* publication delay of the target */
    int32_t recursive; /* horizon; 0: direct */
    alm_sold_out_rule sold_out;
    size_t column_count; /* of the schema */
    const char **column_names; /* NULL: not used */
    alm_column_role *column_roles;
    int32_t *column_delays; /* of observed columns; known ones 0 */
    size_t static_count;
    const char **static_names;
    size_t stream_count, ledger_count, track_count;
    almi_stream *streams;
    almi_ledger *ledgers;
    almi_track *tracks;
    bool any_anchored;
    bool any_known; /* a known column is read */
    bool any_scaled;
    size_t lookback;
    size_t retain; /* periods that an online state keeps: look-back and depth of all tracks */
    size_t ahead;  /* periods after an origin that known columns are read */
    almi_layout batch;
    almi_layout online;
    alm_digest version;
};

/* True if `step` lies in a block. */
bool almi_plan_has_step(const alm_feature_plan *plan, uint32_t step);
/* feature_version.c: canonical text and hash. */
void almi_plan_hash(alm_feature_plan *plan);
/* feature_layout.c */
void almi_plan_lay_out(alm_feature_plan *plan);

#endif
