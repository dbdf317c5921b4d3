#include "app/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GAP 2        /* blanks between columns */
#define SHRINK_MIN 6 /* a cut column keeps at least so many */
#define CHUNK_CELLS 256

typedef enum cell_kind { CELL_NONE, CELL_TEXT, CELL_INTEGER, CELL_DOUBLE, CELL_BOOL } cell_kind;

typedef struct cell {
    cell_kind kind;
    alm_str text; /* as shown */
    int64_t integer;
    double number;
} cell;

typedef struct chunk {
    struct chunk *next;
    cell cells[CHUNK_CELLS];
} chunk;

struct almi_grid {
    alm_arena *arena;
    const almi_grid_column *columns;
    size_t column_count;
    size_t cell_count;
    chunk *first;
    chunk *last;
};

almi_grid *almi_grid_create(alm_arena *arena, const almi_grid_column *columns, size_t count)
{
    almi_grid *grid = ALM_NEW(arena, almi_grid);
    grid->arena = arena;
    grid->columns = columns;
    grid->column_count = count;
    return grid;
}

static void add(almi_grid *grid, cell value)
{
    size_t place = grid->cell_count % CHUNK_CELLS;
    if (place == 0) {
        chunk *next = ALM_NEW(grid->arena, chunk);
        if (grid->last) {
            grid->last->next = next;
        } else {
            grid->first = next;
        }
        grid->last = next;
    }
    grid->last->cells[place] = value;
    grid->cell_count++;
}

static alm_str copy(almi_grid *grid, alm_str text)
{
    return (alm_str){alm_arena_copy_text(grid->arena, text.data ? text.data : "", text.size),
                     text.size};
}

void almi_grid_str(almi_grid *grid, alm_str value)
{
    add(grid, (cell){.kind = CELL_TEXT, .text = copy(grid, value)});
}

void almi_grid_text(almi_grid *grid, const char *value)
{
    if (!value) {
        almi_grid_none(grid);
        return;
    }
    almi_grid_str(grid, alm_str_of(value));
}

void almi_grid_i64(almi_grid *grid, int64_t value)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%lld", (long long)value);
    add(grid, (cell){.kind = CELL_INTEGER,
                     .text = copy(grid, (alm_str){text, (size_t)size}),
                     .integer = value});
}

void almi_grid_double(almi_grid *grid, double value)
{
    if (!isfinite(value)) {
        almi_grid_none(grid);
        return;
    }
    char text[64];
    int decimals = grid->columns[grid->cell_count % grid->column_count].decimals;
    int size = snprintf(text, sizeof text, "%.*f", decimals, value);
    if (size >= (int)sizeof text) {
        size = snprintf(text, sizeof text, "%.3e", value);
    }
    add(grid, (cell){.kind = CELL_DOUBLE,
                     .text = copy(grid, (alm_str){text, (size_t)size}),
                     .number = value});
}

void almi_grid_bool(almi_grid *grid, bool value)
{
    add(grid, (cell){.kind = CELL_BOOL,
                     .text = value ? ALM_STR("yes") : ALM_STR("no"),
                     .integer = value});
}

void almi_grid_none(almi_grid *grid)
{
    add(grid, (cell){.kind = CELL_NONE, .text = ALM_STR("-")});
}

size_t almi_grid_rows(const almi_grid *grid)
{
    return grid->cell_count / grid->column_count;
}

static const cell *next_cell(const chunk **at, size_t *index)
{
    if (*index > 0 && *index % CHUNK_CELLS == 0) {
        *at = (*at)->next;
    }
    return &(*at)->cells[(*index)++ % CHUNK_CELLS];
}

/* A width of HIDDEN takes a column out of the table. */
#define HIDDEN SIZE_MAX

/* Takes columns from the widest shrinkable column until the table fits or none can give. */
static void fit(const almi_grid *grid, size_t *widths, size_t available)
{
    size_t total = 0;
    for (size_t c = 0; c < grid->column_count; c++) {
        total += widths[c] != HIDDEN ? widths[c] + GAP : 0;
    }
    while (total > available + GAP) {
        size_t widest = SIZE_MAX;
        for (size_t c = 0; c < grid->column_count; c++) {
            if (widths[c] != HIDDEN && grid->columns[c].shrink && widths[c] > SHRINK_MIN &&
                (widest == SIZE_MAX || widths[c] > widths[widest])) {
                widest = c;
            }
        }
        if (widest == SIZE_MAX) {
            return;
        }
        widths[widest]--;
        total--;
    }
}

static size_t *measure(const almi_grid *grid, const almi_term *term)
{
    size_t *widths = ALM_NEW_ARRAY(grid->arena, size_t, grid->column_count);
    bool *present = ALM_NEW_ARRAY(grid->arena, bool, grid->column_count);
    for (size_t c = 0; c < grid->column_count; c++) {
        widths[c] = almi_text_columns(alm_str_of(grid->columns[c].title));
    }
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->cell_count;) {
        size_t c = i % grid->column_count;
        const cell *value = next_cell(&at, &i);
        size_t columns = almi_text_columns(value->text);
        widths[c] = columns > widths[c] ? columns : widths[c];
        present[c] = present[c] || value->kind != CELL_NONE;
    }
    for (size_t c = 0; c < grid->column_count; c++) {
        if (!grid->columns[c].title || (grid->columns[c].optional && !present[c])) {
            widths[c] = HIDDEN;
        }
    }
    if (term->width > 0) {
        fit(grid, widths, (size_t)term->width);
    }
    return widths;
}

/* Bytes of the first `columns` code points. */
static size_t prefix_bytes(alm_str text, size_t columns)
{
    size_t i = 0;
    while (i < text.size && columns > 0) {
        i++;
        while (i < text.size && ((unsigned char)text.data[i] & 0xc0) == 0x80) {
            i++;
        }
        columns--;
    }
    return i;
}

static void blanks(alm_buffer *out, size_t count)
{
    while (count-- > 0) {
        alm_buffer_append(out, " ", 1);
    }
}

static void put_padded(alm_buffer *out, alm_str text, size_t width, bool right, bool is_last)
{
    size_t columns = almi_text_columns(text);
    bool cut = columns > width;
    size_t pad = cut ? 0 : width - columns;
    blanks(out, right ? pad : 0);
    if (cut) {
        alm_buffer_append(out, text.data, prefix_bytes(text, width - 1));
        alm_buffer_text(out, "…");
    } else {
        alm_buffer_str(out, text);
    }
    /* No blanks at the end of a line. */
    blanks(out, is_last ? 0 : (right ? 0 : pad) + GAP);
}

static size_t last_shown(const almi_grid *grid, const size_t *widths)
{
    size_t last = 0;
    for (size_t c = 0; c < grid->column_count; c++) {
        last = widths[c] != HIDDEN ? c : last;
    }
    return last;
}

void almi_grid_print(const almi_grid *grid, const almi_term *term, alm_buffer *out)
{
    size_t *widths = measure(grid, term);
    size_t last = last_shown(grid, widths);
    alm_buffer_text(out, term->out_colour ? "\033[1m" : "");
    for (size_t c = 0; c < grid->column_count; c++) {
        if (widths[c] != HIDDEN) {
            put_padded(out, alm_str_of(grid->columns[c].title), widths[c], grid->columns[c].right,
                       c == last);
        }
    }
    alm_buffer_text(out, term->out_colour ? "\033[0m\n" : "\n");
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->cell_count;) {
        size_t c = i % grid->column_count;
        alm_str text = next_cell(&at, &i)->text;
        if (widths[c] != HIDDEN) {
            put_padded(out, text, widths[c], grid->columns[c].right, c == last);
        }
        if (c + 1 == grid->column_count) {
            alm_buffer_text(out, "\n");
        }
    }
}

void almi_grid_print_facts(const almi_grid *grid, const almi_term *term, alm_buffer *out)
{
    alm_assert(grid->cell_count >= grid->column_count);
    size_t width = 0;
    for (size_t c = 0; c < grid->column_count; c++) {
        size_t columns = almi_text_columns(alm_str_of(grid->columns[c].title));
        width = columns > width ? columns : width;
    }
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->column_count;) {
        size_t c = i;
        const cell *value = next_cell(&at, &i);
        if (!grid->columns[c].title || value->kind == CELL_NONE) {
            continue;
        }
        alm_buffer_text(out, term->out_colour ? "\033[1m" : "");
        put_padded(out, alm_str_of(grid->columns[c].title), width, false, false);
        alm_buffer_text(out, term->out_colour ? "\033[0m" : "");
        alm_buffer_str(out, value->text);
        alm_buffer_text(out, "\n");
    }
}

static void write_cell(const almi_grid_column *column, const cell *value, alm_json_writer *json)
{
    alm_json_key(json, column->key);
    switch (value->kind) {
    case CELL_NONE:
        alm_json_null(json);
        break;
    case CELL_TEXT:
        alm_json_str(json, value->text);
        break;
    case CELL_INTEGER:
        alm_json_i64(json, value->integer);
        break;
    case CELL_DOUBLE:
        alm_json_double(json, value->number);
        break;
    case CELL_BOOL:
        alm_json_bool(json, value->integer != 0);
        break;
    }
}

void almi_grid_write_rows(const almi_grid *grid, alm_json_writer *json)
{
    alm_json_open_array(json);
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->cell_count;) {
        size_t c = i % grid->column_count;
        if (c == 0) {
            alm_json_open_object(json);
        }
        write_cell(&grid->columns[c], next_cell(&at, &i), json);
        if (c + 1 == grid->column_count) {
            alm_json_close_object(json);
        }
    }
    alm_json_close_array(json);
}

void almi_grid_write_facts(const almi_grid *grid, alm_json_writer *json)
{
    alm_assert(grid->cell_count >= grid->column_count);
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->column_count;) {
        size_t c = i;
        write_cell(&grid->columns[c], next_cell(&at, &i), json);
    }
}
