/* memory_backend.h: the twin of a backend for tests: a linear function of rows or windows, which
 * fails when it is told to.
 *
 * out[j] = bias[j] + sum of weight[j][k] x value[k] over the columns of a row, or of the last step
 * of a window, added in order. `fail_at` counts calls from 1 and makes that one fail. */
#ifndef ALM_MODEL_BACKEND_MEMORY_BACKEND_H
#define ALM_MODEL_BACKEND_MEMORY_BACKEND_H

#include "model/backend/backend.h"

typedef struct alm_memory_backend_spec {
    size_t columns, outputs;
    const double *weight; /* outputs x columns; copied */
    const double *bias;   /* outputs; copied */
    bool takes_windows;
    size_t steps; /* 0: any number */
    bool finite_only;
    uint64_t fail_at; /* 0: never */
    alm_err failure;
} alm_memory_backend_spec;

alm_backend *alm_memory_backend_create(const alm_memory_backend_spec *spec);

#endif
