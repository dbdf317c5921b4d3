/* selector_train.h: learns a selector (model/statistical/automatic/selector.h) from earlier origins
 * of many series, after FFORMA.
 *
 * ROWS. Of every series, up to ALM_SELECTOR_ORIGINS origins, half a horizon apart, the newest one a
 * horizon before the end: the features of what was known then, and how far off each candidate of
 * its class was over the horizon, fitted to that: root mean square errors, by their sum. So a
 * row says which candidates were better, whatever the unit. An origin has a season and
 * four values behind it, at least.
 *
 * FOREST. Boosted trees (xgboost.h) make the cost small that is expected under the softmax of
 * their scores. They start from a_k^-8 of the mean costs a_k, which is close to an even mean for
 * candidates that are about as good. A group is learned where ALM_SELECTOR_SERIES_MIN series of it
 * have rows; of more than ALM_SELECTOR_SERIES_MAX series every second, third, .. is taken, so that
 * no more than that many are.
 *
 * HOW IT WAS CHOSEN. On the past parts of M3 (months), M4 (weeks) and car parts alone, with
 * weights learned one horizon before those that were judged. Tried and left out: the series' own
 * errors at an earlier origin as further columns (better by .1 to .3 %, for as many fits again),
 * the error of the weighted forecast itself as the cost (no better), even weights to start from
 * (worse for weeks), the seasonal naive forecast as a candidate (better for months, worse for
 * weeks).
 *
 * Deterministic: no result depends on the number of threads. */
#ifndef ALM_TRAIN_SELECTOR_TRAIN_H
#define ALM_TRAIN_SELECTOR_TRAIN_H

#include "base/env.h"
#include "model/statistical/automatic/selector.h"

#define ALM_SELECTOR_ORIGINS 3
#define ALM_SELECTOR_SERIES_MIN 100
#define ALM_SELECTOR_SERIES_MAX 10000

typedef struct alm_selector_plan {
    size_t steps;   /* the horizon, >= 1 */
    size_t unknown; /* newest periods of every series that are not looked at */
} alm_selector_plan;

typedef struct alm_selector_trained {
    alm_selector *selector; /* the caller's to destroy */
    alm_selector_facts facts;
} alm_selector_trained;

/* With the threads and the progress of `env`. ALM_ERR_INCOMPLETE: no group has enough series, with
 * what to do. */
ALM_NODISCARD alm_err alm_selector_train(const alm_env *env, const alm_past *pasts, size_t count,
                                         const alm_selector_plan *plan, alm_selector_trained *out,
                                         alm_error *error);

#endif
