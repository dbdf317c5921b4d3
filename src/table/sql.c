/* sql.c: what sql.h offers on top of the engine: whole results and quoting. */
#include "table/sql.h"

#include <string.h>

/* ---- whole results ---- */

static alm_err copy_array(alm_arena *arena, const void *from, size_t size, const void **out,
                          alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, size, &memory, error));
    if (size > 0) {
        memcpy(memory, from, size);
    }
    *out = memory;
    return ALM_OK;
}

static alm_err copy_text_column(alm_arena *arena, alm_column *column, size_t rows,
                                alm_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < rows; i++) {
        bytes += column->values.text[i].size;
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, bytes, &memory, error));
    char *at = memory;
    ALM_TRY(alm_arena_try_alloc(arena, rows * sizeof(alm_str), &memory, error));
    alm_str *out = memory;
    for (size_t i = 0; i < rows; i++) {
        alm_str text = column->values.text[i];
        if (text.size > 0) {
            memcpy(at, text.data, text.size);
        }
        out[i] = (alm_str){text.data ? at : NULL, text.size};
        at += text.size;
    }
    column->values.text = out;
    return ALM_OK;
}

static alm_err copy_table(alm_arena *arena, const alm_table *table, alm_table *out,
                          alm_error *error)
{
    alm_column *columns = ALM_NEW_ARRAY(arena, alm_column, table->column_count);
    for (size_t c = 0; c < table->column_count; c++) {
        columns[c] = table->columns[c];
        const char *name = columns[c].name;
        columns[c].name = alm_arena_copy_text(arena, name, strlen(name));
        const void *copy = NULL;
        if (columns[c].valid) {
            ALM_TRY(copy_array(arena, columns[c].valid, table->rows, &copy, error));
            columns[c].valid = copy;
        }
        if (columns[c].type == ALM_TYPE_TEXT) {
            ALM_TRY(copy_text_column(arena, &columns[c], table->rows, error));
            continue;
        }
        size_t bytes = table->rows * alm_type_size(columns[c].type);
        ALM_TRY(copy_array(arena, columns[c].values.any, bytes, &copy, error));
        columns[c].values.any = copy;
    }
    *out = (alm_table){table->rows, table->column_count, columns};
    return ALM_OK;
}

static alm_err create_builder_like(const alm_table *table, alm_arena *scratch,
                                   alm_table_builder **out, alm_error *error)
{
    const char **names = ALM_NEW_ARRAY(scratch, const char *, table->column_count);
    alm_type *types = ALM_NEW_ARRAY(scratch, alm_type, table->column_count);
    for (size_t c = 0; c < table->column_count; c++) {
        names[c] = table->columns[c].name;
        types[c] = table->columns[c].type;
    }
    return alm_table_builder_create(names, types, table->column_count, out, error);
}

static alm_err collect_rows(alm_sql_cursor *cursor, size_t row_limit, alm_arena *scratch,
                            alm_table_builder **builder, alm_error *error)
{
    size_t rows = 0;
    for (;;) {
        alm_table batch;
        ALM_TRY(alm_sql_next(cursor, scratch, &batch, error));
        if (batch.column_count == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "the statement gives no result");
        }
        if (!*builder) {
            ALM_TRY(create_builder_like(&batch, scratch, builder, error));
        }
        if (batch.rows == 0) {
            return ALM_OK;
        }
        rows += batch.rows;
        if (rows > row_limit) {
            return alm_fail(error, ALM_ERR_LIMIT, "the result has more than %zu rows", row_limit);
        }
        for (size_t row = 0; row < batch.rows; row++) {
            for (size_t c = 0; c < batch.column_count; c++) {
                alm_table_builder_value(*builder, &batch.columns[c], row);
            }
        }
        alm_arena_reset(scratch);
    }
}

alm_err alm_sql_collect(alm_sql *sql, const char *statement, size_t row_limit, alm_arena *arena,
                        alm_table *out, alm_error *error)
{
    alm_sql_cursor *cursor = NULL;
    ALM_TRY(alm_sql_query(sql, statement, &cursor, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_table_builder *builder = NULL;
    alm_err code = collect_rows(cursor, row_limit, scratch, &builder, error);
    alm_table table;
    if (code == ALM_OK) {
        code = alm_table_builder_finish(builder, &table, error);
    }
    if (code == ALM_OK) {
        code = copy_table(arena, &table, out, error);
    }
    alm_table_builder_destroy(builder);
    alm_arena_destroy(scratch);
    alm_sql_cursor_close(cursor);
    return code;
}

alm_err alm_sql_i64(alm_sql *sql, const char *statement, int64_t *out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(4096);
    alm_table table;
    alm_err code = alm_sql_collect(sql, statement, 1, arena, &table, error);
    if (code == ALM_OK) {
        if (table.rows == 0 || !alm_column_is_valid(&table.columns[0], 0)) {
            code = alm_fail(error, ALM_ERR_NOT_FOUND, "the query gives no value");
        } else if (table.column_count != 1 || table.columns[0].type != ALM_TYPE_I64) {
            code = alm_fail(error, ALM_ERR_INVALID, "the query gives no single integer");
        } else {
            *out = table.columns[0].values.i64[0];
        }
    }
    alm_arena_destroy(arena);
    return code;
}

/* ---- quoting ---- */

static char *quote(alm_arena *arena, alm_str text, char mark)
{
    size_t marks = 0;
    for (size_t i = 0; i < text.size; i++) {
        marks += text.data[i] == mark;
    }
    char *out = alm_arena_alloc(arena, text.size + marks + 3);
    size_t size = 0;
    out[size++] = mark;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == mark) {
            out[size++] = mark;
        }
        out[size++] = text.data[i];
    }
    out[size++] = mark;
    out[size] = '\0';
    return out;
}

char *alm_sql_literal(alm_arena *arena, alm_str text)
{
    return quote(arena, text, '\'');
}

char *alm_sql_identifier(alm_arena *arena, alm_str name)
{
    return quote(arena, name, '"');
}
