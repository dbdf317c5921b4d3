#include "train/backtest.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "num/quantile.h"

#define INTERVAL_LOW 0.05
#define INTERVAL_HIGH 0.95

void alm_backtest_init(alm_backtest *backtest, const alm_training_panel *panel,
                       const alm_method *method, alm_arena *arena)
{
    *backtest = (alm_backtest){.panel = panel,
                               .steps = (size_t)method->horizon,
                               .season = (size_t)method->season,
                               .counts = method->counts,
                               .seed = method->seed,
                               .quantiles = method->quantile,
                               .quantile_count = method->quantile_count};
    backtest->levels =
        ALM_NEW_ARRAY(arena, alm_scores, panel->hierarchy->level_count + 1);
    backtest->scratch = arena;
}

/* One node at the origin at hand: what is scored, and where the scores go. */
typedef struct node_case {
    const double *actual;
    const double *history; /* from the first demand to the newest period published */
    size_t history_count;
    alm_scale scale;
    alm_scores *tables[2]; /* level, class (NULL for aggregates) */
    alm_arena *scratch;
} node_case;

static void add_point(const alm_backtest *b, const node_case *node, int method,
                      const double *forecast)
{
    for (int t = 0; t < 2 && node->tables[t]; t++) {
        alm_metrics_add_window(&node->tables[t]->methods[method], node->actual, forecast,
                               b->steps, node->scale);
    }
}

/* `quantiles`: quantile_count x steps. */
static void add_quantiles(const alm_backtest *b, const node_case *node, int method,
                          const double *quantiles)
{
    double at_step[ALM_METRIC_LEVELS_MAX];
    for (size_t h = 0; h < b->steps; h++) {
        for (size_t k = 0; k < b->quantile_count; k++) {
            at_step[k] = quantiles[k * b->steps + h];
        }
        for (int t = 0; t < 2 && node->tables[t] && !isnan(node->actual[h]); t++) {
            alm_metrics_add_pinball(&node->tables[t]->methods[method], node->actual[h], at_step,
                                    b->quantiles, b->quantile_count);
        }
    }
}

static void add_baselines(const alm_backtest *b, const node_case *node)
{
    double *mean = ALM_NEW_ARRAY(node->scratch, double, b->steps);
    double *quantiles = ALM_NEW_ARRAY(node->scratch, double, b->steps * b->quantile_count);
    alm_baseline_request request = {node->history,    node->history_count, b->season,
                                    b->steps,         b->quantiles,        b->quantile_count,
                                    b->panel->delay};
    for (int k = 0; k < ALM_BASELINE_COUNT; k++) {
        alm_baseline_forecast((alm_baseline)k, &request, node->scratch, mean, quantiles);
        add_point(b, node, ALM_SCORE_BASELINES + k, mean);
        add_quantiles(b, node, ALM_SCORE_BASELINES + k, quantiles);
    }
}

static void add_coverage(const alm_backtest *b, const node_case *node, const alm_forecast *f,
                         bool aggregate)
{
    double value[ALM_SHAPE_LEVELS];
    for (size_t h = 0; h < b->steps; h++) {
        bool has_interval = !aggregate || b->quantile_count > 1; /* one quantile bounds nothing */
        if (b->record->closed[h] || isnan(node->actual[h]) || !has_interval) {
            continue;
        }
        double pit = 0;
        if (aggregate) {
            alm_marginal published = {b->quantiles, value, b->quantile_count};
            for (size_t k = 0; k < b->quantile_count; k++) {
                value[k] = f->quantile[k * b->steps + h];
            }
            pit = alm_marginal_cdf(published, node->actual[h], NULL);
        } else if (f->base_marginal_mean[h] > 0) {
            alm_marginal marginal = {alm_shape_levels(), value, ALM_SHAPE_LEVELS};
            for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
                value[k] = f->base_marginal_mean[h] * f->shape[k];
            }
            double v = alm_rng_uniform(b->seed, ALM_RNG_PIT, f->index,
                                       b->record->origin * b->steps + h);
            pit = alm_marginal_pit(marginal, b->counts, node->actual[h], v);
        } else {
            continue;
        }
        for (int t = 0; t < 2 && node->tables[t]; t++) {
            alm_metrics_add_interval(&node->tables[t]->methods[ALM_SCORE_FINAL], pit,
                                     INTERVAL_LOW, INTERVAL_HIGH);
        }
    }
}

/* Demand of periods [0, end) from its first one on. */
static const double *demand_of(const alm_panel *panel, size_t series, size_t end,
                               alm_arena *scratch, size_t *count)
{
    size_t first = 0;
    while (first < end && !(alm_panel_value(panel, 0, series, first) > 0)) {
        first++;
    }
    double *y = ALM_NEW_ARRAY(scratch, double, end - first + 1);
    for (size_t t = first; t < end; t++) {
        y[t - first] = alm_panel_value(panel, 0, series, t);
    }
    *count = end - first;
    return y;
}

/* What the baselines see was published by the origin, in the vintage of that day; errors are
 * measured in the final one, and so is the scale that divides them. */
static void load_history(const alm_backtest *b, node_case *node, const alm_panel *known,
                         const alm_panel *final, size_t series)
{
    size_t end = alm_published_end(b->record->origin, b->panel->delay);
    node->history = demand_of(known, series, end, node->scratch, &node->history_count);
    size_t count = node->history_count;
    const double *y = known == final ? node->history
                                     : demand_of(final, series, end, node->scratch, &count);
    node->scale = alm_history_error_scale(y, count);
}

static void score(const alm_backtest *b, const node_case *node, const alm_forecast *f,
                  bool aggregate)
{
    add_point(b, node, ALM_SCORE_FINAL, f->mean);
    add_quantiles(b, node, ALM_SCORE_FINAL, f->quantile);
    add_coverage(b, node, f, aggregate);
    add_baselines(b, node);
}

static const alm_training_panel *known_panel(const alm_backtest *b)
{
    return b->known ? b->known : b->panel;
}

static void score_leaf(alm_backtest *b, const alm_forecast *f, alm_arena *scratch)
{
    const alm_origin_record *r = b->record;
    size_t series = b->series_of_leaf[f->index];
    const alm_history *history = &r->histories[series];
    if (history->class_of_series == ALM_CLASS_empty) {
        return; /* not launched at that origin: nobody could have forecast it */
    }
    static const alm_profile FLAT = {{1, 1, 1, 1, 1, 1, 1}};
    alm_history_view view = alm_training_view(b->panel, series, r->origin, &FLAT);
    node_case node = {.actual = r->actual + series * b->steps,
                      .tables = {&b->levels[0], &b->classes[history->class_of_series]},
                      .scratch = scratch};
    alm_history_view past = alm_training_view(known_panel(b), series, r->origin, &FLAT);
    load_history(b, &node, past.panel, view.panel, view.series);
    node.tables[0]->nodes++;
    node.tables[1]->nodes++;
    score(b, &node, f, false);
    add_point(b, &node, ALM_SCORE_STATISTICAL, r->statistical + series * b->steps);
    add_point(b, &node, ALM_SCORE_GBM, r->forest + series * b->steps);
}

static void score_node(alm_backtest *b, const alm_forecast *f, alm_arena *scratch)
{
    const alm_origin_record *r = b->record;
    const alm_hierarchy *h = b->panel->hierarchy;
    uint32_t number = b->node_of_node[f->index];
    uint32_t level = 0;
    while (number >= h->levels[level].first_node + h->levels[level].node_count) {
        level++;
    }
    node_case node = {.actual = r->node_actual + number * b->steps,
                      .tables = {&b->levels[level + 1], NULL},
                      .scratch = scratch};
    load_history(b, &node, known_panel(b)->aggregates, b->panel->aggregates, number);
    node.tables[0]->nodes++;
    score(b, &node, f, true);
    add_point(b, &node, ALM_SCORE_STATISTICAL, r->node_statistical + number * b->steps);
}

static alm_err score_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    (void)error;
    alm_backtest *b = context;
    alm_arena *scratch = alm_arena_create(0);
    for (size_t i = 0; i < block->count; i++) {
        alm_arena_reset(scratch);
        if (block->aggregates) {
            score_node(b, &block->forecasts[i], scratch);
        } else {
            score_leaf(b, &block->forecasts[i], scratch);
        }
    }
    alm_arena_destroy(scratch);
    return ALM_OK;
}

alm_forecast_sink alm_backtest_sink(alm_backtest *backtest)
{
    for (uint32_t level = 0; level <= backtest->panel->hierarchy->level_count; level++) {
        backtest->levels[level].nodes = 0;
    }
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        backtest->classes[c].nodes = 0;
    }
    return (alm_forecast_sink){score_block, backtest};
}

/* ---- report.json ---- */

static const char *method_name(int method)
{
    static const char *const OWN[] = {"final", "statistical", "gbm"};
    return method < ALM_SCORE_BASELINES
               ? OWN[method]
               : alm_baseline_name((alm_baseline)(method - ALM_SCORE_BASELINES));
}

static void write_method(const alm_backtest *b, const alm_metrics *m, int method,
                         alm_json_writer *w)
{
    alm_json_open_object(w);
    alm_json_put_text(w, "method", method_name(method));
    alm_json_put_double(w, "wape", alm_metrics_wape(m));
    alm_json_put_double(w, "bias", alm_metrics_bias(m));
    alm_json_put_double(w, "rmsse", alm_metrics_rmsse(m));
    alm_json_put_double(w, "mase", alm_metrics_mase(m));
    alm_json_put_double(w, "mape", alm_metrics_mape(m));
    alm_json_put_double(w, "rmse", alm_metrics_rmse(m));
    alm_json_put_double(w, "mae", alm_metrics_mae(m));
    alm_json_key(w, "pinball");
    alm_json_open_object(w);
    for (size_t k = 0; m->pinball_pairs && k < b->quantile_count; k++) {
        char level[32];
        alm_double_text(b->quantiles[k], level);
        alm_json_put_double(w, level, alm_metrics_pinball(m, k));
    }
    alm_json_close_object(w);
    alm_json_put_double(w, "coverage_90", alm_metrics_coverage(m));
    alm_json_close_object(w);
}

static void write_methods(const alm_backtest *b, const alm_scores *scores, alm_json_writer *w)
{
    alm_json_key(w, "methods");
    alm_json_open_array(w);
    for (int method = 0; method < ALM_SCORE_COUNT; method++) {
        if (scores->methods[method].pairs) {
            write_method(b, &scores->methods[method], method, w);
        }
    }
    alm_json_close_array(w);
}

void alm_backtest_write(const alm_backtest *b, const alm_method *method, alm_json_writer *w)
{
    const alm_hierarchy *h = b->panel->hierarchy;
    alm_json_key(w, "levels");
    alm_json_open_array(w);
    for (uint32_t level = 0; level <= h->level_count; level++) {
        const alm_scores *scores = &b->levels[level];
        alm_json_open_object(w);
        alm_json_put_str(w, "level", level ? h->levels[level - 1].name : ALM_STR("series"));
        alm_json_put_i64(w, "series", scores->nodes);
        alm_json_put_i64(w, "unscaled",
                         (int64_t)scores->methods[ALM_SCORE_FINAL].unscaled_windows);
        write_methods(b, scores, w);
        alm_json_close_object(w);
    }
    alm_json_close_array(w);
    alm_json_key(w, "classes");
    alm_json_open_array(w);
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        if (b->classes[c].methods[ALM_SCORE_FINAL].pairs) {
            alm_json_open_object(w);
            alm_json_put_text(w, "class", alm_class_name((alm_class)c));
            alm_json_put_i64(w, "series", b->classes[c].nodes);
            alm_json_put_double(w, "weight", method->weight[c]);
            write_methods(b, &b->classes[c], w);
            alm_json_close_object(w);
        }
    }
    alm_json_close_array(w);
}
