#include "train/origin_record.h"

#include <math.h>

#include "num/metrics.h"

#define SERIES_PER_TASK 32
#define SCALE_AGE_MIN 28 /* younger series have a scale of pure chance */

typedef struct job {
    const alm_training_panel *panel;
    const alm_bundle *bundle;
    alm_profile profile;
    alm_origin_record *record;
    alm_arena **scratch; /* one per worker */
} job;

static void actual_of(const alm_panel *panel, size_t series, const alm_origin_record *record,
                      double *out)
{
    for (size_t h = 0; h < record->steps; h++) {
        size_t period = record->origin + 1 + h;
        bool known = period < panel->periods;
        uint8_t state = known ? panel->state[series * panel->periods + period] : 0;
        bool counts = state == ALM_PERIOD_OBSERVED || state == ALM_PERIOD_ZERO ||
                      state == ALM_PERIOD_CLOSED;
        out[h] = counts ? alm_panel_value(panel, 0, series, period) : NAN;
    }
}

static double squared_scale(const alm_panel *panel, size_t series, size_t first, size_t origin,
                            alm_arena *scratch)
{
    if (first == SIZE_MAX || origin < first + SCALE_AGE_MIN) {
        return 0;
    }
    size_t count = origin + 1 - first;
    double *y = ALM_NEW_ARRAY(scratch, double, count);
    for (size_t t = 0; t < count; t++) {
        y[t] = alm_panel_value(panel, 0, series, first + t);
    }
    return alm_scale_of(y, count, 7).squared;
}

static alm_err one_series(job *j, size_t series, alm_arena *scratch, alm_error *error)
{
    alm_origin_record *r = j->record;
    size_t steps = r->steps;
    alm_arena_reset(scratch);
    alm_history_view view = alm_training_view(j->panel, series, r->origin, &j->profile);
    alm_history *history = &r->histories[series];
    alm_history_of(&view, scratch, history);
    alm_history_forecast(&view, history->level, r->closed, steps, r->statistical + series * steps);
    actual_of(view.panel, view.series, r, r->actual + series * steps);
    r->scale_squared[series] =
        squared_scale(view.panel, view.series, history->first, r->origin, scratch);
    if (!j->bundle->forest || history->class_of_series == ALM_CLASS_empty) {
        return ALM_OK;
    }
    alm_base_request request = {.bundle = j->bundle,
                                .panel = view.panel,
                                .profile = j->profile,
                                .origin = r->origin,
                                .delay = j->panel->delay};
    return alm_base_forest_mean(&request, view.series, history, scratch,
                                r->forest + series * steps, error);
}

static alm_err series_task(void *context, size_t task, int worker, alm_error *error)
{
    job *j = context;
    size_t end = (task + 1) * SERIES_PER_TASK;
    end = end < j->panel->series_count ? end : j->panel->series_count;
    for (size_t i = task * SERIES_PER_TASK; i < end; i++) {
        ALM_TRY(one_series(j, i, j->scratch[worker], error));
    }
    return ALM_OK;
}

static void node_records(job *j, alm_arena *scratch)
{
    alm_origin_record *r = j->record;
    const alm_panel *nodes = j->panel->aggregates;
    for (size_t n = 0; n < j->panel->hierarchy->node_count; n++) {
        alm_arena_reset(scratch);
        alm_history_view view = {nodes, n, r->origin, j->panel->delay, j->profile};
        alm_history history;
        alm_history_of(&view, scratch, &history);
        alm_history_forecast(&view, history.level, r->closed, r->steps,
                             r->node_statistical + n * r->steps);
        actual_of(nodes, n, r, r->node_actual + n * r->steps);
        r->node_scale[n] = squared_scale(nodes, n, history.first, r->origin, scratch);
    }
}

static void allocate(alm_origin_record *r, size_t nodes, alm_arena *arena)
{
    size_t cells = r->series_count * r->steps;
    r->histories = ALM_NEW_ARRAY(arena, alm_history, r->series_count);
    r->forest = ALM_NEW_ARRAY(arena, double, cells);
    r->statistical = ALM_NEW_ARRAY(arena, double, cells);
    r->actual = ALM_NEW_ARRAY(arena, double, cells);
    r->scale_squared = ALM_NEW_ARRAY(arena, double, r->series_count);
    r->closed = ALM_NEW_ARRAY(arena, uint8_t, r->steps);
    r->node_statistical = ALM_NEW_ARRAY(arena, double, nodes * r->steps);
    r->node_actual = ALM_NEW_ARRAY(arena, double, nodes * r->steps);
    r->node_scale = ALM_NEW_ARRAY(arena, double, nodes);
}

alm_err alm_origin_record_make(const alm_env *env, const alm_training_panel *panel,
                               const alm_bundle *bundle, size_t origin, alm_arena *arena,
                               alm_origin_record *out, alm_error *error)
{
    alm_origin_record record = {.origin = origin,
                                .steps = (size_t)bundle->method.horizon,
                                .series_count = panel->series_count};
    allocate(&record, panel->hierarchy->node_count, arena);
    alm_closed_ahead(&panel->blocks[0], origin, record.steps, record.closed);
    int threads = alm_pool_threads(env->pool);
    job j = {panel, bundle, alm_training_profile(panel, origin), &record,
             ALM_NEW_ARRAY(arena, alm_arena *, (size_t)threads)};
    for (int i = 0; i < threads; i++) {
        j.scratch[i] = alm_arena_create(1 << 18);
    }
    size_t tasks = (panel->series_count + SERIES_PER_TASK - 1) / SERIES_PER_TASK;
    alm_err code = alm_pool_run(env->pool, tasks, series_task, &j, error);
    if (code == ALM_OK) {
        node_records(&j, j.scratch[0]);
        *out = record;
    }
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(j.scratch[i]);
    }
    return code;
}
