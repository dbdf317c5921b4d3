/* long_columns.h: which columns of a long table say series, time and value. For long_series.c only.
 */
#ifndef ALM_TABLE_LONG_COLUMNS_H
#define ALM_TABLE_LONG_COLUMNS_H

#include "table/csv.h"
#include "table/long_series.h"

#define ALMI_LONG_IDS_MAX 8

typedef struct almi_long_columns {
    size_t id[ALMI_LONG_IDS_MAX];
    size_t id_count; /* 0: all rows are one series */
    size_t time, value;
} almi_long_columns;

/* Names go into `facts`, in `arena`. ALM_ERR_INVALID says which names there are. */
ALM_NODISCARD alm_err almi_long_choose(const alm_long_options *options, const alm_csv *csv,
                                       alm_arena *arena, almi_long_columns *out,
                                       alm_long_facts *facts, alm_error *error);

#endif
