/* minimum_trace_bounded.c: the same optimum under y >= 0.
 *
 * Unknowns are the leaves in units of their standard deviations, u = y / sqrt(w), so that leaves of
 * different size are solved alike: A u = r with A = R S'W^-1 S R, r = R S'W^-1 f, R = diag(sqrt w).
 * With the leaves outside of the set H free and u = 0 in H, (A u)_free = r_free; the set is right
 * when u >= 0 where free, and A u - r >= 0, the multipliers, where held. */
#include "decide/minimum_trace.h"

#include <math.h>
#include <string.h>

#include "num/conjugate.h"

#define ROUNDS_MAX 100
#define TRIES 3
#define TOLERANCE 1e-13
#define CONJUGATE_ROUNDS 5000
/* Of the column's norm of r: beyond what a solution to 1e-13 may be off. */
#define FAIL_SHARE 1e-10

/* Exchanges of one column. */
typedef struct pivot {
    size_t best, tries;
    bool is_settled;
    double slack;
} pivot;

typedef struct bounded {
    const almi_minimum_trace *trace;
    size_t leaves, nodes, width;
    double *root;   /* leaves: sqrt w */
    bool *held;     /* leaves x width */
    double *u, *r, *free_r, *slope; /* leaves x width */
    double *sums;   /* (nodes + leaves) x width */
    pivot *pivots;  /* width */
    alm_arena *round; /* temporaries, reset for every product */
    alm_err code;   /* of a callback */
    alm_error *error;
} bounded;

/* out = R S' x, x over all nodes. */
static void back_to_leaves(const bounded *b, const double *x, double *out)
{
    const alm_hierarchy *h = b->trace->hierarchy;
    for (size_t leaf = 0; leaf < b->leaves; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + leaf * h->level_count;
        double *row = out + leaf * b->width;
        memcpy(row, x + (b->nodes + leaf) * b->width, b->width * sizeof *row);
        for (uint32_t level = 0; level < h->level_count; level++) {
            for (size_t c = 0; c < b->width; c++) {
                row[c] += x[nodes[level] * b->width + c];
            }
        }
        for (size_t c = 0; c < b->width; c++) {
            row[c] *= b->root[leaf];
        }
    }
}

static void keep_free(const bounded *b, double *x)
{
    for (size_t i = 0; i < b->leaves * b->width; i++) {
        x[i] = b->held[i] ? 0 : x[i];
    }
}

/* out = A x. */
static void whole_product(bounded *b, const double *x, double *out)
{
    alm_arena_reset(b->round);
    memset(b->sums, 0, b->nodes * b->width * sizeof(double));
    double *leaves = b->sums + b->nodes * b->width;
    for (size_t i = 0; i < b->leaves * b->width; i++) {
        leaves[i] = x[i] * b->root[i / b->width];
    }
    alm_hierarchy_add(b->trace->hierarchy, 0, (uint32_t)b->leaves, leaves, b->width, b->sums);
    if (b->code == ALM_OK) {
        b->code = almi_minimum_trace_weigh(b->trace, b->sums, b->width, b->round, b->sums,
                                           b->error);
    }
    back_to_leaves(b, b->sums, out);
}

static void product(void *context, const double *x, size_t width, double *out)
{
    (void)width;
    bounded *b = context;
    whole_product(b, x, out);
    keep_free(b, out);
}

/* The block of A^-1 that belongs to the free leaves: positive definite, and exact where none is
 * held. (S'W^-1 S)^-1 x are the leaves of what the unbounded solution makes of W J'x, J' putting
 * the leaves' x below aggregates of 0. */
static void precondition(void *context, double *x, size_t width)
{
    bounded *b = context;
    double *leaves = b->sums + b->nodes * width;
    memset(b->sums, 0, b->nodes * width * sizeof(double));
    for (size_t i = 0; i < b->leaves * width; i++) {
        leaves[i] = x[i] / b->root[i / width];
    }
    alm_arena_reset(b->round);
    if (b->code == ALM_OK) {
        b->code = almi_minimum_trace_spread(b->trace, b->sums, width, b->round, b->error);
    }
    if (b->code == ALM_OK) {
        b->code = almi_minimum_trace_solve(b->trace, b->sums, width, b->round, b->error);
    }
    for (size_t i = 0; i < b->leaves * width; i++) {
        x[i] = leaves[i] / b->root[i / width];
    }
    keep_free(b, x);
}

static alm_err prepare(bounded *b, alm_arena *arena, const double *values, alm_error *error)
{
    size_t cells = b->leaves * b->width * sizeof(double);
    size_t all = (b->leaves + b->nodes) * b->width * sizeof(double);
    ALM_TRY(alm_arena_try_array(arena, b->leaves, sizeof(double), &b->root, error));
    ALM_TRY(alm_arena_try_array(arena, b->leaves * b->width, sizeof(bool), &b->held, error));
    ALM_TRY(alm_arena_try_array(arena, cells, 1, &b->u, error));
    ALM_TRY(alm_arena_try_array(arena, cells, 1, &b->r, error));
    ALM_TRY(alm_arena_try_array(arena, cells, 1, &b->free_r, error));
    ALM_TRY(alm_arena_try_array(arena, cells, 1, &b->slope, error));
    ALM_TRY(alm_arena_try_array(arena, all, 1, &b->sums, error));
    b->pivots = ALM_NEW_ARRAY(arena, pivot, b->width);
    for (size_t i = 0; i < b->leaves; i++) {
        b->root[i] = sqrt(b->trace->variance[b->nodes + i]);
    }
    ALM_TRY(almi_minimum_trace_weigh(b->trace, values, b->width, b->round, b->sums, error));
    back_to_leaves(b, b->sums, b->r);
    for (size_t c = 0; c < b->width; c++) {
        double square = 0;
        for (size_t i = 0; i < b->leaves; i++) {
            square += b->r[i * b->width + c] * b->r[i * b->width + c];
        }
        b->pivots[c] = (pivot){.best = SIZE_MAX, .slack = FAIL_SHARE * sqrt(square)};
    }
    return ALM_OK;
}

static alm_err solve_free(bounded *b, alm_arena *scratch)
{
    alm_conjugate problem = {.product = product,
                             .precondition = precondition,
                             .context = b,
                             .n = b->leaves,
                             .tolerance = TOLERANCE,
                             .rounds_max = CONJUGATE_ROUNDS};
    memcpy(b->free_r, b->r, b->leaves * b->width * sizeof(double));
    keep_free(b, b->free_r);
    keep_free(b, b->u);
    alm_arena_reset(scratch);
    alm_err code = alm_conjugate_solve(&problem, b->free_r, b->width, scratch, b->u, b->error);
    return b->code != ALM_OK ? b->code : code;
}

static bool fails(const bounded *b, size_t cell, double slack)
{
    return b->held[cell] ? b->slope[cell] < -slack : b->u[cell] < -slack;
}

/* All that fail at once while they become fewer, and a few times more; else the last one. */
static bool exchange(bounded *b, size_t c)
{
    pivot *p = &b->pivots[c];
    size_t failed = 0;
    size_t last = 0;
    for (size_t i = 0; i < b->leaves; i++) {
        if (fails(b, i * b->width + c, p->slack)) {
            failed++;
            last = i;
        }
    }
    bool one_by_one = false;
    if (failed < p->best) {
        p->best = failed;
        p->tries = TRIES;
    } else if (p->tries > 0) {
        p->tries--;
    } else {
        one_by_one = true;
    }
    for (size_t i = one_by_one ? last : 0; i < b->leaves; i++) {
        size_t cell = i * b->width + c;
        b->held[cell] ^= fails(b, cell, p->slack);
    }
    return failed == 0;
}

static void settle(bounded *b, size_t c, double *values)
{
    double *leaves = values + b->nodes * b->width;
    for (size_t i = c; i < b->leaves * b->width; i += b->width) {
        leaves[i] = b->u[i] > 0 ? b->u[i] * b->root[i / b->width] : 0;
    }
}

/* A settled column is taken down at once and then asks for nothing (all held), so that the rounds
 * of others do not change its bits. */
static alm_err one_round(bounded *b, alm_arena *scratch, double *values, size_t *unsettled)
{
    ALM_TRY(solve_free(b, scratch));
    whole_product(b, b->u, b->slope);
    ALM_TRY(b->code);
    for (size_t i = 0; i < b->leaves * b->width; i++) {
        b->slope[i] -= b->r[i];
    }
    *unsettled = 0;
    for (size_t c = 0; c < b->width; c++) {
        if (b->pivots[c].is_settled) {
            continue;
        }
        settle(b, c, values);
        b->pivots[c].is_settled = exchange(b, c);
        *unsettled += !b->pivots[c].is_settled;
        for (size_t i = 0; i < b->leaves && b->pivots[c].is_settled; i++) {
            b->held[i * b->width + c] = true;
        }
    }
    return ALM_OK;
}

static alm_err solve(bounded *b, alm_arena *arena, double *values, size_t *rounds,
                     size_t *unsettled)
{
    ALM_TRY(prepare(b, arena, values, b->error));
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = ALM_OK;
    *rounds = 0;
    *unsettled = b->width;
    while (code == ALM_OK && *unsettled > 0 && *rounds < ROUNDS_MAX) {
        ++*rounds;
        code = one_round(b, scratch, values, unsettled);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_minimum_trace_solve_bounded(const almi_minimum_trace *trace, double *values,
                                         size_t width, size_t *rounds, size_t *unsettled,
                                         alm_error *error)
{
    bounded b = {.trace = trace,
                 .leaves = trace->hierarchy->leaf_count,
                 .nodes = trace->hierarchy->node_count,
                 .width = width,
                 .round = alm_arena_create(0),
                 .error = error};
    alm_arena *arena = alm_arena_create(0);
    alm_err code = solve(&b, arena, values, rounds, unsettled);
    alm_arena_destroy(arena);
    alm_arena_destroy(b.round);
    return code;
}
