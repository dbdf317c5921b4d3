#include "decide/top_down.h"

#include <string.h>

static uint32_t node_above(const alm_hierarchy *h, size_t leaf, uint32_t level)
{
    return h->node_of_leaf[leaf * h->level_count + level];
}

/* ---- shares of the past ---- */

/* totals: node_count x periods, of the one level. */
static void total_up(const alm_hierarchy *h, uint32_t level, const alm_reconcile_past *past,
                     double *totals)
{
    for (size_t leaf = 0; leaf < h->leaf_count; leaf++) {
        double *total = totals + node_above(h, leaf, level) * past->periods;
        for (size_t t = 0; t < past->periods; t++) {
            total[t] += past->actual[leaf * past->periods + t];
        }
    }
}

/* False: there is nothing to share by. */
static bool mean_share(const double *own, const double *total, size_t periods, double *share)
{
    double sum = 0;
    size_t count = 0;
    for (size_t t = 0; t < periods; t++) {
        bool counts = total[t] < 0 || total[t] > 0;
        sum += counts ? own[t] / total[t] : 0;
        count += counts;
    }
    *share = sum / (double)count;
    return count > 0;
}

static bool share_of_means(const double *own, const double *total, size_t periods, double *share)
{
    double sum = 0;
    double all = 0;
    for (size_t t = 0; t < periods; t++) {
        sum += own[t];
        all += total[t];
    }
    *share = sum / all;
    return all < 0 || all > 0;
}

alm_err almi_top_down_shares(const alm_hierarchy *h, uint32_t level,
                             const alm_reconcile_past *past, bool of_averages, double *shares,
                             alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    double *totals = NULL;
    alm_err code = alm_arena_try_array(scratch, h->node_count * past->periods, sizeof(double),
                                       &totals, error);
    if (code == ALM_OK) {
        total_up(h, level, past, totals);
    }
    for (size_t leaf = 0; code == ALM_OK && leaf < h->leaf_count; leaf++) {
        uint32_t node = node_above(h, leaf, level);
        const double *own = past->actual + leaf * past->periods;
        const double *total = totals + node * past->periods;
        bool shared = of_averages ? share_of_means(own, total, past->periods, &shares[leaf])
                                  : mean_share(own, total, past->periods, &shares[leaf]);
        shares[leaf] = shared ? shares[leaf] : 1.0 / h->leaves_of_node[node];
    }
    alm_arena_destroy(scratch);
    return code;
}

void almi_top_down_split(const alm_hierarchy *h, uint32_t level, const double *shares,
                         double *values, size_t width)
{
    double *leaves = values + h->node_count * width;
    for (size_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const double *from = values + node_above(h, leaf, level) * width;
        for (size_t c = 0; c < width; c++) {
            leaves[leaf * width + c] = shares[leaf] * from[c];
        }
    }
}

/* ---- shares of the forecasts ---- */

typedef struct split {
    const alm_hierarchy *h;
    uint32_t *parent;   /* node_count + leaf_count: of what lies below the level */
    double *sum;        /* node_count x width: forecasts of the children */
    double *values;
    size_t width;
} split;

static uint32_t leaves_below(const alm_hierarchy *h, size_t node)
{
    return node < h->node_count ? h->leaves_of_node[node] : 1;
}

static void find_parents(split *s, uint32_t level)
{
    const alm_hierarchy *h = s->h;
    memset(s->parent, 0xFF, ((size_t)h->node_count + h->leaf_count) * sizeof *s->parent);
    for (size_t leaf = 0; leaf < h->leaf_count; leaf++) {
        for (uint32_t l = level; l + 1 < h->level_count; l++) {
            s->parent[node_above(h, leaf, l + 1)] = node_above(h, leaf, l);
        }
        s->parent[h->node_count + leaf] = node_above(h, leaf, h->level_count - 1);
    }
}

/* Children come after their parents, so the parent's value is already what it was given. */
static void split_node(const split *s, size_t node)
{
    const double *given = s->values + s->parent[node] * s->width;
    const double *sum = s->sum + s->parent[node] * s->width;
    double *own = s->values + node * s->width;
    double equal = (double)leaves_below(s->h, node) / leaves_below(s->h, s->parent[node]);
    for (size_t c = 0; c < s->width; c++) {
        double share = sum[c] < 0 || sum[c] > 0 ? own[c] / sum[c] : equal;
        own[c] = share * given[c];
    }
}

alm_err almi_top_down_split_by_forecasts(const alm_hierarchy *h, uint32_t level, double *values,
                                         size_t width, alm_error *error)
{
    size_t all = (size_t)h->node_count + h->leaf_count;
    split s = {.h = h, .values = values, .width = width};
    alm_arena *scratch = alm_arena_create(0);
    void *memory = NULL;
    alm_err code = alm_arena_try_alloc(scratch, all * sizeof(uint32_t), &memory, error);
    s.parent = memory;
    if (code == ALM_OK) {
        code = alm_arena_try_array(scratch, h->node_count * width, sizeof(double), &s.sum, error);
    }
    if (code == ALM_OK) {
        find_parents(&s, level);
        for (size_t i = 0; i < all; i++) {
            for (size_t c = 0; c < width && s.parent[i] != UINT32_MAX; c++) {
                s.sum[s.parent[i] * width + c] += values[i * width + c];
            }
        }
        for (size_t i = 0; i < all; i++) {
            if (s.parent[i] != UINT32_MAX) {
                split_node(&s, i);
            }
        }
    }
    alm_arena_destroy(scratch);
    return code;
}
