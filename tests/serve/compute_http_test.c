/* Computations over HTTP. What comes back keeps to the schema that the document states. */
#include "computed_fixture.h"

static void expect_number(const alm_json *object, const char *key, double value)
{
    if (number(object, key) != value) {
        fail_msg("%s is %.17g, not %.17g", key, number(object, key), value);
    }
}

static const alm_json *first_input(const alm_json *root, size_t count)
{
    const alm_json *list = alm_json_member(alm_json_member(root, "computation"), "inputs");
    assert_int_equal(alm_json_count(list), count);
    return count ? alm_json_at(list, 0) : NULL;
}

static void test_demand(void **state)
{
    computed_web t;
    computed_start(&t, state);
    alm_json_document *d = post(t.w, "demand", "{" WHAT_IF "\"features\":{}}", 200);
    const alm_json *root = alm_json_root(d);
    alm_recomputed is = computing_reference(&t.c, COMPUTED_SERIES);
    expect_text(root, "served_by", "model");
    expect_text(root, "model_version", "demand-2");
    expect_text(root, "node", "s01|n2");
    expect_text(alm_json_member(root, "computation"), "purpose", "what_if");
    expect_text(alm_json_member(root, "computation"), "last_day", "2023-06-06");
    expect_text(alm_json_member(root, "computation"), "method", "gbm+stat");
    (void)first_input(root, 0);
    const alm_json *days = alm_json_member(root, "predictions");
    assert_int_equal(alm_json_count(days), is.steps);
    for (size_t h = 0; h < is.steps; h++) {
        expect_number(alm_json_at(days, h), "value", is.mean[h]);
        expect_number(alm_json_member(alm_json_at(days, h), "quantiles"), "0.5",
                      is.quantile[2 * is.steps + h]);
    }
    alm_json_document_destroy(d);
    d = post(t.w, "demand", "{" WHAT_IF "\"horizon\":3,\"features\":{\"historical_sales\":["
             "{\"date\":\"2023-06-06\",\"value\":30},{\"date\":\"2023-06-05\",\"value\":0}],"
             "\"price_data\":[{\"date\":\"2023-06-06\",\"value\":0.25},{\"date\":\"2023-06-07\","
             "\"to\":\"2023-06-09\",\"value\":4}],\"events\":[{\"column\":\"event\",\"date\":"
             "\"2023-06-15\"}]}}", 200);
    root = alm_json_root(d);
    assert_int_equal(alm_json_count(alm_json_member(root, "predictions")), 3);
    const alm_json *input = first_input(root, 3);
    expect_text(input, "input", "historical_sales");
    expect_text(input, "effect", "2 replaced, 0 added");
    const alm_json *list = alm_json_member(alm_json_member(root, "computation"), "inputs");
    expect_text(alm_json_at(list, 1), "input", "price");
    expect_number(alm_json_at(list, 1), "days", 4);
    expect_text(alm_json_at(list, 2), "effect", "features read it");
    alm_json_document_destroy(d);
    computed_stop(&t);
}

/* Without `features` nothing is computed, and the run's numbers are what they were. */
static void test_committed_numbers_stay(void **state)
{
    computed_web t;
    computed_start(&t, state);
    alm_json_document *d = post(t.w, "demand", "{" SHOP "\"node\":\"a|UK\",\"horizon\":1}", 200);
    const alm_json *root = alm_json_root(d);
    expect_text(root, "served_by", "batch");
    assert_int_equal(alm_json_kind_of(alm_json_member(root, "computation")), ALM_JSON_NULL);
    expect_number(alm_json_at(alm_json_member(root, "predictions"), 0), "value", 56);
    assert_int_equal(t.c.visits, 0);
    alm_json_document_destroy(d);
    computed_stop(&t);
}

/* The models are gone: a committed run answers, and says that it has not heard of the inputs. */
static void test_a_run_answers_below_the_models(void **state)
{
    computed_web t;
    computed_start(&t, state);
    t.c.missing[0] = t.c.missing[1] = true;
    alm_json_document *d =
        post(t.w, "demand", "{" SHOP "\"node\":\"a|UK\",\"purpose\":\"what_if\",\"features\":{"
             "\"historical_sales\":[{\"date\":\"2011-11-30\",\"value\":3}]}}", 200);
    const alm_json *root = alm_json_root(d);
    expect_text(root, "served_by", "batch");
    expect_text(root, "reason", "not_there");
    expect_text(first_input(root, 1), "effect", "not used: a committed run or a rule answered");
    assert_int_equal(alm_json_kind_of(alm_json_member(alm_json_member(root, "computation"),
                                                      "last_day")), ALM_JSON_NULL);
    alm_json_document_destroy(d);
    t.w->cases.service.computing = NULL; /* and there is no live either */
    d = post(t.w, "demand", "{" SHOP "\"node\":\"a|UK\",\"purpose\":\"what_if\",\"features\":{}}",
             200);
    expect_text(alm_json_at(alm_json_member(alm_json_root(d), "misses"), 0), "detail",
                "nothing is computed here");
    alm_json_document_destroy(d);
    computed_stop(&t);
}

/* No model and no run: the rule goes by a season of sales that the request says. */
static void test_a_rule_goes_by_the_sales_of_the_request(void **state)
{
    computed_web t;
    computed_start(&t, state);
    t.c.missing[0] = t.c.missing[1] = true;
    t.w->o->deployment[0].stale_days_max = 1;
    t.w->o->now = alm_instant_of_date(fixture_date("2011-12-08"));
    alm_json_document *d =
        post(t.w, "demand", "{" SHOP "\"node\":\"a|UK\",\"purpose\":\"what_if\",\"from\":"
             "\"2011-12-08\",\"horizon\":3,\"features\":{\"historical_sales\":["
             "{\"date\":\"2011-12-01\",\"value\":1},{\"date\":\"2011-12-02\",\"value\":2},"
             "{\"date\":\"2011-12-03\",\"value\":3},{\"date\":\"2011-12-04\",\"value\":4},"
             "{\"date\":\"2011-12-05\",\"value\":5},{\"date\":\"2011-12-06\",\"value\":6},"
             "{\"date\":\"2011-12-07\",\"value\":7}]}}", 200);
    const alm_json *root = alm_json_root(d);
    expect_text(root, "served_by", "rule");
    for (size_t i = 0; i < 3; i++) {
        expect_number(alm_json_at(alm_json_member(root, "predictions"), i), "value",
                      (double)i + 1);
    }
    alm_json_document_destroy(d);
    computed_stop(&t);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *what, *body;
        int status;
        const char *part;
    } CASE[] = {
        {"demand", "{" NODE "\"features\":{}}", 400, "needs a purpose"},
        {"demand", "{" NODE "\"purpose\":\"resale\",\"features\":{}}", 403, "not approved"},
        {"demand", "{" NODE "\"purpose\":\"stockout_check\",\"features\":{}}", 403, "purpose"},
        {"demand", "{" SHOP "\"node\":\"a|UK\",\"purpose\":\"resale\"}", 403, "not approved"},
        {"stockout", "{" WHAT_IF "\"features\":{}}", 403, "not approved"},
        {"optimize", "{" WHAT_IF "\"features\":{},\"lead_time_days\":1,\"service_level\":0.9}",
         403, "not approved"},
        {"demand", "{" WHAT_IF "\"features\":{\"sales\":[]}}", 400, "/features"},
        {"demand", "{" WHAT_IF "\"features\":{\"historical_sales\":[{\"date\":\"2023-06-06\","
         "\"value\":-1}]}}", 400, "/features/historical_sales/0/value"},
        {"demand", "{" WHAT_IF "\"features\":{\"historical_sales\":[{\"date\":\"2023-07-06\","
         "\"value\":1}]}}", 400, "in the future"},
        {"demand", "{" WHAT_IF "\"features\":{\"price_data\":[{\"date\":\"2023-06-06\"}]}}", 400,
         "price_data: every entry has a `value`"},
        {"demand", "{" WHAT_IF "\"features\":{\"events\":[{\"date\":\"2023-06-06\"}]}}", 400,
         "events: every entry names its `column`"},
        {"demand", "{" WHAT_IF "\"features\":{\"events\":[{\"date\":\"2023-06-06\",\"to\":"
         "\"2023-06-05\",\"column\":\"event\"}]}}", 400, "`to` is a day from `date` on"},
        {"demand", "{" WHAT_IF "\"features\":{\"events\":[{\"date\":\"2023-06-06\",\"to\":"
         "\"9999-12-31\",\"column\":\"event\"}]}}", 400, "at most 2000 days"},
        {"demand", "{" WHAT_IF "\"features\":{\"events\":[{\"date\":\"2023-06-06\",\"column\":"
         "\"promotion\"}]}}", 400, "known: price, open, event"},
        {"demand", "{" WHAT_IF "\"features\":{\"events\":[{\"date\":\"2023-06-06\",\"column\":"
         "\"event\",\"value\":1e300}]}}", 400, "/features/events/0/value"},
        {"demand", "{" WHAT_IF "\"horizon\":15,\"features\":{}}", 400, "has the days"},
        {"demand", "{" SHOP "\"node\":\"total\",\"purpose\":\"what_if\",\"features\":{}}", 400,
         "a computation is of one series"},
        {"stockout", "{" NODE "\"purpose\":\"stockout_check\",\"features\":{}}", 400,
         "say on_hand"},
    };
    computed_web t;
    computed_start(&t, state);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        expect_problem(t.w, CASE[i].what, CASE[i].body, CASE[i].status, CASE[i].part);
        assert_int_equal(t.c.inside, 0);
    }
    computed_stop(&t);
}

static void test_stockout_and_order(void **state)
{
    computed_web t;
    computed_start(&t, state);
    alm_json_document *d =
        post(t.w, "stockout", "{" NODE "\"purpose\":\"stockout_check\",\"features\":{},"
             "\"stock\":{\"on_hand\":100,\"on_order\":[{\"day\":2,\"units\":9}]}}", 200);
    const alm_json *root = alm_json_root(d);
    expect_text(root, "served_by", "model");
    expect_text(root, "first", "2023-06-07");
    assert_true(alm_json_count(alm_json_member(root, "drivers")) > 1);
    alm_json_document_destroy(d);
    d = post(t.w, "optimize", "{" NODE "\"purpose\":\"emergency_replenishment\",\"features\":{},"
             "\"lead_time_days\":2,\"service_level\":0.9,\"on_hand\":1}", 200);
    root = alm_json_root(d);
    expect_text(root, "served_by", "model");
    expect_text(alm_json_member(root, "computation"), "purpose", "emergency_replenishment");
    assert_true(number(root, "order") > 0);
    alm_json_document_destroy(d);
    computed_stop(&t);
}

static alm_json_document *suppose(computed_web *t, const char *body, int status)
{
    return ask(t->w, ALM_METHOD_POST, "/api/v1/whatif", body, status);
}

static void test_whatif(void **state)
{
    computed_web t;
    computed_start(&t, state);
    alm_json_document *d = suppose(
        &t, "{" NODE "\"stock\":{\"on_hand\":150},\"order\":{\"lead_time_days\":2,"
        "\"service_level\":0.9},\"scenarios\":[{\"name\":\"cheap\",\"price\":1},"
        "{\"name\":\"fair\",\"events\":[{\"column\":\"event\",\"date\":\"2023-06-15\"}]},"
        "{\"name\":\"open\",\"promotion\":[{\"column\":\"open\",\"date\":\"2023-06-09\","
        "\"value\":0}],\"order\":{\"service_level\":0.99}},"
        "{\"name\":\"more\",\"demand_factor\":2,\"stock\":{\"on_hand\":10}}]}", 200);
    const alm_json *root = alm_json_root(d);
    const alm_json *base = alm_json_member(root, "base");
    const alm_json *list = alm_json_member(root, "scenarios");
    assert_int_equal(alm_json_count(list), 4);
    const alm_json *cheap = alm_json_at(list, 0);
    expect_number(alm_json_member(cheap, "difference"), "demand", 0);
    const alm_json *why = alm_json_at(alm_json_member(cheap, "no_effect"), 0);
    expect_text(why, "change", "price");
    assert_int_equal(alm_json_count(alm_json_member(alm_json_at(list, 1), "no_effect")), 0);
    const alm_json *more = alm_json_at(list, 3);
    expect_number(more, "demand", 2 * number(base, "demand"));
    expect_number(alm_json_member(more, "difference"), "demand", number(base, "demand"));
    const alm_json *closed = alm_json_at(alm_json_member(alm_json_at(list, 2), "predictions"), 2);
    expect_number(closed, "value", 0);
    expect_text(alm_json_member(root, "computation"), "purpose", "what_if");
    assert_true(number(root, "paths") == 20);
    alm_json_document_destroy(d);
    d = suppose(&t, "{" NODE "\"horizon\":2,\"scenarios\":[{\"name\":\"same\"}]}", 200);
    root = alm_json_root(d);
    const alm_json *same = alm_json_at(alm_json_member(root, "scenarios"), 0);
    assert_int_equal(alm_json_kind_of(alm_json_member(same, "order")), ALM_JSON_NULL);
    assert_int_equal(alm_json_kind_of(alm_json_member(alm_json_member(same, "difference"),
                                                      "order")), ALM_JSON_NULL);
    alm_json_document_destroy(d);
    computed_stop(&t);
}

static void test_what_whatif_refuses(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *part;
    } CASE[] = {
        {"{" NODE "\"scenarios\":[]}", 400, "/scenarios"},
        {"{" NODE "\"scenarios\":[{}]}", 400, "name"},
        {"{" NODE "\"scenarios\":[{\"name\":\"x\",\"order\":{\"lead_time_days\":2}}]}", 400,
         "scenario 1: a goal is needed"},
        {"{" NODE "\"order\":{\"service_level\":0.9},\"scenarios\":[{\"name\":\"x\"}]}", 400,
         "say lead_time_days"},
        {"{" NODE "\"scenarios\":[{\"name\":\"x\",\"price_data\":[{\"date\":\"2023-06-08\"}]}]}",
         400, "scenario 1: price_data: every entry has a `value`"},
        {"{" NODE "\"scenarios\":[{\"name\":\"x\",\"price\":1,\"price_column\":\"cost\"}]}", 400,
         "scenario 1 (x): the project has no column 'cost'"},
        {"{" NODE "\"scenarios\":[{\"name\":\"x\",\"promotion\":[{\"date\":\"2023-06-08\"}]}]}",
         400, "no column 'promotion'"},
        {"{" NODE "\"scenarios\":[{\"name\":\"x\",\"demand_factor\":0}]}", 400, "demand_factor"},
        {"{" NODE "\"purpose\":\"resale\",\"scenarios\":[{\"name\":\"x\"}]}", 403, "approved"},
        {"{" SHOP "\"node\":\"s09|n9\",\"scenarios\":[{\"name\":\"x\"}]}", 404, "s09|n9"},
        {"{" NODE "\"stock\":{\"on_order\":[]},\"scenarios\":[{\"name\":\"x\"}]}", 400,
         "say on_hand"},
    };
    computed_web t;
    computed_start(&t, state);
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_json_document *d = suppose(&t, CASE[i].body, CASE[i].status);
        alm_str detail = {0};
        (void)alm_json_as_str(alm_json_member(alm_json_root(d), "detail"), &detail);
        if (!strstr(detail.data, CASE[i].part)) {
            fail_msg("%s: %s", CASE[i].body, detail.data);
        }
        alm_json_document_destroy(d);
    }
    t.c.missing[0] = t.c.missing[1] = true;
    alm_json_document_destroy(suppose(&t, "{" NODE "\"scenarios\":[{\"name\":\"x\"}]}", 503));
    computed_stop(&t);
}

/* Whose credentials are for other models gets no computation either. */
static void test_credentials_for_other_models(void **state)
{
    computed_web t;
    cases_answer answer;
    computed_start(&t, state);
    cases_ask_limited(&t.w->cases.service, "other-*", ALM_METHOD_POST, "/api/v1/whatif",
                      "{" NODE "\"scenarios\":[{\"name\":\"x\"}]}", &answer);
    assert_int_equal(answer.reply.status, 403);
    cases_answer_end(&answer);
    cases_ask_limited(&t.w->cases.service, "demand-*", ALM_METHOD_POST, "/api/v1/whatif",
                      "{" NODE "\"scenarios\":[{\"name\":\"x\"}]}", &answer);
    assert_int_equal(answer.reply.status, 200);
    cases_answer_end(&answer);
    computed_stop(&t);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_demand),
        ON(test_committed_numbers_stay),
        ON(test_a_run_answers_below_the_models),
        ON(test_a_rule_goes_by_the_sales_of_the_request),
        ON(test_what_is_refused),
        ON(test_stockout_and_order),
        ON(test_whatif),
        ON(test_what_whatif_refuses),
        ON(test_credentials_for_other_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
