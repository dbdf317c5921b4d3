/* mstl.h: a series with several seasons, of any length, as trend, seasons and remainder, and its
 * forecast: Bandara, Hyndman, Bergmeir, "MSTL: A Seasonal-Trend Decomposition Algorithm for Time
 * Series with Multiple Seasonal Patterns", arXiv 2107.13462 (2021).
 *
 * Seasons are taken out one after the other by STL (stl.h), the shortest first, with windows of 11,
 * 15, 19.. cycles; then each of them again, from what all others leave. Unknown values are left out,
 * as stl.h says.
 *
 * THE FORECASTER is the rule for long seasons and for several ones, where exponential smoothing and
 * ARIMA would estimate hundreds of states or nothing: each season as it was in its last cycle, and
 * what they leave by a forecaster without a season (theta.h, DOTM). Values that come later move that
 * forecaster, not the seasons. Its errors are measured where the seasons were taken out of the same
 * values, so they are too small; `deviation` is of them made larger by the share that a season takes
 * of a value at its end (alm_mstl_facts.inflation). */
#ifndef ALM_MODEL_STATISTICAL_MSTL_H
#define ALM_MODEL_STATISTICAL_MSTL_H

#include "model/statistical/statistical.h"
#include "model/statistical/stl.h"

#define ALM_MSTL_SEASONS_MAX 6

typedef struct alm_mstl_options {
    size_t passes; /* >= 1; of one season 1 is enough and taken */
    size_t inner, outer;
    int degree;        /* of a phase over its cycles: 0 or 1 */
    bool is_in_jumps;  /* of a tenth of each window, as R; else at every point */
} alm_mstl_options;

/* Two passes, two inner rounds, degree 0, jumps: as R's mstl. */
alm_mstl_options alm_mstl_usual(void);

typedef struct alm_mstl_parts {
    size_t season_count;
    size_t period[ALM_MSTL_SEASONS_MAX]; /* rising */
    double *season[ALM_MSTL_SEASONS_MAX]; /* count each */
    double *trend;
} alm_mstl_parts;

/* `seasons`: at least 2 each and different, up to ALM_MSTL_SEASONS_MAX, in any order, else
 * ALM_ERR_INVALID; other errors as alm_stl. Everything lies in `arena`. */
ALM_NODISCARD alm_err alm_mstl_decompose(const double *y, size_t count, const size_t *seasons,
                                         size_t season_count, const alm_mstl_options *options,
                                         alm_arena *arena, alm_mstl_parts *out, alm_error *error);

/* Kind "mstl" with the one season of the past. */
extern const alm_forecaster_kind alm_mstl;

/* With several seasons (0: none) in place of past->season; a state of alm_mstl. Seasons of which
 * the past has not two whole cycles are left out, and said so by `describe`: with none left, the
 * forecaster without a season has the past as it is. Errors: those of `fit`, and ALM_ERR_INVALID. */
ALM_NODISCARD alm_err alm_mstl_fit(const alm_past *past, const size_t *seasons,
                                   size_t season_count, alm_arena *arena, void **state,
                                   alm_error *error);

typedef struct alm_mstl_facts {
    size_t season_count; /* used */
    size_t period[ALM_MSTL_SEASONS_MAX];
    double strength[ALM_MSTL_SEASONS_MAX]; /* of each beside the remainder, from 0 to 1 (stl.h) */
    double trend_strength;                 /* 0: no season was used */
    size_t too_long[ALM_MSTL_SEASONS_MAX]; /* asked for, and left out */
    size_t too_long_count;
    double inflation;                      /* of the deviation, >= 1 */
    const char *adjusted_by;               /* name of the kind that forecasts what is left */
} alm_mstl_facts;

void alm_mstl_describe(const void *state, alm_mstl_facts *out);

#endif
