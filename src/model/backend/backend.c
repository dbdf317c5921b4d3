/* backend.c: what every backend would have to check itself. */
#include "model/backend/backend.h"

#include <math.h>
#include <string.h>

static alm_err check_shape(const alm_backend_info *info, const alm_backend_batch *batch,
                           alm_error *error)
{
    size_t width = 0, all = 0;
    if (info->takes_windows &&
        (batch->steps == 0 || (info->steps != 0 && batch->steps != info->steps))) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " takes windows of %zu steps, not %zu",
                        ALM_STR_ARG(info->name), info->steps ? info->steps : 1, batch->steps);
    }
    if (!info->takes_windows && batch->stride < info->columns) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " takes %zu columns, not %zu",
                        ALM_STR_ARG(info->name), info->columns, batch->stride);
    }
    size_t row = info->takes_windows ? info->columns : batch->stride;
    size_t widest = row > info->outputs ? row : info->outputs;
    if (__builtin_mul_overflow(widest, info->takes_windows ? batch->steps : 1, &width) ||
        __builtin_mul_overflow(width, batch->count, &all) || all > SIZE_MAX / 64) {
        return alm_fail(error, ALM_ERR_LIMIT, ALM_STR_FMT ": %zu rows are too many at a time",
                        ALM_STR_ARG(info->name), batch->count);
    }
    return ALM_OK;
}

static unsigned long long row_number(const alm_backend_batch *batch, size_t i)
{
    return (unsigned long long)(batch->first + i + 1);
}

static alm_err check_finite(const alm_backend_info *info, const alm_backend_batch *batch,
                            alm_error *error)
{
    size_t steps = info->takes_windows ? batch->steps : 1;
    size_t stride = info->takes_windows ? info->columns : batch->stride;
    for (size_t i = 0; info->finite_only && i < batch->count * steps; i++) {
        for (size_t k = 0; k < info->columns; k++) {
            double value = batch->values[i * stride + k];
            if (!isfinite(value)) {
                return alm_fail(error, ALM_ERR_NUMERIC, "row %llu, column %zu is %s: what is sent "
                                "to " ALM_STR_FMT " must be a finite number",
                                row_number(batch, i / steps), k + 1,
                                isnan(value) ? "missing" : "infinite", ALM_STR_ARG(info->name));
            }
        }
    }
    return ALM_OK;
}

static alm_err check_answers(const alm_backend_info *info, const alm_backend_batch *batch,
                             const double *answers, alm_error *error)
{
    for (size_t i = 0; i < batch->count * info->outputs; i++) {
        if (!isfinite(answers[i])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "row %llu: " ALM_STR_FMT " answers %s",
                            row_number(batch, i / info->outputs), ALM_STR_ARG(info->name),
                            isnan(answers[i]) ? "with no number (NaN)" : "infinity");
        }
    }
    return ALM_OK;
}

alm_err alm_backend_predict(const alm_backend *backend, const alm_backend_batch *batch,
                            alm_arena *scratch, double *out, alm_error *error)
{
    const alm_backend_info *info = &backend->info;
    void *memory = NULL;
    if (batch->count == 0) {
        return ALM_OK;
    }
    ALM_TRY(check_shape(info, batch, error));
    ALM_TRY(check_finite(info, batch, error));
    size_t bytes = batch->count * info->outputs * sizeof(double);
    ALM_TRY(alm_arena_try_alloc(scratch, bytes, &memory, error));
    ALM_TRY(backend->ops->predict(backend, batch, scratch, memory, error));
    ALM_TRY(check_answers(info, batch, memory, error));
    memcpy(out, memory, bytes);
    return ALM_OK;
}

void alm_backend_destroy(alm_backend *backend)
{
    if (backend) {
        backend->ops->destroy(backend);
    }
}
