/* release_model.h: a release of one bundle that scores rows: a model or scorer that was imported,
 * or a signal that was trained. Whoever answers with a release opens it here. */
#ifndef ALM_BATCH_RELEASE_MODEL_H
#define ALM_BATCH_RELEASE_MODEL_H

#include "batch/imported.h"
#include "store/registry.h"

typedef struct alm_release_model {
    alm_imported_model model; /* the caller closes it */
    bool is_signal;           /* it takes bars */
} alm_release_model;

/* `env` is borrowed by members that are not ours (scorer.h), the rest is in memory of its own.
 * ALM_ERR_UNSUPPORTED for a bundle that forecasts series; ALM_ERR_CORRUPT; ALM_ERR_NOT_FOUND; all
 * name the release. */
ALM_NODISCARD alm_err alm_release_model_open(const alm_env *env, alm_objects *objects,
                                             const alm_release *release, alm_release_model *out,
                                             alm_error *error);
/* The same as a scorer, also of a model file (alm_imported_scorer). */
ALM_NODISCARD alm_err alm_release_scorer_open(const alm_env *env, alm_objects *objects,
                                              const alm_release *release, alm_scorer **out,
                                              alm_error *error);

#endif
