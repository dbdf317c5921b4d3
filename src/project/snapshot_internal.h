/* snapshot_internal.h: the steps of taking a snapshot (internal to project/).
 *
 * snapshot.c drives; source_reader.c reads files into typed temporary tables; snapshot_gate.c
 * checks them; snapshot_content.c sorts, writes, hashes and makes the manifest. */
#ifndef ALM_PROJECT_SNAPSHOT_INTERNAL_H
#define ALM_PROJECT_SNAPSHOT_INTERNAL_H

#include "project/snapshot.h"
#include "table/sql.h"

/* Column of a temporary table: file << 40 | record, so that order is the order of reading. */
#define ALMI_ROW_COLUMN "_almanac_row"

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

typedef struct almi_taken_source {
    const alm_source *spec;
    const char *table;      /* name of the temporary table */
    int64_t read;           /* rows in the files */
    int64_t rejected;
    int64_t outside;        /* outside the window, or not known yet */
    int64_t kept;
    int64_t *nulls;         /* per declared column, among the kept rows */
    alm_date first, last;   /* event days among the kept rows; ALM_DATE_NONE: static */
    alm_str *file_digests;
    /* in the order of the sort: keys, time, known_at, the others by name */
    almi_content_column *columns;
    size_t unique_count;    /* how many of the first columns name a row; 0: none do */
    int64_t rows;           /* in the snapshot */
    alm_digest object;
} almi_taken_source;

/* Reads all files of a source into its temporary table. */
ALM_NODISCARD alm_err almi_source_read(almi_taking *taking, almi_taken_source *source,
                                       alm_error *error);
/* The part of a message that names a row: "data/sales.csv row 17". */
char *almi_row_name(const alm_source *source, int64_t row, alm_arena *arena);

/* Per source, and then across sources. */
ALM_NODISCARD alm_err almi_gate_source(almi_taking *taking, const almi_taken_source *source,
                                       alm_error *error);
ALM_NODISCARD alm_err almi_gate_calendar(almi_taking *taking, const almi_taken_source *sources,
                                         alm_error *error);

/* Names the first two rows with the same keys: called when the sorted rows have shown that there
 * are some. */
ALM_NODISCARD alm_err almi_gate_duplicates(almi_taking *taking, const almi_taken_source *source,
                                           alm_error *error);
/* Names of keys, time and known_at, comma separated and quoted for SQL; NULL: there are none. */
char *almi_unique_columns(const alm_source *source, alm_arena *arena);

/* Sorts, writes Parquet, reads it back, hashes, and puts the object (not in a dry run). */
ALM_NODISCARD alm_err almi_content_write(almi_taking *taking, almi_taken_source *source,
                                         alm_error *error);
/* The columns of one Parquet object and what reading it gives. */
typedef struct almi_content {
    almi_content_column *columns; /* names and types in, digests out */
    size_t count;
    size_t unique_count;          /* leading columns that should name a row; 0: not checked */
    int64_t rows;
    bool has_duplicates;
} almi_content;

/* Reads a Parquet file: row count, one digest per column, and whether neighbours are duplicates. */
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
