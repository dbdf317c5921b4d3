/* forest_pattern.c: the leaves of a tree with the patterns in which rows pass their conditions. */
#include <string.h>

#include "model/forest/forest_pattern.h"

/* A node on the way down; what it holds is of the path to it, by the slots of its parent. */
typedef struct frame {
    size_t size;
    uint32_t *feature;     /* [element] */
    double *zero;          /* [element] */
    almi_pattern *pattern; /* [slot of the parent] */
    uint16_t *entry;       /* [row] at the node */
    uint16_t *from;        /* [slot of the node] */
} frame;

struct almi_pattern_walk {
    almi_parting parting;
    frame *frame; /* [depth_max + 1] */
    const almi_tree *tree;
    size_t tree_index;
    almi_path_visitor *visit;
    void *context;
};

/* ---- shapes ---- */

typedef struct counter {
    const almi_tree *tree;
    uint32_t *met; /* [feature] on the way to the node at hand */
    size_t elements, elements_max;
} counter;

static void count_below(counter *c, int32_t child)
{
    if (child < 0) {
        c->elements_max = c->elements > c->elements_max ? c->elements : c->elements_max;
        return;
    }
    uint32_t *met = &c->met[c->tree->feature[child]];
    c->elements += (*met)++ == 0;
    count_below(c, c->tree->left[child]);
    count_below(c, c->tree->right[child]);
    c->elements -= --*met == 0;
}

alm_err almi_path_elements_max(const alm_forest *forest, size_t *out, alm_error *error)
{
    almi_tree_shape shape;
    ALM_TRY(almi_forest_shape(forest, &shape, error)); /* bounds the recursion */
    alm_arena *scratch = alm_arena_create(0);
    counter c = {0};
    alm_err code = ALMI_FOREST_ARRAY(scratch, forest->info.feature_count + forest->ctr_count,
                                     c.met, error);
    for (size_t t = 0; code == ALM_OK && t < forest->info.tree_count; t++) {
        c.tree = &forest->tree[t];
        count_below(&c, c.tree->leaf_count > 1 ? 0 : -1);
        if (c.elements_max > ALMI_PATH_FEATURES_MAX) {
            code = alm_fail(error, ALM_ERR_UNSUPPORTED,
                            "tree %zu has a path with more than %d features; train with a "
                            "max_depth to explain it",
                            t, ALMI_PATH_FEATURES_MAX);
        }
    }
    alm_arena_destroy(scratch);
    ALM_TRY(code);
    *out = c.elements_max;
    return ALM_OK;
}

/* ---- the walk ---- */

alm_err almi_pattern_walk_create(const alm_forest *forest, size_t rows_max, alm_arena *arena,
                                 almi_pattern_walk **out, alm_error *error)
{
    almi_tree_shape shape;
    almi_pattern_walk *walk = ALM_NEW(arena, almi_pattern_walk);
    ALM_TRY(almi_forest_shape(forest, &shape, error));
    ALM_TRY(almi_parting_create(forest, rows_max, arena, &walk->parting, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, shape.depth_max + 1, walk->frame, error));
    size_t elements = shape.elements_max < ALMI_PATH_FEATURES_MAX ? shape.elements_max
                                                                  : ALMI_PATH_FEATURES_MAX;
    for (size_t i = 0; i <= shape.depth_max; i++) {
        frame *f = &walk->frame[i];
        ALM_TRY(ALMI_FOREST_ARRAY(arena, elements, f->feature, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, elements, f->zero, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, rows_max, f->pattern, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, rows_max, f->entry, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, rows_max, f->from, error));
    }
    *out = walk;
    return ALM_OK;
}

void almi_pattern_walk_load(almi_pattern_walk *walk, const almi_rows *rows)
{
    almi_parting_load(&walk->parting, rows);
}

/* As in forest_shap.c: an even share where no training row came by. */
static double share_of(const almi_tree *tree, size_t node, int32_t child)
{
    if (tree->node_cover == NULL) {
        return 1.0;
    }
    double cover = tree->node_cover[node];
    double part = child >= 0 ? tree->node_cover[child] : tree->leaf_cover[~child];
    return cover > 0 ? part / cover : 0.5;
}

/* The path and the patterns of a child of the node that `f` leads to. */
static void extend_path(const almi_pattern_walk *walk, const frame *f, size_t node, bool left,
                        size_t slots, frame *to)
{
    const almi_tree *tree = walk->tree;
    uint32_t feature = (uint32_t)tree->feature[node];
    size_t e = 0;
    while (e < f->size && f->feature[e] != feature) {
        e++;
    }
    memcpy(to->feature, f->feature, f->size * sizeof *f->feature);
    memcpy(to->zero, f->zero, f->size * sizeof *f->zero);
    to->size = f->size;
    if (e == f->size) {
        to->feature[e] = feature;
        to->zero[e] = 1.0;
        to->size++;
    }
    to->zero[e] *= share_of(tree, node, left ? tree->left[node] : tree->right[node]);
    uint64_t mask = (uint64_t)1 << (e % 64);
    for (size_t i = 0; i < slots; i++) {
        almi_pattern pattern = f->pattern[ALMI_PARTING_SLOT(f->from[i])];
        uint64_t *word = &pattern.word[e / 64];
        if (ALMI_PARTING_LEFT(f->from[i]) != left) {
            *word &= ~mask;
        } else if (e == f->size) {
            *word |= mask;
        }
        to->pattern[i] = pattern;
    }
}

static void walk_node(almi_pattern_walk *walk, size_t node, size_t depth, const uint16_t *parent)
{
    const almi_tree *tree = walk->tree;
    frame *f = &walk->frame[depth], *to = f + 1;
    size_t slots = almi_parting_node(&walk->parting, walk->tree_index, node, parent, f->entry,
                                     f->from);
    for (int side = 0; side < 2; side++) {
        int32_t child = side == 0 ? tree->left[node] : tree->right[node];
        extend_path(walk, f, node, side == 0, slots, to);
        if (child >= 0) {
            walk_node(walk, (size_t)child, depth + 1, f->entry);
            continue;
        }
        almi_path path = {tree,     walk->tree_index, (size_t)~child, to->size,
                          to->feature, to->zero,      slots,          to->pattern,
                          f->entry, walk->parting.rows.count};
        walk->visit(walk->context, &path);
    }
}

void almi_pattern_walk_tree(almi_pattern_walk *walk, size_t tree, almi_path_visitor *visit,
                            void *context)
{
    walk->tree = &walk->parting.forest->tree[tree];
    walk->tree_index = tree;
    walk->visit = visit;
    walk->context = context;
    if (walk->tree->leaf_count == 1 || walk->parting.rows.count == 0) {
        return;
    }
    walk->frame[0].size = 0;
    walk->frame[0].pattern[0] = (almi_pattern){{0}};
    walk_node(walk, 0, 0, NULL);
}
