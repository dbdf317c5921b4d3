/* signal_spec.h: what almanac.yaml says of bars and of the signals that are learned from them.
 *
 * A project has `series` (panels of days, forecasts) or `bars` (OHLCV of symbols, classes in
 * {-1, 0, 1}), not both. Parsed by project.h; everything lies in the project's arena. */
#ifndef ALM_PROJECT_SIGNAL_SPEC_H
#define ALM_PROJECT_SIGNAL_SPEC_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Section `bars`: where the bars are, and their features. */
typedef struct alm_bars_spec {
    alm_str source; /* empty: the project has no bars */
    alm_str symbol; /* the source's key; its event time is the bar's stamp */
    alm_str open, high, low, close, volume; /* columns of the source, f64 or i64 */
    int32_t session_open_minutes; /* feature/bars/bars.h */
    const alm_str *features; /* declarations, "rsi(close, 14)": docs/bars.md */
    size_t feature_count;
} alm_bars_spec;

typedef enum alm_signal_learner {
    ALM_SIGNAL_LIGHTGBM,
    ALM_SIGNAL_XGBOOST,
    ALM_SIGNAL_LSTM,
    ALM_SIGNAL_GRU,
    ALM_SIGNAL_TCN
} alm_signal_learner;

typedef struct alm_signal_member_spec {
    alm_str name;
    alm_signal_learner learner;
    const alm_str *features; /* names of columns of the plan; none: all */
    size_t feature_count;
    double learning_rate;
    /* trees */
    int32_t trees;
    int32_t leaves;        /* LightGBM */
    int32_t depth;         /* XGBoost */
    int32_t leaf_rows_min; /* LightGBM; XGBoost: min_child_weight */
    double feature_fraction, bagging_fraction, lambda_l2;
    int32_t bins_max;
    /* nets */
    int32_t steps;  /* bars of a window */
    int32_t units;  /* of each layer */
    int32_t layers;
    int32_t epochs, batch, patience;
    double dropout, weight_decay;
} alm_signal_member_spec;

typedef enum alm_signal_label { ALM_SIGNAL_TRIPLE_BARRIER, ALM_SIGNAL_THRESHOLD } alm_signal_label;

typedef enum alm_signal_calibration {
    ALM_SIGNAL_UNCALIBRATED,
    ALM_SIGNAL_ISOTONIC,
    ALM_SIGNAL_PLATT,
    ALM_SIGNAL_BETA,
    ALM_SIGNAL_TEMPERATURE
} alm_signal_calibration;

typedef enum alm_signal_combination {
    ALM_SIGNAL_ONE, /* a single member */
    ALM_SIGNAL_SOFT_VOTE,
    ALM_SIGNAL_HARD_VOTE,
    ALM_SIGNAL_STACKED /* multinomial logistic regression on out-of-fold probabilities */
} alm_signal_combination;

#define ALM_SIGNAL_HORIZONS_MAX 64

/* Section `signals.NAME`; its releases are NAME-1, NAME-2, ... */
typedef struct alm_signal_spec {
    alm_str name;
    int32_t horizon[ALM_SIGNAL_HORIZONS_MAX]; /* bars, rising */
    size_t horizon_count;
    alm_signal_label label;
    double profit, loss; /* feature/bars/bar_labels.h */
    alm_str scale;       /* a declaration whose value scales both; empty: shares of the close */
    const alm_signal_member_spec *members;
    size_t member_count;
    alm_signal_calibration calibration; /* of every member, on out-of-fold probabilities */
    alm_signal_combination combination;
    double stacker_l2;
    int32_t folds;     /* purged, for out-of-fold predictions */
    int32_t embargo;   /* bars */
    double test_share; /* of the time span, the newest part: scored once, never learned from */
    uint64_t seed;
} alm_signal_spec;

#endif
