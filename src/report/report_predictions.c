/* report_predictions.c: the nodes worth showing, and their numbers, from a run's data files.
 *
 * The engine runs on one thread here, so that its sums, which decide the order of the page, have
 * the same bits every time. */
#include <math.h>
#include <string.h>

#include "report/report_collect.h"

#define ROWS_MAX 1000000
#define CHARTS_MAX 64
#define STOCKOUTS_SHOWN 25

static alm_err fetch(almi_collection *c, const char *statement, const alm_table **out,
                     alm_error *error)
{
    alm_table *table = ALM_NEW(c->arena, alm_table);
    ALM_TRY(alm_sql_collect(c->sql, statement, ROWS_MAX, c->arena, table, error));
    *out = table;
    return ALM_OK;
}

/* ---- the engine ---- */

static const char *view_statement(almi_collection *c, alm_error *error)
{
    alm_buffer text = {0};
    alm_buffer_text(&text, "CREATE VIEW p AS SELECT * FROM read_parquet([");
    for (size_t f = 0; f < c->commit->files; f++) {
        const char *path = alm_predictions_path(c->options->predictions, &c->commit->file[f],
                                                c->arena);
        alm_buffer_printf(&text, "%s%s", f ? ", " : "",
                          alm_sql_literal(c->arena, alm_str_of(path)));
    }
    alm_buffer_text(&text, "], hive_partitioning = true, hive_types = {'prediction_date': DATE, "
                           "'model_version': VARCHAR, 'forecast_horizon': INTEGER})");
    const char *out = NULL;
    if (alm_buffer_status(&text, error) == ALM_OK) {
        out = alm_arena_copy_text(c->arena, text.data, text.size);
    }
    alm_buffer_deinit(&text);
    return out;
}

/* One row per node: what charts and tables choose from. */
static const char nodes_statement[] =
    "CREATE TABLE nodes AS SELECT level, node, sum(mean) AS demand, "
    "arg_max(expected_shortfall, forecast_horizon) AS shortfall, "
    "arg_max(expected_days_to_stockout, forecast_horizon) AS days, "
    "max(CASE WHEN forecast_horizon = 7 THEN stockout_probability END) AS p7, "
    "max(CASE WHEN forecast_horizon = 14 THEN stockout_probability END) AS p14, "
    "max(CASE WHEN forecast_horizon = 28 THEN stockout_probability END) AS p28, "
    "max(CASE WHEN forecast_horizon <= 14 THEN stockout_probability END) AS risk, "
    "min(fallback) AS fallback, min(method) AS method FROM p GROUP BY level, node";

static alm_err open_engine(almi_collection *c, alm_error *error)
{
    alm_sql_options options = {.threads = 1};
    ALM_TRY(alm_sql_open(&options, &c->sql, error));
    const char *view = view_statement(c, error);
    if (!view) {
        return ALM_ERR_MEMORY;
    }
    ALM_TRY(alm_sql_run(c->sql, view, error));
    return alm_sql_run(c->sql, nodes_statement, error);
}

/* ---- charts ---- */

typedef struct chooser {
    almi_collection *c;
    alm_report_chart *chart;
    size_t count;
    alm_error *error;
} chooser;

static bool is_chosen(const chooser *ch, alm_str level, alm_str node)
{
    for (size_t i = 0; i < ch->count; i++) {
        if (alm_str_equal(ch->chart[i].level, level) && alm_str_equal(ch->chart[i].node, node)) {
            return true;
        }
    }
    return false;
}

/* The first `wanted` nodes of a query that are not shown yet. */
static alm_err choose(chooser *ch, const char *condition, const char *order, size_t wanted,
                      const char *why)
{
    const alm_table *table;
    char *statement = alm_arena_printf(ch->c->arena,
                                       "SELECT level, node FROM nodes WHERE %s ORDER BY %s, node "
                                       "LIMIT %zu", condition, order, wanted + ch->count);
    ALM_TRY(fetch(ch->c, statement, &table, ch->error));
    for (size_t r = 0; r < table->rows && wanted > 0 && ch->count < CHARTS_MAX; r++) {
        alm_str level = almi_table_text(table, "level", r);
        alm_str node = almi_table_text(table, "node", r);
        if (!is_chosen(ch, level, node)) {
            ch->chart[ch->count++] = (alm_report_chart){node, level, alm_str_of(why)};
            wanted--;
        }
    }
    return ALM_OK;
}

/* Levels of one node first: the grand total is the headline. */
static alm_err choose_levels(chooser *ch)
{
    const alm_json *levels = almi_member(alm_json_root(ch->c->manifest), "levels");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < almi_count(levels) && ch->count + 8 < CHARTS_MAX; i++) {
            const alm_json *level = alm_json_at(levels, i);
            alm_str name = almi_text_member(level, "name");
            bool is_single = almi_i64_member(level, "nodes") == 1;
            if (is_single != (pass == 0)) {
                continue;
            }
            alm_arena *arena = ch->c->arena;
            const char *why = is_single ? "all series together"
                                        : alm_arena_printf(arena, "level " ALM_STR_FMT
                                                           ", the largest of %lld nodes",
                                                           ALM_STR_ARG(name),
                                                           (long long)almi_i64_member(level,
                                                                                      "nodes"));
            char *condition = alm_arena_printf(arena, "level = %s", alm_sql_literal(arena, name));
            ALM_TRY(choose(ch, condition, "demand DESC", 1, why));
        }
    }
    return ALM_OK;
}

/* The store names the analogues behind the reason code: "cold_start:a;b". */
static alm_err choose_cold_start(chooser *ch)
{
    const char *condition = "level = 'series' AND starts_with(fallback, 'cold_start')";
    const alm_table *table;
    char *statement = alm_arena_printf(ch->c->arena,
                                       "SELECT replace(substr(fallback, 12), ';', ', ') AS "
                                       "analogues FROM nodes WHERE %s ORDER BY demand DESC, node "
                                       "LIMIT 1", condition);
    ALM_TRY(fetch(ch->c, statement, &table, ch->error));
    if (table->rows == 0) {
        return ALM_OK;
    }
    alm_str analogues = almi_table_text(table, "analogues", 0);
    const char *why = analogues.size == 0
                          ? "cold start"
                          : alm_arena_printf(ch->c->arena, "cold start, its level is borrowed from "
                                             ALM_STR_FMT, ALM_STR_ARG(analogues));
    return choose(ch, condition, "demand DESC", 1, why);
}

static alm_err choose_charts(almi_collection *c, alm_error *error)
{
    chooser ch = {.c = c, .error = error};
    ch.chart = ALM_NEW_ARRAY(c->arena, alm_report_chart, CHARTS_MAX);
    ALM_TRY(choose_levels(&ch));
    ALM_TRY(choose(&ch, "level = 'series' AND shortfall > 0", "shortfall DESC", 3,
                   "series with a high expected shortfall"));
    ALM_TRY(choose(&ch, "level = 'series'", "demand DESC", 3, "series with a high demand"));
    ALM_TRY(choose_cold_start(&ch));
    ALM_TRY(choose(&ch, "level = 'series' AND fallback IS NULL AND demand BETWEEN 1 AND 5",
                   "demand DESC", 1, "series that sells now and then"));
    c->input.charts = ch.chart;
    c->input.chart_count = ch.count;
    return ALM_OK;
}

static char *chart_list(const almi_collection *c)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < c->input.chart_count; i++) {
        alm_buffer_printf(&text, "%s(%s, %s)", i ? ", " : "",
                          alm_sql_literal(c->arena, c->input.charts[i].level),
                          alm_sql_literal(c->arena, c->input.charts[i].node));
    }
    char *out = text.data ? alm_arena_copy_text(c->arena, text.data, text.size) : NULL;
    alm_buffer_deinit(&text);
    return out;
}

static alm_err read_charts(almi_collection *c, alm_error *error)
{
    char *list = chart_list(c);
    if (!list) {
        return ALM_OK; /* a run without rows */
    }
    /* Quantiles are those of the project; COLUMNS picks whichever are there. */
    char *statement = alm_arena_printf(c->arena,
                                       "SELECT level, node, target_date, mean, "
                                       "COLUMNS('^q[0-9]') FROM p WHERE (level, node) IN (%s) "
                                       "ORDER BY level, node, forecast_horizon", list);
    return fetch(c, statement, &c->input.predictions, error);
}

/* ---- stock-outs ---- */

static alm_err read_stockouts(almi_collection *c, alm_error *error)
{
    const alm_table *sums;
    ALM_TRY(fetch(c, "SELECT count(*) AS series, count(*) FILTER (risk >= 0.5) AS likely, "
                     "coalesce(sum(shortfall), 0) AS shortfall FROM nodes "
                     "WHERE level = 'series' AND shortfall IS NOT NULL", &sums, error));
    if (c->options->project->stock.source.size == 0) {
        return ALM_OK;
    }
    c->input.stockout_series = (int64_t)almi_table_f64(sums, "series", 0);
    c->input.stockout_likely = (int64_t)almi_table_f64(sums, "likely", 0);
    c->input.stockout_shortfall = almi_table_f64(sums, "shortfall", 0);
    char *statement = alm_arena_printf(c->arena,
                                       "SELECT node, p7, p14, p28, days, shortfall, demand "
                                       "FROM nodes WHERE level = 'series' AND shortfall > 0 "
                                       "ORDER BY shortfall DESC, node LIMIT %d", STOCKOUTS_SHOWN);
    ALM_TRY(fetch(c, statement, &c->input.stockouts, error));
    c->series_count = c->input.stockouts->rows;
    c->series = ALM_NEW_ARRAY(c->arena, almi_wanted, c->series_count);
    for (size_t r = 0; r < c->series_count; r++) {
        c->series[r] = (almi_wanted){ALM_STR("series"),
                                     almi_table_text(c->input.stockouts, "node", r), NAN};
    }
    return ALM_OK;
}

alm_err almi_collect_stock(almi_collection *c, alm_table_builder **builder, alm_error *error)
{
    static const char *const names[] = {"node", "on_hand", "p7", "p14", "p28", "days",
                                        "shortfall", "demand"};
    static const alm_type types[] = {ALM_TYPE_TEXT, ALM_TYPE_F64, ALM_TYPE_F64, ALM_TYPE_F64,
                                     ALM_TYPE_F64, ALM_TYPE_F64, ALM_TYPE_F64, ALM_TYPE_F64};
    const alm_table *ranked = c->input.stockouts;
    if (!ranked) {
        return ALM_OK;
    }
    ALM_TRY(alm_table_builder_create(names, types, 8, builder, error));
    for (size_t r = 0; r < ranked->rows; r++) {
        alm_table_builder_text(*builder, c->series[r].node);
        for (size_t k = 1; k < 8; k++) {
            double value = k == 1 ? c->series[r].on_hand : almi_table_f64(ranked, names[k], r);
            if (isfinite(value)) {
                alm_table_builder_f64(*builder, value);
            } else {
                alm_table_builder_null(*builder);
            }
        }
    }
    alm_table *table = ALM_NEW(c->arena, alm_table);
    ALM_TRY(alm_table_builder_finish(*builder, table, error));
    c->input.stockouts = table;
    return ALM_OK;
}

/* ---- explanation and methods ---- */

static alm_err read_explanation(almi_collection *c, alm_error *error)
{
    const alm_report_chart *chosen = NULL;
    for (size_t i = 0; i < c->input.chart_count && !chosen; i++) {
        chosen = alm_str_is(c->input.charts[i].level, "series") ? &c->input.charts[i] : NULL;
    }
    if (!chosen) {
        return ALM_OK;
    }
    char *row = alm_arena_printf(c->arena,
                                 "SELECT target_date, mean, explanation FROM p WHERE level = "
                                 "'series' AND node = %s AND explanation IS NOT NULL AND "
                                 "forecast_horizon <= 7 ORDER BY mean DESC, target_date LIMIT 1",
                                 alm_sql_literal(c->arena, chosen->node));
    const alm_table *facts;
    ALM_TRY(fetch(c, alm_arena_printf(c->arena, "SELECT target_date, mean FROM (%s)", row), &facts,
                  error));
    if (facts->rows == 0) {
        return ALM_OK;
    }
    c->input.explained_node = chosen->node;
    c->input.explained_date = almi_table_date(facts, "target_date", 0);
    c->input.explained_mean = almi_table_f64(facts, "mean", 0);
    char *lines = alm_arena_printf(c->arena,
                                   "SELECT line.feature AS feature, line.contribution AS "
                                   "contribution FROM (SELECT UNNEST(explanation) AS line, "
                                   "generate_subscripts(explanation, 1) AS place FROM (%s)) "
                                   "ORDER BY place", row);
    return fetch(c, lines, &c->input.explanation, error);
}

alm_err almi_collect_predictions(almi_collection *c, alm_error *error)
{
    ALM_TRY(open_engine(c, error));
    ALM_TRY(choose_charts(c, error));
    ALM_TRY(read_charts(c, error));
    ALM_TRY(read_stockouts(c, error));
    ALM_TRY(read_explanation(c, error));
    return fetch(c, "SELECT method, count(*) AS nodes FROM nodes WHERE method IS NOT NULL "
                    "GROUP BY method ORDER BY nodes DESC, method", &c->input.methods, error);
}
