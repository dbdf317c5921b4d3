/* observer.h: what is counted and logged of every exchange (monitor/).
 *
 * Counted: requests by route, method and status; their duration by route; how long they waited for
 * others of their event loop; refusals. Logged as JSON
 * lines: replies of 500 and more as errors (but 501, of a method that a client made up), those of
 * 400 and more as information, the others for debugging. Nothing of a body, a query or a header is
 * in a line but the request's id.
 *
 * Thread safety: made before the server starts; `done` from its workers. */
#ifndef ALM_HTTP_OBSERVER_H
#define ALM_HTTP_OBSERVER_H

#include "base/env.h"
#include "http/route.h"
#include "monitor/line_writer.h"
#include "monitor/service_metrics.h"

typedef struct alm_observer alm_observer;

typedef struct alm_observer_options {
    const alm_env *env;      /* its clocks */
    alm_meters *meters;      /* of alm_service_meters_create */
    alm_line_writer *writer; /* NULL: nothing is logged */
    alm_log_level level;     /* of lines that are written */
} alm_observer_options;

/* What is in the options is borrowed. */
ALM_NODISCARD alm_err alm_observer_create(const alm_observer_options *options, alm_observer **out,
                                          alm_error *error);
void alm_observer_destroy(alm_observer *observer); /* takes NULL */

/* The exchange is over; `route` NULL: nothing was found at its path, or its head was refused. */
void alm_observer_done(alm_observer *observer, const alm_request *request, const alm_route *route,
                       const alm_reply *reply, bool sent);
/* A line of the service itself. */
void alm_observer_log(alm_observer *observer, alm_log_level level, const char *format, ...)
    ALM_PRINTF(3, 4);

#endif
