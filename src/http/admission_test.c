/* admission_test.c: requests whose admission another thread decides. The handler's gate opens when
 * the test says so, so nothing here depends on time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/thread.h"
#include "http/server_cases.h"

#define WAITING_MAX 8

typedef struct world {
    cases_counts counts;
    alm_mutex busy;
    alm_later *waiting[WAITING_MAX];
    int waiting_count;
    _Atomic int asked, finished;
    _Atomic bool admits;
    char seen[65536]; /* body of the newest */
} world;

typedef struct gate {
    alm_later later;
    world *world;
    const alm_request *request;
    alm_reply *reply;
} gate;

static void start_gate(alm_later *later)
{
    world *w = ((gate *)later->context)->world;
    alm_mutex_lock(&w->busy);
    assert_true(w->waiting_count < WAITING_MAX);
    w->waiting[w->waiting_count++] = later;
    alm_mutex_unlock(&w->busy);
    w->asked++;
}

static void finish_gate(alm_later *later)
{
    gate *g = later->context;
    g->world->finished++;
    if (!g->world->admits) {
        alm_problem problem = {.status = 401, .detail = ALM_STR("no")};
        alm_reply_problem(g->reply, g->request, &problem);
    }
}

static void put_off(world *w, const alm_request *request, alm_reply *reply)
{
    gate *g = ALM_NEW(request->arena, gate);
    *g = (gate){{.start = start_gate, .finish = finish_gate, .context = g}, w, request, reply};
    reply->later = &g->later;
}

static void admit(void *context, const alm_request *request, alm_reply *reply, void **slot)
{
    *slot = context;
    if (!alm_str_is(request->path, "/free")) {
        put_off(context, request, reply);
    }
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    world *w = context;
    assert_ptr_equal(slot, w);
    snprintf(w->seen, sizeof w->seen, ALM_STR_FMT, ALM_STR_ARG(request->body));
    w->counts.handled++;
    if (alm_str_is(request->path, "/twice") && w->asked % 2 == 1) {
        put_off(w, request, reply); /* the reply itself comes later, too */
        return;
    }
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
    alm_buffer_text(reply->body, "hello");
}

typedef struct fixture {
    cases_fixture served;
    world *world;
} fixture;

static void start(fixture *f, bool admits)
{
    static world w;
    w = (world){.admits = admits};
    alm_mutex_init(&w.busy);
    f->world = &w;
    alm_server_settings settings = alm_server_defaults;
    alm_server_handler handler = {
        .admit = admit, .handle = handle, .done = cases_done, .context = &w};
    settings.drain_seconds = 5;
    assert_true(cases_start(&f->served, &cases_env, settings, handler));
}

static void stop(fixture *f)
{
    cases_stop(&f->served);
    assert_int_equal(f->world->asked, f->world->finished);
    alm_mutex_deinit(&f->world->busy);
}

static void ask(fixture *f, const char *bytes)
{
    cases_ask(f->served.server, bytes, &f->served.reply);
}

/* Opens the gate for all that wait. */
static void open_gate(world *w)
{
    alm_mutex_lock(&w->busy);
    for (int i = 0; i < w->waiting_count; i++) {
        w->waiting[i]->wake(w->waiting[i]->connection);
    }
    w->waiting_count = 0;
    alm_mutex_unlock(&w->busy);
}

/* Sends on a connection, opens the gate when it waits there, and reads the reply. */
static void ask_through(fixture *f, int fd, const char *bytes, size_t size)
{
    int asked = f->world->asked;
    assert_true(cases_send(fd, bytes, size));
    cases_wait_for(&f->world->asked, asked + 1);
    open_gate(f->world);
    cases_receive_reply(fd, &f->served.reply);
}

#define HEAD(method, length) \
    method " /gated HTTP/1.1\r\nHost: h\r\nContent-Length: " length "\r\n\r\n"

static void others_are_answered_meanwhile(void **state)
{
    (void)state;
    fixture f;
    start(&f, true);
    int fd = cases_connect(f.served.server);
    const char *text = "GET /gated HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_true(cases_send(fd, text, strlen(text)));
    cases_wait_for(&f.world->asked, 1);
    for (int i = 0; i < 20; i++) { /* by the same event loop: there is one */
        ask(&f, "GET /free HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_int_equal(cases_status(&f.served.reply), 200);
    }
    assert_int_equal(f.world->finished, 0);
    open_gate(f.world);
    cases_receive_reply(fd, &f.served.reply);
    assert_int_equal(cases_status(&f.served.reply), 200);
    (void)close(fd);
    stop(&f);
    assert_int_equal(f.world->counts.handled, 21);
}

static void bodies_wait_and_come_whole(void **state)
{
    (void)state;
    fixture f;
    start(&f, true);
    int fd = cases_connect(f.served.server);
    ask_through(&f, fd, HEAD("POST", "4") "body", sizeof HEAD("POST", "4") + 3);
    assert_int_equal(cases_status(&f.served.reply), 200);
    assert_string_equal(f.world->seen, "body");
    ask_through(&f, fd, HEAD("POST", "0"), sizeof HEAD("POST", "0") - 1);
    assert_string_equal(f.world->seen, "");
    const char *chunked = "POST /gated HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n";
    ask_through(&f, fd, chunked, strlen(chunked));
    assert_string_equal(f.world->seen, "body");
    /* Larger than what the library takes in at once. */
    static char large[sizeof HEAD("POST", "60000") - 1 + 60000];
    memcpy(large, HEAD("POST", "60000"), sizeof HEAD("POST", "60000") - 1);
    memset(large + sizeof HEAD("POST", "60000") - 1, 'x', 60000);
    ask_through(&f, fd, large, sizeof large);
    assert_int_equal(cases_status(&f.served.reply), 200);
    assert_int_equal(strspn(f.world->seen, "x"), 60000);
    (void)close(fd);
    stop(&f);
    assert_int_equal(f.world->counts.handled, 4);
    assert_int_equal(f.world->counts.unsent, 0);
}

static void a_body_may_come_after_the_decision(void **state)
{
    (void)state;
    fixture f;
    start(&f, true);
    int fd = cases_connect(f.served.server);
    assert_true(cases_send(fd, HEAD("POST", "4"), sizeof HEAD("POST", "4") - 1));
    cases_wait_for(&f.world->asked, 1);
    open_gate(f.world);
    cases_wait_for(&f.world->finished, 1);
    assert_true(cases_send(fd, "body", 4));
    cases_receive_reply(fd, &f.served.reply);
    assert_int_equal(cases_status(&f.served.reply), 200);
    assert_string_equal(f.world->seen, "body");
    (void)close(fd);
    stop(&f);
}

static void refusals_end_or_keep_the_connection(void **state)
{
    (void)state;
    fixture f;
    start(&f, false);
    int fd = cases_connect(f.served.server);
    for (int i = 0; i < 3; i++) { /* small bodies are read and dropped, so the connection stays */
        ask_through(&f, fd, HEAD("POST", "4") "body", sizeof HEAD("POST", "4") + 3);
        assert_int_equal(cases_status(&f.served.reply), 401);
        ask_through(&f, fd, HEAD("GET", "0"), sizeof HEAD("GET", "0") - 1);
        assert_int_equal(cases_status(&f.served.reply), 401);
    }
    /* A large one is not waited for. */
    ask_through(&f, fd, HEAD("POST", "9000000"), sizeof HEAD("POST", "9000000") - 1);
    assert_int_equal(cases_status(&f.served.reply), 401);
    assert_true(cases_is_closed(fd));
    (void)close(fd);
    stop(&f);
    assert_int_equal(f.world->counts.handled, 0);
    assert_int_equal(f.world->counts.done, 7);
}

static void a_reply_may_come_later_as_well(void **state)
{
    (void)state;
    fixture f;
    start(&f, true);
    int fd = cases_connect(f.served.server);
    const char *text = "GET /twice HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_true(cases_send(fd, text, strlen(text)));
    cases_wait_for(&f.world->asked, 1);
    f.world->admits = true;
    open_gate(f.world);
    cases_wait_for(&f.world->asked, 2);
    f.world->admits = false; /* so that finishing sets a reply */
    open_gate(f.world);
    cases_receive_reply(fd, &f.served.reply);
    assert_int_equal(cases_status(&f.served.reply), 401);
    (void)close(fd);
    stop(&f);
    assert_int_equal(f.world->counts.handled, 1);
    assert_int_equal(f.world->finished, 2);
}

static void a_client_may_be_gone(void **state)
{
    (void)state;
    fixture f;
    start(&f, true);
    for (int i = 0; i < 4; i++) {
        int fd = cases_connect(f.served.server);
        struct linger at_once = {.l_onoff = 1}; /* with a reset */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        const char *text = i % 2 ? HEAD("POST", "4") : HEAD("GET", "0");
        assert_true(cases_send(fd, text, strlen(text)));
        cases_wait_for(&f.world->asked, i + 1);
        (void)close(fd);
        open_gate(f.world);
        cases_wait_for(&f.world->finished, i + 1);
    }
    stop(&f);
    assert_int_equal(f.world->counts.done, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_answered_meanwhile),
        cmocka_unit_test(bodies_wait_and_come_whole),
        cmocka_unit_test(a_body_may_come_after_the_decision),
        cmocka_unit_test(refusals_end_or_keep_the_connection),
        cmocka_unit_test(a_reply_may_come_later_as_well),
        cmocka_unit_test(a_client_may_be_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
