/* mstl.h: a series with several seasons, of any length, as trend, seasons and remainder, and its
 * forecast: Bandara, Hyndman, Bergmeir, "MSTL: A Seasonal-Trend Decomposition Algorithm for Time
 * Series with Multiple Seasonal Patterns", arXiv 2107.13462 (2021).
 *
 * Seasons are taken out one after the other by STL (stl.h), the shortest first, with windows of 11,
 * 15, 19.. cycles; then each of them again, from what all others leave. Unknown values are left
 * out, as stl.h says.
 *
 * THE FORECASTER is the rule for long seasons and for several ones, where exponential smoothing and
 * ARIMA would have hundreds of states: the seasons go on as they are, and what they leave is
 * forecast without a season, by alm_auto (choice.h). Where all values are above 0, and the largest
 * is below a million times the smallest, it is their logarithms that are decomposed, so that a
 * season is a ratio; else it is added.
 *
 * A season repeats what is known of each phase: its mean, or smoothed over the cycles. That is
 * wrong to the extent that it is chance, and a season of 365 periods is seen a few times only. So
 * of the values without trend and other seasons, each is foretold by the earlier ones of its phase;
 * the gain that does it best is taken, and of the season the share (from 0 to 1) that least squares
 * give to what was foretold. Where there is no season, the share is near 0.
 *
 * Values that come later move the forecaster of what is left, not the seasons. Its errors are
 * measured where each season had the value itself in it, so `deviation` is made larger by that
 * share of a value (alm_mstl_facts.inflation). */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_MSTL_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_MSTL_H

#include "model/statistical/decomposition/stl.h"
#include "model/statistical/statistical.h"

#define ALM_MSTL_SEASONS_MAX 6

typedef struct alm_mstl_options {
    const size_t *seasons; /* one or more, in any order: different, at least 2 periods each */
    size_t season_count;
    size_t passes; /* >= 1; of one season 1 is enough and taken */
    size_t inner, outer;
    int degree;       /* of a phase over its cycles: 0 or 1 */
    bool is_in_jumps; /* of a tenth of each window, as R; else at every point */
} alm_mstl_options;

/* Two passes, two inner rounds, degree 0, jumps: as R's mstl. */
alm_mstl_options alm_mstl_usual(const size_t *seasons, size_t season_count);

typedef struct alm_mstl_parts {
    size_t season_count;
    size_t period[ALM_MSTL_SEASONS_MAX];  /* rising */
    double *season[ALM_MSTL_SEASONS_MAX]; /* count each */
    double *trend;
} alm_mstl_parts;

/* ALM_ERR_INVALID: seasons that cannot be, or more than ALM_MSTL_SEASONS_MAX; other errors as
 * alm_stl. Everything lies in `arena`. */
ALM_NODISCARD alm_err alm_mstl_decompose(const double *y, size_t count,
                                         const alm_mstl_options *options, alm_arena *arena,
                                         alm_mstl_parts *out, alm_error *error);

/* Strength of trend and season (stl.h) of a past with its one season, decomposed as usual; 0 and 0
 * where it has no season, or not two whole cycles. Errors as alm_stl. */
ALM_NODISCARD alm_err alm_past_strength(const alm_past *past, alm_arena *arena, alm_strength *out,
                                        alm_error *error);

/* Kind "mstl" with the one season of the past. */
extern const alm_forecaster_kind alm_mstl;

/* With several seasons (count 0: none) in place of past->season; a state of alm_mstl. Seasons of
 * which the past has not two whole cycles are left out, and `describe` says so. Errors: those of
 * `fit`, and ALM_ERR_INVALID for seasons as alm_mstl_decompose. */
ALM_NODISCARD alm_err alm_mstl_fit(const alm_past *past, const size_t *seasons,
                                   size_t season_count, alm_arena *arena, void **state,
                                   alm_error *error);

typedef struct alm_mstl_season {
    size_t period;
    double strength; /* beside the remainder (stl.h); of logarithms where it is a ratio */
    double share;    /* that goes on, from 0 to 1 */
    double gain;     /* of each newer cycle; 0: all cycles count the same */
} alm_mstl_season;

typedef struct alm_mstl_facts {
    size_t season_count; /* used */
    alm_mstl_season season[ALM_MSTL_SEASONS_MAX];
    bool is_ratio;         /* seasons are */
    double trend_strength; /* 0 without a season */
    size_t too_long_count; /* asked for, and left out */
    size_t too_long[ALM_MSTL_SEASONS_MAX];
    double inflation;      /* of the deviation, >= 1 */
    const char *left_to;   /* name of the kind that forecasts what is left */
} alm_mstl_facts;

void alm_mstl_describe(const void *state, alm_mstl_facts *out);

#endif
