#include "base/rng.h"

#include <string.h>

#include "base/error.h"
#include "base/wide_vectors.h"

/* Constants of Philox4x32: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC'11, section 3.3. */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define PHILOX_ROUNDS 10

/* Some blocks side by side; c: 4 x blocks, word after word. */
ALM_INLINE void make_blocks(uint32_t k0, uint32_t k1, size_t blocks, uint32_t *restrict c)
{
    uint32_t *c0 = c, *c1 = c + blocks, *c2 = c + 2 * blocks, *c3 = c + 3 * blocks;
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        for (size_t n = 0; n < blocks; n++) {
            uint64_t p0 = (uint64_t)PHILOX_M0 * c0[n];
            uint64_t p1 = (uint64_t)PHILOX_M1 * c2[n];
            c0[n] = (uint32_t)(p1 >> 32) ^ c1[n] ^ k0;
            c1[n] = (uint32_t)p1;
            c2[n] = (uint32_t)(p0 >> 32) ^ c3[n] ^ k1;
            c3[n] = (uint32_t)p0;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
}

alm_rng_block alm_rng_philox(const uint32_t counter[4], const uint32_t key[2])
{
    alm_rng_block made = {{counter[0], counter[1], counter[2], counter[3]}};
    make_blocks(key[0], key[1], 1, made.word);
    return made;
}

/* i and j fill the counter; the seed is the key. The purpose is stirred into the key, with a round
 * in between, so that (seed, purpose) pairs do not collide by addition. */
static alm_rng_block stir(uint64_t seed, alm_rng_purpose purpose)
{
    uint32_t seed_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t purpose_counter[4] = {(uint32_t)purpose, 0, 0, 0};
    return alm_rng_philox(purpose_counter, seed_key);
}

uint64_t alm_rng_u64(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j)
{
    alm_rng_block stirred = stir(seed, purpose);
    uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)j, (uint32_t)(j >> 32)};
    alm_rng_block made = alm_rng_philox(counter, stirred.word);
    return (uint64_t)made.word[1] << 32 | made.word[0];
}

/* 52 bits and the half fill a double exactly; with 53 the largest would round to 1. */
static double to_uniform(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

double alm_rng_uniform(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j)
{
    return to_uniform(alm_rng_u64(seed, purpose, i, j));
}

#define SIDE_BY_SIDE 16

/* The same blocks, those of (i, j) to (i, j + SIDE_BY_SIDE - 1). */
ALM_WIDE_VECTORS
static void make_uniforms(const uint32_t *key, uint64_t i, uint64_t j, double *out)
{
    uint32_t c[4][SIDE_BY_SIDE];
    for (uint32_t n = 0; n < SIDE_BY_SIDE; n++) {
        c[0][n] = (uint32_t)i;
        c[1][n] = (uint32_t)(i >> 32);
        c[2][n] = (uint32_t)(j + n);
        c[3][n] = (uint32_t)((j + n) >> 32);
    }
    make_blocks(key[0], key[1], SIDE_BY_SIDE, c[0]);
    for (uint32_t n = 0; n < SIDE_BY_SIDE; n++) {
        out[n] = to_uniform((uint64_t)c[1][n] << 32 | c[0][n]);
    }
}

void alm_rng_uniforms(uint64_t seed, alm_rng_purpose purpose, uint64_t i, uint64_t j, size_t count,
                      double *out)
{
    alm_rng_block stirred = stir(seed, purpose);
    size_t k = 0;
    for (; k + SIDE_BY_SIDE <= count; k += SIDE_BY_SIDE) {
        make_uniforms(stirred.word, i, j + k, out + k);
    }
    if (k < count) {
        double rest[SIDE_BY_SIDE];
        make_uniforms(stirred.word, i, j + k, rest);
        memcpy(out + k, rest, (count - k) * sizeof *out);
    }
}

alm_rng alm_rng_stream(uint64_t seed, uint64_t stream)
{
    return (alm_rng){seed, stream, 0};
}

uint64_t alm_rng_next(alm_rng *rng)
{
    return alm_rng_u64(rng->seed, ALM_RNG_TEST, rng->stream, rng->index++);
}

double alm_rng_next_uniform(alm_rng *rng)
{
    return to_uniform(alm_rng_next(rng));
}

uint64_t alm_rng_next_below(alm_rng *rng, uint64_t bound)
{
    alm_assert(bound >= 1);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* values from here on would be uneven */
    uint64_t bits;
    do {
        bits = alm_rng_next(rng);
    } while (bits >= limit);
    return bits % bound;
}

double alm_rng_next_normal(alm_rng *rng)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += alm_rng_next_uniform(rng);
    }
    return sum - 6.0;
}
