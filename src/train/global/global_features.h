/* global_features.h: the columns of a global forest: what it sees of a history at a place, for one
 * step ahead. Pure but for the arena. */
#ifndef ALM_TRAIN_GLOBAL_FEATURES_H
#define ALM_TRAIN_GLOBAL_FEATURES_H

#include "train/global/global_place.h"
#include "train/global/local_statistics.h"

size_t alm_global_feature_count(const alm_global_past *past, bool with_local);

/* Of step h, from 0; NaN: not known. `local`: of the values seen, or NULL: without them. */
void alm_global_features(const alm_global_seen *seen, const alm_local_statistics *local, size_t h,
                         double *out);

#endif
