#include "train/training_rows.h"

#include <math.h>

#include "base/rng.h"

#define LABEL_MAX 50.0
#define FIRST_ORIGIN_BACK 7

typedef struct selection {
    const alm_training_panel *panel;
    const alm_model_spec *model;
    size_t cutoff;
    size_t block;
    alm_horizon_block steps;
    size_t history_min;
    alm_arena *scratch;
    alm_training_rows *out;
    size_t room;
} selection;

static void add_row(selection *s, const alm_history_view *view, size_t series, uint32_t step,
                    double scale)
{
    size_t period = view->origin + step;
    if (!alm_period_usable(view->panel, view->series, period)) {
        return;
    }
    double y = alm_panel_value(view->panel, 0, view->series, period);
    double label = y / scale < LABEL_MAX ? y / scale : LABEL_MAX;
    size_t at = s->out->count++;
    alm_assert(at < s->room);
    s->out->rows[at] = (alm_training_row){
        (uint32_t)series, {(uint32_t)view->origin, step, scale}};
    s->out->label[at] = label;
}

static void select_at(selection *s, size_t series, size_t origin)
{
    static const alm_profile FLAT = {{1, 1, 1, 1, 1, 1, 1}}; /* the scale does not use it */
    alm_history_view view = alm_training_view(s->panel, series, origin, &FLAT);
    alm_arena_reset(s->scratch);
    double scale = alm_history_scale(&view, s->scratch);
    if (scale <= 0) {
        return;
    }
    size_t ahead = s->cutoff - 1 - origin;
    size_t first = (size_t)s->steps.first;
    size_t last = (size_t)s->steps.last < ahead ? (size_t)s->steps.last : ahead;
    size_t steps = last < first ? 0 : last - first + 1;
    size_t draws = (size_t)s->model->gbm.steps_per_origin;
    for (size_t k = 0; k < draws && k < steps; k++) {
        uint64_t draw = alm_rng_u64(s->model->seed, ALM_RNG_TRAIN_SAMPLE,
                                    (uint64_t)series << 16 | (s->block * draws + k), origin);
        add_row(s, &view, series, (uint32_t)(first + draw % steps), scale);
    }
}

static size_t origins_in(const selection *s, size_t *newest)
{
    size_t stride = (size_t)s->model->gbm.origin_stride;
    if (s->cutoff < s->history_min + FIRST_ORIGIN_BACK + 1) {
        return 0;
    }
    *newest = s->cutoff - 1 - FIRST_ORIGIN_BACK;
    return (*newest + 1 - s->history_min) / stride + 1;
}

static alm_err select_rows(selection *s, alm_arena *arena, alm_error *error)
{
    size_t newest = 0;
    size_t origins = origins_in(s, &newest);
    size_t stride = (size_t)s->model->gbm.origin_stride;
    s->room = origins * s->panel->series_count * (size_t)s->model->gbm.steps_per_origin;
    if (s->room > (size_t)s->model->gbm.rows_max) {
        return alm_fail(error, ALM_ERR_LIMIT, "model %.*s would train on up to %zu rows, rows_max "
                        "is %d: raise it, or origin_stride, or lower steps_per_origin",
                        ALM_STR_ARG(s->model->name), s->room, s->model->gbm.rows_max);
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, s->room * sizeof(alm_training_row), &memory, error));
    s->out->rows = memory;
    ALM_TRY(alm_arena_try_alloc(arena, s->room * sizeof(double), &memory, error));
    s->out->label = memory;
    for (size_t i = 0; i < s->panel->series_count; i++) {
        for (size_t k = origins; k-- > 0;) {
            if (newest >= k * stride && newest - k * stride + 1 >= s->history_min) {
                select_at(s, i, newest - k * stride);
            }
        }
    }
    return ALM_OK;
}

alm_err alm_training_rows_select(const alm_training_panel *panel, const alm_feature_plan *plan,
                                 const alm_model_spec *model, alm_training_window window,
                                 alm_arena *arena, alm_training_rows *out, alm_error *error)
{
    static const alm_horizon_block NEXT = {1, 1};
    alm_assert(window.block < model->block_count);
    alm_training_rows rows = {.panel = panel, .plan = plan};
    selection s = {.panel = panel,
                   .model = model,
                   .cutoff = window.cutoff > panel->delay ? window.cutoff - panel->delay : 0,
                   .block = window.block,
                   .steps = model->recursive ? NEXT : model->blocks[window.block],
                   .history_min = (size_t)model->gbm.history_min,
                   .scratch = alm_arena_create(0),
                   .out = &rows};
    alm_err code = select_rows(&s, arena, error);
    alm_arena_destroy(s.scratch);
    if (code != ALM_OK) {
        return code;
    }
    if (rows.count == 0) {
        int32_t stride = model->gbm.origin_stride;
        return alm_fail(error, ALM_ERR_INCOMPLETE, "model %.*s: no training row for the steps %d "
                        "to %d: %zu days of history, history_min is %d, origin_stride %d%s",
                        ALM_STR_ARG(model->name), s.steps.first, s.steps.last, window.cutoff,
                        model->gbm.history_min, stride,
                        stride % 7 == 0 ? " shows one weekday only" : "");
    }
    *out = rows;
    return ALM_OK;
}

/* Rows of one series lie together, so each series is replayed once per block of rows. */
static alm_err make_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    alm_training_rows *rows = context;
    size_t width = alm_feature_plan_width(rows->plan);
    const alm_training_panel *panel = rows->panel;
    size_t at = first;
    while (at < first + count) {
        alm_arena_reset(rows->scratch);
        uint32_t series = rows->rows[at].series;
        size_t end = at;
        while (end < first + count && rows->rows[end].series == series) {
            end++;
        }
        alm_feature_row *asked = ALM_NEW_ARRAY(rows->scratch, alm_feature_row, end - at);
        for (size_t i = at; i < end; i++) {
            asked[i - at] = rows->rows[i].row;
        }
        ALM_TRY(alm_feature_rows(rows->plan, &panel->blocks[series / panel->block_series],
                                 series % panel->block_series, asked, end - at,
                                 out + (at - first) * width, width, rows->scratch, error));
        at = end;
    }
    return ALM_OK;
}

static alm_lightgbm_params params_of(const alm_model_spec *model, int threads)
{
    static const alm_lightgbm_objective OBJECTIVES[] = {
        [ALM_OBJECTIVE_L2] = ALM_LIGHTGBM_L2,
        [ALM_OBJECTIVE_POISSON] = ALM_LIGHTGBM_POISSON,
        [ALM_OBJECTIVE_TWEEDIE] = ALM_LIGHTGBM_TWEEDIE,
        [ALM_OBJECTIVE_QUANTILE] = ALM_LIGHTGBM_QUANTILE};
    alm_lightgbm_params p = alm_lightgbm_params_default();
    const alm_gbm_spec *gbm = &model->gbm;
    p.objective = OBJECTIVES[gbm->objective];
    p.tweedie_power = gbm->tweedie_power;
    p.quantile = 0.5;
    p.trees = gbm->trees;
    p.leaves = gbm->leaves;
    p.learning_rate = gbm->learning_rate;
    p.min_data_in_leaf = gbm->leaf_rows_min;
    p.feature_fraction = gbm->feature_fraction;
    p.bagging_fraction = gbm->bagging_fraction;
    p.bagging_freq = gbm->bagging_fraction < 1 ? 1 : 0;
    p.lambda_l2 = gbm->lambda_l2;
    p.max_bin = gbm->bins_max;
    p.seed = (int)(model->seed & 0x7FFFFFFF);
    p.threads = threads;
    return p;
}

alm_err alm_training_rows_fit(alm_training_rows *rows, const alm_model_spec *model, int threads,
                              alm_arena *arena, alm_lightgbm_result *out, alm_error *error)
{
    alm_lightgbm_params params = params_of(model, threads);
    rows->scratch = alm_arena_create(1 << 18);
    alm_lightgbm_data data = {.row_count = rows->count,
                              .column_count = alm_feature_plan_width(rows->plan),
                              .rows = make_rows,
                              .context = rows,
                              .label = rows->label};
    alm_err code = alm_lightgbm_train(&params, &data, arena, out, error);
    alm_arena_destroy(rows->scratch);
    rows->scratch = NULL;
    return code;
}
