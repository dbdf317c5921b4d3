/* arima_values.h: two small things that the files of ARIMA share. Pure. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_VALUES_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_VALUES_H

#include <stddef.h>

/* The inner product in four sums, in a fixed order: no addition waits for the one before. */
double almi_product(const double *a, const double *b, size_t n);

/* Values that are not known, on the line between their known neighbours; before the first and
 * behind the last known value, that value; 0 where none is known. */
void almi_bridge(const double *y, size_t n, double *out);

#endif
