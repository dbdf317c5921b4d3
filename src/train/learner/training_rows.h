/* training_rows.h: which (series, origin, step) triples a forest is trained on.
 *
 * Training origins lie `origin_stride` days apart, back from 7 days before the cutoff to
 * `history_min` days of history; at each, every series that has sold gives `steps_per_origin` rows
 * with steps drawn by counter from those of the horizon block (of a recursive model: step 1) whose
 * target is known by the cutoff, no more rows than such steps, so that the set depends neither on
 * threads nor on the order of work. Rows whose target day is closed or not usable are left out. The
 * label is demand divided by the series' scale at the origin, at most LABEL_MAX.
 *
 * A day that was sold out has as its label what stands in for its demand, which is a mean
 * (sold_out.h). A quantile forest would take that for certain, so it learns from a draw: what was
 * sold and a number above it of that mean, geometric or, where that is no whole number,
 * exponential. Where nothing stands in for demand the row is left out: the sale is a lower bound.
 *
 * Nothing that was not known looks ahead: a label is the value known at the cutoff, features and
 * scale are those known at the row's own origin. Without restated sources one panel has all of it;
 * else see vintage_rows.h. */
#ifndef ALM_TRAIN_TRAINING_ROWS_H
#define ALM_TRAIN_TRAINING_ROWS_H

#include "feature/feature.h"
#include "project/project.h"
#include "train/learner/feature_file.h"
#include "train/learner/lightgbm.h"
#include "train/training_panel.h"

typedef struct alm_training_row {
    uint32_t series;
    alm_feature_row row;
} alm_training_row;

typedef struct alm_training_rows {
    const alm_training_panel *panel; /* as known at the cutoff */
    const alm_feature_plan *plan;
    alm_training_row *rows; /* sorted by series, then origin */
    double *label;
    double *draw; /* labels of quantile forests, where they are others; NULL: nowhere */
    size_t count;
    alm_arena *scratch; /* of the callback */
    alm_feature_file *kept; /* features made before; NULL: made from `panel` when asked for */
    const uint32_t *slot;   /* of every row in `kept` */
} alm_training_rows;

typedef struct alm_training_window {
    size_t cutoff; /* number of periods up to the day of the fit; the last `panel->delay` of them
                      * were not published by then and are no targets */
    size_t block;  /* number of the model's horizon block */
} alm_training_window;

/* In `arena`. ALM_ERR_INCOMPLETE when there is not enough history for one row; ALM_ERR_LIMIT above
 * gbm.rows_max. */
ALM_NODISCARD alm_err alm_training_rows_select(const alm_training_panel *panel,
                                               const alm_feature_plan *plan,
                                               const alm_model_spec *model,
                                               alm_training_window window, alm_arena *arena,
                                               alm_training_rows *out, alm_error *error);

typedef struct alm_training_fit {
    const alm_model_spec *model;
    double quantile; /* level of a quantile forest; 0: the mean model */
    int threads;
} alm_training_fit;

/* Fits a model of the block on the labels as they are. The texts in `out` lie in `arena`. */
ALM_NODISCARD alm_err alm_training_rows_fit(alm_training_rows *rows, const alm_training_fit *fit,
                                            alm_arena *arena, alm_lightgbm_result *out,
                                            alm_error *error);

#endif
