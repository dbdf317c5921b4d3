/* forest_predict.c: the plain exact kernel.
 *
 * 64 rows at a time: their features become byte codes (one comparison type for every split), then
 * a tree is evaluated from its leaves upwards as byte blends: v[node] = code > j ? v[right] :
 * v[left], which ends with the leaf number of each row. Every row does the same work: no branch and
 * no address depends on the data, and the inner loops are byte loops that the compiler vectorises.
 * Leaf values are then added in tree order, in the precision of the source library, so the sums
 * have its bits.
 *
 * The idea is CatBoost's quantise-then-compare for arbitrary trees; see README.md. */
#include "model/forest_internal.h"

#define BLOCK_ROWS ALMI_CHUNK_ROWS
/* Below this a block of 64 costs more than walking the rows one by one (README.md, timings). */
#define BLOCK_ROWS_MIN 4

typedef struct kernel {
    uint8_t code[ALMI_GROUP_LANES][BLOCK_ROWS];
    /* Operands of the blends: constant leaf numbers, then the nodes of the current tree. */
    uint8_t operand[2 * ALMI_BLEND_LEAVES][BLOCK_ROWS];
    float sum[BLOCK_ROWS]; /* of a float forest with one output */
} kernel;

/* Both sides are read before the choice, so that the compiler may turn it into a byte mask. */
ALM_INLINE void blend_rows(const uint8_t *restrict code, uint8_t limit,
                           const uint8_t *restrict left, const uint8_t *restrict right,
                           uint8_t *restrict out)
{
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        uint8_t a = left[r], b = right[r];
        uint8_t goes_right = code[r] > limit ? 0xFF : 0;
        out[r] = (uint8_t)(a ^ ((a ^ b) & goes_right));
    }
}

/* node[i] reads operands that are leaves or earlier nodes and writes operand 256 + i. */
ALM_WIDE_VECTORS
static void blend_tree(const almi_blend *node, size_t count, kernel *k)
{
    for (size_t i = 0; i < count; i++) {
        blend_rows(k->code[node[i].lane], (uint8_t)node[i].code, k->operand[node[i].left],
                   k->operand[node[i].right], k->operand[ALMI_BLEND_LEAVES + i]);
    }
}

/* True when the sums of a block are floats in the kernel, not doubles in the result. */
static bool sums_in_kernel(const alm_forest *forest)
{
    return forest->info.source == ALM_FOREST_XGBOOST && forest->info.output_count == 1;
}

/* Floats that are kept in doubles: the doubles hold them exactly. */
static void add_floats(const almi_tree *tree, const float *value, const uint8_t *leaf, size_t n,
                       size_t outputs, double *sum)
{
    size_t width = tree->leaf_width;
    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < width; i++) {
            double *to = &sum[r * outputs + i];
            *to = (double)((float)*to + value[leaf[r] * width + i]);
        }
    }
}

static void add_tree(const alm_forest *forest, size_t t, kernel *k, size_t n, double *out)
{
    size_t outputs = forest->info.output_count;
    const almi_blend_tree *blend = &forest->blend[t];
    const almi_tree *tree = &forest->tree[t];
    blend_tree(blend->node, blend->count, k);
    const uint8_t *leaf = k->operand[blend->count > 0 ? ALMI_BLEND_LEAVES + blend->count - 1 : 0];
    if (sums_in_kernel(forest)) {
        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            k->sum[r] += blend->single[leaf[r]];
        }
        return;
    }
    double *sum = out + tree->output;
    if (blend->single != NULL) {
        add_floats(tree, blend->single, leaf, n, outputs, sum);
        return;
    }
    size_t width = tree->leaf_width;
    for (size_t r = 0; r < n; r++) {
        const double *value = tree->leaf_value + leaf[r] * width;
        for (size_t i = 0; i < width; i++) {
            sum[r * outputs + i] += value[i];
        }
    }
}

static void walk_tree(const alm_forest *forest, size_t t, kernel *k, const almi_rows *rows,
                      double *out)
{
    const almi_tree *tree = &forest->tree[t];
    for (size_t r = 0; r < rows->count; r++) {
        size_t leaf = almi_tree_walk(tree, rows->value + r * rows->stride);
        if (sums_in_kernel(forest)) {
            k->sum[r] += (float)tree->leaf_value[leaf];
        } else {
            almi_tree_add(tree, leaf, out + r * forest->info.output_count);
        }
    }
}

static void start_sums(const alm_forest *forest, kernel *k, size_t n, double *out)
{
    size_t outputs = forest->info.output_count;
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        k->sum[r] = (float)almi_forest_base(forest, 0);
    }
    for (size_t i = 0; i < n * outputs; i++) {
        out[i] = forest->base != NULL ? forest->base[i % outputs] : 0.0;
    }
}

static void score_block(const alm_forest *forest, kernel *k, const double *rows, size_t n,
                        size_t stride, double *out)
{
    start_sums(forest, k, n, out);
    for (size_t g = 0; g < forest->group_count; g++) {
        const almi_group *group = &forest->group[g];
        almi_rows block = {rows, n, stride};
        almi_lanes_encode(forest, group->lane, group->lane_count, &block, k->code[0], BLOCK_ROWS);
        for (size_t t = group->tree_begin; t < group->tree_end; t++) {
            if (forest->blend[t].symmetric_depth > 0) {
                t = almi_symmetric_add(forest, t, group->tree_end, k->code[0], n, out) - 1;
            } else if (forest->blend[t].node != NULL) {
                add_tree(forest, t, k, n, out);
            } else {
                walk_tree(forest, t, k, &block, out);
            }
        }
    }
    for (size_t r = 0; sums_in_kernel(forest) && r < n; r++) {
        out[r] = (double)k->sum[r];
    }
    almi_forest_end(forest, n, out);
}

static void init_kernel(const alm_forest *forest, kernel *k)
{
    size_t leaves = forest->info.leaf_count_max < ALMI_BLEND_LEAVES ? forest->info.leaf_count_max
                                                                    : ALMI_BLEND_LEAVES;
    for (size_t leaf = 0; leaf < leaves; leaf++) {
        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            k->operand[leaf][r] = (uint8_t)leaf;
        }
    }
}

/* Codes of rows that a short last block does not have stay defined. */
static void clear_codes(kernel *k)
{
    for (size_t i = 0; i < ALMI_GROUP_LANES; i++) {
        for (size_t r = 0; r < BLOCK_ROWS; r++) {
            k->code[i][r] = 0;
        }
    }
}

static void score_blocks(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                         double *out)
{
    _Alignas(64) kernel k;
    init_kernel(forest, &k);
    clear_codes(&k);
    for (size_t i = 0; i < n; i += BLOCK_ROWS) {
        size_t count = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;
        score_block(forest, &k, rows + i * stride, count, stride,
                    out + i * forest->info.output_count);
    }
}

void alm_forest_score(const alm_forest *forest, const double *rows, size_t n, size_t stride,
                      double *out)
{
    alm_assert(n == 0 || stride >= forest->info.feature_count);
    size_t tail = n % BLOCK_ROWS < BLOCK_ROWS_MIN ? n % BLOCK_ROWS : 0;
    if (n > tail) {
        score_blocks(forest, rows, n - tail, stride, out);
    }
    alm_forest_score_reference(forest, rows + (n - tail) * stride, tail, stride,
                               out + (n - tail) * forest->info.output_count);
}
