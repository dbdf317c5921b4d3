/* forest_kernel_wide.c: leaf numbers of 256 rows at once, with AVX2 and AVX-512.
 *
 * The nodes of a tree are asked from left to right, in the order of the leaves that they part (see
 * forest_quick.c, where the trees are the lanes of the vectors; here the rows are). Each row keeps
 * the leaf that it would reach if the nodes that are not asked yet sent it to the left. These stay
 * in registers, so a node costs two comparisons and a move, and no store; four vectors go side by
 * side, because each waits for the node before. */
#include "model/forest/forest_kernel.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

#define SIDE_BY_SIDE 4

_Static_assert(ALMI_WIDE_PARTS == SIDE_BY_SIDE, "a vector of AVX-512 for each part");

/* The rows that a node sends to the right, if they get there. */
ALMI_V4 ALM_INLINE __mmask64 is_right(const almi_between *node, const uint8_t *code, size_t part)
{
    const uint8_t *lane = code + (size_t)node->lane * ALMI_WIDE_ROWS;
    return _mm512_cmpgt_epu8_mask(_mm512_load_si512(lane + part * ALMI_BLOCK_ROWS),
                                  _mm512_set1_epi32((int)node->limit));
}

/* And of these the ones that do get there. */
ALMI_V4 ALM_INLINE __mmask64 is_there(const almi_between *node, __mmask64 right, __m512i reached)
{
    return _mm512_mask_cmpge_epu8_mask(right, reached, _mm512_set1_epi32((int)node->begin));
}

/* Two nodes a step, so that only every other one waits: the first sends to `leaf`, and from there
 * the second one always is on the way. */
ALMI_V4 void almi_wide_leaves_v4(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                                 size_t leaf_stride)
{
    __m512i none = _mm512_setzero_si512(), one = _mm512_set1_epi8(1), first = one;
    __m512i reached[SIDE_BY_SIDE] = {none, none, none, none};
    const almi_between *node = tree->between, *end = node + tree->leaf_count - 1;
    for (; node + 1 < end; node += 2) {
        __m512i second = _mm512_add_epi8(first, one);
        ALM_UNROLLED
        for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
            __mmask64 to_second = is_right(&node[1], code, i);
            __m512i moved = _mm512_mask_mov_epi8(first, to_second, second);
            __mmask64 to_moved = is_there(&node[0], is_right(&node[0], code, i), reached[i]);
            to_second = is_there(&node[1], to_second, reached[i]);
            reached[i] = _mm512_mask_mov_epi8(reached[i], to_second, second);
            reached[i] = _mm512_mask_mov_epi8(reached[i], to_moved, moved);
        }
        first = _mm512_add_epi8(second, one);
    }
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
        if (node < end) {
            __mmask64 right = is_there(node, is_right(node, code, i), reached[i]);
            reached[i] = _mm512_mask_mov_epi8(reached[i], right, first);
        }
        _mm512_store_si512(leaf + i * leaf_stride, reached[i]);
    }
}

ALMI_V3 ALM_INLINE __m256i load_32(const uint8_t *from)
{
    return _mm256_load_si256((const __m256i *)from);
}

/* Of 128 rows. `few`: so few leaves that their numbers may be compared as signed bytes. */
ALMI_V3 ALM_INLINE void leaves_of_128(const almi_fast_tree *tree, const uint8_t *code, bool few,
                                      __m256i *reached)
{
    __m256i one = _mm256_set1_epi8(1), next = one, sign = _mm256_set1_epi8((char)ALMI_CODE_SIGN);
    const almi_between *end = tree->between + tree->leaf_count - 1;
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
        reached[i] = _mm256_setzero_si256();
    }
    for (const almi_between *node = tree->between; node < end; node++) {
        const uint8_t *lane = code + (size_t)node->lane * ALMI_WIDE_ROWS;
        __m256i limit = _mm256_xor_si256(_mm256_set1_epi32((int)node->limit), sign);
        __m256i begin = _mm256_set1_epi32((int)node->begin);
        ALM_UNROLLED
        for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
            __m256i to = _mm256_cmpgt_epi8(load_32(lane + i * sizeof to), limit);
            to = _mm256_and_si256(to, next);
            if (few) {
                to = _mm256_andnot_si256(_mm256_cmpgt_epi8(begin, reached[i]), to);
            } else {
                __m256i most = _mm256_max_epu8(begin, reached[i]);
                to = _mm256_and_si256(_mm256_cmpeq_epi8(most, reached[i]), to);
            }
            /* No leaf so far is above the next one. */
            reached[i] = _mm256_max_epu8(reached[i], to);
        }
        next = _mm256_add_epi8(next, one);
    }
}

ALMI_V3 void almi_wide_leaves_v3(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                                 size_t leaf_stride)
{
    __m256i reached[SIDE_BY_SIDE];
    for (size_t row = 0; row < ALMI_WIDE_ROWS; row += sizeof reached, code += sizeof reached) {
        if (tree->leaf_count <= INT8_MAX + 1) {
            leaves_of_128(tree, code, true, reached);
        } else {
            leaves_of_128(tree, code, false, reached);
        }
        for (size_t i = 0; i < SIDE_BY_SIDE; i++) {
            size_t at = row + i * sizeof *reached;
            uint8_t *to = leaf + at / ALMI_BLOCK_ROWS * leaf_stride + at % ALMI_BLOCK_ROWS;
            _mm256_store_si256((__m256i *)to, reached[i]);
        }
    }
}

ALM_WIDE_VECTORS
void almi_turn_codes(size_t lanes, uint8_t *code)
{
    for (; lanes > 0; lanes--, code += ALMI_WIDE_ROWS) {
        for (size_t r = 0; r < ALMI_WIDE_ROWS; r++) {
            code[r] ^= ALMI_CODE_SIGN;
        }
    }
}

#else

void almi_wide_leaves_v3(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                         size_t leaf_stride)
{
    (void)tree;
    (void)code;
    (void)leaf;
    (void)leaf_stride;
}

void almi_wide_leaves_v4(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                         size_t leaf_stride)
{
    almi_wide_leaves_v3(tree, code, leaf, leaf_stride);
}

void almi_turn_codes(size_t lanes, uint8_t *code)
{
    (void)lanes;
    (void)code;
}

#endif
