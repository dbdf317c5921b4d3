/* croston.h: rare demand, as the size of a demand and how often there is one.
 *
 *   Croston   size and interval between demands, each smoothed at demands only; size / interval
 *             Croston, "Forecasting and stock control for intermittent demands", Operational
 *             Research Quarterly 23 (1972)
 *   SBA       that times 1 - alpha / 2, alpha that of the intervals: Syntetos and Boylan, "The
 *             accuracy of intermittent demand estimates", International Journal of Forecasting 21
 *             (2005)
 *   TSB       size smoothed at demands, probability of one in every period; size x probability
 *             Teunter, Syntetos, Babai, "Intermittent demand: linking forecasting to inventory
 *             obsolescence", European Journal of Operational Research 214 (2011)
 *
 * Smoothing starts at the first size, interval (the first one ends with the first demand) and
 * period. A demand is a value above 0; a value below 0 is no demand and refused (ALM_ERR_INVALID).
 * Periods that are not known are passed over as if they had not been. Without a demand: 0.
 *
 * NO MODEL. No stochastic model has these as its best forecasts (Snyder 2002; Shenstone and Hyndman
 * 2005), so the deviation is no more than the root of the mean squared error one period ahead, the
 * same for all periods to come. A distribution of counts is count.h's. */
#ifndef ALM_MODEL_STATISTICAL_RARE_CROSTON_H
#define ALM_MODEL_STATISTICAL_RARE_CROSTON_H

#include "model/statistical/statistical.h"

#define ALM_CROSTON_ALPHA .1
#define ALM_CROSTON_ALPHA_MAX .3 /* of optimised ones, which lie in [ALM_CROSTON_ALPHA, this] */

typedef enum alm_croston_rule { ALM_CROSTON, ALM_CROSTON_SBA, ALM_CROSTON_TSB } alm_croston_rule;

typedef struct alm_croston_form {
    alm_croston_rule rule;
    double alpha_size; /* (0, 1]; NaN: the one with the least squared errors of the sizes */
    double alpha_time; /* of intervals or of the probability, the same */
} alm_croston_form;

ALM_NODISCARD alm_err alm_croston_fit(const alm_past *past, const alm_croston_form *form,
                                      alm_arena *arena, void **state, alm_error *error);

typedef struct alm_croston_facts {
    double alpha_size, alpha_time;
    double size;
    double interval;    /* NaN: of TSB */
    double probability; /* NaN: of Croston and SBA */
} alm_croston_facts;

void alm_croston_describe(const void *state, alm_croston_facts *out);

extern const alm_forecaster_kind alm_croston;           /* both .1 */
extern const alm_forecaster_kind alm_croston_optimised; /* both within .1 and .3 */
extern const alm_forecaster_kind alm_sba;               /* both .1 */
extern const alm_forecaster_kind alm_tsb;               /* both .1 */
extern const alm_forecaster_kind alm_tsb_optimised;     /* both within .1 and .3 */

#endif
