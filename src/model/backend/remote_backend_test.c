/* What happens when a server is slow, busy, gone or wrong: deadlines, retries, breaker, messages.
 * The server is a script and the clock is the twin's, so that each second passes at once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "base/pool.h"
#include "model/backend/remote_cases.h"
#include "model/backend/remote_protocol.h"

#define URL "http://models:8000"
#define ONE(more)                                                                          \
    "{\"protocol\":\"kserve_v2\",\"url\":\"%s\",\"model\":\"line\",\"version\":\"3\","     \
    "\"input\":\"rows\",\"outputs\":2,\"deadline_ms\":1000" more "}"

/* One answer; the last of a script is given again and again. */
typedef struct scene {
    alm_http_failure failure;
    int status; /* 0: the right answer */
    int64_t retry_after_s;
    uint32_t elapsed_ms;
    const char *body;
} scene;

typedef struct world {
    const scene *script;
    size_t scene_count, asked;
    uint32_t deadline_ms[64]; /* of the requests */
    char authorization[256], url[256];
    alm_http *http;
    alm_fs *fs;
    alm_env env;
    alm_arena *scratch;
    alm_backend *backend;
    const char *secret;
    alm_error error;
} world;

static void answer(void *context, const alm_http_request *request, alm_arena *arena,
                   alm_http_outcome *out, const char **reason)
{
    world *w = context;
    const scene *s = &w->script[w->asked < w->scene_count ? w->asked : w->scene_count - 1];
    if (w->asked < 64) {
        w->deadline_ms[w->asked] = request->deadline_ms;
    }
    w->asked++;
    snprintf(w->url, sizeof w->url, "%s", request->url);
    snprintf(w->authorization, sizeof w->authorization, "%s",
             request->header_count > 2 ? request->header[2] : "");
    *reason = "the script says so";
    out->failure = s->failure;
    out->elapsed_ms = s->elapsed_ms;
    out->response.retry_after_s = s->retry_after_s;
    out->response.status = s->status ? s->status : 200;
    if (s->body) {
        out->response.body = alm_str_of(s->body);
    } else if (!s->status) {
        alm_buffer body = {0};
        out->response.status = fake_answer(alm_str_of(request->url + strlen(URL)), request->body,
                                           &body);
        out->response.body =
            (alm_str){alm_arena_copy_text(arena, body.data, body.size), body.size};
        alm_buffer_deinit(&body);
    }
}

static alm_instant clock_of_twin(void *context)
{
    return (alm_instant)alm_http_memory_clock_ms(((world *)context)->http) * 1000;
}

static const char *variable(void *context, const char *name)
{
    return strcmp(name, "MODEL_TOKEN") == 0 ? ((world *)context)->secret : NULL;
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->http = alm_http_memory_create(&(alm_http_memory_world){answer, w});
    assert_int_equal(alm_fs_memory_create(&w->fs, NULL), ALM_OK);
    w->env = (alm_env){.fs = w->fs, .http = w->http, .now = clock_of_twin, .variable = variable,
                       .context = w};
    w->scratch = alm_arena_create(0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    alm_backend_destroy(w->backend);
    alm_http_destroy(w->http);
    alm_fs_destroy(w->fs);
    alm_arena_destroy(w->scratch);
    free(w);
    return 0;
}

static void play(world *w, const scene *script, size_t count)
{
    w->script = script;
    w->scene_count = count;
    w->asked = 0;
}
#define PLAY(w, ...)                                                     \
    do {                                                                 \
        static const scene script_[] = {__VA_ARGS__};                    \
        play((w), script_, sizeof script_ / sizeof *script_);            \
    } while (0)

static void open_document(world *w, const char *document)
{
    alm_backend_destroy(w->backend);
    w->backend = NULL;
    if (fake_open(&w->env, document, URL, 0, &w->backend, &w->error) != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static alm_err ask(world *w)
{
    static const double ROW[] = {1, 2, 4};
    double out[2] = {4711, 4711};
    alm_backend_batch batch = {ROW, 1, 3, 0, 0};
    w->error.message[0] = '\0';
    alm_arena_reset(w->scratch);
    alm_err code = alm_backend_predict(w->backend, &batch, w->scratch, out, &w->error);
    assert_true(code == ALM_OK ? out[0] == 9 && out[1] == -1.75 : out[0] == 4711);
    return code;
}

static void expect(world *w, alm_err code, const char *says)
{
    alm_err got = ask(w);
    if (got != code || !strstr(w->error.message, says)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, says);
    }
}

static void answers_are_asked_for_by_name(void **state)
{
    world *w = *state;
    open_document(w, ONE(""));
    PLAY(w, {.elapsed_ms = 3});
    assert_int_equal(ask(w), ALM_OK);
    assert_string_equal(w->url, URL "/v2/models/line/versions/3/infer");
    assert_int_equal(w->deadline_ms[0], 1000);
    assert_int_equal(w->asked, 1);
}

static void what_may_be_retried_is(void **state)
{
    world *w = *state;
    open_document(w, ONE(""));
    PLAY(w, {.failure = ALM_HTTP_CONNECT, .elapsed_ms = 100}, {.status = 503, .elapsed_ms = 50,
         .retry_after_s = -1}, {.elapsed_ms = 1});
    assert_int_equal(ask(w), ALM_OK);
    assert_int_equal(w->asked, 3);
    assert_int_equal(w->deadline_ms[1], 1000 - 100 - 20);      /* one deadline for all of it */
    assert_int_equal(w->deadline_ms[2], 880 - 50 - 40);
    PLAY(w, {.status = 429, .retry_after_s = 0}, {.status = 0}); /* at once */
    assert_int_equal(ask(w), ALM_OK);
    PLAY(w, {.status = 504, .retry_after_s = -1});
    expect(w, ALM_ERR_IO, "model line at " URL " (3 attempts): status 504");
    assert_int_equal(w->asked, 3);
}

static void what_may_not_is_not(void **state)
{
    static const struct {
        scene scene;
        alm_err code;
        const char *says;
    } CASES[] = {
        {{.failure = ALM_HTTP_BROKEN}, ALM_ERR_IO, "the script says so"},
        {{.failure = ALM_HTTP_TIMEOUT, .elapsed_ms = 1000}, ALM_ERR_IO, "no answer within 1000 ms"},
        {{.elapsed_ms = 5000}, ALM_ERR_IO, "no answer within 1000 ms"},
        {{.failure = ALM_HTTP_TOO_LARGE}, ALM_ERR_LIMIT, "more than 16777216 bytes"},
        {{.status = 400, .body = "{\"error\":\"bad\\nrows\"}"}, ALM_ERR_EXTERNAL,
         "status 400: bad"},
        {{.status = 401}, ALM_ERR_DENIED, "status 401"},
        {{.status = 403, .body = "<html>"}, ALM_ERR_DENIED, "status 403: <html>"},
        {{.status = 404, .body = "{\"message\":\"gone\"}"}, ALM_ERR_NOT_FOUND, "404: gone"},
        {{.status = 302}, ALM_ERR_EXTERNAL, "redirects are not followed"},
        {{.status = 500, .body = "\xff\xfe"}, ALM_ERR_EXTERNAL, "status 500: (bytes"},
        {{.status = 204}, ALM_ERR_EXTERNAL, "status 204"},
        {{.status = 429, .retry_after_s = -1}, ALM_ERR_IO, "status 429"},
        {{.status = 429, .retry_after_s = 1}, ALM_ERR_IO, "status 429"}, /* past the deadline */
        {{.status = 503, .retry_after_s = INT64_MAX}, ALM_ERR_IO, "status 503"},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        open_document(w, ONE(""));
        play(w, &CASES[i].scene, 1);
        expect(w, CASES[i].code, CASES[i].says);
        assert_non_null(strstr(w->error.message, "model line at " URL ": "));
        assert_int_equal(w->asked, 1);
    }
}

/* Ten tokens at the start, then one for every ten calls (retry_percent 10). */
static void retries_have_a_budget(void **state)
{
    world *w = *state;
    size_t asked = 0;
    open_document(w, ONE(",\"breaker_failures\":0"));
    for (int i = 0; i < 200; i++) {
        PLAY(w, {.failure = ALM_HTTP_CONNECT});
        expect(w, ALM_ERR_IO, "model line");
        asked += w->asked;
    }
    /* The first token that the calls earn is lost: the bucket is full. */
    assert_in_range(asked, 200 + 10 + 19, 200 + 10 + 20);
    open_document(w, ONE(",\"retries_max\":0"));
    PLAY(w, {.failure = ALM_HTTP_CONNECT});
    expect(w, ALM_ERR_IO, "model line");
    assert_int_equal(w->asked, 1);
}

static void breaker_opens_and_half_opens(void **state)
{
    world *w = *state;
    open_document(w, ONE(",\"retries_max\":0,\"breaker_failures\":3,\"breaker_open_ms\":2000"));
    PLAY(w, {.status = 500});
    for (int i = 0; i < 3; i++) {
        expect(w, ALM_ERR_EXTERNAL, "status 500");
    }
    assert_int_equal(w->asked, 3);
    expect(w, ALM_ERR_IO, "is not asked: 3 calls in a row have failed; it is tried again in 2000");
    alm_http_memory_advance(w->http, 1500);
    expect(w, ALM_ERR_IO, "tried again in 500 ms");
    assert_int_equal(w->asked, 3);
    alm_http_memory_advance(w->http, 500);
    expect(w, ALM_ERR_EXTERNAL, "status 500"); /* the one that tries */
    expect(w, ALM_ERR_IO, "is not asked");
    assert_int_equal(w->asked, 4);
    alm_http_memory_advance(w->http, 2000);
    PLAY(w, {.status = 0});
    assert_int_equal(ask(w), ALM_OK);
    PLAY(w, {.status = 500});
    for (int i = 0; i < 3; i++) { /* counted afresh */
        expect(w, ALM_ERR_EXTERNAL, "status 500");
    }
    expect(w, ALM_ERR_IO, "is not asked");
}

/* What the server finds wrong with a question says nothing about its health. */
static void refusals_do_not_open_it(void **state)
{
    world *w = *state;
    open_document(w, ONE(",\"breaker_failures\":1"));
    PLAY(w, {.status = 400});
    for (int i = 0; i < 5; i++) {
        expect(w, ALM_ERR_EXTERNAL, "status 400");
    }
    PLAY(w, {.body = "{\"outputs\":[]}"});
    expect(w, ALM_ERR_CORRUPT, "0 tensors");
    PLAY(w, {.status = 0});
    assert_int_equal(ask(w), ALM_OK);
}

static void tokens_stay_secret(void **state)
{
    world *w = *state;
    open_document(w, ONE(",\"token\":{\"environment\":\"MODEL_TOKEN\"}"));
    PLAY(w, {.status = 0});
    expect(w, ALM_ERR_DENIED, "environment variable MODEL_TOKEN holds none");
    assert_int_equal(w->asked, 0);
    w->secret = "open-sesame";
    assert_int_equal(ask(w), ALM_OK);
    assert_string_equal(w->authorization, "Authorization: Bearer open-sesame");
    PLAY(w, {.status = 403, .body = "{\"error\":\"Bearer open-sesame is not known\"}"});
    expect(w, ALM_ERR_DENIED, "status 403: (it repeats the token");
    assert_null(strstr(w->error.message, "sesame"));
    /* JSON writes a text in more ways than one. */
    w->secret = "open/sesame";
    PLAY(w, {.status = 403, .body = "{\"error\":\"Bearer open\\/sesame is not known\"}"});
    expect(w, ALM_ERR_DENIED, "status 403: (it repeats the token");
    assert_null(strstr(w->error.message, "sesame"));
    PLAY(w, {.status = 403, .body = "{\"detail\":\"Bearer open\\/sesame is not known\"}"});
    expect(w, ALM_ERR_DENIED, "status 403: (it repeats the token");
    assert_null(strstr(w->error.message, "sesame"));
    w->secret = "two words";
    expect(w, ALM_ERR_DENIED, "more than one word");
    assert_null(strstr(w->error.message, "two words"));

    open_document(w, ONE(",\"token\":{\"file\":\"/token\"}"));
    PLAY(w, {.status = 0});
    expect(w, ALM_ERR_NOT_FOUND, "/token");
    assert_int_equal(alm_fs_write_all(w->fs, "/token", ALM_STR("first\n"), NULL), ALM_OK);
    assert_int_equal(ask(w), ALM_OK);
    assert_string_equal(w->authorization, "Authorization: Bearer first");
    assert_int_equal(alm_fs_write_all(w->fs, "/token", ALM_STR("second\n"), NULL), ALM_OK);
    assert_int_equal(ask(w), ALM_OK); /* it is read for each call */
    assert_string_equal(w->authorization, "Authorization: Bearer second");
}

static void wrong_answers_are_refused(void **state)
{
#define TENSOR(shape, type, data)                                                           \
    "{\"outputs\":[{\"name\":\"y\",\"shape\":" shape ",\"datatype\":\"" type "\",\"data\":" data \
    "}]}"
    static const struct {
        const char *body, *says;
    } CASES[] = {
        {"", "the answer"},
        {"{\"outputs\"", "the answer"},
        {"[]", "is no object"},
        {"{}", "outputs"},
        {"{\"outputs\":[]}", "0 tensors"},
        {"{\"model_name\":\"other\",\"outputs\":[]}", "`model_name`"},
        {"{\"model_version\":\"4\",\"outputs\":[]}", "`model_version`"},
        {"{\"outputs\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "2 tensors instead of one; name it"},
        {TENSOR("[1,3]", "FP32", "[1,2,3]"), "is 1 x 3 instead of 1 x 2"},
        {TENSOR("[2,2]", "FP32", "[1,2,3,4]"), "is 2 x 2 instead of 1 x 2"},
        {TENSOR("[2]", "FP32", "[1,2]"), "rank 1"},
        {TENSOR("[1,2,1]", "FP32", "[1,2]"), "rank 3"},
        {TENSOR("[1,2]", "BYTES", "[\"a\",\"b\"]"), "`datatype`"},
        {TENSOR("[1,2]", "FP32", "[1]"), "has 1 values"},
        {TENSOR("[1,2]", "FP32", "[1,null]"), "has 2 values; 2 numbers"},
        {TENSOR("[1,2]", "FP32", "[1,\"2\"]"), "2 numbers"},
        {TENSOR("[1,2]", "FP32", "[[1,2],[3,4]]"), "the answer has 2"},
        {TENSOR("[1,2]", "FP32", "[[1]]"), "list of 2 numbers"},
        {TENSOR("[1,2]", "FP32", "[1,NaN]"), "the answer"},
        {TENSOR("[1,2]", "FP32", "[1,Infinity]"), "the answer"},
        {TENSOR("[1,2]", "FP32", "[1,1e999]"), "the answer"},
        {TENSOR("[1,2]", "FP32", "[1,2]") "x", "the answer"},
    };
    world *w = *state;
    open_document(w, ONE(""));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        scene one = {.body = CASES[i].body};
        play(w, &one, 1);
        expect(w, ALM_ERR_CORRUPT, CASES[i].says);
    }
    PLAY(w, {.body = TENSOR("[1,2]", "FP64", "[[9,-1.75]]")}); /* nested is right, too */
    assert_int_equal(ask(w), ALM_OK);
}

static void lists_of_the_wrong_kind_are_refused(void **state)
{
#define FLOW(more)                                                                              \
    "{\"protocol\":\"tensorflow_serving\",\"url\":\"%s\",\"model\":\"line\",\"version\":null,"  \
    "\"outputs\":2" more "}"
#define TORCH "{\"protocol\":\"torchserve\",\"url\":\"%s\",\"model\":\"line\",\"version\":null," \
    "\"outputs\":2}"
    static const struct {
        const char *document, *body, *says;
    } CASES[] = {
        {FLOW(""), "{\"outputs\":[[9,-1.75]]}", "no `predictions`"},
        {FLOW(""), "[[9,-1.75]]", "no `predictions`"},
        {FLOW(""), "{\"predictions\":[]}", "the answer has 0"},
        {FLOW(""), "{\"predictions\":[[9]]}", "answer 1: it is no list of 2 numbers"},
        {FLOW(""), "{\"predictions\":[{\"y\":[9,-1.75]}]}", "say which with `output`"},
        {FLOW(",\"output\":\"z\""), "{\"predictions\":[{\"y\":[9,-1.75]}]}", "no tensor of the"},
        {FLOW(",\"by_column\":true"), "{\"predictions\":[[9,-1.75]]}", "no `outputs`"},
        {FLOW(",\"by_column\":true"), "{\"outputs\":[[9,-1.75],[1,2]]}", "the answer has 2"},
        {TORCH, "{\"code\":1}", "the answer has"},
        {TORCH, "9", "the answer has 0"},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        scene one = {.body = CASES[i].body};
        open_document(w, CASES[i].document);
        play(w, &one, 1);
        expect(w, ALM_ERR_CORRUPT, CASES[i].says);
    }
    open_document(w, TORCH);
    PLAY(w, {.body = "[[9,-1.75]]"}); /* a handler without the envelope */
    assert_int_equal(ask(w), ALM_OK);
}

static void numbers_are_sent_in_the_documents_precision(void **state)
{
    static const double ROW[] = {0.1, 1e300, 4};
    world *w = *state;
    double out[2];
    alm_backend_batch batch = {ROW, 1, 3, 0, 41};
    open_document(w, ONE(""));
    PLAY(w, {.status = 0});
    assert_int_equal(alm_backend_predict(w->backend, &batch, w->scratch, out, &w->error),
                     ALM_ERR_NUMERIC);
    assert_non_null(strstr(w->error.message, "row 42, column 2 is 1e+300"));
    assert_int_equal(w->asked, 0);
    open_document(w, FLOW(",\"datatype\":\"FP64\""));
    assert_int_equal(alm_backend_predict(w->backend, &batch, w->scratch, out, &w->error), ALM_OK);
    assert_true(out[1] == -4 + 0.25 * 0.1 + 3e300 - 4);
}

static void documents_are_strict(void **state)
{
    static const struct {
        const char *document, *says;
    } CASES[] = {
        {"[]", "an object"},
        {ONE(",\"color\":1"), "unknown key `color`"},
        {"{\"protocol\":\"soap\"}", "`protocol` is"},
        {"{\"protocol\":\"kserve_v2\"}", "`url` is missing"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"ftp://x\"}", "`url` is http"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://u:p@x\"}", "user or password"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x/\"}", "without a slash"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x?a=b\"}", "`url` is http"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x\\r\\ny\"}", "`url`"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x\",\"model\":\"../a\"}", "`model`"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x\",\"model\":\"a\"}", "`version` is miss"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x\",\"model\":\"a\",\"version\":3}",
         "version"},
        {"{\"protocol\":\"kserve_v2\",\"url\":\"http://x\",\"model\":\"a\",\"version\":null}",
         "`outputs` is missing"},
        {ONE(",\"datatype\":\"FP16\""), "`datatype`"},
        {ONE(",\"by_column\":true"), "`by_column` is for"},
        {ONE(",\"retries_max\":11"), "`retries_max` is 11: 0 to 10"},
        {ONE(",\"token\":\"abc\""), "`token`"},
        {ONE(",\"token\":{}"), "`token`: `environment` or `file`"},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        alm_backend *backend = NULL;
        alm_err code = fake_open(&w->env, CASES[i].document, URL, 0, &backend, &w->error);
        if (code != ALM_ERR_INVALID || !strstr(w->error.message, CASES[i].says)) {
            fail_msg("%s: '%s' lacks '%s'", alm_err_name(code), w->error.message, CASES[i].says);
        }
    }
    alm_backend *backend = NULL;
    assert_int_equal(fake_open(NULL, ONE(""), URL, 0, &backend, &w->error), ALM_ERR_UNSUPPORTED);
    assert_non_null(strstr(w->error.message, "without a network"));
}

typedef struct herd {
    world *w;
    atomic_size_t failed;
} herd;

static alm_err ask_one(void *context, size_t task, int worker, alm_error *error)
{
    static const double ROW[] = {1, 2, 4};
    herd *h = context;
    double out[2];
    alm_error own = {0};
    alm_backend_batch batch = {ROW, 1, 3, 0, 0};
    alm_arena *scratch = alm_arena_create(0);
    (void)task;
    (void)worker;
    (void)error;
    if (alm_backend_predict(h->w->backend, &batch, scratch, out, &own) != ALM_OK) {
        atomic_fetch_add(&h->failed, 1);
    }
    alm_arena_destroy(scratch);
    return ALM_OK;
}

static void answer_dead(void *context, const alm_http_request *request, alm_arena *arena,
                        alm_http_outcome *out, const char **reason)
{
    (void)request;
    (void)arena;
    (void)reason;
    atomic_fetch_add((atomic_size_t *)context, 1);
    out->failure = ALM_HTTP_CONNECT;
}

/* Many threads, a dead server: it is asked no more often than breaker and budget allow. */
static void threads_share_a_breaker(void **state)
{
    world *w = *state;
    atomic_size_t asked = 0;
    alm_http *http = alm_http_memory_create(&(alm_http_memory_world){answer_dead, &asked});
    alm_pool *pool = NULL;
    alm_http_destroy(w->http);
    w->http = http;
    w->env.http = http;
    open_document(w, ONE(",\"breaker_failures\":20,\"breaker_open_ms\":3600000"));
    herd h = {.w = w};
    assert_int_equal(alm_pool_create(4, &pool, NULL), ALM_OK);
    assert_int_equal(alm_pool_run(pool, 1000, ask_one, &h, NULL), ALM_OK);
    alm_pool_destroy(pool);
    assert_int_equal(atomic_load(&h.failed), 1000);
    /* 20 calls and those already under way, ten retries and what 24 calls earn. */
    assert_in_range(atomic_load(&asked), 20, 24 + 10 + 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_are_asked_for_by_name),
        TEST(what_may_be_retried_is),
        TEST(what_may_not_is_not),
        TEST(retries_have_a_budget),
        TEST(breaker_opens_and_half_opens),
        TEST(refusals_do_not_open_it),
        TEST(tokens_stay_secret),
        TEST(wrong_answers_are_refused),
        TEST(lists_of_the_wrong_kind_are_refused),
        TEST(numbers_are_sent_in_the_documents_precision),
        TEST(documents_are_strict),
        TEST(threads_share_a_breaker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
