#include "batch/forecast_parquet.h"

#include <math.h>

#include "table/sql.h"

#define SLICE_ROWS ((size_t)2048) /* at most, of the table engine */
#define COLUMNS_FIXED 3           /* unique_id, ds, the forecast */

typedef struct writing {
    const alm_forecast_file *file;
    size_t next; /* row */
    size_t numbers, count;
    alm_column *column;
    alm_str *id, *method, *reason;
    union {
        alm_date *date;
        alm_instant *instant;
        int64_t *index;
    } ds;
    double **number;
    uint8_t **valid;
} writing;

static alm_type type_of(alm_time_form form)
{
    return form == ALM_TIME_INDEX     ? ALM_TYPE_I64
           : form == ALM_TIME_INSTANT ? ALM_TYPE_INSTANT
                                      : ALM_TYPE_DATE;
}

static void shape(writing *w, bool reasons, alm_arena *arena)
{
    alm_type type = type_of(w->file->made.input.style.form);
    size_t c = 0;
    w->numbers = 1 + 2 * w->file->made.plan.level_count;
    w->column = ALM_NEW_ARRAY(arena, alm_column, COLUMNS_FIXED + w->numbers + 1);
    w->number = ALM_NEW_ARRAY(arena, double *, w->numbers);
    w->valid = ALM_NEW_ARRAY(arena, uint8_t *, w->numbers);
    w->id = ALM_NEW_ARRAY(arena, alm_str, SLICE_ROWS);
    w->column[c++] = (alm_column){.name = "unique_id", .type = ALM_TYPE_TEXT, .values.text = w->id};
    void *ds = alm_arena_alloc_array(arena, SLICE_ROWS, alm_type_size(type));
    w->ds.date = ds;
    w->column[c++] = (alm_column){.name = "ds", .type = type, .values.any = ds};
    for (size_t i = 0; i < w->numbers; i++) {
        w->number[i] = ALM_NEW_ARRAY(arena, double, SLICE_ROWS);
        w->valid[i] = ALM_NEW_ARRAY(arena, uint8_t, SLICE_ROWS);
        w->column[c++] = (alm_column){.name = i ? w->file->bounds[i - 1] : w->file->column,
                                      .type = ALM_TYPE_F64, .valid = w->valid[i],
                                      .values.f64 = w->number[i]};
    }
    if (reasons) {
        w->method = ALM_NEW_ARRAY(arena, alm_str, SLICE_ROWS);
        w->reason = ALM_NEW_ARRAY(arena, alm_str, SLICE_ROWS);
        w->column[c++] = (alm_column){.name = "method", .type = ALM_TYPE_TEXT,
                                      .values.text = w->method};
        w->column[c++] = (alm_column){.name = "reason", .type = ALM_TYPE_TEXT,
                                      .values.text = w->reason};
    }
    w->count = c;
}

static void put_number(const writing *w, size_t column, size_t row, double value)
{
    w->valid[column][row] = isnan(value) ? 0 : 1;
    w->number[column][row] = isnan(value) ? 0 : value;
}

static void put_row(const writing *w, size_t row, size_t series, size_t step)
{
    const alm_forecast_made *made = &w->file->made;
    const alm_series_forecast *one = &made->set.series[series];
    int64_t time = alm_forecast_file_time(w->file, series, step);
    w->id[row] = made->input.series[series].id;
    switch (type_of(made->input.style.form)) {
    case ALM_TYPE_I64:
        w->ds.index[row] = time;
        break;
    case ALM_TYPE_INSTANT:
        w->ds.instant[row] = time;
        break;
    default:
        w->ds.date[row] = alm_time_day(time, NULL);
    }
    put_number(w, 0, row, one->mean[step]);
    for (size_t k = 1; k < w->numbers; k++) {
        put_number(w, k, row, alm_forecast_file_bound(w->file, series, step, k - 1));
    }
    if (w->method) {
        w->method[row] = alm_str_of(one->kind ? one->kind->name : "");
        w->reason[row] = alm_str_of(alm_forecast_reason_text(one->reason));
    }
}

static alm_err pull(void *context, alm_table *out, alm_error *error)
{
    (void)error;
    writing *w = context;
    size_t steps = w->file->made.plan.steps;
    size_t left = w->file->made.input.count * steps - w->next;
    size_t rows = left < SLICE_ROWS ? left : SLICE_ROWS;
    for (size_t row = 0; row < rows; row++, w->next++) {
        put_row(w, row, w->next / steps, w->next % steps);
    }
    *out = (alm_table){.rows = rows, .column_count = w->count, .columns = w->column};
    return ALM_OK;
}

alm_err almi_forecast_parquet_write(const alm_forecast_file *file, const char *path, bool reasons,
                                    alm_error *error)
{
    writing w = {.file = file};
    alm_sql *sql = NULL;
    alm_sql_options options = {.threads = 1};
    ALM_TRY(alm_sql_open(&options, &sql, error));
    alm_arena *arena = alm_arena_create(0);
    shape(&w, reasons, arena);
    alm_table schema = {.column_count = w.count, .columns = w.column};
    alm_sql_parquet parquet = {.path = path, .schema = &schema};
    alm_err code = alm_sql_write_parquet(sql, &parquet, pull, &w, error);
    alm_arena_destroy(arena);
    alm_sql_close(sql);
    return code;
}
