/* global_beside.h: what a global forecaster says of one history, in the form of the rows beside.
 *
 * Quantiles and levels of the stock rule are those of its sample paths. Thread safe. */
#ifndef ALM_TRAIN_GLOBAL_BESIDE_H
#define ALM_TRAIN_GLOBAL_BESIDE_H

#include "train/backtest/beside.h"

/* Row `number` of the global ones. False: refused, and nothing is promised of `out`. */
bool alm_global_beside(const alm_beside *beside, size_t number, const alm_beside_history *history,
                       alm_arena *scratch, alm_beside_forecast *out);

#endif
