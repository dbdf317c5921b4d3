#include "num/reconcile_tree.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "num/reconcile_tree_internal.h"

#define VARIANCE_FLOOR 1e-9
#define ROUNDS_MAX 40
#define TRIES 3
/* A leaf fails when it is this part of its terms beyond 0: less is rounding. */
#define FAIL_SHARE 1e-12

/* ---- the tree ---- */

static alm_err copy_tree(alm_reconcile_tree *t, const uint32_t *parent, const double *variance,
                         alm_error *error)
{
    double largest = 0;
    for (size_t i = 0; i < t->node_count; i++) {
        if (parent[i] != ALM_TREE_ROOT && parent[i] >= i) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "node %zu has the parent %" PRIu32 "; parents come before their "
                            "children", i, parent[i]);
        }
        if (!(variance[i] >= 0) || !isfinite(variance[i])) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "the variance of node %zu is not a finite number >= 0", i);
        }
        t->parent[i] = parent[i];
        largest = variance[i] > largest ? variance[i] : largest;
        if (parent[i] != ALM_TREE_ROOT && !t->is_inner[parent[i]]) {
            t->is_inner[parent[i]] = true;
            t->inner_count++;
        }
    }
    double least = largest > 0 ? largest * VARIANCE_FLOOR : 1;
    for (size_t i = 0; i < t->node_count; i++) {
        t->variance[i] = variance[i] > least ? variance[i] : least;
    }
    return ALM_OK;
}

static alm_err prepare(alm_reconcile_tree *t, const uint32_t *parent, const double *variance,
                       alm_error *error)
{
    size_t n = t->node_count;
    if (n >= ALM_TREE_ROOT) {
        return alm_fail(error, ALM_ERR_LIMIT, "%zu nodes are too many for a tree", n);
    }
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(uint32_t), &t->parent, error));
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(double), &t->variance, error));
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(bool), &t->is_inner, error));
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(double), &t->keep, error));
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(double), &t->own, error));
    ALM_TRY(alm_arena_try_array(t->arena, n, sizeof(double), &t->below, error));
    ALM_TRY(copy_tree(t, parent, variance, error));
    for (size_t i = n; i-- > 0;) {
        t->keep[i] = t->is_inner[i] ? t->below[i] / (t->below[i] + t->variance[i]) : 0;
        t->own[i] = t->is_inner[i] ? t->keep[i] * t->variance[i] : t->variance[i];
        if (t->parent[i] != ALM_TREE_ROOT) {
            t->below[t->parent[i]] += t->own[i];
        }
    }
    return ALM_OK;
}

alm_err alm_reconcile_tree_create(const uint32_t *parent, const double *variance,
                                  size_t node_count, alm_reconcile_tree **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_reconcile_tree *t = ALM_NEW(arena, alm_reconcile_tree);
    t->arena = arena;
    t->node_count = node_count;
    alm_err code = prepare(t, parent, variance, error);
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return code;
    }
    *out = t;
    return ALM_OK;
}

void alm_reconcile_tree_destroy(alm_reconcile_tree *tree)
{
    if (tree) {
        alm_arena_destroy(tree->arena);
    }
}

/* ---- the passes ---- */

/* One node in one group of columns. */
typedef struct cursor {
    size_t node;
    double *value;
    size_t count;       /* of columns */
    double *mean;       /* own rows; NULL for a leaf */
    double *variance;
    uint64_t *held;     /* leaf's word */
    double *up_mean;    /* the parent's rows; NULL: there is none to tell */
    double *up_variance;
} cursor;

static size_t node_at(const almi_tree_segment *s, size_t at)
{
    return s->nodes ? s->nodes[at] : s->first + at;
}

static double *row_of(double *rows, size_t slot, size_t width, size_t column)
{
    return rows ? rows + slot * width + column : NULL;
}

/* `above`: the rows that a block's topmost nodes see as their parents'. */
static cursor cursor_at(const almi_tree_segment *s, const almi_tree_rows *above, size_t at,
                        size_t group)
{
    const alm_reconcile_tree *t = s->tree;
    size_t column = group * ALMI_TREE_COLUMNS;
    size_t left = s->width - column;
    cursor c = {.node = node_at(s, at),
                .value = s->values + at * s->width + column,
                .count = left < ALMI_TREE_COLUMNS ? left : ALMI_TREE_COLUMNS};
    size_t slot = s->slot[c.node];
    if (t->is_inner[c.node]) {
        c.mean = row_of(s->rows.mean, slot, s->width, column);
        c.variance = row_of(s->rows.variance, slot, s->width, column);
    } else if (s->held) {
        c.held = s->held + slot * almi_tree_groups(s->width) + group;
    }
    uint32_t parent = t->parent[c.node];
    bool outside = parent != ALM_TREE_ROOT && s->is_top && s->is_top[parent] && !s->nodes;
    const almi_tree_rows *rows = outside ? above : &s->rows;
    if (parent != ALM_TREE_ROOT && rows) {
        c.up_mean = row_of(rows->mean, s->slot[parent], s->width, column);
        c.up_variance = row_of(rows->variance, s->slot[parent], s->width, column);
    }
    return c;
}

/* m and s of a node whose M and V are known. */
static void know(const alm_reconcile_tree *t, const cursor *c, double *m, double *s)
{
    double own = t->variance[c->node];
    if (!c->mean) {
        for (size_t k = 0; k < c->count; k++) {
            bool held = c->held && (*c->held >> k & 1);
            m[k] = held ? 0 : c->value[k];
            s[k] = held ? 0 : own;
        }
    } else if (!c->variance) {
        for (size_t k = 0; k < c->count; k++) {
            m[k] = c->mean[k] + t->keep[c->node] * (c->value[k] - c->mean[k]);
            s[k] = t->own[c->node];
        }
    } else {
        for (size_t k = 0; k < c->count; k++) {
            double keep = c->variance[k] / (c->variance[k] + own);
            m[k] = c->mean[k] + keep * (c->value[k] - c->mean[k]);
            s[k] = keep * own;
        }
    }
}

static void clear(const almi_tree_segment *s, size_t group)
{
    for (size_t at = 0; at < s->count; at++) {
        cursor c = cursor_at(s, NULL, at, group);
        if (c.mean) {
            memset(c.mean, 0, c.count * sizeof(double));
        }
        if (c.variance) {
            memset(c.variance, 0, c.count * sizeof(double));
        }
    }
}

static void add(double *restrict to, const double *restrict from, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        to[k] += from[k];
    }
}

/* The nodes above all blocks already hold what the blocks told them. */
static bool is_above(const almi_tree_segment *s)
{
    return s->nodes != NULL;
}

void almi_tree_up(const almi_tree_segment *s, const almi_tree_rows *above, size_t group)
{
    double mean[ALMI_TREE_COLUMNS];
    double variance[ALMI_TREE_COLUMNS];
    if (!is_above(s)) {
        clear(s, group);
    }
    for (size_t at = s->count; at-- > 0;) {
        cursor c = cursor_at(s, above, at, group);
        if (!c.up_mean) {
            continue;
        }
        know(s->tree, &c, mean, variance);
        add(c.up_mean, mean, c.count);
        if (c.up_variance) {
            add(c.up_variance, variance, c.count);
        }
    }
}

/* p of the parent, 0 above a root. */
static void price_above(const cursor *c, double *price)
{
    if (c->up_mean) {
        memcpy(price, c->up_mean, c->count * sizeof(double));
    } else {
        memset(price, 0, c->count * sizeof(double));
    }
}

/* An inner node's own price, in place of M. Where all its leaves are held (V = 0) its total is 0,
 * and the price is what its own forecast adds to the price above. */
static void price_own(const alm_reconcile_tree *t, const cursor *c, const double *above)
{
    double mean[ALMI_TREE_COLUMNS];
    double variance[ALMI_TREE_COLUMNS];
    know(t, c, mean, variance);
    for (size_t k = 0; k < c->count; k++) {
        double total = mean[k] + variance[k] * above[k];
        double below = c->variance ? c->variance[k] : t->below[c->node];
        c->mean[k] = below > 0 ? (total - c->mean[k]) / below
                               : (c->value[k] - total) / t->variance[c->node] + above[k];
    }
}

void almi_tree_prices(const almi_tree_segment *s, size_t group)
{
    for (size_t at = 0; at < s->count; at++) {
        double price[ALMI_TREE_COLUMNS];
        cursor c = cursor_at(s, &s->top, at, group);
        price_above(&c, price);
        price_own(s->tree, &c, price);
    }
}

static void exchange_cell(almi_tree_pivot *pivot, uint64_t *held, uint64_t bit)
{
    pivot->failed++;
    if (pivot->one_by_one && pivot->is_taken) {
        return;
    }
    if (pivot->one_by_one && pivot->pending) {
        *pivot->pending ^= bit; /* not the last after all */
    }
    pivot->pending = held;
    *held ^= bit;
}

static void exchange_leaf(const alm_reconcile_tree *t, const cursor *c, const double *price,
                          almi_tree_pivot *pivots)
{
    double own = t->variance[c->node];
    for (size_t k = 0; k < c->count; k++) {
        bool held = *c->held >> k & 1;
        double shift = own * price[k];
        double value = c->value[k] + shift;
        double slack = FAIL_SHARE * (fabs(c->value[k]) + fabs(shift));
        bool fails = held ? value > slack : value < -slack;
        if (fails) {
            exchange_cell(&pivots[k], c->held, UINT64_C(1) << k);
        }
    }
}

void almi_tree_exchange(const almi_tree_segment *s, size_t group)
{
    size_t column = group * ALMI_TREE_COLUMNS;
    for (size_t k = column; k < s->width && k < column + ALMI_TREE_COLUMNS; k++) {
        s->pivots[k].is_taken = s->pivots[k].is_taken || s->pivots[k].pending;
        s->pivots[k].pending = NULL;
    }
    for (size_t at = 0; at < s->count; at++) {
        double price[ALMI_TREE_COLUMNS];
        cursor c = cursor_at(s, &s->top, at, group);
        price_above(&c, price);
        if (c.mean) {
            price_own(s->tree, &c, price);
        } else {
            exchange_leaf(s->tree, &c, price, s->pivots + column);
        }
    }
}

static void settle_leaf(const alm_reconcile_tree *t, const cursor *c, const double *price)
{
    double own = t->variance[c->node];
    for (size_t k = 0; k < c->count; k++) {
        double value = c->value[k] + own * price[k];
        bool zero = c->held && ((*c->held >> k & 1) || value <= 0);
        c->value[k] = zero ? 0 : value;
    }
}

void almi_tree_sums(const almi_tree_segment *s, const almi_tree_rows *above, size_t group)
{
    for (size_t at = s->count; at-- > 0;) {
        cursor c = cursor_at(s, above, at, group);
        if (c.mean) {
            memcpy(c.value, c.mean, c.count * sizeof(double));
        }
        if (c.up_mean) {
            add(c.up_mean, c.value, c.count);
        }
    }
}

void almi_tree_down(const almi_tree_segment *s, const almi_tree_rows *above, size_t group)
{
    for (size_t at = 0; at < s->count; at++) {
        double price[ALMI_TREE_COLUMNS];
        cursor c = cursor_at(s, &s->top, at, group);
        price_above(&c, price);
        if (c.mean) {
            price_own(s->tree, &c, price);
        } else {
            settle_leaf(s->tree, &c, price);
        }
    }
    clear(s, group);
    almi_tree_sums(s, above, group);
}

/* ---- exchanges ---- */

almi_tree_pivot *almi_tree_pivots(alm_arena *arena, size_t width)
{
    almi_tree_pivot *pivots = ALM_NEW_ARRAY(arena, almi_tree_pivot, width);
    for (size_t c = 0; c < width; c++) {
        pivots[c].best = UINT32_MAX;
    }
    return pivots;
}

/* All at once as long as fewer fail than ever, and a few times more; then the last alone until
 * fewer fail again. The rule is known one round later than in the paper, since a stream sees a leaf
 * only once; each phase still ends, and `best` falls with every one. */
bool almi_tree_judge(almi_tree_pivot *pivots, size_t width, size_t *unsettled)
{
    *unsettled = 0;
    for (size_t c = 0; c < width; c++) {
        almi_tree_pivot *p = &pivots[c];
        if (p->failed < p->best) {
            p->best = p->failed;
            p->tries = TRIES;
            p->one_by_one = false;
        } else if (p->tries > 0) {
            p->tries--;
        } else {
            p->one_by_one = true;
        }
        *unsettled += p->failed > 0;
        p->failed = 0;
        p->is_taken = false;
        p->pending = NULL;
    }
    return *unsettled == 0;
}

void almi_tree_number(const alm_reconcile_tree *t, uint32_t *slot)
{
    uint32_t inner = 0;
    uint32_t leaves = 0;
    for (size_t i = 0; i < t->node_count; i++) {
        slot[i] = t->is_inner[i] ? inner++ : leaves++;
    }
}

/* x * 0 is 0 for a finite x only, so a row's sum of them tells all at once. */
alm_err almi_tree_check(const double *values, size_t first, size_t count, size_t width,
                        alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const double *row = values + i * width;
        double nothing = 0;
        for (size_t c = 0; c < width; c++) {
            nothing += row[c] * 0;
        }
        if (isnan(nothing)) {
            return alm_fail(error, ALM_ERR_NUMERIC,
                            "a forecast of node %zu is not a finite number, or the sum of "
                            "forecasts is none; leave the node out or give it one", first + i);
        }
    }
    return ALM_OK;
}

/* ---- in memory ---- */

typedef struct solution {
    almi_tree_segment segment;
    size_t rounds_max;
    alm_tree_outcome *outcomes; /* by group */
} solution;

/* Groups have nothing to do with each other, so each goes through its rounds by itself. */
static alm_err solve_group(void *context, size_t group, int worker, alm_error *error)
{
    (void)worker;
    (void)error;
    const solution *job = context;
    const almi_tree_segment *s = &job->segment;
    alm_tree_outcome *outcome = &job->outcomes[group];
    size_t first = group * ALMI_TREE_COLUMNS;
    size_t left = s->width - first;
    size_t count = left < ALMI_TREE_COLUMNS ? left : ALMI_TREE_COLUMNS;
    bool settled = !s->held;
    while (!settled && outcome->rounds < job->rounds_max) {
        outcome->rounds++;
        almi_tree_up(s, NULL, group);
        almi_tree_exchange(s, group);
        settled = almi_tree_judge(s->pivots + first, count, &outcome->unsettled);
    }
    almi_tree_up(s, NULL, group);
    almi_tree_down(s, NULL, group);
    return ALM_OK;
}

static alm_err solve(const alm_reconcile_tree *tree, const alm_tree_options *options,
                     solution *job, alm_arena *arena, alm_error *error)
{
    almi_tree_segment *s = &job->segment;
    size_t groups = almi_tree_groups(s->width);
    size_t cells = tree->inner_count * s->width;
    uint32_t *slot = NULL;
    ALM_TRY(alm_arena_try_array(arena, tree->node_count, sizeof(uint32_t), &slot, error));
    ALM_TRY(alm_arena_try_array(arena, cells, sizeof(double), &s->rows.mean, error));
    if (options->non_negative) {
        size_t leaves = tree->node_count - tree->inner_count;
        ALM_TRY(alm_arena_try_array(arena, cells, sizeof(double), &s->rows.variance, error));
        ALM_TRY(alm_arena_try_array(arena, leaves * groups, sizeof(uint64_t), &s->held, error));
        s->pivots = almi_tree_pivots(arena, s->width);
    }
    almi_tree_number(tree, slot);
    s->slot = slot;
    job->outcomes = ALM_NEW_ARRAY(arena, alm_tree_outcome, groups);
    return alm_pool_run(options->pool, groups, solve_group, job, error);
}

size_t almi_tree_rounds(const alm_tree_options *options)
{
    return options->rounds_max ? options->rounds_max : ROUNDS_MAX;
}

alm_err alm_reconcile_tree_solve(const alm_reconcile_tree *tree, const alm_tree_options *options,
                                 double *values, size_t width, alm_tree_outcome *outcome,
                                 alm_error *error)
{
    solution job = {.rounds_max = almi_tree_rounds(options)};
    job.segment = (almi_tree_segment){.tree = tree,
                                      .count = tree->node_count,
                                      .width = width,
                                      .values = values};
    ALM_TRY(almi_tree_check(values, 0, tree->node_count, width, error));
    alm_arena *arena = alm_arena_create(0);
    alm_err code = solve(tree, options, &job, arena, error);
    /* What is not finite anywhere below is not finite in the sum. */
    for (size_t i = 0; code == ALM_OK && i < tree->node_count; i++) {
        if (tree->parent[i] == ALM_TREE_ROOT) {
            code = almi_tree_check(values + i * width, i, 1, width, error);
        }
    }
    alm_tree_outcome all = {0};
    for (size_t group = 0; code == ALM_OK && group < almi_tree_groups(width); group++) {
        const alm_tree_outcome *one = &job.outcomes[group];
        all.rounds = one->rounds > all.rounds ? one->rounds : all.rounds;
        all.unsettled += one->unsettled;
    }
    alm_arena_destroy(arena);
    ALM_TRY(code);
    if (outcome) {
        *outcome = all;
    }
    return ALM_OK;
}
