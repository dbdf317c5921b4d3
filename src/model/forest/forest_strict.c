/* forest_strict.c: contributions with the bits of the source library's own TreeSHAP.
 *
 * The library walks a tree for one row, the child that the row takes first, and carries the weights
 * of the path along; what a leaf adds depends on the row only through the sides it takes on the way
 * there. So a tree is walked once for a block of rows: at every node the rows fall into slots, one
 * for each different pattern of sides so far, and the library's arithmetic is done once a slot
 * (forest_strict_sums.c). Then every row adds the values of its slots in the order in which the
 * library would have met the leaves. Nothing else decides about the bits, so they do not depend on
 * the rows beside. A row alone in trees of few levels takes the library's own walk (walk_alone). */
#include <string.h>

#include "model/forest/forest_parting.h"
#include "model/forest/forest_strict_internal.h"

#define BLOCK_ROWS_MAX 256
#define BLOCK_BYTES ((size_t)4 << 20) /* what the values of a block may take, if it has two rows */

struct alm_forest_strict {
    alm_arena *arena;
    const alm_forest *forest;
    const almi_strict_sums *sums;
    almi_strict_tables tables;
    bool single;         /* XGBoost: a tree's contributions are summed by themselves, in float */
    double *expected;    /* [output] */
    size_t *share_base;  /* [tree] */
    double *share;       /* [tree: inner node][left, right] of the training rows at the node */
    almi_tree_shape shape;
    size_t block_rows;
};

/* A node on the way down. `state` and what belongs to it are of the slots of the parent; slots of
 * the node itself are (slot of the parent, side). */
typedef struct frame {
    size_t size; /* elements; index 0 is the placeholder */
    /* [size + 1], and room for those of the nodes below, which share them: a path differs from its
     * parent's behind its end, unless an element was taken out. Then it has its own. */
    int32_t *feature, *own_feature;
    double *zero, *own_zero;
    size_t state_count;
    uint8_t *state;    /* [slot] of state_bytes */
    uint8_t *one;      /* [slot][elements_max + 1] */
    uint8_t *incoming; /* [slot] the row passed all earlier conditions on the node's feature */
    uint16_t *from;    /* [slot of the node] as the parting gives it */
} frame;

typedef struct leaf_values {
    size_t size;            /* elements */
    const int32_t *feature; /* [size] */
    const double *value;    /* [slot of the parent][size] */
} leaf_values;

struct alm_forest_strict_scratch {
    alm_arena *arena;
    const alm_forest_strict *strict;
    size_t state_bytes;
    almi_parting parting;
    uint16_t *entry; /* [node][block_rows] of the parting */
    frame *frame;     /* [depth_max + 1] */
    double *value;
    int32_t *value_feature;
    leaf_values *leaf;
    int64_t *stack; /* of a row's walk: child and slot */
    float *phi;     /* [feature] XGBoost: of one tree; all 0 between trees */
    double *alone; /* result of a single row and output */
    /* The tree and rows at hand. */
    const almi_tree *tree;
    size_t tree_index, count, value_count, feature_count;
};

/* ---- the explainer ---- */

static double cover_of(const almi_tree *tree, int32_t child)
{
    return child >= 0 ? tree->node_cover[child] : tree->leaf_cover[~child];
}

/* DART's weight is multiplied into the sum of the tree, not into the leaves. */
static double value_of(const almi_tree *tree, size_t leaf)
{
    return tree->plain_value != NULL ? tree->plain_value[leaf] : tree->leaf_value[leaf];
}

static float weight_of(const almi_tree *tree)
{
    return tree->plain_value != NULL ? tree->weight : 1.0f;
}

/* One operation of the library: a float's is exact in double but for this rounding. */
static double rounded(const alm_forest_strict *e, double x)
{
    return e->single ? (double)(float)x : x;
}

/* LightGBM's Tree::ExpectedValue. */
static double expected_by_rows(const almi_tree *tree)
{
    double sum = 0.0;
    for (size_t leaf = 0; leaf < tree->leaf_count; leaf++) {
        sum += tree->leaf_cover[leaf] / tree->node_cover[0] * tree->leaf_value[leaf];
    }
    return sum;
}

/* XGBoost's FillNodeMeanValues; parents come before children. */
static float expected_by_hessians(const almi_tree *tree, float *mean)
{
    for (size_t i = tree->leaf_count - 1; i-- > 0;) {
        float sum = 0.0f;
        for (int side = 0; side < 2; side++) {
            int32_t child = side == 0 ? tree->left[i] : tree->right[i];
            float value = child >= 0 ? mean[child] : (float)value_of(tree, (size_t)~child);
            float part = value * (float)cover_of(tree, child);
            sum = side == 0 ? part : sum + part;
        }
        mean[i] = sum / (float)tree->node_cover[i];
    }
    return mean[0];
}

static void add_expected(alm_forest_strict *e, const almi_tree *tree, float *mean)
{
    double *expected = &e->expected[tree->output];
    double value = value_of(tree, 0);
    if (tree->leaf_count > 1) {
        value = e->single ? (double)expected_by_hessians(tree, mean) : expected_by_rows(tree);
    }
    *expected = rounded(e, *expected + rounded(e, value * (double)weight_of(tree)));
}

static alm_err fill_shares(alm_forest_strict *e, alm_error *error)
{
    size_t count = 0, trees = e->forest->info.tree_count;
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, trees + 1, e->share_base, error));
    for (size_t t = 0; t < trees; t++) {
        e->share_base[t] = count;
        count += 2 * (e->forest->tree[t].leaf_count - 1);
    }
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, count, e->share, error));
    for (size_t t = 0; t < trees; t++) {
        const almi_tree *tree = &e->forest->tree[t];
        double *share = e->share + e->share_base[t];
        for (size_t i = 0; i + 1 < tree->leaf_count; i++) {
            double cover = tree->node_cover[i];
            share[2 * i] = rounded(e, cover_of(tree, tree->left[i]) / cover);
            share[2 * i + 1] = rounded(e, cover_of(tree, tree->right[i]) / cover);
        }
    }
    return ALM_OK;
}

static alm_err make_tables(alm_forest_strict *e, alm_error *error)
{
    size_t size = e->shape.elements_max, real = e->sums->real_bytes;
    uint8_t *count = NULL, *ratio = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, (size + 2) * real + ALMI_STRICT_VECTOR_BYTES, count,
                              error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, (size + 1) * size / 2 * real, ratio, error));
    e->sums->tables(size, count, ratio);
    e->tables = (almi_strict_tables){count, ratio};
    return ALM_OK;
}

static alm_err build(alm_forest_strict *e, alm_arena *scratch, alm_error *error)
{
    const alm_forest_info *info = &e->forest->info;
    float *mean = NULL;
    ALM_TRY(almi_forest_shape(e->forest, &e->shape, error));
    ALM_TRY(ALMI_FOREST_ARRAY(scratch, info->leaf_count_max, mean, error));
    ALM_TRY(ALMI_FOREST_ARRAY(e->arena, info->output_count, e->expected, error));
    ALM_TRY(fill_shares(e, error));
    for (size_t t = 0; t < info->tree_count; t++) {
        add_expected(e, &e->forest->tree[t], mean);
    }
    for (size_t k = 0; k < info->output_count; k++) {
        e->expected[k] = rounded(e, e->expected[k] + almi_forest_base(e->forest, k));
    }
    size_t state = (e->shape.elements_max + 2) * (e->sums->real_bytes + 1);
    size_t values = e->shape.values_max * sizeof(double);
    size_t rows = BLOCK_BYTES / (values + state * e->shape.depth_max + 1);
    e->block_rows = rows < 1 ? 1 : rows > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX : rows;
    return make_tables(e, error);
}

alm_err alm_forest_strict_create(const alm_forest *forest, alm_forest_strict **out,
                                 alm_error *error)
{
    if (forest->info.source == ALM_FOREST_CATBOOST) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "strict contributions follow LightGBM or XGBoost, and this is a CatBoost "
                        "model; its exact contributions are not strict");
    }
    ALM_TRY(almi_check_leaves(forest, error));
    if (!forest->info.has_cover) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED,
                        "the model has no cover, which contributions need: leaf_count and "
                        "internal_count (LightGBM) or sum_hessian above 0 (XGBoost)");
    }
    for (size_t t = 0; t < forest->info.tree_count; t++) {
        if (forest->tree[t].leaf_width > 1) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED,
                            "the library does not explain leaves with several values, so there "
                            "are no strict contributions; the exact ones are not strict");
        }
    }
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_strict), &memory, error));
    alm_forest_strict *e = memory;
    e->forest = forest;
    e->single = forest->info.source == ALM_FOREST_XGBOOST;
    e->sums = e->single ? &ALMI_STRICT_SINGLE : &ALMI_STRICT_DOUBLE;
    e->arena = alm_arena_create(0);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = build(e, scratch, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_forest_strict_destroy(e);
        return code;
    }
    *out = e;
    return ALM_OK;
}

void alm_forest_strict_destroy(alm_forest_strict *strict)
{
    if (strict != NULL) {
        alm_arena_destroy(strict->arena);
        alm_heap_free(strict);
    }
}

/* ---- the scratch ---- */

static alm_err alloc_frame(alm_forest_strict_scratch *s, frame *f, alm_error *error)
{
    size_t rows = s->strict->block_rows, width = s->strict->shape.elements_max + 1;
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, width, f->own_feature, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, width, f->own_zero, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, rows * s->state_bytes, f->state, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, rows * width, f->one, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, rows, f->incoming, error));
    return ALMI_FOREST_ARRAY(s->arena, rows, f->from, error);
}

static alm_err alloc_scratch(alm_forest_strict_scratch *s, alm_error *error)
{
    const alm_forest_strict *e = s->strict;
    const alm_forest_info *info = &e->forest->info;
    size_t rows = e->block_rows, values = e->shape.values_max, leaves = info->leaf_count_max;
    /* The first vector is what may be read before a state. */
    s->state_bytes = (e->shape.elements_max + 2) * e->sums->real_bytes;
    s->state_bytes += 3 * ALMI_STRICT_VECTOR_BYTES;
    ALM_TRY(almi_parting_create(e->forest, rows, s->arena, &s->parting, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, leaves * rows, s->entry, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, values * rows, s->value, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, values, s->value_feature, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, leaves, s->leaf, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, e->shape.depth_max + 1, s->stack, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, info->feature_count, s->phi, error));
    ALM_TRY(ALMI_FOREST_ARRAY(s->arena, e->shape.depth_max + 1, s->frame, error));
    for (size_t i = 0; i <= e->shape.depth_max; i++) {
        ALM_TRY(alloc_frame(s, &s->frame[i], error));
    }
    return ALM_OK;
}

alm_err alm_forest_strict_scratch_create(const alm_forest_strict *strict,
                                         alm_forest_strict_scratch **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_forest_strict_scratch), &memory, error));
    alm_forest_strict_scratch *s = memory;
    s->strict = strict;
    s->arena = alm_arena_create(0);
    alm_err code = alloc_scratch(s, error);
    if (code != ALM_OK) {
        alm_forest_strict_scratch_destroy(s);
        return code;
    }
    *out = s;
    return ALM_OK;
}

void alm_forest_strict_scratch_destroy(alm_forest_strict_scratch *scratch)
{
    if (scratch != NULL) {
        alm_arena_destroy(scratch->arena);
        alm_heap_free(scratch);
    }
}

/* ---- one tree, many rows ---- */

static uint8_t *state_of(const alm_forest_strict_scratch *s, const frame *f, size_t slot)
{
    return f->state + slot * s->state_bytes + ALMI_STRICT_VECTOR_BYTES;
}

static uint8_t *ones_of(const alm_forest_strict_scratch *s, const frame *f, size_t slot)
{
    return f->one + slot * (s->strict->shape.elements_max + 1);
}

/* Takes the element of `feature` out of the path, as the library does before it splits on it once
 * more. Its share, or 1 when there is none; `incoming` gets whether the row passed. */
static double take_element(const alm_forest_strict_scratch *s, frame *f, int32_t feature)
{
    size_t at = 1;
    while (at <= f->size && f->feature[at] != feature) {
        at++;
    }
    if (at > f->size) {
        memset(f->incoming, 1, f->state_count);
        return 1.0;
    }
    double zero = f->zero[at];
    size_t behind = f->size - at;
    for (size_t i = 0; i < f->state_count; i++) {
        uint8_t *one = ones_of(s, f, i);
        f->incoming[i] = one[at];
        s->strict->sums->unwind(state_of(s, f, i), f->size, zero, one[at] != 0);
        memmove(one + at, one + at + 1, behind);
    }
    memcpy(f->own_feature, f->feature, at * sizeof *f->feature);
    memcpy(f->own_zero, f->zero, at * sizeof *f->zero);
    memcpy(f->own_feature + at, f->feature + at + 1, behind * sizeof *f->feature);
    memcpy(f->own_zero + at, f->zero + at + 1, behind * sizeof *f->zero);
    f->feature = f->own_feature;
    f->zero = f->own_zero;
    f->size--;
    return zero;
}

/* The path of a child: one element more than that of `f`, the last. */
static void extend_path(const alm_forest_strict_scratch *s, const frame *f, int32_t feature,
                        double zero, bool left, frame *to)
{
    size_t last = f->size + 1;
    to->feature = f->feature;
    to->zero = f->zero;
    to->feature[last] = feature;
    to->zero[last] = zero;
    to->size = last;
    for (size_t i = 0; i < to->state_count; i++) {
        size_t from = ALMI_PARTING_SLOT(f->from[i]);
        bool hot = ALMI_PARTING_LEFT(f->from[i]) == left && f->incoming[from] != 0;
        uint8_t *one = ones_of(s, to, i);
        memcpy(one, ones_of(s, f, from), last);
        one[last] = hot;
        s->strict->sums->extend(&s->strict->tables, state_of(s, f, from), last, zero, hot,
                                state_of(s, to, i));
    }
}

/* The values of leaf `number` for the slot of its parent. */
static void add_leaf(const alm_forest_strict_scratch *s, size_t number, size_t slot, double *out)
{
    leaf_values leaf = s->leaf[number];
    const double *value = leaf.value + slot * leaf.size;
    if (s->strict->single) {
        for (size_t i = 0; i < leaf.size; i++) {
            s->phi[leaf.feature[i]] += (float)value[i];
        }
        return;
    }
    for (size_t i = 0; i < leaf.size; i++) {
        out[leaf.feature[i]] += value[i];
    }
}

static void finish_leaf(alm_forest_strict_scratch *s, const frame *f, size_t number)
{
    const alm_forest_strict *e = s->strict;
    const uint8_t *ratio = e->tables.ratio;
    ratio += f->size * (f->size - 1) / 2 * e->sums->real_bytes;
    almi_strict_leaf leaf = {f->size, f->zero, e->tables.count, ratio,
                             value_of(s->tree, number)};
    double *value = s->value + s->value_count;
    int32_t *feature = s->value_feature + s->feature_count;
    s->leaf[number] = (leaf_values){f->size, feature, value};
    memcpy(feature, f->feature + 1, f->size * sizeof *feature);
    for (size_t i = 0; i < f->state_count; i++) {
        e->sums->values(&leaf, state_of(s, f, i), ones_of(s, f, i), value + i * f->size);
    }
    if (s->count == 1) {
        add_leaf(s, number, 0, s->alone);
        return;
    }
    s->value_count += f->state_count * f->size;
    s->feature_count += f->size;
}

/* `parent`: entries of the rows at the parent. ALMI_EXPLAINED_DEPTH_MAX bounds the recursion. */
static void walk_node(alm_forest_strict_scratch *s, size_t node, size_t depth,
                      const uint16_t *parent)
{
    const almi_tree *tree = s->tree;
    const alm_forest_strict *e = s->strict;
    frame *f = &s->frame[depth], *to = f + 1;
    int32_t feature = tree->feature[node];
    double incoming = take_element(s, f, feature);
    uint16_t *entry = s->entry + node * e->block_rows;
    size_t count = almi_parting_node(&s->parting, s->tree_index, node, parent, entry, f->from);
    const double *share = e->share + e->share_base[s->tree_index] + 2 * node;
    /* One row alone adds its leaves on the way, so it meets them in its own order. */
    int first = s->count == 1 && !ALMI_PARTING_LEFT(entry[0]) ? 1 : 0;
    for (int i = 0; i < 2; i++) {
        int side = i ^ first;
        int32_t child = side == 0 ? tree->left[node] : tree->right[node];
        to->state_count = count;
        extend_path(s, f, feature, rounded(e, share[side] * incoming), side == 0, to);
        if (child < 0) {
            finish_leaf(s, to, (size_t)~child);
        } else {
            walk_node(s, (size_t)child, depth + 1, entry);
        }
    }
}

static void walk_tree(alm_forest_strict_scratch *s)
{
    frame *root = &s->frame[0];
    root->size = 0;
    root->feature = root->own_feature;
    root->zero = root->own_zero;
    root->feature[0] = -1;
    root->zero[0] = 1.0;
    root->state_count = 1;
    root->one[0] = 1;
    s->strict->sums->extend(&s->strict->tables, NULL, 0, 1.0, true,
                            state_of(s, root, 0));
    s->value_count = 0;
    s->feature_count = 0;
    walk_node(s, 0, 0, NULL);
}

/* One row in a tree of few levels. */
static void walk_alone(const alm_forest_strict_scratch *s)
{
    const alm_forest_strict *e = s->strict;
    const almi_tree *tree = s->tree;
    almi_strict_alone walk = {tree, s->parting.rows.value, e->share + e->share_base[s->tree_index],
                              tree->plain_value ? tree->plain_value : tree->leaf_value,
                              &e->tables, e->single ? (void *)s->phi : (void *)s->alone};
    e->sums->alone(&walk);
}

/* ---- one tree, one row: the additions ---- */

/* Leaves in the order of the library: the side that the row takes comes first. */
static void add_row(const alm_forest_strict_scratch *s, size_t row, double *out)
{
    const almi_tree *tree = s->tree;
    size_t rows = s->strict->block_rows, count = 0;
    int32_t child = 0;
    size_t slot = 0;
    for (;;) {
        if (child >= 0) {
            uint16_t here = s->entry[(size_t)child * rows + row];
            int32_t left = tree->left[child], right = tree->right[child];
            int32_t cold = ALMI_PARTING_LEFT(here) ? right : left;
            slot = ALMI_PARTING_SLOT(here);
            child = ALMI_PARTING_LEFT(here) ? left : right;
            s->stack[count++] = (int64_t)cold * BLOCK_ROWS_MAX + (int64_t)slot;
            continue;
        }
        add_leaf(s, (size_t)~child, slot, out);
        if (count == 0) {
            return;
        }
        int64_t next = s->stack[--count];
        slot = (size_t)(next & (BLOCK_ROWS_MAX - 1));
        child = (int32_t)((next - (int64_t)slot) / BLOCK_ROWS_MAX);
    }
}

/* XGBoost: what the tree gave is added to the row, feature by feature. */
static void end_tree(const alm_forest_strict_scratch *s, double *out)
{
    float weight = weight_of(s->tree);
    for (size_t node = 0; node + 1 < s->tree->leaf_count; node++) {
        int32_t feature = s->tree->feature[node];
        if (s->phi[feature] != 0.0f) {
            float part = s->phi[feature] * weight;
            out[feature] = (double)((float)out[feature] + part);
            s->phi[feature] = 0.0f;
        }
    }
}

static void explain_block(alm_forest_strict_scratch *s, double *out)
{
    const alm_forest_strict *e = s->strict;
    const alm_forest_info *info = &e->forest->info;
    size_t width = info->feature_count + 1;
    memset(out, 0, s->count * info->output_count * width * sizeof(double));
    for (size_t t = 0; t < info->tree_count; t++) {
        s->tree = &e->forest->tree[t];
        s->tree_index = t;
        if (s->tree->leaf_count == 1) {
            continue;
        }
        s->alone = out + s->tree->output * width;
        if (s->count == 1 && e->shape.depth_max <= ALMI_STRICT_ALONE_MAX) {
            walk_alone(s);
        } else {
            walk_tree(s);
        }
        for (size_t r = 0; r < s->count; r++) {
            double *row = out + (r * info->output_count + s->tree->output) * width;
            if (s->count > 1) {
                add_row(s, r, row);
            }
            if (e->single) {
                end_tree(s, row);
            }
        }
    }
    for (size_t i = 0; i < s->count * info->output_count; i++) {
        out[i * width + width - 1] = e->expected[i % info->output_count];
    }
}

void alm_forest_contributions_strict(const alm_forest_strict *strict,
                                     alm_forest_strict_scratch *scratch, const double *rows,
                                     size_t n, size_t stride, double *out)
{
    const alm_forest_info *info = &strict->forest->info;
    alm_assert(scratch->strict == strict);
    alm_assert(n == 0 || stride >= info->feature_count);
    size_t width = info->output_count * (info->feature_count + 1);
    if (info->is_linear) {
        almi_linear_contributions(strict->forest, rows, n, stride, out);
        return;
    }
    for (size_t i = 0; i < n; i += scratch->count) {
        scratch->count = n - i < strict->block_rows ? n - i : strict->block_rows;
        almi_rows block = {rows + i * stride, scratch->count, stride};
        almi_parting_load(&scratch->parting, &block);
        explain_block(scratch, out + i * width);
    }
}
