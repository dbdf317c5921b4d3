/* seasonal.h: is there a season, and what are its indices: classical decomposition.
 *
 * The test and the decomposition are those of the M4 competition (Naive2, Theta), which are R's:
 * the autocorrelation at the season lag against Bartlett's bound at 90 percent, and `decompose`.
 * Sums run forward in time. Pure. */
#ifndef ALM_MODEL_STATISTICAL_SEASONAL_H
#define ALM_MODEL_STATISTICAL_SEASONAL_H

#include "model/statistical/statistical.h"

/* |r_m| > 1.645 sqrt((1 + 2 (r_1^2 + .. + r_{m-1}^2)) / n), with at least `cycles` whole seasons.
 * Unknown values: pairs with one are left out of both sums. */
bool alm_is_seasonal(const alm_past *past, size_t cycles);

/* Indices by phase (season of them; phase 0 is that of y[0]): mean of y / trend, or of y - trend,
 * over the periods that have a trend (a centred moving average of one season), brought to mean 1
 * or 0. False: a phase has no such period, or an index of a ratio is not positive. Temporaries in
 * `arena`. */
bool alm_seasonal_indices(const alm_past *past, bool is_ratio, alm_arena *arena, double *out);

#endif
