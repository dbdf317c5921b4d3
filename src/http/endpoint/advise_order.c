#include "http/endpoint/answer_record.h"
#include "http/endpoint/endpoints.h"
#include "http/problem_schema.h"
#include "serve/order_answer.h"

#define RECEIPTS_MAX 400

/* ---- the request ---- */

static alm_err read_lead_time(const alm_call *call, alm_replenish_terms *terms, alm_error *error)
{
    const alm_json *days = alm_json_member(call->body, "lead_time_days");
    const alm_json *list = alm_json_member(call->body, "lead_times");
    if (!days == !list) {
        return alm_fail(error, ALM_ERR_INVALID, "say lead_time_days, or lead_times for several "
                        "with their probabilities");
    }
    size_t count = days ? 1 : alm_json_count(list);
    alm_lead_time *lead = ALM_NEW_ARRAY(call->request->arena, alm_lead_time, count);
    lead[0].probability = 1;
    almi_answer_i32(call->body, "lead_time_days", &lead[0].days);
    for (size_t i = 0; list && i < count; i++) {
        almi_answer_i32(alm_json_at(list, i), "days", &lead[i].days);
        almi_answer_double(alm_json_at(list, i), "probability", &lead[i].probability);
    }
    terms->lead_time = lead;
    terms->lead_time_count = count;
    return ALM_OK;
}

static alm_err read_goal(const alm_json *body, alm_replenish_terms *terms, alm_error *error)
{
    bool cycle = alm_json_member(body, "service_level") != NULL;
    bool fill = alm_json_member(body, "fill_rate") != NULL;
    if (cycle && fill) {
        return alm_fail(error, ALM_ERR_INVALID, "service_level and fill_rate are two goals: say "
                        "one");
    }
    terms->goal = cycle ? ALM_SERVICE_CYCLE : fill ? ALM_SERVICE_FILL : ALM_SERVICE_COST;
    almi_answer_double(body, "service_level", &terms->service);
    almi_answer_double(body, "fill_rate", &terms->service);
    almi_answer_double(body, "holding_cost", &terms->holding_cost);
    almi_answer_double(body, "shortage_cost", &terms->shortage_cost);
    almi_answer_double(body, "order_cost", &terms->order_cost);
    if (terms->goal == ALM_SERVICE_COST && !(terms->holding_cost > 0 && terms->shortage_cost > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a goal is needed: service_level or fill_rate, or "
                        "holding_cost and shortage_cost above zero for least cost");
    }
    return ALM_OK;
}

static void read_receipts(const alm_call *call, alm_order_request *out)
{
    const alm_json *list = alm_json_member(call->body, "on_order");
    size_t count = list ? alm_json_count(list) : 0;
    alm_order_receipt *receipt = ALM_NEW_ARRAY(call->request->arena, alm_order_receipt, count);
    for (size_t i = 0; i < count; i++) {
        almi_answer_i32(alm_json_at(list, i), "day", &receipt[i].day);
        almi_answer_double(alm_json_at(list, i), "units", &receipt[i].units);
    }
    out->has_receipts = list != NULL;
    out->receipt = receipt;
    out->receipts = count;
}

static alm_err read_request(const alm_call *call, alm_order_request *out, alm_error *error)
{
    const alm_json *body = call->body;
    alm_replenish_terms *terms = &out->terms;
    terms->review = 1;
    ALM_TRY(read_lead_time(call, terms, error));
    ALM_TRY(read_goal(body, terms, error));
    almi_answer_i32(body, "review_days", &terms->review);
    almi_answer_double(body, "multiple", &terms->rules.multiple);
    almi_answer_double(body, "minimum", &terms->rules.minimum);
    almi_answer_double(body, "maximum", &terms->rules.maximum);
    almi_answer_double(body, "capacity", &terms->rules.capacity);
    const alm_json *lost = alm_json_member(body, "lost_sales");
    if (lost) {
        (void)alm_json_as_bool(lost, &terms->lost_sales);
    }
    out->has_on_hand = alm_json_member(body, "on_hand") != NULL;
    almi_answer_double(body, "on_hand", &out->on_hand);
    read_receipts(call, out);
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
                       alm_reply *reply)
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
    alm_json_put_double(&json, "order", answer->order);
    alm_json_put_text(&json, "because", alm_order_reason_text(a->reason));
    almi_answer_put_text(&json, "limited", answer->limited_by);
    alm_json_put_double(&json, "reorder_point", a->reorder_point);
    alm_json_put_double(&json, "safety_stock", a->safety_stock);
    alm_json_put_double(&json, "order_up_to", a->order_up_to);
    alm_json_put_text(&json, "policy", alm_order_policy_text(a->policy));
    alm_json_put_double(&json, "position", a->position);
    alm_json_put_double(&json, "expected_demand", a->expected_demand);
    alm_json_put_double(&json, "cycle_service", a->cycle_service);
    alm_json_put_double(&json, "stockout_before_arrival", a->stockout_before_arrival);
    put_outlook("with_order", &a->with, has_costs, &json);
    put_outlook("without_order", &a->without, has_costs, &json);
    almi_answer_put_label(&answer->label, &json);
    alm_json_close_object(&json);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    alm_order_request request = {.on_hand = 0};
    alm_order_answer answer;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    alm_err code = almi_answer_ask(&answering, &request.ask, &error);
    code = code == ALM_OK ? read_request(call, &request, &error) : code;
    if (code == ALM_OK) {
        code = alm_order(&answering.online, &request, call->request->arena, &answer, &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(&answering, &answer.label, &error);
    }
    if (code == ALM_OK) {
        put_answer(&request, &answer, reply);
        almi_record_answer(&answering, &answer.label, NULL, reply);
    } else {
        almi_answer_refuse(&answering, &error, reply);
    }
    almi_answer_end(&answering);
}

/* ---- the route ---- */

static const alm_schema days = {.kind = ALM_SCHEMA_INTEGER, .min = 0,
                                .max = ALM_COMMITTED_STEPS_MAX};
static const alm_schema day = {.kind = ALM_SCHEMA_INTEGER, .min = 1, .max = 100000};
static const alm_schema share = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1};
static const alm_schema units = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1e15};
static const alm_schema position = {.kind = ALM_SCHEMA_NUMBER, .min = -1e15, .max = 1e15};
static const alm_schema_member lead_members[] = {
    {"days", &days, true, "Until an order arrives."},
    {"probability", &share, true, "All of them sum to 1."},
};
static const alm_schema lead = {.name = "LeadTime", .doc = "One of several lead times.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(lead_members)};
static const alm_schema leads = {.kind = ALM_SCHEMA_ARRAY, .items = &lead, .count_min = 1,
                                 .count_max = ALM_LEAD_TIMES_MAX};
static const alm_schema_member receipt_members[] = {
    {"day", &day, true, "Day 1 is the first of the run."},
    {"units", &units, true, "That arrive at its start."},
};
static const alm_schema receipt = {.name = "Receipt", .doc = "Units on order.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(receipt_members)};
static const alm_schema receipts = {.kind = ALM_SCHEMA_ARRAY, .items = &receipt,
                                    .count_max = RECEIPTS_MAX};

static const alm_schema_member request_members[] = {
    ALMI_ASK_MEMBERS,
    {"lead_time_days", &days, false, "Until an order arrives; this, or `lead_times`."},
    {"lead_times", &leads, false, "Several, with their probabilities."},
    {"review_days", &days, false, "Until one can order again; default 1, 0: at any time."},
    {"service_level", &share, false, "Goal: the chance that the protection interval has no "
                                     "stock-out."},
    {"fill_rate", &share, false, "Goal: the share of demand that is met from stock."},
    {"holding_cost", &units, false, "Of a unit and day. Without a share above the goal is least "
                                    "cost."},
    {"shortage_cost", &units, false, "Of a unit that is missing."},
    {"order_cost", &units, false, "Of an order, whatever its size."},
    {"on_hand", &position, false, "Now, negative for backorders; default: as the run saw it."},
    {"on_order", &receipts, false, "Receipts to come; default: as the run saw them."},
    {"multiple", &units, false, "Pack size; default: 1 for what is counted."},
    {"minimum", &units, false, "Smallest order."},
    {"maximum", &units, false, "Largest order."},
    {"capacity", &units, false, "Room for stock and orders together."},
    {"lost_sales", &alm_schema_boolean, false, "Missing units are lost; default: backordered."},
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
    {"first", &alm_schema_date, true, "Day 1: the run's prediction date."},
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
    ALMI_LABEL_MEMBERS,
};
static const alm_schema reply_schema = {.name = "OrderAdvice", .doc = "Advice, never an action.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_advise_order = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/optimize",
    .operation = "adviseOrder",
    .tag = "Predictions",
    .summary = "When and how much to order, from the sample paths of the committed run",
    .text = "Never from a formula on averages and deviations: the joint sample paths of the run "
            "over lead time and review are counted. docs/replenishment.md defines every number. "
            "Where no run can answer it is refused: a rule has no paths.",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The advice."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or node."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "Lead time and review reach beyond the days of the run."},
                 {501, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "The run was made by an engine that kept no sample paths."}},
    .run = run,
};
