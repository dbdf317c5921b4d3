/* signal_fit.h: classes in {-1, 0, 1} learned from bars: one scorer with all its parts, and an
 * honest report on bars that nothing learned from.
 *
 * For every horizon:
 *   1. labels (feature/bars/bar_labels.h); samples are bars with a known label whose features are
 *      past their warm-up, of all symbols, in the order of time;
 *   2. the newest `test_share` of the time span is the test; training samples whose label ends
 *      less than the embargo before it are purged;
 *   3. purged k folds (label_splits.h) over the training samples: members fitted without a fold
 *      predict it, with scalers fitted without it: the out-of-fold probabilities;
 *   4. a calibrator per member, fitted on these; a stacker, fitted on these calibrated;
 *   5. members (and the scaler of nets) fitted on all training samples; a net's early stopping
 *      watches the newest part of what it is trained on, purged, never the test;
 *   6. the test scored once, through the very scorer that comes out.
 *
 * Deterministic: the same data, spec and seed give the same bytes for any number of threads and any
 * x86-64 CPU. */
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
    alm_str report; /* canonical JSON: windows, class balance, and per horizon, for the answer, each
                     * member, the prior and a logistic baseline: log loss, Brier, ECE, accuracy,
                     * reliability bins, confusion counts */
} alm_signal_result;

/* Results lie in `arena`. ALM_ERR_INVALID: a member, horizon or fold that cannot be fitted (named:
 * too few samples, a class that does not occur, ...). ALM_ERR_CONFIG: declarations. */
ALM_NODISCARD alm_err alm_signal_fit(const alm_env *env, const alm_signal_spec *spec,
                                     const alm_signal_data *data, alm_arena *arena,
                                     alm_signal_result *out, alm_error *error);

#endif
