/* table.h: columns with validity, as borrowed views over an arena.
 *
 * A table is a set of equally long columns; batches of a streamed query, parsed request rows and
 * rows on their way into Parquet all have this form. Values of invalid (null) rows are zero bytes,
 * so that no uninitialised value can reach a hash. */
#ifndef ALM_TABLE_TABLE_H
#define ALM_TABLE_TABLE_H

#include "base/date.h"
#include "base/hash.h"

typedef enum alm_type {
    ALM_TYPE_BOOL,    /* uint8_t 0 or 1 */
    ALM_TYPE_I64,     /* int64_t */
    ALM_TYPE_F64,     /* double */
    ALM_TYPE_DATE,    /* alm_date */
    ALM_TYPE_INSTANT, /* alm_instant, UTC */
    ALM_TYPE_TEXT     /* alm_str, UTF-8 */
} alm_type;

typedef struct alm_column {
    const char *name;
    alm_type type;
    const uint8_t *valid; /* one byte per row, NULL when every row is valid */
    union {
        const uint8_t *boolean;
        const int64_t *i64;
        const double *f64;
        const alm_date *date;
        const alm_instant *instant;
        const alm_str *text;
        const void *any;
    } values;
} alm_column;

typedef struct alm_table {
    size_t rows;
    size_t column_count;
    const alm_column *columns;
} alm_table;

const char *alm_type_name(alm_type type);                /* "date" */
bool alm_type_parse(alm_str name, alm_type *out);
size_t alm_type_size(alm_type type);                     /* bytes per value */
const alm_column *alm_table_column(const alm_table *table, const char *name); /* NULL if absent */
bool alm_column_is_valid(const alm_column *column, size_t row);

/* Canonical bytes of rows [first, first + count): validity byte, then the value little endian (text
 * by length and bytes, doubles with one zero and one NaN). Equal values give equal hashes, whatever
 * wrote the file that they came from. */
void alm_column_hash(const alm_column *column, size_t first, size_t count, alm_hash *hash);

/* Builds a table row by row or column by column; grows in the heap, `finish` borrows from it. */
typedef struct alm_table_builder alm_table_builder;

ALM_NODISCARD alm_err alm_table_builder_create(const char *const *names, const alm_type *types,
                                               size_t columns, alm_table_builder **out,
                                               alm_error *error);
void alm_table_builder_destroy(alm_table_builder *builder); /* takes NULL */
/* Each add appends to the next column of the current row; a row ends when every column has one.
 * Asserts the type. Allocation failure is remembered and returned by finish. Text is copied. */
void alm_table_builder_bool(alm_table_builder *builder, bool value);
void alm_table_builder_i64(alm_table_builder *builder, int64_t value);
void alm_table_builder_f64(alm_table_builder *builder, double value); /* NaN is kept as a value */
void alm_table_builder_date(alm_table_builder *builder, alm_date value);
void alm_table_builder_instant(alm_table_builder *builder, alm_instant value);
void alm_table_builder_text(alm_table_builder *builder, alm_str value);
void alm_table_builder_null(alm_table_builder *builder);
/* The value, or the null, of another table's column. */
void alm_table_builder_value(alm_table_builder *builder, const alm_column *column, size_t row);
/* A view that is valid until the builder is changed, cleared or destroyed. */
ALM_NODISCARD alm_err alm_table_builder_finish(alm_table_builder *builder, alm_table *out,
                                               alm_error *error);
void alm_table_builder_clear(alm_table_builder *builder); /* keeps the memory */

#endif
