/* query_internal.h: views over data files, and the open query. Shared by query*.c and diff.c. */
#ifndef ALM_BATCH_QUERY_INTERNAL_H
#define ALM_BATCH_QUERY_INTERNAL_H

#include "batch/query_catalog.h"
#include "table/sql.h"

typedef struct almi_column {
    const char *name;
    bool is_nested;       /* a list, struct or map, such as the explanation; given as JSON text */
    bool is_number_text;  /* a number without a type of ours (sum of integers, decimal), as text */
} almi_column;

struct alm_query {
    alm_arena *arena; /* holds the struct too */
    alm_sql *sql;
    alm_sql_cursor *cursor;
    alm_query_facts facts;
    bool is_free;            /* a user's statement: its columns are not known */
    bool has_columns;        /* the user chose them */
    bool is_locked;          /* the engine sees the listed files only */
    const almi_column *column; /* of the result: those that are more than a plain value */
    size_t columns;
    const char *filter_text; /* "node a, level x": no rows means they do not exist; NULL: none */
    const char *text;        /* the statement, with nested values as JSON text */
    const char *raw;         /* the same with nested values as they are, for Parquet */
    const char *allowed;     /* SQL list of the files that the statement may open */
};

typedef struct almi_steps { /* forecast_horizon, inclusive; 0: no bound */
    int32_t first, last;
} almi_steps;

typedef struct almi_files {
    const char **path;
    size_t count, capacity;
} almi_files;

typedef struct almi_columns { /* of the data files, without the partition columns */
    const almi_column *column;
    size_t count;
} almi_columns;

/* By the schema in the table's log. */
ALM_NODISCARD alm_err almi_data_columns(const alm_run_catalog *catalog, alm_arena *arena,
                                        almi_columns *out, alm_error *error);

/* Adds the live data files of a run, with paths in `arena`; ALM_ERR_CORRUPT when a foreign commit
 * took one away. `files` must have the capacity. */
ALM_NODISCARD alm_err almi_run_files(const alm_read_stores *stores, const alm_catalog_run *run,
                                     almi_steps steps, alm_arena *arena, almi_files *files,
                                     alm_error *error);

/* Makes a view of the files: data columns, prediction_date, model_version, forecast_horizon. They
 * come from the paths, or, of a fan file, from `fan_of`. */
typedef struct almi_view {
    const char *name;
    const almi_columns *columns;
    const almi_files *files;
    const alm_catalog_run *fan_of; /* NULL: files of the table */
} almi_view;

ALM_NODISCARD alm_err almi_create_view(alm_sql *sql, const almi_view *view, alm_arena *arena,
                                       alm_error *error);

/* Asks what the columns of a user's statement are; then `text` gives nested ones as JSON text. A
 * statement that cannot be described cannot be run either, and the engine says why. */
void almi_query_describe(alm_query *query);
/* NULL: the column `name` of the result is a plain value. */
const almi_column *almi_query_column(const alm_query *query, const char *name);
/* `"x"` as JSON text, null as null (to_json would make it the text "null"). In `arena`. */
const char *almi_json_term(alm_arena *arena, const char *quoted);

/* Starts the statement if it is not running. */
ALM_NODISCARD alm_err almi_query_begin(alm_query *query, alm_error *error);
/* Puts the engine in its cage: from now on it sees the listed files, and `also` (may be NULL). */
ALM_NODISCARD alm_err almi_query_lock(alm_query *query, const char *also, alm_error *error);
ALM_NODISCARD alm_err almi_query_no_rows(const alm_query *query, alm_error *error);

#endif
