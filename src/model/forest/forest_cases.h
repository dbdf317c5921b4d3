/* forest_cases.h: random LightGBM and XGBoost texts, hostile rows and fixture files; for the tests
 * only. */
#ifndef ALM_MODEL_FOREST_CASES_H
#define ALM_MODEL_FOREST_CASES_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "model/forest/forest.h"

typedef struct forest_shape {
    size_t trees, outputs, features, leaves;
    bool chain;           /* always split the newest leaf: as deep as there are leaves */
    bool categories;      /* one node in four */
    uint64_t grid;        /* thresholds are multiples of 1 / grid */
    bool no_counts;
    bool backwards;       /* children have lower numbers than their parents, but for the root */
    bool dart;            /* XGBoost only: a weight for every tree */
    bool linear;          /* LightGBM only: most leaves of most trees are linear models */
    bool one_large;       /* LightGBM only: all trees but the first are single leaves */
} forest_shape;

#define CASE_LEAVES_MAX 1200

typedef struct case_tree {
    size_t leaves, sets, words;
    int feature[CASE_LEAVES_MAX], decision[CASE_LEAVES_MAX];
    double threshold[CASE_LEAVES_MAX], value[CASE_LEAVES_MAX];
    int left[CASE_LEAVES_MAX], right[CASE_LEAVES_MAX];
    uint64_t leaf_count[CASE_LEAVES_MAX], node_count[CASE_LEAVES_MAX];
    size_t set_begin[CASE_LEAVES_MAX + 1];
    uint32_t word[CASE_LEAVES_MAX * 12];
} case_tree;

static inline void case_add_set(alm_rng *rng, case_tree *tree)
{
    /* 1 to 12 words: below and above the 255 categories that fit a byte, dense and sparse. */
    size_t words = 1 + alm_rng_next_below(rng, alm_rng_next_below(rng, 4) == 0 ? 12 : 3);
    bool sparse = alm_rng_next_below(rng, 2) == 0;
    for (size_t i = 0; i < words; i++) {
        uint32_t word = (uint32_t)alm_rng_next(rng);
        word &= sparse ? (uint32_t)alm_rng_next(rng) & 0x0F0F0F0Fu : UINT32_MAX;
        tree->word[tree->words++] = word;
    }
    tree->set_begin[++tree->sets] = tree->words;
}

static inline void case_split(alm_rng *rng, const forest_shape *shape, case_tree *tree, size_t leaf)
{
    static const int numeric[] = {0, 2, 4, 6, 8, 10};
    static const double odd[] = {0, -0.0, 1e-35, -1e-35, 5e-324, INFINITY, -INFINITY, 1e300};
    size_t node = tree->leaves - 1, fresh = tree->leaves;
    bool category = shape->categories && alm_rng_next_below(rng, 4) == 0;
    tree->feature[node] = (int)alm_rng_next_below(rng, shape->features);
    tree->decision[node] = numeric[alm_rng_next_below(rng, 6)] | (category ? 1 : 0);
    double steps = (double)alm_rng_next_below(rng, 8 * shape->grid);
    tree->threshold[node] = steps / (double)shape->grid - 4;
    if (alm_rng_next_below(rng, 12) == 0) {
        tree->threshold[node] = odd[alm_rng_next_below(rng, sizeof odd / sizeof *odd)];
    }
    if (category) {
        tree->threshold[node] = (double)tree->sets;
        case_add_set(rng, tree);
    }
    /* The parent of the split leaf now points to the new node. */
    for (size_t i = 0; i < node; i++) {
        tree->left[i] = tree->left[i] == ~(int)leaf ? (int)node : tree->left[i];
        tree->right[i] = tree->right[i] == ~(int)leaf ? (int)node : tree->right[i];
    }
    tree->left[node] = ~(int)leaf;
    tree->right[node] = ~(int)fresh;
    uint64_t count = tree->leaf_count[leaf];
    tree->node_count[node] = count;
    /* Chains cut off little at a time, so that the rows last for hundreds of splits. */
    uint64_t most = shape->chain ? count / 16 + 1 : count - 1;
    tree->leaf_count[leaf] = 1 + alm_rng_next_below(rng, most < count - 1 ? most : count - 1);
    tree->leaf_count[fresh] = count - tree->leaf_count[leaf];
    tree->value[fresh] = alm_rng_next_normal(rng);
    tree->leaves++;
}

static inline void case_write_list(alm_buffer *out, const char *key, const int *values, size_t n)
{
    alm_buffer_printf(out, "%s=", key);
    for (size_t i = 0; i < n; i++) {
        alm_buffer_printf(out, i == 0 ? "%d" : " %d", values[i]);
    }
    alm_buffer_text(out, "\n");
}

static inline void case_write_doubles(alm_buffer *out, const char *key, const double *v, size_t n)
{
    alm_buffer_printf(out, "%s=", key);
    for (size_t i = 0; i < n; i++) {
        alm_buffer_printf(out, i == 0 ? "%.17g" : " %.17g", v[i]);
    }
    alm_buffer_text(out, "\n");
}

static inline void case_write_counts(alm_buffer *out, const char *key, const uint64_t *v, size_t n)
{
    alm_buffer_printf(out, "%s=", key);
    for (size_t i = 0; i < n; i++) {
        alm_buffer_printf(out, i == 0 ? "%llu" : " %llu", (unsigned long long)v[i]);
    }
    alm_buffer_text(out, "\n");
}

/* Up to four terms a leaf; coefficients of both signs, and now and then 0. */
static inline void case_write_models(alm_buffer *out, const forest_shape *shape, size_t leaves,
                                     alm_rng *rng)
{
    alm_buffer constants = {0}, counts = {0}, features = {0}, coefficients = {0};
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        size_t terms = alm_rng_next_below(rng, 5);
        alm_buffer_printf(&constants, leaf == 0 ? "%.17g" : " %.17g", alm_rng_next_normal(rng));
        alm_buffer_printf(&counts, leaf == 0 ? "%zu" : " %zu", terms);
        for (size_t i = 0; i < terms; i++) {
            double coefficient = alm_rng_next_below(rng, 9) == 0 ? 0 : alm_rng_next_normal(rng);
            alm_buffer_printf(&features, "%zu ", alm_rng_next_below(rng, shape->features));
            alm_buffer_printf(&coefficients, "%.17g ", coefficient);
        }
        alm_buffer_text(&features, " "); /* as the library separates leaves */
        alm_buffer_text(&coefficients, " ");
    }
    alm_buffer_printf(out, "is_linear=1\nleaf_const=%.*s\nnum_features=%.*s\n", (int)constants.size,
                      constants.data, (int)counts.size, counts.data);
    alm_buffer_printf(out, "leaf_features=%.*s\nleaf_coeff=%.*s\n", (int)features.size,
                      features.data, (int)coefficients.size, coefficients.data);
    alm_buffer_deinit(&constants);
    alm_buffer_deinit(&counts);
    alm_buffer_deinit(&features);
    alm_buffer_deinit(&coefficients);
}

static inline void case_write_tree(alm_buffer *out, const case_tree *tree, bool no_counts)
{
    size_t inner = tree->leaves - 1;
    alm_buffer_printf(out, "num_leaves=%zu\nnum_cat=%zu\n", tree->leaves, tree->sets);
    case_write_list(out, "split_feature", tree->feature, inner);
    case_write_doubles(out, "threshold", tree->threshold, inner);
    case_write_list(out, "decision_type", tree->decision, inner);
    case_write_list(out, "left_child", tree->left, inner);
    case_write_list(out, "right_child", tree->right, inner);
    case_write_doubles(out, "leaf_value", tree->value, tree->leaves);
    if (!no_counts) {
        case_write_counts(out, "leaf_count", tree->leaf_count, tree->leaves);
        case_write_counts(out, "internal_count", tree->node_count, inner);
    }
    if (tree->sets > 0) {
        alm_buffer_text(out, "cat_boundaries=0");
        for (size_t i = 1; i <= tree->sets; i++) {
            alm_buffer_printf(out, " %zu", tree->set_begin[i]);
        }
        alm_buffer_text(out, "\ncat_threshold=");
        for (size_t i = 0; i < tree->words; i++) {
            alm_buffer_printf(out, i == 0 ? "%u" : " %u", tree->word[i]);
        }
        alm_buffer_text(out, "\n");
    }
}

static inline void case_grow(alm_rng *rng, const forest_shape *shape, bool constant,
                             case_tree *tree)
{
    memset(tree, 0, sizeof *tree);
    tree->leaves = 1;
    tree->leaf_count[0] = (uint64_t)1 << 52;
    tree->value[0] = alm_rng_next_normal(rng);
    while (tree->leaves < shape->leaves && !constant) {
        size_t last = tree->leaves - 1;
        size_t leaf = shape->chain ? last : alm_rng_next_below(rng, tree->leaves);
        if (tree->leaf_count[leaf] < 2) {
            break;
        }
        case_split(rng, shape, tree, leaf);
    }
}

static inline void case_swap(void *array, size_t size, size_t a, size_t b)
{
    char *at = array, kept[sizeof(uint64_t)];
    memcpy(kept, at + a * size, size);
    memcpy(at + a * size, at + b * size, size);
    memcpy(at + b * size, kept, size);
}

/* The same tree with its inner nodes behind the root numbered from the last to the first. */
static inline void case_number_backwards(case_tree *tree)
{
    size_t inner = tree->leaves - 1;
    for (size_t a = 1, b = inner - 1; inner > 0 && a < b; a++, b--) {
        case_swap(tree->feature, sizeof *tree->feature, a, b);
        case_swap(tree->threshold, sizeof *tree->threshold, a, b);
        case_swap(tree->decision, sizeof *tree->decision, a, b);
        case_swap(tree->left, sizeof *tree->left, a, b);
        case_swap(tree->right, sizeof *tree->right, a, b);
        case_swap(tree->node_count, sizeof *tree->node_count, a, b);
    }
    for (size_t i = 0; i < inner; i++) {
        tree->left[i] = tree->left[i] > 0 ? (int)inner - tree->left[i] : tree->left[i];
        tree->right[i] = tree->right[i] > 0 ? (int)inner - tree->right[i] : tree->right[i];
    }
}

/* A whole model text in `arena`. Every fifth tree is a single leaf. */
static inline alm_str case_text(alm_arena *arena, const forest_shape *shape, uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 77);
    alm_buffer out = {0}, trees = {0};
    alm_buffer_printf(&out,
                      "tree\nversion=v4\nnum_class=%zu\nnum_tree_per_iteration=%zu\n"
                      "label_index=0\nmax_feature_idx=%zu\nobjective=custom\nfeature_names=",
                      shape->outputs, shape->outputs, shape->features - 1);
    for (size_t i = 0; i < shape->features; i++) {
        alm_buffer_printf(&out, i == 0 ? "Column_%zu" : " Column_%zu", i);
    }
    alm_buffer_text(&out, "\nfeature_infos=none\n");
    case_tree *tree = ALM_NEW(arena, case_tree);
    for (size_t t = 0; t < shape->trees * shape->outputs; t++) {
        size_t begin = trees.size;
        case_grow(&rng, shape, shape->one_large ? t > 0 : t % 5 == 4, tree);
        if (shape->backwards) {
            case_number_backwards(tree);
        }
        alm_buffer_printf(&trees, "Tree=%zu\n", t);
        case_write_tree(&trees, tree, shape->no_counts);
        if (shape->linear && t % 4 != 3) {
            case_write_models(&trees, shape, tree->leaves, &rng);
        } else {
            alm_buffer_text(&trees, "is_linear=0\n");
        }
        alm_buffer_text(&trees, "shrinkage=1\n\n\n");
        if (seed % 4 != 3) { /* LightGBM writes them; without them, trees are read one by one */
            alm_buffer_printf(&out, t == 0 ? "tree_sizes=%zu" : " %zu", trees.size - begin);
        }
    }
    alm_buffer_text(&out, seed % 4 != 3 ? "\n\n" : "\n");
    alm_buffer_append(&out, trees.data, trees.size);
    alm_buffer_deinit(&trees);
    alm_buffer_text(&out, "end of trees\n");
    alm_str text = {alm_arena_copy_text(arena, out.data, out.size), out.size};
    alm_buffer_deinit(&out);
    return text;
}

/* ---- the same trees as XGBoost writes them ---- */

static inline void case_write_floats(alm_buffer *out, const char *key, const double *v, size_t n)
{
    alm_buffer_printf(out, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        float value = (float)v[i];
        alm_buffer_text(out, i == 0 ? "" : ",");
        if (isinf(value)) {
            alm_buffer_text(out, value < 0 ? "-Infinity" : "Infinity");
        } else {
            alm_buffer_printf(out, "%.9g", (double)value);
        }
    }
    alm_buffer_text(out, "],");
}

static inline void case_write_integers(alm_buffer *out, const char *key, const int *v, size_t n)
{
    alm_buffer_printf(out, "\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        alm_buffer_printf(out, i == 0 ? "%d" : ",%d", v[i]);
    }
    alm_buffer_text(out, "],");
}

/* Inner nodes keep their numbers, leaf l becomes node inner + l. No category set is empty. */
typedef struct case_nodes {
    size_t count, sets, categories;
    int left[2 * CASE_LEAVES_MAX], right[2 * CASE_LEAVES_MAX], feature[2 * CASE_LEAVES_MAX];
    int default_left[2 * CASE_LEAVES_MAX], type[2 * CASE_LEAVES_MAX];
    double condition[2 * CASE_LEAVES_MAX], cover[2 * CASE_LEAVES_MAX];
    int set_node[CASE_LEAVES_MAX], set_begin[CASE_LEAVES_MAX], set_size[CASE_LEAVES_MAX];
    int category[CASE_LEAVES_MAX * 12 * 32];
} case_nodes;

static inline void case_take_set(const case_tree *tree, size_t node, case_nodes *to)
{
    size_t set = (size_t)tree->threshold[node], begin = to->categories;
    for (size_t w = tree->set_begin[set]; w < tree->set_begin[set + 1]; w++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            if ((tree->word[w] >> bit & 1u) != 0) {
                to->category[to->categories++] = (int)((w - tree->set_begin[set]) * 32 + bit);
            }
        }
    }
    if (to->categories == begin) {
        to->category[to->categories++] = 5;
    }
    to->set_node[to->sets] = (int)node;
    to->set_begin[to->sets] = (int)begin;
    to->set_size[to->sets++] = (int)(to->categories - begin);
}

static inline void case_take_nodes(const case_tree *tree, case_nodes *to)
{
    size_t inner = tree->leaves - 1;
    memset(to, 0, sizeof *to);
    to->count = inner + tree->leaves;
    for (size_t i = 0; i < inner; i++) {
        int left = tree->left[i], right = tree->right[i];
        to->left[i] = left >= 0 ? left : (int)inner + ~left;
        to->right[i] = right >= 0 ? right : (int)inner + ~right;
        to->feature[i] = tree->feature[i];
        to->default_left[i] = (tree->decision[i] & 2) != 0;
        to->type[i] = tree->decision[i] & 1;
        to->condition[i] = tree->threshold[i];
        to->cover[i] = (double)tree->node_count[i];
        if (to->type[i] == 1) {
            case_take_set(tree, i, to);
        }
    }
    for (size_t leaf = 0; leaf < tree->leaves; leaf++) {
        to->left[inner + leaf] = to->right[inner + leaf] = -1;
        to->condition[inner + leaf] = tree->value[leaf];
        to->cover[inner + leaf] = (double)tree->leaf_count[leaf];
    }
}

static inline void case_write_nodes(alm_buffer *out, const case_nodes *nodes)
{
    size_t n = nodes->count;
    alm_buffer_text(out, "{");
    case_write_integers(out, "left_children", nodes->left, n);
    case_write_integers(out, "right_children", nodes->right, n);
    case_write_integers(out, "split_indices", nodes->feature, n);
    case_write_integers(out, "default_left", nodes->default_left, n);
    case_write_integers(out, "split_type", nodes->type, n);
    case_write_floats(out, "split_conditions", nodes->condition, n);
    case_write_floats(out, "sum_hessian", nodes->cover, n);
    case_write_integers(out, "categories", nodes->category, nodes->categories);
    case_write_integers(out, "categories_nodes", nodes->set_node, nodes->sets);
    case_write_integers(out, "categories_segments", nodes->set_begin, nodes->sets);
    case_write_integers(out, "categories_sizes", nodes->set_size, nodes->sets);
    alm_buffer_printf(out, "\"tree_param\":{\"num_nodes\":\"%zu\"}}", n);
}

/* A whole JSON model in `arena`; trees belong to outputs in no order, every fifth is a leaf. */
static inline alm_str case_xgboost_text(alm_arena *arena, const forest_shape *shape,
                                        uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 78);
    alm_buffer out = {0};
    case_tree *tree = ALM_NEW(arena, case_tree);
    case_nodes *nodes = ALM_NEW(arena, case_nodes);
    size_t count = shape->trees * shape->outputs;
    alm_buffer_printf(&out,
                      "{\"learner\":{\"learner_model_param\":{\"base_score\":\"0.7\","
                      "\"num_class\":\"%zu\",\"num_feature\":\"%zu\"},"
                      "\"objective\":{\"name\":\"reg:logistic\"},"
                      "\"gradient_booster\":{\"name\":\"%s\",",
                      shape->outputs, shape->features, shape->dart ? "dart" : "gbtree");
    for (size_t t = 0; t < count && shape->dart; t++) {
        alm_buffer_printf(&out, "%s%.9g", t == 0 ? "\"weight_drop\":[" : ",",
                          alm_rng_next_uniform(&rng));
    }
    alm_buffer_printf(&out, "%s\"model\":{\"gbtree_model_param\":{\"num_trees\":\"%zu\"},",
                      shape->dart ? "]," : "", count);
    for (size_t t = 0; t < count; t++) {
        alm_buffer_printf(&out, "%s%d", t == 0 ? "\"tree_info\":[" : ",",
                          (int)alm_rng_next_below(&rng, shape->outputs));
    }
    for (size_t t = 0; t < count; t++) {
        alm_buffer_text(&out, t == 0 ? "],\"trees\":[" : ",");
        case_grow(&rng, shape, t % 5 == 4, tree);
        case_take_nodes(tree, nodes);
        case_write_nodes(&out, nodes);
    }
    alm_buffer_text(&out, "]}}}}");
    alm_str text = {alm_arena_copy_text(arena, out.data, out.size), out.size};
    alm_buffer_deinit(&out);
    return text;
}

/* Grid values (so rows lie exactly on thresholds) and their neighbours, every special number. */
static inline double case_hostile(alm_rng *rng, uint64_t grid)
{
    static const double special[] = {0.0, -0.0, 5e-324, -5e-324, 1.0000000180025095e-35,
        -1.0000000180025095e-35, 1.0000000180025097e-35, -1.0000000180025097e-35, 1e-36, INFINITY,
        -INFINITY, NAN, NAN, -0.5, -0.999, 2.7, 2147483648.0, 2147483647.5, -2147483649.0, 1e300,
        -1, 31, 32, 95.5, 254, 255, 256, 300, 383, 384};
    uint64_t choice = alm_rng_next_below(rng, 6);
    double x = (double)alm_rng_next_below(rng, 8 * grid) / (double)grid - 4;
    switch (choice) {
    case 0:
        return special[alm_rng_next_below(rng, sizeof special / sizeof *special)];
    case 1:
        return nextafter(x, INFINITY);
    case 2:
        return nextafter(x, -INFINITY);
    case 3:
        return (double)alm_rng_next_below(rng, 400);
    default:
        return x;
    }
}

/* The same for a forest that compares floats: also their neighbours, and half way to them. */
static inline double case_hostile_float(alm_rng *rng, uint64_t grid)
{
    double x = (double)(float)((double)alm_rng_next_below(rng, 8 * grid) / (double)grid - 4);
    switch (alm_rng_next_below(rng, 6)) {
    case 0:
        return (double)nextafterf((float)x, INFINITY);
    case 1:
        return (x + (double)nextafterf((float)x, -INFINITY)) / 2;
    default:
        return case_hostile(rng, grid);
    }
}

static inline double *case_float_rows(alm_arena *arena, size_t n, size_t stride, uint64_t grid)
{
    alm_rng rng = alm_rng_stream(6, grid);
    double *rows = ALM_NEW_ARRAY(arena, double, n * stride + 1);
    for (size_t i = 0; i < n * stride; i++) {
        rows[i] = case_hostile_float(&rng, grid);
    }
    return rows;
}

static inline double *case_rows(alm_arena *arena, size_t n, size_t stride, uint64_t grid)
{
    alm_rng rng = alm_rng_stream(5, grid);
    double *rows = ALM_NEW_ARRAY(arena, double, n * stride + 1);
    for (size_t i = 0; i < n * stride; i++) {
        rows[i] = case_hostile(&rng, grid);
    }
    return rows;
}

/* Every other explanation ends, too. */
static inline void case_explain_forest(const alm_forest *forest, const double *rows, size_t n)
{
    alm_forest_info info = alm_forest_describe(forest);
    size_t columns = info.feature_count + 1, stride = info.feature_count;
    alm_forest_strict *strict = NULL;
    alm_forest_strict_scratch *strict_scratch = NULL;
    alm_forest_interventional *against = NULL;
    alm_forest_interventional_scratch *against_scratch = NULL;
    alm_forest_explainer *explainer = NULL;
    alm_forest_interaction_scratch *pairs = NULL;
    alm_arena *arena = alm_arena_create(0);
    double *out = ALM_NEW_ARRAY(arena, double, n * info.output_count * columns * columns);
    if (alm_forest_strict_create(forest, &strict, NULL) == ALM_OK) {
        alm_assert(alm_forest_strict_scratch_create(strict, &strict_scratch, NULL) == ALM_OK);
        alm_forest_contributions_strict(strict, strict_scratch, rows, n, stride, out);
        alm_forest_contributions_strict(strict, strict_scratch, rows, 1, stride, out);
    }
    if (alm_forest_interventional_create(forest, rows, n, stride, &against, NULL) == ALM_OK) {
        alm_assert(alm_forest_interventional_scratch_create(against, &against_scratch, NULL) ==
                   ALM_OK);
        alm_forest_interventional_contributions(against, against_scratch, rows, n, stride, out);
    }
    if (alm_forest_explainer_create(forest, &explainer, NULL) == ALM_OK) {
        alm_assert(alm_forest_interaction_scratch_create(explainer, &pairs, NULL) == ALM_OK);
        alm_forest_interactions(explainer, pairs, rows, n, stride, out);
    }
    alm_forest_interaction_scratch_destroy(pairs);
    alm_forest_explainer_destroy(explainer);
    alm_forest_interventional_scratch_destroy(against_scratch);
    alm_forest_interventional_destroy(against);
    alm_forest_strict_scratch_destroy(strict_scratch);
    alm_forest_strict_destroy(strict);
    alm_arena_destroy(arena);
}

/* Whatever was read must be usable: the kernel agrees with the oracle, explanations end. */
static inline void case_use_forest(const alm_forest *forest)
{
    alm_forest_info info = alm_forest_describe(forest);
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    size_t n = 9, width = info.output_count * (info.feature_count + 1);
    if (n * width > 4000) {
        return;
    }
    alm_arena *arena = alm_arena_create(0);
    double *rows = case_float_rows(arena, n, info.feature_count, 4);
    double *score = ALM_NEW_ARRAY(arena, double, n * info.output_count);
    double *oracle = ALM_NEW_ARRAY(arena, double, n * info.output_count);
    double *phi = ALM_NEW_ARRAY(arena, double, n * width);
    alm_forest_score(forest, rows, n, info.feature_count, score);
    alm_forest_score_reference(forest, rows, n, info.feature_count, oracle);
    alm_assert(memcmp(score, oracle, n * info.output_count * sizeof(double)) == 0);
    if (alm_forest_explainer_create(forest, &explainer, NULL) == ALM_OK) {
        alm_assert(alm_forest_scratch_create(explainer, &scratch, NULL) == ALM_OK);
        alm_forest_contributions(explainer, scratch, rows, n, info.feature_count, phi);
    }
    if (n * width * (info.feature_count + 1) <= 40000) {
        case_explain_forest(forest, rows, n);
    }
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
    alm_arena_destroy(arena);
}

/* What a fuzzed reader made of bytes called "fuzz": a forest to be used and destroyed, or one error
 * that names the file. */
static inline void case_end_fuzzed(alm_err code, alm_forest *forest, const alm_error *error)
{
    if (code == ALM_OK) {
        case_use_forest(forest);
    } else {
        alm_assert(strstr(error->message, "fuzz"));
        alm_assert(alm_str_is_utf8(alm_str_of(error->message), NULL));
    }
    alm_forest_destroy(forest);
}

/* One reader of model files. */
typedef alm_err case_parser(alm_str bytes, const char *name, alm_forest **out, alm_error *error);

/* Cuts `original` off or replaces up to three of its bytes, mostly by bytes of `alphabet`; `text`
 * is scratch. Whether the reader accepted the result, which then was usable. */
static inline bool case_parse_damaged(case_parser *parse, alm_rng *rng, alm_str original,
                                      alm_str alphabet, alm_buffer *text)
{
    alm_forest *forest = NULL;
    alm_buffer_clear(text);
    alm_buffer_str(text, original);
    uint64_t flips = alm_rng_next_below(rng, 4);
    for (uint64_t i = 0; i < flips; i++) {
        size_t at = alm_rng_next_below(rng, text->size);
        bool any = alm_rng_next_below(rng, 4) == 0;
        text->data[at] = any ? (char)alm_rng_next(rng)
                             : alphabet.data[alm_rng_next_below(rng, alphabet.size)];
    }
    if (flips == 0) {
        text->size = alm_rng_next_below(rng, text->size);
    }
    /* A block of exactly this size, so that a sanitizer sees a read behind the end. */
    void *exact = NULL;
    alm_assert(alm_heap_try(text->size > 0 ? text->size : 1, &exact, NULL) == ALM_OK);
    memcpy(exact, text->data, text->size);
    alm_err code = parse((alm_str){exact, text->size}, "m", &forest, NULL);
    if (code == ALM_OK) {
        case_use_forest(forest);
        alm_forest_destroy(forest);
    }
    alm_heap_free(exact);
    return code == ALM_OK;
}

/* The bytes of tests/golden/forest/<name>; tests run in the root of the tree. */
static inline alm_str case_fixture(alm_arena *arena, const char *name)
{
    alm_fs *fs = NULL;
    alm_error error = {0};
    alm_str bytes = {0};
    alm_err code = alm_fs_real_create(&fs, &error);
    char *path = alm_path_join(arena, "tests/golden/forest", name);
    code = code ? code : alm_fs_read_all(fs, path, 1 << 24, arena, &bytes, &error);
    alm_fs_destroy(fs);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
    }
    alm_assert(code == ALM_OK);
    return bytes;
}

/* All numbers of a text, whatever separates them; "nan" for an empty field is not expected. */
static inline size_t case_numbers(alm_str text, double *out, size_t limit)
{
    size_t count = 0, i = 0;
    while (i < text.size) {
        size_t begin = i;
        while (i < text.size && strchr(" \t\r\n,", text.data[i]) == NULL) {
            i++;
        }
        alm_str item = {text.data + begin, i - begin};
        if (item.size > 0 && count < limit && alm_str_to_double(item, &out[count])) {
            count++;
        }
        i++;
    }
    return count;
}

#endif
