/* sample_paths.h: what one series may do, as joint sample paths over the periods to come.
 *
 * Path s of a series: for each period a uniform number u, a pure function of (seed, series, path,
 * period); the forecaster's value at u; and the forecaster moved on by it. So sums and crossings
 * over several periods are those of the model, and any path can be made again by itself.
 *
 * Thread safety: a state may be read by any number of threads at a time. */
#ifndef ALM_MODEL_STATISTICAL_SAMPLE_PATHS_H
#define ALM_MODEL_STATISTICAL_SAMPLE_PATHS_H

#include "model/statistical/statistical.h"

typedef struct alm_path_plan {
    size_t steps, count; /* >= 1 */
    size_t first;        /* number of the first path */
    uint64_t seed, series;
    /* Values keep to it: NON_NEGATIVE: below 0 is 0; COUNT: and the nearest whole number, half up.
     * A kind that takes any value goes on from what it drew, one of demand from the value. */
    alm_support support;
} alm_path_plan;

/* The support that the known values of a past have. */
alm_support alm_support_of(const alm_past *past);
double alm_support_value(alm_support support, double y);

/* The value of the next period that is not exceeded with probability u: the kind's own, or Normal
 * with its mean and deviation. */
double alm_forecaster_next(const alm_forecaster_kind *kind, const void *state, double u);

/* out: count x steps, row-major, finite. ALM_ERR_INCOMPLETE: the past is too short to tell the
 * spread of an error; ALM_ERR_NUMERIC: a path grew beyond what doubles hold. Nothing is promised of
 * `out` then. */
ALM_NODISCARD alm_err alm_forecaster_paths(const alm_forecaster_kind *kind, const void *state,
                                           const alm_path_plan *plan, alm_arena *scratch,
                                           double *out, alm_error *error);

/* Quantiles of each step over all paths: out is steps x level_count; levels in (0, 1). Those of
 * counts are counts: the smallest value that a share of at least `level` of the paths does not
 * exceed; of others linear between order statistics (type 7). */
void alm_path_quantiles(const double *paths, const alm_path_plan *plan, const double *levels,
                        size_t level_count, alm_arena *scratch, double *out);

#endif
