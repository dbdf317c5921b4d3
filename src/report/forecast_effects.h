/* forecast_effects.h: what regressors are worth to each series, for forecast_page.c only. */
#ifndef ALM_REPORT_FORECAST_EFFECTS_H
#define ALM_REPORT_FORECAST_EFFECTS_H

#include "pipeline/series/forecast_words.h"
#include "report/report_internal.h"

#define ALMI_EFFECT_ROWS_MAX 400

/* A section "effects" with a table; nothing where there are no regressors. */
void almi_effects_section(const almi_page *page, const alm_forecast_made *made);

/* Style of its own classes. */
extern const char almi_effects_style[];

#endif
