/* run_writer.h: forecasts of a pipeline run as Parquet files, one per step and one fan file, and
 * what the sample paths of each node are made of (pipeline/paths/path_file.h).
 *
 * Rows are sorted by node, one sort per step with a share of a fixed memory, and go from there into
 * the files row group by row group: what stands in memory does not grow with the number of series.
 * Leaves come in the order of their keys, which is nearly that of their names, so most of a sort is
 * appending. The sorts keep a file each in the scratch folder, two while they are read. */
#ifndef ALM_BATCH_RUN_WRITER_H
#define ALM_BATCH_RUN_WRITER_H

#include "batch/prediction_table.h"
#include "pipeline/pipeline.h"

typedef struct alm_run_identity { /* the columns that are the same in every row */
    alm_str run_id, schedule;
    alm_str feature_version, training_run_id, snapshot_id, release_hash;
    alm_date prediction_date;
} alm_run_identity;

typedef struct alm_run_writer_options {
    const alm_project *project;
    const alm_method *method;
    alm_panel_source *source;
    const alm_run_identity *identity;
    const char *scratch; /* a folder for the files */
} alm_run_writer_options;

typedef struct alm_run_writer alm_run_writer;

/* Everything given is borrowed until close. */
ALM_NODISCARD alm_err alm_run_writer_open(const alm_env *env,
                                          const alm_run_writer_options *options,
                                          alm_run_writer **out, alm_error *error);
void alm_run_writer_close(alm_run_writer *writer); /* takes NULL */

alm_forecast_sink alm_run_writer_sink(alm_run_writer *writer);

typedef struct alm_run_files {
    const char **step_paths; /* horizon of them */
    const char *fan_path;
    const char *paths_path;
    int64_t rows_per_step;
    int64_t leaves, aggregates;
    int64_t fallbacks[ALM_FALLBACK_COUNT]; /* series */
} alm_run_files;

/* Writes the files, sorted by node; `out` lies in the writer. */
ALM_NODISCARD alm_err alm_run_writer_finish(alm_run_writer *writer, alm_run_files *out,
                                            alm_error *error);

#endif
