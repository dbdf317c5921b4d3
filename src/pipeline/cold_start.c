/* cold_start.c: a series that is too young for a level of its own borrows one.
 *
 * Analogues are established leaves that share the most aggregates with it: all of them if there
 * are at least three such leaves, else those of the last level, and so on up to the first. The
 * borrowed level is their median; the three whose level is nearest to it are named in the output.
 * With n open periods of its own the series gets (n * own + PRIOR * median) / (n + PRIOR). */
#include <math.h>

#include "num/quantile.h"
#include "pipeline/pipeline_internal.h"

#define PRIOR 14.0
#define ANALOGUES_NEEDED 3

static alm_leaf *deep_copy(const almi_pipeline *run, const alm_leaf *leaf)
{
    alm_leaf *copy = ALM_NEW(run->arena, alm_leaf);
    *copy = *leaf;
    size_t steps = run->steps;
    copy->base.mean = ALM_NEW_ARRAY(run->arena, double, steps);
    copy->base.statistical = ALM_NEW_ARRAY(run->arena, double, steps);
    copy->base.flat = ALM_NEW_ARRAY(run->arena, double, steps); /* no kind: zeros */
    copy->base.expected = ALM_NEW_ARRAY(run->arena, double, steps);
    copy->base.top = ALM_NEW_ARRAY(run->arena, alm_contribution, steps * ALM_CONTRIBUTIONS_MAX);
    copy->rank = ALM_NEW_ARRAY(run->arena, uint8_t, run->templates * steps + 1);
    copy->receipts = ALM_NEW_ARRAY(run->arena, double, steps);
    for (size_t i = 0; i < run->templates * steps; i++) {
        copy->rank[i] = leaf->rank[i];
    }
    for (size_t h = 0; h < steps; h++) {
        copy->base.mean[h] = leaf->base.mean[h];
        copy->base.statistical[h] = leaf->base.statistical[h];
        copy->receipts[h] = leaf->receipts[h];
    }
    for (size_t k = 0; k < steps * ALM_CONTRIBUTIONS_MAX; k++) {
        copy->base.top[k] = leaf->base.top[k];
    }
    return copy;
}

alm_err almi_cold_keep(almi_pipeline *run, size_t index, const alm_leaf *leaf, alm_error *error)
{
    if (run->cold_count == run->cold_room) {
        size_t room = run->cold_room ? 2 * run->cold_room : 64;
        void *leaves = NULL;
        void *indices = NULL;
        ALM_TRY(alm_arena_try_alloc(run->arena, room * sizeof *run->cold, &leaves, error));
        ALM_TRY(alm_arena_try_alloc(run->arena, room * sizeof *run->cold_index, &indices, error));
        for (size_t c = 0; c < run->cold_count; c++) {
            ((alm_leaf **)leaves)[c] = run->cold[c];
            ((uint32_t *)indices)[c] = run->cold_index[c];
        }
        run->cold = leaves;
        run->cold_index = indices;
        run->cold_room = room;
    }
    run->cold[run->cold_count] = deep_copy(run, leaf);
    run->cold_index[run->cold_count++] = (uint32_t)index;
    return ALM_OK;
}

/* Established leaves by aggregate: those of node n are leaf[start[n]] .. leaf[start[n + 1]]. Built
 * once, so that a young series looks at its own aggregates only and not at every leaf. */
typedef struct lenders {
    size_t *start;
    uint32_t *leaf;
    uint32_t *found; /* room for one answer */
    double *level;
} lenders;

static void index_lenders(const almi_pipeline *run, lenders *out)
{
    const alm_hierarchy *h = run->hierarchy;
    size_t nodes = h->node_count ? h->node_count : 1;
    out->start = ALM_NEW_ARRAY(run->arena, size_t, nodes + 2);
    size_t levels = h->level_count ? h->level_count : 1;
    out->leaf = ALM_NEW_ARRAY(run->arena, uint32_t, run->leaf_count * levels);
    out->found = ALM_NEW_ARRAY(run->arena, uint32_t, run->leaf_count);
    out->level = ALM_NEW_ARRAY(run->arena, double, run->leaf_count);
    for (int pass = 0; pass < 2; pass++) { /* count, then place */
        for (size_t i = 0; i < run->leaf_count; i++) {
            for (uint32_t level = 0; run->leaf_level[i] > 0 && level < levels; level++) {
                size_t node = h->level_count ? h->node_of_leaf[i * levels + level] : 0;
                if (pass == 0) {
                    out->start[node + 2]++;
                } else {
                    out->leaf[out->start[node + 1]++] = (uint32_t)i;
                }
            }
        }
        for (size_t n = 0; pass == 0 && n < nodes; n++) {
            out->start[n + 2] += out->start[n + 1];
        }
    }
}

static bool share_all(const alm_hierarchy *h, size_t a, size_t b)
{
    const uint32_t *x = h->node_of_leaf + a * h->level_count;
    const uint32_t *y = h->node_of_leaf + b * h->level_count;
    for (uint32_t level = 0; level < h->level_count; level++) {
        if (x[level] != y[level]) {
            return false;
        }
    }
    return true;
}

/* Lenders under `node`, or only those that share every aggregate with `leaf`. */
static size_t collect(const almi_pipeline *run, const lenders *all, size_t node, size_t leaf,
                      bool closest)
{
    size_t count = 0;
    for (size_t k = all->start[node]; k < all->start[node + 1]; k++) {
        if (!closest || share_all(run->hierarchy, all->leaf[k], leaf)) {
            all->found[count++] = all->leaf[k];
        }
    }
    return count;
}

static size_t find_analogues(const almi_pipeline *run, const lenders *all, size_t leaf)
{
    const alm_hierarchy *h = run->hierarchy;
    if (h->level_count == 0) {
        return collect(run, all, 0, leaf, false); /* no aggregates to share: everyone */
    }
    const uint32_t *nodes = h->node_of_leaf + leaf * h->level_count;
    size_t count = collect(run, all, nodes[h->level_count - 1], leaf, true);
    for (uint32_t level = h->level_count; count < ANALOGUES_NEEDED && level-- > 0;) {
        count = collect(run, all, nodes[level], leaf, false);
    }
    return count;
}

static void name_nearest(const almi_pipeline *run, const lenders *all, size_t count,
                         double median, alm_base *base)
{
    for (size_t c = 0; c < count; c++) {
        uint32_t candidate = all->found[c];
        for (size_t a = 0; a < ALM_ANALOGUES_MAX; a++) {
            uint32_t held = base->analogue[a];
            bool nearer = held == UINT32_MAX || fabs(run->leaf_level[candidate] - median) <
                                                    fabs(run->leaf_level[held] - median);
            if (nearer) {
                base->analogue[a] = candidate;
                candidate = held;
            }
            if (candidate == UINT32_MAX) {
                break;
            }
        }
    }
}

static void borrow(almi_pipeline *run, const lenders *all, size_t c)
{
    alm_base *base = &run->cold[c]->base;
    size_t count = find_analogues(run, all, run->cold_index[c]);
    if (count == 0) {
        return; /* nobody to borrow from: its own short history stays */
    }
    for (size_t i = 0; i < count; i++) {
        all->level[i] = run->leaf_level[all->found[i]];
    }
    alm_sort_doubles(all->level, count);
    double median = alm_quantile_sorted(all->level, count, 0.5);
    double own = (double)base->history.open_periods;
    base->history.level = (own * base->history.level + PRIOR * median) / (own + PRIOR);
    name_nearest(run, all, count, median, base);
    const alm_panel *nodes = alm_panel_source_aggregates(run->request->source);
    alm_history_view view = {nodes, 0, run->origin, run->delay, run->profile};
    uint8_t *closed = ALM_NEW_ARRAY(run->arena, uint8_t, run->steps);
    alm_closed_ahead(nodes, run->origin, run->steps, closed);
    alm_history_forecast(&view, base->history.level, closed, run->steps, base->statistical);
    double squares = 0;
    double *change = ALM_NEW_ARRAY(run->arena, double, run->steps);
    for (size_t h = 0; h < run->steps; h++) {
        double mean = base->statistical[h] * base->calibration;
        change[h] = mean - base->mean[h];
        base->mean[h] = mean;
        squares += base->mean[h] * base->mean[h];
    }
    alm_hierarchy_add(run->hierarchy, run->cold_index[c], 1, change, run->steps, run->bottom_up);
    run->leaf_variance[run->cold_index[c]] =
        squares / (double)run->steps * base->history.shape_variance;
}

void almi_cold_start(almi_pipeline *run)
{
    if (run->cold_count == 0) {
        return;
    }
    lenders all;
    index_lenders(run, &all);
    for (size_t c = 0; c < run->cold_count; c++) {
        borrow(run, &all, c);
    }
}
