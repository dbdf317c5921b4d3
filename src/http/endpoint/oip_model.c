#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/serving.h"
#include "http/protocol/oip.h"

static void run(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (almi_visit_model(&visit, &error) == ALM_OK) {
        alm_oip_write_model(visit.snapshot, visit.model, reply->body);
        almi_visit_reply(&visit, ALM_TYPE_JSON);
    } else {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_end(&visit);
}

#define RESPONSES                                                                       \
    {{200, ALM_TYPE_JSON, &almi_oip_model_schema, "The model."},                        \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}}

const alm_route almi_route_oip_model = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}",
    .operation = "oipModel",
    .tag = "Open Inference Protocol",
    .summary = "Inputs, outputs and versions of a model",
    .scope = ALM_SCOPE_VIEWER,
    .response = RESPONSES,
    .run = run,
};

const alm_route almi_route_oip_version = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}/versions/{version}",
    .operation = "oipVersion",
    .tag = "Open Inference Protocol",
    .summary = "Inputs and outputs of a version of a model",
    .scope = ALM_SCOPE_VIEWER,
    .response = RESPONSES,
    .run = run,
};
