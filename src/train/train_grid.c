/* train_grid.c: where the origins of a backtest lie, and what fits when they do not. */
#include "train/train_internal.h"

/* Periods behind an origin until its horizon is known as a whole. */
static size_t complete_of(const almi_training *t)
{
    return (size_t)t->model->horizon + t->panel.delay;
}

/* `scored` origins `step` days apart, and those that they are calibrated on. */
static almi_origin_grid grid_of(const almi_training *t, size_t scored, size_t step)
{
    almi_origin_grid g = {.step = step,
                          .scored = scored,
                          .selection = (size_t)t->model->backtest.selection_origins};
    g.lag = (complete_of(t) + step - 1) / step;
    g.count = g.scored - 1 + g.lag + g.selection;
    return g;
}

static size_t periods_needed(const almi_training *t, const almi_origin_grid *g)
{
    size_t history = (size_t)t->model->gbm.history_min + 8 + t->panel.delay;
    return complete_of(t) + (g->count - 1) * g->step + history;
}

/* What would do with these days: fewer origins, or origins closer together. */
static alm_err refuse(const almi_training *t, const almi_origin_grid *asked, alm_error *error)
{
    size_t periods = t->panel.blocks[0].periods;
    size_t scored = asked->scored;
    size_t step = asked->step;
    almi_origin_grid g = *asked;
    while (scored > 0 && (g = grid_of(t, scored, asked->step), periods_needed(t, &g) > periods)) {
        scored--;
    }
    while (step > 0 && (g = grid_of(t, asked->scored, step), periods_needed(t, &g) > periods)) {
        step--;
    }
    const char *fits = NULL;
    if (scored > 0 && step > 0) {
        fits = alm_arena_printf(t->arena, "%zu would fit, or %zu that are %zu days apart", scored,
                                asked->scored, step);
    } else if (scored > 0) {
        fits = alm_arena_printf(t->arena, "%zu would fit", scored);
    } else if (step > 0) {
        fits = alm_arena_printf(t->arena, "%zu that are %zu days apart would fit", asked->scored,
                                step);
    } else {
        g = grid_of(t, 1, asked->step);
        fits = alm_arena_printf(t->arena, "even one needs %zu: take more history, or lower "
                                "selection_origins%s", periods_needed(t, &g),
                                t->model->method == ALM_MODEL_GBM ? " or gbm.history_min" : "");
    }
    return alm_fail(error, ALM_ERR_INCOMPLETE, "model " ALM_STR_FMT ": the snapshot has %zu days; "
                    "%zu scored origin%s, %zu days apart, with %zu to choose by and a horizon of "
                    "%d need %zu; %s", ALM_STR_ARG(t->model->name), periods, asked->scored,
                    asked->scored == 1 ? "" : "s",
                    asked->step, asked->selection, t->model->horizon, periods_needed(t, asked),
                    fits);
}

alm_err almi_training_plan_grid(almi_training *t, alm_error *error)
{
    const alm_backtest_spec *b = &t->model->backtest;
    alm_assert(b->origins > 0 && b->origin_step > 0 && b->refit_every >= 0);
    almi_origin_grid g = grid_of(t, (size_t)b->origins, (size_t)b->origin_step);
    if (t->panel.blocks[0].periods < periods_needed(t, &g)) {
        return refuse(t, &g, error);
    }
    g.newest = t->panel.blocks[0].periods - 1 - complete_of(t);
    t->grid = g;
    return ALM_OK;
}
