/* train_internal.h: the state of one training. */
#ifndef ALM_TRAIN_TRAIN_INTERNAL_H
#define ALM_TRAIN_TRAIN_INTERNAL_H

#include "pipeline/encoders.h"
#include "train/backtest/backtest.h"
#include "train/calibrate.h"
#include "train/backtest/checkpoint.h"
#include "train/kind_choice.h"
#include "train/reconcile_choice.h"
#include "train/reconcile_fit.h"
#include "train/train.h"
#include "train/learner/vintage_rows.h"

/* Origins on a grid of `origin_step` days, numbered back from the newest complete one (0). Scored
 * origin j is calibrated on j + lag .. j + lag + selection - 1, which were complete by then; the
 * bundle on 0 .. selection - 1. */
typedef struct almi_origin_grid {
    size_t newest; /* period index of origin 0 */
    size_t step;
    size_t lag;
    size_t scored, selection;
    size_t count; /* of all origins needed */
} almi_origin_grid;

typedef struct almi_reconcile_learned {
    alm_str json;     /* reconcile.json; empty: none */
    size_t errors;    /* per node; 0: none */
    double intensity; /* of mint_shrink; NaN: none */
    alm_reconcile_choice choice; /* of `best`; no origins: it was not asked for */
} almi_reconcile_learned;

typedef struct almi_chosen { /* from earlier origins */
    alm_method method;
    alm_kind_table kinds;
    alm_kind_scores scores;
    almi_reconcile_learned reconcile;
} almi_chosen;

typedef struct almi_fit { /* of every horizon block */
    alm_lightgbm_result block[ALM_BLOCKS_MAX]; /* mean models */
    alm_str quantile[ALM_METHOD_QUANTILES_MAX][ALM_BLOCKS_MAX]; /* with `marginals: quantile` */
} almi_fit;

typedef struct almi_pace { /* for progress alone: no result depends on it */
    uint64_t ns;
    size_t count;
} almi_pace;

typedef struct almi_training {
    const alm_env *env;
    const alm_train_options *options;
    const alm_model_spec *model;
    unsigned choices; /* ALM_CHOICE_... */
    alm_kind_candidates kinds;
    alm_arena *arena;
    const char *scratch;
    alm_panel_source *source;
    alm_training_panel panel;    /* final */
    alm_origin_panels origins;   /* as known at past origins */
    alm_encoders encoders;
    alm_str encoders_json;
    alm_feature_plan *plan;
    alm_str plan_json;
    alm_digest feature_version;
    char feature_version_text[ALM_DIGEST_TEXT_BYTES];
    alm_method method; /* what the project declares; choices are filled in per origin */
    almi_origin_grid grid;
    alm_origin_record *records; /* grid.count */
    almi_fit *fit_of; /* grid.count: the fit in force at each origin */
    alm_backtest backtest;
    alm_checkpoint kept;
    size_t scored_before; /* of the origins that are scored, the oldest: taken over from there */
    size_t done;          /* origins that are over */
    bool works;           /* something was not taken over */
    almi_pace makes, scores; /* fit and record of an origin; its scores */
} almi_training;

/* train_register.c: what the registry keeps of a training, and the release. */
typedef struct almi_training_record {
    alm_str name; /* of the model or signal: the release is NAME-1, NAME-2, ... */
    alm_digest feature_version;
    alm_str plan;   /* its canonical definition */
    alm_str inputs; /* JSON; `run_id` is its hash */
    alm_str report;
    alm_digest run_id, bundle;
} almi_training_record;

/* Fills the name of the release and whether it was there. */
ALM_NODISCARD alm_err almi_training_register(const alm_env *env, const alm_train_options *options,
                                             const almi_training_record *record, alm_arena *arena,
                                             alm_train_result *out, alm_error *error);

/* signal_train.c: alm_train of a signal. */
ALM_NODISCARD alm_err almi_signal_train(const alm_env *env, const alm_train_options *options,
                                        alm_arena *arena, alm_train_result *out, alm_error *error);

/* train_inputs.c */
alm_str almi_training_inputs(const almi_training *training);
alm_str almi_training_report(const almi_training *training, const almi_chosen *chosen,
                             const almi_fit *fit);

/* train_fit.c */
ALM_NODISCARD alm_err almi_training_fit(almi_training *training, size_t cutoff, almi_fit *out,
                                        alm_error *error);
/* Kinds, weights, calibration and how forecasts add up, from the grid's `selection` records of
 * origins that were complete by then. chosen[0], whose method is begun, is what is published;
 * behind it is the same under each of the options' `reconcile`, where `all`. Texts lie in the
 * training's arena. */
ALM_NODISCARD alm_err almi_training_choose(almi_training *training,
                                           const alm_origin_record *records, bool all,
                                           alm_arena *scratch, almi_chosen *chosen,
                                           alm_error *error);
/* The models of a fit, and the base scores of the mean ones. */
void almi_training_put_fit(const almi_training *training, const almi_fit *fit,
                           alm_bundle_parts *parts, alm_method *method);
/* The parts that say what was chosen; their texts lie in the two buffers, which are the caller's.
 */
ALM_NODISCARD alm_err almi_training_put_choice(const almi_chosen *chosen, alm_buffer *method,
                                               alm_buffer *kinds, alm_bundle_parts *parts,
                                               alm_error *error);
ALM_NODISCARD alm_err almi_training_bundle(almi_training *training, const almi_fit *fit,
                                           const almi_chosen *chosen, alm_bundle **out,
                                           alm_error *error);
/* Every origin of the grid, the oldest first: fit, record, and score of those that are scored. */
ALM_NODISCARD alm_err almi_training_origins(almi_training *training, alm_error *error);

/* Before anything is fitted: can what the model and the options name be done? */
ALM_NODISCARD alm_err almi_training_reconcile_check(const almi_training *training,
                                                    alm_error *error);

/* train_grid.c */
ALM_NODISCARD alm_err almi_training_plan_grid(almi_training *training, alm_error *error);

/* train_kept.c: the steps of a backtest, kept and found. Without options->keep nothing is. */
ALM_NODISCARD alm_err almi_kept_open(almi_training *training, alm_error *error);
/* *found is false when it is not kept. `number` of an origin; the final fit has none. */
#define ALMI_FINAL_FIT SIZE_MAX
ALM_NODISCARD alm_err almi_kept_find_fit(almi_training *training, size_t number, almi_fit *out,
                                         bool *found, alm_error *error);
ALM_NODISCARD alm_err almi_kept_put_fit(almi_training *training, size_t number,
                                        const almi_fit *fit, alm_error *error);
ALM_NODISCARD alm_err almi_kept_find_record(almi_training *training, size_t number,
                                            alm_origin_record *out, bool *found,
                                            alm_error *error);
ALM_NODISCARD alm_err almi_kept_put_record(almi_training *training, size_t number,
                                           const alm_origin_record *record, alm_error *error);
/* The scores up to the newest origin that is kept; *done of them, 0: none. */
ALM_NODISCARD alm_err almi_kept_find_scores(almi_training *training, size_t *done,
                                            alm_error *error);
ALM_NODISCARD alm_err almi_kept_put_scores(almi_training *training, size_t done,
                                           alm_error *error);

#endif
