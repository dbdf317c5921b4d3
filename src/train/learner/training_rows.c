#include <math.h>

#include "base/rng.h"
#include "num/elementary.h"
#include "train/learner/training_rows_internal.h"

#define LABEL_MAX 50.0
#define FIRST_ORIGIN_BACK 7

static double label_of(const alm_training_row *row, double demand)
{
    double label = demand / row->row.scale;
    return label < LABEL_MAX ? label : LABEL_MAX;
}

/* `demand` where nothing is above the least; else a draw of that mean. */
static double drawn(const almi_row_selection *s, const alm_training_row *row, double least,
                    double demand)
{
    double above = demand - least;
    if (!(above > 0)) {
        return demand;
    }
    double u = alm_rng_uniform(s->model->seed, ALM_RNG_CENSORED_LABEL, row->series,
                               row->row.origin + (uint64_t)row->row.step);
    double units = least == floor(least) ? floor(alm_log(u) / alm_log(above / (1 + above)))
                                         : -above * alm_log(u);
    return least + units;
}

static void add_row(almi_row_selection *s, const alm_training_row *row)
{
    size_t period = row->row.origin + (size_t)row->row.step;
    const alm_panel *block = &s->panel->blocks[row->series / s->panel->block_series];
    size_t at = row->series % s->panel->block_series;
    double least = alm_panel_value(block, 0, at, period);
    double demand = least;
    if (!alm_period_usable(block, at, period)) {
        demand = block->imputed ? block->imputed[at * block->periods + period] : (double)NAN;
    }
    if (isnan(demand)) {
        return;
    }
    size_t place = s->out->count++;
    alm_assert(place < s->room);
    s->out->rows[place] = *row;
    s->out->label[place] = label_of(row, demand);
    if (s->out->draw) {
        s->out->draw[place] = label_of(row, drawn(s, row, least, demand));
    }
}

void almi_rows_add(almi_row_selection *s, const alm_history_view *view, size_t series)
{
    alm_arena_reset(s->scratch);
    double scale = alm_history_scale(view, s->scratch);
    if (scale <= 0) {
        return;
    }
    size_t ahead = s->cutoff - 1 - view->origin;
    size_t first = (size_t)s->steps.first;
    size_t last = (size_t)s->steps.last < ahead ? (size_t)s->steps.last : ahead;
    size_t steps = last < first ? 0 : last - first + 1;
    size_t draws = (size_t)s->model->gbm.steps_per_origin;
    for (size_t k = 0; k < draws && k < steps; k++) {
        uint64_t draw = alm_rng_u64(s->model->seed, ALM_RNG_TRAIN_SAMPLE,
                                    (uint64_t)series << 16 | (s->window.block * draws + k),
                                    view->origin);
        uint32_t step = (uint32_t)(first + draw % steps);
        add_row(s, &(alm_training_row){(uint32_t)series, {(uint32_t)view->origin, step, scale}});
    }
}

bool almi_rows_origin(const almi_row_selection *s, size_t k, size_t *origin)
{
    if (s->newest < k * s->stride || s->newest - k * s->stride + 1 < s->history_min) {
        return false;
    }
    *origin = s->newest - k * s->stride;
    return true;
}

static bool imputes(const alm_training_panel *panel)
{
    bool any = false;
    for (size_t b = 0; b < panel->block_count; b++) {
        any = any || panel->blocks[b].imputed;
    }
    return any;
}

alm_err almi_rows_begin(almi_row_selection *s, alm_arena *arena, alm_error *error)
{
    static const alm_horizon_block NEXT = {1, 1};
    const alm_gbm_spec *gbm = &s->model->gbm;
    size_t delay = s->panel->delay;
    alm_assert(s->window.block < s->model->block_count);
    s->cutoff = s->window.cutoff > delay ? s->window.cutoff - delay : 0;
    s->steps = s->model->recursive ? NEXT : s->model->blocks[s->window.block];
    s->stride = (size_t)gbm->origin_stride;
    s->history_min = (size_t)gbm->history_min;
    if (s->cutoff >= s->history_min + FIRST_ORIGIN_BACK + 1) {
        s->newest = s->cutoff - 1 - FIRST_ORIGIN_BACK;
        s->origins = (s->newest + 1 - s->history_min) / s->stride + 1;
    }
    s->room = s->origins * s->panel->series_count * (size_t)gbm->steps_per_origin;
    if (s->room > (size_t)gbm->rows_max) {
        return alm_fail(error, ALM_ERR_LIMIT, "model %.*s would train on up to %zu rows, rows_max "
                        "is %d: raise it, or origin_stride, or lower steps_per_origin",
                        ALM_STR_ARG(s->model->name), s->room, gbm->rows_max);
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, s->room * sizeof(alm_training_row), &memory, error));
    s->out->rows = memory;
    ALM_TRY(alm_arena_try_alloc(arena, s->room * sizeof(double), &memory, error));
    s->out->label = memory;
    if (s->model->marginals == ALM_MARGINALS_QUANTILE && imputes(s->panel)) {
        ALM_TRY(alm_arena_try_alloc(arena, s->room * sizeof(double), &memory, error));
        s->out->draw = memory;
    }
    return ALM_OK;
}

alm_err almi_rows_check(const almi_row_selection *s, alm_error *error)
{
    const alm_gbm_spec *gbm = &s->model->gbm;
    if (s->out->count) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INCOMPLETE, "model %.*s: no training row for the steps %d to "
                    "%d: %zu days of history, history_min is %d, origin_stride %d%s",
                    ALM_STR_ARG(s->model->name), s->steps.first, s->steps.last, s->window.cutoff,
                    gbm->history_min, gbm->origin_stride,
                    gbm->origin_stride % 7 == 0 ? " shows one weekday only" : "");
}

alm_err alm_training_rows_select(const alm_training_panel *panel, const alm_feature_plan *plan,
                                 const alm_model_spec *model, alm_training_window window,
                                 alm_arena *arena, alm_training_rows *out, alm_error *error)
{
    static const alm_profile FLAT = {{1, 1, 1, 1, 1, 1, 1}}; /* the scale does not use it */
    alm_training_rows rows = {.panel = panel, .plan = plan};
    almi_row_selection s = {.panel = panel, .model = model, .window = window, .out = &rows};
    ALM_TRY(almi_rows_begin(&s, arena, error));
    s.scratch = alm_arena_create(0);
    for (size_t i = 0; i < panel->series_count; i++) {
        for (size_t k = s.origins; k-- > 0;) {
            size_t origin = 0;
            if (almi_rows_origin(&s, k, &origin)) {
                alm_history_view view = alm_training_view(panel, i, origin, &FLAT);
                almi_rows_add(&s, &view, i);
            }
        }
    }
    alm_arena_destroy(s.scratch);
    ALM_TRY(almi_rows_check(&s, error));
    *out = rows;
    return ALM_OK;
}

/* Rows of one series lie together, so each series is replayed once per block of rows. */
static alm_err make_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    alm_training_rows *rows = context;
    size_t width = alm_feature_plan_width(rows->plan);
    for (size_t i = first; rows->kept && i < first + count; i++) {
        ALM_TRY(alm_feature_file_read(rows->kept, rows->rows[i].series, rows->slot[i],
                                      out + (i - first) * width, error));
    }
    if (rows->kept) {
        return ALM_OK;
    }
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

static alm_lightgbm_params params_of(const alm_training_fit *fit)
{
    static const alm_lightgbm_objective OBJECTIVES[] = {
        [ALM_OBJECTIVE_L2] = ALM_LIGHTGBM_L2,
        [ALM_OBJECTIVE_POISSON] = ALM_LIGHTGBM_POISSON,
        [ALM_OBJECTIVE_TWEEDIE] = ALM_LIGHTGBM_TWEEDIE};
    alm_lightgbm_params p = alm_lightgbm_params_default();
    const alm_gbm_spec *gbm = &fit->model->gbm;
    alm_assert(gbm->objective != ALM_OBJECTIVE_QUANTILE); /* alm_train_check_model */
    p.objective = fit->quantile > 0 ? ALM_LIGHTGBM_QUANTILE : OBJECTIVES[gbm->objective];
    p.tweedie_power = gbm->tweedie_power;
    p.quantile = fit->quantile > 0 ? fit->quantile : 0.5;
    p.trees = gbm->trees;
    p.leaves = gbm->leaves;
    p.learning_rate = gbm->learning_rate;
    p.min_data_in_leaf = gbm->leaf_rows_min;
    p.feature_fraction = gbm->feature_fraction;
    p.bagging_fraction = gbm->bagging_fraction;
    p.bagging_freq = gbm->bagging_fraction < 1 ? 1 : 0;
    p.lambda_l2 = gbm->lambda_l2;
    p.max_bin = gbm->bins_max;
    p.seed = (int)(fit->model->seed & 0x7FFFFFFF);
    p.threads = fit->threads;
    return p;
}

alm_err alm_training_rows_fit(alm_training_rows *rows, const alm_training_fit *fit,
                              alm_arena *arena, alm_lightgbm_result *out, alm_error *error)
{
    alm_lightgbm_params params = params_of(fit);
    rows->scratch = alm_arena_create(1 << 18);
    alm_lightgbm_data data = {.row_count = rows->count,
                              .column_count = alm_feature_plan_width(rows->plan),
                              .rows = make_rows,
                              .context = rows,
                              .label = fit->quantile > 0 && rows->draw ? rows->draw
                                                                       : rows->label};
    alm_err code = alm_lightgbm_train(&params, &data, arena, out, error);
    alm_arena_destroy(rows->scratch);
    rows->scratch = NULL;
    return code;
}
