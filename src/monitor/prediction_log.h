/* prediction_log.h: predictions on record, so that each can be made again bit for bit.
 *
 * A record is one line of JSON: which request, which model by the hash of its content, what it was
 * given, what it answered and which step answered. There are two parts, and a record has one of
 * them or both:
 *   - numbers of a model: columns, rows and windows that it was given, and its answers;
 *   - an answer of the product: the request as it came, the reply as it was given, the committed
 *     run that it was made from (`run`, empty: from none), and, where a computation was asked for,
 *     which states of which releases there were.
 *
 * Doubles are the shortest text that reads back to the same bits; null is a missing value (NaN; all
 * of them come back as one), "inf" and "-inf" the infinities. Texts that are no UTF-8 or hold a NUL
 * are refused, not mended: a column of another name would be another column.
 *
 *     {"v":3,"time":"...Z","request_id":"...","trace_id":"","route":"...","model":"demand",
 *      "version":"3","model_hash":"<64 digits>","served_by":"model","reason":"","run":"",
 *      "columns":["a","b"],"rows":[[1,0.1]],"steps":0,"windows":[],"answers":[[2.5]],
 *      "request":null,"reply":null,"state":[]}
 *
 * Lines go to a sink by way of line_writer.h. The last line of a file may be torn (no line break):
 * it is none. Version 2 is 3 without `state`, and is read; version 1 was never written.
 *
 * Which requests are on record is decided by a hash of their id and a rate, so it needs no state,
 * several services decide alike, and what is on record at one rate is so at every higher one. Who
 * chooses the id chooses: a client whose own ids are taken over is there always or never. */
#ifndef ALM_MONITOR_PREDICTION_LOG_H
#define ALM_MONITOR_PREDICTION_LOG_H

#include "base/date.h"
#include "base/hash.h"

#define ALM_PREDICTION_TEXT_BYTES_MAX 256
#define ALM_PREDICTION_COLUMNS_MAX 4096
#define ALM_PREDICTION_ROWS_MAX 4096
#define ALM_PREDICTION_OUTPUTS_MAX 4096
#define ALM_PREDICTION_VALUES_MAX 262144 /* of a record, inputs and answers together */
#define ALM_PREDICTION_BODY_BYTES_MAX (1u << 20) /* of a request, and of a reply */
#define ALM_PREDICTION_BODY_DEPTH_MAX 60         /* of their brackets */
#define ALM_PREDICTION_LINE_BYTES_MAX (18u << 20)

/* What a release would compute from when an answer was asked for. */
typedef struct alm_prediction_state {
    alm_str release;
    alm_str run;     /* its committed run in force; empty: none */
    alm_str line;    /* the run whose snapshot the state began with; empty: nobody looked at one */
    alm_date end;    /* the first day that was not over; ALM_DATE_NONE without a line */
    uint64_t events; /* of the log of events, those below this sequence were counted */
} alm_prediction_state;

#define ALM_PREDICTION_STATES_MAX 2

typedef struct alm_prediction_record {
    alm_instant time;
    alm_str request_id; /* not empty */
    alm_str trace_id;   /* may be empty, as route and reason */
    alm_str route;
    alm_str model;
    alm_str version;
    alm_digest model_hash;
    alm_str served_by; /* the step of the fallback ladder */
    alm_str reason;    /* why that one */
    alm_str run;       /* id of the committed run; may be empty */
    /* Numbers of a model. */
    size_t column_count; /* 0: windows only, or no inputs */
    const alm_str *column;
    size_t row_count; /* 0: none of this */
    const double *value; /* row_count x column_count */
    size_t steps;        /* of the windows; 0: none */
    size_t window_width;
    const double *window; /* row_count x steps x window_width, oldest step first */
    size_t output_count;  /* >= 1 where there are rows */
    const double *answer; /* row_count x output_count */
    /* An answer of the product: JSON, on both sides or on none. */
    alm_str request; /* empty: none */
    alm_str reply;
    /* Where a computation was asked for: of the release asked for, then of the one before it. */
    size_t state_count;
    alm_prediction_state state[ALM_PREDICTION_STATES_MAX];
} alm_prediction_record;

/* rate 0 = none, 1 = all; NaN = none. */
bool alm_prediction_is_sampled(alm_str request_id, double rate);

/* Appends the line with its line break; nothing on failure. `request` and `reply` are JSON (a
 * promise of the caller; white space between values is left out). ALM_ERR_LIMIT: beyond the sizes
 * above; ALM_ERR_INVALID: a text that cannot be written as it is, neither part, or half of one;
 * ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_prediction_write(const alm_prediction_record *record, alm_buffer *out,
                                           alm_error *error);

/* Reads a line, with or without its line break, into `arena`; request and reply are canonical JSON
 * then. ALM_ERR_INVALID: not such a line, or
 * of a version that this program does not know; ALM_ERR_LIMIT. */
ALM_NODISCARD alm_err alm_prediction_read(alm_str line, alm_arena *arena,
                                          alm_prediction_record *out, alm_error *error);

#endif
