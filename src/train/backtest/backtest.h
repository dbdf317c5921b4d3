/* backtest.h: rolling-origin scores of what would have been published, beside the baselines.
 *
 * The scored forecasts come out of pipeline/ over a panel that ends at the origin, so features,
 * reconciliation and quantiles are those of a run. Baselines are fitted on the same series: at
 * aggregate levels on the aggregate itself, which is stronger than adding up series. They see what
 * a run sees: periods up to origin - delay, in the vintages known at the origin, and forecast
 * `delay` periods further. The actuals, and the scale of RMSSE and MASE over those same periods,
 * are the final ones, the same for every method. Where a period was sold out, what was sold is a
 * lower bound and no demand: no score and no scale has it, the baselines do not know it, and the
 * report says how many there were ("censored", beside the "pairs" that were scored; a verdict on a
 * level says what share it leaves out). A forecaster of the detail that can has it as a bound
 * (beside.h).
 *
 * Coverage is told twice. "coverage_90" of the published forecast is that of what is published:
 * of an aggregate its quantiles; of a series the marginal that its sample paths are drawn from, or,
 * where reconciliation has moved them, its quantiles, too (through those that the model has, where
 * .05 and .95 are not among them). "coverage_90_base" is that of every node's own marginal, before
 * the levels were made to add up. Other rows that have quantiles have the coverage of these.
 *
 * In detail (alm_backtest_detail): statistical and global forecasters of the caller's choice as
 * further rows (beside.h), scores of each step, the cost of a stock ruled by the sample paths of
 * the published forecast and of those forecasters (decide/stock_score.h: an order takes a period,
 * to be short is nine times as dear as to hold), and by level verdicts (num/compare_forecasts.h):
 * is the published forecast better than the best of the others by more than chance? Which of all
 * cannot be told from the best of them by their ranks? A pair or row is a series or an aggregate,
 * its mean RMSSE over the origins; those that rise and fall together say less than their number.
 * Rows of what the published forecast would be under other methods of reconciliation take no part
 * in them. */
#ifndef ALM_TRAIN_BACKTEST_H
#define ALM_TRAIN_BACKTEST_H

#include "base/json.h"
#include "model/baseline.h"
#include "num/scores.h"
#include "pipeline/pipeline.h"
#include "train/backtest/beside.h"
#include "train/global/global_backtest.h"
#include "train/backtest/origin_record.h"

/* Rows of every table: the published forecast, its two parts, the baselines, then what was asked
 * for in detail. */
enum { ALM_SCORE_FINAL, ALM_SCORE_STATISTICAL, ALM_SCORE_GBM, ALM_SCORE_BASELINES };
#define ALM_SCORE_COUNT (ALM_SCORE_BASELINES + ALM_BASELINE_COUNT)

/* One step ahead, over nodes and origins. */
typedef struct alm_step_scores {
    alm_metrics metrics; /* a window is one pair: its `rmsse` would be an absolute error */
    double squared;      /* sum of squared errors over squared scales */
    uint64_t scaled;     /* pairs in it */
} alm_step_scores;

typedef struct alm_scores {
    uint32_t nodes; /* series or aggregates in the table, at the last origin */
    alm_metrics *methods;
    uint64_t *refused; /* windows in which a method of the detail gave way to seasonal naive */
    alm_stock_score *stock; /* methods, in detail */
    uint64_t censored; /* periods of windows that were sold out: scored by nothing, of no method */
    alm_distribution_scores spread; /* of the published forecast: its PITs, nothing else */
    alm_metrics base; /* of forecasts before they were made to add up: intervals, nothing else */
    alm_step_scores *step; /* methods x steps, in detail; else NULL */
} alm_scores;

/* Of one level. */
typedef struct alm_score_detail {
    size_t nodes;      /* that the level can have */
    double *loss;      /* nodes x methods: sums of RMSSE over windows */
    uint32_t *windows; /* nodes x methods */
} alm_score_detail;

typedef struct alm_backtest {
    const alm_training_panel *panel;
    size_t steps, season, paths;
    bool counts;
    uint64_t seed;
    const double *quantiles;
    size_t quantile_count;
    size_t methods;     /* ALM_SCORE_COUNT and those of the detail */
    alm_scores *levels; /* [0] series, then one per level of the hierarchy */
    alm_scores classes[ALM_CLASS_COUNT];
    const alm_origin_record *record; /* of the origin at hand: parts and actuals */
    const alm_training_panel *known; /* as known at that origin; NULL: `panel` was known then */
    /* A panel that ends at the origin has no series that were launched later, so its numbers are
     * smaller: leaf and node numbers there -> those of the training panel. */
    const uint32_t *series_of_leaf;
    const uint32_t *node_of_node;
    alm_beside beside;        /* count 0: none */
    alm_global_fits global;   /* of the rows behind those of `beside.kind` */
    const alm_reconciling *reconcile; /* rows of the same forecasts, added up otherwise; the last */
    size_t reconcile_count;
    size_t row; /* that the sink scores: ALM_SCORE_FINAL, with it all but those of `reconcile` */
    alm_score_detail *detail; /* by level; NULL: none */
    alm_arena *scratch;
} alm_backtest;

/* In `arena`. */
void alm_backtest_init(alm_backtest *backtest, const alm_training_panel *panel,
                       const alm_method *method, alm_arena *arena);

/* Before alm_backtest_detail: further rows, each scored by a sink of its own with `row` set. The
 * list stays the caller's. */
void alm_backtest_reconcile(alm_backtest *backtest, const alm_reconciling *list, size_t count);
size_t alm_backtest_reconcile_row(const alm_backtest *backtest, size_t number);

/* Before anything is scored: `count` >= 0 kinds, which stay the caller's. In `arena`. */
void alm_backtest_detail(alm_backtest *backtest, const alm_forecaster_kind *const *kinds,
                         size_t count, alm_pool *pool, alm_arena *arena);

/* After that, before anything is scored: `count` >= 0 global kinds, which stay the caller's, as
 * rows behind the others. In `arena`; `backtest->global` must be closed then
 * (alm_global_fits_close). */
void alm_backtest_global(alm_backtest *backtest, const alm_global_kind *const *kinds, size_t count,
                         alm_arena *arena);

/* At each scored origin, before it is scored, with what `backtest->record` and `known` say: what
 * the global kinds see there. With `refit` they learn anew from it; else the fit at hand is used,
 * and there must be one. Nothing without global kinds. */
ALM_NODISCARD alm_err alm_backtest_global_at(alm_backtest *backtest, const alm_env *env,
                                             bool refit, alm_error *error);

/* The fit that was in force before a backtest was stopped, at its origin: as with `refit`, and it
 * is not counted again. */
ALM_NODISCARD alm_err alm_backtest_global_again(alm_backtest *backtest, const alm_env *env,
                                                alm_error *error);

/* A sink for alm_pipeline_run at the origin of `backtest->record`, for `backtest->row`; the
 * published forecast comes first at every origin. */
alm_forecast_sink alm_backtest_sink(alm_backtest *backtest);

/* "levels": [...] and "classes": [...] of report.json, the published forecast with "pit", shares of
 * its PITs in ALM_PIT_BINS bins, and "coverage_90_base"; in detail each with its "steps": [...],
 * then "global": [...] with the fits of the global kinds, where there are any, and
 * "verdicts": [...] and "ranks": [...] of the levels. */
void alm_backtest_write(const alm_backtest *backtest, const alm_method *method,
                        alm_json_writer *writer);

/* All that was scored so far, as bytes for alm_backtest_restore in the same engine. */
void alm_backtest_keep(const alm_backtest *backtest, alm_buffer *content);
/* Into a backtest that was made the same way; false, nothing done: it was not. */
ALM_NODISCARD bool alm_backtest_restore(alm_backtest *backtest, alm_str content);

/* Name of row `method`. */
const char *alm_backtest_method(const alm_backtest *backtest, size_t method);

/* backtest_detail.c, for backtest.c. One window of a node of a level. */
typedef struct almi_window {
    uint32_t level;
    size_t node, method;
    const double *actual, *forecast;
    alm_scale scale;
} almi_window;

/* backtest.c, for global_backtest.c: demand of periods [0, end) from its first one on. Sales of a
 * period that was sold out are a lower bound: flagged, and not known to what knows no bounds. */
alm_beside_history almi_demand_of(const alm_panel *panel, size_t series, size_t end,
                                  alm_arena *scratch);
/* Tables for so many rows more. */
void almi_backtest_make_tables(alm_backtest *backtest, size_t rows, alm_arena *arena);

void almi_detail_add(const alm_backtest *backtest, const almi_window *window);
void almi_detail_add_step(alm_step_scores *step, double actual, double forecast, alm_scale scale);
void almi_detail_write_steps(const alm_backtest *backtest, const alm_scores *scores,
                             alm_json_writer *writer);
void almi_detail_write(const alm_backtest *backtest, alm_json_writer *writer);

#endif
