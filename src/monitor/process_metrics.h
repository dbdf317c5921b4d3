/* process_metrics.h: what the kernel says about this process, under the names that every
 * Prometheus client uses (prometheus.io, "Writing client libraries", standard metrics).
 *
 * Read from /proc when somebody asks; it takes a tenth of a millisecond, waits for no disk, and
 * keeps nothing. Formats: proc(5). */
#ifndef ALM_MONITOR_PROCESS_METRICS_H
#define ALM_MONITOR_PROCESS_METRICS_H

#include "base/fs.h"

typedef struct alm_process_source {
    alm_fs *fs;
    const char *root;          /* "/proc" */
    uint64_t ticks_per_second; /* of the kernel's accounts */
    uint64_t page_bytes;
} alm_process_source;

/* /proc of this machine. */
alm_process_source alm_process_source_here(alm_fs *fs);

typedef struct alm_process_usage {
    uint64_t cpu_ns; /* user and system, all threads; in steps of a tick */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_files;     /* with the one that lists them, as other clients count */
    uint64_t open_files_max; /* UINT64_MAX = unlimited */
    double start_seconds;    /* since 1970-01-01T00:00:00Z */
} alm_process_usage;

/* ALM_ERR_NOT_FOUND or ALM_ERR_IO where there is no such /proc, ALM_ERR_CORRUPT where it does not
 * look like proc(5). */
ALM_NODISCARD alm_err alm_process_read(const alm_process_source *source, alm_process_usage *out,
                                       alm_error *error);

#endif
