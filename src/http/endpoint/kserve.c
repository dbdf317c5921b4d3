#include "http/endpoint/endpoints.h"
#include "http/endpoint/serving.h"
#include "http/protocol/kserve_v1.h"

static alm_err answer(almi_visit *visit, alm_error *error)
{
    const alm_request *request = visit->call->request;
    alm_inference_input input;
    alm_inference_answer answered;
    bool columnar = false;
    ALM_TRY(almi_visit_model(visit, error));
    ALM_TRY(alm_kserve_v1_read(request->body, request->arena, &input, &columnar, error));
    ALM_TRY(almi_visit_run(visit, &input, &answered, error));
    alm_kserve_v1_write(alm_served_model_describe(visit->model), &answered, columnar,
                        visit->reply->body);
    almi_visit_reply(visit, ALM_TYPE_JSON);
    return alm_buffer_status(visit->reply->body, error);
}

static void run_predict(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (answer(&visit, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_count(&visit);
    almi_visit_end(&visit);
}

static void run_status(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    const alm_model_entry *entry = NULL;
    alm_error error = {0};
    if (almi_visit_entry(&visit, &entry, &error) == ALM_OK) {
        alm_kserve_v1_write_status(visit.snapshot, entry, call->value[1].size == 0, reply->body);
        visit.model = entry->model;
        almi_visit_reply(&visit, ALM_TYPE_JSON);
    } else {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_end(&visit);
}

static const char *const types[] = {"application/json", NULL};
static const alm_schema list = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_any};
static const alm_schema_member reply_members[] = {
    {"predictions", &list, false, "Of `instances`."},
    {"outputs", &list, false, "Of `inputs`."},
};
static const alm_schema reply_schema = {
    .name = "KserveReply", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};
static const alm_schema_member status_members[] = {
    {"name", &alm_schema_string, true, NULL},
    {"ready", &alm_schema_boolean, true, NULL},
    {"model_version_status", &list, true, "As TensorFlow Serving has it."},
};
static const alm_schema status_schema = {
    .name = "KserveStatus", .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(status_members)};
static const char DOC[] =
    "`{\"instances\": [...]}`, a list of values or a record for each row; or `{\"inputs\": ...}`, "
    "columns by name or all rows.";

#define NOT_FOUND                                                                       \
    {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}
#define RESPONSES                                                  \
    {{200, ALM_TYPE_JSON, &reply_schema, "The predictions."}, NOT_FOUND, \
     {500, ALM_TYPE_PROBLEM, &almi_problem_schema, "The model has no finite answer."}}

const alm_route almi_route_kserve_predict = {
    .method = ALM_METHOD_POST,
    .path = "/v1/models/{model}:predict",
    .operation = "kservePredict",
    .tag = "KServe v1 and TensorFlow Serving",
    .summary = "Predictions of the default version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    .response = RESPONSES,
    .run = run_predict,
};

const alm_route almi_route_kserve_version_predict = {
    .method = ALM_METHOD_POST,
    .path = "/v1/models/{model}/versions/{version}:predict",
    .operation = "kserveVersionPredict",
    .tag = "KServe v1 and TensorFlow Serving",
    .summary = "Predictions of a version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    .response = RESPONSES,
    .run = run_predict,
};

const alm_route almi_route_kserve_model = {
    .method = ALM_METHOD_GET,
    .path = "/v1/models/{model}",
    .operation = "kserveModel",
    .tag = "KServe v1 and TensorFlow Serving",
    .summary = "State of a model and of its versions",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &status_schema, "The state."}, NOT_FOUND},
    .run = run_status,
};

const alm_route almi_route_kserve_version = {
    .method = ALM_METHOD_GET,
    .path = "/v1/models/{model}/versions/{version}",
    .operation = "kserveVersion",
    .tag = "KServe v1 and TensorFlow Serving",
    .summary = "State of a version of a model",
    .scope = ALM_SCOPE_VIEWER,
    .response = {{200, ALM_TYPE_JSON, &status_schema, "The state."}, NOT_FOUND},
    .run = run_status,
};
