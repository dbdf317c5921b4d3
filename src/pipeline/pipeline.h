/* pipeline.h: the one computation: steps 1 to 5 of a run over the panels of a snapshot.
 *
 * Used by the batch run, the backtest, the audit and what-if alike, so what was scored is what
 * runs. Leaves stream through in blocks, in the order of their keys:
 *   pass 1  features, base forecasts, path ranks of every leaf, spilled to scratch; sums of means
 *   then    base forecasts of the aggregates
 *   pass 2  (only when aggregates have forecasts of their own) sample paths summed into the
 *           aggregates, one pass per reconciliation round; or, when the bundle says by which method
 *           they are made to add up, what that method needs (pass_reconcile.c)
 *   pass 3  sample paths made again, adjusted, read out as quantiles and stock-out risk, and summed
 *           into the aggregates; every block goes to the sink
 *   last    the aggregates go to the sink.
 * Memory: blocks, plus aggregates x (paths + 1) x steps, plus a few dozen bytes per leaf; with ols,
 * wls_* and mint_shrink also all nodes x steps x some paths: 192 MiB of forecasts or one path, and
 * the solver's temporaries for one MiB of them or one path; and the factor of mint_shrink; and 9
 * bytes per aggregate and period where `count` forecasts the aggregates (sold_out_sums.h). Results
 * do not depend on the number of threads or on the block size. */
#ifndef ALM_PIPELINE_PIPELINE_H
#define ALM_PIPELINE_PIPELINE_H

#include "decide/reconcile.h"
#include "pipeline/bundle.h"
#include "pipeline/base_forecast.h"
#include "project/panel_source.h"

/* One line of an explanation; lines of one step sum to its mean to within rounding. */
typedef struct alm_explanation {
    const char *feature; /* a feature's name, or base, other features, statistical (with a kind:
                            * statistical level, trend and season, weekday profile),
                            * calibration, reconciliation, sum of leaves */
    double contribution; /* units of the target */
} alm_explanation;

#define ALM_EXPLANATIONS_MAX (ALM_CONTRIBUTIONS_MAX + 7)

/* One step of a leaf or an aggregate. */
typedef struct alm_explained_step {
    const alm_base *base; /* with contributions */
    const alm_feature_plan *plan; /* names of features are its own */
    size_t steps, step;   /* of the horizon; from 0 */
    double base_mean, mean; /* before and after reconciliation */
} alm_explained_step;

/* Into lines[ALM_EXPLANATIONS_MAX]; returns their number. */
size_t alm_explain_step(const alm_explained_step *step, alm_explanation *lines);

typedef struct alm_forecast { /* one node; arrays of `steps` unless said otherwise */
    size_t index;           /* leaf number, or number of the aggregate node */
    const double *mean;     /* reconciled */
    const double *quantile; /* quantile_count x steps, reconciled, from the paths */
    const double *base_mean;
    const double *base_marginal_mean; /* mean that the marginal below scales */
    const double *shape;    /* ALM_SHAPE_LEVELS: calibrated shape of the base marginal */
    bool has_stock;
    double on_hand;
    double days_to_stockout;
    const double *stockout_probability;
    const double *shortfall;
    alm_fallback fallback;
    const uint32_t *analogue; /* ALM_ANALOGUES_MAX leaf numbers; UINT32_MAX: none */
    alm_class class_of_series;
    const char *method;     /* see alm_base_method */
    const alm_explanation *explanation; /* steps x ALM_EXPLANATIONS_MAX */
    const uint8_t *explanation_count;   /* steps */
    /* What the numbers above were read out of, and what it takes to make it again. */
    const double *values;   /* (paths + 1) x steps: the reconciled sample paths, then the mean */
    const uint8_t *rank;    /* templates x steps, see paths.h */
    const double *receipts; /* with has_stock */
    double variance;        /* of a leaf's adjustment, see reconcile.h; 0: nothing was adjusted */
    const double *loading;  /* of a leaf's adjustment: factor_count */
} alm_forecast;

typedef struct alm_forecast_block {
    bool aggregates;
    size_t count;
    size_t steps;
    const alm_forecast *forecasts;
    const alm_panel *panel; /* of pass 1's grid for aggregates; NULL for leaves */
    size_t templates;
    const double *lambda;   /* (nodes + factor_count) x (paths + 1) x steps; NULL: nothing was
                              * adjusted */
    alm_leaf_rule rule;     /* with lambda */
    size_t factor_count;    /* with lambda */
} alm_forecast_block;

/* Borrowed for the call. Called from one thread, leaves first, in order. */
typedef struct alm_forecast_sink {
    alm_err (*block)(void *context, const alm_forecast_block *block, alm_error *error);
    void *context;
} alm_forecast_sink;

typedef struct alm_pipeline_request {
    const alm_bundle *bundle;
    alm_panel_source *source; /* opened so that its last period is the origin */
    const char *scratch;      /* folder for the spill file */
    int32_t delay;            /* publication delay of the series' source */
    bool explain;
    bool stock;               /* read the stock position and compute the risk */
    int32_t rounds;           /* reconciliation rounds; 0: 3 */
} alm_pipeline_request;

ALM_NODISCARD alm_err alm_pipeline_run(const alm_env *env, const alm_pipeline_request *request,
                                       const alm_forecast_sink *sink, alm_error *error);

#endif
