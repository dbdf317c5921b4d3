/* network_model.c: a net as a WINDOWS model. */
#include "model/sequence/network.h"

typedef struct network_model {
    alm_model model;
    alm_network *network;
} network_model;

static alm_model_shape model_shape(const alm_model *model)
{
    const alm_network_spec *spec = alm_network_describe(((const network_model *)model)->network);
    return (alm_model_shape){spec->feature_count, spec->output_count};
}

static alm_err model_predict(const alm_model *model, const alm_model_batch *batch,
                             alm_arena *scratch, double *out, alm_error *error)
{
    const network_model *self = (const network_model *)model;
    alm_network_windows windows = {batch->values, batch->count, batch->steps};
    return alm_network_predict(self->network, &windows, scratch, out, error);
}

static void model_destroy(alm_model *model)
{
    network_model *self = (network_model *)model;
    alm_network_destroy(self->network);
    alm_heap_free(self);
}

static const alm_model_ops NETWORK_OPS = {.name = "network",
                                          .input = ALM_MODEL_WINDOWS,
                                          .shape = model_shape,
                                          .predict = model_predict,
                                          .destroy = model_destroy};

alm_err alm_network_model_create(alm_network *network, alm_model **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(network_model), &memory, error));
    network_model *self = memory;
    *self = (network_model){{&NETWORK_OPS}, network};
    *out = &self->model;
    return ALM_OK;
}
