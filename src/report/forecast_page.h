/* forecast_page.h: the forecasts of a file as one self-contained HTML page: fan charts, what was
 * understood, how good the method was on earlier origins, numbers.
 *
 * A pure function, as alm_report_render is (report.h): the same input gives the same bytes. The
 * first ALM_FORECAST_CHARTS_MAX series are drawn, the rest is counted. */
#ifndef ALM_REPORT_FORECAST_PAGE_H
#define ALM_REPORT_FORECAST_PAGE_H

#include "pipeline/series/forecast_words.h"

#define ALM_FORECAST_CHARTS_MAX 24
#define ALM_FORECAST_LIST_MAX 200 /* series in the table */

/* `engine`: name and version of the program. ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_forecast_page_render(const alm_forecast_made *made, alm_str engine,
                                               alm_buffer *out, alm_error *error);

#endif
