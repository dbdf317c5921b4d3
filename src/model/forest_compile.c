/* forest_compile.c: from literal trees to byte codes.
 *
 * Every numeric split `x <= t` becomes `code(x) <= j` with code(x) = #{thresholds below x} and j
 * the position of t, exactly: both sides compare the same doubles. XGBoost's `x < t` becomes the
 * same with code(x) = #{thresholds not above x}, on floats. What happens to NaN and to zero
 * is a property of the lane (see almi_lane_kind), so the kernel has one comparison for all splits.
 * Each different category set (CatBoost: each category) becomes a lane of its own with code 0 or 1.
 * Of a symmetric tree only one node a level is compiled. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/forest_internal.h"

/* One numeric split, the key by which splits share a lane. */
typedef struct split {
    uint32_t feature;
    almi_lane_kind kind;
    double threshold;
} split;

static almi_lane_kind lane_kind(const almi_tree *tree, size_t node)
{
    uint8_t decision = tree->decision[node];
    bool left = (decision & ALMI_DECISION_DEFAULT_LEFT) != 0;
    bool category = (decision & ALMI_DECISION_CATEGORY) != 0;
    if (tree->rule == ALM_FOREST_XGBOOST) {
        return category ? (left ? ALMI_LANE_CATEGORY_LEFT : ALMI_LANE_CATEGORY_RIGHT)
                        : (left ? ALMI_LANE_FLOAT_LEFT : ALMI_LANE_FLOAT_RIGHT);
    }
    if (tree->rule == ALM_FOREST_CATBOOST) {
        return category ? ALMI_LANE_HASH : left ? ALMI_LANE_ABOVE_NEVER : ALMI_LANE_ABOVE_ALWAYS;
    }
    if (category) {
        return ALMI_LANE_CATEGORY;
    }
    switch ((decision >> ALMI_DECISION_MISSING_SHIFT) & 3u) {
    case ALMI_MISSING_ZERO:
        return left ? ALMI_LANE_ZERO_LEFT : ALMI_LANE_ZERO_RIGHT;
    case ALMI_MISSING_NAN:
        return left ? ALMI_LANE_NAN_LEFT : ALMI_LANE_NAN_RIGHT;
    default:
        return ALMI_LANE_NAN_IS_ZERO;
    }
}

static split split_of(const almi_tree *tree, size_t node)
{
    return (split){(uint32_t)tree->feature[node], lane_kind(tree, node), tree->threshold[node]};
}

static int compare_splits(const void *left, const void *right)
{
    const split *a = left, *b = right;
    if (a->feature != b->feature) {
        return a->feature < b->feature ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return (a->threshold > b->threshold) - (a->threshold < b->threshold);
}

/* One categorical node and its set. */
typedef struct category_node {
    uint32_t feature;
    almi_lane_kind kind;
    uint32_t word_count;
    const uint32_t *word;
    almi_test *test; /* where the result goes */
} category_node;

/* The distinct numeric splits of the forest and the test that each one becomes; all categorical
 * nodes. */
typedef struct split_table {
    split *split;
    almi_test *test;
    size_t count;
    category_node *category;
    size_t category_count;
} split_table;

static alm_err collect_splits(const alm_forest *forest, alm_arena *scratch, split_table *table,
                              alm_error *error)
{
    size_t inner_count = 0;
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        inner_count += forest->tree[t].leaf_count - 1;
    }
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, inner_count, table->split, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, inner_count, table->test, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, inner_count, table->category, error));
    size_t count = 0;
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
            if (lane_kind(tree, node) < ALMI_LANE_CATEGORY) {
                table->split[count++] = split_of(tree, node);
                continue;
            }
            size_t set = (size_t)tree->threshold[node];
            uint32_t begin = tree->category_begin[set];
            table->category[table->category_count++] = (category_node){
                (uint32_t)tree->feature[node], lane_kind(tree, node),
                tree->category_begin[set + 1] - begin, tree->category_word + begin,
                &forest->test[t][node]};
        }
    }
    if (count > 0) {
        qsort(table->split, count, sizeof(split), compare_splits);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_splits(&table->split[table->count - 1], &table->split[i]) != 0) {
            table->split[table->count++] = table->split[i];
        }
    }
    return ALM_OK;
}

/* A lane of the splits [begin, end) of the table, which differ in the threshold only. */
static alm_err add_lane(alm_forest *forest, const split_table *table, size_t begin, size_t end,
                        alm_error *error)
{
    uint32_t size = 1;
    while (size < end - begin + 1) {
        size *= 2;
    }
    double *threshold = NULL;
    /* What no x is above: nothing is above infinity, but infinity is not above itself. */
    double filler = table->split[begin].kind >= ALMI_LANE_FLOAT_LEFT ? NAN : INFINITY;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, size, threshold, error));
    for (size_t i = 0; i < size; i++) {
        threshold[i] = begin + i < end ? table->split[begin + i].threshold : filler;
    }
    for (size_t i = begin; i < end; i++) {
        table->test[i] = (almi_test){(uint32_t)forest->lane_count, (uint32_t)(i - begin)};
    }
    forest->lane[forest->lane_count++] = (almi_lane){.feature = table->split[begin].feature,
                                                     .kind = table->split[begin].kind,
                                                     .size = size,
                                                     .threshold = threshold};
    return ALM_OK;
}

static alm_err make_numeric_lanes(alm_forest *forest, const split_table *table, alm_error *error)
{
    for (size_t begin = 0, end = 0; begin < table->count; begin = end) {
        const split *first = &table->split[begin];
        size_t most = first->kind == ALMI_LANE_HASH ? 1 : ALMI_LANE_THRESHOLDS_MAX;
        while (end < table->count && end - begin < most &&
               table->split[end].feature == first->feature &&
               table->split[end].kind == first->kind) {
            end++;
        }
        ALM_TRY(add_lane(forest, table, begin, end, error));
    }
    return ALM_OK;
}

/* ---- category sets ---- */

static int compare_categories(const void *left, const void *right)
{
    const category_node *a = left, *b = right;
    if (a->feature != b->feature) {
        return a->feature < b->feature ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->word_count != b->word_count) {
        return a->word_count < b->word_count ? -1 : 1;
    }
    return a->word_count == 0 ? 0 : memcmp(a->word, b->word, a->word_count * sizeof(uint32_t));
}

/* The set as runs; false when it needs too many or holds a category that is not below 255. */
static bool find_runs(const category_node *node, almi_run *run, uint32_t *count)
{
    *count = 0;
    for (size_t c = 0; c < (size_t)node->word_count * 32; c++) {
        if (((node->word[c / 32] >> (c % 32)) & 1u) == 0) {
            continue;
        }
        if (c >= UINT8_MAX) {
            return false;
        }
        almi_run *last = *count > 0 ? &run[*count - 1] : NULL;
        if (last != NULL && (size_t)last->low + last->width + 1 == c) {
            last->width++;
            continue;
        }
        if (*count == ALMI_LANE_RUNS_MAX) {
            return false;
        }
        run[(*count)++] = (almi_run){(uint8_t)c, 0};
    }
    return true;
}

static alm_err add_category_lane(alm_forest *forest, const category_node *node, alm_error *error)
{
    almi_run found[ALMI_LANE_RUNS_MAX];
    almi_lane lane = {.feature = node->feature,
                      .kind = node->kind,
                      .word = node->word,
                      .word_count = node->word_count};
    if (find_runs(node, found, &lane.run_count)) {
        almi_run *run = NULL;
        ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, lane.run_count + 1, run, error));
        memcpy(run, found, lane.run_count * sizeof *run);
        lane.run = run;
    }
    forest->lane[forest->lane_count++] = lane;
    return ALM_OK;
}

/* Equal sets of one feature share a lane; lanes of one feature follow each other. */
static alm_err make_category_lanes(alm_forest *forest, split_table *table, alm_error *error)
{
    if (table->category_count > 0) {
        qsort(table->category, table->category_count, sizeof(category_node), compare_categories);
    }
    for (size_t i = 0; i < table->category_count; i++) {
        const category_node *node = &table->category[i];
        if (i == 0 || compare_categories(node - 1, node) != 0) {
            ALM_TRY(add_category_lane(forest, node, error));
        }
        *node->test = (almi_test){(uint32_t)forest->lane_count - 1, 0};
    }
    return ALM_OK;
}

static void make_numeric_tests(alm_forest *forest, const split_table *table)
{
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        for (size_t node = 0; node + 1 < tree->leaf_count; node++) {
            if (lane_kind(tree, node) >= ALMI_LANE_CATEGORY) {
                continue;
            }
            split key = split_of(tree, node);
            const split *found =
                bsearch(&key, table->split, table->count, sizeof(split), compare_splits);
            alm_assert(found != NULL);
            forest->test[t][node] = table->test[found - table->split];
        }
    }
}

/* ---- groups and blends ---- */

typedef struct grouping {
    uint32_t *local;  /* [lane] position in the list of the group being closed */
    uint32_t *stamp;  /* [lane] number of the last group that has it */
    uint32_t current; /* number of the group, from 1 */
    uint32_t *list;   /* lanes of the group being built */
    size_t count;
    int32_t *stack; /* of inner nodes */
    uint16_t *slot; /* [inner node] operand number */
} grouping;

/* Adds the lanes of a tree to the group; false (and nothing added) when they do not fit. */
static bool add_tree_lanes(grouping *g, const alm_forest *forest, size_t t)
{
    const almi_tree *tree = &forest->tree[t];
    const almi_test *test = forest->test[t];
    size_t before = g->count;
    /* The first node of each level is enough for a symmetric tree: 0, 1, 3, 7, ... */
    bool symmetric = tree->symmetric_depth > 0;
    for (size_t node = 0; node + 1 < tree->leaf_count; node = symmetric ? 2 * node + 1 : node + 1) {
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

static uint16_t operand(const grouping *g, int32_t child)
{
    return child >= 0 ? g->slot[child] : (uint16_t)~child;
}

/* Preorder from the root, emitted backwards: children before parents, the root last. */
static alm_err make_blend(alm_forest *forest, grouping *g, size_t t, alm_error *error)
{
    const almi_tree *tree = &forest->tree[t];
    size_t inner_count = tree->leaf_count - 1;
    almi_blend *node = NULL;
    int32_t *order = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, inner_count + 1, node, error));
    order = g->stack;
    size_t count = 0;
    /* The list grows behind the reader: breadth first, so parents come before children. */
    if (inner_count > 0) {
        order[count++] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t left = tree->left[order[i]], right = tree->right[order[i]];
        if (left >= 0) {
            order[count++] = left;
        }
        if (right >= 0) {
            order[count++] = right;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t from = (size_t)order[count - 1 - i];
        almi_test test = forest->test[t][from];
        node[i] = (almi_blend){(uint16_t)g->local[test.lane], (uint16_t)test.code,
                               operand(g, tree->left[from]), operand(g, tree->right[from])};
        g->slot[from] = (uint16_t)(ALMI_BLEND_LEAVES + i);
    }
    forest->blend[t].node = node;
    forest->blend[t].count = inner_count;
    return ALM_OK;
}

static alm_err make_symmetric(alm_forest *forest, const grouping *g, size_t t, alm_error *error)
{
    size_t depth = forest->tree[t].symmetric_depth;
    almi_blend *node = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, depth, node, error));
    for (size_t level = 0; level < depth; level++) {
        almi_test test = forest->test[t][((size_t)1 << level) - 1];
        node[depth - 1 - level] = (almi_blend){.lane = (uint16_t)g->local[test.lane],
                                               .code = (uint16_t)test.code};
    }
    forest->blend[t].node = node;
    forest->blend[t].count = depth;
    forest->blend[t].symmetric_depth = (uint32_t)depth;
    return ALM_OK;
}

static int compare_lanes(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static alm_err close_group(alm_forest *forest, grouping *g, size_t begin, size_t end,
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
        if (forest->tree[t].symmetric_depth > 0) {
            ALM_TRY(make_symmetric(forest, g, t, error));
        } else if (forest->tree[t].leaf_count <= ALMI_BLEND_LEAVES) {
            ALM_TRY(make_blend(forest, g, t, error));
        }
    }
    forest->group[forest->group_count++] = (almi_group){begin, end, list, g->count};
    g->count = 0;
    g->current++;
    return ALM_OK;
}

static alm_err make_groups(alm_forest *forest, grouping *g, alm_error *error)
{
    size_t begin = 0, tree_count = forest->info.tree_count;
    g->current = 1;
    for (size_t t = 0; t < tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        if (tree->leaf_count > ALMI_BLEND_LEAVES && tree->symmetric_depth == 0) {
            continue; /* leaf numbers do not fit a byte: walked one row at a time */
        }
        if (!add_tree_lanes(g, forest, t)) {
            ALM_TRY(close_group(forest, g, begin, t, error));
            begin = t;
            /* Fewer inner nodes than lanes of a group, so an empty group always has room. */
            alm_assert(add_tree_lanes(g, forest, t));
        }
    }
    return close_group(forest, g, begin, tree_count, error);
}

/* Leaf values as XGBoost adds them; half the size of the literal ones. */
static alm_err make_singles(alm_forest *forest, alm_error *error)
{
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        if (tree->rule != ALM_FOREST_XGBOOST || forest->blend[t].node == NULL) {
            continue;
        }
        float *single = NULL;
        size_t count = tree->leaf_count * tree->leaf_width;
        ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, count, single, error));
        for (size_t i = 0; i < count; i++) {
            single[i] = (float)tree->leaf_value[i];
        }
        forest->blend[t].single = single;
    }
    return ALM_OK;
}

static alm_err compile_with(alm_forest *forest, alm_arena *scratch, alm_error *error)
{
    alm_arena *arena = forest->arena;
    size_t tree_count = forest->info.tree_count;
    split_table table = {0};
    grouping g = {0};
    ALM_TRY(ALMI_FOREST_ARRAY(arena, tree_count, forest->test, error));
    for (size_t t = 0; t < tree_count; t++) {
        ALM_TRY(ALMI_FOREST_ARRAY(arena, forest->tree[t].leaf_count, forest->test[t], error));
    }
    ALM_TRY(collect_splits(forest, scratch, &table, error));
    size_t lane_max = table.count + table.category_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, lane_max, forest->lane, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, tree_count, forest->blend, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, tree_count + 1, forest->group, error));
    ALM_TRY(make_numeric_lanes(forest, &table, error));
    make_numeric_tests(forest, &table);
    ALM_TRY(make_category_lanes(forest, &table, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.local, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->lane_count, g.stamp, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, ALMI_GROUP_LANES, g.list, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->info.leaf_count_max, g.stack, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, forest->info.leaf_count_max, g.slot, error));
    ALM_TRY(make_groups(forest, &g, error));
    return make_singles(forest, error);
}

alm_err almi_forest_compile(alm_forest *forest, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = compile_with(forest, scratch, error);
    alm_arena_destroy(scratch);
    return code;
}
