/* predict_rows.h: the rows of a CSV or Parquet file as blocks of doubles, for predict_file.c only.
 *
 * The content decides which of the two it is. A row holds the chosen columns in the order asked
 * for. An empty field, a null and `nan` are missing (NaN); `inf` and `-inf` are numbers; any other
 * text is an error that names file, row, column and value. Memory does not grow with the file. */
#ifndef ALM_BATCH_PREDICT_ROWS_H
#define ALM_BATCH_PREDICT_ROWS_H

#include "base/date.h"
#include "base/fs.h"

typedef struct almi_predict_rows almi_predict_rows;

/* `name` (copied) is how messages call the file. Errors of table/csv.h and table/sql.h; Parquet is
 * read by the table engine, which knows the real file system only. */
ALM_NODISCARD alm_err almi_predict_rows_open(alm_fs *fs, const char *path, const char *name,
                                             almi_predict_rows **out, alm_error *error);
void almi_predict_rows_close(almi_predict_rows *rows); /* takes NULL */

const alm_str *almi_predict_rows_header(const almi_predict_rows *rows, size_t *count);

/* Which columns, by their place in the header; once, before the first row. `place` is borrowed.
 * ALM_ERR_INVALID for a Parquet column whose type holds no numbers. */
ALM_NODISCARD alm_err almi_predict_rows_choose(almi_predict_rows *rows, const size_t *place,
                                               size_t count, alm_error *error);
/* Before that: two columns more that are no numbers, by their place; SIZE_MAX: none. */
typedef struct almi_predict_keys {
    size_t text, instant;
} almi_predict_keys;
void almi_predict_rows_keys(almi_predict_rows *rows, const almi_predict_keys *keys);
/* Of the rows that came last, until the next come; NULL where there is no such column. No text is
 * empty or longer than ALMI_PREDICT_TEXT_MAX. */
#define ALMI_PREDICT_TEXT_MAX 200
const alm_str *almi_predict_rows_texts(const almi_predict_rows *rows);
const alm_instant *almi_predict_rows_instants(const almi_predict_rows *rows);
/* One of them as text: with Z where the file says in which zone it is, else without. */
void almi_predict_rows_time_text(const almi_predict_rows *rows, size_t row,
                                 char out[ALM_INSTANT_TEXT_BYTES]);
/* The next rows, at most `limit`: values is limit x count; *got == 0 at the end. */
ALM_NODISCARD alm_err almi_predict_rows_next(almi_predict_rows *rows, size_t limit, double *values,
                                             size_t *got, alm_error *error);

#endif
