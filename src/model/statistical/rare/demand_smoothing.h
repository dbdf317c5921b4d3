/* demand_smoothing.h: simple exponential smoothing: l += alpha (x - l), from the first value on.
 *
 * What the forecasters of rare demand are made of. Values are finite and of a size whose squares
 * do not overflow (adjusted.h). Pure functions. */
#ifndef ALM_MODEL_STATISTICAL_RARE_DEMAND_SMOOTHING_H
#define ALM_MODEL_STATISTICAL_RARE_DEMAND_SMOOTHING_H

#include <stddef.h>

/* The level behind the last of `count` >= 1 values. */
double alm_smoothing_level(const double *x, size_t count, double alpha);

/* The alpha in [low, high] whose squared errors one value ahead are least, to 1e-7, from a grid
 * that narrows: where the sum has several dips it may be one that is not the lowest. The middle
 * where all alphas are equally good. */
double alm_smoothing_search(const double *x, size_t count, double low, double high);

#endif
