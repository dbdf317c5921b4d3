/* backtest.h: rolling-origin scores of what would have been published, beside the baselines.
 *
 * The scored forecasts come out of pipeline/ over a panel that ends at the origin, so features,
 * reconciliation and quantiles are those of a run. Baselines are fitted on the same series: at
 * aggregate levels on the aggregate itself, which is stronger than adding up series. They see what
 * a run sees: periods up to origin - delay, in the vintages known at the origin, and forecast
 * `delay` periods further. The actuals, and the scale of RMSSE and MASE over those same periods,
 * are the final ones, the same for every method. */
#ifndef ALM_TRAIN_BACKTEST_H
#define ALM_TRAIN_BACKTEST_H

#include "base/json.h"
#include "model/baseline.h"
#include "num/metrics.h"
#include "pipeline/pipeline.h"
#include "train/origin_record.h"

/* Rows of every table: the published forecast, its two parts, then the baselines. */
enum { ALM_SCORE_FINAL, ALM_SCORE_STATISTICAL, ALM_SCORE_GBM, ALM_SCORE_BASELINES };
#define ALM_SCORE_COUNT (ALM_SCORE_BASELINES + ALM_BASELINE_COUNT)

typedef struct alm_scores {
    uint32_t nodes; /* series or aggregates in the table, at the last origin */
    alm_metrics methods[ALM_SCORE_COUNT];
} alm_scores;

typedef struct alm_backtest {
    const alm_training_panel *panel;
    size_t steps, season;
    bool counts;
    uint64_t seed;
    const double *quantiles;
    size_t quantile_count;
    alm_scores *levels; /* [0] series, then one per level of the hierarchy */
    alm_scores classes[ALM_CLASS_COUNT];
    const alm_origin_record *record; /* of the origin at hand: parts and actuals */
    const alm_training_panel *known; /* as known at that origin; NULL: `panel` was known then */
    /* A panel that ends at the origin has no series that were launched later, so its numbers are
     * smaller: leaf and node numbers there -> those of the training panel. */
    const uint32_t *series_of_leaf;
    const uint32_t *node_of_node;
    alm_arena *scratch;
} alm_backtest;

/* In `arena`. */
void alm_backtest_init(alm_backtest *backtest, const alm_training_panel *panel,
                       const alm_method *method, alm_arena *arena);

/* A sink for alm_pipeline_run at the origin of `backtest->record`. */
alm_forecast_sink alm_backtest_sink(alm_backtest *backtest);

/* "levels": [...] and "classes": [...] of report.json. */
void alm_backtest_write(const alm_backtest *backtest, const alm_method *method,
                        alm_json_writer *writer);

#endif
