/* queue_test.c: how long requests wait for others of their event loop, by a clock that only the
 * handler moves: every answer takes 40 ms. The handler stops where the test says, so that all of a
 * round's requests are there when the round begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/server_cases.h"

#define CLIENTS 8
#define ANSWER_MS 40

typedef struct world {
    _Atomic uint64_t now_ms;
    _Atomic int handled, stops_at, stopped_at, overdue;
    uint64_t longest_ms; /* queued; read when the handler stands still */
} world;

static world w;

static uint64_t fake_ns(void *context)
{
    (void)context;
    return w.now_ms * 1000000;
}

static const alm_env fake_env = {.now = cases_now, .monotonic_ns = fake_ns};

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    (void)context;
    (void)slot;
    uint64_t queued_ms = request->queued_ns / 1000000;
    w.longest_ms = queued_ms > w.longest_ms ? queued_ms : w.longest_ms;
    w.overdue += request->is_overdue;
    w.now_ms += ANSWER_MS;
    int number = ++w.handled;
    if (number == w.stops_at) {
        w.stopped_at = number;
    }
    while (w.stops_at == number) {
        cases_pause();
    }
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
    alm_buffer_text(reply->body, "hello");
}

static void wait_until_stopped(int number)
{
    while (w.stopped_at != number) {
        cases_pause();
    }
}

static void ask(const int *fd, int count)
{
    static const char TEXT[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < count; i++) {
        assert_true(cases_send(fd[i], TEXT, sizeof TEXT - 1));
    }
}

static void only_a_queue_that_stays_makes_overdue(void **state)
{
    (void)state;
    alm_server_settings settings = alm_server_defaults;
    alm_server_handler handler = {.handle = handle};
    alm_server *server = NULL;
    int fd[CLIENTS + 1];
    settings.port = 0;
    settings.queue_ns_max = 100000000;
    settings.request_seconds = 3600;
    w = (world){.now_ms = 1000, .stops_at = 1};
    assert_int_equal(alm_server_start(&fake_env, &settings, &handler, &server, NULL), ALM_OK);
    for (int i = 0; i <= CLIENTS; i++) {
        fd[i] = cases_connect(server);
        assert_true(fd[i] >= 0);
    }
    while (alm_server_count(server).connections <= CLIENTS) { /* accepted, all of them */
        cases_pause();
    }
    int last = 1;
    ask(&fd[CLIENTS], 1);
    wait_until_stopped(last);
    /* Rounds of all clients, one behind the other: each is sent while the loop stands still. */
    static const int OVERDUE[] = {0, 5, 5}; /* the first round is long, but nothing before was */
    for (size_t round = 0; round < 3; round++) {
        ask(fd, CLIENTS);
        w.overdue = 0;
        w.longest_ms = 0;
        w.stops_at = last + CLIENTS;
        last += CLIENTS;
        wait_until_stopped(last);
        assert_int_equal(w.longest_ms, (CLIENTS - 1) * ANSWER_MS);
        assert_int_equal(w.overdue, OVERDUE[round]); /* waited 120, 160, ... 280 ms */
    }
    /* A short round, and the next long one is the first again. */
    ask(&fd[CLIENTS], 1);
    w.stops_at = ++last;
    wait_until_stopped(last);
    ask(fd, CLIENTS);
    w.overdue = 0;
    w.stops_at = last + CLIENTS;
    last += CLIENTS;
    wait_until_stopped(last);
    assert_int_equal(w.overdue, 0);
    w.stops_at = 0;
    for (int i = 0; i <= CLIENTS; i++) {
        (void)close(fd[i]);
    }
    alm_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_queue_that_stays_makes_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
