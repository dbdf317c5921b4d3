/* forest_interventional.c: exact interventional TreeSHAP against a background (Lundberg et al.
 * 2020, "independent" or "true to the model").
 *
 * Of a row x and a background row b, features that a subset leaves out have the values of b. A leaf
 * with value v counts for a subset when each feature on its path passes with x if it is in the
 * subset, else with b. So if some feature passes with neither, the leaf adds nothing; otherwise let
 * A be the features that pass with x only, B those with b only (a and b many): v is reached exactly
 * by the subsets that have all of A and none of B, which gives
 *
 *   v (a-1)! b! / (a+b)!  to each of A,     -v a! (b-1)! / (a+b)!  to each of B.
 *
 * Both x and b count by their patterns only. Those of the background are collected once, leaf by
 * leaf, sorted and counted; so the cost is different patterns times different patterns, not rows
 * times rows, and the order of the background does not matter. */
#include <stdlib.h>
#include <string.h>

#include "model/forest/forest_pattern.h"

#define BLOCK_ROWS 256
#define BACKGROUND_ROWS_MAX 65536
#define PATTERNS_MAX ((size_t)1 << 24)

typedef struct leaf_pattern {
    almi_pattern pattern;
    uint32_t leaf;  /* counted over all trees */
    uint32_t count; /* background rows */
} leaf_pattern;

typedef struct pattern_list {
    leaf_pattern *item; /* on the heap */
    size_t count, room;
    size_t merged; /* how many there were when each was there once */
} pattern_list;

struct alm_forest_interventional {
    alm_arena *arena;
    const alm_forest *forest;
    pattern_list background; /* by leaf and pattern */
    size_t *leaf_base;       /* [tree] number of its first leaf */
    size_t *begin;           /* [leaf, and one more] in `background` */
    size_t rows;             /* of the background */
    size_t elements_max;
    double *weight;   /* [a][b] (a-1)! b! / (a+b)!, for a > 0 */
    double *expected; /* [output] */
    double *linear;   /* gblinear: [output][column] mean of the terms over the background */
};

struct alm_forest_interventional_scratch {
    alm_arena *arena;
    const alm_forest_interventional *explainer;
    almi_pattern_walk *walk;
    double *share; /* [pattern][element] of the leaf's value */
    double *out;   /* of the block at hand */
};

/* ---- the background ---- */

/* Ascending by leaf, then by pattern. */
static int compare_patterns(const void *a, const void *b)
{
    const leaf_pattern *x = a, *y = b;
    if (x->leaf != y->leaf) {
        return x->leaf < y->leaf ? -1 : 1;
    }
    for (size_t i = 0; i < ALMI_PATH_FEATURES_MAX / 64; i++) {
        if (x->pattern.word[i] != y->pattern.word[i]) {
            return x->pattern.word[i] < y->pattern.word[i] ? -1 : 1;
        }
    }
    return 0;
}

static void merge_patterns(pattern_list *list)
{
    size_t kept = 0;
    if (list->count > 0) {
        qsort(list->item, list->count, sizeof *list->item, compare_patterns);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && compare_patterns(&list->item[kept - 1], &list->item[i]) == 0) {
            list->item[kept - 1].count += list->item[i].count;
        } else {
            list->item[kept++] = list->item[i];
        }
    }
    list->count = kept;
    list->merged = kept;
}

static alm_err reserve(pattern_list *list, size_t more, alm_error *error)
{
    size_t room = list->room == 0 ? 1024 : list->room;
    void *grown = NULL;
    if (list->count + more > 2 * list->merged + PATTERNS_MAX / 4) {
        merge_patterns(list);
    }
    if (list->count + more > PATTERNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "the background has more than %zu patterns over all leaves; take fewer "
                        "rows (100 to 1000 are usual)",
                        PATTERNS_MAX);
    }
    while (room < list->count + more) {
        room *= 2;
    }
    if (room > list->room) {
        ALM_TRY(alm_heap_try_resize(list->item, list->room * sizeof *list->item,
                                    room * sizeof *list->item, &grown, error));
        list->item = grown;
        list->room = room;
    }
    return ALM_OK;
}

typedef struct collector {
    alm_forest_interventional *explainer;
    uint64_t *reached; /* [leaf] background rows that are there */
    uint32_t count[BLOCK_ROWS]; /* [pattern] */
    alm_err code;
    alm_error *error;
} collector;

static bool is_full(const almi_pattern *pattern, size_t size)
{
    size_t bits = 0;
    for (size_t i = 0; i < ALMI_PATH_FEATURES_MAX / 64; i++) {
        bits += (size_t)__builtin_popcountll(pattern->word[i]);
    }
    return bits == size;
}

static void collect_leaf(void *context, const almi_path *path)
{
    collector *c = context;
    pattern_list *list = &c->explainer->background;
    size_t leaf = c->explainer->leaf_base[path->tree_index] + path->leaf;
    if (c->code == ALM_OK) {
        c->code = reserve(list, path->pattern_count, c->error);
    }
    if (c->code != ALM_OK) {
        return;
    }
    memset(c->count, 0, sizeof c->count);
    for (size_t r = 0; r < path->row_count; r++) {
        c->count[ALMI_PARTING_SLOT(path->entry[r])]++;
    }
    for (size_t i = 0; i < path->pattern_count; i++) {
        list->item[list->count++] =
            (leaf_pattern){path->pattern[i], (uint32_t)leaf, c->count[i]};
        c->reached[leaf] += is_full(&path->pattern[i], path->size) ? c->count[i] : 0;
    }
}

static alm_err collect(collector *c, alm_arena *scratch, const double *rows, size_t stride)
{
    alm_forest_interventional *e = c->explainer;
    almi_pattern_walk *walk = NULL;
    ALM_TRY(almi_pattern_walk_create(e->forest, BLOCK_ROWS, scratch, &walk, c->error));
    for (size_t i = 0; i < e->rows && c->code == ALM_OK; i += BLOCK_ROWS) {
        size_t count = e->rows - i < BLOCK_ROWS ? e->rows - i : BLOCK_ROWS;
        almi_rows block = {rows + i * stride, count, stride};
        almi_pattern_walk_load(walk, &block);
        for (size_t t = 0; t < e->forest->info.tree_count; t++) {
            almi_pattern_walk_tree(walk, t, collect_leaf, c);
        }
    }
    return c->code;
}

/* Mean over the background, in the order of the leaves. */
static void fill_expected(alm_forest_interventional *e, const uint64_t *reached)
{
    const alm_forest *forest = e->forest;
    for (size_t k = 0; k < forest->info.output_count; k++) {
        e->expected[k] = almi_forest_base(forest, k);
    }
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        const almi_tree *tree = &forest->tree[t];
        for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            double rows = (double)reached[e->leaf_base[t] + leaf];
            double share = tree->leaf_count == 1 ? 1.0 : rows / (double)e->rows;
            for (size_t k = 0; k < tree->leaf_width; k++) {
                e->expected[tree->output + k] += share * tree->leaf_value[leaf * tree->leaf_width +
                                                                          k];
            }
        }
    }
    almi_forest_end(forest, 1, e->expected);
}

/* (a-1)! b! / (a+b)! = 1 / (a C(a+b, a)); C by its recurrence over b, which is never far off. */
static void fill_weights(alm_forest_interventional *e)
{
    size_t width = e->elements_max + 1;
    for (size_t a = 1; a < width; a++) {
        double choose = 1.0;
        for (size_t b = 0; b < width; b++) {
            choose = b == 0 ? 1.0 : choose * (double)(a + b) / (double)b;
            e->weight[a * width + b] = 1.0 / ((double)a * choose);
        }
    }
}

/* A term of a gblinear moves the score away by what it is more than its mean. */
static void fill_linear(alm_forest_interventional *e, const double *rows, size_t stride)
{
    const alm_forest_info *info = &e->forest->info;
    for (size_t k = 0; k < info->output_count; k++) {
        double *mean = e->linear + k * info->feature_count;
        for (size_t j = 0; j < info->feature_count; j++) {
            for (size_t r = 0; r < e->rows; r++) {
                mean[j] += almi_linear_term(e->forest, j, k, rows + r * stride);
            }
            mean[j] /= (double)e->rows;
            e->expected[k] += mean[j];
        }
    }
}

static alm_err build(alm_forest_interventional *e, alm_arena *scratch, const double *rows,
                     size_t stride, alm_error *error)
{
    const alm_forest_info *info = &e->forest->info;
    collector *c = ALM_NEW(scratch, collector);
    c->explainer = e;
    c->error = error;
    size_t leaves = 0, width = 0, leaf = 0;
    ALM_TRY(almi_path_elements_max(e->forest, &e->elements_max, error));
    width = e->elements_max + 1;
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, info->tree_count + 1, e->leaf_base, error));
    for (size_t t = 0; t < info->tree_count; t++) {
        e->leaf_base[t] = leaves;
        leaves += e->forest->tree[t].leaf_count;
    }
    if (leaves > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "the forest is too large to be explained");
    }
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, leaves + 1, e->begin, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, info->output_count, e->expected, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, width * width, e->weight, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, leaves, c->reached, error));
    ALM_TRY(collect(c, scratch, rows, stride));
    merge_patterns(&e->background);
    for (size_t i = 0; i < e->background.count; i++) {
        while (leaf <= e->background.item[i].leaf) {
            e->begin[leaf++] = i;
        }
    }
    while (leaf <= leaves) {
        e->begin[leaf++] = e->background.count;
    }
    fill_expected(e, c->reached);
    fill_weights(e);
    if (info->is_linear) {
        size_t terms = info->output_count * info->feature_count;
        ALM_TRY(ALMI_FOREST_ARRAY(e->arena, terms, e->linear, error));
        fill_linear(e, rows, stride);
    }
    return ALM_OK;
}

static alm_err check_arguments(const alm_forest *forest, size_t n, alm_error *error)
{
    ALM_TRY(almi_check_leaves(forest, error));
    if (forest->ctr_count > 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "the model has statistics of categories (ctrs), which depend on several "
                        "columns at once; such a forest cannot be explained");
    }
    if (n == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "the background has no rows; give it some");
    }
    if (n > BACKGROUND_ROWS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT,
                        "the background has %zu rows, more than %d; take a sample of them (100 to "
                        "1000 rows are usual)",
                        n, BACKGROUND_ROWS_MAX);
    }
    return ALM_OK;
}

alm_err alm_forest_interventional_create(const alm_forest *forest, const double *background,
                                         size_t n, size_t stride, alm_forest_interventional **out,
                                         alm_error *error)
{
    void *memory = NULL;
    alm_assert(n == 0 || stride >= forest->info.feature_count);
    ALM_TRY(check_arguments(forest, n, error));
    ALM_TRY(alm_heap_try(sizeof(alm_forest_interventional), &memory, error));
    alm_forest_interventional *e = memory;
    e->forest = forest;
    e->rows = n;
    e->arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = build(e, scratch, background, stride, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_forest_interventional_destroy(e);
        return code;
    }
    *out = e;
    return ALM_OK;
}

void alm_forest_interventional_destroy(alm_forest_interventional *explainer)
{
    if (explainer != NULL) {
        alm_heap_free(explainer->background.item);
        alm_arena_destroy(explainer->arena);
        alm_heap_free(explainer);
    }
}

/* ---- evaluation ---- */

static alm_err alloc_scratch(alm_forest_interventional_scratch *s, alm_error *error)
{
    const alm_forest_interventional *e = s->explainer;
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, (e->elements_max + 1) * BLOCK_ROWS, s->share, error));
    return almi_pattern_walk_create(e->forest, BLOCK_ROWS, s->arena, &s->walk, error);
}

alm_err alm_forest_interventional_scratch_create(const alm_forest_interventional *explainer,
                                                 alm_forest_interventional_scratch **out,
                                                 alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_interventional_scratch), &memory, error));
    alm_forest_interventional_scratch *s = memory;
    s->explainer = explainer;
    s->arena = alm_arena_create(0);
    alm_err code = alloc_scratch(s, error);
    if (code != ALM_OK) {
        alm_forest_interventional_scratch_destroy(s);
        return code;
    }
    *out = s;
    return ALM_OK;
}

void alm_forest_interventional_scratch_destroy(alm_forest_interventional_scratch *scratch)
{
    if (scratch != NULL) {
        alm_arena_destroy(scratch->arena);
        alm_heap_free(scratch);
    }
}

/* share[e] += weight for the elements whose bit is set. */
static void add_bits(uint64_t bits, double weight, double *share)
{
    for (; bits != 0; bits &= bits - 1) {
        share[__builtin_ctzll(bits)] += weight;
    }
}

/* What each element of the path gets of the leaf's value, for one pattern of the row: the mean over
 * the background, in the order of its patterns. */
static void share_out(const alm_forest_interventional *e, const almi_path *path,
                      const almi_pattern *row, double *share)
{
    size_t leaf = e->leaf_base[path->tree_index] + path->leaf, width = e->elements_max + 1;
    memset(share, 0, path->size * sizeof *share);
    for (size_t i = e->begin[leaf]; i < e->begin[leaf + 1]; i++) {
        const leaf_pattern *item = &e->background.item[i];
        almi_pattern only_row, only_item, either;
        size_t a = 0, b = 0;
        for (size_t w = 0; w < ALMI_PATH_FEATURES_MAX / 64; w++) {
            either.word[w] = row->word[w] | item->pattern.word[w];
            only_row.word[w] = row->word[w] & ~item->pattern.word[w];
            only_item.word[w] = item->pattern.word[w] & ~row->word[w];
            a += (size_t)__builtin_popcountll(only_row.word[w]);
            b += (size_t)__builtin_popcountll(only_item.word[w]);
        }
        if (a + b == 0 || !is_full(&either, path->size)) {
            continue;
        }
        double count = (double)item->count;
        for (size_t w = 0; w < ALMI_PATH_FEATURES_MAX / 64; w++) {
            add_bits(only_row.word[w], count * e->weight[a * width + b], share + 64 * w);
            add_bits(only_item.word[w], -count * e->weight[b * width + a], share + 64 * w);
        }
    }
    for (size_t j = 0; j < path->size; j++) {
        share[j] /= (double)e->rows;
    }
}

static void add_leaf(void *context, const almi_path *path)
{
    alm_forest_interventional_scratch *s = context;
    const alm_forest *forest = s->explainer->forest;
    const almi_tree *tree = path->tree;
    size_t columns = forest->info.feature_count + 1, outputs = forest->info.output_count;
    for (size_t i = 0; i < path->pattern_count; i++) {
        share_out(s->explainer, path, &path->pattern[i], s->share + i * path->size);
    }
    for (size_t k = 0; k < tree->leaf_width; k++) {
        double value = tree->leaf_value[path->leaf * tree->leaf_width + k] * forest->scale;
        for (size_t r = 0; r < path->row_count; r++) {
            const double *share = s->share + ALMI_PARTING_SLOT(path->entry[r]) * path->size;
            double *row = s->out + (r * outputs + tree->output + k) * columns;
            for (size_t j = 0; j < path->size; j++) {
                row[path->feature[j]] += value * share[j];
            }
        }
    }
}

static void put_linear(const alm_forest_interventional *e, const double *row, double *out)
{
    const alm_forest_info *info = &e->forest->info;
    for (size_t k = 0; k < info->output_count; k++, out += info->feature_count + 1) {
        const double *mean = e->linear + k * info->feature_count;
        for (size_t j = 0; j < info->feature_count; j++) {
            out[j] = almi_linear_term(e->forest, j, k, row) - mean[j];
        }
    }
}

void alm_forest_interventional_contributions(const alm_forest_interventional *explainer,
                                             alm_forest_interventional_scratch *scratch,
                                             const double *rows, size_t n, size_t stride,
                                             double *out)
{
    const alm_forest_info *info = &explainer->forest->info;
    alm_assert(scratch->explainer == explainer);
    alm_assert(n == 0 || stride >= info->feature_count);
    size_t columns = info->feature_count + 1, width = info->output_count * columns;
    for (size_t i = 0, count = 0; i < n; i += count) {
        count = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;
        almi_rows block = {rows + i * stride, count, stride};
        scratch->out = out + i * width;
        memset(scratch->out, 0, count * width * sizeof(double));
        almi_pattern_walk_load(scratch->walk, &block);
        for (size_t t = 0; t < info->tree_count; t++) {
            almi_pattern_walk_tree(scratch->walk, t, add_leaf, scratch);
        }
        for (size_t r = 0; r < count && info->is_linear; r++) {
            put_linear(explainer, rows + (i + r) * stride, scratch->out + r * width);
        }
        for (size_t m = 0; m < count * info->output_count; m++) {
            scratch->out[m * columns + columns - 1] = explainer->expected[m % info->output_count];
        }
    }
}
