/* forest_model.c: a forest as a ROWS model; its explainer is made once, if the counts allow. */
#include "model/forest/forest_internal.h"

typedef struct forest_model {
    alm_model model;
    alm_forest *forest;
    alm_forest_explainer *explainer; /* NULL: no row counts in the source */
} forest_model;

static alm_model_shape model_shape(const alm_model *model)
{
    alm_forest_info info = alm_forest_describe(((const forest_model *)model)->forest);
    return (alm_model_shape){info.feature_count, info.output_count};
}

static alm_err model_predict(const alm_model *model, const alm_model_batch *batch,
                             alm_arena *scratch, double *out, alm_error *error)
{
    const forest_model *self = (const forest_model *)model;
    (void)scratch; /* the kernel needs none */
    (void)error;
    alm_forest_score(self->forest, batch->values, batch->count, batch->stride, out);
    return ALM_OK;
}

static alm_err model_explain(const alm_model *model, const alm_model_batch *batch,
                             alm_arena *scratch, double *out, alm_error *error)
{
    const forest_model *self = (const forest_model *)model;
    (void)scratch; /* the forest's scratch is made in one piece and released at the end */
    if (self->explainer == NULL) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "this forest cannot be explained: its source has no row counts, or its "
                        "trees are too deep");
    }
    alm_forest_scratch *own = NULL;
    ALM_TRY(alm_forest_scratch_create(self->explainer, &own, error));
    alm_forest_contributions(self->explainer, own, batch->values, batch->count, batch->stride,
                             out);
    alm_forest_scratch_destroy(own);
    return ALM_OK;
}

static void model_destroy(alm_model *model)
{
    forest_model *self = (forest_model *)model;
    alm_forest_explainer_destroy(self->explainer);
    alm_forest_destroy(self->forest);
    alm_heap_free(self);
}

static const alm_model_ops FOREST_OPS = {.name = "forest",
                                         .input = ALM_MODEL_ROWS,
                                         .shape = model_shape,
                                         .predict = model_predict,
                                         .explain = model_explain,
                                         .destroy = model_destroy};

alm_err alm_forest_model_create(alm_forest *forest, alm_model **out, alm_error *error)
{
    void *memory = NULL;
    alm_forest_explainer *explainer = NULL;
    alm_err code = alm_forest_explainer_create(forest, &explainer, error);
    if (code != ALM_OK && code != ALM_ERR_UNSUPPORTED && code != ALM_ERR_LIMIT) {
        return code;
    }
    code = alm_heap_try(sizeof(forest_model), &memory, error);
    if (code != ALM_OK) {
        alm_forest_explainer_destroy(explainer);
        return code;
    }
    forest_model *self = memory;
    *self = (forest_model){{&FOREST_OPS}, forest, explainer};
    *out = &self->model;
    return ALM_OK;
}
