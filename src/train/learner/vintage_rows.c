#include "train/learner/vintage_rows.h"

#include "feature/sold_out.h"
#include "train/learner/training_rows_internal.h"

typedef struct making {
    const alm_vintage_rows_request *request;
    almi_row_selection selection;
    uint32_t *slot; /* of every row, in the order of making */
    alm_arena *block;   /* of one block of a past panel */
    alm_arena *series;  /* temporaries of one series */
} making;

/* Chooses the rows of one series at the view's origin, and keeps their features. */
static alm_err add_series(making *m, const alm_history_view *view, size_t series,
                          alm_error *error)
{
    alm_training_rows *out = m->selection.out;
    size_t first = out->count;
    almi_rows_add(&m->selection, view, series);
    size_t count = out->count - first;
    if (count == 0) {
        return ALM_OK;
    }
    size_t width = alm_feature_plan_width(out->plan);
    alm_arena_reset(m->series);
    double *values = ALM_NEW_ARRAY(m->series, double, count * width);
    alm_feature_row *asked = ALM_NEW_ARRAY(m->series, alm_feature_row, count);
    for (size_t i = 0; i < count; i++) {
        asked[i] = out->rows[first + i].row;
    }
    ALM_TRY(alm_feature_rows(out->plan, view->panel, view->series, asked, count, values, width,
                             m->series, error));
    uint32_t slot = 0;
    ALM_TRY(alm_feature_file_append(out->kept, series, values, count, &slot, error));
    for (size_t i = 0; i < count; i++) {
        m->slot[first + i] = slot + (uint32_t)i;
    }
    return ALM_OK;
}

static alm_err add_blocks(making *m, alm_panel_source *source, size_t origin, alm_error *error)
{
    size_t delay = m->selection.panel->delay;
    alm_sold_out_rule rule = alm_feature_plan_sold_out(m->request->plan);
    for (;;) {
        alm_panel block;
        alm_arena_reset(m->block);
        ALM_TRY(alm_panel_source_next(source, m->block, &block, error));
        if (block.series_count == 0) {
            return ALM_OK;
        }
        ALM_TRY(alm_sold_out_impute(&block, rule, m->block, error));
        for (size_t i = 0; i < block.series_count; i++) {
            alm_history_view view = {.panel = &block, .series = i, .origin = origin,
                                     .delay = delay};
            ALM_TRY(add_series(m, &view, block.first_series + i, error));
        }
    }
}

static alm_err add_origins(making *m, alm_error *error)
{
    const alm_origin_panels *panels = m->request->panels;
    /* A recursion begins behind the newest published period, so its rows are of the day on which
     * their origin was published. */
    size_t late = m->request->model->recursive ? m->selection.panel->delay : 0;
    for (size_t k = m->selection.origins; k-- > 0;) {
        size_t origin = 0;
        if (!almi_rows_origin(&m->selection, k, &origin)) {
            continue;
        }
        alm_panel_source *source = NULL;
        ALM_TRY(alm_origin_source_open(panels, origin + 1 + late, &source, error));
        alm_err code = add_blocks(m, source, origin, error);
        alm_panel_source_close(source);
        ALM_TRY(code);
    }
    return ALM_OK;
}

/* From the order of making, by origin, to that of the usual case, by series and then origin: a
 * forest depends on the order of its rows in the last bits. */
static alm_err sort_by_series(making *m, alm_arena *arena, alm_error *error)
{
    alm_training_rows *out = m->selection.out;
    void *rows = NULL;
    void *label = NULL;
    void *slot = NULL;
    void *draw = NULL;
    if (out->draw) {
        ALM_TRY(alm_arena_try_alloc(arena, out->count * sizeof *out->draw, &draw, error));
    }
    ALM_TRY(alm_arena_try_alloc(arena, out->count * sizeof *out->rows, &rows, error));
    ALM_TRY(alm_arena_try_alloc(arena, out->count * sizeof *out->label, &label, error));
    ALM_TRY(alm_arena_try_alloc(arena, out->count * sizeof *out->slot, &slot, error));
    size_t *next = ALM_NEW_ARRAY(m->block, size_t, out->panel->series_count + 1);
    for (size_t i = 0; i < out->count; i++) {
        next[out->rows[i].series + 1]++;
    }
    for (size_t s = 0; s < out->panel->series_count; s++) {
        next[s + 1] += next[s];
    }
    for (size_t i = 0; i < out->count; i++) {
        size_t at = next[out->rows[i].series]++;
        ((alm_training_row *)rows)[at] = out->rows[i];
        ((double *)label)[at] = out->label[i];
        if (draw) {
            ((double *)draw)[at] = out->draw[i];
        }
        ((uint32_t *)slot)[at] = m->slot[i];
    }
    out->rows = rows;
    out->label = label;
    out->draw = draw;
    out->slot = slot;
    return ALM_OK;
}

static alm_err make(making *m, alm_arena *arena, alm_error *error)
{
    alm_training_rows *out = m->selection.out;
    const alm_vintage_rows_request *r = m->request;
    alm_arena *first = alm_arena_create(0); /* rows in the order of making */
    void *slot = NULL;
    alm_err code = almi_rows_begin(&m->selection, first, error);
    if (code == ALM_OK) {
        code = alm_arena_try_alloc(first, m->selection.room * sizeof *m->slot, &slot, error);
        m->slot = slot;
    }
    if (code == ALM_OK) {
        code = alm_feature_file_open(r->panels->env->fs, r->scratch, out->panel->series_count,
                                     alm_feature_plan_width(r->plan), &out->kept, error);
    }
    code = code == ALM_OK ? add_origins(m, error) : code;
    code = code == ALM_OK ? almi_rows_check(&m->selection, error) : code;
    code = code == ALM_OK ? alm_feature_file_finish(out->kept, error) : code;
    code = code == ALM_OK ? sort_by_series(m, arena, error) : code;
    alm_arena_destroy(first);
    return code;
}

alm_err alm_vintage_rows_select(const alm_vintage_rows_request *request, alm_arena *arena,
                                alm_training_rows *out, alm_error *error)
{
    const alm_training_panel *panel = NULL;
    ALM_TRY(alm_origin_panel_at(request->panels, request->window.cutoff, &panel, error));
    alm_training_rows rows = {.panel = panel, .plan = request->plan};
    making m = {.request = request,
                .selection = {.panel = panel, .model = request->model, .window = request->window,
                              .scratch = alm_arena_create(0), .out = &rows},
                .block = alm_arena_create(1 << 20),
                .series = alm_arena_create(0)};
    alm_err code = make(&m, arena, error);
    alm_arena_destroy(m.selection.scratch);
    alm_arena_destroy(m.block);
    alm_arena_destroy(m.series);
    if (code != ALM_OK) {
        alm_feature_file_close(rows.kept);
        return code;
    }
    *out = rows;
    return ALM_OK;
}
