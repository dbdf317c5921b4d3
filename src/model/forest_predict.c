/* forest_predict.c: the plain exact kernel.
 *
 * 64 rows at a time: their features become byte codes (one comparison type for every split), then a
 * tree is evaluated from its leaves upwards as byte blends: v[node] = code > j ? v[right] : v[left],
 * which ends with the leaf number of each row. Every row does the same work: no branch and no
 * address depends on the data, and the inner loops are byte loops that the compiler vectorises.
 * Leaf values are then added in tree order, so the sums have the source library's bits.
 *
 * The idea is CatBoost's quantise-then-compare for arbitrary trees; see README.md. */
#include <math.h>

#include "model/forest_internal.h"

#define BLOCK_ROWS 64
/* Below this a block of 64 costs more than walking the rows one by one (measured). */
#define BLOCK_ROWS_MIN 16

/* The same C code compiled for wider vectors, chosen once by the loader. Only byte operations are
 * affected, so the results cannot differ. Sanitizers run before such choices are possible. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE_VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE_VECTORS
#endif

typedef struct kernel {
    uint8_t code[ALMI_GROUP_LANES][BLOCK_ROWS];
    /* Operands of the blends: constant leaf numbers, then the nodes of the current tree. */
    uint8_t operand[2 * ALMI_BLEND_LEAVES][BLOCK_ROWS];
} kernel;

static uint8_t category_code(const almi_lane *lane, double x)
{
    if (!(x > -1.0 && x < 2147483648.0)) {
        return 1;
    }
    uint32_t category = (uint32_t)x;
    uint32_t word = category / 32;
    return word < lane->word_count && ((lane->word[word] >> (category % 32)) & 1u) ? 0 : 1;
}

static uint8_t numeric_code(const double *threshold, uint32_t size, double x)
{
    uint32_t position = 0;
    for (uint32_t half = size / 2; half > 0; half /= 2) {
        position += threshold[position + half - 1] < x ? half : 0;
    }
    return (uint8_t)position;
}

void almi_lane_encode(const almi_lane *lane, const double *rows, size_t n, size_t stride,
                      uint8_t *codes)
{
    const double *column = rows + lane->feature;
    bool zero_missing = lane->kind == ALMI_LANE_ZERO_LEFT || lane->kind == ALMI_LANE_ZERO_RIGHT;
    bool nan_missing = lane->kind == ALMI_LANE_NAN_LEFT || lane->kind == ALMI_LANE_NAN_RIGHT;
    bool left = lane->kind == ALMI_LANE_ZERO_LEFT || lane->kind == ALMI_LANE_NAN_LEFT;
    uint8_t missing_code = left ? 0 : UINT8_MAX;
    if (lane->kind == ALMI_LANE_CATEGORY) {
        for (size_t i = 0; i < n; i++) {
            codes[i] = category_code(lane, column[i * stride]);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        double x = column[i * stride];
        bool zero = fabs(x) <= ALMI_ZERO_MAX;
        x = zero || (!nan_missing && isnan(x)) ? 0.0 : x;
        bool missing = nan_missing ? isnan(x) : zero_missing && x == 0.0;
        codes[i] = missing ? missing_code : numeric_code(lane->threshold, lane->size, x);
    }
}

/* Both sides are read before the choice, so that the compiler may turn it into a byte mask. */
static inline __attribute__((always_inline)) void
blend_rows(const uint8_t *restrict code, uint8_t limit, const uint8_t *restrict left,
           const uint8_t *restrict right, uint8_t *restrict out)
{
    for (size_t r = 0; r < BLOCK_ROWS; r++) {
        uint8_t a = left[r], b = right[r];
        uint8_t goes_right = code[r] > limit ? 0xFF : 0;
        out[r] = (uint8_t)(a ^ ((a ^ b) & goes_right));
    }
}

/* node[i] reads operands that are leaves or earlier nodes and writes operand 256 + i. */
WIDE_VECTORS
static void blend_tree(const almi_blend *node, size_t count, kernel *k)
{
    for (size_t i = 0; i < count; i++) {
        blend_rows(k->code[node[i].lane], (uint8_t)node[i].code, k->operand[node[i].left],
                   k->operand[node[i].right], k->operand[ALMI_BLEND_LEAVES + i]);
    }
}

static void add_tree(const alm_forest *forest, size_t t, kernel *k, size_t n, double *out)
{
    size_t outputs = forest->info.output_count;
    const almi_blend_tree *blend = &forest->blend[t];
    const double *value = forest->tree[t].leaf_value;
    blend_tree(blend->node, blend->count, k);
    const uint8_t *leaf = k->operand[blend->count > 0 ? ALMI_BLEND_LEAVES + blend->count - 1 : 0];
    double *sum = out + t % outputs;
    for (size_t r = 0; r < n; r++) {
        sum[r * outputs] += value[leaf[r]];
    }
}

static void walk_tree(const alm_forest *forest, size_t t, const double *rows, size_t n,
                      size_t stride, double *out)
{
    size_t outputs = forest->info.output_count;
    for (size_t r = 0; r < n; r++) {
        size_t leaf = alm_forest_leaf(forest, t, rows + r * stride);
        out[r * outputs + t % outputs] += forest->tree[t].leaf_value[leaf];
    }
}

static void score_block(const alm_forest *forest, kernel *k, const double *rows, size_t n,
                        size_t stride, double *out)
{
    for (size_t i = 0; i < n * forest->info.output_count; i++) {
        out[i] = 0.0;
    }
    for (size_t g = 0; g < forest->group_count; g++) {
        const almi_group *group = &forest->group[g];
        for (size_t i = 0; i < group->lane_count; i++) {
            almi_lane_encode(&forest->lane[group->lane[i]], rows, n, stride, k->code[i]);
        }
        for (size_t t = group->tree_begin; t < group->tree_end; t++) {
            if (forest->blend[t].node != NULL) {
                add_tree(forest, t, k, n, out);
            } else {
                walk_tree(forest, t, rows, n, stride, out);
            }
        }
    }
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
