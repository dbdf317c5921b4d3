/* prometheus.h: meters as text for a scrape.
 *
 * Two formats: the text format 0.0.4, which everything reads, and OpenMetrics 1.0.0
 * (openmetrics.io, "OpenMetrics specification", 2020), which a server asks for by its Accept
 * header. They differ in what a counter or an info family is called, in units and in the end mark;
 * names, labels and values of the samples are the same, "le" too (both write 1.0, not 1), so a
 * series does not change when a scraper changes its mind.
 *
 * Families come in the order of their table, series ordered by the bytes of their labels: equal
 * states are equal bytes. A family that nobody has counted in yet is left out. Numbers are exact:
 * nanoseconds become seconds by moving the point. */
#ifndef ALM_MONITOR_PROMETHEUS_H
#define ALM_MONITOR_PROMETHEUS_H

#include "monitor/meter.h"

typedef enum alm_prometheus_format {
    ALM_PROMETHEUS_TEXT,
    ALM_PROMETHEUS_OPENMETRICS
} alm_prometheus_format;

/* By the value of an Accept header (RFC 9110 section 12.5.1; empty = anything goes): OpenMetrics
 * when it is named, in version 1.0.0 or in none, with a quality that is no lower than plain text's.
 * Text otherwise, also for a header that asks for neither: a scrape is better answered than not. */
alm_prometheus_format alm_prometheus_choose(alm_str accept);
const char *alm_prometheus_content_type(alm_prometheus_format format);

/* Appends the whole exposition; nothing on failure (ALM_ERR_MEMORY). */
ALM_NODISCARD alm_err alm_prometheus_write(const alm_meters *meters, alm_prometheus_format format,
                                           alm_buffer *out, alm_error *error);

#endif
