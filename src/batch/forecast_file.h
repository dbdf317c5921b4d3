/* forecast_file.h: forecasts of the series of a CSV file, without a project, a snapshot or a
 * release: read, understood, forecast, checked, and written as tables that other forecasting
 * libraries read.
 *
 * Output. Rows come by series in the order of the file, then by time. Columns: `unique_id`, `ds`,
 * the forecast (named after the method that was asked for; `forecast` where none was), and per
 * level `-lo-95`, `-lo-80`, `-hi-80`, `-hi-95` behind that name. With reasons: `method` and
 * `reason`, what answered and why. What there is nothing to say of is an empty field, null in
 * Parquet and JSON. Times are written as the file has them; in Parquet days are DATE, instants
 * TIMESTAMP, an index BIGINT. */
#ifndef ALM_BATCH_FORECAST_FILE_H
#define ALM_BATCH_FORECAST_FILE_H

#include "base/json.h"
#include "pipeline/series/forecast_words.h"

#define ALM_FORECAST_PATHS_DEFAULT 500
#define ALM_FORECAST_ORIGINS_DEFAULT 4
#define ALM_FORECAST_SEED_DEFAULT 1

typedef struct alm_forecast_options {
    alm_long_options input;
    alm_regressor_options regressors; /* input.regressors is set by it; all NULL: none */
    const alm_forecaster_kind *kind; /* NULL: alm_forecast_automatic */
    size_t season, steps;            /* 0: by rule */
    size_t seasons[ALM_MSTL_SEASONS_MAX]; /* several, rising, the first is `season`; `kind` is */
    size_t season_count;                  /* NULL or alm_mstl; below 2: none but `season` */
    size_t paths, origins;
    uint64_t seed;
    double level[ALM_FORECAST_LEVELS_MAX]; /* rising */
    size_t level_count;
    bool calibrated; /* intervals by earlier origins; else as the model has them */
} alm_forecast_options;

typedef struct alm_forecast_file {
    alm_forecast_made made;
    const char *column;   /* of the forecasts */
    const char **bounds;  /* 2 x level_count: names of the interval columns in their order */
} alm_forecast_file;

/* Everything lies in `arena`. Errors of alm_long_read, alm_forecast_check_plans and
 * alm_series_forecast_all; ALM_ERR_INVALID when a horizon ends beyond what times can be, or
 * regressors are asked for with a method of demand alone. */
ALM_NODISCARD alm_err alm_forecast_file_make(const alm_env *env,
                                             const alm_forecast_options *options, alm_arena *arena,
                                             alm_forecast_file *out, alm_error *error);

/* Of the interval column `place` (as in bounds) at a step. */
double alm_forecast_file_bound(const alm_forecast_file *file, size_t series, size_t step,
                               size_t place);
/* The time of a step (0: the first) of a series. */
int64_t alm_forecast_file_time(const alm_forecast_file *file, size_t series, size_t step);

/* Takes the bytes of `buffer`, which is cleared afterwards. */
typedef struct alm_forecast_sink {
    alm_err (*write)(void *context, alm_str bytes, alm_error *error);
    void *context;
} alm_forecast_sink;

ALM_NODISCARD alm_err alm_forecast_file_csv(const alm_forecast_file *file, bool reasons,
                                            const alm_forecast_sink *sink, alm_error *error);
/* The whole document: what was understood, the check, every series with its forecasts. */
ALM_NODISCARD alm_err alm_forecast_file_json(const alm_forecast_file *file, alm_buffer *buffer,
                                             const alm_forecast_sink *sink, alm_error *error);
/* Into a file that is there as a whole or not at all; replaces an ordinary file. A name that ends
 * with .parquet: Parquet, by the table engine, which knows the real file system only; else CSV. */
ALM_NODISCARD alm_err alm_forecast_file_write(const alm_env *env, const alm_forecast_file *file,
                                              const char *path, bool reasons, alm_error *error);

#endif
