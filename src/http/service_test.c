#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/problem_schema.h"
#include "http/service_cases.h"

static void expect(cases_service *f, alm_http_method method, const char *target, int status)
{
    cases_answer answer;
    cases_ask_service(&f->service, method, target, NULL, ALM_STR(""), &answer);
    if (answer.reply.status != status) {
        fail_msg("%s gave %d: %s", target, answer.reply.status, answer.body.data);
    }
    cases_answer_end(&answer);
}

static void paths_are_found_as_they_are_written(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    expect(&f, ALM_METHOD_GET, "/livez?verbose", 200);
    expect(&f, ALM_METHOD_GET, "/live%7a", 200); /* an encoded z is a z */
    static const char *const nothing[] = {
        "//",        "",           "/livez/",       "//livez",          "/livez/..",
        "/x/../livez", "/Livez",   "/livez%",       "/livez%00",        "/%2e%2e/livez",
        "/livez%2f", "/live\xff",
        "/api%2fv1%2fmetrics", "/v2%2fmodels/m/infer",  "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "*",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        expect(&f, ALM_METHOD_GET, nothing[i], 404);
    }
    cases_service_stop(&f);
}

static void other_methods_are_told_which_there_are(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    cases_answer answer;
    cases_ask_service(&f.service, ALM_METHOD_DELETE, "/livez", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 405);
    assert_string_equal(cases_reply_header(&answer, "Allow"), "GET, HEAD");
    assert_string_equal(answer.reply.content_type, ALM_TYPE_PROBLEM);
    cases_answer_end(&answer);
    cases_ask_service(&f.service, ALM_METHOD_OTHER, "/livez", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 405);
    assert_string_equal(cases_reply_header(&answer, "Allow"), "GET, HEAD");
    cases_answer_end(&answer);
    cases_ask_service(&f.service, ALM_METHOD_HEAD, "/livez", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 200);
    cases_answer_end(&answer);
    cases_ask_service(&f.service, ALM_METHOD_GET, "/livez", NULL, ALM_STR("{}"), &answer);
    assert_int_equal(answer.reply.status, 400);
    assert_non_null(strstr(answer.body.data, "takes no body"));
    cases_answer_end(&answer);
    cases_service_stop(&f);
}

static void a_problem_names_the_exchange(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    cases_answer answer;
    cases_ask_service(&f.service, ALM_METHOD_GET, "/v2/\"quoted\"", NULL, ALM_STR(""), &answer);
    assert_string_equal(answer.body.data,
                        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"there is nothing at this address; /openapi.json lists all\","
                        "\"instance\":\"/v2/\\\"quoted\\\"\",\"request_id\":\"test-1\","
                        "\"trace_id\":\"0123456789abcdef0123456789abcdef\","
                        "\"error\":\"there is nothing at this address; /openapi.json lists all\"}");
    cases_answer_end(&answer);
    cases_service_stop(&f);
}

static void readiness_follows_the_service(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    expect(&f, ALM_METHOD_GET, "/readyz", 200);
    atomic_store(&f.service.is_ready, false);
    expect(&f, ALM_METHOD_GET, "/readyz", 503);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    cases_service_stop(&f);
}

static void exchanges_are_counted_and_shown(void **state)
{
    (void)state;
    cases_service f;
    cases_answer answer;
    cases_service_start(&f);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    expect(&f, ALM_METHOD_GET, "/%ff", 404);
    cases_ask_service(&f.service, ALM_METHOD_GET, "/metrics", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 200);
    static const char *const lines[] = {
        "almanac_http_requests_total{route=\"/livez\",method=\"GET\",status=\"200\"} 2\n",
        "almanac_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1\n",
        "almanac_http_request_duration_seconds_count{route=\"/livez\"} 2\n",
        "process_resident_memory_bytes ",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!strstr(answer.body.data, lines[i])) {
            fail_msg("no %s in %s", lines[i], answer.body.data);
        }
    }
    cases_answer_end(&answer);
    static const char *const headers[] = {"accept", "application/openmetrics-text", NULL};
    cases_ask_service(&f.service, ALM_METHOD_GET, "/api/v1/metrics", headers, ALM_STR(""), &answer);
    assert_non_null(strstr(answer.reply.content_type, "openmetrics"));
    assert_non_null(strstr(answer.body.data, "# EOF\n"));
    cases_answer_end(&answer);
    cases_service_stop(&f);
}

static int admitted_late(cases_service *f, alm_http_method method, const char *path)
{
    alm_buffer body = {0};
    alm_reply reply = {.body = &body};
    void *slot = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_header type = {ALM_STR("content-type"), ALM_STR(ALM_TYPE_JSON)};
    alm_request request = {.method = method, .path = alm_str_of(path), .header = &type,
                           .header_count = 1, .is_loopback = true, .id = ALM_STR("test-1"),
                           .queued_ns = 1500000000, .is_overdue = true, .arena = arena};
    alm_server_handler handler = alm_service_handler(&f->service);
    handler.admit(handler.context, &request, &reply, &slot);
    if (reply.status == 503) {
        assert_non_null(strstr(body.data, "waited for 1500 ms"));
        assert_true(alm_str_is(reply.header[0].name, "Retry-After"));
    }
    handler.done(handler.context, &request, slot, &reply, true);
    alm_buffer_deinit(&body);
    alm_arena_destroy(arena);
    return reply.status;
}

static void what_is_overdue_is_shed_when_it_is_a_prediction(void **state)
{
    (void)state;
    cases_service f;
    cases_service_start(&f);
    assert_int_equal(admitted_late(&f, ALM_METHOD_POST, "/v2/models/m/infer"), 503);
    assert_int_equal(admitted_late(&f, ALM_METHOD_POST, "/invocations"), 503);
    assert_int_equal(admitted_late(&f, ALM_METHOD_GET, "/livez"), 0);
    assert_int_equal(admitted_late(&f, ALM_METHOD_GET, "/metrics"), 0);
    assert_int_equal(admitted_late(&f, ALM_METHOD_POST, "/v2/repository/models/m/load"), 0);
    cases_answer answer;
    cases_ask_service(&f.service, ALM_METHOD_GET, "/metrics", NULL, ALM_STR(""), &answer);
    assert_non_null(strstr(answer.body.data, "almanac_http_requests_shed_total{route="
                                             "\"/invocations\",reason=\"queue\"} 1\n"));
    assert_non_null(strstr(answer.body.data, "almanac_queue_time_seconds_count{queue=\"http\"} "));
    cases_answer_end(&answer);
    cases_service_stop(&f);
}

static void log_exchange(cases_service *f, int status)
{
    alm_buffer body = {0};
    alm_request request = {.id = ALM_STR("test-2"), .peer = ALM_STR("127.0.0.1")};
    alm_reply reply = {.status = status, .body = &body};
    alm_observer_done(f->service.observer, &request, NULL, &reply, true);
}

static size_t count_text(alm_str text, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i + strlen(what) <= text.size; i++) {
        count += memcmp(text.data + i, what, strlen(what)) == 0;
    }
    return count;
}

/* What a log shows of an exchange: its id and route, and nothing that the client sent besides. */
static void exchanges_are_logged_without_what_they_hold(void **state)
{
    (void)state;
    cases_service f;
    cases_answer answer;
    alm_line_sink *sink = NULL;
    alm_line_writer *writer = NULL;
    cases_service_start(&f);
    alm_observer_destroy(f.service.observer);
    assert_int_equal(alm_line_sink_memory(4096, &sink, NULL), ALM_OK);
    assert_int_equal(alm_line_writer_create(sink, 1, 4096, &writer, NULL), ALM_OK);
    alm_observer_options options = {
        .env = &f.env, .meters = f.service.meters, .writer = writer, .level = ALM_LOG_INFO};
    assert_int_equal(alm_observer_create(&options, &f.service.observer, NULL), ALM_OK);
    static const char *const headers[] = {"authorization", "Bearer secret-1", NULL};
    cases_ask_service(&f.service, ALM_METHOD_GET, "/no?token=secret-2", headers, ALM_STR(""),
                      &answer);
    cases_answer_end(&answer);
    expect(&f, ALM_METHOD_GET, "/livez", 200); /* below the level */
    alm_line_writer_flush(writer);
    alm_str lines = alm_line_sink_memory_view(sink);
    alm_buffer text = {0};
    alm_buffer_str(&text, lines);
    assert_non_null(strstr(text.data, "\"request_id\":\"test-1\""));
    assert_non_null(strstr(text.data, "\"status\":404"));
    assert_null(strstr(text.data, "secret"));
    assert_null(strstr(text.data, "livez"));
    alm_buffer_deinit(&text);
    log_exchange(&f, 501); /* of a method that a client made up: no error of the service */
    log_exchange(&f, 503);
    alm_line_writer_flush(writer);
    lines = alm_line_sink_memory_view(sink);
    assert_int_equal(count_text(lines, "\"status\":501"), 1);
    assert_int_equal(count_text(lines, "\"level\":\"error\""), 1);
    alm_line_writer_destroy(writer);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
    cases_service_stop(&f);
}

/* The table itself: what a client generator and a reader of the page rely on. */
static void routes_are_complete_and_distinct(void **state)
{
    (void)state;
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        const alm_route *route = routes[i];
        assert_non_null(route->operation);
        assert_non_null(route->tag);
        assert_non_null(route->summary);
        assert_non_null(route->run);
        assert_int_equal(route->path[0], '/');
        assert_true(route->response[0].status >= 200 && route->response[0].status < 300);
        for (size_t k = 0; k < ALM_ROUTE_RESPONSES_MAX && route->response[k].status; k++) {
            assert_non_null(route->response[k].doc);
        }
        /* What is too large is refused wherever it is sent. */
        int problem[ALMI_PROBLEMS_MAX];
        size_t refusals = 0;
        almi_route_problems(route, problem);
        for (size_t k = 0; problem[k]; k++) {
            refusals += problem[k] == 413 || problem[k] == 414 || problem[k] == 431;
        }
        assert_int_equal(refusals, 3);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(routes[k]->operation, route->operation);
            if (routes[k]->method == route->method) {
                assert_string_not_equal(routes[k]->path, route->path);
            }
        }
    }
}

/* As a client reads the document: with the most literal of its paths that fits an address. */
static void an_address_belongs_to_one_path(void **state)
{
    (void)state;
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    alm_arena *arena = alm_arena_create(0);
    const alm_route *found = NULL;
    alm_str value[ALM_ROUTE_VALUES_MAX], allow;
    for (size_t i = 0; i < count; i++) {
        alm_buffer address = {0};
        for (const char *at = routes[i]->path; *at; at++) {
            bool is_value = *at == '{';
            at = is_value ? strchr(at, '}') : at;
            alm_buffer_append(&address, is_value ? "x" : at, 1);
        }
        alm_str path = alm_buffer_view(&address);
        assert_int_equal(alm_route_find(routes[i]->method, path, arena, &found, value, &allow),
                         ALM_MATCH_FOUND);
        assert_ptr_equal(found, routes[i]);
        alm_buffer_deinit(&address);
    }
    static const struct {
        const char *path, *allow;
    } only[] = {{"/api/v1/predictions/demand", "POST"},
                {"/api/v1/predictions/total", "GET, HEAD"},
                {"/api/v1/models/train", "POST"},
                {"/v1/models/m:predict", "POST"},
                {"/v1/models/m", "GET, HEAD"}};
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++) {
        assert_int_equal(alm_route_find(ALM_METHOD_OPTIONS, alm_str_of(only[i].path), arena, &found,
                                        value, &allow), ALM_MATCH_NO_METHOD);
        assert_true(alm_str_is(allow, only[i].allow));
    }
    assert_int_equal(alm_route_find(ALM_METHOD_GET, ALM_STR("/api/v1/predictions/demand"), arena,
                                    &found, value, &allow), ALM_MATCH_NO_METHOD);
    alm_arena_destroy(arena);
}

static void the_document_holds_every_route(void **state)
{
    (void)state;
    alm_buffer out = {0}, again = {0};
    alm_json_document *document = NULL;
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    alm_openapi_write(&out);
    alm_openapi_write(&again);
    assert_true(alm_str_equal(alm_buffer_view(&out), alm_buffer_view(&again)));
    assert_int_equal(alm_json_parse(alm_buffer_view(&out), "openapi", &document, NULL), ALM_OK);
    const alm_json *paths = alm_json_member(alm_json_root(document), "paths");
    size_t operations = 0;
    for (size_t i = 0; i < alm_json_count(paths); i++) {
        alm_str path;
        operations += alm_json_count(alm_json_member_at(paths, i, &path));
    }
    assert_int_equal(operations, count);
    const alm_json *operation =
        alm_json_member(alm_json_member(paths, "/v2/repository/index"), "post");
    bool is_required = true; /* the body, which may be empty */
    assert_int_equal(alm_json_get_bool(alm_json_member(operation, "requestBody"), "required",
                                       &is_required, NULL), ALM_OK);
    assert_false(is_required);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(alm_json_member(paths, routes[i]->path));
    }
    alm_json_document_destroy(document);
    alm_buffer_clear(&again);
    alm_reference_write(&again);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(again.data, routes[i]->operation));
    }
    alm_buffer_deinit(&out);
    alm_buffer_deinit(&again);
}

static void parameters_of_the_query_are_decoded(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    alm_request request = {.query = ALM_STR("a=1&b=x+y%26z&c&d=1&d=2&e=%zz&g=x%0f"),
                           .arena = arena};
    alm_str value = ALM_STR("untouched");
    bool found = true;
    assert_int_equal(alm_request_parameter(&request, "a", &value, &found, NULL), ALM_OK);
    assert_true(found && alm_str_is(value, "1"));
    assert_int_equal(alm_request_parameter(&request, "b", &value, &found, NULL), ALM_OK);
    assert_true(found && alm_str_is(value, "x y&z"));
    assert_int_equal(alm_request_parameter(&request, "c", &value, &found, NULL), ALM_ERR_INVALID);
    assert_int_equal(alm_request_parameter(&request, "d", &value, &found, NULL), ALM_ERR_INVALID);
    assert_int_equal(alm_request_parameter(&request, "e", &value, &found, NULL), ALM_ERR_INVALID);
    assert_int_equal(alm_request_parameter(&request, "g", &value, &found, NULL), ALM_ERR_INVALID);
    value = ALM_STR("untouched");
    assert_int_equal(alm_request_parameter(&request, "f", &value, &found, NULL), ALM_OK);
    assert_true(!found && alm_str_is(value, "untouched"));
    char longest[2 + 2 * ALM_NAME_CHARACTERS_MAX + 2] = "e=";
    for (size_t i = 0; i < ALM_NAME_CHARACTERS_MAX; i++) {
        memcpy(longest + 2 + 2 * i, "\xc3\xa9", 2); /* a character of two bytes */
    }
    request.query = (alm_str){longest, 2 + 2 * ALM_NAME_CHARACTERS_MAX};
    assert_int_equal(alm_request_parameter(&request, "e", &value, &found, NULL), ALM_OK);
    assert_int_equal(value.size, 2 * ALM_NAME_CHARACTERS_MAX);
    longest[request.query.size++] = 'x';
    assert_int_equal(alm_request_parameter(&request, "e", &value, &found, NULL), ALM_ERR_INVALID);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_found_as_they_are_written),
        cmocka_unit_test(other_methods_are_told_which_there_are),
        cmocka_unit_test(a_problem_names_the_exchange),
        cmocka_unit_test(readiness_follows_the_service),
        cmocka_unit_test(exchanges_are_counted_and_shown),
        cmocka_unit_test(what_is_overdue_is_shed_when_it_is_a_prediction),
        cmocka_unit_test(exchanges_are_logged_without_what_they_hold),
        cmocka_unit_test(routes_are_complete_and_distinct),
        cmocka_unit_test(an_address_belongs_to_one_path),
        cmocka_unit_test(the_document_holds_every_route),
        cmocka_unit_test(parameters_of_the_query_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
