/* query.c: from what was asked to one SELECT over a list of files. */
#include "batch/query_internal.h"

#include <string.h>

/* ---- files and views ---- */

static bool is_step_wanted(alm_str horizon, almi_steps steps)
{
    int64_t step;
    if (!alm_str_to_i64(horizon, &step)) {
        return true; /* the engine says what is wrong with it */
    }
    return (steps.first == 0 || step >= steps.first) && (steps.last == 0 || step <= steps.last);
}

alm_err almi_run_files(const alm_read_stores *stores, const alm_catalog_run *run,
                       almi_steps steps, alm_arena *arena, almi_files *files, alm_error *error)
{
    for (size_t f = 0; f < run->commit->files; f++) {
        const alm_predictions_data *data = &run->commit->file[f];
        if (!data->is_live) {
            return alm_fail(error, ALM_ERR_CORRUPT,
                            "run " ALM_STR_FMT ": another engine removed " ALM_STR_FMT
                            " from the table; 'almanac predictions verify' names the commit",
                            ALM_STR_ARG(run->run_id), ALM_STR_ARG(data->path));
        }
        if (is_step_wanted(data->forecast_horizon, steps)) {
            alm_assert(files->count < files->capacity);
            files->path[files->count++] = alm_predictions_path(stores->predictions, data, arena);
        }
    }
    return ALM_OK;
}

static bool is_partition_column(alm_str name)
{
    return alm_str_is(name, "prediction_date") || alm_str_is(name, "model_version") ||
           alm_str_is(name, "forecast_horizon");
}

static alm_err parse_columns(const alm_json *fields, alm_arena *arena, almi_columns *out,
                             alm_error *error)
{
    size_t count = alm_json_count(fields);
    almi_column *column = ALM_NEW_ARRAY(arena, almi_column, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const alm_json *field = alm_json_at(fields, i);
        alm_str name;
        ALM_TRY(alm_json_get_str(field, "name", &name, error));
        if (!is_partition_column(name)) {
            column[kept].name = alm_arena_copy_text(arena, name.data, name.size);
            const alm_json *type = alm_json_member(field, "type");
            column[kept].is_number_text = false;
            column[kept++].is_nested = type && alm_json_kind_of(type) == ALM_JSON_OBJECT;
        }
    }
    *out = (almi_columns){column, kept};
    return ALM_OK;
}

alm_err almi_data_columns(const alm_run_catalog *catalog, alm_arena *arena, almi_columns *out,
                          alm_error *error)
{
    if (catalog->commits == 0 || !catalog->commit[0].has_metadata) {
        return alm_fail(error, ALM_ERR_CORRUPT,
                        "the first entry of the prediction store's log has no schema");
    }
    alm_json_document *schema;
    const alm_json *fields;
    ALM_TRY(alm_json_parse(catalog->commit[0].schema_text, "schema of the prediction store",
                           &schema, error));
    alm_err code = alm_json_get(alm_json_root(schema), "fields", ALM_JSON_ARRAY, &fields, error);
    if (code == ALM_OK) {
        code = parse_columns(fields, arena, out, error);
    }
    alm_json_document_destroy(schema);
    return code;
}

/* 'a', 'b' */
static void list_files(const almi_files *files, alm_arena *arena, alm_buffer *out)
{
    for (size_t i = 0; i < files->count; i++) {
        alm_buffer_printf(out, "%s%s", i ? ", " : "",
                          alm_sql_literal(arena, alm_str_of(files->path[i])));
    }
}

alm_err almi_create_view(alm_sql *sql, const almi_view *view, alm_arena *arena, alm_error *error)
{
    alm_buffer text = {0};
    alm_buffer_printf(&text, "CREATE VIEW %s AS SELECT ", view->name);
    for (size_t c = 0; c < view->columns->count; c++) {
        alm_str name = alm_str_of(view->columns->column[c].name);
        alm_buffer_printf(&text, "%s, ", alm_sql_identifier(arena, name));
    }
    if (view->fan_of) {
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(view->fan_of->prediction_date, date);
        alm_buffer_printf(&text, "DATE '%s' AS prediction_date, %s AS model_version, "
                          "forecast_horizon::INTEGER AS forecast_horizon FROM read_parquet([",
                          date, alm_sql_literal(arena, view->fan_of->model_version));
        list_files(view->files, arena, &text);
        alm_buffer_text(&text, "], hive_partitioning = false)");
    } else {
        /* Types are stated: guessed ones would make a release named "7" a number. */
        alm_buffer_text(&text, "prediction_date, model_version, forecast_horizon "
                               "FROM read_parquet([");
        list_files(view->files, arena, &text);
        alm_buffer_text(&text, "], hive_partitioning = true, hive_types = {'prediction_date': "
                               "DATE, 'model_version': VARCHAR, 'forecast_horizon': INTEGER})");
    }
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_run(sql, text.data, error);
    }
    alm_buffer_deinit(&text);
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, code, "opening the data files");
}

/* ---- the statement ---- */

static bool is_known_column(const almi_columns *columns, alm_str name)
{
    for (size_t c = 0; c < columns->count; c++) {
        if (alm_str_is(name, columns->column[c].name)) {
            return true;
        }
    }
    return is_partition_column(name);
}

static alm_err unknown_column(const almi_columns *columns, alm_str name, alm_error *error)
{
    alm_buffer known = {0};
    for (size_t c = 0; c < columns->count; c++) {
        alm_buffer_printf(&known, "%s, ", columns->column[c].name);
    }
    alm_err code = alm_fail(error, ALM_ERR_INVALID,
                            "no column '" ALM_STR_FMT "'; there are %sprediction_date, "
                            "model_version, forecast_horizon",
                            ALM_STR_ARG(name), known.data ? known.data : "");
    alm_buffer_deinit(&known);
    return code;
}

/* Two lists: with explanations as JSON text, and as they are. */
typedef struct select_lists {
    alm_buffer text, raw;
} select_lists;

static void add_column(select_lists *lists, const almi_columns *columns, alm_str name,
                       alm_arena *arena)
{
    const char *quoted = alm_sql_identifier(arena, name);
    const char *comma = lists->raw.size ? ", " : "";
    bool is_nested = false;
    for (size_t c = 0; c < columns->count; c++) {
        is_nested = is_nested || (columns->column[c].is_nested &&
                                  alm_str_is(name, columns->column[c].name));
    }
    alm_buffer_printf(&lists->raw, "%s%s", comma, quoted);
    if (is_nested) {
        alm_buffer_printf(&lists->text, "%s%s", comma, almi_json_term(arena, quoted));
    } else {
        alm_buffer_printf(&lists->text, "%s%s", comma, quoted);
    }
}

static alm_err select_columns(const alm_query_options *options, const almi_columns *columns,
                              alm_arena *arena, select_lists *lists, alm_error *error)
{
    if (options->columns.size == 0) {
        for (size_t c = 0; c < columns->count; c++) {
            add_column(lists, columns, alm_str_of(columns->column[c].name), arena);
        }
        add_column(lists, columns, ALM_STR("prediction_date"), arena);
        add_column(lists, columns, ALM_STR("model_version"), arena);
        add_column(lists, columns, ALM_STR("forecast_horizon"), arena);
        return ALM_OK;
    }
    for (alm_str rest = options->columns; rest.data;) {
        alm_str name = alm_str_trim(alm_str_split(&rest, ','));
        if (!is_known_column(columns, name)) {
            return unknown_column(columns, name, error);
        }
        add_column(lists, columns, name, arena);
    }
    return ALM_OK;
}

static void add_filters(const alm_query_options *options, alm_arena *arena, alm_buffer *out)
{
    const char *glue = " WHERE ";
    if (options->node_count > 0) {
        alm_buffer_printf(out, "%snode IN (", glue);
        for (size_t i = 0; i < options->node_count; i++) {
            alm_buffer_printf(out, "%s%s", i ? ", " : "",
                              alm_sql_literal(arena, options->nodes[i]));
        }
        alm_buffer_text(out, ")");
        glue = " AND ";
    }
    if (options->level.size > 0) {
        alm_buffer_printf(out, "%slevel = %s", glue, alm_sql_literal(arena, options->level));
        glue = " AND ";
    }
    if (options->first_step > 0) {
        alm_buffer_printf(out, "%sforecast_horizon >= %d", glue, (int)options->first_step);
        glue = " AND ";
    }
    if (options->last_step > 0) {
        alm_buffer_printf(out, "%sforecast_horizon <= %d", glue, (int)options->last_step);
    }
}

static const char *keep(alm_buffer *buffer, alm_arena *arena)
{
    const char *text = buffer->data ? alm_arena_copy_text(arena, buffer->data, buffer->size) : "";
    alm_buffer_deinit(buffer);
    return text;
}

static const char *describe_filter(const alm_query_options *options, alm_arena *arena)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < options->node_count && i < 3; i++) {
        alm_buffer_printf(&text, "%snode '" ALM_STR_FMT "'", i ? ", " : "",
                          ALM_STR_ARG(options->nodes[i]));
    }
    if (options->node_count > 3) {
        alm_buffer_printf(&text, " and %zu more", options->node_count - 3);
    }
    if (options->level.size > 0) {
        alm_buffer_printf(&text, "%slevel '" ALM_STR_FMT "'", text.size ? ", " : "",
                          ALM_STR_ARG(options->level));
    }
    return text.size ? keep(&text, arena) : NULL;
}

static alm_err build_statement(alm_query *query, const alm_query_options *options,
                               const almi_columns *columns, alm_error *error)
{
    select_lists lists = {0};
    alm_err code = select_columns(options, columns, query->arena, &lists, error);
    alm_buffer tail = {0};
    alm_buffer_text(&tail, " FROM predictions");
    add_filters(options, query->arena, &tail);
    alm_buffer_text(&tail, " ORDER BY prediction_date, level, node, forecast_horizon, run_id");
    if (options->limit > 0) {
        alm_buffer_printf(&tail, " LIMIT %lld", (long long)options->limit);
    }
    if (code == ALM_OK) {
        query->text = alm_arena_printf(query->arena, "SELECT %s%s", lists.text.data, tail.data);
        query->raw = alm_arena_printf(query->arena, "SELECT %s%s", lists.raw.data, tail.data);
    }
    alm_buffer_deinit(&lists.text);
    alm_buffer_deinit(&lists.raw);
    alm_buffer_deinit(&tail);
    query->column = columns->column;
    query->columns = columns->count;
    query->has_columns = options->columns.size > 0;
    query->filter_text = describe_filter(options, query->arena);
    return code;
}

/* ---- the table of runs, for SQL ---- */

static void add_run(alm_table_builder *builder, const alm_catalog_run *run, int64_t version)
{
    alm_table_builder_text(builder, run->run_id);
    alm_table_builder_text(builder, run->run_key);
    alm_table_builder_text(builder, run->schedule);
    alm_table_builder_date(builder, run->prediction_date);
    alm_table_builder_text(builder, run->model_version);
    alm_table_builder_text(builder, run->snapshot_id);
    alm_table_builder_i64(builder, run->commit->version);
    alm_table_builder_instant(builder, run->commit->timestamp);
    alm_table_builder_i64(builder, run->commit->rows);
    alm_table_builder_i64(builder, (int64_t)run->commit->files);
    alm_table_builder_text(builder, run->supersedes);
    alm_table_builder_text(builder, run->superseded_at <= version ? run->superseded_by
                                                                  : (alm_str){0});
    alm_table_builder_text(builder, run->reason);
    alm_table_builder_text(builder, run->who);
    alm_table_builder_bool(builder, run->superseded_at > version);
}

static alm_err create_runs(alm_sql *sql, const alm_run_catalog *catalog, const almi_choice *choice,
                           alm_error *error)
{
    static const char *const names[] = {
        "run_id", "run_key", "schedule", "prediction_date", "model_version", "snapshot_id",
        "version", "committed", "rows", "files", "supersedes", "superseded_by", "reason", "who",
        "is_in_force"};
    static const alm_type types[] = {
        ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_DATE, ALM_TYPE_TEXT,
        ALM_TYPE_TEXT, ALM_TYPE_I64, ALM_TYPE_INSTANT, ALM_TYPE_I64, ALM_TYPE_I64,
        ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_TEXT, ALM_TYPE_BOOL};
    alm_table_builder *builder;
    ALM_TRY(alm_table_builder_create(names, types, sizeof(types) / sizeof(types[0]), &builder,
                                     error));
    for (size_t i = 0; i < catalog->runs; i++) {
        const alm_catalog_run *run = &catalog->run[i];
        if (run->commit->version <= choice->version &&
            (alm_str_is(choice->model_version, "*") ||
             alm_str_equal(choice->model_version, run->model_version))) {
            add_run(builder, run, choice->version);
        }
    }
    alm_table table;
    alm_err code = alm_table_builder_finish(builder, &table, error);
    if (code == ALM_OK) {
        code = alm_sql_append(sql, "runs", &table, error);
    }
    alm_table_builder_destroy(builder);
    return code;
}

/* ---- opening ---- */

typedef struct opener {
    alm_query *query;
    const alm_read_stores *stores;
    const alm_query_options *options;
    alm_run_catalog catalog;
    almi_choice choice;
    almi_columns columns;
    almi_files files;
    alm_error *error;
} opener;

static alm_err check_options(const alm_query_options *o, alm_error *error)
{
    if (o->first_step < 0 || o->last_step < 0 ||
        (o->last_step > 0 && o->first_step > o->last_step)) {
        return alm_fail(error, ALM_ERR_USAGE, "steps %d to %d: they count from 1 and rise",
                        (int)o->first_step, (int)o->last_step);
    }
    if (o->limit < 0) {
        return alm_fail(error, ALM_ERR_USAGE, "limit %lld is negative", (long long)o->limit);
    }
    if (o->sql.size > 0 && (o->node_count || o->level.size || o->first_step || o->last_step ||
                            o->columns.size || o->limit)) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "with --sql the statement chooses nodes, level, steps, columns and limit");
    }
    return ALM_OK;
}

/* The fan file instead of a file per step; *used stays false when the run has none. */
static alm_err use_fan_file(opener *o, bool *used)
{
    const alm_catalog_run *run = o->choice.run[0];
    alm_json_document *manifest;
    ALM_TRY(alm_run_manifest_read(o->stores->objects, &run->commit->manifest, &manifest,
                                   o->error));
    alm_str fan = alm_run_manifest_text(manifest, "fan_object", o->query->arena);
    alm_json_document_destroy(manifest);
    if (fan.size == 0) {
        return ALM_OK;
    }
    alm_digest digest;
    if (!alm_digest_parse(fan, &digest)) {
        return alm_fail(o->error, ALM_ERR_CORRUPT,
                        "run " ALM_STR_FMT ": fan_object of its manifest is no digest",
                        ALM_STR_ARG(run->run_id));
    }
    const char *path;
    alm_err code = alm_objects_locate(o->stores->objects, &digest, o->query->arena, &path,
                                      o->error);
    if (code != ALM_OK) {
        return alm_error_wrap(o->error, code, "fan file of run " ALM_STR_FMT,
                              ALM_STR_ARG(run->run_id));
    }
    o->files.path[0] = path;
    o->files.count = 1;
    *used = true;
    return ALM_OK;
}

static size_t files_of(const alm_catalog_run *const *run, size_t runs)
{
    size_t count = 1; /* a fan file */
    for (size_t i = 0; i < runs; i++) {
        count += run[i]->commit->files;
    }
    return count;
}

static alm_err collect_files(opener *o, const alm_catalog_run *const *run, size_t runs,
                             almi_files *files)
{
    almi_steps steps = {o->options->first_step, o->options->last_step};
    alm_arena *arena = o->query->arena;
    files->capacity = files_of(run, runs);
    files->path = ALM_NEW_ARRAY(arena, const char *, files->capacity);
    for (size_t i = 0; i < runs; i++) {
        ALM_TRY(almi_run_files(o->stores, run[i], steps, arena, files, o->error));
    }
    if (files->count == 0) {
        return alm_fail(o->error, ALM_ERR_NOT_FOUND,
                        "no run that was asked for has steps %d to %d", (int)steps.first,
                        (int)steps.last);
    }
    return ALM_OK;
}

static alm_err open_selection(opener *o)
{
    alm_query *query = o->query;
    ALM_TRY(collect_files(o, o->choice.run, o->choice.runs, &o->files));
    if (o->options->node_count > 0 && o->choice.runs == 1) {
        ALM_TRY(use_fan_file(o, &query->facts.used_fan_file));
    }
    almi_view view = {.name = "predictions", .columns = &o->columns, .files = &o->files,
                      .fan_of = query->facts.used_fan_file ? o->choice.run[0] : NULL};
    ALM_TRY(almi_create_view(query->sql, &view, query->arena, o->error));
    return build_statement(query, o->options, &o->columns, o->error);
}

static alm_err open_statement(opener *o)
{
    alm_query *query = o->query;
    const alm_catalog_run **all = ALM_NEW_ARRAY(query->arena, const alm_catalog_run *,
                                                 o->catalog.runs);
    size_t count = 0;
    for (size_t i = 0; i < o->catalog.runs; i++) {
        const alm_catalog_run *run = &o->catalog.run[i];
        if (run->commit->version <= o->choice.version &&
            (alm_str_is(o->choice.model_version, "*") ||
             alm_str_equal(run->model_version, o->choice.model_version))) {
            all[count++] = run;
        }
    }
    almi_files history = {0};
    ALM_TRY(collect_files(o, o->choice.run, o->choice.runs, &o->files));
    ALM_TRY(collect_files(o, all, count, &history));
    almi_view view = {.name = "predictions", .columns = &o->columns, .files = &o->files};
    ALM_TRY(almi_create_view(query->sql, &view, query->arena, o->error));
    view.name = "predictions_history";
    view.files = &history;
    ALM_TRY(almi_create_view(query->sql, &view, query->arena, o->error));
    ALM_TRY(create_runs(query->sql, &o->catalog, &o->choice, o->error));
    alm_str statement = alm_str_trim(o->options->sql);
    while (statement.size > 0 && statement.data[statement.size - 1] == ';') {
        statement.size--;
        statement = alm_str_trim(statement);
    }
    /* As a subquery only what reads is grammatical. The line break ends a comment. */
    query->text = alm_arena_printf(query->arena, "SELECT * FROM (" ALM_STR_FMT "\n) AS statement",
                                   ALM_STR_ARG(statement));
    query->raw = query->text;
    query->is_free = true;
    o->files = history; /* what the statement may open */
    return ALM_OK;
}

static void fill_facts(opener *o)
{
    alm_query_facts *facts = &o->query->facts;
    alm_arena *arena = o->query->arena;
    alm_str *ids = ALM_NEW_ARRAY(arena, alm_str, o->choice.runs);
    for (size_t i = 0; i < o->choice.runs; i++) {
        alm_str id = o->choice.run[i]->run_id;
        ids[i] = (alm_str){alm_arena_copy_text(arena, id.data, id.size), id.size};
    }
    alm_str asked = o->options->model;
    alm_str name = o->choice.model_version;
    facts->asked_model = (alm_str){alm_arena_copy_text(arena, asked.data, asked.size), asked.size};
    facts->model_version = (alm_str){alm_arena_copy_text(arena, name.data, name.size), name.size};
    facts->run_ids = ids;
    facts->run_count = o->choice.runs;
    facts->version = o->choice.version;
    facts->files = o->files.path;
    facts->file_count = o->files.count;
}

static alm_err open_query(opener *o)
{
    alm_query *query = o->query;
    ALM_TRY(check_options(o->options, o->error));
    ALM_TRY(almi_catalog_read(o->stores, query->arena, &o->catalog, o->error));
    ALM_TRY(almi_choose_runs(o->stores, &o->catalog, o->options, query->arena, &o->choice,
                             o->error));
    ALM_TRY(almi_data_columns(&o->catalog, query->arena, &o->columns, o->error));
    alm_sql_options options = {.threads = o->stores->threads,
                               .memory_limit_bytes = o->stores->memory_limit_bytes,
                               .scratch_directory = o->stores->scratch_directory};
    ALM_TRY(alm_sql_open(&options, &query->sql, o->error));
    ALM_TRY(o->options->sql.size > 0 ? open_statement(o) : open_selection(o));
    alm_buffer allowed = {0};
    list_files(&o->files, query->arena, &allowed);
    query->allowed = keep(&allowed, query->arena);
    fill_facts(o);
    return ALM_OK;
}

alm_err alm_query_open(const alm_read_stores *stores, const alm_query_options *options,
                       alm_query **out, alm_error *error)
{
    alm_assert(stores->threads >= 1);
    alm_arena *arena = alm_arena_create(0);
    alm_query *query = ALM_NEW(arena, alm_query);
    query->arena = arena;
    opener o = {.query = query, .stores = stores, .options = options, .error = error};
    alm_err code = open_query(&o);
    if (code != ALM_OK) {
        alm_query_close(query);
        return code;
    }
    *out = query;
    return ALM_OK;
}

void alm_query_close(alm_query *query)
{
    if (!query) {
        return;
    }
    alm_sql_cursor_close(query->cursor);
    alm_sql_close(query->sql);
    alm_arena_destroy(query->arena);
}

const alm_query_facts *alm_query_facts_of(const alm_query *query)
{
    return &query->facts;
}

/* ---- running ---- */

alm_err almi_query_lock(alm_query *query, const char *also, alm_error *error)
{
    if (query->is_locked || !query->is_free) {
        return ALM_OK; /* our own statements need no cage */
    }
    char *statement = alm_arena_printf(query->arena,
                                       "SET allowed_paths = [%s%s%s]; "
                                       "SET enable_external_access = false; "
                                       "SET lock_configuration = true",
                                       query->allowed, also ? ", " : "", also ? also : "");
    ALM_TRY(alm_sql_run(query->sql, statement, error));
    query->is_locked = true;
    return ALM_OK;
}

alm_err almi_query_begin(alm_query *query, alm_error *error)
{
    if (query->cursor) {
        return ALM_OK;
    }
    ALM_TRY(almi_query_lock(query, NULL, error));
    if (query->is_free) {
        almi_query_describe(query);
    }
    alm_err code = alm_sql_query(query->sql, query->text, &query->cursor, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, query->is_free ? "SQL" : "reading the predictions");
    }
    return ALM_OK;
}

alm_err alm_query_next(alm_query *query, alm_arena *arena, alm_table *out, alm_error *error)
{
    ALM_TRY(almi_query_begin(query, error));
    return alm_sql_next(query->cursor, arena, out, error);
}

alm_err almi_query_no_rows(const alm_query *query, alm_error *error)
{
    return alm_fail(error, ALM_ERR_NOT_FOUND,
                    "%s: not among the predictions of " ALM_STR_FMT " (run " ALM_STR_FMT ")",
                    query->filter_text, ALM_STR_ARG(query->facts.model_version),
                    ALM_STR_ARG(query->facts.run_ids[0]));
}
