/* arima_effects.h: what regressors are worth to one series: a regression with ARIMA errors.
 *
 * THE MODEL of the errors is that of the search (arima_order.h), or the default one: (0,1,1)(0,1,1)
 * with the season of the past, (0,1,1) and Fourier terms for a season beyond ALM_ARIMA_SEASON_MAX,
 * (0,1,1) where two seasons are not there. The default model is close to exponential smoothing and
 * to what most series need; X-12-ARIMA and TRAMO, too, estimate regressors with it before they
 * choose a model for what is left (Findley, Monsell, Bell, Otto, Chen, "New Capabilities and
 * Methods of the X-12-ARIMA Seasonal-Adjustment Program" (1998)).
 *
 * LEFT OUT, with a reason, are regressors that have one value in all periods with a known value of
 * the series (what they are worth cannot be told), and those that follow from the ones before them,
 * from the season or from a line in time. A period in which one of the others is not known counts
 * as one whose value is not known. Where the rest cannot be fitted, none is used.
 *
 * STANDARD ERRORS are those of generalised least squares with the fitted model of the errors and
 * their variance without bias: sqrt of the diagonal of variance (X' R^-1 X)^-1.
 *
 * Pure; results lie in `arena`. */
#ifndef ALM_MODEL_STATISTICAL_ARIMA_ARIMA_EFFECTS_H
#define ALM_MODEL_STATISTICAL_ARIMA_ARIMA_EFFECTS_H

#include "model/statistical/arima/arima.h"

/* X(name, text, sentence) */
#define ALM_EFFECT_REASON_MAP(X)                                                            \
    X(USED, "used", "used")                                                                 \
    X(CONSTANT, "constant", "it has one value where the past is known")                     \
    X(DEPENDENT, "dependent", "it follows from the others, the season or a line in time")   \
    X(NO_FIT, "no_fit", "too few values are known, or no fit has finite numbers")

typedef enum alm_effect_reason {
#define ALM_EFFECT_REASON_ENUM(name, text, sentence) ALM_EFFECT_##name,
    ALM_EFFECT_REASON_MAP(ALM_EFFECT_REASON_ENUM)
#undef ALM_EFFECT_REASON_ENUM
        ALM_EFFECT_REASON_COUNT
} alm_effect_reason;

const char *alm_effect_reason_text(alm_effect_reason reason);
const char *alm_effect_reason_sentence(alm_effect_reason reason);

typedef struct alm_effect {
    double coefficient; /* of one unit more, as long as it lasts; 0 where not used */
    double deviation;   /* its standard error; NaN: not known */
    alm_effect_reason reason;
} alm_effect;

typedef struct alm_effects {
    size_t count; /* as the regressors */
    size_t used;
    alm_effect *effect;
    alm_arima_order order; /* of the errors, where one is used */
    size_t season;         /* of the order; 1: none */
    size_t fourier;        /* pairs */
    void *arima;           /* by search: the fitted alm_arima, with the plan; else NULL */
} alm_effects;

/* `by_search`: of a season within ALM_ARIMA_SEASON_MAX. Cannot fail. */
void alm_effects_of(const alm_past *past, const alm_regressors *x, bool by_search,
                    alm_arena *arena, alm_effects *out);

#endif
