/* forest_cases.h: random LightGBM texts, hostile rows and fixture files; for the tests only. */
#ifndef ALM_MODEL_FOREST_CASES_H
#define ALM_MODEL_FOREST_CASES_H

#include <math.h>
#include <string.h>

#include "base/fs.h"
#include "base/rng.h"
#include "model/forest.h"

typedef struct forest_shape {
    size_t trees, outputs, features, leaves;
    bool chain;           /* always split the newest leaf: as deep as there are leaves */
    bool categories;      /* one node in four */
    uint64_t grid;        /* thresholds are multiples of 1 / grid */
    bool no_counts;
} forest_shape;

#define CASE_LEAVES_MAX 700

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
    alm_buffer_text(out, "is_linear=0\nshrinkage=1\n\n\n");
}

/* A whole model text in `arena`. Every fifth tree is a single leaf. */
static inline alm_str case_text(alm_arena *arena, const forest_shape *shape, uint64_t seed)
{
    alm_rng rng = alm_rng_stream(seed, 77);
    alm_buffer out = {0};
    alm_buffer_printf(&out,
                      "tree\nversion=v4\nnum_class=%zu\nnum_tree_per_iteration=%zu\n"
                      "label_index=0\nmax_feature_idx=%zu\nobjective=custom\nfeature_names=",
                      shape->outputs, shape->outputs, shape->features - 1);
    for (size_t i = 0; i < shape->features; i++) {
        alm_buffer_printf(&out, i == 0 ? "Column_%zu" : " Column_%zu", i);
    }
    alm_buffer_text(&out, "\nfeature_infos=none\n\n");
    case_tree *tree = ALM_NEW(arena, case_tree);
    for (size_t t = 0; t < shape->trees * shape->outputs; t++) {
        memset(tree, 0, sizeof *tree);
        tree->leaves = 1;
        tree->leaf_count[0] = (uint64_t)1 << 52;
        tree->value[0] = alm_rng_next_normal(&rng);
        while (tree->leaves < shape->leaves && t % 5 != 4) {
            size_t last = tree->leaves - 1;
            size_t leaf = shape->chain ? last : alm_rng_next_below(&rng, tree->leaves);
            if (tree->leaf_count[leaf] < 2) {
                break;
            }
            case_split(&rng, shape, tree, leaf);
        }
        alm_buffer_printf(&out, "Tree=%zu\n", t);
        case_write_tree(&out, tree, shape->no_counts);
    }
    alm_buffer_text(&out, "end of trees\n");
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

static inline double *case_rows(alm_arena *arena, size_t n, size_t stride, uint64_t grid)
{
    alm_rng rng = alm_rng_stream(5, grid);
    double *rows = ALM_NEW_ARRAY(arena, double, n * stride + 1);
    for (size_t i = 0; i < n * stride; i++) {
        rows[i] = case_hostile(&rng, grid);
    }
    return rows;
}

/* Text of tests/golden/forest/<name>; tests run in the root of the tree. */
static inline alm_err case_fixture(alm_arena *arena, const char *name, alm_str *out,
                                   alm_error *error)
{
    alm_fs *fs = NULL;
    ALM_TRY(alm_fs_real_create(&fs, error));
    char *path = alm_path_join(arena, "tests/golden/forest", name);
    alm_err code = alm_fs_read_all(fs, path, 1 << 24, arena, out, error);
    alm_fs_destroy(fs);
    return code;
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
