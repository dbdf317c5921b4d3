/* oip_health.c: of the server, and of one model. */
#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/serving.h"

static void put_ready(alm_reply *reply, const alm_str *name, bool is_ready)
{
    alm_json_writer json = alm_json_writer_on(reply->body);
    alm_json_open_object(&json);
    if (name) {
        alm_json_put_str(&json, "name", *name);
    }
    alm_json_put_bool(&json, "ready", is_ready);
    alm_json_close_object(&json);
    reply->status = is_ready ? 200 : 503;
    reply->content_type = ALM_TYPE_JSON;
}

static void run_live(const alm_call *call, alm_reply *reply)
{
    (void)call;
    alm_buffer_text(reply->body, "{\"live\":true}");
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
}

static void run_ready(const alm_call *call, alm_reply *reply)
{
    put_ready(reply, NULL, atomic_load(&call->service->is_ready));
}

static void run_model(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    const alm_model_entry *entry = NULL;
    alm_error error = {0};
    if (almi_visit_entry(&visit, &entry, &error) == ALM_OK) {
        put_ready(reply, &entry->name, entry->model != NULL);
    } else {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_end(&visit);
}

const alm_route almi_route_oip_live = {
    .method = ALM_METHOD_GET,
    .path = "/v2/health/live",
    .operation = "oipLive",
    .tag = "Open Inference Protocol",
    .summary = "Does the process answer?",
    .response = {{200, ALM_TYPE_JSON, &almi_oip_live_schema, "It does."}},
    .run = run_live,
};

const alm_route almi_route_oip_ready = {
    .method = ALM_METHOD_GET,
    .path = "/v2/health/ready",
    .operation = "oipReady",
    .tag = "Open Inference Protocol",
    .summary = "May requests be sent here?",
    .response = {{200, ALM_TYPE_JSON, &almi_oip_ready_schema, "They may."},
                 {503, ALM_TYPE_JSON, &almi_oip_ready_schema, "Not now."}},
    .run = run_ready,
};

#define READY_RESPONSES                                                                 \
    {{200, ALM_TYPE_JSON, &almi_oip_ready_schema, "It is."},                            \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}, \
     {503, ALM_TYPE_JSON, &almi_oip_ready_schema, "It is not."}}

const alm_route almi_route_oip_model_ready = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}/ready",
    .operation = "oipModelReady",
    .tag = "Open Inference Protocol",
    .summary = "Is the default version of a model loaded?",
    .scope = ALM_SCOPE_VIEWER,
    .response = READY_RESPONSES,
    .run = run_model,
};

const alm_route almi_route_oip_version_ready = {
    .method = ALM_METHOD_GET,
    .path = "/v2/models/{model}/versions/{version}/ready",
    .operation = "oipVersionReady",
    .tag = "Open Inference Protocol",
    .summary = "Is a version of a model loaded?",
    .scope = ALM_SCOPE_VIEWER,
    .response = READY_RESPONSES,
    .run = run_model,
};
