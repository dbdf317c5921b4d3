/* The same behaviour of every HTTP client: libcurl's against a server on loopback, and the twin.
 *
 * Both are asked for the same paths; what answers is one function, behind a socket or not. */
#include "base/http_client.h"
#include "base/http_loopback.h"
#include "base/http_memory.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOW_S 100        /* longer than anybody waits */
#define SOON_MS 400       /* a deadline that passes */
#define PATIENT_MS 60000  /* one that does not, however loaded the machine is */
#define LARGE_BYTES ((size_t)300000)

/* ---- what answers ---- */

/* The body for a path; 0: the path has another way to fail. */
static int answer_path(alm_str path, alm_str body, alm_str authorization, alm_buffer *out)
{
    if (alm_str_is(path, "/echo")) {
        alm_buffer_printf(out, "[%zu] ", body.size);
        alm_buffer_str(out, body);
        alm_buffer_str(out, authorization);
        return 200;
    }
    if (alm_str_is(path, "/large")) {
        for (size_t i = 0; i < LARGE_BYTES / 10; i++) {
            alm_buffer_text(out, "0123456789");
        }
        return 200;
    }
    if (alm_str_is(path, "/empty")) {
        return 200;
    }
    if (alm_str_is(path, "/busy")) {
        alm_buffer_text(out, "later");
        return 503;
    }
    if (alm_str_is(path, "/moved")) {
        return 302;
    }
    return 0;
}

static void answer_socket(const loopback_request *request, alm_buffer *out)
{
    alm_buffer body = {0};
    int status = answer_path(request->path, request->body,
                             loopback_header(request, "Authorization"), &body);
    if (status) {
        const char *more = status == 503   ? "Retry-After: 7\r\n"
                           : status == 302 ? "Location: /echo\r\n"
                                           : "";
        loopback_reply(out, status, more, alm_buffer_view(&body));
    } else if (alm_str_is(request->path, "/slow")) {
        sleep(SLOW_S);
    } else if (alm_str_is(request->path, "/trickle")) {
        alm_buffer_text(out, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nand then");
        sleep(SLOW_S);
    } else if (alm_str_is(request->path, "/cut")) {
        alm_buffer_text(out, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
    } else if (alm_str_is(request->path, "/nonsense")) {
        alm_buffer_text(out, "\x01\x02\x03 what is this\r\n\r\n");
    } /* else: closed without a word */
    alm_buffer_deinit(&body);
}

static alm_str header_value(const alm_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (alm_str_starts_with(alm_str_of(request->header[i]), name)) {
            return alm_str_of(request->header[i] + strlen(name) + 2);
        }
    }
    return ALM_STR("");
}

static void answer_memory(void *context, const alm_http_request *request, alm_arena *arena,
                          alm_http_outcome *out, const char **reason)
{
    alm_buffer body = {0};
    alm_str path = alm_str_of(strchr(request->url + strlen("http://"), '/'));
    (void)context;
    (void)reason;
    if (strstr(request->url, "http://dead")) {
        out->failure = ALM_HTTP_CONNECT;
        return;
    }
    int status = answer_path(path, request->body, header_value(request, "Authorization"), &body);
    out->response.status = status;
    out->response.content_type = ALM_STR("application/json");
    out->response.retry_after_s = status == 503 ? 7 : -1;
    if (body.size > 0) {
        out->response.body =
            (alm_str){alm_arena_copy_text(arena, body.data, body.size), body.size};
    }
    if (alm_str_is(path, "/slow") || alm_str_is(path, "/trickle")) {
        out->elapsed_ms = SLOW_S * 1000;
    } else if (!status) {
        out->failure = ALM_HTTP_BROKEN;
    }
    alm_buffer_deinit(&body);
}

/* ---- the suite ---- */

typedef struct fixture {
    alm_http *http;
    loopback server, dead;
    alm_arena *arena;
    char base[64], nobody[64];
    alm_error error;
} fixture;

static int set_up_memory(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->arena = alm_arena_create(0);
    f->http = alm_http_memory_create(&(alm_http_memory_world){answer_memory, NULL});
    snprintf(f->base, sizeof f->base, "http://memory");
    snprintf(f->nobody, sizeof f->nobody, "http://dead/echo");
    *state = f;
    return 0;
}

static int set_up_curl(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(loopback_start(&f->server, answer_socket));
    assert_true(loopback_bind(&f->dead));
    f->arena = alm_arena_create(0);
    if (alm_http_curl_create(&f->http, &f->error) != ALM_OK ||
        f->http->ops->start(f->http, &f->error) != ALM_OK ||
        f->http->ops->start(f->http, &f->error) != ALM_OK) {
        fail_msg("%s", f->error.message);
    }
    snprintf(f->base, sizeof f->base, "http://127.0.0.1:%d", f->server.port);
    snprintf(f->nobody, sizeof f->nobody, "http://127.0.0.1:%d/echo", f->dead.port);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    alm_http_destroy(f->http);
    alm_arena_destroy(f->arena);
    if (f->server.child) {
        loopback_stop(&f->server);
        loopback_stop(&f->dead);
    }
    free(f);
    return 0;
}

static alm_err ask_within(fixture *f, const char *path, uint32_t deadline_ms, alm_str body,
                          alm_http_outcome *out)
{
    static const char *const HEADERS[] = {"Content-Type: application/json",
                                          "Authorization: Bearer abc"};
    const char *url = path ? alm_arena_printf(f->arena, "%s%s", f->base, path) : f->nobody;
    alm_http_request request = {.url = url, .header = HEADERS, .header_count = 2, .body = body,
                                .deadline_ms = deadline_ms, .response_bytes_max = LARGE_BYTES};
    f->error.message[0] = '\0';
    return f->http->ops->send(f->http, &request, f->arena, out, &f->error);
}

static alm_err ask(fixture *f, const char *path, alm_str body, alm_http_outcome *out)
{
    return ask_within(f, path, PATIENT_MS, body, out);
}

static void answers_come_whole(void **state)
{
    fixture *f = *state;
    alm_http_outcome out;
    for (int i = 0; i < 3; i++) { /* also on a handle that was used before */
        assert_int_equal(ask(f, "/echo", ALM_STR("{\"a\":1}"), &out), ALM_OK);
        assert_int_equal(out.failure, ALM_HTTP_NONE);
        assert_int_equal(out.response.status, 200);
        assert_string_equal(out.response.body.data, "[7] {\"a\":1}Bearer abc");
        assert_true(alm_str_is(out.response.content_type, "application/json"));
        assert_int_equal(out.response.retry_after_s, -1);
    }
    assert_int_equal(ask(f, "/empty", ALM_STR("x"), &out), ALM_OK);
    assert_int_equal(out.response.body.size, 0);
    assert_int_equal(ask(f, "/large", ALM_STR("x"), &out), ALM_OK); /* just as much as allowed */
    assert_int_equal(out.response.body.size, LARGE_BYTES);
}

static void statuses_are_answers(void **state)
{
    fixture *f = *state;
    alm_http_outcome out;
    assert_int_equal(ask(f, "/busy", ALM_STR("x"), &out), ALM_OK);
    assert_int_equal(out.response.status, 503);
    assert_int_equal(out.response.retry_after_s, 7);
    assert_true(alm_str_is(out.response.body, "later"));
    assert_int_equal(ask(f, "/moved", ALM_STR("x"), &out), ALM_OK);
    assert_int_equal(out.response.status, 302); /* and nobody goes there */
    assert_int_equal(out.response.body.size, 0);
}

static void failures_have_their_kind(void **state)
{
    static const struct {
        const char *path;
        uint32_t deadline_ms;
        alm_http_failure failure;
        const char *says;
    } CASES[] = {
        {NULL, PATIENT_MS, ALM_HTTP_CONNECT, ""},
        {"/slow", SOON_MS, ALM_HTTP_TIMEOUT, "no answer within 400 ms"},
        {"/trickle", SOON_MS, ALM_HTTP_TIMEOUT, "no answer within 400 ms"},
        {"/cut", PATIENT_MS, ALM_HTTP_BROKEN, ""},
        {"/nonsense", PATIENT_MS, ALM_HTTP_BROKEN, ""},
        {"/closed", PATIENT_MS, ALM_HTTP_BROKEN, ""},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        alm_http_outcome out;
        alm_err code =
            ask_within(f, CASES[i].path, CASES[i].deadline_ms, ALM_STR("x"), &out);
        if (code != ALM_ERR_IO || out.failure != CASES[i].failure ||
            !strstr(f->error.message, CASES[i].says)) {
            fail_msg("%s: %s, failure %d: %s", CASES[i].path ? CASES[i].path : "nobody",
                     alm_err_name(code), (int)out.failure, f->error.message);
        }
        assert_true(f->error.message[0] != '\0' && !strstr(f->error.message, "127.0.0.1"));
        assert_true(out.elapsed_ms < SLOW_S * 1000);
    }
}

static void answers_have_a_limit(void **state)
{
    fixture *f = *state;
    alm_http_outcome out;
    alm_http_request request = {.url = alm_arena_printf(f->arena, "%s/large", f->base),
                                .body = ALM_STR("x"), .deadline_ms = PATIENT_MS,
                                .response_bytes_max = LARGE_BYTES - 1};
    assert_int_equal(f->http->ops->send(f->http, &request, f->arena, &out, &f->error),
                     ALM_ERR_LIMIT);
    assert_int_equal(out.failure, ALM_HTTP_TOO_LARGE);
    assert_non_null(strstr(f->error.message, "more than 299999 bytes"));
}

static void other_schemes_are_refused(void **state)
{
    fixture *f = *state;
    alm_http_outcome out;
    alm_http_request request = {.url = "file:///etc/passwd", .deadline_ms = 400,
                                .response_bytes_max = 10};
    assert_int_equal(f->http->ops->send(f->http, &request, f->arena, &out, &f->error), ALM_ERR_IO);
    assert_int_equal(out.failure, ALM_HTTP_BROKEN);
}

/* A network of this process alone, whose name server listens and never answers. */
static bool enter_silence(const char *resolver)
{
    struct ifreq own = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct sockaddr_in port = {.sin_family = AF_INET, .sin_port = htons(53),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) {
        return false;
    }
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    return server >= 0 && ioctl(server, SIOCSIFFLAGS, &own) == 0 &&
           bind(server, (struct sockaddr *)&port, sizeof port) == 0 &&
           mount(resolver, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
}

static int ask_in_silence(const char *resolver)
{
    alm_http *http = NULL;
    alm_http_outcome out;
    alm_arena *arena = alm_arena_create(0);
    alm_http_request request = {.url = "http://nobody.example/", .deadline_ms = SOON_MS,
                                .response_bytes_max = 10};
    if (!enter_silence(resolver) || alm_http_curl_create(&http, NULL) != ALM_OK ||
        http->ops->start(http, NULL) != ALM_OK) {
        return 77;
    }
    (void)http->ops->send(http, &request, arena, &out, NULL);
    /* The system's resolver gives up after 10 s. */
    return out.failure == ALM_HTTP_TIMEOUT && out.elapsed_ms < 5000 ? 0 : 1;
}

static void a_silent_name_server_ends_with_the_deadline(void **state)
{
    static const char TEXT[] = "nameserver 127.0.0.1\n";
    char resolver[] = "/tmp/alm_resolver_XXXXXX";
    int status = 0, file = mkstemp(resolver);
    (void)state;
    assert_true(file >= 0 && write(file, TEXT, sizeof TEXT - 1) == sizeof TEXT - 1);
    assert_int_equal(fchmod(file, 0644), 0);
    close(file);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(ask_in_silence(resolver));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(resolver);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip(); /* no right to a network of one's own */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_twin_counts_time(void **state)
{
    fixture *f = *state;
    alm_http_outcome out;
    f->http->ops->pause(f->http, 30);
    assert_int_equal(ask_within(f, "/slow", SOON_MS, ALM_STR("x"), &out), ALM_ERR_IO);
    assert_int_equal(alm_http_memory_clock_ms(f->http), 430);
}

#define SUITE(set_up)                                                                       \
    cmocka_unit_test_setup_teardown(answers_come_whole, set_up, tear_down),                 \
        cmocka_unit_test_setup_teardown(statuses_are_answers, set_up, tear_down),           \
        cmocka_unit_test_setup_teardown(failures_have_their_kind, set_up, tear_down),       \
        cmocka_unit_test_setup_teardown(answers_have_a_limit, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE(set_up_memory),
        SUITE(set_up_curl),
        cmocka_unit_test_setup_teardown(other_schemes_are_refused, set_up_curl, tear_down),
        cmocka_unit_test(a_silent_name_server_ends_with_the_deadline),
        cmocka_unit_test_setup_teardown(the_twin_counts_time, set_up_memory, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
