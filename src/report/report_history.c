/* report_history.c: what the charted nodes did before the prediction date, from the snapshot. */
#include <math.h>

#include "project/panel_source.h"
#include "report/report_collect.h"

#define HISTORY_DAYS 90
#define BLOCK_SERIES 256

typedef struct reader {
    almi_collection *c;
    alm_panel_source *source;
    alm_arena *block; /* reset after each */
    size_t missing;   /* series that are wanted and not yet seen */
    alm_error *error;
} reader;

static bool is_charted(const almi_collection *c, alm_str level, alm_str node)
{
    for (size_t i = 0; i < c->input.chart_count; i++) {
        const alm_report_chart *chart = &c->input.charts[i];
        if (alm_str_equal(chart->level, level) && alm_str_equal(chart->node, node)) {
            return true;
        }
    }
    return false;
}

static almi_wanted *find_stocked(almi_collection *c, alm_str node)
{
    for (size_t i = 0; i < c->series_count; i++) {
        if (alm_str_equal(c->series[i].node, node)) {
            return &c->series[i];
        }
    }
    return NULL;
}

static void add_history(reader *r, const alm_panel *panel, size_t series, alm_str level,
                        alm_str node)
{
    alm_table_builder *history = r->c->history;
    size_t first = panel->periods > HISTORY_DAYS ? panel->periods - HISTORY_DAYS : 0;
    for (size_t t = first; t < panel->periods; t++) {
        double value = alm_panel_value(panel, 0, series, t);
        alm_table_builder_text(history, level);
        alm_table_builder_text(history, node);
        alm_table_builder_date(history, panel->start + (alm_date)t);
        if (isfinite(value)) {
            alm_table_builder_f64(history, value);
        } else {
            alm_table_builder_null(history);
        }
        alm_table_builder_f64(history, alm_panel_sold_out(panel, series, t) ? 1 : 0);
    }
}

static void read_aggregates(reader *r)
{
    const alm_hierarchy *h = alm_panel_source_hierarchy(r->source);
    const alm_panel *panel = alm_panel_source_aggregates(r->source);
    for (uint32_t level = 0; level < h->level_count; level++) {
        const alm_hierarchy_level *of = &h->levels[level];
        for (uint32_t n = of->first_node; n < of->first_node + of->node_count; n++) {
            if (is_charted(r->c, of->name, h->node_names[n])) {
                add_history(r, panel, n, of->name, h->node_names[n]);
            }
        }
    }
}

static alm_err read_block(reader *r, const alm_panel *panel)
{
    double *on_hand = NULL;
    double *receipts = NULL;
    for (size_t i = 0; i < panel->series_count; i++) {
        alm_str node = alm_panel_source_node_name(r->source, panel->first_series + i, r->block);
        almi_wanted *stocked = find_stocked(r->c, node);
        bool charted = is_charted(r->c, ALM_STR("series"), node);
        if (charted) {
            add_history(r, panel, i, ALM_STR("series"), node);
        }
        if (stocked && !on_hand) {
            ALM_TRY(alm_panel_source_stock(r->source, panel, r->block, &on_hand, &receipts,
                                           r->error));
        }
        if (stocked) {
            stocked->on_hand = on_hand[i];
        }
        r->missing -= charted || stocked;
    }
    return ALM_OK;
}

static size_t count_series(const almi_collection *c)
{
    size_t count = c->series_count;
    for (size_t i = 0; i < c->input.chart_count; i++) {
        bool is_series = alm_str_is(c->input.charts[i].level, "series");
        bool counted = false;
        for (size_t k = 0; is_series && k < c->series_count; k++) {
            counted = counted || alm_str_equal(c->series[k].node, c->input.charts[i].node);
        }
        count += is_series && !counted;
    }
    return count;
}

static alm_err read_all(reader *r)
{
    read_aggregates(r);
    r->missing = count_series(r->c);
    while (r->missing > 0) {
        alm_panel panel;
        alm_arena_reset(r->block);
        ALM_TRY(alm_panel_source_next(r->source, r->block, &panel, r->error));
        if (panel.series_count == 0) {
            break;
        }
        ALM_TRY(read_block(r, &panel));
    }
    alm_table *table = ALM_NEW(r->c->arena, alm_table);
    ALM_TRY(alm_table_builder_finish(r->c->history, table, r->error));
    r->c->input.history = table;
    return ALM_OK;
}

alm_err almi_collect_history(almi_collection *c, alm_error *error)
{
    static const char *const names[] = {"level", "node", "date", "value", "sold_out"};
    static const alm_type types[] = {ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_DATE, ALM_TYPE_F64,
                                     ALM_TYPE_F64};
    ALM_TRY(alm_table_builder_create(names, types, 5, &c->history, error));
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = c->run.prediction_date,
                                 .membership_date = c->run.prediction_date,
                                 .block_series = BLOCK_SERIES};
    reader r = {.c = c, .error = error};
    ALM_TRY(alm_panel_source_open(c->env, c->options->project, c->options->objects, &c->snapshot,
                                  &options, &r.source, error));
    r.block = alm_arena_create(0);
    alm_err code = read_all(&r);
    alm_arena_destroy(r.block);
    alm_panel_source_close(r.source);
    return code;
}
