/* feature.h: declared features, compiled to a plan, computed by one implementation per operator.
 *
 * A feature is an operator over one series: `update` takes the values of the next period,
 * `emit` gives the value for a step ahead of the last period seen. Batch (alm_feature_rows) is a
 * replay of exactly these two, so online and batch values are the same bits.
 *
 * Time. After `update` of period o the state's origin is o. A row asks for (origin o, step h), its
 * target period is t = o + h. With publication delay d the newest usable value is that of o - d.
 *   - `lag: L` is relative to the target: it reads period t - L, legal in a horizon block [a, b]
 *     only if L >= b + d.
 *   - `age: A` is relative to the newest known value: it reads period o - d - A, always legal; the
 *     step itself is then usually a feature too.
 *   - `steps_max: S` gives the feature to steps up to S and leaves it missing later, so that its
 *     lag need be legal up to S only: lag 7 for the first week, lag 14 for the second.
 * Every observed column has a delay of its own; an operator over two columns has the larger one.
 * A window of n periods ends at that period. Known-in-advance columns may be read at t itself.
 * A plan that would leak does not compile; the message names the feature, block and smallest lag.
 *
 * A recursive plan forecasts one step and feeds it back: its rows have step 1, and the state's
 * origin moves over forecasts of the target, from the newest published period on (so its own delay
 * is 0). Nothing forecasts the other observed columns: what it reads of them must be published for
 * every step, as in a direct plan, by their own delay or the target's, whichever is larger.
 *
 * FINITE operators depend on their window's contents only (sums are exact and then rounded once),
 * so a replay may start anywhere before the look-back. ANCHORED operators (expanding, exponentially
 * weighted, since-last-event) are replayed from the series' first period or from a checkpoint.
 *
 * Cells. Period states describe column 0, the target: BEFORE and MISSING cells are not usable, and
 * a STOCKOUT cell, whose sale is a lower bound of demand, is by the plan's rule not usable either
 * or what stands in for its demand (sold_out.h). CLOSED cells count as zero unless `skip_closed`.
 * Another column says with NaN what it does not know; infinite input is missing. A
 * window uses the usable ones among its cells; without any it is NaN. With `skip_closed` a window
 * reaches at most 2 n + 28 periods back; seasonal_* and ANCHORED operators pass over closed
 * cells. Known columns: `value`, days_to and days_since are read at t, `age` counts from o, `lag`
 * from t (0 is legal). A distance that no event within the cap decides is NaN when a cell within
 * the cap is not known. No output is infinite.
 *
 * days_of_cover divides stock by demand: the newest known cell of `column` among the `window`
 * periods up to o - d - A, closed ones included, by the target's mean over the window (open periods
 * with skip_closed). Stock of 0 or less: 0. Demand of 0 or less, or a longer cover:
 * ALM_FEATURE_COVER_MAX. Without known stock or known demand it is NaN.
 *
 * A feature version is the hash of the canonical definitions and of every operator's revision.
 * Plans are immutable and may be used from any number of threads. */
#ifndef ALM_FEATURE_FEATURE_H
#define ALM_FEATURE_FEATURE_H

#include "base/hash.h"
#include "base/json.h"
#include "table/panel.h"

/* X(name in the project file, revision, FINITE or ANCHORED). A change of what an operator computes
 * raises its revision, which makes a new feature version. */
#define ALM_FEATURE_OP_MAP(X)                                                                     \
    X(value, 1, FINITE)            /* the column at the period itself (known columns: at t) */    \
    X(lag, 1, FINITE)              /* the column `lag`/`age` periods back */                      \
    X(difference, 1, FINITE)       /* value minus the value `window` periods before it */         \
    X(mean, 1, FINITE)             /* of the usable cells of a window */                          \
    X(sum, 1, FINITE)                                                                             \
    X(std, 1, FINITE)              /* sample standard deviation, n - 1 */                         \
    X(min, 1, FINITE)                                                                             \
    X(max, 1, FINITE)                                                                             \
    X(median, 1, FINITE)                                                                          \
    X(quantile, 1, FINITE)         /* at `level`, between two cells linearly (numpy's default) */ \
    X(zero_share, 1, FINITE)       /* share of zeros among the values of the window */            \
    X(seasonal_mean, 1, FINITE)    /* mean of `window` values one `season` apart, phase of t */   \
    X(seasonal_std, 1, FINITE)     /* the same values' standard deviation, n - 1 */               \
    X(seasonal_min, 1, FINITE)                                                                    \
    X(seasonal_max, 1, FINITE)                                                                    \
    X(expanding_mean, 1, ANCHORED)                                                                \
    X(expanding_std, 1, ANCHORED)  /* sample standard deviation, n - 1 */                         \
    X(expanding_min, 1, ANCHORED)                                                                 \
    X(expanding_max, 1, ANCHORED)                                                                 \
    X(ewm, 1, ANCHORED)            /* exponentially weighted mean, `alpha` */                     \
    X(since_nonzero, 1, ANCHORED)  /* from the last value > 0 to the period */                    \
    X(mean_interval, 1, ANCHORED)  /* mean distance between values > 0 */                         \
    X(mean_size, 1, ANCHORED)      /* mean of the values > 0 */                                   \
    X(series_age, 1, ANCHORED)     /* from the first usable value to it */                        \
    X(ratio, 1, FINITE)            /* value divided by the mean of the `window` before it */      \
    X(change, 1, FINITE)           /* value divided by the value `window` before it, minus 1 */   \
    X(step, 1, FINITE)             /* h */                                                        \
    X(weekday, 1, FINITE)          /* of t, Monday 0 */                                           \
    X(day_of_month, 1, FINITE)                                                                    \
    X(day_of_year, 1, FINITE)                                                                     \
    X(week_of_year, 1, FINITE)                                                                    \
    X(month, 1, FINITE)                                                                           \
    X(days_to, 1, FINITE)          /* periods from t to the next `column` > 0, capped */          \
    X(days_since, 1, FINITE)       /* periods from the last `column` > 0 to t, capped */          \
    X(target_encoding, 1, ANCHORED) /* own mean so far, drawn to `column`'s by `alpha` cells */   \
    X(days_of_cover, 1, FINITE)    /* stock in `column` over the target's mean, capped */         \
    X(attribute, 1, FINITE)        /* a static attribute */

/* What days_of_cover is capped at, in periods: a year. */
#define ALM_FEATURE_COVER_MAX 365

typedef enum alm_feature_op {
#define ALM_FEATURE_OP_ENUM(name, revision, class) ALM_FEATURE_##name,
    ALM_FEATURE_OP_MAP(ALM_FEATURE_OP_ENUM)
#undef ALM_FEATURE_OP_ENUM
        ALM_FEATURE_OP_COUNT
} alm_feature_op;

typedef enum alm_feature_anchor {
    ALM_ANCHOR_AGE, /* offset from the newest known value */
    ALM_ANCHOR_LAG  /* offset from the target period */
} alm_feature_anchor;

/* One declared feature. Unused parameters are 0. */
typedef struct alm_feature_spec {
    const char *name;   /* unique; [A-Za-z0-9_.-] */
    alm_feature_op op;
    const char *column; /* panel column or static attribute; NULL for calendar operators */
    alm_feature_anchor anchor;
    int32_t offset;     /* the L or A above, >= 0 */
    int32_t window;     /* periods, or occurrences for seasonal_*; the cap for days_to/since */
    int32_t season;
    double alpha;       /* weight of the newest value, or of the group in cells */
    double level;       /* of a quantile, above 0 and below 1 */
    bool scaled;        /* divide by the row's scale (alm_feature_row.scale) */
    bool skip_closed;   /* the window counts open periods only: CLOSED cells are passed over */
    int32_t steps_max;  /* > 0: the feature is missing at steps behind it */
} alm_feature_spec;

#define ALM_BLOCKS_MAX 64

/* Steps first..last (from 1) share one direct model and one legal lag. At most ALM_BLOCKS_MAX. */
typedef struct alm_horizon_block {
    int32_t first;
    int32_t last;
} alm_horizon_block;

/* What the plan is compiled against. */
typedef struct alm_feature_schema {
    const alm_panel_column *columns; /* names and roles only; values may be NULL */
    size_t column_count;
    const char *const *static_names;
    size_t static_count;
    int32_t delay; /* publication delay of the target and the observed columns, periods */
    /* One per column where they differ: of observed ones, the target's being `delay`. NULL: all
     * have `delay`. */
    const int32_t *column_delays;
    alm_sold_out_rule sold_out; /* of the target; of a plan that is read: as the plan says */
} alm_feature_schema;

typedef struct alm_feature_plan alm_feature_plan;

/* `specs` and names are copied. ALM_ERR_CONFIG with the feature's name for a leak, an unknown
 * column, a duplicate name or a parameter out of range. */
ALM_NODISCARD alm_err alm_feature_plan_compile(const alm_feature_spec *specs, size_t count,
                                               const alm_horizon_block *blocks, size_t block_count,
                                               const alm_feature_schema *schema,
                                               alm_feature_plan **out, alm_error *error);
/* A recursive plan over `horizon` steps; one block, of step 1. */
ALM_NODISCARD alm_err alm_feature_plan_compile_recursive(const alm_feature_spec *specs,
                                                         size_t count, int32_t horizon,
                                                         const alm_feature_schema *schema,
                                                         alm_feature_plan **out, alm_error *error);
void alm_feature_plan_destroy(alm_feature_plan *plan); /* takes NULL */

size_t alm_feature_plan_width(const alm_feature_plan *plan); /* features per row */
const char *alm_feature_plan_name(const alm_feature_plan *plan, size_t feature);
const alm_digest *alm_feature_plan_version(const alm_feature_plan *plan);
alm_sold_out_rule alm_feature_plan_sold_out(const alm_feature_plan *plan);
size_t alm_feature_plan_block_count(const alm_feature_plan *plan);
alm_horizon_block alm_feature_plan_block(const alm_feature_plan *plan, size_t block);
/* Steps that a recursive plan was compiled for; 0: the plan is direct. */
int32_t alm_feature_plan_recursive(const alm_feature_plan *plan);
/* Periods before an origin that a FINITE replay needs. */
size_t alm_feature_plan_lookback(const alm_feature_plan *plan);
/* An operator is ANCHORED, or sold-out cells are stood in for by what came before: a replay begins
 * with the series. */
bool alm_feature_plan_is_anchored(const alm_feature_plan *plan);
/* Periods after an origin at which known columns are read: panels need a `future` of as many for
 * the newest origin, online calls a `known_stride`. What lies beyond counts as not known. */
size_t alm_feature_plan_ahead(const alm_feature_plan *plan);

/* Does any feature read that column of the schema? Column 0 is always looked at for its states. */
bool alm_feature_plan_reads(const alm_feature_plan *plan, size_t column);
/* Memory of one online state. */
size_t alm_feature_plan_state_bytes(const alm_feature_plan *plan);

/* Canonical plan.json, and back. A plan from a file whose operator revisions this engine does not
 * have is refused with ALM_ERR_UNSUPPORTED and the operator's name. */
void alm_feature_plan_write(const alm_feature_plan *plan, alm_buffer *out);
ALM_NODISCARD alm_err alm_feature_plan_read(alm_str json, const char *name,
                                            const alm_feature_schema *schema,
                                            alm_feature_plan **out, alm_error *error);

/* One row to compute. Rows of one call are sorted by origin, steps in any order. */
typedef struct alm_feature_row {
    uint32_t origin; /* period index in the panel; the last period seen */
    uint32_t step;   /* 1.. */
    double scale;    /* > 0; divides `scaled` features */
} alm_feature_row;

/* out[r * stride + f]: value of feature f for row r (row-major), NaN = missing. Steps may lie in
 * different blocks. `scratch` is reset by the caller. Thread safe (plan and panel are const). */
ALM_NODISCARD alm_err alm_feature_rows(const alm_feature_plan *plan, const alm_panel *panel,
                                       size_t series, const alm_feature_row *rows, size_t count,
                                       double *out, size_t stride, alm_arena *scratch,
                                       alm_error *error);

/* ---- the same operators online: one state per series ---- */

typedef struct alm_feature_state alm_feature_state;

ALM_NODISCARD alm_err alm_feature_state_create(const alm_feature_plan *plan, alm_date first_day,
                                               const double *statics, alm_feature_state **out,
                                               alm_error *error);
void alm_feature_state_destroy(alm_feature_state *state); /* takes NULL */
/* One value per panel column for the next period, and its state. Columns known in advance pass
 * their value of that period. */
ALM_NODISCARD alm_err alm_feature_update(alm_feature_state *state, const double *values,
                                         alm_period_state period_state, alm_error *error);
/* Replaces the values of `periods_back` periods ago (a return or a correction) and rebuilds what
 * depends on it; ALM_ERR_LIMIT when it lies before what the state still holds. */
ALM_NODISCARD alm_err alm_feature_retract(alm_feature_state *state, uint32_t periods_back,
                                          const double *values, alm_period_state period_state,
                                          alm_error *error);
/* The same of several periods, rebuilt once. ALM_ERR_LIMIT: nothing has changed. */
typedef struct alm_feature_cells {
    uint32_t periods_back;
    const double *values; /* one per panel column */
    alm_period_state state;
} alm_feature_cells;
ALM_NODISCARD alm_err alm_feature_retract_all(alm_feature_state *state,
                                              const alm_feature_cells *cells, size_t count,
                                              alm_error *error);
/* The same of single columns; the others of the period stay as they are. A column that no feature
 * reads changes nothing. */
typedef struct alm_feature_amendment {
    uint32_t periods_back;
    uint32_t column;
    double value;
    alm_period_state state; /* the period's from now on, where the column is 0 */
} alm_feature_amendment;
ALM_NODISCARD alm_err alm_feature_amend(alm_feature_state *state,
                                        const alm_feature_amendment *amendment, size_t count,
                                        alm_error *error);
/* The value of a column that the state holds; NaN of one that no feature reads. periods_back is
 * below alm_feature_state_kept. */
double alm_feature_state_value(const alm_feature_state *state, uint32_t periods_back,
                               uint32_t column);
/* How many periods back from the origin the state still holds. */
size_t alm_feature_state_kept(const alm_feature_state *state);
/* `known[c * known_stride + k]`: column c at k periods after the origin + 1 (known columns only). A
 * plan that reads no known column may pass NULL and 0. */
ALM_NODISCARD alm_err alm_feature_emit(const alm_feature_state *state, uint32_t step, double scale,
                                       const double *known, size_t known_stride, double *out,
                                       alm_error *error);
ALM_NODISCARD alm_err alm_feature_state_clone(const alm_feature_state *state,
                                              alm_feature_state **out, alm_error *error);
/* A checkpoint: canonical bytes, and back. */
ALM_NODISCARD alm_err alm_feature_state_save(const alm_feature_state *state, alm_buffer *out,
                                             alm_error *error);
ALM_NODISCARD alm_err alm_feature_state_load(const alm_feature_plan *plan, alm_str bytes,
                                             alm_feature_state **out, alm_error *error);

#endif
