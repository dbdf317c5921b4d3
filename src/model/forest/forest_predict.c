/* forest_predict.c: scores.
 *
 * 64 rows at a time: their features become byte codes (one comparison type for every split), each
 * tree gives a leaf number for every row (forest_kernel.h), and the leaf values are added in tree
 * order, in the precision of the source library, so the sums have its bits. A few rows are scored
 * one by one, by walking (forest_walk.c) or against many trees at once (forest_quick.c).
 *
 * What is chosen here depends on the CPU, on the shape of the forest and on the number of rows, and
 * changes nothing but the time. */
#include <string.h>

#include "model/forest/forest_kernel.h"

/* 64 rows, or 256 in four parts. */
typedef struct block {
    almi_bytes code[ALMI_GROUP_LANES]; /* [lane][part] */
    almi_bytes leaf[ALMI_WIDE_PARTS][ALMI_PENDING_TREES]; /* of the trees that wait to be added */
    union {
        double sum[ALMI_BLOCK_SUMS][ALMI_BLOCK_ROWS]; /* [output][part] */
        float single[ALMI_BLOCK_SUMS][ALMI_BLOCK_ROWS];
    } total;
    size_t parts; /* 1 or ALMI_WIDE_PARTS */
} block;

/* ---- sums of a block ---- */

static void add_pending(const alm_forest *forest, size_t begin, size_t end, block *b)
{
    almi_pending pending = {.tree = &forest->fast[begin],
                            .count = end - begin,
                            .plane_width = forest->plane_width};
    for (size_t p = 0; p < b->parts; p++) {
        size_t sum = forest->fast[begin].output * b->parts + p;
        pending.leaf = (const almi_bytes *)b->leaf[p];
        if (almi_forest_is_single(forest)) {
            forest->kernel->add_single(&pending, b->total.single[sum]);
        } else {
            forest->kernel->add(&pending, b->total.sum[sum]);
        }
    }
}

/* Whether a tree may wait together with the one at `begin`. */
static bool joins(const alm_forest *forest, size_t begin, size_t t)
{
    const almi_fast_tree *first = &forest->fast[begin], *tree = &forest->fast[t];
    return t - begin < ALMI_PENDING_TREES && tree->output == first->output &&
           (tree->plane == NULL) == (first->plane == NULL);
}

/* Leaf numbers in a tree that bytes do not hold, by walking the codes or the literal tree. */
static void walk_block(const alm_forest *forest, size_t t, const block *b, const almi_rows *rows,
                       uint32_t *leaf)
{
    if (forest->fast[t].step != NULL) {
        almi_walk_rows(&forest->fast[t], (const almi_bytes *)b->code, rows->count, leaf);
        return;
    }
    for (size_t r = 0; r < rows->count; r++) {
        leaf[r] = (uint32_t)almi_tree_walk(&forest->tree[t], rows->value + r * rows->stride);
    }
}

static void add_walked(const alm_forest *forest, size_t t, const almi_rows *rows, block *b)
{
    uint32_t leaf[ALMI_BLOCK_ROWS];
    const almi_fast_tree *tree = &forest->fast[t];
    walk_block(forest, t, b, rows, leaf);
    for (size_t r = 0; r < rows->count; r++) {
        if (almi_forest_is_single(forest)) {
            b->total.single[tree->output][r] += tree->single[leaf[r]];
        } else {
            b->total.sum[tree->output][r] += tree->value[leaf[r]];
        }
    }
}

/* So many trees from `begin` on may wait together, all with `between`; 0: the first has not. */
static size_t count_joined(const alm_forest *forest, const almi_group *group, size_t begin)
{
    size_t t = begin;
    while (t < group->tree_end && forest->fast[t].between != NULL && joins(forest, begin, t)) {
        t++;
    }
    return t - begin;
}

static void find_leaves(const alm_forest *forest, size_t begin, size_t count, block *b)
{
    const almi_fast_tree *tree = &forest->fast[begin];
    if (b->parts == 1) {
        forest->kernel->leaves(tree, count, (const almi_bytes *)b->code, b->leaf[0]);
        return;
    }
    bool v4 = forest->kernel->level >= ALM_VECTORS_V4;
    for (size_t i = 0; i < count; i++) {
        (v4 ? almi_wide_leaves_v4 : almi_wide_leaves_v3)(&tree[i], b->code[0], b->leaf[0][i],
                                                         sizeof b->leaf[0]);
    }
}

static void add_group(const alm_forest *forest, const almi_group *group, const almi_rows *rows,
                      block *b)
{
    for (size_t t = group->tree_begin, count = 0; t < group->tree_end; t += count) {
        count = count_joined(forest, group, t);
        if (count > 0) {
            find_leaves(forest, t, count, b);
            add_pending(forest, t, t + count, b);
        } else {
            add_walked(forest, t, rows, b);
            count = 1;
        }
    }
}

static void start_sums(const alm_forest *forest, block *b)
{
    for (size_t i = 0; i < forest->info.output_count * b->parts; i++) {
        double base = almi_forest_base(forest, i / b->parts);
        for (size_t r = 0; r < ALMI_BLOCK_ROWS; r++) {
            if (almi_forest_is_single(forest)) {
                b->total.single[i][r] = (float)base;
            } else {
                b->total.sum[i][r] = base;
            }
        }
    }
}

static void write_sums(const alm_forest *forest, const block *b, size_t n, double *out)
{
    size_t outputs = forest->info.output_count;
    for (size_t o = 0; o < outputs; o++) {
        for (size_t r = 0; r < n; r++) {
            size_t sum = o * b->parts + r / ALMI_BLOCK_ROWS, at = r % ALMI_BLOCK_ROWS;
            out[r * outputs + o] = almi_forest_is_single(forest) ? (double)b->total.single[sum][at]
                                                       : b->total.sum[sum][at];
        }
    }
}

/* ---- sums in the result: many outputs, symmetric trees, leaves with several values or models */

static void add_leaf(const alm_forest *forest, size_t t, uint32_t leaf, const double *row,
                     double *out)
{
    const almi_fast_tree *tree = &forest->fast[t];
    if (tree->value != NULL) {
        almi_fast_add(tree, leaf, out);
    } else {
        almi_tree_add(&forest->tree[t], tree->literal != NULL ? tree->literal[leaf] : leaf, row,
                      out);
    }
}

static void add_leaf_to_rows(const alm_forest *forest, size_t t, const uint32_t *leaf,
                             const almi_rows *rows, double *out)
{
    for (size_t r = 0; r < rows->count; r++) {
        add_leaf(forest, t, leaf[r], rows->value + r * rows->stride,
                 out + r * forest->info.output_count);
    }
}

static void add_group_to_rows(const alm_forest *forest, const almi_group *group,
                              const almi_rows *rows, block *b, double *out)
{
    uint32_t leaf[ALMI_BLOCK_ROWS];
    for (size_t t = group->tree_begin, count = 0; t < group->tree_end; t += count) {
        if (forest->fast[t].symmetric_depth > 0) {
            count = almi_symmetric_add(forest, t, group->tree_end, b->code[0], rows->count, out) -
                    t;
            continue;
        }
        count = count_joined(forest, group, t);
        if (count == 0) {
            walk_block(forest, t, b, rows, leaf);
            add_leaf_to_rows(forest, t, leaf, rows, out);
            count = 1;
            continue;
        }
        find_leaves(forest, t, count, b);
        for (size_t i = 0; i < count; i++) {
            for (size_t r = 0; r < rows->count; r++) {
                leaf[r] = b->leaf[0][i][r];
            }
            add_leaf_to_rows(forest, t + i, leaf, rows, out);
        }
    }
}

/* ---- rows ---- */

static void start_rows(const alm_forest *forest, size_t n, double *out)
{
    size_t outputs = forest->info.output_count;
    for (size_t i = 0; i < n * outputs; i++) {
        out[i] = almi_forest_base(forest, i % outputs);
    }
}

static bool sums_in_block(const alm_forest *forest, size_t parts)
{
    return forest->single_values && !forest->has_symmetric && !forest->info.has_linear_leaves &&
           forest->info.output_count * parts <= ALMI_BLOCK_SUMS;
}

static void score_block(const alm_forest *forest, block *b, const almi_rows *rows, double *out)
{
    bool in_block = sums_in_block(forest, b->parts);
    if (in_block) {
        start_sums(forest, b);
    } else {
        start_rows(forest, rows->count, out);
    }
    for (size_t g = 0; g < forest->group_count; g++) {
        const almi_group *group = &forest->group[g];
        almi_lanes_encode(forest, group->lane, group->lane_count, rows, b->code[0],
                          b->parts * ALMI_BLOCK_ROWS);
        if (b->parts > 1 && forest->kernel->level == ALM_VECTORS_V3) {
            almi_turn_codes(group->lane_count, b->code[0]);
        }
        if (in_block) {
            add_group(forest, group, rows, b);
        } else {
            add_group_to_rows(forest, group, rows, b, out);
        }
    }
    if (in_block) {
        write_sums(forest, b, rows->count, out);
    }
}

static void score_blocks(const alm_forest *forest, size_t parts, const almi_rows *rows, size_t n,
                         double *out)
{
    _Alignas(64) block b;
    size_t block_rows = parts * ALMI_BLOCK_ROWS;
    b.parts = parts;
    for (size_t i = 0; i < n; i += block_rows) {
        size_t count = n - i < block_rows ? n - i : block_rows;
        almi_rows part = {rows->value + i * rows->stride, count, rows->stride};
        score_block(forest, &b, &part, out + i * forest->info.output_count);
    }
}

/* ---- one row ---- */

/* Leaf numbers of the next trees, up to ALMI_WALK_WIDTH; their count. */
static size_t walk_some(const alm_forest *forest, size_t begin, size_t end,
                        const uint32_t *code, const double *row, uint32_t *leaf)
{
    size_t count = 0;
    while (count < ALMI_WALK_WIDTH && begin + count < end &&
           forest->fast[begin + count].step != NULL) {
        count++;
    }
    if (count == 0) {
        leaf[0] = (uint32_t)almi_tree_walk(&forest->tree[begin], row);
        return 1;
    }
    almi_walk_trees(&forest->fast[begin], count, code, leaf);
    return count;
}

typedef struct some_leaves {
    size_t begin, count; /* trees */
    uint32_t leaf[ALMI_WALK_WIDTH];
} some_leaves;

static void add_leaves(const alm_forest *forest, const some_leaves *some, const double *row,
                       double *out)
{
    size_t begin = some->begin, count = some->count;
    const uint32_t *leaf = some->leaf;
    if (forest->info.output_count > 1 || forest->info.has_linear_leaves) {
        for (size_t i = 0; i < count; i++) {
            add_leaf(forest, begin + i, leaf[i], row, out);
        }
    } else if (almi_forest_is_single(forest)) {
        float sum = (float)out[0];
        for (size_t i = 0; i < count; i++) {
            sum += forest->fast[begin + i].single[leaf[i]];
        }
        out[0] = (double)sum;
    } else {
        double sum = out[0];
        for (size_t i = 0; i < count; i++) {
            sum += forest->fast[begin + i].value[leaf[i]];
        }
        out[0] = sum;
    }
}

static void walk_row(const alm_forest *forest, const double *row, double *out)
{
    uint8_t byte[ALMI_GROUP_LANES];
    uint32_t code[ALMI_STEP_LANES] = {0}; /* leaves look there, also where there is no lane */
    some_leaves some;
    start_rows(forest, 1, out);
    for (size_t g = 0; g < forest->group_count; g++) {
        const almi_group *group = &forest->group[g];
        almi_row_encode(forest, group, row, byte);
        for (size_t i = 0; i < group->lane_count; i++) {
            code[i] = (uint32_t)byte[i] << ALMI_STEP_LIMIT_SHIFT;
        }
        for (some.begin = group->tree_begin; some.begin < group->tree_end;
             some.begin += some.count) {
            some.count = walk_some(forest, some.begin, group->tree_end, code, row, some.leaf);
            add_leaves(forest, &some, row, out);
        }
    }
}

static void score_rows(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                       double *out)
{
    for (size_t i = 0; i < n; i++) {
        double *to = out + i * forest->info.output_count;
        if (forest->by_quick) {
            almi_quick_score(forest, rows + i * stride, to);
        } else {
            walk_row(forest, rows + i * stride, to);
        }
    }
}

/* ---- the choice ---- */

/* A block costs the same for 1 row as for 64, the more the more leaves its trees have, while the
 * walk of a row hardly depends on them (README.md, timings). */
static size_t walk_rows_of(const alm_forest *forest)
{
    size_t leaves = 0, trees = forest->info.tree_count;
    for (size_t t = 0; t < trees; t++) {
        leaves += forest->fast[t].leaf_count;
    }
    size_t rows = 6 + (trees > 0 ? leaves / trees / 16 : 0);
    return forest->by_quick ? 30 : rows < 22 ? rows : 22;
}

static bool can_be_wide(const alm_forest *forest)
{
    bool can = forest->kernel->level >= ALM_VECTORS_V3 && sums_in_block(forest, ALMI_WIDE_PARTS);
    for (size_t g = 0; g < forest->group_count && can; g++) {
        can = forest->group[g].lane_count <= ALMI_GROUP_LANES / ALMI_WIDE_PARTS;
    }
    for (size_t t = 0; t < forest->info.tree_count && can; t++) {
        can = forest->fast[t].between != NULL;
    }
    return can;
}

bool alm_forest_use_vectors(alm_forest *forest, alm_vector_level level)
{
    if (level > alm_vector_level_bound()) {
        return false;
    }
    forest->kernel = &almi_kernel_plain;
#if ALM_HAS_VECTOR_LEVELS
    if (level == ALM_VECTORS_V4) {
        forest->kernel = &almi_kernel_v4;
        forest->has_vbmi = __builtin_cpu_supports("avx512vbmi");
    } else if (level == ALM_VECTORS_V3) {
        forest->kernel = &almi_kernel_v3;
    }
#endif
    forest->by_quick = almi_quick_is_sooner(forest);
    forest->walk_rows = walk_rows_of(forest);
    forest->wide_rows = can_be_wide(forest) ? ALMI_WIDE_ROWS : SIZE_MAX;
    return true;
}

void alm_forest_score(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                      double *out)
{
    alm_assert(n == 0 || stride >= forest->info.feature_count);
    if (forest->weight != NULL) {
        almi_linear_score(forest, rows, n, stride, out);
        return;
    }
    size_t outputs = forest->info.output_count;
    size_t wide = n >= forest->wide_rows ? n - n % ALMI_WIDE_ROWS : 0;
    size_t tail = (n - wide) % ALMI_BLOCK_ROWS;
    tail = tail <= forest->walk_rows ? tail : 0;
    size_t blocks = n - wide - tail;
    almi_rows from = {rows, 0, stride};
    if (wide > 0) {
        score_blocks(forest, ALMI_WIDE_PARTS, &from, wide, out);
    }
    from.value += wide * stride;
    if (blocks > 0) {
        score_blocks(forest, 1, &from, blocks, out + wide * outputs);
    }
    from.value += blocks * stride;
    score_rows(forest, from.value, tail, stride, out + (wide + blocks) * outputs);
    almi_forest_end(forest, n, out);
}
