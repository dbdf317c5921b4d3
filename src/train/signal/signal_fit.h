/* signal_fit.h: classes in {-1, 0, 1} learned from bars: one scorer with all its parts, and an
 * honest report on bars that nothing learned from.
 *
 * For every horizon:
 *   1. labels (feature/bars/bar_labels.h); a sample is a bar with a known label, behind the warm-up
 *      of all features and the longest window, in which a net's columns have no missing value
 *      (trees take these). Samples of all symbols stand in the order of time. Of every symbol the
 *      last `horizon` bars are none: those with a label there are the ones that ended early;
 *   2. the test is what begins in the newest `test_share` of the time from the first bar to the
 *      last one, whatever the prices;
 *   3. a sample's span reaches from its bar to the one `horizon + embargo` bars of its symbol later
 *      (behind the last bar: as many mean distances). Training samples whose span reaches the test
 *      are purged; of k folds (label_splits.h) those whose span meets the fold's. So the embargo
 *      counts every symbol's own bars, before a test and behind it, and no early end of a label
 *      decides what is kept;
 *   4. members (and scalers of nets) fitted without a fold predict it: the out-of-fold
 *      probabilities, made by this library's own scoring code;
 *   5. a calibrator per member, fitted on these; a stacker, fitted on these calibrated;
 *   6. members (and scalers) fitted on all training samples; a net with patience watches the newest
 *      eighth of what it is trained on, purged, never the test;
 *   7. the test scored once, through the scorer that comes out, read from its files.
 *
 * Classes are -1, 0 and 1; without a barrier (profit or loss 0) its class is none. Classes have no
 * weights, however unequal they are: probabilities are to be true, and weights would shift them. A
 * TCN's convolutions have 3 steps, at distances of 1, 2, 4 and so on.
 *
 * Deterministic: the same data, spec and seed give the same bytes for any number of threads and any
 * x86-64 CPU. (The report's numbers are rounded to 9 decimals: the scorer's own transforms may
 * differ by an ulp between CPUs.) */
#ifndef ALM_TRAIN_SIGNAL_FIT_H
#define ALM_TRAIN_SIGNAL_FIT_H

#include "base/env.h"
#include "feature/bars/bars.h"
#include "model/scorer/scorer.h"
#include "project/signal_spec.h"

typedef struct alm_signal_symbol {
    alm_str name;
    const alm_bar *bars; /* in the order of time */
    size_t count;
} alm_signal_symbol;

typedef struct alm_signal_data {
    const alm_bars_spec *bars;
    const alm_signal_symbol *symbol; /* sorted by name */
    size_t symbol_count;
} alm_signal_data;

typedef struct alm_signal_result {
    /* Everything that the scorer is: `scorer.json` (canonical, its key `bars` names the feature
     * plan), the plan, models, scalers, calibrators, stackers. Sorted by name. */
    const alm_scorer_file *file;
    size_t file_count;
    /* Canonical JSON. "horizons", each with "classes" (counts), "train" and "test" (first, last,
     * samples), "purged"; "answer", "members", "prior" (shares of the training) and "logistic"
     * (regression on the same features; null when they are too many): "log_loss", "brier", "ece",
     * "accuracy", "reliability" (ten bins of the largest probability), "confusion" (rows what
     * happened, columns what was most probable); "versus_prior" and "versus_logistic": how much
     * lower the answer's log loss is, its standard error over blocks of time, and what is found;
     * "edge": better than the prior by three standard errors; "side": the same of which way, where
     * the class was not 0 (null with two classes); "verdict": a few sentences about it. */
    alm_str report;
} alm_signal_result;

/* Results lie in `arena`; on failure `out` is untouched. ALM_ERR_CONFIG: declarations, by their
 * place in almanac.yaml. ALM_ERR_INVALID: bars, or a member, horizon or fold that cannot be fitted
 * (named: too few samples, a class that does not occur, ...). ALM_ERR_LIMIT: more than the env's
 * memory limit. ALM_ERR_NUMERIC, ALM_ERR_EXTERNAL: of a learner, named. Not from a task
 * of the env's pool, and not beside a training with LightGBM that has several threads. */
ALM_NODISCARD alm_err alm_signal_fit(const alm_env *env, const alm_signal_spec *spec,
                                     const alm_signal_data *data, alm_arena *arena,
                                     alm_signal_result *out, alm_error *error);

#endif
