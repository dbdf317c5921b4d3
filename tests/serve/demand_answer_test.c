/* Demand through route, ladder and limits; every step is reached by breaking those above it. */
#include "serve/answer/demand_answer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/pool.h"
#include "served_fixture.h"
#include "serve/answer/order_answer.h"
#include "serve/answer/stockout_answer.h"

/* r1 (demand-1) and r2 (demand-2) of 2011-12-01, five days; demand-2 is production, demand-1 was.
 * mean(a|UK, step) = 10 x 5 + step, with r2's shift of 1 a node more: node 5 of the fixture. */
static int setup(void **state)
{
    served_fixture *o = online_create();
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    online_run(o, "r2", "demand-2", "2011-12-01", 1);
    online_promote(o, "demand-1");
    online_promote(o, "demand-2");
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    online_destroy(*state);
    return 0;
}

#define OLD(step) (50.0 + (step))
#define NEW(step) (55.0 + (step))

static void refresh(served_fixture *o)
{
    bool changed = false;
    if (!o->committed) {
        online_open(o, 0);
    }
    OK(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
}

static const alm_str UK[] = {{"a", 1}, {"UK", 2}};

static alm_demand_request asking(const char *route)
{
    return (alm_demand_request){.ask = {.route = alm_str_of(route), .keys = UK, .key_count = 2},
                                .from = ALM_DATE_NONE};
}

static alm_err demand(served_fixture *o, const alm_demand_request *request,
                      alm_demand_answer *out)
{
    alm_online online = online_now(o);
    alm_error_clear(&o->f->error);
    return alm_demand(&online, request, o->f->arena, out, &o->f->error);
}

static alm_demand_answer answer_to(served_fixture *o, const alm_demand_request *request)
{
    alm_demand_answer out;
    OK(o->f, demand(o, request, &out));
    return out;
}

static void expect_by(const alm_demand_answer *a, alm_ladder_by by, alm_ladder_why why,
                      const char *model_version)
{
    assert_int_equal(a->label.outcome.by, by);
    assert_int_equal(a->label.outcome.why, why);
    assert_int_equal(a->label.is_degraded, why != ALM_LADDER_WHY_ASKED);
    assert_true(alm_str_is(a->label.model_version, model_version));
}

/* ---- committed numbers ---- */

static void the_routes_release_answers(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    alm_demand_request request = asking("shop");
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_BATCH, ALM_LADDER_WHY_ASKED, "demand-2");
    assert_true(alm_str_is(a.label.asked_release, "production"));
    assert_true(alm_str_is(a.label.run->run_id, "r2"));
    assert_int_equal(a.label.problem.size, 0);
    assert_int_equal(a.periods, 5);
    for (int i = 0; i < 5; i++) {
        assert_true(a.period[i].mean == NEW(i + 1));
        assert_true(a.period[i].low == NEW(i + 1) * 0.5 && a.period[i].high == NEW(i + 1) * 2);
        assert_true(isnan(a.period[i].stockout_probability)); /* no stock in this run */
    }
    request.ask.route = (alm_str){0};
    REFUSED(o->f, ALM_ERR_USAGE, "name a route: shop, pinned", demand(o, &request, &a));
    request.ask.route = ALM_STR("shop\nping");
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "there is no route shop\\nping; known: shop, pinned",
            demand(o, &request, &a));
}

static void a_named_release_answers_or_nobody(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    alm_demand_request request = asking("shop");
    request.ask.release = ALM_STR("demand-1");
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_BATCH, ALM_LADDER_WHY_ASKED, "demand-1");
    assert_true(a.period[0].mean == OLD(1));
    assert_true(alm_str_is(a.label.asked_release, "demand-1"));
    request.ask.release = ALM_STR("demand-7");
    REFUSED(o->f, ALM_ERR_NOT_FOUND,
            "there is no release or alias demand-7; served on route shop: demand-2, demand-1",
            demand(o, &request, &a));
    /* Who names a version does not get another one. */
    o->deployment[0].rule = ALM_RULE_NONE;
    o->now += 4 * DAY_US;
    request.ask.release = ALM_STR("demand-2");
    REFUSED(o->f, ALM_ERR_UNAVAILABLE, "previous: not_allowed", demand(o, &request, &a));
    request.ask.release = ALM_STR("production");
    REFUSED(o->f, ALM_ERR_UNAVAILABLE, "previous: too_old", demand(o, &request, &a));
}

static void unknown_nodes_and_days_are_the_callers(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    alm_demand_answer a;
    alm_demand_request request = asking("shop");
    request.ask.node = ALM_STR("nowhere");
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "node nowhere is not among the 13 nodes of demand-2 (run r2)",
            demand(o, &request, &a));
    request.ask.node = ALM_STR("France");
    REFUSED(o->f, ALM_ERR_USAGE, "nodes of several levels have this name (market, region)",
            demand(o, &request, &a));
    request.ask.level = ALM_STR("region");
    assert_true(answer_to(o, &request).period[0].mean == 31 + 3);
    request = asking("shop");
    request.horizon = 6;
    REFUSED(o->f, ALM_ERR_INVALID, "run r2 has the days 2011-12-01 to 2011-12-05",
            demand(o, &request, &a));
    request.horizon = 5;
    request.from = o->f->start + 1;
    REFUSED(o->f, ALM_ERR_INVALID, "2011-12-05", demand(o, &request, &a));
    request.from = o->f->start - 1;
    REFUSED(o->f, ALM_ERR_INVALID, "2011-12-01", demand(o, &request, &a));
    request.from = INT32_MAX;
    REFUSED(o->f, ALM_ERR_INVALID, "2011-12-01", demand(o, &request, &a));
    request.horizon = 0;
    REFUSED(o->f, ALM_ERR_INVALID, "2011-12-01", demand(o, &request, &a));
    request.from = ALM_DATE_NONE;
    request.horizon = -1;
    REFUSED(o->f, ALM_ERR_INVALID, "horizon", demand(o, &request, &a));
    request.horizon = INT32_MAX;
    REFUSED(o->f, ALM_ERR_INVALID, "1 to 400 days", demand(o, &request, &a));
    request.horizon = 1;
    request.interval = 0.8;
    REFUSED(o->f, ALM_ERR_INVALID, "no two stored quantiles make this interval; stored: 0.05, 0.95",
            demand(o, &request, &a));
    request.interval = (double)NAN;
    REFUSED(o->f, ALM_ERR_INVALID, "interval", demand(o, &request, &a));
    request.interval = 0.9;
    request.from = o->f->start + 4;
    a = answer_to(o, &request);
    assert_int_equal(a.periods, 1);
    assert_int_equal(a.first_step, 5);
    assert_true(a.period[0].mean == NEW(5) && a.period[0].high == NEW(5) * 2);
}

static void the_previous_release_stands_in_where_the_route_allows_it(void **state)
{
    served_fixture *o = *state;
    online_run(o, "r3", "demand-1", "2011-12-04", 0); /* demand-2 has none of that day */
    o->now = alm_instant_of_date(o->f->start + 5);
    refresh(o);
    alm_demand_request request = asking("shop");
    request.from = o->f->start + 5;
    request.horizon = 2;
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_PREVIOUS, ALM_LADDER_WHY_STALE, "demand-1");
    assert_true(alm_str_is(a.label.run->run_id, "r3"));
    assert_true(alm_str_is(a.label.asked_release, "production"));
    assert_int_equal(a.label.age_days, 2);
    assert_int_equal(a.label.age_s, 2 * 86400);
    assert_true(a.period[0].mean == OLD(3));
    assert_string_equal(a.label.outcome.miss[0].detail, "run r2 is 5 days old, the route allows 3");
    o->deployment[0].previous = false;
    a = answer_to(o, &request);
    assert_int_equal(a.label.outcome.by, ALM_LADDER_RULE);
    assert_int_equal(a.label.outcome.miss[1].why, ALM_LADDER_WHY_NOT_ALLOWED);
}

static void the_rule_goes_by_the_old_run_or_by_sales(void **state)
{
    served_fixture *o = *state;
    o->now = alm_instant_of_date(o->f->start + 9);
    refresh(o);
    alm_demand_request request = asking("shop");
    request.from = o->f->start + 9;
    request.horizon = 7;
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_RULE, ALM_LADDER_WHY_STALE, "demand-2");
    assert_int_equal(a.label.age_days, 9);
    assert_true(alm_str_is(a.label.run->run_id, "r2"));
    assert_null(a.quantile);
    assert_null(a.period[0].quantile);
    assert_true(isnan(a.period[0].low));
    /* Nine days on: the run's days are 1 to 5, two and three of them a week before. */
    const double expected[] = {NEW(3), NEW(4), NEW(5), NEW(3), NEW(3), NEW(1), NEW(2)};
    for (int i = 0; i < 7; i++) {
        assert_true(a.period[i].mean == expected[i]);
    }
    const double sales[] = {1, 2, 3, 4, 5, 6, 7};
    alm_rule_history history = {sales, 7, o->f->start + 8};
    request.history = &history;
    a = answer_to(o, &request);
    for (int i = 0; i < 7; i++) {
        assert_true(a.period[i].mean == i + 1);
    }
    request.ask.node = ALM_STR("nowhere"); /* still nobody's node */
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "node nowhere", demand(o, &request, &a));
    request = asking("pinned"); /* whose route has neither */
    REFUSED(o->f, ALM_ERR_UNAVAILABLE,
            "nothing can answer now (batch: too_old, run r1 is 9 days old, the route allows 3; "
            "previous: not_allowed; rule: not_allowed)",
            demand(o, &request, &a));
}

static void without_any_run_sales_are_all_there_is(void **state)
{
    served_fixture *o = *state;
    o->schedule.name = ALM_STR("weekly");
    o->deployment[0].schedule = ALM_STR("weekly");
    refresh(o);
    alm_demand_answer a;
    alm_demand_request request = asking("shop");
    REFUSED(o->f, ALM_ERR_UNAVAILABLE, "no run of demand-2 on schedule weekly is in force",
            demand(o, &request, &a)); /* all of what? */
    request.horizon = 3;
    REFUSED(o->f, ALM_ERR_UNAVAILABLE,
            "batch: not_there, no run of demand-2 on schedule weekly is in force",
            demand(o, &request, &a));
    const double sales[] = {4, 8};
    alm_rule_history history = {sales, 2, o->f->start - 1};
    request.history = &history;
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_RULE, ALM_LADDER_WHY_ABSENT, "");
    assert_null(a.label.run);
    assert_true(a.period[0].mean == 6);
    assert_int_equal(a.period[0].first, o->f->start); /* today */
    assert_true(alm_str_is(a.node, "a|UK"));
    assert_true(alm_str_is(a.label.problem, "no run of demand-2 on schedule weekly is in force"));
}

/* ---- computations ---- */

typedef struct machine {
    served_fixture *o;
    alm_step_result result;
    double value;
    uint64_t takes_ns;
    int asked;
} machine;

static alm_step_result compute(void *context, alm_date first, int32_t days, uint64_t until_ns,
                               double *out, alm_error *error)
{
    machine *m = context;
    (void)first;
    (void)until_ns;
    m->asked++;
    m->o->clock_ns += m->takes_ns;
    for (int32_t i = 0; i < days; i++) {
        out[i] = m->value;
    }
    if (m->result == ALM_STEP_CALLER) {
        (void)alm_fail(error, ALM_ERR_INVALID, "a feature is missing");
    }
    return m->result;
}

static void a_computation_falls_down_the_ladder(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    machine now = {o, ALM_STEP_ANSWERED, 58, 0, 0};
    machine before = {o, ALM_STEP_ANSWERED, 51, 0, 0};
    alm_demand_model model = {compute, NULL, &now, ALM_STR("demand-2"), NULL, 0};
    alm_demand_model previous = {compute, NULL, &before, ALM_STR("demand-1"), NULL, 0};
    alm_demand_request request = asking("shop");
    request.model = &model;
    request.previous = &previous;
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED, "demand-2");
    assert_true(a.period[4].mean == 58);
    assert_null(a.label.run);
    assert_null(a.run);
    assert_int_equal(before.asked, 0);
    assert_true(alm_str_is(a.node, "a|UK"));
    now.value = (double)INFINITY; /* no number that may be given out */
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_PREVIOUS, ALM_LADDER_WHY_FAILED, "demand-1");
    assert_true(a.period[0].mean == 51);
    now = (machine){o, ALM_STEP_ANSWERED, 58, 31000000, 0}; /* its share is 30 of 50 ms */
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED, "demand-2");
    assert_true(a.label.outcome.is_late);
    now.result = ALM_STEP_LATE; /* it gave up */
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_PREVIOUS, ALM_LADDER_WHY_LATE, "demand-1");
    before.result = ALM_STEP_FAILED;
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_BATCH, ALM_LADDER_WHY_LATE, "demand-2");
    assert_true(a.period[0].mean == NEW(1) && a.period[0].low == NEW(1) / 2);
    request.previous = NULL;
    a = answer_to(o, &request);
    assert_int_equal(a.label.outcome.miss[1].why, ALM_LADDER_WHY_ABSENT);
    o->now += 4 * DAY_US;
    a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_RULE, ALM_LADDER_WHY_LATE, "demand-2");
    now.result = ALM_STEP_CALLER;
    now.takes_ns = 0;
    REFUSED(o->f, ALM_ERR_INVALID, "a feature is missing", demand(o, &request, &a));
}

static void a_breaker_skips_a_broken_model(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    machine now = {o, ALM_STEP_FAILED, 58, 0, 0};
    alm_breaker breaker;
    alm_breaker_init(&breaker, &(alm_breaker_rule){.in_a_row = 2, .open_ms = 1000});
    alm_demand_model model = {compute, NULL, &now, ALM_STR("demand-2"), &breaker, 0};
    alm_demand_request request = asking("shop");
    request.model = &model;
    for (int i = 0; i < 5; i++) {
        alm_demand_answer a = answer_to(o, &request);
        expect_by(&a, ALM_LADDER_BATCH, i < 2 ? ALM_LADDER_WHY_FAILED : ALM_LADDER_WHY_BREAKER,
                  "demand-2");
    }
    assert_int_equal(now.asked, 2);
    o->clock_ns += 1000000000;
    now.result = ALM_STEP_ANSWERED;
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_MODEL, ALM_LADDER_WHY_ASKED, "demand-2");
}

static void purposes_are_approved_or_refused(void **state)
{
    served_fixture *o = *state;
    static const char *const OWN[] = {"stockout_check", "what_if"};
    const alm_str more[] = {ALM_STR("markdown")};
    alm_deployment_spec *spec = &o->deployment[0];
    alm_error *error = &o->f->error;
    OK(o->f, alm_online_check_purpose(spec, ALM_STR("what_if"), OWN, 2, error));
    REFUSED(o->f, ALM_ERR_DENIED, "not approved for route shop",
            alm_online_check_purpose(spec, ALM_STR("markdown"), OWN, 2, error));
    REFUSED(o->f, ALM_ERR_INVALID, "needs a purpose",
            alm_online_check_purpose(spec, (alm_str){0}, OWN, 2, error));
    spec->purposes = more;
    spec->purpose_count = 1;
    OK(o->f, alm_online_check_purpose(spec, ALM_STR("markdown"), OWN, 2, error));
}

/* ---- limits ---- */

static void limits_hold_on_every_step(void **state)
{
    served_fixture *o = *state;
    const alm_str nodes[] = {ALM_STR("a|*")};
    const alm_policy_spec policies[] = {
        {.name = ALM_STR("cap"), .nodes = nodes, .node_count = 1, .has_max = true, .max = 57.5},
        {.name = ALM_STR("steady"), .has_max_change = true, .max_change = 0.1}};
    o->project.policies = policies;
    o->project.policy_count = 2;
    refresh(o);
    machine now = {o, ALM_STEP_ANSWERED, 500, 0, 0};
    alm_demand_model model = {compute, NULL, &now, ALM_STR("demand-2"), NULL, 0};
    alm_demand_request request = asking("shop");
    alm_demand_answer a = answer_to(o, &request); /* batch: 56 to 60 */
    assert_int_equal(a.label.outcome.clamped, 3);
    assert_true(a.period[1].mean == 57 && a.period[1].limited_by.size == 0);
    assert_true(a.period[2].mean == 57.5 && a.period[2].mean_before == NEW(3));
    assert_true(alm_str_is(a.period[2].limited_by, "cap"));
    /* Twice the mean is beyond a tenth of it, half of it too, and the cap is lower. */
    assert_true(a.period[0].high == 57.5 && a.period[0].low == NEW(1) - 0.1 * NEW(1));
    request.model = &model;
    a = answer_to(o, &request);
    assert_int_equal(a.label.outcome.by, ALM_LADDER_MODEL);
    assert_int_equal(a.label.outcome.clamped, 5);
    assert_true(a.period[0].mean == 57.5 && a.period[0].mean_before == 500);
    now.value = 1;
    a = answer_to(o, &request);
    assert_true(a.period[0].mean == NEW(1) - 0.1 * NEW(1));
    assert_true(alm_str_is(a.period[0].limited_by, "steady"));
    now.result = ALM_STEP_FAILED;
    o->now += 4 * DAY_US; /* the rule, by the old run */
    a = answer_to(o, &request);
    assert_int_equal(a.label.outcome.by, ALM_LADDER_RULE);
    assert_int_equal(a.label.outcome.clamped, 3);
    assert_true(a.period[4].mean == 57.5);
    /* Another node: the change only, and committed numbers are their own reference. */
    const alm_str other[] = {ALM_STR("b"), ALM_STR("UK")};
    request = asking("shop");
    request.ask.keys = other;
    o->now -= 4 * DAY_US;
    a = answer_to(o, &request);
    assert_int_equal(a.label.outcome.clamped, 0);
    request.granularity = ALM_GRANULARITY_MONTH;
    request.ask.keys = UK;
    a = answer_to(o, &request); /* days are limited before they are added up */
    assert_int_equal(a.periods, 1);
    assert_true(a.period[0].mean == 56 + 57 + 57.5 * 3);
    assert_true(a.period[0].mean_before == 56 + 57 + 58 + 59 + 60);
    assert_true(alm_str_is(a.period[0].limited_by, "cap"));
}

/* ---- periods ---- */

static void days_are_added_up_to_weeks_and_months(void **state)
{
    served_fixture *o = *state;
    online_run(o, "r3", "demand-2", "2011-12-30", 1); /* a Friday, to Tuesday */
    o->now = alm_instant_of_date(o->f->start + 29);
    refresh(o);
    alm_demand_request request = asking("shop");
    request.granularity = ALM_GRANULARITY_WEEK;
    alm_demand_answer a = answer_to(o, &request);
    assert_int_equal(a.periods, 2);
    assert_true(a.has_sums);
    assert_int_equal(a.period[0].days, 3);
    assert_int_equal(a.period[1].days, 2);
    assert_false(a.period[0].is_whole || a.period[1].is_whole);
    assert_true(a.period[0].mean == NEW(1) + NEW(2) + NEW(3));
    assert_null(a.period[0].quantile); /* quantiles of days are not those of their sum */
    assert_true(isnan(a.period[0].low));
    request.granularity = ALM_GRANULARITY_MONTH;
    a = answer_to(o, &request);
    assert_int_equal(a.periods, 2);
    assert_int_equal(a.period[0].days, 2); /* to the 31st */
    assert_true(a.period[1].mean == NEW(3) + NEW(4) + NEW(5));
    /* A week that the answer has a single day of has that day's quantiles. */
    request.granularity = ALM_GRANULARITY_WEEK;
    request.from = o->f->start + 31; /* Sunday */
    request.horizon = 2;
    a = answer_to(o, &request);
    assert_int_equal(a.periods, 2);
    assert_false(a.has_sums);
    assert_true(a.period[0].high == NEW(3) * 2 && !a.period[0].is_whole);
    alm_granularity g;
    assert_true(alm_granularity_parse(ALM_STR("month"), &g) && g == ALM_GRANULARITY_MONTH);
    assert_false(alm_granularity_parse(ALM_STR("year"), &g));
}

static void a_newer_run_that_is_damaged_is_mentioned(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    online_run(o, "r3", "demand-2", "2011-12-02", 1);
    online_damage(o, "r3");
    refresh(o);
    alm_demand_request request = asking("shop");
    alm_demand_answer a = answer_to(o, &request);
    expect_by(&a, ALM_LADDER_BATCH, ALM_LADDER_WHY_ASKED, "demand-2");
    assert_true(alm_str_is(a.label.run->run_id, "r2"));
    assert_true(alm_str_is(a.label.problem, "run r3 of 2011-12-02 cannot be loaded"));
}

static void without_stock_there_is_no_risk(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    alm_online online = online_now(o);
    alm_stockout_request request = {.ask = {.route = ALM_STR("shop"), .keys = UK, .key_count = 2}};
    alm_stockout_answer a;
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "run r2 has no stock position of this node",
            alm_stockout(&online, &request, o->f->arena, &a, &o->f->error));
}

/* Advice itself: tests/cli/serve_order.sh. */
static void without_sample_paths_there_is_no_order(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    alm_online online = online_now(o);
    alm_lead_time lead = {3, 1};
    alm_order_request request = {
        .ask = {.route = ALM_STR("shop"), .keys = UK, .key_count = 2},
        .terms = {.lead_time = &lead, .lead_time_count = 1, .review = 1, .service = 0.9}};
    alm_order_answer a;
    REFUSED(o->f, ALM_ERR_UNSUPPORTED, "run r2: ",
            alm_order(&online, &request, o->f->arena, &a, &o->f->error));
    request.ask = (alm_online_ask){.route = ALM_STR("shop"), .node = ALM_STR("total")};
    REFUSED(o->f, ALM_ERR_INVALID, "is an aggregate",
            alm_order(&online, &request, o->f->arena, &a, &o->f->error));
}

static void reading_a_node_is_the_store_however_old(void **state)
{
    served_fixture *o = *state;
    o->now += 1000 * DAY_US;
    refresh(o);
    alm_online online = online_now(o);
    alm_online_ask ask = {.route = ALM_STR("shop"), .node = ALM_STR("a|UK"),
                          .release = ALM_STR("demand-1")};
    alm_demand_answer a;
    OK(o->f, alm_node_predictions(&online, &ask, o->f->arena, &a, &o->f->error));
    expect_by(&a, ALM_LADDER_BATCH, ALM_LADDER_WHY_ASKED, "demand-1");
    assert_int_equal(a.label.age_days, 1000);
    assert_int_equal(a.periods, 5);
    assert_true(a.period[4].mean == OLD(5));
    ask.release = ALM_STR("demand-9");
    REFUSED(o->f, ALM_ERR_NOT_FOUND, "demand-9",
            alm_node_predictions(&online, &ask, o->f->arena, &a, &o->f->error));
    /* Without its run there is nothing to read, and no other release stands in. */
    o->schedule.name = ALM_STR("weekly");
    o->deployment[0].schedule = ALM_STR("weekly");
    online_close(o);
    refresh(o);
    online = online_now(o);
    ask.release = ALM_STR("production");
    REFUSED(o->f, ALM_ERR_UNAVAILABLE, "no run of demand-2 on schedule weekly is in force",
            alm_node_predictions(&online, &ask, o->f->arena, &a, &o->f->error));
}

static void before_the_first_refresh_nothing_is_known(void **state)
{
    served_fixture *o = *state;
    online_open(o, 0);
    alm_demand_request request = asking("shop");
    alm_demand_answer a;
    request.ask.route = (alm_str){0};
    REFUSED(o->f, ALM_ERR_UNAVAILABLE, "no route can be served: the stores have not been read yet",
            demand(o, &request, &a));
}

/* ---- threads ---- */

enum { SWAPS = 40 };

typedef struct race {
    served_fixture *o;
    atomic_bool over;
} race;

static uint64_t own_clock(void *context)
{
    return ++*(uint64_t *)context;
}

/* Back and forth between two releases, each of which is the other's previous one or none. */
static alm_err swap_releases(race *r, alm_error *error)
{
    served_fixture *o = r->o;
    for (int i = 0; i < SWAPS; i++) {
        bool changed = false;
        if (i % 2 == 0) {
            online_note(o, ALM_LEDGER_ROLLBACK, "", "production");
        } else {
            online_note(o, ALM_LEDGER_PROMOTE, "demand-2", "production");
        }
        ALM_TRY(alm_committed_refresh(o->committed, o->now, &changed, error));
    }
    atomic_store(&r->over, true);
    return ALM_OK;
}

static alm_err read_on(race *r, size_t worker, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    uint64_t ticks = 0;
    alm_err code = ALM_OK;
    for (bool last = false; code == ALM_OK && !last;) {
        last = atomic_load(&r->over);
        alm_arena_reset(arena);
        alm_epoch_enter(r->o->epoch, worker);
        alm_online online = {.project = &r->o->project, .now = r->o->now,
                             .set = alm_committed_current(r->o->committed),
                             .clock = {own_clock, &ticks}};
        alm_demand_request request = asking("shop");
        alm_demand_answer a;
        code = alm_demand(&online, &request, arena, &a, error);
        if (code == ALM_OK) {
            bool is_new = alm_str_is(a.label.model_version, "demand-2");
            bool is_old = alm_str_is(a.label.model_version, "demand-1");
            bool whole = (is_new && alm_str_is(a.label.run->run_id, "r2") &&
                          a.period[2].mean == NEW(3)) ||
                         (is_old && alm_str_is(a.label.run->run_id, "r1") &&
                          a.period[2].mean == OLD(3));
            code = whole ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "a mixed answer");
        }
        alm_epoch_leave(r->o->epoch, worker);
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err run_race(void *context, size_t task, int worker, alm_error *error)
{
    (void)worker;
    return task == 0 ? swap_releases(context, error) : read_on(context, task - 1, error);
}

static void readers_see_one_release_or_the_other(void **state)
{
    served_fixture *o = *state;
    refresh(o);
    race r = {.o = o};
    alm_pool *pool = NULL;
    OK(o->f, alm_pool_create(3, &pool, &o->f->error));
    OK(o->f, alm_pool_run(pool, 3, run_race, &r, &o->f->error));
    alm_pool_destroy(pool);
    assert_int_equal(alm_epoch_reclaim(o->epoch), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_routes_release_answers),
        TEST(a_named_release_answers_or_nobody),
        TEST(unknown_nodes_and_days_are_the_callers),
        TEST(the_previous_release_stands_in_where_the_route_allows_it),
        TEST(the_rule_goes_by_the_old_run_or_by_sales),
        TEST(without_any_run_sales_are_all_there_is),
        TEST(a_computation_falls_down_the_ladder),
        TEST(a_breaker_skips_a_broken_model),
        TEST(purposes_are_approved_or_refused),
        TEST(limits_hold_on_every_step),
        TEST(days_are_added_up_to_weeks_and_months),
        TEST(a_newer_run_that_is_damaged_is_mentioned),
        TEST(without_stock_there_is_no_risk),
        TEST(without_sample_paths_there_is_no_order),
        TEST(reading_a_node_is_the_store_however_old),
        TEST(readers_see_one_release_or_the_other),
        TEST(before_the_first_refresh_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
