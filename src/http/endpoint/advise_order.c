#include "http/endpoint/answer_record.h"
#include "http/endpoint/batch.h"
#include "http/endpoint/compute_request.h"
#include "http/endpoint/endpoints.h"
#include "http/endpoint/order_terms.h"
#include "http/problem_schema.h"
#include "serve/answer/order_answer.h"

/* ---- the request ---- */

static alm_err read_request(const alm_call *call, alm_order_request *out, alm_error *error)
{
    almi_order_terms terms = {.any = false};
    bool says = false;
    alm_arena *arena = call->request->arena;
    ALM_TRY(almi_order_terms_read(call->body, arena, &terms, &says, error));
    ALM_TRY(almi_order_terms_check(&terms, error));
    out->terms = terms.terms;
    almi_compute_read_stock(call->body, arena, &out->stock);
    return ALM_OK;
}

/* ---- the reply ---- */

static void put_outlook(const char *key, const alm_stock_outlook *outlook, bool has_costs,
                        alm_json_writer *json)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    alm_json_put_double(json, "stockout_probability", outlook->stockout_probability);
    alm_json_put_double(json, "shortage", outlook->shortage);
    alm_json_put_double(json, "fill_rate", outlook->fill_rate);
    alm_json_key(json, "cost");
    if (has_costs) {
        alm_json_double(json, outlook->cost);
    } else {
        alm_json_null(json); /* a cost of zero would say something that nobody knows */
    }
    alm_json_put_double(json, "days_of_cover", outlook->days_of_cover);
    alm_json_close_object(json);
}

static void put_answer(const alm_order_request *request, const alm_order_answer *answer,
                       const almi_computing *computing, alm_reply *reply)
{
    const alm_replenish_advice *a = &answer->advice;
    const alm_replenish_terms *terms = &request->terms;
    bool has_costs = terms->holding_cost > 0 || terms->shortage_cost > 0 || terms->order_cost > 0;
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_put_str(&json, "node", answer->node);
    alm_json_put_str(&json, "level", answer->level);
    almi_answer_put_date(&json, "first", answer->first);
    alm_json_put_i64(&json, "days", answer->steps);
    almi_order_put_advice(a, answer->order, answer->limited_by, &json);
    alm_json_put_text(&json, "policy", alm_order_policy_text(a->policy));
    alm_json_put_double(&json, "position", a->position);
    alm_json_put_double(&json, "expected_demand", a->expected_demand);
    alm_json_put_double(&json, "cycle_service", a->cycle_service);
    alm_json_put_double(&json, "stockout_before_arrival", a->stockout_before_arrival);
    put_outlook("with_order", &a->with, has_costs, &json);
    put_outlook("without_order", &a->without, has_costs, &json);
    almi_compute_put(computing, &answer->label, &json);
    almi_answer_put_label(&answer->label, &json);
    alm_json_close_object(&json);
}

static bool answer_order(const almi_answering *answering, alm_reply *reply)
{
    const alm_call *call = answering->call;
    alm_order_request request = {.computation = NULL};
    alm_order_answer answer;
    almi_computing computing;
    alm_error error;
    alm_err code = almi_answer_ask(answering, &request.ask, &error);
    code = code == ALM_OK ? read_request(call, &request, &error) : code;
    if (code == ALM_OK) {
        code = almi_compute_begin(answering, &request.ask, "emergency_replenishment", false,
                                  &computing, &error);
    }
    if (code == ALM_OK) {
        request.computation = computing.computation;
        code = alm_order(&answering->online, &request, call->request->arena, &answer, &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(answering, &answer.label, &error);
    }
    if (code != ALM_OK) {
        almi_answer_refuse(answering, &error, reply);
        return false;
    }
    put_answer(&request, &answer, &computing, reply);
    almi_record_answer(answering, &answer.label, computing.computation, reply);
    return answer.label.is_degraded;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answer_run(call, answer_order, reply);
}

/* ---- the route ---- */

static const alm_schema position = {.kind = ALM_SCHEMA_NUMBER, .min = -1e15, .max = 1e15};
static const alm_schema_member request_members[] = {
    ALMI_ASK_MEMBERS,
    ALMI_ORDER_TERM_MEMBERS,
    {"on_hand", &position, false, "Now, negative for backorders; default: as the run saw it."},
    {"on_order", &almi_schema_receipts, false, "Receipts to come; default: as the run saw them."},
    ALMI_COMPUTE_MEMBERS,
};
static const alm_schema request_schema = {.name = "OrderRequest",
                                          .doc = "Terms of an order for one series.",
                                          .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(request_members)};

static const alm_schema_member outlook_members[] = {
    {"stockout_probability", &alm_schema_number, true, "Of not meeting some demand on its day."},
    {"shortage", &alm_schema_number, true, "Expected units not met."},
    {"fill_rate", &alm_schema_number, true, "Share of demand that is met."},
    {"cost", &almi_schema_number, true, "Expected; null when no cost was said."},
    {"days_of_cover", &alm_schema_number, true, "Until it runs out, at most the days of the run."},
};
static const alm_schema outlook = {.name = "StockOutlook",
                                   .doc = "What comes of it over lead time and review.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(outlook_members)};
static const alm_schema_member reply_members[] = {
    {"node", &alm_schema_string, true, "The series."},
    {"level", &alm_schema_string, true, "`series`."},
    {"first", &alm_schema_date, true, "Day 1: the run's prediction date, or the first that is "
                                      "computed."},
    {"days", &alm_schema_integer, true, "Days of the run."},
    {"order", &alm_schema_number, true, "Units to order now, within the project's limits."},
    {"because", &alm_schema_string, true, "What made it that quantity."},
    {"limited", &almi_schema_text, true, "The policy that changed it; null: none."},
    {"reorder_point", &alm_schema_number, true, "Order at or below this position."},
    {"safety_stock", &alm_schema_number, true, "Above the expected demand."},
    {"order_up_to", &alm_schema_number, true, "The level to order up to."},
    {"policy", &alm_schema_string, true, "The form of the policy."},
    {"position", &alm_schema_number, true, "On hand and on order."},
    {"expected_demand", &alm_schema_number, true, "Over lead time and review."},
    {"cycle_service", &alm_schema_number, true, "Service level at the reorder point."},
    {"stockout_before_arrival", &alm_schema_number, true, "Probability that no order changes."},
    {"with_order", &outlook, true, "With the advised order, before the project's limits."},
    {"without_order", &outlook, true, "Without it."},
    ALMI_COMPUTED_MEMBERS,
    ALMI_LABEL_MEMBERS,
};
static const alm_schema reply_schema = {.name = "OrderAdvice", .doc = "Advice, never an action.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_advise_order = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/optimize",
    .operation = "adviseOrder",
    .tag = "Predictions",
    .summary = "When and how much to order, from sample paths",
    .text = "Never from a formula on averages and deviations: the joint sample paths of the run "
            "over lead time and review are counted. docs/replenishment.md defines every number. "
            "Where no run can answer it is refused: a rule has no paths. With `features` the paths "
            "are computed for this request, for an approved `purpose` (`emergency_replenishment`, "
            "or one of the route's).",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .is_dear = almi_compute_is_asked,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The advice."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or node."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "Lead time and review reach beyond the days of the run."},
                 {501, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "The run was made by an engine that kept no sample paths."}},
    .run = run,
};

static void run_batch(const alm_call *call, alm_reply *reply)
{
    almi_batch_run(call, &request_schema, answer_order, reply);
}

ALMI_BATCH_SCHEMAS("Order", request_schema, reply_schema);

const alm_route almi_route_advise_order_batch = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/optimize" ALMI_BATCH_SUFFIX,
    .operation = "adviseOrderBatch",
    .summary = "Order advice for many series at once",
    .items_per_request = 4, /* an item counts a thousand sample paths */
    ALMI_BATCH_ROUTE,
    .run = run_batch,
};
