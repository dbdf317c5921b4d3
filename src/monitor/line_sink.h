/* line_sink.h: where lines of a log go.
 *
 * Implementations: files that are rotated by size, and the memory twin; one conformance suite
 * (line_sink_conformance_test.c) runs over all. A program may bring its own (standard error, a
 * message broker) by filling the operations.
 *
 * Thread safety: one thread at a time; line_writer.h has the thread that owns a sink. */
#ifndef ALM_MONITOR_LINE_SINK_H
#define ALM_MONITOR_LINE_SINK_H

#include "base/fs.h"

typedef struct alm_line_sink alm_line_sink;

typedef struct alm_line_sink_ops {
    const char *name;
    /* `lines`: whole lines, each with its line break, at least one. After a failure some of them
     * may be lost, the last one kept may be torn; the sink stays usable, and what is written next
     * begins a line. */
    alm_err (*write)(alm_line_sink *sink, alm_str lines, alm_error *error);
    /* What was written survives a power cut. */
    alm_err (*sync)(alm_line_sink *sink, alm_error *error);
    /* Frees the sink, always; an error means that the last lines may not be there. */
    alm_err (*close)(alm_line_sink *sink, alm_error *error);
} alm_line_sink_ops;

struct alm_line_sink {
    const alm_line_sink_ops *ops;
};

#define ALM_LINE_FILES_MAX 100000

typedef struct alm_line_files {
    alm_fs *fs;            /* borrowed */
    const char *folder;    /* made when it is missing */
    const char *name;      /* a safe name: files are <name>-00000001.ndjson and so on */
    uint64_t file_bytes;   /* a file that would become longer is followed by the next; >= 1. Only a
                            * single longer line makes a longer file. */
    uint32_t files_max;    /* the oldest are removed when there are more; 0 = all are kept */
} alm_line_files;

/* Goes on behind the newest file that is there and never writes into one that it did not make. A
 * file whose write fails is left for the next. ALM_ERR_USAGE, ALM_ERR_IO, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_line_sink_files(const alm_line_files *files, alm_line_sink **out,
                                          alm_error *error);

/* Keeps the newest lines that fit into `limit_bytes` (a longer line: ALM_ERR_LIMIT). */
ALM_NODISCARD alm_err alm_line_sink_memory(size_t limit_bytes, alm_line_sink **out,
                                           alm_error *error);
/* What the memory twin holds; good until its next write. */
alm_str alm_line_sink_memory_view(const alm_line_sink *sink);

#endif
