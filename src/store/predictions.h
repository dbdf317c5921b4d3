/* predictions.h: the prediction store, an append-only Delta Lake table with one commit per run.
 *
 * A run is visible exactly when its log entry _delta_log/<version, 20 digits>.json exists; entries
 * and data files are never changed. Any Delta reader (Spark, delta-rs, Polars, DuckDB) reads the
 * table as it is: protocol (1,2), data under prediction_date=D/model_version=M/forecast_horizon=H/,
 * data files named by the SHA-256 of their bytes. The table does not look into data files: columns
 * are declared to the log, rows and statistics are counted by the caller.
 *
 * README.md has the publish sequence and its reasons.
 *
 * Thread safety: a table handle belongs to one thread at a time; any number of handles, in any
 * number of processes, may read and commit. Memory: what a handle returns is valid until its
 * close. */
#ifndef ALM_STORE_PREDICTIONS_H
#define ALM_STORE_PREDICTIONS_H

#include "store/objects.h" /* alm_content */

typedef enum alm_delta_type {
    ALM_DELTA_STRING,
    ALM_DELTA_INTEGER, /* 32 bits */
    ALM_DELTA_LONG,    /* 64 bits */
    ALM_DELTA_DOUBLE,
    ALM_DELTA_BOOLEAN,
    ALM_DELTA_DATE,
    ALM_DELTA_TIMESTAMP,    /* microseconds UTC; a naive one would shut other readers out */
    ALM_DELTA_CONTRIBUTIONS /* array<struct<feature: string, contribution: double>> */
} alm_delta_type;

typedef struct alm_predictions_column {
    const char *name; /* letters, digits and '_'; unique whatever its case */
    alm_delta_type type;
} alm_predictions_column;

/* All columns but the partition columns prediction_date (date), model_version (string) and
 * forecast_horizon (integer), which every table has and no data file contains. */
typedef struct alm_predictions_schema {
    const alm_predictions_column *column;
    size_t columns;
    alm_instant created;
    const char *name;   /* of the table; with columns and `created` it determines the table's id */
    const char *engine; /* "almanac/0.1.0" */
} alm_predictions_schema;

typedef struct alm_predictions_partition {
    alm_date prediction_date;
    alm_str model_version; /* [A-Za-z0-9._-], see alm_str_is_safe_name */
    int32_t forecast_horizon;
} alm_predictions_partition;

/* One data file of a run. The content is copied: a scratch file may be removed after the commit. */
typedef struct alm_predictions_file {
    alm_content content; /* Parquet, without the partition columns */
    alm_predictions_partition partition;
    uint64_t rows;
    alm_str stats; /* Delta statistics, a JSON object with numRecords; empty: numRecords only */
} alm_predictions_file;

/* What the caller has to say between the data files and the log entry. Either may be NULL. */
typedef struct alm_predictions_hooks {
    /* The data files are durable and digest[i] is that of file[i], so that nobody has to read them
     * again. Puts the run manifest into the object store; *manifest goes into the log. */
    alm_err (*manifest)(void *context, const alm_digest *digest, alm_digest *manifest,
                        alm_error *error);
    /* May the run become the next version of the table as it was just read? Asked before every
     * attempt; the entry is refused by whoever commits in between, and then this is asked again. So
     * two runs that exclude each other cannot both be committed. */
    alm_err (*may_commit)(void *context, alm_error *error);
    void *context;
} alm_predictions_hooks;

typedef struct alm_predictions_request {
    const alm_predictions_file *file;
    size_t files;
    alm_str run_id;
    alm_str run_key;     /* becomes the txn appId: one commit per run key, ever */
    alm_digest manifest; /* of the run manifest in the object store, unless a hook says it */
    alm_predictions_hooks hooks;
    alm_digest ledger_head;
    alm_instant timestamp; /* logical; milliseconds count; raised where needed to rise strictly */
    const char *engine;
} alm_predictions_request;

/* A file that some commit added. Texts are as in the log. */
typedef struct alm_predictions_data {
    alm_str path; /* relative to the table */
    alm_str prediction_date, model_version, forecast_horizon;
    uint64_t size_bytes;
    int64_t rows; /* -1: not stated */
    bool has_digest;
    alm_digest digest; /* from the name */
    bool is_live;      /* false: a foreign commit removed it */
} alm_predictions_data;

/* One version of the table. */
typedef struct alm_predictions_commit {
    int64_t version;
    alm_instant timestamp;
    alm_str operation; /* "CREATE TABLE", "WRITE", or what another engine wrote */
    bool is_run;       /* a run of ours by its shape; alm_predictions_verify asks for proof */
    alm_str run_id, run_key;
    alm_digest manifest, ledger_head;
    alm_predictions_data *file;
    size_t files;
    int64_t rows;
    alm_str *removed; /* paths of remove actions: never ours */
    size_t removes;
    bool has_protocol, has_metadata;
    int64_t reader_version, writer_version; /* of has_protocol */
    alm_str schema_text, configuration;     /* of has_metadata; the latter as sorted key=value; */
    alm_str partition_columns;              /* "a,b,c" */
} alm_predictions_commit;

typedef struct alm_predictions alm_predictions;

/* Makes the table in folder `root` (and the folder), or opens the one that is there if it was made
 * with the same columns; ALM_ERR_CONFLICT if not. `fs` is borrowed. */
ALM_NODISCARD alm_err alm_predictions_create(alm_fs *fs, const char *root,
                                             const alm_predictions_schema *schema,
                                             alm_predictions **out, alm_error *error);
/* ALM_ERR_NOT_FOUND if there is no table; ALM_ERR_CORRUPT if its log has a hole. */
ALM_NODISCARD alm_err alm_predictions_open(alm_fs *fs, const char *root, alm_predictions **out,
                                           alm_error *error);
void alm_predictions_close(alm_predictions *table); /* takes NULL */

/* Reads what others committed since. */
ALM_NODISCARD alm_err alm_predictions_refresh(alm_predictions *table, alm_error *error);

/* All or nothing, durable when it returns ALM_OK. `version` is the commit's. ALM_ERR_EXISTS when
 * this run key was committed before: then `version` is that commit's (the one output set on a
 * failure) and that commit is durable. After any other failure nothing of the run is visible, with
 * one exception that the message states; calling again with the same request completes it. */
ALM_NODISCARD alm_err alm_predictions_commit_run(alm_predictions *table,
                                                 const alm_predictions_request *request,
                                                 int64_t *version, alm_error *error);

/* All commits as of open, refresh or own commit, by version. ALM_ERR_UNSUPPORTED if another engine
 * has raised the table to a protocol that we cannot read. */
ALM_NODISCARD alm_err alm_predictions_list(alm_predictions *table,
                                           const alm_predictions_commit **out, size_t *count,
                                           alm_error *error);
/* NULL if there is no such run. */
const alm_predictions_commit *alm_predictions_find(const alm_predictions *table, alm_str run_key);
/* Path of a data file for readers that open it themselves. In `arena`. */
const char *alm_predictions_path(const alm_predictions *table, const alm_predictions_data *data,
                                 alm_arena *arena);

/* ---- checkpoints ---- */

/* A checkpoint repeats what the log says up to a version as one Parquet file, so that other engines
 * open a table of 10,000 commits in 0.4 s instead of 6 s. It is a copy: losing it loses nothing.
 * Parquet is written above this floor, therefore a callback turns JSON lines (one action each) into
 * a Parquet file with exactly these columns, given in the notation of DuckDB's read_json. */
#define ALM_PREDICTIONS_CHECKPOINT_COLUMNS                                                       \
    "{txn: 'STRUCT(\"appId\" VARCHAR, \"version\" BIGINT, \"lastUpdated\" BIGINT)', "            \
    "\"add\": 'STRUCT(path VARCHAR, \"partitionValues\" MAP(VARCHAR, VARCHAR), size BIGINT, "    \
    "\"modificationTime\" BIGINT, \"dataChange\" BOOLEAN, stats VARCHAR)', "                     \
    "\"metaData\": 'STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, "                         \
    "options MAP(VARCHAR, VARCHAR)), \"schemaString\" VARCHAR, \"partitionColumns\" VARCHAR[], " \
    "configuration MAP(VARCHAR, VARCHAR), \"createdTime\" BIGINT)', "                            \
    "protocol: 'STRUCT(\"minReaderVersion\" INTEGER, \"minWriterVersion\" INTEGER)'}"

typedef struct alm_predictions_checkpointer {
    /* Reads `json_lines` (newline-delimited JSON), makes `parquet`. */
    alm_err (*to_parquet)(void *context, const char *json_lines, const char *parquet,
                          alm_error *error);
    void *context;
    int64_t every; /* versions; 100 is enough */
} alm_predictions_checkpointer;

/* To be called after a commit: writes the checkpoint of the newest version that is a multiple of
 * `every`, unless it is there. `version` becomes that version, or -1 if there was nothing to do. A
 * table with foreign commits gets none from us (the engine that commits there checkpoints too). */
ALM_NODISCARD alm_err alm_predictions_checkpoint(alm_predictions *table,
                                                 const alm_predictions_checkpointer *by,
                                                 int64_t *version, alm_error *error);

/* ---- verification ---- */

#define ALM_PREDICTIONS_FINDING_MAP(X)                                            \
    X(GAP, "a log entry is missing")                                              \
    X(UNREADABLE, "a log entry cannot be read")                                   \
    X(FOREIGN, "a commit that is not a known run")                                \
    X(REMOVE, "a commit removes files")                                           \
    X(PROTOCOL, "the protocol was changed")                                       \
    X(METADATA, "the schema, partitioning or configuration was changed")          \
    X(TIME, "a log entry does not carry its commit's time, or times do not rise") \
    X(REPEATED, "a run or a data file is committed twice")                        \
    X(UNSAFE_PATH, "a data file has a path that is not ours")                     \
    X(MISSING_FILE, "a data file is missing")                                     \
    X(DAMAGED_FILE, "a data file does not have the size or hash of its name")     \
    X(MISSING_RUN, "a known run is not in the table")

typedef enum alm_predictions_finding_kind {
#define ALM_PREDICTIONS_FINDING_ENUM(name, text) ALM_PREDICTIONS_##name,
    ALM_PREDICTIONS_FINDING_MAP(ALM_PREDICTIONS_FINDING_ENUM)
#undef ALM_PREDICTIONS_FINDING_ENUM
        ALM_PREDICTIONS_FINDINGS
} alm_predictions_finding_kind;

const char *alm_predictions_finding_text(alm_predictions_finding_kind kind);

typedef struct alm_predictions_finding {
    alm_predictions_finding_kind kind;
    int64_t version; /* -1: none */
    const char *message;
} alm_predictions_finding;

/* What the caller knows about its runs. */
typedef struct alm_predictions_known {
    /* Is this commit one of ours, with exactly these files? ALM_OK; ALM_ERR_NOT_FOUND or
     * ALM_ERR_CONFLICT with the reason; anything else stops the verification. May be NULL. */
    alm_err (*is_known)(void *context, const alm_predictions_commit *commit, alm_error *error);
    void *context;
    const alm_str *run_key; /* runs that must be there */
    size_t run_keys;
} alm_predictions_known;

typedef struct alm_predictions_report {
    size_t commits, runs, files;
    uint64_t bytes;
    int64_t rows;
    const alm_predictions_finding *finding; /* by version */
    size_t findings;
} alm_predictions_report;

/* Reads the log anew, recomputes the hash of every data file and compares everything with what
 * `known` says (may be NULL). ALM_OK also with findings: the caller raises the alarm. The report is
 * in `arena`. */
ALM_NODISCARD alm_err alm_predictions_verify(alm_fs *fs, const char *root,
                                             const alm_predictions_known *known, alm_arena *arena,
                                             alm_predictions_report *out, alm_error *error);

/* Removes staged files of interrupted commits last modified before `before`. */
ALM_NODISCARD alm_err alm_predictions_clean(alm_fs *fs, const char *root, alm_instant before,
                                            size_t *removed, alm_error *error);

#endif
