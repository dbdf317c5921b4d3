/* hierarchy.c: nodes of every level by sorting the leaves' names. */
#include "num/hierarchy.h"

#include <stdlib.h>

typedef struct entry {
    alm_str name;
    uint32_t leaf;
} entry;

static int compare_entries(const void *a, const void *b)
{
    const entry *x = a;
    const entry *y = b;
    int order = alm_str_compare(x->name, y->name);
    return order ? order : (x->leaf > y->leaf) - (x->leaf < y->leaf);
}

typedef struct builder {
    alm_arena *arena;
    alm_hierarchy *out;
    const alm_str *names; /* leaf_count x level_count */
    entry *entries;       /* leaf_count, scratch */
    uint32_t *node_of_leaf;
    alm_str *node_names;  /* room for the nodes of all levels */
    uint32_t *leaves_of_node;
} builder;

/* Numbers the nodes of one level in order of their names. */
static void build_level(builder *b, uint32_t level)
{
    alm_hierarchy *h = b->out;
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        b->entries[leaf] = (entry){b->names[(size_t)leaf * h->level_count + level], leaf};
    }
    qsort(b->entries, h->leaf_count, sizeof(entry), compare_entries);
    uint32_t next = h->node_count;
    for (uint32_t i = 0; i < h->leaf_count; i++) {
        alm_str name = b->entries[i].name;
        if (i == 0 || !alm_str_equal(name, b->entries[i - 1].name)) {
            const char *copy = alm_arena_copy_text(b->arena, name.data, name.size);
            b->node_names[next] = (alm_str){copy, name.size};
            next++;
        }
        b->leaves_of_node[next - 1]++;
        b->node_of_leaf[(size_t)b->entries[i].leaf * h->level_count + level] = next - 1;
    }
    alm_hierarchy_level *levels = (alm_hierarchy_level *)(uintptr_t)h->levels;
    levels[level].first_node = h->node_count;
    levels[level].node_count = next - h->node_count;
    h->node_count = next;
}

/* Does every node of `level` lie within one node of the level above? */
static bool refines(const alm_hierarchy *h, uint32_t level, uint32_t *parent)
{
    for (uint32_t node = 0; node < h->node_count; node++) {
        parent[node] = UINT32_MAX;
    }
    for (uint32_t leaf = 0; leaf < h->leaf_count; leaf++) {
        const uint32_t *nodes = h->node_of_leaf + (size_t)leaf * h->level_count;
        uint32_t node = nodes[level];
        if (parent[node] == UINT32_MAX) {
            parent[node] = nodes[level - 1];
        } else if (parent[node] != nodes[level - 1]) {
            return false;
        }
    }
    return true;
}

/* Upper bound of the number of nodes is known only after sorting, so arrays of that size are made
 * in `scratch` and copied. */
static alm_err build(builder *b, alm_arena *scratch, alm_error *error)
{
    alm_hierarchy *h = b->out;
    size_t cells = (size_t)h->leaf_count * h->level_count;
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(scratch, h->leaf_count * sizeof(entry), &memory, error));
    b->entries = memory;
    ALM_TRY(alm_arena_try_alloc(scratch, cells * sizeof(alm_str), &memory, error));
    b->node_names = memory;
    ALM_TRY(alm_arena_try_alloc(scratch, cells * sizeof(uint32_t), &memory, error));
    b->leaves_of_node = memory;
    ALM_TRY(alm_arena_try_alloc(b->arena, cells * sizeof(uint32_t), &memory, error));
    b->node_of_leaf = memory;
    h->node_of_leaf = b->node_of_leaf;
    for (uint32_t level = 0; level < h->level_count; level++) {
        build_level(b, level);
    }
    alm_str *names = ALM_NEW_ARRAY(b->arena, alm_str, h->node_count);
    uint32_t *leaves = ALM_NEW_ARRAY(b->arena, uint32_t, h->node_count);
    for (uint32_t node = 0; node < h->node_count; node++) {
        names[node] = b->node_names[node];
        leaves[node] = b->leaves_of_node[node];
    }
    h->node_names = names;
    h->leaves_of_node = leaves;
    h->is_tree = true;
    uint32_t *parent = ALM_NEW_ARRAY(scratch, uint32_t, h->node_count);
    for (uint32_t level = 1; level < h->level_count && h->is_tree; level++) {
        h->is_tree = refines(h, level, parent);
    }
    return ALM_OK;
}

alm_err alm_hierarchy_build(const alm_str *level_names, uint32_t level_count, const alm_str *names,
                            uint32_t leaf_count, alm_arena *arena, alm_hierarchy *out,
                            alm_error *error)
{
    alm_hierarchy h = {.leaf_count = leaf_count, .level_count = level_count};
    if ((uint64_t)leaf_count * level_count >= UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "%u series x %u levels are too many for a hierarchy",
                        leaf_count, level_count);
    }
    alm_hierarchy_level *levels = ALM_NEW_ARRAY(arena, alm_hierarchy_level, level_count);
    for (uint32_t level = 0; level < level_count; level++) {
        alm_str name = level_names[level];
        levels[level].name =
            (alm_str){alm_arena_copy_text(arena, name.data, name.size), name.size};
    }
    h.levels = levels;
    builder b = {.arena = arena, .out = &h, .names = names};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = build(&b, scratch, error);
    alm_arena_destroy(scratch);
    ALM_TRY(code);
    *out = h;
    return ALM_OK;
}

void alm_hierarchy_add(const alm_hierarchy *hierarchy, uint32_t first_leaf, uint32_t count,
                       const double *leaf_values, size_t width, double *node_sums)
{
    alm_assert((uint64_t)first_leaf + count <= hierarchy->leaf_count);
    for (uint32_t i = 0; i < count; i++) {
        const double *values = leaf_values + i * width;
        const uint32_t *nodes =
            hierarchy->node_of_leaf + (size_t)(first_leaf + i) * hierarchy->level_count;
        for (uint32_t level = 0; level < hierarchy->level_count; level++) {
            double *sums = node_sums + (size_t)nodes[level] * width;
            for (size_t k = 0; k < width; k++) {
                sums[k] += values[k];
            }
        }
    }
}
