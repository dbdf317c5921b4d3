/* train_internal.h: the state of one training. */
#ifndef ALM_TRAIN_TRAIN_INTERNAL_H
#define ALM_TRAIN_TRAIN_INTERNAL_H

#include "pipeline/encoders.h"
#include "train/backtest.h"
#include "train/calibrate.h"
#include "train/reconcile_fit.h"
#include "train/train.h"
#include "train/vintage_rows.h"

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

typedef struct almi_fit { /* of every horizon block */
    alm_lightgbm_result block[ALM_BLOCKS_MAX]; /* mean models */
    alm_str quantile[ALM_METHOD_QUANTILES_MAX][ALM_BLOCKS_MAX]; /* with `marginals: quantile` */
} almi_fit;

typedef struct almi_reconcile_learned {
    alm_str json;     /* reconcile.json; empty: none */
    size_t errors;    /* per node; 0: none */
    double intensity; /* of mint_shrink; NaN: none */
} almi_reconcile_learned;

typedef struct almi_training {
    const alm_env *env;
    const alm_train_options *options;
    const alm_model_spec *model;
    unsigned choices; /* ALM_CHOICE_... */
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
    almi_reconcile_learned reconcile; /* of the bundle */
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
alm_str almi_training_report(const almi_training *training, const alm_method *method,
                             const almi_fit *fit);

/* train_fit.c */
ALM_NODISCARD alm_err almi_training_fit(almi_training *training, size_t cutoff, almi_fit *out,
                                        alm_error *error);
/* The models of a fit, and the base scores of the mean ones. */
void almi_training_put_fit(const almi_training *training, const almi_fit *fit,
                           alm_bundle_parts *parts, alm_method *method);
/* `reconcile`: reconcile.json, empty for none. */
ALM_NODISCARD alm_err almi_training_bundle(almi_training *training, const almi_fit *fit,
                                           const alm_method *method, alm_str reconcile,
                                           alm_bundle **out, alm_error *error);
/* What `reconciling` learns from records, and the weight of the aggregates that goes with it;
 * nothing for AUTOMATIC. The text lies in the training's arena. */
ALM_NODISCARD alm_err almi_training_reconcile(almi_training *training, alm_reconciling reconciling,
                                              const alm_origin_record *records, alm_method *method,
                                              almi_reconcile_learned *out, alm_error *error);
/* Before anything is fitted: can what the model and the options name be done? */
ALM_NODISCARD alm_err almi_training_reconcile_check(const almi_training *training,
                                                    alm_error *error);
ALM_NODISCARD alm_err almi_training_records(almi_training *training, alm_error *error);
ALM_NODISCARD alm_err almi_training_backtest(almi_training *training, alm_error *error);

#endif
