/* web_fixture.h: the endpoints over the made-up runs of served_fixture.h; what comes back is
 * checked against the schema that the document states. */
#ifndef ALM_TESTS_SERVE_WEB_FIXTURE_H
#define ALM_TESTS_SERVE_WEB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/service_cases.h"
#include "served_fixture.h"

typedef struct web {
    served_fixture *o;
    cases_service cases;
} web;

static inline alm_instant web_now(void *context)
{
    return ((web *)context)->o->now;
}

static inline int web_setup(void **state)
{
    served_fixture *o = online_create();
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    online_run(o, "r2", "demand-2", "2011-12-01", 1);
    online_promote(o, "demand-1");
    online_promote(o, "demand-2");
    online_open(o, 0);
    bool changed = false;
    fixture_must(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    web *w = ALM_NEW(o->f->arena, web);
    w->o = o;
    cases_service_start(&w->cases);
    w->cases.env.now = web_now;
    w->cases.env.context = w;
    alm_service *service = &w->cases.service;
    service->project = &o->project;
    service->committed = o->committed;
    service->epoch = o->epoch;
    service->clock = (alm_ladder_clock){online_clock, o};
    *state = w;
    return 0;
}

static inline int web_teardown(void **state)
{
    web *w = *state;
    cases_service_stop(&w->cases);
    online_destroy(w->o);
    return 0;
}

/* Asks, checks the body against the schema of its status, and gives it parsed. */
static inline alm_json_document *ask(web *w, alm_http_method method, const char *target,
                                     const char *body, int status)
{
    static const char *const JSON[] = {"content-type", ALM_TYPE_JSON, NULL, NULL};
    cases_answer answer;
    alm_error error = {0};
    char pointer[ALM_POINTER_BYTES];
    cases_ask_service(&w->cases.service, method, target, body ? JSON : NULL, alm_str_of(body),
                      &answer);
    if (answer.reply.status != status) {
        fail_msg("%s %s gave %d: %s", target, body ? body : "", answer.reply.status,
                 answer.body.data);
    }
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(alm_buffer_view(&answer.body), "reply", &document, &error),
                     ALM_OK);
    const alm_route *route;
    alm_str value[ALM_ROUTE_VALUES_MAX];
    alm_str allow;
    alm_str path = alm_str_of(target);
    path = alm_str_split(&path, '?');
    assert_int_equal(alm_route_find(method, path, answer.arena, &route, value, &allow),
                     ALM_MATCH_FOUND);
    for (size_t i = 0; i < ALM_ROUTE_RESPONSES_MAX && route->response[i].status; i++) {
        const alm_response *response = &route->response[i];
        if (response->status == status && response->schema &&
            strcmp(response->content_type, answer.reply.content_type) == 0 &&
            alm_schema_check(response->schema, alm_json_root(document), pointer, &error)) {
            fail_msg("%s: %s in %s", target, error.message, answer.body.data);
        }
    }
    /* The epoch was left, whatever happened: else the next enter of the worker would stop it. */
    alm_epoch_enter(w->o->epoch, 0);
    alm_epoch_leave(w->o->epoch, 0);
    cases_answer_end(&answer);
    return document;
}

static inline alm_json_document *post(web *w, const char *what, const char *body, int status)
{
    const char *target = alm_arena_printf(w->o->f->arena, "/api/v1/predictions/%s", what);
    return ask(w, ALM_METHOD_POST, target, body, status);
}

static inline alm_json_document *get(web *w, const char *target, int status)
{
    return ask(w, ALM_METHOD_GET, target, NULL, status);
}

static inline void expect_text(const alm_json *object, const char *key, const char *value)
{
    alm_str text = {0};
    const alm_json *member = alm_json_member(object, key);
    assert_non_null(member);
    assert_true(alm_json_as_str(member, &text));
    if (!alm_str_is(text, value)) {
        fail_msg("%s is %.*s, not %s", key, ALM_STR_ARG(text), value);
    }
}

static inline double number(const alm_json *object, const char *key)
{
    double value = -1;
    const alm_json *member = alm_json_member(object, key);
    assert_non_null(member);
    assert_true(alm_json_as_double(member, &value));
    return value;
}

static inline void expect_problem(web *w, const char *what, const char *body, int status,
                           const char *part)
{
    alm_json_document *document = post(w, what, body, status);
    alm_str detail = {0};
    assert_true(alm_json_as_str(alm_json_member(alm_json_root(document), "detail"), &detail));
    if (!strstr(detail.data, part)) {
        fail_msg("%s: %s", body, detail.data);
    }
    alm_json_document_destroy(document);
}

#endif
