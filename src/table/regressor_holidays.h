/* regressor_holidays.h: a list of days and the names of what they are. For regressor_cells.c only.
 */
#ifndef ALM_TABLE_REGRESSOR_HOLIDAYS_H
#define ALM_TABLE_REGRESSOR_HOLIDAYS_H

#include "base/fs.h"
#include "table/frequency.h"

typedef struct almi_holiday {
    alm_date day;
    size_t name;
} almi_holiday;

typedef struct almi_holidays {
    const char *file;
    almi_holiday *holiday; /* rising days; heap memory */
    size_t count, capacity;
    alm_str *name;
    size_t name_count;
} almi_holidays;

/* ALM_ERR_INVALID: a row that is no day and name, more than ALM_LONG_REGRESSORS_MAX names, none.
 * Whatever comes back is to be freed. */
ALM_NODISCARD alm_err almi_holidays_read(alm_fs *fs, const char *path, alm_arena *arena,
                                         almi_holidays *out, alm_error *error);
void almi_holidays_free(almi_holidays *holidays);

/* Periods of a day or less. */
ALM_NODISCARD alm_err almi_holidays_check_grid(const almi_holidays *holidays,
                                               const alm_frequency *frequency, alm_error *error);
/* A list ends somewhere: years without any holiday were not written down. */
ALM_NODISCARD alm_err almi_holidays_check_years(const almi_holidays *holidays, alm_date first,
                                                alm_date last, alm_error *error);
/* 1 or 0; `from`: the first holiday that is not before the day. */
double almi_holidays_on(const almi_holidays *holidays, size_t from, alm_date day, size_t name);

#endif
