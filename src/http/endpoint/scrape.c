#include "http/endpoint/answer_meters.h"
#include "http/endpoint/endpoints.h"
#include "monitor/prometheus.h"

static void set(alm_meters *meters, alm_service_metric what, double value)
{
    alm_meter_set(alm_meters_find(meters, what, NULL), value);
}

/* What others count is taken over when somebody asks. */
static void take_over(alm_service *service)
{
    alm_meters *meters = service->meters;
    alm_process_usage usage;
    alm_process_source here = alm_process_source_here(service->env->fs);
    if (alm_process_read(&here, &usage, NULL) == ALM_OK) {
        alm_service_meters_take_process(meters, &usage);
    }
    const alm_server *server = atomic_load(&service->server);
    if (server) {
        alm_server_counts counts = alm_server_count(server);
        set(meters, ALM_SERVICE_HTTP_OPEN, (double)counts.connections);
        set(meters, ALM_SERVICE_HTTP_IN_FLIGHT, (double)counts.requests);
        alm_meter_follow(alm_meters_get(meters, ALM_SERVICE_HTTP_CONNECTIONS, "accepted"),
                         counts.accepted);
        alm_meter_follow(alm_meters_get(meters, ALM_SERVICE_HTTP_CONNECTIONS, "timed_out"),
                         counts.timed_out);
    }
    if (service->writer) {
        alm_meter_follow(alm_meters_get(meters, ALM_SERVICE_LOG_DROPPED, "requests"),
                         alm_line_writer_dropped(service->writer));
        alm_meter_follow(alm_meters_get(meters, ALM_SERVICE_LOG_FAILED, "requests"),
                         alm_line_writer_failed(service->writer));
    }
}

static void follow(alm_meters *meters, alm_service_metric what, const char *label, uint64_t total)
{
    alm_meter_follow(label ? alm_meters_get(meters, what, label)
                           : alm_meters_find(meters, what, NULL), total);
}

static void take_over_records(const alm_service *service)
{
    alm_meters *meters = service->meters;
    if (service->recorder) {
        alm_prediction_recorder_counts c = alm_prediction_recorder_count(service->recorder);
        follow(meters, ALM_SERVICE_PREDICTIONS_RECORDED, "put", c.put);
        follow(meters, ALM_SERVICE_PREDICTIONS_RECORDED, "refused", c.refused);
        follow(meters, ALM_SERVICE_LOG_DROPPED, "predictions", c.dropped);
        follow(meters, ALM_SERVICE_LOG_FAILED, "predictions", c.failed);
    }
    if (service->cache) {
        alm_answer_cache_counts c = alm_answer_cache_count(service->cache);
        follow(meters, ALM_SERVICE_CACHE_HITS, NULL, c.hits);
        follow(meters, ALM_SERVICE_CACHE_MISSES, NULL, c.misses);
        follow(meters, ALM_SERVICE_CACHE_EVICTIONS, NULL, c.evictions);
        set(meters, ALM_SERVICE_CACHE_HELD, (double)c.bytes);
    }
    if (service->share) {
        alm_shared_counts c = alm_shared_count(service->share);
        follow(meters, ALM_SERVICE_SHARED_HITS, NULL, c.found);
        follow(meters, ALM_SERVICE_SHARED_MISSES, NULL, c.absent);
        follow(meters, ALM_SERVICE_SHARED_FAILURES, NULL, c.failed);
    }
}

static void run(const alm_call *call, alm_reply *reply)
{
    alm_error error;
    alm_prometheus_format format =
        alm_prometheus_choose(alm_request_header(call->request, "accept"));
    take_over(call->service);
    take_over_records(call->service);
    almi_show_models(call);
    almi_show_breakers(call);
    if (alm_prometheus_write(call->service->meters, format, reply->body, &error) != ALM_OK) {
        alm_reply_error(reply, call->request, &error);
        return;
    }
    reply->status = 200;
    reply->content_type = alm_prometheus_content_type(format);
}

#define METRICS_TEXT                                                                          \
    "In the text format of Prometheus, or as OpenMetrics 1.0 where the Accept header asks for " \
    "it. docs/metrics.md lists the families."
#define METRICS_RESPONSES                                                                  \
    {{200, ALM_TYPE_PLAIN, NULL, "The metrics."},                                          \
     {200, "application/openmetrics-text", NULL, "The metrics, where Accept asks for it."}}

const alm_route almi_route_scrape = {
    .method = ALM_METHOD_GET,
    .path = "/metrics",
    .operation = "getMetrics",
    .tag = "Health",
    .summary = "Counters and histograms of this process",
    .text = METRICS_TEXT,
    .scope = ALM_SCOPE_VIEWER,
    .response = METRICS_RESPONSES,
    .run = run,
};

const alm_route almi_route_scrape_of_api = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/metrics",
    .operation = "getMetricsOfApi",
    .tag = "Health",
    .summary = "The same as /metrics",
    .text = METRICS_TEXT,
    .scope = ALM_SCOPE_VIEWER,
    .response = METRICS_RESPONSES,
    .run = run,
};
