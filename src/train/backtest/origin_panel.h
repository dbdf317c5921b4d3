/* origin_panel.h: the panel as it was known at a past origin, with the numbers of the final one.
 *
 * Where no source of the panels is restated (alm_panel_restates), the final panel serves at every
 * origin: what lies behind the origin is simply not looked at. Where one is, a forecast made at an
 * origin must not see what was restated after it, so the snapshot is opened again as of the end of
 * that origin: `end` = origin + 1. That costs one reading of the snapshot per origin and as much
 * memory again as the final panel, of which one past panel is held at a time. */
#ifndef ALM_TRAIN_ORIGIN_PANEL_H
#define ALM_TRAIN_ORIGIN_PANEL_H

#include "train/training_panel.h"

typedef struct alm_origin_panels {
    const alm_env *env;
    const alm_project *project;
    alm_objects *objects;
    const alm_snapshot *snapshot;
    const alm_panel_source *source; /* of the final panel; stays open */
    const alm_training_panel *final;
    size_t horizon; /* periods of known columns behind an end, where the final panel has them */
    bool restated;  /* alm_panel_restates */
    size_t end;     /* of the past panel that is held; 0: none */
    alm_panel_source *past_source;
    alm_training_panel past;
} alm_origin_panels;

/* The snapshot as known at the end of period `end` - 1, whatever is restated; the caller closes. */
ALM_NODISCARD alm_err alm_origin_source_open(const alm_origin_panels *panels, size_t end,
                                             alm_panel_source **out, alm_error *error);

/* The whole panel; valid until the next call or close. The final one for its own end, and where
 * nothing is restated. */
ALM_NODISCARD alm_err alm_origin_panel_at(alm_origin_panels *panels, size_t end,
                                          const alm_training_panel **out, alm_error *error);
void alm_origin_panels_close(alm_origin_panels *panels); /* the past panel only */

#endif
