#include "pipeline/base_forecast.h"

#include <math.h>
#include <string.h>

#include "num/quantile.h"
#include "pipeline/forest_rows.h"
#include "pipeline/kind_forecast.h"

#define SHRINK_WEIGHT 20.0
#define COLD_START_PERIODS 14

bool alm_history_is_young(const alm_history *history)
{
    return history->open_periods < COLD_START_PERIODS;
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

/* Shrunk to its bin, of mean 1. */
static void uncalibrated(const alm_method *method, bool aggregate, const alm_history *history,
                         double shape[ALM_SHAPE_LEVELS])
{
    const double *prior = method->bin_shape[bin_of(method, history->nonzero_share)];
    double trust = history->shape_weight / (history->shape_weight + SHRINK_WEIGHT);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] = aggregate ? history->shape[k]
                             : trust * history->shape[k] + (1 - trust) * prior[k];
    }
    alm_marginal marginal = {alm_shape_levels(), shape, ALM_SHAPE_LEVELS};
    /* Between quantiles and in the tail the marginal interpolates, so its mean is near 1 only. */
    double mean = alm_marginal_mean(marginal);
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        shape[k] /= mean > 0 ? mean : 1;
    }
}

static void remap(const alm_method *method, bool aggregate, const double *shape,
                  alm_history *history)
{
    alm_marginal marginal = {alm_shape_levels(), shape, ALM_SHAPE_LEVELS};
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        history->shape[k] = alm_marginal_quantile(marginal, method->remap[aggregate][k]);
    }
    alm_marginal_repair(history->shape, ALM_SHAPE_LEVELS);
}

void alm_shape_calibrate(const alm_method *method, bool aggregate, alm_history *history)
{
    double shape[ALM_SHAPE_LEVELS];
    uncalibrated(method, aggregate, history, shape);
    remap(method, aggregate, shape, history);
}

void alm_shape_calibrate_forest(const alm_method *method, const alm_forest_marginal *forest,
                                alm_history *history)
{
    double shape[ALM_SHAPE_LEVELS];
    uncalibrated(method, false, history, shape);
    double mean = forest && forest->steps ? alm_forest_marginal_shape(method, forest, shape) : 0;
    if (mean > 0) {
        history->shape_mean = mean;
        history->shape_variance =
            alm_marginal_variance((alm_marginal){alm_shape_levels(), shape, ALM_SHAPE_LEVELS});
    }
    remap(method, false, shape, history);
}

static alm_fallback fallback_of(const alm_base_request *request, const alm_history *history)
{
    if (history->class_of_series == ALM_CLASS_empty) {
        return ALM_FALLBACK_NO_DEMAND;
    }
    if (request->aggregate) {
        return ALM_FALLBACK_NONE;
    }
    if (alm_history_is_young(history)) {
        return ALM_FALLBACK_COLD_START;
    }
    bool complete = request->bundle->model_count > 0 || request->bundle->kinds.given;
    return complete ? ALM_FALLBACK_NONE : ALM_FALLBACK_NO_FOREST;
}

/* Has the series a mean, and where there are quantile forests a shape, from forests? */
static bool has_forest(const alm_base_request *request, const alm_history *history)
{
    return !request->aggregate && request->bundle->model_count > 0 &&
           fallback_of(request, history) == ALM_FALLBACK_NONE;
}

/* The series of a call that the forest serves: series[i] counts from `first`. */
typedef struct row_batch {
    const alm_base_request *request;
    size_t first;
    size_t *series;
    size_t *panel_series; /* the same, of the panel */
    double *scale;
    const alm_feature_state **states; /* NULL: none are given */
    size_t count;
    alm_forest_request asked;
    alm_forest_rows scored;
} row_batch;

static row_batch batch_of(const alm_base_request *request, size_t first, size_t room,
                          alm_arena *arena)
{
    return (row_batch){.request = request,
                       .first = first,
                       .states = request->states
                                     ? ALM_NEW_ARRAY(arena, const alm_feature_state *, room)
                                     : NULL,
                       .series = ALM_NEW_ARRAY(arena, size_t, room),
                       .panel_series = ALM_NEW_ARRAY(arena, size_t, room),
                       .scale = ALM_NEW_ARRAY(arena, double, room)};
}

static void add_to_batch(row_batch *batch, size_t i, const alm_history *history)
{
    batch->series[batch->count] = i;
    batch->panel_series[batch->count] = batch->first + i;
    if (batch->states) {
        batch->states[batch->count] = batch->request->states[batch->first + i];
    }
    batch->scale[batch->count++] = history->scale;
}

static alm_err score(row_batch *batch, const alm_base_workspace *workspace, alm_error *error)
{
    batch->asked = (alm_forest_request){.bundle = batch->request->bundle,
                                        .panel = batch->request->panel,
                                        .origin = batch->request->origin,
                                        .delay = batch->request->delay,
                                        .series = batch->panel_series,
                                        .scale = batch->scale,
                                        .count = batch->count,
                                        .states = batch->states};
    return alm_forest_rows_of(&batch->asked, workspace->batch, workspace->series, &batch->scored,
                              error);
}

static alm_err forest_mean(const row_batch *batch, size_t i, size_t step, double *out,
                           alm_error *error)
{
    size_t block = 0;
    size_t row = alm_forest_row(&batch->asked, i, step, &block);
    double score = batch->scored.raw[row] + batch->request->bundle->method.base_score[block];
    return alm_forest_mean(&batch->asked, i, step, score, out, error);
}

/* `out` has one for every series of the call. */
static alm_err marginals(const row_batch *batch, const uint8_t *closed, alm_arena *arena,
                         alm_forest_marginal *out, alm_error *error)
{
    alm_forest_marginal *found = ALM_NEW_ARRAY(arena, alm_forest_marginal, batch->count);
    ALM_TRY(alm_forest_marginals_of(&batch->asked, &batch->scored, closed, arena, found, error));
    for (size_t i = 0; i < batch->count; i++) {
        out[batch->series[i]] = found[i];
    }
    return ALM_OK;
}

alm_err alm_base_forest_part(const alm_base_request *request, size_t first, size_t count,
                             const alm_history *histories, const alm_base_workspace *workspace,
                             const alm_forest_part *out, alm_error *error)
{
    size_t steps = (size_t)request->bundle->method.horizon;
    alm_arena_reset(workspace->batch);
    uint8_t *closed = ALM_NEW_ARRAY(workspace->batch, uint8_t, steps);
    row_batch batch = batch_of(request, first, count, workspace->batch);
    for (size_t i = 0; i < count; i++) {
        if (histories[i].class_of_series != ALM_CLASS_empty) {
            add_to_batch(&batch, i, &histories[i]);
        }
    }
    ALM_TRY(score(&batch, workspace, error));
    alm_closed_ahead(request->panel, request->origin, steps, closed);
    for (size_t i = 0; i < batch.count; i++) {
        for (size_t h = 0; h < steps; h++) {
            double mean = 0;
            ALM_TRY(forest_mean(&batch, i, h, &mean, error));
            out->mean[batch.series[i] * steps + h] = closed[h] ? 0 : mean;
        }
    }
    if (!out->marginal) {
        return ALM_OK;
    }
    memset(out->marginal, 0, count * sizeof *out->marginal);
    ALM_TRY(marginals(&batch, closed, workspace->batch, out->marginal, error));
    for (size_t i = 0; i < count; i++) {
        if (!has_forest(request, &histories[i])) {
            out->marginal[i].steps = 0;
        }
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

/* Contributions of all rows, block by block. */
static double *contributions(const row_batch *batch, const alm_base_workspace *workspace)
{
    const alm_bundle *bundle = batch->request->bundle;
    size_t width = batch->scored.width;
    size_t rows = batch->count * (size_t)bundle->method.horizon;
    double *phi = ALM_NEW_ARRAY(workspace->batch, double, rows * (width + 1));
    for (size_t b = 0; b < bundle->model_count; b++) {
        bool last = b + 1 == bundle->model_count;
        size_t first = alm_forest_block_row(&batch->asked, b);
        size_t end = last ? rows : alm_forest_block_row(&batch->asked, b + 1);
        alm_forest_contributions(bundle->models[b].explainer, workspace->forest[b],
                                 batch->scored.rows + first * width, end - first, width,
                                 phi + first * (width + 1));
    }
    return phi;
}

static void explain(const row_batch *batch, const alm_base_workspace *workspace, alm_base *out)
{
    const alm_method *method = &batch->request->bundle->method;
    size_t steps = (size_t)method->horizon;
    size_t width = batch->scored.width;
    const double *phi = contributions(batch, workspace);
    for (size_t i = 0; i < batch->count; i++) {
        alm_base *base = &out[batch->series[i]];
        double units = base->weight * base->history.scale;
        for (size_t h = 0; h < steps; h++) {
            size_t block = 0;
            size_t at = alm_forest_row(&batch->asked, i, h, &block);
            const double *row = phi + at * (width + 1);
            double raw = batch->scored.raw[at];
            double base_score = method->base_score[block];
            double expected = alm_method_link(method, row[width] + base_score);
            double moved = raw - row[width];
            double change = alm_method_link(method, raw + base_score) - expected;
            double per_raw = moved != 0 ? change / moved : 0;
            bool open = base->mean[h] > 0;
            base->expected[h] = open ? units * expected : 0;
            keep_top(row, width, open ? units * per_raw : 0,
                     base->top + h * ALM_CONTRIBUTIONS_MAX);
        }
    }
}

static void allocate(alm_base *base, size_t steps, alm_arena *arena)
{
    base->mean = ALM_NEW_ARRAY(arena, double, steps);
    base->statistical = ALM_NEW_ARRAY(arena, double, steps);
    base->flat = ALM_NEW_ARRAY(arena, double, steps);
    base->expected = ALM_NEW_ARRAY(arena, double, steps);
    base->top = ALM_NEW_ARRAY(arena, alm_contribution, steps * ALM_CONTRIBUTIONS_MAX);
    for (size_t k = 0; k < steps * ALM_CONTRIBUTIONS_MAX; k++) {
        base->top[k].feature = UINT16_MAX;
    }
    for (size_t a = 0; a < ALM_ANALOGUES_MAX; a++) {
        base->analogue[a] = UINT32_MAX;
    }
}

/* The calibration factor; the shape is brought to mean 1. Aggregates have no calibration of their
 * own: their shape is their history's. */
static double split_calibration(alm_history *history, bool aggregate)
{
    alm_marginal marginal = {alm_shape_levels(), history->shape, ALM_SHAPE_LEVELS};
    double mean = alm_marginal_mean(marginal);
    if (!(mean > 0)) {
        return 1;
    }
    for (size_t k = 0; k < ALM_SHAPE_LEVELS; k++) {
        history->shape[k] /= mean;
    }
    return aggregate ? 1 : mean;
}

/* Does a kind make any of the series' mean? */
static const alm_forecaster_kind *kind_of(const alm_base_request *request, const alm_base *base)
{
    const alm_bundle *bundle = request->bundle;
    double others = request->aggregate ? bundle->method.weight[ALM_CLASS_aggregate] : base->weight;
    bool answers = base->fallback == ALM_FALLBACK_NONE && others < 1 &&
                   !alm_history_is_young(&base->history);
    return answers ? alm_kind_of(&bundle->kinds, &base->history, (size_t)bundle->method.horizon)
                   : NULL;
}

/* By the class's kind, else by level x profile with the reason. */
static void statistical_mean(const alm_base_request *request, const alm_history_view *view,
                             const uint8_t *closed, const alm_base_workspace *workspace,
                             alm_base *base)
{
    const alm_method *method = &request->bundle->method;
    size_t steps = (size_t)method->horizon;
    alm_kind_request asked = {view, base->history.first, (size_t)method->season, steps, closed};
    base->kind = kind_of(request, base);
    if (base->kind) {
        base->fallback = alm_kind_forecast(base->kind, &asked, workspace->series, base->flat,
                                           base->statistical);
    }
    if (!base->kind || base->fallback != ALM_FALLBACK_NONE) {
        base->kind = NULL;
        alm_history_forecast(view, base->history.level, closed, steps, base->statistical);
    }
}

/* Everything but the forest's part. */
static void statistical_part(const alm_base_request *request, size_t series,
                             const uint8_t *closed, const alm_base_workspace *workspace,
                             alm_base *base)
{
    const alm_method *method = &request->bundle->method;
    size_t steps = (size_t)method->horizon;
    alm_history_view view = {request->panel, series, request->origin, request->delay,
                             request->profile};
    *base = (alm_base){0};
    allocate(base, steps, workspace->results);
    alm_arena_reset(workspace->series);
    alm_history_of(&view, workspace->series, &base->history);
    if (request->aggregate && base->history.class_of_series != ALM_CLASS_empty) {
        base->history.class_of_series = ALM_CLASS_aggregate;
    }
    base->fallback = fallback_of(request, &base->history);
    bool served = has_forest(request, &base->history);
    base->weight = served ? method->weight[base->history.class_of_series] : 0;
    statistical_mean(request, &view, closed, workspace, base);
    for (size_t h = 0; h < steps; h++) {
        base->flat[h] *= 1 - base->weight;
        base->statistical[h] *= 1 - base->weight;
        base->mean[h] = base->statistical[h];
    }
}

static alm_err forest_part(row_batch *batch, const uint8_t *closed,
                           const alm_base_workspace *workspace, alm_base *out, alm_error *error)
{
    ALM_TRY(score(batch, workspace, error));
    size_t steps = (size_t)batch->request->bundle->method.horizon;
    for (size_t i = 0; i < batch->count; i++) {
        alm_base *base = &out[batch->series[i]];
        for (size_t h = 0; h < steps; h++) {
            double mean = 0;
            ALM_TRY(forest_mean(batch, i, h, &mean, error));
            base->mean[h] += closed[h] ? 0 : base->weight * mean;
        }
    }
    if (batch->request->explain) {
        explain(batch, workspace, out);
    }
    return ALM_OK;
}

/* Shape and calibration factor, and with it the mean. */
static void calibrate(const alm_base_request *request, const alm_forest_marginal *forest,
                      alm_base *base)
{
    const alm_method *method = &request->bundle->method;
    if (forest) {
        alm_shape_calibrate_forest(method, forest, &base->history);
    } else {
        alm_shape_calibrate(method, request->aggregate, &base->history);
    }
    base->calibration = split_calibration(&base->history, request->aggregate);
    for (size_t h = 0; h < (size_t)method->horizon; h++) {
        base->mean[h] *= base->calibration;
    }
}

const char *alm_base_method(const alm_base *base, double share, alm_arena *arena)
{
    bool aggregate = base->history.class_of_series == ALM_CLASS_aggregate;
    const char *other = aggregate ? "sum" : "gbm";
    double weight = aggregate ? share : base->weight;
    const char *own = base->kind ? base->kind->name : "stat";
    if (weight <= 0 && !aggregate) {
        return own;
    }
    return weight >= 1 ? other : alm_arena_printf(arena, "%s+%s", other, own);
}

alm_err alm_base_forecast(const alm_base_request *request, size_t first, size_t count,
                          const alm_base_workspace *workspace, alm_base *out, alm_error *error)
{
    size_t steps = (size_t)request->bundle->method.horizon;
    alm_arena_reset(workspace->batch);
    uint8_t *closed = ALM_NEW_ARRAY(workspace->batch, uint8_t, steps);
    row_batch batch = batch_of(request, first, count, workspace->batch);
    alm_closed_ahead(request->panel, request->origin, steps, closed);
    bool shaped = request->bundle->level_count > 0 && !request->aggregate;
    alm_forest_marginal *forest =
        shaped ? ALM_NEW_ARRAY(workspace->batch, alm_forest_marginal, count) : NULL;
    for (size_t i = 0; i < count; i++) {
        statistical_part(request, first + i, closed, workspace, &out[i]);
        /* A class whose mean is not from the forest has a shape from forests all the same. */
        if (out[i].weight > 0 || (shaped && has_forest(request, &out[i].history))) {
            add_to_batch(&batch, i, &out[i].history);
        }
    }
    if (batch.count) {
        ALM_TRY(forest_part(&batch, closed, workspace, out, error));
    }
    if (batch.count && shaped) {
        ALM_TRY(marginals(&batch, closed, workspace->batch, forest, error));
    }
    for (size_t i = 0; i < count; i++) {
        calibrate(request, shaped ? &forest[i] : NULL, &out[i]);
    }
    return ALM_OK;
}
