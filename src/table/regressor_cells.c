#include "table/regressor_cells.h"

#include <math.h>
#include <string.h>

#include "table/csv.h"
#include "table/long_columns.h"
#include "table/regressor_holidays.h"

#define TEXTS_MAX 64 /* of a column */
#define CODE_MAX 1e6 /* whole numbers among texts */
#define ABSENT UINT32_MAX
#define SHOWN_BYTES 60
#define ROWS_START ((size_t)1024)

/* A number (NaN: empty) where text is 0, else text - 1 of the column's; or ABSENT. */
typedef struct cell {
    double number;
    uint32_t text;
} cell;

typedef struct source { /* of a cell, for messages */
    const char *file;
    uint64_t record;
} source;

typedef struct column {
    alm_str name;
    bool is_observed, is_category;
    alm_str text[TEXTS_MAX];
    uint64_t often[TEXTS_MAX];
    size_t text_count;
    source first_text;
    double fraction; /* the first number that is no code; NaN: all are */
} column;

typedef struct cell_rows {
    cell *cell; /* rows x columns */
    size_t count, capacity;
} cell_rows;

typedef struct planned_row {
    int64_t time;
    uint32_t series; /* ALMI_ALL_SERIES */
    uint32_t record;
} planned_row;

typedef struct regressor { /* what a regressor is made of */
    size_t column;         /* of the cells, or of holidays: their count */
    size_t text;           /* of the column, or name of the holiday */
} regressor;

struct almi_cells {
    alm_regressor_options options;
    const char *file;
    alm_arena *arena;
    column *column; /* count */
    size_t count;
    cell_rows first, second;
    planned_row *planned; /* one per row of `second` */
    size_t planned_capacity;
    almi_holidays holidays;
    regressor *from; /* of each regressor */
    size_t *order;   /* of planned rows: by series; behind them those of all series */
    size_t *first_of; /* in `order`, of each series, and the end */
    size_t series;
    uint32_t *taken; /* of a period: the row of the second file */
    size_t taken_capacity;
    alm_regressor_table *table;
};

/* ---- which columns ---- */

static alm_err add_columns(almi_cells *c, const char *list, bool is_observed, alm_error *error)
{
    for (alm_str rest = list ? alm_str_of(list) : (alm_str){0}; rest.data;) {
        alm_str name = alm_str_trim(alm_str_split(&rest, ','));
        for (size_t i = 0; i < c->count; i++) {
            if (alm_str_equal(c->column[i].name, name)) {
                return alm_fail(error, ALM_ERR_INVALID, "column '" ALM_STR_FMT "' is asked for "
                                "twice: a regressor is known in advance or observed",
                                ALM_STR_ARG(name));
            }
        }
        if (name.size == 0 || c->count == ALM_LONG_REGRESSORS_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "regressors are 1 to %d names of columns by "
                            "commas, as in price,promo", ALM_LONG_REGRESSORS_MAX);
        }
        c->column[c->count++] = (column){
            .name = {alm_arena_copy_text(c->arena, name.data, name.size), name.size},
            .is_observed = is_observed, .fraction = (double)NAN};
    }
    return ALM_OK;
}

alm_err almi_cells_create(const alm_regressor_options *options, const char *file,
                          alm_arena *arena, almi_cells **out, alm_error *error)
{
    almi_cells *c = ALM_NEW(arena, almi_cells);
    *c = (almi_cells){.options = *options, .file = file, .arena = arena};
    c->column = ALM_NEW_ARRAY(arena, column, ALM_LONG_REGRESSORS_MAX);
    ALM_TRY(add_columns(c, options->in_advance, false, error));
    ALM_TRY(add_columns(c, options->observed, true, error));
    if (c->count == 0 && (options->future || !options->holidays)) {
        return alm_fail(error, ALM_ERR_INVALID, "no regressor is named: a second file is the plan "
                        "of those that are");
    }
    *out = c;
    return ALM_OK;
}

void almi_cells_destroy(almi_cells *c)
{
    if (c) {
        alm_heap_free(c->first.cell);
        alm_heap_free(c->second.cell);
        alm_heap_free(c->planned);
        alm_heap_free(c->taken);
        almi_holidays_free(&c->holidays);
    }
}

size_t almi_cells_columns(const almi_cells *c)
{
    return c->count;
}

alm_str almi_cells_name(const almi_cells *c, size_t i)
{
    return c->column[i].name;
}

/* ---- rows ---- */

static alm_err grow(void *memory, size_t *capacity, size_t count, size_t size, alm_error *error)
{
    void *old = NULL;
    void *grown = NULL;
    if (count < *capacity) {
        return ALM_OK;
    }
    size_t to = *capacity ? 2 * *capacity : ROWS_START;
    memcpy(&old, memory, sizeof old);
    ALM_TRY(alm_heap_try_resize(old, *capacity * size, to * size, &grown, error));
    memcpy(memory, &grown, sizeof grown);
    *capacity = to;
    return ALM_OK;
}

static alm_err refuse_texts(const column *col, alm_str text, source from, alm_error *error)
{
    alm_buffer shown = {0};
    alm_buffer_visible(&shown, (alm_str){text.data, text.size < SHOWN_BYTES ? text.size
                                                                          : SHOWN_BYTES});
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": '%s' is "
                            "the text number %d: a regressor is numbers, written with a point, or "
                            "at most %d texts", from.file, (unsigned long long)from.record,
                            ALM_STR_ARG(col->name), shown.data ? shown.data : "", TEXTS_MAX + 1,
                            TEXTS_MAX);
    alm_buffer_deinit(&shown);
    return code;
}

/* The number of a text of the column, from 1; 0: there are too many. */
static uint32_t intern(column *col, alm_str text, alm_arena *arena)
{
    size_t i = 0;
    while (i < col->text_count && !alm_str_equal(col->text[i], text)) {
        i++;
    }
    if (i == TEXTS_MAX) {
        return 0;
    }
    if (i == col->text_count) {
        col->text[col->text_count++] =
            (alm_str){alm_arena_copy_text(arena, text.data ? text.data : "", text.size), text.size};
    }
    return (uint32_t)i + 1;
}

static bool is_code(double number)
{
    return number == floor(number) && fabs(number) <= CODE_MAX;
}

static alm_err read_cell(almi_cells *c, column *col, alm_str text, source from, cell *out,
                         alm_error *error)
{
    text = alm_str_trim(text);
    *out = (cell){.number = (double)NAN};
    if (almi_long_missing(text)) {
        return ALM_OK;
    }
    if (alm_str_to_double(text, &out->number)) {
        col->fraction = isnan(col->fraction) && !is_code(out->number) ? out->number
                                                                      : col->fraction;
        return ALM_OK;
    }
    out->text = intern(col, text, c->arena);
    if (out->text == 0) {
        return refuse_texts(col, text, from, error);
    }
    col->first_text = col->first_text.file ? col->first_text : from;
    return ALM_OK;
}

/* `place` of each column. */
static alm_err take_row(almi_cells *c, cell_rows *rows, source from, const alm_str *fields,
                        const size_t *place, alm_error *error)
{
    ALM_TRY(grow(&rows->cell, &rows->capacity, rows->count, c->count * sizeof(cell), error));
    cell *to = rows->cell + rows->count * c->count;
    for (size_t i = 0; i < c->count; i++) {
        if (place[i] == ALMI_NO_COLUMN) {
            to[i] = (cell){(double)NAN, ABSENT};
        } else {
            ALM_TRY(read_cell(c, &c->column[i], fields[place[i]], from, &to[i], error));
        }
    }
    rows->count++;
    return ALM_OK;
}

alm_err almi_cells_take(almi_cells *c, const alm_str *fields, const size_t *place,
                        uint64_t record, alm_error *error)
{
    if (c->count == 0) {
        return ALM_OK;
    }
    alm_assert(record == c->first.count + 1);
    return take_row(c, &c->first, (source){c->file, record}, fields, place, error);
}

/* ---- the second file ---- */

typedef struct future_columns {
    size_t id[ALMI_LONG_IDS_MAX];
    size_t id_count; /* 0: rows are of all series */
    size_t time;
    size_t *place;   /* of the regressors */
} future_columns;

static size_t column_called(const alm_str *header, size_t count, alm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(header[i], name)) {
            return i;
        }
    }
    return ALMI_NO_COLUMN;
}

static alm_err lacks(const almi_cells *c, alm_str name, const char *why, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "%s: there is no column '" ALM_STR_FMT "': %s",
                    c->options.future, ALM_STR_ARG(name), why);
}

/* What is known in advance must be there; what is observed may be. */
static alm_err find_columns(const almi_cells *c, const alm_csv *csv, const almi_future *f,
                            const size_t *place, future_columns *out, alm_error *error)
{
    size_t count = 0;
    const alm_str *header = alm_csv_header(csv, &count);
    *out = (future_columns){.time = column_called(header, count, f->time),
                            .place = ALM_NEW_ARRAY(c->arena, size_t, c->count)};
    if (out->time == ALMI_NO_COLUMN) {
        return lacks(c, f->time, "times are called as in the first file", error);
    }
    for (size_t i = 0; i < f->id_count; i++) {
        out->id[i] = column_called(header, count, f->id[i]);
        out->id_count += out->id[i] != ALMI_NO_COLUMN;
    }
    for (size_t i = 0; i < f->id_count && out->id_count > 0; i++) {
        if (out->id[i] == ALMI_NO_COLUMN) {
            return lacks(c, f->id[i], "all that tell series apart in the first file are needed, or "
                         "none of them, for rows that are of every series", error);
        }
    }
    for (size_t i = 0; i < c->count; i++) {
        out->place[i] = column_called(header, count, c->column[i].name);
        if (out->place[i] == ALMI_NO_COLUMN &&
            (!c->column[i].is_observed || place[i] == ALMI_NO_COLUMN)) {
            return lacks(c, c->column[i].name, "it holds the plan of every regressor that is known "
                         "in advance, and those that the first file does not have", error);
        }
    }
    return ALM_OK;
}

static alm_err bad_row(const almi_cells *c, const alm_csv *csv, alm_str name, const char *what,
                       alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": %s",
                    c->options.future, (unsigned long long)alm_csv_record(csv),
                    ALM_STR_ARG(name), what);
}

static alm_err take_future(almi_cells *c, const alm_csv *csv, const almi_future *f,
                           const future_columns *at, const alm_str *fields, alm_error *error)
{
    alm_buffer id = {0};
    planned_row row = {.series = ALMI_ALL_SERIES, .record = (uint32_t)alm_csv_record(csv)};
    if (!alm_time_read(f->style, alm_str_trim(fields[at->time]), &row.time)) {
        return bad_row(c, csv, f->time, "no time, or not written as in the first file", error);
    }
    for (size_t i = 0; i < at->id_count; i++) {
        alm_buffer_text(&id, i ? "/" : "");
        alm_buffer_str(&id, fields[at->id[i]]);
    }
    alm_err code = alm_buffer_status(&id, error);
    bool exists = at->id_count == 0 || f->find(f->context, alm_buffer_view(&id), &row.series);
    alm_buffer_deinit(&id);
    if (code != ALM_OK) {
        return code;
    }
    if (!exists) {
        c->table->strange_rows++;
        return ALM_OK;
    }
    ALM_TRY(grow(&c->planned, &c->planned_capacity, c->second.count, sizeof row, error));
    c->planned[c->second.count] = row;
    c->table->future_rows++;
    source from = {c->options.future, row.record};
    return take_row(c, &c->second, from, fields, at->place, error);
}

static alm_err read_future(almi_cells *c, alm_csv *csv, const almi_future *f, const size_t *place,
                           alm_error *error)
{
    size_t header = 0;
    size_t count = 0;
    const alm_str *fields = NULL;
    future_columns at;
    (void)alm_csv_header(csv, &header);
    ALM_TRY(find_columns(c, csv, f, place, &at, error));
    for (;;) {
        ALM_TRY(alm_csv_next(csv, &fields, &count, error));
        if (count == 0) {
            return ALM_OK;
        }
        if (count != header || alm_csv_record(csv) >= UINT32_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu has %zu values, the header names "
                            "%zu columns", c->options.future,
                            (unsigned long long)alm_csv_record(csv), count, header);
        }
        ALM_TRY(take_future(c, csv, f, &at, fields, error));
    }
}

alm_err almi_cells_read_future(almi_cells *c, alm_fs *fs, const almi_future *future,
                               const size_t *place, alm_error *error)
{
    alm_csv *csv = NULL;
    c->table = ALM_NEW(c->arena, alm_regressor_table);
    if (!c->options.future) {
        return ALM_OK;
    }
    ALM_TRY(alm_csv_open(fs, c->options.future, c->options.future, &csv, error));
    alm_err code = read_future(c, csv, future, place, error);
    alm_csv_close(csv);
    return code;
}

alm_err almi_cells_read_holidays(almi_cells *c, alm_fs *fs, alm_error *error)
{
    if (!c->options.holidays) {
        return ALM_OK;
    }
    ALM_TRY(almi_holidays_read(fs, c->options.holidays, c->arena, &c->holidays, error));
    c->table->holiday_rows = c->holidays.count;
    return ALM_OK;
}

/* ---- types ---- */

/* 1, 0, or -1: no such word. */
static int bool_of(alm_str text)
{
    static const char *const WORDS[] = {"false", "true", "False", "True", "FALSE", "TRUE",
                                        "no",    "yes",  "No",    "Yes",  "NO",    "YES"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (alm_str_is(text, WORDS[i])) {
            return (int)(i % 2);
        }
    }
    return -1;
}

static bool are_bools(const almi_cells *c, size_t i)
{
    const column *col = &c->column[i];
    const cell_rows *both[] = {&c->first, &c->second};
    bool are = true;
    for (size_t k = 0; k < col->text_count; k++) {
        are = are && bool_of(col->text[k]) >= 0;
    }
    for (size_t f = 0; f < 2; f++) {
        for (size_t row = 0; are && row < both[f]->count; row++) {
            const cell *one = &both[f]->cell[row * c->count + i];
            are = one->text > 0 || isnan(one->number) || one->number == 0 || one->number == 1;
        }
    }
    return are;
}

/* Empty fields and codes become texts, and all of them are counted. */
static alm_err count_texts(almi_cells *c, size_t i, cell_rows *rows, alm_error *error)
{
    column *col = &c->column[i];
    for (size_t row = 0; row < rows->count; row++) {
        cell *one = &rows->cell[row * c->count + i];
        if (one->text == 0) {
            char digits[32] = "";
            size_t size = isnan(one->number) ? 0 : alm_double_text(one->number, digits);
            one->text = intern(col, (alm_str){digits, size}, c->arena);
        }
        if (one->text == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: column " ALM_STR_FMT " holds more than %d "
                            "different texts and codes: a regressor is numbers, or few texts",
                            c->file, ALM_STR_ARG(col->name), TEXTS_MAX);
        }
        if (one->text != ABSENT) {
            col->often[one->text - 1]++;
        }
    }
    return ALM_OK;
}

static alm_err settle_column(almi_cells *c, size_t i, alm_error *error)
{
    column *col = &c->column[i];
    if (col->text_count == 0 || are_bools(c, i)) {
        return ALM_OK;
    }
    if (!isnan(col->fraction)) {
        char number[32];
        alm_double_text(col->fraction, number);
        alm_str text = alm_str_visible(col->text[0], c->arena);
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %llu, column " ALM_STR_FMT ": '"
                        ALM_STR_FMT "' is no number, and other rows hold numbers such as %s: write "
                        "numbers with a point, or texts in all rows", col->first_text.file,
                        (unsigned long long)col->first_text.record, ALM_STR_ARG(col->name),
                        ALM_STR_ARG(text), number);
    }
    col->is_category = true;
    ALM_TRY(count_texts(c, i, &c->first, error));
    return count_texts(c, i, &c->second, error);
}

/* Texts in order of their bytes; the most frequent one, the first of equals, is the usual one. The
 * cells keep their numbers: `order` says which text an indicator is of. */
static size_t usual_of(const column *col)
{
    size_t usual = 0;
    for (size_t k = 1; k < col->text_count; k++) {
        bool more = col->often[k] > col->often[usual];
        bool same = col->often[k] == col->often[usual];
        usual = more || (same && alm_str_compare(col->text[k], col->text[usual]) < 0) ? k : usual;
    }
    return usual;
}

static void sort_texts(const column *col, size_t order[TEXTS_MAX])
{
    for (size_t k = 0; k < col->text_count; k++) {
        size_t at = k;
        for (; at > 0 && alm_str_compare(col->text[order[at - 1]], col->text[k]) > 0; at--) {
            order[at] = order[at - 1];
        }
        order[at] = k;
    }
}

typedef struct naming {
    almi_cells *cells;
    const char **names;
    size_t *column_of;
    regressor *from;
    alm_regressor_column *column;
    alm_regressor_table *table;
} naming;

static alm_err add_regressor(naming *n, const char *name, regressor from, alm_error *error)
{
    alm_regressor_table *t = n->table;
    if (t->count == ALM_LONG_REGRESSORS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: more than %d regressors, an indicator for "
                        "each text counted: take fewer columns, or give texts that are alike one "
                        "name", n->cells->file, ALM_LONG_REGRESSORS_MAX);
    }
    const column *col = from.column < n->cells->count ? &n->cells->column[from.column] : NULL;
    n->names[t->count] = col && col->is_observed
                             ? alm_arena_printf(n->cells->arena, "%s (lag %zu)", name, t->steps)
                             : name;
    n->column_of[t->count] = t->column_count;
    n->from[t->count++] = from;
    n->column[t->column_count].count++;
    return ALM_OK;
}

static alm_err name_column(naming *n, size_t i, alm_error *error)
{
    const column *col = &n->cells->column[i];
    alm_regressor_column *out = &n->column[n->table->column_count];
    alm_arena *arena = n->cells->arena;
    *out = (alm_regressor_column){.name = alm_str_visible(col->name, arena),
                                  .is_observed = col->is_observed,
                                  .is_category = col->is_category, .first = n->table->count};
    if (!col->is_category) {
        const char *name = alm_arena_copy_text(arena, out->name.data, out->name.size);
        ALM_TRY(add_regressor(n, name, (regressor){i, 0}, error));
        n->table->column_count++;
        return ALM_OK;
    }
    size_t order[TEXTS_MAX];
    size_t usual = usual_of(col);
    sort_texts(col, order);
    out->usual = alm_str_visible(col->text[usual], arena);
    for (size_t k = 0; k < col->text_count; k++) {
        alm_str text = alm_str_visible(col->text[order[k]], arena);
        if (order[k] != usual) {
            ALM_TRY(add_regressor(n, alm_arena_printf(arena, ALM_STR_FMT "=" ALM_STR_FMT,
                                                      ALM_STR_ARG(out->name), ALM_STR_ARG(text)),
                                  (regressor){i, order[k]}, error));
        }
    }
    n->table->column_count++;
    return ALM_OK;
}

static alm_err name_holidays(naming *n, alm_error *error)
{
    almi_cells *c = n->cells;
    if (!c->options.holidays) {
        return ALM_OK;
    }
    n->column[n->table->column_count] = (alm_regressor_column){
        .name = alm_str_of(c->options.holidays), .is_category = true, .is_holidays = true,
        .first = n->table->count};
    for (size_t k = 0; k < c->holidays.name_count; k++) {
        alm_str name = alm_str_visible(c->holidays.name[k], c->arena);
        ALM_TRY(add_regressor(n, alm_arena_copy_text(c->arena, name.data, name.size),
                              (regressor){c->count, k}, error));
    }
    n->table->column_count++;
    return ALM_OK;
}

/* By series, as they came. */
static void order_planned(almi_cells *c)
{
    size_t *next = ALM_NEW_ARRAY(c->arena, size_t, c->series + 1);
    c->first_of = ALM_NEW_ARRAY(c->arena, size_t, c->series + 2);
    c->order = ALM_NEW_ARRAY(c->arena, size_t, c->second.count);
    for (size_t row = 0; row < c->second.count; row++) {
        uint32_t series = c->planned[row].series;
        c->first_of[series == ALMI_ALL_SERIES ? c->series + 1 : (size_t)series + 1]++;
    }
    for (size_t i = 0; i <= c->series; i++) {
        c->first_of[i + 1] += c->first_of[i];
        next[i] = c->first_of[i];
    }
    for (size_t row = 0; row < c->second.count; row++) {
        uint32_t series = c->planned[row].series;
        c->order[next[series == ALMI_ALL_SERIES ? c->series : series]++] = row;
    }
}

alm_err almi_cells_settle(almi_cells *c, const alm_frequency *frequency, size_t series,
                          alm_regressor_table **out, alm_error *error)
{
    size_t most = ALM_LONG_REGRESSORS_MAX + 1;
    naming n = {.cells = c, .table = c->table,
                .names = ALM_NEW_ARRAY(c->arena, const char *, most),
                .column_of = ALM_NEW_ARRAY(c->arena, size_t, most),
                .from = ALM_NEW_ARRAY(c->arena, regressor, most),
                .column = ALM_NEW_ARRAY(c->arena, alm_regressor_column, most)};
    c->table->steps = c->options.steps ? c->options.steps : alm_frequency_horizon(frequency);
    c->table->future = c->options.future;
    c->table->holidays = c->options.holidays;
    for (size_t i = 0; i < c->count; i++) {
        ALM_TRY(settle_column(c, i, error));
        ALM_TRY(name_column(&n, i, error));
    }
    ALM_TRY(name_holidays(&n, error));
    c->series = series;
    order_planned(c);
    c->from = n.from;
    c->table->names = n.names;
    c->table->column_of = n.column_of;
    c->table->column = n.column;
    *out = c->table;
    return ALM_OK;
}

/* ---- on the grid ---- */

static double value_of(const almi_cells *c, const cell *row, const regressor *from)
{
    const column *col = &c->column[from->column];
    const cell *one = &row[from->column];
    if (one->text == ABSENT) {
        return (double)NAN;
    }
    if (col->is_category) {
        return one->text - 1 == from->text ? 1 : 0;
    }
    return one->text > 0 ? bool_of(col->text[one->text - 1]) : one->number;
}

void almi_cells_place(const almi_cells *c, uint64_t record, const almi_cell_grid *grid,
                      size_t period)
{
    size_t periods = grid->count + c->table->steps;
    if (c->count == 0) {
        return; /* holidays alone */
    }
    const cell *row = c->first.cell + (record - 1) * c->count;
    for (size_t k = 0; k < c->table->count && period < periods; k++) {
        if (c->from[k].column < c->count) {
            grid->x[k * periods + period] = value_of(c, row, &c->from[k]);
        }
    }
}

/* Of two rows for one period neither can be preferred. */
static alm_err take_period(almi_cells *c, size_t period, uint32_t record, alm_error *error)
{
    if (c->taken[period] > 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: rows %u and %u are both of one time and "
                        "series: keep one of them%s", c->options.future,
                        (unsigned)c->taken[period], (unsigned)record,
                        c->planned[0].series == ALMI_ALL_SERIES
                            ? ", or name the columns that tell series apart as the first file does"
                            : "");
    }
    c->taken[period] = record;
    return ALM_OK;
}

static alm_err place_planned(almi_cells *c, const almi_cell_grid *grid, size_t row,
                             alm_error *error)
{
    int64_t steps = 0;
    size_t periods = grid->count + c->table->steps;
    const planned_row *one = &c->planned[row];
    if (!alm_frequency_between(grid->frequency, grid->start, one->time, &steps)) {
        if (one->series == ALMI_ALL_SERIES) { /* a calendar may be finer */
            c->table->between_rows += grid->series == 0;
            return ALM_OK;
        }
        return alm_fail(error, ALM_ERR_INVALID, "%s: row %u: the time is not one of the steps of "
                        "its series", c->options.future, (unsigned)one->record);
    }
    if (steps < 0 || (uint64_t)steps >= periods) {
        return ALM_OK; /* before the series, or further than is looked */
    }
    ALM_TRY(take_period(c, (size_t)steps, one->record, error));
    for (size_t k = 0; k < c->table->count; k++) {
        if (c->from[k].column >= c->count) {
            continue;
        }
        double *at = &grid->x[k * periods + (size_t)steps];
        double value = value_of(c, c->second.cell + row * c->count, &c->from[k]);
        c->table->different += !isnan(*at) && !isnan(value) && *at != value;
        *at = isnan(*at) ? value : *at;
    }
    return ALM_OK;
}

static alm_err place_holidays(almi_cells *c, const almi_cell_grid *grid, alm_error *error)
{
    size_t periods = grid->count + c->table->steps;
    alm_date first = alm_time_day(grid->start, NULL);
    alm_date day = first;
    size_t next = 0;
    ALM_TRY(almi_holidays_check_grid(&c->holidays, grid->frequency, error));
    for (size_t t = 0; t < periods; t++) {
        int64_t time = 0;
        if (!alm_frequency_after(grid->frequency, grid->start, (int64_t)t, &time)) {
            break; /* no such time: nothing is forecast there */
        }
        day = alm_time_day(time, NULL);
        while (next < c->holidays.count && c->holidays.holiday[next].day < day) {
            next++;
        }
        for (size_t k = 0; k < c->table->count; k++) {
            if (c->from[k].column == c->count) {
                grid->x[k * periods + t] =
                    almi_holidays_on(&c->holidays, next, day, c->from[k].text);
            }
        }
    }
    return almi_holidays_check_years(&c->holidays, first, day, error);
}

/* Of an observed column a period sees what was `steps` periods before. */
static void lag_observed(const almi_cells *c, const almi_cell_grid *grid)
{
    size_t steps = c->table->steps;
    size_t periods = grid->count + steps;
    for (size_t k = 0; k < c->table->count; k++) {
        if (c->from[k].column < c->count && c->column[c->from[k].column].is_observed) {
            double *x = grid->x + k * periods;
            memmove(x + steps, x, grid->count * sizeof *x);
            for (size_t t = 0; t < steps; t++) {
                x[t] = (double)NAN;
            }
        }
    }
}

/* Nothing of the second file is placed yet. */
static alm_err clear_taken(almi_cells *c, const almi_cell_grid *grid, alm_error *error)
{
    size_t periods = grid->count + c->table->steps;
    if (c->second.count == 0) {
        return ALM_OK;
    }
    if (periods > c->taken_capacity) {
        void *memory = NULL;
        alm_heap_free(c->taken);
        c->taken = NULL;
        c->taken_capacity = 0;
        ALM_TRY(alm_heap_try(periods * sizeof *c->taken, &memory, error));
        c->taken = memory;
        c->taken_capacity = periods;
    }
    memset(c->taken, 0, periods * sizeof *c->taken);
    return ALM_OK;
}

alm_err almi_cells_finish(almi_cells *c, const almi_cell_grid *grid, alm_error *error)
{
    ALM_TRY(clear_taken(c, grid, error));
    for (size_t i = c->first_of[grid->series]; i < c->first_of[grid->series + 1]; i++) {
        ALM_TRY(place_planned(c, grid, c->order[i], error));
    }
    for (size_t i = c->first_of[c->series]; i < c->second.count; i++) {
        ALM_TRY(place_planned(c, grid, c->order[i], error));
    }
    if (c->options.holidays) {
        ALM_TRY(place_holidays(c, grid, error));
    }
    lag_observed(c, grid);
    return ALM_OK;
}
