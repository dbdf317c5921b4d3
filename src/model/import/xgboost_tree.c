/* xgboost_tree.c: one tree from XGBoost's array of nodes to the literal form.
 *
 * XGBoost numbers inner nodes and leaves together and may leave pruned nodes in the array, so the
 * tree is walked from its root; inner nodes get their numbers in that order, parents first. */
#include <math.h>
#include <string.h>

#include "model/import/xgboost_internal.h"

typedef struct builder {
    almi_xgb_import *import;
    const almi_xgb_nodes *nodes;
    almi_tree *tree;
    int32_t *number; /* [node] inner number, ~leaf number; NOT_MET before it is met */
    int32_t *order;  /* inner nodes in the order of their numbers */
    size_t inner_count, leaf_count, set_count, word_count;
} builder;

#define NOT_MET INT32_MAX

static alm_err damaged(const builder *b, int32_t node, const char *what)
{
    return alm_fail(b->import->error, ALM_ERR_CORRUPT,
                    "%s: tree %zu node %d: %s; the model file is damaged", b->import->name,
                    b->import->tree, (int)node, what);
}

static bool is_leaf(const almi_xgb_nodes *nodes, int32_t node)
{
    return nodes->left[node] == -1;
}

/* Gives a node its number. A second visit means a cycle or a node with two parents. */
static alm_err meet(builder *b, int32_t parent, int32_t node)
{
    if (node < 0 || (size_t)node >= b->nodes->count) {
        return damaged(b, parent, "a child is outside of the tree");
    }
    if (b->number[node] != NOT_MET) {
        return damaged(b, parent, "a child is reached twice, so it is not a tree");
    }
    if (is_leaf(b->nodes, node)) {
        b->number[node] = ~(int32_t)b->leaf_count++;
        return ALM_OK;
    }
    b->order[b->inner_count] = node;
    b->number[node] = (int32_t)b->inner_count++;
    return ALM_OK;
}

static alm_err walk(builder *b)
{
    const almi_xgb_nodes *nodes = b->nodes;
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->tree_scratch, nodes->count, b->number,
                              b->import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(b->import->tree_scratch, nodes->count, b->order, b->import->error));
    for (size_t i = 0; i < nodes->count; i++) {
        b->number[i] = NOT_MET;
    }
    ALM_TRY(meet(b, 0, 0));
    for (size_t i = 0; i < b->inner_count; i++) {
        ALM_TRY(meet(b, b->order[i], nodes->left[b->order[i]]));
        ALM_TRY(meet(b, b->order[i], nodes->right[b->order[i]]));
    }
    return ALM_OK;
}

/* ---- category sets ---- */

static bool is_categorical(const almi_xgb_nodes *nodes, int32_t node)
{
    return nodes->categorical != NULL && nodes->categorical[node] != 0;
}

/* Words of the set of a node: up to its largest category. */
static alm_err measure_set(const builder *b, int32_t node, size_t *words)
{
    const almi_xgb_nodes *nodes = b->nodes;
    int32_t set = nodes->set_of != NULL ? nodes->set_of[node] : -1;
    int32_t largest = -1;
    if (set >= 0) {
        for (int32_t i = 0; i < nodes->set_size[set]; i++) {
            int32_t category = nodes->category[nodes->set_begin[set] + i];
            largest = category > largest ? category : largest;
        }
    }
    if (largest < 0) {
        return damaged(b, node, "a categorical split without categories");
    }
    *words = (size_t)largest / 32 + 1;
    return ALM_OK;
}

static alm_err measure_sets(builder *b)
{
    for (size_t i = 0; i < b->inner_count; i++) {
        size_t words = 0;
        if (!is_categorical(b->nodes, b->order[i])) {
            continue;
        }
        ALM_TRY(measure_set(b, b->order[i], &words));
        b->set_count++;
        b->word_count += words;
        if (b->import->category_words + b->word_count > ALMI_XGB_CATEGORY_WORDS_MAX) {
            return alm_fail(b->import->error, ALM_ERR_LIMIT,
                            "%s: tree %zu node %d: the category sets need more than 64 MiB; "
                            "number the categories from 0",
                            b->import->name, b->import->tree, (int)b->order[i]);
        }
    }
    b->import->category_words += b->word_count;
    return ALM_OK;
}

static void add_set(builder *b, int32_t node)
{
    const almi_xgb_nodes *nodes = b->nodes;
    almi_tree *tree = b->tree;
    int32_t set = nodes->set_of[node];
    uint32_t begin = tree->category_begin[tree->category_count], end = begin;
    for (int32_t i = 0; i < nodes->set_size[set]; i++) {
        uint32_t category = (uint32_t)nodes->category[nodes->set_begin[set] + i];
        tree->category_word[begin + category / 32] |= (uint32_t)1 << (category % 32);
        end = begin + category / 32 + 1 > end ? begin + category / 32 + 1 : end;
    }
    tree->category_begin[++tree->category_count] = end;
}

/* ---- filling ---- */

static alm_err allocate(builder *b)
{
    alm_arena *arena = b->import->forest->arena;
    alm_error *error = b->import->error;
    almi_tree *tree = b->tree;
    size_t inner = b->inner_count;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->leaf_count * tree->leaf_width, tree->leaf_value, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->leaf_count, tree->leaf_name, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->feature, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->threshold, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->decision, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->left, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, inner, tree->right, error));
    if (b->set_count > 0) {
        ALM_TRY(ALMI_FOREST_ARRAY(arena, b->set_count + 1, tree->category_begin, error));
        ALM_TRY(ALMI_FOREST_ARRAY(arena, b->word_count, tree->category_word, error));
    }
    return ALM_OK;
}

static alm_err fill_inner(builder *b, size_t i)
{
    const almi_xgb_nodes *nodes = b->nodes;
    almi_tree *tree = b->tree;
    int32_t node = b->order[i];
    bool categorical = is_categorical(nodes, node);
    tree->feature[i] = nodes->feature[node];
    tree->decision[i] = (uint8_t)((categorical ? ALMI_DECISION_CATEGORY : 0) |
                                  (nodes->default_left[node] ? ALMI_DECISION_DEFAULT_LEFT : 0));
    tree->left[i] = b->number[nodes->left[node]];
    tree->right[i] = b->number[nodes->right[node]];
    tree->threshold[i] = (double)nodes->condition[node];
    if (categorical) {
        tree->threshold[i] = (double)tree->category_count;
        add_set(b, node);
    } else if (isnan(nodes->condition[node])) {
        return damaged(b, node, "the threshold is NaN");
    }
    return ALM_OK;
}

static alm_err fill_leaf(builder *b, int32_t node, const float *weight)
{
    const almi_xgb_nodes *nodes = b->nodes;
    almi_tree *tree = b->tree;
    size_t leaf = (size_t)~b->number[node];
    const float *value = &nodes->condition[node];
    if (nodes->leaf_vector != NULL) {
        int32_t row = nodes->leaf_row[node];
        if (row < 0 || (size_t)row >= nodes->leaf_rows) {
            return damaged(b, node, "its row of leaf weights does not exist");
        }
        value = nodes->leaf_vector + (size_t)row * nodes->leaf_width;
    }
    tree->leaf_name[leaf] = node;
    for (size_t i = 0; i < tree->leaf_width; i++) {
        if (!isfinite(value[i])) {
            return damaged(b, node, "a leaf value is not finite");
        }
        float added = value[i];
        if (weight != NULL) {
            added = almi_xgb_weighted(value[i], *weight);
            tree->plain_value[leaf * tree->leaf_width + i] = (double)value[i];
        }
        tree->leaf_value[leaf * tree->leaf_width + i] = (double)added;
    }
    return ALM_OK;
}

/* Sums of hessians; a tree with an inner node of no weight cannot be explained. */
static alm_err fill_cover(builder *b)
{
    const almi_xgb_nodes *nodes = b->nodes;
    almi_tree *tree = b->tree;
    double *leaf = NULL, *inner = NULL;
    if (nodes->cover == NULL) {
        return ALM_OK;
    }
    alm_arena *arena = b->import->forest->arena;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->leaf_count, leaf, b->import->error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, b->inner_count, inner, b->import->error));
    bool usable = true;
    for (size_t i = 0; i < nodes->count; i++) {
        int32_t number = b->number[i];
        double cover = (double)nodes->cover[i];
        if (number == NOT_MET) {
            continue;
        }
        usable = usable && isfinite(cover) && (number >= 0 ? cover > 0 : cover >= 0);
        *(number >= 0 ? &inner[number] : &leaf[~number]) = cover;
    }
    tree->leaf_cover = usable ? leaf : NULL;
    tree->node_cover = usable ? inner : NULL;
    return ALM_OK;
}

float almi_xgb_weighted(float leaf, float weight)
{
    float alone = 0.0f + leaf;
    return alone * weight;
}

alm_err almi_xgb_build_tree(almi_xgb_import *import, const almi_xgb_nodes *nodes,
                            const float *weight, almi_tree *tree)
{
    builder b = {.import = import, .nodes = nodes, .tree = tree};
    if (nodes->count == 0) {
        return alm_fail(import->error, ALM_ERR_CORRUPT, "%s: tree %zu has no nodes", import->name,
                        import->tree);
    }
    tree->rule = ALM_FOREST_XGBOOST;
    tree->leaf_width = nodes->leaf_vector != NULL ? (uint32_t)nodes->leaf_width : 1;
    ALM_TRY(walk(&b));
    ALM_TRY(measure_sets(&b));
    tree->leaf_count = b.leaf_count;
    ALM_TRY(allocate(&b));
    if (weight != NULL) {
        size_t values = b.leaf_count * tree->leaf_width;
        ALM_TRY(ALMI_FOREST_ARRAY(import->forest->arena, values, tree->plain_value,
                                  import->error));
        tree->weight = *weight;
    }
    for (size_t i = 0; i < b.inner_count; i++) {
        ALM_TRY(fill_inner(&b, i));
    }
    for (size_t i = 0; i < nodes->count; i++) {
        if (b.number[i] != NOT_MET && b.number[i] < 0) {
            ALM_TRY(fill_leaf(&b, (int32_t)i, weight));
        }
    }
    return fill_cover(&b);
}
