/* forest_kernel_plain.c: the kernel in C alone; byte loops that any compiler turns into vectors.
 *
 * A tree is evaluated from its leaves upwards: v[node] = code > j ? v[right] : v[left], which ends
 * with the leaf number of each row. Every row does the same work: no branch and no address depends
 * on the data. The idea is CatBoost's quantise-then-compare for arbitrary trees; see README.md. */
#include <string.h>

#include "model/forest_code.h"
#include "model/forest_kernel.h"

/* A search whose steps do not depend on the data. */
ALM_INLINE uint8_t count_below(const almi_lane *lane, int32_t key)
{
    uint32_t position = 0;
    for (uint32_t half = lane->size / 2; half > 0; half /= 2) {
        position += lane->key[position + half - 1] < key ? half : 0;
    }
    return (uint8_t)position;
}

static uint64_t search(const almi_lane *lane, const int32_t *key, uint8_t *code)
{
    uint64_t equal = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        code[r] = count_below(lane, key[r]);
        equal |= (uint64_t)(lane->key[code[r]] == key[r]) << r;
    }
    return equal;
}

static uint64_t changes(const double *value)
{
    uint64_t bits[ALMI_CHUNK_ROWS], changed = 0;
    memcpy(bits, value, sizeof bits);
    for (size_t r = 1; r < ALMI_CHUNK_ROWS; r++) {
        changed |= (uint64_t)(bits[r] != bits[r - 1]) << r;
    }
    return changed;
}

static uint8_t code_of(const almi_lane *lane, double value)
{
    return almi_code_by(count_below, lane, value);
}

static void search_row(const almi_row_lanes *lanes, const almi_numbers *of, uint8_t *code)
{
    almi_search_row_by(count_below, lanes, of, code);
}

/* Both sides are read before the choice, so that the compiler may turn it into a byte mask. */
ALM_INLINE void blend_rows(const uint8_t *restrict code, uint8_t limit,
                           const uint8_t *restrict left, const uint8_t *restrict right,
                           uint8_t *restrict out)
{
    for (size_t r = 0; r < ALMI_BLOCK_ROWS; r++) {
        uint8_t a = left[r], b = right[r];
        uint8_t goes_right = code[r] > limit ? 0xFF : 0;
        out[r] = (uint8_t)(a ^ ((a ^ b) & goes_right));
    }
}

static void leaves(const almi_blend *node, size_t count, const almi_bytes *code,
                   almi_bytes *operand, uint8_t *leaf)
{
    for (size_t i = 0; i < count; i++) {
        blend_rows(code[node[i].lane], (uint8_t)node[i].limit, operand[node[i].left],
                   operand[node[i].right], operand[ALMI_BLEND_LEAVES + i]);
    }
    memcpy(leaf, operand[count > 0 ? ALMI_BLEND_LEAVES + count - 1 : 0], ALMI_BLOCK_ROWS);
}

static void add(const almi_pending *pending, double *sum)
{
    for (size_t t = 0; t < pending->count; t++) {
        const double *value = pending->tree[t].value;
        for (size_t r = 0; r < ALMI_BLOCK_ROWS; r++) {
            sum[r] += value[pending->leaf[t][r]];
        }
    }
}

static void add_single(const almi_pending *pending, float *sum)
{
    for (size_t t = 0; t < pending->count; t++) {
        const float *value = pending->tree[t].single;
        for (size_t r = 0; r < ALMI_BLOCK_ROWS; r++) {
            sum[r] += value[pending->leaf[t][r]];
        }
    }
}

const almi_kernel almi_kernel_plain = {.level = ALM_VECTORS_NONE,
                                       .search = search,
                                       .code = code_of,
                                       .search_row = search_row,
                                       .changes = changes,
                                       .leaves = leaves,
                                       .add = add,
                                       .add_single = add_single};
