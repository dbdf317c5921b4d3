/* realised.h: what committed predictions were worth, once their days have come.
 *
 * The runs in force that predict days which the newest snapshot has are compared with it, by
 * release: of each the ALM_REALISED_RUNS_MAX newest, of at most ALM_REALISED_RELEASES_MAX releases.
 * A pair is a node and a day that the run predicts and of which the snapshot says the demand: it is
 * published (the source's publication delay before the snapshot's end), and neither missing nor
 * sold out, as in a backtest. A series that had not begun when the run was made has no node there
 * and no pair. Days are in the vintage of that snapshot.
 *
 * Figures are those of num/metrics.h over all pairs of a level, whatever the lead; `coverage` is
 * the share of pairs between the widest stored quantiles, these included. Runs overlap: with one a
 * day, a day counts once for each run that predicts it, and the newest runs have short leads only.
 *
 * Reads the snapshot once and each run once: seconds for a large project. Memory: 8 bytes for each
 * node and day, and one run at a time. Not for a thread that somebody waits for. */
#ifndef ALM_SERVE_REALISED_H
#define ALM_SERVE_REALISED_H

#include <stdatomic.h>

#include "project/project.h"
#include "serve/committed/committed_run.h"

#define ALM_REALISED_RUNS_MAX 8
#define ALM_REALISED_RELEASES_MAX 8
#define ALM_REALISED_DAYS_MAX 400

typedef struct alm_realised_level {
    alm_str level; /* "series" of leaves */
    uint64_t pairs; /* more than 0 */
    double mape, rmse, wape, bias; /* NaN: nothing to divide by */
    double coverage;               /* NaN: runs without quantiles */
} alm_realised_level;

typedef struct alm_realised_release {
    alm_str release;
    const alm_realised_level *level; /* `series` first, then by name */
    size_t levels;
    size_t runs;          /* that were compared */
    alm_date first, last; /* days of the pairs */
    double interval;      /* what the coverage should be: .9 between .05 and .95; NaN: none */
    alm_str problem;      /* why runs were left out; empty: none were */
} alm_realised_release;

typedef struct alm_realised {
    alm_str snapshot_id; /* empty: there is none */
    alm_date end;        /* the first day that the snapshot does not have */
    const alm_realised_release *release;
    size_t releases;
} alm_realised;

typedef struct alm_realised_options {
    const alm_env *env;
    const alm_project *project;
    alm_run_stores stores;   /* refreshed; of this thread */
    alm_committed_load load; /* of each run */
    const atomic_bool *ends; /* true: give up at once (ALM_ERR_UNAVAILABLE); NULL: never */
} alm_realised_options;

/* Has anything come since `newest`, which was looked at before ({0}: nothing was)? A cheap look. */
typedef struct alm_realised_state {
    alm_digest snapshot;
    int64_t version; /* of the prediction store, + 1 */
} alm_realised_state;
ALM_NODISCARD alm_err alm_realised_look(const alm_realised_options *options,
                                        alm_realised_state *newest, bool *changed,
                                        alm_error *error);

/* Everything of *out in `arena`. A run that cannot be loaded is left out, and its release says so.
 * Errors are those of the stores and of the snapshot. */
ALM_NODISCARD alm_err alm_realised_compute(const alm_realised_options *options, alm_arena *arena,
                                           alm_realised *out, alm_error *error);

/* What is published of it; all of it in `arena`. */
typedef struct alm_realised_report {
    alm_arena *arena; /* holds the struct too */
    alm_realised realised;
    alm_instant compared; /* when */
    alm_str problem; /* why the newest could not be compared; empty: it was */
} alm_realised_report;
void alm_realised_report_destroy(void *report); /* takes NULL */

/* NULL: none of its runs could be compared. */
const alm_realised_release *alm_realised_find(const alm_realised *realised, alm_str release);

#endif
