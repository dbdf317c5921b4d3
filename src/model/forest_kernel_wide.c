/* forest_kernel_wide.c: leaf numbers of 256 rows at once, with AVX-512.
 *
 * Here a tree works on bits, one for each row. A node's comparison gives the rows that go right, as
 * a word of 256 bits; from the root down, the rows that reach a node are split into those of its
 * children; and the words of the leaves become the bits of the leaf numbers. A node costs two
 * logical operations for 256 rows where blending bytes costs four loads, blends and stores, so what
 * remains are the comparisons. Words of 256 bits and not 512: they go from a store to a load
 * quickly on every CPU. */
#include "model/forest_kernel.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

#define PARTS ALMI_WIDE_PARTS
#define STEP 16 /* leaves whose words become bits together */
#define BITS 8  /* of a leaf number */
#define AHEAD 32 /* nodes of a large tree compared before they are needed */

_Static_assert(PARTS == 4, "compare() is written for four parts");

ALMI_V4 ALM_INLINE uint64_t goes_right(const uint8_t *code, __m512i limit)
{
    return _mm512_cmpgt_epu8_mask(_mm512_load_si512(code), limit);
}

/* mask[i] = the rows that go right at node i. */
ALMI_V4 ALM_INLINE void compare(const almi_blend *node, size_t count, const uint8_t *code,
                                almi_word *mask)
{
    /* The root, which is last, is asked for first. */
    for (size_t i = count; i-- > 0;) {
        const uint8_t *lane = code + (size_t)node[i].lane * ALMI_WIDE_ROWS;
        __m512i limit = _mm512_set1_epi32((int)node[i].limit);
        uint64_t *part = mask[i].part;
        part[0] = goes_right(lane, limit);
        part[1] = goes_right(lane + ALMI_BLOCK_ROWS, limit);
        part[2] = goes_right(lane + 2 * ALMI_BLOCK_ROWS, limit);
        part[3] = goes_right(lane + 3 * ALMI_BLOCK_ROWS, limit);
    }
}

ALMI_V4 void almi_wide_compare(const almi_wide_tree *tree, const uint8_t *code)
{
    compare(tree->node, tree->count, code, tree->mask);
}

ALMI_V4 ALM_INLINE __m256i word_at(const almi_word *word)
{
    return _mm256_load_si256((const __m256i *)word);
}

/* The step from a node, of which `here` is the rows, to its children. */
ALMI_V4 ALM_INLINE void split(const almi_blend *node, const almi_word *here, const almi_word *mask,
                              almi_word *reach)
{
    __m256i all = word_at(here), right = _mm256_and_si256(all, word_at(mask));
    _mm256_store_si256((__m256i *)&reach[node->right], right);
    _mm256_store_si256((__m256i *)&reach[node->left], _mm256_xor_si256(all, right));
}

ALMI_V4 ALM_INLINE void start_at_root(size_t count, almi_word *reach)
{
    size_t root = count > 0 ? ALMI_BLEND_LEAVES + count - 1 : 0;
    _mm256_store_si256((__m256i *)&reach[root], _mm256_set1_epi32(-1));
}

ALMI_V4 ALM_INLINE void split_node(const almi_wide_tree *tree, size_t i, almi_word *reach)
{
    split(&tree->node[i], &reach[ALMI_BLEND_LEAVES + i], &tree->mask[i], reach);
}

/* reach[leaf] = the rows that get there; inner nodes stand behind ALMI_BLEND_LEAVES, the next tree
 * ALMI_WIDE_SMALL further. A node waits for its parent's word to come back from memory, so several
 * trees go down side by side. */
ALMI_V4 ALM_INLINE void split_down(const almi_wide_tree *tree, size_t trees, almi_word *reach)
{
    size_t common = SIZE_MAX;
    for (size_t k = 0; k < trees; k++) {
        common = tree[k].count < common ? tree[k].count : common;
        start_at_root(tree[k].count, reach + k * ALMI_WIDE_SMALL);
    }
    for (size_t i = 1; i <= common; i++) {
        ALM_UNROLLED
        for (size_t k = 0; k < trees; k++) {
            split_node(&tree[k], tree[k].count - i, reach + k * ALMI_WIDE_SMALL);
        }
    }
    for (size_t k = 0; k < trees; k++) {
        for (size_t i = tree[k].count - common; i-- > 0;) {
            split_node(&tree[k], i, reach + k * ALMI_WIDE_SMALL);
        }
    }
}

/* The same for one large tree, compared here: some nodes ahead of those that are split, so that the
 * words of both fit the fastest memory. */
ALMI_V4 static void split_large(const almi_wide_tree *tree, const uint8_t *code, almi_word *reach)
{
    const almi_blend *node = tree->node;
    almi_word *mask[2] = {tree->mask, tree->mask + AHEAD};
    size_t begin = tree->count > AHEAD ? tree->count - AHEAD : 0;
    compare(node + begin, tree->count - begin, code, mask[0]);
    start_at_root(tree->count, reach);
    for (size_t end = tree->count, phase = 0; end > 0; phase ^= 1) {
        const almi_word *now = mask[phase];
        size_t next = begin > AHEAD ? begin - AHEAD : 0;
        compare(node + next, begin - next, code, mask[phase ^ 1]);
        for (size_t i = end; i-- > begin;) {
            split(&node[i], &reach[ALMI_BLEND_LEAVES + i], &now[i - begin], reach);
        }
        end = begin;
        begin = next;
    }
}

ALMI_V4 ALM_INLINE __m256i either(__m256i a, __m256i b)
{
    return _mm256_or_si256(a, b);
}

ALMI_V4 ALM_INLINE __m256i any_of(__m256i a, __m256i b, __m256i c, __m256i d)
{
    return either(either(a, b), either(c, d));
}

/* Adds to the lowest four bits of the numbers what 16 leaves say; the rows in any of them. */
ALMI_V4 ALM_INLINE __m256i low_bits(const almi_word *leaf, __m256i *bit)
{
    __m256i l[STEP], pair[STEP / 2], four[STEP / 4];
    ALM_UNROLLED
    for (size_t i = 0; i < STEP; i++) {
        l[i] = word_at(&leaf[i]);
    }
    ALM_UNROLLED
    for (size_t i = 0; i < STEP / 2; i++) {
        pair[i] = either(l[2 * i], l[2 * i + 1]);
    }
    ALM_UNROLLED
    for (size_t i = 0; i < STEP / 4; i++) {
        four[i] = either(pair[2 * i], pair[2 * i + 1]);
    }
    __m256i odd = either(any_of(l[1], l[3], l[5], l[7]), any_of(l[9], l[11], l[13], l[15]));
    bit[0] = either(bit[0], odd);
    bit[1] = either(bit[1], any_of(pair[1], pair[3], pair[5], pair[7]));
    bit[2] = either(bit[2], either(four[1], four[3]));
    bit[3] = either(bit[3], either(four[2], four[3]));
    return any_of(four[0], four[1], four[2], four[3]);
}

ALMI_V4 ALM_INLINE void number_bits(const almi_word *reach, size_t leaf_count, almi_word *out)
{
    __m256i none = _mm256_setzero_si256();
    __m256i bit[BITS] = {none, none, none, none, none, none, none, none};
    for (size_t base = 0; base < leaf_count; base += STEP) {
        __m256i any = low_bits(&reach[base], bit);
        if (base & 16) bit[4] = either(bit[4], any);
        if (base & 32) bit[5] = either(bit[5], any);
        if (base & 64) bit[6] = either(bit[6], any);
        if (base & 128) bit[7] = either(bit[7], any);
    }
    ALM_UNROLLED
    for (size_t b = 0; b < BITS; b++) {
        _mm256_store_si256((__m256i *)&out[b], bit[b]);
    }
}

ALMI_V4 static void number_leaves(const almi_wide_tree *tree, almi_word *reach,
                                  size_t leaf_stride)
{
    almi_word bit[BITS];
    size_t leaf_count = tree->count + 1;
    for (size_t i = leaf_count; i % STEP != 0; i++) {
        _mm256_store_si256((__m256i *)&reach[i], _mm256_setzero_si256());
    }
    number_bits(reach, leaf_count, bit);
    size_t bits = leaf_count <= STEP ? 4 : leaf_count <= 32 ? 5 : leaf_count <= 64 ? 6 : BITS;
    for (size_t p = 0; p < PARTS; p++) {
        __m512i number = _mm512_maskz_set1_epi8(bit[0].part[p], 1);
        for (size_t b = 1; b < bits; b++) {
            number = _mm512_mask_add_epi8(number, bit[b].part[p], number,
                                          _mm512_set1_epi8((char)(1u << b)));
        }
        _mm512_store_si512(tree->leaf + p * leaf_stride, number);
    }
}

ALMI_V4 void almi_wide_leaves(const almi_wide_tree *tree, size_t trees, const uint8_t *code,
                              almi_word *reach, size_t leaf_stride)
{
    if (tree[0].count >= ALMI_WIDE_SMALL) {
        split_large(tree, code, reach);
    } else if (trees == ALMI_WIDE_TREES) {
        split_down(tree, ALMI_WIDE_TREES, reach);
    } else {
        for (size_t k = 0; k < trees; k++) {
            split_down(&tree[k], 1, reach + k * ALMI_WIDE_SMALL);
        }
    }
    for (size_t k = 0; k < trees; k++) {
        number_leaves(&tree[k], reach + k * ALMI_WIDE_SMALL, leaf_stride);
    }
}

#else

void almi_wide_compare(const almi_wide_tree *tree, const uint8_t *code)
{
    (void)tree;
    (void)code;
}

void almi_wide_leaves(const almi_wide_tree *tree, size_t trees, const uint8_t *code,
                      almi_word *reach, size_t leaf_stride)
{
    (void)tree;
    (void)trees;
    (void)code;
    (void)reach;
    (void)leaf_stride;
}

#endif
