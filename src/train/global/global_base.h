/* global_base.h: what a global forecaster's outputs are added to: the recent level of a history,
 * and a share of what the phase of a step differed from it in the newest seasons.
 *
 * The share is that of least squares over the places that are learned from, by how unlike its level
 * a past is: of smooth demand the season goes on, of rare demand the phases show chance. So what is
 * left to learn is small, and a forecaster that learns nothing is a seasonal mean. Pure. */
#ifndef ALM_TRAIN_GLOBAL_BASE_H
#define ALM_TRAIN_GLOBAL_BASE_H

#include "train/global/global_place.h"

#define ALM_GLOBAL_SPREADS 4 /* classes of spread: below .5, 1, 2, and the rest */

typedef struct alm_global_base {
    double share[ALM_GLOBAL_SPREADS]; /* in [0, 1] */
} alm_global_base;

/* From targets in periods before `before`, over the scale, at most ALM_GLOBAL_TARGET_MAX. */
alm_global_base alm_global_base_learn(const alm_global_past *past, const alm_global_place *places,
                                      size_t count, size_t before);

/* Of every step, over the scale. out: steps. */
void alm_global_base_put(const alm_global_base *base, const alm_global_seen *seen, double *out);

/* How much a squared error of a place counts: what is mostly chance counts little. */
double alm_global_weight(const alm_global_size *size);

#endif
