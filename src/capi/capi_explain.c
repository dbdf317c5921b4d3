/* capi_explain.c: contributions behind include/almanac.h. */
#include <string.h>

#include "capi/capi_internal.h"
#include "model/scorer/scorer_explain.h"

struct almanac_explainer {
    alm_arena *arena;
    almanac_session *session; /* own: columns, pool and the scorer's memory */
    alm_scorer_explainer *scorer;
    almanac_explained facts;
};

static void describe(almanac_explainer *e)
{
    const alm_scorer_info *info = alm_scorer_describe(e->session->model->scorer);
    size_t width = 0, count = info->member_count;
    const alm_scorer_explained *part = alm_scorer_explainer_describe(e->scorer, &width);
    size_t *first = ALM_NEW_ARRAY(e->arena, size_t, count);
    size_t *outputs = ALM_NEW_ARRAY(e->arena, size_t, count);
    size_t *steps = ALM_NEW_ARRAY(e->arena, size_t, count);
    size_t *columns = ALM_NEW_ARRAY(e->arena, size_t, count);
    const char *const **names = ALM_NEW_ARRAY(e->arena, const char *const *, count);
    for (size_t m = 0; m < count; m++) {
        first[m] = part[m].at;
        outputs[m] = part[m].outputs;
        steps[m] = part[m].steps;
        columns[m] = part[m].columns;
        names[m] = almi_capi_texts(e->arena, info->member[m].column, info->member[m].column_count);
    }
    e->facts = (almanac_explained){sizeof e->facts, width, count, first, outputs, steps, columns,
                                   names};
}

static almanac_status open_explainer(almanac_explainer *e, almanac_model *model,
                                     const almanac_columns *columns,
                                     const almanac_explain_options *given, almanac_error *error)
{
    alm_scorer_explain_options options = {0};
    alm_error internal = {0};
    almanac_status status = almanac_session_open(model, columns, &e->session, error);
    if (status != ALMANAC_OK) {
        return status;
    }
    if (given) {
        options = (alm_scorer_explain_options){given->strict != 0, given->baseline,
                                               given->tolerance, given->gradients_max};
    }
    if (model->info.takes_bars) {
        return almi_capi_status(alm_fail(&internal, ALM_ERR_UNSUPPORTED, "%s takes bars: what its "
                                         "columns contribute is not served", model->info.name),
                                &internal, error);
    }
    alm_err code = alm_scorer_explainer_create(e->session->binding, &options, e->session->pool,
                                               &e->scorer, &internal);
    if (code == ALM_OK) {
        describe(e);
    }
    return almi_capi_status(code, &internal, error);
}

almanac_status almanac_explainer_open(almanac_model *model, const almanac_columns *columns,
                                      const almanac_explain_options *options,
                                      almanac_explainer **explainer, almanac_error *error)
{
    if (!model || !explainer ||
        (options && !almi_capi_fits(options, sizeof *options, sizeof *options))) {
        return almi_capi_invalid(error, "almanac_explainer_open: a model and a place for the "
                                        "explainer are needed, and options of this library's size "
                                        "or NULL");
    }
    alm_arena *arena = alm_arena_create(0);
    almanac_explainer *e = ALM_NEW(arena, almanac_explainer);
    e->arena = arena;
    almanac_status status = open_explainer(e, model, columns, options, error);
    if (status != ALMANAC_OK) {
        almanac_explainer_close(e);
        return status;
    }
    *explainer = e;
    return ALMANAC_OK;
}

void almanac_explainer_close(almanac_explainer *e)
{
    if (e) {
        alm_scorer_explainer_destroy(e->scorer);
        almanac_session_close(e->session);
        alm_arena_destroy(e->arena); /* the struct lies in it */
    }
}

almanac_status almanac_explainer_describe(const almanac_explainer *explainer,
                                          almanac_explained *explained, almanac_error *error)
{
    if (!explainer || !explained || explained->size < sizeof explained->size ||
        explained->size > 4096) {
        return almi_capi_invalid(error, "almanac_explainer_describe: an explainer and a struct "
                                        "with its size are needed (ALMANAC_EXPLAINED_INIT)");
    }
    size_t size = explained->size;
    memset(explained, 0, size);
    memcpy(explained, &explainer->facts, size < sizeof *explained ? size : sizeof *explained);
    explained->size = size;
    return ALMANAC_OK;
}

almanac_status almanac_explain(almanac_explainer *e, const almanac_batch *batch,
                               double *contributions, almanac_error *error)
{
    if (!e || !batch || !contributions || !almi_capi_fits(batch, sizeof *batch, sizeof *batch)) {
        return almi_capi_invalid(error, "almanac_explain: an explainer, a batch of this library's "
                                        "size (ALMANAC_BATCH_INIT) and memory are needed");
    }
    alm_error internal = {0};
    size_t stride = batch->row_stride ? batch->row_stride : e->session->row_count;
    alm_scorer_batch input = {.count = batch->count, .rows = batch->rows, .stride = stride,
                              .windows = batch->windows};
    alm_err code = alm_scorer_explain(e->scorer, e->session->scratch, &input, contributions,
                                      &internal);
    return almi_capi_status(code, &internal, error);
}
