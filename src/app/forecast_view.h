/* forecast_view.h: forecasts for a person at a terminal: sentences, a fan chart drawn with
 * characters, tables. */
#ifndef ALM_APP_FORECAST_VIEW_H
#define ALM_APP_FORECAST_VIEW_H

#include "app/cli.h"
#include "batch/forecast_file.h"

/* Label and sentence, wrapped to the width; one note per line. */
void almi_forecast_tell(almi_cli *cli, const alm_forecast_line *lines, size_t count);
/* History and forecast of one series with its widest and its narrowest interval. */
void almi_forecast_chart(almi_cli *cli, const alm_forecast_file *file, size_t series);
/* Its rows, at most ALMI_FORECAST_ROWS_SHOWN. */
#define ALMI_FORECAST_ROWS_SHOWN 24
void almi_forecast_rows(almi_cli *cli, const alm_forecast_file *file, size_t series);
/* A line per series, at most ALMI_FORECAST_SERIES_SHOWN. */
#define ALMI_FORECAST_SERIES_SHOWN 10
void almi_forecast_series(almi_cli *cli, const alm_forecast_file *file);

#endif
