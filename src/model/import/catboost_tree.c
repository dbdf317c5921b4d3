/* catboost_tree.c: CatBoost's trees to the literal form.
 *
 * A symmetric tree of depth d becomes 2^d - 1 nodes: as many as the file has leaf values, so memory
 * stays proportional to the file. The compiled form does not need them. */
#include <math.h>

#include "model/import/catboost_internal.h"

alm_err almi_cb_damaged_tree(const almi_cb_import *import, const char *what)
{
    return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: tree %zu: %s; the model file is damaged",
                    import->name, import->tree, what);
}

alm_err almi_cb_start_trees(almi_cb_import *import, size_t count)
{
    alm_forest *forest = import->forest;
    forest->info.tree_count = count;
    forest->info.iteration_count = count; /* each tree serves all outputs */
    return ALMI_FOREST_ARRAY(forest->arena, count, forest->tree, import->error);
}

static alm_err start_tree(almi_cb_import *import, size_t leaf_count, almi_tree **out)
{
    alm_forest *forest = import->forest;
    alm_arena *arena = forest->arena;
    alm_error *error = import->error;
    alm_assert(import->tree < forest->info.tree_count);
    almi_tree *tree = &forest->tree[import->tree];
    size_t inner = leaf_count - 1;
    tree->rule = ALM_FOREST_CATBOOST;
    tree->leaf_width = (uint32_t)forest->info.output_count;
    tree->leaf_count = leaf_count;
    tree->ctr = forest->ctr;
    tree->column_count = (uint32_t)forest->info.feature_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, leaf_count * tree->leaf_width, tree->leaf_value, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->feature, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->threshold, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->decision, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->left, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->right, error));
    *out = tree;
    return ALM_OK;
}

static alm_err set_split(const almi_cb_import *import, almi_tree *tree, size_t node, int32_t number)
{
    if (number < 0 || (size_t)number >= import->split_count) {
        return alm_fail(import->error, ALM_ERR_CORRUPT,
                        "%s: tree %zu: split %d of %zu; the model file is damaged", import->name,
                        import->tree, (int)number, import->split_count);
    }
    const almi_cb_split *split = &import->split[number];
    tree->feature[node] = split->feature;
    tree->decision[node] = split->decision;
    tree->threshold[node] = split->threshold;
    return ALM_OK;
}

/* Row of a leaf's values: of a symmetric tree its own number. */
static size_t row_of(const int32_t *rows, size_t leaf)
{
    return rows != NULL ? (size_t)rows[leaf] : leaf;
}

static alm_err set_values(const almi_cb_import *import, almi_tree *tree, const int32_t *rows,
                          const double *value)
{
    size_t width = tree->leaf_width;
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        const double *from = value + row_of(rows, leaf) * width;
        for (size_t i = 0; i < width; i++) {
            if (!isfinite(from[i])) {
                return almi_cb_damaged_tree(import, "a leaf value is not finite");
            }
            tree->leaf_value[leaf * width + i] = from[i];
        }
    }
    return ALM_OK;
}

static double weight_of(const almi_tree *tree, int32_t child)
{
    return child >= 0 ? tree->node_cover[child] : tree->leaf_cover[~child];
}

/* The weight of a node is the sum of its leaves'. Statistics columns have no place among the
 * features of a contribution, so their trees have no cover. */
static alm_err set_weights(const almi_cb_import *import, almi_tree *tree, const int32_t *rows,
                           const double *weight)
{
    double *leaf = NULL, *node = NULL;
    bool usable = weight != NULL && tree->ctr == NULL;
    for (size_t i = 0; usable && i < tree->leaf_count; i++) {
        double value = weight[row_of(rows, i)];
        usable = isfinite(value) && value >= 0;
    }
    if (!usable) {
        return ALM_OK;
    }
    alm_arena *arena = import->forest->arena;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, tree->leaf_count, leaf, import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, tree->leaf_count, node, import->error));
    for (size_t i = 0; i < tree->leaf_count; i++) {
        leaf[i] = weight[row_of(rows, i)];
    }
    tree->leaf_cover = leaf;
    tree->node_cover = node;
    for (size_t i = tree->leaf_count - 1; i > 0; i--) {
        node[i - 1] = weight_of(tree, tree->left[i - 1]) + weight_of(tree, tree->right[i - 1]);
    }
    if (tree->leaf_count > 1 && !(node[0] > 0 && isfinite(node[0]))) {
        tree->leaf_cover = tree->node_cover = NULL;
    }
    return ALM_OK;
}

alm_err almi_cb_add_symmetric(almi_cb_import *import, const int32_t *split, size_t depth,
                              const double *value, const double *weight)
{
    almi_tree *tree = NULL;
    size_t leaves = (size_t)1 << depth, node = 0;
    ALM_TRY(start_tree(import, leaves, &tree));
    tree->symmetric_depth = (uint32_t)depth;
    for (size_t level = 0; level < depth; level++) {
        for (size_t i = 0; i < (size_t)1 << level; i++, node++) {
            ALM_TRY(set_split(import, tree, node, split[depth - 1 - level]));
            size_t left = 2 * node + 1;
            bool inner = left < leaves - 1;
            tree->left[node] = inner ? (int32_t)left : ~(int32_t)(left - (leaves - 1));
            tree->right[node] = inner ? (int32_t)left + 1 : ~(int32_t)(left + 1 - (leaves - 1));
        }
    }
    ALM_TRY(set_values(import, tree, NULL, value));
    ALM_TRY(set_weights(import, tree, NULL, weight));
    import->tree++;
    return ALM_OK;
}

/* The source numbers the leaves of a tree by the order of their values. */
static alm_err name_leaves(const almi_cb_import *import, almi_tree *tree, const int32_t *rows)
{
    int32_t first = rows[0];
    ALM_TRY(ALMI_FOREST_ARRAY(import->forest->arena, tree->leaf_count, tree->leaf_name,
                              import->error));
    for (size_t i = 1; i < tree->leaf_count; i++) {
        first = rows[i] < first ? rows[i] : first;
    }
    for (size_t i = 0; i < tree->leaf_count; i++) {
        tree->leaf_name[i] = rows[i] - first;
    }
    return ALM_OK;
}

alm_err almi_cb_add_nodes(almi_cb_import *import, const almi_cb_nodes *nodes)
{
    almi_tree *tree = NULL;
    ALM_TRY(start_tree(import, nodes->leaf_count, &tree));
    for (size_t node = 0; node + 1 < nodes->leaf_count; node++) {
        ALM_TRY(set_split(import, tree, node, nodes->split[node]));
        tree->left[node] = nodes->left[node];
        tree->right[node] = nodes->right[node];
    }
    ALM_TRY(name_leaves(import, tree, nodes->leaf_row));
    ALM_TRY(set_values(import, tree, nodes->leaf_row, nodes->value));
    ALM_TRY(set_weights(import, tree, nodes->leaf_row, nodes->weight));
    import->tree++;
    return ALM_OK;
}
