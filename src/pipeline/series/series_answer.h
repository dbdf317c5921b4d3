/* series_answer.h: what one past is answered with, for series_forecast.c, which asks it of every
 * series and of every origin of a check.
 *
 * The forecaster that the plan asks for, else the first of seasonal naive, naive and mean that does
 * not refuse the past; its mean and its intervals, kept to what the past shows that values can be.
 * Several seasons and regressors as series_forecast.h says. Nothing here looks behind the past that
 * it is given.
 *
 * Pure functions: temporaries and states lie in `scratch`, whose reset ends them; an answer is
 * written where its pointers lead. */
#ifndef ALM_PIPELINE_SERIES_ANSWER_H
#define ALM_PIPELINE_SERIES_ANSWER_H

#include "pipeline/series/explained_fit.h"
#include "pipeline/series/series_forecast.h"

/* Where an answer is written. */
typedef struct almi_answer {
    const alm_forecaster_kind *kind; /* NULL: none answers, and all numbers are NaN */
    const alm_forecaster_kind *by;   /* of the state: `kind`, or alm_of_rest around it */
    alm_forecast_reason reason;
    alm_forecast_spread spread;
    alm_support support;
    alm_choice_facts choice; /* of kinds that choose */
    alm_effects effects;
    double *mean;       /* of each step */
    double *low, *high; /* steps x level_count */
    double *deviation;  /* of each step; NULL: not asked for; NaN: another forecaster answers */
    alm_effect *effect; /* one per regressor, where they are kept */
} almi_answer;

/* With room for the mean and the intervals of the plan in `arena`. */
almi_answer almi_answer_in(const alm_forecast_plan *plan, alm_arena *arena);

/* The whole answer to a past; `number` as of alm_series_forecast_one. */
void almi_answer_past(const alm_forecast_plan *plan, const alm_past *past, uint64_t number,
                      alm_arena *scratch, almi_answer *out);

/* Kind, reason and mean alone, kept to out->support. False: none answers. */
bool almi_answer_choose(const alm_forecast_plan *plan, const alm_explained *past,
                        alm_arena *scratch, alm_fitted *state, almi_answer *out);

/* What the plan's regressors explain of a past, and the rest. */
void almi_answer_explain(const alm_forecast_plan *plan, const alm_past *past, alm_arena *scratch,
                         alm_explained *out);

/* `kind` fitted to what regressors leave, with the plan's seasons, selector and bounds. Errors:
 * those of the kind's own fit; they carry no message. */
ALM_NODISCARD alm_err almi_answer_fit(const alm_forecaster_kind *kind,
                                      const alm_forecast_plan *plan, const alm_explained *past,
                                      alm_arena *scratch, alm_fitted *out);

/* A mean of counts is no count. */
static inline double almi_mean_within(alm_support support, double mean)
{
    return support != ALM_SUPPORT_REAL && mean < 0 ? 0 : mean;
}

bool almi_all_finite(const double *value, size_t count);

#endif
