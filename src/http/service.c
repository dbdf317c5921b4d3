#include "http/service.h"

#include <string.h>
#include <strings.h>

#include "http/access_reply.h"
#include "http/endpoint/oip_round.h"
#include "http/off_loop.h"

/* What `admit` finds out, kept for `handle`. */
typedef struct admitted {
    const alm_route *route;
    alm_str value[ALM_ROUTE_VALUES_MAX];
    alm_identity identity;
    bool is_lines; /* the body is lines of JSON, which the endpoint reads */
    alm_json_document *document; /* of a body that is read while the reply is made or on its way */
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

static bool takes_type(const alm_route *route, alm_str given, bool *is_lines)
{
    if (route->request) {
        *is_lines = route->request_line && is_type(given, ALM_TYPE_LINES);
        return (*is_lines || is_type(given, ALM_TYPE_JSON)) && is_utf8_charset(given);
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

static void check_type(admitted *found, const alm_request *request, alm_reply *reply)
{
    const alm_route *route = found->route;
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
    if (!takes_type(route, given, &found->is_lines)) {
        problem(reply, request, 415,
                route->request_line ? "the body must be JSON or lines of it: Content-Type: "
                                      "application/json or application/x-ndjson"
                : route->request ? "the body must be JSON: Content-Type: application/json"
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

/* Is there somebody who may see more than others on a route for anybody? */
static bool may_see_more(const alm_service *service, const alm_request *request,
                         const alm_route *route)
{
    return route->shows_more && service->access &&
           (alm_access_is_off(service->access) ||
            alm_request_header(request, "authorization").size > 0 ||
            alm_request_header(request, "x-api-key").size > 0);
}

/* Sets found->identity, or the reply. */
static void take_verdict(const alm_access_verdict *verdict, const alm_request *request,
                         admitted *found, alm_reply *reply)
{
    bool is_open = found->route->scope == ALM_SCOPE_NONE;
    if (is_open && (verdict->status == 403 || verdict->reason == ALM_ACCESS_NO_CREDENTIALS)) {
        return; /* he sees what anybody sees */
    }
    found->identity = verdict->identity;
    almi_access_reply(verdict, request, reply);
}

/* ---- API keys that are checked by another thread ---- */

typedef struct deferred {
    alm_later later;
    alm_key_check check;
    alm_key_checker *keys;
    const alm_request *request;
    admitted *found;
    alm_reply *reply;
    bool is_taken;
} deferred;

static void tell(void *context)
{
    deferred *d = context;
    d->later.wake(d->later.connection);
}

static void start_check(alm_later *later)
{
    deferred *d = later->context;
    d->is_taken = true; /* before: when it is, another thread goes on at once */
    if (!alm_key_checker_ask(d->keys, &d->check)) {
        d->is_taken = false;
        tell(d);
    }
}

static void finish_check(alm_later *later)
{
    deferred *d = later->context;
    if (!d->is_taken) {
        problem(d->reply, d->request, 503, "too many API keys wait to be checked; try again");
        alm_reply_header(d->reply, "Retry-After", ALM_STR("1"));
        return;
    }
    take_verdict(&d->check.verdict, d->request, d->found, d->reply);
    if (d->reply->status == 0) {
        check_type(d->found, d->request, d->reply);
    }
}

static void defer(const alm_service *service, const alm_access_request *asked,
                  const alm_request *request, admitted *found, alm_reply *reply)
{
    deferred *d = ALM_NEW(request->arena, deferred);
    d->later = (alm_later){.start = start_check, .finish = finish_check, .context = d};
    d->check = (alm_key_check){.request = *asked, .arena = request->arena, .told = tell,
                               .context = d};
    d->keys = service->keys;
    d->request = request;
    d->found = found;
    d->reply = reply;
    reply->later = &d->later;
}

/* May the caller? Sets found->identity, or the reply, or that it comes later. */
static void check_access(const alm_service *service, const alm_request *request, admitted *found,
                         alm_reply *reply)
{
    bool is_open = found->route->scope == ALM_SCOPE_NONE;
    if (is_open && !may_see_more(service, request, found->route)) {
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
                                .origin = alm_request_header(request, "origin"),
                                .is_loopback = request->is_loopback,
                                .needed = is_open ? ALM_ROLE_VIEWER
                                                  : (alm_role)(found->route->scope -
                                                               ALM_SCOPE_VIEWER),
                                .defers_hash = service->keys != NULL,
                                .model = model_of(found),
                                .now = alm_env_now(service->env),
                                .now_ns = alm_env_monotonic_ns(service->env)};
    alm_access_verdict verdict = alm_access_check(service->access, &asked, request->arena);
    if (verdict.reason == ALM_ACCESS_DEFERRED) {
        defer(service, &asked, request, found, reply);
        return;
    }
    take_verdict(&verdict, request, found, reply);
}

_Static_assert(ALM_SCOPE_ADMIN - ALM_SCOPE_VIEWER == ALM_ROLE_ADMIN, "scopes are roles");

/* An answer that comes too late is work for nobody, and makes the next ones late as well. What is
 * not a prediction is no load: probes, scrapes and whoever wants to help are answered. */
static bool shed(const alm_service *service, const alm_request *request, const alm_route *route,
                 alm_reply *reply)
{
    if (!request->is_overdue || route->scope != ALM_SCOPE_PREDICTOR) {
        return false;
    }
    alm_str detail = alm_str_of(alm_arena_printf(
        request->arena, "the request waited for %llu ms and was not worked on; try again",
        (unsigned long long)(request->queued_ns / 1000000)));
    alm_off_loop_shed(service, request, route, "queue", detail, reply);
    return true;
}

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
    if (shed(context, request, found->route, reply)) {
        return;
    }
    check_access(context, request, found, reply);
    if (reply->status == 0 && !reply->later) {
        check_type(found, request, reply);
    }
}

static void run_with_body(alm_call *call, admitted *found, alm_reply *reply)
{
    alm_json_document *document = NULL;
    alm_error error;
    char pointer[ALM_POINTER_BYTES];
    if (alm_json_parse_bounded(call->request->body, "the body", ALM_JSON_VALUES_MAX, &document,
                               &error) != ALM_OK) {
        alm_reply_fault(reply, call->request, &error, NULL);
        return;
    }
    call->body = alm_json_root(document);
    if (alm_schema_check(call->route->request, call->body, pointer, &error) != ALM_OK) {
        alm_reply_fault(reply, call->request, &error, pointer);
    } else if (!alm_off_loop(call, reply)) {
        call->route->run(call, reply);
    }
    if (reply->stream.next || reply->later) {
        found->document = document; /* until the exchange is over */
    } else {
        alm_json_document_destroy(document);
    }
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    admitted *found = slot;
    alm_call call = {.request = request,
                     .route = found->route,
                     .service = context,
                     .identity = &found->identity};
    memcpy(call.value, found->value, sizeof call.value);
    if (found->route->request && !found->is_lines) {
        run_with_body(&call, found, reply);
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
    if (found) {
        alm_json_document_destroy(found->document);
    }
}

static void end_round(void *context, int worker)
{
    almi_oip_end_round(context, worker);
}

alm_server_handler alm_service_handler(alm_service *service)
{
    return (alm_server_handler){.admit = admit,
                                .handle = handle,
                                .done = done,
                                .end_round = end_round,
                                .context = service};
}
