/* vintage_rows.h: the rows a forest is trained on, where sources are restated.
 *
 * The same rows as alm_training_rows_select would choose, each from what was known at the time: the
 * snapshot is opened once per training origin for scale and features, and as of the cutoff for the
 * labels. The features go to scratch disk, because LightGBM asks for each row twice. Slower than
 * the usual case by one reading of the snapshot per training origin and fit; where no row was in
 * fact restated or late, the rows are the same bits. */
#ifndef ALM_TRAIN_VINTAGE_ROWS_H
#define ALM_TRAIN_VINTAGE_ROWS_H

#include "train/backtest/origin_panel.h"
#include "train/learner/training_rows.h"

typedef struct alm_vintage_rows_request {
    alm_origin_panels *panels;
    const alm_feature_plan *plan;
    const alm_model_spec *model;
    alm_training_window window;
    const char *scratch; /* folder */
} alm_vintage_rows_request;

/* In `arena`, but for out->kept, which the caller closes after the fit. Holds the panel of the
 * cutoff. Errors: those of alm_training_rows_select and of opening panels. */
ALM_NODISCARD alm_err alm_vintage_rows_select(const alm_vintage_rows_request *request,
                                              alm_arena *arena, alm_training_rows *out,
                                              alm_error *error);

#endif
