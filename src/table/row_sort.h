/* row_sort.h: rows of any number in the order of their columns, in bounded memory.
 *
 * Rows are compared by all columns from the first to the last: a null before every value, false
 * before true, numbers and days by size, text by its bytes. That is the order of the engine's
 * `ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, ...`. The engine's own sort is not used, because it takes
 * most of the time of a snapshot: it knows neither that the rows of a sales file mostly arrive in
 * order nor how to compare texts cheaply.
 *
 * How: a row becomes one string of bytes whose bytewise order is the order of the rows (so that
 * comparing is memcmp and sorting is by radix, eight bytes at a time). Rows fill a block of memory;
 * a full one is sorted, unless it is in order already, and written to the folder as a run; the runs
 * are merged while the rows are read back. A run that goes on where the last one ended is appended
 * to it, so rows that come in order are one run, whatever their number. */
#ifndef ALM_TABLE_ROW_SORT_H
#define ALM_TABLE_ROW_SORT_H

#include "base/fs.h"
#include "table/table.h"

typedef struct alm_row_sort alm_row_sort;

typedef struct alm_row_sort_options {
    const char *const *names;   /* of the columns; borrowed for the life of the sort */
    const alm_type *types;
    size_t column_count;
    size_t key_count;           /* leading columns that `repeats` compares; 0: none */
    uint64_t memory_bytes;      /* for the rows at hand; at least 64 KiB are taken */
    alm_fs *fs;
    const char *folder;         /* for runs; must be there. The files are removed at the end */
    const char *name;           /* the runs are called NAME-0.run, NAME-1.run, ... */
} alm_row_sort_options;

typedef struct alm_row_sort_batch {
    alm_table table;        /* at most 2048 rows; 0 at the end */
    const uint8_t *repeats; /* per row: are its first key_count columns those of the row before? */
} alm_row_sort_batch;

ALM_NODISCARD alm_err alm_row_sort_create(const alm_row_sort_options *options, alm_row_sort **out,
                                          alm_error *error);
void alm_row_sort_destroy(alm_row_sort *sort); /* takes NULL; removes its files */

/* Each add gives the value of the next column; it must have that column's type. A double must not
 * be NaN, and -0 is kept as 0. Allocation failure is remembered and returned by end_row. */
void alm_row_sort_null(alm_row_sort *sort);
void alm_row_sort_bool(alm_row_sort *sort, bool value);
void alm_row_sort_i64(alm_row_sort *sort, int64_t value);
void alm_row_sort_f64(alm_row_sort *sort, double value);
void alm_row_sort_date(alm_row_sort *sort, alm_date value);
void alm_row_sort_instant(alm_row_sort *sort, alm_instant value);
void alm_row_sort_text(alm_row_sort *sort, alm_str value);
/* Every column has its value. ALM_ERR_MEMORY, ALM_ERR_IO. */
ALM_NODISCARD alm_err alm_row_sort_end_row(alm_row_sort *sort, alm_error *error);

/* No row comes any more; the reading starts. */
ALM_NODISCARD alm_err alm_row_sort_finish(alm_row_sort *sort, alm_error *error);
/* Starts the reading again, with at most `batch_rows` (1 to 2048) rows at a time: a few, where many
 * sorts are read side by side, take little memory. */
ALM_NODISCARD alm_err alm_row_sort_rewind(alm_row_sort *sort, size_t batch_rows,
                                          alm_error *error);
/* The next rows in order, valid until the next call. */
ALM_NODISCARD alm_err alm_row_sort_next(alm_row_sort *sort, alm_row_sort_batch *out,
                                        alm_error *error);

#endif
