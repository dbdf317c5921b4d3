/* counted.h: the count model (model/statistical/rare/count.h) for the series of a file.
 *
 * What was sold in a period that was sold out is a lower bound of demand: the model takes it as
 * one, in the fit and when a state is moved on. Other forecasters do not know that value.
 *
 * IN COMMON. Thin series say little about memories and spread, so that of
 * ALM_COUNTED_SERIES_MIN series or more the parameters are fitted to all of them together, and each
 * series then to itself with a pull to those. Series that have no demand, or values that are no
 * counts, take no part; of many or long ones an even selection does. On what the check judges
 * nothing may be learned: its origins have parameters of what lies before all of them. */
#ifndef ALM_PIPELINE_COUNTED_H
#define ALM_PIPELINE_COUNTED_H

#include "model/statistical/rare/count.h"
#include "table/long_series.h"

#define ALM_COUNTED_SERIES_MIN 30
#define ALM_COUNTED_SERIES_MAX 1000              /* of the selection */
#define ALM_COUNTED_VALUES_MAX ((size_t)1 << 18) /* of the selection: some seconds */

/* NULL: each series by itself. */
typedef struct alm_counted {
    const alm_count_common *common;
    const alm_count_common *before; /* of the check's origins */
} alm_counted;

/* `judged`: periods at the end of each series that the check judges. In `arena`. */
alm_counted alm_counted_of(const alm_long_series *all, size_t judged, alm_arena *arena);

/* `least`: bounds of the past's periods, else NaN, where its `y` is NaN; NULL: there are none. */
ALM_NODISCARD alm_err alm_counted_fit(const alm_past *past, const double *least,
                                      const alm_count_common *common, alm_arena *arena,
                                      void **state);
/* The period passes with value `y`, or with at least `least`. */
void alm_counted_update(void *state, double y, double least);

#endif
