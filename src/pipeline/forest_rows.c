#include "pipeline/forest_rows.h"

#include <math.h>
#include <string.h>

/* A recursive plan has one block of one step, whose forest serves all steps. */
static alm_horizon_block steps_of(const alm_bundle *bundle, size_t block)
{
    if (alm_feature_plan_recursive(bundle->plan)) {
        return (alm_horizon_block){1, bundle->method.horizon};
    }
    return alm_feature_plan_block(bundle->plan, block);
}

size_t alm_forest_block_row(const alm_forest_request *request, size_t block)
{
    return request->count * (size_t)(steps_of(request->bundle, block).first - 1);
}

size_t alm_forest_row(const alm_forest_request *request, size_t i, size_t step, size_t *block)
{
    size_t b = 0;
    alm_horizon_block steps = steps_of(request->bundle, 0);
    while ((size_t)steps.last <= step) {
        steps = steps_of(request->bundle, ++b);
    }
    if (block) {
        *block = b;
    }
    size_t length = (size_t)(steps.last - steps.first + 1);
    return request->count * (size_t)(steps.first - 1) + i * length + step + 1 -
           (size_t)steps.first;
}

alm_err alm_forest_mean(const alm_forest_request *request, size_t i, size_t step, double score,
                        double *out, alm_error *error)
{
    double mean = request->scale[i] * alm_method_link(&request->bundle->method, score);
    if (!isfinite(mean)) {
        return alm_fail(error, ALM_ERR_NUMERIC, "series %zu: the forest's forecast for step %zu is "
                        "not finite", request->panel->first_series + request->series[i],
                        step + 1);
    }
    *out = mean;
    return ALM_OK;
}

/* All steps of a series in one replay, then its rows go to their blocks. */
static alm_err direct_rows(const alm_forest_request *request, alm_arena *arena,
                           alm_arena *scratch, alm_forest_rows *out, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    size_t steps = (size_t)bundle->method.horizon;
    alm_feature_row *asked = ALM_NEW_ARRAY(arena, alm_feature_row, steps);
    double *rows = ALM_NEW_ARRAY(arena, double, steps * out->width);
    for (size_t i = 0; i < request->count; i++) {
        for (size_t h = 0; h < steps; h++) {
            asked[h] = (alm_feature_row){(uint32_t)request->origin, (uint32_t)(h + 1),
                                         request->scale[i]};
        }
        alm_arena_reset(scratch);
        ALM_TRY(alm_feature_rows(bundle->plan, request->panel, request->series[i], asked, steps,
                                 rows, out->width, scratch, error));
        for (size_t b = 0; b < bundle->model_count; b++) {
            alm_horizon_block block = steps_of(bundle, b);
            size_t first = (size_t)block.first - 1;
            size_t at = alm_forest_row(request, i, first, NULL);
            memcpy(out->rows + at * out->width, rows + first * out->width,
                   ((size_t)block.last - first) * out->width * sizeof *rows);
        }
    }
    for (size_t b = 0; b < bundle->model_count; b++) {
        alm_horizon_block block = steps_of(bundle, b);
        size_t first = alm_forest_block_row(request, b);
        size_t count = request->count * (size_t)(block.last - block.first + 1);
        alm_forest_score(bundle->models[b].forest, out->rows + first * out->width, count,
                         out->width, out->raw + first);
    }
    return ALM_OK;
}

alm_err alm_forest_rows_of(const alm_forest_request *request, alm_arena *arena,
                           alm_arena *scratch, alm_forest_rows *out, alm_error *error)
{
    size_t rows = request->count * (size_t)request->bundle->method.horizon;
    size_t width = alm_feature_plan_width(request->bundle->plan);
    *out = (alm_forest_rows){width, ALM_NEW_ARRAY(arena, double, rows * width),
                             ALM_NEW_ARRAY(arena, double, rows)};
    if (alm_feature_plan_recursive(request->bundle->plan)) {
        return almi_forest_recursion(request, arena, out, error);
    }
    return direct_rows(request, arena, scratch, out, error);
}
