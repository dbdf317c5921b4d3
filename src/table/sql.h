/* sql.h: the table engine (DuckDB): CSV, Parquet and SQL, behind one handle.
 *
 * Used for reading and writing files and for queries, never for arithmetic that ends in a stored
 * number: sums of doubles in SQL depend on threads. The engine has no network: extension
 * installation and loading are off. Messages of the engine are passed on with the file they
 * concern. Thread safety: one handle belongs to one thread at a time. */
#ifndef ALM_TABLE_SQL_H
#define ALM_TABLE_SQL_H

#include "table/table.h"

typedef struct alm_sql alm_sql;
typedef struct alm_sql_cursor alm_sql_cursor;

typedef struct alm_sql_options {
    int threads;                    /* >= 1 */
    uint64_t memory_limit_bytes;    /* 0: 2 GiB */
    const char *scratch_directory;  /* for spilling; NULL: no spilling */
} alm_sql_options;

ALM_NODISCARD alm_err alm_sql_open(const alm_sql_options *options, alm_sql **out, alm_error *error);
void alm_sql_close(alm_sql *sql); /* takes NULL */

/* Runs one or more statements and drops their results. */
ALM_NODISCARD alm_err alm_sql_run(alm_sql *sql, const char *statement, alm_error *error);

/* Streams the result of one statement. While a cursor is open, `sql` takes no other statement. */
ALM_NODISCARD alm_err alm_sql_query(alm_sql *sql, const char *statement, alm_sql_cursor **out,
                                    alm_error *error);
/* The next batch (at most 2048 rows), in `arena`; rows == 0 at the end. Types outside alm_type
 * arrive as text. */
ALM_NODISCARD alm_err alm_sql_next(alm_sql_cursor *cursor, alm_arena *arena, alm_table *out,
                                   alm_error *error);
void alm_sql_cursor_close(alm_sql_cursor *cursor); /* takes NULL */

/* The whole result in `arena`; ALM_ERR_LIMIT above `row_limit` rows. */
ALM_NODISCARD alm_err alm_sql_collect(alm_sql *sql, const char *statement, size_t row_limit,
                                      alm_arena *arena, alm_table *out, alm_error *error);
/* The single value of a one-row, one-column result; ALM_ERR_NOT_FOUND when it is null or absent. */
ALM_NODISCARD alm_err alm_sql_i64(alm_sql *sql, const char *statement, int64_t *out,
                                  alm_error *error);

/* Creates table `name` (temporary) with the columns of `table` if it is not there, and appends. */
ALM_NODISCARD alm_err alm_sql_append(alm_sql *sql, const char *name, const alm_table *table,
                                     alm_error *error);

/* Gives the next rows, at most 2048, valid until the next call; rows == 0 at the end. */
typedef alm_err (*alm_sql_pull)(void *context, alm_table *out, alm_error *error);

typedef struct alm_sql_parquet {
    const char *path;
    const alm_table *schema; /* names and types of what is pulled; its rows are not looked at */
    const char *select;      /* SQL, the file's columns from those pulled; NULL: as they are */
    size_t row_group_rows;   /* so many stand in memory; 0: 122,880 */
} alm_sql_parquet;

/* Writes rows as they come into a Parquet file (zstd), keeping one row group of them. An error of
 * `pull` is passed on as it is. */
ALM_NODISCARD alm_err alm_sql_write_parquet(alm_sql *sql, const alm_sql_parquet *file,
                                            alm_sql_pull pull, void *context, alm_error *error);

/* Stops a running statement from another thread. */
void alm_sql_interrupt(alm_sql *sql);

/* 'it''s' with its quotes; "a ""b""" with its quotes. In `arena`. */
char *alm_sql_literal(alm_arena *arena, alm_str text);
char *alm_sql_identifier(alm_arena *arena, alm_str name);

const char *alm_sql_engine_version(void);

#endif
