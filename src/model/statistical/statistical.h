/* statistical.h: forecasters that look at one series alone.
 *
 * One interface, one file per family. A forecaster is fitted to a past and is then a small state:
 * it can be moved on by one more value without fitting again, and says the means of the periods to
 * come and how uncertain each is. All of it is pure arithmetic in a fixed order: the same bits on
 * every machine, for any number of threads.
 *
 * VALUES. A past holds one value per period, oldest first. NaN is a value that is not known: it is
 * left out of what is fitted, never filled in. Values may be negative, but for the forecasters of
 * demand (their traits say what they take). Every finite past, however odd (one value, all equal,
 * 1e300), has a finite forecast or is refused by `fit`.
 *
 * DISTRIBUTION. Of the next period, each forecaster says which value is not exceeded with
 * probability u. Further ahead nothing else is needed: a path draws a period, is moved on by what
 * it drew, and goes on (sample_paths.h), so the errors of one path depend on each other as the
 * model has it.
 *
 * UNCERTAINTY is that of the model with its fitted parameters: the standard deviation of the value
 * h periods ahead, of errors that are independent and of one size. NaN where the past is too short
 * to tell.
 *
 * Errors of `fit`: ALM_ERR_INCOMPLETE says how many values are needed and how many are known;
 * ALM_ERR_NUMERIC: numbers of this size cannot be worked with; ALM_ERR_INVALID: a value is not of
 * the kind's support. Nothing is written then.
 *
 * Thread safety: a fitted forecaster may be read by any number of threads; `update` by one. */
#ifndef ALM_MODEL_STATISTICAL_STATISTICAL_H
#define ALM_MODEL_STATISTICAL_STATISTICAL_H

#include <stdbool.h>

#include "base/arena.h"

#define ALM_PAST_COUNT_MAX ((size_t)1 << 24)
#define ALM_PAST_SEASON_MAX 400

typedef struct alm_past {
    const double *y;
    size_t count;
    size_t season; /* periods; 1: none */
} alm_past;

/* What values can be at all. */
typedef enum alm_support {
    ALM_SUPPORT_REAL,
    ALM_SUPPORT_NON_NEGATIVE,
    ALM_SUPPORT_COUNT
} alm_support;

/* In what a kind is not like most others. */
typedef struct alm_forecaster_traits {
    alm_support support; /* of the values that it takes */
    bool has_units;      /* counts: twice as large is not the same in another unit */
    bool is_surprised;   /* by what it says itself: lowered on purpose, or of several that differ */
} alm_forecaster_traits;

typedef struct alm_forecaster_kind {
    const char *name;
    /* The state lies in `arena`, which keeps temporaries too. */
    alm_err (*fit)(const alm_past *past, alm_arena *arena, void **state, alm_error *error);
    void (*update)(void *state, double y); /* NaN: the period passes, unknown */
    /* Of the next `steps` periods, steps >= 1. */
    void (*mean)(const void *state, size_t steps, double *out);
    void (*deviation)(const void *state, size_t steps, double *out);
    /* The same state again, to be moved on by itself: into `into`, an earlier copy of a state with
     * the same origin, or into `arena` where that is NULL. A copy may borrow what never changes
     * from the first state, which must outlive it. */
    void *(*copy)(const void *state, alm_arena *arena, void *into);
    /* The value of the next period that is not exceeded with probability u in (0, 1): never falls
     * in u. NULL: Normal with the mean and the deviation of one period. */
    double (*next)(const void *state, double u);
    alm_forecaster_traits traits;
} alm_forecaster_kind;

/* naive.c. Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (2021), 5.2, 5.5 */
extern const alm_forecaster_kind alm_naive;          /* the newest known value */
extern const alm_forecaster_kind alm_seasonal_naive; /* the newest known one of the same season */
extern const alm_forecaster_kind alm_drift;          /* and the slope from the first to it */
extern const alm_forecaster_kind alm_mean_of_all;
/* The mean of the newest season, or of 4 periods where there is none. */
extern const alm_forecaster_kind alm_window_mean;
#define ALM_WINDOW_WITHOUT_SEASON 4
/* The naive forecast of seasonally adjusted values, as the M competitions define it: adjusted only
 * where the season is significant (seasonal.h). */
extern const alm_forecaster_kind alm_naive2;

#endif
