/* forest_shap_test.c: contributions beside the textbook recursion.
 *
 * The oracle is TreeSHAP as LightGBM implements it (src/io/tree.cpp, TreeSHAP, ExtendPath,
 * UnwindPath, UnwoundPathSum; Lundberg et al. 2020, algorithm 2). Tolerance: 1e-10 of the sum of
 * magnitudes of a row, because the two add the same terms in different orders; the recursion
 * divides and subtracts, so most of the difference is its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hash.h"
#include "model/forest/forest_cases.h"
#include "model/forest/forest_internal.h"

#define ROWS 40
#define DEPTH_MAX 200

typedef struct path_part {
    int feature;
    double zero, one, weight;
} path_part;

static void extend(path_part *path, size_t depth, double zero, double one, int feature)
{
    path[depth] = (path_part){feature, zero, one, depth == 0 ? 1.0 : 0.0};
    for (size_t i = depth; i-- > 0;) {
        double scale = (double)(depth + 1);
        path[i + 1].weight += one * path[i].weight * (double)(i + 1) / scale;
        path[i].weight = zero * path[i].weight * (double)(depth - i) / scale;
    }
}

static void unwind(path_part *path, size_t depth, size_t index)
{
    double one = path[index].one, zero = path[index].zero, next = path[depth].weight;
    for (size_t i = depth; i-- > 0;) {
        if (one != 0) {
            double kept = path[i].weight;
            path[i].weight = next * (double)(depth + 1) / ((double)(i + 1) * one);
            next = kept - path[i].weight * zero * (double)(depth - i) / (double)(depth + 1);
        } else {
            path[i].weight =
                path[i].weight * (double)(depth + 1) / (zero * (double)(depth - i));
        }
    }
    for (size_t i = index; i < depth; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

static double unwound_sum(const path_part *path, size_t depth, size_t index)
{
    double one = path[index].one, zero = path[index].zero, next = path[depth].weight, total = 0;
    for (size_t i = depth; i-- > 0;) {
        if (one != 0) {
            double part = next * (double)(depth + 1) / ((double)(i + 1) * one);
            total += part;
            next = path[i].weight - part * zero * (double)(depth - i) / (double)(depth + 1);
        } else {
            total += path[i].weight / zero / ((double)(depth - i) / (double)(depth + 1));
        }
    }
    return total;
}

typedef struct recursion {
    const almi_tree *tree;
    const double *row;
    double *phi;
} recursion;

static void textbook(const recursion *r, int node, size_t depth, const path_part *parent,
                     path_part added)
{
    path_part path[DEPTH_MAX];
    assert_true(depth < DEPTH_MAX);
    if (depth > 0) {
        memcpy(path, parent, depth * sizeof *path);
    }
    extend(path, depth, added.zero, added.one, added.feature);
    if (node < 0) {
        for (size_t i = 1; i <= depth; i++) {
            r->phi[path[i].feature] += unwound_sum(path, depth, i) * (path[i].one - path[i].zero) *
                                       r->tree->leaf_value[~node];
        }
        return;
    }
    int feature = r->tree->feature[node];
    bool left = almi_tree_goes_left(r->tree, (size_t)node, r->row[feature]);
    int hot = left ? r->tree->left[node] : r->tree->right[node];
    int cold = left ? r->tree->right[node] : r->tree->left[node];
    double cover = r->tree->node_cover[node];
    double hot_cover = hot >= 0 ? r->tree->node_cover[hot] : r->tree->leaf_cover[~hot];
    double cold_cover = cold >= 0 ? r->tree->node_cover[cold] : r->tree->leaf_cover[~cold];
    double zero = 1, one = 1;
    for (size_t i = 1; i <= depth; i++) {
        if (path[i].feature == feature) {
            zero = path[i].zero;
            one = path[i].one;
            unwind(path, depth, i);
            depth--;
            break;
        }
    }
    path_part next = {feature, hot_cover / cover * zero, one, 0};
    textbook(r, hot, depth + 1, path, next);
    next = (path_part){feature, cold_cover / cover * zero, 0, 0};
    textbook(r, cold, depth + 1, path, next);
}

static void textbook_row(const alm_forest *forest, const double *row, double *phi)
{
    size_t width = forest->info.feature_count + 1;
    memset(phi, 0, width * forest->info.output_count * sizeof(double));
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        double *own = phi + tree->output * width;
        for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            double share = tree->leaf_count == 1 ? 1 : tree->leaf_cover[leaf] / tree->node_cover[0];
            own[width - 1] += share * tree->leaf_value[leaf];
        }
        if (tree->leaf_count > 1) {
            recursion r = {tree, row, own};
            textbook(&r, 0, 0, NULL, (path_part){-1, 1, 1, 0});
        }
    }
}

typedef struct explained {
    alm_forest *forest;
    alm_forest_explainer *explainer;
    alm_forest_scratch *scratch;
    alm_forest_info info;
    size_t width;
} explained;

static explained open_text(alm_str text)
{
    explained e = {0};
    alm_error error;
    if (alm_forest_parse_lightgbm(text, "case", &e.forest, &error) != ALM_OK ||
        alm_forest_explainer_create(e.forest, &e.explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(e.explainer, &e.scratch, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    e.info = alm_forest_describe(e.forest);
    e.width = e.info.output_count * (e.info.feature_count + 1);
    return e;
}

static void close_explained(explained *e)
{
    alm_forest_scratch_destroy(e->scratch);
    alm_forest_explainer_destroy(e->explainer);
    alm_forest_destroy(e->forest);
}

static double magnitude(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs(values[i]);
    }
    return sum;
}

static void check_sums(const explained *e, const double *rows, size_t n, const double *phi)
{
    size_t k = e->info.output_count, width = e->info.feature_count + 1;
    double raw[8];
    assert_true(k <= 8);
    for (size_t i = 0; i < n; i++) {
        alm_forest_score(e->forest, rows + i * e->info.feature_count, 1, e->info.feature_count,
                         raw);
        for (size_t j = 0; j < k; j++) {
            const double *own = phi + (i * k + j) * width;
            double sum = 0;
            for (size_t f = 0; f < width; f++) {
                sum += own[f];
            }
            if (!(fabs(sum - raw[j]) <= 1e-12 * (magnitude(own, width) + fabs(raw[j])))) {
                fail_msg("row %zu: contributions sum to %.17g, the score is %.17g", i, sum, raw[j]);
            }
        }
    }
}

static void check_text(alm_arena *arena, alm_str text, uint64_t grid, size_t oracle_rows)
{
    explained e = open_text(text);
    double *rows = case_rows(arena, ROWS, e.info.feature_count, grid);
    double *phi = ALM_NEW_ARRAY(arena, double, ROWS * e.width);
    double *oracle = ALM_NEW_ARRAY(arena, double, e.width);
    alm_forest_contributions(e.explainer, e.scratch, rows, ROWS, e.info.feature_count, phi);
    for (size_t i = 0; i < oracle_rows; i++) {
        textbook_row(e.forest, rows + i * e.info.feature_count, oracle);
        double scale = magnitude(oracle, e.width);
        for (size_t f = 0; f < e.width; f++) {
            double ours = phi[i * e.width + f];
            if (!(fabs(ours - oracle[f]) <= 1e-10 * scale)) {
                fail_msg("row %zu value %zu: %.17g, the recursion says %.17g", i, f, ours,
                         oracle[f]);
            }
        }
    }
    check_sums(&e, rows, ROWS, phi);
    close_explained(&e);
}

static void check_shape(forest_shape shape, size_t oracle_rows)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        alm_arena *arena = alm_arena_create(0);
        check_text(arena, case_text(arena, &shape, seed), shape.grid, oracle_rows);
        alm_arena_destroy(arena);
    }
}

static void random_forests_agree_with_the_recursion(void **state)
{
    (void)state;
    check_shape((forest_shape){.trees = 10, .outputs = 1, .features = 6, .leaves = 31, .grid = 4},
                ROWS);
    check_shape((forest_shape){.trees = 6, .outputs = 3, .features = 9, .leaves = 31, .grid = 8,
                               .categories = true},
                ROWS);
    check_shape((forest_shape){.trees = 6, .outputs = 1, .features = 1, .leaves = 20, .grid = 4},
                ROWS);
    check_shape((forest_shape){.trees = 6, .outputs = 1, .features = 30, .leaves = 120,
                               .grid = 500, .categories = true},
                ROWS);
    check_shape((forest_shape){.trees = 4, .outputs = 1, .features = 15, .leaves = 25, .grid = 8,
                               .chain = true, .categories = true},
                ROWS);
}

/* Trees of several parts, which have lanes of their own (forest_compile.c). */
static void a_parted_forest_agrees_with_the_recursion(void **state)
{
    (void)state;
    forest_shape shape = {.trees = 450, .outputs = 1, .features = 40, .leaves = 200, .grid = 400};
    alm_arena *arena = alm_arena_create(0);
    check_text(arena, case_text(arena, &shape, 1), shape.grid, 2);
    alm_arena_destroy(arena);
}

/* 16 and 17 pattern bits are the border between the table and row-wise evaluation. The recursion
 * loses digits at such depths (its weights cancel), so here the sum of the parts is the judge. */
static void long_paths_still_sum_to_the_score(void **state)
{
    (void)state;
    for (size_t features = 14; features <= 60; features += features < 20 ? 1 : 8) {
        check_shape((forest_shape){.trees = 3, .outputs = 1, .features = features,
                                   .leaves = 4 * features, .grid = 8, .chain = true},
                    0);
    }
}

static void fixtures_agree_with_the_recursion(void **state)
{
    static const char *const name[] = {"lg_breast_cancer.txt", "lgmulticlass.model",
        "toy_categorical_model.txt", "mixed_categorical.txt", "model_simple.txt"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        alm_arena *arena = alm_arena_create(0);
        check_text(arena, case_fixture(arena, name[i]), 4, ROWS);
        alm_arena_destroy(arena);
    }
}

/* A row explained alone has the bits that it has in the middle of a large block. */
static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    forest_shape shape = {.trees = 12, .outputs = 2, .features = 20, .leaves = 31, .grid = 8,
                          .categories = true};
    explained e = open_text(case_text(arena, &shape, 9));
    size_t n = 1100, stride = 20;
    double *rows = case_rows(arena, n, stride, 8);
    double *phi = ALM_NEW_ARRAY(arena, double, n * e.width);
    double *alone = ALM_NEW_ARRAY(arena, double, n * e.width);
    alm_forest_contributions(e.explainer, e.scratch, rows, n, stride, phi);
    for (size_t i = 0; i < n; i += 37) {
        alm_forest_contributions(e.explainer, e.scratch, rows + i * stride, 1, stride, alone);
        assert_memory_equal(alone, phi + i * e.width, e.width * sizeof(double));
    }
    for (size_t i = 0, step = 1; i < n; i += step, step = step % 90 + 13) {
        size_t count = step < n - i ? step : n - i;
        alm_forest_contributions(e.explainer, e.scratch, rows + i * stride, count, stride,
                                 alone + i * e.width);
    }
    assert_memory_equal(alone, phi, n * e.width * sizeof(double));
    close_explained(&e);
    alm_arena_destroy(arena);
}

/* The wide-vector variants of the code run on CPUs that have them and never under a sanitizer, so
 * this digest, made by the AVX-512 variant of gcc 12.2, compares the variants. The shapes cover
 * both evaluations: by table, and by row above 16 pattern bits. */
static void bits_do_not_depend_on_the_cpu(void **state)
{
    static const forest_shape shape[] = {
        {.trees = 12, .outputs = 2, .features = 20, .leaves = 31, .grid = 8, .categories = true},
        {.trees = 2, .outputs = 1, .features = 30, .leaves = 100, .grid = 8, .chain = true}};
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_hash hash;
    alm_hash_init(&hash);
    for (size_t s = 0; s < 2; s++) {
        explained e = open_text(case_text(arena, &shape[s], 4));
        double *rows = case_rows(arena, 130, e.info.feature_count, 8);
        double *phi = ALM_NEW_ARRAY(arena, double, 130 * e.width);
        double *score = ALM_NEW_ARRAY(arena, double, 130 * e.info.output_count);
        alm_forest_contributions(e.explainer, e.scratch, rows, 130, e.info.feature_count, phi);
        alm_forest_score(e.forest, rows, 130, e.info.feature_count, score);
        for (size_t i = 0; i < 130 * e.width; i++) {
            alm_hash_update_double(&hash, phi[i]);
        }
        for (size_t i = 0; i < 130 * e.info.output_count; i++) {
            alm_hash_update_double(&hash, score[i]);
        }
        close_explained(&e);
    }
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest digest = alm_hash_final(&hash);
    alm_digest_text(&digest, text);
    assert_string_equal(text,
                        "ad2379f531958af1dfc0fb0a990c030934220d0204a36ce6503bc7cd8b36dfee");
    alm_arena_destroy(arena);
}

static void empty_leaves_and_missing_counts(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_str empty_leaf = ALM_STR(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
        "feature_names=a b\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\n"
        "threshold=0 1\ndecision_type=0 0\nleft_child=1 -1\nright_child=-2 -3\n"
        "leaf_value=1 2 4\nleaf_count=10 10 0\ninternal_count=20 10\n\nend of trees\n");
    explained e = open_text(empty_leaf);
    double row[2] = {-1, 5}, phi[3];
    alm_forest_contributions(e.explainer, e.scratch, row, 1, 2, phi);
    /* By hand, with a subset's value = expectation by cover: {} 1.5, {a} 1, {b} 3, {a,b} 4. */
    assert_true(phi[2] == 1.5);
    assert_true(fabs(phi[0] - 0.25) < 1e-15);
    assert_true(fabs(phi[1] - 2.25) < 1e-15);
    close_explained(&e);

    forest_shape shape = {.trees = 2, .outputs = 1, .features = 3, .leaves = 4, .grid = 4,
                          .no_counts = true};
    alm_forest *forest = NULL;
    alm_forest_explainer *explainer = NULL;
    alm_error error;
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &shape, 1), "x", &forest, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_explainer_create(forest, &explainer, &error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "leaf_count"));
    assert_null(explainer);
    alm_forest_destroy(forest);

    forest_shape wide = {.trees = 1, .outputs = 1, .features = 3000, .leaves = 300, .grid = 4,
                         .chain = true};
    assert_int_equal(alm_forest_parse_lightgbm(case_text(arena, &wide, 2), "x", &forest, &error),
                     ALM_OK);
    assert_int_equal(alm_forest_explainer_create(forest, &explainer, &error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "more than 128 features"));
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

static void explain(const alm_forest *forest, const double *rows, double *phi)
{
    alm_forest_explainer *explainer = NULL;
    alm_forest_scratch *scratch = NULL;
    alm_error error;
    if (alm_forest_explainer_create(forest, &explainer, &error) != ALM_OK ||
        alm_forest_scratch_create(explainer, &scratch, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_forest_contributions(explainer, scratch, rows, ROWS, forest->info.feature_count, phi);
    alm_forest_scratch_destroy(scratch);
    alm_forest_explainer_destroy(explainer);
}

/* A leaf with a value for every output explains each as if the other values were not there. */
static void wide_leaves_are_explained_one_by_one(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_forest *forest = NULL;
    alm_error error;
    alm_str bytes = case_fixture(arena, "xgb_v32_wide_parallel.ubj");
    assert_int_equal(alm_forest_parse_xgboost(bytes, "m", &forest, &error), ALM_OK);
    size_t outputs = forest->info.output_count, width = forest->info.feature_count + 1;
    double *rows = case_float_rows(arena, ROWS, width - 1, 4);
    double *all = ALM_NEW_ARRAY(arena, double, ROWS * outputs * width);
    double *one = ALM_NEW_ARRAY(arena, double, ROWS * width);
    explain(forest, rows, all);
    assert_true(outputs == 3 && forest->info.tree_count > 0);
    for (size_t k = 0; k < outputs; k++) {
        alm_forest single = *forest; /* the same trees, of which only the k-th values are left */
        single.info.output_count = 1;
        single.base = forest->base + k;
        single.tree = ALM_NEW_ARRAY(arena, almi_tree, forest->info.tree_count);
        for (size_t t = 0; t < forest->info.tree_count; t++) {
            const almi_tree *from = &forest->tree[t];
            single.tree[t] = *from;
            single.tree[t].leaf_width = 1;
            single.tree[t].leaf_value = ALM_NEW_ARRAY(arena, double, from->leaf_count);
            for (size_t leaf = 0; leaf < from->leaf_count; leaf++) {
                single.tree[t].leaf_value[leaf] = from->leaf_value[leaf * outputs + k];
            }
        }
        explain(&single, rows, one);
        for (size_t i = 0; i < ROWS * width; i++) {
            assert_true(one[i] == all[(i / width * outputs + k) * width + i % width]);
        }
    }
    alm_forest_destroy(forest);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_forests_agree_with_the_recursion),
        cmocka_unit_test(a_parted_forest_agrees_with_the_recursion),
        cmocka_unit_test(long_paths_still_sum_to_the_score),
        cmocka_unit_test(fixtures_agree_with_the_recursion),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(bits_do_not_depend_on_the_cpu),
        cmocka_unit_test(wide_leaves_are_explained_one_by_one),
        cmocka_unit_test(empty_leaves_and_missing_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
