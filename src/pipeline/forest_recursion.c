/* forest_recursion.c: the forecast of a period becomes the observation of the next step.
 *
 * The series of a request move on together, one step at a time, so that the forest scores one row
 * of each in a call. Their states are those of the online operators. */
#include "pipeline/forest_rows.h"

#include <math.h>
#include <string.h>

typedef struct recursion {
    const alm_forest_request *request;
    size_t start;  /* the first period that is forecast */
    size_t steps;  /* to the end of the horizon, the unpublished periods included */
    size_t hidden; /* of them: unpublished, not part of the result */
    size_t columns;
    size_t ahead;  /* periods per column in `known` */
    double *known; /* series x columns x ahead, from `start` on */
    alm_feature_state **states;
    double *values; /* columns: of one period */
    double *rows;   /* count x width: of one step */
    double *raw;    /* count */
} recursion;

/* Value of a known column, missing behind what the panel has. */
static double known_value(const recursion *r, size_t column, size_t series, size_t period)
{
    const alm_panel *panel = r->request->panel;
    bool known = panel->columns[column].role == ALM_ROLE_KNOWN;
    return known && panel->columns[column].values && period < panel->periods + panel->future
               ? alm_panel_value(panel, column, series, period) : NAN;
}

static void values_at(const recursion *r, size_t series, size_t period)
{
    const alm_panel *panel = r->request->panel;
    for (size_t c = 0; c < r->columns; c++) {
        bool known = panel->columns[c].role == ALM_ROLE_KNOWN;
        r->values[c] = known ? known_value(r, c, series, period)
                       : panel->columns[c].values ? alm_panel_value(panel, c, series, period) : NAN;
    }
}

/* A state that has seen the published periods of series number i, from its history. */
static alm_err replay_history(recursion *r, size_t i, alm_error *error)
{
    const alm_forest_request *q = r->request;
    const alm_feature_plan *plan = q->bundle->plan;
    const alm_panel *panel = q->panel;
    size_t series = q->series[i];
    size_t lookback = alm_feature_plan_lookback(plan);
    bool whole = alm_feature_plan_is_anchored(plan) || r->start < lookback;
    size_t from = whole ? 0 : r->start - lookback;
    const double *statics = panel->statics ? panel->statics + series * panel->static_count : NULL;
    ALM_TRY(alm_feature_state_create(plan, panel->start + (alm_date)from, statics, &r->states[i],
                                     error));
    for (size_t period = from; period < r->start; period++) {
        values_at(r, series, period);
        alm_period_state state = panel->state[series * panel->periods + period];
        ALM_TRY(alm_feature_update(r->states[i], r->values, state, error));
    }
    return ALM_OK;
}

static alm_err begin(recursion *r, size_t i, alm_error *error)
{
    const alm_forest_request *q = r->request;
    ALM_TRY(q->states ? alm_feature_state_clone(q->states[i], &r->states[i], error)
                      : replay_history(r, i, error));
    double *known = r->known + i * r->columns * r->ahead;
    for (size_t c = 0; c < r->columns; c++) {
        for (size_t k = 0; k < r->ahead; k++) {
            known[c * r->ahead + k] = known_value(r, c, q->series[i], r->start + k);
        }
    }
    return ALM_OK;
}

/* The forecast, as the observation of its period. */
static alm_err feed_back(recursion *r, size_t i, size_t step, double mean, alm_error *error)
{
    const alm_panel *panel = r->request->panel;
    size_t period = r->start + step;
    bool closed = panel->closed && panel->closed[period];
    r->values[0] = closed ? 0 : mean;
    for (size_t c = 1; c < r->columns; c++) {
        r->values[c] = known_value(r, c, r->request->series[i], period);
    }
    return alm_feature_update(r->states[i], r->values,
                              closed ? ALM_PERIOD_CLOSED : ALM_PERIOD_OBSERVED, error);
}

static alm_err one_step(recursion *r, size_t step, alm_forest_rows *out, alm_error *error)
{
    const alm_forest_request *q = r->request;
    const alm_bundle *bundle = q->bundle;
    for (size_t i = 0; i < q->count; i++) {
        const double *known = r->known + i * r->columns * r->ahead + step;
        ALM_TRY(alm_feature_emit(r->states[i], 1, q->scale[i], known, r->ahead,
                                 r->rows + i * out->width, error));
    }
    alm_forest_score(bundle->models[0].forest, r->rows, q->count, out->width, r->raw);
    for (size_t i = 0; i < q->count; i++) {
        double mean = 0;
        double score = r->raw[i] + bundle->method.base_score[0];
        ALM_TRY(alm_forest_mean(q, i, step, score, &mean, error));
        ALM_TRY(feed_back(r, i, step, mean, error));
        if (step >= r->hidden) {
            size_t at = alm_forest_row(q, i, step - r->hidden, NULL);
            memcpy(out->rows + at * out->width, r->rows + i * out->width,
                   out->width * sizeof *out->rows);
            out->raw[at] = r->raw[i];
        }
    }
    return ALM_OK;
}

static alm_err run(recursion *r, alm_forest_rows *out, alm_error *error)
{
    for (size_t i = 0; i < r->request->count; i++) {
        ALM_TRY(begin(r, i, error));
    }
    for (size_t step = 0; step < r->steps; step++) {
        ALM_TRY(one_step(r, step, out, error));
    }
    return ALM_OK;
}

alm_err almi_forest_recursion(const alm_forest_request *request, alm_arena *arena,
                              alm_forest_rows *out, alm_error *error)
{
    const alm_panel *panel = request->panel;
    alm_assert(request->delay <= request->origin);
    size_t steps = (size_t)request->bundle->method.horizon + request->delay;
    recursion r = {.request = request,
                   .start = request->origin + 1 - request->delay,
                   .steps = steps,
                   .hidden = request->delay,
                   .columns = panel->column_count,
                   .ahead = steps + alm_feature_plan_ahead(request->bundle->plan)};
    r.known = ALM_NEW_ARRAY(arena, double, request->count * r.columns * r.ahead);
    r.states = ALM_NEW_ARRAY(arena, alm_feature_state *, request->count);
    r.values = ALM_NEW_ARRAY(arena, double, r.columns);
    r.rows = ALM_NEW_ARRAY(arena, double, request->count * out->width);
    r.raw = ALM_NEW_ARRAY(arena, double, request->count);
    alm_err code = run(&r, out, error);
    for (size_t i = 0; i < request->count; i++) {
        alm_feature_state_destroy(r.states[i]);
    }
    return code;
}
