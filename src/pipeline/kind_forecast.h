/* kind_forecast.h: the mean of one series by a statistical forecaster, in the terms of a run.
 *
 * The forecaster sees the periods that were published at the origin, from the first demand on:
 *   y_t / p_t   where the period says what demand was, p_t the pooled weekday profile (history.h);
 *               the counts y_t themselves for kinds that take nothing else
 *   NaN         where it does not: closed by the calendar, missing, out of stock where nothing
 *               stands in for demand (history.h); alm_count has what was sold out as the lower
 *               bound that it is, in any case
 * with the method's season, and forecasts `delay` periods further than it knows:
 *   flat(h) = what it says of step h, at least 0
 *   mean(h) = flat(h) * p(h), 0 where closed
 * A single series is too thin for a weekday profile of its own; what its season has beside the
 * pooled one is the forecaster's to find.
 *
 * The fit is made again wherever it is asked for: the same bits from the same history on every
 * machine, and nothing to keep. Pure functions; thread safe. */
#ifndef ALM_PIPELINE_KIND_FORECAST_H
#define ALM_PIPELINE_KIND_FORECAST_H

#include "model/statistical/statistical.h"
#include "pipeline/fallback.h"
#include "pipeline/history.h"

/* A forecast above so many times the highest value that the forecaster has seen is refused. */
#define ALM_KIND_FAR 10

typedef struct alm_kind_request {
    const alm_history_view *view;
    size_t first;  /* period of the first demand; there is one */
    size_t season; /* periods, 1 to ALM_PAST_SEASON_MAX */
    size_t steps;
    const uint8_t *closed; /* steps */
} alm_kind_request;

/* flat, mean: steps. Anything but ALM_FALLBACK_NONE: the kind does not answer for this series, and
 * nothing is written. Temporaries in `scratch`, which is not reset. */
alm_fallback alm_kind_forecast(const alm_forecaster_kind *kind, const alm_kind_request *request,
                               alm_arena *scratch, double *flat, double *mean);

#endif
