/* forest_kernel_v3.c: the kernel with AVX2. The algorithms are those of forest_kernel_plain.c, but
 * for the search, which compares with 16 keys at once, twice. */
#include "model/forest_code.h"
#include "model/forest_kernel.h"

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

ALMI_V3 ALM_INLINE uint8_t count_below(const almi_lane *lane, int32_t value)
{
    __m256i key = _mm256_set1_epi32(value);
    uint32_t block = ALMI_SEARCH_WAYS * count16(lane->key - ALMI_SEARCH_WAYS, key);
    return (uint8_t)(block + count16(lane->key + block, key));
}

ALMI_V3 static uint64_t search(const almi_lane *lane, const int32_t *key, uint8_t *code)
{
    uint64_t equal = 0;
    for (size_t r = 0; r < ALMI_CHUNK_ROWS; r++) {
        code[r] = count_below(lane, key[r]);
        if (lane->key[code[r]] == key[r]) {
            equal |= UINT64_C(1) << r;
        }
    }
    return equal;
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

ALMI_V3 static void search_row(const almi_row_lanes *lanes, const almi_numbers *of, uint8_t *code)
{
    almi_search_row_by(count_below, lanes, of, code);
}

ALMI_V3 ALM_INLINE __m256i blend(const uint8_t *code, __m256i above, const uint8_t *left,
                                 const uint8_t *right)
{
    __m256i c = _mm256_load_si256((const __m256i *)code);
    /* There is no unsigned comparison: code > limit is max(code, limit + 1) == code. */
    __m256i goes_right = _mm256_cmpeq_epi8(_mm256_max_epu8(c, above), c);
    return _mm256_blendv_epi8(_mm256_load_si256((const __m256i *)left),
                              _mm256_load_si256((const __m256i *)right), goes_right);
}

ALMI_V3 static void leaves(const almi_blend *node, size_t count, const almi_bytes *code,
                           almi_bytes *operand, uint8_t *leaf)
{
    __m256i *out = (__m256i *)operand[ALMI_BLEND_LEAVES];
    const __m256i *last = (const __m256i *)operand[0];
    for (size_t i = 0; i < count; i++, out += 2) {
        const uint8_t *c = code[node[i].lane];
        const uint8_t *left = operand[node[i].left], *right = operand[node[i].right];
        /* limit + 1 fits in each byte: at most 254 thresholds, so limits end at 253. */
        __m256i above = _mm256_set1_epi32((int)(node[i].limit + 0x01010101u));
        __m256i low = blend(c, above, left, right);
        __m256i high = blend(c + 32, above, left + 32, right + 32);
        _mm256_store_si256(out, low);
        _mm256_store_si256(out + 1, high);
        last = out;
    }
    _mm256_store_si256((__m256i *)leaf, _mm256_load_si256(last));
    _mm256_store_si256((__m256i *)leaf + 1, _mm256_load_si256(last + 1));
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
                                    .changes = changes,
                                    .leaves = leaves,
                                    .add = add,
                                    .add_single = add_single};
#else
typedef int almi_no_kernel_v3; /* a file must not be empty */
#endif
