/* regressor_cells.h: what rows say of regressors, until types and series are known. For
 * long_series.c only. */
#ifndef ALM_TABLE_REGRESSOR_CELLS_H
#define ALM_TABLE_REGRESSOR_CELLS_H

#include "base/fs.h"
#include "table/frequency.h"
#include "table/long_regressors.h"

typedef struct almi_cells almi_cells;

#define ALMI_NO_COLUMN SIZE_MAX /* the first file does not have it */
#define ALMI_ALL_SERIES UINT32_MAX

/* The columns that are asked for. ALM_ERR_INVALID: none, or one twice. */
ALM_NODISCARD alm_err almi_cells_create(const alm_regressor_options *options, const char *file,
                                        alm_arena *arena, almi_cells **out, alm_error *error);
void almi_cells_destroy(almi_cells *cells); /* takes NULL */

size_t almi_cells_columns(const almi_cells *cells); /* without holidays */
alm_str almi_cells_name(const almi_cells *cells, size_t column);

/* The next row of the first file, which is record `record`; `place`: of each column. */
ALM_NODISCARD alm_err almi_cells_take(almi_cells *cells, const alm_str *fields,
                                      const size_t *place, uint64_t record, alm_error *error);

typedef struct almi_future {
    const alm_str *id; /* names of the columns that tell series apart */
    size_t id_count;
    alm_str time;
    alm_time_style *style;
    bool (*find)(void *context, alm_str id, uint32_t *series);
    void *context;
} almi_future;

/* The second file and the holidays, if they were asked for. `place`: as the first file has the
 * columns. */
ALM_NODISCARD alm_err almi_cells_read_future(almi_cells *cells, alm_fs *fs,
                                             const almi_future *future, const size_t *place,
                                             alm_error *error);
ALM_NODISCARD alm_err almi_cells_read_holidays(almi_cells *cells, alm_fs *fs, alm_error *error);

/* Numbers or texts; which regressors there are. ALM_ERR_INVALID: neither, or too many. */
ALM_NODISCARD alm_err almi_cells_settle(almi_cells *cells, const alm_frequency *frequency,
                                        size_t series, alm_regressor_table **out,
                                        alm_error *error);

typedef struct almi_cell_grid { /* of one series */
    uint32_t series;
    const alm_frequency *frequency;
    int64_t start;
    size_t count; /* periods of the past */
    double *x;    /* count of the table x (count + steps): NaN until something is known */
} almi_cell_grid;

/* What record `record` (from 1) of the first file says of a period, from 0; it may lie behind the
 * grid. */
void almi_cells_place(const almi_cells *cells, uint64_t record, const almi_cell_grid *grid,
                      size_t period);
/* When all its records are placed: what the second file and the holidays say, and the lag of
 * observed columns. ALM_ERR_INVALID: a time of the second file off the grid, or there twice, or
 * holidays that do not cover a year of the series. */
ALM_NODISCARD alm_err almi_cells_finish(almi_cells *cells, const almi_cell_grid *grid,
                                        alm_error *error);

#endif
