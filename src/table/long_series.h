/* long_series.h: a CSV file in long form (a row per series and time) as equally spaced series; or a
 * wide one: a column per series beside the times, or a row per series and columns called by times.
 *
 * Columns are named, or found by their usual names; what was found is told. Rows may come in any
 * order. A period without a row, an empty value and nan, NA, null are missing (NaN), not 0, unless
 * zero_gaps says that no row means 0.
 * What was sold while a series was sold out is no value of it but a lower bound: it is kept apart.
 * Refused with row and column: a time that cannot be read, a text for a value, a series with one
 * time twice, a time off the grid (frequency.h). Of a row per series, an empty value is no row.
 * With regressors (long_regressors.h) rows behind the last known value of a series are no part of
 * it but its plan.
 *
 * Several columns may tell series apart: their texts are joined with '/', and two series that would
 * have one name are refused. Series stand in the order in which they first come. A result is
 * immutable and may be read by any number of threads. */
#ifndef ALM_TABLE_LONG_SERIES_H
#define ALM_TABLE_LONG_SERIES_H

#include "base/fs.h"
#include "table/frequency.h"
#include "table/long_regressors.h"

typedef struct alm_long_options {
    const char *path;
    const char *name;              /* how messages call the file; NULL: `path` */
    /* Columns; several of `id` by commas, of `value` too (each is a series then). NULL: by usual
     * names. */
    const char *id, *time, *value;
    const alm_frequency *frequency; /* NULL: inferred */
    /* The file lists what happened: a period without a row is 0, up to the last time of the file
     * for every series that is on one grid with it. */
    bool zero_gaps;
    /* Of a row per series and time, at most one of the two, by name: a column that says 1, true or
     * yes where the series was sold out in that period (0, false, no or nothing: not), and one of
     * the stock at its close, which was sold out at 0 or less. */
    const char *sold_out, *stock;
    const alm_regressor_options *regressors; /* NULL: none */
} alm_long_options;

typedef struct alm_long_one {
    alm_str id;
    int64_t start;   /* time of y[0] */
    const double *y; /* one per period; NaN: missing, or sold out */
    size_t count;    /* periods, >= 1 */
    size_t known;    /* of these, with a value */
    size_t gaps;     /* of these, without a row: missing, or 0 as asked */
    size_t sold_out; /* of these, what was sold is a lower bound of demand, or missing, too */
    const double *least; /* those bounds, one per period; else NaN; NULL: there are none */
    const double *x; /* regressors, count x (count of y + steps), row-major; NaN: not known */
} alm_long_one;

typedef enum alm_long_shape {
    ALM_LONG,
    ALM_LONG_SERIES, /* a column per series: `value` lists them */
    ALM_LONG_TIMES   /* a column per time: `time` says from where to where, `value` is empty */
} alm_long_shape;

typedef struct alm_long_facts {
    alm_long_shape wide;
    alm_str id, time, value;  /* names of the columns; id empty: there is none */
    bool id_named, time_named, value_named; /* by the caller */
    alm_str unused;           /* names of other columns, by ", "; may be empty */
    uint64_t rows;
    uint64_t empty;           /* rows whose value is missing */
    uint64_t periods, gaps;   /* over all series */
    size_t gap_series;        /* series that have gaps */
    size_t early_series;      /* that end before `last` */
    alm_str sold_out;         /* column that says it; empty: none was named */
    uint64_t sold_out_periods;
    size_t sold_out_series;
    int64_t first, last;      /* times */
    bool assumed;             /* the frequency: no series has two times */
    bool sorted;              /* as read */
} alm_long_facts;

typedef struct alm_long_series {
    alm_long_facts facts;
    alm_time_style style;
    alm_frequency frequency;
    const alm_long_one *series;
    size_t count;
    const alm_regressor_table *regressors; /* NULL: none were asked for */
} alm_long_series;

/* Everything lies in `arena`. ALM_ERR_NOT_FOUND, ALM_ERR_IO, ALM_ERR_CORRUPT, ALM_ERR_INVALID,
 * ALM_ERR_UNSUPPORTED (Parquet), ALM_ERR_LIMIT (2^32 rows, 2^29 periods), ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_long_read(alm_fs *fs, const alm_long_options *options, alm_arena *arena,
                                    alm_long_series *out, alm_error *error);
/* The time `steps` periods after a series' first. False beyond what times can be. */
bool alm_long_time(const alm_long_series *all, const alm_long_one *series, size_t steps,
                   int64_t *out);

#endif
