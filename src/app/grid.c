#include "app/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GAP 2        /* blanks between columns */
#define SHRINK_MIN 6 /* a cut column keeps at least so many */
#define WRAP_MIN 16  /* and one that goes on in further lines */
#define CHUNK_CELLS 256

typedef enum cell_kind {
    CELL_NONE,
    CELL_TEXT,
    CELL_INTEGER,
    CELL_DOUBLE,
    CELL_BOOL,
    CELL_INSTANT
} cell_kind;

typedef struct cell {
    cell_kind kind;
    alm_str text; /* as shown, but for control characters */
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

void almi_grid_optional(almi_grid *grid, alm_str value)
{
    if (value.size) {
        almi_grid_str(grid, value);
    } else {
        almi_grid_none(grid);
    }
}

/* Nobody reads the microseconds of an approval. */
void almi_grid_instant(almi_grid *grid, alm_instant value)
{
    char text[ALM_INSTANT_TEXT_BYTES];
    alm_instant_text(value, text);
    text[10] = ' ';
    add(grid, (cell){.kind = CELL_INSTANT,
                     .text = copy(grid, (alm_str){text, 19}),
                     .integer = value});
}

void almi_grid_digest(almi_grid *grid, const alm_digest *value)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(value, text);
    almi_grid_text(grid, text);
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

/* How narrow a column may become; HIDDEN: not narrower than it is. */
static size_t width_min(const almi_grid_column *column)
{
    return column->wrap ? WRAP_MIN : column->shrink ? SHRINK_MIN : HIDDEN;
}

/* Takes columns from the widest that may give until the table fits or none can. */
static void fit(const almi_grid *grid, size_t *widths, size_t available)
{
    size_t total = 0;
    for (size_t c = 0; c < grid->column_count; c++) {
        total += widths[c] != HIDDEN ? widths[c] + GAP : 0;
    }
    while (total > available + GAP) {
        size_t widest = SIZE_MAX;
        for (size_t c = 0; c < grid->column_count; c++) {
            if (widths[c] != HIDDEN && widths[c] > width_min(&grid->columns[c]) &&
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

static alm_str visible(const almi_grid *grid, const cell *value)
{
    return value->kind == CELL_TEXT ? alm_str_visible(value->text, grid->arena) : value->text;
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
        size_t columns = almi_text_columns(visible(grid, value));
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

static void put_padded(alm_buffer *out, alm_str text, size_t width, bool right)
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
    blanks(out, (right ? 0 : pad) + GAP);
}

/* The beginning of `rest` that fits, up to a blank if there is one; `rest` becomes what follows. */
static alm_str take_line(alm_str *rest, size_t width)
{
    size_t bytes = prefix_bytes(*rest, width);
    size_t end = bytes;
    while (bytes < rest->size && end > 0 && rest->data[end] != ' ') {
        end--;
    }
    alm_str line = {rest->data, end > 0 ? end : bytes};
    size_t next = line.size;
    while (next < rest->size && rest->data[next] == ' ') {
        next++;
    }
    *rest = (alm_str){rest->data + next, rest->size - next};
    return line;
}

static void end_line(alm_buffer *out)
{
    while (out->size > 0 && out->data[out->size - 1] == ' ') {
        out->data[--out->size] = '\0';
    }
    alm_buffer_text(out, "\n");
}

/* One row of texts, in as many lines as the columns need that may wrap. `rest` is used up. */
static void print_row(const almi_grid *grid, const size_t *widths, alm_str *rest, alm_buffer *out)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t c = 0; c < grid->column_count; c++) {
            if (widths[c] == HIDDEN) {
                continue;
            }
            alm_str line = rest[c];
            if (grid->columns[c].wrap) {
                line = take_line(&rest[c], widths[c]);
            } else {
                rest[c] = (alm_str){0};
            }
            more = more || rest[c].size > 0;
            put_padded(out, line, widths[c], grid->columns[c].right);
        }
        end_line(out);
    }
}

void almi_grid_print(const almi_grid *grid, const almi_term *term, alm_buffer *out)
{
    size_t *widths = measure(grid, term);
    alm_str *rest = ALM_NEW_ARRAY(grid->arena, alm_str, grid->column_count);
    for (size_t c = 0; c < grid->column_count; c++) {
        rest[c] = alm_str_of(grid->columns[c].title);
    }
    alm_buffer_text(out, term->out_colour ? "\033[1m" : "");
    print_row(grid, widths, rest, out);
    if (term->out_colour) {
        out->size--; /* the line ends behind its colour */
        alm_buffer_text(out, "\033[0m\n");
    }
    const chunk *at = grid->first;
    for (size_t i = 0; i < grid->cell_count;) {
        size_t c = i % grid->column_count;
        rest[c] = visible(grid, next_cell(&at, &i));
        if (c + 1 == grid->column_count) {
            print_row(grid, widths, rest, out);
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
        put_padded(out, alm_str_of(grid->columns[c].title), width, false);
        alm_buffer_text(out, term->out_colour ? "\033[0m" : "");
        alm_buffer_str(out, visible(grid, value));
        alm_buffer_text(out, "\n");
    }
}

static void write_cell(const almi_grid_column *column, const cell *value, alm_json_writer *json)
{
    char instant[ALM_INSTANT_TEXT_BYTES];
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
    case CELL_INSTANT:
        alm_instant_text(value->integer, instant);
        alm_json_text(json, instant);
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
