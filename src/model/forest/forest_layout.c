/* forest_layout.c: the last part of compiling: consecutive trees whose lanes fit a block of codes
 * become a group, and each tree is written down in the forms that are scored (almi_fast_tree). */
#include <stdlib.h>
#include <string.h>

#include "model/forest/forest_kernel.h"

/* Rows of pieces of a value: floats have two, doubles four. */
#define PIECES_MAX 4
#define SCRATCH_BYTES 4096 /* of a task, for trees of a usual size */
#define TABLE_VALUES_MAX 16 /* of the table of values for each leaf that there is */
#define TABLE_LINE 16       /* floats of a line of memory, so that each tree begins with one */

typedef struct layout {
    alm_forest *forest;
    uint32_t *local;  /* [lane] position in the list of the group being closed */
    uint32_t *stamp;  /* [lane] number of the last group that has it */
    uint32_t current; /* number of the group, from 1 */
    uint32_t *list;   /* lanes of the group being built */
    size_t count;
    bool one_group;   /* has all lanes and trees */
    size_t tree_begin, tree_end; /* of the group being closed */
} layout;

/* Some trees of the group being closed, which one worker writes down. */
typedef struct writing {
    alm_forest *forest;
    const layout *group;
    alm_arena *arena;
    int32_t *order;     /* inner nodes of a tree, breadth first */
    uint32_t depth;     /* of the tree in `order` */
    /* By child, leaves being below 0: */
    uint16_t *size;     /* leaves below */
    uint16_t *begin;    /* number of the first of them */
    uint16_t *position; /* among the steps */
} writing;

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

/* Lists the inner nodes level by level, so parents come before children. Nothing is decided by a
 * branch, here and in what follows, because a child is as often a leaf as not: what a leaf writes
 * in place of a node is written again when the node's turn comes. */
static void order_nodes(const almi_tree *tree, writing *w)
{
    size_t inner_count = tree->leaf_count - 1, count = 1, level_end = 0;
    w->depth = 0;
    w->order[0] = 0;
    for (size_t i = 0; i < inner_count; i++) {
        w->depth += i == level_end;
        level_end = i == level_end ? count : level_end;
        int32_t node = w->order[i], left = tree->left[node], right = tree->right[node];
        w->order[count] = left;
        count += left >= 0;
        w->order[count] = right;
        count += right >= 0;
    }
}

static uint16_t number_of(const writing *w, size_t leaf)
{
    return w->begin[-1 - (ptrdiff_t)leaf];
}

/* Numbers the leaves from left to right. */
static void order_leaves(const almi_tree *tree, writing *w)
{
    size_t inner_count = tree->leaf_count - 1;
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        w->size[-1 - (ptrdiff_t)leaf] = 1;
    }
    for (size_t i = inner_count; i-- > 0;) {
        int32_t at = w->order[i];
        w->size[at] = (uint16_t)(w->size[tree->left[at]] + w->size[tree->right[at]]);
    }
    w->begin[inner_count > 0 ? 0 : -1] = 0;
    for (size_t i = 0; i < inner_count; i++) {
        int32_t at = w->order[i], left = tree->left[at];
        w->begin[left] = w->begin[at];
        w->begin[tree->right[at]] = (uint16_t)(w->begin[at] + w->size[left]);
    }
}

static alm_err make_between(const writing *w, size_t t, alm_error *error)
{
    const almi_tree *tree = &w->forest->tree[t];
    size_t count = tree->leaf_count - 1;
    almi_between *to = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(w->arena, count, to, error));
    for (size_t at = 0; at < count; at++) {
        almi_test test = w->forest->test[t][at];
        to[w->begin[tree->right[at]] - 1] = (almi_between){
            test.code * 0x01010101u, w->begin[at] * 0x01010101u, w->group->local[test.lane]};
    }
    w->forest->fast[t].between = to;
    return ALM_OK;
}

static alm_err make_levels(const writing *w, size_t t, alm_error *error)
{
    size_t depth = w->forest->tree[t].symmetric_depth;
    almi_level *level = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(w->arena, depth, level, error));
    for (size_t i = 0; i < depth; i++) {
        almi_test test = w->forest->test[t][((size_t)1 << i) - 1];
        level[depth - 1 - i] = (almi_level){test.code * 0x01010101u, w->group->local[test.lane]};
    }
    w->forest->fast[t].level = level;
    w->forest->fast[t].symmetric_depth = (uint32_t)depth;
    return ALM_OK;
}

static almi_step step_of(uint32_t lane, uint32_t limit, size_t next)
{
    return lane | (almi_step)next << ALMI_STEP_LANE_BITS | limit << ALMI_STEP_LIMIT_SHIFT;
}

static alm_err make_steps(writing *w, size_t t, alm_error *error)
{
    const almi_tree *tree = &w->forest->tree[t];
    size_t inner_count = tree->leaf_count - 1, next = 1;
    almi_step *step = NULL;
    uint16_t *leaf_at = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(w->arena, inner_count + tree->leaf_count, step, error));
    if (tree->leaf_count > ALMI_STEP_LANES) {
        ALM_TRY(ALMI_FOREST_ARRAY(w->arena, inner_count + tree->leaf_count, leaf_at, error));
    }
    w->position[inner_count > 0 ? 0 : -1] = 0;
    for (size_t i = 0; i < inner_count; i++, next += 2) {
        int32_t node = w->order[i];
        almi_test test = w->forest->test[t][node];
        step[w->position[node]] = step_of(w->group->local[test.lane], test.code, next);
        w->position[tree->left[node]] = (uint16_t)next;
        w->position[tree->right[node]] = (uint16_t)(next + 1);
    }
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        size_t at = w->position[-1 - (ptrdiff_t)leaf];
        step[at] = step_of(leaf_at == NULL ? number_of(w, leaf) : 0, UINT8_MAX, at);
        if (leaf_at != NULL) {
            leaf_at[at] = number_of(w, leaf);
        }
    }
    w->forest->fast[t].step = step;
    w->forest->fast[t].leaf_at = leaf_at;
    w->forest->fast[t].depth = w->depth;
    return ALM_OK;
}

static alm_err make_planes(const writing *w, size_t t, alm_error *error)
{
    almi_fast_tree *fast = &w->forest->fast[t];
    size_t width = w->forest->plane_width;
    uint16_t *plane = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(w->arena, PIECES_MAX * width, plane, error));
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

static alm_err make_literal(const writing *w, size_t t, alm_error *error)
{
    uint16_t *literal = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(w->arena, w->forest->tree[t].leaf_count, literal, error));
    for (size_t leaf = 0; leaf < w->forest->tree[t].leaf_count; leaf++) {
        literal[number_of(w, leaf)] = (uint16_t)leaf;
    }
    w->forest->fast[t].literal = literal;
    return ALM_OK;
}

/* numbered: leaves are numbered from left to right, else as they are. */
static alm_err make_values(const writing *w, size_t t, bool numbered, alm_error *error)
{
    const almi_tree *tree = &w->forest->tree[t];
    almi_fast_tree *fast = &w->forest->fast[t];
    double *value = NULL;
    float *single = NULL;
    fast->leaf_count = tree->leaf_count;
    fast->output = tree->output;
    if (tree->leaf_width > 1 || tree->model != NULL) {
        return numbered ? make_literal(w, t, error) : ALM_OK;
    }
    if (w->forest->leaf_values != NULL) {
        value = w->forest->leaf_values + t * w->forest->leaf_stride;
    } else {
        ALM_TRY(ALMI_FOREST_ARRAY(w->arena, tree->leaf_count, value, error));
    }
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        value[numbered ? number_of(w, leaf) : leaf] = tree->leaf_value[leaf];
    }
    fast->value = value;
    if (almi_tree_is_single(tree)) {
        if (w->forest->leaf_singles != NULL) {
            single = w->forest->leaf_singles + t * w->forest->leaf_stride;
        } else {
            ALM_TRY(ALMI_FOREST_ARRAY(w->arena, tree->leaf_count, single, error));
        }
        for (size_t i = 0; i < tree->leaf_count; i++) {
            single[i] = (float)value[i];
        }
        fast->single = single;
    }
    return tree->leaf_count <= w->forest->plane_width ? make_planes(w, t, error) : ALM_OK;
}

static int compare_lanes(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* A tree with more lanes than a group holds is alone in its group's list of trees to be walked
 * literally: nothing is made of it. */
static bool has_lanes(const writing *w, size_t t)
{
    const almi_tree *tree = &w->forest->tree[t];
    const layout *g = w->group;
    for (size_t node = 0; node + 1 < tree->leaf_count && !g->one_group;
         node = next_asked(tree, node)) {
        if (g->stamp[w->forest->test[t][node].lane] != g->current) {
            return false;
        }
    }
    return true;
}

static alm_err make_tree(writing *w, size_t t, alm_error *error)
{
    const almi_tree *tree = &w->forest->tree[t];
    if (tree->leaf_count > ALMI_STEP_LEAVES_MAX || !has_lanes(w, t)) {
        return make_values(w, t, false, error);
    }
    order_nodes(tree, w);
    order_leaves(tree, w);
    ALM_TRY(make_values(w, t, true, error));
    ALM_TRY(make_steps(w, t, error));
    if (tree->symmetric_depth > 0) {
        return make_levels(w, t, error);
    }
    return tree->leaf_count <= ALMI_BETWEEN_LEAVES ? make_between(w, t, error) : ALM_OK;
}

/* Room for the children of a tree of up to so many leaves, by child. */
static alm_err by_child(alm_arena *arena, size_t leaves, uint16_t **out, alm_error *error)
{
    uint16_t *array = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, 2 * leaves, array, error));
    *out = array + leaves;
    return ALM_OK;
}

static alm_err make_room(writing *w, size_t leaves, alm_arena *scratch, alm_error *error)
{
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaves + 1, w->order, error));
    ALM_TRY(by_child(scratch, leaves, &w->size, error));
    ALM_TRY(by_child(scratch, leaves, &w->begin, error));
    return by_child(scratch, leaves, &w->position, error);
}

static alm_err make_some(void *context, size_t task, int worker, alm_error *error)
{
    const layout *g = context;
    alm_forest *forest = g->forest;
    writing w = {.forest = forest, .group = g, .arena = forest->worker_arena[worker]};
    size_t begin = g->tree_begin + task * ALMI_TASK_TREES, end = begin + ALMI_TASK_TREES;
    size_t leaves = 1;
    end = end < g->tree_end ? end : g->tree_end;
    for (size_t t = begin; t < end; t++) {
        leaves = forest->tree[t].leaf_count > leaves ? forest->tree[t].leaf_count : leaves;
    }
    alm_arena *scratch = alm_arena_create(SCRATCH_BYTES);
    alm_err code = make_room(&w, leaves, scratch, error);
    for (size_t t = begin; code == ALM_OK && t < end; t++) {
        code = make_tree(&w, t, error);
    }
    alm_arena_destroy(scratch);
    return code;
}

/* Of some lanes of a group, up to ALMI_PIVOT_LANES, from one on. */
static alm_err make_pivots(alm_forest *forest, const almi_row_lane *lane, size_t lanes,
                           almi_pivots *to, alm_error *error)
{
    int32_t *key = NULL;
    to->is_straight = lanes == ALMI_PIVOT_LANES;
    for (size_t i = 0; i < ALMI_PIVOT_LANES; i++) {
        const almi_row_lane *own = &lane[i < lanes ? i : lanes - 1];
        uint32_t blocks = own->size / ALMI_SEARCH_WAYS; /* nothing is above the last one's end */
        to->count = blocks - 1 > to->count ? blocks - 1 : to->count;
        to->column[i] = (int32_t)own->column;
        to->is_straight = to->is_straight && own->column == lane[0].column + i;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, to->count * ALMI_PIVOT_LANES, key, error));
    for (size_t k = 0; k < to->count; k++) {
        for (size_t i = 0; i < ALMI_PIVOT_LANES; i++) {
            bool has = i < lanes && (k + 1) * ALMI_SEARCH_WAYS < lane[i].size;
            key[k * ALMI_PIVOT_LANES + i] =
                has ? lane[i].key[(k + 1) * ALMI_SEARCH_WAYS - 1] : INT32_MAX;
        }
    }
    to->key = key;
    return ALM_OK;
}

static alm_err make_window_pivots(alm_forest *forest, const almi_row_lane *lane,
                                  almi_window *window, alm_error *error)
{
    size_t lanes = window->end - window->begin;
    almi_pivots *pivots = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, (lanes + ALMI_PIVOT_LANES - 1) / ALMI_PIVOT_LANES,
                              pivots, error));
    for (size_t i = 0; i < lanes; i += ALMI_PIVOT_LANES) {
        size_t left = lanes - i, some = left < ALMI_PIVOT_LANES ? left : ALMI_PIVOT_LANES;
        ALM_TRY(make_pivots(forest, &lane[window->begin + i], some,
                            &pivots[i / ALMI_PIVOT_LANES], error));
    }
    window->pivots = pivots;
    return ALM_OK;
}

/* The windows of a group's lanes. */
static alm_err make_windows(alm_forest *forest, almi_group *group, alm_error *error)
{
    almi_window *window = NULL, *last = NULL;
    almi_row_lane *own = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, group->lane_count, window, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, group->lane_count, own, error));
    for (uint32_t i = 0; i < group->lane_count; i++) {
        const almi_lane *lane = &forest->lane[group->lane[i]];
        if (lane->kind >= ALMI_LANE_CATEGORY) {
            break; /* they are the last of all lanes */
        }
        if (last == NULL || lane->rule != last->rule ||
            lane->feature - last->first >= ALMI_CHUNK_ROWS) {
            last = &window[group->window_count++];
            *last = (almi_window){i, i, lane->feature, lane->rule, NULL};
        }
        last->end++;
        own[i] = (almi_row_lane){lane->key, lane->size, lane->feature - last->first};
    }
    for (size_t i = 0; i < group->window_count; i++) {
        ALM_TRY(make_window_pivots(forest, own, &window[i], error));
    }
    group->window = window;
    group->row_lane = own;
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
    g->tree_begin = begin;
    g->tree_end = end;
    ALM_TRY(alm_pool_run(forest->pool, almi_task_count(end - begin), make_some, g, error));
    almi_group *group = &forest->group[forest->group_count++];
    *group = (almi_group){
        .tree_begin = begin, .tree_end = end, .lane = list, .lane_count = g->count};
    ALM_TRY(make_windows(forest, group, error));
    g->count = 0;
    g->current++;
    return ALM_OK;
}

/* All lanes fit one group, and each of them is some tree's. */
static alm_err make_one_group(alm_forest *forest, layout *g, alm_error *error)
{
    g->one_group = true;
    for (; g->count < forest->lane_count; g->count++) {
        g->list[g->count] = (uint32_t)g->count;
    }
    return close_group(forest, g, 0, forest->info.tree_count, error);
}

/* Each part of the trees has lanes of its own. */
static alm_err make_parts(alm_forest *forest, layout *g, alm_error *error)
{
    for (size_t begin = 0; begin < forest->info.tree_count; begin += ALMI_QUICK_TREES) {
        size_t left = forest->info.tree_count - begin;
        size_t end = begin + (left < ALMI_QUICK_TREES ? left : ALMI_QUICK_TREES);
        for (size_t t = begin; t < end; t++) {
            alm_assert(add_tree_lanes(g, forest, t)); /* they are few: forest_compile.c */
        }
        ALM_TRY(close_group(forest, g, begin, end, error));
    }
    return ALM_OK;
}

static alm_err make_groups(alm_forest *forest, layout *g, alm_error *error)
{
    size_t begin = 0, tree_count = forest->info.tree_count;
    g->current = 1;
    if (forest->is_parted) {
        return make_parts(forest, g, error);
    }
    if (forest->lane_count <= ALMI_GROUP_LANES) {
        return make_one_group(forest, g, error);
    }
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

/* Not where a few large trees among many small ones would make the table large. */
static alm_err make_table(alm_forest *forest, alm_error *error)
{
    size_t leaves = 0, tree_count = forest->info.tree_count;
    size_t stride = (forest->info.leaf_count_max + TABLE_LINE - 1) / TABLE_LINE * TABLE_LINE;
    for (size_t t = 0; t < tree_count; t++) {
        leaves += forest->tree[t].leaf_count;
    }
    if (!forest->single_values || forest->has_symmetric || forest->info.has_linear_leaves ||
        forest->info.leaf_count_max > ALMI_BETWEEN_LEAVES ||
        stride * tree_count / TABLE_VALUES_MAX > leaves) {
        return ALM_OK;
    }
    forest->leaf_stride = stride;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, stride * tree_count, forest->leaf_values, error));
    return almi_forest_is_single(forest)
               ? ALMI_FOREST_ARRAY(forest->arena, stride * tree_count, forest->leaf_singles, error)
               : ALM_OK;
}

alm_err almi_forest_layout(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    size_t tree_count = forest->info.tree_count, leaf_count_max = forest->info.leaf_count_max;
    layout g = {.forest = forest};
    forest->plane_width = leaf_count_max <= 32 ? 32 : 64;
    forest->single_values = true;
    for (size_t t = 0; t < tree_count; t++) {
        forest->single_values = forest->single_values && forest->tree[t].leaf_width == 1;
        forest->has_symmetric = forest->has_symmetric || forest->tree[t].symmetric_depth > 0;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree_count, forest->fast, error));
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, tree_count + 1, forest->group, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.local, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.stamp, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, ALMI_GROUP_LANES, g.list, error));
    ALM_TRY(make_table(forest, error));
    ALM_TRY(make_groups(forest, &g, error));
    ALM_TRY(almi_quick_build(forest, error));
    alm_assert(alm_forest_use_vectors(forest, alm_vector_level_bound()));
    return ALM_OK;
}
