/* The reference in these tests is the problem as the header states it, solved densely: without the
 * bound by its normal equations, with it by the conditions of Karush, Kuhn and Tucker. */
#include "decide/reconcile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/cholesky.h"

#define LEAVES 40
#define LEVELS 4
#define NODES (LEAVES * LEVELS)
#define WIDTH 7

typedef struct fixture {
    alm_hierarchy hierarchy;
    alm_hierarchy_level levels[LEVELS];
    uint32_t node_of_leaf[LEAVES * LEVELS];
    uint32_t leaves_of_node[NODES];
    double leaf_variance[LEAVES];
    double node_variance[NODES];
    size_t width;
    double base[LEAVES * WIDTH];
    double targets[NODES * WIDTH];
    double value[LEAVES * WIDTH]; /* the adjusted leaves */
    double lambda[NODES * WIDTH];
} fixture;

/* Numbers the keys of one level in order of appearance. */
static void add_level(fixture *f, const uint64_t *key)
{
    alm_hierarchy *h = &f->hierarchy;
    uint32_t level = h->level_count;
    f->levels[level] = (alm_hierarchy_level){.first_node = h->node_count};
    for (uint32_t i = 0; i < h->leaf_count; i++) {
        uint32_t same = 0;
        while (same < i && key[same] != key[i]) {
            same++;
        }
        uint32_t node = same < i ? f->node_of_leaf[same * LEVELS + level] : h->node_count++;
        f->node_of_leaf[i * LEVELS + level] = node;
        f->leaves_of_node[node]++;
    }
    f->levels[level].node_count = h->node_count - f->levels[level].first_node;
    h->level_count++;
}

/* node_of_leaf was filled with stride LEVELS; the hierarchy has level_count. */
static void close_levels(fixture *f)
{
    alm_hierarchy *h = &f->hierarchy;
    for (uint32_t i = 0; i < h->leaf_count; i++) {
        memmove(f->node_of_leaf + i * h->level_count, f->node_of_leaf + i * LEVELS,
                h->level_count * sizeof(uint32_t));
    }
    h->levels = f->levels;
    h->node_of_leaf = f->node_of_leaf;
    h->leaves_of_node = f->leaves_of_node;
}

/* A tree refines the keys of the level above; crossed levels draw them afresh. */
static void random_hierarchy(alm_rng *rng, bool is_tree, fixture *f)
{
    memset(f, 0, sizeof *f);
    f->hierarchy.leaf_count = 1 + (uint32_t)alm_rng_next_below(rng, LEAVES);
    f->hierarchy.is_tree = is_tree;
    uint32_t levels = 1 + (uint32_t)alm_rng_next_below(rng, LEVELS);
    uint64_t key[LEAVES] = {0};
    for (uint32_t level = 0; level < levels; level++) {
        uint64_t spread = level == 0 && alm_rng_next_below(rng, 2)
                              ? 1
                              : 1 + alm_rng_next_below(rng, 5);
        for (uint32_t i = 0; i < f->hierarchy.leaf_count; i++) {
            key[i] = (is_tree ? key[i] * 8 : 0) + alm_rng_next_below(rng, spread);
        }
        add_level(f, key);
    }
    close_levels(f);
}

/* Leaf `i`, node of level `l`. */
static uint32_t node_at(const fixture *f, size_t i, size_t l)
{
    return f->node_of_leaf[i * f->hierarchy.level_count + l];
}

static void add_up(const fixture *f, const double *leaves, double *sums)
{
    memset(sums, 0, f->hierarchy.node_count * f->width * sizeof *sums);
    for (size_t i = 0; i < f->hierarchy.leaf_count; i++) {
        for (size_t l = 0; l < f->hierarchy.level_count; l++) {
            for (size_t c = 0; c < f->width; c++) {
                sums[node_at(f, i, l) * f->width + c] += leaves[i * f->width + c];
            }
        }
    }
}

/* Base forecasts with a share of zeros; the aggregates' own are `skew` times the sums, with
 * noise. Far from the bound when `lift` is large. */
static void random_forecasts(alm_rng *rng, double zeros, double lift, double skew, fixture *f)
{
    f->width = 1 + (size_t)alm_rng_next_below(rng, WIDTH);
    size_t leaves = f->hierarchy.leaf_count;
    for (size_t i = 0; i < leaves; i++) {
        f->leaf_variance[i] = 0.1 + 4 * alm_rng_next_uniform(rng);
        for (size_t c = 0; c < f->width; c++) {
            bool zero = alm_rng_next_uniform(rng) < zeros;
            f->base[i * f->width + c] = zero ? 0 : lift + 10 * alm_rng_next_uniform(rng);
        }
    }
    add_up(f, f->base, f->targets);
    for (size_t a = 0; a < f->hierarchy.node_count; a++) {
        f->node_variance[a] = 0.1 + f->leaves_of_node[a] * alm_rng_next_uniform(rng);
        for (size_t c = 0; c < f->width; c++) {
            double *target = &f->targets[a * f->width + c];
            *target = *target * skew + alm_rng_next_normal(rng) * 3;
        }
    }
}

static alm_reconciler *open_reconciler(const fixture *f)
{
    alm_reconciler *r = NULL;
    alm_error error = {0};
    if (alm_reconciler_create(&f->hierarchy, f->leaf_variance, f->node_variance, &r, &error)) {
        fail_msg("%s", error.message);
    }
    return r;
}

static void adjust_all(const alm_reconciler *r, fixture *f)
{
    for (uint32_t i = 0; i < f->hierarchy.leaf_count; i++) {
        size_t at = i * f->width;
        alm_leaf_adjust(alm_reconciler_leaf(r, i), f->base + at, f->lambda, f->width,
                        f->value + at);
    }
}

static void start(const alm_reconciler *r, fixture *f)
{
    memset(f->lambda, 0, sizeof f->lambda);
    adjust_all(r, f);
}

static void one_round(const alm_reconciler *r, fixture *f)
{
    double sums[NODES * WIDTH];
    double scratch[2 * NODES * WIDTH];
    add_up(f, f->value, sums);
    alm_reconciler_round(r, f->targets, sums, f->width, f->lambda, scratch);
    adjust_all(r, f);
}

static void solve(fixture *f, int rounds)
{
    alm_reconciler *r = open_reconciler(f);
    start(r, f);
    for (int k = 0; k < rounds; k++) {
        one_round(r, f);
    }
    alm_reconciler_destroy(r);
}

/* (W^-1 + C' V^-1 C) y = W^-1 b + C' V^-1 f */
static void solve_densely(const fixture *f, double *y)
{
    const alm_hierarchy *h = &f->hierarchy;
    double a[LEAVES * LEAVES] = {0};
    size_t n = h->leaf_count;
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] += 1 / f->leaf_variance[i];
        for (size_t c = 0; c < f->width; c++) {
            y[i * f->width + c] = f->base[i * f->width + c] / f->leaf_variance[i];
        }
        for (size_t l = 0; l < h->level_count; l++) {
            uint32_t node = node_at(f, i, l);
            for (size_t k = 0; k < n; k++) {
                a[i * n + k] += node_at(f, k, l) == node ? 1 / f->node_variance[node] : 0;
            }
            for (size_t c = 0; c < f->width; c++) {
                y[i * f->width + c] += f->targets[node * f->width + c] / f->node_variance[node];
            }
        }
    }
    assert_int_equal(alm_cholesky_factor(a, n, NULL), ALM_OK);
    alm_cholesky_solve(a, n, y, f->width);
}

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(a[i] - b[i]));
    }
    return largest;
}

/* Values are of size 1000 and the conditions below 1e3: 1e-9 leaves room over rounding. */
static void one_round_is_weighted_least_squares(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(41, 0);
    for (int i = 0; i < 400; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2 == 0, &f);
        random_forecasts(&rng, 0, 1000, 1.001, &f);
        double expected[LEAVES * WIDTH];
        solve_densely(&f, expected);
        solve(&f, 1);
        size_t count = f.hierarchy.leaf_count * f.width;
        for (size_t k = 0; k < count; k++) {
            assert_true(expected[k] > 0); /* or the bound would be active */
        }
        double off = largest_difference(f.value, expected, count);
        if (!(off <= 1e-9)) {
            fail_msg("case %d: off by %g", i, off);
        }
        double before[LEAVES * WIDTH];
        memcpy(before, f.value, sizeof before);
        solve(&f, 2); /* exact: another round changes nothing but rounding */
        assert_true(largest_difference(f.value, before, count) <= 1e-9);
    }
}

/* By hand: leaves 3 and 5 with variances 1 and 3, total 12 with variance 4. The gap of 4 is shared
 * in proportion 1 : 3 : 4, so the leaves get 0.5 and 1.5 and the total gives 2. */
static void two_leaves_by_hand(void **state)
{
    (void)state;
    for (int is_tree = 0; is_tree < 2; is_tree++) {
        fixture f = {.width = 1, .base = {3, 5}, .targets = {12}, .leaf_variance = {1, 3},
                     .node_variance = {4}};
        f.hierarchy.leaf_count = 2;
        f.hierarchy.is_tree = is_tree;
        add_level(&f, (uint64_t[]){1, 1});
        close_levels(&f);
        solve(&f, 1);
        assert_true(fabs(f.value[0] - 3.5) < 1e-14 && fabs(f.value[1] - 6.5) < 1e-14);
        assert_true(fabs(f.lambda[0] - 0.5) < 1e-15);
    }
}

/* The two passes over a tree against the Cholesky factor of the same tree; bounded too. */
static void the_tree_and_the_crossed_solver_agree(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(42, 0);
    for (int i = 0; i < 400; i++) {
        fixture f;
        random_hierarchy(&rng, true, &f);
        random_forecasts(&rng, i % 2 ? 0.6 : 0, i % 2 ? 0 : 1000, 0.8, &f);
        fixture crossed = f;
        crossed.hierarchy.node_of_leaf = crossed.node_of_leaf;
        crossed.hierarchy.is_tree = false;
        int rounds = 1 + i % 4;
        solve(&f, rounds);
        solve(&crossed, rounds);
        size_t count = f.hierarchy.leaf_count * f.width;
        assert_true(largest_difference(f.value, crossed.value, count) <= 1e-9);
    }
}

/* Largest violation, in units of y: w g must be >= 0, and 0 where y > 0. */
static double kkt_violation(const fixture *f)
{
    double sums[NODES * WIDTH];
    add_up(f, f->value, sums);
    double worst = 0;
    for (size_t i = 0; i < f->hierarchy.leaf_count; i++) {
        for (size_t c = 0; c < f->width; c++) {
            double y = f->value[i * f->width + c];
            double slope = (y - f->base[i * f->width + c]) / f->leaf_variance[i];
            for (size_t l = 0; l < f->hierarchy.level_count; l++) {
                size_t at = node_at(f, i, l) * f->width + c;
                slope += (sums[at] - f->targets[at]) / f->node_variance[node_at(f, i, l)];
            }
            double step = slope * f->leaf_variance[i];
            assert_true(y >= 0);
            worst = fmax(worst, y > 0 ? fabs(step) : -step);
        }
    }
    return worst;
}

/* Targets of 0.3 times the sums push many leaves to the bound. */
static void many_rounds_are_optimal_under_the_bound(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(43, 0);
    size_t at_bound = 0;
    for (int i = 0; i < 100; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2 == 0, &f);
        random_forecasts(&rng, 0.6, 0, i % 3 ? 0.3 : 1.2, &f);
        solve(&f, 3000);
        for (size_t k = 0; k < f.hierarchy.leaf_count * f.width; k++) {
            at_bound += f.value[k] == 0 && f.base[k] > 0;
        }
        double violation = kkt_violation(&f);
        if (!(violation <= 1e-8)) {
            fail_msg("case %d: violation %g", i, violation);
        }
    }
    assert_true(at_bound > 500); /* or the bound was never tested */
}

static double dual_objective(const fixture *f, size_t c)
{
    const alm_hierarchy *h = &f->hierarchy;
    double sums[NODES * WIDTH];
    add_up(f, f->value, sums);
    double objective = 0;
    for (size_t i = 0; i < h->leaf_count; i++) {
        double change = f->value[i * f->width + c] - f->base[i * f->width + c];
        objective += change * change / f->leaf_variance[i] / 2;
    }
    for (size_t a = 0; a < h->node_count; a++) {
        double lambda = f->lambda[a * f->width + c];
        double v = f->node_variance[a];
        objective += v * lambda * lambda / 2 + lambda * (f->targets[a * f->width + c] -
                                                         v * lambda - sums[a * f->width + c]);
    }
    return objective;
}

static double primal_objective(const fixture *f, size_t c)
{
    double sums[NODES * WIDTH];
    add_up(f, f->value, sums);
    double objective = 0;
    for (size_t i = 0; i < f->hierarchy.leaf_count; i++) {
        double change = f->value[i * f->width + c] - f->base[i * f->width + c];
        objective += change * change / f->leaf_variance[i] / 2;
    }
    for (size_t a = 0; a < f->hierarchy.node_count; a++) {
        double gap = sums[a * f->width + c] - f->targets[a * f->width + c];
        objective += gap * gap / f->node_variance[a] / 2;
    }
    return objective;
}

/* The rounds climb the dual, which never falls and never passes the primal; the gap between the
 * two closes. (The primal itself need not fall in every round.) Sums of some hundred terms of the
 * size of the objective: 1e-12 relative. */
static void the_dual_rises_to_the_primal(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(44, 0);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2 == 0, &f);
        random_forecasts(&rng, 0.6, 0, i % 3 ? 0.4 : 1.1, &f);
        alm_reconciler *r = open_reconciler(&f);
        start(r, &f);
        double last[WIDTH];
        double first_gap[WIDTH];
        for (size_t c = 0; c < f.width; c++) {
            last[c] = dual_objective(&f, c);
            first_gap[c] = primal_objective(&f, c) - last[c];
        }
        for (int k = 0; k < 60; k++) {
            one_round(r, &f);
            for (size_t c = 0; c < f.width; c++) {
                double dual = dual_objective(&f, c);
                double primal = primal_objective(&f, c);
                double rounding = 1e-12 * (1 + primal);
                assert_true(dual >= last[c] - rounding && dual <= primal + rounding);
                last[c] = dual;
            }
        }
        for (int k = 0; k < 3000 && i % 4 == 0; k++) {
            one_round(r, &f);
        }
        for (size_t c = 0; c < f.width && i % 4 == 0; c++) {
            double gap = primal_objective(&f, c) - dual_objective(&f, c);
            assert_true(gap <= 1e-9 * (1 + first_gap[c]));
        }
        alm_reconciler_destroy(r);
    }
}

/* Sum of a level's aggregates in column `c`. */
static double total_of(const fixture *f, const double *sums, size_t level, size_t c)
{
    double total = 0;
    for (uint32_t a = 0; a < f->levels[level].node_count; a++) {
        total += sums[(f->levels[level].first_node + a) * f->width + c];
    }
    return total;
}

static void assert_levels_agree(const fixture *f)
{
    double sums[NODES * WIDTH];
    add_up(f, f->value, sums);
    for (size_t l = 1; l < f->hierarchy.level_count; l++) {
        for (size_t c = 0; c < f->width; c++) {
            double total = total_of(f, sums, 0, c);
            assert_true(fabs(total_of(f, sums, l, c) - total) <= 1e-12 * (1 + total));
        }
    }
}

/* Whatever the rounds did, the aggregates are the sums of the leaves and no leaf is negative;
 * also for negative targets. */
static void coherent_and_non_negative_after_any_round(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(45, 0);
    for (int i = 0; i < 100; i++) {
        fixture f;
        random_hierarchy(&rng, true, &f);
        random_forecasts(&rng, 0.6, 0, -1, &f);
        alm_reconciler *r = open_reconciler(&f);
        start(r, &f);
        for (int k = 0; k < 5; k++) {
            one_round(r, &f);
            assert_levels_agree(&f);
            for (size_t v = 0; v < f.hierarchy.leaf_count * f.width; v++) {
                assert_true(f.value[v] >= 0 && isfinite(f.value[v]) && !signbit(f.value[v]));
            }
        }
        alm_reconciler_destroy(r);
    }
}

static void columns_do_not_influence_each_other(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(46, 0);
    for (int i = 0; i < 100; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2 == 0, &f);
        random_forecasts(&rng, 0.5, 0, 0.7, &f);
        solve(&f, 3);
        for (size_t c = 0; c < f.width; c++) {
            fixture alone = f;
            alone.width = 1;
            for (size_t k = 0; k < f.hierarchy.leaf_count; k++) {
                alone.base[k] = f.base[k * f.width + c];
            }
            for (size_t a = 0; a < f.hierarchy.node_count; a++) {
                alone.targets[a] = f.targets[a * f.width + c];
            }
            solve(&alone, 3);
            for (size_t k = 0; k < f.hierarchy.leaf_count; k++) {
                assert_memory_equal(&alone.value[k], &f.value[k * f.width + c], sizeof(double));
            }
        }
    }
}

/* A leaf that never erred stays where it is; an aggregate that never erred is hit. The floor of
 * 1e-9 of the largest variance is what is left of a move: 1e-7 of gaps of size 10. */
static void zero_variances(void **state)
{
    (void)state;
    for (int is_tree = 0; is_tree < 2; is_tree++) {
        fixture f = {.width = 1, .base = {3, 5, 2}, .targets = {18, 9},
                     .leaf_variance = {0, 2, 1}, .node_variance = {0, 3}};
        f.hierarchy.leaf_count = 3;
        f.hierarchy.is_tree = is_tree;
        add_level(&f, (uint64_t[]){1, 1, 1});
        add_level(&f, (uint64_t[]){1, 1, 2});
        f.node_variance[2] = 1;
        f.targets[2] = 2;
        close_levels(&f);
        solve(&f, 1);
        assert_true(fabs(f.value[0] - 3) < 1e-6);
        assert_true(fabs(f.value[0] + f.value[1] + f.value[2] - 18) < 1e-6);
        memset(f.leaf_variance, 0, sizeof f.leaf_variance);
        memset(f.node_variance, 0, sizeof f.node_variance);
        solve(&f, 1); /* nothing known about any: all alike */
        for (int i = 0; i < 3; i++) {
            f.leaf_variance[i] = f.node_variance[i] = 1;
        }
        double alike[LEAVES * WIDTH];
        solve_densely(&f, alike);
        assert_true(largest_difference(f.value, alike, 3) < 1e-12);
    }
}

static void refuse(fixture *f, alm_err code, const char *message)
{
    alm_error error = {0};
    alm_reconciler *r = (alm_reconciler *)(void *)f;
    size_t held = alm_heap_held_bytes();
    assert_int_equal(
        alm_reconciler_create(&f->hierarchy, f->leaf_variance, f->node_variance, &r, &error), code);
    assert_ptr_equal(r, f);
    if (!strstr(error.message, message)) {
        fail_msg("'%s' lacks '%s'", error.message, message);
    }
    assert_int_equal(alm_heap_held_bytes(), held);
}

static void variances_that_are_no_variance_are_refused(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(47, 0);
    fixture f;
    do {
        random_hierarchy(&rng, true, &f);
    } while (f.hierarchy.leaf_count < 3 || f.hierarchy.node_count < 3);
    random_forecasts(&rng, 0, 1, 1, &f);
    static const double WRONG[] = {INFINITY, -INFINITY, NAN, -1e-300};
    for (int i = 0; i < 4; i++) {
        fixture bad = f;
        bad.leaf_variance[1] = WRONG[i];
        refuse(&bad, ALM_ERR_NUMERIC, "the leaf variance number 2 is not a finite number >= 0");
        bad = f;
        bad.node_variance[2] = WRONG[i];
        refuse(&bad, ALM_ERR_NUMERIC, "the aggregate variance number 3 is not a finite number");
    }
    alm_reconciler_destroy(NULL);
}

/* A tree of 40 leaves fits the arena's first block, so only a wide one allocates more than once.
 * Each allocation fails in turn; nothing leaks, and in the end it succeeds. */
static void failing_allocations(void **state)
{
    (void)state;
    static uint32_t nodes[3000];
    static double variance[3000];
    for (uint32_t i = 0; i < 3000; i++) {
        nodes[i] = i % 1500;
        variance[i] = 1;
    }
    for (int is_tree = 0; is_tree < 2; is_tree++) {
        alm_hierarchy h = {.leaf_count = 3000, .level_count = 1, .node_count = is_tree ? 1500 : 90,
                           .node_of_leaf = nodes, .is_tree = is_tree};
        for (uint32_t i = 0; i < 3000; i++) {
            nodes[i] = i % h.node_count;
        }
        size_t held = alm_heap_held_bytes();
        uint64_t failures = 0;
        alm_err code = ALM_ERR_MEMORY;
        for (; code != ALM_OK; failures += code != ALM_OK) {
            alm_reconciler *r = NULL;
            alm_heap_fail_at(failures + 1);
            code = alm_reconciler_create(&h, variance, variance, &r, NULL);
            alm_heap_fail_at(0);
            assert_true((code == ALM_OK) == (r != NULL));
            assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
            alm_reconciler_destroy(r);
            assert_int_equal(alm_heap_held_bytes(), held);
        }
        assert_true(failures >= 1);
    }
}

static void hierarchies_too_large_or_absent(void **state)
{
    (void)state;
    static uint32_t nodes[4097];
    static double variance[4097];
    for (uint32_t i = 0; i < 4097; i++) {
        nodes[i] = i;
        variance[i] = 1;
    }
    alm_hierarchy wide = {.leaf_count = 4097, .level_count = 1, .node_count = 4097,
                          .node_of_leaf = nodes};
    alm_reconciler *r = NULL;
    alm_error error = {0};
    assert_int_equal(alm_reconciler_create(&wide, variance, variance, &r, &error), ALM_ERR_LIMIT);
    assert_null(r);
    assert_non_null(strstr(error.message, "this one has 4097; drop a level"));
    wide.is_tree = true; /* two passes have no limit */
    assert_int_equal(alm_reconciler_create(&wide, variance, variance, &r, &error), ALM_OK);
    alm_reconciler_destroy(r);

    fixture f = {.width = 3, .base = {1, 0, 2.5, -1, 3, 4}, .leaf_variance = {1, 0}};
    f.hierarchy.leaf_count = 2;
    f.hierarchy.is_tree = true;
    solve(&f, 2);
    static const double EXPECTED[] = {1, 0, 2.5, 0, 3, 4};
    assert_memory_equal(f.value, EXPECTED, sizeof EXPECTED);
}

static void base_and_out_may_be_the_same(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(48, 0);
    fixture f;
    random_hierarchy(&rng, true, &f);
    random_forecasts(&rng, 0.5, 0, 0.9, &f);
    solve(&f, 2);
    alm_reconciler *r = open_reconciler(&f);
    for (uint32_t i = 0; i < f.hierarchy.leaf_count; i++) {
        double *leaf = f.base + i * f.width;
        alm_leaf_adjust(alm_reconciler_leaf(r, i), leaf, f.lambda, f.width, leaf);
    }
    assert_memory_equal(f.base, f.value, f.hierarchy.leaf_count * f.width * sizeof(double));
    alm_reconciler_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_round_is_weighted_least_squares),
        cmocka_unit_test(two_leaves_by_hand),
        cmocka_unit_test(the_tree_and_the_crossed_solver_agree),
        cmocka_unit_test(many_rounds_are_optimal_under_the_bound),
        cmocka_unit_test(the_dual_rises_to_the_primal),
        cmocka_unit_test(coherent_and_non_negative_after_any_round),
        cmocka_unit_test(columns_do_not_influence_each_other),
        cmocka_unit_test(zero_variances),
        cmocka_unit_test(variances_that_are_no_variance_are_refused),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(hierarchies_too_large_or_absent),
        cmocka_unit_test(base_and_out_may_be_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
