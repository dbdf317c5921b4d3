/* delta_log.h: entries of the Delta transaction log as text. Internal to store/.
 *
 * Sources: Delta Lake PROTOCOL.md ("Actions", "Delta Log Entries"). One JSON action per line.
 * Reading is tolerant (other engines may have written the entry: unknown actions and keys are
 * skipped), writing is exact. */
#ifndef ALM_STORE_DELTA_LOG_H
#define ALM_STORE_DELTA_LOG_H

#include "store/predictions.h"

#define ALMI_DELTA_FOLDER "_delta_log"
#define ALMI_DELTA_ENTRY_BYTES_MAX ((size_t)1 << 30)
#define ALMI_DELTA_READER_VERSION 1
#define ALMI_DELTA_WRITER_VERSION 2
#define ALMI_DELTA_PARTITION_COLUMNS "prediction_date,model_version,forecast_horizon"

/* "LOG/00000000000000000007.json" */
const char *almi_delta_path(alm_arena *arena, const char *log, int64_t version);
/* The version of a file name in the log folder; false for everything that is not an entry. */
bool almi_delta_version(const char *name, int64_t *out);
/* Versions of all entries in the folder, ascending. */
ALM_NODISCARD alm_err almi_delta_versions(alm_fs *fs, const char *log, alm_arena *arena,
                                          int64_t **out, size_t *count, alm_error *error);

/* Parses one entry; everything goes into `arena`. `path` is for messages. */
ALM_NODISCARD alm_err almi_delta_parse(alm_str text, const char *path, int64_t version,
                                       alm_arena *arena, alm_predictions_commit *out,
                                       alm_error *error);
ALM_NODISCARD alm_err almi_delta_read(alm_fs *fs, const char *log, int64_t version,
                                      alm_arena *arena, alm_predictions_commit *out,
                                      alm_error *error);

/* The schemaString of a table with these columns. */
void almi_delta_schema(alm_buffer *out, const alm_predictions_schema *schema);
/* Entry 0. */
void almi_delta_write_create(alm_buffer *out, const alm_predictions_schema *schema);

/* A data file that is in its place. */
typedef struct almi_delta_add {
    const char *path; /* relative to the table */
    uint64_t size_bytes;
    const alm_predictions_file *file;
} almi_delta_add;

/* The entry of a run: commitInfo, txn, one add per file in the given order. `timestamp` is in
 * milliseconds. */
void almi_delta_write_run(alm_buffer *out, const alm_predictions_request *request,
                          const almi_delta_add *add, int64_t version, int64_t timestamp_ms);

/* "prediction_date=2026-01-01/model_version=demand-3/forecast_horizon=14", in `arena`. */
const char *almi_delta_partition_path(alm_arena *arena, const alm_predictions_partition *partition);

#endif
