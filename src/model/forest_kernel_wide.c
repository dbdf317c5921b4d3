/* forest_kernel_wide.c: leaf numbers of 256 rows at once, with AVX-512.
 *
 * The nodes of a tree are asked from left to right, in the order of the leaves that they part (see
 * forest_quick.c, where the trees are the lanes of the vectors; here the rows are). Each row keeps
 * the leaf that it would reach if the nodes that are not asked yet sent it to the left. These leaves
 * stay in registers, so a node costs two comparisons and a move for 64 rows, and no store; four
 * times 64, because each waits for the one before. */
#include "model/forest_kernel.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

ALMI_V4 void almi_wide_leaves(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                              size_t leaf_stride)
{
    __m512i none = _mm512_setzero_si512(), one = _mm512_set1_epi8(1), next = one;
    __m512i reached[ALMI_WIDE_PARTS] = {none, none, none, none};
    const almi_between *end = tree->between + tree->leaf_count - 1;
    for (const almi_between *node = tree->between; node < end; node++) {
        const uint8_t *lane = code + (size_t)node->lane * ALMI_WIDE_ROWS;
        __m512i limit = _mm512_set1_epi32((int)node->limit);
        __m512i begin = _mm512_set1_epi32((int)node->begin);
        ALM_UNROLLED
        for (size_t p = 0; p < ALMI_WIDE_PARTS; p++) {
            __m512i own = _mm512_load_si512(lane + p * ALMI_BLOCK_ROWS);
            __mmask64 right = _mm512_cmpgt_epu8_mask(own, limit);
            right = _mm512_mask_cmpge_epu8_mask(right, reached[p], begin);
            reached[p] = _mm512_mask_mov_epi8(reached[p], right, next);
        }
        next = _mm512_add_epi8(next, one);
    }
    for (size_t p = 0; p < ALMI_WIDE_PARTS; p++) {
        _mm512_store_si512(leaf + p * leaf_stride, reached[p]);
    }
}

#else

void almi_wide_leaves(const almi_fast_tree *tree, const uint8_t *code, uint8_t *leaf,
                      size_t leaf_stride)
{
    (void)tree;
    (void)code;
    (void)leaf;
    (void)leaf_stride;
}

#endif
