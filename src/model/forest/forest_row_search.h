/* forest_row_search.h: the codes of one row in the lanes of a window; inlined into the kernels.
 *
 * Of each lane the first step, which ALMI_SEARCH_WAYS keys to look at, is a count of few keys, and
 * waits for nothing but the row: so lanes take it side by side, a lane of a vector each, before any
 * takes the second one. */
#ifndef ALM_MODEL_FOREST_ROW_SEARCH_H
#define ALM_MODEL_FOREST_ROW_SEARCH_H

#include "model/forest/forest_code.h"
#include "model/forest/forest_kernel.h"

#if ALM_HAS_VECTOR_LEVELS
#include <immintrin.h>

#define ALMI_SOUGHT_LANES 64 /* at once, so that what is between the steps has a fixed place */

typedef struct almi_sought {
    _Alignas(32) int32_t key[ALMI_SOUGHT_LANES]; /* what is searched for in each lane */
    _Alignas(32) uint32_t block[ALMI_SOUGHT_LANES]; /* the keys before this one are below it */
} almi_sought;

/* A level's second step: how many of the ALMI_SEARCH_WAYS keys from `key` on are below *value. */
typedef uint32_t (*almi_count_in_block)(const int32_t *key, const int32_t *value);

ALMI_V3 ALM_INLINE void almi_choose_blocks(const almi_pivots *pivots, size_t lanes,
                                           const int32_t *key, almi_sought *to)
{
    for (size_t i = 0; i < lanes; i += ALMI_PIVOT_LANES, pivots++) {
        __m256i column = _mm256_loadu_si256((const __m256i *)pivots->column);
        __m256i own = pivots->is_straight
                          ? _mm256_loadu_si256((const __m256i *)(key + pivots->column[0]))
                          : _mm256_i32gather_epi32(key, column, sizeof *key);
        __m256i below = _mm256_setzero_si256();
        const __m256i *pivot = (const __m256i *)pivots->key;
        for (uint32_t k = 0; k < pivots->count; k++) {
            below = _mm256_sub_epi32(below, _mm256_cmpgt_epi32(own, _mm256_loadu_si256(&pivot[k])));
        }
        below = _mm256_mullo_epi32(below, _mm256_set1_epi32(ALMI_SEARCH_WAYS)); /* a shift */
        _mm256_store_si256((__m256i *)&to->key[i], own);
        _mm256_store_si256((__m256i *)&to->block[i], below);
    }
}

ALMI_V3 ALM_INLINE void almi_search_row_by(almi_count_in_block count_in_block,
                                           const almi_row_lanes *lanes,
                                           const almi_row_columns *of, uint8_t *code)
{
    almi_sought sought;
    bool floats = almi_has_floats(lanes->rule);
    for (size_t begin = 0; begin < lanes->count; begin += ALMI_SOUGHT_LANES) {
        size_t left = lanes->count - begin;
        size_t count = left < ALMI_SOUGHT_LANES ? left : ALMI_SOUGHT_LANES;
        almi_choose_blocks(&lanes->pivots[begin / ALMI_PIVOT_LANES], count, of->key, &sought);
        const almi_row_lane *own = lanes->own + begin;
        for (size_t i = 0; i < count; i++) {
            const int32_t *key = own[i].key;
            size_t found = sought.block[i];
            found += count_in_block(key + found, &sought.key[i]);
            code[begin + i] = (uint8_t)found;
            if (key[found] == sought.key[i] && !floats) {
                code[begin + i] = almi_finished_in_row(lanes, begin + i, of, (uint8_t)found);
            }
        }
    }
}

#endif
#endif
