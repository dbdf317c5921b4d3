#include "model/ensemble/robust_scaler.h"

#include <math.h>

#include "num/quantile.h"

/* `values`: room for a column. */
static alm_err fit_column(const double *rows, size_t count, size_t column, double *values,
                          alm_robust_scaler *out, alm_error *error)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        double value = rows[i * out->columns + column];
        if (isinf(value)) {
            return alm_fail(error, ALM_ERR_INVALID, "row %zu, column %zu is infinite: it cannot "
                            "be scaled", i + 1, column + 1);
        }
        if (!isnan(value)) {
            values[used++] = value;
        }
    }
    if (used == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "column %zu has no value in %zu rows: leave it "
                        "out", column + 1, count);
    }
    alm_sort_doubles(values, used);
    double spread = alm_quantile_sorted(values, used, 0.75) - alm_quantile_sorted(values, used,
                                                                                  0.25);
    out->centre[column] = alm_quantile_sorted(values, used, 0.5);
    out->scale[column] = spread > 0 ? spread : 1;
    return ALM_OK;
}

alm_err alm_robust_scaler_fit(const double *rows, size_t count, size_t columns, alm_arena *arena,
                              alm_robust_scaler *out, alm_error *error)
{
    alm_robust_scaler scaler = {columns, ALM_NEW_ARRAY(arena, double, columns),
                                ALM_NEW_ARRAY(arena, double, columns)};
    alm_arena *scratch = alm_arena_create(0);
    double *values = ALM_NEW_ARRAY(scratch, double, count);
    alm_err code = ALM_OK;
    for (size_t c = 0; code == ALM_OK && c < columns; c++) {
        code = fit_column(rows, count, c, values, &scaler, error);
    }
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *out = scaler;
    }
    return code;
}

void alm_robust_scaler_apply(const alm_robust_scaler *scaler, double *rows, size_t count)
{
    for (size_t i = 0; i < count * scaler->columns; i++) {
        size_t column = i % scaler->columns;
        rows[i] = (rows[i] - scaler->centre[column]) / scaler->scale[column];
    }
}

void alm_robust_scaler_write(const alm_robust_scaler *scaler, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_doubles(&w, "center", scaler->centre, scaler->columns);
    alm_json_put_doubles(&w, "scale", scaler->scale, scaler->columns);
    alm_json_close_object(&w);
}

static alm_err read_scaler(const alm_json *root, alm_arena *arena, alm_robust_scaler *out,
                           alm_error *error)
{
    const alm_json *centre = NULL;
    const alm_json *scale = NULL;
    ALM_TRY(alm_json_get(root, "center", ALM_JSON_ARRAY, &centre, error));
    ALM_TRY(alm_json_get(root, "scale", ALM_JSON_ARRAY, &scale, error));
    size_t columns = alm_json_count(centre);
    if (columns == 0 || alm_json_count(scale) != columns) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%zu numbers in `center` and %zu in `scale`: as "
                        "many, and at least one", columns, alm_json_count(scale));
    }
    *out = (alm_robust_scaler){columns, ALM_NEW_ARRAY(arena, double, columns),
                               ALM_NEW_ARRAY(arena, double, columns)};
    bool sane = alm_json_as_doubles(centre, out->centre) && alm_json_as_doubles(scale, out->scale);
    for (size_t c = 0; sane && c < columns; c++) {
        sane = out->scale[c] > 0;
    }
    return sane ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "`center` is of numbers, `scale` of "
                                    "numbers above 0");
}

alm_err alm_robust_scaler_read(alm_str json, const char *name, alm_arena *arena,
                               alm_robust_scaler *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_robust_scaler scaler;
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_scaler(alm_json_root(document), arena, &scaler, error);
    }
    alm_json_document_destroy(document);
    if (code != ALM_OK) {
        return alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
    }
    *out = scaler;
    return ALM_OK;
}
