#include "decide/minimum_trace.h"

#include <string.h>

#include "base/wide_vectors.h"
#include "num/cholesky.h"

#define VARIANCE_FLOOR 1e-9

static alm_err floor_variance(const almi_trace_weights *weights, alm_arena *arena, double **out,
                              alm_error *error)
{
    size_t n = alm_hierarchy_row_count(weights->hierarchy);
    ALM_TRY(alm_arena_try_array(arena, n, sizeof(double), out, error));
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = weights->variance[i] > largest ? weights->variance[i] : largest;
    }
    double least = largest > 0 ? largest * VARIANCE_FLOOR : 1;
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = weights->variance[i] > least ? weights->variance[i] : least;
    }
    return ALM_OK;
}

/* Aggregates by level, then leaves: a parent's number is smaller than its children's. */
static alm_err grow_tree(almi_minimum_trace *m, alm_error *error)
{
    const alm_hierarchy *h = m->hierarchy;
    size_t n = alm_hierarchy_row_count(h);
    alm_arena *scratch = alm_arena_create(0);
    void *memory = NULL;
    alm_err code = alm_arena_try_alloc(scratch, n * sizeof(uint32_t), &memory, error);
    if (code == ALM_OK) {
        uint32_t *parent = memory;
        memset(parent, 0xFF, n * sizeof *parent);
        for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
            const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
            for (uint32_t level = 0; level < h->level_count; level++) {
                uint32_t child = level + 1 < h->level_count ? nodes[level + 1]
                                                            : h->node_count + leaf;
                parent[child] = nodes[level];
            }
        }
        code = alm_reconcile_tree_create(parent, m->variance, n, &m->tree, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

/* The two products with the factor are nearly all that mint_shrink costs under y >= 0. Columns come
 * in tiles that stay in registers; every sum is taken in the order of its index, whatever the tile,
 * so a column's bits do not depend on the others. */
#define TILE 8
#define ROWS_AT_ONCE 4

/* out (n x width, at column c) += a' b over four rows, for TILE columns. */
ALM_INLINE void cross_tile(const double *a, size_t n, const double *b, size_t width, size_t c,
                           double *out)
{
    for (size_t k = 0; k < n; k++) {
        double *o = out + k * width + c;
        double sum[TILE];
        ALM_UNROLLED
        for (size_t t = 0; t < TILE; t++) {
            sum[t] = o[t];
        }
        for (size_t r = 0; r < ROWS_AT_ONCE; r++) {
            ALM_UNROLLED
            for (size_t t = 0; t < TILE; t++) {
                sum[t] += a[r * n + k] * b[r * width + c + t];
            }
        }
        ALM_UNROLLED
        for (size_t t = 0; t < TILE; t++) {
            o[t] = sum[t];
        }
    }
}

/* out += a' b for columns from `first` on, row by row. */
ALM_INLINE void cross_rest(const double *a, size_t n, const double *b, size_t width, size_t first,
                           double *out)
{
    for (size_t k = 0; k < n; k++) {
        for (size_t c = first; c < width; c++) {
            out[k * width + c] += a[k] * b[c];
        }
    }
}

/* out = a' b over `rows` rows; a has `n` columns, b `width`. */
ALM_WIDE_VECTORS
static void cross(const double *a, size_t n, const double *b, size_t rows, size_t width,
                  double *out)
{
    memset(out, 0, n * width * sizeof *out);
    size_t i = 0;
    for (; i + ROWS_AT_ONCE <= rows; i += ROWS_AT_ONCE) {
        size_t c = 0;
        for (; c + TILE <= width; c += TILE) {
            cross_tile(a + i * n, n, b + i * width, width, c, out);
        }
        for (size_t r = i; c < width && r < i + ROWS_AT_ONCE; r++) {
            cross_rest(a + r * n, n, b + r * width, width, c, out);
        }
    }
    for (; i < rows; i++) {
        cross_rest(a + i * n, n, b + i * width, width, 0, out);
    }
}

/* One row of out -= by' b, by having n numbers, b n x width. */
ALM_INLINE void subtract_row(const double *by, size_t n, const double *b, size_t width, double *out)
{
    size_t c = 0;
    for (; c + TILE <= width; c += TILE) {
        double sum[TILE];
        ALM_UNROLLED
        for (size_t t = 0; t < TILE; t++) {
            sum[t] = out[c + t];
        }
        for (size_t k = 0; k < n; k++) {
            ALM_UNROLLED
            for (size_t t = 0; t < TILE; t++) {
                sum[t] -= by[k] * b[k * width + c + t];
            }
        }
        ALM_UNROLLED
        for (size_t t = 0; t < TILE; t++) {
            out[c + t] = sum[t];
        }
    }
    for (size_t k = 0; c < width && k < n; k++) {
        for (size_t rest = c; rest < width; rest++) {
            out[rest] -= by[k] * b[k * width + rest];
        }
    }
}

/* out -= a b for `rows` rows; a has `n` columns, out and b `width`. */
ALM_WIDE_VECTORS
static void subtract_rows(const double *a, size_t n, const double *b, size_t rows, size_t width,
                          double *out)
{
    for (size_t i = 0; i < rows; i++) {
        subtract_row(a + i * n, n, b, width, out + i * width);
    }
}

/* out -= a b for `rows` rows; a has as many columns as W has factors, out and b `width`. */
static void subtract_product(const almi_minimum_trace *m, const double *a, const double *b,
                             size_t rows, size_t width, double *out)
{
    subtract_rows(a, m->rank, b, rows, width, out);
}

/* U'x: the aggregates' own less the sums of the leaves. */
static void incoherence_of(const alm_hierarchy *h, const double *x, size_t width, double *out)
{
    const double *leaves = x + h->node_count * width;
    memset(out, 0, h->node_count * width * sizeof *out);
    alm_hierarchy_add(h, 0, h->leaf_count, leaves, width, out);
    for (size_t i = 0; i < h->node_count * width; i++) {
        out[i] = x[i] - out[i];
    }
}

static void add_identity(double *matrix, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        matrix[i * n + i] += 1;
    }
}

static alm_err prepare_factor(almi_minimum_trace *m, alm_arena *arena, alm_arena *scratch,
                              alm_error *error)
{
    const alm_hierarchy *h = m->hierarchy;
    size_t n = alm_hierarchy_row_count(h);
    size_t rank = m->rank;
    ALM_TRY(alm_arena_try_array(arena, h->node_count * rank, sizeof(double), &m->incoherence,
                                error));
    ALM_TRY(alm_arena_try_array(arena, h->node_count * rank, sizeof(double), &m->solved, error));
    ALM_TRY(alm_arena_try_array(arena, rank * rank, sizeof(double), &m->core, error));
    ALM_TRY(alm_arena_try_array(arena, rank * rank, sizeof(double), &m->inverse_core, error));
    incoherence_of(h, m->factor, rank, m->incoherence);
    memcpy(m->solved, m->incoherence, h->node_count * rank * sizeof(double));
    ALM_TRY(alm_aggregate_system_solve(m->system, m->solved, rank, scratch, error));
    cross(m->incoherence, rank, m->solved, h->node_count, rank, m->core);
    add_identity(m->core, rank);
    ALM_TRY(alm_cholesky_factor(m->core, rank, error));
    ALM_TRY(alm_arena_try_array(arena, n * rank, sizeof(double), &m->scaled, error));
    for (size_t i = 0; i < n * rank; i++) {
        m->scaled[i] = m->factor[i] / m->variance[i / rank];
    }
    cross(m->factor, rank, m->scaled, n, rank, m->inverse_core);
    add_identity(m->inverse_core, rank);
    return alm_cholesky_factor(m->inverse_core, rank, error);
}

alm_err almi_minimum_trace_create(const almi_trace_weights *weights, alm_arena *arena,
                                  almi_minimum_trace *out, alm_error *error)
{
    const alm_hierarchy *h = weights->hierarchy;
    almi_minimum_trace m = {.hierarchy = h, .rank = weights->rank, .factor = weights->factor};
    ALM_TRY(floor_variance(weights, arena, &m.variance, error));
    if (h->is_tree && m.rank == 0) {
        ALM_TRY(grow_tree(&m, error));
        *out = m;
        return ALM_OK;
    }
    alm_aggregate_weights parts = {h, m.variance + h->node_count, m.variance,
                                   weights->dense_max};
    ALM_TRY(alm_aggregate_system_create(&parts, arena, &m.system, error));
    if (m.rank) {
        alm_arena *scratch = alm_arena_create(0);
        alm_err code = prepare_factor(&m, arena, scratch, error);
        alm_arena_destroy(scratch);
        ALM_TRY(code);
    }
    *out = m;
    return ALM_OK;
}

void almi_minimum_trace_deinit(almi_minimum_trace *trace)
{
    alm_reconcile_tree_destroy(trace->tree);
}

/* x = (V + C W_b C' + E E')^-1 g, in place; *turned = E'x. */
static alm_err solve_system(const almi_minimum_trace *m, double *g, size_t width,
                            alm_arena *scratch, double **turned, alm_error *error)
{
    size_t nodes = m->hierarchy->node_count;
    ALM_TRY(alm_aggregate_system_solve(m->system, g, width, scratch, error));
    if (m->rank == 0) {
        return ALM_OK;
    }
    ALM_TRY(alm_arena_try_array(scratch, m->rank * width, sizeof(double), turned, error));
    /* x = z - solved (I + E'solved)^-1 E'z, and E'x is the same (I + E'solved)^-1 E'z. */
    cross(m->incoherence, m->rank, g, nodes, width, *turned);
    alm_cholesky_solve(m->core, m->rank, *turned, width);
    subtract_product(m, m->solved, *turned, nodes, width, g);
    return ALM_OK;
}

alm_err almi_minimum_trace_solve(const almi_minimum_trace *m, double *values, size_t width,
                                 alm_arena *scratch, alm_error *error)
{
    const alm_hierarchy *h = m->hierarchy;
    double *gap = NULL;
    double *turned = NULL;
    ALM_TRY(alm_arena_try_array(scratch, h->node_count * width, sizeof(double), &gap, error));
    incoherence_of(h, values, width, gap);
    ALM_TRY(solve_system(m, gap, width, scratch, &turned, error));
    double *leaves = values + h->node_count * width;
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        double *row = leaves + leaf * width;
        for (uint32_t level = 0; level < h->level_count; level++) {
            const double *price = gap + nodes[level] * width;
            for (size_t c = 0; c < width; c++) {
                row[c] += m->variance[h->node_count + leaf] * price[c];
            }
        }
    }
    if (m->rank) {
        subtract_product(m, m->factor + h->node_count * m->rank, turned, h->leaf_count, width,
                         leaves);
    }
    return ALM_OK;
}

alm_err almi_minimum_trace_spread(const almi_minimum_trace *m, double *x, size_t width,
                                  alm_arena *scratch, alm_error *error)
{
    size_t n = alm_hierarchy_row_count(m->hierarchy);
    double *turned = NULL;
    ALM_TRY(alm_arena_try_array(scratch, m->rank * width, sizeof(double), &turned, error));
    cross(m->factor, m->rank, x, n, width, turned);
    for (size_t i = 0; i < m->rank * width; i++) {
        turned[i] = -turned[i];
    }
    for (size_t i = 0; i < n * width; i++) {
        x[i] *= m->variance[i / width];
    }
    subtract_product(m, m->factor, turned, n, width, x);
    return ALM_OK;
}

alm_err almi_minimum_trace_weigh(const almi_minimum_trace *m, const double *x, size_t width,
                                 alm_arena *scratch, double *out, alm_error *error)
{
    size_t n = alm_hierarchy_row_count(m->hierarchy);
    for (size_t i = 0; i < n * width; i++) {
        out[i] = x[i] / m->variance[i / width];
    }
    if (m->rank == 0) {
        return ALM_OK;
    }
    double *turned = NULL;
    ALM_TRY(alm_arena_try_array(scratch, m->rank * width, sizeof(double), &turned, error));
    cross(m->factor, m->rank, out, n, width, turned);
    alm_cholesky_solve(m->inverse_core, m->rank, turned, width);
    subtract_product(m, m->scaled, turned, n, width, out);
    return ALM_OK;
}
