#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/service_cases.h"
#include "serve/jobs/desk_fixture.h"

typedef struct fixture {
    cases_service cases;
    desk_fixture desk;
} fixture;

static void open_fixture(fixture *f)
{
    cases_service_start(&f->cases);
    desk_fixture_open(&f->desk, &f->cases.service, alm_service_note_job);
    f->cases.service.desk = f->desk.desk;
    const char *folder = alm_path_join(f->desk.arena, f->desk.folder, "audit");
    assert_int_equal(alm_audit_open(f->desk.env.fs, folder, &f->cases.service.audit, NULL), ALM_OK);
}

static void close_fixture(fixture *f)
{
    alm_desk_destroy(f->desk.desk); /* records what it interrupts */
    f->desk.desk = NULL;
    alm_audit_close(f->cases.service.audit);
    desk_fixture_close(&f->desk);
    cases_service_stop(&f->cases);
}

static void expect(fixture *f, alm_http_method method, const char *target, const char *body,
                   int status, const char *part)
{
    static const char *const headers[] = {"content-type", "application/json", NULL};
    cases_answer answer;
    cases_ask_service(&f->cases.service, method, target, headers, alm_str_of(body), &answer);
    if (answer.reply.status != status || !strstr(answer.body.data, part)) {
        fail_msg("%s gave %d: %s", target, answer.reply.status, answer.body.data);
    }
    cases_answer_end(&answer);
}

#define TRAIN "/api/v1/models/train"
#define DEPLOY "/api/v1/models/deploy"
#define TRAIN_BODY "{\"model\":\"demand\",\"snapshot\":\"ab12cd\"}"
#define DEPLOY_BODY "{\"release\":\"demand-1\",\"alias\":\"production\",\"reason\":\"first\"}"

static void a_training_is_asked_for_followed_and_cancelled(void **state)
{
    (void)state;
    static const char *const headers[] = {"content-type", "application/json", NULL};
    fixture f;
    cases_answer answer;
    open_fixture(&f);
    cases_ask_service(&f.cases.service, ALM_METHOD_POST, TRAIN, headers, ALM_STR(TRAIN_BODY),
                      &answer);
    assert_int_equal(answer.reply.status, 202);
    assert_string_equal(cases_reply_header(&answer, "Location"), "/api/v1/jobs/job-1");
    assert_string_equal(answer.body.data,
                        "{\"id\":\"job-1\",\"kind\":\"train\",\"object\":\"demand\",\"state\":"
                        "\"queued\",\"cancelling\":false,\"who\":\"development\",\"queued\":"
                        "\"1970-01-01T00:00:01.000000Z\"}");
    cases_answer_end(&answer);
    desk_fixture_turn(&f.desk);
    alm_children_memory_say(f.desk.children, 0, true,
                            "{\"stage\":\"backtest\",\"done\":2,\"total\":3}\n");
    desk_fixture_turn(&f.desk);
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs/job-1", "", 200,
           "\"state\":\"running\",\"cancelling\":false,\"progress\":{\"stage\":\"backtest\","
           "\"done\":2,\"total\":3}");
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs", "", 200, "{\"jobs\":[{\"id\":\"job-1\"");
    expect(&f, ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", "", 202, "\"cancelling\":true");
    desk_fixture_turn(&f.desk);
    desk_fixture_turn(&f.desk);
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs/job-1", "", 200,
           "\"cancelled_by\":\"development\"");
    expect(&f, ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", "", 409, "job-1 is cancelled already");
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs/job-9", "", 404, "there is no job 'job-9'");
    close_fixture(&f);
}

static void bad_requests_start_nothing(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    expect(&f, ALM_METHOD_POST, TRAIN, "{\"model\":\"demand\"}", 400, "snapshot");
    expect(&f, ALM_METHOD_POST, TRAIN, "{\"model\":\"demand\",\"snapshot\":\"ab12\",\"seed\":1}",
           400, "seed");
    expect(&f, ALM_METHOD_POST, TRAIN, "{\"model\":\"other\",\"snapshot\":\"ab12\"}", 404,
           "it has demand, stockout");
    expect(&f, ALM_METHOD_POST, TRAIN, "{\"model\":\"demand\",\"snapshot\":\"--why\"}", 400,
           "hexadecimal");
    expect(&f, ALM_METHOD_POST, DEPLOY,
           "{\"release\":\"demand\",\"alias\":\"production\",\"reason\":\"x\"}", 400, "demand-3");
    expect(&f, ALM_METHOD_POST, DEPLOY,
           "{\"release\":\"demand-1\",\"alias\":\"production\",\"reason\":\"\"}", 400, "reason");
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs", "", 200, "{\"jobs\":[]}");
    for (int i = 0; i < 16; i++) {
        expect(&f, ALM_METHOD_POST, TRAIN, TRAIN_BODY, 202, "queued");
    }
    expect(&f, ALM_METHOD_POST, TRAIN, TRAIN_BODY, 429, "16 jobs wait already");
    close_fixture(&f);
}

static void a_deployment_says_what_is_missing_and_then_happens(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    expect(&f, ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 409, "has no recorded comparison");
    desk_fixture_append(&f.desk, ALM_LEDGER_COMPARE);
    expect(&f, ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 409, "has no recorded approval");
    desk_fixture_append(&f.desk, ALM_LEDGER_APPROVE);
    expect(&f, ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 202, "\"kind\":\"deploy\"");
    expect(&f, ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", "", 409, "cannot be cancelled");
    desk_fixture_turn(&f.desk);
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs/job-1", "", 200,
           "\"state\":\"done\",\"cancelling\":false,\"result\":\"production\"");
    assert_true(alm_str_is(desk_fixture_alias(&f.desk, "production"), "demand-1"));
    expect(&f, ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 409, "already");
    close_fixture(&f);
}

static void every_change_is_recorded(void **state)
{
    (void)state;
    fixture f;
    alm_str text;
    open_fixture(&f);
    expect(&f, ALM_METHOD_POST, TRAIN, TRAIN_BODY, 202, "job-1");
    desk_fixture_turn(&f.desk);
    expect(&f, ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", "", 202, "job-1");
    desk_fixture_turn(&f.desk);
    desk_fixture_turn(&f.desk);
    assert_int_equal(alm_audit_get_head(f.cases.service.audit).seq, 3);
    const char *path = alm_path_join(f.desk.arena, f.desk.folder, "audit/audit-000001.jsonl");
    assert_int_equal(alm_fs_read_all(f.desk.env.fs, path, 65536, f.desk.arena, &text, NULL),
                     ALM_OK);
    static const char *const parts[] = {
        ("\"who\":\"development\",\"kind\":\"development\",\"action\":\"train\",\"object\":"
         "\"demand\",\"outcome\":\"begun\",\"request_id\":\"test-1\",\"detail\":\"job-1\""),
        "\"action\":\"cancel\",\"object\":\"demand\",\"outcome\":\"asked\"",
        "\"action\":\"train\",\"object\":\"demand\",\"outcome\":\"cancelled\""};
    const char *at = text.data;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        at = strstr(at, parts[i]);
        if (!at) {
            fail_msg("no %s behind what was before it in %s", parts[i], text.data);
        }
    }
    close_fixture(&f);
}

static void without_a_project_it_says_so(void **state)
{
    (void)state;
    fixture f = {0};
    cases_service_start(&f.cases);
    expect(&f, ALM_METHOD_POST, TRAIN, TRAIN_BODY, 409, "this service has no project");
    expect(&f, ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 409, "this service has no project");
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs", "", 409, "this service has no project");
    expect(&f, ALM_METHOD_GET, "/api/v1/jobs/job-1", "", 409, "this service has no project");
    expect(&f, ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", "", 409,
           "this service has no project");
    cases_service_stop(&f.cases);
}

/* ---- who may use some models only ---- */

static void ask_as(fixture *f, const alm_identity *identity, alm_http_method method,
                   const char *path, const char *body, cases_answer *out)
{
    alm_json_document *document = NULL;
    alm_str allow;
    *out = (cases_answer){.arena = alm_arena_create(0)};
    out->reply.body = &out->body;
    alm_request request = {.method = method, .path = alm_str_of(path), .target = alm_str_of(path),
                           .id = ALM_STR("test-1"), .arena = out->arena};
    alm_call call = {.request = &request, .service = &f->cases.service, .identity = identity};
    assert_int_equal(alm_route_find(method, request.path, out->arena, &call.route, call.value,
                                    &allow), ALM_MATCH_FOUND);
    if (body) {
        assert_int_equal(alm_json_parse(alm_str_of(body), "body", &document, NULL), ALM_OK);
        call.body = alm_json_root(document);
    }
    call.route->run(&call, &out->reply);
    alm_json_document_destroy(document);
}

static void models_of_others_are_neither_changed_nor_seen(void **state)
{
    (void)state;
    static const alm_str mine[] = {{"stock*", 6}};
    const alm_identity limited = {.kind = ALM_IDENTITY_TOKEN,
                                  .subject = ALM_STR("anna"),
                                  .roles = alm_roles_of(ALM_ROLE_ADMIN),
                                  .models = mine,
                                  .model_count = 1,
                                  .expires = INT64_MAX};
    static const struct {
        alm_http_method method;
        const char *path, *body;
        int status;
    } cases[] = {
        {ALM_METHOD_POST, TRAIN, TRAIN_BODY, 403},
        {ALM_METHOD_POST, DEPLOY, DEPLOY_BODY, 403},
        {ALM_METHOD_GET, "/api/v1/jobs/job-1", NULL, 404},
        {ALM_METHOD_POST, "/api/v1/jobs/job-1/cancel", NULL, 404},
        {ALM_METHOD_POST, TRAIN, "{\"model\":\"stockout\",\"snapshot\":\"ab12cd\"}", 202},
        {ALM_METHOD_GET, "/api/v1/jobs/job-2", NULL, 200},
    };
    fixture f;
    cases_answer answer;
    open_fixture(&f);
    expect(&f, ALM_METHOD_POST, TRAIN, TRAIN_BODY, 202, "job-1");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask_as(&f, &limited, cases[i].method, cases[i].path, cases[i].body, &answer);
        assert_int_equal(answer.reply.status, cases[i].status);
        cases_answer_end(&answer);
    }
    ask_as(&f, &limited, ALM_METHOD_GET, "/api/v1/jobs", NULL, &answer);
    assert_non_null(strstr(answer.body.data, "\"who\":\"anna\""));
    assert_null(strstr(answer.body.data, "job-1"));
    cases_answer_end(&answer);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_is_asked_for_followed_and_cancelled),
        cmocka_unit_test(bad_requests_start_nothing),
        cmocka_unit_test(a_deployment_says_what_is_missing_and_then_happens),
        cmocka_unit_test(every_change_is_recorded),
        cmocka_unit_test(without_a_project_it_says_so),
        cmocka_unit_test(models_of_others_are_neither_changed_nor_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
