/* arima_values.h: what the likelihood of ARIMA has in the place of values that are not known. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_VALUES_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_VALUES_H

#include <stddef.h>

/* Values that are not known, on the line between their known neighbours; before the first and
 * behind the last known value, that value; 0 where none is known. Pure. */
void almi_bridge(const double *y, size_t n, double *out);

#endif
