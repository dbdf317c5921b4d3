/* The reference in these tests is the problem as the header states it, solved densely over the
 * leaves by its normal equations; with the bound, the conditions of Karush, Kuhn and Tucker. */
#include "num/reconcile_tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/cholesky.h"

#define NODES 60
#define WIDTH 130 /* three groups of columns */

typedef struct fixture {
    size_t nodes, leaves, width;
    uint32_t parent[NODES];
    uint32_t leaf[NODES]; /* node of the leaf */
    bool below[NODES][NODES]; /* [node][leaf]: the summing matrix */
    double variance[NODES];
    double base[NODES * WIDTH];
    double value[NODES * WIDTH];
} fixture;

/* Depth first: a node hangs below the node before it or one of its ancestors. Otherwise below any.
 * Now and then another root. */
static void random_tree(alm_rng *rng, bool depth_first, fixture *f)
{
    memset(f, 0, sizeof *f);
    f->nodes = 1 + alm_rng_next_below(rng, NODES);
    bool inner[NODES] = {false};
    for (uint32_t i = 0; i < f->nodes; i++) {
        uint32_t above = i ? i - 1 : ALM_TREE_ROOT;
        if (!depth_first && i) {
            above = (uint32_t)alm_rng_next_below(rng, i);
        }
        while (above != ALM_TREE_ROOT && alm_rng_next_below(rng, 3) > 0 &&
               (f->parent[above] != ALM_TREE_ROOT || alm_rng_next_below(rng, 9) == 0)) {
            above = f->parent[above];
        }
        f->parent[i] = above;
        if (above != ALM_TREE_ROOT) {
            inner[above] = true;
        }
    }
    for (uint32_t i = 0; i < f->nodes; i++) {
        if (!inner[i]) {
            for (uint32_t a = i; a != ALM_TREE_ROOT; a = f->parent[a]) {
                f->below[a][f->leaves] = true;
            }
            f->leaf[f->leaves++] = i;
        }
    }
}

static void random_forecasts(alm_rng *rng, double level, fixture *f)
{
    static const size_t WIDTHS[] = {1, 3, 64, WIDTH};
    f->width = WIDTHS[alm_rng_next_below(rng, 4)];
    for (size_t i = 0; i < f->nodes; i++) {
        f->variance[i] = 0.1 + 5 * alm_rng_next_uniform(rng);
        for (size_t c = 0; c < f->width; c++) {
            f->base[i * f->width + c] = level + 3 * alm_rng_next_normal(rng);
        }
    }
}

static double leaf_at(const fixture *f, size_t leaf, size_t c)
{
    return f->value[f->leaf[leaf] * f->width + c];
}

static double objective(const fixture *f, const double *leaves, size_t c)
{
    double total = 0;
    for (size_t a = 0; a < f->nodes; a++) {
        double sum = 0;
        for (size_t i = 0; i < f->leaves; i++) {
            sum += f->below[a][i] ? leaves[i] : 0;
        }
        double gap = sum - f->base[a * f->width + c];
        total += gap * gap / f->variance[a];
    }
    return total;
}

/* Half the derivative of the objective by a leaf, where the forecasts are those of the tree. */
static double slope(const fixture *f, size_t leaf, size_t c, double *size)
{
    double total = 0;
    *size = 0;
    for (size_t a = 0; a < f->nodes; a++) {
        double sum = 0;
        for (size_t i = 0; i < f->leaves; i++) {
            sum += f->below[a][i] ? leaf_at(f, i, c) : 0;
        }
        if (f->below[a][leaf]) {
            total += (sum - f->base[a * f->width + c]) / f->variance[a];
            *size += (fabs(sum) + fabs(f->base[a * f->width + c])) / f->variance[a];
        }
    }
    return total;
}

/* S'W^-1 S y = S'W^-1 f. */
static void solve_densely(const fixture *f, double *leaves)
{
    static double matrix[NODES * NODES];
    size_t n = f->leaves;
    memset(matrix, 0, sizeof matrix);
    memset(leaves, 0, n * f->width * sizeof *leaves);
    for (size_t a = 0; a < f->nodes; a++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n && f->below[a][i]; j++) {
                matrix[i * n + j] += f->below[a][j] ? 1 / f->variance[a] : 0;
            }
            for (size_t c = 0; c < f->width && f->below[a][i]; c++) {
                leaves[i * f->width + c] += f->base[a * f->width + c] / f->variance[a];
            }
        }
    }
    assert_int_equal(alm_cholesky_factor(matrix, n, NULL), ALM_OK);
    alm_cholesky_solve(matrix, n, leaves, f->width);
}

static alm_reconcile_tree *open_tree(const fixture *f)
{
    alm_reconcile_tree *tree = NULL;
    alm_error error = {0};
    if (alm_reconcile_tree_create(f->parent, f->variance, f->nodes, &tree, &error)) {
        fail_msg("%s", error.message);
    }
    return tree;
}

static alm_tree_outcome solve(fixture *f, bool non_negative)
{
    alm_tree_options options = {.non_negative = non_negative};
    alm_tree_outcome outcome;
    alm_reconcile_tree *tree = open_tree(f);
    memcpy(f->value, f->base, sizeof f->value);
    assert_int_equal(
        alm_reconcile_tree_solve(tree, &options, f->value, f->width, &outcome, NULL), ALM_OK);
    alm_reconcile_tree_destroy(tree);
    return outcome;
}

/* To 1e-9 of the values' size: what the tree is promised to be equal to. */
static void assert_equals_dense(const fixture *f)
{
    static double leaves[NODES * WIDTH];
    solve_densely(f, leaves);
    for (size_t i = 0; i < f->leaves; i++) {
        for (size_t c = 0; c < f->width; c++) {
            double expected = leaves[i * f->width + c];
            assert_true(fabs(leaf_at(f, i, c) - expected) <= 1e-9 * (1 + fabs(expected)));
        }
    }
}

static void assert_coherent(const fixture *f)
{
    for (size_t a = 0; a < f->nodes; a++) {
        for (size_t c = 0; c < f->width; c++) {
            double sum = 0;
            double size = 0;
            for (size_t i = 0; i < f->leaves; i++) {
                sum += f->below[a][i] ? leaf_at(f, i, c) : 0;
                size += f->below[a][i] ? fabs(leaf_at(f, i, c)) : 0;
            }
            assert_true(fabs(f->value[a * f->width + c] - sum) <= 1e-13 * size);
        }
    }
}

static void the_tree_equals_the_dense_solve(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(60, 0);
    for (int i = 0; i < 300; i++) {
        fixture f;
        random_tree(&rng, i % 2, &f);
        random_forecasts(&rng, 10, &f);
        solve(&f, false);
        assert_equals_dense(&f);
        assert_coherent(&f);
    }
}

/* The floor is 1e-9 of the largest, and the reference has it too. The dense matrix then has a
 * condition of 1e10 or so, and its solution that many digits less: 1e-5 is what is left of it. */
static void nodes_that_never_erred(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(61, 0);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_tree(&rng, true, &f);
        random_forecasts(&rng, 10, &f);
        double largest = 0;
        for (size_t a = 0; a < f.nodes; a++) {
            f.variance[a] = alm_rng_next_below(&rng, 3) ? f.variance[a] : 0;
            largest = f.variance[a] > largest ? f.variance[a] : largest;
        }
        solve(&f, false);
        assert_coherent(&f);
        for (size_t a = 0; a < f.nodes; a++) {
            double least = largest > 0 ? 1e-9 * largest : 1;
            f.variance[a] = f.variance[a] > least ? f.variance[a] : least;
        }
        static double leaves[NODES * WIDTH];
        solve_densely(&f, leaves);
        for (size_t k = 0; k < f.leaves * f.width; k++) {
            assert_true(isfinite(leaf_at(&f, k / f.width, k % f.width)));
            assert_true(fabs(leaf_at(&f, k / f.width, k % f.width) - leaves[k]) <= 1e-5 * 30);
        }
    }
}

/* Free leaves have slope 0, leaves at 0 a slope that would lower them further. Slopes are sums of
 * at most 60 terms of the stated size, exact but for rounding: 1e-11 of them. */
static void assert_optimal(const fixture *f)
{
    for (size_t i = 0; i < f->leaves; i++) {
        for (size_t c = 0; c < f->width; c++) {
            double size;
            double by = slope(f, i, c, &size);
            double value = leaf_at(f, i, c);
            assert_true(value >= 0 && !signbit(value));
            assert_true(by >= -1e-11 * size);
            assert_true(value == 0 || by <= 1e-11 * size);
        }
    }
}

/* The clipped optimum without a bound is never better. */
static size_t count_better_than_clipped(const fixture *f)
{
    fixture clipped = *f;
    solve(&clipped, false);
    size_t better = 0;
    for (size_t c = 0; c < f->width; c++) {
        double own[NODES];
        double other[NODES];
        for (size_t i = 0; i < f->leaves; i++) {
            own[i] = leaf_at(f, i, c);
            double value = leaf_at(&clipped, i, c);
            other[i] = value > 0 ? value : 0;
        }
        double ours = objective(f, own, c);
        double theirs = objective(f, other, c);
        assert_true(ours <= theirs * (1 + 1e-12));
        better += ours < theirs * (1 - 1e-9);
    }
    return better;
}

static void the_active_set_ends_at_the_optimum(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(62, 0);
    size_t better = 0;
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_tree(&rng, i % 2, &f);
        random_forecasts(&rng, (double)alm_rng_next_below(&rng, 4) - 2, &f);
        alm_tree_outcome outcome = solve(&f, true);
        assert_int_equal(outcome.unsettled, 0);
        assert_true(outcome.rounds >= 1 && outcome.rounds <= 40);
        assert_coherent(&f);
        assert_optimal(&f);
        better += count_better_than_clipped(&f);
    }
    assert_true(better > 1000); /* so the comparison was one */
}

/* Without rounds enough the result is feasible and says what is open. */
static void rounds_that_end_too_early(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(63, 0);
    size_t unsettled = 0;
    for (int i = 0; i < 50; i++) {
        fixture f;
        random_tree(&rng, true, &f);
        random_forecasts(&rng, 0, &f);
        alm_reconcile_tree *tree = open_tree(&f);
        alm_tree_outcome outcome;
        memcpy(f.value, f.base, sizeof f.value);
        assert_int_equal(alm_reconcile_tree_solve(tree, &(alm_tree_options){true, 1, NULL},
                                                  f.value, f.width, &outcome, NULL), ALM_OK);
        alm_reconcile_tree_destroy(tree);
        assert_int_equal(outcome.rounds, 1);
        unsettled += outcome.unsettled;
        assert_coherent(&f);
        for (size_t k = 0; k < f.nodes * f.width; k++) {
            assert_true(f.value[k] >= 0);
        }
    }
    assert_true(unsettled > 0);
}

/* ---- streams ---- */

typedef struct tape {
    const fixture *f;
    double written[NODES * WIDTH];
    size_t reads, writes, largest;
    size_t fail_at; /* the read that fails; 0: none */
    size_t next;    /* nodes from here on are written */
} tape;

static alm_err read_tape(void *context, size_t first, size_t count, double *values,
                         alm_error *error)
{
    tape *t = context;
    t->reads++;
    if (t->reads == t->fail_at) {
        return alm_fail(error, ALM_ERR_IO, "the tape is torn");
    }
    t->largest = count > t->largest ? count : t->largest;
    memcpy(values, t->f->base + first * t->f->width, count * t->f->width * sizeof(double));
    return ALM_OK;
}

static alm_err write_tape(void *context, size_t first, size_t count, const double *values,
                          alm_error *error)
{
    (void)error;
    tape *t = context;
    t->writes++;
    assert_int_equal(first + count, t->next);
    t->next = first;
    memcpy(t->written + first * t->f->width, values, count * t->f->width * sizeof(double));
    return ALM_OK;
}

static alm_err stream(const fixture *f, const alm_tree_options *options, size_t block_nodes,
                      tape *t, alm_error *error)
{
    alm_tree_stream s = {read_tape, write_tape, t, f->width, block_nodes};
    alm_reconcile_tree *tree = open_tree(f);
    t->f = f;
    t->next = f->nodes;
    alm_err code = alm_reconcile_tree_stream(tree, options, &s, NULL, error);
    alm_reconcile_tree_destroy(tree);
    return code;
}

static void a_stream_gives_the_bits_of_memory(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(64, 0);
    alm_pool *pool = NULL;
    assert_int_equal(alm_pool_create(2, &pool, NULL), ALM_OK);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_tree(&rng, true, &f);
        random_forecasts(&rng, i % 4 < 2 ? 0 : 5, &f);
        alm_tree_options options = {.non_negative = i % 2, .pool = i % 3 ? pool : NULL};
        solve(&f, options.non_negative);
        for (size_t block = 0; block < 2 * NODES; block += 1 + alm_rng_next_below(&rng, 20)) {
            tape t = {0};
            assert_int_equal(stream(&f, &options, block, &t, NULL), ALM_OK);
            assert_int_equal(t.next, 0);
            assert_true(block == 0 || t.largest <= block);
            assert_memory_equal(t.written, f.value, f.nodes * f.width * sizeof(double));
        }
    }
    alm_pool_destroy(pool);
}

static void columns_do_not_influence_each_other(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(65, 0);
    for (int i = 0; i < 40; i++) {
        fixture f;
        random_tree(&rng, true, &f);
        random_forecasts(&rng, 0, &f);
        solve(&f, i % 2);
        for (size_t c = 0; c < f.width; c += 1 + alm_rng_next_below(&rng, 30)) {
            fixture alone = f;
            alone.width = 1;
            for (size_t a = 0; a < f.nodes; a++) {
                alone.base[a] = f.base[a * f.width + c];
            }
            solve(&alone, i % 2);
            for (size_t a = 0; a < f.nodes; a++) {
                assert_memory_equal(&alone.value[a], &f.value[a * f.width + c], sizeof(double));
            }
        }
    }
}

/* ---- refusals ---- */

static void assert_refused(fixture *f, const char *message)
{
    alm_error error = {0};
    alm_reconcile_tree *tree = (alm_reconcile_tree *)(void *)f;
    assert_int_equal(alm_reconcile_tree_create(f->parent, f->variance, f->nodes, &tree, &error),
                     ALM_ERR_INVALID);
    assert_ptr_equal(tree, f);
    assert_non_null(strstr(error.message, message));
}

static void what_is_no_tree_is_refused(void **state)
{
    (void)state;
    fixture f = {.nodes = 4, .width = 1, .parent = {ALM_TREE_ROOT, 0, 0, 1},
                 .variance = {1, 1, 1, 1}};
    alm_error error = {0};
    tape t = {0};
    /* 2 stands between 1 and its child 3: right in memory, no stream. */
    assert_int_equal(stream(&f, &(alm_tree_options){0}, 2, &t, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "node 2 does not come right after"));
    f.parent[1] = 1;
    assert_refused(&f, "node 1 has the parent 1; parents come before");
    f.parent[1] = 0;
    f.variance[2] = -1;
    assert_refused(&f, "the variance of node 2 is not a finite number >= 0");
    f.variance[2] = (double)NAN;
    assert_refused(&f, "the variance of node 2");
    alm_reconcile_tree_destroy(NULL);
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    static const double WRONG[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 6; i++) {
        fixture f = {.nodes = 3, .width = 2, .parent = {ALM_TREE_ROOT, 0, 0},
                     .variance = {1, 1, 1}, .base = {9, 9, 3, 3, 4, 4}};
        f.base[3] = WRONG[i / 2];
        alm_reconcile_tree *tree = open_tree(&f);
        alm_tree_options options = {.non_negative = i % 2};
        alm_error error = {0};
        memcpy(f.value, f.base, sizeof f.value);
        assert_int_equal(alm_reconcile_tree_solve(tree, &options, f.value, 2, NULL, &error),
                         ALM_ERR_NUMERIC);
        assert_non_null(strstr(error.message, "a forecast of node 1 is not a finite number"));
        assert_memory_equal(f.value, f.base, sizeof f.value);
        tape t = {0};
        assert_int_equal(stream(&f, &options, 1, &t, &error), ALM_ERR_NUMERIC);
        assert_int_equal(t.writes, 0);
        for (int k = 0; k < 6; k++) {
            f.value[k] = 1.5e308;
        }
        assert_int_equal(alm_reconcile_tree_solve(tree, &options, f.value, 2, NULL, &error),
                         ALM_ERR_NUMERIC);
        assert_non_null(strstr(error.message, "node 0"));
        alm_reconcile_tree_destroy(tree);
    }
}

static void a_torn_stream_ends_with_its_error(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(66, 0);
    fixture f;
    do {
        random_tree(&rng, true, &f);
    } while (f.nodes < 30);
    random_forecasts(&rng, 0, &f);
    tape whole = {0};
    alm_tree_options options = {.non_negative = true};
    assert_int_equal(stream(&f, &options, 4, &whole, NULL), ALM_OK);
    for (size_t at = 1; at <= whole.reads; at++) {
        tape t = {.fail_at = at};
        alm_error error = {0};
        assert_int_equal(stream(&f, &options, 4, &t, &error), ALM_ERR_IO);
        assert_string_equal(error.message, "the tape is torn");
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    static fixture f;
    alm_rng rng = alm_rng_stream(67, 0);
    do {
        random_tree(&rng, true, &f);
    } while (f.nodes < 50);
    do {
        random_forecasts(&rng, 0, &f);
    } while (f.width < WIDTH);
    size_t held = alm_heap_held_bytes();
    uint64_t failures = 0;
    alm_err code = ALM_ERR_MEMORY;
    for (; code != ALM_OK; failures += code != ALM_OK) {
        tape t = {0};
        alm_reconcile_tree *tree = open_tree(&f);
        alm_tree_stream s = {read_tape, write_tape, &t, f.width, 7};
        t.f = &f;
        t.next = f.nodes;
        alm_heap_fail_at(failures + 1);
        code = alm_reconcile_tree_stream(tree, &(alm_tree_options){.non_negative = true}, &s, NULL,
                                         NULL);
        alm_heap_fail_at(0);
        assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
        alm_reconcile_tree_destroy(tree);
        assert_int_equal(alm_heap_held_bytes(), held);
    }
    assert_true(failures >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_equals_the_dense_solve),
        cmocka_unit_test(nodes_that_never_erred),
        cmocka_unit_test(the_active_set_ends_at_the_optimum),
        cmocka_unit_test(rounds_that_end_too_early),
        cmocka_unit_test(a_stream_gives_the_bits_of_memory),
        cmocka_unit_test(columns_do_not_influence_each_other),
        cmocka_unit_test(what_is_no_tree_is_refused),
        cmocka_unit_test(numbers_that_are_none),
        cmocka_unit_test(a_torn_stream_ends_with_its_error),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
