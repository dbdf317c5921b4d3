#include "http/endpoint/answer_record.h"
#include "http/endpoint/batch.h"
#include "http/endpoint/compute_request.h"
#include "http/endpoint/endpoints.h"
#include "http/problem_schema.h"
#include "serve/answer/stockout_answer.h"

static void put_drivers(const alm_stockout_answer *answer, alm_json_writer *json)
{
    alm_json_key(json, "drivers");
    alm_json_open_array(json);
    for (size_t i = 0; i < answer->drivers; i++) {
        alm_json_open_object(json);
        alm_json_put_str(json, "feature", answer->driver[i].feature);
        alm_json_put_double(json, "contribution", answer->driver[i].contribution);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_answer(const alm_stockout_answer *answer, const almi_computing *computing,
                       alm_reply *reply)
{
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_put_str(&json, "node", answer->node);
    alm_json_put_str(&json, "level", answer->level);
    almi_answer_put_date(&json, "first", answer->first);
    almi_answer_put_date(&json, "last", answer->last);
    alm_json_put_i64(&json, "days", answer->days);
    alm_json_put_double(&json, "probability", answer->probability);
    alm_json_put_text(&json, "severity", alm_severity_text(answer->severity));
    alm_json_put_double(&json, "expected_days", answer->expected_days);
    alm_json_put_i64(&json, "expected_days_max", answer->steps);
    alm_json_key(&json, "median_day");
    if (answer->median_day > 0) {
        alm_json_i64(&json, answer->median_day);
    } else {
        alm_json_null(&json);
    }
    alm_json_put_double(&json, "expected_shortfall", answer->shortfall);
    alm_json_put_double(&json, "demand", answer->demand);
    alm_json_put_doubles(&json, "probability_by_day", answer->by_day, (size_t)answer->days);
    put_drivers(answer, &json);
    almi_compute_put(computing, &answer->label, &json);
    almi_answer_put_label(&answer->label, &json);
    alm_json_close_object(&json);
}

static bool answer_stockout(const almi_answering *answering, alm_reply *reply)
{
    const alm_call *call = answering->call;
    alm_stockout_request request = {0};
    alm_stockout_answer answer;
    almi_computing computing;
    alm_error error;
    const alm_json *stock = alm_json_member(call->body, "stock");
    alm_err code = almi_answer_ask(answering, &request.ask, &error);
    almi_answer_i32(call->body, "horizon", &request.horizon);
    if (stock) {
        almi_compute_read_stock(stock, call->request->arena, &request.stock);
    }
    if (code == ALM_OK) {
        code = almi_compute_begin(answering, &request.ask, "stockout_check", true, &computing,
                                  &error);
    }
    if (code == ALM_OK) {
        request.computation = computing.computation;
        code = alm_stockout(&answering->online, &request, call->request->arena, &answer, &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(answering, &answer.label, &error);
    }
    if (code != ALM_OK) {
        almi_answer_refuse(answering, &error, reply);
        return false;
    }
    put_answer(&answer, &computing, reply);
    almi_record_answer(answering, &answer.label, computing.computation, reply);
    return answer.label.is_degraded;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answer_run(call, answer_stockout, reply);
}

static const alm_schema horizon = {.kind = ALM_SCHEMA_INTEGER, .min = 1,
                                   .max = ALM_COMMITTED_STEPS_MAX};
static const alm_schema_member request_members[] = {
    ALMI_ASK_MEMBERS,
    {"horizon", &horizon, false, "Days from the first; default: all of them."},
    {"stock", &almi_schema_stock, false, "Count the risk of this position, on the sample paths."},
    ALMI_COMPUTE_MEMBERS,
};
static const alm_schema request_schema = {.name = "StockoutRequest",
                                          .doc = "Stock-out risk of one series.",
                                          .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(request_members)};

static const alm_schema day = {.kind = ALM_SCHEMA_INTEGER, .is_nullable = true};
static const alm_schema by_day = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_number};
static const alm_schema_member driver_members[] = {
    {"feature", &alm_schema_string, true, "What contributes."},
    {"contribution", &alm_schema_number, true, "Units over the horizon."},
};
static const alm_schema driver = {.name = "Driver", .doc = "What makes the demand.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(driver_members)};
static const alm_schema drivers = {.kind = ALM_SCHEMA_ARRAY, .items = &driver};

static const alm_schema_member reply_members[] = {
    {"node", &alm_schema_string, true, "The series."},
    {"level", &alm_schema_string, true, "`series`."},
    {"first", &alm_schema_date, true, "First day of the horizon: the run's prediction date, or "
                                     "the first that is computed."},
    {"last", &alm_schema_date, true, "Last day of the horizon."},
    {"days", &alm_schema_integer, true, "Number of days."},
    {"probability", &alm_schema_number, true, "Of running out by the end of the last day."},
    {"severity", &almi_schema_severity, true,
     "critical: 0.8 and more, or 0.5 within 3 days; high: 0.5; medium: 0.2; low: 0.05."},
    {"expected_days", &alm_schema_number, true, "Until it runs out, at most `expected_days_max`."},
    {"expected_days_max", &alm_schema_integer, true, "Days of the run, or computed."},
    {"median_day", &day, true, "The first day by which it is as likely as not; null: none."},
    {"expected_shortfall", &alm_schema_number, true, "Units not served by the last day."},
    {"demand", &alm_schema_number, true, "Expected demand over the horizon."},
    {"probability_by_day", &by_day, true, "Of running out by the end of each day."},
    {"drivers", &drivers, true, "The largest first; they sum to `demand`."},
    ALMI_COMPUTED_MEMBERS,
    ALMI_LABEL_MEMBERS,
};
static const alm_schema reply_schema = {.name = "Stockout", .doc = "Stock-out risk of a series.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_predict_stockout = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/stockout",
    .operation = "predictStockout",
    .tag = "Predictions",
    .summary = "Stock-out risk of one series, from the committed run or computed",
    .text = "From the sample paths of the run, as it committed them, or counted on them again for "
            "a `stock` position of the request. Where no run can answer it is refused: a rule "
            "knows no risk. With `features` the paths are computed for this request, for an "
            "approved `purpose` (`stockout_check`, or one of the route's).",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .is_dear = almi_compute_is_asked,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The risk."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "Route, release, node or its stock position: not there."},
                 ALMI_COMPUTE_RESPONSES},
    .run = run,
};

static void run_batch(const alm_call *call, alm_reply *reply)
{
    almi_batch_run(call, &request_schema, answer_stockout, reply);
}

ALMI_BATCH_SCHEMAS("Stockout", request_schema, reply_schema);

const alm_route almi_route_predict_stockout_batch = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/stockout" ALMI_BATCH_SUFFIX,
    .operation = "predictStockoutBatch",
    .summary = "Stock-out risk of many series at once",
    .items_per_request = 20,
    ALMI_BATCH_ROUTE,
    .run = run_batch,
};
