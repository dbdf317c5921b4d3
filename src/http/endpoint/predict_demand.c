#include "http/endpoint/answer_record.h"
#include "http/endpoint/endpoints.h"
#include "http/endpoint/forecast_reply.h"
#include "http/problem_schema.h"

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

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    alm_demand_request request;
    alm_demand_answer answer;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    alm_err code = read_request(&answering, &request, &error);
    if (code == ALM_OK) {
        code = alm_demand(&answering.online, &request, call->request->arena, &answer, &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(&answering, &answer.label, &error);
    }
    if (code == ALM_OK) {
        almi_forecast_reply(&answering, &answer, false, reply);
        almi_record_answer(&answering, &answer.label, NULL, reply);
    } else {
        almi_answer_refuse(&answering, &error, reply);
    }
    almi_answer_end(&answering);
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
};
static const alm_schema request_schema = {.name = "DemandRequest",
                                          .doc = "Demand of one node.",
                                          .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_predict_demand = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/predictions/demand",
    .operation = "predictDemand",
    .tag = "Predictions",
    .summary = "Demand of one node, from the committed run",
    .text = "The numbers are those that the run committed, bit for bit, or what stands in for them "
            "on the route's ladder; the answer says which. Means of days are added up to weeks and "
            "months; quantiles are not, so periods of several days have no interval.",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .response = {{200, ALM_TYPE_JSON, &almi_schema_forecast, "The forecast."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or node."}},
    .run = run,
};
