#include "decide/reconcile.h"

#include <math.h>
#include <string.h>

#include "num/cholesky.h"

#define CROSSED_NODES_MAX 4096
#define VARIANCE_FLOOR 1e-9

struct alm_reconciler {
    const alm_hierarchy *hierarchy;
    alm_arena *arena;
    double *leaf_variance;
    double *node_variance;
    double *factor;      /* crossed: Cholesky factor of V + C W C' */
    uint32_t *parent;    /* tree: node above, UINT32_MAX for a root */
    double *below;       /* tree: V of section "exact O(n) WLS": variance of the sum from below */
    double *posterior;   /* tree: s = V v / (V + v) */
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

/* A = V + C W C': every leaf adds its variance to all pairs of its aggregates. */
static alm_err factor_crossed(alm_reconciler *r, alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    size_t n = h->node_count;
    if (n > CROSSED_NODES_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "a crossed hierarchy may have %d aggregate nodes, this one has %zu; "
                        "drop a level from `hierarchy` in almanac.yaml", CROSSED_NODES_MAX, n);
    }
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(r->arena, n * n * sizeof(double), &memory, error));
    r->factor = memory;
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        for (uint32_t a = 0; a < h->level_count; a++) {
            for (uint32_t b = 0; b < h->level_count; b++) {
                r->factor[(size_t)nodes[a] * n + nodes[b]] += r->leaf_variance[leaf];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        r->factor[i * n + i] += r->node_variance[i];
    }
    return alm_cholesky_factor(r->factor, n, error);
}

/* Nodes are numbered level by level from the top, so a parent's number is smaller. */
static alm_err prepare_tree(alm_reconciler *r, alm_error *error)
{
    const alm_hierarchy *h = r->hierarchy;
    size_t n = h->node_count;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(r->arena, n * sizeof(uint32_t), &memory, error));
    r->parent = memory;
    ALM_TRY(alm_arena_try_alloc(r->arena, n * sizeof(double), &memory, error));
    r->below = memory;
    ALM_TRY(alm_arena_try_alloc(r->arena, n * sizeof(double), &memory, error));
    r->posterior = memory;
    memset(r->parent, 0xFF, n * sizeof(uint32_t));
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        for (uint32_t level = 1; level < h->level_count; level++) {
            r->parent[nodes[level]] = nodes[level - 1];
        }
        r->below[nodes[h->level_count - 1]] += r->leaf_variance[leaf];
    }
    for (size_t i = n; i-- > 0;) {
        r->posterior[i] = r->below[i] * r->node_variance[i] / (r->below[i] + r->node_variance[i]);
        if (r->parent[i] != UINT32_MAX) {
            r->below[r->parent[i]] += r->posterior[i];
        }
    }
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
    if (h->node_count == 0) {
        return ALM_OK;
    }
    return h->is_tree ? prepare_tree(r, error) : factor_crossed(r, error);
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

/* Up: d_v = D_v + V/(V+v) (g_v - D_v) with D_v = sum of d over the children, the shift of node v's
 * sum as far as its subtree knows. Down: e_c = d_c + s_c/V_v (e_v - D_v), the final shift. Then
 * lambda_v = (g_v - e_v) / v_v. `gap` becomes lambda; `scratch` holds D, then e. */
static void solve_tree(const alm_reconciler *r, double *gap, size_t width, double *scratch)
{
    size_t n = r->hierarchy->node_count;
    memset(scratch, 0, n * width * sizeof(double));
    for (size_t i = n; i-- > 1;) {
        double keep = r->below[i] / (r->below[i] + r->node_variance[i]);
        uint32_t parent = r->parent[i];
        for (size_t c = 0; parent != UINT32_MAX && c < width; c++) {
            double from_below = scratch[i * width + c];
            scratch[parent * width + c] +=
                from_below + keep * (gap[i * width + c] - from_below);
        }
    }
    /* scratch[i] is D_i. Going down, e of the parent is gap_p - v_p lambda_p. */
    for (size_t i = 0; i < n; i++) {
        double keep = r->below[i] / (r->below[i] + r->node_variance[i]);
        uint32_t parent = r->parent[i];
        for (size_t c = 0; c < width; c++) {
            double from_below = scratch[i * width + c];
            double shift = from_below + keep * (gap[i * width + c] - from_below);
            if (parent != UINT32_MAX) {
                /* scratch of the parent already holds e_p - D_p. */
                shift += r->posterior[i] / r->below[parent] * scratch[parent * width + c];
            }
            gap[i * width + c] = (gap[i * width + c] - shift) / r->node_variance[i];
            scratch[i * width + c] = shift - from_below;
        }
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
    if (r->hierarchy->is_tree) {
        solve_tree(r, scratch, width, scratch + n * width);
    } else {
        alm_cholesky_solve(r->factor, n, scratch, width);
    }
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

void alm_leaf_adjust(alm_leaf_adjustment leaf, const double *base, const double *lambda,
                     size_t width, double *out)
{
    for (size_t c = 0; c < width; c++) {
        double shift = 0;
        for (uint32_t level = 0; level < leaf.level_count; level++) {
            shift += lambda[(size_t)leaf.nodes[level] * width + c];
        }
        double value = base[c] + leaf.variance * shift;
        out[c] = value > 0 ? value : 0;
    }
}
