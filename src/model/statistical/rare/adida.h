/* adida.h: rare demand, forecast as sums over several periods.
 *
 *   ADIDA   sums of k periods, smoothed; level / k. k is the mean interval between demands, rounded
 *           (half to even).
 *           Nikolopoulos, Syntetos, Boylan, Petropoulos, Assimakopoulos, "An aggregate-disaggregate
 *           intermittent demand approach (ADIDA) to forecasting", Journal of the Operational
 *           Research Society 62 (2011)
 *   IMAPA   the mean of that over all k from 1 to the mean interval
 *           Petropoulos and Kourentzes, "Forecast combinations for intermittent demand", Journal of
 *           the Operational Research Society 66 (2015)
 *
 * Sums end with the newest period; the oldest periods that fill no sum are left out. Smoothing
 * parameters lie within .1 and .3 and have the least squared errors of the sums. What holds of
 * croston.h holds here: values below 0, what is not known, no demand, no model. k is at most
 * ALM_ADIDA_PERIODS_MAX.
 *
 * Moved on, each k further periods make a sum; the forecast stays until one is full. */
#ifndef ALM_MODEL_STATISTICAL_RARE_ADIDA_H
#define ALM_MODEL_STATISTICAL_RARE_ADIDA_H

#include "model/statistical/statistical.h"

#define ALM_ADIDA_PERIODS_MAX 400

extern const alm_forecaster_kind alm_adida;
extern const alm_forecaster_kind alm_imapa;

#endif
