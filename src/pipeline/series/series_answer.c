#include "pipeline/series/series_answer.h"

#include <math.h>

#include "model/statistical/arima/arima.h"
#include "model/statistical/forecaster_kinds.h"
#include "num/normal.h"

#define CANDIDATES_MAX 4

bool almi_all_finite(const double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(value[i])) {
            return false;
        }
    }
    return true;
}

static void clear(double *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        value[i] = (double)NAN;
    }
}

static alm_seasons seasons_of(const alm_forecast_plan *plan)
{
    return (alm_seasons){plan->seasons, plan->season_count};
}

/* By what is known of the past alone, so that an origin of the check chooses as it would have. */
static alm_forecast_plan tried(const alm_forecast_plan *plan, const alm_past *past,
                               alm_arena *scratch)
{
    alm_forecast_plan own = *plan;
    if (plan->seasons_tried && plan->season_count > 1 && plan->kind == alm_forecast_automatic() &&
        alm_seasons_are_better(seasons_of(plan), past, plan->steps, scratch)) {
        own.kind = &alm_mstl;
    }
    return own;
}

/* Counts take no regressors: what those leave is none. */
alm_err almi_answer_fit(const alm_forecaster_kind *kind, const alm_forecast_plan *plan,
                        const alm_explained *past, alm_arena *scratch, alm_fitted *out)
{
    if (kind == &alm_learned) {
        void *inner = NULL;
        alm_err refusal = alm_selector_fit(plan->selector, &past->rest, scratch, &inner, NULL);
        if (refusal == ALM_OK) {
            alm_explained_around(kind, inner, past, scratch, out);
        }
        return refusal;
    }
    if (kind != &alm_count || past->effects.used > 0) {
        return alm_explained_fit(kind, seasons_of(plan), past, scratch, out);
    }
    out->by = kind;
    alm_err code = alm_counted_fit(&past->past, plan->least, plan->counted.common, scratch,
                                   &out->state);
    out->inner = out->state;
    return code;
}

void almi_answer_explain(const alm_forecast_plan *plan, const alm_past *past, alm_arena *scratch,
                         alm_explained *out)
{
    alm_explain(past, plan->regressors, plan->kind == &alm_arima, scratch, out);
}

static alm_err answer_by(const alm_forecaster_kind *kind, const alm_forecast_plan *plan,
                         const alm_explained *past, alm_arena *scratch, alm_fitted *state,
                         almi_answer *out)
{
    alm_err code = almi_answer_fit(kind, plan, past, scratch, state);
    if (code != ALM_OK) {
        return code;
    }
    state->by->mean(state->state, plan->steps, out->mean);
    for (size_t h = 0; h < plan->steps; h++) {
        out->mean[h] = almi_mean_within(out->support, out->mean[h]);
    }
    return almi_all_finite(out->mean, plan->steps) ? ALM_OK : ALM_ERR_NUMERIC;
}

static alm_forecast_reason reason_of(alm_err refusal)
{
    return refusal == ALM_ERR_INCOMPLETE ? ALM_FORECAST_SHORT
           : refusal == ALM_ERR_INVALID  ? ALM_FORECAST_UNSUITED
                                         : ALM_FORECAST_NUMERIC;
}

/* The first that does not refuse. False: none. */
bool almi_answer_choose(const alm_forecast_plan *plan, const alm_explained *explained,
                        alm_arena *scratch, alm_fitted *state, almi_answer *out)
{
    const alm_past *past = &explained->past;
    const alm_forecaster_kind *const CANDIDATE[CANDIDATES_MAX] = {
        plan->kind, &alm_seasonal_naive, &alm_naive, &alm_mean_of_all};
    alm_err first = ALM_OK;
    for (size_t i = 0; i < CANDIDATES_MAX; i++) {
        if (i > 0 && CANDIDATE[i] == &alm_seasonal_naive && past->count <= past->season) {
            continue; /* naive then, which may know how far off it is */
        }
        alm_err code = answer_by(CANDIDATE[i], plan, explained, scratch, state, out);
        if (code == ALM_OK) {
            out->kind = CANDIDATE[i];
            out->by = state->by;
            out->reason = i == 0 ? ALM_FORECAST_FITTED : reason_of(first);
            return true;
        }
        first = i == 0 ? code : first;
    }
    bool known = false;
    for (size_t t = 0; t < past->count && !known; t++) {
        known = !isnan(past->y[t]);
    }
    out->kind = NULL;
    out->reason = known ? ALM_FORECAST_NUMERIC : ALM_FORECAST_NO_VALUES;
    clear(out->mean, plan->steps);
    return false;
}

static bool spread_by_paths(const alm_forecast_plan *plan, const void *state, uint64_t number,
                            alm_arena *scratch, almi_answer *out)
{
    alm_path_plan paths = {.steps = plan->steps, .count = plan->paths, .seed = plan->seed,
                           .series = number, .support = out->support};
    size_t count = 2 * plan->level_count;
    double level[2 * ALM_FORECAST_LEVELS_MAX];
    double *path = ALM_NEW_ARRAY(scratch, double, plan->paths * plan->steps);
    double *quantile = ALM_NEW_ARRAY(scratch, double, plan->steps * count);
    if (alm_forecaster_paths(out->by, state, &paths, scratch, path, NULL) != ALM_OK) {
        return false;
    }
    for (size_t k = 0; k < plan->level_count; k++) {
        level[k] = (1 - plan->level[k]) / 2;
        level[plan->level_count + k] = 1 - level[k];
    }
    alm_path_quantiles(path, &paths, level, count, scratch, quantile);
    for (size_t h = 0; h < plan->steps; h++) {
        for (size_t k = 0; k < plan->level_count; k++) {
            out->low[h * plan->level_count + k] = quantile[h * count + k];
            out->high[h * plan->level_count + k] = quantile[h * count + plan->level_count + k];
        }
    }
    return true;
}

static void spread_by_deviation(const alm_forecast_plan *plan, const void *state,
                                alm_arena *scratch, almi_answer *out)
{
    double *deviation = ALM_NEW_ARRAY(scratch, double, plan->steps);
    double *mean = ALM_NEW_ARRAY(scratch, double, plan->steps);
    out->by->mean(state, plan->steps, mean);
    out->by->deviation(state, plan->steps, deviation);
    for (size_t k = 0; k < plan->level_count; k++) {
        double z = alm_normal_quantile((1 + plan->level[k]) / 2);
        for (size_t h = 0; h < plan->steps; h++) {
            size_t at = h * plan->level_count + k;
            out->low[at] = alm_support_value(out->support, mean[h] - z * deviation[h]);
            out->high[at] = alm_support_value(out->support, mean[h] + z * deviation[h]);
        }
    }
}

static void add_spread(const alm_forecast_plan *plan, const void *state, uint64_t number,
                       alm_arena *scratch, almi_answer *out)
{
    size_t count = plan->steps * plan->level_count;
    out->spread = ALM_SPREAD_PATHS;
    if (plan->paths == 0 || !spread_by_paths(plan, state, number, scratch, out)) {
        out->spread = ALM_SPREAD_NORMAL;
        spread_by_deviation(plan, state, scratch, out);
    }
    if (!almi_all_finite(out->low, count) || !almi_all_finite(out->high, count)) {
        out->spread = ALM_SPREAD_NONE;
        clear(out->low, count);
        clear(out->high, count);
    }
}

void almi_answer_past(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                      alm_arena *scratch, almi_answer *out)
{
    alm_fitted state;
    alm_explained *explained = ALM_NEW(scratch, alm_explained);
    out->support = alm_support_of(past);
    almi_answer_explain(plan, past, scratch, explained);
    out->effects = explained->effects;
    alm_forecast_plan own = tried(plan, &explained->rest, scratch);
    bool answers = almi_answer_choose(&own, explained, scratch, &state, out);
    out->choice.count = 0;
    if (answers && alm_choice_is_made_by(out->kind)) {
        alm_choice_describe(state.inner, &out->choice);
    }
    if (out->deviation) {
        clear(out->deviation, plan->steps);
    }
    if (answers) {
        if (out->deviation && out->reason == ALM_FORECAST_FITTED) {
            out->by->deviation(state.state, plan->steps, out->deviation);
        }
        add_spread(plan, state.state, number, scratch, out);
        return;
    }
    out->spread = ALM_SPREAD_NONE;
    clear(out->low, plan->steps * plan->level_count);
    clear(out->high, plan->steps * plan->level_count);
}

almi_answer almi_answer_in(const alm_forecast_plan *plan, alm_arena *arena)
{
    size_t count = plan->steps * plan->level_count;
    return (almi_answer){.mean = ALM_NEW_ARRAY(arena, double, plan->steps),
                         .low = ALM_NEW_ARRAY(arena, double, count),
                         .high = ALM_NEW_ARRAY(arena, double, count)};
}
