/* signal_models.h: models of the size of a trading system, for signal_bench.c: forests whose trees
 * split samples of real feature rows, as boosting does, a net, calibrators and a stacker. Values of
 * leaves and weights are random and seeded. */
#ifndef ALM_BENCH_SIGNAL_MODELS_H
#define ALM_BENCH_SIGNAL_MODELS_H

#include "model/scorer/scorer_cases.h"

#define CLASSES 3
#define ROUNDS_MAX 500
#define LEAVES_MAX 64
#define SAMPLE 2048 /* rows that a tree sees */

typedef struct grown {
    size_t leaves;
    int feature[LEAVES_MAX], left[LEAVES_MAX], right[LEAVES_MAX];
    double threshold[LEAVES_MAX], value[LEAVES_MAX];
    size_t leaf_begin[LEAVES_MAX], leaf_end[LEAVES_MAX], depth[LEAVES_MAX];
    size_t row[SAMPLE];
} grown;

typedef struct grower {
    const double *rows; /* count x width */
    size_t count, width;
    size_t leaves, depth; /* at most; leaf-wise by size, or all to the same depth */
    alm_rng rng;
} grower;

static inline double value_at(const grower *g, const grown *tree, size_t i, int feature)
{
    double value = g->rows[tree->row[i] * g->width + (size_t)feature];
    return (double)(float)value; /* for both libraries */
}

/* Between the tenth and the ninetieth percent of the leaf's rows. */
static inline bool split_leaf(grower *g, grown *tree, size_t leaf)
{
    size_t node = tree->leaves - 1, begin = tree->leaf_begin[leaf], end = tree->leaf_end[leaf];
    for (int attempt = 0; attempt < 20 && end - begin >= 4; attempt++) {
        int feature = (int)alm_rng_next_below(&g->rng, g->width);
        double at = value_at(g, tree, begin + alm_rng_next_below(&g->rng, end - begin), feature);
        size_t middle = begin;
        for (size_t i = begin; i < end; i++) {
            if (value_at(g, tree, i, feature) < at) {
                size_t row = tree->row[i];
                tree->row[i] = tree->row[middle];
                tree->row[middle++] = row;
            }
        }
        if ((middle - begin) * 10 < end - begin || (end - middle) * 10 < end - begin) {
            continue;
        }
        size_t fresh = tree->leaves++;
        for (size_t i = 0; i < node; i++) {
            tree->left[i] = tree->left[i] == ~(int)leaf ? (int)node : tree->left[i];
            tree->right[i] = tree->right[i] == ~(int)leaf ? (int)node : tree->right[i];
        }
        tree->feature[node] = feature;
        tree->threshold[node] = at;
        tree->left[node] = ~(int)leaf;
        tree->right[node] = ~(int)fresh;
        tree->leaf_begin[fresh] = middle;
        tree->leaf_end[fresh] = end;
        tree->leaf_end[leaf] = middle;
        tree->depth[leaf]++;
        tree->depth[fresh] = tree->depth[leaf];
        return true;
    }
    return false;
}

static inline void grow(grower *g, grown *tree)
{
    bool closed[LEAVES_MAX] = {false};
    memset(tree, 0, sizeof *tree);
    tree->leaves = 1;
    tree->leaf_end[0] = SAMPLE;
    for (size_t i = 0; i < SAMPLE; i++) {
        tree->row[i] = alm_rng_next_below(&g->rng, g->count);
    }
    while (tree->leaves < g->leaves) {
        size_t best = tree->leaves, most = 0;
        for (size_t leaf = 0; leaf < tree->leaves; leaf++) {
            size_t size = tree->leaf_end[leaf] - tree->leaf_begin[leaf];
            if (!closed[leaf] && tree->depth[leaf] < g->depth && size > most) {
                best = leaf;
                most = size;
            }
        }
        if (best == tree->leaves) {
            break;
        }
        closed[best] = !split_leaf(g, tree, best);
    }
    for (size_t leaf = 0; leaf < tree->leaves; leaf++) {
        tree->value[leaf] = 0.02 * alm_rng_next_normal(&g->rng);
    }
}

static inline alm_str kept(alm_arena *arena, alm_buffer *text)
{
    alm_str out = {alm_arena_copy_text(arena, text->data, text->size), text->size};
    alm_buffer_deinit(text);
    return out;
}

/* `rounds` x CLASSES trees of at most 31 leaves, grown leaf by leaf. */
static inline alm_str lightgbm_model(alm_arena *arena, grower g, size_t rounds, uint64_t seed)
{
    alm_buffer out = {0};
    grown *tree = ALM_NEW(arena, grown);
    g.rng = alm_rng_stream(seed, 1);
    g.leaves = 31;
    g.depth = LEAVES_MAX;
    alm_buffer_printf(&out, "tree\nversion=v4\nnum_class=%d\nnum_tree_per_iteration=%d\n"
                      "label_index=0\nmax_feature_idx=%zu\nobjective=multiclass num_class:%d\n"
                      "feature_names=", CLASSES, CLASSES, g.width - 1, CLASSES);
    for (size_t i = 0; i < g.width; i++) {
        alm_buffer_printf(&out, i == 0 ? "Column_%zu" : " Column_%zu", i);
    }
    alm_buffer_text(&out, "\nfeature_infos=none\n\n");
    for (size_t t = 0; t < rounds * CLASSES; t++) {
        int decision[LEAVES_MAX];
        grow(&g, tree);
        size_t inner = tree->leaves - 1;
        for (size_t i = 0; i < inner; i++) {
            decision[i] = 8 | (int)(alm_rng_next(&g.rng) & 2); /* NaN is missing */
        }
        alm_buffer_printf(&out, "Tree=%zu\nnum_leaves=%zu\nnum_cat=0\n", t, tree->leaves);
        case_write_list(&out, "split_feature", tree->feature, inner);
        case_write_doubles(&out, "threshold", tree->threshold, inner);
        case_write_list(&out, "decision_type", decision, inner);
        case_write_list(&out, "left_child", tree->left, inner);
        case_write_list(&out, "right_child", tree->right, inner);
        case_write_doubles(&out, "leaf_value", tree->value, tree->leaves);
        alm_buffer_text(&out, "is_linear=0\nshrinkage=1\n\n\n");
    }
    alm_buffer_text(&out, "end of trees\n");
    return kept(arena, &out);
}

static inline void write_xgboost_tree(alm_buffer *out, grower *g, const grown *tree)
{
    size_t inner = tree->leaves - 1, n = inner + tree->leaves;
    int left[2 * LEAVES_MAX], right[2 * LEAVES_MAX], feature[2 * LEAVES_MAX] = {0};
    int first[2 * LEAVES_MAX] = {0}, type[2 * LEAVES_MAX] = {0};
    double condition[2 * LEAVES_MAX], cover[2 * LEAVES_MAX];
    for (size_t i = 0; i < n; i++) {
        bool leaf = i >= inner;
        left[i] = leaf ? -1 : tree->left[i] >= 0 ? tree->left[i] : (int)inner + ~tree->left[i];
        right[i] = leaf ? -1 : tree->right[i] >= 0 ? tree->right[i] : (int)inner + ~tree->right[i];
        feature[i] = leaf ? 0 : tree->feature[i];
        first[i] = leaf ? 0 : (int)(alm_rng_next(&g->rng) & 1);
        condition[i] = leaf ? tree->value[i - inner] : tree->threshold[i];
        cover[i] = 1;
    }
    alm_buffer_text(out, "{");
    case_write_integers(out, "left_children", left, n);
    case_write_integers(out, "right_children", right, n);
    case_write_integers(out, "split_indices", feature, n);
    case_write_integers(out, "default_left", first, n);
    case_write_integers(out, "split_type", type, n);
    case_write_floats(out, "split_conditions", condition, n);
    case_write_floats(out, "sum_hessian", cover, n);
    alm_buffer_printf(out, "\"categories\":[],\"categories_nodes\":[],\"categories_segments\":[],"
                      "\"categories_sizes\":[],\"tree_param\":{\"num_nodes\":\"%zu\"}}", n);
}

/* `rounds` x CLASSES trees of depth 6. */
static inline alm_str xgboost_model(alm_arena *arena, grower g, size_t rounds, uint64_t seed)
{
    alm_buffer out = {0};
    grown *tree = ALM_NEW(arena, grown);
    g.rng = alm_rng_stream(seed, 2);
    g.leaves = 64;
    g.depth = 6;
    alm_buffer_printf(&out, "{\"learner\":{\"learner_model_param\":{\"base_score\":\"0.5\","
                      "\"num_class\":\"%d\",\"num_feature\":\"%zu\"},\"objective\":{\"name\":"
                      "\"multi:softprob\"},\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
                      "\"gbtree_model_param\":{\"num_trees\":\"%zu\"},", CLASSES, g.width,
                      rounds * CLASSES);
    for (size_t t = 0; t < rounds * CLASSES; t++) {
        alm_buffer_printf(&out, "%s%zu", t == 0 ? "\"tree_info\":[" : ",", t % CLASSES);
    }
    for (size_t t = 0; t < rounds * CLASSES; t++) {
        alm_buffer_text(&out, t == 0 ? "],\"trees\":[" : ",");
        grow(&g, tree);
        write_xgboost_tree(&out, &g, tree);
    }
    alm_buffer_text(&out, "]}}}}");
    return kept(arena, &out);
}

/* Isotonic, 40 points a class. */
static inline alm_str calibrator(alm_arena *arena)
{
    alm_buffer out = {0};
    for (int k = 0; k < CLASSES; k++) {
        alm_buffer_text(&out, k ? "," : "{\"class_count\":3,\"classes\":[");
        for (int y = 0; y < 2; y++) {
            alm_buffer_text(&out, y ? ",\"y\":[" : "{\"x\":[");
            for (int i = 0; i < 40; i++) {
                double x = (i + 0.5) / 40;
                alm_buffer_printf(&out, "%s%.6g", i ? "," : "", y ? (x * x + x) / 2 : x);
            }
            alm_buffer_text(&out, "]");
        }
        alm_buffer_text(&out, "}");
    }
    alm_buffer_text(&out, "],\"kind\":\"isotonic\"}");
    return kept(arena, &out);
}

/* Multinomial logistic regression on the probabilities of `models` models. */
static inline alm_str stacker(alm_arena *arena, size_t models)
{
    alm_buffer out = {0};
    alm_rng rng = alm_rng_stream(3, 3);
    alm_buffer_printf(&out, "{\"classes\":%d,\"coefficient\":", CLASSES);
    for (size_t i = 0; i < CLASSES * (models * CLASSES + 1); i++) {
        alm_buffer_printf(&out, "%s%.6g", i ? "," : "[", alm_rng_next_normal(&rng));
    }
    alm_buffer_printf(&out, "],\"models\":%zu}", models);
    return kept(arena, &out);
}

#endif
