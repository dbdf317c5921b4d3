/* Scenarios against a base: what is the same is the same bit for bit, what differs is the
 * scenario's, and what moves nothing says why. */
#include "serve/answer/whatif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/answer/computation_fixture.h"

enum { SERIES = 5, ON_HAND = 213 }; /* s01|n2, and about the demand of its two weeks */

#define NODE "s01|n2"

static const alm_lead_time LEAD[] = {{2, 1}};
static const alm_lead_time LONG_LEAD[] = {{6, 1}};

static alm_replenish_terms terms_of(const alm_lead_time *lead, double service)
{
    return (alm_replenish_terms){.lead_time = lead, .lead_time_count = 1, .review = 2,
                                 .goal = ALM_SERVICE_CYCLE, .service = service};
}

static alm_whatif_request asking(computing *c, const alm_whatif_case *scenario, size_t count)
{
    return (alm_whatif_request){
        .ask = {.node = ALM_STR(NODE)},
        .base = {.stock = {.has_on_hand = true, .on_hand = ON_HAND}, .has_terms = true,
                 .terms = terms_of(LEAD, 0.9)},
        .scenario = scenario, .scenarios = count, .source = &c->source,
        .breakers = &c->breakers};
}

static alm_whatif_answer answer_to(computing *c, const alm_whatif_request *request)
{
    alm_whatif_answer out;
    alm_online online = computing_online(c);
    served_must(&c->s, alm_whatif(&online, request, c->arena, &out, &c->s.f->error));
    assert_int_equal(c->inside, 0);
    return out;
}

static void refused(computing *c, const alm_whatif_request *request, alm_err code,
                    const char *part)
{
    alm_whatif_answer out;
    alm_online online = computing_online(c);
    alm_error_clear(&c->s.f->error);
    assert_int_equal(alm_whatif(&online, request, c->arena, &out, &c->s.f->error), code);
    if (!strstr(c->s.f->error.message, part)) {
        fail_msg("'%s' is not in '%s'", part, c->s.f->error.message);
    }
    assert_int_equal(c->inside, 0);
}

static void expect_same(const alm_whatif_answer *a, const alm_whatif_outcome *x,
                        const alm_whatif_outcome *y)
{
    size_t days = (size_t)a->days;
    const alm_recomputed *f = &x->computed->forecast;
    const alm_recomputed *g = &y->computed->forecast;
    assert_true(served_same(f, g, a->levels));
    assert_true(same_doubles(x->mean, y->mean, days));
    assert_true(same_doubles(x->quantile, y->quantile, days * a->levels));
    assert_true(same_doubles(x->demand_quantile, y->demand_quantile, a->levels));
    assert_true(same_doubles(&x->demand, &y->demand, 1));
    assert_true(same_doubles(x->by_day, y->by_day, days));
    assert_true(same_doubles(&x->expected_days, &y->expected_days, 1));
    assert_true(same_doubles(&x->shortfall, &y->shortfall, 1));
    assert_memory_equal(&x->advice, &y->advice, sizeof x->advice);
    assert_true(same_doubles(&x->order, &y->order, 1));
}

static void expect_no_effect(const alm_whatif_outcome *o, const char *change, const char *reason)
{
    assert_int_equal(o->no_effects, 1);
    assert_true(alm_str_is(o->no_effect[0].change, change));
    if (!strstr(o->no_effect[0].reason, reason)) {
        fail_msg("'%s' is not in '%s'", reason, o->no_effect[0].reason);
    }
}

static alm_whatif_case with_column(fixture *f, const char *name, alm_date day, double value)
{
    alm_day_value *list = ALM_NEW(f->arena, alm_day_value);
    alm_column_change *column = ALM_NEW(f->arena, alm_column_change);
    *list = (alm_day_value){day, value};
    *column = (alm_column_change){.column = alm_str_of(name), .value = list, .count = 1};
    return (alm_whatif_case){.name = alm_str_of(name), .has_terms = true,
                             .terms = terms_of(LEAD, 0.9),
                             .changes = {.column = column, .column_count = 1}};
}

static void test_a_scenario_that_changes_nothing_is_the_base(void **state)
{
    computing c;
    alm_whatif_case same = {.name = ALM_STR("same"), .has_terms = true,
                            .terms = terms_of(LEAD, 0.9)};
    computing_start(&c, *state, &(served_case){.delay = 0});
    alm_whatif_request request = asking(&c, &same, 1);
    alm_whatif_answer a = answer_to(&c, &request);
    expect_same(&a, &a.base, &a.scenario[0]);
    expect_no_effect(&a.scenario[0], "nothing", "says nothing that is otherwise");
    alm_recomputed is = computing_reference(&c, SERIES);
    assert_true(served_same(&is, &a.base.computed->forecast, a.levels));
    assert_true(same_doubles(a.base.mean, is.mean, is.steps));
    assert_int_equal(a.days, SYNTHETIC_HORIZON);
    assert_int_equal(a.first, served_day(FIRST_DAYS));
    assert_true(alm_str_is(a.node, NODE));
    assert_true(alm_str_is(a.label.model_version, "demand-2") && a.label.is_computed);
    assert_null(a.base.no_risk);
    assert_null(a.base.no_order);
    computing_stop(&c);
}

static void test_a_difference_is_the_scenarios(void **state)
{
    computing c;
    fixture *f = *state;
    alm_date day = served_day(FIRST_DAYS + 5);
    alm_date fair = served_day(FIRST_DAYS + 8);
    computing_start(&c, f, &(served_case){.delay = 0});
    alm_whatif_case list[] = {with_column(f, "event", fair, 1), with_column(f, "open", day, 0),
                              {.name = ALM_STR("twice"), .factor = 2, .has_terms = true,
                               .terms = terms_of(LEAD, 0.9)}};
    alm_whatif_request request = asking(&c, list, 3);
    alm_whatif_answer a = answer_to(&c, &request);
    const alm_whatif_outcome *closed = &a.scenario[1];
    assert_int_equal(a.scenario[0].no_effects, 0);
    assert_false(same_doubles(a.base.mean, a.scenario[0].mean, (size_t)a.days));
    for (int32_t d = 0; d < a.days; d++) {
        assert_true(a.scenario[2].mean[d] == 2 * a.base.mean[d]);
        assert_true(closed->mean[d] == (d == 5 ? 0 : a.base.mean[d]));
    }
    /* Path by path it is the same future: all other days are the base's, bit for bit. */
    const alm_recomputed *p = &a.base.computed->forecast;
    const alm_recomputed *q = &closed->computed->forecast;
    for (size_t s = 0; s < p->path_count; s++) {
        for (size_t h = 0; h < p->steps; h++) {
            assert_true(q->paths[s * q->steps + h] == (h == 5 ? 0 : p->paths[s * p->steps + h]));
        }
    }
    assert_true(closed->shortfall <= a.base.shortfall && a.scenario[2].order >= a.base.order);
    /* And it is the same whatever else is asked for beside it. */
    request.scenario = &list[1];
    request.scenarios = 1;
    alm_whatif_answer alone = answer_to(&c, &request);
    expect_same(&a, closed, &alone.scenario[0]);
    computing_stop(&c);
}

static void test_stock_and_terms_leave_the_demand_alone(void **state)
{
    computing c;
    alm_order_receipt receipt = {1, 50};
    computing_start(&c, *state, &(served_case){.delay = 0});
    alm_whatif_case list[] = {
        {.name = ALM_STR("none"), .stock = {.has_on_hand = true}, .has_terms = true,
         .terms = terms_of(LEAD, 0.9)},
        {.name = ALM_STR("much"), .stock = {.has_receipts = true, .receipt = &receipt,
                                            .receipts = 1},
         .has_terms = true, .terms = terms_of(LEAD, 0.9)},
        {.name = ALM_STR("late"), .has_terms = true, .says_terms = true,
         .terms = terms_of(LONG_LEAD, 0.9)},
        {.name = ALM_STR("sure"), .has_terms = true, .says_terms = true,
         .terms = terms_of(LEAD, 0.999)}};
    alm_whatif_request request = asking(&c, list, 4);
    alm_whatif_answer a = answer_to(&c, &request);
    for (size_t i = 0; i < 4; i++) {
        assert_true(served_same(&a.base.computed->forecast, &a.scenario[i].computed->forecast,
                                a.levels));
        assert_int_equal(a.scenario[i].no_effects, 0);
    }
    assert_true(a.base.probability > 0 && a.base.probability < 1);
    assert_true(a.scenario[0].probability >= a.base.probability);
    assert_true(a.scenario[1].probability < a.base.probability);
    assert_true(a.scenario[1].advice.position == ON_HAND + 50); /* on hand stays the base's */
    assert_true(a.scenario[2].advice.reorder_point > a.base.advice.reorder_point);
    assert_true(a.scenario[3].advice.reorder_point > a.base.advice.reorder_point);
    computing_stop(&c);
}

static void test_what_moves_nothing_says_why(void **state)
{
    computing c;
    fixture *f = *state;
    computing_start(&c, f, &(served_case){.delay = 0});
    alm_date day = served_day(FIRST_DAYS + 5);
    alm_whatif_case list[] = {
        with_column(f, "price", day, 1), with_column(f, "event", day, 0),
        with_column(f, "open", served_day(FIRST_DAYS - 3), 0),
        {.name = ALM_STR("stock"), .has_terms = true, .terms = terms_of(LEAD, 0.9),
         .stock = {.has_on_hand = true, .on_hand = ON_HAND}},
        {.name = ALM_STR("terms"), .has_terms = true, .says_terms = true,
         .terms = terms_of(LEAD, 0.9)},
        {.name = ALM_STR("factor"), .has_terms = true, .terms = terms_of(LEAD, 0.9), .factor = 1}};
    alm_whatif_request request = asking(&c, list, 6);
    alm_whatif_answer a = answer_to(&c, &request);
    expect_no_effect(&a.scenario[0], "price", "only when a day is over");
    expect_no_effect(&a.scenario[1], "event", "known anyway");
    expect_no_effect(&a.scenario[2], "open", "no feature reads as far back");
    expect_no_effect(&a.scenario[3], "stock", "are the same");
    expect_no_effect(&a.scenario[4], "terms", "the advice is the same");
    expect_no_effect(&a.scenario[5], "demand_factor", "the demand is the same");
    for (size_t i = 0; i < 6; i++) {
        expect_same(&a, &a.base, &a.scenario[i]);
    }
    computing_stop(&c);
}

/* A price that every day to come has, and one day of its own. */
static void test_a_value_of_all_days_to_come(void **state)
{
    computing c;
    fixture *f = *state;
    computing_start(&c, f, &(served_case){.delay = 0});
    alm_whatif_case list[] = {with_column(f, "event", served_day(FIRST_DAYS + 5), 0),
                              with_column(f, "event", served_day(FIRST_DAYS), 1)};
    ((alm_column_change *)list[0].changes.column)->has_ahead = true;
    ((alm_column_change *)list[0].changes.column)->ahead = 1;
    alm_day_value all[SYNTHETIC_HORIZON];
    size_t count = 0;
    for (int d = 0; d < SYNTHETIC_HORIZON; d++) {
        if (d != 5) {
            all[count++] = (alm_day_value){served_day(FIRST_DAYS + d), 1};
        }
    }
    ((alm_column_change *)list[1].changes.column)->value = all;
    ((alm_column_change *)list[1].changes.column)->count = count;
    alm_whatif_request request = asking(&c, list, 2);
    alm_whatif_answer a = answer_to(&c, &request);
    assert_int_equal(a.scenario[0].no_effects, 0);
    expect_same(&a, &a.scenario[0], &a.scenario[1]);
    computing_stop(&c);
}

static void test_limits_hold(void **state)
{
    computing c;
    alm_policy_spec policy[] = {{.name = ALM_STR("cap"), .subject = ALM_POLICY_FORECASTS,
                                 .has_max = true, .max = 1},
                                {.name = ALM_STR("few"), .subject = ALM_POLICY_ORDERS,
                                 .has_max = true, .max = 2}};
    alm_whatif_case twice = {.name = ALM_STR("twice"), .factor = 2, .has_terms = true,
                             .terms = terms_of(LEAD, 0.9)};
    computing_start(&c, *state, &(served_case){.delay = 0});
    c.project.policies = policy;
    c.project.policy_count = 2;
    alm_whatif_request request = asking(&c, &twice, 1);
    request.base.stock.on_hand = 0;
    alm_whatif_answer a = answer_to(&c, &request);
    assert_true(a.base.clamped > 0 && a.label.outcome.clamped > a.base.clamped);
    for (int32_t d = 0; d < a.days; d++) {
        assert_true(a.base.mean[d] <= 1 && a.scenario[0].quantile[4 * a.days + d] <= 1);
    }
    assert_true(a.base.demand_quantile[4] <= a.days);
    assert_true(a.base.order == 2 && alm_str_is(a.base.limited_by, "few"));
    /* By policy: days of base and scenario, and the orders of both. */
    assert_int_equal(a.label.limited_count, 2);
    assert_true(alm_str_is(a.label.limited[0].policy, "cap"));
    assert_int_equal(a.label.limited[0].numbers, a.label.outcome.clamped);
    assert_true(alm_str_is(a.label.limited[1].policy, "few"));
    assert_int_equal(a.label.limited[1].numbers,
                     (a.base.limited_by.size > 0) + (a.scenario[0].limited_by.size > 0));
    computing_stop(&c);
}

static void test_without_stock_or_terms_there_is_demand(void **state)
{
    computing c;
    alm_whatif_case more = {.name = ALM_STR("more"), .factor = 1.5};
    computing_start(&c, *state, &(served_case){.own_aggregates = true});
    alm_whatif_request request = asking(&c, &more, 1);
    request.base.stock.has_on_hand = false;
    request.horizon = 3;
    alm_whatif_answer a = answer_to(&c, &request);
    assert_non_null(strstr(a.base.no_risk, "no stock position of this series: say on_hand"));
    assert_string_equal(a.base.no_order, a.base.no_risk);
    assert_non_null(strstr(a.scenario[0].no_order, "say lead_time_days"));
    assert_int_equal(a.days, 3);
    assert_true(a.base.demand == a.base.mean[0] + a.base.mean[1] + a.base.mean[2]);
    assert_true(a.base.computed->forecast.not_reconciled);
    computing_stop(&c);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    computing c;
    fixture *f = *state;
    computing_start(&c, f, &(served_case){.delay = 0});
    alm_whatif_case list[] = {with_column(f, "event", served_day(FIRST_DAYS), 1),
                              with_column(f, "promo", served_day(FIRST_DAYS), 1)};
    alm_whatif_request request = asking(&c, list, 2);
    refused(&c, &request, ALM_ERR_INVALID, "scenario 2 (promo): the project has no column 'promo'");
    list[1] = (alm_whatif_case){.name = ALM_STR("far"), .has_terms = true,
                                .terms = terms_of(LEAD, 0.9)};
    list[1].terms.review = 60;
    refused(&c, &request, ALM_ERR_INCOMPLETE, "scenario 2 (far)");
    request.scenarios = 1;
    request.horizon = SYNTHETIC_HORIZON + 1;
    refused(&c, &request, ALM_ERR_INVALID, "14 days are computed");
    request.horizon = 0;
    request.scenarios = ALM_WHATIF_SCENARIOS_MAX + 1;
    refused(&c, &request, ALM_ERR_LIMIT, "1 to 32 can be asked for");
    request.scenarios = 1;
    request.purpose = ALM_STR("resale");
    refused(&c, &request, ALM_ERR_DENIED, "not approved");
    request.purpose = ALM_STR("markdown"); /* the route's */
    (void)answer_to(&c, &request);
    request.ask.node = ALM_STR("total");
    refused(&c, &request, ALM_ERR_INVALID, "a computation is of one series, which 'total' is not");
    request.ask.node = ALM_STR("s01|nowhere");
    refused(&c, &request, ALM_ERR_NOT_FOUND, "there is no series 's01|nowhere'");
    request.ask.node = ALM_STR(NODE);
    request.source = NULL;
    refused(&c, &request, ALM_ERR_UNAVAILABLE, "nothing is computed here");
    computing_stop(&c);
}

static void test_the_previous_release_stands_in(void **state)
{
    computing c;
    alm_whatif_case same = {.name = ALM_STR("same")};
    computing_start(&c, *state, &(served_case){.delay = 0});
    alm_whatif_request request = asking(&c, &same, 1);
    c.missing[0] = true;
    alm_whatif_answer a = answer_to(&c, &request);
    assert_int_equal(a.label.outcome.by, ALM_LADDER_PREVIOUS);
    assert_true(alm_str_is(a.label.model_version, "demand-1") && a.label.is_degraded);
    c.missing[1] = true;
    refused(&c, &request, ALM_ERR_UNAVAILABLE, "told to be missing");
    c.missing[0] = false;
    c.deployment.previous = false;
    /* Its time is over before the second variant is computed. */
    same.factor = 2;
    c.tick_ns = 40000000;
    refused(&c, &request, ALM_ERR_UNAVAILABLE, "model: too_late, 1 of 2 variants");
    computing_stop(&c);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_a_scenario_that_changes_nothing_is_the_base),
        ON(test_a_difference_is_the_scenarios),
        ON(test_stock_and_terms_leave_the_demand_alone),
        ON(test_what_moves_nothing_says_why),
        ON(test_a_value_of_all_days_to_come),
        ON(test_limits_hold),
        ON(test_without_stock_or_terms_there_is_demand),
        ON(test_what_makes_no_sense_is_refused),
        ON(test_the_previous_release_stands_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
