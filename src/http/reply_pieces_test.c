/* Replies in pieces over real sockets, with a clock of the test's own. */
#include "http/reply_pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/thread.h"
#include "http/server_cases.h"

#define PIECE_BYTES ((size_t)64 << 10)
#define PIECES 1600 /* 100 MiB, which no socket holds */
#define ASK "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"
#define MS 1000000u

typedef struct world {
    alm_env env;
    _Atomic uint64_t now_ns;
    _Atomic int made, closed, unsent, over;
    alm_server *server;
    int fd;
} world;

typedef struct source {
    world *world;
    int left;
} source;

static uint64_t monotonic_ns(void *context)
{
    return ((world *)context)->now_ns;
}

static alm_err next(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    source *s = context;
    uint32_t random = (uint32_t)s->left;
    (void)error;
    for (size_t i = 0; i < PIECE_BYTES / 4; i++) { /* does not become smaller */
        random = random * 1664525u + 1013904223u;
        alm_buffer_append(out, (const char *)&random, 4);
    }
    s->world->made++;
    *is_last = --s->left == 0;
    return ALM_OK;
}

static alm_err next_word(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    source *s = context;
    (void)error;
    if (s->left % 2 == 0) { /* a piece may be empty */
        alm_buffer_printf(out, "piece %d\n", s->left);
    }
    *is_last = --s->left == 0;
    return ALM_OK;
}

static void close_source(void *context)
{
    ((source *)context)->world->closed++;
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    (void)slot;
    bool is_big = alm_str_is(request->path, "/big");
    source *s = ALM_NEW(request->arena, source);
    *s = (source){context, is_big ? PIECES : 7};
    reply->status = 200;
    if (!alm_str_is(request->path, "/x")) {
        reply->content_type = ALM_TYPE_LINES;
        reply->stream = (alm_reply_stream){.next = is_big ? next : next_word,
                                           .close = close_source, .context = s};
    }
}

static void done(void *context, const alm_request *request, void *slot, const alm_reply *reply,
                 bool sent)
{
    (void)request;
    (void)slot;
    world *w = context;
    if (reply->stream.next) {
        w->unsent += !sent;
        w->over++; /* last: what is counted above is seen by who has seen this */
    }
}

/* One connection that has asked for 100 MiB and read nothing yet. */
static void start(world *w, uint32_t drain_seconds)
{
    *w = (world){.env = {.now = cases_now, .monotonic_ns = monotonic_ns, .context = w},
                 .now_ns = 1000 * MS};
    alm_server_handler handler = {.handle = handle, .done = done, .context = w};
    alm_server_settings settings = alm_server_defaults;
    settings.port = 0;
    settings.request_seconds = 1;
    settings.drain_seconds = drain_seconds;
    assert_int_equal(alm_server_start(&w->env, &settings, &handler, &w->server, NULL), ALM_OK);
    w->fd = cases_connect(w->server);
    assert_true(w->fd >= 0 && cases_send(w->fd, ASK, strlen(ASK)));
}

static void stop(world *w)
{
    (void)close(w->fd);
    alm_server_stop(w->server);
    assert_int_equal(w->closed, 1);
}

static void pause_ms(unsigned ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = (long)ms * MS}, NULL);
}

static void wait_until_over(const world *w)
{
    for (int i = 0; i < 6000 && w->over == 0; i++) {
        pause_ms(10);
    }
    assert_int_equal(w->closed, 1);
}

/* Reads so many bytes; false when the other side ends before. */
static bool read_bytes(int fd, size_t size)
{
    static char bytes[1 << 16];
    while (size > 0) {
        ssize_t got = recv(fd, bytes, size < sizeof bytes ? size : sizeof bytes, 0);
        if (got <= 0) {
            return false;
        }
        size -= (size_t)got;
    }
    return true;
}

/* Of a client that does not read, a piece waits; others of the loop do not; its time ends it. */
static void who_does_not_read_holds_nothing_up(void **state)
{
    (void)state;
    world w;
    alm_buffer reply = {0};
    start(&w, 5);
    int made = -1;
    while (made != w.made || made == 0) {
        made = w.made;
        pause_ms(200);
    }
    cases_ask(w.server, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", &reply);
    assert_int_equal(cases_status(&reply), 200);
    assert_in_range(w.made, 1, PIECES / 2); /* what the sockets of both sides took */
    w.now_ns += 1001 * MS;
    wait_until_over(&w);
    assert_int_equal(w.unsent, 1);
    assert_int_equal(alm_server_count(w.server).timed_out, 1);
    alm_buffer_deinit(&reply);
    stop(&w);
}

/* Who takes a part in each second is not cut off, until all of it has taken too long. The server
 * looks at its clock a few times in each pause; on a machine that is busy it may miss some, so the
 * end is only known to come before all of the reply is taken. */
static void a_reply_is_over_in_its_time(void **state)
{
    (void)state;
    world w;
    int seconds = 0;
    start(&w, 5);
    for (; seconds < 40 && read_bytes(w.fd, (size_t)2 << 20); seconds++) {
        pause_ms(150); /* a look at what is over */
        if (w.closed) {
            break;
        }
        w.now_ns += 999 * MS;
    }
    wait_until_over(&w);
    assert_in_range(seconds, ALM_STREAM_REQUEST_TIMES, 39);
    assert_int_equal(w.unsent, 1);
    stop(&w);
}

static void who_goes_away_ends_it(void **state)
{
    (void)state;
    world w;
    start(&w, 5);
    assert_true(read_bytes(w.fd, 1000));
    (void)shutdown(w.fd, SHUT_RDWR);
    (void)close(w.fd);
    w.fd = -1;
    wait_until_over(&w);
    assert_int_equal(w.unsent, 1);
    stop(&w);
}

typedef struct reader {
    int fd;
    bool is_whole;
} reader;

static void read_all(void *context)
{
    reader *r = context;
    static const char END[] = "\r\n0\r\n\r\n";
    char bytes[sizeof END + (1 << 16)];
    size_t kept = 0; /* the newest ones, for the end */
    for (ssize_t got; (got = recv(r->fd, bytes + kept, 1 << 16, 0)) > 0;) {
        size_t size = kept + (size_t)got;
        kept = size < sizeof END - 1 ? size : sizeof END - 1;
        memmove(bytes, bytes + size - kept, kept);
    }
    r->is_whole = kept == sizeof END - 1 && memcmp(bytes, END, kept) == 0;
}

/* The server is stopped in the middle: it is sent to its end, or cut off when there is no time. */
static void a_stop_waits_for_it(void **state)
{
    (void)state;
    for (int has_time = 0; has_time < 2; has_time++) {
        world w;
        alm_thread *thread = NULL;
        start(&w, has_time ? 60 : 0);
        reader r = {.fd = w.fd};
        assert_true(read_bytes(w.fd, 1));
        alm_server_drain(w.server);
        if (has_time) {
            assert_int_equal(alm_thread_start("reader", read_all, &r, &thread, NULL), ALM_OK);
        }
        alm_server_stop(w.server);
        w.server = NULL;
        if (has_time) {
            alm_thread_join(thread);
        } else {
            read_all(&r);
        }
        assert_int_equal(r.is_whole, has_time);
        assert_int_equal(w.unsent, !has_time);
        stop(&w);
    }
}

static void it_is_packed_for_who_wants_it(void **state)
{
    (void)state;
    world w;
    alm_buffer reply = {0}, packed = {0}, text = {0};
    start(&w, 0);
    cases_ask(w.server, "GET /words HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n"
              "Connection: close\r\n\r\n", &reply);
    assert_non_null(strstr(reply.data, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(reply.data, "Vary: Accept-Encoding\r\n"));
    assert_non_null(strstr(reply.data, "Transfer-Encoding: chunked\r\n"));
    char *at = strstr(reply.data, "\r\n\r\n") + 4;
    for (size_t size; (size = strtoul(at, &at, 16)) > 0; at += 2 + size + 2) {
        alm_buffer_append(&packed, at + 2, size);
    }
    assert_int_equal(alm_gunzip_all(alm_buffer_view(&packed), 1000, &text, NULL), ALM_OK);
    assert_true(alm_str_is(alm_buffer_view(&text), "piece 6\npiece 4\npiece 2\n"));
    cases_ask(w.server, "GET /words HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", &reply);
    assert_null(strstr(reply.data, "Content-Encoding"));
    assert_non_null(strstr(reply.data, "piece 6\n"));
    alm_buffer_deinit(&reply);
    alm_buffer_deinit(&packed);
    alm_buffer_deinit(&text);
    (void)close(w.fd);
    alm_server_stop(w.server);
    assert_int_equal(w.closed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_read_holds_nothing_up),
        cmocka_unit_test(a_reply_is_over_in_its_time),
        cmocka_unit_test(who_goes_away_ends_it),
        cmocka_unit_test(a_stop_waits_for_it),
        cmocka_unit_test(it_is_packed_for_who_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
