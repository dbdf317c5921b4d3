/* rng.h: counter-based random numbers (Philox4x32-10; Salmon et al., SC'11).
 *
 * A number is a pure function of (seed, purpose, i, j, k), so any thread can make any number in any
 * order and path s of series i can be made again whenever it is needed. No state is shared. */
#ifndef ALM_BASE_RNG_H
#define ALM_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct alm_rng_block {
    uint32_t word[4];
} alm_rng_block;

/* One block of Philox4x32-10 for a 128-bit counter and a 64-bit key. */
alm_rng_block alm_rng_philox(const uint32_t counter[4], const uint32_t key[2]);

/* What a stream of numbers is for; part of the key, so that streams never overlap. Append only:
 * the values are part of stored results. */
typedef enum alm_rng_purpose {
    ALM_RNG_TEST = 1,
    ALM_RNG_PATH_JITTER = 2,
    ALM_RNG_PATH_ORIGIN = 3,
    ALM_RNG_TRAIN_SAMPLE = 4,
    ALM_RNG_PIT = 5,
    ALM_RNG_TIE = 6,
    ALM_RNG_BENCH = 7,
    ALM_RNG_NETWORK_INIT = 8,
    ALM_RNG_NETWORK_ORDER = 9,
    ALM_RNG_NETWORK_DROPOUT = 10,
    ALM_RNG_EXPLAIN_BACKGROUND = 11,
    ALM_RNG_STATISTICAL_PATH = 12,
    ALM_RNG_GLOBAL_PLACE = 13,
    ALM_RNG_GLOBAL_STEP = 14,
    ALM_RNG_CENSORED_LABEL = 15
} alm_rng_purpose;

uint64_t alm_rng_u64(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j);
/* Uniform in the open interval (0, 1): (k + 1/2) / 2^52, each exact. */
double alm_rng_uniform(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j);

/* out[k] = alm_rng_uniform(seed, purpose, i, j + k) for all k below count, several of them side by
 * side: an eighth of the time. */
void alm_rng_uniforms(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j, size_t count,
                      double *out);

/* A sequential stream for property tests and generators. */
typedef struct alm_rng {
    uint64_t seed, stream, index;
} alm_rng;

alm_rng alm_rng_stream(uint64_t seed, uint64_t stream);
uint64_t alm_rng_next(alm_rng *rng);
double alm_rng_next_uniform(alm_rng *rng);
uint64_t alm_rng_next_below(alm_rng *rng, uint64_t bound); /* bound >= 1; unbiased */
double alm_rng_next_normal(alm_rng *rng); /* sum of 12 uniforms - 6: exact operations only */

#endif
