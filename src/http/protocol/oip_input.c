/* oip_input.c: tensors as rows of a model's columns. */
#include <string.h>

#include "http/protocol/oip.h"
#include "http/protocol/row_block.h"

#define RAW_VALUE_BYTES 8

static bool is_column_of(const alm_scorer_info *model, alm_str name)
{
    for (size_t i = 0; i < model->row_column_count; i++) {
        if (alm_str_equal(model->row_column[i], name)) {
            return true;
        }
    }
    return false;
}

/* The body is one row. */
static alm_err raw_input(const alm_oip_request *q, const alm_scorer_info *model, alm_arena *arena,
                         alm_inference_input *out, alm_error *error)
{
    size_t count = model->row_column_count;
    if (model->window_column_count || q->raw.size != count * RAW_VALUE_BYTES) {
        return alm_fail(error, ALM_ERR_INVALID, "a body without JSON is one row of %zu values of "
                        "FP64, %zu bytes, and not %zu", count, count * RAW_VALUE_BYTES,
                        q->raw.size);
    }
    double *values = ALM_NEW_ARRAY(arena, double, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = alm_u64_at(q->raw.data + i * RAW_VALUE_BYTES);
        memcpy(&values[i], &bits, sizeof bits);
    }
    *out = (alm_inference_input){.rows = 1, .column_count = count, .values = values};
    return ALM_OK;
}

static alm_err take_rows(const alm_oip_tensor *t, alm_inference_input *out, alm_error *error)
{
    if (out->rows && out->rows != t->shape[0]) {
        return alm_fail(error, ALM_ERR_INVALID, "input '" ALM_STR_FMT "' has %zu rows, those "
                        "before it %zu", ALM_STR_ARG(t->name), t->shape[0], out->rows);
    }
    out->rows = t->shape[0];
    return ALM_OK;
}

static alm_err take_windows(const alm_oip_tensor *t, alm_inference_input *out, alm_error *error)
{
    if (out->windows) {
        return alm_fail(error, ALM_ERR_INVALID, "two inputs have three dimensions: windows are "
                        "one, [n, steps, columns]");
    }
    out->windows = t->value;
    out->steps = t->shape[1];
    out->window_width = t->shape[2];
    return ALM_OK;
}

/* One tensor for each column. */
static alm_err take_columns(const alm_oip_request *q, size_t count, alm_arena *arena,
                            alm_inference_input *out, alm_error *error)
{
    const double **column = ALM_NEW_ARRAY(arena, const double *, count);
    alm_str *name = ALM_NEW_ARRAY(arena, alm_str, count);
    double *values = NULL;
    for (size_t i = 0, k = 0; i < q->input_count; i++) {
        const alm_oip_tensor *t = &q->input[i];
        if (t->rank == 3) {
            continue;
        }
        if (t->rank == 2 && t->shape[1] != 1) {
            return alm_fail(error, ALM_ERR_INVALID, "input '" ALM_STR_FMT "' has %zu columns and "
                            "stands beside others: send all columns in one input [n, columns], or "
                            "each as [n]", ALM_STR_ARG(t->name), t->shape[1]);
        }
        column[k] = t->value;
        name[k++] = t->name;
    }
    ALM_TRY(almi_rows_turn(column, count, out->rows, arena, &values, error));
    out->values = values;
    out->name = name;
    out->column_count = count;
    out->refuse_extra = true;
    return ALM_OK;
}

alm_err alm_oip_input(const alm_oip_request *q, const alm_scorer_info *model, alm_arena *arena,
                      alm_inference_input *out, alm_error *error)
{
    alm_inference_input made = {0};
    const alm_oip_tensor *only = NULL;
    size_t others = 0;
    if (q->raw.data) {
        return raw_input(q, model, arena, out, error);
    }
    for (size_t i = 0; i < q->input_count; i++) {
        const alm_oip_tensor *t = &q->input[i];
        ALM_TRY(take_rows(t, &made, error));
        if (t->rank == 3) {
            ALM_TRY(take_windows(t, &made, error));
        } else {
            only = t;
            others++;
        }
    }
    bool is_matrix = others == 1 && only->rank == 2 && !(only->shape[1] == 1 &&
                                                         is_column_of(model, only->name));
    if (is_matrix) {
        made.values = only->value;
        made.column_count = only->shape[1];
    } else if (others && made.rows) {
        ALM_TRY(take_columns(q, others, arena, &made, error));
    }
    *out = made;
    return ALM_OK;
}
