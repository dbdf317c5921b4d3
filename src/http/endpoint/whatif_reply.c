#include "http/endpoint/whatif_reply.h"

#include <math.h>

#include "http/endpoint/order_terms.h"

#define ADVICE "computed, not done: nothing is ordered, priced or planned by asking"

/* ---- schema ---- */

static const alm_schema numbers = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_number};
static const alm_schema quantiles = {.kind = ALM_SCHEMA_MAP, .items = &alm_schema_number};

static const alm_schema_member day_members[] = {
    {"timestamp", &alm_schema_date, true, "The day."},
    {"value", &alm_schema_number, true, "Expected demand."},
    {"quantiles", &quantiles, true, "By level."},
};
static const alm_schema day = {.name = "ScenarioDay", .doc = "Demand of one day.",
                               .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(day_members)};
static const alm_schema days = {.kind = ALM_SCHEMA_ARRAY, .items = &day};

static const alm_schema_member risk_members[] = {
    {"probability", &alm_schema_number, true, "Of running out by the end of the last day."},
    {"severity", &almi_schema_severity, true, "As of the stock-out endpoint."},
    {"expected_days", &alm_schema_number, true, "Until it runs out, at most the days computed."},
    {"expected_shortfall", &alm_schema_number, true, "Units not served by the last day."},
    {"probability_by_day", &numbers, true, "Of running out by the end of each day."},
};
static const alm_schema risk = {.name = "ScenarioRisk", .doc = "Stock-out risk.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(risk_members),
                                .is_nullable = true};

static const alm_schema_member order_members[] = {
    {"order", &alm_schema_number, true, "Units to order now, within the project's limits."},
    {"because", &alm_schema_string, true, "What made it that quantity."},
    {"limited", &almi_schema_text, true, "The policy that changed it; null: none."},
    {"reorder_point", &alm_schema_number, true, "Order at or below this position."},
    {"safety_stock", &alm_schema_number, true, "Above the expected demand."},
    {"order_up_to", &alm_schema_number, true, "The level to order up to."},
    {"position", &alm_schema_number, true, "On hand and on order."},
    {"expected_demand", &alm_schema_number, true, "Over lead time and review."},
    {"stockout_with_order", &alm_schema_number, true, "Probability over lead time and review."},
    {"stockout_without_order", &alm_schema_number, true, "The same without the order."},
};
static const alm_schema order = {.name = "ScenarioOrder", .doc = "Advice for an order.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(order_members),
                                 .is_nullable = true};

static const alm_schema_member difference_members[] = {
    {"demand", &alm_schema_number, true, "Of the expected demand over the days."},
    {"demand_by_day", &numbers, true, "Of each day."},
    {"stockout_probability", &almi_schema_number, true, "Null: one of them has no risk."},
    {"expected_shortfall", &almi_schema_number, true, "The same."},
    {"expected_days", &almi_schema_number, true, "The same."},
    {"order", &almi_schema_number, true, "Null: one of them has no advice."},
    {"reorder_point", &almi_schema_number, true, "The same."},
};
static const alm_schema difference = {.name = "ScenarioDifference",
                                      .doc = "The scenario less the base, on the same paths.",
                                      .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(difference_members)};

static const alm_schema_member effect_members[] = {
    {"change", &alm_schema_string, true, "A column, demand_factor, stock, terms, or nothing."},
    {"reason", &alm_schema_string, true, "Why it moves nothing."},
};
static const alm_schema effect = {.name = "NoEffect", .doc = "A change that moves nothing.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(effect_members)};
static const alm_schema effects = {.kind = ALM_SCHEMA_ARRAY, .items = &effect};

#define OUTCOME_MEMBERS                                                                           \
    {"demand", &alm_schema_number, true, "Expected over the days."},                              \
    {"demand_quantiles", &quantiles, true, "Of the sum over the days, from the sample paths."},   \
    {"predictions", &days, true, "By day."},                                                      \
    {"clamped", &alm_schema_integer, true, "Days whose mean a policy changed."},                  \
    {"stockout", &risk, true, "Null: `no_stockout` says why."},                                   \
    {"no_stockout", &almi_schema_text, true, "Why there is no risk."},                            \
    {"order", &order, true, "Null: `no_order` says why."},                                        \
    {"no_order", &almi_schema_text, true, "Why there is no advice."}

static const alm_schema_member base_members[] = {OUTCOME_MEMBERS};
static const alm_schema base = {.name = "WhatIfBase", .doc = "What the scenarios are compared to.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(base_members)};
static const alm_schema_member scenario_members[] = {
    {"name", &alm_schema_string, true, "As it was asked for."},
    OUTCOME_MEMBERS,
    {"difference", &difference, true, "To the base."},
    {"no_effect", &effects, true, "What was changed and moves nothing, with the reason."},
};
static const alm_schema scenario = {.name = "WhatIfScenario", .doc = "What would be.",
                                    .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(scenario_members)};
static const alm_schema scenarios = {.kind = ALM_SCHEMA_ARRAY, .items = &scenario};

static const alm_schema_member members[] = {
    {"node", &alm_schema_string, true, "The series."},
    {"level", &alm_schema_string, true, "`series`."},
    {"first", &alm_schema_date, true, "First day; day 1 of receipts."},
    {"last", &alm_schema_date, true, "Last day that is told."},
    {"days", &alm_schema_integer, true, "Number of days."},
    {"advice", &alm_schema_string, true, "That this is advice, never an action."},
    {"paths", &alm_schema_integer, true, "Sample paths, of which number n has the same random "
                                         "numbers in the base and in every scenario."},
    {"base", &base, true, "Without the scenarios."},
    {"scenarios", &scenarios, true, "In the order of the request."},
    ALMI_COMPUTED_MEMBERS,
    ALMI_LABEL_MEMBERS,
};
const alm_schema almi_schema_whatif = {.name = "WhatIf", .doc = "Scenarios against a base.",
                                       .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

/* ---- JSON ---- */

/* levels x stride, of one day; or of sums with a stride of 1. */
static void put_quantiles(const char *key, const alm_whatif_answer *answer, const double *value,
                          size_t stride, alm_json_writer *json)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    for (size_t q = 0; q < answer->levels; q++) {
        char level[32];
        alm_double_text(answer->level[q], level);
        alm_json_put_double(json, level, value[q * stride]);
    }
    alm_json_close_object(json);
}

static void put_days(const alm_whatif_answer *answer, const alm_whatif_outcome *o,
                     alm_json_writer *json)
{
    alm_json_key(json, "predictions");
    alm_json_open_array(json);
    for (int32_t d = 0; d < answer->days; d++) {
        alm_json_open_object(json);
        almi_answer_put_date(json, "timestamp", answer->first + d);
        alm_json_put_double(json, "value", o->mean[d]);
        put_quantiles("quantiles", answer, o->quantile + d, (size_t)answer->days, json);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_risk(const alm_whatif_answer *answer, const alm_whatif_outcome *o,
                     alm_json_writer *json)
{
    alm_json_key(json, "stockout");
    if (o->no_risk) {
        alm_json_null(json);
    } else {
        alm_json_open_object(json);
        alm_json_put_double(json, "probability", o->probability);
        alm_json_put_text(json, "severity", alm_severity_text(o->severity));
        alm_json_put_double(json, "expected_days", o->expected_days);
        alm_json_put_double(json, "expected_shortfall", o->shortfall);
        alm_json_put_doubles(json, "probability_by_day", o->by_day, (size_t)answer->days);
        alm_json_close_object(json);
    }
    almi_answer_put_text(json, "no_stockout", alm_str_of(o->no_risk));
}

static void put_order(const alm_whatif_outcome *o, alm_json_writer *json)
{
    const alm_replenish_advice *a = &o->advice;
    alm_json_key(json, "order");
    if (o->no_order) {
        alm_json_null(json);
    } else {
        alm_json_open_object(json);
        almi_order_put_advice(a, o->order, o->limited_by, json);
        alm_json_put_double(json, "position", a->position);
        alm_json_put_double(json, "expected_demand", a->expected_demand);
        alm_json_put_double(json, "stockout_with_order", a->with.stockout_probability);
        alm_json_put_double(json, "stockout_without_order", a->without.stockout_probability);
        alm_json_close_object(json);
    }
    almi_answer_put_text(json, "no_order", alm_str_of(o->no_order));
}

static void put_outcome(const alm_whatif_answer *answer, const alm_whatif_outcome *o,
                        alm_json_writer *json)
{
    alm_json_put_double(json, "demand", o->demand);
    put_quantiles("demand_quantiles", answer, o->demand_quantile, 1, json);
    put_days(answer, o, json);
    alm_json_put_i64(json, "clamped", (int64_t)o->clamped);
    put_risk(answer, o, json);
    put_order(o, json);
}

static double less(bool known, double a, double b)
{
    return known ? a - b : (double)NAN; /* written as null */
}

static void put_difference(const alm_whatif_answer *answer, const alm_whatif_outcome *o,
                           alm_json_writer *json)
{
    const alm_whatif_outcome *b = &answer->base;
    bool has_risk = !o->no_risk && !b->no_risk;
    bool has_order = !o->no_order && !b->no_order;
    alm_json_key(json, "difference");
    alm_json_open_object(json);
    alm_json_put_double(json, "demand", o->demand - b->demand);
    alm_json_key(json, "demand_by_day");
    alm_json_open_array(json);
    for (int32_t d = 0; d < answer->days; d++) {
        alm_json_double(json, o->mean[d] - b->mean[d]);
    }
    alm_json_close_array(json);
    alm_json_put_double(json, "stockout_probability",
                        less(has_risk, o->probability, b->probability));
    alm_json_put_double(json, "expected_shortfall", less(has_risk, o->shortfall, b->shortfall));
    alm_json_put_double(json, "expected_days", less(has_risk, o->expected_days, b->expected_days));
    alm_json_put_double(json, "order", less(has_order, o->order, b->order));
    alm_json_put_double(json, "reorder_point",
                        less(has_order, o->advice.reorder_point, b->advice.reorder_point));
    alm_json_close_object(json);
}

static void put_no_effect(const alm_whatif_outcome *o, alm_json_writer *json)
{
    alm_json_key(json, "no_effect");
    alm_json_open_array(json);
    for (size_t i = 0; i < o->no_effects; i++) {
        alm_json_open_object(json);
        alm_json_put_str(json, "change", o->no_effect[i].change);
        alm_json_put_text(json, "reason", o->no_effect[i].reason);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

void almi_whatif_reply(const alm_whatif_request *request, const alm_whatif_answer *answer,
                       alm_reply *reply)
{
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_put_str(&json, "node", answer->node);
    alm_json_put_text(&json, "level", "series");
    almi_answer_put_date(&json, "first", answer->first);
    almi_answer_put_date(&json, "last", answer->first + answer->days - 1);
    alm_json_put_i64(&json, "days", answer->days);
    alm_json_put_text(&json, "advice", ADVICE);
    alm_json_put_i64(&json, "paths", (int64_t)answer->base.computed->forecast.path_count);
    alm_json_key(&json, "base");
    alm_json_open_object(&json);
    put_outcome(answer, &answer->base, &json);
    alm_json_close_object(&json);
    alm_json_key(&json, "scenarios");
    alm_json_open_array(&json);
    for (size_t i = 0; i < answer->scenarios; i++) {
        const alm_whatif_outcome *o = &answer->scenario[i];
        alm_json_open_object(&json);
        alm_json_put_str(&json, "name", o->name);
        put_outcome(answer, o, &json);
        put_difference(answer, o, &json);
        put_no_effect(o, &json);
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
    almi_compute_said said = {answer->purpose, &request->base.changes, answer->base.computed};
    almi_compute_put_said(&said, &json);
    almi_answer_put_label(&answer->label, &json);
    alm_json_close_object(&json);
}
