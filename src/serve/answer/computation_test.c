/* Computations on the ladder: what they give, for whom, and what answers when a step breaks. */
#include "serve/answer/computation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/answer/computation_fixture.h"
#include "serve/answer/order_answer.h"
#include "serve/answer/path_sums.h"
#include "serve/answer/stockout_answer.h"

enum { SERIES = 5 }; /* s01|n2 */

static const char *const APPROVED[] = {"what_if"};

typedef struct ask_for {
    alm_online online;
    alm_online_ask ask;
    alm_variant variant;
    alm_computation_request request;
    alm_computation *computation;
} ask_for;

static void ask_of(computing *c, const char *node, ask_for *out)
{
    *out = (ask_for){.online = computing_online(c), .ask = {.node = alm_str_of(node)}};
    out->request = (alm_computation_request){
        .online = &out->online, .ask = &out->ask, .purpose = ALM_STR("what_if"),
        .approved = APPROVED, .approved_count = 1, .variant = &out->variant, .variants = 1,
        .source = &c->source, .breakers = &c->breakers};
}

static alm_err begin(computing *c, ask_for *a)
{
    alm_error_clear(&c->s.f->error);
    return alm_computation_begin(&a->request, c->arena, &a->computation, &c->s.f->error);
}

static void refused(computing *c, alm_err code, alm_err expected, const char *part)
{
    assert_int_equal(code, expected);
    if (!strstr(c->s.f->error.message, part)) {
        fail_msg("'%s' is not in '%s'", part, c->s.f->error.message);
    }
    assert_int_equal(c->inside, 0);
}

static alm_err demand(computing *c, ask_for *a, alm_granularity granularity,
                      alm_demand_answer *out)
{
    ALM_TRY(begin(c, a));
    alm_demand_request request = {.ask = a->ask, .from = a->computation->first,
                                  .horizon = a->computation->steps, .granularity = granularity,
                                  .model = &a->computation->current.model,
                                  .previous = &a->computation->previous.model};
    if (a->computation->steps == 0) {
        request.from = served_day(FIRST_DAYS);
        request.horizon = SYNTHETIC_HORIZON;
    }
    return alm_demand(&a->online, &request, c->arena, out, &c->s.f->error);
}

static alm_demand_answer answer_to(computing *c, ask_for *a, alm_granularity granularity)
{
    alm_demand_answer out;
    served_must(&c->s, demand(c, a, granularity, &out));
    assert_int_equal(c->inside, 0);
    return out;
}

/* ---- demand ---- */

static void test_demand_is_what_is_recomputed(void **state)
{
    computing c;
    ask_for a;
    computing_start(&c, *state, &(served_case){.delay = 1});
    ask_of(&c, "s01|n2", &a);
    alm_recomputed is = computing_reference(&c, SERIES);
    alm_demand_answer d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_int_equal(d.label.outcome.by, ALM_LADDER_MODEL);
    assert_true(d.label.is_computed && !d.label.is_degraded && !d.label.run);
    assert_true(alm_str_is(d.label.model_version, "demand-2") && d.label.age_days == 0);
    assert_true(alm_str_is(d.node, "s01|n2"));
    assert_int_equal(d.periods, is.steps);
    for (size_t h = 0; h < is.steps; h++) {
        assert_int_equal(d.period[h].first, served_day(FIRST_DAYS + (int)h));
        assert_true(same_doubles(&d.period[h].mean, &is.mean[h], 1));
        for (size_t q = 0; q < d.quantiles; q++) {
            assert_true(same_doubles(&d.period[h].quantile[q], &is.quantile[q * is.steps + h], 1));
        }
    }
    assert_true(d.low_level == .05 && d.high_level == .95);
    computing_stop(&c);
}

/* Quantiles of a week come from the joint paths, since they are at hand. */
static void test_weeks_have_quantiles(void **state)
{
    computing c;
    ask_for a;
    alm_limits none = alm_policies_limits(&(alm_policies){.count = 0}, ALM_POLICY_FORECASTS,
                                          ALM_STR("s01|n2"), ALM_STR("series"));
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    alm_recomputed is = computing_reference(&c, SERIES);
    alm_demand_answer d = answer_to(&c, &a, ALM_GRANULARITY_WEEK);
    alm_path_sums sums = {.values = is.paths, .paths = is.path_count, .steps = is.steps,
                          .limits = &none, .level = c.s.bundle->method.quantile, .levels = 5};
    assert_true(d.has_sums && d.periods >= 2);
    size_t from = 0;
    for (size_t i = 0; i < d.periods; i++) {
        double expected[5];
        size_t to = from + (size_t)d.period[i].days - 1;
        alm_path_sum_quantiles(&sums, from, to, c.arena, expected);
        assert_true(same_doubles(d.period[i].quantile, expected, 5));
        assert_true(d.period[i].low == expected[0] && d.period[i].high == expected[4]);
        from = to + 1;
    }
    computing_stop(&c);
}

static void test_limits_clamp_what_is_computed(void **state)
{
    computing c;
    ask_for a;
    alm_policy_spec cap = {.name = ALM_STR("cap"), .subject = ALM_POLICY_BOTH, .has_max = true,
                           .max = 3};
    computing_start(&c, *state, &(served_case){.delay = 0});
    c.project.policies = &cap;
    c.project.policy_count = 1;
    ask_of(&c, "s01|n2", &a);
    alm_demand_answer d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_true(d.label.outcome.clamped > 0);
    assert_int_equal(d.label.limited_count, 1);
    assert_true(alm_str_is(d.label.limited[0].policy, "cap"));
    assert_int_equal(d.label.limited[0].numbers, d.label.outcome.clamped);
    for (size_t i = 0; i < d.periods; i++) {
        assert_true(d.period[i].mean <= 3 && d.period[i].quantile[4] <= 3);
        assert_true(d.period[i].mean == d.period[i].mean_before ||
                    alm_str_is(d.period[i].limited_by, "cap"));
    }
    d = answer_to(&c, &a, ALM_GRANULARITY_WEEK);
    for (size_t i = 0; i < d.periods; i++) {
        assert_true(d.period[i].quantile[4] <= 3 * d.period[i].days);
    }
    computing_stop(&c);
}

/* ---- who may ---- */

static void test_purposes(void **state)
{
    computing c;
    ask_for a;
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    a.request.purpose = (alm_str){0};
    refused(&c, begin(&c, &a), ALM_ERR_INVALID, "needs a purpose");
    a.request.purpose = ALM_STR("stockout_check"); /* another endpoint's */
    refused(&c, begin(&c, &a), ALM_ERR_DENIED, "not approved for route shop");
    a.request.purpose = ALM_STR("markdown"); /* the route's */
    assert_int_equal(begin(&c, &a), ALM_OK);
    computing_stop(&c);
}

static void test_which_series(void **state)
{
    computing c;
    ask_for a;
    alm_demand_answer d;
    static const alm_str KEYS[] = {{"s01", 3}, {"n2", 2}};
    computing_start(&c, *state, &(served_case){.delay = 0});
    static const char *const NODES[] = {"north", "s01|n2|x"};
    for (size_t i = 0; i < 2; i++) {
        ask_of(&c, NODES[i], &a);
        refused(&c, begin(&c, &a), ALM_ERR_INVALID, "a computation is of one series");
    }
    ask_of(&c, "s01|n2", &a);
    a.ask.level = ALM_STR("store");
    refused(&c, begin(&c, &a), ALM_ERR_INVALID, "aggregates have the forecasts");
    ask_of(&c, "s01|w9", &a);
    refused(&c, demand(&c, &a, ALM_GRANULARITY_DAY, &d), ALM_ERR_NOT_FOUND, "s01|w9");
    ask_of(&c, "", &a);
    a.ask.keys = KEYS;
    a.ask.key_count = 2;
    d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_true(alm_str_is(d.node, "s01|n2"));
    computing_stop(&c);
}

/* ---- the ladder ---- */

static void expect_miss(const alm_demand_answer *d, size_t i, alm_ladder_why why,
                        const char *detail)
{
    assert_true(i < d->label.outcome.misses);
    assert_int_equal(d->label.outcome.miss[i].why, why);
    if (!strstr(d->label.outcome.miss[i].detail, detail)) {
        fail_msg("'%s' is not in '%s'", detail, d->label.outcome.miss[i].detail);
    }
}

static void test_the_previous_model_answers_when_a_line_is_missing(void **state)
{
    computing c;
    ask_for a;
    alm_demand_answer d;
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    c.missing[0] = true;
    d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_int_equal(d.label.outcome.by, ALM_LADDER_PREVIOUS);
    assert_true(d.label.is_computed && d.label.is_degraded);
    assert_true(alm_str_is(d.label.model_version, "demand-1"));
    expect_miss(&d, 0, ALM_LADDER_WHY_ABSENT, "told to be missing");
    c.deployment.previous = false;
    refused(&c, demand(&c, &a, ALM_GRANULARITY_DAY, &d), ALM_ERR_UNAVAILABLE,
            "previous: not_allowed");
    computing_stop(&c);
}

/* Below the models come the committed run, which is not there, and the rule, which is. */
static void test_a_rule_answers_below_the_models(void **state)
{
    computing c;
    ask_for a;
    const double sold[] = {1, 2, 3, 4, 5, 6, 7};
    alm_rule_history history = {sold, 7, served_day(FIRST_DAYS - 1)};
    computing_start(&c, *state, &(served_case){.delay = 0});
    c.deployment.rule = ALM_RULE_SEASONAL_NAIVE;
    c.missing[0] = c.missing[1] = true;
    ask_of(&c, "s01|n2", &a);
    assert_int_equal(begin(&c, &a), ALM_OK);
    assert_int_equal(a.computation->steps, 0);
    alm_demand_answer d;
    alm_demand_request request = {.ask = a.ask, .from = served_day(FIRST_DAYS), .horizon = 7,
                                  .model = &a.computation->current.model,
                                  .previous = &a.computation->previous.model,
                                  .history = &history};
    served_must(&c.s, alm_demand(&a.online, &request, c.arena, &d, &c.s.f->error));
    assert_int_equal(d.label.outcome.by, ALM_LADDER_RULE);
    assert_true(!d.label.is_computed && d.label.is_degraded && !d.quantile);
    assert_true(d.period[3].mean == 4);
    expect_miss(&d, 2, ALM_LADDER_WHY_ABSENT, "no run is in force");
    assert_null(alm_computation_answered(a.computation, &d.label.outcome));
    computing_stop(&c);
}

static void test_a_model_that_breaks_opens_its_breaker(void **state)
{
    computing c;
    ask_for a;
    alm_demand_answer d;
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    double sound = c.s.bundle->method.base_score[0];
    c.s.bundle->method.base_score[0] = (double)INFINITY; /* no forecast is finite */
    for (int i = 0; i < 5; i++) {
        alm_err code = demand(&c, &a, ALM_GRANULARITY_DAY, &d);
        refused(&c, code, ALM_ERR_UNAVAILABLE, "model: failed");
    }
    size_t visits = c.visits;
    refused(&c, demand(&c, &a, ALM_GRANULARITY_DAY, &d), ALM_ERR_UNAVAILABLE,
            "model: breaker_open");
    assert_int_equal(c.visits, visits + 1); /* only to look which days there are */
    c.s.bundle->method.base_score[0] = sound;
    c.clock_ns += UINT64_C(6000000000);
    d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_int_equal(d.label.outcome.by, ALM_LADDER_MODEL);
    computing_stop(&c);
}

/* A young series has a level that is borrowed from others, which only a run can do. */
static void test_a_young_series_is_not_computed(void **state)
{
    computing c;
    ask_for a;
    alm_demand_answer d;
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s00|n1", &a); /* SYNTHETIC_NEW */
    refused(&c, demand(&c, &a, ALM_GRANULARITY_DAY, &d), ALM_ERR_UNAVAILABLE,
            "model: not_there");
    assert_int_equal(alm_breaker_state_of(&c.breakers.current), ALM_BREAKER_CLOSED);
    computing_stop(&c);
}

static void test_what_is_wrong_with_the_inputs_is_the_callers(void **state)
{
    computing c;
    ask_for a;
    alm_demand_answer d;
    alm_day_value sale = {served_day(FIRST_DAYS - 1), -1};
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    a.variant.changes = (alm_changes){.sales = &sale, .sales_count = 1};
    refused(&c, demand(&c, &a, ALM_GRANULARITY_DAY, &d), ALM_ERR_INVALID, "not below 0");
    sale = (alm_day_value){served_day(FIRST_DAYS + 1), 4}; /* two days on: the days move with it */
    d = answer_to(&c, &a, ALM_GRANULARITY_DAY);
    assert_int_equal(d.period[0].first, served_day(FIRST_DAYS + 2));
    assert_int_equal(d.periods, SYNTHETIC_HORIZON);
    assert_int_equal(a.computation->current.result[0].extended, 1);
    alm_demand_request request = {.ask = a.ask, .from = served_day(FIRST_DAYS), .horizon = 1,
                                  .model = &a.computation->current.model,
                                  .previous = &a.computation->previous.model};
    refused(&c, alm_demand(&a.online, &request, c.arena, &d, &c.s.f->error), ALM_ERR_INVALID,
            "what is computed has the days 2023-06-09 to 2023-06-22");
    computing_stop(&c);
}

/* ---- risk and orders ---- */

static void test_risk_is_counted_on_the_computed_paths(void **state)
{
    computing c;
    ask_for a;
    alm_stockout_answer out;
    alm_order_receipt receipt = {3, 20};
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    alm_forest_scratch *scratch = NULL;
    served_must(&c.s, alm_forest_scratch_create(c.s.bundle->models[0].explainer, &scratch,
                                                &c.s.f->error));
    c.workspace.forest = &scratch;
    a.request.explain = true;
    assert_int_equal(begin(&c, &a), ALM_OK);
    alm_stockout_request request = {.ask = a.ask, .horizon = 10, .computation = a.computation};
    refused(&c, alm_stockout(&a.online, &request, c.arena, &out, &c.s.f->error), ALM_ERR_INVALID,
            "no stock position of this series: say on_hand");
    request.stock = (alm_stock_given){.has_on_hand = true, .on_hand = 120, .has_receipts = true,
                                      .receipt = &receipt, .receipts = 1};
    served_must(&c.s, alm_stockout(&a.online, &request, c.arena, &out, &c.s.f->error));
    alm_recomputed is = computing_reference(&c, SERIES);
    for (int32_t day = 1; day <= out.days; day++) {
        size_t short_of = 0;
        for (size_t s = 0; s < is.path_count; s++) {
            double left = 120;
            bool ran_out = false;
            for (int32_t h = 0; h < day; h++) {
                left += (h == 2 ? 20 : 0) - is.paths[s * is.steps + (size_t)h];
                ran_out = ran_out || left < 0;
            }
            short_of += ran_out;
        }
        assert_true(out.by_day[day - 1] == (double)short_of / (double)is.path_count);
    }
    double sum = 0;
    for (size_t i = 0; i < out.drivers; i++) {
        sum += out.driver[i].contribution;
    }
    assert_true(out.drivers > 1 && fabs(sum - out.demand) < 1e-9 * out.demand); /* rounding */
    assert_true(out.label.is_computed && out.steps == SYNTHETIC_HORIZON && out.days == 10);
    request.horizon = 15;
    refused(&c, alm_stockout(&a.online, &request, c.arena, &out, &c.s.f->error), ALM_ERR_INVALID,
            "there are 14 days");
    alm_forest_scratch_destroy(scratch);
    computing_stop(&c);
}

static void test_an_order_is_advised_on_the_computed_paths(void **state)
{
    computing c;
    ask_for a;
    alm_order_answer out;
    const alm_lead_time lead = {2, 1};
    computing_start(&c, *state, &(served_case){.delay = 0});
    ask_of(&c, "s01|n2", &a);
    assert_int_equal(begin(&c, &a), ALM_OK);
    alm_order_request request = {.ask = a.ask, .computation = a.computation,
                                 .terms = {.lead_time = &lead, .lead_time_count = 1, .review = 3,
                                           .goal = ALM_SERVICE_CYCLE, .service = .9},
                                 .stock = {.has_on_hand = true, .on_hand = 2}};
    served_must(&c.s, alm_order(&a.online, &request, c.arena, &out, &c.s.f->error));
    alm_recomputed is = computing_reference(&c, SERIES);
    alm_demand_paths paths = {.values = is.paths, .paths = is.path_count, .steps = is.steps};
    alm_stock_position stock = {2, NULL};
    alm_replenish_terms terms = request.terms;
    alm_replenish_advice advice;
    terms.rules.multiple = 1; /* it is counted */
    served_must(&c.s, alm_replenish(&paths, &stock, &terms, c.arena, &advice, &c.s.f->error));
    assert_true(out.order == advice.order && advice.order > 0);
    assert_true(out.advice.reorder_point == advice.reorder_point);
    assert_true(out.first == served_day(FIRST_DAYS) && out.label.is_computed);
    c.missing[0] = c.missing[1] = true;
    assert_int_equal(begin(&c, &a), ALM_OK);
    request.computation = a.computation;
    refused(&c, alm_order(&a.online, &request, c.arena, &out, &c.s.f->error), ALM_ERR_UNAVAILABLE,
            "batch: not_there");
    computing_stop(&c);
}

/* What was looked at is noted, by whoever looked last; what moved between two looks is not one
 * state. */
static void test_the_state_that_was_looked_at(void **state)
{
    computing c;
    ask_for a, moved, missing;
    alm_error *error = &((fixture *)*state)->error;
    computing_start(&c, *state, &(served_case){.delay = 0});
    alm_online_state_mark(c.s.online, 17);
    served_must(&c.s, alm_online_state_publish(c.s.online, error));
    ask_of(&c, "s01|n2", &a);
    served_must(&c.s, begin(&c, &a));
    const alm_computation_state *seen = &a.computation->current.seen;
    assert_true(alm_str_is(seen->run_id, "run-0"));
    assert_int_equal(seen->end, fixture_date(SYNTHETIC_END) - TOLD_DAYS);
    assert_int_equal(seen->events, 17);
    assert_true(alm_digest_equal(&seen->bundle, &c.s.bundle->hash));
    assert_int_equal(a.computation->previous.seen.run_id.size, 0); /* nobody looked */
    alm_online_state_mark(c.s.online, 18);
    served_must(&c.s, alm_online_state_publish(c.s.online, error));
    assert_int_equal(alm_computation_step(&a.computation->current, UINT64_MAX, error),
                     ALM_STEP_ANSWERED);
    assert_true(alm_str_is(seen->run_id, "run-0"));
    assert_int_equal(seen->events, 18);
    /* A line that is opened between two looks. */
    c.missing[0] = true;
    ask_of(&c, "s01|n2", &missing);
    served_must(&c.s, begin(&c, &missing));
    c.missing[0] = false;
    assert_int_equal(alm_computation_step(&missing.computation->current, UINT64_MAX, error),
                     ALM_STEP_ANSWERED);
    assert_int_equal(missing.computation->current.seen.run_id.size, 0);
    /* A day that ends between them. */
    ask_of(&c, "s01|n2", &moved);
    served_must(&c.s, begin(&c, &moved));
    assert_true(moved.computation->current.seen.run_id.size > 0);
    served_must(&c.s, alm_online_state_advance(c.s.online, fixture_date(SYNTHETIC_END),
                                               error));
    assert_int_equal(alm_computation_step(&moved.computation->current, UINT64_MAX, error),
                     ALM_STEP_ANSWERED);
    assert_int_equal(moved.computation->current.seen.run_id.size, 0);
    computing_stop(&c);
}

#define ON(test) cmocka_unit_test_setup_teardown(test, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_demand_is_what_is_recomputed),
        ON(test_weeks_have_quantiles),
        ON(test_limits_clamp_what_is_computed),
        ON(test_purposes),
        ON(test_which_series),
        ON(test_the_previous_model_answers_when_a_line_is_missing),
        ON(test_a_rule_answers_below_the_models),
        ON(test_a_model_that_breaks_opens_its_breaker),
        ON(test_a_young_series_is_not_computed),
        ON(test_what_is_wrong_with_the_inputs_is_the_callers),
        ON(test_risk_is_counted_on_the_computed_paths),
        ON(test_an_order_is_advised_on_the_computed_paths),
        ON(test_the_state_that_was_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
