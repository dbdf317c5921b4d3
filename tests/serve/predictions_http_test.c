/* The endpoints of predictions and models over made-up runs: what comes back keeps to the schema
 * that the document states, whatever was asked. */
#include "web_fixture.h"

static void demand_is_given_with_its_label(void **state)
{
    web *w = *state;
    alm_json_document *document =
        post(w, "demand", "{\"route\":\"shop\",\"product_id\":\"a\",\"warehouse_id\":\"UK\","
             "\"horizon\":3,\"interval\":0.9}", 200);
    const alm_json *root = alm_json_root(document);
    expect_text(root, "served_by", "batch");
    expect_text(root, "reason", "asked_for");
    expect_text(root, "model_version", "demand-2");
    expect_text(root, "asked_release", "production");
    expect_text(root, "node", "a|UK");
    expect_text(alm_json_member(root, "run"), "run_id", "r2");
    const alm_json *predictions = alm_json_member(root, "predictions");
    assert_int_equal(alm_json_count(predictions), 3);
    const alm_json *day = alm_json_at(predictions, 2);
    expect_text(day, "timestamp", "2011-12-03");
    assert_true(number(day, "value") == 58);
    const alm_json *interval = alm_json_member(day, "confidence_interval");
    assert_true(number(interval, "low") == 29 && number(interval, "high") == 116);
    assert_true(number(alm_json_member(day, "quantiles"), "0.95") == 116);
    alm_json_document_destroy(document);
    /* The same by keys and by name, and of another release. */
    static const char *const SAME[] = {
        "{\"route\":\"shop\",\"keys\":{\"market\":\"UK\",\"sku\":\"a\"},\"horizon\":3}",
        "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":3}",
        ("{\"route\":\"shop\",\"node\":\"a|UK\",\"level\":\"series\","
         "\"model_version\":\"demand-2\"}")};
    for (size_t i = 0; i < 3; i++) {
        document = post(w, "demand", SAME[i], 200);
        day = alm_json_at(alm_json_member(alm_json_root(document), "predictions"), 2);
        assert_true(number(day, "value") == 58);
        alm_json_document_destroy(document);
    }
    document = post(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"granularity\":\"month\","
                    "\"model_version\":\"demand-1\",\"from\":\"2011-12-02\"}", 200);
    predictions = alm_json_member(alm_json_root(document), "predictions");
    assert_int_equal(alm_json_count(predictions), 1);
    assert_true(number(alm_json_at(predictions, 0), "value") == 52 + 53 + 54 + 55);
    assert_int_equal(alm_json_kind_of(alm_json_member(alm_json_at(predictions, 0), "quantiles")),
                     ALM_JSON_NULL);
    alm_json_document_destroy(document);
}

static void a_degraded_answer_says_so(void **state)
{
    web *w = *state;
    w->o->now += 4 * DAY_US;
    alm_json_document *document =
        post(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":2}", 200);
    const alm_json *root = alm_json_root(document);
    expect_text(root, "served_by", "rule");
    expect_text(root, "reason", "too_old");
    assert_true(number(root, "age_days") == 4);
    const alm_json *misses = alm_json_member(root, "misses");
    assert_int_equal(alm_json_count(misses), 2);
    expect_text(alm_json_at(misses, 1), "step", "previous");
    alm_json_document_destroy(document);
    expect_problem(w, "demand", "{\"route\":\"pinned\",\"node\":\"a|UK\"}", 503,
                   "nothing can answer now (batch: too_old");
    expect_problem(w, "stockout", "{\"route\":\"shop\",\"node\":\"a|UK\"}", 503,
                   "nothing can answer now (batch: too_old");
}

static void limits_are_shown(void **state)
{
    web *w = *state;
    const alm_policy_spec policy = {.name = ALM_STR("cap"), .has_max = true, .max = 57};
    w->o->project.policies = &policy;
    w->o->project.policy_count = 1;
    alm_json_document *document =
        post(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":3}", 200);
    const alm_json *root = alm_json_root(document);
    const alm_json *day = alm_json_at(alm_json_member(root, "predictions"), 2);
    assert_true(number(root, "clamped") == 1);
    assert_true(number(day, "value") == 57);
    expect_text(alm_json_member(day, "limited"), "policy", "cap");
    assert_true(number(alm_json_member(day, "limited"), "before") == 58);
    alm_json_document_destroy(document);
}

static void the_callers_errors_are_problems(void **state)
{
    web *w = *state;
    expect_problem(w, "demand", "{\"route\":\"shop\"}", 400, "name one node, in one way");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"x\",\"product_id\":\"x\"}", 400,
                   "name one node, in one way");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"product_id\":\"a\"}", 400,
                   "a series is named by all of its keys, in `keys`, or by product_id and "
                   "warehouse_id: sku, market");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"keys\":{\"sku\":\"a\",\"shop\":\"b\"}}", 400,
                   "a series is named by all of its keys, in `keys`, or by product_id and "
                   "warehouse_id: sku, market");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"keys\":{\"sku\":\"a\",\"market\":\"b\","
                   "\"more\":\"c\"}}", 400, "all of its keys");
    expect_problem(w, "demand", "{\"node\":\"a|UK\"}", 400, "name a route: shop, pinned");
    expect_problem(w, "demand", "{\"route\":\"x\",\"node\":\"a|UK\"}", 404, "there is no route x");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"zz\"}", 404, "node zz");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"France\"}", 400,
                   "several levels have this name");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":6}", 400,
                   "run r2 has the days");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":0}", 400,
                   "horizon");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":1e3}", 400,
                   "horizon");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"granularity\":\"year\"}",
                   400, "granularity");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"from\":\"2011-02-30\"}",
                   400, "from");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"interval\":0.8}", 400,
                   "no two stored quantiles");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"model_version\":\"d\"}",
                   404, "there is no release or alias d");
    expect_problem(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\",\"features\":{}}", 400,
                   "a real-time computation needs a purpose");
    expect_problem(w, "stockout", "{\"route\":\"shop\",\"node\":\"a|UK\"}", 404,
                   "has no stock position of this node");
}

static void a_node_is_read_from_the_store(void **state)
{
    web *w = *state;
    alm_json_document *document =
        get(w, "/api/v1/predictions/a%7CUK?model_version=demand-1&route=shop", 200);
    const alm_json *root = alm_json_root(document);
    const alm_json *day = alm_json_at(alm_json_member(root, "predictions"), 0);
    assert_int_equal(alm_json_count(alm_json_member(root, "predictions")), FIXTURE_STEPS);
    assert_true(number(day, "value") == 51 && number(day, "base_value") == 51);
    const alm_json *lines = alm_json_member(day, "explanation");
    assert_int_equal(alm_json_count(lines), 3);
    expect_text(alm_json_at(lines, 0), "feature", "lag_7");
    assert_true(number(alm_json_at(lines, 0), "contribution") == 51 * 0.75);
    alm_json_document_destroy(document);
    document = get(w, "/api/v1/predictions/d%7CUK?model_version=production&route=shop", 200);
    expect_text(alm_json_root(document), "fallback", "cold_start");
    alm_json_document_destroy(document);
    alm_json_document_destroy(get(w, "/api/v1/predictions/a%7CUK?route=shop", 400));
    alm_json_document_destroy(
        get(w, "/api/v1/predictions/zz?route=shop&model_version=demand-1", 404));
    alm_json_document_destroy(
        get(w, "/api/v1/predictions/France?route=shop&model_version=demand-1&level=region", 200));
    alm_json_document_destroy(
        get(w, "/api/v1/predictions/a?route=shop&route=shop&model_version=demand-1", 400));
}

static void models_are_listed_with_where_they_answer(void **state)
{
    web *w = *state;
    alm_json_document *document = get(w, "/api/v1/models", 200);
    const alm_json *models = alm_json_member(alm_json_root(document), "models");
    assert_int_equal(alm_json_count(models), 2);
    expect_text(alm_json_at(models, 0), "id", "demand-1");
    const alm_json *served = alm_json_member(alm_json_at(models, 0), "served");
    assert_int_equal(alm_json_count(served), 2); /* previous of shop, current of pinned */
    expect_text(alm_json_at(served, 1), "route", "pinned");
    alm_json_document_destroy(document);
    document = get(w, "/api/v1/models/production", 200);
    expect_text(alm_json_root(document), "id", "demand-2");
    alm_json_document_destroy(document);
    alm_json_document_destroy(get(w, "/api/v1/models/demand-9", 404));
}

static void expect_limited(web *w, const char *pattern, alm_http_method method, const char *target,
                           const char *body, int status)
{
    cases_answer answer;
    cases_ask_limited(&w->cases.service, pattern, method, target, body, &answer);
    if (answer.reply.status != status) {
        fail_msg("%s %s for %s gave %d: %s", target, body, pattern, answer.reply.status,
                 answer.body.data);
    }
    cases_answer_end(&answer);
}

/* Credentials for some releases are not for others, whether named, by an alias, or by a route. */
static void who_is_limited_sees_his_releases(void **state)
{
    static const char *const BODIES[] = {
        "{\"node\":\"a|UK\",\"route\":\"shop\"}",
        "{\"node\":\"a|UK\",\"route\":\"shop\",\"model_version\":\"production\"}",
        "{\"node\":\"a|UK\",\"route\":\"shop\",\"model_version\":\"demand-2\"}"};
    static const char DEMAND[] = "/api/v1/predictions/demand";
    static const char NODE[] = "/api/v1/predictions/a%7CUK?route=shop&model_version=demand-2";
    web *w = *state;
    for (size_t i = 0; i < 3; i++) {
        expect_limited(w, "demand-2", ALM_METHOD_POST, DEMAND, BODIES[i], 200);
        expect_limited(w, "demand-1", ALM_METHOD_POST, DEMAND, BODIES[i], 403);
        expect_limited(w, "x", ALM_METHOD_POST, DEMAND, BODIES[i], 403);
    }
    expect_limited(w, "demand-*", ALM_METHOD_GET, NODE, "", 200);
    expect_limited(w, "demand-1", ALM_METHOD_GET, NODE, "", 403);
    expect_limited(w, "demand-2", ALM_METHOD_GET, "/api/v1/models/production", "", 200);
    expect_limited(w, "demand-1", ALM_METHOD_GET, "/api/v1/models/production", "", 403);
    cases_answer answer;
    cases_ask_limited(&w->cases.service, "demand-1", ALM_METHOD_GET, "/api/v1/models", "", &answer);
    assert_non_null(strstr(answer.body.data, "\"demand-1\""));
    assert_null(strstr(answer.body.data, "\"demand-2\""));
    cases_answer_end(&answer);
}

static void without_a_project_it_says_so(void **state)
{
    web *w = *state;
    w->cases.service.committed = NULL;
    alm_json_document_destroy(get(w, "/api/v1/models", 503));
    expect_problem(w, "demand", "{\"node\":\"a|UK\"}", 503, "no project is served here");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, web_setup, web_teardown)
    const struct CMUnitTest tests[] = {
        TEST(demand_is_given_with_its_label),
        TEST(a_degraded_answer_says_so),
        TEST(limits_are_shown),
        TEST(the_callers_errors_are_problems),
        TEST(a_node_is_read_from_the_store),
        TEST(models_are_listed_with_where_they_answer),
        TEST(who_is_limited_sees_his_releases),
        TEST(without_a_project_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
