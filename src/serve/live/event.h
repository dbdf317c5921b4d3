/* event.h: one event of the online service, and its bytes in the log.
 *
 * What happened to one series on one day. An event is a fact about a day, not a message about a
 * moment: in which order the events of a day arrive does not matter.
 *
 *   sale         `quantity` was sold; `values` may say own columns of the series' source (a price)
 *   return       `quantity` of that day's sales came back: taken off the day it was sold on
 *   correction   the day's total is `quantity`: what was said of the day before is replaced, sales
 *                and returns that became known later are added to it
 *   receipt      `quantity` arrived in stock
 *   stock_count  `quantity` was counted in stock
 *
 * What became known later comes later: by `known_at`, or when that is not given by the instant at
 * which the service received the event; at the same instant in the order of the log. A day whose
 * total falls below zero counts as zero.
 *
 * The canonical bytes are JSON with sorted keys and the shortest numbers, so equal events are equal
 * bytes. The id is not in them, nor the instant of receipt: an event sent again is the same. */
#ifndef ALM_SERVE_EVENT_H
#define ALM_SERVE_EVENT_H

#include "project/project.h"

#define ALM_EVENT_KIND_MAP(X) \
    X(SALE, "sale")           \
    X(RETURN, "return")       \
    X(CORRECTION, "correction") \
    X(RECEIPT, "receipt")     \
    X(STOCK_COUNT, "stock_count")

typedef enum alm_event_kind {
#define ALM_EVENT_KIND_ENUM(name, text) ALM_EVENT_##name,
    ALM_EVENT_KIND_MAP(ALM_EVENT_KIND_ENUM)
#undef ALM_EVENT_KIND_ENUM
        ALM_EVENT_KINDS
} alm_event_kind;

const char *alm_event_kind_text(alm_event_kind kind);
/* ALM_ERR_INVALID names the kinds that there are. */
ALM_NODISCARD alm_err alm_event_kind_of(alm_str text, alm_event_kind *out, alm_error *error);

#define ALM_EVENT_KEYS_MAX 16
#define ALM_EVENT_VALUES_MAX 64
#define ALM_EVENT_QUANTITY_MAX 1e12
#define ALM_EVENT_NOT_SAID INT64_MIN

typedef struct alm_event_value {
    alm_str column; /* of the project's `series: columns` */
    double value;
} alm_event_value;

typedef struct alm_event {
    alm_event_kind kind;
    const alm_str *keys; /* of the series, in the project's order */
    size_t key_count;
    alm_date day;
    double quantity;
    alm_instant known_at; /* ALM_EVENT_NOT_SAID: when it is received */
    const alm_event_value *values;
    size_t value_count;
} alm_event;

/* Everything that can be said without the series: the kind is one that the project has use for
 * (stock kinds need `stock`), as many keys as a series has, none empty or with bytes that are not
 * UTF-8; a finite quantity of 0 to ALM_EVENT_QUANTITY_MAX; values of sales and corrections only,
 * finite, each column known and of the series' own source, said once; of columns that are declared
 * i64 or bool only what these hold, as a snapshot has it; known_at at most a day before
 * the day began and at most a day after `received` (clocks differ, but not by more).
 * ALM_ERR_INVALID says what is wrong. */
ALM_NODISCARD alm_err alm_event_check(const alm_event *event, const alm_project *project,
                                      alm_instant received, alm_error *error);

/* Of an event that has been checked. */
void alm_event_write(const alm_event *event, alm_buffer *out);
/* Strict; everything in `arena`. The result has not been checked against a project.
 * ALM_ERR_CORRUPT: the bytes were not written by alm_event_write. */
ALM_NODISCARD alm_err alm_event_read(alm_str bytes, alm_arena *arena, alm_event *out,
                                     alm_error *error);

#endif
