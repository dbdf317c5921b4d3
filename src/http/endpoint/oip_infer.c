#include "http/endpoint/endpoints.h"
#include "http/endpoint/oip_schema.h"
#include "http/endpoint/serving.h"
#include "http/protocol/oip.h"

static const char LENGTH[] = "inference-header-content-length";

static alm_err answer(almi_visit *visit, alm_error *error)
{
    const alm_request *request = visit->call->request;
    alm_oip_request asked;
    alm_inference_input input;
    alm_inference_answer answered;
    size_t json_bytes = 0;
    ALM_TRY(almi_visit_model(visit, error));
    const alm_served_info *info = alm_served_model_describe(visit->model);
    ALM_TRY(alm_oip_read(request->body, alm_request_header(request, LENGTH), request->arena,
                         &asked, error));
    ALM_TRY(alm_oip_input(&asked, info->scorer, request->arena, &input, error));
    ALM_TRY(almi_visit_run(visit, &input, &answered, error));
    ALM_TRY(alm_oip_write(&asked, info, &answered, visit->reply->body, &json_bytes, error));
    almi_visit_reply(visit, json_bytes ? "application/octet-stream" : ALM_TYPE_JSON);
    if (json_bytes) {
        alm_reply_headerf(visit->reply, request, "Inference-Header-Content-Length", "%zu",
                          json_bytes);
    }
    return ALM_OK;
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_visit visit = almi_visit_begin(call, reply);
    alm_error error = {0};
    if (answer(&visit, &error) != ALM_OK) {
        almi_visit_fail(&visit, &error);
    }
    almi_visit_count(&visit);
    almi_visit_end(&visit);
}

static const char *const types[] = {"application/json", "application/octet-stream", NULL};
static const alm_parameter parameters[] = {
    {"Inference-Header-Content-Length", &alm_schema_integer, false, true,
     "Bytes of JSON in front of binary tensors; 0: the body is one row of FP64."},
};
static const char DOC[] =
    "An inference request: one input `[n, f]` with the model's columns in its order, or an input "
    "`[n]` or `[n, 1]` for each column, by name; windows of a net as `[n, steps, columns]`. A "
    "missing value is null. docs/serving-protocols.md has all of it.";

#define RESPONSES                                                                         \
    {{200, ALM_TYPE_JSON, &almi_oip_reply_schema, "The outputs."},                        \
     {200, "application/octet-stream", NULL,                                              \
      "JSON, whose size the header Inference-Header-Content-Length says, then tensors."}, \
     {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "There is no such model or version."}, \
     {500, ALM_TYPE_PROBLEM, &almi_problem_schema, "The model has no finite answer."}}

const alm_route almi_route_oip_infer = {
    .method = ALM_METHOD_POST,
    .path = "/v2/models/{model}/infer",
    .operation = "oipInfer",
    .tag = "Open Inference Protocol",
    .summary = "Answers of the default version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    ALM_PARAMETERS(parameters),
    .response = RESPONSES,
    .run = run,
};

const alm_route almi_route_oip_version_infer = {
    .method = ALM_METHOD_POST,
    .path = "/v2/models/{model}/versions/{version}/infer",
    .operation = "oipVersionInfer",
    .tag = "Open Inference Protocol",
    .summary = "Answers of a version of a model",
    .scope = ALM_SCOPE_PREDICTOR,
    .request_types = types,
    .any_type = true,
    .request_doc = DOC,
    ALM_PARAMETERS(parameters),
    .response = RESPONSES,
    .run = run,
};
