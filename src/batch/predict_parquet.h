/* predict_parquet.h: predictions into a Parquet file, for predict_file.c only. */
#ifndef ALM_BATCH_PREDICT_PARQUET_H
#define ALM_BATCH_PREDICT_PARQUET_H

#include "base/date.h"

/* Rows of answers; the next ones of a prediction. */
typedef struct almi_predict_slice {
    size_t rows;
    const double *scores;        /* rows x score_count */
    const double *contributions; /* rows x contribution_count, or NULL */
    const alm_str *series;       /* or NULL */
    const alm_instant *times;    /* or NULL */
} almi_predict_slice;

/* At most `limit` rows; none at the end. */
typedef alm_err (*almi_predict_next_slice)(void *context, size_t limit, almi_predict_slice *out,
                                           alm_error *error);

typedef struct almi_predict_parquet {
    const char *path;
    const alm_str *names; /* scores, then contributions; NUL terminated */
    size_t score_count, contribution_count;
    const char *series, *time; /* columns in front, or NULL */
    bool has_classes; /* columns `class` and `class_...` are whole numbers */
    bool nan_is_null; /* of scores */
} almi_predict_parquet;

/* Numbers are DOUBLE, the time TIMESTAMP (UTC). One row group is in memory. Errors of `next` as
 * they are; ALM_ERR_IO and others of the table engine. What a failure leaves is the caller's to
 * remove. */
ALM_NODISCARD alm_err almi_predict_parquet_write(const almi_predict_parquet *file,
                                                 almi_predict_next_slice next, void *context,
                                                 alm_error *error);

#endif
