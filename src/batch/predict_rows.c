#include "batch/predict_rows.h"

#include <math.h>
#include <string.h>

#include "table/csv.h"
#include "table/sql.h"

#define COLUMNS_MAX 100000
#define VALUE_SHOWN 40
#define BATCH_BYTES ((size_t)1 << 20)

struct almi_predict_rows {
    alm_arena *arena; /* names, header, statement */
    const char *path;
    const char *name;
    const alm_str *header;
    size_t header_count;
    const size_t *place;
    size_t place_count;
    almi_predict_keys keys;
    alm_arena *key_arena; /* of the rows that came last */
    alm_str *texts;
    alm_instant *instants;
    bool *is_local; /* the instant stands in the file without a zone */
    uint64_t before; /* rows before these */
    alm_csv *csv; /* NULL: Parquet */
    /* Parquet */
    alm_sql *sql;
    const alm_str *types; /* of the header */
    alm_sql_cursor *cursor;
    alm_arena *batch_arena;
    alm_table batch;
    size_t batch_at;
    bool at_end; /* the engine does not take a call behind its end */
};

/* ---- texts and instants ---- */

static void make_room_for_keys(almi_predict_rows *rows, size_t limit)
{
    alm_arena_reset(rows->key_arena);
    rows->texts = NULL;
    rows->instants = NULL;
    rows->is_local = NULL;
    if (rows->keys.text != SIZE_MAX) {
        rows->texts = ALM_NEW_ARRAY(rows->key_arena, alm_str, limit);
    }
    if (rows->keys.instant != SIZE_MAX) {
        rows->instants = ALM_NEW_ARRAY(rows->key_arena, alm_instant, limit);
        rows->is_local = ALM_NEW_ARRAY(rows->key_arena, bool, limit);
    }
}

static alm_err take_text(almi_predict_rows *rows, size_t row, alm_str text, alm_error *error)
{
    if (text.size == 0 || text.size > ALMI_PREDICT_TEXT_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT " has a text "
                        "of %zu bytes: 1 to %d tell the series apart", rows->name,
                        (unsigned long long)(rows->before + row + 1),
                        ALM_STR_ARG(rows->header[rows->keys.text]), text.size,
                        ALMI_PREDICT_TEXT_MAX);
    }
    rows->texts[row] = (alm_str){alm_arena_copy_text(rows->key_arena, text.data, text.size),
                                 text.size};
    return ALM_OK;
}

static alm_str shown(alm_str value);

/* "Z", or an offset behind the date, whose own signs are among the first ten characters. */
static bool has_zone(alm_str time)
{
    bool zoned = time.size > 0 && time.data[time.size - 1] == 'Z';
    for (size_t i = sizeof "YYYY-MM-DD" - 1; i < time.size; i++) {
        zoned = zoned || time.data[i] == '+' || time.data[i] == '-';
    }
    return zoned;
}

static alm_err take_instant(almi_predict_rows *rows, size_t row, alm_str text, alm_error *error)
{
    alm_str part = shown(text);
    if (!alm_instant_parse(alm_str_trim(text), &rows->instants[row])) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": '"
                        ALM_STR_FMT "%s' is no time: YYYY-MM-DD, then T or a blank and HH:MM:SS",
                        rows->name, (unsigned long long)(rows->before + row + 1),
                        ALM_STR_ARG(rows->header[rows->keys.instant]), ALM_STR_ARG(part),
                        part.size < text.size ? "..." : "");
    }
    rows->is_local[row] = !has_zone(alm_str_trim(text));
    return ALM_OK;
}

void almi_predict_rows_keys(almi_predict_rows *rows, const almi_predict_keys *keys)
{
    rows->keys = *keys;
}

const alm_str *almi_predict_rows_texts(const almi_predict_rows *rows)
{
    return rows->texts;
}

const alm_instant *almi_predict_rows_instants(const almi_predict_rows *rows)
{
    return rows->instants;
}

void almi_predict_rows_time_text(const almi_predict_rows *rows, size_t row,
                                 char out[ALM_INSTANT_TEXT_BYTES])
{
    alm_instant_text(rows->instants[row], out);
    if (rows->is_local[row]) {
        out[strlen(out) - 1] = '\0'; /* the Z */
    }
}

/* ---- CSV ---- */

static bool parse_number(alm_str text, double *out)
{
    text = alm_str_trim(text);
    if (text.size == 0 || alm_str_is(text, "nan") || alm_str_is(text, "NaN")) {
        *out = NAN;
        return true;
    }
    if (alm_str_is(text, "inf") || alm_str_is(text, "-inf")) {
        *out = text.data[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    return alm_str_to_double(text, out);
}

/* Part of a value that fits a message: whole characters of one line. */
static alm_str shown(alm_str value)
{
    size_t size = 0;
    while (size < value.size && (unsigned char)value.data[size] >= ' ' && size < VALUE_SHOWN) {
        size++;
    }
    while (size < value.size && size > 0 && ((unsigned char)value.data[size] & 0xC0) == 0x80) {
        size--; /* not inside a character */
    }
    return (alm_str){value.data, size};
}

static alm_err fail_value(const almi_predict_rows *rows, size_t column, alm_str value,
                          alm_error *error)
{
    alm_str part = shown(value);
    return alm_fail(error, ALM_ERR_INVALID,
                    "%s: row %llu, column " ALM_STR_FMT ": '" ALM_STR_FMT "%s' is not a number%s",
                    rows->name, (unsigned long long)alm_csv_record(rows->csv),
                    ALM_STR_ARG(rows->header[column]), ALM_STR_ARG(part),
                    part.size < value.size ? "..." : "",
                    value.size > 0 && memchr(value.data, ',', value.size)
                        ? ": write it with a point, and nothing between thousands"
                        : "; a missing value is an empty field");
}

static alm_err next_csv(almi_predict_rows *rows, size_t limit, double *values, size_t *got,
                        alm_error *error)
{
    size_t done = 0;
    for (; done < limit; done++) {
        const alm_str *fields = NULL;
        size_t count = 0;
        ALM_TRY(alm_csv_next(rows->csv, &fields, &count, error));
        if (count == 0) {
            break;
        }
        if (count != rows->header_count) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "%s: row %llu has %zu values, the header has %zu columns", rows->name,
                            (unsigned long long)alm_csv_record(rows->csv), count,
                            rows->header_count);
        }
        for (size_t i = 0; i < rows->place_count; i++) {
            size_t column = rows->place[i];
            if (!parse_number(fields[column], &values[done * rows->place_count + i])) {
                return fail_value(rows, column, fields[column], error);
            }
        }
        if (rows->texts) {
            ALM_TRY(take_text(rows, done, alm_str_trim(fields[rows->keys.text]), error));
        }
        if (rows->instants) {
            ALM_TRY(take_instant(rows, done, fields[rows->keys.instant], error));
        }
    }
    *got = done;
    return ALM_OK;
}

/* ---- Parquet ---- */

static alm_err open_parquet(almi_predict_rows *rows, alm_error *error)
{
    /* One thread and no spilling: a plain scan in the file's order. */
    alm_sql_options options = {.threads = 1};
    ALM_TRY(alm_sql_open(&options, &rows->sql, error));
    alm_table schema;
    ALM_TRY(alm_sql_collect(rows->sql,
                            alm_arena_printf(rows->arena,
                                             "SELECT column_name, column_type FROM "
                                             "(DESCRIBE SELECT * FROM read_parquet(%s))",
                                             alm_sql_literal(rows->arena, alm_str_of(rows->path))),
                            COLUMNS_MAX, rows->arena, &schema, error));
    rows->header = schema.columns[0].values.text;
    rows->types = schema.columns[1].values.text;
    rows->header_count = schema.rows;
    return ALM_OK;
}

static bool holds_numbers(alm_str type)
{
    static const char *const TYPES[] = {"DOUBLE",   "FLOAT",    "BIGINT",    "INTEGER",
                                        "SMALLINT", "TINYINT",  "UBIGINT",   "UINTEGER",
                                        "USMALLINT", "UTINYINT", "HUGEINT",  "UHUGEINT",
                                        "BOOLEAN"};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (alm_str_is(type, TYPES[i])) {
            return true;
        }
    }
    return alm_str_starts_with(type, "DECIMAL(");
}

static const char ZONED[] = "TIMESTAMP WITH TIME ZONE";

/* Behind the numbers: first the text, then the instant. */
static void choose_keys(almi_predict_rows *rows, alm_buffer *text)
{
    static const char *const TYPES[] = {"TIMESTAMP", ZONED, "TIMESTAMP_S",
                                        "TIMESTAMP_MS", "DATE"};
    const char *comma = rows->place_count ? ", " : "";
    if (rows->keys.text != SIZE_MAX) {
        alm_buffer_printf(text, "%s%s::VARCHAR AS k", comma,
                          alm_sql_identifier(rows->arena, rows->header[rows->keys.text]));
        comma = ", ";
    }
    if (rows->keys.instant != SIZE_MAX) {
        const char *type = "VARCHAR"; /* nanoseconds too: almanac keeps microseconds */
        for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
            type = alm_str_is(rows->types[rows->keys.instant], TYPES[i]) ? "TIMESTAMP" : type;
        }
        alm_buffer_printf(text, "%s%s::%s AS t", comma,
                          alm_sql_identifier(rows->arena, rows->header[rows->keys.instant]), type);
    }
}

static alm_err choose_parquet(almi_predict_rows *rows, alm_error *error)
{
    alm_buffer text = {0};
    alm_buffer_text(&text, "SELECT ");
    for (size_t i = 0; i < rows->place_count; i++) {
        size_t column = rows->place[i];
        if (!holds_numbers(rows->types[column])) {
            alm_buffer_deinit(&text);
            return alm_fail(error, ALM_ERR_INVALID,
                            "%s: column " ALM_STR_FMT " holds " ALM_STR_FMT ", not numbers",
                            rows->name, ALM_STR_ARG(rows->header[column]),
                            ALM_STR_ARG(rows->types[column]));
        }
        alm_buffer_printf(&text, "%s%s::DOUBLE AS c%zu", i ? ", " : "",
                          alm_sql_identifier(rows->arena, rows->header[column]), i);
    }
    choose_keys(rows, &text);
    alm_buffer_printf(&text, " FROM read_parquet(%s)",
                      alm_sql_literal(rows->arena, alm_str_of(rows->path)));
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        code = alm_sql_query(rows->sql, text.data, &rows->cursor, error);
    }
    alm_buffer_deinit(&text);
    return code;
}

static alm_err take_keys(almi_predict_rows *rows, size_t row, alm_error *error)
{
    size_t at = rows->place_count, i = rows->batch_at;
    const alm_str empty = ALM_STR("");
    if (rows->texts) {
        const alm_column *column = &rows->batch.columns[at++];
        bool valid = alm_column_is_valid(column, i);
        ALM_TRY(take_text(rows, row, valid ? column->values.text[i] : empty, error));
    }
    if (rows->instants) {
        const alm_column *column = &rows->batch.columns[at];
        bool valid = alm_column_is_valid(column, i);
        if (valid && column->type == ALM_TYPE_INSTANT) {
            rows->instants[row] = column->values.instant[i];
            rows->is_local[row] = !alm_str_is(rows->types[rows->keys.instant], ZONED);
            return ALM_OK;
        }
        ALM_TRY(take_instant(rows, row, valid && column->type == ALM_TYPE_TEXT
                                            ? column->values.text[i] : empty, error));
    }
    return ALM_OK;
}

static alm_err next_parquet(almi_predict_rows *rows, size_t limit, double *values, size_t *got,
                            alm_error *error)
{
    size_t done = 0;
    while (done < limit && !rows->at_end) {
        if (rows->batch_at == rows->batch.rows) {
            alm_arena_reset(rows->batch_arena);
            rows->batch_at = 0;
            rows->batch.rows = 0;
            alm_err code = alm_sql_next(rows->cursor, rows->batch_arena, &rows->batch, error);
            if (code != ALM_OK) {
                return alm_error_wrap(error, code, "%s", rows->name);
            }
            if (rows->batch.rows == 0) {
                rows->at_end = true;
                break;
            }
        }
        for (size_t i = 0; i < rows->place_count; i++) {
            const alm_column *column = &rows->batch.columns[i];
            bool valid = alm_column_is_valid(column, rows->batch_at);
            values[done * rows->place_count + i] = valid ? column->values.f64[rows->batch_at] : NAN;
        }
        ALM_TRY(take_keys(rows, done, error));
        rows->batch_at++;
        done++;
    }
    *got = done;
    return ALM_OK;
}

/* ---- either ---- */

static alm_err is_parquet(alm_fs *fs, const char *path, bool *out, alm_error *error)
{
    alm_file *file = NULL;
    char head[4] = {0};
    size_t got = 0;
    ALM_TRY(fs->ops->open(fs, path, &file, error));
    alm_err code = fs->ops->read(fs, file, head, sizeof head, &got, error);
    (void)fs->ops->close(fs, file, NULL);
    *out = got == sizeof head && memcmp(head, "PAR1", sizeof head) == 0;
    return code;
}

static alm_err open_either(almi_predict_rows *rows, alm_fs *fs, alm_error *error)
{
    bool parquet = false;
    alm_fs_stat stat;
    /* What is read to look at it cannot be read again from a pipe. */
    if (fs->ops->stat(fs, rows->path, &stat, NULL) == ALM_OK && stat.kind == ALM_FS_OTHER) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s is a pipe or a device: write the rows into a file first", rows->name);
    }
    ALM_TRY(is_parquet(fs, rows->path, &parquet, error));
    if (parquet) {
        alm_err code = open_parquet(rows, error);
        return code == ALM_OK ? code : alm_error_wrap(error, code, "%s", rows->name);
    }
    ALM_TRY(alm_csv_open(fs, rows->path, rows->name, &rows->csv, error));
    rows->header = alm_csv_header(rows->csv, &rows->header_count);
    return ALM_OK;
}

alm_err almi_predict_rows_open(alm_fs *fs, const char *path, const char *name,
                               almi_predict_rows **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(almi_predict_rows), &memory, error));
    almi_predict_rows *rows = memory;
    rows->arena = alm_arena_create(0);
    rows->batch_arena = alm_arena_create(BATCH_BYTES);
    rows->key_arena = alm_arena_create(0);
    rows->keys = (almi_predict_keys){SIZE_MAX, SIZE_MAX};
    rows->path = alm_arena_copy_text(rows->arena, path, strlen(path));
    rows->name = alm_arena_copy_text(rows->arena, name, strlen(name));
    alm_err code = open_either(rows, fs, error);
    if (code != ALM_OK) {
        almi_predict_rows_close(rows);
        return code;
    }
    *out = rows;
    return ALM_OK;
}

void almi_predict_rows_close(almi_predict_rows *rows)
{
    if (!rows) {
        return;
    }
    alm_csv_close(rows->csv);
    alm_sql_cursor_close(rows->cursor);
    alm_sql_close(rows->sql);
    alm_arena_destroy(rows->batch_arena);
    alm_arena_destroy(rows->key_arena);
    alm_arena_destroy(rows->arena);
    alm_heap_free(rows);
}

const alm_str *almi_predict_rows_header(const almi_predict_rows *rows, size_t *count)
{
    *count = rows->header_count;
    return rows->header;
}

alm_err almi_predict_rows_choose(almi_predict_rows *rows, const size_t *place, size_t count,
                                 alm_error *error)
{
    rows->place = place;
    rows->place_count = count;
    return rows->csv ? ALM_OK : choose_parquet(rows, error);
}

alm_err almi_predict_rows_next(almi_predict_rows *rows, size_t limit, double *values, size_t *got,
                               alm_error *error)
{
    make_room_for_keys(rows, limit);
    alm_err code = (rows->csv ? next_csv : next_parquet)(rows, limit, values, got, error);
    if (code == ALM_OK) {
        rows->before += *got;
    }
    return code;
}
