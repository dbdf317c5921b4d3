/* regressor_words.h: what was understood of regressors and what they are worth, in plain sentences,
 * for forecast_words.c. Pure functions. */
#ifndef ALM_PIPELINE_REGRESSOR_WORDS_H
#define ALM_PIPELINE_REGRESSOR_WORDS_H

#include "pipeline/series/forecast_words.h"

#define ALM_REGRESSOR_EFFECTS_TOLD 8

/* Appends line `place`, from 0, and says its label. False: there is no such line. */
bool alm_regressor_line(const alm_forecast_made *made, size_t place, alm_buffer *out,
                        const char **label);

/* "+20.5", three digits or all before the point */
void alm_effect_number(alm_buffer *out, double value, bool signed_too);
/* "ARIMA(0,1,1)(0,1,1)[7]": the model of the errors that effects were estimated with. */
void alm_effect_errors(alm_buffer *out, const alm_effects *effects);
/* Has a regressor one value in the past of a series, and is not used for that, and another one in
 * the plan? Then its effect is not known, and counted as 0. */
bool alm_effect_is_guess(const alm_forecast_made *made, size_t series, size_t regressor);

#endif
