/* line_writer.h: lines on their way to a sink, without anybody waiting for a disk.
 *
 * Every worker has a ring of bytes; a put copies the line there and returns. One thread collects
 * what is in the rings, some milliseconds of it at a time, and writes it to the sink. When a ring
 * is full the line is dropped and counted: a slow disk costs lines, never a request.
 *
 * Lines of one worker keep their order; those of different ones are mixed. A put takes no lock: of
 * two threads that come with the same worker at the same moment, the second one takes the next
 * ring that is free, and drops its line when none is. */
#ifndef ALM_MONITOR_LINE_WRITER_H
#define ALM_MONITOR_LINE_WRITER_H

#include "monitor/line_sink.h"

#define ALM_LINE_RING_BYTES_MIN 1024
#define ALM_LINE_RING_BYTES_MAX ((size_t)1 << 30)

typedef struct alm_line_writer alm_line_writer;

/* `sink` is borrowed, used by the writer's thread only until destroy, and closed by the caller
 * behind that. `ring_bytes` is rounded up to a power of two. ALM_ERR_LIMIT, ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_line_writer_create(alm_line_sink *sink, int workers, size_t ring_bytes,
                                             alm_line_writer **out, alm_error *error);
/* Writes what was put, then ends the thread; takes NULL. No put may run any more. */
void alm_line_writer_destroy(alm_line_writer *writer);

/* From any thread. `line` is one line or more, each with its line break. False: dropped. */
bool alm_line_writer_put(alm_line_writer *writer, int worker, alm_str line);
/* Waits until all that was put before has been given to the sink, and synced there. */
void alm_line_writer_flush(alm_line_writer *writer);

/* Calls of put that found no room. */
uint64_t alm_line_writer_dropped(const alm_line_writer *writer);
/* Lines that the sink refused (all of a batch are counted when one of them fails). */
uint64_t alm_line_writer_failed(const alm_line_writer *writer);
/* The last failure of the sink; ALM_OK when there was none. */
alm_err alm_line_writer_status(alm_line_writer *writer, alm_error *error);

#endif
