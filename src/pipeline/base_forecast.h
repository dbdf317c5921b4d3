/* base_forecast.h: step 2 for one block of series: mean, marginal shape and explanation.
 *
 * point(h) = w * forest(h) + (1 - w) * statistical(h), w by class; 0 when closed. The forest of the
 * step's block predicts y / scale with the features at the origin. The statistical part is level *
 * profile(h), or with a bundle that has a table of kinds what the class's kind forecasts from the
 * series' own past (kind_forecast.h). The calibrated (remapped)
 * shape says how demand is distributed relative to the point, for all steps alike; its mean is the
 * calibration factor, so that mean(h) = point(h) * calibration and the marginal mean(h) * shape(u),
 * with the shape brought to mean 1, have one expectation: means, quantiles and stock-out risk
 * agree.
 *
 * The shape is the series' own history's, or with a bundle that has quantile forests theirs
 * (forest_marginal.h) for every series that a forest may serve: no aggregate and no young series.
 * The point stays what it is: quantile forests say nothing about the mean.
 *
 * A series without the history for it falls back, with a reason: see alm_fallback. */
#ifndef ALM_PIPELINE_BASE_FORECAST_H
#define ALM_PIPELINE_BASE_FORECAST_H

#include "pipeline/bundle.h"
#include "pipeline/fallback.h"
#include "pipeline/forest_marginal.h"
#include "pipeline/history.h"

#define ALM_CONTRIBUTIONS_MAX 4
#define ALM_ANALOGUES_MAX 3

/* Contribution of a feature to the mean, in units of the target. feature == UINT16_MAX: none. */
typedef struct alm_contribution {
    double value;
    uint16_t feature;
} alm_contribution;

/* One series' base forecast. Fixed size for given steps, so that blocks can be spilled. */
typedef struct alm_base {
    alm_history history;      /* shape is calibrated and shrunk; with a shape from forests
                                 * shape_mean and shape_variance are its own, shape_weight stays */
    alm_fallback fallback;
    double weight;            /* of the forest in the point forecast */
    double calibration;       /* mean / point */
    uint32_t analogue[ALM_ANALOGUES_MAX]; /* leaves that lent the level; UINT32_MAX: none */
    double *mean;             /* steps */
    const alm_forecaster_kind *kind; /* of the statistical part; NULL: level x profile */
    double *statistical;      /* steps: (1 - w) * statistical(h), part of the point */
    double *flat;             /* steps: the same before the weekday profile and closed days; zeros
                               * without a kind */
    double *expected;         /* steps: the forest's expected value, in units, times w */
    alm_contribution *top;    /* steps x ALM_CONTRIBUTIONS_MAX, largest first */
} alm_base;

typedef struct alm_base_request {
    const alm_bundle *bundle;
    const alm_panel *panel;
    alm_profile profile;
    size_t origin;
    size_t delay;
    bool aggregate; /* aggregates have no forest */
    bool explain;
    const alm_feature_state *const *states; /* by series of the panel, see forest_rows.h; or NULL */
} alm_base_request;

/* Memory of one worker. */
typedef struct alm_base_workspace {
    alm_arena *results; /* what `out` points to */
    alm_arena *batch;   /* rows and scores of one call; reset by it */
    alm_arena *series;  /* temporaries of one series; reset by it */
    alm_forest_scratch **forest; /* one per mean model; NULL when nothing is explained */
} alm_base_workspace;

/* Series [first, first + count) of the panel at once, because forests score and explain many rows
 * much faster than few. `out`: count. */
ALM_NODISCARD alm_err alm_base_forecast(const alm_base_request *request, size_t first,
                                        size_t count, const alm_base_workspace *workspace,
                                        alm_base *out, alm_error *error);

/* What the forests alone say, for learning choices and calibration. */
typedef struct alm_forest_part {
    double *mean; /* count x horizon, in units; 0 for series without demand */
    alm_forest_marginal *marginal; /* count; NULL: not asked for. As alm_base_forecast uses them:
                                      * steps is 0 where the shape is the history's */
} alm_forest_part;

ALM_NODISCARD alm_err alm_base_forest_part(const alm_base_request *request, size_t first,
                                           size_t count, const alm_history *histories,
                                           const alm_base_workspace *workspace,
                                           const alm_forest_part *out, alm_error *error);

/* What made the mean: "gbm", "gbm+stat", "gbm+KIND", "stat", "KIND"; of an aggregate, whose `share`
 * is that of the sum of its leaves: "sum", "sum+stat", "sum+KIND". A constant, or in `arena`. */
const char *alm_base_method(const alm_base *base, double share, alm_arena *arena);

/* Too young for any forecaster, and for a forest. */
bool alm_history_is_young(const alm_history *history);

/* Flags of steps 1..steps: closed by the calendar. */
void alm_closed_ahead(const alm_panel *panel, size_t origin, size_t steps, uint8_t *out);

/* Shrinks a thin shape to its bin's, then reads it at the remapped levels. Its mean is no longer
 * 1 then. */
void alm_shape_calibrate(const alm_method *method, bool aggregate, alm_history *history);
/* The same for a leaf with a marginal from forests, which is not shrunk; NULL or without steps: as
 * above. The thin shape and its bin's still make the tails. */
void alm_shape_calibrate_forest(const alm_method *method, const alm_forest_marginal *forest,
                                alm_history *history);

#endif
