/* grid.h: rows with named columns, shown to a person as a table that fits the width, or to a
 * program as JSON. One grid, two outputs, so that they cannot disagree. */
#ifndef ALM_APP_GRID_H
#define ALM_APP_GRID_H

#include "app/term.h"
#include "base/date.h"
#include "base/hash.h"
#include "base/json.h"

typedef struct almi_grid almi_grid;

typedef struct almi_grid_column {
    const char *key;   /* in JSON */
    const char *title; /* for people; NULL: only in JSON */
    int decimals;      /* of doubles */
    bool right;        /* numbers */
    bool shrink;       /* may be cut (with "…") when the table is too wide: hashes, lists */
    bool wrap;         /* goes on in further lines instead: what somebody wrote is never cut */
    bool optional;     /* not shown when every row misses it */
} almi_grid_column;

/* `columns` is borrowed (usually static), cells live in `arena`. */
almi_grid *almi_grid_create(alm_arena *arena, const almi_grid_column *columns, size_t count);

/* Cells in row-major order; text is copied. A missing value shows as "-" and is null in JSON. A
 * control character shows as \n, \t or \x1b, so that no text can forge a row or move the cursor;
 * JSON has it as it is. */
void almi_grid_str(almi_grid *grid, alm_str value);
void almi_grid_text(almi_grid *grid, const char *value); /* NULL: missing */
void almi_grid_optional(almi_grid *grid, alm_str value); /* empty: missing */
void almi_grid_instant(almi_grid *grid, alm_instant value); /* shown to the second, UTC */
void almi_grid_digest(almi_grid *grid, const alm_digest *value);
void almi_grid_i64(almi_grid *grid, int64_t value);
void almi_grid_double(almi_grid *grid, double value); /* not finite: missing */
void almi_grid_bool(almi_grid *grid, bool value);
void almi_grid_none(almi_grid *grid);
size_t almi_grid_rows(const almi_grid *grid);

/* A table under its titles. */
void almi_grid_print(const almi_grid *grid, const almi_term *term, alm_buffer *out);
/* The first row as "title  value" lines; missing values are left out. */
void almi_grid_print_facts(const almi_grid *grid, const almi_term *term, alm_buffer *out);
/* An array of objects; the members of the first row into an open object. */
void almi_grid_write_rows(const almi_grid *grid, alm_json_writer *json);
void almi_grid_write_facts(const almi_grid *grid, alm_json_writer *json);

#endif
