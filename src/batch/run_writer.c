#include "batch/run_writer.h"

#include <math.h>
#include <string.h>

#include "pipeline/paths/path_file.h"
#include "table/row_sort.h"
#include "table/sql.h"

#define ENGINE_MEMORY ((uint64_t)256 << 20)
#define SORT_MEMORY ((uint64_t)32 << 20) /* of all steps together */
/* What the engine keeps of a file while it writes. Small groups also make a reader of one node open
 * little more than that node's rows. */
#define STEP_GROUP_ROWS 16384
#define FAN_GROUP_ROWS 8192
#define BATCH_ROWS 2048

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
    alm_path_writer *paths;
    alm_row_sort **sorts; /* one per step */
    alm_row_sort *sort;   /* the one that is being filled */
    const char **names;   /* of the sorted columns: those that are not constant */
    alm_type *types;
    size_t sorted_count;
    alm_prediction_columns columns;
    alm_buffer json;
    alm_run_files files;
};

/* Columns with one value per file are not sorted but written as literals. */
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

/* Rows are sorted by node, the first column that is not constant. */
static void choose_columns(alm_run_writer *w)
{
    w->names = ALM_NEW_ARRAY(w->arena, const char *, w->columns.count);
    w->types = ALM_NEW_ARRAY(w->arena, alm_type, w->columns.count);
    for (size_t i = 0; i < w->columns.count; i++) {
        if (!is_constant(w->columns.names[i])) {
            bool number = strcmp(w->columns.sql_types[i], "DOUBLE") == 0;
            w->names[w->sorted_count] = w->columns.names[i];
            w->types[w->sorted_count++] = number ? ALM_TYPE_F64 : ALM_TYPE_TEXT;
        }
    }
    alm_assert(strcmp(w->names[0], "node") == 0);
}

static alm_err open_files(alm_run_writer *w, alm_error *error)
{
    size_t steps = (size_t)w->method->horizon;
    choose_columns(w);
    w->sorts = ALM_NEW_ARRAY(w->arena, alm_row_sort *, steps);
    for (size_t step = 0; step < steps; step++) {
        alm_row_sort_options options = {
            .names = w->names,
            .types = w->types,
            .column_count = w->sorted_count,
            .memory_bytes = SORT_MEMORY / steps,
            .fs = w->env->fs,
            .folder = w->scratch,
            .name = alm_arena_printf(w->arena, "step-%zu", step + 1)};
        ALM_TRY(alm_row_sort_create(&options, &w->sorts[step], error));
    }
    w->files.paths_path = alm_arena_printf(w->arena, "%s/paths", w->scratch);
    ALM_TRY(alm_path_writer_open(w->env->fs, w->files.paths_path, w->method,
                                 alm_panel_source_hierarchy(w->source), &w->paths, error));
    /* One thread: the order of rows in a file is part of its hash. */
    alm_sql_options options = {1, ENGINE_MEMORY, w->scratch};
    return alm_sql_open(&options, &w->sql, error);
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
    alm_err code = open_files(w, error);
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
        for (int32_t step = 0; w->sorts && step < w->method->horizon; step++) {
            alm_row_sort_destroy(w->sorts[step]);
        }
        alm_path_writer_close(w->paths);
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

static void add_number(alm_row_sort *sort, bool present, double value)
{
    if (present && isfinite(value)) {
        alm_row_sort_f64(sort, value); /* which makes no negative zero */
    } else {
        alm_row_sort_null(sort);
    }
}

static void add_head(alm_run_writer *w, const node_names *names)
{
    alm_row_sort_text(w->sort, names->node);
    alm_row_sort_text(w->sort, names->level);
    for (size_t k = 0; k < w->columns.key_count; k++) {
        if (names->is_leaf) {
            alm_row_sort_text(w->sort, alm_panel_source_key(w->source, names->index, k));
        } else {
            alm_row_sort_null(w->sort);
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
        add_number(w->sort, present, present ? f->quantile[own * steps + step] : 0);
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
    alm_row_sort_text(w->sort, alm_buffer_view(&w->json));
}

/* "cold_start:22720|EIRE;84946|EIRE": the reason code, then the analogues that lent the level. */
static void add_fallback(alm_run_writer *w, const alm_forecast *f)
{
    if (f->fallback == ALM_FALLBACK_NONE) {
        alm_row_sort_null(w->sort);
        return;
    }
    alm_buffer_clear(&w->json);
    alm_buffer_text(&w->json, alm_fallback_text(f->fallback));
    for (size_t a = 0; a < ALM_ANALOGUES_MAX && f->analogue[a] != UINT32_MAX; a++) {
        alm_buffer_text(&w->json, a ? ";" : ":");
        alm_buffer_str(&w->json,
                       alm_panel_source_node_name(w->source, f->analogue[a], w->row_arena));
    }
    alm_row_sort_text(w->sort, alm_buffer_view(&w->json));
}

static void add_tail(alm_run_writer *w, const alm_forecast *f, size_t step)
{
    add_number(w->sort, true, f->base_mean[step]);
    alm_row_sort_text(w->sort, alm_str_of(f->method));
    add_number(w->sort, f->has_stock, f->has_stock ? f->stockout_probability[step] : 0);
    add_number(w->sort, f->has_stock, f->days_to_stockout);
    add_number(w->sort, f->has_stock, f->has_stock ? f->shortfall[step] : 0);
    add_explanation(w, f, step);
    add_fallback(w, f);
}

static alm_err add_rows(alm_run_writer *w, const alm_forecast_block *block,
                        const node_names *names, size_t step, alm_error *error)
{
    w->sort = w->sorts[step];
    for (size_t i = 0; i < block->count; i++) {
        const alm_forecast *f = &block->forecasts[i];
        add_head(w, &names[i]);
        add_number(w->sort, true, f->mean[step]);
        add_quantiles(w, f, block->steps, step);
        add_tail(w, f, step);
        ALM_TRY(alm_buffer_status(&w->json, error));
        ALM_TRY(alm_row_sort_end_row(w->sort, error));
    }
    return ALM_OK;
}

static alm_err write_block(void *context, const alm_forecast_block *block, alm_error *error)
{
    alm_run_writer *w = context;
    alm_arena_reset(w->row_arena);
    node_names *names = ALM_NEW_ARRAY(w->row_arena, node_names, block->count);
    alm_str *nodes = ALM_NEW_ARRAY(w->row_arena, alm_str, block->count);
    for (size_t i = 0; i < block->count; i++) {
        names[i] = names_of(w, block, &block->forecasts[i]);
        nodes[i] = names[i].node;
        w->files.fallbacks[block->forecasts[i].fallback]++;
    }
    for (size_t step = 0; step < block->steps; step++) {
        ALM_TRY(add_rows(w, block, names, step, error));
    }
    ALM_TRY(alm_path_writer_block(w->paths, block, nodes, error));
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

/* What the file of a step has, from the sorted columns, in which explanations are JSON text. In the
 * fan, whose rows are of all steps, the target date follows from the step. */
static const char *select_list(const alm_run_writer *w, bool fan, size_t step)
{
    char day[ALM_DATE_TEXT_BYTES];
    alm_date_text(w->identity.prediction_date, day);
    const char *list = fan ? "forecast_horizon::INTEGER AS forecast_horizon, " : "";
    for (size_t i = 0; i < w->columns.count; i++) {
        const char *name = w->columns.names[i];
        const char *column = alm_sql_identifier(w->arena, alm_str_of(name));
        const char *term = column;
        if (fan && strcmp(name, "target_date") == 0) {
            term = alm_arena_printf(w->arena, "DATE '%s' + (forecast_horizon - 1)::INTEGER AS %s",
                                    day, column);
        } else if (is_constant(name)) {
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

/* The columns of a file before the select list: those sorted, behind the step's in the fan. */
static alm_table schema_of(const alm_run_writer *w, bool fan)
{
    alm_column *columns = ALM_NEW_ARRAY(w->arena, alm_column, w->sorted_count + 1);
    size_t count = 0;
    if (fan) {
        columns[count++] = (alm_column){.name = "forecast_horizon", .type = ALM_TYPE_I64};
    }
    for (size_t c = 0; c < w->sorted_count; c++) {
        columns[count++] = (alm_column){.name = w->names[c], .type = w->types[c]};
    }
    return (alm_table){0, count, columns};
}

static alm_err pull_step(void *context, alm_table *out, alm_error *error)
{
    alm_row_sort_batch batch;
    ALM_TRY(alm_row_sort_next(context, &batch, error));
    *out = batch.table;
    return ALM_OK;
}

static alm_err write_step(alm_run_writer *w, size_t step, alm_error *error)
{
    alm_table schema = schema_of(w, false);
    alm_sql_parquet file = {
        .path = alm_arena_printf(w->arena, "%s/step-%zu.parquet", w->scratch, step + 1),
        .schema = &schema,
        .select = select_list(w, false, step),
        .row_group_rows = STEP_GROUP_ROWS};
    w->files.step_paths[step] = file.path;
    ALM_TRY(alm_row_sort_finish(w->sorts[step], error));
    ALM_TRY(alm_sql_write_parquet(w->sql, &file, pull_step, w->sorts[step], error));
    /* Until the fan is written, all steps are open: few rows of each. */
    size_t steps = (size_t)w->method->horizon;
    size_t rows = steps < BATCH_ROWS ? BATCH_ROWS / steps : 1;
    return alm_row_sort_rewind(w->sorts[step], rows, error);
}

/* ---- the fan: all steps of a node, node after node ---- */

typedef struct step_rows {
    alm_row_sort_batch batch;
    size_t at;
} step_rows;

typedef struct fan_rows {
    alm_run_writer *writer;
    step_rows *steps;
    alm_table_builder *builder;
} fan_rows;

static alm_str node_at(const step_rows *rows, size_t row)
{
    return rows->batch.table.columns[0].values.text[row];
}

/* Every step has the same nodes in the same order, so their rows are taken in turn. *end where the
 * first step has none left. */
static alm_err add_fan_row(fan_rows *fan, size_t step, bool *end, alm_error *error)
{
    step_rows *rows = &fan->steps[step];
    if (rows->at == rows->batch.table.rows) {
        ALM_TRY(alm_row_sort_next(fan->writer->sorts[step], &rows->batch, error));
        rows->at = 0;
    }
    bool none = rows->batch.table.rows == 0;
    *end = none && step == 0;
    if (*end) {
        return ALM_OK;
    }
    const step_rows *first = &fan->steps[0]; /* its row was taken: `at` is behind it */
    bool same = !none && (step == 0 || alm_str_equal(node_at(rows, rows->at),
                                                     node_at(first, first->at - 1)));
    if (!same) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the sorted rows of step %zu in %s were changed "
                        "while they were in use", step + 1, fan->writer->scratch);
    }
    alm_table_builder_i64(fan->builder, (int64_t)step + 1);
    for (size_t c = 0; c < rows->batch.table.column_count; c++) {
        alm_table_builder_value(fan->builder, &rows->batch.table.columns[c], rows->at);
    }
    rows->at++;
    return ALM_OK;
}

static alm_err pull_fan(void *context, alm_table *out, alm_error *error)
{
    fan_rows *fan = context;
    size_t steps = (size_t)fan->writer->method->horizon;
    bool end = false;
    alm_table_builder_clear(fan->builder);
    for (size_t rows = 0; rows + steps <= BATCH_ROWS && !end; rows += steps) {
        for (size_t step = 0; step < steps && !end; step++) {
            ALM_TRY(add_fan_row(fan, step, &end, error));
        }
    }
    return alm_table_builder_finish(fan->builder, out, error);
}

static alm_err write_fan(alm_run_writer *w, alm_error *error)
{
    alm_table schema = schema_of(w, true);
    const char **names = ALM_NEW_ARRAY(w->arena, const char *, schema.column_count);
    alm_type *types = ALM_NEW_ARRAY(w->arena, alm_type, schema.column_count);
    for (size_t c = 0; c < schema.column_count; c++) {
        names[c] = schema.columns[c].name;
        types[c] = schema.columns[c].type;
    }
    fan_rows fan = {.writer = w,
                    .steps = ALM_NEW_ARRAY(w->arena, step_rows, (size_t)w->method->horizon)};
    w->files.fan_path = alm_arena_printf(w->arena, "%s/fan.parquet", w->scratch);
    alm_sql_parquet file = {.path = w->files.fan_path,
                            .schema = &schema,
                            .select = select_list(w, true, 0),
                            .row_group_rows = FAN_GROUP_ROWS};
    ALM_TRY(alm_table_builder_create(names, types, schema.column_count, &fan.builder, error));
    alm_err code = alm_sql_write_parquet(w->sql, &file, pull_fan, &fan, error);
    alm_table_builder_destroy(fan.builder);
    return code;
}

alm_err alm_run_writer_finish(alm_run_writer *w, alm_run_files *out, alm_error *error)
{
    size_t steps = (size_t)w->method->horizon;
    ALM_TRY(alm_path_writer_finish(w->paths, error));
    w->files.step_paths = ALM_NEW_ARRAY(w->arena, const char *, steps);
    for (size_t step = 0; step < steps; step++) {
        ALM_TRY(write_step(w, step, error));
        alm_env_progress(w->env, "writing", step + 1, steps + 1);
    }
    ALM_TRY(write_fan(w, error));
    w->files.rows_per_step = w->files.leaves + w->files.aggregates;
    *out = w->files;
    return ALM_OK;
}
