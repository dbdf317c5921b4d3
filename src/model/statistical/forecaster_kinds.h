/* forecaster_kinds.h: all kinds of forecasters, for who lets them be named or tries them all. */
#ifndef ALM_MODEL_STATISTICAL_FORECASTER_KINDS_H
#define ALM_MODEL_STATISTICAL_FORECASTER_KINDS_H

#include "model/statistical/statistical.h"

#define ALM_FORECASTER_KINDS_MAX 64

/* Constant, in a fixed order; at most ALM_FORECASTER_KINDS_MAX. */
const alm_forecaster_kind *const *alm_forecaster_kinds(size_t *count);

#endif
