#include "train/backtest/backtest.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "num/quantile.h"

#define INTERVAL_LOW 0.05
#define INTERVAL_HIGH 0.95
#define CHUNK ((size_t)64) /* nodes whose histories are in memory; results do not depend on it */

static const alm_stock_rule STOCK = {.lead = 1, .unit = {1, 9}};

static void make_table(const alm_backtest *b, alm_arena *arena, alm_scores *table)
{
    table->methods = ALM_NEW_ARRAY(arena, alm_metrics, b->methods);
    table->refused = ALM_NEW_ARRAY(arena, uint64_t, b->methods);
    table->stock = ALM_NEW_ARRAY(arena, alm_stock_score, b->methods);
    table->step = b->detail ? ALM_NEW_ARRAY(arena, alm_step_scores, b->methods * b->steps) : NULL;
}

static void make_methods(alm_backtest *b, alm_arena *arena)
{
    for (uint32_t level = 0; level <= b->panel->hierarchy->level_count; level++) {
        make_table(b, arena, &b->levels[level]);
    }
    for (int c = 0; c < ALM_CLASS_COUNT; c++) {
        make_table(b, arena, &b->classes[c]);
    }
}

void alm_backtest_init(alm_backtest *backtest, const alm_training_panel *panel,
                       const alm_method *method, alm_arena *arena)
{
    *backtest = (alm_backtest){.panel = panel,
                               .steps = (size_t)method->horizon,
                               .season = (size_t)method->season,
                               .paths = (size_t)method->paths,
                               .counts = method->counts,
                               .seed = method->seed,
                               .quantiles = method->quantile,
                               .quantile_count = method->quantile_count,
                               .methods = ALM_SCORE_COUNT};
    backtest->levels =
        ALM_NEW_ARRAY(arena, alm_scores, panel->hierarchy->level_count + 1);
    backtest->scratch = arena;
    make_methods(backtest, arena);
}

void alm_backtest_reconcile(alm_backtest *b, const alm_reconciling *list, size_t count)
{
    b->reconcile = list;
    b->reconcile_count = count;
}

size_t alm_backtest_reconcile_row(const alm_backtest *b, size_t number)
{
    alm_assert(number < b->reconcile_count);
    return ALM_SCORE_COUNT + alm_beside_rows(&b->beside) + number;
}

void almi_backtest_make_tables(alm_backtest *b, size_t rows, alm_arena *arena)
{
    const alm_hierarchy *h = b->panel->hierarchy;
    b->methods = ALM_SCORE_COUNT + rows + b->reconcile_count;
    b->detail = ALM_NEW_ARRAY(arena, alm_score_detail, h->level_count + 1);
    make_methods(b, arena);
    for (uint32_t level = 0; level <= h->level_count; level++) {
        alm_score_detail *d = &b->detail[level];
        d->nodes = level ? h->levels[level - 1].node_count : b->panel->series_count;
        d->loss = ALM_NEW_ARRAY(arena, double, b->methods * d->nodes);
        d->windows = ALM_NEW_ARRAY(arena, uint32_t, b->methods * d->nodes);
    }
}

void alm_backtest_detail(alm_backtest *b, const alm_forecaster_kind *const *kinds, size_t count,
                         alm_pool *pool, alm_arena *arena)
{
    b->beside = (alm_beside){.kind = kinds,
                             .count = count,
                             .season = b->season,
                             .steps = b->steps,
                             .delay = b->panel->delay,
                             .levels = b->quantiles,
                             .level_count = b->quantile_count,
                             .seed = b->seed,
                             .pool = pool,
                             .stock = b->steps > STOCK.lead ? &STOCK : NULL};
    almi_backtest_make_tables(b, count, arena);
}

/* One node at the origin at hand: what is scored, and where the scores go. */
typedef struct node_case {
    const double *actual;
    alm_beside_history history; /* from the first demand to the newest period published */
    const double *known;        /* the same, NaN where a period was sold out */
    size_t censored;            /* periods of the window that were sold out */
    alm_scale scale;
    alm_scores *tables[2]; /* level, class (NULL for aggregates) */
    uint32_t level;
    size_t number; /* of the node in its level */
    size_t leaf;   /* number of a series at that origin: of its draws */
    bool skipped;
    alm_arena *scratch;
} node_case;

static void add_point(const alm_backtest *b, const node_case *node, size_t method,
                      const double *forecast)
{
    if (b->detail) {
        almi_detail_add(b, &(almi_window){node->level, node->number, method, node->actual,
                                          forecast, node->scale});
    }
    for (int t = 0; t < 2 && node->tables[t]; t++) {
        alm_metrics_add_window(&node->tables[t]->methods[method], node->actual, forecast,
                               b->steps, node->scale);
        alm_step_scores *step = node->tables[t]->step;
        for (size_t h = 0; step && h < b->steps; h++) {
            almi_detail_add_step(&step[method * b->steps + h], node->actual[h], forecast[h],
                                 node->scale);
        }
    }
}

/* A series may be counted, a sum of many is not. */
static double pit_in(const alm_backtest *b, const node_case *node, size_t h, alm_marginal told)
{
    double v = alm_rng_uniform(b->seed, ALM_RNG_PIT, node->leaf,
                               b->record->origin * b->steps + h);
    return node->level ? alm_marginal_cdf(told, node->actual[h], NULL)
                       : alm_marginal_pit(told, b->counts, node->actual[h], v);
}

/* By quantiles of a step. */
static double pit_of(const alm_backtest *b, const node_case *node, size_t h, const double *at_step)
{
    double value[ALM_METRIC_LEVELS_MAX];
    memcpy(value, at_step, b->quantile_count * sizeof *value);
    alm_marginal_repair(value, b->quantile_count); /* of forecasters that may cross or go below 0 */
    return pit_in(b, node, h, (alm_marginal){b->quantiles, value, b->quantile_count});
}

/* Of rows other than the published forecast, whose intervals have more to them (add_coverage). */
static void add_interval(const alm_backtest *b, const node_case *node, size_t method, size_t h,
                         const double *at_step)
{
    bool has_interval = b->quantile_count > 1; /* one quantile bounds nothing */
    if (method == ALM_SCORE_FINAL || !has_interval || b->record->closed[h]) {
        return;
    }
    double pit = pit_of(b, node, h, at_step);
    for (int t = 0; t < 2 && node->tables[t]; t++) {
        alm_metrics_add_interval(&node->tables[t]->methods[method], pit, INTERVAL_LOW,
                                 INTERVAL_HIGH);
    }
}

/* `quantiles`: quantile_count x steps. */
static void add_quantiles(const alm_backtest *b, const node_case *node, size_t method,
                          const double *quantiles)
{
    double at_step[ALM_METRIC_LEVELS_MAX];
    for (size_t h = 0; h < b->steps; h++) {
        for (size_t k = 0; k < b->quantile_count; k++) {
            at_step[k] = quantiles[k * b->steps + h];
        }
        if (isnan(node->actual[h])) {
            continue;
        }
        for (int t = 0; t < 2 && node->tables[t]; t++) {
            alm_metrics_add_pinball(&node->tables[t]->methods[method], node->actual[h], at_step,
                                    b->quantiles, b->quantile_count);
        }
        add_interval(b, node, method, h, at_step);
    }
}

static void add_baselines(const alm_backtest *b, const node_case *node)
{
    double *mean = ALM_NEW_ARRAY(node->scratch, double, b->steps);
    double *quantiles = ALM_NEW_ARRAY(node->scratch, double, b->steps * b->quantile_count);
    alm_baseline_request request = {node->known, node->history.count, b->season,
                                    b->steps,    b->quantiles,        b->quantile_count,
                                    b->panel->delay};
    for (int k = 0; k < ALM_BASELINE_COUNT; k++) {
        alm_baseline_forecast((alm_baseline)k, &request, node->scratch, mean, quantiles);
        add_point(b, node, (size_t)(ALM_SCORE_BASELINES + k), mean);
        add_quantiles(b, node, (size_t)(ALM_SCORE_BASELINES + k), quantiles);
    }
}

static void add_stock(const alm_backtest *b, const node_case *node, size_t method,
                      const double *level)
{
    for (int t = 0; t < 2 && b->beside.stock && node->tables[t]; t++) {
        alm_stock_score_add(&node->tables[t]->stock[method], &STOCK, node->actual, level,
                            b->steps);
    }
}

/* By the reconciled sample paths. */
static alm_err add_stock_of_paths(const alm_backtest *b, const node_case *node,
                                  const alm_forecast *f, alm_error *error)
{
    if (b->beside.stock) {
        double *level = ALM_NEW_ARRAY(node->scratch, double, b->steps);
        ALM_TRY(alm_stock_levels(&STOCK, f->values, b->paths, b->steps, level, error));
        add_stock(b, node, b->row, level);
    }
    return ALM_OK;
}

static void add_beside(const alm_backtest *b, const node_case *node,
                       const alm_beside_forecast *forecasts)
{
    for (size_t k = 0; k < alm_beside_rows(&b->beside); k++) {
        add_point(b, node, ALM_SCORE_COUNT + k, forecasts[k].mean);
        add_quantiles(b, node, ALM_SCORE_COUNT + k, forecasts[k].quantiles);
        add_stock(b, node, ALM_SCORE_COUNT + k, forecasts[k].stock);
        for (int t = 0; t < 2 && node->tables[t]; t++) {
            node->tables[t]->refused[ALM_SCORE_COUNT + k] += forecasts[k].refused;
        }
    }
}

/* Of the node's own marginal. */
static double base_pit(const alm_backtest *b, const node_case *node, const alm_forecast *f,
                       size_t h)
{
    double value[ALM_SHAPE_LEVELS];
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        value[k] = f->base_marginal_mean[h] * f->shape[k];
    }
    return pit_in(b, node, h, (alm_marginal){alm_shape_levels(), value, ALM_SHAPE_LEVELS});
}

static void add_final_pit(const alm_backtest *b, const node_case *node, size_t h, double pit)
{
    for (int t = 0; t < 2 && node->tables[t]; t++) {
        alm_metrics_add_interval(&node->tables[t]->methods[ALM_SCORE_FINAL], pit, INTERVAL_LOW,
                                 INTERVAL_HIGH);
        if (node->tables[t]->step) {
            alm_step_scores *step = &node->tables[t]->step[ALM_SCORE_FINAL * b->steps + h];
            alm_metrics_add_interval(&step->metrics, pit, INTERVAL_LOW, INTERVAL_HIGH);
        }
        alm_distribution_add_pit(&node->tables[t]->spread, pit);
    }
}

/* What was published of a series whose paths nothing has moved is a draw from its own marginal,
 * which tells more than some quantiles of the draw. */
static void add_coverage(const alm_backtest *b, const node_case *node, const alm_forecast *f,
                         bool is_moved)
{
    for (size_t h = 0; h < b->steps; h++) {
        bool has_base = f->base_marginal_mean[h] > 0; /* else it is a point at 0 */
        bool by_quantiles = node->level || is_moved;
        if (b->record->closed[h] || isnan(node->actual[h])) {
            continue;
        }
        double base = has_base ? base_pit(b, node, f, h) : 0;
        for (int t = 0; t < 2 && node->tables[t] && has_base; t++) {
            alm_metrics_add_interval(&node->tables[t]->base, base, INTERVAL_LOW, INTERVAL_HIGH);
        }
        if (by_quantiles && b->quantile_count > 1) { /* one quantile bounds nothing */
            double at_step[ALM_METRIC_LEVELS_MAX];
            for (size_t k = 0; k < b->quantile_count; k++) {
                at_step[k] = f->quantile[k * b->steps + h];
            }
            add_final_pit(b, node, h, pit_of(b, node, h, at_step));
        } else if (!by_quantiles && has_base) {
            add_final_pit(b, node, h, base);
        }
    }
}

alm_beside_history almi_demand_of(const alm_panel *panel, size_t series, size_t end,
                                  alm_arena *scratch)
{
    size_t first = 0;
    while (first < end && (alm_panel_sold_out(panel, series, first) ||
                           !(alm_panel_value(panel, 0, series, first) > 0))) {
        first++;
    }
    double *y = ALM_NEW_ARRAY(scratch, double, end - first + 1);
    uint8_t *bound = ALM_NEW_ARRAY(scratch, uint8_t, end - first + 1);
    bool any = false;
    for (size_t t = first; t < end; t++) {
        y[t - first] = alm_panel_value(panel, 0, series, t);
        bound[t - first] = alm_panel_sold_out(panel, series, t);
        any = any || bound[t - first];
    }
    return (alm_beside_history){.y = y, .bound = any ? bound : NULL, .count = end - first};
}

/* What the baselines see was published by the origin, in the vintage of that day; errors are
 * measured in the final one, and so is the scale that divides them. */
static void load_history(const alm_backtest *b, node_case *node, const alm_panel *known,
                         const alm_panel *final, size_t series)
{
    size_t end = alm_published_end(b->record->origin, b->panel->delay);
    node->history = almi_demand_of(known, series, end, node->scratch);
    node->history.series = (uint64_t)node->level << 32 | node->number;
    node->known = alm_beside_known(&node->history, node->scratch);
    alm_beside_history last = node->history;
    const double *y = node->known;
    if (known != final) {
        last = almi_demand_of(final, series, end, node->scratch);
        y = alm_beside_known(&last, node->scratch);
    }
    node->scale = alm_history_error_scale(y, last.count);
    double *actual = ALM_NEW_ARRAY(node->scratch, double, b->steps);
    for (size_t h = 0; h < b->steps; h++) {
        size_t period = b->record->origin + 1 + h;
        bool out = period < final->periods && alm_panel_sold_out(final, series, period);
        actual[h] = out ? (double)NAN : node->actual[h];
        node->censored += out;
    }
    node->actual = actual;
}

static void score(const alm_backtest *b, const node_case *node, const alm_forecast *f,
                  bool is_moved)
{
    for (int t = 0; t < 2 && node->tables[t]; t++) {
        node->tables[t]->censored += node->censored;
    }
    add_point(b, node, ALM_SCORE_FINAL, f->mean);
    add_quantiles(b, node, ALM_SCORE_FINAL, f->quantile);
    add_coverage(b, node, f, is_moved);
    add_baselines(b, node);
}

static const alm_training_panel *known_panel(const alm_backtest *b)
{
    return b->known ? b->known : b->panel;
}

static node_case leaf_case(alm_backtest *b, const alm_forecast *f, alm_arena *scratch)
{
    const alm_origin_record *r = b->record;
    size_t series = b->series_of_leaf[f->index];
    const alm_history *history = &r->histories[series];
    node_case node = {.actual = r->actual + series * b->steps,
                      .tables = {&b->levels[0], &b->classes[history->class_of_series]},
                      .number = series,
                      .leaf = f->index,
                      /* not launched at that origin: nobody could have forecast it */
                      .skipped = history->class_of_series == ALM_CLASS_empty,
                      .scratch = scratch};
    static const alm_profile FLAT = {{1, 1, 1, 1, 1, 1, 1}};
    if (!node.skipped) {
        alm_history_view view = alm_training_view(b->panel, series, r->origin, &FLAT);
        alm_history_view past = alm_training_view(known_panel(b), series, r->origin, &FLAT);
        load_history(b, &node, past.panel, view.panel, view.series);
    }
    return node;
}

static node_case aggregate_case(alm_backtest *b, const alm_forecast *f, alm_arena *scratch)
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
                      .level = level + 1,
                      .number = number - h->levels[level].first_node,
                      .scratch = scratch};
    load_history(b, &node, known_panel(b)->aggregates, b->panel->aggregates, number);
    return node;
}

static void score_parts(const alm_backtest *b, const node_case *node)
{
    const alm_origin_record *r = b->record;
    if (node->level == 0) {
        add_point(b, node, ALM_SCORE_STATISTICAL, r->statistical + node->number * b->steps);
        if (r->has_forest) {
            add_point(b, node, ALM_SCORE_GBM, r->forest + node->number * b->steps);
        }
    } else {
        uint32_t first = b->panel->hierarchy->levels[node->level - 1].first_node;
        add_point(b, node, ALM_SCORE_STATISTICAL,
                  r->node_statistical + (first + node->number) * b->steps);
    }
}

/* A row of --reconcile: the point, the quantiles, the stock. */
static alm_err score_again(alm_backtest *b, const node_case *node, const alm_forecast *f,
                           alm_error *error)
{
    add_point(b, node, b->row, f->mean);
    add_quantiles(b, node, b->row, f->quantile);
    return add_stock_of_paths(b, node, f, error);
}

/* Histories first, then what stands beside, in parallel; scores last, in order. */
static alm_err score_chunk(alm_backtest *b, const alm_forecast_block *block, size_t first,
                           alm_arena *scratch, alm_error *error)
{
    node_case node[CHUNK];
    alm_beside_history history[CHUNK];
    size_t count = block->count - first < CHUNK ? block->count - first : CHUNK;
    bool again = b->row != ALM_SCORE_FINAL;
    for (size_t i = 0; i < count; i++) {
        const alm_forecast *f = &block->forecasts[first + i];
        node[i] = block->aggregates ? aggregate_case(b, f, scratch) : leaf_case(b, f, scratch);
        history[i] = node[i].history;
    }
    alm_beside_forecast *beside =
        ALM_NEW_ARRAY(scratch, alm_beside_forecast, count * alm_beside_rows(&b->beside));
    if (alm_beside_rows(&b->beside) > 0 && !again) {
        ALM_TRY(alm_beside_run(&b->beside, history, count, scratch, beside, error));
    }
    for (size_t i = 0; i < count; i++) {
        if (node[i].skipped) {
            continue;
        }
        if (again) {
            ALM_TRY(score_again(b, &node[i], &block->forecasts[first + i], error));
            continue;
        }
        node[i].tables[0]->nodes++;
        if (node[i].tables[1]) {
            node[i].tables[1]->nodes++;
        }
        score(b, &node[i], &block->forecasts[first + i], block->lambda != NULL);
        score_parts(b, &node[i]);
        ALM_TRY(add_stock_of_paths(b, &node[i], &block->forecasts[first + i], error));
        add_beside(b, &node[i], beside + i * alm_beside_rows(&b->beside));
    }
    return ALM_OK;
}

static alm_err score_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    alm_backtest *b = context;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (size_t first = 0; code == ALM_OK && first < block->count; first += CHUNK) {
        alm_arena_reset(scratch);
        code = score_chunk(b, block, first, scratch, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_forecast_sink alm_backtest_sink(alm_backtest *backtest)
{
    bool again = backtest->row != ALM_SCORE_FINAL; /* the nodes are counted already */
    for (uint32_t level = 0; !again && level <= backtest->panel->hierarchy->level_count; level++) {
        backtest->levels[level].nodes = 0;
    }
    for (int c = 0; !again && c < ALM_CLASS_COUNT; c++) {
        backtest->classes[c].nodes = 0;
    }
    return (alm_forecast_sink){score_block, backtest};
}

/* ---- report.json ---- */

/* A forecaster is called `best`, too. */
static const char *reconciling_row(alm_reconciling r)
{
    return r == ALM_RECONCILING_BEST ? "best_reconciled" : alm_reconciling_name(r);
}

const char *alm_backtest_method(const alm_backtest *b, size_t method)
{
    static const char *const OWN[] = {"final", "statistical", "gbm"};
    if (method >= ALM_SCORE_COUNT + b->beside.count) {
        size_t further = method - ALM_SCORE_COUNT - b->beside.count;
        return further < b->global.count
                   ? b->global.kind[further]->name
                   : reconciling_row(b->reconcile[further - b->global.count]);
    }
    if (method >= ALM_SCORE_COUNT) {
        return b->beside.kind[method - ALM_SCORE_COUNT]->name;
    }
    return method < ALM_SCORE_BASELINES
               ? OWN[method]
               : alm_baseline_name((alm_baseline)(method - ALM_SCORE_BASELINES));
}

static void write_pit(const alm_distribution_scores *s, alm_json_writer *w)
{
    alm_json_key(w, "pit");
    alm_json_open_array(w);
    for (int bin = 0; bin < ALM_PIT_BINS; bin++) {
        alm_json_double(w, (double)s->pit[bin] / (double)s->pit_count);
    }
    alm_json_close_array(w);
}

static void write_method(const alm_backtest *b, const alm_scores *scores, size_t method,
                         alm_json_writer *w)
{
    const alm_metrics *m = &scores->methods[method];
    alm_json_open_object(w);
    alm_json_put_text(w, "method", alm_backtest_method(b, method));
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
    if (method == ALM_SCORE_FINAL && scores->base.interval_pairs > 0) {
        alm_json_put_double(w, "coverage_90_base", alm_metrics_coverage(&scores->base));
    }
    if (method == ALM_SCORE_FINAL && scores->spread.pit_count > 0) {
        write_pit(&scores->spread, w);
    }
    if (scores->stock[method].periods > 0) {
        alm_json_put_double(w, "stock_cost", alm_stock_score_cost(&scores->stock[method]));
        alm_json_put_double(w, "fill_rate", alm_stock_score_fill_rate(&scores->stock[method]));
    }
    if (method >= ALM_SCORE_COUNT &&
        method < ALM_SCORE_COUNT + alm_beside_rows(&b->beside)) {
        alm_json_put_i64(w, "refused", (int64_t)scores->refused[method]);
    }
    alm_json_close_object(w);
}

/* ... and each step of them, in detail. */
static void write_methods(const alm_backtest *b, const alm_scores *scores, alm_json_writer *w)
{
    alm_json_key(w, "methods");
    alm_json_open_array(w);
    for (size_t method = 0; method < b->methods; method++) {
        if (scores->methods[method].pairs) {
            write_method(b, scores, method, w);
        }
    }
    alm_json_close_array(w);
    if (scores->step) {
        almi_detail_write_steps(b, scores, w);
    }
}

/* Only where there are any: the report of a project without stock-outs says what it said. */
static void write_censored(const alm_scores *scores, alm_json_writer *w)
{
    if (scores->censored > 0) {
        alm_json_put_i64(w, "pairs", (int64_t)scores->methods[ALM_SCORE_FINAL].pairs);
        alm_json_put_i64(w, "censored", (int64_t)scores->censored);
    }
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
        write_censored(scores, w);
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
            write_censored(&b->classes[c], w);
            write_methods(b, &b->classes[c], w);
            alm_json_close_object(w);
        }
    }
    alm_json_close_array(w);
    if (b->detail) {
        almi_detail_write(b, w);
    }
}
