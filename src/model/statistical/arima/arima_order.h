/* arima_order.h: which order: the stepwise search of Hyndman and Khandakar (2008), as R's
 * `auto.arima` runs it.
 *
 * Seasonal and plain differences by tests (unit_root.h). The search starts from p,q = 2,2 and P,Q =
 * 1,1; 0,0 and 0,0; 1,0 and 1,0; 0,1 and 0,1; then tries the neighbours of the best so far, and
 * starts again from each that is better. Judge is AICc of the exact likelihood (R compares
 * approximations where the past is long). An order is refused whose autoregressive roots are within
 * 1.01 of 0, or moving average roots within 1.001, those of seasonal polynomials in B^m. R refuses
 * 1.01 for all, and in B, which leaves no seasonal coefficient beyond .887 at a season of 12. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_ORDER_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_ORDER_H

#include "model/statistical/arima/arima_likelihood.h"

#define ALMI_AUTO_ORDER_MAX 5
#define ALMI_AUTO_SEASONAL_ORDER_MAX 2
#define ALMI_AUTO_MODELS_MAX 94
#define ALMI_AUTO_WORK_MAX 1e10 /* operations, some ten seconds: no more models are tried then */

/* False: no order has enough values. `out->b` lies in `arena`. */
bool almi_arima_search(const almi_series *series, alm_arena *arena, almi_arima_model *out);

#endif
