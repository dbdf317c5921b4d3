#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/serving.h"
#include "http/protocol/oip.h"

static void run_all(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    const alm_model_snapshot none = {0};
    alm_oip_write_statistics(visit.snapshot ? visit.snapshot : &none, (alm_str){0}, (alm_str){0},
                             reply->body);
    almi_visit_reply(&visit, ALM_TYPE_JSON);
    almi_visit_end(&visit);
}

static void run_one(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (almi_visit_model(&visit, &error) == ALM_OK) {
        alm_oip_write_statistics(visit.snapshot, call->value[0], call->value[1], reply->body);
        visit.model = NULL; /* nothing that the model said is in it */
        almi_visit_reply(&visit, ALM_TYPE_JSON);
    } else {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_end(&visit);
}

static const char SUMMARY[] = "How often, and how long";

const alm_route almi_route_oip_all_statistics = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/stats",
    .operation = "oipAllStatistics",
    .tag = "Open Inference Protocol",
    .summary = SUMMARY,
    .text = "Of all models that are loaded. Counters begin with a load.",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &almi_oip_statistics_schema, "The statistics."}},
    .run = run_all,
};

#define RESPONSES                                                                       \
    {{200, ALM_TYPE_JSON, &almi_oip_statistics_schema, "The statistics."},              \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}}

const alm_route almi_route_oip_model_statistics = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}/stats",
    .operation = "oipModelStatistics",
    .tag = "Open Inference Protocol",
    .summary = SUMMARY,
    .text = "Of all loaded versions of a model.",
    .scope = ALM_SCOPE_VIEWER,
    .response = RESPONSES,
    .run = run_one,
};

const alm_route almi_route_oip_version_statistics = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}/versions/{version}/stats",
    .operation = "oipVersionStatistics",
    .tag = "Open Inference Protocol",
    .summary = SUMMARY,
    .text = "Of a version of a model.",
    .scope = ALM_SCOPE_VIEWER,
    .response = RESPONSES,
    .run = run_one,
};
