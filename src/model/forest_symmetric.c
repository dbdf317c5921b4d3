/* forest_symmetric.c: CatBoost's symmetric trees, 64 rows at a time.
 *
 * All nodes of a level ask the same question, so the leaf's number is the answers as bits and a
 * tree costs its depth, not its leaves: number |= (code > j) << d, on bytes, which the compiler
 * vectorises; deeper trees have a second byte. The leaves are then added in tree order like those
 * of any other tree. */
#include "model/forest_internal.h"

#define ROWS ALMI_CHUNK_ROWS
#define BYTE_BITS 8

ALM_INLINE void add_bit(const uint8_t *restrict code, uint8_t limit, uint8_t bit,
                        uint8_t *restrict number)
{
    for (size_t r = 0; r < ROWS; r++) {
        number[r] |= code[r] > limit ? bit : 0;
    }
}

ALM_WIDE_VECTORS
static void number_leaves(const almi_blend *node, size_t depth, const uint8_t *code,
                          uint8_t *restrict number)
{
    for (size_t r = 0; r < ROWS; r++) {
        number[r] = 0;
    }
    for (size_t d = 0; d < depth; d++) {
        add_bit(code + (size_t)node[d].lane * ROWS, (uint8_t)node[d].code, (uint8_t)(1u << d),
                number);
    }
}

static void add_leaves(const almi_tree *tree, const uint16_t *leaf, size_t n, size_t outputs,
                       double *sum)
{
    size_t width = tree->leaf_width;
    for (size_t r = 0; r < n; r++) {
        const double *value = tree->leaf_value + leaf[r] * width;
        for (size_t i = 0; i < width; i++) {
            sum[r * outputs + i] += value[i];
        }
    }
}

void almi_symmetric_add(const alm_forest *forest, size_t t, const uint8_t *code, size_t n,
                        double *score)
{
    const almi_blend_tree *blend = &forest->blend[t];
    const almi_tree *tree = &forest->tree[t];
    size_t outputs = forest->info.output_count, depth = blend->symmetric_depth;
    size_t low = depth < BYTE_BITS ? depth : BYTE_BITS;
    uint8_t number[ROWS];
    number_leaves(blend->node, low, code, number);
    if (depth <= BYTE_BITS && outputs == 1) {
        for (size_t r = 0; r < n; r++) {
            score[r] += tree->leaf_value[number[r]];
        }
        return;
    }
    uint16_t leaf[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        leaf[r] = number[r];
    }
    if (depth > BYTE_BITS) {
        number_leaves(blend->node + BYTE_BITS, depth - BYTE_BITS, code, number);
        for (size_t r = 0; r < ROWS; r++) {
            leaf[r] = (uint16_t)(leaf[r] | (unsigned)number[r] << BYTE_BITS);
        }
    }
    add_leaves(tree, leaf, n, outputs, score + tree->output);
}
