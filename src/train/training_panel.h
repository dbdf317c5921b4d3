/* training_panel.h: all series of a snapshot in memory, for training only.
 *
 * Training goes over history many times (origins, folds), so it keeps the panels: 17 bytes or so
 * per series and period, and 8 more where something was sold out and is stood in for (sold_out.h).
 * The feature matrix never stands in memory whole; a run streams instead.
 *
 * `aggregates` says which sums are lower bounds of demand (pipeline/sold_out_sums.h). */
#ifndef ALM_TRAIN_TRAINING_PANEL_H
#define ALM_TRAIN_TRAINING_PANEL_H

#include "pipeline/history.h"
#include "project/panel_source.h"

typedef struct alm_training_panel {
    alm_arena *arena;
    alm_panel *blocks;
    size_t block_count;
    size_t block_series; /* per block, the last may have fewer */
    size_t series_count;
    size_t delay;
    const alm_panel *aggregates; /* with `sold_out` where anything was */
    const alm_hierarchy *hierarchy;
    double *total;   /* per period: grand total of the target */
    uint8_t *closed; /* per period */
} alm_training_panel;

/* Reads every block; `source` must stay open. ALM_ERR_LIMIT when it would exceed the env's memory
 * limit. */
ALM_NODISCARD alm_err alm_training_panel_read(const alm_env *env, alm_panel_source *source,
                                              size_t delay, alm_training_panel *out,
                                              alm_error *error);
void alm_training_panel_deinit(alm_training_panel *panel);

/* View of series number `series` (over all blocks) at `origin`, with that origin's profile. */
alm_history_view alm_training_view(const alm_training_panel *panel, size_t series, size_t origin,
                                   const alm_profile *profile);
alm_profile alm_training_profile(const alm_training_panel *panel, size_t origin);

#endif
