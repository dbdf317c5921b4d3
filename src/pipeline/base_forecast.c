#include "pipeline/base_forecast.h"

#include <math.h>
#include <string.h>

#include "num/elementary.h"
#include "num/quantile.h"

#define SHRINK_WEIGHT 20.0
#define COLD_START_PERIODS 14

const char *alm_fallback_text(alm_fallback fallback)
{
    static const char *const TEXTS[] = {
#define ALM_FALLBACK_TEXT(name, text) text,
        ALM_FALLBACK_MAP(ALM_FALLBACK_TEXT)
#undef ALM_FALLBACK_TEXT
    };
    alm_assert((unsigned)fallback < ALM_FALLBACK_COUNT);
    return TEXTS[fallback];
}

void alm_closed_ahead(const alm_panel *panel, size_t origin, size_t steps, uint8_t *out)
{
    for (size_t h = 0; h < steps; h++) {
        size_t period = origin + 1 + h;
        alm_assert(!panel->closed || period < panel->periods + panel->future);
        out[h] = panel->closed ? panel->closed[period] : 0;
    }
}

static size_t bin_of(const alm_method *method, double share)
{
    size_t bin = 0;
    while (bin + 1 < ALM_SHAPE_BINS && share > method->bin_edge[bin]) {
        bin++;
    }
    return bin;
}

void alm_shape_calibrate(const alm_method *method, bool aggregate, alm_history *history)
{
    double shape[ALM_SHAPE_LEVELS];
    const double *prior = method->bin_shape[bin_of(method, history->nonzero_share)];
    double trust = history->shape_weight / (history->shape_weight + SHRINK_WEIGHT);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] = aggregate ? history->shape[k]
                             : trust * history->shape[k] + (1 - trust) * prior[k];
    }
    alm_marginal marginal = {alm_shape_levels(), shape, ALM_SHAPE_LEVELS};
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        history->shape[k] = alm_marginal_quantile(marginal, method->remap[aggregate][k]);
    }
    alm_marginal_repair(history->shape, ALM_SHAPE_LEVELS);
}

/* Rows of all steps, and their raw scores. */
static alm_err score(const alm_base_request *request, size_t series, const alm_history *history,
                     alm_arena *scratch, double **rows, double **raw, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    size_t steps = (size_t)bundle->method.horizon;
    size_t width = alm_feature_plan_width(bundle->plan);
    alm_feature_row *asked = ALM_NEW_ARRAY(scratch, alm_feature_row, steps);
    for (size_t h = 0; h < steps; h++) {
        asked[h] = (alm_feature_row){(uint32_t)request->origin, (uint32_t)(h + 1),
                                     history->scale};
    }
    *rows = ALM_NEW_ARRAY(scratch, double, steps * width);
    *raw = ALM_NEW_ARRAY(scratch, double, steps);
    ALM_TRY(alm_feature_rows(bundle->plan, request->panel, series, asked, steps, *rows, width,
                             scratch, error));
    alm_forest_score(bundle->forest, *rows, steps, width, *raw);
    return ALM_OK;
}

static double link(const alm_method *method, double raw)
{
    return method->log_link ? alm_exp(raw) : raw > 0 ? raw : 0;
}

alm_err alm_base_forest_mean(const alm_base_request *request, size_t series,
                             const alm_history *history, alm_arena *scratch, double *out,
                             alm_error *error)
{
    const alm_method *method = &request->bundle->method;
    size_t steps = (size_t)method->horizon;
    double *rows;
    double *raw;
    ALM_TRY(score(request, series, history, scratch, &rows, &raw, error));
    uint8_t *closed = ALM_NEW_ARRAY(scratch, uint8_t, steps);
    alm_closed_ahead(request->panel, request->origin, steps, closed);
    for (size_t h = 0; h < steps; h++) {
        double mean = closed[h] ? 0 : history->scale * link(method, raw[h] + method->base_score);
        if (!isfinite(mean)) {
            return alm_fail(error, ALM_ERR_NUMERIC, "series %zu: the forest's forecast for step "
                            "%zu is not finite", request->panel->first_series + series, h + 1);
        }
        out[h] = mean;
    }
    return ALM_OK;
}

/* The largest contributions of one step, in units: the forest works on the scale of its link, so
 * each contribution gets its share of the change from the expected to the predicted value. */
static void keep_top(const double *phi, size_t width, double per_raw, alm_contribution *top)
{
    for (size_t k = 0; k < ALM_CONTRIBUTIONS_MAX; k++) {
        top[k] = (alm_contribution){0, UINT16_MAX};
    }
    for (size_t f = 0; f < width; f++) {
        double value = phi[f] * per_raw;
        size_t at = ALM_CONTRIBUTIONS_MAX;
        while (at > 0 && fabs(value) > fabs(top[at - 1].value)) {
            at--;
        }
        if (at < ALM_CONTRIBUTIONS_MAX) {
            memmove(top + at + 1, top + at, (ALM_CONTRIBUTIONS_MAX - 1 - at) * sizeof *top);
            top[at] = (alm_contribution){value, (uint16_t)f};
        }
    }
}

static alm_err explain(const alm_base_request *request, const double *rows, const double *raw,
                       alm_arena *scratch, alm_base *out, alm_error *error)
{
    const alm_bundle *bundle = request->bundle;
    size_t steps = (size_t)bundle->method.horizon;
    size_t width = alm_feature_plan_width(bundle->plan);
    double *phi = ALM_NEW_ARRAY(scratch, double, steps * (width + 1));
    alm_forest_scratch *work = NULL;
    ALM_TRY(alm_forest_scratch_create(bundle->explainer, &work, error));
    alm_forest_contributions(bundle->explainer, work, rows, steps, width, phi);
    alm_forest_scratch_destroy(work);
    const alm_method *method = &bundle->method;
    for (size_t h = 0; h < steps; h++) {
        const double *row = phi + h * (width + 1);
        double units = out->weight * out->history.scale;
        double expected = link(method, row[width] + method->base_score);
        double predicted = link(method, raw[h] + method->base_score);
        double moved = raw[h] - row[width];
        double per_raw = moved != 0 ? (predicted - expected) / moved : 0;
        bool open = out->mean[h] > 0;
        out->expected[h] = open ? units * expected : 0;
        keep_top(row, width, open ? units * per_raw : 0,
                 out->top + h * ALM_CONTRIBUTIONS_MAX);
    }
    return ALM_OK;
}

static alm_fallback fallback_of(const alm_base_request *request, const alm_history *history)
{
    if (history->class_of_series == ALM_CLASS_empty) {
        return ALM_FALLBACK_NO_DEMAND;
    }
    if (request->aggregate) {
        return ALM_FALLBACK_NONE;
    }
    if (history->open_periods < COLD_START_PERIODS) {
        return ALM_FALLBACK_COLD_START;
    }
    return request->bundle->forest ? ALM_FALLBACK_NONE : ALM_FALLBACK_NO_FOREST;
}

static alm_err forest_part(const alm_base_request *request, size_t series, alm_arena *scratch,
                           const uint8_t *closed, alm_base *out, alm_error *error)
{
    const alm_method *method = &request->bundle->method;
    double *rows;
    double *raw;
    ALM_TRY(score(request, series, &out->history, scratch, &rows, &raw, error));
    for (size_t h = 0; h < (size_t)method->horizon; h++) {
        double value = out->history.scale * link(method, raw[h] + method->base_score);
        if (!isfinite(value)) {
            return alm_fail(error, ALM_ERR_NUMERIC, "series %zu: the forest's forecast for step "
                            "%zu is not finite", request->panel->first_series + series, h + 1);
        }
        out->mean[h] += closed[h] ? 0 : out->weight * value;
    }
    return request->explain ? explain(request, rows, raw, scratch, out, error) : ALM_OK;
}

alm_err alm_base_forecast(const alm_base_request *request, size_t series, alm_arena *arena,
                          alm_arena *scratch, alm_base *out, alm_error *error)
{
    const alm_method *method = &request->bundle->method;
    size_t steps = (size_t)method->horizon;
    alm_history_view view = {request->panel, series, request->origin, request->delay,
                             request->profile};
    alm_base base = {0};
    alm_history_of(&view, scratch, &base.history);
    if (request->aggregate && base.history.class_of_series != ALM_CLASS_empty) {
        base.history.class_of_series = ALM_CLASS_aggregate;
    }
    alm_shape_calibrate(method, request->aggregate, &base.history);
    base.fallback = fallback_of(request, &base.history);
    bool has_forest = base.fallback == ALM_FALLBACK_NONE && !request->aggregate;
    base.weight = has_forest ? method->weight[base.history.class_of_series] : 0;
    base.mean = ALM_NEW_ARRAY(arena, double, steps);
    base.statistical = ALM_NEW_ARRAY(arena, double, steps);
    base.expected = ALM_NEW_ARRAY(arena, double, steps);
    base.top = ALM_NEW_ARRAY(arena, alm_contribution, steps * ALM_CONTRIBUTIONS_MAX);
    for (size_t k = 0; k < steps * ALM_CONTRIBUTIONS_MAX; k++) {
        base.top[k].feature = UINT16_MAX;
    }
    uint8_t *closed = ALM_NEW_ARRAY(scratch, uint8_t, steps);
    alm_closed_ahead(request->panel, request->origin, steps, closed);
    alm_history_forecast(&view, base.history.level, closed, steps, base.statistical);
    for (size_t h = 0; h < steps; h++) {
        base.statistical[h] *= 1 - base.weight;
        base.mean[h] = base.statistical[h];
    }
    if (base.weight > 0) {
        ALM_TRY(forest_part(request, series, scratch, closed, &base, error));
    }
    *out = base;
    return ALM_OK;
}
