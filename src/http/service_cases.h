/* service_cases.h: asking a service as the server would, without a network; for tests. */
#ifndef ALM_HTTP_SERVICE_CASES_H
#define ALM_HTTP_SERVICE_CASES_H

#include <sched.h>
#include <string.h>

#include "base/fs.h"
#include "http/service.h"

/* A service without models, runs and access; tests add what they need. */
typedef struct cases_service {
    alm_env env;
    alm_buffer openapi, reference;
    alm_service service;
} cases_service;

static inline alm_instant cases_service_now(void *context)
{
    (void)context;
    return 0;
}

static inline void cases_service_start(cases_service *out)
{
    *out = (cases_service){.env = {.now = cases_service_now}};
    alm_openapi_write(&out->openapi);
    alm_reference_write(&out->reference);
    out->service.env = &out->env;
    out->service.version = "0";
    out->service.openapi = &out->openapi;
    out->service.reference = &out->reference;
    alm_assert(alm_fs_real_create(&out->env.fs, NULL) == ALM_OK);
    alm_assert(alm_service_meters_create(1, &out->service.meters, NULL) == ALM_OK);
    alm_observer_options options = {.env = &out->env, .meters = out->service.meters};
    alm_assert(alm_observer_create(&options, &out->service.observer, NULL) == ALM_OK);
    /* Access is off: the peer of all cases is this machine. */
    alm_access_settings settings = {.development = true,
                                    .limits = {.requests_per_minute = 1000000,
                                               .failures_per_minute = 60,
                                               .clients = 16},
                                    .remembered = 16};
    alm_assert(alm_access_create(&out->env, &settings, true, 1, &out->service.access, NULL) ==
               ALM_OK);
    atomic_store(&out->service.is_ready, true);
}

static inline void cases_service_stop(cases_service *service)
{
    alm_access_destroy(service->service.access);
    alm_observer_destroy(service->service.observer);
    alm_meters_destroy(service->service.meters);
    alm_fs_destroy(service->env.fs);
    alm_buffer_deinit(&service->openapi);
    alm_buffer_deinit(&service->reference);
}

typedef struct cases_answer {
    alm_arena *arena;
    alm_buffer body;
    alm_reply reply;
} cases_answer;

static inline void cases_woken(void *connection)
{
    atomic_store((atomic_bool *)connection, true);
}

/* A reply that comes later, waited for. */
static inline void cases_wait(alm_reply *reply)
{
    atomic_bool woken = false;
    alm_later *later = reply->later;
    reply->later = NULL;
    later->wake = cases_woken;
    later->connection = &woken;
    later->start(later);
    while (!atomic_load(&woken)) {
        (void)sched_yield();
    }
    later->finish(later);
}

/* A reply in pieces, read to its end into the body. */
static inline void cases_read_stream(cases_answer *answer)
{
    alm_reply_stream *stream = &answer->reply.stream;
    bool is_last = !stream->next;
    while (!is_last) {
        alm_buffer piece = {0};
        alm_assert(stream->next(stream->context, &piece, &is_last, NULL) == ALM_OK);
        alm_buffer_str(&answer->body, alm_buffer_view(&piece));
        alm_buffer_deinit(&piece);
    }
    if (stream->close) {
        stream->close(stream->context);
    }
}

/* `headers`: pairs of name (lower case) and value, NULL at the end; may be NULL. A body gets its
 * Content-Length. The answer is valid until cases_answer_end. */
static inline void cases_ask_service(alm_service *service, alm_http_method method,
                                     const char *target, const char *const *headers, alm_str body,
                                     cases_answer *out)
{
    alm_header header[32];
    size_t count = 0;
    *out = (cases_answer){.arena = alm_arena_create(0)};
    out->reply.body = &out->body;
    for (; headers && headers[2 * count]; count++) {
        header[count] = (alm_header){alm_str_of(headers[2 * count]),
                                     alm_str_of(headers[2 * count + 1])};
    }
    if (body.size > 0) {
        const char *length = alm_arena_printf(out->arena, "%zu", body.size);
        header[count++] = (alm_header){ALM_STR("content-length"), alm_str_of(length)};
    }
    alm_str query = alm_str_of(target);
    alm_str path = alm_str_split(&query, '?');
    alm_request request = {.method = method,
                           .target = alm_str_of(target),
                           .path = path,
                           .query = query.data ? query : ALM_STR(""),
                           .header = header,
                           .header_count = count,
                           .body = body.data ? body : ALM_STR(""),
                           .peer = ALM_STR("127.0.0.1"),
                           .is_loopback = true,
                           .id = ALM_STR("test-1"),
                           .trace_id = "0123456789abcdef0123456789abcdef",
                           .arena = out->arena};
    alm_server_handler handler = alm_service_handler(service);
    void *slot = NULL;
    handler.admit(handler.context, &request, &out->reply, &slot);
    if (out->reply.status == 0 && out->reply.later) {
        cases_wait(&out->reply);
    }
    if (out->reply.status == 0) {
        handler.handle(handler.context, &request, slot, &out->reply);
    }
    if (out->reply.status == 0) {
        cases_wait(&out->reply);
    }
    cases_read_stream(out);
    handler.done(handler.context, &request, slot, &out->reply, true);
    alm_buffer_text(&out->body, ""); /* NUL terminated, also when it is empty */
}

/* Asks the endpoint itself as somebody whom access has let in for `pattern` of models alone. */
static inline void cases_ask_limited(alm_service *service, const char *pattern,
                                     alm_http_method method, const char *target,
                                     const char *body, cases_answer *out)
{
    alm_str models[] = {alm_str_of(pattern)};
    alm_identity who = {.kind = ALM_IDENTITY_API_KEY, .subject = ALM_STR("0123456789ab"),
                        .roles = alm_roles_of(ALM_ROLE_ADMIN), .models = models, .model_count = 1};
    *out = (cases_answer){.arena = alm_arena_create(0)};
    out->reply.body = &out->body;
    alm_str query = alm_str_of(target);
    alm_str path = alm_str_split(&query, '?');
    const alm_header type = {ALM_STR("content-type"), ALM_STR(ALM_TYPE_JSON)};
    alm_request request = {.method = method, .target = alm_str_of(target), .path = path,
                           .query = query.data ? query : ALM_STR(""), .header = &type,
                           .header_count = 1, .body = alm_str_of(body), .id = ALM_STR("test-1"),
                           .arena = out->arena};
    alm_call call = {.request = &request, .service = service, .identity = &who};
    alm_json_document *document = NULL;
    alm_str allow;
    alm_assert(alm_route_find(method, path, out->arena, &call.route, call.value, &allow) ==
               ALM_MATCH_FOUND);
    if (call.route->request) {
        alm_assert(alm_json_parse(request.body, "the body", &document, NULL) == ALM_OK);
        call.body = alm_json_root(document);
    }
    call.route->run(&call, &out->reply);
    cases_read_stream(out);
    alm_json_document_destroy(document);
    alm_buffer_text(&out->body, "");
}

/* Value of a header of the reply, or NULL. */
static inline const char *cases_reply_header(const cases_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->reply.header_count; i++) {
        const alm_header *header = &answer->reply.header[i];
        if (alm_str_is(header->name, name)) {
            return alm_arena_copy_text(answer->arena, header->value.data, header->value.size);
        }
    }
    return NULL;
}

static inline void cases_answer_end(cases_answer *answer)
{
    alm_buffer_deinit(&answer->body);
    alm_arena_destroy(answer->arena);
}

#endif
