/* forest_kernel_v4.c: the kernel with AVX-512 (F, BW, DQ, VL).
 *
 * Values of trees with up to 64 leaves are looked up in registers: a row of 16-bit pieces per
 * permutation, then the pieces are put together again. Sums stay in registers over many trees. */
#include "model/forest/forest_row_search.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

/* How many of a lane's keys are below one: 16 at once, twice. */
ALMI_V4 ALM_INLINE uint8_t count_below(const int32_t *key, uint32_t size, int32_t value)
{
    (void)size;
    __m512i own = _mm512_set1_epi32(value);
    __mmask16 pivots = _mm512_cmpgt_epi32_mask(own, _mm512_load_si512(key - ALMI_SEARCH_WAYS));
    uint32_t block = ALMI_SEARCH_WAYS * (uint32_t)__builtin_popcount(pivots);
    __mmask16 below = _mm512_cmpgt_epi32_mask(own, _mm512_load_si512(key + block));
    return (uint8_t)(block + (uint32_t)__builtin_popcount(below));
}

/* ---- 16 numbers at once in one lane ---- */

#define KEYS 16 /* of a vector */
#define PIECES_MAX (ALMI_LANE_THRESHOLDS_MAX / (2 * KEYS) + 1)

/* table[at % size] of each; size: a power of two from KEYS on, known to the compiler. */
ALMI_V4 ALM_INLINE __m512i entries(const int32_t *table, size_t size, __m512i at)
{
    if (size == KEYS) {
        return _mm512_permutexvar_epi32(at, _mm512_load_si512(table));
    }
    __m512i piece[PIECES_MAX];
    size_t pieces = size / (2 * KEYS);
    ALM_UNROLLED
    for (size_t i = 0; i < pieces; i++) {
        const int32_t *from = table + i * 2 * KEYS;
        piece[i] = _mm512_permutex2var_epi32(_mm512_load_si512(from), at,
                                             _mm512_load_si512(from + KEYS));
    }
    ALM_UNROLLED
    for (size_t step = 1; step < pieces; step *= 2) {
        __mmask16 odd = _mm512_test_epi32_mask(at, _mm512_set1_epi32((int)(2 * KEYS * step)));
        ALM_UNROLLED
        for (size_t i = 0; i < pieces; i += 2 * step) {
            piece[i] = _mm512_mask_mov_epi32(piece[i], odd, piece[i + step]);
        }
    }
    return piece[0];
}

/* Down the heap: an entry of it a level. */
ALMI_V4 ALM_INLINE uint64_t search_in(const almi_lane *lane, size_t size, const int32_t *key,
                                      uint8_t *code)
{
    __m512i one = _mm512_set1_epi32(1);
    uint64_t equal = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r += KEYS) {
        __m512i own = _mm512_loadu_si512(key + r), at = one;
        ALM_UNROLLED
        for (size_t level = 1; level < size; level *= 2) {
            const int32_t *table = lane->heap + (level < KEYS ? 0 : level);
            __m512i entry = entries(table, level < KEYS ? KEYS : level, at);
            __mmask16 above = _mm512_cmpgt_epi32_mask(own, entry);
            at = _mm512_add_epi32(at, at);
            at = _mm512_mask_add_epi32(at, above, at, one);
        }
        at = _mm512_sub_epi32(at, _mm512_set1_epi32((int)size));
        _mm_storeu_si128((__m128i *)(code + r), _mm512_cvtepi32_epi8(at));
        uint64_t next = _mm512_cmpeq_epi32_mask(own, entries(lane->key, size, at));
        equal |= next << r;
    }
    return equal;
}

ALMI_V4 static uint64_t search(const almi_lane *lane, const int32_t *key, uint8_t *code)
{
    switch (lane->size) {
    case 16:
        return search_in(lane, 16, key, code);
    case 32:
        return search_in(lane, 32, key, code);
    case 64:
        return search_in(lane, 64, key, code);
    case 128:
        return search_in(lane, 128, key, code);
    default:
        return search_in(lane, 256, key, code);
    }
}

/* Eight rows become eight columns. */
ALMI_V4 ALM_INLINE void turn_8(const double *row, size_t stride, size_t r,
                               double (*to)[ALMI_CHUNK_ROWS])
{
    __m512d pair[8], part[8];
    ALM_UNROLLED
    for (size_t i = 0; i < 8; i += 2) { /* quarter q: columns 2 q and 2 q + 1 of two rows */
        __m512d one = _mm512_loadu_pd(row + i * stride);
        __m512d other = _mm512_loadu_pd(row + (i + 1) * stride);
        pair[i] = _mm512_unpacklo_pd(one, other);
        pair[i + 1] = _mm512_unpackhi_pd(one, other);
    }
    ALM_UNROLLED
    for (size_t i = 0; i < 2; i++) { /* of four rows: columns i and 4 + i, then 2 + i and 6 + i */
        for (size_t half = 0; half < 8; half += 4) {
            __m512d one = pair[half + i], other = pair[half + 2 + i];
            part[half + i] = _mm512_shuffle_f64x2(one, other, 0x88);
            part[half + 2 + i] = _mm512_shuffle_f64x2(one, other, 0xDD);
        }
    }
    ALM_UNROLLED
    for (size_t i = 0; i < 4; i++) {
        _mm512_store_pd(&to[i][r], _mm512_shuffle_f64x2(part[i], part[4 + i], 0x88));
        _mm512_store_pd(&to[4 + i][r], _mm512_shuffle_f64x2(part[i], part[4 + i], 0xDD));
    }
}

ALMI_V4 static void columns(const double *row, size_t stride, double (*to)[ALMI_CHUNK_ROWS])
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r += 8) {
        turn_8(row + r * stride, stride, r, to);
    }
}

ALMI_V4 static uint64_t changes(const double *value)
{
    uint64_t changed = (uint64_t)_mm512_cmpneq_epi64_mask(_mm512_loadu_si512(value),
                                                          _mm512_loadu_si512(value + 1)) << 1;
    for (size_t r = 8; r < ALMI_CHUNK_ROWS; r += 8) {
        changed |= (uint64_t)_mm512_cmpneq_epi64_mask(_mm512_loadu_si512(value + r),
                                                      _mm512_loadu_si512(value + r - 1)) << r;
    }
    return changed;
}

ALMI_V4 static uint8_t code_of(const almi_lane *lane, double value)
{
    return almi_code_by(count_below, lane, value);
}

ALMI_V4 ALM_INLINE uint32_t count_in_block(const int32_t *key, const int32_t *value)
{
    __m512i own = _mm512_set1_epi32(*value);
    __mmask16 below = _mm512_cmpgt_epi32_mask(own, _mm512_load_si512(key));
    return (uint32_t)__builtin_popcount(below);
}

ALMI_V4 static void search_row(const almi_row_lanes *lanes, const almi_row_columns *of,
                               uint8_t *code)
{
    almi_search_row_by(count_in_block, lanes, of, code);
}

/* The leaves so far of 64 rows, behind one more node. */
ALMI_V4 ALM_INLINE __m512i moved(const almi_between *node, const almi_bytes *code, __m512i next,
                                 __m512i reached)
{
    __m512i own = _mm512_load_si512(code[node->lane]);
    __mmask64 right = _mm512_cmpgt_epu8_mask(own, _mm512_set1_epi32((int)node->limit));
    right = _mm512_mask_cmpge_epu8_mask(right, reached, _mm512_set1_epi32((int)node->begin));
    return _mm512_mask_mov_epi8(reached, right, next);
}

#define SIDE_BY_SIDE 4 /* trees, because each node waits for the one before */

ALMI_V4 static void leaves(const almi_fast_tree *tree, size_t count, const almi_bytes *code,
                           almi_bytes *leaf)
{
    const __m512i none = _mm512_setzero_si512(), one = _mm512_set1_epi8(1);
    for (size_t t = 0; t < count; t += SIDE_BY_SIDE) {
        size_t nodes[SIDE_BY_SIDE], common = SIZE_MAX;
        const almi_between *node[SIDE_BY_SIDE];
        __m512i reached[SIDE_BY_SIDE] = {none, none, none, none}, next = one;
        for (size_t k = 0; k < SIDE_BY_SIDE; k++) {
            const almi_fast_tree *own = &tree[t + k < count ? t + k : t]; /* the rest for nothing */
            node[k] = own->between;
            nodes[k] = own->leaf_count - 1;
            common = nodes[k] < common ? nodes[k] : common;
        }
        for (size_t i = 0; i < common; i++) {
            ALM_UNROLLED
            for (size_t k = 0; k < SIDE_BY_SIDE; k++) {
                reached[k] = moved(&node[k][i], code, next, reached[k]);
            }
            next = _mm512_add_epi8(next, one);
        }
        for (size_t k = 0; k < SIDE_BY_SIDE && t + k < count; k++) {
            __m512i own = next;
            for (size_t i = common; i < nodes[k]; i++) {
                reached[k] = moved(&node[k][i], code, own, reached[k]);
                own = _mm512_add_epi8(own, one);
            }
            _mm512_store_si512(leaf[t + k], reached[k]);
        }
    }
}

/* ---- values by permutation ---- */

/* One 16-bit piece of the values of 32 leaf numbers. */
ALMI_V4 ALM_INLINE __m512i look_up(const uint16_t *row, __m512i leaf, bool wide)
{
    __m512i low = _mm512_loadu_si512(row);
    return wide ? _mm512_permutex2var_epi16(low, leaf, _mm512_loadu_si512(row + 32))
                : _mm512_permutexvar_epi16(leaf, low);
}

/* 32 leaf numbers in the order from which unpacking makes the order of the rows. */
ALMI_V4 ALM_INLINE __m512i leaf_numbers(const uint8_t *leaf, __m512i order)
{
    __m256i bytes = _mm256_load_si256((const __m256i *)leaf);
    return _mm512_permutexvar_epi16(order, _mm512_cvtepu8_epi16(bytes));
}

/* Values of 32 rows: 4 x 8 doubles. */
ALMI_V4 ALM_INLINE void values_of(const uint16_t *plane, __m512i leaf, bool wide, __m512d *out)
{
    size_t width = wide ? 64 : 32;
    __m512i p0 = look_up(plane, leaf, wide);
    __m512i p1 = look_up(plane + width, leaf, wide);
    __m512i p2 = look_up(plane + 2 * width, leaf, wide);
    __m512i p3 = look_up(plane + 3 * width, leaf, wide);
    __m512i low01 = _mm512_unpacklo_epi16(p0, p1), high01 = _mm512_unpackhi_epi16(p0, p1);
    __m512i low23 = _mm512_unpacklo_epi16(p2, p3), high23 = _mm512_unpackhi_epi16(p2, p3);
    out[0] = _mm512_castsi512_pd(_mm512_unpacklo_epi32(low01, low23));
    out[1] = _mm512_castsi512_pd(_mm512_unpackhi_epi32(low01, low23));
    out[2] = _mm512_castsi512_pd(_mm512_unpacklo_epi32(high01, high23));
    out[3] = _mm512_castsi512_pd(_mm512_unpackhi_epi32(high01, high23));
}

ALMI_V4 ALM_INLINE void add_planes(const almi_pending *pending, bool wide, double *sum)
{
    uint16_t from[32];
    for (unsigned i = 0; i < 32; i++) {
        /* Of lane l, element 2 j + e of the eight becomes element 2 l + e of the result j. */
        unsigned l = i / 8, j = i % 8 / 2, e = i % 2;
        from[i] = (uint16_t)(8 * j + 2 * l + e);
    }
    __m512i order = _mm512_loadu_si512(from);
    for (size_t half = 0; half < 2; half++, sum += 32) {
        __m512d total[4], value[4];
        for (size_t i = 0; i < 4; i++) {
            total[i] = _mm512_loadu_pd(sum + 8 * i);
        }
        for (size_t t = 0; t < pending->count; t++) {
            __m512i leaf = leaf_numbers(pending->leaf[t] + 32 * half, order);
            values_of(pending->tree[t].plane, leaf, wide, value);
            for (size_t i = 0; i < 4; i++) {
                total[i] = _mm512_add_pd(total[i], value[i]);
            }
        }
        for (size_t i = 0; i < 4; i++) {
            _mm512_storeu_pd(sum + 8 * i, total[i]);
        }
    }
}

ALMI_V4 static void add(const almi_pending *pending, double *sum)
{
    if (pending->tree[0].plane == NULL) {
        almi_kernel_v3.add(pending, sum);
    } else if (pending->plane_width == 32) {
        add_planes(pending, false, sum);
    } else {
        add_planes(pending, true, sum);
    }
}

ALMI_V4 ALM_INLINE void add_single_planes(const almi_pending *pending, bool wide, float *sum)
{
    size_t width = wide ? 64 : 32;
    uint16_t from[32];
    for (unsigned i = 0; i < 32; i++) {
        /* Of lane l, element 4 j + e of the eight becomes element 4 l + e of the result j. */
        unsigned l = i / 8, j = i % 8 / 4, e = i % 4;
        from[i] = (uint16_t)(16 * j + 4 * l + e);
    }
    __m512i order = _mm512_loadu_si512(from);
    for (size_t half = 0; half < 2; half++, sum += 32) {
        __m512 a = _mm512_loadu_ps(sum), b = _mm512_loadu_ps(sum + 16);
        for (size_t t = 0; t < pending->count; t++) {
            __m512i leaf = leaf_numbers(pending->leaf[t] + 32 * half, order);
            __m512i low = look_up(pending->tree[t].plane, leaf, wide);
            __m512i high = look_up(pending->tree[t].plane + width, leaf, wide);
            a = _mm512_add_ps(a, _mm512_castsi512_ps(_mm512_unpacklo_epi16(low, high)));
            b = _mm512_add_ps(b, _mm512_castsi512_ps(_mm512_unpackhi_epi16(low, high)));
        }
        _mm512_storeu_ps(sum, a);
        _mm512_storeu_ps(sum + 16, b);
    }
}

ALMI_V4 static void add_single(const almi_pending *pending, float *sum)
{
    if (pending->tree[0].plane == NULL) {
        almi_kernel_v3.add_single(pending, sum);
    } else if (pending->plane_width == 32) {
        add_single_planes(pending, false, sum);
    } else {
        add_single_planes(pending, true, sum);
    }
}

const almi_kernel almi_kernel_v4 = {.level = ALM_VECTORS_V4,
                                    .search = search,
                                    .code = code_of,
                                    .search_row = search_row,
                                    .columns = columns,
                                    .changes = changes,
                                    .leaves = leaves,
                                    .add = add,
                                    .add_single = add_single};
#else
typedef int almi_no_kernel_v4; /* a file must not be empty */
#endif
