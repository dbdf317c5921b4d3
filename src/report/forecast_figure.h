/* forecast_figure.h: one series with its past and its fan, for forecast_page.c only. */
#ifndef ALM_REPORT_FORECAST_FIGURE_H
#define ALM_REPORT_FORECAST_FIGURE_H

#include "pipeline/series/forecast_words.h"
#include "report/report_internal.h"

typedef struct almi_figure {
    const alm_forecast_made *made;
    size_t series;
    size_t past; /* periods shown, at most */
    double width, height;
} almi_figure;

void almi_figure_draw(const almi_page *page, const almi_figure *figure);
/* The text of the time so many periods after the first of a series. */
void almi_figure_time(const alm_forecast_made *made, size_t series, size_t period,
                      char out[ALM_INSTANT_TEXT_BYTES]);
/* For a whole column of numbers up to this size. */
int almi_figure_decimals(double largest);
double almi_figure_largest(const double *value, size_t count);

/* Style of its own classes. */
extern const char almi_figure_style[];

#endif
