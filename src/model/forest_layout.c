/* forest_layout.c: the last part of compiling: consecutive trees whose lanes fit a block of codes
 * become a group, and each tree is written down in the forms that are scored (almi_fast_tree). */
#include <stdlib.h>
#include <string.h>

#include "model/forest_kernel.h"

/* Rows of pieces of a value: floats have two, doubles four. */
#define PIECES_MAX 4

/* A node and the first leaf below it. */
typedef struct between {
    int32_t node;
    uint32_t begin;
} between;

typedef struct layout {
    uint32_t *local;  /* [lane] position in the list of the group being closed */
    uint32_t *stamp;  /* [lane] number of the last group that has it */
    uint32_t current; /* number of the group, from 1 */
    uint32_t *list;   /* lanes of the group being built */
    size_t count;
    int32_t *order;   /* inner nodes of a tree, breadth first */
    uint16_t *slot;   /* [inner node] its number in the form being written */
    uint32_t *place;  /* [leaf] its number there */
    between *between; /* nodes from left to right */
    between *open;    /* those whose right side is still to be visited */
    uint32_t depth;   /* of the tree in `order` */
} layout;

/* The first node of each level is enough for a symmetric tree: 0, 1, 3, 7, ... */
static size_t next_asked(const almi_tree *tree, size_t node)
{
    return tree->symmetric_depth > 0 ? 2 * node + 1 : node + 1;
}

/* Adds the lanes of a tree to the group; false (and nothing added) when they do not fit. */
static bool add_tree_lanes(layout *g, const alm_forest *forest, size_t t)
{
    const almi_tree *tree = &forest->tree[t];
    const almi_test *test = forest->test[t];
    size_t before = g->count;
    for (size_t node = 0; node + 1 < tree->leaf_count; node = next_asked(tree, node)) {
        uint32_t lane = test[node].lane;
        if (g->stamp[lane] == g->current) {
            continue;
        }
        if (g->count == ALMI_GROUP_LANES) {
            while (g->count > before) {
                g->stamp[g->list[--g->count]] = 0;
            }
            return false;
        }
        g->stamp[lane] = g->current;
        g->list[g->count++] = lane;
    }
    return true;
}

/* Lists the inner nodes level by level, so parents come before children. */
static void order_nodes(const almi_tree *tree, layout *g)
{
    size_t count = 0, level_end = 0;
    g->depth = 0;
    if (tree->leaf_count > 1) {
        g->order[count++] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (i == level_end) {
            level_end = count;
            g->depth++;
        }
        int32_t left = tree->left[g->order[i]], right = tree->right[g->order[i]];
        if (left >= 0) {
            g->order[count++] = left;
        }
        if (right >= 0) {
            g->order[count++] = right;
        }
    }
}

/* Numbers the leaves. */
static void order_leaves(const almi_tree *tree, layout *g)
{
    uint32_t leaves = 0, opened = 0;
    int32_t next = tree->leaf_count > 1 ? 0 : ~0;
    for (;;) {
        for (; next >= 0; next = tree->left[next]) {
            g->open[opened++] = (between){next, leaves};
        }
        g->place[~next] = leaves;
        if (opened == 0) {
            return;
        }
        g->between[leaves++] = g->open[--opened];
        next = tree->right[g->open[opened].node];
    }
}

static alm_err make_between(alm_forest *forest, const layout *g, size_t t, alm_error *error)
{
    size_t count = forest->tree[t].leaf_count - 1;
    almi_between *to = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, count, to, error));
    for (size_t i = 0; i < count; i++) {
        almi_test test = forest->test[t][g->between[i].node];
        to[i] = (almi_between){test.code * 0x01010101u, g->between[i].begin * 0x01010101u,
                               g->local[test.lane]};
    }
    forest->fast[t].between = to;
    return ALM_OK;
}

static alm_err make_levels(alm_forest *forest, const layout *g, size_t t, alm_error *error)
{
    size_t depth = forest->tree[t].symmetric_depth;
    almi_level *level = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, depth, level, error));
    for (size_t i = 0; i < depth; i++) {
        almi_test test = forest->test[t][((size_t)1 << i) - 1];
        level[depth - 1 - i] = (almi_level){test.code * 0x01010101u, g->local[test.lane]};
    }
    forest->fast[t].level = level;
    forest->fast[t].symmetric_depth = (uint32_t)depth;
    forest->has_symmetric = true;
    return ALM_OK;
}

static almi_step step_of(uint32_t lane, uint32_t limit, size_t next)
{
    return lane | (almi_step)next << ALMI_STEP_LANE_BITS | limit << ALMI_STEP_LIMIT_SHIFT;
}

/* A leaf at once; of an inner node only the position, until its turn comes. */
static void place_child(layout *g, almi_step *step, uint16_t *leaf_at, size_t position,
                        int32_t child)
{
    if (child >= 0) {
        g->slot[child] = (uint16_t)position;
        return;
    }
    step[position] = step_of(leaf_at == NULL ? g->place[~child] : 0, UINT8_MAX, position);
    if (leaf_at != NULL) {
        leaf_at[position] = (uint16_t)g->place[~child];
    }
}

static alm_err make_steps(alm_forest *forest, layout *g, size_t t, alm_error *error)
{
    const almi_tree *tree = &forest->tree[t];
    size_t inner_count = tree->leaf_count - 1, next = 1;
    almi_step *step = NULL;
    uint16_t *leaf_at = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, inner_count + tree->leaf_count, step, error));
    if (tree->leaf_count > ALMI_STEP_LANES) {
        ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, inner_count + tree->leaf_count, leaf_at, error));
    }
    place_child(g, step, leaf_at, 0, inner_count > 0 ? 0 : ~0);
    for (size_t i = 0; i < inner_count; i++, next += 2) {
        int32_t node = g->order[i];
        almi_test test = forest->test[t][node];
        step[g->slot[node]] = step_of(g->local[test.lane], test.code, next);
        place_child(g, step, leaf_at, next, tree->left[node]);
        place_child(g, step, leaf_at, next + 1, tree->right[node]);
    }
    forest->fast[t].step = step;
    forest->fast[t].leaf_at = leaf_at;
    forest->fast[t].depth = g->depth;
    return ALM_OK;
}

static alm_err make_planes(alm_forest *forest, size_t t, alm_error *error)
{
    almi_fast_tree *fast = &forest->fast[t];
    size_t width = forest->plane_width;
    uint16_t *plane = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, PIECES_MAX * width, plane, error));
    size_t pieces = fast->single != NULL ? sizeof(float) / 2 : sizeof(double) / 2;
    for (size_t i = 0; i < fast->leaf_count; i++) {
        uint16_t piece[PIECES_MAX];
        memcpy(piece, fast->single != NULL ? (const void *)&fast->single[i] : &fast->value[i],
               2 * pieces);
        for (size_t k = 0; k < pieces; k++) {
            plane[k * width + i] = piece[k];
        }
    }
    fast->plane = plane;
    return ALM_OK;
}

static alm_err make_literal(alm_forest *forest, size_t t, const uint32_t *place,
                            alm_error *error)
{
    uint16_t *literal = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, forest->tree[t].leaf_count, literal, error));
    for (size_t i = 0; i < forest->tree[t].leaf_count; i++) {
        literal[place[i]] = (uint16_t)i;
    }
    forest->fast[t].literal = literal;
    return ALM_OK;
}

/* place: number of each leaf; NULL: as they are. */
static alm_err make_values(alm_forest *forest, size_t t, const uint32_t *place, alm_error *error)
{
    const almi_tree *tree = &forest->tree[t];
    almi_fast_tree *fast = &forest->fast[t];
    double *value = NULL;
    float *single = NULL;
    fast->leaf_count = tree->leaf_count;
    fast->output = tree->output;
    if (tree->leaf_width > 1 || tree->model != NULL) {
        return place != NULL ? make_literal(forest, t, place, error) : ALM_OK;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree->leaf_count, value, error));
    for (size_t i = 0; i < tree->leaf_count; i++) {
        value[place != NULL ? place[i] : i] = tree->leaf_value[i];
    }
    fast->value = value;
    if (almi_tree_is_single(tree)) {
        ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree->leaf_count, single, error));
        for (size_t i = 0; i < tree->leaf_count; i++) {
            single[i] = (float)value[i];
        }
        fast->single = single;
    }
    return tree->leaf_count <= forest->plane_width ? make_planes(forest, t, error) : ALM_OK;
}

static int compare_lanes(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* A tree with more lanes than a group holds is alone in its group's list of trees to be walked
 * literally: nothing is made of it. */
static alm_err make_tree(alm_forest *forest, layout *g, size_t t, alm_error *error)
{
    const almi_tree *tree = &forest->tree[t];
    bool literal = tree->leaf_count > ALMI_STEP_LEAVES_MAX;
    for (size_t node = 0; node + 1 < tree->leaf_count; node = next_asked(tree, node)) {
        literal = literal || g->stamp[forest->test[t][node].lane] != g->current;
    }
    if (literal) {
        return make_values(forest, t, NULL, error);
    }
    order_nodes(tree, g);
    order_leaves(tree, g);
    ALM_TRY(make_values(forest, t, g->place, error));
    if (tree->symmetric_depth > 0) {
        ALM_TRY(make_levels(forest, g, t, error));
    }
    ALM_TRY(make_steps(forest, g, t, error));
    bool bytes = tree->leaf_count <= ALMI_BETWEEN_LEAVES && tree->symmetric_depth == 0;
    return bytes ? make_between(forest, g, t, error) : ALM_OK;
}

/* The windows of a group's lanes. */
static alm_err make_windows(alm_forest *forest, almi_group *group, alm_error *error)
{
    almi_window *window = NULL, *last = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, group->lane_count, window, error));
    for (uint32_t i = 0; i < group->lane_count; i++) {
        const almi_lane *lane = &forest->lane[group->lane[i]];
        if (lane->kind >= ALMI_LANE_CATEGORY) {
            break; /* they are the last of all lanes */
        }
        if (last == NULL || lane->rule != last->rule ||
            lane->feature - last->first >= ALMI_CHUNK_ROWS) {
            last = &window[group->window_count++];
            *last = (almi_window){i, i, lane->feature, lane->rule};
        }
        last->end++;
    }
    group->window = window;
    return ALM_OK;
}

static alm_err close_group(alm_forest *forest, layout *g, size_t begin, size_t end,
                           alm_error *error)
{
    uint32_t *list = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, g->count, list, error));
    if (g->count > 0) {
        memcpy(list, g->list, g->count * sizeof *list);
        qsort(list, g->count, sizeof *list, compare_lanes); /* so that features stay together */
    }
    for (size_t i = 0; i < g->count; i++) {
        g->local[list[i]] = (uint32_t)i;
    }
    for (size_t t = begin; t < end; t++) {
        ALM_TRY(make_tree(forest, g, t, error));
    }
    almi_group *group = &forest->group[forest->group_count++];
    *group = (almi_group){
        .tree_begin = begin, .tree_end = end, .lane = list, .lane_count = g->count};
    ALM_TRY(make_windows(forest, group, error));
    g->count = 0;
    g->current++;
    return ALM_OK;
}

static alm_err make_groups(alm_forest *forest, layout *g, alm_error *error)
{
    size_t begin = 0, tree_count = forest->info.tree_count;
    g->current = 1;
    for (size_t t = 0; t < tree_count; t++) {
        if (!add_tree_lanes(g, forest, t)) {
            ALM_TRY(close_group(forest, g, begin, t, error));
            begin = t;
            /* When even an empty group has no room, the tree has no lanes (make_tree). */
            (void)add_tree_lanes(g, forest, t);
        }
    }
    return close_group(forest, g, begin, tree_count, error);
}

alm_err almi_forest_layout(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    size_t tree_count = forest->info.tree_count, leaf_count_max = forest->info.leaf_count_max;
    layout g = {0};
    forest->plane_width = leaf_count_max <= 32 ? 32 : 64;
    forest->single_values = true;
    for (size_t t = 0; t < tree_count; t++) {
        forest->single_values = forest->single_values && forest->tree[t].leaf_width == 1;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree_count, forest->fast, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree_count + 1, forest->group, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.local, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.stamp, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, ALMI_GROUP_LANES, g.list, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaf_count_max, g.order, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaf_count_max, g.slot, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaf_count_max, g.place, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaf_count_max, g.between, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaf_count_max, g.open, error));
    ALM_TRY(make_groups(forest, &g, error));
    ALM_TRY(almi_quick_build(forest, error));
    alm_assert(alm_forest_use_vectors(forest, alm_vector_level_bound()));
    return ALM_OK;
}
