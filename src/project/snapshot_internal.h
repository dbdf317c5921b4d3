/* snapshot_internal.h: the steps of taking a snapshot (internal to project/).
 *
 * Per source: source_reader.c reads files into a sort (source_parquet.c: the columns of Parquet
 * files); snapshot_gate.c checks what was read; snapshot_rows.c writes the sorted rows. When all
 * sources have passed, snapshot_content.c hashes and keeps what was written, and snapshot.c, which
 * drives, makes the manifest. Nothing that grows with the number of rows stays in memory. */
#ifndef ALM_PROJECT_SNAPSHOT_INTERNAL_H
#define ALM_PROJECT_SNAPSHOT_INTERNAL_H

#include "project/snapshot.h"
#include "table/row_sort.h"
#include "table/sql.h"

/* A row's number is file << 40 | record (from 1), so that order is the order of reading. */

/* Block of an arena that a batch of rows fits into, so that it is reset without the allocator. */
#define ALMI_BATCH_BYTES ((size_t)1 << 20)

/* A column as it stands in the snapshot. */
typedef struct almi_content_column {
    alm_str name;
    alm_type type;
    alm_digest digest;
} almi_content_column;

typedef struct almi_taking {
    const alm_env *env;
    const alm_project *project;
    alm_objects *objects;
    const alm_snapshot_options *options;
    alm_arena *arena;     /* the caller's: everything of the result */
    alm_arena *scratch;   /* for the whole taking */
    alm_sql *sql;
    const char *folder;   /* scratch folder of this taking */
    alm_digest key;       /* of the pseudonyms */
    alm_buffer rejects;   /* CSV lines without the header */
    alm_buffer first_reject;
} almi_taking;

/* The first row of every day that has rows: rows[i] is of day first + i, 0 where there is none. */
typedef struct almi_days {
    alm_date first;
    size_t count;
    int64_t *rows;
} almi_days;

typedef struct almi_taken_source {
    const alm_source *spec;
    const char *label;      /* what its files in the scratch folder are called by */
    alm_row_sort *sort;     /* from reading to writing; NULL else */
    char *path;             /* of the Parquet file */
    int64_t read;           /* rows in the files */
    int64_t rejected;
    int64_t outside;        /* outside the window, or not known yet */
    int64_t kept;
    int64_t *nulls;         /* per declared column, among the kept rows */
    alm_date first, last;   /* event days among the kept rows; ALM_DATE_NONE: static */
    almi_days days;         /* of a source with a time column of type date */
    bool is_bars;
    alm_bar_facts bars;
    alm_str *file_digests;
    /* the first duplicate in the order of reading: its row, the one before it with the same keys
     * and their text; 0: there is none, or they were added up */
    int64_t duplicate, duplicate_of;
    alm_str duplicate_key;
    /* in the order of the sort: keys, time, known_at, the others by name */
    almi_content_column *columns;
    size_t unique_count;    /* how many of the first columns name a row; 0: none do */
    int64_t rows;           /* in the snapshot */
    alm_digest object;
} almi_taken_source;

/* Where the query of a Parquet file gives a declared column; SIZE_MAX: nowhere. A text that is not
 * null is to be parsed and goes before the value. */
typedef struct almi_parquet_column {
    size_t value, text;
} almi_parquet_column;

typedef struct almi_parquet_query_text {
    char *text;
    almi_parquet_column *columns; /* by declared column */
} almi_parquet_query_text;

/* `types`: the engine's types of the declared columns in this file. Everything lies in `arena`. */
ALM_NODISCARD alm_err almi_parquet_query(const alm_source *spec, const alm_str *types,
                                         const char *path, alm_arena *arena,
                                         almi_parquet_query_text *out, alm_error *error);

/* Reads all files of a source into its sort. */
ALM_NODISCARD alm_err almi_source_read(almi_taking *taking, almi_taken_source *source,
                                       alm_error *error);
/* The part of a message that names a row: "data/sales.csv row 17". */
char *almi_row_name(const alm_source *source, int64_t row, alm_arena *arena);

/* Per source, and then across sources. */
ALM_NODISCARD alm_err almi_gate_source(almi_taking *taking, const almi_taken_source *source,
                                       alm_error *error);
ALM_NODISCARD alm_err almi_gate_calendar(almi_taking *taking, const almi_taken_source *sources,
                                         alm_error *error);

/* Refuses duplicates, naming the first one and the row before it. */
ALM_NODISCARD alm_err almi_gate_duplicates(almi_taking *taking, const almi_taken_source *source,
                                           alm_error *error);

/* The columns of the snapshot: keys, time, known_at, then the others by name. */
void almi_content_order(almi_taken_source *source, alm_arena *arena);
/* Writes the sorted rows to a Parquet file in the scratch folder; adds up duplicates where that is
 * declared, and notes the first one elsewhere. */
ALM_NODISCARD alm_err almi_rows_write(almi_taking *taking, almi_taken_source *source,
                                      alm_error *error);
/* Reads what was written, hashes it, and puts the object (not in a dry run). */
ALM_NODISCARD alm_err almi_content_keep(almi_taking *taking, almi_taken_source *source,
                                        alm_error *error);
/* The columns of one Parquet object and what reading it gives. */
typedef struct almi_content {
    almi_content_column *columns; /* names and types in, digests out */
    size_t count;
    int64_t rows;
} almi_content;

/* Reads a Parquet file: row count and one digest per column. */
ALM_NODISCARD alm_err almi_content_hash(alm_sql *sql, const char *path, almi_content *content,
                                        alm_error *error);

/* A source as the manifest describes it. */
typedef struct almi_manifest_source {
    alm_str name, time;
    const alm_str *keys;
    size_t key_count;
    const almi_content_column *columns;
    size_t column_count;
    const alm_str *file_names;
    alm_snapshot_source result; /* its texts are filled by the caller, but for `content` */
} almi_manifest_source;

typedef struct almi_manifest {
    alm_date start, end;
    alm_instant known_at;
    const char *engine;
    almi_manifest_source *sources;
    size_t source_count;
} almi_manifest;

/* Id and content digests from the canonical content; they and the manifest text go to `arena`. */
ALM_NODISCARD alm_err almi_manifest_write(almi_manifest *manifest, alm_arena *arena, alm_str *id,
                                          alm_str *text, alm_error *error);
/* Parses, and checks that the id in it is the id of its content. */
ALM_NODISCARD alm_err almi_manifest_read(alm_str text, const char *name, alm_arena *arena,
                                         almi_manifest *out, alm_str *id, alm_error *error);

#endif
