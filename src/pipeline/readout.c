/* readout.c: from a node's reconciled paths and mean to the numbers that are published. */
#include <math.h>
#include <string.h>

#include "decide/stockout.h"
#include "num/quantile.h"
#include "pipeline/pipeline_internal.h"

static void read_quantiles(const almi_readout *in, alm_forecast *out)
{
    const almi_pipeline *run = in->run;
    size_t count = run->method->quantile_count;
    double *quantiles = ALM_NEW_ARRAY(in->arena, double, count * run->steps);
    double *column = ALM_NEW_ARRAY(in->scratch, double, run->paths);
    for (size_t h = 0; h < run->steps; h++) {
        for (size_t s = 0; s < run->paths; s++) {
            column[s] = in->values[s * run->steps + h];
        }
        alm_sort_doubles(column, run->paths);
        for (size_t k = 0; k < count; k++) {
            quantiles[k * run->steps + h] =
                alm_quantile_sorted(column, run->paths, run->method->quantile[k]);
        }
    }
    out->quantile = quantiles;
}

static void read_stockout(const almi_readout *in, alm_forecast *out)
{
    const almi_pipeline *run = in->run;
    out->has_stock = in->receipts && !isnan(in->on_hand);
    if (!out->has_stock) {
        return;
    }
    alm_stockout_risk risk = {.probability = ALM_NEW_ARRAY(in->arena, double, run->steps),
                         .shortfall = ALM_NEW_ARRAY(in->arena, double, run->steps)};
    double on_hand = in->on_hand > 0 ? in->on_hand : 0;
    alm_stockout_of_paths(in->values, run->paths, run->steps, on_hand, in->receipts, &risk);
    out->on_hand = in->on_hand;
    out->stockout_probability = risk.probability;
    out->shortfall = risk.shortfall;
    out->days_to_stockout = risk.days;
}

#define FLAT_NEAR 1e-12 /* of the mean of a few hundred equal numbers */

static size_t add_line(alm_explanation *lines, size_t count, const char *feature, double value)
{
    if (value != 0) {
        lines[count++] = (alm_explanation){feature, value};
    }
    return count;
}

/* What a kind forecasts, in parts that add up to it whatever the kind: its mean over the horizon,
 * what it has beside that at this step, and what the weekday profile makes of both. */
static size_t add_statistical(const alm_explained_step *step, alm_explanation *lines, size_t count)
{
    const alm_base *base = step->base;
    size_t h = step->step;
    if (!base->kind || base->statistical[h] == 0) {
        return add_line(lines, count, "statistical", base->statistical[h]);
    }
    double level = 0;
    for (size_t k = 0; k < step->steps; k++) {
        level += base->flat[k];
    }
    level /= (double)step->steps;
    if (fabs(base->flat[h] - level) <= FLAT_NEAR * level) {
        level = base->flat[h]; /* a flat forecast has no trend that is a rounding of its mean */
    }
    count = add_line(lines, count, "statistical level", level);
    count = add_line(lines, count, "trend and season", base->flat[h] - level);
    return add_line(lines, count, "weekday profile", base->statistical[h] - base->flat[h]);
}

/* Whatever the kept contributions leave over is "other". */
size_t alm_explain_step(const alm_explained_step *step, alm_explanation *lines)
{
    const alm_base *base = step->base;
    size_t h = step->step;
    bool aggregate = base->history.class_of_series == ALM_CLASS_aggregate;
    double point = step->base_mean / base->calibration;
    double rest = point - base->statistical[h] - base->expected[h];
    size_t count = add_line(lines, 0, aggregate ? "sum of leaves" : "base", base->expected[h]);
    for (size_t k = 0; k < ALM_CONTRIBUTIONS_MAX; k++) {
        const alm_contribution *top = &base->top[h * ALM_CONTRIBUTIONS_MAX + k];
        if (top->feature != UINT16_MAX) {
            count = add_line(lines, count, alm_feature_plan_name(step->plan, top->feature),
                             top->value);
            rest -= top->value;
        }
    }
    count = add_line(lines, count, "other features",
                     fabs(rest) > 1e-9 * (1 + step->mean) ? rest : 0);
    count = add_statistical(step, lines, count);
    count = add_line(lines, count, "calibration", step->base_mean - point);
    return add_line(lines, count, "reconciliation", step->mean - step->base_mean);
}

static void read_explanation(const almi_readout *in, alm_forecast *out)
{
    size_t steps = in->run->steps;
    alm_explanation *lines =
        ALM_NEW_ARRAY(in->arena, alm_explanation, steps * ALM_EXPLANATIONS_MAX);
    uint8_t *counts = ALM_NEW_ARRAY(in->arena, uint8_t, steps);
    for (size_t h = 0; h < steps; h++) {
        alm_explained_step step = {in->base, in->run->request->bundle->plan, steps, h,
                                   in->base_mean[h], out->mean[h]};
        counts[h] = (uint8_t)alm_explain_step(&step, lines + h * ALM_EXPLANATIONS_MAX);
    }
    out->explanation = lines;
    out->explanation_count = counts;
}

void almi_read_out(const almi_readout *in, alm_forecast *out)
{
    const almi_pipeline *run = in->run;
    double *mean = ALM_NEW_ARRAY(in->arena, double, run->steps);
    memcpy(mean, in->values + run->paths * run->steps, run->steps * sizeof(double));
    out->mean = mean;
    out->base_mean = in->base_mean;
    out->base_marginal_mean = in->base->mean;
    out->shape = in->base->history.shape;
    out->values = in->values;
    out->rank = in->rank;
    out->receipts = in->receipts;
    out->variance = in->adjustment.variance;
    out->loading = in->adjustment.loading;
    out->fallback = in->base->fallback;
    out->analogue = in->base->analogue;
    out->class_of_series = in->base->history.class_of_series;
    out->method = alm_base_method(in->base, run->method->weight[ALM_CLASS_aggregate], in->arena);
    read_quantiles(in, out);
    read_stockout(in, out);
    read_explanation(in, out);
}
