#include "num/hierarchy.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static alm_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = alm_arena_create(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alm_arena_destroy(arena);
    return 0;
}

static alm_hierarchy build(const char *const *levels, uint32_t level_count,
                           const char *const *names, uint32_t leaves)
{
    alm_str *level_texts = ALM_NEW_ARRAY(arena, alm_str, level_count);
    alm_str *texts = ALM_NEW_ARRAY(arena, alm_str, (size_t)leaves * level_count);
    for (uint32_t i = 0; i < level_count; i++) {
        level_texts[i] = alm_str_of(levels[i]);
    }
    for (size_t i = 0; i < (size_t)leaves * level_count; i++) {
        texts[i] = alm_str_of(names[i]);
    }
    alm_hierarchy h = {0};
    alm_error error;
    assert_int_equal(
        alm_hierarchy_build(level_texts, level_count, texts, leaves, arena, &h, &error), ALM_OK);
    return h;
}

static void numbers_nodes_by_level_and_name(void **state)
{
    (void)state;
    const char *const levels[] = {"total", "market", "range"};
    const char *const names[] = {"total", "UK", "22", "total", "EIRE", "22",
                                 "total", "UK", "10", "total", "UK",   "22"};
    alm_hierarchy h = build(levels, 3, names, 4);
    assert_int_equal(h.node_count, 5);
    const char *const expected[] = {"total", "EIRE", "UK", "10", "22"};
    const uint32_t leaves[] = {4, 1, 3, 1, 3};
    for (uint32_t node = 0; node < 5; node++) {
        assert_true(alm_str_is(h.node_names[node], expected[node]));
        assert_int_equal(h.leaves_of_node[node], leaves[node]);
    }
    assert_int_equal(h.levels[1].first_node, 1);
    assert_int_equal(h.levels[1].node_count, 2);
    assert_int_equal(h.levels[2].first_node, 3);
    const uint32_t node_of_leaf[] = {0, 2, 4, 0, 1, 4, 0, 2, 3, 0, 2, 4};
    assert_memory_equal(h.node_of_leaf, node_of_leaf, sizeof(node_of_leaf));
    assert_false(h.is_tree); /* range 22 lies in two markets */
}

static void knows_a_tree(void **state)
{
    (void)state;
    const char *const levels[] = {"total", "region", "market"};
    const char *const names[] = {"total", "N", "N|a", "total", "N", "N|b", "total", "S", "S|a"};
    assert_true(build(levels, 3, names, 3).is_tree);
    assert_true(build(levels, 1, names, 1).is_tree);
    alm_hierarchy none = build(levels, 0, names, 3);
    assert_int_equal(none.node_count, 0);
    assert_true(none.is_tree);
    alm_hierarchy empty = build(levels, 3, names, 0); /* no leaves */
    assert_int_equal(empty.node_count, 0);
}

/* Adding in blocks gives the bits of adding at once, and the sums of a plain loop. */
static void adds_in_blocks(void **state)
{
    (void)state;
    enum { LEAVES = 50, WIDTH = 3 };
    const char *const groups[] = {"a", "b", "c", "d", "e"};
    const char *const levels[] = {"total", "group"};
    const char *names[LEAVES * 2];
    double values[LEAVES * WIDTH];
    alm_rng rng = alm_rng_stream(11, 3);
    for (int i = 0; i < LEAVES; i++) {
        names[2 * i] = "total";
        names[2 * i + 1] = groups[alm_rng_next_below(&rng, 5)];
        for (int k = 0; k < WIDTH; k++) {
            values[i * WIDTH + k] = alm_rng_next_uniform(&rng);
        }
    }
    alm_hierarchy h = build(levels, 2, names, LEAVES);
    double whole[6 * WIDTH] = {0};
    double parts[6 * WIDTH] = {0};
    double plain[6 * WIDTH] = {0};
    assert_int_equal(h.node_count, 6);
    alm_hierarchy_add(&h, 0, LEAVES, values, WIDTH, whole);
    for (uint32_t first = 0; first < LEAVES; first += 7) {
        uint32_t count = LEAVES - first < 7 ? LEAVES - first : 7;
        alm_hierarchy_add(&h, first, count, values + first * WIDTH, WIDTH, parts);
    }
    for (int i = 0; i < LEAVES; i++) {
        for (int k = 0; k < WIDTH; k++) {
            plain[k] += values[i * WIDTH + k];
            plain[(1 + names[2 * i + 1][0] - 'a') * WIDTH + k] += values[i * WIDTH + k];
        }
    }
    assert_memory_equal(whole, parts, sizeof(whole));
    assert_memory_equal(whole, plain, sizeof(whole));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_nodes_by_level_and_name, setup, teardown),
        cmocka_unit_test_setup_teardown(knows_a_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(adds_in_blocks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
