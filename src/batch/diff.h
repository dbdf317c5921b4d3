/* diff.h: why did the numbers change between two runs?
 *
 * Rows are joined on (node, target date). The change of a mean splits exactly:
 *     new mean - old mean = (new base - old base) + (new adjustment - old adjustment)
 * with adjustment = mean - base mean, the work of reconciliation. The change of the base forecast
 * has one cause when only the snapshot (data) or only the release differs. When both differ it is
 * "data and release", unless a third run separates them: one over the new snapshot with the old
 * release, or over the old snapshot with the new release; then each part is told apart through that
 * run's base forecasts. A base forecast that changed although neither differs breaks the promise
 * of determinism and is shown as "unexplained".
 *
 * The arithmetic is a pure function of joined rows (alm_diff_add); alm_diff_runs reads them.
 * Sums run in the order of (level, node, target date), so the bits depend on the runs alone. */
#ifndef ALM_BATCH_DIFF_H
#define ALM_BATCH_DIFF_H

#include "batch/query.h"

typedef enum alm_diff_cause {
    ALM_DIFF_DATA,
    ALM_DIFF_RELEASE,
    ALM_DIFF_DATA_AND_RELEASE,
    ALM_DIFF_UNEXPLAINED,
    ALM_DIFF_RECONCILIATION,
    ALM_DIFF_CAUSES
} alm_diff_cause;

const char *alm_diff_cause_text(alm_diff_cause cause); /* "data and release" */

/* What decides the causes. */
typedef struct alm_diff_run {
    alm_str run_id;
    alm_str model_version;
    alm_str release_hash;
    alm_str snapshot_id;
    alm_date prediction_date;
} alm_diff_run;

typedef struct alm_diff_level {
    alm_str level;
    int64_t rows;     /* compared: both runs have node and target date */
    int64_t old_only; /* rows that only one run has; not in the sums */
    int64_t new_only;
    double old_sum; /* of means over the compared rows */
    double new_sum;
    double absolute_sum;              /* sum |new - old| */
    double net[ALM_DIFF_CAUSES];      /* signed; their sum is new_sum - old_sum up to rounding */
    double absolute[ALM_DIFF_CAUSES]; /* sum of absolute parts; they may exceed absolute_sum */
} alm_diff_level;

double alm_diff_mean_absolute(const alm_diff_level *level); /* NaN without rows */
double alm_diff_churn(const alm_diff_level *level); /* sum |new - old| / sum old; NaN if 0 */

typedef struct alm_diff_contribution {
    alm_str feature;
    double old_value; /* summed over the compared rows of the node */
    double new_value;
} alm_diff_contribution;

#define ALM_DIFF_CONTRIBUTIONS_MAX 5

typedef struct alm_diff_node {
    alm_str node;
    alm_str level;
    int64_t rows;
    double old_sum, new_sum;
    double absolute_sum;
    double net[ALM_DIFF_CAUSES];
    /* The largest changes of contributions, largest first. */
    alm_diff_contribution contribution[ALM_DIFF_CONTRIBUTIONS_MAX];
    size_t contribution_count;
} alm_diff_node;

typedef struct alm_diff_result {
    alm_diff_run old_run, new_run;
    bool has_between;
    alm_diff_run between; /* separates data from release */
    const alm_diff_level *level; /* sorted by name */
    size_t levels;
    const alm_diff_node *node; /* largest absolute_sum first, ties by level and name */
    size_t nodes;
} alm_diff_result;

/* ---- the pure part ---- */

typedef struct alm_diff alm_diff;

/* `between` may be NULL; ALM_ERR_INVALID when it does not separate the two. `top`: nodes kept. */
ALM_NODISCARD alm_err alm_diff_create(const alm_diff_run *old_run, const alm_diff_run *new_run,
                                      const alm_diff_run *between, size_t top, alm_diff **out,
                                      alm_error *error);
/* Joined rows sorted by (level, node, target_date): columns level, node (text), target_date (date),
 * old_mean, old_base, new_mean, new_base, and between_base with a third run (doubles; null where
 * the run has no such row). ALM_ERR_INVALID names a missing column or a row out of order. */
ALM_NODISCARD alm_err alm_diff_add(alm_diff *diff, const alm_table *joined, alm_error *error);
/* Views into `diff`. */
void alm_diff_finish(alm_diff *diff, alm_diff_result *out);
/* Contributions of the top nodes, after finish: columns level, node, feature (text), old_value,
 * new_value (doubles, null is 0), one row per node and feature. Fills `contribution`. */
ALM_NODISCARD alm_err alm_diff_explain(alm_diff *diff, const alm_table *contributions,
                                       alm_error *error);
void alm_diff_destroy(alm_diff *diff); /* takes NULL */

/* ---- over the stores ---- */

typedef struct alm_diff_options {
    alm_str old_run, new_run; /* run ids */
    alm_str between;          /* run id, or empty: one that separates is looked for */
    alm_str level;            /* empty: all levels */
    size_t top;               /* nodes; 0: 10 */
} alm_diff_options;

/* Everything in `arena`. */
ALM_NODISCARD alm_err alm_diff_runs(const alm_read_stores *stores, const alm_diff_options *options,
                                    alm_arena *arena, alm_diff_result *out, alm_error *error);
void alm_diff_print(const alm_diff_result *result, alm_buffer *out); /* for a person */
void alm_diff_print_json(const alm_diff_result *result, alm_buffer *out);

#endif
