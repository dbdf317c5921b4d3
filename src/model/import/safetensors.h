/* safetensors.h: named arrays of numbers, as PyTorch and others save them without code.
 *
 * A file is the length of a JSON header (u64, little endian), the header, and the data without a
 * gap. The header names type, shape and place of every tensor; all of it is checked when the file
 * is opened: shapes against places, overlaps, gaps, bytes behind the last tensor. Views into the
 * bytes, which must stay. Immutable; any thread may read. Source: the format's description in
 * huggingface/safetensors (0.8). */
#ifndef ALM_MODEL_SAFETENSORS_H
#define ALM_MODEL_SAFETENSORS_H

#include "base/str.h"

#define ALM_SAFETENSORS_HEADER_MAX ((size_t)16 << 20)
#define ALM_SAFETENSORS_RANK_MAX 8

typedef struct alm_safetensor {
    alm_str name;
    alm_str type; /* "F32" */
    size_t rank;
    size_t shape[ALM_SAFETENSORS_RANK_MAX];
    size_t count; /* elements: the product of the shape */
    alm_str data; /* little endian, the last dimension fastest */
} alm_safetensor;

typedef struct alm_safetensors {
    alm_safetensor *tensor; /* in the order of their data */
    size_t count;
} alm_safetensors;

/* Everything that is not a view goes into `arena`. ALM_ERR_CORRUPT names the tensor;
 * ALM_ERR_UNSUPPORTED: a type whose size is not known here; ALM_ERR_LIMIT: header or rank. */
ALM_NODISCARD alm_err alm_safetensors_open(alm_str bytes, const char *name, alm_arena *arena,
                                           alm_safetensors *out, alm_error *error);
/* NULL if absent. */
const alm_safetensor *alm_safetensors_find(const alm_safetensors *file, alm_str name);
/* F64, F32, F16 and BF16, all exactly; into `out` (tensor->count). False for other types. */
bool alm_safetensor_read(const alm_safetensor *tensor, double *out);

#endif
