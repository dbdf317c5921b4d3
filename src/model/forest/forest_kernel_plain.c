/* forest_kernel_plain.c: the kernel in C alone; byte loops that any compiler turns into vectors.
 *
 * The nodes of a tree are asked from left to right, in the order of the leaves that they part. Each
 * row keeps the leaf that it would reach if the nodes that are not asked yet sent it to the left; a
 * node that sends it to the right moves it to the first leaf of its right side, if the row gets to
 * the node at all: if its leaf is not before the first one below the node. Every row does the same
 * work: no branch and no address depends on the data. See README.md. */
#include <string.h>

#include "model/forest/forest_code.h"
#include "model/forest/forest_kernel.h"

/* A search whose steps do not depend on the data. */
ALM_INLINE uint8_t count_below(const int32_t *key, uint32_t size, int32_t value)
{
    uint32_t position = 0;
    for (uint32_t half = size / 2; half > 0; half /= 2) {
        position += key[position + half - 1] < value ? half : 0;
    }
    return (uint8_t)position;
}

static uint64_t search(const almi_lane *lane, const int32_t *key, uint8_t *code)
{
    uint64_t equal = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        code[r] = count_below(lane->key, lane->size, key[r]);
        equal |= (uint64_t)(lane->key[code[r]] == key[r]) << r;
    }
    return equal;
}

static void columns(const double *row, size_t stride, double (*to)[ALMI_CHUNK_ROWS])
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++, row += stride) {
        for (size_t c = 0; c < ALMI_TILE_COLUMNS; c++) {
            to[c][r] = row[c];
        }
    }
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

static void search_row(const almi_row_lanes *lanes, const almi_row_columns *of, uint8_t *code)
{
    bool floats = almi_has_floats(lanes->rule);
    for (size_t i = 0; i < lanes->count; i++) {
        almi_row_lane own = lanes->own[i];
        int32_t key = of->key[own.column];
        code[i] = count_below(own.key, own.size, key);
        if (own.key[code[i]] == key && !floats) {
            code[i] = almi_finished_in_row(lanes, i, of, code[i]);
        }
    }
}

/* All of it stays in registers while 16 rows go through a tree. */
typedef uint8_t some_rows __attribute__((vector_size(16)));
typedef uint32_t some_words __attribute__((vector_size(16)));

ALM_INLINE some_rows in_all(uint32_t four_times)
{
    return (some_rows)((some_words){0} + four_times);
}

static void leaves(const almi_fast_tree *tree, size_t count, const almi_bytes *code,
                   almi_bytes *leaf)
{
    for (size_t t = 0; t < count; t++) {
        const almi_between *end = tree[t].between + tree[t].leaf_count - 1;
        some_rows reached[ALMI_BLOCK_ROWS / sizeof(some_rows)] = {0}, next = {0};
        for (const almi_between *node = tree[t].between; node < end; node++) {
            const some_rows *own = (const some_rows *)code[node->lane];
            some_rows limit = in_all(node->limit), begin = in_all(node->begin);
            next += 1;
            ALM_UNROLLED
            for (size_t i = 0; i < sizeof reached / sizeof *reached; i++) {
                some_rows moves = ~(some_rows)(own[i] <= limit) & (some_rows)(reached[i] >= begin);
                reached[i] ^= (reached[i] ^ next) & moves;
            }
        }
        memcpy(leaf[t], reached, sizeof reached);
    }
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
                                       .columns = columns,
                                       .changes = changes,
                                       .leaves = leaves,
                                       .add = add,
                                       .add_single = add_single};
