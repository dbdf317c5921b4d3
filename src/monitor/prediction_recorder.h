/* prediction_recorder.h: predictions of a service on their way to its prediction log.
 *
 * Which requests are on record follows from their id and the rate (prediction_log.h); a record is
 * written as text in the worker's own memory and copied into the worker's ring (line_writer.h). So
 * a request never waits: what finds no room, or is no record, is counted and gone.
 *
 * Thread safety: `wants` and the counters from any thread, `put` from one thread for each worker
 * number at a time. */
#ifndef ALM_MONITOR_PREDICTION_RECORDER_H
#define ALM_MONITOR_PREDICTION_RECORDER_H

#include "monitor/line_writer.h"
#include "monitor/prediction_log.h"

typedef struct alm_prediction_recorder alm_prediction_recorder;

typedef struct alm_prediction_recorder_options {
    alm_line_sink *sink; /* as of alm_line_writer_create: borrowed, closed behind the recorder */
    double rate;         /* 0 to 1 of requests */
    int workers;
    size_t ring_bytes; /* of each worker; a longer line is dropped */
} alm_prediction_recorder_options;

/* ALM_ERR_USAGE: no such rate; those of alm_line_writer_create. */
ALM_NODISCARD alm_err
alm_prediction_recorder_create(const alm_prediction_recorder_options *options,
                               alm_prediction_recorder **out, alm_error *error);
/* Writes what was put; takes NULL. No put may run any more. */
void alm_prediction_recorder_destroy(alm_prediction_recorder *recorder);

/* Is this request to be on record? False of a NULL recorder. */
bool alm_prediction_recorder_wants(const alm_prediction_recorder *recorder, alm_str request_id);
void alm_prediction_recorder_put(alm_prediction_recorder *recorder, int worker,
                                 const alm_prediction_record *record);
/* Waits until what was put is in the sink and synced there. */
void alm_prediction_recorder_flush(alm_prediction_recorder *recorder);

typedef struct alm_prediction_recorder_counts {
    uint64_t put;     /* handed to the writer */
    uint64_t refused; /* no record: larger than the bounds, or a text that none can have */
    uint64_t dropped; /* no room in the ring, or no memory for the text */
    uint64_t failed;  /* lost by the sink: of those that were put */
} alm_prediction_recorder_counts;

alm_prediction_recorder_counts
alm_prediction_recorder_count(const alm_prediction_recorder *recorder);
/* The last failure of the sink; ALM_OK when there was none. */
alm_err alm_prediction_recorder_status(alm_prediction_recorder *recorder, alm_error *error);

#endif
