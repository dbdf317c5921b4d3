/* long_series.c: rows by series and time, the grid they keep to, and values on it. */
#include "table/long_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table/csv.h"
#include "table/long_columns.h"
#include "table/regressor_cells.h"

#define ROWS_START ((size_t)1024)
#define SLOTS_START ((size_t)256) /* a power of two */
#define NO_SERIES UINT32_MAX
#define THIN 50      /* a series with more periods than so many to a row has a wrong time */
#define THIN_FREE 1000
#define THIN_FREE_ZERO 50000          /* where hardly anything happens, but that is known */
#define PERIODS_MAX ((size_t)1 << 29) /* of all series: 4 GiB */
#define SHOWN_BYTES 60

typedef struct row {
    int64_t time;
    double y;
    uint32_t series;
    uint32_t record;
} row;

typedef struct reading {
    alm_fs *fs;
    alm_long_options options;
    alm_csv *csv;
    alm_arena *arena; /* of the result */
    almi_long_columns columns;
    alm_long_series out;
    row *rows;
    size_t count, capacity;
    alm_str *ids; /* of series, in the order they came */
    uint32_t *size; /* rows of each */
    uint64_t *parts; /* of each: what its texts were before they were joined, as a hash */
    size_t series, series_capacity;
    uint32_t *slots; /* open addressing: a series, or NO_SERIES */
    size_t slot_count;
    uint8_t *sold_out; /* of each record, from 1 on; NULL: no column says it */
    size_t sold_out_capacity;
    alm_buffer id; /* of the row at hand */
    uint64_t id_parts;
    bool styled;
    almi_cells *cells; /* of regressors; NULL: none */
} reading;

/* ---- series by their texts ---- */

static uint64_t hash_of(alm_str text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211u;
    }
    return hash ^ hash >> 32;
}

static alm_err grow(void **memory, size_t old_bytes, size_t bytes, alm_error *error)
{
    void *grown = NULL;
    ALM_TRY(alm_heap_try_resize(*memory, old_bytes, bytes, &grown, error));
    *memory = grown;
    return ALM_OK;
}

static size_t slot_of(const reading *r, alm_str id)
{
    size_t at = hash_of(id) & (r->slot_count - 1);
    while (r->slots[at] != NO_SERIES && !alm_str_equal(r->ids[r->slots[at]], id)) {
        at = (at + 1) & (r->slot_count - 1);
    }
    return at;
}

static alm_err rehash(reading *r, size_t slot_count, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(slot_count * sizeof *r->slots, &memory, error));
    alm_heap_free(r->slots);
    r->slots = memory;
    r->slot_count = slot_count;
    memset(r->slots, 0xff, slot_count * sizeof *r->slots);
    for (size_t i = 0; i < r->series; i++) {
        r->slots[slot_of(r, r->ids[i])] = (uint32_t)i;
    }
    return ALM_OK;
}

static alm_err add_series(reading *r, alm_str id, uint32_t *out, alm_error *error)
{
    if (r->series == r->series_capacity) {
        size_t from = r->series_capacity;
        size_t to = from ? 2 * from : SLOTS_START / 2;
        void *ids = r->ids;
        void *size = r->size;
        void *parts = r->parts;
        alm_err code = grow(&ids, from * sizeof *r->ids, to * sizeof *r->ids, error);
        r->ids = ids;
        ALM_TRY(code);
        code = grow(&size, from * sizeof *r->size, to * sizeof *r->size, error);
        r->size = size;
        ALM_TRY(code);
        code = grow(&parts, from * sizeof *r->parts, to * sizeof *r->parts, error);
        r->parts = parts;
        ALM_TRY(code);
        r->series_capacity = to;
        ALM_TRY(rehash(r, 2 * to, error));
    }
    *out = (uint32_t)r->series;
    r->ids[r->series] = (alm_str){alm_arena_copy_text(r->arena, id.data ? id.data : "", id.size),
                                  id.size};
    r->parts[r->series] = r->id_parts;
    r->slots[slot_of(r, id)] = *out;
    r->series++;
    return ALM_OK;
}

/* ---- one row ---- */

static alm_err bad_field(const reading *r, alm_str column, alm_str text, const char *what,
                         alm_error *error)
{
    alm_buffer shown = {0};
    alm_buffer_visible(&shown, (alm_str){text.data, text.size < SHOWN_BYTES ? text.size
                                                                          : SHOWN_BYTES});
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": '%s' %s",
                            r->options.name, (unsigned long long)alm_csv_record(r->csv),
                            ALM_STR_ARG(column), shown.data ? shown.data : "", what);
    alm_buffer_deinit(&shown);
    return code;
}

static alm_err read_value(const reading *r, alm_str column, alm_str text, double *out,
                          alm_error *error)
{
    text = alm_str_trim(text);
    if (almi_long_missing(text)) {
        *out = (double)NAN;
        return ALM_OK;
    }
    if (alm_str_to_double(text, out)) {
        return ALM_OK;
    }
    bool comma = text.size > 0 && memchr(text.data, ',', text.size);
    return bad_field(r, column, text, comma
                     ? "is not a number: write it with a point, and nothing between thousands"
                     : "is not a number; a missing value is an empty field", error);
}

static alm_err read_time(reading *r, alm_str text, int64_t *out, alm_error *error)
{
    text = alm_str_trim(text);
    if (!r->styled) {
        if (!alm_time_style_of(text, &r->out.style)) {
            return bad_field(r, r->out.facts.time, text, "is no time that can be read without a "
                             "guess: write times as " ALM_TIME_FORMS, error);
        }
        r->styled = true;
    }
    if (alm_time_read(&r->out.style, text, out)) {
        return ALM_OK;
    }
    bool index = r->out.style.form == ALM_TIME_INDEX;
    return bad_field(r, r->out.facts.time, text, index
                     ? "is no whole number, as the times before it are"
                     : "is no time, or not written as the times before it", error);
}

/* Of the row, and of one of its columns (NULL: none). */
static alm_err read_id(reading *r, const alm_str *fields, const alm_str *column, alm_error *error)
{
    const almi_long_columns *columns = &r->columns;
    alm_buffer_clear(&r->id);
    r->id_parts = 0;
    for (size_t i = 0; i < columns->id_count; i++) {
        alm_str text = fields[columns->id[i]];
        if (text.size == 0) {
            return bad_field(r, r->out.facts.id, text, "does not say which series the row is of",
                             error);
        }
        alm_buffer_text(&r->id, i ? "/" : "");
        alm_buffer_str(&r->id, text);
        r->id_parts = (r->id_parts ^ hash_of(text)) * 1099511628211u;
    }
    if (column) {
        alm_buffer_text(&r->id, columns->id_count ? "/" : "");
        alm_buffer_str(&r->id, *column);
    } else if (columns->id_count == 0) {
        alm_buffer_str(&r->id, r->out.facts.value.size ? r->out.facts.value : ALM_STR("y"));
    }
    return alm_buffer_status(&r->id, error);
}

/* The series of the id at hand. */
static alm_err find_series(reading *r, uint32_t *out, alm_error *error)
{
    alm_str id = alm_buffer_view(&r->id);
    uint32_t found = NO_SERIES;
    if (r->count > 0 && alm_str_equal(r->ids[r->rows[r->count - 1].series], id)) {
        found = r->rows[r->count - 1].series;
    } else if (r->slot_count > 0) {
        found = r->slots[slot_of(r, id)];
    }
    if (found == NO_SERIES) {
        return add_series(r, id, out, error);
    }
    if (r->parts[found] != r->id_parts) { /* 1/2 and 3, and 1 and 2/3 */
        return bad_field(r, r->out.facts.id, id, "would be the name of two series, as a text of "
                         "them holds '/', too: write another sign there", error);
    }
    *out = found;
    return ALM_OK;
}

static alm_err add_row(reading *r, row next, alm_error *error)
{
    if (r->count == r->capacity) {
        size_t to = r->capacity ? 2 * r->capacity : ROWS_START;
        void *rows = r->rows;
        alm_err code = grow(&rows, r->capacity * sizeof *r->rows, to * sizeof *r->rows, error);
        r->rows = rows;
        ALM_TRY(code);
        r->capacity = to;
    }
    const row *before = r->count > 0 ? &r->rows[r->count - 1] : NULL;
    if (before && (next.series < before->series ||
                   (next.series == before->series && next.time < before->time))) {
        r->out.facts.sorted = false;
    }
    r->rows[r->count++] = next;
    r->size[next.series]++;
    return ALM_OK;
}

/* Does the field say that the series was sold out in that period? */
static alm_err read_sold_out(const reading *r, alm_str text, bool *out, alm_error *error)
{
    static const char *const WORDS[] = {"0", "1", "false", "true", "no", "yes", "False", "True",
                                        "No", "Yes", "FALSE", "TRUE", "NO", "YES", "0.0", "1.0"};
    double stock = 0;
    text = alm_str_trim(text);
    *out = false;
    if (almi_long_missing(text)) {
        return ALM_OK; /* nobody says so */
    }
    if (r->options.stock) {
        ALM_TRY(read_value(r, r->out.facts.sold_out, text, &stock, error));
        *out = stock <= 0;
        return ALM_OK;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (alm_str_is(text, WORDS[i])) {
            *out = i % 2 == 1;
            return ALM_OK;
        }
    }
    return bad_field(r, r->out.facts.sold_out, text, "does not say whether the series was sold "
                     "out: write 1, true or yes where it was, else 0, false, no or nothing; a "
                     "column of the stock is named with --stock", error);
}

/* By number of the record, as rows are sorted later on. */
static alm_err take_sold_out(reading *r, const alm_str *fields, uint32_t record, alm_error *error)
{
    bool out = false;
    if (r->columns.sold_out == SIZE_MAX) {
        return ALM_OK;
    }
    ALM_TRY(read_sold_out(r, fields[r->columns.sold_out], &out, error));
    if (record >= r->sold_out_capacity) {
        size_t to = r->sold_out_capacity ? 2 * r->sold_out_capacity : ROWS_START;
        void *memory = r->sold_out;
        ALM_TRY(grow(&memory, r->sold_out_capacity, to, error));
        r->sold_out = memory;
        r->sold_out_capacity = to;
    }
    r->sold_out[record] = out;
    return ALM_OK;
}

static alm_err take_value(reading *r, const alm_str *fields, uint32_t record, alm_error *error)
{
    ALM_TRY(take_sold_out(r, fields, record, error));
    row next = {.record = record};
    ALM_TRY(read_id(r, fields, NULL, error));
    ALM_TRY(find_series(r, &next.series, error));
    ALM_TRY(read_time(r, fields[r->columns.time], &next.time, error));
    ALM_TRY(read_value(r, r->out.facts.value, fields[r->columns.value], &next.y, error));
    return add_row(r, next, error);
}

/* A row per time, a column per series. */
static alm_err take_columns(reading *r, const alm_str *fields, uint32_t record, alm_error *error)
{
    size_t count = 0;
    const alm_str *header = alm_csv_header(r->csv, &count);
    row next = {.record = record};
    ALM_TRY(read_time(r, fields[r->columns.time], &next.time, error));
    for (size_t i = 0; i < r->columns.many_count; i++) {
        size_t column = r->columns.many[i];
        ALM_TRY(read_id(r, fields, &header[column], error));
        ALM_TRY(find_series(r, &next.series, error));
        ALM_TRY(read_value(r, header[column], fields[column], &next.y, error));
        ALM_TRY(add_row(r, next, error));
    }
    return ALM_OK;
}

/* A row per series, a column per time; where nothing stands, nothing is. */
static alm_err take_times(reading *r, const alm_str *fields, uint32_t record, alm_error *error)
{
    size_t count = 0;
    const alm_str *header = alm_csv_header(r->csv, &count);
    row next = {.record = record};
    r->out.style = r->columns.style;
    r->styled = true;
    ALM_TRY(read_id(r, fields, NULL, error));
    ALM_TRY(find_series(r, &next.series, error));
    for (size_t i = 0; i < r->columns.many_count; i++) {
        size_t column = r->columns.many[i];
        next.time = r->columns.times[i];
        ALM_TRY(read_value(r, header[column], fields[column], &next.y, error));
        if (!isnan(next.y)) {
            ALM_TRY(add_row(r, next, error));
        } else if (i + 1 == r->columns.many_count && r->size[next.series] == 0) {
            ALM_TRY(add_row(r, next, error)); /* a series of nothing is one, too */
        }
    }
    return ALM_OK;
}

static alm_err take_record(reading *r, const alm_str *fields, size_t count, alm_error *error)
{
    size_t header = 0;
    (void)alm_csv_header(r->csv, &header);
    uint64_t record = alm_csv_record(r->csv);
    if (count != header) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu has %zu values, the header names %zu "
                        "columns", r->options.name, (unsigned long long)record, count, header);
    }
    if (record >= NO_SERIES) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: more than 4,294,967,294 rows", r->options.name);
    }
    if (r->cells) {
        ALM_TRY(almi_cells_take(r->cells, fields, r->columns.regressor, record, error));
    }
    return r->columns.times        ? take_times(r, fields, (uint32_t)record, error)
           : r->columns.many_count > 0 ? take_columns(r, fields, (uint32_t)record, error)
                                       : take_value(r, fields, (uint32_t)record, error);
}

static alm_err read_rows(reading *r, alm_error *error)
{
    const alm_str *fields = NULL;
    size_t count = 0;
    ALM_TRY(alm_csv_next(r->csv, &fields, &count, error));
    almi_long_head head = {.regressors = r->cells};
    head.name = alm_csv_header(r->csv, &head.count);
    head.row = count == head.count ? fields : NULL;
    ALM_TRY(almi_long_choose(&r->options, &head, r->arena, &r->columns, &r->out.facts, error));
    while (count > 0) {
        ALM_TRY(take_record(r, fields, count, error));
        ALM_TRY(alm_csv_next(r->csv, &fields, &count, error));
    }
    if (r->count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s has a header and no rows", r->options.name);
    }
    r->out.facts.rows = r->count;
    return ALM_OK;
}

/* ---- regressors ---- */

static bool find_known(void *context, alm_str id, uint32_t *series)
{
    const reading *r = context;
    *series = r->slots[slot_of(r, id)];
    return *series != NO_SERIES;
}

/* The second file calls its columns as this one does. */
static alm_err read_plans(reading *r, alm_error *error)
{
    alm_str id[ALMI_LONG_IDS_MAX];
    size_t count = 0;
    const alm_str *header = alm_csv_header(r->csv, &count);
    if (!r->cells) {
        return ALM_OK;
    }
    for (size_t i = 0; i < r->columns.id_count; i++) {
        id[i] = header[r->columns.id[i]];
    }
    almi_future future = {.id = id, .id_count = r->columns.id_count, .time = r->out.facts.time,
                          .style = &r->out.style, .find = find_known, .context = r};
    if (r->columns.many_count > 0) { /* a column per series: what tells them apart is no column */
        future.id_count = 0;
    }
    ALM_TRY(almi_cells_read_future(r->cells, r->fs, &future, r->columns.regressor, error));
    return almi_cells_read_holidays(r->cells, r->fs, error);
}

/* The row of the newest known value, of rows from `first` to `end`; without any, or without
 * regressors, of which a plan may follow, the last one. */
static size_t last_row(const reading *r, size_t first, size_t end)
{
    for (size_t k = end; r->cells && k-- > first;) {
        if (!isnan(r->rows[k].y)) {
            return k;
        }
    }
    return end - 1;
}

static alm_err place_regressors(reading *r, const size_t *first, alm_long_one *series,
                                size_t total, alm_error *error)
{
    alm_regressor_table *table = NULL;
    void *memory = NULL;
    if (!r->cells) {
        return ALM_OK;
    }
    ALM_TRY(almi_cells_settle(r->cells, &r->out.frequency, r->series, &table, error));
    size_t most = table->count > 0 ? PERIODS_MAX / table->count : SIZE_MAX;
    if (total > most || table->steps > (most - total) / r->series) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %zu series with %zu regressors are more than "
                        "can be held: cut the file", r->options.name, r->series, table->count);
    }
    size_t cells = table->count * (total + r->series * table->steps);
    ALM_TRY(alm_arena_try_array(r->arena, cells, sizeof(double), &memory, error));
    double *x = memory;
    for (size_t i = 0; i < cells; i++) {
        x[i] = (double)NAN;
    }
    for (size_t i = 0; i < r->series; i++) {
        almi_cell_grid grid = {(uint32_t)i, &r->out.frequency, series[i].start, series[i].count,
                               x};
        for (size_t k = first[i]; k < first[i + 1]; k++) {
            int64_t steps = 0;
            (void)alm_frequency_between(&r->out.frequency, series[i].start, r->rows[k].time,
                                        &steps);
            almi_cells_place(r->cells, r->rows[k].record, &grid, (size_t)steps);
            table->planned_rows += (size_t)steps >= series[i].count;
        }
        ALM_TRY(almi_cells_finish(r->cells, &grid, error));
        series[i].x = x;
        x += table->count * (series[i].count + table->steps);
    }
    r->out.regressors = table;
    return ALM_OK;
}

/* ---- in order ---- */

static int compare_rows(const void *a, const void *b)
{
    const row *x = a;
    const row *y = b;
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return (x->record > y->record) - (x->record < y->record);
}

/* Rows of a series together, rising in time. `first`: where each series begins, and the end. */
static alm_err sort_rows(reading *r, size_t *first, alm_error *error)
{
    for (size_t i = 0; i < r->series; i++) {
        first[i + 1] = first[i] + r->size[i];
    }
    if (r->out.facts.sorted) {
        return ALM_OK;
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(r->count * sizeof(row), &memory, error));
    row *sorted = memory;
    size_t *next = ALM_NEW_ARRAY(r->arena, size_t, r->series);
    memcpy(next, first, r->series * sizeof *next);
    for (size_t i = 0; i < r->count; i++) {
        sorted[next[r->rows[i].series]++] = r->rows[i];
    }
    for (size_t i = 0; i < r->series; i++) {
        qsort(sorted + first[i], r->size[i], sizeof(row), compare_rows);
    }
    alm_heap_free(r->rows);
    r->rows = sorted;
    r->capacity = r->count;
    return ALM_OK;
}

static alm_err refuse_repeat(const reading *r, const row *one, const row *two, alm_error *error)
{
    char time[ALM_INSTANT_TEXT_BYTES];
    alm_str id = r->ids[two->series];
    alm_time_write(&r->out.style, two->time, time);
    alm_buffer whose = {0};
    if (r->columns.id_count > 0) {
        alm_buffer_text(&whose, " of series '");
        alm_buffer_visible(&whose, (alm_str){id.data, id.size < SHOWN_BYTES ? id.size
                                                                          : SHOWN_BYTES});
        alm_buffer_text(&whose, "'");
    }
    alm_err code = alm_fail(
        error, ALM_ERR_INVALID, "%s: rows %u and %u both hold %s%s: %s", r->options.name,
        (unsigned)one->record, (unsigned)two->record, time, whose.data ? whose.data : "",
        r->columns.id_count > 0 || r->out.facts.unused.size == 0
            ? "keep one of them, add them up, or name with --id what else tells series apart"
            : "name the column that tells series apart with --id");
    alm_buffer_deinit(&whose);
    return code;
}

static alm_err refuse_repeats(const reading *r, alm_error *error)
{
    for (size_t i = 1; i < r->count; i++) {
        const row *one = &r->rows[i - 1];
        if (one->series == r->rows[i].series && one->time == r->rows[i].time) {
            return refuse_repeat(r, one, &r->rows[i], error);
        }
    }
    return ALM_OK;
}

/* ---- on a grid ---- */

static alm_err off_grid(const reading *r, size_t place, const char *what, alm_error *error)
{
    char time[ALM_INSTANT_TEXT_BYTES];
    char step[ALM_FREQUENCY_TEXT_BYTES];
    const row *odd = &r->rows[place];
    alm_time_write(&r->out.style, odd->time, time);
    alm_frequency_step_text(&r->out.frequency, step);
    return alm_fail(error, ALM_ERR_INVALID, "%s: row %u, column " ALM_STR_FMT ": %s is not a whole "
                    "number of steps (one %s) from the times %s", r->options.name,
                    (unsigned)odd->record, ALM_STR_ARG(r->out.facts.time), time, step, what);
}

static alm_err find_frequency(reading *r, const size_t *first, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(r->count * sizeof(int64_t), &memory, error));
    int64_t *time = memory;
    for (size_t i = 0; i < r->count; i++) {
        time[i] = r->rows[i].time;
    }
    alm_frequency_times times = {time, first, r->series, r->out.style.form == ALM_TIME_INDEX};
    alm_frequency_finding found = {.odd = SIZE_MAX};
    alm_frequency_verdict verdict = ALM_FREQUENCY_FOUND;
    if (r->options.frequency) {
        found.frequency = *r->options.frequency;
        alm_frequency_settle(&times, &found.frequency);
    } else {
        verdict = alm_frequency_infer(&times, &found);
    }
    alm_heap_free(time);
    r->out.frequency = found.frequency;
    r->out.facts.assumed = verdict == ALM_FREQUENCY_ASSUMED;
    if (verdict == ALM_FREQUENCY_OFF) {
        return off_grid(r, found.odd, "that nearly all other rows keep to", error);
    }
    if (verdict == ALM_FREQUENCY_NONE) {
        char step[ALM_FREQUENCY_TEXT_BYTES];
        alm_frequency_step_text(&found.frequency, step);
        return alm_fail(error, ALM_ERR_INVALID, "%s: the times keep to no grid: only %.1f%% of the "
                        "steps of one %s have a row; add them up by hour, day or month first, or "
                        "say --freq", r->options.name, 100 * found.share, step);
    }
    return ALM_OK;
}

/* 202401 to 202412 count on to 202413 as numbers, and are a year as months. */
static alm_err refuse_doubt(const reading *r, alm_error *error)
{
    alm_time_doubts doubts = {0};
    for (size_t i = 0; i < r->count; i++) {
        alm_time_doubts_add(&doubts, r->rows[i].time);
    }
    const alm_time_doubt *doubt = alm_time_doubts_of(&doubts);
    return doubt ? alm_fail(error, ALM_ERR_INVALID, "%s: column " ALM_STR_FMT ": is %lld %s or a "
                            "number? Write %s; numbers that are no times need their step: --freq N",
                            r->options.name, ALM_STR_ARG(r->out.facts.time),
                            (long long)r->rows[0].time, doubt->what, doubt->write)
                 : ALM_OK;
}

static alm_err check_kind(const reading *r, alm_error *error)
{
    const alm_frequency *asked = r->options.frequency;
    bool index = r->out.style.form == ALM_TIME_INDEX;
    if (!asked && index) {
        return refuse_doubt(r, error);
    }
    if (!asked || (asked->period == ALM_PERIOD_INDEX) == index) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s: column " ALM_STR_FMT " holds %s, and --freq asks "
                    "for %s", r->options.name, ALM_STR_ARG(r->out.facts.time),
                    index ? "whole numbers" : "dates", index ? "dates" : "whole numbers");
}

static alm_err thin_series(const reading *r, size_t i, int64_t periods, alm_error *error)
{
    alm_buffer id = {0};
    alm_buffer_visible(&id, (alm_str){r->ids[i].data, r->ids[i].size < SHOWN_BYTES
                                                          ? r->ids[i].size : SHOWN_BYTES});
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "%s: series '%s' has %u rows for %lld periods: "
                            "is a date wrong?", r->options.name, id.data ? id.data : "",
                            (unsigned)r->size[i], (long long)periods);
    alm_buffer_deinit(&id);
    return code;
}

/* From the first row to the last one, with the zeros that were not written behind it. False: more
 * than 64 bits hold. */
static bool steps_of(const reading *r, int64_t first, int64_t last, int64_t *out)
{
    return (r->options.zero_gaps &&
            alm_frequency_between(&r->out.frequency, first, r->out.facts.last, out)) ||
           alm_frequency_between(&r->out.frequency, first, last, out);
}

/* Periods of each series; the number of all. */
static alm_err measure(const reading *r, const size_t *first, alm_long_one *series, size_t *total,
                       alm_error *error)
{
    *total = 0;
    for (size_t i = 0; i < r->series; i++) {
        int64_t steps = 0;
        for (size_t k = first[i]; k < first[i + 1]; k++) {
            const row *before = &r->rows[k > first[i] ? k - 1 : k];
            if (!alm_frequency_between(&r->out.frequency, before->time, r->rows[k].time, &steps)) {
                return off_grid(r, k, "before it", error);
            }
        }
        size_t end = last_row(r, first[i], first[i + 1]);
        if (!steps_of(r, r->rows[first[i]].time, r->rows[end].time, &steps)) {
            steps = INT64_MAX - 1;
        }
        int64_t free_steps = r->options.zero_gaps ? THIN_FREE_ZERO : THIN_FREE;
        if (steps / THIN > (int64_t)r->size[i] + free_steps / THIN) {
            return thin_series(r, i, steps + 1, error);
        }
        series[i] = (alm_long_one){.id = r->ids[i], .start = r->rows[first[i]].time,
                                   .count = (size_t)steps + 1};
        *total += series[i].count;
    }
    if (*total > PERIODS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%s: %zu series have more than %zu periods in all: "
                        "cut the file", r->options.name, r->series, PERIODS_MAX);
    }
    return ALM_OK;
}

/* What was sold out is a bound and no value. */
static void place_row(const reading *r, const row *one, size_t t, double *y, double *least,
                      alm_long_one *series)
{
    if (r->sold_out && r->sold_out[one->record]) {
        series->sold_out++;
        least[t] = one->y;
        return;
    }
    series->known += !isnan(one->y);
    y[t] = one->y;
}

/* How many rows have no value. `least`: NULL where no column says what was sold out. */
static size_t place(const reading *r, const size_t *first, size_t i, double *y, double *least,
                    alm_long_one *one)
{
    for (size_t t = 0; t < one->count; t++) {
        y[t] = r->options.zero_gaps ? 0 : (double)NAN;
    }
    for (size_t t = 0; least && t < one->count; t++) {
        least[t] = (double)NAN;
    }
    size_t empty = 0;
    size_t rows = 0;
    for (size_t k = first[i]; k < first[i + 1]; k++) {
        int64_t steps = 0;
        (void)alm_frequency_between(&r->out.frequency, one->start, r->rows[k].time, &steps);
        if ((size_t)steps < one->count) {
            y[steps] = (double)NAN;
            place_row(r, &r->rows[k], (size_t)steps, y, least, one);
            empty += isnan(r->rows[k].y) ? 1 : 0;
            rows++;
        }
    }
    one->gaps = one->count - rows;
    one->known += r->options.zero_gaps ? one->gaps : 0;
    one->y = y;
    one->least = one->sold_out > 0 ? least : NULL;
    return empty;
}

static alm_err lay_out(reading *r, const size_t *first, alm_error *error)
{
    size_t total = 0;
    void *memory = NULL;
    alm_long_facts *facts = &r->out.facts;
    ALM_TRY(alm_arena_try_alloc(r->arena, r->series * sizeof(alm_long_one), &memory, error));
    alm_long_one *series = memory;
    facts->first = r->rows[0].time;
    facts->last = r->rows[0].time;
    for (size_t i = 0; i < r->series; i++) {
        int64_t last = r->rows[last_row(r, first[i], first[i + 1])].time;
        facts->first = r->rows[first[i]].time < facts->first ? r->rows[first[i]].time
                                                             : facts->first;
        facts->last = last > facts->last ? last : facts->last;
    }
    ALM_TRY(measure(r, first, series, &total, error));
    ALM_TRY(alm_arena_try_alloc(r->arena, total * sizeof(double), &memory, error));
    double *y = memory;
    double *least = NULL;
    if (r->sold_out) {
        ALM_TRY(alm_arena_try_alloc(r->arena, total * sizeof(double), &memory, error));
        least = memory;
    }
    facts->empty = 0;
    for (size_t i = 0; i < r->series; i++) {
        int64_t last = 0;
        facts->empty += place(r, first, i, y, least, &series[i]);
        y += series[i].count;
        least += least ? series[i].count : 0;
        facts->sold_out_periods += series[i].sold_out;
        facts->sold_out_series += series[i].sold_out > 0;
        facts->periods += series[i].count;
        facts->gaps += series[i].gaps;
        facts->gap_series += series[i].gaps > 0;
        bool exists = alm_frequency_after(&r->out.frequency, series[i].start,
                                          (int64_t)series[i].count - 1, &last);
        facts->early_series += !exists || last < facts->last;
    }
    r->out.series = series;
    r->out.count = r->series;
    return place_regressors(r, first, series, total, error);
}

/* ---- all of it ---- */

static alm_err read_file(reading *r, alm_error *error)
{
    r->out.facts.sorted = true;
    ALM_TRY(read_rows(r, error));
    ALM_TRY(read_plans(r, error));
    size_t *first = ALM_NEW_ARRAY(r->arena, size_t, r->series + 1);
    ALM_TRY(sort_rows(r, first, error));
    ALM_TRY(refuse_repeats(r, error));
    ALM_TRY(check_kind(r, error));
    ALM_TRY(find_frequency(r, first, error));
    return lay_out(r, first, error);
}

alm_err alm_long_read(alm_fs *fs, const alm_long_options *options, alm_arena *arena,
                      alm_long_series *out, alm_error *error)
{
    reading r = {.options = *options, .arena = arena, .fs = fs};
    r.options.name = options->name ? options->name : options->path;
    if (options->regressors) {
        ALM_TRY(almi_cells_create(options->regressors, r.options.name, arena, &r.cells, error));
    }
    ALM_TRY(alm_csv_open(fs, r.options.path, r.options.name, &r.csv, error));
    alm_err code = read_file(&r, error);
    alm_csv_close(r.csv);
    almi_cells_destroy(r.cells);
    alm_heap_free(r.rows);
    alm_heap_free(r.ids);
    alm_heap_free(r.size);
    alm_heap_free(r.parts);
    alm_heap_free(r.slots);
    alm_heap_free(r.sold_out);
    alm_buffer_deinit(&r.id);
    if (code == ALM_OK) {
        *out = r.out;
    }
    return code;
}

bool alm_long_time(const alm_long_series *all, const alm_long_one *series, size_t steps,
                   int64_t *out)
{
    return alm_frequency_after(&all->frequency, series->start, (int64_t)steps, out);
}
