#include "http/service.h"

#include <string.h>
#include <strings.h>

/* What `admit` finds out, kept for `handle`. */
typedef struct admitted {
    const alm_route *route;
    alm_str value[ALM_ROUTE_VALUES_MAX];
    alm_identity identity;
} admitted;

static void problem(alm_reply *reply, const alm_request *request, int status, const char *detail)
{
    alm_problem what = {.status = status, .detail = alm_str_of(detail)};
    alm_reply_problem(reply, request, &what);
}

/* "application/json; charset=utf-8" is "application/json". */
static bool is_type(alm_str given, const char *type)
{
    alm_str rest = given;
    alm_str name = alm_str_trim(alm_str_split(&rest, ';'));
    size_t size = strlen(type);
    return name.size == size && strncasecmp(name.data, type, size) == 0;
}

/* JSON may name UTF-8 and nothing else. */
static bool is_utf8_charset(alm_str given)
{
    alm_str rest = given;
    (void)alm_str_split(&rest, ';');
    while (rest.data && rest.size > 0) {
        alm_str value = alm_str_split(&rest, ';');
        alm_str name = alm_str_trim(alm_str_split(&value, '='));
        value = value.data ? alm_str_trim(value) : ALM_STR("");
        bool is_charset = name.size == 7 && strncasecmp(name.data, "charset", 7) == 0;
        if (is_charset && !(value.size == 5 && strncasecmp(value.data, "utf-8", 5) == 0)) {
            return false;
        }
    }
    return true;
}

static bool takes_type(const alm_route *route, alm_str given)
{
    if (route->request) {
        return is_type(given, ALM_TYPE_JSON) && is_utf8_charset(given);
    }
    for (size_t i = 0; route->request_types && route->request_types[i]; i++) {
        if (is_type(given, route->request_types[i])) {
            return true;
        }
    }
    return false;
}

static bool has_body(const alm_request *request)
{
    alm_str length = alm_request_header(request, "content-length");
    return (length.size > 0 && !alm_str_is(length, "0")) ||
           alm_request_header(request, "transfer-encoding").size > 0;
}

static void check_type(const alm_route *route, const alm_request *request, alm_reply *reply)
{
    bool wants_body = route->request || route->request_types;
    if (wants_body && route->any_type) {
        return;
    }
    alm_str given = alm_request_header(request, "content-type");
    if (!wants_body) {
        if (has_body(request)) {
            problem(reply, request, 400, "this address takes no body");
        }
        return;
    }
    if (!takes_type(route, given)) {
        problem(reply, request, 415,
                route->request ? "the body must be JSON: Content-Type: application/json"
                               : "Content-Type is not one that this address takes");
    }
}

/* The value of {model} in the path; empty when there is none. */
static alm_str model_of(const admitted *found)
{
    size_t index = 0;
    for (const char *at = strchr(found->route->path, '{'); at; at = strchr(at + 1, '{')) {
        if (strncmp(at, "{model}", 7) == 0) {
            return found->value[index];
        }
        index++;
    }
    return ALM_STR("");
}

static void put_access_headers(const alm_access_verdict *verdict, const alm_request *request,
                               alm_reply *reply)
{
    char text[ALM_RATE_TEXT_BYTES];
    if (verdict->challenge.size > 0) {
        alm_reply_header(reply, "WWW-Authenticate", verdict->challenge);
    }
    if (verdict->has_rate) {
        alm_reply_headerf(reply, request, "RateLimit-Policy", "%s",
                          alm_rate_policy_text(&verdict->rate, text));
        alm_reply_headerf(reply, request, "RateLimit", "%s",
                          alm_rate_state_text(&verdict->rate, text));
        if (verdict->rate.retry_after_s > 0) {
            alm_reply_headerf(reply, request, "Retry-After", "%u",
                              (unsigned)verdict->rate.retry_after_s);
        }
    }
}

/* May the caller? Sets found->identity, or the reply. */
static void check_access(const alm_service *service, const alm_request *request, admitted *found,
                         alm_reply *reply)
{
    if (found->route->scope == ALM_SCOPE_NONE) {
        return;
    }
    if (!service->access) {
        problem(reply, request, 503, "nobody was given access to this service");
        return;
    }
    alm_access_request asked = {.worker = request->worker,
                                .authorization = alm_request_header(request, "authorization"),
                                .api_key = alm_request_header(request, "x-api-key"),
                                .peer = request->peer,
                                .is_loopback = request->is_loopback,
                                .needed = (alm_role)(found->route->scope - ALM_SCOPE_VIEWER),
                                .model = model_of(found),
                                .now = alm_env_now(service->env),
                                .now_ns = alm_env_monotonic_ns(service->env)};
    alm_access_verdict verdict = alm_access_check(service->access, &asked, request->arena);
    found->identity = verdict.identity;
    if (verdict.reason != ALM_ACCESS_ALLOWED) {
        alm_problem what = {.status = verdict.status,
                            .type = verdict.type,
                            .title = verdict.title,
                            .detail = verdict.detail};
        alm_reply_problem(reply, request, &what);
    }
    put_access_headers(&verdict, request, reply);
}

_Static_assert(ALM_SCOPE_ADMIN - ALM_SCOPE_VIEWER == ALM_ROLE_ADMIN, "scopes are roles");

static void admit(void *context, const alm_request *request, alm_reply *reply, void **slot)
{
    admitted *found = ALM_NEW(request->arena, admitted);
    alm_str allow;
    switch (alm_route_find(request->method, request->path, request->arena, &found->route,
                           found->value, &allow)) {
    case ALM_MATCH_NO_PATH:
        problem(reply, request, 404, "there is nothing at this address; /openapi.json lists all");
        return;
    case ALM_MATCH_NO_METHOD:
        problem(reply, request, 405, "this address does not take this method; Allow lists those");
        alm_reply_header(reply, "Allow", allow);
        return;
    case ALM_MATCH_FOUND:
        break;
    }
    *slot = found;
    check_access(context, request, found, reply);
    if (reply->status == 0) {
        check_type(found->route, request, reply);
    }
}

static void reply_fault(alm_reply *reply, const alm_request *request, const alm_error *error,
                        const char *pointer)
{
    alm_problem what = {.status = error->code == ALM_ERR_MEMORY  ? 503
                                  : error->code == ALM_ERR_LIMIT ? 413
                                                                 : 400,
                        .detail = alm_str_of(error->message),
                        .pointer = pointer ? alm_str_of(pointer) : (alm_str){NULL, 0}};
    alm_reply_problem(reply, request, &what);
}

static void run_with_body(alm_call *call, alm_reply *reply)
{
    alm_json_document *document = NULL;
    alm_error error;
    char pointer[ALM_POINTER_BYTES];
    if (alm_json_parse_bounded(call->request->body, "the body", ALM_JSON_VALUES_MAX, &document,
                               &error) != ALM_OK) {
        reply_fault(reply, call->request, &error, NULL);
        return;
    }
    call->body = alm_json_root(document);
    if (alm_schema_check(call->route->request, call->body, pointer, &error) != ALM_OK) {
        reply_fault(reply, call->request, &error, pointer);
    } else {
        call->route->run(call, reply);
    }
    alm_json_document_destroy(document);
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    const admitted *found = slot;
    alm_call call = {.request = request,
                     .route = found->route,
                     .service = context,
                     .identity = &found->identity};
    memcpy(call.value, found->value, sizeof call.value);
    if (found->route->request) {
        run_with_body(&call, reply);
    } else {
        found->route->run(&call, reply);
    }
    alm_assert(reply->status != 0 || reply->later);
}

static void done(void *context, const alm_request *request, void *slot, const alm_reply *reply,
                 bool sent)
{
    const alm_service *service = context;
    const admitted *found = slot;
    alm_observer_done(service->observer, request, found ? found->route : NULL, reply, sent);
}

alm_server_handler alm_service_handler(alm_service *service)
{
    return (alm_server_handler){
        .admit = admit, .handle = handle, .done = done, .context = service};
}
