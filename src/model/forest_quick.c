/* forest_quick.c: one row against 64 trees at once, with AVX-512.
 *
 * QuickScorer (Lucchese et al. 2015) with the trees as lanes of a vector. A tree's leaves stand in
 * their order from left to right as bits of a word, the first one highest. A test that sends the
 * row right strikes out the leaves on its left, whether the row gets to that node or not; the first
 * leaf that is left over is the one reached. Slot i holds the i-th inner node of each of 64 trees:
 * 64 codes come from registers by permutation, are compared, and strike out where they are above
 * the limit. No branch or address depends on the row but the look-up of the values.
 *
 * For trees with up to 64 leaves and forests with up to 128 lanes; words of leaves have 32 bits or
 * 64. The tables are read from one end to the other, so they need not fit a cache. */
#include <string.h>

#include "model/forest_kernel.h"

#define TREES 64
#define LEAVES_MAX 64
#define LANES 128

typedef struct quick_slot {
    uint8_t lane[TREES];
    uint8_t limit[TREES]; /* UINT8_MAX where the tree has no such node */
} quick_slot;

typedef struct quick_batch {
    quick_slot *slot;
    /* [slot][tree] bits of the leaves that are not on the left of the node; one of them is NULL */
    uint32_t *keep32;
    uint64_t *keep64;
    size_t slot_count;
    double *value; /* [tree][width] leaves from left to right; XGBoost: floats */
    uint32_t output[TREES];
    size_t tree_count;
} quick_batch;

typedef struct almi_quick {
    quick_batch *batch;
    size_t batch_count;
    unsigned width; /* 32 or 64: bits of a word of leaves */
} almi_quick;

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

/* ---- building ---- */

static bool is_quick(const alm_forest *forest)
{
    bool fits = forest->lane_count <= LANES && forest->info.leaf_count_max <= LEAVES_MAX &&
                forest->single_values && forest->group_count == 1 &&
                !forest->info.has_linear_leaves;
    for (size_t t = 0; t < forest->info.tree_count && fits; t++) {
        fits = forest->fast[t].step != NULL;
    }
    return fits;
}

/* One tree on its way into a batch. */
typedef struct placing {
    const alm_forest *forest;
    quick_batch *batch;
    size_t t;
    unsigned width;
    unsigned next; /* leaf from the left */
} placing;

/* Bits of the leaves from `first` on, the first leaf in the highest of 64. */
static uint64_t leaves_from(unsigned first)
{
    return UINT64_MAX >> first; /* a tree has a leaf behind each node's left side: below 64 */
}

/* Numbers the leaves below `at` from left to right. Trees of 64 leaves are not deeper than 63. */
static void place_leaves(placing *p, int32_t at)
{
    const almi_tree *tree = &p->forest->tree[p->t];
    size_t k = p->t % TREES;
    if (at < 0) {
        p->batch->value[k * p->width + p->next++] = tree->leaf_value[~at];
        return;
    }
    unsigned first = p->next;
    place_leaves(p, tree->left[at]);
    uint64_t keep = ~(leaves_from(first) & ~leaves_from(p->next));
    almi_test test = p->forest->test[p->t][at];
    p->batch->slot[at].lane[k] = (uint8_t)test.lane;
    p->batch->slot[at].limit[k] = (uint8_t)test.code;
    if (p->width == 32) {
        p->batch->keep32[(size_t)at * TREES + k] = (uint32_t)(keep >> 32);
    } else {
        p->batch->keep64[(size_t)at * TREES + k] = keep;
    }
    place_leaves(p, tree->right[at]);
}

static alm_err build_batch(alm_forest *forest, unsigned width, quick_batch *batch, size_t begin,
                           alm_error *error)
{
    alm_arena *arena = forest->arena;
    size_t end = begin + TREES;
    end = end < forest->info.tree_count ? end : forest->info.tree_count;
    for (size_t t = begin; t < end; t++) {
        size_t inner_count = forest->tree[t].leaf_count - 1;
        batch->slot_count = inner_count > batch->slot_count ? inner_count : batch->slot_count;
        batch->output[t - begin] = forest->tree[t].output;
    }
    batch->tree_count = end - begin;
    ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->slot_count, batch->slot, error));
    ALM_TRY(ALMI_FOREST_ARRAY(arena, (size_t)TREES * width, batch->value, error));
    if (width == 32) {
        ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->slot_count * TREES, batch->keep32, error));
    } else {
        ALM_TRY(ALMI_FOREST_ARRAY(arena, batch->slot_count * TREES, batch->keep64, error));
    }
    for (size_t i = 0; i < batch->slot_count; i++) {
        memset(batch->slot[i].limit, UINT8_MAX, TREES);
    }
    for (size_t t = begin; t < end; t++) {
        placing p = {forest, batch, t, width, 0};
        place_leaves(&p, forest->tree[t].leaf_count > 1 ? 0 : ~0);
    }
    return ALM_OK;
}

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    if (!is_quick(forest) || alm_vector_level_bound() < ALM_VECTORS_V4) {
        return ALM_OK;
    }
    almi_quick *quick = NULL;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, 1, quick, error));
    quick->width = forest->info.leaf_count_max <= 32 ? 32 : LEAVES_MAX;
    quick->batch_count = (forest->info.tree_count + TREES - 1) / TREES;
    ALM_TRY(ALMI_FOREST_ARRAY(forest->arena, quick->batch_count, quick->batch, error));
    for (size_t i = 0; i < quick->batch_count; i++) {
        ALM_TRY(build_batch(forest, quick->width, &quick->batch[i], i * TREES, error));
    }
    forest->quick = quick;
    return ALM_OK;
}

/* ---- scoring ---- */

/* Which of the 64 trees go right in this slot; the codes in two registers. */
ALMI_V4_VBMI ALM_INLINE __mmask64 right_by_bytes(const quick_slot *slot, const uint8_t *code)
{
    __m512i lane = _mm512_loadu_si512(slot->lane);
    __m512i limit = _mm512_loadu_si512(slot->limit);
    __m512i low = _mm512_load_si512(code), high = _mm512_load_si512(code + 64);
    return _mm512_cmpgt_epu8_mask(_mm512_permutex2var_epi8(low, lane, high), limit);
}

/* The same for 32 trees without VBMI: 16-bit codes in four registers. */
ALMI_V4 ALM_INLINE __mmask32 right_of_32(const quick_slot *slot, size_t from, const uint8_t *code)
{
    __m512i lane =
        _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(slot->lane + from)));
    __m512i limit =
        _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(slot->limit + from)));
    __m512i c[4];
    for (size_t i = 0; i < 4; i++) {
        c[i] = _mm512_cvtepu8_epi16(_mm256_load_si256((const __m256i *)(code + 32 * i)));
    }
    __m512i low = _mm512_permutex2var_epi16(c[0], lane, c[1]);
    __m512i high = _mm512_permutex2var_epi16(c[2], lane, c[3]);
    __mmask32 is_high = _mm512_test_epi16_mask(lane, _mm512_set1_epi16(64));
    return _mm512_cmpgt_epu16_mask(_mm512_mask_blend_epi16(is_high, low, high), limit);
}

ALMI_V4 ALM_INLINE void strike32(const uint32_t *keep, __mmask64 right, __m512i *kept)
{
    ALM_UNROLLED
    for (size_t i = 0; i < 4; i++) {
        kept[i] = _mm512_mask_and_epi32(kept[i], (__mmask16)(right >> (16 * i)), kept[i],
                                        _mm512_loadu_si512(keep + 16 * i));
    }
}

ALMI_V4 ALM_INLINE void strike64(const uint64_t *keep, __mmask64 right, __m512i *kept)
{
    ALM_UNROLLED
    for (size_t i = 0; i < 8; i++) {
        kept[i] = _mm512_mask_and_epi64(kept[i], (__mmask8)(right >> (8 * i)), kept[i],
                                        _mm512_loadu_si512(keep + 8 * i));
    }
}

typedef __mmask64 right_fn(const quick_slot *slot, const uint8_t *code);

/* position[k] = the leaf that the row reaches in tree k, counted from the left. */
ALMI_V4 ALM_INLINE void reach32(right_fn *right, const quick_batch *batch, const uint8_t *code,
                                uint32_t *position)
{
    __m512i all = _mm512_set1_epi32(-1), kept[4] = {all, all, all, all};
    for (size_t i = 0; i < batch->slot_count; i++) {
        strike32(batch->keep32 + i * TREES, right(&batch->slot[i], code), kept);
    }
    ALM_UNROLLED
    for (size_t i = 0; i < 4; i++) {
        _mm512_storeu_si512(position + 16 * i, _mm512_lzcnt_epi32(kept[i]));
    }
}

ALMI_V4 ALM_INLINE void reach64(right_fn *right, const quick_batch *batch, const uint8_t *code,
                                uint32_t *position)
{
    __m512i all = _mm512_set1_epi32(-1), kept[8] = {all, all, all, all, all, all, all, all};
    for (size_t i = 0; i < batch->slot_count; i++) {
        strike64(batch->keep64 + i * TREES, right(&batch->slot[i], code), kept);
    }
    ALM_UNROLLED
    for (size_t i = 0; i < 8; i++) {
        __m256i found = _mm512_cvtepi64_epi32(_mm512_lzcnt_epi64(kept[i]));
        _mm256_storeu_si256((__m256i *)(position + 8 * i), found);
    }
}

ALMI_V4_VBMI static void reach_by_bytes(const quick_batch *batch, const uint8_t *code,
                                        uint32_t *position)
{
    if (batch->keep32 != NULL) {
        reach32(right_by_bytes, batch, code, position);
    } else {
        reach64(right_by_bytes, batch, code, position);
    }
}

ALMI_V4 ALM_INLINE __mmask64 right_by_words(const quick_slot *slot, const uint8_t *code)
{
    __mmask64 low = right_of_32(slot, 0, code), high = right_of_32(slot, 32, code);
    return low | high << 32;
}

ALMI_V4 static void reach_by_words(const quick_batch *batch, const uint8_t *code,
                                   uint32_t *position)
{
    if (batch->keep32 != NULL) {
        reach32(right_by_words, batch, code, position);
    } else {
        reach64(right_by_words, batch, code, position);
    }
}

static void add_batch(const alm_forest *forest, const quick_batch *batch,
                      const uint32_t *position, double *out)
{
    size_t width = forest->quick->width;
    bool floats = almi_forest_is_single(forest);
    if (forest->info.output_count > 1) {
        for (size_t k = 0; k < batch->tree_count; k++) {
            double *sum = &out[batch->output[k]];
            double value = batch->value[k * width + position[k]];
            *sum = floats ? (double)((float)*sum + (float)value) : *sum + value;
        }
    } else if (floats) {
        float sum = (float)out[0];
        for (size_t k = 0; k < batch->tree_count; k++) {
            sum += (float)batch->value[k * width + position[k]];
        }
        out[0] = (double)sum;
    } else {
        double sum = out[0];
        for (size_t k = 0; k < batch->tree_count; k++) {
            sum += batch->value[k * width + position[k]];
        }
        out[0] = sum;
    }
}

void almi_quick_score(const alm_forest *forest, const double *row, double *out)
{
    const almi_quick *quick = forest->quick;
    for (size_t i = 0; i < forest->info.output_count; i++) {
        out[i] = almi_forest_base(forest, i);
    }
    _Alignas(64) uint8_t code[LANES] = {0};
    uint32_t position[TREES];
    almi_row_encode(forest, NULL, forest->lane_count, row, code);
    for (size_t i = 0; i < quick->batch_count; i++) {
        if (forest->has_vbmi) {
            reach_by_bytes(&quick->batch[i], code, position);
        } else {
            reach_by_words(&quick->batch[i], code, position);
        }
        add_batch(forest, &quick->batch[i], position, out);
    }
}

#else

alm_err almi_quick_build(alm_forest *forest, alm_error *error)
{
    (void)forest;
    (void)error;
    return ALM_OK;
}

void almi_quick_score(const alm_forest *forest, const double *row, double *out)
{
    (void)forest;
    (void)row;
    (void)out;
}

#endif
