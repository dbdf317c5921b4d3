/* model_set_internal.h: a served model from inside serve/: workers' memory and counters. */
#ifndef ALM_SERVE_MODEL_SET_INTERNAL_H
#define ALM_SERVE_MODEL_SET_INTERNAL_H

#include <stdatomic.h>

#include "serve/models/inference.h"

#define ALMI_BINDINGS_MAX 8 /* of one worker: lists of columns that it remembers */

/* One list of columns, matched, and the memory to answer it. */
typedef struct almi_bound {
    alm_arena *arena; /* NULL: free */
    const alm_str *name; /* NULL: the model's own order */
    size_t count;
    size_t steps;
    alm_scorer_binding *binding;
    alm_scorer_scratch *scratch;
    uint64_t used; /* when last, in calls of this worker */
} almi_bound;

/* Touched by one worker only; the counters are read by others. */
typedef struct almi_model_worker {
    _Alignas(64) almi_bound bound[ALMI_BINDINGS_MAX];
    uint64_t calls;
    _Atomic uint64_t counter[ALM_MODEL_COUNTERS];
} almi_model_worker;

struct alm_served_model {
    alm_arena *arena;
    alm_served_info info;
    alm_scorer *scorer;
    size_t workers;
    almi_model_worker *worker;
};

/* Memory for the model's own columns, for every worker, and one row answered with it. A value that
 * the model cannot take is no error; what a server answers is not asked. */
ALM_NODISCARD alm_err almi_model_warm(alm_served_model *model, alm_error *error);
void almi_model_cool(alm_served_model *model); /* frees what workers remember */

#endif
