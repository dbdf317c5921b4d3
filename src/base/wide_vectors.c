/* wide_vectors.c: which of the hand-written variants a process takes.
 *
 * The answer is bound by the loader like the variants of ALM_WIDE_VECTORS, and its functions have
 * the names that the compiler gives to those, so that one tool forces both (tests/determinism). */
#include "base/wide_vectors.h"

#if ALM_HAS_VECTOR_LEVELS
static alm_vector_level level_of_cpu(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) {
        return ALM_VECTORS_V4;
    }
    return __builtin_cpu_supports("x86-64-v3") ? ALM_VECTORS_V3 : ALM_VECTORS_NONE;
}
#endif

#if ALM_LOADER_CHOOSES

typedef alm_vector_level level_fn(void);

static level_fn bound_none __asm__("alm_vector_level_bound.default") __attribute__((used));
static level_fn bound_v3 __asm__("alm_vector_level_bound.arch_x86_64_v3") __attribute__((used));
static level_fn bound_v4 __asm__("alm_vector_level_bound.arch_x86_64_v4") __attribute__((used));
static level_fn *choose(void) __asm__("alm_vector_level_bound.resolver") __attribute__((used));

static alm_vector_level bound_none(void)
{
    return ALM_VECTORS_NONE;
}

static alm_vector_level bound_v3(void)
{
    return ALM_VECTORS_V3;
}

static alm_vector_level bound_v4(void)
{
    return ALM_VECTORS_V4;
}

static level_fn *choose(void)
{
    switch (level_of_cpu()) {
    case ALM_VECTORS_V4:
        return bound_v4;
    case ALM_VECTORS_V3:
        return bound_v3;
    default:
        return bound_none;
    }
}

alm_vector_level alm_vector_level_bound(void)
    __attribute__((ifunc("alm_vector_level_bound.resolver")));

#elif ALM_HAS_VECTOR_LEVELS

alm_vector_level alm_vector_level_bound(void)
{
    return level_of_cpu();
}

#else

alm_vector_level alm_vector_level_bound(void)
{
    return ALM_VECTORS_NONE;
}

#endif
