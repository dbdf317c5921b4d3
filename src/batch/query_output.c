/* query_output.c: the rows of a query as a table for a person, CSV, JSON and Parquet. */
#include "batch/query_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES ((size_t)64 << 10)
#define TEXT_WIDTH_MIN 24 /* a text column is not cut below this */
#define EXPLANATION "explanation"

bool alm_query_format_parse(alm_str name, alm_query_format *out)
{
    static const char *const names[] = {"table", "csv", "json", "jsonl", "parquet"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (alm_str_is(name, names[i])) {
            *out = (alm_query_format)i;
            return true;
        }
    }
    return false;
}

typedef struct writer {
    alm_query *query;
    const alm_query_sink *sink;
    alm_query_format format;
    alm_buffer buffer;
    alm_arena *batch; /* reset after each */
    int64_t rows;
    size_t *width;    /* of the table: code points per column; 0: not shown */
    size_t hidden;    /* columns that did not fit */
    alm_error *error;
} writer;

static alm_err flush(writer *w, size_t above)
{
    ALM_TRY(alm_buffer_status(&w->buffer, w->error));
    if (w->buffer.size <= above) {
        return ALM_OK;
    }
    ALM_TRY(w->sink->write(w->sink->context, alm_buffer_view(&w->buffer), w->error));
    alm_buffer_clear(&w->buffer);
    return ALM_OK;
}

/* ---- one value ---- */

static void put_plain(alm_buffer *out, const alm_column *column, size_t row)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    switch (column->type) {
    case ALM_TYPE_BOOL:
        alm_buffer_text(out, column->values.boolean[row] ? "true" : "false");
        break;
    case ALM_TYPE_I64:
        alm_buffer_printf(out, "%lld", (long long)column->values.i64[row]);
        break;
    case ALM_TYPE_F64:
        alm_buffer_double(out, column->values.f64[row]);
        break;
    case ALM_TYPE_DATE:
        alm_date_text(column->values.date[row], text);
        alm_buffer_text(out, text);
        break;
    case ALM_TYPE_INSTANT:
        alm_instant_text(column->values.instant[row], text);
        alm_buffer_text(out, text);
        break;
    case ALM_TYPE_TEXT:
        alm_buffer_str(out, column->values.text[row]);
        break;
    }
}

/* ---- CSV (RFC 4180, but lines end with \n) ---- */

static void put_csv_text(alm_buffer *out, alm_str text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        quoted = quoted || memchr(",\"\r\n", text.data[i], 4);
    }
    if (!quoted) {
        alm_buffer_str(out, text);
        return;
    }
    alm_buffer_text(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        alm_buffer_append(out, "\"\"", text.data[i] == '"' ? 1 : 0);
        alm_buffer_append(out, &text.data[i], 1);
    }
    alm_buffer_text(out, "\"");
}

static void csv_header(alm_buffer *out, const alm_table *table)
{
    for (size_t c = 0; c < table->column_count; c++) {
        alm_buffer_text(out, c ? "," : "");
        put_csv_text(out, alm_str_of(table->columns[c].name));
    }
    alm_buffer_text(out, "\n");
}

static void csv_row(alm_buffer *out, const alm_table *table, size_t row)
{
    for (size_t c = 0; c < table->column_count; c++) {
        const alm_column *column = &table->columns[c];
        alm_buffer_text(out, c ? "," : "");
        if (!alm_column_is_valid(column, row)) {
            continue;
        }
        if (column->type == ALM_TYPE_TEXT) {
            put_csv_text(out, column->values.text[row]);
        } else {
            put_plain(out, column, row);
        }
    }
    alm_buffer_text(out, "\n");
}

/* ---- JSON ---- */

/* The text is JSON already: a nested value, or a number that is larger or finer than a double. */
static bool is_raw_json(const writer *w, const alm_column *column)
{
    const almi_column *known = almi_query_column(w->query, column->name);
    return known && (known->is_nested || known->is_number_text);
}

static void json_value(const writer *w, alm_json_writer *json, const alm_column *column,
                       size_t row)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    if (!alm_column_is_valid(column, row)) {
        alm_json_null(json);
        return;
    }
    switch (column->type) {
    case ALM_TYPE_BOOL:
        alm_json_bool(json, column->values.boolean[row] != 0);
        break;
    case ALM_TYPE_I64:
        alm_json_i64(json, column->values.i64[row]);
        break;
    case ALM_TYPE_F64:
        alm_json_double(json, column->values.f64[row]);
        break;
    case ALM_TYPE_DATE:
        alm_date_text(column->values.date[row], text);
        alm_json_text(json, text);
        break;
    case ALM_TYPE_INSTANT:
        alm_instant_text(column->values.instant[row], text);
        alm_json_text(json, text);
        break;
    case ALM_TYPE_TEXT:
        if (is_raw_json(w, column)) {
            alm_buffer_str(json->buffer, column->values.text[row]);
        } else {
            alm_json_str(json, column->values.text[row]);
        }
        break;
    }
}

/* Commas between members are ours, because a nested value goes past the writer. */
static void json_row(writer *w, const alm_table *table, size_t row)
{
    alm_buffer *out = &w->buffer;
    alm_buffer_text(out, "{");
    for (size_t c = 0; c < table->column_count; c++) {
        alm_json_writer name = alm_json_writer_on(out);
        alm_buffer_text(out, c ? "," : "");
        alm_json_text(&name, table->columns[c].name);
        alm_buffer_text(out, ":");
        alm_json_writer value = alm_json_writer_on(out);
        json_value(w, &value, &table->columns[c], row);
    }
    alm_buffer_text(out, "}");
}

static void json_head(writer *w)
{
    const alm_query_facts *facts = &w->query->facts;
    alm_json_writer json = alm_json_writer_on(&w->buffer);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "model_version", facts->model_version);
    alm_json_put_i64(&json, "store_version", facts->version);
    alm_json_key(&json, "runs");
    alm_json_open_array(&json);
    for (size_t i = 0; i < facts->run_count; i++) {
        alm_json_str(&json, facts->run_ids[i]);
    }
    alm_json_close_array(&json);
    alm_buffer_text(&w->buffer, ",\"rows\":[");
}

/* ---- a table that fits ---- */

/* Two decimals show units of demand, three a probability; all others as they are, shortened. */
static void table_double(char out[32], const alm_column *column, double value, bool is_free)
{
    if (!isfinite(value)) {
        (void)snprintf(out, 32, "-");
    } else if (is_free) {
        (void)snprintf(out, 32, "%.6g", value);
    } else if (fabs(value) >= 1e15) { /* wider than a column, and its decimals are none */
        (void)snprintf(out, 32, "%.6e", value);
    } else {
        int decimals = strstr(column->name, "probability") ? 3 : 2;
        (void)snprintf(out, 32, "%.*f", decimals, value);
    }
}

static alm_str table_cell(const writer *w, const alm_column *column, size_t row)
{
    if (!alm_column_is_valid(column, row)) {
        return ALM_STR("-");
    }
    if (column->type == ALM_TYPE_TEXT) {
        return alm_str_visible(column->values.text[row], w->batch);
    }
    if (column->type == ALM_TYPE_F64) {
        char text[32];
        table_double(text, column, column->values.f64[row], w->query->is_free);
        return alm_str_of(alm_arena_copy_text(w->batch, text, strlen(text)));
    }
    alm_buffer plain = {0};
    put_plain(&plain, column, row);
    alm_str out = {plain.data ? alm_arena_copy_text(w->batch, plain.data, plain.size) : "",
                   plain.size};
    alm_buffer_deinit(&plain);
    return out;
}

static size_t code_points(alm_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

/* Bytes of the first `count` code points. */
static size_t prefix_bytes(alm_str text, size_t count)
{
    size_t i = 0;
    for (; i < text.size; i++) {
        if (((unsigned char)text.data[i] & 0xC0) != 0x80 && count-- == 0) {
            break;
        }
    }
    return i;
}

/* Columns that say the same in every row, or too much for a line: not shown unless asked for. */
static bool is_shown_by_default(const char *name)
{
    static const char *const quiet[] = {
        "run_id", "schedule", "prediction_timestamp", "base_mean", "method", EXPLANATION,
        "feature_version", "training_run_id", "snapshot_id", "release_hash", "prediction_date",
        "model_version"};
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        if (strcmp(name, quiet[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* Of the quantiles three say enough; a column of nulls (keys of an aggregate) says nothing. */
static bool is_worth_showing(const alm_table *table, const alm_column *column)
{
    const char *name = column->name;
    bool is_quantile = name[0] == 'q' && name[1] >= '0' && name[1] <= '9';
    if (is_quantile && strcmp(name, "q05") != 0 && strcmp(name, "q50") != 0 &&
        strcmp(name, "q95") != 0) {
        return false;
    }
    bool has_value = table->rows == 0;
    for (size_t r = 0; r < table->rows && !has_value; r++) {
        has_value = alm_column_is_valid(column, r);
    }
    return has_value && is_shown_by_default(name);
}

static size_t total_width(const writer *w, size_t columns)
{
    size_t total = 0;
    for (size_t c = 0; c < columns; c++) {
        total += w->width[c] ? w->width[c] + (total ? 2 : 0) : 0;
    }
    return total;
}

/* First long texts give way, then columns from the right. */
static void fit(writer *w, const alm_table *table)
{
    size_t limit = w->sink->width > 0 ? (size_t)w->sink->width : SIZE_MAX;
    for (;;) {
        size_t total = total_width(w, table->column_count);
        size_t widest = SIZE_MAX;
        for (size_t c = 0; c < table->column_count; c++) {
            bool shrinks = table->columns[c].type == ALM_TYPE_TEXT &&
                           w->width[c] > TEXT_WIDTH_MIN;
            if (shrinks && (widest == SIZE_MAX || w->width[c] > w->width[widest])) {
                widest = c;
            }
        }
        if (total <= limit || widest == SIZE_MAX) {
            break;
        }
        size_t excess = total - limit;
        size_t room = w->width[widest] - TEXT_WIDTH_MIN;
        w->width[widest] -= excess < room ? excess : room;
    }
    for (size_t c = table->column_count; c-- > 1;) {
        if (total_width(w, table->column_count) <= limit) {
            return;
        }
        w->hidden += w->width[c] > 0;
        w->width[c] = 0;
    }
}

static void measure(writer *w, const alm_table *table)
{
    bool all = w->query->is_free || w->query->has_columns;
    w->width = ALM_NEW_ARRAY(w->query->arena, size_t, table->column_count);
    for (size_t c = 0; c < table->column_count; c++) {
        const alm_column *column = &table->columns[c];
        if (!all && !is_worth_showing(table, column)) {
            w->hidden++;
            continue;
        }
        w->width[c] = code_points(alm_str_of(column->name));
        for (size_t r = 0; r < table->rows; r++) {
            size_t size = code_points(table_cell(w, column, r));
            w->width[c] = size > w->width[c] ? size : w->width[c];
        }
    }
    fit(w, table);
}

static void put_cell(alm_buffer *out, alm_str text, size_t width, bool right)
{
    size_t size = code_points(text);
    bool cut = size > width && !right;
    int pad = size < width ? (int)(width - size) : 0;
    if (right) {
        alm_buffer_printf(out, "%*s", pad, "");
    }
    alm_buffer_append(out, text.data, cut ? prefix_bytes(text, width - 1) : text.size);
    alm_buffer_text(out, cut ? "…" : "");
    if (!right) {
        alm_buffer_printf(out, "%*s", pad, "");
    }
}

static void end_line(alm_buffer *out)
{
    while (out->size > 0 && out->data[out->size - 1] == ' ') {
        out->data[--out->size] = '\0';
    }
    alm_buffer_text(out, "\n");
}

static bool is_right(const writer *w, const alm_column *column)
{
    if (column->type != ALM_TYPE_TEXT) {
        return column->type == ALM_TYPE_I64 || column->type == ALM_TYPE_F64;
    }
    const almi_column *known = almi_query_column(w->query, column->name);
    return known && known->is_number_text;
}

static void table_line(writer *w, const alm_table *table, size_t row, bool header)
{
    bool first = true;
    for (size_t c = 0; c < table->column_count; c++) {
        const alm_column *column = &table->columns[c];
        if (w->width[c] == 0) {
            continue;
        }
        alm_str text = header ? alm_str_of(column->name) : table_cell(w, column, row);
        alm_buffer_text(&w->buffer, first ? "" : "  ");
        put_cell(&w->buffer, text, w->width[c], is_right(w, column));
        first = false;
    }
    end_line(&w->buffer);
}

/* ---- the loop ---- */

static void write_head(writer *w, const alm_table *table)
{
    switch (w->format) {
    case ALM_QUERY_TABLE:
        measure(w, table);
        table_line(w, table, 0, true);
        break;
    case ALM_QUERY_CSV:
        csv_header(&w->buffer, table);
        break;
    case ALM_QUERY_JSON:
        json_head(w);
        break;
    case ALM_QUERY_JSON_LINES:
    case ALM_QUERY_PARQUET:
        break;
    }
}

static void write_row(writer *w, const alm_table *table, size_t row)
{
    switch (w->format) {
    case ALM_QUERY_TABLE:
        table_line(w, table, row, false);
        break;
    case ALM_QUERY_CSV:
        csv_row(&w->buffer, table, row);
        break;
    case ALM_QUERY_JSON:
        alm_buffer_text(&w->buffer, w->rows ? ",\n" : "\n");
        json_row(w, table, row);
        break;
    case ALM_QUERY_JSON_LINES:
        json_row(w, table, row);
        alm_buffer_text(&w->buffer, "\n");
        break;
    case ALM_QUERY_PARQUET:
        break;
    }
    w->rows++;
}

static void write_tail(writer *w)
{
    if (w->format == ALM_QUERY_JSON) {
        alm_buffer_text(&w->buffer, "\n]}\n");
    } else if (w->format == ALM_QUERY_TABLE && w->hidden > 0) {
        alm_buffer_printf(&w->buffer, "(%zu more column%s: choose with --columns, or write CSV)\n",
                          w->hidden, w->hidden == 1 ? "" : "s");
    }
}

static alm_err write_all(writer *w)
{
    alm_table table;
    for (bool first = true;; first = false) {
        alm_arena_reset(w->batch);
        ALM_TRY(alm_query_next(w->query, w->batch, &table, w->error));
        if (first && table.rows == 0 && w->query->filter_text) {
            return almi_query_no_rows(w->query, w->error);
        }
        if (first) {
            write_head(w, &table);
        }
        if (table.rows == 0) {
            break;
        }
        for (size_t r = 0; r < table.rows; r++) {
            write_row(w, &table, r);
            ALM_TRY(flush(w, PIECE_BYTES));
        }
    }
    write_tail(w);
    return flush(w, 0);
}

alm_err alm_query_write(alm_query *query, alm_query_format format, const alm_query_sink *sink,
                        int64_t *rows, alm_error *error)
{
    alm_assert(format != ALM_QUERY_PARQUET);
    writer w = {.query = query, .sink = sink, .format = format,
                .batch = alm_arena_create(0), .error = error};
    alm_err code = write_all(&w);
    if (code == ALM_OK && rows) {
        *rows = w.rows;
    }
    alm_buffer_deinit(&w.buffer);
    alm_arena_destroy(w.batch);
    return code;
}

alm_err alm_query_write_parquet(alm_query *query, const char *path, int64_t *rows,
                                alm_error *error)
{
    alm_assert(!query->cursor); /* a query runs once */
    alm_arena *arena = query->arena;
    const char *folder = alm_path_directory(arena, path);
    const char *slash = strrchr(path, '/');
    /* The engine writes "tmp_NAME" beside the file and renames it. */
    const char *staged = alm_path_join(arena, folder,
                                       alm_arena_printf(arena, "tmp_%s", slash ? slash + 1 : path));
    const char *target = alm_sql_literal(arena, alm_str_of(path));
    const char *also = alm_arena_printf(arena, "%s, %s", target,
                                        alm_sql_literal(arena, alm_str_of(staged)));
    ALM_TRY(almi_query_lock(query, also, error));
    char *statement = alm_arena_printf(arena, "COPY (%s) TO %s (FORMAT parquet, COMPRESSION zstd)",
                                       query->raw, target);
    int64_t count = 0;
    alm_err code = alm_sql_i64(query->sql, statement, &count, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "writing %s", path);
    }
    if (rows) {
        *rows = count;
    }
    return ALM_OK;
}
