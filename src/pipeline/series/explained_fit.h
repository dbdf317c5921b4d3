/* explained_fit.h: a forecaster with several seasons and with regressors, where there are any.
 * Pure functions. */
#ifndef ALM_PIPELINE_EXPLAINED_FIT_H
#define ALM_PIPELINE_EXPLAINED_FIT_H

#include "model/statistical/automatic/explained.h"
#include "pipeline/series/several_seasons.h"

typedef struct alm_fitted {
    const alm_forecaster_kind *by; /* of `state`: the kind asked for, or alm_of_rest around it */
    void *state;
    void *inner; /* of the kind asked for */
} alm_fitted;

/* Fitted to what regressors leave, as alm_seasons_fit, with what they explain added again; ARIMA as
 * it was found with them. `past` is borrowed. Errors: those of alm_seasons_fit. */
ALM_NODISCARD alm_err alm_explained_fit(const alm_forecaster_kind *kind, alm_seasons seasons,
                                        const alm_explained *past, alm_arena *arena,
                                        alm_fitted *out);

/* The same with `inner`, a state of `kind` that was fitted to past->rest. */
void alm_explained_around(const alm_forecaster_kind *kind, void *inner, const alm_explained *past,
                          alm_arena *arena, alm_fitted *out);

#endif
