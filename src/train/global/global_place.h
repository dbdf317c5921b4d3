/* global_place.h: where in the histories of a panel a global forecaster learns and is tried.
 *
 * A place is a history as it was when `seen` of its values were known; its targets are the values
 * `delay` + 1 .. `delay` + steps periods on. Places count back from the end of the panel, so all
 * series have theirs at the same days.
 *
 *   periods   0 ................. held .......... end
 *   learned   targets before `held`
 *   held      targets from there on: places that end at held_first .. held_last
 *
 * With more places than asked for, the list of them (history after history, oldest first) is cut
 * into as many equal parts, and each part gives one, by a counter's draw: every series has its
 * share. Pure functions. */
#ifndef ALM_TRAIN_GLOBAL_PLACE_H
#define ALM_TRAIN_GLOBAL_PLACE_H

#include "train/global/global_kind.h"

typedef struct alm_global_place {
    uint32_t history;
    uint32_t seen; /* values, >= 1 */
} alm_global_place;

/* In periods: a place "ends" at the period behind its newest value. */
typedef struct alm_global_split {
    size_t held;       /* what is learned from has targets before it */
    size_t held_first; /* first end of a held place */
    size_t held_last;
} alm_global_split;

#define ALM_GLOBAL_HELD_ENDS 7 /* of held places: all days of a week, where there is room */

/* ALM_ERR_INCOMPLETE: the longest history is shorter than three horizons (delay included). */
ALM_NODISCARD alm_err alm_global_split_of(const alm_global_past *past, alm_global_split *out,
                                          alm_error *error);

/* At most `most` places that end in [first, last], in `arena`, by history, then end. */
alm_global_place *alm_global_places(const alm_global_past *past, size_t first, size_t last,
                                    size_t most, alm_arena *arena, size_t *count);

/* The values of a history, NaN where the period was closed, which says nothing of demand, or sold
 * out, where the sale is only a lower bound. */
double *alm_global_values(const alm_global_past *past, const alm_beside_history *history,
                          alm_arena *arena);

#define ALM_GLOBAL_RECENT 56

/* What is known at a place, of its values y[0 .. seen). */
typedef struct alm_global_size {
    double scale;  /* (m recent + w all) / (m + w): mean absolute value of the known ones among the
                    * newest ALM_GLOBAL_RECENT, shrunk to that of all with the weight of 14 */
    double all;    /* that of all, over the scale */
    double level;  /* mean of the recent ones, over the scale */
    double spread; /* root mean square of the recent y / scale - 1, shrunk to 1 with the weight of
                    * 4: how unlike its level it is */
} alm_global_size;

/* False: nothing above 0 is known, or the values are too large to work with. */
bool alm_global_size_of(const double *y, size_t seen, alm_global_size *out);

#define ALM_GLOBAL_CYCLES 4

/* A history at a place. Values behind the newest one seen are targets only. */
typedef struct alm_global_seen {
    const alm_global_past *past;
    const double *y; /* alm_global_values of all of the history */
    size_t count;
    size_t begin; /* period of y[0] */
    size_t seen;
    alm_global_size size;
    /* Of every step, over the scale: the mean of the newest known values of its phase of the
     * season, at most ALM_GLOBAL_CYCLES; the level where none of them is known. */
    const double *phase_mean;
} alm_global_seen;

/* `y`: alm_global_values of the history. False: as alm_global_size_of. phase_mean in `arena`. */
bool alm_global_see(const alm_global_past *past, const alm_beside_history *history,
                    const double *y, size_t seen, alm_arena *arena, alm_global_seen *out);

/* Calls `take` with every place that has a size, in order. */
typedef void (*alm_global_taker)(void *context, const alm_global_seen *seen,
                                 const alm_global_place *place);
void alm_global_each(const alm_global_past *past, const alm_global_place *places, size_t count,
                     alm_global_taker take, void *context);

#define ALM_GLOBAL_TARGET_MAX 20.0 /* one spike must not rule the squares of all series */

/* Target of step h (from 0) behind a place, over the scale. NaN: not known, closed, or in period
 * `before` or later. `alm_global_target` is at most ALM_GLOBAL_TARGET_MAX, for what is learned. */
double alm_global_actual(const alm_global_seen *seen, const alm_global_place *place, size_t h,
                         size_t before);
double alm_global_target(const alm_global_seen *seen, const alm_global_place *place, size_t h,
                         size_t before);

/* Period of the first value of a history. */
static inline size_t alm_global_begin(const alm_global_past *past, size_t count)
{
    return past->end - count;
}

#endif
