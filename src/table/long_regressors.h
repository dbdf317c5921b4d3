/* long_regressors.h: columns of a long table that explain its value, on the grid of its series.
 *
 * Each column is stated to be KNOWN IN ADVANCE (a price, a promotion: its plan for the periods to
 * come is in rows behind a series' last value, whose value is empty, or in a second file) or
 * OBSERVED (known when a period is over: weather, traffic). Of an observed column a period sees the
 * value so many periods before it as are forecast, so that all of the horizon has one; the first
 * periods of a series have none.
 *
 * A column is numbers; or texts, and then it becomes an indicator (1 or 0) for each of them but the
 * most frequent one, and an empty field is a text, too: none of them. true, false, yes, no are 1
 * and 0. Codes among texts are texts where they are whole numbers, else the column is refused.
 * Holidays are a list of days and names: an indicator for each name.
 *
 * The second file has the columns, the time under the name of the first file's, and its columns
 * that tell series apart, or none of these: then a row is of all series. It may hold the past, too:
 * what the first file says goes first. A series ends with its last known value (not at all known:
 * with its last row). */
#ifndef ALM_TABLE_LONG_REGRESSORS_H
#define ALM_TABLE_LONG_REGRESSORS_H

#include "base/str.h"

#define ALM_LONG_REGRESSORS_MAX 40 /* indicators counted */

typedef struct alm_regressor_options {
    const char *in_advance; /* columns by commas; NULL: none */
    const char *observed;
    const char *future;     /* the second file; NULL: none */
    const char *holidays;   /* a CSV file: days (ds, date, or the first column) and names (holiday,
                               name, event, or the second one); NULL: none */
    size_t steps;           /* periods that are forecast; 0: by rule (alm_frequency_horizon) */
} alm_regressor_options;

typedef struct alm_regressor_column {
    alm_str name;
    bool is_observed, is_category, is_holidays;
    size_t first, count; /* of its regressors; none of a column with one text only */
    alm_str usual;       /* of a category: the text without an indicator; may be empty */
} alm_regressor_column;

typedef struct alm_regressor_table {
    const alm_regressor_column *column;
    size_t column_count;
    const char *const *names;   /* of regressors: "price", "event=easter", "rain (lag 28)" */
    const size_t *column_of;    /* of each */
    size_t count;
    size_t steps;               /* periods behind the last value that have a place */
    const char *future, *holidays; /* names of files; NULL: none */
    uint64_t planned_rows;      /* of the first file, behind the last value of their series */
    uint64_t future_rows;       /* of the second file, of series that there are */
    uint64_t strange_rows;      /* of series that there are not */
    uint64_t between_rows;      /* of all series, but of no period of theirs */
    uint64_t different;         /* values of the past that the two files do not agree about */
    uint64_t holiday_rows;
} alm_regressor_table;

#endif
