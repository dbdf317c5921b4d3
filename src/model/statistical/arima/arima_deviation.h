/* arima_deviation.h: standard errors of the coefficients of regressors. For arima.c only. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_DEVIATION_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_DEVIATION_H

#include "model/statistical/arima/arima_likelihood.h"

/* out: one per column of model->b, for errors of variance 1: sqrt of the diagonal of
 * (X' R^-1 X)^-1, whitened by the Kalman filter, which passes unknown values by (that is what the
 * likelihood integrates over them). NaN: they cannot be told. */
void almi_coefficient_deviations(const almi_series *series, const almi_arima_model *model,
                                 alm_arena *arena, double *out);

#endif
