/* service_metrics.h: every family of the service, in one table.
 *
 * The table gives the enum, the meters and the table of docs/metrics.md (a test compares them).
 * Names are promises to dashboards and alerts: they may be added to, not changed.
 *
 * Labels say: `route` the pattern of the route table, never a path with ids in it; `served_by` the
 * step of the fallback ladder that answered (model, previous, batch, rule); `model` and `version`
 * what an answer names; `policy` one of the project; `backend` a remote member of a model, or the
 * deployment whose computations (version: current, previous) are meant; `reason`, `result`,
 * `queue`, `log` words of a short fixed list each. No label ever holds anything of a client.
 *
 * Triton's nv_inference_* names are not served: they would count the same things twice. */
#ifndef ALM_MONITOR_SERVICE_METRICS_H
#define ALM_MONITOR_SERVICE_METRICS_H

#include "monitor/meter.h"
#include "monitor/process_metrics.h"

/* X(what, kind, unit, name, labels, series_max, help) */
#define ALM_SERVICE_METRIC_MAP(X)                                                                 \
    X(HTTP_REQUESTS, COUNTER, NONE, "almanac_http_requests_total", "route method status", 512,    \
      "Requests answered, by route, method and status.")                                          \
    X(HTTP_DURATION, HISTOGRAM, SECONDS, "almanac_http_request_duration_seconds", "route", 64,    \
      "Time from the first byte of a request to the last of its answer being handed over.")       \
    X(HTTP_IN_FLIGHT, GAUGE, NONE, "almanac_http_requests_in_flight", "", 0,                      \
      "Requests being answered now.")                                                             \
    X(HTTP_OPEN, GAUGE, NONE, "almanac_http_open_connections", "", 0, "Connections open now.")    \
    X(HTTP_CONNECTIONS, COUNTER, NONE, "almanac_http_connections_total", "result", 8,             \
      "Connections, by result: accepted, refused, timed_out.")                                    \
    X(HTTP_SHED, COUNTER, NONE, "almanac_http_requests_shed_total", "route reason", 128,          \
      "Requests refused with 503 because of overload.")                                           \
    X(HTTP_LIMITED, COUNTER, NONE, "almanac_http_requests_limited_total", "route", 64,            \
      "Requests refused with 429 because a client used up its limit.")                            \
    X(AUTH_FAILURES, COUNTER, NONE, "almanac_auth_failures_total", "reason", 32,                  \
      "Requests refused with 401 or 403, by reason.")                                             \
    X(PREDICTIONS, COUNTER, NONE, "almanac_predictions_total", "model version served_by", 256,    \
      "Predictions made (rows, not requests), by the step that answered.")                        \
    X(PREDICTION_DURATION, HISTOGRAM, SECONDS, "almanac_prediction_duration_seconds",             \
      "model version served_by", 256, "Time of one call of a model, of any number of rows.")      \
    X(FALLBACKS, COUNTER, NONE, "almanac_fallbacks_total", "route reason", 256,                   \
      "Answers that came from a lower step than the first, by why.")                              \
    X(CLAMPS, COUNTER, NONE, "almanac_clamps_total", "policy", 64,                                \
      "Numbers of answers (means of days, orders) that a safety limit changed, by policy.")       \
    X(CACHE_HITS, COUNTER, NONE, "almanac_cache_hits_total", "", 0,                               \
      "Answers found in the response cache.")                                                     \
    X(CACHE_MISSES, COUNTER, NONE, "almanac_cache_misses_total", "", 0,                           \
      "Answers looked for in the response cache and not found.")                                  \
    X(CACHE_EVICTIONS, COUNTER, NONE, "almanac_cache_evictions_total", "", 0,                     \
      "Answers that left the response cache to make room.")                                       \
    X(CACHE_HELD, GAUGE, BYTES, "almanac_cache_held_bytes", "", 0,                                \
      "Memory of the response cache.")                                                            \
    X(SHARED_HITS, COUNTER, NONE, "almanac_shared_cache_hits_total", "", 0,                       \
      "Answers found where services share them.")                                                 \
    X(SHARED_MISSES, COUNTER, NONE, "almanac_shared_cache_misses_total", "", 0,                   \
      "Answers looked for where services share them and not found.")                              \
    X(SHARED_FAILURES, COUNTER, NONE, "almanac_shared_cache_failures_total", "", 0,               \
      "Calls of the shared cache that reached nobody, or ran out of time.")                       \
    X(QUEUE_DEPTH, LEVEL, NONE, "almanac_queue_depth", "queue", 16, "Items waiting now.")         \
    X(QUEUE_TIME, HISTOGRAM, SECONDS, "almanac_queue_time_seconds", "queue", 16,                  \
      "Time that an item waited before it was worked on or shed.")                                \
    X(MODEL_LOADS, COUNTER, NONE, "almanac_model_loads_total", "result", 8,                       \
      "Loads of a model, by result: done, failed.")                                               \
    X(MODEL_UNLOADS, COUNTER, NONE, "almanac_model_unloads_total", "", 0, "Models unloaded.")     \
    X(MODEL_LOAD_DURATION, HISTOGRAM, SECONDS, "almanac_model_load_duration_seconds", "", 0,      \
      "Time from the order to load a model until it could answer.")                               \
    X(MODEL, INFO, NONE, "almanac_model_info", "model version hash approved", 64,                 \
      "One per loaded model.")                                                                    \
    X(BREAKER_STATE, GAUGE, NONE, "almanac_breaker_state", "model version backend", 64,           \
      "0 closed, 1 half open, 2 open: of each remote member of a loaded model, and of the "       \
      "computations of each route.")                                                              \
    X(EVENTS, COUNTER, NONE, "almanac_events_total", "result", 8,                                 \
      "Events posted, by result: accepted, duplicate, refused.")                                  \
    X(LOG_DROPPED, COUNTER, NONE, "almanac_log_lines_dropped_total", "log", 4,                    \
      "Log lines that found no room, so that nobody had to wait.")                                \
    X(LOG_FAILED, COUNTER, NONE, "almanac_log_lines_failed_total", "log", 4,                      \
      "Log lines that could not be written.")                                                     \
    X(PREDICTIONS_RECORDED, COUNTER, NONE, "almanac_predictions_recorded_total", "result", 8,     \
      "Requests chosen for the prediction log: put, or refused because no record can hold them.") \
    X(HEAP_HELD, GAUGE, BYTES, "almanac_heap_held_bytes", "", 0,                                  \
      "Memory that the library holds from the system's allocator.")                               \
    X(BUILD, INFO, NONE, "almanac_build_info", "version commit compiler", 1, "This program.")     \
    X(PROCESS_CPU, COUNTER, SECONDS, "process_cpu_seconds_total", "", 0,                          \
      "User and system processor time.")                                                          \
    X(PROCESS_RESIDENT, GAUGE, BYTES, "process_resident_memory_bytes", "", 0,                     \
      "Resident memory.")                                                                         \
    X(PROCESS_VIRTUAL, GAUGE, BYTES, "process_virtual_memory_bytes", "", 0, "Virtual memory.")    \
    X(PROCESS_FDS, GAUGE, NONE, "process_open_fds", "", 0, "Open file descriptors.")              \
    X(PROCESS_FDS_MAX, GAUGE, NONE, "process_max_fds", "", 0,                                     \
      "How many file descriptors may be open.")                                                   \
    X(PROCESS_START, GAUGE, SECONDS, "process_start_time_seconds", "", 0,                         \
      "When the process started, since 1970.")

typedef enum alm_service_metric {
#define ALM_SERVICE_METRIC_ENUM(what, kind, unit, name, labels, series_max, help) \
    ALM_SERVICE_##what,
    ALM_SERVICE_METRIC_MAP(ALM_SERVICE_METRIC_ENUM)
#undef ALM_SERVICE_METRIC_ENUM
        ALM_SERVICE_METRICS
} alm_service_metric;

/* All of them, with what is known of this build. */
ALM_NODISCARD alm_err alm_service_meters_create(int workers, alm_meters **out, alm_error *error);
/* Sets the process_* families, and the heap's. */
void alm_service_meters_take_process(alm_meters *meters, const alm_process_usage *usage);
/* Retires the series of an unloaded model, so that a service which loads a version a day does not
 * run out of them. */
void alm_service_meters_forget_model(alm_meters *meters, alm_str model, alm_str version);
/* The table of docs/metrics.md: a line in Markdown per family. */
void alm_service_metrics_table(alm_buffer *out);

#endif
