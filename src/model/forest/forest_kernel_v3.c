/* forest_kernel_v3.c: the kernel with AVX2. The algorithms are those of forest_kernel_plain.c, but
 * for the search, which compares with 16 keys at once, twice. */
#include "model/forest/forest_row_search.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

/* How many of 16 keys are below one. */
ALMI_V3 ALM_INLINE uint32_t count16(const int32_t *keys, __m256i key)
{
    __m256i a = _mm256_cmpgt_epi32(key, _mm256_loadu_si256((const __m256i *)keys));
    __m256i b = _mm256_cmpgt_epi32(key, _mm256_loadu_si256((const __m256i *)keys + 1));
    /* Packing mixes the order, which a count does not mind: two bytes a hit. */
    unsigned bytes = (unsigned)_mm256_movemask_epi8(_mm256_packs_epi32(a, b));
    return (uint32_t)__builtin_popcount(bytes) / 2;
}

ALMI_V3 ALM_INLINE uint8_t count_below(const int32_t *key, uint32_t size, int32_t value)
{
    (void)size;
    __m256i own = _mm256_set1_epi32(value);
    uint32_t block = ALMI_SEARCH_WAYS * count16(key - ALMI_SEARCH_WAYS, own);
    return (uint8_t)(block + count16(key + block, own));
}

ALMI_V3 static uint64_t search(const almi_lane *lane, const int32_t *key, uint8_t *code)
{
    uint64_t equal = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        code[r] = count_below(lane->key, lane->size, key[r]);
        if (lane->key[code[r]] == key[r]) {
            equal |= UINT64_C(1) << r;
        }
    }
    return equal;
}

/* Four rows become four columns. */
ALMI_V3 ALM_INLINE void turn_4(const double *row, size_t stride, size_t r,
                               double (*to)[ALMI_CHUNK_ROWS])
{
    __m256d a = _mm256_loadu_pd(row), b = _mm256_loadu_pd(row + stride);
    __m256d c = _mm256_loadu_pd(row + 2 * stride), d = _mm256_loadu_pd(row + 3 * stride);
    __m256d even_ab = _mm256_unpacklo_pd(a, b), odd_ab = _mm256_unpackhi_pd(a, b);
    __m256d even_cd = _mm256_unpacklo_pd(c, d), odd_cd = _mm256_unpackhi_pd(c, d);
    _mm256_store_pd(&to[0][r], _mm256_permute2f128_pd(even_ab, even_cd, 0x20));
    _mm256_store_pd(&to[1][r], _mm256_permute2f128_pd(odd_ab, odd_cd, 0x20));
    _mm256_store_pd(&to[2][r], _mm256_permute2f128_pd(even_ab, even_cd, 0x31));
    _mm256_store_pd(&to[3][r], _mm256_permute2f128_pd(odd_ab, odd_cd, 0x31));
}

ALMI_V3 static void columns(const double *row, size_t stride, double (*to)[ALMI_CHUNK_ROWS])
{
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r += 4) {
        turn_4(row + r * stride, stride, r, to);
        turn_4(row + r * stride + 4, stride, r, to + 4);
    }
}

ALMI_V3 ALM_INLINE uint64_t four_changes(const double *value, const double *before)
{
    __m256i equal = _mm256_cmpeq_epi64(_mm256_loadu_si256((const __m256i *)value),
                                       _mm256_loadu_si256((const __m256i *)before));
    return ~(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(equal)) & 15u;
}

ALMI_V3 static uint64_t changes(const double *value)
{
    uint64_t changed = four_changes(value + 1, value) << 1;
    for (size_t r = 4; r < ALMI_CHUNK_ROWS; r += 4) {
        changed |= four_changes(value + r, value + r - 1) << r;
    }
    return changed;
}

ALMI_V3 static uint8_t code_of(const almi_lane *lane, double value)
{
    return almi_code_by(count_below, lane, value);
}

ALMI_V3 ALM_INLINE uint32_t count_in_block(const int32_t *key, const int32_t *value)
{
    return count16(key, _mm256_set1_epi32(*value));
}

ALMI_V3 static void search_row(const almi_row_lanes *lanes, const almi_row_columns *of,
                               uint8_t *code)
{
    almi_search_row_by(count_in_block, lanes, of, code);
}

/* The leaves so far of 32 rows, behind one more node. */
ALMI_V3 ALM_INLINE __m256i moved(const almi_between *node, const uint8_t *code, __m256i next,
                                 __m256i reached)
{
    /* There is no unsigned comparison: code > limit is max(code, limit + 1) == code. limit + 1 fits
     * in each byte: at most 254 thresholds, so limits end at 253. */
    __m256i own = _mm256_load_si256((const __m256i *)code);
    __m256i above = _mm256_set1_epi32((int)(node->limit + 0x01010101u));
    __m256i begin = _mm256_set1_epi32((int)node->begin);
    __m256i right = _mm256_cmpeq_epi8(_mm256_max_epu8(own, above), own);
    __m256i below = _mm256_cmpeq_epi8(_mm256_max_epu8(reached, begin), reached);
    /* No leaf so far is above the next one. */
    __m256i to = _mm256_and_si256(_mm256_and_si256(right, below), next);
    return _mm256_max_epu8(reached, to);
}

#define SIDE_BY_SIDE 2 /* trees, because each node waits for the one before */

ALMI_V3 static void leaves(const almi_fast_tree *tree, size_t count, const almi_bytes *code,
                           almi_bytes *leaf)
{
    const __m256i none = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    for (size_t t = 0; t < count; t += SIDE_BY_SIDE) {
        size_t nodes[SIDE_BY_SIDE], common = SIZE_MAX;
        const almi_between *node[SIDE_BY_SIDE];
        __m256i low[SIDE_BY_SIDE] = {none, none}, high[SIDE_BY_SIDE] = {none, none}, next = one;
        for (size_t k = 0; k < SIDE_BY_SIDE; k++) {
            const almi_fast_tree *own = &tree[t + k < count ? t + k : t]; /* the rest for nothing */
            node[k] = own->between;
            nodes[k] = own->leaf_count - 1;
            common = nodes[k] < common ? nodes[k] : common;
        }
        for (size_t i = 0; i < common; i++) {
            ALM_UNROLLED
            for (size_t k = 0; k < SIDE_BY_SIDE; k++) {
                const uint8_t *own = code[node[k][i].lane];
                low[k] = moved(&node[k][i], own, next, low[k]);
                high[k] = moved(&node[k][i], own + sizeof next, next, high[k]);
            }
            next = _mm256_add_epi8(next, one);
        }
        for (size_t k = 0; k < SIDE_BY_SIDE && t + k < count; k++) {
            __m256i own_next = next;
            for (size_t i = common; i < nodes[k]; i++) {
                const uint8_t *own = code[node[k][i].lane];
                low[k] = moved(&node[k][i], own, own_next, low[k]);
                high[k] = moved(&node[k][i], own + sizeof next, own_next, high[k]);
                own_next = _mm256_add_epi8(own_next, one);
            }
            _mm256_store_si256((__m256i *)leaf[t + k], low[k]);
            _mm256_store_si256((__m256i *)leaf[t + k] + 1, high[k]);
        }
    }
}

ALMI_V3 static void add(const almi_pending *pending, double *sum)
{
    for (size_t r = 0; r < ALMI_BLOCK_ROWS; r += 8) {
        __m256d a = _mm256_loadu_pd(sum + r), b = _mm256_loadu_pd(sum + r + 4);
        for (size_t t = 0; t < pending->count; t++) {
            const double *v = pending->tree[t].value;
            const uint8_t *leaf = pending->leaf[t] + r;
            a = _mm256_add_pd(a, _mm256_setr_pd(v[leaf[0]], v[leaf[1]], v[leaf[2]], v[leaf[3]]));
            b = _mm256_add_pd(b, _mm256_setr_pd(v[leaf[4]], v[leaf[5]], v[leaf[6]], v[leaf[7]]));
        }
        _mm256_storeu_pd(sum + r, a);
        _mm256_storeu_pd(sum + r + 4, b);
    }
}

ALMI_V3 static void add_single(const almi_pending *pending, float *sum)
{
    for (size_t r = 0; r < ALMI_BLOCK_ROWS; r += 8) {
        __m256 a = _mm256_loadu_ps(sum + r);
        for (size_t t = 0; t < pending->count; t++) {
            const float *v = pending->tree[t].single;
            const uint8_t *leaf = pending->leaf[t] + r;
            a = _mm256_add_ps(a, _mm256_setr_ps(v[leaf[0]], v[leaf[1]], v[leaf[2]], v[leaf[3]],
                                                v[leaf[4]], v[leaf[5]], v[leaf[6]], v[leaf[7]]));
        }
        _mm256_storeu_ps(sum + r, a);
    }
}

const almi_kernel almi_kernel_v3 = {.level = ALM_VECTORS_V3,
                                    .search = search,
                                    .code = code_of,
                                    .search_row = search_row,
                                    .columns = columns,
                                    .changes = changes,
                                    .leaves = leaves,
                                    .add = add,
                                    .add_single = add_single};
#else
typedef int almi_no_kernel_v3; /* a file must not be empty */
#endif
