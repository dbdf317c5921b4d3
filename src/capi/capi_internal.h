/* capi_internal.h: what stands behind the handles of include/almanac.h; for this folder only. */
#ifndef ALM_CAPI_CAPI_INTERNAL_H
#define ALM_CAPI_CAPI_INTERNAL_H

#include <stdatomic.h>

#include "almanac.h"
#include "model/scorer/scorer.h"

struct almanac_model {
    atomic_size_t holders; /* the caller until close, and every session */
    alm_arena *arena;
    alm_scorer *scorer;
    almanac_info info;
};

struct almanac_session {
    alm_arena *arena;
    almanac_model *model; /* held */
    alm_pool *pool;       /* NULL: the caller's thread */
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    size_t row_count;
    const char *const *ignored;
    size_t ignored_count;
};

/* The status of an internal code, and its message into the caller's error. */
almanac_status almi_capi_status(alm_err code, const alm_error *from, almanac_error *error);
almanac_status almi_capi_invalid(almanac_error *error, const char *message);
/* A struct of the caller's: at least what version 1 had; unknown members behind `known` are 0. */
bool almi_capi_fits(const void *given, size_t least, size_t known);

void almi_capi_release(almanac_model *model);
/* The facts of model->scorer as C texts; `format` NULL: the one model's. Texts are borrowed. */
void almi_capi_describe(almanac_model *model, const char *hash, const char *format);
const char *const *almi_capi_texts(alm_arena *arena, const alm_str *text, size_t count);

#endif
