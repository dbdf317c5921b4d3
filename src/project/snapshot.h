/* snapshot.h: an immutable copy of the sources for an event-time window [start, end).
 *
 * Sources are streamed, typed and validated against almanac.yaml; a row that does not fit goes to
 * the rejected-rows file with its row number, column and reason, and above the declared share the
 * snapshot is refused. Rows are sorted (keys, time, then all columns), in memory that does not
 * grow with their number, and written as content-addressed Parquet objects plus a manifest. The
 * id is the SHA-256 of the canonical manifest part that holds only what determines the content:
 * window, schema, row counts and per-column hashes of canonical values, never Parquet bytes. The
 * same input has the same id under any writer version; late or restated rows give a new id, never
 * a changed snapshot. */
#ifndef ALM_PROJECT_SNAPSHOT_H
#define ALM_PROJECT_SNAPSHOT_H

#include "project/project.h"
#include "store/objects.h"

/* Of the source of `bars`: rows whose fields say less than they seem to. They stay in the snapshot;
 * features and labels treat what is impossible as missing (feature/bars/bars.h, bar_labels.h). */
typedef struct alm_bar_facts {
    int64_t reversed;     /* high below low */
    int64_t not_positive; /* a price of 0 or less */
    int64_t missing;      /* an empty price */
} alm_bar_facts;

typedef struct alm_snapshot_source {
    alm_str name;
    alm_str object;        /* digest text of the Parquet object */
    alm_str content;       /* digest text over the canonical columns */
    int64_t rows;
    int64_t rejected;
    int64_t outside;       /* rows with an event time outside the window */
    alm_date first, last;  /* event dates; ALM_DATE_NONE for a static table */
    const alm_str *file_digests; /* SHA-256 of every input file as read, in order of the files */
    size_t file_count;
    bool is_bars;          /* the source of the project's bars */
    alm_bar_facts bars;
} alm_snapshot_source;

typedef struct alm_snapshot {
    alm_str id; /* 64 hexadecimal digits */
    alm_date start, end;
    const alm_snapshot_source *sources;
    size_t source_count;
    alm_str manifest; /* canonical JSON, also kept as an object */
    alm_str manifest_object; /* its digest text */
} alm_snapshot;

typedef struct alm_snapshot_options {
    alm_date start, end;        /* event-time window [start, end) */
    alm_instant known_at;       /* only rows known by then; INT64_MAX: no bound */
    const char *rejected_path;  /* CSV of rejected rows; NULL: state/rejected/ID.csv */
    bool dry_run;               /* validate and compute the id, store nothing */
} alm_snapshot_options;

/* Everything in `out` lies in `arena`. */
ALM_NODISCARD alm_err alm_snapshot_take(const alm_env *env, const alm_project *project,
                                        alm_objects *objects, const alm_snapshot_options *options,
                                        alm_arena *arena, alm_snapshot *out, alm_error *error);
/* From the manifest object; verifies its digest and that every named object is there. */
ALM_NODISCARD alm_err alm_snapshot_read(alm_objects *objects, alm_str manifest_object,
                                        alm_arena *arena, alm_snapshot *out, alm_error *error);
/* Reads every object again and recomputes the content hashes and the id. */
ALM_NODISCARD alm_err alm_snapshot_verify(const alm_env *env, const alm_project *project,
                                          alm_objects *objects, const alm_snapshot *snapshot,
                                          alm_error *error);

#endif
