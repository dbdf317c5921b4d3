#include "http/endpoint/serving.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs_memory.h"
#include "http/protocol/protocol_cases.h"
#include "http/service_cases.h"
#include "serve/models/replay.h"

#define INPUT "{\"id\":\"7\",\"inputs\":[{\"name\":\"input\",\"shape\":[1,5]," \
              "\"datatype\":\"FP64\",\"data\":[0.5,-1.25,3,0,2.5]}]}"

typedef struct fixture {
    protocol_case w; /* its worker 0 is not inside: the endpoints are */
    cases_service service;
    cases_answer answer;
    char value[32]; /* what the model says to INPUT */
    uint64_t ticks;
} fixture;

static uint64_t ticks(void *context)
{
    fixture *f = context;
    return f->ticks += 1000;
}

static alm_instant now(void *context)
{
    (void)context;
    return 1700000000000000;
}

static void start(fixture *f)
{
    alm_inference_answer answer;
    const double row[] = {0.5, -1.25, 3, 0, 2.5};
    alm_inference_input input = {.rows = 1, .column_count = CASE_FEATURES, .values = row};
    memset(f, 0, sizeof *f);
    protocol_case_open(&f->w, "regression", 1);
    protocol_case_run(&f->w, &input, &answer);
    alm_double_text(answer.value[0], f->value);
    alm_model_set_leave(f->w.set, 0);
    cases_service_start(&f->service);
    f->service.env.now = now;
    f->service.env.monotonic_ns = ticks;
    f->service.env.context = f;
    f->service.service.version = "0.1.0";
    f->service.service.models = f->w.set;
}

static void stop(fixture *f)
{
    cases_service_stop(&f->service);
    (void)alm_model_set_enter(f->w.set, 0);
    protocol_case_close(&f->w);
}

/* The body, until the next question. */
static const char *ask(fixture *f, alm_http_method method, const char *target, const char *body,
                       int status)
{
    if (f->answer.arena) {
        cases_answer_end(&f->answer);
    }
    cases_ask_service(&f->service.service, method, target, NULL, alm_str_of(body), &f->answer);
    if (f->answer.reply.status != status) {
        fail_msg("%s gave %d: %s", target, f->answer.reply.status, f->answer.body.data);
    }
    return f->answer.body.data;
}

static void end(fixture *f)
{
    cases_answer_end(&f->answer);
    stop(f);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("'%s' is not in %s", part, text);
    }
}

static void every_protocol_gives_the_same_number(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    const char *text = ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    assert_has(text, "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"7\",\"parameters\":{"
                     "\"approved\":false,\"notice\":\"unapproved: model.txt (LightGBM");
    assert_has(text, alm_arena_printf(f.w.arena, "\"shape\":[1],\"data\":[%s]", f.value));
    assert_has(cases_reply_header(&f.answer, "X-Almanac-Notice"), "unapproved: model.txt");
    text = ask(&f, ALM_METHOD_POST, "/v2/models/m/versions/1/infer", INPUT, 200);
    assert_has(text, f.value);
    text = ask(&f, ALM_METHOD_POST, "/v1/models/m:predict",
               "{\"instances\":[[0.5,-1.25,3,0,2.5]]}", 200);
    assert_string_equal(text, alm_arena_printf(f.w.arena, "{\"predictions\":[%s]}", f.value));
    assert_non_null(cases_reply_header(&f.answer, "X-Almanac-Notice"));
    text = ask(&f, ALM_METHOD_POST, "/v1/models/m/versions/1:predict",
               "{\"inputs\":[[0.5,-1.25,3,0,2.5]]}", 200);
    assert_string_equal(text, alm_arena_printf(f.w.arena, "{\"outputs\":[%s]}", f.value));
    static const char *const CSV[] = {"content-type", "text/csv", NULL};
    cases_answer_end(&f.answer);
    cases_ask_service(&f.service.service, ALM_METHOD_POST, "/invocations", CSV,
                      ALM_STR("f4,f3,f2,f1,f0\n2.5,0,3,-1.25,0.5\n"), &f.answer);
    assert_string_equal(f.answer.body.data,
                        alm_arena_printf(f.w.arena, "{\"predictions\":[%s]}", f.value));
    assert_non_null(cases_reply_header(&f.answer, "X-Almanac-Notice"));
    end(&f);
}

static void what_is_wrong_says_so_in_its_protocol(void **state)
{
    static const struct {
        const char *target, *body;
        int status;
        const char *part;
    } CASE[] = {
        {"/v2/models/x/infer", INPUT, 404, "there is no model 'x'"},
        {"/v2/models/m/versions/2/infer", INPUT, 404, "there is 1"},
        {"/v2/models/m/infer", "{", 400, "the text ends"},
        {"/v2/models/m/infer", "", 400, "an object expected"},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"f0\",\"shape\":[1],\"datatype\":\"FP64\","
         "\"data\":[1]}]}", 400, "4 columns are missing in the rows: f1, f2, f3, f4"},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"i\",\"shape\":[1,6],\"datatype\":\"FP64\","
         "\"data\":[1,2,3,4,5,6]}]}", 400, "rows of 6 columns: the model takes 5"},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"i\",\"shape\":[1],\"datatype\":\"BYTES\","
         "\"data\":[\"a\"]}]}", 400, "BYTES"},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"i\",\"shape\":[0,5],\"datatype\":\"FP64\","
         "\"data\":[]}]}", 400, "there are no rows"},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"i\",\"shape\":[99999,5],\"datatype\":"
         "\"FP64\",\"data\":[1]}]}", 400, "sizes"},
        {"/v1/models/m:predict", "{}", 400, "either `instances` or"},
        {"/v1/models/:predict", "{}", 405, "does not take this method"},
    };
    fixture f;
    (void)state;
    start(&f);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        const char *text = ask(&f, ALM_METHOD_POST, CASE[i].target, CASE[i].body, CASE[i].status);
        assert_has(text, CASE[i].part);
        assert_has(text, "\"error\":\"");
    }
    end(&f);
}

static void invocations_look_at_the_type(void **state)
{
    static const struct {
        const char *type, *body;
        int status;
    } CASE[] = {
        {"application/json", "{\"inputs\":[[1,2,3,4,5]]}", 200},
        {"application/json; charset=utf-8", "{\"inputs\":[[1,2,3,4,5]]}", 200},
        {"application/json; charset=utf-16", "{\"inputs\":[[1,2,3,4,5]]}", 415},
        {"text/plain", "1", 415},
        {"application/json", "{\"input\":[[1,2,3,4,5]]}", 400},
        {"text/csv", "a\n1\n", 400},
    };
    fixture f;
    (void)state;
    start(&f);
    (void)ask(&f, ALM_METHOD_POST, "/invocations", "{}", 415);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        const char *const headers[] = {"content-type", CASE[i].type, NULL};
        cases_answer_end(&f.answer);
        cases_ask_service(&f.service.service, ALM_METHOD_POST, "/invocations", headers,
                          alm_str_of(CASE[i].body), &f.answer);
        assert_int_equal(f.answer.reply.status, CASE[i].status);
    }
    end(&f);
}

static void documents_and_health(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    assert_has(ask(&f, ALM_METHOD_GET, "/v2", "", 200), "\"extensions\":[\"binary_tensor_data\"");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/health/live", "", 200), "{\"live\":true}");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/health/ready", "", 200), "{\"ready\":true}");
    assert_has(ask(&f, ALM_METHOD_GET, "/v2/models/m", "", 200), "\"platform\":\"almanac\"");
    assert_has(ask(&f, ALM_METHOD_GET, "/v2/models/m/versions/1", "", 200), "\"name\":\"m\"");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/models/m/ready", "", 200),
                        "{\"name\":\"m\",\"ready\":true}");
    (void)ask(&f, ALM_METHOD_GET, "/v2/models/m/versions/2/ready", "", 404);
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/ping", "", 200), "\n");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/version", "", 200), "0.1.0");
    assert_has(ask(&f, ALM_METHOD_GET, "/v1/models/m", "", 200), "\"state\":\"AVAILABLE\"");
    assert_has(ask(&f, ALM_METHOD_GET, "/v1/models/m/versions/1", "", 200), "\"ready\":true");
    atomic_store(&f.service.service.is_ready, false);
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/health/ready", "", 503), "{\"ready\":false}");
    (void)ask(&f, ALM_METHOD_GET, "/ping", "", 503);
    end(&f);
}

static void requests_are_counted(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", "{}", 400);
    static const char *const TARGET[] = {"/v2/models/stats", "/v2/models/m/stats",
                                         "/v2/models/m/versions/1/stats"};
    for (size_t i = 0; i < 3; i++) {
        const char *text = ask(&f, ALM_METHOD_GET, TARGET[i], "", 200);
        assert_has(text, "\"last_inference\":1700000000000,\"inference_count\":2,"
                         "\"execution_count\":2,\"inference_stats\":{\"success\":{\"count\":2,");
        assert_has(text, "\"fail\":{\"count\":1,");
    }
    (void)ask(&f, ALM_METHOD_GET, "/v2/models/x/stats", "", 404);
    end(&f);
}

static void models_load_and_unload(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/repository/index", "", 200),
                        "[{\"name\":\"m\",\"version\":\"1\",\"state\":\"READY\",\"reason\":\"\"}]");
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/unload",
                            "{\"parameters\":{\"unload_dependents\":false}}", 200), "{}");
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/repository/index", "{}", 200),
               "\"state\":\"UNAVAILABLE\",\"reason\":\"unloaded\"");
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/repository/index", "{\"ready\":true}", 200),
                        "[]");
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 503), "unloaded");
    assert_string_equal(cases_reply_header(&f.answer, "Retry-After"), "1");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/models/m/ready", "", 503),
                        "{\"name\":\"m\",\"ready\":false}");
    (void)ask(&f, ALM_METHOD_GET, "/v2/models/m", "", 503);
    assert_has(ask(&f, ALM_METHOD_GET, "/api/v1/health", "", 200),
               "{\"status\":\"degraded\",\"reasons\":[\"model m 1 is UNAVAILABLE: unloaded\"]");
    (void)ask(&f, ALM_METHOD_GET, "/ping", "", 503);
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load", "", 200), "{}");
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200), f.value);
    f.w.source.fail = ALM_ERR_IO;
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load", "", 500), "told to fail");
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200), f.value);
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/repository/index", "", 200),
               "\"state\":\"READY\",\"reason\":\"told to fail\"");
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/x/load", "", 404);
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load",
                   "{\"parameters\":{\"config\":\"{}\"}}", 400), "not supported");
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/index", "[]", 400);
    assert_int_equal(atomic_load(&f.service.service.loads), 0);
    end(&f);
}

/* Before it is acknowledged; what cannot be put on record is not done. */
static void loads_are_on_record(void **state)
{
    fixture f;
    alm_fs *fs = NULL;
    alm_str text;
    (void)state;
    start(&f);
    alm_audit **audit = &f.service.service.audit;
    assert_int_equal(alm_fs_memory_create(&fs, NULL), ALM_OK);
    assert_int_equal(alm_audit_open(fs, "audit", audit, NULL), ALM_OK);
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/unload", "", 200);
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load", "", 200);
    f.w.source.fail = ALM_ERR_IO;
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load", "", 500);
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/x/load", "", 404);
    assert_int_equal(alm_audit_get_head(*audit).seq, 6);
    alm_arena *arena = alm_arena_create(0);
    assert_int_equal(alm_fs_read_all(fs, "audit/audit-000001.jsonl", 65536, arena, &text, NULL),
                     ALM_OK);
    assert_has(text.data, "\"action\":\"unload\",\"object\":\"m\",\"outcome\":\"begun\"");
    assert_has(text.data, "\"action\":\"unload\",\"object\":\"m\",\"outcome\":\"done\"");
    assert_has(text.data, "\"action\":\"load\",\"object\":\"m\",\"outcome\":\"done\"");
    assert_has(text.data, "\"outcome\":\"failed\",\"request_id\":\"test-1\",\"detail\":");
    assert_has(text.data, "told to fail");
    alm_arena_destroy(arena);
    alm_audit_close(*audit);
    *audit = NULL;
    alm_fs_destroy(fs);
    end(&f);
}

static void a_service_without_models_says_so(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    f.service.service.models = NULL;
    assert_has(ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 404), "no models are served");
    (void)ask(&f, ALM_METHOD_POST, "/v2/repository/models/m/load", "", 404);
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/repository/index", "", 200), "[]");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/v2/models/stats", "", 200),
                        "{\"model_stats\":[]}");
    end(&f);
}

/* Without a body it is a GET. */
static void expect_limited(fixture *f, const char *pattern, const char *target, const char *body,
                           int status, const char *part)
{
    cases_answer answer;
    cases_ask_limited(&f->service.service, pattern, body ? ALM_METHOD_POST : ALM_METHOD_GET, target,
                      body ? body : "", &answer);
    if (answer.reply.status != status || !strstr(answer.body.data, part)) {
        fail_msg("%s for %s gave %d: %s", target, pattern, answer.reply.status, answer.body.data);
    }
    cases_answer_end(&answer);
}

/* Credentials for some models are not for others, also where the address names none. */
static void who_is_limited_sees_his_models(void **state)
{
    static const char INSTANCES[] = "{\"instances\":[[0.5,-1.25,3,0,2.5]]}";
    fixture f;
    (void)state;
    start(&f);
    expect_limited(&f, "m*", "/invocations", INSTANCES, 200, f.value);
    expect_limited(&f, "m*", "/v2/repository/index", "", 200, "\"m\"");
    expect_limited(&f, "m*", "/v2/models/stats", NULL, 200, "\"m\"");
    expect_limited(&f, "other", "/invocations", INSTANCES, 404, "0 models");
    expect_limited(&f, "other", "/v2/repository/index", "", 200, "[]");
    expect_limited(&f, "other", "/v2/models/stats", NULL, 200, "[]");
    assert_string_equal(ask(&f, ALM_METHOD_GET, "/ping", "", 200), "\n"); /* health asks nobody */
    end(&f);
}

/* Requests of tritonclient with binary tensors, through the endpoint. */
static void binary_tensors_come_back(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    alm_str body = protocol_case_file(f.w.arena, "triton_binary.request");
    alm_str length = protocol_case_file(f.w.arena, "triton_binary.length");
    const char *const headers[] = {"inference-header-content-length", length.data, NULL};
    cases_ask_service(&f.service.service, ALM_METHOD_POST, "/v2/models/m/infer", headers, body,
                      &f.answer);
    assert_int_equal(f.answer.reply.status, 200);
    assert_string_equal(f.answer.reply.content_type, "application/octet-stream");
    const char *json = cases_reply_header(&f.answer, "Inference-Header-Content-Length");
    int64_t size = 0;
    assert_true(alm_str_to_i64(alm_str_of(json), &size));
    assert_int_equal(f.answer.body.size, (size_t)size + 3 * 8);
    double first = 0;
    uint64_t bits = alm_u64_at(f.answer.body.data + size);
    char text[32];
    memcpy(&first, &bits, sizeof first);
    alm_double_text(first, text);
    assert_string_equal(text, f.value);
    end(&f);
}

/* Where the service has a cache, the second answer is a kept one, of the same bytes; not after the
 * model was loaded again from other content. */
static void answers_are_kept(void **state)
{
    fixture f;
    (void)state;
    start(&f);
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    assert_null(cases_reply_header(&f.answer, "Cache-Status"));
    assert_int_equal(alm_answer_cache_create(1 << 20, 1, &f.service.service.cache, NULL), ALM_OK);
    const char *text = ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    char *first = alm_arena_copy_text(f.w.arena, text, strlen(text));
    assert_string_equal(cases_reply_header(&f.answer, "Cache-Status"),
                        "almanac; fwd=miss; stored");
    assert_string_equal(ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200), first);
    assert_string_equal(cases_reply_header(&f.answer, "Cache-Status"), "almanac; hit");
    text = ask(&f, ALM_METHOD_POST, "/v1/models/m:predict", /* the same question */
               "{\"instances\":[[0.5,-1.25,3,0,2.5]]}", 200);
    assert_string_equal(text, alm_arena_printf(f.w.arena, "{\"predictions\":[%s]}", f.value));
    assert_string_equal(cases_reply_header(&f.answer, "Cache-Status"), "almanac; hit");
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", "{}", 400);
    assert_null(cases_reply_header(&f.answer, "Cache-Status"));
    text = ask(&f, ALM_METHOD_GET, "/metrics", "", 200);
    assert_has(text, "almanac_cache_hits_total 2\n");
    assert_has(text, "almanac_cache_misses_total 1\n");
    /* As Triton counts: a kept answer is a success and no inference. */
    text = ask(&f, ALM_METHOD_GET, "/v2/models/m/stats", "", 200);
    assert_has(text, "\"inference_count\":2,\"execution_count\":2,\"inference_stats\":{"
                     "\"success\":{\"count\":4,");
    assert_has(text, "\"cache_hit\":{\"count\":2,\"ns\":2000},"
                     "\"cache_miss\":{\"count\":1,\"ns\":2000}}");
    alm_answer_cache_destroy(f.service.service.cache);
    end(&f);
}

/* What was answered is on record with the values that were given, and answers so again. */
static void answers_are_on_record(void **state)
{
    fixture f;
    alm_line_sink *sink = NULL;
    alm_prediction_recorder *recorder = NULL;
    (void)state;
    start(&f);
    assert_int_equal(alm_line_sink_memory(1 << 20, &sink, NULL), ALM_OK);
    alm_prediction_recorder_options options = {sink, 1, 1, 1 << 16};
    assert_int_equal(alm_prediction_recorder_create(&options, &recorder, NULL), ALM_OK);
    f.service.service.recorder = recorder;
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", INPUT, 200);
    (void)ask(&f, ALM_METHOD_POST, "/v1/models/m:predict",
              "{\"instances\":[{\"f4\":2.5,\"f0\":0.5,\"f1\":-1.25,\"f2\":3,\"f3\":0}]}", 200);
    (void)ask(&f, ALM_METHOD_POST, "/v2/models/m/infer", "{}", 400);
    alm_prediction_recorder_flush(recorder);
    size_t count = 0;
    for (alm_str rest = alm_line_sink_memory_view(sink); rest.data && rest.size > 0; count++) {
        alm_prediction_record record;
        alm_replay again;
        char text[32];
        assert_int_equal(alm_prediction_read(alm_str_split(&rest, '\n'), f.w.arena, &record, NULL),
                         ALM_OK);
        assert_true(alm_str_is(record.request_id, "test-1"));
        assert_true(alm_str_is(record.route, count ? "/v1/models/{model}:predict"
                                                   : "/v2/models/{model}/infer"));
        assert_true(alm_str_is(record.model, "m") && alm_str_is(record.version, "1"));
        assert_int_equal(record.time, 1700000000000000);
        assert_int_equal(record.row_count, 1);
        assert_int_equal(record.column_count, CASE_FEATURES);
        assert_true(alm_str_is(record.column[0], count ? "f4" : "f0"));
        assert_true(record.value[0] == (count ? 2.5 : 0.5));
        alm_double_text(record.answer[0], text);
        assert_string_equal(text, f.value);
        (void)alm_model_set_enter(f.w.set, 0);
        alm_replay_inference(f.w.model, &record, f.w.arena, &again);
        alm_model_set_leave(f.w.set, 0);
        assert_int_equal(again.result, ALM_REPLAY_EQUAL);
    }
    assert_int_equal(count, 2);
    assert_has(ask(&f, ALM_METHOD_GET, "/metrics", "", 200),
               "almanac_predictions_recorded_total{result=\"put\"} 2\n");
    alm_prediction_recorder_destroy(recorder);
    assert_int_equal(sink->ops->close(sink, NULL), ALM_OK);
    end(&f);
}

/* ---- requests that are answered together ---- */

typedef struct asked {
    alm_arena *arena;
    alm_buffer body;
    alm_reply reply;
    alm_request request;
    atomic_bool woken;
    void *slot;
} asked;

static void put_aside(fixture *f, const char *target, const char *body, asked *a)
{
    alm_server_handler handler = alm_service_handler(&f->service.service);
    *a = (asked){.arena = alm_arena_create(0)};
    a->reply.body = &a->body;
    a->request = (alm_request){.method = ALM_METHOD_POST, .target = alm_str_of(target),
                               .path = alm_str_of(target), .query = ALM_STR(""),
                               .body = alm_str_of(body), .is_loopback = true,
                               .id = ALM_STR("test-1"), .arena = a->arena};
    snprintf(a->request.trace_id, sizeof a->request.trace_id, "0123456789abcdef0123456789abcdef");
    handler.admit(handler.context, &a->request, &a->reply, &a->slot);
    assert_int_equal(a->reply.status, 0);
    handler.handle(handler.context, &a->request, a->slot, &a->reply);
    if (a->reply.later) {
        a->reply.later->wake = cases_woken;
        a->reply.later->connection = &a->woken;
        a->reply.later->start(a->reply.later);
    }
}

static void requests_may_be_answered_together(void **state)
{
    static const struct {
        const char *target, *body;
    } CASE[] = {
        {"/v2/models/m/infer", INPUT},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"input\",\"shape\":[2,5],\"datatype\":"
         "\"FP64\",\"data\":[1,2,3,4,5,-1,-2,-3,-4,-5]}]}"},
        {"/v2/models/m/infer", "{"},
        {"/v2/models/m/versions/1/infer", INPUT},
        {"/v2/models/m/versions/2/infer", INPUT},
        {"/v2/models/m/infer", "{\"inputs\":[{\"name\":\"i\",\"shape\":[1,6],\"datatype\":\"FP64\","
         "\"data\":[1,2,3,4,5,6]}]}"},
    };
    enum { COUNT = sizeof CASE / sizeof *CASE };
    asked list[COUNT + 1];
    fixture f;
    (void)state;
    start(&f);
    alm_service *service = &f.service.service;
    alm_server_handler handler = alm_service_handler(service);
    assert_int_equal(alm_joins_create(ALM_STR("other,m"), 1, &service->joins, NULL), ALM_OK);
    for (size_t i = 0; i < COUNT; i++) {
        put_aside(&f, CASE[i].target, CASE[i].body, &list[i]);
        assert_non_null(list[i].reply.later);
        assert_int_equal(list[i].reply.status, 0);
    }
    handler.end_round(handler.context, 0);
    handler.end_round(handler.context, 0); /* nobody waits any more */
    alm_joins_destroy(service->joins);
    service->joins = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        asked *a = &list[i];
        assert_true(atomic_load(&a->woken));
        alm_buffer_text(&a->body, "");
        const char *alone = ask(&f, ALM_METHOD_POST, CASE[i].target, CASE[i].body,
                                a->reply.status);
        assert_string_equal(a->body.data, alone);
        assert_int_equal(a->reply.header_count, f.answer.reply.header_count);
        handler.done(handler.context, &a->request, a->slot, &a->reply, true);
        alm_buffer_deinit(&a->body);
        alm_arena_destroy(a->arena);
    }
    assert_has(ask(&f, ALM_METHOD_GET, "/v2/models/m/stats", "", 200),
               "\"inference_count\":8,\"execution_count\":6");
    end(&f);
}

static void lists_of_models_are_checked(void **state)
{
    (void)state;
    alm_joins *joins = NULL;
    alm_error error;
    assert_int_equal(alm_joins_create(ALM_STR("a,,b"), 1, &joins, &error), ALM_ERR_USAGE);
    assert_string_equal(error.message, "the list of models 'a,,b' has an empty name");
    assert_int_equal(alm_joins_create(ALM_STR("a,"), 1, &joins, &error), ALM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_protocol_gives_the_same_number),
        cmocka_unit_test(what_is_wrong_says_so_in_its_protocol),
        cmocka_unit_test(invocations_look_at_the_type),
        cmocka_unit_test(documents_and_health),
        cmocka_unit_test(requests_are_counted),
        cmocka_unit_test(models_load_and_unload),
        cmocka_unit_test(loads_are_on_record),
        cmocka_unit_test(a_service_without_models_says_so),
        cmocka_unit_test(who_is_limited_sees_his_models),
        cmocka_unit_test(binary_tensors_come_back),
        cmocka_unit_test(answers_are_kept),
        cmocka_unit_test(answers_are_on_record),
        cmocka_unit_test(requests_may_be_answered_together),
        cmocka_unit_test(lists_of_models_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
