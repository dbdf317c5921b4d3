#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/service_cases.h"

typedef struct fixture {
    alm_env env;
    alm_buffer openapi, reference;
    alm_service service;
} fixture;

static alm_instant now(void *context)
{
    (void)context;
    return 0;
}

static void start(fixture *f)
{
    *f = (fixture){.env = {.now = now}};
    alm_openapi_write(&f->openapi);
    alm_reference_write(&f->reference);
    f->service.env = &f->env;
    f->service.version = "0";
    f->service.openapi = &f->openapi;
    f->service.reference = &f->reference;
    atomic_store(&f->service.is_ready, true);
}

static void stop(fixture *f)
{
    alm_buffer_deinit(&f->openapi);
    alm_buffer_deinit(&f->reference);
}

static void expect(fixture *f, alm_method method, const char *target, int status)
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
    fixture f;
    start(&f);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    expect(&f, ALM_METHOD_GET, "/livez?verbose", 200);
    expect(&f, ALM_METHOD_GET, "/live%7a", 200); /* an encoded z is a z */
    static const char *const nothing[] = {
        "/",         "",           "/livez/",       "//livez",          "/livez/..",
        "/x/../livez", "/Livez",   "/livez%",       "/livez%00",        "/%2e%2e/livez",
        "/livez%2f", "/live\xff",  "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "*",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        expect(&f, ALM_METHOD_GET, nothing[i], 404);
    }
    stop(&f);
}

static void other_methods_are_told_which_there_are(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    cases_answer answer;
    cases_ask_service(&f.service, ALM_METHOD_DELETE, "/livez", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 405);
    assert_string_equal(cases_reply_header(&answer, "Allow"), "GET, HEAD");
    assert_string_equal(answer.reply.content_type, ALM_TYPE_PROBLEM);
    cases_answer_end(&answer);
    cases_ask_service(&f.service, ALM_METHOD_HEAD, "/livez", NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 200);
    cases_answer_end(&answer);
    cases_ask_service(&f.service, ALM_METHOD_GET, "/livez", NULL, ALM_STR("{}"), &answer);
    assert_int_equal(answer.reply.status, 400);
    assert_non_null(strstr(answer.body.data, "takes no body"));
    cases_answer_end(&answer);
    stop(&f);
}

static void a_problem_names_the_exchange(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    cases_answer answer;
    cases_ask_service(&f.service, ALM_METHOD_GET, "/v2/\"quoted\"", NULL, ALM_STR(""), &answer);
    assert_string_equal(answer.body.data,
                        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                        "\"detail\":\"there is nothing at this address; /openapi.json lists all\","
                        "\"instance\":\"/v2/\\\"quoted\\\"\",\"request_id\":\"test-1\","
                        "\"trace_id\":\"0123456789abcdef0123456789abcdef\","
                        "\"error\":\"there is nothing at this address; /openapi.json lists all\"}");
    cases_answer_end(&answer);
    stop(&f);
}

static void readiness_follows_the_service(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    expect(&f, ALM_METHOD_GET, "/readyz", 200);
    atomic_store(&f.service.is_ready, false);
    expect(&f, ALM_METHOD_GET, "/readyz", 503);
    expect(&f, ALM_METHOD_GET, "/livez", 200);
    stop(&f);
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
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(routes[k]->operation, route->operation);
            if (routes[k]->method == route->method) {
                assert_string_not_equal(routes[k]->path, route->path);
            }
        }
    }
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
    alm_request request = {.query = ALM_STR("a=1&b=x+y%26z&c&d=1&d=2&e=%zz"), .arena = arena};
    alm_str value = ALM_STR("untouched");
    bool found = true;
    assert_int_equal(alm_request_parameter(&request, "a", &value, &found, NULL), ALM_OK);
    assert_true(found && alm_str_is(value, "1"));
    assert_int_equal(alm_request_parameter(&request, "b", &value, &found, NULL), ALM_OK);
    assert_true(found && alm_str_is(value, "x y&z"));
    assert_int_equal(alm_request_parameter(&request, "c", &value, &found, NULL), ALM_OK);
    assert_true(found && value.size == 0);
    assert_int_equal(alm_request_parameter(&request, "d", &value, &found, NULL), ALM_ERR_INVALID);
    assert_int_equal(alm_request_parameter(&request, "e", &value, &found, NULL), ALM_ERR_INVALID);
    value = ALM_STR("untouched");
    assert_int_equal(alm_request_parameter(&request, "f", &value, &found, NULL), ALM_OK);
    assert_true(!found && alm_str_is(value, "untouched"));
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_found_as_they_are_written),
        cmocka_unit_test(other_methods_are_told_which_there_are),
        cmocka_unit_test(a_problem_names_the_exchange),
        cmocka_unit_test(readiness_follows_the_service),
        cmocka_unit_test(routes_are_complete_and_distinct),
        cmocka_unit_test(the_document_holds_every_route),
        cmocka_unit_test(parameters_of_the_query_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
