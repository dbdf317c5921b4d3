/* The solution is judged by the product, and the product by the definition. */
#include "num/aggregate_system.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define LEAVES 80
#define LEVELS 4
#define WIDTH 70

typedef struct fixture {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    double *leaf_variance, *node_variance;
} fixture;

static void random_hierarchy(alm_rng *rng, bool is_tree, fixture *f)
{
    *f = (fixture){.arena = alm_arena_create(0)};
    uint32_t leaves = 1 + (uint32_t)alm_rng_next_below(rng, LEAVES);
    uint32_t levels = 1 + (uint32_t)alm_rng_next_below(rng, LEVELS);
    alm_str level_names[LEVELS];
    alm_str *names = ALM_NEW_ARRAY(f->arena, alm_str, (size_t)leaves * levels);
    for (uint32_t level = 0; level < levels; level++) {
        level_names[level] = alm_str_of("level");
        for (uint32_t i = 0; i < leaves; i++) {
            const char *above = level && is_tree ? names[i * levels + level - 1].data : "";
            char *name = alm_arena_printf(f->arena, "%s/%d", above,
                                          (int)alm_rng_next_below(rng, 1 + 3 * (uint64_t)level));
            names[i * levels + level] = alm_str_of(name);
        }
    }
    assert_int_equal(alm_hierarchy_build(level_names, levels, names, leaves, f->arena,
                                         &f->hierarchy, NULL), ALM_OK);
    f->leaf_variance = ALM_NEW_ARRAY(f->arena, double, leaves);
    f->node_variance = ALM_NEW_ARRAY(f->arena, double, f->hierarchy.node_count);
    for (uint32_t i = 0; i < leaves; i++) {
        f->leaf_variance[i] = 5 * alm_rng_next_uniform(rng);
    }
    for (uint32_t a = 0; a < f->hierarchy.node_count; a++) {
        f->node_variance[a] = 0.1 + 5 * alm_rng_next_uniform(rng);
    }
}

static alm_aggregate_system *open_system(const fixture *f, size_t dense_max)
{
    alm_aggregate_weights weights = {&f->hierarchy, f->leaf_variance, f->node_variance, dense_max};
    alm_aggregate_system *system = NULL;
    assert_int_equal(alm_aggregate_system_create(&weights, f->arena, &system, NULL), ALM_OK);
    return system;
}

static bool belongs(const fixture *f, size_t leaf, size_t node)
{
    bool found = false;
    for (size_t level = 0; level < f->hierarchy.level_count; level++) {
        found = found || f->hierarchy.node_of_leaf[leaf * f->hierarchy.level_count + level] == node;
    }
    return found;
}

static void the_product_is_that_of_the_definition(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(73, 0);
    for (int i = 0; i < 60; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2, &f);
        size_t n = f.hierarchy.node_count;
        size_t width = 1 + alm_rng_next_below(&rng, WIDTH);
        double *x = ALM_NEW_ARRAY(f.arena, double, n * width);
        double *out = ALM_NEW_ARRAY(f.arena, double, n * width);
        bool *pinned = ALM_NEW_ARRAY(f.arena, bool, f.hierarchy.leaf_count * width);
        for (size_t k = 0; k < n * width; k++) {
            x[k] = alm_rng_next_normal(&rng);
        }
        for (size_t k = 0; k < f.hierarchy.leaf_count * width; k++) {
            pinned[k] = alm_rng_next_below(&rng, 2);
        }
        bool any = i % 3;
        alm_aggregate_system_product(open_system(&f, 0), x, width, any ? pinned : NULL, out);
        for (size_t k = 0; k < n * width; k++) {
            size_t a = k / width;
            size_t c = k % width;
            double sum = f.node_variance[a] * x[k];
            for (size_t b = 0; b < n; b++) {
                for (size_t leaf = 0; leaf < f.hierarchy.leaf_count; leaf++) {
                    bool counts = belongs(&f, leaf, a) && belongs(&f, leaf, b) &&
                                  !(any && pinned[leaf * width + c]);
                    sum += counts ? f.leaf_variance[leaf] * x[b * width + c] : 0;
                }
            }
            assert_true(fabs(out[k] - sum) < 1e-9); /* thousands of terms of size 5 */
        }
        alm_arena_destroy(f.arena);
    }
}

/* By two passes, by Cholesky, by conjugate gradients: (V + C W C') x is g again. Sums of 80 terms
 * of size 5 in a matrix whose condition is at most 4 (1 + 80 x 5 / 0.1): 1e-10. */
static void every_solver_solves(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(74, 0);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_hierarchy(&rng, i % 3 == 0, &f);
        size_t n = f.hierarchy.node_count;
        size_t width = 1 + alm_rng_next_below(&rng, 5);
        double *g = ALM_NEW_ARRAY(f.arena, double, n * width);
        double *x = ALM_NEW_ARRAY(f.arena, double, n * width);
        double *again = ALM_NEW_ARRAY(f.arena, double, n * width);
        for (size_t k = 0; k < n * width; k++) {
            x[k] = g[k] = alm_rng_next_normal(&rng);
        }
        alm_aggregate_system *system = open_system(&f, i % 3 == 1 ? 4096 : 0);
        assert_true(alm_aggregate_system_is_direct(system) ==
                    (f.hierarchy.is_tree || i % 3 == 1));
        alm_arena *scratch = alm_arena_create(0);
        assert_int_equal(alm_aggregate_system_solve(system, x, width, scratch, NULL), ALM_OK);
        alm_arena_destroy(scratch);
        alm_aggregate_system_product(system, x, width, NULL, again);
        for (size_t k = 0; k < n * width; k++) {
            assert_true(fabs(again[k] - g[k]) < 1e-10);
        }
        alm_arena_destroy(f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_product_is_that_of_the_definition),
        cmocka_unit_test(every_solver_solves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
