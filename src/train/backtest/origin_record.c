#include "train/backtest/origin_record.h"

#include <math.h>

#define SERIES_PER_TASK 32
#define SCALE_AGE_MIN 28
#define SCALE_SEASON 7

typedef struct job_worker {
    alm_arena *batch;
    alm_arena *series;
} job_worker;

typedef struct job {
    const alm_training_panel *panel;
    const alm_bundle *bundle;
    alm_profile profile;
    alm_origin_record *record;
    job_worker *workers;
} job;

/* `least`: see the header; NULL: nothing stands in for what was sold out. */
static void actual_of(const alm_panel *panel, size_t series, const alm_origin_record *record,
                      double *out, double *least)
{
    for (size_t h = 0; h < record->steps; h++) {
        size_t period = record->origin + 1 + h;
        bool known = period < panel->periods;
        uint8_t state = known ? panel->state[series * panel->periods + period] : 0;
        bool counts = state == ALM_PERIOD_OBSERVED || state == ALM_PERIOD_ZERO ||
                      state == ALM_PERIOD_CLOSED;
        counts = counts && !alm_panel_sold_out(panel, series, period);
        out[h] = counts ? alm_panel_value(panel, 0, series, period) : NAN;
        if (least) {
            bool stands_in = known && state == ALM_PERIOD_STOCKOUT &&
                             alm_history_demand(panel, series, period, &out[h]);
            least[h] = stands_in ? alm_panel_value(panel, 0, series, period) : NAN;
        }
    }
}

alm_scale alm_history_error_scale(const double *y, size_t count)
{
    return count > SCALE_AGE_MIN ? alm_scale_of(y, count, SCALE_SEASON) : (alm_scale){0, 0};
}

/* Over the periods [0, end), which were published at the origin, from the first demand on. */
static double squared_scale(const alm_panel *panel, size_t series, size_t end, alm_arena *scratch)
{
    size_t first = 0;
    while (first < end && !(alm_period_usable(panel, series, first) &&
                            !alm_panel_sold_out(panel, series, first) &&
                            alm_panel_value(panel, 0, series, first) > 0)) {
        first++;
    }
    double *y = ALM_NEW_ARRAY(scratch, double, end - first);
    for (size_t t = first; t < end; t++) {
        y[t - first] = alm_panel_sold_out(panel, series, t)
                           ? (double)NAN
                           : alm_panel_value(panel, 0, series, t);
    }
    return alm_history_error_scale(y, end - first).squared;
}

/* What became of one series, in the vintages of the panel. */
static void judge_series(const alm_training_panel *panel, size_t series, alm_origin_record *r,
                         alm_arena *scratch)
{
    const alm_panel *block = &panel->blocks[series / panel->block_series];
    size_t at = series % panel->block_series;
    size_t end = alm_published_end(r->origin, panel->delay);
    bool forecast = r->histories[series].class_of_series != ALM_CLASS_empty;
    actual_of(block, at, r, r->actual + series * r->steps, r->least + series * r->steps);
    r->scale_squared[series] = forecast ? squared_scale(block, at, end, scratch) : 0;
}

static void judge_node(const alm_training_panel *panel, size_t node, alm_origin_record *r,
                       alm_arena *scratch)
{
    size_t end = alm_published_end(r->origin, panel->delay);
    actual_of(panel->aggregates, node, r, r->node_actual + node * r->steps, NULL);
    r->node_scale[node] = squared_scale(panel->aggregates, node, end, scratch);
}

static void one_series(job *j, size_t series, alm_arena *scratch)
{
    alm_origin_record *r = j->record;
    alm_arena_reset(scratch);
    alm_history_view view = alm_training_view(j->panel, series, r->origin, &j->profile);
    alm_history *history = &r->histories[series];
    alm_history_of(&view, scratch, history);
    alm_history_forecast(&view, history->level, r->closed, r->steps,
                         r->statistical + series * r->steps);
    judge_series(j->panel, series, r, scratch);
}

/* Tasks never cross a block of the panel. */
static alm_err series_task(void *context, size_t task, int worker, alm_error *error)
{
    job *j = context;
    alm_origin_record *r = j->record;
    size_t tasks_per_block = (j->panel->block_series + SERIES_PER_TASK - 1) / SERIES_PER_TASK;
    size_t block = task / tasks_per_block;
    const alm_panel *panel = &j->panel->blocks[block];
    size_t first = task % tasks_per_block * SERIES_PER_TASK;
    size_t end = first + SERIES_PER_TASK;
    end = end < panel->series_count ? end : panel->series_count;
    if (first >= end) {
        return ALM_OK; /* the last block may have fewer series */
    }
    size_t global = block * j->panel->block_series + first;
    job_worker *w = &j->workers[worker];
    for (size_t i = first; i < end; i++) {
        one_series(j, global + i - first, w->series);
    }
    if (j->bundle->model_count == 0) {
        return ALM_OK;
    }
    alm_base_request request = {.bundle = j->bundle,
                                .panel = panel,
                                .profile = j->profile,
                                .origin = r->origin,
                                .delay = j->panel->delay};
    alm_base_workspace workspace = {.batch = w->batch, .series = w->series};
    alm_forest_part part = {r->forest + global * r->steps,
                            r->marginals ? r->marginals + global : NULL};
    return alm_base_forest_part(&request, first, end - first, r->histories + global, &workspace,
                                &part, error);
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
        judge_node(j->panel, n, r, scratch);
    }
}

static void allocate_outcome(alm_origin_record *r, size_t nodes, alm_arena *arena)
{
    r->actual = ALM_NEW_ARRAY(arena, double, r->series_count * r->steps);
    r->least = ALM_NEW_ARRAY(arena, double, r->series_count * r->steps);
    r->scale_squared = ALM_NEW_ARRAY(arena, double, r->series_count);
    r->node_actual = ALM_NEW_ARRAY(arena, double, nodes * r->steps);
    r->node_scale = ALM_NEW_ARRAY(arena, double, nodes);
}

void alm_origin_record_allocate(const alm_training_panel *panel, size_t steps, bool has_marginals,
                                alm_arena *arena, alm_origin_record *r)
{
    size_t nodes = panel->hierarchy->node_count;
    r->steps = steps;
    r->series_count = panel->series_count;
    r->histories = ALM_NEW_ARRAY(arena, alm_history, r->series_count);
    r->forest = ALM_NEW_ARRAY(arena, double, r->series_count * steps);
    r->statistical = ALM_NEW_ARRAY(arena, double, r->series_count * steps);
    r->closed = ALM_NEW_ARRAY(arena, uint8_t, steps);
    r->node_statistical = ALM_NEW_ARRAY(arena, double, nodes * steps);
    r->marginals =
        has_marginals ? ALM_NEW_ARRAY(arena, alm_forest_marginal, r->series_count) : NULL;
    allocate_outcome(r, nodes, arena);
}

void alm_origin_record_judge(const alm_training_panel *panel, alm_arena *arena,
                             alm_origin_record *record)
{
    alm_assert(panel->series_count == record->series_count);
    alm_arena *scratch = alm_arena_create(0);
    allocate_outcome(record, panel->hierarchy->node_count, arena);
    for (size_t i = 0; i < record->series_count; i++) {
        alm_arena_reset(scratch);
        judge_series(panel, i, record, scratch);
    }
    for (size_t n = 0; n < panel->hierarchy->node_count; n++) {
        alm_arena_reset(scratch);
        judge_node(panel, n, record, scratch);
    }
    alm_arena_destroy(scratch);
}

alm_err alm_origin_record_make(const alm_env *env, const alm_training_panel *panel,
                               const alm_bundle *bundle, size_t origin, alm_arena *arena,
                               alm_origin_record *out, alm_error *error)
{
    alm_origin_record record = {.origin = origin, .has_forest = bundle->model_count > 0};
    alm_origin_record_allocate(panel, (size_t)bundle->method.horizon, bundle->level_count > 0,
                               arena, &record);
    alm_closed_ahead(&panel->blocks[0], origin, record.steps, record.closed);
    int threads = alm_pool_threads(env->pool);
    job j = {panel, bundle, alm_training_profile(panel, origin), &record,
             ALM_NEW_ARRAY(arena, job_worker, (size_t)threads)};
    for (int i = 0; i < threads; i++) {
        j.workers[i] = (job_worker){alm_arena_create(1 << 20), alm_arena_create(1 << 18)};
    }
    size_t per_block = (panel->block_series + SERIES_PER_TASK - 1) / SERIES_PER_TASK;
    alm_err code =
        alm_pool_run(env->pool, panel->block_count * per_block, series_task, &j, error);
    if (code == ALM_OK) {
        node_records(&j, j.workers[0].series);
        *out = record;
    }
    for (int i = 0; i < threads; i++) {
        alm_arena_destroy(j.workers[i].batch);
        alm_arena_destroy(j.workers[i].series);
    }
    return code;
}
