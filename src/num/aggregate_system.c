#include "num/aggregate_system.h"

#include <string.h>

#include "num/cholesky.h"
#include "num/conjugate.h"

#define CONJUGATE_TOLERANCE 1e-13
#define CONJUGATE_ROUNDS 2000
#define COLUMNS 64 /* of one pass over the leaves: sums of a leaf's aggregates, on the stack */

struct alm_aggregate_system {
    const alm_hierarchy *hierarchy;
    const double *leaf_variance;
    const double *node_variance;
    double *diagonal;  /* conjugate gradients: of V + C W C' */
    double *factor;    /* Cholesky's */
    uint32_t *parent;  /* tree: node above, UINT32_MAX for a root */
    double *below;     /* tree: variance of the sum from below */
    double *posterior; /* tree: s = V v / (V + v) */
};

/* A = V + C W C': every leaf adds its variance to all pairs of its aggregates. */
static alm_err factor_dense(alm_aggregate_system *s, alm_arena *arena, alm_error *error)
{
    const alm_hierarchy *h = s->hierarchy;
    size_t n = h->node_count;
    ALM_TRY(alm_arena_try_array(arena, n * n, sizeof(double), &s->factor, error));
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        for (uint32_t a = 0; a < h->level_count; a++) {
            for (uint32_t b = 0; b < h->level_count; b++) {
                s->factor[(size_t)nodes[a] * n + nodes[b]] += s->leaf_variance[leaf];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        s->factor[i * n + i] += s->node_variance[i];
    }
    return alm_cholesky_factor(s->factor, n, error);
}

static alm_err prepare_conjugate(alm_aggregate_system *s, alm_arena *arena, alm_error *error)
{
    const alm_hierarchy *h = s->hierarchy;
    ALM_TRY(alm_arena_try_array(arena, h->node_count, sizeof(double), &s->diagonal, error));
    memcpy(s->diagonal, s->node_variance, h->node_count * sizeof(double));
    for (size_t i = 0; i < (size_t)h->leaf_count * h->level_count; i++) {
        s->diagonal[h->node_of_leaf[i]] += s->leaf_variance[i / h->level_count];
    }
    return ALM_OK;
}

/* Nodes are numbered level by level from the top, so a parent's number is smaller. */
static alm_err prepare_tree(alm_aggregate_system *s, alm_arena *arena, alm_error *error)
{
    const alm_hierarchy *h = s->hierarchy;
    size_t n = h->node_count;
    ALM_TRY(alm_arena_try_array(arena, n, sizeof(uint32_t), &s->parent, error));
    ALM_TRY(alm_arena_try_array(arena, n, sizeof(double), &s->below, error));
    ALM_TRY(alm_arena_try_array(arena, n, sizeof(double), &s->posterior, error));
    memset(s->parent, 0xFF, n * sizeof(uint32_t));
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        for (uint32_t level = 1; level < h->level_count; level++) {
            s->parent[nodes[level]] = nodes[level - 1];
        }
        s->below[nodes[h->level_count - 1]] += s->leaf_variance[leaf];
    }
    for (size_t i = n; i-- > 0;) {
        s->posterior[i] = s->below[i] * s->node_variance[i] / (s->below[i] + s->node_variance[i]);
        if (s->parent[i] != UINT32_MAX) {
            s->below[s->parent[i]] += s->posterior[i];
        }
    }
    return ALM_OK;
}

alm_err alm_aggregate_system_create(const alm_aggregate_weights *weights, alm_arena *arena,
                                    alm_aggregate_system **out, alm_error *error)
{
    const alm_hierarchy *h = weights->hierarchy;
    alm_aggregate_system *s = ALM_NEW(arena, alm_aggregate_system);
    s->hierarchy = h;
    s->leaf_variance = weights->leaf_variance;
    s->node_variance = weights->node_variance;
    if (h->node_count == 0) {
        *out = s;
        return ALM_OK;
    }
    if (h->is_tree) {
        ALM_TRY(prepare_tree(s, arena, error));
    } else if (h->node_count <= weights->dense_max) {
        ALM_TRY(factor_dense(s, arena, error));
    } else {
        ALM_TRY(prepare_conjugate(s, arena, error));
    }
    *out = s;
    return ALM_OK;
}

/* ---- products ---- */

typedef struct columns {
    const double *x;
    double *out;
    const bool *pinned;
    size_t width, first, count; /* the columns at hand, of `width` */
} columns;

/* The sums of one leaf's aggregates, times its variance, go back to all of them. */
static void add_leaf(const alm_aggregate_system *s, uint32_t leaf, const columns *at)
{
    const alm_hierarchy *h = s->hierarchy;
    const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
    double sum[COLUMNS] = {0};
    for (uint32_t level = 0; level < h->level_count; level++) {
        const double *row = at->x + (size_t)nodes[level] * at->width + at->first;
        for (size_t c = 0; c < at->count; c++) {
            sum[c] += row[c];
        }
    }
    const bool *held = at->pinned ? at->pinned + leaf * at->width + at->first : NULL;
    for (size_t c = 0; c < at->count; c++) {
        sum[c] = held && held[c] ? 0 : sum[c] * s->leaf_variance[leaf];
    }
    for (uint32_t level = 0; level < h->level_count; level++) {
        double *row = at->out + (size_t)nodes[level] * at->width + at->first;
        for (size_t c = 0; c < at->count; c++) {
            row[c] += sum[c];
        }
    }
}

void alm_aggregate_system_product(const alm_aggregate_system *s, const double *x, size_t width,
                                  const bool *pinned, double *out)
{
    const alm_hierarchy *h = s->hierarchy;
    for (size_t i = 0; i < h->node_count; i++) {
        for (size_t c = 0; c < width; c++) {
            out[i * width + c] = s->node_variance[i] * x[i * width + c];
        }
    }
    for (size_t first = 0; first < width; first += COLUMNS) {
        columns at = {x, out, pinned, width, first, width - first};
        at.count = at.count < COLUMNS ? at.count : COLUMNS;
        for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
            add_leaf(s, leaf, &at);
        }
    }
}

/* ---- solutions ---- */

/* Up: d_v = D_v + V/(V+v) (g_v - D_v) with D_v = sum of d over the children, the shift of node v's
 * sum as far as its subtree knows. Down: e_c = d_c + s_c/V_v (e_v - D_v), the final shift. Then
 * lambda_v = (g_v - e_v) / v_v. `gap` becomes lambda; `scratch` holds D, then e. */
static void solve_tree(const alm_aggregate_system *s, double *gap, size_t width, double *scratch)
{
    size_t n = s->hierarchy->node_count;
    memset(scratch, 0, n * width * sizeof(double));
    for (size_t i = n; i-- > 1;) {
        double keep = s->below[i] / (s->below[i] + s->node_variance[i]);
        uint32_t parent = s->parent[i];
        for (size_t c = 0; parent != UINT32_MAX && c < width; c++) {
            double from_below = scratch[i * width + c];
            scratch[parent * width + c] +=
                from_below + keep * (gap[i * width + c] - from_below);
        }
    }
    /* scratch[i] is D_i. Going down, e of the parent is gap_p - v_p lambda_p. */
    for (size_t i = 0; i < n; i++) {
        double keep = s->below[i] / (s->below[i] + s->node_variance[i]);
        uint32_t parent = s->parent[i];
        for (size_t c = 0; c < width; c++) {
            double from_below = scratch[i * width + c];
            double shift = from_below + keep * (gap[i * width + c] - from_below);
            if (parent != UINT32_MAX) {
                /* scratch of the parent already holds e_p - D_p. */
                shift += s->posterior[i] / s->below[parent] * scratch[parent * width + c];
            }
            gap[i * width + c] = (gap[i * width + c] - shift) / s->node_variance[i];
            scratch[i * width + c] = shift - from_below;
        }
    }
}

bool alm_aggregate_system_is_direct(const alm_aggregate_system *s)
{
    return !s->diagonal;
}

void alm_aggregate_system_solve_directly(const alm_aggregate_system *s, double *g, size_t width,
                                         double *scratch)
{
    alm_assert(alm_aggregate_system_is_direct(s));
    if (s->hierarchy->is_tree) {
        solve_tree(s, g, width, scratch);
    } else {
        alm_cholesky_solve(s->factor, s->hierarchy->node_count, g, width);
    }
}

static void product(void *context, const double *x, size_t width, double *out)
{
    alm_aggregate_system_product(context, x, width, NULL, out);
}

static void divide_by_diagonal(void *context, double *r, size_t width)
{
    const alm_aggregate_system *s = context;
    for (size_t i = 0; i < s->hierarchy->node_count; i++) {
        for (size_t c = 0; c < width; c++) {
            r[i * width + c] /= s->diagonal[i];
        }
    }
}

alm_err alm_aggregate_system_solve(const alm_aggregate_system *s, double *g, size_t width,
                                   alm_arena *scratch, alm_error *error)
{
    size_t cells = (size_t)s->hierarchy->node_count * width;
    if (cells == 0) {
        return ALM_OK;
    }
    double *memory = NULL;
    ALM_TRY(alm_arena_try_array(scratch, cells, sizeof(double), &memory, error));
    if (alm_aggregate_system_is_direct(s)) {
        alm_aggregate_system_solve_directly(s, g, width, memory);
        return ALM_OK;
    }
    alm_aggregate_system copy = *s; /* the callbacks only read it */
    alm_conjugate problem = {.product = product,
                             .precondition = divide_by_diagonal,
                             .context = &copy,
                             .n = s->hierarchy->node_count,
                             .tolerance = CONJUGATE_TOLERANCE,
                             .rounds_max = CONJUGATE_ROUNDS};
    ALM_TRY(alm_conjugate_solve(&problem, g, width, scratch, memory, error));
    memcpy(g, memory, cells * sizeof(double));
    return ALM_OK;
}
