/* catboost_binary.h: what the two files that read .cbm share. */
#ifndef ALM_MODEL_CATBOOST_BINARY_H
#define ALM_MODEL_CATBOOST_BINARY_H

#include "model/import/catboost_flatbuffer.h"
#include "model/import/catboost_internal.h"

typedef struct almi_cb_binary {
    almi_cb_import *import;
    almi_fb buffer; /* the core */
    size_t offset;  /* of the core in the file, for messages */
    almi_fb_table trees;
} almi_cb_binary;

/* ALM_ERR_CORRUPT if the buffer was found damaged. */
ALM_NODISCARD alm_err almi_cb_check(const almi_cb_binary *b);
/* Copies in the import's scratch. */
ALM_NODISCARD alm_err almi_cb_floats(const almi_cb_binary *b, const almi_fb_vector *from,
                                     const float **out);
ALM_NODISCARD alm_err almi_cb_integers(const almi_cb_binary *b, const almi_fb_vector *from,
                                       const int32_t **out);

/* The features `ctrs` with their tables, which are in `parts`, the rest of the file, where the
 * first of `names` says so. */
ALM_NODISCARD alm_err almi_cb_read_ctrs(almi_cb_binary *b, const almi_fb_vector *ctrs,
                                        const almi_fb_vector *names, alm_str parts);

#endif
