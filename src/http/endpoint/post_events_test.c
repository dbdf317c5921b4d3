/* The endpoint of events over a live with a log in memory: what is told of each one, and what is
 * said when nothing can be stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/service_cases.h"
#include "serve/live/live_fixture.h"

static const char *const HEADERS[] = {"content-type", "application/json", NULL};

typedef struct posted {
    live_fixture *l;
    cases_service service;
    cases_answer answer;
} posted;

static posted *start(fixture *f)
{
    posted *p = ALM_NEW(f->arena, posted);
    p->l = live_setup(f);
    cases_service_start(&p->service);
    p->service.service.env = &p->l->env;
    p->service.service.project = f->project;
    live_begin(p->l);
    live_await(p->l, 0, LIVE_FIRST_DAYS);
    p->service.service.live = p->l->live;
    return p;
}

static void stop(posted *p)
{
    cases_service_stop(&p->service);
    live_teardown(p->l);
}

/* An event of the first day that is not over; `more` begins with a comma. */
static const char *event(posted *p, const char *id, const char *sku, const char *more)
{
    char day[ALM_DATE_TEXT_BYTES];
    synthetic_day_text(LIVE_FIRST_DAYS, day);
    return alm_arena_printf(p->l->f->arena, "{\"id\":\"%s\",\"kind\":\"sale\",\"day\":\"%s\","
                            "\"product_id\":\"%s\",\"warehouse_id\":\"n2\",\"quantity\":2%s}", id,
                            day, sku, more);
}

static void ask(posted *p, const char *body, int status, const char *part)
{
    cases_ask_service(&p->service.service, ALM_METHOD_POST, "/api/v1/events", HEADERS,
                      alm_str_of(body), &p->answer);
    if (p->answer.reply.status != status || !strstr(p->answer.body.data, part)) {
        fail_msg("%d, '%s' expected: %d %s", status, part, p->answer.reply.status,
                 p->answer.body.data);
    }
}

static void expect(posted *p, const char *body, int status, const char *part)
{
    ask(p, body, status, part);
    cases_answer_end(&p->answer);
}

static void each_event_is_told(void **state)
{
    posted *p = start(*state);
    expect(p, event(p, "a", "s00", ""), 200,
           "{\"stored\":1,\"duplicates\":0,\"refused\":0,\"events\":[{\"index\":0,\"id\":\"a\","
           "\"outcome\":\"stored\",\"sequence\":1}]}");
    expect(p, event(p, "a", "s00", ""), 200, "\"outcome\":\"duplicate\",\"sequence\":1");
    expect(p, event(p, "a", "s00", ",\"values\":{\"price\":2}"), 409, "other content");
    const char *many = alm_arena_printf(
        p->l->f->arena, "[%s,%s,%s,%s]", event(p, "b", "s00", ",\"values\":{\"price\":2.5}"),
        event(p, "c", "none", ""), event(p, "d", "s00", ",\"known_at\":\"2999-01-01T00:00:00Z\""),
        event(p, "e", "s01", ""));
    ask(p, many, 404, "2 of 4 events are refused; number 1: there is no series 'none|n2'");
    static const char *const PARTS[] = {
        "\"pointer\":\"/1\"", "\"stored\":2,\"duplicates\":0,\"refused\":2",
        "{\"index\":1,\"id\":\"c\",\"outcome\":\"refused\",\"status\":404",
        "{\"index\":2,\"id\":\"d\",\"outcome\":\"refused\",\"status\":400",
        "{\"index\":3,\"id\":\"e\",\"outcome\":\"stored\",\"sequence\":3}"};
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        assert_non_null(strstr(p->answer.body.data, PARTS[i]));
    }
    assert_string_equal(p->answer.reply.content_type, ALM_TYPE_PROBLEM);
    cases_answer_end(&p->answer);
    stop(p);
}

/* The project as it is, but its series count things: `units` is i64. */
static alm_project *counting(fixture *f)
{
    alm_project *project = ALM_NEW(f->arena, alm_project);
    *project = *f->project;
    alm_source *sources = ALM_NEW_ARRAY(f->arena, alm_source, project->source_count);
    for (size_t i = 0; i < project->source_count; i++) {
        sources[i] = project->sources[i];
        alm_source_column *columns = ALM_NEW_ARRAY(f->arena, alm_source_column,
                                                   sources[i].column_count);
        for (size_t k = 0; k < sources[i].column_count; k++) {
            columns[k] = sources[i].columns[k];
            bool is_target = alm_str_equal(sources[i].name, project->series.source) &&
                             alm_str_equal(columns[k].name, project->series.target);
            columns[k].type = is_target ? ALM_TYPE_I64 : columns[k].type;
        }
        sources[i].columns = columns;
    }
    project->sources = sources;
    return project;
}

/* What a snapshot would reject is not in the log either. */
static void a_count_is_a_whole_number(void **state)
{
    posted *p = start(*state);
    char day[ALM_DATE_TEXT_BYTES];
    synthetic_day_text(LIVE_FIRST_DAYS, day);
    p->service.service.project = counting(*state);
    const char *half = alm_arena_printf(
        p->l->f->arena, "{\"id\":\"a\",\"kind\":\"sale\",\"day\":\"%s\",\"product_id\":"
        "\"s00\",\"warehouse_id\":\"n2\",\"quantity\":3.5}", day);
    ask(p, half, 400, "quantity 3.5 is not a whole number");
    assert_non_null(strstr(p->answer.body.data, "declare the column f64 in almanac.yaml"));
    assert_non_null(strstr(p->answer.body.data, "\"stored\":0,\"duplicates\":0,\"refused\":1"));
    cases_answer_end(&p->answer);
    expect(p, event(p, "a", "s00", ""), 200, "\"outcome\":\"stored\",\"sequence\":1");
    stop(p);
}

static void a_series_is_named_in_one_way(void **state)
{
    posted *p = start(*state);
    const char *keys = "\"keys\":{\"sku\":\"s00\",\"store\":\"n2\"}";
    static const char *const BAD[] = {
        "", "\"product_id\":\"s00\"", "\"warehouse_id\":\"n2\"",
        "\"keys\":{\"sku\":\"s00\"}", "\"keys\":{\"sku\":\"s00\",\"shop\":\"n2\"}",
        "\"keys\":{\"sku\":\"s00\",\"store\":\"n2\"},\"product_id\":\"s00\""};
    char day[ALM_DATE_TEXT_BYTES];
    synthetic_day_text(LIVE_FIRST_DAYS, day);
    for (size_t i = 0; i <= sizeof BAD / sizeof BAD[0]; i++) {
        bool is_good = i == sizeof BAD / sizeof BAD[0];
        const char *named = is_good ? keys : BAD[i];
        const char *body = alm_arena_printf(
            p->l->f->arena, "{\"id\":\"%zu\",\"kind\":\"stock_count\",\"day\":\"%s\",\"quantity\":7"
            "%s%s}", i, day, named[0] ? "," : "", named);
        expect(p, body, is_good ? 200 : 400, is_good ? "stored" : "by all of its keys");
    }
    stop(p);
}

static void what_fails_may_come_again(void **state)
{
    posted *p = start(*state);
    alm_fs_fault fault = {.mode = ALM_FS_FAULT_FAIL, .nth = 1,
                          .calls = ALM_FS_CALL_BIT(WRITE)};
    alm_fs_fault_set(p->l->log_fs, &fault);
    ask(p, event(p, "a", "s00", ""), 503, "the disk is full");
    assert_string_equal(cases_reply_header(&p->answer, "Retry-After"), "5");
    cases_answer_end(&p->answer);
    expect(p, event(p, "a", "s00", ""), 200, "\"outcome\":\"stored\",\"sequence\":1");
    live_end(p->l);
    p->service.service.live = NULL;
    p->service.service.live_problem = "another service has the events of this project";
    ask(p, event(p, "a", "s00", ""), 503, "another service has the events");
    assert_string_equal(cases_reply_header(&p->answer, "Retry-After"), "5");
    cases_answer_end(&p->answer);
    stop(p);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(each_event_is_told),
        ON(a_count_is_a_whole_number),
        ON(a_series_is_named_in_one_way),
        ON(what_fails_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
