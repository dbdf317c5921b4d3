/* stl.h: a series as trend, season and remainder: Cleveland, Cleveland, McRae, Terpenning, "STL: A
 * Seasonal-Trend Decomposition Procedure Based on Loess", Journal of Official Statistics 6 (1990).
 *
 * The inner loop smooths the values of each phase over the cycles, takes a low-pass filter of that
 * out (what is left is the season), and smooths what the season leaves (the trend). The outer loop
 * gives values far from trend and season a lower weight, by bisquare at six times the median
 * distance. The numbers are those of the authors' Fortran program (with a correct median), to
 * rounding; but distances that are rounding only do not count, so that a series without any
 * remainder keeps all its values.
 *
 * VALUES THAT ARE NOT KNOWN (NaN) have the weight 0 everywhere and are never filled in; trend and
 * season are finite at them all the same (loess.h says what they are in long gaps). A phase of
 * which nothing is known counts as not above nor below the others. */
#ifndef ALM_MODEL_STATISTICAL_DECOMPOSITION_STL_H
#define ALM_MODEL_STATISTICAL_DECOMPOSITION_STL_H

#include "model/statistical/decomposition/loess.h"

typedef struct alm_stl_options {
    size_t season;                     /* periods, >= 2 */
    alm_loess_shape cycle, trend, low; /* windows: in cycles; in periods; in periods */
    size_t inner;                      /* rounds, >= 1 */
    size_t outer;                      /* rounds with weights by distance; 0: all the same */
} alm_stl_options;

/* Degree 1 everywhere, no jumps, the least trend and low-pass windows that the authors recommend:
 * the next odd number from 1.5 season / (1 - 1.5 / window), and above the season. 5 inner rounds;
 * `is_robust`: 2, and 15 outer ones. As statsmodels has it. */
alm_stl_options alm_stl_usual(size_t season, size_t window, bool is_robust);

typedef struct alm_stl_parts { /* count each */
    double *season, *trend;
    double *weight; /* by distance; 0 at what is unknown */
} alm_stl_parts;

/* The parts lie in `arena`, and temporaries too. ALM_ERR_INVALID: a window is even or below 3, a
 * jump, round or season is too small. ALM_ERR_INCOMPLETE: fewer than two whole seasons, or nothing
 * known; ALM_ERR_NUMERIC: values above 1e290. Nothing is written to `out` then. */
ALM_NODISCARD alm_err alm_stl(const double *y, size_t count, const alm_stl_options *options,
                              alm_arena *arena, alm_stl_parts *out, alm_error *error);

/* How strong a part is beside the remainder, from 0 to 1: Wang, Smith, Hyndman,
 * "Characteristic-based clustering for time series data", Data Mining and Knowledge Discovery 13
 * (2006): max(0, 1 - Var(remainder) / Var(part + remainder)) over the known values; 0 where nothing
 * varies. The remainder is y - season - trend; `season` is the sum of all seasonal parts. */
typedef struct alm_strength {
    double trend, season;
} alm_strength;

alm_strength alm_stl_strength(const double *y, const double *season, const double *trend,
                              size_t count);

#endif
