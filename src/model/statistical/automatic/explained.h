/* explained.h: a forecaster of what regressors leave, with what they explain added again.
 *
 * Of the past is taken what each regressor explains: its coefficient (arima_effects.h) times its
 * distance from its median over the past, so that what is left is of the size that values have at
 * the usual price and without a promotion. Any forecaster is fitted to that, and what the plan says
 * is added to its means and to what it draws. ARIMA itself is fitted with the regressors at once.
 *
 * `mean` is NaN for a period without a plan, and a value that comes in one counts as not known. The
 * coefficients count as known: `deviation` is that of the forecaster of what is left.
 *
 * Thread safety and errors: as statistical.h, of the kind inside. */
#ifndef ALM_MODEL_STATISTICAL_AUTOMATIC_EXPLAINED_H
#define ALM_MODEL_STATISTICAL_AUTOMATIC_EXPLAINED_H

#include "model/statistical/arima/arima_effects.h"

typedef struct alm_explained {
    alm_past past;
    alm_past rest;           /* without what is explained; the past where nothing is */
    const alm_regressors *x; /* borrowed */
    alm_effects effects;     /* none used: nothing is explained */
    const double *middle;    /* median of each regressor */
} alm_explained;

/* `x` may be NULL: nothing is explained. `as_arima`: for alm_arima, by its search where the season
 * is not too long for it. In `arena`; cannot fail. */
void alm_explain(const alm_past *past, const alm_regressors *x, bool as_arima, alm_arena *arena,
                 alm_explained *out);

/* A state of alm_of_rest around that of a forecaster that was fitted to `rest`. Borrows all. */
void *alm_explained_wrap(const alm_explained *explained, const alm_forecaster_kind *kind,
                         void *state, alm_arena *arena);

/* Not fitted by itself (its `fit` refuses): made by alm_explained_wrap. */
extern const alm_forecaster_kind alm_of_rest;

#endif
