/* rolling.h: a forecaster at one origin after another, as it would have been then.
 *
 * An origin knows the first `known` values of a past and nothing later. Origins are `stride`
 * periods apart; the newest is the last one after which gap + horizon periods are known to have
 * passed, so that every origin can be scored over the whole horizon. Between fits a forecaster is
 * moved on by the values that came: `refit_every` 1 fits at every origin, k at every k-th, 0 only
 * at the oldest.
 *
 * Pure; `scratch` may be reset by the caller once a call has returned. */
#ifndef ALM_MODEL_STATISTICAL_ROLLING_H
#define ALM_MODEL_STATISTICAL_ROLLING_H

#include "model/statistical/statistical.h"

typedef struct alm_rolling_plan {
    size_t origins;     /* at most so many, the newest ones */
    size_t stride;      /* >= 1 */
    size_t horizon;     /* >= 1 */
    size_t gap;         /* periods after an origin that nobody forecasts: a delay of publication */
    size_t refit_every; /* origins; 0: never again */
    size_t history_min; /* values, known or not, that an origin must have */
} alm_rolling_plan;

/* How many of the plan's origins a past of `count` values has. */
size_t alm_rolling_count(const alm_rolling_plan *plan, size_t count);

/* Values known at origin i, 0 the oldest, of alm_rolling_count(plan, count) > i. The horizon's
 * first value is at index known + gap. */
size_t alm_rolling_known(const alm_rolling_plan *plan, size_t count, size_t i);

typedef struct alm_rolling_visit {
    /* `state`: fitted to, or moved on to, the first `known` values; of the visit only. Its step
     * gap + 1 is the horizon's first. */
    alm_err (*at)(void *context, size_t origin, size_t known, const void *state,
                  alm_error *error);
    void *context;
} alm_rolling_visit;

/* Origins from the oldest on. Stops at the first error of a fit, which says the origin, or of a
 * visit. */
ALM_NODISCARD alm_err alm_rolling_run(const alm_forecaster_kind *kind, const alm_past *past,
                                      const alm_rolling_plan *plan, alm_arena *scratch,
                                      alm_rolling_visit visit, alm_error *error);

/* The means: out is alm_rolling_count x horizon. */
ALM_NODISCARD alm_err alm_rolling_means(const alm_forecaster_kind *kind, const alm_past *past,
                                        const alm_rolling_plan *plan, alm_arena *scratch,
                                        double *out, alm_error *error);

#endif
