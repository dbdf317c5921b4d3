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

/* All steps of series number i, in one replay of its history. */
static alm_err replayed_rows(const alm_forest_request *request, size_t i, size_t steps,
                             alm_arena *scratch, double *out, alm_error *error)
{
    alm_arena_reset(scratch);
    alm_feature_row *asked = ALM_NEW_ARRAY(scratch, alm_feature_row, steps);
    for (size_t h = 0; h < steps; h++) {
        asked[h] = (alm_feature_row){(uint32_t)request->origin, (uint32_t)(h + 1),
                                     request->scale[i]};
    }
    const alm_feature_plan *plan = request->bundle->plan;
    return alm_feature_rows(plan, request->panel, request->series[i], asked, steps, out,
                            alm_feature_plan_width(plan), scratch, error);
}

/* The same of its state. */
static alm_err emitted_rows(const alm_forest_request *request, size_t i, size_t steps,
                            alm_arena *scratch, double *out, alm_error *error)
{
    alm_arena_reset(scratch);
    const alm_panel *panel = request->panel;
    const alm_feature_plan *plan = request->bundle->plan;
    size_t ahead = alm_feature_plan_ahead(plan);
    size_t left = panel->periods + panel->future - request->origin - 1;
    double *known = ALM_NEW_ARRAY(scratch, double, panel->column_count * ahead);
    for (size_t c = 0; c < panel->column_count; c++) {
        bool is_known = panel->columns[c].role == ALM_ROLE_KNOWN && panel->columns[c].values;
        for (size_t k = 0; k < ahead; k++) {
            known[c * ahead + k] = is_known && k < left
                                       ? alm_panel_value(panel, c, request->series[i],
                                                         request->origin + 1 + k)
                                       : NAN;
        }
    }
    for (size_t h = 0; h < steps; h++) {
        ALM_TRY(alm_feature_emit(request->states[i], (uint32_t)(h + 1), request->scale[i], known,
                                 ahead, out + h * alm_feature_plan_width(plan), error));
    }
    return ALM_OK;
}

/* The rows of a series go to their blocks. */
static alm_err direct_rows(const alm_forest_request *request, alm_arena *arena,
                           alm_arena *scratch, alm_forest_rows *out, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    size_t steps = (size_t)bundle->method.horizon;
    double *rows = ALM_NEW_ARRAY(arena, double, steps * out->width);
    for (size_t i = 0; i < request->count; i++) {
        ALM_TRY(request->states ? emitted_rows(request, i, steps, scratch, rows, error)
                                : replayed_rows(request, i, steps, scratch, rows, error));
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
