#include "http/protocol/row_block.h"

#include <math.h>
#include <string.h>

#define NAME_SHOWN 60

/* Part of a name that fits a message. */
static alm_str shown(const almi_json_reader *r, alm_str name)
{
    alm_str visible = alm_str_visible(name, r->arena);
    size_t size = visible.size < NAME_SHOWN ? visible.size : NAME_SHOWN;
    while (size > 0 && size < visible.size && ((unsigned char)visible.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return (alm_str){visible.data, size};
}

/* ---- lists that grow ---- */

/* Room for one more. */
static alm_err make_room(almi_doubles *list, alm_arena *arena, alm_error *error)
{
    void *memory = NULL;
    size_t room = list->room ? 2 * list->room : 64;
    if (list->count < list->room) {
        return ALM_OK;
    }
    if (list->count == ALM_INFERENCE_VALUES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than %zu values in one request; send "
                        "several", ALM_INFERENCE_VALUES_MAX);
    }
    ALM_TRY(alm_arena_try_alloc(arena, room * sizeof(double), &memory, error));
    if (list->count) {
        memcpy(memory, list->data, list->count * sizeof(double));
    }
    list->data = memory;
    list->room = room;
    return ALM_OK;
}

alm_err almi_doubles_push(almi_doubles *list, alm_arena *arena, double value, alm_error *error)
{
    ALM_TRY(make_room(list, arena, error));
    list->data[list->count++] = value;
    return ALM_OK;
}

typedef struct names {
    alm_str *data;
    size_t count, room;
} names;

static alm_err push_name(names *list, const almi_json_reader *r, alm_str name, alm_error *error)
{
    if (list->count == ALM_INFERENCE_COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than %d columns", ALM_INFERENCE_COLUMNS_MAX);
    }
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 32;
        alm_str *grown = ALM_NEW_ARRAY(r->arena, alm_str, list->room);
        if (list->count) {
            memcpy(grown, list->data, list->count * sizeof *grown);
        }
        list->data = grown;
    }
    list->data[list->count++] = name;
    return ALM_OK;
}

/* ---- names ---- */

/* FNV-1a. */
static size_t hash_of(alm_str name)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ (unsigned char)name.data[i]) * 1099511628211u;
    }
    return (size_t)(hash ^ hash >> 32);
}

bool almi_name_table_make(const alm_str *name, size_t count, alm_arena *arena,
                          almi_name_table *out, alm_str *twice)
{
    size_t size = 8;
    while (size < 2 * count) {
        size *= 2;
    }
    *out = (almi_name_table){name, ALM_NEW_ARRAY(arena, uint32_t, size), size - 1};
    for (size_t i = 0; i < count; i++) {
        size_t at = hash_of(name[i]) & out->mask;
        for (; out->slot[at]; at = (at + 1) & out->mask) {
            if (alm_str_equal(name[out->slot[at] - 1], name[i])) {
                *twice = name[i];
                return false;
            }
        }
        out->slot[at] = (uint32_t)i + 1;
    }
    return true;
}

size_t almi_name_table_find(const almi_name_table *t, alm_str name)
{
    for (size_t at = hash_of(name) & t->mask; t->slot[at]; at = (at + 1) & t->mask) {
        if (alm_str_equal(t->name[t->slot[at] - 1], name)) {
            return t->slot[at] - 1;
        }
    }
    return SIZE_MAX;
}

static alm_err make_table(const almi_json_reader *r, const names *list, almi_name_table *out,
                          alm_error *error)
{
    alm_str twice = {0};
    if (almi_name_table_make(list->data, list->count, r->arena, out, &twice)) {
        return ALM_OK;
    }
    alm_str one = shown(r, twice);
    return almi_json_fail(r, error, "column '" ALM_STR_FMT "' is there twice", ALM_STR_ARG(one));
}

/* A text, or a whole number as pandas names columns without names: its digits are the name. */
static alm_err read_name(almi_json_reader *r, alm_str *out, alm_error *error)
{
    double value = 0;
    int64_t integer = 0;
    bool is_integer = false;
    if (almi_json_next_kind(r) != ALM_JSON_DOUBLE) {
        return almi_json_read_str(r, out, error);
    }
    ALM_TRY(almi_json_read_number(r, &value, &is_integer, &integer, error));
    if (!is_integer) {
        return almi_json_fail(r, error, "the name of a column is a text or a whole number");
    }
    *out = alm_str_of(alm_arena_printf(r->arena, "%lld", (long long)integer));
    return ALM_OK;
}

alm_err almi_rows_read_names(almi_json_reader *r, const alm_str **out, size_t *count,
                             alm_error *error)
{
    names list = {0};
    almi_name_table table;
    bool more = false;
    ALM_TRY(almi_json_open(r, '[', error));
    for (;;) {
        alm_str name;
        ALM_TRY(almi_json_more(r, '[', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(read_name(r, &name, error));
        ALM_TRY(push_name(&list, r, name, error));
    }
    ALM_TRY(make_table(r, &list, &table, error));
    *out = list.data;
    *count = list.count;
    return ALM_OK;
}

/* ---- lists ---- */

/* What every inner list must be like: 0 until the first has been read. */
typedef struct nested {
    almi_doubles list;
    size_t rows, width;  /* of a row, or of a step */
    size_t steps;        /* of a window */
    int depth;           /* lists around a cell: 1, 2 or 3 */
} nested;

static alm_err check_size(const almi_json_reader *r, const char *what, size_t *expected,
                          size_t got, alm_error *error)
{
    *expected = *expected ? *expected : got;
    if (got != *expected || got == 0) {
        return got ? almi_json_fail(r, error, "a %s of %zu, where the others have %zu", what, got,
                                    *expected)
                   : almi_json_fail(r, error, "an empty %s", what);
    }
    return ALM_OK;
}

/* A list of cells. */
static alm_err read_cells(almi_json_reader *r, nested *n, alm_error *error)
{
    size_t first = n->list.count;
    bool more = false;
    double value = 0;
    ALM_TRY(almi_json_open(r, '[', error));
    for (;;) {
        ALM_TRY(make_room(&n->list, r->arena, error));
        n->list.count += almi_json_take_numbers(r, n->list.data + n->list.count,
                                                n->list.room - n->list.count);
        ALM_TRY(almi_json_more(r, '[', &more, error));
        if (!more) {
            return check_size(r, n->depth == 3 ? "step" : "row", &n->width, n->list.count - first,
                              error);
        }
        ALM_TRY(almi_json_read_cell(r, &value, error));
        ALM_TRY(almi_doubles_push(&n->list, r->arena, value, error));
    }
}

static alm_err read_window(almi_json_reader *r, nested *n, alm_error *error)
{
    size_t steps = 0;
    bool more = false;
    ALM_TRY(almi_json_open(r, '[', error));
    for (;; steps++) {
        ALM_TRY(almi_json_more(r, '[', &more, error));
        if (!more) {
            return check_size(r, "window", &n->steps, steps, error);
        }
        ALM_TRY(read_cells(r, n, error));
    }
}

/* Lists around the first cell, by looking ahead. */
static int depth_of(almi_json_reader r)
{
    int depth = 0;
    while (depth < 4 && almi_json_next_kind(&r) == ALM_JSON_ARRAY) {
        depth++;
        r.at++;
    }
    return depth;
}

static alm_err read_row(almi_json_reader *r, nested *n, alm_error *error)
{
    double value = 0;
    switch (n->depth) {
    case 1:
        n->width = 1;
        ALM_TRY(almi_json_read_cell(r, &value, error));
        return almi_doubles_push(&n->list, r->arena, value, error);
    case 2:
        return read_cells(r, n, error);
    default:
        return read_window(r, n, error);
    }
}

alm_err almi_rows_read_lists(almi_json_reader *r, size_t width, alm_inference_input *out,
                             alm_error *error)
{
    nested n = {.width = width, .depth = depth_of(*r)};
    bool more = false;
    if (n.depth > 3) {
        return almi_json_fail(r, error, "lists within lists: rows are [[..], ..], windows "
                              "[[[..], ..], ..]");
    }
    ALM_TRY(almi_json_open(r, '[', error));
    for (;; n.rows++) {
        ALM_TRY(almi_json_more(r, '[', &more, error));
        if (!more) {
            break;
        }
        if (n.rows == ALM_INFERENCE_ROWS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %d rows in one request; send several",
                            ALM_INFERENCE_ROWS_MAX);
        }
        ALM_TRY(read_row(r, &n, error));
    }
    if (n.rows == 0) {
        return almi_json_fail(r, error, "there are no rows");
    }
    out->rows = n.rows;
    if (n.depth == 3) {
        out->windows = n.list.data;
        out->steps = n.steps;
        out->window_width = n.width;
    } else {
        out->values = n.list.data;
        out->column_count = n.width;
    }
    return ALM_OK;
}

/* ---- records ---- */

/* The first says what the columns are. */
static alm_err read_first(almi_json_reader *r, names *list, almi_doubles *values, alm_error *error)
{
    bool more = false;
    double value = 0;
    ALM_TRY(almi_json_open(r, '{', error));
    for (;;) {
        alm_str key;
        ALM_TRY(almi_json_more(r, '{', &more, error));
        if (!more) {
            return list->count ? ALM_OK : almi_json_fail(r, error, "an empty record");
        }
        ALM_TRY(almi_json_read_key(r, &key, error));
        ALM_TRY(push_name(list, r, key, error));
        ALM_TRY(almi_json_read_cell(r, &value, error));
        ALM_TRY(almi_doubles_push(values, r->arena, value, error));
    }
}

typedef struct records {
    names list;
    almi_name_table table;
    almi_doubles values;
    uint32_t *last; /* of every column: the record that had it last, from 1 */
    uint32_t rows;
} records;

static alm_err fail_key(const almi_json_reader *r, const records *d, alm_str key, size_t place,
                        alm_error *error)
{
    alm_str one = shown(r, key);
    return place == SIZE_MAX
               ? almi_json_fail(r, error, "record %u has '" ALM_STR_FMT "', which the first has "
                                "not", d->rows + 1, ALM_STR_ARG(one))
               : almi_json_fail(r, error, "'" ALM_STR_FMT "' is there twice in record %u",
                                ALM_STR_ARG(one), d->rows + 1);
}

static alm_err fail_lack(const almi_json_reader *r, const records *d, alm_error *error)
{
    size_t i = 0;
    while (d->last[i] == d->rows + 1) {
        i++;
    }
    alm_str one = shown(r, d->list.data[i]);
    return almi_json_fail(r, error, "record %u lacks '" ALM_STR_FMT "'; a missing value is null",
                          d->rows + 1, ALM_STR_ARG(one));
}

static alm_err read_record(almi_json_reader *r, records *d, alm_error *error)
{
    size_t columns = d->list.count, count = 0, base = d->values.count;
    bool more = false;
    for (size_t i = 0; i < columns; i++) {
        ALM_TRY(almi_doubles_push(&d->values, r->arena, NAN, error));
    }
    ALM_TRY(almi_json_open(r, '{', error));
    for (;; count++) {
        alm_str key;
        ALM_TRY(almi_json_more(r, '{', &more, error));
        if (!more) {
            return count == columns ? ALM_OK : fail_lack(r, d, error);
        }
        ALM_TRY(almi_json_read_key(r, &key, error));
        bool next = count < columns && alm_str_equal(d->list.data[count], key);
        size_t place = next ? count : almi_name_table_find(&d->table, key);
        if (place == SIZE_MAX || d->last[place] == d->rows + 1) {
            return fail_key(r, d, key, place, error);
        }
        d->last[place] = d->rows + 1;
        ALM_TRY(almi_json_read_cell(r, &d->values.data[base + place], error));
    }
}

alm_err almi_rows_read_records(almi_json_reader *r, alm_inference_input *out, alm_error *error)
{
    records d = {0};
    bool more = false;
    ALM_TRY(almi_json_open(r, '[', error));
    for (;; d.rows++) {
        ALM_TRY(almi_json_more(r, '[', &more, error));
        if (!more) {
            break;
        }
        if (d.rows == ALM_INFERENCE_ROWS_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "more than %d rows in one request; send several",
                            ALM_INFERENCE_ROWS_MAX);
        }
        if (d.rows > 0) {
            ALM_TRY(read_record(r, &d, error));
            continue;
        }
        ALM_TRY(read_first(r, &d.list, &d.values, error));
        ALM_TRY(make_table(r, &d.list, &d.table, error));
        d.last = ALM_NEW_ARRAY(r->arena, uint32_t, d.list.count);
    }
    if (d.rows == 0) {
        return almi_json_fail(r, error, "there are no rows");
    }
    out->rows = d.rows;
    out->name = d.list.data;
    out->column_count = d.list.count;
    out->values = d.values.data;
    return ALM_OK;
}

alm_err almi_rows_read_instances(almi_json_reader *r, alm_inference_input *out, alm_error *error)
{
    almi_json_reader ahead = *r;
    if (almi_json_next_kind(&ahead) == ALM_JSON_ARRAY) {
        ahead.at++;
        if (almi_json_next_kind(&ahead) == ALM_JSON_OBJECT) {
            return almi_rows_read_records(r, out, error);
        }
    }
    return almi_rows_read_lists(r, 0, out, error);
}

/* ---- columns ---- */

alm_err almi_rows_turn(const double *const *column, size_t columns, size_t rows, alm_arena *arena,
                       double **out, alm_error *error)
{
    void *memory = NULL;
    if (rows > ALM_INFERENCE_VALUES_MAX / (columns ? columns : 1)) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than %zu values in one request; send several",
                        ALM_INFERENCE_VALUES_MAX);
    }
    ALM_TRY(alm_arena_try_alloc(arena, rows * columns * sizeof(double), &memory, error));
    double *values = memory;
    for (size_t k = 0; k < columns; k++) {
        for (size_t i = 0; i < rows; i++) {
            values[i * columns + k] = column[k][i];
        }
    }
    *out = values;
    return ALM_OK;
}

/* The columns lie one behind the other in `all`. */
static alm_err read_column(almi_json_reader *r, almi_doubles *all, size_t *rows, alm_error *error)
{
    alm_inference_input one = {0};
    ALM_TRY(almi_rows_read_lists(r, 1, &one, error));
    if (!one.values) {
        return almi_json_fail(r, error, "a column is a list of numbers");
    }
    ALM_TRY(check_size(r, "column", rows, one.rows, error));
    for (size_t i = 0; i < one.rows; i++) {
        ALM_TRY(almi_doubles_push(all, r->arena, one.values[i], error));
    }
    return ALM_OK;
}

alm_err almi_rows_read_columns(almi_json_reader *r, alm_inference_input *out, alm_error *error)
{
    names list = {0};
    almi_doubles all = {0};
    almi_name_table table;
    size_t rows = 0;
    double *values = NULL;
    bool more = false;
    ALM_TRY(almi_json_open(r, '{', error));
    for (;;) {
        alm_str key;
        ALM_TRY(almi_json_more(r, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_read_key(r, &key, error));
        ALM_TRY(push_name(&list, r, key, error));
        ALM_TRY(read_column(r, &all, &rows, error));
    }
    if (list.count == 0) {
        return almi_json_fail(r, error, "there are no columns");
    }
    ALM_TRY(make_table(r, &list, &table, error));
    const double **column = ALM_NEW_ARRAY(r->arena, const double *, list.count);
    for (size_t i = 0; i < list.count; i++) {
        column[i] = all.data + i * rows;
    }
    ALM_TRY(almi_rows_turn(column, list.count, rows, r->arena, &values, error));
    *out = (alm_inference_input){.rows = rows, .name = list.data, .column_count = list.count,
                                 .values = values};
    return ALM_OK;
}
