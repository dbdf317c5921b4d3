#include "batch/predict_parquet.h"

#include <math.h>
#include <string.h>

#include "table/sql.h"

#define SLICE_ROWS 2048                  /* at most, of the table engine */
#define GROUP_VALUES ((size_t)4 << 20)   /* of a row group */
#define GROUP_ROWS_MAX ((size_t)122880)
#define COLUMNS_KEPT 2                   /* series and time */

typedef struct writing {
    const almi_predict_parquet *file;
    almi_predict_next_slice next;
    void *context;
    alm_arena *arena;
    size_t first, count; /* columns before the numbers; all */
    alm_column *column;
    double **number;     /* of every column of numbers */
    int64_t **label;     /* the same of a class, else NULL */
    uint8_t **valid;
} writing;

static bool is_class(const almi_predict_parquet *file, size_t i)
{
    return file->has_classes && i < file->score_count &&
           (alm_str_is(file->names[i], "class") ||
            alm_str_starts_with(file->names[i], "class_"));
}

static void shape_columns(writing *w)
{
    const almi_predict_parquet *file = w->file;
    size_t numbers = file->score_count + file->contribution_count;
    w->column = ALM_NEW_ARRAY(w->arena, alm_column, numbers + COLUMNS_KEPT);
    w->number = ALM_NEW_ARRAY(w->arena, double *, numbers);
    w->label = ALM_NEW_ARRAY(w->arena, int64_t *, numbers);
    w->valid = ALM_NEW_ARRAY(w->arena, uint8_t *, numbers);
    if (file->series) {
        w->column[w->first++] = (alm_column){.name = file->series, .type = ALM_TYPE_TEXT};
    }
    if (file->time) {
        w->column[w->first++] = (alm_column){.name = file->time, .type = ALM_TYPE_INSTANT};
    }
    for (size_t i = 0; i < numbers; i++) {
        alm_column *column = &w->column[w->first + i];
        column->name = file->names[i].data;
        column->type = is_class(file, i) ? ALM_TYPE_I64 : ALM_TYPE_F64;
        w->valid[i] = ALM_NEW_ARRAY(w->arena, uint8_t, SLICE_ROWS);
        column->valid = w->valid[i];
        if (column->type == ALM_TYPE_I64) {
            w->label[i] = ALM_NEW_ARRAY(w->arena, int64_t, SLICE_ROWS);
            column->values.i64 = w->label[i];
        } else {
            w->number[i] = ALM_NEW_ARRAY(w->arena, double, SLICE_ROWS);
            column->values.f64 = w->number[i];
        }
    }
    w->count = w->first + numbers;
}

static void put_number(const writing *w, size_t i, size_t row, double value)
{
    bool missing = i < w->file->score_count && w->file->nan_is_null && isnan(value);
    w->valid[i][row] = !missing;
    if (w->label[i]) {
        w->label[i][row] = missing ? 0 : (int64_t)value;
    } else {
        w->number[i][row] = missing ? 0 : value;
    }
}

static alm_err pull(void *context, alm_table *out, alm_error *error)
{
    writing *w = context;
    almi_predict_slice slice;
    ALM_TRY(w->next(w->context, SLICE_ROWS, &slice, error));
    alm_assert(slice.rows <= SLICE_ROWS);
    size_t scores = w->file->score_count, more = w->file->contribution_count, at = 0;
    if (w->file->series) {
        w->column[at++].values.text = slice.series;
    }
    if (w->file->time) {
        w->column[at].values.instant = slice.times;
    }
    for (size_t row = 0; row < slice.rows; row++) {
        for (size_t i = 0; i < scores; i++) {
            put_number(w, i, row, slice.scores[row * scores + i]);
        }
        for (size_t i = 0; i < more; i++) {
            put_number(w, scores + i, row, slice.contributions[row * more + i]);
        }
    }
    *out = (alm_table){.rows = slice.rows, .column_count = w->count, .columns = w->column};
    return ALM_OK;
}

static alm_err write_all(writing *w, alm_error *error)
{
    alm_sql *sql = NULL;
    alm_sql_options options = {.threads = 1};
    size_t rows = GROUP_VALUES / w->count;
    alm_table schema = {.column_count = w->count, .columns = w->column};
    alm_sql_parquet parquet = {.path = w->file->path, .schema = &schema,
                               .row_group_rows = rows < SLICE_ROWS ? SLICE_ROWS
                                                 : rows < GROUP_ROWS_MAX ? rows : GROUP_ROWS_MAX};
    ALM_TRY(alm_sql_open(&options, &sql, error));
    alm_err code = alm_sql_write_parquet(sql, &parquet, pull, w, error);
    alm_sql_close(sql);
    return code;
}

alm_err almi_predict_parquet_write(const almi_predict_parquet *file, almi_predict_next_slice next,
                                   void *context, alm_error *error)
{
    writing w = {.file = file, .next = next, .context = context};
    w.arena = alm_arena_create(0);
    shape_columns(&w);
    alm_err code = write_all(&w, error);
    alm_arena_destroy(w.arena);
    return code;
}
