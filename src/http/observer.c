#include "http/observer.h"

#include <stdarg.h>
#include <stdio.h>

#include "monitor/log_line.h"

#define NO_ROUTE "none" /* as a label */

struct alm_observer {
    alm_observer_options options;
    size_t routes;
    alm_meter **duration; /* of every route, then of none */
    alm_meter *queue;
};

alm_err alm_observer_create(const alm_observer_options *options, alm_observer **out,
                            alm_error *error)
{
    void *memory = NULL;
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    size_t head = (sizeof(alm_observer) + 63) / 64 * 64;
    ALM_TRY(alm_heap_try(head + (count + 1) * sizeof(alm_meter *), &memory, error));
    alm_observer *made = memory;
    made->options = *options;
    made->routes = count;
    made->duration = (alm_meter **)(void *)((char *)memory + head);
    for (size_t i = 0; i <= count; i++) {
        made->duration[i] = alm_meters_get(options->meters, ALM_SERVICE_HTTP_DURATION,
                                           i < count ? routes[i]->path : NO_ROUTE);
    }
    made->queue = alm_meters_get(options->meters, ALM_SERVICE_QUEUE_TIME, "http");
    *out = made;
    return ALM_OK;
}

void alm_observer_destroy(alm_observer *observer)
{
    alm_heap_free(observer);
}

static alm_meter *duration_of(const alm_observer *o, const alm_route *route)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    for (size_t i = 0; i < o->routes; i++) {
        if (routes[i] == route) {
            return o->duration[i];
        }
    }
    return o->duration[o->routes];
}

static const char *auth_reason(int status)
{
    return status == 401 ? "unknown" : "forbidden";
}

static void count(const alm_observer *o, const alm_request *request, const alm_route *route,
                  const alm_reply *reply, uint64_t elapsed_ns)
{
    char status[ALM_U64_TEXT_BYTES];
    const char *path = route ? route->path : NO_ROUTE;
    alm_meters *meters = o->options.meters;
    int worker = request->worker;
    (void)alm_u64_text((uint64_t)reply->status, status);
    alm_meter_add(alm_meters_get(meters, ALM_SERVICE_HTTP_REQUESTS, path,
                                 alm_method_name(request->method), status), worker, 1);
    alm_meter_observe(duration_of(o, route), worker, elapsed_ns);
    alm_meter_observe(o->queue, worker, request->queued_ns);
    if (reply->status == 429) {
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_HTTP_LIMITED, path), worker, 1);
    } else if (reply->status == 401 || reply->status == 403) {
        alm_meter_add(alm_meters_get(meters, ALM_SERVICE_AUTH_FAILURES,
                                     auth_reason(reply->status)), worker, 1);
    }
}

static void put_event(alm_observer *o, const alm_log_event *event, int worker)
{
    alm_buffer line = {0};
    if (o->options.writer && alm_log_line(event, o->options.level, &line)) {
        (void)alm_line_writer_put(o->options.writer, worker, alm_buffer_view(&line));
    }
    alm_buffer_deinit(&line);
}

/* 501 is a method that a client made up, which is no error here. */
static alm_log_level level_of(int status, bool sent)
{
    bool is_error = status >= 500 && status != 501;
    return is_error ? ALM_LOG_ERROR : status >= 400 || !sent ? ALM_LOG_INFO : ALM_LOG_DEBUG;
}

void alm_observer_done(alm_observer *observer, const alm_request *request, const alm_route *route,
                       const alm_reply *reply, bool sent)
{
    uint64_t now = alm_env_monotonic_ns(observer->options.env);
    uint64_t elapsed = now > request->received_ns ? now - request->received_ns : 0;
    count(observer, request, route, reply, elapsed);
    alm_log_level level = level_of(reply->status, sent);
    if (!observer->options.writer || level > observer->options.level) {
        return;
    }
    alm_log_field fields[] = {
        alm_log_text("method", alm_str_of(alm_method_name(request->method))),
        alm_log_text("route", alm_str_of(route ? route->path : NO_ROUTE)),
        alm_log_integer("status", reply->status),
        alm_log_number("seconds", (double)elapsed / 1e9),
        alm_log_text("peer", request->peer),
        alm_log_flag("sent", sent),
    };
    alm_log_event event = {.time = alm_env_now(observer->options.env),
                           .level = level,
                           .message = ALM_STR("request"),
                           .request_id = request->id,
                           .trace_id = alm_str_of(request->trace_id),
                           .field = fields,
                           .field_count = sizeof fields / sizeof fields[0]};
    put_event(observer, &event, request->worker);
}

void alm_observer_log(alm_observer *observer, alm_log_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t kept = size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    alm_log_event event = {.time = alm_env_now(observer->options.env),
                           .level = level,
                           .message = {text, kept}};
    put_event(observer, &event, 0);
}
