/* global_error.h: errors of a global forecaster on what it had not learned from, and sample paths
 * made of them.
 *
 * An error is a vector over the horizon, of one place, over the scale of its history and over its
 * spread, how unlike its level its past was (global_place.h). The paths of a history are its mean
 * plus the errors of those ALM_GLOBAL_PATHS places whose spread was nearest to its own, times its
 * scale and its spread: so errors of one path depend on each other over the steps as they did, and
 * rare demand has the errors of rare demand. Fewer places: they are taken in turns. */
#ifndef ALM_TRAIN_GLOBAL_ERROR_H
#define ALM_TRAIN_GLOBAL_ERROR_H

#include "train/global/global_place.h"

typedef struct alm_global_error_entry {
    double spread;
    const double *error; /* steps; over scale and spread */
} alm_global_error_entry;

typedef struct alm_global_errors {
    size_t steps, count;
    alm_global_error_entry *entry; /* sorted by spread once complete */
} alm_global_errors;

/* Room for `most` entries. */
void alm_global_errors_init(alm_global_errors *errors, size_t steps, size_t most,
                            alm_arena *arena);

/* `actual` and `mean`: steps, over the scale; NaN: not known. A step that is not known has the
 * error of the nearest known one, the earlier of two. Left out when half of the steps or more are
 * not known. In `arena`. */
void alm_global_errors_add(alm_global_errors *errors, double spread, const double *actual,
                           const double *mean, alm_arena *arena);
void alm_global_errors_sort(alm_global_errors *errors);

typedef struct alm_global_path_plan {
    const double *mean; /* steps, in units */
    const uint8_t *closed; /* steps: a path is 0 there */
    double scale, spread;
    alm_support support;
} alm_global_path_plan;

/* out: ALM_GLOBAL_PATHS x steps. Without any entry every path is the mean. */
void alm_global_errors_paths(const alm_global_errors *errors, const alm_global_path_plan *plan,
                             double *out);

#endif
