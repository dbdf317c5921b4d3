#include "http/endpoint/endpoints.h"
#include "http/endpoint/forecast_reply.h"
#include "http/problem_schema.h"

static alm_err read_parameters(const alm_call *call, alm_online_ask *out, alm_error *error)
{
    bool found;
    *out = (alm_online_ask){.node = call->value[0]};
    ALM_TRY(alm_request_parameter(call->request, "model_version", &out->release, &found, error));
    ALM_TRY(alm_request_parameter(call->request, "level", &out->level, &found, error));
    return alm_request_parameter(call->request, "route", &out->route, &found, error);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    alm_online_ask ask;
    alm_demand_answer answer;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    alm_err code = read_parameters(call, &ask, &error);
    if (code == ALM_OK) {
        code = alm_node_predictions(&answering.online, &ask, call->request->arena, &answer,
                                    &error);
    }
    if (code == ALM_OK) {
        code = almi_answer_check_label(&answering, &answer.label, &error);
    }
    if (code == ALM_OK) {
        almi_forecast_reply(&answering, &answer, NULL, reply);
    } else {
        almi_answer_refuse(&answering, &error, reply);
    }
    almi_answer_end(&answering);
}

static const alm_parameter parameters[] = {
    {"model_version", &alm_schema_name, true, false, "A model version or an alias."},
    {"level", &alm_schema_name, false, false, "Level of the node, where several have the name."},
    {"route", &alm_schema_name, false, false, "The deployment; may be left out when there is one."},
};

const alm_route almi_route_node_predictions = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/predictions/{node}",
    .operation = "getNodePredictions",
    .tag = "Predictions",
    .summary = "Everything that the run in force holds about one node",
    .text = "Day by day, with explanations. A series is named by its keys, joined by a bar. "
            "A node called demand, stockout or optimize has no address here: those are others'.",
    .scope = ALM_SCOPE_VIEWER,
    ALM_PARAMETERS(parameters),
    .response = {{200, ALM_TYPE_JSON, &almi_schema_forecast, "The predictions."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release or node."}},
    .run = run,
};
