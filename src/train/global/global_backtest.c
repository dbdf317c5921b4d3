#include "train/global/global_backtest.h"

#include <math.h>
#include <string.h>

#include "train/backtest/backtest.h"

/* Is a column known in advance, and one row for all series of all blocks? */
static bool is_common(const alm_training_panel *panel, size_t column)
{
    for (size_t b = 0; b < panel->block_count; b++) {
        const alm_panel_column *c = &panel->blocks[b].columns[column];
        bool known = c->role == ALM_ROLE_KNOWN && c->row_of_series;
        for (size_t i = 0; known && i < panel->blocks[b].series_count; i++) {
            known = c->row_of_series[i] == c->row_of_series[0];
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

/* Values of periods [0, count); what is not known is 0. */
static const double *column_of(const alm_panel *panel, size_t column, size_t count,
                               alm_arena *arena)
{
    double *out = ALM_NEW_ARRAY(arena, double, count);
    size_t there = panel->columns[column].stride;
    for (size_t t = 0; t < count && t < there; t++) {
        double value = alm_panel_value(panel, column, 0, t);
        out[t] = isfinite(value) ? value : 0;
    }
    return out;
}

static void put_known(const alm_training_panel *known, alm_arena *arena, alm_global_past *out)
{
    const alm_panel *first = &known->blocks[0];
    size_t count = out->end + out->delay + out->steps;
    uint8_t *closed = ALM_NEW_ARRAY(arena, uint8_t, count);
    size_t there = first->periods + first->future;
    if (first->closed) {
        memcpy(closed, first->closed, count < there ? count : there);
    }
    out->closed = closed;
    for (size_t c = 1; c < first->column_count && out->column_count < ALM_GLOBAL_COLUMNS_MAX;
         c++) {
        if (is_common(known, c)) {
            out->column[out->column_count++] = column_of(first, c, count, arena);
        }
    }
}

/* No global kind knows bounds. */
static alm_beside_history known_demand(const alm_panel *panel, size_t series, size_t end,
                                       uint64_t name, alm_arena *arena)
{
    alm_beside_history history = almi_demand_of(panel, series, end, arena);
    history.series = name;
    history.y = alm_beside_known(&history, arena);
    return history;
}

void alm_global_past_of(const alm_global_view *view, alm_arena *arena, alm_global_past *out)
{
    const alm_training_panel *p = view->known;
    const alm_hierarchy *h = p->hierarchy;
    *out = (alm_global_past){.end = alm_published_end(view->origin, p->delay),
                             .count = p->series_count + h->node_count,
                             .season = view->season,
                             .steps = view->steps,
                             .delay = p->delay,
                             .start = p->blocks[0].start,
                             .seed = view->seed};
    alm_beside_history *all = ALM_NEW_ARRAY(arena, alm_beside_history, out->count);
    for (size_t i = 0; i < p->series_count; i++) {
        const alm_panel *block = &p->blocks[i / p->block_series];
        all[i] = known_demand(block, i % p->block_series, out->end, i, arena);
    }
    for (uint32_t level = 0; level < h->level_count; level++) {
        for (uint32_t n = 0; n < h->levels[level].node_count; n++) {
            uint32_t node = h->levels[level].first_node + n;
            all[p->series_count + node] = known_demand(p->aggregates, node, out->end,
                                                       (uint64_t)(level + 1) << 32 | n, arena);
        }
    }
    out->histories = all;
    put_known(p, arena, out);
}

void alm_global_fits_close(alm_global_fits *fits)
{
    for (size_t k = 0; k < fits->count; k++) {
        fits->kind[k]->destroy(fits->fit[k].state);
    }
    alm_arena_destroy(fits->held);
    *fits = (alm_global_fits){0};
}

void alm_backtest_global(alm_backtest *b, const alm_global_kind *const *kinds, size_t count,
                         alm_arena *arena)
{
    if (count == 0) {
        return; /* the tables are there */
    }
    b->global = (alm_global_fits){.kind = kinds,
                                  .count = count,
                                  .fit = ALM_NEW_ARRAY(arena, alm_beside_global, count),
                                  .reason = ALM_NEW_ARRAY(arena, const char *, count),
                                  .fits = ALM_NEW_ARRAY(arena, size_t, count),
                                  .held = alm_arena_create(0),
                                  .texts = arena};
    for (size_t k = 0; k < count; k++) {
        b->global.fit[k].kind = kinds[k];
    }
    b->beside.global = b->global.fit;
    b->beside.global_count = count;
    b->beside.past = &b->global.past;
    almi_backtest_make_tables(b, b->beside.count + count, arena);
}

/* Too little to learn from is no error of the backtest: the row falls back and says why. */
static alm_err refit(alm_backtest *b, const alm_env *env, size_t k, alm_error *error)
{
    alm_global_fits *g = &b->global;
    alm_error why;
    g->kind[k]->destroy(g->fit[k].state);
    g->fit[k].state = NULL;
    g->reason[k] = NULL;
    alm_err code = g->kind[k]->fit(env, &g->past, &g->fit[k].state, &why);
    g->fits[k] += code == ALM_OK;
    if (code == ALM_ERR_INCOMPLETE || code == ALM_ERR_NUMERIC || code == ALM_ERR_INVALID) {
        g->reason[k] = alm_arena_printf(g->texts, "%s", why.message);
        return ALM_OK;
    }
    if (code != ALM_OK && error) {
        *error = why;
    }
    return code;
}

alm_err alm_backtest_global_at(alm_backtest *b, const alm_env *env, bool anew, alm_error *error)
{
    alm_global_fits *g = &b->global;
    if (g->count == 0) {
        return ALM_OK;
    }
    alm_global_view view = {b->known ? b->known : b->panel, b->record->origin, b->season, b->steps,
                            b->seed};
    alm_arena_reset(g->held);
    alm_global_past_of(&view, g->held, &g->past);
    for (size_t k = 0; anew && k < g->count; k++) {
        ALM_TRY(refit(b, env, k, error));
    }
    return ALM_OK;
}

alm_err alm_backtest_global_again(alm_backtest *b, const alm_env *env, alm_error *error)
{
    alm_global_fits *g = &b->global;
    alm_arena *scratch = alm_arena_create(0);
    size_t *fits = ALM_NEW_ARRAY(scratch, size_t, g->count);
    if (g->count > 0) {
        memcpy(fits, g->fits, g->count * sizeof *fits);
    }
    alm_err code = alm_backtest_global_at(b, env, true, error);
    if (g->count > 0) {
        memcpy(g->fits, fits, g->count * sizeof *fits);
    }
    alm_arena_destroy(scratch);
    return code;
}
