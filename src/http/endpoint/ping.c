/* ping.c: what MLflow's scoring server and SageMaker's containers answer beside /invocations. */
#include "http/endpoint/endpoints.h"
#include "http/endpoint/serving.h"

/* 200 when the one model could answer, with a body that is a line break, as MLflow's is. */
static void run_ping(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (!atomic_load(&call->service->is_ready)) {
        (void)alm_fail(&error, ALM_ERR_INCOMPLETE, "it is starting, or about to stop");
        almi_visit_fail(&visit, &error);
    } else if (almi_visit_only(&visit, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    } else {
        alm_buffer_text(reply->body, "\n");
        almi_visit_reply(&visit, ALM_TYPE_PLAIN);
    }
    almi_visit_end(&visit);
}

static void run_version(const alm_call *call, alm_reply *reply)
{
    alm_buffer_text(reply->body, call->service->version);
    reply->status = 200;
    reply->content_type = ALM_TYPE_PLAIN;
}

const alm_route almi_route_ping = {
    .method = ALM_METHOD_GET,
    .path = "/ping",
    .operation = "ping",
    .tag = "MLflow and SageMaker",
    .summary = "Does the one model that is served answer?",
    .response = {{200, ALM_TYPE_PLAIN, NULL, "It does."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "None is served, or several."}},
    .run = run_ping,
};

const alm_route almi_route_version = {
    .method = ALM_METHOD_GET,
    .path = "/version",
    .operation = "getVersion",
    .tag = "MLflow and SageMaker",
    .summary = "Version of almanac",
    .response = {{200, ALM_TYPE_PLAIN, NULL, "The version."}},
    .run = run_version,
};
