/* row_block.h: rows of a JSON request as a block of doubles; for http/protocol/ only.
 *
 * The forms that data frames and tensors are sent in: lists of values, records, columns. A cell is
 * a number, null (missing, NaN), true or false (1, 0); anything else is an error with its place. In
 * every form the block is rows x columns, row after row, in the reader's arena, which grows with
 * the text and never beyond the bounds of serve/inference.h. */
#ifndef ALM_HTTP_PROTOCOL_ROW_BLOCK_H
#define ALM_HTTP_PROTOCOL_ROW_BLOCK_H

#include "http/protocol/json_reader.h"
#include "serve/models/inference.h"

typedef struct almi_doubles {
    double *data;
    size_t count, room;
} almi_doubles;

/* ALM_ERR_LIMIT above ALM_INFERENCE_VALUES_MAX values. */
ALM_NODISCARD alm_err almi_doubles_push(almi_doubles *list, alm_arena *arena, double value,
                                        alm_error *error);

/* [[1, 2], [3, 4]]: rows of `width` cells; 0: as many as the first has. [1, 2]: rows of one cell.
 * [[[1, 2], [3, 4]]]: windows of steps of columns. Sets rows, and column_count and values, or
 * steps, window_width and windows; there is at least one row, cell and step. */
ALM_NODISCARD alm_err almi_rows_read_lists(almi_json_reader *reader, size_t width,
                                           alm_inference_input *out, alm_error *error);
/* [{"a": 1, "b": 2}, ...]: all with the keys of the first, in any order. */
ALM_NODISCARD alm_err almi_rows_read_records(almi_json_reader *reader, alm_inference_input *out,
                                             alm_error *error);
/* Whichever of the two it is. */
ALM_NODISCARD alm_err almi_rows_read_instances(almi_json_reader *reader, alm_inference_input *out,
                                               alm_error *error);
/* {"a": [1, 3], "b": [2, 4]}: all of one length. A column may also be [[1], [3]]. */
ALM_NODISCARD alm_err almi_rows_read_columns(almi_json_reader *reader, alm_inference_input *out,
                                             alm_error *error);
/* ["a", "b"]: names, all different. */
ALM_NODISCARD alm_err almi_rows_read_names(almi_json_reader *reader, const alm_str **out,
                                           size_t *count, alm_error *error);

/* Columns of `rows` values each as rows. ALM_ERR_LIMIT, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err almi_rows_turn(const double *const *column, size_t columns, size_t rows,
                                     alm_arena *arena, double **out, alm_error *error);

/* Names to their places: a table in the arena. */
typedef struct almi_name_table {
    const alm_str *name;
    uint32_t *slot; /* place + 1; 0: free */
    size_t mask;
} almi_name_table;

/* false: two are equal, `*twice` is one of them. */
bool almi_name_table_make(const alm_str *name, size_t count, alm_arena *arena,
                          almi_name_table *out, alm_str *twice);
size_t almi_name_table_find(const almi_name_table *table, alm_str name); /* SIZE_MAX: not there */

#endif
