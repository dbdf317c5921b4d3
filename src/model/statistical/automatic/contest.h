/* contest.h: the forecasters of a series' class of demand (alm_demand_members), its candidates,
 * against each other on the series' own past.
 *
 *   best      the one that was least far off
 *   weighted  all, each by 1 / how far off it was
 *   median    all, and the median of what they say
 *
 * HOW FAR OFF: the root mean square error over up to ALM_CONTEST_ORIGINS earlier origins, the
 * newest ALM_CONTEST_STEPS periods before the end and half of that apart. A candidate is fitted at
 * the oldest, which has half of the past and more behind it, and moved on by what came. A past of
 * fewer than ALM_CONTEST_LEAST values has no such origins: all candidates count the same then, and
 * `best` is the first of those that can be used. A candidate that refused the oldest origin and can
 * be used now counts as the mean of the others for `weighted`; `best` leaves it out.
 *
 * WHICH. A choice of one is mostly worse than an even mean of all: on the past parts of the monthly
 * series of M3, a horizon further back (sMAPE, MASE): auto 13.76 .847, best 14.22 .876, weighted
 * 13.69 .840, median 13.63 .840; weights by the square were behind those by the first power. So
 * `best` is for who wants one forecaster with a name, `weighted` and `median` for accuracy;
 * selector.h has weights that many series teach.
 *
 * The median's value at probability u is the median of the members' values at u, and its deviation
 * half the distance between its values at one deviation of each member around their means. Every
 * past that any forecaster takes has a forecast, as with alm_auto. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_CONTEST_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_CONTEST_H

#include "model/statistical/automatic/choice.h"

#define ALM_CONTEST_ORIGINS 3
#define ALM_CONTEST_STEPS 12
#define ALM_CONTEST_LEAST 20 /* values */

extern const alm_forecaster_kind alm_best;
extern const alm_forecaster_kind alm_weighted;
extern const alm_forecaster_kind alm_median;

#endif
