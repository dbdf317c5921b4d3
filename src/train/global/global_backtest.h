/* global_backtest.h: the global forecasters of a backtest: what they see at an origin, and their
 * fits.
 *
 * They see the histories that the other rows see: of every series and every aggregate, from its
 * first demand to the newest period published at the origin, in the vintage of that day. Known in
 * advance are the calendar's closed days and the columns that the project declares so and that are
 * one for all series, as far as the horizon.
 *
 * A fit is kept for as many scored origins as the model's backtest.refit_every says; between fits
 * the newest histories go into the fit at hand. Where a kind could not learn at the newest of its
 * fits, its row is the seasonal naive baseline until it can. */
#ifndef ALM_TRAIN_GLOBAL_BACKTEST_H
#define ALM_TRAIN_GLOBAL_BACKTEST_H

#include "train/global/global_kind.h"
#include "train/training_panel.h"

typedef struct alm_global_fits {
    const alm_global_kind *const *kind;
    size_t count;
    alm_beside_global *fit;   /* count */
    const char **reason;      /* count: why the newest fit failed; NULL: it did not */
    size_t *fits;             /* count: that succeeded */
    alm_global_past past;     /* of the origin at hand */
    alm_arena *held;          /* what `past` points to */
    alm_arena *texts;         /* reasons */
} alm_global_fits;

/* `known`: the panel as known at the origin. Histories are numbered as score rows number them. */
typedef struct alm_global_view {
    const alm_training_panel *known;
    size_t origin, season, steps;
    uint64_t seed;
} alm_global_view;

/* In `arena`. */
void alm_global_past_of(const alm_global_view *view, alm_arena *arena, alm_global_past *out);

void alm_global_fits_close(alm_global_fits *fits); /* takes one that was never opened */

#endif
