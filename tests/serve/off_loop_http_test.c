/* What takes long is worked on off the event loop: the same bytes, and the loop answers others
 * meanwhile. A computation is slow here because it is held at a gate; the clock of deadlines is the
 * test's own. */
#include <stdio.h>

#include "computed_fixture.h"
#include "http/server_cases.h"

#include "base/thread.h"

typedef struct gate {
    computed_web t;
    alm_computing_source held; /* the line's, behind the gate */
    alm_mutex busy;
    alm_condition moved;
    bool is_open;
    int inside; /* so many have come to it */
    atomic_uint_fast64_t clock_ns;
    atomic_bool is_stopped;
    cases_fixture served;
} gate;

static alm_err enter_held(void *context, alm_str route, alm_str model_version,
                          alm_computing_line *out, alm_error *error)
{
    gate *g = context;
    alm_mutex_lock(&g->busy);
    g->inside++;
    alm_condition_broadcast(&g->moved);
    while (!g->is_open) {
        alm_condition_wait(&g->moved, &g->busy);
    }
    alm_mutex_unlock(&g->busy);
    return g->t.c.source.enter(g->t.c.source.context, route, model_version, out, error);
}

static void leave_held(void *context, const alm_computing_line *line)
{
    gate *g = context;
    g->t.c.source.leave(g->t.c.source.context, line);
}

static uint64_t clock_of(void *context)
{
    return atomic_load(&((gate *)context)->clock_ns);
}

static void start(gate *g, void **state, size_t waiting_max)
{
    const alm_crew_options options = {.name = "test", .members = 1, .waiting_max = waiting_max};
    *g = (gate){.is_open = false};
    computed_start(&g->t, state);
    alm_mutex_init(&g->busy);
    alm_condition_init(&g->moved);
    alm_service *service = &g->t.w->cases.service;
    g->held = (alm_computing_source){enter_held, leave_held, g};
    service->computing = &g->held;
    service->clock = (alm_ladder_clock){clock_of, g};
    service->crew_worker = 1;
    assert_int_equal(alm_crew_create(&options, &service->crew, NULL), ALM_OK);
}

static void serve(gate *g, uint32_t drain_seconds)
{
    alm_server_settings settings = alm_server_defaults;
    settings.drain_seconds = drain_seconds;
    assert_true(cases_start(&g->served, &cases_env, settings,
                            alm_service_handler(&g->t.w->cases.service)));
}

static void stop(gate *g)
{
    alm_service *service = &g->t.w->cases.service;
    if (g->served.server) {
        cases_stop(&g->served);
    }
    alm_crew_destroy(service->crew);
    computed_stop(&g->t);
    alm_condition_deinit(&g->moved);
    alm_mutex_deinit(&g->busy);
}

static void wait_until_inside(gate *g, int inside)
{
    alm_mutex_lock(&g->busy);
    while (g->inside < inside) {
        alm_condition_wait(&g->moved, &g->busy);
    }
    alm_mutex_unlock(&g->busy);
}

static void open_gate(gate *g)
{
    alm_mutex_lock(&g->busy);
    g->is_open = true;
    alm_condition_broadcast(&g->moved);
    alm_mutex_unlock(&g->busy);
}

#define SUPPOSE "{" NODE "\"scenarios\":[{\"name\":\"x\",\"demand_factor\":2}]}"
#define COMPUTE "{" WHAT_IF "\"features\":{}}"

/* A connection that has sent a request and waits for its reply. */
static int send_request(const gate *g, const char *target, const char *body)
{
    char head[512];
    int fd = cases_connect(g->served.server);
    int size = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", target,
                        strlen(body));
    assert_true(fd >= 0 && cases_send(fd, head, (size_t)size));
    assert_true(cases_send(fd, body, strlen(body)));
    return fd;
}

static int status_of(int fd, alm_buffer *reply)
{
    alm_buffer_clear(reply);
    cases_receive_all(fd, reply);
    alm_buffer_text(reply, "");
    (void)close(fd);
    return cases_status(reply);
}

static void wait_until_in_line(const gate *g, int64_t count)
{
    alm_meter_reading depth;
    alm_meters *meters = g->t.w->cases.service.meters;
    do {
        cases_pause();
        alm_meter_read(alm_meters_get(meters, ALM_SERVICE_QUEUE_DEPTH, "computations"), &depth);
    } while (depth.level < count);
}

static void expect_alive(gate *g)
{
    cases_ask(g->served.server, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
              &g->served.reply);
    assert_int_equal(cases_status(&g->served.reply), 200);
}

static const char *expect_part(const alm_buffer *reply, const char *part)
{
    const char *at = strstr(reply->data, part);
    if (!at) {
        fail_msg("no %s in %s", part, reply->data);
    }
    return at;
}

/* Every kind of request that may be put aside, answered on the loop and off it. */
static void test_the_same_bytes(void **state)
{
    static const char *const JSON[] = {"content-type", ALM_TYPE_JSON, NULL, NULL};
    static const struct {
        const char *target, *body;
        int status;
    } CASE[] = {
        {"/api/v1/whatif", SUPPOSE, 200},
        {"/api/v1/whatif", "{" NODE "\"scenarios\":[{\"name\":\"x\",\"price\":1,\"price_column\":"
         "\"cost\"}]}", 400},
        {"/api/v1/predictions/demand", COMPUTE, 200},
        {"/api/v1/predictions/demand", "{" SHOP "\"node\":\"a|UK\",\"horizon\":1}", 200},
        {"/api/v1/predictions/demand", "{" NODE "\"features\":{}}", 400},
        {"/api/v1/predictions/stockout", "{" NODE "\"purpose\":\"stockout_check\",\"features\":{},"
         "\"stock\":{\"on_hand\":100}}", 200},
        {"/api/v1/predictions/optimize", "{" NODE "\"purpose\":\"emergency_replenishment\","
         "\"features\":{},\"lead_time_days\":2,\"service_level\":0.9,\"on_hand\":1}", 200},
    };
    gate g;
    start(&g, state, 4);
    open_gate(&g);
    alm_service *service = &g.t.w->cases.service;
    alm_crew *crew = service->crew;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        cases_answer at_once, later;
        service->crew = NULL;
        cases_ask_service(service, ALM_METHOD_POST, CASE[i].target, JSON,
                          alm_str_of(CASE[i].body), &at_once);
        service->crew = crew;
        cases_ask_service(service, ALM_METHOD_POST, CASE[i].target, JSON,
                          alm_str_of(CASE[i].body), &later);
        assert_int_equal(at_once.reply.status, CASE[i].status);
        assert_int_equal(later.reply.status, CASE[i].status);
        assert_string_equal(later.body.data, at_once.body.data);
        assert_int_equal(later.reply.header_count, at_once.reply.header_count);
        cases_answer_end(&at_once);
        cases_answer_end(&later);
    }
    stop(&g);
}

static void test_the_loop_answers_others_meanwhile(void **state)
{
    gate g;
    start(&g, state, 1);
    serve(&g, 30);
    int first = send_request(&g, "/api/v1/whatif", SUPPOSE);
    wait_until_inside(&g, 1); /* it is being worked on, and cannot end */
    expect_alive(&g);
    int second = send_request(&g, "/api/v1/predictions/demand", COMPUTE);
    wait_until_in_line(&g, 1);
    int third = send_request(&g, "/api/v1/predictions/demand", COMPUTE);
    assert_int_equal(status_of(third, &g.served.reply), 503);
    (void)expect_part(&g.served.reply, "Retry-After: 1\r\n");
    (void)expect_part(&g.served.reply, "too many computations wait");
    (void)expect_part(&g.served.reply, "X-Request-ID: ");
    expect_alive(&g);
    assert_int_equal(g.inside, 1);
    open_gate(&g);
    assert_int_equal(status_of(first, &g.served.reply), 200);
    (void)expect_part(&g.served.reply, "\"served_by\":\"model\"");
    assert_int_equal(status_of(second, &g.served.reply), 200);
    (void)expect_part(&g.served.reply, "\"served_by\":\"model\"");
    stop(&g);
}

/* The time in the line is time of the deadline: of 50 ms the model has the first 30, and the batch
 * what is left of the first 45. */
static void test_who_has_waited_too_long_goes_down_the_ladder(void **state)
{
    static const struct {
        uint64_t waited_ms;
        const char *target, *body, *by; /* NULL: nobody */
    } CASE[] = {
        {29, "/api/v1/predictions/demand", COMPUTE, "\"served_by\":\"model\""},
        {44, "/api/v1/predictions/demand", "{" SHOP "\"node\":\"a|UK\",\"purpose\":\"what_if\","
         "\"from\":\"2011-12-01\",\"horizon\":1,\"features\":{}}",
         "\"served_by\":\"batch\",\"reason\":\"no_time_left\""},
        {1000, "/api/v1/predictions/demand", COMPUTE, NULL},
        {1000, "/api/v1/whatif", SUPPOSE, NULL},
    };
    gate g;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        start(&g, state, 1);
        serve(&g, 30);
        int first = send_request(&g, "/api/v1/whatif", SUPPOSE);
        wait_until_inside(&g, 1);
        int second = send_request(&g, CASE[i].target, CASE[i].body);
        wait_until_in_line(&g, 1);
        atomic_fetch_add(&g.clock_ns, CASE[i].waited_ms * 1000000);
        open_gate(&g);
        assert_int_equal(status_of(first, &g.served.reply), 200);
        int status = status_of(second, &g.served.reply);
        assert_int_equal(status, CASE[i].by ? 200 : 503);
        (void)expect_part(&g.served.reply, CASE[i].by ? CASE[i].by : "no_time_left");
        if (!CASE[i].by) {
            (void)expect_part(&g.served.reply, "Retry-After: ");
        }
        stop(&g);
    }
}

static void stop_server(void *context)
{
    gate *g = context;
    alm_server_stop(g->served.server);
    atomic_store(&g->is_stopped, true);
}

static void test_a_graceful_stop_waits_for_what_is_at_work(void **state)
{
    gate g;
    alm_thread *stopping = NULL;
    start(&g, state, 4);
    serve(&g, 3600);
    int first = send_request(&g, "/api/v1/whatif", SUPPOSE);
    wait_until_inside(&g, 1);
    assert_int_equal(alm_thread_start("stop", stop_server, &g, &stopping, NULL), ALM_OK);
    while (!alm_server_is_draining(g.served.server)) {
        cases_pause();
    }
    assert_false(g.is_stopped);
    open_gate(&g);
    assert_int_equal(status_of(first, &g.served.reply), 200);
    alm_thread_join(stopping);
    assert_true(g.is_stopped);
    alm_buffer_deinit(&g.served.reply);
    g.served.server = NULL;
    stop(&g);
}

/* No time to drain, clients that have gone: what is at work ends all the same before its memory
 * goes, which sanitizers would see. */
static void test_a_hard_stop_leaves_nothing_behind(void **state)
{
    gate g;
    alm_thread *stopping = NULL;
    start(&g, state, 4);
    serve(&g, 0);
    int first = send_request(&g, "/api/v1/whatif", SUPPOSE);
    wait_until_inside(&g, 1);
    int second = send_request(&g, "/api/v1/whatif", SUPPOSE);
    wait_until_in_line(&g, 1);
    (void)close(first);
    expect_alive(&g);
    assert_int_equal(alm_thread_start("stop", stop_server, &g, &stopping, NULL), ALM_OK);
    while (!alm_server_is_draining(g.served.server)) {
        cases_pause();
    }
    open_gate(&g);
    alm_thread_join(stopping);
    (void)close(second);
    alm_buffer_deinit(&g.served.reply);
    g.served.server = NULL;
    stop(&g);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_the_same_bytes),
        ON(test_the_loop_answers_others_meanwhile),
        ON(test_who_has_waited_too_long_goes_down_the_ladder),
        ON(test_a_graceful_stop_waits_for_what_is_at_work),
        ON(test_a_hard_stop_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
