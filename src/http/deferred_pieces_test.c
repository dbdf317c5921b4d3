/* Replies whose pieces another thread makes: the same bytes, a loop that answers others meanwhile,
 * and nothing left behind when the client or the server goes in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/crew.h"
#include "base/gzip.h"
#include "base/thread.h"
#include "http/server_cases.h"

enum { PIECES = 3 };
#define WHOLE "piece 3\npiece 2\npiece 1\n"

typedef struct world {
    cases_counts counts;
    alm_crew *crew;
    alm_mutex busy;
    alm_condition moved;
    bool is_closed; /* the gate, in which pieces are held */
    int inside;     /* so many have come to it */
    bool refuses;   /* nobody takes pieces */
    atomic_int deferred, at_once, closed;
} world;

typedef struct stream {
    world *world;
    int left;
    bool breaks, is_off; /* off the loop just now */
    alm_crew_job job;
    void (*work)(void *argument);
    void *argument;
} stream;

static void pass_gate(world *w)
{
    alm_mutex_lock(&w->busy);
    w->inside++;
    alm_condition_broadcast(&w->moved);
    while (w->is_closed) {
        alm_condition_wait(&w->moved, &w->busy);
    }
    alm_mutex_unlock(&w->busy);
}

static alm_err next_piece(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    stream *s = context;
    atomic_fetch_add(s->is_off ? &s->world->deferred : &s->world->at_once, 1);
    if (s->is_off) {
        s->is_off = false; /* before the work ends, and the loop goes on */
        pass_gate(s->world);
    }
    if (s->breaks && s->left == 1) {
        return alm_fail(error, ALM_ERR_IO, "broken");
    }
    alm_buffer_printf(out, "piece %d\n", s->left);
    *is_last = --s->left == 0;
    return ALM_OK;
}

static void close_stream(void *context)
{
    atomic_fetch_add(&((stream *)context)->world->closed, 1);
}

static void run_job(void *context, int member)
{
    stream *s = context;
    (void)member;
    s->is_off = true;
    s->work(s->argument);
}

static bool defer(void *context, void (*work)(void *argument), void *argument)
{
    stream *s = context;
    s->work = work;
    s->argument = argument;
    s->job = (alm_crew_job){.run = run_job, .context = s};
    return !s->world->refuses && alm_crew_ask(s->world->crew, &s->job);
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    world *w = context;
    (void)slot;
    w->counts.handled++;
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
    if (alm_str_is(request->path, "/cheap")) {
        alm_buffer_text(reply->body, "cheap");
        return;
    }
    stream *s = ALM_NEW(request->arena, stream);
    *s = (stream){.world = w, .left = PIECES, .breaks = alm_str_is(request->path, "/breaks")};
    reply->stream = (alm_reply_stream){next_piece, close_stream, s, defer};
}

typedef struct fixture {
    world world;
    cases_fixture served;
} fixture;

static void start(fixture *f, uint32_t drain_seconds)
{
    const alm_crew_options crew = {.name = "test", .members = 1, .waiting_max = 4};
    alm_server_settings settings = alm_server_defaults;
    settings.drain_seconds = drain_seconds;
    *f = (fixture){.world = {.is_closed = false}};
    alm_mutex_init(&f->world.busy);
    alm_condition_init(&f->world.moved);
    assert_int_equal(alm_crew_create(&crew, &f->world.crew, NULL), ALM_OK);
    alm_server_handler handler = {.handle = handle, .done = cases_done, .context = &f->world};
    assert_true(cases_start(&f->served, &cases_env, settings, handler));
}

static void stop(fixture *f)
{
    cases_stop(&f->served);
    alm_crew_destroy(f->world.crew);
    alm_condition_deinit(&f->world.moved);
    alm_mutex_deinit(&f->world.busy);
}

static void set_gate(fixture *f, bool is_closed)
{
    alm_mutex_lock(&f->world.busy);
    f->world.is_closed = is_closed;
    alm_condition_broadcast(&f->world.moved);
    alm_mutex_unlock(&f->world.busy);
}

static void wait_until_inside(fixture *f, int inside)
{
    alm_mutex_lock(&f->world.busy);
    while (f->world.inside < inside) {
        alm_condition_wait(&f->world.moved, &f->world.busy);
    }
    alm_mutex_unlock(&f->world.busy);
}

#define GET(path, more) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" more "\r\n"

static int send_request(const fixture *f, const char *bytes)
{
    int fd = cases_connect(f->served.server);
    assert_true(fd >= 0 && cases_send(fd, bytes, strlen(bytes)));
    return fd;
}

static const char *receive(fixture *f, int fd)
{
    alm_buffer_clear(&f->served.reply);
    cases_receive_all(fd, &f->served.reply);
    (void)close(fd);
    alm_buffer_text(&f->served.reply, "");
    return f->served.reply.data;
}

/* The pieces of a body in chunks, without the sizes. */
static void expect_whole(const char *reply)
{
    const char *at = strstr(reply, "\r\n\r\n");
    for (int left = PIECES; left > 0; left--) {
        char piece[32];
        snprintf(piece, sizeof piece, "piece %d\n", left);
        at = at ? strstr(at, piece) : NULL;
        if (!at) {
            fail_msg("no %s in %s", piece, reply);
        }
    }
    assert_non_null(strstr(at, "\r\n0\r\n\r\n"));
}

static void another_thread_makes_them(void **state)
{
    (void)state;
    fixture f;
    start(&f, 30);
    expect_whole(receive(&f, send_request(&f, GET("/pieces", ""))));
    assert_int_equal(f.world.deferred, PIECES);
    assert_int_equal(f.world.at_once, 0);
    f.world.refuses = true; /* nobody takes them: the loop makes them itself */
    expect_whole(receive(&f, send_request(&f, GET("/pieces", ""))));
    assert_int_equal(f.world.deferred, PIECES);
    assert_int_equal(f.world.at_once, PIECES);
    f.world.refuses = false;
    const char *broken = receive(&f, send_request(&f, GET("/breaks", "")));
    assert_non_null(strstr(broken, "piece 2\n"));
    assert_null(strstr(broken, "\r\n0\r\n\r\n")); /* so nobody takes it for whole */
    cases_wait_for(&f.world.counts.done, 3);
    assert_int_equal(f.world.closed, 3);
    stop(&f);
}

static void packed_ones_too(void **state)
{
    (void)state;
    fixture f;
    alm_buffer packed = {0}, whole = {0};
    start(&f, 30);
    const char *reply = receive(&f, send_request(&f, GET("/pieces", "Accept-Encoding: gzip\r\n")));
    const char *at = strstr(reply, "\r\n\r\n");
    assert_non_null(strstr(reply, "Content-Encoding: gzip\r\n"));
    for (at += 4;;) { /* chunk by chunk */
        char *behind = NULL;
        size_t size = strtoul(at, &behind, 16);
        if (size == 0) {
            break;
        }
        alm_buffer_append(&packed, behind + 2, size);
        at = behind + 2 + size + 2;
    }
    assert_int_equal(alm_gunzip_all(alm_buffer_view(&packed), 1000, &whole, NULL), ALM_OK);
    assert_true(alm_str_is(alm_buffer_view(&whole), WHOLE));
    assert_int_equal(f.world.deferred, PIECES);
    alm_buffer_deinit(&packed);
    alm_buffer_deinit(&whole);
    stop(&f);
}

static void the_loop_answers_others_meanwhile(void **state)
{
    (void)state;
    fixture f;
    start(&f, 30);
    set_gate(&f, true);
    int fd = send_request(&f, GET("/pieces", ""));
    wait_until_inside(&f, 1);
    assert_non_null(strstr(receive(&f, send_request(&f, GET("/cheap", ""))), "cheap"));
    set_gate(&f, false);
    expect_whole(receive(&f, fd));
    stop(&f);
}

static void a_client_may_go_in_the_middle(void **state)
{
    (void)state;
    fixture f;
    start(&f, 30);
    set_gate(&f, true);
    int fd = send_request(&f, GET("/pieces", ""));
    wait_until_inside(&f, 1);
    const struct linger hard = {.l_onoff = 1}; /* a reset, not an end */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    (void)close(fd);
    assert_non_null(strstr(receive(&f, send_request(&f, GET("/cheap", ""))), "cheap"));
    assert_int_equal(f.world.closed, 0); /* not under the hands of who works on it */
    set_gate(&f, false);
    cases_wait_for(&f.world.counts.done, 2);
    assert_int_equal(f.world.closed, 1);
    stop(&f);
}

static void stop_server(void *context)
{
    alm_server_stop(((fixture *)context)->served.server);
}

static void a_server_that_stops_waits_for_the_piece_at_hand(void **state)
{
    (void)state;
    fixture f;
    alm_thread *stopping = NULL;
    start(&f, 0);
    set_gate(&f, true);
    int fd = send_request(&f, GET("/pieces", ""));
    wait_until_inside(&f, 1);
    assert_int_equal(alm_thread_start("stop", stop_server, &f, &stopping, NULL), ALM_OK);
    while (!alm_server_is_draining(f.served.server)) {
        cases_pause();
    }
    set_gate(&f, false);
    alm_thread_join(stopping);
    assert_int_equal(f.world.closed, 1);
    (void)close(fd);
    f.served.server = NULL;
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_thread_makes_them),
        cmocka_unit_test(packed_ones_too),
        cmocka_unit_test(the_loop_answers_others_meanwhile),
        cmocka_unit_test(a_client_may_go_in_the_middle),
        cmocka_unit_test(a_server_that_stops_waits_for_the_piece_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
