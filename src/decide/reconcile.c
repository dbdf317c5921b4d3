#include "decide/reconcile.h"

#include <inttypes.h>
#include <math.h>

#include "num/aggregate_system.h"

#define CROSSED_NODES_MAX 4096
#define VARIANCE_FLOOR 1e-9

struct alm_reconciler {
    const alm_hierarchy *hierarchy;
    alm_arena *arena;
    double *leaf_variance;
    double *node_variance;
    alm_aggregate_system *system;
};

static alm_err copy_variance(alm_arena *arena, const double *from, size_t count, const char *what,
                             double **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    double *to = memory;
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(from[i] >= 0) || !isfinite(from[i])) {
            return alm_fail(error, ALM_ERR_NUMERIC, "the %s variance number %zu is not a finite "
                            "number >= 0", what, i + 1);
        }
        largest = from[i] > largest ? from[i] : largest;
    }
    double least = largest > 0 ? largest * VARIANCE_FLOOR : 1;
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i] > least ? from[i] : least;
    }
    *out = to;
    return ALM_OK;
}

static alm_err prepare(alm_reconciler *r, const double *leaf_variance, const double *node_variance,
                       alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    ALM_TRY(copy_variance(r->arena, leaf_variance, h->leaf_count, "leaf", &r->leaf_variance,
                          error));
    ALM_TRY(copy_variance(r->arena, node_variance, h->node_count, "aggregate",
                          &r->node_variance, error));
    if (!h->is_tree && h->node_count > CROSSED_NODES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "a crossed hierarchy may have %d aggregate nodes, this one has %" PRIu32
                        "; drop a level from `hierarchy` in almanac.yaml", CROSSED_NODES_MAX,
                        h->node_count);
    }
    alm_aggregate_weights weights = {h, r->leaf_variance, r->node_variance, CROSSED_NODES_MAX};
    return alm_aggregate_system_create(&weights, r->arena, &r->system, error);
}

alm_err alm_reconciler_create(const alm_hierarchy *hierarchy, const double *leaf_variance,
                              const double *node_variance, alm_reconciler **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_reconciler *r = ALM_NEW(arena, alm_reconciler);
    r->arena = arena;
    r->hierarchy = hierarchy;
    alm_err code = prepare(r, leaf_variance, node_variance, error);
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return code;
    }
    *out = r;
    return ALM_OK;
}

void alm_reconciler_destroy(alm_reconciler *reconciler)
{
    if (reconciler) {
        alm_arena_destroy(reconciler->arena);
    }
}

void alm_reconciler_round(const alm_reconciler *r, const double *targets, const double *sums,
                          size_t width, double *lambda, double *scratch)
{
    size_t n = r->hierarchy->node_count;
    if (n == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < width; c++) {
            size_t at = i * width + c;
            scratch[at] = targets[at] - r->node_variance[i] * lambda[at] - sums[at];
        }
    }
    alm_aggregate_system_solve_directly(r->system, scratch, width, scratch + n * width);
    for (size_t i = 0; i < n * width; i++) {
        lambda[i] += scratch[i];
    }
}

alm_leaf_adjustment alm_reconciler_leaf(const alm_reconciler *r, uint32_t leaf)
{
    const alm_hierarchy *h = r->hierarchy;
    return (alm_leaf_adjustment){.variance = r->leaf_variance[leaf],
                                 .level_count = h->level_count,
                                 .nodes = h->node_of_leaf + (size_t)leaf * h->level_count};
}

static double by_rule(const alm_leaf_adjustment *leaf, double base, double shift)
{
    switch (leaf->rule) {
    case ALM_LEAF_SHARE:
        return leaf->variance * shift;
    case ALM_LEAF_SCALE:
        return shift >= 0 ? base * shift : -shift;
    case ALM_LEAF_SHIFT:
        break;
    }
    return base + leaf->variance * shift;
}

void alm_leaf_adjust(alm_leaf_adjustment leaf, const double *base, const double *lambda,
                     size_t width, double *out)
{
    for (size_t c = 0; c < width; c++) {
        double shift = 0;
        for (uint32_t level = 0; level < leaf.level_count; level++) {
            shift += lambda[(size_t)leaf.nodes[level] * width + c];
        }
        out[c] = by_rule(&leaf, base[c], shift);
    }
    for (size_t k = 0; k < leaf.factor_count; k++) {
        const double *row = lambda + (leaf.first_factor + k) * width;
        for (size_t c = 0; c < width; c++) {
            out[c] += leaf.loading[k] * row[c];
        }
    }
    for (size_t c = 0; c < width; c++) {
        out[c] = out[c] > 0 ? out[c] : 0;
    }
}
