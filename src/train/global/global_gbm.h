/* global_gbm.h: LightGBM over all series of a panel, with and without local statistics.
 *
 * gbm_global sees of a history, at a place (global_place.h), for a step: the step and its phase of
 * the season; level, spread and age; the newest value and how long ago the last demand was; means,
 * deviation and share of zeros of the newest one, four and twelve seasons; the newest four values
 * of the step's phase and their mean; with a year of history the means of 29 days around the step's
 * day and of the 56 days before the newest value, both 364 days before; the columns that are known
 * in advance, on the step's day. gbm_local sees also what statistical forecasters make of the past
 * at the place (local_statistics.h). All values are over the scale of the place.
 *
 * HORIZON BLOCKS: one forest for the first season, one for the steps behind it. They learn what is
 * left of demand beside global_base.h, by squared errors with its weights, so forecasts are means.
 *
 * WORK: at most 8,000 places with 4 steps each a block. Forests are tried in two strengths (60
 * trees of 8 leaves, 200 of 31) on targets before the held places, at most 1,000; the better one
 * there is fitted again on all, for the forecasts. Paths are made of its errors there.
 *
 * Refused, with what is needed: histories shorter than three horizons, fewer than 200 rows of a
 * block. */
#ifndef ALM_TRAIN_GLOBAL_GBM_H
#define ALM_TRAIN_GLOBAL_GBM_H

#include "train/global/global_kind.h"

#define ALM_GLOBAL_GBM_PLACES 8000
#define ALM_GLOBAL_GBM_HELD 1000

#endif
