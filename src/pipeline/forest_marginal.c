#include "pipeline/forest_marginal.h"

#include <math.h>
#include <string.h>

#include "num/quantile.h"

/* Scores of all rows by the forests of one level; a block's rows lie together. */
static void score_level(const alm_forest_request *request, const alm_forest_rows *scored,
                        size_t level, double *out)
{
    const alm_bundle *bundle = request->bundle;
    size_t rows = request->count * (size_t)bundle->method.horizon;
    for (size_t b = 0; b < bundle->model_count; b++) {
        size_t first = alm_forest_block_row(request, b);
        size_t end = b + 1 < bundle->model_count ? alm_forest_block_row(request, b + 1) : rows;
        alm_forest_score(bundle->quantile[level][b], scored->rows + first * scored->width,
                         end - first, scored->width, out + first);
    }
}

static alm_err add_step(const alm_forest_request *request, const double *scores, size_t i,
                        size_t step, alm_forest_marginal *out, alm_error *error)
{
    const alm_method *method = &request->bundle->method;
    size_t rows = request->count * (size_t)method->horizon;
    size_t row = alm_forest_row(request, i, step, NULL);
    double quantile[ALM_METHOD_QUANTILES_MAX];
    for (size_t k = 0; k < method->quantile_count; k++) {
        quantile[k] = request->scale[i] * scores[k * rows + row];
        if (!isfinite(quantile[k])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "series %zu: the forest's quantile %g for step "
                            "%zu is not finite", request->panel->first_series + request->series[i],
                            method->quantile[k], step + 1);
        }
    }
    alm_sort_doubles(quantile, method->quantile_count);
    for (size_t k = 0; k < method->quantile_count; k++) {
        out->quantile[k] += quantile[k] > 0 ? quantile[k] : 0;
    }
    out->steps++;
    return ALM_OK;
}

static alm_err add_mean(const alm_forest_request *request, const alm_forest_rows *scored, size_t i,
                        size_t step, alm_forest_marginal *out, alm_error *error)
{
    size_t block = 0;
    size_t row = alm_forest_row(request, i, step, &block);
    double mean = 0;
    double score = scored->raw[row] + request->bundle->method.base_score[block];
    ALM_TRY(alm_forest_mean(request, i, step, score, &mean, error));
    out->mean += mean;
    return ALM_OK;
}

alm_err alm_forest_marginals_of(const alm_forest_request *request, const alm_forest_rows *scored,
                                const uint8_t *closed, alm_arena *arena,
                                alm_forest_marginal *out, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    size_t steps = (size_t)bundle->method.horizon;
    size_t rows = request->count * steps;
    alm_assert(bundle->level_count > 0 && bundle->level_count == bundle->method.quantile_count);
    double *scores = ALM_NEW_ARRAY(arena, double, bundle->level_count * rows);
    for (size_t k = 0; k < bundle->level_count; k++) {
        score_level(request, scored, k, scores + k * rows);
    }
    for (size_t i = 0; i < request->count; i++) {
        out[i] = (alm_forest_marginal){0};
        for (size_t h = 0; h < steps; h++) {
            if (!closed[h]) {
                ALM_TRY(add_step(request, scores, i, h, &out[i], error));
                ALM_TRY(add_mean(request, scored, i, h, &out[i], error));
            }
        }
    }
    return ALM_OK;
}

/* The summed quantile function; `tail` is S. */
static double extended(const alm_method *method, const alm_forest_marginal *marginal,
                       alm_marginal tail, double u)
{
    size_t last = method->quantile_count - 1;
    double first_level = method->quantile[0];
    double last_level = method->quantile[last];
    if (u < first_level) {
        double at = alm_marginal_quantile(tail, first_level);
        double share = at > 0 ? alm_marginal_quantile(tail, u) / at : u / first_level;
        return marginal->quantile[0] * share;
    }
    if (u >= last_level) {
        double above = alm_marginal_quantile(tail, u) - alm_marginal_quantile(tail, last_level);
        return marginal->quantile[last] + marginal->mean * above;
    }
    alm_marginal body = {method->quantile, marginal->quantile, method->quantile_count};
    return alm_marginal_quantile(body, u);
}

double alm_forest_marginal_shape(const alm_method *method, const alm_forest_marginal *marginal,
                                 double *shape)
{
    alm_assert(marginal->steps > 0);
    const double *levels = alm_shape_levels();
    alm_marginal tail = {levels, shape, ALM_SHAPE_LEVELS};
    double value[ALM_SHAPE_LEVELS];
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        value[k] = extended(method, marginal, tail, levels[k]);
    }
    alm_marginal_repair(value, ALM_SHAPE_LEVELS);
    alm_marginal all = {levels, value, ALM_SHAPE_LEVELS};
    double mean = alm_marginal_mean(all);
    if (!(mean > 0)) {
        return 0;
    }
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] = value[k] / mean;
    }
    return mean / (double)marginal->steps;
}
