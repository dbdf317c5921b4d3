/* recompute.h: the forecast of one series from its online state.
 *
 * What a run does for one leaf before it looks at the others (pipeline/base_forecast.h): history,
 * features, forest, blend, shape, calibration; then the sample paths of the leaf and their
 * quantiles. For the history of the committed run every number is bit for bit that of the run's
 * base forecast.
 *
 * NOT RECONCILED. A run then adjusts leaves so that forecasts of the aggregates' own agree with
 * them; that needs every leaf. So the answer says `not_reconciled` where the method gives
 * aggregates a forecast of their own. Where they are sums of their leaves a run adjusts nothing,
 * and mean and quantiles are those that it commits.
 *
 * OTHERWISE. With an overlay the numbers are those of the series as it would be (overlay.h). Paths
 * are made from counters, and their ranks from the history: two forecasts that differ in what is to
 * come only have the same random numbers and ranks in every path, so that the difference between
 * them is that of what was changed.
 *
 * A series that is too young (ALM_FALLBACK_COLD_START) borrows its level from other leaves: it is
 * refused with ALM_ERR_INCOMPLETE, and the committed forecast is what there is. */
#ifndef ALM_SERVE_RECOMPUTE_H
#define ALM_SERVE_RECOMPUTE_H

#include "pipeline/base_forecast.h"
#include "serve/live/overlay.h"

typedef struct alm_recompute_request {
    const alm_bundle *bundle; /* whose plan the online state was opened with */
    const alm_online_state *online;
    const alm_online_now *now; /* between enter and leave of the calling worker */
    size_t series;
    bool explain; /* the workspace has a forest scratch per mean model then */
    const alm_overlay *overlay; /* of the same series; NULL: the series as it is */
    /* Demand beside the model's, as a share: paths have the mean times this, and the same ranks and
     * random numbers. 1 (and 0, which is not said): the model's. */
    double factor;
} alm_recompute_request;

typedef struct alm_recomputed { /* arrays of `steps`; everything in the workspace's results */
    size_t steps;
    alm_date origin;        /* the last day that is over; step h is the day origin + h */
    const double *mean;
    const double *quantile; /* the method's quantile_count x steps, of the paths */
    const double *paths;    /* path_count x steps, for risk and order advice */
    size_t path_count;
    alm_base base;
    const char *method;     /* see alm_base_method */
    bool not_reconciled;    /* a run would have adjusted it */
} alm_recomputed;

/* The words for an answer that is not reconciled. */
#define ALM_RECOMPUTE_LABEL "not reconciled"

/* Thread safe with a workspace of the worker's own. */
ALM_NODISCARD alm_err alm_recompute(const alm_recompute_request *request,
                                    const alm_base_workspace *workspace, alm_recomputed *out,
                                    alm_error *error);

#endif
