/* source_reader.c: the files of a source as typed rows of a sort.
 *
 * Texts are parsed by base/str.h and base/date.h and never by the engine: there is one definition
 * of what a date is. Values of Parquet files that need no text (source_parquet.c) are taken as they
 * are. */
#include "project/snapshot_internal.h"

#include "table/csv.h"

#include <stdio.h>
#include <string.h>

#define SORT_BYTES ((uint64_t)64 << 20)
#define REJECTS_LISTED_MAX 100000
#define REJECT_VALUE_BYTES 200
#define ROW_BITS 40
#define MICROS_PER_DAY INT64_C(86400000000)
#define DAYS_SPARE 1024

typedef struct cell {
    bool valid;
    int64_t integer; /* bool, i64, date, instant */
    double real;
    alm_str text;
} cell;

typedef struct reader {
    almi_taking *taking;
    almi_taken_source *source;
    size_t file;
    int64_t record;    /* of the row at hand */
    cell *cells;       /* one per declared column */
    bool *ready;       /* is the cell of the row at hand the value already, without a text? */
    alm_str *values;   /* texts of the row at hand, by declared column */
    size_t *order;     /* declared columns in the order of the snapshot */
    size_t time_index; /* SIZE_MAX: none */
    size_t known_at_index;
    size_t price[4];   /* of the source of bars: open, high, low, close */
} reader;

static alm_str file_name(const reader *r)
{
    return r->source->spec->files[r->file];
}

char *almi_row_name(const alm_source *source, int64_t row, alm_arena *arena)
{
    alm_str file = source->files[row >> ROW_BITS];
    return alm_arena_printf(arena, ALM_STR_FMT " row %lld", ALM_STR_ARG(file),
                            (long long)(row & (((int64_t)1 << ROW_BITS) - 1)));
}

static int64_t row_number(const reader *r)
{
    return ((int64_t)r->file << ROW_BITS) | r->record;
}

/* ---- rejected rows ---- */

static alm_str shorten(alm_str value)
{
    if (value.size > REJECT_VALUE_BYTES) {
        value.size = REJECT_VALUE_BYTES;
        while (value.size > 0 && ((unsigned char)value.data[value.size] & 0xC0) == 0x80) {
            value.size--; /* not inside a character */
        }
    }
    return value;
}

static void reject(reader *r, alm_str column, alm_str value, const char *reason)
{
    almi_taken_source *source = r->source;
    value = shorten(value);
    source->rejected++;
    if (source->rejected == 1) {
        alm_buffer *first = &r->taking->first_reject;
        alm_buffer_clear(first);
        alm_buffer_printf(first, ALM_STR_FMT " row %lld", ALM_STR_ARG(file_name(r)),
                          (long long)r->record);
        if (column.size) {
            alm_buffer_printf(first, ", column " ALM_STR_FMT ": \"" ALM_STR_FMT "\"",
                              ALM_STR_ARG(column), ALM_STR_ARG(value));
        } else {
            alm_buffer_text(first, ":");
        }
        alm_buffer_printf(first, " %s", reason);
    }
    if (source->rejected > REJECTS_LISTED_MAX) {
        return;
    }
    alm_buffer *out = &r->taking->rejects;
    alm_csv_write(out, source->spec->name);
    alm_buffer_text(out, ",");
    alm_csv_write(out, file_name(r));
    alm_buffer_printf(out, ",%lld,", (long long)r->record);
    alm_csv_write(out, column);
    alm_buffer_text(out, ",");
    alm_csv_write(out, value);
    alm_buffer_text(out, ",");
    alm_csv_write(out, alm_str_of(reason));
    alm_buffer_text(out, "\n");
}

/* ---- values ---- */

static bool parse_bool(alm_str text, int64_t *out)
{
    bool yes = alm_str_is(text, "true") || alm_str_is(text, "1");
    if (!yes && !alm_str_is(text, "false") && !alm_str_is(text, "0")) {
        return false;
    }
    *out = yes;
    return true;
}

static bool parse_value(alm_type type, alm_str text, cell *out)
{
    alm_date date = 0;
    switch (type) {
    case ALM_TYPE_BOOL:
        return parse_bool(text, &out->integer);
    case ALM_TYPE_I64:
        return alm_str_to_i64(text, &out->integer);
    case ALM_TYPE_F64:
        if (!alm_str_to_double(text, &out->real)) {
            return false;
        }
        out->real = out->real == 0.0 ? 0.0 : out->real; /* one zero */
        return true;
    case ALM_TYPE_DATE:
        if (!alm_date_parse(text, &date)) {
            return false;
        }
        out->integer = date;
        return true;
    case ALM_TYPE_INSTANT:
        return alm_instant_parse(text, &out->integer);
    case ALM_TYPE_TEXT:
        out->text = text;
        return true;
    }
    return false;
}

static const char *type_reason(alm_type type)
{
    static const char *const REASONS[] = {
        [ALM_TYPE_BOOL] = "is not true, false, 1 or 0",
        [ALM_TYPE_I64] = "is not a whole number",
        [ALM_TYPE_F64] = "is not a finite number",
        [ALM_TYPE_DATE] = "is not a date YYYY-MM-DD",
        [ALM_TYPE_INSTANT] = "is not an instant YYYY-MM-DDTHH:MM:SSZ",
        [ALM_TYPE_TEXT] = "is not a text",
    };
    return REASONS[type];
}

/* What a message shows of a cell that came without a text: only whole numbers can be out of
 * bounds then. */
static alm_str number_text(const cell *c, char out[32])
{
    return (alm_str){out, (size_t)snprintf(out, 32, "%lld", (long long)c->integer)};
}

static bool check_bounds(reader *r, size_t index)
{
    const alm_source_column *column = &r->source->spec->columns[index];
    const cell *c = &r->cells[index];
    char number[32];
    double value = column->type == ALM_TYPE_F64 ? c->real : (double)c->integer;
    bool low = column->has_min && value < column->min;
    if (!low && !(column->has_max && value > column->max)) {
        return true;
    }
    char bound[32];
    char reason[64];
    (void)alm_double_text(low ? column->min : column->max, bound);
    (void)snprintf(reason, sizeof(reason), "is %s %s %s", low ? "below" : "above",
                   low ? "min" : "max", bound);
    reject(r, column->name, r->ready[index] ? number_text(c, number) : r->values[index], reason);
    return false;
}

/* Parses the text of a cell; what does not fit is rejected and gives false. */
static bool parse_cell(reader *r, size_t index)
{
    const alm_source_column *column = &r->source->spec->columns[index];
    alm_str text = r->values[index];
    cell *c = &r->cells[index];
    c->valid = text.size > 0;
    if (!c->valid) {
        if (!column->nullable) {
            reject(r, column->name, text, "is empty (the column is not nullable)");
        }
        return column->nullable;
    }
    if (!parse_value(column->type, text, c)) {
        reject(r, column->name, text, type_reason(column->type));
        return false;
    }
    return true;
}

/* Makes cells of the row at hand; a row that does not fit is rejected and gives false. */
static bool parse_row(reader *r)
{
    const alm_source *spec = r->source->spec;
    for (size_t i = 0; i < spec->column_count; i++) {
        if (!r->ready[i] && !parse_cell(r, i)) {
            return false;
        }
        bool bounded = spec->columns[i].has_min || spec->columns[i].has_max;
        if (bounded && r->cells[i].valid && !check_bounds(r, i)) {
            return false;
        }
    }
    return true;
}

/* ---- window and knowledge ---- */

static alm_date day_of(const alm_source_column *column, int64_t value)
{
    if (column->type == ALM_TYPE_DATE) {
        return (alm_date)value;
    }
    return (alm_date)(value / MICROS_PER_DAY - (value % MICROS_PER_DAY < 0));
}

static bool is_known(const reader *r, alm_date day)
{
    const alm_source *spec = r->source->spec;
    alm_instant bound = r->taking->options->known_at;
    if (r->known_at_index != SIZE_MAX) {
        const cell *c = &r->cells[r->known_at_index];
        bool is_date = spec->columns[r->known_at_index].type == ALM_TYPE_DATE;
        return (is_date ? alm_instant_of_date((alm_date)c->integer) : c->integer) <= bound;
    }
    return spec->known_in_advance ||
           alm_instant_of_date(day + 1 + spec->publication_delay) <= bound;
}

/* Does the row belong into the snapshot? Counts it, and widens the source's first and last day. */
static bool in_window(reader *r)
{
    almi_taken_source *source = r->source;
    const alm_snapshot_options *options = r->taking->options;
    if (r->time_index == SIZE_MAX) {
        if (r->known_at_index == SIZE_MAX || is_known(r, 0)) {
            return true;
        }
        source->outside++;
        return false;
    }
    alm_date day = day_of(&source->spec->columns[r->time_index], r->cells[r->time_index].integer);
    if (day < options->start || (day >= options->end && !source->spec->known_in_advance) ||
        !is_known(r, day)) {
        source->outside++;
        return false;
    }
    source->first = source->kept == 0 || day < source->first ? day : source->first;
    source->last = source->kept == 0 || day > source->last ? day : source->last;
    return true;
}

/* ---- rows into the sort ---- */

/* Only the first row of a day matters, and rows come in the order of reading. */
static alm_err keep_day(reader *r, alm_error *error)
{
    almi_days *days = &r->source->days;
    alm_date day = (alm_date)r->cells[r->time_index].integer;
    int64_t at = (int64_t)day - days->first;
    if (at < 0 || at >= (int64_t)days->count) {
        int64_t spare = DAYS_SPARE + (int64_t)days->count; /* so that growing stays rare */
        int64_t first = days->count == 0 || at < 0 ? day - spare : days->first;
        int64_t end = days->count == 0 || at > 0 ? day + spare
                                                 : days->first + (int64_t)days->count;
        void *memory = NULL;
        ALM_TRY(alm_arena_try_alloc(r->taking->scratch, (size_t)(end - first) * sizeof(int64_t),
                                    &memory, error));
        for (size_t i = 0; i < days->count; i++) {
            ((int64_t *)memory)[days->first - first + (int64_t)i] = days->rows[i];
        }
        *days = (almi_days){(alm_date)first, (size_t)(end - first), memory};
        at = day - first;
    }
    if (days->rows[at] == 0) {
        days->rows[at] = row_number(r);
    }
    return ALM_OK;
}

static void add_cell(reader *r, const alm_source_column *column, const cell *c)
{
    alm_row_sort *sort = r->source->sort;
    if (!c->valid) {
        alm_row_sort_null(sort);
        return;
    }
    switch (column->type) {
    case ALM_TYPE_BOOL:
        alm_row_sort_bool(sort, c->integer != 0);
        break;
    case ALM_TYPE_I64:
        alm_row_sort_i64(sort, c->integer);
        break;
    case ALM_TYPE_F64:
        alm_row_sort_f64(sort, c->real);
        break;
    case ALM_TYPE_DATE:
        alm_row_sort_date(sort, (alm_date)c->integer);
        break;
    case ALM_TYPE_INSTANT:
        alm_row_sort_instant(sort, c->integer);
        break;
    case ALM_TYPE_TEXT:
        if (column->pseudonym) {
            char text[ALM_DIGEST_TEXT_BYTES];
            alm_digest digest = alm_hash_keyed(r->taking->key.bytes, ALM_DIGEST_BYTES,
                                               c->text.data, c->text.size);
            alm_digest_text(&digest, text);
            alm_row_sort_text(sort, (alm_str){text, ALM_DIGEST_BYTES}); /* half of the digits */
        } else {
            alm_row_sort_text(sort, c->text);
        }
        break;
    }
}

/* ---- bars ---- */

static void place_prices(reader *r)
{
    const alm_bars_spec *bars = &r->taking->project->bars;
    const alm_source *spec = r->source->spec;
    const alm_str names[4] = {bars->open, bars->high, bars->low, bars->close};
    r->source->is_bars = bars->source.size > 0 && alm_str_equal(bars->source, spec->name);
    for (size_t p = 0; p < 4 && r->source->is_bars; p++) {
        for (size_t i = 0; i < spec->column_count; i++) {
            r->price[p] = alm_str_equal(spec->columns[i].name, names[p]) ? i : r->price[p];
        }
    }
}

static double price_of(const reader *r, size_t p)
{
    const cell *c = &r->cells[r->price[p]];
    return r->source->spec->columns[r->price[p]].type == ALM_TYPE_F64 ? c->real
                                                                      : (double)c->integer;
}

static void count_bar(reader *r)
{
    bool missing = false;
    bool not_positive = false;
    for (size_t p = 0; p < 4; p++) {
        bool valid = r->cells[r->price[p]].valid;
        missing = missing || !valid;
        not_positive = not_positive || (valid && price_of(r, p) <= 0);
    }
    bool ranged = r->cells[r->price[1]].valid && r->cells[r->price[2]].valid;
    r->source->bars.missing += missing;
    r->source->bars.not_positive += not_positive;
    r->source->bars.reversed += ranged && price_of(r, 1) < price_of(r, 2);
}

/* Cells or texts of the row at hand are set. */
static alm_err take_row(reader *r, alm_error *error)
{
    almi_taken_source *source = r->source;
    const alm_source *spec = source->spec;
    source->read++;
    if (!parse_row(r) || !in_window(r)) {
        return ALM_OK;
    }
    source->kept++;
    if (source->is_bars) {
        count_bar(r);
    }
    for (size_t i = 0; i < spec->column_count; i++) {
        size_t declared = r->order[i];
        source->nulls[declared] += !r->cells[declared].valid;
        add_cell(r, &spec->columns[declared], &r->cells[declared]);
    }
    alm_row_sort_i64(source->sort, row_number(r));
    if (r->time_index != SIZE_MAX && spec->columns[r->time_index].type == ALM_TYPE_DATE) {
        ALM_TRY(keep_day(r, error));
    }
    return alm_row_sort_end_row(source->sort, error);
}

/* ---- files ---- */

/* Where each declared column stands in the file. */
static alm_err map_columns(const reader *r, const alm_str *header, size_t count, size_t *map,
                           alm_error *error)
{
    const alm_source *spec = r->source->spec;
    for (size_t i = 0; i < spec->column_count; i++) {
        map[i] = SIZE_MAX;
        for (size_t k = 0; k < count; k++) {
            map[i] = alm_str_equal(header[k], spec->columns[i].name) ? k : map[i];
        }
        if (map[i] != SIZE_MAX) {
            continue;
        }
        alm_buffer list = {0};
        for (size_t k = 0; k < count && list.size < 200; k++) {
            alm_buffer_printf(&list, "%s" ALM_STR_FMT, k ? ", " : "", ALM_STR_ARG(header[k]));
        }
        alm_err code = alm_fail(error, ALM_ERR_INVALID,
                                ALM_STR_FMT ": the file has no column " ALM_STR_FMT ", which "
                                "source " ALM_STR_FMT " declares; it has: %s",
                                ALM_STR_ARG(file_name(r)), ALM_STR_ARG(spec->columns[i].name),
                                ALM_STR_ARG(spec->name), list.data ? list.data : "none");
        alm_buffer_deinit(&list);
        return code;
    }
    return ALM_OK;
}

static alm_str keep_digest(const reader *r, alm_digest digest)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&digest, text);
    return (alm_str){alm_arena_copy_text(r->taking->arena, text, 64), 64};
}

static alm_err read_csv_rows(reader *r, alm_csv *csv, alm_error *error)
{
    const alm_source *spec = r->source->spec;
    size_t width = 0;
    const alm_str *header = alm_csv_header(csv, &width);
    size_t *map = ALM_NEW_ARRAY(r->taking->scratch, size_t, spec->column_count);
    ALM_TRY(map_columns(r, header, width, map, error));
    for (;;) {
        const alm_str *fields = NULL;
        size_t count = 0;
        ALM_TRY(alm_csv_next(csv, &fields, &count, error));
        if (count == 0) {
            return ALM_OK;
        }
        r->record = (int64_t)alm_csv_record(csv);
        if (count != width) {
            char reason[80];
            (void)snprintf(reason, sizeof(reason), "the row has %zu values, the header %zu", count,
                           width);
            r->source->read++;
            reject(r, ALM_STR(""), ALM_STR(""), reason);
            continue;
        }
        for (size_t i = 0; i < spec->column_count; i++) {
            r->values[i] = fields[map[i]];
        }
        ALM_TRY(take_row(r, error));
    }
}

static alm_err read_csv(reader *r, const char *path, alm_error *error)
{
    alm_csv *csv = NULL;
    char *name = alm_arena_copy_text(r->taking->scratch, file_name(r).data, file_name(r).size);
    ALM_TRY(alm_csv_open(r->taking->env->fs, path, name, &csv, error));
    alm_err code = read_csv_rows(r, csv, error);
    if (code == ALM_OK) {
        r->source->file_digests[r->file] = keep_digest(r, alm_csv_digest(csv));
    }
    alm_csv_close(csv);
    return code;
}

static alm_err digest_file(reader *r, const char *path, alm_error *error)
{
    alm_fs *fs = r->taking->env->fs;
    alm_file *file = NULL;
    ALM_TRY(fs->ops->open(fs, path, &file, error));
    alm_hash hash;
    alm_hash_init(&hash);
    static const size_t PIECE = 1 << 16;
    char *piece = alm_arena_alloc(r->taking->scratch, PIECE);
    size_t got = 0;
    alm_err code;
    while ((code = fs->ops->read(fs, file, piece, PIECE, &got, error)) == ALM_OK && got > 0) {
        alm_hash_update(&hash, piece, got);
    }
    (void)fs->ops->close(fs, file, NULL);
    ALM_TRY(code);
    r->source->file_digests[r->file] = keep_digest(r, alm_hash_final(&hash));
    return ALM_OK;
}

/* Column names and types of the file; the types by declared column. */
static alm_err describe_parquet(reader *r, const char *path, alm_str **types, alm_error *error)
{
    const alm_source *spec = r->source->spec;
    alm_arena *arena = r->taking->scratch;
    alm_table schema;
    ALM_TRY(alm_sql_collect(r->taking->sql,
                            alm_arena_printf(arena, "SELECT column_name, column_type FROM "
                                             "(DESCRIBE SELECT * FROM read_parquet(%s))",
                                             alm_sql_literal(arena, alm_str_of(path))),
                            100000, arena, &schema, error));
    size_t *map = ALM_NEW_ARRAY(arena, size_t, spec->column_count);
    ALM_TRY(map_columns(r, schema.columns[0].values.text, schema.rows, map, error));
    *types = ALM_NEW_ARRAY(arena, alm_str, spec->column_count);
    for (size_t i = 0; i < spec->column_count; i++) {
        (*types)[i] = schema.columns[1].values.text[map[i]];
    }
    return ALM_OK;
}

/* The value of a column that is read as it is; a null one is left to the text, which is empty. */
static bool take_value(cell *c, const alm_column *column, size_t row)
{
    if (!alm_column_is_valid(column, row)) {
        return false;
    }
    c->valid = true;
    switch (column->type) {
    case ALM_TYPE_BOOL:
        c->integer = column->values.boolean[row];
        break;
    case ALM_TYPE_I64:
        c->integer = column->values.i64[row];
        c->real = (double)c->integer;
        break;
    case ALM_TYPE_F64:
        c->real = column->values.f64[row] == 0.0 ? 0.0 : column->values.f64[row]; /* one zero */
        break;
    case ALM_TYPE_DATE:
        c->integer = column->values.date[row];
        break;
    case ALM_TYPE_INSTANT:
        c->integer = column->values.instant[row];
        break;
    case ALM_TYPE_TEXT:
        c->text = column->values.text[row];
        c->valid = c->text.size > 0;
        break;
    }
    return c->valid;
}

static void take_parquet_cells(reader *r, const alm_table *batch,
                               const almi_parquet_column *columns, size_t row)
{
    for (size_t i = 0; i < r->source->spec->column_count; i++) {
        const almi_parquet_column *place = &columns[i];
        r->values[i] = (alm_str){"", 0};
        if (place->text != SIZE_MAX) {
            r->values[i] = batch->columns[place->text].values.text[row]; /* a null one is empty */
        }
        r->ready[i] = place->value != SIZE_MAX && r->values[i].size == 0 &&
                      take_value(&r->cells[i], &batch->columns[place->value], row);
    }
}

static alm_err read_parquet_rows(reader *r, const almi_parquet_query_text *query,
                                 alm_error *error)
{
    alm_sql_cursor *cursor = NULL;
    ALM_TRY(alm_sql_query(r->taking->sql, query->text, &cursor, error));
    alm_arena *arena = alm_arena_create(ALMI_BATCH_BYTES);
    alm_err code = ALM_OK;
    while (code == ALM_OK) {
        alm_table batch;
        code = alm_sql_next(cursor, arena, &batch, error);
        if (code != ALM_OK || batch.rows == 0) {
            break;
        }
        for (size_t row = 0; row < batch.rows && code == ALM_OK; row++) {
            r->record++;
            take_parquet_cells(r, &batch, query->columns, row);
            code = take_row(r, error);
        }
        alm_arena_reset(arena);
    }
    alm_arena_destroy(arena);
    alm_sql_cursor_close(cursor);
    return code;
}

static alm_err read_parquet(reader *r, const char *path, alm_error *error)
{
    const alm_source *spec = r->source->spec;
    alm_str *types = NULL;
    almi_parquet_query_text query;
    ALM_TRY(digest_file(r, path, error));
    ALM_TRY(describe_parquet(r, path, &types, error));
    ALM_TRY(almi_parquet_query(spec, types, path, r->taking->scratch, &query, error));
    r->record = 0;
    alm_err code = read_parquet_rows(r, &query, error);
    for (size_t i = 0; i < spec->column_count; i++) {
        r->ready[i] = false; /* the next file may be a CSV */
    }
    return code;
}

static alm_err read_file(reader *r, alm_error *error)
{
    almi_taking *taking = r->taking;
    alm_str file = file_name(r);
    char *name = alm_arena_copy_text(taking->scratch, file.data, file.size);
    const char *path = alm_path_join(taking->scratch, taking->project->directory, name);
    if (!alm_fs_exists(taking->env->fs, path)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "source " ALM_STR_FMT ": there is no file %s",
                        ALM_STR_ARG(r->source->spec->name), path);
    }
    alm_str ending = ALM_STR(".parquet");
    bool parquet = file.size > ending.size &&
                   memcmp(file.data + file.size - ending.size, ending.data, ending.size) == 0;
    alm_err code = parquet ? read_parquet(r, path, error) : read_csv(r, path, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "source " ALM_STR_FMT,
                              ALM_STR_ARG(r->source->spec->name));
    }
    return ALM_OK;
}

/* ---- the source ---- */

/* A sort with the columns in the order of the snapshot, and behind them the row's number. */
static alm_err create_sort(reader *r, alm_error *error)
{
    const alm_source *spec = r->source->spec;
    almi_taking *taking = r->taking;
    alm_arena *arena = taking->scratch;
    size_t count = spec->column_count;
    const char **names = ALM_NEW_ARRAY(arena, const char *, count + 1);
    alm_type *types = ALM_NEW_ARRAY(arena, alm_type, count + 1);
    for (size_t i = 0; i < count; i++) {
        alm_str name = r->source->columns[i].name;
        names[i] = alm_arena_copy_text(arena, name.data, name.size);
        types[i] = r->source->columns[i].type;
        for (size_t k = 0; k < count; k++) {
            r->order[i] = alm_str_equal(spec->columns[k].name, name) ? k : r->order[i];
        }
        r->time_index = alm_str_equal(name, spec->time) ? r->order[i] : r->time_index;
        r->known_at_index = alm_str_equal(name, spec->known_at) ? r->order[i] : r->known_at_index;
    }
    names[count] = "row";
    types[count] = ALM_TYPE_I64;
    uint64_t limit = taking->env->memory_limit_bytes / 4;
    alm_row_sort_options options = {
        .names = names,
        .types = types,
        .column_count = count + 1,
        .key_count = r->source->unique_count,
        .memory_bytes = limit > 0 && limit < SORT_BYTES ? limit : SORT_BYTES,
        .fs = taking->env->fs,
        .folder = taking->folder,
        .name = r->source->label,
    };
    return alm_row_sort_create(&options, &r->source->sort, error);
}

alm_err almi_source_read(almi_taking *taking, almi_taken_source *source, alm_error *error)
{
    const alm_source *spec = source->spec;
    alm_arena *arena = taking->scratch;
    reader r = {.taking = taking, .source = source, .time_index = SIZE_MAX,
                .known_at_index = SIZE_MAX};
    r.cells = ALM_NEW_ARRAY(arena, cell, spec->column_count);
    r.ready = ALM_NEW_ARRAY(arena, bool, spec->column_count);
    r.values = ALM_NEW_ARRAY(arena, alm_str, spec->column_count);
    r.order = ALM_NEW_ARRAY(arena, size_t, spec->column_count);
    source->nulls = ALM_NEW_ARRAY(arena, int64_t, spec->column_count);
    source->file_digests = ALM_NEW_ARRAY(taking->arena, alm_str, spec->file_count);
    source->first = ALM_DATE_NONE;
    source->last = ALM_DATE_NONE;
    almi_content_order(source, arena);
    place_prices(&r);
    ALM_TRY(create_sort(&r, error));
    for (size_t i = 0; i < spec->file_count; i++) {
        r.file = i;
        ALM_TRY(read_file(&r, error));
    }
    return alm_row_sort_finish(source->sort, error);
}
