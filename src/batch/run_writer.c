#include "batch/run_writer.h"

#include <math.h>
#include <string.h>

#include "table/sql.h"

#define ENGINE_MEMORY ((uint64_t)256 << 20)

struct alm_run_writer {
    const alm_env *env;
    const alm_project *project;
    const alm_method *method;
    alm_panel_source *source;
    alm_run_identity identity;
    const char *scratch;
    alm_arena *arena;
    alm_arena *row_arena; /* names and explanations of one block */
    alm_sql *sql;
    alm_table_builder *builder;
    alm_prediction_columns columns;
    alm_buffer json;
    alm_run_files files;
};

static alm_type staged_type(const char *sql_type)
{
    return strcmp(sql_type, "DOUBLE") == 0        ? ALM_TYPE_F64
           : strcmp(sql_type, "DATE") == 0        ? ALM_TYPE_DATE
           : strcmp(sql_type, "TIMESTAMPTZ") == 0 ? ALM_TYPE_INSTANT
                                                  : ALM_TYPE_TEXT;
}

static alm_err open_engine(alm_run_writer *w, alm_error *error)
{
    /* One thread: the order of rows in a file is part of its hash. */
    alm_sql_options options = {1, ENGINE_MEMORY, w->scratch};
    ALM_TRY(alm_sql_open(&options, &w->sql, error));
    alm_type *types = ALM_NEW_ARRAY(w->arena, alm_type, w->columns.count);
    for (size_t i = 0; i < w->columns.count; i++) {
        types[i] = staged_type(w->columns.sql_types[i]);
    }
    return alm_table_builder_create(w->columns.names, types, w->columns.count, &w->builder, error);
}

alm_err alm_run_writer_open(const alm_env *env, const alm_run_writer_options *options,
                            alm_run_writer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_run_writer *w = ALM_NEW(arena, alm_run_writer);
    *w = (alm_run_writer){.env = env,
                          .project = options->project,
                          .method = options->method,
                          .source = options->source,
                          .identity = *options->identity,
                          .scratch = options->scratch,
                          .arena = arena,
                          .row_arena = alm_arena_create(0)};
    alm_prediction_columns_of(options->project, arena, &w->columns);
    alm_err code = open_engine(w, error);
    if (code != ALM_OK) {
        alm_run_writer_close(w);
        return code;
    }
    *out = w;
    return ALM_OK;
}

void alm_run_writer_close(alm_run_writer *w)
{
    if (w) {
        alm_table_builder_destroy(w->builder);
        alm_sql_close(w->sql);
        alm_buffer_deinit(&w->json);
        alm_arena_destroy(w->row_arena);
        alm_arena_destroy(w->arena);
    }
}

/* ---- rows ---- */

typedef struct node_names {
    alm_str node;
    alm_str level;
    bool is_leaf;
    size_t index;
} node_names;

static node_names names_of(alm_run_writer *w, const alm_forecast_block *block,
                           const alm_forecast *f)
{
    node_names names = {0};
    if (!block->aggregates) {
        names.node = alm_panel_source_node_name(w->source, f->index, w->row_arena);
        names.level = ALM_STR("series");
        names.is_leaf = true;
        names.index = f->index;
        return names;
    }
    const alm_hierarchy *h = alm_panel_source_hierarchy(w->source);
    uint32_t level = 0;
    while (f->index >= h->levels[level].first_node + h->levels[level].node_count) {
        level++;
    }
    names.node = h->node_names[f->index];
    names.level = h->levels[level].name;
    return names;
}

static void add_number(alm_table_builder *b, bool present, double value)
{
    if (present && isfinite(value)) {
        alm_table_builder_f64(b, value == 0 ? 0 : value); /* no negative zero in the store */
    } else {
        alm_table_builder_null(b);
    }
}

static void add_head(alm_run_writer *w, const node_names *names, size_t step)
{
    alm_table_builder *b = w->builder;
    alm_table_builder_text(b, w->identity.run_id);
    alm_table_builder_text(b, w->identity.schedule);
    alm_table_builder_text(b, names->node);
    alm_table_builder_text(b, names->level);
    for (size_t k = 0; k < w->columns.key_count; k++) {
        if (names->is_leaf) {
            alm_table_builder_text(b, alm_panel_source_key(w->source, names->index, k));
        } else {
            alm_table_builder_null(b);
        }
    }
    alm_table_builder_date(b, w->identity.prediction_date + (alm_date)step);
    alm_table_builder_instant(b, alm_instant_of_date(w->identity.prediction_date));
}

static void add_quantiles(alm_run_writer *w, const alm_forecast *f, size_t steps, size_t step)
{
    for (size_t k = 0; k < w->columns.quantile_count; k++) {
        size_t own = 0;
        while (own < w->method->quantile_count &&
               w->method->quantile[own] != w->columns.quantiles[k]) {
            own++;
        }
        bool present = own < w->method->quantile_count;
        add_number(w->builder, present, present ? f->quantile[own * steps + step] : 0);
    }
}

static void add_explanation(alm_run_writer *w, const alm_forecast *f, size_t step)
{
    alm_buffer_clear(&w->json);
    alm_json_writer json = alm_json_writer_on(&w->json);
    alm_json_open_array(&json);
    for (uint8_t i = 0; i < f->explanation_count[step]; i++) {
        const alm_explanation *line = &f->explanation[step * ALM_EXPLANATIONS_MAX + i];
        alm_json_open_object(&json);
        alm_json_put_text(&json, "feature", line->feature);
        alm_json_put_double(&json, "contribution", line->contribution);
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    alm_table_builder_text(w->builder, alm_buffer_view(&w->json));
}

/* "cold_start:22720|EIRE;84946|EIRE": the reason code, then the analogues that lent the level. */
static void add_fallback(alm_run_writer *w, const alm_forecast *f)
{
    if (f->fallback == ALM_FALLBACK_NONE) {
        alm_table_builder_null(w->builder);
        return;
    }
    alm_buffer_clear(&w->json);
    alm_buffer_text(&w->json, alm_fallback_text(f->fallback));
    for (size_t a = 0; a < ALM_ANALOGUES_MAX && f->analogue[a] != UINT32_MAX; a++) {
        alm_buffer_text(&w->json, a ? ";" : ":");
        alm_buffer_str(&w->json,
                       alm_panel_source_node_name(w->source, f->analogue[a], w->row_arena));
    }
    alm_table_builder_text(w->builder, alm_buffer_view(&w->json));
}

static void add_tail(alm_run_writer *w, const alm_forecast *f, size_t step)
{
    alm_table_builder *b = w->builder;
    add_number(b, true, f->base_mean[step]);
    alm_table_builder_text(b, alm_str_of(f->method));
    add_number(b, f->has_stock, f->has_stock ? f->stockout_probability[step] : 0);
    add_number(b, f->has_stock, f->days_to_stockout);
    add_number(b, f->has_stock, f->has_stock ? f->shortfall[step] : 0);
    add_explanation(w, f, step);
    add_fallback(w, f);
    alm_table_builder_text(b, w->identity.feature_version);
    alm_table_builder_text(b, w->identity.training_run_id);
    alm_table_builder_text(b, w->identity.snapshot_id);
    alm_table_builder_text(b, w->identity.release_hash);
}

static alm_err stage_step(alm_run_writer *w, const alm_forecast_block *block,
                          const node_names *names, size_t step, alm_error *error)
{
    alm_table_builder_clear(w->builder);
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        add_head(w, &names[i], step);
        add_number(w->builder, true, f->mean[step]);
        add_quantiles(w, f, block->steps, step);
        add_tail(w, f, step);
    }
    ALM_TRY(alm_buffer_status(&w->json, error));
    alm_table table;
    ALM_TRY(alm_table_builder_finish(w->builder, &table, error));
    char *name = alm_arena_printf(w->row_arena, "step_%zu", step + 1);
    return alm_sql_append(w->sql, name, &table, error);
}

static alm_err write_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    alm_run_writer *w = context;
    alm_arena_reset(w->row_arena);
    node_names *names = ALM_NEW_ARRAY(w->row_arena, node_names, block->count);
    for (size_t i = 0; i < block->count; i++) {
        names[i] = names_of(w, block, &block->forecasts[i]);
        w->files.fallbacks[block->forecasts[i].fallback]++;
    }
    for (size_t step = 0; step < block->steps; step++) {
        ALM_TRY(stage_step(w, block, names, step, error));
    }
    *(block->aggregates ? &w->files.aggregates : &w->files.leaves) += (int64_t)block->count;
    return ALM_OK;
}

alm_forecast_sink alm_run_writer_sink(alm_run_writer *writer)
{
    return (alm_forecast_sink){write_block, writer};
}

/* ---- files ---- */

/* The select list. Explanations were staged as JSON text. Instants were staged without a zone: a
 * file of naive timestamps would contradict the table's schema, and some readers shift those by
 * their own zone. The engine's session is UTC, so the cast moves nothing. */
static const char *select_list(const alm_run_writer *w)
{
    const char *list = "";
    for (size_t i = 0; i < w->columns.count; i++) {
        const char *column = alm_sql_identifier(w->arena, alm_str_of(w->columns.names[i]));
        const char *term = column;
        if (strcmp(w->columns.names[i], "explanation") == 0) {
            term = alm_arena_printf(w->arena,
                                    "from_json(%s, '[{\"feature\":\"VARCHAR\","
                                    "\"contribution\":\"DOUBLE\"}]') AS %s", column, column);
        } else if (strcmp(w->columns.sql_types[i], "TIMESTAMPTZ") == 0) {
            term = alm_arena_printf(w->arena, "%s::TIMESTAMPTZ AS %s", column, column);
        }
        list = alm_arena_printf(w->arena, "%s%s%s", list, i ? ", " : "", term);
    }
    return list;
}

static alm_err copy_step(alm_run_writer *w, const char *list, size_t step, alm_error *error)
{
    const char *path = alm_arena_printf(w->arena, "%s/step-%zu.parquet", w->scratch, step + 1);
    char *literal = alm_sql_literal(w->arena, alm_str_of(path));
    char *statement = alm_arena_printf(
        w->arena, "COPY (SELECT %s FROM step_%zu ORDER BY node) TO %s "
        "(FORMAT parquet, COMPRESSION zstd)", list, step + 1, literal);
    w->files.step_paths[step] = path;
    return alm_sql_run(w->sql, statement, error);
}

/* Small row groups, so that a reader of one node opens little more than that node's rows. */
static alm_err copy_fan(alm_run_writer *w, const char *list, alm_error *error)
{
    alm_buffer text = {0};
    w->files.fan_path = alm_arena_printf(w->arena, "%s/fan.parquet", w->scratch);
    char *literal = alm_sql_literal(w->arena, alm_str_of(w->files.fan_path));
    alm_buffer_printf(&text, "COPY (SELECT forecast_horizon, %s FROM (", list);
    for (int32_t step = 1; step <= w->method->horizon; step++) {
        alm_buffer_printf(&text, "%sSELECT %d::INTEGER AS forecast_horizon, * FROM step_%d",
                          step > 1 ? " UNION ALL " : "", step, step);
    }
    alm_buffer_printf(&text, ") ORDER BY node, forecast_horizon) TO %s "
                      "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 8192)", literal);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_run(w->sql, text.data, error);
    }
    alm_buffer_deinit(&text);
    return code;
}

alm_err alm_run_writer_finish(alm_run_writer *w, alm_run_files *out, alm_error *error)
{
    size_t steps = (size_t)w->method->horizon;
    const char *list = select_list(w);
    w->files.step_paths = ALM_NEW_ARRAY(w->arena, const char *, steps);
    for (size_t step = 0; step < steps; step++) {
        ALM_TRY(copy_step(w, list, step, error));
        alm_env_progress(w->env, "writing", step + 1, steps + 1);
    }
    ALM_TRY(copy_fan(w, list, error));
    w->files.rows_per_step = w->files.leaves + w->files.aggregates;
    *out = w->files;
    return ALM_OK;
}
