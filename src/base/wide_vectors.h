/* wide_vectors.h: plain C loops compiled for several vector widths, chosen once by the loader.
 *
 * ALM_WIDE_VECTORS before a function compiles it for AVX-512, for AVX2 and for the oldest x86-64;
 * the loader binds what the CPU has. Use it where every element is computed by itself: no floating
 * point reduction, contraction to fma is off, and +, -, *, /, sqrt and an explicit fma are rounded
 * correctly at any width, so the results cannot differ. tests/determinism forces each variant.
 * ALM_EACH_ALONE before a loop promises that no pass reads what another one writes. */
#ifndef ALM_BASE_WIDE_VECTORS_H
#define ALM_BASE_WIDE_VECTORS_H

/* Functions for one CPU (immintrin.h under a target attribute) may be written at all. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ALM_HAS_VECTOR_LEVELS 1
#else
#define ALM_HAS_VECTOR_LEVELS 0
#endif

/* Sanitizers are not ready when the loader chooses. */
#if ALM_HAS_VECTOR_LEVELS && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ALM_LOADER_CHOOSES 1
#define ALM_WIDE_VECTORS \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ALM_LOADER_CHOOSES 0
#define ALM_WIDE_VECTORS
#endif

#if defined(__GNUC__) && !defined(__clang__)
#define ALM_EACH_ALONE _Pragma("GCC ivdep")
#else
#define ALM_EACH_ALONE
#endif

#define ALM_INLINE static inline __attribute__((always_inline))

/* Before a loop of at most 16 passes: unrolled, so that arrays indexed by it become registers. */
#if defined(__GNUC__) && !defined(__clang__)
#define ALM_UNROLLED _Pragma("GCC unroll 16")
#else
#define ALM_UNROLLED
#endif

/* For functions that are written once per level by hand. */
typedef enum alm_vector_level {
    ALM_VECTORS_NONE,  /* nothing beyond plain C */
    ALM_VECTORS_V3,    /* x86-64-v3: AVX2, BMI, POPCNT, LZCNT */
    ALM_VECTORS_V4     /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
} alm_vector_level;

/* The level that the loader bound, as for ALM_WIDE_VECTORS: what the CPU has, or what a test put
 * in its place. */
alm_vector_level alm_vector_level_bound(void);

#endif
