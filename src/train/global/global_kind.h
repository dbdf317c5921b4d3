/* global_kind.h: forecasters that learn from all series of a panel at once, as one interface.
 *
 * A kind is fitted to what was known of a panel at an origin, and then forecasts any history of it,
 * at that origin or at a later one. Aggregates are series like the others: a kind learns from their
 * own histories too, and forecasts them from these, so that its rows at every level are of one
 * making and need not add up.
 *
 * SCALE. Values are divided by the scale of their history at its end (global_place.h), so that
 * small and large series are learned from alike.
 *
 * VALUES that are not known, of closed periods and of sold-out ones (lower bounds) are neither
 * learned from nor shown as values.
 *
 * DISTRIBUTION. A kind keeps errors that it made on the newest part of the pasts, which it had not
 * learned from then (global_error.h); added to the mean they are joint sample paths.
 *
 * BITS. All of it is the same for any number of threads and on any x86-64 CPU. */
#ifndef ALM_TRAIN_GLOBAL_KIND_H
#define ALM_TRAIN_GLOBAL_KIND_H

#include "base/date.h"
#include "base/env.h"
#include "train/backtest/beside.h"

#define ALM_GLOBAL_COLUMNS_MAX 8
#define ALM_GLOBAL_PATHS 200

/* What is known of a panel at an origin. All of it is borrowed. */
typedef struct alm_global_past {
    const alm_beside_history *histories;
    size_t count;
    size_t end; /* period behind the newest value: the last of every history is of end - 1 */
    size_t season, steps, delay;
    alm_date start; /* day of period 0 */
    uint64_t seed;
    /* Periods 0 .. end + delay + steps - 1, which all of it says in advance: */
    const uint8_t *closed;
    const double *column[ALM_GLOBAL_COLUMNS_MAX]; /* the same for all series; finite */
    size_t column_count;
} alm_global_past;

typedef struct alm_global_forecast {
    double *mean;  /* steps, >= 0 */
    double *paths; /* ALM_GLOBAL_PATHS x steps, >= 0; of counts, where the history has only such */
} alm_global_forecast;

typedef struct alm_global_kind {
    const char *name;
    /* On success `state` must be destroyed; it borrows nothing. ALM_ERR_INCOMPLETE: there is too
     * little to learn from, and how much it takes. Uses the pool of `env`; shows no progress. */
    alm_err (*fit)(const alm_env *env, const alm_global_past *past, void **state,
                   alm_error *error);
    /* False: not from this history (no value, or too large to work with); nothing is promised of
     * `out` then. Steps, season, delay and columns of `past` are those of the fit. May be called
     * from any number of threads. */
    bool (*forecast)(const void *state, const alm_global_past *past,
                     const alm_beside_history *history, alm_arena *scratch,
                     const alm_global_forecast *out);
    void (*destroy)(void *state); /* takes NULL */
} alm_global_kind;

/* global_net.h */
extern const alm_global_kind alm_global_lstm;
extern const alm_global_kind alm_global_gru;
extern const alm_global_kind alm_global_tcn;
/* global_gbm.h */
extern const alm_global_kind alm_global_gbm;
extern const alm_global_kind alm_global_gbm_local;

/* Constant, in a fixed order. */
const alm_global_kind *const *alm_global_kinds(size_t *count);

#endif
