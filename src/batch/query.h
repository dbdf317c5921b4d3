/* query.h: reading predictions back, always of a release that was named.
 *
 * Nothing is implicit. A query names a release (a model version such as demand-3, or an alias,
 * which resolves to one that is echoed) and what to read of it, by exactly one of
 *   run       one run by its id, superseded or not;
 *   date      the run in force for that prediction date;
 *   as_of     without a date: the newest prediction date that the store held at that time.
 * `as_of` beside `date` gives the run that was in force for the date then. It is a version of the
 * store ("12"), a day (its end) or an instant, compared with the times of the commits, so that it
 * means the same as in every other Delta reader. A run is in force until another supersedes it.
 *
 * The files that are read come from the table's log (store/predictions.h), never from the content
 * of a folder. A query for named nodes of one run opens one file only, the run's fan file (the same
 * rows sorted by node and step, in the object store), where the run manifest names one.
 *
 * Columns: those of prediction_schema.h as they are in the files, and prediction_date (date),
 * model_version (text) and forecast_horizon (integer). `explanation` is given as JSON text, and
 * so is every list, struct and map that a statement makes.
 *
 * Errors: ALM_ERR_USAGE (nothing or too much named; the message lists what is known),
 * ALM_ERR_NOT_FOUND (release, run, date, node), ALM_ERR_INVALID (column, SQL), ALM_ERR_CORRUPT.
 * Thread safety: one thread per query; the stores must outlive it. */
#ifndef ALM_BATCH_QUERY_H
#define ALM_BATCH_QUERY_H

#include "store/objects.h"
#include "store/predictions.h"
#include "store/registry.h"
#include "table/table.h"

/* Borrowed, and used by diff.h and verify.h too. */
typedef struct alm_read_stores {
    alm_registry *registry;
    alm_objects *objects;
    alm_predictions *predictions;
    int threads;                   /* >= 1; no result depends on it */
    uint64_t memory_limit_bytes;   /* of the table engine; 0: its default */
    const char *scratch_directory; /* for sorting what exceeds it; NULL: refused then */
} alm_read_stores;

typedef struct alm_query_options {
    alm_str model;      /* model version or alias; with `sql` also "*": every release */
    alm_str run;        /* run id, or empty */
    alm_date date;      /* prediction date, or ALM_DATE_NONE (which is not zero) */
    alm_str as_of;      /* version, day or instant, or empty */
    alm_str schedule;   /* needed when several schedules have a run for the date */
    const alm_str *nodes; /* none: every node */
    size_t node_count;
    alm_str level;      /* "series" or the name of an aggregate level; empty: all */
    int32_t first_step; /* forecast_horizon, inclusive; 0: no bound */
    int32_t last_step;
    alm_str columns;    /* "node,mean,q95" in the order wanted; empty: all */
    int64_t limit;      /* rows; 0: no limit */
    /* One SELECT over the tables `predictions` (the runs chosen above; without run, date and as_of
     * every run in force), `predictions_history` (superseded runs too) and `runs`. The statement
     * cannot write and sees no other file. nodes, level, steps, columns and limit are refused. */
    alm_str sql;
} alm_query_options;

/* What the query resolved to, to be echoed. */
typedef struct alm_query_facts {
    alm_str model_version; /* never an alias; "*" with `sql` */
    alm_str asked_model;   /* as given */
    const alm_str *run_ids;
    size_t run_count;
    int64_t version;       /* of the store: the newest commit that was considered */
    const char *const *files; /* opened by the query */
    size_t file_count;
    bool used_fan_file;
} alm_query_facts;

typedef struct alm_query alm_query;

ALM_NODISCARD alm_err alm_query_open(const alm_read_stores *stores,
                                     const alm_query_options *options, alm_query **out,
                                     alm_error *error);
void alm_query_close(alm_query *query); /* takes NULL */
const alm_query_facts *alm_query_facts_of(const alm_query *query);

/* The next batch in `arena`, ordered by prediction date, level, node and step; rows == 0 at the end
 * (the columns are there all the same). */
ALM_NODISCARD alm_err alm_query_next(alm_query *query, alm_arena *arena, alm_table *out,
                                     alm_error *error);

/* ---- output ---- */

typedef enum alm_query_format {
    ALM_QUERY_TABLE,      /* for a person, fitted to `width` */
    ALM_QUERY_CSV,        /* RFC 4180 with a header, \n, null is empty */
    ALM_QUERY_JSON,       /* {"model_version":..,"runs":[..],"rows":[{..}, ..]} */
    ALM_QUERY_JSON_LINES, /* one object a row */
    ALM_QUERY_PARQUET     /* alm_query_write_parquet only */
} alm_query_format;

/* "table", "csv", "json", "jsonl", "parquet" */
bool alm_query_format_parse(alm_str name, alm_query_format *out);

typedef struct alm_query_sink {
    alm_err (*write)(void *context, alm_str bytes, alm_error *error);
    void *context;
    int width; /* of ALM_QUERY_TABLE in columns; 0: not bounded */
} alm_query_sink;

/* Writes what `next` would give, in pieces; *rows (may be NULL) is their number. ALM_ERR_NOT_FOUND
 * before anything is written when nodes or a level were named and nothing matches. A table is
 * measured on its first 2048 rows and shows the columns that fit; numbers are never cut. */
ALM_NODISCARD alm_err alm_query_write(alm_query *query, alm_query_format format,
                                      const alm_query_sink *sink, int64_t *rows,
                                      alm_error *error);
/* A Parquet file at `path` (replaced if it is there); explanations as in the store. */
ALM_NODISCARD alm_err alm_query_write_parquet(alm_query *query, const char *path, int64_t *rows,
                                              alm_error *error);

#endif
