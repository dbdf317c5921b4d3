#include "http/endpoint/answer_record.h"
#include "http/endpoint/batch.h"
#include "http/endpoint/endpoints.h"
#include "http/endpoint/forecast_reply.h"
#include "http/problem_schema.h"

#include <math.h>

static alm_err read_request(const almi_answering *answering, alm_demand_request *out,
                            alm_error *error)
{
    const alm_json *body = answering->call->body;
    alm_str granularity = ALM_STR("day");
    *out = (alm_demand_request){.from = ALM_DATE_NONE};
    ALM_TRY(almi_answer_ask(answering, &out->ask, error));
    almi_answer_date(body, "from", &out->from);
    almi_answer_i32(body, "horizon", &out->horizon);
    almi_answer_double(body, "interval", &out->interval);
    almi_answer_text(body, "granularity", &granularity);
    bool known = alm_granularity_parse(granularity, &out->granularity);
    alm_assert(known); /* the schema lists them */
    return ALM_OK;
}

/* Sales of the request for the rule, which answers when no model and no run can: a whole season of
 * them, else it goes by the run's means. NULL: fewer, or days too far apart. */
static const alm_rule_history *recent_sales(const alm_computation *c, alm_arena *arena)
{
    const alm_changes *changes = &c->request->variant[0].changes;
    const alm_day_value *sale = changes->sales;
    if (changes->sales_count < (size_t)c->target.route->season || changes->sales_count == 0) {
        return NULL;
    }
    alm_date first = sale[0].day;
    alm_date last = sale[0].day;
    for (size_t i = 1; i < changes->sales_count; i++) {
        first = sale[i].day < first ? sale[i].day : first;
        last = sale[i].day > last ? sale[i].day : last;
    }
    int64_t days = (int64_t)last - first + 1;
    if (days > ALM_RULE_DAYS_MAX) {
        return NULL;
    }
    double *value = ALM_NEW_ARRAY(arena, double, (size_t)days);
    for (int64_t i = 0; i < days; i++) {
        value[i] = NAN;
    }
    for (size_t i = 0; i < changes->sales_count; i++) {
        value[sale[i].day - first] = sale[i].value;
    }
    alm_rule_history *out = ALM_NEW(arena, alm_rule_history);
    *out = (alm_rule_history){value, (size_t)days, last};
    return out;
}

/* The days of a computation, where the request says none. */
static void choose_days(const alm_computation *c, alm_demand_request *out)
{
    out->history = recent_sales(c, c->arena);
    out->model = &c->current.model;
    out->previous = &c->previous.model;
    if (c->steps > 0) {
        out->from = out->from == ALM_DATE_NONE ? c->first : out->from;
        int32_t left = c->first + c->steps - out->from;
        out->horizon = out->horizon > 0 || left < 1 ? out->horizon : left;
    }
}

static bool answer_demand(const almi_answering *answering, alm_reply *reply)
{
    alm_demand_request request;
    alm_demand_answer answer;
    almi_computing computing;
    alm_error error;
    alm_err code = read_request(answering, &request, &error);
    if (code == ALM_OK) {
        code = almi_compute_begin(answering, &request.ask, "what_if", false, &computing, &error);
    }
    if (code == ALM_OK && computing.computation) {
        choose_days(computing.computation, &request);
    }
    if (code == ALM_OK) {
        code = alm_demand(&answering->online, &request, answering->call->request->arena, &answer,
                          &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(answering, &answer.label, &error);
    }
    if (code != ALM_OK) {
        almi_answer_refuse(answering, &error, reply);
        return false;
    }
    almi_forecast_reply(answering, &answer, &computing, reply);
    almi_record_answer(answering, &answer.label, computing.computation, reply);
    return answer.label.is_degraded;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answer_run(call, answer_demand, reply);
}

static const char *const GRANULARITIES[] = {"day", "week", "month", NULL};
static const alm_schema granularity = {.kind = ALM_SCHEMA_STRING, .choices = GRANULARITIES};
static const alm_schema horizon = {.kind = ALM_SCHEMA_INTEGER, .min = 1,
                                   .max = ALM_COMMITTED_STEPS_MAX};
static const alm_schema interval = {.kind = ALM_SCHEMA_NUMBER, .min = 0.0001, .max = 0.9999};

static const alm_schema_member members[] = {
    ALMI_ASK_MEMBERS,
    {"from", &alm_schema_date, false, "The first day; default: the first of the run."},
    {"horizon", &horizon, false, "Days; default: to the end of the run."},
    {"granularity", &granularity, false, "How days are added up; default: not at all."},
    {"interval", &interval, false, "0.9 is from the 5 to the 95 percent quantile; default: the "
                                   "widest that is stored."},
    ALMI_COMPUTE_MEMBERS,
};
static const alm_schema request_schema = {.name = "DemandRequest",
                                          .doc = "Demand of one node.",
                                          .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_predict_demand = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/demand",
    .operation = "predictDemand",
    .tag = "Predictions",
    .summary = "Demand of one node, from the committed run or computed",
    .text = "The numbers are those that the run committed, bit for bit, or what stands in for them "
            "on the route's ladder; the answer says which. Means of days are added up to weeks and "
            "months; the intervals of a series' weeks and months are those of its sample paths "
            "added up, and aggregates have none. With "
            "`features` the demand of a series is computed for this request, for an approved "
            "`purpose` (`what_if`, or one of the route's).",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .is_dear = almi_compute_is_asked,
    .response = {{200, ALM_TYPE_JSON, &almi_schema_forecast, "The forecast."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or node."},
                 ALMI_COMPUTE_RESPONSES},
    .run = run,
};

static void run_batch(const alm_call *call, alm_reply *reply)
{
    almi_batch_run(call, &request_schema, answer_demand, reply);
}

ALMI_BATCH_SCHEMAS("Demand", request_schema, almi_schema_forecast);

const alm_route almi_route_predict_demand_batch = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/demand" ALMI_BATCH_SUFFIX,
    .operation = "predictDemandBatch",
    .summary = "Demand of many nodes at once",
    .items_per_request = 20,
    ALMI_BATCH_ROUTE,
    .run = run_batch,
};
