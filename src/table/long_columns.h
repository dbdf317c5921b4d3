/* long_columns.h: which columns of a long table say series, time and value. For long_series.c only.
 */
#ifndef ALM_TABLE_LONG_COLUMNS_H
#define ALM_TABLE_LONG_COLUMNS_H

#include "table/long_series.h"
#include "table/regressor_cells.h"

#define ALMI_LONG_IDS_MAX 8

typedef struct almi_long_columns {
    size_t id[ALMI_LONG_IDS_MAX];
    size_t id_count; /* 0: all rows are one series */
    size_t time, value;
    size_t sold_out; /* SIZE_MAX: none is named */
    /* Of a wide file: columns that hold values, instead of `value`. Each is a time, instead of
     * `time`, or (times NULL) a series. */
    size_t *many;
    int64_t *times;
    size_t many_count;
    alm_time_style style; /* of the times */
    size_t *regressor;    /* of each: ALMI_NO_COLUMN where a second file has to have it */
} almi_long_columns;

/* Does a value (trimmed) say that it is missing? */
bool almi_long_missing(alm_str text);

typedef struct almi_long_head {
    const alm_str *name; /* of the columns */
    const alm_str *row;  /* the first one; NULL: there is none, or it has other columns */
    size_t count;
    const almi_cells *regressors; /* NULL: none */
} almi_long_head;

/* Names go into `facts`, in `arena`. Without a usual name the time is the one column whose first
 * text is a date. ALM_ERR_INVALID says which names there are. */
ALM_NODISCARD alm_err almi_long_choose(const alm_long_options *options, const almi_long_head *head,
                                       alm_arena *arena, almi_long_columns *out,
                                       alm_long_facts *facts, alm_error *error);

#endif
