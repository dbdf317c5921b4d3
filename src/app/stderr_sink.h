/* stderr_sink.h: lines of a log to standard error, where the supervisor of a service collects
 * them. */
#ifndef ALM_APP_STDERR_SINK_H
#define ALM_APP_STDERR_SINK_H

#include "monitor/line_sink.h"

/* Needs no closing. */
alm_line_sink *almi_stderr_sink(alm_arena *arena);

#endif
