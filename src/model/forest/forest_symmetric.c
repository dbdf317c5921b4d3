/* forest_symmetric.c: CatBoost's symmetric trees, 64 rows at a time.
 *
 * All nodes of a level ask the same question, so the leaf's number is the answers as bits and a
 * tree costs its depth, not its leaves: number |= (code > j) << d, on bytes, which the compiler
 * vectorises; deeper trees have a second byte. The leaves are then added in tree order like those
 * of any other tree; for one output four trees at a time, so that a sum stays in a register. */
#include "model/forest/forest_internal.h"

#define ROWS ALMI_CHUNK_ROWS
#define BYTE_BITS 8
#define STRIP 4 /* trees whose leaves are added together */

ALM_INLINE void add_bit(const uint8_t *restrict code, uint8_t limit, uint8_t bit,
                        uint8_t *restrict number)
{
    for (size_t r = 0; r < ROWS; r++) {
        number[r] |= code[r] > limit ? bit : 0;
    }
}

/* Bits first .. first + count - 1 of the leaves' numbers; count <= BYTE_BITS. */
ALM_INLINE void number_leaves(const almi_level *node, size_t count, const uint8_t *code,
                              uint8_t *restrict number)
{
    for (size_t r = 0; r < ROWS; r++) {
        number[r] = 0;
    }
    for (size_t d = 0; d < count; d++) {
        add_bit(code + (size_t)node[d].lane * ROWS, (uint8_t)node[d].limit, (uint8_t)(1u << d),
                number);
    }
}

/* ---- one output, up to 256 leaves ---- */

ALM_WIDE_VECTORS
static void number_strip(const almi_fast_tree *tree, const uint8_t *code,
                         uint8_t (*restrict number)[ROWS])
{
    for (size_t i = 0; i < STRIP; i++) {
        number_leaves(tree[i].level, tree[i].symmetric_depth, code, number[i]);
    }
}

static void add_strip(const almi_tree *tree, uint8_t (*restrict number)[ROWS], size_t n,
                      double *restrict score)
{
    const double *a = tree[0].leaf_value, *b = tree[1].leaf_value;
    const double *c = tree[2].leaf_value, *d = tree[3].leaf_value;
    for (size_t r = 0; r < n; r++) {
        double sum = score[r] + a[number[0][r]];
        sum += b[number[1][r]];
        sum += c[number[2][r]];
        score[r] = sum + d[number[3][r]];
    }
}

/* ---- any tree ---- */

ALM_WIDE_VECTORS
static void number_wide(const almi_fast_tree *tree, const uint8_t *code, uint16_t *restrict leaf)
{
    size_t depth = tree->symmetric_depth;
    uint8_t number[ROWS];
    number_leaves(tree->level, depth < BYTE_BITS ? depth : BYTE_BITS, code, number);
    for (size_t r = 0; r < ROWS; r++) {
        leaf[r] = number[r];
    }
    if (depth > BYTE_BITS) {
        number_leaves(tree->level + BYTE_BITS, depth - BYTE_BITS, code, number);
        for (size_t r = 0; r < ROWS; r++) {
            leaf[r] = (uint16_t)(leaf[r] | (unsigned)number[r] << BYTE_BITS);
        }
    }
}

/* `width` is a constant where this is called, so that the inner loop is none. */
ALM_INLINE void add_values(const double *restrict values, const uint16_t *restrict leaf, size_t n,
                           size_t width, double *restrict sum)
{
    for (size_t r = 0; r < n; r++, sum += width) {
        const double *value = values + leaf[r] * width;
        for (size_t i = 0; i < width; i++) {
            sum[i] += value[i];
        }
    }
}

/* Each tree of CatBoost has a value for every output. */
static void add_leaves(const almi_tree *tree, const uint16_t *leaf, size_t n, double *sum)
{
    switch (tree->leaf_width) {
    case 1:
        add_values(tree->leaf_value, leaf, n, 1, sum);
        return;
    case 2:
        add_values(tree->leaf_value, leaf, n, 2, sum);
        return;
    case 3:
        add_values(tree->leaf_value, leaf, n, 3, sum);
        return;
    case 4:
        add_values(tree->leaf_value, leaf, n, 4, sum);
        return;
    default:
        add_values(tree->leaf_value, leaf, n, tree->leaf_width, sum);
        return;
    }
}

static bool is_strip(const alm_forest *forest, size_t t, size_t end)
{
    bool fits = forest->info.output_count == 1 && t + STRIP <= end;
    for (size_t i = t; fits && i < t + STRIP; i++) {
        uint32_t depth = forest->fast[i].symmetric_depth;
        fits = depth > 0 && depth <= BYTE_BITS;
    }
    return fits;
}

size_t almi_symmetric_add(const alm_forest *forest, size_t t, size_t end, const uint8_t *code,
                          size_t n, double *score)
{
    if (is_strip(forest, t, end)) {
        _Alignas(64) uint8_t number[STRIP][ROWS];
        number_strip(&forest->fast[t], code, number);
        add_strip(&forest->tree[t], number, n, score);
        return t + STRIP;
    }
    uint16_t leaf[ROWS];
    const almi_tree *tree = &forest->tree[t];
    number_wide(&forest->fast[t], code, leaf);
    add_leaves(tree, leaf, n, score);
    return t + 1;
}
