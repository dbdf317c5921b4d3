#include "batch/run_writer.h"

#include <math.h>
#include <string.h>

#include "table/sql.h"

#define ENGINE_MEMORY ((uint64_t)256 << 20)
#define ROWS_PER_APPEND 1024

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
    alm_table_builder **builders; /* one per step: rows that wait to be staged */
    alm_table_builder *builder;   /* the one that is being filled */
    size_t waiting;               /* rows in each */
    alm_prediction_columns columns;
    alm_buffer json;
    alm_run_files files;
};

/* Columns with one value per file are not staged but written as literals. */
static bool is_constant(const char *name)
{
    static const char *const NAMES[] = {"run_id",          "schedule",        "target_date",
                                        "prediction_timestamp", "feature_version",
                                        "training_run_id", "snapshot_id",     "release_hash"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

static alm_err open_engine(alm_run_writer *w, alm_error *error)
{
    /* One thread: the order of rows in a file is part of its hash. */
    alm_sql_options options = {1, ENGINE_MEMORY, w->scratch};
    ALM_TRY(alm_sql_open(&options, &w->sql, error));
    const char **names = ALM_NEW_ARRAY(w->arena, const char *, w->columns.count);
    alm_type *types = ALM_NEW_ARRAY(w->arena, alm_type, w->columns.count);
    size_t staged = 0;
    for (size_t i = 0; i < w->columns.count; i++) {
        if (!is_constant(w->columns.names[i])) {
            bool number = strcmp(w->columns.sql_types[i], "DOUBLE") == 0;
            names[staged] = w->columns.names[i];
            types[staged++] = number ? ALM_TYPE_F64 : ALM_TYPE_TEXT;
        }
    }
    size_t steps = (size_t)w->method->horizon;
    w->builders = ALM_NEW_ARRAY(w->arena, alm_table_builder *, steps);
    for (size_t step = 0; step < steps; step++) {
        ALM_TRY(alm_table_builder_create(names, types, staged, &w->builders[step], error));
    }
    return ALM_OK;
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
        for (int32_t step = 0; w->builders && step < w->method->horizon; step++) {
            alm_table_builder_destroy(w->builders[step]);
        }
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

static void add_head(alm_run_writer *w, const node_names *names)
{
    alm_table_builder *b = w->builder;
    alm_table_builder_text(b, names->node);
    alm_table_builder_text(b, names->level);
    for (size_t k = 0; k < w->columns.key_count; k++) {
        if (names->is_leaf) {
            alm_table_builder_text(b, alm_panel_source_key(w->source, names->index, k));
        } else {
            alm_table_builder_null(b);
        }
    }
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
}

static void add_rows(alm_run_writer *w, const alm_forecast_block *block, const node_names *names,
                     size_t step)
{
    w->builder = w->builders[step];
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        add_head(w, &names[i]);
        add_number(w->builder, true, f->mean[step]);
        add_quantiles(w, f, block->steps, step);
        add_tail(w, f, step);
    }
}

/* Rows are staged a thousand at a time: every append leaves a half-filled segment per column in
 * memory, and there are as many tables as steps. */
static alm_err stage(alm_run_writer *w, alm_error *error)
{
    ALM_TRY(alm_buffer_status(&w->json, error));
    for (int32_t step = 0; w->waiting && step < w->method->horizon; step++) {
        alm_table table;
        ALM_TRY(alm_table_builder_finish(w->builders[step], &table, error));
        char *name = alm_arena_printf(w->row_arena, "step_%d", step + 1);
        ALM_TRY(alm_sql_append(w->sql, name, &table, error));
        alm_table_builder_clear(w->builders[step]);
    }
    w->waiting = 0;
    return ALM_OK;
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
        add_rows(w, block, names, step);
    }
    w->waiting += block->count;
    if (w->waiting >= ROWS_PER_APPEND) {
        ALM_TRY(stage(w, error));
    }
    *(block->aggregates ? &w->files.aggregates : &w->files.leaves) += (int64_t)block->count;
    return ALM_OK;
}

alm_forecast_sink alm_run_writer_sink(alm_run_writer *writer)
{
    return (alm_forecast_sink){write_block, writer};
}

/* ---- files ---- */

/* The value that a constant column has in the file of a step. */
static const char *constant_of(const alm_run_writer *w, const char *name, size_t step)
{
    const alm_run_identity *id = &w->identity;
    char day[ALM_DATE_TEXT_BYTES];
    if (strcmp(name, "target_date") == 0) {
        alm_date_text(id->prediction_date + (alm_date)step, day);
        return alm_arena_printf(w->arena, "DATE '%s'", day);
    }
    if (strcmp(name, "prediction_timestamp") == 0) {
        alm_date_text(id->prediction_date, day);
        return alm_arena_printf(w->arena, "TIMESTAMPTZ '%s 00:00:00+00'", day);
    }
    const struct {
        const char *name;
        alm_str text;
    } texts[] = {{"run_id", id->run_id},
                 {"schedule", id->schedule},
                 {"feature_version", id->feature_version},
                 {"training_run_id", id->training_run_id},
                 {"snapshot_id", id->snapshot_id},
                 {"release_hash", id->release_hash}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            return alm_sql_literal(w->arena, texts[i].text);
        }
    }
    alm_assert(!"a constant column without a value");
    return NULL;
}

/* The select list of a step. Explanations were staged as JSON text. */
static const char *select_list(const alm_run_writer *w, size_t step)
{
    const char *list = "";
    for (size_t i = 0; i < w->columns.count; i++) {
        const char *name = w->columns.names[i];
        const char *column = alm_sql_identifier(w->arena, alm_str_of(name));
        const char *term = column;
        if (is_constant(name)) {
            term = alm_arena_printf(w->arena, "%s AS %s", constant_of(w, name, step), column);
        } else if (strcmp(name, "explanation") == 0) {
            term = alm_arena_printf(w->arena,
                                    "from_json(%s, '[{\"feature\":\"VARCHAR\","
                                    "\"contribution\":\"DOUBLE\"}]') AS %s", column, column);
        }
        list = alm_arena_printf(w->arena, "%s%s%s", list, i ? ", " : "", term);
    }
    return list;
}

static alm_err copy_step(alm_run_writer *w, size_t step, alm_error *error)
{
    const char *path = alm_arena_printf(w->arena, "%s/step-%zu.parquet", w->scratch, step + 1);
    char *literal = alm_sql_literal(w->arena, alm_str_of(path));
    char *statement = alm_arena_printf(
        w->arena, "COPY (SELECT %s FROM step_%zu ORDER BY node) TO %s "
        "(FORMAT parquet, COMPRESSION zstd); DROP TABLE step_%zu", select_list(w, step), step + 1,
        literal, step + 1);
    w->files.step_paths[step] = path;
    return alm_sql_run(w->sql, statement, error);
}

/* The same rows from the step files, sorted by node. Small row groups, so that a reader of one node
 * opens little more than that node's rows. */
static alm_err copy_fan(alm_run_writer *w, alm_error *error)
{
    alm_buffer text = {0};
    char day[ALM_DATE_TEXT_BYTES];
    alm_date_text(w->identity.prediction_date, day);
    w->files.fan_path = alm_arena_printf(w->arena, "%s/fan.parquet", w->scratch);
    alm_buffer_printf(&text, "COPY (SELECT (target_date - DATE '%s' + 1)::INTEGER AS "
                      "forecast_horizon, * FROM read_parquet([", day);
    for (int32_t step = 0; step < w->method->horizon; step++) {
        alm_str path = alm_str_of(w->files.step_paths[step]);
        alm_buffer_printf(&text, "%s%s", step ? ", " : "", alm_sql_literal(w->arena, path));
    }
    alm_buffer_printf(&text, "], hive_partitioning = false) ORDER BY node, forecast_horizon) TO %s "
                      "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 8192)",
                      alm_sql_literal(w->arena, alm_str_of(w->files.fan_path)));
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
    ALM_TRY(stage(w, error));
    w->files.step_paths = ALM_NEW_ARRAY(w->arena, const char *, steps);
    for (size_t step = 0; step < steps; step++) {
        ALM_TRY(copy_step(w, step, error));
        alm_env_progress(w->env, "writing", step + 1, steps + 1);
    }
    ALM_TRY(copy_fan(w, error));
    w->files.rows_per_step = w->files.leaves + w->files.aggregates;
    *out = w->files;
    return ALM_OK;
}
