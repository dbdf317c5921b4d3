/* forecast_parquet.h: forecasts into a Parquet file, for forecast_file.c only. */
#ifndef ALM_BATCH_FORECAST_PARQUET_H
#define ALM_BATCH_FORECAST_PARQUET_H

#include "batch/forecast_file.h"

/* What a failure leaves is the caller's to remove. */
ALM_NODISCARD alm_err almi_forecast_parquet_write(const alm_forecast_file *file, const char *path,
                                                  bool reasons, alm_error *error);

#endif
