/* key_source_test.c: files and URLs that come, change, break and come back. */
#include "http/access/key_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/fs_memory.h"
#include "base/http_memory.h"

#define SECOND UINT64_C(1000000000)

/* The object is the text itself; "bad" is not accepted. */
static int alive;

static alm_err parse_text(alm_str text, const char *name, void **out, alm_error *error)
{
    if (alm_str_is(text, "bad")) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: bad", name);
    }
    void *copy = NULL;
    ALM_TRY(alm_heap_try(text.size + 1, &copy, error));
    memcpy(copy, text.data, text.size);
    alive++;
    *out = copy;
    return ALM_OK;
}

static void destroy_text(void *object)
{
    alive--;
    alm_heap_free(object);
}

static const alm_key_source_kind KIND = {16, parse_text, destroy_text};

typedef struct server {
    const char *body;
    int status;
    alm_http_failure failure;
    int asked;
} server;

static void answer(void *context, const alm_http_request *request, alm_arena *arena,
                   alm_http_outcome *out, const char **reason)
{
    (void)arena;
    server *s = context;
    s->asked++;
    assert_string_equal(request->url, "https://id.example.test/keys");
    assert_int_equal(request->response_bytes_max, 16);
    assert_int_equal(request->deadline_ms, 700);
    assert_string_equal(request->ca_file, "ca.pem");
    assert_null(request->body.data);
    out->failure = s->failure;
    out->response.status = s->status;
    out->response.body = alm_str_of(s->body);
    *reason = "the server is gone";
}

static alm_fs *fs;
static alm_http *http;
static server remote;
static alm_env env;

static int setup(void **state)
{
    (void)state;
    remote = (server){"one", 200, ALM_HTTP_NONE, 0};
    http = alm_http_memory_create(&(alm_http_memory_world){answer, &remote});
    env = (alm_env){.http = http};
    int failed = alm_fs_memory_create(&fs, NULL);
    env.fs = fs;
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    alm_fs_destroy(fs);
    alm_http_destroy(http);
    return alive;
}

static const alm_key_source_place URL = {
    .location = {"https://id.example.test/keys", 28},
    .is_url = true,
    .ca_file = {"ca.pem", 6},
    .refresh_s = 300,
    .retry_s = 30,
    .deadline_ms = 700,
};

static alm_key_source *opened(const alm_key_source_place *place)
{
    alm_key_source *source = NULL;
    alm_error error = {0};
    if (alm_key_source_open(&env, &KIND, place, 2, &source, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return source;
}

static void holds(alm_key_source *source, const char *expected, uint64_t generation)
{
    assert_string_equal(alm_key_source_enter(source, 1), expected);
    alm_key_source_leave(source, 1);
    assert_int_equal(alm_key_source_generation(source), generation);
}

static void a_url_is_read_again_and_the_last_good_content_stays(void **state)
{
    (void)state;
    alm_key_source *source = opened(&URL);
    bool changed;
    alm_error error = {0};
    holds(source, "one", 1);
    uint64_t now = 5 * SECOND;
    assert_int_equal(alm_key_source_refresh(source, now, &changed, NULL), ALM_OK);
    remote.body = "two";
    now += 299 * SECOND;
    assert_int_equal(alm_key_source_refresh(source, now, &changed, NULL), ALM_OK);
    assert_false(changed);
    holds(source, "one", 1);
    now += SECOND;
    assert_int_equal(alm_key_source_refresh(source, now, &changed, NULL), ALM_OK);
    assert_true(changed);
    holds(source, "two", 2);
    /* Everything that can go wrong leaves it. */
    const server bad[] = {{"bad", 200, ALM_HTTP_NONE, 0}, {"three", 503, ALM_HTTP_NONE, 0},
                          {"", 404, ALM_HTTP_NONE, 0}, {"", 0, ALM_HTTP_CONNECT, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        remote = bad[i];
        now += 300 * SECOND;
        assert_int_not_equal(alm_key_source_refresh(source, now, &changed, &error), ALM_OK);
        assert_false(changed);
        holds(source, "two", 2);
    }
    assert_non_null(strstr(error.message, "https://id.example.test/keys"));
    remote = (server){"two", 200, ALM_HTTP_NONE, 0}; /* the same bytes: the same generation */
    now += 29 * SECOND;
    assert_int_equal(alm_key_source_refresh(source, now, &changed, NULL), ALM_OK);
    assert_int_equal(remote.asked, 0);
    now += SECOND; /* after a failure it is tried again sooner */
    assert_int_equal(alm_key_source_refresh(source, now, &changed, NULL), ALM_OK);
    assert_false(changed);
    holds(source, "two", 2);
    assert_int_equal(remote.asked, 1);
    alm_key_source_close(source);
}

static void wishes_are_fulfilled_but_not_more_often_than_allowed(void **state)
{
    (void)state;
    alm_key_source *source = opened(&URL);
    uint64_t now = 5 * SECOND;
    assert_int_equal(alm_key_source_refresh(source, now, NULL, NULL), ALM_OK);
    remote.body = "two";
    remote.asked = 0;
    for (int second = 0; second < 3000; second++) { /* wanted all the time, tried every second */
        alm_key_source_want(source);
        now += SECOND;
        assert_int_equal(alm_key_source_refresh(source, now, NULL, NULL), ALM_OK);
        assert_true(second < 29 || alm_key_source_generation(source) == 2);
    }
    assert_int_equal(remote.asked, 100);
    alm_key_source_close(source);
}

static void a_file_is_read_like_a_url(void **state)
{
    (void)state;
    alm_key_source_place place = {.location = ALM_STR("keys.json"), .refresh_s = 2, .retry_s = 2};
    alm_key_source *source = NULL;
    alm_error error = {0};
    assert_int_equal(alm_key_source_open(&env, &KIND, &place, 2, &source, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "keys.json"));
    assert_int_equal(alm_fs_write_all(fs, "keys.json", ALM_STR("bad"), NULL), ALM_OK);
    assert_int_equal(alm_key_source_open(&env, &KIND, &place, 2, &source, &error),
                     ALM_ERR_INVALID);
    assert_int_equal(alm_fs_write_all(fs, "keys.json", ALM_STR("seventeen letters"), NULL),
                     ALM_OK);
    assert_int_not_equal(alm_key_source_open(&env, &KIND, &place, 2, &source, &error), ALM_OK);
    assert_null(source);
    assert_int_equal(alm_fs_write_all(fs, "keys.json", ALM_STR("one"), NULL), ALM_OK);
    source = opened(&place);
    assert_int_equal(alm_key_source_refresh(source, 0, NULL, NULL), ALM_OK);
    assert_int_equal(fs->ops->unlink(fs, "keys.json", NULL), ALM_OK);
    assert_int_equal(alm_key_source_refresh(source, 2 * SECOND, NULL, NULL), ALM_ERR_NOT_FOUND);
    holds(source, "one", 1);
    assert_int_equal(alm_fs_write_all(fs, "keys.json", ALM_STR("two"), NULL), ALM_OK);
    const void *old = alm_key_source_enter(source, 0);
    assert_int_equal(alm_key_source_refresh(source, 4 * SECOND, NULL, NULL), ALM_OK);
    assert_string_equal(old, "one"); /* as long as it is read */
    alm_key_source_leave(source, 0);
    holds(source, "two", 2);
    alm_key_source_close(source);
    alm_key_source_close(NULL);
}

static void a_url_that_others_could_change_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "http://id.example.test/keys",   "https://",
        "ftp://localhost/keys",          "http://localhost.evil.test/",
        "http://localhost@evil.test/",   "http://localhost:80@evil.test/",
        "https://user:word@example.test/", "http://127.0.0.1.evil.test/",
        "http://localhost\\evil.test/",  "https://example.test/a b",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        alm_key_source_place place = URL;
        alm_key_source *source = NULL;
        place.location = alm_str_of(BAD[i]);
        assert_int_equal(alm_key_source_open(&env, &KIND, &place, 1, &source, NULL),
                         ALM_ERR_CONFIG);
    }
    assert_int_equal(remote.asked, 0);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_url_is_read_again_and_the_last_good_content_stays),
        CASE(wishes_are_fulfilled_but_not_more_often_than_allowed),
        CASE(a_file_is_read_like_a_url),
        CASE(a_url_that_others_could_change_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
