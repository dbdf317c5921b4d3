/* duckdb.c: sql.h on DuckDB; the only file that knows its C interface. */
#include "table/sql.h"

#include <duckdb.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MEMORY_BYTES ((uint64_t)2 << 30)
#define ROW_GROUP_ROWS ((size_t)122880) /* the engine's own */

/* Rows on their way into a file; see alm_sql_write_parquet. */
typedef struct stream {
    const alm_table *schema;
    alm_sql_pull pull;
    void *context;
    alm_err code; /* of `pull` */
    alm_error error;
} stream;

struct alm_sql {
    duckdb_database database;
    duckdb_connection connection;
    bool busy; /* a cursor is open */
    bool has_stream_function;
    stream *stream; /* while one is written */
};

struct alm_sql_cursor {
    alm_sql *sql;
    alm_arena *arena; /* names */
    duckdb_prepared_statement prepared;
    duckdb_pending_result pending;
    duckdb_result result;
    bool has_result;
    size_t column_count;
    const char **names;
    duckdb_type *types;
};

/* ---- errors ---- */

static alm_err error_code(duckdb_error_type type)
{
    switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
        return ALM_ERR_LIMIT;
    case DUCKDB_ERROR_IO:
        return ALM_ERR_IO;
    case DUCKDB_ERROR_INTERRUPT:
        return ALM_ERR_INTERRUPTED;
    case DUCKDB_ERROR_PERMISSION:
        return ALM_ERR_DENIED;
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_CONSTRAINT:
        return ALM_ERR_INVALID;
    default:
        return ALM_ERR_EXTERNAL;
    }
}

/* The engine's messages have several lines; ours have one. */
static alm_err fail_with(alm_error *error, alm_err code, const char *message)
{
    char line[ALM_ERROR_MESSAGE_BYTES];
    size_t size = 0;
    bool gap = false;
    for (const char *c = message ? message : "no message"; *c && size + 3 < sizeof(line); c++) {
        if (*c == '\n' || *c == '\r' || *c == '\t' || *c == ' ') {
            gap = true;
            continue;
        }
        if (gap && size > 0) {
            line[size++] = ' ';
        }
        gap = false;
        line[size++] = *c;
    }
    line[size] = '\0';
    return alm_fail(error, code, "%s", line);
}

static alm_err fail_result(alm_error *error, duckdb_result *result)
{
    return fail_with(error, error_code(duckdb_result_error_type(result)),
                     duckdb_result_error(result));
}

/* Statements that could not be prepared carry no error type; the message starts with it. */
static alm_err fail_prepare(alm_error *error, const char *message)
{
    alm_err code = message && strncmp(message, "IO Error", 8) == 0 ? ALM_ERR_IO : ALM_ERR_INVALID;
    return fail_with(error, code, message);
}

/* ---- opening ---- */

static alm_err set(duckdb_config config, const char *name, const char *value, alm_error *error)
{
    if (duckdb_set_config(config, name, value) != DuckDBSuccess) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "the table engine refuses %s = %s", name, value);
    }
    return ALM_OK;
}

static alm_err configure(duckdb_config config, const alm_sql_options *options, alm_error *error)
{
    char threads[16];
    char memory[32];
    uint64_t limit = options->memory_limit_bytes ? options->memory_limit_bytes
                                                 : DEFAULT_MEMORY_BYTES;
    (void)snprintf(threads, sizeof(threads), "%d", options->threads);
    (void)snprintf(memory, sizeof(memory), "%lluB", (unsigned long long)limit);
    ALM_TRY(set(config, "autoinstall_known_extensions", "false", error));
    ALM_TRY(set(config, "autoload_known_extensions", "false", error));
    ALM_TRY(set(config, "allow_community_extensions", "false", error));
    ALM_TRY(set(config, "threads", threads, error));
    ALM_TRY(set(config, "memory_limit", memory, error));
    ALM_TRY(set(config, "preserve_insertion_order", "true", error));
    /* An empty folder switches spilling off; the default would be a folder beside the database. */
    return set(config, "temp_directory",
               options->scratch_directory ? options->scratch_directory : "", error);
}

static alm_err open_database(alm_sql *sql, const alm_sql_options *options, alm_error *error)
{
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "the table engine gives no configuration");
    }
    alm_err code = configure(config, options, error);
    char *message = NULL;
    if (code == ALM_OK &&
        duckdb_open_ext(NULL, &sql->database, config, &message) != DuckDBSuccess) {
        code = fail_with(error, ALM_ERR_EXTERNAL, message);
        duckdb_free(message);
    }
    duckdb_destroy_config(&config);
    ALM_TRY(code);
    if (duckdb_connect(sql->database, &sql->connection) != DuckDBSuccess) {
        return alm_fail(error, ALM_ERR_EXTERNAL, "the table engine gives no connection");
    }
    /* The session's zone would come from the environment; progress bars have no place here. */
    ALM_TRY(alm_sql_run(sql, "SET TimeZone = 'UTC'; SET enable_progress_bar = false", error));
    return ALM_OK;
}

alm_err alm_sql_open(const alm_sql_options *options, alm_sql **out, alm_error *error)
{
    alm_assert(options->threads >= 1);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_sql), &memory, error));
    alm_sql *sql = memory;
    alm_err code = open_database(sql, options, error);
    if (code != ALM_OK) {
        alm_sql_close(sql);
        return code;
    }
    *out = sql;
    return ALM_OK;
}

void alm_sql_close(alm_sql *sql)
{
    if (!sql) {
        return;
    }
    alm_assert(!sql->busy); /* cursors are closed before their engine */
    if (sql->connection) {
        duckdb_disconnect(&sql->connection);
    }
    if (sql->database) {
        duckdb_close(&sql->database);
    }
    alm_heap_free(sql);
}

alm_err alm_sql_run(alm_sql *sql, const char *statement, alm_error *error)
{
    alm_assert(!sql->busy);
    duckdb_result result;
    alm_err code = ALM_OK;
    if (duckdb_query(sql->connection, statement, &result) != DuckDBSuccess) {
        code = fail_result(error, &result);
    }
    duckdb_destroy_result(&result);
    return code;
}

void alm_sql_interrupt(alm_sql *sql)
{
    duckdb_interrupt(sql->connection);
}

const char *alm_sql_engine_version(void)
{
    return duckdb_library_version();
}

/* ---- queries ---- */

static bool is_native(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_VARCHAR:
        return true;
    default:
        return false;
    }
}

static alm_type type_of(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
        return ALM_TYPE_BOOL;
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
        return ALM_TYPE_F64;
    case DUCKDB_TYPE_DATE:
        return ALM_TYPE_DATE;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return ALM_TYPE_INSTANT;
    case DUCKDB_TYPE_VARCHAR:
        return ALM_TYPE_TEXT;
    default:
        return ALM_TYPE_I64;
    }
}

static alm_err prepare(alm_sql_cursor *cursor, const char *statement, alm_error *error)
{
    if (cursor->prepared) {
        duckdb_destroy_prepare(&cursor->prepared);
    }
    if (duckdb_prepare(cursor->sql->connection, statement, &cursor->prepared) != DuckDBSuccess) {
        return fail_prepare(error, duckdb_prepare_error(cursor->prepared));
    }
    cursor->column_count = duckdb_prepared_statement_column_count(cursor->prepared);
    return ALM_OK;
}

/* Wraps a statement so that every column of a foreign type is cast to text by the engine. The
 * inner columns are renamed by position, because their names need not be unique. */
static char *wrap_as_text(alm_sql_cursor *cursor, const char *statement)
{
    alm_buffer inner = {0};
    alm_buffer outer = {0};
    alm_arena *arena = cursor->arena;
    for (size_t c = 0; c < cursor->column_count; c++) {
        const char *name = duckdb_prepared_statement_column_name(cursor->prepared, c);
        char *quoted = alm_sql_identifier(arena, alm_str_of(name));
        duckdb_free((void *)(uintptr_t)name);
        duckdb_type type = duckdb_prepared_statement_column_type(cursor->prepared, c);
        const char *comma = c ? ", " : "";
        alm_buffer_printf(&inner, "%sc%zu", comma, c);
        alm_buffer_printf(&outer, is_native(type) ? "%sc%zu AS %s" : "%sc%zu::VARCHAR AS %s",
                          comma, c, quoted);
    }
    size_t size = strlen(statement);
    while (size > 0 && strchr("; \t\r\n", statement[size - 1])) {
        size--;
    }
    char *text = NULL;
    if (alm_buffer_status(&inner, NULL) == ALM_OK && alm_buffer_status(&outer, NULL) == ALM_OK) {
        /* The line break ends a comment at the end of the statement. */
        text = alm_arena_printf(arena, "SELECT %s FROM (%.*s\n) AS t(%s)", outer.data, (int)size,
                                statement, inner.data);
    }
    alm_buffer_deinit(&inner);
    alm_buffer_deinit(&outer);
    return text;
}

static bool all_native(const alm_sql_cursor *cursor)
{
    for (size_t c = 0; c < cursor->column_count; c++) {
        if (!is_native(duckdb_prepared_statement_column_type(cursor->prepared, c))) {
            return false;
        }
    }
    return true;
}

static alm_err cursor_start(alm_sql_cursor *cursor, const char *statement, alm_error *error)
{
    ALM_TRY(prepare(cursor, statement, error));
    if (!all_native(cursor)) {
        char *wrapped = wrap_as_text(cursor, statement);
        if (!wrapped) {
            return alm_fail(error, ALM_ERR_MEMORY, "out of memory");
        }
        ALM_TRY(prepare(cursor, wrapped, error));
    }
    cursor->names = ALM_NEW_ARRAY(cursor->arena, const char *, cursor->column_count);
    cursor->types = ALM_NEW_ARRAY(cursor->arena, duckdb_type, cursor->column_count);
    for (size_t c = 0; c < cursor->column_count; c++) {
        const char *name = duckdb_prepared_statement_column_name(cursor->prepared, c);
        cursor->names[c] = alm_arena_copy_text(cursor->arena, name, strlen(name));
        duckdb_free((void *)(uintptr_t)name);
        cursor->types[c] = duckdb_prepared_statement_column_type(cursor->prepared, c);
        alm_assert(is_native(cursor->types[c]));
    }
    if (duckdb_pending_prepared_streaming(cursor->prepared, &cursor->pending) != DuckDBSuccess) {
        return fail_prepare(error, duckdb_pending_error(cursor->pending));
    }
    cursor->has_result = true;
    if (duckdb_execute_pending(cursor->pending, &cursor->result) != DuckDBSuccess) {
        return fail_result(error, &cursor->result);
    }
    return ALM_OK;
}

alm_err alm_sql_query(alm_sql *sql, const char *statement, alm_sql_cursor **out, alm_error *error)
{
    alm_assert(!sql->busy);
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_sql_cursor), &memory, error));
    alm_sql_cursor *cursor = memory;
    cursor->sql = sql;
    cursor->arena = alm_arena_create(4096);
    sql->busy = true;
    alm_err code = cursor_start(cursor, statement, error);
    if (code != ALM_OK) {
        alm_sql_cursor_close(cursor);
        return code;
    }
    *out = cursor;
    return ALM_OK;
}

void alm_sql_cursor_close(alm_sql_cursor *cursor)
{
    if (!cursor) {
        return;
    }
    cursor->sql->busy = false;
    if (cursor->has_result) {
        duckdb_destroy_result(&cursor->result);
    }
    if (cursor->pending) {
        duckdb_destroy_pending(&cursor->pending);
    }
    if (cursor->prepared) {
        duckdb_destroy_prepare(&cursor->prepared);
    }
    alm_arena_destroy(cursor->arena);
    alm_heap_free(cursor);
}

/* ---- chunks to tables ---- */

static void copy_i64(duckdb_type type, const void *data, size_t rows, int64_t *out)
{
#define WIDEN(tag, ctype)                                \
    case DUCKDB_TYPE_##tag:                              \
        for (size_t i = 0; i < rows; i++) {              \
            out[i] = (int64_t)((const ctype *)data)[i];  \
        }                                                \
        break
    switch (type) {
        WIDEN(TINYINT, int8_t);
        WIDEN(SMALLINT, int16_t);
        WIDEN(INTEGER, int32_t);
        WIDEN(BIGINT, int64_t);
        WIDEN(UTINYINT, uint8_t);
        WIDEN(USMALLINT, uint16_t);
        WIDEN(UINTEGER, uint32_t);
    default:
        alm_assert(!"an integer type");
    }
#undef WIDEN
}

static const void *copy_text(duckdb_string_t *data, const uint8_t *valid, size_t rows,
                             alm_arena *arena)
{
    alm_str *out = ALM_NEW_ARRAY(arena, alm_str, rows);
    size_t bytes = 0;
    for (size_t i = 0; i < rows; i++) {
        bytes += !valid || valid[i] ? data[i].value.inlined.length : 0;
    }
    char *at = alm_arena_alloc(arena, bytes);
    for (size_t i = 0; i < rows; i++) {
        if (valid && !valid[i]) {
            continue;
        }
        size_t size = data[i].value.inlined.length;
        memcpy(at, duckdb_string_t_data(&data[i]), size);
        out[i] = (alm_str){at, size};
        at += size;
    }
    return out;
}

static const void *copy_values(duckdb_type type, void *data, const uint8_t *valid, size_t rows,
                               alm_arena *arena)
{
    alm_type target = type_of(type);
    if (target == ALM_TYPE_TEXT) {
        return copy_text(data, valid, rows, arena);
    }
    size_t size = alm_type_size(target);
    uint8_t *out = alm_arena_alloc_array(arena, rows, size);
    if (target == ALM_TYPE_I64) {
        copy_i64(type, data, rows, (int64_t *)(void *)out);
    } else if (type == DUCKDB_TYPE_FLOAT) {
        for (size_t i = 0; i < rows; i++) {
            ((double *)(void *)out)[i] = (double)((const float *)data)[i];
        }
    } else {
        memcpy(out, data, rows * size); /* bool, double, date, timestamp: the same layout */
    }
    for (size_t i = 0; valid && i < rows; i++) {
        if (!valid[i]) {
            memset(out + i * size, 0, size);
        }
    }
    return out;
}

static const uint8_t *copy_validity(duckdb_vector vector, size_t rows, alm_arena *arena)
{
    uint64_t *mask = duckdb_vector_get_validity(vector);
    if (!mask) {
        return NULL;
    }
    uint8_t *valid = alm_arena_alloc(arena, rows);
    bool all = true;
    for (size_t i = 0; i < rows; i++) {
        valid[i] = (mask[i / 64] >> (i % 64)) & 1;
        all = all && valid[i];
    }
    return all ? NULL : valid;
}

static void chunk_to_table(const alm_sql_cursor *cursor, duckdb_data_chunk chunk, alm_arena *arena,
                           alm_table *out)
{
    size_t rows = duckdb_data_chunk_get_size(chunk);
    alm_column *columns = ALM_NEW_ARRAY(arena, alm_column, cursor->column_count);
    for (size_t c = 0; c < cursor->column_count; c++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        const char *name = cursor->names[c];
        columns[c].name = alm_arena_copy_text(arena, name, strlen(name));
        columns[c].type = type_of(cursor->types[c]);
        columns[c].valid = copy_validity(vector, rows, arena);
        columns[c].values.any = copy_values(cursor->types[c], duckdb_vector_get_data(vector),
                                            columns[c].valid, rows, arena);
    }
    *out = (alm_table){rows, cursor->column_count, columns};
}

alm_err alm_sql_next(alm_sql_cursor *cursor, alm_arena *arena, alm_table *out, alm_error *error)
{
    for (;;) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(cursor->result);
        if (!chunk) {
            const char *message = duckdb_result_error(&cursor->result);
            if (message && *message) {
                return fail_result(error, &cursor->result);
            }
            alm_column *columns = ALM_NEW_ARRAY(arena, alm_column, cursor->column_count);
            for (size_t c = 0; c < cursor->column_count; c++) {
                const char *name = cursor->names[c];
                columns[c].name = alm_arena_copy_text(arena, name, strlen(name));
                columns[c].type = type_of(cursor->types[c]);
            }
            *out = (alm_table){0, cursor->column_count, columns};
            return ALM_OK;
        }
        bool empty = duckdb_data_chunk_get_size(chunk) == 0;
        if (!empty) {
            chunk_to_table(cursor, chunk, arena, out);
        }
        duckdb_destroy_data_chunk(&chunk);
        if (!empty) {
            return ALM_OK;
        }
    }
}

/* ---- appending ---- */

static const char *const ENGINE_TYPES[] = {
    [ALM_TYPE_BOOL] = "BOOLEAN",  [ALM_TYPE_I64] = "BIGINT",        [ALM_TYPE_F64] = "DOUBLE",
    [ALM_TYPE_DATE] = "DATE",     [ALM_TYPE_INSTANT] = "TIMESTAMP", [ALM_TYPE_TEXT] = "VARCHAR",
};

static duckdb_type engine_type(alm_type type)
{
    switch (type) {
    case ALM_TYPE_BOOL:
        return DUCKDB_TYPE_BOOLEAN;
    case ALM_TYPE_I64:
        return DUCKDB_TYPE_BIGINT;
    case ALM_TYPE_F64:
        return DUCKDB_TYPE_DOUBLE;
    case ALM_TYPE_DATE:
        return DUCKDB_TYPE_DATE;
    case ALM_TYPE_INSTANT:
        return DUCKDB_TYPE_TIMESTAMP;
    case ALM_TYPE_TEXT:
        return DUCKDB_TYPE_VARCHAR;
    }
    return DUCKDB_TYPE_INVALID;
}

static alm_err create_table(alm_sql *sql, const char *name, const alm_table *table,
                            alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    alm_buffer text = {0};
    alm_buffer_printf(&text, "CREATE TEMP TABLE IF NOT EXISTS %s (",
                      alm_sql_identifier(arena, alm_str_of(name)));
    for (size_t c = 0; c < table->column_count; c++) {
        const alm_column *column = &table->columns[c];
        alm_buffer_printf(&text, "%s%s %s", c ? ", " : "",
                          alm_sql_identifier(arena, alm_str_of(column->name)),
                          ENGINE_TYPES[column->type]);
    }
    alm_buffer_text(&text, ")");
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_run(sql, text.data, error);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    return code;
}

/* Short enough to lie in the vector itself, and ASCII, so that there is nothing to check. */
static bool is_plain(alm_str text)
{
    unsigned char high = 0;
    if (text.size == 0 || text.size > sizeof(((duckdb_string_t *)0)->value.inlined.inlined)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        high |= (unsigned char)text.data[i];
    }
    return high < 0x80;
}

static void fill_vector(duckdb_vector vector, const alm_column *column, size_t first, size_t count)
{
    uint8_t *data = duckdb_vector_get_data(vector);
    size_t size = alm_type_size(column->type);
    if (column->type != ALM_TYPE_TEXT && count > 0) {
        memcpy(data, (const uint8_t *)column->values.any + first * size, count * size);
    }
    for (size_t i = 0; column->type == ALM_TYPE_TEXT && i < count; i++) {
        alm_str text = column->values.text[first + i];
        duckdb_string_t *slot = (duckdb_string_t *)(void *)data + i;
        if (!alm_column_is_valid(column, first + i)) {
            continue;
        }
        if (is_plain(text)) { /* the common key: a call, a check and a lookup less */
            *slot = (duckdb_string_t){0};
            slot->value.inlined.length = (uint32_t)text.size;
            memcpy(slot->value.inlined.inlined, text.data, text.size);
        } else {
            duckdb_vector_assign_string_element_len(vector, i, text.data ? text.data : "",
                                                    text.size);
        }
    }
    if (!column->valid) {
        return;
    }
    duckdb_vector_ensure_validity_writable(vector);
    uint64_t *mask = duckdb_vector_get_validity(vector);
    for (size_t i = 0; i < count; i++) {
        duckdb_validity_set_row_validity(mask, i, column->valid[first + i] != 0);
    }
}

static alm_err append_chunks(duckdb_appender appender, duckdb_data_chunk chunk,
                             const alm_table *table)
{
    size_t width = duckdb_vector_size();
    for (size_t first = 0; first < table->rows; first += width) {
        size_t count = table->rows - first < width ? table->rows - first : width;
        duckdb_data_chunk_reset(chunk);
        for (size_t c = 0; c < table->column_count; c++) {
            fill_vector(duckdb_data_chunk_get_vector(chunk, c), &table->columns[c], first, count);
        }
        duckdb_data_chunk_set_size(chunk, count);
        if (duckdb_append_data_chunk(appender, chunk) != DuckDBSuccess) {
            return ALM_ERR_EXTERNAL;
        }
    }
    return duckdb_appender_close(appender) == DuckDBSuccess ? ALM_OK : ALM_ERR_EXTERNAL;
}

static alm_err fail_appender(alm_error *error, duckdb_appender appender, const char *name)
{
    duckdb_error_data data = duckdb_appender_error_data(appender);
    alm_err code = fail_with(error, error_code(duckdb_error_data_error_type(data)),
                             duckdb_error_data_message(data));
    duckdb_destroy_error_data(&data);
    return alm_error_wrap(error, code, "appending to %s", name);
}

alm_err alm_sql_append(alm_sql *sql, const char *name, const alm_table *table, alm_error *error)
{
    alm_assert(!sql->busy);
    ALM_TRY(create_table(sql, name, table, error));
    duckdb_appender appender = NULL;
    duckdb_data_chunk chunk = NULL;
    alm_arena *arena = alm_arena_create(4096);
    duckdb_logical_type *types = ALM_NEW_ARRAY(arena, duckdb_logical_type, table->column_count);
    for (size_t c = 0; c < table->column_count; c++) {
        types[c] = duckdb_create_logical_type(engine_type(table->columns[c].type));
    }
    alm_err code = ALM_ERR_EXTERNAL;
    if (duckdb_appender_create(sql->connection, NULL, name, &appender) == DuckDBSuccess) {
        chunk = duckdb_create_data_chunk(types, table->column_count);
        code = append_chunks(appender, chunk, table);
    }
    if (code != ALM_OK) {
        code = fail_appender(error, appender, name);
    }
    if (chunk) {
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_appender_destroy(&appender);
    for (size_t c = 0; c < table->column_count; c++) {
        duckdb_destroy_logical_type(&types[c]);
    }
    alm_arena_destroy(arena);
    return code;
}

/* ---- rows into a file ---- */

static void stream_bind(duckdb_bind_info info)
{
    const alm_sql *sql = duckdb_bind_get_extra_info(info);
    if (!sql->stream) {
        duckdb_bind_set_error(info, "almanac_rows is of use to almanac only");
        return;
    }
    for (size_t c = 0; c < sql->stream->schema->column_count; c++) {
        const alm_column *column = &sql->stream->schema->columns[c];
        duckdb_logical_type type = duckdb_create_logical_type(engine_type(column->type));
        duckdb_bind_add_result_column(info, column->name, type);
        duckdb_destroy_logical_type(&type);
    }
}

static void stream_init(duckdb_init_info info)
{
    duckdb_init_set_max_threads(info, 1); /* the rows have an order */
}

static void stream_rows(duckdb_function_info info, duckdb_data_chunk output)
{
    stream *rows = ((const alm_sql *)duckdb_function_get_extra_info(info))->stream;
    alm_table table = {0};
    rows->code = rows->pull(rows->context, &table, &rows->error);
    if (rows->code != ALM_OK) {
        duckdb_function_set_error(info, "the rows could not be had");
        return;
    }
    alm_assert(table.rows <= duckdb_vector_size());
    for (size_t c = 0; table.rows > 0 && c < table.column_count; c++) {
        fill_vector(duckdb_data_chunk_get_vector(output, c), &table.columns[c], 0, table.rows);
    }
    duckdb_data_chunk_set_size(output, table.rows);
}

static alm_err add_stream_function(alm_sql *sql, alm_error *error)
{
    if (sql->has_stream_function) {
        return ALM_OK;
    }
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "almanac_rows");
    duckdb_table_function_set_extra_info(function, sql, NULL);
    duckdb_table_function_set_bind(function, stream_bind);
    duckdb_table_function_set_init(function, stream_init);
    duckdb_table_function_set_function(function, stream_rows);
    sql->has_stream_function =
        duckdb_register_table_function(sql->connection, function) == DuckDBSuccess;
    duckdb_destroy_table_function(&function);
    return sql->has_stream_function
               ? ALM_OK
               : alm_fail(error, ALM_ERR_EXTERNAL, "the table engine takes no function");
}

alm_err alm_sql_write_parquet(alm_sql *sql, const alm_sql_parquet *file, alm_sql_pull pull,
                              void *context, alm_error *error)
{
    alm_assert(!sql->busy && !sql->stream && file->schema->column_count > 0);
    ALM_TRY(add_stream_function(sql, error));
    stream rows = {.schema = file->schema, .pull = pull, .context = context};
    alm_arena *arena = alm_arena_create(4096);
    char *statement = alm_arena_printf(
        arena, "COPY (SELECT %s FROM almanac_rows()) TO %s (FORMAT parquet, COMPRESSION zstd, "
        "ROW_GROUP_SIZE %zu)", file->select ? file->select : "*",
        alm_sql_literal(arena, alm_str_of(file->path)),
        file->row_group_rows ? file->row_group_rows : ROW_GROUP_ROWS);
    sql->stream = &rows;
    alm_err code = alm_sql_run(sql, statement, error);
    sql->stream = NULL;
    alm_arena_destroy(arena);
    if (code != ALM_OK && rows.code != ALM_OK) {
        code = rows.code; /* not what the engine makes of it */
        if (error) {
            *error = rows.error;
        }
    }
    return code;
}
