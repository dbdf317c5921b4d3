/* train.h: one deterministic fit from a snapshot: features, GBM, choice per class, calibration, a
 * rolling-origin backtest, and a registered bundle; or, of a project of bars, a signal
 * (signal_fit.h) with its report on bars that nothing learned from, as a bundle of its own kind
 * (signal/signal_bundle.h).
 *
 * The training run id is the hash of what determines the result (snapshot, feature version, model
 * definition, engine source digest, library digests, seed, windows); names, people and clocks live
 * in the registry only. The same inputs give the same bundle hash on any x86-64 machine, for any
 * number of threads.
 *
 * A backtest alone may keep what it made of every origin, so that one that was cut off goes on
 * there: with the same report, byte for byte. What is registered never comes from what was kept. */
#ifndef ALM_TRAIN_TRAIN_H
#define ALM_TRAIN_TRAIN_H

#include "model/statistical/statistical.h"
#include "project/snapshot.h"
#include "store/registry.h"

typedef struct alm_train_options {
    const alm_project *project;
    const alm_model_spec *model;
    const alm_signal_spec *signal; /* instead of `model`, in a project of bars */
    const alm_snapshot *snapshot;
    alm_objects *objects;
    alm_registry *registry;
    alm_str project_commit; /* of the project folder; empty with `experimental` only */
    const char *engine_path; /* the running binary, kept as an object; NULL: not kept */
    bool experimental;       /* dirty tree: such a bundle can never be promoted */
    bool backtest_only;      /* evaluate, in detail (backtest.h), register nothing */
    const alm_forecaster_kind *const *beside; /* with backtest_only: further rows */
    size_t beside_count;
    const struct alm_global_kind *const *global; /* global_kind.h, likewise; rows behind those */
    size_t global_count;
    const alm_reconciling *reconcile; /* with backtest_only: rows of the same forecasts, added up
                                       * otherwise */
    size_t reconcile_count;
    int32_t gap; /* with backtest_only, of a model: days >= 0 before an origin of which nothing is
                  * known yet, besides what is published late anyway; the horizon stays as far from
                  * what is known as if data came so much later */
    const char *keep; /* with backtest_only, of a model: the folder in which each step is kept and
                       * found again (checkpoint.h); NULL: none is */
    bool restart;     /* nothing is taken over of what is there */
    bool unregistered;       /* make the bundle but no release: for rebuilding one */
    alm_str who;
    alm_str why;
} alm_train_options;

typedef struct alm_train_result {
    alm_str training_run_id;
    alm_str bundle_hash;  /* empty with backtest_only */
    alm_str release;      /* "demand-1"; the earlier name when the same bundle was there already */
    bool existed;
    alm_str report;       /* report.json: metrics by level, class and method, choices, windows */
    const char *kept;     /* folder of the steps: alm_checkpoint_remove, once the report is out;
                           * NULL: none */
    size_t damaged;       /* kept steps that were no good and were made anew */
} alm_train_result;

/* What a project file may say but this engine does not do is refused, never passed over: an
 * objective or a candidate that a mean model cannot have, quantile forests of a recursive model.
 * alm_train asks first; `almanac check` asks too. */
ALM_NODISCARD alm_err alm_train_check_model(const alm_model_spec *model, alm_error *error);

/* Results lie in `arena`. */
ALM_NODISCARD alm_err alm_train(const alm_env *env, const alm_train_options *options,
                                alm_arena *arena, alm_train_result *out, alm_error *error);

#endif
