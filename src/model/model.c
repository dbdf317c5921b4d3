#include "model/model.h"

static alm_err check_batch(const alm_model *model, const alm_model_batch *batch, alm_error *error)
{
    alm_model_shape shape = model->ops->shape(model);
    if (batch->kind != model->ops->input) {
        return alm_fail(error, ALM_ERR_INVALID, "model %s: the input is of another kind",
                        model->ops->name);
    }
    if (batch->kind == ALM_MODEL_ROWS && batch->count > 0 && batch->stride < shape.feature_count) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "model %s needs %zu features a row, the input has %zu", model->ops->name,
                        shape.feature_count, batch->stride);
    }
    return ALM_OK;
}

alm_err alm_model_predict(const alm_model *model, const alm_model_batch *batch, alm_arena *scratch,
                          double *out, alm_error *error)
{
    ALM_TRY(check_batch(model, batch, error));
    return model->ops->predict(model, batch, scratch, out, error);
}

alm_err alm_model_explain(const alm_model *model, const alm_model_batch *batch, alm_arena *scratch,
                          double *out, alm_error *error)
{
    if (model->ops->explain == NULL) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "model %s gives no contributions",
                        model->ops->name);
    }
    ALM_TRY(check_batch(model, batch, error));
    return model->ops->explain(model, batch, scratch, out, error);
}

void alm_model_destroy(alm_model *model)
{
    if (model != NULL) {
        model->ops->destroy(model);
    }
}
