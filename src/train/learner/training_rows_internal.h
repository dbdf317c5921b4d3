/* training_rows_internal.h: choosing training rows, for the usual and the restated case alike. */
#ifndef ALM_TRAIN_TRAINING_ROWS_INTERNAL_H
#define ALM_TRAIN_TRAINING_ROWS_INTERNAL_H

#include "train/learner/training_rows.h"

typedef struct almi_row_selection {
    const alm_training_panel *panel; /* as known at the cutoff: labels */
    const alm_model_spec *model;
    alm_training_window window;
    size_t cutoff;           /* periods that were published by the window's */
    alm_horizon_block steps; /* that rows are drawn from */
    alm_arena *scratch;
    alm_training_rows *out;
    size_t room;
    size_t origins, newest, stride, history_min;
} almi_row_selection;

/* Panel, model, window and out are given. Room for every row there can be, in `arena`. */
ALM_NODISCARD alm_err almi_rows_begin(almi_row_selection *selection, alm_arena *arena,
                                      alm_error *error);
/* Training origin k, counted back from the newest; false: it lies too early. */
bool almi_rows_origin(const almi_row_selection *selection, size_t k, size_t *origin);
/* Adds the rows of one series at the origin of `view`, whose panel gives the scale. */
void almi_rows_add(almi_row_selection *selection, const alm_history_view *view, size_t series);
/* ALM_ERR_INCOMPLETE when there is no row. */
ALM_NODISCARD alm_err almi_rows_check(const almi_row_selection *selection, alm_error *error);

#endif
