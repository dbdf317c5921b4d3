/* apart.h: a forecaster of what is left when the season is taken out (adjusted.h), which is put
 * back afterwards, for kinds that cannot follow a long season by themselves. Thread safety and
 * errors: as statistical.h, of the kind inside. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_APART_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_APART_H

#include "model/statistical/statistical.h"

/* ARIMA without seasonal orders, of adjusted values; of values as they are where no season is
 * significant. */
extern const alm_forecaster_kind alm_arima_apart;

#endif
