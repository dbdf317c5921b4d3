#include "num/hierarchy_product.h"

#include <inttypes.h>
#include <string.h>

/* One side of the product: its levels, and its leaves as the last. */
typedef struct side {
    const alm_hierarchy *h;
    uint32_t level;
    uint32_t count; /* nodes of the level */
} side;

static side side_at(const alm_hierarchy *h, uint32_t level)
{
    bool is_leaf = level == h->level_count;
    return (side){h, level, is_leaf ? h->leaf_count : h->levels[level].node_count};
}

static bool is_leaves(const side *s)
{
    return s->level == s->h->level_count;
}

static const char *level_name(alm_arena *arena, const side *s)
{
    alm_str name = is_leaves(s) ? alm_str_of("leaves") : s->h->levels[s->level].name;
    return alm_arena_copy_text(arena, name.data, name.size);
}

static const char *node_name(alm_arena *arena, const side *s, uint32_t node)
{
    if (is_leaves(s)) {
        return alm_arena_printf(arena, "%" PRIu32, node);
    }
    alm_str name = s->h->node_names[s->h->levels[s->level].first_node + node];
    return alm_arena_copy_text(arena, name.data, name.size);
}

/* The leaf's node within the level. */
static uint32_t node_of(const side *s, uint32_t leaf)
{
    return is_leaves(s) ? leaf
                        : s->h->node_of_leaf[(size_t)leaf * s->h->level_count + s->level] -
                              s->h->levels[s->level].first_node;
}

static uint32_t leaves_of(const side *s, uint32_t node)
{
    return is_leaves(s) ? 1 : s->h->leaves_of_node[s->h->levels[s->level].first_node + node];
}

typedef struct product {
    alm_arena *arena;
    alm_hierarchy h;
    alm_hierarchy_level *levels;
    alm_str *names;
    uint32_t *node_of_leaf, *leaves_of_node;
} product;

static void add_level(product *p, uint32_t level, side a, side b)
{
    uint32_t first = p->h.node_count;
    p->levels[level] = (alm_hierarchy_level){.first_node = first, .node_count = a.count * b.count};
    p->levels[level].name = alm_str_of(alm_arena_printf(
        p->arena, "%s x %s", level_name(p->arena, &a), level_name(p->arena, &b)));
    p->h.node_count += a.count * b.count;
    for (uint32_t i = 0; i < a.count; i++) {
        for (uint32_t j = 0; j < b.count; j++) {
            uint32_t node = first + i * b.count + j;
            p->names[node] = alm_str_of(alm_arena_printf(p->arena, "%s|%s",
                                                         node_name(p->arena, &a, i),
                                                         node_name(p->arena, &b, j)));
            p->leaves_of_node[node] = leaves_of(&a, i) * leaves_of(&b, j);
        }
    }
    for (uint32_t leaf = 0; leaf < p->h.leaf_count; leaf++) {
        uint32_t i = node_of(&a, leaf / b.h->leaf_count);
        uint32_t j = node_of(&b, leaf % b.h->leaf_count);
        p->node_of_leaf[(size_t)leaf * p->h.level_count + level] = first + i * b.count + j;
    }
}

alm_err alm_hierarchy_product(const alm_hierarchy *a, const alm_hierarchy *b, alm_arena *arena,
                              alm_hierarchy *out, alm_error *error)
{
    uint64_t leaves = (uint64_t)a->leaf_count * b->leaf_count;
    uint64_t nodes = ((uint64_t)a->node_count + a->leaf_count) *
                         ((uint64_t)b->node_count + b->leaf_count) - leaves;
    uint32_t levels = (a->level_count + 1) * (b->level_count + 1) - 1;
    if (nodes >= UINT32_MAX || leaves * (levels + 1) >= UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "%" PRIu32 " x %" PRIu32 " leaves in %" PRIu32 " levels are too many for "
                        "a hierarchy", a->leaf_count, b->leaf_count, levels);
    }
    product p = {.arena = arena};
    p.h = (alm_hierarchy){.leaf_count = (uint32_t)leaves, .level_count = levels};
    /* A side without levels only repeats the other; two with levels cross. */
    p.h.is_tree = (a->level_count == 0 && b->is_tree) || (b->level_count == 0 && a->is_tree);
    p.levels = ALM_NEW_ARRAY(arena, alm_hierarchy_level, levels);
    ALM_TRY(alm_arena_try_array(arena, nodes, sizeof(alm_str), &p.names, error));
    ALM_TRY(alm_arena_try_array(arena, nodes, sizeof(uint32_t), &p.leaves_of_node, error));
    ALM_TRY(alm_arena_try_array(arena, leaves * levels, sizeof(uint32_t), &p.node_of_leaf, error));
    for (uint32_t level = 0; level < levels; level++) {
        side x = side_at(a, level / (b->level_count + 1));
        side y = side_at(b, level % (b->level_count + 1));
        add_level(&p, level, x, y);
    }
    p.h.levels = p.levels;
    p.h.node_names = p.names;
    p.h.node_of_leaf = p.node_of_leaf;
    p.h.leaves_of_node = p.leaves_of_node;
    *out = p.h;
    return ALM_OK;
}
