#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/gzip.h"
#include "base/thread.h"
#include "http/server_cases.h"

/* What the handler of these tests was asked, and what it does by the path. */
typedef struct world {
    cases_counts counts;
    _Atomic int closed_streams;
    _Atomic bool blocks;
    char seen[4096]; /* "METHOD path?query body" of the newest */
    char id[80], trace[64];
} world;

typedef struct pieces {
    world *world;
    int left;
} pieces;

static alm_err next_piece(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    pieces *p = context;
    if (p->left < 0) {
        return alm_fail(error, ALM_ERR_IO, "broken");
    }
    alm_buffer_printf(out, "piece %d\n", p->left);
    *is_last = --p->left == 0;
    return ALM_OK;
}

static alm_err break_late(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    pieces *p = context;
    if (p->left-- == 0) {
        return alm_fail(error, ALM_ERR_IO, "broken");
    }
    alm_buffer_text(out, "good\n");
    *is_last = false;
    return ALM_OK;
}

static void close_pieces(void *context)
{
    ((pieces *)context)->world->closed_streams++;
}

static void stream(world *w, const alm_request *request, bool breaks, alm_reply *reply)
{
    pieces *p = ALM_NEW(request->arena, pieces);
    *p = (pieces){w, 3};
    reply->content_type = ALM_TYPE_LINES;
    reply->stream = (alm_reply_stream){breaks ? break_late : next_piece, close_pieces, p};
}

/* Answers from a thread of its own, a moment later. */
typedef struct late {
    alm_later later;
    alm_reply *reply;
    alm_thread *thread;
} late;

static void work_late(void *context)
{
    late *l = context;
    cases_pause();
    l->later.wake(l->later.connection);
}

static void start_late(alm_later *later)
{
    late *l = later->context;
    assert_int_equal(alm_thread_start("late", work_late, l, &l->thread, NULL), ALM_OK);
}

static void finish_late(alm_later *later)
{
    late *l = later->context;
    alm_thread_join(l->thread);
    l->reply->status = 200;
    l->reply->content_type = ALM_TYPE_PLAIN;
    alm_buffer_text(l->reply->body, "late");
}

static void answer_late(const alm_request *request, alm_reply *reply)
{
    late *l = ALM_NEW(request->arena, late);
    *l = (late){.later = {.start = start_late, .finish = finish_late, .context = l},
                .reply = reply};
    reply->status = 0;
    reply->later = &l->later;
}

static void admit(void *context, const alm_request *request, alm_reply *reply, void **slot)
{
    *slot = context;
    if (alm_str_is(request->path, "/refused")) {
        alm_problem problem = {.status = 403, .detail = ALM_STR("no")};
        alm_reply_problem(reply, request, &problem);
    }
}

static void handle(void *context, const alm_request *request, void *slot, alm_reply *reply)
{
    world *w = context;
    assert_ptr_equal(slot, w);
    snprintf(w->seen, sizeof w->seen, "%s " ALM_STR_FMT "?" ALM_STR_FMT " " ALM_STR_FMT,
             alm_method_name(request->method), ALM_STR_ARG(request->path),
             ALM_STR_ARG(request->query), ALM_STR_ARG(request->body));
    snprintf(w->id, sizeof w->id, ALM_STR_FMT, ALM_STR_ARG(request->id));
    snprintf(w->trace, sizeof w->trace, "%s", request->trace_id);
    w->counts.handled++;
    reply->status = 200;
    if (alm_str_starts_with(request->path, "/stream") ||
        alm_str_starts_with(request->path, "/breaks")) {
        stream(w, request, alm_str_starts_with(request->path, "/breaks"), reply);
        return;
    }
    if (alm_str_is(request->path, "/late")) {
        answer_late(request, reply);
        return;
    }
    while (alm_str_is(request->path, "/slow") && w->blocks) {
        cases_pause();
    }
    reply->content_type = ALM_TYPE_PLAIN;
    size_t copies = alm_str_is(request->path, "/long") ? 1000 : 1;
    for (size_t i = 0; i < copies; i++) {
        alm_buffer_text(reply->body, "hello");
    }
}

typedef struct fixture {
    cases_fixture served;
    world world;
} fixture;

static void start_with(fixture *f, alm_server_settings settings)
{
    f->world = (world){.blocks = false};
    alm_server_handler handler = {
        .admit = admit, .handle = handle, .done = cases_done, .context = &f->world};
    assert_true(cases_start(&f->served, &cases_env, settings, handler));
}

static void start(fixture *f)
{
    alm_server_settings settings = alm_server_defaults;
    settings.body_bytes_max = 200000;
    settings.drain_seconds = 5;
    start_with(f, settings);
}

static void stop(fixture *f)
{
    cases_stop(&f->served);
    /* Every exchange that began has ended, once. */
    assert_true(f->world.counts.handled <= f->world.counts.done);
}

static void ask(fixture *f, const char *bytes)
{
    cases_ask(f->served.server, bytes, &f->served.reply);
}

static void has(const fixture *f, const char *text)
{
    if (!strstr(f->served.reply.data, text)) {
        fail_msg("no '%s' in: %s", text, f->served.reply.data);
    }
}

static void requests_come_whole_and_replies_go_back(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    ask(&f, "GET /a%20b?x=1&y=%2F HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 200);
    assert_string_equal(f.world.seen, "GET /a%20b?x=1&y=%2F ");
    has(&f, "\r\n\r\nhello");
    ask(&f, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n"
        "\r\nbody");
    assert_string_equal(f.world.seen, "POST /p? body");
    ask(&f, "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n");
    assert_string_equal(f.world.seen, "POST /p? body");
    ask(&f, "HEAD /h HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_string_equal(f.world.seen, "HEAD /h? ");
    has(&f, "Content-Length: 5\r\n");
    assert_null(strstr(f.served.reply.data, "hello"));
    stop(&f);
    assert_int_equal(f.world.counts.done, 4);
    assert_int_equal(f.world.counts.unsent, 0);
}

/* RFC 9112, 3.2.2: a server takes what a proxy is asked, too. */
static void whole_addresses_are_paths(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"http://h/a/b?x=1", "GET /a/b?x=1 "}, {"HTTPS://h:80/a?http://x/y", "GET /a?http://x/y "},
        {"http://h", "GET /? "},               {"http://h?x", "GET /?x "},
        {"/http://h/a", "GET /http://h/a? "},  {"http://", "GET http://? "},
        {"ftp://h/a", "GET ftp://h/a? "},      {"http:/a", "GET http:/a? "},
    };
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 cases[i][0]);
        ask(&f, request);
        assert_string_equal(f.world.seen, cases[i][1]);
    }
    stop(&f);
}

/* Who waits for "100 Continue" is told of a refusal instead, and need not send the body. */
static void who_asks_first_is_refused_before_the_body(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    ask(&f, "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
        "Expect: 100-continue\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 403);
    has(&f, "Connection: close\r\n");
    ask(&f, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\nbody");
    assert_string_equal(f.world.seen, "POST /p? body");
    stop(&f);
}

static void ids_are_taken_over_when_they_are_plain(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    ask(&f, "GET / HTTP/1.1\r\nHost: h\r\nX-Request-ID: abc-1.2_3\r\n"
        "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n"
        "Connection: close\r\n\r\n");
    assert_string_equal(f.world.id, "abc-1.2_3");
    assert_string_equal(f.world.trace, "0123456789abcdef0123456789abcdef");
    has(&f, "X-Request-ID: abc-1.2_3\r\n");
    static const char *const others[] = {
        "X-Request-ID: a b\r\ntraceparent: 00-00000000000000000000000000000000-0123456789abcdef-01",
        "X-Request-ID: \"<script>\r\ntraceparent: 00-0123456789ABCDEF0123456789abcdef-01-01",
        "traceparent: ff-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        "traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-more",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char request[512];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\nConnection: close\r\n"
                 "\r\n", others[i]);
        ask(&f, request);
        assert_int_equal(strlen(f.world.id), 16);
        assert_int_equal(strlen(f.world.trace), 32);
        assert_string_not_equal(f.world.trace, "0123456789abcdef0123456789abcdef");
    }
    stop(&f);
}

/* A reply that another thread makes is sent when it is there, not at the next tick of the loop. */
static void late_replies_are_sent_at_once(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    uint64_t best_ns = UINT64_MAX;
    for (int i = 0; i < 20; i++) {
        uint64_t begun = cases_monotonic_ns(NULL);
        ask(&f, "GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        uint64_t took = cases_monotonic_ns(NULL) - begun;
        assert_int_equal(cases_status(&f.served.reply), 200);
        has(&f, "\r\n\r\nlate");
        best_ns = took < best_ns ? took : best_ns;
    }
    assert_true(best_ns < 50000000); /* a tick is 100 ms; the best of many, on a busy machine */
    stop(&f);
    assert_int_equal(f.world.counts.done, 20);
}

/* TRACE is known, and taken nowhere: that is for the routes to say, as of any other method. */
static void known_methods_get_to_the_routes(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    ask(&f, "TRACE /refused HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 403);
    ask(&f, "BREW /refused HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 501);
    ask(&f, "trace /refused HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 501);
    stop(&f);
}

/* What a proxy may read otherwise than this server is refused, and the connection ends, so that
 * nothing behind it is taken for a request. */
static void smuggling_is_refused(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 99999999999999999999999999\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 4\r\n",
        " Content-Length: 4\r\n",
        "Host: other\r\n",
        "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "X-API-Key: a\r\nx-api-key: b\r\n",
        "Content-Type: application/json\r\nContent-Type: text/csv\r\n",
        "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n",
    };
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char request[512];
        snprintf(request, sizeof request, "POST /p HTTP/1.1\r\nHost: h\r\n%s\r\n"
                 "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", heads[i]);
        ask(&f, request);
        if (cases_status(&f.served.reply) < 400 || strstr(f.world.seen, "smuggled")) {
            fail_msg("%s gave %s and '%s'", heads[i], f.served.reply.data, f.world.seen);
        }
    }
    assert_int_equal(f.world.counts.handled, 0);
    stop(&f);
}

/* A proxy that reads a chunk's size in another way would see the end of the body elsewhere. */
static void chunks_are_read_to_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *body, *seen; /* NULL: refused */
    } cases[] = {
        {"3\r\nabc\r\n0\r\n\r\n", "POST /p? abc"},
        {"3;name=value\r\nabc\r\n0\r\n\r\n", "POST /p? abc"},
        {"0003\r\nabc\r\n000\r\nX-Late: 1\r\nContent-Length: 9\r\n\r\n", "POST /p? abc"},
        {"-3\r\nabc\r\n0\r\n\r\n", NULL},
        {"+3\r\nabc\r\n0\r\n\r\n", NULL},
        {"0x3\r\nabc\r\n0\r\n\r\n", NULL},
        {"\r\nabc\r\n0\r\n\r\n", NULL},
        {" 3\r\nabc\r\n0\r\n\r\n", NULL},
        {"3_\r\nabc\r\n0\r\n\r\n", NULL},
        {"ffffffffffffffff\r\nabc\r\n0\r\n\r\n", NULL},
        {"10000000000000003\r\nabc\r\n0\r\n\r\n", NULL},
        {"3\r\nabcd\r\n0\r\n\r\n", NULL},
        {"3\r\nabc0\r\n\r\n", NULL},
    };
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[512];
        snprintf(request, sizeof request, "POST /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n%s", cases[i].body);
        f.world.seen[0] = '\0';
        cases_ask_and(f.served.server, request, true, &f.served.reply);
        if (strcmp(f.world.seen, cases[i].seen ? cases[i].seen : "") != 0) {
            fail_msg("%s: read as '%s'", cases[i].body, f.world.seen);
        }
        assert_int_equal(cases_status(&f.served.reply) == 200, cases[i].seen != NULL);
    }
    stop(&f);
}

static void malformed_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"BREW / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\nConnection: close\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX y: z\r\nConnection: close\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\nContent-Length: 1\r\n"
         "Connection: close\r\n\r\nx", 415},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n"
         "Connection: close\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200001\r\n\r\n", 413},
        {"POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", 403},
    };
    fixture f;
    start(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&f, cases[i].request);
        if (cases_status(&f.served.reply) != cases[i].status) {
            fail_msg("%s gave %s", cases[i].request, f.served.reply.data);
        }
    }
    assert_int_equal(f.world.counts.handled, 0);
    stop(&f);
}

static void heads_are_bounded(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    alm_buffer request = {0};
    alm_buffer_text(&request, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    for (int i = 0; i < 100; i++) {
        alm_buffer_printf(&request, "X-%d: a\r\n", i);
    }
    alm_buffer_text(&request, "\r\n");
    ask(&f, request.data);
    assert_int_equal(cases_status(&f.served.reply), 431);
    has(&f, "too many header fields");
    alm_buffer_deinit(&request);
    stop(&f);
}

/* Behind `first` come `size` letters, then `last`. */
static int ask_at_length(fixture *f, const char *first, size_t size, const char *last)
{
    alm_buffer request = {0};
    alm_buffer_text(&request, first);
    for (size_t i = 0; i < size; i++) {
        alm_buffer_text(&request, "a");
    }
    alm_buffer_text(&request, last);
    ask(f, request.data);
    alm_buffer_deinit(&request);
    return cases_status(&f->served.reply);
}

/* 16 KiB are the default. From 32 KiB on the library speaks; it says the same. */
static void addresses_and_fields_are_bounded(void **state)
{
    (void)state;
    static const char last[] = " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    static const char field[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ";
    fixture f;
    start(&f);
    assert_int_equal(ask_at_length(&f, "GET /", 16000, last), 200);
    assert_int_equal(ask_at_length(&f, "GET /?", 16000, last), 200);
    assert_int_equal(ask_at_length(&f, field, 16000, "\r\n\r\n"), 200);
    assert_int_equal(f.world.counts.handled, 3);
    for (size_t size = 16384; size <= 32000; size += 5205) {
        assert_int_equal(ask_at_length(&f, "GET /", size, last), 414);
        has(&f, "application/problem+json");
        assert_int_equal(ask_at_length(&f, "GET /?", size, last), 414);
        has(&f, "application/problem+json");
        assert_int_equal(ask_at_length(&f, field, size, "\r\n\r\n"), 431);
        has(&f, "application/problem+json");
        has(&f, "Connection: close");
    }
    assert_int_equal(ask_at_length(&f, "GET /", 40000, last), 414);
    assert_int_equal(ask_at_length(&f, field, 40000, "\r\n\r\n"), 431);
    assert_int_equal(f.world.counts.handled, 3);
    stop(&f);
}

/* Chunked, so that nothing says beforehand how much comes. */
static void a_body_that_grows_too_large_is_refused(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    int fd = cases_connect(f.served.server);
    static const char head[] = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                               "Connection: close\r\n\r\n";
    static char chunk[1002];
    memset(chunk, 'x', sizeof chunk);
    assert_true(cases_send(fd, head, sizeof head - 1));
    for (int i = 0; i < 300; i++) {
        assert_true(cases_send(fd, "3e8\r\n", 5));
        chunk[1000] = '\r';
        chunk[1001] = '\n';
        assert_true(cases_send(fd, chunk, sizeof chunk));
    }
    assert_true(cases_send(fd, "0\r\n\r\n", 5));
    cases_receive_all(fd, &f.served.reply);
    assert_int_equal(cases_status(&f.served.reply), 413);
    assert_int_equal(f.world.counts.handled, 0);
    (void)close(fd);
    stop(&f);
}

static void gzip_goes_both_ways(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    alm_buffer packed = {0}, request = {0}, body = {0};
    assert_int_equal(alm_gzip_all(ALM_STR("squeezed"), 6, &packed, NULL), ALM_OK);
    alm_buffer_printf(&request, "POST /long HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                      "Accept-Encoding: br;q=1.0, gzip;q=0.8\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n", packed.size);
    alm_buffer_append(&request, packed.data, packed.size);
    int fd = cases_connect(f.served.server);
    assert_true(cases_send(fd, request.data, request.size));
    cases_receive_all(fd, &f.served.reply);
    (void)close(fd);
    assert_string_equal(f.world.seen, "POST /long? squeezed");
    has(&f, "Content-Encoding: gzip\r\n");
    has(&f, "Vary: Accept-Encoding\r\n");
    const char *end = strstr(f.served.reply.data, "\r\n\r\n");
    alm_str sent = {end + 4, f.served.reply.size - (size_t)(end + 4 - f.served.reply.data)};
    assert_int_equal(alm_gunzip_all(sent, 5000, &body, NULL), ALM_OK);
    assert_int_equal(body.size, 5000);
    /* A weight of 0 is a refusal. */
    ask(&f, "GET /long HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip;q=0\r\n"
        "Connection: close\r\n\r\n");
    assert_null(strstr(f.served.reply.data, "Content-Encoding"));
    has(&f, "Content-Length: 5000\r\n");
    alm_buffer_deinit(&packed);
    alm_buffer_deinit(&request);
    alm_buffer_deinit(&body);
    stop(&f);
}

/* 1 GiB of zeros is a megabyte of gzip: it is not inflated beyond the limit. */
static void a_bomb_of_gzip_is_refused(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    alm_buffer zeros = {0}, packed = {0}, request = {0};
    for (int i = 0; i < 50000; i++) {
        alm_buffer_text(&zeros, "0000000000");
    }
    assert_int_equal(alm_gzip_all(alm_buffer_view(&zeros), 9, &packed, NULL), ALM_OK);
    alm_buffer_printf(&request, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                      "Content-Length: %zu\r\nConnection: close\r\n\r\n", packed.size);
    alm_buffer_append(&request, packed.data, packed.size);
    int fd = cases_connect(f.served.server);
    assert_true(cases_send(fd, request.data, request.size));
    cases_receive_all(fd, &f.served.reply);
    (void)close(fd);
    assert_int_equal(cases_status(&f.served.reply), 413);
    assert_int_equal(f.world.counts.handled, 0);
    alm_buffer_deinit(&zeros);
    alm_buffer_deinit(&packed);
    alm_buffer_deinit(&request);
    stop(&f);
}

static void a_connection_serves_many_requests(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    int fd = cases_connect(f.served.server);
    static const char *const requests[] = {
        "GET /one HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /two HTTP/1.1\r\nHost: h\r\n\r\n",
    };
    static const int status[] = {200, 403, 403, 200};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_true(cases_send(fd, requests[i], strlen(requests[i])));
        cases_receive_reply(fd, &f.served.reply);
        assert_int_equal(cases_status(&f.served.reply), status[i]);
        assert_null(strstr(f.served.reply.data, "Connection: close"));
    }
    /* Several at once are answered in their order. */
    alm_buffer_clear(&f.served.reply);
    static const char both[] = "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"
                               "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_true(cases_send(fd, both, sizeof both - 1));
    cases_receive_all(fd, &f.served.reply);
    assert_string_equal(f.world.seen, "GET /last? ");
    assert_int_equal(f.world.counts.handled, 4);
    (void)close(fd);
    stop(&f);
}

static void streams_come_in_pieces(void **state)
{
    (void)state;
    fixture f;
    start(&f);
    ask(&f, "GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    has(&f, "Transfer-Encoding: chunked\r\n");
    has(&f, "piece 3\n");
    has(&f, "piece 1\n");
    has(&f, "\r\n0\r\n\r\n");
    /* A stream that breaks has no end, so that nobody takes it for whole. */
    ask(&f, "GET /breaks HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    has(&f, "good\n");
    assert_null(strstr(f.served.reply.data, "\r\n0\r\n\r\n"));
    stop(&f);
    assert_int_equal(f.world.closed_streams, 2);
    assert_int_equal(f.world.counts.unsent, 1);
}

/* However it drips, and whatever it waits for. */
static void slow_senders_are_cut_off(void **state)
{
    (void)state;
    fixture f;
    alm_server_settings settings = alm_server_defaults;
    settings.request_seconds = 1;
    settings.drain_seconds = 1;
    start_with(&f, settings);
    static const char *const beginnings[] = {
        "", "GET / HT", "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc",
    };
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = cases_connect(f.served.server);
        assert_true(cases_send(fd[i], beginnings[i], strlen(beginnings[i])));
    }
    for (int step = 0; step < 8; step++) { /* a byte every fifth of a second */
        struct timespec pause = {.tv_nsec = 200000000};
        (void)nanosleep(&pause, NULL);
        for (int i = 1; i < 3; i++) {
            (void)cases_send(fd[i], "x", 1);
        }
    }
    for (int i = 0; i < 3; i++) {
        assert_true(cases_is_closed(fd[i]));
        (void)close(fd[i]);
    }
    assert_int_equal(alm_server_count(f.served.server).timed_out, 3);
    assert_int_equal(f.world.counts.handled, 0);
    stop(&f);
}

static void ask_slowly(void *context)
{
    fixture *f = context;
    ask(f, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void stopping_lets_requests_end(void **state)
{
    (void)state;
    fixture f;
    alm_thread *thread = NULL;
    start(&f);
    f.world.blocks = true;
    assert_int_equal(alm_thread_start("ask", ask_slowly, &f, &thread, NULL), ALM_OK);
    cases_wait_for(&f.world.counts.handled, 1);
    assert_int_equal(alm_server_count(f.served.server).requests, 1);
    alm_server_drain(f.served.server);
    assert_true(alm_server_is_draining(f.served.server));
    f.world.blocks = false;
    alm_thread_join(thread);
    assert_int_equal(cases_status(&f.served.reply), 200);
    has(&f, "Connection: close\r\n");
    has(&f, "hello");
    /* Soon nobody listens any more. */
    for (int fd; (fd = cases_connect(f.served.server)) >= 0;) {
        (void)close(fd);
        cases_pause();
    }
    stop(&f);
}

static void settings_and_addresses_are_checked(void **state)
{
    (void)state;
    alm_server_handler handler = {.handle = handle};
    alm_server *server = NULL;
    alm_error error;
    alm_server_settings wrong = alm_server_defaults;
    wrong.workers = 0;
    assert_int_equal(alm_server_start(&cases_env, &wrong, &handler, &server, &error),
                     ALM_ERR_CONFIG);
    wrong = alm_server_defaults;
    wrong.address = "localhost";
    assert_int_equal(alm_server_start(&cases_env, &wrong, &handler, &server, &error),
                     ALM_ERR_CONFIG);
    wrong = alm_server_defaults;
    wrong.key = ALM_STR("x");
    assert_int_equal(alm_server_start(&cases_env, &wrong, &handler, &server, &error),
                     ALM_ERR_CONFIG);
    wrong.certificate = ALM_STR("x");
    assert_int_equal(alm_server_start(&cases_env, &wrong, &handler, &server, &error),
                     ALM_ERR_INVALID);
    assert_null(server);
    fixture f;
    start(&f);
    alm_server_settings taken = alm_server_defaults;
    taken.port = alm_server_port(f.served.server);
    assert_int_equal(alm_server_start(&cases_env, &taken, &handler, &server, &error), ALM_ERR_IO);
    assert_non_null(strstr(error.message, "choose another port"));
    stop(&f);
}

static void several_workers_share_the_connections(void **state)
{
    (void)state;
    fixture f;
    alm_server_settings settings = alm_server_defaults;
    settings.workers = 3;
    start_with(&f, settings);
    for (int i = 0; i < 50; i++) {
        ask(&f, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert_int_equal(cases_status(&f.served.reply), 200);
    }
    assert_int_equal(alm_server_count(f.served.server).accepted, 50);
    stop(&f);
    assert_int_equal(f.world.counts.done, 50);
}

/* The lowest priority that real-time threads may have, for its loops, or the reason why not. */
static void loops_go_first_where_they_may(void **state)
{
    (void)state;
    fixture f;
    alm_error error = {0};
    alm_server *server = NULL;
    alm_server_settings settings = alm_server_defaults;
    alm_server_handler handler = {.handle = handle};
    settings.is_realtime = true;
    settings.port = 0;
    if (alm_server_start(&cases_env, &settings, &handler, &server, &error) != ALM_OK) {
        assert_null(server);
        assert_non_null(strstr(error.message, "RLIMIT_RTPRIO"));
        skip();
    }
    alm_server_stop(server);
    start_with(&f, settings);
    ask(&f, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_int_equal(cases_status(&f.served.reply), 200);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_whole_and_replies_go_back),
        cmocka_unit_test(whole_addresses_are_paths),
        cmocka_unit_test(who_asks_first_is_refused_before_the_body),
        cmocka_unit_test(chunks_are_read_to_the_letter),
        cmocka_unit_test(ids_are_taken_over_when_they_are_plain),
        cmocka_unit_test(late_replies_are_sent_at_once),
        cmocka_unit_test(known_methods_get_to_the_routes),
        cmocka_unit_test(smuggling_is_refused),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(addresses_and_fields_are_bounded),
        cmocka_unit_test(a_body_that_grows_too_large_is_refused),
        cmocka_unit_test(gzip_goes_both_ways),
        cmocka_unit_test(a_bomb_of_gzip_is_refused),
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(streams_come_in_pieces),
        cmocka_unit_test(slow_senders_are_cut_off),
        cmocka_unit_test(stopping_lets_requests_end),
        cmocka_unit_test(settings_and_addresses_are_checked),
        cmocka_unit_test(several_workers_share_the_connections),
        cmocka_unit_test(loops_go_first_where_they_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
