/* log_line.h: one event of the service as one line of JSON.
 *
 *     {"time":"2026-01-02T03:04:05.678901Z","level":"info","message":"model loaded",
 *      "request_id":"...","trace_id":"...","model":"demand","rows":12}
 *
 * Every line is valid JSON in UTF-8 and at most ALM_LOG_LINE_BYTES_MAX long, whatever the texts
 * are: long ones are cut, more fields than ALM_LOG_FIELDS_MAX left out, and then the line says
 * "cut":true. Control characters (of C0, DEL and C1, and the line separators U+2028 and U+2029) are
 * escaped, bytes that are not UTF-8 become U+FFFD, so nothing that a client sent can forge a line
 * or steer a terminal. Numbers that are not finite are written as text.
 *
 * A secret is written as "***", always; that a field is one is said where it is made, and its value
 * is not even kept. */
#ifndef ALM_MONITOR_LOG_LINE_H
#define ALM_MONITOR_LOG_LINE_H

#include "base/env.h"

#define ALM_LOG_FIELDS_MAX 16
#define ALM_LOG_KEY_BYTES_MAX 48
#define ALM_LOG_ID_BYTES_MAX 256       /* of request and trace id, as written */
#define ALM_LOG_MESSAGE_BYTES_MAX 2048 /* as written */
#define ALM_LOG_TEXT_BYTES_MAX 1024    /* of a field, as written */
#define ALM_LOG_LINE_BYTES_MAX 20480   /* with the line break: all of the above and more */

typedef enum alm_log_field_kind {
    ALM_LOG_FIELD_TEXT,
    ALM_LOG_FIELD_INTEGER,
    ALM_LOG_FIELD_NUMBER,
    ALM_LOG_FIELD_FLAG,
    ALM_LOG_FIELD_SECRET
} alm_log_field_kind;

typedef struct alm_log_field {
    const char *key; /* [a-z][a-z0-9_]*, none that every line has; an error of the programmer */
    alm_log_field_kind kind;
    alm_str text;
    int64_t integer; /* and flags */
    double number;
} alm_log_field;

static inline alm_log_field alm_log_text(const char *key, alm_str text)
{
    return (alm_log_field){.key = key, .kind = ALM_LOG_FIELD_TEXT, .text = text};
}

static inline alm_log_field alm_log_integer(const char *key, int64_t integer)
{
    return (alm_log_field){.key = key, .kind = ALM_LOG_FIELD_INTEGER, .integer = integer};
}

static inline alm_log_field alm_log_number(const char *key, double number)
{
    return (alm_log_field){.key = key, .kind = ALM_LOG_FIELD_NUMBER, .number = number};
}

static inline alm_log_field alm_log_flag(const char *key, bool flag)
{
    return (alm_log_field){.key = key, .kind = ALM_LOG_FIELD_FLAG, .integer = flag};
}

/* Takes the value so that a call reads like the others, and drops it. */
static inline alm_log_field alm_log_secret(const char *key, alm_str value)
{
    (void)value;
    return (alm_log_field){.key = key, .kind = ALM_LOG_FIELD_SECRET};
}

typedef struct alm_log_event {
    alm_instant time;
    alm_log_level level;
    alm_str message;
    alm_str request_id; /* empty: the line has none */
    alm_str trace_id;   /* empty: the line has none */
    const alm_log_field *field;
    size_t field_count;
} alm_log_event;

/* "error", "warn", "info", "debug"; false for anything else. */
bool alm_log_level_parse(alm_str text, alm_log_level *out);
const char *alm_log_level_text(alm_log_level level);

/* Appends the line with its line break unless the event is below `limit` (DEBUG is below INFO).
 * True when a line was appended; never a part of one, also when there is no memory. */
bool alm_log_line(const alm_log_event *event, alm_log_level limit, alm_buffer *out);

#endif
