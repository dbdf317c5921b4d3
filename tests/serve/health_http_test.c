/* The whole picture: what makes it ok, degraded or failing, and who sees why. */
#include "web_fixture.h"

#define HEALTH "/api/v1/health"

static const alm_json *route_at(const alm_json_document *document, size_t index)
{
    const alm_json *one = alm_json_at(alm_json_member(alm_json_root(document), "routes"), index);
    assert_non_null(one);
    return one;
}

static void expect_reason(const alm_json_document *document, size_t index, const char *part)
{
    alm_str text = {0};
    const alm_json *reasons = alm_json_member(alm_json_root(document), "reasons");
    const alm_json *one = alm_json_at(reasons, index);
    assert_true(one && alm_json_as_str(one, &text));
    if (!strstr(text.data, part)) {
        fail_msg("%s is not in %s", part, text.data);
    }
}

static void all_is_well(void **state)
{
    web *w = *state;
    w->cases.service.started = w->o->now - 5000000;
    alm_json_document *document = get(w, HEALTH, 200);
    const alm_json *root = alm_json_root(document);
    expect_text(root, "status", "ok");
    assert_int_equal(alm_json_count(alm_json_member(root, "reasons")), 0);
    assert_true(number(root, "uptime_s") == 5);
    const alm_json *shop = route_at(document, 0);
    expect_text(shop, "route", "shop");
    expect_text(shop, "state", "ok");
    expect_text(shop, "asked_release", "production");
    expect_text(shop, "model_version", "demand-2");
    expect_text(shop, "previous", "demand-1");
    expect_text(shop, "run_id", "r2");
    assert_true(number(shop, "age_days") == 0 && number(shop, "stale_days_max") == 3);
    expect_text(route_at(document, 1), "model_version", "demand-1");
    assert_true(number(alm_json_member(root, "memory"), "runs_bytes") > 0);
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "server")), ALM_JSON_NULL);
    alm_json_document_destroy(document);
}

static void old_runs_degrade_it(void **state)
{
    web *w = *state;
    w->o->now += 4 * DAY_US;
    alm_json_document *document = get(w, HEALTH, 200);
    expect_text(alm_json_root(document), "status", "degraded");
    expect_reason(document, 0, "route shop: its run is 4 days old, and answers up to 3");
    expect_reason(document, 1, "route pinned: its run is 4 days old");
    expect_text(route_at(document, 0), "state", "stale");
    alm_json_document_destroy(document);
}

static void a_damaged_run_degrades_it(void **state)
{
    web *w = *state;
    bool changed = false;
    online_run(w->o, "r3", "demand-2", "2011-12-02", 2);
    online_damage(w->o, "r3");
    fixture_must(w->o->f, alm_committed_refresh(w->o->committed, w->o->now, &changed,
                                                &w->o->f->error));
    alm_json_document *document = get(w, HEALTH, 200);
    expect_text(alm_json_root(document), "status", "degraded");
    expect_reason(document, 0, "route shop: run r3 of 2011-12-02 cannot be loaded");
    expect_text(route_at(document, 0), "state", "ok"); /* the run before it answers */
    expect_text(route_at(document, 0), "problem", "run r3 of 2011-12-02 cannot be loaded");
    alm_json_document_destroy(document);
}

static void unreadable_stores_degrade_it(void **state)
{
    web *w = *state;
    bool changed = false;
    alm_error error;
    online_run(w->o, "r3", "demand-2", "2011-12-02", 2);
    alm_fs_fault_set(w->o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_FAIL_ALWAYS, .nth = 1,
                                                  .reason = "the network is gone"});
    alm_err code = alm_committed_refresh(w->o->committed, w->o->now, &changed, &error);
    assert_int_not_equal(code, ALM_OK);
    alm_json_document *document = get(w, HEALTH, 200);
    expect_text(alm_json_root(document), "status", "degraded");
    expect_reason(document, 0, "stores: ");
    expect_reason(document, 0, "the network is gone");
    alm_json_document_destroy(document);
    alm_fs_fault_set(w->o->fault, &(alm_fs_fault){.mode = ALM_FS_FAULT_NONE});
}

/* Two routes that nobody has committed a run for. */
static void nothing_that_answers_is_failing(void **state)
{
    web *w = *state;
    online_close(w->o);
    w->o->deployment[0].release = ALM_STR("demand-8");
    w->o->deployment[1].release = ALM_STR("demand-9");
    online_open(w->o, 0);
    w->cases.service.committed = w->o->committed;
    w->cases.service.epoch = w->o->epoch;
    bool changed = false;
    fixture_must(w->o->f, alm_committed_refresh(w->o->committed, w->o->now, &changed,
                                                &w->o->f->error));
    alm_json_document *document = get(w, HEALTH, 503);
    expect_text(alm_json_root(document), "status", "failing");
    expect_reason(document, 0, "route shop: there is no release or alias demand-8");
    expect_reason(document, 2, "no route has a run");
    expect_text(route_at(document, 0), "state", "missing");
    alm_json_document_destroy(document);
}

static void what_stops_is_failing(void **state)
{
    web *w = *state;
    atomic_store(&w->cases.service.is_ready, false);
    alm_json_document *document = get(w, HEALTH, 503);
    expect_text(alm_json_root(document), "status", "failing");
    expect_reason(document, 0, "not ready");
    alm_json_document_destroy(document);
}

static void others_see_the_status_alone(void **state)
{
    web *w = *state;
    alm_access *access = w->cases.service.access;
    cases_answer answer;
    w->cases.service.access = NULL; /* nobody is known */
    cases_ask_service(&w->cases.service, ALM_METHOD_GET, HEALTH, NULL, ALM_STR(""), &answer);
    assert_int_equal(answer.reply.status, 200);
    assert_string_equal(answer.body.data, "{\"status\":\"ok\"}");
    cases_answer_end(&answer);
    w->cases.service.access = access;
    /* Who is limited sees his routes. */
    cases_ask_limited(&w->cases.service, "demand-1", ALM_METHOD_GET, HEALTH, "", &answer);
    assert_non_null(strstr(answer.body.data, "\"route\":\"pinned\""));
    assert_null(strstr(answer.body.data, "\"route\":\"shop\""));
    assert_null(strstr(answer.body.data, "demand-2"));
    cases_answer_end(&answer);
}

static void without_a_project_there_is_less(void **state)
{
    web *w = *state;
    w->cases.service.committed = NULL;
    alm_json_document *document = get(w, HEALTH, 200);
    const alm_json *root = alm_json_root(document);
    expect_text(root, "status", "ok");
    assert_int_equal(alm_json_count(alm_json_member(root, "routes")), 0);
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "stores")), ALM_JSON_NULL);
    alm_json_document_destroy(document);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, web_setup, web_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_is_well),
        TEST(old_runs_degrade_it),
        TEST(a_damaged_run_degrades_it),
        TEST(unreadable_stores_degrade_it),
        TEST(nothing_that_answers_is_failing),
        TEST(what_stops_is_failing),
        TEST(others_see_the_status_alone),
        TEST(without_a_project_there_is_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
