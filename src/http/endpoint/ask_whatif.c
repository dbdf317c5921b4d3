#include "http/endpoint/answer_record.h"
#include "http/endpoint/compute_request.h"
#include "http/endpoint/endpoints.h"
#include "http/endpoint/order_terms.h"
#include "http/endpoint/whatif_reply.h"

#include <math.h>

/* ---- the request ---- */

/* `stock` and `order` of an object, over the terms of the base. */
static alm_err read_case(const alm_json *object, alm_arena *arena, almi_order_terms *terms,
                         alm_whatif_case *out, alm_error *error)
{
    const alm_json *stock = alm_json_member(object, "stock");
    const alm_json *order = alm_json_member(object, "order");
    if (stock) {
        almi_compute_read_stock(stock, arena, &out->stock);
    }
    if (order) {
        ALM_TRY(almi_order_terms_read(order, arena, terms, &out->says_terms, error));
    }
    if (terms->any) {
        ALM_TRY(almi_order_terms_check(terms, error));
    }
    out->has_terms = terms->any;
    out->terms = terms->terms;
    almi_answer_double(object, "demand_factor", &out->factor);
    return ALM_OK;
}

/* A price of all days to come, before the list of prices of some. */
static void read_price(const alm_json *object, alm_changes *out)
{
    if (alm_json_member(object, "price")) {
        alm_column_change *change = (alm_column_change *)out->column + out->column_count++;
        *change = (alm_column_change){.column = ALM_STR("price"), .has_ahead = true};
        almi_answer_text(object, "price_column", &change->column);
        almi_answer_double(object, "price", &change->ahead);
    }
}

static alm_err read_scenario(const alm_json *object, alm_arena *arena,
                             const almi_order_terms *base, alm_whatif_case *out, alm_error *error)
{
    const almi_planned_rule prices = {"price_data", "price", NAN};
    const almi_planned_rule promotions = {"promotion", "promotion", 1};
    const almi_planned_rule events = {"events", NULL, 1};
    almi_order_terms terms = *base;
    alm_changes *changes = &out->changes;
    almi_answer_text(object, "name", &out->name);
    almi_compute_room(arena, changes);
    read_price(object, changes);
    ALM_TRY(almi_compute_read_planned(alm_json_member(object, "price_data"), &prices, arena,
                                      changes, error));
    ALM_TRY(almi_compute_read_planned(alm_json_member(object, "promotion"), &promotions, arena,
                                      changes, error));
    ALM_TRY(almi_compute_read_planned(alm_json_member(object, "events"), &events, arena, changes,
                                      error));
    return read_case(object, arena, &terms, out, error);
}

static alm_err read_request(const almi_answering *answering, alm_whatif_request *out,
                            alm_error *error)
{
    const alm_json *body = answering->call->body;
    alm_arena *arena = answering->call->request->arena;
    almi_order_terms terms = {.any = false};
    ALM_TRY(almi_answer_ask(answering, &out->ask, error));
    almi_answer_text(body, "purpose", &out->purpose);
    almi_answer_i32(body, "horizon", &out->horizon);
    ALM_TRY(almi_compute_read(alm_json_member(body, "features"), arena, &out->base.changes,
                              error));
    ALM_TRY(read_case(body, arena, &terms, &out->base, error));
    const alm_json *list = alm_json_member(body, "scenarios");
    size_t count = alm_json_count(list);
    alm_whatif_case *scenario = ALM_NEW_ARRAY(arena, alm_whatif_case, count);
    for (size_t i = 0; i < count; i++) {
        alm_err code = read_scenario(alm_json_at(list, i), arena, &terms, &scenario[i], error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "scenario %zu", i + 1);
        }
    }
    out->scenario = scenario;
    out->scenarios = count;
    return ALM_OK;
}

static bool answer_whatif(const almi_answering *answering, alm_reply *reply)
{
    const alm_call *call = answering->call;
    alm_computing_live live;
    alm_whatif_request request = {.source = almi_compute_source(call, &live),
                                  .breakers = call->service->breakers};
    alm_whatif_answer answer;
    alm_error error;
    alm_err code = read_request(answering, &request, &error);
    if (code == ALM_OK) {
        code = alm_whatif(&answering->online, &request, call->request->arena, &answer, &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(answering, &answer.label, &error);
    }
    if (code != ALM_OK) {
        almi_answer_refuse(answering, &error, reply);
        return false;
    }
    almi_whatif_reply(&request, &answer, reply);
    almi_record_answer(answering, &answer.label, answer.computation, reply);
    return answer.label.is_degraded;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answer_run(call, answer_whatif, reply);
}

static bool is_dear(const alm_json *body)
{
    (void)body;
    return true; /* up to 33 forecasts */
}

/* ---- the route ---- */

static const alm_schema horizon = {.kind = ALM_SCHEMA_INTEGER, .min = 1,
                                   .max = ALM_COMMITTED_STEPS_MAX};
static const alm_schema factor = {.kind = ALM_SCHEMA_NUMBER, .min = 0.01, .max = 100};
static const alm_schema price = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1e12};
static const alm_schema_member terms_members[] = {ALMI_ORDER_TERM_MEMBERS};
static const alm_schema terms_schema = {.name = "OrderTerms", .doc = "Terms of an order.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(terms_members)};

static const alm_schema_member scenario_members[] = {
    {"name", &alm_schema_name, true, "What the answer calls it."},
    {"price", &price, false, "Of all days to come."},
    {"price_column", &alm_schema_name, false, "The column that `price` means; default: `price`."},
    {"price_data", &almi_schema_planned, false, "Prices of some days; `column` is `price` when it "
                                                "is not said."},
    {"promotion", &almi_schema_planned, false, "Days with a promotion; `column` is `promotion` "
                                               "when it is not said, `value` 1."},
    {"events", &almi_schema_planned, false, "Any other column; each names its `column`."},
    {"demand_factor", &factor, false, "Of the demand, whatever the model says; 1.2: a fifth "
                                      "more."},
    {"stock", &almi_schema_stock, false, "On hand and on order; what is not said is the base's."},
    {"order", &terms_schema, false, "Terms; what is not said is the base's."},
};
static const alm_schema scenario = {.name = "ScenarioRequest",
                                    .doc = "The base with something otherwise.",
                                    .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(scenario_members)};
static const alm_schema scenarios = {.kind = ALM_SCHEMA_ARRAY, .items = &scenario, .count_min = 1,
                                     .count_max = ALM_WHATIF_SCENARIOS_MAX};

static const alm_schema_member request_members[] = {
    ALMI_ASK_MEMBERS,
    {"scenarios", &scenarios, true, "Each against the base."},
    {"horizon", &horizon, false, "Days; default: all that are computed."},
    {"features", &almi_schema_features, false, "What the caller knows beside the service, of the "
                                               "base and so of every scenario."},
    {"demand_factor", &factor, false, "Of the demand of the base."},
    {"stock", &almi_schema_stock, false, "Of the base; default: as the run saw it."},
    {"order", &terms_schema, false, "Terms of the base; default: no order is advised."},
    {"purpose", &alm_schema_name, false, "Default: `what_if`."},
};
static const alm_schema request_schema = {.name = "WhatIfRequest",
                                          .doc = "Scenarios for one series.",
                                          .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(request_members)};

const alm_route almi_route_ask_whatif = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/whatif",
    .operation = "askWhatIf",
    .tag = "Predictions",
    .summary = "Demand, stock-out risk and order of one series under scenarios",
    .text = "Everything is computed from the service's state of this moment, the base and all "
            "scenarios on the same sample paths, so that a difference is the scenario's and not "
            "chance; a scenario that changes nothing is the base, bit for bit. What moves nothing "
            "is listed with the reason. It is advice, never an action. docs/what-if.md has "
            "examples.",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .is_dear = is_dear,
    .response = {{200, ALM_TYPE_JSON, &almi_schema_whatif, "Base and scenarios."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or series."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "Lead time and review reach beyond the days that are computed."},
                 ALMI_COMPUTE_RESPONSES},
    .run = run,
};
