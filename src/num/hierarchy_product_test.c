#include "num/hierarchy_product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static alm_hierarchy hierarchy(alm_arena *arena, const char *const *names, uint32_t leaves,
                               uint32_t levels)
{
    static const char *const LEVELS[] = {"all", "part"};
    alm_str level_names[2];
    alm_str all[32];
    for (uint32_t i = 0; i < levels; i++) {
        level_names[i] = alm_str_of(LEVELS[i]);
    }
    for (uint32_t i = 0; i < leaves * levels; i++) {
        all[i] = alm_str_of(names[i]);
    }
    alm_hierarchy h;
    assert_int_equal(alm_hierarchy_build(level_names, levels, all, leaves, arena, &h, NULL),
                     ALM_OK);
    return h;
}

/* 3 products in 2 parts, 4 days in 2 weeks. */
static const char *const PRODUCTS[] = {"all", "a", "all", "b", "all", "b"};
static const char *const DAYS[] = {"w1", "w1", "w2", "w2"};

static uint32_t find(const alm_hierarchy *h, const char *name)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < h->node_count; i++) {
        if (alm_str_is(h->node_names[i], name)) {
            assert_int_equal(found, UINT32_MAX);
            found = i;
        }
    }
    assert_true(found != UINT32_MAX);
    return found;
}

static void every_pair_of_levels_is_summed(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_hierarchy products = hierarchy(arena, PRODUCTS, 3, 2);
    alm_hierarchy days = hierarchy(arena, DAYS, 4, 1);
    alm_hierarchy h;
    assert_int_equal(alm_hierarchy_product(&products, &days, arena, &h, NULL), ALM_OK);
    assert_int_equal(h.leaf_count, 12);
    assert_int_equal(h.level_count, 5);
    assert_int_equal(h.node_count, (3 + 3) * (2 + 4) - 12);
    assert_false(h.is_tree);
    static const char *const LEVELS[] = {"all x all", "all x leaves", "part x all",
                                         "part x leaves", "leaves x all"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(alm_str_is(h.levels[i].name, LEVELS[i]));
    }
    double leaves[12];
    double sums[24] = {0};
    for (int i = 0; i < 12; i++) {
        leaves[i] = 1 << i; /* bits 4 i + j: product i, day j */
    }
    alm_hierarchy_add(&h, 0, 12, leaves, 1, sums);
    assert_true(sums[find(&h, "all|w1")] == 0x333);
    assert_true(sums[find(&h, "all|3")] == 0x888);
    assert_true(sums[find(&h, "b|w2")] == 0xCC0);
    assert_true(sums[find(&h, "a|0")] == 0x001);
    assert_true(sums[find(&h, "2|w2")] == 0xC00);
    uint32_t counted = 0;
    for (uint32_t i = 0; i < h.node_count; i++) {
        counted += h.leaves_of_node[i];
    }
    assert_int_equal(counted, 5 * 12);
    assert_int_equal(h.leaves_of_node[find(&h, "b|w2")], 4);
    alm_arena_destroy(arena);
}

static void a_side_without_levels_repeats_the_other(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_hierarchy products = hierarchy(arena, PRODUCTS, 3, 2);
    alm_hierarchy days = hierarchy(arena, NULL, 4, 0);
    alm_hierarchy h;
    assert_int_equal(alm_hierarchy_product(&products, &days, arena, &h, NULL), ALM_OK);
    assert_int_equal(h.level_count, 2);
    assert_int_equal(h.node_count, 3 * 4);
    assert_true(h.is_tree);
    assert_int_equal(alm_hierarchy_product(&days, &products, arena, &h, NULL), ALM_OK);
    assert_true(h.is_tree);
    alm_hierarchy large = {.leaf_count = 1u << 20, .level_count = 0};
    alm_error error = {0};
    assert_int_equal(alm_hierarchy_product(&large, &large, arena, &h, &error), ALM_ERR_LIMIT);
    assert_non_null(strstr(error.message, "1048576 x 1048576 leaves in 0 levels are too many"));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_levels_is_summed),
        cmocka_unit_test(a_side_without_levels_repeats_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
